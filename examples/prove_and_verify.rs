//! Oracle and sum-check together: an ELF file in, a proof out, the same bytes in any space.

#![allow(clippy::print_stdout, unreachable_pub)]

use std::error::Error;
use std::sync::Arc;

use ark_bn254::Fr;
use retrace::checkpoint::{Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::Rv32i;
use retrace::oracle::{PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::proof::{Prover, Verifier};
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;

/// Runs the guest, proves the run in two budgets, verifies.
pub fn main() -> Result<(), Box<dyn Error>> {
    let elf = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/sha256.elf"))?;
    let program = Arc::new(Program::<Rv32i>::from_elf(&elf)?);
    let input = || Input::from(b"abc".to_vec());
    let execution = execute(Arc::clone(&program), Linux::default(), input(), Options::default())?;
    let oracle = WitnessOracle::new(StreamingWitnessGenerator::new(execution, Pool::new(0)?))?;

    let small = Budget::sqrt::<Fr>(oracle.num_stored(), oracle.num_variables());
    let plan = Prover::<Fr>::new(small).plan(&oracle)?;
    println!("{:?}", plan.schedule());
    let (proof, report) = plan.prove()?;
    println!(
        "{} cycles, {} bytes, {} passes",
        oracle.num_rows(),
        proof.to_bytes().len(),
        report.sumcheck.passes
    );
    let (same, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle)?;
    if same != proof {
        return Err("another budget gives another proof".into());
    }

    let verified = Verifier::new(program, input()).verify::<Fr>(&proof)?;
    println!("verified; {:.3} s of it a replay, in place of a commitment", verified.replay_seconds);
    Ok(())
}
