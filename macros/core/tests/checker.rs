//! The room that a spec has for instructions and fused pairs.

#![allow(clippy::expect_used, clippy::panic)]

use retrace_codegen::model::Model;
use retrace_codegen::{Diagnostics, Sources, compile};

const RV32I: &str = include_str!("../../../isa/rv32i.toml");

fn check(text: &str) -> Result<Model, Diagnostics> {
    let mut sources = Sources::default();
    sources.add_builtin("rv32i", text);
    compile(&mut sources, "rv32i")
}

/// Instructions and fused pairs share a byte: what a spec says itself is kept.
#[test]
fn fused_pairs_have_the_room_that_instructions_leave() {
    let fused = check(RV32I).expect("it has no error").fused.len();
    let own: String = (0..130)
        .map(|at| {
            format!(
                "[[instruction]]\nname = \"own{at}\"\nformat = \"R\"\nfixed = {{ funct7 = {}, funct3 = {}, opcode = 0b0001011 }}\n\
                 asm = \"own{at} {{rd}}, {{rs1}}, {{rs2}}\"\nsemantics = \"rd = rs1 ^ rs2\"\ndoc = \"One of many.\"\n",
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

/// Instructions and variants of calls are kinds, which have a byte.
#[test]
fn variants_have_the_room_that_instructions_leave() {
    let own = |count: usize| -> String {
        let table = |at: usize| {
            format!(
                "[[call]]\nname = \"own{at}\"\nnumber = {}\nsemantics = \"rd = 0\"\ndoc = \"One of many.\"\n",
                1000 + at
            )
        };
        (0..count).map(table).collect()
    };
    let room = 254 - check(RV32I).expect("it has no error").kinds().count();
    let with = |count: usize| check(&format!("{RV32I}\n{}", own(count)));
    assert_eq!(with(room).expect("it has no error").kinds().count(), 254);
    let errors = with(room + 1).expect_err("there is no room").to_string();
    assert!(errors.contains("255 instructions and variants of calls: a spec has at most 254"), "{errors}");
}
