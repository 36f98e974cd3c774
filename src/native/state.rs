//! What native code and the machine tell each other.

use core::mem::offset_of;

use crate::isa::Word;

/// How native code came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Left {
    /// At an instruction of which no more is known.
    At,
    /// Before an instruction that the interpreter must execute.
    Before,
    /// At an instruction behind which there may be more cycles to its block's end than are left.
    Limited,
    /// After a jump to the address `pc`, which is aligned; by the instruction at `index`.
    Jumped,
}

/// Where native code came back. It writes this before it returns, and reads nothing of it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct State {
    /// A place in the code table.
    pub(super) index: u32,
    /// The address jumped to, if it came back after a jump.
    pub(super) pc: Word,
    how: u32,
}

impl State {
    pub(super) const INDEX: i32 = offset_of!(Self, index) as i32;
    pub(super) const PC: i32 = offset_of!(Self, pc) as i32;
    pub(super) const HOW: i32 = offset_of!(Self, how) as i32;

    pub(super) const fn new() -> Self {
        Self { index: 0, pc: 0, how: Left::Before as u32 }
    }

    pub(super) fn how(&self) -> Left {
        [Left::At, Left::Limited, Left::Jumped]
            .into_iter()
            .find(|how| *how as u32 == self.how)
            .unwrap_or(Left::Before)
    }
}
