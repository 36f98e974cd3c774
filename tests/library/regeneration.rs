//! The plan's 13.7: the rows that are regenerated are the rows of the run, whatever the chunk, the range, the checkpoints
//! and their thinning, the number of threads, and whether the checkpoints went through a file, or the run was cut off.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use retrace::checkpoint::{CheckpointFile, Execution, FileOptions, Options, Policy, Resume, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{ColumnId, Isa, Rv32i, Word};
use retrace::oracle::{Part, PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::replay::StreamingWitnessGenerator;

use crate::common::{self, guest, load, program_that_may_fault, run};

fn columns() -> Vec<ColumnId> {
    (0..Rv32i::SPEC.columns.len() as u16).map(ColumnId).collect()
}

/// All rows of all columns, visited in order with chunks of `rows`.
fn in_order(generator: &StreamingWitnessGenerator<Rv32i, Linux>, rows: usize) -> Vec<Vec<Word>> {
    range_of(generator, 0..generator.execution().cycles(), rows)
}

/// The same of some rows.
fn range_of(
    generator: &StreamingWitnessGenerator<Rv32i, Linux>,
    cycles: Range<u64>,
    rows: usize,
) -> Vec<Vec<Word>> {
    let columns = columns();
    let mut cells = vec![Vec::new(); columns.len()];
    generator
        .for_each(cycles, &columns, rows, |chunk| {
            assert!(
                chunk
                    .columns
                    .iter()
                    .all(|column| column.len() == (chunk.cycles.end - chunk.cycles.start) as usize)
            );
            cells.iter_mut().zip(chunk.columns).for_each(|(cells, column)| cells.extend_from_slice(column));
            Ok::<(), ()>(())
        })
        .expect("the run can be replayed");
    cells
}

/// All rows of all columns, visited in parallel parts.
fn in_parts(generator: &StreamingWitnessGenerator<Rv32i, Linux>, rows: usize) -> Vec<Vec<Word>> {
    let columns = columns();
    let part = |cycles| Part { cycles, state: vec![Vec::new(); columns.len()] };
    let parts = generator.parts(1).into_iter().map(part).collect();
    let parts = generator
        .fold(&columns, parts, rows, |cells: &mut Vec<Vec<Word>>, chunk| {
            cells.iter_mut().zip(chunk.columns).for_each(|(cells, column)| cells.extend_from_slice(column));
            Ok::<(), ()>(())
        })
        .expect("the run can be replayed");
    let mut cells = vec![Vec::new(); columns.len()];
    for part in parts {
        cells.iter_mut().zip(part).for_each(|(cells, column)| cells.extend(column));
    }
    cells
}

fn generator(execution: Execution<Rv32i, Linux>, threads: usize) -> StreamingWitnessGenerator<Rv32i, Linux> {
    StreamingWitnessGenerator::new(execution, Pool::new(threads).expect("threads can be started"))
}

/// How checkpoints come to be.
#[derive(Clone, Debug)]
enum Route {
    /// They stay in memory.
    Memory,
    /// They are written to a file, and read from it.
    File,
    /// The run is cut off after this part of its cycles and goes on from the file, twice; its checkpoints are in the file.
    Resumed([prop::sample::Index; 2]),
    /// The same, and the file is opened again at the end.
    ResumedFile([prop::sample::Index; 2]),
}

fn route() -> impl Strategy<Value = Route> {
    let stops = || any::<[prop::sample::Index; 2]>();
    prop_oneof![
        Just(Route::Memory),
        Just(Route::File),
        stops().prop_map(Route::Resumed),
        stops().prop_map(Route::ResumedFile),
    ]
}

fn execution(
    program: &Arc<Program<Rv32i>>,
    input: &[u8],
    policy: Policy,
    route: &Route,
    every: Duration,
    cycles: u64,
) -> Execution<Rv32i, Linux> {
    let place = temporary();
    let file = FileOptions { every, ..FileOptions::new(&place.0) };
    let begin = |max_cycles, file| {
        let options = Options { policy, max_cycles, file, ..Options::default() };
        execute(Arc::clone(program), Linux::default(), Input::from(input), options).expect("it runs")
    };
    let resume = |max_cycles| {
        let resume = Resume::open(file.clone()).expect("the file is whole");
        let options = Options { max_cycles, ..Options::default() };
        resume.run::<Rv32i, Linux>(Arc::clone(program), options).expect("it goes on")
    };
    let open = || {
        let file = CheckpointFile::open(&place.0).expect("the file is whole");
        file.verify().expect("the file is whole");
        file.execution(Arc::clone(program)).expect("it is of this program")
    };
    match route {
        Route::Memory => begin(u64::MAX, None),
        Route::File => {
            begin(u64::MAX, Some(file.clone()));
            open()
        }
        Route::Resumed(stops) | Route::ResumedFile(stops) => {
            let mut stops = stops.map(|stop| stop.index(cycles as usize + 1) as u64);
            stops.sort_unstable();
            begin(stops[0], Some(file.clone()));
            resume(stops[1]);
            let execution = resume(u64::MAX);
            if matches!(route, Route::Resumed(_)) { execution } else { open() }
        }
    }
}

/// A path of its own, removed at the end.
struct Temporary(PathBuf);

fn temporary() -> Temporary {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("regeneration-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    Temporary(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn random_programs_regenerate(
        words in program_that_may_fault(),
        input in prop::collection::vec(any::<u8>(), 0..32),
        m in 1usize..9,
        interval in prop_oneof![1u64..8, 1u64..5000],
        page_cost in prop_oneof![Just(0u64), 1u64..300],
        route in route(),
        every in prop::sample::select(vec![Duration::ZERO, Duration::MAX]),
        rows in prop::sample::select(vec![1usize, 7, 64, 4096, 1 << 20]),
        threads in 1usize..9,
        range in any::<[prop::sample::Index; 2]>(),
    ) {
        let program = load::<Rv32i>(&words);
        // The run's own rows: one chunk at a time from its first cycle, never restored from a checkpoint.
        let never = generator(run(&program, &[], &input, u64::MAX), 1);
        let original = in_order(&never, 4096);
        let whole = never.execution();
        let policy = Policy::new(m, interval).with_page_cost(page_cost);
        let execution = execution(&program, &input, policy, &route, every, whole.cycles());
        prop_assert_eq!(execution.stopped(), whole.stopped());
        prop_assert_eq!(execution.output(), whole.output());
        prop_assert_eq!(execution.memory_words(), whole.memory_words());
        prop_assert_eq!(execution.exit(), whole.exit());
        prop_assert!(execution.checkpoints().len() <= 2 * m);
        let generator = generator(execution, threads);
        prop_assert_eq!(&in_order(&generator, rows), &original);
        prop_assert_eq!(&in_parts(&generator, rows), &original);

        let mut range = range.map(|at| at.index(whole.cycles() as usize + 1));
        range.sort_unstable();
        let part = range_of(&generator, range[0] as u64..range[1] as u64, rows);
        for (part, original) in part.iter().zip(&original) {
            prop_assert_eq!(&part[..], &original[range[0]..range[1]]);
        }
    }
}

#[test]
fn guests_regenerate() {
    let text = std::fs::read(common::input_path("two-blocks.txt")).expect("it is in the repository");
    let json = std::fs::read(common::input_path("sample.json")).expect("it is in the repository");
    let cases: [(&str, &[&str], &[u8]); 6] = [
        ("tiny", &[], b""),
        ("sha256", &[], &text),
        ("quicksort", &["200"], b""),
        ("sieve", &["2000"], b""),
        ("interp", &["5"], b""),
        ("jsonfmt", &["2"], &json),
    ];
    for (name, arguments, input) in cases {
        let program = guest(name);
        let original = in_order(&generator(run(&program, arguments, input, u64::MAX), 1), 4096);
        let cycles = original[0].len() as u64;
        for (interval, threads) in [(1, 1), (1000, 2), (cycles, 8)] {
            let generator = generator(run(&program, arguments, input, interval), threads);
            for rows in [7, 4096, 1 << 30] {
                assert!(
                    in_order(&generator, rows) == original,
                    "{name}: interval {interval}, chunks of {rows}"
                );
                assert!(
                    in_parts(&generator, rows) == original,
                    "{name}: interval {interval}, {threads} threads"
                );
            }
        }
        if cycles < 20_000 {
            let generator = generator(run(&program, arguments, input, 100), 2);
            assert!(in_order(&generator, 1) == original, "{name}: chunks of one row");
        }
    }
}

/// Position j·k + i of the interleaved vector is column i at cycle j, and `query` agrees with a pass.
#[test]
fn the_interleaved_vector_is_cycle_major() {
    let execution = run(&guest("tiny"), &[], b"", 16);
    let original = in_order(&generator(run(&guest("tiny"), &[], b"", u64::MAX), 1), 4096);
    let oracle = WitnessOracle::new(generator(execution, 1)).expect("there are rows");
    let k = oracle.num_stored();
    for j in 0..1usize << oracle.num_variables() {
        for (i, column) in original.iter().enumerate().take(k) {
            let expected = column.get(j).copied().unwrap_or(0);
            assert_eq!(oracle.interleaved((j * k + i) as u128).expect("it is in range"), expected);
            assert_eq!(oracle.query(ColumnId(i as u16), j as u64).expect("it is in range"), expected);
        }
    }
    assert!(oracle.query(ColumnId(0), 1 << oracle.num_variables()).is_err());
    assert!(oracle.query(ColumnId(u16::MAX), 0).is_err());
}

/// The statistics count what was done.
#[test]
fn statistics_count_passes_and_cycles() {
    let program = Arc::clone(&guest("quicksort"));
    let generator = generator(run(&program, &["100"], b"", 1000), 1);
    let cycles = generator.execution().cycles();
    in_order(&generator, 4096);
    in_order(&generator, 4096);
    let statistics = generator.statistics();
    assert_eq!(statistics.regenerations, 2);
    assert_eq!(statistics.cycles_replayed, 2 * cycles);
    assert_eq!(statistics.cycles_forwarded, 0);
}
