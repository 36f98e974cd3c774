//! From selections to one set of relations: what feeds a unit differs by instruction, so each product of cells in a relation
//! gets a coefficient that depends on the instruction alone, a column of the code table.
//!
//! A product whose coefficient is the same for all instructions, and in padding, needs no column. Coefficients that are
//! proportional share one, and one that is a combination of others with whole coefficients is written as that: so a column
//! is one of a basis.

use std::collections::BTreeMap;

use super::form::{Form, Var};
use super::select::Selection;
use super::{Unit, Units};

/// A product of the code table's entry: constants of the entry, sorted; empty for 1.
pub type EntryProduct = Vec<usize>;

/// What one instruction has in a column of the code table: Σ coefficient · product of entry constants.
pub type Coefficient = BTreeMap<EntryProduct, i128>;

/// A column of the code table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The relation that needs it first, and the product that it is the coefficient of.
    pub name: String,
    /// By instruction; one that is not there has 0.
    pub by: BTreeMap<usize, Coefficient>,
}

impl Column {
    /// The least and the greatest value that an entry may have, 0 among them; none beyond 64 bits.
    pub fn bounds(&self, units: &Units) -> Option<(i64, i64)> {
        let (mut min, mut max) = (0i128, 0i128);
        for coefficient in self.by.values() {
            let (mut low, mut high) = (0i128, 0i128);
            for (product, factor) in coefficient {
                let greatest = |at: &usize| (1i128 << units.entries[*at].ty.width) - 1;
                let most = product.iter().map(greatest).try_fold(*factor, i128::checked_mul)?;
                (low, high) = (low.checked_add(most.min(0))?, high.checked_add(most.max(0))?);
            }
            (min, max) = (min.min(low), max.max(high));
        }
        Some((i64::try_from(min).ok()?, i64::try_from(max).ok()?))
    }

    /// Whether it takes two words.
    pub fn is_wide(&self, units: &Units) -> bool {
        self.words(units).len() > 1
    }

    /// The words that hold it, each with what it counts and its bounds: one, or the lower 32 bits and what is above.
    pub fn words(&self, units: &Units) -> Vec<Limb> {
        let (min, max) = self.bounds(units).unwrap_or_default();
        let fits = (min >= 0 && max <= u32::MAX.into()) || (min >= i32::MIN.into() && max <= i32::MAX.into());
        match fits {
            true => vec![Limb { shift: 0, min, max }],
            false => vec![
                Limb { shift: 0, min: 0, max: u32::MAX.into() },
                Limb { shift: 32, min: min >> 32, max: max >> 32 },
            ],
        }
    }
}

/// A word of a column of the code table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limb {
    /// It counts 2^shift.
    pub shift: u32,
    /// Its least value.
    pub min: i64,
    /// Its greatest value.
    pub max: i64,
}

/// A relation of all instructions: Σ (Σ factor · column) · product, and what has the same coefficient in every row.
#[derive(Clone, Debug, Default)]
pub struct Relation {
    /// Where it comes from: `unit: relation`, `assert 0`, `next_pc`, `address`, `row: …`, `end: …`.
    pub name: String,
    /// Products of cells and values read, each with columns of the code table and their factors.
    pub wired: BTreeMap<Vec<Var>, Vec<(usize, i128)>>,
    /// Products whose coefficient is the same in every row.
    pub fixed: BTreeMap<Vec<Var>, i128>,
}

/// A product: a sum of columns of the code table, times factors, times a sum that is linear in what a row has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Columns of the code table with their factors; none for 1.
    pub columns: Vec<(usize, i128)>,
    /// Further factors: what a row has, times a number.
    pub factors: Vec<(Var, i128)>,
    /// What a row has, or 1, with its coefficient.
    pub sum: Vec<(Option<Var>, i128)>,
}

/// A sum may be as large as this many bits before part of it becomes a product of its own: a prover's first rounds work on
/// integers, and a factor grows there.
const MAX_SUM_BITS: u32 = 50;

