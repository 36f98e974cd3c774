//! From tables to a [`Model`]: names resolved, bits accounted for, expressions typed, constraints bounded.
//!
//! Every check goes on after an error, so that one run reports them all.

mod asm;
mod calls;
mod columns;
mod encoding;
mod expr;
mod forms;
mod fused;
mod honest;
mod instruction;
mod lookups;
mod polynomial;
mod pseudo;
mod replaced;
mod rows;
mod semantics;
mod units;

pub use expr::FUNCTIONS;
pub use rows::{Case, Row, edge_rows, trapped};
pub use semantics::STATEMENTS;

use std::collections::BTreeMap;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::fingerprint::fingerprint;
use crate::model::{Hidden, INITIAL, Instruction, Model};
use crate::parse::{Entry, Tables, Text};
use crate::source::Sources;
use instruction::check_name as check_mnemonic;

/// The policy's questions, each with the answers that the runtime has.
pub const POLICY: [(&str, &[&str]); 8] = [
    ("address_overflow", &["wrap"]),
    ("last_page", &["trap"]),
    ("misaligned_data", &["trap"]),
    ("misaligned_target", &["trap"]),
    ("null_page", &["trap"]),
    ("store_to_code", &["trap"]),
    ("undecodable", &["trap"]),
    ("zero_register", &["drop"]),
];

/// The columns that an expression reads.
pub(crate) fn derivation_inputs(expr: &crate::ir::Expr) -> Vec<usize> {
    columns::inputs(expr)
}

/// The derived columns, each after those that it reads.
pub(crate) fn derivation_order(columns: &[crate::model::Column]) -> Vec<usize> {
    columns::order(columns, &mut Vec::new())
}

/// The word width that the runtime has.
pub(crate) const XLEN: u32 = 32;

/// Checks the tables. The model is none if errors left nothing to build it from.
pub(crate) fn check(sources: &Sources, tables: &Tables, errors: &mut Vec<Diagnostic>) -> Option<Model> {
    // Of another width every width is another: what follows from that is everywhere.
    check_xlen(tables, errors)?;
    let (registers, zero, stack_pointer) = registers(tables, errors)?;
    let hidden = hidden(tables, errors);
    let all: Vec<String> =
        registers.iter().chain(hidden.iter().map(|hidden| &hidden.name)).cloned().collect();
    let formats = encoding::formats(tables, errors);
    let mut instructions = instruction::instructions(sources, tables, &formats, &all, errors);
    instructions.sort_by(|a, b| a.name.cmp(&b.name));
    let replaced = replaced::replace(tables, &mut instructions, &all, errors);
    if instructions.len() < usize::from(u8::MAX) {
        encoding::overlaps(&instructions, errors);
    }
    let calls = calls::calls(sources, tables, &instructions, &all, errors);
    let fused = fused::fused(tables, &instructions, &replaced, errors);
    let pseudos = pseudo::pseudos(tables, &instructions, &registers, &replaced, errors);
    let kinds: Vec<&Instruction> =
        instructions.iter().chain(calls.iter().flat_map(|call| &call.variants)).collect();
    let columns = columns::columns(tables, &kinds, errors);
    let constraints = polynomial::constraints(tables, &columns, errors);
    let links = columns::links(tables, &columns, errors);
    let units = units::units(tables, &columns, errors);
    let lookups = lookups::lookups(tables, &columns, &units, errors);
    let mut model = Model {
        name: tables.name.value.clone(),
        doc: tables.doc.value.clone(),
        extends: tables.extends.iter().map(|base| base.value.clone()).collect(),
        xlen: XLEN,
        aliases: aliases(tables, &registers, errors),
        registers,
        hidden,
        zero,
        stack_pointer,
        policy: policy(tables, errors),
        instructions,
        columns,
        constraints,
        links,
        lookups,
        opcode_names: encoding::opcodes(tables, errors),
        pseudos,
        calls,
        fused,
        units,
        unproven: tables.unproven || tables.units.is_empty(),
        selections: Vec::new(),
        wiring: crate::units::wiring::Wiring::default(),
        fingerprint: [0; 32],
    };
    if model.unproven {
        // Tables stay, for look-ups of columns.
        (model.units.units, model.units.rules) = (Vec::new(), Vec::new());
    } else {
        units::compile(&mut model, errors);
    }
    model.fingerprint = fingerprint(&model);
    // Rows are run only of a model that is sound: an expression in error has no value.
    if errors.is_empty() {
        run(&model, errors);
    }
    Some(model)
}

