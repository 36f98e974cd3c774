//! Witness columns: their names, range classes, and where their values come from.

use super::Word;

/// A column's place in [`Spec::columns`](super::Spec::columns): stored columns first (recorded, derived, cells, code), then
/// the public columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnId(pub u16);

impl ColumnId {
    /// The place as an index.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One witness column, as the spec declares it.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The name that constraints, the command line and exports use.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// Which values a cell may have.
    pub class: RangeClass,
    /// Where the values come from.
    pub source: ColumnSource,
}

impl Column {
    /// The integer that a cell of this column stands for: sign-extended where the class is signed.
    #[inline]
    pub const fn value(&self, cell: Word) -> i64 {
        match self.class {
            RangeClass::Signed { .. } => (cell.cast_signed()) as i64,
            RangeClass::Interval { min, .. } if min < 0 => (cell.cast_signed()) as i64,
            _ => cell as i64,
        }
    }
}

/// The set of integers that a column's cells are taken from. That a cell lies in its class is assumed by the
/// constraints until a range argument shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeClass {
    /// 0 or 1.
    Bit,
    /// 0 ≤ v < 2^bits.
    Unsigned {
        /// The width; at most the word's.
        bits: u32,
    },
    /// −2^(bits−1) ≤ v < 2^(bits−1), stored in two's complement in a whole word.
    Signed {
        /// The width; at most the word's.
        bits: u32,
    },
    /// min ≤ v ≤ max; stored in two's complement if `min` is negative.
    Interval {
        /// The least value.
        min: i64,
        /// The greatest value.
        max: i64,
    },
}

impl RangeClass {
    /// The least and the greatest integer of the class.
    pub const fn bounds(self) -> (i64, i64) {
        match self {
            Self::Bit => (0, 1),
            Self::Unsigned { bits } => (0, (1i64 << bits) - 1),
            Self::Signed { bits } => (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1),
            Self::Interval { min, max } => (min, max),
        }
    }
}

/// Where a column's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnSource {
    /// Stored by `step`: what only execution knows.
    Recorded,
    /// Computed from the predecoded table and other columns, a chunk at a time, when asked for.
    Derived,
    /// A cell of a unit, which an honest prover fills in, when asked for. What a row needs a commitment of.
    Cell,
    /// A word of the code table, which depends on the row's instruction alone; looked up when asked for.
    Code,
    /// A function of the row number and T alone, which a verifier evaluates itself in O(n).
    Public(PublicColumn),
}

impl ColumnSource {
    /// Whether the column has cells of its own, rather than being a function of another one's or of the row's number.
    pub const fn is_stored(self) -> bool {
        matches!(self, Self::Recorded | Self::Derived | Self::Cell | Self::Code)
    }
}

/// The columns that every witness has and no prover supplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicColumn {
    /// 1 in rows 0..T.
    Active,
    /// 1 in row 0.
    First,
    /// 1 in row T − 1.
    Last,
}

impl PublicColumn {
    /// The value in row `row` of a witness of `rows` rows. O(1).
    #[inline]
    pub const fn value(self, row: u64, rows: u64) -> Word {
        match self {
            Self::Active => (row < rows) as Word,
            Self::First => (row == 0 && rows > 0) as Word,
            Self::Last => (row + 1 == rows) as Word,
        }
    }
}
