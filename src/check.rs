//! Every row of an execution held against what the spec says of rows: constraints, the units' relations among them, and
//! look-ups.
//!
//! In: regenerated rows. Out: which instruction's rows break what, how many, and the first of each with its values. It is
//! what an author of a unit, a rule or an instruction works with; a prover needs none of it.

use core::convert::Infallible;
use core::fmt;
use core::ops::Range;
use std::collections::BTreeMap;

use crate::checkpoint::Stopped;
use crate::guest::Guest;
use crate::isa::units::{Bound, MAX_PLACES, PRIME, Slot, Unit};
use crate::isa::{
    ColumnId, ColumnSource, Constraint, Instruction, Isa, Linear, MAX_ROWS, Product, PublicColumn, Word,
};
use crate::replay::{ReplayError, StreamingWitnessGenerator};

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// How many rows.
    pub rows: u64,
    /// What they break, by instruction.
    pub broken: Vec<Broken>,
}

/// Something that rows of one instruction break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The instruction.
    pub instruction: &'static str,
    /// What.
    pub rule: Rule,
    /// What the instruction's compiled form says there, of a relation that is no unit's.
    pub compiled: Option<&'static str>,
    /// How many rows do.
    pub rows: u64,
    /// The first of them.
    pub first: u64,
    /// The address of the first one's instruction.
    pub pc: Word,
    /// What the first one has in the cells, registers and columns that the rule reads, by name.
    pub values: Vec<(String, i64)>,
}

/// What is said of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A constraint or a relation of a unit, by name.
    Constraint(&'static str),
    /// A look-up, and the table that it reads.
    Lookup(&'static str, &'static str),
    /// The cell of a port is what was recorded of it.
    Port(&'static str),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup(slot, table) => write!(f, "look-up `{slot}` finds no such entry of table `{table}`"),
            Self::Constraint(name) => write!(f, "constraint `{name}` is not zero"),
            Self::Port(name) => write!(f, "port `{name}` has another value than the run"),
        }
    }
}

/// Holds rows against all that is said of rows, on the generator's threads. O(rows · size of the spec) time; space as for
/// any replay, and a few values for each kind of fault.
///
/// # Errors
/// [`ReplayError`]: the rows cannot be regenerated.
pub fn check<I: Isa, G: Guest>(
    generator: &StreamingWitnessGenerator<I, G>,
    rows: Range<u64>,
) -> Result<Checked, ReplayError<Infallible>> {
    let exits = matches!(generator.execution().stopped(), Stopped::Exited(_));
    let judge = Judge::<I>::new(exits);
    let code = generator.execution().program().code();
    let count = rows.end.saturating_sub(rows.start);
    let visit = |broken: &mut Faults, chunk: &crate::oracle::Chunk<'_>| {
        for (at, row) in (chunk.cycles.start..chunk.cycles.end).enumerate() {
            let cells = Row { judge: &judge, columns: chunk.columns, at };
            if let Some(op) = code.ops().get(cells.word(I::SPEC.index) as usize) {
                judge.row(&cells, (row, op.kind, op.pc), broken);
            }
        }
        Ok(())
    };
    let broken = generator.reduce(rows, &judge.columns, MAX_ROWS, Faults::new, visit, merge)?;
    Ok(Checked { rows: count, broken: broken.into_values().collect() })
}

/// By instruction and rule.
type Faults = BTreeMap<(u8, Rule), Broken>;

/// Of rows before and rows after.
fn merge(mut before: Faults, after: Faults) -> Faults {
    for (key, broken) in after {
        match before.get_mut(&key) {
            Some(known) => known.rows += broken.rows,
            None => {
                before.insert(key, broken);
            }
        }
    }
    before
}

/// What is asked of each row, and the columns that it takes.
struct Judge<I> {
    columns: Vec<ColumnId>,
    /// The constraints: but those that read `last`, where the run goes on after it.
    constraints: Vec<&'static Constraint>,
    /// Of each column of the spec its place among those asked for.
    places: Vec<usize>,
    isa: core::marker::PhantomData<I>,
}

/// One row's cells.
struct Row<'a, I> {
    judge: &'a Judge<I>,
    columns: &'a [&'a [Word]],
    at: usize,
}

impl<I: Isa> Row<'_, I> {
    fn word(&self, id: ColumnId) -> Word {
        self.columns[self.judge.places[id.index()]][self.at]
    }

    /// What a form is as an integer: of words and 64-bit coefficients it is far within 128 bits.
    fn linear(&self, form: &Linear) -> i128 {
        let term = |(id, by): &(ColumnId, i64)| i128::from(*by) * i128::from(self.integer(*id));
        i128::from(form.constant) + form.terms.iter().map(term).sum::<i128>()
    }

    fn integer(&self, id: ColumnId) -> i64 {
        I::SPEC.columns[id.index()].value(self.word(id))
    }

    /// A product modulo the prime.
    fn product(&self, product: &Product) -> u128 {
        let prime = u128::from(PRIME);
        let factor = |form: &Linear| self.linear(form).rem_euclid(prime.cast_signed()).cast_unsigned();
        product.factors.iter().map(factor).fold(1, |all, factor| all * factor % prime)
    }
}

