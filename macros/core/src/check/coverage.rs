//! What shows each computed value to be right: for every operation of every instruction the constraints and look-ups that
//! leave its result only the honest value. A value that nothing covers could be anything in a proof: that is an error.

use std::collections::{BTreeMap, BTreeSet};

use super::determined::determined;
use super::rows::{Row, is_leaf, nodes};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::{BinaryOp, Expr, ExprKind, Statement, UnaryOp};
use crate::model::{ColumnSource, Cover, Covered, Instruction, Model, OpenColumn, Recorded};

/// How many rows of an instruction are solved: they differ in operands, not in structure.
const SOLVED: usize = 64;

/// The distance between those rows; a prime, so that every edge of an operand is met, however they follow each other.
const STRIDE: usize = 61;

/// The operations of all instructions, each with what covers it, and the columns that some rows leave open.
pub(super) fn coverage(
    model: &Model,
    rows: &[Vec<Row>],
    errors: &mut Vec<Diagnostic>,
) -> (Vec<Covered>, Vec<OpenColumn>) {
    let mut covered = Vec::new();
    let mut free: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    for (kind, rows) in rows.iter().enumerate() {
        unused(model, &model.instructions[kind], errors);
        if rows.is_empty() {
            errors.extend(never_runs(&model.instructions[kind]));
            continue;
        }
        let sample: Vec<&Row> =
            (0..SOLVED.min(rows.len())).map(|at| &rows[at * STRIDE % rows.len()]).collect();
        let columns = determined(model, kind, &sample);
        let instruction = &model.instructions[kind];
        let undetermined = columns.iter().enumerate().filter(|(_, by)| by.is_none()).map(|(at, _)| at);
        free.extend(undetermined.flat_map(|at| instruction.group.map(|group| (at, group))));
        let mut walk = Walk {
            model,
            instruction,
            rows,
            nodes: nodes(instruction),
            columns,
            covered: &mut covered,
            met: BTreeMap::new(),
        };
        if let Some(found) = walk.instruction() {
            match open
                .iter_mut()
                .find(|known| known.columns == found.columns && known.group == instruction.group)
            {
                Some(known) => known.others.push(&instruction.name),
                None => open.push(found),
            }
        }
    }
    errors.extend(open.into_iter().map(|open| open.diagnostic(model)));
    let mut columns: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (column, group) in free {
        columns.entry(column).or_default().push(model.groups[group].name.clone());
    }
    let name = |at: usize| model.columns[at].name.clone();
    let open = columns.into_iter().map(|(at, groups)| OpenColumn { column: name(at), groups });
    (covered, open.collect())
}

/// An instruction that traps on every edge operand could not be checked.
fn never_runs(instruction: &Instruction) -> Option<Diagnostic> {
    let always = instruction.semantics.always_traps();
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

/// Names that nothing uses: a value that no row shows and no effect has.
fn unused(model: &Model, instruction: &Instruction, errors: &mut Vec<Diagnostic>) {
    for statement in &instruction.semantics.statements {
        let Statement::Let(name, value) = statement else { continue };
        let source = Recorded::Local(name.clone());
        let recorded = model.columns.iter().any(|column| match &column.source {
            ColumnSource::Recorded(sources) => sources.contains(&source),
            ColumnSource::Derived(_) => false,
        });
        if !recorded && !instruction.semantics.uses(&ExprKind::Local(name.clone())) {
            errors.push(
                Diagnostic::new(
                    Code::UnusedName,
                    &instruction.written.at(value.place.0.clone()),
                    format!("nothing uses `{name}` of `{}`", instruction.name),
                )
                .label("computed, and dropped")
                .hint("leave the `let` out, or record it in a column"),
            );
        }
    }
}

/// A value that nothing covers.
struct Open<'a> {
    instruction: &'a Instruction,
    group: Option<usize>,
    /// None if it is not computed: where execution goes if nothing jumps.
    operation: Option<&'a Expr>,
    /// The columns that hold it, or depend on it; none if no column does.
    columns: Vec<usize>,
    /// Other instructions of the group of which the same holds.
    others: Vec<&'a str>,
}

