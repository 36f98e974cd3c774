//! The loop beside an observer: for counts, logs and debuggers, which need no rows.

use super::position::{OUTSIDE, Position};
use super::{Machine, Pause, RunError, Stop, is_stuck};
use crate::guest::Guest;
use crate::isa::{Access, Flow, Isa, Ports, Spec, Trap, TrapCause, Word};

/// What is told of a run. Nothing in the ordinary loop knows of it.
pub(crate) trait Observer {
    /// A load of so many bytes, zero-extended, by an instruction or by a call, that did not trap.
    fn load(&mut self, address: Word, bytes: Word, value: Word);

    /// A store, likewise.
    fn store(&mut self, address: Word, bytes: Word, value: Word);

    /// A register that was written, not the zero register. By default nothing.
    #[inline(always)]
    fn set_register(&mut self, _register: u8, _value: Word) {}

    /// The code table's entries `first..=last` were executed, one after the other. The last one jumped, or else the run
    /// pauses or ends after it. By default nothing.
    #[inline(always)]
    fn executed(&mut self, _first: u32, _last: u32, _jump: Option<Jumped<'_>>) {}

    /// Whether to pause after an instruction that was executed, with this entry the next one. By default never.
    #[inline(always)]
    fn pauses_before(&mut self, _index: u32) -> bool {
        false
    }
}

/// A jump that was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jumped<'a> {
    /// Where to.
    pub(crate) to: Word,
    /// That place in the code table; none outside the code.
    pub(crate) index: Option<u32>,
    /// The registers after it, by number.
    pub(crate) registers: &'a [Word],
}

impl<I: Isa, G: Guest> Machine<I, G> {
    /// Runs as [`run`](Self::run) does without a recorder, and tells the observer, which may pause it before `until`.
    ///
    /// # Errors
    /// As `run`.
    pub(crate) fn observe(&mut self, until: u64, observer: &mut impl Observer) -> Result<Pause, RunError> {
        let Self { program, hart, .. } = self;
        let (code, ops) = (program.code(), program.code().ops());
        let mut first = self.position.index();
        let mut index = first;
        let mut left = until.saturating_sub(self.cycle);
        let stop = loop {
            if left == 0 {
                break Stop::Reached;
            }
            let Some(op) = ops.get(index as usize) else {
                break Stop::Trap(Trap { cause: TrapCause::OutsideCode, value: self.position.pc(ops) });
            };
            let mut ports = Observed { ports: &mut *hart, observer: &mut *observer, spec: I::SPEC };
            match I::step(&mut ports, op, index, &mut ()) {
                Ok(Flow::Next) => index += 1,
                Ok(Flow::Jump(to)) => {
                    let target = code.index_of(to);
                    if target == Some(index) && is_stuck::<I>(ops, index) {
                        break Stop::Trap(Trap { cause: TrapCause::SelfJump, value: to });
                    }
                    let jump = Jumped { to, index: target, registers: hart.registers() };
                    observer.executed(first, index, Some(jump));
                    first = target.unwrap_or(OUTSIDE);
                    if first == OUTSIDE {
                        self.position = Position::Outside { pc: to, jumped_from: Some(index) };
                    }
                    index = first;
                }
                Ok(Flow::Exit) => break Stop::Exit,
                Err(trap) => break Stop::Trap(trap),
            }
            left -= 1;
            if observer.pauses_before(index) {
                break Stop::Reached;
            }
        };
        let end = index + u32::from(matches!(stop, Stop::Exit));
        if first < end {
            observer.executed(first, end - 1, None);
        }
        self.position.set_index(index);
        self.cycle = until.max(self.cycle) - left;
        self.pause(stop, &mut ())
    }
}

/// Ports that tell of accesses.
struct Observed<'a, P, O> {
    ports: &'a mut P,
    observer: &'a mut O,
    spec: &'static Spec,
}

impl<P: Ports, O: Observer> Ports for Observed<'_, P, O> {
    #[inline(always)]
    fn register(&self, register: u8) -> Word {
        self.ports.register(register)
    }

    #[inline(always)]
    fn set_register(&mut self, register: u8, value: Word) {
        self.ports.set_register(register, value);
        if register != self.spec.registers.zero {
            self.observer.set_register(register, value);
        }
    }

    #[inline(always)]
    fn load(&mut self, address: Word, bytes: Word) -> Result<Access, Trap> {
        let access = self.ports.load(address, bytes)?;
        self.observer.load(address, bytes, access.value);
        Ok(access)
    }

    #[inline(always)]
    fn store(&mut self, address: Word, bytes: Word, value: Word) -> Result<Access, Trap> {
        let access = self.ports.store(address, bytes, value)?;
        self.observer.store(address, bytes, access.value);
        Ok(access)
    }

    fn readable(&self, address: Word) -> bool {
        self.ports.readable(address)
    }

    fn writable(&self, address: Word) -> bool {
        self.ports.writable(address)
    }

    fn input(&mut self, stream: u8, left: Word, count: Word) -> Result<Word, Trap> {
        self.ports.input(stream, left, count)
    }

    fn output(&mut self, stream: u8, position: Word, count: Word, bytes: Word) -> Result<(), Trap> {
        self.ports.output(stream, position, count, bytes)
    }

    fn exit(&mut self, code: Word) {
        self.ports.exit(code);
    }
}
