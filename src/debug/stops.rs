//! Where a run is to stop.

use std::collections::BTreeSet;

use crate::isa::{Isa, Word};
use crate::machine::Observer;
use crate::program::{Code, Program};

/// Whose a breakpoint is; one address may have one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Breaks {
    /// In gdb's words a software breakpoint.
    Software,
    /// In gdb's words a hardware breakpoint.
    Hardware,
}

/// Bytes of memory whose loads, stores or both are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Watchpoint {
    pub(crate) address: Word,
    /// At least 1.
    pub(crate) bytes: Word,
    pub(crate) loads: bool,
    pub(crate) stores: bool,
}

/// What was found at a pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The instruction before the pause touched it.
    pub(super) watchpoint: Option<Watchpoint>,
    /// The next instruction has one.
    pub(super) breakpoint: bool,
}

/// Breakpoints and watchpoints, and what the machine found of them.
#[derive(Debug)]
pub(super) struct Stops {
    breakpoints: BTreeSet<(Word, Breaks)>,
    watchpoints: BTreeSet<Watchpoint>,
    /// For each entry of the code table whether there is a breakpoint.
    at: Vec<bool>,
    found: Found,
}

impl Stops {
    /// None of them. O(code) space.
    pub(super) fn new<I: Isa>(program: &Program<I>) -> Self {
        Self {
            breakpoints: BTreeSet::new(),
            watchpoints: BTreeSet::new(),
            at: vec![false; program.code().ops().len()],
            found: Found::default(),
        }
    }

    /// Sets or removes a breakpoint. Where no instruction is it stops nothing: what gets there faults.
    pub(super) fn set_breakpoint(&mut self, code: &Code, address: Word, breaks: Breaks, set: bool) {
        if set {
            self.breakpoints.insert((address, breaks));
        } else {
            self.breakpoints.remove(&(address, breaks));
        }
        if let Some(index) = code.index_of(address) {
            let here = (address, Breaks::Software)..=(address, Breaks::Hardware);
            self.at[index as usize] = self.breakpoints.range(here).next().is_some();
        }
    }

    /// Sets or removes a watchpoint.
    pub(super) fn set_watchpoint(&mut self, watchpoint: Watchpoint, set: bool) {
        if set {
            self.watchpoints.insert(watchpoint);
        } else {
            self.watchpoints.remove(&watchpoint);
        }
    }

    /// Whether there are neither.
    pub(super) fn is_empty(&self) -> bool {
        self.breakpoints.is_empty() && self.watchpoints.is_empty()
    }

    /// Whether the instruction at this address has a breakpoint.
    pub(super) fn breaks_at(&self, code: &Code, address: Word) -> bool {
        code.index_of(address).is_some_and(|index| self.at[index as usize])
    }

    /// What was found since the last time.
    pub(super) fn take(&mut self) -> Found {
        core::mem::take(&mut self.found)
    }

    #[inline(always)]
    fn touched(&mut self, address: Word, bytes: Word, of: impl Fn(&Watchpoint) -> bool) {
        if self.watchpoints.is_empty() {
            return;
        }
        let last = address.wrapping_add(bytes - 1);
        let touches = |watchpoint: &&Watchpoint| {
            let end = watchpoint.address.saturating_add(watchpoint.bytes - 1);
            of(watchpoint) && watchpoint.address <= last && address <= end
        };
        if let Some(watchpoint) = self.watchpoints.iter().find(touches) {
            self.found.watchpoint = Some(*watchpoint);
        }
    }
}

impl Observer for Stops {
    #[inline(always)]
    fn load(&mut self, address: Word, bytes: Word, _value: Word) {
        self.touched(address, bytes, |watchpoint| watchpoint.loads);
    }

    #[inline(always)]
    fn store(&mut self, address: Word, bytes: Word, _value: Word) {
        self.touched(address, bytes, |watchpoint| watchpoint.stores);
    }

    #[inline(always)]
    fn pauses_before(&mut self, index: u32) -> bool {
        self.found.breakpoint = self.at.get(index as usize).is_some_and(|&here| here);
        self.found != Found::default()
    }
}
