//! The cells of a chunk of rows: a structure of arrays, written by `step` and by the derived columns' loops.

use super::{ColumnId, Recorder, Spec, Word};

/// The most rows a chunk can have: 16 KiB a column, so that what a pass asks for mostly stays within a second-level cache.
pub const MAX_ROWS: usize = 4096;

/// The distance between columns in words. No power of two, so that the columns of one row do not fall into one
/// cache set.
pub const STRIDE: usize = MAX_ROWS + 16;

/// The most columns that `step` may record.
pub const MAX_RECORDED: usize = 24;

/// The cells of up to [`MAX_ROWS`] rows, one array a column. Allocated once a worker, lazily backed.
#[derive(Clone, Debug)]
pub struct Columns {
    cells: Vec<[Word; STRIDE]>,
    /// Whether a call recorded since its columns were last zero.
    called: bool,
}

impl Columns {
    /// Zeroed cells for `columns` columns. O(columns) space, [`STRIDE`] words each.
    pub fn new(columns: usize) -> Self {
        Self { cells: vec![[0; STRIDE]; columns.max(MAX_RECORDED)], called: false }
    }

    /// The cells of one column.
    #[inline]
    pub fn column(&self, column: usize) -> &[Word; STRIDE] {
        &self.cells[column]
    }

    /// The cells of one column, to be written.
    #[inline]
    pub fn column_mut(&mut self, column: usize) -> &mut [Word; STRIDE] {
        &mut self.cells[column]
    }

    /// The first `rows` cells of `output`, to be written, and of each of `inputs`.
    ///
    /// # Panics
    /// If a column is out of range, or is both output and input: generated code never asks for it.
    #[inline]
    #[allow(clippy::panic)]
    pub fn split<const N: usize>(
        &mut self,
        rows: usize,
        output: usize,
        inputs: [usize; N],
    ) -> (&mut [Word], [&[Word]; N]) {
        let (before, rest) = self.cells.split_at_mut(output);
        let Some((output_cells, after)) = rest.split_first_mut() else {
            panic!("column {output} is out of range")
        };
        let (before, after) = (&*before, &*after);
        let input = |column: usize| {
            if column < output { &before[column][..rows] } else { &after[column - output - 1][..rows] }
        };
        (&mut output_cells[..rows], inputs.map(input))
    }

    /// The columns before `column`, and those from it on, to be written.
    #[inline]
    pub fn split_from(&mut self, column: usize) -> (&[[Word; STRIDE]], &mut [[Word; STRIDE]]) {
        let at = column.min(self.cells.len());
        let (before, after) = self.cells.split_at_mut(at);
        (before, after)
    }

    /// Sets rows `0..rows` of the recorded columns of `spec` to zero, since `step` stores only what an instruction defines.
    /// What only calls record is zero unless one did.
    pub fn clear_recorded(&mut self, spec: &Spec, rows: usize) {
        let called = std::mem::take(&mut self.called);
        for (at, column) in self.cells[..spec.recorded].iter_mut().enumerate() {
            if !spec.recorded_by_calls.contains(&ColumnId(at as u16)) {
                column[..rows].fill(0);
            } else if called {
                column.fill(0);
            }
        }
    }

    /// A recorder that writes from row 0 on.
    #[inline]
    #[allow(clippy::panic)]
    pub fn recorder(&mut self) -> RowRecorder<'_> {
        match self.cells.first_chunk_mut() {
            Some(cells) => RowRecorder { cells, row: 0, called: &mut self.called },
            None => panic!("fewer than {MAX_RECORDED} columns were allocated"),
        }
    }
}

/// Stores what `step` records in one row after the other.
#[derive(Debug)]
pub struct RowRecorder<'a> {
    cells: &'a mut [[Word; STRIDE]; MAX_RECORDED],
    row: usize,
    called: &'a mut bool,
}

impl Recorder for RowRecorder<'_> {
    type Row<'r>
        = RowRecorder<'r>
    where
        Self: 'r;

    #[inline(always)]
    fn row(&mut self) -> RowRecorder<'_> {
        *self.called = true;
        RowRecorder { cells: &mut *self.cells, row: self.row, called: &mut *self.called }
    }

    #[inline(always)]
    fn record<const COLUMN: usize>(&mut self, value: Word) {
        self.cells[COLUMN][self.row] = value;
    }

    #[inline(always)]
    fn next_row(&mut self) {
        self.row += 1;
    }
}
