//! Which cells of a row are left no value but the honest one: intervals narrowed by constraints and look-ups.
//!
//! What other arguments will show is taken as given: the instruction and its facts (the program), the registers read and the
//! destination before (the register argument), the word of memory before, the input taken, and what the guest interface
//! answers. From there each constraint narrows the cells that it reads, over all values in their range classes, and a look-up
//! whose inputs are determined determines its output, until nothing narrows any more.

use super::columns;
use super::honest;
use super::rows::Row;
use crate::ir::{ExprKind, Statement, walk};
use crate::model::{Cell, ColumnSource, Constraint, Cover, Instruction, Linear, Model, Recorded};

/// How many cells of two values one constraint is split over.
const MAX_SPLIT: usize = 6;

/// How often all constraints are gone through; more only narrows intervals slowly.
const MAX_SWEEPS: usize = 12;

/// What is known of one cell.
#[derive(Clone, Debug)]
struct Domain {
    min: i64,
    max: i64,
    /// What narrowed it, and the cells that it was narrowed from.
    by: Vec<Cover>,
}

impl Domain {
    fn add(&mut self, by: impl IntoIterator<Item = Cover>) {
        for cover in by {
            if !self.by.contains(&cover) {
                self.by.push(cover);
            }
        }
    }
}

/// For each stored column what determines it in every one of the rows; none if some row leaves it open.
pub(super) fn determined(model: &Model, kind: usize, rows: &[&Row]) -> Vec<Option<Vec<Cover>>> {
    let given = given(model, kind);
    let mut all: Vec<Option<Vec<Cover>>> = vec![Some(Vec::new()); model.columns.len()];
    for row in rows {
        let domains = solve(model, kind, row, &given);
        for (all, domain) in all.iter_mut().zip(domains) {
            match all {
                Some(by) if domain.min == domain.max => {
                    by.extend(domain.by);
                    by.sort();
                    by.dedup();
                }
                _ => *all = None,
            }
        }
    }
    all
}

/// The columns that other arguments than this row's give.
fn given(model: &Model, kind: usize) -> Vec<bool> {
    let instruction = &model.instructions[kind];
    let calls = instruction.semantics.statements.iter().any(|s| matches!(s, Statement::Call { .. }));
    let accesses = instruction
        .semantics
        .statements
        .iter()
        .any(|s| matches!(s, Statement::Load { .. } | Statement::Store { .. } | Statement::Call { .. }));
    let recorded = |source: &Recorded| match source {
        Recorded::Index | Recorded::Read(_) | Recorded::RdBefore | Recorded::Input => true,
        Recorded::MemBefore => accesses,
        Recorded::MemAddress | Recorded::MemAfter => calls,
        Recorded::RdValue => writes_reply(instruction),
        Recorded::NextPc | Recorded::Local(_) => false,
    };
    let of_program = |column: usize| match &model.columns[column].source {
        ColumnSource::Derived(expr) => {
            let mut facts = false;
            walk(expr, &mut |e| facts |= matches!(e.kind, ExprKind::Op(_)));
            facts && columns::inputs(expr).is_empty()
        }
        // A column may record one thing here and another there: what this instruction defines, or nothing.
        ColumnSource::Recorded(sources) => match sources.iter().find(|source| instruction.defines(source)) {
            Some(source) => recorded(source),
            None => sources.iter().any(recorded),
        },
    };
    (0..model.columns.len()).map(of_program).collect()
}

/// Whether what is written is what the guest interface answered.
fn writes_reply(instruction: &Instruction) -> bool {
    let statements = &instruction.semantics.statements;
    statements.iter().any(|s| matches!(s, Statement::Write(value) if value.kind == ExprKind::Replied))
}

