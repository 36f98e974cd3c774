//! Compositions g(w₁…w_k) of one row's columns, as data: sums of products of linear forms.

use super::costs::Work;
use super::grid::{Grid, Rule};
use super::instance::{Block, MAX_WINDOW, Scratch};
use super::lines::Lines;
use super::round::{Node, nodes};
use super::{bound, cells};
use crate::field::SumcheckField;
use crate::isa::{Column, ColumnId, ColumnSource, Constraint, Product, PublicColumn};
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

    /// The most rounds that a window on cells may cover, at least 1: as many as its integers bear.
    fn integer_rounds(&self) -> u32 {
        MAX_WINDOW
    }

    /// What [`accumulate`](Self::accumulate) costs for one group, in field products. Schedules are made by it, and no
    /// proof depends on it. The default is that of the default of `accumulate`.
    fn cost(&self, work: &Work) -> f64 {
        let (columns, degree) = (self.columns().len(), self.degree());
        (work.points * (columns + degree) + (columns << work.window)) as f64
    }

    /// Adds `Σ_m weight of m · g(group m at the point)` to each point's sum, for the block's groups, where a group
    /// is a multilinear polynomial for each column, and `points` are points of the grid. The default evaluates group by
    /// group, on cells too.
    fn accumulate(
        &self,
        (grid, points): (&Grid, &[usize]),
        block: &Block<'_, F>,
        weights: Weights<'_, F>,
        scratch: &mut Scratch<F>,
        sums: &mut [F],
    ) {
        let columns = self.columns().len();
        let Scratch { integers, elements, .. } = scratch;
        elements.resize(columns * (grid.points() + 1), F::ZERO);
        let (values, row) = elements.split_at_mut(columns * grid.points());
        for (group, weight) in weights.values.iter().enumerate().take(block.groups()) {
            let at = block.narrow(group, 1);
            for column in 0..columns {
                at.integers(column, integers);
                for (entry, boolean) in grid.booleans().iter().enumerate() {
                    let integer = integers.get(entry).map(|value| F::from(*value));
                    let value = integer.or_else(|| at.bound(column).get(entry).copied());
                    values[boolean * columns + column] = value.unwrap_or(F::ZERO);
                }
            }
            grid.extend(values, columns, Rule::elements);
            for (point, sum) in points.iter().zip(sums.iter_mut()) {
                row.copy_from_slice(&values[point * columns..][..columns]);
                *sum += weights.scale * weight * self.evaluate(row);
            }
        }
    }
}

/// What a block's groups count: group m's weight is `scale · values[m]`.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a, F> {
    /// A weight a group, but for the scale.
    pub values: &'a [F],
    /// What all of them are multiplied by.
    pub scale: F,
    /// Whether every value is one: then sums need no products with them.
    pub ones: bool,
}

impl<'a, F> Weights<'a, F> {
    /// `size` weights at a time, with the place of the first.
    pub(super) fn chunks(&self, size: usize) -> impl Iterator<Item = (usize, &'a [F])> {
        self.values.chunks(size).enumerate().map(move |(at, values)| (at * size, values))
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

/// Σ coefficient · Π linear forms, prepared for blocks.
#[derive(Clone, Debug)]
pub struct Composition<F> {
    columns: Vec<ColumnId>,
    pub(super) forms: Vec<Form>,
    pub(super) terms: Vec<Term<F>>,
    pub(super) lines: Lines<F>,
    degree: usize,
    integer_rounds: u32,
}

/// A linear form over places in [`Composition::columns`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) constant: i64,
    pub(super) terms: Vec<(usize, i64)>,
}

/// coefficient · Σ Π forms, whose sum of products is an integer: the first window sees these.
#[derive(Clone, Debug)]
pub(super) struct Term<F> {
    pub(super) coefficient: F,
    pub(super) products: Vec<Vec<usize>>,
    /// From how many rounds on the integer may leave an i64.
    pub(super) wide_from: u32,
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
        let mut composition = Self {
            columns: Vec::new(),
            forms: Vec::new(),
            terms: Vec::new(),
            lines: Lines::default(),
            degree: 1,
            integer_rounds: MAX_WINDOW,
        };
        for (term, (coefficient, products)) in terms.into_iter().enumerate() {
            let mut indices = Vec::with_capacity(products.len());
            for product in &products {
                composition.degree = composition.degree.max(product.len());
                let forms = product.iter().map(|form| composition.intern(columns, term, form));
                indices.push(forms.collect::<Result<Vec<_>, _>>()?);
            }
            composition.terms.push(Term { coefficient, products: indices, wide_from: u32::MAX });
        }
        composition.bound_integers(columns)?;
        composition.lines = Lines::new(&composition.forms, &composition.terms);
        Ok(composition)
    }

