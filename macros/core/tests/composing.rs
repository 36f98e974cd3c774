//! Extensions that know nothing of each other, and instructions that take the place of their special cases.

#![allow(clippy::expect_used, clippy::panic)]

use retrace_codegen::model::Model;
use retrace_codegen::{Diagnostics, Sources, compile};

const FILES: [(&str, &str); 10] = [
    ("rv32i", include_str!("../../../isa/rv32i.toml")),
    ("zbb", include_str!("../../../isa/zbb.toml")),
    ("tests/specs/zbkb.toml", include_str!("../../../tests/specs/zbkb.toml")),
    ("tests/specs/zknh.toml", include_str!("../../../tests/specs/zknh.toml")),
    ("tests/specs/crypto.toml", include_str!("../../../tests/specs/crypto.toml")),
    ("tests/specs/kinds.toml", include_str!("../../../tests/specs/kinds.toml")),
    ("zba", include_str!("../../../isa/zba.toml")),
    ("zbs", include_str!("../../../isa/zbs.toml")),
    ("rv32a", include_str!("../../../isa/rv32a.toml")),
    ("zicond", include_str!("../../../isa/zicond.toml")),
];

/// Compiles the last of these texts, which may extend the others and those of [`FILES`].
fn check(texts: &[(&str, &str)]) -> Result<Model, Diagnostics> {
    let mut sources = Sources::default();
    FILES.iter().chain(texts).for_each(|(name, text)| sources.add_builtin(name, text));
    compile(&mut sources, texts.last().expect("there is one").0)
}

fn accepted(texts: &[(&str, &str)]) -> Model {
    check(texts).unwrap_or_else(|errors| panic!("{errors}"))
}

fn header(extends: &str) -> String {
    format!("[isa]\nname = \"test\"\ndoc = \"A test.\"\nxlen = 32\nextends = [{extends}]\n")
}

const PACK: &str = r#"
[[instruction]]
name      = "pack"
format    = "R"
fixed     = { funct7 = 0b0000100, funct3 = 0b100, opcode = 0b0110011 }
replaces  = ["zext.h"]
asm       = "pack {rd}, {rs1}, {rs2}"
semantics = "rd = (rs1 & 0xffff) | (rs2 << 16u5)"
doc       = "Pack."

[[rule]]
match    = "(a & 0xffff) | (b << 16u5)"
operands = { a = "u32", b = "u32" }
use      = { v = "bytes(x = a, y = b)" }
give     = "v.x0 + 0x100 * v.x1 + 0x1_0000 * v.y0 + 0x100_0000 * v.y1"
doc      = "Two lower halves together."
"#;

#[test]
fn extensions_with_tables_in_common_go_together() {
    let model = accepted(&[FILES[4]]);
    assert_eq!(model.instructions.len(), 40 + 18 - 1 + 5 + 4);
    let zext = model.pseudos.iter().find(|pseudo| pseudo.name == "zext.h").expect("it is written");
    assert_eq!(
        (zext.asm.as_str(), &zext.expansions[..]),
        ("zext.h {rd}, {rs1}", &["pack {rd}, {rs1}, zero".to_owned()][..])
    );
    assert_eq!(model.pseudos.iter().filter(|pseudo| pseudo.name == "zext.h").count(), 1);
}

