//! Native code for the fast pass: what is executed often, compiled by Cranelift from the semantics that a spec states.
//!
//! In: a program, and where it is. Out: the state some cycles later, to the bit that of the interpreter, which executes
//! what is not compiled, what traps, calls, and the last cycles before a limit.
//!
//! ```text
//!     I::SEMANTICS ──▶ region: which blocks ──▶ compiler: emit, lower, Cranelift ──▶ code: executable memory
//!     profile: what is hot ──┘                  perhaps on a thread of its own
//! ```
//!
//! No instruction is named: [`lower`] knows the IR's operations, and [`emit`] its statements.

mod code;
mod compiler;
mod dispatch;
mod emit;
mod graph;
mod lower;
mod profile;
mod region;
mod registers;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::isa::{Isa, Word};
use crate::machine::NativeCode;
use crate::program::Program;
pub(crate) use code::Operands;
use code::{CodeMemory, Function};
use compiler::{Beside, Finished, Here, Quality, Request};
use dispatch::Dispatch;
use profile::Profile;
use region::{MOST_ENTRIES, Region, Scope, successor};
pub(crate) use state::ExitReason;
use state::{Exit, State};

/// How many cycles are interpreted from one burst of the profile to the next: in the beginning, and after so many bursts.
const PERIOD: u64 = 1 << 12;
const LATER: (u64, u32) = (1 << 14, 1 << 9);

/// How long a burst is at most: jumps, and about how many cycles.
const BURST: (u32, u64) = (24, 512);

/// How long execution has to be about a place, in interpreted cycles, before its region is compiled; and the part of
/// them that pays for one instruction of the region. To compile one takes some ten microseconds, in which the
/// interpreter executes about 6000 cycles. The first are for a guest that waits meanwhile. A guest that goes on pays
/// less; but code that comes late is of less use.
const CYCLES_TO_PAY_WAITING: (u64, u64) = (1 << 20, 2500);
const CYCLES_TO_PAY_BESIDE: (u64, u64) = (250_000, 700);

/// Good code is compiled for a region that executed so many cycles: fewer, where the guest goes on meanwhile. So it is for
/// one that was left so often for another region, and then twice as often each time.
const CYCLES_TO_IMPROVE_WAITING: u64 = 30_000_000;
const CYCLES_TO_IMPROVE_BESIDE: u64 = 5_000_000;
const EXITS_TO_WIDEN: u32 = 200_000;

/// What coming back from native code counts as, in interpreted cycles.
const CYCLES_TO_EXIT: u64 = 32;

/// After how many visits, each of which ends by an exit, a region is judged, unless the guest waits for its code; how many
/// cycles a visit has to execute to be no slower than the interpreter; and for how many times as long as before a place is
/// interpreted where native code was slower.
const VISITS_TO_JUDGE: u32 = 1 << 13;
const CYCLES_OF_VISIT: u64 = 16;
const TIMES_PUT_OFF: u64 = 16;

/// The most instructions that are compiled at once, quickly and to good code; what does not fit is another region's.
const MOST_INSTRUCTIONS: usize = 500;
const MOST_OF_GOOD: usize = 1500;

/// Where every jump is counted, what was jumped to this part of often is compiled together with what was jumped to often;
/// and the most of such.
const SOONER: u32 = 64;
const MOST_TOGETHER: usize = 32;

/// The most bytes of native code; what is hot after that is interpreted.
const MOST_BYTES: u64 = 1 << 28;

/// The count of what is not to be compiled.
const NEVER: u32 = u32::MAX;

/// What the fused code is at compiled entries: no instruction has it, so the interpreter stops there.
const ENTRY: u8 = crate::isa::Op::UNDECODABLE;

/// When code is compiled, and when it is taken over. Neither changes a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// When it has paid for it, before the guest goes on: what is compiled depends on the run alone.
    Waiting,
    /// When it has paid for it, while the guest goes on.
    Beside,
    /// When it is jumped to for the `often`-th time, before the guest goes on; at most so many instructions at once.
    Eager { often: u32, most: usize },
    /// When it was executed, and it is taken over at moments drawn from this seed.
    Random { seed: u64 },
}

