//! A small instruction set, written by hand as the generator would, so that the runtime's tests need no spec.
//!
//! Format: kind in bits 0..4, rd in 4..8, rs1 in 8..12, rs2 in 12..16, a signed immediate in 16..32.

use core::ops::RangeInclusive;
use std::sync::Arc;

use proptest::prelude::*;

use crate::isa::{
    Access, AsmPiece, Column, ColumnId, ColumnSource, Columns, Constraint, Effects, Field, Fingerprint, Flow,
    Happens, Hidden, Immediate, Initial, Instruction, Isa, Link, MemoryAccess, Op, Operand, OperandKind,
    Ports, PublicColumn, RangeClass, Recorder, Registers, Spec, Trap, TrapCause, Word,
};
use crate::program::Program;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TestIsa;

/// The kinds, in the order of the spec's instructions.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Addi = 1,
    Lui,
    Lw,
    Sw,
    Lbu,
    Sb,
    Jal,
    Bne,
    Jalr,
    Ecall,
    Add,
    Ebreak,
}

const KINDS: RangeInclusive<u8> = Kind::Addi as u8..=Kind::Ebreak as u8;

/// An assembler: one function an instruction, each gives the word.
pub(crate) struct Asm;

#[allow(dead_code)]
impl Asm {
    fn word(kind: Kind, rd: u32, rs1: u32, rs2: u32, imm: i32) -> u32 {
        kind as u32 | rd << 4 | rs1 << 8 | rs2 << 12 | (imm as u32) << 16
    }
    pub(crate) fn addi(rd: u32, rs1: u32, imm: i32) -> u32 {
        Self::word(Kind::Addi, rd, rs1, 0, imm)
    }
    pub(crate) fn lui(rd: u32, imm: i32) -> u32 {
        Self::word(Kind::Lui, rd, 0, 0, imm)
    }
    pub(crate) fn lw(rd: u32, rs1: u32, imm: i32) -> u32 {
        Self::word(Kind::Lw, rd, rs1, 0, imm)
    }
    pub(crate) fn sw(rs2: u32, rs1: u32, imm: i32) -> u32 {
        Self::word(Kind::Sw, 0, rs1, rs2, imm)
    }
    pub(crate) fn lbu(rd: u32, rs1: u32, imm: i32) -> u32 {
        Self::word(Kind::Lbu, rd, rs1, 0, imm)
    }
    pub(crate) fn sb(rs2: u32, rs1: u32, imm: i32) -> u32 {
        Self::word(Kind::Sb, 0, rs1, rs2, imm)
    }
    pub(crate) fn jal(rd: u32, imm: i32) -> u32 {
        Self::word(Kind::Jal, rd, 0, 0, imm)
    }
    pub(crate) fn bne(rs1: u32, rs2: u32, imm: i32) -> u32 {
        Self::word(Kind::Bne, 0, rs1, rs2, imm)
    }
    pub(crate) fn jalr(rd: u32, rs1: u32, imm: i32) -> u32 {
        Self::word(Kind::Jalr, rd, rs1, 0, imm)
    }
    pub(crate) fn ecall() -> u32 {
        Self::word(Kind::Ecall, 10, 15, 10, 0)
    }
    pub(crate) fn add(rd: u32, rs1: u32, rs2: u32) -> u32 {
        Self::word(Kind::Add, rd, rs1, rs2, 0)
    }
    pub(crate) fn ebreak() -> u32 {
        Self::word(Kind::Ebreak, 0, 0, 0, 0)
    }
    /// `li`, in two instructions.
    pub(crate) fn li(rd: u32, value: u32) -> [u32; 2] {
        let low = value as u16 as i16;
        let high = (value.wrapping_sub(low as u32) >> 16) as i32;
        [Self::lui(rd, high), Self::addi(rd, rd, low.into())]
    }
    /// exit(x10).
    pub(crate) fn exit() -> [u32; 2] {
        [Self::addi(15, 0, 93), Self::ecall()]
    }
}

const INDEX: usize = 0;
const FIRST: usize = 1;
const SECOND: usize = 2;
const RESULT: usize = 3;
const ADDRESS: usize = 4;
const BEFORE: usize = 5;
const AFTER: usize = 6;
const NEXT_PC: usize = 7;
const INPUT: usize = 8;
const PC: usize = 9;
const IMM_COLUMN: usize = 10;

impl Isa for TestIsa {
    const SPEC: &'static Spec = &SPEC;

    fn decode(word: u32, pc: Word) -> Op {
        let field = |low: u32| (word >> low & 15) as u8;
        let kind = field(0);
        if !KINDS.contains(&kind) {
            return Op { word, pc, ..Op::default() };
        }
        let imm = (word.cast_signed() >> 16).cast_unsigned();
        let imm = if kind == Kind::Lui as u8 { imm << 16 } else { imm };
        Op { imm, pc, word, kind, rd: field(4), rs1: field(8), rs2: field(12) }
    }

