//! What prover and verifier do alike, in one place so that they cannot differ: the transcript's start, its challenges,
//! the instances.

use ark_ff::PrimeField;
use spongefish::{DefaultHash, SessionId, derive_session_id};

use super::Statement;
use crate::field::SumcheckField;
use crate::isa::{Spec, Word};
use crate::sumcheck::{
    Composition, CompositionError, Shift, SumcheckInstance, Transcript, ZeroCheck, ZeroCheckError,
};

/// The protocol's name and version, which every challenge depends on.
pub(super) fn session() -> SessionId {
    derive_session_id::<DefaultHash>(b"retrace execution v2")
}

/// The soundness error is about (rounds · degree + constraints) / |F|: with 2^100 elements below 2^-90.
const MIN_FIELD_BITS: u64 = 100;

/// The instances that a statement is proven by: all row constraints, and every link.
pub(super) struct Instances<F> {
    zero_check: ZeroCheck<F, Composition<F>>,
    shifts: Vec<Shift<F>>,
}

/// The spec's constraints cannot be proven over this field.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The spec's constraints are equations of integers below 2^63, which a smaller prime would wrap.
    #[error("the field's prime has {bits} bits, and constraints over words need more than 63")]
    SmallPrime {
        /// The prime's length.
        bits: u32,
    },
    /// Challenges from so small a field can be guessed.
    #[error(
        "the field has 2^{bits} elements, too few for challenges: take an extension of more than 2^{MIN_FIELD_BITS}"
    )]
    SmallField {
        /// The length of the number of elements.
        bits: u64,
    },
    /// The composition cannot be made.
    #[error(transparent)]
    Composition(#[from] CompositionError),
    /// The constraints do not hold in the padding.
    #[error(transparent)]
    ZeroCheck(#[from] ZeroCheckError),
}

impl<F: SumcheckField> Instances<F> {
    /// Draws α and τ. The statement must have been absorbed, and once there are any, the commitments.
    pub(super) fn draw(
        transcript: &mut impl Transcript<F>,
        spec: &Spec,
        statement: &Statement,
    ) -> Result<Self, SpecError> {
        let bits = F::BasePrimeField::MODULUS_BIT_SIZE;
        if bits < 64 {
            return Err(SpecError::SmallPrime { bits });
        }
        let bits = u64::from(bits) * F::extension_degree();
        if bits < MIN_FIELD_BITS {
            return Err(SpecError::SmallField { bits });
        }
        let alpha = transcript.challenge();
        let composition = Composition::from_constraints(spec.columns, spec.constraints, alpha)?;
        let tau = transcript.challenges(variables(statement.cycles));
        let entry = F::from(statement.entry);
        let shifts = spec.links.iter().map(|link| Shift::new(link, entry, tau.clone())).collect();
        Ok(Self { zero_check: ZeroCheck::new(composition, tau)?, shifts })
    }

    /// The list that the sum-check batches.
    pub(super) fn list(&self) -> Vec<&dyn SumcheckInstance<F>> {
        let shifts = self.shifts.iter().map(|shift| shift as &dyn SumcheckInstance<F>);
        core::iter::once(&self.zero_check as &dyn SumcheckInstance<F>).chain(shifts).collect()
    }
}

/// n for a statement of `cycles` rows; what exceeds 2^63 is refused by the sum-check.
pub(super) fn variables(cycles: u64) -> usize {
    cycles.checked_next_power_of_two().map_or(Word::BITS as usize * 2, |rows| rows.trailing_zeros() as usize)
}
