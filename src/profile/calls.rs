//! Who called whom: the calls that have not returned, followed by what the manual tells return-address stacks.
//!
//! "Unconditional Jumps" of The RISC-V Instruction Set Manual, Volume I: a jump that writes a link register (x1 or x5) is
//! a call; one that reads a link register, and writes none, is a return; one that reads one and writes the other is both, return first.

use super::tree::{NodeId, ROOT};
use crate::isa::{Happens, Isa, Op, Word};
use crate::machine::Jumped;
use crate::program::Program;

/// x1 and x5.
const LINK: [u8; 2] = [1, 5];

/// Calls within more calls than this are not followed: what they execute is counted where the last one followed is.
pub(super) const MAX_DEPTH: usize = 256;

/// What an instruction that jumps means for the calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) returns: bool,
    calls: bool,
}

impl Kind {
    /// By the operands and effects of the instruction, of which it needs no name; and the link register that it writes.
    fn of<I: Isa>(op: &Op) -> (Self, u8) {
        let Some(instruction) = I::SPEC.instruction(op.kind) else { return Default::default() };
        if instruction.effects.jump != Happens::Always {
            return Default::default();
        }
        let is_link = |register: &u8| LINK.contains(register);
        let writes = instruction.writes(op.word).find(is_link);
        let reads = instruction.reads(op.word).find(is_link);
        let kind = Self { calls: writes.is_some(), returns: reads.is_some() && reads != writes };
        (kind, writes.unwrap_or_default())
    }
}

/// What the jumps of a program mean for the calls.
pub(super) struct Jumps {
    /// For each entry of the code table, and the link register that it writes.
    kinds: Vec<(Kind, u8)>,
    stack_pointer: usize,
}

impl Jumps {
    pub(super) fn of<I: Isa>(program: &Program<I>) -> Self {
        Self {
            kinds: program.code().ops().iter().map(Kind::of::<I>).collect(),
            stack_pointer: I::SPEC.registers.stack_pointer.into(),
        }
    }

    /// Lets calls follow a jump of the code table's entry `from`; says whether it was a call. What it calls gets the base
    /// that `base` gives, when what returned has.
    #[inline]
    pub(super) fn follow(
        &self,
        calls: &mut Calls,
        from: u32,
        jump: &Jumped<'_>,
        base: impl FnOnce(Kind, &Calls) -> NodeId,
    ) -> bool {
        let (kind, link) = self.kinds[from as usize];
        if kind == Kind::default() {
            return false;
        }
        let stack_pointer = jump.registers[self.stack_pointer];
        if kind.returns {
            calls.return_to(jump.to, stack_pointer);
        }
        if kind.calls {
            let callee = Frame { base: base(kind, calls), address: jump.to };
            calls.call(jump.registers[usize::from(link)], stack_pointer, callee);
        }
        kind.calls
    }
}

/// A call that has not returned.
#[derive(Clone, Copy, Debug)]
struct Call {
    /// Where it is to return to.
    link: Word,
    /// The stack pointer when it was made.
    stack_pointer: Word,
    /// What the caller is called by.
    caller: Frame,
}

/// What a function is called by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// The caller's node.
    pub(super) base: NodeId,
    /// The address that was called: what its code is called if nothing names it.
    pub(super) address: Word,
}

/// The calls that have not returned, at most [`MAX_DEPTH`].
#[derive(Debug)]
pub(super) struct Calls {
    calls: Vec<Call>,
    current: Frame,
    /// Calls that are not followed, and have not returned.
    beyond: u64,
    /// How many there ever were.
    pub(super) unfollowed: u64,
}

impl Calls {
    /// A program's start, which nothing calls.
    pub(super) fn new(entry: Word) -> Self {
        Self { calls: Vec::new(), current: Frame { base: ROOT, address: entry }, beyond: 0, unfollowed: 0 }
    }

    pub(super) fn current(&self) -> Frame {
        self.current
    }

    /// What is called, of the calls that have not returned, the last one first; not the program's start.
    pub(super) fn frames(&self) -> impl Iterator<Item = Frame> {
        let callers = self.calls.iter().rev().map(|call| call.caller);
        core::iter::once(self.current).chain(callers).take(self.calls.len())
    }

    /// A call, which is to return to `link`, of what is called by `callee`. O(1) for each call that begins or ends.
    ///
    /// The caller's frame is where the stack pointer is: calls that were made below it have ended, in whatever way.
    fn call(&mut self, link: Word, stack_pointer: Word, callee: Frame) {
        let below = self.calls.iter().rev().take_while(|call| call.stack_pointer < stack_pointer).count();
        if below > 0 {
            self.end(self.calls.len() - below);
        }
        if self.calls.len() == MAX_DEPTH {
            self.beyond += 1;
            self.unfollowed += 1;
            return;
        }
        self.calls.push(Call { link, stack_pointer, caller: self.current });
        self.current = callee;
    }

