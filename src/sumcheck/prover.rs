//! The prover: one list of instances, one oracle, a budget.

use core::ops::Range;
use std::time::Instant;

use super::batch::{check_variables, is_public, max_degree, open, places, used_columns};
use super::budget::Budget;
use super::fold::{Arrays, CellFold, ElementFold, Round, merge};
use super::instance::{MAX_WINDOW, RoundProver, Scratch, SumcheckInstance, UsedColumn, Values, sources};
use super::round::evaluate;
use super::schedule::{Model, Schedule};
use super::transcript::ProverTranscript;
use super::verifier::Reduced;
use crate::field::SumcheckField;
use crate::isa::ColumnId;
use crate::oracle::{EqTable, OracleError, Part, PolynomialOracle, shapes};
use crate::parallel::Pool;

/// The fewest pairs that are worth a job of their own in a linear-time round; the most between two looks at whether the
/// proof is cancelled.
const MIN_JOB_PAIRS: usize = 256;
const MAX_JOB_PAIRS: usize = 1 << 13;

/// Proves lists of [`SumcheckInstance`]s over a [`PolynomialOracle`].
#[derive(Clone, Debug, Default)]
pub struct SumCheckProver {
    budget: Budget,
    windows: Option<Vec<u32>>,
    pool: Pool,
}

/// What the instances read, and in which passes it is proven.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The columns that any instance reads.
    ids: Vec<ColumnId>,
    columns: Vec<UsedColumn>,
    /// The columns that passes ask the oracle for.
    asked: Vec<ColumnId>,
    pub(crate) schedule: Schedule,
}

/// A finished proof's outcome; the proof itself is in the transcript.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Proved<F> {
    /// The point, and the values of the columns there.
    pub reduced: Reduced<F>,
    /// What it took.
    pub report: Report,
}

/// What a proof took. No part of it depends on the witness, and none of it enters the proof.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// n.
    pub rounds: u32,
    /// Columns bound: those that any instance reads.
    pub columns: usize,
    /// Columns regenerated: public columns come from the row's number.
    pub regenerated: usize,
    /// Passes over the witness, the storing one included.
    pub passes: u32,
    /// The round whose arrays were stored.
    pub storing_round: u32,
    /// Seconds in all.
    pub seconds: f64,
    /// Seconds in passes, regeneration included.
    pub pass_seconds: f64,
}

/// Why there is no proof. A witness that does not satisfy the claims is no error: its proof is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SumCheckProverError {
    /// The oracle failed, or lacks a column.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// An instance is about another number of variables than the oracle's.
    #[error("instance {instance} has {found} variables, but the oracle has {expected}")]
    Variables {
        /// Its place in the list.
        instance: usize,
        /// n.
        expected: usize,
        /// The instance's.
        found: usize,
    },
    /// The windows asked for do not fit.
    #[error(
        "windows of {windows:?} rounds do not fit: each has 1 to {MAX_WINDOW} rounds, the first at most {first}, all at most {rounds}"
    )]
    Windows {
        /// The windows.
        windows: Vec<u32>,
        /// How many rounds the instances' integers bear.
        first: u32,
        /// n.
        rounds: u32,
    },
}

impl SumCheckProver {
    /// A prover within `budget`, whose linear-time rounds run on `pool`. (Passes run as the oracle runs them.)
    pub fn new(budget: Budget, pool: Pool) -> Self {
        Self { budget, windows: None, pool }
    }

    /// The same with a pass for each of these windows of rounds, then one that stores, whatever the budget: for
    /// measurements, and for those who know better than the model.
    #[must_use]
    pub fn with_windows(self, windows: Vec<u32>) -> Self {
        Self { windows: Some(windows), ..self }
    }

    /// How [`prove`](Self::prove) would go about it: passes, arrays, the model's costs. No pass.
    ///
    /// # Errors
    /// As for `prove`.
    pub fn schedule<F: SumcheckField, O: PolynomialOracle>(
        &self,
        oracle: &O,
        instances: &[&dyn SumcheckInstance<F>],
    ) -> Result<Schedule, SumCheckProverError> {
        Ok(self.plan(oracle, instances)?.schedule)
    }

