//! The plan's 13.7: the rows that are regenerated are the rows of the run, whatever the chunk, the interval and the
//! number of threads.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

mod common;

use std::sync::Arc;

use proptest::prelude::*;
use retrace::checkpoint::Execution;
use retrace::guest::Linux;
use retrace::isa::{ColumnId, Isa, Rv32i, Word};
use retrace::oracle::{Part, PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::replay::StreamingWitnessGenerator;

use common::{guest, load, program, run};

fn columns() -> Vec<ColumnId> {
    (0..Rv32i::SPEC.columns.len() as u16).map(ColumnId).collect()
}

/// All rows of all columns, visited in order with chunks of `rows`.
fn in_order(generator: &StreamingWitnessGenerator<Rv32i, Linux>, rows: usize) -> Vec<Vec<Word>> {
    let columns = columns();
    let mut cells = vec![Vec::new(); columns.len()];
    generator
        .for_each(0..generator.execution().cycles(), &columns, rows, |chunk| {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_programs_regenerate(
        words in program(),
        input in prop::collection::vec(any::<u8>(), 0..32),
        interval in prop_oneof![1u64..8, 1u64..5000],
        rows in prop::sample::select(vec![1usize, 7, 64, 4096, 1 << 20]),
        threads in 1usize..9,
    ) {
        let program = load::<Rv32i>(&words);
        // The run's own rows: one chunk at a time from its first cycle, never restored from a checkpoint.
        let original = in_order(&generator(run(&program, &[], &input, u64::MAX), 1), 4096);
        let generator = generator(run(&program, &[], &input, interval), threads);
        prop_assert_eq!(&in_order(&generator, rows), &original);
        prop_assert_eq!(&in_parts(&generator, rows), &original);
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
