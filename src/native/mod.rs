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
mod dispatch;
mod emit;
mod graph;
mod lower;
mod region;
mod registers;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::isa::{Isa, Word};
use crate::machine::NativeCode;
use crate::program::Program;
pub(crate) use code::Operands;
use code::{CodeMemory, Function};
use compiler::Compiler;
use dispatch::Dispatch;
use region::{MOST_ENTRIES, Region, leads};
use state::{Left, State};

/// How often an instruction is jumped to before it is compiled. To compile one takes some ten thousand times as long as
/// to execute it.
const OFTEN: u32 = 4000;

/// The most instructions that are compiled at once; what does not fit is another region's.
const MOST_INSTRUCTIONS: usize = 2000;

/// What was jumped to this part of often is compiled together with what was jumped to often; and the most of such.
const SOONER: u32 = 64;
const MOST_TOGETHER: usize = 32;

/// The most bytes of native code; what is hot after that is interpreted.
const MOST_BYTES: u64 = 1 << 28;

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
    regions: Vec<Compiled>,
    /// By place in the code table: the region that is entered there, counted from 1; 0 if there is none.
    entered: Vec<u32>,
    /// By place in the code table: how often it was jumped to.
    counts: Vec<u32>,
    /// The region that ran last.
    last: u32,
    statistics: NativeCode,
}

/// A region's function.
struct Compiled {
    function: Function,
    dispatch: Dispatch,
    entries: Vec<u32>,
    /// Where execution went on behind it: how often.
    followed_by: BTreeMap<u32, u32>,
    /// How many more times until it is compiled again, together with what follows.
    patience: u32,
    /// How many that was at first.
    asked: u32,
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
            regions: Vec::new(),
            entered: vec![0; count],
            counts: vec![0; count],
            last: u32::MAX,
            statistics: NativeCode::default(),
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
                *count = NEVER;
                let op = self.program.code().ops().get(index as usize);
                if op.is_some_and(|op| !leads::<I>(op).is_interpreted()) {
                    let entries = self.together_with(index);
                    let region = Region::new::<I>(self.program.code(), &entries, self.most);
                    self.compile(region, self.often);
                }
            }
        }
        self.is_compiled(index)
    }

    /// Runs native code from an instruction on, for at most `left` cycles. Where it came back, and how many cycles are
    /// left then; none if the instruction is not compiled.
    #[inline]
    pub(crate) fn run(&mut self, index: u32, operands: Operands<'_>, left: u64) -> Option<(Stop, u64)> {
        let number = self.entered.get(index as usize)?.checked_sub(1)?;
        let region = self.regions.get_mut(number as usize)?;
        let code = self.program.code();
        let entry = region.dispatch.number(code.ops().get(index as usize)?.pc);
        let mut state = State::new();
        let left = self.memory.call(region.function, operands, &mut state, left, entry);
        let stop = match state.how() {
            Left::At => Stop::At(state.index),
            Left::Before => Stop::Before(state.index),
            Left::Limited => Stop::Limited(state.index),
            Left::Jumped => Stop::Jumped(state.index, state.pc),
        };
        self.last = number;
        Some((stop, left))
    }

    /// Counts that execution goes on at an instruction after the region that ran last, which is compiled again with what
    /// often comes after it. Whether the instruction is compiled.
    #[inline]
    pub(crate) fn goes_on_at(&mut self, index: u32) -> bool {
        let number = self.last;
        if self.entered.get(index as usize).is_some_and(|&region| region == number.wrapping_add(1)) {
            return true;
        }
        let Some(region) = self.regions.get_mut(number as usize).filter(|region| region.patience != 0) else {
            return self.jumped_to(index);
        };
        *region.followed_by.entry(index).or_default() += 1;
        region.patience -= 1;
        if region.patience == 0 {
            self.widen(number);
        }
        self.is_compiled(index)
    }

    /// What was compiled so far.
    pub(crate) fn statistics(&self) -> NativeCode {
        self.statistics
    }

    fn is_compiled(&self, index: u32) -> bool {
        self.entered.get(index as usize).is_some_and(|&region| region != 0)
    }

    /// An instruction that is to be compiled, and what was jumped to often enough to be wanted soon: the loops around it and
    /// the functions that they call. So these are compiled once, and not again with each. O(code).
    fn together_with(&mut self, index: u32) -> Vec<u32> {
        let soon = (self.often / SOONER).max(1);
        let mut entries: Vec<(u32, u32)> = self
            .counts
            .iter()
            .copied()
            .zip(0..)
            .filter(|(count, at)| (soon..NEVER).contains(count) && *at != index)
            .collect();
        entries.sort_unstable_by_key(|&(count, at)| (core::cmp::Reverse(count), at));
        core::iter::once(index).chain(entries.into_iter().map(|(_, at)| at)).take(MOST_TOGETHER).collect()
    }

    /// Compiles a region again, with what it often jumps to.
    #[cold]
    fn widen(&mut self, number: u32) {
        let Some(compiled) = self.regions.get_mut(number as usize) else { return };
        let followed_by = core::mem::take(&mut compiled.followed_by);
        let patience = compiled.asked.saturating_mul(2);
        let code = self.program.code();
        let executed =
            |to: &u32| code.ops().get(*to as usize).is_some_and(|op| !leads::<I>(op).is_interpreted());
        let mut entries = compiled.entries.clone();
        let often = followed_by.into_iter().filter(|(_, count)| *count > compiled.asked / 100);
        entries.extend(often.map(|(to, _)| to).filter(executed));
        entries.truncate(MOST_ENTRIES);
        let region = Region::new::<I>(code, &entries, self.most);
        if region.entries.len() > compiled.entries.len() {
            self.compile(region, patience);
        }
    }

    /// Compiles a region, and again after so many jumps out of it.
    #[cold]
    fn compile(&mut self, region: Region, patience: u32) {
        if self.statistics.bytes > MOST_BYTES {
            return;
        }
        let begun = Instant::now();
        let code = self.program.code();
        if self.compiler.is_none() {
            self.compiler = Compiler::new().ok();
        }
        let dispatch = Dispatch::new(&region, code);
        let compiler = self.compiler.as_mut();
        let function = compiler.and_then(|it| it.compile::<I>(code, &region, &dispatch, &mut self.memory));
        if let Some((function, bytes)) = function {
            self.statistics.regions += 1;
            self.statistics.instructions += region.ops(code).count() as u64;
            self.statistics.bytes += bytes as u64;
            for &entry in &region.entries {
                let place = entry as usize;
                if let (Some(entered), Some(count)) =
                    (self.entered.get_mut(place), self.counts.get_mut(place))
                {
                    (*entered, *count) = (self.regions.len() as u32 + 1, NEVER);
                }
            }
            let entries = region.entries;
            self.regions.push(Compiled {
                function,
                dispatch,
                entries,
                followed_by: BTreeMap::new(),
                patience,
                asked: patience,
            });
        }
        self.statistics.time += begun.elapsed();
    }
}
