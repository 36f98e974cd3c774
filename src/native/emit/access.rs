//! What compiled instructions do to registers and to memory.
//!
//! In: addresses and values. Out: loads and stores of the host, and exits before what the fast path does not do.

use cranelift_codegen::ir::{AliasRegionData, InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::Variable;

use super::{At, Emitter};
use crate::isa::Word;
use crate::native::registers::RegisterSet;
use crate::native::state::Left;
use crate::pages::PAGE_BYTES;

impl Emitter<'_> {
    pub(super) fn variable(&mut self, register: u8) -> Variable {
        let b = &mut self.b;
        *self.variables[usize::from(register)].get_or_insert_with(|| b.declare_var(types::I32))
    }

    /// A register's value here.
    pub(super) fn register(&mut self, register: u8) -> Value {
        if register == self.zero {
            return self.b.ins().iconst(types::I32, 0);
        }
        if !self.values.contains(register) {
            self.load_register(register);
            self.values.insert(register);
        }
        let variable = self.variable(register);
        self.b.use_var(variable)
    }

    pub(super) fn load_register(&mut self, register: u8) {
        let flags = self.flags(Memory::Register(register));
        let registers = self.arguments.registers;
        let value = self.b.ins().load(types::I32, flags, registers, offset_of_register(register));
        let variable = self.variable(register);
        self.b.def_var(variable, value);
    }

    /// Stores the registers that memory does not have.
    pub(super) fn store_registers(&mut self) {
        for register in self.unsaved.iter() {
            let flags = self.flags(Memory::Register(register));
            let variable = self.variable(register);
            let value = self.b.use_var(variable);
            self.b.ins().store(flags, value, self.arguments.registers, offset_of_register(register));
        }
    }

    /// Stores the registers that memory does not have, for good.
    pub(super) fn save(&mut self) {
        self.store_registers();
        self.unsaved = RegisterSet::default();
    }

    /// Where an address is in the host's memory. Leaves if it is not aligned, or its page has not this flag.
    pub(super) fn checked(&mut self, address: Value, bits: u32, flag: u8, at: &At<'_>) -> Value {
        let bytes = i64::from(bits / 8);
        let refused = self.b.create_block();
        self.b.set_cold_block(refused);
        if bytes > 1 {
            let low = self.b.ins().band_imm_u(address, bytes - 1);
            let aligned = self.b.create_block();
            self.b.ins().brif(low, refused, &[], aligned, &[]);
            self.b.seal_block(aligned);
            self.b.switch_to_block(aligned);
        }
        let page = self.b.ins().ushr_imm_u(address, i64::from(PAGE_BYTES.trailing_zeros()));
        let page = self.b.ins().uextend(types::I64, page);
        let place = self.b.ins().iadd(self.arguments.flags, page);
        let memory_flags = self.flags(Memory::PageFlags);
        let flags = self.b.ins().uload8(types::I32, memory_flags, place, 0);
        let flag = self.b.ins().band_imm_u(flags, i64::from(flag));
        let ready = self.b.create_block();
        self.b.ins().brif(flag, ready, &[], refused, &[]);
        self.b.seal_block(refused);
        self.b.seal_block(ready);
        self.b.switch_to_block(refused);
        self.leave(Left::Before, at.index, at.uncounted);
        self.b.switch_to_block(ready);
        let address = self.b.ins().uextend(types::I64, address);
        self.b.ins().iadd(self.arguments.image, address)
    }

    pub(super) fn load(&mut self, pointer: Value, bits: u32) -> Value {
        let flags = self.flags(Memory::Guest);
        match bits {
            8 => self.b.ins().uload8(types::I32, flags, pointer, 0),
            16 => self.b.ins().uload16(types::I32, flags, pointer, 0),
            _ => self.b.ins().load(types::I32, flags, pointer, 0),
        }
    }

    pub(super) fn store(&mut self, pointer: Value, bits: u32, value: Value) {
        let flags = self.flags(Memory::Guest);
        // Narrowed first, the bits above are known not to matter.
        let value = match bits {
            8 => self.b.ins().ireduce(types::I8, value),
            16 => self.b.ins().ireduce(types::I16, value),
            _ => value,
        };
        self.b.ins().store(flags, value, pointer, 0);
    }

    /// Accesses that cannot fail, since what they access is there as long as the code runs, and is aligned. Those of one
    /// kind of memory do not change another's.
    pub(super) fn flags(&mut self, memory: Memory) -> MemFlagsData {
        let user_id = match memory {
            Memory::Register(register) => u32::from(register),
            Memory::State => 0x100,
            Memory::PageFlags => 0x101,
            Memory::Guest => 0x102,
        };
        let data = AliasRegionData { user_id, description: "".into() };
        let region = self.b.func.dfg.alias_regions.insert(data);
        MemFlagsData::trusted().with_alias_region(Some(region))
    }
}

/// The kinds of memory, none of which is another's.
#[derive(Clone, Copy)]
pub(super) enum Memory {
    Register(u8),
    State,
    PageFlags,
    Guest,
}

fn offset_of_register(register: u8) -> i32 {
    i32::from(register) * size_of::<Word>() as i32
}
