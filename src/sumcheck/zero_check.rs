//! Σ_x eq(τ, x) · g(w₁(x)…w_k(x)) = 0: for a random τ, only if g is zero in every row, but for a chance of n/|F|.

use super::composition::{RowPolynomial, absorb};
use super::instance::{Block, RoundProver, Scratch, SumcheckInstance};
use super::round::{Node, interpolate, multiply, nodes};
use crate::field::SumcheckField;
use crate::isa::ColumnId;
use crate::oracle::{EqTable, eq};

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
        let mut prover = ZeroCheckProver {
            statement: self,
            nodes: Vec::new(),
            table: EqTable::new(self.tau.get(1..).unwrap_or_default()),
            prefix: F::ONE,
            round: 0,
        };
        prover.nodes = prover.round_nodes();
        Box::new(prover)
    }
}

struct ZeroCheckProver<'a, F, G> {
    statement: &'a ZeroCheck<F, G>,
    /// Where t is summed in this round.
    nodes: Vec<Node>,
    /// eq(τ_{i+1}…, ·).
    table: EqTable<F>,
    /// eq(τ₀…τ_{i−1}; r₀…r_{i−1}).
    prefix: F,
    round: usize,
}

impl<F: SumcheckField, G: RowPolynomial<F>> ZeroCheckProver<'_, F, G> {
    /// In round 0 the samples at 0 and 1 are zero, since g is in every row: a witness for which it is not gets a proof
    /// that is refused. Later the sample at 1 follows from the claim, unless eq(τᵢ, 1) is zero.
    fn round_nodes(&self) -> Vec<Node> {
        let mut nodes = nodes(self.statement.degree() - 1, self.statement.polynomial.knows_infinity());
        if self.round == 0 {
            nodes.drain(..2);
        } else if !(self.prefix * self.tau()).is_zero() {
            nodes.drain(..1);
        }
        nodes
    }

    fn tau(&self) -> F {
        self.statement.tau.get(self.round).copied().unwrap_or(F::ZERO)
    }
}

impl<F: SumcheckField, G: RowPolynomial<F>> RoundProver<F> for ZeroCheckProver<'_, F, G> {
    fn sums(&self) -> usize {
        self.nodes.len()
    }

    fn absorb(&self, block: &Block<'_, F>, scratch: &mut Scratch<F>, sums: &mut [F]) {
        absorb(&self.statement.polynomial, &self.nodes, &self.table, block, scratch, sums);
    }

    fn message(&self, sums: &[F], claim: F) -> Vec<F> {
        let tau = self.tau();
        let mut samples: Vec<(Node, F)> = self.nodes.iter().copied().zip(sums.iter().copied()).collect();
        if self.round == 0 {
            samples.extend([(Node::At(0), F::ZERO), (Node::At(1), F::ZERO)]);
        } else if let Some(inverse) = (self.prefix * tau).inverse() {
            let at_zero =
                samples.iter().find(|(node, _)| *node == Node::At(0)).map_or(F::ZERO, |sample| sample.1);
            samples.push((Node::At(1), (claim - self.prefix * (F::ONE - tau) * at_zero) * inverse));
        }
        multiply(&interpolate(&samples), self.prefix * (F::ONE - tau), self.prefix * (tau.double() - F::ONE))
    }

    fn bind(&mut self, challenge: F) {
        self.prefix *= eq(&[self.tau()], &[challenge]);
        self.round += 1;
        self.table = EqTable::new(self.statement.tau.get(self.round + 1..).unwrap_or_default());
        self.nodes = self.round_nodes();
    }
}
