//! One part's work in a pass: from chunks of cells to blocks of a window's arrays, in space that is a block's.

use core::ops::Range;

use super::instance::{Block, RoundProver, Scratch, Source, UsedColumn, Values};
use crate::field::SumcheckField;
use crate::isa::{PublicColumn, Word};
use crate::oracle::{Chunk, EqTable, weigh};

/// Entries of the bound arrays a block: a multiple of a window's group.
const BLOCK_ENTRIES: usize = 256;

/// Rows that are put together from chunks with odd bounds before they are shown.
const STAGED_ROWS: usize = 1024;

/// The instances in a window, and what all workers share.
pub(super) struct Round<'a, F> {
    pub(super) provers: &'a [Box<dyn RoundProver<F> + 'a>],
    /// For each instance, where its columns are among those in use, and how many sums it needs.
    pub(super) maps: &'a [Vec<usize>],
    pub(super) counts: &'a [usize],
    pub(super) columns: &'a [UsedColumn],
    pub(super) rows: u64,
    pub(super) window: u32,
}

impl<F: SumcheckField> Round<'_, F> {
    /// Zeros for every instance's sums.
    pub(super) fn zeros(&self) -> Vec<Vec<F>> {
        self.counts.iter().map(|count| vec![F::ZERO; *count]).collect()
    }

    /// Shows groups `start..start + groups`, which are in `values` from group `offset` on, to every instance.
    pub(super) fn absorb(
        &self,
        (start, offset, groups): (u64, usize, usize),
        values: Values<'_, F>,
        scratch: &mut Scratch<F>,
        sums: &mut [Vec<F>],
    ) {
        let Self { window, rows, columns, .. } = *self;
        for ((prover, map), sums) in self.provers.iter().zip(self.maps).zip(sums) {
            let block = Block { window, start, offset, groups, rows, values, columns, map };
            prover.absorb(&block, scratch, sums);
        }
    }
}

/// The sums of all workers, added up.
pub(super) fn merge<F: SumcheckField>(
    mut total: Vec<Vec<F>>,
    parts: impl IntoIterator<Item = Vec<Vec<F>>>,
) -> Vec<Vec<F>> {
    for part in parts {
        for (total, sum) in total.iter_mut().flatten().zip(part.iter().flatten()) {
            *total += sum;
        }
    }
    total
}

/// The first window over one part: blocks of cells, straight from the chunk where it starts and ends at a group.
pub(super) struct CellFold<F> {
    pub(super) sums: Vec<Vec<F>>,
    end: u64,
    scratch: Scratch<F>,
    staged: Vec<Vec<Word>>,
    /// How many rows are staged: of no columns too.
    waiting: usize,
}

impl<F: SumcheckField> CellFold<F> {
    /// For a part of these rows, and a pass that asks for so many columns.
    pub(super) fn new(round: &Round<'_, F>, rows: &Range<u64>, asked: usize) -> Self {
        Self {
            sums: round.zeros(),
            end: rows.end,
            scratch: Scratch::default(),
            staged: vec![Vec::new(); asked],
            waiting: 0,
        }
    }

    pub(super) fn visit(&mut self, round: &Round<'_, F>, chunk: &Chunk<'_>) {
        let rows = (chunk.cycles.end - chunk.cycles.start) as usize;
        let last = chunk.cycles.end == self.end;
        if self.waiting == 0 && rows.is_multiple_of(1 << round.window) {
            let groups = (chunk.cycles.start >> round.window, 0, rows >> round.window);
            round.absorb(groups, Values::Cells(chunk.columns), &mut self.scratch, &mut self.sums);
        } else {
            for (staged, cells) in self.staged.iter_mut().zip(chunk.columns) {
                staged.extend_from_slice(cells);
            }
            self.waiting += rows;
            self.flush(round, chunk.cycles.end, last);
        }
        if last {
            self.scratch = Scratch::default();
            self.staged = Vec::new();
        }
    }

    /// Shows the staged rows that make groups; the last one of the witness with rows of padding.
    fn flush(&mut self, round: &Round<'_, F>, end: u64, last: bool) {
        let waiting = self.waiting;
        if waiting == 0 || (waiting < STAGED_ROWS && !last) {
            return;
        }
        let whole = if last { waiting.next_multiple_of(1 << round.window) } else { waiting };
        self.staged.iter_mut().for_each(|cells| cells.resize(whole, 0));
        let groups = ((end - waiting as u64) >> round.window, 0, whole >> round.window);
        round.absorb(groups, Values::Staged(&self.staged), &mut self.scratch, &mut self.sums);
        let shown = groups.2 << round.window;
        self.staged.iter_mut().for_each(|cells| drop(cells.drain(..shown)));
        self.waiting = whole - shown;
    }
}

/// Which arrays a pass computes: entries `A_i[u] = Σ_l eq(r₀…r_{i−1}; l)·w[2^i·u + l]` of round i.
pub(super) struct Arrays<F> {
    /// i.
    pub(super) index: u32,
    /// eq(r₀…r_{i−1}, ·).
    pub(super) table: EqTable<F>,
}

