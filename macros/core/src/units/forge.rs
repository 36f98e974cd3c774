//! A liar: honest rows with cells changed, so that what a row puts out differs, and relations and look-ups still hold.
//!
//! It changes one cell, two cells so that a relation's sum stays, the flags of a unit, or all digits of a number, which then
//! is another by the prime or another quotient; and either leaves the other cells alone or lets them follow honestly. What it finds is a hole in a unit, a rule or a table. What it does not find
//! may be there: a proof of uniqueness is another matter.

use std::collections::{BTreeMap, HashSet};

use super::form::{Form, Var, times};
use super::row::{Cells, Found, Rows};
use super::{PRIME, Port};
use crate::model::WRITES;

/// A cell of a row, and the value that a liar gives it.
pub type Lie = Vec<((usize, usize), i128)>;

/// A row that passes and puts out something else.
#[derive(Clone, Debug)]
pub struct Forged {
    /// The cells that were changed.
    pub lie: Lie,
    /// What is put out otherwise.
    pub output: &'static str,
    /// The honest value, and the other one.
    pub values: (i128, i128),
}

/// What a liar adds to a cell.
const DELTAS: [i128; 14] =
    [1, -1, 2, 4, 255, 256, -256, 0xffff, 0x1_0000, -0x1_0000, 1 << 31, 1 << 32, (1 << 32) - 1, -(1 << 32)];

