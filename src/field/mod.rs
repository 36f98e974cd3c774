//! Fields, as the provers use them: the sums of products with small integers that make witness columns cheap.
//!
//! In: field elements (weights of an eq table, a challenge) and integers (cells, values of linear forms). Out: field
//! elements. A cell is a 32-bit integer, so a product with a 254-bit element needs four multiplications instead of the
//! 32 of a field product, and a sum of thousands of such products needs one reduction: "delayed reduction", as in
//! Bagad, Dao, Domb, Thaler, "Speeding Up Sum-Check Proving" (ePrint 2025/1117).

mod extension;
mod montgomery;

#[cfg(test)]
pub(crate) use montgomery::tests;

use ark_ff::Field;

use crate::isa::Word;

/// A field whose elements meet small integers in long sums.
///
/// The defaults are right for every field, so that `impl SumcheckField for MyField {}` is enough, for an extension
/// field too; ark's prime fields in Montgomery form override them with delayed reduction, and quadratic extensions go by
/// coordinates. In every method that takes
/// two slices, the longer one's tail is ignored.
pub trait SumcheckField: Field {
    /// Σ weightsᵢ·cellsᵢ. O(length).
    fn dot_words(weights: &[Self], cells: &[Word]) -> Self {
        weights.iter().zip(cells).map(|(weight, cell)| *weight * Self::from(*cell)).sum()
    }

    /// Σ weightsᵢ·cellsᵢ, with the cells read as two's complement. O(length).
    fn dot_signed_words(weights: &[Self], cells: &[Word]) -> Self {
        weights.iter().zip(cells).map(|(weight, cell)| *weight * Self::from(cell.cast_signed())).sum()
    }

    /// Σ weightsᵢ·valuesᵢ. O(length); values below 2⁴⁸ in magnitude are the fast case.
    fn dot_i64(weights: &[Self], values: &[i64]) -> Self {
        weights.iter().zip(values).map(|(weight, value)| *weight * Self::from(*value)).sum()
    }

    /// Adds Σ weightsᵢ·valuesᵢ of each row of `rows`, of which one begins every `stride` values, to its sum. O(length);
    /// values below 2⁴⁷ in magnitude are the fast case.
    fn dot_rows(weights: &[Self], rows: &[i64], stride: usize, sums: &mut [Self]) {
        for (sum, row) in sums.iter_mut().zip(rows.chunks(stride.max(1))) {
            *sum += Self::dot_i64(weights, row);
        }
    }

    /// Σ weightsᵢ·valuesᵢ. O(length).
    fn dot_i128(weights: &[Self], values: &[i128]) -> Self {
        weights.iter().zip(values).map(|(weight, value)| *weight * Self::from(*value)).sum()
    }

    /// Σ aᵢ·bᵢ for i < count, where `pair` gives references to aᵢ and bᵢ: field products with one reduction. O(count).
    fn inner_product<'a>(count: usize, pair: impl Fn(usize) -> (&'a Self, &'a Self)) -> Self {
        (0..count).map(|i| *pair(i).0 * pair(i).1).sum()
    }

    /// Σ weightsᵢ·valuesᵢ over field elements. O(length).
    fn dot(weights: &[Self], values: &[Self]) -> Self {
        Self::inner_product(weights.len().min(values.len()), |i| (&weights[i], &values[i]))
    }

    /// Appends the elements that cells stand for. O(length).
    fn extend_from_words(elements: &mut Vec<Self>, cells: &[Word]) {
        elements.extend(cells.iter().map(|cell| Self::from(*cell)));
    }

    /// Appends the elements that cells stand for, read as two's complement. O(length).
    fn extend_from_signed_words(elements: &mut Vec<Self>, cells: &[Word]) {
        elements.extend(cells.iter().map(|cell| Self::from(cell.cast_signed())));
    }

    /// This element plus another: the same as `+`, but for sums whose order of magnitude no branch can predict.
    #[must_use]
    fn plus(&self, other: &Self) -> Self {
        *self + other
    }

    /// This element minus another, likewise.
    #[must_use]
    fn minus(&self, other: &Self) -> Self {
        *self - other
    }

    /// This element times a small integer. O(1).
    #[must_use]
    fn mul_i64(&self, value: i64) -> Self {
        *self * Self::from(value)
    }
}
