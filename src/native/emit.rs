//! A region as one Cranelift function: registers are values from entry to exit, and go to memory at exits alone.
//!
//! In: the code table and a [`Region`]. Out: a function of the convention [`signature`]. It never traps: what would
//! trap is left to the interpreter, with the state before it.

use std::collections::BTreeMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, MemFlagsData, Signature, Value, types};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, Variable};

use super::lower::{Leaves, lower};
use super::region::{Block, Leads, Region, leads, semantics};
use super::registers::{RegisterSet, ports, unsaved, used, written};
use super::state::{Left, State};
use crate::isa::{Isa, MAX_READS, Op, Statement, Word};
use crate::machine::{READY, WRITABLE};
use crate::pages::PAGE_BYTES;
use crate::program::Code;

/// What a function is given: registers, [`State`], the guest's memory, its pages' flags, and how many cycles may be
/// executed. It gives back how many of these are left.
pub(super) fn signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = vec![AbiParam::new(types::I64); 5];
    signature.returns = vec![AbiParam::new(types::I64)];
    signature
}

/// Fills the builder's function. None if an instruction's semantics are none that native code can be made of.
pub(super) fn emit<I: Isa>(
    b: FunctionBuilder<'_>,
    config: TargetFrontendConfig,
    code: &Code,
    region: &Region,
) -> Option<()> {
    let mut emitter = Emitter::new::<I>(b, code, region)?;
    region.blocks.values().try_for_each(|block| emitter.block::<I>(*block))?;
    emitter.b.seal_all_blocks();
    emitter.b.finalize(config);
    Some(())
}

struct Emitter<'a> {
    b: FunctionBuilder<'a>,
    code: &'a Code,
    blocks: BTreeMap<u32, ir::Block>,
    /// By number; none for those that the region does not use.
    registers: Vec<Option<Variable>>,
    zero: u8,
    unsaved: BTreeMap<u32, RegisterSet>,
    left: Variable,
    arguments: Arguments,
}

#[derive(Clone, Copy)]
struct Arguments {
    registers: Value,
    state: Value,
    image: Value,
    flags: Value,
}

/// Where in a block an instruction is.
struct At<'a> {
    op: &'a Op,
    index: u32,
    /// Cycles of the block from this instruction on, which were counted when the block was entered.
    uncounted: i64,
    /// Registers that memory does not have.
    unsaved: RegisterSet,
}

/// Accesses that cannot fail, since the mappings are there as long as the code runs. Guest addresses are aligned where
/// they are used.
const TRUSTED: MemFlagsData = MemFlagsData::trusted();

impl<'a> Emitter<'a> {
    fn new<I: Isa>(mut b: FunctionBuilder<'a>, code: &'a Code, region: &Region) -> Option<Self> {
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        let &[registers, state, image, flags, left] = b.block_params(entry) else { return None };
        let arguments = Arguments { registers, state, image, flags };
        let left_variable = b.declare_var(types::I64);
        b.def_var(left_variable, left);
        let zero = I::SPEC.registers.zero;
        let mut variables = vec![None; usize::from(u8::MAX) + 1];
        for register in used::<I>(code, region).iter().filter(|&register| register != zero) {
            let variable = b.declare_var(types::I32);
            let value = b.ins().load(types::I32, TRUSTED, registers, offset_of_register(register));
            b.def_var(variable, value);
            variables[usize::from(register)] = Some(variable);
        }
        let blocks: BTreeMap<u32, ir::Block> =
            region.blocks.keys().map(|&start| (start, b.create_block())).collect();
        b.ins().jump(*blocks.get(region.entries.first()?)?, &[]);
        let unsaved = unsaved::<I>(code, region);
        Some(Self { b, code, blocks, registers: variables, zero, unsaved, left: left_variable, arguments })
    }

