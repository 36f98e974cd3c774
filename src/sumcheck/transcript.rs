//! Where messages go and challenges come from: the seam between the rounds and Fiat–Shamir.
//!
//! The library is spongefish: it is maintained, follows draft-irtf-cfrg-fiat-shamir, and builds and reads the proof
//! string together with the transcript, so that no message can be left unabsorbed. (merlin, the alternative, saw its
//! last release in 2020, and leaves the proof string to the caller.)

use ark_ff::{Field, PrimeField};
use spongefish::{
    DuplexSpongeInit, DuplexSpongeInterface, Encoding, FromNarg, FromUniform, NargReader, ProverState,
    SessionId, VerificationError, VerifierState,
};

/// What both sides do: absorb what both know, and draw challenges.
pub trait Transcript<F> {
    /// Absorbs values that both sides know; they are not written into the proof.
    fn public(&mut self, values: &[F]);

    /// Draws a challenge that depends on everything absorbed so far.
    fn challenge(&mut self) -> F;

    /// Draws that many challenges.
    fn challenges(&mut self, count: usize) -> Vec<F> {
        (0..count).map(|_| self.challenge()).collect()
    }
}

/// The prover's side.
pub trait ProverTranscript<F>: Transcript<F> {
    /// Writes a message into the proof and absorbs it.
    fn send(&mut self, message: &[F]);
}

/// The verifier's side.
pub trait VerifierTranscript<F>: Transcript<F> {
    /// Reads a message of `count` elements from the proof and absorbs it. `count` comes from the statement, never
    /// from the proof.
    ///
    /// # Errors
    /// The proof ends before, or an element is not in canonical form.
    fn receive(&mut self, count: usize) -> Result<Vec<F>, TranscriptError>;
}

/// A message is missing, or an element of it is not the canonical encoding of a field element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof ends too early, or a field element in it is not in canonical form")]
pub struct TranscriptError;

/// The prover's transcript for a session and an encoded instance, which must not be empty.
///
/// The state's private randomness is seeded with a constant: the proofs are deterministic and hide nothing, no secret
/// coin is ever drawn, and so nothing depends on the seed.
pub fn prover_state<T: Encoding + ?Sized>(session: &SessionId, instance: &T) -> ProverState {
    ProverState::new_with_seed(session, instance, [0; 32])
}

impl<F: Field, H: DuplexSpongeInterface<U = u8>, R: DuplexSpongeInit<U = u8>> Transcript<F>
    for ProverState<H, R>
{
    fn public(&mut self, values: &[F]) {
        values.iter().for_each(|value| self.public_message(&Scalar(*value)));
    }

    fn challenge(&mut self) -> F {
        self.verifier_message::<Scalar<F>>().0
    }
}

impl<F: Field, H: DuplexSpongeInterface<U = u8>, R: DuplexSpongeInit<U = u8>> ProverTranscript<F>
    for ProverState<H, R>
{
    fn send(&mut self, message: &[F]) {
        message.iter().for_each(|element| self.prover_message(&Scalar(*element)));
    }
}

impl<F: Field, H: DuplexSpongeInterface<U = u8>> Transcript<F> for VerifierState<'_, H> {
    fn public(&mut self, values: &[F]) {
        values.iter().for_each(|value| self.public_message(&Scalar(*value)));
    }

    fn challenge(&mut self) -> F {
        self.verifier_message::<Scalar<F>>().0
    }
}

impl<F: Field, H: DuplexSpongeInterface<U = u8>> VerifierTranscript<F> for VerifierState<'_, H> {
    fn receive(&mut self, count: usize) -> Result<Vec<F>, TranscriptError> {
        let message =
            self.prover_messages_vec::<Scalar<F>>(count).map_err(|VerificationError| TranscriptError)?;
        Ok(message.into_iter().map(|element| element.0).collect())
    }
}

/// A field element as spongefish reads and writes it: ark-serialize's canonical bytes, a fixed number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scalar<F>(F);

impl<F: Field> Encoding for Scalar<F> {
    fn encode(&self) -> impl AsRef<[u8]> {
        canonical(&self.0)
    }
}

