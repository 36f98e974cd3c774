//! What a file is that was given in another one's place.

use core::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::checkpoint::{CheckpointFile, CheckpointFileError};
use crate::proof::{FormatError, Proof};

/// A kind of file that people take for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Empty,
    Elf,
    Proof,
    Checkpoints,
    Library,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::Elf => "an ELF file",
            Self::Proof => "a proof",
            Self::Checkpoints => "a checkpoint file",
            Self::Library => "a static library",
        })
    }
}

/// What begins like one of them; a pipe, which can be read only once, is not looked at. O(1).
pub(super) fn look(path: &Path) -> Option<Found> {
    let mut start = Vec::new();
    if path.is_file() {
        File::open(path).ok()?.take(16).read_to_end(&mut start).ok()?;
    }
    match &start[..] {
        _ if !path.is_file() => None,
        [] => Some(Found::Empty),
        [0x7f, b'E', b'L', b'F', ..] => Some(Found::Elf),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => Some(Found::Library),
        start if !matches!(Proof::from_bytes(start), Err(FormatError::NotAProof)) => Some(Found::Proof),
        _ => match CheckpointFile::open(path) {
            Err(CheckpointFileError::Foreign | CheckpointFileError::Io { .. }) => None,
            _ => Some(Found::Checkpoints),
        },
    }
}

/// "this is no `wanted`", what it is instead, and what to do.
pub(super) fn no(wanted: &str, path: &Path, remedy: &str) -> String {
    match look(path) {
        Some(found) => format!("this is no {wanted} but {found}; {remedy}"),
        None => format!("this is no {wanted}; {remedy}"),
    }
}
