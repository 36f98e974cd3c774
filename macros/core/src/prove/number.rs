//! Integers with bounds, as terms of a solver.
//!
//! A [`Number`] is an integer that is known to lie between two bounds. What is computed of numbers is exact in both theories:
//! as integers, and as two's complement vectors that are as wide as the bounds ask for. So a claim is written once, and a
//! solver reads it in the theory that suits it.

use std::collections::BTreeMap;

use super::term::{Term, Theory, Unwritable, all, any, indexed, not, resized, sort};

/// An integer between two bounds, and how many of its low bits are certainly zero.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) term: Term,
    pub(super) min: i128,
    pub(super) max: i128,
    zeros: u32,
    /// A term, a factor and what is added, which make the number.
    affine: Option<(Term, i128, i128)>,
}

impl Number {
    /// A term of which the number is a multiple, plus a constant.
    fn affine(&self) -> (Term, i128, i128) {
        self.affine.clone().unwrap_or((self.term.clone(), 1, 0))
    }

    pub(super) fn is_bit(&self) -> bool {
        self.min >= 0 && self.max <= 1
    }

    fn single(&self) -> Option<i128> {
        (self.min == self.max).then_some(self.min)
    }

    /// Whether no bit can be one in both; both are not negative.
    fn is_apart(&self, other: &Self) -> bool {
        let below = |a: &Self, b: &Self| b.zeros >= 127 || a.max < 1 << b.zeros;
        below(self, other) || below(other, self)
    }

    fn width(&self) -> u32 {
        width(self.min, self.max)
    }
}

/// How many bits two's complement takes for all integers from `min` to `max`.
fn width(min: i128, max: i128) -> u32 {
    let bits = |value: i128| i128::BITS + 1 - (if value < 0 { !value } else { value }).leading_zeros();
    bits(min).max(bits(max))
}

/// Larger terms get a name.
const MAX_SIZE: usize = 12;

/// Commands that declare, define and assert.
pub(super) struct Script {
    pub(super) theory: Theory,
    pub(super) commands: Vec<Term>,
    /// The names of what is defined, by the text of the term.
    defined: BTreeMap<String, Term>,
    /// What a case says of terms, by their text.
    known: BTreeMap<String, i128>,
    unknown: BTreeMap<String, Number>,
    /// Quotients, each with its divisor.
    quotients: Vec<(Number, Number)>,
}

impl Script {
    pub(super) fn new(theory: Theory) -> Self {
        Self {
            theory,
            commands: Vec::new(),
            defined: BTreeMap::new(),
            known: BTreeMap::new(),
            unknown: BTreeMap::new(),
            quotients: Vec::new(),
        }
    }

    pub(super) fn assert(&mut self, condition: Term) {
        if !condition.is("true") {
            self.commands.push(Term::call("assert", [condition]));
        }
    }

    /// Takes a number to be a constant from here on. The caller asserts that it is.
    pub(super) fn know(&mut self, number: &Number, value: i128) {
        self.known.insert(number.term.to_string(), value);
    }

    /// A variable with its bounds.
    pub(super) fn variable(&mut self, name: &str, min: i128, max: i128) -> Number {
        if min == max {
            return self.constant(min);
        }
        let symbol = Term::atom(name);
        let declare = |sort| Term::call("declare-const", [symbol.clone(), sort]);
        let plain = min == 0 && (max + 1).count_ones() == 1;
        if self.theory == Theory::Vectors && plain {
            // A sign bit that is zero.
            self.commands.push(declare(sort(width(min, max) - 1)));
            let term = Term::list([indexed("zero_extend", &[1]), symbol]);
            return Number { term, min, max, zeros: 0, affine: None };
        }
        let sort = match self.theory {
            Theory::Integers => Term::atom("Int"),
            Theory::Vectors => sort(width(min, max)),
        };
        self.commands.push(declare(sort));
        let number = Number { term: symbol, min, max, zeros: 0, affine: None };
        // Bounds that are not yet known are asserted of the wider number.
        let [least, greatest] = [min, max].map(|bound| self.constant(bound));
        let wide = |a: &Number, b: &Number, script: &Self| script.order("bvsle", "<=", a, b);
        let (above, below) = (wide(&least, &number, self), wide(&number, &greatest, self));
        self.assert(Term::call("and", [above, below]));
        number
    }

