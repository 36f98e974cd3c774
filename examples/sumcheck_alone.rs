//! The sum-check alone, over an oracle of one's own: here a table of squares that is computed when it is asked for.
//! `DenseOracle`, over cells in memory, is the double for tests.

#![allow(clippy::print_stdout, unreachable_pub)]

use core::ops::Range;
use std::error::Error;

use ark_bn254::Fr;
use retrace::isa::{Column, ColumnId, ColumnSource, RangeClass, Word};
use retrace::oracle::{Chunk, DenseOracle, OracleError, Part, PolynomialOracle, evaluate};
use retrace::parallel::Pool;
use retrace::sumcheck::{
    Budget, Composition, LinearForm, RangeSum, SumCheckProver, SumCheckVerifier, SumcheckInstance,
    Transcript, ZeroCheck, prover_state,
};
use spongefish::{DefaultHash, VerifierState, derive_session_id};

const X: ColumnId = ColumnId(0);
const SQUARE: ColumnId = ColumnId(1);

/// Row j holds j and j²; none is held.
struct Squares {
    columns: [Column; 2],
    rows: u64,
}

impl Squares {
    fn new(rows: u64) -> Self {
        let column = |name, bits| Column {
            name,
            doc: "",
            class: RangeClass::Unsigned { bits },
            source: ColumnSource::Recorded,
        };
        Self { columns: [column("x", 16), column("square", 32)], rows }
    }

    fn cell(column: ColumnId, row: u64) -> Word {
        (if column == X { row } else { row * row }) as Word
    }
}

impl PolynomialOracle for Squares {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn num_stored(&self) -> usize {
        self.columns.len()
    }

    fn num_rows(&self) -> u64 {
        self.rows
    }

    fn parts(&self, _align: u64) -> Vec<Range<u64>> {
        std::iter::once(0..self.rows).collect()
    }

    fn pass<A: Send>(
        &self,
        columns: &[ColumnId],
        parts: Vec<Part<A>>,
        visit: impl Fn(&mut A, &Chunk<'_>) -> Result<(), OracleError> + Sync,
    ) -> Result<Vec<A>, OracleError> {
        let run = |Part { cycles, mut state }: Part<A>| {
            for start in cycles.clone().step_by(1 << 10) {
                let rows = start..cycles.end.min(start + (1 << 10));
                let cells = columns.iter().map(|id| rows.clone().map(|row| Self::cell(*id, row)).collect());
                let cells: Vec<Vec<Word>> = cells.collect();
                let slices: Vec<&[Word]> = cells.iter().map(Vec::as_slice).collect();
                visit(&mut state, &Chunk { cycles: rows, columns: &slices, entry: None })?;
            }
            Ok(state)
        };
        parts.into_iter().map(run).collect()
    }

    fn query(&self, column: ColumnId, row: u64) -> Result<Word, OracleError> {
        Ok(if row < self.rows { Self::cell(column, row) } else { 0 })
    }
}

type Instances = (ZeroCheck<Fr, Composition<Fr>>, RangeSum<Fr>);

/// square = x² in every row, and what the rows 10..20 of x add up to: prover's and verifier's side draw alike.
fn instances(
    oracle: &impl PolynomialOracle,
    transcript: &mut impl Transcript<Fr>,
) -> Result<Instances, Box<dyn Error>> {
    let tau = transcript.challenges(oracle.num_variables() as usize);
    let form = |id, by| LinearForm { constant: 0, terms: vec![(id, by)] };
    let products = vec![vec![form(X, 1), form(X, 1)], vec![form(SQUARE, -1)]];
    let composition = Composition::new(oracle.columns(), [(Fr::from(1u64), products)])?;
    Ok((ZeroCheck::new(composition, tau)?, RangeSum::new(X, 10..20, Fr::from(145u64))))
}

/// Proves within √T space, and returns the proof.
fn prove(oracle: &impl PolynomialOracle) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut transcript = prover_state(&derive_session_id::<DefaultHash>(b"squares"), &[0u8]);
    let (zero_check, range_sum) = instances(oracle, &mut transcript)?;
    let list: [&dyn SumcheckInstance<Fr>; 2] = [&zero_check, &range_sum];
    let budget = Budget::sqrt::<Fr>(2, oracle.num_variables());
    let proved = SumCheckProver::new(budget, Pool::serial()).prove(oracle, &list, &mut transcript)?;
    println!("{} rounds in {} passes", proved.report.rounds, proved.report.passes);
    Ok(transcript.into_narg_string())
}

/// Proves over the oracle, and over its double in memory; verifies.
pub fn main() -> Result<(), Box<dyn Error>> {
    let oracle = Squares::new(50_000);
    let proof = prove(&oracle)?;

    let mut transcript =
        VerifierState::<DefaultHash>::new(&derive_session_id::<DefaultHash>(b"squares"), &[0u8], &proof);
    let (zero_check, range_sum) = instances(&oracle, &mut transcript)?;
    let list: [&dyn SumcheckInstance<Fr>; 2] = [&zero_check, &range_sum];
    let reduced =
        SumCheckVerifier::new(oracle.columns(), oracle.num_rows()).verify(&list, &mut transcript)?;
    // A commitment would show this.
    let (ids, values): (Vec<_>, Vec<_>) = reduced.evaluations.into_iter().unzip();
    if evaluate(&oracle, &ids, &[reduced.point])? != [values] {
        return Err("the columns have other values at the point".into());
    }

    let cells = |id| (0..oracle.num_rows()).map(|row| Squares::cell(id, row)).collect();
    let double = DenseOracle::new(oracle.columns().to_vec(), vec![cells(X), cells(SQUARE)])?;
    if prove(&double)? != proof {
        return Err("the double gives another proof".into());
    }
    println!("{} bytes, verified", proof.len());
    Ok(())
}
