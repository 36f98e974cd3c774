//! A region as one Cranelift function. A register is loaded when it is first read, and stored at the end of the block that
//! writes it; between, and around a loop, it is a value.
//!
//! In: the code table and a [`Region`]. Out: a function of the convention [`signature`]. It never traps: what would
//! trap is left to the interpreter, with the state before it.

mod access;

use std::collections::BTreeMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, AbiParam, InstBuilder, JumpTableData, MemFlagsData, Signature, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, Variable};

use access::Memory;

use super::dispatch::Dispatch;
use super::graph::Graph;
use super::lower::{Leaves, lower};
use super::region::{Block, Leads, Region, leads, semantics};
use super::registers::{RegisterSet, ports, written};
use super::state::{Left, State};
use crate::isa::{Isa, MAX_READS, Op, SemanticStatement};
use crate::machine::{READY, WRITABLE};
use crate::program::{Code, only_jumps};

/// What a function is given: registers, [`State`], the guest's memory, its pages' flags, how many cycles may be executed,
/// and the entry's number. It gives back how many cycles are left.
pub(super) fn signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = vec![AbiParam::new(types::I64); 6];
    signature.returns = vec![AbiParam::new(types::I64)];
    signature
}

/// Fills the builder's function. None if an instruction's semantics are none that native code can be made of.
pub(super) fn emit<I: Isa>(
    b: FunctionBuilder<'_>,
    config: TargetFrontendConfig,
    code: &Code,
    region: &Region,
    dispatch: &Dispatch,
) -> Option<()> {
    let mut emitter = Emitter::new::<I>(b, code, region, dispatch)?;
    emitter.dispatch(region)?;
    for (node, block) in region.blocks.values().enumerate() {
        emitter.block::<I>(node, *block)?;
    }
    emitter.b.seal_all_blocks();
    emitter.b.finalize(config);
    Some(())
}

struct Emitter<'a> {
    b: FunctionBuilder<'a>,
    code: &'a Code,
    graph: Graph,
    dispatch: &'a Dispatch,
    /// The blocks' places in the graph, by their start.
    places: BTreeMap<u32, usize>,
    /// Of each node.
    blocks: Vec<ir::Block>,
    /// Of each node that was begun, or that one way leads to, the registers that are values at its start.
    nodes: Vec<Option<RegisterSet>>,
    /// Blocks between nodes, with the registers that they load; and between nodes and what is out of the region.
    ways: Vec<(ir::Block, usize, RegisterSet)>,
    ways_out: Vec<(ir::Block, u32)>,
    /// By number, as far as they were needed.
    variables: Vec<Option<Variable>>,
    zero: u8,
    left: Variable,
    entry: Variable,
    arguments: Arguments,
    /// Registers that are values here.
    values: RegisterSet,
    /// Those of them that memory does not have.
    unsaved: RegisterSet,
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
}

impl<'a> Emitter<'a> {
    fn new<I: Isa>(
        mut b: FunctionBuilder<'a>,
        code: &'a Code,
        region: &Region,
        dispatch: &'a Dispatch,
    ) -> Option<Self> {
        let start = b.create_block();
        b.append_block_params_for_function_params(start);
        b.switch_to_block(start);
        let &[registers, state, image, flags, left, entry] = b.block_params(start) else { return None };
        let arguments = Arguments { registers, state, image, flags };
        let (left_variable, entry_variable) = (b.declare_var(types::I64), b.declare_var(types::I32));
        b.def_var(left_variable, left);
        let entry = b.ins().ireduce(types::I32, entry);
        b.def_var(entry_variable, entry);
        let graph = Graph::new::<I>(code, region);
        let nodes = graph.successors.len();
        let mut emitter = Self {
            blocks: (0..nodes).map(|_| b.create_block()).collect(),
            b,
            code,
            graph,
            dispatch,
            places: region.blocks.keys().copied().zip(0..).collect(),
            nodes: vec![None; nodes],
            ways: Vec::new(),
            ways_out: Vec::new(),
            variables: vec![None; usize::from(u8::MAX) + 1],
            zero: I::SPEC.registers.zero,
            left: left_variable,
            entry: entry_variable,
            arguments,
            values: RegisterSet::default(),
            unsaved: RegisterSet::default(),
        };
        let to = emitter.way_to(emitter.dispatch_node());
        emitter.b.ins().jump(to, &[]);
        emitter.fill_ways();
        Some(emitter)
    }

    fn dispatch_node(&self) -> usize {
        self.blocks.len() - 1
    }

