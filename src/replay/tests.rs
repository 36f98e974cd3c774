use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::checkpoint::{Options, Policy, Stopped, UnknownCycles, execute};
use crate::guest::{ByteStream, Input, InputStore, Linux};
use crate::isa::{Columns, Word};
use crate::machine::test_isa::{Asm, DATA, TestIsa, any_program, call, echo, program};
use crate::machine::{Machine, Pause};
use crate::program::Program;

type Run = Execution<TestIsa, Linux>;
type Generator = StreamingWitnessGenerator<TestIsa, Linux>;

const INPUT: &[u8] = b"The input of every test that replays.";

fn run(program: &Arc<Program<TestIsa>>, m: usize, interval: u64, max_cycles: u64) -> Arc<Run> {
    let options = Options { policy: Policy::new(m, interval), max_cycles, ..Options::default() };
    Arc::new(execute(Arc::clone(program), Linux::default(), Input::from(INPUT), options).unwrap())
}

fn pool(threads: usize) -> Pool {
    Pool::new(threads).expect("threads can be started")
}

fn all() -> Vec<ColumnId> {
    (0..TestIsa::SPEC.columns.len() as u16).map(ColumnId).collect()
}

/// The rows as the run itself would have recorded them: one machine, row by row, from the first cycle.
fn original(execution: &Run) -> Vec<Vec<Word>> {
    let spec = TestIsa::SPEC;
    let first = execution.checkpoints().first();
    let mut machine =
        Machine::new(Arc::clone(execution.program()), execution.input().clone(), first).unwrap();
    let mut rows = Vec::new();
    for cycle in 0..execution.cycles() {
        let mut columns = Columns::new(spec.columns.len());
        machine.run(cycle + 1, &mut columns.recorder()).unwrap();
        TestIsa::derive(
            &mut columns,
            1,
            execution.program().code().entries(),
            &[ColumnId(9), ColumnId(10), ColumnId(11)],
        );
        let mut row: Vec<Word> = (0..spec.stored).map(|column| columns.column(column)[0]).collect();
        row.extend([1, Word::from(cycle == 0), Word::from(cycle + 1 == execution.cycles())]);
        rows.push(row);
    }
    rows
}

fn rows(chunk: &Chunk<'_>) -> Vec<Vec<Word>> {
    let length = chunk.cycles.clone().count();
    (0..length).map(|row| chunk.columns.iter().map(|column| column[row]).collect()).collect()
}

fn serial(generator: &Generator, cycles: Range<u64>, chunk: usize) -> Vec<Vec<Word>> {
    let mut all_rows = Vec::new();
    let mut next = cycles.start;
    let end = cycles.end;
    let visit = |chunk: &Chunk<'_>| {
        assert_eq!(chunk.cycles.start, next);
        assert_eq!(chunk.entry.map(|entry| entry.cycle), Some(next));
        next = chunk.cycles.end;
        all_rows.extend(rows(chunk));
        Ok::<_, core::convert::Infallible>(())
    };
    generator.for_each(cycles, &all(), chunk, visit).unwrap();
    assert_eq!(next, end);
    all_rows
}

fn parallel(generator: &Generator, align: u64, chunk: usize) -> Vec<Vec<Word>> {
    let parts = generator.parts(align).into_iter().map(|cycles| Part { cycles, state: Vec::new() });
    let states = generator.fold(&all(), parts.collect(), chunk, |state, chunk| {
        state.extend(rows(chunk));
        Ok::<_, core::convert::Infallible>(())
    });
    states.unwrap().concat()
}

fn reduced(generator: &Generator, cycles: Range<u64>, chunk: usize) -> Vec<Vec<Word>> {
    let visit = |state: &mut Vec<_>, chunk: &Chunk<'_>| {
        state.extend(rows(chunk));
        Ok::<_, core::convert::Infallible>(())
    };
    let merge = |low: Vec<_>, high: Vec<_>| [low, high].concat();
    generator.reduce(cycles, &all(), chunk, Vec::new, visit, merge).unwrap()
}

