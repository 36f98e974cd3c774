//! `cargo bench --bench prove`: what a proof costs in small space and in linear space.
//!
//! Every engine proves the same statement on one thread, interleaved with the others, regeneration included; the table has
//! medians of processor time, and the ratio of medians to the linear engine's. The linear engine begins with the same window of rounds on
//! integers as the others, then holds all arrays. `RETRACE_BENCH=22` (or 24) adds larger runs; `RETRACE_ROUNDS` says how
//! often each is measured. `RETRACE_BENCH=costs` measures the model by which schedules are chosen instead, and
//! `RETRACE_BENCH=convert` what it costs to make field elements of cells.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod convert;
mod costs;
mod goldilocks;
mod guests;
mod process;
mod synthetic;

use ark_bn254::Fr;
use retrace::field::SumcheckField;
use retrace::guest::Linux;
use retrace::isa::{Isa, Rv32i, Spec};
use retrace::oracle::{PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::sumcheck::{
    Budget, Composition, Report, Shift, SumCheckProver, SumcheckInstance, ZeroCheck, prover_state,
};
use spongefish::{DefaultHash, derive_session_id};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Engine {
    Linear,
    Small,
    Fastest,
}

const ENGINES: [Engine; 3] = [Engine::Linear, Engine::Small, Engine::Fastest];

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Small => "√T",
            Self::Fastest => "fastest",
        }
    }

    fn prover<F: SumcheckField>(
        self,
        instances: &Statement<F>,
        oracle: &impl PolynomialOracle,
    ) -> SumCheckProver {
        let sqrt = Budget::sqrt::<F>(instances.columns(), oracle.num_variables());
        let small = SumCheckProver::new(sqrt, Pool::serial());
        match self {
            Self::Linear => linear(&small, oracle, &instances.list()),
            Self::Small => small,
            Self::Fastest => SumCheckProver::new(Budget::Unlimited, Pool::serial()),
        }
    }
}

/// A zero-check over a spec's constraints, and its links.
struct Statement<F> {
    zero_check: ZeroCheck<F, Composition<F>>,
    shifts: Vec<Shift<F>>,
}

impl<F: SumcheckField> Statement<F> {
    fn new(spec: &Spec, entry: u32, variables: u32) -> Self {
        let alpha = F::from(0x1234_5678_9abc_def1u64).pow([5]);
        let tau: Vec<F> = (0..u64::from(variables)).map(|i| (alpha + F::from(i)).pow([7])).collect();
        let composition =
            Composition::from_constraints(spec.columns, spec.constraints, &[], alpha).expect("it fits");
        let shifts = spec.links.iter().map(|link| Shift::new(link, F::from(entry), tau.clone())).collect();
        Self { zero_check: ZeroCheck::new(composition, tau).expect("padding is zero"), shifts }
    }

    fn list(&self) -> Vec<&dyn SumcheckInstance<F>> {
        let shifts = self.shifts.iter().map(|shift| shift as &dyn SumcheckInstance<F>);
        std::iter::once(&self.zero_check as &dyn SumcheckInstance<F>).chain(shifts).collect()
    }

    fn columns(&self) -> usize {
        let mut columns: Vec<_> =
            self.list().iter().flat_map(|instance| instance.columns()).copied().collect();
        columns.sort_unstable();
        columns.dedup();
        columns.len()
    }
}

/// The engine that begins as `small` does, on integers, and then holds all arrays.
fn linear<F: SumcheckField>(
    small: &SumCheckProver,
    oracle: &impl PolynomialOracle,
    instances: &[&dyn SumcheckInstance<F>],
) -> SumCheckProver {
    let schedule = small.schedule(oracle, instances).expect("the instances fit");
    SumCheckProver::default().with_windows(schedule.windows[..1].to_vec())
}

