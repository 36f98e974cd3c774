//! Statements forged by a prover who makes the transcript fit them: what only the replay can find out.

use std::sync::Arc;

use ark_bn254::Fr;

use super::prove::prove_statement;
use super::*;
use crate::checkpoint::{Options, execute};
use crate::guest::{Input, Linux};
use crate::isa::Rv32i;
use crate::oracle::{OracleError, WitnessOracle};
use crate::parallel::Pool;
use crate::program::Program;
use crate::replay::StreamingWitnessGenerator;
use crate::sumcheck::Budget;

fn program() -> Arc<Program<Rv32i>> {
    let elf = include_bytes!("../../tests/guests/tiny.elf");
    Arc::new(Program::from_elf(elf).expect("it can be loaded"))
}

fn oracle() -> WitnessOracle<Rv32i, Linux> {
    let execution =
        execute(program(), Linux::default(), Input::empty(), Options::default()).expect("it runs");
    WitnessOracle::new(StreamingWitnessGenerator::new(execution, Pool::serial())).expect("there are rows")
}

/// What the verifier says to a proof of the statement as `forge` changes it.
fn refusal(forge: impl FnOnce(&mut Statement)) -> String {
    let oracle = oracle();
    let mut statement = Statement::new::<Fr, _, _>(oracle.generator().execution())
        .expect("it is in memory")
        .expect("it ended");
    forge(&mut statement);
    let (proof, _) =
        prove_statement::<Fr, _, _>(&oracle, statement, Budget::Unlimited).expect("it can be made");
    let verifier = Verifier { max_cycles: 1000, ..Verifier::<_, Linux>::new(program(), Input::empty()) };
    match verify::<Fr, _, _>(&proof, verifier) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_forged_statement_is_refused_with_the_reason() {
    assert_eq!(refusal(|_| {}), "accepted");
    type Forge = fn(&mut Statement);
    let cases: [(Forge, &str); 10] = [
        (|s| s.output[0] ^= 1, "the proof's output is not what the program does"),
        (|s| s.output_length += 1, "the proof's output length is not what the program does"),
        (|s| s.exit_code += 1, "the proof's exit code is not what the program does"),
        (|s| s.exit_state[0] ^= 1, "the proof's exit state is not what the program does"),
        (|s| s.entry_state[0] ^= 1, "another entry state"),
        (|s| s.entry += 4, "another entry point"),
        (|s| s.input[0] ^= 1, "another input"),
        (|s| s.program[0] ^= 1, "another program"),
        (|s| s.fingerprint.0[0] ^= 1, "a spec with fingerprint"),
        (|s| s.field.0[0] ^= 1, "another field"),
    ];
    for (forge, why) in cases {
        let refusal = refusal(forge);
        assert!(refusal.contains(why), "{why}: {refusal}");
    }
}

/// With another T the public columns are others: the sum-check itself does not hold.
#[test]
fn another_number_of_cycles_is_refused() {
    for forge in [|s: &mut Statement| s.cycles += 1, |s: &mut Statement| s.cycles -= 1] {
        assert!(refusal(forge).contains("the sum-check is refused"));
    }
}

#[test]
fn a_statement_survives_its_bytes() {
    let statement = Statement::new::<Fr, _, _>(oracle().generator().execution())
        .expect("it is in memory")
        .expect("it ended");
    assert_eq!(Statement::from_bytes(&statement.to_bytes()), statement);
    assert!(statement.to_bytes().windows(8).any(|window| window == 53u64.to_le_bytes()));
}

#[test]
fn a_longer_run_than_allowed_is_not_replayed() {
    let oracle = oracle();
    let (proof, _) = prove::<Fr, _, _>(&oracle, Budget::Unlimited).expect("it can be made");
    let verifier = Verifier { max_cycles: 52, ..Verifier::<_, Linux>::new(program(), Input::empty()) };
    let refused = verify::<Fr, _, _>(&proof, verifier);
    assert!(matches!(refused, Err(VerifyError::TooLong { stated: 53, limit: 52 })));
}

#[test]
fn a_cancelled_verification_is_no_refusal() {
    let (proof, _) = prove::<Fr, _, _>(&oracle(), Budget::Unlimited).expect("it can be made");
    let verifier = Verifier::<_, Linux>::new(program(), Input::empty());
    verifier.cancel.cancel();
    let cancelled = verify::<Fr, _, _>(&proof, verifier);
    assert!(matches!(cancelled, Err(VerifyError::Oracle(OracleError::Cancelled))));
}

/// BabyBear's prime is smaller than the constraints' integers; Goldilocks alone is too small for challenges.
#[test]
fn fields_that_are_too_small_are_refused() {
    use crate::field::tests::{BabyBear, Goldilocks, Goldilocks2};
    let small = prove::<BabyBear, _, _>(&oracle(), Budget::Unlimited).expect_err("31 bits");
    assert!(small.to_string().contains("31 bits"), "{small}");
    let guessable = prove::<Goldilocks, _, _>(&oracle(), Budget::Unlimited).expect_err("64 bits");
    assert!(guessable.to_string().contains("2^64"), "{guessable}");
    let (proof, _) =
        prove::<Goldilocks2, _, _>(&oracle(), Budget::Unlimited).expect("2^128 elements are enough");
    let verifier = Verifier::<_, Linux>::new(program(), Input::empty());
    verify::<Goldilocks2, _, _>(&proof, verifier).expect("it is honest");
}
