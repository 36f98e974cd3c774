//! Bits: formats without holes or collisions, immediates put together whole, encodings that do not overlap.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::{Bits, Field, Format, Immediate, Instruction, OPCODE_BITS};
use crate::parse::{Entry, FormatTable, ImmTable, Tables, Text};

use super::unique;

/// Operand fields, which hold register numbers.
pub(crate) const OPERANDS: [&str; 5] = ["rd", "rs1", "rs2", "rs3", "rd2"];

pub(super) fn formats(tables: &Tables, errors: &mut Vec<Diagnostic>) -> Vec<Format> {
    unique("format", tables.formats.iter().map(|entry| &entry.key), errors);
    tables.formats.iter().map(|entry| format(entry, errors)).collect()
}

fn format(Entry { key, value: table }: &Entry<FormatTable>, errors: &mut Vec<Diagnostic>) -> Format {
    let before = errors.len();
    let mut owners: Vec<(Bits, String, &Text)> = Vec::new();
    let mut fields = Vec::new();
    for Entry { key: name, value } in &table.fields {
        let Some(bits) = bits(value, &value.value, 0, errors) else { continue };
        if OPERANDS.contains(&name.value.as_str()) && bits.width() != 5 {
            errors.push(
                Diagnostic::new(
                    Code::OperandWidth,
                    &value.span,
                    format!("operand `{}` has {} bits", name.value, bits.width()),
                )
                .hint("a register number has 5 bits"),
            );
        }
        owners.push((bits, format!("field `{}`", name.value), value));
        fields.push(Field { name: name.value.clone(), bits, letters: letters(table, name, bits, errors) });
    }
    fields.sort_by_key(|field| std::cmp::Reverse(field.bits));
    for Entry { key, .. } in &table.letters {
        if !table.fields.iter().any(|field| field.key.value == key.value) {
            errors.push(
                Diagnostic::new(Code::UnknownField, &key.span, format!("there is no field `{}`", key.value))
                    .did_you_mean(&key.value, table.fields.iter().map(|field| field.key.value.as_str())),
            );
        }
    }
    let imm = table.imm.as_ref().map(|imm| immediate(imm, &mut owners, errors));
    let mut ignored = Vec::new();
    for text in &table.ignored {
        if let Some(bits) = bits(text, &text.value, 0, errors) {
            owners.push((bits, "ignored".to_owned(), text));
            ignored.push(bits);
        }
    }
    // Bits that could not be read are no hole.
    if errors.len() == before {
        collisions(key, &owners, errors);
    }
    Format { name: key.value.clone(), fields, imm, ignored }
}

/// The letters of a field that is printed as a set of them.
fn letters(table: &FormatTable, name: &Text, bits: Bits, errors: &mut Vec<Diagnostic>) -> Option<String> {
    let text = &table.letters.iter().find(|entry| entry.key.value == name.value)?.value;
    let letters = &text.value;
    let mut error = |message: String, hint: String| {
        errors.push(Diagnostic::new(Code::BadLetters, &text.span, message).hint(hint));
    };
    if OPERANDS.contains(&name.value.as_str()) {
        error(format!("`{}` holds a register, not a set", name.value), "give the field another name".into());
    } else if !letters.chars().all(|letter| letter.is_ascii_lowercase()) {
        error(format!("`{letters}` has something other than letters"), "use lower-case letters".into());
    } else if letters.len() != bits.width() as usize {
        let (found, width) = (letters.len(), bits.width());
        let hint = "one letter for each bit, the highest bit's first".to_owned();
        error(format!("{found} letters cannot stand for the {width} bits of `{}`", name.value), hint);
    } else if let Some(twice) = letters.chars().find(|letter| letters.matches(*letter).count() > 1) {
        error(format!("`{twice}` stands for two bits"), "each bit needs a letter of its own".into());
    }
    (!OPERANDS.contains(&name.value.as_str())).then(|| letters.clone())
}

