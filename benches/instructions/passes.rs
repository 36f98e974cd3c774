//! What is counted. What a pass is given is made before the count begins, and what it gives is dropped after it has ended.

use std::convert::Infallible;
use std::hint::black_box;

use ark_bn254::Fr;
use gungraun::Callgrind;
use gungraun::prelude::*;
use retrace::checkpoint::{Execution, Executor};
use retrace::guest::Linux;
use retrace::isa::{ColumnId, Isa, MAX_ROWS, Rv32i};
use retrace::oracle::WitnessOracle;
use retrace::proof::{Proof, Prover};
use retrace::sumcheck::Budget;

use crate::guests::{Generator, INTERPRETED, NATIVE, by, generator, witness};
use crate::run::{GUESTS, Run};

/// In the environment of a process that is to count, and not to compare.
pub(crate) const COUNT: &str = "RETRACE_BENCH_COUNT";

/// Whether gungraun's main function is to run, as the process that starts valgrind or as one under it.
pub(crate) fn asked_for() -> bool {
    std::env::var_os(COUNT).is_some() || std::env::args().nth(1).is_some_and(|it| it == "--gungraun-run")
}

pub(crate) fn run() {
    main();
}

fn interpreted_run(guest: &str) -> Run {
    Run::new(guest, INTERPRETED)
}

fn short_run(guest: &str) -> Run {
    Run::new(guest, NATIVE[0])
}

fn long_run(guest: &str) -> Run {
    Run::new(guest, NATIVE[1])
}

#[library_benchmark]
#[benches::guest(iter = GUESTS, setup = interpreted_run)]
fn interpreted(run: Run) -> Execution<Rv32i, Linux> {
    run.execute(by(Executor::Interpreter))
}

#[library_benchmark]
#[benches::guest(iter = GUESTS, setup = short_run)]
fn native_short(run: Run) -> Execution<Rv32i, Linux> {
    run.execute(by(Executor::Native))
}

#[library_benchmark]
#[benches::guest(iter = GUESTS, setup = long_run)]
fn native_long(run: Run) -> Execution<Rv32i, Linux> {
    run.execute(by(Executor::Native))
}

#[library_benchmark]
#[benches::guest(iter = GUESTS, setup = generator)]
fn recorded_columns(generator: Generator) -> Generator {
    regenerate(generator, Rv32i::SPEC.recorded)
}

#[library_benchmark]
#[benches::guest(iter = GUESTS, setup = generator)]
fn all_columns(generator: Generator) -> Generator {
    regenerate(generator, Rv32i::SPEC.stored)
}

#[library_benchmark]
#[benches::guest(iter = GUESTS, setup = witness)]
fn proof((oracle, budget): (WitnessOracle<Rv32i, Linux>, Budget)) -> (Proof, WitnessOracle<Rv32i, Linux>) {
    let (proof, _) = Prover::<Fr>::new(budget).prove(&oracle).unwrap_or_else(|error| panic!("{error}"));
    (proof, oracle)
}

/// Regenerates the first `count` columns of every row.
fn regenerate(generator: Generator, count: usize) -> Generator {
    let columns: Vec<ColumnId> = (0..count as u16).map(ColumnId).collect();
    generator
        .for_each(0..generator.execution().cycles(), &columns, MAX_ROWS, |chunk| {
            black_box(chunk.columns);
            Ok::<(), Infallible>(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    generator
}

library_benchmark_group!(
    name = counted,
    benchmarks = [interpreted, native_short, native_long, recorded_columns, all_columns, proof]
);

/// The GNU libc chooses copies of `memcpy` and `memset` by the processor. This leaves it those that every processor has; and
/// none that is one instruction, of which valgrind counts every byte.
const LIBC: &str = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX_Fast_Unaligned_Load,-SSSE3,-ERMS,-FSRM";

main!(
    // Without simulated caches a count takes half as long.
    config = LibraryBenchmarkConfig::default()
        .env("GLIBC_TUNABLES", LIBC)
        .tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = counted
);