impl<F: Field> FromNarg for Scalar<F> {
    fn from_narg(reader: &mut NargReader<'_>) -> Result<Self, VerificationError> {
        let bytes = reader.take(F::ZERO.compressed_size())?;
        let element = F::deserialize_compressed(bytes).map_err(|_| VerificationError)?;
        // ark-serialize refuses what is not reduced; that it ignores no other bit is not left to it.
        if canonical(&element) == bytes { Ok(Self(element)) } else { Err(VerificationError) }
    }
}

impl<F: Field> FromUniform for Scalar<F> {
    type Repr = UniformBytes<F>;

    fn from_uniform(buffer: UniformBytes<F>) -> Self {
        let coordinates = buffer.bytes.chunks(UniformBytes::<F>::PER_COORDINATE);
        let elements = coordinates.map(F::BasePrimeField::from_le_bytes_mod_order);
        // There are as many coordinates as the degree says, which is all that this can fail for.
        Self(F::from_base_prime_field_elems(elements).unwrap_or(F::ZERO))
    }
}

/// Uniform bytes for one element: 128 bits more a coordinate than the modulus has, so that the bias of the reduction
/// is below 2⁻¹²⁸.
#[derive(Clone, Debug)]
pub(super) struct UniformBytes<F> {
    bytes: Vec<u8>,
    field: core::marker::PhantomData<F>,
}

impl<F: Field> UniformBytes<F> {
    const PER_COORDINATE: usize = (F::BasePrimeField::MODULUS_BIT_SIZE as usize).div_ceil(8) + 16;
}

impl<F: Field> Default for UniformBytes<F> {
    fn default() -> Self {
        let length = Self::PER_COORDINATE * F::extension_degree() as usize;
        Self { bytes: vec![0; length], field: core::marker::PhantomData }
    }
}

impl<F> AsMut<[u8]> for UniformBytes<F> {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

fn canonical<F: Field>(element: &F) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(element.compressed_size());
    // A vector takes every write, and elements have no form that cannot be written.
    let written = element.serialize_compressed(&mut bytes);
    debug_assert!(written.is_ok());
    bytes
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;
    use ark_ff::BigInteger;
    use spongefish::{DefaultHash, derive_session_id};

    use super::*;
    use crate::field::tests::Goldilocks;

    fn round_trip<F: Field>(elements: &[F]) -> (Vec<u8>, F) {
        let session = derive_session_id::<DefaultHash>(b"test");
        let mut prover = prover_state(&session, &[1u8]);
        prover.send(elements);
        let challenge: F = prover.challenge();
        (prover.narg_string().to_vec(), challenge)
    }

    fn read<F: Field>(bytes: &[u8], count: usize) -> Result<(Vec<F>, F), TranscriptError> {
        let session = derive_session_id::<DefaultHash>(b"test");
        let mut verifier = VerifierState::<DefaultHash>::new(&session, &[1u8], bytes);
        let message = verifier.receive(count)?;
        Ok((message, verifier.challenge()))
    }

    fn check<F: PrimeField>() {
        let elements = [F::ZERO, F::ONE, -F::ONE, F::from(1u64 << 40)];
        let (bytes, challenge) = round_trip(&elements);
        assert_eq!(bytes.len(), 4 * F::ZERO.compressed_size());
        assert_eq!(read::<F>(&bytes, 4).unwrap(), (elements.to_vec(), challenge));
        assert!(read::<F>(&bytes, 5).is_err());
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            if let Ok((message, other)) = read::<F>(&altered, 4) {
                assert_ne!(message, elements);
                assert_ne!(other, challenge);
            }
        }
        let mut modulus = F::MODULUS.to_bytes_le();
        modulus.truncate(F::ZERO.compressed_size());
        assert!(read::<F>(&modulus, 1).is_err());
        assert!(read::<F>(&vec![0xFF; F::ZERO.compressed_size()], 1).is_err());
    }

    #[test]
    fn elements_have_one_encoding() {
        check::<Fr>();
        check::<Goldilocks>();
    }
}
