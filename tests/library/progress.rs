//! How far long work says that it is: what a meter is told adds up to what the documentation of `Cancel::with_meter` says.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ark_bn254::Fr;
use retrace::cancel::Cancel;
use retrace::checkpoint::{Execution, Executor, FileOptions, Options, Policy, Progress, execute};
use retrace::guest::{Input, Linux, Output};
use retrace::isa::{Isa, Rv32i};
use retrace::oracle::{PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::proof::{Prover, Verifier};
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;

use crate::common;

/// What a run needs is put together on one thread and used on another.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Options<'_>>();
    is_send::<Progress<'_>>();
    is_send::<Output>();
    is_send::<FileOptions>();
};

/// A flag whose meter adds up, and the sum.
fn meter() -> (Cancel, Arc<AtomicU64>) {
    let sum = Arc::new(AtomicU64::new(0));
    let moved = Arc::clone(&sum);
    let cancel = Cancel::new().with_meter(move |cycles| {
        moved.fetch_add(cycles, Ordering::Relaxed);
    });
    (cancel, sum)
}

fn generator(
    execution: &Arc<Execution<Rv32i, Linux>>,
    threads: usize,
    cancel: Cancel,
) -> StreamingWitnessGenerator<Rv32i, Linux> {
    let pool = Pool::new(threads).expect("threads can be started");
    StreamingWitnessGenerator::new(Arc::clone(execution), pool).with_cancel(cancel)
}

#[test]
fn a_whole_run_is_its_passes_and_its_verification_a_run_and_a_pass() {
    let program = common::guest("sha256");
    let execution = Arc::new(common::run(&program, &[], b"abc", 1000));
    let rows = execution.cycles();
    for (threads, budget) in [(1, Budget::Unlimited), (2, Budget::sqrt::<Fr>(34, 13)), (3, Budget::Bytes(1))]
    {
        let (cancel, sum) = meter();
        let oracle = WitnessOracle::new(generator(&execution, threads, cancel)).expect("there are rows");
        let plan = Prover::<Fr>::new(budget).plan(&oracle).expect("there is one");
        let passes = u64::from(plan.schedule().passes());
        assert_eq!(sum.load(Ordering::Relaxed), 0, "a plan takes no pass");
        let (proof, _) = plan.prove().expect("it can be proven");
        assert_eq!(sum.load(Ordering::Relaxed), passes * rows, "{threads} threads, {budget:?}");
        let (same, _) = Prover::<Fr>::new(budget).prove(&oracle).expect("it can be proven");
        assert_eq!((same, sum.load(Ordering::Relaxed)), (proof.clone(), 2 * passes * rows));

        let (cancel, sum) = meter();
        let verifier = Verifier { cancel, ..Verifier::new(program.clone(), Input::from(b"abc".to_vec())) };
        verifier.verify::<Fr>(&proof).expect("it is honest");
        assert_eq!(sum.load(Ordering::Relaxed), 2 * rows);
    }
}

/// Beyond the first slices of the fast pass, from which it tells how far it is.
#[test]
fn a_segment_has_the_way_to_its_ends_besides() {
    const CYCLES: Range<u64> = 9_000_000..9_001_000;
    let program = common::guest("alu");
    let execution = Arc::new(common::run(&program, &["1000000"], b"", 1 << 20));
    let (cancel, sum) = meter();
    let oracle = WitnessOracle::segment(generator(&execution, 2, cancel), CYCLES).expect("there are rows");
    assert_eq!(oracle.num_rows(), 1000);
    let plan = Prover::<Fr>::new(Budget::Unlimited).plan(&oracle).expect("there is one");
    let passes = u64::from(plan.schedule().passes());
    assert_eq!(sum.load(Ordering::Relaxed), CYCLES.start + CYCLES.end, "a plan runs to the ends, once");
    let (proof, _) = plan.prove().expect("it can be proven");
    assert_eq!(sum.load(Ordering::Relaxed), CYCLES.start + CYCLES.end + passes * 1000);

    let (cancel, sum) = meter();
    let arguments = vec![b"guest".to_vec(), b"1000000".to_vec()];
    let verifier =
        Verifier { cancel, arguments, segments: true, ..Verifier::new(program.clone(), Input::empty()) };
    verifier.verify::<Fr>(&proof).expect("it is honest");
    assert_eq!(sum.load(Ordering::Relaxed), CYCLES.end + CYCLES.start + 1000);
}

/// The address that a run tells with its cycles is that of the next row's instruction; the command line names its function.
#[test]
fn a_run_tells_where_it_is() {
    let program = common::guest("quicksort");
    let pc = Rv32i::SPEC.column("pc").expect("there is one");
    for executor in [Executor::Interpreter, Executor::Auto] {
        let at = AtomicU32::new(0);
        let mut told = Vec::new();
        let mut report = |cycle| {
            told.push((cycle, at.load(Ordering::Relaxed)));
            ControlFlow::Continue(())
        };
        let options = Options {
            arguments: vec![b"guest".to_vec(), b"2000".to_vec()],
            policy: Policy::new(16, 1000),
            progress: Some(Progress(&mut report)),
            progress_pc: Some(&at),
            executor,
            ..Options::default()
        };
        let execution =
            execute(Arc::clone(&program), Linux::default(), Input::empty(), options).expect("it runs");
        let generator = StreamingWitnessGenerator::new(execution, Pool::serial());
        assert!(told.len() > 10, "{}", told.len());
        for (cycle, address) in told {
            let told_alike = |chunk: &retrace::oracle::Chunk<'_>| {
                assert_eq!(chunk.columns[0][0], address, "cycle {cycle}, {executor:?}");
                Ok::<(), core::convert::Infallible>(())
            };
            generator.for_each(cycle..cycle + 1, &[pc], 1, told_alike).expect("it can be replayed");
        }
    }
}

/// The flag is the one that it was made from; the meter is told chunk by chunk, and not of what is not done.
#[test]
fn a_meter_goes_on_chunk_by_chunk_until_the_flag_is_raised() {
    let program = common::guest("sha256");
    let execution = Arc::new(common::run(&program, &[], b"abc", 1000));
    let cancel = Cancel::new();
    let raised = cancel.clone();
    let sum = Arc::new(AtomicU64::new(0));
    let moved = Arc::clone(&sum);
    let metered = cancel.with_meter(move |cycles| {
        assert!(cycles <= 64, "{cycles} rows are more than a chunk");
        if moved.fetch_add(cycles, Ordering::Relaxed) + cycles >= 640 {
            raised.cancel();
        }
    });
    let generator = generator(&execution, 1, metered);
    let none = |_: &retrace::oracle::Chunk<'_>| Ok::<(), core::convert::Infallible>(());
    let cancelled = generator.for_each(0..execution.cycles(), &[], 64, none);
    assert!(matches!(cancelled, Err(retrace::replay::ReplayError::Cancelled)));
    assert_eq!(sum.load(Ordering::Relaxed), 640);
}
