//! The parts that a checkpoint file is made of: each compressed, and with a checksum.

use super::error::{CheckpointFileError, Result};
use crate::pages::PAGE_BYTES;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum Kind {
    /// What the file is about: [`Head`](super::layout::Head).
    Head = 1,
    /// A block of input.
    Input,
    /// Where blocks of input are.
    InputTable,
    /// A page of memory.
    Page,
    /// Where pages are: [`Table`](super::layout::Table).
    Table,
    /// A checkpoint: [`StoredState`](super::layout::StoredState).
    State,
    /// Everything that is in the file: [`Index`](super::layout::Index).
    Index,
}

impl Kind {
    /// The most bytes that a record of this kind may hold.
    fn limit(self) -> usize {
        match self {
            Self::Head => 1 << 12,
            Self::Input => INPUT_BLOCK,
            Self::InputTable => 1 << 14,
            Self::Page => PAGE_BYTES,
            Self::Table => 1 << 15,
            Self::State => 1 << 20,
            Self::Index => 1 << 26,
        }
    }
}

/// The bytes of input in a record, but for the last.
pub(super) const INPUT_BLOCK: usize = 1 << 16;

/// Kind, length, stored length and checksum.
pub(super) const HEADER: usize = 1 + 4 + 4 + CHECKSUM;

const CHECKSUM: usize = 16;

/// Of the header before it and of the stored bytes.
pub(super) type Checksum = [u8; CHECKSUM];

/// LZ4 cannot make more than this of a byte.
const MOST_EXPANSION: usize = 256;

/// A record as it is stored: its header and its bytes.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) checksum: Checksum,
}

/// Compresses what can be, and adds a header. None if there is more than a record of this kind may hold.
pub(super) fn encode(kind: Kind, content: &[u8]) -> Option<Encoded> {
    if content.len() > kind.limit() {
        return None;
    }
    let compressed = lz4_flex::block::compress(content);
    let stored = if compressed.len() < content.len() { &compressed[..] } else { content };
    let mut bytes = Vec::with_capacity(HEADER + stored.len());
    bytes.push(kind as u8);
    bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(stored.len() as u32).to_le_bytes());
    let checksum = checksum(&bytes, stored);
    bytes.extend_from_slice(&checksum);
    bytes.extend_from_slice(stored);
    Some(Encoded { bytes, checksum })
}

fn checksum(header: &[u8], stored: &[u8]) -> Checksum {
    let hash = *blake3::Hasher::new().update(header).update(stored).finalize().as_bytes();
    let (checksum, _) = hash.split_at(CHECKSUM);
    checksum.try_into().unwrap_or_default()
}

/// A record's header.
pub(super) struct Header {
    bytes: [u8; HEADER],
    kind: Kind,
    length: usize,
    pub(super) stored: usize,
}

impl Header {
    /// Reads the header of the record at `at`, which must be of this kind and hold no more than it may.
    pub(super) fn decode(bytes: [u8; HEADER], kind: Kind, at: u64) -> Result<Self> {
        let number = |from: usize| {
            let four = [bytes[from], bytes[from + 1], bytes[from + 2], bytes[from + 3]];
            u32::from_le_bytes(four) as usize
        };
        let (length, stored) = (number(1), number(5));
        let damaged = |what| CheckpointFileError::Damaged { at, what };
        if bytes[0] != kind as u8 {
            return Err(damaged("there is a part of another kind"));
        }
        if length > kind.limit() || stored > length || length > stored.saturating_mul(MOST_EXPANSION) {
            return Err(damaged("a part claims an impossible length"));
        }
        Ok(Self { bytes, kind, length, stored })
    }

    pub(super) fn checksum(&self) -> Checksum {
        let (_, checksum) = self.bytes.split_at(HEADER - CHECKSUM);
        checksum.try_into().unwrap_or_default()
    }

    /// Checks the record's stored bytes, and gives what they hold.
    pub(super) fn content(&self, stored: Vec<u8>, at: u64) -> Result<Vec<u8>> {
        let damaged = |what| CheckpointFileError::Damaged { at, what };
        if checksum(&self.bytes[..HEADER - CHECKSUM], &stored) != self.checksum() {
            return Err(damaged("a part does not have its checksum"));
        }
        let content = if stored.len() == self.length {
            stored
        } else {
            let content = lz4_flex::block::decompress(&stored, self.length);
            content.map_err(|_| damaged("a part cannot be decompressed"))?
        };
        match content.len() == self.length {
            true if self.kind == Kind::Page && self.length != PAGE_BYTES => {
                Err(damaged("a page is not as long as a page"))
            }
            true => Ok(content),
            false => Err(damaged("a part is not as long as it claims")),
        }
    }
}
