//! The records of a file that is written to.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::Source;
use super::error::{CheckpointFileError, Result};
use super::graph::Graph;
use super::layout::{
    DATA, End, Head, INPUT_TABLE, Index, InputTable, StoredState, TABLE_BITS, Table, parse, preamble,
    serialize,
};
use super::lock::open_locked;
use super::record::{Encoded, HEADER, INPUT_BLOCK, Kind, encode};
use super::store::{Shape, Store};
use crate::checkpoint::Checkpoint;
use crate::file::write_file_at;
use crate::guest::{ByteStream, Guest, Input};
use crate::isa::Word;
use crate::pages::{PAGE_BYTES, Page, PageStore, Slot};

/// Appends records, and says what of the file counts.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) source: Source,
    pub(super) graph: Graph,
    /// Where the tables of the input are, and those of the private one.
    pub(super) input: [Vec<u64>; 2],
    /// The bytes of the head and the input.
    pub(super) input_bytes: u64,
    /// The bytes of the latest index.
    pub(super) index_bytes: u64,
    /// Records that are not in the file yet.
    pub(super) buffer: Vec<u8>,
    /// Where the next record will be.
    pub(super) position: u64,
    /// Of the preamble and all records.
    pub(super) hash: blake3::Hasher,
    /// Of the next end.
    pub(super) sequence: u64,
}

/// Where pages in memory were written: checkpoints share them, and to compress one takes as long as some thousand cycles.
/// Only for as long as the checkpoints keep them in place.
pub(super) type Written = HashMap<*const Page, u64>;

/// What is written at once.
const BUFFER: usize = 1 << 20;

impl Records {
    /// An empty file, or what was left of one that another writer did not finish.
    pub(super) fn create(path: &Path, shape: Shape) -> Result<Self> {
        let file = open_locked(path, true)?;
        file.set_len(0).map_err(CheckpointFileError::io("write"))?;
        Ok(Self {
            source: Source { store: Arc::new(Store::new(file, DATA)), shape },
            graph: Graph::default(),
            input: Default::default(),
            input_bytes: 0,
            index_bytes: 0,
            buffer: Vec::new(),
            position: DATA,
            hash: blake3::Hasher::new(),
            sequence: 0,
        })
    }

    /// The records that are needed.
    pub(super) fn live_bytes(&self) -> u64 {
        self.input_bytes + self.graph.bytes() + self.index_bytes
    }

    /// The records that are not.
    pub(super) fn dead_bytes(&self) -> u64 {
        (self.position - DATA).saturating_sub(self.live_bytes())
    }

    pub(super) fn write_head(&mut self, head: &Head) -> Result<()> {
        self.hash.update(&preamble());
        self.write_at(0, &preamble())?;
        self.add(Kind::Head, &serialize(head)?)?;
        self.input_bytes = self.position - DATA;
        Ok(())
    }

    pub(super) fn write_input(&mut self, input: &Input) -> Result<()> {
        let before = self.position;
        for (place, stream) in input.streams().iter().enumerate() {
            self.input[place] = self.write_stream(stream)?;
        }
        self.input_bytes += self.position - before;
        Ok(())
    }

    /// Where its tables are.
    fn write_stream(&mut self, stream: &ByteStream) -> Result<Vec<u64>> {
        let mut block = vec![0; INPUT_BLOCK];
        let (mut tables, mut table) = (Vec::new(), InputTable::new());
        let mut position = 0;
        while position < stream.length {
            let count = (stream.length - position).min(INPUT_BLOCK as u64) as usize;
            let block = &mut block[..count];
            stream.read_at(position, block).map_err(CheckpointFileError::io("copy the input to"))?;
            table.push(self.add(Kind::Input, block)?);
            position += count as u64;
            if table.len() == INPUT_TABLE || position == stream.length {
                tables.push(self.add(Kind::InputTable, &serialize(&table)?)?);
                table.clear();
            }
        }
        Ok(tables)
    }

