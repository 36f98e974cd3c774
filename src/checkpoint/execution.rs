//! What a run gives.

use core::ops::Range;
use std::sync::Arc;

use super::file::{CheckpointFileError, Opened};
use super::{Checkpoint, CheckpointManager, ExecuteError, Stopped};
use crate::guest::{Guest, Input, OutputSummary};
use crate::isa::{Isa, Word};
use crate::machine::{Fault, Machine, NativeCode, RunError};
use crate::pages::PAGE_WORDS;
use crate::program::Program;

/// Cycles that an execution does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no cycles {}..{}: {}", cycles.start, cycles.end, why(cycles, *executed))]
pub struct UnknownCycles {
    /// The range asked for.
    pub cycles: Range<u64>,
    /// T.
    pub executed: u64,
}

impl UnknownCycles {
    /// Cycles of an execution that has so many; they may be none.
    ///
    /// # Errors
    /// The range ends beyond the execution, or before it begins.
    pub(crate) fn check(cycles: &Range<u64>, executed: u64) -> Result<(), Self> {
        let known = cycles.start <= cycles.end && cycles.end <= executed;
        if known { Ok(()) } else { Err(Self { cycles: cycles.clone(), executed }) }
    }

    /// Cycles of an execution that has so many, one at least.
    ///
    /// # Errors
    /// As [`check`](Self::check); or they are none.
    pub(crate) fn check_any(cycles: &Range<u64>, executed: u64) -> Result<(), Self> {
        if cycles.is_empty() {
            return Err(Self { cycles: cycles.clone(), executed });
        }
        Self::check(cycles, executed)
    }
}

fn why(cycles: &Range<u64>, executed: u64) -> String {
    match executed {
        0 => "nothing was executed".to_owned(),
        _ if cycles.is_empty() && cycles.end <= executed => "give one at least".to_owned(),
        _ => format!("{executed} were executed; ask for some of 0..{executed}"),
    }
}

/// A run: T cycles, the checkpoints that any of them can be replayed from, and how it ended.
///
/// Space: O(M·K) for the checkpoints, nothing that grows with T.
#[derive(Debug)]
pub struct Execution<I: Isa, G> {
    pub(super) program: Arc<Program<I>>,
    pub(super) input: Input,
    pub(super) checkpoints: CheckpointManager<G>,
    pub(super) exit: Checkpoint<G>,
    pub(super) stopped: Stopped,
    pub(super) output: OutputSummary,
    pub(super) memory_words: u64,
    pub(super) seconds: f64,
    pub(super) native_code: Option<NativeCode>,
}

impl<I: Isa, G: Guest> Execution<I, G> {
    /// The execution in a file; see [`CheckpointFile::execution`](super::CheckpointFile::execution).
    pub(super) fn stored(program: Arc<Program<I>>, mut opened: Opened) -> Result<Self, ExecuteError> {
        opened.expect::<I, G>(&program)?;
        let input = opened.input();
        let checkpoints = opened.checkpoints()?;
        let exit: Checkpoint<G> = opened.source().load(opened.index.latest)?;
        let stopped = opened.index.stopped.unwrap_or(Stopped::Interrupted);
        let stopped = stopped.try_map(|()| next_fault(&program, &input, &exit, opened.index.jumped_from))?;
        let output = &opened.index.output;
        Ok(Self {
            checkpoints,
            exit,
            stopped,
            output: OutputSummary { hash: output.finalize(), length: output.length() },
            memory_words: (opened.index.touched.len() * PAGE_WORDS) as u64,
            seconds: opened.index.seconds,
            native_code: None,
            program,
            input,
        })
    }

    /// T, the number of cycles executed: the rows of the witness.
    pub fn cycles(&self) -> u64 {
        self.exit.cycle
    }

    /// Why the run ended.
    pub fn stopped(&self) -> &Stopped {
        &self.stopped
    }

    /// The exit code, if the guest ended by itself.
    pub fn exit_code(&self) -> Option<Word> {
        self.stopped.exit_code()
    }

    /// The fault that ended the run, if one did.
    pub fn fault(&self) -> Option<&Fault> {
        match &self.stopped {
            Stopped::Trapped(fault) => Some(fault),
            _ => None,
        }
    }

    /// The program.
    pub fn program(&self) -> &Arc<Program<I>> {
        &self.program
    }

    /// The input, with its hash and length.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// The hash and length of the output.
    pub fn output(&self) -> OutputSummary {
        self.output
    }

    /// The checkpoints; the first is the state before the first cycle.
    pub fn checkpoints(&self) -> &CheckpointManager<G> {
        &self.checkpoints
    }

    /// The state after the last cycle.
    pub fn exit(&self) -> &Checkpoint<G> {
        &self.exit
    }

    /// K, the memory touched by the guest, in words: pages loaded from or stored to, times their words.
    pub fn memory_words(&self) -> u64 {
        self.memory_words
    }

    /// How long the run took, checkpoints included.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// What was compiled for the run; none if the interpreter executed it, or if it was read from a file.
    pub fn native_code(&self) -> Option<NativeCode> {
        self.native_code
    }
}

/// The fault of the cycle after a state.
fn next_fault<I: Isa, G: Guest>(
    program: &Arc<Program<I>>,
    input: &Input,
    state: &Checkpoint<G>,
    jumped_from: Option<Word>,
) -> Result<Box<Fault>, ExecuteError> {
    let machine = Machine::new(Arc::clone(program), input.clone(), state);
    let mut machine = machine.map_err(ExecuteError::AddressSpace)?;
    machine.set_jumped_from(jumped_from);
    match machine.run(state.cycle.saturating_add(1), &mut ()) {
        Err(RunError::Fault(fault)) => Ok(fault),
        Err(error) => Err(ExecuteError::Host(error)),
        Ok(_) => Err(CheckpointFileError::NoFault { cycle: state.cycle }.into()),
    }
}