/// Each of the 32 bits must have one owner.
fn collisions(name: &Text, owners: &[(Bits, String, &Text)], errors: &mut Vec<Diagnostic>) {
    let mut missing = u32::MAX;
    for (at, (bits, owner, text)) in owners.iter().enumerate() {
        missing &= !bits.mask();
        for (other_bits, other, other_text) in &owners[..at] {
            let shared = bits.mask() & other_bits.mask();
            if shared != 0 {
                errors.push(
                    Diagnostic::new(
                        Code::FormatOverlap,
                        &text.span,
                        format!("{owner} and {other} share bit {}", shared.trailing_zeros()),
                    )
                    .label(owner.clone())
                    .other(&other_text.span, other.clone())
                    .hint("each bit of a word belongs to one field, piece or `ignored`"),
                );
                // One a field: a thousand fields of the same bits would give half a million.
                break;
            }
        }
    }
    if missing != 0 {
        errors.push(
            Diagnostic::new(
                Code::FormatHole,
                &name.span,
                format!("format `{}` says nothing of bits {}", name.value, ranges(missing)),
            )
            .hint("make them a field, a piece of the immediate, or `ignored`"),
        );
    }
}

fn immediate<'t>(
    table: &'t ImmTable,
    owners: &mut Vec<(Bits, String, &'t Text)>,
    errors: &mut Vec<Diagnostic>,
) -> Immediate {
    let before = errors.len();
    let mut pieces = Vec::new();
    let mut filled = 0u64;
    for text in &table.bits {
        let Some((from, to)) = text.value.split_once("->") else {
            errors.push(
                Diagnostic::new(
                    Code::BadBits,
                    &text.span,
                    "a piece of an immediate needs a source and a place",
                )
                .hint("for example \"31:20 -> 11:0\": word bits, then immediate bits"),
            );
            continue;
        };
        let to_offset = from.len() + 2;
        let (Some(from), Some(to)) = (bits(text, from, 0, errors), bits(text, to, to_offset, errors)) else {
            continue;
        };
        if from.width() != to.width() {
            errors.push(
                Diagnostic::new(
                    Code::PieceWidth,
                    &text.span,
                    format!("{} bits do not fit into {}", from.width(), to.width()),
                )
                .hint("both sides of -> must be equally wide"),
            );
            continue;
        }
        if filled & u64::from(to.mask()) != 0 {
            let bit = (filled & u64::from(to.mask())).trailing_zeros();
            errors.push(
                Diagnostic::new(
                    Code::ImmediateOverlap,
                    &text.span,
                    format!("immediate bit {bit} is filled twice"),
                )
                .label("fills it again")
                .hint("each bit after -> belongs to one piece"),
            );
        }
        filled |= u64::from(to.mask());
        owners.push((from, "the immediate".to_owned(), text));
        pieces.push((from, to.lo));
    }
    if let Some(zero) = &table.zero
        && let Some(zeros) = bits(zero, &zero.value, 0, errors)
    {
        if filled & u64::from(zeros.mask()) != 0 {
            errors.push(
                Diagnostic::new(Code::ImmediateOverlap, &zero.span, "a piece fills these bits")
                    .hint("`zero` names the bits that no piece fills"),
            );
        }
        filled |= u64::from(zeros.mask());
    }
    let width = 64 - filled.leading_zeros();
    pieces.sort_unstable();
    // Pieces that could not be read leave no hole.
    if errors.len() > before {
        return Immediate { signed: table.signed, width, pieces };
    }
    if width == 0 {
        errors.push(
            Diagnostic::new(Code::ImmediateHole, &table.span, "this immediate has no bits")
                .hint("add a piece, or leave `imm` out"),
        );
    }
    let holes = ((1u64 << width) - 1) & !filled;
    if holes != 0 {
        errors.push(
            Diagnostic::new(
                Code::ImmediateHole,
                &table.span,
                format!("no piece fills immediate bits {}", ranges(holes as u32)),
            )
            .hint("add a piece, or name them in `zero`"),
        );
    }
    Immediate { signed: table.signed, width, pieces }
}

/// Parses "hi:lo"; `offset` is where it stands in the text's content.
fn bits(text: &Text, written: &str, offset: usize, errors: &mut Vec<Diagnostic>) -> Option<Bits> {
    let parsed = written
        .trim()
        .split_once(':')
        .and_then(|(hi, lo)| Some(Bits { hi: hi.trim().parse().ok()?, lo: lo.trim().parse().ok()? }));
    match parsed {
        Some(bits) if bits.lo <= bits.hi && bits.hi < 32 => Some(bits),
        _ => {
            let span = text.at(offset..offset + written.len());
            errors.push(
                Diagnostic::new(Code::BadBits, &span, format!("`{}` is no range of bits", written.trim()))
                    .hint("write the highest and the lowest bit, 31 at most: \"11:7\""),
            );
            None
        }
    }
}

