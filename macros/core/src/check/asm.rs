//! Assembly text: pieces that the disassembler prints and the assembler takes apart again, so nothing may be lost.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::ExprKind;
use crate::model::{AsmPiece, Format, Instruction, Operand, READS, WRITES};
use crate::parse::{InstructionTable, Text};
use crate::source::Span;

use super::encoding::OPERANDS;

/// What may separate operands: what no expression of the assembler begins or goes on with.
const SEPARATORS: [char; 6] = [' ', ',', '(', ')', '[', ']'];

/// A part of assembly text as written.
pub(super) enum Part<'t> {
    Text(&'t str, Span),
    /// Between braces.
    Operand(&'t str, Span),
}

/// Takes text apart at its braces.
pub(super) fn parts<'t>(text: &'t Text, errors: &mut Vec<Diagnostic>) -> Vec<Part<'t>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(open) = text.value[at..].find('{').map(|found| at + found) {
        let Some(close) = text.value[open..].find('}').map(|found| open + found) else {
            errors.push(
                Diagnostic::new(Code::BadAsm, &text.at(open..open + 1), "this brace is not closed")
                    .hint("an operand stands in braces: {rd}"),
            );
            return parts;
        };
        if open > at {
            parts.push(Part::Text(&text.value[at..open], text.at(at..open)));
        }
        parts.push(Part::Operand(text.value[open + 1..close].trim(), text.at(open..close + 1)));
        at = close + 1;
    }
    if at < text.value.len() {
        parts.push(Part::Text(&text.value[at..], text.at(at..text.value.len())));
    }
    parts
}

/// The mnemonic comes first; operands are separated, and none is shown twice.
pub(super) fn shape(text: &Text, mnemonic: &str, parts: &[Part<'_>], errors: &mut Vec<Diagnostic>) {
    let mut error = |span: &Span, message: String, hint: &str| {
        errors.push(Diagnostic::new(Code::BadAsm, span, message).hint(hint));
    };
    let rest = text.value.strip_prefix(mnemonic).filter(|_| !mnemonic.is_empty());
    if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')) {
        let hint = "the mnemonic, a space, and the operands";
        error(&text.span, format!("the text does not begin with `{mnemonic}`"), hint);
        return;
    }
    let mut shown: Vec<&str> = Vec::new();
    let mut after_operand = true;
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Text(written, span) => {
                // A mnemonic with a brace in it, which is an error of its own, reaches beyond the first text.
                let separator = match at {
                    0 => written.get(mnemonic.len()..).unwrap_or_default(),
                    _ => written,
                };
                if let Some(other) = separator.chars().find(|c| !SEPARATORS.contains(c)) {
                    let message = format!("the assembler cannot take operands apart at `{other}`");
                    error(span, message, "separate operands by commas, or put one into ( ) or [ ]");
                }
                after_operand = false;
            }
            Part::Operand(name, span) => {
                if after_operand {
                    error(span, "nothing separates these operands".into(), "separate operands by commas");
                }
                let name = name.split(">>").next().unwrap_or_default().trim();
                let name = if name == "target" { "imm" } else { name };
                if shown.contains(&name) {
                    error(span, "this operand is shown twice".into(), "show each operand once");
                }
                shown.push(name);
                after_operand = true;
            }
        }
    }
}

/// The pieces of an instruction's assembly text.
pub(super) fn asm(table: &InstructionTable, format: &Format, errors: &mut Vec<Diagnostic>) -> Vec<AsmPiece> {
    let parts = parts(&table.asm, errors);
    shape(&table.asm, &table.name.value, &parts, errors);
    let mut pieces = Vec::new();
    for part in parts {
        match part {
            Part::Text(text, _) => pieces.push(AsmPiece::Text(text.to_owned())),
            Part::Operand(name, span) => match piece(name, format) {
                Ok(piece) => pieces.push(piece),
                Err(message) => errors.push(Diagnostic::new(Code::BadAsm, &span, message).hint(
                    "{rd}, {rs1}, {rs2}, {rs3}, {rd2}, {imm}, {imm >> N}, {target} or a field of letters, as far as the format has them",
                )),
            },
        }
    }
    pieces
}

fn piece(name: &str, format: &Format) -> Result<AsmPiece, String> {
    let field = |name: &str| format.fields.iter().find(|known| known.name == name);
    if let Some(register) = OPERANDS.into_iter().find(|known| *known == name && field(name).is_some()) {
        return Ok(AsmPiece::Register(register));
    }
    let piece = match name {
        "imm" if format.imm.is_some() => AsmPiece::Imm,
        "target" if format.imm.is_some() => AsmPiece::Target,
        _ if field(name).is_some_and(|field| field.letters.is_some()) => AsmPiece::Letters(name.to_owned()),
        _ => {
            let shift = name.strip_prefix("imm").and_then(|rest| rest.trim().strip_prefix(">>"));
            match shift.and_then(|shift| shift.trim().parse().ok()) {
                Some(shift) if format.imm.is_some() && shift < 32 => AsmPiece::UpperImm(shift),
                _ => return Err(format!("format `{}` has no operand `{name}`", format.name)),
            }
        }
    };
    Ok(piece)
}

/// The text shows the operands that the instruction has, and no others.
pub(super) fn shown(table: &InstructionTable, instruction: &Instruction, errors: &mut Vec<Diagnostic>) {
    let asm = &instruction.asm;
    let ports = WRITES.into_iter().chain(READS);
    let operands = instruction.writes.iter().chain(&instruction.reads);
    let mut hidden: Vec<&str> = Vec::new();
    for (name, operand) in ports.zip(operands) {
        // Where a destination is read, it is shown as that.
        let is_reread = READS.contains(&name) && instruction.writes.contains(operand);
        let is_field = matches!(operand, Operand::Field(_)) && !is_reread;
        let is_shown = asm.contains(&AsmPiece::Register(name));
        if is_shown && !is_field {
            errors.push(
                Diagnostic::new(
                    Code::BadAsm,
                    &table.asm.span,
                    format!("`{{{name}}}` is shown, but the semantics do not use it"),
                )
                .hint("leave it out, or use the operand"),
            );
        }
        hidden.extend((is_field && !is_shown).then_some(name));
    }
    if let Some(imm) = &instruction.format.imm
        && instruction.semantics.uses(&ExprKind::Imm)
    {
        let lowest = imm.pieces.iter().map(|(_, to)| *to).min().unwrap_or_default();
        let is_whole = asm.iter().any(|piece| match piece {
            AsmPiece::Imm | AsmPiece::Target => true,
            AsmPiece::UpperImm(shift) => u32::from(*shift) <= lowest,
            _ => false,
        });
        hidden.extend((!is_whole).then_some("imm"));
    }
    for field in &instruction.format.fields {
        let is_free = instruction.mask & field.bits.mask() == 0;
        let is_shown = asm.contains(&AsmPiece::Letters(field.name.clone()));
        hidden.extend((field.letters.is_some() && is_free && !is_shown).then_some(field.name.as_str()));
        if is_shown && !is_free {
            errors.push(
                Diagnostic::new(
                    Code::BadAsm,
                    &table.asm.span,
                    format!("`{{{}}}` is shown, but it is fixed", field.name),
                )
                .hint("leave it out of the text, or out of `fixed`"),
            );
        }
    }
    for name in hidden {
        errors.push(
            Diagnostic::new(
                Code::HiddenOperand,
                &table.asm.span,
                format!("operand `{name}` is not shown, or not all of it"),
            )
            .hint(format!("add {{{name}}}, so that the text can be assembled back")),
        );
    }
}
