//! What a kind of instruction, or a call's variant, has in a row: its columns' roles, what it puts out, and rows of it.

use std::fmt;

use retrace::isa::{ColumnId, ColumnSource, Columns, Isa, Op};
use retrace_codegen::Model;
use retrace_codegen::check::Row;
use retrace_codegen::model::{READS, Recorded, WRITES};
use retrace_codegen::units::form::{Form, Var};
use retrace_codegen::units::row::{Cells, Found, Rows};
use retrace_codegen::units::select::Selection;
use retrace_codegen::units::{PRIME, Port};

use super::rules::{Column, Sum, modulo, names, times};

/// What a column is to a row of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// An input: which argument it is left to.
    Left(Argument),
    /// What the row puts out.
    Output,
    /// A cell of a unit that the kind uses, or the address of no access.
    Own,
    /// A cell of units that the kind does not use, or a port that it does not read.
    Idle,
}

/// What ties the inputs of rows to each other, and to the program and its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Argument {
    Program,
    Registers,
    Memory,
    Input,
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Program => "program",
            Self::Registers => "registers",
            Self::Memory => "memory",
            Self::Input => "input",
        })
    }
}

/// The columns of a spec that rules read, by what they are.
pub struct Spec<'m, I> {
    pub model: &'m Model,
    scratch: Columns,
    code: Vec<ColumnId>,
    isa: std::marker::PhantomData<I>,
}

impl<'m, I: Isa> Spec<'m, I> {
    pub fn new(model: &'m Model) -> Self {
        let code = (0..I::SPEC.stored as u16).map(ColumnId);
        let code = code.filter(|id| I::SPEC.columns[id.index()].source == ColumnSource::Code).collect();
        Self { model, scratch: Columns::new(I::SPEC.stored), code, isa: std::marker::PhantomData }
    }

    fn recording(&self, what: &Recorded) -> Option<Column> {
        self.model.recording(what)
    }