    /// The columns of these instances, and the passes: what [`prove_as`](Self::prove_as) takes. No pass.
    pub(crate) fn plan<F: SumcheckField, O: PolynomialOracle>(
        &self,
        oracle: &O,
        instances: &[&dyn SumcheckInstance<F>],
    ) -> Result<Plan, SumCheckProverError> {
        let rounds = oracle.num_variables();
        check_variables(instances, rounds as usize).map_err(|(instance, found)| {
            SumCheckProverError::Variables { instance, expected: rounds as usize, found }
        })?;
        let ids = used_columns(instances);
        let (columns, asked) = sources(&ids, &shapes(oracle.columns(), &ids)?);
        let model = Model::new(instances, &columns, rounds);
        let schedule = match &self.windows {
            None => model.plan(self.budget),
            Some(windows) => {
                let first = model.integer_rounds();
                let fit = windows.iter().all(|window| (1..=MAX_WINDOW).contains(window))
                    && windows.first().is_none_or(|window| *window <= first)
                    && windows.iter().sum::<u32>() <= rounds;
                if !fit {
                    return Err(SumCheckProverError::Windows { windows: windows.clone(), first, rounds });
                }
                model.schedule(windows.clone())
            }
        };
        let Schedule { windows, columns: bound, array_bytes, .. } = &schedule;
        tracing::debug!(?windows, columns = bound, array_bytes, "chose a schedule");
        Ok(Plan { ids, columns, asked, schedule })
    }

    /// Proves every instance's claim: n rounds, then the values of the columns that are used and not public.
    ///
    /// What the instances were made from (the statement, α, τ) must be in the transcript before; n, T and the claims
    /// are absorbed here. The messages depend on nothing but instances, oracle and transcript.
    ///
    /// Time: the [`Schedule`]'s passes, each O(T) small products a column, and the instances' sums over T/2^i entries
    /// for a window that begins at round i; O(T/2^s) field operations a column from the storing round s on. Space: the
    /// budget, O(√T) for eq tables, and a block of every used column a thread.
    ///
    /// # Errors
    /// An instance for another number of variables, an unknown column, or a failure of the oracle.
    pub fn prove<F: SumcheckField, O: PolynomialOracle>(
        &self,
        oracle: &O,
        instances: &[&dyn SumcheckInstance<F>],
        transcript: &mut impl ProverTranscript<F>,
    ) -> Result<Proved<F>, SumCheckProverError> {
        let plan = self.plan(oracle, instances)?;
        self.prove_as(plan, oracle, instances, transcript)
    }

    /// Proves as planned for the same oracle and instances.
    pub(crate) fn prove_as<F: SumcheckField, O: PolynomialOracle>(
        &self,
        plan: Plan,
        oracle: &O,
        instances: &[&dyn SumcheckInstance<F>],
        transcript: &mut impl ProverTranscript<F>,
    ) -> Result<Proved<F>, SumCheckProverError> {
        let started = Instant::now();
        let rounds = oracle.num_variables();
        let Plan { ids, columns, asked, schedule } = plan;
        let _span = tracing::debug_span!("sumcheck", rounds, instances = instances.len()).entered();
        let mut run = Run {
            oracle,
            pool: &self.pool,
            maps: instances.iter().map(|instance| places(&ids, instance.columns())).collect(),
            provers: instances
                .iter()
                .map(|instance| instance.prover(oracle.num_rows(), rounds as usize))
                .collect(),
            batching: open(transcript, oracle.num_rows(), instances),
            claims: instances.iter().map(|instance| instance.claim()).collect(),
            degree: max_degree(instances),
            point: Vec::with_capacity(rounds as usize),
            report: Report {
                rounds,
                columns: columns.len(),
                regenerated: asked.len(),
                passes: schedule.passes(),
                storing_round: schedule.storing_round(),
                ..Report::default()
            },
            columns,
            asked,
        };
        for window in &schedule.windows {
            let counts = run.open(*window);
            let sums = run.pass(*window, &counts)?;
            tracing::debug!(round = run.point.len(), window, "passed");
            run.close(sums);
            (0..*window).for_each(|_| run.exchange(transcript));
        }
        let mut arrays = run.store()?;
        tracing::debug!(round = run.point.len(), "stored the arrays");
        for _ in run.report.storing_round..rounds {
            let counts = run.open(1);
            let sums = run.sum(&arrays, &counts);
            run.look()?;
            tracing::trace!(round = run.point.len(), "summed the arrays");
            run.close(sums);
            run.exchange(transcript);
            arrays = run.bind(arrays);
            run.look()?;
        }
        let values = arrays.iter().map(|array| array.first().copied().unwrap_or(F::ZERO));
        let evaluations: Vec<(ColumnId, F)> = ids.into_iter().zip(values).collect();
        let sent = evaluations.iter().zip(&run.columns).filter(|(_, column)| !is_public(&column.shape));
        transcript.send(&sent.map(|(pair, _)| pair.1).collect::<Vec<F>>());
        let report = Report { seconds: started.elapsed().as_secs_f64(), ..run.report };
        tracing::debug!(seconds = report.seconds, pass_seconds = report.pass_seconds, "reduced the claims");
        Ok(Proved { reduced: Reduced { point: run.point, evaluations }, report })
    }
}

