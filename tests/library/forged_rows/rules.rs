//! The generated spec's rules about a row: constraints and look-ups, over columns modulo the prime.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use retrace::isa::units::{MAX_PLACES, PRIME};
use retrace::isa::{ColumnSource, Constraint, Isa, Linear, Word};

/// The place of a column.
pub type Column = usize;

/// Σ coefficient · product of columns, modulo the prime.
pub type Sum = Vec<(u128, Vec<Column>)>;

pub fn modulo(value: i128) -> u128 {
    value.rem_euclid(PRIME.into()) as u128
}

pub fn plus(a: u128, b: u128) -> u128 {
    (a + b) % u128::from(PRIME)
}

pub fn times(a: u128, b: u128) -> u128 {
    a * b % u128::from(PRIME)
}

/// a^(p − 2).
fn inverse(a: u128) -> u128 {
    let mut power = a;
    let mut product = 1;
    for bit in 0..64 {
        if (PRIME - 2) >> bit & 1 == 1 {
            product = times(product, power);
        }
        power = times(power, power);
    }
    product
}

pub fn value(sum: &Sum, row: &[u128]) -> u128 {
    sum.iter().fold(0, |sum, (coefficient, columns)| {
        plus(sum, columns.iter().fold(*coefficient, |product, at| times(product, row[*at])))
    })
}

/// What a column has to be for a sum to be zero, with all else as it is; none if the sum is not linear in it.
pub fn solve(sum: &Sum, row: &[u128], column: Column) -> Option<u128> {
    let (mut slope, mut rest) = (0, 0);
    for (coefficient, columns) in sum {
        let others = columns.iter().filter(|at| **at != column);
        let product = others.fold(*coefficient, |product, at| times(product, row[*at]));
        match columns.iter().filter(|at| **at == column).count() {
            0 => rest = plus(rest, product),
            1 => slope = plus(slope, product),
            _ => return None,
        }
    }
    (slope != 0).then(|| times(modulo(-(rest as i128)), inverse(slope)))
}

/// A look-up that a row makes.
#[derive(Debug)]
pub struct Lookup {
    /// The table; none if the row's tag has none.
    pub table: Option<usize>,
    /// How many of the places are keys.
    pub keys: usize,
    pub places: Vec<Column>,
}

#[derive(Debug)]
pub enum Rule {
    Sum(Sum),
    Lookup(Lookup),
}

/// The rules about one row, with what the code table and the row's number say put in.
#[derive(Debug)]
pub struct Rules<I> {
    /// By their places among the constraints, then the look-ups.
    rules: Vec<Rule>,
    /// The rules that read a column.
    of: Vec<Vec<usize>>,
    isa: PhantomData<I>,
}

/// The names of rules by place.
pub fn names<I: Isa>() -> Vec<&'static str> {
    let constraints = I::SPEC.constraints.iter().map(|constraint| constraint.name);
    constraints.chain(I::UNITS.slots.iter().map(|slot| slot.name)).collect()
}

/// Whether a column is the same for all rows of an entry of the code table, or a function of the row's number.
pub fn is_fixed<I: Isa>(column: Column) -> bool {
    matches!(I::SPEC.columns[column].source, ColumnSource::Code | ColumnSource::Public(_))
}

/// The columns of the code table and the public ones that a rule reads.
pub fn fixed_of<I: Isa>(rule: usize) -> Vec<Column> {
    let forms: Vec<&Linear> = match I::SPEC.constraints.get(rule) {
        Some(constraint) => constraint.products.iter().flat_map(|product| product.factors).collect(),
        None => {
            let slot = &I::UNITS.slots[rule - I::SPEC.constraints.len()];
            vec![&slot.made, &slot.tag]
        }
    };
    let columns = forms.into_iter().flat_map(|form| form.terms).map(|(id, _)| id.index());
    let columns: BTreeSet<Column> = columns.filter(|at| is_fixed::<I>(*at)).collect();
    columns.into_iter().collect()
}

fn linear(form: &Linear, row: &[u128]) -> u128 {
    let terms = form.terms.iter().map(|(id, by)| times(modulo((*by).into()), row[id.index()]));
    terms.fold(modulo(form.constant.into()), plus)
}

/// One rule about a row; none if it holds whatever the other columns are.
pub fn rule<I: Isa>(at: usize, row: &[u128]) -> Option<Rule> {
    if let Some(constraint) = I::SPEC.constraints.get(at) {
        let sum = sum::<I>(constraint, row);
        return (!sum.is_empty()).then_some(Rule::Sum(sum));
    }
    let slot = &I::UNITS.slots[at - I::SPEC.constraints.len()];
    if linear(&slot.made, row) == 0 {
        return None;
    }
    let table = (linear(&slot.tag, row) as usize).checked_sub(1).filter(|at| *at < I::UNITS.tables.len());
    let keys = table.map_or(0, |table| I::UNITS.tables[table].keys.len());
    Some(Rule::Lookup(Lookup { table, keys, places: slot.places.iter().map(|id| id.index()).collect() }))
}

