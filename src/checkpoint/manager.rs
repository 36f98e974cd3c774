//! Which checkpoints are kept: at most 2M, evenly spaced, without knowing T.

use std::borrow::Cow;

use super::Checkpoint;
use super::file::{CheckpointFileError, Place, Source};
use crate::guest::Guest;

/// How many checkpoints to keep, and how far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    maximum: usize,
    interval: u64,
    page_cost: u64,
}

impl Policy {
    /// At most `2 * m` checkpoints, the first ones `interval` cycles apart. Both are taken as 1 if they are 0.
    pub const fn new(m: usize, interval: u64) -> Self {
        Self {
            maximum: if m == 0 { 2 } else { m.saturating_mul(2) },
            interval: if interval == 0 { 1 } else { interval },
            page_cost: 0,
        }
    }

    /// The same, but a checkpoint must be this many cycles after the one before for each page that it copies; one
    /// that comes too early is left out. So checkpoints cost a bounded part of the run, however much memory the guest
    /// writes to; 0 leaves none out.
    pub const fn with_page_cost(self, cycles: u64) -> Self {
        Self { page_cost: cycles, ..self }
    }

    /// The most checkpoints that are kept: 2M.
    pub const fn maximum(self) -> usize {
        self.maximum
    }

    /// The first interval in cycles.
    pub const fn interval(self) -> u64 {
        self.interval
    }

    /// How many cycles a page must be worth; see [`with_page_cost`](Self::with_page_cost).
    pub const fn page_cost(self) -> u64 {
        self.page_cost
    }

    /// The policy that said so of itself.
    pub(super) fn restored(maximum: u64, interval: u64, page_cost: u64) -> Self {
        Self { maximum: usize::try_from(maximum).unwrap_or(usize::MAX), interval, page_cost }
    }
}

/// M = 32, and 2¹⁸ cycles: 64 checkpoints let some tens of threads begin at different places, and half a millisecond
/// of execution is long beside what a checkpoint of a few pages takes, even while checkpoints are still dense. To copy a page
/// into new memory takes the time of 600 to 2000 cycles, by what the system takes for the memory: at 8192 cycles a page
/// checkpoints take a tenth to a fourth of a run at most, and that of a run which does nothing but write to other pages. Half
/// as many checkpoints would cost each pass on two threads more than that.
impl Default for Policy {
    fn default() -> Self {
        Self::new(32, 1 << 18).with_page_cost(8192)
    }
}

/// The checkpoints of an execution, ascending; the first is that of cycle 0.
///
/// One is due every I cycles. When there are more than 2M, I doubles and those that are closer than I to the one before
/// are dropped: every second one, if none was left out for its cost. So there are at most 2M, whatever T is, and at
/// least M if none was left out. Space: O(M·K) at worst; O(M) if they are in a file.
#[derive(Clone, Debug)]
pub struct CheckpointManager<G> {
    policy: Policy,
    interval: u64,
    first: Checkpoint<G>,
    later: Vec<Place<G>>,
}

impl<G> CheckpointManager<G> {
    /// A manager that keeps the state of cycle 0.
    pub fn new(policy: Policy, initial: Checkpoint<G>) -> Self {
        Self { policy, interval: policy.interval, first: initial, later: Vec::new() }
    }

    /// A manager of checkpoints in a file, after the first: each its cycle and its place.
    pub(super) fn stored(
        policy: Policy,
        interval: u64,
        first: Checkpoint<G>,
        source: &Source,
        later: &[(u64, u64)],
    ) -> Self {
        let mut manager = Self { policy, interval, first, later: Vec::new() };
        manager.later = stored(source, later);
        manager
    }

    /// I, the distance between two checkpoints now.
    pub fn interval(&self) -> u64 {
        self.interval
    }

    /// The first cycle after `cycle` at which a checkpoint is due.
    pub fn next_due(&self, cycle: u64) -> u64 {
        (cycle / self.interval).saturating_add(1).saturating_mul(self.interval)
    }

    /// Whether to keep a checkpoint at `cycle`, for which so many pages would be copied.
    pub fn is_due(&self, cycle: u64, pages: u64) -> bool {
        let last = self.later.last().map_or(self.first.cycle, Place::cycle);
        let cost = pages.saturating_mul(self.policy.page_cost);
        cycle.is_multiple_of(self.interval) && cycle.saturating_sub(last) >= self.interval.max(cost)
    }

    /// Keeps a checkpoint, which is later than all others, and drops others if there are too many.
    pub fn keep(&mut self, checkpoint: Checkpoint<G>) {
        self.later.push(Place::Memory(checkpoint));
        while self.len() > self.policy.maximum {
            self.interval = self.interval.saturating_mul(2);
            let mut last = self.first.cycle;
            self.later.retain(|place| {
                let far = place.cycle() - last >= self.interval;
                last = if far { place.cycle() } else { last };
                far
            });
        }
    }

    /// The state of cycle 0.
    pub fn first(&self) -> &Checkpoint<G> {
        &self.first
    }

    /// The cycles of the checkpoints, ascending.
    pub fn cycles(&self) -> impl Iterator<Item = u64> {
        core::iter::once(self.first.cycle).chain(self.later.iter().map(Place::cycle))
    }

