//! `retrace isa check`: all that is wrong with specs; of a sound one, if asked, the opcode map, what units cost, and what
//! a solver proves. The last line is the verdict.

use std::process::ExitCode;

use retrace_codegen::model::Opcode;
use retrace_codegen::units::explain::{self, Cost, Totals};
use retrace_codegen::{Diagnostic, Diagnostics, Model};
use serde_json::{Value, json};

use super::prove::{Lemmas, Prover, said_of_lemma};
use super::{compile, not_utf8};
use crate::cli::arguments::{CheckSpecs, Common};
use crate::cli::failure::{Done, Failure};
use crate::cli::output;

pub(in crate::cli) fn check(common: &Common, check: &CheckSpecs) -> Done {
    let mut prover = Prover::new(common, check)?;
    let mut reports = Vec::new();
    let (mut failed, mut unproven) = (0, 0);
    for file in &check.specs {
        let Some(name) = file.to_str() else { return Err(not_utf8(file)) };
        match compile(name) {
            Ok(model) => {
                if !common.json {
                    if check.list {
                        output::print(&lists(&model))?;
                    }
                    output::print(&verdict(name, &model))?;
                }
                let lemmas = match &mut prover {
                    Some(prover) => Some(said_of_lemmas(common, prover, name, &model)?),
                    None => None,
                };
                unproven += u64::from(lemmas.as_ref().is_some_and(|lemmas| !lemmas.hold()));
                if common.json {
                    reports.push(sound(name, &model, lemmas.as_ref()));
                }
            }
            Err(errors) => {
                failed += 1;
                if common.json {
                    reports.push(broken(name, &errors));
                } else {
                    // The last line counts the errors.
                    output::diagnostics(&errors);
                }
            }
        }
    }
    let checked = check.specs.len() as u64;
    let ok = failed == 0 && unproven == 0;
    if common.json {
        output::object(&json!({ "ok": ok, "files": reports }))?;
    } else if checked > 1 {
        // The last spec may be sound.
        let of = output::count(checked, "spec");
        for (count, what) in [(failed, "with errors"), (unproven, "not proven")] {
            if count > 0 {
                output::note(&format!("{count} of {of} {what}"));
            }
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Proves and writes lemmas; a person is told what came of them.
fn said_of_lemmas(
    common: &Common,
    prover: &mut Prover,
    name: &str,
    model: &Model,
) -> Result<Lemmas, Failure> {
    let print = |text: &str| if common.json { Ok(()) } else { output::print(text) };
    let lemmas = prover.lemmas(model, |lemma, proof| Ok(print(&said_of_lemma(lemma, proof))?))?;
    print(&lemmas.said_of_files(name))?;
    print(&lemmas.verdict(name))?;
    Ok(lemmas)
}

/// Said of a sound spec, in one line.
fn verdict(name: &str, model: &Model) -> String {
    let legal = model.legal_words();
    format!(
        "{name}: no errors: {} instructions, {} columns, {} constraints, {} look-ups; {} of 2^32 words are legal ({:.2} %)\n",
        model.instructions.len(),
        model.columns.len(),
        model.constraints.len() + model.wiring.relations.len(),
        model.wiring.slots.len() + model.lookups.len(),
        output::number(legal),
        legal as f64 / 2f64.powi(32) * 100.0,
    )
}

/// The opcode map, and what units cost.
fn lists(model: &Model) -> String {
    let mut text = "opcode   name              legal        others\n".to_owned();
    let opcodes = model.opcodes();
    let (words, other): (Vec<&Opcode>, Vec<&Opcode>) =
        opcodes.iter().partition(|opcode| opcode.legal > 0 || opcode.name.is_some());
    for opcode in words {
        text += &format!(
            "{:07b}  {:<9} {:>13} {:>13} {}\n",
            opcode.opcode,
            opcode.name.as_deref().unwrap_or("-"),
            output::number(opcode.legal),
            output::number(Opcode::WORDS - opcode.legal),
            opcode.rest(),
        );
    }
    for rest in ["reserved", "longer", "compressed"] {
        let count = other.iter().filter(|opcode| opcode.rest() == rest).count() as u64;
        text +=
            &format!("{:<32} {:>13} {rest}\n", "all other opcodes", output::number(count * Opcode::WORDS));
    }
    if !model.units.units.is_empty() {
        text += &units(model);
    }
    text + "\n"
}

/// What units and tables cost.
fn units(model: &Model) -> String {
    let mut text =
        "\nunit         cells  shared  relations  look-ups  columns that it needs first\n".to_owned();
    for cost in explain::costs(model) {
        let Cost { name, cells, shared, relations, lookups, columns, .. } = cost;
        text += &format!("{name:<12} {cells:>5} {shared:>7} {relations:>10} {lookups:>9} {columns:>8}\n");
    }
    text += "\ntable             entries  keys and values\n";
    for table in &model.units.tables {
        let keys: Vec<String> = table.keys.iter().map(|(name, bits)| format!("{name}: u{bits}")).collect();
        let values: Vec<&str> = table.values.iter().map(|(name, _)| name.as_str()).collect();
        let names = [&keys.join(", ")[..], &values.join(", ")].join(" -> ");
        let names = names.trim_end_matches(" -> ");
        text += &format!("{:<12} {:>12}  {names}\n", table.name, output::number(table.entries()));
    }
    let Totals { cells, lookups, lookups_at_once, degree, columns, relations, .. } = explain::totals(model);
    text + &format!(
        "\na row: {cells} committed cells with the index, {relations} relations of degree {degree}, {lookups} look-ups of \
         which at most {lookups_at_once} at once, {columns} columns of the code table\n"
    )
}

fn sound(name: &str, model: &Model, lemmas: Option<&Lemmas>) -> Value {
    let opcodes = model.opcodes();
    let opcodes = opcodes.iter().map(|opcode| {
        json!({ "opcode": opcode.opcode, "name": opcode.name, "legal": opcode.legal, "others": opcode.rest() })
    });
    let units = explain::costs(model).into_iter().map(|cost| {
        json!({
            "name": cost.name,
            "cells": cost.cells,
            "shared": cost.shared,
            "relations": cost.relations,
            "lookups": cost.lookups,
            "columns": cost.columns,
        })
    });
    let tables = model.units.tables.iter();
    let tables = tables.map(|table| json!({ "name": table.name, "entries": table.entries() }));
    let totals = explain::totals(model);
    let row = json!({
        "cells": totals.cells,
        "relations": totals.relations,
        "degree": totals.degree,
        "lookups": totals.lookups,
        "lookups_at_once": totals.lookups_at_once,
        "columns": totals.columns,
    });
    let mut object = json!({
        "file": name,
        "ok": lemmas.is_none_or(Lemmas::hold),
        "instructions": model.instructions.len(),
        "columns": model.columns.len(),
        "constraints": model.constraints.len() + model.wiring.relations.len(),
        "lookups": model.wiring.slots.len() + model.lookups.len(),
        "legal_words": model.legal_words(),
        "opcodes": opcodes.collect::<Vec<_>>(),
        "units": units.collect::<Vec<_>>(),
        "tables": tables.collect::<Vec<_>>(),
        "row": row,
    });
    if let Some(lemmas) = lemmas {
        object["lemmas"] = lemmas.to_json();
    }
    object
}

fn broken(name: &str, errors: &Diagnostics) -> Value {
    let describe = |error: &Diagnostic| {
        let (file, line, column) = errors.place(error);
        json!({
            "code": error.code.name(),
            "message": error.message,
            "file": file,
            "line": line,
            "column": column,
            "hint": error.hint,
        })
    };
    json!({ "file": name, "ok": false, "errors": errors.errors().iter().map(describe).collect::<Vec<_>>() })
}
