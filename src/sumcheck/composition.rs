//! Compositions g(w₁…w_k) of one row's columns, as data: sums of products of linear forms.

use super::instance::{Block, Scratch};
use super::kernels;
use super::round::{Node, nodes};
use crate::field::SumcheckField;
use crate::isa::{Column, ColumnId, Constraint, Product};
use crate::oracle::EqTable;

/// A polynomial over one row's columns: a [`Composition`], or one of your own.
pub trait RowPolynomial<F: SumcheckField>: Send + Sync {
    /// The columns that it reads, none twice.
    fn columns(&self) -> &[ColumnId];

    /// The total degree.
    fn degree(&self) -> usize;

    /// The value for a row with these values of [`columns`](Self::columns).
    fn evaluate(&self, values: &[F]) -> F;

    /// Whether [`accumulate`](Self::accumulate) knows [`Node::Infinity`], the homogeneous part of highest degree at
    /// the slopes: it is usually the cheapest node. The default of `accumulate` does not.
    fn knows_infinity(&self) -> bool {
        false
    }

    /// Adds `scale · Σ_m weights[m] · g(line of pair m at the node)` to each node's sum, for the block's pairs.
    /// The default evaluates pair by pair, in round 0 too.
    fn accumulate(
        &self,
        nodes: &[Node],
        block: &Block<'_, F>,
        (weights, scale): (&[F], F),
        scratch: &mut Scratch<F>,
        sums: &mut [F],
    ) {
        let row = &mut scratch.elements;
        for (pair, weight) in weights.iter().enumerate().take(block.pairs()) {
            let at = block.narrow(pair, 1);
            for (node, sum) in nodes.iter().zip(sums.iter_mut()) {
                row.clear();
                row.extend((0..self.columns().len()).map(|column| {
                    match (at.cells(column), at.bound(column)) {
                        ([even, odd], _) => {
                            let shape = at.shape(column);
                            node.line(F::from(shape.value(*even)), F::from(shape.value(*odd)))
                        }
                        (_, [even, odd]) => node.line(*even, *odd),
                        _ => F::ZERO,
                    }
                }));
                *sum += scale * weight * self.evaluate(row);
            }
        }
    }
}

/// constant + Σ coefficient · column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinearForm {
    /// The constant.
    pub constant: i64,
    /// Columns and their coefficients.
    pub terms: Vec<(ColumnId, i64)>,
}

/// Σ coefficient · Π linear forms, prepared for blocks: each distinct form is computed once a block.
#[derive(Clone, Debug)]
pub struct Composition<F> {
    pub(super) columns: Vec<ColumnId>,
    pub(super) forms: Vec<Form>,
    pub(super) terms: Vec<Term<F>>,
    pub(super) groups: Vec<Group<F>>,
    degree: usize,
}

/// A linear form over places in [`Composition::columns`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) constant: i64,
    pub(super) terms: Vec<(usize, i64)>,
}

/// coefficient · Σ Π forms, whose sum of products is an integer: round 0 sees these.
#[derive(Clone, Debug)]
pub(super) struct Term<F> {
    pub(super) coefficient: F,
    pub(super) products: Vec<Vec<usize>>,
    /// Whether the integer may leave an i64.
    pub(super) wide: bool,
}

/// guard · Σ coefficient · Π forms: what shares a factor, for the rounds on field elements.
#[derive(Clone, Debug)]
pub(super) struct Group<F> {
    pub(super) guard: Option<usize>,
    pub(super) products: Vec<(F, Vec<usize>)>,
}

/// Why a composition cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompositionError {
    /// A form names a column that is not there.
    #[error("term {term} reads column {}, which does not exist", .column.0)]
    UnknownColumn {
        /// The term.
        term: usize,
        /// The column.
        column: ColumnId,
    },
    /// For columns within their range classes, the integers of round 0 could leave 127 bits, or a form 62 bits.
    #[error("term {term} can become too large for the integers of the first round")]
    TooLarge {
        /// The term.
        term: usize,
    },
}

impl<F: SumcheckField> Composition<F> {
    /// Σ coefficient · Σ Π forms, over terms (coefficient, products of forms) and the oracle's `columns`.
    ///
    /// Cells are taken to lie in their columns' range classes; a sum-check over cells that do not may be refused.
    ///
    /// # Errors
    /// An unknown column, or integers that could become too large.
    pub fn new(
        columns: &[Column],
        terms: impl IntoIterator<Item = (F, Vec<Vec<LinearForm>>)>,
    ) -> Result<Self, CompositionError> {
        let mut composition =
            Self { columns: Vec::new(), forms: Vec::new(), terms: Vec::new(), groups: Vec::new(), degree: 1 };
        for (term, (coefficient, products)) in terms.into_iter().enumerate() {
            let mut indices = Vec::with_capacity(products.len());
            for product in &products {
                composition.degree = composition.degree.max(product.len());
                let forms = product.iter().map(|form| composition.intern(columns, term, form));
                indices.push(forms.collect::<Result<Vec<_>, _>>()?);
            }
            composition.terms.push(Term { coefficient, products: indices, wide: false });
        }
        composition.bound_integers(columns)?;
        composition.group();
        Ok(composition)
    }

