//! `cargo run --release --manifest-path benches/peers/Cargo.toml [ROUNDS]`
//!
//! Every guest is run by each in turn, round after round; the table has the medians, one thread each, and the ratios of
//! the medians. Loading is not counted; retrace keeps its checkpoints, and compiling its native code counts. All execute the
//! same number of cycles and put out the same, or the run fails.

mod calls;
mod ckb;
mod rrs;
#[cfg(feature = "sp1")]
mod sp1;
mod start;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use retrace::checkpoint::{Execution, Executor, Options, execute};
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

/// What a peer made of a guest.
pub struct Run {
    pub cycles: u64,
    pub seconds: f64,
    pub output: Vec<u8>,
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let bytes = |columns: usize| columns * size_of::<u32>();
    println!(
        "MHz on one thread, medians of {rounds} rounds; in parentheses retrace's, interpreted, ÷ the peer's\n"
    );
    println!(
        "| guest | M cycles | retrace, interpreted | native | rrs-lib | ckb-vm | sp1-core-executor | recorded, {} bytes a row: M rows/s | \
         all columns, {} bytes a row: M rows/s |",
        bytes(Rv32i::SPEC.recorded),
        bytes(Rv32i::SPEC.stored)
    );
    println!("|---|---|---|---|---|---|---|---|---|");
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

    let (mut interpreted, mut native, mut peers) = (Vec::new(), Vec::new(), [const { Vec::new() }; 3]);
    let (mut recorded, mut all) = (Vec::new(), Vec::new());
    let mut cycles = 0;
    for _ in 0..rounds {
        let compiled = run(&program, &arguments, &case.input, Executor::Native);
        native.push(compiled.seconds());
        let execution = run(&program, &arguments, &case.input, Executor::Interpreter);
        cycles = execution.cycles();
        assert_eq!(compiled.cycles(), cycles, "{}: native code executes the same", case.name);
        interpreted.push(execution.seconds());
        let runs = [
            Some(rrs::run(&program, &arguments, &case.input)),
            ckb::run(&program, &arguments, &case.input),
            #[cfg(feature = "sp1")]
            Some(sp1::run(&program, &elf, &arguments, &case.input)),
            #[cfg(not(feature = "sp1"))]
            None,
        ];
        for (seconds, run) in peers.iter_mut().zip(runs) {
            let Some(run) = run else { continue };
            assert_eq!(run.cycles, cycles, "{}: all execute the same", case.name);
            assert_eq!(
                *blake3::hash(&run.output).as_bytes(),
                execution.output().hash,
                "{}: all put out the same",
                case.name
            );
            seconds.push(run.seconds);
        }
        let generator = StreamingWitnessGenerator::new(execution, Pool::serial());
        recorded.push(replay(&generator, Rv32i::SPEC.recorded));
        all.push(replay(&generator, Rv32i::SPEC.stored));
    }
    let millions = |seconds: &mut Vec<f64>| median(seconds).map(|seconds| cycles as f64 / seconds / 1e6);
    let show = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.0}"));
    let own = millions(&mut interpreted);
    let peers = peers.map(|mut seconds| match (own, millions(&mut seconds)) {
        (Some(own), Some(peer)) => format!("{peer:.0} ({:.2})", own / peer),
        _ => "–".to_owned(),
    });
    println!(
        "| {} | {:.1} | {} | {} | {} | {} | {} |",
        case.name,
        cycles as f64 / 1e6,
        show(own),
        show(millions(&mut native)),
        peers.join(" | "),
        show(millions(&mut recorded)),
        show(millions(&mut all)),
    );
}

fn run(
    program: &Arc<Program<Rv32i>>,
    arguments: &[Vec<u8>],
    input: &[u8],
    executor: Executor,
) -> Execution<Rv32i, Linux> {
    let options = Options { arguments: arguments.to_vec(), executor, ..Options::default() };
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

/// None of none: the peer cannot run the guest.
fn median(values: &mut Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
