//! Native code for the fast pass: what is executed often, compiled by Cranelift from the semantics that a spec states.
//!
//! In: a program, and where it is. Out: the state some cycles later, to the bit that of the interpreter, which executes
//! what is not compiled, what traps, calls, and the last cycles before a limit.
//!
//! ```text
//!     I::SEMANTICS ──▶ region: which blocks ──▶ emit, lower: Cranelift IR ──▶ code: executable memory
//!     counts of jumps ──┘
//! ```
//!
//! No instruction is named: [`lower`] knows the IR's operations, and [`emit`] its statements.

mod code;
mod compiler;
mod emit;
mod lower;
mod region;
mod registers;
mod state;

use std::sync::Arc;
use std::time::Instant;

use crate::isa::{Isa, Word};
use crate::machine::Compiled;
use crate::program::Program;
pub(crate) use code::Operands;
use code::{CodeMemory, Function};
use compiler::Compiler;
use region::{Leads, Region, leads};
use state::{Left, State};

/// How often an instruction is jumped to before it is compiled. To compile one takes some ten thousand times as long as
/// to execute it.
const OFTEN: u32 = 1000;

/// The most instructions that are compiled at once; what does not fit is another region's.
const MOST_INSTRUCTIONS: usize = 2000;

/// The count of what is not to be compiled.
const NEVER: u32 = u32::MAX;

/// Native code of a program, made as it runs.
pub(crate) struct Native<I: Isa> {
    program: Arc<Program<I>>,
    often: u32,
    most: usize,
    /// None before the first use.
    compiler: Option<Compiler>,
    memory: CodeMemory,
    /// By place in the code table.
    entries: Vec<Option<Function>>,
    counts: Vec<u32>,
    compiled: Compiled,
}

/// Where native code came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// At an instruction of which no more is known.
    At(u32),
    /// At an instruction that the interpreter must execute.
    Before(u32),
    /// At an instruction behind which there may be more cycles to its block's end than are left.
    Limited(u32),
    /// After a jump by the instruction at this place, to this address.
    Jumped(u32, Word),
}

impl<I: Isa> Native<I> {
    /// Nothing is compiled yet.
    ///
    /// # Errors
    /// Native code cannot be made, or not be executed, on this host.
    pub(crate) fn new(program: Arc<Program<I>>) -> Result<Self, String> {
        let memory = CodeMemory::new().map_err(|error| error.to_string())?;
        let count = program.code().ops().len();
        Ok(Self {
            program,
            often: OFTEN,
            most: MOST_INSTRUCTIONS,
            compiler: None,
            memory,
            entries: vec![None; count],
            counts: vec![0; count],
            compiled: Compiled::default(),
        })
    }

    /// The same, but code is compiled when it is jumped to for the `often`-th time, and at most so many instructions
    /// at once.
    pub(crate) fn with_effort(self, often: u32, most: usize) -> Self {
        Self { often: often.min(NEVER - 1), most: most.max(1), ..self }
    }

    /// Counts that an instruction was jumped to, and compiles it if that is often. Whether it is compiled.
    #[inline]
    pub(crate) fn jumped_to(&mut self, index: u32) -> bool {
        let Some(count) = self.counts.get_mut(index as usize) else { return false };
        if *count != NEVER {
            *count += 1;
            if *count >= self.often {
                self.compile(index);
            }
        }
        self.is_compiled(index)
    }

    /// Runs native code from an instruction on, for at most `left` cycles. Where it came back, and how many cycles are
    /// left then; none if the instruction is not compiled.
    #[inline]
    pub(crate) fn run(&self, index: u32, operands: Operands<'_>, left: u64) -> Option<(Stop, u64)> {
        let function = (*self.entries.get(index as usize)?)?;
        let mut state = State::new();
        let left = self.memory.call(function, operands, &mut state, left);
        let stop = match state.how() {
            Left::At => Stop::At(state.index),
            Left::Before => Stop::Before(state.index),
            Left::Limited => Stop::Limited(state.index),
            Left::Jumped => Stop::Jumped(state.index, state.pc),
        };
        Some((stop, left))
    }

    /// What was compiled so far.
    pub(crate) fn compiled(&self) -> Compiled {
        self.compiled
    }

    fn is_compiled(&self, index: u32) -> bool {
        self.entries.get(index as usize).is_some_and(Option::is_some)
    }

    #[cold]
    fn compile(&mut self, index: u32) {
        let begun = Instant::now();
        if let Some(count) = self.counts.get_mut(index as usize) {
            *count = NEVER;
        }
        let code = self.program.code();
        if code.ops().get(index as usize).is_none_or(|op| leads::<I>(op) == Leads::Interpreted) {
            return;
        }
        let region = Region::new::<I>(code, &[index], self.most);
        if self.compiler.is_none() {
            self.compiler = Compiler::new().ok();
        }
        let compiler = self.compiler.as_mut();
        let function = compiler.and_then(|it| it.compile::<I>(code, &region, &mut self.memory));
        if let (Some((function, bytes)), Some(entry)) = (function, self.entries.get_mut(index as usize)) {
            *entry = Some(function);
            self.compiled.regions += 1;
            self.compiled.instructions += region.ops(code).count() as u64;
            self.compiled.bytes += bytes as u64;
        }
        self.compiled.time += begun.elapsed();
    }
}
