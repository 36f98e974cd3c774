//! What a spec declares of a row: tables of look-ups, ports, units, and which cells share a column. Names are resolved, and
//! texts typed.

use super::{bad, counted, find_table, type_of, typed};
use crate::check::XLEN;
use crate::check::columns;
use crate::check::forms::{self, Names};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::{Expr, ExprKind, Type};
use crate::model::{Class, Column, WRITES};
use crate::parse::{Entry, TableTable, Tables, Text, UnitTable};
use crate::source::Span;
use crate::units::form::{Form, Var};
use crate::units::{Cell, Input, MAX_PLACES, Output, Port, Relation, Slot, Table, Unit, Units};

/// The most bits of a table's keys together: a verifier evaluates the table, or a prover commits to it.
const MAX_KEY_BITS: u32 = 18;

/// The widest cell: an integer of so many bits is below any prime that is used.
const MAX_CELL_BITS: u32 = 32;

/// The ports as units: what the runtime binds, and a relation that says what the instruction asks for.
pub(super) fn ports(tables: &Tables, errors: &mut Vec<Diagnostic>) -> Vec<Unit> {
    let Some(table) = tables.ports.first() else { return Vec::new() };
    if let Some(third) = table.write.get(WRITES.len()) {
        let what = format!("a row writes at most {} registers", WRITES.len());
        bad(&third.span, &what, &format!("name the units of {}", WRITES.join(" and ")), errors);
    }
    let cell = |name: &str| Cell { name: name.to_owned(), bits: 32, fill: None, overlays: None };
    let input = |name: &str| Input { name: name.to_owned(), ty: Type::unsigned(32), default: 0 };
    let minus = |cell: Var, input: Form| &Form::from(cell) - &input;
    let write = table.write.iter().take(WRITES.len()).enumerate().map(|(at, name)| Unit {
        name: name.value.clone(),
        doc: "A register written.".to_owned(),
        inputs: vec![input("written")],
        cells: vec![Cell {
            fill: Some(Expr::new(ExprKind::Local("written".to_owned()), Type::unsigned(32))),
            ..cell("value")
        }],
        relations: vec![Relation {
            text: "value = written".to_owned(),
            form: minus(Var::Cell(usize::MAX, 0), Form::from(Var::Input(0))),
        }],
        slots: Vec::new(),
        outputs: Vec::new(),
        port: Some(Port::Write(at)),
        span: name.span.clone(),
    });
    let memory = table.memory.iter().map(|name| Unit {
        name: name.value.clone(),
        doc: "The word of memory that is accessed.".to_owned(),
        inputs: vec![input("after")],
        cells: vec![
            cell("before"),
            Cell {
                fill: Some(Expr::new(ExprKind::Local("after".to_owned()), Type::unsigned(32))),
                ..cell("after")
            },
            Cell { bits: 1, ..cell("writable") },
        ],
        relations: vec![Relation { text: "on * after = after".to_owned(), form: minus_on(1) }],
        slots: Vec::new(),
        outputs: vec![Output {
            name: "before".to_owned(),
            form: Form::from(Var::Cell(usize::MAX, 0)),
            means: None,
            given: Vec::new(),
            tables: Vec::new(),
        }],
        port: Some(Port::Memory),
        span: name.span.clone(),
    });
    let mut units: Vec<Unit> = write.chain(memory).collect();
    for (at, unit) in units.iter_mut().enumerate() {
        placed(unit, at);
    }
    units
}

/// The column that has the address of the word that is accessed.
pub(super) fn address(tables: &Tables, declared: &[Column], errors: &mut Vec<Diagnostic>) -> Option<usize> {
    let table = tables.ports.first()?;
    match (&table.memory, &table.address) {
        (Some(_), Some(name)) => {
            let at = columns::find(name, declared, errors)?;
            if declared[at].class != Class::Unsigned(XLEN) {
                let what = format!("column `{}` does not have words", name.value);
                bad(&name.span, &what, "give it class = \"u32\"", errors);
            }
            Some(at)
        }
        (Some(memory), None) => {
            let hint = "derive it from what mem.address records, and name it: address = \"mem_word\"";
            bad(&memory.span, "no column has the address of the word that is accessed", hint, errors);
            None
        }
        (None, Some(address)) => {
            bad(&address.span, "no word of memory is accessed", "name the port: memory = \"mem\"", errors);
            None
        }
        (None, None) => None,
    }
}

