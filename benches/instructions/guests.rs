//! How long guests run, and what is measured of them.

use ark_bn254::Fr;
use retrace::checkpoint::{Executor, Options};
use retrace::guest::Linux;
use retrace::isa::Rv32i;
use retrace::oracle::{PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;

use crate::run::Run;

pub(crate) type Generator = StreamingWitnessGenerator<Rv32i, Linux>;

/// Millions of cycles, about, that are interpreted, and regenerated.
pub(crate) const INTERPRETED: u32 = 2;

/// Millions of cycles, about, that are executed by native code: whatever is hot is compiled in both, to good code too, so
/// that the difference is native code alone.
pub(crate) const NATIVE: [u32; 2] = [60, 120];

/// Rows that are proven: 2 to this power.
pub(crate) const PROVEN: u32 = 14;

/// To be executed by this one.
pub(crate) fn by(executor: Executor) -> Options<'static> {
    Options { executor, ..Options::default() }
}

/// What regenerates a run's rows, on one thread.
pub(crate) fn generator(guest: &str) -> Generator {
    let execution = Run::new(guest, INTERPRETED).execute(by(Executor::Interpreter));
    StreamingWitnessGenerator::new(execution, Pool::serial())
}

/// The witness of a run's first cycles, and the budget of `--memory sqrt`.
pub(crate) fn witness(guest: &str) -> (WitnessOracle<Rv32i, Linux>, Budget) {
    let run = Run { max_cycles: 1 << PROVEN, ..Run::new(guest, INTERPRETED) };
    let execution = run.execute(by(Executor::Interpreter));
    let cycles = 0..execution.cycles();
    let generator = StreamingWitnessGenerator::new(execution, Pool::serial());
    let oracle = WitnessOracle::segment(generator, cycles).unwrap_or_else(|error| panic!("{error}"));
    let budget = Budget::sqrt::<Fr>(oracle.num_stored(), oracle.num_variables());
    (oracle, budget)
}
