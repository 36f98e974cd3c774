//! Instructions: fixed bits, operands; semantics are typed in [`super::semantics`], assembly text in [`asm`].

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::ExprKind;
use crate::model::{AsmPiece, Format, Instruction, Operand, READS, WRITES, camel_case};
use crate::parse::{Entry, InstructionTable, Tables, Text};
use crate::source::{Sources, Span};

use super::encoding::OPERANDS;
use super::semantics::{self, Ports};
use super::{asm, find, register, unique};

pub(super) fn instructions(
    sources: &Sources,
    tables: &Tables,
    formats: &[Format],
    registers: &[String],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Instruction> {
    // Generated names have no dots and underscores: the variants of for_each_instruction.
    unique("instruction", tables.instructions.iter().map(|table| &table.name), errors);
    for (at, table) in tables.instructions.iter().enumerate() {
        let variant = camel_case(&table.name.value);
        let same = |other: &&InstructionTable| {
            other.name.value != table.name.value && camel_case(&other.name.value) == variant
        };
        if let Some(other) = tables.instructions[..at].iter().find(same) {
            errors.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    &table.name.span,
                    format!("`{}` and `{}` are both `{variant}` in Rust", other.name.value, table.name.value),
                )
                .label("the second")
                .other(&other.name.span, "the first")
                .hint("names of instructions differ by more than dots and underscores"),
            );
        }
    }
    if tables.instructions.len() >= usize::from(u8::MAX) {
        errors.push(
            Diagnostic::new(
                Code::TooManyInstructions,
                &tables.name.span,
                format!("{} instructions: a spec has at most 254", tables.instructions.len()),
            )
            .hint("a predecoded instruction has one byte for which it is"),
        );
    }
    tables
        .instructions
        .iter()
        .filter_map(|table| instruction(sources, table, formats, registers, errors))
        .collect()
}

fn instruction(
    sources: &Sources,
    table: &InstructionTable,
    formats: &[Format],
    registers: &[String],
    errors: &mut Vec<Diagnostic>,
) -> Option<Instruction> {
    let names = formats.iter().map(|format| format.name.as_str());
    let format = &formats[find((Code::UnknownFormat, "format"), &table.format, names, errors)?];
    check_name(&table.name, errors);
    let before = errors.len();
    let (mask, bits) = fixed(table, format, errors);
    let is_fixed = errors.len() == before;
    let ports = ports(table, format, registers, errors);
    let before = errors.len();
    let semantics = semantics::semantics(&table.semantics, ports, format, errors);
    let asm = asm::asm(table, format, errors);
    let is_sound = errors.len() == before;
    let mut instruction = Instruction {
        name: table.name.value.clone(),
        doc: table.doc.value.clone(),
        format: format.clone(),
        mask,
        bits,
        is_fixed,
        writes: ports.writes,
        reads: ports.reads,
        asm,
        semantics_text: table.semantics.value.clone(),
        when: String::new(),
        semantics,
        written: table.semantics.clone(),
        span: table.name.span.clone(),
        source: place(sources, &table.name.span),
    };
    let is_sound = is_sound && reread(&mut instruction, ports, errors);
    leave_idle(&mut instruction);
    if is_sound {
        asm::shown(table, &instruction, errors);
        idle(table, &instruction, errors);
    }
    Some(instruction)
}

/// Gives a free port each destination that the semantics read; says whether each of these is written too.
pub(super) fn reread(instruction: &mut Instruction, ports: Ports, errors: &mut Vec<Diagnostic>) -> bool {
    let before = errors.len();
    for (destination, name) in WRITES.into_iter().enumerate() {
        let uses = |port: &usize| instruction.semantics.uses(&ExprKind::Read(*port));
        let Some(port) = ports.rereads(destination).filter(uses) else { continue };
        instruction.reads[port] = ports.writes[destination];
        if !instruction.semantics.writes(destination) {
            let message = format!("`{name}` is read, and never written");
            let hint = match instruction.is_variant() {
                true => "read its register through a port: registers = { rs5 = \"…\" }",
                false => "call a field that is only read rs1, rs2 or rs3",
            };
            errors.push(Diagnostic::new(Code::BadAssignment, &instruction.written.span, message).hint(hint));
        }
    }
    errors.len() == before
}

/// A port that the semantics leave alone is none, whatever the format says.
pub(super) fn leave_idle(instruction: &mut Instruction) {
    for (port, write) in instruction.writes.iter_mut().enumerate() {
        if !instruction.semantics.writes(port) {
            *write = Operand::None;
        }
    }
    for (port, read) in instruction.reads.iter_mut().enumerate() {
        if !instruction.semantics.uses(&ExprKind::Read(port)) {
            *read = Operand::None;
        }
    }
}

/// File and line.
pub(super) fn place(sources: &Sources, span: &Span) -> String {
    format!("{}:{}", sources.file(span.file).name, sources.line_column(span).0)
}

