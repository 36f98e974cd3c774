//! Σ_x eq(τ, x) · g(w₁(x)…w_k(x)) = 0: for a random τ, only if g is zero in every row, but for a chance of n/|F|.

use super::composition::{RowPolynomial, absorb};
use super::costs::Work;
use super::grid::{Grid, GridValues};
use super::instance::{Block, RoundProver, Scratch, SumcheckInstance};
use super::round::multiply;
use crate::field::SumcheckField;
use crate::isa::ColumnId;
use crate::oracle::{EqTable, eq, eq_all};

/// The claim that a composition is zero in every row.
///
/// eq is never a column: the round polynomial is eq(τ₀…τ_{i−1}; r₀…r_{i−1}) · eq(τᵢ, X) · t(X), of which only t, of
/// g's degree, is summed (Gruen, ePrint 2024/108), over tables of O(√T) elements (Dao, Thaler, ePrint 2024/1210).
#[derive(Clone, Debug)]
pub struct ZeroCheck<F, G> {
    polynomial: G,
    tau: Vec<F>,
}

/// Why a zero-check cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZeroCheckError {
    /// The padding row does not satisfy the composition.
    #[error("the composition is not zero in the padding row")]
    Padding,
}

impl<F: SumcheckField, G: RowPolynomial<F>> ZeroCheck<F, G> {
    /// Σ_x eq(tau, x) · polynomial(x) = 0, with one coordinate of tau a variable, drawn after everything that the
    /// witness is bound by.
    ///
    /// # Errors
    /// The polynomial is not zero in the padding row, where every column is zero.
    pub fn new(polynomial: G, tau: Vec<F>) -> Result<Self, ZeroCheckError> {
        if polynomial.evaluate(&vec![F::ZERO; polynomial.columns().len()]).is_zero() {
            Ok(Self { polynomial, tau })
        } else {
            Err(ZeroCheckError::Padding)
        }
    }
}

impl<F: SumcheckField, G: RowPolynomial<F>> SumcheckInstance<F> for ZeroCheck<F, G> {
    fn columns(&self) -> &[ColumnId] {
        self.polynomial.columns()
    }

    fn variables(&self) -> Option<usize> {
        Some(self.tau.len())
    }

    fn degree(&self) -> usize {
        self.polynomial.degree().max(1) + 1
    }

    fn claim(&self) -> F {
        F::ZERO
    }

    fn evaluate(&self, point: &[F], values: &[F]) -> F {
        eq(&self.tau, point) * self.polynomial.evaluate(values)
    }

    fn prover(&self, _rows: u64, _variables: usize) -> Box<dyn RoundProver<F> + '_> {
        Box::new(ZeroCheckProver {
            statement: self,
            window: None,
            table: EqTable::new(&[]),
            prefix: F::ONE,
            round: 0,
        })
    }

    fn cost(&self, window: u32, integral: bool) -> f64 {
        let points =
            (self.polynomial.degree().max(1) + 1).pow(window) - if integral { 1 << window } else { 1 };
        self.polynomial.cost(&Work { window, points, integral, ones: false })
    }

    fn integer_rounds(&self) -> u32 {
        self.polynomial.integer_rounds()
    }
}

struct ZeroCheckProver<'a, F, G> {
    statement: &'a ZeroCheck<F, G>,
    window: Option<Window<F>>,
    /// eq(τ, ·) over the variables after the window.
    table: EqTable<F>,
    /// eq(τ₀…τ_{i−1}; r₀…r_{i−1}).
    prefix: F,
    round: usize,
}

/// t on the window's grid.
struct Window<F> {
    grid: Grid,
    /// The points that are summed.
    points: Vec<usize>,
    values: Option<GridValues<F>>,
    /// The round after it.
    end: usize,
}

impl<F: SumcheckField, G: RowPolynomial<F>> ZeroCheckProver<'_, F, G> {
    fn tau(&self, rounds: core::ops::Range<usize>) -> &[F] {
        self.statement.tau.get(rounds).unwrap_or_default()
    }
}

impl<F: SumcheckField, G: RowPolynomial<F>> RoundProver<F> for ZeroCheckProver<'_, F, G> {
    /// From round 0 on the values on {0,1}^ω are zero, since g is in every row: a witness for which it is not gets a
    /// proof that is refused. Later the value at 1…1 follows from the claim, unless its weight is zero.
    fn open(&mut self, window: u32) -> usize {
        let polynomial = &self.statement.polynomial;
        let grid = Grid::new(polynomial.degree(), window, polynomial.knows_infinity());
        let end = self.round + window as usize;
        let last = grid.booleans().len() - 1;
        let known = if self.round == 0 {
            grid.booleans()
        } else if (self.prefix * self.tau(self.round..end).iter().product::<F>()).is_zero() {
            &[]
        } else {
            &grid.booleans()[last..]
        };
        let points: Vec<usize> = (0..grid.points()).filter(|point| !known.contains(point)).collect();
        self.table = EqTable::new(self.statement.tau.get(end..).unwrap_or_default());
        let count = points.len();
        self.window = Some(Window { grid, points, values: None, end });
        count
    }

    fn absorb(&self, block: &Block<'_, F>, scratch: &mut Scratch<F>, sums: &mut [F]) {
        if let Some(Window { grid, points, .. }) = &self.window {
            absorb(&self.statement.polynomial, (grid, points), &self.table, block, scratch, sums);
        }
    }

    fn close(&mut self, sums: Vec<F>, claim: F) {
        let Some(mut window) = self.window.take() else { return };
        let mut values = vec![F::ZERO; window.grid.points()];
        window.points.iter().zip(sums).for_each(|(point, sum)| values[*point] = sum);
        let weights = eq_all(self.tau(self.round..window.end));
        let last = (window.grid.booleans().last()).zip(weights.last());
        if let Some((last, weight)) = last.filter(|(last, _)| self.round > 0 && !window.points.contains(last))
        {
            let known = window.grid.booleans().iter().zip(&weights).map(|(at, weight)| *weight * values[*at]);
            let inverse = (self.prefix * weight).inverse().unwrap_or(F::ZERO);
            values[*last] = (claim - self.prefix * known.sum::<F>()) * inverse;
        }
        window.values = Some(GridValues::new(&window.grid, values));
        self.window = Some(window);
    }

    fn message(&self) -> Vec<F> {
        let Some(Window { values: Some(values), end, .. }) = &self.window else { return Vec::new() };
        let message = values.message(&eq_all(self.tau(self.round + 1..*end)));
        let tau = self.tau(self.round..self.round + 1).first().copied().unwrap_or(F::ZERO);
        multiply(&message, self.prefix * (F::ONE - tau), self.prefix * (tau.double() - F::ONE))
    }

    fn bind(&mut self, challenge: F) {
        self.prefix *= eq(self.tau(self.round..self.round + 1), &[challenge]);
        self.round += 1;
        if let Some(Window { values: Some(values), .. }) = &mut self.window {
            values.bind(challenge);
        }
    }
}