fn ranges(mask: u32) -> String {
    let mut ranges = Vec::new();
    let mut rest = mask;
    while rest != 0 {
        let lo = rest.trailing_zeros();
        let width = (rest >> lo).trailing_ones();
        ranges.push(format!("{}:{lo}", lo + width - 1));
        rest &= !(((1u64 << width) - 1) << lo) as u32;
    }
    ranges.reverse();
    ranges.join(", ")
}

/// Two encodings overlap if a word can match both.
pub(super) fn overlaps(instructions: &[Instruction], errors: &mut Vec<Diagnostic>) {
    let mut instructions: Vec<&Instruction> = instructions.iter().filter(|i| i.is_fixed).collect();
    // What extends was opened first: the error is at the extension, or at the later of two in one file.
    instructions.sort_by_key(|i| (std::cmp::Reverse(i.span.file), i.span.range.start));
    for (at, a) in instructions.iter().enumerate() {
        length(a, errors);
        for b in &instructions[..at] {
            if (a.bits ^ b.bits) & a.mask & b.mask == 0 {
                let word = a.bits | b.bits;
                // The one with more bits fixed can never be told from the other.
                let (narrow, wide) = if a.mask & b.mask == b.mask { (a, b) } else { (b, a) };
                if narrow.mask & wide.mask == wide.mask {
                    errors.push(never_matches(narrow, wide, word));
                    continue;
                }
                errors.push(
                    Diagnostic::new(
                        Code::EncodingOverlap,
                        &a.span,
                        format!("`{}` and `{}` both match the word {word:#010x}", a.name, b.name),
                    )
                    .label(format!("`{}`", a.name))
                    .other(&b.span, format!("`{}`", b.name))
                    .hint("fix more bits of one of them"),
                );
            }
        }
    }
}

fn never_matches(narrow: &Instruction, wide: &Instruction, word: u32) -> Diagnostic {
    let message = format!(
        "`{}` can never match: `{}` matches every word that it does, as {word:#010x}",
        narrow.name, wide.name
    );
    Diagnostic::new(Code::NeverMatches, &narrow.span, message)
        .label(format!("`{}`", narrow.name))
        .other(&wide.span, format!("`{}`", wide.name))
        .hint(format!(
            "fix other bits in one of them, or more bits in `{}`; where `{}` is its special case, let that say so: \
             replaces = [\"{}\"]",
            wide.name, narrow.name, narrow.name
        ))
}

/// The manual tells an instruction's length by its low bits: 11 in bits 1:0 and not 111 in bits 4:2 is a word.
fn length(instruction: &Instruction, errors: &mut Vec<Diagnostic>) {
    let fixed = instruction.bits & instruction.mask;
    let is_word = instruction.mask & 0b11 == 0b11 && fixed & 0b11 == 0b11;
    let is_longer = instruction.mask & 0b11111 == 0b11111 && fixed & 0b11111 == 0b11111;
    if !is_word || is_longer {
        errors.push(
            Diagnostic::new(
                Code::InstructionLength,
                &instruction.span,
                format!("the encoding of `{}` is not that of a 32-bit instruction", instruction.name),
            )
            .hint("its bits 1:0 must be 11, and its bits 4:2 not 111: else it is shorter or longer by the manual's rule"),
        );
    }
}

/// The names of the opcode map: each of seven bits, none twice.
pub(super) fn opcodes(tables: &Tables, errors: &mut Vec<Diagnostic>) -> Vec<(String, u32)> {
    unique("opcode", tables.opcodes.iter().map(|entry| &entry.key), errors);
    let mut opcodes: Vec<(String, u32)> = Vec::new();
    for (at, Entry { key, value }) in tables.opcodes.iter().enumerate() {
        if value.value >> OPCODE_BITS != 0 {
            errors.push(
                Diagnostic::new(
                    Code::ValueWidth,
                    &value.span,
                    format!("{:#b} does not fit the {OPCODE_BITS} bits of an opcode", value.value),
                )
                .hint("an opcode is bits 6:0 of the word"),
            );
            continue;
        }
        if let Some(first) = tables.opcodes[..at].iter().find(|other| other.value.value == value.value) {
            errors.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    &key.span,
                    format!("opcode {:#09b} has two names", value.value),
                )
                .label("the second")
                .other(&first.key.span, "the first")
                .hint("leave one of them out"),
            );
        }
        opcodes.push((key.value.clone(), value.value as u32));
    }
    opcodes.sort_by_key(|(_, opcode)| *opcode);
    opcodes
}
