//! The guest interface: what a program finds when it starts, and what answers its calls.
//!
//! In: a loaded program, arguments, an [`Input`]. Out: the state that the machine starts from, and a [`Reply`] a
//! call. A replay answers every call as the run did: answers depend on nothing but the arguments, the interface's own
//! state, the guest's memory and the input.

mod call;
mod input;
mod linux;
mod output;
mod output_hash;
#[cfg(test)]
mod sink;
mod start;

pub use call::{Call, Outcome};
pub(crate) use input::InputStore;
pub use input::{Input, InputReader};
pub use linux::{Linux, STACK_BYTES};
pub use output::{Output, OutputSummary, Stream};
pub(crate) use output_hash::OutputHash;
#[cfg(test)]
pub(crate) use sink::Shared;
pub(crate) use start::Layout;
pub use start::{Start, StartError};

use core::ops::Range;

#[cfg(doc)]
use crate::isa::Reply;
use crate::isa::{Trap, Word};

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
/// The value is the interface's state. Every checkpoint holds one, so it must be small, and must not grow with the
/// number of calls.
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

    /// Answers a call in O(1), with at most one access to one word of memory: a call is one row of the witness.
    ///
    /// # Errors
    /// A trap ends the run as the guest's fault. The call must then have changed nothing.
    fn call(&mut self, call: &mut Call<'_>) -> Result<Outcome, Trap>;

    /// The state as bytes: equal states give equal bytes. They go into digests and checkpoint files.
    fn save(&self) -> Vec<u8>;

    /// The state that [`save`](Self::save) wrote; none if the bytes are no such state.
    fn restore(saved: &[u8]) -> Option<Self>;
}
