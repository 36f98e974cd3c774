//! The oracle over an execution: every pass is a replay.

use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::cache::{ChunkCache, ROWS};
use super::{Chunk, OracleError, Part, PolynomialOracle};
use crate::checkpoint::UnknownCycles;
use crate::guest::Guest;
use crate::isa::{Column, ColumnId, ColumnSource, Isa, MAX_ROWS, Word};
use crate::replay::{ReplayError, Selection, StreamingWitnessGenerator};

/// The witness of an execution, or of a segment of one, as multilinear polynomials that no one holds.
///
/// Row 0 is the segment's first cycle. The public columns are those of a witness of its own: `first` is 1 in row 0, and
/// `last` in row T − 1, where T is the segment's length.
///
/// Space: a chunk of the columns asked for a thread in a pass. For [`query`](PolynomialOracle::query),
/// [`CACHED_CHUNKS`] chunks, or two for each thread of the pool if these are more, of the columns that were asked for; and
/// as many machines as half of that.
#[derive(Debug)]
pub struct WitnessOracle<I: Isa, G> {
    generator: StreamingWitnessGenerator<I, G>,
    cycles: Range<u64>,
    is_segment: bool,
    cache: ChunkCache,
    /// Who regenerates a chunk holds the lock that is its turn, so that whoever wants the same one waits for it.
    misses: Vec<Mutex<()>>,
    machines: usize,
    /// Whether `query` was asked for each stored column.
    asked: Vec<AtomicBool>,
}

/// How many chunks `query` keeps at least: for a few readers that each go their own way.
pub const CACHED_CHUNKS: usize = 8;

/// A chunk is regenerated with the columns that were asked for, until they are more than this: then with all that come from
/// where they come from, lest a reader of whole rows regenerates its first chunk once a column.
const FEW_COLUMNS: usize = 4;

/// How many different chunks may be regenerated at once.
const MISSES_AT_ONCE: usize = 64;

impl<I: Isa, G: Guest> WitnessOracle<I, G> {
    /// The oracle over a generator's execution, all of it.
    ///
    /// # Errors
    /// The execution has no cycle.
    pub fn new(generator: StreamingWitnessGenerator<I, G>) -> Result<Self, UnknownCycles> {
        let cycles = 0..generator.execution().cycles();
        Ok(Self { is_segment: false, ..Self::segment(generator, cycles)? })
    }

    /// The oracle over some of its cycles.
    ///
    /// # Errors
    /// They are none, or not all in the execution.
    pub fn segment(
        generator: StreamingWitnessGenerator<I, G>,
        cycles: Range<u64>,
    ) -> Result<Self, UnknownCycles> {
        UnknownCycles::check_any(&cycles, generator.execution().cycles())?;
        let chunks = CACHED_CHUNKS.max(2 * generator.pool().threads());
        Ok(Self {
            generator,
            cycles,
            is_segment: true,
            cache: ChunkCache::new(chunks, I::SPEC.stored),
            misses: (0..MISSES_AT_ONCE).map(|_| Mutex::default()).collect(),
            machines: chunks / 2,
            asked: (0..I::SPEC.stored).map(|_| AtomicBool::new(false)).collect(),
        })
    }

    /// The generator, for its statistics and its execution.
    pub fn generator(&self) -> &StreamingWitnessGenerator<I, G> {
        &self.generator
    }

    /// The execution's cycles that are the rows.
    pub fn cycles(&self) -> Range<u64> {
        self.cycles.clone()
    }

    /// Whether it was made as a [segment](Self::segment), which can be proven of any run, and not as a whole run.
    pub fn is_segment(&self) -> bool {
        self.is_segment
    }

    /// Position `index` of the interleaved witness vector: column `index % k` in row `index / k`. Costs what
    /// [`query`](PolynomialOracle::query) costs.
    ///
    /// # Errors
    /// As `query`.
    pub fn interleaved(&self, index: u128) -> Result<Word, OracleError> {
        let stored = I::SPEC.stored as u128;
        let row = u64::try_from(index / stored).unwrap_or(u64::MAX);
        self.query(ColumnId((index % stored) as u16), row)
    }

