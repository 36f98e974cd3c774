//! The interface of the RISC-V architecture tests: a test ends by a store to `tohost`, and leaves a signature.
//!
//! In: a [`Program`] with the symbols `tohost`, `begin_signature` and `end_signature`, and an [`Execution`] of it. Out:
//! the exit code that the store tells, and the signature as text, which is compared with a reference model's.
//!
//! ```
//! use retrace::arch_test::ArchTest;
//! use retrace::checkpoint::{Options, execute};
//! use retrace::guest::{Input, Linux};
//! use retrace::isa::Rv32i;
//! use retrace::program::Program;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let elf = std::fs::read("tests/guests/signature.elf")?;
//! let program = Program::<Rv32i>::from_elf(&elf)?;
//! let test = ArchTest::new(&program)?;
//! let options = Options { until_stored: Some(test.tohost()), ..Options::default() };
//! let execution = execute(program, Linux::default(), Input::empty(), options)?;
//! assert_eq!(test.exit_code(&execution)?, 0);
//! let mut signature = Vec::new();
//! test.write_signature(execution.exit(), &mut signature)?;
//! # assert!(signature.starts_with(b"6f5ca309\n"));
//! # Ok(())
//! # }
//! ```
//!
//! Rows of such a run are replayed as those of any other. It cannot be proven: a statement is about a run whose last row
//! is an exit, and a test's last row is a store, behind which the test loops for ever.

use core::ops::Range;
use std::io::{self, Write};

use crate::checkpoint::{Checkpoint, Execution, Stopped};
use crate::guest::Guest;
use crate::isa::{Isa, Word};
use crate::pages::WORD_BYTES;
use crate::program::Program;

/// Where a test tells that it has ended, and where its signature is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchTest {
    tohost: Word,
    signature: Range<Word>,
}

/// Why a program is no such test, or a run of it gave no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchTestError {
    /// A symbol is missing.
    #[error(
        "the program has no symbol `{name}`, as the RISC-V architecture tests have: declare it with .globl where the test's model macros place it, and link without stripping symbols"
    )]
    NoSymbol {
        /// Its name.
        name: &'static str,
    },
    /// A symbol is not at a word.
    #[error(
        "`{name}` is at {address:#010x}, which is no multiple of {WORD_BYTES}: put an .align before the label"
    )]
    Unaligned {
        /// The symbol's name.
        name: &'static str,
        /// Its address.
        address: Word,
    },
    /// The signature ends before it begins.
    #[error(
        "`{END}` ({end:#010x}) is below `{BEGIN}` ({begin:#010x}): the signature would end before it begins; exchange the labels, or put both into one section"
    )]
    Reversed {
        /// Where it begins.
        begin: Word,
        /// Where it ends.
        end: Word,
    },
    /// The program has ended before it begins.
    #[error(
        "`{TOHOST}` holds {value:#x} before the first cycle, so that a store to it could not be told: the file must have zero there"
    )]
    NotZero {
        /// The word at `tohost`.
        value: Word,
    },
    /// The run was ended by something else than a store.
    #[error(
        "there is no signature, since the run ended without a store to `{TOHOST}`, as a test's halt macro makes it: it {0}"
    )]
    NotStored(Box<Stopped>),
    /// The store was no exit.
    #[error(
        "the store to `{TOHOST}` (at {:#010x}) is no exit, but {high:#010x}_{low:08x}, a request to the host interface (HTIF) that is not answered: store 1 to pass, or 2 * code + 1, and zero to the high word",
        tohost
    )]
    Request {
        /// The address.
        tohost: Word,
        /// The word stored.
        low: Word,
        /// The word after it.
        high: Word,
    },
    /// The last state's memory is in a checkpoint file, and cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

const TOHOST: &str = "tohost";
const BEGIN: &str = "begin_signature";
const END: &str = "end_signature";

/// HTIF's exit: device 0, command 0, and a payload whose lowest bit is set; the exit code is above it.
const EXIT: Word = 1;

impl ArchTest {
    /// Finds the places by their symbols. O(number of symbols).
    ///
    /// # Errors
    /// A symbol that is missing or not at a word, a reversed range, or a `tohost` that is not zero at the start.
    pub fn new<I: Isa>(program: &Program<I>) -> Result<Self, ArchTestError> {
        let address = |name| {
            let address = program.symbols().address(name).ok_or(ArchTestError::NoSymbol { name })?;
            let aligned = address.is_multiple_of(WORD_BYTES);
            if aligned { Ok(address) } else { Err(ArchTestError::Unaligned { name, address }) }
        };
        let tohost = address(TOHOST)?;
        let (begin, end) = (address(BEGIN)?, address(END)?);
        if end < begin {
            return Err(ArchTestError::Reversed { begin, end });
        }
        match program.pages().word(tohost) {
            0 => Ok(Self { tohost, signature: begin..end }),
            value => Err(ArchTestError::NotZero { value }),
        }
    }

