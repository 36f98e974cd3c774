//! Claims: what relations and look-ups are assumed, and what must follow; for a person, and held against a row.

use std::collections::BTreeMap;

use crate::ir::{self, BinaryOp, Environment, Expr, ExprKind, OpFact, walk};
use crate::units::form::{Form, Named, Var};
use crate::units::{PRIME, Table};

/// A claim about the variables of a row, a rule or a unit.
///
/// A variable without a range is any residue: an integer from 0 to p − 1. Look-ups give the cells that they read a range.
#[derive(Clone, Debug, Default)]
pub(super) struct Claim {
    /// How a person and a solver read each variable.
    pub(super) names: BTreeMap<Var, String>,
    /// From where to where a variable goes.
    pub(super) ranges: BTreeMap<Var, (i128, i128)>,
    /// What [`Var::Entry`] stands for.
    pub(super) entries: Vec<Expr>,
    /// What expressions call by a name, besides variables.
    pub(super) values: Vec<(String, Value)>,
    /// What tables say of cells.
    pub(super) lookups: Vec<Lookup>,
    /// What is zero modulo the prime, each with its name.
    pub(super) relations: Vec<(String, Form)>,
    /// Conditions that are taken for granted.
    pub(super) given: Vec<Expr>,
    /// What must follow.
    pub(super) goals: Vec<Goal>,
}

/// What a name in an expression stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// So many low bits of a variable.
    Bits(Var, u32),
    /// An expression.
    Of(Expr),
}

/// Cells that a table has an entry for.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) name: String,
    pub(super) table: Table,
    pub(super) places: Vec<Var>,
}

/// Something that must follow.
#[derive(Clone, Debug)]
pub(super) struct Goal {
    pub(super) what: String,
    pub(super) must: Must,
}

#[derive(Clone, Debug)]
pub(super) enum Must {
    /// A form is congruent to the integer that an expression stands for.
    Be(Form, Expr),
    /// A condition holds.
    Hold(Expr),
    /// A form's integer is a word.
    Word(Form),
}

/// Part of a claim: some values are told apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    /// What an expression is here.
    pub(super) fixed: Vec<(Expr, u64)>,
    /// Narrower ranges.
    pub(super) ranges: Vec<(Var, (i128, i128))>,
}

/// What a solver's name of an operand or an input begins with, so that it is no port's. A person reads it without.
pub(super) const LET: &str = "let.";

/// No more cases than this are told apart.
const MAX_CASES: usize = 64;

impl Claim {
    /// The cases that the claim is split into: one for each amount that something is shifted by, if the amounts are few. They
    /// are exhaustive: each tells apart all values that the bits have.
    pub(super) fn cases(&self) -> Vec<Case> {
        let mut amounts: Vec<Expr> = Vec::new();
        for e in self.expressions() {
            walk(e, &mut |part| {
                if let ExprKind::Binary(BinaryOp::Shl | BinaryOp::Shr, _, by) = &part.kind {
                    parts_of_amount(by, &mut amounts);
                }
            });
        }
        let count: u32 = amounts.iter().map(|amount| amount.ty.width).sum();
        if 1usize << count.min(32) > MAX_CASES {
            return self.signs();
        }
        let mut cases = self.signs();
        for amount in amounts {
            cases = cases
                .into_iter()
                .flat_map(|case| {
                    (0..1u64 << amount.ty.width).map({
                        let amount = amount.clone();
                        move |value| {
                            let mut case = case.clone();
                            case.fixed.push((amount.clone(), value));
                            case
                        }
                    })
                })
                .collect();
        }
        cases
    }

    /// Cases for the signs of what is multiplied or divided as signed numbers: two for each of at most two variables.
    fn signs(&self) -> Vec<Case> {
        let mut signed: Vec<Var> = Vec::new();
        let mut look = |e: &Expr| {
            walk(e, &mut |part| {
                let ExprKind::Binary(BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem, a, b) = &part.kind else {
                    return;
                };
                for factor in [a, b] {
                    if let ExprKind::Extend(leaf, true) | ExprKind::Reinterpret(leaf) = &factor.kind {
                        signed.extend(self.word(leaf).filter(|var| !signed.contains(var)));
                    }
                }
            });
        };
        self.expressions().for_each(&mut look);
        let mut cases = vec![Case::default()];
        for var in signed.into_iter().take(2) {
            let halves = [(0, (1 << 31) - 1), (1 << 31, (1 << 32) - 1)];
            let split = |case: Case| {
                halves.map(|half| {
                    let mut case = case.clone();
                    case.ranges.push((var, half));
                    case
                })
            };
            cases = cases.into_iter().flat_map(split).collect();
        }
        cases
    }

