//! Every instruction of RV32IM, on edge operands, against two models that others made:
//!
//! - `softcore-rv64`, translated by machine from the manual's formal specification in Sail. It has RV64, so [`VIEWS`] says
//!   for each instruction how an RV64 one gives the same. [`NOT_TRANSLATED`] says what it lacks.
//! - `rrs-lib`, a simulator of RV32IM written by hand. It has loads and stores.
//!
//! And random programs whose data ends with the address space, where qemu cannot map memory, against the second.

use std::collections::BTreeMap;

use retrace::isa::{Access, Flow, Isa, Ports, Rv32im, Trap, TrapCause, Word};
use rrs_lib::instruction_executor::{InstructionException, InstructionExecutor};
use rrs_lib::{HartState, MemAccessSize, Memory};
use softcore_rv64::prelude::bv;
use softcore_rv64::raw::{ExecutionResult, execute, regidx};
use softcore_rv64::{Core, config, new_core};

use crate::batch::{Batch, End, here};
use crate::cases::cases;
use crate::code::{Code, PRINTED};
use crate::elf::PAGE;
use crate::generator::Program;

/// How RV64 gives the result of an RV32 instruction.
#[derive(Clone, Copy)]
enum View {
    /// The same word, on sign-extended registers and pc.
    Same,
    /// The word of the W instruction, whose opcode has bit 3 set.
    Word,
}

/// Why each gives the same lower 32 bits, or, of a condition, the same answer.
const VIEWS: [(&[&str], View, &str); 5] = [
    (
        &["lui", "auipc", "jal", "jalr", "add", "addi", "sub", "and", "andi", "or", "ori", "xor", "xori"],
        View::Same,
        "no bit of the result depends on a higher bit of an operand",
    ),
    (
        &["beq", "bne", "blt", "bge", "slt", "slti"],
        View::Same,
        "sign extension keeps the signed numbers what they are",
    ),
    (
        &["bltu", "bgeu", "sltu", "sltiu"],
        View::Same,
        "sign extension keeps the order of unsigned numbers: it adds the same to all that have the top bit",
    ),
    (
        &["sll", "slli", "srl", "srli", "sra", "srai", "mul"],
        View::Word,
        "the W instructions are defined as these on the lower words",
    ),
    (
        &["div", "divu", "rem", "remu"],
        View::Word,
        "the W instructions are defined as these on the lower words, with the same results by zero and of overflow",
    ),
];

/// What the translation stops at: memory, numbers of more than 64 bits, and, of fences, printing.
const NOT_TRANSLATED: [&str; 12] =
    ["lb", "lbu", "lh", "lhu", "lw", "sb", "sh", "sw", "mulh", "mulhsu", "mulhu", "fence"];

/// What an instruction did: registers, next pc, and what it stored: an address, how many bytes, and they.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Effect {
    registers: [u32; 32],
    next: u32,
    stored: Option<(u32, u32, u32)>,
}

/// What it may not do instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Target,
    Data,
}

type Outcome = Result<Effect, Refused>;

/// Memory holds at every address a byte that follows from it.
fn initial(address: u32, bytes: u32) -> u32 {
    let byte = |address: u32| address.wrapping_add(1).wrapping_mul(0x9e37_79b9) >> 24;
    (0..bytes).map(|at| byte(address.wrapping_add(at)) << (8 * at)).sum()
}

struct One {
    registers: [u32; 32],
    stored: Option<(u32, u32, u32)>,
}

impl Ports for One {
    fn register(&self, register: u8) -> Word {
        self.registers[usize::from(register)]
    }

    fn set_register(&mut self, register: u8, value: Word) {
        self.registers[usize::from(register)] = value;
        self.registers[0] = 0;
    }

    fn load(&mut self, address: Word, bytes: Word) -> Result<Access, Trap> {
        if !address.is_multiple_of(bytes) {
            return Err(Trap { cause: TrapCause::MisalignedLoad, value: address });
        }
        Ok(Access { value: initial(address, bytes), ..Access::default() })
    }

    fn store(&mut self, address: Word, bytes: Word, value: Word) -> Result<Access, Trap> {
        if !address.is_multiple_of(bytes) {
            return Err(Trap { cause: TrapCause::MisalignedStore, value: address });
        }
        self.stored = Some((address, bytes, value & (Word::MAX >> (32 - 8 * bytes))));
        Ok(Access::default())
    }

    fn readable(&self, _address: Word) -> bool {
        true
    }

    fn writable(&self, _address: Word) -> bool {
        true
    }

