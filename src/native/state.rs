//! What native code and the machine tell each other.

use core::mem::offset_of;

/// Why native code returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitReason {
    /// It has no code for the instruction at `index`.
    At,
    /// The interpreter must execute the instruction at `index`.
    Before,
    /// From the instruction at `index` to its block's end there may be more cycles than are left.
    Limited,
    /// The instruction at `index` jumped to the address [`State::pc`], which is aligned.
    Jumped,
}

/// A place where a function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) reason: ExitReason,
    /// A place in the code table.
    pub(crate) index: u32,
    /// Cycles that were counted, and not executed.
    pub(super) uncounted: u32,
}

/// Native code writes this before it returns, and reads nothing of it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct State {
    /// The exit's number.
    pub(super) exit: u32,
    /// The address jumped to, if the exit is after a jump.
    pub(super) pc: crate::isa::Word,
}

impl State {
    pub(super) const EXIT: i32 = offset_of!(Self, exit) as i32;
    pub(super) const PC: i32 = offset_of!(Self, pc) as i32;
}