    /// The variable that an expression is, if it is any word.
    fn word(&self, e: &Expr) -> Option<Var> {
        let var = match &e.kind {
            ExprKind::Read(port) => Var::Read(*port),
            ExprKind::Local(name) => self.values.iter().find_map(|(known, value)| match value {
                Value::Bits(var, _) if known == name => Some(*var),
                _ => None,
            })?,
            _ => return None,
        };
        (self.ranges.get(&var) == Some(&(0, (1 << 32) - 1))).then_some(var)
    }

    /// Values of variables as expressions read them.
    pub(super) const fn row<'a>(&'a self, row: &'a BTreeMap<Var, i128>) -> Row<'a> {
        Row { claim: self, row }
    }

    /// Which assumptions values break.
    pub(super) fn broken(&self, row: &BTreeMap<Var, i128>) -> Vec<String> {
        let row = self.row(row);
        let mut broken = Vec::new();
        for lookup in &self.lookups {
            let cells: Vec<i128> = lookup.places.iter().map(|place| row.of(*place)).collect();
            if !lookup.table.has(&cells) {
                broken.push(lookup.name.clone());
            }
        }
        for (name, form) in &self.relations {
            if form.residue(&mut |var| row.of(var)) != 0 {
                broken.push(name.clone());
            }
        }
        for (var, (min, max)) in &self.ranges {
            if !(*min..=*max).contains(&row.of(*var)) {
                broken.push(format!("the range of {}", symbol(&self.names, *var)));
            }
        }
        let given = self.given.iter().filter(|condition| ir::eval(condition, &row) == 0);
        broken.extend(given.map(ToString::to_string));
        broken
    }

    /// What values say against the claim: each goal that they miss.
    pub(super) fn missed(&self, row: &BTreeMap<Var, i128>) -> Vec<String> {
        let row = self.row(row);
        let missed = self.goals.iter().filter_map(|goal| {
            let what = &goal.what;
            match &goal.must {
                Must::Be(form, e) => {
                    let (found, bits) = (form.residue(&mut |var| row.of(var)), ir::eval(e, &row));
                    let expected: i128 =
                        if e.ty.signed { ir::signed(bits, e.ty).into() } else { bits.into() };
                    let differs = found != expected.rem_euclid(PRIME);
                    differs.then(|| format!("{what} is {found:#x}, and should be {expected:#x}"))
                }
                Must::Hold(e) => (ir::eval(e, &row) == 0).then(|| format!("{what}: not so")),
                Must::Word(form) => {
                    let value = form.value(&mut |var| row.of(var));
                    (value >> 32 != 0).then(|| format!("{what} is {value}, which is no word"))
                }
            }
        });
        missed.collect()
    }
}

impl Claim {
    /// Whether a form has a variable, or an expression its name.
    pub(super) fn uses(&self, var: Var) -> bool {
        let name = symbol(&self.names, var);
        let mut named = false;
        let mut look = |e: &Expr| {
            walk(e, &mut |part| {
                named |= match &part.kind {
                    ExprKind::Read(port) => var == Var::Read(*port),
                    ExprKind::Taken => var == Var::Taken,
                    ExprKind::Local(local) => *local == name,
                    _ => false,
                }
            });
        };
        self.expressions().for_each(&mut look);
        self.entries.iter().for_each(look);
        let goals = self.goals.iter().filter_map(|goal| match &goal.must {
            Must::Be(form, _) | Must::Word(form) => Some(form),
            Must::Hold(_) => None,
        });
        let mut forms = self.relations.iter().map(|(_, form)| form).chain(goals);
        named || forms.any(|form| form.vars().contains(&var))
    }

