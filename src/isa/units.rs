//! What a row offers a prover, as data: units with their cells, relations, look-ups and their tables, and the columns of
//! the code table that say how an instruction uses them.

use super::{ColumnId, Word};

/// The compiled form of a spec: what every row's cells must satisfy, given what the row finds.
#[derive(Clone, Copy, Debug)]
pub struct Units {
    /// The units, ports first.
    pub units: &'static [Unit],
    /// How many cells a row has: those of all units, shared columns once.
    pub cells: usize,
    /// The columns of the code table, by the coefficient that needs each first.
    pub columns: &'static [&'static str],
    /// The relations.
    pub relations: &'static [Relation],
    /// The look-ups.
    pub slots: &'static [Slot],
    /// The tables of look-ups.
    pub tables: &'static [Table],
    /// The columns that have what a row finds, and what it puts out.
    pub found: FoundColumns,
    /// The cells that have what a row puts out.
    pub ports: PortCells,
}

impl Units {
    /// Nothing.
    pub const NONE: Self = Self {
        units: &[],
        cells: 0,
        columns: &[],
        relations: &[],
        slots: &[],
        tables: &[],
        found: FoundColumns {
            index: None,
            reads: [None; 4],
            address: None,
            before: None,
            after: None,
            written: None,
            next_pc: None,
        },
        ports: PortCells { written: None, after: None, used: &[] },
    };
}

/// The recorded columns that rows are filled from and compared with; none of what the spec does not record.
#[derive(Clone, Copy, Debug)]
pub struct FoundColumns {
    /// The place in the code table.
    pub index: Option<ColumnId>,
    /// What the read ports read.
    pub reads: [Option<ColumnId>; 4],
    /// The address of the access to memory.
    pub address: Option<ColumnId>,
    /// The word before.
    pub before: Option<ColumnId>,
    /// The word after.
    pub after: Option<ColumnId>,
    /// What is written to the register.
    pub written: Option<ColumnId>,
    /// The address of the next row's instruction.
    pub next_pc: Option<ColumnId>,
}

/// The cells of the ports that write.
#[derive(Clone, Copy, Debug)]
pub struct PortCells {
    /// What is written to the register.
    pub written: Option<u16>,
    /// The word after.
    pub after: Option<u16>,
    /// Whether an instruction writes a register by units, and whether it accesses memory by them; by kind less one.
    pub used: &'static [(bool, bool)],
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
}

/// A cell of a unit.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// The name.
    pub name: &'static str,
    /// Its place among the row's cells; units that exclude each other share places.
    pub place: u16,
    /// Its width in bits, in honest rows.
    pub bits: u8,
}

/// What a product of a relation is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// A cell of the row, by place.
    Cell(u16),
    /// What a read port reads.
    Read(u8),
    /// The address of the next row's instruction.
    NextPc,
}

/// Σ (Σ factor · column of the code table) · product + Σ coefficient · product, which is zero modulo the prime.
#[derive(Clone, Copy, Debug)]
pub struct Relation {
    /// Where it comes from.
    pub name: &'static str,
    /// Products whose coefficient depends on the instruction.
    pub wired: &'static [Wired],
    /// Products whose coefficient is the same in every row.
    pub fixed: &'static [Fixed],
}

/// A product whose coefficient is a linear form of columns of the code table.
#[derive(Clone, Copy, Debug)]
pub struct Wired {
    /// The product.
    pub product: &'static [Factor],
    /// Columns and their factors.
    pub columns: &'static [(u16, i64)],
}

/// A product with its coefficient.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// The product.
    pub product: &'static [Factor],
    /// The coefficient.
    pub coefficient: i64,
}

/// A look-up: fixed cells, and a table that the instruction chooses.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The unit, or several that share the cells, and the look-up's name.
    pub name: &'static str,
    /// The cells, by place: keys, then values.
    pub places: &'static [u16],
    /// The number of the table, from 1, or 0 for none, as a linear form of columns of the code table.
    pub tag: &'static [(u16, i64)],
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

/// Relations hold modulo this prime: the least that the units are made for.
pub const PRIME: u128 = (1 << 64) - (1 << 32) + 1;

/// What an instruction finds, and what its interface answers: what a row's cells follow from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What the read ports read.
    pub reads: [Word; 4],
    /// The byte address of the access to memory.
    pub address: Word,
    /// The aligned word there before.
    pub before: Word,
    /// What a call answers.
    pub reply: Word,
    /// The address of the next row's instruction.
    pub next_pc: Word,
}
