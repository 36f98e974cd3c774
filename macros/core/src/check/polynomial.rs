//! Constraints: integer polynomials over a row, of bounded degree and size, zero on the padding.

use syn::spanned::Spanned;
use syn::{BinOp, UnOp};

use super::expr::{named, parse};
use super::unique;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::{Cell, Column, Constraint, Linear, PUBLIC, Polynomial};
use crate::parse::{ConstraintTable, Tables, Text};

/// The highest total degree.
const MAX_DEGREE: usize = 3;

const DEGREE_HINT: &str = "at most 3: put a product into a column of its own";

/// |left − right| and |guard| must stay below this for every row that obeys the range classes: so that an equation
/// modulo p is one of integers in every field with p > 2^63, and that a prover's first rounds can work on integers.
const MAX_VALUE: u128 = 1 << 60;

pub(super) fn constraints(
    tables: &Tables,
    columns: &[Column],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Constraint> {
    unique("constraint", tables.constraints.iter().map(|table| &table.name), errors);
    let row = Row { columns };
    let mut constraints: Vec<Constraint> =
        tables.constraints.iter().filter_map(|table| constraint(table, &row, errors)).collect();
    constraints.sort_by(|a, b| a.name.cmp(&b.name));
    constraints
}

/// What names mean in a constraint.
struct Row<'a> {
    columns: &'a [Column],
}

fn constraint(table: &ConstraintTable, row: &Row<'_>, errors: &mut Vec<Diagnostic>) -> Option<Constraint> {
    let one = Some(constant(1));
    let guard = table.guard.as_ref().map_or(one, |text| row.text(text, errors));
    let (left, right) = (row.text(&table.left, errors), row.text(&table.right, errors));
    let (guard, left, right) = (guard?, left?, right?);
    let place = table.guard.as_ref().unwrap_or(&table.left).span.clone();
    let Some(difference) = scale(right, -1).and_then(|right| add(left, right)) else {
        errors.push(
            Diagnostic::new(Code::ConstraintRange, &place, "a coefficient exceeds 64 bits")
                .hint("coefficients are 64-bit integers"),
        );
        return None;
    };
    let mut in_range = true;
    for (what, polynomial, place) in
        [("the guard", &guard, &place), ("left - right", &difference, &table.left.span)]
    {
        let bound = row.bound(polynomial);
        if bound >= MAX_VALUE {
            in_range = false;
            errors.push(
                Diagnostic::new(
                    Code::ConstraintRange,
                    place,
                    format!("{what} of `{}` can be as large as {bound}", table.name.value),
                )
                .hint("it must stay below 2^60 for all values in the columns' range classes: else it could wrap around modulo p"),
            );
        }
    }
    if !in_range {
        return None;
    }
    let polynomial = multiply(&guard, &difference);
    let is_zero = |linear: &Linear| linear.constant == 0 && linear.terms.is_empty();
    if polynomial.iter().all(|product| product.iter().any(is_zero)) {
        errors.push(
            Diagnostic::new(
                Code::ConstraintVacuous,
                &place,
                format!("constraint `{}` says nothing: it is zero whatever the cells are", table.name.value),
            )
            .hint("its guard is 0, or its sides are the same"),
        );
        return None;
    }
    let degree = degree(&polynomial);
    if degree > MAX_DEGREE {
        errors.push(
            Diagnostic::new(
                Code::ConstraintDegree,
                &place,
                format!("constraint `{}` has degree {degree}", table.name.value),
            )
            .hint(DEGREE_HINT),
        );
    }
    let at_zero: i128 = polynomial
        .iter()
        .map(|product| product.iter().map(|factor| i128::from(factor.constant)).product::<i128>())
        .sum();
    if at_zero != 0 {
        errors.push(
            Diagnostic::new(
                Code::ConstraintPadding,
                &place,
                format!("constraint `{}` is {at_zero} on a padding row", table.name.value),
            )
            .hint("all cells of a padding row are 0: guard the constraint with `active`"),
        );
    }
    let text = match &table.guard {
        Some(guard) => format!("({}) * ({} - ({}))", guard.value, table.left.value, table.right.value),
        None => format!("{} - ({})", table.left.value, table.right.value),
    };
    Some(Constraint {
        name: table.name.value.clone(),
        doc: table.doc.value.clone(),
        text,
        degree: u32::try_from(degree).unwrap_or(u32::MAX),
        polynomial,
        span: table.name.span.clone(),
    })
}

