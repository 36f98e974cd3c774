//! A run that is gone through forwards and backwards, with breakpoints and watchpoints.
//!
//! In: a program, its input, and checkpoints: those of a run, or the first alone. Out: the machine at any cycle. What is
//! executed for the first time is so as in any run, and keeps checkpoints; to go back is to replay from the one before.

mod stops;
#[cfg(test)]
mod tests;

pub(crate) use stops::{Breaks, Watchpoint};

use std::io;
use std::sync::Arc;

use crate::checkpoint::{Checkpoint, CheckpointFileError, CheckpointManager, Execution};
use crate::guest::{Guest, Input, Output};
use crate::isa::{Isa, Word};
use crate::machine::{Executor, FastPass, Fault, Machine, Pause, RunError};
use crate::program::Program;
use crate::replay::{ReplayError, reached};
use stops::Stops;

/// How many cycles to go without a look at whether to go on: a few milliseconds.
const SLICE: u64 = 1 << 20;

/// How far before a cycle that was gone back to a state is kept: microseconds of execution, so that single steps back
/// take no longer. Short in tests, whose programs are.
const NEAR: u64 = if cfg!(test) { 1 << 4 } else { 1 << 12 };

/// Why a debugger stands where it does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It went as far as it was told to.
    Reached,
    /// The next instruction has a breakpoint.
    Breakpoint,
    /// Going forwards the instruction before, going backwards the next one, touches what is watched.
    Watchpoint(Watchpoint),
    /// Cycle 0, going backwards.
    Begin,
    /// The next instruction ends the guest. To go on from here is to end it.
    End,
    /// The guest has ended. The debugger stands before the instruction that did it.
    Exited(Word),
    /// The next instruction faults.
    Fault(Box<Fault>),
    /// It was told not to go on.
    Interrupted,
}

/// Why a debugger cannot go on; no doing of the guest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DebugError {
    #[error(transparent)]
    Run(RunError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointFileError),
}

/// A run, and where in it one is.
///
/// Space: as for a run, O(M·K) at worst; a state more; a flag for each instruction.
#[derive(Debug)]
pub(crate) struct Debugger<I: Isa, G> {
    machine: Machine<I, G>,
    fast_pass: FastPass<I>,
    checkpoints: CheckpointManager<G>,
    /// A state a little before a cycle that was gone back to.
    near: Option<Checkpoint<G>>,
    /// How many cycles were executed at least once.
    executed: u64,
    /// The exit code, if the last of them ended the guest.
    exit_code: Option<Word>,
    /// The fault after the last of them, if there is one. It is kept, since a state does not tell where it was jumped to from.
    fault: Option<Box<Fault>>,
    /// Whether it was said here that the guest ends.
    end_told: bool,
    /// Where output goes that is put out for the first time.
    output: Output,
    stops: Stops,
}

impl<I: Isa, G: Guest> Debugger<I, G> {
    /// A debugger at cycle 0 of a run that is still to be executed.
    ///
    /// # Errors
    /// The operating system refused to reserve the guest's address space.
    pub(crate) fn new(
        program: Arc<Program<I>>,
        input: Input,
        checkpoints: CheckpointManager<G>,
        output: Output,
    ) -> io::Result<Self> {
        let machine = Machine::new(Arc::clone(&program), input, checkpoints.first())?;
        Ok(Self {
            machine,
            fast_pass: FastPass::new(Executor::Auto, &program).unwrap_or_else(|_| FastPass::interpreter()),
            checkpoints,
            near: None,
            executed: 0,
            exit_code: None,
            fault: None,
            end_told: false,
            output,
            stops: Stops::new(&program),
        })
    }