    #[inline(always)]
    fn step<P: Ports, R: Recorder>(
        ports: &mut P,
        op: &Op,
        index: u32,
        recorder: &mut R,
    ) -> Result<Flow, Trap> {
        let (first, second) = (ports.register(op.rs1), ports.register(op.rs2));
        let next = op.pc.wrapping_add(4);
        let address = first.wrapping_add(op.imm);
        let mut flow = Flow::Next;
        let mut result = None;
        match op.kind {
            1 => result = Some(address),
            2 => result = Some(op.imm),
            3 | 5 => {
                let access = ports.load(address, if op.kind == 3 { 4 } else { 1 })?;
                recorder.record::<ADDRESS>(address);
                recorder.record::<BEFORE>(access.before);
                recorder.record::<AFTER>(access.after);
                result = Some(access.value);
            }
            4 | 6 => {
                let access = ports.store(address, if op.kind == 4 { 4 } else { 1 }, second)?;
                recorder.record::<ADDRESS>(address);
                recorder.record::<BEFORE>(access.before);
                recorder.record::<AFTER>(access.after);
            }
            7 => {
                result = Some(next);
                flow = Flow::Jump(op.pc.wrapping_add(op.imm));
            }
            8 if first != second => flow = Flow::Jump(op.pc.wrapping_add(op.imm)),
            8 => {}
            9 => {
                result = Some(next);
                flow = Flow::Jump(address & !1);
            }
            10 => {
                let called = answer(ports, [first, second, ports.register(11), ports.register(12)])?;
                recorder.record::<ADDRESS>(called.address);
                recorder.record::<BEFORE>(called.access.before);
                recorder.record::<AFTER>(called.access.after);
                recorder.record::<INPUT>(called.taken);
                result = Some(called.result);
                if called.exits {
                    flow = Flow::Exit;
                }
            }
            11 => result = Some(first.wrapping_add(second)),
            12 => return Err(Trap { cause: TrapCause::Breakpoint, value: op.pc }),
            _ => return Err(Trap { cause: TrapCause::Undecodable, value: op.word }),
        }
        if let Flow::Jump(target) = flow
            && target % 4 != 0
        {
            return Err(Trap { cause: TrapCause::MisalignedTarget, value: target });
        }
        recorder.record::<INDEX>(index);
        recorder.record::<FIRST>(first);
        recorder.record::<SECOND>(second);
        recorder.record::<NEXT_PC>(match flow {
            Flow::Next => next,
            Flow::Jump(target) => target,
            Flow::Exit => 0,
        });
        if let Some(result) = result {
            recorder.record::<RESULT>(result);
            ports.set_register(op.rd, result);
        }
        Ok(flow)
    }

    fn derive(columns: &mut Columns, rows: usize, code: &[Op], wanted: &[ColumnId]) {
        for id in wanted {
            let (cells, [index]) = columns.split(rows, id.index(), [INDEX]);
            for (cell, &index) in cells.iter_mut().zip(index) {
                let op = &code[index as usize];
                *cell = match id.index() {
                    PC => op.pc,
                    IMM_COLUMN => op.imm,
                    _ => op.kind.into(),
                };
            }
        }
    }
}

/// What a call did.
#[derive(Default)]
struct Called {
    result: Word,
    address: Word,
    access: Access,
    taken: Word,
    exits: bool,
}

/// What the call of Linux does as far as one word of memory goes; of `brk` and others nothing.
fn answer<P: Ports>(ports: &mut P, [number, first, buffer, count]: [Word; 4]) -> Result<Called, Trap> {
    let left = ports.register(INPUT_LEFT);
    let (address, shift) = (buffer & !3, buffer % 4 * 8);
    let count = count.min(4 - buffer % 4);
    let refused = |result: i32| Ok(Called { result: result.cast_unsigned(), ..Called::default() });
    match (number, first) {
        (93 | 94, code) => {
            ports.exit(code);
            Ok(Called { result: code, exits: true, ..Called::default() })
        }
        (63, 0) => {
            let count = count.min(left);
            if count == 0 {
                return refused(0);
            }
            if !ports.writable(buffer) {
                return refused(-14);
            }
            let taken = ports.input(0, left, count)?;
            let mask = (Word::MAX >> (32 - 8 * count)) << shift;
            let before = ports.load(address, 4)?.before;
            let access = ports.store(address, 4, before & !mask | taken << shift)?;
            ports.set_register(INPUT_LEFT, left - count);
            Ok(Called { result: count, address, access, taken, exits: false })
        }
        (64, 1 | 2) if count > 0 => {
            if !ports.readable(buffer) {
                return refused(-14);
            }
            let access = ports.load(address, 4)?;
            ports.output(first as u8, 0, count, access.value >> shift)?;
            Ok(Called { result: count, address, access, ..Called::default() })
        }
        (64, 1 | 2) => refused(0),
        (63 | 64, _) => refused(-9),
        _ => refused(-38),
    }
}

