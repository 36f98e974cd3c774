//! What the page says of instructions: their encoding, their semantics, and what a row of theirs holds.
//!
//! In: a checked [`Model`], whose data and IR are walked; no text is read again. Out: a [`Page`].

use retrace_codegen::ir::{Statement, TrapKind};
use retrace_codegen::model::{
    AsmPiece, Bits, ColumnSource, Format, Immediate, Instruction, Operand, READS, WRITES,
};
use retrace_codegen::{Model, text as ir_text};

use super::diagram::{diagram, range};
use super::page::{
    Body, Entry, Fact, Inline, Line, Page, Section, anchor, clean, code, fact, link, list, text,
};
use super::{opcodes, row, units};
use crate::cli::output;

pub(super) fn page(model: &Model) -> Page {
    let extends = list(model.extends.iter().map(code), "nothing");
    let legal = model.legal_words();
    let recorded = model.columns.iter().filter(|c| matches!(c.source, ColumnSource::Recorded(_))).count();
    Page {
        title: clean(&model.name),
        doc: vec![text(&model.doc)],
        facts: vec![
            fact("Fingerprint", vec![code(super::fingerprint(model))]),
            fact("Extends", extends),
            fact(
                "Size",
                vec![text(format!(
                    "{} instructions of {} bits; {} columns declared, {recorded} of them recorded; {} constraints and \
                     relations; {} of 2^32 words are legal",
                    model.instructions.len(),
                    model.xlen,
                    model.columns.len(),
                    model.constraints.len() + model.wiring.relations.len(),
                    output::number(legal),
                ))],
            ),
        ],
        sections: [
            vec![how_to_read(), index(model), formats(model), instructions(model), opcodes::pseudos(model)],
            row::sections(model),
            units::sections(model),
            vec![opcodes::opcodes(model)],
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

fn how_to_read() -> Section {
    let rows = [
        ("x[word[hi:lo]]", "The register whose number these bits of the word are."),
        ("row", "One cycle: one instruction executed. Rows T to 2^n are padding, in which all cells are 0."),
        (
            "column",
            "One value of every row. It is recorded by execution, or derived from other columns and the code.",
        ),
        ("class", "The integers that a column's cells are in. It is assumed, not proven."),
        ("op.…", "What the code table knows of the row's instruction: its address, word, operands."),
        (
            "constraint",
            "guard · (left − right) = 0 in every row, padding included, over integers rather than words.",
        ),
        ("unit", "A fixed piece of arithmetic that every row has room for: cells, a relation, look-ups."),
        ("relation", "What is zero in every row modulo the prime of the proof."),
        ("link", "A column of a row equals another column of the row before."),
        ("active, first, last", "Public columns: 1 in rows 0 to T − 1, in row 0, in row T − 1; 0 elsewhere."),
    ];
    Section {
        anchor: "how-to-read",
        title: "How to read this page",
        intro: vec![
            vec![text(
                "This page is made from the spec that decoder, executor, witness and constraints are generated from. \
                 Encoding diagrams show a word from bit 31 to bit 0: fixed bits in binary, register fields by name, and \
                 which bits of the immediate are where.",
            )],
            vec![text(
                "Operations are Rust expressions over words of explicit width and sign; nothing is extended or truncated \
                 unless the text says so, and arithmetic is modulo 2 to the width.",
            )],
        ],
        body: Body::Table {
            head: vec!["word", "means"],
            rows: rows.map(|(word, meaning)| vec![vec![code(word)], vec![text(meaning)]]).into(),
        },
    }
}

fn index(model: &Model) -> Section {
    let row = |instruction: &Instruction| {
        vec![
            vec![link("instruction", &instruction.name)],
            vec![text(&instruction.doc)],
            operation(instruction),
        ]
    };
    Section {
        anchor: "index",
        title: "Index of instructions",
        intro: Vec::new(),
        body: Body::Table {
            head: vec!["instruction", "does", "operation"],
            rows: model.instructions.iter().map(row).collect(),
        },
    }
}

/// The formats that instructions use, in the order of their names.
fn formats(model: &Model) -> Section {
    let mut formats: Vec<&Format> =
        model.instructions.iter().map(|instruction| &instruction.format).collect();
    formats.sort_by(|a, b| a.name.cmp(&b.name));
    formats.dedup_by(|a, b| a.name == b.name);
    let entry = |format: &Format| {
        let used = model.instructions.iter().filter(|instruction| instruction.format.name == format.name);
        let mut facts = vec![fact("Instructions", list(used.map(|i| link("instruction", &i.name)), "none"))];
        facts.extend(format.imm.as_ref().map(|imm| fact("Immediate", immediate(imm))));
        Entry {
            anchor: anchor("format", &format.name),
            name: clean(&format.name),
            doc: Vec::new(),
            diagram: Some(diagram(format, 0, 0)),
            facts,
        }
    };
    Section {
        anchor: "formats",
        title: "Formats",
        intro: vec![vec![text(
            "Which bits of a word are which field, and how the immediate is put together.",
        )]],
        body: Body::Entries(formats.into_iter().map(entry).collect()),
    }
}

fn immediate(imm: &Immediate) -> Line {
    let place = |(from, to): &(Bits, u32)| (Bits { hi: to + from.width() - 1, lo: *to }, *from);
    let mut pieces: Vec<(Bits, Bits)> = imm.pieces.iter().map(place).collect();
    pieces.sort_by_key(|(to, _)| std::cmp::Reverse(*to));
    let filled = pieces.iter().fold(0, |filled, (to, _)| filled | to.mask());
    let piece = |(to, from): &(Bits, Bits)| code(format!("imm[{}] = word[{}]", range(*to), range(*from)));
    let extended = if imm.signed { "sign-extended" } else { "zero-extended" };
    let mut line = vec![text(format!("{} bits, {extended}: ", imm.width))];
    line.extend(list(pieces.iter().map(piece), "none"));
    if filled.count_ones() < imm.width {
        line.push(text("; its other bits are 0"));
    }
    line
}

fn instructions(model: &Model) -> Section {
    Section {
        anchor: "instructions",
        title: "Instructions",
        intro: vec![vec![text("In the order of their names.")]],
        body: Body::Entries(model.instructions.iter().map(|i| instruction(model, i)).collect()),
    }
}

fn instruction(model: &Model, instruction: &Instruction) -> Entry {
    let Instruction { mask, bits, .. } = instruction;
    let mut facts = vec![
        fact("Assembly", vec![code(assembly(&instruction.asm))]),
        fact("Operation", operation(instruction)),
        fact(
            "Encoding",
            vec![
                text("format "),
                link("format", &instruction.format.name),
                text(", "),
                code(format!("word & {mask:#010x} == {bits:#010x}")),
            ],
        ),
        fact("Reads", reads(model, instruction)),
        fact("Writes", writes(model, instruction)),
    ];
    facts.extend(memory(model, instruction).map(|value| fact("Memory", value)));
    facts.push(fact("Next pc", next_pc(model, instruction)));
    facts.push(records(model, instruction));
    facts.extend(units::compiled(model, instruction));
    facts.push(fact("Declared in", vec![code(&instruction.source)]));
    Entry {
        anchor: anchor("instruction", &instruction.name),
        name: clean(&instruction.name),
        doc: vec![text(&instruction.doc)],
        diagram: Some(diagram(&instruction.format, *mask, *bits)),
        facts,
    }
}

fn operation(instruction: &Instruction) -> Line {
    match instruction.semantics_text.trim() {
        "" => vec![text("nothing")],
        written => vec![code(written)],
    }
}

fn assembly(pieces: &[AsmPiece]) -> String {
    let piece = |piece: &AsmPiece| match piece {
        AsmPiece::Text(text) => text.clone(),
        AsmPiece::Register(name) => (*name).to_owned(),
        AsmPiece::Imm => "imm".to_owned(),
        AsmPiece::UpperImm(shift) => format!("imm >> {shift}"),
        AsmPiece::Target => "target".to_owned(),
        AsmPiece::Letters(field) => field.clone(),
    };
    pieces.iter().map(piece).collect()
}

/// A port and the register behind it.
fn port(model: &Model, name: &str, operand: Operand) -> Option<Inline> {
    match operand {
        Operand::None => None,
        Operand::Field(bits) => Some(code(format!("{name} = x[word[{}]]", range(bits)))),
        Operand::Fixed(register) => {
            let register = model.register(register).unwrap_or_default();
            Some(code(format!("{name} = {register}")))
        }
    }
}

fn reads(model: &Model, instruction: &Instruction) -> Line {
    let ports = READS.into_iter().zip(model.ports(instruction).1);
    list(ports.filter_map(|(name, operand)| port(model, name, operand)), "no register")
}

fn writes(model: &Model, instruction: &Instruction) -> Line {
    let ports = WRITES.into_iter().zip(model.ports(instruction).0);
    list(ports.filter_map(|(name, operand)| port(model, name, operand)), "no register")
}

fn memory(model: &Model, instruction: &Instruction) -> Option<Line> {
    let access = |what: &str, bits: &u32, address| {
        let bytes = bits / 8;
        let unit = if bytes == 1 { "byte" } else { "bytes" };
        let address = ir_text::expression(model, address);
        vec![text(format!("{what} {bytes} {unit} at ")), code(address)]
    };
    let load = if instruction.semantics.updates() { "loads and stores" } else { "loads" };
    instruction.semantics.statements.iter().find_map(|statement| match statement {
        Statement::Load { bits, address } => Some(access(load, bits, address)),
        Statement::Store { bits, address, .. } => Some(access("stores", bits, address)),
        Statement::Call { .. } => Some(vec![text("at most one aligned word, as the call says")]),
        _ => None,
    })
}

fn next_pc(model: &Model, instruction: &Instruction) -> Line {
    let mut line = Vec::new();
    for statement in &instruction.semantics.statements {
        let (condition, outcome) = match statement {
            Statement::Jump { condition, target } => (condition, code(ir_text::expression(model, target))),
            Statement::Trap { condition, cause } => {
                let cause = match cause {
                    TrapKind::Breakpoint => "none, the run ends with a breakpoint",
                    TrapKind::Undecodable => "none, the run ends as if the word did not decode",
                };
                (condition, text(cause))
            }
            _ => continue,
        };
        line.push(outcome);
        match condition {
            None => return line,
            Some(condition) => {
                line.extend([text(" if "), code(ir_text::expression(model, condition)), text(", else ")]);
            }
        }
    }
    line.push(text("the next instruction"));
    if instruction.semantics.makes_calls() {
        line.push(text(", or 0 if the call ends the guest"));
    }
    line
}

/// What the instruction's rows record; one that always traps has none.
fn records(model: &Model, instruction: &Instruction) -> Fact {
    if instruction.semantics.always_traps() {
        return fact("Records", vec![text("nothing: it never completes a row")]);
    }
    let mut records = Vec::new();
    for column in &model.columns {
        let ColumnSource::Recorded(sources) = &column.source else { continue };
        if let Some(source) = sources.iter().find(|source| instruction.defines(source)) {
            records.push((column, source));
        }
    }
    let mut line = Vec::new();
    for (column, source) in records {
        if !line.is_empty() {
            line.push(text(", "));
        }
        line.extend([link("column", &column.name), text(" = "), code(source.name())]);
    }
    fact("Records", line)
}
