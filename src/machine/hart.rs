//! What one instruction sees of the machine: registers, memory, and the guest interface.

use core::marker::PhantomData;

use super::Checkpoint;
use super::{Memory, RunError};
use crate::guest::{Guest, Input, InputReader, Output, Stream};
use crate::isa::{Access, Isa, Ports, Trap, TrapCause, Word};

/// One entry for each value of a register number's type, so that a register access needs no bounds check.
pub(crate) const REGISTERS: usize = u8::MAX as usize + 1;

#[derive(Debug)]
pub(super) struct Hart<I, G> {
    registers: [Word; REGISTERS],
    pub(super) memory: Memory,
    pub(super) guest: G,
    pub(super) input: InputReader,
    pub(super) output: Output,
    /// What the guest ended with, if it ended.
    pub(super) exit_code: Word,
    /// Why the guest interface could not go on, if it could not: no fault of the guest.
    pub(super) failure: Option<RunError>,
    isa: PhantomData<I>,
}

impl<I: Isa, G: Guest> Hart<I, G> {
    /// A constant, since the compiler does not always see through the reference to the spec: then every write of a register
    /// would load the number.
    const ZERO: usize = I::SPEC.registers.zero as usize;

    pub(super) fn new(memory: Memory, guest: G, input: Input) -> Self {
        Self {
            registers: [0; REGISTERS],
            memory,
            guest,
            input: InputReader::new(input),
            output: Output::dropped(),
            exit_code: 0,
            failure: None,
            isa: PhantomData,
        }
    }

    pub(super) fn restore(&mut self, checkpoint: &Checkpoint<G>) {
        for (register, &value) in self.registers.iter_mut().zip(&checkpoint.registers) {
            *register = value;
        }
        self.memory.restore(checkpoint.pages.clone());
        self.memory.set_guard(checkpoint.guest.stack_guard());
        self.guest = checkpoint.guest.clone();
        self.failure = None;
    }

    /// What native code works on.
    #[cfg(native)]
    pub(super) fn operands(&mut self) -> crate::native::Operands<'_> {
        let (image, flags) = self.memory.parts();
        crate::native::Operands { registers: &mut self.registers, image, flags }
    }

    pub(super) fn registers(&self) -> &[Word] {
        &self.registers[..I::SPEC.registers.count()]
    }

    /// Whether the stack pointer is where the stack may not be.
    fn stack_has_overflowed(&self) -> bool {
        self.memory.is_guarded(self.registers[usize::from(I::SPEC.registers.stack_pointer)])
    }

    /// An access that trapped: made once more, if it is to a guarded page and the stack is where it may be.
    #[cold]
    #[inline(never)]
    fn retry(
        &mut self,
        trap: Trap,
        access: impl FnOnce(&mut Memory) -> Result<Access, Trap>,
    ) -> Result<Access, Trap> {
        if trap.cause != TrapCause::StackOverflow || self.stack_has_overflowed() {
            return Err(trap);
        }
        self.memory.unguarded(access)
    }
}

impl<I: Isa, G: Guest> Ports for Hart<I, G> {
    #[inline(always)]
    fn register(&self, register: u8) -> Word {
        self.registers[usize::from(register)]
    }

    /// Two stores cost less than a branch on the register's number.
    #[inline(always)]
    fn set_register(&mut self, register: u8, value: Word) {
        self.registers[usize::from(register)] = value;
        self.registers[Self::ZERO] = 0;
    }

    #[inline(always)]
    fn load(&mut self, address: Word, bytes: Word) -> Result<Access, Trap> {
        match self.memory.load(address, bytes) {
            Ok(access) => Ok(access),
            Err(trap) => self.retry(trap, |memory| memory.load(address, bytes)),
        }
    }

    #[inline(always)]
    fn store(&mut self, address: Word, bytes: Word, value: Word) -> Result<Access, Trap> {
        match self.memory.store(address, bytes, value) {
            Ok(access) => Ok(access),
            Err(trap) => self.retry(trap, |memory| memory.store(address, bytes, value)),
        }
    }

    fn readable(&self, address: Word) -> bool {
        self.memory.allows_load(address)
    }

    fn writable(&self, address: Word) -> bool {
        self.memory.allows_store(address)
    }

    fn input(&mut self, stream: u8, left: Word, count: Word) -> Result<Word, Trap> {
        self.input.take(stream, left, count).map_err(|error| self.fail(RunError::Input(error)))
    }

    fn output(&mut self, stream: u8, _position: Word, count: Word, bytes: Word) -> Result<(), Trap> {
        let stream = if stream == Stream::OUTPUT { Stream::Output } else { Stream::Error };
        let bytes = bytes.to_le_bytes();
        let count = bytes.len().min(count as usize);
        self.output.write(stream, &bytes[..count]).map_err(|error| self.fail(RunError::Output(error)))
    }

    fn exit(&mut self, code: Word) {
        self.exit_code = code;
    }
}

impl<I: Isa, G: Guest> Hart<I, G> {
    /// A failure that is not the guest's: the run ends, whatever the trap says.
    #[cold]
    fn fail(&mut self, failure: RunError) -> Trap {
        self.failure = Some(failure);
        Trap { cause: TrapCause::CallRefused, value: 0 }
    }
}