    /// A number as a variable of its own: the solver sees one factor, and no sum.
    pub(super) fn whole(&mut self, number: Number) -> Number {
        if matches!(number.term, Term::Atom(_)) {
            return number;
        }
        let text = format!("whole {}", number.term);
        if let Some(term) = self.defined.get(&text) {
            return Number { term: term.clone(), affine: None, ..number };
        }
        let name = format!("$n{}", self.defined.len());
        let whole = self.variable(&name, number.min, number.max);
        self.defined.insert(text, whole.term.clone());
        let is = self.equal(&whole, &number);
        self.assert(is);
        whole
    }

    /// A bit of which nothing is known, by a text that says what it is.
    pub(super) fn unknown(&mut self, what: &str) -> Number {
        if let Some(number) = self.unknown.get(what) {
            return number.clone();
        }
        let number = self.variable(&format!("$unknown{}", self.unknown.len()), 0, 1);
        self.unknown.insert(what.to_owned(), number.clone());
        number
    }

    pub(super) fn constant(&self, value: i128) -> Number {
        let term = match self.theory {
            Theory::Integers if value < 0 => Term::call("-", [Term::atom(value.unsigned_abs().to_string())]),
            Theory::Integers => Term::atom(value.to_string()),
            Theory::Vectors => {
                let width = width(value, value);
                let bits = value.cast_unsigned() & (u128::MAX >> (128 - width.min(128)));
                Term::list([Term::atom("_"), Term::atom(format!("bv{bits}")), Term::atom(width.to_string())])
            }
        };
        Number { term, min: value, max: value, zeros: value.trailing_zeros().min(127), affine: None }
    }

    /// A number with these bounds, from a term that is as wide as `from`.
    fn bounded(&mut self, term: Term, from: u32, (min, max): (i128, i128), zeros: u32) -> Number {
        if min == max {
            return self.constant(min);
        }
        let term = match self.theory {
            Theory::Integers => term,
            Theory::Vectors => resized(term, from, width(min, max)),
        };
        let number = self.named(Number { term, min, max, zeros, affine: None });
        match self.known.get(&number.term.to_string()) {
            Some(value) => self.constant(*value),
            None => number,
        }
    }

    /// The number with a name for its term, if that is long.
    fn named(&mut self, number: Number) -> Number {
        if number.term.size() <= MAX_SIZE {
            return number;
        }
        let text = number.term.to_string();
        let known = self.defined.get(&text).cloned();
        let term = known.unwrap_or_else(|| {
            let name = Term::atom(format!("$n{}", self.defined.len()));
            let sort = match self.theory {
                Theory::Integers => Term::atom("Int"),
                Theory::Vectors => sort(number.width()),
            };
            let define = [name.clone(), Term::list([]), sort, number.term.clone()];
            self.commands.push(Term::call("define-fun", define));
            self.defined.insert(text, name.clone());
            name
        });
        Number { term, ..number }
    }

    pub(super) fn add(&mut self, a: &Number, b: &Number) -> Result<Number, Unwritable> {
        match (a.single(), b.single()) {
            (Some(0), _) => return Ok(b.clone()),
            (_, Some(0)) => return Ok(a.clone()),
            _ => {}
        }
        let bounds = a.min.checked_add(b.min).zip(a.max.checked_add(b.max)).ok_or(Unwritable::Large)?;
        let (term, from) = self.apply(("+", "bvadd"), a, b, bounds)?;
        let sum = self.bounded(term, from, bounds, a.zeros.min(b.zeros));
        let affine = [(a, b), (b, a)].into_iter().find_map(|(of, by)| {
            let (term, factor, more) = of.affine();
            Some((term, factor, more.checked_add(by.single()?)?))
        });
        Ok(Number { affine, ..sum })
    }

    pub(super) fn scale(&mut self, a: &Number, by: i128) -> Result<Number, Unwritable> {
        let by = self.constant(by);
        self.mul(a, &by)
    }

    pub(super) fn sub(&mut self, a: &Number, b: &Number) -> Result<Number, Unwritable> {
        if a.term == b.term {
            return Ok(self.constant(0));
        }
        let minus = self.scale(b, -1)?;
        self.add(a, &minus)
    }