    fn input(&mut self, _stream: u8, _left: Word, _count: Word) -> Result<Word, Trap> {
        unreachable!("no call is made")
    }

    fn output(&mut self, _stream: u8, _position: Word, _count: Word, _bytes: Word) -> Result<(), Trap> {
        unreachable!("no call is made")
    }

    fn exit(&mut self, _code: Word) {}
}

fn ours(word: u32, pc: u32, registers: [u32; 32]) -> Outcome {
    let mut ports = One { registers, stored: None };
    let next = match Rv32im::step(&mut ports, &Rv32im::decode(word, pc), 1, &mut ()) {
        Ok(Flow::Next) => pc.wrapping_add(4),
        Ok(Flow::Jump(target)) => target,
        // The manual knows no such trap: the jump is made, and changes nothing.
        Err(Trap { cause: TrapCause::SelfJump, value }) if value == pc => value,
        Err(Trap { cause: TrapCause::MisalignedTarget, .. }) => return Err(Refused::Target),
        Err(Trap { cause: TrapCause::MisalignedLoad | TrapCause::MisalignedStore, .. }) => {
            return Err(Refused::Data);
        }
        other => panic!("{word:#010x}: {other:?}"),
    };
    Ok(Effect { registers: ports.registers, next, stored: ports.stored })
}

fn sail_core() -> Core {
    let mut config = config::U74;
    // Without compressed instructions a jump's target is a multiple of 4.
    config.extensions.Zca.supported = false;
    let mut core = new_core(config);
    core.reset();
    core
}

fn sail(core: &mut Core, view: View, word: u32, pc: u32, registers: [u32; 32]) -> Outcome {
    let extend = |value: u32| i64::from(value.cast_signed()).cast_unsigned();
    let word = if matches!(view, View::Word) { word | 0b1000 } else { word };
    for (number, value) in (0..).zip(registers).skip(1) {
        core.set(regidx::new(number), extend(value));
    }
    core.PC = bv(extend(pc));
    core.nextPC = bv(extend(pc).wrapping_add(4));
    let instruction = core.decode_instr(word);
    match execute(core, instruction) {
        ExecutionResult::Retire_Success(()) => {}
        ExecutionResult::Memory_Exception(_) => return Err(Refused::Target),
        other => panic!("{word:#010x}: {other:?}"),
    }
    let registers = std::array::from_fn(|number| core.get(regidx::new(number as u8)) as u32);
    Ok(Effect { registers, next: core.nextPC.bits() as u32, stored: None })
}

/// One word to fetch, [`initial`] data, one store.
struct RrsOne {
    fetch: Option<u32>,
    stored: Option<(u32, u32, u32)>,
}

fn size(size: MemAccessSize) -> u32 {
    match size {
        MemAccessSize::Byte => 1,
        MemAccessSize::HalfWord => 2,
        MemAccessSize::Word => 4,
    }
}

impl Memory for RrsOne {
    fn read_mem(&mut self, address: u32, bytes: MemAccessSize) -> Option<u32> {
        Some(self.fetch.take().unwrap_or_else(|| initial(address, size(bytes))))
    }

    fn write_mem(&mut self, address: u32, bytes: MemAccessSize, value: u32) -> bool {
        let bytes = size(bytes);
        self.stored = Some((address, bytes, value & (u32::MAX >> (32 - 8 * bytes))));
        true
    }
}

fn rrs(word: u32, pc: u32, registers: [u32; 32]) -> Outcome {
    let mut mem = RrsOne { fetch: Some(word), stored: None };
    let mut hart_state = HartState { registers, pc, last_register_write: None };
    match (InstructionExecutor { mem: &mut mem, hart_state: &mut hart_state }).step() {
        Ok(()) => {}
        Err(InstructionException::AlignmentFault(_)) => return Err(Refused::Data),
        Err(error) => panic!("{word:#010x}: {error:?}"),
    }
    // It looks at a target when it fetches from it.
    if !hart_state.pc.is_multiple_of(4) {
        return Err(Refused::Target);
    }
    Ok(Effect { registers: hart_state.registers, next: hart_state.pc, stored: mem.stored })
}

fn view(name: &str) -> Option<View> {
    VIEWS.iter().find(|(names, _, _)| names.contains(&name)).map(|(_, view, _)| *view)
}

