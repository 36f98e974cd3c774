//! Honest rows: each instruction run on edge operands by the IR's own meaning, before there is generated code.
//!
//! In: a model whose expressions are typed. Out: for each instruction a few hundred rows with every stored column's cell,
//! which the checks hold against range classes, constraints, links and units. The operands are chosen without
//! randomness, so that a spec gives the same errors each time.

use std::collections::HashMap;
use std::fmt;

use super::XLEN;
use crate::ir::{BinaryOp, Environment, ExprKind, OpFact, Statement, eval, signed, walk};
use crate::model::{Class, ColumnSource, Immediate, Instruction, Model, Operand, READS, Recorded, WRITES};
use crate::units::Units;
use crate::units::row::Found;

/// Values of registers and of memory words.
const EDGES: [u32; 16] = [
    0,
    1,
    2,
    3,
    31,
    32,
    0x80,
    0xffff,
    0x1008,
    0x2000_1004,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_f000,
    0xffff_fffe,
    u32::MAX,
];

/// Addresses of the instruction: the first that may hold code, the last, and around the sign.
const PCS: [u32; 5] = [0x1_0000, 0x1000, 0x7fff_fffc, 0x8000_0000, 0xffff_fff8];

/// rd, rs1, rs2, rs3, rd2: all different, the zero register in each place, and some of them the same.
const REGISTERS: [[u8; 5]; 9] = [
    [10, 11, 12, 13, 14],
    [0, 11, 12, 11, 14],
    [11, 11, 12, 12, 11],
    [12, 11, 12, 12, 0],
    [11, 11, 11, 11, 11],
    [10, 11, 11, 10, 11],
    [10, 0, 12, 0, 10],
    [10, 11, 0, 13, 12],
    [31, 30, 29, 28, 31],
];

/// How many rows in succession execute one word at one address, as a loop does.
const SAME_WORD: usize = 8;

/// Accesses below this address trap.
const PAGE: u32 = 0x1000;

/// What an instruction finds. Its `Display` names the operands.
#[derive(Clone, Debug)]
pub struct Case {
    /// The instruction word.
    pub word: u32,
    /// Its address.
    pub pc: u32,
    /// Its place in the code table.
    pub index: u32,
    /// The registers that it reads or writes, by number, with their values before.
    pub registers: Vec<(u8, u32)>,
    /// The aligned word of memory that it accesses, if it does, before.
    pub memory: u32,
    /// Whether the policy allows stores to that word.
    pub writable: bool,
    /// What comes next of the input.
    pub input: u32,
    /// Whether the row is the first.
    pub first: bool,
    /// The immediate; none if the format has none.
    imm: Option<u32>,
    /// The numbers of rs1 and rs2; 0 if the instruction has none.
    sources: [u8; 2],
    /// The registers that the write ports write.
    destinations: [Option<u8>; WRITES.len()],
    /// The read ports' values; none where the port is not read.
    reads: [Option<u32>; READS.len()],
}

/// What a call does with streams, in the words of errors.
pub(in crate::check) const LEFT: &str = "what is left of the input";
pub(in crate::check) const TAKEN: &str = "how much of the input is taken";
pub(in crate::check) const POSITION: &str = "the place of what is put out";
pub(in crate::check) const PUT: &str = "how much is put out";
pub(in crate::check) const BYTES: &str = "what is put out";