impl Row<'_> {
    fn text(&self, text: &Text, errors: &mut Vec<Diagnostic>) -> Option<Polynomial> {
        let parsed = parse::<syn::Expr>(text, "", "", errors)?;
        match self.expr(&parsed) {
            Ok(polynomial) => Some(polynomial),
            Err((range, code, message, name)) => {
                let error = Diagnostic::new(code, &text.at(range), message);
                let names = self.names();
                let error = match (name, code) {
                    (Some(name), _) => error.did_you_mean(&name, names.iter().map(String::as_str)),
                    (None, Code::ConstraintRange) => error.hint("coefficients are 64-bit integers"),
                    (None, Code::ConstraintDegree) => error.hint(DEGREE_HINT),
                    (None, _) => error.hint("write rs1_value + 4 * rs2_value - result"),
                };
                errors.push(error);
                None
            }
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        names.extend(PUBLIC.map(str::to_owned));
        names
    }

    fn expr(&self, expr: &syn::Expr) -> Result<Polynomial, Error> {
        let range = expr.span().byte_range();
        let unknown = |name: String| {
            Err((range.clone(), Code::UnknownColumn, format!("there is no column `{name}`"), Some(name)))
        };
        let overflow =
            || (range.clone(), Code::ConstraintRange, "a coefficient exceeds 64 bits".to_owned(), None);
        match expr {
            syn::Expr::Paren(inner) => self.expr(&inner.expr),
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(int), .. }) if int.suffix().is_empty() => {
                int.base10_parse::<i64>().map(constant).map_err(|_| overflow())
            }
            syn::Expr::Path(path) => {
                let name = named(&path.path);
                match self.cell(&name) {
                    Some(cell) => Ok(vec![vec![single(cell)]]),
                    None => unknown(name),
                }
            }
            syn::Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
                scale(self.expr(&unary.expr)?, -1).ok_or_else(overflow)
            }
            syn::Expr::Binary(binary) => {
                let (a, b) = (self.expr(&binary.left)?, self.expr(&binary.right)?);
                match binary.op {
                    BinOp::Add(_) => add(a, b).ok_or_else(overflow),
                    BinOp::Sub(_) => scale(b, -1).and_then(|b| add(a, b)).ok_or_else(overflow),
                    BinOp::Mul(_) => match (as_constant(&a), as_constant(&b)) {
                        (Some(a), _) => scale(b, a).ok_or_else(overflow),
                        (_, Some(b)) => scale(a, b).ok_or_else(overflow),
                        // Before it is multiplied out: the products of n sums are exponential in n.
                        _ if degree(&a) + degree(&b) > MAX_DEGREE => {
                            let message = format!("this product has degree {}", degree(&a) + degree(&b));
                            Err((range, Code::ConstraintDegree, message, None))
                        }
                        _ => Ok(multiply(&a, &b)),
                    },
                    _ => Err(unsupported(range)),
                }
            }
            _ => Err(unsupported(range)),
        }
    }

    fn cell(&self, name: &str) -> Option<Cell> {
        let stored = self.columns.iter().position(|column| column.name == name).map(Cell::Stored);
        stored.or_else(|| PUBLIC.iter().position(|public| *public == name).map(Cell::Public))
    }

    /// The greatest absolute value over all rows that obey the range classes, saturating.
    fn bound(&self, polynomial: &Polynomial) -> u128 {
        polynomial
            .iter()
            .map(|product| {
                product.iter().map(|factor| self.linear_bound(factor)).fold(1, u128::saturating_mul)
            })
            .fold(0, u128::saturating_add)
    }

    fn linear_bound(&self, linear: &Linear) -> u128 {
        let (mut min, mut max) = (i128::from(linear.constant), i128::from(linear.constant));
        for (cell, coefficient) in &linear.terms {
            let (low, high) = self.cell_bounds(*cell);
            let ends = [low, high].map(|end| i128::from(end) * i128::from(*coefficient));
            min += ends[0].min(ends[1]);
            max += ends[0].max(ends[1]);
        }
        min.unsigned_abs().max(max.unsigned_abs())
    }

    fn cell_bounds(&self, cell: Cell) -> (i64, i64) {
        match cell {
            Cell::Public(_) => (0, 1),
            Cell::Stored(at) => self.columns[at].class.bounds(),
        }
    }
}

