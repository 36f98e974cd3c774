//! The one fast pass.

use core::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use super::{Checkpoint, CheckpointManager, Policy};
use crate::guest::{Guest, Input, Output, OutputSummary, StartError};
use crate::isa::{Isa, Word};
use crate::machine::{Fault, Machine, Pause, RunError};
use crate::pages::PAGE_WORDS;
use crate::program::Program;

/// What a run needs beside program, guest interface and input. Everything has a default.
#[derive(Debug)]
pub struct Options<'a> {
    /// The arguments, the program's name first. They are in the stack, and so in every digest: a proof's verifier must
    /// be given the same.
    pub arguments: Vec<Vec<u8>>,
    /// Where output goes; by default it is hashed only.
    pub output: Output,
    /// Which checkpoints to keep.
    pub policy: Policy,
    /// The most cycles to execute; by default as many as it takes.
    pub max_cycles: u64,
    /// Stop after the cycle that leaves something other than zero in the word that holds this address; by default
    /// nothing is looked at, and costs nothing. [`ArchTest`](crate::arch_test::ArchTest) is what this is for.
    pub until_stored: Option<Word>,
    /// Called now and then.
    pub progress: Option<Progress<'a>>,
}

/// Called every few milliseconds with the number of cycles executed; `Break` ends the run there.
pub struct Progress<'a>(pub &'a mut dyn FnMut(u64) -> ControlFlow<()>);

impl core::fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Progress")
    }
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            arguments: vec![b"guest".to_vec()],
            output: Output::hashed(),
            policy: Policy::default(),
            max_cycles: u64::MAX,
            until_stored: None,
            progress: None,
        }
    }
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The guest ended with this exit code, of which a shell sees the low byte.
    Exited(Word),
    /// As many cycles as allowed were executed.
    CycleLimit,
    /// The word at [`Options::until_stored`] became this.
    Stored(Word),
    /// [`Progress`] asked for it.
    Interrupted,
    /// The guest did what it may not do; the cycles before are the execution.
    Trapped(Box<Fault>),
}

/// Why there is no execution.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    /// The program cannot be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The operating system refused to reserve the guest's address space.
    #[error(
        "the guest's address space could not be reserved: {0}; raise the limit of virtual memory (ulimit -v), or allow overcommit"
    )]
    AddressSpace(#[source] std::io::Error),
    /// The guest's input could not be read, or its output not be written.
    #[error(transparent)]
    Host(RunError),
}

/// A run: T cycles, the checkpoints that any of them can be replayed from, and how it ended.
///
/// Space: O(M·K) for the checkpoints, nothing that grows with T.
#[derive(Debug)]
pub struct Execution<I: Isa, G> {
    program: Arc<Program<I>>,
    input: Input,
    checkpoints: CheckpointManager<G>,
    exit: Checkpoint<G>,
    stopped: Stopped,
    output: OutputSummary,
    memory_words: u64,
    seconds: f64,
}

/// How many cycles to run between two calls of [`Progress`] and flushes of the output: some milliseconds.
const SLICE: u64 = 1 << 22;

/// Runs a program once, and keeps checkpoints.
///
/// A guest that faults, or reaches the cycle limit, still gives an execution: the cycles before. O(T) time.
///
/// # Errors
/// Only what is not the guest's doing; see [`ExecuteError`].
pub fn execute<I: Isa, G: Guest>(
    program: impl Into<Arc<Program<I>>>,
    guest: G,
    input: Input,
    options: Options<'_>,
) -> Result<Execution<I, G>, ExecuteError> {
    let begun = Instant::now();
    let Options { arguments, output, policy, max_cycles, until_stored, mut progress } = options;
    let program = program.into();
    let initial = Checkpoint::initial(&program, guest, &arguments)?;
    let mut machine =
        Machine::new(Arc::clone(&program), input.clone(), &initial).map_err(ExecuteError::AddressSpace)?;
    machine.set_output(output);
    let mut checkpoints = CheckpointManager::new(policy, initial);

    let stopped = loop {
        let cycle = machine.cycle();
        let until = checkpoints.next_due(cycle).min(cycle.saturating_add(SLICE)).min(max_cycles);
        let paused = match until_stored {
            None => machine.run(until, &mut ()),
            Some(address) => machine.run_until_stored(until, address),
        };
        match paused {
            Ok(Pause::Exited(code)) => break Stopped::Exited(code),
            Ok(Pause::Stored(value)) => break Stopped::Stored(value),
            Ok(Pause::Reached) => {}
            Err(RunError::Fault(fault)) => break Stopped::Trapped(fault),
            Err(error) => return Err(ExecuteError::Host(error)),
        }
        let cycle = machine.cycle();
        if cycle >= max_cycles {
            break Stopped::CycleLimit;
        }
        if checkpoints.is_due(cycle, machine.memory().written_pages() as u64) {
            checkpoints.keep(machine.checkpoint());
        }
        machine.output().flush().map_err(host_output)?;
        if let Some(Progress(report)) = &mut progress
            && report(cycle).is_break()
        {
            break Stopped::Interrupted;
        }
    };
    machine.output().flush().map_err(host_output)?;
    let memory_words = (machine.memory().touched_pages() * PAGE_WORDS) as u64;
    Ok(Execution {
        exit: machine.checkpoint(),
        output: machine.output().summary(),
        memory_words,
        program,
        input,
        checkpoints,
        stopped,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

fn host_output(error: std::io::Error) -> ExecuteError {
    ExecuteError::Host(RunError::Output(error))
}

impl<I: Isa, G: Guest> Execution<I, G> {
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
        match self.stopped {
            Stopped::Exited(code) => Some(code),
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
}
