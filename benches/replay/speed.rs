//! Figures of time. What one thread does is measured by the processor's time, so that the figures hold on a machine that
//! others use too; what several do, by the clock.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use retrace::checkpoint::{Execution, Options, Policy};
use retrace::guest::Linux;
use retrace::isa::{ColumnId, ColumnSource, Isa, MAX_ROWS, Rv32i};
use retrace::oracle::{Chunk, PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::replay::StreamingWitnessGenerator;

use crate::run::{GUESTS, Run};

type Generator = StreamingWitnessGenerator<Rv32i, Linux>;

const ROUNDS: usize = 5;

/// As often as the paper has a prover go over the witness: log K + ½ log T.
const REGENERATIONS: usize = 40;

/// The fast pass, with and without checkpoints.
pub(crate) fn run() {
    println!(
        "| guest | M cycles | checkpoints | fast pass, MHz | without checkpoints, MHz | ratio of time |"
    );
    println!("|---|---|---|---|---|---|");
    for name in GUESTS {
        let run = Run::new(name, 50);
        let (mut with, mut without) = (Vec::new(), Vec::new());
        let mut kept = 0;
        let mut cycles = 0;
        for _ in 0..ROUNDS {
            with.push(processor(|| {
                let execution = run.clone().execute(Options::default());
                (kept, cycles) = (execution.checkpoints().len(), execution.cycles());
            }));
            let options = Options { policy: Policy::new(1, u64::MAX), ..Options::default() };
            without.push(processor(|| drop(run.clone().execute(options))));
        }
        let (with, without) = (mean(&with), mean(&without));
        let mhz = |seconds: f64| cycles as f64 / seconds / 1e6;
        println!(
            "| {name} | {:.1} | {kept} | {:.0} | {:.0} | {:.3} |",
            cycles as f64 / 1e6,
            mhz(with),
            mhz(without),
            with / without
        );
    }
    println!();
}

/// Regenerating, on one thread and on all.
pub(crate) fn replay(threads: usize) {
    let few = ["pc", "rd_after", "mem_after"].map(column);
    println!(
        "M rows/s of all {} stored columns and of three ({}), on one thread and on all; the time of {REGENERATIONS} \
         regenerations of all columns on all threads ÷ one on one thread (at most 1.15 × {REGENERATIONS}/c = {:.1}), and \
         what they take of the processors ÷ {REGENERATIONS} × what one on one thread takes\n",
        all().len(),
        few.map(|id| Rv32i::SPEC.columns[id.index()].name).join(", "),
        1.15 * REGENERATIONS as f64 / threads as f64
    );
    println!(
        "| guest | M rows | all, 1 thread | three, 1 thread | all, {threads} threads | three, {threads} threads | {REGENERATIONS} \
         regenerations ÷ 1 | processor time |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for name in GUESTS {
        let run = Run::new(name, 10);
        let execution = Arc::new(run.clone().execute(Options::default()));
        let (serial, parallel) = (generator(&execution, 1), generator(&execution, threads));
        let all = all();
        let (mut one, mut one_few, mut many, mut many_few) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut one_busy, mut many_busy) = (Vec::new(), 0.0);
        for _ in 0..ROUNDS {
            one_busy.push(processor(|| one.push(pass(&serial, &all))));
            one_few.push(processor(|| {
                pass(&serial, &few);
            }));
            many_busy +=
                processor(|| many.extend((0..REGENERATIONS / ROUNDS).map(|_| pass(&parallel, &all))));
            many_few.push(pass(&parallel, &few));
        }
        let total: f64 = many.iter().sum();
        let speed = |seconds: f64| execution.cycles() as f64 / seconds / 1e6;
        println!(
            "| {name} | {:.1} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} | {:.2} |",
            execution.cycles() as f64 / 1e6,
            speed(mean(&one_busy)),
            speed(mean(&one_few)),
            speed(median(&mut many)),
            speed(median(&mut many_few)),
            total / median(&mut one),
            many_busy / mean(&one_busy) / REGENERATIONS as f64
        );
    }
    println!();
}

/// What the columns of a proof cost: recorded columns alone, with every cell of the units filled, and with every word of the
/// code table looked up, on one thread.
pub(crate) fn cells() {
    let of = |wanted: &dyn Fn(ColumnSource) -> bool| -> Vec<ColumnId> {
        let columns = (0..).map(ColumnId).zip(Rv32i::SPEC.columns);
        columns.filter(|(_, column)| wanted(column.source)).map(|(id, _)| id).collect()
    };
    let recorded = of(&|source| source == ColumnSource::Recorded);
    let cells = of(&|source| matches!(source, ColumnSource::Recorded | ColumnSource::Cell));
    let words = of(&|source| matches!(source, ColumnSource::Recorded | ColumnSource::Code));
    println!(
        "ns a row, one thread: {} recorded columns, and besides {} cells, or {} words of the code table\n",
        recorded.len(),
        cells.len() - recorded.len(),
        words.len() - recorded.len(),
    );
    println!("| guest | M rows | recorded | the cells | the words |");
    println!("|---|---|---|---|---|");
    for name in GUESTS {
        let run = Run::new(name, 10);
        let execution = Arc::new(run.clone().execute(Options::default()));
        let generator = generator(&execution, 1);
        let rows = execution.cycles();
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (times, columns) in times.iter_mut().zip([&recorded, &cells, &words]) {
                times.push(processor(|| {
                    pass(&generator, columns);
                }));
            }
        }
        let [recorded, cells, words] = times.map(|times| mean(&times) / rows as f64 * 1e9);
        println!(
            "| {name} | {:.1} | {recorded:.1} | {:.1} | {:.1} |",
            rows as f64 / 1e6,
            cells - recorded,
            words - recorded
        );
    }
    println!();
}

