//! What the columns of the code table make of the wiring, for one instruction or variant.

use retrace_codegen::Model;
use retrace_codegen::units::form::{Form, Var};
use retrace_codegen::units::wiring::Relation;

fn product(vars: &[Var], coefficient: i128) -> Form {
    vars.iter().fold(Form::constant(coefficient), |all, var| &all * &Form::from(*var))
}

/// A sum of columns of the code table, each with its factor.
pub(crate) fn combination(model: &Model, columns: &[(usize, i128)], kind: usize) -> Form {
    columns.iter().fold(Form::default(), |sum, (at, factor)| {
        let by = model.wiring.columns[*at].by.get(&kind).into_iter().flatten();
        let column = by.fold(Form::default(), |sum, (entries, coefficient)| {
            let entries: Vec<Var> = entries.iter().map(|at| Var::Entry(*at)).collect();
            &sum + &product(&entries, *coefficient)
        });
        &sum + &(&Form::constant(*factor) * &column)
    })
}

/// A relation.
pub(crate) fn relation(model: &Model, relation: &Relation, kind: usize) -> Form {
    let wired =
        relation.wired.iter().map(|(vars, columns)| &product(vars, 1) * &combination(model, columns, kind));
    let fixed = relation.fixed.iter().map(|(vars, factor)| product(vars, *factor));
    wired.chain(fixed).fold(Form::default(), |sum, one| &sum + &one)
}
