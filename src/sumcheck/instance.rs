//! What an argument is to the round driver: a statement that both sides hold, and the prover's state for its rounds.

use crate::field::SumcheckField;
use crate::isa::{Column, ColumnId, Word};

/// A claim Σ_{x ∈ {0,1}^n} f(x) = claim, where f is a polynomial in the columns and in what the verifier knows.
pub trait SumcheckInstance<F: SumcheckField>: Send + Sync {
    /// The columns that f reads, none twice. Only these are regenerated and bound.
    fn columns(&self) -> &[ColumnId];

    /// n, where the statement fixes it.
    fn variables(&self) -> Option<usize>;

    /// The degree of f in each variable, at least 1: the degree of the round polynomials.
    fn degree(&self) -> usize;

    /// The claimed sum.
    fn claim(&self) -> F;

    /// The verifier's side: f at `point`, from the columns' values there, in the order of [`columns`](Self::columns).
    fn evaluate(&self, point: &[F], values: &[F]) -> F;

    /// The prover's side, for a witness of `rows` rows in 2^`variables`.
    fn prover(&self, rows: u64, variables: usize) -> Box<dyn RoundProver<F> + '_>;
}

/// An instance's state in the rounds: the driver shows it each block of the round's arrays, adds up what it makes of
/// them, asks for the round polynomial, and tells it the challenge.
pub trait RoundProver<F: SumcheckField>: Sync {
    /// How many partial sums this round needs.
    fn sums(&self) -> usize;

    /// Adds a block's contribution to `sums`, which are then added over blocks, parts and threads. In round 0 the
    /// block holds cells, afterwards field elements. Pairs that no block shows are all zero.
    fn absorb(&self, block: &Block<'_, F>, scratch: &mut Scratch<F>, sums: &mut [F]);

    /// The round polynomial's coefficients, constant first, degree + 1 of them; `claim` is what it should add up to
    /// over 0 and 1.
    fn message(&self, sums: &[F], claim: F) -> Vec<F>;

    /// Ends the round.
    fn bind(&mut self, challenge: F);
}

/// Consecutive pairs `A[2m]`, `A[2m+1]` of the round's arrays, one array a column of the instance.
#[derive(Debug)]
pub struct Block<'a, F> {
    pub(crate) start: u64,
    pub(crate) offset: usize,
    pub(crate) pairs: usize,
    pub(crate) values: Values<'a, F>,
    pub(crate) shapes: &'a [Column],
    pub(crate) map: &'a [usize],
}

impl<F> Clone for Block<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Block<'_, F> {}

/// The arrays behind a block, of all columns in use.
#[derive(Debug)]
pub(crate) enum Values<'a, F> {
    /// A chunk.
    Cells(&'a [&'a [Word]]),
    /// Rows put together from chunks that do not start or end at a pair.
    Staged(&'a [Vec<Word>]),
    /// Bound arrays.
    Bound(&'a [Vec<F>]),
}

impl<F> Clone for Values<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Values<'_, F> {}

impl<'a, F: SumcheckField> Block<'a, F> {
    /// m of the first pair.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// How many pairs.
    pub fn pairs(&self) -> usize {
        self.pairs
    }

    /// Whether the values are cells: round 0.
    pub fn is_integral(&self) -> bool {
        !matches!(self.values, Values::Bound(_))
    }

    /// The cells of the instance's column `column`, two a pair; empty after round 0.
    #[inline]
    pub fn cells(&self, column: usize) -> &'a [Word] {
        let cells = match self.values {
            Values::Cells(columns) => columns[self.map[column]],
            Values::Staged(columns) => &columns[self.map[column]],
            Values::Bound(_) => return &[],
        };
        &cells[2 * self.offset..2 * (self.offset + self.pairs)]
    }

    /// The field elements of the instance's column `column`, two a pair; empty in round 0.
    #[inline]
    pub fn bound(&self, column: usize) -> &'a [F] {
        match self.values {
            Values::Bound(columns) => {
                &columns[self.map[column]][2 * self.offset..2 * (self.offset + self.pairs)]
            }
            _ => &[],
        }
    }

    /// The instance's column `column`, which says how to read its cells.
    #[inline]
    pub fn shape(&self, column: usize) -> &'a Column {
        &self.shapes[self.map[column]]
    }

    /// Pairs `from..from + pairs` of this block.
    #[must_use]
    pub fn narrow(&self, from: usize, pairs: usize) -> Self {
        Self { start: self.start + from as u64, offset: self.offset + from, pairs, ..*self }
    }
}

/// Buffers that instances reuse from block to block, a set a worker, so that inner loops allocate nothing.
#[derive(Clone, Debug, Default)]
pub struct Scratch<F> {
    /// For values of linear forms.
    pub longs: Vec<i64>,
    /// For values of products.
    pub wide: Vec<i128>,
    /// For field elements.
    pub elements: Vec<F>,
}
