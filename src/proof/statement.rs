//! What a proof states, all of it absorbed into the transcript before the first challenge.

use ark_ff::{BigInteger, Field, PrimeField};

use crate::checkpoint::{Checkpoint, Execution};
use crate::guest::{Guest, OutputSummary};
use crate::isa::{Fingerprint, Isa, Word};
use crate::pages::PageError;

/// "Under this spec, this program, started in the entry state with this input, runs for `cycles` cycles, ends in the
/// exit state with this exit code, and has put out this output."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The spec.
    pub fingerprint: Fingerprint,
    /// The hash of the ELF file, or of the code and data that a program was made of.
    pub program: [u8; 32],
    /// The field of the challenges.
    pub field: FieldId,
    /// T.
    pub cycles: u64,
    /// The address of the first instruction.
    pub entry: Word,
    /// The digest of the state before the first cycle: registers, memory, guest interface, arguments included.
    pub entry_state: [u8; 32],
    /// The digest of the state after the last cycle.
    pub exit_state: [u8; 32],
    /// The hash of the input.
    pub input: [u8; 32],
    /// The input's length in bytes.
    pub input_length: u64,
    /// The hash of the output.
    pub output: [u8; 32],
    /// The output's length in bytes.
    pub output_length: u64,
    /// The guest's exit code.
    pub exit_code: Word,
}

/// Which field: a hash of its modulus and its degree over the prime field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldId(pub [u8; 32]);

impl FieldId {
    /// The id of a field.
    pub fn of<F: Field>() -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("retrace field v1");
        hasher.update(&F::BasePrimeField::MODULUS.to_bytes_le());
        hasher.update(&F::extension_degree().to_le_bytes());
        Self(*hasher.finalize().as_bytes())
    }
}

impl Statement {
    /// How many bytes a statement has in a proof.
    pub const BYTES: usize = 7 * 32 + 3 * 8 + 2 * size_of::<Word>();

    /// The statement about an execution; none if its guest did not end by itself. O(K) for the digests.
    ///
    /// # Errors
    /// A page of the first or last state is in a checkpoint file, and cannot be read.
    pub fn new<F: Field, I: Isa, G: Guest>(execution: &Execution<I, G>) -> Result<Option<Self>, PageError> {
        let Some(exit_code) = execution.exit_code() else { return Ok(None) };
        let entry: &Checkpoint<G> = execution.checkpoints().first();
        let OutputSummary { hash, length } = execution.output();
        Ok(Some(Self {
            fingerprint: I::SPEC.fingerprint,
            program: execution.program().hash(),
            field: FieldId::of::<F>(),
            cycles: execution.cycles(),
            entry: entry.pc,
            entry_state: entry.digest()?,
            exit_state: execution.exit().digest()?,
            input: execution.input().hash(),
            input_length: execution.input().length(),
            output: hash,
            output_length: length,
            exit_code,
        }))
    }

    /// The statement's bytes: the fields in order, numbers little-endian.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut rest = bytes.as_mut_slice();
        put(&mut rest, &self.fingerprint.0);
        put(&mut rest, &self.program);
        put(&mut rest, &self.field.0);
        put(&mut rest, &self.cycles.to_le_bytes());
        put(&mut rest, &self.entry.to_le_bytes());
        put(&mut rest, &self.entry_state);
        put(&mut rest, &self.exit_state);
        put(&mut rest, &self.input);
        put(&mut rest, &self.input_length.to_le_bytes());
        put(&mut rest, &self.output);
        put(&mut rest, &self.output_length.to_le_bytes());
        put(&mut rest, &self.exit_code.to_le_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut rest = bytes.as_slice();
        Self {
            fingerprint: Fingerprint(take(&mut rest)),
            program: take(&mut rest),
            field: FieldId(take(&mut rest)),
            cycles: u64::from_le_bytes(take(&mut rest)),
            entry: Word::from_le_bytes(take(&mut rest)),
            entry_state: take(&mut rest),
            exit_state: take(&mut rest),
            input: take(&mut rest),
            input_length: u64::from_le_bytes(take(&mut rest)),
            output: take(&mut rest),
            output_length: u64::from_le_bytes(take(&mut rest)),
            exit_code: Word::from_le_bytes(take(&mut rest)),
        }
    }
}

/// Fills the next N bytes.
fn put<const N: usize>(rest: &mut &mut [u8], bytes: &[u8; N]) {
    if let Some((head, tail)) = core::mem::take(rest).split_first_chunk_mut() {
        *head = *bytes;
        *rest = tail;
    }
}

/// The next N bytes; there are as many, since the lengths add up to [`Statement::BYTES`].
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let mut taken = [0; N];
    if let Some((head, tail)) = rest.split_first_chunk() {
        taken = *head;
        *rest = tail;
    }
    taken
}
