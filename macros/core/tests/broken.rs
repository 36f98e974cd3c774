//! The corpus of broken specs: `tests/broken/CODE.toml`, or `CODE.WHAT.toml` where one diagnostic has several faces. Each file
//! has one mistake and gives one error, whose rendering is a snapshot. `base` holds what some of them extend.
//!
//! Each goes through what the build script calls, too; and through `isa!` in the library's `tests/broken_specs.rs`.

#![allow(clippy::expect_used, clippy::panic)]

mod common;

use std::path::{Path, PathBuf};

use common::without_lines;
use retrace_codegen::{Code, Sources, compile};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

/// The names of the corpus's files, without `.toml`.
fn stems() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("the corpus is there");
    let mut stems: Vec<String> = entries
        .filter_map(|entry| {
            entry.expect("it can be read").file_name().to_str()?.strip_suffix(".toml").map(str::to_owned)
        })
        .collect();
    stems.sort();
    stems
}

/// What the build script says, to which every spec is a name with a text: `x.toml` is a name, and is shown as a file of `isa`.
fn by_the_build_script(file: &str) -> String {
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).expect("it can be read");
    let mut specs = vec![("rv32i".to_owned(), include_str!("../../../isa/rv32i.toml").to_owned())];
    specs.push((file.to_owned(), read(file)));
    for base in std::fs::read_dir(folder().join("base")).expect("it is there") {
        let name = base.expect("it can be read").file_name().into_string().expect("it is UTF-8");
        let name = format!("base/{name}");
        specs.push((name.clone(), read(&name)));
    }
    let errors = retrace_codegen::library(&specs, &[file]).expect_err("the spec is broken").to_string();
    let shown = specs[1..].iter().map(|(name, _)| name);
    shown.fold(errors, |text, name| text.replace(&format!("isa/{name}.toml"), name))
}

#[test]
fn every_broken_spec_gives_its_one_error() {
    let mut wrong = Vec::new();
    for stem in stems() {
        let mut sources = Sources::new(folder());
        sources.add_builtin("rv32i", include_str!("../../../isa/rv32i.toml"));
        let Err(errors) = compile(&mut sources, &format!("{stem}.toml")) else {
            wrong.push(format!("{stem}: no error"));
            continue;
        };
        let rendered = errors.to_string();
        let built = by_the_build_script(&format!("{stem}.toml"));
        assert_eq!(rendered, built, "{stem}: the build script says something else");
        let code = stem.split('.').next().unwrap_or_default();
        match errors.errors() {
            [error] if error.code.name() == code => {
                if error.hint.is_none() {
                    wrong.push(format!("{stem}: no hint\n{rendered}"));
                }
                insta::assert_snapshot!(stem.replace('.', "_"), without_lines(&rendered));
            }
            _ => wrong.push(format!("{stem}:\n{rendered}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_diagnostic_has_a_broken_spec() {
    let stems = stems();
    let has = |code: &&Code| {
        stems.iter().any(|stem| stem.split('.').next().is_some_and(|name| name == code.name()))
    };
    let missing: Vec<&Code> = Code::ALL.iter().filter(|code| !has(code)).collect();
    assert!(missing.is_empty(), "no spec in {} gives {missing:?}", folder().display());
}
