//! The one fast pass.

use core::ops::ControlFlow;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Instant;

use super::file::{self, CheckpointFileError, FileOptions, Index, Opened, Shape, Writer};
use super::{Checkpoint, CheckpointManager, Execution, Policy, Stopped};
use crate::guest::{Guest, Input, MemoryUse, Output, STACK_BYTES, StartError};
use crate::isa::{Fingerprint, Isa, Word};
use crate::machine::{Executor, FastPass, Machine, Pause, RunError};
use crate::pages::{PAGE_BYTES, PAGE_WORDS, Snapshot};
use crate::program::Program;

/// What a run needs beside program, guest interface and input. Everything has a default.
///
/// It is `Send`: one thread can put it together, and another one run the guest.
///
/// ```
/// use retrace::checkpoint::{Options, execute};
/// use retrace::guest::{Input, Linux, Output};
/// # use retrace::isa::Rv32i;
/// # use retrace::program::Program;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let program = Program::<Rv32i>::from_elf(&std::fs::read("tests/guests/tiny.elf")?)?;
/// let output = Output::new(Box::new(std::io::sink()), Box::new(std::io::stderr()));
/// let options = Options { output, max_cycles: 1000, ..Options::default() };
/// let run = std::thread::spawn(move || execute(program, Linux::default(), Input::empty(), options));
/// let execution = run.join().expect("it does not panic")?;
/// assert_eq!(execution.exit_code(), Some(7));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Options<'a> {
    /// The arguments, the program's name first. They are in the stack, and so in every digest: a proof's verifier must
    /// be given the same.
    pub arguments: Vec<Vec<u8>>,
    /// How many bytes the stack may take; by default [`STACK_BYTES`](crate::guest::STACK_BYTES). Beyond is a
    /// [stack overflow](crate::isa::TrapCause::StackOverflow). It is in the guest interface's state, and so in every
    /// digest: a proof's verifier must be given the same.
    pub stack_size: u64,
    /// How many bytes of memory the guest may touch, counted in whole pages; by default [`MAX_MEMORY`]. The run ends
    /// before the cycle that would touch one page more, with [`Stopped::MemoryLimit`]. It changes nothing else: no digest
    /// depends on it, and a proof's verifier needs no limit.
    pub max_memory: u64,
    /// Where output goes; by default it is hashed only.
    pub output: Output,
    /// Which checkpoints to keep.
    pub policy: Policy,
    /// Where to write them, with what a replay needs beside the program; by default they stay in memory.
    pub file: Option<FileOptions>,
    /// The most cycles to execute; by default as many as it takes.
    pub max_cycles: u64,
    /// Stop after the cycle that leaves something other than zero in the word that holds this address; by default
    /// nothing is looked at, and costs nothing. [`ArchTest`](crate::arch_test::ArchTest) is what this is for.
    pub until_stored: Option<Word>,
    /// What executes; by default native code where there is any. A run that looks at a word is interpreted.
    pub executor: Executor,
    /// Called now and then.
    pub progress: Option<Progress<'a>>,
    /// Before each call of `progress` it is set to the next instruction's address.
    pub progress_pc: Option<&'a AtomicU32>,
}

/// Called every few milliseconds with the number of cycles executed; `Break` ends the run there.
///
/// ```
/// use core::ops::ControlFlow;
///
/// use retrace::checkpoint::{Options, Progress, Stopped, execute};
/// use retrace::guest::{Input, Linux};
/// # use retrace::isa::Rv32i;
/// # use retrace::program::Program;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let program = Program::<Rv32i>::from_elf(&std::fs::read("tests/guests/sieve.elf")?)?;
/// // A run of 25 million cycles, of which 10 million are enough.
/// let mut told = |cycles| match cycles < 10_000_000 {
///     true => ControlFlow::Continue(()),
///     false => ControlFlow::Break(()),
/// };
/// let options = Options { progress: Some(Progress(&mut told)), ..Options::default() };
/// let execution = execute(program, Linux::default(), Input::empty(), options)?;
/// assert_eq!(execution.stopped(), &Stopped::Interrupted);
/// # Ok(())
/// # }
/// ```
pub struct Progress<'a>(pub &'a mut (dyn FnMut(u64) -> ControlFlow<()> + Send));

