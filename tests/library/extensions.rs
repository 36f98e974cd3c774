//! Zba, Zbs, Zicond, Zbkb and Zknh, each a TOML file: against the manual's encodings and what its text says in Rust, in
//! native code and interpreted, and proven. `pack` has the place of Zbb's `zext.h`.

use std::sync::Arc;

use retrace::asm::{Layout, assemble, disassemble};
use retrace::checkpoint::{Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{Isa, Rv32imZbb};
use retrace::program::Program;

use crate::bit_manipulation::{EDGES, Operation, Registers, step, word};
use crate::common::{CODE, DATA, EXIT, ends_with, prove_and_verify, words};

retrace::isa! {
    /// RV32I with these, and instructions of every kind.
    pub struct Own = "tests/specs/own.toml";
}

/// Bit `of(at)` of the value, for each bit.
fn permuted(value: u32, of: impl Fn(u32) -> u32) -> u32 {
    (0..32).fold(0, |sum, at| sum | (value >> of(at) & 1) << at)
}

const OPERATIONS: [Operation; 23] = [
    ("pack", "0000100 ..... ..... 100 ..... 0110011", "a0, t0, t6", |a, b| a & 0xffff | b << 16),
    ("zext.h", "0000100 00000 ..... 100 ..... 0110011", "a0, t0", |a, _| a & 0xffff),
    ("packh", "0000100 ..... ..... 111 ..... 0110011", "a0, t0, t6", |a, b| a & 0xff | (b & 0xff) << 8),
    ("brev8", "0110100 00111 ..... 101 ..... 0010011", "a0, t0", |a, _| a.reverse_bits().swap_bytes()),
    // Bits of the lower half go to the even places, those of the upper half to the odd ones.
    ("zip", "0000100 01111 ..... 001 ..... 0010011", "a0, t0", |a, _| {
        permuted(a, |at| at / 2 + 16 * (at % 2))
    }),
    ("unzip", "0000100 01111 ..... 101 ..... 0010011", "a0, t0", |a, _| {
        permuted(a, |at| 2 * (at % 16) + at / 16)
    }),
    ("sha256sig0", "0001000 00010 ..... 001 ..... 0010011", "a0, t0", |a, _| {
        a.rotate_right(7) ^ a.rotate_right(18) ^ a >> 3
    }),
    ("sha256sig1", "0001000 00011 ..... 001 ..... 0010011", "a0, t0", |a, _| {
        a.rotate_right(17) ^ a.rotate_right(19) ^ a >> 10
    }),
    ("sha256sum0", "0001000 00000 ..... 001 ..... 0010011", "a0, t0", |a, _| {
        a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22)
    }),
    ("sha256sum1", "0001000 00001 ..... 001 ..... 0010011", "a0, t0", |a, _| {
        a.rotate_right(6) ^ a.rotate_right(11) ^ a.rotate_right(25)
    }),
    ("sh1add", "0010000 ..... ..... 010 ..... 0110011", "a0, t0, t6", |a, b| b.wrapping_add(a << 1)),
    ("sh2add", "0010000 ..... ..... 100 ..... 0110011", "a0, t0, t6", |a, b| b.wrapping_add(a << 2)),
    ("sh3add", "0010000 ..... ..... 110 ..... 0110011", "a0, t0, t6", |a, b| b.wrapping_add(a << 3)),
    ("bclr", "0100100 ..... ..... 001 ..... 0110011", "a0, t0, t6", |a, b| a & !(1 << (b % 32))),
    ("bclri", "0100100 ..... ..... 001 ..... 0010011", "a0, t0, 31", |a, b| a & !(1 << b)),
    ("bext", "0100100 ..... ..... 101 ..... 0110011", "a0, t0, t6", |a, b| a >> (b % 32) & 1),
    ("bexti", "0100100 ..... ..... 101 ..... 0010011", "a0, t0, 31", |a, b| a >> b & 1),
    ("binv", "0110100 ..... ..... 001 ..... 0110011", "a0, t0, t6", |a, b| a ^ 1 << (b % 32)),
    ("binvi", "0110100 ..... ..... 001 ..... 0010011", "a0, t0, 31", |a, b| a ^ 1 << b),
    ("bset", "0010100 ..... ..... 001 ..... 0110011", "a0, t0, t6", |a, b| a | 1 << (b % 32)),
    ("bseti", "0010100 ..... ..... 001 ..... 0010011", "a0, t0, 31", |a, b| a | 1 << b),
    ("czero.eqz", "0000111 ..... ..... 101 ..... 0110011", "a0, t0, t6", |a, b| if b == 0 { 0 } else { a }),
    ("czero.nez", "0000111 ..... ..... 111 ..... 0110011", "a0, t0, t6", |a, b| if b != 0 { 0 } else { a }),
];

