//! Statements together as no spec here has them: a store and a written register, a trap under a condition, a jump under a
//! condition to a register, a load that is the jump's target. By an instruction set whose semantics are written here twice,
//! as data and as Rust.

use std::sync::Arc;

use retrace::asm::{Layout, assemble};
use retrace::isa::{
    BinaryOp, ColumnId, Columns, Expr, ExprKind, Flow, Isa, Op, Ports, Recorder, Rv32i, SemanticStatement,
    Semantics, Spec, Trap, TrapCause, Type, Word,
};

use crate::fast_pass::{Pair, same};

/// RV32I, of which four instructions mean something else.
#[derive(Clone, Copy, Debug, Default)]
struct Odd;

const WORD: Type = Type { signed: false, width: 32 };

const fn of(kind: ExprKind, width: u32) -> Expr {
    Expr { kind, ty: Type { signed: false, width } }
}

const RS1: Expr = of(ExprKind::Read(0), 32);
const RS2: Expr = of(ExprKind::Read(1), 32);
const LINK: Expr =
    of(ExprKind::Binary(BinaryOp::Add, &of(ExprKind::Pc, 32), &of(ExprKind::Const(4), 32)), 32);
const LOADED: Expr = of(ExprKind::Loaded, 32);
const ODD: Expr = of(ExprKind::Slice(&RS2, 0), 1);
const LOW: Expr = of(ExprKind::Slice(&RS2, 0), 16);
const EQUAL: Expr = of(ExprKind::Binary(BinaryOp::Eq, &RS1, &RS2), 1);
const SUM: Expr = of(ExprKind::Binary(BinaryOp::Add, &RS1, &of(ExprKind::Const(2), 32)), 32);
const DIFFERENCE: Expr = of(ExprKind::Binary(BinaryOp::Sub, &RS1, &RS2), 32);

/// Of each of these, what it does instead.
const CHANGED: [(&str, Semantics); 4] = [
    // store::<16>(rs1, rs2[0..16]); rd = rs1 + 2
    (
        "xor",
        Semantics {
            statements: &[
                SemanticStatement::Write { port: 0, value: SUM },
                SemanticStatement::Store { bits: 16, address: RS1, value: LOW },
            ],
        },
    ),
    // if rs1 == rs2 { trap(breakpoint) } rd = rs1 - rs2
    (
        "or",
        Semantics {
            statements: &[
                SemanticStatement::Trap { condition: Some(EQUAL) },
                SemanticStatement::Write { port: 0, value: DIFFERENCE },
            ],
        },
    ),
    // rd = pc + 4; if rs2[0..1] { jump(rs1) }
    (
        "and",
        Semantics {
            statements: &[
                SemanticStatement::Write { port: 0, value: LINK },
                SemanticStatement::Jump { condition: Some(ODD), target: RS1, stated: false },
            ],
        },
    ),
    // jump(load::<32>(rs1)); rd = pc + 4
    (
        "sub",
        Semantics {
            statements: &[
                SemanticStatement::Load { bits: 32, address: RS1 },
                SemanticStatement::Jump { condition: None, target: LOADED, stated: false },
                SemanticStatement::Write { port: 0, value: LINK },
            ],
        },
    ),
];

const COUNT: usize = Rv32i::SEMANTICS.len();

const fn changed() -> [Semantics; COUNT] {
    let mut all = [Semantics { statements: &[] }; COUNT];
    let mut at = 0;
    while at < COUNT {
        all[at] = Rv32i::SEMANTICS[at];
        let mut change = 0;
        while change < CHANGED.len() {
            if equal(Rv32i::SPEC.instructions[at].name, CHANGED[change].0) {
                all[at] = CHANGED[change].1;
            }
            change += 1;
        }
        at += 1;
    }
    all
}

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    a.len() == b.len() && at == a.len()
}

impl Isa for Odd {
    const SPEC: &'static Spec = Rv32i::SPEC;
    const SEMANTICS: &'static [Semantics] = &changed();

    fn decode(word: u32, pc: Word) -> Op {
        Rv32i::decode(word, pc)
    }

