//! rrs-lib, with memory as two arrays.

use std::time::Instant;

use retrace::checkpoint::Checkpoint;
use retrace::guest::{Input, Linux};
use retrace::isa::Rv32i;
use retrace::program::Program;
use rrs_lib::instruction_executor::{InstructionException, InstructionExecutor};
use rrs_lib::{HartState, MemAccessSize, Memory};

use crate::Run;
use crate::calls::{A7, Calls, Machine};
use crate::start::heap;

/// Memory from address 0, and below the stack's top.
struct Flat {
    low: Vec<u32>,
    stack: Vec<u32>,
    stack_base: u32,
}

const LOW_BYTES: u32 = 32 << 20;
const STACK_BYTES: u32 = 1 << 20;

impl Flat {
    #[inline(always)]
    fn word(&mut self, address: u32) -> Option<&mut u32> {
        if address < LOW_BYTES {
            self.low.get_mut(address as usize / 4)
        } else {
            self.stack.get_mut(address.wrapping_sub(self.stack_base) as usize / 4)
        }
    }
}

impl Memory for Flat {
    #[inline(always)]
    fn read_mem(&mut self, address: u32, size: MemAccessSize) -> Option<u32> {
        let shift = address % 4 * 8;
        let word = *self.word(address)?;
        Some(match size {
            MemAccessSize::Byte => word >> shift & 0xff,
            MemAccessSize::HalfWord => word >> shift & 0xffff,
            MemAccessSize::Word => word,
        })
    }

    #[inline(always)]
    fn write_mem(&mut self, address: u32, size: MemAccessSize, value: u32) -> bool {
        let shift = address % 4 * 8;
        let mask = match size {
            MemAccessSize::Byte => 0xff,
            MemAccessSize::HalfWord => 0xffff,
            MemAccessSize::Word => u32::MAX,
        } << shift;
        match self.word(address) {
            Some(word) => {
                *word = *word & !mask | value << shift & mask;
                true
            }
            None => false,
        }
    }
}

pub fn run(program: &Program<Rv32i>, arguments: &[Vec<u8>], input: &[u8]) -> Run {
    let start = Checkpoint::initial(program, Linux::default(), arguments, &Input::from(input))
        .expect("the program starts");
    let stack_top = start.registers[2].next_multiple_of(4096);
    let stack_base = stack_top - STACK_BYTES;
    let mut memory = Flat {
        low: vec![0; LOW_BYTES as usize / 4],
        stack: vec![0; STACK_BYTES as usize / 4 + 4096],
        stack_base,
    };
    for page in start.pages.iter() {
        let (page, words) = page.expect("the memory is not in a file");
        for (at, word) in words.iter().enumerate() {
            *memory.word(page * 4096 + at as u32 * 4).expect("the page is in memory") = *word;
        }
    }
    let mut hart = HartState::new();
    hart.registers.copy_from_slice(&start.registers);
    hart.pc = start.pc;
    let mut calls = Calls::new(input, heap(program), LOW_BYTES);
    let begun = Instant::now();
    let mut cycles = 0;
    let mut executor = InstructionExecutor { mem: &mut memory, hart_state: &mut hart };
    loop {
        match executor.step() {
            Ok(()) => cycles += 1,
            Err(InstructionException::IllegalInstruction(_, 0x73)) => {
                cycles += 1;
                let number = executor.register(A7);
                let Some(result) = calls.answer(number, &mut executor) else { break };
                executor.hart_state.registers[10] = result;
                executor.hart_state.pc += 4;
            }
            Err(error) => panic!("rrs-lib stopped at {:#x}: {error:?}", executor.hart_state.pc),
        }
    }
    Run { cycles, seconds: begun.elapsed().as_secs_f64(), output: calls.output }
}

impl Machine for InstructionExecutor<'_, Flat> {
    fn register(&mut self, number: usize) -> u32 {
        self.hart_state.registers[number]
    }

    fn load(&mut self, address: u32) -> u8 {
        self.mem.read_mem(address, MemAccessSize::Byte).map_or(0, |byte| byte as u8)
    }

    fn store(&mut self, address: u32, byte: u8) {
        self.mem.write_mem(address, MemAccessSize::Byte, u32::from(byte));
    }
}
