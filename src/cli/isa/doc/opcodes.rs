//! What the page says of the whole: the opcode map, pseudo-instructions.

use retrace_codegen::Model;
use retrace_codegen::model::{Opcode, Pseudo};

use super::page::{Body, Section, code, list, text};
use crate::cli::output;

pub(super) fn opcodes(model: &Model) -> Section {
    let row = |opcode: &Opcode| {
        vec![
            vec![code(format!("{:07b}", opcode.opcode))],
            opcode.name.iter().map(code).collect(),
            vec![text(output::number(opcode.legal))],
            vec![text(format!("{} {}", output::number(Opcode::WORDS - opcode.legal), opcode.rest()))],
        ]
    };
    let opcodes = model.opcodes();
    let named = opcodes.iter().filter(|opcode| opcode.name.is_some() || opcode.legal > 0);
    Section {
        anchor: "opcodes",
        title: "Opcode map",
        intro: vec![vec![text(
            "By the low seven bits of a word: how many of the 33,554,432 words are instructions, and what the others are for.",
        )]],
        body: Body::Table {
            head: vec!["opcode", "name", "instructions", "others"],
            rows: named.map(row).collect(),
        },
    }
}

/// The assembler's abbreviations.
pub(super) fn pseudos(model: &Model) -> Section {
    let row = |pseudo: &Pseudo| {
        vec![
            vec![code(&pseudo.asm)],
            list(pseudo.expansions.iter().map(code), "nothing"),
            vec![text(&pseudo.doc)],
        ]
    };
    Section {
        anchor: "pseudo-instructions",
        title: "Pseudo-instructions",
        intro: vec![vec![text(
            "What the assembler takes for one or more instructions; of several expansions, the first whose operands fit.",
        )]],
        body: Body::Table {
            head: vec!["written", "stands for", "does"],
            rows: model.pseudos.iter().map(row).collect(),
        },
    }
}
