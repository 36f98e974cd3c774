//! Units: what a spec declares of them is read, then every instruction is brought down to them, then honest rows are held
//! against what came of it.

mod bounds;
mod declared;
mod rows;
mod rules;

use super::columns::check_name;
use super::expr::{Scope, Typer, parse};
use super::{find, unique};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::{Expr, ExprKind, Type};
use crate::model::{Column, Model};
use crate::parse::{Tables, Text};
use crate::source::Span;
use crate::units::wiring::wire;
use crate::units::{Table, Units, select};

pub(super) use rows::check;

/// Units, tables and rules of the spec.
pub(super) fn units(tables: &Tables, columns: &[Column], errors: &mut Vec<Diagnostic>) -> Units {
    unique("table", tables.tables.iter().map(|table| &table.name), errors);
    unique("unit", unit_names(tables), errors);
    names(tables, errors);
    let lookups = tables.tables.iter().filter_map(|table| declared::lookup_table(table, errors)).collect();
    let mut units = Units {
        tables: lookups,
        units: declared::ports(tables, errors),
        address: declared::address(tables, columns, errors),
        ..Units::default()
    };
    for table in &tables.units {
        if let Some(mut unit) = declared::unit(table, &units.tables, errors) {
            declared::placed(&mut unit, units.units.len());
            units.units.push(unit);
        }
    }
    declared::overlays(tables, &mut units, errors);
    for table in &tables.rules {
        let rule = rules::rule(table, &mut units, errors);
        units.rules.extend(rule);
    }
    units
}

/// The names of ports and units.
fn unit_names(tables: &Tables) -> impl Iterator<Item = &Text> {
    let ports = tables.ports.iter().flat_map(|ports| ports.write.iter().chain(&ports.memory));
    ports.chain(tables.units.iter().map(|table| &table.name))
}

/// What relations of no unit are called.
const RESERVED: [&str; 5] = ["assert", "next_pc", "address", "row", "end"];

/// Sees that names are such as expressions can have.
fn names(tables: &Tables, errors: &mut Vec<Diagnostic>) {
    let mut check = |what: &str, names: &mut dyn Iterator<Item = &Text>| {
        names.for_each(|name| check_name(name, what, errors));
    };
    check("unit", &mut unit_names(tables));
    for table in &tables.tables {
        check("table", &mut std::iter::once(&table.name));
        check("key", &mut table.keys.iter().map(|entry| &entry.key));
        check("value", &mut table.values.iter().map(|entry| &entry.key));
    }
    for table in &tables.units {
        check("input", &mut table.inputs.iter().map(|entry| &entry.key));
        check("cell", &mut table.cells.iter().map(|entry| &entry.key));
        check("look-up", &mut table.lookups.iter().map(|entry| &entry.key));
        check("output", &mut table.outputs.iter().map(|entry| &entry.key));
    }
    for table in &tables.rules {
        check("operand", &mut table.operands.iter().map(|entry| &entry.key));
        check("use", &mut table.uses.iter().map(|entry| &entry.key));
        check("value", &mut table.lets.iter().map(|entry| &entry.key));
    }
    for name in unit_names(tables) {
        if RESERVED.contains(&name.value.as_str()) {
            let message = format!("`{}` is what relations of no unit are called", name.value);
            errors.push(Diagnostic::new(Code::BadName, &name.span, message).hint("take another name"));
        }
    }
}

/// Brings every instruction down to units, and joins what they make of relations.
pub(super) fn compile(model: &mut Model, errors: &mut Vec<Diagnostic>) {
    if !errors.is_empty() || model.units.units.is_empty() {
        return;
    }
    let kinds = model.instructions.iter().chain(model.calls.iter().flat_map(|call| &call.variants));
    for instruction in kinds {
        if !instruction.semantics.has_rows() {
            model.selections.push(None);
            continue;
        }
        match select::select(&mut model.units, &instruction.semantics) {
            Ok(selection) => model.selections.push(Some(selection)),
            Err(shortage) => errors.push(bounds::short(&model.units, instruction, &shortage)),
        }
    }
    if errors.is_empty() {
        model.wiring = wire(&model.units, &model.selections);
        bounds::coefficients(model, errors);
        bounds::unrecorded(model, errors);
        bounds::sizes(model, errors);
    }
}

/// Names of operands, or of inputs, in an expression of the language.
struct PatternScope<'a> {
    operands: &'a [(String, Type)],
    locals: Vec<(String, Expr)>,
    load: Option<(u32, Expr)>,
    /// Whether it is a rule's pattern.
    pattern: bool,
}

impl Scope for PatternScope<'_> {
    fn name(&self, name: &str) -> Option<Expr> {
        if let Some((_, value)) = self.locals.iter().find(|(local, _)| local == name) {
            return Some(value.clone());
        }
        let (_, ty) = self.operands.iter().find(|(operand, _)| operand == name)?;
        Some(Expr::new(ExprKind::Local(name.to_owned()), *ty))
    }

    fn member(&self, _base: &str, _member: &str) -> Option<Expr> {
        None
    }

    fn names(&self) -> Vec<String> {
        let locals = self.locals.iter().map(|(name, _)| name.clone());
        self.operands.iter().map(|(name, _)| name.clone()).chain(locals).collect()
    }

    fn load(&mut self, bits: u32, address: Expr) -> Result<Expr, &'static str> {
        self.load = Some((bits, address));
        Ok(Expr::new(ExprKind::Loaded, Type::unsigned(bits)))
    }

    fn asks_policy(&self) -> bool {
        self.pattern
    }
}

/// An expression over names, of which some stand for what is known of them.
fn typed(
    text: &Text,
    names: &[(String, Type)],
    lets: &[(String, Expr)],
    expected: Option<Type>,
    errors: &mut Vec<Diagnostic>,
) -> Option<Expr> {
    let parsed = parse::<syn::Expr>(text, "", "", errors)?;
    let mut scope = PatternScope { operands: names, locals: lets.to_vec(), load: None, pattern: false };
    let mut typer = Typer { text, offset: 0, scope: &mut scope, errors };
    typer.expr(&parsed, expected)
}

pub(super) fn find_table(
    name: &str,
    text: &Text,
    tables: &[Table],
    errors: &mut Vec<Diagnostic>,
) -> Option<usize> {
    let name = Text { value: name.to_owned(), ..text.clone() };
    find((Code::UnknownName, "table"), &name, tables.iter().map(|table| table.name.as_str()), errors)
}

fn type_of(text: &str) -> Option<Type> {
    let signed = text.starts_with('i');
    let width = text.strip_prefix(['u', 'i'])?.parse().ok()?;
    (1..=64).contains(&width).then_some(Type { signed, width })
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn bad(span: &Span, message: &str, hint: &str, errors: &mut Vec<Diagnostic>) {
    errors.push(Diagnostic::new(Code::BadUnit, span, message).hint(hint));
}
