//! Opening a checkpoint file, and checking it.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::error::{CheckpointFileError, Result};
use super::graph::Graph;
use super::layout::{
    DATA, End, FORMAT, Head, INPUT_TABLE, Index, MAGIC, PREAMBLE, StreamHead, arguments_hash, parse,
};
use super::lock::open_locked;
use super::record::{INPUT_BLOCK, Kind};
use super::records::Records;
use super::store::{Shape, Store, StoredInput};
use super::{FileOptions, Source};
use crate::checkpoint::{CheckpointManager, Policy};
use crate::file::read_file_at;
use crate::guest::{ByteStream, Guest, Input};
use crate::hex::hex;
use crate::isa::{Fingerprint, Isa};
use crate::program::Program;

/// A file whose head, latest index and one end are right.
#[derive(Debug)]
pub(in crate::checkpoint) struct Opened {
    pub(super) source: Source,
    pub(super) head: Head,
    pub(in crate::checkpoint) index: Index,
    pub(super) end: End,
    /// Where an end is that is not right, if one is.
    torn: Option<u64>,
}

/// What is left of it when it is written to.
pub(super) struct Resumed {
    pub(super) head: Head,
    pub(super) index: Index,
    pub(super) records: Records,
}

impl Opened {
    /// Opens a file to read it. Reads head and index: O(checkpoints).
    pub(super) fn read(path: &Path) -> Result<Self> {
        let opened = Self::of(File::open(path).map_err(CheckpointFileError::io("open"))?)?;
        match opened.torn {
            Some(at) => Err(CheckpointFileError::TornEnd { at, cycle: opened.index.latest.0 }),
            None => Ok(opened),
        }
    }

    /// Opens a file to go on with it, which keeps other writers away. A torn end is no error: the other one counts.
    pub(in crate::checkpoint) fn resume(options: &FileOptions) -> Result<Self> {
        Self::of(open_locked(&options.path, false)?)
    }

    fn of(file: File) -> Result<Self> {
        let length = file.metadata().map_err(CheckpointFileError::io("read"))?.len();
        let mut start = [0; DATA as usize];
        let found = length.min(DATA) as usize;
        read_file_at(&file, 0, &mut start[..found]).map_err(CheckpointFileError::io("read"))?;
        if start[..MAGIC.len()] != MAGIC {
            return Err(CheckpointFileError::Foreign);
        }
        if length < DATA {
            return Err(CheckpointFileError::Truncated { found: length, expected: DATA });
        }
        let format = start[8..].first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
        if format != FORMAT {
            return Err(CheckpointFileError::Format { found: format, known: FORMAT });
        }
        if start[12..PREAMBLE] != [0; 4] {
            return Err(CheckpointFileError::Damaged { at: 12, what: "there must be four zero bytes" });
        }
        let ends = start[PREAMBLE..].as_chunks::<{ End::BYTES }>().0;
        let (mut best, mut torn): (Option<End>, _) = (None, None);
        for (place, bytes) in (0..).zip(ends) {
            match End::decode(bytes).filter(|end| end.sequence % 2 == place) {
                Some(end) if best.is_none_or(|best| end.sequence > best.sequence) => best = Some(end),
                Some(_) => {}
                None => torn = Some(End::place(place)),
            }
        }
        let Some(end) = best else {
            let what = "neither of the two places that say how long it is can be read";
            return Err(CheckpointFileError::Damaged { at: PREAMBLE as u64, what });
        };
        if length < end.length {
            return Err(CheckpointFileError::Truncated { found: length, expected: end.length });
        }
        let store = Store::new(file, end.length);
        let head: Head = parse(&store.read(DATA, Kind::Head)?, DATA)?;
        let index: Index = parse(&store.read(end.index, Kind::Index)?, end.index)?;
        check_index(&head, &index).map_err(|what| CheckpointFileError::Damaged { at: end.index, what })?;
        let (cycle, checkpoints) = (index.latest.0, index.checkpoints.len());
        tracing::debug!(
            cycle,
            checkpoints,
            bytes = end.length,
            torn = torn.is_some(),
            "opened a checkpoint file"
        );
        Ok(Self {
            source: Source { store: Arc::new(store), shape: Shape::default() },
            head,
            index,
            end,
            torn,
        })
    }

