//! Claims as scripts for a solver.
//!
//! In: a [`Claim`], one of its cases, a theory. Out: commands that have no solution if the claim holds in that case. Only what
//! look-ups and relations give is asserted: each range is one that [`Writer::narrow`] was called for.

use std::collections::BTreeMap;

use super::claim::{Case, Claim, Must, Value, symbol};
use super::number::{Number, Script};
use super::term::{Term, Theory, Unwritable, all, any, not};
use super::value::{Names, Values};
use crate::ir::{Expr, ExprKind, walk};
use crate::units::PRIME;
use crate::units::form::{Form, Var};

/// A script, and the variables that it declares.
pub(super) struct Written {
    pub(super) commands: Vec<Term>,
    pub(super) variables: Vec<(Var, String)>,
    /// Variables that can be one number alone, and so are not declared.
    pub(super) fixed: Vec<(Var, i128)>,
}

/// A relation may be one of so many multiples of the prime.
const MAX_MULTIPLES: i128 = 1 << 40;

impl Claim {
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
        let (fixed, open): (Vec<_>, Vec<_>) =
            writer.variables.into_iter().partition(|(_, number)| number.min == number.max);
        Ok(Written {
            commands: writer.script.commands,
            variables: open.into_iter().map(|(var, _)| (var, symbol(&self.names, var))).collect(),
            fixed: fixed.into_iter().map(|(var, number)| (var, number.min)).collect(),
        })
    }
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
        let mut residues =
            vars.iter().filter(|var| !matches!(var, Var::Entry(_)) && self.range(**var) == (0, PRIME - 1));
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
