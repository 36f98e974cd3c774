//! Cranelift, set up for this host; and where it works: on the thread that runs the guest, or beside it.
//!
//! In: regions. Out: [`Finished`] code, as bytes. What a region's code is depends on the region alone; when it is there, on
//! the thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::dispatch::Dispatch;
use super::emit::{emit, signature};
use super::region::Region;
use super::state::Exit;
use crate::isa::Isa;
use crate::program::{Code, Program};

/// A region that was compiled.
pub(super) struct Finished {
    pub(super) region: Region,
    pub(super) quality: Quality,
    /// The function reads its table, where it is now: it must be kept as long as the function.
    pub(super) dispatch: Dispatch,
    /// None if the region cannot be compiled.
    pub(super) function: Option<FunctionCode>,
    /// How long it took.
    pub(super) time: Duration,
}

/// A function of the convention [`signature`], for this host. Only this module makes one.
pub(super) struct FunctionCode {
    bytes: Box<[u8]>,
    exits: Vec<Exit>,
}

impl FunctionCode {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// By the numbers that the function gives.
    pub(super) fn into_exits(self) -> Vec<Exit> {
        self.exits
    }
}

/// How good the code is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quality {
    /// Compiled without optimisation, in about half the time.
    Quick,
    /// A sixth faster, in the mean of the guests that were measured.
    Good,
}

struct Compiler {
    quick: OwnedTargetIsa,
    good: OwnedTargetIsa,
    context: Context,
    builder: FunctionBuilderContext,
    control: ControlPlane,
}

impl Compiler {
    /// # Errors
    /// Cranelift does not know this host.
    fn new() -> Result<Self, String> {
        Ok(Self {
            quick: target("none")?,
            good: target("speed")?,
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            control: ControlPlane::default(),
        })
    }

    fn function<I: Isa>(
        &mut self,
        code: &Code,
        region: &Region,
        dispatch: &Dispatch,
        quality: Quality,
    ) -> Option<FunctionCode> {
        let target = match quality {
            Quality::Quick => &self.quick,
            Quality::Good => &self.good,
        };
        self.context.clear();
        self.context.func.signature = signature();
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        let Some(exits) = emit::<I>(builder, target.frontend_config(), code, region, dispatch) else {
            // A builder that was left half-way leaves its context so.
            self.builder = FunctionBuilderContext::new();
            return None;
        };
        let compiled = self.context.compile(&**target, &mut self.control).ok()?;
        // There are no calls, and no constants beside the code.
        if !compiled.buffer.relocs().is_empty() {
            return None;
        }
        Some(FunctionCode { bytes: compiled.code_buffer().into(), exits })
    }
}

fn target(opt_level: &str) -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    let options = [
        ("opt_level", opt_level),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("unwind_info", "false"),
    ];
    for (name, value) in options {
        flags.set(name, value).map_err(|error| error.to_string())?;
    }
    let target = cranelift_native::builder()?.finish(settings::Flags::new(flags));
    target.map_err(|error| error.to_string())
}

/// A region to be compiled.
pub(super) struct Request {
    pub(super) region: Region,
    pub(super) quality: Quality,
}

/// Compiles regions on the thread that asks.
#[derive(Default)]
pub(super) struct Here {
    /// None before the first use.
    compiler: Option<Compiler>,
}

impl Here {
    /// O(size of the region), but for the register allocator, which is somewhat worse.
    pub(super) fn compile<I: Isa>(&mut self, code: &Code, Request { region, quality }: Request) -> Finished {
        let begun = Instant::now();
        if self.compiler.is_none() {
            self.compiler = Compiler::new().ok();
        }
        let dispatch = Dispatch::new(&region, code);
        let function =
            self.compiler.as_mut().and_then(|it| it.function::<I>(code, &region, &dispatch, quality));
        Finished { region, quality, dispatch, function, time: begun.elapsed() }
    }
}

/// By how much the thread's priority is below the guest's: where both need one processor, it gets a tenth of that.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Compiles regions on a thread of its own, one after the other. When it is dropped the thread ends after the region that
/// it is at, and nobody waits for it.
pub(super) struct Beside {
    requests: Sender<Request>,
    finished: Receiver<Finished>,
}

impl Beside {
    /// # Errors
    /// The operating system refuses a thread.
    pub(super) fn new<I: Isa>(program: Arc<Program<I>>) -> std::io::Result<Self> {
        let (requests, to_compile) = channel();
        let (to_take, finished) = channel();
        std::thread::Builder::new().name("retrace-compiler".to_owned()).spawn(move || {
            // Linux has a priority for each thread, others for the process. Where this is refused, nothing is lost.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::nice(NICE);
            let mut here = Here::default();
            while let Ok(request) = to_compile.recv()
                && to_take.send(here.compile::<I>(program.code(), request)).is_ok()
            {}
        })?;
        Ok(Self { requests, finished })
    }

    /// Gives the request back if the thread has ended.
    pub(super) fn ask(&self, request: Request) -> Result<(), Request> {
        self.requests.send(request).map_err(|refused| refused.0)
    }

    /// The next region that was compiled, if there is one.
    pub(super) fn take(&self) -> Option<Finished> {
        self.finished.try_recv().ok()
    }
}
