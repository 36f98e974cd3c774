//! A unit and a table that are wrong on purpose are refused, each with a row that shows it: by the checker, and by a solver if
//! there is one.

use std::process::{Command, Output};

fn check(arguments: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_custom-isa"))
        .args(["isa", "check"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the binary runs");
    let text = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    (output, text)
}

#[test]
fn the_checker_finds_a_row() {
    let (output, text) = check(&["tests/wrong.toml"]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("error[undetermined-output]: rd of `utf8.len` is not determined"), "{text}");
    assert!(text.contains("the row: ") && text.contains("third.c = "), "{text}");
}

/// The checker's rows do not have the byte for which the table is wrong.
#[test]
fn a_solver_finds_a_row() {
    let (output, text) = check(&["tests/wrong_table.toml"]);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let (output, text) = check(&["tests/wrong_table.toml", "--prove"]);
    if text.contains("there is no SMT solver") {
        eprintln!("{text}");
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("refuted: unit `low.ones`: ones is 0x3, and should be 0x4\n  in the row "), "{text}");
    assert!(text.contains("low.b0 = 0x4d"), "{text}");
}