/// on · cell − the input that it is to be.
fn minus_on(cell: usize) -> Form {
    let kept = &Form::from(Var::On) * &Form::from(Var::Cell(usize::MAX, cell));
    &kept - &Form::from(Var::Input(0))
}

/// Gives a unit's own cells its place.
pub(super) fn placed(unit: &mut Unit, at: usize) {
    let own = &mut |var| match var {
        Var::Cell(usize::MAX, cell) => Some(Form::from(Var::Cell(at, cell))),
        _ => None,
    };
    unit.relations.iter_mut().for_each(|relation| relation.form = relation.form.put(own));
    unit.outputs.iter_mut().for_each(|output| output.form = output.form.put(own));
}

pub(super) fn lookup_table(table: &TableTable, errors: &mut Vec<Diagnostic>) -> Option<Table> {
    let before = errors.len();
    let mut keys: Vec<(String, u32)> = Vec::new();
    for Entry { key, value } in &table.keys {
        let bits = value.value.strip_prefix('u').and_then(|bits| bits.parse::<u32>().ok());
        match bits.filter(|bits| *bits <= MAX_KEY_BITS) {
            Some(bits) => keys.push((key.value.clone(), bits)),
            None => bad(&value.span, "a key is u0 to u18", "u0 is a key that is always 0", errors),
        }
    }
    if errors.len() > before {
        return None;
    }
    let bits: u32 = keys.iter().map(|(_, bits)| bits).sum();
    if bits > MAX_KEY_BITS {
        let most = format!("at most {MAX_KEY_BITS} bits of keys: 2^{MAX_KEY_BITS} entries");
        bad(&table.name.span, &format!("table `{}` has 2^{bits} entries", table.name.value), &most, errors);
    }
    if keys.len() + table.values.len() > MAX_PLACES {
        let message = format!("table `{}` has more than {MAX_PLACES} keys and values", table.name.value);
        bad(&table.name.span, &message, "a look-up has no more cells", errors);
    }
    let names: Vec<(String, Type)> =
        keys.iter().map(|(name, bits)| (name.clone(), Type::unsigned((*bits).max(1)))).collect();
    let mut values = Vec::new();
    for Entry { key, value } in &table.values {
        let Some(expr) = typed(value, &names, &[], None, errors) else { continue };
        if expr.ty.signed {
            bad(&value.span, "a table's values are not signed", "say unsigned(…)", errors);
        }
        if expr.ty.width > MAX_CELL_BITS {
            let what = format!("a value of {} bits does not fit a cell", expr.ty.width);
            bad(&value.span, &what, "at most 32 bits: take a slice of it", errors);
        }
        values.push((key.value.clone(), expr));
    }
    once(table.keys.iter().chain(&table.values).map(|entry| &entry.key), "a key or value", errors);
    (errors.len() == before).then(|| Table {
        name: table.name.value.clone(),
        doc: table.doc.value.clone(),
        keys,
        values,
        span: table.name.span.clone(),
    })
}

