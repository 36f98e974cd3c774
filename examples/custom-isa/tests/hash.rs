//! The guest, which hashes its input with the instruction: run, checked against the same hash in plain Rust, proven, verified.

use std::io::Write;
use std::sync::{Arc, Mutex};

use ark_bn254::Fr;
use custom_isa::Rotxor;
use vm::checkpoint::{Execution, Options, execute};
use vm::guest::{Input, Linux, Output};
use vm::isa::{Isa, Rv32i};
use vm::oracle::{PolynomialOracle, WitnessOracle};
use vm::parallel::Pool;
use vm::program::Program;
use vm::proof::{Prover, Verifier};
use vm::replay::StreamingWitnessGenerator;
use vm::sumcheck::Budget;

const ELF: &[u8] = include_bytes!("../guest/hash.elf");
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// ChaCha's quarter-round (RFC 8439, section 2.1).
fn quarter_round(s: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (x, y, z, n) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        s[x] = s[x].wrapping_add(s[y]);
        s[z] = (s[z] ^ s[x]).rotate_left(n);
    }
}

fn permute(s: &mut [u32; 16]) {
    for _ in 0..10 {
        for i in 0..4 {
            quarter_round(s, [i, i + 4, i + 8, i + 12]);
        }
        for i in 0..4 {
            quarter_round(s, [i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12]);
        }
    }
}

/// The hash that guest/hash.c describes.
fn hash(message: &[u8]) -> String {
    let mut s = [0; 16];
    s[..4].copy_from_slice(&CONSTANTS);
    let mut padded = [message, &[0x80]].concat();
    padded.resize(padded.len().next_multiple_of(32), 0);
    for block in padded.chunks(32) {
        for (at, bytes) in block.chunks(4).enumerate() {
            s[4 + at] ^= u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        permute(&mut s);
    }
    s[4..12].iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("{byte:02x}")).collect()
}

/// A sink that can still be read when the run is over.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn program() -> Arc<Program<Rotxor>> {
    Arc::new(Program::from_elf(ELF).expect("the guest can be loaded"))
}

/// A run on this input, and what it prints.
fn run(input: &[u8]) -> (Execution<Rotxor, Linux>, String) {
    let sink = Shared::default();
    let output = Output::new(Box::new(sink.clone()), Box::new(std::io::sink()));
    let options = Options { output, ..Options::default() };
    let execution =
        execute(program(), Linux::default(), Input::from(input.to_vec()), options).expect("it runs");
    let printed = sink.0.lock().expect("no writer panicked").clone();
    (execution, String::from_utf8(printed).expect("it is text"))
}

/// RFC 8439, section 2.3.2: the state after twenty rounds, added to the state before, has this first row.
#[test]
fn the_permutation_is_chachas() {
    let mut s: [u32; 16] = std::array::from_fn(|at| match at {
        0..4 => CONSTANTS[at],
        4..12 => u32::from_le_bytes([0, 1, 2, 3].map(|byte| byte + 4 * (at as u8 - 4))),
        _ => [1, 0x0900_0000, 0x4a00_0000, 0][at - 12],
    });
    let before = s;
    permute(&mut s);
    let row: Vec<u32> =
        s.iter().zip(before).map(|(after, before)| after.wrapping_add(before)).take(4).collect();
    assert_eq!(row, [0xe4e7_f110, 0x1559_3bd1, 0x1fdd_0f50, 0xc471_20a3]);
}

/// Lengths around the end of a block, where padding begins another.
#[test]
fn the_guest_computes_the_hash() {
    for length in [0, 1, 3, 4, 5, 30, 31, 32, 33, 63, 64, 65, 1000] {
        let message: Vec<u8> = (0..length).map(|at| (at * 7 + 1) as u8).collect();
        let (execution, printed) = run(&message);
        assert_eq!(execution.exit_code(), Some(0), "{length} bytes: {:?}", execution.stopped());
        assert_eq!(printed, hash(&message) + "\n", "{length} bytes");
    }
}

/// A permutation is ten times eight quarter-rounds, each with one rotxor.
#[test]
fn the_guest_uses_the_instruction() {
    let generator = StreamingWitnessGenerator::new(run(b"abc").0, Pool::serial());
    let kind = Rotxor::SPEC.column("kind").expect("RV32I has it");
    let rotxor = Rotxor::SPEC.instructions.iter().position(|instruction| instruction.name == "rotxor");
    let rotxor = rotxor.expect("the spec has it") as u32 + 1;
    let mut executed = 0;
    generator
        .for_each(0..generator.execution().cycles(), &[kind], 4096, |chunk| {
            executed += chunk.columns[0].iter().filter(|cell| **cell == rotxor).count();
            Ok::<(), ()>(())
        })
        .expect("the run can be replayed");
    assert_eq!(executed, 80);
    // RV32I alone ends at the first.
    let program = Arc::new(Program::<Rv32i>::from_elf(ELF).expect("the guest can be loaded"));
    let execution = execute(program, Linux::default(), Input::from(b"abc".to_vec()), Options::default());
    assert_eq!(execution.expect("it runs").exit_code(), None);
}

#[test]
fn the_hash_is_proven_and_verified() {
    let generator = StreamingWitnessGenerator::new(run(b"abc").0, Pool::serial());
    let oracle = WitnessOracle::new(generator).expect("there are rows");
    let budget = Budget::sqrt::<Fr>(oracle.num_stored(), oracle.num_variables());
    let (proof, _) = Prover::<Fr>::new(budget).prove(&oracle).expect("it can be proven");
    let verifier = |input: &[u8]| Verifier::new(program(), Input::from(input.to_vec()));
    verifier(b"abc").verify::<Fr>(&proof).expect("the proof is honest");
    verifier(b"abd").verify::<Fr>(&proof).expect_err("it is a proof for another input");
}
