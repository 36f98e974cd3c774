//! Row to row: Σ_x [eq(τ, x)·to(x) − eq₊₁(x, τ)·from(x)] = eq(τ, 0)·entry − eq(τ, T)·exit.
//!
//! eq₊₁(x, y) is 1 where y = x + 1, without wrap from the last row to the first. For a random τ the identity holds,
//! but for a chance of n/|F|, only if `to` is `entry` in row 0 and in each row after it what `from` is in the row
//! before. Where T < 2^n this includes row T, in which `to` is padding: so `from` is `exit` in row T − 1. Where T = 2^n
//! there is no such row: the last term is not there, and another instance or a constraint must say it.

use super::instance::{Block, RoundProver, Scratch, SumcheckInstance};
use super::round::{Node, interpolate};
use crate::field::SumcheckField;
use crate::isa::{ColumnId, Link};
use crate::oracle::{EqTable, eq, eq_row};

/// The claim that a column continues another one, a row later.
///
/// Neither eq nor eq₊₁ is a column. On the rows that are not bound yet, eq₊₁(m, y) = eq(m + 1, y): one table of O(√T)
/// elements serves both, read at m and at m + 1.
#[derive(Clone, Debug)]
pub struct Shift<F> {
    /// `from` and `to`, once if they are one column.
    columns: Vec<ColumnId>,
    entry: F,
    tau: Vec<F>,
    /// `exit`, and the row that it would stand in.
    exit: (F, u64),
}

impl<F: SumcheckField> Shift<F> {
    /// `link.to` is `entry` in row 0, and what `link.from` was in the row before in every other; at the same tau as
    /// the zero-check it costs no further point.
    pub fn new(link: &Link, entry: F, tau: Vec<F>) -> Self {
        let columns = if link.from == link.to { vec![link.from] } else { vec![link.from, link.to] };
        Self { columns, entry, tau, exit: (F::ZERO, 0) }
    }

    /// The same, where `link.from` is `exit` in the last of `rows` rows, and not zero. Says nothing of it where no row of
    /// padding follows, that is where `rows` is 2^n.
    #[must_use]
    pub fn with_exit(self, exit: F, rows: u64) -> Self {
        Self { exit: (exit, rows), ..self }
    }
}

/// eq₊₁(x, y) for any field elements: Σ_k Π_{b<k} x_b(1 − y_b) · (1 − x_k)y_k · Π_{b>k} eq(x_b, y_b), where k is the bit
/// at which adding one stops carrying. O(n).
pub fn eq_plus_one<F: SumcheckField>(x: &[F], y: &[F]) -> F {
    x.iter().zip(y).fold(Prefix::START, |prefix, (x, y)| prefix.extend(*x, *y)).settled
}

/// eq₊₁ over the low variables: with the carry settled among them, and with the carry still to go.
#[derive(Clone, Copy, Debug)]
struct Prefix<F> {
    settled: F,
    carry: F,
}

impl<F: SumcheckField> Prefix<F> {
    const START: Self = Self { settled: F::ZERO, carry: F::ONE };

    fn extend(self, x: F, y: F) -> Self {
        Self {
            settled: self.settled * eq(&[x], &[y]) + self.carry * (F::ONE - x) * y,
            carry: self.carry * x * (F::ONE - y),
        }
    }
}

impl<F: SumcheckField> SumcheckInstance<F> for Shift<F> {
    fn columns(&self) -> &[ColumnId] {
        &self.columns
    }

    fn variables(&self) -> Option<usize> {
        Some(self.tau.len())
    }

    fn degree(&self) -> usize {
        2
    }

    fn claim(&self) -> F {
        let (exit, rows) = self.exit;
        let n = self.tau.len() as u32;
        let padded = rows.checked_shr(n).is_none_or(|beyond| beyond == 0);
        let exit = if padded { exit * eq_row(&self.tau, rows) } else { F::ZERO };
        self.entry * eq_row(&self.tau, 0) - exit
    }

    fn evaluate(&self, point: &[F], values: &[F]) -> F {
        match values {
            [from, .., to] | [from @ to] => eq(&self.tau, point) * to - eq_plus_one(point, &self.tau) * from,
            [] => F::ZERO,
        }
    }

    fn prover(&self, _rows: u64, _variables: usize) -> Box<dyn RoundProver<F> + '_> {
        Box::new(ShiftProver {
            statement: self,
            table: EqTable::new(&[]),
            sums: [const { Vec::new() }; 3],
            equal: F::ONE,
            prefix: Prefix::START,
            round: 0,
        })
    }

    fn cost(&self, window: u32, integral: bool) -> f64 {
        let weighed = if integral { 0.12 } else { 0.4 };
        3.0 * weighed * f64::from(1u32 << window)
    }
}

struct ShiftProver<'a, F> {
    statement: &'a Shift<F>,
    /// eq(τ, ·) over the variables after the window.
    table: EqTable<F>,
    /// For each point of what is left of the window: `to` under eq, `from` under eq, `from` under eq₊₁.
    sums: [Vec<F>; 3],
    /// eq(τ₀…τ_{i−1}; r₀…r_{i−1}).
    equal: F,
    /// eq₊₁ over the same variables.
    prefix: Prefix<F>,
    round: usize,
}

