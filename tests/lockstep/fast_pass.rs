//! What executes the fast pass, pairs of instructions as one and native code, against one instruction after the other, to
//! the cycle: states, memory, faults.

use std::sync::Arc;

use retrace::checkpoint::Checkpoint;
use retrace::guest::{Input, Linux};
use retrace::isa::{Happens, Instruction, Isa, Recorder, Rv32imZbb, Word};
use retrace::machine::{FastPass, Machine, Pause, RunError};

use crate::batch::Batch;
use crate::code::{Place, word};
use crate::generator::{Item, Program, immediate};
use crate::random::{EDGES, Random};

retrace::isa! {
    /// Operations of all kinds and widths.
    struct Widths = "tests/specs/widths.toml";
}

pub(crate) type Loaded<I> = Arc<retrace::program::Program<I>>;
pub(crate) type State = Checkpoint<Linux>;

/// How a machine paused: its state, and the end or the fault.
pub(crate) type Outcome = (State, Result<Pause, String>);

fn load<I: Isa>(program: &Program) -> Loaded<I> {
    let elf = Batch::new(vec![program.clone()]).elf::<I>();
    Arc::new(retrace::program::Program::from_elf(&elf).expect("it can be loaded"))
}

fn outcome<I: Isa>(machine: &mut Machine<I, Linux>, paused: Result<Pause, RunError>) -> Outcome {
    let paused = paused.map_err(|error| match error {
        RunError::Fault(fault) => format!("{fault:?}"),
        other => panic!("{other}"),
    });
    (machine.checkpoint(), paused)
}

/// Takes nothing, and yet has every instruction executed by itself.
struct Alone;

impl Recorder for Alone {
    type Row<'r> = Self;

    fn row(&mut self) -> Self {
        Self
    }

    fn record<const COLUMN: usize>(&mut self, _value: Word) {}

    fn next_row(&mut self) {}
}

/// A machine that executes one instruction after the other, and one of the fast pass.
pub(crate) struct Pair<I: Isa> {
    initial: State,
    alone: Machine<I, Linux>,
    fast: Machine<I, Linux>,
    fast_pass: FastPass<I>,
}

impl<I: Isa> Pair<I> {
    /// One for each executor: the interpreter; native code for everything when it is first jumped to, at most so many
    /// instructions at once; native code that is there late, at moments drawn from the seed.
    pub(crate) fn each(program: &Loaded<I>, most: usize, seed: u64) -> Vec<Self> {
        let mut executors = vec![FastPass::interpreter()];
        if cfg!(feature = "jit") {
            executors.push(FastPass::eager(program, 1, most).expect("there is native code"));
            executors.push(FastPass::random(program, seed).expect("there is native code"));
        }
        executors.into_iter().map(|executor| Self::new(program, executor)).collect()
    }

    fn new(program: &Loaded<I>, fast_pass: FastPass<I>) -> Self {
        let initial = Checkpoint::initial(program, Linux::default(), &[b"guest".to_vec()], &Input::empty())
            .expect("it starts");
        let machine =
            || Machine::new(Arc::clone(program), Input::empty(), &initial).expect("there is memory");
        let (alone, fast) = (machine(), machine());
        Self { initial, alone, fast, fast_pass }
    }

    /// Both run from the start to a cycle.
    pub(crate) fn restarted(&mut self, until: u64) -> [Outcome; 2] {
        self.alone.restore(&self.initial);
        self.fast.restore(&self.initial);
        self.on(until)
    }

    /// Both go on to a cycle.
    fn on(&mut self, until: u64) -> [Outcome; 2] {
        let alone = self.alone.run(until, &mut Alone);
        let fast = self.fast_pass.run(&mut self.fast, until);
        [outcome(&mut self.alone, alone), outcome(&mut self.fast, fast)]
    }
}

pub(crate) fn same([alone, fast]: [Outcome; 2], what: impl core::fmt::Display) -> Result<Pause, String> {
    assert_eq!(alone.0.cycle, fast.0.cycle, "{what}: cycles");
    assert_eq!(alone.0.pc, fast.0.pc, "{what}: pc at cycle {}", alone.0.cycle);
    assert_eq!(alone.0.registers, fast.0.registers, "{what}: registers at {}", alone.0.cycle);
    assert!(alone.0 == fast.0, "{what}: states at cycle {}", alone.0.cycle);
    assert_eq!(alone.1, fast.1, "{what}: ends");
    alone.1
}

/// How many cycles come before a program's own: two for each register's value.
const SETTING: u64 = 62;

