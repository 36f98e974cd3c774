//! The space contract: what is on the heap does not grow with T, and grows with √T where it may.
//!
//! The same guest is run, replayed, queried, proven and verified for T cycles and for many times as many. On one thread
//! every run allocates the same, byte for byte, so that a list of one word a chunk of rows shows. One test, in a process of
//! its own, since the allocator counts every thread.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ark_bn254::Fr;
use retrace::checkpoint::{Execution, Executor, FileOptions, Options, Policy, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{ColumnId, Isa, MAX_ROWS, Rv32i};
use retrace::oracle::{Chunk, PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::proof::{Proof, Prover, Verifier};
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::{Budget, Composition, LinearForm, Sum, SumCheckProver, prover_state};
use spongefish::{DefaultHash, derive_session_id};

use common::{load, words};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What some work gives, and the most that was on the heap meanwhile, above what was there before.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = work();
    (result, PEAK.load(Ordering::Relaxed) - before)
}

/// Reads, writes, loads, stores and jumps, [`CYCLES_A_ROUND`] cycles a round.
fn guest(rounds: u32) -> Arc<Program<Rv32i>> {
    load(&words::<Rv32i>(&format!(
        "li s0, 0x30000; li s2, {rounds}; mv s1, zero
         1: li a7, 63; li a0, 0; mv a1, s0; li a2, 4; ecall
         lw t0, 0(s0); add t1, t1, t0; sw t1, 4(s0)
         li a7, 64; li a0, 1; addi a1, s0, 4; li a2, 4; ecall
         addi s1, s1, 1; bne s1, s2, 1b
         li a7, 93; li a0, 0; ecall"
    )))
}

const CYCLES_A_ROUND: u32 = 15;

/// So many rounds that T is just below 2^bits.
fn rounds(bits: u32) -> u32 {
    (1 << bits) / CYCLES_A_ROUND - 10
}

type Run = Arc<Execution<Rv32i, Linux>>;

/// Keeps as many checkpoints, however long it is. The interpreter executes it: native code takes space for the program's code,
/// and while a thread compiles; how much of that there is at once is a matter of time.
fn run(program: &Arc<Program<Rv32i>>, input: &Input) -> Run {
    let options =
        Options { policy: Policy::new(16, 1 << 9), executor: Executor::Interpreter, ..Options::default() };
    Arc::new(execute(Arc::clone(program), Linux::default(), input.clone(), options).expect("it runs"))
}

/// The same into a file, to which every checkpoint is written: what is known of the file does not grow either.
fn run_into_file(program: &Arc<Program<Rv32i>>, input: &Input) {
    let path = std::env::temp_dir().join(format!("retrace-test-space-{}", std::process::id()));
    let file = FileOptions { every: Duration::ZERO, ..FileOptions::new(&path) };
    let policy = Policy::new(16, 1 << 9);
    let options = Options { policy, file: Some(file), executor: Executor::Interpreter, ..Options::default() };
    execute(Arc::clone(program), Linux::default(), input.clone(), options).expect("it runs");
    std::fs::remove_file(path).expect("it was written");
}

fn generator(run: &Run) -> StreamingWitnessGenerator<Rv32i, Linux> {
    StreamingWitnessGenerator::new(Arc::clone(run), Pool::serial())
}

fn oracle(run: &Run) -> WitnessOracle<Rv32i, Linux> {
    WitnessOracle::new(generator(run)).expect("there are rows")
}

fn replay(run: &Run) {
    let columns: Vec<ColumnId> = (0..Rv32i::SPEC.columns.len() as u16).map(ColumnId).collect();
    let generator = generator(run);
    let visit = |(): &mut (), chunk: &Chunk<'_>| {
        black_box(chunk.columns);
        Ok::<(), std::convert::Infallible>(())
    };
    for _ in 0..2 {
        generator.reduce(0..run.cycles(), &columns, MAX_ROWS, || (), visit, |(), ()| ()).expect("it replays");
    }
}

fn query(run: &Run) {
    let oracle = oracle(run);
    for row in 0..run.cycles() {
        black_box(oracle.query(ColumnId(0), row).expect("it can be asked for"));
    }
}

