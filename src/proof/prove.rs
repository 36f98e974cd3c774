//! The prover.

use std::time::Instant;

use super::protocol::{Instances, SpecError, session};
use super::{Proof, Statement};
use crate::checkpoint::Stopped;
use crate::field::SumcheckField;
use crate::guest::Guest;
use crate::isa::Isa;
use crate::oracle::WitnessOracle;
use crate::pages::PageError;
use crate::parallel::Pool;
use crate::sumcheck::{Budget, ProverError, Report, Schedule, SumCheckProver, prover_state};

/// What a proof took.
#[derive(Clone, Copy, Debug)]
pub struct ProveReport {
    /// The sum-check's report.
    pub sumcheck: Report,
    /// Row constraints proven.
    pub constraints: usize,
    /// Links between rows proven.
    pub links: usize,
    /// Seconds of the fast pass, checkpoints included.
    pub run_seconds: f64,
    /// Seconds in which rows were regenerated: what they took on all threads, divided by the number of threads.
    pub replay_seconds: f64,
    /// Seconds of everything after the fast pass.
    pub seconds: f64,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The guest did not end by itself, and a statement is about a whole run.
    #[error("only a run that ends by itself can be proven, and this one {}", describe(.0))]
    NotExited(Box<Stopped>),
    /// The spec's constraints do not fit the field.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A page of the first or last state is in a checkpoint file, and cannot be read.
    #[error(transparent)]
    Memory(#[from] PageError),
    /// The witness could not be regenerated.
    #[error(transparent)]
    Prover(#[from] ProverError),
}

fn describe(stopped: &Stopped) -> String {
    match stopped {
        Stopped::Trapped(fault) => format!("faulted: {fault}"),
        Stopped::CycleLimit => "reached its cycle limit; raise it".to_owned(),
        Stopped::Interrupted => "was interrupted".to_owned(),
        Stopped::Stored(_) => "was stopped at a store; let the guest end by a call".to_owned(),
        Stopped::Exited(code) => format!("ended with exit code {code}"),
    }
}

/// Proves the execution behind `oracle` within a space budget.
///
/// Time: the passes that the budget asks for, and the sum-check's field operations; see
/// [`SumCheckProver::prove`]. Space: the budget, O(√T) field elements, and a replaying machine a thread. The proof is
/// the same for every budget and number of threads.
///
/// # Errors
/// [`ProveError`]
pub fn prove<F: SumcheckField, I: Isa, G: Guest>(
    oracle: &WitnessOracle<I, G>,
    budget: Budget,
) -> Result<(Proof, ProveReport), ProveError> {
    let statement = statement::<F, I, G>(oracle)?;
    prove_statement::<F, I, G>(oracle, statement, budget)
}

/// How [`prove`] would go about it within this budget: passes, arrays, the model's costs. No pass over the witness.
///
/// # Errors
/// [`ProveError`]
pub fn plan<F: SumcheckField, I: Isa, G: Guest>(
    oracle: &WitnessOracle<I, G>,
    budget: Budget,
) -> Result<Schedule, ProveError> {
    let statement = statement::<F, I, G>(oracle)?;
    let mut transcript = prover_state(&session(), &statement.to_bytes());
    let instances = Instances::<F>::draw(&mut transcript, I::SPEC, &statement)?;
    Ok(SumCheckProver::new(budget, Pool::serial()).schedule(oracle, &instances.list())?)
}

fn statement<F: SumcheckField, I: Isa, G: Guest>(
    oracle: &WitnessOracle<I, G>,
) -> Result<Statement, ProveError> {
    let execution = oracle.generator().execution();
    Statement::new::<F, I, G>(execution)?
        .ok_or_else(|| ProveError::NotExited(Box::new(execution.stopped().clone())))
}

/// Proves the constraints and links under a statement, whether or not it is about the execution.
pub(super) fn prove_statement<F: SumcheckField, I: Isa, G: Guest>(
    oracle: &WitnessOracle<I, G>,
    statement: Statement,
    budget: Budget,
) -> Result<(Proof, ProveReport), ProveError> {
    let begun = Instant::now();
    let execution = oracle.generator().execution();
    let replayed = oracle.generator().statistics();
    let pool = oracle.generator().pool().clone();
    let threads = pool.threads() as f64;
    let mut transcript = prover_state(&session(), &statement.to_bytes());
    let instances = Instances::<F>::draw(&mut transcript, I::SPEC, &statement)?;
    let proved = SumCheckProver::new(budget, pool).prove(oracle, &instances.list(), &mut transcript)?;
    let report = ProveReport {
        sumcheck: proved.report,
        constraints: I::SPEC.constraints.len(),
        links: I::SPEC.links.len(),
        run_seconds: execution.seconds(),
        replay_seconds: (oracle.generator().statistics().thread_seconds - replayed.thread_seconds) / threads,
        seconds: begun.elapsed().as_secs_f64(),
    };
    Ok((Proof { statement, transcript: transcript.into_narg_string() }, report))
}
