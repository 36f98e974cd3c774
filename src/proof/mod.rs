//! Proofs of executions and of segments of them: what is stated, how it is proven over the witness, how it is verified.
//!
//! In: an execution and a space budget. Out: a [`Proof`] whose bytes depend on neither the budget nor the threads.
//!
//! ```text
//! Execution ─▶ WitnessOracle ─▶ prove ─▶ Proof (statement, transcript) ─▶ verify ─▶ Verified
//! ```
//!
//! The transcript's phases, on both sides: the statement, commitments (none yet), α, which batches the row
//! constraints, τ, the rounds of the sum-check over the zero-check and the links, the columns' claimed values.
//!
//! This is not yet a succinct proof: there is no commitment to open, and no look-up or memory argument ties the
//! columns together. So [`verify`] replays the program to learn the columns' values at the point.

mod format;
mod protocol;
mod prove;
mod statement;
mod verify;

pub use format::{FormatError, Proof};
pub use protocol::SpecError;
pub use prove::{ProveError, ProveReport, plan, prove, prove_segment};
pub use statement::{Boundary, FieldId, JoinError, Statement};
pub use verify::{Verified, Verifier, VerifyError, verify};

#[cfg(test)]
mod tests;
