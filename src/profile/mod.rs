//! Where a guest's cycles go: by function, call stack, source line, instruction, pair of instructions, page of memory, and region that
//! the guest marked.
//!
//! In: an [`Execution`], and a [`CodeMap`], which says what its code is called. Out: a [`Profile`]. These are counts of every
//! cycle and no samples, so that they are the same on every machine. Behind the feature `profile`.
//!
//! The program is run once more, beside a counter: from jump to jump, so that straight code costs next to nothing.
//! Calls are followed by what the manual tells return-address stacks; the stack pointer says what `longjmp`, exceptions and
//! coroutines leave. Nothing is O(T): see [`profile`].

mod calls;
mod code_map;
mod firefox;
mod flamegraph;
mod markers;
mod pass;
mod recorder;
mod regions;
mod stack;
mod tables;
mod timeline;
mod tree;

pub use code_map::CodeMap;
pub use stack::calls_at;
pub use tables::{Address, Function, Instruction, Line, Page, Pair, Region};

use core::ops::Range;
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::checkpoint::{Execution, UnknownCycles};
use crate::guest::Guest;
use crate::isa::{Isa, Op};
use crate::program::Program;
use crate::replay::ReplayError;
use pass::Pass;
use recorder::Recorder;
use regions::Counts;
use timeline::Sample;
use tree::Node;

/// Exact counts of cycles of an execution.
#[derive(Debug)]
pub struct Profile<I: Isa> {
    program: Arc<Program<I>>,
    map: CodeMap,
    cycles: Range<u64>,
    /// For each entry of the code table how often it was executed.
    counts: Vec<u64>,
    /// For each entry how often it was executed right after the one before it, and not jumped to.
    after_previous: Vec<u64>,
    pages: Vec<Page>,
    nodes: Vec<Node>,
    timeline: Vec<Sample>,
    regions: Vec<Counts>,
    notes: Notes,
}

/// What a profile leaves out of its stacks and regions, never of its counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notes {
    /// Calls within more than 256 calls: what they executed is counted within the 256th.
    pub unfollowed_calls: u64,
    /// Whether there were more than 2¹⁸ stacks: the rest are counted by their innermost functions, below `[other stacks]`.
    pub stacks_left_out: bool,
    /// Regions that ended without having begun, or began and did not end before the one around them.
    pub unbalanced_regions: u64,
    /// Regions that had not ended when the profile did.
    pub open_regions: u64,
}

/// Counts the cycles of a range. `progress` is told the number of cycles that are done, every few milliseconds.
///
/// The range's stacks are whole: calls are followed from the program's start. Time: O(`cycles.end`), about twice
/// that of the interpreter's fast pass. Space: a machine's; O(code); at most 2¹⁸ stacks and a number for each function; two
/// numbers for each page of the address space that is touched; a timeline of at most as many entries as there are stacks, or 2¹⁵.
///
/// # Errors
/// [`ReplayError`]: cycles that the execution does not have, a changed input, no address space, cancellation.
///
/// ```
/// use retrace::cancel::Cancel;
/// use retrace::checkpoint::{Options, execute};
/// use retrace::guest::{Input, Linux};
/// use retrace::isa::Rv32i;
/// use retrace::profile::{CodeMap, profile};
/// use retrace::program::Program;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let elf = std::fs::read("tests/guests/quicksort.elf")?;
/// let program = Program::<Rv32i>::from_elf(&elf)?;
/// let map = CodeMap::from_elf(&program, &elf);
/// let execution = execute(program, Linux::default(), Input::empty(), Options::default())?;
/// let profile = profile(&execution, map, 0..execution.cycles(), &Cancel::new(), |_| {})?;
/// assert_eq!(profile.functions()[0].name, "quicksort");
/// # Ok(())
/// # }
/// ```
pub fn profile<I: Isa, G: Guest>(
    execution: &Execution<I, G>,
    map: CodeMap,
    cycles: Range<u64>,
    cancel: &Cancel,
    mut progress: impl FnMut(u64),
) -> Result<Profile<I>, ReplayError> {
    UnknownCycles::check(&cycles, execution.cycles())?;
    let program = execution.program();
    let mut recorder = Recorder::new(program, &map);
    let mut pass = Pass::new(execution, cancel)?;
    pass.go(cycles.start, &mut recorder, &mut progress)?;
    recorder.restart();
    pass.go(cycles.end, &mut recorder, &mut progress)?;
    recorder.flush();

    let counts = counts(&recorder.begun, &recorder.ended);
    let after_previous = counts.iter().zip(&recorder.begun).map(|(count, begun)| count - begun).collect();
    let pages = tables::pages(&recorder.pages);
    let Recorder { mut tree, calls, timeline, regions, unnamed, .. } = recorder;
    let timeline = timeline.finish(&mut tree);
    let (regions, unbalanced_regions, open) = regions.finish(cycles.end);
    let notes = Notes {
        unfollowed_calls: calls.unfollowed,
        stacks_left_out: tree.overflowed(),
        unbalanced_regions,
        open_regions: open as u64,
    };
    let mut map = map;
    map.functions.extend(unnamed.iter().map(|address| format!("{address:#010x}")));
    Ok(Profile {
        program: Arc::clone(program),
        map,
        cycles,
        counts,
        after_previous,
        pages,
        nodes: tree.nodes,
        timeline,
        regions,
        notes,
    })
}

/// How often each entry was executed: the runs that began up to it and did not end before it.
fn counts(begun: &[u64], ended: &[u64]) -> Vec<u64> {
    let mut running = 0;
    begun
        .iter()
        .zip(ended)
        .map(|(begun, ended)| {
            running += begun;
            let count = running;
            running -= ended;
            count
        })
        .collect()
}

impl<I: Isa> Profile<I> {
    /// Which cycles were counted.
    pub fn cycles(&self) -> Range<u64> {
        self.cycles.clone()
    }

    /// How many: the sum of every table that counts cycles.
    pub fn total(&self) -> u64 {
        self.cycles.end - self.cycles.start
    }

    /// What stacks and regions leave out.
    pub fn notes(&self) -> Notes {
        self.notes
    }

    /// The entries of the code table that were executed, with how often, by ascending address.
    fn executed(&self) -> impl Iterator<Item = (usize, &Op, u64)> {
        let counted = self.program.code().ops().iter().zip(&self.counts).enumerate();
        counted.filter(|(_, (_, count))| **count > 0).map(|(index, (op, count))| (index, op, *count))
    }

    /// A node's name.
    fn name(&self, node: &Node) -> &str {
        let function = self.map.functions.get(node.function as usize);
        function.map_or("[other stacks]", String::as_str)
    }

    /// For each node its cycles and those of all that it called.
    fn totals(&self) -> Vec<u64> {
        let mut totals: Vec<u64> = self.nodes.iter().map(|node| node.cycles).collect();
        for (at, node) in self.nodes.iter().enumerate().skip(1).rev() {
            totals[node.parent as usize] += totals[at];
        }
        totals
    }
}
