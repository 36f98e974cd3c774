//! The guest's memory: words that are read and written, and which pages a checkpoint must keep.
//!
//! All addresses but page 0 and the last page are memory, zero at first. A flag byte a page decides the fast path of
//! an access with one compare; whatever else there is to do about a page is done the first time that it is touched, or
//! first written to since the last checkpoint.

use core::ops::Range;
use std::sync::Arc;

use super::image::Image;
#[cfg(native)]
use super::image::WORDS;
use crate::isa::{Access, Trap, TrapCause, Word};
use crate::pages::{PAGE_BYTES, PageError, Snapshot, WORD_BYTES};

/// The image holds the page: loads may go.
pub(crate) const READY: u8 = 1;
/// The page is ready, in the list of dirty pages, and holds no code: stores may go.
pub(crate) const WRITABLE: u8 = 2;
/// The page is in the list of dirty pages.
const DIRTY: u8 = 4;
/// The page holds code: every store is checked against the code's ranges.
const CODE: u8 = 8;
/// The image's page may differ from zero, whatever it holds now.
const USED: u8 = 16;
/// The image holds the page. It is ready as well, unless it is guarded: then every access takes the slow path.
const PRESENT: u8 = 32;
/// The page counts towards the limit.
const COUNTED: u8 = 64;

/// The pages of the address space.
pub(crate) const PAGES: usize = 1 << (Word::BITS - PAGE_BYTES.trailing_zeros());

/// The page of small negative offsets from address 0.
const LAST_PAGE: usize = PAGES - 1;

/// A guest's memory.
///
/// Space: what is touched, in pages, and a byte for each page of the address space, lazily.
#[derive(Debug)]
pub struct Memory {
    image: Image,
    flags: Box<[u8; PAGES]>,
    base: Snapshot,
    /// Pages that are ready.
    touched: Vec<Word>,
    /// Pages that may differ from `base`.
    dirty: Vec<Word>,
    code: Arc<[Range<Word>]>,
    /// The pages where an access may mean that the stack has outgrown its limit; see [`Memory::load`].
    guard: Range<Word>,
    /// Whether the access under way may touch guarded pages.
    unguarded: bool,
    /// How many pages count towards the limit, and the limit.
    counted: u64,
    limit: u64,
    /// Why a page could not be brought in, if one could not: no fault of the guest.
    failure: Option<MemoryFailure>,
}

/// Why an access could not be made, where that is no fault of the guest.
#[derive(Debug)]
pub(super) enum MemoryFailure {
    /// The page could not be read from a checkpoint file.
    Page(PageError),
    /// The access would touch one page more than the limit.
    Limit { address: Word },
}

impl Memory {
    /// An empty memory, in which stores into the ranges `code` are refused.
    ///
    /// # Errors
    /// The operating system refused to reserve the address space.
    pub(super) fn new(code: Arc<[Range<Word>]>) -> std::io::Result<Self> {
        let Ok(mut flags) = <Box<[u8; PAGES]>>::try_from(vec![0; PAGES].into_boxed_slice()) else {
            unreachable!("the slice has PAGES elements");
        };
        for range in code.iter() {
            flags[page_of(range.start)..=page_of(range.end - 1)].fill(CODE);
        }
        Ok(Self {
            image: Image::new()?,
            flags,
            base: Snapshot::default(),
            touched: Vec::new(),
            dirty: Vec::new(),
            code,
            guard: 0..0,
            unguarded: false,
            counted: 0,
            limit: u64::MAX,
            failure: None,
        })
    }

    /// Guards these addresses, rounded inwards to pages.
    pub(super) fn set_guard(&mut self, addresses: Range<Word>) {
        self.guard = addresses.start.div_ceil(PAGE_BYTES as Word)..addresses.end / PAGE_BYTES as Word;
    }