#[test]
fn chunks_end_at_multiples_of_their_size() {
    let execution = run(&echo(), 4, 10, 100);
    let generator = Generator::new(execution, Pool::default());
    let mut ends = Vec::new();
    let visit = |chunk: &Chunk<'_>| {
        ends.push(chunk.cycles.end);
        Ok::<_, core::convert::Infallible>(())
    };
    generator.for_each(5..31, &[], 7, visit).unwrap();
    assert_eq!(ends, [7, 14, 21, 28, 31]);
}

#[test]
fn what_is_not_there_is_an_error() {
    let generator = Generator::new(run(&echo(), 4, 10, 100), Pool::default());
    let visit = |_: &Chunk<'_>| Ok::<_, core::convert::Infallible>(());
    let beyond = generator.for_each(90..101, &[], 7, visit).unwrap_err();
    assert!(matches!(beyond, ReplayError::UnknownCycles(UnknownCycles { executed: 100, .. })), "{beyond}");
    for cycles in [0..101, 101..101, Range { start: 9, end: 3 }] {
        let nothing = |(): &mut (), _: &Chunk<'_>| Ok::<_, core::convert::Infallible>(());
        let beyond = generator.reduce(cycles.clone(), &[], 7, || (), nothing, |(), ()| ()).unwrap_err();
        assert!(
            matches!(beyond, ReplayError::UnknownCycles(UnknownCycles { executed: 100, .. })),
            "{cycles:?}: {beyond}"
        );
    }
    let unknown = generator.for_each(0..1, &[ColumnId(15)], 7, visit).unwrap_err();
    assert!(matches!(unknown, ReplayError::UnknownColumn { columns: 15, .. }), "{unknown}");
}

/// State and output after c cycles are those of a run that ends there.
#[test]
fn the_state_at_a_cycle_is_that_of_a_run_to_there() {
    let program = echo();
    let whole = run(&program, 3, 16, u64::MAX);
    let generator = Generator::new(Arc::clone(&whole), Pool::serial());
    let output = generator.state_at(whole.cycles()).unwrap().1;
    assert!(output.length > 0 && generator.state_at(whole.cycles() / 2).unwrap().1 != output);
    for cycle in 0..=whole.cycles() {
        let prefix = run(&program, 3, 16, cycle);
        let (state, output) = generator.state_at(cycle).unwrap();
        assert_eq!((state.cycle, state.pc), (cycle, prefix.exit().pc));
        assert_eq!(state.digest().unwrap(), prefix.exit().digest().unwrap(), "cycle {cycle}");
        assert_eq!(output, prefix.output(), "cycle {cycle}");
    }
    let beyond = generator.state_at(whole.cycles() + 1);
    assert!(matches!(beyond, Err(ReplayError::UnknownCycles(_))));
}

#[test]
fn a_row_by_name() {
    let execution = run(&echo(), 4, 10, u64::MAX);
    let generator = Generator::new(Arc::clone(&execution), Pool::default());
    // The first read: four bytes were asked for at the third byte of a word.
    let slice = generator.witness_slice(6).unwrap();
    assert_eq!((slice.cycle(), slice.get("pc"), slice.get("kind")), (6, Some(0x1_0018), Some(10)));
    assert_eq!((slice.get("result"), slice.get("input")), (Some(1), Some(i64::from(b'T'))));
    assert_eq!(slice.get("address"), Some(0x2_0000));
    assert_eq!(slice.get("nonsense"), None);
    let last = generator.witness_slice(execution.cycles() - 1).unwrap();
    assert_eq!((last.get("next_pc"), last.get("result")), (Some(0), Some(INPUT.len() as i64)));
    assert!(generator.witness_slice(execution.cycles()).is_err());
    assert_eq!(generator.statistics().cycles_replayed, 2);
}

#[test]
fn a_failed_read_takes_no_input() {
    let code = call(63, [0, 8, 4]);
    let last = code.len() as u64;
    let generator = Generator::new(run(&program(&[&code]), 4, 10, last), Pool::default());
    let slice = generator.witness_slice(last - 1).unwrap();
    assert_eq!(
        ["result", "address", "input"].map(|name| slice.get(name)),
        [Some(0xffff_fff2), Some(0), Some(0)]
    );
}

