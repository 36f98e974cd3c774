//! What integration tests share: guests, programs in assembly, and random programs that end.

#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::sync::Arc;

use ark_bn254::Fr;
use proptest::prelude::*;
use retrace::asm::{Layout, assemble, encode};
use retrace::checkpoint::{Execution, Executor, Options, Policy, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{AsmPiece, Happens, Instruction, Isa, OperandKind, Rv32i, Word};
use retrace::machine::FastPass;
use retrace::oracle::WitnessOracle;
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::proof::{Prover, Verifier};
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;

/// The path of a prebuilt guest.
pub fn guest_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/guests/{name}.elf"))
}

/// The path of a guest's input.
pub fn input_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/guests/inputs").join(name)
}

/// A prebuilt guest.
pub fn guest(name: &str) -> Arc<Program<Rv32i>> {
    let elf = std::fs::read(guest_path(name)).expect("the guest is in the repository");
    Arc::new(Program::from_elf(&elf).expect("the guest can be loaded"))
}

/// A run with arguments and input, and checkpoints every `interval` cycles.
pub fn run<I: Isa>(
    program: &Arc<Program<I>>,
    arguments: &[&str],
    input: &[u8],
    interval: u64,
) -> Execution<I, Linux> {
    let names = std::iter::once("guest").chain(arguments.iter().copied());
    let options = Options {
        arguments: names.map(|name| name.as_bytes().to_vec()).collect(),
        policy: Policy::new(16, interval),
        ..Options::default()
    };
    execute(Arc::clone(program), Linux::default(), Input::from(input.to_vec()), options).expect("it runs")
}

/// Proves a run in one pass, and verifies the proof by another.
pub fn prove_and_verify<I: Isa>(program: Arc<Program<I>>, execution: Execution<I, Linux>) {
    let generator = StreamingWitnessGenerator::new(execution, Pool::serial());
    let oracle = WitnessOracle::new(generator).expect("there are rows");
    let (proof, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle).expect("it can be proven");
    let verifier = Verifier::new(program, Input::empty());
    verifier.verify::<Fr>(&proof).expect("the proof is honest");
}

/// The executors that there are on this machine.
pub fn executors() -> impl Iterator<Item = Executor> {
    let program = Program::from_code(CODE, &[0x13], &[]).expect("it can be loaded");
    let native = FastPass::<Rv32i>::new(Executor::Native, &Arc::new(program)).is_ok();
    [Executor::Interpreter, Executor::Native].into_iter().filter(move |it| native || *it != Executor::Native)
}

/// Every executor ends the program with this code.
pub fn ends_with<I: Isa>(program: &Arc<Program<I>>, expected: u32) {
    for executor in executors() {
        let options = Options { executor, ..Options::default() };
        let execution = execute(Arc::clone(program), Linux::default(), Input::empty(), options);
        assert_eq!(execution.expect("it runs").exit_code(), Some(expected), "{executor:?}");
    }
}

/// Where the code of programs made here begins, and their data.
pub const CODE: u32 = 0x1_0000;
pub const DATA: u32 = 0x2_0000;

/// The words of assembly text at [`CODE`], its data at [`DATA`].
pub fn words<I: Isa>(source: &str) -> Vec<u32> {
    let assembly = assemble::<I>(source, Layout { code: CODE, data: DATA });
    assembly.unwrap_or_else(|errors| panic!("{errors}")).code.words()
}

/// What exits with the code in a0.
pub const EXIT: &str = "li a7, 93; ecall";

/// A register that random instructions may write: all but the data pointer t0 and the loop counter t6.
fn written(register: Word) -> Word {
    if matches!(register, 5 | 31) { 0 } else { register }
}

/// A random word of an instruction that neither traps nor jumps anywhere but over the next one.
fn word(instruction: &'static Instruction) -> impl Strategy<Value = u32> {
    let values =
        instruction.in_word().map(|operand| match (operand.kind, instruction.effects.memory.bits()) {
            (OperandKind::Register { written: true, field }, _) => {
                (0..=field.max()).prop_map(written).boxed()
            }
            // Memory is accessed around the data pointer, at multiples of the access's size.
            (OperandKind::Register { .. }, Some(_)) if operand.name == "rs1" => Just(5).boxed(),
            (OperandKind::Immediate(imm), Some(bits)) => {
                let (min, max) = imm.bounds();
                (min..=max).prop_map(move |value| (value & -i64::from(bits / 8)) as Word).boxed()
            }
            (OperandKind::Immediate(_), _) if instruction.effects.jump != Happens::Never => Just(8).boxed(),
            (OperandKind::Immediate(imm), _) => {
                let (min, max) = imm.bounds();
                (min..=max).prop_map(move |value| (value & -i64::from(imm.alignment())) as Word).boxed()
            }
            (OperandKind::Register { field, .. } | OperandKind::Letters { field, .. }, _) => {
                (0..=field.max()).boxed()
            }
            (OperandKind::FixedRegister { .. }, _) => Just(0).boxed(),
        });
    values.collect::<Vec<_>>().prop_map(|values| encode(instruction, &values).expect("the operands fit"))
}

