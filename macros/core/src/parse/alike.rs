//! Tables of one kind and name in several files: one table if they say the same, an error if they differ.
//!
//! In: the tables of all files. Out: none of another file's that says what an earlier one says. Two in one file are left
//! for the checker, to which they are two.

use super::{Entry, FormatTable, Int, Tables, Text};
use crate::code::Code;
use crate::diagnostic::Diagnostic;

/// What a table says, by key: one text for one meaning.
type Parts = Vec<(&'static str, String)>;

/// Keeps the first of tables that say the same. Documentation does not count.
pub(super) fn unite(tables: &mut Tables, errors: &mut Vec<Diagnostic>) {
    one("format", &mut tables.formats, |entry| &entry.key, |entry| format(&entry.value), errors);
    let answer = |entry: &Entry<Text>| vec![("answer", text(&entry.value))];
    one("policy answer", &mut tables.policy, |entry| &entry.key, answer, errors);
    let value = |entry: &Entry<Int>| vec![("value", entry.value.value.to_string())];
    one("opcode", &mut tables.opcodes, |entry| &entry.key, value, errors);
    let parts = |table: &super::InstructionTable| {
        vec![
            ("format", text(&table.format)),
            ("fixed", set(&table.fixed, |int| int.value.to_string())),
            ("registers", set(&table.registers, text)),
            ("asm", text(&table.asm)),
            ("semantics", text(&table.semantics)),
            ("replaces", list(&table.replaces)),
        ]
    };
    one("instruction", &mut tables.instructions, |table| &table.name, parts, errors);
    let parts = |table: &super::ColumnTable| {
        let (record, derive) = (list(&table.record), option(table.derive.as_ref()));
        vec![("class", text(&table.class)), ("record", record), ("derive", derive)]
    };
    one("column", &mut tables.columns, |table| &table.name, parts, errors);
    let parts = |table: &super::ConstraintTable| {
        let guard = option(table.guard.as_ref());
        vec![("guard", guard), ("left", text(&table.left)), ("right", text(&table.right))]
    };
    one("constraint", &mut tables.constraints, |table| &table.name, parts, errors);
    let parts = |table: &super::LinkTable| vec![("from", text(&table.from)), ("to", text(&table.to))];
    one("link", &mut tables.links, |table| &table.name, parts, errors);
    let parts = |table: &super::LookupTable| vec![("find", text(&table.find))];
    one("look-up", &mut tables.lookups, |table| &table.name, parts, errors);
    let variant = |variant: &super::VariantTable| {
        let registers = set(&variant.registers, text);
        format!(
            "{}: {registers}: {}: {}; ",
            text(&variant.name),
            list(&variant.when),
            text(&variant.semantics)
        )
    };
    let parts = |table: &super::CallTable| {
        vec![
            ("number", table.number.as_ref().map_or_else(String::new, |number| number.value.to_string())),
            ("arguments", list(&table.arguments)),
            ("registers", set(&table.registers, text)),
            ("let", in_order(&table.lets, text)),
            ("semantics", option(table.semantics.as_ref())),
            ("variant", table.variants.iter().map(variant).collect()),
        ]
    };
    one("call", &mut tables.calls, |table| &table.name, parts, errors);
    let parts =
        |table: &super::PseudoTable| vec![("expand", list(&table.expand)), ("fill", table.fill.to_string())];
    one("pseudo-instruction", &mut tables.pseudos, |table| &table.asm, parts, errors);
    units(tables, errors);
    registers(tables, errors);
    let initial = |table: &super::HiddenTable| vec![("initial", option(table.initial.as_ref()))];
    one("hidden register", &mut tables.hidden, |table| &table.name, initial, errors);
    ports(tables, errors);
}

/// What a row offers: tables of look-ups, units, rules and overlays.
fn units(tables: &mut Tables, errors: &mut Vec<Diagnostic>) {
    let parts = |table: &super::TableTable| {
        // Their order is that of a look-up's cells.
        vec![("keys", in_order(&table.keys, text)), ("values", in_order(&table.values, text))]
    };
    one("table", &mut tables.tables, |table| &table.name, parts, errors);
    let int = |int: &Int| int.value.to_string();
    let output = |output: &super::OutputTable| {
        let (given, tables) = (set(&output.given, int), set(&output.tables, text));
        format!("{} {} {given} {tables}", text(&output.form), option(output.means.as_ref()))
    };
    let parts = |table: &super::UnitTable| {
        vec![
            ("inputs", in_order(&table.inputs, text)),
            ("defaults", set(&table.defaults, int)),
            ("cells", in_order(&table.cells, text)),
            ("fill", set(&table.fill, text)),
            ("relations", list(&table.relations)),
            ("lookups", in_order(&table.lookups, text)),
            ("outputs", in_order(&table.outputs, output)),
        ]
    };
    one("unit", &mut tables.units, |table| &table.name, parts, errors);
    let parts = |table: &super::RuleTable| {
        vec![
            ("operands", set(&table.operands, text)),
            ("use", in_order(&table.uses, text)),
            ("assert", list(&table.assert)),
            ("given", list(&table.given)),
            ("give", option(table.give.as_ref())),
            ("address", option(table.address.as_ref())),
            ("let", in_order(&table.lets, text)),
            ("fill", set(&table.fill, text)),
        ]
    };
    // A rule has no name: two that match alike may differ, and are two.
    let mut kept: Vec<super::RuleTable> = Vec::with_capacity(tables.rules.len());
    for rule in tables.rules.drain(..) {
        let same = |other: &super::RuleTable| {
            other.pattern.span.file != rule.pattern.span.file
                && other.pattern.value == rule.pattern.value
                && difference(&parts(other), &parts(&rule)).is_none()
        };
        if !kept.iter().any(same) {
            kept.push(rule);
        }
    }
    tables.rules = kept;
    let column = |entry: &Entry<Text>| vec![("column", text(&entry.value))];
    one("overlay", &mut tables.overlay, |entry| &entry.key, column, errors);
}

/// A spec has one table of ports, whatever its files.
fn ports(tables: &mut Tables, errors: &mut Vec<Diagnostic>) {
    let Some(first) = tables.ports.first().cloned() else { return };
    let parts = |table: &super::PortsTable| {
        vec![
            ("write", list(&table.write)),
            ("memory", option(table.memory.as_ref())),
            ("address", option(table.address.as_ref())),
        ]
    };
    tables.ports.retain(|table| {
        if let Some(key) = difference(&parts(&first), &parts(table)) {
            errors.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    &table.span,
                    format!("there are two `[ports]` tables, which differ in `{key}`"),
                )
                .label("the second")
                .other(&first.span, "the first")
                .hint(
                    "a spec takes them from the one that it extends: leave them out, or declare them alike",
                ),
            );
        }
        table.span == first.span
    });
}

