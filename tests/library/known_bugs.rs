//! Bugs that other zkVMs shipped: a test a class, each named after it, with the projects and issues where it was seen.
//!
//! Rows are what the execution's witness says; "refused" is what the sum-check over its cells says of a change. Broader
//! tests of the same parts: `tests/lockstep/`, `tests/library/constraints.rs`, `tests/library/proof.rs`, `tests/library/regeneration.rs`.

use std::sync::Arc;

use crate::common::{CODE, DATA, EXIT, load, run, words};
use crate::forged::{dense, sumcheck};
use ark_bn254::Fr;
use retrace::checkpoint::{Execution, Stopped};
use retrace::guest::{Input, Linux};
use retrace::isa::{ColumnId, Isa, Op, Rv32i, Rv32im, TrapCause};
use retrace::oracle::WitnessOracle;
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::proof::{Proof, Prover, Verifier};
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;

const MIN: u32 = 0x8000_0000;
const ALL: u32 = 0xffff_ffff;

/// A program of assembly text that then exits.
fn program<I: Isa>(source: &str) -> Arc<Program<I>> {
    load(&words::<I>(&format!("{source}\nli a0, 0; {EXIT}")))
}

fn execution(source: &str) -> Execution<Rv32i, Linux> {
    let execution = run(&program::<Rv32i>(source), &[], b"input", 1000);
    assert_eq!(execution.exit_code(), Some(0), "{source}: {:?}", execution.stopped());
    execution
}

/// The value of the register t2 at the end.
fn t2(source: &str) -> u32 {
    execution(source).exit().registers[7]
}

/// Why a program stops.
fn cause(source: &str) -> TrapCause {
    match run(&program::<Rv32i>(source), &[], b"", 1000).stopped() {
        Stopped::Trapped(fault) => fault.cause,
        stopped => panic!("{source}: {stopped:?}"),
    }
}

fn proof<I: Isa>(execution: Execution<I, Linux>) -> Proof {
    let generator = StreamingWitnessGenerator::new(execution, Pool::serial());
    let oracle = WitnessOracle::new(generator).expect("there are rows");
    Prover::<Fr>::new(Budget::Unlimited).prove(&oracle).expect("it can be proven").0
}

fn verified<I: Isa>(bytes: &[u8], program: &Arc<Program<I>>) -> bool {
    let verifier = Verifier::new(Arc::clone(program), Input::from(b"input".to_vec()));
    Proof::from_bytes(bytes).is_ok_and(|proof| verifier.verify::<Fr>(&proof).is_ok())
}

/// The cells of an execution: a list a stored column.
struct Witness(Vec<Vec<u32>>);

impl Witness {
    fn of(source: &str) -> Self {
        Self(dense(execution(source)))
    }

    fn column(name: &str) -> usize {
        let mut cells = Rv32i::UNITS.units.iter().flat_map(|unit| unit.cells);
        let cell = cells.find(|cell| cell.name == name).map(|cell| cell.column);
        let found = Rv32i::SPEC.column(name).or(cell);
        found.unwrap_or_else(|| panic!("no column {name}")).index()
    }

    fn cell(&self, name: &str, row: usize) -> u32 {
        self.0[Self::column(name)][row]
    }

    /// The rows of an instruction, or of a call's variant.
    fn rows(&self, name: &str) -> Vec<usize> {
        let kind =
            (1..=u8::MAX).find(|kind| Rv32i::SPEC.kind_name(*kind) == Some(name)).expect("there is one");
        (0..self.0[0].len()).filter(|row| self.cell("kind", *row) == kind as u32).collect()
    }

    fn is_accepted(&self) -> bool {
        sumcheck(self.0.clone(), CODE).is_ok()
    }

    /// Whether it is refused with another value in this cell.
    fn refuses(&self, name: &str, row: usize, value: u32) -> bool {
        let mut cells = self.0.clone();
        let before = core::mem::replace(&mut cells[Self::column(name)][row], value);
        assert_ne!(before, value, "{name} of row {row}");
        sumcheck(cells, CODE).is_err()
    }
}