fn sum<I: Isa>(constraint: &Constraint, row: &[u128]) -> Sum {
    let mut sum: BTreeMap<Vec<Column>, u128> = BTreeMap::new();
    for product in constraint.products {
        let mut terms: Sum = vec![(1, Vec::new())];
        for form in product.factors {
            let (fixed, open): (Vec<_>, Vec<_>) = form
                .terms
                .iter()
                .map(|(id, by)| (id.index(), modulo((*by).into())))
                .partition(|(at, _)| is_fixed::<I>(*at));
            let constant =
                fixed.iter().map(|(at, by)| times(*by, row[*at])).fold(modulo(form.constant.into()), plus);
            let factors = open.into_iter().map(|(at, by)| (by, vec![at])).chain([(constant, Vec::new())]);
            let factors: Sum = factors.filter(|(by, _)| *by != 0).collect();
            let both = |(a, of_a): &(u128, Vec<Column>)| -> Sum {
                factors.iter().map(|(b, of_b)| (times(*a, *b), [&of_a[..], of_b].concat())).collect()
            };
            terms = terms.iter().flat_map(both).collect();
        }
        for (by, mut columns) in terms {
            columns.sort_unstable();
            let entry = sum.entry(columns).or_default();
            *entry = plus(*entry, by);
        }
    }
    sum.into_iter().filter(|(_, by)| *by != 0).map(|(columns, by)| (by, columns)).collect()
}

impl<I: Isa> Rules<I> {
    pub fn new(row: &[u128]) -> Self {
        let count = I::SPEC.constraints.len() + I::UNITS.slots.len();
        let mut of = vec![Vec::new(); I::SPEC.columns.len()];
        let rules = (0..count).map(|at| {
            let rule = rule::<I>(at, row).unwrap_or_else(|| Rule::Sum(Sum::new()));
            let read: BTreeSet<Column> = match &rule {
                Rule::Sum(sum) => sum.iter().flat_map(|(_, columns)| columns).copied().collect(),
                Rule::Lookup(lookup) => lookup.places.iter().copied().collect(),
            };
            read.into_iter().for_each(|column| of[column].push(at));
            rule
        });
        Self { rules: rules.collect(), of, isa: PhantomData }
    }

    pub fn rule(&self, at: usize) -> &Rule {
        &self.rules[at]
    }

    /// What a table has for the keys of a row; none if it has no such keys.
    pub fn found(table: usize, keys: &[Column], row: &[u128]) -> Option<[Word; MAX_PLACES]> {
        let words: Option<Vec<Word>> = keys.iter().map(|at| Word::try_from(row[*at]).ok()).collect();
        let mut found = [0; MAX_PLACES];
        I::look_up(table, &words?, &mut found).then_some(found)
    }

    pub fn holds(rule: &Rule, row: &[u128]) -> bool {
        match rule {
            Rule::Sum(sum) => value(sum, row) == 0,
            Rule::Lookup(Lookup { table, keys, places }) => {
                let Some(table) = table else { return false };
                let (keys, values) = places.split_at(*keys);
                Self::found(*table, keys, row)
                    .is_some_and(|found| values.iter().zip(found).all(|(at, found)| row[*at] == found.into()))
            }
        }
    }

    /// The rules that read some of these columns.
    pub fn reading(&self, is_one: impl Fn(Column) -> bool) -> BTreeSet<usize> {
        let columns = (0..self.of.len()).filter(|column| is_one(*column));
        columns.flat_map(|column| &self.of[column]).copied().collect()
    }

    /// All that a row breaks, by place.
    pub fn broken(&self, row: &[u128]) -> Vec<usize> {
        (0..self.rules.len()).filter(|at| !Self::holds(&self.rules[*at], row)).collect()
    }

    /// What a row breaks of the rules that read some columns, and of these.
    pub fn broken_by(
        &self,
        row: &[u128],
        changed: impl Iterator<Item = Column>,
        others: &[usize],
    ) -> Vec<usize> {
        let mut rules: Vec<usize> =
            changed.flat_map(|column| &self.of[column]).chain(others).copied().collect();
        rules.sort_unstable();
        rules.dedup();
        rules.retain(|at| !Self::holds(&self.rules[*at], row));
        rules
    }

    /// The columns that a look-up of a changed key finds, with what it finds.
    pub fn follow(&self, row: &[u128], changed: Column) -> Vec<(Column, u128)> {
        let mut follow = Vec::new();
        for at in &self.of[changed] {
            let Rule::Lookup(Lookup { table: Some(table), keys, places }) = &self.rules[*at] else {
                continue;
            };
            let (keys, values) = places.split_at(*keys);
            if keys.contains(&changed)
                && let Some(found) = Self::found(*table, keys, row)
            {
                let values = values.iter().zip(found).map(|(at, found)| (*at, u128::from(found)));
                follow.extend(values.filter(|(at, value)| row[*at] != *value));
            }
        }
        follow
    }
}
