//! What gdb asks for, answered by a debugger.

use core::marker::PhantomData;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use gdbstub::common::Signal;
use gdbstub::conn::ConnectionExt;
use gdbstub::stub::SingleThreadStopReason;
use gdbstub::stub::run_blocking::{BlockingEventLoop, Event, WaitForStopReasonError};
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::reverse_exec::{
    ReplayLogPosition, ReverseCont, ReverseContOps, ReverseStep, ReverseStepOps,
};
use gdbstub::target::ext::base::singlethread::{
    SingleThreadBase, SingleThreadRangeStepping, SingleThreadRangeSteppingOps, SingleThreadResume,
    SingleThreadResumeOps, SingleThreadSingleStep, SingleThreadSingleStepOps,
};
use gdbstub::target::ext::breakpoints::{
    Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, HwWatchpoint, HwWatchpointOps, SwBreakpoint,
    SwBreakpointOps, WatchKind,
};
use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd, MonitorCmdOps, outputln};
use gdbstub::target::{Target, TargetError, TargetResult};
use gdbstub_arch::riscv::Riscv32;
use gdbstub_arch::riscv::reg::RiscvCoreRegs;

use super::wire::{Incoming, Wire};
use crate::cli::output;
use crate::debug::{Breaks, DebugError, Debugger, Stop, Watchpoint};
use crate::guest::Guest;
use crate::isa::{Isa, TrapCause, Word};
use crate::pages::{PAGE_BYTES, WORD_BYTES};

/// Error numbers that gdb knows.
const EPERM: u8 = 1;
const EFAULT: u8 = 14;

const HELP: &str = "\
monitor cycle     which cycle this is, and how many were executed
monitor goto N    go to a cycle, forwards or backwards; gdb then wants `maintenance flush register-cache`
monitor help      this";

/// What gdb last asked to do.
#[derive(Clone, Copy)]
enum Move {
    Run,
    Step,
    /// As long as the program counter is from here to there.
    StepWithin(Word, Word),
    RunBack,
    StepBack,
}

/// One of gdb's sessions.
pub(super) struct Session<I: Isa, G> {
    pub(super) debugger: Debugger<I, G>,
    incoming: Rc<RefCell<Incoming>>,
    next: Move,
    /// Whether people were told of the fault.
    fault_told: bool,
    /// Whether they were told that nothing can be written.
    refusal_told: bool,
}

impl<I: Isa, G: Guest> Session<I, G> {
    pub(super) fn new(debugger: Debugger<I, G>, incoming: Rc<RefCell<Incoming>>) -> Self {
        Self { debugger, incoming, next: Move::Step, fault_told: false, refusal_told: false }
    }

    /// Does what was asked for, until something happens on the wire.
    fn go(&mut self) -> Result<Stop, DebugError> {
        let Self { debugger, incoming, .. } = self;
        let mut go_on = || incoming.borrow_mut().is_quiet();
        let stop = match self.next {
            Move::Run => debugger.run(&mut go_on),
            Move::Step => debugger.step(),
            Move::StepWithin(start, end) => loop {
                let stop = debugger.step()?;
                let within = (start..end).contains(&debugger.machine().pc());
                if stop != Stop::Reached || !within {
                    break Ok(stop);
                }
                // To look costs more than a step.
                if debugger.machine().cycle().is_multiple_of(1 << 16) && !go_on() {
                    break Ok(Stop::Interrupted);
                }
            },
            Move::RunBack => debugger.run_back(&mut go_on),
            Move::StepBack => debugger.step_back(),
        }?;
        if matches!(stop, Stop::Watchpoint(_)) {
            // On RISC-V gdb takes an access that is watched for one that is still to be made, lets it be made in the direction in
            // which it goes, and then looks at what it did.
            let cycle = debugger.machine().cycle();
            let back = matches!(self.next, Move::RunBack | Move::StepBack);
            debugger.go_to(if back { cycle + 1 } else { cycle - 1 }, &mut || true)?;
        }
        self.note(&stop);
        Ok(stop)
    }