/// Where, which diagnostic, what, and the name that was not found.
type Error = (std::ops::Range<usize>, Code, String, Option<String>);

fn unsupported(range: std::ops::Range<usize>) -> Error {
    let message = "a constraint is made of columns, integers, +, - and *".to_owned();
    (range, Code::UnsupportedSyntax, message, None)
}

fn constant(value: i64) -> Polynomial {
    vec![vec![Linear { constant: value, terms: Vec::new() }]]
}

fn single(cell: Cell) -> Linear {
    Linear { constant: 0, terms: vec![(cell, 1)] }
}

fn as_constant(polynomial: &Polynomial) -> Option<i64> {
    match polynomial.as_slice() {
        [product] => match product.as_slice() {
            [linear] if linear.terms.is_empty() => Some(linear.constant),
            _ => None,
        },
        _ => None,
    }
}

fn scale(mut polynomial: Polynomial, by: i64) -> Option<Polynomial> {
    if by == 0 {
        return Some(constant(0));
    }
    for product in &mut polynomial {
        let Some(first) = product.first_mut() else { continue };
        first.constant = first.constant.checked_mul(by)?;
        for (_, coefficient) in &mut first.terms {
            *coefficient = coefficient.checked_mul(by)?;
        }
        first.terms.retain(|(_, coefficient)| *coefficient != 0);
    }
    Some(polynomial)
}

/// The sum, with all products of one factor merged into one linear form.
fn add(a: Polynomial, b: Polynomial) -> Option<Polynomial> {
    let (linear, mut products): (Vec<_>, Vec<_>) = a.into_iter().chain(b).partition(|p| p.len() == 1);
    let mut sum = Linear::default();
    for term in linear.into_iter().flatten() {
        sum.constant = sum.constant.checked_add(term.constant)?;
        for (cell, coefficient) in term.terms {
            match sum.terms.iter_mut().find(|(known, _)| *known == cell) {
                Some((_, known)) => *known = known.checked_add(coefficient)?,
                None => sum.terms.push((cell, coefficient)),
            }
        }
    }
    sum.terms.retain(|(_, coefficient)| *coefficient != 0);
    sum.terms.sort_unstable();
    if products.is_empty() || sum != Linear::default() {
        products.insert(0, vec![sum]);
    }
    Some(products)
}

/// The product, factor lists put together; a constant factor of one is left out.
fn multiply(a: &Polynomial, b: &Polynomial) -> Polynomial {
    let is_one = |linear: &Linear| linear.constant == 1 && linear.terms.is_empty();
    let mut products = Vec::new();
    for left in a {
        for right in b {
            let mut factors: Vec<Linear> =
                left.iter().chain(right).filter(|factor| !is_one(factor)).cloned().collect();
            if factors.is_empty() {
                factors.push(Linear { constant: 1, terms: Vec::new() });
            }
            products.push(factors);
        }
    }
    products
}

fn degree(polynomial: &Polynomial) -> usize {
    polynomial
        .iter()
        .map(|product| product.iter().filter(|factor| !factor.terms.is_empty()).count())
        .max()
        .unwrap_or(0)
}
