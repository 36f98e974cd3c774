//! A region as one Cranelift function. A register is loaded when it is first read, and stored at the end of the block that
//! writes it; between, and around a loop, it is a value.
//!
//! In: the code table and a [`Region`]. Out: a function of the convention [`signature`], and its [`Exit`]s. It never traps:
//! before an instruction that would trap it exits, with the state before that instruction, and the interpreter goes on.

mod access;
mod exit;

use std::collections::BTreeMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, AbiParam, InstBuilder, JumpTableData, MemFlagsData, Signature, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, Variable};

use access::{Memory, MemoryFlags, PageCheck, page_checks};
use exit::Exits;

use super::dispatch::Dispatch;
use super::graph::Graph;
use super::lower::{Leaves, lower};
use super::region::{Block, Region, Successor, semantics, successor};
use super::registers::{RegisterSet, reads, written};
use super::state::{Exit, ExitReason, State};
use crate::isa::{Isa, Op, READS, SemanticStatement};
use crate::machine::{READY, WRITABLE};
use crate::program::{Code, only_jumps};

/// The parameters: registers, [`State`], the guest's memory, its pages' flags, how many cycles may be executed, and the
/// entry's number. The result: how many cycles were left when the exit's block was entered, less that block's.
pub(super) fn signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = vec![AbiParam::new(types::I64); 6];
    signature.returns = vec![AbiParam::new(types::I64)];
    signature
}

