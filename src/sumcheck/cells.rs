//! A composition on cells: small integers, weighed with delayed reduction. Forms outside, groups inside, over blocks that
//! stay in the cache.

use super::composition::{Composition, Form, RowPolynomial};
use super::grid::Grid;
use super::instance::{Block, Scratch, Source};
use crate::field::SumcheckField;
use crate::oracle::is_signed;

/// Groups a block: 27 points of three arrays of them take 41 KiB, and the reductions of their sums disappear.
const LANES: usize = 64;

/// In field products: bringing a column's cell into place; a form's term at an entry; a product at a point; an
/// integer times a weight. Estimated for BN254, where a product takes 25 ns.
const COLUMN: f64 = 0.03;
const TERM: f64 = 0.02;
const PRODUCT: f64 = 0.05;
const WEIGHED: f64 = 0.11;

pub(super) fn cost<F: SumcheckField>(composition: &Composition<F>, window: u32, points: usize) -> f64 {
    let terms = composition.forms.iter().map(|form| form.others.len() + form.tables.len()).sum::<usize>();
    let products = composition.terms.iter().map(|term| term.products.len()).sum::<usize>();
    let entry = COLUMN * composition.columns().len() as f64 + TERM * terms as f64;
    let point = PRODUCT * products as f64 + WEIGHED * composition.terms.len() as f64;
    entry * f64::from(1u32 << window) + point * points as f64
}

/// See [`RowPolynomial::accumulate`].
pub(super) fn accumulate<F: SumcheckField>(
    composition: &Composition<F>,
    (grid, points): (&Grid, &[usize]),
    block: &Block<'_, F>,
    (weights, scale): (&[F], F),
    scratch: &mut Scratch<F>,
    sums: &mut [F],
) {
    let Scratch { integers, longs, wide, elements } = scratch;
    let cube = LANES << block.window();
    let (cells, kinds) = (composition.columns().len() * cube, composition.one_hots.len() * cube);
    let (whole, wanted) = (grid.points() * LANES, points.len() * LANES);
    longs.resize(cells + kinds + 2 * whole + wanted, 0);
    let (cells, rest) = longs.split_at_mut(cells);
    let (kinds, rest) = rest.split_at_mut(kinds);
    let (first, rest) = rest.split_at_mut(whole);
    let (second, values) = rest.split_at_mut(whole);
    elements.clear();
    elements.resize(composition.terms.len() * points.len(), F::ZERO);
    for (chunk, weights) in weights.chunks(LANES).enumerate() {
        let part = block.narrow(chunk * LANES, weights.len());
        transpose(composition, &part, integers, cells, kinds);
        let rows = Rows { window: block.window(), cells, kinds };
        for (term, totals) in composition.terms.iter().zip(elements.chunks_mut(points.len())) {
            let products = term.products.iter().map(|forms| {
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
                    product.fill(1);
                    for form in forms {
                        extended(&composition.forms[*form], grid, &rows, first);
                        let factors = product.iter_mut().zip(&*first);
                        factors
                            .for_each(|(product, factor)| *product = product.wrapping_mul((*factor).into()));
                    }
                    for (at, point) in at {
                        let product = &product[point * LANES..][..LANES];
                        let values = values[at * LANES..][..LANES].iter_mut().zip(product);
                        values.for_each(|(value, product)| *value = value.wrapping_add(*product));
                    }
                }
                for (total, values) in totals.iter_mut().zip(values.chunks(LANES)) {
                    *total += F::dot_i128(weights, values);
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
            if any {
                F::dot_rows(weights, values, LANES, totals);
            }
        }
    }
    for (term, totals) in composition.terms.iter().zip(elements.chunks(points.len())) {
        let coefficient = scale * term.coefficient;
        sums.iter_mut().zip(totals).for_each(|(sum, total)| *sum += coefficient * total);
    }
}

/// The integers of a block, entry by entry of the groups: entry b of group m of column c is at ((c·2^ω) + b)·LANES + m.
struct Rows<'a> {
    window: u32,
    cells: &'a [i64],
    kinds: &'a [i64],
}

fn transpose<F: SumcheckField>(
    composition: &Composition<F>,
    block: &Block<'_, F>,
    integers: &mut Vec<i64>,
    cells: &mut [i64],
    kinds: &mut [i64],
) {
    let cube = LANES << block.window();
    for (column, output) in cells.chunks_mut(cube).enumerate() {
        match block.source(column) {
            // In the tables.
            Source::Flag(_, 1..) => {}
            Source::Stored(at) if is_signed(block.shape(column)) => {
                spread(block, block.slice(at), output, |cell| i64::from(cell.cast_signed()));
            }
            Source::Stored(at) => spread(block, block.slice(at), output, |cell| i64::from(*cell)),
            _ => {
                block.integers(column, integers);
                spread(block, integers, output, |value| *value);
            }
        }
    }
    for (flag, output) in composition.one_hots.iter().zip(kinds.chunks_mut(cube)) {
        if let Source::Flag(at, _) = block.source(*flag) {
            spread(block, block.slice(at), output, |cell| i64::from(*cell));
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

/// A form on the grid; false if it is zero in all rows, and so everywhere.
fn extended(form: &Form, grid: &Grid, rows: &Rows<'_>, values: &mut [i64]) -> bool {
    let cube = LANES << rows.window;
    let mut any = 0;
    for (entry, boolean) in grid.booleans().iter().enumerate() {
        let values = &mut values[boolean * LANES..][..LANES];
        values.fill(form.constant);
        let lanes = |array: usize| array * cube + entry * LANES..array * cube + (entry + 1) * LANES;
        for (one_hot, table) in &form.tables {
            let last = table.len() - 1;
            for (value, kind) in values.iter_mut().zip(&rows.kinds[lanes(*one_hot)]) {
                *value = value.wrapping_add(table[(*kind as usize).min(last)]);
            }
        }
        for (column, coefficient) in &form.others {
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
    grid.extend(values, LANES, |node, even, odd| node.line_i64(even, odd));
    any != 0
}
