//! Columns: range classes, where values come from, and the order of derivation.

use super::expr::{Scope, Typer, parse};
use super::{XLEN, unique};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::{Expr, ExprKind, OpFact, Type, walk};
use crate::model::{Class, Column, ColumnSource, Instruction, Link, PUBLIC, Recorded};
use crate::parse::{ColumnTable, Tables, Text};

/// The most columns that a spec declares, and the most that `step` records.
const MAX_STORED: usize = 40;
const MAX_RECORDED: usize = 24;

pub(super) fn columns(
    tables: &Tables,
    instructions: &[&Instruction],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Column> {
    unique("column", tables.columns.iter().map(|table| &table.name), errors);
    let (recorded, derived): (Vec<_>, Vec<_>) =
        tables.columns.iter().partition(|table| table.derive.is_none());
    too_many("stored", &tables.columns.iter().collect::<Vec<_>>(), MAX_STORED, errors);
    too_many("recorded", &recorded, MAX_RECORDED, errors);
    let mut columns: Vec<Column> = recorded
        .iter()
        .map(|table| Column {
            name: table.name.value.clone(),
            doc: table.doc.value.clone(),
            class: class(table, errors),
            source: ColumnSource::Recorded(record(table, instructions, errors)),
            span: table.name.span.clone(),
        })
        .collect();
    for table in &derived {
        check_column_name(&table.name, errors);
        if let Some(record) = table.record.first() {
            errors.push(
                Diagnostic::new(Code::ColumnTwice, &record.span, "this column is derived, and recorded too")
                    .hint("leave one of the two out"),
            );
        }
    }
    let classes: Vec<(String, Class)> = recorded
        .iter()
        .chain(&derived)
        .map(|table| (table.name.value.clone(), class(table, &mut Vec::new())))
        .collect();
    for table in derived {
        let before = errors.len();
        let class = class(table, errors);
        let Some(text) = &table.derive else { continue };
        // Without a class there is no type that the expression should have.
        let expr = match errors.len() == before {
            true => derive(text, class, &classes, errors),
            false => Expr::new(ExprKind::Const(0), Type::unsigned(1)),
        };
        columns.push(Column {
            name: table.name.value.clone(),
            doc: table.doc.value.clone(),
            class,
            source: ColumnSource::Derived(expr),
            span: text.span.clone(),
        });
    }
    order(&columns, errors);
    if crate::model::recording(&columns, &Recorded::Index).is_none() {
        errors.push(
            Diagnostic::new(
                Code::MissingIndex,
                &tables.name.span,
                "no column records which instruction a row executes",
            )
            .hint("add a column of class u32 with record = [\"index\"]: columns derive from it"),
        );
    }
    columns
}

fn too_many(what: &str, tables: &[&ColumnTable], most: usize, errors: &mut Vec<Diagnostic>) {
    if let Some(table) = tables.get(most) {
        let message = format!("{} columns are {what}", tables.len());
        errors.push(
            Diagnostic::new(Code::TooManyColumns, &table.name.span, message)
                .hint(format!("at most {most}: a row stays small")),
        );
    }
}

/// Names of columns become parts of identifiers.
pub(super) fn check_name(name: &Text, what: &str, errors: &mut Vec<Diagnostic>) {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_plain =
        name.value.starts_with(|c: char| c.is_ascii_lowercase()) && name.value.chars().all(letters);
    // Expressions name it, and they are parsed as Rust.
    if !is_plain || syn::parse_str::<syn::Ident>(&name.value).is_err() {
        errors.push(
            Diagnostic::new(Code::BadName, &name.span, format!("`{}` is no name of a {what}", name.value))
                .hint("lower-case letters, digits and underscores, a letter first; no keyword of Rust"),
        );
    }
}

fn check_column_name(name: &Text, errors: &mut Vec<Diagnostic>) {
    check_name(name, "column", errors);
    // The operand of derivations, and what exports of rows call their numbers.
    if ["op", "cycle"].contains(&name.value.as_str()) || PUBLIC.contains(&name.value.as_str()) {
        errors.push(
            Diagnostic::new(
                Code::DuplicateName,
                &name.span,
                format!("`{}` has a meaning already", name.value),
            )
            .hint("choose another name"),
        );
    }
}

fn class(table: &ColumnTable, errors: &mut Vec<Diagnostic>) -> Class {
    let text = table.class.value.trim();
    let number = |prefix: char| {
        text.strip_prefix(prefix)
            .and_then(|bits| bits.parse::<u32>().ok())
            .filter(|bits| (1..=XLEN).contains(bits))
    };
    if text == "bit" {
        return Class::Bit;
    }
    if let Some(bits) = number('u') {
        return Class::Unsigned(bits);
    }
    if let Some(bits) = number('i') {
        return Class::Signed(bits);
    }
    if let Some((min, max)) = text.split_once("..=")
        && let (Ok(min), Ok(max)) = (min.trim().parse::<i64>(), max.trim().parse::<i64>())
        && min <= max
        && min >= i64::from(i32::MIN)
        && max <= if min < 0 { i64::from(i32::MAX) } else { i64::from(u32::MAX) }
    {
        return Class::Interval(min, max);
    }
    errors.push(
        Diagnostic::new(Code::UnknownClass, &table.class.span, format!("there is no range class `{text}`"))
            .hint("bit, u1 to u32, i1 to i32, MIN..=MAX"),
    );
    Class::Unsigned(XLEN)
}

/// The type of a column's cells in an expression.
fn cell_type(class: Class) -> Type {
    match class {
        Class::Bit => Type::unsigned(1),
        Class::Unsigned(bits) => Type::unsigned(bits),
        Class::Signed(bits) => Type { signed: true, width: bits },
        Class::Interval(min, max) if min >= 0 => Type::unsigned((64 - max.leading_zeros()).max(1)),
        Class::Interval(..) => Type { signed: true, width: XLEN },
    }
}

/// What `step` records in a column, and whether any instruction defines it.
fn record(table: &ColumnTable, instructions: &[&Instruction], errors: &mut Vec<Diagnostic>) -> Vec<Recorded> {
    check_column_name(&table.name, errors);
    if table.record.is_empty() {
        errors.push(
            Diagnostic::new(
                Code::ColumnWithoutValue,
                &table.name.span,
                format!("column `{}` is never given a value", table.name.value),
            )
            .hint("add `record = [\"…\"]` or `derive = \"…\"`"),
        );
    }
    let locals: Vec<(&str, Type)> =
        instructions.iter().flat_map(|instruction| instruction.locals()).collect();
    let mut sources = Vec::new();
    for text in &table.record {
        let value = Recorded::of(&text.value);
        let types: Vec<Type> = match &value {
            Recorded::Local(name) => {
                locals.iter().filter(|(local, _)| local == name).map(|(_, ty)| *ty).collect()
            }
            Recorded::MemWritable => vec![Type::unsigned(1)],
            _ => vec![Type::unsigned(XLEN)],
        };
        if types.is_empty() {
            errors.push(
                Diagnostic::new(
                    Code::UnknownRecord,
                    &text.span,
                    format!("no instruction has anything named `{}` to record", text.value),
                )
                .did_you_mean(
                    &text.value,
                    Recorded::PORTS.iter().map(|(name, _)| *name).chain(locals.iter().map(|(name, _)| *name)),
                ),
            );
            continue;
        }
        let class = class(table, &mut Vec::new());
        if let Some(ty) = types.into_iter().find(|ty| !holds(class, *ty)) {
            errors.push(
                Diagnostic::new(
                    Code::RecordClass,
                    &text.span,
                    format!(
                        "`{}` has type {ty}, which class {} does not hold",
                        text.value, table.class.value
                    ),
                )
                .hint(format!("widen the class to {ty}, or record a slice of the value")),
            );
        }
        sources.push(value);
    }
    let twice = instructions.iter().filter_map(|instruction| {
        let instruction: &Instruction = instruction;
        let mut defined = table.record.iter().filter(|text| instruction.defines(&Recorded::of(&text.value)));
        Some((instruction, defined.next()?, defined.next()?))
    });
    let twice: Vec<(&Instruction, &Text, &Text)> = twice.collect();
    if let Some((instruction, first, second)) = twice.first() {
        let more = match twice.len() {
            1 => String::new(),
            count => format!(", and {} more instructions do", count - 1),
        };
        errors.push(
            Diagnostic::new(
                Code::RecordTwice,
                &second.span,
                format!("`{}` defines both `{}` and `{}`{more}", instruction.name, first.value, second.value),
            )
            .label("a second value")
            .other(&first.span, "the first")
            .other(&instruction.span, "the instruction")
            .hint("a cell holds one of them: rename one, or give it a column of its own"),
        );
    }
    sources
}

/// Whether every value of the type is in the class.
fn holds(class: Class, ty: Type) -> bool {
    match class {
        Class::Bit => !ty.signed && ty.width == 1,
        Class::Unsigned(bits) => !ty.signed && ty.width <= bits,
        Class::Signed(bits) => ty.width + u32::from(!ty.signed) <= bits,
        Class::Interval(..) => false,
    }
}

fn derive(text: &Text, class: Class, classes: &[(String, Class)], errors: &mut Vec<Diagnostic>) -> Expr {
    let nothing = Expr::new(ExprKind::Const(0), Type::unsigned(1));
    let Some(parsed) = parse::<syn::Expr>(text, "", "", errors) else { return nothing };
    let mut scope = ColumnScope { classes };
    let mut typer = Typer { text, offset: 0, scope: &mut scope, errors };
    typer.expr_of(&parsed, cell_type(class), "the column").unwrap_or(nothing)
}

struct ColumnScope<'a> {
    classes: &'a [(String, Class)],
}

