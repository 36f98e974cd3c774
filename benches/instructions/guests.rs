//! The guests, and how long they run.

use std::path::Path;
use std::sync::Arc;

use ark_bn254::Fr;
use retrace::checkpoint::{Execution, Executor, Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::Rv32i;
use retrace::oracle::{PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;

pub(crate) type Generator = StreamingWitnessGenerator<Rv32i, Linux>;

/// They compute, hash, write all over some memory, and branch.
pub(crate) const GUESTS: [&str; 4] = ["alu", "sha256", "sieve", "interp"];

/// Millions of cycles, about, that are interpreted, and regenerated.
pub(crate) const INTERPRETED: u32 = 2;

/// Millions of cycles, about, that are executed by native code: whatever is hot is compiled in both, so that the
/// difference is native code alone.
pub(crate) const NATIVE: [u32; 2] = [20, 40];

/// Rows that are proven: 2 to this power.
pub(crate) const PROVEN: u32 = 14;

/// A program, and what it is given.
pub(crate) struct Run {
    program: Arc<Program<Rv32i>>,
    arguments: Vec<Vec<u8>>,
    input: Input,
    max_cycles: u64,
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

    pub(crate) fn execute(self, executor: Executor) -> Execution<Rv32i, Linux> {
        let options = Options {
            arguments: self.arguments,
            max_cycles: self.max_cycles,
            executor,
            ..Options::default()
        };
        execute(self.program, Linux::default(), self.input, options).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// What regenerates a run's rows, on one thread.
pub(crate) fn generator(guest: &str) -> Generator {
    let execution = Run::new(guest, INTERPRETED).execute(Executor::Interpreter);
    StreamingWitnessGenerator::new(execution, Pool::serial())
}

/// The witness of a run's first cycles, and the budget of `--memory sqrt`.
pub(crate) fn witness(guest: &str) -> (WitnessOracle<Rv32i, Linux>, Budget) {
    let run = Run { max_cycles: 1 << PROVEN, ..Run::new(guest, INTERPRETED) };
    let execution = run.execute(Executor::Interpreter);
    let oracle = WitnessOracle::new(StreamingWitnessGenerator::new(execution, Pool::serial()))
        .unwrap_or_else(|error| panic!("{error}"));
    let budget = Budget::sqrt::<Fr>(oracle.num_stored(), oracle.num_variables());
    (oracle, budget)
}
