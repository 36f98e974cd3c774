//! `cargo bench --bench execute --features jit`: the fast pass interpreted and by native code, beside qemu-riscv32 if that is
//! installed, as the table of the README.
//!
//! Every figure is the processor's time of whole processes, which are run in turn, round after round: loading, compiling
//! and checkpoints count. `RETRACE_BENCH=short` runs a tenth of the cycles.

#![allow(clippy::panic, clippy::print_stdout, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use retrace::checkpoint::{Executor, Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::Rv32i;
use retrace::program::Program;

/// The argument that makes this process one that runs a guest.
const CHILD: &str = "run-guest";

const ROUNDS: usize = 5;

/// A guest, and how it comes to about a thousand million cycles: an argument or a length of input, and how many runs.
struct Case {
    guest: &'static str,
    argument: Option<u32>,
    input: usize,
    runs: u32,
}

/// The sieve writes all over 8 MiB.
const CASES: [Case; 4] = [
    Case { guest: "alu", argument: Some(91_000_000), input: 0, runs: 1 },
    Case { guest: "sha256", argument: None, input: 12_600_000, runs: 1 },
    Case { guest: "sieve", argument: Some(8 << 20), input: 0, runs: 18 },
    Case { guest: "interp", argument: Some(45_000), input: 0, runs: 1 },
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == CHILD) {
        return child(&arguments[at + 1..]);
    }
    let short = std::env::var_os("RETRACE_BENCH").is_some_and(|mode| mode == "short");
    let qemu = Command::new("qemu-riscv32").arg("--version").output().is_ok();
    println!("MHz, {ROUNDS} rounds: least, median, most\n");
    println!(
        "| guest | M cycles | interpreted | native | ÷ interpreted | compiling, ms | qemu-riscv32 | native ÷ qemu | peak RSS, MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for case in CASES {
        let scale = if short { 10 } else { 1 };
        measure(
            &Case {
                argument: case.argument.map(|it| if case.runs > 1 { it } else { it / scale }),
                input: case.input / scale as usize,
                runs: case.runs.div_ceil(scale),
                ..case
            },
            qemu,
        );
    }
}

/// What a process that ran a guest says of it.
#[derive(Default)]
struct Report {
    cycles: f64,
    compiling: f64,
    peak: f64,
}

fn measure(case: &Case, qemu: bool) {
    let input: Vec<u8> =
        (0..case.input as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let input_path = std::env::temp_dir().join(format!("retrace-bench-{}", std::process::id()));
    std::fs::write(&input_path, input).unwrap_or_else(|error| panic!("{error}"));
    let (mut interpreted, mut native, mut emulated) = (Vec::new(), Vec::new(), Vec::new());
    let (mut report, mut compiling) = (Report::default(), Vec::new());
    for _ in 0..ROUNDS {
        for executor in ["interpreter", "native"] {
            let before = children_seconds();
            for _ in 0..case.runs {
                report = run(case, executor, &input_path);
            }
            let seconds = (children_seconds() - before) / f64::from(case.runs);
            let mhz = report.cycles / seconds / 1e6;
            if executor == "native" {
                native.push(mhz);
                compiling.push(report.compiling * 1e3);
            } else {
                interpreted.push(mhz);
            }
        }
        if qemu {
            let before = children_seconds();
            for _ in 0..case.runs {
                let mut command = Command::new("qemu-riscv32");
                command.arg(elf(case.guest)).args(case.argument.map(|it| it.to_string()));
                command.stdin(open(&input_path)).stdout(Stdio::null());
                command.status().unwrap_or_else(|error| panic!("{error}"));
            }
            let seconds = (children_seconds() - before) / f64::from(case.runs);
            emulated.push(report.cycles / seconds / 1e6);
        }
    }
    let _ = std::fs::remove_file(&input_path);
    let ratio =
        |above: &[f64], below: &[f64]| above.iter().zip(below).map(|(a, b)| a / b).collect::<Vec<f64>>();
    println!(
        "| {} | {:.0} | {} | {} | {} | {} | {} | {} | {:.1} |",
        case.guest,
        report.cycles / 1e6,
        spread(&interpreted, 0),
        spread(&native, 0),
        spread(&ratio(&native, &interpreted), 1),
        spread(&compiling, 1),
        spread(&emulated, 0),
        spread(&ratio(&native, &emulated), 2),
        report.peak / f64::from(1 << 20),
    );
}

/// Runs a guest in a process of its own.
fn run(case: &Case, executor: &str, input: &Path) -> Report {
    let this = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(this);
    command.args([CHILD, executor, case.guest]).args(case.argument.map(|it| it.to_string()));
    let output = command.stdin(open(input)).output().unwrap_or_else(|error| panic!("{error}"));
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = text.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
    match figures.as_slice() {
        &[cycles, compiling, peak] => Report { cycles, compiling, peak },
        _ => panic!("{text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// The process that runs a guest: cycles, seconds of compiling, peak RSS in bytes.
fn child(arguments: &[String]) {
    let [executor, guest, rest @ ..] = arguments else { panic!("{CHILD} EXECUTOR GUEST [ARGUMENT]") };
    let bytes = std::fs::read(elf(guest)).unwrap_or_else(|error| panic!("{error}"));
    let program = Arc::new(Program::<Rv32i>::from_elf(&bytes).unwrap_or_else(|error| panic!("{error}")));
    let input = Input::spool(std::io::stdin()).unwrap_or_else(|error| panic!("{error}"));
    let names = std::iter::once("guest").chain(rest.iter().map(String::as_str));
    let options = Options {
        arguments: names.map(|name| name.as_bytes().to_vec()).collect(),
        executor: if executor == "native" { Executor::Native } else { Executor::Interpreter },
        ..Options::default()
    };
    let execution =
        execute(program, Linux::default(), input, options).unwrap_or_else(|error| panic!("{error}"));
    let compiling = execution.native_code().map_or(0.0, |native| native.time.as_secs_f64());
    println!("{} {compiling} {}", execution.cycles(), peak().unwrap_or_default());
}

fn elf(guest: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/guests/{guest}.elf"))
}

fn open(path: &Path) -> std::fs::File {
    std::fs::File::open(path).unwrap_or_else(|error| panic!("{error}"))
}

/// The least, the median and the most; a dash of none.
fn spread(values: &[f64], digits: usize) -> String {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let show = |value: &f64| format!("{value:.digits$}");
    match (values.first(), values.get(values.len() / 2), values.last()) {
        (Some(least), Some(median), Some(most)) => {
            format!("{} · **{}** · {}", show(least), show(median), show(most))
        }
        _ => "–".to_owned(),
    }
}

/// Seconds of the processors that processes which this one started and waited for had, in hundredths.
fn children_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_else(|error| panic!("{error}"));
    // In user and in system mode: the 14th and 15th field behind the name, which is in parentheses.
    let fields = stat.rsplit(')').next().into_iter().flat_map(str::split_whitespace);
    fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0)
}
