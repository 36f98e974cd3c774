//! A composition on cells: small integers, weighed with delayed reduction. Forms outside, groups inside, over blocks that
//! stay in the cache.

use super::composition::{Composition, Form, RowPolynomial, Term, Weights};
use super::costs::{COSTS, Work};
use super::grid::{Grid, Rule};
use super::instance::{Block, Scratch, Source};
use crate::field::SumcheckField;
use crate::oracle::{is_signed, is_zero};

/// Groups a block: 27 points of three arrays of them take 41 KiB, and the reductions of their sums disappear.
const LANES: usize = 64;

/// In field products, for one group.
pub(super) fn cost<F: SumcheckField>(composition: &Composition<F>, work: &Work) -> f64 {
    let entries = f64::from(1u32 << work.window);
    let grid = (composition.degree() as f64 + 1.0).powi(work.window as i32);
    let placed = COSTS.placed * composition.columns().len() as f64 * entries;
    let term = |term: &Term<F>| {
        let (wide, weighed) = if work.window >= term.wide_from {
            (COSTS.wide, COSTS.wide_weighed)
        } else {
            (0.0, COSTS.weighed)
        };
        let forms = term.products.iter().flatten().map(|form| &composition.forms[*form]);
        let form = |form: &Form| COSTS.factor * grid + COSTS.term * form.terms.len() as f64 * entries;
        // A sum without weights is about as dear as a product.
        let sum = if work.ones { COSTS.factor + wide } else { weighed };
        forms.map(form).sum::<f64>() + (wide * term.products.len() as f64 + sum) * work.points as f64
    };
    placed + composition.terms.iter().map(term).sum::<f64>()
}

/// See [`RowPolynomial::accumulate`].
pub(super) fn accumulate<F: SumcheckField>(
    composition: &Composition<F>,
    (grid, points): (&Grid, &[usize]),
    block: &Block<'_, F>,
    weights: Weights<'_, F>,
    scratch: &mut Scratch<F>,
    sums: &mut [F],
) {
    let Scratch { integers, longs, wide, elements, live } = scratch;
    let cube = LANES << block.window();
    let cells = composition.columns().len() * cube;
    let (whole, wanted) = (grid.points() * LANES, points.len() * LANES);
    longs.resize(cells + 2 * whole + wanted, 0);
    let (cells, rest) = longs.split_at_mut(cells);
    let (first, rest) = rest.split_at_mut(whole);
    let (second, values) = rest.split_at_mut(whole);
    elements.clear();
    elements.resize(composition.terms.len() * points.len(), F::ZERO);
    for (start, chunk) in weights.chunks(LANES) {
        let part = block.narrow(start, chunk.len());
        transpose(&part, integers, cells, &mut live.idle);
        let rows = Rows { window: block.window(), cells, idle: &live.idle };
        live.zero.clear();
        live.zero.extend(composition.forms.iter().map(|form| rows.is_zero(form)));
        let is_live = |forms: &&Vec<usize>| !forms.iter().any(|form| live.zero[*form]);
        for (term, totals) in composition.terms.iter().zip(elements.chunks_mut(points.len())) {
            let mut products = term.products.iter().filter(is_live).peekable();
            if products.peek().is_none() {
                continue;
            }
            let products = products.map(|forms| {
                let full = forms.len() == composition.degree();
                (
                    forms,
                    points.iter().enumerate().filter(move |(_, point)| full || !grid.is_infinite(**point)),
                )
            });
            if block.window() >= term.wide_from {
                wide.clear();
                wide.resize(whole + wanted, 0);
                let (product, values) = wide.split_at_mut(whole);
                for (forms, at) in products {
                    if !wide_factors(composition, grid, &rows, forms, (first, second, product)) {
                        continue;
                    }
                    for (at, point) in at {
                        let (a, b) = (&product[point * LANES..][..LANES], &second[point * LANES..][..LANES]);
                        for ((value, a), b) in values[at * LANES..][..LANES].iter_mut().zip(a).zip(b) {
                            *value = value.wrapping_add(a.wrapping_mul((*b).into()));
                        }
                    }
                }
                for (total, values) in totals.iter_mut().zip(values.chunks(LANES)) {
                    let values = &values[..chunk.len()];
                    *total += if weights.ones { sum_i128(values) } else { F::dot_i128(chunk, values) };
                }
                continue;
            }
            let mut any = false;
            for (forms, at) in products {
                let mut at = at.peekable();
                if at.peek().is_none() || !factors(composition, grid, &rows, forms, (first, second)) {
                    continue;
                }
                if !core::mem::replace(&mut any, true) {
                    values.fill(0);
                }
                for (at, point) in at {
                    let (a, b) = (&first[point * LANES..][..LANES], &second[point * LANES..][..LANES]);
                    let values = values[at * LANES..][..LANES].iter_mut();
                    if forms.len() == 1 {
                        values.zip(a).for_each(|(value, a)| *value = value.wrapping_add(*a));
                    } else {
                        let add = |((value, a), b): ((&mut i64, &i64), &i64)| {
                            *value = value.wrapping_add(a.wrapping_mul(*b));
                        };
                        values.zip(a).zip(b).for_each(add);
                    }
                }
            }
            if any && weights.ones {
                for (total, values) in totals.iter_mut().zip(values.chunks(LANES)) {
                    *total += F::from(
                        values.iter().take(chunk.len()).map(|value| i128::from(*value)).sum::<i128>(),
                    );
                }
            } else if any {
                F::dot_rows(chunk, values, LANES, totals);
            }
        }
    }
    for (term, totals) in composition.terms.iter().zip(elements.chunks(points.len())) {
        let coefficient = weights.scale * term.coefficient;
        sums.iter_mut().zip(totals).for_each(|(sum, total)| *sum += coefficient * total);
    }
}

