//! Checkpoints in a file: a run that was cut off goes on, and its rows are regenerated elsewhere.
//!
//! In: a run's checkpoints, as they are kept, and its input. Out: with the ELF file, everything that a replay needs.
//!
//! The file is appended to. What counts of it is said by two *ends*, written in turn after what they make count is on the
//! disk: so whoever reads it, after a kill or a loss of power too, finds the last state that was committed. What no
//! checkpoint needs any more stays until it is most of the file; then the rest is written anew, and renamed.
//!
//! Memory is kept as a tree of two levels, like a page table: a checkpoint has tables, and a table has pages. Each of them
//! is in the file once, whatever shares it, compressed by LZ4 and with a checksum; the whole has one too.

mod error;
mod graph;
mod layout;
mod lock;
mod reader;
mod record;
mod records;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use error::CheckpointFileError;

pub(super) use layout::Index;
pub(super) use reader::{Opened, head};
pub(super) use store::Shape;
pub(super) use writer::Writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Checkpoint, ExecuteError, Execution, Policy, Stopped};
use crate::guest::Guest;
use crate::isa::{Fingerprint, Isa};
use crate::program::Program;
use error::Result;
use layout::StreamHead;
use store::Store;

/// A checkpoint file for a run to write.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// Where it is. There must be none yet; beside it, `.partial` is added to the name while it is made or rewritten.
    pub path: PathBuf,
    /// How often checkpoints are written, if there are new ones; what is not written yet is lost if the run is cut off.
    pub every: Duration,
}

impl FileOptions {
    /// A file that is written to once a second.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), every: Duration::from_secs(1) }
    }
}

/// Where checkpoints are loaded from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    store: Arc<Store>,
    shape: Shape,
}

impl Source {
    /// The checkpoint of this cycle at this place. Its pages are read when they are asked for. O(pages) time.
    pub(super) fn load<G: Guest>(&self, place: (u64, u64)) -> Result<Checkpoint<G>> {
        self.store.checkpoint(place, &self.shape)
    }
}

/// A checkpoint that is kept.
#[derive(Clone, Debug)]
pub(super) enum Place<G> {
    Memory(Checkpoint<G>),
    Stored { cycle: u64, at: u64, source: Source },
}

impl<G> Place<G> {
    pub(super) fn cycle(&self) -> u64 {
        match self {
            Self::Memory(checkpoint) => checkpoint.cycle,
            Self::Stored { cycle, .. } => *cycle,
        }
    }
}

/// An open checkpoint file.
#[derive(Debug)]
pub struct CheckpointFile {
    opened: Opened,
}

/// A checkpoint in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its cycle.
    pub cycle: u64,
    /// The next instruction's address.
    pub pc: u64,
    /// The pages that are not zero.
    pub pages: u64,
}

impl CheckpointFile {
    /// Opens a file. Reads and checks its head and index; its other parts are checked when they are read.
    /// O(checkpoints) time and space.
    ///
    /// # Errors
    /// It cannot be read, is none, is of another format, is cut off or is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { opened: Opened::read(path.as_ref())? })
    }

    /// Checks every byte that counts, and everything that is referred to. Reads the file twice; O(pages in it) space.
    /// Gives the number of different pages.
    ///
    /// # Errors
    /// What is damaged.
    pub fn verify(&self) -> Result<u64> {
        self.opened.verify()
    }

    /// The spec's name and fingerprint.
    pub fn isa(&self) -> (&str, Fingerprint) {
        self.opened.isa()
    }

    /// The hash of the program.
    pub fn program(&self) -> [u8; 32] {
        self.opened.head.program
    }

    /// The guest interface's name.
    pub fn guest(&self) -> &str {
        &self.opened.head.guest
    }

    /// The hash and length of the input.
    pub fn input(&self) -> ([u8; 32], u64) {
        let [StreamHead { hash, length }, _] = self.opened.head.input;
        (hash, length)
    }

    /// The length of the private input; 0 if there is none. The file has its bytes, as they are.
    pub fn private_input_length(&self) -> u64 {
        let [_, private] = self.opened.head.input;
        private.length
    }

    /// Which checkpoints are kept.
    pub fn policy(&self) -> Policy {
        self.opened.policy()
    }

    /// The distance between two checkpoints now.
    pub fn interval(&self) -> u64 {
        self.opened.index.interval
    }

    /// The bytes of the file that count.
    pub fn length(&self) -> u64 {
        self.opened.end.length
    }

    /// The cycle of the latest state: T, if the run has ended.
    pub fn cycles(&self) -> u64 {
        self.opened.index.latest.0
    }

    /// The bytes of output up to the latest state.
    pub fn output_length(&self) -> u64 {
        self.opened.index.output.length()
    }

    /// How the run ended; none if it goes on, or was cut off.
    pub fn stopped(&self) -> Option<Stopped<()>> {
        self.opened.index.stopped
    }

    /// Every checkpoint, ascending. O(pages) a checkpoint.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry>> {
        let store = &self.opened.source.store;
        self.opened.index.checkpoints.iter().map(move |&(cycle, at)| {
            let state = store.state(at)?;
            let pages = store.pages(&state, at)?.len() as u64;
            Ok(Entry { cycle, pc: u64::from(state.pc), pages })
        })
    }

    /// The execution up to the latest state, to be replayed: as the run gave it, but that what its checkpoints need stays
    /// in the file until it is asked for. A run that did not end counts as interrupted there.
    ///
    /// O(checkpoints + pages of the first and the latest state) time.
    ///
    /// # Errors
    /// The file is about another program, spec or guest interface, or damaged.
    pub fn execution<I: Isa, G: Guest>(
        self,
        program: impl Into<Arc<Program<I>>>,
    ) -> core::result::Result<Execution<I, G>, ExecuteError> {
        Execution::stored(program.into(), self.opened)
    }
}
