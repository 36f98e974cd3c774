//! Every row of whole programs against constraints, the units' relations among them, and look-ups; and that a lie is seen.

use retrace::check::{Rule, check};
use retrace::checkpoint::{Execution, Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::units::Units;
use retrace::isa::{
    ColumnId, Columns, Flow, Isa, Op, Ports, Recorder, Rv32i, Rv32im, Rv32imZbb, Semantics, Spec, Trap, Word,
};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::replay::StreamingWitnessGenerator;

fn generator<I: Isa>(guest: &str, max_cycles: u64) -> StreamingWitnessGenerator<I, Linux> {
    let elf = std::fs::read(format!("tests/guests/{guest}.elf")).expect("it is in the repository");
    let program = Program::<I>::from_elf(&elf).expect("it is a program");
    let options = Options { max_cycles, ..Options::default() };
    let execution: Execution<I, Linux> =
        execute(program, Linux::default(), Input::empty(), options).expect("it runs");
    StreamingWitnessGenerator::new(execution, Pool::new(2).expect("two threads"))
}

fn holds<I: Isa>(guest: &str, max_cycles: u64) -> u64 {
    let generator = generator::<I>(guest, max_cycles);
    let checked = check(&generator, 0..generator.execution().cycles()).expect("it replays");
    assert_eq!(checked.broken, [], "{guest}");
    checked.rows
}

#[test]
fn rows_of_programs_hold() {
    assert_eq!(holds::<Rv32i>("tiny", 1000), 53);
    assert_eq!(holds::<Rv32i>("sha256", 100_000), 6145);
    assert_eq!(holds::<Rv32i>("quicksort", 50_000), 50_000);
    assert_eq!(holds::<Rv32im>("k256", 50_000), 50_000);
    assert_eq!(holds::<Rv32im>("serde_json", 50_000), 50_000);
    assert_eq!(holds::<Rv32imZbb>("bits", 50_000), 50_000);
}

/// Cells that are lied about.
const CELLS: [&str; 3] = ["add.s0", "add.z0", "product.m0"];

/// RV32I whose honest prover fills one cell of `addi`, or of `lw`, with another value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lying<const CELL: usize>;

impl<const CELL: usize> Isa for Lying<CELL> {
    const SPEC: &'static Spec = Rv32i::SPEC;
    const SEMANTICS: &'static [Semantics] = Rv32i::SEMANTICS;
    const UNITS: &'static Units = Rv32i::UNITS;

    fn decode(word: u32, pc: Word) -> Op {
        Rv32i::decode(word, pc)
    }

    fn step<P: Ports, R: Recorder>(
        ports: &mut P,
        op: &Op,
        index: u32,
        recorder: &mut R,
    ) -> Result<Flow, Trap> {
        Rv32i::step(ports, op, index, recorder)
    }

    fn derive(columns: &mut Columns, rows: usize, code: &[Op], wanted: &[ColumnId]) {
        Rv32i::derive(columns, rows, code, wanted);
        let index = *columns.column(Rv32i::SPEC.index.index());
        let column = Rv32i::SPEC.column(CELLS[CELL]).expect("it is declared");
        for (cell, index) in columns.column_mut(column.index())[..rows].iter_mut().zip(index) {
            let kind = Rv32i::SPEC.instruction(code[index as usize].kind).map(|instruction| instruction.name);
            *cell += Word::from(kind == Some(if CELL == 2 { "lw" } else { "addi" }));
        }
    }

    fn look_up(table: usize, keys: &[Word], values: &mut [Word]) -> bool {
        Rv32i::look_up(table, keys, values)
    }
}

/// A limb that is one more breaks the sum, what is written of it, and mostly its look-up's flag; a wrong flag the look-up.
#[test]
fn a_lie_is_named() {
    const SUM: usize = 0;
    const FLAG: usize = 1;
    assert_eq!((CELLS[SUM], CELLS[FLAG]), ("add.s0", "add.z0"));
    let broken = |generator: &dyn Fn() -> retrace::check::Checked| {
        let checked = generator();
        assert!(checked.broken.iter().all(|broken| broken.instruction == "addi" && broken.rows > 0));
        checked.broken.into_iter().map(|broken| (broken.rule, broken.first, broken.pc)).collect::<Vec<_>>()
    };
    let rules = broken(&|| {
        let generator = generator::<Lying<SUM>>("tiny", 1000);
        check(&generator, 0..53).expect("it replays")
    });
    let named =
        |name: &str| rules.iter().any(|(rule, ..)| matches!(rule, Rule::Constraint(found) if *found == name));
    assert!(
        named("add: t = s0 + 0x1_0000 * s1 + 0x1_0000_0000 * c") && named("rd: value = written"),
        "{rules:?}"
    );
    let rules = broken(&|| {
        let generator = generator::<Lying<FLAG>>("tiny", 1000);
        check(&generator, 0..53).expect("it replays")
    });
    assert!(matches!(rules[..], [(Rule::Lookup("add.low", "zero"), _, _)]), "{rules:?}");
}

/// A cell in another unit's column has the name that it has where it is used, and a relation of no unit says what of the
/// instruction it is about.
#[test]
fn a_shared_cell_is_named_as_it_is_used() {
    let checked = check(&generator::<Lying<2>>("abi", 1000), 0..1000).expect("it replays");
    let of = |name: &'static str| {
        let found = checked.broken.iter().find(|broken| broken.rule == Rule::Constraint(name));
        let found = found.unwrap_or_else(|| panic!("{name}: {:?}", checked.broken));
        assert_eq!(found.instruction, "lw");
        let lane = found.values.iter().find(|(cell, _)| cell == "lane.l1");
        (found.compiled, lane.map(|(_, value)| *value))
    };
    let lw =
        Rv32i::SPEC.instructions.iter().find(|instruction| instruction.name == "lw").expect("it is there");
    let line = |what: &str| lw.compiled.iter().find(|(known, _)| *known == what).map(|(_, text)| *text);
    assert!(line("assert").is_some() && line("address").is_some());
    assert_eq!(of("assert 0"), (line("assert"), Some(1)));
    assert_eq!(of("address"), (line("address"), Some(1)));
}
