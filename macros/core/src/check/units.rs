//! Tables of look-ups, units, ports and rules: names resolved, texts typed.

use super::expr::{Scope, Typer, function_name, parse};
use super::forms::{self, Names};
use super::rows::{Case, Row};
use super::unique;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::{Expr, ExprKind, Type, walk};
use crate::model::{Instruction, Model, Recorded};
use crate::parse::{Entry, RuleTable, TableTable, Tables, Text, UnitTable};
use crate::source::Span;
use crate::units::forge::forge;
use crate::units::form::{Form, Var};
use crate::units::row::{self, Found, Rows, Unfilled};
use crate::units::select::{Selection, Shortage};
use crate::units::wiring::wire;
use crate::units::{
    Cell, Input, MAX_PLACES, Operand, OperandKind, Output, PRIME, Pattern, Port, Relation, Rule, Slot, Table,
    Unit, Units, Use, select,
};

/// The most bits of a table's keys together: a verifier evaluates the table, or a prover commits to it.
const MAX_KEY_BITS: u32 = 18;

/// The widest cell: an integer of so many bits is below any prime that is used.
const MAX_CELL_BITS: u32 = 32;

/// How many rows of an instruction a liar is let at, and which part of its lies it tells: for every build. The
/// tests try more.
const FORGED_ROWS: usize = 2;
const FORGED_PART: usize = 16;

/// Units, tables and rules of the spec.
pub(super) fn units(tables: &Tables, errors: &mut Vec<Diagnostic>) -> Units {
    unique("table", tables.tables.iter().map(|table| &table.name), errors);
    let ports_named = tables.ports.iter().flat_map(|ports| ports.write.iter().chain(&ports.memory));
    unique("unit", ports_named.chain(tables.units.iter().map(|table| &table.name)), errors);
    let lookups = tables.tables.iter().filter_map(|table| lookup_table(table, errors)).collect();
    let mut units = Units { tables: lookups, units: ports(tables), ..Units::default() };
    for table in &tables.units {
        if let Some(mut unit) = unit(table, &units.tables, errors) {
            placed(&mut unit, units.units.len());
            units.units.push(unit);
        }
    }
    overlays(tables, &mut units, errors);
    for table in &tables.rules {
        let rule = rule(table, &mut units, errors);
        units.rules.extend(rule);
    }
    units
}

/// Brings every instruction down to units, and joins what they make of relations.
pub(super) fn compile(model: &mut Model, errors: &mut Vec<Diagnostic>) {
    if !errors.is_empty() || model.units.units.is_empty() {
        return;
    }
    for instruction in &model.instructions {
        if instruction.semantics.always_traps() {
            model.selections.push(None);
            continue;
        }
        match select::select(&mut model.units, &instruction.semantics) {
            Ok(selection) => model.selections.push(Some(selection)),
            Err(shortage) => errors.push(short(&model.units, instruction, &shortage)),
        }
    }
    if errors.is_empty() {
        model.wiring = wire(&model.units, &model.selections);
        coefficients(model, errors);
        unrecorded(model, errors);
        sizes(model, errors);
    }
}

/// Sees that a prover's first round bears the relations: it works on integers, of 62 bits a factor and 126 in all, which a
/// round makes up to four times as large a factor.
fn sizes(model: &Model, errors: &mut Vec<Diagnostic>) {
    let (units, columns) = (&model.units, &model.wiring.columns);
    let times = |factor: i128, bits: u32| factor.unsigned_abs().saturating_mul(1 << bits);
    let column = |(at, factor): &(usize, i128)| {
        let (min, max) = columns[*at].bounds(units).unwrap_or((i64::MIN, i64::MAX));
        factor.unsigned_abs().saturating_mul(min.unsigned_abs().max(max.unsigned_abs()).into())
    };
    for relation in &model.wiring.relations {
        let mut total = 0u128;
        let mut largest = 0;
        for term in relation.terms(units, columns) {
            let mut factors = vec![term.sum.iter().fold(0u128, |sum, (var, factor)| {
                sum.saturating_add(times(*factor, var.map_or(0, |var| units.bits(var))))
            })];
            factors.extend(term.factors.iter().map(|(var, factor)| times(*factor, units.bits(*var))));
            if !term.columns.is_empty() {
                factors.push(term.columns.iter().map(column).fold(0, u128::saturating_add));
            }
            largest = factors.iter().copied().fold(largest, u128::max);
            total = total.saturating_add(factors.into_iter().fold(1, u128::saturating_mul));
        }
        if largest >> 60 > 0 || total >> 120 > 0 {
            let unit = relation.unit(units).unwrap_or(&units.units[0]);
            errors.push(
                Diagnostic::new(
                    Code::UnitShortage,
                    &unit.span,
                    format!("relation `{}` becomes too large for the integers of a prover", relation.name),
                )
                .hint("a rule that keeps a value in a cell brings its coefficient down to one"),
            );
        }
    }
}