    /// Tells people of a fault, which gdb shows as a signal.
    fn note(&mut self, stop: &Stop) {
        if let Stop::Fault(fault) = stop
            && !core::mem::replace(&mut self.fault_told, true)
        {
            output::note(&format!("note: the guest faults: {fault}"));
        }
    }

    /// What gdb is answered that wants to write.
    fn refuse(&mut self) -> TargetResult<(), Self> {
        if !core::mem::replace(&mut self.refusal_told, true) {
            output::note(
                "note: gdb asked to write a register or memory, which is refused: a run can be seen, and not changed",
            );
        }
        Err(TargetError::Errno(EPERM))
    }

    /// Sets or removes a breakpoint: where no memory is there can be none. gdb steps by setting them, and may take what is no
    /// instruction for a shorter one.
    fn set_breakpoint(&mut self, address: Word, breaks: Breaks, set: bool) -> bool {
        let possible = is_memory(address);
        if possible {
            self.debugger.set_breakpoint(address, breaks, set);
        }
        possible
    }

    /// Reads memory; gives how many bytes there are. Page 0 and the last page are no memory, and a page that cannot be read is none here.
    fn memory(&self, address: Word, data: &mut [u8]) -> usize {
        let memory = self.debugger.machine().memory();
        let mut read = 0;
        for byte in data {
            let Some(at) = Word::try_from(read).ok().and_then(|read| address.checked_add(read)) else {
                break;
            };
            if !is_memory(at) {
                break;
            }
            let Ok(word) = memory.peek(at) else { break };
            *byte = word.to_le_bytes()[(at % WORD_BYTES) as usize];
            read += 1;
        }
        read
    }
}

/// A fault as a signal, as Linux would have it.
/// All but page 0 and the last page is.
fn is_memory(address: Word) -> bool {
    const PAGE: Word = PAGE_BYTES as Word;
    (PAGE..=Word::MAX - PAGE).contains(&address)
}

fn signal(cause: TrapCause) -> Signal {
    match cause {
        TrapCause::Undecodable => Signal::SIGILL,
        TrapCause::MisalignedTarget | TrapCause::MisalignedLoad | TrapCause::MisalignedStore => {
            Signal::SIGBUS
        }
        TrapCause::Breakpoint | TrapCause::SelfJump => Signal::SIGTRAP,
        TrapCause::CallRefused => Signal::SIGSYS,
        TrapCause::OutsideCode
        | TrapCause::NullLoad
        | TrapCause::NullStore
        | TrapCause::LastPageLoad
        | TrapCause::LastPageStore
        | TrapCause::StackOverflow
        | TrapCause::StoreToCode => Signal::SIGSEGV,
    }
}

fn reason(stop: &Stop) -> SingleThreadStopReason<Word> {
    match stop {
        // gdb knows itself where it has breakpoints.
        Stop::Reached | Stop::Breakpoint => SingleThreadStopReason::DoneStep,
        Stop::Watchpoint(Watchpoint { address, loads, stores, .. }) => SingleThreadStopReason::Watch {
            tid: (),
            kind: match (loads, stores) {
                (true, true) => WatchKind::ReadWrite,
                (true, false) => WatchKind::Read,
                (false, _) => WatchKind::Write,
            },
            addr: *address,
        },
        Stop::Begin => SingleThreadStopReason::ReplayLog { tid: None, pos: ReplayLogPosition::Begin },
        Stop::End => SingleThreadStopReason::ReplayLog { tid: None, pos: ReplayLogPosition::End },
        Stop::Exited(code) => SingleThreadStopReason::Exited(code.to_le_bytes()[0]),
        Stop::Fault(fault) => SingleThreadStopReason::Signal(signal(fault.cause)),
        Stop::Interrupted => SingleThreadStopReason::Signal(Signal::SIGINT),
    }
}