/// One proof, and how long it took.
fn prove<F: SumcheckField>(
    prover: &SumCheckProver,
    oracle: &impl PolynomialOracle,
    instances: &[&dyn SumcheckInstance<F>],
) -> (f64, Report, Vec<u8>) {
    let mut transcript = prover_state(&derive_session_id::<DefaultHash>(b"bench"), &[0u8]);
    let begun = process::processor_seconds();
    let proved = prover.prove(oracle, instances, &mut transcript).expect("it can be proven");
    (process::processor_seconds() - begun, proved.report, transcript.into_narg_string())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn compare<F: SumcheckField>(field: &str, guest: &guests::Guest, variables: u32, rounds: usize) {
    let oracle = guest.oracle(variables);
    let execution = oracle.generator().execution();
    let statement = Statement::<F>::new(Rv32i::SPEC, execution.program().entry(), oracle.num_variables());
    let mut seconds = ENGINES.map(|_| Vec::new());
    let mut witness = ENGINES.map(|_| Vec::new());
    let mut reports = ENGINES.map(|_| Report::default());
    let mut first: Option<Vec<u8>> = None;
    for _ in 0..rounds {
        for (at, engine) in ENGINES.into_iter().enumerate() {
            let before = oracle.generator().statistics().thread_seconds;
            let (time, report, proof) =
                prove(&engine.prover(&statement, &oracle), &oracle, &statement.list());
            assert!(
                *first.get_or_insert_with(|| proof.clone()) == proof,
                "every engine gives the same proof"
            );
            seconds[at].push(time);
            // Both by the time of day, so that their ratio is one.
            let regenerating = oracle.generator().statistics().thread_seconds - before;
            witness[at].push(regenerating / report.seconds);
            reports[at] = report;
        }
    }
    let linear = median(&mut seconds[0]);
    let run = execution.seconds();
    for (at, engine) in ENGINES.into_iter().enumerate() {
        let (time, witness) = (median(&mut seconds[at]), median(&mut witness[at]));
        let schedule =
            engine.prover(&statement, &oracle).schedule(&oracle, &statement.list()).expect("as before");
        println!(
            "| {field} | {} | 2^{variables} | {} | {} | {:.0} | {:.2} | {} | {:?} | {:.1} % | {:.1} % | {} |",
            guest.name,
            oracle.num_rows(),
            engine.name(),
            time * 1e9 / oracle.num_rows() as f64,
            time / linear,
            reports[at].passes,
            schedule.windows,
            100.0 * run / time,
            100.0 * witness,
            if field == "BN254" {
                process::peak_rss(guest.name, variables, engine)
            } else {
                "–".to_owned()
            },
        );
    }
}

fn main() {
    if process::serve() {
        return;
    }
    let what = std::env::var("RETRACE_BENCH").unwrap_or_default();
    let largest: u32 = what.parse().unwrap_or(20);
    let rounds: usize =
        std::env::var("RETRACE_ROUNDS").ok().and_then(|value| value.parse().ok()).unwrap_or(5);
    if what == "costs" {
        return costs::print(rounds);
    }
    if what == "convert" {
        return convert::print(rounds);
    }
    println!("One thread, medians of {rounds}; {} constraints\n", Rv32i::SPEC.constraints.len());
    println!(
        "| field | guest | rows | T | engine | ns a row | ÷ linear | passes | windows | one run | all regenerations | peak RSS |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for variables in (18..=largest).step_by(2) {
        for guest in guests::GUESTS {
            compare::<Fr>("BN254", &guest, variables, rounds);
        }
    }
    for variables in (18..=largest.min(22)).step_by(2) {
        compare::<goldilocks::Extension>("Goldilocks²", &guests::GUESTS[0], variables, rounds);
    }
    println!("\n24 columns (10 flags, 14 of 32 bits), 20 constraints of degree 2, cells in memory\n");
    println!("| field | rows | engine | ns a row | ÷ linear | passes |");
    println!("|---|---|---|---|---|---|");
    for variables in (18..=largest.min(22)).step_by(2) {
        synthetic::compare::<Fr>("BN254", variables, rounds);
        synthetic::compare::<goldilocks::Extension>("Goldilocks²", variables, rounds);
    }
}

type Witness = WitnessOracle<Rv32i, Linux>;
