//! What is hot: samples of how the interpreter goes through the code.
//!
//! In: in *bursts*, some tens of jumps long and thousands of cycles apart, every jump that the interpreter makes. Out: which
//! instructions were executed, how long execution was about a place, and where jumps to registers led.

use std::collections::BTreeSet;

use super::region::{Successor, successor};
use crate::isa::Isa;
use crate::program::Code;

#[derive(Default)]
pub(super) struct Profile {
    places: Vec<Place>,
    executed: Vec<bool>,
    /// Jumps whose target the code does not state: from which instruction to which.
    indirect: BTreeSet<(u32, u32)>,
    burst: u32,
    /// Where the burst came by, each once.
    seen: Vec<u32>,
    /// How many cycles the burst stands for.
    cycles: u64,
}

/// What is known of an instruction that may be jumped to.
#[derive(Clone, Copy, Default)]
struct Place {
    /// How many cycles those bursts stand for that came by.
    cycles: u64,
    /// How many these must be before it is looked at.
    enough: u64,
    /// The last burst that came by.
    burst: u32,
    /// Whether it is not entered before its cycles are `enough`, since native code was left soon after it.
    is_put_off: bool,
    /// The jump that last led here, and the last instruction up to which execution went on from here; each plus one.
    from: u32,
    to: u32,
}

impl Profile {
    pub(super) fn new(instructions: usize) -> Self {
        Self {
            places: vec![Place::default(); instructions],
            executed: vec![false; instructions],
            ..Self::default()
        }
    }

    /// Begins a burst, which stands for so many cycles.
    pub(super) fn begin(&mut self, cycles: u64) {
        self.burst = self.burst.wrapping_add(1);
        self.cycles = cycles;
        self.seen.clear();
    }

    /// Takes note of instructions executed one after the other, of which the last jumped. O(1) but the first time.
    pub(super) fn ran<I: Isa>(&mut self, code: &Code, first: u32, cycles: u32, target: u32) {
        let end = first.saturating_add(cycles);
        if let Some(place) = self.places.get_mut(first as usize)
            && place.to < end
        {
            place.to = end;
            self.executed
                .get_mut(first as usize..end as usize)
                .into_iter()
                .flatten()
                .for_each(|it| *it = true);
        }
        for at in [first, target] {
            if let Some(place) = self.places.get_mut(at as usize)
                && place.burst != self.burst
            {
                place.burst = self.burst;
                place.cycles += self.cycles;
                self.seen.push(at);
            }
        }
        let Some(place) = self.places.get_mut(target as usize) else { return };
        if place.from != end {
            place.from = end;
            let op = code.ops().get((end as usize).wrapping_sub(1));
            if op.is_some_and(|op| matches!(successor::<I>(op), Successor::Indirect { .. })) {
                self.indirect.insert((end - 1, target));
            }
        }
    }

    /// The place of the burst that execution was about for the longest time, if that is long enough for a look.
    pub(super) fn hottest(&self, usable: impl Fn(u32) -> bool) -> Option<(u32, u64)> {
        let of = |&place: &u32| self.places.get(place as usize).map(|it| (it.cycles, it.enough, place));
        let candidates = self.seen.iter().filter_map(of);
        let candidates = candidates.filter(|&(cycles, enough, place)| cycles >= enough && usable(place));
        candidates.max().map(|(cycles, _, place)| (place, cycles))
    }

    /// Lets a place be looked at again when execution was about it for so many cycles.
    pub(super) fn set_enough(&mut self, place: u32, cycles: u64) {
        if let Some(place) = self.places.get_mut(place as usize) {
            place.enough = cycles;
            place.is_put_off = false;
        }
    }

    /// Lets a place not be entered until execution was about it for this many times as long as so far, or as `least`.
    pub(super) fn put_off(&mut self, place: u32, times: u64, least: u64) {
        if let Some(place) = self.places.get_mut(place as usize) {
            place.enough = place.cycles.max(least).saturating_mul(times);
            place.is_put_off = true;
        }
    }

    /// Whether a place is not to be entered yet.
    pub(super) fn is_put_off(&self, place: u32) -> bool {
        self.places.get(place as usize).is_some_and(|place| place.is_put_off && place.cycles < place.enough)
    }

    /// Whether an instruction was seen executed.
    pub(super) fn is_executed(&self, place: u32) -> bool {
        self.executed.get(place as usize).is_some_and(|&it| it)
    }

    /// Whether an instruction was seen jumped to.
    pub(super) fn is_jumped_to(&self, place: u32) -> bool {
        self.places.get(place as usize).is_some_and(|place| place.cycles > 0)
    }

    /// Where an instruction was seen to jump to.
    pub(super) fn targets(&self, from: u32) -> impl Iterator<Item = u32> {
        self.indirect.range((from, 0)..=(from, u32::MAX)).map(|&(_, to)| to)
    }
}
