//! What the page says of a row: columns, constraints, links, calls and the policy.

use retrace_codegen::ir::{ExprKind, walk};
use retrace_codegen::model::{Cell, Class, Column, ColumnSource, Constraint, Instruction, PUBLIC, Recorded};
use retrace_codegen::{Model, text as ir_text};

use super::page::{Body, Entry, Fact, Inline, Line, Section, anchor, clean, code, fact, link, list, text};

pub(super) fn sections(model: &Model) -> Vec<Section> {
    let mut sections =
        vec![columns(model), constraints(model), links(model), lookups(model), calls(model), policy(model)];
    // A table without rows says nothing.
    sections.retain(|section| !matches!(&section.body, Body::Entries(entries) if entries.is_empty()));
    sections
}

fn section(anchor: &'static str, title: &'static str, intro: &str, entries: Vec<Entry>) -> Section {
    Section { anchor, title, intro: vec![vec![text(intro)]], body: Body::Entries(entries) }
}

fn entry(kind: &str, name: &str, doc: &str, facts: Vec<Fact>) -> Entry {
    Entry { anchor: anchor(kind, name), name: clean(name), doc: vec![text(doc)], diagram: None, facts }
}

fn columns(model: &Model) -> Section {
    let entries = model.columns.iter().enumerate().map(|(at, column)| {
        let mut facts = vec![fact("Class", class(column.class))];
        facts.extend(source(model, column));
        let readers =
            model.columns.iter().filter(|reader| inputs(reader).iter().any(|cell| is_of(*cell, at)));
        let derived: Line = readers.map(|reader| link("column", &reader.name)).collect();
        if !derived.is_empty() {
            facts.push(fact("Columns from it", list(derived, "")));
        }
        let constraints = model.constraints.iter().filter(|c| cells(c).iter().any(|cell| is_of(*cell, at)));
        facts.push(fact("Constraints", list(constraints.map(|c| link("constraint", &c.name)), "none")));
        let links = model.links.iter().filter(|tie| tie.from == at || tie.to == at);
        let links: Line = links.map(|tie| link("link", &tie.name)).collect();
        if !links.is_empty() {
            facts.push(fact("Links", list(links, "")));
        }
        entry("column", &column.name, &column.doc, facts)
    });
    section(
        "columns",
        "Columns",
        "The stored columns, in the order of the row: those that execution records, then those that are derived when \
         they are asked for.",
        entries.collect(),
    )
}

fn class(class: Class) -> Line {
    let power = |bits: u32| 1i64 << bits;
    let (name, min, max) = match class {
        Class::Bit => ("bit".to_owned(), 0, 1),
        Class::Unsigned(bits) => (format!("u{bits}"), 0, power(bits) - 1),
        Class::Signed(bits) => (format!("i{bits}"), -power(bits - 1), power(bits - 1) - 1),
        Class::Interval(min, max) => (format!("{min}..={max}"), min, max),
    };
    vec![code(name), text(format!(": {min} to {max}"))]
}

/// Where a column's values come from.
fn source(model: &Model, column: &Column) -> Vec<Fact> {
    match &column.source {
        ColumnSource::Recorded(sources) => {
            let what = |source: &Recorded| code(source.name());
            let defines = |kind: &&Instruction| {
                kind.semantics.has_rows() && sources.iter().any(|source| kind.defines(source))
            };
            let by = if model.kinds().filter(|kind| kind.semantics.has_rows()).all(|kind| defines(&kind)) {
                vec![text("every row")]
            } else {
                let instructions = model.instructions.iter().filter(defines);
                let calls = model.calls.iter().filter(|call| call.variants.iter().any(|it| defines(&it)));
                let links = instructions.map(|instruction| link("instruction", &instruction.name));
                list(links.chain(calls.map(|call| link("call", &call.name))), "no row")
            };
            vec![fact("Recorded", list(sources.iter().map(what), "")), fact("In rows of", by)]
        }
        ColumnSource::Derived(expr) => {
            let mut from: Line = Vec::new();
            walk(expr, &mut |expr| {
                let source = match expr.kind {
                    ExprKind::Op(_) => code(ir_text::expression(model, expr)),
                    _ => match cell(&expr.kind) {
                        Some(cell) => reference(model, cell),
                        None => return,
                    },
                };
                if !from.contains(&source) {
                    from.push(source);
                }
            });
            vec![
                fact("Derived", vec![code(ir_text::expression(model, expr))]),
                fact("From", list(from, "nothing: it is constant")),
            ]
        }
    }
}