/// Sees that there are columns of what relations and cells follow from.
fn unrecorded(model: &Model, errors: &mut Vec<Diagnostic>) {
    let read = |port: usize| model.instructions.iter().any(|i| i.semantics.uses(&ExprKind::Read(port)));
    let reads = (0..4).filter(|port| read(*port)).map(Recorded::Read);
    let write = model.units.port(Port::Write).map(|_| Recorded::RdValue);
    let memory = [Recorded::MemAddress, Recorded::MemBefore, Recorded::MemAfter];
    let memory = memory.into_iter().filter(|_| model.units.port(Port::Memory).is_some());
    for what in reads
        .chain([Recorded::NextPc])
        .chain(write)
        .chain(memory)
        .filter(|what| model.recording(what).is_none())
    {
        let name = what.name();
        errors.push(
            Diagnostic::new(
                Code::BadUnit,
                &model.units.units[0].span,
                format!("units need `{name}` of a row, which no column records"),
            )
            .hint(format!("add a column of class u32 with record = [\"{name}\"]")),
        );
    }
}

/// Sees that all coefficients fit the integers of generated code. Those of the wiring are what selections bring to it.
fn coefficients(model: &Model, errors: &mut Vec<Diagnostic>) {
    let size = |selection: &Selection| {
        let inputs = selection.uses.values().flat_map(|used| used.inputs.values());
        let outputs = selection.asserts.iter().chain(&selection.next).chain(&selection.address);
        inputs.chain(outputs).map(Form::size).max().unwrap_or_default()
    };
    let sizes = model.instructions.iter().zip(&model.selections);
    let sizes = sizes.filter_map(|(instruction, selection)| Some((size(selection.as_ref()?), instruction)));
    let Some((largest, instruction)) = sizes.max_by_key(|(size, _)| *size) else { return };
    let fits = |coefficient: i128| i64::try_from(coefficient).is_ok();
    // A column of two words has the upper one's coefficient as well.
    let columns = &model.wiring.columns;
    let shifted = |(column, factor): &(usize, i128)| {
        fits(if columns[*column].is_wide(&model.units) { *factor << 32 } else { *factor })
    };
    let relations = model.wiring.relations.iter().flat_map(|relation| relation.terms(&model.units, columns));
    let mut slots = model.wiring.slots.iter().flat_map(|slot| slot.multiplicity.iter().chain(&slot.tag));
    let held = columns.iter().all(|column| column.bounds(&model.units).is_some())
        && relations.flat_map(|term| term.columns).all(|term| shifted(&term))
        && slots.all(shifted);
    if largest <= i64::MAX.unsigned_abs().into() && model.wiring.coefficients().all(fits) && held {
        return;
    }
    let message =
        format!("the constraints of `{}` have coefficients that do not fit 64 bits", instruction.name);
    errors.push(
        Diagnostic::new(Code::UnitShortage, &instruction.span, message)
            .hint("a rule that keeps a value in a cell brings its coefficient down to one"),
    );
}