    /// Writes a checkpoint, but for what of its memory is in this file already; `written` says where the pages in memory
    /// are that were written before, by their addresses. O(its pages).
    pub(super) fn write_state<G: Guest>(
        &mut self,
        checkpoint: &Checkpoint<G>,
        written: &mut Written,
    ) -> Result<u64> {
        let mut tables: Vec<(u16, u64)> = Vec::new();
        let mut table: Table = Vec::new();
        let mut high = 0;
        for (number, slot) in checkpoint.pages.slots() {
            if number >> TABLE_BITS != high {
                self.write_table(high, &mut table, &mut tables)?;
                high = number >> TABLE_BITS;
            }
            let at = match slot {
                Slot::Stored(page) if self.holds(&page.store, page.at) => page.at,
                Slot::Stored(_) => self.write_page(&*slot.read(number)?)?,
                Slot::Memory(page) => match written.get(&Arc::as_ptr(page)) {
                    Some(&at) => at,
                    None => {
                        let at = self.write_page(page)?;
                        written.insert(Arc::as_ptr(page), at);
                        at
                    }
                },
            };
            table.push(((number % (1 << TABLE_BITS)) as u16, at));
        }
        self.write_table(high, &mut table, &mut tables)?;
        let children = tables.iter().map(|&(_, at)| at).collect();
        let state = StoredState {
            cycle: checkpoint.cycle,
            pc: checkpoint.pc,
            registers: checkpoint.registers.clone(),
            guest: checkpoint.guest.save(),
            tables,
        };
        self.share(Kind::State, &serialize(&state)?, children)
    }

    fn holds(&self, store: &Arc<dyn PageStore>, at: u64) -> bool {
        core::ptr::addr_eq(Arc::as_ptr(store), Arc::as_ptr(&self.source.store)) && self.graph.contains(at)
    }

    fn write_page(&mut self, page: &Page) -> Result<u64> {
        let mut bytes = [0; PAGE_BYTES];
        for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(page) {
            *to = word.to_le_bytes();
        }
        self.share(Kind::Page, &bytes, Vec::new())
    }

    /// Writes the table, unless it is empty, and empties it.
    fn write_table(&mut self, high: Word, table: &mut Table, tables: &mut Vec<(u16, u64)>) -> Result<()> {
        if !table.is_empty() {
            let children = table.iter().map(|&(_, at)| at).collect();
            tables.push((high as u16, self.share(Kind::Table, &serialize(table)?, children)?));
            table.clear();
        }
        Ok(())
    }

    /// Copies head and input of another file.
    pub(super) fn copy_input(&mut self, from: &Store, streams: &[Vec<u64>; 2]) -> Result<()> {
        let before = self.position;
        for (place, tables) in streams.iter().enumerate() {
            for &table_at in tables {
                let at = self.copy_input_table(from, table_at)?;
                self.input[place].push(at);
            }
        }
        self.input_bytes += self.position - before;
        Ok(())
    }

    fn copy_input_table(&mut self, from: &Store, at: u64) -> Result<u64> {
        let mut table: InputTable = parse(&from.read(at, Kind::InputTable)?, at)?;
        for block_at in &mut table {
            *block_at = self.append(&from.encoded(*block_at, Kind::Input)?)?;
        }
        self.add(Kind::InputTable, &serialize(&table)?)
    }

    /// Copies a checkpoint of another file; `places` has what was copied before: old place and new.
    pub(super) fn copy_state(
        &mut self,
        from: &Store,
        at: u64,
        places: &mut HashMap<u64, u64>,
    ) -> Result<u64> {
        if let Some(&there) = places.get(&at) {
            return Ok(there);
        }
        let mut state = from.state(at)?;
        for (_, table_at) in &mut state.tables {
            *table_at = match places.get(table_at) {
                Some(&there) => there,
                None => self.copy_table(from, *table_at, places)?,
            };
        }
        let children = state.tables.iter().map(|&(_, at)| at).collect();
        let there = self.share(Kind::State, &serialize(&state)?, children)?;
        places.insert(at, there);
        Ok(there)
    }

    fn copy_table(&mut self, from: &Store, at: u64, places: &mut HashMap<u64, u64>) -> Result<u64> {
        let mut table: Table = parse(&from.read(at, Kind::Table)?, at)?;
        for (_, page_at) in &mut table {
            *page_at = match places.get(page_at) {
                Some(&there) => there,
                None => {
                    let there = self.share_encoded(&from.encoded(*page_at, Kind::Page)?, Vec::new())?;
                    places.insert(*page_at, there);
                    there
                }
            };
        }
        let children = table.iter().map(|&(_, at)| at).collect();
        let there = self.share(Kind::Table, &serialize(&table)?, children)?;
        places.insert(at, there);
        Ok(there)
    }

