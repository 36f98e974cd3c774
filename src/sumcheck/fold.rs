//! One part's work in a pass: from chunks of cells to blocks of a round's arrays, in space that is a block's.

use core::ops::Range;

use super::instance::{Block, RoundProver, Scratch, Values};
use crate::field::SumcheckField;
use crate::isa::{Column, Word};
use crate::oracle::{Chunk, EqTable, weigh};

/// Entries of the bound arrays a block: a multiple of what the field kernels work on.
const BLOCK_ENTRIES: usize = 256;

/// Rows that are put together from chunks with odd bounds before they are shown.
const STAGED_ROWS: usize = 1024;

/// The instances in a round, and what all workers share.
pub(super) struct Round<'a, F> {
    pub(super) provers: &'a [Box<dyn RoundProver<F> + 'a>],
    /// For each instance, where its columns are among those in use.
    pub(super) maps: &'a [Vec<usize>],
    pub(super) shapes: &'a [Column],
}

impl<F: SumcheckField> Round<'_, F> {
    /// Zeros for every instance's sums.
    pub(super) fn zeros(&self) -> Vec<Vec<F>> {
        self.provers.iter().map(|prover| vec![F::ZERO; prover.sums()]).collect()
    }

    /// Shows pairs `start..start + pairs`, which are in `values` from pair `offset` on, to every instance.
    pub(super) fn absorb(
        &self,
        (start, offset, pairs): (u64, usize, usize),
        values: Values<'_, F>,
        scratch: &mut Scratch<F>,
        sums: &mut [Vec<F>],
    ) {
        for ((prover, map), sums) in self.provers.iter().zip(self.maps).zip(sums) {
            let block = Block { start, offset, pairs, values, shapes: self.shapes, map };
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

/// Round 0 over one part: blocks of cells, straight from the chunk where it starts and ends at a pair.
pub(super) struct CellFold<'s, F> {
    pub(super) sums: Vec<Vec<F>>,
    end: u64,
    scratch: Scratch<F>,
    staged: Vec<Vec<Word>>,
    /// Where the words are kept, if they are: a slice a column, for this part's rows.
    sink: Vec<&'s mut [Word]>,
}

impl<'s, F: SumcheckField> CellFold<'s, F> {
    pub(super) fn new(round: &Round<'_, F>, rows: &Range<u64>, sink: Vec<&'s mut [Word]>) -> Self {
        let staged = vec![Vec::new(); round.shapes.len()];
        Self { sums: round.zeros(), end: rows.end, scratch: Scratch::default(), staged, sink }
    }

    pub(super) fn visit(&mut self, round: &Round<'_, F>, chunk: &Chunk<'_>) {
        let rows = (chunk.cycles.end - chunk.cycles.start) as usize;
        for (sink, cells) in self.sink.iter_mut().zip(chunk.columns) {
            let (head, tail) = core::mem::take(sink).split_at_mut(rows);
            head.copy_from_slice(cells);
            *sink = tail;
        }
        let last = chunk.cycles.end == self.end;
        let waiting = self.staged.first().map_or(0, Vec::len);
        if waiting == 0 && rows.is_multiple_of(2) {
            let pairs = (chunk.cycles.start / 2, 0, rows / 2);
            round.absorb(pairs, Values::Cells(chunk.columns), &mut self.scratch, &mut self.sums);
        } else {
            for (staged, cells) in self.staged.iter_mut().zip(chunk.columns) {
                staged.extend_from_slice(cells);
            }
            self.flush(round, chunk.cycles.end, last);
        }
        if last {
            self.flush(round, chunk.cycles.end, true);
            self.scratch = Scratch::default();
            self.staged = Vec::new();
        }
    }

    /// Shows the staged rows that make pairs; the last one of the witness with a row of padding.
    fn flush(&mut self, round: &Round<'_, F>, end: u64, last: bool) {
        let waiting = self.staged.first().map_or(0, Vec::len);
        if waiting == 0 || (waiting < STAGED_ROWS && !last) {
            return;
        }
        if last && !waiting.is_multiple_of(2) {
            self.staged.iter_mut().for_each(|cells| cells.push(0));
        }
        let pairs = ((end - waiting as u64) / 2, 0, self.staged.first().map_or(0, Vec::len) / 2);
        round.absorb(pairs, Values::Staged(&self.staged), &mut self.scratch, &mut self.sums);
        self.staged.iter_mut().for_each(|cells| drop(cells.drain(..pairs.2 * 2)));
    }
}

/// A later round over one part: entries `A_i[u] = Σ_l eq(r₀…r_{i−1}; l)·w[2^i·u + l]`, block by block.
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
    /// Where the arrays are kept, if they are: a slice a column, for this part's entries.
    sink: Vec<&'s mut [F]>,
}