/// Native code of a program, made as it runs.
pub(crate) struct Native<I: Isa> {
    program: Arc<Program<I>>,
    effort: Effort,
    here: Here,
    /// None before the first use.
    beside: Option<Beside>,
    /// Whether a region is asked for, and not taken over.
    asked: bool,
    /// What is compiled, and to be taken over after so many looks.
    late: Option<(Finished, u64)>,
    random: u64,
    memory: CodeMemory,
    regions: Vec<Installed>,
    /// By place in the code table: the region that is entered there, counted from 1; 0 if there is none.
    entered: Vec<u32>,
    /// What the interpreter executes, as the code table has it, with [`ENTRY`] where a region is entered.
    fused: Vec<u8>,
    profile: Profile,
    bursts: u32,
    /// How many cycles are interpreted until the next burst.
    until_burst: u64,
    /// By place in the code table: how often it was jumped to.
    counts: Vec<u32>,
    /// The region that ran last.
    last: u32,
    statistics: NativeCode,
}

/// A region's function.
struct Installed {
    function: Function,
    exits: Vec<Exit>,
    dispatch: Dispatch,
    entries: Vec<u32>,
    /// By an entry's number, which counts from 1: whether it was entered from elsewhere.
    used: Vec<bool>,
    /// How often what is entered there was compiled before.
    generation: u32,
    quality: Quality,
    /// How many cycles it executed, and after how many it is compiled again to better code.
    cycles: u64,
    enough: u64,
    /// Where execution went on behind it: how often.
    followed_by: BTreeMap<u32, u32>,
    /// How many more times until it is compiled again, together with what follows.
    patience: u32,
    /// How many that was at first.
    asked: u32,
    /// The visits that it is judged by, and the cycles that they executed: older ones count less and less.
    visits: u32,
    cycles_of_visits: u64,
    /// At how many visits it is next judged.
    judged_at: u32,
}

impl Installed {
    /// Whether it was entered at a place from elsewhere.
    fn is_used(&self, place: u32) -> bool {
        self.entries
            .iter()
            .position(|&entry| entry == place)
            .is_some_and(|at| self.used.get(at + 1) == Some(&true))
    }

    /// The entries that were entered from elsewhere.
    fn used_entries(&self) -> Vec<u32> {
        self.entries
            .iter()
            .zip(self.used.iter().skip(1))
            .filter(|&(_, &used)| used)
            .map(|(&entry, _)| entry)
            .collect()
    }
}

/// How native code returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Returned {
    pub(crate) reason: ExitReason,
    /// The place in the code table that the reason is about.
    pub(crate) index: u32,
    /// The address jumped to, if the reason is a jump.
    pub(crate) pc: Word,
    pub(crate) cycles_left: u64,
}

impl<I: Isa> Native<I> {
    /// Nothing is compiled yet.
    ///
    /// # Errors
    /// Native code cannot be made, or not be executed, on this host.
    pub(crate) fn new(program: Arc<Program<I>>, effort: Effort) -> Result<Self, String> {
        let memory = CodeMemory::new().map_err(|error| error.to_string())?;
        let count = program.code().ops().len();
        let seed = if let Effort::Random { seed } = effort { seed } else { 0 };
        Ok(Self {
            fused: program.code().fused().to_vec(),
            profile: Profile::new(count),
            program,
            effort,
            here: Here::default(),
            beside: None,
            asked: false,
            late: None,
            random: seed,
            memory,
            regions: Vec::new(),
            entered: vec![0; count],
            bursts: 0,
            until_burst: 0,
            counts: vec![0; count],
            last: u32::MAX,
            statistics: NativeCode::default(),
        })
    }

    /// Whether every jump is to be told by [`jumped_to`](Self::jumped_to), and no burst.
    #[inline]
    pub(crate) fn is_eager(&self) -> bool {
        matches!(self.effort, Effort::Eager { .. })
    }

    /// Counts that an instruction was jumped to, and compiles it if that is often. Whether it is compiled.
    #[inline]
    pub(crate) fn jumped_to(&mut self, index: u32) -> bool {
        let Effort::Eager { often, most } = self.effort else { return self.is_compiled(index) };
        let Some(count) = self.counts.get_mut(index as usize) else { return false };
        if *count != NEVER {
            *count += 1;
            if *count >= often {
                *count = NEVER;
                if self.is_executable(index) {
                    let entries = self.together_with(index, often);
                    let region = Region::new::<I>(self.program.code(), &entries, most, &Scope::default());
                    self.compile(region, Quality::Good);
                }
            }
        }
        self.is_compiled(index)
    }

    /// What the interpreter executes. It stops where a region is entered, by the trap of a word that does not decode.
    #[inline]
    pub(crate) fn fused(&self) -> &[u8] {
        &self.fused
    }

