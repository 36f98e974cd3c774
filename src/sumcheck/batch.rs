//! What prover and verifier know of a list of instances alike: its columns, its degree, and how its claims are batched.

use super::instance::SumcheckInstance;
use crate::field::SumcheckField;
use crate::isa::{Column, ColumnId, ColumnSource};

/// Whether the verifier computes the column itself.
pub(super) fn is_public(column: &Column) -> bool {
    matches!(column.source, ColumnSource::Public(_))
}

/// The columns that any instance reads, ascending.
pub(super) fn used_columns<F: SumcheckField>(instances: &[&dyn SumcheckInstance<F>]) -> Vec<ColumnId> {
    let mut columns: Vec<ColumnId> =
        instances.iter().flat_map(|instance| instance.columns()).copied().collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// Where an instance's columns are among those in use.
pub(super) fn places(used: &[ColumnId], columns: &[ColumnId]) -> Vec<usize> {
    columns.iter().filter_map(|column| used.binary_search(column).ok()).collect()
}

pub(super) fn max_degree<F: SumcheckField>(instances: &[&dyn SumcheckInstance<F>]) -> usize {
    instances.iter().map(|instance| instance.degree()).max().unwrap_or(1).max(1)
}

/// The first instance about another number of variables, and which.
pub(super) fn check_variables<F: SumcheckField>(
    instances: &[&dyn SumcheckInstance<F>],
    variables: usize,
) -> Result<(), (usize, usize)> {
    let found = instances.iter().map(|instance| instance.variables().unwrap_or(variables));
    found.enumerate().find(|(_, found)| *found != variables).map_or(Ok(()), Err)
}

/// Absorbs T and the claims, and draws the powers that batch the instances.
pub(super) fn open<F: SumcheckField>(
    transcript: &mut impl super::Transcript<F>,
    rows: u64,
    instances: &[&dyn SumcheckInstance<F>],
) -> Vec<F> {
    transcript.public(&[F::from(rows), F::from(instances.len() as u64)]);
    transcript.public(&instances.iter().map(|instance| instance.claim()).collect::<Vec<_>>());
    let challenge = transcript.challenge();
    core::iter::successors(Some(F::ONE), |power| Some(*power * challenge)).take(instances.len()).collect()
}
