//! Memory at rest: maps from page number to page. [`PageMap`] is what a program's file fills; [`Snapshot`] is the memory
//! of a checkpoint, which shares its pages with others, or leaves them in a file.

mod snapshot;

pub use snapshot::{PageError, PageRef, Snapshot};
pub(crate) use snapshot::{PageStore, Slot, StoredPage};

use core::ops::Range;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::isa::Word;

/// The bytes of a page.
pub const PAGE_BYTES: usize = 4096;

/// The words of a page.
pub const PAGE_WORDS: usize = PAGE_BYTES / size_of::<Word>();

/// The bytes of a word, as an address distance.
pub(crate) const WORD_BYTES: Word = size_of::<Word>() as Word;

/// The words of a page, by ascending address.
pub type Page = [Word; PAGE_WORDS];

/// The pages of a memory that are not zero, by number (address / [`PAGE_BYTES`]). Equal memories are equal maps.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PageMap {
    pages: BTreeMap<Word, Arc<Page>>,
}

impl PageMap {
    /// The page, if it is not zero. O(log pages).
    pub fn get(&self, number: Word) -> Option<&Page> {
        self.pages.get(&number).map(|page| &**page)
    }

    /// The word that holds the address. O(log pages).
    pub fn word(&self, address: Word) -> Word {
        self.get(page_of(address)).map_or(0, |page| page[word_of(address)])
    }

    /// The words at the addresses of a range that starts at a word's, each with its address before it. A page is looked up
    /// once. O(1) a word.
    pub(crate) fn words(&self, addresses: Range<Word>) -> impl Iterator<Item = (Word, Word)> {
        let (mut number, mut page) = (None, None);
        addresses.step_by(WORD_BYTES as usize).map(move |address| {
            if number != Some(page_of(address)) {
                number = Some(page_of(address));
                page = self.get(page_of(address));
            }
            (address, page.map_or(0, |page| page[word_of(address)]))
        })
    }

    /// How many pages are not zero.
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Whether all of the memory is zero.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Replaces the bytes of a page from `offset` on; `bytes` must end within the page.
    pub(crate) fn write(&mut self, number: Word, offset: usize, bytes: &[u8]) {
        let mut page = self.get(number).copied().unwrap_or([0; PAGE_WORDS]);
        let mut content = [[0; size_of::<Word>()]; PAGE_WORDS];
        for (content, word) in content.iter_mut().zip(&page) {
            *content = word.to_le_bytes();
        }
        content.as_flattened_mut()[offset..offset + bytes.len()].copy_from_slice(bytes);
        for (word, content) in page.iter_mut().zip(content) {
            *word = Word::from_le_bytes(content);
        }
        if page.iter().all(|&word| word == 0) {
            self.pages.remove(&number);
        } else {
            self.pages.insert(number, Arc::new(page));
        }
    }
}

/// The number of the page that holds the address.
fn page_of(address: Word) -> Word {
    address / PAGE_BYTES as Word
}

/// The place in its page of the word that holds the address.
fn word_of(address: Word) -> usize {
    (address / WORD_BYTES) as usize % PAGE_WORDS
}

/// The pages' numbers: their content would fill screens.
impl core::fmt::Debug for PageMap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.pages.keys()).finish()
    }
}