impl Relation {
    /// The unit that it is of; none for what rules assert, and for what holds of every row.
    pub fn unit<'u>(&self, units: &'u Units) -> Option<&'u Unit> {
        let owner = self.name.split(':').next();
        units.units.iter().find(|unit| Some(unit.name.as_str()) == owner)
    }

    /// The relation as a sum of products: one for what has the same columns of the code table, and the same factors but one.
    pub fn terms(&self, units: &Units, all: &[Column]) -> Vec<Term> {
        type Sum = BTreeMap<Option<Var>, i128>;
        type Columns = Vec<(usize, i128)>;
        let mut sums: BTreeMap<(Columns, Vec<Var>), Sum> = BTreeMap::new();
        let wired = self.wired.iter().flat_map(|(product, by)| {
            // Another column of two words would leave 64 bits.
            let (apart, joined): (Vec<_>, Vec<_>) = by
                .iter()
                .filter(|(_, factor)| *factor != 0)
                .partition(|(column, factor)| factor.unsigned_abs() >> 16 > 0 && all[*column].is_wide(units));
            apart.into_iter().map(|one| vec![one]).chain([joined]).map(move |by| (product, by))
        });
        for (product, by) in wired.filter(|(_, by)| !by.is_empty()) {
            let common = by.iter().fold(0, |common, (_, factor)| gcd(common, factor.unsigned_abs()));
            let common = i128::try_from(common).unwrap_or(1) * by[0].1.signum();
            let by = by.into_iter().map(|(column, factor)| (column, factor / common)).collect();
            let (factors, last) = apart(product);
            *sums.entry((by, factors)).or_default().entry(last).or_default() += common;
        }
        for (product, coefficient) in &self.fixed {
            let (factors, last) = apart(product);
            *sums.entry((Vec::new(), factors)).or_default().entry(last).or_default() += coefficient;
        }
        // x · y and x have x in common.
        let lower: Vec<_> = sums.keys().filter(|(_, factors)| factors.is_empty()).cloned().collect();
        for (by, none) in lower {
            let Some(sum) = sums.remove(&(by.clone(), none.clone())) else { continue };
            for (var, coefficient) in sum {
                let factors: Vec<Var> = var.into_iter().collect();
                match sums.get_mut(&(by.clone(), factors)).filter(|_| var.is_some()) {
                    Some(higher) => *higher.entry(None).or_default() += coefficient,
                    None => {
                        let sum = sums.entry((by.clone(), none.clone())).or_default();
                        *sum.entry(var).or_default() += coefficient;
                    }
                }
            }
        }
        let mut terms = Vec::new();
        for ((columns, factors), sum) in sums {
            let sum = sum.into_iter().filter(|(_, coefficient)| *coefficient != 0);
            let is_large = |(var, coefficient): &(Option<Var>, i128)| {
                let bits = i128::BITS - coefficient.unsigned_abs().leading_zeros();
                bits + var.map_or(0, |var| units.bits(var)) > MAX_SUM_BITS
            };
            let (mut large, small): (Vec<_>, Vec<_>) = sum.partition(is_large);
            let common = large.iter().fold(0, |common, (_, factor)| gcd(common, factor.unsigned_abs()));
            let scale = i128::try_from(common).unwrap_or(1);
            // What they have in common goes to a factor, or to the columns; where there is neither it stays.
            let narrow = !columns.is_empty() && !columns.iter().any(|(at, _)| all[*at].is_wide(units));
            let scale = if factors.is_empty() && !narrow { 1 } else { scale };
            large.iter_mut().for_each(|(_, factor)| *factor /= scale);
            for (scale, sum) in [(1, small), (scale, large)].into_iter().filter(|(_, sum)| !sum.is_empty()) {
                let mut columns = columns.clone();
                let mut factors: Vec<(Var, i128)> = factors.iter().map(|var| (*var, 1)).collect();
                match factors.first_mut() {
                    Some((_, factor)) => *factor = scale,
                    None => columns.iter_mut().for_each(|(_, factor)| *factor *= scale),
                }
                terms.push(Term { columns, factors, sum });
            }
        }
        terms
    }

    /// The degree in cells and columns of the code table.
    pub fn degree(&self) -> usize {
        let wired = self.wired.keys().map(|product| product.len() + 1);
        wired.chain(self.fixed.keys().map(Vec::len)).max().unwrap_or_default()
    }
}