/// RISC Zero GHSA-f6rc-24x4-ppxp; Ceno #1345; Jolt #834: two answers, or an honest run that cannot be proven.
#[test]
fn division_by_zero_and_overflow() {
    let cases = [
        ("div", 7, 0, ALL),
        ("divu", 7, 0, ALL),
        ("rem", 7, 0, 7),
        ("remu", 7, 0, 7),
        ("div", 0, 0, ALL),
        ("rem", 0, 0, 0),
        ("div", MIN, 0, ALL),
        ("rem", MIN, 0, MIN),
        ("div", MIN, ALL, MIN),
        ("rem", MIN, ALL, 0),
        ("divu", MIN, ALL, 0),
        ("remu", MIN, ALL, MIN),
    ];
    for (name, a, b, expected) in cases {
        let program = program::<Rv32im>(&format!("li t0, {a}; li t1, {b}; {name} t2, t0, t1"));
        let execution = run(&program, &[], b"input", 1000);
        assert_eq!(execution.exit().registers[7], expected, "{name} {a:#x} {b:#x}");
        assert!(verified(&proof(execution).to_bytes(), &program), "{name} {a:#x} {b:#x} is proven");
    }
}

/// RISC Zero GHSA-g3qg-6746-3mg9: two reads of one register in a cycle that may differ.
#[test]
fn both_reads_of_one_register_are_its_value() {
    let witness = Witness::of(&format!(
        "li t0, 21; add t2, t0, t0; sub t3, t2, t2; add t0, t0, t0; beq t2, t0, 1f; ebreak; 1:
         li t4, {DATA}; sw t4, 0(t4)"
    ));
    for (name, value) in [("add", 21), ("sub", 42), ("beq", 42), ("sw", DATA)] {
        let row = witness.rows(name)[0];
        let read = (witness.cell("rs1_value", row), witness.cell("rs2_value", row));
        assert_eq!(read, (value, value), "{name}");
    }
    // The second add writes what it reads.
    let row = witness.rows("add")[1];
    let of = |name| witness.cell(name, row);
    assert_eq!((of("rs1_value"), of("rs2_value"), of("rd_before"), of("rd_after")), (21, 21, 21, 42));
    assert!(witness.is_accepted());
    assert!(witness.refuses("rs2_value", row, 20));
    assert!(witness.refuses("rd.value", row, 41));
}

/// Jolt #719; OpenVM GHSA-jf2r-x3j4-23m7: an immediate that is not bound, or a limb off by one.
#[test]
fn upper_immediates_are_bound() {
    for imm in [0, 1, 0x80, 0xff, 0x100, 0x7ffff, 0x80000, 0xfffff] {
        assert_eq!(t2(&format!("lui t2, {imm}")), imm << 12);
        assert_eq!(t2(&format!("auipc t2, {imm}")), CODE.wrapping_add(imm << 12));
    }
    let witness = Witness::of("lui t2, 0x12345; auipc t3, 0xfedcb");
    assert!(witness.is_accepted());
    for name in ["lui", "auipc"] {
        let row = witness.rows(name)[0];
        assert_eq!(witness.cell("rd.value", row), witness.cell("result", row), "{name}");
        for bit in [0, 8, 12, 24, 31] {
            let value = witness.cell("rd.value", row) ^ 1 << bit;
            assert!(witness.refuses("rd.value", row, value), "{name}, bit {bit}");
        }
    }
}

/// Ceno #539: funct7 forgotten.
#[test]
fn srli_and_srai_are_two_instructions() {
    assert_eq!(t2(&format!("li t0, {MIN}; srli t2, t0, 31")), 1);
    assert_eq!(t2(&format!("li t0, {MIN}; srai t2, t0, 31")), ALL);
    assert_eq!(t2(&format!("li t0, {MIN}; li t1, 31; srl t2, t0, t1")), 1);
    assert_eq!(t2(&format!("li t0, {MIN}; li t1, 31; sra t2, t0, t1")), ALL);
    let srli = words::<Rv32i>("srli t2, t0, 31")[0];
    let legal = (0..128).filter(|funct7| Rv32i::decode(srli | funct7 << 25, 0).kind != Op::UNDECODABLE);
    assert_eq!(legal.collect::<Vec<_>>(), [0, 0b010_0000], "no other funct7 is a shift");
}

/// Nexus #470; Pico #101; RISC Zero #3421: JALR keeps the low bit.
#[test]
fn jalr_clears_the_low_bit() {
    let witness = Witness::of("auipc t0, 0; jalr t2, 13(t0); ebreak; nop");
    let row = witness.rows("jalr")[0];
    let of = |name| witness.cell(name, row);
    let low_bit = of("lane.l1") + of("lane.l3");
    assert_eq!((of("add.s0"), low_bit, of("next_pc")), ((CODE + 13) & 0xffff, 1, CODE + 12));
    assert!(witness.is_accepted());
    assert!(witness.refuses("lane.l3", row, 1));
    assert!(witness.refuses("next_pc", row, CODE + 13));
}