    fn selection<'a>(&self, columns: &'a [ColumnId]) -> Selection<'a> {
        Selection { segment: self.cycles(), columns, rows: MAX_ROWS }
    }

    /// A cell of a stored column, and its chunk into the cache.
    #[cold]
    #[inline(never)]
    fn regenerate(&self, column: ColumnId, row: u64) -> Result<Word, OracleError> {
        let start = row - row % ROWS;
        let turn = (start / ROWS) as usize % self.misses.len();
        let _alone = self.misses[turn].lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever had the lock before may have regenerated it.
        if let Some(cell) = self.cache.get(column, row) {
            return Ok(cell);
        }
        let columns = self.columns_to_keep(column);
        let place = columns.iter().position(|id| *id == column).unwrap_or_default();
        let end = start.saturating_add(ROWS).min(self.num_rows());
        let mut found = 0;
        let visit = |chunk: &Chunk<'_>| {
            found = chunk.columns[place][(row - start) as usize];
            self.cache.keep(start, &columns, chunk.columns);
            Ok(())
        };
        let selection = self.selection(&columns);
        let replayed = self.generator.for_each_of(&selection, start..end, self.machines, visit);
        replayed.map_err(|error: ReplayError| source(error))?;
        Ok(found)
    }

    /// The columns that were asked for so far, this one among them; if they are many, all that have the same sources.
    fn columns_to_keep(&self, column: ColumnId) -> Vec<ColumnId> {
        self.asked[column.index()].store(true, Ordering::Relaxed);
        let all = (0..I::SPEC.stored as u16).map(ColumnId);
        let asked = |id: &ColumnId| self.asked[id.index()].load(Ordering::Relaxed);
        let asked: Vec<ColumnId> = all.clone().filter(|id| *id == column || asked(id)).collect();
        if asked.len() <= FEW_COLUMNS {
            return asked;
        }
        let source = |id: &ColumnId| I::SPEC.columns[id.index()].source;
        all.filter(|id| asked.iter().any(|known| source(known) == source(id))).collect()
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
        self.cycles.end - self.cycles.start
    }

    fn parts(&self, align: u64) -> Vec<Range<u64>> {
        self.generator.parts_from(self.cycles.start, 0..self.num_rows(), align)
    }

    fn pass<A: Send>(
        &self,
        columns: &[ColumnId],
        parts: Vec<Part<A>>,
        visit: impl Fn(&mut A, &Chunk<'_>) -> Result<(), OracleError> + Sync,
    ) -> Result<Vec<A>, OracleError> {
        self.generator.fold_of(&self.selection(columns), parts, visit).map_err(|error| match error {
            ReplayError::Visitor(error) => error,
            error => source(error),
        })
    }

    fn is_cancelled(&self) -> bool {
        self.generator.is_cancelled()
    }

    /// A cached cell costs a few loads. A chunk that is not there is regenerated, by one thread while others that want it
    /// wait, with the columns that were asked for so far: a reader that goes on from chunk to chunk costs what a pass over
    /// its columns does, and one that goes elsewhere the way from the checkpoint besides, half an interval on average.
    #[inline]
    fn query(&self, column: ColumnId, row: u64) -> Result<Word, OracleError> {
        let Some(declared) = I::SPEC.columns.get(column.index()) else {
            return Err(OracleError::UnknownColumn { id: column, columns: I::SPEC.columns.len() });
        };
        if row >= self.num_rows() {
            let variables = self.num_variables();
            let beyond = row.checked_shr(variables).is_some_and(|beyond| beyond > 0);
            return if beyond { Err(OracleError::UnknownRow { row, variables }) } else { Ok(0) };
        }
        match declared.source {
            ColumnSource::Recorded | ColumnSource::Derived | ColumnSource::Cell | ColumnSource::Code => {
                self.cache.get(column, row).map_or_else(|| self.regenerate(column, row), Ok)
            }
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
