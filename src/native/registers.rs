//! Sets of registers, and which of them an instruction reads and writes.

use super::region::semantics;
use crate::isa::{Isa, Op, OperandKind, SemanticStatement};

/// A set of registers, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RegisterSet([u64; 4]);

impl RegisterSet {
    pub(super) fn insert(&mut self, register: u8) {
        self.0[usize::from(register / 64)] |= 1 << (register % 64);
    }

    pub(super) fn contains(self, register: u8) -> bool {
        self.0[usize::from(register / 64)] >> (register % 64) & 1 != 0
    }

    /// What is in this set and not in the other.
    pub(super) fn without(mut self, other: Self) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine &= !theirs;
        }
        self
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |&register| self.contains(register))
    }
}

/// The register of each port that the instruction reads.
pub(super) fn ports<I: Isa>(op: &Op) -> impl Iterator<Item = (usize, u8)> {
    const NAMES: [&str; crate::isa::MAX_READS] = ["rs1", "rs2", "rs3", "rs4"];
    let instruction = I::SPEC.instruction(op.kind);
    NAMES.into_iter().enumerate().filter_map(move |(port, name)| {
        let operand = instruction?.operand(name)?;
        match operand.kind {
            OperandKind::Register { .. } | OperandKind::FixedRegister { .. } => {
                Some((port, operand.get(op.word) as u8))
            }
            _ => None,
        }
    })
}

/// The register that the instruction writes, if that is not the zero register.
pub(super) fn written<I: Isa>(op: &Op) -> Option<u8> {
    let writes = semantics::<I>(op)?.statements.iter().any(|s| matches!(s, SemanticStatement::Write(_)));
    (writes && op.rd != I::SPEC.registers.zero).then_some(op.rd)
}
