//! A composition for field elements: multilinear lines, and which of them are multiplied.

use super::composition::{Form, Term};
use crate::field::SumcheckField;

/// Σ over pairs, singles and others. What shares a factor is added up before it is multiplied, batching coefficients
/// included: guard · Σ coefficient · form is a product of two lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines<F> {
    pub(super) lines: Vec<Line<F>>,
    /// Products of two lines.
    pub(super) pairs: Vec<(usize, usize)>,
    /// Lines that are added.
    pub(super) singles: Vec<usize>,
    /// Products of three lines at least.
    pub(super) others: Vec<Vec<usize>>,
}

/// constant + Σ coefficient · column: multilinear as the columns are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line<F> {
    pub(super) constant: F,
    /// Columns with small coefficients.
    pub(super) small: Vec<(usize, i64)>,
    /// Columns with any coefficients.
    pub(super) mixed: Vec<(usize, F)>,
}

impl<F: SumcheckField> Lines<F> {
    /// Collects products that share a factor, the most shared factors first.
    pub(super) fn new(forms: &[Form], terms: &[Term<F>]) -> Self {
        let mut lines =
            Self { lines: Vec::new(), pairs: Vec::new(), singles: Vec::new(), others: Vec::new() };
        let mut left: Vec<(F, Vec<usize>)> = Vec::new();
        for term in terms {
            left.extend(term.products.iter().map(|product| (term.coefficient, product.clone())));
        }
        loop {
            let uses = |form: &usize| {
                left.iter().filter(|(_, product)| product.len() > 1 && product.contains(form)).count()
            };
            let shared = (0..forms.len())
                .map(|form| (uses(&form), form))
                .max_by_key(|(uses, form)| (*uses, usize::MAX - form));
            let Some((1.., guard)) = shared else { break };
            let (mut members, others): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|(_, product)| product.len() > 1 && product.contains(&guard));
            left = others;
            for (_, product) in &mut members {
                if let Some(at) = product.iter().position(|form| *form == guard) {
                    product.remove(at);
                }
            }
            let guard_line = lines.place(Line::form(&forms[guard]));
            let (single, long): (Vec<_>, Vec<_>) =
                members.into_iter().partition(|member| member.1.len() == 1);
            if !single.is_empty() {
                let mix = lines.place(Line::mix(forms, &single));
                lines.pairs.push((guard_line, mix));
            }
            for (coefficient, product) in long {
                // A line scaled costs a product an entry; the coefficient by itself would cost one a point.
                let line = |(at, form): (usize, &usize)| match at {
                    0 if !coefficient.is_one() => Line::mix(forms, &[(coefficient, vec![*form])]),
                    _ => Line::form(&forms[*form]),
                };
                let rest = product.iter().enumerate().map(|factor| lines.place(line(factor)));
                let product = rest.collect::<Vec<_>>().into_iter().chain([guard_line]).collect();
                lines.others.push(product);
            }
        }
        if !left.is_empty() {
            let mix = lines.place(Line::mix(forms, &left));
            lines.singles.push(mix);
        }
        lines
    }

    fn place(&mut self, line: Line<F>) -> usize {
        self.lines.iter().position(|known| *known == line).unwrap_or_else(|| {
            self.lines.push(line);
            self.lines.len() - 1
        })
    }
}

impl<F: SumcheckField> Line<F> {
    fn form(form: &Form) -> Self {
        Self { constant: F::from(form.constant), small: form.terms.clone(), mixed: Vec::new() }
    }

    /// Σ coefficient · form, over products of one form or none.
    fn mix(forms: &[Form], products: &[(F, Vec<usize>)]) -> Self {
        let mut line = Self { constant: F::ZERO, small: Vec::new(), mixed: Vec::new() };
        for (coefficient, product) in products {
            let Some(form) = product.first().map(|form| &forms[*form]) else {
                line.constant += coefficient;
                continue;
            };
            line.constant += coefficient.mul_i64(form.constant);
            for (column, small) in &form.terms {
                let coefficient = coefficient.mul_i64(*small);
                match line.mixed.iter_mut().find(|known| known.0 == *column) {
                    Some(known) => known.1 += coefficient,
                    None => line.mixed.push((*column, coefficient)),
                }
            }
        }
        line
    }
}