    fn step<P: Ports, R: Recorder>(
        ports: &mut P,
        op: &Op,
        index: u32,
        recorder: &mut R,
    ) -> Result<Flow, Trap> {
        let (rs1, rs2) = (ports.register(op.rs1), ports.register(op.rs2));
        let aligned = |target: Word| match target % 4 {
            0 => Ok(Flow::Jump(target)),
            _ => Err(Trap { cause: TrapCause::MisalignedTarget, value: target }),
        };
        match Self::SPEC.instruction(op.kind).map(|instruction| instruction.name) {
            Some("xor") => {
                ports.store(rs1, 2, rs2 & 0xffff)?;
                ports.set_register(op.rd, rs1.wrapping_add(2));
                Ok(Flow::Next)
            }
            Some("or") if rs1 == rs2 => Err(Trap { cause: TrapCause::Breakpoint, value: op.word }),
            Some("or") => {
                ports.set_register(op.rd, rs1.wrapping_sub(rs2));
                Ok(Flow::Next)
            }
            Some("and") => {
                let flow = if rs2 % 2 == 1 { aligned(rs1)? } else { Flow::Next };
                ports.set_register(op.rd, op.pc.wrapping_add(4));
                Ok(flow)
            }
            Some("sub") => {
                let flow = aligned(ports.load(rs1, 4)?.value)?;
                ports.set_register(op.rd, op.pc.wrapping_add(4));
                Ok(flow)
            }
            _ => Rv32i::step(ports, op, index, recorder),
        }
    }

    fn derive(columns: &mut Columns, rows: usize, code: &[Op], wanted: &[ColumnId]) {
        Rv32i::derive(columns, rows, code, wanted);
    }
}

/// Each program goes round and round until it is at fault, after which the state is the one before.
#[test]
fn statements_together_are_in_lockstep() {
    assert_eq!(WORD, RS1.ty);
    let programs = [
        // Half-words, until the address is not aligned.
        (
            "la s0, place; 1: xor s0, s0, s1; addi s1, s1, 3; slti t0, s1, 100; sub t1, s2, zero; j 1b",
            "xor alone",
        ),
        (
            "la s0, place; 1: xor s0, s0, s1; addi s1, s1, 3; slti t0, s1, 100; bnez t0, 1b; addi s0, s0, 1; j 1b",
            "xor",
        ),
        (
            "la s0, place; li s1, 9; 1: xor s1, s0, s1; xor s0, s0, s1; addi t0, t0, 1; slti t1, t0, 50; bnez t1, 1b; li s0, 0; j 1b",
            "xor to page 0",
        ),
        ("li s0, 40; 1: addi t0, zero, 1; or s0, s0, t0; j 1b", "or"),
        ("li s0, 40; 1: addi t0, zero, 1; or t0, s0, t0; addi s0, s0, -1; j 1b", "or, the same register"),
        // The loop's way back is a jump to a register.
        (
            "li s1, 80; la s0, 1f; 1: addi s1, s1, -1; sltu t0, zero, s1; and ra, s0, t0; addi s0, s0, 2; li s1, 3; j 1b",
            "and",
        ),
        (
            "li s1, 80; la s0, 1f; 1: addi s1, s1, -1; ori t0, s1, 1; and s0, s0, t0; j 1b",
            "and, its own target",
        ),
        (
            "la s0, table; 1: addi s1, s1, 1; sub ra, s0, zero; j 1b; 2: addi s1, s1, 2; addi s0, s0, 4; j 1b",
            "sub",
        ),
        (
            "la s0, table; 1: addi s1, s1, 1; sub s0, s0, zero; j 1b; 2: addi s2, s2, 4; la s0, table; add s0, s0, s2; j 1b",
            "sub, its own base",
        ),
    ];
    for (source, what) in programs {
        let source =
            format!("{source}\n.data\nplace: .zero 512\ntable: .word 0x10014, 0x10014, 0x10014, 0x10016");
        let assembly = assemble::<Odd>(&source, Layout { code: 0x1_0000, data: 0x2_0000 });
        let assembly = assembly.unwrap_or_else(|errors| panic!("{what}: {errors}"));
        let program = Arc::new(assembly.program::<Odd>().expect("it can be loaded"));
        for most in [1, 2, 5, 2000] {
            for mut pair in Pair::each(&program, most, 7) {
                let mut faulted = false;
                for until in 0..700 {
                    faulted |= same(pair.restarted(until), format!("{what} by {most}")).is_err();
                }
                assert!(faulted || what == "and, its own target", "{what}: it comes to its fault");
            }
        }
    }
}