    /// The name and the fingerprint of its spec.
    pub(in crate::checkpoint) fn isa(&self) -> (&str, Fingerprint) {
        (&self.head.isa, Fingerprint(self.head.fingerprint))
    }

    /// Checks that it is about this program, under this spec and guest interface; from then on its checkpoints can be
    /// loaded.
    pub(in crate::checkpoint) fn expect<I: Isa, G: Guest>(&mut self, program: &Program<I>) -> Result<()> {
        let given = head::<I, G>(program, &[], &Input::empty(), Policy::default());
        let differs = |what, found: &str, given: &str| match found == given {
            true => Ok(()),
            false => Err(CheckpointFileError::Differs { what, found: found.into(), given: given.into() }),
        };
        let spec = |head: &Head| format!("{} {}", head.isa, hex(&head.fingerprint));
        differs("spec", &spec(&self.head), &spec(&given))?;
        differs("program", &hex(&self.head.program), &hex(&given.program))?;
        differs("guest interface", &self.head.guest, &given.guest)?;
        self.source.shape = Shape::of::<I>();
        Ok(())
    }

    /// Checks that it is about this input, public and private.
    pub(in crate::checkpoint) fn expect_input(&self, input: &Input) -> Result<()> {
        let ([found, found_private], [given, given_private]) = (self.head.input, StreamHead::of(input));
        if found != given {
            let describe = |head: StreamHead| format!("{} bytes with hash {}", head.length, hex(&head.hash));
            let (found, given) = (describe(found), describe(given));
            return Err(CheckpointFileError::Differs { what: "input", found, given });
        }
        if found_private != given_private {
            // A hash tells what can be guessed.
            let describe = |head: StreamHead| format!("{} bytes", head.length);
            let (found, given) = (describe(found_private), describe(given_private));
            let given = if found == given { format!("{given} that are not the same") } else { given };
            return Err(CheckpointFileError::Differs { what: "private input", found, given });
        }
        Ok(())
    }

    /// Checks that it is about a run with these arguments.
    pub(in crate::checkpoint) fn expect_arguments(&self, arguments: &[Vec<u8>]) -> Result<()> {
        let given = arguments_hash(arguments);
        if self.head.arguments == given {
            return Ok(());
        }
        let (found, given) = (hex(&self.head.arguments), hex(&given));
        Err(CheckpointFileError::Differs { what: "list of arguments", found, given })
    }

    pub(in crate::checkpoint) fn source(&self) -> &Source {
        &self.source
    }

    pub(in crate::checkpoint) fn policy(&self) -> Policy {
        let Head { maximum, interval, page_cost, .. } = self.head;
        Policy::restored(maximum, interval, page_cost)
    }

    /// Where the checkpoints are.
    pub(in crate::checkpoint) fn checkpoints<G: Guest>(&self) -> Result<CheckpointManager<G>> {
        let [first, later @ ..] = &self.index.checkpoints[..] else {
            return Err(CheckpointFileError::Damaged {
                at: self.end.index,
                what: "there are no checkpoints",
            });
        };
        let initial = self.source.load(*first)?;
        let interval = self.index.interval;
        Ok(CheckpointManager::stored(self.policy(), interval, initial, &self.source, later))
    }

    /// The input, read from the file.
    pub(in crate::checkpoint) fn input(&self) -> Input {
        let stream = |place: usize| {
            let (StreamHead { hash, length }, tables) =
                (self.head.input[place], self.index.input[place].clone());
            let stored = StoredInput { store: Arc::clone(&self.source.store), tables };
            ByteStream::stored(Box::new(stored), length, hash)
        };
        Input::from([0, 1].map(stream))
    }

    /// Checks every byte that counts, and that everything that the latest index refers to is there and has its form.
    /// Reads the file twice; O(its pages) space. Gives how many different pages there are.
    pub(super) fn verify(&self) -> Result<u64> {
        let store = &self.source.store;
        let mut pages = HashSet::new();
        for &(cycle, at) in self.index.checkpoints.iter().chain([&self.index.latest]) {
            let state = store.state(at)?;
            if state.cycle != cycle {
                return Err(CheckpointFileError::Damaged { at, what: "a checkpoint is of another cycle" });
            }
            for (_, page) in store.pages(&state, at)? {
                if pages.insert(page) {
                    store.read_page(page)?;
                }
            }
        }
        self.verify_input()?;
        self.hash()?;
        Ok(pages.len() as u64)
    }

