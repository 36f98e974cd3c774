//! Which checkpoints are kept: at most 2M, evenly spaced, without knowing T.

use super::Checkpoint;

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
}

/// M = 32, and 2¹⁸ cycles: 64 checkpoints let some tens of threads begin at different places, and half a millisecond
/// of execution is long beside what a checkpoint of a few pages takes. To copy a page takes the time of about 600
/// cycles: at 8192 cycles a page checkpoints take less than a tenth of the run.
impl Default for Policy {
    fn default() -> Self {
        Self::new(32, 1 << 18).with_page_cost(8192)
    }
}

/// The checkpoints of an execution, ascending; the first is that of cycle 0.
///
/// One is due every I cycles. When there are more than 2M, I doubles and those that are closer than I to the one before
/// are dropped: every second one, if none was left out for its cost. So there are at most 2M, whatever T is, and at
/// least M if none was left out. Space: O(M·K) at worst.
#[derive(Clone, Debug)]
pub struct CheckpointManager<G> {
    policy: Policy,
    interval: u64,
    first: Checkpoint<G>,
    later: Vec<Checkpoint<G>>,
}

impl<G> CheckpointManager<G> {
    /// A manager that keeps the state of cycle 0.
    pub fn new(policy: Policy, initial: Checkpoint<G>) -> Self {
        Self { policy, interval: policy.interval, first: initial, later: Vec::new() }
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
        let passed = cycle.saturating_sub(self.last().cycle);
        let cost = pages.saturating_mul(self.policy.page_cost);
        cycle.is_multiple_of(self.interval) && passed >= self.interval.max(cost)
    }

    /// Keeps a checkpoint, which is later than all others, and drops others if there are too many.
    pub fn keep(&mut self, checkpoint: Checkpoint<G>) {
        self.later.push(checkpoint);
        while self.len() > self.policy.maximum {
            self.interval = self.interval.saturating_mul(2);
            let mut last = self.first.cycle;
            self.later.retain(|checkpoint| {
                let far = checkpoint.cycle - last >= self.interval;
                last = if far { checkpoint.cycle } else { last };
                far
            });
        }
    }

    /// The state of cycle 0.
    pub fn first(&self) -> &Checkpoint<G> {
        &self.first
    }

    /// The latest checkpoint.
    pub fn last(&self) -> &Checkpoint<G> {
        self.later.last().unwrap_or(&self.first)
    }

    /// The last checkpoint at or before `cycle`. O(log M).
    pub fn nearest(&self, cycle: u64) -> &Checkpoint<G> {
        let after = self.later.partition_point(|checkpoint| checkpoint.cycle <= cycle);
        after.checked_sub(1).map_or(&self.first, |at| &self.later[at])
    }

    /// All checkpoints, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &Checkpoint<G>> {
        core::iter::once(&self.first).chain(&self.later)
    }

    /// How many there are; at least 1.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        1 + self.later.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::PageMap;
    use proptest::prelude::*;

    fn at(cycle: u64) -> Checkpoint<()> {
        Checkpoint {
            cycle,
            pc: 0,
            registers: vec![],
            guest: (),
            input_position: 0,
            pages: PageMap::default(),
        }
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
            let kept: Vec<u64> = manager.iter().map(|checkpoint| checkpoint.cycle).collect();
            prop_assert!(kept.iter().zip(0..).all(|(&cycle, at)| cycle == at * manager.interval()));
            prop_assert!(kept.len() as u64 > cycles / manager.interval());
            prop_assert!(kept.len() >= m || manager.interval() == interval);
            let nearest = kept.iter().copied().filter(|&cycle| cycle <= ask).max();
            prop_assert_eq!(Some(manager.nearest(ask).cycle), nearest);
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
                let passed = cycle - manager.last().cycle;
                let due = manager.is_due(cycle, pages);
                prop_assert_eq!(due, passed >= manager.interval().max(3 * pages));
                if due {
                    manager.keep(at(cycle));
                }
                let kept: Vec<u64> = manager.iter().map(|kept| kept.cycle).collect();
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
        assert!(manager.iter().map(|kept| kept.cycle).eq([0, 7, 9]));
        assert!(!manager.is_due(10, 0));
        assert!(manager.is_due(12, 0));
    }
}
