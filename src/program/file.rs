//! An ELF file before an ISA decodes its code.

use core::ops::Range;

use super::elf;
use super::{Image, LoadError, Program, ProgramHash, Symbols};
use crate::isa::{Isa, Word};

/// A static, little-endian RISC-V executable, read and checked once; its code is not decoded yet.
///
/// The file says neither reliably nor completely for which ISA it is: [`choose_isa`](Self::choose_isa) finds the ISA
/// that decodes its code, and [`decode`](Self::decode) makes the program of that ISA.
///
/// ```
/// use retrace::isa::{Rv32i, Rv32im, Rv32imZbb};
/// use retrace::program::{Candidate, ElfFile, Program};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let file = ElfFile::parse(&std::fs::read("tests/guests/tiny.elf")?)?;
/// let isas = [Candidate::of::<Rv32i>(), Candidate::of::<Rv32im>(), Candidate::of::<Rv32imZbb>()];
/// assert_eq!(file.choose_isa(&isas)?, 0);
/// let program: Program<Rv32i> = file.decode()?;
/// # Ok(())
/// # }
/// ```
///
/// Space: the pages that file bytes other than zero fall into, and the symbols.
#[derive(Clone, Debug)]
pub struct ElfFile {
    pub(super) image: Image,
    pub(super) code: Vec<Range<Word>>,
    hash: ProgramHash,
}

impl ElfFile {
    /// Reads and checks the file. O(bytes.len()) time and space, whatever the headers claim.
    ///
    /// # Errors
    /// As [`Program::from_elf`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut image = elf::load(bytes)?;
        let code = image.check()?;
        tracing::debug!(
            target: "retrace::program",
            bytes = bytes.len(),
            segments = image.segments.len(),
            entry = format_args!("{:#010x}", image.entry),
            "loaded"
        );
        let hash = *blake3::hash(bytes).as_bytes();
        Ok(Self { image, code, hash })
    }

    /// The program of that ISA: a word that the ISA does not decode is an error only when it is executed. O(code).
    ///
    /// # Errors
    /// [`LoadError::TooManyCalls`].
    pub fn decode<I: Isa>(self) -> Result<Program<I>, LoadError> {
        self.image.decode(self.code, self.hash)
    }

    /// The architecture string of the file's attributes, as [`architecture`](super::architecture) reads it.
    pub fn architecture(&self) -> Option<&str> {
        self.image.architecture.as_deref()
    }

    /// The symbols.
    pub fn symbols(&self) -> &Symbols {
        &self.image.symbols
    }
}