/// One instruction of the spec, whichever it has, or a few that belong together, which neither trap nor leave the program.
fn step<I: Isa>() -> impl Strategy<Value = Vec<u32>> {
    let effects = |instruction: &&'static Instruction| instruction.effects;
    let plain = I::SPEC.instructions.iter().filter(move |i| {
        let effects = effects(i);
        effects.trap == Happens::Never && effects.jump == Happens::Never && !effects.call
    });
    // Branches and jumps to pc + imm: over an instruction.
    let jumps = I::SPEC.instructions.iter().filter(move |i| {
        effects(i).trap == Happens::Never
            && effects(i).jump != Happens::Never
            && i.asm.contains(&AsmPiece::Target)
    });
    let plain =
        prop::sample::select(plain.collect::<Vec<_>>()).prop_flat_map(word).prop_map(|word| vec![word]);
    let jump = (prop::sample::select(jumps.collect::<Vec<_>>()), 0..32u32, -2048i32..2048).prop_flat_map(
        |(instruction, register, imm)| {
            let skipped = words::<I>(&format!("addi x{0}, x{0}, {imm}", written(register)));
            word(instruction).prop_map(move |word| [&[word], &skipped[..]].concat())
        },
    );
    // The low bit of the target is cleared, and one instruction skipped.
    let register_jump = (0..32u32).prop_map(|rd| {
        let rd = written(rd);
        words::<I>(&format!("auipc t1, 0; jalr x{rd}, 13(t1); addi t2, t2, 1"))
    });
    // write(1, t0, 0..8), read(0, t0 + ..., ...), or a call that is refused with an error.
    let call = (prop::sample::select(vec![63, 64, 214, 80, 29]), 0i32..3, -2048i32..2048, 0i32..9).prop_map(
        |(number, descriptor, offset, count)| {
            let arguments = format!("li a0, {descriptor}; addi a1, t0, {offset}; li a2, {count}");
            words::<I>(&format!("li a7, {number}; {arguments}; ecall"))
        },
    );
    prop_oneof![26 => plain, 4 => jump, 1 => register_jump, 1 => call]
}

/// A random program of any instruction set that has RV32I: it runs its body `turns` times and exits, after a few
/// thousand cycles at most.
pub fn program_of<I: Isa>() -> impl Strategy<Value = Vec<u32>> {
    (prop::collection::vec(step::<I>(), 1..40), 1i32..40, any::<u8>()).prop_map(|(steps, turns, code)| {
        let body: Vec<u32> = steps.into_iter().flatten().collect();
        let back = -4 * (body.len() as i32 + 1);
        let start = words::<I>(&format!("li t0, {DATA}; li t6, {turns}"));
        let end = words::<I>(&format!("addi t6, t6, -1; bnez t6, . + {back}; li a0, {code}; {EXIT}"));
        [start, body, end].concat()
    })
}

/// A random program of RV32I.
pub fn program() -> impl Strategy<Value = Vec<u32>> {
    program_of::<Rv32i>()
}

/// A random program of RV32I that, at a random place, may fault in one of the ways that the policy refuses.
pub fn program_that_may_fault() -> impl Strategy<Value = Vec<u32>> {
    let faults =
        ["ebreak", "lw t1, 1(t0)", "sh t1, 3(t0)", "lw t1, 0(zero)", "sb t1, 4(zero)", ".word 0", "jr zero"];
    let store_to_code = "auipc t1, 0; sw t1, 0(t1)";
    let fault = prop::sample::select([&faults[..], &[store_to_code]].concat());
    (program(), prop::option::of((fault, any::<prop::sample::Index>()))).prop_map(|(mut words, fault)| {
        if let Some((fault, place)) = fault {
            let fault = self::words::<Rv32i>(fault);
            let start = place.index(words.len() + 1 - fault.len());
            words[start..start + fault.len()].copy_from_slice(&fault);
        }
        words
    })
}

/// A program of these words, with a page of data around [`DATA`].
pub fn load<I: Isa>(words: &[u32]) -> Arc<Program<I>> {
    let data: Vec<u8> = (0..4096u32).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    Arc::new(Program::from_code(CODE, words, &[(DATA - 2048, &data)]).expect("it can be loaded"))
}
