//! Every instruction on edge operands, against what the manual's text says in Rust: "RV32I Base Integer Instruction
//! Set", volume I of the RISC-V manual.

#![allow(clippy::expect_used, clippy::panic)]

mod common;

use common::encode::{addi, b, i, j, r, s, u};
use common::{CODE, DATA, load, run};

const EDGES: [u32; 12] =
    [0, 1, 2, 3, 31, 32, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff, 0x1234_5678];

/// Registers: operands in x5 and x6, the result in x7.
const A: u32 = 5;
const B: u32 = 6;
const RESULT: u32 = 7;

/// `li`: lui takes the upper bits, rounded so that the sign-extended lower ones add up.
fn li(rd: u32, value: u32) -> [u32; 2] {
    let low = ((value << 20) as i32) >> 20;
    [u(value.wrapping_sub(low as u32), rd, 0x37), addi(rd, rd, low)]
}

/// The registers after these words, and the program counter of each row.
fn registers(words: &[u32]) -> Vec<u32> {
    let exit = [addi(17, 0, 93), addi(10, 0, 0), 0x0000_0073];
    let execution = run(&load(&[words, &exit].concat()), &[], b"", 1000);
    assert_eq!(execution.exit_code(), Some(0), "{:?}", execution.stopped());
    execution.exit().registers.clone()
}

fn result(a: u32, b: u32, words: &[u32]) -> u32 {
    registers(&[&li(A, a), &li(B, b), words].concat())[RESULT as usize]
}

