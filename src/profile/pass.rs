//! The run once more, beside an observer.

use std::sync::Arc;

use crate::cancel::Cancel;
use crate::checkpoint::Execution;
use crate::guest::Guest;
use crate::isa::Isa;
use crate::machine::{Machine, Observer};
use crate::replay::{ReplayError, reached};

/// How many cycles to go without a look at whether to go on: a few milliseconds.
const SLICE: u64 = 1 << 20;

/// A run of an execution's program from its start, which can be cancelled.
pub(super) struct Pass<'a, I: Isa, G: Guest> {
    machine: Machine<I, G>,
    cancel: &'a Cancel,
}

impl<'a, I: Isa, G: Guest> Pass<'a, I, G> {
    pub(super) fn new(execution: &Execution<I, G>, cancel: &'a Cancel) -> Result<Self, ReplayError> {
        let program = Arc::clone(execution.program());
        let machine = Machine::new(program, execution.input().clone(), execution.checkpoints().first())
            .map_err(ReplayError::AddressSpace)?;
        Ok(Self { machine, cancel })
    }

    /// Goes on to a cycle of the execution. `progress` is told the number of cycles that are done, every few milliseconds.
    pub(super) fn go(
        &mut self,
        to: u64,
        observer: &mut impl Observer,
        mut progress: impl FnMut(u64),
    ) -> Result<(), ReplayError> {
        while self.machine.cycle() < to {
            if self.cancel.is_cancelled() {
                return Err(ReplayError::Cancelled);
            }
            let until = to.min(self.machine.cycle().saturating_add(SLICE));
            let paused = self.machine.observe(until, observer);
            reached(&self.machine, until, paused)?;
            progress(self.machine.cycle());
        }
        Ok(())
    }
}
