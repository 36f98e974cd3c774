//! Guests of the tests, to run for about as many cycles as asked for.

use std::path::Path;
use std::sync::Arc;

use retrace::checkpoint::{Execution, Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::Rv32i;
use retrace::program::Program;

/// They compute, hash, write all over some memory, and branch.
pub(crate) const GUESTS: [&str; 4] = ["alu", "sha256", "sieve", "interp"];

/// A program, what it is given, and how long it may run.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) program: Arc<Program<Rv32i>>,
    pub(crate) arguments: Vec<Vec<u8>>,
    pub(crate) input: Input,
    pub(crate) max_cycles: u64,
}

impl Run {
    /// A guest that runs for so many millions of cycles, about.
    pub(crate) fn new(guest: &str, millions: u32) -> Self {
        let argument = match guest {
            "alu" => Some(millions * 91_000),
            "sieve" => Some(millions * 155_000),
            "interp" => Some(millions * 81),
            _ => None,
        };
        let length = if argument.is_none() { millions * 12_100 } else { 0 };
        let input: Vec<u8> = (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/guests/{guest}.elf"));
        let elf = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let program = Arc::new(Program::from_elf(&elf).unwrap_or_else(|error| panic!("{error}")));
        let given = argument.map(|argument| argument.to_string().into_bytes());
        let arguments = std::iter::once(b"guest".to_vec()).chain(given).collect();
        Self { program, arguments, input: Input::from(input), max_cycles: u64::MAX }
    }

    /// Runs it, with these options but for its own.
    pub(crate) fn execute(self, options: Options<'_>) -> Execution<Rv32i, Linux> {
        let options = Options { arguments: self.arguments, max_cycles: self.max_cycles, ..options };
        execute(self.program, Linux::default(), self.input, options).unwrap_or_else(|error| panic!("{error}"))
    }
}
