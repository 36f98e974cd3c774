//! `isa!` in a crate of its own, outside the workspace, with the dependency renamed: see examples/custom-isa.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

#[path = "common/crates.rs"]
mod crates;

use std::fs;
use std::path::Path;

use crates::{cargo, example};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("it is a file's path");
    fs::create_dir_all(folder).expect("the folder can be made");
    fs::write(path, text).expect("it can be written");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("it is in the repository")
}

/// A text with a part replaced, which must be there.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is in:\n{text}");
    text.replace(from, to)
}

#[test]
fn an_instruction_is_added_by_toml_alone() {
    let output = cargo(&["test"], &example());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for test in [
        "it_is_proven_and_verified",
        "the_guest_computes_the_hash",
        "the_hash_is_proven_and_verified",
        "the_checker_finds_a_row",
        "a_solver_finds_a_row",
    ] {
        assert!(text.contains(&format!("test {test} ... ok")), "{text}");
    }
}

/// Of the guest's hash, whose permutation uses the instruction: what "abc" gives where it rotates by 7 and by 9. From a
/// model in Python, which also computes the vector of RFC 8439, section 2.3.2.
const BY_7: &str = "62bca53684d5ff29f0abd5abeeeb398f58a69496ef6730e45a4be847af6dbd25";
const BY_9: &str = "2ad1a8e8b3e4983706dfacf05947241c338f6b562934579de903507dc2313219";

/// Not a line of Rust changes: only the files that `isa!` names, and those that they extend.
#[test]
fn an_edit_of_the_toml_rebuilds() {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("edited-isa");
    let manifest = replaced(&read(&example().join("Cargo.toml")), "\"custom-isa\"", "\"edited-isa\"");
    let manifest = replaced(&manifest, "version = \"0.0.0\"", "version = \"0.0.0\"\nautotests = false");
    let manifest = replaced(&manifest, "\"../..\"", &format!("{HERE:?}"));
    write(&copy.join("Cargo.toml"), &manifest);
    write(&copy.join("Cargo.lock"), &read(&example().join("Cargo.lock")));
    write(&copy.join("src/lib.rs"), &read(&example().join("src/lib.rs")));
    let main = replaced(&read(&example().join("src/main.rs")), "custom_isa::", "edited_isa::");
    write(&copy.join("src/main.rs"), &main);
    write(&copy.join("abc.txt"), "abc");
    let guest = example().join("guest/hash.elf").display().to_string();
    let hash = || {
        let output = cargo(&["run", "--", "run", &guest, "--input", "abc.txt"], &copy);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is text").trim().to_owned()
    };

    let by_7 = read(&example().join("isa/rotxor.toml"));
    let by_9 = replaced(&replaced(&by_7, "7u5", "9u5"), "25u5", "23u5");
    let spec = copy.join("isa/rotxor.toml");
    write(&spec, &by_7);
    assert_eq!(hash(), BY_7);
    write(&spec, &by_9);
    assert_eq!(hash(), BY_9, "an edit of the file that `isa!` names");

    // The instruction moves to a second file, which the first extends by its path.
    let (head, tables) = by_7.split_once("[[instruction]]").expect("it has an instruction");
    let second = copy.join("isa/second.toml");
    let second_by_7 = replaced(head, "rv32i-rotxor", "second") + "[[instruction]]" + tables;
    write(&spec, &replaced(head, "\"rv32i\"]", "\"isa/second.toml\"]"));
    write(&second, &second_by_7);
    assert_eq!(hash(), BY_7);
    write(&second, &replaced(&replaced(&second_by_7, "7u5", "9u5"), "25u5", "23u5"));
    assert_eq!(hash(), BY_9, "an edit of a file that it extends");
    write(&second, &replaced(&second_by_7, "rs1 ^ rs2", "rs1 ^ rs7"));
    let output = cargo(&["build"], &copy);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("isa/second.toml:") && text.contains("`rs7` is not known here"), "{text}");
}
