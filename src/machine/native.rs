//! The fast pass with native code: what is compiled runs, and the loop executes the rest.

use super::{Machine, OUTSIDE, Pause, RunError, Stop};
use crate::guest::Guest;
use crate::isa::{Isa, Word};
use crate::native::{self, Native};

impl<I: Isa, G: Guest> Machine<I, G> {
    /// Runs as [`run`](Self::run) does without a recorder, and leaves the same state.
    ///
    /// # Errors
    /// As `run`.
    pub(crate) fn run_native(&mut self, until: u64, native: &mut Native<I>) -> Result<Pause, RunError> {
        native.jumped_to(self.index);
        loop {
            let left = until.saturating_sub(self.cycle);
            if let Some((stop, left)) = native.run(self.index, self.hart.operands(), left) {
                self.cycle = until.max(self.cycle) - left;
                match stop {
                    native::Stop::At(index) => self.index = index,
                    native::Stop::Jumped(from, pc) => self.jump(from, pc),
                    native::Stop::Before(index) => {
                        self.index = index;
                        let next = self.cycle.saturating_add(1).min(until);
                        match self.execute::<(), false>(next, &mut ()) {
                            Stop::Reached => {}
                            stop => return self.pause(stop, &mut ()),
                        }
                    }
                    native::Stop::Limited(index) => {
                        self.index = index;
                        return self.run(until, &mut ());
                    }
                }
                if native.goes_on_at(self.index) {
                    continue;
                }
            }
            match self.execute::<(), true>(until, &mut ()) {
                Stop::Jumped => {
                    native.jumped_to(self.index);
                }
                stop => return self.pause(stop, &mut ()),
            }
        }
    }

    fn jump(&mut self, from: u32, pc: Word) {
        self.index = self.program.code().index_of(pc).unwrap_or(OUTSIDE);
        if self.index == OUTSIDE {
            (self.outside, self.jumped_from) = (pc, Some(from));
        }
    }
}
