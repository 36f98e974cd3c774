//! Claims of kinds: what an instruction or a call's variant is compiled to does what its semantics say.

use std::collections::BTreeSet;

use super::claim::{Claim, Goal, Lookup, Must, Value};
use super::expressions::{
    WORD, aligned, allowed, be, binary, bit, constant, extended, loaded, local, not, slice, stored, word_of,
};
use super::value::LOADED;
use crate::ir::{BinaryOp, Expr, ExprKind, Statement, Type, walk};
use crate::model::{Model, READS, WRITES};
use crate::units::form::{Form, Var};
use crate::units::select::Selection;
use crate::units::{Port, Units};

/// The places of the entry's address and immediate among the operands of an instruction's claim.
const PC: Var = Var::Operand(0);
const IMM: Var = Var::Operand(1);

/// The claim of what an instruction or a call's variant is compiled to; none if no row is of it.
pub(super) fn kind(model: &Model, at: usize) -> Option<Claim> {
    let selection = model.selections.get(at)?.as_ref()?;
    let instruction = model.kind(at);
    let units = &model.units;
    let mut claim = Claim { entries: units.entries.clone(), ..Claim::default() };
    for (var, name) in [(PC, "pc"), (IMM, "imm")] {
        claim.names.insert(var, name.to_owned());
        claim.ranges.insert(var, WORD);
        claim.values.push((name.to_owned(), Value::Bits(var, 32)));
    }
    for port in 0..READS.len() {
        claim.names.insert(Var::Read(port), format!("rs{}", port + 1));
        claim.ranges.insert(Var::Read(port), WORD);
    }
    for (var, name) in [(Var::NextPc, "next_pc"), (Var::Address, "address"), (Var::Taken, "input")] {
        claim.names.insert(var, name.to_owned());
    }
    claim.ranges.insert(Var::Taken, WORD);
    for (unit, cell) in units.columns() {
        claim.names.insert(Var::Cell(unit, cell), units.name(Var::Cell(unit, cell)));
    }
    compiled(&mut claim, model, at, selection);
    let memory = units.port(Port::Memory).filter(|memory| selection.uses.contains_key(memory));
    if let Some(memory) = memory {
        let [before, _, writable] = [0, 1, 2].map(|cell| home(units, (memory, cell)));
        claim.ranges.insert(before, WORD);
        claim.ranges.insert(writable, (0, 1));
        claim.values.push(("mem.before".to_owned(), Value::Bits(before, 32)));
        claim.values.push(("mem.writable".to_owned(), Value::Bits(writable, 1)));
    }
    semantics(&mut claim, units, selection, &instruction.semantics.statements, memory);
    Some(claim)
}

fn home(units: &Units, cell: (usize, usize)) -> Var {
    let (unit, cell) = units.home(cell);
    Var::Cell(unit, cell)
}

/// A form with each cell in its column.
fn at_home(units: &Units, form: &Form) -> Form {
    form.put(&mut |var| match var {
        Var::Cell(unit, cell) => Some(Form::from(home(units, (unit, cell)))),
        _ => None,
    })
}

/// What the compiled form asks of a row of this kind: the relations with the kind's columns of the code table as
/// coefficients, and the look-ups that it makes. A relation of a unit that it does not use is there if it reads only columns of
/// units that it uses; without the others less is assumed.
fn compiled(claim: &mut Claim, model: &Model, kind: usize, selection: &Selection) {
    let (units, wiring) = (&model.units, &model.wiring);
    let cells = |unit: &usize| {
        let unit = *unit;
        (0..units.units[unit].cells.len()).map(move |cell| home(units, (unit, cell)))
    };
    let columns: BTreeSet<Var> = selection.uses.keys().flat_map(cells).collect();
    let used: BTreeSet<&str> = selection.uses.keys().map(|unit| units.units[*unit].name.as_str()).collect();
    for relation in &wiring.relations {
        let vars = relation.wired.keys().chain(relation.fixed.keys()).flatten();
        let is_idle = relation.unit(units).is_some_and(|unit| !used.contains(unit.name.as_str()));
        if is_idle && vars.into_iter().any(|var| matches!(var, Var::Cell(..)) && !columns.contains(var)) {
            continue;
        }
        let product = |vars: &[Var], coefficient: i128| {
            vars.iter().fold(Form::constant(coefficient), |all, var| &all * &Form::from(*var))
        };
        let mut form = Form::default();
        for (vars, columns) in &relation.wired {
            for (column, factor) in columns {
                for (entries, coefficient) in wiring.columns[*column].by.get(&kind).into_iter().flatten() {
                    let entries: Vec<Var> = entries.iter().map(|at| Var::Entry(*at)).collect();
                    form = &form + &(&product(&entries, *coefficient) * &product(vars, *factor));
                }
            }
        }
        for (vars, coefficient) in &relation.fixed {
            form = &form + &product(vars, *coefficient);
        }
        // Whether a row is padding, and whether it is the last, is no matter of what it computes.
        let form = form.put(&mut |var| match var {
            Var::Active => Some(Form::constant(1)),
            _ => None,
        });
        if !form.is_zero() && !form.vars().contains(&Var::Last) {
            claim.relations.push((relation.name.clone(), form));
        }
    }
    for slot in &wiring.slots {
        let Some(table) = slot.tables.get(&kind) else { continue };
        let (unit, at) = slot.of[0];
        claim.lookups.push(Lookup {
            name: format!("{}.{}", units.units[unit].name, units.units[unit].slots[at].name),
            table: units.tables[*table].clone(),
            places: slot.places.iter().map(|(unit, cell)| Var::Cell(*unit, *cell)).collect(),
        });
    }
}