/// An honest row.
#[derive(Clone, Debug)]
pub struct Row {
    /// What the instruction finds.
    pub case: Case,
    /// The stored columns' cells, as their classes' integers.
    pub cells: Vec<i64>,
    /// Where execution goes; none if the guest ends.
    pub next: Option<u32>,
    /// What `step` would record.
    pub(crate) recorded: Vec<(Recorded, u32)>,
    /// What a load gives.
    pub(crate) loaded: u32,
    /// What the input gives.
    pub(crate) taken: u32,
    /// What a call takes and puts out.
    pub(crate) moved: Vec<(&'static str, u32)>,
}

impl Row {
    /// What units find in it.
    pub fn found(&self, units: &Units) -> Found {
        let Case { reads, imm, pc, writable, .. } = &self.case;
        let recorded = |what: Recorded| {
            self.recorded.iter().find(|(known, _)| *known == what).map_or(0, |(_, value)| *value)
        };
        Found {
            reads: reads.map(Option::unwrap_or_default),
            pc: *pc,
            imm: imm.unwrap_or_default(),
            address: recorded(Recorded::MemAddress),
            before: recorded(Recorded::MemBefore),
            loaded: self.loaded,
            writable: *writable && recorded(Recorded::MemAddress) != 0,
            taken: self.taken,
            next_pc: self.next.unwrap_or_default(),
            word: units.address.map_or(0, |column| self.cells[column] as u32),
        }
    }
}

/// The rows of every kind, in their order, on edge operands: what the checker holds against
/// constraints. The meaning is the IR's own, apart from generated code. O(instructions · size of the spec).
pub fn edge_rows(model: &Model) -> Vec<Vec<Row>> {
    let order = super::derivation_order(&model.columns);
    (0..model.kinds().count()).map(|kind| rows(model, kind, &order)).collect()
}

/// The rows of one instruction; none if it always traps. `order` is the columns' order of derivation.
fn rows(model: &Model, kind: usize, order: &[usize]) -> Vec<Row> {
    let instruction = model.kind(kind);
    if !instruction.semantics.has_rows() {
        return Vec::new();
    }
    let cases = cases(instruction).into_iter().filter(|case| is_the_case(instruction, case));
    cases.filter_map(|case| row(model, kind, order, case)).collect()
}

/// An honest row at another address, for the links: what a row leads to may be any instruction there.
pub(crate) fn moved(model: &Model, kind: usize, order: &[usize], row: &Row, pc: u32) -> Vec<i64> {
    let case = Case { pc, first: false, ..row.case.clone() };
    self::row(model, kind, order, case).map_or_else(|| row.cells.clone(), |row| row.cells)
}

/// How many rows of a call's variant there are, and of how many states they are looked for.
const VARIANT_ROWS: usize = 48;
const VARIANT_STATES: usize = 6000;

/// How many states there are for each condition in which it alone does not hold.
const NEAR_MISSES: usize = 3;
/// Near how many states in which a call is the variant they are looked for.
const NEAR_HITS: usize = 8;

/// States in which a call is this variant, and others: registers have what conditions compare them with, small numbers, what
/// another register has, and edges. Of each condition some are near misses: nothing else is wrong.
fn states(variant: &Instruction) -> Vec<Case> {
    let mut numbers: Vec<u32> = vec![0, 1, 2, 3, 4, 5, 8];
    let mut fixed = [None; READS.len()];
    for statement in &variant.semantics.statements {
        let Statement::Require(condition) = statement else { continue };
        if let ExprKind::Binary(BinaryOp::Eq, a, b) = &condition.kind
            && let (ExprKind::Read(port), ExprKind::Const(value)) = (&a.kind, &b.kind)
        {
            fixed[*port] = Some(*value as u32);
        }
        walk(condition, &mut |part| {
            if let ExprKind::Const(value) = part.kind {
                let value = value as u32;
                numbers.extend([value, value.wrapping_sub(1), value.wrapping_add(1)]);
            }
        });
    }
    let (mut the_case, mut others) = (Vec::new(), Vec::new());
    let mut hits: Vec<(usize, [u32; READS.len()])> = Vec::new();
    for at in 0..VARIANT_STATES {
        let mut values = [0u32; READS.len()];
        for port in 0..READS.len() {
            let pick = |salt: u64| mix(at, 50 + 8 * port as u64 + salt);
            let value = match pick(0) % 8 {
                0..3 => numbers[pick(1) % numbers.len()],
                3..5 => EDGES[pick(2) % EDGES.len()],
                5 => 0x2000_0000 | (pick(3) as u32 % 0x1000),
                _ => values[pick(4) % (port + 1)].wrapping_add(pick(5) as u32 % 5).wrapping_sub(1),
            };
            // Now and then it is another call, or another descriptor.
            values[port] = fixed[port].filter(|_| pick(6) % 16 != 0).unwrap_or(value);
        }
        let case = case(variant, at, values, 0, PCS[mix(at, 40) % PCS.len()]);
        let is_it = is_the_case(variant, &case);
        let (list, most) = if is_it { (&mut the_case, VARIANT_ROWS) } else { (&mut others, VARIANT_ROWS) };
        if list.len() < most {
            list.push(case);
            hits.extend(is_it.then_some((at, values)));
        } else if is_it {
            break;
        }
    }
    the_case.append(&mut others);
    the_case.append(&mut near_misses(variant, &hits, &numbers));
    the_case
}

/// States that differ from a hit in one register, or in whether stores are allowed. One condition does not hold.
fn near_misses(variant: &Instruction, hits: &[(usize, [u32; READS.len()])], numbers: &[u32]) -> Vec<Case> {
    let mut missed: HashMap<usize, Vec<Case>> = HashMap::new();
    let mut take = |case: Case| {
        if let [only] = unmet(variant, &case)[..] {
            let known = missed.entry(only).or_default();
            known.extend((known.len() < NEAR_MISSES).then_some(case));
        }
    };
    for (at, values) in hits.iter().take(NEAR_HITS) {
        let pc = PCS[mix(*at, 40) % PCS.len()];
        for (port, operand) in variant.reads.into_iter().enumerate() {
            if operand == Operand::None {
                continue;
            }
            for value in
                numbers.iter().chain(values).flat_map(|near| [*near, near.wrapping_add(1)]).chain(EDGES)
            {
                let mut values = *values;
                values[port] = value;
                take(case(variant, *at, values, 0, pc));
            }
        }
        let case = case(variant, *at, *values, 0, pc);
        take(Case { writable: !case.writable, ..case });
    }
    let mut missed: Vec<(usize, Vec<Case>)> = missed.into_iter().collect();
    missed.sort_by_key(|(condition, _)| *condition);
    missed.into_iter().flat_map(|(_, cases)| cases).collect()
}

/// Which of the conditions do not hold, wherever there is memory.
fn unmet(instruction: &Instruction, case: &Case) -> Vec<usize> {
    let mut run = Execution { any_page: true, ..Execution::of(case) };
    let mut unmet = Vec::new();
    for (at, statement) in instruction.semantics.statements.iter().enumerate() {
        match statement {
            Statement::Let(name, value) => run.locals.push((name, eval(value, &run))),
            Statement::Require(condition) if eval(condition, &run) == 0 => unmet.push(at),
            Statement::Require(_) => {}
            _ => break,
        }
    }
    unmet
}

/// Whether all holds that the semantics ask for; so of an instruction that they ask nothing of.
fn is_the_case(instruction: &Instruction, case: &Case) -> bool {
    let mut run = Execution::of(case);
    instruction.semantics.statements.iter().all(|statement| match statement {
        Statement::Let(name, value) => {
            run.locals.push((name, eval(value, &run)));
            true
        }
        Statement::Require(condition) => eval(condition, &run) != 0,
        _ => true,
    })
}

/// Two of the operands in every combination, the others mixed in.
fn cases(instruction: &Instruction) -> Vec<Case> {
    if instruction.is_variant() {
        return states(instruction);
    }
    let imms = instruction.format.imm.as_ref().map_or(vec![0], immediates);
    let reads = instruction.reads.map(|read| read != Operand::None);
    let dimensions = [
        if reads[0] { EDGES.len() } else { 1 },
        if reads[1] { EDGES.len() } else { 1 },
        imms.len(),
        PCS.len(),
    ];
    let mut product: Vec<usize> = (0..4).filter(|at| dimensions[*at] > 1).collect();
    product.truncate(2);
    let count = product.iter().map(|at| dimensions[*at]).product::<usize>().max(64);
    (0..count)
        .map(|at| {
            // Several rows execute one instruction word at one place with other operands.
            let word = at / SAME_WORD;
            let mut pick = [0; 4];
            for (salt, (pick, length)) in (0..).zip(pick.iter_mut().zip(dimensions)) {
                *pick = mix(if salt < 2 { at } else { word }, salt) % length;
            }
            let mut rest = at;
            for dimension in &product {
                pick[*dimension] = rest % dimensions[*dimension];
                rest /= dimensions[*dimension];
            }
            let edge = |salt| EDGES[mix(at, salt) % EDGES.len()];
            // What is compared with the first is often equal to it.
            let third = if mix(at, 14).is_multiple_of(4) { EDGES[pick[0]] } else { edge(10) };
            let values = [EDGES[pick[0]], EDGES[pick[1]], third, edge(11), edge(12), edge(13)];
            case(instruction, at, values, imms[pick[2]], PCS[pick[3]])
        })
        .collect()
}

fn case(instruction: &Instruction, at: usize, values: [u32; READS.len()], imm: u32, pc: u32) -> Case {
    let pattern = REGISTERS[mix(at / SAME_WORD, 20) % REGISTERS.len()];
    let number = |operand: Operand, field: u8| match operand {
        Operand::None => 0,
        Operand::Fixed(number) => number,
        Operand::Field(_) => field,
    };
    let [rd, sources @ .., rd2] = pattern;
    let mut read_by = [0; READS.len()];
    let mut known = vec![(0, 0)];
    let mut word = instruction.bits;
    let mut reads = [None; READS.len()];
    for (port, operand) in instruction.reads.into_iter().enumerate() {
        // A destination that is read is the field that it is written by.
        let written = instruction.writes.iter().zip([rd, rd2]).find(|(write, _)| **write == operand);
        let field =
            written.map_or_else(|| sources.get(port).copied().unwrap_or_default(), |(_, field)| field);
        let register = number(operand, field);
        word |= place(operand, register);
        read_by[port] = register;
        if operand != Operand::None {
            let same = known.iter().find(|(other, _)| *other == register).map(|(_, value)| *value);
            reads[port] = Some(same.unwrap_or(values[port]));
            known.push((register, same.unwrap_or(values[port])));
        }
    }
    let edge = |salt| EDGES[mix(at, salt) % EDGES.len()];
    let mut registers = known;
    let mut destinations = [None; WRITES.len()];
    for (port, (operand, field)) in instruction.writes.into_iter().zip([rd, rd2]).enumerate() {
        if operand != Operand::None {
            let register = number(operand, field);
            word |= place(operand, register);
            destinations[port] = Some(register);
            let is_new = registers.iter().all(|(other, _)| *other != register);
            registers.extend(is_new.then(|| (register, edge([30, 39][port]))));
        }
    }
    if let Some(format) = &instruction.format.imm {
        word |= scatter(format, imm);
    }
    Case {
        word,
        pc,
        imm: instruction.format.imm.is_some().then_some(imm),
        destinations,
        sources: [read_by[0], read_by[1]],
        registers,
        reads,
        memory: edge(31).rotate_left(mix(at, 32) as u32 % 32) ^ 0x8040_2010,
        writable: !mix(at, 33).is_multiple_of(4),
        input: edge(34).rotate_left(mix(at, 35) as u32 % 32) ^ 0x0123_4567,
        // A word at an address has one place in the code table.
        index: 1 + mix((word ^ pc.rotate_left(7)) as usize, 37) as u32 % 0xffff,
        first: mix(at, 38).is_multiple_of(4),
    }
}

fn place(operand: Operand, register: u8) -> u32 {
    match operand {
        Operand::Field(bits) => (u32::from(register) << bits.lo) & bits.mask(),
        _ => 0,
    }
}

/// The edges of what an immediate can be, extended to a word.
fn immediates(format: &Immediate) -> Vec<u32> {
    let unit = 1 << format.pieces.iter().map(|(_, to)| *to).min().unwrap_or_default();
    let top = 1u32 << (format.width - 1);
    [
        0,
        unit,
        4,
        8,
        top,
        top.wrapping_sub(unit),
        (top - 1) & !3,
        0u32.wrapping_sub(unit),
        0u32.wrapping_sub(4),
        0x5555_5555,
    ]
    .map(|value| extend(format, gather(format, scatter(format, value))))
    .to_vec()
}

/// The immediate's bits in a word.
fn scatter(format: &Immediate, value: u32) -> u32 {
    let pieces = format.pieces.iter();
    pieces.map(|(from, to)| ((value >> to) << from.lo) & from.mask()).fold(0, |word, piece| word | piece)
}

/// The immediate that a word has.
fn gather(format: &Immediate, word: u32) -> u32 {
    let pieces = format.pieces.iter();
    pieces.map(|(from, to)| ((word & from.mask()) >> from.lo) << to).fold(0, |value, piece| value | piece)
}

fn extend(format: &Immediate, value: u32) -> u32 {
    let ty = crate::ir::Type { signed: format.signed, width: format.width };
    signed(value.into(), ty) as u32
}

/// A number that looks random, the same for the same arguments (splitmix64).
fn mix(at: usize, salt: u64) -> usize {
    let mut z = (at as u64)
        .wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 30)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 16) as usize
}