/// `query`, row after row, beside passes over the same columns.
pub(crate) fn query() {
    println!(
        "| guest | `query`, a column, ns | ÷ a pass over it | ÷ a pass over all | all columns of a row, ns | ÷ a pass over all |"
    );
    println!("|---|---|---|---|---|---|");
    for name in GUESTS {
        let run = Run::new(name, 10);
        let execution = Arc::new(run.clone().execute(Options::default()));
        let rows = execution.cycles();
        // Whole rows are some 34 queries each: the first million will do.
        let short = rows.min(1 << 20);
        let (one, all) = ([column("rd_after")], all());
        let generator = generator(&execution, 1);
        let (mut queried, mut passed, mut passed_all) = (Vec::new(), Vec::new(), Vec::new());
        let (mut queried_rows, mut passed_rows) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            queried.push(processor(|| sequential(&execution, &one, rows)));
            passed.push(processor(|| {
                pass(&generator, &one);
            }));
            passed_all.push(processor(|| {
                pass(&generator, &all);
            }));
            queried_rows.push(processor(|| sequential(&execution, &all, short)));
            passed_rows.push(processor(|| {
                pass_over(&generator, &all, short);
            }));
        }
        let queried = mean(&queried);
        let queried_rows = mean(&queried_rows);
        println!(
            "| {name} | {:.1} | {:.2} | {:.2} | {:.0} | {:.2} |",
            queried / rows as f64 * 1e9,
            queried / mean(&passed),
            queried / mean(&passed_all),
            queried_rows / short as f64 * 1e9,
            queried_rows / mean(&passed_rows),
        );
    }
    println!();
}

/// Queries the columns of each of the first rows, with nothing in the cache before.
fn sequential(execution: &Arc<Execution<Rv32i, Linux>>, columns: &[ColumnId], rows: u64) {
    let oracle = WitnessOracle::new(generator(execution, 1)).unwrap_or_else(|error| panic!("{error}"));
    for row in 0..rows {
        for &id in columns {
            black_box(oracle.query(id, row).unwrap_or_else(|error| panic!("{error}")));
        }
    }
}

fn generator(execution: &Arc<Execution<Rv32i, Linux>>, threads: usize) -> Generator {
    let pool = Pool::new(threads).unwrap_or_else(|error| panic!("{error}"));
    StreamingWitnessGenerator::new(Arc::clone(execution), pool)
}

fn all() -> Vec<ColumnId> {
    let columns = (0..Rv32i::SPEC.stored as u16).map(ColumnId);
    columns.filter(|id| Rv32i::SPEC.columns[id.index()].source != ColumnSource::Code).collect()
}

fn column(name: &str) -> ColumnId {
    Rv32i::SPEC.column(name).unwrap_or_else(|| panic!("no column {name}"))
}

/// Seconds to regenerate all rows.
fn pass(generator: &Generator, columns: &[ColumnId]) -> f64 {
    pass_over(generator, columns, generator.execution().cycles())
}

fn pass_over(generator: &Generator, columns: &[ColumnId], rows: u64) -> f64 {
    let visit = |(): &mut (), chunk: &Chunk<'_>| {
        black_box(chunk.columns);
        Ok::<(), std::convert::Infallible>(())
    };
    let begun = Instant::now();
    let passed = generator.reduce(0..rows, columns, MAX_ROWS, || (), visit, |(), ()| ());
    passed.unwrap_or_else(|error| panic!("{error}"));
    begun.elapsed().as_secs_f64()
}

/// Seconds to regenerate all columns of all rows on all threads.
pub(crate) fn replay_all(execution: &Arc<Execution<Rv32i, Linux>>) -> f64 {
    pass(&generator(execution, 0), &all())
}

/// Seconds of the processors that this process had so far, in hundredths: what holds on a machine that others use too. None
/// where the system does not say.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // In user and in system mode: the 12th and 13th field behind the name, which is in parentheses.
    let ticks = stat.rsplit(')').next()?.split_whitespace().skip(11).take(2);
    Some(ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

/// Seconds of the processors that some work takes, or of the clock where the former are not known.
pub(crate) fn processor(work: impl FnOnce()) -> f64 {
    let (begun, before) = (Instant::now(), processor_seconds());
    work();
    let busy = processor_seconds().zip(before).map(|(after, before)| after - before);
    busy.unwrap_or_else(|| begun.elapsed().as_secs_f64())
}

/// What the clock measures has outliers.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What is measured in hundredths of a second is exact only in sum.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
