//! Memory that native code is in, and its call.

use core::ptr::NonNull;

use memmap2::{Mmap, MmapMut};

use super::compiler::FunctionCode;
use super::state::State;
use crate::isa::Word;
use crate::machine::{PAGES, REGISTERS, WORDS};

/// Executable memory, a mapping a function: what is executable is not written to any more. It belongs to the thread that runs
/// the guest, which copies finished code into it.
#[derive(Debug)]
pub(super) struct CodeMemory {
    functions: Vec<Mmap>,
}

/// A function in a [`CodeMemory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Function(NonNull<u8>);

/// What native code works on.
pub(crate) struct Operands<'a> {
    pub(crate) registers: &'a mut [Word; REGISTERS],
    pub(crate) image: &'a mut [Word; WORDS],
    pub(crate) flags: &'a [u8; PAGES],
}

type Run = unsafe extern "sysv64" fn(
    *mut [Word; REGISTERS],
    *mut State,
    *mut [Word; WORDS],
    *const [u8; PAGES],
    u64,
    u64,
) -> u64;

impl CodeMemory {
    /// # Errors
    /// The operating system refuses memory that is executable.
    pub(super) fn new() -> std::io::Result<Self> {
        MmapMut::map_anon(1)?.make_exec()?;
        Ok(Self { functions: Vec::new() })
    }

    /// Adds a function.
    ///
    /// # Errors
    /// The operating system refuses more memory that is executable.
    pub(super) fn add(&mut self, function: &FunctionCode) -> std::io::Result<Function> {
        let code = function.bytes();
        let mut map = MmapMut::map_anon(code.len())?;
        map.copy_from_slice(code);
        let map = map.make_exec()?;
        let function = Function(NonNull::from(&map[..]).cast());
        self.functions.push(map);
        Ok(function)
    }

    /// Calls a function of this memory, which executes at most `cycles_left` cycles; how many are left when it returns, less
    /// those of the exit's block.
    #[inline]
    pub(super) fn call(
        &self,
        function: Function,
        operands: Operands<'_>,
        state: &mut State,
        cycles_left: u64,
        entry: u16,
    ) -> u64 {
        let Operands { registers, image, flags } = operands;
        // SAFETY: a `Function` is made by `add` alone, of a `FunctionCode`, which the compiler alone makes of what `emit` makes,
        // for this host, with nothing to relocate: so there is a function of this signature and convention at the
        // address. It is mapped, at the same address and executable, until `self` is dropped.
        let run = unsafe { core::mem::transmute::<NonNull<u8>, Run>(function.0) };
        // SAFETY: the function accesses registers by numbers of eight bits, `flags` by the page of a 32-bit address,
        // `image` by aligned accesses at 32-bit addresses, and the fields of `state`: all within what is borrowed here,
        // and the borrows last as long as the call. It reads its region's dispatch table, which is kept and not moved
        // as long as the function. It calls nothing, does not unwind, and returns, since each block
        // that it enters takes cycles from `cycles_left`.
        unsafe { run(registers, state, image, flags, cycles_left, entry.into()) }
    }
}
