//! Multilinear evaluation: weights eq(r, ·) that need O(√2^n) space, and all columns at all points in one pass.

use super::{OracleError, Part, PolynomialOracle};
use crate::field::SumcheckField;
use crate::isa::{Column, ColumnId, PublicColumn, RangeClass, Word};

/// The low half has at least so many variables if there are so many: 2^9 elements of 32 bytes fit a first-level cache
/// with the cells they meet, and make the field product a segment costs disappear.
const MIN_LOW: usize = 9;

/// The values eq(r, x) for all x in {0,1}^n, as products of a low and a high half: 2^⌈n/2⌉ + 2^⌊n/2⌋ field elements
/// where n ≥ 18. The first coordinate of r belongs to the low bit of x.
#[derive(Clone, Debug)]
pub struct EqTable<F> {
    low: Vec<F>,
    high: Vec<F>,
    low_bits: u32,
    beyond: F,
}

impl<F: SumcheckField> EqTable<F> {
    /// The table for `point`. O(√2^n) field products.
    pub fn new(point: &[F]) -> Self {
        let low_bits = point.len().div_ceil(2).max(MIN_LOW).min(point.len());
        let (low, high) = point.split_at(low_bits);
        Self { low: eq_all(low), high: eq_all(high), low_bits: low_bits as u32, beyond: F::ZERO }
    }

    /// Weights that are one in every row: what turns a weighted sum into a plain one.
    pub fn ones() -> Self {
        Self { low: vec![F::ONE; 1 << MIN_LOW], high: Vec::new(), low_bits: MIN_LOW as u32, beyond: F::ONE }
    }

    /// Whether these are [`ones`](Self::ones).
    pub(crate) fn is_ones(&self) -> bool {
        !self.beyond.is_zero()
    }

    /// eq(r, row); zero for rows from 2^n on. One field product.
    pub fn at(&self, row: u64) -> F {
        let (weights, scale) = self.segment(row, 1);
        weights.first().map_or(F::ZERO, |weight| scale * weight)
    }

    /// Weights of consecutive rows from `row` on, at least one and at most `limit`: each is a weight of the slice
    /// times the one factor. O(1).
    #[inline]
    pub fn segment(&self, row: u64, limit: usize) -> (&[F], F) {
        let start = (row & ((1 << self.low_bits) - 1)) as usize;
        let end = self.low.len().min(start + limit.max(1));
        (
            &self.low[start..end],
            self.high.get((row >> self.low_bits) as usize).copied().unwrap_or(self.beyond),
        )
    }
}

/// eq(point, x) for all x, by doubling. O(2^n) time and space.
pub(crate) fn eq_all<F: SumcheckField>(point: &[F]) -> Vec<F> {
    let mut table = Vec::with_capacity(1 << point.len());
    table.push(F::ONE);
    for coordinate in point {
        for i in 0..table.len() {
            let upper = table[i] * coordinate;
            table[i] -= upper;
            table.push(upper);
        }
    }
    table
}

/// eq(x, y) = Π (xᵢyᵢ + (1 − xᵢ)(1 − yᵢ)). O(n).
pub fn eq<F: SumcheckField>(x: &[F], y: &[F]) -> F {
    x.iter().zip(y).map(|(x, y)| (*x * y).double() - x - y + F::ONE).product()
}

/// Σ eq(r, x) over x < `rows`. O(n).
pub fn eq_prefix_sum<F: SumcheckField>(point: &[F], rows: u64) -> F {
    if point.len() < 64 && rows >> point.len() != 0 {
        return F::ONE;
    }
    let (mut sum, mut prefix) = (F::ZERO, F::ONE);
    for (bit, coordinate) in point.iter().enumerate().rev() {
        let upper = prefix * coordinate;
        if bit < 64 && (rows >> bit) & 1 == 1 {
            sum += prefix - upper;
            prefix = upper;
        } else {
            prefix -= upper;
        }
    }
    sum
}

/// eq(point, row), for a row below 2^n. O(n).
pub(crate) fn eq_row<F: SumcheckField>(point: &[F], row: u64) -> F {
    let coordinate = |(at, x): (u32, &F)| if row.unbounded_shr(at) & 1 == 1 { *x } else { F::ONE - x };
    (0..).zip(point).map(coordinate).product()
}

