//! What can be wrong with a program file, and what to do about it.

use core::ops::Range;

use crate::isa::Word;

/// Why a program could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file does not start like an ELF file.
    #[error("this is no ELF file; give a linked RISC-V executable")]
    NotElf,
    /// A header or a segment reaches beyond the file's end.
    #[error("the ELF file is truncated or damaged: {what}; copy or link it again")]
    Damaged {
        /// What was being read.
        what: &'static str,
    },
    /// The file is for another processor.
    #[error(
        "the ELF file is for {found}, not for RISC-V; build it for the target riscv32i-unknown-none-elf, or with riscv64-unknown-elf-gcc -march=rv32i -mabi=ilp32"
    )]
    Machine {
        /// The processor.
        found: String,
    },
    /// The file's words are too wide or too narrow.
    #[error(
        "the ELF file is for {found}-bit RISC-V, and this instruction set has {expected}-bit words; with gcc or clang build it with -march=rv{expected}i and a matching -mabi"
    )]
    Width {
        /// The file's width.
        found: u32,
        /// The instruction set's.
        expected: u32,
    },
    /// The file is big-endian.
    #[error("the ELF file is big-endian; build it little-endian")]
    BigEndian,
    /// The file is no executable.
    #[error("the ELF file is {found}; {remedy}")]
    Kind {
        /// What it is.
        found: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The file asks for a dynamic linker.
    #[error("the ELF file is dynamically linked; link it with -static -no-pie")]
    Dynamic,
    /// The file says that it has compressed instructions.
    #[error(
        "the ELF file has compressed (16-bit) instructions; build everything in it, libraries included, without the c extension, e.g. with -march=rv32i"
    )]
    Compressed,
    /// There is nothing to execute.
    #[error(
        "the ELF file has no code: neither an executable section nor, without section headers, an executable segment; check the linker script"
    )]
    NoCode,
    /// Without section headers, a segment that is both writable and executable: code cannot be told from data.
    #[error(
        "the segment at {address:#010x} is both writable and executable, and without section headers code cannot be told from data; link with -Wl,-z,separate-code and without -N (--omagic), or keep the section headers (strip keeps them)"
    )]
    WritableCode {
        /// The segment's address.
        address: u64,
    },
    /// An executable section that no segment loads from the file.
    #[error(
        "the executable section at {address:#010x} is not in the file part of any loadable segment; check the linker script's PHDRS"
    )]
    CodeNotLoaded {
        /// The section's address.
        address: u64,
    },
    /// Execution would not start in the code.
    #[error(
        "the entry point {entry:#010x} is no instruction word in the code; give the start symbol with -Wl,-e,_start or ENTRY(_start)"
    )]
    Entry {
        /// The entry point.
        entry: Word,
    },
    /// More loadable segments than any linker makes.
    #[error(
        "the file has {found} loadable segments, and at most {most} are taken; check the linker script's PHDRS"
    )]
    TooManySegments {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// More instruction words that make calls than any program has.
    #[error(
        "the code has {found} words that make calls (ecall), and at most {most} are taken; keep data out of executable sections, and call through a function"
    )]
    TooManyCalls {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// Two segments overlap.
    #[error("the segments at {:#010x}..{:#010x} and {:#010x}..{:#010x} overlap; check the linker script", first.start, first.end, second.start, second.end)]
    Overlap {
        /// The segment that begins first.
        first: Range<u64>,
        /// The other.
        second: Range<u64>,
    },
    /// A segment reaches beyond the last address.
    #[error("the segment at {address:#010x} of {size} bytes leaves the {}-bit address space", Word::BITS)]
    OutsideAddressSpace {
        /// The segment's address.
        address: u64,
        /// The segment's size in memory.
        size: u64,
    },
    /// Something is to be loaded into page 0.
    #[error(
        "something is to be loaded at {address:#010x}, but page 0 is kept free so that null pointers fault; link at a higher address, e.g. with -Wl,-Ttext-segment=0x10000"
    )]
    PageZero {
        /// Its address.
        address: u64,
    },
    /// Something is to be loaded into the last page.
    #[error(
        "something is to be loaded up to {end:#010x}, but the last page is kept free so that small negative offsets from 0 fault; link at a lower address"
    )]
    LastPage {
        /// Its end.
        end: u64,
    },
    /// A segment's load address is not its virtual address, and something else is there.
    #[error(
        "the load address (p_paddr) of a segment puts a copy of its bytes at {:#010x}..{:#010x}, which overlaps {:#010x}..{:#010x}; check AT and AT> in the linker script, or link with load addresses that are the virtual ones", copy.start, copy.end, other.start, other.end
    )]
    LoadCopyOverlaps {
        /// Where the copy would be.
        copy: Range<u64>,
        /// What it overlaps: a segment, or another copy.
        other: Range<u64>,
    },
}