/// Where a part's entries are stored, a slice a column; none if they are shown to the instances.
type Sink<'s, F> = Option<Vec<&'s mut [F]>>;

/// A proof in progress.
struct Run<'a, F, O> {
    oracle: &'a O,
    pool: &'a Pool,
    columns: Vec<UsedColumn>,
    /// The columns that passes ask the oracle for.
    asked: Vec<ColumnId>,
    maps: Vec<Vec<usize>>,
    provers: Vec<Box<dyn RoundProver<F> + 'a>>,
    batching: Vec<F>,
    /// What each instance's next round polynomial should add up to.
    claims: Vec<F>,
    degree: usize,
    point: Vec<F>,
    report: Report,
}

impl<F: SumcheckField, O: PolynomialOracle> Run<'_, F, O> {
    /// Ends a cancelled proof. Passes look for themselves.
    fn look(&self) -> Result<(), OracleError> {
        if self.oracle.is_cancelled() { Err(OracleError::Cancelled) } else { Ok(()) }
    }

    fn open(&mut self, window: u32) -> Vec<usize> {
        self.provers.iter_mut().map(|prover| prover.open(window)).collect()
    }

    fn close(&mut self, sums: Vec<Vec<F>>) {
        let claims = self.provers.iter_mut().zip(sums).zip(&self.claims);
        claims.for_each(|((prover, sums), claim)| prover.close(sums, *claim));
    }

    /// One round: the batched message, the challenge.
    fn exchange(&mut self, transcript: &mut impl ProverTranscript<F>) {
        let messages: Vec<Vec<F>> = self.provers.iter().map(|prover| prover.message()).collect();
        let mut batched = vec![F::ZERO; self.degree + 1];
        for (message, power) in messages.iter().zip(&self.batching) {
            batched.iter_mut().zip(message).for_each(|(sum, coefficient)| *sum += *coefficient * power);
        }
        batched.remove(1);
        transcript.send(&batched);
        let challenge = transcript.challenge();
        for ((prover, claim), message) in self.provers.iter_mut().zip(&mut self.claims).zip(&messages) {
            *claim = evaluate(message, challenge);
            prover.bind(challenge);
        }
        self.point.push(challenge);
    }

    fn round<'r>(&'r self, window: u32, counts: &'r [usize]) -> Round<'r, F> {
        Round {
            provers: &self.provers,
            maps: &self.maps,
            counts,
            columns: &self.columns,
            rows: self.oracle.num_rows(),
            window,
        }
    }

    /// Every instance's sums in a window, by a pass.
    fn pass(&mut self, window: u32, counts: &[usize]) -> Result<Vec<Vec<F>>, OracleError> {
        let started = Instant::now();
        let index = self.point.len() as u32;
        let round = self.round(window, counts);
        let ranges = self.oracle.parts(1 << (index + window));
        let sums = if index == 0 {
            let part = |cycles| Part { state: CellFold::new(&round, &cycles, self.asked.len()), cycles };
            let folds =
                self.oracle.pass(&self.asked, ranges.into_iter().map(part).collect(), |fold, chunk| {
                    fold.visit(&round, chunk);
                    Ok(())
                })?;
            merge(round.zeros(), folds.into_iter().map(|fold| fold.sums))
        } else {
            let parts = ranges.into_iter().map(|cycles| (cycles, None)).collect();
            self.fold(&round, parts)?
        };
        self.report.pass_seconds += started.elapsed().as_secs_f64();
        Ok(sums)
    }

    /// The arrays of this round, by a pass: a value for each 2^i rows, and one of padding if their number is odd.
    fn store(&mut self) -> Result<Vec<Vec<F>>, OracleError> {
        let started = Instant::now();
        let align = 2u64 << self.point.len();
        let entries = |rows: &Range<u64>| ((rows.end - rows.start).div_ceil(align) * 2) as usize;
        let whole = entries(&(0..self.oracle.num_rows()));
        let mut arrays: Vec<Vec<F>> = self.columns.iter().map(|_| vec![F::ZERO; whole]).collect();
        let counts = vec![0; self.provers.len()];
        let round = self.round(1, &counts);
        let parts = split(&mut arrays, self.oracle.parts(align), entries);
        self.fold(&round, parts.into_iter().map(|(rows, sink)| (rows, Some(sink))).collect())?;
        self.report.pass_seconds += started.elapsed().as_secs_f64();
        Ok(arrays)
    }

    /// A pass over the arrays of this round, which are shown to the instances or put where a part says.
    fn fold(
        &self,
        round: &Round<'_, F>,
        parts: Vec<(Range<u64>, Sink<'_, F>)>,
    ) -> Result<Vec<Vec<F>>, OracleError> {
        let index = self.point.len() as u32;
        let arrays = Arrays { index, table: EqTable::new(&self.point) };
        let part = |(cycles, sink)| Part { state: ElementFold::new(round, index, &cycles, sink), cycles };
        let folds = self.oracle.pass(&self.asked, parts.into_iter().map(part).collect(), |fold, chunk| {
            fold.visit(round, &arrays, chunk);
            Ok(())
        })?;
        Ok(merge(round.zeros(), folds.into_iter().map(|fold| fold.sums)))
    }

    /// Every instance's sums in a round, over the arrays.
    fn sum(&self, arrays: &[Vec<F>], counts: &[usize]) -> Vec<Vec<F>> {
        let round = self.round(1, counts);
        // Half of an array's length, where there is one.
        let pairs = self.oracle.num_rows().div_ceil(2 << self.point.len()) as usize;
        let step = pairs.div_ceil(4 * self.pool.threads()).clamp(MIN_JOB_PAIRS, MAX_JOB_PAIRS);
        let jobs: Vec<usize> = (0..pairs).step_by(step).collect();
        let sums = self.pool.map(jobs, |start| {
            let mut sums = round.zeros();
            if self.oracle.is_cancelled() {
                return sums;
            }
            let block = (start as u64, start, step.min(pairs - start));
            round.absorb(block, Values::Bound(arrays), &mut Scratch::default(), &mut sums);
            sums
        });
        merge(round.zeros(), sums)
    }

    /// Halves the arrays by the last challenge.
    fn bind(&self, arrays: Vec<Vec<F>>) -> Vec<Vec<F>> {
        let challenge = self.point.last().copied().unwrap_or(F::ZERO);
        self.pool.map(arrays, |mut array: Vec<F>| {
            if self.oracle.is_cancelled() {
                return array;
            }
            for m in 0..array.len() / 2 {
                let slope = challenge * array[2 * m + 1].minus(&array[2 * m]);
                array[m] = array[2 * m].plus(&slope);
            }
            array.truncate(array.len() / 2);
            pad(array)
        })
    }
}

/// Completes the last pair of an array that is to be bound again.
fn pad<F: SumcheckField>(mut array: Vec<F>) -> Vec<F> {
    if array.len() > 1 && !array.len().is_multiple_of(2) {
        array.push(F::ZERO);
    }
    array
}

/// Gives each part its slice of every column: consecutive slices, of as many entries as `length` says.
fn split<'s, V>(
    columns: &'s mut [Vec<V>],
    parts: Vec<Range<u64>>,
    length: impl Fn(&Range<u64>) -> usize,
) -> Vec<(Range<u64>, Vec<&'s mut [V]>)> {
    let mut rest: Vec<&'s mut [V]> = columns.iter_mut().map(Vec::as_mut_slice).collect();
    let mut take = |rows: &Range<u64>| {
        let mut heads = Vec::with_capacity(rest.len());
        for slice in &mut rest {
            let (head, tail) = core::mem::take(slice).split_at_mut(length(rows));
            heads.push(head);
            *slice = tail;
        }
        heads
    };
    parts.into_iter().map(|rows| (rows.clone(), take(&rows))).collect()
}
