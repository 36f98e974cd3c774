//! Programs to measure: four guests of the tests, and some that touch as much memory as is asked for.

use std::path::Path;
use std::sync::Arc;

use retrace::asm::{Layout, assemble};
use retrace::checkpoint::{Execution, FileOptions, Options, Policy, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::Rv32i;
use retrace::program::Program;

/// A program, what it is given, and how long it may run.
pub(crate) struct Run {
    pub(crate) program: Arc<Program<Rv32i>>,
    pub(crate) arguments: Vec<Vec<u8>>,
    pub(crate) input: Input,
    pub(crate) max_cycles: u64,
}

impl Run {
    /// Runs it, with checkpoints in memory.
    pub(crate) fn execute(&self, policy: Policy) -> Execution<Rv32i, Linux> {
        self.execute_into(policy, None)
    }

    /// Runs it, with checkpoints in a file if there is one.
    pub(crate) fn execute_into(&self, policy: Policy, file: Option<&Path>) -> Execution<Rv32i, Linux> {
        let options = Options {
            file: file.map(FileOptions::new),
            arguments: self.arguments.clone(),
            policy,
            max_cycles: self.max_cycles,
            ..Options::default()
        };
        execute(Arc::clone(&self.program), Linux::default(), self.input.clone(), options)
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Guests of the tests that compute, hash, write all over some memory, and branch.
pub(crate) const TESTS: [&str; 4] = ["alu", "sha256", "sieve", "interp"];

/// One of them, to run for so many millions of cycles, about.
pub(crate) fn test(name: &str, millions: u32) -> Run {
    let argument = match name {
        "alu" => Some(millions * 91_000),
        "sieve" => Some(millions * 155_000),
        "interp" => Some(millions * 81),
        _ => None,
    };
    let length = if argument.is_none() { millions * 12_600 } else { 0 };
    let input: Vec<u8> = (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    guest(name, argument, Input::from(input))
}

fn guest(name: &str, argument: Option<u32>, input: Input) -> Run {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/guests/{name}.elf"));
    let elf = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let program = Arc::new(Program::from_elf(&elf).unwrap_or_else(|error| panic!("{error}")));
    let given = argument.map(|argument| argument.to_string().into_bytes());
    let arguments = std::iter::once(b"guest".to_vec()).chain(given).collect();
    Run { program, arguments, input, max_cycles: u64::MAX }
}

/// Writes a word to each page of so many bytes, round after round, until it is stopped: three cycles a page.
pub(crate) fn touching(bytes: u64, cycles: u64) -> Run {
    let source = format!(
        "li s0, 0x100000; li s1, {bytes}; add s1, s1, s0; li s2, 4096
         1: mv t0, s0; addi t1, t1, 1
         2: sw t1, 0(t0); add t0, t0, s2; bltu t0, s1, 2b; j 1b"
    );
    let code = 0x1_0000;
    let assembly = assemble::<Rv32i>(&source, Layout { code, data: 0x2_0000 });
    let words = assembly.unwrap_or_else(|errors| panic!("{errors}")).code.words();
    let program = Program::from_code(code, &words, &[]).unwrap_or_else(|error| panic!("{error}"));
    Run {
        program: Arc::new(program),
        arguments: vec![b"guest".to_vec()],
        input: Input::empty(),
        max_cycles: cycles,
    }
}
