//! What a proof states, all of it absorbed into the transcript before the first challenge.

use core::ops::Range;

use ark_ff::{BigInteger, Field, PrimeField};

use super::FormatError;
use crate::guest::{Guest, OutputSummary};
use crate::isa::{Fingerprint, Isa, Word};
use crate::replay::{ReplayError, StreamingWitnessGenerator};

/// "Under this spec, this program, run on this input, is in the entry state after so many cycles, goes on to the exit
/// state, and ends there with this exit code, or goes on."
///
/// A whole run starts at cycle 0 and has an exit code. Anything else is a *segment*; adjoining ones are
/// [joined](Self::join).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The spec.
    pub fingerprint: Fingerprint,
    /// The hash of the ELF file, or of the code and data that a program was made of.
    pub program: [u8; 32],
    /// The field of the challenges.
    pub field: FieldId,
    /// The hash of the input, all of it.
    pub input: [u8; 32],
    /// The input's length in bytes.
    pub input_length: u64,
    /// Before the first row.
    pub entry: Boundary,
    /// After the last row.
    pub exit: Boundary,
    /// The guest's exit code, if it ends with the last row; none if it goes on.
    pub exit_code: Option<Word>,
}

/// Where a run is after so many cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// How many cycles were executed.
    pub cycle: u64,
    /// The address of the next instruction; 0 after the guest ended.
    pub pc: Word,
    /// The digest of the state: registers, memory, guest interface, arguments included, and how much of the input was
    /// taken.
    pub state: [u8; 32],
    /// The hash and length of all that was put out so far.
    pub output: OutputSummary,
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

/// Two statements that are not about adjoining segments of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// They are about different runs.
    #[error("the segments are not of one run: another {what}")]
    Other {
        /// What differs.
        what: &'static str,
    },
    /// The first ends the run.
    #[error("the guest ends with cycle {cycle}, and nothing follows")]
    Ended {
        /// The last cycle.
        cycle: u64,
    },
    /// One does not begin where the other stops.
    #[error("the segments do not adjoin: one stops after {stops} cycles, and the next begins after {begins}")]
    Apart {
        /// Where the first one stops.
        stops: u64,
        /// Where the second one begins.
        begins: u64,
    },
    /// They adjoin, but in different states.
    #[error("the segments do not adjoin: after {cycle} cycles one has another {what} than the other")]
    Differs {
        /// Where they meet.
        cycle: u64,
        /// What differs.
        what: &'static str,
    },
}

impl Statement {
    /// How many bytes a statement has in a proof.
    pub const BYTES: usize = 4 * 32 + 8 + 2 * Boundary::BYTES + 2 * size_of::<u32>();

    /// The statement about cycles of an execution. O(K) time for the digests, and O(cycles.end) where the range is not
    /// the whole execution; see [`StreamingWitnessGenerator::state_at`].
    ///
    /// # Errors
    /// There are no such cycles, or one of `state_at`.
    pub fn new<I: Isa, G: Guest>(
        field: FieldId,
        generator: &StreamingWitnessGenerator<I, G>,
        cycles: Range<u64>,
    ) -> Result<Self, ReplayError> {
        let execution = generator.execution();
        let ends = cycles.end == execution.cycles();
        let boundary = |cycle| -> Result<Boundary, ReplayError> {
            let (state, output) = generator.state_at(cycle)?;
            Ok(Boundary { cycle, pc: state.pc, state: state.digest()?, output })
        };
        Ok(Self {
            fingerprint: I::SPEC.fingerprint,
            program: execution.program().hash(),
            field,
            input: execution.input().hash(),
            input_length: execution.input().length(),
            entry: boundary(cycles.start)?,
            exit: boundary(cycles.end)?,
            exit_code: execution.exit_code().filter(|_| ends),
        })
    }

    /// The cycles that it is about.
    pub fn cycles(&self) -> Range<u64> {
        self.entry.cycle..self.exit.cycle
    }

    /// T, the number of rows; 0 if the exit is no later than the entry.
    pub fn rows(&self) -> u64 {
        self.exit.cycle.saturating_sub(self.entry.cycle)
    }

    /// Whether it is about a whole run: from its first cycle to the guest's end.
    pub fn is_whole(&self) -> bool {
        self.entry.cycle == 0 && self.exit_code.is_some()
    }

    /// The statement about this segment and the one that follows it. That of all segments of a run is that of the run.
    ///
    /// # Errors
    /// They do not adjoin.
    pub fn join(&self, next: &Self) -> Result<Self, JoinError> {
        let same = [
            ("spec", self.fingerprint == next.fingerprint),
            ("program", self.program == next.program),
            ("field", self.field == next.field),
            ("input", (self.input, self.input_length) == (next.input, next.input_length)),
        ];
        if let Some((what, _)) = same.into_iter().find(|(_, same)| !same) {
            return Err(JoinError::Other { what });
        }
        if self.exit_code.is_some() {
            return Err(JoinError::Ended { cycle: self.exit.cycle });
        }
        let (stop, begin) = (self.exit, next.entry);
        if stop.cycle != begin.cycle {
            return Err(JoinError::Apart { stops: stop.cycle, begins: begin.cycle });
        }
        let same = [
            ("next instruction", stop.pc == begin.pc),
            ("state", stop.state == begin.state),
            ("output", stop.output == begin.output),
        ];
        match same.into_iter().find(|(_, same)| !same) {
            Some((what, _)) => Err(JoinError::Differs { cycle: stop.cycle, what }),
            None => Ok(Self { entry: self.entry, ..next.clone() }),
        }
    }

    /// The statement's bytes: the fields in order, numbers little-endian.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut rest = bytes.as_mut_slice();
        put(&mut rest, &self.fingerprint.0);
        put(&mut rest, &self.program);
        put(&mut rest, &self.field.0);
        put(&mut rest, &self.input);
        put(&mut rest, &self.input_length.to_le_bytes());
        self.entry.put(&mut rest);
        self.exit.put(&mut rest);
        put(&mut rest, &u32::from(self.exit_code.is_some()).to_le_bytes());
        put(&mut rest, &self.exit_code.unwrap_or(0).to_le_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// The bytes of the exit code are none that `to_bytes` writes.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Result<Self, FormatError> {
        let mut rest = bytes.as_slice();
        Ok(Self {
            fingerprint: Fingerprint(take(&mut rest)),
            program: take(&mut rest),
            field: FieldId(take(&mut rest)),
            input: take(&mut rest),
            input_length: u64::from_le_bytes(take(&mut rest)),
            entry: Boundary::take(&mut rest),
            exit: Boundary::take(&mut rest),
            exit_code: match (u32::from_le_bytes(take(&mut rest)), Word::from_le_bytes(take(&mut rest))) {
                (0, 0) => None,
                (1, code) => Some(code),
                (ended, code) => return Err(FormatError::ExitCode { ended, code }),
            },
        })
    }
}

impl Boundary {
    const BYTES: usize = 8 + size_of::<Word>() + 32 + 32 + 8;

    fn put(&self, rest: &mut &mut [u8]) {
        put(rest, &self.cycle.to_le_bytes());
        put(rest, &self.pc.to_le_bytes());
        put(rest, &self.state);
        put(rest, &self.output.hash);
        put(rest, &self.output.length.to_le_bytes());
    }

    fn take(rest: &mut &[u8]) -> Self {
        Self {
            cycle: u64::from_le_bytes(take(rest)),
            pc: Word::from_le_bytes(take(rest)),
            state: take(rest),
            output: OutputSummary { hash: take(rest), length: u64::from_le_bytes(take(rest)) },
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