pub(super) fn unit(table: &UnitTable, tables: &[Table], errors: &mut Vec<Diagnostic>) -> Option<Unit> {
    let before = errors.len();
    let mut inputs: Vec<Input> = Vec::new();
    for Entry { key, value } in &table.inputs {
        match type_of(&value.value) {
            Some(ty) => inputs.push(Input { name: key.value.clone(), ty, default: 0 }),
            None => bad(&value.span, "this is no type", "u1 to u64, i1 to i64", errors),
        }
    }
    for Entry { key, value } in &table.defaults {
        match inputs.iter_mut().find(|input| input.name == key.value) {
            Some(input) => input.default = value.value.into(),
            None => {
                bad(&key.span, &format!("there is no input `{}`", key.value), "name one of `inputs`", errors)
            }
        }
    }
    let names: Vec<(String, Type)> = inputs.iter().map(|input| (input.name.clone(), input.ty)).collect();
    let mut cells: Vec<Cell> = Vec::new();
    for Entry { key, value } in &table.cells {
        let bits = if value.value == "bit" {
            Some(1)
        } else {
            type_of(&value.value).filter(|ty| !ty.signed).map(|ty| ty.width)
        };
        match bits.filter(|bits| *bits <= MAX_CELL_BITS) {
            Some(bits) => cells.push(Cell { name: key.value.clone(), bits, fill: None, overlays: None }),
            None => bad(&value.span, "this is no width of a cell", "bit, u1 to u32", errors),
        }
    }
    // What follows names inputs and cells.
    if errors.len() > before {
        return None;
    }
    for Entry { key, value } in &table.fill {
        let filled = typed(value, &names, &[], None, errors);
        match cells.iter_mut().find(|cell| cell.name == key.value) {
            Some(cell) => cell.fill = filled,
            None => {
                bad(&key.span, &format!("there is no cell `{}`", key.value), "name one of `cells`", errors)
            }
        }
    }
    let mut unit = Unit {
        name: table.name.value.clone(),
        doc: table.doc.value.clone(),
        inputs,
        cells,
        relations: Vec::new(),
        slots: Vec::new(),
        outputs: Vec::new(),
        port: None,
        span: table.name.span.clone(),
    };
    for Entry { key, value } in &table.lookups {
        if let Some(slot) = slot(key, value, &unit, tables, errors) {
            unit.slots.push(slot);
        }
    }
    // An output is a name in what follows it, and in relations.
    for Entry { key, value } in &table.outputs {
        let form = forms::form(&value.form, &mut UnitNames(&unit), errors);
        let means = value.means.as_ref().and_then(|means| typed(means, &names, &[], None, errors));
        let Some(form) = form else { continue };
        if !form.vars().iter().all(|var| matches!(var, Var::Cell(..))) {
            bad(&value.form.span, "an output is made of cells", "keep what is fed in a cell", errors);
        }
        let mut given = Vec::new();
        for Entry { key, value } in &value.given {
            match unit.inputs.iter().position(|input| input.name == key.value) {
                Some(at) => given.push((at, value.value.into())),
                None => bad(
                    &key.span,
                    &format!("there is no input `{}`", key.value),
                    "name one of `inputs`",
                    errors,
                ),
            }
        }
        let tables = output_tables(&form, &value.tables, &unit, tables, errors);
        unit.outputs.push(Output { name: key.value.clone(), form, means, given, tables });
    }
    for text in &table.relations {
        if let Some(form) = forms::equation(text, &mut UnitNames(&unit), errors) {
            relation(text, &form, errors);
            unit.relations.push(Relation { text: text.value.clone(), form });
        }
    }
    let [inputs, cells, lookups] = [&table.inputs, &table.cells, &table.lookups];
    let outputs = table.outputs.iter().map(|output| &output.key);
    once(
        inputs.iter().chain(cells).map(|entry| &entry.key).chain(outputs),
        "an input, a cell or an output",
        errors,
    );
    once(inputs.iter().chain(lookups).map(|entry| &entry.key), "an input or a look-up", errors);
    for entry in inputs.iter().chain(cells).filter(|entry| entry.key.value == "on") {
        bad(&entry.key.span, "`on` is the unit's flag", "take another name", errors);
    }
    (errors.len() == before).then_some(unit)
}

