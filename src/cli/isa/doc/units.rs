//! What the page says of units: what each costs, its tables, and how each instruction uses them.

use retrace_codegen::Model;
use retrace_codegen::model::Instruction;
use retrace_codegen::units::Unit;
use retrace_codegen::units::explain::{self, Cost, Totals};

use super::page::{Body, Fact, Line, Section, code, fact, text};
use crate::cli::output;

pub(super) fn sections(model: &Model) -> Vec<Section> {
    if model.units.units.is_empty() {
        return Vec::new();
    }
    vec![units(model), relations(model), tables(model)]
}

fn units(model: &Model) -> Section {
    let row = |cost: &Cost| {
        let number = |number: usize| vec![text(number.to_string())];
        vec![
            vec![code(&cost.name)],
            vec![text(&cost.doc)],
            number(cost.cells),
            number(cost.shared),
            number(cost.relations),
            number(cost.lookups),
            number(cost.columns),
        ]
    };
    let Totals { cells, lookups, lookups_at_once, degree, columns, relations, entries } =
        explain::totals(model);
    Section {
        anchor: "units",
        title: "Units",
        intro: vec![
            vec![text(
                "What every row has room for. An instruction is compiled to uses of units; what feeds them is said by \
                 columns of the code table, which depend on the instruction alone.",
            )],
            vec![text(format!(
                "Together: {cells} committed cells a row with the index into the code table, {relations} relations of \
                 degree {degree}, {lookups} look-ups of which an instruction makes at most {lookups_at_once}, {columns} \
                 columns of the code table, and tables of {} entries.",
                output::number(entries),
            ))],
        ],
        body: Body::Table {
            head: vec![
                "unit",
                "is",
                "cells",
                "of them shared",
                "relations",
                "look-ups",
                "columns it needs first",
            ],
            rows: explain::costs(model).iter().map(row).collect(),
        },
    }
}

fn relations(model: &Model) -> Section {
    let row = |unit: &Unit| {
        let relations = unit.relations.iter().map(|relation| relation.text.clone());
        let lookups = unit.slots.iter().map(|slot| {
            let cells: Vec<&str> = slot.places.iter().map(|cell| unit.cells[*cell].name.as_str()).collect();
            format!("{}: {}", slot.name, cells.join(", "))
        });
        vec![vec![code(&unit.name)], codes(relations), codes(lookups)]
    };
    Section {
        anchor: "relations",
        title: "Relations and look-ups",
        intro: vec![vec![text(
            "What holds in every row, of what instructions feed to units and of the units' cells; and which cells are looked \
             up, in a table that the instruction chooses.",
        )]],
        body: Body::Table {
            head: vec!["unit", "relations", "look-ups"],
            rows: model.units.units.iter().map(row).collect(),
        },
    }
}

fn tables(model: &Model) -> Section {
    let row = |table: &retrace_codegen::units::Table| {
        let keys = table.keys.iter().map(|(name, bits)| format!("{name}: u{bits}"));
        let values = table.values.iter().map(|(name, value)| format!("{name} = {}", written(model, value)));
        vec![
            vec![code(&table.name)],
            vec![text(&table.doc)],
            codes(keys),
            codes(values),
            vec![text(output::number(table.entries()))],
        ]
    };
    Section {
        anchor: "tables",
        title: "Tables of look-ups",
        intro: vec![vec![text("What a look-up may find: for each key one value of each kind.")]],
        body: Body::Table {
            head: vec!["table", "is", "keys", "values", "entries"],
            rows: model.units.tables.iter().map(row).collect(),
        },
    }
}

fn written(model: &Model, value: &retrace_codegen::ir::Expr) -> String {
    retrace_codegen::text::expression(model, value)
}

fn codes(texts: impl Iterator<Item = String>) -> Line {
    super::page::list(texts.map(code), "none")
}

/// How an instruction uses units.
pub(super) fn compiled(model: &Model, instruction: &Instruction) -> Option<Fact> {
    let at = model.instructions.iter().position(|known| known.name == instruction.name)?;
    let mut line = Line::new();
    for explain::Line { what, text: said } in explain::instruction(model, at) {
        // Which tables look-ups read, and by which rules, is for `isa explain`.
        if matches!(what, "look-up" | "rule") {
            continue;
        }
        line.push(text(if line.is_empty() { format!("{what} ") } else { format!("; {what} ") }));
        line.push(code(said));
    }
    (!line.is_empty()).then(|| fact("Compiled to", line))
}
