//! Cranelift, set up for this host.

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::code::{CodeMemory, Function};
use super::dispatch::Dispatch;
use super::emit::{emit, signature};
use super::region::Region;
use crate::isa::Isa;
use crate::program::Code;

pub(super) struct Compiler {
    target: OwnedTargetIsa,
    context: Context,
    builder: FunctionBuilderContext,
    control: ControlPlane,
}

impl Compiler {
    /// # Errors
    /// Cranelift does not know this host.
    pub(super) fn new() -> Result<Self, String> {
        let mut flags = settings::builder();
        let options = [
            ("opt_level", "speed"),
            ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
            ("enable_probestack", "true"),
            ("probestack_strategy", "inline"),
            ("unwind_info", "false"),
        ];
        for (name, value) in options {
            flags.set(name, value).map_err(|error| error.to_string())?;
        }
        let target = cranelift_native::builder()?.finish(settings::Flags::new(flags));
        Ok(Self {
            target: target.map_err(|error| error.to_string())?,
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            control: ControlPlane::default(),
        })
    }

    /// Compiles a region into executable memory: its function, and how many bytes that has. None if it cannot be
    /// compiled, or the memory not be had.
    pub(super) fn compile<I: Isa>(
        &mut self,
        code: &Code,
        region: &Region,
        dispatch: &Dispatch,
        memory: &mut CodeMemory,
    ) -> Option<(Function, usize)> {
        self.context.clear();
        self.context.func.signature = signature();
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        if emit::<I>(builder, self.target.frontend_config(), code, region, dispatch).is_none() {
            // A builder that was left half-way leaves its context so.
            self.builder = FunctionBuilderContext::new();
            return None;
        }
        let compiled = self.context.compile(&*self.target, &mut self.control).ok()?;
        // There are no calls, and no constants beside the code.
        if !compiled.buffer.relocs().is_empty() {
            return None;
        }
        let bytes = compiled.code_buffer();
        // SAFETY: these are the bytes of a function that `emit` made, for this host, and nothing in it is to be
        // relocated.
        let function = unsafe { memory.add(bytes) };
        Some((function.ok()?, bytes.len()))
    }
}
