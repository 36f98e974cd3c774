//! Σ_{a ≤ x < b} w(x) = claim: the sum of a column over a range of cycles.

use core::ops::Range;

use super::grid::{Grid, GridValues, Rule};
use super::instance::{Block, RoundProver, Scratch, SumcheckInstance};
use crate::field::SumcheckField;
use crate::isa::ColumnId;
use crate::oracle::eq_prefix_sum;

/// The claim that a column's cells in a range of cycles add up to a value.
///
/// The range's indicator is a polynomial that the verifier evaluates in O(n), and no column. On the prover's arrays it is
/// 1 inside of the range and 0 outside, but in the two entries that hold its ends: so nearly all of the work is additions.
#[derive(Clone, Debug)]
pub struct RangeSum<F> {
    column: [ColumnId; 1],
    cycles: Range<u64>,
    claim: F,
}

impl<F: SumcheckField> RangeSum<F> {
    /// Σ column(x) over `cycles` is `claim`; cycles from T on count as zero.
    pub fn new(column: ColumnId, cycles: Range<u64>, claim: F) -> Self {
        let start = cycles.start.min(cycles.end);
        Self { column: [column], cycles: start..cycles.end, claim }
    }
}

impl<F: SumcheckField> SumcheckInstance<F> for RangeSum<F> {
    fn columns(&self) -> &[ColumnId] {
        &self.column
    }

    fn variables(&self) -> Option<usize> {
        None
    }

    fn degree(&self) -> usize {
        2
    }

    fn claim(&self) -> F {
        self.claim
    }

    fn evaluate(&self, point: &[F], values: &[F]) -> F {
        let indicator = eq_prefix_sum(point, self.cycles.end) - eq_prefix_sum(point, self.cycles.start);
        values.iter().map(|value| indicator * value).sum()
    }

    fn prover(&self, _rows: u64, _variables: usize) -> Box<dyn RoundProver<F> + '_> {
        Box::new(RangeSumProver {
            statement: self,
            point: Vec::new(),
            grid: Grid::new(2, 0, true),
            values: None,
        })
    }

    fn cost(&self, window: u32, _integral: bool) -> f64 {
        0.15 * f64::from(1u32 << window)
    }
}

struct RangeSumProver<'a, F> {
    statement: &'a RangeSum<F>,
    /// The challenges so far.
    point: Vec<F>,
    grid: Grid,
    values: Option<GridValues<F>>,
}

impl<F: SumcheckField> RangeSumProver<'_, F> {
    /// The indicator's array at entry u of this round: Σ_l eq(r; l)·[2^i·u + l in the range].
    fn indicator(&self, entry: u64) -> F {
        let rows = 1u64 << self.point.len();
        let below = |cycle: u64| match cycle.saturating_sub(entry.saturating_mul(rows)) {
            0 => F::ZERO,
            inside if inside >= rows => F::ONE,
            inside => eq_prefix_sum(&self.point, inside),
        };
        below(self.statement.cycles.end) - below(self.statement.cycles.start)
    }

    /// The groups that hold the range's ends, the first one first.
    fn ends(&self, window: u32) -> (u64, u64) {
        let bits = self.point.len() as u32 + window;
        (self.statement.cycles.start >> bits, self.statement.cycles.end >> bits)
    }
}

impl<F: SumcheckField> RoundProver<F> for RangeSumProver<'_, F> {
    fn open(&mut self, window: u32) -> usize {
        self.grid = Grid::new(2, window, true);
        self.values = None;
        self.grid.points()
    }

    fn absorb(&self, block: &Block<'_, F>, scratch: &mut Scratch<F>, sums: &mut [F]) {
        let (first, last) = self.ends(block.window());
        let (start, end) = (block.start(), block.start() + block.groups() as u64);
        let Scratch { integers, elements, .. } = scratch;
        // Between the ends the indicator is one, and has no slope.
        let inside = (first + 1).max(start)..last.min(end);
        if inside.start < inside.end {
            let part = block.narrow((inside.start - start) as usize, (inside.end - inside.start) as usize);
            let step = 1 << block.window();
            part.integers(0, integers);
            for (entry, at) in self.grid.booleans().iter().enumerate() {
                sums[*at] += if block.is_integral() {
                    F::from(
                        integers.iter().skip(entry).step_by(step).map(|cell| i128::from(*cell)).sum::<i128>(),
                    )
                } else {
                    let entries = part.bound(0).iter().skip(entry).step_by(step);
                    entries.fold(F::ZERO, |sum, element| sum.plus(element))
                };
            }
        }
        let ends = [Some(first), Some(last).filter(|last| *last != first)];
        for group in ends.into_iter().flatten().filter(|group| (start..end).contains(group)) {
            let part = block.narrow((group - start) as usize, 1);
            part.integers(0, integers);
            elements.clear();
            elements.resize(2 * self.grid.points(), F::ZERO);
            for (entry, at) in self.grid.booleans().iter().enumerate() {
                let integer = integers.get(entry).map(|cell| F::from(*cell));
                let value = integer.or_else(|| part.bound(0).get(entry).copied());
                elements[2 * at] = value.unwrap_or(F::ZERO);
                elements[2 * at + 1] = self.indicator((group << block.window()) + entry as u64);
            }
            self.grid.extend(elements, 2, Rule::elements);
            for (sum, pair) in sums.iter_mut().zip(elements.chunks_exact(2)) {
                *sum += pair[0] * pair[1];
            }
        }
    }

    fn close(&mut self, sums: Vec<F>, _claim: F) {
        self.values = Some(GridValues::new(&self.grid, sums));
    }

    fn message(&self) -> Vec<F> {
        self.values.as_ref().map_or_else(Vec::new, |values| values.message(&vec![F::ONE; values.others()]))
    }

    fn bind(&mut self, challenge: F) {
        self.point.push(challenge);
        if let Some(values) = &mut self.values {
            values.bind(challenge);
        }
    }
}