/// The integers of a block, entry by entry of the groups: entry b of group m of column c is at ((c·2^ω) + b)·LANES + m.
struct Rows<'a> {
    window: u32,
    cells: &'a [i64],
    /// The columns that are zero, whose integers are not there.
    idle: &'a [bool],
}

impl Rows<'_> {
    /// Whether all that the form adds up is zero.
    fn is_zero(&self, form: &Form) -> bool {
        form.constant == 0 && form.terms.iter().all(|(column, _)| self.idle[*column])
    }
}

fn transpose<F: SumcheckField>(
    block: &Block<'_, F>,
    integers: &mut Vec<i64>,
    cells: &mut [i64],
    idle: &mut Vec<bool>,
) {
    let cube = LANES << block.window();
    idle.clear();
    for (column, output) in cells.chunks_mut(cube).enumerate() {
        let source = block.source(column);
        let is_idle = match source {
            Source::Stored(at) => is_zero(block.slice(at)),
            Source::Public(_) => {
                block.integers(column, integers);
                integers.iter().all(|value| *value == 0)
            }
        };
        idle.push(is_idle);
        match source {
            _ if is_idle => {}
            Source::Stored(at) if is_signed(block.shape(column)) => {
                spread(block, block.slice(at), output, |cell| i64::from(cell.cast_signed()));
            }
            Source::Stored(at) => spread(block, block.slice(at), output, |cell| i64::from(*cell)),
            Source::Public(_) => spread(block, integers, output, |value| *value),
        }
    }
}

fn spread<F: SumcheckField, V>(
    block: &Block<'_, F>,
    input: &[V],
    output: &mut [i64],
    value: impl Fn(&V) -> i64,
) {
    let entries = 1 << block.window();
    for (group, input) in input.chunks_exact(entries).enumerate() {
        for (entry, cell) in input.iter().enumerate() {
            output[entry * LANES + group] = value(cell);
        }
    }
}

/// The forms' product at every point of the grid as a product of two: the last one in `second`, unless there is one
/// only, and the product of the others in `first`. False if it is zero everywhere.
fn factors<F: SumcheckField>(
    composition: &Composition<F>,
    grid: &Grid,
    rows: &Rows<'_>,
    forms: &[usize],
    (first, second): (&mut [i64], &mut [i64]),
) -> bool {
    let Some((form, others)) = forms.split_first() else {
        first.fill(1);
        second.fill(1);
        return true;
    };
    if !extended(&composition.forms[*form], grid, rows, first) {
        return false;
    }
    for (at, other) in others.iter().enumerate() {
        if !extended(&composition.forms[*other], grid, rows, second) {
            return false;
        }
        if at + 1 < others.len() {
            first.iter_mut().zip(&*second).for_each(|(a, b)| *a = a.wrapping_mul(*b));
        }
    }
    true
}

