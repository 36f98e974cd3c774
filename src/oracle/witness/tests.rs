use std::sync::Arc;

use super::*;
use crate::checkpoint::{Execution, Options, Policy, execute};
use crate::guest::{Input, Linux};
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

#[test]
fn a_few_readers_do_not_push_each_other_out() {
    let oracle = oracle(5000, 1);
    assert!(oracle.num_rows() > 3 * MAX_ROWS as u64);
    for at in 0..100 {
        oracle.query(ColumnId(0), at % 3 * MAX_ROWS as u64).unwrap();
    }
    assert_eq!(oracle.generator().statistics().regenerations, 3);
    assert!(oracle.cache.lock().unwrap().len() <= CACHED_CHUNKS);
}

#[test]
fn a_visitors_error_comes_back_as_it_is() {
    let oracle = oracle(100, 2);
    let parts = oracle.parts(1).into_iter().map(|cycles| Part { cycles, state: () }).collect();
    let failed = oracle.pass(&[], parts, |(), _| Err(OracleError::PointLength { expected: 1, found: 2 }));
    assert!(matches!(failed, Err(OracleError::PointLength { expected: 1, found: 2 })));
}

#[test]
fn nothing_executed_is_no_witness() {
    let execution: Execution<TestIsa, Linux> =
        execute(program(&[&[Asm::ebreak()]]), Linux::default(), Input::empty(), Options::default()).unwrap();
    let generator = StreamingWitnessGenerator::new(Arc::new(execution), Pool::default());
    assert_eq!(WitnessOracle::new(generator).unwrap_err(), EmptyExecution);
}
