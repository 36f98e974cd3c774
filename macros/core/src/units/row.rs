//! Rows as units see them: filled as an honest prover does, and held against relations, assertions and look-ups.
//!
//! Everything is read from the selection and the declarations, apart from generated code and from semantics; so a row that
//! semantics made and that passes here says that the two agree on it.

use std::fmt;

use super::form::{Form, Var, times};
use super::select::Selection;
use super::{PRIME, Port, Units};
use crate::ir::{self, Environment, Expr, OpFact, signed};
use crate::model::READS;

/// What an instruction finds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// What the read ports read.
    pub reads: [u32; READS.len()],
    /// The instruction's address.
    pub pc: u32,
    /// The immediate.
    pub imm: u32,
    /// The byte address of the access to memory.
    pub address: u32,
    /// The aligned word there before.
    pub before: u32,
    /// What a load gives.
    pub loaded: u32,
    /// Whether the policy allows stores to it.
    pub writable: bool,
    /// What is taken of the input.
    pub taken: u32,
    /// The address of the next row's instruction.
    pub next_pc: u32,
    /// What the row has for the address of the word that is accessed.
    pub word: u32,
}

/// The columns of one row, by unit and cell; those that are not there are 0.
#[derive(Clone, Debug, Default)]
pub struct Cells(Vec<Vec<Option<i128>>>);

impl Cells {
    /// The value of a column.
    pub fn get(&self, (unit, cell): (usize, usize)) -> Option<i128> {
        self.0.get(unit).and_then(|cells| cells.get(cell).copied().flatten())
    }

    /// Gives a column a value.
    pub fn set(&mut self, (unit, cell): (usize, usize), value: i128) {
        if self.0.len() <= unit {
            self.0.resize_with(unit + 1, Vec::new);
        }
        let cells = &mut self.0[unit];
        if cells.len() <= cell {
            cells.resize(cell + 1, None);
        }
        cells[cell] = Some(value);
    }

    /// The columns that have values, with them.
    pub fn iter(&self) -> impl Iterator<Item = ((usize, usize), i128)> {
        let units = self.0.iter().enumerate();
        units.flat_map(|(unit, cells)| {
            let cells = cells.iter().enumerate();
            cells.filter_map(move |(cell, value)| Some(((unit, cell), (*value)?)))
        })
    }
}

/// Something that a row breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A unit's relation is not zero: unit, relation.
    Relation(usize, usize),
    /// A look-up finds nothing like its cells: unit, slot.
    Lookup(usize, usize),
    /// An assertion is not zero.
    Assert(usize),
    /// The next address is another one.
    NextPc,
    /// The address of the word that is accessed is another one.
    Address,
}

/// A row's fill that cannot be computed: a cell that depends on itself, or that nothing gives a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfilled(pub usize, pub usize);

/// One instruction's rows.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// What the spec declares.
    pub units: &'a Units,
    /// How the instruction uses it.
    pub selection: &'a Selection,
}