/// A public column's multilinear extension at `point`, for a witness of `rows` rows. O(n).
pub fn evaluate_public<F: SumcheckField>(column: PublicColumn, point: &[F], rows: u64) -> F {
    match column {
        PublicColumn::Active => eq_prefix_sum(point, rows),
        PublicColumn::First => eq_row(point, 0),
        PublicColumn::Last => eq_row(point, rows.saturating_sub(1)),
    }
}

/// The value of each of `columns` at each of `points`: one vector a point, in the order of `columns`. One pass over
/// the witness; O(columns · points) field elements a part, and O(√T) a point.
///
/// # Errors
/// A point without exactly n coordinates, an unknown column, or an error of the oracle.
pub fn evaluate<F: SumcheckField, O: PolynomialOracle>(
    oracle: &O,
    columns: &[ColumnId],
    points: &[Vec<F>],
) -> Result<Vec<Vec<F>>, OracleError> {
    let variables = oracle.num_variables();
    if let Some(point) = points.iter().find(|point| point.len() != variables as usize) {
        return Err(OracleError::PointLength { expected: variables, found: point.len() });
    }
    let shapes = shapes(oracle.columns(), columns)?;
    let tables: Vec<EqTable<F>> = points.iter().map(|point| EqTable::new(point)).collect();
    let part = |cycles| Part { cycles, state: vec![vec![F::ZERO; columns.len()]; points.len()] };
    let parts = oracle.parts(1 << MIN_LOW.min(variables as usize)).into_iter().map(part).collect();
    let sums = oracle.pass(columns, parts, |sums, chunk| {
        for (table, sums) in tables.iter().zip(sums) {
            for ((column, cells), sum) in shapes.iter().zip(chunk.columns).zip(sums) {
                let mut rows = chunk.cycles.clone();
                while !rows.is_empty() {
                    let left = (rows.end - rows.start) as usize;
                    let (weights, scale) = table.segment(rows.start, left);
                    *sum += scale * weigh(column, weights, &cells[cells.len() - left..]);
                    rows.start += weights.len() as u64;
                }
            }
        }
        Ok(())
    })?;
    let mut total = vec![vec![F::ZERO; columns.len()]; points.len()];
    for part in sums {
        for (total, sum) in total.iter_mut().flatten().zip(part.into_iter().flatten()) {
            *total += sum;
        }
    }
    Ok(total)
}

/// The columns behind `ids`.
pub(crate) fn shapes(columns: &[Column], ids: &[ColumnId]) -> Result<Vec<Column>, OracleError> {
    let unknown = |id: ColumnId| OracleError::UnknownColumn { id, columns: columns.len() };
    ids.iter().map(|id| columns.get(id.index()).copied().ok_or_else(|| unknown(*id))).collect()
}

/// Σ weightᵢ · value of cellᵢ, over the shorter of both.
#[inline]
pub(crate) fn weigh<F: SumcheckField>(column: &Column, weights: &[F], cells: &[Word]) -> F {
    // To see that costs little beside products, and a column that few instructions use is mostly zero.
    if is_zero(cells) {
        return F::ZERO;
    }
    if is_signed(column) { F::dot_signed_words(weights, cells) } else { F::dot_words(weights, cells) }
}

/// Whether all cells are zero, some cells at a time, so that the processor compares several at once.
pub(crate) fn is_zero(cells: &[Word]) -> bool {
    cells.chunks(64).all(|cells| cells.iter().fold(0, |any, cell| any | cell) == 0)
}

/// Appends the field elements that cells of a column stand for: for provers that want elements, and not sums of products with
/// cells, which need no conversion. O(length), by batches: about half the time of `F::from` each.
pub fn extend_from_cells<F: SumcheckField>(elements: &mut Vec<F>, column: &Column, cells: &[Word]) {
    if is_signed(column) {
        F::extend_from_signed_words(elements, cells);
    } else {
        F::extend_from_words(elements, cells);
    }
}