/// Holds honest rows against the compiled form: relations, assertions and look-ups hold, inputs are what units are made
/// for, outputs are what they mean, and the row's outputs are those of the semantics.
/// A row that traps breaks one of them.
pub(super) fn check(
    model: &Model,
    rows: &[Vec<Row>],
    trapped: &[Vec<(Case, Found)>],
    errors: &mut Vec<Diagnostic>,
) {
    let instructions = model.instructions.iter().zip(&model.selections).zip(rows).zip(trapped);
    for (((instruction, selection), rows), trapped) in instructions {
        let Some(selection) = selection else { continue };
        let rule_rows = Rows { units: &model.units, selection };
        let broken = rows.iter().find_map(|row| breaks(rule_rows, row).map(|what| (row, what)));
        let forged = rows.iter().step_by(rows.len().div_ceil(FORGED_ROWS).max(1)).find_map(|row| {
            let found = row.found();
            let cells = rule_rows.fill(&found).ok()?;
            let (_, forged) = forge(rule_rows, &found, &cells, FORGED_PART);
            forged.map(|forged| (row, forged))
        });
        if let Some((row, forged)) = forged.filter(|_| broken.is_none()) {
            let lie = forged.lie.iter().map(|((unit, cell), value)| {
                let unit = &model.units.units[*unit];
                format!("{}.{} = {value:#x}", unit.name, unit.cells[*cell].name)
            });
            let lie: Vec<String> = lie.collect();
            let (honest, other) = forged.values;
            errors.push(
                Diagnostic::new(
                    Code::UndeterminedOutput,
                    &instruction.span,
                    format!(
                        "{} of `{}` is not determined: {other:#x} passes for {honest:#x}",
                        forged.output, instruction.name
                    ),
                )
                .label("relations and look-ups leave it open")
                .hint(format!("the row: {}; with {}", row.case, lie.join(", "))),
            );
        }
        let passes = |(_, found): &&(Case, Found)| goes_on(rule_rows, *found);
        if let Some((case, _)) = trapped.iter().find(passes).filter(|_| broken.is_none()) {
            let name = &instruction.name;
            errors.push(
                Diagnostic::new(
                    Code::UndeterminedOutput,
                    &instruction.span,
                    format!("`{name}` traps, and a row that goes on passes"),
                )
                .label("relations and look-ups allow what the semantics do not")
                .hint(format!("the row: {case}; a rule has to assert what makes it trap")),
            );
        }
        if let Some((row, what)) = broken {
            errors.push(
                Diagnostic::new(
                    Code::UnitRow,
                    &instruction.span,
                    format!("{what}, in a row of `{}`", instruction.name),
                )
                .label("the compiled form does not do what the semantics say")
                .hint(format!("the row: {}; a rule, a unit or a table is wrong", row.case)),
            );
        }
    }
}

/// Whether units let a row pass that goes on where they say.
fn goes_on(rows: Rows<'_>, mut found: Found) -> bool {
    let Ok(cells) = rows.fill(&found) else { return false };
    if let Some(next) = &rows.selection.next {
        found.next_pc = rows.value(next, &found, &cells).rem_euclid(PRIME) as u32;
    }
    rows.faults(&found, &cells).is_empty()
}

/// What is wrong with an honest row.
fn breaks(rows: Rows<'_>, row: &Row) -> Option<String> {
    let found = row.found();
    let cells = match rows.fill(&found) {
        Ok(cells) => cells,
        Err(Unfilled(unit, cell)) => {
            let unit = &rows.units.units[unit];
            return Some(format!(
                "cell `{}` of unit `{}` has no value, or depends on itself",
                unit.cells[cell].name, unit.name
            ));
        }
    };
    if let Some(fault) = rows.faults(&found, &cells).first() {
        return Some(rows.describe(fault, &found, &cells));
    }
    for (at, used) in &rows.selection.uses {
        let unit = &rows.units.units[*at];
        for input in used.inputs.keys() {
            let value = rows.input(*at, *input, &found, &cells);
            if !row::is_of(value, unit.inputs[*input].ty) {
                let declared = &unit.inputs[*input];
                return Some(format!(
                    "input `{}` of unit `{}` is {value}, which is no {}",
                    declared.name, unit.name, declared.ty
                ));
            }
        }
        for (at_cell, cell) in unit.cells.iter().enumerate() {
            let value = rows.cell((*at, at_cell), &cells);
            if !(0..1 << cell.bits).contains(&value) {
                return Some(format!(
                    "cell `{}` of unit `{}` is {value}, which has more than {} bits",
                    cell.name, unit.name, cell.bits
                ));
            }
        }
        for output in &unit.outputs {
            let Some(means) = &output.means else { continue };
            let right = output.tables.iter().all(|(slot, table)| used.tables.get(slot) == Some(table))
                && output
                    .given
                    .iter()
                    .all(|(input, value)| rows.input(*at, *input, &found, &cells) == *value);
            let (value, means) =
                (rows.value(&output.form, &found, &cells), row::meaning(&rows, *at, means, &found, &cells));
            if right && value != means {
                return Some(format!(
                    "output `{}` of unit `{}` is {value}, and means {means}",
                    output.name, unit.name
                ));
            }
        }
    }
    let recorded = |what: &Recorded| {
        row.recorded.iter().find(|(known, _)| known == what).map(|(_, value)| i128::from(*value))
    };
    let address = rows.selection.address.as_ref().map(|form| rows.value(form, &found, &cells));
    let outputs = [
        ("rd", rows.written(&cells), recorded(&Recorded::RdValue)),
        ("the address", address, recorded(&Recorded::MemAddress).map(|address| address & !3)),
        ("the word after", rows.after(&cells), recorded(&Recorded::MemAfter)),
    ];
    let calls = rows.selection.next.is_none();
    let wrong = outputs
        .into_iter()
        .find(|(what, by_units, by_semantics)| by_units != by_semantics && (*what == "rd" || !calls));
    wrong.map(|(what, by_units, by_semantics)| {
        let [by_units, by_semantics] = [by_units, by_semantics]
            .map(|value| value.map_or("nothing".to_owned(), |value| format!("{value:#x}")));
        format!("{what} is {by_units} by the units, and {by_semantics} by the semantics")
    })
}