    /// A debugger at cycle 0 of a run that was executed. Only what lies beyond it puts out anything.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn of(execution: &Execution<I, G>, output: Output) -> io::Result<Self> {
        let (program, input) = (Arc::clone(execution.program()), execution.input().clone());
        let debugger = Self::new(program, input, execution.checkpoints().clone(), output)?;
        let fault = execution.fault().cloned().map(Box::new);
        Ok(Self { executed: execution.cycles(), exit_code: execution.exit_code(), fault, ..debugger })
    }

    /// The machine as it is here.
    pub(crate) fn machine(&self) -> &Machine<I, G> {
        &self.machine
    }

    /// How many cycles were executed at least once.
    pub(crate) fn executed(&self) -> u64 {
        self.executed
    }

    /// The exit code, once the guest has ended.
    pub(crate) fn exit_code(&self) -> Option<Word> {
        self.exit_code
    }

    /// What ends the run, once it was come up to.
    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.fault.as_deref()
    }

    /// Sets or removes a breakpoint. Where no instruction is it stops nothing: what gets there faults.
    pub(crate) fn set_breakpoint(&mut self, address: Word, breaks: Breaks, set: bool) {
        self.stops.set_breakpoint(self.machine.program().code(), address, breaks, set);
    }

    /// Sets or removes a watchpoint.
    pub(crate) fn set_watchpoint(&mut self, watchpoint: Watchpoint, set: bool) {
        self.stops.set_watchpoint(watchpoint, set);
    }

    /// One cycle on.
    pub(crate) fn step(&mut self) -> Result<Stop, DebugError> {
        self.forward(self.machine.cycle() + 1, true, &mut || true)
    }

    /// On until something stops it, as long as `go_on` says so, which is asked every few milliseconds.
    pub(crate) fn run(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Stop, DebugError> {
        self.forward(u64::MAX, true, go_on)
    }

    /// To a cycle, whatever is on the way; less far if the guest ends before. O(I) backwards.
    pub(crate) fn go_to(&mut self, cycle: u64, go_on: &mut dyn FnMut() -> bool) -> Result<Stop, DebugError> {
        // What lies between is skipped, where a checkpoint is on the way.
        let known = self.executed.saturating_sub(u64::from(self.exit_code.is_some()));
        self.seek(cycle.min(known))?;
        self.end_told = false;
        let stop = self.forward(cycle, false, go_on);
        // Whoever goes on from here has not come up to the end by himself.
        self.end_told = false;
        stop
    }

    /// One cycle back. O(I), and O(1) for most of several.
    pub(crate) fn step_back(&mut self) -> Result<Stop, DebugError> {
        let Some(cycle) = self.machine.cycle().checked_sub(1) else { return Ok(Stop::Begin) };
        self.end_told = false;
        self.seek(cycle)?;
        if self.stops.is_empty() {
            return Ok(Stop::Reached);
        }
        self.watch(cycle + 1)?;
        let found = self.stops.take();
        self.seek(cycle)?;
        Ok(found.watchpoint.map_or(Stop::Reached, Stop::Watchpoint))
    }

    /// Back until something stops it, or to cycle 0. An interval between checkpoints is replayed to see what in it comes
    /// last, and then up to that. Told not to go on, it stands where nothing stops between there and where it began.
    pub(crate) fn run_back(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Stop, DebugError> {
        self.end_told = false;
        let mut end = self.machine.cycle();
        if self.stops.is_empty() {
            end = 0;
        }
        while end > 0 {
            let start = self.restore(end - 1)?;
            let here = self.stops.breaks_at(self.machine.program().code(), self.machine.pc());
            let mut last = here.then_some((start, Stop::Breakpoint));
            while self.machine.cycle() < end {
                if !go_on() {
                    self.seek(end)?;
                    return Ok(Stop::Interrupted);
                }
                self.watch(end.min(self.machine.cycle().saturating_add(SLICE)))?;
                let cycle = self.machine.cycle();
                let found = self.stops.take();
                if let Some(watchpoint) = found.watchpoint {
                    last = Some((cycle - 1, Stop::Watchpoint(watchpoint)));
                }
                if found.breakpoint && cycle < end {
                    last = Some((cycle, Stop::Breakpoint));
                }
            }
            if let Some((cycle, stop)) = last {
                self.seek(cycle)?;
                return Ok(stop);
            }
            end = start;
        }
        self.seek(0)?;
        Ok(Stop::Begin)
    }

    /// Executes up to a cycle, the guest's end, or, where they count, a stop; at least one cycle.
    fn forward(
        &mut self,
        until: u64,
        stops: bool,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Stop, DebugError> {
        loop {
            let cycle = self.machine.cycle();
            if cycle >= until {
                return Ok(Stop::Reached);
            }
            if let Some(code) = self.exit_code.filter(|_| cycle + 1 >= self.executed) {
                let told = core::mem::replace(&mut self.end_told, true);
                return Ok(if told { Stop::Exited(code) } else { Stop::End });
            }
            if let Some(fault) = self.fault.as_ref().filter(|_| cycle == self.executed) {
                return Ok(Stop::Fault(fault.clone()));
            }
            if !go_on() {
                return Ok(Stop::Interrupted);
            }
            let slice = until.min(cycle.saturating_add(SLICE));
            let watched = stops && !self.stops.is_empty();
            if cycle < self.executed {
                let known = self.executed - u64::from(self.exit_code.is_some());
                let slice = slice.min(known);
                if watched { self.watch(slice)? } else { self.replay(slice)? }
            } else {
                match self.execute(slice.min(self.checkpoints.next_due(cycle)), watched) {
                    Ok(Pause::Exited(code)) => {
                        self.exit_code = Some(code);
                        self.seek(self.executed - 1)?;
                    }
                    Ok(Pause::Reached | Pause::Stored(_)) => {}
                    Err(RunError::Fault(fault)) => {
                        self.fault = Some(fault);
                        // An instruction that loads may have faulted when it was to store: it did neither.
                        self.stops.take();
                    }
                    Err(error) => return Err(DebugError::Run(error)),
                }
            }
            let found = self.stops.take();
            if let Some(watchpoint) = found.watchpoint {
                return Ok(Stop::Watchpoint(watchpoint));
            }
            if found.breakpoint {
                return Ok(Stop::Breakpoint);
            }
        }
    }

    /// Executes for the first time.
    fn execute(&mut self, until: u64, watched: bool) -> Result<Pause, RunError> {
        self.machine.set_output(core::mem::take(&mut self.output));
        let paused = if watched { self.observe(until) } else { self.fast_pass.run(&mut self.machine, until) };
        self.output = core::mem::take(self.machine.output());
        self.executed = self.machine.cycle();
        let pages = self.machine.memory().written_pages() as u64;
        if matches!(paused, Ok(Pause::Reached)) && self.checkpoints.is_due(self.executed, pages) {
            self.checkpoints.keep(self.machine.checkpoint());
        }
        self.output.flush().map_err(RunError::Output)?;
        paused
    }

    fn observe(&mut self, until: u64) -> Result<Pause, RunError> {
        // An access may have been told of an instruction that went on to fault.
        self.stops.take();
        self.machine.observe(until, &mut self.stops)
    }

    /// Executes once more, up to a cycle or a stop.
    fn watch(&mut self, until: u64) -> Result<(), DebugError> {
        let paused = self.observe(until);
        let until = if paused.is_ok() { self.machine.cycle().min(until) } else { until };
        Ok(reached(&self.machine, until, paused)?)
    }

    /// Executes once more, up to a cycle.
    fn replay(&mut self, until: u64) -> Result<(), DebugError> {
        let paused = self.fast_pass.run(&mut self.machine, until);
        Ok(reached(&self.machine, until, paused)?)
    }

    /// To a cycle that was executed, or is the next to be.
    fn seek(&mut self, cycle: u64) -> Result<(), DebugError> {
        if !(self.nearest(cycle)..=cycle).contains(&self.machine.cycle()) {
            self.restore(cycle)?;
        }
        let near = cycle.saturating_sub(NEAR);
        if self.machine.cycle() < near {
            self.replay(near)?;
            self.near = Some(self.machine.checkpoint());
        }
        self.replay(cycle)
    }

    /// The cycle of the last state at or before this one that is kept.
    fn nearest(&self, cycle: u64) -> u64 {
        let near = self.near.as_ref().map_or(0, |near| near.cycle);
        self.checkpoints.nearest_cycle(cycle).max(if near <= cycle { near } else { 0 })
    }

    /// Goes there; gives its cycle.
    fn restore(&mut self, cycle: u64) -> Result<u64, DebugError> {
        let nearest = self.nearest(cycle);
        match &self.near {
            Some(near) if near.cycle == nearest => self.machine.restore(near),
            _ => self.machine.restore(&*self.checkpoints.nearest(cycle)?),
        }
        Ok(nearest)
    }
}