/// What the semantics' expressions see.
struct Execution<'a> {
    case: &'a Case,
    locals: Vec<(&'a str, u64)>,
    loaded: u32,
    taken: u32,
    /// Whether page 0 and the last one count as memory: that they are none is for the memory argument to say.
    any_page: bool,
}

impl<'a> Execution<'a> {
    fn of(case: &'a Case) -> Self {
        Self { case, locals: Vec::new(), loaded: 0, taken: 0, any_page: false }
    }
}

impl Environment for Execution<'_> {
    fn read(&self, port: usize) -> u64 {
        self.case.reads[port].unwrap_or_default().into()
    }

    fn pc(&self) -> u64 {
        self.case.pc.into()
    }

    fn imm(&self) -> u64 {
        self.case.imm.unwrap_or_default().into()
    }

    fn local(&self, name: &str) -> u64 {
        self.locals.iter().find(|(local, _)| *local == name).map_or(0, |(_, value)| *value)
    }

    fn loaded(&self) -> u64 {
        self.loaded.into()
    }

    fn taken(&self) -> u64 {
        self.taken.into()
    }

    fn allows(&self, stores: bool, address: u64) -> bool {
        let memory = address >= u64::from(PAGE) && address < (1 << XLEN) - u64::from(PAGE);
        (memory || self.any_page) && (!stores || self.case.writable)
    }

    fn fact(&self, _: OpFact) -> u64 {
        0
    }

    fn cell(&self, _: usize) -> u64 {
        0
    }
}

