//! The machine: registers, memory, program counter, cycle, and the one loop that executes instructions.
//!
//! In: a [`Program`], a [`Checkpoint`] to start from, an [`Input`]. Out: the machine's state some cycles later and, if
//! a [`Recorder`] is given, a row for each of these cycles. The fast pass and replay are this loop, with and without a
//! recorder.

mod checkpoint;
mod executor;
mod fault;
mod hart;
mod image;
mod memory;
#[cfg(native)]
mod native;
#[cfg(feature = "profile")]
mod observe;
mod position;
#[cfg(test)]
pub(crate) mod test_isa;

pub use checkpoint::Checkpoint;
pub use executor::{Executor, FastPass, NativeCode};
pub use fault::{Fault, RunError};
pub use memory::Memory;
#[cfg(feature = "profile")]
pub(crate) use observe::{Jumped, Observer};
#[cfg(native)]
pub(crate) use {
    hart::REGISTERS,
    image::WORDS,
    memory::{PAGES, READY, WRITABLE},
};

use std::sync::Arc;

use crate::guest::{Guest, Input, Output};
use crate::isa::{Flow, Isa, Op, Recorder, Trap, TrapCause, Word};
use crate::oracle::State;
use crate::pages::Snapshot;
use crate::program::{Code, Program, only_jumps};
use hart::Hart;
use memory::MemoryFailure;
use position::{OUTSIDE, Position};

/// A machine that runs a program of instruction set `I` under the guest interface `G`.
///
/// Space: O(K) for what the guest touches, whatever the number of cycles.
#[derive(Debug)]
pub struct Machine<I: Isa, G> {
    program: Arc<Program<I>>,
    hart: Hart<I, G>,
    cycle: u64,
    position: Position,
}

/// Why a run paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// The cycle that was asked for is reached.
    Reached,
    /// The guest ended with this exit code.
    Exited(Word),
    /// The word that [`Machine::run_until_stored`] looks at is no longer zero, but this.
    Stored(Word),
}

impl<I: Isa, G: Guest> Machine<I, G> {
    /// A machine in the state of a checkpoint, which must be one of this program's. Output is dropped until
    /// [`set_output`](Self::set_output).
    ///
    /// # Errors
    /// The operating system refused to reserve the guest's address space.
    pub fn new(program: Arc<Program<I>>, input: Input, checkpoint: &Checkpoint<G>) -> std::io::Result<Self> {
        let memory = Memory::new(Arc::clone(program.code().ranges()))?;
        let hart = Hart::new(memory, checkpoint.guest.clone(), input);
        let mut machine = Self { program, hart, cycle: 0, position: Position::ENDED };
        machine.restore(checkpoint);
        Ok(machine)
    }

    /// Goes to a checkpoint of the same program. O(pages touched since the last time).
    pub fn restore(&mut self, checkpoint: &Checkpoint<G>) {
        self.hart.restore(checkpoint);
        self.cycle = checkpoint.cycle;
        self.go_to(checkpoint.pc, None);
    }

    /// The state as it is now, to go back to. O(pages written since the last checkpoint was taken or restored).
    pub fn checkpoint(&mut self) -> Checkpoint<G> {
        let State { cycle, pc, registers } = self.state();
        Checkpoint {
            cycle,
            pc,
            registers,
            guest: self.hart.guest.clone(),
            pages: self.hart.memory.checkpoint(),
        }
    }

    /// Lets memory at rest be these pages, which are equal to it, from now on. To be called after
    /// [`checkpoint`](Self::checkpoint).
    pub(crate) fn rebase(&mut self, pages: Snapshot) {
        self.hart.memory.rebase(pages);
    }

    /// Runs until `until` cycles were executed since the program's start, or the guest ends. Records a row a cycle.
    ///
    /// O(1) a cycle; with `R = ()` nothing of recording remains.
    ///
    /// # Errors
    /// A fault of the guest, or a failure of its input or output. The machine is then in the state before the cycle
    /// that failed, which is not counted. To run a guest on that has ended is a fault: no instruction is at its program
    /// counter, 0.
    pub fn run<R: Recorder>(&mut self, until: u64, recorder: &mut R) -> Result<Pause, RunError> {
        match if R::RECORDS { None } else { self.execute_fused(None, u64::MAX, until) } {
            Some(stop) => self.pause(stop, recorder),
            None => self.record(until, recorder),
        }
    }

    /// Runs as [`run`](Self::run) does, one instruction after the other. Inlined, so that the recorder's place can be in a
    /// register: by reference it would be in memory, and rows take a fifth longer.
    #[inline(always)]
    pub(crate) fn record<R: Recorder>(&mut self, until: u64, recorder: &mut R) -> Result<Pause, RunError> {
        let stop = self.execute::<R, false>(until, recorder);
        self.pause(stop, recorder)
    }