/// Runs every instruction on edge operands, and holds the rows against all that is said of rows.
fn run(model: &Model, errors: &mut Vec<Diagnostic>) {
    let order = derivation_order(&model.columns);
    let rows = rows::edge_rows(model);
    honest::check(model, &rows, &order, errors);
    lookups::check(model, &rows, errors);
    units::check(model, &rows, &rows::trapped(model), errors);
    semantics::unused(model, errors);
}

/// The place of a name among others; of one that is not there, the error says which are near.
fn find<'n>(
    (code, what): (Code, &str),
    name: &Text,
    names: impl Iterator<Item = &'n str> + Clone,
    errors: &mut Vec<Diagnostic>,
) -> Option<usize> {
    let found = names.clone().position(|known| known == name.value);
    if found.is_none() {
        errors.push(
            Diagnostic::new(code, &name.span, format!("there is no {what} `{}`", name.value))
                .did_you_mean(&name.value, names),
        );
    }
    found
}

/// Reports each name that occurs twice, with both places.
pub(crate) fn unique<'a>(what: &str, names: impl Iterator<Item = &'a Text>, errors: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<&str, &Text> = BTreeMap::new();
    for name in names {
        if let Some(first) = seen.insert(&name.value, name) {
            errors.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    &name.span,
                    format!("there are two {what}s named `{}`", name.value),
                )
                .label("the second")
                .other(&first.span, "the first")
                .hint("rename one: of two tables neither replaces the other, in one file or over several"),
            );
        }
    }
}

fn registers(tables: &Tables, errors: &mut Vec<Diagnostic>) -> Option<(Vec<String>, u8, u8)> {
    let Some(table) = tables.registers.first() else {
        errors.push(
            Diagnostic::new(Code::MissingRegisters, &tables.name.span, "there is no `[registers]` table")
                .hint("add one, or extend a spec that has it: extends = [\"rv32i\"]"),
        );
        return None;
    };
    if let Some(second) = tables.registers.get(1) {
        errors.push(
            Diagnostic::new(Code::DuplicateName, &second.span, "there are two `[registers]` tables")
                .other(&table.span, "the first")
                .hint("a spec takes them from the one that it extends"),
        );
    }
    if table.names.len() != 32 {
        errors.push(
            Diagnostic::new(
                Code::RegisterCount,
                &table.span,
                format!("{} registers are named, but operands have 5 bits", table.names.len()),
            )
            .hint("name all 32"),
        );
    }
    let names: Vec<String> = table.names.iter().map(|name| name.value.clone()).collect();
    let zero = register(&names, &table.zero, errors);
    if zero.is_some_and(|zero| zero != 0) {
        errors.push(
            Diagnostic::new(Code::ZeroRegister, &table.zero.span, "the zero register must be register 0")
                .hint("operands that are not used count as register 0"),
        );
    }
    let stack_pointer = register(&names, &table.stack_pointer, errors);
    Some((names, zero.unwrap_or_default(), stack_pointer.unwrap_or_default()))
}

/// The most hidden registers: with the others there are 64.
const MAX_HIDDEN: usize = 32;

