//! The three kinds of claims: of a unit, of a rule, of what an instruction or a call's variant is compiled to.

use std::collections::{BTreeMap, BTreeSet};

use super::claim::{Claim, Goal, Lookup, Must, Value};
use super::value::LOADED;
use crate::ir::{BinaryOp, Expr, ExprKind, Statement, Type, UnaryOp};
use crate::model::{Model, WRITES};
use crate::units::form::{Form, Var};
use crate::units::select::{Selection, rebuilt};
use crate::units::{OperandKind, Pattern, Port, Rule, Units};

/// The places of the entry's address and immediate among the operands of an instruction's claim.
const PC: Var = Var::Operand(0);
const IMM: Var = Var::Operand(1);

const WORD: (i128, i128) = (0, (1 << 32) - 1);

/// A unit's claims: one for each output that means something.
pub(super) fn unit(units: &Units, at: usize) -> Vec<(String, Claim)> {
    let declared = &units.units[at];
    let outputs = declared.outputs.iter().enumerate();
    let outputs = outputs.filter_map(|(place, output)| Some((place, output, output.means.as_ref()?)));
    let claims = outputs.map(|(place, output, means)| {
        let mut claim = Claim::default();
        for (input, ranges) in declared.inputs.iter().enumerate() {
            let var = Var::Input(input);
            let fed = fed(units, at, place, input);
            claim.names.insert(var, format!("let.{}", ranges.name));
            claim.ranges.insert(var, fed.range);
            claim.values.push((ranges.name.clone(), Value::Bits(var, ranges.ty.width)));
            if let Some(values) = fed.values {
                let named = Expr::new(ExprKind::Local(ranges.name.clone()), ranges.ty);
                let top = u64::MAX >> (64 - ranges.ty.width);
                let each = values.into_iter().map(|value| {
                    let value = Expr::new(ExprKind::Const(value as u64 & top), ranges.ty);
                    bit(BinaryOp::Eq, named.clone(), value)
                });
                claim.given.extend(each.reduce(|a, b| binary(BinaryOp::Or, a, b)));
            }
        }
        for (input, value) in &output.given {
            claim.ranges.insert(Var::Input(*input), (*value, *value));
        }
        let tables = |slot: usize| output.tables.iter().find(|(of, _)| *of == slot).map(|(_, table)| *table);
        of_unit(&mut claim, units, at, at, &format!("{}.", declared.name), &tables, &|_| None);
        claim.goals.push(Goal { what: output.name.clone(), must: Must::Be(output.form.clone(), means.clone()) });
        (format!("{}.{}", declared.name, output.name), claim)
    });
    claims.collect()
}

/// Adds a unit's relations, look-ups and the names of its cells. `as_unit` is the unit's place in the claim; `input` says what
/// feeds an input, and none leaves it as it is.
fn of_unit(
    claim: &mut Claim,
    units: &Units,
    unit: usize,
    as_unit: usize,
    prefix: &str,
    tables: &dyn Fn(usize) -> Option<usize>,
    input: &dyn Fn(usize) -> Option<Form>,
) {
    let declared = &units.units[unit];
    let moved = |form: &Form| {
        form.put(&mut |var| match var {
            Var::Cell(_, cell) => Some(Form::from(Var::Cell(as_unit, cell))),
            Var::On => Some(Form::constant(1)),
            Var::Input(at) => input(at),
            _ => None,
        })
    };
    for (cell, named) in declared.cells.iter().enumerate() {
        claim.names.insert(Var::Cell(as_unit, cell), format!("{prefix}{}", named.name));
    }
    for relation in &declared.relations {
        claim.relations.push((format!("{}: {}", declared.name, relation.text), moved(&relation.form)));
    }
    for (at, slot) in declared.slots.iter().enumerate() {
        let table = tables(at).unwrap_or(slot.table);
        claim.lookups.push(Lookup {
            name: format!("{}.{}", declared.name, slot.name),
            table: units.tables[table].clone(),
            places: slot.places.iter().map(|cell| Var::Cell(as_unit, *cell)).collect(),
        });
    }
}

/// What rules that take an output feed an input.
struct Fed {
    range: (i128, i128),
    /// The only values, if they are few and leave gaps.
    values: Option<BTreeSet<i128>>,
}

/// Values that are fed are told apart if there are at most so many.
const MAX_VALUES: usize = 8;