    /// Σ αⁱ · constraintᵢ: zero in every row, for a random α, only if every constraint is, but for a chance of
    /// (constraints − 1)/|F| a row.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn from_constraints(
        columns: &[Column],
        constraints: &[Constraint],
        alpha: F,
    ) -> Result<Self, CompositionError> {
        let form = |linear: &crate::isa::Linear| LinearForm {
            constant: linear.constant,
            terms: linear.terms.to_vec(),
        };
        let product = |product: &Product| product.factors.iter().map(form).collect();
        let powers = core::iter::successors(Some(F::ONE), |power| Some(*power * alpha));
        let products = constraints.iter().map(|constraint| constraint.products.iter().map(product).collect());
        Self::new(columns, powers.zip(products))
    }

    fn intern(
        &mut self,
        columns: &[Column],
        term: usize,
        form: &LinearForm,
    ) -> Result<usize, CompositionError> {
        let mut terms = Vec::with_capacity(form.terms.len());
        for (column, coefficient) in &form.terms {
            if column.index() >= columns.len() {
                return Err(CompositionError::UnknownColumn { term, column: *column });
            }
            terms.push((place(&mut self.columns, *column), *coefficient));
        }
        Ok(place(&mut self.forms, Form { constant: form.constant, terms }))
    }

    /// Decides for each term between i64 and i128, by the classes of the columns.
    fn bound_integers(&mut self, columns: &[Column]) -> Result<(), CompositionError> {
        let growth = nodes(self.degree, true).into_iter().map(Node::growth).max().unwrap_or(1);
        let magnitude = |column: usize| {
            let (min, max) = columns[self.columns[column].index()].class.bounds();
            u128::from(min.unsigned_abs().max(max.unsigned_abs()))
        };
        let bound = |form: &usize| {
            let Form { constant, terms } = &self.forms[*form];
            let sum = terms.iter().fold(u128::from(constant.unsigned_abs()), |sum, (column, coefficient)| {
                sum.saturating_add(u128::from(coefficient.unsigned_abs()) * magnitude(*column))
            });
            growth.saturating_mul(sum)
        };
        let bounds: Vec<u128> = (0..self.forms.len()).map(|form| bound(&form)).collect();
        for (at, term) in self.terms.iter_mut().enumerate() {
            let total = term.products.iter().fold(0u128, |sum, product| {
                sum.saturating_add(
                    product.iter().fold(1u128, |value, form| value.saturating_mul(bounds[*form])),
                )
            });
            let large_form = term.products.iter().flatten().any(|form| bounds[*form] >> 62 != 0);
            if large_form || total >> 126 != 0 {
                return Err(CompositionError::TooLarge { term: at });
            }
            term.wide = total >> 62 != 0;
        }
        Ok(())
    }

    /// Collects products that share a factor, the most shared factors first.
    fn group(&mut self) {
        let mut left: Vec<(F, Vec<usize>)> = Vec::new();
        for term in &self.terms {
            left.extend(term.products.iter().map(|product| (term.coefficient, product.clone())));
        }
        loop {
            let uses = |form: &usize| {
                left.iter().filter(|(_, product)| product.len() > 1 && product.contains(form)).count()
            };
            let shared = (0..self.forms.len())
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
            self.groups.push(Group { guard: Some(guard), products: members });
        }
        if !left.is_empty() {
            self.groups.push(Group { guard: None, products: left });
        }
    }
}

/// The place of an item in a list, where it is put if it is new.
fn place<I: PartialEq>(list: &mut Vec<I>, item: I) -> usize {
    list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

impl<F: SumcheckField> RowPolynomial<F> for Composition<F> {
    fn columns(&self) -> &[ColumnId] {
        &self.columns
    }

    fn degree(&self) -> usize {
        self.degree
    }

    fn evaluate(&self, values: &[F]) -> F {
        let form = |form: &usize| {
            let Form { constant, terms } = &self.forms[*form];
            let sum = |sum, (column, coefficient): &(usize, i64)| sum + values[*column].mul_i64(*coefficient);
            terms.iter().fold(F::from(*constant), sum)
        };
        let product = |product: &Vec<usize>| product.iter().map(form).product::<F>();
        self.terms.iter().map(|term| term.coefficient * term.products.iter().map(product).sum::<F>()).sum()
    }

    fn knows_infinity(&self) -> bool {
        true
    }

    fn accumulate(
        &self,
        nodes: &[Node],
        block: &Block<'_, F>,
        weights: (&[F], F),
        scratch: &mut Scratch<F>,
        sums: &mut [F],
    ) {
        if block.is_integral() {
            kernels::accumulate_cells(self, nodes, block, weights, scratch, sums);
        } else {
            kernels::accumulate_bound(self, nodes, block, weights, scratch, sums);
        }
    }
}

/// Adds `Σ_m table[m] · g(pair m at the node)` to each node's sum.
pub(super) fn absorb<F: SumcheckField>(
    polynomial: &impl RowPolynomial<F>,
    nodes: &[Node],
    table: &EqTable<F>,
    block: &Block<'_, F>,
    scratch: &mut Scratch<F>,
    sums: &mut [F],
) {
    let mut done = 0;
    while done < block.pairs() && !nodes.is_empty() {
        let (weights, scale) = table.segment(block.start() + done as u64, block.pairs() - done);
        polynomial.accumulate(nodes, &block.narrow(done, weights.len()), (weights, scale), scratch, sums);
        done += weights.len();
    }
}
