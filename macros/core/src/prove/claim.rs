//! Claims: what relations and look-ups are assumed, and what must follow; as scripts for a solver, and held against a row.

use std::collections::BTreeMap;

use super::number::{Number, Script, Term, Theory, Unwritable, all, any, not};
use super::value::{Names, Values};
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

/// A script, and the variables that it declares.
pub(super) struct Written {
    pub(super) commands: Vec<Term>,
    pub(super) variables: Vec<(Var, String)>,
}

/// No more cases than this are told apart.
const MAX_CASES: usize = 64;

/// A relation may be one of so many multiples of the prime.
const MAX_MULTIPLES: i128 = 1 << 40;

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
            walk(e, &mut |part| match &part.kind {
                ExprKind::Binary(BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem, a, b) => {
                    for factor in [a, b] {
                        let (ExprKind::Extend(leaf, true) | ExprKind::Reinterpret(leaf)) = &factor.kind else {
                            continue;
                        };
                        signed.extend(self.word(leaf).filter(|var| !signed.contains(var)).into_iter());
                    }
                }
                _ => {}
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

    /// The claim's negation in one case: it has no solution if the claim holds there.
    ///
    /// # Errors
    /// Why the theory has no terms for it.
    pub(super) fn script(&self, theory: Theory, case: &Case) -> Result<Written, Unwritable> {
        self.written(theory, case, true)
    }

    /// What is assumed in one case: it has a solution, or the case is none.
    ///
    /// # Errors
    /// Why the theory has no terms for it.
    pub(super) fn assumptions(&self, theory: Theory, case: &Case) -> Result<Written, Unwritable> {
        self.written(theory, case, false)
    }

    fn written(&self, theory: Theory, case: &Case, is_negated: bool) -> Result<Written, Unwritable> {
        let mut writer = Writer {
            claim: self,
            script: Script::new(theory),
            ranges: self.ranges.clone(),
            variables: BTreeMap::new(),
            names: Names::new(),
            factors: Vec::new(),
        };
        writer.ranges.extend(case.ranges.iter().copied());
        writer.look_ups();
        writer.roots();
        writer.bind(case)?;
        writer.solve();
        writer.bind_leaf(Var::Address);
        writer.table_values()?;
        for (_, form) in &self.relations {
            writer.relation(form)?;
        }
        for condition in &self.given {
            let holds = writer.values().holds(condition)?;
            writer.script.assert(holds);
        }
        if is_negated {
            let mut wrong = Vec::new();
            for goal in &self.goals {
                wrong.push(writer.wrong(&goal.must)?);
            }
            writer.script.assert(any(wrong));
        }
        let factors = std::mem::take(&mut writer.factors);
        writer.script.compare_products(&factors)?;
        let variables = writer.variables.into_iter().filter(|(_, number)| number.min < number.max);
        let variables = variables.map(|(var, _)| (var, symbol(&self.names, var)));
        Ok(Written { commands: writer.script.commands, variables: variables.collect() })
    }

    /// Which assumptions values break.
    pub(super) fn broken(&self, row: &BTreeMap<Var, i128>) -> Vec<String> {
        let row = Row { claim: self, row };
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
        let row = Row { claim: self, row };
        let missed = self.goals.iter().filter_map(|goal| {
            let what = &goal.what;
            match &goal.must {
                Must::Be(form, e) => {
                    let (found, bits) = (form.residue(&mut |var| row.of(var)), ir::eval(e, &row));
                    let expected: i128 = if e.ty.signed { ir::signed(bits, e.ty).into() } else { bits.into() };
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
    fn uses(&self, var: Var) -> bool {
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
        let ranges = self.ranges.iter().map(|(var, (min, max))| {
            format!("; where {min} <= {} <= {max}\n", symbol(names, *var))
        });
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

/// A claim that is being written.
struct Writer<'a> {
    claim: &'a Claim,
    script: Script,
    ranges: BTreeMap<Var, (i128, i128)>,
    variables: BTreeMap<Var, Number>,
    names: Names,
    /// What is multiplied by another unknown in relations.
    factors: Vec<Number>,
}

impl Writer<'_> {
    fn values(&mut self) -> Values<'_> {
        Values { script: &mut self.script, names: &self.names }
    }

    /// Narrows ranges by the keys of look-ups, and by what is beyond their values.
    fn look_ups(&mut self) {
        for lookup in &self.claim.lookups {
            let (keys, values) = lookup.places.split_at(lookup.table.keys.len());
            for (var, (_, bits)) in keys.iter().zip(&lookup.table.keys) {
                self.narrow(*var, (0, (1 << bits) - 1));
            }
            for var in values.iter().skip(lookup.table.values.len()) {
                self.narrow(*var, (0, 0));
            }
            for (var, (_, value)) in values.iter().zip(&lookup.table.values) {
                self.narrow(*var, (0, (1 << value.ty.width) - 1));
            }
        }
    }

    fn narrow(&mut self, var: Var, (min, max): (i128, i128)) {
        let (least, greatest) = self.range(var);
        // Ranges that do not meet leave no row; the wider one is as good, since the values are asserted too.
        if min.max(least) <= max.min(greatest) {
            self.ranges.insert(var, (min.max(least), max.min(greatest)));
        }
    }

    fn range(&self, var: Var) -> (i128, i128) {
        self.ranges.get(&var).copied().unwrap_or((0, PRIME - 1))
    }

    /// Narrows ranges by relations v·(v − 1) = 0: the prime divides one of the factors.
    fn roots(&mut self) {
        for (_, form) in &self.claim.relations {
            let mut terms = form.terms();
            let (Some((one, a)), Some((two, b)), None) = (terms.next(), terms.next(), terms.next()) else {
                continue;
            };
            if let ([v], [x, y]) = (one, two)
                && v == x
                && x == y
                && a == -b
                && a.unsigned_abs() == 1
            {
                self.narrow(*v, (0, 1));
            }
        }
    }

    /// Gives names in expressions their numbers.
    fn bind(&mut self, case: &Case) -> Result<(), Unwritable> {
        for var in self.claim.names.keys() {
            if matches!(var, Var::Read(_) | Var::Taken) {
                self.bind_leaf(*var);
            }
        }
        let mut open: Vec<&(Expr, u64)> = case.fixed.iter().collect();
        for (name, value) in &self.claim.values {
            self.fix(&mut open)?;
            let number = match value {
                Value::Bits(var, _) => self.variable(*var),
                Value::Of(e) => self.values().bits(e)?,
            };
            self.names.insert(name.clone(), number);
        }
        self.fix(&mut open)
    }

    /// Gives the name of a variable its number, if anything uses it.
    fn bind_leaf(&mut self, var: Var) {
        if self.claim.uses(var) {
            let number = self.variable(var);
            self.names.insert(symbol(&self.claim.names, var), number);
        }
    }

    /// Narrows the range of a residue that a relation says is a form with bounds from 0 to p − 1: both are the same integer.
    fn solve(&mut self) {
        let claim = self.claim;
        let mut left: Vec<&Form> = claim.relations.iter().map(|(_, form)| form).collect();
        loop {
            let before = left.len();
            left.retain(|form| !self.solved(form));
            if left.len() == before {
                return;
            }
        }
    }

    /// Whether a relation has narrowed a range, or never will.
    fn solved(&mut self, form: &Form) -> bool {
        let vars = form.vars();
        let mut residues = vars.iter().filter(|var| {
            !matches!(var, Var::Entry(_)) && self.range(**var) == (0, PRIME - 1)
        });
        let (Some(var), None) = (residues.next().copied(), residues.next()) else { return false };
        let alone = Form::from(var);
        let factor = form.terms().find(|(product, _)| *product == [var]).map(|(_, factor)| factor);
        let rest = match factor {
            Some(1) => &alone - form,
            Some(-1) => &alone + form,
            _ => return true,
        };
        if rest.vars().contains(&var) || self.variables.contains_key(&var) {
            return true;
        }
        match self.form(&rest) {
            Ok(number) if number.min >= 0 && number.max < PRIME => self.narrow(var, (number.min, number.max)),
            _ => {}
        }
        true
    }

    /// Takes what a case says for granted, as soon as all its names have numbers.
    fn fix(&mut self, open: &mut Vec<&(Expr, u64)>) -> Result<(), Unwritable> {
        let mut left = Vec::new();
        for one in std::mem::take(open) {
            let (e, value) = one;
            let mut is_known = true;
            walk(e, &mut |part| {
                let name = match &part.kind {
                    ExprKind::Local(name) => name.as_str(),
                    ExprKind::Imm => "imm",
                    ExprKind::Pc => "pc",
                    ExprKind::Loaded => super::value::LOADED,
                    _ => return,
                };
                is_known &= self.names.contains_key(name);
            });
            if !is_known {
                left.push(one);
                continue;
            }
            let bits = self.values().bits(e)?;
            let number = self.script.constant((*value).into());
            let is = self.script.equal(&bits, &number);
            self.script.assert(is);
            self.script.know(&bits, (*value).into());
            if let ExprKind::Local(name) = &e.kind {
                self.names.insert(name.clone(), number);
            } else if e.kind == ExprKind::Imm {
                self.names.insert("imm".to_owned(), number);
            }
        }
        *open = left;
        Ok(())
    }

    /// What tables have for their keys.
    fn table_values(&mut self) -> Result<(), Unwritable> {
        for lookup in &self.claim.lookups {
            let (keys, values) = lookup.places.split_at(lookup.table.keys.len());
            let mut names = Names::new();
            for (var, (name, bits)) in keys.iter().zip(&lookup.table.keys) {
                let number = self.variable(*var);
                // A cell that two look-ups read is in both ranges.
                let below = self.script.constant(1 << bits);
                let is = self.script.less(&number, &below);
                self.script.assert(is);
                names.insert(name.clone(), number);
            }
            for (at, var) in values.iter().enumerate() {
                let found = match lookup.table.values.get(at) {
                    Some((_, value)) => Values { script: &mut self.script, names: &names }.bits(value),
                    None => Ok(self.script.constant(0)),
                };
                match found {
                    Ok(found) => self.define(*var, &found),
                    // Without it less is assumed.
                    Err(Unwritable::Bitwise) => {}
                    Err(why) => return Err(why),
                }
            }
        }
        Ok(())
    }

    /// Says that a variable is a number, which stands for it if nothing has used it yet.
    fn define(&mut self, var: Var, number: &Number) {
        let (min, max) = self.range(var);
        if !self.variables.contains_key(&var) && number.min >= min && number.max <= max {
            self.narrow(var, (number.min, number.max));
        }
        let known = self.variable(var);
        let is = self.script.equal(&known, number);
        self.script.assert(is);
    }

    fn variable(&mut self, var: Var) -> Number {
        if let Some(number) = self.variables.get(&var) {
            return number.clone();
        }
        let (min, max) = self.range(var);
        let number = self.script.variable(&symbol(&self.claim.names, var), min, max);
        self.variables.insert(var, number.clone());
        number
    }

    fn factor(&mut self, var: Var) -> Result<Number, Unwritable> {
        match var {
            Var::Entry(at) => {
                let claim = self.claim;
                self.values().bits(&claim.entries[at])
            }
            var => Ok(self.variable(var)),
        }
    }

    /// The form's integer.
    fn form(&mut self, form: &Form) -> Result<Number, Unwritable> {
        let mut sum = self.script.constant(0);
        let mut products: Vec<(Var, Var, i128)> = Vec::new();
        for (product, coefficient) in form.terms() {
            let mut term = self.script.constant(coefficient);
            let mut factors = Vec::new();
            for var in product {
                factors.push(self.factor(*var)?);
            }
            if let ([a, b], [x, y]) = (product, &factors[..])
                && self.script.theory == Theory::Integers
                && [x, y].into_iter().all(|factor| factor.max - factor.min > 1)
            {
                products.push((*a, *b, coefficient));
                continue;
            }
            // Bits last: a product with one is a choice.
            factors.sort_by_key(Number::is_bit);
            let mut factors = factors.into_iter();
            if let Some(first) = factors.next() {
                let product = factors.try_fold(first, |all, factor| self.script.mul(&all, &factor))?;
                term = self.script.mul(&product, &term)?;
            }
            sum = self.script.add(&sum, &term)?;
        }
        let products = self.products(products)?;
        self.script.add(&sum, &products)
    }

    /// A sum of products of two unknowns. Limbs that are multiplied by one unknown are put together first: (a + 2^16·b)·c is
    /// one product for the solver, and not two.
    fn products(&mut self, mut left: Vec<(Var, Var, i128)>) -> Result<Number, Unwritable> {
        let mut sum = self.script.constant(0);
        while let Some((a, b, _)) = left.first().copied() {
            let count = |var: Var| left.iter().filter(|(a, b, _)| *a == var || *b == var).count();
            let common = if count(a) > count(b) { a } else { b };
            let (group, others): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|(a, b, _)| *a == common || *b == common);
            left = others;
            let mut limbs = Form::default();
            for (a, b, coefficient) in group {
                let other = if a == common { b } else { a };
                limbs = &limbs + &(&Form::constant(coefficient) * &Form::from(other));
            }
            let limbs = self.form(&limbs)?;
            let limbs = self.script.whole(limbs);
            self.factors.push(limbs.clone());
            let common = self.factor(common)?;
            let product = self.script.mul(&limbs, &common)?;
            sum = self.script.add(&sum, &product)?;
        }
        Ok(sum)
    }

    /// The multiples of the prime that a number can be.
    fn multiples(number: &Number) -> (i128, i128) {
        (-(-number.min).div_euclid(PRIME), number.max.div_euclid(PRIME))
    }

    /// Asserts that a form is a multiple of the prime.
    fn relation(&mut self, form: &Form) -> Result<(), Unwritable> {
        let number = match self.form(form) {
            Ok(number) => number,
            Err(Unwritable::Large) if self.is_narrowed(form) => return Ok(()),
            Err(why) => return Err(why),
        };
        let (least, greatest) = Self::multiples(&number);
        if greatest - least > MAX_MULTIPLES {
            return if self.is_narrowed(form) { Ok(()) } else { Err(Unwritable::Large) };
        }
        self.assert_multiple(&number)
    }

    fn assert_multiple(&mut self, number: &Number) -> Result<(), Unwritable> {
        let (least, greatest) = Self::multiples(number);
        let is = match greatest - least {
            ..0 => Term::atom("false"),
            0..4 => {
                let each = (least..=greatest).map(|k| {
                    let multiple = self.script.constant(k * PRIME);
                    self.script.equal(number, &multiple)
                });
                any(each.collect())
            }
            _ => {
                let name = format!("$k{}", self.script.commands.len());
                let k = self.script.variable(&name, least, greatest);
                let multiple = self.script.scale(&k, PRIME)?;
                self.script.equal(number, &multiple)
            }
        };
        self.script.assert(is);
        Ok(())
    }

    /// A number, or what is left of it modulo the prime if that spares many multiples.
    fn residue(&mut self, number: Number) -> Result<Number, Unwritable> {
        let (least, greatest) = Self::multiples(&number);
        if greatest - least < 8 {
            return Ok(number);
        }
        // It exists, whatever the number is.
        let name = format!("$r{}", self.script.commands.len());
        let residue = self.script.variable(&name, 0, PRIME - 1);
        let difference = self.script.sub(&number, &residue)?;
        self.assert_multiple(&difference)?;
        Ok(residue)
    }

    /// Whether a relation has been used up by [`Self::roots`]: it says that a variable is a bit.
    fn is_narrowed(&self, form: &Form) -> bool {
        matches!(form.vars()[..], [var] if self.range(var) == (0, 1))
    }

    /// Where what must follow does not.
    fn wrong(&mut self, must: &Must) -> Result<Term, Unwritable> {
        match must {
            Must::Hold(e) => Ok(not(self.values().holds(e)?)),
            Must::Word(form) => {
                let number = self.form(form)?;
                let (zero, whole) = (self.script.constant(0), self.script.constant(1 << 32));
                let (below, within) = (self.script.less(&number, &zero), self.script.less(&number, &whole));
                Ok(any(vec![below, not(within)]))
            }
            Must::Be(form, e) => {
                let number = self.form(form)?;
                let number = self.residue(number)?;
                let expected = self.values().integer(e)?;
                let (least, greatest) = {
                    let (min, max) = (number.min - expected.max, number.max - expected.min);
                    (-(-min).div_euclid(PRIME), max.div_euclid(PRIME))
                };
                if greatest - least > 16 {
                    return Err(Unwritable::Large);
                }
                let mut apart = Vec::new();
                for k in least..=greatest {
                    let multiple = self.script.constant(k * PRIME);
                    let shifted = self.script.add(&expected, &multiple)?;
                    apart.push(not(self.script.equal(&number, &shifted)));
                }
                Ok(all(apart))
            }
        }
    }
}

/// Values of variables as expressions read them.
struct Row<'a> {
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