/// One table of each kind, declared by two extensions of one base.
const KINDS: [(&str, &str, &str); 15] = [
    ("[format.X]\nfields = { a = \"31:7\", opcode = \"6:0\" }", "31:7", "31:6"),
    (
        "[format.X]\nfields = { opcode = \"6:0\" }\nimm = { signed = false, bits = [\"31:7 -> 24:0\"] }",
        "false",
        "true",
    ),
    ("[policy]\nnull_page = \"trap\"", "\"trap", "\"wrap"),
    ("[opcodes]\nmine = 0b1111111", "0b1111111", "0b1111011"),
    (
        "[[instruction]]\nname = \"nand\"\nformat = \"R\"\nfixed = { funct7 = 0, funct3 = 0, opcode = 0x0b }\n\
         asm = \"nand {rd}, {rs1}, {rs2}\"\nsemantics = \"rd = !(rs1 & rs2)\"\ndoc = \"Not and.\"",
        "rs1 & rs2",
        "rs2 & rs1",
    ),
    (
        "[[column]]\nname = \"low\"\nclass = \"u8\"\nderive = \"op.word[0..8]\"\ndoc = \"Bits.\"",
        "0..8",
        "1..9",
    ),
    (
        "[[constraint]]\nname = \"c\"\nguard = \"active\"\nleft = \"next_pc\"\nright = \"next_pc * active\"\ndoc = \"None.\"",
        "next_pc * active",
        "active * next_pc",
    ),
    ("[[link]]\nname = \"l\"\nfrom = \"next_pc\"\nto = \"pc\"\ndoc = \"Again.\"", "\"pc\"", "\"next_pc\""),
    (
        "[[call]]\nname = \"getppid\"\nnumber = 173\nsemantics = \"rd = 7\"\ndoc = \"A number.\"",
        "173",
        "1173",
    ),
    (
        "[[call]]\nname = \"getppid\"\nnumber = 173\ndoc = \"A number.\"\n[[call.variant]]\nname = \"any\"\nsemantics = \"rd = 7\"",
        "rd = 7",
        "rd = 8",
    ),
    (
        "[[hidden]]\nname = \"seed\"\ninitial = \"heap_start\"\ndoc = \"A seed.\"",
        "heap_start",
        "input_length",
    ),
    ("[[pseudo]]\nasm = \"same {rd}\"\nexpand = [\"addi {rd}, {rd}, 0\"]\ndoc = \"Nothing.\"", ", 0", ", 1"),
    (
        "[[table]]\nname = \"odd\"\nkeys = { x = \"u8\" }\nvalues = { is = \"x[0..1]\" }\ndoc = \"Odd.\"",
        "0..1",
        "1..2",
    ),
    (
        "[[unit]]\nname = \"keep\"\ninputs = { v = \"u32\" }\ncells = { kept = \"u32\" }\nfill = { kept = \"v\" }\n\
         relations = [\"kept = v\"]\noutputs = { value = { form = \"kept\", means = \"v\" } }\ndoc = \"A value.\"",
        "kept = v",
        "v = kept",
    ),
    ("[overlay]\n\"hold.kept\" = \"mem.before\"", "mem.before", "lane.w"),
];

#[test]
fn what_two_files_declare_alike_is_one_and_what_differs_is_named() {
    for (table, from, to) in KINDS {
        assert!(table.contains(from), "{from} is in {table}");
        let both = header("\"first\", \"second\"");
        let first = header("\"rv32i\"") + table;
        let alike = header("\"rv32i\"") + "# A comment.\n" + &table.replace("0x0b", "0b1011");
        let other = header("\"rv32i\"") + &table.replace(from, to);
        let errors = |second: &str| {
            let errors = check(&[("first", &first), ("second", second), ("both", &both)]).err();
            errors.map_or_else(String::new, |errors| errors.to_string())
        };
        let twice = errors(&alike);
        assert!(!twice.contains("duplicate-name"), "{table}\n{twice}");
        let differs = errors(&other);
        assert!(
            differs.contains("error[duplicate-name]") && differs.contains("which differ in `"),
            "{table}\n{differs}"
        );
        // The base answers the policy's questions.
        let earlier = ["isa/first.toml", "isa/rv32i.toml"].iter().any(|name| differs.contains(name));
        assert!(earlier && differs.contains("isa/second.toml"), "{differs}");
        // Of two in one file one is a mistake.
        if table.starts_with("[[") {
            let twice = format!("{first}\n\n{table}");
            let error = check(&[("first", &twice)]).expect_err("it is there twice").to_string();
            assert!(error.contains("error[duplicate-name]"), "{error}");
        }
    }
}

/// A pair may be in two files, and of a special case and the general instruction it is one.
#[test]
fn fused_pairs_follow_what_has_the_place() {
    let fused = "[fused]\nslli = [\"zext.h\"]\n\"zext.h\" = [\"pack\"]\n";
    let text = header("\"zbb\", \"pair\"") + PACK + fused;
    let pair = header("\"rv32i\"") + "[fused]\nadd = [\"sub\"]\n";
    let again = header("\"rv32i\"") + "[fused]\nadd = [\"sub\"]\n";
    let both = header("\"pair\", \"again\", \"test\"");
    let model = accepted(&[("pair", &pair), ("again", &again), ("test", &text), ("both", &both)]);
    let name = |at: usize| model.instructions[at].name.as_str();
    let pairs: Vec<(&str, &str)> = model.fused.iter().map(|(a, b)| (name(*a), name(*b))).collect();
    for pair in [("slli", "pack"), ("pack", "pack"), ("add", "sub")] {
        assert_eq!(pairs.iter().filter(|known| **known == pair).count(), 1, "{pair:?}");
    }
}

