//! What the rules of a spec feed the inputs of its units: bounds, and values if they are few.

use std::collections::{BTreeMap, BTreeSet};

use crate::ir::{BinaryOp, Expr, ExprKind, Type};
use crate::units::form::{Form, Var};
use crate::units::{OperandKind, Pattern, Rule, Units, Use};

/// What rules that take an output feed an input.
pub(super) struct Fed {
    pub(super) range: (i128, i128),
    /// The only values, if they are few and leave gaps.
    pub(super) values: Option<BTreeSet<i128>>,
}

/// Values that are fed are told apart if there are at most so many.
const MAX_VALUES: usize = 8;

/// The rules that take an output of a unit, each with its use of the unit.
pub(super) fn takers(units: &Units, unit: usize, output: usize) -> impl Iterator<Item = (&Rule, &Use)> {
    units.rules.iter().flat_map(move |rule| {
        let uses = rule.uses.iter().enumerate();
        let uses = uses.filter(move |(at, used)| used.unit == unit && takes(rule, Var::Output(*at, output)));
        uses.map(move |(_, used)| (rule, used))
    })
}

/// What rules that take an output feed an input, as far as its type allows; all that the type allows if no rule takes it.
pub(super) fn fed(units: &Units, unit: usize, output: usize, input: usize) -> Fed {
    let declared = &units.units[unit].inputs[input];
    let own = bounds(declared.ty);
    let mut all: Option<(i128, i128)> = None;
    let mut values = Some(BTreeSet::new());
    for (rule, used) in takers(units, unit, output) {
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
pub(super) fn takes(rule: &Rule, var: Var) -> bool {
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

fn range_where(units: &Units, rule: &Rule, form: &Form, known: &BTreeMap<Var, (i128, i128)>) -> (i128, i128) {
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

pub(super) fn operand_range(rule: &Rule, at: usize) -> (i128, i128) {
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
