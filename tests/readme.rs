//! What the pages for people show: code that tests compile elsewhere, and links that lead somewhere.

#![allow(clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The blocks of that language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    let blocks = page.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default());
    blocks.map(str::to_owned).collect()
}

/// Lines that say something, without their indentation.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// The library's documentation has the same example, and there it is compiled and run.
#[test]
fn the_librarys_example_is_the_doc_test() {
    let source = read("src/lib.rs");
    let shown: Vec<&str> = source
        .split("//! ```\n")
        .find(|block| block.contains("use std::sync::Arc;"))
        .expect("there is an example")
        .lines()
        .map(|line| line.trim_start_matches("//!").trim())
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .collect();
    let readme = blocks(&read("README.md"), "rust").remove(0);
    assert_eq!(lines(&readme), shown);
}

/// examples/custom-isa has the same instruction and the same macro; `tests/custom_isa.rs` builds and runs it.
#[test]
fn the_instruction_is_the_examples() {
    let readme = read("README.md");
    let without_comments = |text: &str| -> Vec<String> {
        lines(text).into_iter().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    let toml = blocks(&readme, "toml").remove(0);
    // The example's file goes on with a column and a constraint.
    let (shown, example) =
        (without_comments(&toml), without_comments(&read("examples/custom-isa/isa/rotxor.toml")));
    assert_eq!(shown, example[..shown.len()]);
    let example = read("examples/custom-isa/src/lib.rs");
    let declared = blocks(&readme, "rust").into_iter().find(|block| block.contains("isa!"));
    for line in lines(&declared.expect("it is declared")) {
        // The example names its dependency in another way.
        let line = line.replace("retrace::", "");
        assert!(example.contains(&line), "examples/custom-isa/src/lib.rs lacks `{line}`");
    }
}

/// Every relative link of every page leads to a file, and every anchor within a page to a heading.
#[test]
fn links_lead_somewhere() {
    let mut pages: Vec<PathBuf> =
        ["", "docs", "isa", "fuzz", "macros", "macros/core", "examples/custom-isa", "tests/guests"]
            .iter()
            .filter_map(|folder| std::fs::read_dir(root().join(folder)).ok())
            .flatten()
            .map(|entry| entry.expect("it can be read").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
            .collect();
    pages.sort();
    assert!(pages.len() > 10, "{pages:?}");
    let mut links = 0;
    for page in &pages {
        let text = std::fs::read_to_string(page).expect("it is text");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(char::is_whitespace) || link.is_empty() {
                continue;
            }
            links += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().expect("it is in a folder").join(file),
            };
            assert!(target.exists(), "{}: {link} leads nowhere", page.display());
            if !anchor.is_empty() && target.extension().is_some_and(|extension| extension == "md") {
                let headings = std::fs::read_to_string(&target).expect("it is text");
                let found =
                    headings.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor);
                assert!(found, "{}: {link} names no heading", page.display());
            }
        }
    }
    assert!(links > 50, "{links}");
}

/// A heading's anchor, as GitHub makes it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