#[test]
fn consecutive_ranges_go_on_without_a_restore() {
    let generator = Generator::new(run(&echo(), 1, 1 << 20, 200), Pool::default());
    for start in (0..200).step_by(20) {
        serial(&generator, start..start + 20, 64);
    }
    let statistics = generator.statistics();
    assert_eq!((statistics.regenerations, statistics.cycles_replayed), (10, 200));
    assert_eq!(statistics.cycles_forwarded, 0);
}

/// However many passes there are, no more machines are built than threads are at work at once.
#[test]
fn machines_are_pooled() {
    for threads in [1, 3] {
        let generator = Generator::new(run(&echo(), 4, 10, u64::MAX), pool(threads));
        for pass in 0..20 {
            let parts = (0..12).map(|at| Part { cycles: at * 10..at * 10 + 10, state: () }).collect();
            let visit = |(): &mut (), _: &Chunk<'_>| Ok::<_, core::convert::Infallible>(());
            generator.fold(&all(), parts, 4, visit).unwrap();
            generator.witness_slice(pass).unwrap();
        }
        let built = generator.statistics().machines;
        assert!((1..=threads as u64).contains(&built), "{built} machines for {threads} threads");
    }
}

#[test]
fn the_first_error_ends_a_parallel_replay() {
    let generator = Generator::new(run(&echo(), 4, 10, u64::MAX), pool(3));
    let parts = (0..6).map(|at| Part { cycles: at * 20..at * 20 + 20, state: () }).collect();
    let failed = generator
        .fold(&all(), parts, 5, |(), chunk| if chunk.cycles.start == 65 { Err("enough") } else { Ok(()) });
    assert!(matches!(failed, Err(ReplayError::Visitor("enough"))));
    assert_eq!(serial(&generator, 0..100, 9).len(), 100, "the generator still works");
}

/// Each worker looks before every chunk: no visitor sees more than the chunk in which the flag was raised.
#[test]
fn a_cancelled_replay_ends_at_the_next_chunk() {
    for threads in [1, 3] {
        let cancel = Cancel::new();
        let execution = run(&echo(), 4, 10, u64::MAX);
        let generator = Generator::new(execution, pool(threads)).with_cancel(cancel.clone());
        let parts = (0..6).map(|at| Part { cycles: at * 20..at * 20 + 20, state: 0 }).collect();
        let visited = std::sync::atomic::AtomicU64::new(0);
        let failed = generator.fold(&all(), parts, 5, |_, _| {
            cancel.cancel();
            visited.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok::<_, core::convert::Infallible>(())
        });
        assert!(matches!(failed, Err(ReplayError::Cancelled)));
        assert!(visited.into_inner() <= threads as u64);
        let failed = generator.for_each(0..20, &all(), 5, |_| Ok::<_, core::convert::Infallible>(()));
        assert!(matches!(failed, Err(ReplayError::Cancelled)));
    }
}

/// Input without end, whose every read raises a flag, once it has one.
#[derive(Clone, Debug, Default)]
struct Raises(Arc<OnceLock<Cancel>>);

impl InputStore for Raises {
    fn read_at(&self, _position: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        self.0.get().inspect(|flag| flag.cancel());
        buffer.fill(0);
        Ok(())
    }
}

#[test]
fn the_way_from_a_checkpoint_can_be_cancelled() {
    let (raises, cancel) = (Raises::default(), Cancel::new());
    let read = [Asm::addi(10, 0, 0), Asm::ecall(), Asm::jal(0, -8)];
    let program = program(&[&Asm::li(11, DATA), &[Asm::addi(12, 0, 4), Asm::addi(15, 0, 63)], &read]);
    let input = ByteStream::stored(Box::new(raises.clone()), u32::MAX.into(), [0; 32]).into();
    let options = Options { max_cycles: 3 * FORWARD_SLICE, ..Options::default() };
    let options = Options { policy: Policy::new(1, u64::MAX), ..options };
    let execution = execute(program, Linux::default(), input, options).unwrap();
    let last = execution.cycles() - 1;
    let generator = StreamingWitnessGenerator::new(execution, Pool::default()).with_cancel(cancel.clone());
    raises.0.set(cancel).unwrap();
    let failed = generator.for_each(last..last + 1, &[], 1, |_| Ok::<_, core::convert::Infallible>(()));
    assert!(matches!(failed, Err(ReplayError::Cancelled)));
    assert_eq!(generator.statistics().cycles_forwarded, FORWARD_SLICE);
}