/// What a liar puts into a cell.
const VALUES: [i128; 8] = [0, 1, 16, 32, 0xffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

/// A polynomial over cells, by place: coefficients modulo the prime.
type Sum = Vec<(i128, Vec<usize>)>;

/// A row with its constants put in.
struct Target<'a> {
    rows: Rows<'a>,
    found: &'a Found,
    homes: Vec<(usize, usize)>,
    honest: Vec<i128>,
    sums: Vec<Sum>,
    /// The cells of the unit whose relation a sum is; none of an assertion.
    own: Vec<Vec<usize>>,
    slots: Vec<(usize, Vec<usize>)>,
    /// The sums and the look-ups that each cell is part of.
    parts: Vec<(Vec<usize>, Vec<usize>)>,
    outputs: Vec<(&'static str, Sum)>,
    /// The word before and whether it can be stored to, which the memory argument gives.
    given: Vec<usize>,
}

/// Tries to forge an honest row; gives the first forgery, and how many lies were told: those of [`lies`].
pub fn forge(rows: Rows<'_>, found: &Found, honest: &Cells, every: usize) -> (usize, Option<Forged>) {
    let target = Target::new(rows, found, honest);
    let mut told = 0;
    let mut lies = target.lies(every).inspect(|_| told += 1);
    let forged = lies.find_map(|lie| target.passes(&lie));
    drop(lies);
    (told, forged)
}

/// Lies about a row. Of pairs of cells, and of rows that follow from what is forced, a `1/every` part is tried.
pub fn lies(rows: Rows<'_>, found: &Found, cells: &Cells, every: usize) -> Vec<Lie> {
    let target = Target::new(rows, found, cells);
    let lies = target.lies(every);
    lies.map(|lie| lie.into_iter().map(|(at, value)| (target.homes[at], value)).collect()).collect()
}

impl<'a> Target<'a> {
    fn new(rows: Rows<'a>, found: &'a Found, honest: &Cells) -> Self {
        let used = rows
            .selection
            .uses
            .keys()
            .flat_map(|unit| (0..rows.units.units[*unit].cells.len()).map(move |cell| (*unit, cell)));
        let mut homes: Vec<(usize, usize)> = used.map(|cell| rows.units.home(cell)).collect();
        homes.sort_unstable();
        homes.dedup();
        let mut target = Self {
            rows,
            found,
            homes,
            honest: Vec::new(),
            sums: Vec::new(),
            own: Vec::new(),
            slots: Vec::new(),
            parts: Vec::new(),
            outputs: Vec::new(),
            given: Vec::new(),
        };
        let memory = rows.units.port(Port::Memory).filter(|unit| rows.selection.uses.contains_key(unit));
        target.given = memory
            .into_iter()
            .flat_map(|unit| [(unit, 0), (unit, 2)])
            .filter_map(|cell| target.place(cell))
            .collect();
        target.honest = target.homes.iter().map(|home| honest.get(*home).unwrap_or_default()).collect();
        for (at, unit) in rows.units.units.iter().enumerate() {
            let used = rows.selection.uses.get(&at);
            for relation in &unit.relations {
                let form = relation.form.put(&mut |var| match var {
                    Var::On => Some(Form::constant(used.is_some().into())),
                    Var::Input(input) => {
                        Some(used.and_then(|used| used.inputs.get(&input)).cloned().unwrap_or_default())
                    }
                    _ => None,
                });
                let sum = target.sum(&form);
                if !sum.is_empty() {
                    let own = (0..unit.cells.len()).filter_map(|cell| target.place((at, cell))).collect();
                    target.own.push(own);
                    target.sums.push(sum);
                }
            }
            for (slot, table) in used.into_iter().flat_map(|used| &used.tables) {
                let places = unit.slots[*slot].places.iter().map(|cell| target.place((at, *cell)));
                target.slots.push((*table, places.flatten().collect()));
            }
        }
        let asserts = rows.selection.asserts.iter().map(|form| target.sum(form));
        let asserts: Vec<Sum> = asserts.filter(|sum| !sum.is_empty()).collect();
        target.own.extend(asserts.iter().map(|_| Vec::new()));
        target.sums.extend(asserts);
        let of = |at: usize| {
            let sums = target.sums.iter().enumerate();
            let sums = sums.filter(|(_, sum)| sum.iter().any(|(_, cells)| cells.contains(&at)));
            let slots = target.slots.iter().enumerate().filter(|(_, (_, places))| places.contains(&at));
            (sums.map(|(at, _)| at).collect(), slots.map(|(at, _)| at).collect())
        };
        target.parts = (0..target.homes.len()).map(of).collect();
        let mut output = |name, form: Option<Form>| {
            let sum = form.map(|form| target.sum(&form));
            target.outputs.extend(sum.map(|sum| (name, sum)));
        };
        let port = |port: Port, cell: usize| {
            let unit = rows.units.port(port).filter(|unit| rows.selection.uses.contains_key(unit))?;
            Some(Form::from(Var::Cell(unit, cell)))
        };
        for (at, written) in WRITES.into_iter().enumerate() {
            output(written, port(Port::Write(at), 0));
        }
        if let Some(taken) = &rows.selection.input {
            output("what is left of the input", Some(taken.left.clone()));
            output("how much of the input is taken", Some(taken.count.clone()));
        }
        if let Some(put) = &rows.selection.output {
            output("the place of what is put out", Some(put.position.clone()));
            output("how much is put out", Some(put.count.clone()));
            output("what is put out", Some(put.value.clone()));
        }
        output("the word after", port(Port::Memory, 1));
        output("the address", rows.selection.address.clone());
        output("the next pc", Some(rows.selection.next.clone()));
        target
    }

    /// Places of cells with other values: alone, and with what follows from them honestly.
    fn lies(&self, every: usize) -> impl Iterator<Item = Vec<(usize, i128)>> {
        let (singles, mut pairs) = (self.singles(), self.pairs(every));
        pairs.extend(self.flags());
        let digits = [self.wrapped(), self.quotients()].concat();
        let followed = singles.iter().step_by(every).chain(&pairs).chain(&digits).cloned();
        let followed: Vec<_> = followed.collect();
        let followed = followed.into_iter().filter_map(|lie| self.followed(&lie));
        singles.into_iter().chain(pairs).chain(followed)
    }

    /// The rest of the row follows from what is forced; none if it cannot.
    fn followed(&self, lie: &[(usize, i128)]) -> Option<Vec<(usize, i128)>> {
        let forced: Lie = lie.iter().map(|(at, value)| (self.homes[*at], *value)).collect();
        let cells = self.rows.refill(self.found, &forced).ok()?;
        let values = self.homes.iter().enumerate();
        let values = values.map(|(at, home)| (at, cells.get(*home).unwrap_or_default()));
        Some(values.filter(|(at, value)| *value != self.honest[*at]).collect())
    }

    fn place(&self, cell: (usize, usize)) -> Option<usize> {
        self.homes.binary_search(&self.rows.units.home(cell)).ok()
    }

    fn sum(&self, form: &Form) -> Sum {
        let mut sum: BTreeMap<Vec<usize>, i128> = BTreeMap::new();
        for (product, coefficient) in form.terms() {
            let mut value = coefficient.rem_euclid(PRIME);
            let mut cells = Some(Vec::new());
            for var in product {
                match var {
                    Var::Cell(unit, cell) => match (self.place((*unit, *cell)), &mut cells) {
                        (Some(at), Some(cells)) => cells.push(at),
                        _ => cells = None,
                    },
                    var => value = times(value, self.rows.known(*var, self.found).rem_euclid(PRIME)),
                }
            }
            // A cell that the instruction does not use is 0.
            if let Some(mut cells) = cells {
                cells.sort_unstable();
                let entry = sum.entry(cells).or_default();
                *entry = (*entry + value) % PRIME;
            }
        }
        sum.into_iter()
            .filter(|(_, coefficient)| *coefficient != 0)
            .map(|(cells, coefficient)| (coefficient, cells))
            .collect()
    }

    fn singles(&self) -> Vec<Vec<(usize, i128)>> {
        let mut lies = Vec::new();
        for (at, honest) in self.honest.iter().enumerate() {
            let near = DELTAS.into_iter().map(|delta| (honest + delta).rem_euclid(PRIME));
            let reads = self.found.reads.into_iter().map(i128::from);
            let values: HashSet<i128> =
                near.chain(VALUES).chain(reads).filter(|value| value != honest).collect();
            let mut values: Vec<i128> = values.into_iter().collect();
            values.sort_unstable();
            lies.extend(values.into_iter().map(|value| vec![(at, value)]));
        }
        lies
    }

    /// Two cells of a relation, changed so that its linear part stays: by multiples of the other one's coefficient, or by
    /// what it takes for a change of one.
    fn pairs(&self, every: usize) -> Vec<Vec<(usize, i128)>> {
        let mut lies = Vec::new();
        let mut at = 0;
        for (sum, own) in self.sums.iter().zip(&self.own) {
            let linear: Vec<(i128, usize)> =
                sum.iter().filter(|(_, cells)| cells.len() == 1).map(|(c, cells)| (*c, cells[0])).collect();
            for (x, a) in &linear {
                for (y, b) in &linear {
                    if a == b {
                        continue;
                    }
                    let ratio = times(*x, inverse(*y));
                    for delta in [1, 2, 0x100, 0x1_0000, 1 << 31] {
                        at += 1;
                        // A unit's own cells, which its relation holds together, are tried whatever the part.
                        let near = delta == 1 && own.contains(a) && own.contains(b);
                        if near || at % every == 0 {
                            let other = (self.honest[*b] - times(ratio, delta)).rem_euclid(PRIME);
                            lies.push(vec![(*a, (self.honest[*a] + delta) % PRIME), (*b, other)]);
                        }
                    }
                }
            }
        }
        lies
    }

    /// Up to three flags of a unit at once: bits, and what is near them.
    fn flags(&self) -> Vec<Vec<(usize, i128)>> {
        let mut lies = Vec::new();
        for unit in self.rows.selection.uses.keys() {
            let cells = &self.rows.units.units[*unit].cells;
            let flags = (0..cells.len()).filter(|cell| cells[*cell].bits == 1);
            let flags: Vec<usize> = flags.filter_map(|cell| self.place((*unit, cell))).take(3).collect();
            for code in 0..4usize.pow(flags.len() as u32) {
                let value = |at: u32| (code / 4usize.pow(at) % 4) as i128 - 1;
                let lie = (0..).zip(&flags).map(|(at, flag)| (*flag, value(at).rem_euclid(PRIME)));
                let lie: Vec<(usize, i128)> = lie.filter(|(at, value)| *value != self.honest[*at]).collect();
                if lie.len() > 1 {
                    lies.push(lie);
                }
            }
        }
        lies
    }

    /// The digits that a relation has of its unit's own cells, for the same value plus or minus the prime.
    fn wrapped(&self) -> Vec<Vec<(usize, i128)>> {
        let mut lies = Vec::new();
        for (sum, own) in self.sums.iter().zip(&self.own) {
            let linear = sum.iter().filter(|(_, cells)| cells.len() == 1 && own.contains(&cells[0]));
            let signed = |c: i128| if c > PRIME / 2 { c - PRIME } else { c };
            let (plus, minus): (Vec<_>, Vec<_>) =
                linear.map(|(c, cells)| (signed(*c), cells[0])).partition(|(c, _)| *c > 0);
            for mut digits in [plus, minus] {
                digits.sort_by_key(|(weight, _)| std::cmp::Reverse(weight.abs()));
                let whole: i128 = digits.iter().map(|(weight, at)| weight.abs() * self.honest[*at]).sum();
                for other in [whole + PRIME, whole - PRIME] {
                    let mut rest = other;
                    let mut lie = Vec::new();
                    for (weight, at) in &digits {
                        let (unit, cell) = self.homes[*at];
                        let most = (1 << self.rows.units.bits(Var::Cell(unit, cell))) - 1;
                        let digit = (rest / weight.abs()).clamp(0, most);
                        rest -= digit * weight.abs();
                        lie.push((*at, digit));
                    }
                    if rest == 0 && !lie.is_empty() {
                        lies.push(lie);
                    }
                }
            }
        }
        lies
    }

    /// Other numbers in the upper two of four limbs, which of a division is the quotient.
    fn quotients(&self) -> Vec<Vec<(usize, i128)>> {
        let mut lies = Vec::new();
        for (unit, used) in &self.rows.selection.uses {
            let declared = &self.rows.units.units[*unit];
            if declared.inputs.len() < 2 || used.inputs.len() < 2 {
                continue;
            }
            // Pairs of limbs in the order of the cells: any four that are sixteen bits wide.
            let limbs: Vec<usize> =
                (0..declared.cells.len()).filter(|cell| declared.cells[*cell].bits == 16).collect();
            for limbs in limbs.chunks_exact(4) {
                let places: Vec<usize> = limbs.iter().filter_map(|cell| self.place((*unit, *cell))).collect();
                let [_, _, c, d] = places[..] else { continue };
                let high = self.honest[c] + (self.honest[d] << 16);
                for other in [high + 1, high - 1, high + 2, 2 * high, 0, 1, 0xffff_ffff] {
                    if (0..1 << 32).contains(&other) && other != high {
                        lies.push(vec![(c, other & 0xffff), (d, other >> 16)]);
                    }
                }
            }
        }
        lies
    }

    /// Whether a lie passes and changes an output.
    fn passes(&self, lie: &[(usize, i128)]) -> Option<Forged> {
        let changed = |at: usize| lie.iter().find(|(changed, _)| *changed == at).map(|(_, value)| *value);
        let of = |at: usize| changed(at).unwrap_or(self.honest[at]);
        if self.given.iter().any(|given| changed(*given).is_some()) {
            return None;
        }
        let value = |sum: &Sum| {
            sum.iter().fold(0, |total, (c, cells)| {
                (total + cells.iter().fold(*c, |all, cell| times(all, of(*cell)))) % PRIME
            })
        };
        for (cell, _) in lie {
            let (sums, slots) = &self.parts[*cell];
            if sums.iter().any(|at| value(&self.sums[*at]) != 0) {
                return None;
            }
            for at in slots {
                let (table, places) = &self.slots[*at];
                let table = &self.rows.units.tables[*table];
                let cells: Vec<i128> = places.iter().map(|at| of(*at)).collect();
                let (keys, values) = cells.split_at(table.keys.len());
                let found = table.find(keys)?.into_iter().map(i128::from).chain(std::iter::repeat(0));
                if values.iter().copied().zip(found).any(|(cell, value)| cell != value) {
                    return None;
                }
            }
        }
        let honest = |sum: &Sum| {
            let of = |at: &usize| self.honest[*at];
            sum.iter().fold(0, |total, (c, cells)| (total + cells.iter().map(of).fold(*c, times)) % PRIME)
        };
        self.outputs.iter().find_map(|(output, sum)| {
            let values = (honest(sum), value(sum));
            let lie = lie.iter().map(|(at, value)| (self.homes[*at], *value)).collect();
            (values.0 != values.1).then_some(Forged { lie, output, values })
        })
    }
}

/// By Fermat's little theorem.
fn inverse(a: i128) -> i128 {
    let (mut result, mut base, mut exponent) = (1, a, PRIME - 2);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = times(result, base);
        }
        base = times(base, base);
        exponent >>= 1;
    }
    result
}
