//! A statement of the size that figures elsewhere are for: 24 columns, 20 constraints of degree 2, from memory.

use retrace::field::SumcheckField;
use retrace::isa::{Column, ColumnId, ColumnSource, RangeClass};
use retrace::oracle::{DenseOracle, PolynomialOracle};
use retrace::parallel::Pool;
use retrace::sumcheck::{Budget, Composition, LinearForm, SumCheckProver, SumcheckInstance, ZeroCheck};

use super::{linear, median, prove};

const FLAGS: u16 = 10;
const WORDS: u16 = 14;

/// Flags at random, pairs of equal words: flag · (word − its twin), and flag · (flag − 1), are zero.
fn oracle(rows: u64) -> DenseOracle {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u32
    };
    let column = |class| Column { name: "column", doc: "", class, source: ColumnSource::Recorded };
    let flags = (0..FLAGS).map(|_| column(RangeClass::Bit));
    let words = (0..WORDS).map(|_| column(RangeClass::Unsigned { bits: 32 }));
    let mut cells: Vec<Vec<u32>> = (0..FLAGS).map(|_| (0..rows).map(|_| random() & 1).collect()).collect();
    for _ in 0..WORDS / 2 {
        let word: Vec<u32> = (0..rows).map(|_| random()).collect();
        cells.extend([word.clone(), word]);
    }
    DenseOracle::new(flags.chain(words).collect(), cells).expect("columns and cells fit")
}

fn zero_check<F: SumcheckField>(oracle: &DenseOracle) -> ZeroCheck<F, Composition<F>> {
    let flag = |flag: u16, constant: i64| LinearForm { constant, terms: vec![(ColumnId(flag % FLAGS), 1)] };
    let twins = |pair: u16| {
        let first = FLAGS + 2 * (pair % (WORDS / 2));
        LinearForm { constant: 0, terms: vec![(ColumnId(first), 1), (ColumnId(first + 1), -1)] }
    };
    let constraint = |at: u16| {
        if at < FLAGS { vec![flag(at, 0), flag(at, -1)] } else { vec![flag(at, 0), twins(at)] }
    };
    let alpha = F::from(0x1234_5678_9abc_def1u64).pow([5]);
    let powers = std::iter::successors(Some(F::ONE), |power| Some(*power * alpha));
    let terms = powers.zip((0..20).map(|at| vec![constraint(at)]));
    let tau = (0..u64::from(oracle.num_variables())).map(|i| (alpha + F::from(i)).pow([7])).collect();
    ZeroCheck::new(Composition::new(oracle.columns(), terms).expect("it fits"), tau).expect("padding is zero")
}

/// Prints a row for each engine.
pub(super) fn compare<F: SumcheckField>(field: &str, variables: u32, rounds: usize) {
    let oracle = oracle(1 << variables);
    let statement = zero_check::<F>(&oracle);
    let instances: [&dyn SumcheckInstance<F>; 1] = [&statement];
    let columns = usize::from(FLAGS + WORDS);
    let small = SumCheckProver::new(Budget::sqrt::<F>(columns, variables), Pool::serial());
    let engines = [("linear", linear(&small, &oracle, &instances)), ("√T", small)];
    let mut seconds = engines.each_ref().map(|_| Vec::new());
    let mut passes = [0; 2];
    for _ in 0..rounds {
        for (at, (_, prover)) in engines.iter().enumerate() {
            let (time, report, _) = prove(prover, &oracle, &instances);
            seconds[at].push(time);
            passes[at] = report.passes;
        }
    }
    let linear = median(&mut seconds[0]);
    for (at, (name, _)) in engines.iter().enumerate() {
        let time = median(&mut seconds[at]);
        println!(
            "| {field} | 2^{variables} | {name} | {:.0} | {:.2} | {} |",
            time * 1e9 / (1u64 << variables) as f64,
            time / linear,
            passes[at]
        );
    }
}
