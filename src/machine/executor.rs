//! What executes the fast pass.

use core::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::{Machine, Pause, RunError};
use crate::guest::Guest;
use crate::isa::Isa;
#[cfg(native)]
use crate::native::Native;
use crate::program::Program;

/// What executes the fast pass. After every cycle the state is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Executor {
    /// Native code, if the feature `jit` is there, and the host one that code is made for (64-bit x86 Unix) and allows
    /// it; else the interpreter.
    #[default]
    Auto,
    /// The interpreter.
    Interpreter,
    /// Native code, or an error.
    Native,
}

/// What was compiled for a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NativeCode {
    /// How many pieces of code.
    pub regions: u64,
    /// How many of the guest's instructions they have.
    pub instructions: u64,
    /// How many bytes of the host's instructions they are.
    pub bytes: u64,
    /// How long it took.
    pub time: Duration,
}

/// Runs a machine without recording, by an executor; with what that has compiled, which is dropped with it.
pub struct FastPass<I: Isa> {
    #[cfg(native)]
    native: Option<Box<Native<I>>>,
    isa: PhantomData<I>,
}

impl<I: Isa> core::fmt::Debug for FastPass<I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FastPass").field("native_code", &self.native_code()).finish()
    }
}

impl<I: Isa> FastPass<I> {
    /// An executor for machines that run this program.
    ///
    /// # Errors
    /// Why there is no native code, if nothing else was asked for.
    pub fn new(executor: Executor, program: &Arc<Program<I>>) -> Result<Self, String> {
        match executor {
            Executor::Interpreter => Ok(Self::interpreter()),
            Executor::Auto => Ok(Self::native(program).unwrap_or_else(|_| Self::interpreter())),
            Executor::Native => Self::native(program),
        }
    }

    /// The interpreter.
    pub const fn interpreter() -> Self {
        Self {
            #[cfg(native)]
            native: None,
            isa: PhantomData,
        }
    }

    #[cfg(native)]
    fn native(program: &Arc<Program<I>>) -> Result<Self, String> {
        Ok(Self { native: Some(Box::new(Native::new(Arc::clone(program))?)), isa: PhantomData })
    }

    #[cfg(not(native))]
    fn native(_: &Arc<Program<I>>) -> Result<Self, String> {
        Err("it needs the feature `jit`, and a 64-bit x86 Unix".to_owned())
    }

    /// The same, but code is compiled when it is jumped to for the `often`-th time, and at most so many instructions
    /// at once. Changes no result.
    #[must_use]
    pub fn with_effort(self, often: u32, most: usize) -> Self {
        #[cfg(native)]
        let native = self.native.map(|native| Box::new(native.with_effort(often, most)));
        #[cfg(not(native))]
        let _ = (often, most);
        Self {
            #[cfg(native)]
            native,
            ..self
        }
    }

    /// Runs a machine of the program until `until` cycles were executed since its start, or the guest ends: as
    /// [`Machine::run`] without a recorder.
    ///
    /// # Errors
    /// As [`Machine::run`].
    pub fn run<G: Guest>(&mut self, machine: &mut Machine<I, G>, until: u64) -> Result<Pause, RunError> {
        #[cfg(native)]
        if let Some(native) = &mut self.native {
            return machine.run_native(until, native);
        }
        machine.run(until, &mut ())
    }

    /// What was compiled so far; none if the interpreter executes all.
    pub fn native_code(&self) -> Option<NativeCode> {
        #[cfg(native)]
        return self.native.as_ref().map(|native| native.statistics());
        #[cfg(not(native))]
        None
    }
}