/// What rules that take an output feed an input, as far as its type allows; all that the type allows if no rule takes it.
fn fed(units: &Units, unit: usize, output: usize, input: usize) -> Fed {
    let declared = &units.units[unit].inputs[input];
    let own = bounds(declared.ty);
    let mut all: Option<(i128, i128)> = None;
    let mut values = Some(BTreeSet::new());
    for rule in &units.rules {
        for (place, used) in rule.uses.iter().enumerate() {
            if used.unit != unit || !takes(rule, Var::Output(place, output)) {
                continue;
            }
            let fed = used.inputs.iter().find(|(at, _)| *at == input).map(|(_, form)| form);
            let ((min, max), one) = match fed {
                Some(form) => (range(units, rule, form), few(units, rule, form)),
                // Another rule may feed it.
                None if declared.default == 0 => (own, None),
                None => ((declared.default, declared.default), Some(BTreeSet::from([declared.default]))),
            };
            all = Some(all.map_or((min, max), |(least, most)| (least.min(min), most.max(max))));
            values = values.zip(one).map(|(all, one)| &all | &one);
        }
    }
    let (min, max) = all.unwrap_or(own);
    let values = values.filter(|values| {
        let (first, last) = (values.first(), values.last());
        let length = first.zip(last).map_or(1, |(first, last)| last - first + 1);
        values.len() <= MAX_VALUES && (values.len() as i128) < length
    });
    Fed { range: (min.max(own.0), max.min(own.1)), values }
}

/// The values of a form whose variables are bits; none if others are among them.
fn few(units: &Units, rule: &Rule, form: &Form) -> Option<BTreeSet<i128>> {
    let vars = form.vars();
    let is_few = vars.len() <= 3 && vars.iter().all(|var| is_bit(units, rule, *var));
    is_few.then(|| {
        let rows = 0..1usize << vars.len();
        let bit = |row: usize, var: Var| {
            let at = vars.iter().position(|known| *known == var);
            at.map_or(0, |at| (row >> at & 1) as i128)
        };
        rows.map(|row| form.value(&mut |var| bit(row, var))).collect()
    })
}

/// The integers of a type.
fn bounds(ty: Type) -> (i128, i128) {
    match ty.signed {
        true => (-(1 << (ty.width - 1)), (1 << (ty.width - 1)) - 1),
        false => (0, (1 << ty.width) - 1),
    }
}

/// Whether a rule's forms have this variable.
fn takes(rule: &Rule, var: Var) -> bool {
    let inputs = rule.uses.iter().flat_map(|used| &used.inputs).map(|(_, form)| form);
    let all = inputs.chain(&rule.asserts).chain([&rule.give]).chain(&rule.address);
    all.into_iter().any(|form| form.vars().contains(&var))
}

/// Bounds of a rule's form by those of its variables. Bits are told apart; one that is the top bit of an operand says in which
/// half the operand is.
fn range(units: &Units, rule: &Rule, form: &Form) -> (i128, i128) {
    let vars = form.vars();
    let bits: Vec<Var> = vars.iter().copied().filter(|var| is_bit(units, rule, *var)).take(4).collect();
    let rows = (0..1usize << bits.len()).map(|row| {
        let mut known: BTreeMap<Var, (i128, i128)> = BTreeMap::new();
        for (at, var) in bits.iter().enumerate() {
            let bit = (row >> at & 1) as i128;
            known.insert(*var, (bit, bit));
            if let Some(operand) = top_bit_of(units, rule, *var) {
                known.insert(operand, [(0, (1 << 31) - 1), (1 << 31, (1 << 32) - 1)][bit as usize]);
            }
        }
        range_where(units, rule, form, &known)
    });
    let hull = |(a, b): (i128, i128), (c, d): (i128, i128)| (a.min(c), b.max(d));
    rows.reduce(hull).unwrap_or_default()
}

/// Whether a variable of a rule is an output that means a bit.
fn is_bit(units: &Units, rule: &Rule, var: Var) -> bool {
    means(units, rule, var).is_some_and(|means| means.ty == Type::unsigned(1))
}

fn means<'u>(units: &'u Units, rule: &Rule, var: Var) -> Option<&'u Expr> {
    let Var::Output(place, output) = var else { return None };
    units.units[rule.uses[place].unit].outputs.get(output)?.means.as_ref()
}

/// The operand whose top bit a variable is: what feeds the input that the output means the top bit of.
fn top_bit_of(units: &Units, rule: &Rule, var: Var) -> Option<Var> {
    let (Var::Output(place, _), ExprKind::Slice(of, 31)) = (var, &means(units, rule, var)?.kind) else {
        return None;
    };
    let ExprKind::Local(name) = &of.kind else { return None };
    let used = &rule.uses[place];
    let input = units.units[used.unit].inputs.iter().position(|input| input.name == *name)?;
    let (_, form) = used.inputs.iter().find(|(at, _)| *at == input)?;
    match form.vars()[..] {
        [operand @ Var::Operand(_)] if *form == Form::from(operand) => Some(operand),
        _ => None,
    }
}

