//! Where the program counter is.

use crate::isa::{Op, Word};

/// Beyond every code table: what [`Position::index`] gives outside the code.
pub(super) const OUTSIDE: u32 = u32::MAX;

/// Where the program counter is.
///
/// Loops keep the place in the code table in a local variable, [`OUTSIDE`] included: to read the instruction there is
/// then the only check. They set the position when they end, and before that only if a jump leaves the code.
#[derive(Clone, Copy, Debug)]
pub(super) enum Position {
    /// At this place in the code table.
    Code(u32),
    /// At an address that is not in the code table.
    Outside {
        pc: Word,
        /// The place in the code table of the instruction that jumped there, if one did. It is for errors, and no part of
        /// the state.
        jumped_from: Option<u32>,
    },
}

impl Position {
    /// After the guest ended.
    pub(super) const ENDED: Self = Self::Outside { pc: 0, jumped_from: None };

    /// The place in the code table; [`OUTSIDE`] if there is none.
    #[inline(always)]
    pub(super) fn index(self) -> u32 {
        match self {
            Self::Code(index) => index,
            Self::Outside { .. } => OUTSIDE,
        }
    }

    /// Goes to a place in the code table. With [`OUTSIDE`] it stays as it is: the jump that left the code has set it.
    #[inline(always)]
    pub(super) fn set_index(&mut self, index: u32) {
        if index != OUTSIDE {
            *self = Self::Code(index);
        }
    }

    /// The address.
    pub(super) fn pc(self, ops: &[Op]) -> Word {
        match self {
            Self::Code(index) => ops.get(index as usize).map_or(0, |op| op.pc),
            Self::Outside { pc, .. } => pc,
        }
    }
}