/// The number of the hidden register that says how much input is left.
const INPUT_LEFT: u8 = 16;

const fn column(name: &'static str, source: ColumnSource) -> Column {
    Column { name, doc: "", class: RangeClass::Unsigned { bits: Word::BITS }, source }
}

const COLUMNS: &[Column] = &[
    column("index", ColumnSource::Recorded),
    column("first", ColumnSource::Recorded),
    column("second", ColumnSource::Recorded),
    column("result", ColumnSource::Recorded),
    column("address", ColumnSource::Recorded),
    column("before", ColumnSource::Recorded),
    column("after", ColumnSource::Recorded),
    column("next_pc", ColumnSource::Recorded),
    column("input", ColumnSource::Recorded),
    column("pc", ColumnSource::Derived),
    Column {
        name: "imm",
        doc: "",
        class: RangeClass::Signed { bits: Word::BITS },
        source: ColumnSource::Derived,
    },
    Column { name: "kind", doc: "", class: RangeClass::Unsigned { bits: 8 }, source: ColumnSource::Derived },
    column("active", ColumnSource::Public(PublicColumn::Active)),
    column("is_first", ColumnSource::Public(PublicColumn::First)),
    column("is_last", ColumnSource::Public(PublicColumn::Last)),
];

const NO_CONSTRAINTS: &[Constraint] = &[];
const NO_LINKS: &[Link] = &[];

const RD: Operand =
    Operand { name: "rd", kind: OperandKind::Register { field: Field { hi: 7, lo: 4 }, written: true } };
const RS1: Operand =
    Operand { name: "rs1", kind: OperandKind::Register { field: Field { hi: 11, lo: 8 }, written: false } };
const RS2: Operand =
    Operand { name: "rs2", kind: OperandKind::Register { field: Field { hi: 15, lo: 12 }, written: false } };
const IMM: Operand = immediate(16, &[(Field { hi: 31, lo: 16 }, 0)]);
const UPPER: Operand = immediate(32, &[(Field { hi: 31, lo: 16 }, 16)]);

const fn immediate(width: u8, pieces: &'static [(Field, u8)]) -> Operand {
    Operand { name: "imm", kind: OperandKind::Immediate(Immediate { signed: true, width, pieces }) }
}

const fn instruction(
    name: &'static str,
    kind: Kind,
    operands: &'static [Operand],
    asm: &'static [AsmPiece],
) -> Instruction {
    Instruction {
        name,
        doc: "",
        format: "only",
        mask: 15,
        bits: kind as u32,
        fields: &[],
        operands,
        effects: Effects {
            memory: MemoryAccess::None,
            jump: Happens::Never,
            trap: Happens::Never,
            call: false,
        },
        asm,
        semantics: "",
        source: "",
        compiled: &[],
    }
}

use AsmPiece::{Imm, Register, Target, Text, UpperImm};

const D: AsmPiece = Register("rd");
const A: AsmPiece = Register("rs1");
const B: AsmPiece = Register("rs2");

static SPEC: Spec = Spec {
    name: "test",
    doc: "",
    fingerprint: Fingerprint([7; 32]),
    registers: Registers {
        names: &[
            "x0", "x1", "sp", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
            "x15",
        ],
        hidden: &[Hidden { name: "input_left", doc: "", initial: Some(Initial::InputLength) }],
        aliases: &[],
        zero: 0,
        stack_pointer: 2,
    },
    instructions: &[
        instruction("addi", Kind::Addi, &[RD, RS1, IMM], &[Text("addi "), D, Text(", "), A, Text(", "), Imm]),
        instruction("lui", Kind::Lui, &[RD, UPPER], &[Text("lui "), D, Text(", "), UpperImm(16)]),
        instruction(
            "lw",
            Kind::Lw,
            &[RD, RS1, IMM],
            &[Text("lw "), D, Text(", "), Imm, Text("("), A, Text(")")],
        ),
        instruction(
            "sw",
            Kind::Sw,
            &[RS1, RS2, IMM],
            &[Text("sw "), B, Text(", "), Imm, Text("("), A, Text(")")],
        ),
        instruction(
            "lbu",
            Kind::Lbu,
            &[RD, RS1, IMM],
            &[Text("lbu "), D, Text(", "), Imm, Text("("), A, Text(")")],
        ),
        instruction(
            "sb",
            Kind::Sb,
            &[RS1, RS2, IMM],
            &[Text("sb "), B, Text(", "), Imm, Text("("), A, Text(")")],
        ),
        instruction("jal", Kind::Jal, &[RD, IMM], &[Text("jal "), D, Text(", "), Target]),
        instruction(
            "bne",
            Kind::Bne,
            &[RS1, RS2, IMM],
            &[Text("bne "), A, Text(", "), B, Text(", "), Target],
        ),
        instruction(
            "jalr",
            Kind::Jalr,
            &[RD, RS1, IMM],
            &[Text("jalr "), D, Text(", "), Imm, Text("("), A, Text(")")],
        ),
        instruction("ecall", Kind::Ecall, &[], &[Text("ecall")]),
        instruction("add", Kind::Add, &[RD, RS1, RS2], &[Text("add "), D, Text(", "), A, Text(", "), B]),
        instruction("ebreak", Kind::Ebreak, &[], &[Text("ebreak")]),
    ],
    columns: COLUMNS,
    index: ColumnId(0),
    recorded: 9,
    recorded_by_calls: &[],
    stored: 12,
    constraints: NO_CONSTRAINTS,
    links: NO_LINKS,
    calls: &[],
    policy: &[],
    pseudos: &[],
    unproven: true,
};