impl Rows<'_> {
    /// The honest cells.
    ///
    /// # Errors
    /// The cell that has no value.
    pub fn fill(&self, found: &Found) -> Result<Cells, Unfilled> {
        self.refill(found, &[])
    }

    /// The cells that follow honestly from columns that are forced.
    ///
    /// # Errors
    /// The cell that has no value.
    pub fn refill(&self, found: &Found, forced: &[((usize, usize), i128)]) -> Result<Cells, Unfilled> {
        let mut filling = Filling {
            rows: *self,
            found,
            cells: Cells::default(),
            inputs: Cells::default(),
            open: Vec::new(),
        };
        for unit in self.selection.uses.keys().filter(|_| !forced.is_empty()) {
            for cell in 0..self.units.units[*unit].cells.len() {
                let home = self.units.home((*unit, cell));
                let value = forced.iter().find(|(column, _)| *column == home);
                if let Some((_, value)) = value {
                    filling.cells.set((*unit, cell), *value);
                }
            }
        }
        for unit in self.selection.uses.keys() {
            for cell in 0..self.units.units[*unit].cells.len() {
                filling.cell((*unit, cell))?;
            }
        }
        let mut columns = Cells::default();
        for (cell, value) in filling.cells.iter() {
            columns.set(self.units.home(cell), value);
        }
        Ok(columns)
    }

    /// What the row breaks. O(relations + look-ups).
    pub fn faults(&self, found: &Found, cells: &Cells) -> Vec<Fault> {
        let value = |form: &Form| form.value(&mut |var| self.var(var, found, cells));
        let mut faults = Vec::new();
        for (at, unit) in self.units.units.iter().enumerate() {
            let used = self.selection.uses.get(&at);
            for (relation, form) in unit.relations.iter().enumerate() {
                let sum = form.form.value(&mut |var| match var {
                    Var::On => used.is_some().into(),
                    Var::Input(input) => used.and_then(|used| used.inputs.get(&input)).map_or(0, &value),
                    var => self.var(var, found, cells),
                });
                if sum % PRIME != 0 {
                    faults.push(Fault::Relation(at, relation));
                }
            }
            for (slot, table) in used.into_iter().flat_map(|used| &used.tables) {
                if !self.finds((at, *slot), *table, cells) {
                    faults.push(Fault::Lookup(at, *slot));
                }
            }
        }
        let asserts = self.selection.asserts.iter().enumerate();
        faults.extend(asserts.filter(|(_, form)| value(form) % PRIME != 0).map(|(at, _)| Fault::Assert(at)));
        faults.extend((value(&self.selection.next_is()) % PRIME != 0).then_some(Fault::NextPc));
        let address = self.units.address.map(|_| value(&self.selection.address_is()));
        faults.extend(address.filter(|sum| sum % PRIME != 0).map(|_| Fault::Address));
        faults
    }

    /// Whether a table has what a look-up's cells say.
    fn finds(&self, (unit, slot): (usize, usize), table: usize, cells: &Cells) -> bool {
        let table = &self.units.tables[table];
        let places = &self.units.units[unit].slots[slot].places;
        let cells: Vec<i128> = places.iter().map(|cell| self.cell((unit, *cell), cells)).collect();
        table.has(&cells)
    }

    /// The value of an input; 0 where the unit is not used.
    pub fn input(&self, unit: usize, input: usize, found: &Found, cells: &Cells) -> i128 {
        let form = self.selection.uses.get(&unit).and_then(|used| used.inputs.get(&input));
        form.map_or(0, |form| form.value(&mut |var| self.var(var, found, cells)))
    }

    /// What a port writes, if it does.
    pub fn written(&self, port: usize, cells: &Cells) -> Option<i128> {
        let port = self.units.port(Port::Write(port))?;
        self.selection.uses.contains_key(&port).then(|| self.cell((port, 0), cells))
    }

    /// The word of memory after, if there is an access.
    pub fn after(&self, cells: &Cells) -> Option<i128> {
        let port = self.units.port(Port::Memory)?;
        self.selection.uses.contains_key(&port).then(|| self.cell((port, 1), cells))
    }

    /// A form's value in the row.
    pub fn value(&self, form: &Form, found: &Found, cells: &Cells) -> i128 {
        form.value(&mut |var| self.var(var, found, cells))
    }

    /// The value of a cell, in its column.
    pub fn cell(&self, cell: (usize, usize), cells: &Cells) -> i128 {
        cells.get(self.units.home(cell)).unwrap_or_default()
    }

    fn var(&self, var: Var, found: &Found, cells: &Cells) -> i128 {
        match var {
            Var::Cell(unit, cell) => self.cell((unit, cell), cells),
            var => self.known(var, found),
        }
    }

    /// A variable that is no cell.
    pub fn known(&self, var: Var, found: &Found) -> i128 {
        match var {
            Var::Entry(at) => ir::eval(&self.units.entries[at], &Leaves { found, of: &|_| 0 }).into(),
            Var::Read(port) => found.reads[port].into(),
            Var::NextPc => found.next_pc.into(),
            Var::Address => found.word.into(),
            Var::Taken => found.taken.into(),
            Var::Active => 1,
            _ => 0,
        }
    }

    /// A fault in words: which unit, and the cells' values.
    pub fn describe(&self, fault: &Fault, found: &Found, cells: &Cells) -> String {
        let shown = |unit: usize, cell: &usize| {
            format!("{} = {:#x}", self.units.units[unit].cells[*cell].name, self.cell((unit, *cell), cells))
        };
        match fault {
            Fault::Relation(unit, relation) => {
                let declared = &self.units.units[*unit];
                let read =
                    declared.relations[*relation].form.vars().into_iter().filter_map(|var| match var {
                        Var::Cell(_, cell) => Some(shown(*unit, &cell)),
                        Var::Input(at) => Some(format!(
                            "{} = {:#x}",
                            declared.inputs[at].name,
                            self.input(*unit, at, found, cells)
                        )),
                        _ => None,
                    });
                let read: Vec<String> = read.collect();
                format!(
                    "unit `{}`: `{}` is not so: {}",
                    declared.name,
                    declared.relations[*relation].text,
                    read.join(", ")
                )
            }
            Fault::Lookup(unit, slot) => {
                let declared = &self.units.units[*unit];
                let table = self.selection.uses.get(unit).and_then(|used| used.tables.get(slot));
                let table = table.map_or("", |table| &self.units.tables[*table].name);
                let cells: Vec<String> =
                    declared.slots[*slot].places.iter().map(|cell| shown(*unit, cell)).collect();
                let (unit, slot) = (&declared.name, &declared.slots[*slot].name);
                format!(
                    "unit `{unit}`, look-up `{slot}`: table `{table}` has no such entry: {}",
                    cells.join(", ")
                )
            }
            Fault::Assert(at) => {
                let form = &self.selection.asserts[*at];
                let text = super::form::Named(form, |var| self.units.name(var));
                format!("`{text}` is {}, and not 0", self.value(form, found, cells))
            }
            Fault::NextPc => {
                let value = self.value(&self.selection.next, found, cells);
                format!("the next pc is {value:#x} by the units, and {:#x} by the row", found.next_pc)
            }
            Fault::Address => {
                let value = self.selection.address.as_ref().map(|form| self.value(form, found, cells));
                let value = value.unwrap_or_default();
                format!(
                    "the accessed word is at {value:#x} by the units, and at {:#x} by the row",
                    found.word
                )
            }
        }
    }
}

