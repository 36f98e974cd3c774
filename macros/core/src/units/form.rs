//! Forms: polynomials with integer coefficients over cells, values read, and constants of the code table's entry.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

/// What a form is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Var {
    /// A constant of the code table's entry: an expression over the immediate and the address, by its place in a list.
    Entry(usize),
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
}

/// Σ coefficient · product of variables. No coefficient is zero; a product's variables are sorted.
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

    /// Its value. Sums and products are exact as long as they fit 127 bits.
    pub fn value(&self, of: &mut impl FnMut(Var) -> i128) -> i128 {
        self.terms()
            .map(|(product, coefficient)| product.iter().map(|var| of(*var)).product::<i128>() * coefficient)
            .sum()
    }

    fn accumulate(&mut self, other: Self) {
        for (product, coefficient) in other.0 {
            let sum = self.0.remove(&product).unwrap_or_default() + coefficient;
            if sum != 0 {
                self.0.insert(product, sum);
            }
        }
    }
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
        Form(self.0.iter().map(|(product, coefficient)| (product.clone(), -coefficient)).collect())
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
                sum.accumulate(Form(BTreeMap::from([(product, x * y)])));
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
            let number = match size.is_power_of_two() && size >= 256 {
                true => format!("2^{}", size.ilog2()),
                false => size.to_string(),
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