/// The compiled form of a spec.
#[derive(Clone, Debug, Default)]
pub struct Wiring {
    /// The columns of the code table that relations read.
    pub columns: Vec<Column>,
    /// The relations.
    pub relations: Vec<Relation>,
    /// The look-ups: unit, slot, and the table by instruction. Look-ups of the same cells are one.
    pub slots: Vec<SlotTables>,
}

impl Wiring {
    /// Every coefficient and factor.
    pub fn coefficients(&self) -> impl Iterator<Item = i128> {
        let columns =
            self.columns.iter().flat_map(|column| column.by.values().flat_map(BTreeMap::values)).copied();
        let relations = self.relations.iter();
        let wired = relations
            .clone()
            .flat_map(|relation| relation.wired.values().flatten().map(|(_, factor)| *factor));
        let fixed = relations.flat_map(|relation| relation.fixed.values().copied());
        let slots = self
            .slots
            .iter()
            .flat_map(|slot| slot.multiplicity.iter().chain(&slot.tag))
            .map(|(_, factor)| *factor);
        columns.chain(wired).chain(fixed).chain(slots)
    }
}

/// A look-up of fixed columns, and which table it reads by instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotTables {
    /// The unit and its slot; several, if they read the same columns.
    pub of: Vec<(usize, usize)>,
    /// The columns that it reads.
    pub places: Vec<(usize, usize)>,
    /// The table, by instruction that reads one.
    pub tables: BTreeMap<usize, usize>,
    /// 1 where the look-up is made, 0 elsewhere: columns of the code table with their factors.
    pub multiplicity: Vec<(usize, i128)>,
    /// The number of the table, from 1, likewise.
    pub tag: Vec<(usize, i128)>,
}

/// Of each product of cells its coefficient by instruction.
type Products = BTreeMap<Vec<Var>, BTreeMap<usize, Coefficient>>;

/// A relation before its coefficients are columns: its name, what is wired, and what is the same in every row.
type Wanted = (String, Products, BTreeMap<Vec<Var>, i128>);

