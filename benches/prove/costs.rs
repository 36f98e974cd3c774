//! `RETRACE_BENCH=costs`: what each term of the schedules' model of costs is on this machine, beside the one in the source;
//! then what the model says of whole proofs, beside what they take.
//!
//! A term is the difference between two statements that differ in nothing else, by processor time, a stage of the proof at
//! a time: from one message to the next.

use std::hint::black_box;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use retrace::field::SumcheckField;
use retrace::isa::{Column, ColumnId, ColumnSource, Isa, RangeClass, Rv32i};
use retrace::oracle::{DenseOracle, Part, PolynomialOracle};
use retrace::parallel::Pool;
use retrace::sumcheck::{
    Block, Budget, COSTS, Composition, LinearForm, ProverTranscript, RoundProver, Scratch, Sum,
    SumCheckProver, SumcheckInstance, Transcript, ZeroCheck,
};

use super::process::processor_seconds;
use super::{Statement, guests, median};

/// Columns of every statement measured.
const WORDS: u16 = 10;

/// How often a unit that is measured occurs once more.
const MORE: usize = 8;

/// Notes the time of every message.
struct Clock(Vec<f64>);

impl Transcript<Fr> for Clock {
    fn public(&mut self, _values: &[Fr]) {}

    fn challenge(&mut self) -> Fr {
        Fr::from(0x1234_5678_9abc_def1 + self.0.len() as u64).pow([9])
    }
}

impl ProverTranscript<Fr> for Clock {
    fn send(&mut self, _message: &[Fr]) {
        self.0.push(processor_seconds());
    }
}

/// Reads columns and does nothing with them.
struct Idle(Vec<ColumnId>);

impl SumcheckInstance<Fr> for Idle {
    fn columns(&self) -> &[ColumnId] {
        &self.0
    }

    fn variables(&self) -> Option<usize> {
        None
    }

    fn degree(&self) -> usize {
        1
    }

    fn claim(&self) -> Fr {
        Fr::ZERO
    }

    fn evaluate(&self, _point: &[Fr], _values: &[Fr]) -> Fr {
        Fr::ZERO
    }

    fn prover(&self, _rows: u64, _variables: usize) -> Box<dyn RoundProver<Fr> + '_> {
        Box::new(Silent)
    }

    fn cost(&self, _window: u32, _integral: bool) -> f64 {
        0.0
    }
}

struct Silent;

impl RoundProver<Fr> for Silent {
    fn open(&mut self, _window: u32) -> usize {
        0
    }

    fn absorb(&self, _block: &Block<'_, Fr>, _scratch: &mut Scratch<Fr>, _sums: &mut [Fr]) {}

    fn close(&mut self, _sums: Vec<Fr>, _claim: Fr) {}

    fn message(&self) -> Vec<Fr> {
        vec![Fr::ZERO; 2]
    }

    fn bind(&mut self, _challenge: Fr) {}
}

type List<'a> = [&'a dyn SumcheckInstance<Fr>];

/// When a proof began, and when each of its messages was sent.
fn stages(oracle: &impl PolynomialOracle, list: &List<'_>, windows: &[u32]) -> Vec<f64> {
    let prover = SumCheckProver::default().with_windows(windows.to_vec());
    let mut clock = Clock(vec![processor_seconds()]);
    black_box(prover.prove(oracle, list, &mut clock).expect("it can be proven"));
    clock.0
}

struct Costs {
    rounds: usize,
}

impl Costs {
    /// Prints a term: measured, and as it is in the source. A product is measured at the same time, since the machine's
    /// speed drifts.
    fn row(&self, name: &str, nanoseconds: f64, source: f64) {
        let products = nanoseconds / product_nanoseconds();
        println!("| {name} | {nanoseconds:.2} | {products:.3} | {source} |");
    }

    fn median(&self, mut measure: impl FnMut() -> f64) -> f64 {
        median(&mut (0..self.rounds).map(|_| measure() * 1e9).collect::<Vec<_>>())
    }

