//! Assembly text of a predecoded instruction, put together from the spec's pieces.

use core::fmt::Write;

use crate::isa::{AsmPiece, Isa, Op, Word};

/// The instruction as assembly text, targets in hexadecimal; a word that does not decode as `.word`. O(1).
pub fn disassemble<I: Isa>(op: &Op) -> String {
    let Some(instruction) = I::SPEC.instruction(op.kind) else {
        return format!(".word {:#010x}", op.word);
    };
    let register = |number: u8| I::SPEC.registers.names.get(usize::from(number)).copied().unwrap_or("?");
    let mut text = String::new();
    for piece in instruction.asm {
        // Writing to a String does not fail.
        let _ = match *piece {
            AsmPiece::Text(piece) => write!(text, "{piece}"),
            AsmPiece::Rd => write!(text, "{}", register(op.rd)),
            AsmPiece::Rs1 => write!(text, "{}", register(op.rs1)),
            AsmPiece::Rs2 => write!(text, "{}", register(op.rs2)),
            AsmPiece::Imm => write!(text, "{}", op.imm.cast_signed()),
            AsmPiece::UpperImm(shift) => write!(text, "{:#x}", op.imm >> shift),
            AsmPiece::Target => write!(text, "{:#x}", target(op)),
        };
    }
    text
}

fn target(op: &Op) -> Word {
    op.pc.wrapping_add(op.imm)
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
