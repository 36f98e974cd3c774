//! Forms: polynomials with integer coefficients over cells, values read, and constants of the code table's entry.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

use super::PRIME;

/// What a form is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Var {
    /// A constant of the code table's entry: an expression over the immediate and the address, by its place in a list; in
    /// a rule, over its operands.
    Entry(usize),
    /// What is taken of the input.
    Taken,
    /// A unit's flag in its own relations: 1 in rows of instructions that use it.
    On,
    /// An input, in the unit's own relations and outputs, by place.
    Input(usize),
    /// An operand of a rule, by place.
    Operand(usize),
    /// An output of a unit that a rule uses: the place of the use, and the output's in its unit; a cell's comes after all
    /// outputs.
    Output(usize, usize),
    /// A cell: the unit's place, and the cell's in it.
    Cell(usize, usize),
    /// What a read port reads.
    Read(usize),
    /// The address of the next row's instruction.
    NextPc,
    /// The address of the word of memory that is accessed; 0 where none is.
    Address,
    /// 1 in every row but those of the padding.
    Active,
    /// 1 in the last row of a run that ends.
    Last,
}

/// Σ coefficient · product of variables. No coefficient is zero; a product's variables are sorted. A coefficient that does
/// not fit 127 bits is the greatest that does: no spec has one, and what comes of it is refused for its size.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Form(BTreeMap<Vec<Var>, i128>);

impl Form {
    /// A number.
    pub fn constant(value: i128) -> Self {
        Self((value != 0).then(|| (Vec::new(), value)).into_iter().collect())
    }

    /// The products and their coefficients.
    pub fn terms(&self) -> impl Iterator<Item = (&[Var], i128)> {
        self.0.iter().map(|(product, coefficient)| (product.as_slice(), *coefficient))
    }

    /// Whether it is zero whatever its variables are.
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// The variables, each once.
    pub fn vars(&self) -> Vec<Var> {
        let mut vars: Vec<Var> = self.0.keys().flatten().copied().collect();
        vars.sort_unstable();
        vars.dedup();
        vars
    }

    /// The degree in what a row decides: constants of the entry do not count.
    pub fn degree(&self) -> usize {
        let degree = |product: &Vec<Var>| product.iter().filter(|var| !matches!(var, Var::Entry(_))).count();
        self.0.keys().map(degree).max().unwrap_or_default()
    }

    /// The greatest size of a coefficient.
    pub fn size(&self) -> u128 {
        self.0.values().map(|coefficient| coefficient.unsigned_abs()).max().unwrap_or_default()
    }

    /// With forms in the place of variables; `of` gives none for a variable that stays. O(terms · size of what is put in).
    pub fn put(&self, of: &mut impl FnMut(Var) -> Option<Self>) -> Self {
        let mut sum = Self::default();
        for (product, coefficient) in self.terms() {
            let factor = |var: &Var| of(*var).unwrap_or_else(|| Self::from(*var));
            sum.accumulate(
                product.iter().map(factor).fold(Self::constant(coefficient), |all, form| &all * &form),
            );
        }
        sum
    }

    /// Its value, an integer if that and all that it is made of fit 127 bits; else what is left of it modulo the prime.
    pub fn value(&self, of: &mut impl FnMut(Var) -> i128) -> i128 {
        let mut exact = Some(0i128);
        for (product, coefficient) in &self.0 {
            let mut term = Some(*coefficient);
            for var in product {
                term = term.and_then(|term| term.checked_mul(of(*var)));
            }
            exact = exact.and_then(|sum| sum.checked_add(term?));
        }
        exact.unwrap_or_else(|| self.residue(of))
    }

    /// Its value modulo the prime.
    pub fn residue(&self, of: &mut impl FnMut(Var) -> i128) -> i128 {
        self.0.iter().fold(0, |sum, (product, coefficient)| {
            let factors = product.iter().map(|var| of(*var).rem_euclid(PRIME));
            (sum + factors.fold(coefficient.rem_euclid(PRIME), times)) % PRIME
        })
    }

    fn accumulate(&mut self, other: Self) {
        for (product, coefficient) in other.0 {
            let sum = self.0.remove(&product).unwrap_or_default().saturating_add(coefficient);
            if sum != 0 {
                self.0.insert(product, sum);
            }
        }
    }
}

/// A product modulo the prime, of factors that are not negative and below it.
pub(super) fn times(a: i128, b: i128) -> i128 {
    reduced(a.cast_unsigned() * b.cast_unsigned()).into()
}

