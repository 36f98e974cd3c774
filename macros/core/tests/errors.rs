//! Mistakes in a spec, each made on purpose in a file that extends RV32I: which diagnostic, on which line.

#![allow(clippy::expect_used, clippy::panic)]

use retrace_codegen::{Diagnostics, Sources, compile};

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
group     = "alu"
doc       = "An instruction."

[[column]]
name   = "extra"
class  = "u32"
derive = "alu_a ^ alu_b"
doc    = "A column."

[[constraint]]
name  = "extra"
guard = "is.alu"
left  = "extra"
right = "result"
doc   = "A constraint."
"#;

fn check(text: &str) -> Result<(), Diagnostics> {
    let mut sources = Sources::default();
    sources.add_builtin("rv32i", include_str!("../../../isa/rv32i.toml"));
    sources.add_builtin("broken", text);
    compile(&mut sources, "broken").map(|_| ())
}

/// The codes of the errors of `BASE` with one replacement, which must be reported on the replaced line.
fn mistake(from: &str, to: &str) -> Vec<&'static str> {
    assert_eq!(BASE.matches(from).count(), 1, "{from:?} stands once");
    let errors = check(&BASE.replace(from, to)).expect_err(to);
    let line = BASE[..BASE.find(from).expect("it is there")].matches('\n').count() + 1;
    let rendered = errors.to_string();
    assert!(rendered.contains(&format!("isa/broken.toml:{line}:")), "line {line}:\n{rendered}");
    errors.errors().iter().map(|error| error.code.name()).collect()
}