/// What an operation takes second: a register's value, or the number in its place.
fn second(operands: &str, register: u32, value: u32) -> u32 {
    if operands.ends_with("31") { register } else { value }
}

#[test]
fn operations_on_edge_operands() {
    for (name, encoding, operands, operation) in OPERATIONS {
        for (a, b) in EDGES.into_iter().flat_map(|a| EDGES.map(|b| (a, b))) {
            for rs2 in [31, 5, 0] {
                let mut before = Registers([0; 32]);
                (before.0[5], before.0[31]) = (a, b);
                let expected = operation(a, second(operands, rs2 as u32, before.0[rs2]));
                let after = step::<Own>(word(encoding, 10, 5, rs2 as u32), before);
                assert_eq!(after[10], expected, "{name} of {a:#x} and {b:#x}");
            }
        }
    }
}

/// Each of them a thousand times over, on the result before it: long enough that it is compiled.
#[test]
fn native_code_and_the_interpreter_agree_with_the_manual() {
    let (start, other, rounds) = (0x1234_5678u32, 0x9abc_def0u32, 5000);
    let mut program = words::<Own>(&format!("li a0, {start}; li t1, {other}; li t2, {rounds}"));
    let loop_start = program.len();
    for (_, encoding, _, _) in OPERATIONS {
        program.push(word(encoding, 10, 10, 6));
        program.extend(words::<Own>("add a0, a0, t1"));
    }
    let back = -4 * i32::try_from(program.len() + 1 - loop_start).expect("it is short");
    program.extend(words::<Own>("addi t2, t2, -1"));
    program.extend(words::<Own>(&format!("bnez t2, . + {back}")));
    program.extend(words::<Own>(EXIT));
    let mut expected = start;
    for _ in 0..rounds {
        for (_, _, operands, operation) in OPERATIONS {
            expected = operation(expected, second(operands, 6, other)).wrapping_add(other);
        }
    }
    let program = Arc::new(Program::<Own>::from_code(CODE, &program, &[]).expect("it can be loaded"));
    ends_with(&program, expected);
}

#[test]
fn a_program_of_all_is_proven() {
    let (start, other) = (0x1234_5678u32, 0x9abc_def0u32);
    let mut expected = start;
    let mut program = words::<Own>(&format!("li a0, {start}; li t1, {other}"));
    for (_, encoding, operands, operation) in OPERATIONS {
        program.push(word(encoding, 10, 10, 6));
        program.extend(words::<Own>("add a0, a0, t1"));
        expected = operation(expected, second(operands, 6, other)).wrapping_add(other);
    }
    program.extend(words::<Own>(EXIT));
    let program = Arc::new(Program::<Own>::from_code(CODE, &program, &[]).expect("it can be loaded"));
    let execution = execute(Arc::clone(&program), Linux::default(), Input::empty(), Options::default());
    let execution = execution.expect("it runs");
    assert_eq!(execution.exit_code(), Some(expected));
    prove_and_verify(program, execution);
}

/// Its text means the same word as with Zbb; what is printed is the general instruction's.
#[test]
fn the_special_case_is_still_written() {
    let [zext] = words::<Own>("zext.h a0, t0")[..] else { panic!("it is one word") };
    assert_eq!(words::<Rv32imZbb>("zext.h a0, t0"), [zext]);
    assert_eq!(zext, word(OPERATIONS[1].1, 10, 5, 0));
    assert_eq!(disassemble::<Own>(&Own::decode(zext, 0)), "pack a0, t0, zero");
    assert!(Own::SPEC.instructions.iter().all(|instruction| instruction.name != "zext.h"));
    let refused = assemble::<Own>("zext.h a0, t0, t6", Layout { code: CODE, data: DATA })
        .expect_err("it has two operands");
    assert!(refused.to_string().contains("zext.h"), "{refused}");
    for (name, encoding, operands, _) in OPERATIONS.into_iter().filter(|(name, ..)| *name != "zext.h") {
        let word = word(encoding, 10, 5, 31);
        assert_eq!(disassemble::<Own>(&Own::decode(word, 0)), format!("{name} {operands}"));
        assert_eq!(words::<Own>(&format!("{name} {operands}")), [word]);
    }
}
