//! Forged rows: every cell of honest rows changed, alone, with what look-ups then find, and with a second cell that mends the
//! constraint it broke. With the row's inputs fixed, which are the entry of the code table, the values read and the word of
//! memory before, none that changes what the row puts out satisfies all constraints and look-ups.
//!
//! The rows are the checker's, every instruction on edge operands; what they are judged by is the generated spec. Cells are
//! integers modulo the prime: nothing keeps a liar within a cell's width but look-ups.

use std::collections::{BTreeMap, BTreeSet};

use retrace::isa::units::{MAX_PLACES, PRIME, Slot};
use retrace::isa::{
    ColumnId, ColumnSource, Columns, Constraint, IN_TREE, Isa, Linear, Op, Rv32imabZicond, Word,
};
use retrace_codegen::check::edge_rows;
use retrace_codegen::{Model, Sources, compile};

/// How many rows of an instruction are forged: they differ in operands.
const ROWS: usize = 5;

type Spec = Rv32imabZicond;

fn model() -> Model {
    let mut sources = Sources::default();
    IN_TREE.iter().for_each(|(name, text)| sources.add_builtin(name, text));
    compile(&mut sources, Spec::SPEC.name).unwrap_or_else(|errors| panic!("{errors}"))
}

fn modulo(value: i128) -> u128 {
    value.rem_euclid(PRIME.into()) as u128
}

fn times(a: u128, b: u128) -> u128 {
    a * b % u128::from(PRIME)
}

/// a^(p − 2).
fn inverse(a: u128) -> u128 {
    let mut power = a;
    let mut product = 1;
    for bit in 0..64 {
        if (PRIME - 2) >> bit & 1 == 1 {
            product = times(product, power);
        }
        power = times(power, power);
    }
    product
}

/// A row: what each column has, modulo the prime.
#[derive(Clone)]
struct Row(Vec<u128>);

impl Row {
    fn linear(&self, form: &Linear) -> u128 {
        let term = |(id, by): &(ColumnId, i64)| times(modulo((*by).into()), self.0[id.index()]);
        form.terms
            .iter()
            .map(term)
            .fold(modulo(form.constant.into()), |sum, term| (sum + term) % u128::from(PRIME))
    }

    fn value(&self, constraint: &Constraint) -> u128 {
        let product = |factors: &[Linear]| factors.iter().map(|form| self.linear(form)).fold(1, times);
        let products = constraint.products.iter().map(|of| product(of.factors));
        products.fold(0, |sum, product| (sum + product) % u128::from(PRIME))
    }

    /// What a look-up's table has for its keys; none if the look-up is not made, or the keys are out of range.
    fn found(&self, slot: &Slot) -> Option<(usize, [Word; MAX_PLACES])> {
        if self.linear(&slot.made) == 0 {
            return None;
        }
        let table = self.linear(&slot.tag) as usize - 1;
        let keys = Spec::UNITS.tables[table].keys.len();
        let words: Option<Vec<Word>> =
            slot.places[..keys].iter().map(|id| Word::try_from(self.0[id.index()]).ok()).collect();
        let mut found = [0; MAX_PLACES];
        Spec::look_up(table, &words?, &mut found).then_some((keys, found))
    }

    fn finds(&self, slot: &Slot) -> bool {
        self.linear(&slot.made) == 0
            || self.found(slot).is_some_and(|(keys, found)| {
                let values = slot.places[keys..].iter().zip(found);
                values.into_iter().all(|(id, found)| self.0[id.index()] == found.into())
            })
    }

    /// The same with what look-ups find for a changed key.
    fn looked_up(&self, changed: usize) -> Self {
        let mut row = self.clone();
        for slot in Spec::UNITS.slots {
            let Some((keys, found)) = row.found(slot) else { continue };
            if slot.places[..keys].iter().any(|id| id.index() == changed) {
                for (id, found) in slot.places[keys..].iter().zip(found) {
                    row.0[id.index()] = found.into();
                }
            }
        }
        row
    }

    /// What it breaks, by name.
    fn broken(&self) -> Vec<&'static str> {
        let constraints = Spec::SPEC.constraints.iter().filter(|constraint| self.value(constraint) != 0);
        let slots = Spec::UNITS.slots.iter().filter(|slot| !self.finds(slot));
        constraints.map(|constraint| constraint.name).chain(slots.map(|slot| slot.name)).collect()
    }
}

/// An instruction's row, with what it puts out.
struct Honest {
    row: Row,
    kind: usize,
}

impl Honest {
    /// What a row puts out: the ports' values, where execution goes, and which word is accessed.
    fn outputs(&self, row: &Row) -> Vec<u128> {
        let [next, address] =
            ["next_pc", "mem_word"].map(|name| row.0[Spec::SPEC.column(name).expect("it is there").index()]);
        let ports = Spec::UNITS.ports.iter().filter(|port| Spec::UNITS.units[port.unit].by[self.kind]);
        ports.map(|port| row.0[port.cell.index()]).chain([next, address]).collect()
    }
}