/// A spec has one table of registers, whatever its files.
fn registers(tables: &mut Tables, errors: &mut Vec<Diagnostic>) {
    let Some(first) = tables.registers.first().cloned() else { return };
    let parts = |table: &super::RegistersTable| {
        vec![
            ("names", list(&table.names)),
            ("zero", text(&table.zero)),
            ("stack_pointer", text(&table.stack_pointer)),
            ("aliases", set(&table.aliases, text)),
        ]
    };
    let mut at = 0;
    tables.registers.retain(|table| {
        at += 1;
        if at == 1 || table.span.file == first.span.file {
            return true;
        }
        if let Some(key) = difference(&parts(&first), &parts(table)) {
            errors.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    &table.span,
                    format!("there are two `[registers]` tables, which differ in `{key}`"),
                )
                .label("the second")
                .other(&first.span, "the first")
                .hint(
                    "a spec takes them from the one that it extends: leave them out, or declare them alike",
                ),
            );
        }
        false
    });
}

/// The tables of one kind.
fn one<T>(
    what: &str,
    tables: &mut Vec<T>,
    name: impl Fn(&T) -> &Text,
    parts: impl Fn(&T) -> Parts,
    errors: &mut Vec<Diagnostic>,
) {
    let mut kept: Vec<T> = Vec::with_capacity(tables.len());
    for table in tables.drain(..) {
        let name_of = name(&table);
        let is_same = |other: &&T| {
            let other = name(other);
            !other.value.is_empty() && other.value == name_of.value && other.span.file != name_of.span.file
        };
        let Some(first) = kept.iter().find(is_same) else {
            kept.push(table);
            continue;
        };
        if let Some(key) = difference(&parts(first), &parts(&table)) {
            errors.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    &name_of.span,
                    format!("there are two {what}s named `{}`, which differ in `{key}`", name_of.value),
                )
                .label("the second")
                .other(&name(first).span, "the first")
                .hint("rename one, or declare both alike: of two tables neither replaces the other"),
            );
        }
    }
    *tables = kept;
}

fn difference(first: &Parts, second: &Parts) -> Option<&'static str> {
    first.iter().zip(second).find(|(a, b)| a.1 != b.1).map(|((key, _), _)| *key)
}

fn format(table: &FormatTable) -> Parts {
    let imm = table.imm.as_ref();
    let mut ignored: Vec<String> = table.ignored.iter().map(bits).collect();
    ignored.sort();
    vec![
        ("fields", set(&table.fields, bits)),
        ("letters", set(&table.letters, text)),
        ("imm.signed", format!("{:?}", imm.map(|imm| imm.signed))),
        ("imm.bits", {
            let mut pieces: Vec<String> = imm.iter().flat_map(|imm| imm.bits.iter().map(bits)).collect();
            pieces.sort();
            pieces.concat()
        }),
        ("imm.zero", imm.and_then(|imm| imm.zero.as_ref()).map_or_else(String::new, bits)),
        ("ignored", ignored.concat()),
    ]
}

/// Quoted, so that no two lists of texts are one text.
fn text(text: &Text) -> String {
    format!("{:?}", text.value)
}

/// A range of bits may be written with spaces.
fn bits(text: &Text) -> String {
    format!("{:?}", text.value.split_whitespace().collect::<String>())
}

fn option(text_of: Option<&Text>) -> String {
    text_of.map_or_else(String::new, text)
}

fn list(texts: &[Text]) -> String {
    texts.iter().map(text).collect()
}

/// Entries of a table, whose order means something.
fn in_order<T>(entries: &[Entry<T>], value: impl Fn(&T) -> String) -> String {
    entries.iter().map(|entry| format!("{} = {};", text(&entry.key), value(&entry.value))).collect()
}

/// Entries of a table, whose order means nothing.
fn set<T>(entries: &[Entry<T>], value: impl Fn(&T) -> String) -> String {
    let mut entries: Vec<String> =
        entries.iter().map(|entry| format!("{} = {};", text(&entry.key), value(&entry.value))).collect();
    entries.sort();
    entries.concat()
}
