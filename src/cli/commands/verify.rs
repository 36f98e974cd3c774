//! `retrace verify`

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use ark_bn254::Fr;
use serde_json::json;

use super::subject;
use crate::checkpoint::Policy;
use crate::cli::arguments::{Common, Verify};
use crate::cli::failure::{Done, Failure};
use crate::cli::files::{self, Elf};
use crate::cli::inputs::ReadProof;
use crate::cli::{interrupt, output};
use crate::guest::Linux;
use crate::isa::Isa;
use crate::proof::{Statement, Verifier};

pub(in crate::cli) fn verify<I: Isa>(
    common: &Common,
    verify: &Verify,
    elf: Elf,
    proofs: Vec<ReadProof>,
) -> Done {
    let begun = Instant::now();
    // Of several proofs it is told which one is meant.
    let alone = verify.next.is_empty();
    let about = |path: &Path, failure: Failure| if alone { failure } else { failure.about(path) };
    // Whether they adjoin costs nothing to find out.
    let [first, following @ ..] = &proofs[..] else {
        return Err(Failure::refused("there is none; give one"));
    };
    let mut statement = first.proof.statement().clone();
    for ReadProof { path, proof, .. } in following {
        statement = statement.join(proof.statement()).map_err(|error| about(path, error.into()))?;
    }
    if !alone && !verify.segment && !statement.is_whole() {
        let cycles = statement.cycles();
        return Err(Failure::refused(format!(
            "together the proofs are of cycles {}..{}, and not of a whole run (--segment accepts it, another --next adds what follows)",
            cycles.start, cycles.end
        )));
    }
    let program = elf.into_program::<I>()?;
    let input = files::input(&verify.guest)?;
    let pool = files::pool(common)?;
    let cancel = interrupt::cancel();
    let bar = output::progress("verifying");
    let works = proofs.iter().map(|read| work(read.proof.statement()));
    output::measure(&bar, works.fold(0, u64::saturating_add));
    let cancel = cancel.with_meter({
        let bar = bar.clone();
        move |cycles| bar.inc(cycles)
    });
    let check = |ReadProof { path, proof, .. }: &ReadProof| {
        let verifier = Verifier {
            program: Arc::clone(&program),
            guest: Linux::default(),
            arguments: files::arguments(&verify.guest),
            stack_size: verify.guest.stack_size,
            input: input.clone(),
            policy: Policy::default(),
            executor: crate::checkpoint::Executor::Auto,
            pool: pool.clone(),
            max_cycles: verify.max_cycles,
            segments: verify.segment || !alone,
            cancel: cancel.clone(),
        };
        verifier.verify::<Fr>(proof).map_err(|error| about(path, error.into()))
    };
    let verified = proofs.iter().map(check).collect::<Result<Vec<_>, Failure>>();
    bar.finish_and_clear();
    let verified = verified?;
    let sumcheck_seconds: f64 = verified.iter().map(|verified| verified.sumcheck_seconds).sum();
    let replay_seconds: f64 = verified.iter().map(|verified| verified.replay_seconds).sum();
    let seconds = begun.elapsed().as_secs_f64();
    if common.json {
        output::object(&json!({
            "ok": true,
            "isa": I::SPEC.name,
            "seconds": seconds,
            "sumcheck_seconds": sumcheck_seconds,
            "replay_seconds": replay_seconds,
            "first_cycle": statement.entry.cycle,
            "cycles": statement.rows(),
            "exit_code": statement.exit_code,
            "output_bytes": statement.exit.output.length,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(&format!(
        "verified  {}, ISA {}\n\
         seconds   {sumcheck_seconds:.3} sum-check, {replay_seconds:.3} replay (there is no commitment yet: the columns' \
         values at the point are taken from a replay), {seconds:.3} in all\n",
        subject(&statement),
        I::SPEC.name,
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// How many cycles it takes to verify a proof of this: those of a run up to its end, of one up to its beginning, and its own.
pub(super) fn work(statement: &Statement) -> u64 {
    statement.exit.cycle.saturating_add(statement.entry.cycle).saturating_add(statement.rows())
}
