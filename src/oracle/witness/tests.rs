use std::sync::{Arc, Barrier};

use super::*;
use crate::checkpoint::{Execution, Options, Policy, execute};
use crate::guest::{Input, Linux};
use crate::isa::PublicColumn;
use crate::machine::test_isa::{Asm, TestIsa, echo, program};
use crate::parallel::Pool;

fn oracle(input: usize, threads: usize) -> WitnessOracle<TestIsa, Linux> {
    let options = Options { policy: Policy::new(4, 1 << 10), ..Options::default() };
    let execution: Execution<TestIsa, Linux> =
        execute(echo(), Linux::default(), Input::from(vec![3; input]), options).unwrap();
    WitnessOracle::new(StreamingWitnessGenerator::new(
        execution,
        Pool::new(threads).expect("threads can be started"),
    ))
    .unwrap()
}

#[test]
fn queries_agree_with_passes() {
    let oracle = oracle(5000, 2);
    let columns: Vec<ColumnId> = (0..oracle.columns().len() as u16).map(ColumnId).collect();
    let parts = oracle.parts(1).into_iter().map(|cycles| Part { cycles, state: 0u64 }).collect();
    let rows = oracle.pass(&columns, parts, |rows, chunk| {
        for (&id, column) in columns.iter().zip(chunk.columns) {
            for (row, &cell) in chunk.cycles.clone().zip(*column).step_by(997) {
                assert_eq!(oracle.query(id, row)?, cell, "column {} row {row}", id.0);
                if id.index() < oracle.num_stored() {
                    let index = u128::from(row) * oracle.num_stored() as u128 + u128::from(id.0);
                    assert_eq!(oracle.interleaved(index)?, cell);
                }
            }
        }
        *rows += chunk.cycles.end - chunk.cycles.start;
        Ok(())
    });
    assert_eq!(rows.unwrap().iter().sum::<u64>(), oracle.num_rows());
}

/// Row by row a segment is what the whole witness has there, but for the public columns, which count its own rows.
#[test]
fn a_segment_is_a_range_of_the_witness() {
    for threads in [1, 3] {
        let whole = oracle(5000, threads);
        let cycles = 1237..whole.num_rows() - 700;
        let segment = WitnessOracle::segment(
            StreamingWitnessGenerator::new(
                Arc::clone(whole.generator().execution()),
                whole.generator().pool().clone(),
            ),
            cycles.clone(),
        )
        .unwrap();
        let length = cycles.end - cycles.start;
        assert_eq!((segment.num_rows(), segment.cycles()), (length, cycles.clone()));
        let columns: Vec<ColumnId> = (0..segment.columns().len() as u16).map(ColumnId).collect();
        let parts = segment.parts(64).into_iter().map(|cycles| Part { cycles, state: 0u64 }).collect();
        let rows = segment.pass(&columns, parts, |rows, chunk| {
            assert!(chunk.cycles.start % 64 == 0 && chunk.cycles.end <= length);
            assert_eq!(chunk.entry.unwrap().cycle, cycles.start + chunk.cycles.start);
            for (&id, column) in columns.iter().zip(chunk.columns) {
                for (row, &cell) in chunk.cycles.clone().zip(*column).step_by(97) {
                    let expected = match segment.columns()[id.index()].source {
                        ColumnSource::Public(PublicColumn::Active) => 1,
                        ColumnSource::Public(PublicColumn::First) => (row == 0).into(),
                        ColumnSource::Public(PublicColumn::Last) => (row == length - 1).into(),
                        _ => whole.query(id, cycles.start + row)?,
                    };
                    assert_eq!(cell, expected, "column {} row {row}", id.0);
                    assert_eq!(segment.query(id, row)?, cell);
                }
            }
            *rows += chunk.cycles.end - chunk.cycles.start;
            Ok(())
        });
        assert_eq!(rows.unwrap().iter().sum::<u64>(), length);
        assert_eq!(segment.query(ColumnId(0), length).unwrap(), 0);
    }
}

#[test]
fn a_segment_is_within_the_execution() {
    let whole = oracle(100, 1);
    let executed = whole.num_rows();
    let execution = whole.generator().execution();
    for cycles in [0..0, 5..5, 0..executed + 1, executed..executed + 1, u64::MAX - 1..u64::MAX] {
        let generator = StreamingWitnessGenerator::new(Arc::clone(execution), Pool::serial());
        let refused = WitnessOracle::segment(generator, cycles.clone()).unwrap_err();
        assert_eq!(refused, UnknownCycles { cycles, executed });
    }
}

#[test]
fn padding_is_zero_and_beyond_is_an_error() {
    let oracle = oracle(100, 1);
    let end = 1 << oracle.num_variables();
    assert!(oracle.num_rows() < end);
    for id in (0..oracle.columns().len() as u16).map(ColumnId) {
        assert_eq!(oracle.query(id, oracle.num_rows()).unwrap(), 0);
        assert_eq!(oracle.query(id, end - 1).unwrap(), 0);
        assert!(matches!(oracle.query(id, end), Err(OracleError::UnknownRow { .. })));
        assert!(matches!(oracle.query(id, u64::MAX), Err(OracleError::UnknownRow { .. })));
    }
    assert!(matches!(oracle.query(ColumnId(99), 0), Err(OracleError::UnknownColumn { .. })));
}

