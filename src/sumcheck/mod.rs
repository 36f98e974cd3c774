//! Sum-check over an oracle, in as much space as it is given.
//!
//! In: a [`PolynomialOracle`](crate::oracle::PolynomialOracle), a list of [`SumcheckInstance`]s, a transcript. Out: a
//! point, and the claimed values of the columns there, for the caller to check against the oracle or, once there is
//! one, a commitment.
//!
//! ```text
//! Composition ─▶ Sum · ZeroCheck  ─────────▶ SumCheckProver ── messages ──▶ SumCheckVerifier ─▶ Reduced
//!   Shift · RangeSum (SumcheckInstance)      │   windows, then arrays        │ evaluates the instances itself
//! PolynomialOracle ── chunks ────────────────┘   transcript ─────────────────┘
//! ```
//!
//! All instances share rounds, passes and challenges; their claims are batched by powers of a challenge. The low
//! variable is bound first. The array of round i is `A_i[u] = Σ_{l < 2^i} eq(r₀…r_{i−1}; l)·w[2^i·u + l]`: while the
//! arrays do not fit the [`Budget`] they are recomputed in passes ("Proving CPU Executions in Small Space", ePrint
//! 2025/611), and once they fit they are stored and the linear-time rounds finish.
//!
//! A pass covers a *window* of rounds: from sums over a grid of (degree + 1)^ω points follow ω round polynomials. The
//! first window works on the cells, which are small integers (ePrint 2025/1117); a [`Schedule`] says which rounds each
//! pass covers. The messages do not depend on the schedule, the chunks or the threads.
//!
//! # Example
//!
//! That a column adds up to 23, over an oracle in memory:
//!
//! ```
//! use ark_bn254::Fr;
//! # use retrace::isa::{Column, ColumnSource, RangeClass};
//! use retrace::isa::ColumnId;
//! use retrace::oracle::{DenseOracle, PolynomialOracle, evaluate};
//! use retrace::parallel::Pool;
//! use retrace::sumcheck::{
//!     Budget, Composition, Sum, SumCheckProver, SumCheckVerifier, SumCheckVerifierError, prover_state,
//! };
//! use spongefish::{DefaultHash, VerifierState, derive_session_id};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let class = RangeClass::Unsigned { bits: 16 };
//! # let column = Column { name: "x", doc: "", class, source: ColumnSource::Recorded };
//! let oracle = DenseOracle::new(vec![column], vec![vec![5, 7, 11]])?;
//! let session = derive_session_id::<DefaultHash>(b"an example");
//! let column = || Composition::product(oracle.columns(), &[ColumnId(0)]);
//!
//! let sum = Sum::new(column()?, Fr::from(23u64));
//! let mut transcript = prover_state(&session, b"adds up");
//! SumCheckProver::new(Budget::Unlimited, Pool::serial()).prove(&oracle, &[&sum], &mut transcript)?;
//! let proof = transcript.into_narg_string();
//!
//! let verifier = SumCheckVerifier::new(oracle.columns(), oracle.num_rows());
//! let mut transcript = VerifierState::<DefaultHash>::new(&session, b"adds up", &proof);
//! let reduced = verifier.verify(&[&sum], &mut transcript)?;
//! let (ids, values): (Vec<_>, Vec<_>) = reduced.evaluations.into_iter().unzip();
//! assert_eq!(evaluate(&oracle, &ids, &[reduced.point])?, [values]); // in place of an opening
//!
//! let other = Sum::new(column()?, Fr::from(24u64));
//! let mut transcript = VerifierState::<DefaultHash>::new(&session, b"adds up", &proof);
//! let refused = verifier.verify(&[&other], &mut transcript);
//! assert!(matches!(refused, Err(SumCheckVerifierError::Identity)));
//! # Ok(())
//! # }
//! ```

mod batch;
mod bound;
mod budget;
mod cells;
mod composition;
mod costs;
mod fold;
mod grid;
mod instance;
mod lines;
mod prover;
mod range_sum;
mod round;
mod schedule;
mod shift;
mod sum;
mod transcript;
mod verifier;
mod zero_check;

#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use composition::{Composition, CompositionError, LinearForm, RowPolynomial, Weights};
pub use costs::{COSTS, Costs, Work};
pub use grid::Grid;
pub use instance::{Block, MAX_WINDOW, RoundProver, Scratch, SumcheckInstance};
pub(crate) use prover::Plan;
pub use prover::{Proved, Report, SumCheckProver, SumCheckProverError};
pub use range_sum::RangeSum;
pub use round::{Node, nodes};
pub use schedule::Schedule;
pub use shift::{Shift, eq_plus_one};
pub use sum::Sum;
pub use transcript::{ProverTranscript, Transcript, TranscriptError, VerifierTranscript, prover_state};
pub use verifier::{Reduced, SumCheckVerifier, SumCheckVerifierError};
pub use zero_check::{ZeroCheck, ZeroCheckError};