    /// Lets accesses touch so many pages, of which these were touched before; until memory is next restored. O(their
    /// number).
    pub(super) fn set_limit(&mut self, pages: u64, touched_before: &[Word]) {
        self.limit = pages;
        for &number in touched_before {
            self.flags[number as usize] |= COUNTED;
        }
        self.counted = touched_before.len() as u64;
    }

    /// Makes an access that may touch guarded pages.
    pub(super) fn unguarded<T>(&mut self, access: impl FnOnce(&mut Self) -> T) -> T {
        self.unguarded = true;
        let result = access(self);
        self.unguarded = false;
        result
    }

    /// Loads `bytes` bytes, zero-extended. `bytes` is a power of two, at most a word's size.
    ///
    /// # Errors
    /// A misaligned address, page 0, the last page; or a guarded page, of which the caller decides whether it is a
    /// [stack overflow](TrapCause::StackOverflow).
    #[inline(always)]
    pub fn load(&mut self, address: Word, bytes: Word) -> Result<Access, Trap> {
        if address & (bytes - 1) != 0 {
            return Err(Trap { cause: TrapCause::MisalignedLoad, value: address });
        }
        let word = self.word(address)?;
        let value = word >> shift_of(address) & mask_of(bytes);
        Ok(Access { value, before: word, after: word })
    }

    /// Stores the low `bytes` bytes of `value`. `bytes` is a power of two, at most a word's size.
    ///
    /// # Errors
    /// As [`load`](Self::load), or code.
    #[inline(always)]
    pub fn store(&mut self, address: Word, bytes: Word, value: Word) -> Result<Access, Trap> {
        if address & (bytes - 1) != 0 {
            return Err(Trap { cause: TrapCause::MisalignedStore, value: address });
        }
        let (mask, shift) = (mask_of(bytes), shift_of(address));
        self.write(address, mask << shift, (value & mask) << shift)
    }

    #[inline(always)]
    fn word(&mut self, address: Word) -> Result<Word, Trap> {
        if self.flags[page_of(address)] & READY == 0 {
            self.prepare_load(address)?;
        }
        Ok(self.image.words()[(address / WORD_BYTES) as usize])
    }

    /// Replaces the bits `mask` of the word that holds the address by `bits`: the one place of all writes.
    #[inline(always)]
    fn write(&mut self, address: Word, mask: Word, bits: Word) -> Result<Access, Trap> {
        if self.flags[page_of(address)] & WRITABLE == 0 {
            self.prepare_store(address)?;
        }
        let word = &mut self.image.words_mut()[(address / WORD_BYTES) as usize];
        let before = *word;
        *word = before & !mask | bits;
        Ok(Access { value: bits >> shift_of(address), before, after: *word })
    }

    /// Whether the policy allows loads at the address: it is in neither page 0 nor the last one.
    pub(super) fn allows_load(&self, address: Word) -> bool {
        !matches!(page_of(address), 0 | LAST_PAGE)
    }

    /// Whether the policy allows stores at the address: it is no code either.
    pub(super) fn allows_store(&self, address: Word) -> bool {
        self.allows_load(address) && !self.is_code(address)
    }

    fn is_code(&self, address: Word) -> bool {
        self.flags[page_of(address)] & CODE != 0 && self.code.iter().any(|range| range.contains(&address))
    }

    /// The word that holds the address, for the host: touches nothing.
    ///
    /// # Errors
    /// Its page is in a checkpoint file, and cannot be read.
    pub fn peek(&self, address: Word) -> Result<Word, PageError> {
        if self.flags[page_of(address)] & PRESENT != 0 {
            return Ok(self.image.words()[(address / WORD_BYTES) as usize]);
        }
        self.base.word(address)
    }

    /// The pages that were loaded from or stored to since the memory was created or last restored, in that order.
    pub fn touched_pages(&self) -> &[Word] {
        &self.touched
    }

    /// How many pages were stored to since the memory was created, last kept or last restored.
    pub fn written_pages(&self) -> usize {
        self.dirty.len()
    }

