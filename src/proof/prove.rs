//! The prover.

use core::marker::PhantomData;
use std::time::Instant;

use spongefish::ProverState;

use super::protocol::{Instances, Shape, SpecError, session};
use super::{FieldId, Proof, Statement};
use crate::checkpoint::Stopped;
use crate::field::SumcheckField;
use crate::guest::Guest;
use crate::isa::Isa;
use crate::oracle::{PolynomialOracle, WitnessOracle};
use crate::replay::ReplayError;
use crate::sumcheck::{self, Budget, Report, Schedule, SumCheckProver, SumCheckProverError, prover_state};

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
    /// Seconds of the runs to a segment's ends, without rows, for the states that the statement has digests of. Next to
    /// nothing of a whole run.
    pub statement_seconds: f64,
    /// Seconds of everything after the fast pass: of [`Prover::plan`], the statement included, and of [`Plan::prove`]. The
    /// time between the two calls does not count.
    pub seconds: f64,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The oracle is over a whole run, and the guest did not end by itself.
    #[error("only a run that ends by itself can be proven as a whole, and this one {0}")]
    NotExited(Box<Stopped>),
    /// The spec's constraints do not fit the field.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The state at the segment's entry or exit could not be found.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The witness could not be regenerated.
    #[error(transparent)]
    SumCheck(#[from] SumCheckProverError),
}

/// Proves, over the field `F`, what an oracle is over: a whole run, which must have ended by itself, or a
/// [segment](WitnessOracle::segment) of any run, up to a fault too.
///
/// The proof's [`Statement::is_whole`] says whether it is of a whole run, from the first cycle to the guest's end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prover<F> {
    budget: Budget,
    field: PhantomData<F>,
}

impl<F: SumcheckField> Prover<F> {
    /// A prover within a space budget.
    pub const fn new(budget: Budget) -> Self {
        Self { budget, field: PhantomData }
    }

    /// [Plans](Self::plan) a proof, and [makes](Plan::prove) it.
    ///
    /// # Errors
    /// [`ProveError`]
    pub fn prove<I: Isa, G: Guest>(
        &self,
        oracle: &WitnessOracle<I, G>,
    ) -> Result<(Proof, ProveReport), ProveError> {
        self.plan(oracle)?.prove()
    }

    /// States what the cycles behind `oracle` do, and plans the proof of it.
    ///
    /// Time: O(K) for the digests of a whole run's ends. Of a segment, the run up to each of its ends that is no end of the
    /// run, without rows: what is bound, and so what it costs, depends on where the segment stands, and the challenges on
    /// its statement. No pass over the witness. Space: O(√T) field elements.
    ///
    /// # Errors
    /// [`ProveError`]
    pub fn plan<'o, I: Isa, G: Guest>(
        &self,
        oracle: &'o WitnessOracle<I, G>,
    ) -> Result<Plan<'o, F, I, G>, ProveError> {
        let begun = Instant::now();
        SpecError::check::<F>(I::SPEC)?;
        let execution = oracle.generator().execution();
        if !oracle.is_segment() && execution.exit_code().is_none() {
            return Err(ProveError::NotExited(Box::new(execution.stopped().clone())));
        }
        let cycles = oracle.cycles();
        let _span = tracing::debug_span!("plan", first = cycles.start, rows = oracle.num_rows()).entered();
        let statement = Statement::new(FieldId::of::<F>(), oracle.generator(), cycles)?;
        tracing::debug!("stated");
        Plan::of(oracle, statement, self.budget, begun)
    }
}

/// A proof that is about to be made: the statement, the instances that show it, and the passes that it takes.
#[derive(Debug)]
pub struct Plan<'o, F: SumcheckField, I: Isa, G: Guest> {
    oracle: &'o WitnessOracle<I, G>,
    statement: Statement,
    /// The statement and the instances' challenges are in it.
    transcript: ProverState,
    instances: Instances<F>,
    prover: SumCheckProver,
    sumcheck: sumcheck::Plan,
    pub(super) statement_seconds: f64,
    pub(super) seconds: f64,
}

impl<'o, F: SumcheckField, I: Isa, G: Guest> Plan<'o, F, I, G> {
    /// The proof of a statement, whether or not it is about the oracle's cycles. `begun` is when it was begun to be found.
    pub(super) fn of(
        oracle: &'o WitnessOracle<I, G>,
        statement: Statement,
        budget: Budget,
        begun: Instant,
    ) -> Result<Self, ProveError> {
        let statement_seconds = begun.elapsed().as_secs_f64();
        let mut transcript = prover_state(&session(), &statement.to_bytes());
        let instances = Instances::draw(&mut transcript, I::SPEC, Shape::from(&statement))?;
        let prover = SumCheckProver::new(budget, oracle.generator().pool().clone());
        let sumcheck = prover.plan(oracle, &instances.list())?;
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Self { oracle, statement, transcript, instances, prover, sumcheck, statement_seconds, seconds })
    }

    /// What will be proven.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The passes over the witness, the arrays, and the model's costs.
    pub fn schedule(&self) -> &Schedule {
        &self.sumcheck.schedule
    }

    /// Makes the proof. It is the same for every budget and number of threads.
    ///
    /// Time: the passes that the [`Schedule`] has, and the sum-check's field operations; see [`SumCheckProver::prove`].
    /// Space: the budget, O(√T) field elements, and a replaying machine a thread.
    ///
    /// # Errors
    /// `ProveError::SumCheck`: the witness cannot be regenerated, or the proof is cancelled.
    pub fn prove(mut self) -> Result<(Proof, ProveReport), ProveError> {
        let begun = Instant::now();
        let generator = self.oracle.generator();
        let (first, rows) = (self.statement.entry.cycle, self.oracle.num_rows());
        let _span = tracing::debug_span!("prove", first, rows).entered();
        let replayed = generator.statistics();
        let instances = self.instances.list();
        let proved = self.prover.prove_as(self.sumcheck, self.oracle, &instances, &mut self.transcript)?;
        let threads = generator.pool().threads() as f64;
        let report = ProveReport {
            sumcheck: proved.report,
            constraints: I::SPEC.constraints.len(),
            links: I::SPEC.links.len(),
            run_seconds: generator.execution().seconds(),
            replay_seconds: (generator.statistics().thread_seconds - replayed.thread_seconds) / threads,
            statement_seconds: self.statement_seconds,
            seconds: self.seconds + begun.elapsed().as_secs_f64(),
        };
        let proof = Proof { statement: self.statement, transcript: self.transcript.into_narg_string() };
        tracing::debug!(
            messages = proof.transcript.len(),
            seconds = report.seconds,
            statement_seconds = report.statement_seconds,
            replay_seconds = report.replay_seconds,
            "proved"
        );
        Ok((proof, report))
    }
}