/// A later window, or the storing pass, over one part, block by block.
pub(super) struct ElementFold<'s, F> {
    pub(super) sums: Vec<Vec<F>>,
    end: u64,
    scratch: Scratch<F>,
    /// The entry that rows are being added to, a column.
    pending: Vec<F>,
    entries: Vec<Vec<F>>,
    filled: usize,
    /// u of the block's first entry.
    first: u64,
    /// Where the arrays are stored, rather than shown: a slice a column, for this part's entries.
    sink: Option<Vec<&'s mut [F]>>,
}

impl<'s, F: SumcheckField> ElementFold<'s, F> {
    pub(super) fn new(
        round: &Round<'_, F>,
        index: u32,
        rows: &Range<u64>,
        sink: Option<Vec<&'s mut [F]>>,
    ) -> Self {
        Self {
            sums: round.zeros(),
            end: rows.end,
            scratch: Scratch::default(),
            pending: vec![F::ZERO; round.columns.len()],
            entries: Vec::new(),
            filled: 0,
            first: rows.start >> index,
            sink,
        }
    }

    pub(super) fn visit(&mut self, round: &Round<'_, F>, arrays: &Arrays<F>, chunk: &Chunk<'_>) {
        // Of many parts only those that are at work have buffers.
        if self.entries.is_empty() {
            self.entries = round.columns.iter().map(|_| Vec::with_capacity(BLOCK_ENTRIES)).collect();
        }
        let mut rows = chunk.cycles.clone();
        while !rows.is_empty() {
            let full = (self.first + BLOCK_ENTRIES as u64) << arrays.index;
            let take = rows.start..rows.end.min(full);
            self.add(round, arrays, chunk, &take);
            rows.start = take.end;
            if rows.start == full {
                self.flush(round);
            }
        }
        if chunk.cycles.end == self.end {
            self.finish(round, arrays.index);
        }
    }

    /// Adds rows `rows` of the chunk to the entries that they belong to.
    fn add(&mut self, round: &Round<'_, F>, arrays: &Arrays<F>, chunk: &Chunk<'_>, rows: &Range<u64>) {
        let mask = (1u64 << arrays.index) - 1;
        let slice = |at: usize| {
            let place = |row: u64| (row - chunk.cycles.start) as usize;
            &chunk.columns[at][place(rows.start)..place(rows.end)]
        };
        for (column, used) in round.columns.iter().enumerate() {
            let mut pending = self.pending[column];
            let entries = &mut self.entries[column];
            let mut cells: &[Word] = match used.source {
                Source::Stored(at) => slice(at),
                Source::Public(_) => &[],
            };
            let mut row = rows.start;
            while row < rows.end {
                let (weights, scale) = arrays.table.segment(row & mask, (rows.end - row) as usize);
                let whole = weights.len() > mask as usize;
                let sum = match used.source {
                    Source::Public(public) => weigh_public(public, weights, whole, row, round.rows),
                    Source::Stored(_) => weigh(&used.shape, weights, cells),
                };
                pending += if whole { sum } else { scale * sum };
                row += weights.len() as u64;
                cells = cells.get(weights.len()..).unwrap_or_default();
                if row & mask == 0 {
                    entries.push(pending);
                    pending = F::ZERO;
                }
            }
            self.pending[column] = pending;
        }
        self.filled = ((rows.end >> arrays.index) - self.first) as usize;
    }

    /// Completes the last entry and the last group with padding, and gives the buffers back.
    fn finish(&mut self, round: &Round<'_, F>, index: u32) {
        if self.end & ((1 << index) - 1) != 0 {
            self.entries.iter_mut().zip(&self.pending).for_each(|(entries, pending)| entries.push(*pending));
            self.filled += 1;
        }
        self.filled = self.filled.next_multiple_of(1 << round.window);
        self.entries.iter_mut().for_each(|entries| entries.resize(self.filled, F::ZERO));
        self.flush(round);
        self.scratch = Scratch::default();
        self.entries = Vec::new();
    }

    fn flush(&mut self, round: &Round<'_, F>) {
        if let Some(sink) = &mut self.sink {
            for (sink, entries) in sink.iter_mut().zip(&self.entries) {
                let (head, tail) = core::mem::take(sink).split_at_mut(self.filled);
                head.copy_from_slice(entries);
                *sink = tail;
            }
        } else {
            let groups = (self.first >> round.window, 0, self.filled >> round.window);
            round.absorb(groups, Values::Bound(&self.entries), &mut self.scratch, &mut self.sums);
        }
        self.entries.iter_mut().for_each(Vec::clear);
        self.first += self.filled as u64;
        self.filled = 0;
    }
}

/// Σ weights · a public column from row `row` on: in closed form but where its value changes.
fn weigh_public<F: SumcheckField>(
    public: PublicColumn,
    weights: &[F],
    whole: bool,
    row: u64,
    rows: u64,
) -> F {
    let at =
        |at: u64| at.checked_sub(row).and_then(|at| weights.get(at as usize)).copied().unwrap_or(F::ZERO);
    match public {
        // All eq weights of an entry add up to one.
        PublicColumn::Active if whole => F::ONE,
        PublicColumn::Active => weights.iter().sum(),
        PublicColumn::First => at(0),
        PublicColumn::Last => at(rows - 1),
    }
}
