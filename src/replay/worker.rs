//! One machine of a replay, and the cells of its chunk.

use core::ops::Range;
use std::sync::Arc;

use super::{ReplayError, Selection};
use crate::checkpoint::{Checkpoint, Execution};
use crate::guest::Guest;
use crate::isa::{ColumnId, ColumnSource, Columns, Isa};
use crate::machine::{Machine, Pause, RunError};
use crate::oracle::Chunk;

#[derive(Debug)]
pub(super) struct Worker<I: Isa, G> {
    machine: Machine<I, G>,
    columns: Columns,
}

impl<I: Isa, G: Guest> Worker<I, G> {
    pub(super) fn new(execution: &Execution<I, G>, checkpoint: &Checkpoint<G>) -> std::io::Result<Self> {
        let program = Arc::clone(execution.program());
        let machine = Machine::new(program, execution.input().clone(), checkpoint)?;
        Ok(Self { machine, columns: Columns::new(I::SPEC.columns.len()) })
    }

    pub(super) fn cycle(&self) -> u64 {
        self.machine.cycle()
    }

    pub(super) fn restore(&mut self, checkpoint: &Checkpoint<G>) {
        self.machine.restore(checkpoint);
    }

    /// Executes up to a later cycle, without recording.
    pub(super) fn go_to<E>(&mut self, cycle: u64) -> Result<(), ReplayError<E>> {
        let paused = self.machine.run(cycle, &mut ());
        reached(&self.machine, cycle, paused)
    }

    /// Regenerates the next rows of a segment, which are `rows`, at most a chunk's.
    pub(super) fn visit_chunk<E>(
        &mut self,
        Selection { segment, columns: wanted, .. }: &Selection<'_>,
        rows: Range<u64>,
        visit: &mut dyn FnMut(&Chunk<'_>) -> Result<(), E>,
    ) -> Result<(), ReplayError<E>> {
        let entry = self.machine.state();
        let length = (rows.end - rows.start) as usize;
        self.columns.clear_recorded(I::SPEC, length);
        let until = segment.start + rows.end;
        let paused = self.machine.record(until, &mut self.columns.recorder());
        reached(&self.machine, until, paused)?;
        I::derive(&mut self.columns, length, self.machine.program().code().entries(), &derived::<I>(wanted));
        for &id in *wanted {
            fill_public::<I>(&mut self.columns, id, rows.start, length, segment.end - segment.start);
        }
        let columns: Vec<_> = wanted.iter().map(|id| &self.columns.column(id.index())[..length]).collect();
        visit(&Chunk { cycles: rows, columns: &columns, entry: Some(&entry) }).map_err(ReplayError::Visitor)
    }
}

/// Makes sure that a machine got to a cycle that the run got to.
pub(crate) fn reached<I: Isa, G: Guest, E>(
    machine: &Machine<I, G>,
    until: u64,
    paused: Result<Pause, RunError>,
) -> Result<(), ReplayError<E>> {
    paused.map_err(|error| match error {
        RunError::Memory(error) => ReplayError::Memory(error),
        error => ReplayError::Diverged(error),
    })?;
    if machine.cycle() == until { Ok(()) } else { Err(ReplayError::EndedEarly { cycle: machine.cycle() }) }
}

/// The columns among `wanted` that are computed from others; each once.
fn derived<I: Isa>(wanted: &[ColumnId]) -> Vec<ColumnId> {
    let source = |id: &ColumnId| I::SPEC.columns[id.index()].source;
    let is_derived = |id: &ColumnId| source(id).is_stored() && source(id) != ColumnSource::Recorded;
    let mut derived: Vec<_> = wanted.iter().copied().filter(is_derived).collect();
    derived.sort_unstable();
    derived.dedup();
    derived
}

/// Fills a public column in so many rows from `start`, of `of` in all.
fn fill_public<I: Isa>(columns: &mut Columns, id: ColumnId, start: u64, rows: usize, of: u64) {
    if let ColumnSource::Public(column) = I::SPEC.columns[id.index()].source {
        let cells = &mut columns.column_mut(id.index())[..rows];
        for (cell, row) in cells.iter_mut().zip(start..) {
            *cell = column.value(row, of);
        }
    }
}