/// Jolt #1457, #1442: a load into x0 is dropped, and its fault with it.
#[test]
fn loads_into_x0_happen() {
    assert_eq!(cause(&format!("li t0, {DATA}; lw zero, 1(t0)")), TrapCause::MisalignedLoad);
    assert_eq!(cause(&format!("li t0, {DATA}; lh zero, 1(t0)")), TrapCause::MisalignedLoad);
    assert_eq!(cause("lb zero, 0(zero)"), TrapCause::NullLoad);
    let source = format!("li t0, {DATA}; li t1, 77; sw t1, 4(t0); lw zero, 4(t0); mv t2, zero");
    assert_eq!(t2(&source), 0);
    let witness = Witness::of(&source);
    let row = witness.rows("lw")[0];
    let of = |name| witness.cell(name, row);
    assert_eq!((of("mem_address"), of("mem_before"), of("result")), (DATA + 4, 77, 77));
    assert_eq!((of("writes_rd"), of("rd_after")), (0, 0));
    assert!(witness.is_accepted());
    assert_eq!(of("rd.value"), 77);
    assert!(witness.refuses("rd.value", row, 0));
}

/// Jolt #1442: address addition that is not modulo 2^32.
#[test]
fn addresses_wrap() {
    // An offset reaches no farther than the last page below 0, and page 0 over the end: both fault.
    assert_eq!(cause("li t0, 16; sw t1, -20(t0)"), TrapCause::LastPageStore);
    assert_eq!(cause("li t0, 2040; lw t2, -2044(t0)"), TrapCause::LastPageLoad);
    assert_eq!(cause("li t0, -4; lw t2, 8(t0)"), TrapCause::NullLoad);
    assert_eq!(cause("li t0, -4; sb t2, 4(t0)"), TrapCause::NullStore);
    let witness = Witness::of(&format!("li t0, {DATA} + 16; lw t2, -16(t0)"));
    let row = witness.rows("lw")[0];
    assert_eq!((witness.cell("mem_address", row), witness.cell("add.c", row)), (DATA, 1));
    assert!(witness.is_accepted());
    assert!(witness.refuses("add.c", row, 0));
    assert_eq!(witness.cell("mem_word", row), DATA);
    assert!(witness.refuses("mem_word", row, DATA + 16) && witness.refuses("mem_word", row, 0));
}

/// ZisK #1188: the sign of what is less than a word.
#[test]
fn bytes_and_halves_extend_their_sign() {
    let loaded = |load: &str| t2(&format!("li t0, {DATA}; li t1, 0x80ff7f81; sw t1, 0(t0); {load}(t0)"));
    let signed =
        [("lb t2, 0", 0xffff_ff81), ("lb t2, 1", 0x7f), ("lb t2, 2", ALL), ("lb t2, 3", 0xffff_ff80)];
    let unsigned = [("lbu t2, 0", 0x81), ("lbu t2, 3", 0x80), ("lhu t2, 0", 0x7f81), ("lhu t2, 2", 0x80ff)];
    let halves = [("lh t2, 0", 0x7f81), ("lh t2, 2", 0xffff_80ff)];
    for (load, expected) in signed.into_iter().chain(unsigned).chain(halves) {
        assert_eq!(loaded(load), expected, "{load}");
    }
}

/// SP1's audit: x0 is the word at address 0, or is written. What the row computes for it is in the row; that it is dropped
/// awaits the register argument, and until then the replay says it.
#[test]
fn x0_is_no_memory_and_is_not_written() {
    assert_eq!(cause("li t0, 5; sw t0, 0(zero)"), TrapCause::NullStore);
    assert_eq!(cause("lw t2, 0(zero)"), TrapCause::NullLoad);
    let source = "addi zero, zero, 5; lui zero, 5; jal zero, 1f; 1: add t2, zero, zero";
    assert_eq!(execution(source).exit().registers[0], 0);
    assert_eq!(t2(source), 0);
    let witness = Witness::of(source);
    assert!(witness.is_accepted());
    for name in ["addi", "lui", "jal"] {
        let row = witness.rows(name)[0];
        assert_eq!((witness.cell("rd", row), witness.cell("rd_after", row)), (0, 0), "{name}");
    }
}

