//! What executes the fast pass.

use core::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::{Machine, Pause, RunError};
use crate::guest::Guest;
use crate::isa::Isa;
#[cfg(native)]
use crate::native::{Effort, Native};
use crate::program::Program;

/// What executes the fast pass. After every cycle the state is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Executor {
    /// The interpreter, and native code for what is hot, which a thread of its own compiles meanwhile. The interpreter
    /// alone without the feature `jit`, and where the host is none that code is made for (64-bit x86 Unix) or does not
    /// allow it.
    #[default]
    Auto,
    /// The interpreter alone.
    Interpreter,
    /// As `Auto`, but the guest waits while its code is compiled, so that what is compiled depends on the run alone; or an
    /// error, where there is no native code.
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
    /// How long it took. With [`Executor::Auto`] that is another thread's time, while the guest went on.
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
            Executor::Auto => Ok(Self::beside(program).unwrap_or_else(|_| Self::interpreter())),
            Executor::Native => Self::waiting(program),
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
    fn native(program: &Arc<Program<I>>, effort: Effort) -> Result<Self, String> {
        let native = Native::new(Arc::clone(program), effort)?;
        Ok(Self { native: Some(Box::new(native)), isa: PhantomData })
    }

    #[cfg(native)]
    fn beside(program: &Arc<Program<I>>) -> Result<Self, String> {
        Self::native(program, Effort::Beside)
    }

    #[cfg(native)]
    fn waiting(program: &Arc<Program<I>>) -> Result<Self, String> {
        Self::native(program, Effort::Waiting)
    }

    #[cfg(not(native))]
    fn beside(program: &Arc<Program<I>>) -> Result<Self, String> {
        Self::waiting(program)
    }

    #[cfg(not(native))]
    fn waiting(_: &Arc<Program<I>>) -> Result<Self, String> {
        Err("it needs the feature `jit`, and a 64-bit x86 Unix".to_owned())
    }

    /// Native code that is compiled when it is jumped to for the `often`-th time, and at most so many instructions at
    /// once. For tests: it changes no result, and costs more than it saves.
    ///
    /// # Errors
    /// Why there is no native code.
    pub fn eager(program: &Arc<Program<I>>, often: u32, most: usize) -> Result<Self, String> {
        #[cfg(native)]
        return Self::native(program, Effort::Eager { often: often.min(u32::MAX - 1), most: most.max(1) });
        #[cfg(not(native))]
        {
            let _ = (often, most);
            Self::waiting(program)
        }
    }

    /// Native code that is compiled once it was executed, and used from moments on that are drawn from the seed: as if
    /// another thread compiled it, but the same each time. For tests: it changes no result, and costs more than it saves.
    ///
    /// # Errors
    /// Why there is no native code.
    pub fn random(program: &Arc<Program<I>>, seed: u64) -> Result<Self, String> {
        #[cfg(native)]
        return Self::native(program, Effort::Random { seed });
        #[cfg(not(native))]
        {
            let _ = seed;
            Self::waiting(program)
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