impl core::fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Progress")
    }
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            arguments: vec![b"guest".to_vec()],
            stack_size: STACK_BYTES,
            max_memory: MAX_MEMORY,
            output: Output::hashed(),
            policy: Policy::default(),
            file: None,
            max_cycles: u64::MAX,
            until_stored: None,
            executor: Executor::Auto,
            progress: None,
            progress_pc: None,
        }
    }
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
    /// Native code was asked for, and cannot be had.
    #[error("there is no native code: {0}; let the interpreter execute")]
    Native(String),
    /// The guest's input could not be read, or its output not be written.
    #[error(transparent)]
    Host(RunError),
    /// The checkpoint file cannot be read, written or gone on with.
    #[error(transparent)]
    File(#[from] CheckpointFileError),
}

/// How many bytes of memory a guest may touch by default: 1 GiB.
pub const MAX_MEMORY: u64 = 1 << 30;

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
    mut options: Options<'_>,
) -> Result<Execution<I, G>, ExecuteError> {
    let begun = Instant::now();
    let program = program.into();
    let initial =
        Checkpoint::initial_with_stack(&program, guest, &options.arguments, &input, options.stack_size)?;
    let writer = options.file.take().map(|file| {
        let head = file::head::<I, G>(&program, &options.arguments, &input, options.policy);
        Writer::create(file, head, Shape::of::<I>(), &input, &initial)
    });
    let checkpoints = CheckpointManager::new(options.policy, initial.clone());
    let run = Run {
        begun,
        seconds_before: 0.0,
        touched_before: Vec::new(),
        program,
        input,
        checkpoints,
        writer: writer.transpose()?,
        jumped_from: None,
    };
    run.from(&initial, options)
}

/// A run to go on with, from its checkpoint file: from the latest state that was written there.
///
/// No other run can write to the file meanwhile.
///
/// ```
/// use retrace::checkpoint::{Execution, FileOptions, Options, Resume, execute};
/// use retrace::guest::{Input, Linux};
/// use retrace::isa::Rv32i;
/// # use retrace::program::Program;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let program = std::sync::Arc::new(Program::<Rv32i>::from_elf(&std::fs::read("tests/guests/tiny.elf")?)?);
/// # let path = std::env::temp_dir().join(format!("retrace-resume-{}", std::process::id()));
/// let file = Some(FileOptions::new(&path));
/// let options = Options { file, max_cycles: 30, ..Options::default() };
/// execute(program.clone(), Linux::default(), Input::empty(), options)?;
///
/// let resume = Resume::open(FileOptions::new(&path))?;
/// assert_eq!(resume.cycle(), 30);
/// let execution: Execution<Rv32i, Linux> = resume.run(program, Options::default())?;
/// assert_eq!((execution.cycles(), execution.exit_code()), (53, Some(7)));
/// # std::fs::remove_file(path)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Resume {
    file: FileOptions,
    opened: Opened,
    input: Option<Input>,
}

impl Resume {
    /// Opens the file. O(checkpoints).
    ///
    /// # Errors
    /// It cannot be read or written, is none, is of another format, is damaged, or another run is writing to it.
    pub fn open(file: FileOptions) -> Result<Self, CheckpointFileError> {
        let opened = Opened::resume(&file)?;
        Ok(Self { file, opened, input: None })
    }

    /// The cycle that the run goes on from.
    pub fn cycle(&self) -> u64 {
        self.opened.index.latest.0
    }

    /// How many bytes of output the run had put out by then. What it puts out from there on is what follows them.
    pub fn output_length(&self) -> u64 {
        self.opened.index.output.length()
    }

    /// The name and the fingerprint of the run's spec.
    pub fn isa(&self) -> (&str, Fingerprint) {
        self.opened.isa()
    }

    /// How the run ended, as far as it went; none if it was cut off. After a [final](Stopped::is_final) end there is
    /// nothing to go on with.
    pub fn stopped(&self) -> Option<Stopped<()>> {
        self.opened.index.stopped
    }

    /// The run's input, public and private, as it is in the file.
    pub fn input(&self) -> Input {
        self.opened.input()
    }

