//! Zbb, which is a TOML file alone: against the manual's encodings and what its text says in Rust, and proven; and
//! `count_ones`, which it brought into the language.

use std::sync::Arc;

use crate::common::{CODE, EXIT, prove_and_verify, words};
use proptest::prelude::*;
use retrace::asm::disassemble;
use retrace::checkpoint::{Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{
    Access, ColumnSource, Isa, Op, Ports, Rv32i, Rv32im, Rv32imZbb, Spec, Trap, TrapCause, Word,
};
use retrace::program::Program;

retrace::isa! {
    /// RV32I with counts of ones of many widths.
    struct Counts = "tests/specs/counts.toml";
}

pub(crate) const EDGES: [u32; 16] = [
    0,
    1,
    2,
    31,
    32,
    33,
    0x80,
    0x7f00,
    0x8000,
    0x00ff_0000,
    0x0100_8000,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_fffe,
    0xffff_ffff,
];

/// A name, the encoding as the manual's page of the instruction has it for RV32 (dots are operands), the assembly
/// text with a0, t0 and t6 or 31 for operands, and the operation on the values of rs1 and of rs2 or the shift amount.
pub(crate) type Operation = (&'static str, &'static str, &'static str, fn(u32, u32) -> u32);

const OPERATIONS: [Operation; 18] = [
    ("andn", "0100000 ..... ..... 111 ..... 0110011", "a0, t0, t6", |a, b| a & !b),
    ("orn", "0100000 ..... ..... 110 ..... 0110011", "a0, t0, t6", |a, b| a | !b),
    ("xnor", "0100000 ..... ..... 100 ..... 0110011", "a0, t0, t6", |a, b| !(a ^ b)),
    ("clz", "0110000 00000 ..... 001 ..... 0010011", "a0, t0", |a, _| a.leading_zeros()),
    ("ctz", "0110000 00001 ..... 001 ..... 0010011", "a0, t0", |a, _| a.trailing_zeros()),
    ("cpop", "0110000 00010 ..... 001 ..... 0010011", "a0, t0", |a, _| (0..32).map(|bit| a >> bit & 1).sum()),
    ("max", "0000101 ..... ..... 110 ..... 0110011", "a0, t0, t6", |a, b| (a as i32).max(b as i32) as u32),
    ("maxu", "0000101 ..... ..... 111 ..... 0110011", "a0, t0, t6", |a, b| a.max(b)),
    ("min", "0000101 ..... ..... 100 ..... 0110011", "a0, t0, t6", |a, b| (a as i32).min(b as i32) as u32),
    ("minu", "0000101 ..... ..... 101 ..... 0110011", "a0, t0, t6", |a, b| a.min(b)),
    ("sext.b", "0110000 00100 ..... 001 ..... 0010011", "a0, t0", |a, _| a as i8 as u32),
    ("sext.h", "0110000 00101 ..... 001 ..... 0010011", "a0, t0", |a, _| a as i16 as u32),
    ("zext.h", "0000100 00000 ..... 100 ..... 0110011", "a0, t0", |a, _| u32::from(a as u16)),
    ("rol", "0110000 ..... ..... 001 ..... 0110011", "a0, t0, t6", |a, b| a.rotate_left(b % 32)),
    ("ror", "0110000 ..... ..... 101 ..... 0110011", "a0, t0, t6", |a, b| a.rotate_right(b % 32)),
    ("rori", "0110000 ..... ..... 101 ..... 0010011", "a0, t0, 31", |a, b| a.rotate_right(b)),
    ("orc.b", "0010100 00111 ..... 101 ..... 0010011", "a0, t0", |a, _| {
        u32::from_le_bytes(a.to_le_bytes().map(|byte| if byte == 0 { 0 } else { 0xff }))
    }),
    ("rev8", "0110100 11000 ..... 101 ..... 0010011", "a0, t0", |a, _| a.swap_bytes()),
];

/// A word by the manual's format R.
fn r(funct7: u32, rs2: u32, rs1: u32, funct3: u32, rd: u32, opcode: u32) -> u32 {
    funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

/// The bits that the encoding fixes, and their values.
fn fixed(encoding: &str) -> (u32, u32) {
    let digits = encoding.chars().filter(|digit| *digit != ' ');
    let (mask, bits) = digits.fold((0, 0), |(mask, bits), digit| {
        (mask << 1 | u32::from(digit != '.'), bits << 1 | u32::from(digit == '1'))
    });
    assert_eq!(encoding.len(), 32 + 5, "six fields");
    (mask, bits)
}

/// The word with these operands; those that the encoding fixes stay as they are.
pub(crate) fn word(encoding: &str, rd: u32, rs1: u32, rs2: u32) -> u32 {
    let (mask, bits) = fixed(encoding);
    bits | (r(0, rs2, rs1, 0, rd, 0) & !mask)
}

/// Registers and nothing else, for `step`.
#[derive(Clone)]
pub(crate) struct Registers(pub(crate) [u32; 32]);

impl Registers {
    fn trap<T>() -> Result<T, Trap> {
        Err(Trap { cause: TrapCause::OutsideCode, value: 0 })
    }
}

impl Ports for Registers {
    fn register(&self, register: u8) -> Word {
        self.0[usize::from(register)]
    }

    fn set_register(&mut self, register: u8, value: Word) {
        if register != 0 {
            self.0[usize::from(register)] = value;
        }
    }

    fn load(&mut self, _address: Word, _bytes: Word) -> Result<Access, Trap> {
        Self::trap()
    }

    fn store(&mut self, _address: Word, _bytes: Word, _value: Word) -> Result<Access, Trap> {
        Self::trap()
    }

    fn readable(&self, _address: Word) -> bool {
        true
    }

    fn writable(&self, _address: Word) -> bool {
        true
    }

    fn input(&mut self, _stream: u8, _left: Word, _count: Word) -> Result<Word, Trap> {
        Self::trap()
    }

    fn output(&mut self, _stream: u8, _position: Word, _count: Word, _bytes: Word) -> Result<(), Trap> {
        Err(Trap { cause: TrapCause::CallRefused, value: 0 })
    }

    fn exit(&mut self, _code: Word) {}
}

/// Registers after one word.
pub(crate) fn step<I: Isa>(word: u32, mut registers: Registers) -> [u32; 32] {
    let flow = I::step(&mut registers, &I::decode(word, CODE), 1, &mut ());
    assert_eq!(flow, Ok(retrace::isa::Flow::Next), "{word:#010x}");
    registers.0
}

/// Every instruction on these operands, with registers that differ and that are the same, x0 among them.
fn check(a: u32, b: u32) {
    for (name, encoding, text, operation) in OPERATIONS {
        let immediate = text.ends_with("31");
        for (rd, rs1, rs2) in
            [(10, 5, 31), (5, 5, 31), (31, 5, 31), (5, 5, 5), (0, 5, 31), (10, 0, 31), (10, 5, 0)]
        {
            let mut before = Registers(std::array::from_fn(|register| 0x0101_0101 * register as u32));
            before.set_register(5, a);
            before.set_register(31, b);
            let mut expected = before.clone();
            let (a, b) = (before.register(rs1), before.register(rs2));
            let b = if immediate { u32::from(rs2) } else { b };
            expected.set_register(rd, operation(a, b));
            let word = word(encoding, rd.into(), rs1.into(), rs2.into());
            assert_eq!(
                step::<Rv32imZbb>(word, before),
                expected.0,
                "{name} of {a:#x} and {b:#x}: x{rd}, x{rs1}, {rs2}"
            );
        }
    }
}

#[test]
fn operations_on_edge_operands() {
    for a in EDGES {
        for b in EDGES {
            check(a, b);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn operations_on_random_operands(a: u32, b: u32, shift in 0u32..32) {
        check(a, b);
        check(a >> shift, b << shift);
    }
}

/// Every amount, since `rori` has it in the word.
#[test]
fn rotations_by_every_amount() {
    let (_, encoding, _, _) = OPERATIONS[15];
    for amount in 0..32 {
        let after = step::<Rv32imZbb>(word(encoding, 10, 5, amount), {
            let mut before = Registers([0; 32]);
            before.set_register(5, 0x8123_4567);
            before
        });
        assert_eq!(after[10], 0x8123_4567u32.rotate_right(amount), "{amount}");
    }
}

#[test]
fn encodings_are_the_manuals() {
    for (name, encoding, operands, _) in OPERATIONS {
        let word = word(encoding, 10, 5, 31);
        assert_eq!(disassemble::<Rv32imZbb>(&Rv32imZbb::decode(word, 0)), format!("{name} {operands}"));
        for kind in [Rv32i::decode(word, 0).kind, Rv32im::decode(word, 0).kind] {
            assert_eq!(kind, Op::UNDECODABLE, "{name} is no instruction of RV32IM");
        }
    }
}

/// Every word of the two opcodes, up to rs1 and rd: what is not in the table above decodes as it does without Zbb. The
/// encodings of RV64 (rev8, zext.h, and rori by 32 and more) are among them or have another opcode.
#[test]
fn nothing_else_decodes() {
    let mut found = 0;
    for opcode in [0b001_0011, 0b011_0011, 0b001_1011, 0b011_1011] {
        for (funct7, rs2, funct3) in (0..0x8000u32).map(|bits| (bits >> 8, bits >> 3 & 31, bits & 7)) {
            let word = r(funct7, rs2, 5, funct3, 10, opcode);
            let expected = OPERATIONS.into_iter().find(|(_, encoding, _, _)| {
                let (mask, bits) = fixed(encoding);
                word & mask == bits
            });
            let name =
                |spec: &'static Spec, op: Op| spec.instruction(op.kind).map(|instruction| instruction.name);
            let base = name(Rv32im::SPEC, Rv32im::decode(word, 0));
            let decoded = name(Rv32imZbb::SPEC, Rv32imZbb::decode(word, 0));
            assert_eq!(decoded, expected.map(|(name, ..)| name).or(base), "{word:#010x}");
            found += usize::from(expected.is_some());
        }
    }
    // Ten have a register number or an amount where the other eight have fixed bits.
    assert_eq!(found, 10 * 32 + 8);
}

/// Every instruction once, each on the result before it and a constant, so that a wrong one shows in the exit code.
#[test]
fn a_program_of_all_is_proven() {
    let (start, other) = (0x1234_5678, 0x9abc_def0);
    let mut expected = start;
    let mut program = words::<Rv32imZbb>(&format!("li a0, {start}; li t1, {other}"));
    for (name, encoding, _, operation) in OPERATIONS {
        let amount = 6;
        // a0 = a0 op t1, and then an exclusive or, which keeps it from becoming small.
        program.push(word(encoding, 10, 10, amount));
        program.extend(words::<Rv32imZbb>("xor a0, a0, t1"));
        expected = operation(expected, if name == "rori" { amount } else { other }) ^ other;
    }
    program.extend(words::<Rv32imZbb>(EXIT));
    let program = Arc::new(Program::<Rv32imZbb>::from_code(CODE, &program, &[]).expect("it can be loaded"));
    let execution = execute(Arc::clone(&program), Linux::default(), Input::empty(), Options::default());
    let execution = execution.expect("it runs");
    assert_eq!(execution.exit_code(), Some(expected));
    prove_and_verify(program, execution);
}

/// The columns stay those of RV32IM, and its cells: Zbb needs none of its own.
#[test]
fn the_columns_are_those_of_the_base() {
    let names = |spec: &'static Spec| {
        let columns = spec.columns.iter().filter(|column| column.source != ColumnSource::Code);
        columns.map(|column| column.name).collect::<Vec<_>>()
    };
    assert_eq!(names(Rv32imZbb::SPEC), names(Rv32im::SPEC));
    assert_eq!(Rv32imZbb::SPEC.instructions.len(), 40 + 8 + 18);
    assert_ne!(Rv32imZbb::SPEC.fingerprint, Rv32im::SPEC.fingerprint);
}

/// Bits above a value's width do not count; a sign does.
#[test]
fn ones_are_counted_at_every_width() {
    let ones = |value: u64| (0..64).map(|bit| (value >> bit & 1) as u32).sum::<u32>();
    for a in EDGES {
        for b in EDGES {
            let wide = i64::from(a as i32) as u64;
            let cases = [
                (1, u32::from(a == b)),
                // Seven bits hold at most seven ones each, and their sum is taken modulo 8: a count of seven bits is a u3.
                (7, (ones(u64::from(a.wrapping_neg() & 0x7f)) + ones(u64::from(!b & 0x7f))) % 8),
                (32, ones(u64::from(((a as i32) >> (b % 32)) as u32))),
                (40, ones(wide & 0xff_ffff_ffff)),
                (64, ones(wide.wrapping_mul(b.into()))),
            ];
            for (width, expected) in cases {
                let mut before = Registers([0; 32]);
                before.set_register(5, a);
                before.set_register(6, b);
                let second = if width == 40 { 0 } else { 6 };
                let after = step::<Counts>(r(width, second, 5, 0, 10, 0b0001011), before);
                assert_eq!(after[10], expected, "count.{width} of {a:#x} and {b:#x}");
            }
        }
    }
}
