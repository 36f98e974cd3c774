//! Every row of an execution held against what the spec says of rows: the units' relations and look-ups, and constraints.
//!
//! In: regenerated rows. Out: which instruction's rows break what, how many, and the first of each with its values. It is
//! what an author of a unit, a rule or an instruction works with; a prover needs none of it.

use core::convert::Infallible;
use core::fmt;
use core::ops::Range;
use std::collections::BTreeMap;

use crate::checkpoint::Stopped;
use crate::guest::Guest;
use crate::isa::units::{Factor, MAX_PLACES, PRIME, Relation, Slot, Units};
use crate::isa::{ColumnId, ColumnSource, Constraint, Found, Isa, Linear, MAX_ROWS, Op, PublicColumn, Word};
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
    /// A relation of a unit, by name.
    Relation(&'static str),
    /// A look-up, and the table that it reads.
    Lookup(&'static str, &'static str),
    /// A constraint, by name.
    Constraint(&'static str),
    /// The cell of a port is what was recorded of it.
    Port(&'static str),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relation(name) => write!(f, "relation `{name}` is not zero"),
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
        let mut scratch = Scratch::new(judge.units);
        for (at, row) in (chunk.cycles.start..chunk.cycles.end).enumerate() {
            judge.row(chunk.columns, at, row, code.ops(), &mut scratch, broken);
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
    units: &'static Units,
    columns: Vec<ColumnId>,
    /// The constraints: but those that read `last`, where the run goes on after it.
    constraints: Vec<&'static Constraint>,
    /// Of each column of the spec its place among those asked for.
    places: Vec<usize>,
    isa: core::marker::PhantomData<I>,
}

/// What one row is judged with.
struct Scratch {
    cells: Vec<Word>,
    wiring: Vec<i64>,
}

impl Scratch {
    fn new(units: &Units) -> Self {
        Self { cells: vec![0; units.cells], wiring: vec![0; units.columns.len()] }
    }
}

impl<I: Isa> Judge<I> {
    fn new(exits: bool) -> Self {
        let units = I::UNITS;
        let found = units.found;
        let mut columns: Vec<ColumnId> = found.reads.into_iter().flatten().collect();
        columns.extend(
            [found.index, found.next_pc, found.address, found.before, found.after, found.written]
                .into_iter()
                .flatten(),
        );
        let is_last =
            |id: &ColumnId| I::SPEC.columns[id.index()].source == ColumnSource::Public(PublicColumn::Last);
        let reads_last = |constraint: &&Constraint| read(constraint).iter().any(is_last);
        let constraints: Vec<&Constraint> =
            I::SPEC.constraints.iter().filter(|constraint| exits || !reads_last(constraint)).collect();
        columns.extend(constraints.iter().flat_map(|constraint| read(constraint)));
        columns.sort_unstable();
        columns.dedup();
        let places = (0..I::SPEC.columns.len())
            .map(|id| columns.iter().position(|column| column.index() == id).unwrap_or_default());
        Self { units, places: places.collect(), columns, constraints, isa: core::marker::PhantomData }
    }

    fn row(
        &self,
        columns: &[&[Word]],
        at: usize,
        row: u64,
        code: &[Op],
        scratch: &mut Scratch,
        faults: &mut Faults,
    ) {
        let cell = |id: ColumnId| columns[self.places[id.index()]][at];
        let known = |id: Option<ColumnId>| id.map_or(0, cell);
        let of = self.units.found;
        let Some(op) = code.get(known(of.index) as usize) else { return };
        let found = Found {
            reads: of.reads.map(known),
            address: known(of.address),
            before: known(of.before),
            reply: known(of.written),
            next_pc: known(of.next_pc),
        };
        let mut broken = |rule: Rule, values: &dyn Fn() -> Vec<(String, i64)>| {
            let instruction = I::SPEC.instruction(op.kind).map_or("", |instruction| instruction.name);
            let entry = faults.entry((op.kind, rule)).or_insert_with(|| Broken {
                instruction,
                rule,
                rows: 0,
                first: row,
                pc: op.pc,
                values: values(),
            });
            entry.rows += 1;
        };
        let Scratch { cells, wiring } = scratch;
        cells.fill(0);
        I::fill(op, &found, cells);
        I::wire(op, wiring);
        let cells = &*cells;
        for relation in self.units.relations {
            if value(relation, wiring, cells, &found) != 0 {
                broken(Rule::Relation(relation.name), &|| self.values(relation, cells, &found));
            }
        }
        for slot in self.units.slots {
            if let Some(table) = self.missed(slot, wiring, cells) {
                let name = self.units.tables.get(table).map_or("", |table| table.name);
                let values = || {
                    slot.places
                        .iter()
                        .map(|place| (self.name(*place), i64::from(cells[usize::from(*place)])))
                        .collect()
                };
                broken(Rule::Lookup(slot.name, name), &values);
            }
        }
        let ports = self.units.ports;
        let used = ports.used.get(usize::from(op.kind).wrapping_sub(1));
        let (writes, accesses) = used.copied().unwrap_or_default();
        for (name, is_used, place, recorded) in
            [("rd", writes, ports.written, of.written), ("mem", accesses, ports.after, of.after)]
        {
            let Some((place, recorded)) = place.zip(recorded).filter(|_| is_used) else { continue };
            let (cell, recorded) = (cells[usize::from(place)], cell(recorded));
            if cell != recorded {
                broken(Rule::Port(name), &|| {
                    vec![("by the units".to_owned(), cell.into()), ("in the run".to_owned(), recorded.into())]
                });
            }
        }
        for constraint in &self.constraints {
            let linear = |form: &Linear| {
                let value = |(id, by): &(ColumnId, i64)| {
                    i128::from(*by) * i128::from(I::SPEC.columns[id.index()].value(cell(*id)))
                };
                i128::from(form.constant) + form.terms.iter().map(value).sum::<i128>()
            };
            let product =
                |product: &crate::isa::Product| product.factors.iter().map(linear).product::<i128>();
            if constraint.products.iter().map(product).sum::<i128>() != 0 {
                let read = read(constraint);
                let values = || {
                    let column = |id: &ColumnId| {
                        let column = &I::SPEC.columns[id.index()];
                        (column.name.to_owned(), column.value(cell(*id)))
                    };
                    read.iter().map(column).collect()
                };
                broken(Rule::Constraint(constraint.name), &values);
            }
        }
    }

    /// The table that a look-up misses.
    fn missed(&self, slot: &Slot, wiring: &[i64], cells: &[Word]) -> Option<usize> {
        let tag: i64 = slot.tag.iter().map(|(column, factor)| wiring[usize::from(*column)] * factor).sum();
        let table = usize::try_from(tag).ok()?.checked_sub(1)?;
        let keys = self.units.tables.get(table).map_or(0, |table| table.keys.len());
        let mut found = [0; MAX_PLACES];
        let mut looked = [0; MAX_PLACES];
        let places = slot.places.len();
        for (cell, place) in looked.iter_mut().zip(slot.places) {
            *cell = cells[usize::from(*place)];
        }
        let hit =
            I::look_up(table, &looked[..keys], &mut found) && looked[keys..places] == found[..places - keys];
        (!hit).then_some(table)
    }

    /// The unit that a cell is of; the first of those that share it.
    fn name(&self, place: u16) -> String {
        let of = self.units.units.iter().flat_map(|unit| unit.cells.iter().map(move |cell| (unit, cell)));
        let mut named = of.filter(|(_, cell)| cell.place == place);
        named.next().map_or_else(String::new, |(unit, cell)| format!("{}.{}", unit.name, cell.name))
    }

    fn values(&self, relation: &Relation, cells: &[Word], found: &Found) -> Vec<(String, i64)> {
        let products = relation.wired.iter().map(|wired| wired.product);
        let products = products.chain(relation.fixed.iter().map(|fixed| fixed.product));
        let mut values: Vec<(String, i64)> = Vec::new();
        for factor in products.flatten() {
            let (name, value) = match factor {
                Factor::Cell(place) => (self.name(*place), cells[usize::from(*place)]),
                Factor::Read(port) => (format!("rs{}", port + 1), found.reads[usize::from(*port)]),
                Factor::NextPc => ("next_pc".to_owned(), found.next_pc),
            };
            if values.iter().all(|(known, _)| *known != name) {
                values.push((name, value.into()));
            }
        }
        values
    }
}

/// The columns that a constraint reads, each once.
fn read(constraint: &Constraint) -> Vec<ColumnId> {
    let factors = constraint.products.iter().flat_map(|product| product.factors);
    let mut read: Vec<ColumnId> = factors.flat_map(|form| form.terms.iter().map(|(id, _)| *id)).collect();
    read.sort_unstable();
    read.dedup();
    read
}

/// A relation's value modulo the prime.
fn value(relation: &Relation, wiring: &[i64], cells: &[Word], found: &Found) -> u128 {
    let product = |factors: &[Factor]| {
        factors.iter().fold(1, |all, factor| {
            let value = match factor {
                Factor::Cell(place) => cells[usize::from(*place)],
                Factor::Read(port) => found.reads[usize::from(*port)],
                Factor::NextPc => found.next_pc,
            };
            all * u128::from(value) % PRIME
        })
    };
    let reduced = |value: i128| value.rem_euclid(PRIME.cast_signed()).cast_unsigned();
    let mut sum = 0;
    for wired in relation.wired {
        let of =
            |(column, factor): &(u16, i64)| i128::from(*factor) * i128::from(wiring[usize::from(*column)]);
        let coefficient = reduced(wired.columns.iter().map(of).sum());
        if coefficient != 0 {
            sum = (sum + coefficient * product(wired.product)) % PRIME;
        }
    }
    for fixed in relation.fixed {
        sum = (sum + reduced(fixed.coefficient.into()) * product(fixed.product)) % PRIME;
    }
    sum
}
