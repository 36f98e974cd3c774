//! Statements forged by a prover who makes the transcript fit them: what only the replay can find out.

use core::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use ark_bn254::Fr;

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

fn segment(cycles: Range<u64>) -> WitnessOracle<Rv32i, Linux> {
    let execution = Arc::clone(oracle().generator().execution());
    let generator = StreamingWitnessGenerator::new(execution, Pool::serial());
    WitnessOracle::segment(generator, cycles).expect("there are such cycles")
}

/// What the verifier says to a proof of the statement as `forge` changes it.
fn refusal(oracle: &WitnessOracle<Rv32i, Linux>, forge: impl FnOnce(&mut Statement)) -> String {
    let mut statement =
        Statement::new(FieldId::of::<Fr>(), oracle.generator(), oracle.cycles()).expect("it is in memory");
    let segments = !statement.is_whole();
    forge(&mut statement);
    let plan = Plan::<Fr, _, _>::of(oracle, statement, Budget::Unlimited, Instant::now());
    let (proof, _) = plan.and_then(Plan::prove).expect("it can be made");
    let verifier = Verifier::new(program(), Input::empty());
    let verifier = Verifier { max_cycles: 1000, segments, ..verifier };
    match verifier.verify::<Fr>(&proof) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The machine of these tests has no units.
#[test]
fn a_spec_that_is_not_compiled_to_units_has_no_proof() {
    use crate::machine::test_isa::{BASE, TestIsa, call, program};
    let program = program(&[&call(93, [0; 3])]);
    assert_eq!(program.entry(), BASE);
    let execution = execute(program, Linux::default(), Input::empty(), Options::default()).expect("it runs");
    let generator = StreamingWitnessGenerator::<TestIsa, _>::new(execution, Pool::serial());
    let oracle = WitnessOracle::new(generator).expect("there are rows");
    let refused = Prover::<Fr>::new(Budget::Unlimited).plan(&oracle).expect_err("nothing is determined");
    assert!(refused.to_string().contains("would not determine what `addi` computes"), "{refused}");
}

type Forge = fn(&mut Statement);

fn are_refused(oracle: &WitnessOracle<Rv32i, Linux>, cases: &[(Forge, &str)]) {
    assert_eq!(refusal(oracle, |_| {}), "accepted");
    for (forge, why) in cases {
        let refusal = refusal(oracle, forge);
        assert!(refusal.contains(why), "{:?}, {why}: {refusal}", oracle.cycles());
    }
}

const OF_ANOTHER: [(Forge, &str); 5] = [
    (|s| s.input[0] ^= 1, "another input"),
    (|s| s.input_length += 1, "another input"),
    (|s| s.program[0] ^= 1, "another program"),
    (|s| s.fingerprint.0[0] ^= 1, "a spec with fingerprint"),
    (|s| s.field.0[0] ^= 1, "another field"),
];

const OF_ANOTHER_EXIT: [(Forge, &str); 3] = [
    (|s| s.exit.output.hash[0] ^= 1, "the proof's output is not what the program does"),
    (|s| s.exit.output.length += 1, "the proof's output length is not what the program does"),
    (|s| s.exit.state[0] ^= 1, "the proof's exit state is not what the program does"),
];

#[test]
fn a_forged_statement_is_refused_with_the_reason() {
    are_refused(&oracle(), &OF_ANOTHER);
    are_refused(&oracle(), &OF_ANOTHER_EXIT);
    are_refused(
        &oracle(),
        &[
            (|s| s.exit_code = Some(1), "the proof's exit code is not what the program does"),
            (|s| s.entry.state[0] ^= 1, "another entry state"),
            (|s| s.entry.pc += 4, "another entry point"),
            (|s| s.entry.output.length += 1, "another output before the first cycle"),
            (|s| s.exit_code = None, "of cycles 0..53 of a run, which goes on, and not of a whole run"),
            (|s| s.entry.cycle += 1, "of cycles 1..53 of a run, and not of a whole run"),
            (
                |s| s.exit.pc += 4,
                "the proof states that the run ends, and that its next instruction is at 0x4",
            ),
        ],
    );
}

/// Segments with and without padding: a state in the middle is only found by the replay, but for pc, which links tie.
#[test]
fn a_forged_statement_of_a_segment_is_refused_with_the_reason() {
    for cycles in [0..32, 21..53, 20..40, 7..39, 52..53] {
        let oracle = segment(cycles.clone());
        are_refused(&oracle, &OF_ANOTHER);
        are_refused(&oracle, &OF_ANOTHER_EXIT);
        let later: [(Forge, &str); 4] = [
            (|s| s.entry.pc += 4, "the sum-check is refused"),
            (|s| s.entry.state[0] ^= 1, "the proof's entry state is not what the program does"),
            (|s| s.entry.output.hash[0] ^= 1, "the proof's output before its first cycle is not"),
            (
                |s| s.entry.output.length += 1,
                "the proof's length of the output before its first cycle is not",
            ),
        ];
        if cycles.start > 0 {
            are_refused(&oracle, &later);
        }
        are_refused(
            &oracle,
            &[
                (
                    |s| s.exit.pc += 4,
                    if cycles.end == 53 { "states that the run ends" } else { "the sum-check is refused" },
                ),
                // A run that goes on does not end, and one that ends does not go on.
                (
                    |s| s.exit_code = if s.exit_code.is_some() { None } else { Some(0) },
                    if cycles.end == 53 {
                        "the proof's exit code is not what"
                    } else {
                        "states that the run ends"
                    },
                ),
                (
                    |s| {
                        (s.exit_code, s.exit.pc) =
                            if s.exit_code.is_some() { (None, 4) } else { (Some(0), 0) }
                    },
                    "the sum-check is refused",
                ),
            ],
        );
    }
}

/// With other cycles, however many, before as after those that were proven.
#[test]
fn a_statement_of_other_cycles_is_refused() {
    let (proof, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&segment(7..39)).expect("it can be proven");
    let refusal = |(start, end): (u64, u64)| {
        let mut statement = proof.statement.clone();
        (statement.entry.cycle, statement.exit.cycle) = (start, end);
        let verifier = Verifier::new(program(), Input::empty());
        let verifier = Verifier { segments: true, max_cycles: 1000, ..verifier };
        let proof = Proof { statement, transcript: proof.transcript.clone() };
        verifier.verify::<Fr>(&proof).expect_err("it is of cycles 7..39").to_string()
    };
    for cycles in [(7, 38), (8, 39), (6, 38), (8, 40), (7, 24)] {
        assert!(refusal(cycles).contains("the sum-check is refused"), "{cycles:?}");
    }
    for cycles in [(7, 7), (39, 7), (u64::MAX, 39)] {
        assert!(refusal(cycles).contains("it states no cycles"), "{cycles:?}");
    }
    for cycles in [(7, 1001), (7, u64::MAX), (0, u64::MAX)] {
        assert!(refusal(cycles).contains("more than the 1000"), "{cycles:?}");
    }
    for cycles in [(7, 40), (6, 39), (7, 72), (7, 8)] {
        assert!(refusal(cycles).contains("the proof's messages have"), "{cycles:?}");
    }
}

/// With another T the public columns are others: the sum-check itself does not hold.
#[test]
fn another_number_of_cycles_is_refused() {
    for forge in [|s: &mut Statement| s.exit.cycle += 1, |s: &mut Statement| s.exit.cycle -= 1] {
        assert!(refusal(&oracle(), forge).contains("the sum-check is refused"));
    }
}

fn statement(cycles: Range<u64>) -> Statement {
    Statement::new(FieldId::of::<Fr>(), oracle().generator(), cycles).expect("it is in memory")
}

#[test]
fn a_statement_survives_its_bytes() {
    for cycles in [0..53, 3..53, 3..4, 0..52] {
        let statement = statement(cycles.clone());
        assert_eq!(Statement::from_bytes(&statement.to_bytes()), Ok(statement.clone()));
        assert_eq!((statement.cycles(), statement.rows()), (cycles.clone(), cycles.end - cycles.start));
        assert_eq!(statement.is_whole(), cycles == (0..53));
        assert!(statement.to_bytes().windows(8).any(|window| window == cycles.end.to_le_bytes()));
    }
    let mut bytes = statement(0..52).to_bytes();
    for (ended, code) in [(0, 1), (2, 0), (1 << 31, 0)] {
        bytes[Statement::BYTES - 8..]
            .copy_from_slice(&[u32::to_le_bytes(ended), u32::to_le_bytes(code)].concat());
        assert_eq!(Statement::from_bytes(&bytes), Err(FormatError::ExitCode { ended, code }));
    }
}

/// However a run is cut, the statements of its pieces join to that of the run.
#[test]
fn segments_of_a_run_join_to_the_run() {
    let whole = statement(0..53);
    for cuts in [vec![0, 53], vec![0, 1, 53], vec![0, 17, 32, 52, 53]] {
        let pieces: Vec<Statement> = cuts.windows(2).map(|pair| statement(pair[0]..pair[1])).collect();
        let joined = pieces.iter().skip(1).try_fold(pieces[0].clone(), |before, next| before.join(next));
        assert_eq!(joined, Ok(whole.clone()));
    }
}

#[test]
fn what_does_not_adjoin_is_not_joined() {
    let (first, second) = (statement(0..20), statement(20..53));
    assert_eq!(first.join(&statement(21..53)), Err(JoinError::Apart { stops: 20, begins: 21 }));
    assert_eq!(second.join(&first), Err(JoinError::Ended { cycle: 53 }));
    let refused: [(Forge, JoinError); 9] = [
        (|s| s.fingerprint.0[0] ^= 1, JoinError::Other { what: "spec" }),
        (|s| s.program[0] ^= 1, JoinError::Other { what: "program" }),
        (|s| s.field.0[0] ^= 1, JoinError::Other { what: "field" }),
        (|s| s.input[0] ^= 1, JoinError::Other { what: "input" }),
        (|s| s.input_length += 1, JoinError::Other { what: "input" }),
        (|s| s.entry.pc += 4, JoinError::Differs { cycle: 20, what: "next instruction" }),
        (|s| s.entry.state[0] ^= 1, JoinError::Differs { cycle: 20, what: "state" }),
        (|s| s.entry.output.hash[0] ^= 1, JoinError::Differs { cycle: 20, what: "output" }),
        (|s| s.entry.output.length += 1, JoinError::Differs { cycle: 20, what: "output" }),
    ];
    for (forge, why) in refused {
        let mut other = second.clone();
        forge(&mut other);
        assert_eq!(first.join(&other), Err(why));
    }
}

#[test]
fn a_segment_is_no_whole_run() {
    let (proof, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&segment(0..52)).expect("it can be proven");
    let refused = Verifier::new(program(), Input::empty()).verify::<Fr>(&proof);
    assert!(matches!(refused, Err(VerifyError::Segment { ends: false, .. })));
    // All of a run is the same, however it is asked for.
    let (as_segment, _) =
        Prover::<Fr>::new(Budget::Unlimited).prove(&segment(0..53)).expect("it can be proven");
    let (as_run, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle()).expect("it can be proven");
    assert_eq!(as_segment, as_run);
}

#[test]
fn a_longer_run_than_allowed_is_not_replayed() {
    let oracle = oracle();
    let (proof, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle).expect("it can be made");
    let verifier = Verifier { max_cycles: 52, ..Verifier::new(program(), Input::empty()) };
    let refused = verifier.verify::<Fr>(&proof);
    assert!(matches!(refused, Err(VerifyError::TooLong { stated: 53, limit: 52 })));
}

#[test]
fn a_cancelled_verification_is_no_refusal() {
    let (proof, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle()).expect("it can be made");
    let verifier = Verifier::new(program(), Input::empty());
    verifier.cancel.cancel();
    let cancelled = verifier.verify::<Fr>(&proof);
    assert!(matches!(cancelled, Err(VerifyError::Oracle(OracleError::Cancelled))));
}

/// BabyBear's prime is smaller than the constraints' integers; Goldilocks alone is too small for challenges.
#[test]
fn fields_that_are_too_small_are_refused() {
    use crate::field::tests::{BabyBear, Goldilocks, Goldilocks2};
    let small = Prover::<BabyBear>::new(Budget::Unlimited).prove(&oracle()).expect_err("31 bits");
    assert!(small.to_string().contains("31 bits"), "{small}");
    let guessable = Prover::<Goldilocks>::new(Budget::Unlimited).prove(&oracle()).expect_err("64 bits");
    assert!(guessable.to_string().contains("2^64"), "{guessable}");
    let (proof, _) =
        Prover::<Goldilocks2>::new(Budget::Unlimited).prove(&oracle()).expect("2^128 elements are enough");
    let verifier = Verifier::new(program(), Input::empty());
    verifier.verify::<Goldilocks2>(&proof).expect("it is honest");
}

/// Where the run begins or ends elsewhere, a public column is not bound, and passes and arrays follow: of each segment,
/// the plan is what is then done, and what the verifier finds bound.
#[test]
fn a_plan_is_what_is_then_proven() {
    let mut bound = Vec::new();
    for cycles in [0..53, 0..52, 1..53, 1..52, 7..39] {
        let oracle = segment(cycles.clone());
        for budget in [Budget::Unlimited, Budget::Bytes(1), Budget::Bytes((40 * 32) << 4)] {
            let plan = Prover::<Fr>::new(budget).plan(&oracle).expect("it can be planned");
            let (statement, planned) = (plan.statement().clone(), plan.schedule().clone());
            assert_eq!(statement, self::statement(cycles.clone()));
            let (proof, report) = plan.prove().expect("it can be proven");
            assert_eq!(proof.statement(), &statement);
            assert_eq!(
                (planned.columns, planned.rounds, planned.passes(), planned.storing_round()),
                (
                    report.sumcheck.columns,
                    report.sumcheck.rounds,
                    report.sumcheck.passes,
                    report.sumcheck.storing_round
                ),
                "{cycles:?}"
            );
            let verifier = Verifier::new(program(), Input::empty());
            let verifier = Verifier { segments: true, ..verifier };
            verifier.verify::<Fr>(&proof).expect("it is honest");
            bound.push(planned.columns);
        }
    }
    // RV32I's constraints read `last`, and none reads `first`.
    let whole = bound[0];
    assert_eq!(bound, [whole, whole - 1, whole, whole - 1, whole - 1].map(|columns| [columns; 3]).concat());
}

/// What a plan has cost is in the report: the runs to the segment's ends as well.
#[test]
fn the_seconds_of_a_plan_are_in_the_report() {
    let oracle = segment(7..39);
    let plan = Prover::<Fr>::new(Budget::Unlimited).plan(&oracle).expect("it can be planned");
    let (stated, planned) = (plan.statement_seconds, plan.seconds);
    let (_, report) = plan.prove().expect("it can be proven");
    assert!(0.0 < stated && stated <= planned, "{stated} of {planned}");
    assert_eq!(report.statement_seconds, stated);
    assert!(report.seconds >= planned + report.sumcheck.seconds, "{report:?}");
}
