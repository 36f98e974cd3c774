//! The executor of SP1, in the mode that only executes. 5.2 is the last for programs of 32 bits.
//!
//! SP1 expects the number of a call in t0, and knows numbers of its own. The guests leave theirs in a7 just before each
//! call, so that instruction is replaced: it leaves one of SP1's numbers in t0, which answers here as the guest's own
//! would. The compiler keeps nothing in t0 over a call of these guests: all output is compared.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use retrace::isa::Rv32i;
use retrace::program::Program;
use sp1_core_executor::syscalls::{Syscall, SyscallCode, SyscallContext};
use sp1_core_executor::{Executor, Instruction, Opcode, Register, events::MemoryRecord};
use sp1_stark::SP1CoreOpts;

use crate::Run;
use crate::calls::{A7, BRK, Calls, EXIT, EXIT_GROUP, Machine, READ, WRITE};
use crate::start::start;

const T0: usize = 5;

/// Its memory ends at 0x7800_0000.
const STACK_TOP: u32 = 0x7000_0000;

const HEAP_END: u32 = 0x6000_0000;

/// The guest's number, and SP1's that stands for it.
const NUMBERS: [(u32, SyscallCode); 5] = [
    (EXIT, SyscallCode::HALT),
    (EXIT_GROUP, SyscallCode::HALT),
    (WRITE, SyscallCode::WRITE),
    (READ, SyscallCode::HINT_READ),
    (BRK, SyscallCode::HINT_LEN),
];

pub fn run(program: &Program<Rv32i>, elf: &[u8], arguments: &[Vec<u8>], input: &[u8]) -> Run {
    let start = start(program, arguments, STACK_TOP);
    let mut translated =
        sp1_core_executor::Program::from(&without_sections(elf)).expect("SP1 takes the program");
    translate(&mut translated.instructions);
    translated.memory_image.extend(start.words);
    let mut executor = Executor::new(translated, SP1CoreOpts::default());
    let stack_pointer = MemoryRecord { value: start.stack_pointer, shard: 0, timestamp: 0 };
    executor.state.memory.registers.insert(Register::X2 as u32, stack_pointer);
    let calls = Arc::new(Mutex::new(Calls::new(input, start.heap, HEAP_END)));
    for (number, code) in NUMBERS {
        executor.syscall_map.insert(code, Arc::new(Answer { number, calls: calls.clone() }));
    }
    let begun = Instant::now();
    executor.run_fast().unwrap_or_else(|error| panic!("SP1 stopped at {:#x}: {error}", executor.state.pc));
    let seconds = begun.elapsed().as_secs_f64();
    let output = std::mem::take(&mut calls.lock().expect("nothing panicked").output);
    Run { cycles: executor.state.global_clk, seconds, output }
}

/// SP1 refuses sections below 0x20_0800. It needs none: this leaves the first, which is none.
fn without_sections(elf: &[u8]) -> Vec<u8> {
    let mut elf = elf.to_vec();
    elf[48..50].copy_from_slice(&1u16.to_le_bytes());
    elf
}

/// `li a7, NUMBER; ecall` becomes `li t0, SP1'S; ecall`.
fn translate(instructions: &mut [Instruction]) {
    for at in 1..instructions.len() {
        if instructions[at].opcode != Opcode::ECALL {
            continue;
        }
        let before = &mut instructions[at - 1];
        assert!(
            before.opcode == Opcode::ADD && usize::from(before.op_a) == A7,
            "a call's number comes just before it"
        );
        let (_, code) = NUMBERS.into_iter().find(|(number, _)| *number == before.op_c).expect("a known call");
        *before = Instruction::new(Opcode::ADD, T0 as u8, 0, code as u32, false, true);
    }
}

struct Answer {
    number: u32,
    calls: Arc<Mutex<Calls>>,
}

impl Syscall for Answer {
    fn execute(&self, context: &mut SyscallContext, _: SyscallCode, _: u32, _: u32) -> Option<u32> {
        let mut calls = self.calls.lock().expect("nothing panicked");
        match calls.answer(self.number, context) {
            Some(result) => {
                let (shard, clock) = (context.current_shard, context.clk);
                context.rt.rw(Register::X10, result, shard, clock);
            }
            None => context.set_next_pc(0),
        }
        None
    }
}

impl Machine for SyscallContext<'_, '_> {
    fn register(&mut self, number: usize) -> u32 {
        self.rt.register(Register::from_u8(number as u8))
    }

    fn load(&mut self, address: u32) -> u8 {
        self.rt.byte(address)
    }

    fn store(&mut self, address: u32, byte: u8) {
        let shift = address % 4 * 8;
        let word = self.word_unsafe(address & !3);
        self.mw(address & !3, word & !(0xff << shift) | u32::from(byte) << shift);
    }
}
