//! `retrace report`

mod chart;
mod page;

use std::process::ExitCode;
use std::sync::Arc;

use ark_bn254::Fr;
use serde_json::json;

use super::profile::{Counted, count_cycles};
use super::verify::work;
use crate::checkpoint::{Execution, Options, Policy};
use crate::cli::arguments::{Common, Report};
use crate::cli::failure::{Done, Failure};
use crate::cli::files::{self, Elf};
use crate::cli::inputs::ReadProof;
use crate::cli::{host, interrupt, output};
use crate::guest::Linux;
use crate::isa::Isa;
use crate::oracle::{PolynomialOracle, WitnessOracle};
use crate::proof::{Prover, Verifier};
use crate::replay::StreamingWitnessGenerator;
use crate::sumcheck::{Budget, Schedule};
use page::{Content, Proven};

/// As the default, but from close on: a short run, too, is to show how its memory grows.
const POLICY: Policy = Policy::new(32, 1 << 10).with_page_cost(64);

pub(in crate::cli) fn report<I: Isa>(
    common: &Common,
    report: &Report,
    elf: Elf,
    proofs: Vec<ReadProof>,
) -> Done {
    let options = Options { policy: POLICY, ..Options::default() };
    let counted = count_cycles::<I>(&report.subject, elf, None, options)?;
    let Counted { execution, profile, cancel } = counted;
    let execution = Arc::new(execution);
    let name = report.subject.guest.elf.file_name().unwrap_or_default().to_string_lossy();
    let mut flamegraph = Vec::new();
    profile
        .write_flamegraph(&format!("{name}: {}", output::count(profile.total(), "cycle")), &mut flamegraph)?;

    let proven = proofs.first().map(|proof| proven(common, report, proof, &execution)).transpose()?;
    let generator =
        StreamingWitnessGenerator::new(Arc::clone(&execution), files::pool(common)?).with_cancel(cancel);
    let content = Content {
        name: &name,
        execution: &execution,
        profile: &profile,
        flamegraph: &flamegraph,
        memory: memory(&execution)?,
        plan: planned::<I>(generator)?,
        proven,
    };
    let page = page::write(&content);
    files::write_whole(&report.output, page.as_bytes())?;

    if common.json {
        output::object(&json!({
            "ok": true,
            "isa": I::SPEC.name,
            "cycles": execution.cycles(),
            "exit_code": execution.exit_code(),
            "fault": execution.fault().map(ToString::to_string),
            "page_bytes": page.len(),
            "peak_rss_bytes": host::peak_rss(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(&format!(
        "{}: {}, {}, ISA {}\n",
        report.output.display(),
        output::count(execution.cycles(), "cycle"),
        output::bytes(page.len() as u64),
        I::SPEC.name,
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// At the checkpoints and at the end: cycles, and pages that are not zero.
fn memory<I: Isa>(execution: &Execution<I, Linux>) -> Result<Vec<(u64, u64)>, Failure> {
    let mut points = Vec::new();
    for checkpoint in execution.checkpoints().iter() {
        let checkpoint = checkpoint.map_err(|error| Failure::new("checkpoint_file", error.to_string()))?;
        points.push((checkpoint.cycle, checkpoint.pages.len() as u64));
    }
    if points.last().is_none_or(|(cycle, _)| *cycle < execution.cycles()) {
        points.push((execution.cycles(), execution.exit().pages.len() as u64));
    }
    Ok(points)
}

/// How `retrace prove` would prove the run; none of a run without a cycle.
fn planned<I: Isa>(generator: StreamingWitnessGenerator<I, Linux>) -> Result<Option<Schedule>, Failure> {
    if generator.execution().cycles() == 0 {
        return Ok(None);
    }
    let cycles = 0..generator.execution().cycles();
    // The cycles before a fault, too.
    let oracle = WitnessOracle::segment(generator, cycles)?;
    let budget = Budget::sqrt::<Fr>(oracle.num_stored(), oracle.num_variables());
    Ok(Some(Prover::<Fr>::new(budget).plan(&oracle)?.schedule().clone()))
}

/// A proof, verified for this program, arguments and input.
fn proven<I: Isa>(
    common: &Common,
    report: &Report,
    ReadProof { path, proof, bytes }: &ReadProof,
    execution: &Execution<I, Linux>,
) -> Result<Proven, Failure> {
    let bar = output::progress("verifying");
    output::measure(&bar, work(proof.statement()));
    let cancel = interrupt::cancel().with_meter({
        let bar = bar.clone();
        move |cycles| bar.inc(cycles)
    });
    let verifier = Verifier {
        program: Arc::clone(execution.program()),
        guest: Linux::default(),
        arguments: files::arguments(&report.subject.guest),
        stack_size: report.subject.guest.stack_size,
        input: execution.input().clone(),
        policy: Policy::default(),
        executor: crate::checkpoint::Executor::Auto,
        pool: files::pool(common)?,
        max_cycles: u64::MAX,
        segments: true,
        cancel,
    };
    let verified = verifier.verify::<Fr>(proof);
    bar.finish_and_clear();
    let verified = verified.map_err(|error| Failure::from(error).about(path))?;
    Ok(Proven {
        statement: proof.statement().clone(),
        bytes: *bytes,
        sumcheck_seconds: verified.sumcheck_seconds,
        replay_seconds: verified.replay_seconds,
    })
}
