//! Which instructions are compiled together: blocks that are reached from a few entries by jumps whose target the code
//! states.
//!
//! In: the code table and the entries. Out: a [`Region`].

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::profile::Profile;
pub(super) use crate::isa::Successor;
use crate::isa::{Isa, Op, Semantics, Word};
use crate::program::{Code, jumps_to_itself};

/// The most entries of a region.
pub(super) const MOST_ENTRIES: usize = 256;

/// How far a region's entries may be from its first, in bytes: a table has all addresses between.
const FARTHEST: Word = 1 << 18;

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
    /// The starts of blocks that are entered from elsewhere, or after a call.
    pub(super) entries: Vec<u32>,
    /// Whether its jumps to registers look for their target among the entries.
    pub(super) dispatches: bool,
}

/// What an instruction does, if native code can do it.
pub(super) fn semantics<I: Isa>(op: &Op) -> Option<&'static Semantics> {
    I::SEMANTICS.get(usize::from(op.kind).checked_sub(1)?)
}

/// Where an instruction leads to. O(size of its semantics).
pub(super) fn successor<I: Isa>(op: &Op) -> Successor {
    match Successor::of(op, semantics::<I>(op)) {
        // Native code goes on behind it, or exits before it.
        Successor::Branch(_) if jumps_to_itself::<I>(op) => Successor::Next,
        Successor::Jump(_) if jumps_to_itself::<I>(op) => Successor::None,
        successor => successor,
    }
}

/// What may be in a region, and where it is entered.
#[derive(Clone, Copy, Default)]
pub(super) struct Scope<'a> {
    /// If there is one: only what was seen executed, and what jumps to registers were seen to lead to.
    pub(super) profile: Option<&'a Profile>,
    /// If there is one: nothing of which this is true, but the first entry.
    pub(super) outside: Option<&'a dyn Fn(u32) -> bool>,
    /// If there is one: what the region has and of which this is true is an entry.
    pub(super) entered: Option<&'a dyn Fn(u32) -> bool>,
}

impl Scope<'_> {
    fn has(&self, place: u32) -> bool {
        self.profile.is_none_or(|profile| profile.is_executed(place))
            && self.outside.is_none_or(|outside| !outside(place))
    }
}

impl Region {
    /// The region of these entries, of about so many instructions at most. It has what they lead to by jumps whose target the
    /// code states, and what follows calls, as far as the scope goes. Entries that have no room, or are too far from the
    /// first one, are left out. O(its size).
    pub(super) fn new<I: Isa>(code: &Code, entries: &[u32], most: usize, scope: &Scope<'_>) -> Self {
        let profile = scope.profile;
        let mut starts: VecDeque<u32> = entries.iter().copied().collect();
        let mut more_entries = Vec::new();
        let mut dispatches = entries.len() > 1 && profile.is_none();
        let first = entries.first().copied().unwrap_or_default();
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
                && (at == first || scope.has(at))
            {
                let successor = successor::<I>(op);
                match reached.entry(at) {
                    Entry::Occupied(mut is_start) => {
                        is_start.insert(true);
                        break;
                    }
                    Entry::Vacant(place) => {
                        place.insert(at == start || successor.is_interpreted());
                    }
                }
                if let Successor::Branch(target) | Successor::Jump(target) = successor
                    && let Some(target) = code.index_of(target)
                {
                    starts.push_back(target);
                    if scope.entered.is_some_and(|entered| entered(target)) {
                        more_entries.push(target);
                    }
                }
                if let Successor::Branch(_) | Successor::Indirect { conditional: true } = successor {
                    starts.push_back(at + 1);
                }
                if let (Successor::Indirect { .. }, Some(profile)) = (successor, profile) {
                    let known = more_entries.len();
                    more_entries.extend(profile.targets(at));
                    starts.extend(&more_entries[known..]);
                    dispatches |= more_entries.len() > known;
                }
                if successor == Successor::Call {
                    starts.push_back(at + 1);
                    more_entries.push(at + 1);
                    // Without a profile, what follows a call may be what a function returns to.
                    dispatches |= profile.is_none();
                }
                if successor != Successor::Next {
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
        let all = entries.iter().copied().chain(more_entries);
        let entries: Vec<u32> = all.filter(usable).take(MOST_ENTRIES).collect();
        Self { dispatches: dispatches && entries.len() > 1, entries, blocks }
    }

    /// How many instructions it has.
    pub(super) fn len(&self) -> u64 {
        self.blocks.values().map(|block| block.cycles()).sum()
    }
}

/// Instructions, each with whether a block starts there, as blocks.
fn blocks<I: Isa>(code: &Code, reached: &BTreeMap<u32, bool>) -> BTreeMap<u32, Block> {
    let mut blocks: BTreeMap<u32, Block> = BTreeMap::new();
    for (&at, &is_start) in reached {
        let executed = code.ops().get(at as usize).is_some_and(|op| !successor::<I>(op).is_interpreted());
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