fn solve(model: &Model, kind: usize, row: &Row, given: &[bool]) -> Vec<Domain> {
    let mut domains: Vec<Domain> = model
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let (min, max) = match given[at] {
                true => (row.cells[at], row.cells[at]),
                false => column.class.bounds(model.groups.len()),
            };
            Domain { min, max, by: Vec::new() }
        })
        .collect();
    let group = model.instructions[kind].group;
    for _ in 0..MAX_SWEEPS {
        let mut narrowed = false;
        for constraint in &model.constraints {
            narrowed |= narrow(constraint, row, &mut domains);
        }
        for lookup in model.lookups.iter().filter(|lookup| group.is_some_and(|g| lookup.groups.contains(&g)))
        {
            let known = lookup.inputs.iter().all(|input| domains[*input].min == domains[*input].max);
            if known && domains[lookup.output].min != domains[lookup.output].max {
                let by: Vec<Cover> =
                    lookup.inputs.iter().flat_map(|input| domains[*input].by.iter().cloned()).collect();
                let output = &mut domains[lookup.output];
                (output.min, output.max) = (row.cells[lookup.output], row.cells[lookup.output]);
                output.add(by.into_iter().chain([Cover::Lookup(lookup.name.clone())]));
                narrowed = true;
            }
        }
        if !narrowed {
            break;
        }
    }
    domains
}

/// constant + Σ coefficient · open cell, and an interval for what is not linear in them.
#[derive(Clone, Debug, Default)]
struct Sum {
    min: i128,
    max: i128,
    terms: Vec<(usize, i128)>,
}

/// Narrows the open cells of one constraint; says whether any narrowed.
fn narrow(constraint: &Constraint, row: &Row, domains: &mut [Domain]) -> bool {
    let (mut open, mut closed): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for (cell, _) in constraint.polynomial.iter().flatten().flat_map(|factor| &factor.terms) {
        if let Cell::Stored(at) = cell {
            let list = if domains[*at].min == domains[*at].max { &mut closed } else { &mut open };
            if !list.contains(at) {
                list.push(*at);
            }
        }
    }
    if open.is_empty() {
        return false;
    }
    let split: Vec<usize> =
        open.iter().copied().filter(|at| domains[*at].max - domains[*at].min == 1).take(MAX_SPLIT).collect();
    let mut hull: Vec<Option<(i64, i64)>> = vec![None; open.len()];
    for assignment in 0..1u32 << split.len() {
        let mut bounds: Vec<(i64, i64)> =
            open.iter().map(|at| (domains[*at].min, domains[*at].max)).collect();
        for (bit, at) in split.iter().enumerate() {
            let value = domains[*at].min + i64::from(assignment >> bit & 1);
            if let Some(place) = open.iter().position(|open| open == at) {
                bounds[place] = (value, value);
            }
        }
        if !feasible(constraint, row, domains, &open, &mut bounds) {
            continue;
        }
        for (hull, (min, max)) in hull.iter_mut().zip(bounds) {
            *hull = Some(hull.map_or((min, max), |(low, high)| (low.min(min), high.max(max))));
        }
    }
    let mut narrowed = false;
    let mut by: Vec<Cover> = Vec::new();
    for (at, hull) in open.into_iter().zip(hull) {
        let domain = &domains[at];
        if let Some((min, max)) = hull
            && (min > domain.min || max < domain.max)
        {
            if by.is_empty() {
                by = closed.iter().flat_map(|at| domains[*at].by.iter().cloned()).collect();
                by.push(Cover::Constraint(constraint.name.clone()));
            }
            let domain = &mut domains[at];
            (domain.min, domain.max) = (min, max);
            domain.add(by.iter().cloned());
            narrowed = true;
        }
    }
    narrowed
}

