//! Reading records, wherever in the file, as they are asked for.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{CheckpointFileError, Result};
use super::layout::{DATA, INPUT_TABLE, InputTable, StoredState, TABLE_BITS, Table, parse};
use super::record::{Encoded, HEADER, Header, INPUT_BLOCK, Kind};
use crate::checkpoint::Checkpoint;
use crate::file::read_file_at;
use crate::guest::{Guest, InputStore};
use crate::isa::{Isa, Word};
use crate::pages::{PAGE_BYTES, Page, PageStore, Slot, Snapshot, StoredPage};

/// An open checkpoint file, of which the bytes before `length` are records that do not change.
///
/// Read by calls and not by a mapping: a file that is cut off meanwhile is an error then, and no signal.
#[derive(Debug)]
pub(super) struct Store {
    file: File,
    length: AtomicU64,
}

impl Store {
    pub(super) fn new(file: File, length: u64) -> Self {
        Self { file, length: AtomicU64::new(length) }
    }

    /// The bytes that count.
    pub(super) fn length(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }

    /// Counts more bytes in, which were written.
    pub(super) fn grow(&self, length: u64) {
        self.length.store(length, Ordering::Release);
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// What the record at `at` holds. O(its length).
    pub(super) fn read(&self, at: u64, kind: Kind) -> Result<Vec<u8>> {
        let header = self.header(at, kind)?;
        let mut stored = vec![0; header.stored];
        self.read_at(at + HEADER as u64, &mut stored)?;
        header.content(stored, at)
    }

    /// The record at `at` as it is stored; its checksum is right.
    pub(super) fn encoded(&self, at: u64, kind: Kind) -> Result<Encoded> {
        let header = self.header(at, kind)?;
        let mut bytes = vec![0; HEADER + header.stored];
        self.read_at(at, &mut bytes)?;
        header.content(bytes[HEADER..].to_vec(), at)?;
        Ok(Encoded { bytes, checksum: header.checksum() })
    }

    /// The header of the record at `at`; its checksum is not compared.
    pub(super) fn header(&self, at: u64, kind: Kind) -> Result<Header> {
        let mut bytes = [0; HEADER];
        self.read_at(at, &mut bytes)?;
        Header::decode(bytes, kind, at)
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<()> {
        let end = at.checked_add(buffer.len() as u64);
        if at < DATA || end.is_none_or(|end| end > self.length()) {
            return Err(CheckpointFileError::Damaged { at, what: "a part would be outside the file" });
        }
        read_file_at(&self.file, at, buffer).map_err(CheckpointFileError::io("read"))
    }

    /// The pages of a state, each with its number; of those on one table none is read. O(pages).
    pub(super) fn pages(&self, state: &StoredState, at: u64) -> Result<Vec<(Word, u64)>> {
        let damaged = |at| CheckpointFileError::Damaged { at, what: "pages are not in order" };
        let mut pages = Vec::new();
        for &(high, table_at) in &state.tables {
            let table: Table = parse(&self.read(table_at, Kind::Table)?, table_at)?;
            for (low, page_at) in table {
                let number = Word::from(high) << TABLE_BITS | Word::from(low);
                if low >> TABLE_BITS != 0 || high >> TABLE_BITS != 0 {
                    return Err(damaged(table_at));
                }
                let last = pages.last().map_or(0, |&(number, _)| number);
                if number <= last {
                    return Err(damaged(if low == 0 { at } else { table_at }));
                }
                pages.push((number, page_at));
            }
        }
        Ok(pages)
    }

    pub(super) fn state(&self, at: u64) -> Result<StoredState> {
        parse(&self.read(at, Kind::State)?, at)
    }

    /// The checkpoint of this cycle at `at`. Its pages stay in the file. O(pages).
    pub(super) fn checkpoint<G: Guest>(
        self: &Arc<Self>,
        (cycle, at): (u64, u64),
        shape: &Shape,
    ) -> Result<Checkpoint<G>> {
        let damaged = |what| CheckpointFileError::Damaged { at, what };
        let state = self.state(at)?;
        if state.cycle != cycle {
            return Err(damaged("a checkpoint is of another cycle"));
        }
        let zero = state.registers.get(usize::from(shape.zero_register));
        if state.registers.len() != shape.registers || zero != Some(&0) {
            return Err(damaged("a checkpoint does not have the spec's registers"));
        }
        let guest = G::restore(&state.guest).ok_or(CheckpointFileError::Guest { name: G::NAME, at })?;
        let mut pages = Snapshot::default();
        for (number, at) in self.pages(&state, at)? {
            let store: Arc<dyn PageStore> = Arc::clone(self) as _;
            pages.insert(number, Slot::Stored(StoredPage { store, at }));
        }
        let StoredState { cycle, pc, registers, .. } = state;
        Ok(Checkpoint { cycle, pc, registers, guest, pages })
    }
}

/// What a checkpoint must look like.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::checkpoint) struct Shape {
    pub(super) registers: usize,
    pub(super) zero_register: u8,
}

impl Shape {
    pub(in crate::checkpoint) fn of<I: Isa>() -> Self {
        let registers = &I::SPEC.registers;
        Self { registers: registers.count(), zero_register: registers.zero }
    }
}

impl PageStore for Store {
    fn page(&self, at: u64) -> core::result::Result<Box<Page>, Box<dyn core::error::Error + Send + Sync>> {
        Ok(self.read_page(at)?)
    }
}

impl Store {
    /// The page at `at`, which is not zero.
    pub(super) fn read_page(&self, at: u64) -> Result<Box<Page>> {
        let content = self.read(at, Kind::Page)?;
        let mut page = Box::new([0; PAGE_BYTES / size_of::<Word>()]);
        for (word, bytes) in page.iter_mut().zip(content.as_chunks().0) {
            *word = Word::from_le_bytes(*bytes);
        }
        if page.iter().all(|&word| word == 0) {
            return Err(CheckpointFileError::Damaged { at, what: "a page is zero" });
        }
        Ok(page)
    }
}

/// The input in a file.
#[derive(Debug)]
pub(super) struct StoredInput {
    pub(super) store: Arc<Store>,
    pub(super) tables: Vec<u64>,
}

impl StoredInput {
    fn block(&self, number: u64) -> Result<Vec<u8>> {
        let missing = CheckpointFileError::Damaged { at: 0, what: "a block of the input is missing" };
        let (table, place) = (number / INPUT_TABLE as u64, number % INPUT_TABLE as u64);
        let table_at = usize::try_from(table).ok().and_then(|table| self.tables.get(table));
        let Some(&table_at) = table_at else { return Err(missing) };
        let table: InputTable = parse(&self.store.read(table_at, Kind::InputTable)?, table_at)?;
        let Some(&at) = table.get(place as usize) else { return Err(missing) };
        self.store.read(at, Kind::Input)
    }
}

impl InputStore for StoredInput {
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<()> {
        let (mut position, mut rest) = (position, buffer);
        while !rest.is_empty() {
            let block = self.block(position / INPUT_BLOCK as u64).map_err(io::Error::other)?;
            let here = block.get((position % INPUT_BLOCK as u64) as usize..).unwrap_or_default();
            let count = here.len().min(rest.len());
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&here[..count]);
            (position, rest) = (position + count as u64, later);
        }
        Ok(())
    }
}