/// The cases of each instruction in which it traps for a reason that its own row shows: a condition of its semantics, or an
/// address or a target that is no multiple of what it has to be. Units must refuse them.
pub fn trapped(model: &Model) -> Vec<Vec<(Case, Found)>> {
    let of = |instruction: &Instruction| {
        let cases = cases(instruction).into_iter();
        cases.filter_map(|case| refused(instruction, &case).map(|found| (case, found))).collect()
    };
    model.kinds().map(of).collect()
}

/// What units find in a case that they must refuse; none of another.
fn refused(instruction: &Instruction, case: &Case) -> Option<Found> {
    let mut run = Execution { any_page: true, ..Execution::of(case) };
    for statement in &instruction.semantics.statements {
        let traps = match statement {
            Statement::Let(name, value) => {
                run.locals.push((name, eval(value, &run)));
                false
            }
            Statement::Load { bits, address } => {
                let address = eval(address, &run) as u32;
                run.loaded = (case.memory >> (address % (XLEN / 8) * 8)) & (u32::MAX >> (XLEN - bits));
                !address.is_multiple_of(bits / 8)
            }
            Statement::Store { bits, address, .. } => !(eval(address, &run) as u32).is_multiple_of(bits / 8),
            Statement::Jump { condition, target } => {
                condition.as_ref().is_none_or(|condition| eval(condition, &run) != 0)
                    && !(eval(target, &run) as u32).is_multiple_of(4)
            }
            Statement::Trap { condition, .. } => {
                condition.as_ref().is_some_and(|condition| eval(condition, &run) != 0)
            }
            Statement::Require(condition) => eval(condition, &run) == 0,
            Statement::Input { count, .. } => {
                run.taken = low_bytes(case.input, eval(count, &run));
                false
            }
            Statement::Write(..) | Statement::Call { .. } | Statement::Output { .. } | Statement::Exit(_) => {
                false
            }
        };
        if traps {
            return Some(Found {
                reads: case.reads.map(Option::unwrap_or_default),
                pc: case.pc,
                imm: case.imm.unwrap_or_default(),
                before: case.memory,
                // No cell follows from it but through what is loaded.
                address: 0,
                loaded: run.loaded,
                writable: case.writable,
                taken: run.taken,
                next_pc: 0,
                word: 0,
            });
        }
    }
    None
}