/// Texts that expand to the special case expand to the general one; a chain leads to the most general.
#[test]
fn texts_and_chains_lead_to_the_most_general() {
    let pseudo = "[[pseudo]]\nasm = \"halves {a}, {b}\"\nexpand = [\"zext.h {a}, {b}; zext.h {b}, {a}\"]\ndoc = \"Both.\"\n";
    let zero = r#"
[[instruction]]
name      = "halfzero"
format    = "R"
fixed     = { funct7 = 0b0000100, rs2 = 0, rs1 = 0, funct3 = 0b100, opcode = 0b0110011 }
asm       = "halfzero {rd}"
semantics = "rd = 0"
doc       = "Zero."
"#;
    let zext = "[[instruction]]\nname = \"zext.half\"\nformat = \"R\"\n\
        fixed = { funct7 = 0b0000100, rs2 = 0, funct3 = 0b100, opcode = 0b0110011 }\nreplaces = [\"halfzero\"]\n\
        asm = \"zext.half {rd}, {rs1}\"\nsemantics = \"rd = zext::<32>(rs1[0..16])\"\ndoc = \"Half.\"\n";
    let pack = PACK.replace("zext.h\"", "zext.half\"");
    let text = header("\"rv32i\"") + &pseudo.replace("zext.h ", "zext.half ") + zero + zext + &pack;
    let model = accepted(&[("test", &text)]);
    assert_eq!(model.instructions.len(), 41);
    let expansion = |name: &str| {
        model.pseudos.iter().find(|pseudo| pseudo.name == name).expect("it is written").expansions.concat()
    };
    assert_eq!(expansion("halves"), "pack {a}, {b}, zero; pack {b}, {a}, zero");
    assert_eq!(expansion("halfzero"), "pack {rd}, zero, zero");
    assert_eq!(expansion("zext.half"), "pack {rd}, {rs1}, zero");
    // The spec means what it means without the special cases.
    let without = header("\"rv32i\"") + &pack.replace("replaces  = [\"zext.half\"]\n", "");
    assert_eq!(accepted(&[("test", &without)]).fingerprint, model.fingerprint);
}

/// Whatever the special case does: branches, loads, stores and immediates, alike and with one thing changed.
#[test]
fn every_effect_is_compared() {
    let format = "[format.Zero]\nfields = { imm_zero = \"31:20\", rs1 = \"19:15\", funct3 = \"14:12\", rd = \"11:7\", opcode = \"6:0\" }\n";
    let case = |general: (&str, &str), special: (&str, &str)| {
        let table = |(name, semantics): (&str, &str), format: &str, fixed: &str, rest: &str| {
            format!(
                "[[instruction]]\nname = \"{name}\"\nformat = \"{format}\"\nfixed = {{ {fixed}funct3 = 0b111, opcode = 0x0b }}\n\
                 asm = \"{name} {{rd}}, {rest}\"\nsemantics = \"{semantics}\"\ndoc = \"A test.\"\n"
            )
        };
        let general = table(general, "I", "", "{imm}({rs1})") + "replaces = [\"special\"]\n";
        let special = table(special, "Zero", "imm_zero = 0, ", "{rs1}");
        let text = header("\"rv32i\"") + format + &general + &special;
        match check(&[("test", &text)]) {
            Ok(model) => model
                .pseudos
                .iter()
                .find(|pseudo| pseudo.name == "special")
                .map_or_else(|| "accepted, and not written".to_owned(), |pseudo| pseudo.expansions.concat()),
            Err(errors) => errors.to_string(),
        }
    };
    let written = "general {rd}, 0({rs1})";
    let load = ("general", "rd = load::<32>(rs1 + imm)");
    assert_eq!(case(load, ("special", "rd = load::<32>(rs1)")), written);
    assert!(case(load, ("special", "rd = load::<32>(rs1 + 4)")).contains("the address is"));
    let half = case(load, ("special", "rd = zext::<32>(load::<16>(rs1))"));
    assert!(half.contains("has other effects"), "{half}");
    let jump = ("general", "rd = pc + 4; jump((rs1 + imm) & !1)");
    assert_eq!(case(jump, ("special", "rd = pc + 4; jump(rs1 & !1)")), written);
    let other = case(jump, ("special", "rd = pc + 4; jump(rs1 & !3)"));
    assert!(other.contains("the next address is"), "{other}");
    let sum = ("general", "rd = rs1 + imm");
    assert_eq!(case(sum, ("special", "rd = rs1")), written);
    let choice = ("special", "rd = if rs1 == 77 { 78 } else { rs1 }");
    let found = case(sum, choice);
    assert!(found.contains("rd is 0x4d, and not 0x4e where a1 = 0x4d"), "{found}");
}