    /// The memory as it is now, to be kept. O(pages written since the last call); the rest is shared with it.
    pub(super) fn checkpoint(&mut self) -> Snapshot {
        for number in self.dirty.drain(..) {
            self.base.set(number, self.image.page(number));
            self.flags[number as usize] &= !(DIRTY | WRITABLE);
        }
        self.base.clone()
    }

    /// Makes the memory what it was when `base` was kept. O(pages touched since the last call); pages come into the
    /// image when they are touched.
    pub(super) fn restore(&mut self, base: Snapshot) {
        for number in self.touched.drain(..) {
            self.flags[number as usize] &= CODE | USED;
        }
        self.dirty.clear();
        self.counted = 0;
        self.failure = None;
        self.base = base;
    }

    /// Lets `base`, which is equal to the memory as it was last kept, be what it is compared with.
    pub(super) fn rebase(&mut self, base: Snapshot) {
        self.base = base;
    }

    /// The words, and the pages' flags.
    #[cfg(native)]
    pub(super) fn parts(&mut self) -> (&mut [Word; WORDS], &[u8; PAGES]) {
        (self.image.words_mut(), &self.flags)
    }

    /// Whether the address is in a guarded page.
    pub(super) fn is_guarded(&self, address: Word) -> bool {
        self.guard.contains(&(page_of(address) as Word))
    }

    /// Why the last access failed, if it is not the guest's fault.
    pub(super) fn take_failure(&mut self) -> Option<MemoryFailure> {
        self.failure.take()
    }

