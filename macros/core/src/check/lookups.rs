//! Look-ups that are to come: names resolved, and on honest rows the output a function of the inputs.

use std::collections::HashMap;

use super::rows::Row;
use super::{columns, find_group, unique};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::{Column, Group, Lookup, Model};
use crate::parse::{LookupTable, Tables};

pub(super) fn lookups(
    tables: &Tables,
    columns: &[Column],
    groups: &[Group],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Lookup> {
    unique("lookup", tables.lookups.iter().map(|table| &table.name), errors);
    let mut lookups: Vec<Lookup> =
        tables.lookups.iter().filter_map(|table| lookup(table, columns, groups, errors)).collect();
    lookups.sort_by(|a, b| a.name.cmp(&b.name));
    lookups
}

fn lookup(
    table: &LookupTable,
    columns: &[Column],
    groups: &[Group],
    errors: &mut Vec<Diagnostic>,
) -> Option<Lookup> {
    let before = errors.len();
    let mut places: Vec<usize> =
        table.groups.iter().filter_map(|group| find_group(group, groups, errors)).collect();
    places.sort_unstable();
    places.dedup();
    let inputs = table.inputs.iter().filter_map(|input| columns::find(input, columns, errors)).collect();
    let output = columns::find(&table.output, columns, errors);
    let output = output.filter(|_| errors.len() == before)?;
    if let Some(own) = table.inputs.iter().find(|input| input.value == table.output.value) {
        errors.push(
            Diagnostic::new(Code::LookupFunction, &own.span, "a look-up's output is an input of its own")
                .label("this is what it is to determine")
                .other(&table.output.span, "its output")
                .hint("leave it out of the inputs"),
        );
        return None;
    }
    Some(Lookup {
        name: table.name.value.clone(),
        doc: table.doc.value.clone(),
        groups: places,
        inputs,
        output,
        span: table.name.span.clone(),
    })
}

/// Two rows of one instruction with the same inputs must have the same output.
pub(super) fn check(model: &Model, rows: &[Vec<Row>], errors: &mut Vec<Diagnostic>) {
    for lookup in &model.lookups {
        let concerned =
            model.instructions.iter().zip(rows).filter(|(instruction, _)| {
                instruction.group.is_some_and(|group| lookup.groups.contains(&group))
            });
        for (instruction, rows) in concerned {
            let mut seen: HashMap<Vec<i64>, &Row> = HashMap::new();
            let conflict = rows.iter().find_map(|row| {
                let inputs = lookup.inputs.iter().map(|input| row.cells[*input]).collect();
                let first = *seen.entry(inputs).or_insert(row);
                (first.cells[lookup.output] != row.cells[lookup.output]).then_some((first, row))
            });
            if let Some((first, second)) = conflict {
                let output = &model.columns[lookup.output].name;
                errors.push(
                    Diagnostic::new(
                        Code::LookupFunction,
                        &lookup.span,
                        format!(
                            "look-up `{}` is no function of its inputs in rows of `{}`: `{output}` is {} and {}",
                            lookup.name,
                            instruction.name,
                            first.cells[lookup.output],
                            second.cells[lookup.output],
                        ),
                    )
                    .label("its inputs do not determine its output")
                    .other(&instruction.span, "the instruction")
                    .hint(format!("add the column that tells these apart: {}; {}", first.case, second.case)),
                );
                break;
            }
        }
    }
}
