//! The code table: every instruction word of a program, decoded once.

use core::ops::Range;
use std::sync::Arc;

use super::{ADDRESS_SPACE, LoadError};
use crate::isa::{Op, Word};
use crate::pages::{PAGE_BYTES, PageMap};

/// The bytes of an instruction word, which is what [`Isa::decode`](crate::isa::Isa::decode) takes.
const INSTRUCTION_BYTES: Word = size_of::<u32>() as Word;

/// The code table and the address ranges that it covers.
///
/// Entry 0 is [`Op::default`], which padding rows refer to. Then come the regions in ascending order, each followed
/// by one entry that does not decode, whose address is the region's end: so sequential execution needs no check that
/// it is still inside the code.
#[derive(Clone, Debug)]
pub struct Code {
    ops: Vec<Op>,
    main: Region,
    others: Vec<Region>,
    ranges: Arc<[Range<Word>]>,
}

/// A range of addresses and its place in the table.
#[derive(Clone, Copy, Debug)]
struct Region {
    start: Word,
    count: Word,
    first: u32,
}

impl Code {
    /// Decodes the words of the given ranges, which are rounded to whole words and joined where they touch.
    pub(super) fn new(
        ranges: Vec<Range<u64>>,
        pages: &PageMap,
        decode: impl Fn(u32, Word) -> Op,
    ) -> Result<Self, LoadError> {
        let ranges = join(ranges)?;
        let mut ops = vec![Op::default()];
        let mut regions = Vec::with_capacity(ranges.len());
        for range in &ranges {
            let count = (range.end - range.start) / INSTRUCTION_BYTES;
            regions.push(Region { start: range.start, count, first: ops.len() as u32 });
            ops.extend((0..count).map(|at| {
                let pc = range.start + at * INSTRUCTION_BYTES;
                decode(pages.word(pc), pc)
            }));
            ops.push(Op { pc: range.end, ..Op::default() });
        }
        let largest = (0..regions.len()).max_by_key(|&at| regions[at].count).ok_or(LoadError::NoCode)?;
        let main = regions.swap_remove(largest);
        Ok(Self { ops, main, others: regions, ranges: ranges.into() })
    }

    /// The table.
    #[inline]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The place in the table of the instruction at `pc`, if that is an instruction word's address. O(1) in the
    /// largest region, O(number of regions) elsewhere.
    #[inline(always)]
    pub fn index_of(&self, pc: Word) -> Option<u32> {
        self.main.index_of(pc).or_else(|| self.index_elsewhere(pc))
    }

    /// The instruction at `pc`.
    pub fn at(&self, pc: Word) -> Option<&Op> {
        self.ops.get(self.index_of(pc)? as usize)
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
    /// The rotation sends the bits that an aligned address does not have to the top, so that one comparison refuses
    /// addresses below, above and between.
    #[inline(always)]
    fn index_of(&self, pc: Word) -> Option<u32> {
        let place = pc.wrapping_sub(self.start).rotate_right(INSTRUCTION_BYTES.trailing_zeros());
        (place < self.count).then(|| self.first + place)
    }
}

/// Rounds ranges inwards to instruction words, sorts them, and joins those that touch or overlap.
fn join(mut ranges: Vec<Range<u64>>) -> Result<Vec<Range<Word>>, LoadError> {
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
        if range.end + unit > ADDRESS_SPACE {
            return Err(LoadError::CodeAtEnd { end: range.end });
        }
        let (start, end) = (range.start as Word, range.end as Word);
        match joined.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => joined.push(start..end),
        }
    }
    Ok(joined)
}
