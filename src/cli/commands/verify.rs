//! `retrace verify`

use std::process::ExitCode;
use std::time::Instant;

use ark_bn254::Fr;
use serde_json::json;

use crate::checkpoint::Policy;
use crate::cli::arguments::{Common, Verify};
use crate::cli::failure::Done;
use crate::cli::{files, interrupt, output};
use crate::guest::Linux;
use crate::isa::Isa;
use crate::proof::{Proof, Verifier, verify as verify_proof};

pub(in crate::cli) fn verify<I: Isa>(common: &Common, verify: &Verify) -> Done {
    let begun = Instant::now();
    let proof = Proof::from_bytes(&files::read(&verify.proof)?)?;
    let verifier = Verifier {
        program: files::program::<I>(&verify.guest.elf)?,
        guest: Linux::default(),
        arguments: files::arguments(&verify.guest),
        input: files::input(&verify.guest)?,
        policy: Policy::default(),
        pool: files::pool(common)?,
        max_cycles: verify.max_cycles,
        cancel: interrupt::cancel(),
    };
    let bar = output::progress("verifying");
    let verified = verify_proof::<Fr, I, _>(&proof, verifier);
    bar.finish_and_clear();
    let verified = verified?;
    let seconds = begun.elapsed().as_secs_f64();
    let statement = proof.statement();
    if common.json {
        output::object(&json!({
            "ok": true,
            "seconds": seconds,
            "sumcheck_seconds": verified.sumcheck_seconds,
            "replay_seconds": verified.replay_seconds,
            "cycles": statement.cycles,
            "exit_code": statement.exit_code,
            "output_bytes": statement.output_length,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(&format!(
        "verified  {} cycles, exit code {}, {} of output\n\
         seconds   {:.3} sum-check, {:.3} replay (there is no commitment yet: the columns' values at the point are \
         taken from a replay), {seconds:.3} in all\n",
        output::number(statement.cycles),
        statement.exit_code,
        output::bytes(statement.output_length),
        verified.sumcheck_seconds,
        verified.replay_seconds,
    ))?;
    Ok(ExitCode::SUCCESS)
}