#[test]
fn every_instruction_on_edge_operands() {
    let begun = std::time::Instant::now();
    let mut core = sail_core();
    let (mut with_sail, mut with_rrs) = (0, 0);
    for instruction in Rv32im::SPEC.instructions {
        // Calls and breakpoints are the environment's.
        if ["ecall", "ebreak"].contains(&instruction.name) {
            continue;
        }
        let view = view(instruction.name);
        assert_ne!(view.is_some(), NOT_TRANSLATED.contains(&instruction.name), "{}", instruction.name);
        let mut cases_of_it = 0;
        cases(instruction, |word, pc, registers| {
            let ours = ours(word, pc, registers);
            let case = || {
                let text = retrace::asm::disassemble::<Rv32im>(&Rv32im::decode(word, pc));
                format!("{text} at {pc:#x}, x5 = {:#x}, x31 = {:#x}", registers[5], registers[31])
            };
            if let Some(view) = view {
                let sail = sail(&mut core, view, word, pc, registers);
                assert!(ours == sail, "{}\nhere {ours:x?}\nSail {sail:x?}", case());
                with_sail += 1;
            }
            // Its pc + 4 overflows.
            if pc != 0xffff_fffc {
                let rrs = rrs(word, pc, registers);
                assert!(ours == rrs, "{}\nhere    {ours:x?}\nrrs-lib {rrs:x?}", case());
                with_rrs += 1;
            }
            cases_of_it += 1;
        });
        assert!(cases_of_it >= 8, "{}: {cases_of_it} cases", instruction.name);
    }
    eprintln!("{with_sail} cases with Sail, {with_rrs} with rrs-lib, {:.1} s", begun.elapsed().as_secs_f64());
}

/// A whole address space, page by page.
#[derive(Default)]
struct Pages(BTreeMap<u32, Vec<u8>>);

impl Pages {
    fn fill(&mut self, address: u32, bytes: &[u8]) {
        bytes.iter().zip(address..=u32::MAX).for_each(|(byte, at)| *self.byte(at) = *byte);
    }

    fn byte(&mut self, address: u32) -> &mut u8 {
        let page = self.0.entry(address / PAGE).or_insert_with(|| vec![0; PAGE as usize]);
        &mut page[(address % PAGE) as usize]
    }
}

impl Memory for Pages {
    fn read_mem(&mut self, address: u32, bytes: MemAccessSize) -> Option<u32> {
        Some((0..size(bytes)).map(|at| u32::from(*self.byte(address + at)) << (8 * at)).sum())
    }

    fn write_mem(&mut self, address: u32, bytes: MemAccessSize, value: u32) -> bool {
        (0..size(bytes)).for_each(|at| *self.byte(address + at) = (value >> (8 * at)) as u8);
        true
    }
}

/// What a program prints, by the model: its first call that is known ends it.
fn printed_by_rrs(batch: &Batch) -> Vec<u8> {
    let program = &batch.programs[0];
    let mut mem = Pages::default();
    for (at, word) in Code::new::<Rv32im>(batch.place, &batch.programs).words {
        mem.fill(at, &word.to_le_bytes());
    }
    mem.fill(batch.place.memory_of(program.slot()), &program.memory());
    let mut hart_state = HartState::new();
    hart_state.pc = program.entry(batch.place);
    for _ in 0..100_000 {
        if mem.read_mem(hart_state.pc, MemAccessSize::Word) == Some(0x0000_0073) {
            if hart_state.registers[17] == 64 {
                let printed = batch.place.printed_of(program.slot());
                return (0..PRINTED).map(|at| *mem.byte(printed + at)).collect();
            }
            // -ENOSYS.
            hart_state.registers[10] = (-38i32).cast_unsigned();
            hart_state.pc += 4;
        } else {
            let step = InstructionExecutor { mem: &mut mem, hart_state: &mut hart_state }.step();
            step.unwrap_or_else(|error| panic!("program {}: {error:?}", program.number));
        }
    }
    panic!("program {} does not end", program.number);
}

#[test]
fn random_programs_at_the_end_of_the_address_space() {
    let begun = std::time::Instant::now();
    let programs = 1000;
    for number in 0..programs {
        let batch = Batch::at_the_top(Program::new::<Rv32im>(number));
        let ours = here::<Rv32im>(&batch.elf::<Rv32im>());
        assert_eq!(ours.end, End::Exited(0), "program {number}");
        if let Some(difference) = batch.difference(&ours.output, &printed_by_rrs(&batch)) {
            panic!("program {number} with rrs-lib: {}", difference.what);
        }
    }
    eprintln!("{programs} programs with rrs-lib, {:.1} s", begun.elapsed().as_secs_f64());
}