    /// How much longer the second takes, by the median of interleaved pairs.
    fn more(&self, mut first: impl FnMut() -> f64, mut second: impl FnMut() -> f64) -> f64 {
        self.median(|| {
            let before = first();
            second() - before
        })
    }
}

fn product_nanoseconds() -> f64 {
    let mut elements: Vec<Fr> = (1..=1024u64).map(|i| Fr::from(i).pow([77])).collect();
    let factor = elements[9];
    let mut times = (0..40).map(|_| {
        let begun = processor_seconds();
        for _ in 0..10 {
            black_box(&mut elements).iter_mut().for_each(|element| *element *= factor);
        }
        (processor_seconds() - begun) * 1e9 / 10_240.0
    });
    median(&mut times.by_ref().collect::<Vec<_>>())
}

fn dense(variables: u32) -> DenseOracle {
    let rows = 1u32 << variables;
    let column = Column {
        name: "column",
        doc: "",
        class: RangeClass::Unsigned { bits: 16 },
        source: ColumnSource::Recorded,
    };
    let columns = vec![column; usize::from(WORDS)];
    let random = |row: u32, column: u32| row.wrapping_mul(0x9E37_79B9).rotate_left(column + row % 13) >> 16;
    let words = |column| (0..rows).map(|row| random(row, column)).collect();
    let cells: Vec<Vec<u32>> = (0..WORDS.into()).map(words).collect();
    DenseOracle::new(columns, cells).expect("columns and cells fit")
}

fn form(coefficient: i64, columns: core::ops::Range<u16>) -> LinearForm {
    LinearForm { constant: 0, terms: columns.map(|column| (ColumnId(column), coefficient)).collect() }
}

/// A composition that is zero nowhere but in the padding, with its weights: nothing but its cost is of interest.
fn weighed(oracle: &DenseOracle, terms: Vec<Vec<Vec<LinearForm>>>) -> ZeroCheck<Fr, Composition<Fr>> {
    let tau = (0..u64::from(oracle.num_variables())).map(|i| Fr::from(i + 5).pow([77])).collect();
    let terms = terms.into_iter().zip(3u64..).map(|(term, at)| (Fr::from(at).pow([99]), term));
    ZeroCheck::new(Composition::new(oracle.columns(), terms).expect("it fits"), tau).expect("it is zero")
}

impl Costs {
    fn passes(&self) {
        let oracle = dense(18);
        let rows = oracle.num_rows() as f64;
        let ids = |columns: core::ops::Range<u16>| columns.map(ColumnId).collect::<Vec<_>>();
        let visit = |oracle: &DenseOracle, ids: &[ColumnId]| {
            let begun = processor_seconds();
            let parts = oracle.parts(1 << 10).into_iter().map(|cycles| Part { cycles, state: () });
            oracle
                .pass(ids, parts.collect(), |(), chunk| {
                    black_box(chunk.columns);
                    Ok(())
                })
                .expect("it is in memory");
            processor_seconds() - begun
        };
        let few = Idle(ids(0..2));
        let all = Idle(ids(0..WORDS));
        let columns = f64::from(WORDS - 2);
        // Stages: the first window's pass, its other rounds, then the next pass.
        let second = |idle: &Idle, windows: &[u32]| {
            let times = stages(&oracle, &[idle], windows);
            let first = windows[0] as usize;
            times[first + 1] - times[first]
        };
        let memory = self.more(|| visit(&oracle, &few.0), || visit(&oracle, &all.0)) / columns / rows;
        let narrow = self.more(|| second(&few, &[5, 1]), || second(&all, &[5, 1])) / columns / rows;
        let broad = self.more(|| second(&few, &[1, 1]), || second(&all, &[1, 1])) / columns / rows;
        let stored = self.more(|| second(&few, &[1]), || second(&all, &[1])) / columns / rows;
        let entry = (broad - narrow) / (0.5 - 1.0 / 32.0);
        let cell = narrow - memory - entry / 32.0;
        self.row("folded_cell", cell, COSTS.folded_cell);
        self.row("folded_entry", entry, COSTS.folded_entry);
        // Each entry is also copied; each pair is bound in the same stage, a quarter as many as rows.
        let bind = |idle: &Idle| {
            let times = stages(&oracle, &[idle], &[1]);
            times[times.len() - 1] - times[2]
        };
        let bound = self.more(|| bind(&few), || bind(&all)) / columns / rows / 0.5;
        self.row("stored", (stored - broad) / 0.5, COSTS.stored);
        self.row("bound", bound, COSTS.bound);
    }

