//! The memory of a checkpoint.

use std::sync::Arc;

use rpds::RedBlackTreeMapSync;

use super::{PAGE_BYTES, Page, PageMap, page_of, word_of};
use crate::isa::Word;

/// A memory that does not change: its pages that are not zero, by number (address / [`PAGE_BYTES`]).
///
/// Persistent: a clone is O(1), and shares all pages with its source. A look-up is O(log pages). A page is in memory, or
/// in a checkpoint file, from which it is read each time.
#[derive(Clone, Default)]
pub struct Snapshot {
    pages: RedBlackTreeMapSync<Word, Slot>,
}

/// Where a page is.
#[derive(Clone)]
pub(crate) enum Slot {
    Memory(Arc<Page>),
    Stored(StoredPage),
}

/// A page that stays where it was written.
#[derive(Clone)]
pub(crate) struct StoredPage {
    pub(crate) store: Arc<dyn PageStore>,
    /// Where in the store; one place holds one page for ever.
    pub(crate) at: u64,
}

/// What pages can be read from, one by one.
pub(crate) trait PageStore: Send + Sync {
    /// The page at a place; never zero.
    fn page(&self, at: u64) -> Result<Box<Page>, Box<dyn core::error::Error + Send + Sync>>;
}

/// A page in a checkpoint file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the memory at {:#x} could not be read: {source}", u64::from(*number) * PAGE_BYTES as u64)]
pub struct PageError {
    number: Word,
    source: Box<dyn core::error::Error + Send + Sync>,
}

/// A page of a [`Snapshot`].
pub enum PageRef<'a> {
    /// It is in memory.
    Shared(&'a Page),
    /// It was read from its file.
    Read(Box<Page>),
}

impl core::ops::Deref for PageRef<'_> {
    type Target = Page;

    fn deref(&self) -> &Page {
        match self {
            Self::Shared(page) => page,
            Self::Read(page) => page,
        }
    }
}

impl Slot {
    pub(crate) fn read(&self, number: Word) -> Result<PageRef<'_>, PageError> {
        match self {
            Self::Memory(page) => Ok(PageRef::Shared(page)),
            Self::Stored(StoredPage { store, at }) => {
                store.page(*at).map(PageRef::Read).map_err(|source| PageError { number, source })
            }
        }
    }
}

impl Snapshot {
    /// The page, if it is not zero.
    ///
    /// # Errors
    /// It is in a file, and cannot be read.
    pub fn get(&self, number: Word) -> Result<Option<PageRef<'_>>, PageError> {
        self.pages.get(&number).map(|slot| slot.read(number)).transpose()
    }

    /// The word that holds the address.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn word(&self, address: Word) -> Result<Word, PageError> {
        Ok(self.get(page_of(address))?.map_or(0, |page| page[word_of(address)]))
    }

    /// All pages that are not zero, by ascending number; each as [`get`](Self::get) gives it.
    pub fn iter(&self) -> impl Iterator<Item = Result<(Word, PageRef<'_>), PageError>> {
        self.slots().map(|(number, slot)| Ok((number, slot.read(number)?)))
    }

    /// How many pages are not zero.
    pub fn len(&self) -> usize {
        self.pages.size()
    }

    /// Whether all of the memory is zero.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Where the pages are, by ascending number.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (Word, &Slot)> {
        self.pages.iter().map(|(&number, slot)| (number, slot))
    }

    /// Puts a page, which is not zero, where it is said to be.
    pub(crate) fn insert(&mut self, number: Word, slot: Slot) {
        self.pages.insert_mut(number, slot);
    }

    /// Replaces a page by a copy of `content`; does nothing if they are equal already and in memory, so that equal
    /// pages stay shared.
    pub(crate) fn set(&mut self, number: Word, content: &Page) {
        let same = |slot: &Slot| matches!(slot, Slot::Memory(page) if **page == *content);
        if content.iter().all(|&word| word == 0) {
            self.pages.remove_mut(&number);
        } else if !self.pages.get(&number).is_some_and(same) {
            self.insert(number, Slot::Memory(Arc::new(*content)));
        }
    }
}

/// Shares the pages. O(pages).
impl From<&PageMap> for Snapshot {
    fn from(map: &PageMap) -> Self {
        let slots = map.pages.iter().map(|(&number, page)| (number, Slot::Memory(Arc::clone(page))));
        Self { pages: slots.collect() }
    }
}

/// Memories are equal wherever their pages are; one with a page that cannot be read equals none.
impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        let same = |pair| match pair {
            (Ok((number, page)), Ok((other_number, other_page))) => {
                let (page, other_page): (PageRef<'_>, PageRef<'_>) = (page, other_page);
                (number, &*page) == (other_number, &*other_page)
            }
            (Err(_), _) | (_, Err(_)) => false,
        };
        let (pages, others): (_, _) = (self.iter(), other.iter());
        self.len() == other.len() && pages.zip(others).all(same)
    }
}

/// The pages' numbers: their content would fill screens.
impl core::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.pages.keys()).finish()
    }
}
