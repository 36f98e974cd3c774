//! What the system knows of a process: processor time, and peak memory, of a process of its own for each measurement.

use std::process::Command;

use ark_bn254::Fr;
use retrace::isa::{Isa, Rv32i};
use retrace::oracle::PolynomialOracle;
use rustix::time::{ClockId, clock_gettime};

use super::{ENGINES, Engine, Statement, guests, prove};

/// Seconds that this thread has run: other processes take none of them.
pub(super) fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

const VARIABLE: &str = "RETRACE_BENCH_PROCESS";

/// Proves once in a process of its own, and gives that process's peak in MiB.
pub(super) fn peak_rss(guest: &str, variables: u32, engine: Engine) -> String {
    let this = std::env::current_exe().expect("the program knows itself");
    let output = Command::new(this)
        .env(VARIABLE, format!("{guest} {variables} {}", engine.name()))
        .output()
        .expect("it can be started");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Whether this process was started for one measurement, which it then has made.
pub(super) fn serve() -> bool {
    let Ok(order) = std::env::var(VARIABLE) else { return false };
    let mut words = order.split(' ');
    let guest = words.next().and_then(|name| guests::GUESTS.into_iter().find(|guest| guest.name == name));
    let variables = words.next().and_then(|word| word.parse().ok());
    let engine = words.next().and_then(|name| ENGINES.into_iter().find(|engine| engine.name() == name));
    let (Some(guest), Some(variables), Some(engine)) = (guest, variables, engine) else {
        panic!("{VARIABLE} is not for use by hand")
    };
    let oracle = guest.oracle(variables);
    let entry = oracle.generator().execution().program().entry();
    let statement = Statement::<Fr>::new(Rv32i::SPEC, entry, oracle.num_variables());
    prove(&engine.prover(&statement, &oracle), &oracle, &statement.list());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<f64> = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
    println!("{}", kib.map_or_else(|| "unknown".to_owned(), |kib| format!("{:.1} MiB", kib / 1024.0)));
    true
}
