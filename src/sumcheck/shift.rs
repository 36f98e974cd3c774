//! Row to row: Σ_x [eq(τ, x)·to(x) − eq₊₁(x, τ)·from(x)] = eq(τ, 0)·entry.
//!
//! eq₊₁(x, y) is 1 where y = x + 1, without wrap from the last row to the first. For a random τ the identity holds,
//! but for a chance of n/|F|, only if `to` is `entry` in row 0 and in each row after it what `from` is in the row
//! before. Where T < 2^n this includes row T, in which `to` is padding: so `from` is zero in row T − 1. Where T = 2^n
//! there is no such row, and a constraint must say it.

use super::instance::{Block, RoundProver, Scratch, SumcheckInstance};
use crate::field::SumcheckField;
use crate::isa::{ColumnId, Link};
use crate::oracle::{EqTable, eq};

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
}

impl<F: SumcheckField> Shift<F> {
    /// `link.to` is `entry` in row 0, and what `link.from` was in the row before in every other; at the same tau as
    /// the zero-check it costs no further point.
    pub fn new(link: &Link, entry: F, tau: Vec<F>) -> Self {
        let columns = if link.from == link.to { vec![link.from] } else { vec![link.from, link.to] };
        Self { columns, entry, tau }
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
        self.entry * self.tau.iter().map(|tau| F::ONE - tau).product::<F>()
    }

    fn evaluate(&self, point: &[F], values: &[F]) -> F {
        match values {
            [from, .., to] | [from @ to] => eq(&self.tau, point) * to - eq_plus_one(point, &self.tau) * from,
            [] => F::ZERO,
        }
    }

    fn prover(&self, _rows: u64, _variables: usize) -> Box<dyn RoundProver<F> + '_> {
        let table = EqTable::new(self.tau.get(1..).unwrap_or_default());
        Box::new(ShiftProver { statement: self, table, equal: F::ONE, prefix: Prefix::START, round: 0 })
    }
}

struct ShiftProver<'a, F> {
    statement: &'a Shift<F>,
    /// eq(τ_{i+1}…, ·).
    table: EqTable<F>,
    /// eq(τ₀…τ_{i−1}; r₀…r_{i−1}).
    equal: F,
    /// eq₊₁ over the same variables.
    prefix: Prefix<F>,
    round: usize,
}

impl<F: SumcheckField> RoundProver<F> for ShiftProver<'_, F> {
    /// Even and odd entries of `to` under eq, of `from` under eq, of `from` under eq₊₁.
    fn sums(&self) -> usize {
        6
    }

    fn absorb(&self, block: &Block<'_, F>, scratch: &mut Scratch<F>, sums: &mut [F]) {
        let to = self.statement.columns.len() - 1;
        for (pair, (column, ahead)) in sums.chunks_mut(2).zip([(to, 0), (0, 0), (0, 1)]) {
            let [even, odd] = pair else { continue };
            let mut done = 0;
            while done < block.pairs() {
                let at = block.start() + done as u64 + ahead;
                let (weights, scale) = self.table.segment(at, block.pairs() - done);
                let (low, high) = weigh_pairs(&block.narrow(done, weights.len()), column, weights, scratch);
                *even += scale * low;
                *odd += scale * high;
                done += weights.len();
            }
        }
    }

    fn message(&self, sums: &[F], _claim: F) -> Vec<F> {
        let &[to_even, to_odd, even, odd, next_even, next_odd] = sums else { return vec![F::ZERO; 3] };
        let tau = self.statement.tau.get(self.round).copied().unwrap_or(F::ZERO);
        let Prefix { settled, carry } = self.prefix;
        // eq(τᵢ, X)·[equal·to(X) − settled·from(X)] − carry·[(1 − X)τᵢ·from(X) + X(1 − τᵢ)·next(X)]
        let line = |even: F, odd: F| (even, odd - even);
        let under_eq = line(self.equal * to_even - settled * even, self.equal * to_odd - settled * odd);
        let stop = line(carry * tau * even, carry * tau * odd);
        let go = line(carry * (F::ONE - tau) * next_even, carry * (F::ONE - tau) * next_odd);
        let product = |(a, b): (F, F), (c, d): (F, F)| [a * c, a * d + b * c, b * d];
        let eq = product((F::ONE - tau, tau.double() - F::ONE), under_eq);
        let stop = product((F::ONE, -F::ONE), stop);
        let go = product((F::ZERO, F::ONE), go);
        (0..3).map(|i| eq[i] - stop[i] - go[i]).collect()
    }

    fn bind(&mut self, challenge: F) {
        let tau = self.statement.tau.get(self.round).copied().unwrap_or(F::ZERO);
        self.equal *= eq(&[tau], &[challenge]);
        self.prefix = self.prefix.extend(challenge, tau);
        self.round += 1;
        self.table = EqTable::new(self.statement.tau.get(self.round + 1..).unwrap_or_default());
    }
}

/// The weighted sums of a column's even and odd entries.
fn weigh_pairs<F: SumcheckField>(
    block: &Block<'_, F>,
    column: usize,
    weights: &[F],
    scratch: &mut Scratch<F>,
) -> (F, F) {
    if block.is_integral() {
        let shape = block.shape(column);
        let values = &mut scratch.longs;
        let mut sum = |odd: usize| {
            values.clear();
            values.extend(block.cells(column).iter().skip(odd).step_by(2).map(|cell| shape.value(*cell)));
            F::dot_i64(weights, values)
        };
        (sum(0), sum(1))
    } else {
        let values = &mut scratch.elements;
        let mut sum = |odd: usize| {
            values.clear();
            values.extend(block.bound(column).iter().skip(odd).step_by(2));
            F::dot(weights, values)
        };
        (sum(0), sum(1))
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
