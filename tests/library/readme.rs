//! What the pages for people show: code that tests compile elsewhere, and links that lead somewhere.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The Markdown files of a folder.
fn pages_in(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
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

/// Every link of every page into the repository leads to a file, and every anchor within a page to a heading.
#[test]
fn links_lead_somewhere() {
    let mut pages: Vec<PathBuf> = [
        "",
        "docs",
        "isa",
        "fuzz",
        "macros",
        "macros/core",
        "examples/custom-isa",
        "src/guide",
        "tests/guests",
    ]
    .iter()
    .flat_map(|folder| pages_in(folder))
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
            let target = if target.is_dir() { target.join("README.md") } else { target };
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

/// The guide is read as rustdoc, too, where a relative link leads nowhere: it names files by their path in the repository,
/// without a link.
#[test]
fn the_guide_names_files_that_are_there() {
    let mut named = 0;
    for page in pages_in("src/guide") {
        let text = std::fs::read_to_string(&page).expect("it is text");
        // Between two fences is code, which is built elsewhere.
        for words in text.split("\n```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2)) {
            let folder = words.split('/').next().unwrap_or_default();
            let is_path = words.contains('/') || words.ends_with(".md");
            if is_path
                && !words.contains(char::is_whitespace)
                && (words.ends_with(".md") || root().join(folder).is_dir())
            {
                named += 1;
                assert!(root().join(words).exists(), "{}: there is no {words}", page.display());
            }
        }
        assert!(!text.contains("](../"), "{}: as rustdoc it leads nowhere", page.display());
    }
    assert!(named > 8, "{named}");
}

/// The repository is published nowhere yet: whoever names an address of it names one that is not there.
#[test]
fn no_address_of_the_repository_is_named() {
    let mut folders = vec![root().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(&*name, "target" | ".git" | "corpus") {
                    folders.push(path);
                }
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            files += 1;
            for host in ["github.com", "gitlab.com", "docs.rs", "crates.io"] {
                let address = format!("{host}/retrace");
                assert!(!text.contains(&address), "{}: {address}", path.display());
            }
        }
    }
    assert!(files > 200, "{files}");
}

/// The README leads to every page of docs/ and of the guide.
#[test]
fn the_readme_leads_everywhere() {
    let readme = read("README.md");
    for folder in ["docs", "src/guide"] {
        for page in pages_in(folder) {
            let name = page.file_name().expect("it is a file").to_string_lossy().into_owned();
            let index = folder == "src/guide" && name == "README.md";
            assert!(index || readme.contains(&format!("]({folder}/{name})")), "{folder}/{name}");
        }
    }
    assert!(readme.lines().count() < 160, "the README is to stay short: {}", readme.lines().count());
}

/// The first cells of the rows of the table with that head.
fn first_cells(page: &str, head: &str) -> Vec<String> {
    let table = page.split(head).nth(1).unwrap_or_else(|| panic!("there is no table `{head}`"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| row.split('|').nth(1)).map(|cell| cell.trim().to_owned()).collect()
}

/// What `tests/manners.rs` runs are the README's; docs/commands.md says more of each.
#[test]
fn the_exit_codes_are_the_same_in_both() {
    let codes = |page: &str| first_cells(&read(page), "| exit code | means |");
    assert_eq!(codes("README.md"), codes("docs/commands.md"));
    assert_eq!(codes("README.md").len(), 7);
}

/// Each command of docs/commands.md is one that the binary has, and the reverse.
#[cfg(feature = "cli")]
#[test]
fn the_commands_are_the_binarys() {
    use std::collections::BTreeSet;

    let listed = |group: &[&str]| -> BTreeSet<String> {
        let help =
            std::process::Command::new(env!("CARGO_BIN_EXE_retrace")).args(group).arg("--help").output();
        let help = String::from_utf8(help.expect("it runs").stdout).expect("it is text");
        let commands = help.split("Commands:\n").nth(1).expect("there are commands");
        let lines = commands.lines().take_while(|line| line.starts_with("  "));
        let names =
            lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
        let named = |name: &str| [group, &[name]].concat().join(" ");
        names.filter(|name| *name != "help").map(named).collect()
    };
    let mut commands = listed(&[]);
    assert!(commands.remove("isa"), "{commands:?}");
    commands.extend(listed(&["isa"]));

    let cells = first_cells(&read("docs/commands.md"), "| command | does |");
    let documented: BTreeSet<String> = cells
        .iter()
        .map(|cell| {
            let words = cell.trim_matches('`').split_whitespace();
            let words: Vec<&str> = words.take(if cell.starts_with("`isa ") { 2 } else { 1 }).collect();
            words.join(" ")
        })
        .collect();
    assert_eq!(documented, commands);
}

/// The README's first two commands, and what it says of them.
#[cfg(feature = "cli")]
#[test]
fn the_first_two_commands_prove_and_verify() {
    let proof = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("readme.proof").display().to_string();
    let readme = read("README.md");
    let commands: Vec<&str> =
        readme.lines().filter_map(|line| line.strip_prefix("    cargo retrace ")).take(2).collect();
    let said: Vec<String> = commands
        .iter()
        .map(|command| {
            let words = command.split(' ').map(|word| if word == "p.bin" { proof.as_str() } else { word });
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_retrace"))
                .args(words)
                .current_dir(root())
                .output()
                .expect("it runs");
            assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("it is text")
        })
        .collect();
    assert!(said[0].starts_with("proved ") && said[1].starts_with("verified "), "{said:?}");
    assert!(readme.contains("takes 11,405 cycles and exits with 0"));
    said.iter().for_each(|said| assert!(said.contains("11,405 cycles, exit code 0"), "{said}"));
}

/// A heading's anchor, as GitHub makes it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
