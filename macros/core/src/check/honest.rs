//! Honest rows against what is said of every row: cells in their classes, constraints zero, links held.
//!
//! A spec whose own rows break it is wrong, however well it reads: an instruction that does not obey its constraints would
//! run, and its honest proofs be refused.

use std::collections::{BTreeMap, HashMap};

use super::rows::{Row, moved};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::{Cell, Instruction, Linear, Model, Polynomial};
use crate::source::Span;

/// How many instructions an error names.
const SHOWN: usize = 3;

/// One thing that rows break, and which instructions' do.
struct Broken<'a> {
    code: Code,
    /// The column's, constraint's or link's table.
    span: &'a Span,
    what: String,
    /// The first row that breaks it, and its cells.
    hint: String,
    /// The instruction of that row, then others.
    kinds: Vec<usize>,
}

pub(super) fn check(model: &Model, rows: &[Vec<Row>], order: &[usize], errors: &mut Vec<Diagnostic>) {
    let mut broken: BTreeMap<(Code, usize), Broken<'_>> = BTreeMap::new();
    // What follows a row: any that does not jump, moved to the address.
    let mut any = rows.iter().enumerate().flat_map(|(kind, rows)| rows.iter().map(move |row| (kind, row)));
    let plain = any.find(|(_, row)| row.next == Some(row.case.pc.wrapping_add(4)));
    let mut following: HashMap<u32, Vec<i64>> = HashMap::new();
    for (kind, rows) in rows.iter().enumerate() {
        errors.extend(rows.is_empty().then(|| never_runs(model.kind(kind))).flatten());
        for row in rows {
            let mut breaks = |code, at, span, what: &dyn Fn() -> String, hint: &dyn Fn() -> String| {
                let entry = broken.entry((code, at)).or_insert_with(|| Broken {
                    code,
                    span,
                    what: what(),
                    hint: hint(),
                    kinds: Vec::new(),
                });
                if entry.kinds.last() != Some(&kind) {
                    entry.kinds.push(kind);
                }
            };
            for (at, column) in model.columns.iter().enumerate() {
                let (min, max) = column.class.bounds();
                let cell = row.cells[at];
                if !(min..=max).contains(&cell) {
                    let what = || format!("column `{}` is {cell}, outside {min}..={max},", column.name);
                    breaks(Code::CellRange, at, &column.span, &what, &|| row.case.to_string());
                }
            }
            for (at, constraint) in model.constraints.iter().enumerate() {
                let value = value(&constraint.polynomial, row);
                if value != 0 {
                    let what = || format!("constraint `{}` is {value}, not zero,", constraint.name);
                    let hint = || format!("{}; {}", row.case, cells(model, &constraint.polynomial, row));
                    breaks(Code::ConstraintViolated, at, &constraint.span, &what, &hint);
                }
            }
            for (at, link) in model.links.iter().enumerate() {
                let from = row.cells[link.from];
                let to = match (row.next, plain) {
                    (None, _) => Some(0),
                    (Some(pc), Some((kind, plain))) => {
                        let next =
                            following.entry(pc).or_insert_with(|| moved(model, kind, order, plain, pc));
                        Some(next[link.to])
                    }
                    _ => None,
                };
                if let Some(to) = to.filter(|to| *to != from) {
                    let (from_name, to_name) = (&model.columns[link.from].name, &model.columns[link.to].name);
                    let what = || {
                        format!(
                            "link `{}` does not hold: `{from_name}` is {from:#x}, the next row's `{to_name}` {to:#x},",
                            link.name
                        )
                    };
                    breaks(Code::LinkViolated, at, &link.span, &what, &|| row.case.to_string());
                }
            }
        }
    }
    errors.extend(broken.into_values().map(|broken| diagnostic(model, broken)));
}

/// An instruction that traps on every edge operand could not be checked, nor a variant that no state makes the case.
fn never_runs(instruction: &Instruction) -> Option<Diagnostic> {
    let always = !instruction.semantics.has_rows();
    if instruction.is_variant() {
        let message = format!(
            "`{}` is the case in no state that was tried: no row of it could be checked",
            instruction.name
        );
        return Some(
            Diagnostic::new(Code::NeverRuns, &instruction.span, message)
                .label("never seen")
                .hint("compare registers with numbers, and with sums of another register and a small number"),
        );
    }
    (!always).then(|| {
        Diagnostic::new(
            Code::NeverRuns,
            &instruction.written.span,
            format!("`{}` traps whatever its operands: no row of it could be checked", instruction.name),
        )
        .label("every edge operand traps")
        .hint("trap(…) alone says that it always traps; else let common operands, as 0, 1 and -1, execute")
    })
}

fn diagnostic(model: &Model, broken: Broken<'_>) -> Diagnostic {
    let first = model.kind(broken.kinds[0]);
    let message = format!("{} in a row of `{}`", broken.what, first.name);
    let names = |kinds: &[usize]| {
        let names: Vec<String> =
            kinds.iter().take(SHOWN).map(|kind| format!("`{}`", model.kind(*kind).name)).collect();
        let more = kinds.len().saturating_sub(SHOWN);
        names.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
    };
    // One instruction alone is the likelier culprit; what many break is wrong itself.
    let (span, label, other, other_label) = match broken.kinds.as_slice() {
        [_] => (&first.span, "this instruction breaks it", broken.span, "what it breaks"),
        _ => (broken.span, "this does not hold", &first.span, "an instruction that breaks it"),
    };
    let more = match &broken.kinds[1..] {
        [] => String::new(),
        more => format!("; also in rows of {}", names(more)),
    };
    Diagnostic::new(broken.code, span, message)
        .label(label)
        .other(other, other_label)
        .hint(format!("the row: {}{more}", broken.hint))
}

/// The cells that a polynomial reads.
fn cells(model: &Model, polynomial: &Polynomial, row: &Row) -> String {
    let mut stored: Vec<usize> = Vec::new();
    for (cell, _) in polynomial.iter().flatten().flat_map(|factor| &factor.terms) {
        if let Cell::Stored(at) = cell
            && !stored.contains(at)
        {
            stored.push(*at);
        }
    }
    let shown: Vec<String> =
        stored.into_iter().map(|at| format!("{} = {}", model.columns[at].name, row.cells[at])).collect();
    shown.join(", ")
}

/// What a polynomial is worth in a row.
fn value(polynomial: &Polynomial, row: &Row) -> i128 {
    let product = |factors: &Vec<Linear>| factors.iter().map(|factor| linear(factor, row)).product::<i128>();
    polynomial.iter().map(product).sum()
}

fn linear(form: &Linear, row: &Row) -> i128 {
    let terms = form.terms.iter();
    i128::from(form.constant)
        + terms.map(|(of, coefficient)| i128::from(*coefficient) * i128::from(cell(*of, row))).sum::<i128>()
}

/// A cell of any kind. A run's last row is the one that exits.
fn cell(cell: Cell, row: &Row) -> i64 {
    match cell {
        Cell::Stored(at) => row.cells[at],
        Cell::Public(0) => 1,
        Cell::Public(1) => row.case.first.into(),
        Cell::Public(_) => row.next.is_none().into(),
    }
}
