//! An instruction with its operands, whose numbers may not be known yet, and its word once they are.

use core::ops::Range;

use super::encode::encode;
use super::expression::{Environment, Expr, ExprKind, Half, Mistake};
use super::parse::Operand;
use crate::isa::{AsmPiece, Immediate, Instruction, OperandKind, Word};

/// An instruction and its operands by name.
#[derive(Clone, Debug)]
pub(super) struct Encodable<'s> {
    instruction: &'static Instruction,
    operands: Vec<(&'static str, Operand<'s>)>,
}

impl<'s> Encodable<'s> {
    pub(super) fn new(instruction: &'static Instruction, operands: Vec<(&'static str, Operand<'s>)>) -> Self {
        Self { instruction, operands }
    }

    /// The word, at the environment's address.
    pub(super) fn word(&self, environment: &dyn Environment) -> Result<u32, Mistake> {
        let mut values = Vec::with_capacity(self.operands.len());
        for operand in self.instruction.in_word() {
            let given = self.operands.iter().find(|(name, _)| *name == operand.name).map(|(_, given)| given);
            values.push(match (given, operand.kind) {
                (Some(Operand::Number(number)), OperandKind::Immediate(imm)) => {
                    self.immediate(number, imm, environment)?
                }
                (Some(Operand::Register(number)), _) => (*number).into(),
                (Some(Operand::Letters(set)), _) => *set,
                _ => 0,
            });
        }
        encode(self.instruction, &values).map_err(|error| (self.range(), error.into()))
    }

    /// The immediate that a number of the text stands for, which depends on how the text shows it.
    fn immediate(
        &self,
        number: &Expr<'_>,
        imm: Immediate,
        environment: &dyn Environment,
    ) -> Result<Word, Mistake> {
        let value = number.value(environment)?;
        let shown = self.instruction.asm.iter().find(|piece| piece.operand() == Some("imm"));
        match shown {
            Some(AsmPiece::UpperImm(shift)) => {
                let (min, max) = imm.bounds();
                number.within(value, min >> shift, max >> shift).map(|value| (value << shift) as Word)
            }
            Some(AsmPiece::Target) => {
                number.word(value).map(|target| target.wrapping_sub(environment.here() as Word))
            }
            _ => number.word(value),
        }
    }

    /// Where the number stands, which is what may not fit.
    fn range(&self) -> Range<usize> {
        let number = self.operands.iter().find_map(|(_, operand)| match operand {
            Operand::Number(number) => Some(number.range.clone()),
            _ => None,
        });
        number.unwrap_or_default()
    }

    /// Whether a number is the distance to a target.
    pub(super) fn has_target(&self) -> bool {
        self.instruction.asm.contains(&AsmPiece::Target)
    }

    /// What the instruction's %pcrel_hi, if it has one, is the upper half of.
    pub(super) fn upper_half_of(&self) -> Option<&Expr<'s>> {
        self.operands.iter().find_map(|(_, operand)| match operand {
            Operand::Number(Expr { kind: ExprKind::Half(Half::PcrelHi, of), .. }) => Some(&**of),
            _ => None,
        })
    }
}
