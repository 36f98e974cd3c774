//! `cargo run --release --manifest-path benches/linear-sumcheck/Cargo.toml [ROUNDS]`
//!
//! The sum of a product of three u32 columns over BN254's scalar field, proven by retrace and by ark-linear-sumcheck, both on
//! one thread, each from the cells: the field elements that ark's prover works on are made before its clock starts. Medians of
//! processor time, interleaved; ratios of medians. The linear engine begins with a window of rounds on integers and then
//! holds all arrays, as in `cargo bench --bench prove`.

use std::rc::Rc;

use ark_bn254::Fr;
use ark_bn254_04::Fr as Fr04;
use ark_linear_sumcheck::ml_sumcheck::MLSumcheck;
use ark_linear_sumcheck::ml_sumcheck::data_structures::ListOfProductsOfPolynomials;
use ark_poly_04::DenseMultilinearExtension;
use retrace::isa::{Column, ColumnId, ColumnSource, RangeClass};
use retrace::oracle::DenseOracle;
use retrace::parallel::Pool;
use retrace::sumcheck::{Budget, Composition, Sum, SumCheckProver, prover_state};
use rustix::time::{ClockId, clock_gettime};
use spongefish::{DefaultHash, derive_session_id};

fn cells(rows: usize) -> Vec<Vec<u32>> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u32
    };
    (0..3).map(|_| (0..rows).map(|_| random()).collect()).collect()
}

fn own(oracle: &DenseOracle, columns: &[Column], claim: Fr, prover: &SumCheckProver) -> f64 {
    let ids = [0, 1, 2].map(ColumnId);
    let begun = processor_seconds();
    let sum = Sum::new(Composition::product(columns, &ids).expect("it fits"), claim);
    let mut transcript = prover_state(&derive_session_id::<DefaultHash>(b"bench"), &[0u8]);
    prover.prove(oracle, &[&sum], &mut transcript).expect("it can be proven");
    processor_seconds() - begun
}

fn peer(list: &ListOfProductsOfPolynomials<Fr04>) -> (f64, Fr04) {
    let begun = processor_seconds();
    let proof = MLSumcheck::prove(list).expect("it can be proven");
    (processor_seconds() - begun, MLSumcheck::extract_sum(&proof))
}

/// Seconds that this thread has run: other processes take none of them.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let rounds: usize = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    println!("product of three u32 columns, BN254, one thread, medians of {rounds}\n");
    println!(
        "| rows | ark-linear-sumcheck, ns a row | retrace, linear | ratio | retrace, fastest | ratio | retrace, √T | ratio |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for variables in [16, 18, 20] {
        let cells = cells(1 << variables);
        let class = RangeClass::Unsigned { bits: 32 };
        let columns = vec![Column { name: "column", doc: "", class, source: ColumnSource::Recorded }; 3];
        let oracle = DenseOracle::new(columns.clone(), cells.clone()).expect("they fit");
        let mut list = ListOfProductsOfPolynomials::new(variables);
        let dense = cells.iter().map(|column| {
            let values = column.iter().map(|cell| Fr04::from(*cell)).collect();
            Rc::new(DenseMultilinearExtension::from_evaluations_vec(variables, values))
        });
        list.add_product(dense, Fr04::from(1u64));
        let product = |row: usize| cells.iter().map(|column| u128::from(column[row])).product::<u128>();
        let claim: Fr = (0..1 << variables).map(|row| Fr::from(product(row))).sum();
        let budget = Budget::sqrt::<Fr>(3, variables as u32);
        let small = SumCheckProver::new(budget, Pool::serial());
        let sum = Sum::new(Composition::product(&columns, &[0, 1, 2].map(ColumnId)).expect("it fits"), claim);
        let first = small.schedule(&oracle, &[&sum]).expect("it fits").windows[..1].to_vec();
        let provers = [
            SumCheckProver::default().with_windows(first),
            SumCheckProver::new(Budget::Unlimited, Pool::serial()),
            small,
        ];
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..rounds {
            let (time, sum) = peer(&list);
            assert_eq!(sum.to_string(), claim.to_string(), "both prove the same sum");
            times[3].push(time);
            for (times, prover) in times.iter_mut().zip(&provers) {
                times.push(own(&oracle, &columns, claim, prover));
            }
        }
        let [linear, fastest, small, peer] =
            times.map(|times| median(times) * 1e9 / (1u64 << variables) as f64);
        println!(
            "| 2^{variables} | {peer:.0} | {linear:.0} | {:.2} | {fastest:.0} | {:.2} | {small:.0} | {:.2} |",
            peer / linear,
            peer / fastest,
            peer / small
        );
    }
}
