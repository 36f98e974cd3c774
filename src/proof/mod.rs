//! Proofs of executions and of segments of them: what is stated, how it is proven over the witness, how it is verified.
//!
//! In: an execution and a space budget. Out: a [`Proof`] whose bytes depend on neither the budget nor the threads.
//!
//! ```text
//! Execution ─▶ WitnessOracle ─▶ Prover ─▶ Proof (statement, transcript) ─▶ Verifier ─▶ Verified
//! ```
//!
//! The transcript's phases, on both sides: the statement, commitments (none yet), α, which batches the row
//! constraints, τ, the rounds of the sum-check over the zero-check and the links, the columns' claimed values.
//!
//! This is not yet a succinct proof: there is no commitment to open, and no look-up or memory argument ties the
//! columns together. So [`Verifier::verify`] replays the program to learn the columns' values at the point.
//!
//! # Example
//!
//! A run in two segments, whose statements join to that of the run:
//!
//! ```
//! use std::sync::Arc;
//!
//! use ark_bn254::Fr;
//! # use retrace::checkpoint::{Options, execute};
//! use retrace::guest::{Input, Linux};
//! # use retrace::isa::Rv32i;
//! use retrace::oracle::WitnessOracle;
//! use retrace::parallel::Pool;
//! # use retrace::program::Program;
//! use retrace::proof::{Proof, Prover, Verifier};
//! use retrace::replay::StreamingWitnessGenerator;
//! use retrace::sumcheck::Budget;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let program = Arc::new(Program::<Rv32i>::from_elf(&std::fs::read("tests/guests/tiny.elf")?)?);
//! # let execution =
//! #     execute(program.clone(), Linux::default(), Input::empty(), Options::default())?;
//! let execution = Arc::new(execution);
//! let mut statements = Vec::new();
//! for cycles in [0..32, 32..execution.cycles()] {
//!     let generator = StreamingWitnessGenerator::new(Arc::clone(&execution), Pool::serial());
//!     let oracle = WitnessOracle::segment(generator, cycles)?;
//!     let (proof, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle)?;
//!     let proof = Proof::from_bytes(&proof.to_bytes())?;
//!
//!     let verifier = Verifier::new(program.clone(), Input::empty());
//!     Verifier { segments: true, ..verifier }.verify::<Fr>(&proof)?;
//!     statements.push(proof.statement().clone());
//! }
//! let joined = statements[0].join(&statements[1])?;
//! assert_eq!((joined.is_whole(), joined.rows(), joined.exit_code), (true, 53, Some(7)));
//! # Ok(())
//! # }
//! ```

mod format;
mod protocol;
mod prove;
mod statement;
mod verify;

pub use format::{FormatError, Proof};
pub use protocol::SpecError;
pub use prove::{Plan, ProveError, ProveReport, Prover};
pub use statement::{Boundary, FieldId, JoinError, Statement};
pub use verify::{Verified, Verifier, VerifyError};

#[cfg(test)]
mod tests;