/// Puts selections together. The coefficient of a product is a vector over (instruction, product of entry constants).
pub fn wire(units: &Units, selections: &[Option<Selection>]) -> Wiring {
    let mut wanted: Vec<Wanted> = Vec::new();
    for (at, unit) in units.units.iter().enumerate() {
        for relation in &unit.relations {
            let mut wired = Products::new();
            let mut fixed: BTreeMap<Vec<Var>, i128> = BTreeMap::new();
            for (product, coefficient) in relation.form.terms() {
                if product.iter().any(|var| matches!(var, Var::On | Var::Input(_))) {
                    let term = product_of(product, coefficient);
                    for (instruction, selection) in selections.iter().enumerate() {
                        let Some(used) = selection.as_ref().and_then(|selection| selection.uses.get(&at))
                        else {
                            continue;
                        };
                        let form = term.put(&mut |var| match var {
                            Var::On => Some(Form::constant(1)),
                            Var::Input(input) => Some(used.inputs.get(&input).cloned().unwrap_or_default()),
                            _ => None,
                        });
                        add(units, &mut wired, instruction, &form);
                    }
                } else {
                    *fixed.entry(homes(units, product)).or_default() += coefficient;
                }
            }
            wanted.push((format!("{}: {}", unit.name, relation.text), wired, fixed));
        }
    }
    let most = selections.iter().flatten().map(|selection| selection.asserts.len()).max().unwrap_or_default();
    for at in 0..most {
        let mut wired = Products::new();
        for (instruction, selection) in selections.iter().enumerate() {
            if let Some(form) = selection.as_ref().and_then(|selection| selection.asserts.get(at)) {
                add(units, &mut wired, instruction, form);
            }
        }
        wanted.push((format!("assert {at}"), wired, BTreeMap::new()));
    }
    let [mut next, mut address, mut row, mut end] = [(); 4].map(|()| Products::new());
    for (instruction, selection) in selections.iter().enumerate() {
        if let Some(selection) = selection {
            add(units, &mut next, instruction, &selection.next_is());
            if units.address.is_some() {
                add(units, &mut address, instruction, &selection.address_is());
            }
            add(units, &mut row, instruction, &-&Form::constant(1));
            if selection.exits {
                add(units, &mut end, instruction, &-&Form::from(Var::Last));
            }
        }
    }
    wanted.push(("next_pc".to_owned(), next, BTreeMap::new()));
    if units.address.is_some() {
        wanted.push(("address".to_owned(), address, BTreeMap::new()));
    }
    let public = |var| BTreeMap::from([(vec![var], 1)]);
    wanted.push(("row: active = an instruction's".to_owned(), row, public(Var::Active)));
    wanted.push(("end: last = last * an exit's".to_owned(), end, public(Var::Last)));
    let mut slots = slots(units, selections);
    let flags = |slot: &SlotTables, value: &dyn Fn(usize) -> i128| -> Vector {
        slot.tables.iter().map(|(at, table)| ((*at, Vec::new()), value(*table))).collect()
    };
    let multiplicity = |slot: &SlotTables| flags(slot, &|_| 1);
    let tag = |slot: &SlotTables| flags(slot, &|table| table as i128 + 1);
    let products = wanted.iter().flat_map(|(_, wired, _)| wired.values().map(vector));
    let vectors: Vec<Vector> =
        products.chain(slots.iter().flat_map(|slot| [multiplicity(slot), tag(slot)])).collect();
    let basis = Basis::of(&vectors);
    let mut columns: Vec<Column> = basis.rows.iter().map(column).collect();
    let relations = wanted
        .into_iter()
        .map(|(name, wired, fixed)| {
            let mut of = BTreeMap::new();
            for (product, by) in wired {
                let combination = basis.express(&vector(&by));
                for (at, _) in &combination {
                    if columns[*at].name.is_empty() {
                        columns[*at].name = label(units, &name, &product);
                    }
                }
                if !combination.is_empty() {
                    of.insert(product, combination);
                }
            }
            Relation { name, wired: of, fixed }
        })
        .collect();
    for slot in &mut slots {
        (slot.multiplicity, slot.tag) = (basis.express(&multiplicity(slot)), basis.express(&tag(slot)));
        for (at, _) in slot.multiplicity.iter().chain(&slot.tag) {
            if columns[*at].name.is_empty() {
                let (unit, slot) = slot.of[0];
                columns[*at].name =
                    format!("{}.{}", units.units[unit].name, units.units[unit].slots[slot].name);
            }
        }
    }
    let mut names: Vec<String> = Vec::new();
    for column in &mut columns {
        while names.contains(&column.name) {
            column.name.push('\'');
        }
        names.push(column.name.clone());
    }
    Wiring { columns, relations, slots }
}

/// A product as all but its last variable, and that.
fn apart(product: &[Var]) -> (Vec<Var>, Option<Var>) {
    match product.split_last() {
        Some((last, others)) => (others.to_vec(), Some(*last)),
        None => (Vec::new(), None),
    }
}

fn product_of(product: &[Var], coefficient: i128) -> Form {
    product.iter().fold(Form::constant(coefficient), |all, var| &all * &Form::from(*var))
}