fn short(units: &Units, instruction: &Instruction, shortage: &Shortage) -> Diagnostic {
    let name = &instruction.name;
    let (message, hint) = match shortage {
        Shortage::NoRule(expr) => {
            let written = instruction.written.value.get(expr.place.0.clone()).unwrap_or_default();
            let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
            let place = instruction.written.at(expr.place.0.clone());
            return Diagnostic::new(
                Code::UnitShortage,
                &place,
                format!("`{name}` computes `{written}`, which no rule brings down to units"),
            )
            .label("no [[rule]] matches this")
            .hint("add a rule that matches it, or write it with operations that rules match");
        }
        Shortage::Units(more) => {
            let lacks: Vec<String> =
                more.iter().map(|(unit, count)| lacks(&units.units[*unit], *count)).collect();
            let (cells, lookups) = more.iter().fold((0, 0), |(cells, lookups), (unit, count)| {
                let unit = &units.units[*unit];
                (cells + count * unit.cells.len(), lookups + count * unit.slots.len())
            });
            (
                format!("`{name}` needs {}", lacks.join(" and ")),
                format!(
                    "declare such units under other names, with rules that use them: {}, {} more in every row, unless an \
                     [overlay] shares columns; or let two instructions do it",
                    counted(cells, "cell"),
                    counted(lookups, "look-up"),
                ),
            )
        }
        Shortage::Conflict => (
            format!("`{name}` needs units together that share cells, or one unit with two tables"),
            "leave out an [overlay] between them, or declare a further unit".to_owned(),
        ),
        Shortage::Degree => (
            format!("the constraints of `{name}` would have a degree above {}", crate::units::MAX_DEGREE),
            "a rule that keeps a value in a cell brings its degree down to one".to_owned(),
        ),
        Shortage::Large => (
            format!(
                "`{name}` has too many operations to bring down to units, with each `let` where it is used"
            ),
            "let several instructions do it".to_owned(),
        ),
    };
    Diagnostic::new(Code::UnitShortage, &instruction.span, message).hint(hint)
}