/// The row of one case; none if it traps. In the order in which `step` does it: values, the jump's check, the store, rd.
fn row(model: &Model, kind: usize, order: &[usize], case: Case) -> Option<Row> {
    let instruction = model.kind(kind);
    let mut run = Execution::of(&case);
    let mut moved = Vec::new();
    let mut recorded: Vec<(Recorded, u32)> = vec![(Recorded::Index, case.index)];
    for (port, value) in case.reads.iter().enumerate() {
        recorded.extend(value.map(|value| (Recorded::Read(port), value)));
    }
    let mut next = Some(case.pc.wrapping_add(4));
    let access = |address: u32, before: u32, after: u32| {
        let writable = u32::from(case.writable);
        [
            (Recorded::MemAddress, address),
            (Recorded::MemBefore, before),
            (Recorded::MemAfter, after),
            (Recorded::MemWritable, writable),
        ]
    };
    for statement in &instruction.semantics.statements {
        match statement {
            Statement::Let(name, value) => {
                let bits = eval(value, &run);
                recorded.push((Recorded::Local(name.clone()), signed(bits, value.ty) as u32));
                run.locals.push((name, bits));
            }
            Statement::Load { bits, address } => {
                let address = eval(address, &run) as u32;
                let shift = checked_shift(address, *bits)?;
                run.loaded = (case.memory >> shift) & (u32::MAX >> (XLEN - bits));
                if !instruction.semantics.updates() {
                    recorded.extend(access(address, case.memory, case.memory));
                }
            }
            Statement::Call { .. } | Statement::Require(_) => {}
            Statement::Input { left, count, .. } => {
                let (left, count) = (eval(left, &run), eval(count, &run));
                moved.extend([(LEFT, left as u32), (TAKEN, count as u32)]);
                run.taken = low_bytes(case.input, count);
                recorded.push((Recorded::Input, run.taken));
            }
            Statement::Output { position, count, value, .. } => {
                let of = |expr| eval(expr, &run) as u32;
                moved.extend([(POSITION, of(position)), (PUT, of(count)), (BYTES, of(value))]);
            }
            Statement::Exit(_) => next = None,
            Statement::Trap { condition, .. } => {
                if condition.as_ref().is_none_or(|condition| eval(condition, &run) != 0) {
                    return None;
                }
            }
            Statement::Jump { condition, target } => {
                if condition.as_ref().is_none_or(|condition| eval(condition, &run) != 0) {
                    let target = eval(target, &run) as u32;
                    if !target.is_multiple_of(4) {
                        return None;
                    }
                    next = Some(target);
                }
            }
            Statement::Store { bits, address, value } => {
                let address = eval(address, &run) as u32;
                let shift = checked_shift(address, *bits)?;
                if !case.writable {
                    return None;
                }
                let mask = (u32::MAX >> (XLEN - bits)) << shift;
                let after = (case.memory & !mask) | (((eval(value, &run) as u32) << shift) & mask);
                recorded.extend(access(address, case.memory, after));
            }
            Statement::Write(port, value) => {
                let before =
                    case.registers.iter().find(|(number, _)| Some(*number) == case.destinations[*port]);
                recorded.push((Recorded::RdBefore(*port), before.map_or(0, |(_, value)| *value)));
                recorded.push((Recorded::RdValue(*port), eval(value, &run) as u32));
            }
        }
    }
    recorded.push((Recorded::NextPc, next.unwrap_or_default()));
    let words = cells(model, kind, order, &case, &recorded);
    let cells = words.iter().zip(&model.columns).map(|(word, column)| integer(column.class, *word)).collect();
    let (loaded, taken) = (run.loaded, run.taken);
    Some(Row { case, cells, next, recorded, loaded, taken, moved })
}