/// Lets a session go where gdb wants it.
pub(super) struct EventLoop<I, G>(PhantomData<(I, G)>);

impl<I: Isa, G: Guest> BlockingEventLoop for EventLoop<I, G> {
    type Target = Session<I, G>;
    type Connection = Wire;
    type StopReason = SingleThreadStopReason<Word>;

    fn wait_for_stop_reason(
        session: &mut Self::Target,
        wire: &mut Wire,
    ) -> Result<Event<Self::StopReason>, WaitForStopReasonError<DebugError, io::Error>> {
        let stop = session.go().map_err(WaitForStopReasonError::Target)?;
        if stop == Stop::Interrupted {
            // Ctrl-C is one byte, and the rest is the stub's.
            return wire.read().map(Event::IncomingData).map_err(WaitForStopReasonError::Connection);
        }
        Ok(Event::TargetStopped(reason(&stop)))
    }

    fn on_interrupt(_: &mut Self::Target) -> Result<Option<Self::StopReason>, DebugError> {
        Ok(Some(reason(&Stop::Interrupted)))
    }
}

impl<I: Isa, G: Guest> Target for Session<I, G> {
    type Arch = Riscv32;
    type Error = DebugError;

    fn base_ops(&mut self) -> BaseOps<'_, Riscv32, DebugError> {
        BaseOps::SingleThread(self)
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }

    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }
}

impl<I: Isa, G: Guest> SingleThreadBase for Session<I, G> {
    fn read_registers(&mut self, registers: &mut RiscvCoreRegs<Word>) -> TargetResult<(), Self> {
        let machine = self.debugger.machine();
        for (to, &value) in registers.x.iter_mut().zip(machine.registers()) {
            *to = value;
        }
        registers.pc = machine.pc();
        Ok(())
    }

    fn write_registers(&mut self, _: &RiscvCoreRegs<Word>) -> TargetResult<(), Self> {
        self.refuse()
    }

    fn read_addrs(&mut self, address: Word, data: &mut [u8]) -> TargetResult<usize, Self> {
        match self.memory(address, data) {
            0 if !data.is_empty() => Err(TargetError::Errno(EFAULT)),
            read => Ok(read),
        }
    }

    fn write_addrs(&mut self, _: Word, data: &[u8]) -> TargetResult<(), Self> {
        // Nothing is what gdb writes to see whether it could.
        if data.is_empty() { Ok(()) } else { self.refuse() }
    }

    fn support_resume(&mut self) -> Option<SingleThreadResumeOps<'_, Self>> {
        Some(self)
    }
}

impl<I: Isa, G: Guest> SingleThreadResume for Session<I, G> {
    fn resume(&mut self, _: Option<Signal>) -> Result<(), DebugError> {
        self.next = Move::Run;
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<SingleThreadSingleStepOps<'_, Self>> {
        Some(self)
    }

    fn support_range_step(&mut self) -> Option<SingleThreadRangeSteppingOps<'_, Self>> {
        Some(self)
    }

    fn support_reverse_step(&mut self) -> Option<ReverseStepOps<'_, (), Self>> {
        Some(self)
    }

    fn support_reverse_cont(&mut self) -> Option<ReverseContOps<'_, (), Self>> {
        Some(self)
    }
}

impl<I: Isa, G: Guest> SingleThreadSingleStep for Session<I, G> {
    fn step(&mut self, _: Option<Signal>) -> Result<(), DebugError> {
        self.next = Move::Step;
        Ok(())
    }
}

impl<I: Isa, G: Guest> SingleThreadRangeStepping for Session<I, G> {
    fn resume_range_step(&mut self, start: Word, end: Word) -> Result<(), DebugError> {
        self.next = Move::StepWithin(start, end);
        Ok(())
    }
}