/// How many units of a kind there are too few of.
fn lacks(unit: &Unit, count: usize) -> String {
    let (name, times) = (&unit.name, count + 1);
    format!("unit `{name}` {times} times, {count} more than a row has")
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The ports as units: what the runtime binds, and a relation that says what the instruction asks for.
fn ports(tables: &Tables) -> Vec<Unit> {
    let Some(table) = tables.ports.first() else { return Vec::new() };
    let cell = |name: &str| Cell { name: name.to_owned(), bits: 32, fill: None, overlays: None };
    let input = |name: &str| Input { name: name.to_owned(), ty: Type::unsigned(32), default: 0 };
    let minus = |cell: Var, input: Form| &Form::from(cell) - &input;
    let write = table.write.iter().map(|name| Unit {
        name: name.value.clone(),
        doc: "The register written.".to_owned(),
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
        port: Some(Port::Write),
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

/// on · cell − the input that it is to be.
fn minus_on(cell: usize) -> Form {
    let kept = &Form::from(Var::On) * &Form::from(Var::Cell(usize::MAX, cell));
    &kept - &Form::from(Var::Input(0))
}

/// Gives a unit's own cells its place.
fn placed(unit: &mut Unit, at: usize) {
    let own = &mut |var| match var {
        Var::Cell(usize::MAX, cell) => Some(Form::from(Var::Cell(at, cell))),
        _ => None,
    };
    unit.relations.iter_mut().for_each(|relation| relation.form = relation.form.put(own));
    unit.outputs.iter_mut().for_each(|output| output.form = output.form.put(own));
}

fn lookup_table(table: &TableTable, errors: &mut Vec<Diagnostic>) -> Option<Table> {
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
        let Some(expr) = typed(value, &names, None, errors) else { continue };
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

fn unit(table: &UnitTable, tables: &[Table], errors: &mut Vec<Diagnostic>) -> Option<Unit> {
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
        let filled = typed(value, &names, None, errors);
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
        let means = value.means.as_ref().and_then(|means| typed(means, &names, None, errors));
        let Some(form) = form else { continue };
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
fn once<'a>(names: impl Iterator<Item = &'a Text>, what: &str, errors: &mut Vec<Diagnostic>) {
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
fn suits(
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

fn overlays(tables: &Tables, units: &mut Units, errors: &mut Vec<Diagnostic>) {
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

fn rule(table: &RuleTable, units: &mut Units, errors: &mut Vec<Diagnostic>) -> Option<Rule> {
    let before = errors.len();
    let mut operands: Vec<Operand> = Vec::new();
    for Entry { key, value } in &table.operands {
        match operand_type(&value.value) {
            Some((ty, kind)) => operands.push(Operand { name: key.value.clone(), ty, kind }),
            None => bad(&value.span, "this is no type of an operand", "u32; u5 entry; u32 in u33", errors),
        }
    }
    if errors.len() > before {
        return None;
    }
    let names: Vec<(String, Type)> =
        operands.iter().map(|operand| (operand.name.clone(), operand.ty)).collect();
    let pattern = pattern(&table.pattern, &names, errors)?;
    let mut rule = Rule {
        text: table.pattern.value.clone(),
        doc: table.doc.value.clone(),
        pattern,
        operands,
        uses: Vec::new(),
        asserts: Vec::new(),
        give: Form::default(),
        address: None,
        fill: Vec::new(),
        span: table.pattern.span.clone(),
    };
    // A use may feed on one that comes after it.
    let mut used: Vec<String> = Vec::new();
    let mut parsed = Vec::new();
    for Entry { key, value } in &table.uses {
        parsed.push((value, parse::<syn::Expr>(value, "", "", errors)?));
        used.push(key.value.clone());
    }
    let mut calls = Vec::new();
    for (value, parsed) in &parsed {
        let call = forms::call(value, parsed, errors)?;
        let Some(unit) = units.units.iter().position(|unit| unit.name == call.name) else {
            let known: Vec<&str> = units.units.iter().map(|unit| unit.name.as_str()).collect();
            errors.push(
                Diagnostic::new(Code::UnknownName, &value.span, format!("there is no unit `{}`", call.name))
                    .did_you_mean(&call.name, known.into_iter()),
            );
            return None;
        };
        rule.uses.push(Use { unit, inputs: Vec::new(), tables: Vec::new() });
        calls.push((*value, call));
    }
    for (at, (value, call)) in calls.iter().enumerate() {
        let unit = rule.uses[at].unit;
        for (name, argument, span) in &call.arguments {
            let own = &units.units[unit];
            if let Some(input) = own.inputs.iter().position(|input| input.name == *name) {
                let mut names = RuleNames { rule: &rule, used: &used, units };
                let form = forms::read(value, argument, &mut names, errors)?;
                rule.uses[at].inputs.push((input, form));
            } else if let Some(slot) = own.slots.iter().position(|slot| slot.name == *name) {
                let table = match argument {
                    syn::Expr::Path(path) => super::expr::named(&path.path),
                    _ => String::new(),
                };
                let table = find_table(&table, value, &units.tables, errors)?;
                suits(own, slot, table, &units.tables, span, errors);
                rule.uses[at].tables.push((slot, table));
            } else {
                bad(
                    span,
                    &format!("unit `{}` has no input or look-up `{name}`", own.name),
                    "name one of them",
                    errors,
                );
            }
        }
    }
    let mut names_of = RuleNames { rule: &rule, used: &used, units };
    let give = match &table.give {
        Some(text) => forms::form(text, &mut names_of, errors),
        None => Some(Form::default()),
    };
    let address = table.address.as_ref().map(|text| forms::form(text, &mut names_of, errors));
    let asserts: Vec<Option<Form>> =
        table.assert.iter().map(|text| forms::equation(text, &mut names_of, errors)).collect();
    let mut fill = Vec::new();
    for Entry { key, value } in &table.fill {
        let found = key.value.split_once('.').and_then(|(name, cell)| {
            let at = used.iter().position(|used| used == name)?;
            let unit = &units.units[rule.uses[at].unit];
            Some((at, unit.cells.iter().position(|known| known.name == cell)?))
        });
        let expr = typed(value, &names, None, errors);
        match (found, expr) {
            (Some((at, cell)), Some(expr)) => fill.push((at, cell, expr)),
            (None, _) => {
                bad(&key.span, &format!("there is no cell `{}`", key.value), "write use.cell", errors)
            }
            _ => {}
        }
    }
    rule.give = give?;
    rule.address = match address {
        Some(address) => Some(address?),
        None => None,
    };
    rule.asserts = asserts.into_iter().flatten().collect();
    rule.fill = fill;
    let given: Vec<Vec<(usize, Form)>> =
        calls.iter().enumerate().map(|(at, (value, _))| given(&rule, at, value, units, errors)).collect();
    for (used, inputs) in rule.uses.iter_mut().zip(given) {
        used.inputs.extend(inputs);
    }
    whole(table, &rule, errors);
    (errors.len() == before).then_some(rule)
}

/// Sees that a rule says all that its pattern asks for.
fn whole(table: &RuleTable, rule: &Rule, errors: &mut Vec<Diagnostic>) {
    let (roots, gives, accesses): (Vec<&Expr>, bool, bool) = match &rule.pattern {
        Pattern::Value(value) => (vec![value], true, false),
        Pattern::Jump(target) => (vec![target], true, false),
        Pattern::Load(_, address) => (vec![address], true, true),
        Pattern::Store(_, address, value) => (vec![address, value], false, true),
    };
    let mut bound: Vec<&str> = Vec::new();
    for root in roots {
        walk(root, &mut |part| {
            if let ExprKind::Local(name) = &part.kind {
                bound.push(name);
            }
        });
    }
    for entry in table.operands.iter().filter(|entry| !bound.contains(&entry.key.value.as_str())) {
        let what = format!("`match` has no operand `{}`", entry.key.value);
        bad(&entry.key.span, &what, "leave it out, or match it", errors);
    }
    let span = &table.pattern.span;
    match (gives, table.give.as_ref()) {
        (true, None) => {
            bad(span, "this rule gives nothing", "say what the value is: give = \"t.sum\"", errors)
        }
        (false, Some(give)) => bad(&give.span, "a store gives nothing", "leave `give` out", errors),
        _ => {}
    }
    match (accesses, table.address.as_ref()) {
        (true, None) => {
            bad(span, "this rule says no address", "say which word is accessed: address = \"t.sum\"", errors);
        }
        (false, Some(address)) => bad(&address.span, "nothing is accessed", "leave `address` out", errors),
        _ => {}
    }
}

/// Sees that a rule takes only what means something as it feeds the unit. Gives the inputs that it leaves out and counts on:
/// another rule must not feed them something else.
fn given(
    rule: &Rule,
    at: usize,
    text: &Text,
    units: &Units,
    errors: &mut Vec<Diagnostic>,
) -> Vec<(usize, Form)> {
    let used = &rule.uses[at];
    let unit = &units.units[used.unit];
    let inputs = rule.uses.iter().flat_map(|used| used.inputs.iter().map(|(_, form)| form));
    let forms = inputs.chain(&rule.asserts).chain(&rule.address).chain([&rule.give]);
    let taken = forms.flat_map(Form::vars).filter_map(|var| match var {
        Var::Output(of, output) if of == at => unit.outputs.get(output),
        _ => None,
    });
    let fed = |input: usize| {
        let fed = used.inputs.iter().find(|(fed, _)| *fed == input);
        fed.map_or_else(|| Form::constant(unit.inputs[input].default), |(_, form)| form.clone())
    };
    let mut open: Vec<(usize, Form)> = Vec::new();
    for output in taken {
        for (input, value) in &output.given {
            if fed(*input) != Form::constant(*value) {
                let (output, input) = (&output.name, &unit.inputs[*input].name);
                bad(
                    &text.span,
                    &format!("`{output}` means something only where `{input}` is {value}"),
                    "take the cells by their names",
                    errors,
                );
            }
        }
        let Some(means) = &output.means else { continue };
        walk(means, &mut |part| {
            let input = unit.inputs.iter().position(|input| part.kind == ExprKind::Local(input.name.clone()));
            let left = |input: &usize| used.inputs.iter().chain(&open).all(|(known, _)| known != input);
            if let Some(input) = input.filter(left) {
                open.push((input, fed(input)));
            }
        });
    }
    open
}

fn pattern(text: &Text, operands: &[(String, Type)], errors: &mut Vec<Diagnostic>) -> Option<Pattern> {
    let block = parse::<syn::Block>(text, "{", "\n}", errors)?;
    let mut scope = PatternScope { operands, locals: Vec::new(), load: None };
    for statement in &block.stmts {
        let mut typer = Typer { text, offset: 1, scope: &mut scope, errors };
        match statement {
            syn::Stmt::Local(local) => {
                let (syn::Pat::Ident(name), Some(init)) = (&local.pat, &local.init) else { break };
                let value = typer.expr(&init.expr, None)?;
                scope.locals.push((name.ident.to_string(), value));
            }
            syn::Stmt::Expr(syn::Expr::Call(call), None)
                if function_name(&call.func).0 == "jump" && call.args.len() == 1 =>
            {
                let target = typer.expr(&call.args[0], Some(Type::unsigned(32)))?;
                if scope.load.is_some() {
                    break;
                }
                return Some(Pattern::Jump(select::normal(&target)));
            }
            syn::Stmt::Expr(syn::Expr::Call(call), None)
                if function_name(&call.func).0 == "store" && call.args.len() == 2 =>
            {
                let bits = function_name(&call.func).1?;
                let address = typer.expr(&call.args[0], Some(Type::unsigned(32)))?;
                let value = typer.expr(&call.args[1], Some(Type::unsigned(bits)))?;
                if scope.load.is_some() {
                    break;
                }
                return Some(Pattern::Store(bits, select::normal(&address), select::normal(&value)));
            }
            syn::Stmt::Expr(expr, None) => {
                let value = typer.expr(expr, None)?;
                match scope.load.take() {
                    Some((bits, address)) if value.kind == ExprKind::Loaded => {
                        return Some(Pattern::Load(bits, select::normal(&address)));
                    }
                    Some(_) => break,
                    None => return Some(Pattern::Value(select::normal(&value))),
                }
            }
            _ => break,
        }
    }
    bad(
        &text.span,
        "this is nothing that a rule can match",
        "a value without loads, after `let`s; load::<N>(a); store::<N>(a, v); jump(a)",
        errors,
    );
    None
}

/// Names of operands, or of inputs, in an expression of the language.
struct PatternScope<'a> {
    operands: &'a [(String, Type)],
    locals: Vec<(String, Expr)>,
    load: Option<(u32, Expr)>,
}

impl Scope for PatternScope<'_> {
    fn name(&self, name: &str) -> Option<Expr> {
        if let Some((_, value)) = self.locals.iter().find(|(local, _)| local == name) {
            return Some(value.clone());
        }
        let (_, ty) = self.operands.iter().find(|(operand, _)| operand == name)?;
        Some(Expr::new(ExprKind::Local(name.to_owned()), *ty))
    }

    fn member(&self, _base: &str, _member: &str) -> Option<Expr> {
        None
    }

    fn names(&self) -> Vec<String> {
        let locals = self.locals.iter().map(|(name, _)| name.clone());
        self.operands.iter().map(|(name, _)| name.clone()).chain(locals).collect()
    }

    fn load(&mut self, bits: u32, address: Expr) -> Result<Expr, &'static str> {
        self.load = Some((bits, address));
        Ok(Expr::new(ExprKind::Loaded, Type::unsigned(bits)))
    }

    fn call(&mut self, _arguments: Vec<Expr>) -> Result<Expr, &'static str> {
        Err("no rule brings down a call")
    }
}

fn typed(
    text: &Text,
    names: &[(String, Type)],
    expected: Option<Type>,
    errors: &mut Vec<Diagnostic>,
) -> Option<Expr> {
    let parsed = parse::<syn::Expr>(text, "", "", errors)?;
    let mut scope = PatternScope { operands: names, locals: Vec::new(), load: None };
    let mut typer = Typer { text, offset: 0, scope: &mut scope, errors };
    typer.expr(&parsed, expected)
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

/// Names in a rule's forms: operands, and `use.output`.
struct RuleNames<'a> {
    rule: &'a Rule,
    used: &'a [String],
    units: &'a mut Units,
}

impl Names for RuleNames<'_> {
    fn name(&self, name: &str) -> Option<Form> {
        let at = self.rule.operands.iter().position(|operand| operand.name == name)?;
        Some(Form::from(Var::Operand(at)))
    }

    fn member(&self, base: &str, member: &str) -> Option<Form> {
        let used = self.used.iter().position(|used| used == base)?;
        let unit = &self.units.units[self.rule.uses[used].unit];
        let output = unit.outputs.iter().position(|output| output.name == member);
        let cell =
            || unit.cells.iter().position(|cell| cell.name == member).map(|cell| unit.outputs.len() + cell);
        Some(Form::from(Var::Output(used, output.or_else(cell)?)))
    }

    fn entry(&mut self, text: &Text, expr: &syn::Expr, errors: &mut Vec<Diagnostic>) -> Option<Form> {
        let entries = self.rule.operands.iter().filter(|operand| operand.kind == OperandKind::Entry);
        let names: Vec<(String, Type)> = entries.map(|operand| (operand.name.clone(), operand.ty)).collect();
        let mut scope = PatternScope { operands: &names, locals: Vec::new(), load: None };
        let mut typer = Typer { text, offset: 0, scope: &mut scope, errors };
        let value = typer.expr(expr, Some(Type::unsigned(32)))?;
        Some(Form::from(Var::Entry(self.units.template(&value))))
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.rule.operands.iter().map(|operand| operand.name.clone()).collect();
        for (name, used) in self.used.iter().zip(&self.rule.uses) {
            let unit = &self.units.units[used.unit];
            let outputs = unit.outputs.iter().map(|output| &output.name);
            let cells = unit.cells.iter().map(|cell| &cell.name);
            names.extend(outputs.chain(cells).map(|member| format!("{name}.{member}")));
        }
        names
    }
}

pub(super) fn find_table(
    name: &str,
    text: &Text,
    tables: &[Table],
    errors: &mut Vec<Diagnostic>,
) -> Option<usize> {
    let found = tables.iter().position(|table| table.name == name);
    if found.is_none() {
        errors.push(
            Diagnostic::new(Code::UnknownName, &text.span, format!("there is no table `{name}`"))
                .did_you_mean(name, tables.iter().map(|table| table.name.as_str())),
        );
    }
    found
}

fn type_of(text: &str) -> Option<Type> {
    let signed = text.starts_with('i');
    let width = text.strip_prefix(['u', 'i'])?.parse().ok()?;
    (1..=64).contains(&width).then_some(Type { signed, width })
}

/// `u32`, `u5 entry`, or `u32 in u33`.
fn operand_type(text: &str) -> Option<(Type, OperandKind)> {
    if let Some(ty) = text.strip_suffix(" entry") {
        return Some((type_of(ty)?, OperandKind::Entry));
    }
    if let Some((ty, wide)) = text.split_once(" in u") {
        return Some((type_of(ty)?, OperandKind::Wide(wide.parse().ok().filter(|bits| *bits <= 64)?)));
    }
    Some((type_of(text)?, OperandKind::Any))
}

fn bad(span: &Span, message: &str, hint: &str, errors: &mut Vec<Diagnostic>) {
    errors.push(Diagnostic::new(Code::BadUnit, span, message).hint(hint));
}
