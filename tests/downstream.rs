//! `isa!` in a crate of its own, outside the workspace, with the dependency renamed: see tests/downstream.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

use std::path::Path;
use std::process::{Command, Output};

fn cargo(arguments: &[&str], manifest: &Path) -> Output {
    Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--manifest-path")
        .arg(manifest)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("downstream"))
        .output()
        .expect("cargo runs")
}

#[test]
fn an_instruction_is_added_by_toml_alone() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/downstream/Cargo.toml");
    let output = cargo(&["test"], &manifest);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("test it_is_proven_and_verified ... ok"), "{text}");
}

/// A broken spec is reported with file, line and column by the macro, as it is by the build script.
#[test]
fn a_mistake_in_the_toml_is_a_compile_error_with_its_place() {
    let crate_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken-spec");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir_all(crate_dir.join("src")).expect("the folder can be made");
    let manifest = format!(
        "[package]\nname = \"broken\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         vm = {{ package = \"retrace-zkvm\", path = {here:?}, default-features = false }}\n\n[workspace]\n"
    );
    std::fs::write(crate_dir.join("Cargo.toml"), manifest).expect("it can be written");
    std::fs::write(crate_dir.join("src/lib.rs"), "vm::isa! { pub struct Broken = \"broken.toml\"; }\n")
        .expect("it can be written");
    let spec = std::fs::read_to_string(here.join("tests/downstream/isa/rotxor.toml")).expect("it is there");
    let broken = spec.replace("rs1 ^ rs2", "rs1 ^ rs7");
    assert_ne!(spec, broken);
    std::fs::write(crate_dir.join("broken.toml"), &broken).expect("it can be written");

    let output = cargo(&["check"], &crate_dir.join("Cargo.toml"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    let line = broken.lines().position(|line| line.contains("rs7")).expect("it is there") + 1;
    let column = broken.lines().nth(line - 1).and_then(|line| line.find("rs7")).expect("it is there") + 1;
    assert!(text.contains(&format!("broken.toml:{line}:{column}")), "{text}");
    assert!(text.contains("`rs7` is not known here"), "{text}");

    let mut sources = retrace_codegen::Sources::new(&crate_dir);
    sources.add_builtin("rv32i", include_str!("../isa/rv32i.toml"));
    let errors = retrace_codegen::compile(&mut sources, "broken.toml").expect_err("the spec is broken");
    let rendered = errors.to_string();
    assert!(rendered.contains(&format!("broken.toml:{line}:{column}")), "{rendered}");
    for line in rendered.lines().filter(|line| !line.trim().is_empty()) {
        assert!(text.contains(line.trim()), "the macro does not say {line:?}:\n{text}");
    }
}