/// A rule that two files declare alike is one; two that match the same and differ are two, of which the cheaper is taken.
#[test]
fn rules_are_told_apart_by_what_they_say() {
    let rule = |give: &str| {
        format!(
            "[[rule]]\nmatch = \"(a & b) + (a & b)\"\noperands = {{ a = \"u32\", b = \"u32\" }}\n\
             use = {{ v = \"bytes(x = a, y = b)\", t = \"add(t = 2 * v.and)\" }}\ngive = \"{give}\"\ndoc = \"Twice.\"\n"
        )
    };
    let base = accepted(&[("base", &header("\"rv32i\""))]);
    let both = header("\"first\", \"second\"");
    for (second, more) in [("t.sum", 1), ("t.s0 + 0x1_0000 * t.s1", 2)] {
        let [first, second] = ["t.sum", second].map(|give| header("\"rv32i\"") + &rule(give));
        let model = accepted(&[("first", &first), ("second", &second), ("both", &both)]);
        assert_eq!(model.units.rules.len(), base.units.rules.len() + more);
    }
}

/// Ports are the base's; others are refused.
#[test]
fn ports_are_declared_once() {
    let alike = header("\"rv32i\"")
        + "[ports]\nwrite = [\"rd\", \"rd2\"]\nmemory = \"mem\"\naddress = \"mem_word\"\n";
    assert_eq!(
        accepted(&[("test", &alike)]).units.units.iter().filter(|unit| unit.port.is_some()).count(),
        3
    );
    let other = header("\"rv32i\"")
        + "[ports]\nwrite = [\"rd\", \"rd2\"]\nmemory = \"ram\"\naddress = \"mem_word\"\n";
    let error = check(&[("test", &other)]).expect_err("they differ").to_string();
    assert!(error.contains("error[duplicate-name]") && error.contains("differ in `memory`"), "{error}");
}

/// A unit that two extensions bring is one; each has tables and rules of its own for it.
#[test]
fn extensions_share_a_unit() {
    let model = accepted(&[FILES[4]]);
    assert_eq!(model.units.units.iter().filter(|unit| unit.name == "halves").count(), 1);
    let uses = |name: &str| {
        let at =
            model.instructions.iter().position(|instruction| instruction.name == name).expect("it is there");
        let selection = model.selections[at].as_ref().expect("it is compiled");
        let names = selection.uses.keys().map(|unit| model.units.units[*unit].name.as_str());
        names.collect::<Vec<_>>()
    };
    assert_eq!(uses("zip"), ["rd", "halves"]);
    assert_eq!(uses("sha256sum0"), ["rd", "bytes", "halves"]);
}

/// Instructions of every kind, from their files alone: a jump of one's own, an indexed load, a load and a store without more,
/// a third register, a load and a store at one address.
#[test]
fn an_instruction_of_any_kind_is_one_table() {
    for (file, text) in [
        FILES[6],
        FILES[7],
        FILES[8],
        ("djnz", include_str!("../../../tests/specs/djnz.toml")),
        ("lwx1", include_str!("../../../tests/specs/lwx1.toml")),
        ("amo3", include_str!("../../../tests/specs/amo3.toml")),
        ("fma2", include_str!("../../../tests/specs/fma2.toml")),
        ("kinds", include_str!("../../../tests/specs/kinds.toml")),
        ("own", include_str!("../../../tests/specs/own.toml")),
    ] {
        let model = accepted(&[(file, text)]);
        assert_eq!(model.selections.len(), model.kinds().count(), "{file}");
        for (kind, selection) in model.kinds().zip(&model.selections) {
            assert_eq!(selection.is_some(), kind.semantics.has_rows(), "{file}: {}", kind.name);
        }
    }
}

/// A port that reads the destination reads the register that the word has there, for the checker as for the decoder.
#[test]
fn a_destination_that_is_read_is_the_words() {
    let text = header("\"rv32i\"")
        + r#"
[[instruction]]
name      = "addu"
format    = "U"
fixed     = { opcode = 0b0001011 }
asm       = "addu {rd}, {imm >> 12}"
semantics = "rd = rd + imm"
doc       = "Add to the destination."

[[column]]
name   = "is_addu"
class  = "bit"
derive = "op.word[0..7] == 0b0001011"
doc    = "Whether it is this."

[[constraint]]
name  = "reads_rd"
guard = "is_addu"
left  = "rs1"
right = "rd"
doc   = "The first port reads the destination."
"#;
    accepted(&[("test", &text)]);
}