#[test]
fn without_a_mistake_there_is_no_error() {
    check(BASE).unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn mistakes_are_named_with_their_place() {
    let cases = [
        ("format    = \"R\"", "format    = \"Q\"", "unknown-format"),
        ("funct7 = 0,", "funct8 = 0,", "unknown-field"),
        ("funct7 = 0,", "funct7 = 128,", "value-width"),
        ("{rs2}\"", "{imm}\"", "bad-asm"),
        ("rs1 ^ rs2", "rs1 ^ rs3", "unknown-name"),
        ("rs1 ^ rs2", "rs1 ^ rs2[0..8]", "operand-types"),
        ("x << 7u5", "x << rs2", "shift-amount"),
        ("x << 7u5", "x[0..8]", "wrong-width"),
        ("x << 7u5", "x[0..33]", "bad-slice"),
        ("x << 7u5", "x + 0x1_0000_0000", "literal-width"),
        ("x << 7u5", "load::<32>(x) + load::<32>(rs1)", "too-many-ports"),
        ("x << 7u5", "x; rd = x", "too-many-ports"),
        ("let x = rs1 ^ rs2;", "let x = rs1 ^ rs2; jump(x); jump(x);", "too-many-ports"),
        ("let x = rs1 ^ rs2;", "let x = call(rs1); if x == 0 { trap(breakpoint) }", "too-many-ports"),
        ("let x = rs1 ^ rs2;", "let rs1 = rs2;", "duplicate-name"),
        ("let x = rs1 ^ rs2;", "let x = rs1 ^;", "expression-syntax"),
        ("x << 7u5", "if rs1 == 0 { load::<32>(x) } else { x }", "misplaced-effect"),
        ("let x = rs1 ^ rs2;", "let x = rs1 ^ rs2; rs1 = x;", "bad-assignment"),
        ("let x = rs1 ^ rs2;", "let y = 5; let x = rs1 ^ rs2;", "untyped-literal"),
        ("let x = rs1 ^ rs2;", "if rs1 == 0 { trap(nothing) } let x = rs1 ^ rs2;", "unknown-trap"),
        ("x << 7u5", "if x == 0 { x }", "missing-else"),
        ("x << 7u5", "unsigned(x)", "useless-cast"),
        ("asm       = ", "registers = { rd = \"a99\" }\nasm       = ", "unknown-register"),
        ("asm       = ", "registers = { rs9 = \"a0\" }\nasm       = ", "unknown-port"),
        (
            "name      = \"xor7\"\nformat    = \"R\"\nfixed     = { funct7 = 0, ",
            "name      = \"xor7\"\nformat    = \"R\"\nfixed     = { ",
            "unfixed-field",
        ),
        ("let x = rs1 ^ rs2;", "trap(breakpoint); let x = rs1 ^ rs2;", "unreachable"),
        ("let x = rs1 ^ rs2;", "let mut x = rs1 ^ rs2;", "unsupported-syntax"),
        ("let x = rs1 ^ rs2;", "let input = rs1 ^ rs2; let x = input;", "duplicate-name"),
        ("rs1 ^ rs2", "(zext::<64>(rs1) << zext::<64>(rs2))[0..32]", "shift-amount"),
        ("rs1 ^ rs2", "load::<32, 8>(rs1 ^ rs2)", "unknown-function"),
        ("let x = rs1 ^ rs2;", "let x = rs1 ^ rs2; store::<u8>(x, x[0..8]);", "unknown-function"),
        ("x << 7u5", "zext::<32>(signed(x) < 0xffff_ffff)", "literal-width"),
        (
            "asm       = \"xor7 {rd}, {rs1}, {rs2}\"\nsemantics = \"let x = rs1 ^ rs2;",
            "asm       = \"xor7 {rd}, {rs1}, {rs2}\"\nsemantics = \"let x = rs1;",
            "bad-asm",
        ),
        ("group     = \"alu\"", "group     = \"alus\"", "unknown-group"),
        ("derive = \"alu_a ^ alu_b\"", "derive = \"zext::<33>(alu_a)\"", "wrong-width"),
        ("class  = \"u32\"", "class  = \"u33\"", "unknown-class"),
        ("derive = \"alu_a ^ alu_b\"", "derive = \"extra ^ alu_b\"", "column-cycle"),
        ("derive = \"alu_a ^ alu_b\"", "record = [\"y\"]", "unknown-record"),
        (
            "class  = \"u32\"\nderive = \"alu_a ^ alu_b\"",
            "record = [\"rs1\"]\nclass  = \"u8\"",
            "record-class",
        ),
        (
            "class  = \"u32\"\nderive = \"alu_a ^ alu_b\"",
            "derive = \"op.rd\"\nclass  = \"one_hot(group)\"",
            "one-hot-value",
        ),
        (
            "name   = \"extra\"\nclass  = \"u32\"\nderive = \"alu_a ^ alu_b\"",
            "name   = \"extra\"\nclass  = \"u32\"",
            "column-without-value",
        ),
        ("name   = \"extra\"", "name   = \"pc\"", "duplicate-name"),
        ("name   = \"extra\"", "name   = \"Extra\"", "bad-name"),
        ("left  = \"extra\"", "left  = \"extras\"", "unknown-column"),
        ("guard = \"is.alu\"", "guard = \"is.alu * rd * funct3\"", "constraint-degree"),
        ("guard = \"is.alu\"", "guard = \"pc * imm\"", "constraint-range"),
        (
            "guard = \"is.alu\"\nleft  = \"extra\"",
            "guard = \"1 - is.alu\"\nleft  = \"extra + 1\"",
            "constraint-padding",
        ),
        ("derive = \"alu_a ^ alu_b\"", "record = [\"x\", \"rd.value\"]", "record-twice"),
        ("derive = \"alu_a ^ alu_b\"", "record = [\"rs1\"]\nderive = \"alu_a\"", "column-twice"),
        (
            "guard = \"is.alu\"\nleft  = \"extra\"\nright = \"result\"",
            "guard = \"is.alu\"\nleft  = \"extra + 0x7fff_ffff_ffff_ffff\"\nright = \"-1\"",
            "constraint-range",
        ),
        ("[isa]\nname    = \"broken\"", "[isa]", "missing-key"),
        ("xlen    = 32", "xlen    = 64", "unsupported-xlen"),
        ("extends = [\"rv32i\"]", "extends = [\"rv32j\"]", "unreadable-spec"),
        ("extends = [\"rv32i\"]", "extends = [\"broken\"]", "extends-cycle"),
        ("doc       = \"An instruction.\"", "dok       = \"An instruction.\"", "unknown-key"),
        ("doc     = \"A spec with one mistake.\"", "doc     = 7", "wrong-type"),
    ];
    for (from, to, code) in cases {
        let codes = mistake(from, to);
        assert!(codes.contains(&code), "{to:?}: {codes:?} instead of {code}");
    }
}

/// An overlap is reported at both instructions, with a word that both match: funct7 and funct3 are `add`'s too.
#[test]
fn overlapping_encodings_are_shown_with_a_word() {
    let errors = check(&BASE.replace("0b0001011", "0b0110011")).expect_err("the encodings overlap");
    let rendered = errors.to_string();
    for part in ["`xor7` and `add` both match the word 0x00000033", "isa/broken.toml:9:13", "isa/rv32i.toml:"]
    {
        assert!(rendered.contains(part), "{rendered}");
    }
}

/// Every error of a run is reported, and a mistake in a `let` is not reported again where the name is used.
#[test]
fn all_mistakes_are_reported_once() {
    let broken = BASE.replace("rs1 ^ rs2", "rs1 ^ rs7").replace("alu_a ^ alu_b", "alu_a ^ alu_c");
    let errors = check(&broken).expect_err("there are two mistakes");
    let messages: Vec<&str> = errors.errors().iter().map(|error| error.message.as_str()).collect();
    assert_eq!(messages, ["`rs7` is not known here", "`alu_c` is not known here"]);
    let hints: Vec<Option<&str>> = errors.errors().iter().map(|error| error.hint.as_deref()).collect();
    assert_eq!(hints, [Some("did you mean `rs1`?"), Some("did you mean `alu_a`?")]);
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
    assert!(errors.errors().iter().any(|error| error.code.name() == "extends-cycle"));
}