impl<F: SumcheckField> ShiftProver<'_, F> {
    /// The round polynomial at `at`. Over the window's variables eq₊₁ is settled or carries on; what is after it is in
    /// the sums.
    fn sample(&self, at: F) -> F {
        let line = |pair: &[F]| {
            pair.first().zip(pair.last()).map_or(F::ZERO, |(even, odd)| *even + at * (*odd - even))
        };
        let [to, from, next] =
            [0, 1, 2].map(|sum: usize| self.sums[sum].chunks(2).map(line).collect::<Vec<F>>());
        let tau = &self.statement.tau[self.round..];
        let rounds = to.len().trailing_zeros() as usize;
        let value = |bits: usize| {
            let mut x = vec![at];
            x.extend((0..rounds).map(|i| if bits >> i & 1 == 1 { F::ONE } else { F::ZERO }));
            let Prefix { settled, carry } =
                x.iter().zip(tau).fold(self.prefix, |prefix, (x, tau)| prefix.extend(*x, *tau));
            self.equal * eq(&x, &tau[..x.len()]) * to[bits] - settled * from[bits] - carry * next[bits]
        };
        (0..to.len()).map(value).sum()
    }
}

impl<F: SumcheckField> RoundProver<F> for ShiftProver<'_, F> {
    fn open(&mut self, window: u32) -> usize {
        let end = self.round + window as usize;
        self.table = EqTable::new(self.statement.tau.get(end..).unwrap_or_default());
        3 << window
    }

    fn absorb(&self, block: &Block<'_, F>, scratch: &mut Scratch<F>, sums: &mut [F]) {
        let to = self.statement.columns.len() - 1;
        let entries = 1 << block.window();
        for (sums, (column, ahead)) in sums.chunks_mut(entries).zip([(to, 0), (0, 0), (0, 1)]) {
            let mut done = 0;
            while done < block.groups() {
                let at = block.start() + done as u64 + ahead;
                let (weights, scale) = self.table.segment(at, block.groups() - done);
                let part = block.narrow(done, weights.len());
                part.integers(column, &mut scratch.integers);
                for (entry, sum) in sums.iter_mut().enumerate() {
                    *sum += scale * weigh_entry(&part, column, entry, weights, scratch);
                }
                done += weights.len();
            }
        }
    }

    fn close(&mut self, sums: Vec<F>, _claim: F) {
        let third = sums.len() / 3;
        self.sums = [0, 1, 2].map(|sum| sums[sum * third..(sum + 1) * third].to_vec());
    }

    fn message(&self) -> Vec<F> {
        let samples = [0i64, 1, 2].map(|at| (Node::At(at), self.sample(F::from(at))));
        interpolate(&samples)
    }

    fn bind(&mut self, challenge: F) {
        let tau = self.statement.tau.get(self.round).copied().unwrap_or(F::ZERO);
        self.equal *= eq(&[tau], &[challenge]);
        self.prefix = self.prefix.extend(challenge, tau);
        self.round += 1;
        for sums in &mut self.sums {
            let line = |pair: &[F]| pair[0] + challenge * (pair[1] - pair[0]);
            *sums = sums.chunks_exact(2).map(line).collect();
        }
    }
}

/// The weighted sum of a column's entries `entry` of each group; cells are in `scratch.integers`.
fn weigh_entry<F: SumcheckField>(
    block: &Block<'_, F>,
    column: usize,
    entry: usize,
    weights: &[F],
    scratch: &mut Scratch<F>,
) -> F {
    let step = 1 << block.window();
    if block.is_integral() {
        scratch.longs.clear();
        scratch.longs.extend(scratch.integers.iter().skip(entry).step_by(step));
        F::dot_i64(weights, &scratch.longs)
    } else {
        let entries = block.bound(column);
        F::inner_product(weights.len().min(block.groups()), |group| {
            (&weights[group], &entries[group * step + entry])
        })
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::{AdditiveGroup, Field};

    use super::*;
    use crate::field::tests::Goldilocks as F;

    #[test]
    fn eq_plus_one_is_the_successor_without_wrap() {
        for n in 0..=6usize {
            let bits = |x: u64| (0..n).map(|i| F::from((x >> i) & 1)).collect::<Vec<_>>();
            let tau: Vec<F> = (0..n as u64).map(|i| F::from(3 * i + 2).pow([9 + i])).collect();
            let table = EqTable::new(&tau);
            for x in 0..1u64 << n {
                for y in 0..1u64 << n {
                    let expected = if y == x + 1 { F::ONE } else { F::ZERO };
                    assert_eq!(eq_plus_one(&bits(x), &bits(y)), expected, "n = {n}, {x}, {y}");
                }
                assert_eq!(eq_plus_one(&bits(x), &tau), table.at(x + 1));
            }
            assert_eq!(table.at(1 << n), F::ZERO);
        }
    }
}