    /// How many cycles are to be interpreted before the next burst.
    #[inline]
    pub(crate) fn until_burst(&self) -> u64 {
        self.until_burst
    }

    /// Takes note of cycles that were interpreted.
    #[inline]
    pub(crate) fn interpreted(&mut self, cycles: u64) {
        self.until_burst = self.until_burst.saturating_sub(cycles);
    }

    /// Begins a burst: how many jumps, and how many cycles, it is long.
    pub(crate) fn begin_burst(&mut self) -> (u32, u64) {
        let (later, after) = LATER;
        let period = match self.effort {
            Effort::Random { .. } => self.draw(64),
            _ if self.bursts > after => later,
            _ => PERIOD,
        };
        // Of a loop whose length divides the period another part each time.
        self.until_burst = period - period / 16 + self.draw(period / 8 + 1);
        self.bursts = self.bursts.saturating_add(1);
        self.profile.begin(period);
        BURST
    }

    /// Takes note of instructions of a burst, executed one after the other, of which the last jumped.
    pub(crate) fn ran(&mut self, first: u32, cycles: u64, target: u32) {
        self.profile.ran::<I>(self.program.code(), first, cycles as u32, target);
    }

    /// Ends a burst: what has paid for it is compiled.
    pub(crate) fn end_burst(&mut self) {
        self.take_over();
        if self.asked {
            return;
        }
        let usable = |index| !self.is_compiled(index) && self.is_executable(index);
        let Some((index, cycles)) = self.profile.hottest(usable) else { return };
        let Some((look, each)) = self.cycles_to_pay() else { return };
        if cycles < look {
            return self.profile.set_enough(index, look);
        }
        // If it comes to nothing, it is tried again after twice as long.
        self.profile.set_enough(index, 2 * cycles);
        let paid = usize::try_from(cycles / each).unwrap_or(usize::MAX);
        let is_good = |place| self.region_of(place).is_some_and(|region| region.quality == Quality::Good);
        let is_jumped_to = |place| self.profile.is_jumped_to(place);
        let scope =
            Scope { profile: Some(&self.profile), outside: Some(&is_good), entered: Some(&is_jumped_to) };
        let region = Region::new::<I>(self.program.code(), &[index], paid.min(MOST_INSTRUCTIONS), &scope);
        self.compile(region, Quality::Quick);
    }

    /// For how many cycles execution has to be about a place before its region is compiled, and how many pay for an
    /// instruction; none if no profile is taken.
    fn cycles_to_pay(&self) -> Option<(u64, u64)> {
        match self.effort {
            Effort::Eager { .. } => None,
            Effort::Random { .. } => Some((1, 1)),
            Effort::Waiting => Some(CYCLES_TO_PAY_WAITING),
            Effort::Beside => Some(CYCLES_TO_PAY_BESIDE),
        }
    }

    /// The region that is entered at a place.
    fn region_of(&self, place: u32) -> Option<&Installed> {
        let number = self.entered.get(place as usize)?.checked_sub(1)?;
        self.regions.get(number as usize)
    }

    /// The region that these entries lead to, to be compiled to good code. It takes over what is entered there elsewhere.
    fn good_region(&self, entries: &[u32]) -> Region {
        let is_used = |place| self.region_of(place).is_some_and(|region| region.is_used(place));
        let scope = Scope { profile: Some(&self.profile), outside: None, entered: Some(&is_used) };
        Region::new::<I>(self.program.code(), entries, MOST_OF_GOOD, &scope)
    }

    /// Takes over code that was compiled meanwhile.
    #[inline]
    pub(crate) fn take_over(&mut self) {
        if self.asked {
            self.take_over_finished();
        }
    }

    fn take_over_finished(&mut self) {
        let finished = match &mut self.late {
            Some((_, looks)) if *looks > 0 => {
                *looks -= 1;
                return;
            }
            late => late.take().map(|(finished, _)| finished),
        };
        if let Some(finished) = finished.or_else(|| self.beside.as_ref()?.take()) {
            self.asked = false;
            self.install(finished);
        }
    }

