//! What the generated code looks like: one snapshot an artefact kind and representative instruction or column.
//!
//! Snapshots hold no line numbers and no paths, so that an edit elsewhere in the spec changes none of them.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

use quote::{format_ident, quote};
use retrace_codegen::generate::{
    constraint_data, decode_instruction, derive_column, fill_instruction, fused_pair, instruction_semantics,
    relation_data, step_instruction,
};
use retrace_codegen::{Model, Options, Sources, compile, generate, pretty};

const RV32I: &str = include_str!("../../../isa/rv32i.toml");

const INSTRUCTIONS: [&str; 9] = ["add", "srai", "lb", "sb", "blt", "jalr", "lui", "auipc", "ecall"];

fn model(text: &str) -> Model {
    let mut sources = Sources::default();
    sources.add_builtin("rv32i", text);
    compile(&mut sources, "rv32i").unwrap_or_else(|errors| panic!("{errors}"))
}

fn whole(model: &Model) -> String {
    let options = Options {
        library: quote!(crate),
        attributes: quote!(),
        visibility: quote!(pub),
        name: format_ident!("Rv32i"),
    };
    pretty(&generate(model, &options))
}

/// Without the line of the spec that the documentation names.
fn without_lines(code: &str) -> String {
    let line = |line: &str| match line.split_once(".toml:") {
        Some((before, after)) => {
            before.to_owned() + ".toml:LINE" + after.trim_start_matches(|c: char| c.is_ascii_digit())
        }
        None => line.to_owned(),
    };
    code.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn decode() {
    let model = model(RV32I);
    for name in INSTRUCTIONS {
        let instruction = model.instructions.iter().find(|i| i.name == name).expect("it is in the spec");
        let arm = decode_instruction(instruction);
        let code =
            pretty(&quote!(fn decode(word: u32, pc: Word) -> Op { match word & MASK { #arm _ => {} } }));
        insta::assert_snapshot!(format!("decode_{name}"), code);
    }
}

#[test]
fn step() {
    let model = model(RV32I);
    for name in INSTRUCTIONS {
        let instruction = model.instructions.iter().find(|i| i.name == name).expect("it is in the spec");
        let code = pretty(&step_instruction(&model, instruction));
        insta::assert_snapshot!(format!("step_{name}"), without_lines(&code));
    }
}

/// A function of the generated code, without the places of entries, which other calls move.
fn function(code: &str, name: &str) -> String {
    let (_, rest) = code.split_once(&format!("fn {name}<")).expect("it is generated");
    let (body, _) = rest.split_once("\n    }\n").expect("it ends");
    let mut parts = body.split("op.imm + ");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest =
        parts.map(|part| "op.imm + PLACE".to_owned() + part.trim_start_matches(|c: char| c.is_ascii_digit()));
    format!("fn {name}<{first}{}\n    }}", rest.collect::<String>())
}

#[test]
fn step_calls() {
    let code = whole(&model(RV32I));
    for name in ["call_brk", "case_brk_moved", "case_read_asked_1", "case_write_full", "case_exit"] {
        insta::assert_snapshot!(format!("step_{name}"), function(&code, name));
    }
}

/// Where variants give a port other registers, each condition reads its own.
#[test]
fn conditions_read_the_registers_of_their_variant() {
    let model = model(RV32I);
    let registers = model.hidden.iter().map(|hidden| hidden.name.as_str()).zip(32u8..);
    let read = function(&whole(&model), "call_read");
    let (own, private) = read.split_once("return case_read_code(").expect("it tries this one");
    for (name, register) in registers.filter(|(name, _)| name.ends_with("input_left")) {
        let bound = format!("let rs5 = ports.register({register});");
        let (there, elsewhere) = if name == "input_left" { (own, private) } else { (private, own) };
        assert!(there.contains(&bound) && !elsewhere.contains(&bound), "{name}: {read}");
    }
}

#[test]
fn fused() {
    let model = model(RV32I);
    let named = |name| model.instructions.iter().find(|i| i.name == name).expect("it is in the spec");
    let pair = fused_pair(named("add"), named("sb"));
    let head = quote!(fn add_sb<P: Ports>(ports: &mut P, ops: &[Op], at: &mut usize) -> Result<Flow, Trap>);
    insta::assert_snapshot!("fused_add_sb", pretty(&quote!(#head { #pair })));
}

#[test]
fn semantics() {
    let model = model(RV32I);
    for name in INSTRUCTIONS {
        let instruction = model.instructions.iter().find(|i| i.name == name).expect("it is in the spec");
        let data = instruction_semantics(instruction);
        insta::assert_snapshot!(format!("semantics_{name}"), pretty(&quote!(const S: Semantics = #data;)));
    }
}

/// What RV32I has no use for: a count is a u32, whatever it counts.
#[test]
fn step_counts_ones() {
    let mut sources = Sources::default();
    sources.add_builtin("rv32i", RV32I);
    sources.add_builtin("zbb", include_str!("../../../isa/zbb.toml"));
    let model = compile(&mut sources, "zbb").unwrap_or_else(|errors| panic!("{errors}"));
    for name in ["clz", "cpop"] {
        let instruction = model.instructions.iter().find(|i| i.name == name).expect("it is in the spec");
        let code = pretty(&step_instruction(&model, instruction));
        insta::assert_snapshot!(format!("step_{name}"), without_lines(&code));
    }
}

#[test]
fn derive() {
    let model = model(RV32I);
    for name in ["pc", "funct3", "rd_after", "exit"] {
        let at = model.columns.iter().position(|column| column.name == name).expect("it is in the spec");
        insta::assert_snapshot!(format!("derive_{name}"), pretty(&derive_column(&model, at)));
    }
}

#[test]
fn constraints() {
    let text = format!(
        "{RV32I}\n[[constraint]]\nname = \"sum\"\nguard = \"writes_rd\"\nleft = \"2 * rd_after\"\n\
         right = \"result + rd_after\"\ndoc = \"What is written is the result.\"\n"
    );
    let model = model(&text);
    let sum = model.constraints.iter().find(|c| c.name == "sum").expect("it is in the spec");
    let data = constraint_data(&model, sum);
    insta::assert_snapshot!("constraint_sum", pretty(&quote!(const C: Constraint = #data;)));
    for (name, relation) in [("next_pc", "next_pc"), ("add", "add: t"), ("row", "row")] {
        let relation = model.wiring.relations.iter().find(|of| of.name.starts_with(relation));
        let data = relation_data(&model, relation.expect("it is compiled"));
        insta::assert_snapshot!(format!("relation_{name}"), pretty(&quote!(const C: Constraint = #data;)));
    }
}

/// What an honest prover fills in.
#[test]
fn cells() {
    let model = model(RV32I);
    for name in ["add", "sltu", "lb", "srai", "ecall"] {
        let at = model.instructions.iter().position(|it| it.name == name).expect("it is in the spec");
        let body = fill_instruction(&model, at);
        insta::assert_snapshot!(format!("fill_{name}"), pretty(&quote!(fn fill() { #body })));
    }
}

#[test]
fn every_instruction_names_the_line_it_comes_from() {
    let model = model(RV32I);
    let lines: Vec<&str> = RV32I.lines().collect();
    let code = whole(&model);
    for instruction in &model.instructions {
        let (_, line) = instruction.source.rsplit_once(':').expect("file:line");
        let line = lines[line.parse::<usize>().expect("a number") - 1];
        assert_eq!(line, format!("name      = \"{}\"", instruction.name));
        assert!(code.contains(&format!("/// `{}`, {}", instruction.name, instruction.source)));
    }
}

#[test]
fn output_is_the_same_from_run_to_run() {
    assert_eq!(whole(&model(RV32I)), whole(&model(RV32I)));
}

#[test]
fn fingerprint_is_of_meaning() {
    let fingerprint = model(RV32I).fingerprint;
    let same = [
        RV32I.replace("# Formats:", "# Something else:"),
        RV32I.replace("doc       = \"Ends the guest.\"", "doc = \"The end.\""),
        RV32I.replace("[\"exit code\"]", "[\"code\"]"),
        RV32I.replace("doc       = \"Add.\"", "doc = \"Adds, says the documentation.\""),
        RV32I.replace("\"rd = rs1 + rs2\"", "\"rd = (rs1 + rs2)\""),
        RV32I.replace("\"fence {pred}, {succ}\"", "\"fence {succ}, {pred}\""),
        RV32I.replace("expand = [\"fence w, 0\"]", "expand = [\"fence r, 0\"]"),
        move_first_instruction_to_the_end(RV32I),
    ];
    for text in same {
        assert_ne!(text, RV32I);
        assert_eq!(model(&text).fingerprint, fingerprint);
    }
    let other = [
        RV32I.replace("\"rd = rs1 ^ rs2\"", "\"rd = rs1 ^ (rs2 + 1)\""),
        RV32I.replace("funct12 = 1,", "funct12 = 2,"),
        RV32I.replace(
            "use      = { t = \"add(t = a - b + 0x1_0000_0000)\" }\ngive     = \"t.zero\"",
            "use      = { t = \"add(t = b - a + 0x1_0000_0000)\" }\ngive     = \"t.zero\"",
        ),
        RV32I
            .replace("class  = \"u7\"", "class  = \"u8\"")
            .replace("op.word[0..7]", "op.word[0..8]")
            .replace("op.word[25..32]", "op.word[24..32]"),
        RV32I.replace("number    = 214", "number    = 1214"),
        RV32I.replace("when      = [\"rs2 < rs3\"]", "when      = [\"rs3 > rs2\"]"),
        RV32I.replace("rd = rs2; rd2 = rs2", "rd2 = rs2; rd = rs2"),
        RV32I.replace("rd2 = \"heap_end\" }", "rd2 = \"heap_limit\" }"),
        RV32I.replace("initial = \"heap_limit\"", "initial = \"heap_start\""),
        RV32I.replace("name = \"pc\"\nfrom", "name = \"flow\"\nfrom"),
    ];
    for text in other {
        assert_ne!(text, RV32I);
        assert_ne!(model(&text).fingerprint, fingerprint);
    }
}

/// By the manual's formats: free bits are 15 in R and shifts, 22 in I, S, B and fence, 25 in U and J, none in ecall and
/// ebreak.
#[test]
fn legal_words_are_counted() {
    let expected = (10 + 3) * (1u64 << 15) + (12 + 3 + 6 + 1) * (1 << 22) + 3 * (1 << 25) + 2;
    assert_eq!(model(RV32I).legal_words(), expected);
}

fn move_first_instruction_to_the_end(text: &str) -> String {
    let start = text.find("[[instruction]]").expect("there are instructions");
    let end = start + 1 + text[start + 1..].find("[[instruction]]").expect("there are several");
    format!("{}{}\n{}", &text[..start], &text[end..], &text[start..end])
}
