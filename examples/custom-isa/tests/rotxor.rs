//! The instruction that only the TOML file knows: decoded, run, witnessed, proven, disassembled, explained.

use std::process::Command;
use std::sync::Arc;

use ark_bn254::Fr;
use custom_isa::Rotxor;
use vm::asm::{Layout, assemble, disassemble};
use vm::checkpoint::{Execution, Options, execute};
use vm::guest::{Input, Linux};
use vm::isa::{Isa, Rv32i};
use vm::oracle::WitnessOracle;
use vm::parallel::Pool;
use vm::program::Program;
use vm::proof::{Prover, Verifier};
use vm::replay::StreamingWitnessGenerator;
use vm::sumcheck::Budget;

/// rotxor a0, a1, a2: funct7 0, rs2 12, rs1 11, funct3 0, rd 10, custom-0.
const ROTXOR: u32 = 12 << 20 | 11 << 15 | 10 << 7 | 0b0001011;

/// The assembler knows the instruction too.
fn program() -> Arc<Program<Rotxor>> {
    let source = "lui a1, 0x80000; li a2, 5; rotxor a0, a1, a2; li a7, 93; ecall";
    let assembly = assemble::<Rotxor>(source, Layout::default());
    let assembly = assembly.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(assembly.code.words()[2], ROTXOR);
    Arc::new(assembly.program().expect("the code is where code may be"))
}

fn run() -> Execution<Rotxor, Linux> {
    execute(program(), Linux::default(), Input::empty(), Options::default()).expect("it runs")
}

#[test]
fn it_decodes_here_and_nowhere_else() {
    let op = Rotxor::decode(ROTXOR, 0);
    assert_eq!(disassemble::<Rotxor>(&op), "rotxor a0, a1, a2");
    assert_eq!(Rv32i::decode(ROTXOR, 0).kind, vm::isa::Op::UNDECODABLE);
    assert_eq!(Rotxor::SPEC.instructions.len(), Rv32i::SPEC.instructions.len() + 1);
    assert_ne!(Rotxor::SPEC.fingerprint, Rv32i::SPEC.fingerprint);
}

#[test]
fn it_runs_and_is_witnessed() {
    let execution = run();
    let expected = (0x8000_0000u32 ^ 5).rotate_left(7);
    assert_eq!(execution.exit_code(), Some(expected));
    let generator = StreamingWitnessGenerator::new(execution, Pool::serial());
    let row = generator.witness_slice(2).expect("there are five rows");
    assert_eq!(row.get("word"), Some(ROTXOR.into()));
    assert_eq!(row.get("rs1_value"), Some(0x8000_0000));
    assert_eq!(row.get("rs2_value"), Some(5));
    assert_eq!(row.get("rd"), Some(10));
    assert_eq!(row.get("rd_after"), Some(expected.into()));
    // (0x80000000 ^ 5) rotated left by 7 is 0x2c0: its low byte is 0xc0, which is -64.
    assert_eq!(expected, 0x2c0);
    assert_eq!(row.get("low_byte"), Some(-64));
}

#[test]
fn it_is_proven_and_verified() {
    let generator = StreamingWitnessGenerator::new(run(), Pool::serial());
    let oracle = WitnessOracle::new(generator).expect("there are rows");
    let (proof, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle).expect("it can be proven");
    let verifier = Verifier::new(program(), Input::empty());
    verifier.verify::<Fr>(&proof).expect("the proof is honest");
}

#[test]
fn it_is_explained() {
    let explained = Command::new(env!("CARGO_BIN_EXE_custom-isa"))
        .args(["isa", "explain", "rotxor"])
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(explained.stdout).expect("it is text");
    assert!(explained.status.success());
    assert!(text.contains("rotxor: Exclusive or, rotated left by seven."), "{text}");
    assert!(text.contains("isa/rotxor.toml:"), "{text}");
}

#[test]
fn it_is_documented() {
    let doc = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_custom-isa"))
            .args(["isa", "doc"])
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("the binary runs");
        let texts = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("it is text"));
        (output.status.code(), texts)
    };
    let (code, [page, _]) = doc(&["isa/rotxor.toml"]);
    assert_eq!(code, Some(0));
    assert!(
        page.contains("<a id=\"instruction-rotxor\">") && page.contains("`isa/rotxor.toml:10`"),
        "{page}"
    );
    // The spec's text is not in the binary, and no other spec is taken for it.
    let (code, [page, message]) = doc(&[]);
    assert_eq!((code, page.as_str()), (Some(125), ""));
    assert!(message.contains("give the file that isa! names"), "{message}");
}