/// Whether the constraint can be zero with the open cells within `bounds`, which it narrows.
fn feasible(
    constraint: &Constraint,
    row: &Row,
    domains: &[Domain],
    open: &[usize],
    bounds: &mut [(i64, i64)],
) -> bool {
    let mut sum = Sum::default();
    for factors in &constraint.polynomial {
        product(factors, row, domains, open, bounds, &mut sum);
    }
    let ends = |(place, coefficient): (usize, i128), bounds: &[(i64, i64)]| {
        let (min, max) = bounds[place];
        let (a, b) = (coefficient * i128::from(min), coefficient * i128::from(max));
        (a.min(b), a.max(b))
    };
    let (mut min, mut max) = (sum.min, sum.max);
    for term in &sum.terms {
        let (low, high) = ends(*term, bounds);
        (min, max) = (min + low, max + high);
    }
    if min > 0 || max < 0 {
        return false;
    }
    for (place, coefficient) in &sum.terms {
        let (low, high) = ends((*place, *coefficient), bounds);
        // coefficient · x = −(everything else).
        let (least, greatest) = (-(max - high), -(min - low));
        let (from, to) = match *coefficient > 0 {
            true => (ceil(least, *coefficient), greatest.div_euclid(*coefficient)),
            false => (ceil(-greatest, -coefficient), (-least).div_euclid(-coefficient)),
        };
        let (low, high) = bounds[*place];
        let (from, to) = (from.max(low.into()), to.min(high.into()));
        if from > to {
            return false;
        }
        // Within the class's bounds, which are 64-bit integers.
        bounds[*place] = (from as i64, to as i64);
    }
    true
}

fn ceil(a: i128, b: i128) -> i128 {
    -(-a).div_euclid(b)
}

/// Adds a product of linear forms, of which one at most is linear in open cells; else its interval is added.
fn product(
    factors: &[Linear],
    row: &Row,
    domains: &[Domain],
    open: &[usize],
    bounds: &[(i64, i64)],
    sum: &mut Sum,
) {
    let mut scale = 1i128;
    let mut linear: Vec<(i128, Vec<(usize, i128)>)> = Vec::new();
    for factor in factors {
        let mut constant = i128::from(factor.constant);
        let mut terms: Vec<(usize, i128)> = Vec::new();
        for (cell, coefficient) in &factor.terms {
            let coefficient = i128::from(*coefficient);
            let place = match cell {
                Cell::Stored(at) => open
                    .iter()
                    .position(|open| open == at)
                    .filter(|place| bounds[*place].0 != bounds[*place].1),
                _ => None,
            };
            match (place, cell) {
                (Some(place), _) => terms.push((place, coefficient)),
                (None, Cell::Stored(at)) => {
                    let value = open
                        .iter()
                        .position(|open| open == at)
                        .map_or(domains[*at].min, |place| bounds[place].0);
                    constant += coefficient * i128::from(value);
                }
                (None, cell) => constant += coefficient * i128::from(honest::cell(*cell, row)),
            }
        }
        match terms.is_empty() {
            true => scale *= constant,
            false => linear.push((constant, terms)),
        }
    }
    match linear.as_slice() {
        _ if scale == 0 => {}
        [] => (sum.min, sum.max) = (sum.min + scale, sum.max + scale),
        [(constant, terms)] => {
            (sum.min, sum.max) = (sum.min + scale * constant, sum.max + scale * constant);
            for (place, coefficient) in terms {
                match sum.terms.iter_mut().find(|(known, _)| known == place) {
                    Some((_, known)) => *known += scale * coefficient,
                    None => sum.terms.push((*place, scale * coefficient)),
                }
            }
            sum.terms.retain(|(_, coefficient)| *coefficient != 0);
        }
        several => {
            let (mut min, mut max) = (scale, scale);
            for (constant, terms) in several {
                let (mut low, mut high) = (*constant, *constant);
                for (place, coefficient) in terms {
                    let (a, b) = (
                        coefficient * i128::from(bounds[*place].0),
                        coefficient * i128::from(bounds[*place].1),
                    );
                    (low, high) = (low + a.min(b), high + a.max(b));
                }
                let ends = [min * low, min * high, max * low, max * high];
                min = ends.iter().copied().fold(i128::MAX, i128::min);
                max = ends.iter().copied().fold(i128::MIN, i128::max);
            }
            (sum.min, sum.max) = (sum.min + min, sum.max + max);
        }
    }
}
