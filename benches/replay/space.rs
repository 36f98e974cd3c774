//! Figures of space, each in a process of its own, so that its peak is.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;

use retrace::checkpoint::{FileOptions, Options, Policy};
use retrace::isa::Word;
use retrace::pages::{PAGE_BYTES, PageRef};

use crate::guests::touching;
use crate::run::Run;
use crate::speed::{mean, processor, replay_all};

/// The argument that makes this process such a one.
pub(crate) const CHILD: &str = "measure-space";

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// What a process measured.
struct Figures {
    peak: u64,
    checkpoints: u64,
    /// Bytes of the pages that checkpoints hold, each counted once.
    held: u64,
    /// K in bytes.
    touched: u64,
    run_seconds: f64,
    replay_seconds: f64,
}

/// The peak does not grow with T.
pub(crate) fn flat() {
    println!("Peak RSS in MiB of a run with its checkpoints and a replay of all columns on all threads\n");
    println!("| guest | T = 2^20 | 2^24 | 2^28 | 2^28 ÷ 2^20 |");
    println!("|---|---|---|---|---|");
    let cases = [
        ("alu", "alu, K = 8 KiB, the default policy"),
        ("1MiB", "K = 1 MiB, all of it written in every interval, M = 32 from the start"),
    ];
    for (guest, what) in cases {
        let peaks = [20, 24, 28].map(|bits| measure(guest, "run-and-replay", 1 << bits).peak as f64);
        let [short, middle, long] = peaks.map(|peak| peak / MIB as f64);
        println!("| {what} | {short:.1} | {middle:.1} | {long:.1} | {:.2} |", long / short);
    }
    println!();
}

/// Checkpoints cost the pages that were written since the last one.
pub(crate) fn checkpoints() {
    println!(
        "Checkpoints with the default policy (M = 32) of guests that write to all of K again and again\n"
    );
    println!(
        "| K | T | checkpoints after the first | MiB in all | each ÷ K | in all ÷ M·K | fast pass ÷ one without checkpoints |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (guest, bits) in [("64KiB", 28), ("8MiB", 28), ("256MiB", 30)] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        let mut figures = measure(guest, "run", 1 << bits);
        for _ in 0..3 {
            figures = measure(guest, "run", 1 << bits);
            with.push(figures.run_seconds);
            without.push(measure(guest, "run-without-checkpoints", 1 << bits).run_seconds);
        }
        let [held, touched] = [figures.held, figures.touched].map(|bytes| bytes as f64);
        println!(
            "| {guest} | 2^{bits} | {} | {:.1} | {:.2} | {:.3} | {:.3} |",
            figures.checkpoints - 1,
            held / MIB as f64,
            held / (figures.checkpoints.max(2) - 1) as f64 / touched,
            held / (32.0 * touched),
            mean(&with) / mean(&without),
        );
    }
    println!();
}

/// One run that is long, with its checkpoints in a file.
pub(crate) fn long() {
    println!("T = 2^30, the default policy, checkpoints in a file; at most 100 MiB + 2·K are allowed\n");
    println!("| guest | peak RSS, MiB | K, MiB | checkpoints kept | run, s | replay of all columns, s |");
    println!("|---|---|---|---|---|---|");
    for guest in ["alu", "8MiB", "64MiB"] {
        let figures = measure(guest, "run-into-file-and-replay", 1 << 30);
        let [peak, touched] = [figures.peak, figures.touched].map(|bytes| bytes as f64 / MIB as f64);
        println!(
            "| {guest} | {peak:.1} | {touched:.3} | {} | {:.1} | {:.1} |",
            figures.checkpoints, figures.run_seconds, figures.replay_seconds,
        );
    }
    println!();
}

/// Measures in a process of its own.
fn measure(guest: &str, what: &str, cycles: u64) -> Figures {
    let own = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let output = Command::new(own).args([CHILD, guest, what, &cycles.to_string()]).output();
    let output = output.unwrap_or_else(|error| panic!("{error}"));
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = text.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
    let &[peak, checkpoints, held, touched, run_seconds, replay_seconds] = &figures[..] else {
        panic!("{guest}: {text}{}", String::from_utf8_lossy(&output.stderr));
    };
    let [peak, checkpoints, held, touched] = [peak, checkpoints, held, touched].map(|figure| figure as u64);
    Figures { peak, checkpoints, held, touched, run_seconds, replay_seconds }
}

/// Runs a guest for so many cycles, replays it or not, and prints the figures.
pub(crate) fn child(arguments: &[String]) {
    let [guest, what, cycles] = arguments else { panic!("{CHILD} GUEST WHAT CYCLES") };
    let cycles = cycles.parse().unwrap_or_else(|error| panic!("{error}"));
    let (run, policy) = case(guest, cycles);
    let policy = if what == "run-without-checkpoints" { Policy::new(1, u64::MAX) } else { policy };
    let file = (what == "run-into-file-and-replay")
        .then(|| std::env::temp_dir().join(format!("retrace-bench-{}.checkpoints", std::process::id())));
    let mut execution = None;
    let options = Options { policy, file: file.as_ref().map(FileOptions::new), ..Options::default() };
    let run_seconds = processor(|| execution = Some(Arc::new(run.execute(options))));
    let Some(execution) = execution else { unreachable!("it was run") };
    let replay_seconds = if what.ends_with("-and-replay") { replay_all(&execution) } else { 0.0 };
    if let Some(file) = file {
        let _ = std::fs::remove_file(file);
    }
    let mut pages = HashSet::new();
    for checkpoint in execution.checkpoints().iter() {
        let checkpoint = checkpoint.unwrap_or_else(|error| panic!("{error}"));
        for page in checkpoint.pages.iter() {
            if let Ok((_, PageRef::Shared(page))) = page {
                pages.insert(std::ptr::from_ref(page));
            }
        }
    }
    println!(
        "{} {} {} {} {run_seconds} {replay_seconds}",
        peak_rss(),
        execution.checkpoints().len(),
        pages.len() * PAGE_BYTES,
        execution.memory_words() * size_of::<Word>() as u64,
    );
}

fn case(guest: &str, cycles: u64) -> (Run, Policy) {
    match guest {
        "1MiB" => (touching(MIB, cycles), Policy::new(32, 1 << 13)),
        "64KiB" => (touching(64 * KIB, cycles), Policy::default()),
        "8MiB" => (touching(8 * MIB, cycles), Policy::default()),
        "64MiB" => (touching(64 * MIB, cycles), Policy::default()),
        "256MiB" => (touching(256 * MIB, cycles), Policy::default()),
        test_guest => (Run { max_cycles: cycles, ..Run::new(test_guest, 4000) }, Policy::default()),
    }
}

/// The greatest resident set of this process so far; 0 where the system does not say.
fn peak_rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * KIB
}
