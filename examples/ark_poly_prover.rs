//! A prover built on ark-poly, driven from the oracle: columns as `DenseMultilinearExtension`, bound by `fix_variables`.
//! It holds all of them, and proves the product of three columns with the same messages as the small-space prover.

#![allow(clippy::print_stdout, unreachable_pub)]

use std::error::Error;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use ark_poly::{DenseMultilinearExtension, MultilinearExtension};
use retrace::checkpoint::{Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{ColumnId, Isa, Rv32i};
use retrace::oracle::{OracleError, Part, PolynomialOracle, WitnessOracle, extend_from_cells};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::{Budget, Composition, ProverTranscript, Sum, SumCheckProver, Transcript};

/// The columns as ark-poly holds them, from one pass: 2^n elements each, padding included.
fn extensions(
    oracle: &impl PolynomialOracle,
    ids: &[ColumnId],
) -> Result<Vec<DenseMultilinearExtension<Fr>>, OracleError> {
    let state = vec![Vec::new(); ids.len()];
    let part = Part { cycles: 0..oracle.num_rows(), state };
    let columns = oracle.pass(ids, vec![part], |columns: &mut Vec<Vec<Fr>>, chunk| {
        for ((column, cells), id) in columns.iter_mut().zip(chunk.columns).zip(ids) {
            extend_from_cells(column, &oracle.columns()[id.index()], cells);
        }
        Ok(())
    })?;
    let n = oracle.num_variables() as usize;
    let pad = |mut column: Vec<Fr>| {
        column.resize(1 << n, Fr::ZERO);
        DenseMultilinearExtension::from_evaluations_vec(n, column)
    };
    Ok(columns.into_iter().flatten().map(pad).collect())
}

/// Round polynomials at 0, 1, 2, 3, one after the other.
fn textbook(
    mut columns: Vec<DenseMultilinearExtension<Fr>>,
    mut challenge: impl FnMut() -> Fr,
) -> Vec<[Fr; 4]> {
    let mut rounds = Vec::new();
    while columns[0].num_vars > 0 {
        let at = |at: u64| -> Fr {
            let bound = columns.iter().map(|column| column.fix_variables(&[Fr::from(at)]).evaluations);
            let bound: Vec<Vec<Fr>> = bound.collect();
            (0..bound[0].len()).map(|x| bound.iter().map(|column| column[x]).product::<Fr>()).sum()
        };
        rounds.push([at(0), at(1), at(2), at(3)]);
        let r = challenge();
        columns.iter_mut().for_each(|column| *column = column.fix_variables(&[r]));
    }
    rounds
}

/// Challenges out of the air, and the messages kept.
#[derive(Default)]
struct Log {
    drawn: u64,
    messages: Vec<Vec<Fr>>,
}

impl Transcript<Fr> for Log {
    fn public(&mut self, _values: &[Fr]) {}

    fn challenge(&mut self) -> Fr {
        self.drawn += 1;
        Fr::from(self.drawn + 7).pow([13])
    }
}

impl ProverTranscript<Fr> for Log {
    fn send(&mut self, message: &[Fr]) {
        self.messages.push(message.to_vec());
    }
}

/// Proves a product of three columns by both provers, and compares every round.
pub fn main() -> Result<(), Box<dyn Error>> {
    let elf = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/sha256.elf"))?;
    let execution =
        execute(Program::<Rv32i>::from_elf(&elf)?, Linux::default(), Input::empty(), Options::default())?;
    let oracle = WitnessOracle::new(StreamingWitnessGenerator::new(execution, Pool::serial()))?;
    let column = |name| Rv32i::SPEC.column(name).ok_or("the spec has no such column");
    let ids = [column("rs1_value")?, column("rs2_value")?, column("rd.value")?];

    // The first challenge batches instances; there is one.
    let mut challenges = Log { drawn: 1, ..Log::default() };
    let rounds = textbook(extensions(&oracle, &ids)?, || challenges.challenge());
    let claim = rounds.first().map_or(Fr::ZERO, |round| round[0] + round[1]);

    let sum = Sum::new(Composition::product(oracle.columns(), &ids)?, claim);
    let mut log = Log::default();
    let budget = Budget::sqrt::<Fr>(ids.len(), oracle.num_variables());
    SumCheckProver::new(budget, Pool::serial()).prove(&oracle, &[&sum], &mut log)?;
    for (i, (round, message)) in rounds.iter().zip(&log.messages).enumerate() {
        let [constant, square, cube] = message[..] else {
            return Err("a message has three coefficients".into());
        };
        let linear = round[0] + round[1] - constant.double() - square - cube;
        for (at, value) in (0u64..).zip(round) {
            let x = Fr::from(at);
            if constant + x * (linear + x * (square + x * cube)) != *value {
                return Err(format!("round {i} differs at {at}").into());
            }
        }
    }
    println!("{} rounds over {} cycles: both provers say the same", rounds.len(), oracle.num_rows());
    Ok(())
}
