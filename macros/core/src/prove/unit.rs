//! Claims of units: an output's form is what it means.

use super::claim::{Claim, Goal, LET, Lookup, Must, Value};
use super::expressions::{binary, bit};
use super::fed::{fed, takers};
use crate::ir::{BinaryOp, Expr, ExprKind};
use crate::units::Units;
use crate::units::form::{Form, Var};

/// A unit's claims: one for each output that means something and that a rule takes. Nothing relies on another one, and no rule
/// says in which ranges its inputs would be.
pub(super) fn unit(units: &Units, at: usize) -> Vec<(String, Claim)> {
    let declared = &units.units[at];
    let outputs = declared.outputs.iter().enumerate();
    let outputs = outputs.filter_map(|(place, output)| Some((place, output, output.means.as_ref()?)));
    let outputs = outputs.filter(|(place, ..)| takers(units, at, *place).next().is_some());
    let claims = outputs.map(|(place, output, means)| {
        let mut claim = Claim::default();
        for (input, ranges) in declared.inputs.iter().enumerate() {
            let var = Var::Input(input);
            let fed = fed(units, at, place, input);
            claim.names.insert(var, format!("{LET}{}", ranges.name));
            claim.ranges.insert(var, fed.range);
            claim.values.push((ranges.name.clone(), Value::Bits(var, ranges.ty.width)));
            if let Some(values) = fed.values {
                let named = Expr::new(ExprKind::Local(ranges.name.clone()), ranges.ty);
                let top = u64::MAX >> (64 - ranges.ty.width);
                let each = values.into_iter().map(|value| {
                    let value = Expr::new(ExprKind::Const(value as u64 & top), ranges.ty);
                    bit(BinaryOp::Eq, named.clone(), value)
                });
                claim.given.extend(each.reduce(|a, b| binary(BinaryOp::Or, a, b)));
            }
        }
        for (input, value) in &output.given {
            claim.ranges.insert(Var::Input(*input), (*value, *value));
        }
        let tables = |slot: usize| output.tables.iter().find(|(of, _)| *of == slot).map(|(_, table)| *table);
        of_unit(&mut claim, units, at, at, &format!("{}.", declared.name), &tables, &|_| None);
        claim
            .goals
            .push(Goal { what: output.name.clone(), must: Must::Be(output.form.clone(), means.clone()) });
        (format!("{}.{}", declared.name, output.name), claim)
    });
    claims.collect()
}

/// Adds a unit's relations, look-ups and the names of its cells. `as_unit` is the unit's place in the claim; `input` says what
/// feeds an input, and none leaves it as it is.
pub(super) fn of_unit(
    claim: &mut Claim,
    units: &Units,
    unit: usize,
    as_unit: usize,
    prefix: &str,
    tables: &dyn Fn(usize) -> Option<usize>,
    input: &dyn Fn(usize) -> Option<Form>,
) {
    let declared = &units.units[unit];
    let moved = |form: &Form| {
        form.put(&mut |var| match var {
            Var::Cell(_, cell) => Some(Form::from(Var::Cell(as_unit, cell))),
            Var::On => Some(Form::constant(1)),
            Var::Input(at) => input(at),
            _ => None,
        })
    };
    for (cell, named) in declared.cells.iter().enumerate() {
        claim.names.insert(Var::Cell(as_unit, cell), format!("{prefix}{}", named.name));
    }
    for relation in &declared.relations {
        claim.relations.push((format!("{}: {}", declared.name, relation.text), moved(&relation.form)));
    }
    for (at, slot) in declared.slots.iter().enumerate() {
        let table = tables(at).unwrap_or(slot.table);
        claim.lookups.push(Lookup {
            name: format!("{}.{}", declared.name, slot.name),
            table: units.tables[table].clone(),
            places: slot.places.iter().map(|cell| Var::Cell(as_unit, *cell)).collect(),
        });
    }
}