    pub(super) fn mul(&mut self, a: &Number, b: &Number) -> Result<Number, Unwritable> {
        match (a.single(), b.single()) {
            (Some(0), _) | (_, Some(0)) => return Ok(self.constant(0)),
            (Some(1), _) => return Ok(b.clone()),
            (_, Some(1)) => return Ok(a.clone()),
            _ => {}
        }
        // A product with a bit is a choice, and no product of unknowns.
        for (bit, other) in [(a, b), (b, a)] {
            if bit.is_bit() && bit.single().is_none() {
                let (condition, zero) = (self.truth(bit), self.constant(0));
                return Ok(self.ite(condition, other, &zero));
            }
        }
        let corners = [(a.min, b.min), (a.min, b.max), (a.max, b.min), (a.max, b.max)];
        let corners = corners.map(|(a, b)| a.checked_mul(b));
        let corners: Option<Vec<i128>> = corners.into_iter().collect();
        let corners = corners.ok_or(Unwritable::Large)?;
        let bounds = corners.iter().min().copied().zip(corners.iter().max().copied());
        let bounds = bounds.ok_or(Unwritable::Large)?;
        let zeros = (a.zeros + b.zeros).min(127);
        if let Some((of, by)) = [(a, b), (b, a)].into_iter().find_map(|(of, by)| Some((of, by.single()?))) {
            let (term, factor, more) = of.affine();
            let affine = factor.checked_mul(by).zip(more.checked_mul(by)).map(|(x, y)| (term, x, y));
            let (term, from) = self.apply(("*", "bvmul"), a, b, bounds)?;
            return Ok(Number { affine, ..self.bounded(term, from, bounds, zeros) });
        }
        if self.theory == Theory::Integers {
            return self.multiplied(a, b, bounds);
        }
        let (term, from) = self.apply(("*", "bvmul"), a, b, bounds)?;
        Ok(self.bounded(term, from, bounds, zeros))
    }

    /// A product of two unknowns, multiplied out: equal products of unknowns are one term for the solver.
    fn multiplied(&mut self, a: &Number, b: &Number, bounds: (i128, i128)) -> Result<Number, Unwritable> {
        let ((x, by_x, more_x), (y, by_y, more_y)) = (a.affine(), b.affine());
        let (first, second) = if x.to_string() <= y.to_string() { (&x, &y) } else { (&y, &x) };
        let product = Term::call("*", [first.clone(), second.clone()]);
        let terms = [(product, by_x, by_y), (x, by_x, more_y), (y, by_y, more_x)];
        let mut sum = Vec::new();
        for (term, a, b) in terms {
            match a.checked_mul(b).ok_or(Unwritable::Large)? {
                0 => {}
                1 => sum.push(term),
                factor => sum.push(Term::call("*", [self.constant(factor).term, term])),
            }
        }
        let constant = more_x.checked_mul(more_y).ok_or(Unwritable::Large)?;
        if constant != 0 {
            sum.push(self.constant(constant).term);
        }
        let term = match sum.len() {
            1 => sum.remove(0),
            _ => Term::list([Term::atom("+")].into_iter().chain(sum)),
        };
        Ok(self.bounded(term, 0, bounds, (a.zeros + b.zeros).min(127)))
    }

    /// An operation on two numbers, and how wide its term is.
    fn apply(
        &self,
        (integers, vectors): (&str, &str),
        a: &Number,
        b: &Number,
        (min, max): (i128, i128),
    ) -> Result<(Term, u32), Unwritable> {
        match self.theory {
            Theory::Integers => Ok((Term::call(integers, [a.term.clone(), b.term.clone()]), 0)),
            Theory::Vectors => {
                let wide = width(min, max).max(a.width()).max(b.width());
                if wide > i128::BITS {
                    return Err(Unwritable::Large);
                }
                let [a, b] = [a, b].map(|n| resized(n.term.clone(), n.width(), wide));
                Ok((Term::call(vectors, [a, b]), wide))
            }
        }
    }

    /// The number modulo 2^bits.
    pub(super) fn low(&mut self, a: &Number, bits: u32) -> Number {
        if a.min >= 0 && a.max >> bits == 0 {
            return a.clone();
        }
        let top = (1i128 << bits) - 1;
        if let Some(value) = a.single() {
            return self.constant(value & top);
        }
        if a.zeros >= bits {
            return self.constant(0);
        }
        let (term, from) = match self.theory {
            Theory::Integers => {
                let modulus = Term::atom((top + 1).to_string());
                (Term::call("mod", [a.term.clone(), modulus]), 0)
            }
            Theory::Vectors => {
                let wide = resized(a.term.clone(), a.width(), a.width().max(bits));
                let cut = Term::list([indexed("extract", &[bits - 1, 0]), wide]);
                (Term::list([indexed("zero_extend", &[1]), cut]), bits + 1)
            }
        };
        self.bounded(term, from, (0, top), a.zeros)
    }