    /// Reads the input from here, public and private, and not from the file.
    ///
    /// # Errors
    /// It is not the run's.
    pub fn with_input(self, input: Input) -> Result<Self, CheckpointFileError> {
        self.opened.expect_input(&input)?;
        Ok(Self { input: Some(input), ..self })
    }

    /// Makes sure that these are the run's arguments.
    ///
    /// # Errors
    /// They are not.
    pub fn with_arguments(self, arguments: &[Vec<u8>]) -> Result<Self, CheckpointFileError> {
        self.opened.expect_arguments(arguments)?;
        Ok(self)
    }

    /// Goes on. The execution is as if the run had not been cut off, the hash of its output included.
    ///
    /// Arguments, policy and file are those of the run, whatever the options say. A run whose guest ended by itself or
    /// faulted is given as it is. O(cycles from there on) time, and a pass over the file.
    ///
    /// # Errors
    /// As [`execute`]; or the file is of another program, spec or guest interface, or damaged.
    pub fn run<I: Isa, G: Guest>(
        self,
        program: impl Into<Arc<Program<I>>>,
        mut options: Options<'_>,
    ) -> Result<Execution<I, G>, ExecuteError> {
        let begun = Instant::now();
        let program = program.into();
        let Self { file, mut opened, input } = self;
        if opened.index.stopped.is_some_and(|stopped| stopped.is_final()) {
            return Execution::stored(program, opened);
        }
        opened.expect::<I, G>(&program)?;
        let latest = opened.source().load(opened.index.latest)?;
        options.output.resume_hash(opened.index.output.clone());
        let run = Run {
            begun,
            seconds_before: opened.index.seconds,
            touched_before: opened.index.touched_pages(),
            program,
            input: input.unwrap_or_else(|| opened.input()),
            checkpoints: opened.checkpoints()?,
            jumped_from: opened.index.jumped_from,
            writer: Some(Writer::resume(file, opened)?),
        };
        run.from(&latest, options)
    }
}

/// A run that is under way.
struct Run<I: Isa, G> {
    begun: Instant,
    seconds_before: f64,
    /// The pages touched before it was cut off.
    touched_before: Vec<Word>,
    program: Arc<Program<I>>,
    input: Input,
    checkpoints: CheckpointManager<G>,
    writer: Option<Writer>,
    /// Where the jump was that left the code before the first state, if one did.
    jumped_from: Option<Word>,
}

impl<I: Isa, G: Guest> Run<I, G> {
    fn from(mut self, start: &Checkpoint<G>, options: Options<'_>) -> Result<Execution<I, G>, ExecuteError> {
        let Options { output, max_memory, max_cycles, until_stored, executor, .. } = options;
        let (mut progress, progress_pc) = (options.progress, options.progress_pc);
        let _span = tracing::debug_span!("run", from = start.cycle).entered();
        let machine = Machine::new(Arc::clone(&self.program), self.input.clone(), start);
        let mut machine = machine.map_err(ExecuteError::AddressSpace)?;
        machine.set_jumped_from(self.jumped_from);
        machine.set_output(output);
        machine.set_memory_limit(max_memory / PAGE_BYTES as u64, &self.touched_before);
        let executor = if until_stored.is_some() { Executor::Interpreter } else { executor };
        let mut fast_pass = FastPass::new(executor, &self.program).map_err(ExecuteError::Native)?;
        let mut pending_pages = 0;
        let stopped = loop {
            let cycle = machine.cycle();
            if cycle >= max_cycles {
                break Stopped::CycleLimit;
            }
            let until = self.checkpoints.next_due(cycle).min(cycle.saturating_add(SLICE)).min(max_cycles);
            let paused = match until_stored {
                None => fast_pass.run(&mut machine, until),
                Some(address) => machine.run_until_stored(until, address),
            };
            match paused {
                Ok(Pause::Exited(code)) => break Stopped::Exited(code),
                Ok(Pause::Stored(value)) => break Stopped::Stored(value),
                Ok(Pause::Reached) => {}
                Err(RunError::Fault(fault)) => break Stopped::Trapped(fault),
                Err(RunError::MemoryLimit { address }) => {
                    break Stopped::MemoryLimit { limit: max_memory, address, grew: self.grew(&machine) };
                }
                Err(error) => return Err(ExecuteError::Host(error)),
            }
            let cycle = machine.cycle();
            let pages = machine.memory().written_pages() as u64;
            let kept = cycle < max_cycles && self.checkpoints.is_due(cycle, pages);
            if kept {
                self.keep(machine.checkpoint(), pages);
                pending_pages += pages;
            }
            machine.output().flush().map_err(host_output)?;
            if kept && self.writer.as_ref().is_some_and(|writer| writer.is_due(pending_pages)) {
                let state = machine.checkpoint();
                self.commit(&mut machine, &state, None)?;
                pending_pages = 0;
            }
            if let Some(at) = progress_pc {
                at.store(machine.pc(), Ordering::Relaxed);
            }
            if let Some(Progress(report)) = &mut progress
                && report(cycle).is_break()
            {
                break Stopped::Interrupted;
            }
        };
        machine.output().flush().map_err(host_output)?;
        let mut exit = machine.checkpoint();
        if let Some(memory) = self.commit(&mut machine, &exit, Some(&stopped))? {
            exit.pages = memory;
        }
        let memory_words = (self.touched(&machine).len() * PAGE_WORDS) as u64;
        tracing::debug!(
            cycles = exit.cycle,
            ?stopped,
            checkpoints = self.checkpoints.len(),
            interval = self.checkpoints.interval(),
            memory_words,
            seconds = self.seconds(),
            "ran"
        );
        Ok(Execution {
            exit,
            output: machine.output().summary(),
            memory_words,
            stopped,
            seconds: self.seconds(),
            native_code: fast_pass.native_code(),
            program: self.program,
            input: self.input,
            checkpoints: self.checkpoints,
        })
    }

