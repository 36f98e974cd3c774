//! Look-ups of columns that the spec declares: names resolved, and held against honest rows.

use super::rows::Row;
use super::{columns, forms, unique};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::{Column, Lookup, Model};
use crate::parse::{LookupTable, Tables};
use crate::units::{Table, Units};

pub(super) fn lookups(
    tables: &Tables,
    columns: &[Column],
    units: &Units,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Lookup> {
    unique("lookup", tables.lookups.iter().map(|table| &table.name), errors);
    let mut lookups: Vec<Lookup> =
        tables.lookups.iter().filter_map(|table| lookup(table, columns, &units.tables, errors)).collect();
    lookups.sort_by(|a, b| a.name.cmp(&b.name));
    lookups
}

fn lookup(
    lookup: &LookupTable,
    columns: &[Column],
    tables: &[Table],
    errors: &mut Vec<Diagnostic>,
) -> Option<Lookup> {
    let (name, found) = forms::lookup(&lookup.find, errors)?;
    let table = super::units::find_table(&name, &lookup.find, tables, errors)?;
    let before = errors.len();
    let named = found.iter().filter_map(|name| columns::find_named(name, &lookup.find, columns, errors));
    let places: Vec<usize> = named.collect();
    let Table { name, keys, values, .. } = &tables[table];
    let needed = keys.len() + values.len();
    if errors.len() == before && places.len() != needed {
        let message =
            format!("table `{name}` has {needed} keys and values, and this look-up {}", places.len());
        errors.push(
            Diagnostic::new(Code::BadUnit, &lookup.find.span, message)
                .hint("name a column for each key, and after `=` one for each value"),
        );
    }
    (errors.len() == before).then(|| Lookup {
        name: lookup.name.value.clone(),
        doc: lookup.doc.value.clone(),
        text: lookup.find.value.clone(),
        table,
        places,
        span: lookup.name.span.clone(),
    })
}

/// Holds honest rows against look-ups.
pub(super) fn check(model: &Model, rows: &[Vec<Row>], errors: &mut Vec<Diagnostic>) {
    for lookup in &model.lookups {
        let table = &model.units.tables[lookup.table];
        let finds = |row: &Row| {
            let cells: Vec<i128> = lookup.places.iter().map(|at| row.cells[*at].into()).collect();
            table.has(&cells)
        };
        let all = model.kinds().zip(rows);
        let mut missed =
            all.filter_map(|(instruction, rows)| Some((instruction, rows.iter().find(|row| !finds(row))?)));
        if let Some((instruction, row)) = missed.next() {
            let cell = |at: &usize| format!("{} = {}", model.columns[*at].name, row.cells[*at]);
            let cells: Vec<String> = lookup.places.iter().map(cell).collect();
            errors.push(
                Diagnostic::new(
                    Code::LookupMissed,
                    &lookup.span,
                    format!(
                        "look-up `{}` finds no such entry of table `{}` in a row of `{}`: {}",
                        lookup.name,
                        table.name,
                        instruction.name,
                        cells.join(", ")
                    ),
                )
                .label("this does not hold")
                .other(&instruction.span, "an instruction that breaks it")
                .hint(format!("the row: {}; a look-up is made in every row that is not padding", row.case)),
            );
        }
    }
}