/// funct7, funct3, and the operation; of shifts the lower five bits of the second operand count.
type Operation = (&'static str, u32, u32, fn(u32, u32) -> u32);

const OPERATIONS: [Operation; 10] = [
    ("add", 0x00, 0, |a, b| a.wrapping_add(b)),
    ("sub", 0x20, 0, |a, b| a.wrapping_sub(b)),
    ("sll", 0x00, 1, |a, b| a << (b & 31)),
    ("slt", 0x00, 2, |a, b| ((a as i32) < b as i32).into()),
    ("sltu", 0x00, 3, |a, b| (a < b).into()),
    ("xor", 0x00, 4, |a, b| a ^ b),
    ("srl", 0x00, 5, |a, b| a >> (b & 31)),
    ("sra", 0x20, 5, |a, b| ((a as i32) >> (b & 31)) as u32),
    ("or", 0x00, 6, |a, b| a | b),
    ("and", 0x00, 7, |a, b| a & b),
];

#[test]
fn operations_on_edge_operands() {
    for (name, funct7, funct3, operation) in OPERATIONS {
        for a in EDGES {
            for b in EDGES {
                let word = r(funct7, B, A, funct3, RESULT, 0x33);
                assert_eq!(result(a, b, &[word]), operation(a, b), "{name} {a:#x} {b:#x}");
            }
            let word = r(funct7, A, A, funct3, A, 0x33);
            let same = registers(&[&li(A, a)[..], &[word]].concat())[A as usize];
            assert_eq!(same, operation(a, a), "{name} with one register, {a:#x}");
        }
    }
}

/// Immediates are sign-extended, for sltiu too; shifts take five bits, and bit 30 tells srai from srli.
#[test]
fn immediate_operations_on_edge_operands() {
    for (name, funct7, funct3, operation) in OPERATIONS {
        let shift = funct3 == 1 || funct3 == 5;
        if name == "sub" {
            continue;
        }
        let immediates: &[i32] = if shift { &[0, 1, 15, 31] } else { &[0, 1, -1, 2047, -2048, 0x555] };
        for a in EDGES {
            for imm in immediates {
                let word = i(imm | (funct7 << 5) as i32, A, funct3, RESULT, 0x13);
                assert_eq!(result(a, 0, &[word]), operation(a, *imm as u32), "{name}i {a:#x} {imm}");
            }
        }
    }
}

#[test]
fn branches_on_edge_operands() {
    type Condition = (u32, fn(u32, u32) -> bool);
    let conditions: [Condition; 6] = [
        (0, |a, b| a == b),
        (1, |a, b| a != b),
        (4, |a, b| (a as i32) < b as i32),
        (5, |a, b| a as i32 >= b as i32),
        (6, |a, b| a < b),
        (7, |a, b| a >= b),
    ];
    for (funct3, condition) in conditions {
        for left in EDGES {
            for right in EDGES {
                // Over the one instruction that says the branch was not taken.
                let words = [addi(RESULT, 0, 1), b(8, B, A, funct3), addi(RESULT, 0, 0)];
                let taken = result(left, right, &words) == 1;
                assert_eq!(taken, condition(left, right), "funct3 {funct3}: {left:#x} {right:#x}");
            }
        }
    }
}

#[test]
fn jumps_link_and_clear_the_low_bit() {
    // jal over two instructions; the link is the address after it.
    let words = [j(12, RESULT), addi(8, 0, 1), addi(8, 8, 2)];
    let after = registers(&words);
    assert_eq!((after[RESULT as usize], after[8]), (CODE + 4, 0));
    // jalr to an odd address in its own destination: the low bit is cleared, the old value is the base.
    let words =
        [u(CODE, RESULT, 0x37), i(17, RESULT, 0, RESULT, 0x67), addi(8, 0, 1), addi(8, 8, 2), addi(9, 0, 3)];
    let after = registers(&words);
    assert_eq!((after[RESULT as usize], after[8], after[9]), (CODE + 8, 0, 3));
    // A jump back, with the sign of its immediate.
    let words = [j(12, 0), addi(8, 0, 5), j(8, 0), j(-8, 0)];
    assert_eq!(registers(&words)[8], 5);
}

#[test]
fn upper_immediates() {
    for imm in [0u32, 0x1000, 0x7fff_f000, 0x8000_0000, 0xffff_f000] {
        assert_eq!(registers(&[u(imm, RESULT, 0x37)])[RESULT as usize], imm);
        assert_eq!(registers(&[u(imm, RESULT, 0x17)])[RESULT as usize], CODE.wrapping_add(imm));
    }
}

/// Little-endian memory; lb and lh extend the sign, lbu and lhu do not; a store changes its bytes alone.
#[test]
fn loads_and_stores() {
    let base = DATA + 0x100;
    for value in EDGES {
        let start = [&li(A, base)[..], &li(B, value), &[s(0, B, A, 2)]].concat();
        let loaded = |funct3: u32, offset: i32| {
            registers(&[&start[..], &[i(offset, A, funct3, RESULT, 0x03)]].concat())[RESULT as usize]
        };
        let bytes = value.to_le_bytes();
        for (offset, byte) in bytes.into_iter().enumerate() {
            assert_eq!(loaded(0, offset as i32), byte as i8 as u32, "lb {value:#x} {offset}");
            assert_eq!(loaded(4, offset as i32), u32::from(byte), "lbu {value:#x} {offset}");
        }
        for offset in [0, 2] {
            let half = u16::from_le_bytes([bytes[offset], bytes[offset + 1]]);
            assert_eq!(loaded(1, offset as i32), half as i16 as u32, "lh {value:#x} {offset}");
            assert_eq!(loaded(5, offset as i32), u32::from(half), "lhu {value:#x} {offset}");
        }
        assert_eq!(loaded(2, 0), value, "lw {value:#x}");
    }
    // Over 0x11223344: the byte at 1, then the half at 2.
    let words = |store: u32| {
        let start = [&li(A, base)[..], &li(B, 0x1122_3344), &[s(0, B, A, 2)], &li(B, 0xaabb_ccdd)].concat();
        [&start[..], &[store, i(0, A, 2, RESULT, 0x03)]].concat()
    };
    assert_eq!(registers(&words(s(1, B, A, 0)))[RESULT as usize], 0x1122_dd44, "sb");
    assert_eq!(registers(&words(s(2, B, A, 1)))[RESULT as usize], 0xccdd_3344, "sh");
    // Negative offsets reach down.
    let down = [&li(A, base + 4)[..], &li(B, 7), &[s(-4, B, A, 2), i(-4, A, 2, RESULT, 0x03)]].concat();
    assert_eq!(registers(&down)[RESULT as usize], 7);
}

/// x0 reads as zero whatever is written to it, and a load into it still loads.
#[test]
fn the_zero_register_stays_zero() {
    let words = [addi(0, 0, 5), u(0x5000, 0, 0x37), j(4, 0), r(0, 0, 0, 0, RESULT, 0x33)];
    let after = registers(&words);
    assert_eq!((after[0], after[RESULT as usize]), (0, 0));
    let misaligned = load(&[&li(A, DATA + 1)[..], &[i(0, A, 2, 0, 0x03)]].concat());
    let execution = run(&misaligned, &[], b"", 1000);
    assert!(
        matches!(execution.stopped(), retrace::checkpoint::Stopped::Trapped(_)),
        "lw x0 at an odd address"
    );
}

/// fence has no effect with one hart, and its fields are ignored.
#[test]
fn fence_does_nothing() {
    let before = registers(&[addi(RESULT, 0, 9)]);
    assert_eq!(registers(&[addi(RESULT, 0, 9), 0x0ff0_000f, 0x8330_000f, 0x0100_000f]), before);
}
