//! The prover.

use core::ops::Range;
use std::time::Instant;

use super::protocol::{Instances, Shape, SpecError, session};
use super::{Proof, Statement};
use crate::checkpoint::Stopped;
use crate::field::SumcheckField;
use crate::guest::Guest;
use crate::isa::Isa;
use crate::oracle::{PolynomialOracle, WitnessOracle};
use crate::parallel::Pool;
use crate::replay::ReplayError;
use crate::sumcheck::{Budget, ProverError, Report, Schedule, SumCheckProver, prover_state};

/// What a proof took.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
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
    /// The guest did not end by itself.
    #[error("only a run that ends by itself can be proven as a whole, and this one {}", describe(.0))]
    NotExited(Box<Stopped>),
    /// The oracle is over a segment.
    #[error(
        "cycles {}..{} are not the whole run of {executed}: prove them as a segment", cycles.start, cycles.end
    )]
    NotWhole {
        /// The oracle's cycles.
        cycles: Range<u64>,
        /// How many cycles the execution has.
        executed: u64,
    },
    /// The spec's constraints do not fit the field.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The state at the segment's entry or exit could not be found.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The witness could not be regenerated.
    #[error(transparent)]
    Prover(#[from] ProverError),
}

fn describe(stopped: &Stopped) -> String {
    match stopped {
        Stopped::Trapped(fault) => format!("faulted: {fault}"),
        Stopped::CycleLimit => "reached its cycle limit; raise it, or prove it as a segment".to_owned(),
        Stopped::Interrupted => "was interrupted".to_owned(),
        Stopped::Stored(_) => "was stopped at a store; let the guest end by a call".to_owned(),
        Stopped::Exited(code) => format!("ended with exit code {code}"),
    }
}

/// Proves the execution behind `oracle`, from its first cycle to its guest's end, within a space budget.
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
    let execution = oracle.generator().execution();
    let (cycles, executed) = (oracle.cycles(), execution.cycles());
    if cycles != (0..executed) {
        return Err(ProveError::NotWhole { cycles, executed });
    }
    if execution.exit_code().is_none() {
        return Err(ProveError::NotExited(Box::new(execution.stopped().clone())));
    }
    prove_segment::<F, I, G>(oracle, budget)
}

/// Proves the cycles behind `oracle`, whatever comes before and after them: any run has a prefix that can be proven, one
/// that faults included.
///
/// Costs what [`prove`] does, and beside it a run from the first cycle to the last, without a witness.
///
/// # Errors
/// [`ProveError`], but for `NotExited` and `NotWhole`.
pub fn prove_segment<F: SumcheckField, I: Isa, G: Guest>(
    oracle: &WitnessOracle<I, G>,
    budget: Budget,
) -> Result<(Proof, ProveReport), ProveError> {
    let cycles = oracle.cycles();
    let _span = tracing::debug_span!("prove", first = cycles.start, rows = oracle.num_rows()).entered();
    let statement = Statement::new::<F, I, G>(oracle.generator(), cycles)?;
    tracing::debug!("stated");
    prove_statement::<F, I, G>(oracle, statement, budget)
}

/// How [`prove`] or [`prove_segment`] would go about it within this budget: passes, arrays, the model's costs. No pass
/// over the witness.
///
/// # Errors
/// [`ProveError`]
pub fn plan<F: SumcheckField, I: Isa, G: Guest>(
    oracle: &WitnessOracle<I, G>,
    budget: Budget,
) -> Result<Schedule, ProveError> {
    // No cost depends on a challenge, nor on what the rows begin and end with.
    let mut transcript = prover_state(&session(), b"plan");
    let shape = Shape { rows: oracle.num_rows(), entry: 0, exit: 0, begins: true, ends: true };
    let instances = Instances::<F>::draw(&mut transcript, I::SPEC, shape)?;
    Ok(SumCheckProver::new(budget, Pool::serial()).schedule(oracle, &instances.list())?)
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
    let instances = Instances::<F>::draw(&mut transcript, I::SPEC, Shape::from(&statement))?;
    let proved = SumCheckProver::new(budget, pool).prove(oracle, &instances.list(), &mut transcript)?;
    let report = ProveReport {
        sumcheck: proved.report,
        constraints: I::SPEC.constraints.len(),
        links: I::SPEC.links.len(),
        run_seconds: execution.seconds(),
        replay_seconds: (oracle.generator().statistics().thread_seconds - replayed.thread_seconds) / threads,
        seconds: begun.elapsed().as_secs_f64(),
    };
    let proof = Proof { statement, transcript: transcript.into_narg_string() };
    tracing::debug!(
        messages = proof.transcript.len(),
        seconds = report.seconds,
        replay_seconds = report.replay_seconds,
        "proved"
    );
    Ok((proof, report))
}
