//! Several mistakes in one run, and specs that extend each other. Each diagnostic by itself: `broken.rs`.

#![allow(clippy::expect_used, clippy::panic)]

use retrace_codegen::{Code, Diagnostics, Sources, compile};

const BASE: &str = r#"
[isa]
name    = "broken"
doc     = "A spec with one mistake."
xlen    = 32
extends = ["rv32i"]

[[instruction]]
name      = "xor7"
format    = "R"
fixed     = { funct7 = 0, funct3 = 0, opcode = 0b0001011 }
asm       = "xor7 {rd}, {rs1}, {rs2}"
semantics = "let x = rs1 ^ rs2; rd = x << 7u5"
doc       = "An instruction."

[[column]]
name   = "extra"
class  = "u32"
derive = "if writes_rd { rs1_value } else { rs2_value ^ imm }"
doc    = "A column."

[[constraint]]
name  = "extra"
guard = "writes_rd"
left  = "extra"
right = "rs1_value"
doc   = "A constraint."
"#;

fn check(text: &str) -> Result<(), Diagnostics> {
    let mut sources = Sources::default();
    sources.add_builtin("rv32i", include_str!("../../../isa/rv32i.toml"));
    sources.add_builtin("broken", text);
    compile(&mut sources, "broken").map(|_| ())
}

#[test]
fn without_a_mistake_there_is_no_error() {
    check(BASE).unwrap_or_else(|errors| panic!("{errors}"));
}

/// Every error of a run is reported, and a mistake in a `let` is not reported again where the name is used.
#[test]
fn all_mistakes_are_reported_once() {
    let broken = BASE.replace("rs1 ^ rs2", "rs1 ^ rs7").replace("rs2_value ^ imm", "rs2_value ^ rs9_value");
    let errors = check(&broken).expect_err("there are two mistakes");
    let messages: Vec<&str> = errors.errors().iter().map(|error| error.message.as_str()).collect();
    assert_eq!(messages, ["`rs7` is not known here", "`rs9_value` is not known here"]);
    let hints: Vec<Option<&str>> = errors.errors().iter().map(|error| error.hint.as_deref()).collect();
    assert_eq!(hints, [Some("did you mean `rs1`?"), Some("did you mean `rs1_value`?")]);
}

/// A mistyped key is a missing one, too, and its table lacks what others need: what was typed comes first.
#[test]
fn a_mistyped_key_is_the_first_error() {
    let broken = BASE.replace("derive = ", "drive = ").replace("format    = ", "fromat    = ");
    let errors = check(&broken).expect_err("there are two mistakes");
    let codes: Vec<Code> = errors.errors().iter().map(|error| error.code).collect();
    assert!(codes.len() > 2, "{errors}");
    assert_eq!(codes[..2], [Code::UnknownKey; 2], "{errors}");
    assert!(!codes[2..].contains(&Code::UnknownKey), "{errors}");
}

/// Two specs may extend the same one, in either order; a circle behind the first file is found too.
#[test]
fn specs_extend_each_other_without_a_circle() {
    let spec =
        |extends: &str| format!("[isa]\nname = \"x\"\ndoc = \"-\"\nxlen = 32\nextends = [{extends}]\n");
    let compile_with = |files: &[(&str, String)]| {
        let mut sources = Sources::default();
        sources.add_builtin("rv32i", include_str!("../../../isa/rv32i.toml"));
        files.iter().for_each(|(name, text)| sources.add_builtin(name, text));
        compile(&mut sources, "a").map(|model| model.instructions.len())
    };
    for order in ["\"b\", \"rv32i\"", "\"rv32i\", \"b\""] {
        let diamond = [("a", spec(order)), ("b", spec("\"rv32i\""))];
        assert_eq!(compile_with(&diamond).unwrap_or_else(|errors| panic!("{errors}")), 40);
    }
    let circle = [("a", spec("\"b\", \"rv32i\"")), ("b", spec("\"c\"")), ("c", spec("\"b\""))];
    let errors = compile_with(&circle).expect_err("b extends itself through c");
    assert!(errors.errors().iter().any(|error| error.code == Code::ExtendsCycle));
}

