//! `cargo run --release --manifest-path benches/peers/Cargo.toml [ROUNDS]`
//!
//! Every guest is run by each in turn, round after round; the table has the medians, one thread each, and the ratio of
//! the medians. Loading is not counted; retrace keeps its checkpoints.

mod rrs;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use retrace::checkpoint::{Execution, Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{ColumnId, Isa, MAX_ROWS, Rv32i};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::replay::StreamingWitnessGenerator;

struct Case {
    name: &'static str,
    arguments: &'static [&'static str],
    input: Vec<u8>,
}

fn cases() -> [Case; 4] {
    let text = (0..1u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    [
        Case { name: "alu", arguments: &["10000000"], input: Vec::new() },
        Case { name: "sha256", arguments: &[], input: text },
        Case { name: "sieve", arguments: &["8000000"], input: Vec::new() },
        Case { name: "interp", arguments: &["10000"], input: Vec::new() },
    ]
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    println!("one thread, medians of {rounds} rounds");
    println!("| guest | M cycles | retrace MHz | rrs-lib MHz | ratio | recorded M rows/s | all columns M rows/s |");
    println!("|---|---|---|---|---|---|---|");
    for case in cases() {
        compare(&case, rounds);
    }
}

fn compare(case: &Case, rounds: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/guests/{}.elf", case.name));
    let elf = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let program = Arc::new(Program::<Rv32i>::from_elf(&elf).unwrap_or_else(|error| panic!("{error}")));
    let mut arguments = vec![b"guest".to_vec()];
    arguments.extend(case.arguments.iter().map(|argument| argument.as_bytes().to_vec()));

    let (mut own, mut rrs, mut recorded, mut all) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut cycles = 0;
    for _ in 0..rounds {
        let execution = run(&program, &arguments, &case.input);
        cycles = execution.cycles();
        own.push(execution.seconds());
        let peer = rrs::run(&program, &arguments, &case.input);
        assert_eq!(peer.cycles, cycles, "{}: both execute the same", case.name);
        rrs.push(peer.seconds);
        let generator = StreamingWitnessGenerator::new(execution, Pool::serial());
        recorded.push(replay(&generator, Rv32i::SPEC.recorded));
        all.push(replay(&generator, Rv32i::SPEC.stored));
    }
    let millions = |seconds: &mut Vec<f64>| cycles as f64 / median(seconds) / 1e6;
    let (own, rrs) = (millions(&mut own), millions(&mut rrs));
    println!(
        "| {} | {:.1} | {own:.0} | {rrs:.0} | {:.2} | {:.0} | {:.0} |",
        case.name,
        cycles as f64 / 1e6,
        own / rrs,
        millions(&mut recorded),
        millions(&mut all),
    );
}

fn run(program: &Arc<Program<Rv32i>>, arguments: &[Vec<u8>], input: &[u8]) -> Execution<Rv32i, Linux> {
    let options = Options { arguments: arguments.to_vec(), ..Options::default() };
    let input = Input::from(input.to_vec());
    execute(Arc::clone(program), Linux::default(), input, options).unwrap_or_else(|error| panic!("{error}"))
}

/// Seconds to regenerate the first `columns` columns of every row.
fn replay(generator: &StreamingWitnessGenerator<Rv32i, Linux>, columns: usize) -> f64 {
    let columns: Vec<ColumnId> = (0..columns as u16).map(ColumnId).collect();
    let begun = Instant::now();
    generator
        .for_each(0..generator.execution().cycles(), &columns, 1024.min(MAX_ROWS), |chunk| {
            std::hint::black_box(chunk.columns);
            Ok::<(), std::convert::Infallible>(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    begun.elapsed().as_secs_f64()
}

fn median(values: &mut Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