impl Scope for ColumnScope<'_> {
    fn name(&self, name: &str) -> Option<Expr> {
        let at = self.classes.iter().position(|(column, _)| column == name)?;
        Some(Expr::new(ExprKind::Column(at), cell_type(self.classes[at].1)))
    }

    fn member(&self, base: &str, member: &str) -> Option<Expr> {
        if base != "op" {
            return None;
        }
        let word = Type::unsigned(XLEN);
        let register = Type::unsigned(5);
        let fact = OpFact::ALL.into_iter().find(|fact| fact.name() == member)?;
        let ty = match fact {
            OpFact::Pc | OpFact::Imm => word,
            OpFact::Word => Type::unsigned(32),
            OpFact::Kind => Type::unsigned(8),
            OpFact::Rd | OpFact::Rs1 | OpFact::Rs2 => register,
        };
        Some(Expr::new(ExprKind::Op(fact), ty))
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.classes.iter().map(|(name, _)| name.clone()).collect();
        names.extend(OpFact::ALL.map(|fact| format!("op.{}", fact.name())));
        names
    }

    fn load(&mut self, _bits: u32, _address: Expr) -> Result<Expr, &'static str> {
        Err("a column cannot access memory: record what the semantics load")
    }
}

/// The columns that an expression reads.
pub(crate) fn inputs(expr: &Expr) -> Vec<usize> {
    let mut inputs = Vec::new();
    walk(expr, &mut |expr| {
        if let ExprKind::Column(at) = expr.kind
            && !inputs.contains(&at)
        {
            inputs.push(at);
        }
    });
    inputs
}

