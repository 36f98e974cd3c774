//! What an argument is to the round driver: a statement that both sides hold, and the prover's state for its rounds.

use crate::field::SumcheckField;
use crate::isa::{Column, ColumnId, ColumnSource, PublicColumn, Word};
use crate::oracle::is_signed;

/// The most rounds that one pass may cover.
pub const MAX_WINDOW: u32 = 5;

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

    /// What absorbing one group of 2^`window` entries costs, in field products, for the prover's schedule; on cells if
    /// `integral`, where a product of small integers counts as a small part of one. No proof depends on it.
    fn cost(&self, window: u32, integral: bool) -> f64;

    /// The most rounds from the first that a window on cells may cover, at least 1.
    fn integer_rounds(&self) -> u32 {
        MAX_WINDOW
    }
}

/// An instance's state in the rounds. For a window of ω rounds the driver shows it each block of the window's arrays
/// once and adds up what it makes of them; then it asks for ω round polynomials, and tells it the challenges.
pub trait RoundProver<F: SumcheckField>: Sync {
    /// Begins a window of `window` rounds; says how many partial sums it needs.
    fn open(&mut self, window: u32) -> usize;

    /// Adds a block's contribution to `sums`, which are then added over blocks, parts and threads. In the window that
    /// begins at round 0 the block holds cells, later field elements. Groups that no block shows are all zero.
    fn absorb(&self, block: &Block<'_, F>, scratch: &mut Scratch<F>, sums: &mut [F]);

    /// Takes the sums over all blocks; `claim` is what the window's first round polynomial should add up to over 0 and 1.
    fn close(&mut self, sums: Vec<F>, claim: F);

    /// The round polynomial's coefficients, constant first, degree + 1 of them.
    fn message(&self) -> Vec<F>;

    /// Ends the round.
    fn bind(&mut self, challenge: F);
}

/// Consecutive groups of 2^ω entries `A[2^ω·m + b]` of a window's arrays, one array a column of the instance.
#[derive(Debug)]
pub struct Block<'a, F> {
    pub(crate) window: u32,
    pub(crate) start: u64,
    pub(crate) offset: usize,
    pub(crate) groups: usize,
    pub(crate) rows: u64,
    pub(crate) values: Values<'a, F>,
    pub(crate) columns: &'a [UsedColumn],
    pub(crate) map: &'a [usize],
}

impl<F> Clone for Block<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Block<'_, F> {}

/// A column in use, and where its cells come from in a pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UsedColumn {
    pub(crate) shape: Column,
    pub(crate) source: Source,
}

/// Where a column's cells are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// In this slice of the chunk.
    Stored(usize),
    /// By the row's number.
    Public(PublicColumn),
}

/// The columns in use, and those that a pass asks the oracle for.
pub(crate) fn sources(ids: &[ColumnId], shapes: &[Column]) -> (Vec<UsedColumn>, Vec<ColumnId>) {
    let mut asked = Vec::new();
    let mut place = |id: ColumnId| {
        asked.iter().position(|known| *known == id).unwrap_or_else(|| {
            asked.push(id);
            asked.len() - 1
        })
    };
    let used = ids.iter().zip(shapes).map(|(id, shape)| {
        let source = match shape.source {
            ColumnSource::Recorded | ColumnSource::Derived | ColumnSource::Cell | ColumnSource::Code => {
                Source::Stored(place(*id))
            }
            ColumnSource::Public(public) => Source::Public(public),
        };
        UsedColumn { shape: *shape, source }
    });
    (used.collect(), asked)
}

