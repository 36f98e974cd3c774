//! RV32M, which is a TOML file alone: against the manual's text in Rust, and proven.

use std::sync::Arc;

use crate::common::{CODE, EXIT, prove_and_verify, words};
use retrace::asm::disassemble;
use retrace::checkpoint::{Execution, Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{ColumnSource, Isa, Op, Rv32i, Rv32im};
use retrace::program::Program;

const EDGES: [u32; 11] =
    [0, 1, 2, 3, 7, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff, 0x1234_5678];

/// The manual's tables for M, in wider integers; the divisions' special cases are those of its table "Semantics for
/// division by zero and division overflow".
type Operation = (&'static str, fn(u32, u32) -> u32);

const OPERATIONS: [Operation; 8] = [
    ("mul", |a, b| (u64::from(a) * u64::from(b)) as u32),
    ("mulh", |a, b| ((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32),
    ("mulhsu", |a, b| ((i64::from(a as i32) * i64::from(b)) >> 32) as u32),
    ("mulhu", |a, b| ((u64::from(a) * u64::from(b)) >> 32) as u32),
    ("div", |a, b| match (a as i32, b as i32) {
        (_, 0) => u32::MAX,
        (i32::MIN, -1) => i32::MIN as u32,
        (a, b) => (a / b) as u32,
    }),
    ("divu", |a, b| a.checked_div(b).unwrap_or(u32::MAX)),
    ("rem", |a, b| match (a as i32, b as i32) {
        (a, 0) => a as u32,
        (i32::MIN, -1) => 0,
        (a, b) => (a % b) as u32,
    }),
    ("remu", |a, b| a.checked_rem(b).unwrap_or(a)),
];

/// a0 = t0 op t1, and exit with it.
fn program(name: &str, a: u32, b: u32) -> Arc<Program<Rv32im>> {
    let words = words::<Rv32im>(&format!("li t0, {a}; li t1, {b}; {name} a0, t0, t1; {EXIT}"));
    Arc::new(Program::from_code(CODE, &words, &[]).expect("it can be loaded"))
}

fn run(program: &Arc<Program<Rv32im>>) -> Execution<Rv32im, Linux> {
    execute(Arc::clone(program), Linux::default(), Input::empty(), Options::default()).expect("it runs")
}

#[test]
fn operations_on_edge_operands() {
    for (funct3, (name, operation)) in (0..).zip(OPERATIONS) {
        // By the manual's table: funct7 is 1, opcode OP, and funct3 counts in this order.
        let word = 1 << 25 | 6 << 20 | 5 << 15 | funct3 << 12 | 10 << 7 | 0x33;
        assert_eq!(words::<Rv32im>(&format!("{name} a0, t0, t1")), [word]);
        assert_eq!(disassemble::<Rv32im>(&Rv32im::decode(word, 0)), format!("{name} a0, t0, t1"));
        assert_eq!(Rv32i::decode(word, 0).kind, Op::UNDECODABLE, "{name} is no instruction of RV32I");
        for a in EDGES {
            for b in EDGES {
                let exit_code = run(&program(name, a, b)).exit_code();
                assert_eq!(exit_code, Some(operation(a, b)), "{name} {a:#x} {b:#x}");
            }
        }
    }
}

#[test]
fn a_division_is_proven() {
    let program = program("div", 0x8000_0000, 0xffff_ffff);
    let execution = run(&program);
    prove_and_verify(program, execution);
}

/// The columns stay those of RV32I, and the four cells of a unit more.
#[test]
fn the_columns_are_those_of_the_base() {
    let names = |spec: &'static retrace::isa::Spec| {
        let columns = spec.columns.iter().filter(|column| column.source != ColumnSource::Code);
        columns.map(|column| column.name).collect::<Vec<_>>()
    };
    let (base, all) = (names(Rv32i::SPEC), names(Rv32im::SPEC));
    let own: Vec<&&str> = all.iter().filter(|name| !base.contains(name)).collect();
    assert_eq!(own.len(), 4, "{own:?}");
    assert!(own.iter().all(|name| name.starts_with("add2.")), "{own:?}");
    assert_eq!(Rv32im::SPEC.instructions.len(), 48);
    assert_ne!(Rv32im::SPEC.fingerprint, Rv32i::SPEC.fingerprint);
}
