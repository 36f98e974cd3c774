//! Cells of the chunks that `query` has regenerated: a few chunks, shared by all threads, and read without a lock.
//!
//! In: the columns of a chunk. Out: single cells. A query that is answered from here is a few loads: to lock, or to count
//! who holds a chunk, would cost more than to regenerate a row.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::isa::{ColumnId, MAX_ROWS, Word};

type AtomicWord = AtomicU32;

/// A column of a chunk.
type Cells = Box<[AtomicWord; MAX_ROWS]>;

/// The rows of a chunk, which begins at a multiple of them.
pub(super) const ROWS: u64 = MAX_ROWS as u64;

/// A few chunks of some stored columns. Space: `slots` chunks of the columns that were ever asked for.
#[derive(Debug)]
pub(super) struct ChunkCache {
    slots: Vec<Slot>,
    /// By a chunk's number modulo their count: the slot where such a chunk was put last, to look at first.
    hints: [AtomicUsize; HINTS],
    /// The slot that is looked at next when one is needed.
    hand: Mutex<usize>,
}

/// A chunk, as a sequence lock: readers take no lock, and look afterwards whether they read what a writer was at.
#[derive(Debug)]
struct Slot {
    /// Odd while the slot is written to.
    version: AtomicU64,
    /// The chunk's first row.
    start: AtomicU64,
    /// Bit i: column i is there.
    filled: AtomicU64,
    /// Whether it was read since the hand went by.
    used: AtomicBool,
    columns: Vec<OnceLock<Cells>>,
}

/// No chunk starts here.
const NOWHERE: u64 = u64::MAX;

const HINTS: usize = 64;

impl ChunkCache {
    pub(super) fn new(slots: usize, columns: usize) -> Self {
        let slot = || Slot {
            version: AtomicU64::new(0),
            start: AtomicU64::new(NOWHERE),
            filled: AtomicU64::new(0),
            used: AtomicBool::new(false),
            columns: (0..columns).map(|_| OnceLock::new()).collect(),
        };
        Self {
            slots: (0..slots.max(1)).map(|_| slot()).collect(),
            hints: [const { AtomicUsize::new(0) }; HINTS],
            hand: Mutex::new(0),
        }
    }

    /// The cell, if it is here.
    #[inline]
    pub(super) fn get(&self, column: ColumnId, row: u64) -> Option<Word> {
        let start = row - row % ROWS;
        let hint = self.hints[hint(start)].load(Ordering::Relaxed);
        let hinted = self.slots.get(hint).filter(|slot| slot.starts_at(start));
        let slot = hinted.or_else(|| self.slots.iter().find(|slot| slot.starts_at(start)))?;
        slot.get(start, column, (row % ROWS) as usize)
    }

    /// Keeps columns of the chunk that starts at `start`: where it is already, or else in the place of one that was not read
    /// for the longest time, or nearly so (the clock algorithm).
    pub(super) fn keep(&self, start: u64, columns: &[ColumnId], cells: &[&[Word]]) {
        let mut hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
        let present = self.slots.iter().position(|slot| slot.starts_at(start));
        let place = present.unwrap_or_else(|| {
            // Readers may be quicker than the hand: it goes round twice at most.
            for _ in 0..2 * self.slots.len() {
                *hand = (*hand + 1) % self.slots.len();
                if !self.slots[*hand].used.swap(false, Ordering::Relaxed) {
                    break;
                }
            }
            *hand
        });
        self.slots[place].set(start, columns, cells);
        self.hints[hint(start)].store(place, Ordering::Relaxed);
    }
}

impl Slot {
    #[inline]
    fn starts_at(&self, start: u64) -> bool {
        self.start.load(Ordering::Relaxed) == start
    }

    #[inline]
    fn get(&self, start: u64, column: ColumnId, at: usize) -> Option<Word> {
        let version = self.version.load(Ordering::Acquire);
        let here = self.starts_at(start) && self.filled.load(Ordering::Relaxed) & bit(column) != 0;
        if !here || version % 2 == 1 {
            return None;
        }
        let cell = self.columns.get(column.index())?.get()?.get(at)?.load(Ordering::Relaxed);
        // The loads above are before the one below: if a writer was at it, the version says so.
        fence(Ordering::Acquire);
        if self.version.load(Ordering::Relaxed) != version {
            return None;
        }
        // Written once in a while, so that readers do not take the line from each other.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        Some(cell)
    }

    /// To be called by one thread at a time.
    fn set(&self, start: u64, columns: &[ColumnId], cells: &[&[Word]]) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Relaxed);
        // The stores below are after the one above.
        fence(Ordering::Release);
        self.start.store(start, Ordering::Relaxed);
        self.filled.store(columns.iter().fold(0, |mask, id| mask | bit(*id)), Ordering::Relaxed);
        for (column, cells) in columns.iter().zip(cells) {
            let Some(place) = self.columns.get(column.index()) else { continue };
            let kept = place.get_or_init(|| Box::new([const { AtomicWord::new(0) }; MAX_ROWS]));
            for (kept, &cell) in kept.iter().zip(*cells) {
                kept.store(cell, Ordering::Relaxed);
            }
        }
        self.version.store(version + 2, Ordering::Release);
    }
}

#[inline]
fn hint(start: u64) -> usize {
    (start / ROWS) as usize % HINTS
}

/// A column beyond the bits, of which no checked spec has any, is never found.
#[inline]
fn bit(column: ColumnId) -> u64 {
    1u64.checked_shl(column.0.into()).unwrap_or(0)
}
