//! One row of the witness, for people and for tests.

use crate::isa::{Column, Word};

/// The stored columns of one cycle, by name. A prover never sees one: it reads [`Chunk`](crate::oracle::Chunk)s.
#[derive(Clone, Debug)]
pub struct WitnessSlice {
    cycle: u64,
    columns: &'static [Column],
    cells: Vec<Word>,
}

impl WitnessSlice {
    pub(super) fn new(cycle: u64, columns: &'static [Column], cells: Vec<Word>) -> Self {
        Self { cycle, columns, cells }
    }

    /// The row.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// The cells, in the order of the columns: positions cycle·k .. (cycle + 1)·k of the interleaved witness.
    pub fn cells(&self) -> &[Word] {
        &self.cells
    }

    /// The integer in the column of that name: negative where the column is signed and the cell is.
    pub fn get(&self, name: &str) -> Option<i64> {
        self.iter().find(|(column, _)| column.name == name).map(|(_, value)| value)
    }

    /// Every stored column and its integer.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Column, i64)> {
        self.columns.iter().zip(&self.cells).map(|(column, &cell)| (column, column.value(cell)))
    }
}

impl core::fmt::Display for WitnessSlice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "cycle {}:", self.cycle)?;
        self.iter().try_for_each(|(column, value)| write!(f, " {}={value}", column.name))
    }
}