    /// The cycle of the last checkpoint at or before `cycle`. O(log M).
    pub fn nearest_cycle(&self, cycle: u64) -> u64 {
        self.before(cycle).map_or(self.first.cycle, Place::cycle)
    }

    /// How many there are; at least 1.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        1 + self.later.len()
    }

    /// All but the first.
    pub(super) fn later(&self) -> &[Place<G>] {
        &self.later
    }

    /// Lets the checkpoints be read from a file from now on: all of them, each its cycle and its place.
    pub(super) fn point_to(&mut self, source: &Source, places: &[(u64, u64)]) {
        self.later = stored(source, places.get(1..).unwrap_or_default());
    }

    fn before(&self, cycle: u64) -> Option<&Place<G>> {
        let after = self.later.partition_point(|place| place.cycle() <= cycle);
        self.later.get(after.checked_sub(1)?)
    }
}

impl<G: Guest> CheckpointManager<G> {
    /// The last checkpoint at or before `cycle`. O(log M), and O(pages) if it is in a file.
    ///
    /// # Errors
    /// It cannot be read from its file.
    pub fn nearest(&self, cycle: u64) -> Result<Cow<'_, Checkpoint<G>>, CheckpointFileError> {
        self.before(cycle).map_or(Ok(Cow::Borrowed(&self.first)), load)
    }

    /// All checkpoints, ascending; each as [`nearest`](Self::nearest) gives it.
    pub fn iter(&self) -> impl Iterator<Item = Result<Cow<'_, Checkpoint<G>>, CheckpointFileError>> {
        core::iter::once(Ok(Cow::Borrowed(&self.first))).chain(self.later.iter().map(load))
    }
}

fn stored<G>(source: &Source, places: &[(u64, u64)]) -> Vec<Place<G>> {
    let place = |&(cycle, at): &(u64, u64)| Place::Stored { cycle, at, source: source.clone() };
    places.iter().map(place).collect()
}

fn load<G: Guest>(place: &Place<G>) -> Result<Cow<'_, Checkpoint<G>>, CheckpointFileError> {
    match place {
        Place::Memory(checkpoint) => Ok(Cow::Borrowed(checkpoint)),
        Place::Stored { cycle, at, source } => source.load((*cycle, *at)).map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::Snapshot;
    use proptest::prelude::*;

    fn at(cycle: u64) -> Checkpoint<()> {
        Checkpoint { cycle, pc: 0, registers: vec![], guest: (), pages: Snapshot::default() }
    }

    proptest! {
        #[test]
        fn bounded_even_and_nearest(m in 1usize..9, interval in 1u64..20, cycles in 0u64..3000, ask in 0u64..4000) {
            let mut manager = CheckpointManager::new(Policy::new(m, interval), at(0));
            let mut cycle = manager.next_due(0);
            while cycle <= cycles {
                prop_assert!(manager.is_due(cycle, 1 << 40));
                manager.keep(at(cycle));
                prop_assert!(manager.len() <= 2 * m);
                cycle = manager.next_due(cycle);
            }
            let kept: Vec<u64> = manager.cycles().collect();
            prop_assert!(kept.iter().zip(0..).all(|(&cycle, at)| cycle == at * manager.interval()));
            prop_assert!(kept.len() as u64 > cycles / manager.interval());
            prop_assert!(kept.len() >= m || manager.interval() == interval);
            let nearest = kept.iter().copied().filter(|&cycle| cycle <= ask).max();
            prop_assert_eq!(Some(manager.nearest_cycle(ask)), nearest);
        }

        /// With costs, gaps are as long as the pages make them; the checkpoints around a gap are not thinned out.
        #[test]
        fn dear_checkpoints_are_left_out(
            m in 1usize..9,
            interval in 1u64..20,
            pages in prop::collection::vec(prop_oneof![3 => Just(0u64), 1 => 0u64..1000], 1..300),
        ) {
            let mut manager = CheckpointManager::new(Policy::new(m, interval).with_page_cost(3), at(0));
            let mut cycle = 0;
            for pages in pages {
                cycle = manager.next_due(cycle);
                // With M = 1 every second checkpoint doubles the interval.
                if cycle >= 1 << 60 {
                    break;
                }
                let passed = cycle - manager.cycles().last().unwrap();
                let due = manager.is_due(cycle, pages);
                prop_assert_eq!(due, passed >= manager.interval().max(3 * pages));
                if due {
                    manager.keep(at(cycle));
                }
                let kept: Vec<u64> = manager.cycles().collect();
                prop_assert!(kept.len() <= 2 * m);
                prop_assert!(kept.windows(2).all(|pair| pair[1] - pair[0] >= manager.interval()));
            }
        }
    }

    #[test]
    fn a_lone_checkpoint_survives_thinning() {
        let mut manager = CheckpointManager::new(Policy::new(2, 1), at(0));
        for cycle in [7, 8, 9, 10] {
            assert!(manager.is_due(cycle, 0));
            manager.keep(at(cycle));
        }
        assert!(manager.cycles().eq([0, 7, 9]));
        assert!(!manager.is_due(10, 0));
        assert!(manager.is_due(12, 0));
    }
}
