//! The oracle alone: a sum-check of one's own, fed by passes over the witness of a run that no one holds.
//!
//! Claimed is Σ a(x)·b(x) over two columns of the execution. Each round is a pass that regenerates the rows: the textbook
//! prover of "Proving CPU Executions in Small Space", in thirty lines.

#![allow(clippy::print_stdout, unreachable_pub)]

use std::error::Error;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use retrace::checkpoint::{Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{ColumnId, Isa, Rv32i};
use retrace::oracle::{EqTable, OracleError, Part, PolynomialOracle, WitnessOracle, evaluate};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::replay::StreamingWitnessGenerator;

/// Σ over rows x' of round i's polynomial for a·b at 0, 1 and 2: one pass, O(√T) space.
fn round(oracle: &impl PolynomialOracle, ids: [ColumnId; 2], point: &[Fr]) -> Result<[Fr; 3], OracleError> {
    let table = EqTable::new(point);
    let group = 2u64 << point.len();
    // Parts begin at multiples of a group, so that no group lies in two of them.
    let start = |cycles| Part { cycles, state: ([Fr::ZERO; 3], [[Fr::ZERO; 2]; 2]) };
    let parts = oracle.parts(group).into_iter().map(start).collect();
    let close = |sums: &mut [Fr; 3], ends: &mut [[Fr; 2]; 2]| {
        for (at, sum) in sums.iter_mut().enumerate() {
            let line = |[even, odd]: [Fr; 2]| even + Fr::from(at as u64) * (odd - even);
            *sum += line(ends[0]) * line(ends[1]);
        }
        *ends = [[Fr::ZERO; 2]; 2];
    };
    let states = oracle.pass(&ids, parts, |(sums, ends), chunk| {
        for (at, row) in chunk.cycles.clone().enumerate() {
            let weight = table.at(row & (group / 2 - 1));
            let odd = usize::from(row & (group / 2) != 0);
            for (column, ends) in ends.iter_mut().enumerate() {
                ends[odd] += weight * Fr::from(chunk.columns[column][at]);
            }
            if (row + 1) % group == 0 {
                close(sums, ends);
            }
        }
        Ok(())
    })?;
    let mut total = [Fr::ZERO; 3];
    for (mut sums, mut ends) in states {
        close(&mut sums, &mut ends);
        total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
    }
    Ok(total)
}

/// Runs the guest, and proves and checks the claim, with challenges out of the air.
pub fn main() -> Result<(), Box<dyn Error>> {
    let elf = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/tiny.elf"))?;
    let program = Program::<Rv32i>::from_elf(&elf)?;
    let execution = execute(program, Linux::default(), Input::empty(), Options::default())?;
    let oracle = WitnessOracle::new(StreamingWitnessGenerator::new(execution, Pool::serial()))?;
    let column = |name| Rv32i::SPEC.column(name).ok_or("the spec has no such column");
    let ids = [column("pc")?, column("next_pc")?];

    let mut point: Vec<Fr> = Vec::new();
    let first = round(&oracle, ids, &point)?;
    let mut claim = first[0] + first[1];
    println!("Σ pc·next_pc over {} cycles is {claim}", oracle.num_rows());
    for i in 0..oracle.num_variables() {
        let [zero, one, two] = round(&oracle, ids, &point)?;
        if zero + one != claim {
            return Err(format!("round {i} does not add up").into());
        }
        // A transcript would give this one.
        let r = Fr::from(u64::from(i) + 7).pow([13]);
        let half = Fr::from(2u64).inverse().unwrap_or_default();
        let square = (two - one - one + zero) * half;
        claim = zero + r * (one - zero - square) + r * r * square;
        point.push(r);
    }
    let values = evaluate(&oracle, &ids, &[point])?;
    if values[0][0] * values[0][1] != claim {
        return Err("the last claim is not the columns' product".into());
    }
    println!("{} rounds, a pass each, and the claim holds at the point", oracle.num_variables());
    Ok(())
}
