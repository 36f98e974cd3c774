//! A composition on field elements: lines outside, groups inside, over blocks that stay in the cache.

use super::grid::Grid;
use super::instance::{Block, Scratch};
use super::lines::{Line, Lines};
use crate::field::SumcheckField;

/// What a block's lines may take: within a second-level cache.
const BLOCK_BYTES: usize = 1 << 17;

/// The most groups a block.
const MAX_LANES: usize = 64;

/// In field products: a sum of two elements; a product within a sum of products, and its reduction.
const SUM: f64 = 0.1;
const PRODUCT: f64 = 0.35;
const REDUCTION: f64 = 0.6;

pub(super) fn cost<F>(lines: &Lines<F>, window: u32, points: usize) -> f64 {
    let entry = |line: &Line<F>| {
        let mix = if line.mixed.is_empty() { 0.0 } else { REDUCTION + PRODUCT * line.mixed.len() as f64 };
        mix + SUM * line.small.len() as f64
    };
    let others: usize = lines.others.iter().map(|other| other.1.len()).sum();
    let point = PRODUCT * lines.pairs.len() as f64
        + SUM * (lines.lines.len() + lines.singles.len()) as f64
        + REDUCTION
        + others as f64;
    lines.lines.iter().map(entry).sum::<f64>() * f64::from(1u32 << window) + point * points as f64
}

/// See [`RowPolynomial::accumulate`](super::RowPolynomial::accumulate); for a composition of this degree.
pub(super) fn accumulate<F: SumcheckField>(
    (lines, degree): (&Lines<F>, usize),
    (grid, points): (&Grid, &[usize]),
    block: &Block<'_, F>,
    (weights, scale): (&[F], F),
    scratch: &mut Scratch<F>,
    sums: &mut [F],
) {
    let whole = grid.points() * lines.lines.len();
    let lanes = (BLOCK_BYTES / (whole.max(1) * size_of::<F>())).clamp(1, MAX_LANES);
    scratch.elements.clear();
    scratch.elements.resize(whole * lanes + lanes + points.len(), F::ZERO);
    let (values, rest) = scratch.elements.split_at_mut(whole * lanes);
    let (totals, point_sums) = rest.split_at_mut(lanes);
    let stride = grid.points() * lanes;
    for (chunk, weights) in weights.chunks(lanes).enumerate() {
        let part = block.narrow(chunk * lanes, weights.len());
        for (line, values) in lines.lines.iter().zip(values.chunks_mut(stride)) {
            for (entry, boolean) in grid.booleans().iter().enumerate() {
                line_values(line, &part, entry, &mut values[boolean * lanes..][..weights.len()]);
            }
            grid.extend(values, lanes, |node, even, odd| node.line(even, odd));
        }
        for (point, sum) in points.iter().zip(point_sums.iter_mut()) {
            let full = |factors: usize| factors == degree || !grid.is_infinite(*point);
            let totals = &mut totals[..weights.len()];
            let at = |line: usize, lane: usize| &values[line * stride + point * lanes + lane];
            let pairs: &[(usize, usize)] = if full(2) { &lines.pairs } else { &[] };
            for (lane, total) in totals.iter_mut().enumerate() {
                *total =
                    F::inner_product(pairs.len(), |pair| (at(pairs[pair].0, lane), at(pairs[pair].1, lane)));
            }
            if full(1) {
                for line in &lines.singles {
                    totals
                        .iter_mut()
                        .enumerate()
                        .for_each(|(lane, total)| *total = total.plus(at(*line, lane)));
                }
            }
            for (coefficient, factors) in lines.others.iter().filter(|other| full(other.1.len())) {
                for (lane, total) in totals.iter_mut().enumerate() {
                    *total += factors.iter().fold(*coefficient, |product, line| product * at(*line, lane));
                }
            }
            *sum += F::dot(weights, totals);
        }
    }
    sums.iter_mut().zip(point_sums).for_each(|(sum, part)| *sum += scale * part);
}

/// A line's values in entry `entry` of each group.
fn line_values<F: SumcheckField>(line: &Line<F>, block: &Block<'_, F>, entry: usize, values: &mut [F]) {
    let place = |group: usize| (group << block.window()) + entry;
    values.fill(line.constant);
    for (column, coefficient) in &line.small {
        let array = block.bound(*column);
        for (group, value) in values.iter_mut().enumerate() {
            let element = &array[place(group)];
            *value = match coefficient {
                1 => value.plus(element),
                -1 => value.minus(element),
                _ => value.plus(&element.mul_i64(*coefficient)),
            };
        }
    }
    if !line.mixed.is_empty() {
        for (group, value) in values.iter_mut().enumerate() {
            let mix = F::inner_product(line.mixed.len(), |term| {
                let (column, coefficient) = &line.mixed[term];
                (coefficient, &block.bound(*column)[place(group)])
            });
            *value = value.plus(&mix);
        }
    }
}