/// Fills the builder's function, and returns its exits by number. None if native code cannot do what an instruction does.
pub(super) fn emit<I: Isa>(
    b: FunctionBuilder<'_>,
    config: TargetFrontendConfig,
    code: &Code,
    region: &Region,
    dispatch: &Dispatch,
) -> Option<Vec<Exit>> {
    let mut emitter = Emitter::new::<I>(b, code, region, dispatch)?;
    emitter.dispatch(region)?;
    for (node, block) in region.blocks.values().enumerate() {
        emitter.block::<I>(node, *block)?;
    }
    emitter.fill_exit();
    emitter.b.seal_all_blocks();
    emitter.b.finalize(config);
    Some(emitter.exits.list)
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
    /// For each node whose entry state is fixed: the registers held as SSA values there.
    entry_values: Vec<Option<RegisterSet>>,
    /// Blocks on edges between nodes, with the node and the registers that they load.
    edges: Vec<(ir::Block, usize, RegisterSet)>,
    /// Blocks on edges that leave the region, with the instruction that they lead to.
    exit_edges: Vec<(ir::Block, u32)>,
    /// By number, as far as they were needed.
    variables: Vec<Option<Variable>>,
    zero: u8,
    cycles_left: Variable,
    entry: Variable,
    arguments: Arguments,
    memory_flags: MemoryFlags,
    /// Registers that are values here.
    values: RegisterSet,
    /// Those of them that memory does not have.
    unsaved: RegisterSet,
    exits: Exits,
    /// Values that are multiples of so many bytes, in this block.
    aligned: Vec<(Value, i64)>,
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
    uncounted: u32,
    page_check: PageCheck,
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
        let &[registers, state, image, flags, cycles, entry] = b.block_params(start) else { return None };
        let arguments = Arguments { registers, state, image, flags };
        let (cycles_left, entry_variable) = (b.declare_var(types::I64), b.declare_var(types::I32));
        b.def_var(cycles_left, cycles);
        let entry = b.ins().ireduce(types::I32, entry);
        b.def_var(entry_variable, entry);
        let graph = Graph::new::<I>(code, region);
        let nodes = graph.successors.len();
        let mut emitter = Self {
            blocks: (0..nodes).map(|_| b.create_block()).collect(),
            exits: Exits::new(&mut b),
            b,
            code,
            graph,
            dispatch,
            places: region.blocks.keys().copied().zip(0..).collect(),
            entry_values: vec![None; nodes],
            edges: Vec::new(),
            exit_edges: Vec::new(),
            variables: vec![None; usize::from(u8::MAX) + 1],
            zero: I::SPEC.registers.zero,
            cycles_left,
            entry: entry_variable,
            arguments,
            memory_flags: MemoryFlags::default(),
            values: RegisterSet::default(),
            unsaved: RegisterSet::default(),
            aligned: Vec::new(),
        };
        let to = emitter.edge_to(emitter.dispatch_node());
        emitter.b.ins().jump(to, &[]);
        emitter.fill_edges();
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
            targets.push(self.edge_to(*self.places.get(entry)?));
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
        self.fill_edges();
        Some(())
    }

    /// A block: its cycles are counted, or the interpreter executes what may be executed of it; then its instructions.
    fn block<I: Isa>(&mut self, node: usize, block: Block) -> Option<()> {
        self.begin(node);
        let cycles = block.cycles().cast_signed();
        if cycles == 0 {
            self.exit(ExitReason::Before, block.start, 0);
            return Some(());
        }
        let left = self.b.use_var(self.cycles_left);
        let short = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, left, cycles);
        self.exit_if(short, ExitReason::Limited, block.start, 0);
        let left = self.b.ins().iadd_imm_s(left, -cycles);
        self.b.def_var(self.cycles_left, left);
        let code = self.code;
        let mut ends = false;
        let page_checks = page_checks::<I>(block.ops(code));
        for ((op, index), page_check) in block.ops(code).zip(block.start..).zip(page_checks) {
            ends = self.instruction::<I>(&At { op, index, uncounted: block.end - index, page_check })?;
        }
        if !ends {
            self.save();
            let to = self.edge_on(block.end);
            self.b.ins().jump(to, &[]);
        }
        self.fill_edges();
        Some(())
    }

    /// At the start of a node, with the registers that are values on every edge to it.
    fn begin(&mut self, node: usize) {
        self.b.switch_to_block(self.blocks[node]);
        self.unsaved = RegisterSet::default();
        self.exits.begin_block();
        self.aligned.clear();
        self.values = self.entry_values[node].unwrap_or(self.graph.carried[node]);
        self.entry_values[node] = Some(self.values);
    }

    /// The block that the end of a block leads to on the way to a node: the node's, or one that loads registers first.
    fn edge_to(&mut self, node: usize) -> ir::Block {
        // A node with one edge to it takes over all values, unless it is emitted already.
        if self.graph.edges_in[node] == 1 && self.entry_values[node].is_none() {
            self.entry_values[node] = Some(self.values);
        }
        let needed = self.entry_values[node].unwrap_or(self.graph.carried[node]).without(self.values);
        if needed.is_empty() {
            return self.blocks[node];
        }
        let edge = self.b.create_block();
        self.edges.push((edge, node, needed));
        edge
    }

    /// The block that the end of a block leads to on the way to an instruction, in the region or not.
    fn edge_on(&mut self, index: u32) -> ir::Block {
        if let Some(&node) = self.places.get(&index) {
            return self.edge_to(node);
        }
        let edge = self.b.create_block();
        self.exit_edges.push((edge, index));
        edge
    }

    /// Fills the blocks on the edges from this block, which is complete.
    fn fill_edges(&mut self) {
        for (edge, node, needed) in core::mem::take(&mut self.edges) {
            self.b.switch_to_block(edge);
            for register in needed.iter() {
                self.load_register(register);
            }
            self.b.ins().jump(self.blocks[node], &[]);
        }
        for (edge, index) in core::mem::take(&mut self.exit_edges) {
            self.b.switch_to_block(edge);
            self.exit(ExitReason::At, index, 0);
        }
    }

    /// One instruction; whether it ends the block. In the order of [`Semantics`](crate::isa::Semantics).
    fn instruction<I: Isa>(&mut self, at: &At<'_>) -> Option<bool> {
        let op = at.op;
        let semantics = semantics::<I>(op)?;
        let mut leaves =
            Leaves { reads: [None; READS.len()], pc: op.pc, imm: op.imm, locals: Vec::new(), loaded: None };
        for (port, register) in reads::<I>(op) {
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
                    self.exit_before(condition, at);
                }
                SemanticStatement::Jump { condition, target, .. } => {
                    let condition = match condition {
                        Some(condition) => Some(lower(&mut self.b, condition, &leaves)?),
                        None => None,
                    };
                    jump = Some((condition, lower(&mut self.b, target, &leaves)?));
                }
                SemanticStatement::Store { .. } | SemanticStatement::Write { .. } => {}
                SemanticStatement::Call => return None,
            }
        }
        let successor = successor::<I>(op);
        if successor == Successor::Next
            && let Some((condition, _)) = jump.take()
        {
            self.exit_before(condition?, at);
        }
        if let Some((condition, target)) = jump {
            self.check_target(condition, target, successor, at);
            // Another jump to itself leaves the region, and is told by whoever runs it.
            let within = self.graph.dispatches && self.places.contains_key(&at.index);
            if within && matches!(successor, Successor::Indirect { .. }) && only_jumps::<I>(op) {
                let to_itself = self.b.ins().icmp_imm_u(IntCC::Equal, target, i64::from(op.pc));
                self.exit_before(to_itself, at);
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
            let SemanticStatement::Write { port, value } = statement else { continue };
            if let Some(register) = written::<I>(op, *port) {
                let value = lower(&mut self.b, value, &leaves)?;
                self.write(register, value);
            }
        }
        if let Some((condition, target)) = jump {
            self.jump(condition, target, successor, at);
        }
        Some(jump.is_some())
    }

    /// The end of a block by a jump that does not trap.
    fn jump(&mut self, condition: Option<Value>, target: Value, successor: Successor, at: &At<'_>) {
        self.save();
        if let Some(condition) = condition {
            let otherwise = self.edge_on(at.index + 1);
            let taken = match successor {
                Successor::Branch(pc) => self.code.index_of(pc).map(|target| self.edge_on(target)),
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
        let to = match successor {
            Successor::Jump(pc) => self.code.index_of(pc).map(|target| self.edge_on(target)),
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
            let dispatch = self.edge_to(self.dispatch_node());
            self.b.ins().brif(entry, dispatch, &[], out, &[]);
            self.b.switch_to_block(out);
        }
        let flags = self.flags(Memory::State);
        self.b.ins().store(flags, target, self.arguments.state, State::PC);
        self.exit(ExitReason::Jumped, at.index, 0);
    }

    /// Exits before a jump that traps, or leads out of the code.
    fn check_target(&mut self, condition: Option<Value>, target: Value, successor: Successor, at: &At<'_>) {
        let refused = match successor {
            Successor::Branch(pc) | Successor::Jump(pc)
                if pc % 4 == 0 && self.code.index_of(pc).is_some() =>
            {
                return;
            }
            Successor::Branch(_) | Successor::Jump(_) => self.b.ins().iconst(types::I8, 1),
            _ => {
                let low = self.b.ins().band_imm_u(target, 3);
                self.b.ins().icmp_imm_u(IntCC::NotEqual, low, 0)
            }
        };
        let refused = match condition {
            Some(condition) => self.b.ins().band(condition, refused),
            None => refused,
        };
        self.exit_before(refused, at);
    }
}
