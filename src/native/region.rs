//! Which instructions are compiled together: blocks that are reached from a few entries by jumps whose target the code
//! states.
//!
//! In: the code table and the entries. Out: a [`Region`].

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub(super) use crate::isa::Leads;
use crate::isa::{Isa, Op, Semantics, Word};
use crate::program::{Code, only_jumps};

/// The most entries of a region.
pub(super) const MOST_ENTRIES: usize = 256;

/// How far a region's entries may be from its first, in bytes: a table has all addresses between.
const FARTHEST: Word = 1 << 16;

/// Straight-line code, entered at its first instruction only.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// The first instruction's place in the code table.
    pub(super) start: u32,
    /// The place after the last.
    pub(super) end: u32,
}

impl Block {
    /// How many cycles it takes.
    pub(super) fn cycles(self) -> u64 {
        (self.end - self.start).into()
    }

    /// Its instructions.
    pub(super) fn ops(self, code: &Code) -> impl Iterator<Item = &Op> {
        code.ops().get(self.start as usize..self.end as usize).unwrap_or_default().iter()
    }
}

/// Blocks by their start. A block that is empty is an instruction that native code leaves to the interpreter.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) blocks: BTreeMap<u32, Block>,
    /// The starts of blocks that are entered from elsewhere, or when a call was made.
    pub(super) entries: Vec<u32>,
}

/// What an instruction does, if native code can do it.
pub(super) fn semantics<I: Isa>(op: &Op) -> Option<&'static Semantics> {
    I::SEMANTICS.get(usize::from(op.kind).checked_sub(1)?)
}

/// Where an instruction leads to. O(size of its semantics).
pub(super) fn leads<I: Isa>(op: &Op) -> Leads {
    match Leads::of(op, semantics::<I>(op)) {
        // It is not taken, or it traps.
        Leads::Branch(target) | Leads::Jump(target) if target == op.pc && only_jumps::<I>(op) => {
            Leads::Nowhere
        }
        leads => leads,
    }
}

impl Region {
    /// The region of these entries, and of what follows the calls in it, of about so many instructions at most. Entries that have no room, or are too far from the
    /// first one, are none of it. O(its size).
    pub(super) fn new<I: Isa>(code: &Code, entries: &[u32], most: usize) -> Self {
        let mut starts: VecDeque<u32> = entries.iter().copied().collect();
        let mut after_calls = Vec::new();
        // Every instruction that is reached, with whether a block starts there.
        let mut reached: BTreeMap<u32, bool> = BTreeMap::new();
        while let Some(start) = starts.pop_front() {
            if let Some(is_start) = reached.get_mut(&start) {
                *is_start = true;
                continue;
            }
            let mut at = start;
            while reached.len() < most
                && let Some(op) = code.ops().get(at as usize)
            {
                let leads = leads::<I>(op);
                match reached.entry(at) {
                    Entry::Occupied(mut is_start) => {
                        is_start.insert(true);
                        break;
                    }
                    Entry::Vacant(place) => {
                        place.insert(at == start || leads.is_interpreted());
                    }
                }
                if let Leads::Branch(target) | Leads::Jump(target) = leads {
                    starts.extend(code.index_of(target));
                }
                if let Leads::Branch(_) | Leads::Anywhere { conditional: true } = leads {
                    starts.push_back(at + 1);
                }
                if leads == Leads::Call {
                    starts.push_back(at + 1);
                    after_calls.push(at + 1);
                }
                if leads != Leads::On {
                    break;
                }
                at += 1;
            }
        }
        let blocks = blocks::<I>(code, &reached);
        let pc = |entry: u32| code.ops().get(entry as usize).map(|op| op.pc);
        let first = entries.first().copied().and_then(pc);
        let near = |entry| first.zip(pc(entry)).is_some_and(|(first, pc)| first.abs_diff(pc) < FARTHEST);
        let mut known = BTreeSet::new();
        let usable = |entry: &u32| blocks.contains_key(entry) && near(*entry) && known.insert(*entry);
        let entries = entries.iter().copied().chain(after_calls).filter(usable).take(MOST_ENTRIES).collect();
        Self { entries, blocks }
    }

    /// Its instructions.
    pub(super) fn ops<'a>(&'a self, code: &'a Code) -> impl Iterator<Item = &'a Op> {
        self.blocks.values().flat_map(|block| block.ops(code))
    }
}

/// Instructions, each with whether a block starts there, as blocks.
fn blocks<I: Isa>(code: &Code, reached: &BTreeMap<u32, bool>) -> BTreeMap<u32, Block> {
    let mut blocks: BTreeMap<u32, Block> = BTreeMap::new();
    for (&at, &is_start) in reached {
        let executed = code.ops().get(at as usize).is_some_and(|op| !leads::<I>(op).is_interpreted());
        if is_start {
            blocks.insert(at, Block { start: at, end: at + u32::from(executed) });
        } else if let Some(mut last) = blocks.last_entry()
            && executed
        {
            last.get_mut().end = at + 1;
        }
    }
    blocks
}