    /// The number divided by 2^bits, rounded down.
    pub(super) fn high(&mut self, a: &Number, bits: u32) -> Number {
        if bits == 0 {
            return a.clone();
        }
        let bounds = (a.min >> bits, a.max >> bits);
        let (term, from) = match self.theory {
            Theory::Integers => {
                let divisor = Term::atom((1i128 << bits).to_string());
                (Term::call("div", [a.term.clone(), divisor]), 0)
            }
            Theory::Vectors => {
                let (top, low) = (a.width() - 1, bits.min(a.width() - 1));
                (Term::list([indexed("extract", &[top, low]), a.term.clone()]), top - low + 1)
            }
        };
        self.bounded(term, from, bounds, a.zeros.saturating_sub(bits))
    }

    /// Quotient and remainder of a number that is not negative by one that is positive; by zero they may be anything between
    /// their bounds.
    pub(super) fn divided(&mut self, a: &Number, b: &Number) -> Result<[Number; 2], Unwritable> {
        let text = format!("divided {} {}", a.term, b.term);
        let [quotient, remainder] = ["q", "r"].map(|name| format!("${name}{}", self.defined.len()));
        if let (Some(quotient), Some(remainder)) =
            (self.unknown.get(&format!("{text} q")), self.unknown.get(&format!("{text} r")))
        {
            return Ok([quotient.clone(), remainder.clone()]);
        }
        // They exist, whatever a and b are.
        let quotient = self.variable(&quotient, 0, a.max.max(0));
        let remainder = self.variable(&remainder, 0, a.max.max(0));
        let product = self.mul(&quotient, b)?;
        let sum = self.add(&product, &remainder)?;
        let zero = self.constant(0);
        let is = all(vec![self.equal(&sum, a), self.less(&remainder, b)]);
        let by_zero = self.equal(b, &zero);
        self.assert(any(vec![by_zero, is]));
        self.quotients.push((quotient.clone(), b.clone()));
        self.unknown.insert(format!("{text} q"), quotient.clone());
        self.unknown.insert(format!("{text} r"), remainder.clone());
        Ok([quotient, remainder])
    }

    /// Asserts what is so of every number n, every quotient q and its divisor b, none of which is negative: if n > q,
    /// then n·b ≥ q·b + b, and the other way round. It spares the solver the search for the product to look at.
    pub(super) fn compare_products(&mut self, numbers: &[Number]) -> Result<(), Unwritable> {
        for (quotient, divisor) in self.quotients.clone() {
            if divisor.min < 0 {
                continue;
            }
            let product = self.mul(&quotient, &divisor)?;
            let more = self.add(&product, &divisor)?;
            for number in numbers {
                let other = self.mul(number, &divisor)?;
                let other_more = self.add(&other, &divisor)?;
                let greater = any(vec![not(self.less(&quotient, number)), not(self.less(&other, &more))]);
                let less =
                    any(vec![not(self.less(number, &quotient)), not(self.less(&product, &other_more))]);
                self.assert(greater);
                self.assert(less);
            }
        }
        Ok(())
    }

    /// And of two numbers that are not negative.
    pub(super) fn and(&mut self, a: &Number, b: &Number) -> Result<Number, Unwritable> {
        if a.is_apart(b) {
            return Ok(self.constant(0));
        }
        if a.term == b.term {
            return Ok(a.clone());
        }
        if a.is_bit() && b.is_bit() {
            return self.mul(a, b);
        }
        for (mask, of) in [(a, b), (b, a)] {
            if let Some(mask) = mask.single() {
                return self.masked(of, mask);
            }
        }
        let bounds = (0, a.max.min(b.max));
        self.bitwise("bvand", a, b, bounds, a.zeros.max(b.zeros))
    }

    /// The bits of a number that a mask has, run by run.
    fn masked(&mut self, a: &Number, mask: i128) -> Result<Number, Unwritable> {
        let mut sum = self.constant(0);
        let mut at = 0;
        while mask >> at != 0 {
            at += (mask >> at).trailing_zeros();
            let length = (mask >> at).trailing_ones();
            let bits = self.high(a, at);
            let bits = self.low(&bits, length);
            let bits = self.scale(&bits, 1 << at)?;
            sum = self.add(&bits, &sum)?;
            at += length;
        }
        Ok(sum)
    }

