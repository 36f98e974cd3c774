//! What is at which place of a checkpoint file, and what its records say.
//!
//! ```text
//! magic 8 · format 4 · zero 4 · two ends of 72 bytes · head · input blocks and tables · pages, tables, states, indices …
//! ```
//!
//! Numbers are little-endian. Everything behind the ends is a record, written once and never changed. An *end* says how
//! many bytes of the file count, and where in them the latest index is; the two are written in turn, each after the
//! bytes that it makes count are on the disk.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{CheckpointFileError, Result};
use crate::checkpoint::Stopped;
use crate::guest::{Input, OutputHash};
use crate::isa::Word;

pub(super) const MAGIC: [u8; 8] = *b"RTRCKPTS";

pub(super) const FORMAT: u32 = 2;

/// Magic, format, zero.
pub(super) const PREAMBLE: usize = 16;

/// Where the first record is.
pub(super) const DATA: u64 = (PREAMBLE + 2 * End::BYTES) as u64;

pub(super) fn preamble() -> [u8; PREAMBLE] {
    let mut bytes = [0; PREAMBLE];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    bytes
}

/// How far the file counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// How many ends were written before.
    pub(super) sequence: u64,
    /// The bytes that count.
    pub(super) length: u64,
    /// Where the latest index is.
    pub(super) index: u64,
    /// The blake3 hash of the preamble and of all records.
    pub(super) hash: [u8; 32],
}

impl End {
    pub(super) const BYTES: usize = 3 * 8 + 32 + 16;

    /// Where the end with this sequence number is written.
    pub(super) fn place(sequence: u64) -> u64 {
        PREAMBLE as u64 + sequence % 2 * Self::BYTES as u64
    }

    pub(super) fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let parts = [self.sequence, self.length, self.index].map(u64::to_le_bytes);
        bytes[..24].copy_from_slice(parts.as_flattened());
        bytes[24..56].copy_from_slice(&self.hash);
        let hash = blake3::hash(&bytes[..56]);
        bytes[56..].copy_from_slice(&hash.as_bytes()[..16]);
        bytes
    }

    /// None if the bytes are not an end's.
    pub(super) fn decode(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let number = |at: usize| bytes[at..].first_chunk().map(|eight| u64::from_le_bytes(*eight));
        let end = Self {
            sequence: number(0)?,
            length: number(8)?,
            index: number(16)?,
            hash: *bytes[24..].first_chunk()?,
        };
        (end.encode() == *bytes).then_some(end)
    }
}

/// What the file is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::checkpoint) struct Head {
    pub(super) isa: String,
    pub(super) fingerprint: [u8; 32],
    pub(super) program: [u8; 32],
    /// [`arguments_hash`].
    pub(super) arguments: [u8; 32],
    /// [`Guest::NAME`](crate::guest::Guest::NAME).
    pub(super) guest: String,
    /// The input, and the private one.
    pub(super) input: [StreamHead; 2],
    pub(super) maximum: u64,
    pub(super) interval: u64,
    pub(super) page_cost: u64,
}

/// A stream of the input, whose bytes are in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StreamHead {
    pub(super) hash: [u8; 32],
    pub(super) length: u64,
}

impl StreamHead {
    pub(super) fn of(input: &Input) -> [Self; 2] {
        input.streams().each_ref().map(|stream| Self { hash: stream.hash, length: stream.length })
    }
}

pub(super) fn arguments_hash(arguments: &[Vec<u8>]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("retrace arguments v1");
    for argument in arguments {
        hasher.update(&(argument.len() as u64).to_le_bytes());
        hasher.update(argument);
    }
    *hasher.finalize().as_bytes()
}

/// Where input blocks are, ascending by position: [`INPUT_TABLE`] of them, fewer in the last table.
pub(super) type InputTable = Vec<u64>;

pub(super) const INPUT_TABLE: usize = 1 << 10;

/// Where pages are: the low bits of a page's number, ascending, and its record.
pub(super) type Table = Vec<(u16, u64)>;

/// How many bits of a page's number a table has.
pub(super) const TABLE_BITS: u32 = 10;

/// A checkpoint: the high bits of pages' numbers, ascending, and the tables for the low ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredState {
    pub(super) cycle: u64,
    pub(super) pc: Word,
    pub(super) registers: Vec<Word>,
    /// [`Guest::save`](crate::guest::Guest::save).
    pub(super) guest: Vec<u8>,
    pub(super) tables: Vec<(u16, u64)>,
}

/// Everything that is in the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::checkpoint) struct Index {
    /// The distance between two checkpoints now.
    pub(in crate::checkpoint) interval: u64,
    /// The checkpoints: cycle and record, ascending; the first is that of cycle 0.
    pub(in crate::checkpoint) checkpoints: Vec<(u64, u64)>,
    /// Where the tables of the input are, and those of the private one.
    pub(in crate::checkpoint) input: [Vec<u64>; 2],
    /// The state that a resumed run starts from: cycle and record. It may be the last checkpoint.
    pub(in crate::checkpoint) latest: (u64, u64),
    /// How the run ended in the latest state, if it did. A fault is found again by executing the next cycle.
    pub(in crate::checkpoint) stopped: Option<Stopped<()>>,
    /// Where the jump was that left the code just before the latest state, if one did.
    pub(in crate::checkpoint) jumped_from: Option<Word>,
    /// The hash of the output up to the latest state.
    pub(in crate::checkpoint) output: OutputHash,
    /// The pages touched up to the latest state: the first one's number, and the distances between them.
    pub(in crate::checkpoint) touched: Vec<Word>,
    /// How long the run took so far.
    pub(in crate::checkpoint) seconds: f64,
}

impl Index {
    /// The same with these pages touched, which are ascending.
    pub(in crate::checkpoint) fn with_touched(self, pages: &[Word]) -> Self {
        let mut last = 0;
        let distance = |&page: &Word| page - core::mem::replace(&mut last, page);
        Self { touched: pages.iter().map(distance).collect(), ..self }
    }

    /// The pages touched, ascending.
    pub(in crate::checkpoint) fn touched_pages(&self) -> Vec<Word> {
        let sum = |page: &mut Word, &distance: &Word| {
            *page = page.wrapping_add(distance);
            Some(*page)
        };
        self.touched.iter().scan(0, sum).collect()
    }
}

/// A record's content as a value of this type, with no byte left.
pub(super) fn parse<T: DeserializeOwned>(content: &[u8], at: u64) -> Result<T> {
    match postcard::take_from_bytes(content) {
        Ok((value, [])) => Ok(value),
        _ => Err(CheckpointFileError::Damaged { at, what: "a part does not have its form" }),
    }
}

pub(super) fn serialize<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    postcard::to_allocvec(value).map_err(std::io::Error::other).map_err(CheckpointFileError::io("write"))
}