/// By each executor.
fn compare<I: Isa>(program: &Program, every: u64) {
    let mut random = Random(program.number);
    let loaded = load::<I>(program);
    let most = [1, 3, 20, 2000][random.below(4) as usize];
    for mut pair in Pair::each(&loaded, most, program.number) {
        let what = format!("program {} by {most}, {:?}", program.number, pair.fast_pass);
        compare_pair(&mut pair, &what, every, random.clone());
    }
}

/// The state after each of a program's first cycles, run from its start; then at some cycles on the way to its end.
fn compare_pair<I: Isa>(pair: &mut Pair<I>, what: &str, every: u64, mut random: Random) {
    let what = |how| format!("{what}, {how}");
    let stride = 1 + u64::from(random.below(3));
    for until in (SETTING - 2..SETTING + every).step_by(stride as usize) {
        if same(pair.restarted(until), what("from the start")) != Ok(Pause::Reached) {
            break;
        }
    }
    let mut until = 0;
    let end = loop {
        match same(if until == 0 { pair.restarted(0) } else { pair.on(until) }, what("on")) {
            Ok(Pause::Reached) => {
                let bits = random.below(15);
                until += 1 + u64::from(random.below(1 << bits));
            }
            end => break end,
        }
    };
    assert!(end != Ok(Pause::Reached) && until < 1_000_000, "{}: it ends", what("on"));
}

/// Compares the first cycles of so many programs, on two threads.
fn programs<I: Isa>(count: u64, every: u64, make: impl Fn(u64) -> Program + Sync) {
    let make = &make;
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                (half..count).step_by(2).for_each(|number| compare::<I>(&make(number), every))
            });
        }
    });
}

#[test]
fn the_fast_pass_is_in_lockstep_on_random_programs() {
    programs::<Rv32imZbb>(1000, 200, Program::new::<Rv32imZbb>);
}

#[test]
fn the_fast_pass_is_in_lockstep_on_every_operation_and_width() {
    programs::<Widths>(200, 200, Program::new::<Widths>);
}

/// Among them the quotients that overflow, and those by zero.
#[test]
fn the_fast_pass_is_in_lockstep_on_every_operation_on_edges() {
    let mut items = Vec::new();
    for instruction in Widths::SPEC.instructions.iter().filter(|i| i.name.starts_with("mix")) {
        for (rs1, rs2) in EDGES.iter().flat_map(|rs1| EDGES.iter().map(move |rs2| (*rs1, *rs2))) {
            let rd = 7 + items.len() as u8 % 8;
            items.push(Item::Plain { set: vec![(5, rs1), (6, rs2)], word: word(instruction, [rd, 5, 6], 0) });
        }
    }
    // Five instructions an item.
    let programs_of: Vec<&[Item]> = items.chunks(120).collect();
    programs::<Widths>(programs_of.len() as u64, 600, |number| {
        Program::of(number, programs_of[number as usize].to_vec())
    });
}

/// The fused pairs of an instruction set.
fn fused<I: Isa>() -> Vec<(&'static Instruction, &'static Instruction)> {
    let kind = |at: usize| u8::try_from(at + 1).expect("kinds are bytes");
    let all = || I::SPEC.instructions.iter().enumerate();
    let pairs = all().flat_map(|first| all().map(move |second| (first, second)));
    let fused = pairs.filter(|((a, _), (b, _))| I::fuse(kind(*a), kind(*b)) != kind(*a));
    fused.map(|((_, first), (_, second))| (first, second)).collect()
}

