//! What compiled instructions do to registers and to memory.
//!
//! In: addresses and values. Out: loads and stores of the host, and exits before accesses that the interpreter must make.

use cranelift_codegen::ir::{
    self, AliasRegionData, InstBuilder, InstructionData, MemFlagsData, Opcode, Value, ValueDef, types,
};
use cranelift_frontend::Variable;

use super::{At, Emitter};
use crate::isa::{BinaryOp, Expr, ExprKind, Isa, Op, SemanticStatement, Semantics, Word};
use crate::machine::{READY, WRITABLE};
use crate::native::region::semantics;
use crate::native::registers::{RegisterSet, reads, writes};
use crate::native::state::{Exit, ExitReason};
use crate::pages::PAGE_BYTES;

/// How an access makes sure that its page is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageCheck {
    /// It looks at its own page.
    Own,
    /// It looks at the pages of two addresses, for all accesses from one to the other by the same base register; these
    /// are so many bytes beyond its own, and less than a page apart.
    First { lowest: i32, highest: i32, flag: u8 },
    /// An access before it has looked.
    Covered,
}

/// So many accesses at least share their page checks, which are two then.
const SHARED: usize = 3;

/// For each instruction of a block, how it checks its page. Accesses by one base register, while that has the same value,
/// share their checks as far as they are within a page's length. So an exit may come before the first of them, where only
/// a later one needs it: the interpreter executes all.
pub(super) fn page_checks<'a, I: Isa>(ops: impl Iterator<Item = &'a Op>) -> Vec<PageCheck> {
    /// Accesses by a register that has the same value.
    struct Group {
        base: u8,
        lowest: Word,
        highest: Word,
        flag: u8,
        members: Vec<usize>,
        first: Word,
    }
    let mut checks = Vec::new();
    let mut open: Vec<Group> = Vec::new();
    let close = |checks: &mut Vec<PageCheck>, group: Group| {
        if let [first, rest @ ..] = group.members.as_slice()
            && group.members.len() >= SHARED
        {
            let [lowest, highest] =
                [group.lowest, group.highest].map(|offset| offset.wrapping_sub(group.first).cast_signed());
            checks[*first] = PageCheck::First { lowest, highest, flag: group.flag };
            rest.iter().for_each(|member| checks[*member] = PageCheck::Covered);
        }
    };
    for (at, op) in ops.enumerate() {
        checks.push(PageCheck::Own);
        if let Some(access) = access::<I>(op) {
            let (low, high) = (access.offset, access.offset.wrapping_add(access.bytes - 1));
            let place = open.iter().position(|group| group.base == access.base);
            let group = place.map(|place| open.swap_remove(place));
            let joined = group.and_then(|mut group| {
                let lowest = core::cmp::min_by_key(low, group.lowest, |offset| offset.cast_signed());
                let highest = core::cmp::max_by_key(high, group.highest, |offset| offset.cast_signed());
                if highest.wrapping_sub(lowest) >= PAGE_BYTES as Word {
                    close(&mut checks, group);
                    return None;
                }
                (group.lowest, group.highest) = (lowest, highest);
                group.flag = group.flag.max(access.flag);
                group.members.push(at);
                Some(group)
            });
            open.push(joined.unwrap_or_else(|| Group {
                base: access.base,
                lowest: low,
                highest: high,
                flag: access.flag,
                members: vec![at],
                first: low,
            }));
        }
        for register in writes::<I>(op) {
            if let Some(place) = open.iter().position(|group| group.base == register) {
                close(&mut checks, open.swap_remove(place));
            }
        }
    }
    open.into_iter().for_each(|group| close(&mut checks, group));
    checks
}

/// An access whose address is a register's value and a number.
struct Access {
    base: u8,
    offset: Word,
    bytes: Word,
    flag: u8,
}

/// The access of an instruction that has one, if its address is a register's value and the immediate.
fn access<I: Isa>(op: &Op) -> Option<Access> {
    let semantics = semantics::<I>(op)?;
    let mut accesses = semantics.statements.iter().filter_map(|statement| match statement {
        SemanticStatement::Load { bits, address } => Some((address, *bits, READY)),
        SemanticStatement::Store { bits, address, .. } => Some((address, *bits, WRITABLE)),
        _ => None,
    });
    let (address, bits, flag) = accesses.next()?;
    let ExprKind::Binary(BinaryOp::Add, left, right) = resolve(address, semantics)?.kind else { return None };
    let (left, right) = (resolve(left, semantics)?, resolve(right, semantics)?);
    let (ExprKind::Read(port), ExprKind::Imm) = (left.kind, right.kind) else { return None };
    let alone = accesses.next().is_none() && address.ty.width == Word::BITS;
    let (_, base) = reads::<I>(op).find(|&(at, _)| at == usize::from(port)).filter(|_| alone)?;
    Some(Access { base, offset: op.imm, bytes: bits / 8, flag })
}

/// An expression, or the one that it names.
fn resolve<'a>(e: &'a Expr, semantics: &'a Semantics) -> Option<&'a Expr> {
    let ExprKind::Local(place) = e.kind else { return Some(e) };
    let mut locals = semantics.statements.iter().filter_map(|statement| match statement {
        SemanticStatement::Let(value) => Some(value),
        _ => None,
    });
    locals.nth(place.into())
}

