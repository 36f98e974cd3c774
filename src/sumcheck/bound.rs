//! A composition on field elements: lines outside, groups inside, over blocks that stay in the cache.

use super::composition::Weights;
use super::costs::{COSTS, Costs, Work};
use super::grid::{Grid, Rule};
use super::instance::{Block, Live, Scratch};
use super::lines::{Line, Lines};
use crate::field::SumcheckField;

/// What a block's lines may take: within a second-level cache.
const BLOCK_BYTES: usize = 1 << 17;

/// The most groups a block.
const MAX_LANES: usize = 64;

/// With fewer groups a block, sums cost what they cost from memory.
const FEW_LANES: usize = 4;

/// How many groups a block has, for so many values a group.
fn lanes<F>(values: usize) -> usize {
    (BLOCK_BYTES / (values.max(1) * size_of::<F>())).clamp(1, MAX_LANES)
}

/// In field products, for one group.
pub(super) fn cost<F>((lines, degree): (&Lines<F>, usize), work: &Work) -> f64 {
    let Costs { loaded, sum, summand, reduction, .. } = COSTS;
    let entry = |line: &Line<F>| {
        let products = summand * line.mixed.len() as f64;
        let mix = if line.mixed.is_empty() { 0.0 } else { reduction + products };
        mix + loaded * (line.small.len() + line.mixed.len()) as f64
    };
    let entries = f64::from(1u32 << work.window);
    let grid = (degree + 1).pow(work.window);
    let sum = if lanes::<F>(grid * lines.lines.len()) < FEW_LANES { loaded } else { sum };
    let products = summand * (lines.pairs.len() + lines.others.len()) as f64;
    let others: usize = lines.others.iter().map(|factors| factors.len() - 2).sum();
    let once = if work.ones { 0.0 } else { reduction + summand };
    let point = products + others as f64 + sum * lines.singles.len() as f64 + once;
    lines.lines.iter().map(entry).sum::<f64>() * entries
        + sum * lines.lines.len() as f64 * (grid as f64 - entries)
        + point * work.points as f64
}

/// See [`RowPolynomial::accumulate`](super::RowPolynomial::accumulate); for a composition of this degree.
pub(super) fn accumulate<F: SumcheckField>(
    (lines, degree): (&Lines<F>, usize),
    (grid, points): (&Grid, &[usize]),
    block: &Block<'_, F>,
    weights: Weights<'_, F>,
    scratch: &mut Scratch<F>,
    sums: &mut [F],
) {
    let whole = grid.points() * lines.lines.len();
    let lanes = lanes::<F>(whole);
    let partial = lines.others.len() * lanes;
    let Scratch { elements, live, .. } = scratch;
    elements.clear();
    elements.resize(whole * lanes + partial + lanes + points.len(), F::ZERO);
    let (values, rest) = elements.split_at_mut(whole * lanes);
    let (partials, rest) = rest.split_at_mut(partial);
    let (totals, point_sums) = rest.split_at_mut(lanes);
    let stride = grid.points() * lanes;
    for (start, factors) in weights.chunks(lanes) {
        let count = factors.len();
        let part = block.narrow(start, count);
        find_live(lines, &part, live);
        let shown = lines.lines.iter().zip(values.chunks_mut(stride)).zip(&live.zero);
        for ((line, values), _) in shown.filter(|(_, zero)| !**zero) {
            for (entry, boolean) in grid.booleans().iter().enumerate() {
                line_values(line, &part, entry, &live.idle, &mut values[boolean * lanes..][..count]);
            }
            grid.extend(values, lanes, Rule::elements);
        }
        for (point, sum) in points.iter().zip(point_sums.iter_mut()) {
            let known = |factors: usize| factors == degree || !grid.is_infinite(*point);
            let at = Point { values: &values[point * lanes..], stride, count };
            let pairs: &[(usize, usize)] = if known(2) { &live.pairs } else { &[] };
            let singles: &[usize] = if known(1) { &live.singles } else { &[] };
            let others = live.others.iter().map(|at| &lines.others[*at]);
            let others = others.filter(|factors| known(factors.len()));
            let partials = others.zip(partials.chunks_mut(lanes)).map(|(factors, partial)| {
                let partial = &mut partial[..count];
                (&*at.multiply(factors, partial), factors[factors.len() - 1])
            });
            if weights.ones {
                *sum += at.sum(pairs, singles, partials);
            } else {
                let totals = &mut totals[..count];
                at.totals(pairs, singles, &partials.collect::<Vec<_>>(), totals);
                *sum += F::dot(factors, totals);
            }
        }
    }
    sums.iter_mut().zip(point_sums).for_each(|(sum, part)| *sum += weights.scale * part);
}

