//! What a row offers a prover, as data: units with their cells, their look-ups, and the tables that these read. Their relations
//! are among the spec's constraints.

use super::{ColumnId, Linear};

/// The compiled form of a spec, beside its constraints.
#[derive(Clone, Copy, Debug)]
pub struct Units {
    /// The units, ports first.
    pub units: &'static [Unit],
    /// The look-ups.
    pub slots: &'static [Slot],
    /// The tables of look-ups.
    pub tables: &'static [Table],
    /// What the machine puts out by cells.
    pub ports: &'static [Bound],
}

impl Units {
    /// Nothing.
    pub const NONE: Self = Self { units: &[], slots: &[], tables: &[], ports: &[] };
}

/// A unit, or a port of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    /// The name.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// The cells.
    pub cells: &'static [Cell],
    /// Whether an instruction uses it; by [`Op::kind`](super::Op::kind) less one.
    pub by: &'static [bool],
}

impl Unit {
    /// Whether an instruction of that [`Op::kind`](super::Op::kind) uses it.
    pub fn is_used(&self, kind: u8) -> bool {
        usize::from(kind).checked_sub(1).and_then(|at| self.by.get(at)).is_some_and(|used| *used)
    }
}

/// A cell of a unit.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// The unit's name and its own, `add.carry`.
    pub name: &'static str,
    /// Its column; units that exclude each other share columns.
    pub column: ColumnId,
    /// Its width in bits, in honest rows.
    pub bits: u8,
}

/// A cell that holds what a row puts out.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// The port's place among the units.
    pub unit: usize,
    /// The cell.
    pub cell: ColumnId,
    /// The column that records the same of the run.
    pub recorded: ColumnId,
}

/// A look-up: fixed columns, and a table that the instruction chooses; or one of a spec's own columns, in every row that is
/// not padding.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The unit, or several that share the cells, and the look-up's name; of one's own, its name.
    pub name: &'static str,
    /// The columns, by place: keys, then values, then what is zero.
    pub places: &'static [ColumnId],
    /// 1 where the look-up is made, 0 elsewhere and in the padding: over columns of the code table, or `active`.
    pub made: Linear,
    /// The number of the table, from 1, or 0 for none: over the same.
    pub tag: Linear,
}

/// A table of look-ups; [`Isa::look_up`](super::Isa::look_up) finds its values.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The name.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// The keys' widths in bits.
    pub keys: &'static [u8],
    /// How many values it has.
    pub values: u8,
}

/// The most cells of a look-up.
pub const MAX_PLACES: usize = 8;

/// The version of the protocol that proofs are made by, docs/protocol.md's.
pub const PROTOCOL: u16 = 3;

/// Relations hold modulo this prime: the least that the units are made for. Any larger one serves as well.
pub const PRIME: u64 = u64::MAX - (1 << 32) + 2;
