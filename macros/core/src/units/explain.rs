//! The compiled form in words: how an instruction uses units, and what units, look-ups and tables cost.
//!
//! In: a checked [`Model`]. Out: lines that a person can follow, for `isa explain`, for pages and for snapshots.

use super::form::{Form, Named, Var};
use super::select::Selection;
use super::wiring::{self, Relation};
use super::{Port, Units};
use crate::ir::{Expr, ExprKind};
use crate::model::{Model, WRITES};
use crate::text;

/// One line: what it is about, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `unit`, `look-up`, `assert`, `address`, `rd`, `next pc` or `rule`.
    pub what: &'static str,
    /// What it says.
    pub text: String,
}

/// How an instruction uses units: what feeds each input, which tables look-ups read, what is asserted, where the row's
/// outputs come from, and by which rules. Empty if it always traps, or the spec declares no units.
pub fn instruction(model: &Model, at: usize) -> Vec<Line> {
    let Some(Some(selection)) = model.selections.get(at) else { return Vec::new() };
    let units = &model.units;
    let shown = |form: &Form| {
        let form = named_outputs(units, selection, form);
        Named(&form, |var| name(model, var)).to_string()
    };
    let mut lines = Vec::new();
    let mut line = |what, text: String| lines.push(Line { what, text });
    for (place, used) in &selection.uses {
        let unit = &units.units[*place];
        if matches!(unit.port, Some(Port::Write(_))) {
            continue;
        }
        let inputs =
            used.inputs.iter().filter(|(at, form)| unit.inputs[**at].default != 0 || !form.is_zero());
        let inputs = inputs.map(|(at, form)| format!("{} = {}", unit.inputs[*at].name, shown(form)));
        line("unit", format!("{}: {}", unit.name, inputs.collect::<Vec<_>>().join("; ")));
        for (slot, table) in &used.tables {
            let (slot, table) = (&unit.slots[*slot], &units.tables[*table]);
            let cell = |place: &usize| unit.cells[*place].name.as_str();
            let (keys, values) = slot.places.split_at(table.keys.len());
            let keys: Vec<&str> = keys.iter().map(cell).collect();
            let values: Vec<&str> = values.iter().take(table.values.len()).map(cell).collect();
            let zero: Vec<&str> = slot.places[table.keys.len() + values.len()..].iter().map(cell).collect();
            let mut text = format!("{}.{}: {}({})", unit.name, slot.name, table.name, keys.join(", "));
            if !values.is_empty() {
                text += &format!(" = {}", values.join(", "));
            }
            if !zero.is_empty() {
                text += &format!("; {} = 0", zero.join(" = "));
            }
            line("look-up", text);
        }
    }
    for form in &selection.asserts {
        line("assert", format!("{} = 0", shown(form)));
    }
    if let Some(address) = &selection.address {
        line("address", shown(address));
    }
    let port =
        |port| units.port(port).and_then(|at| selection.uses.get(&at)).and_then(|used| used.inputs.get(&0));
    for (at, written) in WRITES.into_iter().enumerate() {
        if let Some(form) = port(Port::Write(at)) {
            line(written, shown(form));
        }
    }
    if let Some(taken) = &selection.input {
        line("input", format!("{}: {} of {} left", taken.stream, shown(&taken.count), shown(&taken.left)));
    }
    if let Some(put) = &selection.output {
        line(
            "output",
            format!(
                "{}: {} at {}: {}",
                put.stream,
                shown(&put.count),
                shown(&put.position),
                shown(&put.value)
            ),
        );
    }
    line("next pc", shown(&selection.next));
    let mut seen: Vec<usize> = Vec::new();
    for at in &selection.rules {
        if !seen.contains(at) {
            seen.push(*at);
            let rule = &units.rules[*at];
            let pattern = rule.text.split_whitespace().collect::<Vec<_>>().join(" ");
            line("rule", format!("{pattern}   {}", rule.doc));
        }
    }
    lines
}

/// A variable as the spec writes it.
fn name(model: &Model, var: Var) -> String {
    match var {
        Var::Entry(at) => entry(model, &model.units.entries[at]),
        Var::Output(unit, output) => {
            let unit = &model.units.units[unit];
            format!("{}.{}", unit.name, unit.outputs[output].name)
        }
        var => model.units.name(var),
    }
}

/// A constant of the code table's entry.
fn entry(model: &Model, expr: &Expr) -> String {
    match expr.kind {
        ExprKind::Imm | ExprKind::Pc => text::expression(model, expr),
        _ => format!("({})", text::expression(model, expr)),
    }
}