/// Each fused pair, of operands with which neither fails, the first does, or the second does: where it reads what the
/// first wrote, and where not; jumps to the next instruction, over it, and to half of one.
#[test]
fn the_fast_pass_is_in_lockstep_on_every_fused_pair() {
    let pairs = fused::<Rv32imZbb>();
    assert!(pairs.len() > 100, "{} pairs", pairs.len());
    let exit = Place::of(0).exit();
    let addi = Rv32imZbb::SPEC.instructions.iter().find(|i| i.name == "addi").expect("it has RV32I");
    let nop = word(addi, [0, 0, 0], 0);
    let bases = [0x0200_0000, 0x0200_0002, 0x0200_0003, 0x10, exit, 0xffff_fffc];
    let others = [0, 5, 0x0200_0000, u32::MAX];
    // An upper immediate has the high bits alone.
    let imm = |instruction, value: u32| match immediate(instruction) {
        Some(imm) if imm.put(value).is_none() => value << 12,
        _ => value,
    };
    let (targets, written) = ([4, 8, 6], [7, 5]);
    let cases = bases.len() * others.len() * targets.len() * written.len();
    programs::<Rv32imZbb>((pairs.len() * cases / 16) as u64, 8, |number| {
        let mut random = Random(number);
        let (first, second) = pairs[number as usize % pairs.len()];
        let mut items = Vec::new();
        for _ in 0..12 {
            let mut pick = |of: &[u32]| of[random.below(of.len() as u32) as usize];
            let set = vec![(5, pick(&bases)), (6, pick(&others))];
            let rd = pick(&written) as u8;
            items.push(Item::Plain { set, word: word(first, [rd, 5, 6], imm(first, pick(&targets))) });
            items.push(Item::Plain {
                set: Vec::new(),
                word: word(second, [8, 5, 6], imm(second, pick(&targets))),
            });
            // Where jumps over the next instruction lead.
            items.push(Item::Plain { set: Vec::new(), word: nop });
        }
        Program::of(number, items)
    });
}

/// Programs that end with a fault: some items of a random one, then an instruction that cannot be executed.
#[test]
fn the_fast_pass_is_in_lockstep_on_faults() {
    let faults = faults();
    assert!(faults.len() > 40, "{} faults", faults.len());
    programs::<Rv32imZbb>(2 * faults.len() as u64, 200, |number| {
        let program = Program::new::<Rv32imZbb>(number);
        let mut items = program.items.clone();
        items.truncate(number as usize % 7);
        items.extend_from_slice(&faults[number as usize % faults.len()]);
        program.with(items)
    });
}

/// Every way in which an instruction can fail, with what comes before it.
fn faults() -> Vec<Vec<Item>> {
    let mut faults = Vec::new();
    // The base register is 5 or 6, whatever the program keeps for itself.
    let mut fault = |instruction: &Instruction, base: u32, imm: u32, before: &[Item]| {
        for register in [5, 6] {
            let set = vec![(register, base.wrapping_sub(imm))];
            let fault = Item::Plain { set, word: word(instruction, [7, register, 0], imm) };
            faults.push([before, &[fault]].concat());
        }
    };
    let named = |name| Rv32imZbb::SPEC.instructions.iter().find(|i| i.name == name).expect("it has RV32I");
    // Page 0; code, wherever a program is; what is no code; pages that are ready, for loads or for both, since they were
    // accessed before.
    let (null, code, away) = (0x10, [Place::of(0).exit(), Place::of(1).exit()], 0x0200_0000);
    let access = |name, register, address| Item::Plain {
        set: vec![(register, address)],
        word: word(named(name), [0, register, 0], 0),
    };
    let accessed = |address| {
        let stored = [access("sw", 5, address), access("sw", 6, address)];
        [stored.to_vec(), [access("lw", 5, address), access("lw", 6, address)].to_vec()]
    };
    for instruction in Rv32imZbb::SPEC.instructions {
        if let Some(bits) = instruction.effects.memory.bits() {
            fault(instruction, null, 0, &[]);
            fault(instruction, null, (-16i32) as u32, &[]);
            let misaligned = (1..u32::from(bits) / 8).map(|offset| away + 64 + offset);
            for (address, before) in misaligned.flat_map(|address| accessed(away).map(|it| (address, it))) {
                fault(instruction, address, 0, &[]);
                fault(instruction, address, 5, &before);
            }
            if instruction.effects.memory.stores() {
                for address in code {
                    let [_, loaded] = accessed(address);
                    fault(instruction, address, 0, &[]);
                    fault(instruction, address, 0, &loaded);
                }
            }
        }
        match instruction.effects.jump {
            Happens::Always if instruction.operand("rs1").is_some() => {
                for target in [away + 2, away, 0x7000_0000, 0, 2, 0xffff_fffc] {
                    fault(instruction, target, 0, &[]);
                }
            }
            // Of two registers that are equal, or not; some of these are taken, to half an instruction or out of the code.
            Happens::Always | Happens::Sometimes => {
                for imm in [2, 6, 0x800, 0xffff_f002u32] {
                    fault(instruction, imm, imm, &[]);
                    fault(instruction, 7u32.wrapping_add(imm), imm, &[]);
                }
            }
            Happens::Never => {}
        }
        if instruction.effects.trap != Happens::Never {
            fault(instruction, 0, 0, &[]);
        }
    }
    faults.extend([0, u32::MAX].map(|word| vec![Item::Plain { set: vec![], word }]));
    faults
}
