//! Memory at rest: a persistent map from page number to page, which checkpoints share.

use std::sync::Arc;

use rpds::RedBlackTreeMapSync;

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
///
/// Persistent: a clone is O(1), and shares all pages with its source until one of the two is changed. A look-up or a
/// change is O(log pages).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PageMap {
    pages: RedBlackTreeMapSync<Word, Arc<Page>>,
}

impl PageMap {
    /// The page, if it is not zero.
    pub fn get(&self, number: Word) -> Option<&Page> {
        self.pages.get(&number).map(|page| &**page)
    }

    /// The word that holds the address.
    pub fn word(&self, address: Word) -> Word {
        let offset = (address / WORD_BYTES) as usize % PAGE_WORDS;
        self.get(address / PAGE_BYTES as Word).map_or(0, |page| page[offset])
    }

    /// All pages that are not zero, by ascending number.
    pub fn iter(&self) -> impl Iterator<Item = (Word, &Page)> {
        self.pages.iter().map(|(&number, page)| (number, &**page))
    }

    /// How many pages are not zero.
    pub fn len(&self) -> usize {
        self.pages.size()
    }

    /// Whether all of the memory is zero.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Replaces a page by a copy of `content`; does nothing if they are equal already, so that equal pages stay
    /// shared.
    pub(crate) fn set(&mut self, number: Word, content: &Page) {
        if content.iter().all(|&word| word == 0) {
            self.pages.remove_mut(&number);
        } else if self.get(number) != Some(content) {
            self.pages.insert_mut(number, Arc::new(*content));
        }
    }

    /// Replaces the bytes of a page from `offset` on; `bytes` must end within the page.
    pub(crate) fn write(&mut self, number: Word, offset: usize, bytes: &[u8]) {
        let mut page = self.get(number).copied().unwrap_or([0; PAGE_WORDS]);
        for (at, &byte) in (offset..).zip(bytes) {
            let shift = at % size_of::<Word>() * 8;
            let word = &mut page[at / size_of::<Word>()];
            *word = *word & !(0xff << shift) | Word::from(byte) << shift;
        }
        self.set(number, &page);
    }
}

/// The pages' numbers: their content would fill screens.
impl core::fmt::Debug for PageMap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.pages.keys()).finish()
    }
}