/// With outputs of units in the place of the cells that they are made of, where all of them are there. `Output` then names a
/// unit, not a use of a rule.
fn named_outputs(units: &Units, selection: &Selection, form: &Form) -> Form {
    let mut form = form.clone();
    for (place, used) in &selection.uses {
        for (at, output) in units.units[*place].outputs.iter().enumerate() {
            let plain = output.form.terms().count() == 1 && output.form.vars().len() == 1;
            let given = output.given.iter().all(|(input, value)| {
                used.inputs.get(input).cloned().unwrap_or_default() == Form::constant(*value)
            });
            let right = output.tables.iter().all(|(slot, table)| used.tables.get(slot) == Some(table));
            if !plain && given && right {
                form = with_output(&form, &output.form, Var::Output(*place, at));
            }
        }
    }
    form
}

/// With a variable in the place of a form: each time that a multiple of it, or a product with it, is part of the sum.
fn with_output(form: &Form, output: &Form, var: Var) -> Form {
    let Some((first, unit)) = output.terms().next() else { return form.clone() };
    let mut result = form.clone();
    // A plain sum, as of flags, is part of many products: each flag reads better by itself there.
    let sum = output.terms().count() > 1 && output.terms().all(|(_, factor)| factor == 1);
    let whole: Vec<(Vec<Var>, i128)> =
        form.terms().map(|(product, factor)| (product.to_vec(), factor)).collect();
    for (product, factor) in whole {
        let mut rest = product.clone();
        let there = first.iter().all(|var| {
            let at = rest.iter().position(|known| known == var);
            at.map(|at| rest.remove(at)).is_some()
        });
        if !there || factor % unit != 0 || (sum && !rest.is_empty()) {
            continue;
        }
        let beside = rest.iter().fold(Form::constant(factor / unit), |all, var| &all * &Form::from(*var));
        let taken = &beside * output;
        let has = |(product, factor): (&[Var], i128)| result.terms().any(|known| known == (product, factor));
        if taken.terms().all(has) {
            result = &(&result - &taken) + &(&beside * &Form::from(var));
        }
    }
    result
}

/// What a unit costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The unit's name; `assert`, `next_pc`, `address`, `row` and `end` for what is no unit's.
    pub name: String,
    /// Its documentation.
    pub doc: String,
    /// Cells.
    pub cells: usize,
    /// Those of them that are another unit's columns.
    pub shared: usize,
    /// Look-ups.
    pub lookups: usize,
    /// Relations.
    pub relations: usize,
    /// Columns of the code table that it is the first to need.
    pub columns: usize,
}

/// What each unit costs, and what belongs to none.
pub fn costs(model: &Model) -> Vec<Cost> {
    let units = &model.units;
    let owner = |name: &str| name.split(['[', '.', ':', ' ']).next().unwrap_or_default().to_owned();
    let owners: Vec<String> = model.wiring.columns.iter().map(|column| owner(&column.name)).collect();
    let needed = |name: &str| owners.iter().filter(|owner| *owner == name).count();
    let mut costs: Vec<Cost> = units
        .units
        .iter()
        .map(|unit| Cost {
            name: unit.name.clone(),
            doc: unit.doc.clone(),
            cells: unit.cells.len(),
            shared: unit.cells.iter().filter(|cell| cell.overlays.is_some()).count(),
            lookups: unit.slots.len(),
            relations: unit.relations.len(),
            columns: needed(&unit.name),
        })
        .collect();
    let names =
        |name: &str| model.wiring.relations.iter().filter(|relation| owner(&relation.name) == name).count();
    let rest = [
        ("assert", "What rules assert."),
        ("next_pc", "Where the next row is."),
        ("address", "Which word of memory is accessed."),
        ("row", "That every row is an instruction's."),
        ("end", "That a run ends with a call."),
    ];
    costs.extend(rest.into_iter().map(|(name, doc)| Cost {
        name: name.to_owned(),
        doc: doc.to_owned(),
        cells: 0,
        shared: 0,
        lookups: 0,
        relations: names(name),
        columns: needed(name),
    }));
    costs
}

/// What a row costs as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Committed cells: those of units, of which shared ones count once, and the index into the code table.
    pub cells: usize,
    /// Look-ups, those that read the same cells as one.
    pub lookups: usize,
    /// The most look-ups that one instruction makes.
    pub lookups_at_once: usize,
    /// The highest degree of a relation.
    pub degree: usize,
    /// Columns of the code table.
    pub columns: usize,
    /// Relations: those of units, what rules assert, and those of every row.
    pub relations: usize,
    /// Entries of all tables.
    pub entries: u64,
}

/// What a row costs as a whole.
pub fn totals(model: &Model) -> Totals {
    let at_once = |selection: &Selection| selection.uses.values().map(|used| used.tables.len()).sum();
    let relations = &model.wiring.relations;
    Totals {
        cells: wiring::committed(&model.units) + 1,
        lookups: model.wiring.slots.len(),
        lookups_at_once: model.selections.iter().flatten().map(at_once).max().unwrap_or_default(),
        degree: relations.iter().map(Relation::degree).max().unwrap_or_default(),
        columns: model.wiring.columns.len(),
        relations: relations.len(),
        entries: model.units.tables.iter().map(super::Table::entries).sum(),
    }
}
