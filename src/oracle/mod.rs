//! k multilinear polynomials in n variables, one a column, that no one holds: they are visited in passes.
//!
//! In: rows, regenerated chunk by chunk. Out: chunks for a sum-check prover, evaluations for a verifier.
//! Row j of column i is position j·k + i of the interleaved vector, and the value of polynomial i at the point of
//! {0,1}^n whose first variable is the low bit of j, as in `ark-poly`. Rows T..2^n are zero.

mod bits;
mod cache;
pub(crate) mod dense;
mod evaluate;
mod witness;

pub use bits::WithBits;
pub use dense::{DenseOracle, DenseOracleError};
pub use evaluate::{EqTable, eq, eq_prefix_sum, evaluate, evaluate_public, extend_from_cells};
pub(crate) use evaluate::{eq_all, eq_row, is_signed, is_zero, shapes, weigh};
pub use witness::{CACHED_CHUNKS, WitnessOracle};

use core::ops::Range;

use crate::isa::{Column, ColumnId, Word};

/// The state of the machine where a chunk starts, without its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// How many cycles were executed before.
    pub cycle: u64,
    /// The program counter.
    pub pc: Word,
    /// The general registers, by number; the zero register included.
    pub registers: Vec<Word>,
}

/// Consecutive rows of the columns that a pass asked for.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// Which rows: cycles of the execution, less the first one where the oracle is over a segment.
    pub cycles: Range<u64>,
    /// One slice a column, in the order asked for; each as long as `cycles`.
    pub columns: &'a [&'a [Word]],
    /// The state before the first row, where the oracle comes from an execution.
    pub entry: Option<&'a State>,
}

/// A range of rows, and what a visitor accumulates over it.
#[derive(Debug)]
pub struct Part<A> {
    /// The rows.
    pub cycles: Range<u64>,
    /// The accumulator.
    pub state: A,
}

/// What a pass can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OracleError {
    /// The rows could not be regenerated, or the visitor gave up.
    #[error("the witness could not be regenerated: {0}")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The replay behind the oracle was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A column id that this oracle does not have.
    #[error("there is no column {id} (the oracle has {columns})", id = .id.0)]
    UnknownColumn {
        /// The id asked for.
        id: ColumnId,
        /// How many columns there are, virtual ones included.
        columns: usize,
    },
    /// Bits beyond a word's.
    #[error("a word has {} bits, and not {bits}", Word::BITS)]
    TooManyBits {
        /// How many were asked for.
        bits: u32,
    },
    /// A row beyond the padded witness.
    #[error("there is no row {row}: the witness has 2^{variables} rows, padding included")]
    UnknownRow {
        /// The row asked for.
        row: u64,
        /// n.
        variables: u32,
    },
    /// A point with a wrong number of coordinates.
    #[error("a point has {found} coordinates, but the oracle's polynomials have {expected} variables")]
    PointLength {
        /// n.
        expected: u32,
        /// The point's length.
        found: usize,
    },
}

/// k multilinear polynomials in n variables, regenerated on demand.
///
/// The primary interface is [`pass`](Self::pass). A pass over all rows costs one replay of the execution, whatever
/// the number of columns that derive from it; a single value costs half a checkpoint interval.
pub trait PolynomialOracle: Sync {
    /// All columns, in the order of their ids: stored, public.
    fn columns(&self) -> &[Column];

    /// k, how many of them are stored: the interleaved vector has these.
    fn num_stored(&self) -> usize;

    /// T, the number of rows that are not padding; at least 1.
    fn num_rows(&self) -> u64;

    /// n = ⌈log₂ T⌉.
    fn num_variables(&self) -> u32 {
        self.num_rows().next_power_of_two().trailing_zeros()
    }

    /// A split of rows 0..T that a pass can work on in parallel at little cost, in order. Every boundary but the last
    /// is a multiple of `align`, a power of two. O(number of checkpoints).
    fn parts(&self, align: u64) -> Vec<Range<u64>>;

    /// Visits every row of every part, in order within a part, parts in parallel; returns the accumulators in order.
    ///
    /// `parts` are disjoint, ascending ranges within 0..T. Chunks are split at multiples of their greatest length, a
    /// power of two, counted from row 0: so a chunk of 2^c rows is aligned unless a part's boundary is not.
    /// Time: one replay of the parts. Space: a chunk of all columns a thread.
    ///
    /// # Errors
    /// The first error of the source or of `visit`; no accumulator is returned then.
    fn pass<A: Send>(
        &self,
        columns: &[ColumnId],
        parts: Vec<Part<A>>,
        visit: impl Fn(&mut A, &Chunk<'_>) -> Result<(), OracleError> + Sync,
    ) -> Result<Vec<A>, OracleError>;

    /// Whether whoever waits has given up: passes end with [`OracleError::Cancelled`] then, and a prover looks here between
    /// them. By default never.
    fn is_cancelled(&self) -> bool {
        false
    }

    /// The value of one cell; zero in the padding. Costs half a checkpoint interval where the oracle replays, unless
    /// the chunk that holds it is cached or follows one that is: never a way to visit many rows here and there.
    ///
    /// # Errors
    /// An unknown column or row, or an error of the source.
    fn query(&self, column: ColumnId, row: u64) -> Result<Word, OracleError>;
}
