//! The guest's whole address space as one array, lazily backed by the operating system.
//!
//! The only module with unsafe code but for that of native code. Since every address is an index of the array, an access
//! needs no bounds check, and what the guest does not touch costs nothing.

use memmap2::{MmapMut, MmapOptions};

use crate::isa::Word;
use crate::pages::{PAGE_WORDS, Page};

#[cfg(not(target_pointer_width = "64"))]
compile_error!("retrace maps the guest's whole address space, and needs a 64-bit host");

/// The words of the address space.
pub(crate) const WORDS: usize = 1 << (Word::BITS - size_of::<Word>().trailing_zeros());

/// The address space must fit beside the host's own.
const _: () = assert!(Word::BITS <= 32);

type Words = [Word; WORDS];

/// Zeroed words, one for each aligned guest address.
pub(super) struct Image {
    map: MmapMut,
}

impl Image {
    /// Reserves addresses, not memory.
    pub(super) fn new() -> std::io::Result<Self> {
        let map = MmapOptions::new().len(size_of::<Words>()).no_reserve_swap().map_anon()?;
        // Huge pages would make a guest that touches scattered pages cost up to 512 times what it touches. The
        // advice is refused where there are none, which is as good.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::NoHugePage);
        Ok(Self { map })
    }

    /// The words; the place of an address is the address over the word's size.
    #[inline(always)]
    pub(super) fn words(&self) -> &Words {
        // SAFETY: the mapping is `size_of::<Words>()` bytes long, readable, zeroed at first and aligned to a host
        // page, so to a `Word`; every bit pattern is a `Word`. It lives as long as `self`, private and anonymous, so
        // that nothing but `words_mut` writes to it, and that borrows `self` exclusively.
        unsafe { &*self.map.as_ptr().cast::<Words>() }
    }

    /// The words, to be written.
    #[inline(always)]
    pub(super) fn words_mut(&mut self) -> &mut Words {
        // SAFETY: as for `words`; the mapping is writable, and the borrow of `self` is exclusive.
        unsafe { &mut *self.map.as_mut_ptr().cast::<Words>() }
    }

    /// The words of one page.
    pub(super) fn page(&self, number: u32) -> &Page {
        &self.words().as_chunks::<PAGE_WORDS>().0[number as usize]
    }

    /// The words of one page, to be written.
    pub(super) fn page_mut(&mut self, number: u32) -> &mut Page {
        &mut self.words_mut().as_chunks_mut::<PAGE_WORDS>().0[number as usize]
    }
}

impl core::fmt::Debug for Image {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Image").field("words", &WORDS).finish()
    }
}