/// Names that stand in one place must differ.
pub(super) fn once<'a>(names: impl Iterator<Item = &'a Text>, what: &str, errors: &mut Vec<Diagnostic>) {
    let mut seen: Vec<&Text> = Vec::new();
    for name in names {
        match seen.iter().find(|known| known.value == name.value) {
            Some(first) => errors.push(
                Diagnostic::new(Code::BadUnit, &name.span, format!("`{}` is {what} already", name.value))
                    .label("the second")
                    .other(&first.span, "the first")
                    .hint("rename one: they are told apart by their names alone"),
            ),
            None => seen.push(name),
        }
    }
}

/// A relation holds in padding, where every cell is zero and no unit is used.
fn relation(text: &Text, form: &Form, errors: &mut Vec<Diagnostic>) {
    if form.terms().any(|(product, _)| product.is_empty()) {
        bad(
            &text.span,
            "this is not so where all cells are zero, as in padding",
            "multiply numbers by `on`",
            errors,
        );
    }
}

fn slot(
    name: &Text,
    text: &Text,
    unit: &Unit,
    tables: &[Table],
    errors: &mut Vec<Diagnostic>,
) -> Option<Slot> {
    let (table, cells) = forms::lookup(text, errors)?;
    let table = find_table(&table, text, tables, errors)?;
    let mut places = Vec::new();
    for cell in &cells {
        match unit.cells.iter().position(|known| known.name == *cell) {
            Some(at) => places.push(at),
            None => {
                let known = unit.cells.iter().map(|cell| cell.name.as_str());
                errors.push(
                    Diagnostic::new(Code::UnknownName, &text.span, format!("there is no cell `{cell}`"))
                        .did_you_mean(cell, known),
                );
            }
        }
    }
    if places.len() < cells.len() {
        return None;
    }
    if places.len() > MAX_PLACES {
        bad(
            &text.span,
            &format!("this look-up has {} cells", places.len()),
            &format!("at most {MAX_PLACES}"),
            errors,
        );
        return None;
    }
    let needed = tables[table].keys.len() + tables[table].values.len();
    if places.len() < needed {
        let message = format!(
            "table `{}` has {}, and this look-up {}",
            tables[table].name,
            counted(needed, "place"),
            places.len()
        );
        bad(
            &text.span,
            &message,
            "a look-up has as many cells as its tables have keys and values, or more",
            errors,
        );
        return None;
    }
    Some(Slot { name: name.value.clone(), places, table })
}

/// The tables that an output is right with: those that it names, and of other look-ups whose values it reads the usual one.
fn output_tables(
    form: &Form,
    named: &[Entry<Text>],
    unit: &Unit,
    tables: &[Table],
    errors: &mut Vec<Diagnostic>,
) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for Entry { key, value } in named {
        let slot = unit.slots.iter().position(|slot| slot.name == key.value);
        let table = find_table(&value.value, value, tables, errors);
        match (slot, table) {
            (Some(slot), Some(table)) => {
                suits(unit, slot, table, tables, &value.span, errors);
                found.push((slot, table));
            }
            (None, _) => bad(
                &key.span,
                &format!("there is no look-up `{}`", key.value),
                "name one of `lookups`",
                errors,
            ),
            _ => {}
        }
    }
    for (at, slot) in unit.slots.iter().enumerate() {
        let keys = tables[slot.table].keys.len();
        let reads = |place: &usize| form.vars().contains(&Var::Cell(usize::MAX, *place));
        if found.iter().all(|(slot, _)| *slot != at) && slot.places[keys..].iter().any(reads) {
            found.push((at, slot.table));
        }
    }
    found
}

