//! The prover: one list of instances, one oracle, a budget.

use core::ops::Range;
use std::time::Instant;

use super::batch::{check_variables, is_public, max_degree, open, places, used_columns};
use super::budget::Budget;
use super::fold::{CellFold, ElementFold, Round, merge};
use super::instance::{RoundProver, Scratch, SumcheckInstance, Values};
use super::round::evaluate;
use super::transcript::ProverTranscript;
use super::verifier::Reduced;
use crate::field::SumcheckField;
use crate::isa::{Column, ColumnId, Word};
use crate::oracle::{self, EqTable, OracleError, Part, PolynomialOracle, shapes, weigh};
use crate::parallel::Pool;

/// The fewest pairs that are worth a job of their own in a linear-time round.
const MIN_JOB_PAIRS: usize = 256;

/// Proves lists of [`SumcheckInstance`]s over a [`PolynomialOracle`].
#[derive(Debug, Default)]
pub struct SumCheckProver {
    budget: Budget,
    pool: Pool,
}

/// A finished proof's outcome; the proof itself is in the transcript.
#[derive(Clone, Debug)]
pub struct Proved<F> {
    /// The point, and the values of the columns there.
    pub reduced: Reduced<F>,
    /// What it took.
    pub report: Report,
}

/// What a proof took. No part of it depends on the witness, and none of it enters the proof.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// n.
    pub rounds: u32,
    /// Columns regenerated and bound.
    pub columns: usize,
    /// Passes over the witness, the storing one included.
    pub passes: u32,
    /// The round whose pass stored the arrays.
    pub storing_round: u32,
    /// Seconds in all.
    pub seconds: f64,
    /// Seconds in passes, regeneration included.
    pub pass_seconds: f64,
}

/// Why there is no proof. A witness that does not satisfy the claims is no error: its proof is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProverError {
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
}

impl SumCheckProver {
    /// A prover within `budget`, whose linear-time rounds run on `pool`. (Passes run as the oracle runs them.)
    pub fn new(budget: Budget, pool: Pool) -> Self {
        Self { budget, pool }
    }

    /// Proves every instance's claim: n rounds, then the values of the columns that are used and not public.
    ///
    /// What the instances were made from (the statement, α, τ) must be in the transcript before; n, T and the claims
    /// are absorbed here. The messages depend on nothing but instances, oracle and transcript.
    ///
    /// Time: with arrays from round s on, s + 1 passes (1 if s = 0), and O(T) field operations a column and a round
    /// before s, O(T/2^s) after. Space: the budget, O(√T) for eq tables, and a block of every used column a thread.
    ///
    /// # Errors
    /// An instance for another number of variables, an unknown column, or a failure of the oracle.
    pub fn prove<F: SumcheckField, O: PolynomialOracle>(
        &self,
        oracle: &O,
        instances: &[&dyn SumcheckInstance<F>],
        transcript: &mut impl ProverTranscript<F>,
    ) -> Result<Proved<F>, ProverError> {
        let started = Instant::now();
        let rounds = oracle.num_variables();
        check_variables(instances, rounds as usize).map_err(|(instance, found)| ProverError::Variables {
            instance,
            expected: rounds as usize,
            found,
        })?;
        let columns = used_columns(instances);
        let mut run = Run {
            oracle,
            pool: &self.pool,
            shapes: shapes(oracle.columns(), &columns)?,
            maps: instances.iter().map(|instance| places(&columns, instance.columns())).collect(),
            provers: instances
                .iter()
                .map(|instance| instance.prover(oracle.num_rows(), rounds as usize))
                .collect(),
            witness: Witness::Streamed,
            storing_round: self.budget.storing_round::<F>(columns.len(), rounds),
            report: Report { rounds, columns: columns.len(), ..Report::default() },
            columns,
        };
        let batching = open(transcript, oracle.num_rows(), instances);
        let mut claims: Vec<F> = instances.iter().map(|instance| instance.claim()).collect();
        let mut point = Vec::with_capacity(rounds as usize);
        let degree = max_degree(instances);
        for round in 0..rounds {
            let sums = run.sums(round, &point)?;
            let claimed = run.provers.iter().zip(&sums).zip(&claims);
            let messages: Vec<Vec<F>> =
                claimed.map(|((prover, sums), claim)| prover.message(sums, *claim)).collect();
            let mut batched = vec![F::ZERO; degree + 1];
            for (message, power) in messages.iter().zip(&batching) {
                batched.iter_mut().zip(message).for_each(|(sum, coefficient)| *sum += *coefficient * power);
            }
            batched.remove(1);
            transcript.send(&batched);
            let challenge = transcript.challenge();
            for ((prover, claim), message) in run.provers.iter_mut().zip(&mut claims).zip(&messages) {
                *claim = evaluate(message, challenge);
                prover.bind(challenge);
            }
            point.push(challenge);
            run.bind(challenge);
        }
        let values = run.values(&point)?;
        let evaluations: Vec<(ColumnId, F)> = run.columns.iter().copied().zip(values).collect();
        let sent: Vec<F> = evaluations
            .iter()
            .zip(&run.shapes)
            .filter(|(_, shape)| !is_public(shape))
            .map(|(pair, _)| pair.1)
            .collect();
        transcript.send(&sent);
        let report = Report {
            seconds: started.elapsed().as_secs_f64(),
            storing_round: run.storing_round,
            ..run.report
        };
        Ok(Proved { reduced: Reduced { point, evaluations }, report })
    }
}

/// What the prover holds of the used columns.
enum Witness<F> {
    Streamed,
    Words(Vec<Vec<Word>>),
    Bound(Vec<Vec<F>>),
}