pub(super) fn check_name(name: &Text, errors: &mut Vec<Diagnostic>) {
    let ok = name.value.starts_with(|c: char| c.is_ascii_lowercase())
        && name.value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '_')
        && camel_case(&name.value) != "Self";
    if !ok {
        errors.push(
            Diagnostic::new(Code::BadName, &name.span, format!("`{}` is no mnemonic", name.value))
                .hint("lower-case letters, digits, dots and underscores, a letter first; not self"),
        );
    }
}

/// The mask and value of the fixed bits; every field that is no operand must be fixed.
fn fixed(table: &InstructionTable, format: &Format, errors: &mut Vec<Diagnostic>) -> (u32, u32) {
    let (mut mask, mut bits) = (0, 0);
    for Entry { key, value } in &table.fixed {
        let Some(field) = format.fields.iter().find(|field| field.name == key.value) else {
            errors.push(
                Diagnostic::new(
                    Code::UnknownField,
                    &key.span,
                    format!("format `{}` has no field `{}`", format.name, key.value),
                )
                .did_you_mean(&key.value, format.fields.iter().map(|field| field.name.as_str())),
            );
            continue;
        };
        let width = field.bits.width();
        if value.value >> width != 0 {
            errors.push(
                Diagnostic::new(
                    Code::ValueWidth,
                    &value.span,
                    format!("{:#b} does not fit the {width} bits of `{}`", value.value, key.value),
                )
                .hint(format!("at most {:#b}", (1u64 << width) - 1)),
            );
            continue;
        }
        mask |= field.bits.mask();
        bits |= (value.value as u32) << field.bits.lo;
    }
    for field in &format.fields {
        let named = table.fixed.iter().any(|entry| entry.key.value == field.name);
        if !named && field.letters.is_none() && !OPERANDS.contains(&field.name.as_str()) {
            errors.push(
                Diagnostic::new(
                    Code::UnfixedField,
                    &table.name.span,
                    format!("`{}` does not say what field `{}` is", table.name.value, field.name),
                )
                .hint(format!("add it to `fixed`: {} = …", field.name)),
            );
        }
    }
    (mask, bits)
}

/// Registers that the word names, and nothing reads or writes: the instruction would have many words for one meaning.
fn idle(table: &InstructionTable, instruction: &Instruction, errors: &mut Vec<Diagnostic>) {
    for name in OPERANDS {
        let Some(bits) = instruction.field(name) else { continue };
        let used =
            instruction.writes.iter().chain(&instruction.reads).any(|port| *port == Operand::Field(bits));
        let shown = instruction.asm.contains(&AsmPiece::Register(name));
        if used || shown {
            continue;
        }
        let bound = table.registers.iter().find(|entry| entry.key.value == name);
        let (span, message, hint) = match bound {
            Some(entry) => (
                &entry.key.span,
                format!(
                    "`{name}` is a register of the instruction's own, and a field of format `{}` too",
                    instruction.format.name
                ),
                format!("fix the field: {name} = 0 in `fixed`; or leave `{name}` out of `registers`"),
            ),
            None => (
                &table.name.span,
                format!("`{}` does not say what field `{name}` is, and nothing uses it", table.name.value),
                format!("add it to `fixed`: {name} = 0; or take a format that ignores these bits"),
            ),
        };
        errors.push(Diagnostic::new(Code::UnfixedField, span, message).hint(hint));
    }
    if instruction.format.imm.is_some() && !instruction.semantics.uses(&ExprKind::Imm) {
        let message = format!("nothing uses the immediate of `{}`", table.name.value);
        errors.push(
            Diagnostic::new(Code::UnfixedField, &table.name.span, message)
                .hint("take a format without an immediate, whose bits are fields to be fixed, or `ignored`"),
        );
    }
}

/// The ports: fields of the format, or registers that the instruction names.
pub(super) fn ports(
    table: &InstructionTable,
    format: &Format,
    registers: &[String],
    errors: &mut Vec<Diagnostic>,
) -> Ports {
    let field = |port: &str| {
        let field = format.fields.iter().find(|field| field.name == port);
        let free = field.filter(|_| !table.fixed.iter().any(|entry| entry.key.value == port));
        free.map_or(Operand::None, |field| Operand::Field(field.bits))
    };
    let mut ports = Ports { writes: WRITES.map(field), reads: READS.map(field) };
    for Entry { key, value } in &table.registers {
        let names = WRITES.into_iter().chain(READS);
        let Some(port) = find((Code::UnknownPort, "port"), key, names, errors) else { continue };
        // A port whose register is in error is still a port: the semantics may use it.
        let operand = Operand::Fixed(register(registers, value, errors).unwrap_or_default());
        match port.checked_sub(WRITES.len()) {
            Some(read) => ports.reads[read] = operand,
            None => ports.writes[port] = operand,
        }
    }
    ports
}
