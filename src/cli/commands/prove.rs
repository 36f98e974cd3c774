//! `retrace prove`

use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use ark_bn254::Fr;
use indicatif::ProgressBar;
use serde_json::json;

use super::{execution, subject};
use crate::cancel::Cancel;
use crate::checkpoint::{Execution, Options, Stopped, UnknownCycles};
use crate::cli::arguments::{Common, Memory, Prove};
use crate::cli::failure::{Done, Failure};
use crate::cli::files::{self, Elf};
use crate::cli::{host, output};
use crate::guest::Linux;
use crate::isa::Isa;
use crate::oracle::{PolynomialOracle, WitnessOracle};
use crate::proof::{Proof, ProveError, ProveReport, Prover, SpecError, Statement};
use crate::replay::StreamingWitnessGenerator;
use crate::sumcheck::{Budget, Schedule};

pub(in crate::cli) fn prove<I: Isa>(common: &Common, prove: &Prove, elf: Elf) -> Done {
    if let Some(cycles) = &prove.cycles {
        // No run has an empty range of them, however long it is.
        UnknownCycles::check_any(cycles, u64::MAX)?;
    }
    SpecError::check::<Fr>(I::SPEC).map_err(ProveError::from)?;
    let program = elf.into_program::<I>()?;
    let bar = output::progress("running: cycles");
    let max_cycles = prove.cycles.as_ref().map_or(u64::MAX, |cycles| cycles.end);
    let options = Options { executor: prove.executor.into(), max_cycles, ..Options::default() };
    let executed = execution(&prove.subject, program, options, &bar);
    bar.finish_and_clear();
    let (execution, cancel) = executed?;
    let bar = output::progress("proving");
    let made = make(common, prove, execution, cancel, &bar);
    bar.finish_and_clear();
    match made? {
        Made::Plan(schedule, rows) => print_plan::<I>(common, &schedule, rows),
        Made::Proof { path, proof, report, budget } => {
            let bytes = proof.to_bytes();
            files::write_whole(path, &bytes)?;
            print_report::<I>(common, proof.statement(), &report, budget, path, bytes.len())
        }
    }
}

/// What was asked for.
enum Made<'a> {
    /// The schedule, and the number of rows.
    Plan(Schedule, u64),
    Proof {
        path: &'a Path,
        proof: Box<Proof>,
        report: ProveReport,
        budget: Budget,
    },
}

/// Plans the proof, and makes it if it has a place.
fn make<'a, I: Isa>(
    common: &Common,
    prove: &'a Prove,
    execution: Execution<I, Linux>,
    cancel: Cancel,
    bar: &ProgressBar,
) -> Result<Made<'a>, Failure> {
    let cancel = cancel.with_meter({
        let bar = bar.clone();
        move |cycles| bar.inc(cycles)
    });
    let (executed, stopped) = (execution.cycles(), execution.stopped().clone());
    let generator = StreamingWitnessGenerator::new(execution, files::pool(common)?).with_cancel(cancel);
    let oracle = match &prove.cycles {
        Some(cycles) => WitnessOracle::segment(generator, cycles.clone()).map_err(|unknown| match &stopped {
            Stopped::Trapped(fault) => Failure::from(unknown).but(&format!("the run faulted there: {fault}")),
            _ => unknown.into(),
        }),
        // A run without a cycle has not ended by itself.
        None => WitnessOracle::new(generator).map_err(|_| unfinished(&stopped, prove)),
    };
    let oracle = oracle?;
    let budget = match prove.memory {
        Memory::All => Budget::Unlimited,
        Memory::Bytes(bytes) => Budget::Bytes(bytes),
        Memory::Sqrt => Budget::sqrt::<Fr>(oracle.num_stored(), oracle.num_variables()),
    };
    let plan = Prover::<Fr>::new(budget).plan(&oracle).map_err(|error| match error {
        ProveError::NotExited(stopped) => unfinished(&stopped, prove),
        error => error.into(),
    })?;
    let Some(path) = prove.output.as_ref().filter(|_| !prove.plan) else {
        return Ok(Made::Plan(plan.schedule().clone(), oracle.num_rows()));
    };
    output::measure(bar, work(plan.schedule(), oracle.cycles(), executed));
    let (proof, report) = plan.prove()?;
    Ok(Made::Proof { path, proof: Box::new(proof), report, budget })
}

/// A run that is to be proven as a whole, and did not end by itself.
fn unfinished(stopped: &Stopped, prove: &Prove) -> Failure {
    match (stopped, &prove.subject.checkpoints) {
        (Stopped::Interrupted | Stopped::CycleLimit | Stopped::MemoryLimit { .. }, Some(path)) => {
            let message = format!(
                "{}: the run in it has not ended: resume it first, or prove a part of it with --cycles",
                path.display()
            );
            Failure::new("checkpoint_file", message)
        }
        (Stopped::Trapped(_), _) => {
            Failure::stopped(stopped).but("--cycles A..B proves a part of the run before that")
        }
        _ => Failure::stopped(stopped),
    }
}