fn range_where(
    units: &Units,
    rule: &Rule,
    form: &Form,
    known: &BTreeMap<Var, (i128, i128)>,
) -> (i128, i128) {
    let of = |var: Var| match var {
        _ if known.contains_key(&var) => known[&var],
        Var::Operand(at) => operand_range(rule, at),
        Var::Output(place, output) => {
            let unit = &units.units[rule.uses[place].unit];
            match unit.outputs.get(output) {
                Some(output) => output.means.as_ref().map_or(bounds(Type::unsigned(32)), constants),
                None => bounds(Type::unsigned(unit.cells[output - unit.outputs.len()].bits)),
            }
        }
        Var::Entry(at) => constants(&units.templates[at]),
        _ => bounds(Type::unsigned(32)),
    };
    let (mut low, mut high) = (0i128, 0i128);
    for (product, coefficient) in form.terms() {
        let (mut min, mut max) = (coefficient, coefficient);
        for var in product {
            let (least, most) = of(*var);
            let corners = [(min, least), (min, most), (max, least), (max, most)];
            let corners = corners.map(|(a, b)| a.saturating_mul(b));
            min = corners.into_iter().min().unwrap_or_default();
            max = corners.into_iter().max().unwrap_or_default();
        }
        (low, high) = (low.saturating_add(min), high.saturating_add(max));
    }
    (low, high)
}

fn operand_range(rule: &Rule, at: usize) -> (i128, i128) {
    let operand = &rule.operands[at];
    match operand.kind {
        // What must be a word is a difference of two numbers below 2^33, or one less.
        _ if matches!(rule.pattern, Pattern::Word) => (-(1 << 34), (1 << 33) - 1),
        OperandKind::Wide(bits) => (0, (1 << bits) - 1),
        _ => (0, (1 << operand.ty.width) - 1),
    }
}

/// The bounds of a value: of a number that is shifted, those of what it can become; else of its type.
fn constants(e: &Expr) -> (i128, i128) {
    let own = bounds(Type::unsigned(e.ty.width));
    match &e.kind {
        ExprKind::Binary(BinaryOp::Shr, a, _) if !a.ty.signed => match a.kind {
            ExprKind::Const(value) => (0, value.into()),
            _ => own,
        },
        ExprKind::Binary(BinaryOp::Shl, a, by) => match a.kind {
            ExprKind::Const(1) => (1, 1 << ((1u32 << by.ty.width.min(6)) - 1).min(e.ty.width - 1)),
            _ => own,
        },
        ExprKind::Const(value) => ((*value).into(), (*value).into()),
        _ => own,
    }
}