/// What each part of the work has on the heap at most.
fn peaks(bits: u32, input: &Input) -> [(&'static str, usize); 3] {
    let program = guest(rounds(bits));
    let (run, ran) = peak(|| run(&program, input));
    assert_eq!(run.cycles().ilog2(), bits - 1, "T = {}", run.cycles());
    let ((), replayed) = peak(|| replay(&run));
    let ((), queried) = peak(|| query(&run));
    [("run", ran), ("replay", replayed), ("query", queried)]
}

/// The same of a proof and its verification.
fn proving_peaks(bits: u32, input: &Input, budget: Budget) -> [(&'static str, usize); 2] {
    let program = guest(rounds(bits));
    let run = run(&program, input);
    let oracle = oracle(&run);
    let prover = Prover::<Fr>::new(budget);
    let arrays = prover.plan(&oracle).expect("it can be proven").schedule().array_bytes as usize;
    let (proof, proven): (Proof, usize) = peak(|| prover.prove(&oracle).expect("it can be proven").0);
    let verifier = Verifier::new(program, input.clone());
    let verifier = Verifier { executor: Executor::Interpreter, ..verifier };
    let (_, verified) = peak(|| verifier.verify::<Fr>(&proof).expect("it is honest"));
    [("prove", proven - arrays), ("verify", verified)]
}

/// What the sum-check has on the heap at most beside its arrays, for a sum so light that many rows can be gone over: of the
/// squares of a column. The arrays are within the budget, and how far below depends on the schedule.
fn sumcheck_peak(run: &Run) -> usize {
    let oracle = oracle(run);
    let form = LinearForm { constant: 1, terms: vec![(ColumnId(0), 1)] };
    let term = (Fr::from(1u64), vec![vec![form.clone(), form]]);
    let polynomial = Composition::new(oracle.columns(), [term]).expect("the column is there");
    // Any claim will do: what does not hold is proven as well, and refused.
    let sum = Sum::new(polynomial, Fr::from(0u64));
    let budget = Budget::Bytes(1 << 20);
    let mut transcript = prover_state(&derive_session_id::<DefaultHash>(b"space"), &[0u8]);
    let prover = SumCheckProver::new(budget, Pool::serial());
    let schedule = prover.schedule(&oracle, &[&sum]).expect("it can be proven");
    assert!(schedule.array_bytes <= 1 << 20, "{} bytes are beyond the budget", schedule.array_bytes);
    let (_, peak) = peak(|| prover.prove(&oracle, &[&sum], &mut transcript).expect("it can be proven"));
    peak - schedule.array_bytes as usize
}

/// Less than a word for each chunk of rows from 2^20 cycles to 2^24, which is 15 KiB.
const NOTHING: usize = 4 << 10;

/// What is known of a file's records, of which there are a few more or less by where checkpoints fall.
const FILE: usize = 12 << 10;

/// Tables of O(√T), as they are measured, and about as much again; those of a proof from 2^16 cycles to 2^20, where a word
/// for each thirty rows would be more. Its arrays are left out, and the budget is one of which no window is larger at 2^20 than
/// at 2^16.
const TABLES: usize = 28 << 10;
const PROOF_TABLES: usize = 128 << 10;

#[test]
fn the_heap_does_not_grow_with_the_number_of_cycles() {
    // In a file: input is O(T) here, and not to be held.
    let input = Input::spool(std::io::Read::take(std::io::repeat(7), 5 << 20)).expect("it can be spooled");
    let mut grown = Vec::new();
    let mut compare = |what: &str, (small, large): (usize, usize), allowed: usize| {
        println!("{what}: {small} bytes, {large} for 16 times as many cycles");
        if large > small + allowed {
            grown.push(format!("{what}: {small} bytes grow by {}, not {allowed}", large - small));
        }
    };
    for ((what, small), (_, large)) in peaks(20, &input).into_iter().zip(peaks(24, &input)) {
        compare(what, (small, large), NOTHING);
    }
    let [small, large] = [20, 24].map(|bits| peak(|| run_into_file(&guest(rounds(bits)), &input)).1);
    compare("run into a file", (small, large), FILE);
    let [small, large] = [20, 24].map(|bits| sumcheck_peak(&run(&guest(rounds(bits)), &input)));
    compare("sum-check", (small, large), TABLES);
    let [small, large] = [16, 20].map(|bits| proving_peaks(bits, &input, Budget::Bytes(4 << 20)));
    for ((what, small), (_, large)) in small.into_iter().zip(large) {
        compare(what, (small, large), PROOF_TABLES);
    }
    assert!(grown.is_empty(), "{grown:#?}");
}
