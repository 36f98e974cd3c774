//! The inner loops of a composition: forms outside, rows inside, over blocks that stay in the cache.

use super::composition::{Composition, Form, Group, RowPolynomial};
use super::instance::{Block, Scratch};
use super::round::Node;
use crate::field::SumcheckField;
use crate::oracle::is_signed;

/// Pairs a block of integers: 30 forms of both rows and a node take 180 KiB, within a second-level cache.
const INTEGER_PAIRS: usize = 256;

/// Pairs a block of elements: 30 forms of both rows and a node take 180 KiB at 32 bytes an element.
const ELEMENT_PAIRS: usize = 64;

/// Round 0: products of integers, weighed with delayed reduction. See
/// [`RowPolynomial::accumulate`](super::RowPolynomial::accumulate).
pub(super) fn accumulate_cells<F: SumcheckField>(
    composition: &Composition<F>,
    nodes: &[Node],
    block: &Block<'_, F>,
    (weights, scale): (&[F], F),
    scratch: &mut Scratch<F>,
    sums: &mut [F],
) {
    let forms = composition.forms.len();
    scratch.longs.resize((3 * forms + 1) * INTEGER_PAIRS, 0);
    scratch.wide.resize(INTEGER_PAIRS, 0);
    let (even, rest) = scratch.longs.split_at_mut(forms * INTEGER_PAIRS);
    let (odd, rest) = rest.split_at_mut(forms * INTEGER_PAIRS);
    let (at, values) = rest.split_at_mut(forms * INTEGER_PAIRS);
    let range = |form: usize, len: usize| form * INTEGER_PAIRS..form * INTEGER_PAIRS + len;
    for (chunk, weights) in weights.chunks(INTEGER_PAIRS).enumerate() {
        let len = weights.len();
        let part = block.narrow(chunk * INTEGER_PAIRS, len);
        for (f, form) in composition.forms.iter().enumerate() {
            integers(form, &part, &mut even[range(f, len)], &mut odd[range(f, len)]);
        }
        for (node, sum) in nodes.iter().zip(sums.iter_mut()) {
            for f in 0..forms {
                let lines = even[range(f, len)].iter().zip(&odd[range(f, len)]);
                for (value, (even, odd)) in at[range(f, len)].iter_mut().zip(lines) {
                    *value = node.line_i64(*even, *odd);
                }
            }
            let full =
                |product: &Vec<usize>| *node != Node::Infinity || product.len() == composition.degree();
            let mut total = F::ZERO;
            for term in &composition.terms {
                let mut products = term.products.iter().filter(|product| full(product)).peekable();
                if products.peek().is_none() {
                    continue;
                }
                total += term.coefficient
                    * if term.wide {
                        let values = &mut scratch.wide[..len];
                        values.fill(0);
                        for product in products {
                            for (i, value) in values.iter_mut().enumerate() {
                                let factors =
                                    product.iter().map(|form| i128::from(at[form * INTEGER_PAIRS + i]));
                                *value = value.wrapping_add(factors.fold(1, i128::wrapping_mul));
                            }
                        }
                        F::dot_i128(weights, values)
                    } else {
                        let values = &mut values[..len];
                        values.fill(0);
                        products.for_each(|product| add_product(values, product, at));
                        F::dot_i64(weights, values)
                    };
            }
            *sum += scale * total;
        }
    }
}

/// values += Π forms, with the common shapes spelled out.
fn add_product(values: &mut [i64], product: &[usize], at: &[i64]) {
    let form = |form: usize| &at[form * INTEGER_PAIRS..][..INTEGER_PAIRS];
    match *product {
        [a] => values.iter_mut().zip(form(a)).for_each(|(value, a)| *value = value.wrapping_add(*a)),
        [a, b] => {
            for ((value, a), b) in values.iter_mut().zip(form(a)).zip(form(b)) {
                *value = value.wrapping_add(a.wrapping_mul(*b));
            }
        }
        _ => {
            for (i, value) in values.iter_mut().enumerate() {
                let factors = product.iter().map(|form| at[form * INTEGER_PAIRS + i]);
                *value = value.wrapping_add(factors.fold(1, i64::wrapping_mul));
            }
        }
    }
}

/// A form's values in the even and the odd rows of a block of cells.
fn integers<F: SumcheckField>(form: &Form, block: &Block<'_, F>, even: &mut [i64], odd: &mut [i64]) {
    even.fill(form.constant);
    odd.fill(form.constant);
    for (column, coefficient) in &form.terms {
        let cells = block.cells(*column).as_chunks::<2>().0;
        let rows = even.iter_mut().zip(odd.iter_mut()).zip(cells);
        if is_signed(block.shape(*column)) {
            for ((even, odd), cells) in rows {
                *even = even.wrapping_add(coefficient.wrapping_mul(i64::from(cells[0].cast_signed())));
                *odd = odd.wrapping_add(coefficient.wrapping_mul(i64::from(cells[1].cast_signed())));
            }
        } else {
            for ((even, odd), cells) in rows {
                *even = even.wrapping_add(coefficient.wrapping_mul(i64::from(cells[0])));
                *odd = odd.wrapping_add(coefficient.wrapping_mul(i64::from(cells[1])));
            }
        }
    }
}