/// The product's cells by their columns.
fn homes(units: &Units, product: &[Var]) -> Vec<Var> {
    let home = |var: &Var| match var {
        Var::Cell(unit, cell) => {
            let (unit, cell) = units.home((*unit, *cell));
            Var::Cell(unit, cell)
        }
        var => *var,
    };
    let mut product: Vec<Var> = product.iter().map(home).collect();
    product.sort_unstable();
    product
}

fn add(units: &Units, wired: &mut Products, instruction: usize, form: &Form) {
    for (product, coefficient) in form.terms() {
        let (entry, cells): (Vec<Var>, Vec<Var>) =
            product.iter().partition(|var| matches!(var, Var::Entry(_)));
        let entry: EntryProduct = entry
            .into_iter()
            .filter_map(|var| match var {
                Var::Entry(at) => Some(at),
                _ => None,
            })
            .collect();
        let by = wired.entry(homes(units, &cells)).or_default().entry(instruction).or_default();
        *by.entry(entry).or_default() += coefficient;
    }
}

fn label(units: &Units, relation: &str, product: &[Var]) -> String {
    let unit = relation.split(':').next().unwrap_or(relation);
    let factors: Vec<String> = product.iter().map(|var| units.name(*var)).collect();
    format!("{unit}[{}]", if factors.is_empty() { "1".to_owned() } else { factors.join("*") })
}

/// A coefficient as a vector: coordinates are (instruction, product of entry constants).
type Vector = BTreeMap<(usize, EntryProduct), i128>;

fn vector(by: &BTreeMap<usize, Coefficient>) -> Vector {
    let all = by.iter().flat_map(|(at, coefficient)| {
        coefficient.iter().map(|(product, factor)| ((*at, product.clone()), *factor))
    });
    all.filter(|(_, factor)| *factor != 0).collect()
}

fn column(row: &Vector) -> Column {
    let mut by: BTreeMap<usize, Coefficient> = BTreeMap::new();
    for ((instruction, product), factor) in row {
        by.entry(*instruction).or_default().insert(product.clone(), *factor);
    }
    Column { name: String::new(), by }
}

/// Vectors of whole numbers, each 1 at a coordinate of its own where the others are 0: so a combination's factors are its
/// entries there.
struct Basis {
    /// None of a row that is a combination of no others, and has no such coordinate.
    pivots: Vec<Option<(usize, EntryProduct)>>,
    rows: Vec<Vector>,
}

impl Basis {
    /// A basis of what the vectors span, by Gaussian elimination. A step at which no entry is 1 or -1 would leave fractions;
    /// the pivot is chosen so that rows stay short.
    fn of(vectors: &[Vector]) -> Self {
        let mut left: Vec<Vector> = vectors.iter().map(|vector| primitive(vector).0).collect();
        distinct(&mut left);
        let mut basis = Self { pivots: Vec::new(), rows: Vec::new() };
        while let Some((at, pivot)) = pivot(&left) {
            let mut row = left.swap_remove(at);
            let unit = row[&pivot];
            row.values_mut().for_each(|factor| *factor *= unit);
            for other in left.iter_mut().chain(&mut basis.rows) {
                let factor = other.get(&pivot).copied().unwrap_or_default();
                subtract(other, &row, factor);
            }
            left.iter_mut().for_each(|vector| *vector = primitive(vector).0);
            distinct(&mut left);
            basis.pivots.push(Some(pivot));
            basis.rows.push(row);
        }
        // What has no entry of size one is a column as it is; it is not taken apart further.
        for vector in left {
            basis.pivots.push(None);
            basis.rows.push(vector);
        }
        basis
    }