impl Open<'_> {
    fn diagnostic(self, model: &Model) -> Diagnostic {
        let Open { instruction, operation, .. } = self;
        let (span, what) = match operation {
            Some(operation) => (
                instruction.written.at(operation.place.0.clone()),
                format!("`{}`", text(instruction, operation)),
            ),
            None => (instruction.span.clone(), "the next pc".to_owned()),
        };
        let group = instruction.group.map_or("", |group| model.groups[group].name.as_str());
        let names: Vec<String> =
            self.columns.iter().map(|at| format!("`{}`", model.columns[*at].name)).collect();
        let hint = match names.as_slice() {
            [] => "record it in a column, with a constraint or a [[lookup]] that determines the column"
                .to_owned(),
            names => format!(
                "add a constraint, or a [[lookup]] with groups = [\"{group}\"], that determines {}; or choose another group",
                names.join(", "),
            ),
        };
        let more = match self.others.len() {
            0 => String::new(),
            count => format!(" (nor in {count} more of its group: {})", self.others.join(", ")),
        };
        Diagnostic::new(
            Code::UncoveredNode,
            &span,
            format!("nothing shows {what} of `{}` to be right{more}", instruction.name),
        )
        .label("a prover could put another value here")
        .hint(hint)
    }
}

/// The operations of one instruction.
struct Walk<'a, 'o> {
    model: &'a Model,
    instruction: &'a Instruction,
    rows: &'a [Row],
    nodes: Vec<&'a Expr>,
    /// What determines each column.
    columns: Vec<Option<Vec<Cover>>>,
    covered: &'o mut Vec<Covered>,
    /// What was found of a name's value that inherits a column's cover: without it, values of values that are used twice would
    /// be gone through exponentially often.
    met: BTreeMap<(&'a str, Option<String>), Option<&'a Expr>>,
}

impl<'a> Walk<'a, '_> {
    /// Notes every operation; gives the first value that nothing covers.
    fn instruction(&mut self) -> Option<Open<'a>> {
        let mut first = None;
        for statement in &self.instruction.semantics.statements {
            for (root, held) in self.effects(statement) {
                let open: Vec<usize> =
                    held.iter().copied().filter(|at| self.columns[*at].is_none()).collect();
                let inherited = match held.is_empty() || !open.is_empty() {
                    true => None,
                    false => held.first().and_then(|at| self.cover(*at)),
                };
                let uncovered = self.note(root, &inherited);
                let uncovered = match open.is_empty() {
                    true => uncovered,
                    false => uncovered.or(Some(root)),
                };
                first = first.or(uncovered.map(|operation| Open {
                    instruction: self.instruction,
                    group: self.instruction.group,
                    operation: Some(operation),
                    columns: open,
                    others: Vec::new(),
                }));
            }
        }
        // Where nothing jumps, the next pc is no value of a statement.
        let next = self.recorded(&Recorded::NextPc).into_iter().filter(|at| self.columns[*at].is_none());
        let next: Vec<usize> = next.collect();
        first.or((!next.is_empty()).then_some(Open {
            instruction: self.instruction,
            group: self.instruction.group,
            operation: None,
            columns: next,
            others: Vec::new(),
        }))
    }

    /// The values of a statement, each with the recorded columns that it ends up in.
    fn effects(&self, statement: &'a Statement) -> Vec<(&'a Expr, Vec<usize>)> {
        match statement {
            // A name that no column records is covered where it is used.
            Statement::Let(name, value) => {
                let columns = self.recorded(&Recorded::Local(name.clone()));
                if columns.is_empty() { Vec::new() } else { vec![(value, columns)] }
            }
            Statement::Write(value) => vec![(value, self.recorded(&Recorded::RdValue))],
            // A load must leave memory as it is, too.
            Statement::Load { address, .. } => {
                let columns =
                    [Recorded::MemAddress, Recorded::MemAfter].iter().flat_map(|of| self.recorded(of));
                vec![(address, columns.collect())]
            }
            Statement::Store { address, value, .. } => {
                vec![
                    (address, self.recorded(&Recorded::MemAddress)),
                    (value, self.recorded(&Recorded::MemAfter)),
                ]
            }
            Statement::Jump { condition, target } => {
                let values = condition.iter().chain([target]);
                values.map(|value| (value, self.recorded(&Recorded::NextPc))).collect()
            }
            Statement::Trap { .. } | Statement::Call { .. } => {
                statement.expressions().into_iter().map(|value| (value, Vec::new())).collect()
            }
        }
    }

    fn recorded(&self, source: &Recorded) -> Vec<usize> {
        let columns = self.model.columns.iter().enumerate();
        columns
            .filter(|(_, column)| match &column.source {
                ColumnSource::Recorded(sources) => sources.contains(source),
                ColumnSource::Derived(_) => false,
            })
            .map(|(at, _)| at)
            .collect()
    }

    /// What determines a column, with its name.
    fn cover(&self, at: usize) -> Option<(String, Vec<Cover>)> {
        self.columns[at].clone().map(|by| (self.model.columns[at].name.clone(), by))
    }

    /// Notes the operations of an expression, names resolved; gives the first that nothing covers.
    fn note(&mut self, node: &'a Expr, inherited: &Option<(String, Vec<Cover>)>) -> Option<&'a Expr> {
        if let ExprKind::Local(name) = &node.kind {
            let key = (name.as_str(), inherited.as_ref().map(|(column, _)| column.clone()));
            if let Some(found) = self.met.get(&key) {
                return *found;
            }
            let value = self.instruction.semantics.statements.iter().find_map(|s| match s {
                Statement::Let(local, value) if local == name => Some(value),
                _ => None,
            });
            let found = value.and_then(|value| self.note(value, inherited));
            self.met.insert(key, found);
            return found;
        }
        if is_leaf(node) {
            return None;
        }
        let own = self.holder(node).and_then(|at| self.cover(at)).filter(|(_, by)| !by.is_empty());
        let by = own.or_else(|| inherited.clone());
        let mut uncovered = None;
        if is_non_linear(node) {
            match &by {
                Some((column, by)) => {
                    let covered = Covered {
                        instruction: self.instruction.name.clone(),
                        operation: text(self.instruction, node),
                        column: column.clone(),
                        by: by.clone(),
                    };
                    // A name's value is met again where it is used.
                    if !self.covered.contains(&covered) {
                        self.covered.push(covered);
                    }
                }
                None => uncovered = Some(node),
            }
        }
        for operand in node.operands() {
            let found = self.note(operand, &by);
            uncovered = uncovered.or(found);
        }
        uncovered
    }

    /// A determined column that has the node's value in every row, if the value differs between rows.
    fn holder(&self, node: &Expr) -> Option<usize> {
        let place = self.nodes.iter().position(|known| std::ptr::eq(*known, node))?;
        let value = |row: &Row| row.values[place] as i64;
        let first = self.rows.first().map(value)?;
        if self.rows.iter().all(|row| value(row) == first) {
            return None;
        }
        (0..self.columns.len()).find(|at| {
            self.columns[*at].is_some() && self.rows.iter().all(|row| row.cells[*at] == value(row))
        })
    }
}

/// The operation as the spec writes it.
pub(super) fn text(instruction: &Instruction, node: &Expr) -> String {
    let written = instruction.written.value.get(node.place.0.clone()).unwrap_or_default();
    written.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a node's result is no linear function of its operands as integers, but for a carry.
fn is_non_linear(node: &Expr) -> bool {
    match &node.kind {
        ExprKind::Binary(op, ..) => !matches!(op, BinaryOp::Add | BinaryOp::Sub),
        ExprKind::Unary(UnaryOp::CountOnes, _)
        | ExprKind::Slice(..)
        | ExprKind::Extend(_, true)
        | ExprKind::If(..) => true,
        ExprKind::Loaded => node.ty.width < super::XLEN,
        _ => false,
    }
}
