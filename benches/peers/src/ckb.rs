//! ckb-vm: its interpreter in Rust, with registers of 32 bits. The one in assembly has registers of 64 bits only.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use ckb_vm::machine::VERSION2;
use ckb_vm::{
    CoreMachine, DefaultCoreMachine, DefaultMachineBuilder, DefaultMachineRunner, Error, FlatMemory, ISA_IMC,
    Memory, RISCV_MAX_MEMORY, SupportMachine, Syscalls, TraceMachine,
};
use retrace::isa::Rv32i;
use retrace::program::Program;

use crate::Run;
use crate::calls::{A7, Calls, Machine};
use crate::start::start;

type Core = DefaultCoreMachine<u32, FlatMemory<u32>>;

const STACK_BYTES: u32 = 1 << 18;

/// None where the guest needs more memory than ckb-vm's 4 MiB.
pub fn run(program: &Program<Rv32i>, arguments: &[Vec<u8>], input: &[u8]) -> Option<Run> {
    let top = RISCV_MAX_MEMORY as u32;
    let start = start(program, arguments, top);
    let calls = Arc::new(Mutex::new(Calls::new(input, start.heap, top - STACK_BYTES)));
    let core = Core::new_with_memory(ISA_IMC, VERSION2, u64::MAX, RISCV_MAX_MEMORY);
    let machine = DefaultMachineBuilder::new(core)
        .instruction_cycle_func(Box::new(|_| 1))
        .syscall(Box::new(Answer(calls.clone())));
    let mut machine = TraceMachine::new(machine.build());
    for (address, word) in start.words {
        machine.machine.memory_mut().store32(&address, &word).ok()?;
    }
    machine.set_register(2, start.stack_pointer);
    machine.update_pc(start.pc);
    machine.commit_pc();
    let begun = Instant::now();
    machine.run().unwrap_or_else(|error| panic!("ckb-vm stopped at {:#x}: {error}", machine.pc()));
    let seconds = begun.elapsed().as_secs_f64();
    let mut calls = calls.lock().expect("nothing panicked");
    let output = std::mem::take(&mut calls.output);
    (!calls.refused).then(|| Run { cycles: machine.machine.cycles(), seconds, output })
}

struct Answer(Arc<Mutex<Calls>>);

impl Syscalls<Core> for Answer {
    fn initialize(&mut self, _: &mut Core) -> Result<(), Error> {
        Ok(())
    }

    fn ecall(&mut self, machine: &mut Core) -> Result<bool, Error> {
        let mut calls = self.0.lock().expect("nothing panicked");
        match calls.answer(machine.registers()[A7], machine) {
            Some(result) => machine.set_register(10, result),
            None => machine.set_running(false),
        }
        Ok(true)
    }
}

impl Machine for Core {
    fn register(&mut self, number: usize) -> u32 {
        self.registers()[number]
    }

    fn load(&mut self, address: u32) -> u8 {
        self.memory_mut().load8(&address).map_or(0, |byte| byte as u8)
    }

    fn store(&mut self, address: u32, byte: u8) {
        let _ = self.memory_mut().store8(&address, &u32::from(byte));
    }
}
