//! `retrace verify`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use ark_bn254::Fr;
use serde_json::json;

use super::subject;
use crate::checkpoint::Policy;
use crate::cli::arguments::{Common, Verify};
use crate::cli::failure::{Done, Failure};
use crate::cli::{files, interrupt, output};
use crate::guest::Linux;
use crate::isa::Isa;
use crate::proof::{Proof, Statement, Verifier, verify as verify_proof};

pub(in crate::cli) fn verify<I: Isa>(common: &Common, verify: &Verify) -> Done {
    let begun = Instant::now();
    let paths: Vec<&PathBuf> = core::iter::once(&verify.proof).chain(&verify.next).collect();
    // Of several proofs it is told which one is meant.
    let about =
        |path: &PathBuf, failure: Failure| if paths.len() > 1 { failure.about(path) } else { failure };
    let read = |path: &&PathBuf| {
        let bytes = files::read(path)?;
        Proof::from_bytes(&bytes).map_err(|error| about(path, error.into()))
    };
    let proofs = paths.iter().map(read).collect::<Result<Vec<_>, Failure>>()?;
    let program = files::program::<I>(&verify.guest.elf)?;
    let input = files::input(&verify.guest)?;
    let pool = files::pool(common)?;
    let cancel = interrupt::cancel();
    let bar = output::progress("verifying");
    let (mut sumcheck_seconds, mut replay_seconds) = (0.0, 0.0);
    let mut joined: Option<Statement> = None;
    for (path, proof) in paths.iter().zip(&proofs) {
        let verifier = Verifier {
            program: Arc::clone(&program),
            guest: Linux::default(),
            arguments: files::arguments(&verify.guest),
            input: input.clone(),
            policy: Policy::default(),
            pool: pool.clone(),
            max_cycles: verify.max_cycles,
            segments: verify.segment || proofs.len() > 1,
            cancel: cancel.clone(),
        };
        let verified =
            verify_proof::<Fr, I, _>(proof, verifier).map_err(|error| about(path, error.into()))?;
        sumcheck_seconds += verified.sumcheck_seconds;
        replay_seconds += verified.replay_seconds;
        joined = Some(match joined {
            Some(before) => before.join(proof.statement()).map_err(|error| about(path, error.into()))?,
            None => proof.statement().clone(),
        });
    }
    bar.finish_and_clear();
    let seconds = begun.elapsed().as_secs_f64();
    let statement = joined.ok_or_else(|| Failure::new("verify", "there is no proof".to_owned()))?;
    if !verify.segment && !statement.is_whole() {
        return Err(Failure::refused("together the proofs are not of a whole run"));
    }
    if common.json {
        output::object(&json!({
            "ok": true,
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
        "verified  {}\n\
         seconds   {sumcheck_seconds:.3} sum-check, {replay_seconds:.3} replay (there is no commitment yet: the columns' \
         values at the point are taken from a replay), {seconds:.3} in all\n",
        subject(&statement),
    ))?;
    Ok(ExitCode::SUCCESS)
}
