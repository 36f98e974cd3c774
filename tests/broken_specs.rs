//! The corpus of broken specs through `isa!`: the compiler shows what the codegen library says, line by line, for every one.

#![allow(clippy::expect_used, clippy::panic)]

#[path = "common/crates.rs"]
mod crates;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use retrace::isa::IN_TREE;
use retrace_codegen::{Sources, compile};

/// The text's lines, without what the compiler puts before them; empty ones left out.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_macro_says_what_the_library_says() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = here.join("macros/core/tests/broken");
    let crate_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken-specs");
    fs::create_dir_all(crate_dir.join("src")).expect("the folder can be made");
    fs::create_dir_all(crate_dir.join("base")).expect("the folder can be made");
    let mut files: Vec<String> = Vec::new();
    for folder in ["", "base/"] {
        for entry in fs::read_dir(corpus.join(folder)).expect("the corpus is there") {
            let path = entry.expect("it can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("it has a name").to_owned();
            if name.ends_with(".toml") {
                fs::copy(&path, crate_dir.join(format!("{folder}{name}"))).expect("it can be copied");
                files.extend(folder.is_empty().then_some(name));
            }
        }
    }
    files.sort();
    let mut library = String::new();
    for (at, file) in files.iter().enumerate() {
        writeln!(library, "mod spec_{at} {{ vm::isa! {{ pub struct Broken = {file:?}; }} }}")
            .expect("it is a string");
    }
    fs::write(crate_dir.join("src/lib.rs"), library).expect("it can be written");
    let manifest = format!(
        "[package]\nname = \"broken-specs\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         vm = {{ package = \"retrace-zkvm\", path = {here:?}, features = [\"cli\"] }}\n\n[workspace]\n\n\
         # Each spec is checked as a whole.\n[profile.dev.package.retrace-codegen]\nopt-level = 1\n"
    );
    // Cargo.toml is no spec, and no spec is named so.
    fs::write(crate_dir.join("Cargo.toml"), manifest).expect("it can be written");

    fs::copy(crates::example().join("Cargo.lock"), crate_dir.join("Cargo.lock")).expect("it can be copied");
    let output = crates::cargo(&["build", "--color=never"], &crate_dir);
    assert!(!output.status.success(), "broken specs compile");
    let said = String::from_utf8_lossy(&output.stderr);
    let said = lines(&said);
    for file in &files {
        let mut sources = Sources::new(&crate_dir);
        IN_TREE.iter().for_each(|(name, text)| sources.add_builtin(name, text));
        let errors = compile(&mut sources, file).expect_err("the spec is broken").to_string();
        let expected = lines(&errors);
        assert!(
            said.windows(expected.len()).any(|window| window == expected),
            "{file}: the macro does not say\n{errors}\nbut\n{}",
            said.join("\n")
        );
    }
}
