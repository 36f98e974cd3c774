//! Σ_x g(w₁(x)…w_k(x)) = claim: the sum of a composition over all rows, padding included.

use super::composition::{RowPolynomial, absorb};
use super::costs::Work;
use super::grid::{Grid, GridValues};
use super::instance::{Block, RoundProver, Scratch, SumcheckInstance};
use crate::field::SumcheckField;
use crate::isa::ColumnId;
use crate::oracle::EqTable;

/// The claim that a composition adds up to a value over the 2^n rows. Padding rows count with g(0) each, in closed
/// form.
#[derive(Clone, Debug)]
pub struct Sum<F, G> {
    polynomial: G,
    claim: F,
}

impl<F: SumcheckField, G: RowPolynomial<F>> Sum<F, G> {
    /// Σ_x polynomial(x) = claim.
    pub fn new(polynomial: G, claim: F) -> Self {
        Self { polynomial, claim }
    }
}

impl<F: SumcheckField, G: RowPolynomial<F>> SumcheckInstance<F> for Sum<F, G> {
    fn columns(&self) -> &[ColumnId] {
        self.polynomial.columns()
    }

    fn variables(&self) -> Option<usize> {
        None
    }

    fn degree(&self) -> usize {
        self.polynomial.degree().max(1)
    }

    fn claim(&self) -> F {
        self.claim
    }

    fn evaluate(&self, _point: &[F], values: &[F]) -> F {
        self.polynomial.evaluate(values)
    }

    fn prover(&self, rows: u64, variables: usize) -> Box<dyn RoundProver<F> + '_> {
        Box::new(SumProver {
            statement: self,
            window: None,
            ones: EqTable::ones(),
            rows,
            variables,
            round: 0,
        })
    }

    fn cost(&self, window: u32, integral: bool) -> f64 {
        let points = (self.polynomial.degree().max(1) + 1).pow(window) - 1;
        self.polynomial.cost(&Work { window, points, integral, ones: true })
    }

    fn integer_rounds(&self) -> u32 {
        self.polynomial.integer_rounds()
    }
}

struct SumProver<'a, F, G> {
    statement: &'a Sum<F, G>,
    window: Option<Window<F>>,
    ones: EqTable<F>,
    rows: u64,
    variables: usize,
    round: usize,
}

/// The sum over the variables after a window, on the window's grid.
struct Window<F> {
    grid: Grid,
    /// The points that are summed: all but 1…1, whose value follows from the claim.
    points: Vec<usize>,
    values: Option<GridValues<F>>,
    /// The round after it.
    end: usize,
}

impl<F: SumcheckField, G: RowPolynomial<F>> RoundProver<F> for SumProver<'_, F, G> {
    fn open(&mut self, window: u32) -> usize {
        let polynomial = &self.statement.polynomial;
        let grid = Grid::new(polynomial.degree(), window, polynomial.knows_infinity());
        let last = grid.booleans().last().copied();
        let points: Vec<usize> = (0..grid.points()).filter(|point| Some(*point) != last).collect();
        let count = points.len();
        self.window = Some(Window { grid, points, values: None, end: self.round + window as usize });
        count
    }

    fn absorb(&self, block: &Block<'_, F>, scratch: &mut Scratch<F>, sums: &mut [F]) {
        if let Some(Window { grid, points, .. }) = &self.window {
            absorb(&self.statement.polynomial, (grid, points), &self.ones, block, scratch, sums);
        }
    }

    fn close(&mut self, sums: Vec<F>, claim: F) {
        let Some(mut window) = self.window.take() else { return };
        let zeros = vec![F::ZERO; self.statement.polynomial.columns().len()];
        let groups = (1u64 << (self.variables - window.end)) - self.rows.div_ceil(1 << window.end);
        let padding = F::from(groups) * self.statement.polynomial.evaluate(&zeros);
        let mut values = vec![F::ZERO; window.grid.points()];
        for (point, sum) in window.points.iter().zip(sums) {
            values[*point] = if window.grid.is_infinite(*point) { sum } else { sum + padding };
        }
        if let Some((last, others)) = window.grid.booleans().split_last() {
            values[*last] = claim - others.iter().map(|at| values[*at]).sum::<F>();
        }
        window.values = Some(GridValues::new(&window.grid, values));
        self.window = Some(window);
    }

    fn message(&self) -> Vec<F> {
        let Some(Window { values: Some(values), end, .. }) = &self.window else { return Vec::new() };
        values.message(&vec![F::ONE; 1 << (end - self.round - 1)])
    }

    fn bind(&mut self, challenge: F) {
        self.round += 1;
        if let Some(Window { values: Some(values), .. }) = &mut self.window {
            values.bind(challenge);
        }
    }
}