    /// Runs native code from an instruction on, for at most `cycles_left` cycles. None if the instruction is not compiled.
    #[inline]
    pub(crate) fn run(&mut self, index: u32, operands: Operands<'_>, cycles_left: u64) -> Option<Returned> {
        let number = self.entered.get(index as usize)?.checked_sub(1)?;
        let region = self.regions.get_mut(number as usize)?;
        let code = self.program.code();
        let entry = region.dispatch.number(code.ops().get(index as usize)?.pc);
        let mut state = State::default();
        let left = self.memory.call(region.function, operands, &mut state, cycles_left, entry);
        self.last = number;
        if let Some(used) = region.used.get_mut(usize::from(entry)) {
            *used = true;
        }
        let cycles = cycles_left - left.min(cycles_left);
        region.cycles += cycles;
        region.cycles_of_visits += cycles;
        region.visits += 1;
        let exit = region.exits.get(state.exit as usize)?;
        let (reason, index) = (exit.reason, exit.index);
        Some(Returned { reason, index, pc: state.pc, cycles_left: left + u64::from(exit.uncounted) })
    }

    /// Takes note that execution goes on at an instruction after the region that ran last, which is compiled again with what
    /// often comes after it. Whether the instruction is compiled.
    #[inline]
    pub(crate) fn goes_on_at(&mut self, index: u32) -> bool {
        let number = self.last;
        if let Some(region) = self.regions.get(number as usize) {
            if region.visits >= region.judged_at {
                self.judge(number);
            } else if region.cycles > region.enough {
                self.improve(number);
            }
        }
        if self.entered.get(index as usize).is_some_and(|&region| region == number.wrapping_add(1)) {
            return true;
        }
        self.interpreted(CYCLES_TO_EXIT);
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

    #[inline]
    pub(crate) fn is_compiled(&self, index: u32) -> bool {
        self.entered.get(index as usize).is_some_and(|&region| region != 0)
    }

    /// Whether there is an instruction that native code executes.
    fn is_executable(&self, index: u32) -> bool {
        let op = self.program.code().ops().get(index as usize);
        op.is_some_and(|op| !successor::<I>(op).is_interpreted())
    }

    /// A number below `below`, or 0. An xorshift generator.
    fn draw(&mut self, below: u64) -> u64 {
        let x = self.random | 1 << 63;
        let x = x ^ x << 13;
        let x = x ^ x >> 7;
        self.random = x ^ x << 17;
        (self.random >> 8) % below.max(1)
    }

    /// An instruction that is to be compiled, and what was jumped to often enough to be wanted soon: the loops around it and
    /// the functions that they call. So these are compiled once, and not again with each. O(code).
    fn together_with(&mut self, index: u32, often: u32) -> Vec<u32> {
        let soon = (often / SOONER).max(1);
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

    /// Compiles a region again that ran for long, to better code.
    #[cold]
    fn improve(&mut self, number: u32) {
        let Some(installed) = self.regions.get_mut(number as usize).filter(|_| !self.asked) else { return };
        installed.enough = u64::MAX;
        let entries = installed.used_entries();
        self.compile(self.good_region(&entries), Quality::Good);
    }

    /// Compiles a region again, with what it often jumps to.
    #[cold]
    fn widen(&mut self, number: u32) {
        let Some(installed) = self.regions.get_mut(number as usize) else { return };
        if self.asked {
            // One region at a time.
            installed.patience = installed.asked;
            return;
        }
        let followed_by = core::mem::take(&mut installed.followed_by);
        let counted = installed.asked - installed.patience;
        let Some(installed) = self.regions.get(number as usize) else { return };
        let often = followed_by.into_iter().filter(|(_, count)| *count > counted / 100);
        let often = often.map(|(to, _)| to).filter(|&to| self.is_executable(to));
        let region = match self.effort {
            Effort::Eager { most, .. } => {
                let entries: Vec<u32> =
                    installed.entries.iter().copied().chain(often).take(MOST_ENTRIES).collect();
                Region::new::<I>(self.program.code(), &entries, most, &Scope::default())
            }
            _ => {
                let entries: Vec<u32> =
                    installed.used_entries().into_iter().chain(often).take(MOST_ENTRIES).collect();
                self.good_region(&entries)
            }
        };
        if region.entries.len() > installed.entries.len() || !self.is_eager() {
            self.compile(region, Quality::Good);
        }
    }

    /// Takes a region back that is left after too few cycles. It is compiled once more, to good code together with what often
    /// follows; if that is no better, what it was entered at and what followed are interpreted.
    #[cold]
    fn judge(&mut self, number: u32) {
        let is_too_short = match self.effort {
            Effort::Eager { .. } => false,
            Effort::Random { .. } => self.draw(2) == 0,
            _ => self
                .regions
                .get(number as usize)
                .is_some_and(|region| region.cycles_of_visits < u64::from(region.visits) * CYCLES_OF_VISIT),
        };
        let least = self.cycles_to_pay().map_or(0, |(look, _)| look);
        let Some(region) = self.regions.get_mut(number as usize) else { return };
        region.visits /= 2;
        region.cycles_of_visits /= 2;
        if !is_too_short {
            return;
        }
        let may_be_widened = region.quality == Quality::Quick;
        for &entry in &region.entries {
            let place = entry as usize;
            if let (Some(entered), Some(fused), Some(code)) = (
                self.entered.get_mut(place),
                self.fused.get_mut(place),
                self.program.code().fused().get(place),
            ) && *entered == number + 1
            {
                (*entered, *fused) = (0, *code);
            }
        }
        if may_be_widened {
            return self.widen(number);
        }
        let followed_by = core::mem::take(&mut region.followed_by);
        for &place in region.entries.iter().chain(followed_by.keys()) {
            self.profile.put_off(place, TIMES_PUT_OFF, least);
        }
    }

    /// Has a region compiled.
    #[cold]
    fn compile(&mut self, region: Region, quality: Quality) {
        if self.statistics.bytes > MOST_BYTES || region.entries.is_empty() {
            return;
        }
        let request = match self.ask_beside(Request { region, quality }) {
            Some(request) => request,
            None => return self.asked = true,
        };
        let finished = self.here.compile::<I>(self.program.code(), request);
        match self.effort {
            Effort::Random { .. } => {
                self.late = Some((finished, self.draw(4)));
                self.asked = true;
            }
            _ => self.install(finished),
        }
    }

    /// Has the thread compile a region. Gives it back if there is none.
    fn ask_beside(&mut self, request: Request) -> Option<Request> {
        if self.effort != Effort::Beside {
            return Some(request);
        }
        if self.beside.is_none() {
            self.beside = Beside::new(Arc::clone(&self.program)).ok();
        }
        match &self.beside {
            Some(beside) => beside.ask(request).err(),
            None => Some(request),
        }
    }

    fn install(&mut self, finished: Finished) {
        let Finished { region, quality, dispatch, function, time } = finished;
        self.statistics.time += time;
        let Some(function) = function else { return };
        let Ok(installed) = self.memory.add(&function) else { return };
        let length = region.len();
        self.statistics.regions += 1;
        self.statistics.instructions += length;
        self.statistics.bytes += function.bytes().len() as u64;
        let number = self.regions.len() as u32 + 1;
        let of_entries = region.entries.iter().filter_map(|&entry| self.region_of(entry));
        let generation = of_entries.map(|it| it.generation + 1).max().unwrap_or_default();
        for &entry in region.entries.iter().filter(|&&entry| !self.profile.is_put_off(entry)) {
            let entry = entry as usize;
            if let (Some(entered), Some(fused), Some(count)) =
                (self.entered.get_mut(entry), self.fused.get_mut(entry), self.counts.get_mut(entry))
            {
                (*entered, *fused, *count) = (number, ENTRY, NEVER);
            }
        }
        let patience = match self.effort {
            Effort::Eager { often, .. } => often,
            _ => EXITS_TO_WIDEN << generation.min(8),
        };
        let enough = match (self.effort, quality) {
            (Effort::Eager { .. }, _) | (_, Quality::Good) => u64::MAX,
            (Effort::Random { .. }, _) => self.draw(1 << 10),
            (Effort::Waiting, Quality::Quick) => CYCLES_TO_IMPROVE_WAITING,
            (Effort::Beside, Quality::Quick) => CYCLES_TO_IMPROVE_BESIDE,
        };
        let judged_at = match self.effort {
            Effort::Random { .. } => self.draw(1 << 8) as u32,
            Effort::Waiting => EXITS_TO_WIDEN,
            _ => VISITS_TO_JUDGE,
        };
        self.regions.push(Installed {
            function: installed,
            exits: function.into_exits(),
            dispatch,
            used: vec![false; region.entries.len() + 1],
            entries: region.entries,
            generation,
            quality,
            cycles: 0,
            enough,
            followed_by: BTreeMap::new(),
            patience,
            asked: patience,
            visits: 0,
            cycles_of_visits: 0,
            judged_at,
        });
    }
}

#[cfg(test)]
mod tests;
