//! Replay: any rows of the witness again, as often as a prover asks.
//!
//! In: an [`Execution`]. Out: chunks of columns for a range of cycles, each regenerated from the nearest checkpoint.
//! The row that is regenerated equals the row of the run, whatever the chunk's size, the checkpoints and the threads.

mod slice;
mod split;
mod statistics;
mod worker;

pub use slice::WitnessSlice;
pub use statistics::Statistics;

use core::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cancel::Cancel;
use crate::checkpoint::{Checkpoint, CheckpointFileError, Execution, UnknownCycles};
use crate::guest::{Guest, Output, OutputSummary};
use crate::isa::{ColumnId, Isa, MAX_ROWS};
use crate::machine::{Executor, FastPass, Machine, RunError};
use crate::oracle::{Chunk, Part};
use crate::pages::PageError;
use crate::parallel::Pool;
use statistics::Counters;
use worker::Worker;
pub(crate) use worker::reached;

/// Why rows could not be regenerated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError<E = core::convert::Infallible> {
    /// A range of cycles that the execution does not have.
    #[error(transparent)]
    UnknownCycles(#[from] UnknownCycles),
    /// A column id that the spec does not have.
    #[error("there is no column {}: the witness has {columns}", id.0)]
    UnknownColumn {
        /// The id asked for.
        id: ColumnId,
        /// How many columns there are, virtual ones included.
        columns: usize,
    },
    /// A worker's address space could not be reserved.
    #[error(
        "a replay worker's address space could not be reserved: {0}; use fewer threads, or allow overcommit"
    )]
    AddressSpace(#[source] std::io::Error),
    /// A checkpoint could not be read from its file.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointFileError),
    /// A page of a checkpoint could not be read from its file.
    #[error(transparent)]
    Memory(#[from] PageError),
    /// The replay failed where the run did not: the input has changed since.
    #[error("the replay failed where the run did not, so that the input must have changed: {0}")]
    Diverged(#[source] RunError),
    /// The guest ended earlier than in the run.
    #[error("the guest ended at cycle {cycle}, earlier than in the run: the input must have changed")]
    EndedEarly {
        /// The cycle.
        cycle: u64,
    },
    /// [`Cancel`] asked for it.
    #[error("the replay was cancelled")]
    Cancelled,
    /// The visitor gave up.
    #[error("{0}")]
    Visitor(E),
}

/// What is replayed: columns of a segment of an execution, whose first cycle is row 0, in chunks of so many rows.
#[derive(Debug)]
pub(crate) struct Selection<'a> {
    pub(crate) segment: Range<u64>,
    pub(crate) columns: &'a [ColumnId],
    pub(crate) rows: usize,
}

/// Regenerates the witness of an execution, chunk by chunk.
///
/// Space: for each thread that is at work the pages that the replayed cycles touch, and a chunk of the columns asked
/// for. Machines are pooled: one that has just replayed the cycles before goes on without a restore.
///
/// ```
/// # use retrace::checkpoint::{Options, execute};
/// # use retrace::guest::{Input, Linux};
/// use core::convert::Infallible;
///
/// use retrace::isa::{Isa, Rv32i};
/// use retrace::oracle::Chunk;
/// use retrace::parallel::Pool;
/// # use retrace::program::Program;
/// use retrace::replay::StreamingWitnessGenerator;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let program = Program::<Rv32i>::from_elf(&std::fs::read("tests/guests/tiny.elf")?)?;
/// # let execution = execute(program, Linux::default(), Input::empty(), Options::default())?;
/// let rows = 0..execution.cycles();
/// let generator = StreamingWitnessGenerator::new(execution, Pool::new(2)?);
/// let columns = [Rv32i::SPEC.column("pc").ok_or("there is no such column")?];
///
/// // In order, on this thread: the addresses of what is executed.
/// let mut pcs = Vec::new();
/// generator.for_each(5..8, &columns, 4096, |chunk| {
///     pcs.extend_from_slice(chunk.columns[0]);
///     Ok::<(), Infallible>(())
/// })?;
/// assert_eq!(pcs, [0x10008, 0x1000c, 0x10010]);
///
/// // In parallel: the last of them.
/// let last = |most: &mut u32, chunk: &Chunk<'_>| {
///     *most = chunk.columns[0].iter().copied().fold(*most, u32::max);
///     Ok::<(), Infallible>(())
/// };
/// let most = generator.reduce(rows, &columns, 4096, || 0, last, u32::max)?;
/// assert_eq!(most, 0x100a4);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct StreamingWitnessGenerator<I: Isa, G> {
    execution: Arc<Execution<I, G>>,
    pool: Pool,
    cancel: Cancel,
    /// Machines that are not at work, in the order in which they ended it.
    idle: Mutex<Vec<Worker<I, G>>>,
    counters: Counters,
}

