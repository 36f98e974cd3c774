//! The state before the first cycle, as the guest interface prepares it.

use core::ops::Range;

use crate::isa::{Initial, Spec, Word};
use crate::pages::{PAGE_BYTES, PageMap};
#[cfg(doc)]
use crate::program::Program;
use crate::program::ProgramHeaders;

/// What a guest interface may set before the first cycle, and what it may look at.
#[derive(Debug)]
pub struct Start<'a> {
    spec: &'static Spec,
    layout: Layout<'a>,
    arguments: &'a [Vec<u8>],
    stack_size: u64,
    registers: &'a mut [Word],
    pages: &'a mut PageMap,
}

/// What a guest interface may know of a program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout<'a> {
    pub(crate) entry: Word,
    pub(crate) segments: &'a [Range<u64>],
    pub(crate) load_copies: &'a [Range<u64>],
    pub(crate) headers: Option<ProgramHeaders>,
    /// What the code sets the stack pointer to, as far as one instruction states it.
    pub(crate) own_stacks: &'a [Word],
}

/// Why a program could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no place for the stack.
    #[error("the program's segments leave no {size} bytes for the stack below {}; link it elsewhere, or ask for a smaller stack", tops.iter().map(|top| format!("{top:#x}")).collect::<Vec<_>>().join(" or "))]
    NoStack {
        /// The stack's size.
        size: u64,
        /// Where it could have been.
        tops: Vec<u64>,
    },
    /// There is too much input.
    #[error(
        "the {what} has {length} bytes, and may have {}; split it, or let several runs have parts of it",
        Word::MAX
    )]
    InputTooLong {
        /// Which: the input, or the private one.
        what: &'static str,
        /// Its length.
        length: u64,
    },
    /// The arguments are too long.
    #[error("the arguments take {size} bytes on the stack, and may take {limit}; give the data as input")]
    ArgumentsTooLong {
        /// Their size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// An argument holds a zero byte, which would end it.
    #[error("argument {index} holds a zero byte, which would end it there")]
    ZeroByte {
        /// Which argument, from 0.
        index: usize,
    },
}

impl<'a> Start<'a> {
    pub(crate) fn new(
        spec: &'static Spec,
        layout: Layout<'a>,
        arguments: &'a [Vec<u8>],
        stack_size: u64,
        registers: &'a mut [Word],
        pages: &'a mut PageMap,
    ) -> Self {
        Self { spec, layout, arguments, stack_size, registers, pages }
    }

    /// The instruction set.
    pub fn spec(&self) -> &'static Spec {
        self.spec
    }

    /// The loaded segments' virtual addresses, ascending.
    pub fn segments(&self) -> &'a [Range<u64>] {
        self.layout.segments
    }

    /// The load addresses that hold copies of segments, ascending; see [`Program::load_copies`].
    pub fn load_copies(&self) -> &'a [Range<u64>] {
        self.layout.load_copies
    }

    /// Where execution starts.
    pub fn entry(&self) -> Word {
        self.layout.entry
    }

    /// The ELF file's program headers, if a segment loads them.
    pub fn headers(&self) -> Option<ProgramHeaders> {
        self.layout.headers
    }

    /// Addresses that instructions of the program set the stack pointer to: those that one instruction states alone, as
    /// `lui` does. The programs that have some bring a stack of their own.
    pub fn own_stacks(&self) -> &'a [Word] {
        self.layout.own_stacks
    }

    /// How many bytes the stack may take.
    pub fn stack_size(&self) -> u64 {
        self.stack_size
    }

    /// The arguments, the program's name first.
    pub fn arguments(&self) -> &'a [Vec<u8>] {
        self.arguments
    }

    /// Sets a register; a register that the spec does not have is ignored, and so is the zero register.
    pub fn set_register(&mut self, register: u8, value: Word) {
        if register != self.spec.registers.zero
            && let Some(cell) = self.registers.get_mut(usize::from(register))
        {
            *cell = value;
        }
    }

    /// Sets the hidden registers that the spec gives this value at first.
    pub fn set_initial(&mut self, initial: Initial, value: Word) {
        let registers = &self.spec.registers;
        for (at, hidden) in registers.hidden.iter().enumerate() {
            if hidden.initial == Some(initial) {
                self.registers[registers.names.len() + at] = value;
            }
        }
    }

    /// Writes bytes to memory; those beyond the last address are dropped.
    pub fn write(&mut self, address: Word, mut bytes: &[u8]) {
        let mut offset = address as usize % PAGE_BYTES;
        for number in address / PAGE_BYTES as Word..=Word::MAX / PAGE_BYTES as Word {
            let (part, rest) = bytes.split_at(bytes.len().min(PAGE_BYTES - offset));
            if part.is_empty() {
                break;
            }
            self.pages.write(number, offset, part);
            (bytes, offset) = (rest, 0);
        }
    }
}
