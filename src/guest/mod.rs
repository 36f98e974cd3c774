//! The guest interface: what a program finds when it starts, and its streams. What its calls do is the spec's.
//!
//! In: a loaded program, arguments, an [`Input`]. Out: the state that the machine starts from. A replay does in every call
//! what the run did: that depends on nothing but registers, memory and the input.

mod input;
mod linux;
mod output;
mod output_hash;
#[cfg(test)]
mod sink;
mod start;

pub use input::Input;
pub(crate) use input::{ByteStream, InputReader, InputStore};
pub use linux::{Linux, STACK_BYTES};
pub use output::{Output, OutputSummary, Stream};
pub(crate) use output_hash::OutputHash;
#[cfg(test)]
pub(crate) use sink::Shared;
pub(crate) use start::Layout;
pub use start::{Start, StartError};

use core::ops::Range;

use crate::isa::Word;

/// What a guest uses memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum MemoryUse {
    /// The heap, which the guest asked the interface for.
    Heap,
    /// The stack that the interface gave to it.
    Stack,
    /// Anything else: what was loaded, or memory that the guest uses on its own account.
    Other,
}

impl core::fmt::Display for MemoryUse {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Heap => "the heap",
            Self::Stack => "the stack",
            Self::Other => "memory that is neither heap nor stack",
        })
    }
}

/// A guest interface. [`Linux`] is what a static Linux program expects; a test harness or a prover may bring its own.
///
/// The value is what the interface found at the start, and never changes. Every checkpoint holds one, so it must be small.
pub trait Guest: Clone + Send + Sync + 'static {
    /// The interface's name in checkpoint files; another one if a [saved](Self::save) state means something else.
    const NAME: &'static str;

    /// Prepares registers, memory and the interface's own state before the first cycle.
    ///
    /// # Errors
    /// What the program or its arguments lack.
    fn start(&mut self, start: &mut Start<'_>) -> Result<(), StartError>;

    /// Where an access while the stack pointer is there too is a
    /// [stack overflow](crate::isa::TrapCause::StackOverflow): addresses below the stack, which are otherwise slow
    /// memory. It must not change during a run. By default there is none.
    fn stack_guard(&self) -> Range<Word> {
        0..0
    }

    /// What an address is used for, for messages. By default nothing is known.
    fn use_of(&self, _address: Word) -> MemoryUse {
        MemoryUse::Other
    }

    /// The value as bytes: equal values give equal bytes. They go into digests and checkpoint files.
    fn save(&self) -> Vec<u8>;

    /// The value that [`save`](Self::save) wrote; none if the bytes are none.
    fn restore(saved: &[u8]) -> Option<Self>;
}