/// The cell that an expression is.
fn cell(kind: &ExprKind) -> Option<Cell> {
    match *kind {
        ExprKind::Column(at) => Some(Cell::Stored(at)),
        _ => None,
    }
}

/// The cells that a column is derived from.
fn inputs(column: &Column) -> Vec<Cell> {
    let mut inputs = Vec::new();
    if let ColumnSource::Derived(expr) = &column.source {
        walk(expr, &mut |expr| inputs.extend(cell(&expr.kind)));
    }
    inputs
}

/// The cells that a constraint speaks of, each once.
fn cells(constraint: &Constraint) -> Vec<Cell> {
    let terms = constraint.polynomial.iter().flatten().flat_map(|factor| &factor.terms);
    let mut cells: Vec<Cell> = terms.map(|(cell, _)| *cell).collect();
    cells.sort_unstable();
    cells.dedup();
    cells
}

/// Whether a cell is of this stored column.
fn is_of(cell: Cell, column: usize) -> bool {
    matches!(cell, Cell::Stored(at) if at == column)
}

/// A cell by name, with a link to what it is a cell of.
fn reference(model: &Model, cell: Cell) -> Inline {
    match cell {
        Cell::Stored(at) => link("column", &model.columns[at].name),
        Cell::Public(at) => code(PUBLIC[at]),
    }
}

fn constraints(model: &Model) -> Section {
    let constraint = |constraint: &Constraint| {
        let columns = cells(constraint).into_iter();
        let facts = vec![
            fact("Zero in every row", vec![code(&constraint.text)]),
            fact("Degree", vec![text(constraint.degree.to_string())]),
            fact("Columns", list(columns.map(|cell| reference(model, cell)), "none")),
        ];
        entry("constraint", &constraint.name, &constraint.doc, facts)
    };
    section(
        "constraints",
        "Constraints",
        "Integer polynomials that are zero in every row, beside the units' relations.",
        model.constraints.iter().map(constraint).collect(),
    )
}

fn links(model: &Model) -> Section {
    let entries = model.links.iter().map(|tie| {
        let (from, to) =
            (link("column", &model.columns[tie.from].name), link("column", &model.columns[tie.to].name));
        let value = vec![
            to,
            text(" of a row is "),
            from,
            text(" of the row before; of row 0, the program's entry point"),
        ];
        entry("link", &tie.name, &tie.doc, vec![fact("Says", value)])
    });
    section("links", "Links", "What ties a row to the row before.", entries.collect())
}

fn lookups(model: &Model) -> Section {
    let entries = model.lookups.iter().map(|lookup| {
        let columns = lookup.places.iter().map(|at| link("column", &model.columns[*at].name));
        let facts =
            vec![fact("In every row", vec![code(&lookup.text)]), fact("Columns", list(columns, "none"))];
        entry("lookup", &lookup.name, &lookup.doc, facts)
    });
    section(
        "lookups",
        "Look-ups",
        "What columns find in tables, beside the units' look-ups.",
        entries.collect(),
    )
}

fn calls(model: &Model) -> Section {
    let entries = model.calls.iter().map(|call| {
        let mut facts = vec![
            fact("Number", vec![code(call.number.to_string())]),
            fact("Arguments", list(call.arguments.iter().map(text), "none")),
        ];
        for variant in &call.variants {
            let mut what = vec![code(variant.semantics_text.trim())];
            if !variant.when.is_empty() {
                what.extend([text(" where "), code(&variant.when)]);
            }
            let of_call = |name: &str| name.strip_prefix(&format!("{}.", call.name)).map(str::to_owned);
            facts.push(fact(of_call(&variant.name).unwrap_or_else(|| "Operation".to_owned()), what));
        }
        entry("call", &call.name, &call.doc, facts)
    });
    section(
        "calls",
        "Guest calls",
        "What a guest can ask of its host. A call is one row; of its variants one is the case.",
        entries.collect(),
    )
}

fn policy(model: &Model) -> Section {
    let row = |(question, answer): &(String, String)| vec![vec![code(question)], vec![code(answer)]];
    Section {
        anchor: "policy",
        title: "Policy",
        intro: vec![vec![text(
            "What the manual leaves to the execution environment. A trap ends the run, and its cycle is not counted.",
        )]],
        body: Body::Table { head: vec!["question", "answer"], rows: model.policy.iter().map(row).collect() },
    }
}
