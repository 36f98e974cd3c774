//! From an instruction and its operands to a word: the inverse of decoding.

use crate::isa::{Instruction, OperandKind, Word};

/// Why operands do not make a word of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Too few values, or too many.
    #[error("`{instruction}` has {expected} operands, not {found}")]
    Count {
        /// The mnemonic.
        instruction: &'static str,
        /// How many operands its words hold.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// A register's number or a set does not fit its field.
    #[error("operand `{operand}` is {value}, and at most {max}")]
    Field {
        /// The operand.
        operand: &'static str,
        /// The value given.
        value: Word,
        /// The highest that fits.
        max: Word,
    },
    /// The immediate is too small or too large.
    #[error("the number is {value}, and must be from {min} to {max}")]
    OutOfRange {
        /// The value given, as a signed number if the immediate is signed.
        value: i64,
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// The immediate's low bits, which the word does not hold, are not zero.
    #[error("the number is {value}, and must be a multiple of {multiple}")]
    Misaligned {
        /// The value given, as a signed number if the immediate is signed.
        value: i64,
        /// What it must be a multiple of.
        multiple: Word,
    },
}

/// The word of an instruction with these operands, in the order of [`Instruction::operands`] without the registers
/// that the word does not name: registers by number, the immediate extended to a machine word, sets of letters as
/// their bits. Bits that the instruction ignores are zero. [`Instruction::values`] is the inverse. O(operands).
///
/// # Errors
/// [`EncodeError`]: the wrong number of values, or one that the word cannot hold.
pub fn encode(instruction: &Instruction, values: &[Word]) -> Result<u32, EncodeError> {
    let expected = instruction.in_word().count();
    if values.len() != expected {
        return Err(EncodeError::Count { instruction: instruction.name, expected, found: values.len() });
    }
    let mut word = instruction.bits;
    for (operand, &value) in instruction.in_word().zip(values) {
        word |= match operand.kind {
            OperandKind::Register { field, .. } | OperandKind::Letters { field, .. } => {
                if value > field.max() {
                    return Err(EncodeError::Field { operand: operand.name, value, max: field.max() });
                }
                field.put(value)
            }
            OperandKind::Immediate(imm) => imm.put(value).ok_or_else(|| {
                let (min, max) = imm.bounds();
                let multiple = imm.alignment();
                let signed = if imm.signed { value.cast_signed().into() } else { i64::from(value) };
                if (min..=max).contains(&signed) && value % multiple != 0 {
                    EncodeError::Misaligned { value: signed, multiple }
                } else {
                    EncodeError::OutOfRange { value: signed, min, max }
                }
            })?,
            OperandKind::FixedRegister { .. } => 0,
        };
    }
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Rv32i};

    fn instruction(name: &str) -> &'static Instruction {
        Rv32i::SPEC.instructions.iter().find(|instruction| instruction.name == name).unwrap()
    }

    /// Words from GNU as 2.40 and 2.44, which `tests/library/gnu.rs` compares many more with.
    #[test]
    fn words_of_every_format() {
        let cases: [(&str, &[Word], u32); 9] = [
            ("add", &[10, 11, 12], 0x00c5_8533),
            ("addi", &[10, 11, -5i32 as u32], 0xffb5_8513),
            ("srai", &[10, 11, 31], 0x41f5_d513),
            ("sw", &[2, 10, -4i32 as u32], 0xfea1_2e23),
            ("beq", &[10, 11, -4096i32 as u32], 0x80b5_0063),
            ("lui", &[10, 0xffff_f000], 0xffff_f537),
            ("jal", &[1, 0xf_fffe], 0x7fff_f0ef),
            ("fence", &[0b1111, 0b0010], 0x0f20_000f),
            ("ecall", &[], 0x0000_0073),
        ];
        for (name, values, word) in cases {
            assert_eq!(encode(instruction(name), values), Ok(word), "{name}");
            assert_eq!(instruction(name).values(word).collect::<Vec<_>>(), values, "{name}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |name: &str, values: &[Word]| encode(instruction(name), values).unwrap_err();
        let range = |value, min, max| EncodeError::OutOfRange { value, min, max };
        assert_eq!(error("addi", &[1, 2, 2048]), range(2048, -2048, 2047));
        assert_eq!(error("addi", &[1, 2, -2049i32 as u32]), range(-2049, -2048, 2047));
        assert_eq!(error("slli", &[1, 2, 32]), range(32, 0, 31));
        assert_eq!(error("beq", &[1, 2, 4096]), range(4096, -4096, 4094));
        assert_eq!(error("jal", &[1, 1 << 20]), range(1 << 20, -(1 << 20), (1 << 20) - 2));
        assert_eq!(error("beq", &[1, 2, 3]), EncodeError::Misaligned { value: 3, multiple: 2 });
        assert_eq!(error("lui", &[1, 0x1001]), EncodeError::Misaligned { value: 0x1001, multiple: 0x1000 });
        assert_eq!(error("add", &[1, 2, 32]), EncodeError::Field { operand: "rs2", value: 32, max: 31 });
        assert_eq!(error("fence", &[16, 0]), EncodeError::Field { operand: "pred", value: 16, max: 15 });
        assert_eq!(error("add", &[1, 2]), EncodeError::Count { instruction: "add", expected: 3, found: 2 });
        assert_eq!(error("ecall", &[1]), EncodeError::Count { instruction: "ecall", expected: 0, found: 1 });
    }
}
