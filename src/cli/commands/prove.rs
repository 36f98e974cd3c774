//! `retrace prove`

use std::process::ExitCode;

use ark_bn254::Fr;
use serde_json::json;

use crate::checkpoint::{Options, Progress, execute};
use crate::cli::arguments::{Common, Memory, Prove};
use crate::cli::failure::{Done, Failure};
use crate::cli::{files, host, interrupt, output};
use crate::guest::Linux;
use crate::isa::Isa;
use crate::oracle::{PolynomialOracle, WitnessOracle};
use crate::proof::prove as prove_execution;
use crate::replay::StreamingWitnessGenerator;
use crate::sumcheck::Budget;

pub(in crate::cli) fn prove<I: Isa>(common: &Common, prove: &Prove) -> Done {
    let program = files::program::<I>(&prove.guest.elf)?;
    let input = files::input(&prove.guest)?;
    let cancel = interrupt::cancel();
    let bar = output::progress("running: cycles");
    let mut report = |cycle| {
        bar.set_position(cycle);
        cancel.flow()
    };
    let options = Options {
        arguments: files::arguments(&prove.guest),
        progress: Some(Progress(&mut report)),
        ..Options::default()
    };
    let execution = execute(program, Linux::default(), input, options)?;
    bar.finish_and_clear();
    if execution.exit_code().is_none() {
        return Err(Failure::stopped(execution.stopped()));
    }

    let bar = output::progress("proving");
    let generator =
        StreamingWitnessGenerator::new(execution, files::pool(common)?).with_cancel(cancel.clone());
    let oracle = WitnessOracle::new(generator).map_err(|error| Failure::new("prove", error.to_string()))?;
    let budget = match prove.memory {
        Memory::All => Budget::Unlimited,
        Memory::Bytes(bytes) => Budget::Bytes(bytes),
        Memory::Sqrt => Budget::sqrt::<Fr>(oracle.num_stored(), oracle.num_variables()),
    };
    let proved = prove_execution::<Fr, I, _>(&oracle, budget);
    bar.finish_and_clear();
    let (proof, report) = proved?;
    // The rounds after the last pass do not look.
    if cancel.is_cancelled() {
        return Err(Failure::interrupted());
    }
    let bytes = proof.to_bytes();
    files::write_whole(&prove.output, &bytes)?;

    let cycles = proof.statement().cycles;
    let budget_bytes = match budget {
        Budget::Unlimited => None,
        Budget::Bytes(bytes) => Some(bytes),
    };
    let sumcheck_seconds = (report.seconds - report.replay_seconds).max(0.0);
    let total = report.run_seconds + report.seconds;
    if common.json {
        output::object(&json!({
            "ok": true,
            "cycles": cycles,
            "field": "bn254",
            "columns": report.sumcheck.columns,
            "constraints": report.constraints,
            "links": report.links,
            "rounds": report.sumcheck.rounds,
            "passes": report.sumcheck.passes,
            "budget_bytes": budget_bytes,
            "proof_bytes": bytes.len(),
            "peak_rss_bytes": host::peak_rss(),
            "exit_code": proof.statement().exit_code,
            "output_bytes": proof.statement().output_length,
            "seconds": {
                "run": report.run_seconds,
                "replay": report.replay_seconds,
                "sumcheck": sumcheck_seconds,
                "total": total,
            },
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rss = host::peak_rss().map_or_else(|| "unknown".to_owned(), output::bytes);
    output::print(&format!(
        "proved    {}, exit code {}, {} of output\n\
         witness   {} used, {} and {}, over the BN254 scalar field\n\
         sumcheck  {}, {} over the witness, budget {}\n\
         memory    {rss} at most\n\
         seconds   {:.3} run, {:.3} witness, {sumcheck_seconds:.3} sum-check, {total:.3} in all\n\
         proof     {}, {}\n",
        output::count(cycles, "cycle"),
        proof.statement().exit_code,
        output::bytes(proof.statement().output_length),
        output::count(report.sumcheck.columns as u64, "column"),
        output::count(report.constraints as u64, "constraint"),
        output::count(report.links as u64, "link"),
        output::count(report.sumcheck.rounds.into(), "round"),
        output::count(report.sumcheck.passes.into(), "pass"),
        budget_bytes.map_or_else(|| "unlimited".to_owned(), output::bytes),
        report.run_seconds,
        report.replay_seconds,
        prove.output.display(),
        output::bytes(bytes.len() as u64),
    ))?;
    Ok(ExitCode::SUCCESS)
}