/// Sees that a look-up may read a table in place of its usual one: there is a cell for each key and value, and it holds no
/// cell to less than the usual one does. For rules count on that whatever table another one chooses.
pub(super) fn suits(
    unit: &Unit,
    slot: usize,
    table: usize,
    tables: &[Table],
    span: &Span,
    errors: &mut Vec<Diagnostic>,
) {
    let slot = &unit.slots[slot];
    let (usual, table) = (&tables[slot.table], &tables[table]);
    if slot.places.len() < table.keys.len() + table.values.len() {
        let what = format!("table `{}` has more places than look-up `{}`", table.name, slot.name);
        bad(span, &what, "give the look-up more cells", errors);
        return;
    }
    for (at, (_, bits)) in usual.keys.iter().enumerate() {
        let held = match (table.keys.get(at), at.checked_sub(table.keys.len())) {
            (Some((_, bits)), _) => *bits,
            (None, value) => value.and_then(|at| table.values.get(at)).map_or(0, |(_, value)| value.ty.width),
        };
        if held > *bits {
            let (cell, table) = (&unit.cells[slot.places[at]].name, &table.name);
            let what =
                format!("table `{table}` leaves `{cell}` {held} bits, and `{}` leaves {bits}", usual.name);
            bad(span, &what, "a look-up's tables hold its cells at least as its usual one does", errors);
        }
    }
}

pub(super) fn overlays(tables: &Tables, units: &mut Units, errors: &mut Vec<Diagnostic>) {
    for table in &tables.overlay {
        let (from, to) = (cell(&table.key.value, units), cell(&table.value.value, units));
        match (from, to) {
            (Some(from), Some(to)) => {
                let taken = |other: &(usize, usize)| units.units[other.0].cells[other.1].overlays.is_some();
                let of = |unit: usize| (0..units.units[unit].cells.len()).map(move |cell| (unit, cell));
                let all: Vec<(usize, usize)> = (0..units.units.len()).flat_map(of).collect();
                let shared = all.iter().any(|cell| taken(cell) && units.home(*cell) == from);
                let twice = of(from.0).any(|cell| cell != from && units.home(cell) == to);
                if from.0 == to.0 || taken(&to) || shared {
                    let what = "a cell shares another unit's own column";
                    bad(&table.value.span, what, "name the cell whose column it is", errors);
                } else if taken(&from) || twice {
                    let what = format!("two cells of `{}` would be one column", units.units[from.0].name);
                    let what = if taken(&from) { "this cell shares a column already" } else { &what };
                    bad(&table.key.span, what, "leave one out", errors);
                } else {
                    units.units[from.0].cells[from.1].overlays = Some(to);
                }
            }
            (None, _) => bad(
                &table.key.span,
                &format!("there is no cell `{}`", table.key.value),
                "write unit.cell",
                errors,
            ),
            (_, None) => bad(
                &table.value.span,
                &format!("there is no cell `{}`", table.value.value),
                "write unit.cell",
                errors,
            ),
        }
    }
}

fn cell(name: &str, units: &Units) -> Option<(usize, usize)> {
    let (unit, cell) = name.split_once('.')?;
    let at = units.units.iter().position(|known| known.name == unit)?;
    let cell = units.units[at].cells.iter().position(|known| known.name == cell)?;
    Some((at, cell))
}

/// Names in a unit's own forms: inputs, cells, outputs before, `on`.
struct UnitNames<'a>(&'a Unit);

impl Names for UnitNames<'_> {
    fn name(&self, name: &str) -> Option<Form> {
        let Self(unit) = self;
        if name == "on" {
            return Some(Form::from(Var::On));
        }
        if let Some(at) = unit.cells.iter().position(|cell| cell.name == name) {
            return Some(Form::from(Var::Cell(usize::MAX, at)));
        }
        if let Some(at) = unit.inputs.iter().position(|input| input.name == name) {
            return Some(Form::from(Var::Input(at)));
        }
        unit.outputs.iter().find(|output| output.name == name).map(|output| output.form.clone())
    }

    fn member(&self, _base: &str, _member: &str) -> Option<Form> {
        None
    }

    fn entry(&mut self, text: &Text, expr: &syn::Expr, errors: &mut Vec<Diagnostic>) -> Option<Form> {
        bad(&forms::place(text, expr), "a unit knows no entry", "feed it through an input", errors);
        None
    }

    fn names(&self) -> Vec<String> {
        let Self(unit) = self;
        let cells = unit.cells.iter().map(|cell| cell.name.clone());
        cells.chain(unit.inputs.iter().map(|input| input.name.clone())).chain(["on".to_owned()]).collect()
    }
}
