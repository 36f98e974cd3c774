//! What was executed when: the cycles of each stack in each of a bounded number of intervals.

use super::tree::{NodeId, Tree};

/// The most intervals that are kept.
const MAX_INTERVALS: usize = 1 << 11;

/// More samples are merged, interval by interval, as far as there is more than one interval.
const MAX_SAMPLES: usize = 1 << 15;

/// Consecutive cycles with one stack, in the order of their intervals; within one, in the order in which the stacks came
/// up. A stack's samples have all its cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) node: NodeId,
    pub(super) cycles: u64,
}

/// Samples, so many that they can be kept: whenever there are more, every two intervals become one.
#[derive(Debug)]
pub(super) struct Timeline {
    samples: Vec<Sample>,
    /// The end of each interval's samples.
    ends: Vec<usize>,
    /// How many cycles an interval has, at least.
    length: u64,
    /// How many the current one still lacks.
    left: u64,
    /// The nodes of the current one.
    touched: Vec<NodeId>,
}

impl Timeline {
    pub(super) fn new() -> Self {
        Self { samples: Vec::new(), ends: Vec::new(), length: 1, left: 1, touched: Vec::new() }
    }

    /// Counts cycles. O(1), amortised.
    #[inline]
    pub(super) fn add(&mut self, tree: &mut Tree, node: NodeId, cycles: u64) {
        let pending = &mut tree.nodes[node as usize].pending;
        if *pending == 0 {
            self.touched.push(node);
        }
        *pending += cycles;
        self.left = self.left.saturating_sub(cycles);
        if self.left == 0 {
            self.end_interval(tree);
        }
    }

    /// Ends the current interval, and gives all samples.
    pub(super) fn finish(mut self, tree: &mut Tree) -> Vec<Sample> {
        self.end_interval(tree);
        self.samples
    }

    #[cold]
    #[inline(never)]
    fn end_interval(&mut self, tree: &mut Tree) {
        for node in self.touched.drain(..) {
            let counted = &mut tree.nodes[node as usize];
            let cycles = core::mem::take(&mut counted.pending);
            counted.cycles += cycles;
            self.samples.push(Sample { node, cycles });
        }
        self.ends.push(self.samples.len());
        while self.ends.len() > MAX_INTERVALS || (self.samples.len() > MAX_SAMPLES && self.ends.len() > 1) {
            self.merge(tree);
        }
        self.left = self.length;
    }

    fn merge(&mut self, tree: &mut Tree) {
        let samples = core::mem::take(&mut self.samples);
        let ends = core::mem::take(&mut self.ends);
        let mut start = 0;
        for pair in ends.chunks(2) {
            let end = pair[pair.len() - 1];
            for sample in &samples[start..end] {
                let pending = &mut tree.nodes[sample.node as usize].pending;
                if *pending == 0 {
                    self.touched.push(sample.node);
                }
                *pending += sample.cycles;
            }
            let merged = self.touched.drain(..).map(|node| {
                let cycles = core::mem::take(&mut tree.nodes[node as usize].pending);
                Sample { node, cycles }
            });
            self.samples.extend(merged);
            self.ends.push(self.samples.len());
            start = end;
        }
        self.length = self.length.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::super::code_map::Scope;
    use super::super::tree::ROOT;
    use super::*;

    /// Two stacks in turn for a while, then a third: counts are exact, order is kept, and there are not too many.
    #[test]
    fn samples_are_few_and_exact() {
        let scopes: Vec<Scope> = (0..3).map(|at| Scope { functions: [at].into(), outermost: at }).collect();
        for rounds in [1u64, 1000, 1_000_000] {
            let mut tree = Tree::new(16);
            let nodes = [0, 1, 2].map(|scope| tree.leaf(ROOT, scope, &scopes));
            let mut timeline = Timeline::new();
            for _ in 0..rounds {
                timeline.add(&mut tree, nodes[0], 3);
                timeline.add(&mut tree, nodes[1], 2);
            }
            timeline.add(&mut tree, nodes[2], 7);
            let samples = timeline.finish(&mut tree);
            let sum = |node| samples.iter().filter(|s| s.node == node).map(|s| s.cycles).sum::<u64>();
            assert_eq!(nodes.map(sum), [3 * rounds, 2 * rounds, 7]);
            assert_eq!(nodes.map(|node| tree.nodes[node as usize].cycles), [3 * rounds, 2 * rounds, 7]);
            assert_eq!(samples.last().map(|sample| sample.node), Some(nodes[2]));
            assert!(samples.len() <= 2 * MAX_INTERVALS + 1, "{}", samples.len());
        }
    }

    #[test]
    fn many_stacks_make_long_intervals() {
        let mut tree = Tree::new(1 << 16);
        let nodes: Vec<_> = (0..40_000).map(|function| tree.child(ROOT, function).unwrap()).collect();
        let mut timeline = Timeline::new();
        for _ in 0..5 {
            nodes.iter().for_each(|&node| timeline.add(&mut tree, node, 1));
        }
        let samples = timeline.finish(&mut tree);
        assert_eq!(samples.iter().map(|sample| sample.cycles).sum::<u64>(), 200_000);
        assert!(samples.len() <= 40_000, "one for each stack at most: {}", samples.len());
    }
}