    fn verify_input(&self) -> Result<()> {
        self.input().streams().iter().try_for_each(verify_stream)
    }

    /// The running hash of all that counts, which is what the end says.
    fn hash(&self) -> Result<blake3::Hasher> {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 18];
        let skipped = PREAMBLE as u64..DATA;
        let mut position = 0;
        while position < self.end.length {
            let until = if position < skipped.start { skipped.start } else { self.end.length };
            let count = (until - position).min(buffer.len() as u64);
            let part = &mut buffer[..count as usize];
            read_file_at(self.source.store.file(), position, part)
                .map_err(CheckpointFileError::io("read"))?;
            hasher.update(part);
            position += count;
            position = if position == skipped.start { skipped.end } else { position };
        }
        match *hasher.finalize().as_bytes() == self.end.hash {
            true => Ok(hasher),
            false => Err(CheckpointFileError::Damaged { at: 0, what: "the whole does not have its hash" }),
        }
    }

    /// Makes the file one to write to: without what does not count.
    pub(super) fn into_records(self) -> Result<Resumed> {
        let hash = self.hash()?;
        let Self { source, head, index, end, .. } = self;
        let cut = source.store.file().set_len(end.length);
        cut.map_err(CheckpointFileError::io("write"))?;
        let mut records = Records {
            source,
            graph: Graph::default(),
            input: index.input.clone(),
            input_bytes: 0,
            index_bytes: 0,
            buffer: Vec::new(),
            position: end.length,
            hash,
            sequence: end.sequence + 1,
        };
        records.find_live(&index, end.index)?;
        Ok(Resumed { head, index, records })
    }
}

fn verify_stream(stream: &ByteStream) -> Result<()> {
    let mut hasher = blake3::Hasher::new();
    let mut block = vec![0; INPUT_BLOCK];
    let mut position = 0;
    while position < stream.length {
        let count = (stream.length - position).min(INPUT_BLOCK as u64);
        let block = &mut block[..count as usize];
        stream.read_at(position, block).map_err(CheckpointFileError::io("read the input in"))?;
        hasher.update(block);
        position += count;
    }
    if *hasher.finalize().as_bytes() != stream.hash {
        let what = "the input does not have its hash";
        return Err(CheckpointFileError::Damaged { at: DATA, what });
    }
    Ok(())
}

pub(in crate::checkpoint) fn head<I: Isa, G: Guest>(
    program: &Program<I>,
    arguments: &[Vec<u8>],
    input: &Input,
    policy: Policy,
) -> Head {
    Head {
        isa: I::SPEC.name.into(),
        fingerprint: I::SPEC.fingerprint.0,
        program: program.hash(),
        arguments: arguments_hash(arguments),
        guest: G::NAME.into(),
        input: StreamHead::of(input),
        maximum: policy.maximum() as u64,
        interval: policy.interval(),
        page_cost: policy.page_cost(),
    }
}

/// What is wrong with an index, if something is.
fn check_index(head: &Head, index: &Index) -> core::result::Result<(), &'static str> {
    let checkpoints = &index.checkpoints;
    let ascending = checkpoints.windows(2).all(|pair| pair[0].0 < pair[1].0);
    if checkpoints.first().is_none_or(|&(cycle, _)| cycle != 0) || !ascending {
        return Err("its checkpoints are not in order");
    }
    if checkpoints.last().is_some_and(|&(cycle, _)| cycle > index.latest.0) {
        return Err("its latest state is not the latest");
    }
    if index.interval == 0 || head.maximum < 2 || checkpoints.len() as u64 > head.maximum {
        return Err("it has more checkpoints than it may have");
    }
    let tables = |stream: &StreamHead| stream.length.div_ceil((INPUT_BLOCK * INPUT_TABLE) as u64);
    if head.input.iter().zip(&index.input).any(|(stream, found)| found.len() as u64 != tables(stream)) {
        return Err("it does not have all of the input");
    }
    if !index.output.is_consistent() || !index.seconds.is_finite() {
        return Err("its totals are impossible");
    }
    Ok(())
}
