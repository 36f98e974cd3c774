//! How much the checker sees: RV32I with one thing taken out or changed, for every thing.

#![allow(clippy::expect_used, clippy::panic)]

use retrace_codegen::model::Model;
use retrace_codegen::{Code, Diagnostics, Sources, compile};

const RV32I: &str = include_str!("../../../isa/rv32i.toml");

fn check(text: &str) -> Result<Model, Diagnostics> {
    let mut sources = Sources::default();
    sources.add_builtin("rv32i", text);
    compile(&mut sources, "rv32i")
}

fn codes(result: Result<Model, Diagnostics>) -> Vec<Code> {
    let mut codes: Vec<Code> = match result {
        Ok(_) => Vec::new(),
        Err(errors) => errors.errors().iter().map(|error| error.code).collect(),
    };
    codes.dedup();
    codes
}

/// The tables of a kind, each with its name.
fn tables(kind: &str) -> Vec<(String, String)> {
    let header = format!("[[{kind}]]\n");
    let starts = RV32I.match_indices(&header).map(|(at, _)| at);
    starts
        .map(|at| {
            let end = RV32I[at..].find("\n\n").map_or(RV32I.len(), |length| at + length);
            let table = &RV32I[at..end];
            let name = table.split('"').nth(1).expect("a name comes first");
            (name.to_owned(), table.to_owned())
        })
        .collect()
}

/// How many (column, group) pairs are left open.
fn open(model: &Model) -> usize {
    model.open.iter().map(|open| open.groups.len()).sum()
}

/// Whatever constraint is taken out, the checker says that a value is no longer shown to be right, or that more columns
/// are open, but for three. That a row is of one group and which register it may write are facts of the program, and where
/// the run ends is the statement's: the checker takes them as given.
#[test]
fn every_constraint_is_missed() {
    let whole = check(RV32I).unwrap_or_else(|errors| panic!("{errors}"));
    let tables = tables("constraint");
    assert_eq!(tables.len(), whole.constraints.len());
    let unnoticed: Vec<String> = tables
        .into_iter()
        .filter(|(_, table)| match check(&RV32I.replace(table, "")) {
            Ok(model) => open(&model) == open(&whole),
            Err(errors) => errors.errors().iter().any(|error| error.code != Code::UncoveredNode),
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(unnoticed, ["one_group", "writes_nothing", "exit_is_call"]);
}

#[test]
fn every_look_up_is_missed() {
    for (name, table) in tables("lookup") {
        assert_eq!(codes(check(&RV32I.replace(&table, ""))), [Code::UncoveredNode], "{name}");
    }
}

/// An instruction in a group of another meaning breaks a constraint, or leaves a value open.
#[test]
fn an_instruction_in_a_wrong_group_is_refused() {
    let moves = [
        ("xor", "alu", "add"),
        ("add", "add", "sub"),
        ("addi", "addi", "alu"),
        ("lb", "load", "load_word"),
        ("sb", "store", "store_word"),
        ("beq", "branch", "alu"),
        ("jal", "jal", "idle"),
        ("jalr", "jalr", "jal"),
        ("lui", "lui", "auipc"),
        ("auipc", "auipc", "lui"),
        ("ecall", "call", "idle"),
    ];
    let tables = tables("instruction");
    for (name, from, to) in moves {
        let (_, table) = tables.iter().find(|(known, _)| known == name).expect("it is in the spec");
        let moved = table.replace(&format!("group     = \"{from}\""), &format!("group     = \"{to}\""));
        assert_ne!(*table, moved);
        assert!(check(&RV32I.replace(table, &moved)).is_err(), "{name} as {to} is not refused");
    }
}

/// Semantics that say something else than the constraints are refused, with the operands that show it.
#[test]
fn semantics_that_break_their_constraints_are_refused() {
    let cases = [
        ("\"rd = rs1 - rs2\"", "\"rd = rs2 - rs1\"", "rs1 = 0x"),
        ("\"rd = pc + 4; jump(pc + imm)\"", "\"rd = pc + 8; jump(pc + imm)\"", "pc = 0x"),
        ("jump((rs1 + imm) & 0xffff_fffe)", "jump((rs1 - imm) & 0xffff_fffe)", "imm = "),
        ("\"rd = imm\"", "\"rd = imm + 1\"", "imm = "),
        ("\"store::<32>(rs1 + imm, rs2)\"", "\"store::<32>(rs1 + imm, rs2 ^ 1)\"", "rs2 = 0x"),
        ("\"rd = load::<32>(rs1 + imm)\"", "\"rd = load::<32>(rs1 - imm)\"", "imm = "),
    ];
    for (from, to, operands) in cases {
        assert_eq!(RV32I.matches(from).count(), 1, "{from}");
        let errors = check(&RV32I.replace(from, to)).expect_err(to);
        assert!(errors.errors().iter().all(|error| error.code == Code::ConstraintViolated), "{errors}");
        assert!(errors.to_string().contains(operands), "{errors}");
    }
}

/// Kinds and fused pairs share a byte: what a spec says itself is kept.
#[test]
fn fused_pairs_have_the_room_that_instructions_leave() {
    let fused = check(RV32I).expect("it has no error").fused.len();
    let own: String = (0..180)
        .map(|at| {
            format!(
                "[[instruction]]\nname = \"own{at}\"\nformat = \"R\"\nfixed = {{ funct7 = {}, funct3 = {}, opcode = 0b0001011 }}\n\
                 asm = \"own{at} {{rd}}, {{rs1}}, {{rs2}}\"\nsemantics = \"rd = rs1 ^ rs2\"\ngroup = \"alu\"\ndoc = \"One of many.\"\n",
                at / 8,
                at % 8
            )
        })
        .collect();
    let text = format!("{}\nown1 = [\"own2\"]\n\n{own}", RV32I.trim_end());
    let model = check(&text).expect("it has no error");
    let names = |pair: &(usize, usize)| [pair.0, pair.1].map(|at| model.instructions[at].name.as_str());
    assert_eq!(model.instructions.len() + model.fused.len(), 255);
    assert!(model.fused.len() < fused);
    assert_eq!(model.fused.last().map(names), Some(["own1", "own2"]));
}
