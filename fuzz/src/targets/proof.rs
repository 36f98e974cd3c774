//! The proof reader and the verifier: any bytes but those of the honest proof are refused, without a panic, and at a cost that
//! they do not choose.
//!
//! Bytes that begin like a proof are read as they are. All others are edits of the honest proof of `tiny.elf`, so that the
//! fuzzer gets past the fields that must be equal: two bytes say where, the third what; 0xffff cuts the proof there, 0xfffe
//! makes it longer.

use std::sync::{Arc, LazyLock};

use ark_bn254::Fr;
use retrace::checkpoint::{Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::Rv32i;
use retrace::oracle::WitnessOracle;
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::proof::{Proof, Prover, Verifier};
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;

use super::Bytes;
use super::heap::within;

/// More than the honest run has, so that the sum-check of longer ones is read, and less than a proof can state.
const CYCLES: u64 = 1 << 40;

/// Until the sum-check holds, which no edit makes it do, nothing is run: what is held are n points and as many messages.
const HEAP: usize = 1 << 20;

pub fn target(bytes: &[u8]) {
    LazyLock::force(&HONEST);
    let bytes = if bytes.starts_with(b"retrace") { bytes.to_vec() } else { edited(bytes) };
    within(HEAP + 4 * bytes.len(), || {
        let proof = match Proof::from_bytes(&bytes) {
            Ok(proof) => proof,
            Err(error) => {
                assert!(error.to_string().len() < 200);
                return;
            }
        };
        assert!(proof.to_bytes() == bytes, "a proof that is read is written otherwise");
        // The honest proof is verified once, when it is made.
        if bytes != HONEST.1 {
            assert!(verifier(&HONEST.0).verify::<Fr>(&proof).is_err(), "a false proof is accepted");
        }
    });
}

fn edited(bytes: &[u8]) -> Vec<u8> {
    let mut proof = HONEST.1.clone();
    for edit in bytes.chunks_exact(3).take(64) {
        let mut edit = Bytes(edit);
        let at = usize::from(u16::from_le_bytes(edit.array()));
        match at {
            0xffff => proof.truncate(usize::from(edit.byte()) * proof.len() / 256),
            0xfffe => proof.extend(core::iter::repeat_n(0, edit.byte().into())),
            _ if proof.is_empty() => {}
            _ => {
                let length = proof.len();
                proof[at % length] = edit.byte();
            }
        }
    }
    proof
}

fn verifier(program: &Arc<Program<Rv32i>>) -> Verifier<Rv32i, Linux> {
    Verifier { max_cycles: CYCLES, segments: true, ..Verifier::new(Arc::clone(program), Input::empty()) }
}

/// The program, and the bytes of its proof.
static HONEST: LazyLock<(Arc<Program<Rv32i>>, Vec<u8>)> = LazyLock::new(|| {
    let elf = include_bytes!("../../../tests/guests/tiny.elf");
    let honest = || -> Result<_, Box<dyn std::error::Error>> {
        let program = Arc::new(Program::from_elf(elf)?);
        let run = execute(Arc::clone(&program), Linux::default(), Input::empty(), Options::default())?;
        let oracle = WitnessOracle::new(StreamingWitnessGenerator::new(run, Pool::serial()))?;
        let (proof, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle)?;
        verifier(&program).verify::<Fr>(&proof)?;
        Ok((program, proof.to_bytes()))
    };
    honest().unwrap_or_else(|error| panic!("{error}"))
});
