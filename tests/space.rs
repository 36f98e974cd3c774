//! The space contract: what is on the heap does not grow with T, and grows with √T where it may.
//!
//! One test, in a process of its own, since the allocator counts every thread.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use ark_bn254::Fr;
use retrace::oracle::{PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::proof::prove;
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;

use common::{guest, run};

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

/// T and the peak heap of a run and a proof, above what was live before.
fn peak(rounds: &str, budget: impl Fn(usize, u32) -> Budget) -> (u64, usize) {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let execution = run(&guest("alu"), &[rounds], b"", 1 << 12);
    let cycles = execution.cycles();
    let oracle = WitnessOracle::new(StreamingWitnessGenerator::new(execution, Pool::serial()))
        .expect("there are rows");
    let budget = budget(oracle.num_stored(), oracle.num_variables());
    prove::<Fr, _, _>(&oracle, budget).expect("it can be proven");
    (cycles, PEAK.load(Ordering::Relaxed) - before)
}

#[test]
fn the_heap_does_not_grow_with_the_number_of_cycles() {
    // 11 cycles a round: T just below 2^16 and 2^20, of the same K.
    let (few, many) = ("5800", "95000");
    let fixed = |_: usize, _: u32| Budget::Bytes(1 << 20);
    let (short, small) = peak(few, fixed);
    let (long, large) = peak(many, fixed);
    assert!(short <= 1 << 16 && short > 1 << 15 && long <= 1 << 20 && long > 1 << 19, "{short} {long}");
    let ratio = large as f64 / small as f64;
    println!("budget of 1 MiB: {small} bytes at T = {short}, {large} at T = {long}: {ratio:.2}x");
    assert!(ratio < 1.2, "{small} -> {large}");

    let sqrt = |columns: usize, variables: u32| Budget::sqrt::<Fr>(columns, variables);
    let (_, small) = peak(few, sqrt);
    let (_, large) = peak(many, sqrt);
    let ratio = large as f64 / small as f64;
    println!("budget of √T: {small} bytes at T = {short}, {large} at T = {long}: {ratio:.2}x");
    assert!(ratio < 4.4, "{small} -> {large}");
}