/// A row that is being filled.
struct Filling<'a> {
    rows: Rows<'a>,
    found: &'a Found,
    cells: Cells,
    /// What feeds units, as far as it is known.
    inputs: Cells,
    open: Vec<(usize, usize)>,
}

impl Filling<'_> {
    fn cell(&mut self, at: (usize, usize)) -> Result<i128, Unfilled> {
        if let Some(value) = self.cells.get(at) {
            return Ok(value);
        }
        if self.open.contains(&at) {
            return Err(Unfilled(at.0, at.1));
        }
        self.open.push(at);
        let value = self.honest(at)?;
        self.open.pop();
        self.cells.set(at, value);
        Ok(value)
    }

    fn honest(&mut self, (unit, cell): (usize, usize)) -> Result<i128, Unfilled> {
        let Rows { units, selection } = self.rows;
        let declared = &units.units[unit];
        match (declared.port, cell) {
            (Some(Port::Memory), 0) => return Ok(self.found.before.into()),
            (Some(Port::Memory), 2) => return Ok(self.found.writable.into()),
            _ => {}
        }
        if let Some((_, expr)) = selection.fill.iter().find(|(filled, _)| *filled == (unit, cell)) {
            return Ok(ir::eval(expr, &Leaves { found: self.found, of: &|_| 0 }).into());
        }
        if let Some(fill) = &declared.cells[cell].fill {
            // A cell that is an input: what a liar feeds need not be of its type.
            if let ir::ExprKind::Local(name) = &fill.kind
                && let Some(at) = declared.inputs.iter().position(|input| input.name == *name)
            {
                return self.input(unit, at);
            }
            let mut read = vec![false; declared.inputs.len()];
            ir::walk(fill, &mut |part| {
                if let ir::ExprKind::Local(name) = &part.kind {
                    let at = declared.inputs.iter().position(|input| input.name == *name);
                    at.into_iter().for_each(|at| read[at] = true);
                }
            });
            let mut bits = vec![0; declared.inputs.len()];
            for at in (0..read.len()).filter(|at| read[*at]) {
                let value = self.input(unit, at)?;
                bits[at] =
                    value.rem_euclid(1 << 64) as u64 & (u64::MAX >> (64 - declared.inputs[at].ty.width));
            }
            let of = |name: &str| {
                let at = declared.inputs.iter().position(|input| input.name == name);
                at.map_or(0, |at| bits[at])
            };
            return Ok(eval(fill, &of).into());
        }
        let used = selection.uses.get(&unit);
        for (at, slot) in declared.slots.iter().enumerate() {
            let Some(place) = slot.places.iter().position(|place| *place == cell) else { continue };
            let Some(table) = used.and_then(|used| used.tables.get(&at)) else { continue };
            let table = &units.tables[*table];
            let Some(value) = place.checked_sub(table.keys.len()) else { continue };
            let mut keys = Vec::new();
            for key in &slot.places[..table.keys.len()] {
                keys.push(self.cell((unit, *key))?);
            }
            // Keys out of range are a fault of the look-up, and found there.
            return Ok(table
                .find(&keys)
                .and_then(|found| found.get(value).copied())
                .unwrap_or_default()
                .into());
        }
        Err(Unfilled(unit, cell))
    }

    /// What feeds a unit: of a signed type, a number near the prime is a negative one.
    fn input(&mut self, unit: usize, at: usize) -> Result<i128, Unfilled> {
        if let Some(value) = self.inputs.get((unit, at)) {
            return Ok(value);
        }
        let form = self.rows.selection.uses.get(&unit).and_then(|used| used.inputs.get(&at));
        let value = form.map_or(Ok(0), |form| self.form(form))?;
        let negative = self.rows.units.units[unit].inputs[at].ty.signed && value > PRIME / 2;
        let value = if negative { value - PRIME } else { value };
        self.inputs.set((unit, at), value);
        Ok(value)
    }

    fn form(&mut self, form: &Form) -> Result<i128, Unfilled> {
        let mut sum = 0;
        for (product, coefficient) in form.terms() {
            let mut value = coefficient.rem_euclid(PRIME);
            for var in product {
                let factor = match var {
                    Var::Cell(unit, cell) => self.cell((*unit, *cell))?,
                    var => self.rows.known(*var, self.found),
                };
                value = times(value, factor.rem_euclid(PRIME));
            }
            sum = (sum + value) % PRIME;
        }
        Ok(sum)
    }
}