impl<I: Isa> Judge<I> {
    fn new(exits: bool) -> Self {
        let spec = I::SPEC;
        let units = I::UNITS;
        let is_last =
            |id: &ColumnId| spec.columns[id.index()].source == ColumnSource::Public(PublicColumn::Last);
        let reads_last = |constraint: &&Constraint| read(constraint.products).iter().any(is_last);
        let constraints: Vec<&Constraint> =
            spec.constraints.iter().filter(|constraint| exits || !reads_last(constraint)).collect();
        let mut columns = vec![spec.index];
        columns.extend(constraints.iter().flat_map(|constraint| read(constraint.products)));
        let forms = units.slots.iter().flat_map(|slot| [slot.made, slot.tag]);
        columns.extend(forms.flat_map(|form| form.terms).map(|(id, _)| *id));
        columns.extend(units.slots.iter().flat_map(|slot| slot.places));
        columns.extend(units.ports.iter().flat_map(|port| [port.cell, port.recorded]));
        columns.sort_unstable();
        columns.dedup();
        let place = |id| columns.iter().position(|column| column.index() == id).unwrap_or_default();
        let places = (0..spec.columns.len()).map(place).collect();
        Self { columns, constraints, places, isa: core::marker::PhantomData }
    }

    fn row(&self, cells: &Row<'_, I>, (row, kind, pc): (u64, u8, Word), faults: &mut Faults) {
        let mut broken = |rule: Rule, values: &dyn Fn() -> Vec<(String, i64)>| {
            let instruction = I::SPEC.instruction(kind);
            let compiled = instruction.and_then(|instruction| said(instruction, rule));
            let instruction = instruction.map_or("", |instruction| instruction.name);
            let first = || Broken { instruction, rule, compiled, rows: 0, first: row, pc, values: values() };
            faults.entry((kind, rule)).or_insert_with(first).rows += 1;
        };
        let named = |id: ColumnId, owner: &str| (name::<I>(id, owner, kind), cells.integer(id));
        for constraint in &self.constraints {
            let products = constraint.products.iter().map(|product| cells.product(product));
            if products.fold(0, |sum, product| (sum + product) % u128::from(PRIME)) != 0 {
                let owner = constraint.name.split(':').next().unwrap_or_default();
                broken(Rule::Constraint(constraint.name), &|| {
                    self.read(constraint, cells).into_iter().map(|id| named(id, owner)).collect()
                });
            }
        }
        for slot in I::UNITS.slots {
            if let Some(table) = missed::<I>(slot, cells) {
                let owner = slot.name.split('.').next().unwrap_or_default();
                broken(Rule::Lookup(slot.name, table), &|| {
                    slot.places.iter().map(|id| named(*id, owner)).collect()
                });
            }
        }
        for Bound { unit, cell, recorded } in I::UNITS.ports {
            let unit = &I::UNITS.units[*unit];
            let (by_units, run) = (cells.integer(*cell), cells.integer(*recorded));
            if unit.is_used(kind) && by_units != run {
                let values = [("by the units", by_units), ("in the run", run)];
                broken(Rule::Port(unit.name), &|| {
                    values.map(|(name, value)| (name.to_owned(), value)).into()
                });
            }
        }
    }

    /// The columns that count in the row: those of the code table that are not zero, and what stands beside them.
    fn read(&self, constraint: &Constraint, cells: &Row<'_, I>) -> Vec<ColumnId> {
        let is_code = |id: &ColumnId| I::SPEC.columns[id.index()].source == ColumnSource::Code;
        let mut columns = Vec::new();
        for product in constraint.products {
            let of_code =
                |form: &&Linear| !form.terms.is_empty() && form.terms.iter().all(|(id, _)| is_code(id));
            if product.factors.iter().filter(of_code).all(|form| cells.linear(form) != 0) {
                columns.extend(read(core::slice::from_ref(product)).into_iter().filter(|id| !is_code(id)));
            }
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

/// What an instruction's compiled form says of what it asserts, where it goes, and what it accesses.
fn said(instruction: &Instruction, rule: Rule) -> Option<&'static str> {
    let Rule::Constraint(name) = rule else { return None };
    let (what, at) = match name {
        "next_pc" => ("next pc", 0),
        "address" => ("address", 0),
        name => ("assert", name.strip_prefix("assert ")?.parse().ok()?),
    };
    instruction.compiled.iter().filter(|(known, _)| *known == what).nth(at).map(|(_, text)| *text)
}

/// The name of a column: of a cell that units share, the name that it has in the unit that is meant, or that the
/// instruction uses.
fn name<I: Isa>(id: ColumnId, owner: &str, kind: u8) -> String {
    let of = |unit: &Unit| unit.cells.iter().find(|cell| cell.column == id);
    let units = || I::UNITS.units.iter();
    let own = units().find(|unit| unit.name == owner).and_then(of);
    let cell = own.or_else(|| units().filter(|unit| unit.is_used(kind)).find_map(of));
    cell.map_or(I::SPEC.columns[id.index()].name, |cell| cell.name).to_owned()
}

/// The table that a look-up misses, by name; no name if there is no such table.
fn missed<I: Isa>(slot: &Slot, cells: &Row<'_, I>) -> Option<&'static str> {
    if cells.linear(&slot.made) == 0 {
        return None;
    }
    let at = usize::try_from(cells.linear(&slot.tag)).ok().and_then(|tag| tag.checked_sub(1));
    let Some((at, table)) = at.and_then(|at| Some((at, I::UNITS.tables.get(at)?))) else { return Some("") };
    let keys = table.keys.len();
    let mut found = [0; MAX_PLACES];
    let mut looked = [0; MAX_PLACES];
    let places = slot.places.len();
    for (cell, place) in looked.iter_mut().zip(slot.places) {
        *cell = cells.word(*place);
    }
    let hit = I::look_up(at, &looked[..keys], &mut found) && looked[keys..places] == found[..places - keys];
    (!hit).then_some(table.name)
}

/// The columns that products read, each once.
fn read(products: &[Product]) -> Vec<ColumnId> {
    let factors = products.iter().flat_map(|product| product.factors);
    let mut read: Vec<ColumnId> = factors.flat_map(|form| form.terms.iter().map(|(id, _)| *id)).collect();
    read.sort_unstable();
    read.dedup();
    read
}
