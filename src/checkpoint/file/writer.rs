//! A run's checkpoint file: appended to, and rewritten when most of it is of no use any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::error::{CheckpointFileError, Result};
use super::layout::{Head, Index};
use super::lock::rename;
use super::reader::{Opened, Resumed};
use super::records::{Records, Written};
use super::store::Shape;
use super::{FileOptions, Place};
use crate::checkpoint::{Checkpoint, CheckpointManager};
use crate::file::partial;
use crate::guest::{Guest, Input};
use crate::pages::Snapshot;

/// A checkpoint file that a run writes to.
///
/// Space: about 100 bytes for each page in the file, and a buffer.
#[derive(Debug)]
pub(in crate::checkpoint) struct Writer {
    options: FileOptions,
    head: Head,
    records: Records,
    pointers: Pointers,
    written: Instant,
}

/// The states that count: each its cycle and its place.
#[derive(Clone, Debug, Default)]
struct Pointers {
    checkpoints: Vec<(u64, u64)>,
    latest: (u64, u64),
}

impl Pointers {
    fn places(&self) -> impl Iterator<Item = u64> {
        self.checkpoints.iter().chain([&self.latest]).map(|&(_, at)| at)
    }
}

/// A file is not rewritten for less.
const LEAST_DEAD: u64 = 1 << 16;

/// Checkpoints wait in memory for the next commit while they have fewer pages.
const PENDING_PAGES: u64 = 1 << 13;

impl Writer {
    /// A new file with the input and the state of cycle 0.
    pub(in crate::checkpoint) fn create<G: Guest>(
        options: FileOptions,
        head: Head,
        shape: Shape,
        input: &Input,
        initial: &Checkpoint<G>,
    ) -> Result<Self> {
        let draft = partial(&options.path);
        let mut records = Records::create(&draft, shape)?;
        let written: Result<Self> = (|| {
            // Now that no other writer can put one there.
            if options.path.is_dir() {
                let source = std::io::ErrorKind::IsADirectory.into();
                return Err(CheckpointFileError::Io { doing: "create", source });
            }
            if options.path.symlink_metadata().is_ok() {
                return Err(CheckpointFileError::Exists);
            }
            records.write_head(&head)?;
            records.write_input(input)?;
            let first = (initial.cycle, records.write_state(initial, &mut Written::new())?);
            let pointers = Pointers { checkpoints: vec![first], latest: first };
            let index = Index { interval: head.interval, ..Index::default() };
            let mut writer = Self {
                options: options.clone(),
                head,
                records,
                pointers: Pointers::default(),
                written: Instant::now(),
            };
            writer.begin(pointers, &index)?;
            rename(&draft, &options.path)?;
            Ok(writer)
        })();
        written.inspect_err(|_| drop(std::fs::remove_file(&draft)))
    }

    /// Goes on with a file that was opened for it. Reads everything that its checkpoints refer to.
    pub(in crate::checkpoint) fn resume(options: FileOptions, opened: Opened) -> Result<Self> {
        let Resumed { head, index, records } = opened.into_records()?;
        let pointers = Pointers { checkpoints: index.checkpoints, latest: index.latest };
        let mut writer =
            Self { options, head, records, pointers: Pointers::default(), written: Instant::now() };
        writer.point_to(pointers);
        Ok(writer)
    }

    /// Whether checkpoints that wait in memory, with so many pages, should be written now.
    pub(in crate::checkpoint) fn is_due(&self, pending_pages: u64) -> bool {
        pending_pages >= PENDING_PAGES || self.written.elapsed() >= self.options.every
    }

    /// Writes what is new, and makes it count. From then on all checkpoints of the manager are in the file. `index` says
    /// everything about the latest state but where things are. Gives the latest state's memory, as it is in the file.
    ///
    /// O(pages of the checkpoints that are new) time, and at times that of writing a whole new file.
    pub(in crate::checkpoint) fn commit<G: Guest>(
        &mut self,
        kept: &mut CheckpointManager<G>,
        latest: &Checkpoint<G>,
        index: &Index,
    ) -> Result<Snapshot> {
        let mut checkpoints: Vec<_> = self.pointers.checkpoints.iter().take(1).copied().collect();
        let written = &mut Written::new();
        for later in kept.later() {
            checkpoints.push(match later {
                Place::Memory(checkpoint) => {
                    (checkpoint.cycle, self.records.write_state(checkpoint, written)?)
                }
                Place::Stored { cycle, at, .. } => (*cycle, *at),
            });
        }
        let latest = (latest.cycle, self.records.write_state(latest, written)?);
        self.point_to(Pointers { checkpoints, latest });
        self.write_index(index)?;
        if self.records.dead_bytes() > self.records.live_bytes().max(LEAST_DEAD) {
            self.compact(index)?;
        }
        self.written = Instant::now();
        kept.point_to(&self.records.source, &self.pointers.checkpoints);
        Ok(self.records.source.load::<G>(self.pointers.latest)?.pages)
    }

    /// Holds these states, and lets the others go.
    fn point_to(&mut self, pointers: Pointers) {
        let before = core::mem::replace(&mut self.pointers, pointers);
        for at in self.pointers.places() {
            self.records.graph.hold(at);
        }
        for at in before.places() {
            self.records.graph.release(at);
        }
    }

    fn write_index(&mut self, index: &Index) -> Result<()> {
        let Pointers { checkpoints, latest } = self.pointers.clone();
        let input = self.records.input.clone();
        self.records.commit(&Index { checkpoints, input, latest, ..index.clone() })
    }

    /// Makes a new file's first states count. It has both ends from then on, so that one which is not right is damage.
    fn begin(&mut self, pointers: Pointers, index: &Index) -> Result<()> {
        self.point_to(pointers);
        self.write_index(index)?;
        self.write_index(index)
    }

    /// Writes what is live to another file, and puts it in this one's place.
    fn compact(&mut self, index: &Index) -> Result<()> {
        let path = self.options.path.clone();
        let draft = partial(&path);
        let mut records = Records::create(&draft, self.records.source.shape)?;
        let old = Arc::clone(&self.records.source.store);
        let written: Result<Self> = (|| {
            records.write_head(&self.head)?;
            records.copy_input(&old, &self.records.input)?;
            let mut places = HashMap::new();
            let mut copy = |(cycle, at)| Ok((cycle, records.copy_state(&old, at, &mut places)?));
            let checkpoints = self.pointers.checkpoints.iter().copied().map(&mut copy);
            let checkpoints = checkpoints.collect::<Result<Vec<_>>>()?;
            let latest = copy(self.pointers.latest)?;
            let pointers = Pointers::default();
            let (options, head) = (self.options.clone(), self.head.clone());
            let mut writer = Self { options, head, records, pointers, written: Instant::now() };
            writer.begin(Pointers { checkpoints, latest }, index)?;
            rename(&draft, &path)?;
            Ok(writer)
        })();
        *self = written.inspect_err(|_| drop(std::fs::remove_file(&draft)))?;
        Ok(())
    }
}

impl Drop for Writer {
    /// What still reads checkpoints from the file does not keep other writers away.
    fn drop(&mut self) {
        let _ = self.records.source.store.file().unlock();
    }
}