    /// The loop without a recorder, as far as whole runs fit: from jump to jump, pairs as one. Cycles are counted, and
    /// compared with the limit, once a jump, and so it ends before a run of the longest could reach the limit.
    ///
    /// It also ends at the first jump after `pause` cycles. Another table than the code's may be given in place of
    /// [`Code::fused`](crate::program::Code::fused).
    fn execute_fused(&mut self, fused: Option<&[u8]>, pause: u64, until: u64) -> Option<Stop> {
        let Self { program, hart, .. } = self;
        let code = program.code();
        let (ops, fused) = (code.ops(), fused.unwrap_or(code.fused()));
        // Of one length, so that one comparison is enough for both.
        let length = ops.len().min(fused.len());
        let (ops, fused) = (&ops[..length], &fused[..length]);
        let left = until.saturating_sub(self.cycle);
        let beyond = left.checked_sub(code.longest_run().into())?.min(pause.saturating_sub(self.cycle));
        // Clamped to i64: `spare` must be able to go below zero.
        let most = i64::try_from(beyond).unwrap_or(i64::MAX);
        // `spare` < 0 means: the next straight-line run could pass `until`. It is the only limit check, once a jump.
        let mut spare = most;
        let mut start = self.position.index();
        let stop = loop {
            let mut at = start as usize;
            let flow = loop {
                let Some(&code) = fused.get(at) else {
                    break Err(Trap { cause: TrapCause::OutsideCode, value: self.position.pc(ops) });
                };
                match I::step_fused(hart, code, ops, &mut at) {
                    Ok(Flow::Next) => at += 1,
                    flow => break flow,
                }
            };
            let last = at as u32;
            spare -= i64::from(last - start);
            start = last;
            match flow {
                Ok(Flow::Jump(pc)) => {
                    spare -= 1;
                    start = code.index_of(pc).unwrap_or(OUTSIDE);
                    if start == OUTSIDE {
                        self.position = Position::Outside { pc, jumped_from: Some(last) };
                    }
                }
                Ok(_) => break Some(Stop::Exit),
                Err(trap) => match step_self_jump(hart, code, last, trap) {
                    Ok(()) => {
                        spare -= 1;
                        start = last + 1;
                    }
                    Err(trap) => break Some(Stop::Trap(trap)),
                },
            }
            if spare < 0 {
                break None;
            }
        };
        self.position.set_index(start);
        self.cycle += most.abs_diff(spare);
        stop
    }

    /// The loop. It is left after a jump as well, if `TO_JUMP` says so.
    #[inline(always)]
    fn execute<R: Recorder, const TO_JUMP: bool>(&mut self, until: u64, recorder: &mut R) -> Stop {
        let Self { program, hart, .. } = self;
        let (code, ops) = (program.code(), program.code().ops());
        let mut index = self.position.index();
        let mut left = until.saturating_sub(self.cycle);
        let stop = loop {
            if left == 0 {
                break Stop::Reached;
            }
            let Some(op) = ops.get(index as usize) else {
                break Stop::Trap(Trap { cause: TrapCause::OutsideCode, value: self.position.pc(ops) });
            };
            let flow = match I::step(hart, op, index, recorder) {
                Ok(flow) => flow,
                Err(trap) => break Stop::Trap(trap),
            };
            match flow {
                Flow::Next => index += 1,
                Flow::Jump(pc) => match code.index_of(pc) {
                    Some(target) => {
                        if target == index && is_stuck::<I>(ops, index) {
                            break Stop::Trap(Trap { cause: TrapCause::SelfJump, value: pc });
                        }
                        index = target;
                    }
                    None => {
                        self.position = Position::Outside { pc, jumped_from: Some(index) };
                        index = OUTSIDE;
                    }
                },
                Flow::Exit => break Stop::Exit,
            }
            recorder.next_row();
            left -= 1;
            if TO_JUMP && flow != Flow::Next {
                break Stop::Jumped;
            }
        };
        self.position.set_index(index);
        self.cycle = until.max(self.cycle) - left;
        stop
    }

    /// What it means that the loop was left.
    fn pause<R: Recorder>(&mut self, stop: Stop, recorder: &mut R) -> Result<Pause, RunError> {
        match stop {
            Stop::Reached | Stop::Jumped => Ok(Pause::Reached),
            Stop::Exit => {
                recorder.next_row();
                self.cycle += 1;
                self.position = Position::ENDED;
                Ok(Pause::Exited(self.hart.exit_code))
            }
            Stop::Trap(trap) => Err(self.error(trap)),
        }
    }

