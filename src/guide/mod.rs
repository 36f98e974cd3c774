#![doc = include_str!("README.md")]
//!
//! [`prover`]: mod@prover
//! [`isa_author`]: mod@isa_author
//! [`guest_author`]: mod@guest_author

#[doc = include_str!("prover.md")]
///
/// [`Program::from_elf`]: crate::program::Program::from_elf
/// [`LoadError`]: crate::program::LoadError
/// [`ElfFile::choose_isa`]: crate::program::ElfFile::choose_isa
/// [`architecture`]: crate::program::architecture
/// [`execute`]: crate::checkpoint::execute
/// [`ExecuteError`]: crate::checkpoint::ExecuteError
/// [`CheckpointFileError`]: crate::checkpoint::CheckpointFileError
/// [`Execution`]: crate::checkpoint::Execution
/// [`Options`]: crate::checkpoint::Options
/// [`Policy`]: crate::checkpoint::Policy
/// [`Resume`]: crate::checkpoint::Resume
/// [`Stopped`]: crate::checkpoint::Stopped
/// [`Fault`]: crate::machine::Fault
/// [`Cancel`]: crate::cancel::Cancel
/// [`Input`]: crate::guest::Input
/// [`Output`]: crate::guest::Output
/// [`Guest`]: crate::guest::Guest
/// [`Column`]: crate::isa::Column
/// [`Chunk`]: crate::oracle::Chunk
/// [`StreamingWitnessGenerator`]: crate::replay::StreamingWitnessGenerator
/// [`ReplayError`]: crate::replay::ReplayError
/// [`PolynomialOracle`]: crate::oracle::PolynomialOracle
/// [`WitnessOracle`]: crate::oracle::WitnessOracle
/// [`DenseOracle`]: crate::oracle::DenseOracle
/// [`OracleError`]: crate::oracle::OracleError
/// [`pass`]: crate::oracle::PolynomialOracle::pass
/// [`SumcheckInstance`]: crate::sumcheck::SumcheckInstance
/// [`Transcript`]: crate::sumcheck::Transcript
/// [`Prover`]: crate::proof::Prover
/// [`plan`]: crate::proof::Prover::plan
/// [`prove`]: crate::proof::Prover::prove
/// [`ProveError`]: crate::proof::ProveError
/// [`verify`]: crate::proof::Verifier::verify
/// [`Verifier`]: crate::proof::Verifier
/// [`VerifyError`]: crate::proof::VerifyError
/// [`FormatError`]: crate::proof::FormatError
/// [`JoinError`]: crate::proof::JoinError
/// [`SumcheckField`]: crate::field::SumcheckField
pub mod prover {}

#[doc = include_str!("isa_author.md")]
///
/// [`isa!`]: crate::isa!
pub mod isa_author {}

#[doc = include_str!("guest_author.md")]
///
/// [`Linux`]: crate::guest::Linux
/// [`Guest`]: crate::guest::Guest
/// [`Fault`]: crate::machine::Fault
pub mod guest_author {}