/// The registers that no word names, by name.
fn hidden(tables: &Tables, errors: &mut Vec<Diagnostic>) -> Vec<Hidden> {
    if let Some(table) = tables.hidden.get(MAX_HIDDEN) {
        errors.push(
            Diagnostic::new(
                Code::RegisterCount,
                &table.name.span,
                format!("{} hidden registers: a spec has at most {MAX_HIDDEN}", tables.hidden.len()),
            )
            .hint("one register may hold several small values"),
        );
    }
    for table in &tables.hidden {
        check_mnemonic(&table.name, errors);
    }
    let mut hidden: Vec<Hidden> = Vec::new();
    for table in &tables.hidden {
        let initial = table.initial.as_ref().and_then(|initial| {
            find((Code::UnknownInitial, "initial value"), initial, INITIAL.into_iter(), errors)
        });
        hidden.push(Hidden { name: table.name.value.clone(), doc: table.doc.value.clone(), initial });
    }
    hidden.sort_by(|a, b| a.name.cmp(&b.name));
    hidden
}

fn aliases(tables: &Tables, registers: &[String], errors: &mut Vec<Diagnostic>) -> Vec<(String, u8)> {
    let Some(table) = tables.registers.first() else { return Vec::new() };
    let hidden = tables.hidden.iter().map(|hidden| &hidden.name);
    unique(
        "register",
        table.names.iter().chain(table.aliases.iter().map(|entry| &entry.key)).chain(hidden),
        errors,
    );
    let aliases = table.aliases.iter();
    aliases
        .filter_map(|alias| Some((alias.key.value.clone(), register(registers, &alias.value, errors)?)))
        .collect()
}

/// The number of a register by its name.
pub(crate) fn register(names: &[String], name: &Text, errors: &mut Vec<Diagnostic>) -> Option<u8> {
    let found = find((Code::UnknownRegister, "register"), name, names.iter().map(String::as_str), errors);
    found.and_then(|at| u8::try_from(at).ok())
}

/// None of a spec whose words have another width.
fn check_xlen(tables: &Tables, errors: &mut Vec<Diagnostic>) -> Option<()> {
    match &tables.xlen {
        Some(xlen) if xlen.value == u64::from(XLEN) => {}
        Some(xlen) => {
            errors.push(
                Diagnostic::new(
                    Code::UnsupportedXlen,
                    &xlen.span,
                    format!("words of {} bits are not supported", xlen.value),
                )
                .hint("the runtime's words have 32 bits: xlen = 32"),
            );
            return None;
        }
        // The whole table [isa] is missing, which is told already.
        None if tables.name.value.is_empty() => {}
        None => errors.push(
            Diagnostic::new(Code::MissingKey, &tables.name.span, "`xlen` is missing").hint("add `xlen = 32`"),
        ),
    }
    Some(())
}

fn policy(tables: &Tables, errors: &mut Vec<Diagnostic>) -> Vec<(String, String)> {
    unique("policy answer", tables.policy.iter().map(|entry| &entry.key), errors);
    for Entry { key, value } in &tables.policy {
        match POLICY.iter().find(|(question, _)| *question == key.value) {
            None => errors.push(
                Diagnostic::new(
                    Code::UnknownPolicy,
                    &key.span,
                    format!("there is no policy `{}`", key.value),
                )
                .did_you_mean(&key.value, POLICY.iter().map(|(question, _)| *question)),
            ),
            Some((_, answers)) if !answers.contains(&value.value.as_str()) => errors.push(
                Diagnostic::new(
                    Code::UnsupportedPolicy,
                    &value.span,
                    format!("`{}` cannot be {:?}", key.value, value.value),
                )
                .hint(format!("the runtime has: {}", answers.join(", "))),
            ),
            Some(_) => {}
        }
    }
    for (question, answers) in POLICY {
        if !tables.policy.iter().any(|entry| entry.key.value == question) {
            errors.push(
                Diagnostic::new(
                    Code::MissingPolicy,
                    &tables.name.span,
                    format!("the policy does not say what happens for `{question}`"),
                )
                .hint(format!("add to [policy]: {question} = {:?}", answers[0])),
            );
        }
    }
    let mut policy: Vec<_> =
        tables.policy.iter().map(|entry| (entry.key.value.clone(), entry.value.value.clone())).collect();
    policy.sort();
    policy
}
