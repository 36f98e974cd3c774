//! Sets of registers, and which of them an instruction reads and writes.

use crate::isa::{Isa, Op, READS, WRITES};

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
pub(super) fn reads<I: Isa>(op: &Op) -> impl Iterator<Item = (usize, u8)> {
    let instruction = I::SPEC.instruction(op.kind);
    let ports = READS.into_iter().enumerate();
    ports.filter_map(move |(port, name)| Some((port, instruction?.port(name, op.word)?)))
}

/// The register of a write port, if the instruction has it, and it is not the zero register.
pub(super) fn written<I: Isa>(op: &Op, port: u8) -> Option<u8> {
    let register = I::SPEC.instruction(op.kind)?.port(WRITES.get(usize::from(port))?, op.word)?;
    (register != I::SPEC.registers.zero).then_some(register)
}

/// The registers that the instruction writes, but for the zero register.
pub(super) fn writes<I: Isa>(op: &Op) -> impl Iterator<Item = u8> {
    (0..WRITES.len() as u8).filter_map(|port| written::<I>(op, port))
}
