//! Σ_x g(w₁(x)…w_k(x)) = claim: the sum of a composition over all rows, padding included.

use super::composition::{RowPolynomial, absorb};
use super::instance::{Block, RoundProver, Scratch, SumcheckInstance};
use super::round::{Node, interpolate, nodes};
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
        // The sample at 1 follows from the claim.
        let nodes = nodes(self.degree(), self.polynomial.knows_infinity()).split_off(1);
        Box::new(SumProver { statement: self, nodes, ones: EqTable::ones(), rows, variables, round: 0 })
    }
}

struct SumProver<'a, F, G> {
    statement: &'a Sum<F, G>,
    nodes: Vec<Node>,
    ones: EqTable<F>,
    rows: u64,
    variables: usize,
    round: usize,
}

impl<F: SumcheckField, G: RowPolynomial<F>> SumProver<'_, F, G> {
    /// How many pairs of this round lie in the padding.
    fn padding_pairs(&self) -> u64 {
        let bits = self.round + 1;
        (1 << (self.variables - bits)) - self.rows.div_ceil(1 << bits)
    }
}

impl<F: SumcheckField, G: RowPolynomial<F>> RoundProver<F> for SumProver<'_, F, G> {
    fn sums(&self) -> usize {
        self.nodes.len()
    }

    fn absorb(&self, block: &Block<'_, F>, scratch: &mut Scratch<F>, sums: &mut [F]) {
        absorb(&self.statement.polynomial, &self.nodes, &self.ones, block, scratch, sums);
    }

    fn message(&self, sums: &[F], claim: F) -> Vec<F> {
        let zeros = vec![F::ZERO; self.statement.polynomial.columns().len()];
        let padding = F::from(self.padding_pairs()) * self.statement.polynomial.evaluate(&zeros);
        let mut samples: Vec<(Node, F)> = self.nodes.iter().copied().zip(sums.iter().copied()).collect();
        for (node, sum) in &mut samples {
            if *node != Node::Infinity {
                *sum += padding;
            }
        }
        let at_zero =
            samples.iter().find(|(node, _)| *node == Node::At(0)).map_or(F::ZERO, |sample| sample.1);
        samples.push((Node::At(1), claim - at_zero));
        interpolate(&samples)
    }

    fn bind(&mut self, _challenge: F) {
        self.round += 1;
    }
}