/// Modulo the prime, where 2^64 is 2^32 - 1, and 2^96 is -1: ten times as fast as a division.
fn reduced(value: u128) -> u64 {
    const TOP: u64 = 0xffff_ffff;
    let (low, high) = (value as u64, (value >> 64) as u64);
    let (difference, borrow) = low.overflowing_sub(high >> 32);
    let difference = if borrow { difference.wrapping_sub(TOP) } else { difference };
    let (sum, carry) = difference.overflowing_add((high & TOP) * TOP);
    let sum = if carry { sum.wrapping_add(TOP) } else { sum };
    let prime = PRIME as u64;
    if sum >= prime { sum - prime } else { sum }
}

impl From<Var> for Form {
    fn from(var: Var) -> Self {
        Self(BTreeMap::from([(vec![var], 1)]))
    }
}

impl Add for &Form {
    type Output = Form;

    fn add(self, other: Self) -> Form {
        let mut sum = self.clone();
        sum.accumulate(other.clone());
        sum
    }
}

impl Neg for &Form {
    type Output = Form;

    fn neg(self) -> Form {
        Form(
            self.0
                .iter()
                .map(|(product, coefficient)| (product.clone(), coefficient.saturating_neg()))
                .collect(),
        )
    }
}

impl Sub for &Form {
    type Output = Form;

    fn sub(self, other: Self) -> Form {
        self + &-other
    }
}

impl Mul for &Form {
    type Output = Form;

    fn mul(self, other: Self) -> Form {
        let mut sum = Form::default();
        for (a, x) in self.terms() {
            for (b, y) in other.terms() {
                let mut product = [a, b].concat();
                product.sort_unstable();
                sum.accumulate(Form(BTreeMap::from([(product, x.saturating_mul(y))])));
            }
        }
        sum
    }
}

/// A form as a person reads it, with names for its variables.
pub struct Named<'a, N>(pub &'a Form, pub N);

impl<N: Fn(Var) -> String> fmt::Display for Named<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0");
        }
        // The longest products last, constants at the end.
        let mut terms: Vec<(&[Var], i128)> = self.0.terms().collect();
        terms.sort_by_key(|(product, _)| (product.is_empty(), product.len()));
        for (at, (product, coefficient)) in terms.into_iter().enumerate() {
            let sign = match (at, coefficient < 0) {
                (0, false) => "",
                (0, true) => "-",
                (_, false) => " + ",
                (_, true) => " - ",
            };
            f.write_str(sign)?;
            let size = coefficient.unsigned_abs();
            let number = match size {
                0..256 => size.to_string(),
                _ if size.is_power_of_two() => format!("2^{}", size.ilog2()),
                _ => format!("{size:#x}"),
            };
            let names = product.iter().map(|var| (self.1)(*var));
            let factors: Vec<String> =
                (size != 1 || product.is_empty()).then_some(number).into_iter().chain(names).collect();
            f.write_str(&factors.join("*"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_modulo_the_prime() {
        let edges =
            [0, 1, 2, 0xffff_ffff, 1 << 32, (1 << 32) + 1, 1 << 63, PRIME - (1 << 32), PRIME - 2, PRIME - 1];
        for a in edges {
            for b in edges {
                let expected = a.cast_unsigned() * b.cast_unsigned() % PRIME.cast_unsigned();
                assert_eq!(times(a, b), expected.cast_signed(), "{a} {b}");
            }
        }
    }

    /// What does not fit 127 bits is right modulo the prime.
    #[test]
    fn values_are_exact_or_modulo_the_prime() {
        let x = Form::from(Var::Read(0));
        let cube = &(&x * &x) * &x;
        assert_eq!(cube.value(&mut |_| 1 << 40), 1 << 120);
        // 2^192 is 1.
        assert_eq!(cube.value(&mut |_| 1 << 64), 1);
    }

    #[test]
    fn forms_are_polynomials() {
        let (x, y) = (Form::from(Var::Read(0)), Form::from(Var::Read(1)));
        let square = &(&x + &y) * &(&x - &y);
        assert_eq!(square, &(&x * &x) - &(&y * &y));
        assert!((&square - &square).is_zero());
        assert_eq!(square.degree(), 2);
        let value = |var| match var {
            Var::Read(0) => 7,
            _ => 3,
        };
        assert_eq!(square.value(&mut { value }), 40);
        let put = square.put(&mut |var| (var == Var::Read(1)).then(|| Form::constant(3)));
        assert_eq!(put, &(&x * &x) - &Form::constant(9));
        assert_eq!(Named(&put, |_| "x".to_owned()).to_string(), "x*x - 9");
    }
}