    /// The address of `tohost`, for [`Options::until_stored`](crate::checkpoint::Options::until_stored).
    pub fn tohost(&self) -> Word {
        self.tohost
    }

    /// The addresses of the signature; multiples of a word's size.
    pub fn signature(&self) -> Range<Word> {
        self.signature.clone()
    }

    /// The exit code that the last cycle stored, as HTIF has it: 0 for a stored 1, else the stored word without its
    /// lowest bit.
    ///
    /// # Errors
    /// The run ended otherwise, or the store was a request other than an exit: an even word, or a high word that is
    /// not zero.
    pub fn exit_code<I: Isa, G: Guest>(&self, execution: &Execution<I, G>) -> Result<Word, ArchTestError> {
        let &Stopped::Stored(low) = execution.stopped() else {
            return Err(ArchTestError::NotStored(Box::new(execution.stopped().clone())));
        };
        let high = self.tohost.checked_add(WORD_BYTES).map(|high| execution.exit().pages.word(high));
        let high =
            high.transpose().map_err(|error| ArchTestError::Unreadable(error.to_string()))?.unwrap_or(0);
        if low & EXIT == 0 || high != 0 {
            return Err(ArchTestError::Request { tohost: self.tohost, low, high });
        }
        Ok(low >> EXIT)
    }

    /// Writes the words of the signature as they are in a state: eight lower-case hexadecimal digits a line, as
    /// Spike and Sail do at a granularity of four bytes. Flushes. O(words of the signature) time, O(1) space.
    ///
    /// # Errors
    /// The writer's.
    pub fn write_signature<G>(&self, state: &Checkpoint<G>, to: &mut dyn Write) -> io::Result<()> {
        for address in self.signature().step_by(WORD_BYTES as usize) {
            writeln!(to, "{:08x}", state.pages.word(address).map_err(io::Error::other)?)?;
        }
        to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Rv32i;

    /// At 0x20000 a word that is not zero; `tohost` is the one before it unless a test moves it.
    fn test_of(labels: &[(&str, Word)]) -> Result<ArchTest, ArchTestError> {
        const NOP: u32 = 0x13;
        let program =
            Program::<Rv32i>::from_code(0x1_0000, &[NOP], &[(0x1_fff8, &[0, 0, 0, 0, 0, 0, 0, 0, 9])])
                .unwrap();
        let labels = labels.iter().map(|&(name, address)| (name, address, false));
        ArchTest::new(&program.with_labels(labels))
    }

    #[test]
    fn the_symbols_must_be_there_aligned_and_in_order() {
        let [tohost, begin, end] = [(TOHOST, 0x1_fffc), (BEGIN, 0x3_0000), (END, 0x3_0008)];
        let test = test_of(&[tohost, begin, end]).unwrap();
        assert_eq!((test.tohost(), test.signature()), (0x1_fffc, 0x3_0000..0x3_0008));
        assert!(test_of(&[tohost, begin, (END, 0x3_0000)]).unwrap().signature().is_empty());

        let no = |name| Err(ArchTestError::NoSymbol { name });
        assert_eq!(test_of(&[begin, end]), no(TOHOST));
        assert_eq!(test_of(&[tohost, end]), no(BEGIN));
        assert_eq!(test_of(&[tohost, begin]), no(END));
        let unaligned = |name, address| Err(ArchTestError::Unaligned { name, address });
        assert_eq!(test_of(&[(TOHOST, 0x1_fffa), begin, end]), unaligned(TOHOST, 0x1_fffa));
        assert_eq!(test_of(&[tohost, (BEGIN, 0x3_0001), end]), unaligned(BEGIN, 0x3_0001));
        assert_eq!(test_of(&[tohost, begin, (END, 0x3_0006)]), unaligned(END, 0x3_0006));
        let reversed = Err(ArchTestError::Reversed { begin: 0x3_0000, end: 0x2_fffc });
        assert_eq!(test_of(&[tohost, begin, (END, 0x2_fffc)]), reversed);
        assert_eq!(test_of(&[(TOHOST, 0x2_0000), begin, end]), Err(ArchTestError::NotZero { value: 9 }));
    }
}