/// Where test programs begin.
pub(crate) const BASE: Word = 0x1_0000;

/// Where test programs may have data.
pub(crate) const DATA: Word = 0x2_0000;

/// A program of these parts, one after the other, at [`BASE`].
pub(crate) fn program(parts: &[&[u32]]) -> Arc<Program<TestIsa>> {
    Arc::new(Program::from_code(BASE, &parts.concat(), &[(DATA, b"data")]).unwrap())
}

/// x10 = answer of a call with these arguments.
pub(crate) fn call(number: Word, arguments: [Word; 3]) -> Vec<u32> {
    let mut words = vec![Asm::addi(15, 0, number as i32)];
    words.extend((10..).zip(arguments).flat_map(|(register, value)| Asm::li(register, value)));
    words.push(Asm::ecall());
    words
}

/// Copies input to output until it ends, a call's worth at a time, counts in x5 and exits with the count; takes
/// unaligned buffers, so that counts are short.
pub(crate) fn echo() -> Arc<Program<TestIsa>> {
    let [high, low] = Asm::li(6, DATA + 3);
    program(&[
        &[high, low, Asm::add(11, 6, 0)],
        &[Asm::addi(15, 0, 63), Asm::addi(10, 0, 0), Asm::addi(12, 0, 9), Asm::ecall()],
        &[Asm::bne(10, 0, 12), Asm::add(10, 5, 0), Asm::jal(0, 32)],
        &[Asm::add(5, 5, 10), Asm::add(12, 10, 0), Asm::addi(15, 0, 64), Asm::addi(10, 0, 1), Asm::ecall()],
        &[Asm::add(11, 11, 10), Asm::jal(0, -56)],
        &Asm::exit(),
    ])
}

/// Programs of up to 40 random instructions that load, store, branch and call, and now and then fault or exit.
pub(crate) fn any_program() -> impl Strategy<Value = Arc<Program<TestIsa>>> {
    let register = || 0u32..16;
    let instruction =
        (1u32..14, register(), register(), register(), -24i32..24).prop_map(|(kind, a, b, c, imm)| {
            // Registers 6 to 9 point to memory, so that most accesses are good.
            let pointer = 6 + b % 4;
            let target = register_safe(a);
            match kind {
                1 => Asm::addi(target, b, imm),
                2 => Asm::add(target, b, c),
                3 => Asm::lw(target, pointer, imm * 4),
                4 => Asm::sw(c, pointer, imm * 4),
                5 => Asm::lbu(target, pointer, imm),
                6 => Asm::sb(c, pointer, imm * 3),
                7 => Asm::jal(target, imm * 4),
                8 | 9 => Asm::bne(b, c, imm * 4),
                10 => Asm::addi(15, 0, [63, 64, 80, 93, 214, 5][b as usize % 6]),
                11 => Asm::addi(10, 0, imm % 3),
                12 => Asm::add(11, pointer, 0),
                _ => Asm::ecall(),
            }
        });
    prop::collection::vec(instruction, 1..40).prop_map(|body| {
        let pointers = [DATA, DATA + 0x3000, 0x7fff_0000, BASE];
        let setup: Vec<u32> =
            (6..).zip(pointers).flat_map(|(register, value)| Asm::li(register, value)).collect();
        program(&[&setup, &[Asm::addi(12, 0, 7)], &body, &[Asm::jal(0, -4 * body.len() as i32)]])
    })
}

/// Not a pointer.
fn register_safe(register: u32) -> u32 {
    if (6..10).contains(&register) { 5 } else { register }
}