/// What the semantics say of a row, as goals.
fn semantics(
    claim: &mut Claim,
    units: &Units,
    selection: &Selection,
    statements: &[Statement],
    memory: Option<usize>,
) {
    let before = local("mem.before", 32);
    let four = constant(4, 32);
    let link = binary(BinaryOp::Add, Expr::new(ExprKind::Pc, Type::unsigned(32)), four);
    let mut next = link;
    let mut after = memory.map(|_| before.clone());
    let mut address = None;
    for statement in statements {
        match statement {
            Statement::Let(name, value) => claim.values.push((name.clone(), Value::Of(value.clone()))),
            Statement::Load { bits, address: a } => {
                claim.values.push((LOADED.to_owned(), Value::Of(loaded(*bits, a, &before))));
                claim.goals.extend(aligned(*bits, a));
                address = Some(word_of(a));
            }
            Statement::Store { bits, address: a, value } => {
                after = Some(stored(*bits, a, value, &before));
                claim.goals.extend(aligned(*bits, a));
                address = Some(word_of(a));
            }
            Statement::Require(condition) => {
                walk(condition, &mut |part| {
                    if let ExprKind::Allows(_, a) = &part.kind {
                        address = Some(word_of(a));
                    }
                });
                let must = Must::Hold(allowed(condition, memory.is_some()));
                claim.goals.push(Goal { what: condition.to_string(), must });
            }
            Statement::Input { left, count, .. } => {
                if let Some(taken) = &selection.input {
                    claim.goals.push(be("the input that is left", at_home(units, &taken.left), left.clone()));
                    claim.goals.push(be(
                        "how much input is taken",
                        at_home(units, &taken.count),
                        count.clone(),
                    ));
                }
                // That there are no more bytes than are taken is for the argument of streams to say.
                let bits = binary(BinaryOp::Shl, extended(count, 64), constant(3, 6));
                let top = binary(BinaryOp::Shl, constant(1, 64), slice(&bits, 0, 6));
                let input = extended(&Expr::new(ExprKind::Taken, Type::unsigned(32)), 64);
                claim.given.push(bit(BinaryOp::Lt, input, top));
            }
            Statement::Output { position, count, value, .. } => {
                if let Some(put) = &selection.output {
                    claim.goals.push(be(
                        "the output before",
                        at_home(units, &put.position),
                        position.clone(),
                    ));
                    claim.goals.push(be("how much is put out", at_home(units, &put.count), count.clone()));
                    claim.goals.push(be("what is put out", at_home(units, &put.value), value.clone()));
                }
            }
            Statement::Exit(_) => next = constant(0, 32),
            Statement::Write(port, value) => {
                let unit = units.port(Port::Write(*port)).filter(|unit| selection.uses.contains_key(unit));
                let cell = unit.map(|unit| Form::from(home(units, (unit, 0)))).unwrap_or_default();
                claim.goals.push(be(WRITES[*port], cell, value.clone()));
            }
            Statement::Jump { condition, target } => {
                let taken = condition.clone().unwrap_or_else(|| constant(1, 1));
                let lanes = bit(BinaryOp::Eq, slice(target, 0, 2), constant(0, 2));
                let is_fit = binary(BinaryOp::Or, not(taken.clone()), lanes);
                claim.goals.push(Goal { what: "an aligned target".to_owned(), must: Must::Hold(is_fit) });
                let kind = ExprKind::If(Box::new(taken), Box::new(target.clone()), Box::new(next));
                next = Expr::new(kind, Type::unsigned(32));
            }
            Statement::Trap { condition: Some(condition), .. } => {
                let must = Must::Hold(not(condition.clone()));
                claim.goals.push(Goal { what: "no trap".to_owned(), must });
            }
            Statement::Trap { condition: None, .. } | Statement::Call { .. } => {}
        }
    }
    claim.goals.push(be("the next pc", Form::from(Var::NextPc), next));
    if units.address.is_some() {
        let address = address.unwrap_or_else(|| constant(0, 32));
        claim.goals.push(be("the accessed word's address", Form::from(Var::Address), address));
    }
    if let (Some(memory), Some(after)) = (memory, after) {
        claim.goals.push(be("the word after", Form::from(home(units, (memory, 1))), after));
    }
}
