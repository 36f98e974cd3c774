//! The compiled form held against honest rows, rows that trap, and a liar's.

use crate::check::rows::{BYTES, Case, LEFT, POSITION, PUT, Row, TAKEN};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::{Model, Recorded, WRITES};
use crate::units::PRIME;
use crate::units::forge::forge;
use crate::units::form::Form;
use crate::units::row::{self, Found, Rows, Unfilled};
use crate::units::select::Selection;

/// How many rows of an instruction a liar is let at, and which part of its lies it tells: for every build. The
/// tests try more.
const FORGED_ROWS: usize = 2;
const FORGED_PART: usize = 16;

/// Holds honest rows against the compiled form: relations, assertions and look-ups hold, inputs are what units are made
/// for, outputs are what they mean, and the row's outputs are those of the semantics.
/// A row that traps breaks one of them.
pub(in crate::check) fn check(
    model: &Model,
    rows: &[Vec<Row>],
    trapped: &[Vec<(Case, Found)>],
    errors: &mut Vec<Diagnostic>,
) {
    let instructions = model.kinds().zip(&model.selections).zip(rows).zip(trapped);
    for (((instruction, selection), rows), trapped) in instructions {
        let Some(selection) = selection else { continue };
        let rule_rows = Rows { units: &model.units, selection };
        let broken = rows.iter().find_map(|row| breaks(rule_rows, row).map(|what| (row, what)));
        let forged = rows.iter().step_by(rows.len().div_ceil(FORGED_ROWS).max(1)).find_map(|row| {
            let found = row.found(&model.units);
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

/// Whether units let a row pass that goes on where they say, and accesses the word that they say.
fn goes_on(rows: Rows<'_>, mut found: Found) -> bool {
    let Ok(cells) = rows.fill(&found) else { return false };
    found.next_pc = rows.value(&rows.selection.next, &found, &cells).rem_euclid(PRIME) as u32;
    if let Some(address) = &rows.selection.address {
        found.word = rows.value(address, &found, &cells).rem_euclid(PRIME) as u32;
    }
    rows.faults(&found, &cells).is_empty()
}

/// What is wrong with an honest row.
fn breaks(rows: Rows<'_>, row: &Row) -> Option<String> {
    let found = row.found(rows.units);
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
        (WRITES[0], rows.written(0, &cells), recorded(&Recorded::RdValue(0))),
        (WRITES[1], rows.written(1, &cells), recorded(&Recorded::RdValue(1))),
        ("the address", address, recorded(&Recorded::MemAddress).map(|address| address & !3)),
        ("the word after", rows.after(&cells), recorded(&Recorded::MemAfter)),
    ];
    let moved = moved(rows.selection).map(|(what, form)| {
        let by_semantics =
            row.moved.iter().find(|(known, _)| *known == what).map(|(_, value)| i128::from(*value));
        (what, Some(rows.value(form, &found, &cells)), by_semantics)
    });
    let wrong = outputs.into_iter().chain(moved).find(|(_, by_units, by_semantics)| by_units != by_semantics);
    wrong.map(|(what, by_units, by_semantics)| {
        let [by_units, by_semantics] = [by_units, by_semantics]
            .map(|value| value.map_or("nothing".to_owned(), |value| format!("{value:#x}")));
        format!("{what} is {by_units} by the units, and {by_semantics} by the semantics")
    })
}

/// What a call takes and puts out, as units have it.
fn moved(selection: &Selection) -> impl Iterator<Item = (&'static str, &Form)> {
    let taken = selection.input.iter().flat_map(|taken| [(LEFT, &taken.left), (TAKEN, &taken.count)]);
    let put = selection.output.iter();
    taken.chain(put.flat_map(|put| [(POSITION, &put.position), (PUT, &put.count), (BYTES, &put.value)]))
}
