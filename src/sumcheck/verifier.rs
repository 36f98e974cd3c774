//! The verifier: n rounds in O(n·degree), and one identity at their end.

use super::batch::{check_variables, is_public, max_degree, open, places, used_columns};
use super::instance::SumcheckInstance;
use super::round::evaluate;
use super::transcript::{TranscriptError, VerifierTranscript};
use crate::field::SumcheckField;
use crate::isa::{Column, ColumnId, ColumnSource};
use crate::oracle::{OracleError, evaluate_public, shapes};

/// Verifies what [`SumCheckProver`](super::SumCheckProver) proved, but for the values of the columns at the point,
/// which the caller checks against the oracle or a commitment.
#[derive(Clone, Copy, Debug)]
pub struct SumCheckVerifier<'a> {
    columns: &'a [Column],
    rows: u64,
}

/// What a sum-check leaves to be shown: the columns' values at a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduced<F> {
    /// The point; its first coordinate belongs to the low bit of the row.
    pub point: Vec<F>,
    /// Every column that an instance reads, ascending, and its claimed value. The verifier computed the public ones;
    /// all others are claims.
    pub evaluations: Vec<(ColumnId, F)>,
}

/// Why a proof is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SumCheckVerifierError {
    /// The statement has no rows, or too many.
    #[error("a witness has between 1 and 2^63 rows")]
    Rows,
    /// An instance names a column that does not exist.
    #[error(transparent)]
    Column(#[from] OracleError),
    /// An instance is about another number of variables than the statement.
    #[error("instance {instance} has {found} variables, but the statement has {expected}")]
    Variables {
        /// Its place in the list.
        instance: usize,
        /// n.
        expected: usize,
        /// The instance's.
        found: usize,
    },
    /// A round's message cannot be read.
    #[error("round {round}: {error}")]
    Round {
        /// Which round, from 0.
        round: u32,
        /// Why.
        #[source]
        error: TranscriptError,
    },
    /// The columns' values cannot be read.
    #[error("values at the point: {0}")]
    Evaluations(#[source] TranscriptError),
    /// The rounds do not lead to the instances' values at the point.
    #[error(
        "the last round's claim is not what the columns' values give: the statement or a message is false"
    )]
    Identity,
}

impl<'a> SumCheckVerifier<'a> {
    /// A verifier for witnesses of `rows` rows with these columns, virtual ones included.
    pub fn new(columns: &'a [Column], rows: u64) -> Self {
        Self { columns, rows }
    }

    /// How many elements the proof of these instances has: a proof of another length is none.
    ///
    /// # Errors
    /// The instances do not fit the statement.
    pub fn elements<F: SumcheckField>(
        &self,
        instances: &[&dyn SumcheckInstance<F>],
    ) -> Result<usize, SumCheckVerifierError> {
        let shapes = shapes(self.columns, &used_columns(instances))?;
        let sent = shapes.iter().filter(|shape| !is_public(shape)).count();
        Ok(self.rounds()? as usize * max_degree(instances) + sent)
    }

    fn rounds(&self) -> Result<u32, SumCheckVerifierError> {
        let rows = self.rows.checked_next_power_of_two().filter(|_| self.rows > 0);
        Ok(rows.ok_or(SumCheckVerifierError::Rows)?.trailing_zeros())
    }

    /// Reads and checks the proof of these instances. A message leaves out the linear coefficient, which follows from
    /// what the round's polynomial must add up to: so there is no sum that a message could have wrong.
    ///
    /// A proof of a false claim passes with a chance of at most (n·degree + instances − 1)/|F|. Time and space: O(n)
    /// elements and what the instances take at one point.
    ///
    /// # Errors
    /// Why the proof is refused, or that the instances do not fit the statement.
    pub fn verify<F: SumcheckField>(
        &self,
        instances: &[&dyn SumcheckInstance<F>],
        transcript: &mut impl VerifierTranscript<F>,
    ) -> Result<Reduced<F>, SumCheckVerifierError> {
        let rounds = self.rounds()?;
        check_variables(instances, rounds as usize).map_err(|(instance, found)| {
            SumCheckVerifierError::Variables { instance, expected: rounds as usize, found }
        })?;
        let columns = used_columns(instances);
        let shapes = shapes(self.columns, &columns)?;
        let batching = open(transcript, self.rows, instances);
        let mut claim: F =
            instances.iter().zip(&batching).map(|(instance, power)| instance.claim() * power).sum();
        let mut point = Vec::with_capacity(rounds as usize);
        let degree = max_degree(instances);
        for round in 0..rounds {
            let mut message =
                transcript.receive(degree).map_err(|error| SumCheckVerifierError::Round { round, error })?;
            // s(0) + s(1) = claim, and the constant counts in both.
            let linear = claim - message.iter().sum::<F>() - message.first().copied().unwrap_or(F::ZERO);
            message.insert(1, linear);
            let challenge = transcript.challenge();
            claim = evaluate(&message, challenge);
            point.push(challenge);
        }
        let sent = shapes.iter().filter(|shape| !is_public(shape)).count();
        let mut sent = transcript.receive(sent).map_err(SumCheckVerifierError::Evaluations)?.into_iter();
        let value = |shape: &Column| match shape.source {
            ColumnSource::Public(public) => evaluate_public(public, &point, self.rows),
            _ => sent.next().unwrap_or(F::ZERO),
        };
        let values: Vec<F> = shapes.iter().map(value).collect();
        let identity = instances.iter().zip(&batching).map(|(instance, power)| {
            let places = places(&columns, instance.columns());
            let values: Vec<F> = places.into_iter().map(|place| values[place]).collect();
            instance.evaluate(&point, &values) * power
        });
        if identity.sum::<F>() != claim {
            return Err(SumCheckVerifierError::Identity);
        }
        Ok(Reduced { point, evaluations: columns.into_iter().zip(values).collect() })
    }
}