/// The rounds after: field elements, products grouped by a shared factor. See
/// [`RowPolynomial::accumulate`](super::RowPolynomial::accumulate).
pub(super) fn accumulate_bound<F: SumcheckField>(
    composition: &Composition<F>,
    nodes: &[Node],
    block: &Block<'_, F>,
    (weights, scale): (&[F], F),
    scratch: &mut Scratch<F>,
    sums: &mut [F],
) {
    let forms = composition.forms.len();
    let groups = composition.groups.len();
    scratch.elements.resize((3 * forms + groups + 1) * ELEMENT_PAIRS, F::ZERO);
    let (even, rest) = scratch.elements.split_at_mut(forms * ELEMENT_PAIRS);
    let (odd, rest) = rest.split_at_mut(forms * ELEMENT_PAIRS);
    let (lines, rest) = rest.split_at_mut(forms * ELEMENT_PAIRS);
    let (inner, total) = rest.split_at_mut(groups * ELEMENT_PAIRS);
    let range = |array: usize, len: usize| array * ELEMENT_PAIRS..array * ELEMENT_PAIRS + len;
    for (chunk, weights) in weights.chunks(ELEMENT_PAIRS).enumerate() {
        let len = weights.len();
        let part = block.narrow(chunk * ELEMENT_PAIRS, len);
        for (f, form) in composition.forms.iter().enumerate() {
            elements(form, &part, &mut even[range(f, len)], &mut odd[range(f, len)]);
        }
        for (node, sum) in nodes.iter().zip(sums.iter_mut()) {
            let at: &[F] = match node {
                Node::At(0) => even,
                Node::At(1) => odd,
                _ => {
                    for f in 0..forms {
                        let ends = even[range(f, len)].iter().zip(&odd[range(f, len)]);
                        for (value, (even, odd)) in lines[range(f, len)].iter_mut().zip(ends) {
                            *value = node.line(*even, *odd);
                        }
                    }
                    lines
                }
            };
            let degree = (*node == Node::Infinity).then(|| composition.degree());
            for (g, group) in composition.groups.iter().enumerate() {
                group_values(group, degree, at, &mut inner[range(g, len)]);
            }
            let one = F::ONE;
            for (i, total) in total[..len].iter_mut().enumerate() {
                *total = F::inner_product(groups, |g| {
                    let guard = composition.groups[g].guard;
                    (
                        guard.map_or(&one, |guard| &at[guard * ELEMENT_PAIRS + i]),
                        &inner[g * ELEMENT_PAIRS + i],
                    )
                });
            }
            *sum += scale * F::dot(weights, &total[..len]);
        }
    }
}

/// A group's sum without its guard, pair by pair; with a degree, of the products of that degree only.
fn group_values<F: SumcheckField>(group: &Group<F>, degree: Option<usize>, at: &[F], values: &mut [F]) {
    let guards = usize::from(group.guard.is_some());
    if degree.is_none_or(|degree| degree == guards + 1)
        && group.products.iter().all(|(_, forms)| forms.len() == 1)
    {
        for (i, value) in values.iter_mut().enumerate() {
            *value = F::inner_product(group.products.len(), |p| {
                let (coefficient, forms) = &group.products[p];
                (coefficient, &at[forms[0] * ELEMENT_PAIRS + i])
            });
        }
        return;
    }
    values.fill(F::ZERO);
    for (coefficient, forms) in &group.products {
        if degree.is_none_or(|degree| degree == guards + forms.len()) {
            for (i, value) in values.iter_mut().enumerate() {
                *value +=
                    forms.iter().fold(*coefficient, |product, form| product * at[form * ELEMENT_PAIRS + i]);
            }
        }
    }
}

/// A form's values in the even and the odd entries of a block of elements.
fn elements<F: SumcheckField>(form: &Form, block: &Block<'_, F>, even: &mut [F], odd: &mut [F]) {
    let constant = F::from(form.constant);
    even.fill(constant);
    odd.fill(constant);
    for (column, coefficient) in &form.terms {
        let rows = even.iter_mut().zip(odd.iter_mut()).zip(block.bound(*column).as_chunks::<2>().0);
        match coefficient {
            1 => rows.for_each(|((even, odd), pair)| {
                *even = even.plus(&pair[0]);
                *odd = odd.plus(&pair[1]);
            }),
            -1 => rows.for_each(|((even, odd), pair)| {
                *even = even.minus(&pair[0]);
                *odd = odd.minus(&pair[1]);
            }),
            _ => rows.for_each(|((even, odd), pair)| {
                *even = even.plus(&pair[0].mul_i64(*coefficient));
                *odd = odd.plus(&pair[1].mul_i64(*coefficient));
            }),
        }
    }
}