/// The low bytes of a word, so many of them.
fn low_bytes(word: u32, count: u64) -> u32 {
    (u64::from(word) & ((1u128 << (8 * count.min(8))) - 1) as u64) as u32
}

/// How far the bytes are from the word's low end; none if the access traps.
fn checked_shift(address: u32, bits: u32) -> Option<u32> {
    (address.is_multiple_of(bits / 8) && address >= PAGE).then_some(address % (XLEN / 8) * 8)
}

/// The integer that a cell stands for.
fn integer(class: Class, word: u32) -> i64 {
    match class {
        Class::Signed(_) => word.cast_signed().into(),
        Class::Interval(min, _) if min < 0 => word.cast_signed().into(),
        _ => word.into(),
    }
}

/// The stored columns' cells: recorded values, zero where there are none, and what derives from them.
fn cells(model: &Model, kind: usize, order: &[usize], case: &Case, recorded: &[(Recorded, u32)]) -> Vec<u32> {
    let mut row = Cells { kind, case, cells: vec![0; model.columns.len()] };
    for (at, column) in model.columns.iter().enumerate() {
        if let ColumnSource::Recorded(sources) = &column.source {
            let value = recorded.iter().find(|(source, _)| sources.contains(source));
            row.cells[at] = value.map_or(0, |(_, value)| *value);
        }
    }
    for at in order {
        if let ColumnSource::Derived(expr) = &model.columns[*at].source {
            row.cells[*at] = signed(eval(expr, &row), expr.ty) as u32;
        }
    }
    row.cells
}