    /// On cells and on arrays: how much longer a stage takes with a composition than with another one.
    fn compositions(&self) {
        let oracle = dense(16);
        let groups = oracle.num_rows() as f64 / 4.0;
        let all = Idle((0..WORDS).map(ColumnId).collect());
        let cells = |zero: &ZeroCheck<Fr, Composition<Fr>>| {
            let times = stages(&oracle, &[&all, zero], &[2]);
            times[1] - times[0]
        };
        let differ = |few: Vec<Vec<Vec<LinearForm>>>, many: Vec<Vec<Vec<LinearForm>>>| {
            let (few, many) = (weighed(&oracle, few), weighed(&oracle, many));
            self.more(|| cells(&few), || cells(&many)) / groups / MORE as f64
        };
        let pair = |coefficient| vec![form(coefficient, 0..1), form(1, 1..2)];
        let times = |product: &Vec<LinearForm>, times: usize| vec![vec![product.clone(); times]];
        // A window of two rounds: four entries; of degree 2 nine points, five of which are wanted.
        let long = |columns| vec![vec![vec![form(1, 0..columns), form(1, 1..2)]]];
        let of_terms = differ(long(2), long(WORDS)) / 4.0;
        let same = vec![vec![vec![
            LinearForm { constant: 0, terms: vec![(ColumnId(0), 1); MORE + 1] },
            form(1, 1..2),
        ]]];
        let term = differ(times(&pair(1), 1), same) / 4.0;
        self.row("placed", of_terms - term, COSTS.placed);
        self.row("term", term, COSTS.term);
        let product = differ(times(&pair(1), 1), times(&pair(1), 1 + MORE));
        let factor = (product / 2.0 - 4.0 * term) / 9.0;
        self.row("factor", factor, COSTS.factor);
        let apart = |product: Vec<LinearForm>| vec![vec![product]; 1 + MORE];
        let weighed = differ(times(&pair(1), 1 + MORE), apart(pair(1))) / 5.0;
        self.row("weighed", weighed, COSTS.weighed);
        let large = || pair(1 << 30);
        let wide = differ(times(&large(), 1), times(&large(), 1 + MORE));
        self.row("wide", (wide - product) / 5.0, COSTS.wide);
        let weighed = differ(times(&large(), 1 + MORE), apart(large())) / 5.0;
        self.row("wide_weighed", weighed, COSTS.wide_weighed);
    }

    fn lines(&self) {
        let oracle = dense(18);
        let groups = oracle.num_rows() as f64 / 4.0;
        let all = Idle((0..WORDS).map(ColumnId).collect());
        // The sums of the first round on arrays are in the storing pass's stage; those of the others, over as many groups
        // in all, in the rest.
        let rest = |instance: &dyn SumcheckInstance<Fr>| {
            let times = stages(&oracle, &[&all, instance], &[1]);
            times[times.len() - 1] - times[2]
        };
        let differ = |few: &dyn SumcheckInstance<Fr>, many: &dyn SumcheckInstance<Fr>| {
            self.more(|| rest(few), || rest(many)) / groups
        };
        let pair = |first: LinearForm, second: u16| vec![first, form(1, second..second + 1)];
        let one = weighed(&oracle, vec![vec![pair(form(1, 0..1), WORDS - 1)]]);
        // The first form is a line of small coefficients, with two entries a group.
        let small = weighed(&oracle, vec![vec![pair(form(1, 0..1 + MORE as u16), WORDS - 1)]]);
        let loaded = differ(&one, &small) / MORE as f64 / 2.0;
        self.row("loaded", loaded, COSTS.loaded);
    }

