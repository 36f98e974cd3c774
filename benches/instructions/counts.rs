//! From gungraun's counts to lines of the table.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use retrace::checkpoint::{Execution, Executor};
use retrace::guest::Linux;
use retrace::isa::Rv32i;

use crate::guests::{INTERPRETED, NATIVE, PROVEN, by};
use crate::passes::COUNT;
use crate::run::{GUESTS, Run};

/// What a pass takes of a guest.
pub(crate) struct Line {
    pub(crate) guest: &'static str,
    pub(crate) pass: &'static str,
    /// Cycles, rows or instructions compiled, and which of them.
    pub(crate) count: u64,
    pub(crate) unit: &'static str,
    pub(crate) machine_instructions: u64,
}

impl Line {
    /// Machine instructions each.
    pub(crate) fn each(&self) -> f64 {
        self.machine_instructions as f64 / self.count as f64
    }
}

/// Counts, and runs every guest once more without valgrind to know how many cycles it has.
pub(crate) fn lines() -> Vec<Line> {
    let counts = count();
    GUESTS.into_iter().enumerate().flat_map(|(place, guest)| lines_of(guest, place, &counts)).collect()
}

/// Machine instructions by function and by the guest's place in the list.
type Counts = BTreeMap<(String, String), u64>;

/// By how many compiled instructions the two native runs of a guest may differ: 2 % of the cycles between them in time.
const ALIKE: u64 = 20;

fn lines_of(guest: &'static str, place: usize, counts: &Counts) -> [Line; 6] {
    let counted = |function: &str| {
        let key = (function.to_owned(), format!("guest_{place}"));
        *counts.get(&key).unwrap_or_else(|| panic!("gungraun did not count {function} of {guest}"))
    };
    let line =
        |pass, count, unit, machine_instructions| Line { guest, pass, count, unit, machine_instructions };
    let cycles = Run::new(guest, INTERPRETED).execute(by(Executor::Interpreter)).cycles();
    let [short, long] = NATIVE.map(|millions| Run::new(guest, millions).execute(by(Executor::Native)));
    let (compiled, of_long) = (compiled(&short), compiled(&long));
    assert!(compiled.abs_diff(of_long) <= ALIKE, "{guest}: {compiled} and {of_long} are compiled");
    // Both compile about the same, so what the longer one takes beyond the shorter one is execution.
    let [few, many] = ["native_short", "native_long"].map(counted);
    let (more_cycles, more) = (long.cycles() - short.cycles(), many - few);
    let executing = (more as f64 / more_cycles as f64 * short.cycles() as f64) as u64;
    [
        line("interpreted", cycles, "cycles", counted("interpreted")),
        line("native code", more_cycles, "cycles", more),
        line("compiling", compiled, "instructions", few.saturating_sub(executing)),
        line("recorded columns", cycles, "rows", counted("recorded_columns")),
        line("all columns", cycles, "rows", counted("all_columns")),
        line("proof", 1 << PROVEN, "rows", counted("proof")),
    ]
}

fn compiled(execution: &Execution<Rv32i, Linux>) -> u64 {
    execution.native_code().map_or(0, |native| native.instructions)
}

/// This program again, as gungraun's, which runs it once more for each count.
fn count() -> Counts {
    let this = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(this);
    command.arg("--bench").env(COUNT, "1").stderr(Stdio::inherit());
    command.envs([("GUNGRAUN_OUTPUT_FORMAT", "json"), ("GUNGRAUN_PARALLEL", "auto")]);
    let output = command.output().unwrap_or_else(|error| panic!("{error}"));
    assert!(
        output.status.success(),
        "gungraun failed: it needs valgrind and its gungraun-runner (CONTRIBUTING.md)"
    );
    String::from_utf8_lossy(&output.stdout).lines().filter_map(summary).collect()
}

/// One count from gungraun's summary of it.
fn summary(line: &str) -> Option<((String, String), u64)> {
    let summary: serde_json::Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| summary.get(name)?.as_str().map(str::to_owned);
    let count = summary.pointer("/profiles/0/data/total/metrics/Ir/values/new")?.as_u64()?;
    Some(((text("function_name")?, text("id")?), count))
}