/// What the leaves of an expression are worth in a row.
struct Leaves<'a> {
    found: &'a Found,
    of: &'a dyn Fn(&str) -> u64,
}

impl Environment for Leaves<'_> {
    fn read(&self, port: usize) -> u64 {
        self.found.reads[port].into()
    }

    fn pc(&self) -> u64 {
        self.found.pc.into()
    }

    fn imm(&self) -> u64 {
        self.found.imm.into()
    }

    fn local(&self, name: &str) -> u64 {
        (self.of)(name)
    }

    fn loaded(&self) -> u64 {
        self.found.loaded.into()
    }

    fn taken(&self) -> u64 {
        self.found.taken.into()
    }

    fn allows(&self, _: bool, _: u64) -> bool {
        false
    }

    fn fact(&self, _: OpFact) -> u64 {
        0
    }

    fn cell(&self, _: usize) -> u64 {
        0
    }
}

/// An expression over names alone.
pub fn eval(expr: &Expr, of: &dyn Fn(&str) -> u64) -> u64 {
    ir::eval(expr, &Leaves { found: &Found::default(), of })
}

/// Whether an integer is one that an input is made for.
pub fn is_of(value: i128, ty: crate::ir::Type) -> bool {
    let (min, max) = match ty.signed {
        true => (-(1 << (ty.width - 1)), (1 << (ty.width - 1)) - 1),
        false => (0, (1 << ty.width) - 1),
    };
    (min..=max).contains(&value)
}

/// An output's meaning for the inputs of a row.
pub fn meaning(rows: &Rows<'_>, unit: usize, expr: &Expr, found: &Found, cells: &Cells) -> i128 {
    let declared = &rows.units.units[unit];
    let of = |name: &str| {
        let at = declared.inputs.iter().position(|input| input.name == name);
        at.map_or(0, |at| {
            let input = rows.input(unit, at, found, cells);
            input as u64 & (u64::MAX >> (64 - declared.inputs[at].ty.width))
        })
    };
    let bits = eval(expr, &of);
    if expr.ty.signed { signed(bits, expr.ty).into() } else { bits.into() }
}

impl fmt::Display for Unfilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cell {} of unit {} has no value, or depends on itself", self.1, self.0)
    }
}