    /// Its expressions, but for those of entries.
    fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let values = self.values.iter().filter_map(|(_, value)| match value {
            Value::Of(e) => Some(e),
            Value::Bits(..) => None,
        });
        let goals = self.goals.iter().filter_map(|goal| match &goal.must {
            Must::Be(_, e) | Must::Hold(e) => Some(e),
            Must::Word(_) => None,
        });
        values.chain(goals).chain(&self.given)
    }

    /// The claim as a person reads it.
    pub(super) fn comment(&self, name: &str) -> String {
        let shown = |form: &Form| Named(form, |var| self.shown(var)).to_string();
        let mut lines = vec![name.to_owned(), "assumed, modulo 2^64 - 2^32 + 1:".to_owned()];
        lines.extend(self.relations.iter().map(|(name, form)| format!("  {} = 0    {name}", shown(form))));
        for lookup in &self.lookups {
            let places: Vec<String> = lookup.places.iter().map(|place| self.shown(*place)).collect();
            lines.push(format!("  {}({})    {}", lookup.table.name, places.join(", "), lookup.name));
        }
        for (var, (min, max)) in self.ranges.iter().filter(|(var, _)| self.uses(**var)) {
            lines.push(format!("  {min} <= {} <= {max}", self.shown(*var)));
        }
        lines.extend(self.given.iter().map(|condition| format!("  {condition}")));
        for (name, value) in &self.values {
            if let Value::Of(e) = value {
                lines.push(format!("  {name} is {e}"));
            }
        }
        lines.push("claimed:".to_owned());
        lines.extend(self.goals.iter().map(|goal| match &goal.must {
            Must::Be(form, e) => format!("  {}: {} is {e}", goal.what, shown(form)),
            Must::Hold(e) => format!("  {}: {e}", goal.what),
            Must::Word(form) => format!("  {}: {} is a word", goal.what, shown(form)),
        }));
        let lines = lines.iter().flat_map(|line| line.lines()).map(|line| format!("; {line}\n"));
        lines.collect()
    }

    fn shown(&self, var: Var) -> String {
        match var {
            Var::Entry(at) => format!("[{}]", self.entries[at]),
            var => symbol(&self.names, var),
        }
    }
}

impl Case {
    pub(super) fn comment(&self, names: &BTreeMap<Var, String>) -> String {
        let fixed = self.fixed.iter().map(|(e, value)| format!("; where {e} is {value}\n"));
        let ranges = self
            .ranges
            .iter()
            .map(|(var, (min, max))| format!("; where {min} <= {} <= {max}\n", symbol(names, *var)));
        fixed.chain(ranges).collect()
    }
}

/// The parts of a shift's amount that cannot be told without telling cases apart.
fn parts_of_amount(by: &Expr, amounts: &mut Vec<Expr>) {
    match &by.kind {
        ExprKind::Const(_) => {}
        ExprKind::Slice(..) | ExprKind::Local(_) | ExprKind::Read(_) | ExprKind::Imm if by.ty.width <= 5 => {
            if !amounts.contains(by) {
                amounts.push(by.clone());
            }
        }
        _ => by.operands().for_each(|part| parts_of_amount(part, amounts)),
    }
}

/// How a solver calls a variable.
pub(super) fn symbol(names: &BTreeMap<Var, String>, var: Var) -> String {
    names.get(&var).cloned().unwrap_or_else(|| format!("{var:?}"))
}

/// Values of variables as expressions read them.
pub(super) struct Row<'a> {
    claim: &'a Claim,
    row: &'a BTreeMap<Var, i128>,
}

impl Row<'_> {
    fn of(&self, var: Var) -> i128 {
        match var {
            Var::Entry(at) => ir::eval(&self.claim.entries[at], self).into(),
            var => {
                let least = self.claim.ranges.get(&var).map_or(0, |(min, _)| *min);
                self.row.get(&var).copied().unwrap_or(least)
            }
        }
    }

    fn named(&self, name: &str) -> u64 {
        let value = self.claim.values.iter().find(|(known, _)| known == name);
        match value {
            Some((_, Value::Bits(var, bits))) => self.of(*var) as u64 & (u64::MAX >> (64 - bits)),
            Some((_, Value::Of(e))) => ir::eval(e, self),
            None => {
                let var = self.claim.names.iter().find(|(_, known)| *known == name);
                var.map_or(0, |(var, _)| self.of(*var) as u64)
            }
        }
    }
}

impl Environment for Row<'_> {
    fn read(&self, port: usize) -> u64 {
        self.of(Var::Read(port)) as u64
    }

    fn pc(&self) -> u64 {
        self.named("pc")
    }

    fn imm(&self) -> u64 {
        self.named("imm")
    }

    fn local(&self, name: &str) -> u64 {
        self.named(name)
    }

    fn loaded(&self) -> u64 {
        self.named(super::value::LOADED)
    }

    fn taken(&self) -> u64 {
        self.of(Var::Taken) as u64
    }

    fn allows(&self, _: bool, _: u64) -> bool {
        false
    }

    fn fact(&self, _: OpFact) -> u64 {
        0
    }

    fn cell(&self, _: usize) -> u64 {
        0
    }
}