    /// A return to `to`. O(1) for each call that ends.
    ///
    /// Mostly it is the last call's. A stack pointer below the one at the last call is that of a function that was called later: there is
    /// nothing to end. One above ends the calls below it, as `longjmp` and exceptions do; and of those at the very same height, which are of functions without a frame,
    /// the ones up to that which returns there, or all.
    fn return_to(&mut self, to: Word, stack_pointer: Word) {
        let Some(last) = self.calls.last() else { return };
        let is_inside = stack_pointer < last.stack_pointer;
        if last.link == to && !(is_inside && self.beyond > 0) {
            return self.end(self.calls.len() - 1);
        }
        if is_inside {
            self.beyond = self.beyond.saturating_sub(1);
            return;
        }
        let below = self.calls.iter().rev().take_while(|call| call.stack_pointer < stack_pointer).count();
        let level = self.calls.len() - below;
        let same = self.calls[..level].iter().rev().take_while(|call| call.stack_pointer == stack_pointer);
        let returned = same.clone().position(|call| call.link == to);
        self.end(level - returned.map_or_else(|| same.count(), |at| at + 1));
    }

    /// Ends the calls from the `left`-th on.
    fn end(&mut self, left: usize) {
        if let Some(outermost) = self.calls.get(left) {
            self.current = outermost.caller;
            self.calls.truncate(left);
            self.beyond = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::{Layout, assemble};
    use crate::isa::Rv32i;

    /// The manual's table of hints for `jalr`, and what it says of `jal`.
    #[test]
    fn jumps_mean_what_the_manual_says() {
        let source = "
            jal   x1, .
            jal   x5, .
            jal   x0, .
            jalr  x0, 0(x6)
            jalr  x0, 0(x1)
            jalr  x0, 0(x5)
            jalr  x1, 0(x6)
            jalr  x1, 0(x5)
            jalr  x5, 0(x1)
            jalr  x1, 0(x1)
            beq   x1, x5, .
            addi  x1, x1, 4
        ";
        let program = assemble::<Rv32i>(source, Layout::default()).unwrap().program::<Rv32i>().unwrap();
        let kinds = program.code().ops()[1..].iter().map(Kind::of::<Rv32i>);
        let kinds: Vec<_> = kinds.map(|(kind, _)| (kind.returns, kind.calls)).collect();
        let (none, push, pop, both) = ((false, false), (false, true), (true, false), (true, true));
        let expected = [push, push, none, none, pop, pop, push, both, both, push, none, none, none];
        assert_eq!(kinds, expected);
    }

    fn frame(base: NodeId) -> Frame {
        Frame { base, address: 0 }
    }

    /// Calls from main (node 1) to f (2) to g (3), each with a frame of 16 bytes; g's caller is found by `current`.
    fn nested() -> Calls {
        let mut calls = Calls::new(0);
        calls.call(0x104, 0x1000, frame(1));
        calls.call(0x204, 0xff0, frame(2));
        calls.call(0x304, 0xfe0, frame(3));
        calls
    }

    #[test]
    fn returns_end_the_last_call() {
        let mut calls = nested();
        for (to, stack_pointer, base) in [(0x304, 0xfe0, 2), (0x204, 0xff0, 1), (0x104, 0x1000, ROOT)] {
            calls.return_to(to, stack_pointer);
            assert_eq!(calls.current().base, base);
        }
        calls.return_to(0x104, 0x1000);
        assert_eq!(calls.current().base, ROOT, "a return of what was not called");
    }

    /// What millicode does: it returns by the second link register, with the stack pointer moved.
    #[test]
    fn a_return_may_have_moved_the_stack_pointer() {
        let mut calls = nested();
        calls.call(0x404, 0xfd0, frame(4));
        calls.return_to(0x404, 0xfc0);
        assert_eq!(calls.current().base, 3);
    }

    #[test]
    fn a_jump_far_up_the_stack_ends_what_is_below() {
        let mut calls = nested();
        // Into f, behind a call of it that has returned: f's caller called it at 0xff0.
        calls.return_to(0x2f4, 0xfe0);
        assert_eq!(calls.current().base, 2);
        let mut calls = nested();
        calls.return_to(0x204, 0xff0);
        assert_eq!(calls.current().base, 1, "to a return address further up");
    }

    #[test]
    fn deep_calls_are_counted_at_the_depth_that_is_followed() {
        let mut calls = Calls::new(0);
        let depth = MAX_DEPTH as Word + 3;
        for at in 0..depth {
            calls.call(0x104, 0x10_0000 - 16 * at, frame(at + 1));
        }
        assert_eq!((calls.current().base, calls.unfollowed), (MAX_DEPTH as NodeId, 3));
        for at in (0..depth).rev() {
            calls.return_to(0x104, 0x10_0000 - 16 * at);
            assert_eq!(calls.current().base, at.min(MAX_DEPTH as Word));
        }
    }
}