/// The arrays behind a block.
#[derive(Debug)]
pub(crate) enum Values<'a, F> {
    /// A chunk of the columns asked for.
    Cells(&'a [&'a [Word]]),
    /// Rows put together from chunks that do not start or end at a group.
    Staged(&'a [Vec<Word>]),
    /// Bound arrays of all columns in use.
    Bound(&'a [Vec<F>]),
}

impl<F> Clone for Values<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Values<'_, F> {}

impl<'a, F: SumcheckField> Block<'a, F> {
    /// ω: a group is 2^ω entries.
    pub fn window(&self) -> u32 {
        self.window
    }

    /// m of the first group.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// How many groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// How many entries.
    pub fn entries(&self) -> usize {
        self.groups << self.window
    }

    /// Whether the values are cells: the window that begins at round 0.
    pub fn is_integral(&self) -> bool {
        !matches!(self.values, Values::Bound(_))
    }

    /// The cells in a slice of those asked for.
    #[inline]
    pub(crate) fn slice(&self, at: usize) -> &'a [Word] {
        let cells = match self.values {
            Values::Cells(columns) => columns[at],
            Values::Staged(columns) => &columns[at],
            Values::Bound(_) => return &[],
        };
        &cells[self.offset << self.window..][..self.entries()]
    }

    /// Where the instance's column `column` has its cells.
    #[inline]
    pub(crate) fn source(&self, column: usize) -> Source {
        self.columns[self.map[column]].source
    }

    /// Writes the integers of the instance's column `column` to `output`, one an entry; nothing if the values are no
    /// cells. O(entries).
    pub fn integers(&self, column: usize, output: &mut Vec<i64>) {
        output.clear();
        if !self.is_integral() {
            return;
        }
        let first = self.start << self.window;
        match self.source(column) {
            Source::Stored(at) if is_signed(self.shape(column)) => {
                output.extend(self.slice(at).iter().map(|cell| i64::from(cell.cast_signed())));
            }
            Source::Stored(at) => output.extend(self.slice(at).iter().map(|cell| i64::from(*cell))),
            Source::Public(public) => {
                let rows = first..first + self.entries() as u64;
                output.extend(rows.map(|row| i64::from(public.value(row, self.rows))));
            }
        }
    }

    /// The field elements of the instance's column `column`, one an entry; empty if the values are cells.
    #[inline]
    pub fn bound(&self, column: usize) -> &'a [F] {
        match self.values {
            Values::Bound(columns) => {
                &columns[self.map[column]][self.offset << self.window..][..self.entries()]
            }
            _ => &[],
        }
    }

    /// How many columns the instance has.
    pub(crate) fn columns(&self) -> usize {
        self.map.len()
    }

    /// The instance's column `column`, which says how to read its cells.
    #[inline]
    pub fn shape(&self, column: usize) -> &'a Column {
        &self.columns[self.map[column]].shape
    }

    /// Groups `from..from + groups` of this block.
    #[must_use]
    pub fn narrow(&self, from: usize, groups: usize) -> Self {
        Self { start: self.start + from as u64, offset: self.offset + from, groups, ..*self }
    }
}

/// Buffers that instances reuse from block to block, a set a worker, so that inner loops allocate nothing.
#[derive(Clone, Debug, Default)]
pub struct Scratch<F> {
    /// For the integers of one column.
    pub integers: Vec<i64>,
    /// For values of linear forms.
    pub longs: Vec<i64>,
    /// For values of products.
    pub wide: Vec<i128>,
    /// For field elements.
    pub elements: Vec<F>,
    /// What of a composition is not zero in all of a block's groups.
    pub(super) live: Live,
}

/// Which columns are zero in all of some groups, and what of a composition they leave: most rows make no call, and what
/// calls alone use is most of the time zero.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    /// The columns that are zero.
    pub(super) idle: Vec<bool>,
    /// The forms, or lines, that are zero, since their constant and their columns are.
    pub(super) zero: Vec<bool>,
    /// Products of two lines that are not.
    pub(super) pairs: Vec<(usize, usize)>,
    /// Lines that are added, likewise.
    pub(super) singles: Vec<usize>,
    /// Which products of three lines or more are not, by their places.
    pub(super) others: Vec<usize>,
}