/// A row of the checker's by the generated spec's columns.
fn honest(kind: usize, given: &retrace_codegen::check::Row) -> Honest {
    let spec = Spec::SPEC;
    let stored: Vec<ColumnId> = (0..spec.stored as u16).map(ColumnId).collect();
    let mut columns = Columns::new(spec.stored);
    for (column, cell) in given.cells[..spec.recorded].iter().enumerate() {
        columns.column_mut(column)[0] = *cell as Word;
    }
    columns.column_mut(spec.index.index())[0] = 1;
    let mut op = Spec::decode(given.case.word, given.case.pc);
    if let Some(variant) = kind.checked_sub(spec.instructions.len()) {
        op = spec.variant_entries(op).nth(variant).expect("it is there");
    }
    let code = [Op::default(), op];
    Spec::derive(&mut columns, 1, &code, &stored);
    let row = spec.columns.iter().enumerate().map(|(at, column)| match column.source {
        ColumnSource::Public(_) => u128::from(column.name == "active"),
        _ => modulo(column.value(columns.column(at)[0]).into()),
    });
    Honest { row: Row(row.collect()), kind }
}

/// Other values of a cell: the ends of words and limbs, its neighbours, other high and low bits, and a negative.
fn changes(cell: u128) -> Vec<u128> {
    let cell = cell as i128;
    let ends = [0, 1, 2, 3, 0xff, 0xffff, 0x1_0000, 0xffff_ffff, -1];
    let near = [cell - 1, cell + 1, cell + 4, cell ^ 0x80, cell ^ 0x8000, cell ^ 2, cell + 0x1_0000, -cell];
    let mut changes: Vec<u128> = ends.into_iter().chain(near).map(modulo).collect();
    changes.sort_unstable();
    changes.dedup();
    changes.retain(|value| *value != cell as u128);
    changes
}

/// What a column has to be for a constraint to hold, with all else as it is; none if the constraint is not linear in it.
fn solve(row: &Row, constraint: &Constraint, column: usize) -> Option<u128> {
    let at = |value: u128| {
        let mut row = row.clone();
        row.0[column] = value;
        row.value(constraint) as i128
    };
    let (zero, one, two) = (at(0), at(1), at(2));
    let slope = modulo(one - zero);
    (slope != 0 && modulo(two - one) == slope).then(|| times(modulo(-zero), inverse(slope)))
}

#[test]
fn no_forged_row_that_changes_an_output_passes() {
    let spec = Spec::SPEC;
    let name = |kind: usize| spec.kind_name(kind as u8 + 1).expect("it is there");
    let model = model();
    // What a liar chooses: the cells, where execution goes, and which word is accessed.
    let is_open = |at: &usize| {
        let column = &spec.columns[*at];
        column.source == ColumnSource::Cell || ["next_pc", "mem_word"].contains(&column.name)
    };
    let open: Vec<usize> = (0..spec.stored).filter(is_open).collect();
    let reads = |constraint: &Constraint| -> BTreeSet<usize> {
        let factors = constraint.products.iter().flat_map(|of| of.factors).flat_map(|form| form.terms);
        factors.map(|(id, _)| id.index()).filter(|at| open.contains(at)).collect()
    };
    let reads: BTreeMap<&str, (&Constraint, BTreeSet<usize>)> = spec
        .constraints
        .iter()
        .map(|constraint| (constraint.name, (constraint, reads(constraint))))
        .collect();
    // The word before is the memory's, where there is an access.
    let memory = Spec::UNITS.units.iter().find(|unit| unit.name == "mem").expect("it is there");
    let before =
        memory.cells.iter().find(|cell| cell.name == "mem.before").expect("it is there").column.index();
    let (mut forged, mut alone, mut passed) = (0u64, BTreeMap::<&str, u64>::new(), Vec::new());
    for (kind, rows) in edge_rows(&model).iter().enumerate() {
        for given in rows.iter().step_by(rows.len().div_ceil(ROWS).max(1)) {
            let honest = honest(kind, given);
            assert_eq!(honest.row.broken(), [""; 0], "{}: {}", name(kind), given.case);
            let outputs = honest.outputs(&honest.row);
            let mut judge = |row: &Row| -> Vec<&'static str> {
                forged += 1;
                let broken = row.broken();
                if honest.outputs(row) != outputs {
                    match broken[..] {
                        [] => passed.push((name(kind), given.case.to_string())),
                        [only] => *alone.entry(only).or_default() += 1,
                        _ => {}
                    }
                }
                broken
            };
            let given_before = memory.by[kind].then_some(before);
            for at in open.iter().filter(|at| Some(**at) != given_before) {
                for value in changes(honest.row.0[*at]) {
                    let mut one = honest.row.clone();
                    one.0[*at] = value;
                    for one in [one.looked_up(*at), one] {
                        let broken = judge(&one);
                        // A second cell that mends what the first broke, and what look-ups then find.
                        let Some((constraint, columns)) = broken.first().and_then(|name| reads.get(name))
                        else {
                            continue;
                        };
                        for other in
                            columns.iter().filter(|other| *other != at && Some(**other) != given_before)
                        {
                            let Some(value) = solve(&one, constraint, *other) else { continue };
                            let mut two = one.clone();
                            two.0[*other] = value;
                            judge(&two.looked_up(*other));
                            judge(&two);
                        }
                    }
                }
            }
        }
    }
    assert_eq!(passed, [], "of {forged}");
    assert!(forged > 400_000, "{forged}");
    // What refuses a lie that nothing else does: without it that lie would pass.
    let rules =
        spec.constraints.iter().map(|of| of.name).chain(Spec::UNITS.slots.iter().map(|slot| slot.name));
    let idle: Vec<&str> = rules.filter(|name| !alone.contains_key(name)).collect();
    insta::assert_snapshot!(idle.join("\n"));
}