    /// Keeps a checkpoint, which copied so many pages.
    fn keep(&mut self, checkpoint: Checkpoint<G>, pages: u64) {
        let (cycle, interval) = (checkpoint.cycle, self.checkpoints.interval());
        self.checkpoints.keep(checkpoint);
        tracing::trace!(cycle, pages, "kept a checkpoint");
        if self.checkpoints.interval() != interval {
            let (interval, left) = (self.checkpoints.interval(), self.checkpoints.len());
            tracing::trace!(cycle, interval, left, "thinned the checkpoints");
        }
    }

    /// Writes what is new to the file, if there is one, and lets the machine's memory at rest be read from there.
    fn commit(
        &mut self,
        machine: &mut Machine<I, G>,
        state: &Checkpoint<G>,
        stopped: Option<&Stopped>,
    ) -> Result<Option<Snapshot>, ExecuteError> {
        let (seconds, touched) = (self.seconds(), self.touched(machine));
        let Some(writer) = &mut self.writer else { return Ok(None) };
        let interval = self.checkpoints.interval();
        let stopped = stopped.map(Stopped::without_fault);
        let (jumped_from, output) = (machine.jumped_from(), machine.output().hash_state());
        let index = Index { interval, stopped, jumped_from, output, seconds, ..Index::default() };
        let index = index.with_touched(&touched);
        let memory = writer.commit(&mut self.checkpoints, state, &index)?;
        machine.rebase(memory.clone());
        tracing::debug!(cycle = state.cycle, "committed to the checkpoint file");
        Ok(Some(memory))
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.begun.elapsed().as_secs_f64()
    }

    /// What most of the pages are used for.
    fn grew(&self, machine: &Machine<I, G>) -> MemoryUse {
        let mut pages = [0; 3];
        let uses = [MemoryUse::Heap, MemoryUse::Stack, MemoryUse::Other];
        for number in self.touched(machine) {
            let found = machine.guest().use_of(number * PAGE_BYTES as Word);
            for (use_, count) in uses.iter().zip(&mut pages) {
                *count += u64::from(*use_ == found);
            }
        }
        let most = uses.into_iter().zip(pages).max_by_key(|(_, count)| *count);
        most.map_or(MemoryUse::Other, |(use_, _)| use_)
    }

    /// The pages touched since cycle 0, ascending.
    fn touched(&self, machine: &Machine<I, G>) -> Vec<Word> {
        let mut pages = [machine.memory().touched_pages(), &self.touched_before].concat();
        pages.sort_unstable();
        pages.dedup();
        pages
    }
}

fn host_output(error: std::io::Error) -> ExecuteError {
    ExecuteError::Host(RunError::Output(error))
}
