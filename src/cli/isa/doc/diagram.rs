//! The encoding diagram: a word's bits from 31 to 0, as the manual draws them.

use retrace_codegen::model::{Bits, Format, Immediate};

use super::page::clean;

/// Cells from bit 31 down to bit 0, without holes.
pub(super) struct Diagram {
    pub(super) cells: Vec<Cell>,
}

/// Bits that belong together.
pub(super) struct Cell {
    pub(super) bits: Bits,
    pub(super) kind: Kind,
    /// What is in it: binary digits, a field's name, bits of the immediate.
    pub(super) value: String,
    /// The field's name, where `value` is something else.
    pub(super) name: String,
}

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Fixed,
    Field,
    Immediate,
    Ignored,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Field => "field",
            Self::Immediate => "immediate",
            Self::Ignored => "ignored",
        }
    }
}

/// The diagram of a format whose bits in `mask` are `bits`. The checker has seen to it that each bit has one owner.
pub(super) fn diagram(format: &Format, mask: u32, bits: u32) -> Diagram {
    let mut cells: Vec<Cell> = Vec::new();
    for field in &format.fields {
        let name = clean(&field.name);
        let fixed = field.bits.mask() & mask == field.bits.mask();
        cells.push(if fixed {
            let value = (bits & field.bits.mask()) >> field.bits.lo;
            let width = field.bits.width() as usize;
            Cell { bits: field.bits, kind: Kind::Fixed, value: format!("{value:0width$b}"), name }
        } else {
            Cell { bits: field.bits, kind: Kind::Field, value: name, name: String::new() }
        });
    }
    cells.extend(format.imm.iter().flat_map(immediate));
    cells.extend(format.ignored.iter().map(|bits| Cell {
        bits: *bits,
        kind: Kind::Ignored,
        value: "any".to_owned(),
        name: String::new(),
    }));
    cells.sort_by_key(|cell| std::cmp::Reverse(cell.bits));
    Diagram { cells }
}

/// Pieces of the immediate; those that are neighbours in the word share a cell, as in imm[12|10:5].
fn immediate(immediate: &Immediate) -> Vec<Cell> {
    let mut pieces = immediate.pieces.clone();
    pieces.sort_by_key(|(from, _)| std::cmp::Reverse(*from));
    let mut runs: Vec<(Bits, Vec<String>)> = Vec::new();
    for (from, to) in pieces {
        let part = range(Bits { hi: to + from.width() - 1, lo: to });
        match runs.last_mut() {
            Some((bits, parts)) if bits.lo == from.hi + 1 => {
                bits.lo = from.lo;
                parts.push(part);
            }
            _ => runs.push((from, vec![part])),
        }
    }
    let cell = |(bits, parts): (Bits, Vec<String>)| Cell {
        bits,
        kind: Kind::Immediate,
        value: format!("imm[{}]", parts.join("|")),
        name: String::new(),
    };
    runs.into_iter().map(cell).collect()
}

/// Bits as the manual writes them.
pub(super) fn range(bits: Bits) -> String {
    match bits {
        Bits { hi, lo } if hi == lo => hi.to_string(),
        Bits { hi, lo } => format!("{hi}:{lo}"),
    }
}
