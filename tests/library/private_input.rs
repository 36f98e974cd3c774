//! The private input: descriptor 3, beside the input and apart from it, in no statement.

use std::sync::Arc;

use ark_bn254::Fr;
use proptest::prelude::*;
use retrace::check::check;
use retrace::checkpoint::{Executor, Options, execute};
use retrace::guest::{Input, Linux, Output};
use retrace::isa::Rv32i;
use retrace::oracle::WitnessOracle;
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::proof::{Proof, Prover, Verifier, VerifyError};
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;

use crate::common::{executors, guest};
use crate::sink::Shared;

fn input(public: &[u8], private: &[u8]) -> Input {
    Input::from(public).with_private(Input::from(private))
}

/// What `streams.c` prints: FNV-1a of seven bytes of the one and three of the other, in turn.
fn printed(public: &[u8], private: &[u8]) -> String {
    let turns = public.len().div_ceil(7).max(private.len().div_ceil(3));
    let piece = |bytes: &[u8], turn: usize, size: usize| {
        bytes.iter().skip(turn * size).take(size).copied().collect::<Vec<u8>>()
    };
    let bytes = (0..turns).flat_map(|turn| [piece(public, turn, 7), piece(private, turn, 3)].concat());
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
    format!("{:08x}\n", bytes.fold(2_166_136_261, step))
}

fn run(program: &Arc<Program<Rv32i>>, executor: Executor, input: Input) -> (WitnessGenerator, String) {
    let sink = Shared::default();
    let output = Output::new(Box::new(sink.clone()), Box::new(std::io::sink()));
    let options = Options { executor, output, ..Options::default() };
    let execution = execute(Arc::clone(program), Linux::default(), input, options).expect("it runs");
    assert_eq!(execution.exit_code(), Some(0));
    let output = sink.0.lock().expect("no writer panicked").clone();
    let output = String::from_utf8(output).expect("it is text");
    (StreamingWitnessGenerator::new(execution, Pool::serial()), output)
}

type WitnessGenerator = StreamingWitnessGenerator<Rv32i, Linux>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_stream_is_read_to_its_end(
        public in proptest::collection::vec(any::<u8>(), 0..60),
        private in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let program = guest("streams");
        for executor in executors() {
            let (generator, output) = run(&program, executor, input(&public, &private));
            prop_assert_eq!(output, printed(&public, &private));
            let checked = check(&generator, 0..generator.execution().cycles()).expect("it replays");
            prop_assert_eq!(checked.broken, []);
        }
    }
}

/// Neither the bytes, nor their hash, nor what is no more than their hash: two of one length have one entry state.
#[test]
fn no_statement_has_it() {
    let program = guest("streams");
    let (public, private) = (b"known to all", b"known to few");
    let proven = |input: &Input| {
        let (generator, _) = run(&program, Executor::Auto, input.clone());
        let oracle = WitnessOracle::new(generator).expect("there are rows");
        Prover::<Fr>::new(Budget::Unlimited).prove(&oracle).expect("it can be proven").0
    };
    let given = input(public, private);
    let proof = proven(&given);
    let bytes = proof.to_bytes();
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(holds(blake3::hash(public).as_bytes()) && !holds(blake3::hash(private).as_bytes()));
    assert!(!holds(private));
    let other = proven(&input(public, b"known to me "));
    assert_eq!(proof.statement().entry, other.statement().entry);
    assert_ne!(proof.statement().exit, other.statement().exit);

    let verify = |input: Input, proof: &Proof| Verifier::new(Arc::clone(&program), input).verify::<Fr>(proof);
    verify(given, &proof).expect("the proof is honest");
    let without = verify(Input::from(&public[..]), &proof).expect_err("there was a private input");
    assert!(matches!(without, VerifyError::Other { .. }), "{without}");
    assert!(without.to_string().contains("a private input of another length"), "{without}");
    let another = verify(input(public, b"known to me "), &proof).expect_err("there was another one");
    assert!(matches!(another, VerifyError::Execution { .. }), "{another}");
    let swapped = verify(input(private, public), &proof).expect_err("they are not the same");
    assert!(matches!(swapped, VerifyError::Other { what: "input" }), "{swapped}");
}