#[test]
fn a_register_has_no_name_of_another() {
    let rv32i = include_str!("../../../isa/rv32i.toml");
    let compile_with = |aliases: &str| {
        let mut sources = Sources::default();
        sources.add_builtin("spec", &rv32i.replace("{ fp = \"s0\" }", aliases));
        compile(&mut sources, "spec").map_err(|errors| errors.errors()[0].code.name())
    };
    assert_eq!(compile_with("{ fp = \"s0\" }").map(|model| model.aliases), Ok(vec![("fp".to_owned(), 8)]));
    assert_eq!(compile_with("{ sp = \"s0\" }").err(), Some("duplicate-name"));
    assert_eq!(compile_with("{ fp = \"s99\" }").err(), Some("unknown-register"));
}

/// What a row has no way to do is said as such.
#[test]
fn what_a_row_cannot_do_is_named() {
    let rv32i = include_str!("../../../isa/rv32i.toml");
    let first = |changes: &[(&str, &str)]| {
        let changed = changes.iter().fold(rv32i.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        let mut sources = Sources::default();
        sources.add_builtin("spec", &changed);
        let errors = compile(&mut sources, "spec").expect_err("it cannot be compiled");
        format!("{}: {}", errors.errors()[0].code.name(), errors.errors()[0].message)
    };
    assert_eq!(
        first(&[("\"load::<8>(a)\"", "\"load::<8>(a ^ 1)\"")]),
        "unit-shortage: `lb` does `load::<8>(…)`, which no rule brings down to units"
    );
    assert_eq!(
        first(&[("write   = [\"rd\", \"rd2\"]\n", "")]),
        "unit-shortage: `brk.moved` writes a register, and a row has no port for that"
    );
}

/// Which word is accessed must be in a column that says so in every row.
#[test]
fn the_accessed_words_address_is_in_a_column() {
    let rv32i = include_str!("../../../isa/rv32i.toml");
    let errors = |from: &str, to: &str| -> Vec<String> {
        assert!(rv32i.contains(from), "{from}");
        let mut sources = Sources::default();
        sources.add_builtin("spec", &rv32i.replace(from, to));
        let errors = compile(&mut sources, "spec").expect_err(to);
        errors.errors().iter().map(|error| format!("{}: {}", error.code.name(), error.message)).collect()
    };
    let port = "address = \"mem_word\"";
    assert_eq!(errors(port, ""), ["bad-unit: no column has the address of the word that is accessed"]);
    assert_eq!(errors(port, "address = \"mem_wort\""), ["unknown-column: there is no column `mem_wort`"]);
    let wrong = errors("mem_address & 0xffff_fffc", "mem_address");
    let is_row = |error: &String| error.starts_with("unit-row: the accessed word is at");
    assert!(!wrong.is_empty() && wrong.iter().all(is_row), "{wrong:?}");
}

/// Every spec of the corpus has the one error that it is named after, and no other.
#[test]
fn broken_specs_have_the_error_they_are_named_after() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broken");
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).expect("it is in the repository") {
        let path = entry.expect("it can be read").path();
        let Some(name) =
            path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".toml"))
        else {
            continue;
        };
        let mut sources = Sources::new(folder);
        sources.add_builtin("rv32i", include_str!("../../../isa/rv32i.toml"));
        let errors = compile(&mut sources, name).expect_err(name);
        let codes: Vec<&str> = errors.errors().iter().map(|error| error.code.name()).collect();
        if codes != [name.split('.').next().unwrap_or_default()] {
            wrong.push(format!("{name}:\n{errors}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A mnemonic that goes on into the operands was looked for beyond the first text.
#[test]
fn a_mnemonic_with_a_brace_is_an_error() {
    let broken = BASE.replace("\"xor7\"", "\"xor7 {rd}\"").replace("xor7 {rd},", "xor7 {rd} ");
    let errors = check(&broken).expect_err("the name is none");
    assert!(errors.errors().iter().any(|error| error.code == Code::BadName), "{errors}");
}