/// A rule's claim: what it gives is what it matches.
pub(super) fn rule(units: &Units, at: usize) -> Claim {
    let rule = &units.rules[at];
    let mut claim = Claim { entries: units.templates.clone(), ..Claim::default() };
    for (place, operand) in rule.operands.iter().enumerate() {
        let var = Var::Operand(place);
        claim.names.insert(var, format!("let.{}", operand.name));
        claim.ranges.insert(var, operand_range(rule, place));
        claim.values.push((operand.name.clone(), Value::Bits(var, operand.ty.width)));
    }
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
            crate::ir::walk(condition, &mut |part| {
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
        Pattern::Word => claim.goals.push(Goal {
            what: "the number".to_owned(),
            must: Must::Word(Form::from(Var::Operand(0))),
        }),
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
    for port in 0..crate::model::READS.len() {
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
/// coefficients, and the look-ups that it makes. Relations of units that it does not use are left out: a claim that holds
/// without them holds.
fn compiled(claim: &mut Claim, model: &Model, kind: usize, selection: &Selection) {
    let (units, wiring) = (&model.units, &model.wiring);
    let used: BTreeSet<&str> = selection.uses.keys().map(|unit| units.units[*unit].name.as_str()).collect();
    for relation in &wiring.relations {
        if relation.unit(units).is_some_and(|unit| !used.contains(unit.name.as_str())) {
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
                crate::ir::walk(condition, &mut |part| {
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
                    claim.goals.push(be("how much input is taken", at_home(units, &taken.count), count.clone()));
                }
                // That there are no more bytes than are taken is for the argument of streams to say.
                let bits = binary(BinaryOp::Shl, extended(count, 64), constant(3, 6));
                let top = binary(BinaryOp::Shl, constant(1, 64), slice(&bits, 0, 6));
                let input = extended(&Expr::new(ExprKind::Taken, Type::unsigned(32)), 64);
                claim.given.push(bit(BinaryOp::Lt, input, top));
            }
            Statement::Output { position, count, value, .. } => {
                if let Some(put) = &selection.output {
                    claim.goals.push(be("the output before", at_home(units, &put.position), position.clone()));
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

/// A condition with what it says of memory in terms of the word that is accessed: it can be accessed, and its flag says
/// whether it can be stored to. Nothing is known of other words.
fn allowed(condition: &Expr, accesses: bool) -> Expr {
    match &condition.kind {
        ExprKind::Allows(stores, a) if accesses => {
            let accessed = Expr::new(ExprKind::Local("address".to_owned()), Type::unsigned(64));
            let same = bit(BinaryOp::Eq, accessed, extended(&word_of(a), 64));
            let flag = if *stores { local("mem.writable", 1) } else { constant(1, 1) };
            // Of another word a condition and its negation are both unknown: no value is right.
            let unknown = Expr::new(ExprKind::Allows(*stores, a.clone()), Type::unsigned(1));
            let kind = ExprKind::If(Box::new(same), Box::new(flag), Box::new(unknown));
            Expr::new(kind, Type::unsigned(1))
        }
        _ => rebuilt(condition, &|part| allowed(part, accesses)),
    }
}

/// The address of the word that holds a byte.
fn word_of(a: &Expr) -> Expr {
    binary(BinaryOp::And, a.clone(), constant(0xffff_fffc, 32))
}

/// That an address is a multiple of the size of what is there.
fn aligned(bits: u32, a: &Expr) -> Option<Goal> {
    let lanes = (bits / 8).ilog2();
    (lanes > 0).then(|| {
        let zero = bit(BinaryOp::Eq, slice(a, 0, lanes), constant(0, lanes));
        Goal { what: "an aligned address".to_owned(), must: Must::Hold(zero) }
    })
}

/// How far the bytes at an address are from the low end of its word, in bits.
fn distance(a: &Expr) -> Expr {
    binary(BinaryOp::Shl, extended(&slice(a, 0, 2), 5), constant(3, 2))
}

fn loaded(bits: u32, a: &Expr, before: &Expr) -> Expr {
    match bits {
        32 => before.clone(),
        _ => slice(&binary(BinaryOp::Shr, before.clone(), distance(a)), 0, bits),
    }
}

fn stored(bits: u32, a: &Expr, value: &Expr, before: &Expr) -> Expr {
    if bits == 32 {
        return value.clone();
    }
    let mask = binary(BinaryOp::Shl, constant((1 << bits) - 1, 32), distance(a));
    let kept = binary(BinaryOp::And, before.clone(), not(mask));
    binary(BinaryOp::Or, kept, binary(BinaryOp::Shl, extended(value, 32), distance(a)))
}

fn be(what: &str, form: Form, e: Expr) -> Goal {
    Goal { what: what.to_owned(), must: Must::Be(form, e) }
}

fn local(name: &str, bits: u32) -> Expr {
    Expr::new(ExprKind::Local(name.to_owned()), Type::unsigned(bits))
}

fn constant(value: u64, bits: u32) -> Expr {
    Expr::new(ExprKind::Const(value), Type::unsigned(bits))
}

fn binary(op: BinaryOp, a: Expr, b: Expr) -> Expr {
    let ty = a.ty;
    Expr::new(ExprKind::Binary(op, Box::new(a), Box::new(b)), ty)
}

fn bit(op: BinaryOp, a: Expr, b: Expr) -> Expr {
    Expr::new(ExprKind::Binary(op, Box::new(a), Box::new(b)), Type::unsigned(1))
}

fn not(a: Expr) -> Expr {
    let ty = a.ty;
    Expr::new(ExprKind::Unary(UnaryOp::Not, Box::new(a)), ty)
}

fn slice(a: &Expr, lo: u32, bits: u32) -> Expr {
    Expr::new(ExprKind::Slice(Box::new(a.clone()), lo), Type::unsigned(bits))
}

fn extended(a: &Expr, bits: u32) -> Expr {
    match a.ty.width < bits {
        true => Expr::new(ExprKind::Extend(Box::new(a.clone()), false), Type { width: bits, ..a.ty }),
        false => a.clone(),
    }
}