    /// Finds the records that an index of a file refers to whose bytes were checked, and what the others are.
    pub(super) fn find_live(&mut self, index: &Index, index_at: u64) -> Result<()> {
        let store = Arc::clone(&self.source.store);
        let bytes = |at, kind| store.header(at, kind).map(|header| (HEADER + header.stored) as u64);
        self.index_bytes = bytes(index_at, Kind::Index)?;
        self.input_bytes = bytes(DATA, Kind::Head)?;
        for &table_at in index.input.iter().flatten() {
            self.input_bytes += bytes(table_at, Kind::InputTable)?;
            let table: InputTable = parse(&store.read(table_at, Kind::InputTable)?, table_at)?;
            for at in table {
                self.input_bytes += bytes(at, Kind::Input)?;
            }
        }
        for &(_, at) in index.checkpoints.iter().chain([&index.latest]) {
            let state = store.state(at)?;
            for &(_, table_at) in &state.tables {
                if self.graph.contains(table_at) {
                    continue;
                }
                let table: Table = parse(&store.read(table_at, Kind::Table)?, table_at)?;
                let pages: Vec<u64> = table.into_iter().map(|(_, at)| at).collect();
                for &page_at in &pages {
                    self.find(&store, page_at, Kind::Page, Vec::new())?;
                }
                self.find(&store, table_at, Kind::Table, pages)?;
            }
            self.find(&store, at, Kind::State, state.tables.iter().map(|&(_, at)| at).collect())?;
        }
        Ok(())
    }

    fn find(&mut self, store: &Store, at: u64, kind: Kind, children: Vec<u64>) -> Result<()> {
        if !self.graph.contains(at) {
            let header = store.header(at, kind)?;
            self.graph.insert(at, header.checksum(), HEADER + header.stored, children);
        }
        Ok(())
    }

    /// Writes an index, and makes it and everything before it count, once it is on the disk.
    pub(super) fn commit(&mut self, index: &Index) -> Result<()> {
        let at = self.add(Kind::Index, &serialize(index)?)?;
        self.index_bytes = self.position - at;
        self.flush()?;
        let synced = self.source.store.file().sync_data();
        synced.map_err(CheckpointFileError::io("write"))?;
        let hash = *self.hash.finalize().as_bytes();
        let end = End { sequence: self.sequence, length: self.position, index: at, hash };
        self.write_at(End::place(self.sequence), &end.encode())?;
        self.sequence += 1;
        let synced = self.source.store.file().sync_data();
        synced.map_err(CheckpointFileError::io("write"))
    }

    /// Writes a record, unless the file has the same.
    fn share(&mut self, kind: Kind, content: &[u8], children: Vec<u64>) -> Result<u64> {
        let record = encode(kind, content).ok_or(CheckpointFileError::TooLarge { bytes: content.len() })?;
        self.share_encoded(&record, children)
    }

    fn share_encoded(&mut self, record: &Encoded, children: Vec<u64>) -> Result<u64> {
        if let Some(at) = self.graph.find(&record.checksum) {
            return Ok(at);
        }
        let at = self.append(record)?;
        self.graph.insert(at, record.checksum, record.bytes.len(), children);
        Ok(at)
    }

    /// Writes a record that is not looked for again.
    fn add(&mut self, kind: Kind, content: &[u8]) -> Result<u64> {
        let record = encode(kind, content).ok_or(CheckpointFileError::TooLarge { bytes: content.len() })?;
        self.append(&record)
    }

    fn append(&mut self, record: &Encoded) -> Result<u64> {
        let at = self.position;
        self.hash.update(&record.bytes);
        self.buffer.extend_from_slice(&record.bytes);
        self.position += record.bytes.len() as u64;
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(at)
    }

    fn flush(&mut self) -> Result<()> {
        self.write_at(self.position - self.buffer.len() as u64, &self.buffer)?;
        self.buffer.clear();
        self.source.store.grow(self.position);
        Ok(())
    }

    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        write_file_at(self.source.store.file(), position, bytes).map_err(CheckpointFileError::io("write"))
    }
}