/// A proof in progress.
struct Run<'a, F, O> {
    oracle: &'a O,
    pool: &'a Pool,
    columns: Vec<ColumnId>,
    shapes: Vec<Column>,
    maps: Vec<Vec<usize>>,
    provers: Vec<Box<dyn RoundProver<F> + 'a>>,
    witness: Witness<F>,
    storing_round: u32,
    report: Report,
}

impl<F: SumcheckField, O: PolynomialOracle> Run<'_, F, O> {
    /// Every instance's sums in this round: from the arrays if they are held, by a pass otherwise.
    fn sums(&mut self, index: u32, point: &[F]) -> Result<Vec<Vec<F>>, OracleError> {
        if let Witness::Bound(arrays) = &self.witness {
            return Ok(self.sum_arrays(arrays));
        }
        let started = Instant::now();
        let sums = if index == 0 { self.pass_cells()? } else { self.pass_elements(index, point)? };
        self.report.passes += 1;
        self.report.pass_seconds += started.elapsed().as_secs_f64();
        Ok(sums)
    }

    fn round(&self) -> Round<'_, F> {
        Round { provers: &self.provers, maps: &self.maps, shapes: &self.shapes }
    }

    fn pass_cells(&mut self) -> Result<Vec<Vec<F>>, OracleError> {
        let kept = if self.storing_round == 0 { self.columns.len() } else { 0 };
        // Not `vec![vec![…]; kept]`, which makes an inner vector of O(T) even to keep none.
        let mut words: Vec<Vec<Word>> = (0..kept).map(|_| vec![0; self.oracle.num_rows() as usize]).collect();
        let round = self.round();
        let parts = split(&mut words, self.oracle.parts(2), |rows| (rows.end - rows.start) as usize);
        let part = |(cycles, sink)| Part { state: CellFold::new(&round, &cycles, sink), cycles };
        let parts = parts.into_iter().map(part).collect();
        let folds = self.oracle.pass(&self.columns, parts, |fold, chunk| {
            fold.visit(&round, chunk);
            Ok(())
        })?;
        let sums = merge(round.zeros(), folds.into_iter().map(|fold| fold.sums));
        if self.storing_round == 0 {
            self.witness = Witness::Words(words);
        }
        Ok(sums)
    }

    fn pass_elements(&mut self, index: u32, point: &[F]) -> Result<Vec<Vec<F>>, OracleError> {
        let kept = if self.storing_round == index { self.columns.len() } else { 0 };
        let align = 2u64 << index;
        let entries = |rows: &Range<u64>| ((rows.end - rows.start).div_ceil(align) * 2) as usize;
        let mut arrays: Vec<Vec<F>> =
            (0..kept).map(|_| vec![F::ZERO; entries(&(0..self.oracle.num_rows()))]).collect();
        let round = self.round();
        let table = EqTable::new(point);
        let parts = split(&mut arrays, self.oracle.parts(align), entries);
        let part = |(cycles, sink)| Part { state: ElementFold::new(&round, index, &cycles, sink), cycles };
        let parts = parts.into_iter().map(part).collect();
        let folds = self.oracle.pass(&self.columns, parts, |fold, chunk| {
            fold.visit(&round, index, &table, chunk);
            Ok(())
        })?;
        let sums = merge(round.zeros(), folds.into_iter().map(|fold| fold.sums));
        if self.storing_round == index {
            self.witness = Witness::Bound(arrays);
        }
        Ok(sums)
    }

    fn sum_arrays(&self, arrays: &[Vec<F>]) -> Vec<Vec<F>> {
        let round = self.round();
        let pairs = arrays.first().map_or(0, Vec::len) / 2;
        let step = pairs.div_ceil(4 * self.pool.threads()).max(MIN_JOB_PAIRS);
        let jobs: Vec<usize> = (0..pairs).step_by(step).collect();
        let sums = self.pool.map(jobs, |start| {
            let mut sums = round.zeros();
            let block = (start as u64, start, step.min(pairs - start));
            round.absorb(block, Values::Bound(arrays), &mut Scratch::default(), &mut sums);
            sums
        });
        merge(round.zeros(), sums)
    }

    /// Halves what is held.
    fn bind(&mut self, challenge: F) {
        self.witness = match core::mem::replace(&mut self.witness, Witness::Streamed) {
            Witness::Streamed => Witness::Streamed,
            Witness::Words(words) => {
                let weights = [F::ONE - challenge, challenge];
                let jobs = words.into_iter().zip(&self.shapes).collect();
                Witness::Bound(self.pool.map(jobs, |(words, shape): (Vec<Word>, &Column)| {
                    pad(words.chunks(2).map(|pair| weigh(shape, &weights, pair)).collect())
                }))
            }
            Witness::Bound(arrays) => Witness::Bound(self.pool.map(arrays, |mut array: Vec<F>| {
                for m in 0..array.len() / 2 {
                    let slope = challenge * array[2 * m + 1].minus(&array[2 * m]);
                    array[m] = array[2 * m].plus(&slope);
                }
                array.truncate(array.len() / 2);
                pad(array)
            })),
        };
    }

    /// The columns' values at the point: what is left of the arrays.
    fn values(&mut self, point: &[F]) -> Result<Vec<F>, OracleError> {
        if let Witness::Bound(arrays) = &self.witness {
            return Ok(arrays.iter().map(|array| array.first().copied().unwrap_or(F::ZERO)).collect());
        }
        // No round has been: there is one row.
        self.report.passes += 1;
        let values = oracle::evaluate(self.oracle, &self.columns, &[point.to_vec()])?;
        Ok(values.into_iter().next().unwrap_or_default())
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