impl<'s, F: SumcheckField> ElementFold<'s, F> {
    pub(super) fn new(round: &Round<'_, F>, index: u32, rows: &Range<u64>, sink: Vec<&'s mut [F]>) -> Self {
        Self {
            sums: round.zeros(),
            end: rows.end,
            scratch: Scratch::default(),
            pending: vec![F::ZERO; round.shapes.len()],
            entries: vec![Vec::new(); round.shapes.len()],
            filled: 0,
            first: rows.start >> index,
            sink,
        }
    }

    /// `table` is eq(r₀…r_{i−1}, ·), and i is `index`.
    pub(super) fn visit(&mut self, round: &Round<'_, F>, index: u32, table: &EqTable<F>, chunk: &Chunk<'_>) {
        let mut rows = chunk.cycles.clone();
        while !rows.is_empty() {
            let full = (self.first + BLOCK_ENTRIES as u64) << index;
            let take = rows.start..rows.end.min(full);
            self.add(round.shapes, index, table, chunk, &take);
            rows.start = take.end;
            if rows.start == full {
                self.flush(round);
            }
        }
        if chunk.cycles.end == self.end {
            self.finish(round, index);
        }
    }

    /// Adds rows `rows` of the chunk to the entries that they belong to.
    fn add(
        &mut self,
        shapes: &[Column],
        index: u32,
        table: &EqTable<F>,
        chunk: &Chunk<'_>,
        rows: &Range<u64>,
    ) {
        let mask = (1u64 << index) - 1;
        for (column, shape) in shapes.iter().enumerate() {
            let at = |row: u64| (row - chunk.cycles.start) as usize;
            let mut cells = &chunk.columns[column][at(rows.start)..at(rows.end)];
            let mut pending = self.pending[column];
            let mut row = rows.start;
            let entries = &mut self.entries[column];
            while !cells.is_empty() {
                let (weights, scale) = table.segment(row & mask, cells.len());
                let sum = weigh(shape, weights, cells);
                pending += if weights.len() > mask as usize { sum } else { scale * sum };
                row += weights.len() as u64;
                cells = &cells[weights.len()..];
                if row & mask == 0 {
                    entries.push(pending);
                    pending = F::ZERO;
                }
            }
            self.pending[column] = pending;
        }
        self.filled = self.entries.first().map_or(0, Vec::len);
    }

    /// Completes the last entry and the last pair with padding, and gives the buffers back.
    fn finish(&mut self, round: &Round<'_, F>, index: u32) {
        if self.end & ((1 << index) - 1) != 0 {
            self.entries.iter_mut().zip(&self.pending).for_each(|(entries, pending)| entries.push(*pending));
            self.filled += 1;
        }
        if !self.filled.is_multiple_of(2) {
            self.entries.iter_mut().for_each(|entries| entries.push(F::ZERO));
            self.filled += 1;
        }
        self.flush(round);
        self.scratch = Scratch::default();
        self.entries = Vec::new();
    }

    fn flush(&mut self, round: &Round<'_, F>) {
        let pairs = (self.first / 2, 0, self.filled / 2);
        round.absorb(pairs, Values::Bound(&self.entries), &mut self.scratch, &mut self.sums);
        for (sink, entries) in self.sink.iter_mut().zip(&self.entries) {
            let (head, tail) = core::mem::take(sink).split_at_mut(self.filled);
            head.copy_from_slice(entries);
            *sink = tail;
        }
        self.entries.iter_mut().for_each(Vec::clear);
        self.first += self.filled as u64;
        self.filled = 0;
    }
}