    /// Or of two numbers that are not negative.
    pub(super) fn or(&mut self, a: &Number, b: &Number) -> Result<Number, Unwritable> {
        if a.is_apart(b) {
            return self.add(a, b);
        }
        match self.theory {
            Theory::Integers => {
                let (sum, both) = (self.add(a, b)?, self.and(a, b)?);
                self.sub(&sum, &both)
            }
            Theory::Vectors => {
                let bounds = (0, (1 << (width(0, a.max.max(b.max)) - 1)) - 1);
                self.bitwise("bvor", a, b, bounds, a.zeros.min(b.zeros))
            }
        }
    }

    /// Exclusive or of two numbers that are not negative.
    pub(super) fn xor(&mut self, a: &Number, b: &Number) -> Result<Number, Unwritable> {
        match self.theory {
            Theory::Integers => {
                let (sum, both) = (self.add(a, b)?, self.and(a, b)?);
                let twice = self.scale(&both, 2)?;
                self.sub(&sum, &twice)
            }
            Theory::Vectors => {
                let bounds = (0, (1 << (width(0, a.max.max(b.max)) - 1)) - 1);
                self.bitwise("bvxor", a, b, bounds, a.zeros.min(b.zeros))
            }
        }
    }

    fn bitwise(
        &mut self,
        vectors: &str,
        a: &Number,
        b: &Number,
        bounds: (i128, i128),
        zeros: u32,
    ) -> Result<Number, Unwritable> {
        if self.theory == Theory::Integers {
            return Err(Unwritable::Bitwise);
        }
        let (term, from) = self.apply(("", vectors), a, b, bounds)?;
        Ok(self.bounded(term, from, bounds, zeros))
    }

    pub(super) fn ite(&mut self, condition: Term, a: &Number, b: &Number) -> Number {
        if condition.is("true") || a.term == b.term {
            return a.clone();
        }
        if condition.is("false") {
            return b.clone();
        }
        let bounds = (a.min.min(b.min), a.max.max(b.max));
        let wide = a.width().max(b.width());
        let [x, y] = [a, b].map(|n| match self.theory {
            Theory::Integers => n.term.clone(),
            Theory::Vectors => resized(n.term.clone(), n.width(), wide),
        });
        self.bounded(Term::call("ite", [condition, x, y]), wide, bounds, a.zeros.min(b.zeros))
    }

    /// 1 where a condition holds, else 0.
    pub(super) fn bit(&mut self, condition: Term) -> Number {
        let (one, zero) = (self.constant(1), self.constant(0));
        self.ite(condition, &one, &zero)
    }

    /// Whether a bit is 1.
    pub(super) fn truth(&self, bit: &Number) -> Term {
        if let Term::List(parts) = &bit.term
            && let [ite, condition, one, zero] = &**parts
            && ite.is("ite")
            && [(one, 1), (zero, 0)].into_iter().all(|(part, value)| {
                let constant = self.constant(value);
                *part == resized_if(self.theory, &constant, bit.width())
            })
        {
            return condition.clone();
        }
        self.equal(bit, &self.constant(1))
    }

    pub(super) fn equal(&self, a: &Number, b: &Number) -> Term {
        match (a.single(), b.single()) {
            _ if a.term == b.term => Term::atom("true"),
            _ if a.max < b.min || b.max < a.min => Term::atom("false"),
            (Some(x), Some(y)) => Term::atom(if x == y { "true" } else { "false" }),
            _ => self.order("=", "=", a, b),
        }
    }

    pub(super) fn less(&self, a: &Number, b: &Number) -> Term {
        match (a.max < b.min, a.min >= b.max) {
            (true, _) => Term::atom("true"),
            (_, true) => Term::atom("false"),
            _ => self.order("bvslt", "<", a, b),
        }
    }

    fn order(&self, vectors: &str, integers: &str, a: &Number, b: &Number) -> Term {
        match self.theory {
            Theory::Integers => Term::call(integers, [a.term.clone(), b.term.clone()]),
            Theory::Vectors => {
                let wide = a.width().max(b.width());
                Term::call(vectors, [a, b].map(|n| resized(n.term.clone(), n.width(), wide)))
            }
        }
    }
}

fn resized_if(theory: Theory, number: &Number, to: u32) -> Term {
    match theory {
        Theory::Integers => number.term.clone(),
        Theory::Vectors => resized(number.term.clone(), number.width(), to),
    }
}
