//! A proof as bytes.
//!
//! magic (8) · version (2) · statement ([`Statement::BYTES`]) · transcript. The transcript's length follows from the
//! statement, and the verifier reads it to its end: no byte is without meaning.

use super::Statement;
use crate::isa::units::PROTOCOL;

const MAGIC: [u8; 8] = *b"retrace\xf0";
const VERSION: u16 = PROTOCOL;
const HEADER: usize = MAGIC.len() + size_of::<u16>();

/// The most bytes that a transcript can have: 64 rounds of degree 4 and 512 columns, of elements of 512 bytes.
const MAX_TRANSCRIPT: usize = (64 * 4 + 512) * 512;

/// A proof of an execution: its statement, and the prover's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub(super) statement: Statement,
    pub(super) transcript: Vec<u8>,
}

/// Bytes that are no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// They do not start like one.
    #[error("this is no retrace proof")]
    NotAProof,
    /// They are of another version of the format.
    #[error(
        "the proof has format version {found}, and this build reads version {VERSION}; verify it with the version of retrace that made it"
    )]
    Version {
        /// The version.
        found: u16,
    },
    /// They end before the statement does.
    #[error(
        "the proof is truncated: it has {found} bytes, and its statement alone needs {needed}; copy it again, or prove again"
    )]
    Truncated {
        /// How many there are.
        found: usize,
        /// How many the header and the statement have.
        needed: usize,
    },
    /// The statement's exit code is written as no statement's is.
    #[error(
        "the proof's statement is damaged: whether the guest ended is {ended}, and its exit code {code}; the former must be 1, or 0 with an exit code of 0"
    )]
    ExitCode {
        /// Whether the guest ended.
        ended: u32,
        /// The exit code.
        code: u32,
    },
    /// There are more than any proof has.
    #[error("the proof has {found} bytes, more than any proof ({MAX_TRANSCRIPT} and a header)")]
    TooLong {
        /// How many there are.
        found: usize,
    },
}

impl Proof {
    /// What is proven.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The proof as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let statement = self.statement.to_bytes();
        [&MAGIC[..], &VERSION.to_le_bytes(), &statement, &self.transcript].concat()
    }

    /// Reads a proof. O(length).
    ///
    /// # Errors
    /// What the bytes are instead.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(FormatError::NotAProof)?;
        let truncated = FormatError::Truncated { found: bytes.len(), needed: HEADER + Statement::BYTES };
        let (version, rest) = rest.split_first_chunk().ok_or(truncated)?;
        let version = u16::from_le_bytes(*version);
        if version != VERSION {
            return Err(FormatError::Version { found: version });
        }
        let (statement, transcript) = rest.split_first_chunk().ok_or(truncated)?;
        if transcript.len() > MAX_TRANSCRIPT {
            return Err(FormatError::TooLong { found: bytes.len() });
        }
        Ok(Self { statement: Statement::from_bytes(statement)?, transcript: transcript.to_vec() })
    }
}
