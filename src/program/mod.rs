//! A program, loaded and predecoded once.
//!
//! In: the bytes of an ELF file, or code words. Out: [`Program`], which holds the code table that
//! [`machine`](crate::machine) runs, the memory that it starts from, and symbols for people.

mod architecture;
mod choice;
mod code;
mod elf;
mod error;
mod extensions;
mod file;
mod reach;
mod symbols;

pub use architecture::architecture;
pub use choice::{Candidate, IsaError, UndecodableWord};
pub use code::Code;
#[cfg(native)]
pub(crate) use code::jumps_to_itself;
pub(crate) use code::only_jumps;
#[cfg(feature = "profile")]
pub(crate) use elf::with_sections;
pub use error::LoadError;
pub use file::ElfFile;
pub use symbols::{Symbol, Symbols};

use core::marker::PhantomData;
use core::ops::Range;

use crate::isa::{Isa, Word};
use crate::pages::{PAGE_BYTES, PageMap};

/// The hash of what a program was loaded from.
pub type ProgramHash = [u8; 32];

/// A program of instruction set `I`: code table, initial memory, entry point, symbols.
///
/// Space: 16 bytes an instruction word, and the pages that file bytes other than zero fall into; memory that the
/// file only asks to be zeroed costs nothing.
#[derive(Clone, Debug)]
pub struct Program<I: Isa> {
    code: Code,
    entry: Word,
    segments: Vec<Range<u64>>,
    load_copies: Vec<Range<u64>>,
    headers: Option<ProgramHeaders>,
    pages: PageMap,
    symbols: Symbols,
    hash: ProgramHash,
    isa: PhantomData<I>,
}

/// Where an ELF file's program headers are in memory: for the auxiliary vector, in which a program finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgramHeaders {
    /// The first one's address.
    pub address: Word,
    /// How many bytes one takes.
    pub entry_bytes: Word,
    /// How many there are.
    pub count: Word,
}

impl<I: Isa> Program<I> {
    /// Loads a static, little-endian RISC-V executable of this word width. Whether the file's code is of this ISA is not
    /// asked: [`ElfFile::choose_isa`] does.
    ///
    /// Code is the executable sections; in a file without section headers, the executable segments. It is decoded
    /// once, here; a word that is no instruction is an error only when it is executed. O(bytes.len()) time and
    /// space, whatever the headers claim.
    ///
    /// A segment is loaded at its virtual address. If its physical address (`p_paddr`) is another one, the bytes that
    /// the file has for it are there too: the start-up code of a program for bare metal copies its data from there. A
    /// physical address of 0 means that there is none.
    ///
    /// # Errors
    /// [`LoadError`], which says what is wrong with the file and what to do about it.
    ///
    /// ```
    /// use retrace::isa::Rv32i;
    /// use retrace::program::{LoadError, Program};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let program = Program::<Rv32i>::from_elf(&std::fs::read("tests/guests/tiny.elf")?)?;
    /// assert_eq!(program.entry(), 0x10000);
    ///
    /// let refused = Program::<Rv32i>::from_elf(&std::fs::read("fuzz/corpus/elf/compressed")?);
    /// assert_eq!(refused.err(), Some(LoadError::Compressed));
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_elf(bytes: &[u8]) -> Result<Self, LoadError> {
        ElfFile::parse(bytes)?.decode()
    }

    /// A program of the given instruction words, loaded at `base` and entered there, and of data segments, each an
    /// address and its bytes: for tests, assemblers and generators.
    ///
    /// # Errors
    /// [`LoadError`]: no code, a misaligned base, segments that overlap or leave the address space, page 0, the last
    /// page.
    pub fn from_code(base: Word, words: &[u32], data: &[(Word, &[u8])]) -> Result<Self, LoadError> {
        let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let end = u64::from(base) + code.len() as u64;
        let mut hasher = blake3::Hasher::new_derive_key("retrace program from code words v1");
        let mut image = Image { entry: base, ..Image::default() };
        image.code.push(u64::from(base)..end);
        for (address, bytes) in core::iter::once((base, &code[..])).chain(data.iter().copied()) {
            hasher.update(&u64::from(address).to_le_bytes());
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
            image.add_segment(u64::from(address), bytes.len() as u64, bytes)?;
        }
        let code = image.check()?;
        image.decode(code, *hasher.finalize().as_bytes())
    }

    /// The program with these symbols instead of its own: a name, its address, and whether it names code.
    /// O(symbols · log symbols).
    #[must_use]
    pub fn with_labels<'n>(mut self, labels: impl IntoIterator<Item = (&'n str, Word, bool)>) -> Self {
        self.symbols = Symbols::of_labels(labels);
        self
    }

    /// The code table.
    #[inline]
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// Where execution starts.
    pub fn entry(&self) -> Word {
        self.entry
    }

    /// The loadable segments' virtual addresses, zero-filled memory included; ascending, none overlaps another.
    /// [Copies](Self::load_copies) at load addresses are not among them.
    pub fn segments(&self) -> &[Range<u64>] {
        &self.segments
    }

    /// The load addresses that hold a copy of what the file has for a segment, since they are not its virtual
    /// addresses; ascending. None overlaps another, or a segment.
    pub fn load_copies(&self) -> &[Range<u64>] {
        &self.load_copies
    }

    /// The ELF file's program headers, if a segment loads them.
    pub fn headers(&self) -> Option<ProgramHeaders> {
        self.headers
    }

    /// The memory that the file fills, page by page.
    pub fn pages(&self) -> &PageMap {
        &self.pages
    }

    /// The symbols, for error messages and for harnesses that look for an address by name.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// The blake3 hash of the file; of a program from code words, a hash of these and of the data.
    pub fn hash(&self) -> ProgramHash {
        self.hash
    }
}

