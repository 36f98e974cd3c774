//! `cargo bench --bench start --features cli,jit`: whole processes of `retrace run`, by each executor, beside qemu-riscv32 if
//! that is installed; and what of `auto` is loading, compiling and running. The guests are the real programs of tests/guests, and
//! ELF files that arguments name, after `--`.
//!
//! The processes are run in turn, round after round. Every figure is a median: milliseconds by the clock, or of the processors.

#![allow(clippy::panic, clippy::print_stdout, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The guests of tests/guests that are real programs.
const GUESTS: [&str; 2] = ["k256", "serde_json"];

const EXECUTORS: [&str; 3] = ["auto", "interpreter", "native"];

const ROUNDS: usize = 15;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    let guests = GUESTS.iter().map(|guest| folder.join(format!("{guest}.elf")));
    let given = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let paths: Vec<PathBuf> = guests.chain(given).collect();
    let qemu = Command::new("qemu-riscv32").arg("--version").output().is_ok();
    println!(
        "Milliseconds of whole processes, by the clock · of the processors; medians of {ROUNDS} rounds.\n"
    );
    println!(
        "| guest | M cycles | auto | interpreter | native | qemu-riscv32 | auto ÷ better of ours | auto ÷ qemu | loading | compiling, beside | running |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for path in paths {
        measure(&path, qemu);
    }
}

/// What a process took, in milliseconds.
#[derive(Clone, Copy, Default)]
struct Took {
    clock: f64,
    processors: f64,
}

/// What `retrace run --json` says.
#[derive(Clone, Copy, Default)]
struct Report {
    cycles: f64,
    running: f64,
    compiling: f64,
}

fn measure(path: &Path, qemu: bool) {
    let mut took: [Vec<Took>; EXECUTORS.len() + 1] = Default::default();
    let mut reports = Vec::new();
    for _ in 0..ROUNDS {
        for (executor, took) in EXECUTORS.iter().zip(&mut took) {
            let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
            command.arg("run").arg(path).args(["--json", "--executor", executor]);
            let (one, output) = run(command);
            took.push(one);
            if *executor == "auto" {
                reports.push(report(&output));
            }
        }
        if qemu && let Some(took) = took.last_mut() {
            let mut command = Command::new("qemu-riscv32");
            command.arg(path);
            took.push(run(command).0);
        }
    }
    let clock = took.each_ref().map(|took| median(took.iter().map(|it| it.clock)));
    let processors = took.each_ref().map(|took| median(took.iter().map(|it| it.processors)));
    let [auto, interpreter, native, emulated] = clock;
    let loading = took[0].iter().zip(&reports).map(|(took, report)| took.clock - report.running);
    let figure = |at: usize| format!("{:.1} · {:.0}", clock[at], processors[at]);
    println!(
        "| {} | {:.1} | {} | {} | {} | {} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} |",
        path.file_stem().unwrap_or_default().display(),
        median(reports.iter().map(|it| it.cycles)) / 1e6,
        figure(0),
        figure(1),
        figure(2),
        figure(3),
        auto / interpreter.min(native),
        auto / emulated,
        median(loading),
        median(reports.iter().map(|it| it.compiling)),
        median(reports.iter().map(|it| it.running)),
    );
}

/// Runs a process to its end, without input.
fn run(mut command: Command) -> (Took, Vec<u8>) {
    let (begun, before) = (Instant::now(), children_milliseconds());
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let clock = begun.elapsed().as_secs_f64() * 1e3;
    (Took { clock, processors: children_milliseconds() - before }, output.stdout)
}

fn report(output: &[u8]) -> Report {
    let value: serde_json::Value = serde_json::from_slice(output).unwrap_or_default();
    let figure = |pointer| value.pointer(pointer).and_then(serde_json::Value::as_f64).unwrap_or_default();
    Report {
        cycles: figure("/cycles"),
        running: figure("/seconds") * 1e3,
        compiling: figure("/compiled/seconds") * 1e3,
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Milliseconds of the processors that processes which this one started and waited for had, in tens.
fn children_milliseconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_else(|error| panic!("{error}"));
    // In user and in system mode: the 14th and 15th field behind the name, which is in parentheses.
    let fields = stat.rsplit(')').next().into_iter().flat_map(str::split_whitespace);
    fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 10.0
}