    /// Runs as [`run`](Self::run) does, and pauses also after the cycle that leaves something other than zero in the
    /// word that holds `address`, be it a store or a call that did so.
    ///
    /// It looks after every cycle, which costs several times what the cycle does: so the loop of `run`, and its
    /// stores, have nothing to look for.
    ///
    /// # Errors
    /// As `run`.
    pub fn run_until_stored(&mut self, until: u64, address: Word) -> Result<Pause, RunError> {
        while self.cycle < until {
            if let pause @ (Pause::Exited(_) | Pause::Stored(_)) = self.run(self.cycle + 1, &mut ())? {
                return Ok(pause);
            }
            match self.memory().peek(address)? {
                0 => {}
                value => return Ok(Pause::Stored(value)),
            }
        }
        Ok(Pause::Reached)
    }

    /// How many cycles were executed since the program's start.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// The next instruction's address; 0 after the guest ended.
    pub fn pc(&self) -> Word {
        self.position.pc(self.program.code().ops())
    }

    /// The general registers, by number.
    pub fn registers(&self) -> &[Word] {
        self.hart.registers()
    }

    /// Cycle, program counter and registers.
    pub fn state(&self) -> State {
        State { cycle: self.cycle, pc: self.pc(), registers: self.registers().to_vec() }
    }

    /// The memory.
    pub fn memory(&self) -> &Memory {
        &self.hart.memory
    }

    /// The program.
    pub fn program(&self) -> &Arc<Program<I>> {
        &self.program
    }

    /// Ends runs before the cycle that would touch more pages than this, of which these were touched before.
    pub(crate) fn set_memory_limit(&mut self, pages: u64, touched_before: &[Word]) {
        self.hart.memory.set_limit(pages, touched_before);
    }

    /// The guest interface's state.
    pub(crate) fn guest(&self) -> &G {
        &self.hart.guest
    }

    /// Where the guest's output goes from now on.
    pub fn set_output(&mut self, output: Output) {
        self.hart.output = output;
    }

    /// Where the guest's output goes.
    pub fn output(&mut self) -> &mut Output {
        &mut self.hart.output
    }

    /// Where the jump was that left the code, if the program counter is outside: for errors, and no part of the state.
    pub(crate) fn jumped_from(&self) -> Option<Word> {
        let Position::Outside { jumped_from: Some(from), .. } = self.position else { return None };
        self.program.code().ops().get(from as usize).map(|op| op.pc)
    }

    /// Says again what [`jumped_from`](Self::jumped_from) said of this state.
    pub(crate) fn set_jumped_from(&mut self, from: Option<Word>) {
        if let Position::Outside { jumped_from, .. } = &mut self.position {
            *jumped_from = from.and_then(|pc| self.program.code().index_of(pc));
        }
    }

    /// Goes to an address; `jumped_from` is the place of the instruction that jumped there, if one did.
    fn go_to(&mut self, pc: Word, jumped_from: Option<u32>) {
        self.position = match self.program.code().index_of(pc) {
            Some(index) => Position::Code(index),
            None => Position::Outside { pc, jumped_from },
        };
    }

    #[cold]
    #[inline(never)]
    fn error(&mut self, trap: Trap) -> RunError {
        let memory = self.hart.memory.take_failure().map(|failure| match failure {
            MemoryFailure::Page(error) => RunError::Memory(error),
            MemoryFailure::Limit { address } => RunError::MemoryLimit { address },
        });
        match self.hart.failure.take().or(memory) {
            Some(failure) => failure,
            None => {
                let fault = Fault::new(&self.program, trap, &self.state(), self.jumped_from());
                RunError::Fault(Box::new(fault))
            }
        }
    }
}

/// Whether an instruction that jumps to itself does nothing else: then it would be executed for ever.
#[cold]
#[inline(never)]
fn is_stuck<I: Isa>(ops: &[Op], index: u32) -> bool {
    ops.get(index as usize).is_some_and(only_jumps::<I>)
}

/// Executes an instruction that only jumps to itself, which the code table keeps from the fused loop: it is not taken, or
/// traps. Of any other instruction it gives the trap.
#[cold]
#[inline(never)]
fn step_self_jump<I: Isa, G: Guest>(
    hart: &mut Hart<I, G>,
    code: &Code,
    index: u32,
    trap: Trap,
) -> Result<(), Trap> {
    let place = index as usize;
    let is_kept = trap.cause == TrapCause::Undecodable && code.fused().get(place) == Some(&Op::UNDECODABLE);
    let op = code.ops().get(place).filter(|op| is_kept && op.kind != Op::UNDECODABLE).ok_or(trap)?;
    match I::step(hart, op, index, &mut ())? {
        Flow::Jump(pc) => Err(Trap { cause: TrapCause::SelfJump, value: pc }),
        Flow::Next | Flow::Exit => Ok(()),
    }
}

/// How the loop was left.
enum Stop {
    Reached,
    Jumped,
    Exit,
    Trap(Trap),
}

#[cfg(test)]
mod tests;
