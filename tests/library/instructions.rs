//! Every instruction on edge operands, against what the manual's text says in Rust: "RV32I Base Integer Instruction
//! Set", volume I of the RISC-V manual.

use crate::common::{CODE, DATA, EXIT, load, run, words};
use retrace::isa::Rv32i;

const EDGES: [u32; 12] =
    [0, 1, 2, 3, 31, 32, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff, 0x1234_5678];

/// The registers after this code.
fn registers(source: &str) -> Vec<u32> {
    let program = load::<Rv32i>(&words::<Rv32i>(&format!("{source}\nli a0, 0; {EXIT}")));
    let execution = run(&program, &[], b"", 1000);
    assert_eq!(execution.exit_code(), Some(0), "{source}: {:?}", execution.stopped());
    execution.exit().registers.clone()
}

/// The registers that the code here uses, by number.
const T0: usize = 5;
const T2: usize = 7;
const S0: usize = 8;
const S1: usize = 9;

/// t2 after this code, of a in t0 and b in t1.
fn result(a: u32, b: u32, source: &str) -> u32 {
    registers(&format!("li t0, {a}; li t1, {b}\n{source}"))[T2]
}

/// The operation; of shifts the lower five bits of the second operand count.
type Operation = (&'static str, fn(u32, u32) -> u32);

const OPERATIONS: [Operation; 10] = [
    ("add", |a, b| a.wrapping_add(b)),
    ("sub", |a, b| a.wrapping_sub(b)),
    ("sll", |a, b| a << (b & 31)),
    ("slt", |a, b| ((a as i32) < b as i32).into()),
    ("sltu", |a, b| (a < b).into()),
    ("xor", |a, b| a ^ b),
    ("srl", |a, b| a >> (b & 31)),
    ("sra", |a, b| ((a as i32) >> (b & 31)) as u32),
    ("or", |a, b| a | b),
    ("and", |a, b| a & b),
];

#[test]
fn operations_on_edge_operands() {
    for (name, operation) in OPERATIONS {
        for a in EDGES {
            for b in EDGES {
                let found = result(a, b, &format!("{name} t2, t0, t1"));
                assert_eq!(found, operation(a, b), "{name} {a:#x} {b:#x}");
            }
            let same = registers(&format!("li t0, {a}; {name} t0, t0, t0"))[T0];
            assert_eq!(same, operation(a, a), "{name} with one register, {a:#x}");
        }
    }
}

/// Immediates are sign-extended, for sltiu too; shifts take five bits.
#[test]
fn immediate_operations_on_edge_operands() {
    for (name, operation) in OPERATIONS {
        let immediate = match name {
            "sub" => continue,
            "sltu" => "sltiu".to_owned(),
            name => format!("{name}i"),
        };
        let is_shift = name.starts_with('s') && !name.starts_with("slt");
        let immediates: &[i32] = if is_shift { &[0, 1, 15, 31] } else { &[0, 1, -1, 2047, -2048, 0x555] };
        for a in EDGES {
            for imm in immediates {
                let found = result(a, 0, &format!("{immediate} t2, t0, {imm}"));
                assert_eq!(found, operation(a, *imm as u32), "{immediate} {a:#x} {imm}");
            }
        }
    }
}

#[test]
fn branches_on_edge_operands() {
    type Condition = (&'static str, fn(u32, u32) -> bool);
    let conditions: [Condition; 6] = [
        ("beq", |a, b| a == b),
        ("bne", |a, b| a != b),
        ("blt", |a, b| (a as i32) < b as i32),
        ("bge", |a, b| a as i32 >= b as i32),
        ("bltu", |a, b| a < b),
        ("bgeu", |a, b| a >= b),
    ];
    for (name, condition) in conditions {
        for left in EDGES {
            for right in EDGES {
                // Over the one instruction that says the branch was not taken.
                let found = result(left, right, &format!("li t2, 1; {name} t0, t1, 1f; li t2, 0; 1:"));
                assert_eq!(found == 1, condition(left, right), "{name} {left:#x} {right:#x}");
            }
        }
    }
}

#[test]
fn jumps_link_and_clear_the_low_bit() {
    // Over two instructions; the link is the address after the jump.
    let after = registers("jal t2, 1f; li s0, 1; addi s0, s0, 2; 1:");
    assert_eq!((after[T2], after[S0]), (CODE + 4, 0));
    // jalr to an odd address in its own destination: the low bit is cleared, the old value is the base.
    let after = registers("lui t2, %hi(.); jalr t2, 17(t2); li s0, 1; addi s0, s0, 2; li s1, 3");
    assert_eq!((after[T2], after[S0], after[S1]), (CODE + 8, 0, 3));
    // A jump back, with the sign of its immediate.
    assert_eq!(registers("j 2f; 1: li s0, 5; j 3f; 2: j 1b; 3:")[S0], 5);
}

#[test]
fn upper_immediates() {
    for imm in [0u32, 1, 0x7ffff, 0x80000, 0xfffff] {
        assert_eq!(registers(&format!("lui t2, {imm}"))[T2], imm << 12);
        assert_eq!(registers(&format!("auipc t2, {imm}"))[T2], CODE.wrapping_add(imm << 12));
    }
}

/// Little-endian memory; lb and lh extend the sign, lbu and lhu do not; a store changes its bytes alone.
#[test]
fn loads_and_stores() {
    let base = DATA + 0x100;
    for value in EDGES {
        let loaded = |load: &str, offset: usize| {
            result(base, value, &format!("sw t1, 0(t0); {load} t2, {offset}(t0)"))
        };
        let bytes = value.to_le_bytes();
        for (offset, byte) in bytes.into_iter().enumerate() {
            assert_eq!(loaded("lb", offset), byte as i8 as u32, "lb {value:#x} {offset}");
            assert_eq!(loaded("lbu", offset), u32::from(byte), "lbu {value:#x} {offset}");
        }
        for offset in [0, 2] {
            let half = u16::from_le_bytes([bytes[offset], bytes[offset + 1]]);
            assert_eq!(loaded("lh", offset), half as i16 as u32, "lh {value:#x} {offset}");
            assert_eq!(loaded("lhu", offset), u32::from(half), "lhu {value:#x} {offset}");
        }
        assert_eq!(loaded("lw", 0), value, "lw {value:#x}");
    }
    // Over 0x11223344: the byte at 1, then the half at 2.
    let stored = |store: &str| {
        result(base, 0x1122_3344, &format!("sw t1, 0(t0); li t1, 0xaabbccdd; {store}; lw t2, 0(t0)"))
    };
    assert_eq!(stored("sb t1, 1(t0)"), 0x1122_dd44);
    assert_eq!(stored("sh t1, 2(t0)"), 0xccdd_3344);
    // Negative offsets reach down.
    assert_eq!(result(base + 4, 7, "sw t1, -4(t0); lw t2, -4(t0)"), 7);
}

/// x0 reads as zero whatever is written to it, and a load into it still loads.
#[test]
fn the_zero_register_stays_zero() {
    let after = registers("addi zero, zero, 5; lui zero, 5; jal zero, 1f; 1: add t2, zero, zero");
    assert_eq!((after[0], after[T2]), (0, 0));
    let misaligned = load::<Rv32i>(&words::<Rv32i>(&format!("li t0, {DATA} + 1; lw zero, 0(t0)")));
    let execution = run(&misaligned, &[], b"", 1000);
    assert!(
        matches!(execution.stopped(), retrace::checkpoint::Stopped::Trapped(_)),
        "lw x0 at an odd address"
    );
}

/// fence has no effect with one hart; its mode and its registers are ignored.
#[test]
fn fence_does_nothing() {
    let before = registers("li t2, 9");
    assert_eq!(registers("li t2, 9; fence; fence rw, w; .word 0x8330000f, 0x0100000f, 0x0ff5050f"), before);
}
