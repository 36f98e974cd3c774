//! The oracle over an execution: every pass is a replay.

use core::ops::Range;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Chunk, OracleError, Part, PolynomialOracle};
use crate::guest::Guest;
use crate::isa::{Column, ColumnId, ColumnSource, Isa, MAX_ROWS, Word};
use crate::replay::{ReplayError, StreamingWitnessGenerator};

/// The witness of an execution as multilinear polynomials that no one holds.
///
/// Space: a chunk of the columns asked for a thread in a pass; [`CACHED_CHUNKS`] chunks of all stored columns for
/// [`query`](PolynomialOracle::query).
#[derive(Debug)]
pub struct WitnessOracle<I: Isa, G> {
    generator: StreamingWitnessGenerator<I, G>,
    cache: Mutex<VecDeque<Arc<CachedChunk>>>,
}

/// How many chunks `query` keeps: for a few readers that each go their own way.
pub const CACHED_CHUNKS: usize = 4;

/// All stored columns of a chunk of [`MAX_ROWS`] rows.
#[derive(Debug)]
struct CachedChunk {
    start: u64,
    columns: Vec<Vec<Word>>,
}

/// An execution of no cycles has no witness: its first instruction already faulted, or none was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing was executed, so that there is no witness")]
pub struct EmptyExecution;

impl<I: Isa, G: Guest> WitnessOracle<I, G> {
    /// The oracle over a generator's execution.
    ///
    /// # Errors
    /// The execution has no cycle.
    pub fn new(generator: StreamingWitnessGenerator<I, G>) -> Result<Self, EmptyExecution> {
        if generator.execution().cycles() == 0 {
            return Err(EmptyExecution);
        }
        Ok(Self { generator, cache: Mutex::default() })
    }

    /// The generator, for its statistics and its execution.
    pub fn generator(&self) -> &StreamingWitnessGenerator<I, G> {
        &self.generator
    }

    /// Position `index` of the interleaved witness vector: column `index % k` at cycle `index / k`. Costs what
    /// [`query`](PolynomialOracle::query) costs.
    ///
    /// # Errors
    /// As `query`.
    pub fn interleaved(&self, index: u128) -> Result<Word, OracleError> {
        let stored = I::SPEC.stored as u128;
        let row = u64::try_from(index / stored).unwrap_or(u64::MAX);
        self.query(ColumnId((index % stored) as u16), row)
    }

    fn chunk(&self, row: u64) -> Result<Arc<CachedChunk>, OracleError> {
        let start = row - row % MAX_ROWS as u64;
        if let Some(chunk) = self.cached(start) {
            return Ok(chunk);
        }
        let end = start.saturating_add(MAX_ROWS as u64).min(self.num_rows());
        let columns: Vec<ColumnId> = (0..I::SPEC.stored as u16).map(ColumnId).collect();
        let mut cells = Vec::new();
        self.generator
            .for_each(start..end, &columns, MAX_ROWS, |chunk| {
                cells = chunk.columns.iter().map(|column| column.to_vec()).collect();
                Ok(())
            })
            .map_err(|error: ReplayError| source(error))?;
        let chunk = Arc::new(CachedChunk { start, columns: cells });
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.truncate(CACHED_CHUNKS - 1);
        cache.push_front(Arc::clone(&chunk));
        Ok(chunk)
    }

    /// The chunk, moved to the front: the last one in the list is that least recently used.
    fn cached(&self, start: u64) -> Option<Arc<CachedChunk>> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let at = cache.iter().position(|chunk| chunk.start == start)?;
        let chunk = cache.remove(at)?;
        cache.push_front(Arc::clone(&chunk));
        Some(chunk)
    }
}

impl<I: Isa, G: Guest> PolynomialOracle for WitnessOracle<I, G> {
    fn columns(&self) -> &[Column] {
        I::SPEC.columns
    }

    fn num_stored(&self) -> usize {
        I::SPEC.stored
    }

    fn num_rows(&self) -> u64 {
        self.generator.execution().cycles()
    }

    fn parts(&self, align: u64) -> Vec<Range<u64>> {
        self.generator.parts(align)
    }

    fn pass<A: Send>(
        &self,
        columns: &[ColumnId],
        parts: Vec<Part<A>>,
        visit: impl Fn(&mut A, &Chunk<'_>) -> Result<(), OracleError> + Sync,
    ) -> Result<Vec<A>, OracleError> {
        self.generator.fold(columns, parts, MAX_ROWS, visit).map_err(|error| match error {
            ReplayError::Visitor(error) => error,
            error => source(error),
        })
    }

    fn query(&self, column: ColumnId, row: u64) -> Result<Word, OracleError> {
        let columns = I::SPEC.columns.len();
        let Some(declared) = I::SPEC.columns.get(column.index()) else {
            return Err(OracleError::UnknownColumn { id: column, columns });
        };
        let variables = self.num_variables();
        if row.checked_shr(variables).is_some_and(|beyond| beyond > 0) {
            return Err(OracleError::UnknownRow { row, variables });
        }
        if row >= self.num_rows() {
            return Ok(0);
        }
        let stored = |id: ColumnId| {
            let chunk = self.chunk(row)?;
            Ok(chunk.columns[id.index()][(row - chunk.start) as usize])
        };
        match declared.source {
            ColumnSource::Recorded | ColumnSource::Derived => stored(column),
            ColumnSource::Flag { of, value } => Ok((stored(of)? == value).into()),
            ColumnSource::Public(public) => Ok(public.value(row, self.num_rows())),
        }
    }
}

fn source<E: core::error::Error + Send + Sync + 'static>(error: ReplayError<E>) -> OracleError {
    match error {
        ReplayError::UnknownColumn { id, columns } => OracleError::UnknownColumn { id, columns },
        ReplayError::Cancelled => OracleError::Cancelled,
        error => OracleError::Source(Box::new(error)),
    }
}

#[cfg(test)]
mod tests;