    /// From where the function was entered, or a jump whose target the code does not state leads to, to the entry.
    fn dispatch(&mut self, region: &Region) -> Option<()> {
        self.begin(self.dispatch_node());
        let mut targets = Vec::with_capacity(region.entries.len());
        for entry in &region.entries {
            targets.push(self.way_to(*self.places.get(entry)?));
        }
        match *targets.as_slice() {
            [] => return None,
            [target] => {
                self.b.ins().jump(target, &[]);
            }
            [first, ..] => {
                // Entries are numbered from 1. Each call of a block is its own, since it holds arguments.
                let dfg = &mut self.b.func.dfg;
                let default = dfg.block_call(first, &[]);
                let calls = [first].into_iter().chain(targets).map(|target| dfg.block_call(target, &[]));
                let calls: Vec<_> = calls.collect();
                let table = self.b.create_jump_table(JumpTableData::new(default, &calls));
                let entry = self.b.use_var(self.entry);
                self.b.ins().br_table(entry, table);
            }
        }
        self.fill_ways();
        Some(())
    }

    /// A block: its cycles are counted, or the interpreter executes what may be executed of it; then its instructions.
    fn block<I: Isa>(&mut self, node: usize, block: Block) -> Option<()> {
        self.begin(node);
        let cycles = block.cycles().cast_signed();
        if cycles == 0 {
            self.leave(Left::Before, block.start, 0);
            return Some(());
        }
        let left = self.b.use_var(self.left);
        let short = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, left, cycles);
        self.leave_if(short, Left::Limited, block.start, 0);
        let left = self.b.ins().iadd_imm_s(left, -cycles);
        self.b.def_var(self.left, left);
        let code = self.code;
        let mut ends = false;
        for (op, index) in block.ops(code).zip(block.start..) {
            ends = self.instruction::<I>(&At { op, index, uncounted: i64::from(block.end - index) })?;
        }
        if !ends {
            self.save();
            let to = self.way_on(block.end);
            self.b.ins().jump(to, &[]);
        }
        self.fill_ways();
        Some(())
    }

    /// At the start of a node, with the registers that are values on every way there.
    fn begin(&mut self, node: usize) {
        self.b.switch_to_block(self.blocks[node]);
        self.unsaved = RegisterSet::default();
        self.values = self.nodes[node].unwrap_or(self.graph.carried[node]);
        self.nodes[node] = Some(self.values);
    }

    /// Where to go from the end of a block to a node: there, or to where what is a value there is loaded first.
    fn way_to(&mut self, node: usize) -> ir::Block {
        // What comes from one block alone can go on with all that this has, if it is not there yet.
        if self.graph.ways_in[node] == 1 && self.nodes[node].is_none() {
            self.nodes[node] = Some(self.values);
        }
        let needed = self.nodes[node].unwrap_or(self.graph.carried[node]).without(self.values);
        if needed.is_empty() {
            return self.blocks[node];
        }
        let way = self.b.create_block();
        self.ways.push((way, node, needed));
        way
    }

    /// Where to go from the end of a block to an instruction, in the region or not.
    fn way_on(&mut self, index: u32) -> ir::Block {
        if let Some(&node) = self.places.get(&index) {
            return self.way_to(node);
        }
        let way = self.b.create_block();
        self.ways_out.push((way, index));
        way
    }

    /// Fills the blocks between this one, which is complete, and those that it leads to.
    fn fill_ways(&mut self) {
        for (way, node, needed) in core::mem::take(&mut self.ways) {
            self.b.switch_to_block(way);
            for register in needed.iter() {
                self.load_register(register);
            }
            self.b.ins().jump(self.blocks[node], &[]);
        }
        for (way, index) in core::mem::take(&mut self.ways_out) {
            self.b.switch_to_block(way);
            self.leave(Left::At, index, 0);
        }
    }

    /// One instruction; whether it ends the block. In the order of [`Semantics`](crate::isa::Semantics).
    fn instruction<I: Isa>(&mut self, at: &At<'_>) -> Option<bool> {
        let op = at.op;
        let semantics = semantics::<I>(op)?;
        let mut leaves =
            Leaves { reads: [None; MAX_READS], pc: op.pc, imm: op.imm, locals: Vec::new(), loaded: None };
        for (port, register) in ports::<I>(op) {
            leaves.reads[port] = Some(self.register(register));
        }
        let mut jump = None;
        for statement in semantics.statements {
            match statement {
                SemanticStatement::Let(value) => {
                    let value = lower(&mut self.b, value, &leaves)?;
                    leaves.locals.push(value);
                }
                SemanticStatement::Load { bits, address } => {
                    let address = lower(&mut self.b, address, &leaves)?;
                    let pointer = self.checked(address, *bits, READY, at);
                    leaves.loaded = Some(self.load(pointer, *bits));
                }
                SemanticStatement::Trap { condition } => {
                    let condition = lower(&mut self.b, condition.as_ref()?, &leaves)?;
                    self.leave_before(condition, at);
                }
                SemanticStatement::Jump { condition, target } => {
                    let condition = match condition {
                        Some(condition) => Some(lower(&mut self.b, condition, &leaves)?),
                        None => None,
                    };
                    jump = Some((condition, lower(&mut self.b, target, &leaves)?));
                }
                SemanticStatement::Store { .. } | SemanticStatement::Write(_) => {}
                SemanticStatement::Call { .. } => return None,
            }
        }
        let leads = leads::<I>(op);
        if let Some((condition, target)) = jump {
            self.check_target(condition, target, leads, at);
            if matches!(leads, Leads::Anywhere { .. }) && only_jumps::<I>(op) {
                let to_itself = self.b.ins().icmp_imm_u(IntCC::Equal, target, i64::from(op.pc));
                self.leave_before(to_itself, at);
            }
        }
        for statement in semantics.statements {
            if let SemanticStatement::Store { bits, address, value } = statement {
                let address = lower(&mut self.b, address, &leaves)?;
                let value = lower(&mut self.b, value, &leaves)?;
                let pointer = self.checked(address, *bits, WRITABLE, at);
                self.store(pointer, *bits, value);
            }
        }
        for statement in semantics.statements {
            if let (SemanticStatement::Write(value), Some(rd)) = (statement, written::<I>(op)) {
                let value = lower(&mut self.b, value, &leaves)?;
                let variable = self.variable(rd);
                self.b.def_var(variable, value);
                self.values.insert(rd);
                self.unsaved.insert(rd);
            }
        }
        if let Some((condition, target)) = jump {
            self.jump(condition, target, leads, at);
        }
        Some(jump.is_some())
    }

    /// The end of a block by a jump that does not trap.
    fn jump(&mut self, condition: Option<Value>, target: Value, leads: Leads, at: &At<'_>) {
        self.save();
        if let Some(condition) = condition {
            let otherwise = self.way_on(at.index + 1);
            let taken = match leads {
                Leads::Branch(pc) => self.code.index_of(pc).map(|target| self.way_on(target)),
                _ => None,
            };
            let Some(taken) = taken else {
                let taken = self.b.create_block();
                self.b.ins().brif(condition, taken, &[], otherwise, &[]);
                self.b.switch_to_block(taken);
                return self.jump_anywhere(target, at);
            };
            self.b.ins().brif(condition, taken, &[], otherwise, &[]);
            return;
        }
        let to = match leads {
            Leads::Jump(pc) => self.code.index_of(pc).map(|target| self.way_on(target)),
            _ => None,
        };
        match to {
            Some(to) => {
                self.b.ins().jump(to, &[]);
            }
            None => self.jump_anywhere(target, at),
        }
    }

    /// To one of the region's entries, or out of it.
    fn jump_anywhere(&mut self, target: Value, at: &At<'_>) {
        if self.graph.dispatches {
            let offset = self.b.ins().iadd_imm_s(target, -i64::from(self.dispatch.low));
            let place = self.b.ins().ushr_imm_u(offset, 2);
            let length = self.dispatch.table.len() as i64;
            let near = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, place, length);
            let (looked_up, out) = (self.b.create_block(), self.b.create_block());
            self.b.ins().brif(near, looked_up, &[], out, &[]);
            self.b.switch_to_block(looked_up);
            let table = self.b.ins().iconst(types::I64, self.dispatch.table.as_ptr().addr() as i64);
            let place = self.b.ins().uextend(types::I64, place);
            let place = self.b.ins().ishl_imm_u(place, 1);
            let entry = self.b.ins().iadd(table, place);
            let entry = self.b.ins().uload16(types::I32, MemFlagsData::trusted().with_readonly(), entry, 0);
            self.b.def_var(self.entry, entry);
            let dispatch = self.way_to(self.dispatch_node());
            self.b.ins().brif(entry, dispatch, &[], out, &[]);
            self.b.switch_to_block(out);
        }
        let flags = self.flags(Memory::State);
        self.b.ins().store(flags, target, self.arguments.state, State::PC);
        self.leave(Left::Jumped, at.index, 0);
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

    /// Leaves before this instruction if the condition holds: the interpreter finds out what there is to do.
    fn leave_before(&mut self, condition: Value, at: &At<'_>) {
        self.leave_if(condition, Left::Before, at.index, at.uncounted);
    }

    fn leave_if(&mut self, condition: Value, how: Left, index: u32, uncounted: i64) {
        let (leaving, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(leaving);
        self.b.ins().brif(condition, leaving, &[], on, &[]);
        self.b.seal_block(leaving);
        self.b.seal_block(on);
        self.b.switch_to_block(leaving);
        self.leave(how, index, uncounted);
        self.b.switch_to_block(on);
    }

    /// Stores what memory does not have, and returns.
    fn leave(&mut self, how: Left, index: u32, uncounted: i64) {
        self.store_registers();
        let state = self.arguments.state;
        let flags = self.flags(Memory::State);
        let index = self.b.ins().iconst(types::I32, i64::from(index));
        self.b.ins().store(flags, index, state, State::INDEX);
        let how = self.b.ins().iconst(types::I32, i64::from(how as u32));
        self.b.ins().store(flags, how, state, State::HOW);
        let left = self.b.use_var(self.left);
        let left = self.b.ins().iadd_imm_s(left, uncounted);
        self.b.ins().return_(&[left]);
    }
}
