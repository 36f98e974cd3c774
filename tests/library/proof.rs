//! Proofs of whole executions: accepted when honest, refused when anything about them is changed.

use std::sync::Arc;

use ark_bn254::Fr;
use proptest::prelude::*;
use retrace::checkpoint::{Execution, Options, Stopped, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{Isa, Rv32i};
use retrace::oracle::{PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::proof::{Proof, Prover, Statement, Verifier};
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::{Budget, SumCheckVerifierError};

use crate::common::{self, guest, load, program, run};
use crate::forged::{dense, sumcheck};

fn oracle(execution: Execution<Rv32i, Linux>, threads: usize) -> WitnessOracle<Rv32i, Linux> {
    let pool = Pool::new(threads).expect("threads can be started");
    WitnessOracle::new(StreamingWitnessGenerator::new(execution, pool)).expect("there are rows")
}

/// The same rows as a segment.
fn segment(oracle: &WitnessOracle<Rv32i, Linux>) -> WitnessOracle<Rv32i, Linux> {
    let execution = Arc::clone(oracle.generator().execution());
    let generator = StreamingWitnessGenerator::new(execution, Pool::serial());
    WitnessOracle::segment(generator, oracle.cycles()).expect("there are such cycles")
}

fn verifier(program: &Arc<Program<Rv32i>>, arguments: &[&str], input: &[u8]) -> Verifier<Rv32i, Linux> {
    let names = std::iter::once("guest").chain(arguments.iter().copied());
    let arguments = names.map(|name| name.as_bytes().to_vec()).collect();
    Verifier { arguments, ..Verifier::new(Arc::clone(program), Input::from(input.to_vec())) }
}

fn proof_of(execution: Execution<Rv32i, Linux>) -> Proof {
    Prover::<Fr>::new(Budget::Unlimited).prove(&oracle(execution, 1)).expect("it can be proven").0
}

fn check(bytes: &[u8], verifier: Verifier<Rv32i, Linux>) -> Result<(), String> {
    let proof = Proof::from_bytes(bytes).map_err(|error| error.to_string())?;
    verifier.verify::<Fr>(&proof).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn an_honest_proof_is_accepted() {
    let text = std::fs::read(common::input_path("two-blocks.txt")).expect("it is in the repository");
    let program = guest("sha256");
    let execution = run(&program, &[], &text, 1000);
    let cycles = execution.cycles();
    let proof = proof_of(execution);
    assert_eq!(proof.statement().cycles(), 0..cycles);
    check(&proof.to_bytes(), verifier(&program, &[], &text)).expect("it is honest");
}

#[test]
fn every_flipped_byte_is_refused() {
    let program = guest("tiny");
    let bytes = proof_of(run(&program, &[], b"", 16)).to_bytes();
    check(&bytes, verifier(&program, &[], b"")).expect("it is honest");
    for at in 0..bytes.len() {
        for bit in [0x01, 0x80] {
            let mut flipped = bytes.clone();
            flipped[at] ^= bit;
            assert!(check(&flipped, verifier(&program, &[], b"")).is_err(), "byte {at} ^ {bit:#x}");
        }
    }
    for length in 0..bytes.len() {
        assert!(check(&bytes[..length], verifier(&program, &[], b"")).is_err(), "{length} bytes");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(check(&longer, verifier(&program, &[], b"")).is_err());
}

#[test]
fn a_proof_is_of_one_program_input_and_arguments() {
    let program = guest("sha256");
    let bytes = proof_of(run(&program, &["x"], b"abc", 1000)).to_bytes();
    let refused = |verifier, why: &str| {
        let error = check(&bytes, verifier).expect_err("it is of another execution");
        assert!(error.contains(why), "{error}");
    };
    check(&bytes, verifier(&program, &["x"], b"abc")).expect("it is honest");
    refused(verifier(&guest("tiny"), &["x"], b"abc"), "another program");
    refused(verifier(&program, &["x"], b"abd"), "another input");
    refused(verifier(&program, &["y"], b"abc"), "other arguments");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn proofs_depend_on_neither_budget_nor_chunks_nor_threads(
        words in program(),
        interval in 1u64..2000,
        threads in 1usize..5,
    ) {
        let program = load::<Rv32i>(&words);
        let reference = proof_of(run(&program, &[], b"input", u64::MAX));
        let oracle = oracle(run(&program, &[], b"input", interval), threads);
        let sqrt = Budget::sqrt::<Fr>(oracle.num_stored(), oracle.num_variables());
        for budget in [Budget::Unlimited, sqrt, Budget::Bytes(1)] {
            let (proof, report) = Prover::<Fr>::new(budget).prove(&oracle).expect("it can be proven");
            prop_assert!(proof == reference, "{budget:?}");
            prop_assert!(budget != Budget::Bytes(1) || report.sumcheck.storing_round == report.sumcheck.rounds);
        }
        prop_assert!(check(&reference.to_bytes(), verifier(&program, &[], b"input")).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However a run is cut, each piece verifies, and together they are the run.
    #[test]
    fn segments_of_any_run_verify_and_join(
        words in program(),
        interval in 1u64..2000,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        threads in 1usize..4,
    ) {
        let program = load::<Rv32i>(&words);
        let execution = Arc::new(run(&program, &[], b"input", interval));
        let cycles = execution.cycles();
        let mut cuts: Vec<u64> = cuts.iter().map(|cut| cut.index(cycles as usize + 1) as u64).collect();
        cuts.extend([0, cycles]);
        cuts.sort_unstable();
        cuts.dedup();
        let verifier = |segments| Verifier { segments, ..verifier(&program, &[], b"input") };
        let mut joined: Option<Statement> = None;
        for pair in cuts.windows(2) {
            let pool = Pool::new(threads).expect("threads can be started");
            let generator = StreamingWitnessGenerator::new(Arc::clone(&execution), pool);
            let oracle = WitnessOracle::segment(generator, pair[0]..pair[1]).expect("there are such cycles");
            let (proof, _) = Prover::<Fr>::new(Budget::Bytes(1)).prove(&oracle).expect("it can be proven");
            let (same, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle).expect("it can be proven");
            prop_assert!(proof == same, "{pair:?}");
            let checked = check(&proof.to_bytes(), verifier(true));
            prop_assert!(checked.is_ok(), "{pair:?}: {checked:?}");
            let whole = cuts.len() == 2;
            prop_assert_eq!(check(&proof.to_bytes(), verifier(false)).is_ok(), whole);
            let statement = proof.statement();
            joined = Some(match joined {
                Some(before) => before.join(statement).expect("they adjoin"),
                None => statement.clone(),
            });
        }
        let (proof, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle(Arc::into_inner(execution).expect("no one else has it"), 1)).expect("it can be proven");
        prop_assert_eq!(joined.as_ref(), Some(proof.statement()));
    }
}

/// The honest cells prove, with claims that are ark-poly's evaluations; each cell changed that a link or a boundary
/// ties makes the proof fail.
#[test]
fn forged_witnesses_are_refused() {
    let program = guest("tiny");
    let honest = dense(run(&program, &[], b"", 16));
    let entry = program.entry();
    let rows = honest.first().map_or(0, Vec::len);
    sumcheck(honest.clone(), entry).expect("it is honest");
    assert!(sumcheck(honest.clone(), entry + 4).is_err(), "another entry point");

    let column = |name: &str| Rv32i::SPEC.column(name).expect("it is in the spec").index();
    let forge = |name: &str, row: usize, value: u32| {
        let mut cells = honest.clone();
        assert_ne!(cells[column(name)][row], value);
        cells[column(name)][row] = value;
        sumcheck(cells, entry)
    };
    assert!(forge("pc", 0, entry + 8).is_err(), "the first pc");
    assert!(forge("next_pc", rows - 1, entry).is_err(), "the last next pc");
    for (name, flip) in [("pc", 4), ("next_pc", 4), ("add.s0", 1)] {
        for (row, value) in honest[column(name)].iter().enumerate() {
            assert!(forge(name, row, value ^ flip).is_err(), "{name} of row {row}");
        }
    }
    // What the verifier says: that the columns' values at the point do not make the last claim.
    let is_refused = |cells: Vec<Vec<u32>>, what: &str| {
        let error = sumcheck(cells, entry).expect_err(what);
        assert!(matches!(error, SumCheckVerifierError::Identity), "{what}: {error}");
    };
    is_refused(honest.iter().map(|cells| cells[..rows - 1].to_vec()).collect(), "the last row dropped");
    let swapped = honest.iter().map(|cells| {
        let mut cells = cells.clone();
        cells.swap(3, 4);
        cells
    });
    is_refused(swapped.collect(), "two rows swapped");
}

/// Every constraint reads some cell whose change makes the proof fail.
#[test]
fn a_changed_cell_of_every_constraint_is_refused() {
    let program = guest("tiny");
    let honest = dense(run(&program, &[], b"", 16));
    let stored = |id: &retrace::isa::ColumnId| Rv32i::SPEC.columns[id.index()].source.is_stored();
    for constraint in Rv32i::SPEC.constraints {
        let terms = constraint.products.iter().flat_map(|p| p.factors).flat_map(|f| f.terms);
        let columns: Vec<_> = terms.map(|(id, _)| *id).filter(stored).collect();
        let caught = columns.iter().any(|id| {
            (0..honest[0].len()).any(|row| {
                let mut cells = honest.clone();
                cells[id.index()][row] ^= 1;
                sumcheck(cells, program.entry()).is_err()
            })
        });
        assert!(caught || columns.is_empty(), "constraint `{}`", constraint.name);
    }
}

#[test]
fn only_a_run_that_ended_can_be_proven() {
    let program = guest("faults");
    let oracle = oracle(run(&program, &["illegal"], b"", 16), 1);
    let error = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle).expect_err("it faulted");
    assert!(error.to_string().contains("faulted"), "{error}");
    // The cycles before the fault are a segment like any other.
    let oracle = segment(&oracle);
    let (proof, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle).expect("they were executed");
    assert_eq!(proof.statement().exit_code, None);
    let verifier = |segments| Verifier { segments, ..verifier(&program, &["illegal"], b"") };
    check(&proof.to_bytes(), verifier(true)).expect("it is honest");
    let error = check(&proof.to_bytes(), verifier(false)).expect_err("the run does not end");
    assert!(error.contains("of a run, which goes on, and not of a whole run"), "{error}");
}

#[test]
fn a_run_stopped_at_a_store_is_replayed_and_not_proven() {
    let program = guest("signature");
    let address = |name| program.symbols().address(name).expect("the guest has it");
    let options = Options { until_stored: Some(address("tohost")), ..Options::default() };
    let execution =
        execute(Arc::clone(&program), Linux::default(), Input::empty(), options).expect("it runs");
    assert_eq!((execution.stopped(), execution.exit_code()), (&Stopped::Stored(1), None));
    let oracle = oracle(execution, 1);
    let last = oracle.generator().execution().cycles() - 1;
    let row = oracle.generator().witness_slice(last).expect("it can be replayed");
    // `sw x1, tohost, t5` is auipc and sw.
    assert_eq!(row.get("pc"), Some(i64::from(address("write_tohost") + 4)), "{row}");
    assert_eq!(row.get("mem_after"), Some(1), "{row}");
    let error = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle).expect_err("its last row is no exit");
    assert!(error.to_string().contains("stopped at a store"), "{error}");
}