/// The derived columns, each after those that it reads; a cycle is an error.
pub(crate) fn order(columns: &[Column], errors: &mut Vec<Diagnostic>) -> Vec<usize> {
    let mut done: Vec<usize> =
        (0..columns.len()).filter(|at| matches!(columns[*at].source, ColumnSource::Recorded(_))).collect();
    let recorded = done.len();
    loop {
        let next = (0..columns.len()).find(|at| match &columns[*at].source {
            ColumnSource::Derived(expr) => {
                !done.contains(at) && inputs(expr).iter().all(|input| done.contains(input))
            }
            ColumnSource::Recorded(_) => false,
        });
        match next {
            Some(next) => done.push(next),
            None => break,
        }
    }
    if let Some(stuck) = (0..columns.len()).find(|at| !done.contains(at)) {
        errors.push(
            Diagnostic::new(
                Code::ColumnCycle,
                &columns[stuck].span,
                format!("column `{}` is derived from itself", columns[stuck].name),
            )
            .hint("columns are derived from recorded columns and facts of the instruction"),
        );
    }
    done.split_off(recorded)
}

/// The column of that name.
pub(super) fn find(name: &Text, columns: &[Column], errors: &mut Vec<Diagnostic>) -> Option<usize> {
    find_named(&name.value, name, columns, errors)
}

/// The column of a name that stands in a text.
pub(super) fn find_named(
    name: &str,
    text: &Text,
    columns: &[Column],
    errors: &mut Vec<Diagnostic>,
) -> Option<usize> {
    let names = columns.iter().map(|column| column.name.as_str());
    let name = Text { value: name.to_owned(), ..text.clone() };
    super::find((Code::UnknownColumn, "column"), &name, names, errors)
}

pub(super) fn links(tables: &Tables, columns: &[Column], errors: &mut Vec<Diagnostic>) -> Vec<Link> {
    unique("link", tables.links.iter().map(|table| &table.name), errors);
    let mut find = |text: &Text| find(text, columns, errors);
    let mut links: Vec<Link> = tables
        .links
        .iter()
        .filter_map(|table| {
            let (from, to) = (find(&table.from), find(&table.to));
            Some(Link {
                name: table.name.value.clone(),
                doc: table.doc.value.clone(),
                from: from?,
                to: to?,
                span: table.name.span.clone(),
            })
        })
        .collect();
    links.sort_by(|a, b| a.name.cmp(&b.name));
    links
}