impl<I: Isa, G: Guest> ReverseCont<()> for Session<I, G> {
    fn reverse_cont(&mut self) -> Result<(), DebugError> {
        self.next = Move::RunBack;
        Ok(())
    }
}

impl<I: Isa, G: Guest> ReverseStep<()> for Session<I, G> {
    fn reverse_step(&mut self, (): ()) -> Result<(), DebugError> {
        self.next = Move::StepBack;
        Ok(())
    }
}

impl<I: Isa, G: Guest> Breakpoints for Session<I, G> {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_watchpoint(&mut self) -> Option<HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

impl<I: Isa, G: Guest> SwBreakpoint for Session<I, G> {
    fn add_sw_breakpoint(&mut self, address: Word, _: usize) -> TargetResult<bool, Self> {
        Ok(self.set_breakpoint(address, Breaks::Software, true))
    }

    fn remove_sw_breakpoint(&mut self, address: Word, _: usize) -> TargetResult<bool, Self> {
        Ok(self.set_breakpoint(address, Breaks::Software, false))
    }
}

impl<I: Isa, G: Guest> HwBreakpoint for Session<I, G> {
    fn add_hw_breakpoint(&mut self, address: Word, _: usize) -> TargetResult<bool, Self> {
        Ok(self.set_breakpoint(address, Breaks::Hardware, true))
    }

    fn remove_hw_breakpoint(&mut self, address: Word, _: usize) -> TargetResult<bool, Self> {
        Ok(self.set_breakpoint(address, Breaks::Hardware, false))
    }
}

impl<I: Isa, G: Guest> HwWatchpoint for Session<I, G> {
    fn add_hw_watchpoint(&mut self, address: Word, bytes: Word, kind: WatchKind) -> TargetResult<bool, Self> {
        self.debugger.set_watchpoint(watchpoint(address, bytes, kind), true);
        Ok(true)
    }

    fn remove_hw_watchpoint(
        &mut self,
        address: Word,
        bytes: Word,
        kind: WatchKind,
    ) -> TargetResult<bool, Self> {
        self.debugger.set_watchpoint(watchpoint(address, bytes, kind), false);
        Ok(true)
    }
}

fn watchpoint(address: Word, bytes: Word, kind: WatchKind) -> Watchpoint {
    let (loads, stores) = (kind != WatchKind::Write, kind != WatchKind::Read);
    Watchpoint { address, bytes: bytes.max(1), loads, stores }
}

impl<I: Isa, G: Guest> MonitorCmd for Session<I, G> {
    fn handle_monitor_cmd(&mut self, command: &[u8], mut out: ConsoleOutput<'_>) -> Result<(), DebugError> {
        let command = String::from_utf8_lossy(command);
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            ["cycle"] => {}
            ["goto", cycle] => {
                let Ok(cycle) = cycle.replace('_', "").parse() else {
                    outputln!(out, "`{cycle}` is no cycle: write a number, as in `monitor goto 1000`");
                    return Ok(());
                };
                let mut incoming = self.incoming.borrow_mut();
                let stop = self.debugger.go_to(cycle, &mut || incoming.is_quiet())?;
                incoming.take_interrupt();
                drop(incoming);
                self.note(&stop);
                match stop {
                    Stop::End => outputln!(out, "the guest ends before: this is its last instruction"),
                    Stop::Fault(fault) => outputln!(out, "the guest faults before: {fault}"),
                    Stop::Interrupted => outputln!(out, "interrupted"),
                    _ => {}
                }
            }
            ["help"] | [] => {
                outputln!(out, "{HELP}");
                return Ok(());
            }
            _ => {
                outputln!(out, "there is no command `{}`; there are:\n{HELP}", command.trim());
                return Ok(());
            }
        }
        let machine = self.debugger.machine();
        let executed = self.debugger.executed();
        outputln!(out, "cycle {} of {executed} executed, pc {:#010x}", machine.cycle(), machine.pc());
        Ok(())
    }
}
