//! Forged rows: every cell of honest rows changed, alone and in pairs that share a constraint. What no row constraint catches
//! is a snapshot, each with the arguments that are to catch it later; nothing may be left that none would.
//!
//! The rows are the checker's, every instruction on edge operands. A change stays within the column's range class: that cells
//! are in their classes is what range look-ups will show.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use retrace::isa::{ColumnId, ColumnSource, Constraint, IN_TREE, Isa, Linear, PublicColumn, Rv32imZbb};
use retrace_codegen::check::edge_rows;
use retrace_codegen::ir::{ExprKind, walk};
use retrace_codegen::{Model, Sources, compile, model};

/// How many rows of an instruction are forged: they differ in operands.
const ROWS: usize = 12;

fn checked() -> Model {
    let mut sources = Sources::default();
    IN_TREE.iter().for_each(|(name, text)| sources.add_builtin(name, text));
    compile(&mut sources, Rv32imZbb::SPEC.name).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A row: stored cells, and what the public columns need.
#[derive(Clone)]
struct Row {
    cells: Vec<i64>,
    first: bool,
    last: bool,
}

impl Row {
    fn cell(&self, id: ColumnId) -> i128 {
        match Rv32imZbb::SPEC.columns[id.index()].source {
            ColumnSource::Recorded | ColumnSource::Derived => self.cells[id.index()].into(),
            ColumnSource::Flag { of, value } => (self.cells[of.index()] == i64::from(value)).into(),
            ColumnSource::Public(PublicColumn::Active) => 1,
            ColumnSource::Public(PublicColumn::First) => self.first.into(),
            ColumnSource::Public(PublicColumn::Last) => self.last.into(),
        }
    }

    fn value(&self, constraint: &Constraint) -> i128 {
        let linear = |form: &Linear| {
            let terms = form.terms.iter();
            i128::from(form.constant) + terms.map(|(id, c)| i128::from(*c) * self.cell(*id)).sum::<i128>()
        };
        constraint.products.iter().map(|p| p.factors.iter().map(linear).product::<i128>()).sum()
    }

    fn with(&self, column: usize, value: i64) -> Self {
        let mut row = self.clone();
        row.cells[column] = value;
        row
    }
}

/// The stored columns that a constraint reads, flags by their one-hot column.
fn columns(constraint: &Constraint) -> BTreeSet<usize> {
    let terms = constraint.products.iter().flat_map(|p| p.factors).flat_map(|form| form.terms);
    terms
        .filter_map(|(id, _)| match Rv32imZbb::SPEC.columns[id.index()].source {
            ColumnSource::Recorded | ColumnSource::Derived => Some(id.index()),
            ColumnSource::Flag { of, .. } => Some(of.index()),
            ColumnSource::Public(_) => None,
        })
        .collect()
}

/// Other values of a cell: the ends of its class, its neighbours, other high and low bits.
fn changes(column: usize, cell: i64) -> Vec<i64> {
    let (min, max) = Rv32imZbb::SPEC.columns[column].class.bounds();
    let candidates = [min, max, 0, 1, cell - 1, cell + 1, cell + 4, cell ^ 0x8000_0000, cell ^ 2];
    let mut changes: Vec<i64> =
        candidates.into_iter().filter(|value| (min..=max).contains(value) && *value != cell).collect();
    changes.sort_unstable();
    changes.dedup();
    changes
}

/// The arguments that will tie a column to something outside the row's constraints.
struct Arguments {
    /// By column: what its value is looked up in, or checked against.
    of_column: Vec<Vec<&'static str>>,
    model: Model,
}

impl Arguments {
    fn new(model: Model) -> Self {
        use model::Recorded;
        let spec = Rv32imZbb::SPEC;
        let links: Vec<usize> =
            spec.links.iter().flat_map(|link| [link.from.index(), link.to.index()]).collect();
        let of_column = model.columns.iter().enumerate().map(|(at, column)| {
            let mut arguments = Vec::new();
            match &column.source {
                model::ColumnSource::Recorded(sources) => {
                    for source in sources {
                        arguments.extend(match source {
                            Recorded::Index => Some("program"),
                            Recorded::Read(_) | Recorded::RdBefore => Some("registers"),
                            Recorded::MemAddress | Recorded::MemBefore | Recorded::MemAfter => Some("memory"),
                            Recorded::Input => Some("input"),
                            _ => None,
                        });
                    }
                }
                model::ColumnSource::Derived(expr) => {
                    let mut facts = false;
                    walk(expr, &mut |e| facts |= matches!(e.kind, ExprKind::Op(_)));
                    arguments.extend(facts.then_some("program"));
                }
            }
            // What is written is what the next read of the register must find.
            arguments.extend((column.name == "rd_after").then_some("registers"));
            arguments.extend(links.contains(&at).then_some("link"));
            arguments
        });
        Self { of_column: of_column.collect(), model }
    }

    /// The arguments that catch a change of these columns in a row of an instruction: a look-up where its output changed and no input
    /// did, a call where the answer changed.
    fn catching(&self, instruction: usize, changed: &[usize]) -> BTreeSet<String> {
        let mut caught: BTreeSet<String> =
            changed.iter().flat_map(|at| &self.of_column[*at]).map(|name| (*name).to_owned()).collect();
        let group = self.model.instructions[instruction].group;
        for lookup in self.model.lookups.iter().filter(|l| group.is_some_and(|g| l.groups.contains(&g))) {
            let inputs = lookup.inputs.iter().any(|input| changed.contains(input));
            if changed.contains(&lookup.output) && !inputs {
                caught.insert(format!("look-up {}", lookup.name));
            }
        }
        let effects = Rv32imZbb::SPEC.instructions[instruction].effects;
        let answers = changed.iter().any(|at| match &self.model.columns[*at].source {
            model::ColumnSource::Recorded(sources) => sources.contains(&model::Recorded::RdValue),
            model::ColumnSource::Derived(_) => false,
        });
        if effects.call && answers {
            caught.insert("call".to_owned());
        }
        caught
    }
}

/// The values of `column` that make a constraint zero, with everything else as it is: the constraint is linear in a cell that is
/// no one-hot column.
fn solve(row: &Row, constraint: &Constraint, column: usize) -> Option<i64> {
    let at = |value: i64| row.with(column, value).value(constraint);
    let (zero, one) = (at(0), at(1));
    let slope = one - zero;
    if slope == 0 || at(2) != zero + 2 * slope || zero % slope != 0 {
        return None;
    }
    i64::try_from(-zero / slope).ok()
}

#[test]
fn what_no_constraint_catches_is_known_with_what_will() {
    let spec = Rv32imZbb::SPEC;
    let model = checked();
    let rows = edge_rows(&model);
    let names: Vec<&str> = spec.columns.iter().map(|column| column.name).collect();
    let reads: Vec<BTreeSet<usize>> = spec.constraints.iter().map(columns).collect();
    let of_column: Vec<Vec<usize>> = (0..spec.stored)
        .map(|column| (0..reads.len()).filter(|at| reads[*at].contains(&column)).collect())
        .collect();
    let one_hot: Vec<bool> = spec
        .columns
        .iter()
        .map(|column| matches!(column.class, retrace::isa::RangeClass::OneHot { .. }))
        .collect();
    let arguments = Arguments::new(model);
    let (mut single, mut pairs, mut forged) = (0u64, 0u64, 0u64);
    // The columns changed, and in which groups, with the arguments that catch every such change.
    let mut survivors: BTreeMap<Vec<usize>, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    let mut survives = |instruction: usize, changed: &[usize]| {
        let caught = arguments.catching(instruction, changed);
        let group = spec.instructions[instruction].group;
        let known = survivors.entry(changed.to_vec()).or_default();
        known.entry(group).and_modify(|all| all.retain(|one| caught.contains(one))).or_insert(caught);
    };
    for (instruction, rows) in rows.iter().enumerate() {
        for honest in rows.iter().step_by(rows.len().div_ceil(ROWS).max(1)) {
            let row =
                Row { cells: honest.cells.clone(), first: honest.case.first, last: honest.next.is_none() };
            assert!(spec.constraints.iter().all(|constraint| row.value(constraint) == 0));
            let passes = |row: &Row, changed: &[usize]| {
                let mut concerned = changed.iter().flat_map(|column| &of_column[*column]);
                concerned.all(|at| row.value(&spec.constraints[*at]) == 0)
            };
            for (a, concerned) in of_column.iter().enumerate() {
                for value in changes(a, row.cells[a]) {
                    let one = row.with(a, value);
                    single += 1;
                    if passes(&one, &[a]) {
                        forged += 1;
                        survives(instruction, &[a]);
                        continue;
                    }
                    // A second cell that mends what the first broke.
                    let broken = concerned.iter().find(|at| one.value(&spec.constraints[**at]) != 0);
                    let broken = *broken.expect("a constraint caught it");
                    for b in reads[broken].iter().copied().filter(|b| *b != a) {
                        let values = match one_hot[b] {
                            true => changes(b, row.cells[b]),
                            false => solve(&one, &spec.constraints[broken], b).into_iter().collect(),
                        };
                        let (min, max) = spec.columns[b].class.bounds();
                        for value in values {
                            pairs += 1;
                            let two = one.with(b, value);
                            if value != row.cells[b] && (min..=max).contains(&value) && passes(&two, &[a, b])
                            {
                                forged += 1;
                                let mut changed = [a, b];
                                changed.sort_unstable();
                                survives(instruction, &changed);
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(single > 50_000 && pairs > 100_000, "{single} single changes, {pairs} pairs");
    assert!(forged > 0);

    let mut text = String::new();
    let mut uncaught = Vec::new();
    for (changed, groups) in &survivors {
        let changed: Vec<&str> = changed.iter().map(|at| names[*at]).collect();
        let changed = changed.join(" + ");
        // Groups with the same arguments stand in one line.
        let mut lines: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (group, caught) in groups {
            if caught.is_empty() {
                uncaught.push(format!("{changed} in rows of {group}"));
            }
            let caught: Vec<&str> = caught.iter().map(String::as_str).collect();
            lines.entry(caught.join(", ")).or_default().push(group);
        }
        for (caught, in_groups) in lines {
            let all = in_groups.len() == arguments.model.groups.len();
            let in_groups = if all { "all groups".to_owned() } else { in_groups.join(" ") };
            writeln!(text, "{changed:<28} {caught:<24} {in_groups}").expect("it is a string");
        }
    }
    assert!(uncaught.is_empty(), "no argument to come catches {uncaught:#?}");
    insta::assert_snapshot!(text);
}

/// With everything that other arguments give, a row has no freedom left: every stored column is determined.
#[test]
fn constraints_and_look_ups_leave_no_column_open() {
    assert_eq!(checked().open, []);
}