/// What a column's expression sees.
struct Cells<'a> {
    kind: usize,
    case: &'a Case,
    cells: Vec<u32>,
}

impl Environment for Cells<'_> {
    fn read(&self, _: usize) -> u64 {
        0
    }

    fn pc(&self) -> u64 {
        0
    }

    fn imm(&self) -> u64 {
        0
    }

    fn local(&self, _: &str) -> u64 {
        0
    }

    fn loaded(&self) -> u64 {
        0
    }

    fn taken(&self) -> u64 {
        0
    }

    fn allows(&self, _: bool, _: u64) -> bool {
        false
    }

    fn fact(&self, fact: OpFact) -> u64 {
        let [rs1, rs2] = self.case.sources;
        match fact {
            OpFact::Pc => self.case.pc.into(),
            OpFact::Word => self.case.word.into(),
            OpFact::Imm => self.case.imm.unwrap_or_default().into(),
            OpFact::Kind => self.kind as u64 + 1,
            OpFact::Rd => self.case.destinations[0].unwrap_or_default().into(),
            OpFact::Rs1 => rs1.into(),
            OpFact::Rs2 => rs2.into(),
        }
    }

    fn cell(&self, column: usize) -> u64 {
        self.cells[column].into()
    }
}

/// The operands, for errors: `rs1 = 0x80000000, rs2 = 0x1, rd = x10, pc = 0x10000`.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (port, value) in self.reads.iter().enumerate() {
            if let Some(value) = value {
                write!(f, "{} = {value:#x}, ", READS[port])?;
            }
        }
        if let Some(imm) = self.imm {
            write!(f, "imm = {}, ", imm.cast_signed())?;
        }
        for (name, register) in WRITES.into_iter().zip(self.destinations) {
            if let Some(register) = register {
                write!(f, "{name} = x{register}, ")?;
            }
        }
        write!(f, "pc = {:#x}", self.pc)
    }
}