impl<I: Isa, G: Guest> StreamingWitnessGenerator<I, G> {
    /// A generator that works on the threads of `pool`.
    pub fn new(execution: impl Into<Arc<Execution<I, G>>>, pool: Pool) -> Self {
        Self {
            execution: execution.into(),
            pool,
            cancel: Cancel::new(),
            idle: Mutex::default(),
            counters: Counters::default(),
        }
    }

    /// The same, whose replays end with [`ReplayError::Cancelled`] once `cancel` is raised: each worker looks at it
    /// once a chunk, and every few milliseconds on the way from a checkpoint. Its [meter](Cancel::with_meter) is told of
    /// the rows.
    #[must_use]
    pub fn with_cancel(mut self, cancel: Cancel) -> Self {
        self.cancel = cancel;
        self
    }

    /// Whether its replays are cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The execution.
    pub fn execution(&self) -> &Arc<Execution<I, G>> {
        &self.execution
    }

    /// The threads.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What was regenerated so far.
    pub fn statistics(&self) -> Statistics {
        self.counters.snapshot()
    }

    /// Visits the rows of a range in order, on this thread.
    ///
    /// A chunk ends where its last cycle + 1 is a multiple of `rows` (from 1 to [`MAX_ROWS`]; what is more is taken as
    /// `MAX_ROWS`), and where the range ends: so chunks depend on the range and on `rows` alone. Time: the range, and
    /// up to an interval of fast execution before it.
    ///
    /// # Errors
    /// [`ReplayError`]; the visitor's own error ends the replay at once.
    pub fn for_each<E>(
        &self,
        cycles: Range<u64>,
        columns: &[ColumnId],
        rows: usize,
        visit: impl FnMut(&Chunk<'_>) -> Result<(), E>,
    ) -> Result<(), ReplayError<E>> {
        let begun = Instant::now();
        self.for_each_of(&Selection { segment: self.all(), columns, rows }, cycles.clone(), 1, visit)?;
        regenerated(&[cycles], columns, begun);
        Ok(())
    }

    /// The same for rows of a segment, and for one of several readers: a machine that is somewhere else is left there for
    /// whoever goes on from there, unless `machines` of them are idle.
    pub(crate) fn for_each_of<E>(
        &self,
        selection: &Selection<'_>,
        rows: Range<u64>,
        machines: usize,
        mut visit: impl FnMut(&Chunk<'_>) -> Result<(), E>,
    ) -> Result<(), ReplayError<E>> {
        self.check(selection, core::slice::from_ref(&rows))?;
        let begun = Instant::now();
        let replayed = self.replay(selection, rows, machines, &Cancel::new(), &mut visit);
        self.counters.add_pass(begun.elapsed());
        replayed
    }

    /// Visits every row of every part, in order within a part, parts in parallel; gives the accumulators in order.
    /// Chunks are split as [`for_each`](Self::for_each) does.
    ///
    /// # Errors
    /// [`ReplayError`]: the first error of any worker ends them all.
    pub fn fold<A: Send, E: Send>(
        &self,
        columns: &[ColumnId],
        parts: Vec<Part<A>>,
        rows: usize,
        visit: impl Fn(&mut A, &Chunk<'_>) -> Result<(), E> + Sync,
    ) -> Result<Vec<A>, ReplayError<E>> {
        self.fold_of(&Selection { segment: self.all(), columns, rows }, parts, visit)
    }

    /// The same for rows of a segment.
    pub(crate) fn fold_of<A: Send, E: Send>(
        &self,
        selection: &Selection<'_>,
        parts: Vec<Part<A>>,
        visit: impl Fn(&mut A, &Chunk<'_>) -> Result<(), E> + Sync,
    ) -> Result<Vec<A>, ReplayError<E>> {
        let ranges: Vec<Range<u64>> = parts.iter().map(|part| part.cycles.clone()).collect();
        self.check(selection, &ranges)?;
        let begun = Instant::now();
        let stop = Cancel::new();
        let first_error = Mutex::new(None);
        let states = self.pool.map(parts, |Part { cycles, mut state }| {
            let mut visit = |chunk: &Chunk<'_>| visit(&mut state, chunk);
            let replayed = self.replay(selection, cycles, 1, &stop, &mut visit);
            if let Err(error) = replayed {
                stop.cancel();
                first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
            state
        });
        self.counters.add_pass(begun.elapsed());
        match first_error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => {
                regenerated(&ranges, selection.columns, begun);
                Ok(states)
            }
        }
    }

    /// Visits every row of a range, parts of it in parallel, each with an accumulator that `identity` makes; merges the
    /// accumulators in the order of the rows.
    ///
    /// # Errors
    /// As [`fold`](Self::fold).
    pub fn reduce<A: Send, E: Send>(
        &self,
        cycles: Range<u64>,
        columns: &[ColumnId],
        rows: usize,
        identity: impl Fn() -> A,
        visit: impl Fn(&mut A, &Chunk<'_>) -> Result<(), E> + Sync,
        merge: impl FnMut(A, A) -> A,
    ) -> Result<A, ReplayError<E>> {
        let selection = Selection { segment: self.all(), columns, rows };
        self.check(&selection, core::slice::from_ref(&cycles))?;
        let parts = self.parts_of(cycles, 1).into_iter();
        let parts = parts.map(|cycles| Part { cycles, state: identity() }).collect();
        let folded = self.fold_of(&selection, parts, visit)?;
        Ok(folded.into_iter().reduce(merge).unwrap_or_else(identity))
    }

    /// [`parts_of`](Self::parts_of) all rows.
    pub fn parts(&self, align: u64) -> Vec<Range<u64>> {
        self.parts_of(self.all(), align)
    }

    /// A split of a range into parts of about equal length, several for each thread, or one if there is one thread. They
    /// begin at checkpoints where these are close enough, and elsewhere where an interval is longer than a part. Every
    /// boundary inside the range is a multiple of `align`. O(parts · log M).
    pub fn parts_of(&self, cycles: Range<u64>, align: u64) -> Vec<Range<u64>> {
        self.parts_from(0, cycles, align)
    }

    /// The same for rows that are counted from cycle `first`.
    pub(crate) fn parts_from(&self, first: u64, rows: Range<u64>, align: u64) -> Vec<Range<u64>> {
        let threads = self.pool.threads() as u64;
        let parts = if threads == 1 { 1 } else { threads * PARTS_A_THREAD };
        split::split(rows, parts, align, |row| {
            let nearest = self.execution.checkpoints().nearest_cycle(first.saturating_add(row));
            nearest.saturating_sub(first)
        })
    }

    /// The state after `cycle` cycles, and the hash and length of all that was put out by then.
    ///
    /// O(1) at either end of the execution. Elsewhere O(cycle) time, since output is hashed from its beginning, by
    /// native code if the run was; and a machine's space.
    ///
    /// # Errors
    /// [`ReplayError`]
    pub fn state_at(&self, cycle: u64) -> Result<(Checkpoint<G>, OutputSummary), ReplayError> {
        let execution = &self.execution;
        UnknownCycles::check(&(cycle..cycle), execution.cycles())?;
        if cycle == execution.cycles() {
            return Ok((execution.exit().clone(), execution.output()));
        }
        let first = execution.checkpoints().first();
        if cycle == 0 {
            return Ok((first.clone(), Output::dropped().summary()));
        }
        let program = execution.program();
        let machine = Machine::new(Arc::clone(program), execution.input().clone(), first);
        let mut machine = machine.map_err(ReplayError::AddressSpace)?;
        machine.set_output(Output::hashed());
        let native = execution.native_code().is_some();
        let executor = if native { Executor::Auto } else { Executor::Interpreter };
        let mut fast_pass = FastPass::new(executor, program).unwrap_or_else(|_| FastPass::interpreter());
        while machine.cycle() < cycle && self.goes_on(&Cancel::new())? {
            let until = cycle.min(machine.cycle().saturating_add(FORWARD_SLICE));
            let from = machine.cycle();
            let paused = fast_pass.run(&mut machine, until);
            reached(&machine, until, paused)?;
            self.cancel.advance(until - from);
        }
        tracing::debug!(cycle, "ran to a state");
        Ok((machine.checkpoint(), machine.output().summary()))
    }

    /// All stored columns of one row. Costs half an interval of fast execution on average.
    ///
    /// # Errors
    /// [`ReplayError`]
    pub fn witness_slice(&self, cycle: u64) -> Result<WitnessSlice, ReplayError> {
        let columns: Vec<ColumnId> = (0..I::SPEC.stored as u16).map(ColumnId).collect();
        let mut cells = Vec::new();
        self.for_each(cycle..cycle.saturating_add(1), &columns, 1, |chunk| {
            cells = chunk.columns.iter().map(|column| column[0]).collect();
            Ok(())
        })?;
        Ok(WitnessSlice::new(cycle, &I::SPEC.columns[..I::SPEC.stored], cells))
    }

    /// The segment that is the whole execution.
    fn all(&self) -> Range<u64> {
        0..self.execution.cycles()
    }

    fn check<E>(&self, selection: &Selection<'_>, ranges: &[Range<u64>]) -> Result<(), ReplayError<E>> {
        let Selection { segment, columns, .. } = selection;
        let executed = segment.end - segment.start;
        ranges.iter().try_for_each(|range| UnknownCycles::check(range, executed))?;
        let known = I::SPEC.columns.len();
        match columns.iter().find(|column| column.index() >= known) {
            Some(&id) => Err(ReplayError::UnknownColumn { id, columns: known }),
            None => Ok(()),
        }
    }

    /// Replays rows of a segment on one machine; ends quietly when `stop` is raised.
    fn replay<E>(
        &self,
        selection: &Selection<'_>,
        rows: Range<u64>,
        machines: usize,
        stop: &Cancel,
        visit: &mut dyn FnMut(&Chunk<'_>) -> Result<(), E>,
    ) -> Result<(), ReplayError<E>> {
        if rows.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let mut visiting = Duration::ZERO;
        let mut visit = |chunk: &Chunk<'_>| {
            let begun = Instant::now();
            let visited = visit(chunk);
            visiting += begun.elapsed();
            visited
        };
        let first = selection.segment.start + rows.start;
        let mut worker = self.take_worker(first, machines)?;
        while worker.cycle() < first && self.goes_on(stop)? {
            let from = worker.cycle();
            worker.go_to(first.min(from.saturating_add(FORWARD_SLICE)))?;
            self.counters.add_forwarded(worker.cycle() - from);
        }
        let unit = selection.rows.clamp(1, MAX_ROWS) as u64;
        let mut start = rows.start;
        while start < rows.end && self.goes_on(stop)? {
            let end = (start / unit + 1).saturating_mul(unit).min(rows.end);
            worker.visit_chunk(selection, start..end, &mut visit)?;
            self.counters.add_replayed(end - start);
            self.cancel.advance(end - start);
            start = end;
        }
        self.counters.add_regenerating(begun.elapsed().saturating_sub(visiting));
        // Only a machine that did not fail is used again.
        self.idle().push(worker);
        Ok(())
    }

    /// Whether neither this worker nor another is to stop; a cancelled replay is an error.
    fn goes_on<E>(&self, stop: &Cancel) -> Result<bool, ReplayError<E>> {
        if self.is_cancelled() { Err(ReplayError::Cancelled) } else { Ok(!stop.is_cancelled()) }
    }

    /// The idle machine that needs the least to get to `cycle`; or the one that was idle for longest, put back to the
    /// checkpoint, if there are `machines` of them; or a new one.
    fn take_worker<E>(&self, cycle: u64, machines: usize) -> Result<Worker<I, G>, ReplayError<E>> {
        let nearest = self.execution.checkpoints().nearest_cycle(cycle);
        let idle = {
            let mut idle = self.idle();
            let on_the_way = |at: &usize| (nearest..=cycle).contains(&idle[*at].cycle());
            if let Some(at) = (0..idle.len()).filter(on_the_way).max_by_key(|&at| idle[at].cycle()) {
                return Ok(idle.remove(at));
            }
            (idle.len() >= machines).then(|| idle.remove(0))
        };
        let checkpoint = self.execution.checkpoints().nearest(cycle)?;
        match idle {
            Some(mut worker) => {
                worker.restore(&checkpoint);
                Ok(worker)
            }
            None => {
                self.counters.add_machine();
                Worker::new(&self.execution, &checkpoint).map_err(ReplayError::AddressSpace)
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Worker<I, G>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs a pass.
fn regenerated(ranges: &[Range<u64>], columns: &[ColumnId], begun: Instant) {
    let rows: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    let (parts, columns, seconds) = (ranges.len(), columns.len(), begun.elapsed().as_secs_f64());
    tracing::debug!(rows, parts, columns, seconds, "regenerated");
}

/// Several parts for each thread even out what their cycles cost, and how much of a processor the threads get: at the
/// end a thread waits for half a part on average. A thread that goes on to the part behind its last one needs no restore, so
/// that parts beyond those that change hands cost nothing.
const PARTS_A_THREAD: u64 = 8;

/// How many cycles to go without a look at whether to go on: a few milliseconds of fast execution.
const FORWARD_SLICE: u64 = 1 << 20;

#[cfg(test)]
mod tests;