/// What was proven, and what it took.
fn print_report<I: Isa>(
    common: &Common,
    statement: &Statement,
    report: &ProveReport,
    budget: Budget,
    path: &Path,
    proof_bytes: usize,
) -> Done {
    let budget_bytes = match budget {
        Budget::Unlimited => None,
        Budget::Bytes(bytes) => Some(bytes),
    };
    let sumcheck_seconds = (report.seconds - report.statement_seconds - report.replay_seconds).max(0.0);
    let total = report.run_seconds + report.seconds;
    if common.json {
        output::object(&json!({
            "ok": true,
            "isa": I::SPEC.name,
            "first_cycle": statement.entry.cycle,
            "cycles": statement.rows(),
            "field": "bn254",
            "columns": report.sumcheck.columns,
            "constraints": report.constraints,
            "links": report.links,
            "rounds": report.sumcheck.rounds,
            "passes": report.sumcheck.passes,
            "budget_bytes": budget_bytes,
            "proof_bytes": proof_bytes,
            "peak_rss_bytes": host::peak_rss(),
            "exit_code": statement.exit_code,
            "output_bytes": statement.exit.output.length,
            "seconds": {
                "run": report.run_seconds,
                "statement": report.statement_seconds,
                "replay": report.replay_seconds,
                "sumcheck": sumcheck_seconds,
                "total": total,
            },
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rss = host::peak_rss().map_or_else(|| "unknown".to_owned(), output::bytes);
    output::print(&format!(
        "proved    {}, ISA {}\n\
         witness   {} used, {} and {}, over the BN254 scalar field\n\
         sumcheck  {}, {} over the witness, budget {}\n\
         memory    {rss} at most\n\
         seconds   {:.3} run, {:.3} statement, {:.3} witness, {sumcheck_seconds:.3} sum-check, {total:.3} in all\n\
         proof     {}, {}\n",
        subject(statement),
        I::SPEC.name,
        output::count(report.sumcheck.columns as u64, "column"),
        output::count(report.constraints as u64, "constraint"),
        output::count(report.links as u64, "link"),
        output::count(report.sumcheck.rounds.into(), "round"),
        output::count(report.sumcheck.passes.into(), "pass"),
        budget_bytes.map_or_else(|| "unlimited".to_owned(), output::bytes),
        report.run_seconds,
        report.statement_seconds,
        report.replay_seconds,
        path.display(),
        output::bytes(proof_bytes as u64),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// How many cycles it takes to prove these of so many: every pass, and before the passes a run to each end of the segment
/// that is no end of the run.
fn work(plan: &Schedule, cycles: Range<u64>, executed: u64) -> u64 {
    let passes = u64::from(plan.passes()).saturating_mul(cycles.end - cycles.start);
    let to_end = if cycles.end < executed { cycles.end } else { 0 };
    passes.saturating_add(cycles.start).saturating_add(to_end)
}

/// What the cost model counts in, on the field of the command line: nanoseconds of a product, as measured.
const PRODUCT_NS: f64 = 25.0;

/// Which rounds each pass covers, what is stored, and what the model says that each costs.
fn print_plan<I: Isa>(common: &Common, schedule: &Schedule, rows: u64) -> Done {
    let mut start = 0;
    let ends: Vec<(u32, u32)> = schedule
        .windows
        .iter()
        .map(|window| {
            start += window;
            (start - window, start)
        })
        .collect();
    let nanoseconds: Vec<f64> = schedule.pass_costs.iter().map(|cost| cost * PRODUCT_NS).collect();
    let linear = schedule.linear_cost * PRODUCT_NS;
    let total = nanoseconds.iter().sum::<f64>() + linear;
    if common.json {
        output::object(&json!({
            "ok": true,
            "isa": I::SPEC.name,
            "cycles": rows,
            "rounds": schedule.rounds,
            "windows": schedule.windows,
            "passes": schedule.passes(),
            "storing_round": schedule.storing_round(),
            "columns": schedule.columns,
            "array_bytes": schedule.array_bytes,
            "estimated_ns_a_row": { "passes": nanoseconds, "linear": linear, "total": total },
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!(
        "{}, {}, {} bound, {}, ISA {}\n",
        output::count(rows, "cycle"),
        output::count(schedule.rounds.into(), "round"),
        output::count(schedule.columns as u64, "column"),
        output::count(schedule.passes().into(), "pass"),
        I::SPEC.name,
    );
    for (pass, ((from, to), cost)) in ends.iter().zip(&nanoseconds).enumerate() {
        let on = if *from == 0 { "integers" } else { "field elements" };
        text += &format!("pass {}    rounds {from}..{to} on {on}, about {cost:.0} ns a row\n", pass + 1);
    }
    text += &format!(
        "pass {}    stores the arrays of round {}, {}, about {:.0} ns a row\n\
         then      rounds {}..{} on the arrays, about {linear:.0} ns a row\n\
         in all    about {total:.0} ns a row on one thread, {:.2} s\n",
        schedule.passes(),
        schedule.storing_round(),
        output::bytes(schedule.array_bytes),
        nanoseconds.last().copied().unwrap_or_default(),
        schedule.storing_round(),
        schedule.rounds,
        total * rows as f64 / 1e9,
    );
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
