//! The code table: every instruction word of a program, decoded once.

use core::ops::Range;
use std::sync::Arc;

use super::{LAST_PAGE, LoadError};
use crate::isa::{Isa, Op, Semantics, Successor, Word};
use crate::pages::{PAGE_BYTES, PageMap};

/// The bytes of an instruction word, which is what [`Isa::decode`] takes.
pub(super) const INSTRUCTION_BYTES: Word = size_of::<u32>() as Word;

/// The code table and the address ranges that it covers.
///
/// Entry 0 is [`Op::default`], which padding rows refer to. Then come the regions in ascending order, each followed
/// by one entry that does not decode, whose address is the region's end: so sequential execution needs no check that
/// it is still inside the code.
#[derive(Clone, Debug)]
pub struct Code {
    /// The entries of instruction words, then those of calls' variants.
    entries: Vec<Op>,
    /// How many are instruction words'.
    words: usize,
    fused: Vec<u8>,
    longest_run: u32,
    main: Region,
    others: Vec<Region>,
    ranges: Arc<[Range<Word>]>,
}

/// The most entries of calls' variants: each instruction word that makes calls has as many as there are variants, and a
/// table must not outgrow its file by far.
const MAX_VARIANTS: usize = 1 << 20;

/// Adds the entries of calls' variants for each instruction that makes calls, and notes in that where they begin.
fn add_variants<I: Isa>(ops: &mut Vec<Op>) -> Result<(), LoadError> {
    let makes_calls =
        |op: &Op| I::SPEC.instruction(op.kind).is_some_and(|instruction| instruction.effects.call);
    let callers: Vec<usize> = (0..ops.len()).filter(|at| makes_calls(&ops[*at])).collect();
    let most = MAX_VARIANTS / I::SPEC.variants().count().max(1);
    if callers.len() > most {
        return Err(LoadError::TooManyCalls { found: callers.len(), most });
    }
    for at in callers {
        ops[at].imm = ops.len() as Word;
        let caller = ops[at];
        ops.extend(I::SPEC.variant_entries(caller));
    }
    Ok(())
}

/// A range of addresses and its place in the table.
#[derive(Clone, Copy, Debug)]
struct Region {
    start: Word,
    count: Word,
    first: u32,
}

impl Code {
    /// Decodes the words of the given ranges, as [`join`] gives them.
    ///
    /// # Errors
    /// [`LoadError::TooManyCalls`].
    pub(super) fn new<I: Isa>(ranges: Vec<Range<Word>>, pages: &PageMap) -> Result<Self, LoadError> {
        let mut ops = vec![Op::default()];
        let mut regions = Vec::with_capacity(ranges.len());
        for range in &ranges {
            let count = (range.end - range.start) / INSTRUCTION_BYTES;
            regions.push(Region { start: range.start, count, first: ops.len() as u32 });
            ops.extend(pages.words(range.clone()).map(|(pc, word)| I::decode(word, pc)));
            ops.push(Op { pc: range.end, ..Op::default() });
        }
        let largest = (0..regions.len()).max_by_key(|&at| regions[at].count);
        let main = largest.map_or(Region::EMPTY, |largest| regions.swap_remove(largest));
        let jumps = ByKind::of::<I>(false, Semantics::jumps);
        let kinds = ops.iter().map(|op| match op.kind {
            kind if jumps.get(kind) && jumps_to_itself::<I>(op) => Op::UNDECODABLE,
            kind => kind,
        });
        let mut fused: Vec<u8> = kinds.chain([Op::UNDECODABLE]).collect();
        for at in 0..ops.len() {
            fused[at] = I::fuse(fused[at], fused[at + 1]);
        }
        fused.truncate(ops.len());
        let longest_run = longest_run::<I>(&ops);
        let words = ops.len();
        add_variants::<I>(&mut ops)?;
        Ok(Self { entries: ops, words, fused, longest_run, main, others: regions, ranges: ranges.into() })
    }

    /// The table, as far as it is of instruction words: what is executed.
    #[inline]
    pub fn ops(&self) -> &[Op] {
        &self.entries[..self.words]
    }

    /// The whole table. Behind the instruction words are, for each that makes calls, the variants of all calls: a row of a
    /// call refers to the one that is the case.
    #[inline]
    pub fn entries(&self) -> &[Op] {
        &self.entries
    }

    /// For each entry, what [`Isa::step_fused`] is to execute there: [`Op::UNDECODABLE`] also where an instruction jumps
    /// to itself and changes nothing else, since it is executed for ever or not at all.
    #[inline]
    pub fn fused(&self) -> &[u8] {
        &self.fused
    }