/// The same with the product of the others, which may leave an i64, in `product`.
fn wide_factors<F: SumcheckField>(
    composition: &Composition<F>,
    grid: &Grid,
    rows: &Rows<'_>,
    forms: &[usize],
    (first, second, product): (&mut [i64], &mut [i64], &mut [i128]),
) -> bool {
    let extended = |form: &usize, values: &mut [i64]| extended(&composition.forms[*form], grid, rows, values);
    let Some((last, others)) = forms.split_last() else {
        product.fill(1);
        second.fill(1);
        return true;
    };
    match others {
        [] => product.fill(1),
        [only] => {
            if !extended(only, first) {
                return false;
            }
            product.iter_mut().zip(&*first).for_each(|(product, factor)| *product = (*factor).into());
        }
        [one, another, more @ ..] => {
            if !extended(one, first) || !extended(another, second) {
                return false;
            }
            for ((product, a), b) in product.iter_mut().zip(&*first).zip(&*second) {
                *product = i128::from(*a) * i128::from(*b);
            }
            for form in more {
                if !extended(form, first) {
                    return false;
                }
                let factors = product.iter_mut().zip(&*first);
                factors.for_each(|(product, factor)| *product = product.wrapping_mul((*factor).into()));
            }
        }
    }
    extended(last, second)
}

/// The sum of integers that one i128 may not hold.
fn sum_i128<F: SumcheckField>(values: &[i128]) -> F {
    let (mut low, mut high) = (0u128, 0i128);
    for value in values {
        low += u128::from(*value as u64);
        high += value >> 64;
    }
    let carried = high + (low >> 64).cast_signed();
    match carried.checked_mul(1 << 64) {
        Some(top) => F::from(top | i128::from(low as u64)),
        None => F::from(carried).mul_i64(1 << 32).mul_i64(1 << 32) + F::from(low as u64),
    }
}

/// A form on the grid; false if it is zero in all rows, and so everywhere.
fn extended(form: &Form, grid: &Grid, rows: &Rows<'_>, values: &mut [i64]) -> bool {
    let cube = LANES << rows.window;
    let mut any = 0;
    for (entry, boolean) in grid.booleans().iter().enumerate() {
        let values = &mut values[boolean * LANES..][..LANES];
        values.fill(form.constant);
        let lanes = |array: usize| array * cube + entry * LANES..array * cube + (entry + 1) * LANES;
        for (column, coefficient) in form.terms.iter().filter(|(column, _)| !rows.idle[*column]) {
            let cells = values.iter_mut().zip(&rows.cells[lanes(*column)]);
            match coefficient {
                1 => cells.for_each(|(value, cell)| *value = value.wrapping_add(*cell)),
                -1 => cells.for_each(|(value, cell)| *value = value.wrapping_sub(*cell)),
                _ => cells
                    .for_each(|(value, cell)| *value = value.wrapping_add(coefficient.wrapping_mul(*cell))),
            }
        }
        any |= values.iter().fold(0, |any, value| any | value);
    }
    if any == 0 {
        return false;
    }
    grid.extend(values, LANES, Rule::integers);
    true
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;

    use super::*;

    #[test]
    fn sums_of_wide_integers_leave_an_i128() {
        let naive = |values: &[i128]| values.iter().map(|value| Fr::from(*value)).sum::<Fr>();
        for edge in [i128::MAX, i128::MIN, -1, 1, u64::MAX.into(), -(1 << 64), (1 << 126) - 1] {
            for count in [0, 1, 2, LANES] {
                assert_eq!(sum_i128::<Fr>(&vec![edge; count]), naive(&vec![edge; count]), "{count} · {edge}");
            }
            let mixed = [edge, i128::MIN, 3, edge, i128::MAX, -7];
            assert_eq!(sum_i128::<Fr>(&mixed), naive(&mixed), "{edge}");
        }
    }
}