    /// The name of the column of what a port reads.
    pub fn reads(&self, port: usize) -> Option<&'static str> {
        Some(I::SPEC.columns[self.recording(&Recorded::Read(port))?].name)
    }

    pub fn public(name: &str) -> Column {
        I::SPEC.column(name).expect("every spec has it").index()
    }

    /// The column of what a form reads; none of a constant of the entry.
    fn column(&self, var: Var) -> Option<Column> {
        match var {
            Var::Cell(unit, cell) => Some(Self::cell((unit, cell))),
            Var::Read(port) => self.recording(&Recorded::Read(port)),
            Var::NextPc => self.recording(&Recorded::NextPc),
            Var::Taken => self.recording(&Recorded::Input),
            Var::Address => self.model.units.address,
            _ => None,
        }
    }

    pub fn cell((unit, cell): (usize, usize)) -> Column {
        I::UNITS.units[unit].cells[cell].column.index()
    }

    pub fn selection(&self, kind: usize) -> Option<&'m Selection> {
        self.model.selections[kind].as_ref()
    }

    pub fn rows(&self, kind: usize) -> Option<Rows<'m>> {
        Some(Rows { units: &self.model.units, selection: self.selection(kind)? })
    }

    /// What each column is to a kind; none of what no rule reads and what is in no row.
    pub fn roles(&self, kind: usize) -> Vec<Role> {
        let Some(selection) = self.selection(kind) else { return Vec::new() };
        // What a spec's own constraints read is no unit's, and bound by these alone.
        let mut roles: Vec<Role> = vec![Role::Left(Argument::Program); I::SPEC.columns.len()];
        own::<I>().for_each(|column| roles[column] = Role::Own);
        roles[I::SPEC.index.index()] = Role::Left(Argument::Program);
        let units = I::UNITS.units.iter();
        for column in units.flat_map(|unit| unit.cells).map(|cell| cell.column.index()) {
            roles[column] = Role::Idle;
        }
        for (at, unit) in I::UNITS.units.iter().enumerate().filter(|(_, unit)| unit.by[kind]) {
            for (place, cell) in unit.cells.iter().enumerate() {
                let role = match (self.model.units.units[at].port, place) {
                    (Some(Port::Write(_)), 0) | (Some(Port::Memory), 1) => Role::Output,
                    (Some(Port::Memory), _) => Role::Left(Argument::Memory),
                    _ => Role::Own,
                };
                roles[cell.column.index()] = role;
            }
        }
        let instruction = self.model.kind(kind);
        for port in 0..READS.len() {
            let Some(column) = self.recording(&Recorded::Read(port)) else { continue };
            let reads = instruction.defines(&Recorded::Read(port));
            roles[column] = if reads { Role::Left(Argument::Registers) } else { Role::Idle };
        }
        if let Some(column) = self.recording(&Recorded::Input) {
            roles[column] = if selection.input.is_some() { Role::Left(Argument::Input) } else { Role::Idle };
        }
        if let Some(column) = self.model.units.address {
            roles[column] = if selection.address.is_some() { Role::Output } else { Role::Own };
        }
        roles[self.recording(&Recorded::NextPc).expect("every spec has it")] = Role::Output;
        roles
    }

    /// A form over columns, for what an instruction finds.
    fn sum(&self, form: &Form, rows: Rows<'_>, found: &Found) -> Sum {
        let product = |(vars, coefficient): (&[Var], i128)| {
            vars.iter().fold((modulo(coefficient), Vec::new()), |(by, mut columns), var| {
                match self.column(*var) {
                    Some(column) => {
                        columns.push(column);
                        (by, columns)
                    }
                    None => (times(by, modulo(rows.known(*var, found))), columns),
                }
            })
        };
        form.terms().map(product).collect()
    }

    /// What a row puts out: where execution goes, which word is accessed, what ports write, what streams take and give.
    pub fn outputs(&self, kind: usize, found: &Found) -> Vec<Sum> {
        let Some(rows) = self.rows(kind) else { return Vec::new() };
        let Selection { uses, input, output, address, .. } = rows.selection;
        let units = &self.model.units;
        let writes = (0..WRITES.len()).map(|at| (Port::Write(at), 0)).chain([(Port::Memory, 1)]);
        let ports = writes.filter_map(|(port, cell)| {
            let unit = units.port(port).filter(|unit| uses.contains_key(unit))?;
            Some(Self::cell((unit, cell)))
        });
        let columns = self.column(Var::NextPc).into_iter().chain(units.address.filter(|_| address.is_some()));
        let columns = columns.chain(ports).map(|column| vec![(1, vec![column])]);
        let input = input.iter().flat_map(|taken| [&taken.left, &taken.count]);
        let output = output.iter().flat_map(|put| [&put.position, &put.count, &put.value]);
        columns.chain(input.chain(output).map(|form| self.sum(form, rows, found))).collect()
    }

    /// The entry of the code table for a kind.
    pub fn entry(&self, kind: usize, word: u32, pc: u32) -> Op {
        let op = I::decode(word, pc);
        match kind.checked_sub(I::SPEC.instructions.len()) {
            Some(variant) => I::SPEC.variant_entries(op).nth(variant).expect("it is there"),
            None => op,
        }
    }

    /// The checker's row.
    pub fn honest(&mut self, kind: usize, given: &Row) -> (Found, Cells, Vec<u128>) {
        let found = given.found(&self.model.units);
        let rows = self.rows(kind).expect("it has rows");
        let cells = rows.fill(&found).expect("honest rows have all cells");
        let entry = self.entry(kind, given.case.word, given.case.pc);
        let mut row = self.row(entry, &found, &cells);
        let roles = self.roles(kind);
        for column in own::<I>().filter(|column| roles[*column] == Role::Own) {
            row[column] = modulo(given.cells[column].into());
        }
        (found, cells, row)
    }

    /// A row: what the entry says, what the instruction finds, and cells.
    pub fn row(&mut self, entry: Op, found: &Found, cells: &Cells) -> Vec<u128> {
        self.scratch.column_mut(I::SPEC.index.index())[0] = 1;
        I::derive(&mut self.scratch, 1, &[Op::default(), entry], &self.code);
        let mut row = vec![0; I::SPEC.columns.len()];
        for id in &self.code {
            let cell = self.scratch.column(id.index())[0];
            row[id.index()] = modulo(I::SPEC.columns[id.index()].value(cell).into());
        }
        row[I::SPEC.index.index()] = 1;
        row[Self::public("active")] = 1;
        let reads = (0..READS.len()).map(|port| (Var::Read(port), found.reads[port]));
        let known = [(Var::NextPc, found.next_pc), (Var::Address, found.word), (Var::Taken, found.taken)];
        for (var, value) in reads.chain(known) {
            if let Some(column) = self.column(var) {
                row[column] = value.into();
            }
        }
        for (cell, value) in cells.iter() {
            row[Self::cell(cell)] = modulo(value);
        }
        row
    }

    /// Where a row goes and what it accesses, by its own cells: what a row has that traps and goes on all the same.
    pub fn gone_on(&self, kind: usize, mut found: Found, cells: &Cells) -> Found {
        let Some(rows) = self.rows(kind) else { return found };
        found.next_pc = rows.value(&rows.selection.next, &found, cells).rem_euclid(PRIME) as u32;
        let address = rows.selection.address.as_ref();
        found.word = address.map_or(0, |form| rows.value(form, &found, cells).rem_euclid(PRIME) as u32);
        found
    }
}

/// The columns that a spec declares, and its rules read.
fn own<I: Isa>() -> impl Iterator<Item = Column> {
    let forms =
        I::SPEC.constraints.iter().flat_map(|constraint| constraint.products).flat_map(|of| of.factors);
    let read = forms.flat_map(|form| form.terms).map(|(id, _)| id);
    let read = read.chain(I::UNITS.slots.iter().flat_map(|slot| slot.places)).map(|id| id.index());
    read.filter(|at| matches!(I::SPEC.columns[*at].source, ColumnSource::Recorded | ColumnSource::Derived))
}

/// The place of a rule.
pub fn rule_named<I: Isa>(name: &str) -> usize {
    names::<I>().iter().position(|rule| *rule == name).expect("there is such a rule")
}
