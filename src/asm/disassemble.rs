//! Assembly text of a predecoded instruction, put together from the spec's pieces.

use core::fmt::Write;

use crate::isa::{AsmPiece, Instruction, Isa, Op, OperandKind, Word};

/// The instruction as assembly text, targets as addresses in hexadecimal; a word that does not decode as `.word`. O(1).
///
/// [`assemble`](super::assemble()) at the instruction's address gives back a word of the same
/// [class](Instruction::significant): the same word, but for bits that the instruction ignores, which are zero then.
pub fn disassemble<I: Isa>(op: &Op) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = match I::SPEC.instruction(op.kind) {
        Some(instruction) => print::<I>(op, instruction, &mut text),
        None => write!(text, ".word {:#010x}", op.word),
    };
    text
}

fn print<I: Isa>(op: &Op, instruction: &Instruction, text: &mut String) -> core::fmt::Result {
    for piece in instruction.asm {
        let operand = piece.operand().and_then(|name| instruction.operand(name));
        let value = operand.map_or(0, |operand| operand.get(op.word));
        match *piece {
            AsmPiece::Text(piece) => text.push_str(piece),
            AsmPiece::Register(_) => {
                text.push_str(I::SPEC.registers.names.get(value as usize).copied().unwrap_or("?"));
            }
            AsmPiece::Imm => match operand.map(|operand| operand.kind) {
                Some(OperandKind::Immediate(imm)) if !imm.signed => write!(text, "{value}")?,
                _ => write!(text, "{}", value.cast_signed())?,
            },
            AsmPiece::UpperImm(shift) => write!(text, "{:#x}", value >> shift)?,
            AsmPiece::Target => write!(text, "{:#x}", op.pc.wrapping_add(value))?,
            AsmPiece::Letters(_) => match operand.map(|operand| operand.kind) {
                Some(OperandKind::Letters { letters, .. }) if value != 0 => text.extend(set(letters, value)),
                _ => text.push('0'),
            },
        }
    }
    Ok(())
}

/// The letters of the bits that are set; the last letter is bit 0's.
fn set(letters: &str, bits: Word) -> impl Iterator<Item = char> {
    let count = letters.len();
    letters
        .chars()
        .enumerate()
        .filter(move |(at, _)| bits >> (count - 1 - at) & 1 == 1)
        .map(|(_, letter)| letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Rv32i;
    use crate::machine::test_isa::{Asm, TestIsa};

    #[test]
    fn every_kind_of_piece() {
        let text = |word| disassemble::<TestIsa>(&TestIsa::decode(word, 0x1_0000));
        assert_eq!(text(Asm::addi(3, 2, -5)), "addi x3, sp, -5");
        assert_eq!(text(Asm::sw(4, 2, 8)), "sw x4, 8(sp)");
        assert_eq!(text(Asm::jal(1, -16)), "jal x1, 0xfff0");
        assert_eq!(text(Asm::lui(5, 0x1234)), "lui x5, 0x1234");
        assert_eq!(text(u32::MAX), ".word 0xffffffff");
    }

    /// By the manual's figure of the fence: bits 27..24 are pi, po, pr, pw, bits 23..20 si, so, sr, sw.
    #[test]
    fn sets_of_letters() {
        let text = |word| disassemble::<Rv32i>(&Rv32i::decode(word, 0));
        assert_eq!(text(0x0ff0_000f), "fence iorw, iorw");
        assert_eq!(text(0x0820_000f), "fence i, r");
        assert_eq!(text(0x0430_000f), "fence o, rw");
        assert_eq!(text(0x0100_000f), "fence w, 0");
        assert_eq!(text(0x8330_000f), "fence rw, rw", "the mode is ignored");
    }
}
