//! Claims of rules: what a rule gives is what it matches.

use std::collections::BTreeMap;

use super::claim::{Claim, Goal, LET, Must, Value};
use super::expressions::{WORD, aligned, allowed, be, loaded, local, stored, word_of};
use super::fed::{operand_range, takes};
use super::unit::of_unit;
use crate::ir::{ExprKind, walk};
use crate::units::form::{Form, Var};
use crate::units::{Pattern, Port, Rule, Units};

/// A rule's claim: what it gives is what it matches.
pub(super) fn rule(units: &Units, at: usize) -> Claim {
    let rule = &units.rules[at];
    let mut claim = Claim { entries: units.templates.clone(), ..Claim::default() };
    for (place, operand) in rule.operands.iter().enumerate() {
        let var = Var::Operand(place);
        claim.names.insert(var, format!("{LET}{}", operand.name));
        claim.ranges.insert(var, operand_range(rule, place));
        claim.values.push((operand.name.clone(), Value::Bits(var, operand.ty.width)));
    }
    claim.given.extend(rule.given.iter().cloned());
    let put = |form: &Form| put(units, rule, form);
    let mut memory = None;
    for (place, used) in rule.uses.iter().enumerate() {
        let declared = &units.units[used.unit];
        let again = rule.uses[..place].iter().filter(|other| other.unit == used.unit).count();
        let prefix = match again {
            0 => format!("{}.", declared.name),
            again => format!("{}{}.", declared.name, again + 1),
        };
        let tables = tables(units, rule, place);
        let input = |at: usize| {
            let fed = used.inputs.iter().find(|(input, _)| *input == at).map(|(_, form)| put(form));
            let default = declared.inputs[at].default;
            // What a rule does not feed, another may.
            Some(fed.unwrap_or_else(|| match default {
                0 => Form::from(Var::Read(place * 64 + at)),
                default => Form::constant(default),
            }))
        };
        for (at, named) in declared.inputs.iter().enumerate() {
            claim.names.insert(Var::Read(place * 64 + at), format!("{prefix}{}.fed", named.name));
        }
        of_unit(&mut claim, units, used.unit, place, &prefix, &|slot| tables.get(&slot).copied(), &input);
        if declared.port == Some(Port::Memory) {
            memory = Some(place);
            words(&mut claim, place);
        }
    }
    for (at, form) in rule.asserts.iter().enumerate() {
        claim.relations.push((format!("assert {at}"), put(form)));
    }
    let give = put(&rule.give);
    let mut address = None;
    match &rule.pattern {
        Pattern::Value(e) => claim.goals.push(be("the value", give, e.clone())),
        Pattern::Load(bits, a) => {
            let loaded = loaded(*bits, a, &local("mem.before", 32));
            claim.goals.push(be("what is loaded", give, loaded));
            claim.goals.extend(aligned(*bits, a));
            address = Some(a);
        }
        Pattern::Store(bits, a, value) => {
            let after = memory.map(|place| Form::from(Var::Cell(place, 1))).unwrap_or_default();
            let stored = stored(*bits, a, value, &local("mem.before", 32));
            claim.goals.push(be("the word after", after, stored));
            claim.goals.extend(aligned(*bits, a));
            address = Some(a);
        }
        Pattern::Jump(a) => {
            claim.goals.push(be("the target", give, a.clone()));
            claim.goals.extend(aligned(32, a));
        }
        Pattern::Require(condition) => {
            let mut asked = Vec::new();
            walk(condition, &mut |part| {
                if let ExprKind::Allows(_, a) = &part.kind {
                    asked.push(&**a);
                }
            });
            address = asked.first().copied();
            let at = rule.address.as_ref().map(&put);
            let condition = allowed(condition, at.is_some());
            claim.goals.push(Goal { what: "the condition".to_owned(), must: Must::Hold(condition) });
            if let Some(at) = at {
                // The word that is accessed, as conditions ask for it.
                claim.names.insert(Var::Address, "address".to_owned());
                claim.relations.push(("address".to_owned(), &Form::from(Var::Address) - &at));
            }
        }
        Pattern::Word => claim
            .goals
            .push(Goal { what: "the number".to_owned(), must: Must::Word(Form::from(Var::Operand(0))) }),
    }
    if let (Some(form), Some(a)) = (&rule.address, address) {
        claim.goals.push(be("the accessed word's address", put(form), word_of(a)));
    }
    claim
}

/// The word of memory before and after, by the places of its unit's cells: the memory argument says that they are words, and
/// that the flag is a bit.
fn words(claim: &mut Claim, memory: usize) {
    let [before, writable] = [0, 2].map(|cell| Var::Cell(memory, cell));
    claim.ranges.insert(before, WORD);
    claim.ranges.insert(writable, (0, 1));
    for (name, var, bits) in [("mem.before", before, 32), ("mem.writable", writable, 1)] {
        claim.values.push((name.to_owned(), Value::Bits(var, bits)));
    }
}

/// A rule's form over the claim's variables.
fn put(units: &Units, rule: &Rule, form: &Form) -> Form {
    form.put(&mut |var| match var {
        Var::Output(place, output) => {
            let unit = &units.units[rule.uses[place].unit];
            let cell = |cell| Form::from(Var::Cell(place, cell));
            Some(match unit.outputs.get(output) {
                Some(output) => output.form.put(&mut |var| match var {
                    Var::Cell(_, at) => Some(cell(at)),
                    _ => None,
                }),
                None => cell(output - unit.outputs.len()),
            })
        }
        _ => None,
    })
}

/// The tables that a rule has a use's look-ups read: those that it names, and those that outputs which it takes need.
fn tables(units: &Units, rule: &Rule, place: usize) -> BTreeMap<usize, usize> {
    let used = &rule.uses[place];
    let mut tables: BTreeMap<usize, usize> = used.tables.iter().copied().collect();
    for (at, output) in units.units[used.unit].outputs.iter().enumerate() {
        if takes(rule, Var::Output(place, at)) {
            tables.extend(output.tables.iter().copied());
        }
    }
    tables
}
