//! What a row offers a prover, and how each instruction uses it.
//!
//! In: a spec's tables, units, rules and ports, and the semantics of its instructions. Out: for each instruction the units
//! that it uses, the forms that feed their inputs, and the tables that its look-ups read ([`select`]); for the spec a set
//! of relations whose coefficients are columns of the code table ([`wiring`]); rows that are filled and judged by these
//! alone ([`row`]). No function here knows a unit or an instruction by name.

pub mod explain;
pub mod forge;
pub mod form;
pub mod row;
pub mod select;
pub mod wiring;

use crate::ir::{Expr, Type};
use crate::source::Span;
use form::Form;

/// The prime that relations are read by here: the least that the design allows, 2^64 − 2^32 + 1. Any larger one serves.
pub const PRIME: i128 = (1 << 64) - (1 << 32) + 1;

/// The version of the protocol that proofs are made by, docs/protocol.md's.
pub const PROTOCOL: u16 = 3;

/// The most cells of a look-up, which the runtime has room for.
pub const MAX_PLACES: usize = 8;

/// The highest degree of a relation, in cells and columns of the code table.
pub const MAX_DEGREE: usize = 3;

/// What a look-up may find: a value for each of its keys' values.
#[derive(Clone, Debug)]
pub struct Table {
    /// The name.
    pub name: String,
    /// One line of documentation.
    pub doc: String,
    /// The keys, each with its width in bits.
    pub keys: Vec<(String, u32)>,
    /// What is found, as expressions over the keys.
    pub values: Vec<(String, Expr)>,
    /// The table's place in the spec.
    pub span: Span,
}

impl Table {
    /// How many entries it has.
    pub fn entries(&self) -> u64 {
        1 << self.keys.iter().map(|(_, bits)| bits).sum::<u32>()
    }

    /// The values of keys that are in range; none if one is not.
    pub fn find(&self, keys: &[i128]) -> Option<Vec<u64>> {
        let in_range = self.keys.iter().zip(keys).all(|((_, bits), key)| (0..1 << bits).contains(key));
        let of = |name: &str| {
            let at = self.keys.iter().position(|(key, _)| key == name);
            at.map_or(0, |at| keys[at] as u64)
        };
        in_range.then(|| self.values.iter().map(|(_, value)| row::eval(value, &of)).collect())
    }

    /// Whether it has an entry with these keys and values; what comes after the values is 0.
    pub fn has(&self, cells: &[i128]) -> bool {
        let (keys, values) = cells.split_at(self.keys.len());
        self.find(keys).is_some_and(|found| {
            let padded = found.into_iter().map(i128::from).chain(std::iter::repeat(0));
            values.iter().copied().zip(padded).all(|(cell, value)| cell == value)
        })
    }
}

/// A fixed piece of arithmetic that a row has room for.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The name.
    pub name: String,
    /// One line of documentation.
    pub doc: String,
    /// What instructions feed it.
    pub inputs: Vec<Input>,
    /// What is committed of it.
    pub cells: Vec<Cell>,
    /// What is zero modulo the prime in every row, over inputs, cells and the unit's flag.
    pub relations: Vec<Relation>,
    /// Its look-ups.
    pub slots: Vec<Slot>,
    /// What rules may take from it.
    pub outputs: Vec<Output>,
    /// Whether it is a port: what the runtime binds, and no arithmetic of the spec's.
    pub port: Option<Port>,
    /// The unit's place in the spec.
    pub span: Span,
}

/// An access of the machine's that a row has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// The write of a register, by the place of the port: 0 is rd.
    Write(usize),
    /// An access to the word of memory at an address.
    Memory,
}

/// An input of a unit.
#[derive(Clone, Debug)]
pub struct Input {
    /// The name.
    pub name: String,
    /// Which integers the unit is made for.
    pub ty: Type,
    /// What it is where an instruction uses the unit and does not say.
    pub default: i128,
}

/// A committed cell of a unit.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The name.
    pub name: String,
    /// Its width in bits, in honest rows.
    pub bits: u32,
    /// What an honest row has here where the unit is used, as an expression over the inputs; else a look-up says, a rule,
    /// or the port.
    pub fill: Option<Expr>,
    /// Which other cell's column it shares: unit and cell.
    pub overlays: Option<(usize, usize)>,
}

/// A relation as written, and as a form.
#[derive(Clone, Debug)]
pub struct Relation {
    /// As written.
    pub text: String,
    /// What is zero.
    pub form: Form,
}

/// A look-up: fixed cells, and a table that each instruction chooses.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The name.
    pub name: String,
    /// The cells, by place.
    pub places: Vec<usize>,
    /// The table where an instruction names no other.
    pub table: usize,
}

/// What a rule may take from a unit.
#[derive(Clone, Debug)]
pub struct Output {
    /// The name.
    pub name: String,
    /// Over the unit's cells.
    pub form: Form,
    /// The same over the unit's inputs, in the language of semantics; none of what is a name for cells, and no more.
    pub means: Option<Expr>,
    /// What inputs are where it means that.
    pub given: Vec<(usize, i128)>,
    /// The tables that it is right with, by slot.
    pub tables: Vec<(usize, usize)>,
}