    /// In the cache.
    fn elements(&self) {
        let elements: Vec<Fr> = (1..=1024u64).map(|i| Fr::from(i).pow([77])).collect();
        let time = |mut run: Box<dyn FnMut() + '_>| {
            self.median(|| {
                let begun = processor_seconds();
                (0..100).for_each(|_| run());
                (processor_seconds() - begun) / 100.0 / 1024.0
            })
        };
        let mut sums = elements.clone();
        let sum = time(Box::new(|| {
            black_box(&mut sums)
                .iter_mut()
                .zip(&elements)
                .for_each(|(sum, element)| *sum = sum.plus(element));
        }));
        self.row("sum", sum, COSTS.sum);
        let summand = time(Box::new(|| {
            black_box(Fr::dot(black_box(&elements), &elements));
        }));
        self.row("summand", summand, COSTS.summand);
        let pairs = time(Box::new(|| {
            for pair in black_box(&elements).chunks(2) {
                black_box(Fr::dot(pair, pair));
            }
        }));
        self.row("reduction", 2.0 * (pairs - summand), COSTS.reduction);
    }

    fn regeneration(&self) {
        let oracle = guests::GUESTS[0].oracle(18);
        let rows = oracle.num_rows() as f64;
        let visit = |columns: usize| {
            let ids: Vec<_> = (0..columns as u16).map(ColumnId).collect();
            let parts = oracle.parts(1 << 10).into_iter().map(|cycles| Part { cycles, state: () });
            let begun = processor_seconds();
            oracle
                .pass(&ids, parts.collect(), |(), chunk| {
                    black_box(chunk.columns);
                    Ok(())
                })
                .expect("it can be replayed");
            processor_seconds() - begun
        };
        let stored = oracle.num_stored();
        let cell = self.more(|| visit(1), || visit(stored)) / rows / (stored - 1) as f64;
        self.row("row", self.median(|| visit(1)) / rows - cell, COSTS.row);
        self.row("cell", cell, COSTS.cell);
    }

    /// Rows regenerated in a second pass, beside rows that the first one keeps in memory for it.
    fn keeping(&self) {
        let oracle = guests::GUESTS[0].oracle(20);
        let rows = oracle.num_rows() as f64;
        let ids: Vec<_> = (0..oracle.num_stored() as u16).map(ColumnId).collect();
        let visit = |keep: bool| {
            let begun = processor_seconds();
            let parts = oracle.parts(1 << 10).into_iter().map(|cycles| {
                let cells = if keep { (cycles.end - cycles.start) as usize * ids.len() } else { 0 };
                Part { cycles, state: Vec::with_capacity(cells) }
            });
            let kept = oracle.pass(&ids, parts.collect(), |kept: &mut Vec<u32>, chunk| {
                if keep {
                    chunk.columns.iter().for_each(|cells| kept.extend_from_slice(black_box(cells)));
                }
                Ok(())
            });
            let kept = kept.expect("it can be replayed");
            black_box(kept.iter().flatten().fold(0u32, |sum, cell| sum.wrapping_add(*cell)));
            processor_seconds() - begun
        };
        let again = self.median(|| visit(false)) / rows;
        let kept = self.more(|| visit(false), || visit(true)) / rows;
        println!(
            "\nA row of {} cells at 2^20: {again:.1} ns to regenerate, {kept:.1} ns to keep and read back",
            ids.len()
        );
    }

    /// What the model says of schedules, beside what they take; `budget` is the one to choose for.
    fn schedules(
        &self,
        name: &str,
        oracle: &impl PolynomialOracle,
        list: &List<'_>,
        (budget, all): (Budget, &[&[u32]]),
    ) {
        let prover = SumCheckProver::new(budget, Pool::serial());
        let chosen = prover.schedule(oracle, list).expect("the instances fit");
        let mut windows: Vec<Vec<u32>> = all.iter().map(|windows| windows.to_vec()).collect();
        windows.retain(|windows| *windows != chosen.windows);
        windows.insert(0, chosen.windows.clone());
        let mut times = vec![Vec::new(); windows.len()];
        let mut products = Vec::new();
        for _ in 0..self.rounds.div_ceil(3) {
            for (windows, times) in windows.iter().zip(&mut times) {
                products.push(product_nanoseconds());
                let begun = processor_seconds();
                stages(oracle, list, windows);
                times.push((processor_seconds() - begun) * 1e9 / oracle.num_rows() as f64);
            }
        }
        let product = median(&mut products);
        let times: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
        let best = times.iter().copied().fold(f64::INFINITY, f64::min);
        for (windows, time) in windows.iter().zip(times) {
            let prover = SumCheckProver::default().with_windows(windows.clone());
            let schedule = prover.schedule(oracle, list).expect("they fit");
            let model = (schedule.pass_costs.iter().sum::<f64>() + schedule.linear_cost) * product;
            let mark = if *windows == chosen.windows { "chosen" } else { "" };
            println!(
                "| {name} | 2^{} | {windows:?} | {model:.0} | {time:.0} | {:.2} | {:.2} | {mark} |",
                oracle.num_variables(),
                model / time,
                time / best,
            );
        }
    }
}

