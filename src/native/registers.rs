//! Which registers a region reads and writes, and which of them memory does not have yet.

use std::collections::BTreeMap;

use super::region::{Leads, Region, leads, semantics};
use crate::isa::{Isa, Op, OperandKind, Statement};
use crate::program::Code;

/// A set of registers, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RegisterSet([u64; 4]);

impl RegisterSet {
    pub(super) fn insert(&mut self, register: u8) {
        self.0[usize::from(register / 64)] |= 1 << (register % 64);
    }

    pub(super) fn union(mut self, other: Self) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
        self
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |&register| self.0[usize::from(register / 64)] >> (register % 64) & 1 != 0)
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
    let writes = semantics::<I>(op)?.statements.iter().any(|s| matches!(s, Statement::Write(_)));
    (writes && op.rd != I::SPEC.registers.zero).then_some(op.rd)
}

/// All registers that the region reads or writes.
pub(super) fn used<I: Isa>(code: &Code, region: &Region) -> RegisterSet {
    let mut used = RegisterSet::default();
    for op in region.ops(code) {
        ports::<I>(op).for_each(|(_, register)| used.insert(register));
        written::<I>(op).into_iter().for_each(|register| used.insert(register));
    }
    used
}

/// For each block, the registers that some way from an entry to it writes: those whose values memory may not have.
/// O(region × registers).
pub(super) fn unsaved<I: Isa>(code: &Code, region: &Region) -> BTreeMap<u32, RegisterSet> {
    let mut unsaved: BTreeMap<u32, RegisterSet> =
        region.blocks.keys().map(|&start| (start, RegisterSet::default())).collect();
    let mut work: Vec<u32> = region.blocks.keys().rev().copied().collect();
    while let Some(start) = work.pop() {
        let Some(block) = region.blocks.get(&start) else { continue };
        let mut after = unsaved.get(&start).copied().unwrap_or_default();
        for op in block.ops(code) {
            written::<I>(op).into_iter().for_each(|register| after.insert(register));
        }
        for next in successors::<I>(code, region, *block) {
            if let Some(before) = unsaved.get_mut(&next) {
                let union = before.union(after);
                if union != *before {
                    *before = union;
                    work.push(next);
                }
            }
        }
    }
    unsaved
}

/// The blocks of the region that follow a block.
fn successors<I: Isa>(code: &Code, region: &Region, block: super::region::Block) -> Vec<u32> {
    let mut next = Vec::new();
    let target = |pc| code.index_of(pc).filter(|target| region.blocks.contains_key(target));
    match block.ops(code).last().map_or(Leads::Interpreted, leads::<I>) {
        Leads::On => next.push(block.end),
        Leads::Branch(pc) => {
            next.push(block.end);
            next.extend(target(pc));
        }
        Leads::Jump(pc) => next.extend(target(pc)),
        Leads::Anywhere { conditional } => {
            next.extend(conditional.then_some(block.end));
            next.extend(region.entries.iter().copied());
        }
        Leads::Interpreted => {}
    }
    next
}