/// RISC Zero #1194: what a system call writes is not in the trace.
#[test]
fn what_calls_write_is_in_the_trace() {
    // read(0, DATA, 4), then its word.
    let source = format!("li a7, 63; li a0, 0; li a1, {DATA}; li a2, 4; ecall; lw t2, 0(a1)");
    let input = u32::from_le_bytes(*b"inpu");
    let witness = Witness::of(&source);
    let row = witness.rows("read.full")[0];
    let of = |name| witness.cell(name, row);
    assert_eq!((of("mem_address"), of("mem_after"), of("input"), of("rd_after")), (DATA, input, input, 4));
    assert_ne!(of("mem_before"), input);
    assert_eq!(witness.cell("mem_before", witness.rows("lw")[0]), input);
    // A replay from a checkpoint after the call has the word too.
    let every_cycle = run(&program::<Rv32i>(&source), &[], b"input", 1);
    assert_eq!(dense(every_cycle), witness.0);
}

/// Nexus #612: a row's pc is not tied to the row before, or the next row's columns are wrong at the last.
#[test]
fn every_pc_is_tied_to_the_row_before() {
    let witness = Witness::of("li t0, 2; 1: addi t0, t0, -1; bnez t0, 1b");
    assert!(witness.is_accepted());
    assert!(sumcheck(witness.0.clone(), CODE + 4).is_err(), "another entry point");
    let rows = witness.0[0].len();
    let pc = |row| witness.cell("pc", row);
    for row in 0..rows {
        let next = witness.cell("next_pc", row);
        assert_eq!(next, if row + 1 < rows { pc(row + 1) } else { 0 }, "row {row}");
        assert!(witness.refuses("next_pc", row, next ^ 4), "next_pc of row {row}");
        assert!(witness.refuses("pc", row, pc(row) ^ 4), "pc of row {row}");
    }
    let cut = witness.0.iter().map(|cells| cells[..rows - 1].to_vec()).collect();
    assert!(sumcheck(cut, CODE).is_err(), "without the last row");
}

/// The zkEVM conformance runs: data words among code are decoded eagerly, and the loader panics.
#[test]
fn data_among_code_does_no_harm() {
    let data = ".word 0, 0xffffffff, 0x00000001, 0xc0001073, 0x8000007f, 0x00301073";
    assert_eq!(t2(&format!("j 1f; {data}; 1: auipc t0, 0; lw t2, -20(t0)")), ALL);
    assert_eq!(cause(&format!("j 1f; {data}; 1: auipc t0, 0; jr -20(t0)")), TrapCause::Undecodable);
}

/// Jolt's tracer: a decode cache hides a fetch, so that the replay differs from the run.
#[test]
fn every_row_fetches_its_word() {
    let source = format!("li t0, 3; li t1, {DATA}; 1: sw t0, 0(t1); addi t0, t0, -1; bnez t0, 1b");
    let witness = Witness::of(&source);
    let code = words::<Rv32i>(&source);
    assert_eq!(witness.rows("sw").len(), 3);
    for (row, pc) in witness.0[Witness::column("pc")].iter().enumerate() {
        let at = (pc - CODE) as usize / 4;
        assert!(code.get(at).is_none_or(|word| *word == witness.cell("word", row)), "row {row}");
    }
    // Rows of replays that go back each time are the same; and no store makes a fetched word another.
    let generator = StreamingWitnessGenerator::new(execution(&source), Pool::serial());
    let columns: Vec<ColumnId> = (0..Rv32i::SPEC.stored as u16).map(ColumnId).collect();
    for start in (0..witness.0[0].len()).rev() {
        let replayed = generator.for_each(start as u64..start as u64 + 1, &columns, 1, |chunk| {
            let same = chunk.columns.iter().zip(&witness.0).all(|(cells, column)| cells[0] == column[start]);
            if same { Ok(()) } else { Err(start) }
        });
        assert!(replayed.is_ok(), "row {start}");
    }
    assert_eq!(cause("auipc t0, 0; sw zero, 8(t0); nop"), TrapCause::StoreToCode);
}

/// Seen in a sum-check written for the same plan: challenges that do not depend on the messages; a claim checked
/// against the wrong sum.
#[test]
fn every_byte_of_a_proof_counts() {
    let program = program::<Rv32i>("li t0, 5; add t2, t0, t0");
    let bytes = proof(run(&program, &[], b"input", 1000)).to_bytes();
    assert!(verified(&bytes, &program));
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(!verified(&flipped, &program), "byte {at}");
    }
    // Each round's challenge depends on what was sent before it; and a false sum is refused.
    let point = |source| sumcheck(Witness::of(source).0, CODE).expect("it is honest")[0].0.clone();
    let (one, other) = (point("li t0, 5; add t1, t0, t0"), point("li t0, 6; add t1, t0, t0"));
    assert!(one.iter().zip(&other).all(|(one, other)| one != other), "challenges stay the same");
    assert!(sumcheck(Witness::of("li t0, 5").0, CODE + 4).is_err(), "the entry point is in the sum");
}