#[test]
fn sequential_queries_replay_each_chunk_once() {
    let oracle = oracle(5000, 1);
    for row in (0..oracle.num_rows()).step_by(100) {
        oracle.query(ColumnId(9), row).unwrap();
    }
    let statistics = oracle.generator().statistics();
    assert_eq!(statistics.cycles_replayed, oracle.num_rows());
    assert_eq!(statistics.cycles_forwarded, 0);
}

/// A column that is asked for later costs its chunk once more; the next chunks come with both, from the fifth column on with
/// all that are recorded, and from the first derived one on with all.
#[test]
fn a_reader_of_whole_rows_replays_its_first_chunk_a_few_times() {
    let oracle = oracle(5000, 1);
    let columns = oracle.num_stored() as u64;
    for index in 0..oracle.num_rows() * columns {
        oracle.interleaved(index.into()).unwrap();
    }
    let chunks = oracle.num_rows().div_ceil(ROWS);
    assert_eq!(oracle.generator().statistics().regenerations, chunks + FEW_COLUMNS as u64 + 1);
}

/// Each has a machine, and goes on with it.
#[test]
fn a_few_readers_do_not_push_each_other_out() {
    let oracle = oracle(20_000, 1);
    let readers = CACHED_CHUNKS as u64 / 2;
    let share = oracle.num_rows() / readers / ROWS * ROWS;
    assert!(share >= 2 * ROWS);
    for row in (0..share).step_by(64) {
        for reader in 0..readers {
            oracle.query(ColumnId(0), reader * share + row).unwrap();
        }
    }
    let statistics = oracle.generator().statistics();
    assert_eq!((statistics.regenerations, statistics.machines), (readers * share / ROWS, readers));
    let interval = oracle.generator().execution().checkpoints().interval();
    assert!(statistics.cycles_forwarded <= readers * interval, "only at first: {statistics:?}");
}

/// Threads that want one chunk wait for the one that regenerates it.
#[test]
fn a_chunk_is_regenerated_once_for_all_threads() {
    let oracle = oracle(100_000, 1);
    let (threads, chunks) = (8, oracle.num_rows() / ROWS);
    assert!(chunks > 100);
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for chunk in 0..chunks {
                    barrier.wait();
                    oracle.query(ColumnId(0), chunk * ROWS).unwrap();
                }
            });
        }
    });
    assert_eq!(oracle.generator().statistics().regenerations, chunks);
}

/// Threads that read here and there, more chunks than are kept, read what a pass does.
#[test]
fn what_is_overwritten_meanwhile_is_not_read() {
    let oracle = oracle(30_000, 1);
    let rows = oracle.num_rows();
    assert!(rows / ROWS > 2 * CACHED_CHUNKS as u64);
    let id = ColumnId(0);
    let mut cells = Vec::new();
    let visit = |chunk: &Chunk<'_>| {
        cells.extend_from_slice(chunk.columns[0]);
        Ok::<_, core::convert::Infallible>(())
    };
    oracle.generator().for_each(0..rows, &[id], MAX_ROWS, visit).unwrap();
    let (oracle, cells) = (&oracle, &cells);
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            scope.spawn(move || {
                let mut state = thread + 1;
                for _ in 0..2000 {
                    // Knuth's MMIX generator; then a few rows from there on.
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let row = (state >> 20) % (rows - 200);
                    for row in row..row + 200 {
                        assert_eq!(oracle.query(id, row).unwrap(), cells[row as usize], "row {row}");
                    }
                }
            });
        }
    });
}

#[test]
fn a_visitors_error_comes_back_as_it_is() {
    let oracle = oracle(100, 2);
    let parts = oracle.parts(1).into_iter().map(|cycles| Part { cycles, state: () }).collect();
    let failed = oracle.pass(&[], parts, |(), _| Err(OracleError::PointLength { expected: 1, found: 2 }));
    assert!(matches!(failed, Err(OracleError::PointLength { expected: 1, found: 2 })));
}

#[test]
fn an_oracle_is_cancelled_with_its_replays() {
    let execution = Arc::clone(oracle(100, 1).generator().execution());
    let cancel = crate::cancel::Cancel::new();
    let generator = StreamingWitnessGenerator::new(execution, Pool::serial()).with_cancel(cancel.clone());
    let oracle = WitnessOracle::new(generator).unwrap();
    assert!(!oracle.is_cancelled());
    cancel.cancel();
    assert!(oracle.is_cancelled());
}

#[test]
fn nothing_executed_is_no_witness() {
    let execution: Execution<TestIsa, Linux> =
        execute(program(&[&[Asm::ebreak()]]), Linux::default(), Input::empty(), Options::default()).unwrap();
    let generator = StreamingWitnessGenerator::new(Arc::new(execution), Pool::default());
    assert_eq!(WitnessOracle::new(generator).unwrap_err(), UnknownCycles { cycles: 0..0, executed: 0 });
}