#[test]
fn a_column_does_not_depend_on_the_others_asked_for() {
    let execution = run(&echo(), 4, 10, 100);
    let expected = original(&execution);
    for id in all() {
        let generator = Generator::new(Arc::clone(&execution), Pool::default());
        let visit = |chunk: &Chunk<'_>| {
            let rows = &expected[chunk.cycles.start as usize..chunk.cycles.end as usize];
            assert!(chunk.columns[0].iter().eq(rows.iter().map(|row| &row[id.index()])), "column {}", id.0);
            assert_eq!(chunk.columns[0], chunk.columns[1]);
            Ok::<_, core::convert::Infallible>(())
        };
        generator.for_each(0..100, &[id, id], 17, visit).unwrap();
    }
}

#[test]
fn another_input_is_noticed() {
    let execution = run(&echo(), 4, 10, u64::MAX);
    let path = std::env::temp_dir().join(format!("retrace-test-input-{}", std::process::id()));
    std::fs::write(&path, INPUT).unwrap();
    let options = Options { policy: Policy::new(4, 10), ..Options::default() };
    let input = Input::open(&path).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(3).unwrap();
    let failed = execute(Arc::clone(execution.program()), Linux::default(), input, options);
    std::fs::remove_file(&path).unwrap();
    assert!(failed.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The heart of the matter: rows do not depend on the checkpoints, the chunk, the threads, or the range.
    #[test]
    fn any_replay_gives_the_rows_of_the_run(
        program in any_program(),
        m in 1usize..6,
        interval in prop_oneof![1u64..40, Just(1u64 << 20)],
        chunk in prop_oneof![Just(1usize), Just(7), 1usize..200, Just(4096), Just(100_000)],
        threads in 1usize..9,
        align in (0u32..8).prop_map(|bits| 1u64 << bits),
        bounds in (0u64..400, 0u64..400),
    ) {
        let execution = run(&program, m, interval, 300);
        prop_assert!(execution.checkpoints().len() <= 2 * m);
        let expected = original(&execution);
        prop_assert_eq!(expected.len() as u64, execution.cycles());

        let generator = Generator::new(Arc::clone(&execution), pool(threads));
        prop_assert_eq!(&parallel(&generator, align, chunk), &expected);
        let (low, high) = (bounds.0.min(bounds.1), bounds.0.max(bounds.1));
        let cycles = low.min(execution.cycles())..high.min(execution.cycles());
        let part = serial(&generator, cycles.clone(), chunk);
        prop_assert_eq!(&reduced(&generator, cycles.clone(), chunk), &part);
        prop_assert_eq!(&part[..], &expected[cycles.start as usize..cycles.end as usize]);
        if let Some(cycle) = cycles.clone().next() {
            let slice = generator.witness_slice(cycle).unwrap();
            prop_assert_eq!(slice.cells(), &expected[cycle as usize][..TestIsa::SPEC.stored]);
        }
    }

    /// Every checkpoint is the state that a run without checkpoints has there.
    #[test]
    fn checkpoints_are_states_of_the_run(program in any_program(), m in 1usize..6, interval in 1u64..40) {
        let execution = run(&program, m, interval, 300);
        let first = execution.checkpoints().first();
        let kept = execution.checkpoints().iter().map(|checkpoint| checkpoint.unwrap().into_owned());
        for checkpoint in kept.chain([execution.exit().clone()]) {
            let mut machine =
                Machine::new(Arc::clone(&program), execution.input().clone(), first).unwrap();
            let pause = machine.run(checkpoint.cycle, &mut ()).unwrap();
            let exited = matches!(execution.stopped(), Stopped::Exited(_)) && checkpoint.cycle == execution.cycles();
            prop_assert_eq!(pause != Pause::Reached, exited);
            prop_assert_eq!(machine.checkpoint(), checkpoint);
        }
    }
}
