//! The fast pass with native code: what is compiled runs, and the interpreter executes the rest.

use super::position::Position;
use super::{Machine, Pause, RunError, Stop, is_stuck};
use crate::guest::Guest;
use crate::isa::{Isa, Trap, TrapCause};
use crate::native::{ExitReason, Native};

impl<I: Isa, G: Guest> Machine<I, G> {
    /// Runs as [`run`](Self::run) does without a recorder, and leaves the same state.
    ///
    /// # Errors
    /// As `run`.
    pub(crate) fn run_native(&mut self, until: u64, native: &mut Native<I>) -> Result<Pause, RunError> {
        if native.is_eager() {
            return self.run_eagerly(until, native);
        }
        loop {
            native.take_over();
            if native.is_compiled(self.position.index())
                && let Some(pause) = self.run_compiled(until, native)?
            {
                return Ok(pause);
            }
            if native.until_burst() == 0 {
                if let Some(pause) = self.run_burst(until, native)? {
                    return Ok(pause);
                }
                continue;
            }
            let from = self.cycle;
            let pause = from.saturating_add(native.until_burst());
            match self.execute_fused(Some(native.fused()), pause, until) {
                Some(Stop::Trap(trap))
                    if trap.cause == TrapCause::Undecodable && native.is_compiled(self.position.index()) => {}
                Some(stop) => return self.pause(stop, &mut ()),
                None if self.cycle >= pause => {}
                // Too near the limit.
                None => return self.record(until, &mut ()),
            }
            native.interpreted(self.cycle - from);
        }
    }

    /// Runs native code for as long as there is some; the pause, if that is why it ends.
    fn run_compiled(&mut self, until: u64, native: &mut Native<I>) -> Result<Option<Pause>, RunError> {
        loop {
            let left = until.saturating_sub(self.cycle);
            let Some(returned) = native.run(self.position.index(), self.hart.operands(), left) else {
                return Ok(None);
            };
            self.cycle = until.max(self.cycle) - returned.cycles_left;
            match returned.reason {
                ExitReason::At => self.position = Position::Code(returned.index),
                ExitReason::Jumped => {
                    self.go_to(returned.pc, Some(returned.index));
                    let index = self.position.index();
                    if index == returned.index && is_stuck::<I>(self.program.code().ops(), index) {
                        // It changed nothing: this is the state before it.
                        self.cycle -= 1;
                        let trap = Trap { cause: TrapCause::SelfJump, value: returned.pc };
                        return self.pause(Stop::Trap(trap), &mut ()).map(Some);
                    }
                }
                ExitReason::Before => {
                    self.position = Position::Code(returned.index);
                    let next = self.cycle.saturating_add(1).min(until);
                    match self.execute::<(), false>(next, &mut ()) {
                        Stop::Reached => {}
                        stop => return self.pause(stop, &mut ()).map(Some),
                    }
                }
                ExitReason::Limited => {
                    self.position = Position::Code(returned.index);
                    return self.run(until, &mut ()).map(Some);
                }
            }
            native.take_over();
            if !native.goes_on_at(self.position.index()) {
                return Ok(None);
            }
        }
    }

    /// Interprets for a burst of the profile; the pause, if that is why it ends.
    fn run_burst(&mut self, until: u64, native: &mut Native<I>) -> Result<Option<Pause>, RunError> {
        let (jumps, cycles) = native.begin_burst();
        let end = self.cycle.saturating_add(cycles);
        for _ in 0..jumps {
            let (first, begun) = (self.position.index(), self.cycle);
            match self.execute::<(), true>(until, &mut ()) {
                Stop::Jumped => native.ran(first, self.cycle - begun, self.position.index()),
                stop => return self.pause(stop, &mut ()).map(Some),
            }
            if self.cycle >= end || native.is_compiled(self.position.index()) {
                break;
            }
        }
        native.end_burst();
        Ok(None)
    }

    /// Runs with every jump counted.
    fn run_eagerly(&mut self, until: u64, native: &mut Native<I>) -> Result<Pause, RunError> {
        native.jumped_to(self.position.index());
        loop {
            if let Some(pause) = self.run_compiled(until, native)? {
                return Ok(pause);
            }
            match self.execute::<(), true>(until, &mut ()) {
                Stop::Jumped => {
                    native.jumped_to(self.position.index());
                }
                stop => return self.pause(stop, &mut ()),
            }
        }
    }
}