/// What a loader collects: addresses are `u64`, so that the end of the address space is one.
#[derive(Clone, Debug, Default)]
struct Image {
    entry: Word,
    code: Vec<Range<u64>>,
    segments: Vec<Range<u64>>,
    load_copies: Vec<Range<u64>>,
    headers: Option<ProgramHeaders>,
    pages: PageMap,
    symbols: Symbols,
    /// The architecture string of the attributes.
    architecture: Option<String>,
}

/// One more than the last address.
const ADDRESS_SPACE: u64 = 1 << Word::BITS;

/// Nothing is loaded into the last page either.
const LAST_PAGE: u64 = ADDRESS_SPACE - PAGE_BYTES as u64;

impl Image {
    /// Adds a segment of `size` bytes, of which `bytes` are the first and the rest is zero.
    fn add_segment(&mut self, address: u64, size: u64, bytes: &[u8]) -> Result<(), LoadError> {
        if size == 0 {
            return Ok(());
        }
        self.segments.push(range(address, size)?);
        self.fill(address, bytes);
        Ok(())
    }

    /// Adds a copy of the bytes of a segment at its load address.
    fn add_load_copy(&mut self, address: u64, bytes: &[u8]) -> Result<(), LoadError> {
        if !bytes.is_empty() {
            self.load_copies.push(range(address, bytes.len() as u64)?);
            self.fill(address, bytes);
        }
        Ok(())
    }

    /// Copies bytes into the page map, page by page; pages that stay zero are left out.
    fn fill(&mut self, address: u64, bytes: &[u8]) {
        let first = (address % PAGE_BYTES as u64) as usize;
        let (head, tail) = bytes.split_at(bytes.len().min(PAGE_BYTES - first));
        let parts = core::iter::once((first, head)).chain(tail.chunks(PAGE_BYTES).map(|part| (0, part)));
        for (number, (offset, part)) in (address / PAGE_BYTES as u64..).zip(parts) {
            if part.iter().any(|&byte| byte != 0)
                && let Ok(page) = Word::try_from(number)
            {
                self.pages.write(page, offset, part);
            }
        }
    }

    /// Checks that the segments are apart, and that the entry is in the code, whose ranges it gives.
    fn check(&mut self) -> Result<Vec<Range<Word>>, LoadError> {
        self.segments.sort_unstable_by_key(|segment| segment.start);
        for pair in self.segments.windows(2) {
            if pair[1].start < pair[0].end {
                return Err(LoadError::Overlap { first: pair[0].clone(), second: pair[1].clone() });
            }
        }
        self.load_copies.sort_unstable_by_key(|copy| copy.start);
        check_copies(&self.load_copies, &self.segments)?;
        let code = code::join(core::mem::take(&mut self.code))?;
        if !code::holds_word(&code, self.entry) {
            return Err(LoadError::Entry { entry: self.entry });
        }
        Ok(code)
    }

    /// The program with this code, which [`check`](Self::check) gave.
    fn decode<I: Isa>(self, code: Vec<Range<Word>>, hash: ProgramHash) -> Result<Program<I>, LoadError> {
        Ok(Program {
            code: Code::new::<I>(code, &self.pages)?,
            entry: self.entry,
            segments: self.segments,
            load_copies: self.load_copies,
            headers: self.headers,
            pages: self.pages,
            symbols: self.symbols,
            hash,
            isa: PhantomData,
        })
    }
}

/// The addresses of something that is to be loaded.
fn range(address: u64, size: u64) -> Result<Range<u64>, LoadError> {
    let end = address.saturating_add(size);
    if end > ADDRESS_SPACE {
        return Err(LoadError::OutsideAddressSpace { address, size });
    }
    if address < PAGE_BYTES as u64 {
        return Err(LoadError::PageZero { address });
    }
    if end > LAST_PAGE {
        return Err(LoadError::LastPage { end });
    }
    Ok(address..end)
}

/// Refuses copies that overlap each other or a segment; all are ascending. O(their number), since of segments, none of
/// which overlaps another, only the last one that begins before a copy's end can reach into it.
fn check_copies(copies: &[Range<u64>], segments: &[Range<u64>]) -> Result<(), LoadError> {
    for (at, copy) in copies.iter().enumerate() {
        let before = segments.partition_point(|segment| segment.start < copy.end);
        let segment = before.checked_sub(1).and_then(|last| segments.get(last));
        let others = segment.into_iter().chain(copies.get(at + 1));
        if let Some(other) = others.into_iter().find(|other| copy.start < other.end && other.start < copy.end)
        {
            return Err(LoadError::LoadCopyOverlaps { copy: copy.clone(), other: other.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