    /// The most instructions that can be executed one after the other without a jump.
    #[inline]
    pub fn longest_run(&self) -> u32 {
        self.longest_run
    }

    /// The place in the table of the instruction at `pc`, if that is an instruction word's address. O(1) in the
    /// largest region, O(number of regions) elsewhere.
    #[inline(always)]
    pub fn index_of(&self, pc: Word) -> Option<u32> {
        self.main.index_of(pc).or_else(|| self.index_elsewhere(pc))
    }

    /// The instruction at `pc`.
    pub fn at(&self, pc: Word) -> Option<&Op> {
        self.ops().get(self.index_of(pc)? as usize)
    }

    /// The address ranges that hold code, ascending, none touches another. Stores into them are refused.
    pub fn ranges(&self) -> &Arc<[Range<Word>]> {
        &self.ranges
    }

    #[cold]
    #[inline(never)]
    fn index_elsewhere(&self, pc: Word) -> Option<u32> {
        self.others.iter().find_map(|region| region.index_of(pc))
    }
}

impl Region {
    const EMPTY: Self = Self { start: 0, count: 0, first: 0 };

    /// The rotation sends the bits that an aligned address does not have to the top, so that one comparison refuses
    /// addresses below, above and between.
    #[inline(always)]
    fn index_of(&self, pc: Word) -> Option<u32> {
        let place = pc.wrapping_sub(self.start).rotate_right(INSTRUCTION_BYTES.trailing_zeros());
        (place < self.count).then(|| self.first + place)
    }
}

/// What holds of an instruction's semantics, by its kind.
struct ByKind([bool; u8::MAX as usize + 1]);

impl ByKind {
    /// `without` of an instruction that has none, and false where there is no instruction.
    fn of<I: Isa>(without: bool, holds: impl Fn(&Semantics) -> bool) -> Self {
        let mut table = [without; _];
        table[usize::from(Op::UNDECODABLE)] = false;
        for (entry, semantics) in table.iter_mut().skip(1).zip(I::SEMANTICS) {
            *entry = holds(semantics);
        }
        Self(table)
    }

    fn get(&self, kind: u8) -> bool {
        self.0[usize::from(kind)]
    }
}

/// The most entries from one to the next that does not go on, both included. What lacks semantics may go on.
fn longest_run<I: Isa>(ops: &[Op]) -> u32 {
    let goes_on = ByKind::of::<I>(true, Semantics::goes_on);
    let runs = ops.split_inclusive(|op| !goes_on.get(op.kind));
    runs.map(|run| run.len() as u32).max().unwrap_or_default()
}

/// Whether the word states a jump to itself, and the instruction changes nothing else.
pub(crate) fn jumps_to_itself<I: Isa>(op: &Op) -> bool {
    let Some(at) = usize::from(op.kind).checked_sub(1) else { return false };
    let target = match Successor::of(op, I::SEMANTICS.get(at)) {
        Successor::Branch(target) | Successor::Jump(target) => target,
        _ => return false,
    };
    target == op.pc && only_jumps::<I>(op)
}

/// Whether the instruction changes nothing but where execution goes on: if it jumps to itself, it does so for ever.
pub(crate) fn only_jumps<I: Isa>(op: &Op) -> bool {
    I::SPEC.instruction(op.kind).is_some_and(|it| it.only_jumps(op.word, I::SPEC.registers.zero))
}

/// Rounds ranges inwards to instruction words, sorts them, and joins those that touch or overlap: one at least.
pub(super) fn join(mut ranges: Vec<Range<u64>>) -> Result<Vec<Range<Word>>, LoadError> {
    let unit = u64::from(INSTRUCTION_BYTES);
    for range in &mut ranges {
        *range = range.start.next_multiple_of(unit)..range.end / unit * unit;
    }
    ranges.retain(|range| range.start < range.end);
    ranges.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<Word>> = Vec::new();
    for range in ranges {
        if range.start < PAGE_BYTES as u64 {
            return Err(LoadError::PageZero { address: range.start });
        }
        if range.end > LAST_PAGE {
            return Err(LoadError::LastPage { end: range.end });
        }
        let (start, end) = (range.start as Word, range.end as Word);
        match joined.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => joined.push(start..end),
        }
    }
    if joined.is_empty() { Err(LoadError::NoCode) } else { Ok(joined) }
}

/// Whether an instruction word of these ranges, as [`join`] gives them, begins at `pc`.
pub(super) fn holds_word(ranges: &[Range<Word>], pc: Word) -> bool {
    pc.is_multiple_of(INSTRUCTION_BYTES) && ranges.iter().any(|range| range.contains(&pc))
}
