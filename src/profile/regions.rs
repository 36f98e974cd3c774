//! What the guest marked: regions within regions, by name.

use super::markers::Marker;

/// Regions within more regions than this are not followed; their ends are then unbalanced.
const MAX_DEPTH: usize = 256;

/// What was counted of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// How often it began.
    pub(super) entries: u64,
    /// Cycles within it, and within no region that began in it.
    pub(super) own: u64,
    /// Cycles within it.
    pub(super) total: u64,
    /// How many of it are open.
    open: u64,
    /// Since when, the first of them.
    since: u64,
}

/// The regions that are open, and what was counted of all.
#[derive(Debug)]
pub(super) struct Regions {
    counts: Vec<Counts>,
    open: Vec<u32>,
    /// The cycle of the last marker.
    last: u64,
    /// Ends without a beginning, and beginnings whose end another region's took the place of.
    pub(super) unbalanced: u64,
}

impl Regions {
    pub(super) fn new(regions: usize) -> Self {
        Self { counts: vec![Counts::default(); regions], open: Vec::new(), last: 0, unbalanced: 0 }
    }

    /// Counting begins here: forgets what was counted, and not which regions are open.
    pub(super) fn restart(&mut self, cycle: u64) {
        self.last = cycle;
        self.unbalanced = 0;
        for counts in &mut self.counts {
            *counts = Counts { open: counts.open, since: cycle, ..Counts::default() };
        }
    }

    /// A marker that was executed as the last of `cycle` cycles. Its own cycle is within no region that it begins or ends.
    pub(super) fn mark(&mut self, marker: Marker, cycle: u64) {
        if marker.begins {
            self.count_to(cycle);
            if self.open.len() == MAX_DEPTH {
                self.unbalanced += 1;
                return;
            }
            self.open.push(marker.region);
            let counts = &mut self.counts[marker.region as usize];
            counts.entries += 1;
            counts.open += 1;
            if counts.open == 1 {
                counts.since = cycle;
            }
            return;
        }
        let Some(at) = self.open.iter().rposition(|&region| region == marker.region) else {
            self.unbalanced += 1;
            return;
        };
        self.count_to(cycle - 1);
        self.unbalanced += (self.open.len() - at - 1) as u64;
        self.close(at, cycle - 1);
        // The cycle of the marker itself is the outer region's.
    }

    /// Closes what is still open, and gives the counts.
    pub(super) fn finish(mut self, cycle: u64) -> (Vec<Counts>, u64, usize) {
        self.count_to(cycle);
        let open = self.open.len();
        self.close(0, cycle);
        (self.counts, self.unbalanced, open)
    }

    /// Counts the cycles up to here to the innermost region.
    fn count_to(&mut self, cycle: u64) {
        if let Some(&region) = self.open.last() {
            self.counts[region as usize].own += cycle.saturating_sub(self.last);
        }
        self.last = self.last.max(cycle);
    }

    /// Closes the regions from the `left`-th on.
    fn close(&mut self, left: usize, cycle: u64) {
        for region in self.open.drain(left..).rev() {
            let counts = &mut self.counts[region as usize];
            counts.open -= 1;
            if counts.open == 0 {
                counts.total += cycle.saturating_sub(counts.since);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u32 = 0;
    const B: u32 = 1;

    /// Marks at cycles; entries, own and total of A and B, then what is unbalanced and what is left open at cycle 100.
    fn count(marks: &[(bool, u32, u64)]) -> ([(u64, u64, u64); 2], u64, usize) {
        let mut regions = Regions::new(2);
        for &(begins, region, cycle) in marks {
            regions.mark(Marker { region, begins }, cycle);
        }
        let (counts, unbalanced, open) = regions.finish(100);
        ([0, 1].map(|at: usize| (counts[at].entries, counts[at].own, counts[at].total)), unbalanced, open)
    }

    #[test]
    fn regions_nest() {
        // A has cycles 11 to 39; B those from 21 to 29. B's two markers are A's.
        let marks = [(true, A, 10), (true, B, 20), (false, B, 30), (false, A, 40)];
        assert_eq!(count(&marks), ([(1, 20, 29), (1, 9, 9)], 0, 0));
    }

    #[test]
    fn a_region_within_itself_is_counted_once() {
        let marks = [(true, A, 10), (true, A, 20), (false, A, 30), (false, A, 40)];
        assert_eq!(count(&marks), ([(2, 29, 29), (0, 0, 0)], 0, 0));
    }

    #[test]
    fn what_is_not_balanced_is_told() {
        assert_eq!(count(&[(false, A, 10)]), ([(0, 0, 0), (0, 0, 0)], 1, 0));
        assert_eq!(count(&[(true, A, 10)]), ([(1, 90, 90), (0, 0, 0)], 0, 1));
        // A's end ends B as well.
        let marks = [(true, A, 10), (true, B, 20), (false, A, 40)];
        assert_eq!(count(&marks), ([(1, 10, 29), (1, 19, 19)], 1, 0));
    }

    #[test]
    fn counting_can_begin_within_a_region() {
        let mut regions = Regions::new(2);
        regions.mark(Marker { region: A, begins: true }, 10);
        regions.restart(50);
        regions.mark(Marker { region: A, begins: false }, 71);
        let (counts, ..) = regions.finish(100);
        assert_eq!((counts[0].entries, counts[0].own, counts[0].total), (0, 20, 20));
    }
}
