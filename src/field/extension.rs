//! Quadratic extensions: sums of products with small integers go by coordinates, each with the base field's delayed
//! reduction. So a field of 64 bits can be proven over, with challenges that cannot be guessed.

use core::ops::Range;

use ark_ff::{AdditiveGroup, QuadExtConfig, QuadExtField};

use super::SumcheckField;
use crate::isa::Word;

/// How many weights are taken apart at once.
const LANES: usize = 64;

/// How many sums are put together at once.
const SUMS: usize = 32;

impl<P: QuadExtConfig> SumcheckField for QuadExtField<P>
where
    P::BaseField: SumcheckField,
{
    #[inline]
    fn dot_words(weights: &[Self], cells: &[Word]) -> Self {
        by_coordinates(weights, cells.len(), |weights, at| P::BaseField::dot_words(weights, &cells[at]))
    }

    #[inline]
    fn dot_signed_words(weights: &[Self], cells: &[Word]) -> Self {
        by_coordinates(weights, cells.len(), |weights, at| {
            P::BaseField::dot_signed_words(weights, &cells[at])
        })
    }

    #[inline]
    fn dot_i64(weights: &[Self], values: &[i64]) -> Self {
        by_coordinates(weights, values.len(), |weights, at| P::BaseField::dot_i64(weights, &values[at]))
    }

    #[inline]
    fn dot_i128(weights: &[Self], values: &[i128]) -> Self {
        by_coordinates(weights, values.len(), |weights, at| P::BaseField::dot_i128(weights, &values[at]))
    }

    fn dot_rows(weights: &[Self], rows: &[i64], stride: usize, sums: &mut [Self]) {
        let stride = stride.max(1);
        if weights.len().min(stride) > LANES {
            for (sum, row) in sums.iter_mut().zip(rows.chunks(stride)) {
                *sum += Self::dot_i64(weights, row);
            }
            return;
        }
        let weights = &weights[..weights.len().min(stride)];
        let (low, high) = take_apart(weights);
        for (sums, rows) in sums.chunks_mut(SUMS).zip(rows.chunks(stride * SUMS)) {
            for (coordinate, weights) in [(0, &low[..weights.len()]), (1, &high[..weights.len()])] {
                let mut part = [P::BaseField::ZERO; SUMS];
                P::BaseField::dot_rows(weights, rows, stride, &mut part[..sums.len()]);
                for (sum, part) in sums.iter_mut().zip(&part) {
                    *(if coordinate == 0 { &mut sum.c0 } else { &mut sum.c1 }) += part;
                }
            }
        }
    }

    #[inline]
    fn inner_product<'a>(count: usize, pair: impl Fn(usize) -> (&'a Self, &'a Self)) -> Self {
        let low = P::BaseField::inner_product(count, |i| (&pair(i).0.c0, &pair(i).1.c0));
        let mut high = P::BaseField::inner_product(count, |i| (&pair(i).0.c1, &pair(i).1.c1));
        let mixed = P::BaseField::inner_product(2 * count, |i| {
            let (a, b) = pair(i / 2);
            if i % 2 == 0 { (&a.c0, &b.c1) } else { (&a.c1, &b.c0) }
        });
        P::mul_base_field_by_nonresidue_in_place(&mut high);
        Self::new(low + high, mixed)
    }

    fn extend_from_words(elements: &mut Vec<Self>, cells: &[Word]) {
        extend(elements, cells, P::BaseField::extend_from_words);
    }

    fn extend_from_signed_words(elements: &mut Vec<Self>, cells: &[Word]) {
        extend(elements, cells, P::BaseField::extend_from_signed_words);
    }

    #[inline]
    fn plus(&self, other: &Self) -> Self {
        Self::new(self.c0.plus(&other.c0), self.c1.plus(&other.c1))
    }

    #[inline]
    fn minus(&self, other: &Self) -> Self {
        Self::new(self.c0.minus(&other.c0), self.c1.minus(&other.c1))
    }

    #[inline]
    fn mul_i64(&self, value: i64) -> Self {
        Self::new(self.c0.mul_i64(value), self.c1.mul_i64(value))
    }
}

/// Appends elements of the base field that `convert` makes of cells.
fn extend<P: QuadExtConfig>(
    elements: &mut Vec<QuadExtField<P>>,
    cells: &[Word],
    convert: impl Fn(&mut Vec<P::BaseField>, &[Word]),
) {
    let mut base = Vec::with_capacity(LANES);
    elements.reserve(cells.len());
    for cells in cells.chunks(LANES) {
        convert(&mut base, cells);
        elements.extend(base.drain(..).map(|element| QuadExtField::new(element, P::BaseField::ZERO)));
    }
}

/// A sum for each coordinate of the weights, over as many of them as there are values.
#[inline]
fn by_coordinates<P: QuadExtConfig>(
    weights: &[QuadExtField<P>],
    values: usize,
    dot: impl Fn(&[P::BaseField], Range<usize>) -> P::BaseField,
) -> QuadExtField<P> {
    let count = weights.len().min(values);
    let mut sum = QuadExtField::ZERO;
    for start in (0..count).step_by(LANES) {
        let range = start..count.min(start + LANES);
        let (low, high) = take_apart(&weights[range.clone()]);
        sum.c0 += dot(&low[..range.len()], range.clone());
        sum.c1 += dot(&high[..range.len()], range);
    }
    sum
}

/// The coordinates of at most [`LANES`] elements.
#[inline]
fn take_apart<P: QuadExtConfig>(
    elements: &[QuadExtField<P>],
) -> ([P::BaseField; LANES], [P::BaseField; LANES]) {
    let (mut low, mut high) = ([P::BaseField::ZERO; LANES], [P::BaseField::ZERO; LANES]);
    for ((low, high), element) in low.iter_mut().zip(&mut high).zip(elements) {
        *low = element.c0;
        *high = element.c1;
    }
    (low, high)
}