    /// A block: its cycles are counted, or the interpreter executes what may be executed of it; then its instructions.
    fn block<I: Isa>(&mut self, block: Block) -> Option<()> {
        self.b.switch_to_block(*self.blocks.get(&block.start)?);
        let mut unsaved = self.unsaved.get(&block.start).copied().unwrap_or_default();
        let cycles = block.cycles().cast_signed();
        if cycles == 0 {
            self.leave(Left::Before, block.start, 0, unsaved);
            return Some(());
        }
        let left = self.b.use_var(self.left);
        let short = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, left, cycles);
        self.leave_if(short, Left::Limited, block.start, 0, unsaved);
        let left = self.b.ins().iadd_imm_s(left, -cycles);
        self.b.def_var(self.left, left);
        let mut ends = false;
        for (op, index) in block.ops(self.code).zip(block.start..) {
            let uncounted = i64::from(block.end - index);
            ends = self.instruction::<I>(At { op, index, uncounted, unsaved })?;
            written::<I>(op).into_iter().for_each(|register| unsaved.insert(register));
        }
        if !ends {
            self.go_to(block.end, unsaved);
        }
        Some(())
    }

    /// One instruction; whether it ends the block. In the order of [`Semantics`](crate::isa::Semantics).
    fn instruction<I: Isa>(&mut self, at: At<'_>) -> Option<bool> {
        let At { op, index, unsaved, .. } = at;
        let semantics = semantics::<I>(op)?;
        let mut leaves =
            Leaves { reads: [None; MAX_READS], pc: op.pc, imm: op.imm, locals: Vec::new(), loaded: None };
        for (port, register) in ports::<I>(op) {
            leaves.reads[port] = Some(self.register(register)?);
        }
        let mut jump = None;
        for statement in semantics.statements {
            match statement {
                Statement::Let(value) => {
                    let value = lower(&mut self.b, value, &leaves)?;
                    leaves.locals.push(value);
                }
                Statement::Load { bits, address } => {
                    let address = lower(&mut self.b, address, &leaves)?;
                    let pointer = self.checked(address, *bits, READY, &at);
                    leaves.loaded = Some(self.load(pointer, *bits));
                }
                Statement::Trap { condition } => {
                    let condition = lower(&mut self.b, condition.as_ref()?, &leaves)?;
                    self.leave_before(condition, &at);
                }
                Statement::Jump { condition, target } => {
                    let condition = match condition {
                        Some(condition) => Some(lower(&mut self.b, condition, &leaves)?),
                        None => None,
                    };
                    jump = Some((condition, lower(&mut self.b, target, &leaves)?));
                }
                Statement::Store { .. } | Statement::Write(_) => {}
                Statement::Call { .. } => return None,
            }
        }
        let leads = leads::<I>(op);
        if let Some((condition, target)) = jump {
            self.check_target(condition, target, leads, &at);
        }
        for statement in semantics.statements {
            if let Statement::Store { bits, address, value } = statement {
                let address = lower(&mut self.b, address, &leaves)?;
                let value = lower(&mut self.b, value, &leaves)?;
                let pointer = self.checked(address, *bits, WRITABLE, &at);
                self.store(pointer, *bits, value);
            }
        }
        let mut unsaved = unsaved;
        for statement in semantics.statements {
            if let (Statement::Write(value), Some(rd)) = (statement, written::<I>(op)) {
                let value = lower(&mut self.b, value, &leaves)?;
                let variable = (*self.registers.get(usize::from(rd))?)?;
                self.b.def_var(variable, value);
                unsaved.insert(rd);
            }
        }
        let Some((condition, target)) = jump else { return Some(false) };
        let taken = match condition {
            None => None,
            Some(condition) => {
                let (taken, otherwise) = (self.b.create_block(), self.b.create_block());
                self.b.ins().brif(condition, taken, &[], otherwise, &[]);
                self.b.switch_to_block(taken);
                Some(otherwise)
            }
        };
        match leads {
            Leads::Branch(pc) | Leads::Jump(pc) => match self.code.index_of(pc) {
                Some(target) => self.go_to(target, unsaved),
                // Was left before.
                None => self.leave(Left::Before, index, at.uncounted, unsaved),
            },
            _ => {
                self.b.ins().store(TRUSTED, target, self.arguments.state, State::PC);
                self.leave(Left::Jumped, index, 0, unsaved);
            }
        }
        if let Some(otherwise) = taken {
            self.b.switch_to_block(otherwise);
            self.go_to(index + 1, unsaved);
        }
        Some(true)
    }

    /// Leaves before a jump that traps, or out of the code.
    fn check_target(&mut self, condition: Option<Value>, target: Value, leads: Leads, at: &At<'_>) {
        let refused = match leads {
            Leads::Branch(pc) | Leads::Jump(pc) if pc % 4 == 0 && self.code.index_of(pc).is_some() => return,
            Leads::Branch(_) | Leads::Jump(_) => self.b.ins().iconst(types::I8, 1),
            _ => {
                let low = self.b.ins().band_imm_u(target, 3);
                self.b.ins().icmp_imm_u(IntCC::NotEqual, low, 0)
            }
        };
        let refused = match condition {
            Some(condition) => self.b.ins().band(condition, refused),
            None => refused,
        };
        self.leave_before(refused, at);
    }

    fn register(&mut self, register: u8) -> Option<Value> {
        if register == self.zero {
            return Some(self.b.ins().iconst(types::I32, 0));
        }
        let variable = (*self.registers.get(usize::from(register))?)?;
        Some(self.b.use_var(variable))
    }

    /// Where an address is in the host's memory. Leaves if it is not aligned, or its page has not this flag.
    fn checked(&mut self, address: Value, bits: u32, flag: u8, at: &At<'_>) -> Value {
        let bytes = i64::from(bits / 8);
        let refused = self.b.create_block();
        self.b.set_cold_block(refused);
        if bytes > 1 {
            let low = self.b.ins().band_imm_u(address, bytes - 1);
            let aligned = self.b.create_block();
            self.b.ins().brif(low, refused, &[], aligned, &[]);
            self.b.switch_to_block(aligned);
        }
        let page = self.b.ins().ushr_imm_u(address, i64::from(PAGE_BYTES.trailing_zeros()));
        let page = self.b.ins().uextend(types::I64, page);
        let place = self.b.ins().iadd(self.arguments.flags, page);
        let flags = self.b.ins().uload8(types::I32, TRUSTED, place, 0);
        let flag = self.b.ins().band_imm_u(flags, i64::from(flag));
        let ready = self.b.create_block();
        self.b.ins().brif(flag, ready, &[], refused, &[]);
        self.b.switch_to_block(refused);
        self.leave(Left::Before, at.index, at.uncounted, at.unsaved);
        self.b.switch_to_block(ready);
        let address = self.b.ins().uextend(types::I64, address);
        self.b.ins().iadd(self.arguments.image, address)
    }

    fn load(&mut self, pointer: Value, bits: u32) -> Value {
        match bits {
            8 => self.b.ins().uload8(types::I32, TRUSTED, pointer, 0),
            16 => self.b.ins().uload16(types::I32, TRUSTED, pointer, 0),
            _ => self.b.ins().load(types::I32, TRUSTED, pointer, 0),
        }
    }

    fn store(&mut self, pointer: Value, bits: u32, value: Value) {
        match bits {
            8 => self.b.ins().istore8(TRUSTED, value, pointer, 0),
            16 => self.b.ins().istore16(TRUSTED, value, pointer, 0),
            _ => self.b.ins().store(TRUSTED, value, pointer, 0),
        };
    }

    /// Goes to the block that starts there, or leaves the region.
    fn go_to(&mut self, index: u32, unsaved: RegisterSet) {
        match self.blocks.get(&index) {
            Some(&block) => {
                self.b.ins().jump(block, &[]);
            }
            None => self.leave(Left::At, index, 0, unsaved),
        }
    }

    /// Leaves before this instruction if the condition holds: the interpreter finds out what there is to do.
    fn leave_before(&mut self, condition: Value, at: &At<'_>) {
        self.leave_if(condition, Left::Before, at.index, at.uncounted, at.unsaved);
    }

    fn leave_if(&mut self, condition: Value, how: Left, index: u32, uncounted: i64, unsaved: RegisterSet) {
        let (leaving, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(leaving);
        self.b.ins().brif(condition, leaving, &[], on, &[]);
        self.b.switch_to_block(leaving);
        self.leave(how, index, uncounted, unsaved);
        self.b.switch_to_block(on);
    }

    /// Writes the registers back that memory does not have, and returns.
    fn leave(&mut self, how: Left, index: u32, uncounted: i64, unsaved: RegisterSet) {
        let Arguments { registers, state, .. } = self.arguments;
        for register in unsaved.iter() {
            if let Some(variable) = self.registers[usize::from(register)] {
                let value = self.b.use_var(variable);
                self.b.ins().store(TRUSTED, value, registers, offset_of_register(register));
            }
        }
        let index = self.b.ins().iconst(types::I32, i64::from(index));
        self.b.ins().store(TRUSTED, index, state, State::INDEX);
        let how = self.b.ins().iconst(types::I32, i64::from(how as u32));
        self.b.ins().store(TRUSTED, how, state, State::HOW);
        let left = self.b.use_var(self.left);
        let left = self.b.ins().iadd_imm_s(left, uncounted);
        self.b.ins().return_(&[left]);
    }
}

fn offset_of_register(register: u8) -> i32 {
    i32::from(register) * size_of::<Word>() as i32
}