    /// The rows whose combination a vector is, with their factors.
    fn express(&self, vector: &Vector) -> Vec<(usize, i128)> {
        let at = |pivot: &(usize, EntryProduct)| vector.get(pivot).copied().filter(|factor| *factor != 0);
        let pivots = self.pivots.iter().enumerate();
        let mut found: Vec<(usize, i128)> =
            pivots.filter_map(|(row, pivot)| Some((row, at(pivot.as_ref()?)?))).collect();
        let mut rest = vector.clone();
        for (row, factor) in &found {
            subtract(&mut rest, &self.rows[*row], *factor);
        }
        // What is left is one of the rows that have no pivot: each is what a vector left.
        let (rest, factor) = primitive(&rest);
        let whole = self.rows.iter().position(|row| !rest.is_empty() && *row == rest);
        found.extend(whole.map(|row| (row, factor)));
        found
    }
}

/// The vector over its content, whose first entry is then positive, and the factor.
fn primitive(vector: &Vector) -> (Vector, i128) {
    let divisor =
        vector.values().fold(0, |divisor, factor| gcd(divisor, factor.unsigned_abs())).max(1) as i128;
    let factor = if vector.values().next().is_some_and(|first| *first < 0) { -divisor } else { divisor };
    (vector.iter().map(|(coordinate, entry)| (coordinate.clone(), entry / factor)).collect(), factor)
}

/// Each vector once, and none that is zero.
fn distinct(vectors: &mut Vec<Vector>) {
    vectors.retain(|vector| !vector.is_empty());
    vectors.sort();
    vectors.dedup();
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Takes a multiple of a row away.
fn subtract(from: &mut Vector, row: &Vector, factor: i128) {
    for (coordinate, value) in row.iter().filter(|_| factor != 0) {
        let entry = from.entry(coordinate.clone()).or_default();
        *entry -= factor * value;
        if *entry == 0 {
            from.remove(coordinate);
        }
    }
}

/// The vector and the coordinate to go on with: an entry that is 1 or -1, of the shortest vector, where the fewest others
/// have one.
fn pivot(left: &[Vector]) -> Option<(usize, (usize, EntryProduct))> {
    let mut order: Vec<usize> = (0..left.len()).collect();
    order.sort_by_key(|at| left[*at].len());
    order.into_iter().find_map(|at| {
        let units = left[at].iter().filter(|(_, factor)| factor.unsigned_abs() == 1);
        let others = |coordinate: &(usize, EntryProduct)| {
            left.iter().filter(|vector| vector.contains_key(coordinate)).count()
        };
        let best = units.map(|(coordinate, _)| coordinate).min_by_key(|coordinate| others(coordinate))?;
        Some((at, best.clone()))
    })
}

/// The look-ups, those of the same columns together.
fn slots(units: &Units, selections: &[Option<Selection>]) -> Vec<SlotTables> {
    let mut slots: Vec<SlotTables> = Vec::new();
    for (at, unit) in units.units.iter().enumerate() {
        for (slot, declared) in unit.slots.iter().enumerate() {
            let places: Vec<(usize, usize)> =
                declared.places.iter().map(|cell| units.home((at, *cell))).collect();
            let tables = selections.iter().enumerate().filter_map(|(instruction, selection)| {
                let used = selection.as_ref()?.uses.get(&at)?;
                Some((instruction, *used.tables.get(&slot)?))
            });
            let tables: BTreeMap<usize, usize> = tables.collect();
            // Two look-ups of one unit are both made: they are two, whatever they read.
            let other = |known: &&mut SlotTables| {
                known.places == places && known.of.iter().all(|(unit, _)| *unit != at)
            };
            match slots.iter_mut().find(other) {
                Some(known) => {
                    known.of.push((at, slot));
                    known.tables.extend(tables);
                }
                None => slots.push(SlotTables {
                    of: vec![(at, slot)],
                    places,
                    tables,
                    multiplicity: Vec::new(),
                    tag: Vec::new(),
                }),
            }
        }
    }
    slots
}

/// How many cells are committed: those that share a column count once. Ports' words count.
pub fn committed(units: &Units) -> usize {
    units.columns().count()
}