/// Whether the column's cells are two's complement, as [`Column::value`] reads them.
#[inline]
pub(crate) fn is_signed(column: &Column) -> bool {
    match column.class {
        RangeClass::Signed { .. } => true,
        RangeClass::Interval { min, .. } => min < 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;
    use ark_ff::{AdditiveGroup, Field};
    use ark_poly::Polynomial;

    use super::*;
    use crate::isa::ColumnSource;
    use crate::oracle::DenseOracle;
    use crate::oracle::dense::tests::{column, dense};

    fn point(n: usize, seed: u64) -> Vec<Fr> {
        (0..n as u64).map(|i| Fr::from(seed + 3 * i).pow([7 + i])).collect()
    }

    #[test]
    fn the_table_is_eq_at_every_row() {
        for n in [0, 1, 3, 9, 10, 12] {
            let point = point(n, 5);
            let table = EqTable::new(&point);
            for row in 0..1u64 << n {
                let bits: Vec<Fr> = (0..n).map(|i| Fr::from((row >> i) & 1)).collect();
                assert_eq!(table.at(row), eq(&point, &bits));
            }
            assert_eq!(table.at(1 << n), Fr::ZERO);
        }
    }

    #[test]
    fn public_columns_are_their_extensions() {
        for rows in 1..=64u64 {
            let n = rows.next_power_of_two().trailing_zeros() as usize;
            let point = point(n, rows);
            let table = EqTable::new(&point);
            for public in [PublicColumn::Active, PublicColumn::First, PublicColumn::Last] {
                let brute: Fr =
                    (0..1 << n).map(|row| table.at(row) * Fr::from(public.value(row, rows))).sum();
                assert_eq!(evaluate_public(public, &point, rows), brute, "{public:?} of {rows}");
            }
            for prefix in 0..=1 << n {
                assert_eq!(eq_prefix_sum(&point, prefix), (0..prefix).map(|row| table.at(row)).sum::<Fr>());
            }
        }
    }

    #[test]
    fn elements_are_of_the_integers_that_cells_stand_for() {
        let cells = [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX];
        let unsigned = [0u64, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff].map(Fr::from);
        let signed = [0i64, 1, 0x7fff_ffff, -0x8000_0000, -1].map(Fr::from);
        for (class, expected) in [
            (RangeClass::Unsigned { bits: 32 }, unsigned),
            (RangeClass::Signed { bits: 32 }, signed),
            (RangeClass::Interval { min: -1, max: 2 }, signed),
            (RangeClass::Interval { min: 0, max: 2 }, unsigned),
        ] {
            let mut elements = vec![Fr::from(9)];
            extend_from_cells(&mut elements, &column(class, ColumnSource::Recorded), &cells);
            assert_eq!(elements.split_off(1), expected, "{class:?}");
            assert_eq!(elements, [Fr::from(9)]);
        }
    }

    #[test]
    fn one_pass_evaluates_every_column_at_every_point() {
        for (rows, chunk_rows) in [(1, 1), (2, 1), (5, 4096), (300, 8), (5000, 4096)] {
            let unsigned = column(RangeClass::Unsigned { bits: 32 }, ColumnSource::Recorded);
            let signed = column(RangeClass::Signed { bits: 32 }, ColumnSource::Derived);
            let active = column(RangeClass::Bit, ColumnSource::Public(PublicColumn::Active));
            let cell = |row: u32| row.wrapping_mul(0x9E37_79B9).rotate_left(row % 31);
            let cells = vec![(0..rows).map(cell).collect(), (0..rows).map(|row| !cell(row)).collect()];
            let oracle = DenseOracle::new(vec![unsigned, signed, active], cells).unwrap();
            let oracle = oracle.with_chunk_rows(chunk_rows);
            let ids = [2, 1, 0].map(ColumnId);
            let points =
                [point(oracle.num_variables() as usize, 2), point(oracle.num_variables() as usize, 9)];
            let values = evaluate(&oracle, &ids, &points).unwrap();
            for (point, values) in points.iter().zip(values) {
                for (id, value) in ids.iter().zip(values) {
                    assert_eq!(
                        value,
                        dense::<Fr>(&oracle, *id).evaluate(point),
                        "{rows} rows, column {id:?}"
                    );
                }
            }
            assert!(matches!(
                evaluate(&oracle, &ids, &[vec![Fr::ONE; 40]]),
                Err(OracleError::PointLength { .. })
            ));
            assert!(evaluate(&oracle, &[ColumnId(3)], &points).is_err());
        }
    }
}