    #[cold]
    #[inline(never)]
    fn prepare_load(&mut self, address: Word) -> Result<(), Trap> {
        self.check_page(address, [TrapCause::NullLoad, TrapCause::LastPageLoad])?;
        if self.flags[page_of(address)] & PRESENT == 0 {
            self.bring_in(address, TrapCause::NullLoad)?;
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn prepare_store(&mut self, address: Word) -> Result<(), Trap> {
        let page = page_of(address);
        self.check_page(address, [TrapCause::NullStore, TrapCause::LastPageStore])?;
        if self.is_code(address) {
            return Err(Trap { cause: TrapCause::StoreToCode, value: address });
        }
        if self.flags[page] & PRESENT == 0 {
            self.bring_in(address, TrapCause::NullStore)?;
        }
        if self.flags[page] & DIRTY == 0 {
            self.dirty.push(page as Word);
            self.flags[page] |= DIRTY | USED;
        }
        if self.flags[page] & CODE == 0 && self.flags[page] & READY != 0 {
            self.flags[page] |= WRITABLE;
        }
        Ok(())
    }

    /// Refuses page 0 and the last page, with these causes, and guarded pages. None of them is ever ready.
    fn check_page(&self, address: Word, [null, last]: [TrapCause; 2]) -> Result<(), Trap> {
        let cause = match page_of(address) {
            0 => null,
            LAST_PAGE => last,
            _ if self.is_guarded(address) && !self.unguarded => TrapCause::StackOverflow,
            _ => return Ok(()),
        };
        Err(Trap { cause, value: address })
    }

    /// Makes the image's page what `base` has. A page that is zero in both is left to the operating system. If there is
    /// a [failure](Self::take_failure), the access ends with the trap of this cause, which says no more than that it did.
    fn bring_in(&mut self, address: Word, cause: TrapCause) -> Result<(), Trap> {
        let page = page_of(address);
        let number = page as Word;
        if self.flags[page] & COUNTED == 0 && self.counted >= self.limit {
            self.failure = Some(MemoryFailure::Limit { address });
            return Err(Trap { cause, value: address });
        }
        match self.base.get(number) {
            Ok(Some(content)) => {
                self.image.page_mut(number).copy_from_slice(&*content);
                self.flags[page] |= USED;
            }
            Ok(None) if self.flags[page] & USED != 0 => self.image.page_mut(number).fill(0),
            Ok(None) => {}
            Err(error) => {
                self.failure = Some(MemoryFailure::Page(error));
                return Err(Trap { cause, value: address });
            }
        }
        if self.flags[page] & COUNTED == 0 {
            self.counted += 1;
        }
        self.flags[page] |=
            if self.is_guarded(address) { PRESENT | COUNTED } else { PRESENT | COUNTED | READY };
        self.touched.push(number);
        Ok(())
    }
}

#[inline(always)]
fn page_of(address: Word) -> usize {
    (address >> PAGE_BYTES.trailing_zeros()) as usize
}

/// How far the addressed byte is from the low end of its word, in bits.
#[inline(always)]
fn shift_of(address: Word) -> u32 {
    address % WORD_BYTES * 8
}

/// The low `bytes` bytes of a word.
#[inline(always)]
fn mask_of(bytes: Word) -> Word {
    Word::MAX >> (Word::BITS - 8 * bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE_AT: Range<Word> = 0x1_0100..0x1_0200;

    fn memory() -> Memory {
        Memory::new(vec![CODE_AT].into()).unwrap()
    }

    fn shared(first: &Snapshot, second: &Snapshot, page: Word) -> bool {
        core::ptr::eq(&*first.get(page).unwrap().unwrap(), &*second.get(page).unwrap().unwrap())
    }

    #[test]
    fn bytes_and_halves_of_a_word() {
        let mut memory = memory();
        memory.store(0x2_0000, 4, 0x8899_aabb).unwrap();
        let access = memory.store(0x2_0001, 1, 0xffff_ff11).unwrap();
        assert_eq!(access, Access { value: 0x11, before: 0x8899_aabb, after: 0x8899_11bb });
        let access = memory.store(0x2_0002, 2, 0x1234_5678).unwrap();
        assert_eq!(access, Access { value: 0x5678, before: 0x8899_11bb, after: 0x5678_11bb });
        assert_eq!(memory.load(0x2_0003, 1).unwrap().value, 0x56);
        assert_eq!(memory.load(0x2_0000, 2).unwrap().value, 0x11bb);
        assert_eq!(memory.load(0x2_0000, 4).unwrap().value, 0x5678_11bb);
    }

    #[test]
    fn the_first_and_the_last_page_are_no_memory() {
        let mut memory = memory();
        let trap = |cause, value| Err(Trap { cause, value });
        for address in [0xffff_f000, Word::MAX - 3] {
            assert_eq!(memory.load(address, 4), trap(TrapCause::LastPageLoad, address));
            assert_eq!(memory.store(address, 4, 7), trap(TrapCause::LastPageStore, address));
        }
        for address in [0, 0xffc] {
            assert_eq!(memory.load(address, 4), trap(TrapCause::NullLoad, address));
            assert_eq!(memory.store(address, 4, 7), trap(TrapCause::NullStore, address));
        }
        for address in [0x1000, 0xffff_effc] {
            memory.store(address, 4, 7).unwrap();
            assert_eq!(memory.load(address, 4).unwrap().value, 7);
        }
    }

    #[test]
    fn guarded_pages_are_memory_on_the_slow_path() {
        let mut memory = memory();
        memory.set_guard(0x3_0001..0x3_3001);
        memory.store(0x3_0ffc, 4, 1).unwrap();
        memory.store(0x3_3000, 4, 1).unwrap();
        for address in [0x3_1000, 0x3_2ffc] {
            let overflow = Trap { cause: TrapCause::StackOverflow, value: address };
            for _ in 0..2 {
                assert_eq!(memory.load(address, 4), Err(overflow));
                assert_eq!(memory.store(address, 4, 0), Err(overflow));
                memory.unguarded(|memory| memory.store(address, 4, address)).unwrap();
                assert_eq!(memory.unguarded(|memory| memory.load(address, 4)).unwrap().value, address);
                assert_eq!(memory.peek(address).unwrap(), address);
            }
        }
        assert_eq!(memory.touched_pages(), [0x30, 0x33, 0x31, 0x32]);
        let kept = memory.checkpoint();
        memory.unguarded(|memory| memory.store(0x3_1000, 4, 9)).unwrap();
        memory.restore(kept);
        assert_eq!(memory.peek(0x3_1000).unwrap(), 0x3_1000);
        assert!(memory.load(0x3_1000, 4).is_err());
        assert_eq!(memory.unguarded(|memory| memory.load(0x3_1000, 4)).unwrap().value, 0x3_1000);
    }

    #[test]
    fn pages_beyond_the_limit_are_not_touched() {
        let mut memory = memory();
        memory.set_limit(3, &[0x20]);
        for address in [0x2_0000, 0x3_0000, 0x4_0000, 0x3_0ffc, 0x2_0004] {
            memory.store(address, 4, 1).unwrap();
        }
        for _ in 0..2 {
            assert!(memory.load(0x5_0000, 4).is_err());
            assert!(matches!(memory.take_failure(), Some(MemoryFailure::Limit { address: 0x5_0000 })));
        }
        assert_eq!(memory.touched_pages(), [0x20, 0x30, 0x40]);
    }

    #[test]
    fn faults_name_the_address() {
        let mut memory = memory();
        let trap = |cause, value| Err(Trap { cause, value });
        assert_eq!(memory.load(0x2_0001, 2), trap(TrapCause::MisalignedLoad, 0x2_0001));
        assert_eq!(memory.store(0x2_0002, 4, 0), trap(TrapCause::MisalignedStore, 0x2_0002));
        assert_eq!(memory.load(8, 4), trap(TrapCause::NullLoad, 8));
        assert_eq!(memory.store(0xfff, 1, 0), trap(TrapCause::NullStore, 0xfff));
        assert_eq!(memory.touched_pages(), &[] as &[Word]);
    }

    #[test]
    fn code_is_kept_and_data_beside_it_is_not() {
        let mut memory = memory();
        for address in [CODE_AT.start - 4, CODE_AT.end] {
            memory.store(address, 4, 1).unwrap();
        }
        for address in [CODE_AT.start, CODE_AT.end - 4] {
            let refused = memory.store(address, 4, 1).unwrap_err();
            assert_eq!(refused, Trap { cause: TrapCause::StoreToCode, value: address });
        }
        assert_eq!(memory.checkpoint().get(0x10).unwrap().unwrap()[0xfc / 4], 1);
    }

    #[test]
    fn a_checkpoint_keeps_what_was() {
        let mut memory = memory();
        memory.store(0x2_0000, 4, 1).unwrap();
        memory.store(0x3_0000, 4, 1).unwrap();
        let first = memory.checkpoint();
        memory.store(0x2_0000, 4, 2).unwrap();
        memory.store(0x4_0000, 4, 2).unwrap();
        let second = memory.checkpoint();
        let word = |pages: &Snapshot, number| pages.get(number).unwrap().map(|page| page[0]);
        assert_eq!([0x20, 0x30, 0x40].map(|page| word(&first, page)), [Some(1), Some(1), None]);
        assert_eq!([0x20, 0x30, 0x40].map(|page| word(&second, page)), [Some(2), Some(1), Some(2)]);
        assert!(shared(&first, &second, 0x30), "clean pages are shared");

        memory.store(0x3_0000, 4, 3).unwrap();
        memory.restore(first.clone());
        assert_eq!(memory.written_pages(), 0);
        assert_eq!([0x2_0000, 0x4_0000].map(|address| memory.load(address, 4).unwrap().value), [1, 0]);
        assert_eq!(memory.checkpoint(), first);
    }

    #[test]
    fn a_page_that_did_not_change_is_not_copied() {
        let mut memory = memory();
        memory.store(0x2_0000, 4, 1).unwrap();
        let first = memory.checkpoint();
        memory.store(0x2_0000, 4, 9).unwrap();
        memory.store(0x2_0000, 4, 1).unwrap();
        memory.store(0x5_0000, 4, 0).unwrap();
        let second = memory.checkpoint();
        assert!(shared(&first, &second, 0x20));
        assert_eq!(second.len(), 1);
    }
}
