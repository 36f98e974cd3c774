//! What prover and verifier do alike, in one place so that they cannot differ: the transcript's start, its challenges,
//! the instances.

use ark_ff::PrimeField;
use spongefish::{DefaultHash, SessionId, derive_session_id};

use super::Statement;
use crate::field::SumcheckField;
use crate::isa::units::PRIME;
use crate::isa::{PublicColumn, Spec, Word};
use crate::sumcheck::{
    Composition, CompositionError, RangeSum, Shift, SumcheckInstance, Transcript, ZeroCheck, ZeroCheckError,
};

/// The protocol's name and version, which every challenge depends on.
pub(super) fn session() -> SessionId {
    derive_session_id::<DefaultHash>(b"retrace execution v4")
}

/// The soundness error is about (rounds · degree + constraints) / |F|: with 2^100 elements below 2^-90.
const MIN_FIELD_BITS: u64 = 100;

/// The instances that a statement is proven by: all row constraints, every link, and where no row of padding follows,
/// what each link leads to.
#[derive(Debug)]
pub(super) struct Instances<F> {
    zero_check: ZeroCheck<F, Composition<F>>,
    shifts: Vec<Shift<F>>,
    ends: Vec<RangeSum<F>>,
}

/// What the instances depend on, of a statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// T.
    pub(super) rows: u64,
    /// The address of the first row's instruction, and of the one after the last row's.
    pub(super) entry: Word,
    pub(super) exit: Word,
    /// Whether the run begins with the first row, and whether it ends with the last.
    pub(super) begins: bool,
    pub(super) ends: bool,
}

impl From<&Statement> for Shape {
    fn from(statement: &Statement) -> Self {
        Self {
            rows: statement.rows(),
            entry: statement.entry.pc,
            exit: statement.exit.pc,
            begins: statement.entry.cycle == 0,
            ends: statement.exit_code.is_some(),
        }
    }
}

/// The spec's constraints cannot be proven over this field.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The spec's instructions are not compiled to units.
    #[error(
        "a proof would not determine what `{instruction}` computes, nor any other instruction of {isa}: the spec says `unproven`, or \
         declares no units"
    )]
    Undetermined {
        /// The ISA.
        isa: &'static str,
        /// Its first instruction.
        instruction: &'static str,
    },
    /// Units' relations are made for primes from [`PRIME`] on, and a smaller one would wrap.
    #[error(
        "the field's prime has {bits} bits and is below 2^64 - 2^32 + 1, the least that relations are made for"
    )]
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

impl SpecError {
    /// Whether a spec can be proven at all over the field `F`, whatever is run.
    ///
    /// # Errors
    /// Its instructions are not compiled to units, or the field is too small.
    pub fn check<F: SumcheckField>(spec: &Spec) -> Result<(), Self> {
        if let Some(first) = spec.instructions.first().filter(|_| spec.unproven) {
            return Err(Self::Undetermined { isa: spec.name, instruction: first.name });
        }
        if F::BasePrimeField::MODULUS < PRIME.into() {
            return Err(Self::SmallPrime { bits: F::BasePrimeField::MODULUS_BIT_SIZE });
        }
        let bits = u64::from(F::BasePrimeField::MODULUS_BIT_SIZE) * F::extension_degree();
        if bits < MIN_FIELD_BITS { Err(Self::SmallField { bits }) } else { Ok(()) }
    }
}

impl<F: SumcheckField> Instances<F> {
    /// Draws α and τ. The statement must have been absorbed, and once there are any, the commitments.
    pub(super) fn draw(
        transcript: &mut impl Transcript<F>,
        spec: &Spec,
        shape: Shape,
    ) -> Result<Self, SpecError> {
        SpecError::check::<F>(spec)?;
        let alpha = transcript.challenge();
        let Shape { rows, entry, exit, begins, ends } = shape;
        let absent = [(PublicColumn::First, begins), (PublicColumn::Last, ends)];
        let absent: Vec<_> =
            absent.into_iter().filter(|(_, there)| !there).map(|(column, _)| column).collect();
        let composition = Composition::from_constraints(spec.columns, spec.constraints, &absent, alpha)?;
        let tau = transcript.challenges(variables(rows));
        let (entry, exit) = (F::from(entry), F::from(exit));
        let shift = |link| Shift::new(link, entry, tau.clone()).with_exit(exit, rows);
        // A shift cannot see what the last row leads to where no row of padding follows.
        let last = rows.saturating_sub(1)..rows;
        let unseen = spec.links.iter().filter(|_| rows.is_power_of_two());
        Ok(Self {
            shifts: spec.links.iter().map(shift).collect(),
            ends: unseen.map(|link| RangeSum::new(link.from, last.clone(), exit)).collect(),
            zero_check: ZeroCheck::new(composition, tau)?,
        })
    }

    /// The list that the sum-check batches.
    pub(super) fn list(&self) -> Vec<&dyn SumcheckInstance<F>> {
        let shifts = self.shifts.iter().map(|shift| shift as &dyn SumcheckInstance<F>);
        let ends = self.ends.iter().map(|end| end as &dyn SumcheckInstance<F>);
        core::iter::once(&self.zero_check as &dyn SumcheckInstance<F>).chain(shifts).chain(ends).collect()
    }
}

/// n for so many rows; what exceeds 2^63 is refused by the sum-check.
fn variables(rows: u64) -> usize {
    rows.checked_next_power_of_two().map_or(Word::BITS as usize * 2, |rows| rows.trailing_zeros() as usize)
}
