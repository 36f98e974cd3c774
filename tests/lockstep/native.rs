//! Native code against the interpreter, to the cycle: states, memory, faults.

use std::sync::Arc;

use retrace::checkpoint::{Checkpoint, Executor};
use retrace::guest::{Input, Linux};
use retrace::isa::{Happens, Instruction, Isa, MemoryAccess, Rv32imZbb};
use retrace::machine::{FastPass, Machine, Pause, RunError};

use crate::batch::Batch;
use crate::code::{Place, word};
use crate::generator::{Item, Program};
use crate::random::Random;

retrace::isa! {
    /// Operations of all kinds and widths.
    struct Widths = "tests/specs/widths.toml";
}

type Loaded<I> = Arc<retrace::program::Program<I>>;
type State = Checkpoint<Linux>;

/// How a machine paused: its state, and the end or the fault.
type Outcome = (State, Result<Pause, String>);

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

struct Pair<I: Isa> {
    initial: State,
    interpreted: Machine<I, Linux>,
    compiled: Machine<I, Linux>,
    fast_pass: FastPass<I>,
}

impl<I: Isa> Pair<I> {
    /// Everything is compiled when it is first jumped to, at most so many instructions at once.
    fn new(program: &Loaded<I>, most: usize) -> Self {
        let initial =
            Checkpoint::initial(program, Linux::default(), &[b"guest".to_vec()]).expect("it starts");
        let machine =
            || Machine::new(Arc::clone(program), Input::empty(), &initial).expect("there is memory");
        let (interpreted, compiled) = (machine(), machine());
        let fast_pass = FastPass::new(Executor::Native, program).expect("there is native code");
        Self { initial, interpreted, compiled, fast_pass: fast_pass.with_effort(1, most) }
    }

    /// Both run from the start to a cycle.
    fn restarted(&mut self, until: u64) -> [Outcome; 2] {
        self.interpreted.restore(&self.initial);
        self.compiled.restore(&self.initial);
        self.on(until)
    }

    /// Both go on to a cycle.
    fn on(&mut self, until: u64) -> [Outcome; 2] {
        let interpreted = self.interpreted.run(until, &mut ());
        let compiled = self.fast_pass.run(&mut self.compiled, until);
        [outcome(&mut self.interpreted, interpreted), outcome(&mut self.compiled, compiled)]
    }
}

fn same([interpreted, compiled]: [Outcome; 2], what: impl core::fmt::Display) -> Result<Pause, String> {
    assert_eq!(interpreted.0.cycle, compiled.0.cycle, "{what}: cycles");
    assert_eq!(interpreted.0.pc, compiled.0.pc, "{what}: pc at cycle {}", interpreted.0.cycle);
    assert_eq!(interpreted.0.registers, compiled.0.registers, "{what}: registers at {}", interpreted.0.cycle);
    assert!(interpreted.0 == compiled.0, "{what}: states at cycle {}", interpreted.0.cycle);
    assert_eq!(interpreted.1, compiled.1, "{what}: ends");
    interpreted.1
}

/// How many cycles come before a program's own: two for each register's value.
const SETTING: u64 = 62;

/// The state after each of a program's first cycles, run from its start; then at some cycles on the way to its end.
fn compare<I: Isa>(program: &Program, every: u64) {
    let mut random = Random(program.number);
    let loaded = load::<I>(program);
    let most = [1, 3, 20, 2000][random.below(4) as usize];
    let mut pair = Pair::new(&loaded, most);
    let what = |how| format!("program {} by {most}, {how}", program.number);
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

/// On two threads: what there is to do is many small things.
fn programs<I: Isa>(count: u64, make: impl Fn(u64) -> Program + Sync) {
    let make = &make;
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || (half..count).step_by(2).for_each(|number| compare::<I>(&make(number), 200)));
        }
    });
}

#[test]
fn native_code_is_in_lockstep_on_random_programs() {
    programs::<Rv32imZbb>(1500, Program::new::<Rv32imZbb>);
}

#[test]
fn native_code_is_in_lockstep_on_every_operation_and_width() {
    programs::<Widths>(300, Program::new::<Widths>);
}

/// Programs that end with a fault: some items of a random one, then an instruction that cannot be executed.
#[test]
fn native_code_leaves_faults_to_the_interpreter() {
    let faults = faults();
    assert!(faults.len() > 40, "{} faults", faults.len());
    programs::<Rv32imZbb>(3 * faults.len() as u64, |number| {
        let program = Program::new::<Rv32imZbb>(number);
        let mut items = program.items.clone();
        items.truncate(number as usize % 7);
        items.push(faults[number as usize % faults.len()].clone());
        program.with(items)
    });
}

/// Every way in which an instruction can fail.
fn faults() -> Vec<Item> {
    let mut faults = Vec::new();
    let mut fault = |instruction: &Instruction, base: u32, imm: u32| {
        // The register that is 5 or 6, whatever the program keeps for itself.
        for base_register in [5, 6] {
            let set = vec![(base_register, base.wrapping_sub(imm))];
            faults.push(Item::Plain { set, word: word(instruction, [7, base_register, 0], imm) });
        }
    };
    // Page 0; code, wherever a program is; an address that no access of more than a byte may have.
    let (null, code, odd) = (0x10, [Place::of(0).exit(), Place::of(1).exit()], 0x0200_0001);
    for instruction in Rv32imZbb::SPEC.instructions {
        match instruction.effects.memory {
            MemoryAccess::Load { bits } | MemoryAccess::Store { bits } => {
                fault(instruction, null, 0);
                fault(instruction, null, (-16i32) as u32);
                if bits > 8 {
                    fault(instruction, odd, 5);
                }
                if bits > 16 {
                    fault(instruction, odd + 1, 0);
                }
                if matches!(instruction.effects.memory, MemoryAccess::Store { .. }) {
                    code.into_iter().for_each(|code| fault(instruction, code, 0));
                }
            }
            MemoryAccess::None => {}
        }
        match instruction.effects.jump {
            Happens::Always if instruction.operand("rs1").is_some() => {
                for target in [odd + 1, odd + 3, 0x7000_0000, 0, 2, 0xffff_fffc] {
                    fault(instruction, target, 0);
                }
            }
            // Of two registers that are equal, or not; some of these are taken, to half an instruction or out of the code.
            Happens::Always | Happens::Sometimes => {
                for imm in [2, 6, 0x800, 0xffff_f002u32] {
                    fault(instruction, imm, imm);
                    fault(instruction, 7u32.wrapping_add(imm), imm);
                }
            }
            Happens::Never => {}
        }
        if instruction.effects.trap != Happens::Never {
            fault(instruction, 0, 0);
        }
    }
    faults.push(Item::Plain { set: vec![], word: 0 });
    faults.push(Item::Plain { set: vec![], word: u32::MAX });
    faults
}
