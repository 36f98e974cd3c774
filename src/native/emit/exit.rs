//! Exits: how compiled code returns before its region's end.
//!
//! In: where and why. Out: cold blocks, of which each stores only the registers written since the one before it; all lead to
//! the function's one return.

use cranelift_codegen::ir::{self, InstBuilder, Value, types};
use cranelift_frontend::FunctionBuilder;

use super::access::Memory;
use super::{At, Emitter};
use crate::native::registers::RegisterSet;
use crate::native::state::{Exit, ExitReason, State};

pub(super) struct Exits {
    /// By number.
    pub(super) list: Vec<Exit>,
    /// Where the function returns. Its parameters are the exit's number and the cycles that are left.
    end: ir::Block,
    saver: Option<Saver>,
}

/// A cold block of the block that is being emitted: it stores registers, and leads to the end. Its parameter is the exit's number.
#[derive(Clone, Copy)]
struct Saver {
    block: ir::Block,
    /// The registers that it stores. Each has the same value here.
    saved: RegisterSet,
}

/// What an exit from some place has to save.
pub(super) struct Saving {
    /// Registers that neither memory has nor the present saver stores, with their values.
    registers: Vec<(u8, Value)>,
    cycles_left: Value,
}

impl Exits {
    pub(super) fn new(b: &mut FunctionBuilder<'_>) -> Self {
        let end = b.create_block();
        b.append_block_param(end, types::I32);
        b.append_block_param(end, types::I64);
        Self { list: Vec::new(), end, saver: None }
    }

    pub(super) fn begin_block(&mut self) {
        self.saver = None;
    }

    /// Says that a register gets another value here.
    pub(super) fn written(&mut self, register: u8) {
        if self.saver.is_some_and(|saver| saver.saved.contains(register)) {
            self.saver = None;
        }
    }

    fn number(&mut self, exit: Exit) -> i64 {
        self.list.push(exit);
        self.list.len() as i64 - 1
    }
}

impl Emitter<'_> {
    /// Exits before this instruction if the condition holds: the interpreter executes it.
    pub(super) fn exit_before(&mut self, condition: Value, at: &At<'_>) {
        self.exit_if(condition, ExitReason::Before, at.index, at.uncounted);
    }

    pub(super) fn exit_if(&mut self, condition: Value, reason: ExitReason, index: u32, uncounted: u32) {
        let saving = self.saving();
        let (exit, on) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(condition, exit, &[], on, &[]);
        self.b.seal_block(on);
        self.fill_cold_exit(exit, saving, Exit { reason, index, uncounted });
        self.b.switch_to_block(on);
    }

    /// What an exit has to save here.
    pub(super) fn saving(&mut self) -> Saving {
        let saved = self.exits.saver.map(|saver| saver.saved).unwrap_or_default();
        let unsaved = self.unsaved.without(saved);
        let registers = unsaved.iter().map(|register| (register, self.register(register))).collect();
        Saving { registers, cycles_left: self.b.use_var(self.cycles_left) }
    }

    /// Fills a cold block that exits. All branches to it are made, and no register was written since `saving` was asked for.
    pub(super) fn fill_cold_exit(&mut self, block: ir::Block, saving: Saving, exit: Exit) {
        self.b.set_cold_block(block);
        self.b.seal_block(block);
        let left = saving.cycles_left;
        let saver = self.saver(saving);
        self.b.switch_to_block(block);
        let number = self.exits.number(exit);
        let number = self.b.ins().iconst(types::I32, number);
        match saver {
            Some(saver) => self.b.ins().jump(saver, &[number.into()]),
            None => self.b.ins().jump(self.exits.end, &[number.into(), left.into()]),
        };
    }

    /// Stores the registers that memory does not have, and returns.
    pub(super) fn exit(&mut self, reason: ExitReason, index: u32, uncounted: u32) {
        self.store_registers(self.unsaved);
        let number = self.exits.number(Exit { reason, index, uncounted });
        let number = self.b.ins().iconst(types::I32, number);
        let left = self.b.use_var(self.cycles_left);
        self.b.ins().jump(self.exits.end, &[number.into(), left.into()]);
    }

    /// The block that stores all registers that memory does not have; none if memory has them all. Another instruction's is
    /// gone on with, as long as the registers that it stores have kept their values: what it uses is defined before
    /// every check that leads to it.
    fn saver(&mut self, saving: Saving) -> Option<ir::Block> {
        let before = self.exits.saver;
        if saving.registers.is_empty() {
            return before.map(|saver| saver.block);
        }
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        let number = self.b.append_block_param(block, types::I32);
        self.b.switch_to_block(block);
        for (register, value) in saving.registers {
            self.store_register(register, value);
        }
        match before {
            Some(before) => self.b.ins().jump(before.block, &[number.into()]),
            None => self.b.ins().jump(self.exits.end, &[number.into(), saving.cycles_left.into()]),
        };
        self.exits.saver = Some(Saver { block, saved: self.unsaved });
        Some(block)
    }

    /// Fills the one block that returns.
    pub(super) fn fill_exit(&mut self) {
        let end = self.exits.end;
        self.b.switch_to_block(end);
        if let &[number, left] = self.b.block_params(end) {
            let flags = self.flags(Memory::State);
            self.b.ins().store(flags, number, self.arguments.state, State::EXIT);
            self.b.ins().return_(&[left]);
        }
    }
}