/// How an operation of the language is brought down to units.
#[derive(Clone, Debug)]
pub struct Rule {
    /// As written.
    pub text: String,
    /// One line of documentation.
    pub doc: String,
    /// What it matches.
    pub pattern: Pattern,
    /// The operands, in order.
    pub operands: Vec<Operand>,
    /// The units that it uses.
    pub uses: Vec<Use>,
    /// What is zero besides.
    pub asserts: Vec<Form>,
    /// The value, the target of a jump, or the word that is stored.
    pub give: Form,
    /// The address of the word that is accessed.
    pub address: Option<Form>,
    /// Where it holds: conditions on the operands. What is compiled by it is held to the semantics all the same.
    pub given: Vec<Expr>,
    /// Honest values of cells that are no function of their unit's inputs, as expressions over the operands.
    pub fill: Vec<(usize, usize, Expr)>,
    /// The rule's place in the spec.
    pub span: Span,
}

/// What a rule matches.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// A value; its operands are `Local`s.
    Value(Expr),
    /// A load of so many bits at an address.
    Load(u32, Expr),
    /// A store of so many bits, at an address, of a value.
    Store(u32, Expr, Expr),
    /// A jump to a target.
    Jump(Expr),
    /// A condition that must hold.
    Require(Expr),
    /// A number, the rule's one operand, that must be a word: not negative.
    Word,
}

/// An operand of a rule.
#[derive(Clone, Debug)]
pub struct Operand {
    /// The name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// What may stand for it.
    pub kind: OperandKind,
}

/// What may stand for an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperandKind {
    /// Any value.
    Any,
    /// What the code table's entry knows: an expression of immediate, address and numbers.
    Entry,
    /// An integer of so many bits whose low bits are the value: a sum that is not reduced.
    Wide(u32),
}

/// A use of a unit by a rule.
#[derive(Clone, Debug)]
pub struct Use {
    /// The unit.
    pub unit: usize,
    /// What feeds its inputs.
    pub inputs: Vec<(usize, Form)>,
    /// Tables of its slots.
    pub tables: Vec<(usize, usize)>,
}

/// All that a spec declares of rows.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// The tables of look-ups.
    pub tables: Vec<Table>,
    /// The units, ports first.
    pub units: Vec<Unit>,
    /// The column of the model that has the address of the word of memory that is accessed.
    pub address: Option<usize>,
    /// The rules, in the order of the spec: the first of equal cost is taken.
    pub rules: Vec<Rule>,
    /// The constants of the code table's entries that instructions need, as expressions over immediate and address.
    pub entries: Vec<Expr>,
    /// Those that rules name, over their operands.
    pub templates: Vec<Expr>,
}

impl Units {
    /// The place of what a rule names as a constant of the entry.
    pub fn template(&mut self, expr: &Expr) -> usize {
        let known = self.templates.iter().position(|known| known == expr);
        known.unwrap_or_else(|| {
            self.templates.push(expr.clone());
            self.templates.len() - 1
        })
    }

    /// The unit of that kind of port.
    pub fn port(&self, port: Port) -> Option<usize> {
        self.units.iter().position(|unit| unit.port == Some(port))
    }

    /// The column that a cell is in: its own, or the one that it shares.
    pub fn home(&self, (unit, cell): (usize, usize)) -> (usize, usize) {
        self.units[unit].cells[cell].overlays.unwrap_or((unit, cell))
    }

    /// Every cell: its unit's place, and its own in it.
    fn cells(&self) -> impl Iterator<Item = (usize, usize)> {
        let units = self.units.iter().enumerate();
        units.flat_map(|(at, unit)| (0..unit.cells.len()).map(move |cell| (at, cell)))
    }

    /// The columns: every cell that is in its own.
    pub fn columns(&self) -> impl Iterator<Item = (usize, usize)> {
        self.cells().filter(|cell| self.home(*cell) == *cell)
    }

    /// The cells that are in the column of this one, itself among them.
    pub fn sharing(&self, cell: (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
        let home = self.home(cell);
        self.cells().filter(move |other| self.home(*other) == home)
    }

    /// The width of what a row has, in bits: of a cell's column, that of the widest that shares it.
    pub fn bits(&self, var: form::Var) -> u32 {
        match var {
            form::Var::Cell(unit, cell) => {
                let bits = |(unit, cell): (usize, usize)| self.units[unit].cells[cell].bits;
                self.sharing((unit, cell)).map(bits).max().unwrap_or_default()
            }
            form::Var::Active | form::Var::Last | form::Var::On => 1,
            _ => 32,
        }
    }

    /// A variable as a person reads it.
    pub fn name(&self, var: form::Var) -> String {
        match var {
            form::Var::Entry(at) => format!("[{}]", self.entries[at]),
            form::Var::On => "on".to_owned(),
            form::Var::Input(at) => format!("input {at}"),
            form::Var::Operand(at) => format!("operand {at}"),
            form::Var::Output(used, output) => format!("use {used}.{output}"),
            form::Var::Cell(unit, cell) => {
                let unit = &self.units[unit];
                format!("{}.{}", unit.name, unit.cells[cell].name)
            }
            form::Var::Read(port) => format!("rs{}", port + 1),
            form::Var::NextPc => "next_pc".to_owned(),
            form::Var::Taken => "input".to_owned(),
            form::Var::Address => "address".to_owned(),
            form::Var::Active => "active".to_owned(),
            form::Var::Last => "last".to_owned(),
        }
    }
}
