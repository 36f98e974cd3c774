//! What integration tests share: guests, programs made of words, and random programs that end.

#![allow(dead_code, unreachable_pub)]

use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use retrace::checkpoint::{Execution, Options, Policy, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::Rv32i;
use retrace::program::Program;

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
pub fn run(
    program: &Arc<Program<Rv32i>>,
    arguments: &[&str],
    input: &[u8],
    interval: u64,
) -> Execution<Rv32i, Linux> {
    let names = std::iter::once("guest").chain(arguments.iter().copied());
    let options = Options {
        arguments: names.map(|name| name.as_bytes().to_vec()).collect(),
        policy: Policy::new(16, interval),
        ..Options::default()
    };
    execute(Arc::clone(program), Linux::default(), Input::from(input.to_vec()), options).expect("it runs")
}

/// Where the code of programs made here begins, and their data.
pub const CODE: u32 = 0x1_0000;
pub const DATA: u32 = 0x2_0000;

/// Encodings as the manual's figure "RISC-V base instruction formats" has them.
pub mod encode {
    pub fn r(funct7: u32, rs2: u32, rs1: u32, funct3: u32, rd: u32, opcode: u32) -> u32 {
        funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
    }

    pub fn i(imm: i32, rs1: u32, funct3: u32, rd: u32, opcode: u32) -> u32 {
        (imm as u32) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
    }

    pub fn s(imm: i32, rs2: u32, rs1: u32, funct3: u32) -> u32 {
        let imm = imm as u32;
        (imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 0x1f) << 7 | 0x23
    }

    pub fn b(imm: i32, rs2: u32, rs1: u32, funct3: u32) -> u32 {
        let imm = imm as u32;
        (imm >> 12 & 1) << 31
            | (imm >> 5 & 0x3f) << 25
            | rs2 << 20
            | rs1 << 15
            | funct3 << 12
            | (imm >> 1 & 0xf) << 8
            | (imm >> 11 & 1) << 7
            | 0x63
    }

    pub fn u(imm: u32, rd: u32, opcode: u32) -> u32 {
        imm & 0xffff_f000 | rd << 7 | opcode
    }

    pub fn j(imm: i32, rd: u32) -> u32 {
        let imm = imm as u32;
        (imm >> 20 & 1) << 31
            | (imm >> 1 & 0x3ff) << 21
            | (imm >> 11 & 1) << 20
            | (imm >> 12 & 0xff) << 12
            | rd << 7
            | 0x6f
    }

    pub fn addi(rd: u32, rs1: u32, imm: i32) -> u32 {
        i(imm, rs1, 0, rd, 0x13)
    }
}

/// The registers that random instructions may write: all but the data pointer x5 and the loop counter x31.
fn destination() -> impl Strategy<Value = u32> {
    (0u32..31).prop_map(|register| if register == 5 { 0 } else { register })
}

fn source() -> impl Strategy<Value = u32> {
    0u32..32
}

/// One instruction, or a few that belong together, which neither traps nor leaves the program.
fn step() -> impl Strategy<Value = Vec<u32>> {
    let registers = (destination(), source(), source());
    let operation = (registers, 0u32..8, any::<bool>()).prop_map(|((rd, rs1, rs2), funct3, alternative)| {
        let funct7 = if alternative && (funct3 == 0 || funct3 == 5) { 0x20 } else { 0 };
        vec![encode::r(funct7, rs2, rs1, funct3, rd, 0x33)]
    });
    let immediate = (destination(), source(), 0u32..8, -2048i32..2048, any::<bool>()).prop_map(
        |(rd, rs1, funct3, imm, alternative)| {
            let imm = match funct3 {
                1 => imm & 0x1f,
                5 => imm & 0x1f | if alternative { 0x400 } else { 0 },
                _ => imm,
            };
            vec![encode::i(imm, rs1, funct3, rd, 0x13)]
        },
    );
    let upper = (destination(), any::<u32>(), any::<bool>())
        .prop_map(|(rd, imm, lui)| vec![encode::u(imm, rd, if lui { 0x37 } else { 0x17 })]);
    let load =
        (destination(), prop::sample::select(vec![(0, 1), (1, 2), (2, 4), (4, 1), (5, 2)]), -2048i32..2048)
            .prop_map(|(rd, (funct3, size), imm)| vec![encode::i(imm & -size, 5, funct3, rd, 0x03)]);
    let store = (source(), prop::sample::select(vec![(0, 1), (1, 2), (2, 4)]), -2048i32..2048)
        .prop_map(|(rs2, (funct3, size), imm)| vec![encode::s(imm & -size, rs2, 5, funct3)]);
    let branch =
        (source(), source(), prop::sample::select(vec![0u32, 1, 4, 5, 6, 7]), destination(), -2048i32..2048)
            .prop_map(|(rs1, rs2, funct3, rd, imm)| {
                vec![encode::b(8, rs2, rs1, funct3), encode::addi(rd, rd, imm)]
            });
    let jump = (destination(), destination())
        .prop_map(|(rd, other)| vec![encode::j(8, rd), encode::addi(other, 0, 1)]);
    // auipc x6, 0; jalr rd, 13(x6): the low bit of the target is cleared, and one instruction skipped.
    let register_jump = destination()
        .prop_map(|rd| vec![encode::u(0, 6, 0x17), encode::i(13, 6, 0, rd, 0x67), encode::addi(7, 7, 1)]);
    // write(1, x5, 0..8), read(0, x5 + …, …), or a call that does not exist; a7 and a0..a2 are set for it.
    let call = (prop::sample::select(vec![63, 64, 214, 80, 1234]), 0i32..3, -2048i32..2048, 0i32..9)
        .prop_map(|(number, descriptor, offset, count)| {
            vec![
                encode::addi(17, 0, number),
                encode::addi(10, 0, descriptor),
                encode::addi(11, 5, offset),
                encode::addi(12, 0, count),
                0x0000_0073,
            ]
        });
    let fence = Just(vec![0x0ff0_000f]);
    prop_oneof![
        8 => operation, 8 => immediate, 2 => upper, 4 => load, 4 => store,
        3 => branch, 1 => jump, 1 => register_jump, 1 => call, 1 => fence,
    ]
}

/// A random program that runs its body `turns` times and exits: a few thousand cycles at most.
pub fn program() -> impl Strategy<Value = Vec<u32>> {
    (prop::collection::vec(step(), 1..40), 1i32..40, any::<u8>()).prop_map(|(steps, turns, code)| {
        let body: Vec<u32> = steps.into_iter().flatten().collect();
        let mut words = vec![encode::u(DATA, 5, 0x37), encode::addi(31, 0, turns)];
        words.extend(&body);
        words.push(encode::addi(31, 31, -1));
        words.push(encode::b(-4 * (body.len() as i32 + 1), 0, 31, 1));
        words.extend([encode::addi(17, 0, 93), encode::addi(10, 0, code.into()), 0x0000_0073]);
        words
    })
}

/// A program of these words, with a page of data around [`DATA`].
pub fn load(words: &[u32]) -> Arc<Program<Rv32i>> {
    let data: Vec<u8> = (0..4096u32).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    Arc::new(Program::from_code(CODE, words, &[(DATA - 2048, &data)]).expect("it can be loaded"))
}
