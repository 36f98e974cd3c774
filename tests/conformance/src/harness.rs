//! How the programs tell that they passed, as a guest interface of retrace's.
//!
//! Each test of a program first puts its number into x31. A program whose tests all passed ends at the label `pass` with
//! an `ecall`, t0, a0 and a1 being 0, 0 and 0x400; one of which a test failed ends at the label `fail` with a word that
//! is no instruction. This is what the programs' own code does, and RISC Zero's call to terminate.

use retrace::checkpoint::{Execution, Options, Stopped, execute};
use retrace::guest::{Guest, Input, Start, StartError};
use retrace::isa::{Isa, Rv32im, TrapCause, Word};
use retrace::program::Program;

/// What came of a program.
#[derive(Debug)]
pub enum Outcome {
    /// All its tests passed.
    Passed { cycles: u64, tests: usize },
    /// One did not, or something else went wrong.
    Failed { cycles: u64, why: String },
}

/// Far more than the longest program takes.
const MAX_CYCLES: u64 = 100_000;

const T0: usize = 5;
const A0: usize = 10;
const A1: usize = 11;
const TEST_NUMBER: usize = 31;

/// The guest interface of the programs. Their one call has a number that no call of the spec has: it is a fault.
#[derive(Clone, Debug)]
struct Terminate;

/// What a0 and a1 are in it: success, and where RISC Zero would look for a digest.
const PASS: [Word; 2] = [0, 0x400];

impl Guest for Terminate {
    const NAME: &'static str = "riscv-tests";

    /// All registers are zero, and there is no stack.
    fn start(&mut self, _: &mut Start<'_>) -> Result<(), StartError> {
        Ok(())
    }

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(saved: &[u8]) -> Option<Self> {
        saved.is_empty().then_some(Self)
    }
}

/// Runs a program to its end.
pub fn run(elf: &[u8]) -> Outcome {
    let failed = |why: String| Outcome::Failed { cycles: 0, why };
    let program = match Program::<Rv32im>::from_elf(elf) {
        Ok(program) => program,
        Err(error) => return failed(error.to_string()),
    };
    let options = Options { max_cycles: MAX_CYCLES, ..Options::default() };
    match execute(program, Terminate, Input::empty(), options) {
        Ok(execution) => judge(&execution),
        Err(error) => failed(error.to_string()),
    }
}

fn judge<I: Isa>(execution: &Execution<I, Terminate>) -> Outcome {
    let registers = &execution.exit().registers;
    let (t0, number) = (registers[T0], registers[TEST_NUMBER]);
    let numbers = test_numbers(execution.program());
    let last = numbers.last().copied().unwrap_or(0);
    let why = match execution.stopped() {
        Stopped::Trapped(fault)
            if fault.cause == TrapCause::CallRefused && [registers[A0], registers[A1]] == PASS =>
        {
            if t0 == 0 && number == last {
                return Outcome::Passed { cycles: execution.cycles(), tests: numbers.len() };
            }
            format!("passed with t0 = {t0} after test {number} of {last}, instead of 0 and the last")
        }
        Stopped::Trapped(fault)
            if fault.cause == TrapCause::Undecodable && at_fail(fault.symbol.as_deref()) =>
        {
            format!("test {number}, at {:#010x} <{}>", fault.pc, fault.symbol.as_deref().unwrap_or_default())
        }
        Stopped::Trapped(fault) => format!("in or after test {number}, which did not end: {fault}"),
        Stopped::CycleLimit => format!("in or after test {number}: still running after {MAX_CYCLES} cycles"),
        _ => "stopped from outside".to_owned(),
    };
    Outcome::Failed { cycles: execution.cycles(), why }
}

fn at_fail(symbol: Option<&str>) -> bool {
    symbol.is_some_and(|symbol| symbol.split('+').next() == Some("fail"))
}

/// The numbers of a program's tests, in their order, which is not that of numbers in all: of the labels `test_N`.
fn test_numbers<I: Isa>(program: &Program<I>) -> Vec<Word> {
    program.symbols().iter().filter_map(|symbol| symbol.name.strip_prefix("test_")?.parse().ok()).collect()
}
