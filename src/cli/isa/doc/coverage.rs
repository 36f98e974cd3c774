//! What the page says of the whole: what shows results to be right, what is left open, the opcode map, pseudo-instructions.

use retrace_codegen::Model;
use retrace_codegen::model::{Cover, Covered, Instruction, Lookup, Opcode, OpenColumn, Pseudo};

use super::page::{Body, Entry, Fact, Inline, Line, Section, anchor, clean, code, fact, link, list, text};
use crate::cli::output;

pub(super) fn sections(model: &Model) -> Vec<Section> {
    let mut sections = vec![lookups(model), open(model), opcodes(model)];
    // A table without rows says nothing.
    sections.retain(|section| match &section.body {
        Body::Table { rows, .. } => !rows.is_empty(),
        Body::Entries(entries) => !entries.is_empty(),
    });
    sections
}

/// The operations of an instruction that are not linear, each with what determines the column that shows its result.
pub(super) fn covers(model: &Model, instruction: &Instruction) -> Option<Fact> {
    // What is shown by the same is said once.
    let mut shown: Vec<(&String, &Vec<Cover>, Vec<&String>)> = Vec::new();
    let covered = model.coverage.iter().filter(|covered| covered.instruction == instruction.name);
    for Covered { operation, column, by, .. } in covered {
        match shown.iter_mut().find(|known| (known.0, known.1) == (column, by)) {
            Some((_, _, operations)) => operations.push(operation),
            None => shown.push((column, by, vec![operation])),
        }
    }
    let mut line = Line::new();
    for (column, by, operations) in shown {
        if !line.is_empty() {
            line.push(text("; "));
        }
        line.extend(list(operations.into_iter().map(code), ""));
        line.extend([text(" in "), link("column", column), text(", by ")]);
        line.extend(list(by.iter().map(cover), "nothing"));
    }
    (!line.is_empty()).then(|| fact("Shown right", line))
}

fn cover(cover: &Cover) -> Inline {
    match cover {
        Cover::Constraint(name) => link("constraint", name),
        Cover::Lookup(name) => {
            Inline::Link { anchor: anchor("lookup", name), text: clean(&format!("look-up {name}")) }
        }
    }
}

fn lookups(model: &Model) -> Section {
    let column = |at: &usize| link("column", &model.columns[*at].name);
    let lookup = |lookup: &Lookup| Entry {
        anchor: anchor("lookup", &lookup.name),
        name: clean(&lookup.name),
        doc: vec![text(&lookup.doc)],
        diagram: None,
        facts: vec![
            fact("Output", vec![column(&lookup.output)]),
            fact("Inputs", list(lookup.inputs.iter().map(column), "none")),
            fact(
                "In rows of",
                list(lookup.groups.iter().map(|group| link("group", &model.groups[*group].name)), "none"),
            ),
        ],
    };
    Section {
        anchor: "lookups",
        title: "Look-ups to come",
        intro: vec![vec![text(
            "What constraints leave open: in rows of these groups the output is the instruction's own function of the \
             inputs. Nothing proves them yet.",
        )]],
        body: Body::Entries(model.lookups.iter().map(lookup).collect()),
    }
}

fn open(model: &Model) -> Section {
    let row = |open: &OpenColumn| {
        vec![
            vec![link("column", &open.column)],
            list(open.groups.iter().map(|group| link("group", group)), "none"),
        ]
    };
    Section {
        anchor: "open",
        title: "Columns left open",
        intro: vec![vec![text(
            "Columns that may have other values than the honest one in rows of these groups, within their range classes, as \
             far as constraints and look-ups go.",
        )]],
        body: Body::Table { head: vec!["column", "in rows of"], rows: model.open.iter().map(row).collect() },
    }
}

fn opcodes(model: &Model) -> Section {
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