/// Prints both tables.
pub(super) fn print(rounds: usize) {
    let costs = Costs { rounds: 3 * rounds };
    println!("One thread, BN254; a field product takes {:.1} ns\n", product_nanoseconds());
    println!("| term | ns | products | in the source |\n|---|---|---|---|");
    costs.regeneration();
    costs.passes();
    costs.compositions();
    costs.lines();
    costs.elements();
    costs.keeping();
    println!("\n| statement | rows | windows | model, ns a row | measured | ratio | ÷ best | |");
    println!("|---|---|---|---|---|---|---|---|");
    for variables in [18, 20] {
        let oracle = guests::GUESTS[0].oracle(variables);
        let entry = oracle.generator().execution().program().entry();
        let statement = Statement::<Fr>::new(Rv32i::SPEC, entry, oracle.num_variables());
        let sqrt = Budget::sqrt::<Fr>(statement.columns(), variables);
        let long: [&[u32]; 4] = [&[4, 3, 3], &[5, 4], &[4, 4, 2], &[3, 3, 4]];
        costs.schedules("RV32I, √T", &oracle, &statement.list(), (sqrt, &long));
        let short: [&[u32]; 7] = [&[3], &[4], &[5], &[3, 3], &[4, 2], &[4, 3], &[5, 3]];
        costs.schedules("RV32I", &oracle, &statement.list(), (Budget::Unlimited, &short));
        let (oracle, columns) = product(variables);
        let ids = [0, 1, 2].map(ColumnId);
        let sum = Sum::new(Composition::product(&columns, &ids).expect("it fits"), Fr::ZERO);
        let sqrt = Budget::sqrt::<Fr>(3, variables);
        let long: [&[u32]; 5] = [&[3, 3, 3], &[4, 3, 3], &[3, 2, 4], &[3, 2, 2, 2], &[3, 2, 2, 3]];
        costs.schedules("product, √T", &oracle, &[&sum], (sqrt, &long));
        let short: [&[u32]; 8] = [&[], &[1], &[2], &[3], &[4], &[2, 2], &[3, 2], &[3, 3]];
        costs.schedules("product", &oracle, &[&sum], (Budget::Unlimited, &short));
    }
}

/// Three columns of words.
fn product(variables: u32) -> (DenseOracle, Vec<Column>) {
    let class = RangeClass::Unsigned { bits: 32 };
    let columns = vec![Column { name: "column", doc: "", class, source: ColumnSource::Recorded }; 3];
    let word = |row: u32, column: u32| (row ^ 0x9E37_79B9).wrapping_mul(2 * column + 0x85EB_CA6B);
    let cells = (0..3).map(|column| (0..1 << variables).map(|row| word(row, column)).collect());
    (DenseOracle::new(columns.clone(), cells.collect()).expect("columns and cells fit"), columns)
}
