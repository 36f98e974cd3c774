//! Instructions: fixed bits, operands; semantics are typed in [`super::semantics`], assembly text in [`asm`].

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::ExprKind;
use crate::model::{Format, Instruction, Operand, camel_case};
use crate::parse::{Entry, InstructionTable, Tables, Text};
use crate::source::Sources;

use super::encoding::OPERANDS;
use super::{asm, find, register, semantics, unique};

/// The ports that `registers = { … }` can bind.
const PORTS: [&str; 5] = ["rd", "rs1", "rs2", "rs3", "rs4"];

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
    let operands = operands(table, format, registers, errors);
    let [rd, mut reads @ ..] = operands;
    // A free port reads the destination, where the semantics do.
    let reads_rd = reads.iter().position(|read| *read == Operand::None);
    let before = errors.len();
    let semantics = semantics::semantics(&table.semantics, (&operands, reads_rd), format, errors);
    if let Some(port) = reads_rd {
        reads[port] = rd;
    }
    let asm = asm::asm(table, format, errors);
    let mut is_sound = errors.len() == before;
    let mut instruction = Instruction {
        name: table.name.value.clone(),
        doc: table.doc.value.clone(),
        format: format.clone(),
        mask,
        bits,
        is_fixed,
        rd,
        reads,
        asm,
        semantics_text: table.semantics.value.clone(),
        semantics,
        written: table.semantics.clone(),
        span: table.name.span.clone(),
        source: format!(
            "{}:{}",
            sources.file(table.name.span.file).name,
            sources.line_column(&table.name.span).0
        ),
    };
    if let Some(port) = reads_rd.filter(|_| is_sound)
        && instruction.semantics.uses(&ExprKind::Read(port))
        && !instruction.semantics.writes()
    {
        errors.push(
            Diagnostic::new(Code::BadAssignment, &table.semantics.span, "`rd` is read, and never written")
                .hint("call a field that is only read rs1, rs2 or rs3"),
        );
        is_sound = false;
    }
    // A port that the semantics leave alone reads nothing, whatever the format says.
    if !instruction.semantics.writes() {
        instruction.rd = Operand::None;
    }
    for (port, read) in instruction.reads.iter_mut().enumerate() {
        if !instruction.semantics.uses(&ExprKind::Read(port)) {
            *read = Operand::None;
        }
    }
    if is_sound {
        asm::shown(table, &instruction, errors);
    }
    Some(instruction)
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

/// rd and the four read ports: fields of the format, or registers that the instruction names.
fn operands(
    table: &InstructionTable,
    format: &Format,
    registers: &[String],
    errors: &mut Vec<Diagnostic>,
) -> [Operand; 5] {
    let mut operands = PORTS.map(|port| {
        let field = format.fields.iter().find(|field| field.name == port);
        let free = field.filter(|_| !table.fixed.iter().any(|entry| entry.key.value == port));
        free.map_or(Operand::None, |field| Operand::Field(field.bits))
    });
    for Entry { key, value } in &table.registers {
        let Some(port) = find((Code::UnknownPort, "port"), key, PORTS.into_iter(), errors) else { continue };
        // A port whose register is in error is still a port: the semantics may use it.
        operands[port] = Operand::Fixed(register(registers, value, errors).unwrap_or_default());
    }
    operands
}
