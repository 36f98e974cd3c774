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

mod batch;
mod bound;
mod budget;
mod cells;
mod composition;
mod costs;
mod exclusive;
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
pub use prover::{Proved, ProverError, Report, SumCheckProver};
pub use range_sum::RangeSum;
pub use round::{Node, nodes};
pub use schedule::Schedule;
pub use shift::{Shift, eq_plus_one};
pub use sum::Sum;
pub use transcript::{ProverTranscript, Transcript, TranscriptError, VerifierTranscript, prover_state};
pub use verifier::{Reduced, SumCheckVerifier, VerifierError};
pub use zero_check::{ZeroCheck, ZeroCheckError};