    /// Σ αⁱ · constraintᵢ. Zero in every row, for a random α, only if every constraint is, but for a chance of
    /// (constraints − 1)/|F| a row.
    ///
    /// Public columns in `absent` are zero in every row: [`Last`](PublicColumn::Last) where the run goes on after the last
    /// row, and [`First`](PublicColumn::First) where it began before row 0.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn from_constraints(
        columns: &[Column],
        constraints: &[Constraint],
        absent: &[PublicColumn],
        alpha: F,
    ) -> Result<Self, CompositionError> {
        let is_absent = |id: &ColumnId| match columns.get(id.index()).map(|column| column.source) {
            Some(ColumnSource::Public(column)) => absent.contains(&column),
            _ => false,
        };
        let form = |linear: &crate::isa::Linear| LinearForm {
            constant: linear.constant,
            terms: linear.terms.iter().filter(|(id, _)| !is_absent(id)).copied().collect(),
        };
        let product = |product: &Product| product.factors.iter().map(form).collect();
        let powers = core::iter::successors(Some(F::ONE), |power| Some(*power * alpha));
        let products = constraints.iter().map(|of| of.products.iter().map(product).collect());
        Self::new(columns, powers.zip(products))
    }

    /// The product of columns.
    ///
    /// # Errors
    /// As for [`new`](Self::new); three columns of 32 bits fit, four do not.
    pub fn product(columns: &[Column], factors: &[ColumnId]) -> Result<Self, CompositionError> {
        let form = |column: &ColumnId| LinearForm { constant: 0, terms: vec![(*column, 1)] };
        Self::new(columns, [(F::ONE, vec![factors.iter().map(form).collect()])])
    }

    /// Zero in every row if `bits` are zeros and ones and the column is Σ 2^i·bitᵢ: for a
    /// [`ZeroCheck`](super::ZeroCheck) that a column lies below 2^(number of bits), as long as there is no look-up. α
    /// batches the claims, one a bit and one for their sum.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn range_by_bits(
        columns: &[Column],
        column: ColumnId,
        bits: &[ColumnId],
        alpha: F,
    ) -> Result<Self, CompositionError> {
        let form = |constant, terms| LinearForm { constant, terms };
        let bit = |bit: &ColumnId| vec![vec![form(0, vec![(*bit, 1)]), form(-1, vec![(*bit, 1)])]];
        let value = bits
            .iter()
            .enumerate()
            .map(|(at, bit)| (*bit, (-1i64).checked_shl(at as u32).unwrap_or(i64::MIN)));
        let sum = vec![vec![form(0, core::iter::once((column, 1)).chain(value).collect())]];
        let powers = core::iter::successors(Some(F::ONE), |power| Some(*power * alpha));
        Self::new(columns, powers.zip(bits.iter().map(bit).chain([sum])))
    }

    fn intern(
        &mut self,
        columns: &[Column],
        term: usize,
        form: &LinearForm,
    ) -> Result<usize, CompositionError> {
        let mut terms = Vec::with_capacity(form.terms.len());
        for (id, coefficient) in &form.terms {
            if id.index() >= columns.len() {
                return Err(CompositionError::UnknownColumn { term, column: *id });
            }
            terms.push((place(&mut self.columns, *id), *coefficient));
        }
        Ok(place(&mut self.forms, Form { constant: form.constant, terms }))
    }

    /// Decides how many rounds the integers bear, and for each term between i64 and i128, by the classes of the columns.
    fn bound_integers(&mut self, columns: &[Column]) -> Result<(), CompositionError> {
        let growth = nodes(self.degree, true).into_iter().map(Node::growth).max().unwrap_or(1);
        let magnitude = |column: usize| {
            let (min, max) = columns[self.columns[column].index()].class.bounds();
            u128::from(min.unsigned_abs().max(max.unsigned_abs()))
        };
        let bound = |form: &Form| {
            form.terms.iter().fold(u128::from(form.constant.unsigned_abs()), |sum, (column, coefficient)| {
                sum.saturating_add(u128::from(coefficient.unsigned_abs()) * magnitude(*column))
            })
        };
        let bounds: Vec<u128> = self.forms.iter().map(bound).collect();
        let mut integer_rounds = MAX_WINDOW;
        for (at, term) in self.terms.iter_mut().enumerate() {
            let grown =
                |form: &usize, window: u32| growth.saturating_pow(window).saturating_mul(bounds[*form]);
            let fits = |window: u32, bits: u32| {
                let forms = term.products.iter().flatten().all(|form| grown(form, window) >> 62 == 0);
                let total = term.products.iter().fold(0u128, |sum, product| {
                    let factors = product.iter().map(|form| grown(form, window));
                    sum.saturating_add(factors.fold(1, u128::saturating_mul))
                });
                forms && total >> bits == 0
            };
            let Some(most) = (1..=MAX_WINDOW).rev().find(|window| fits(*window, 126)) else {
                return Err(CompositionError::TooLarge { term: at });
            };
            integer_rounds = integer_rounds.min(most);
            term.wide_from = (1..=MAX_WINDOW).find(|window| !fits(*window, 62)).unwrap_or(u32::MAX);
        }
        self.integer_rounds = integer_rounds;
        Ok(())
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

    fn integer_rounds(&self) -> u32 {
        self.integer_rounds
    }

    fn cost(&self, work: &Work) -> f64 {
        if work.integral { cells::cost(self, work) } else { bound::cost((&self.lines, self.degree), work) }
    }

    fn accumulate(
        &self,
        at: (&Grid, &[usize]),
        block: &Block<'_, F>,
        weights: Weights<'_, F>,
        scratch: &mut Scratch<F>,
        sums: &mut [F],
    ) {
        if block.is_integral() {
            cells::accumulate(self, at, block, weights, scratch, sums);
        } else {
            bound::accumulate((&self.lines, self.degree), at, block, weights, scratch, sums);
        }
    }
}

/// Adds `Σ_m table[m] · g(group m at the point)` to each point's sum.
pub(super) fn absorb<F: SumcheckField>(
    polynomial: &impl RowPolynomial<F>,
    at: (&Grid, &[usize]),
    table: &EqTable<F>,
    block: &Block<'_, F>,
    scratch: &mut Scratch<F>,
    sums: &mut [F],
) {
    let mut done = 0;
    while done < block.groups() && !at.1.is_empty() {
        let (values, scale) = table.segment(block.start() + done as u64, block.groups() - done);
        let weights = Weights { values, scale, ones: table.is_ones() };
        polynomial.accumulate(at, &block.narrow(done, values.len()), weights, scratch, sums);
        done += values.len();
    }
}