impl Emitter<'_> {
    fn variable(&mut self, register: u8) -> Variable {
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

    /// Gives a register, which is not the zero register, a value.
    pub(super) fn write(&mut self, register: u8, value: Value) {
        let variable = self.variable(register);
        self.b.def_var(variable, value);
        self.values.insert(register);
        self.unsaved.insert(register);
        self.exits.written(register);
    }

    pub(super) fn load_register(&mut self, register: u8) {
        let flags = self.flags(Memory::Register(register));
        let registers = self.arguments.registers;
        let value = self.b.ins().load(types::I32, flags, registers, offset_of_register(register));
        let variable = self.variable(register);
        self.b.def_var(variable, value);
    }

    pub(super) fn store_register(&mut self, register: u8, value: Value) {
        let flags = self.flags(Memory::Register(register));
        self.b.ins().store(flags, value, self.arguments.registers, offset_of_register(register));
    }

    /// Stores these registers, which are values here.
    pub(super) fn store_registers(&mut self, registers: RegisterSet) {
        for register in registers.iter() {
            let variable = self.variable(register);
            let value = self.b.use_var(variable);
            self.store_register(register, value);
        }
    }

    /// Stores the registers that memory does not have, for good.
    pub(super) fn save(&mut self) {
        self.store_registers(self.unsaved);
        self.unsaved = RegisterSet::default();
    }

    /// Where an address is in the host's memory. Exits if it is not aligned, or its page has not this flag.
    pub(super) fn checked(&mut self, address: Value, bits: u32, flag: u8, at: &At<'_>) -> Value {
        let saving = self.saving();
        let refused = self.b.create_block();
        let mut checks = self.check_alignment(address, i64::from(bits / 8), refused);
        match at.page_check {
            PageCheck::Own => self.check_page(address, flag, refused),
            PageCheck::First { lowest, highest, flag } => {
                for offset in [lowest, highest] {
                    let address = match offset {
                        0 => address,
                        _ => self.b.ins().iadd_imm_s(address, i64::from(offset)),
                    };
                    self.check_page(address, flag, refused);
                }
            }
            PageCheck::Covered => {}
        }
        checks |= at.page_check != PageCheck::Covered;
        if checks && let Some(on) = self.b.current_block() {
            let (reason, index, uncounted) = (ExitReason::Before, at.index, at.uncounted);
            self.fill_cold_exit(refused, saving, Exit { reason, index, uncounted });
            self.b.switch_to_block(on);
        }
        let address = self.b.ins().uextend(types::I64, address);
        self.b.ins().iadd(self.arguments.image, address)
    }

    /// Goes to `refused` if the address is no multiple of so many bytes; whether that had to be checked. Addresses that differ by
    /// multiples are checked once a block.
    fn check_alignment(&mut self, address: Value, bytes: i64, refused: ir::Block) -> bool {
        if bytes <= 1 {
            return false;
        }
        let (base, offset) = self.base_and_offset(address);
        let checked = if offset % bytes == 0 { base } else { address };
        if self.aligned.iter().any(|&(value, known)| value == checked && known >= bytes) {
            return false;
        }
        self.aligned.push((checked, bytes));
        let low = self.b.ins().band_imm_u(checked, bytes - 1);
        let on = self.b.create_block();
        self.b.ins().brif(low, refused, &[], on, &[]);
        self.b.seal_block(on);
        self.b.switch_to_block(on);
        true
    }

    /// Goes to `refused` unless the address's page has the flag.
    fn check_page(&mut self, address: Value, flag: u8, refused: ir::Block) {
        let page = self.b.ins().ushr_imm_u(address, i64::from(PAGE_BYTES.trailing_zeros()));
        let page = self.b.ins().uextend(types::I64, page);
        let place = self.b.ins().iadd(self.arguments.flags, page);
        let memory_flags = self.flags(Memory::PageFlags);
        let flags = self.b.ins().uload8(types::I32, memory_flags, place, 0);
        let flag = self.b.ins().band_imm_u(flags, i64::from(flag));
        let on = self.b.create_block();
        self.b.ins().brif(flag, on, &[], refused, &[]);
        self.b.seal_block(on);
        self.b.switch_to_block(on);
    }

    /// The value that an address is made of, and the number that is added to it.
    fn base_and_offset(&self, address: Value) -> (Value, i64) {
        let dfg = &self.b.func.dfg;
        let data = |value| match dfg.value_def(value) {
            ValueDef::Result(instruction, 0) => Some(dfg.insts[instruction]),
            _ => None,
        };
        if let Some(InstructionData::Binary { opcode: Opcode::Iadd, args: [base, offset] }) = data(address)
            && let Some(InstructionData::UnaryImm { opcode: Opcode::Iconst, imm }) = data(offset)
        {
            return (base, imm.bits());
        }
        (address, 0)
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
        let dfg = &mut self.b.func.dfg;
        *self.memory_flags.0[user_id as usize].get_or_insert_with(|| {
            let data = AliasRegionData { user_id, description: "".into() };
            let region = dfg.alias_regions.insert(data);
            MemFlagsData::trusted().with_alias_region(Some(region))
        })
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

/// The flags of each kind of memory, once they were needed.
pub(super) struct MemoryFlags([Option<MemFlagsData>; 0x103]);

impl Default for MemoryFlags {
    fn default() -> Self {
        Self([None; 0x103])
    }
}

fn offset_of_register(register: u8) -> i32 {
    i32::from(register) * size_of::<Word>() as i32
}