/// Finds what is zero in all groups of the block, and what that leaves.
fn find_live<F: SumcheckField>(lines: &Lines<F>, block: &Block<'_, F>, live: &mut Live) {
    let Live { idle, zero, pairs, singles, others } = live;
    idle.clear();
    idle.extend((0..block.columns()).map(|column| block.bound(column).iter().all(F::is_zero)));
    zero.clear();
    zero.extend(lines.lines.iter().map(|line| {
        let mut columns = line.small.iter().map(|term| term.0).chain(line.mixed.iter().map(|term| term.0));
        line.constant.is_zero() && columns.all(|column| idle[column])
    }));
    pairs.clear();
    pairs.extend(lines.pairs.iter().filter(|(a, b)| !zero[*a] && !zero[*b]));
    singles.clear();
    singles.extend(lines.singles.iter().filter(|line| !zero[**line]));
    others.clear();
    let is_live = |factors: &Vec<usize>| factors.iter().all(|line| !zero[*line]);
    others.extend((0..lines.others.len()).filter(|at| is_live(&lines.others[*at])));
}

/// The lines' values at one point, for some groups.
#[derive(Clone, Copy)]
struct Point<'a, F> {
    values: &'a [F],
    /// How far a line's values are from the next one's.
    stride: usize,
    /// How many groups.
    count: usize,
}

impl<'a, F: SumcheckField> Point<'a, F> {
    fn line(&self, line: usize) -> &'a [F] {
        &self.values[line * self.stride..][..self.count]
    }

    /// The product of all factors but the last.
    fn multiply<'p>(&self, factors: &[usize], product: &'p mut [F]) -> &'p mut [F] {
        let (first, second) = (self.line(factors[0]), self.line(factors[1]));
        for ((product, first), second) in product.iter_mut().zip(first).zip(second) {
            *product = *first * second;
        }
        for factor in &factors[2..factors.len() - 1] {
            product.iter_mut().zip(self.line(*factor)).for_each(|(product, factor)| *product *= factor);
        }
        product
    }

    /// Of all groups together: a reduction for each product of lines.
    fn sum<'p>(
        &self,
        pairs: &[(usize, usize)],
        singles: &[usize],
        partials: impl Iterator<Item = (&'p [F], usize)>,
    ) -> F {
        let pairs = pairs.iter().map(|(a, b)| F::dot(self.line(*a), self.line(*b)));
        let singles = singles.iter().flat_map(|line| self.line(*line));
        let products = partials.map(|(partial, last)| F::dot(partial, self.line(last)));
        pairs.chain(products).sum::<F>() + singles.fold(F::ZERO, |sum, value| sum.plus(value))
    }

    /// Of each group: one reduction.
    fn totals(
        &self,
        pairs: &[(usize, usize)],
        singles: &[usize],
        partials: &[(&[F], usize)],
        totals: &mut [F],
    ) {
        let at = |line: usize, group: usize| &self.values[line * self.stride + group];
        for (group, total) in totals.iter_mut().enumerate() {
            *total = F::inner_product(pairs.len() + partials.len(), |term| match pairs.get(term) {
                Some((a, b)) => (at(*a, group), at(*b, group)),
                None => {
                    let (partial, last) = partials[term - pairs.len()];
                    (&partial[group], at(last, group))
                }
            });
        }
        for line in singles {
            totals.iter_mut().zip(self.line(*line)).for_each(|(total, value)| *total = total.plus(value));
        }
    }
}

/// A line's values in entry `entry` of each group, without the columns that are zero.
fn line_values<F: SumcheckField>(
    line: &Line<F>,
    block: &Block<'_, F>,
    entry: usize,
    idle: &[bool],
    values: &mut [F],
) {
    let entries = |column: usize| block.bound(column)[entry..].iter().step_by(1 << block.window());
    let mut terms = line.small.iter().filter(|(column, _)| !idle[*column]).peekable();
    match terms.next_if(|(_, coefficient)| *coefficient == 1 && line.constant.is_zero()) {
        Some((column, _)) => {
            values.iter_mut().zip(entries(*column)).for_each(|(value, element)| *value = *element);
        }
        None => values.fill(line.constant),
    }
    for (column, coefficient) in terms {
        for (value, element) in values.iter_mut().zip(entries(*column)) {
            *value = match coefficient {
                1 => value.plus(element),
                -1 => value.minus(element),
                _ => value.plus(&element.mul_i64(*coefficient)),
            };
        }
    }
    let mixed = line.mixed.iter().filter(|(column, _)| !idle[*column]);
    let terms: Vec<(&F, &[F])> =
        mixed.map(|(column, coefficient)| (coefficient, &block.bound(*column)[entry..])).collect();
    if !terms.is_empty() {
        for (group, value) in values.iter_mut().enumerate() {
            let mix = F::inner_product(terms.len(), |term| {
                let (coefficient, array) = terms[term];
                (coefficient, &array[group << block.window()])
            });
            *value = value.plus(&mix);
        }
    }
}
