//! Random programs of any instruction set that has RV32I, by what its spec says of operands and effects.
//!
//! In: a number. Out: a [`Program`], a list of items each of which works without the others, so that a failing program can
//! be made smaller; [`Code`] is what several of them become in memory.
//!
//! A program sets every register, runs, stores every register at its data, prints its data, and goes to the next.

use std::collections::BTreeMap;

use retrace::asm::encode;
use retrace::isa::{AsmPiece, Happens, Immediate, Instruction, Isa, MemoryAccess, OperandKind};

use crate::elf::PAGE;
use crate::random::Random;

/// How many programs one executable holds.
pub(crate) const BATCH: u64 = 64;
/// The addresses that a program's code and landing pads may take; and its memory, a page of which the last words are
/// for the registers, then the data.
const CODE_BYTES: u32 = 0x2000;
const MEMORY_BYTES: u32 = PAGE + DATA_BYTES;
const DATA_BYTES: u32 = 3 * PAGE;
pub(crate) const REGISTER_BYTES: u32 = 4 * 32;
/// What a program prints: its registers, then its data.
pub(crate) const PRINTED: u32 = REGISTER_BYTES + DATA_BYTES;
/// Of a program of given items.
pub(crate) const POINTER: u8 = 20;
pub(crate) const RESULTS: usize = 128;
/// Code is in this part of its 8 KiB, which a page border crosses. So 4 KiB before and after it no other code is, and
/// the programs of a batch take half a MiB, so that 1 MiB before and after it none is either.
const CODE_PART: core::ops::Range<u32> = 0x800..0x1800;

/// Where a batch is: code around 2^31 and data below, or the other way round, so that addresses change their sign.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    code: u32,
    data: u32,
}

impl Place {
    pub(crate) fn of(batch: u64) -> Self {
        let (around, below) = (0x8000_0000 - BATCH as u32 / 2 * CODE_BYTES, 0x0100_0000);
        if batch.is_multiple_of(2) {
            Self { code: around, data: below }
        } else {
            Self { code: below, data: 0x8000_0000 - BATCH as u32 / 2 * MEMORY_BYTES - 2 * PAGE }
        }
    }

    /// Where the data of this slot ends with the address space.
    pub(crate) fn at_the_top(slot: u32) -> Self {
        Self { code: 0x0100_0000, data: 0u32.wrapping_sub((slot + 1) * MEMORY_BYTES) }
    }

    pub(crate) fn memory_of(self, slot: u32) -> u32 {
        self.data + slot * MEMORY_BYTES
    }

    /// Where what a program prints begins.
    pub(crate) fn printed_of(self, slot: u32) -> u32 {
        self.memory_of(slot) + PAGE - REGISTER_BYTES
    }

    pub(crate) fn exit(self) -> u32 {
        self.code - 0x1000
    }

    /// Whether `address` is where some program's code may be, or what ends them.
    fn is_code(self, address: u32) -> bool {
        let offset = address.wrapping_sub(self.code);
        (offset < BATCH as u32 * CODE_BYTES && CODE_PART.contains(&(offset % CODE_BYTES)))
            || (self.exit()..self.exit() + 16).contains(&address)
    }
}

#[derive(Clone)]
pub(crate) struct Program {
    /// Its number, from which all of it follows.
    pub(crate) number: u64,
    /// Where its code starts, from the begin of its 8 KiB.
    start: u32,
    registers: [u32; 32],
    /// The register that holds the address of the registers' place in memory, and is not written.
    pointer: u8,
    /// The register that only what tells the ways taken writes.
    mark: u8,
    pub(crate) items: Vec<Item>,
}

#[derive(Clone)]
pub(crate) enum Item {
    /// One instruction that goes on to the next, after registers were set.
    Plain { set: Vec<(u8, u32)>, word: u32 },
    /// A load or store at `offset` of the program's data; the base register is set before.
    Access { base: u8, offset: u32, imm: u32, word: u32 },
    /// A branch, or a jump to pc + immediate, `distance` bytes far; to a landing pad, or over an instruction.
    Jump { set: Vec<(u8, u32)>, instruction: &'static Instruction, operands: [u8; 3], distance: i32 },
    /// A jump to a register plus immediate, `distance` bytes far; the target's low bit is cleared.
    Indirect { instruction: &'static Instruction, rd: u8, base: u8, imm: u32, odd: bool, distance: i32 },
    /// A branch to a target that is not aligned, and not taken.
    NeverTaken { word: u32 },
    /// Runs the items so often.
    Loop { counter: u8, turns: u32, items: Vec<Item> },
    /// A call that does not exist.
    UnknownCall { number: u32 },
}

impl Program {
    pub(crate) fn new<I: Isa>(number: u64) -> Self {
        let mut random = Random(number.wrapping_mul(0x0005_DEEC_E66D));
        random.next();
        let pointer = 1 + random.below(31) as u8;
        let mark = (pointer + random.below(30) as u8) % 31 + 1;
        let registers = std::array::from_fn(|_| random.word());
        let start = CODE_PART.start + 4 * random.below(0x200);
        let count = 20 + random.below(20);
        let mut maker = Maker { random, kept: vec![pointer, mark], isa: Kinds::of::<I>() };
        let items = (0..count).map(|_| maker.item()).collect();
        Self { number, start, registers, pointer, mark, items }
    }

    /// A program of these items, which leave x20 and x21 alone. x20 points to its [`PRINTED`] bytes, of which
    /// [`RESULTS`] words are there for the items' results.
    pub(crate) fn of(number: u64, items: Vec<Item>) -> Self {
        let registers = std::array::from_fn(|register| 0x0101_0101 * register as u32);
        Self { number, start: CODE_PART.start, registers, pointer: POINTER, mark: 21, items }
    }

    pub(crate) fn slot(&self) -> u32 {
        (self.number % BATCH) as u32
    }

    /// The same with other items.
    pub(crate) fn with(&self, items: Vec<Item>) -> Self {
        Self { items, ..self.clone() }
    }

    /// Where every register starts, but the one that points to the data.
    pub(crate) fn registers(&self) -> &[u32] {
        &self.registers
    }

    pub(crate) fn entry(&self, place: Place) -> u32 {
        place.code + self.slot() * CODE_BYTES + self.start
    }

    /// What its memory holds before: anything, with signs in all bytes.
    pub(crate) fn memory(&self) -> Vec<u8> {
        let mut random = Random(!self.number);
        (0..MEMORY_BYTES / 4).flat_map(|_| random.word().to_le_bytes()).collect()
    }
}

/// A spec's instructions by what they do.
struct Kinds {
    plain: Vec<&'static Instruction>,
    accesses: Vec<&'static Instruction>,
    branches: Vec<&'static Instruction>,
    jumps: Vec<&'static Instruction>,
    indirect: Vec<&'static Instruction>,
}

impl Kinds {
    fn of<I: Isa>() -> Self {
        let of = |which: fn(&Instruction) -> bool| {
            let traps = |i: &Instruction| i.effects.trap != Happens::Never || i.effects.call;
            I::SPEC.instructions.iter().filter(|i| !traps(i) && which(i)).collect()
        };
        Self {
            plain: of(|i| i.effects.jump == Happens::Never && i.effects.memory == MemoryAccess::None),
            accesses: of(|i| i.effects.memory != MemoryAccess::None),
            branches: of(|i| i.effects.jump == Happens::Sometimes),
            jumps: of(|i| i.effects.jump == Happens::Always && i.asm.contains(&AsmPiece::Target)),
            indirect: of(|i| i.effects.jump == Happens::Always && !i.asm.contains(&AsmPiece::Target)),
        }
    }
}

struct Maker {
    random: Random,
    /// Registers that are not written here.
    kept: Vec<u8>,
    isa: Kinds,
}

impl Maker {
    fn item(&mut self) -> Item {
        match self.random.below(32) {
            0..=15 => self.plain(),
            16..=20 => self.access(),
            21..=24 => {
                let instruction = self.random.of(&self.isa.branches);
                let operands = self.operands();
                let set = self.set(&operands[1..]);
                Item::Jump { set, instruction, operands, distance: self.distance(instruction) }
            }
            25 => {
                let instruction = self.random.of(&self.isa.branches);
                // Two bytes before or after a word: the register is never less than itself, or differs from itself.
                let never = ["bne", "blt", "bltu"].contains(&instruction.name);
                let register = self.random.below(32);
                let imm = self.random.of(&[4094, -4094, 2, -2, 6]) as u32;
                let word = word(instruction, [0, register as u8, register as u8], imm);
                if never { Item::NeverTaken { word } } else { self.plain() }
            }
            26..=27 => {
                let instruction = self.random.of(&self.isa.jumps);
                let operands = self.operands();
                Item::Jump { set: vec![], instruction, operands, distance: self.distance(instruction) }
            }
            28..=29 => self.indirect(),
            30 if self.kept.len() == 2 => {
                let counter = self.writable();
                if counter == 0 {
                    return self.plain();
                }
                self.kept.push(counter);
                let items = (0..1 + self.random.below(6)).map(|_| self.item()).collect();
                self.kept.pop();
                Item::Loop { counter, turns: 1 + self.random.below(4), items }
            }
            30 => self.plain(),
            _ if self.kept.iter().any(|kept| matches!(kept, 10 | 17)) => self.plain(),
            _ => Item::UnknownCall { number: 2000 + self.random.below(1000) },
        }
    }

    /// A destination, x0 now and then.
    fn writable(&mut self) -> u8 {
        let register = self.random.below(32) as u8;
        let dropped = self.random.once_in(12) || self.kept.contains(&register);
        if dropped { 0 } else { register }
    }

    /// A register that may be set to an address.
    fn base(&mut self) -> u8 {
        loop {
            let base = 1 + self.random.below(31) as u8;
            if !self.kept.contains(&base) {
                return base;
            }
        }
    }

    /// rd, rs1, rs2, often the same.
    fn operands(&mut self) -> [u8; 3] {
        let (rd, rs1, rs2) = (self.writable(), self.random.below(32) as u8, self.random.below(32) as u8);
        match self.random.below(12) {
            0 => [rd, rd, rd],
            1 => [rd, rs1, rs1],
            2 => [rd, rd, rs2],
            3 => [rd, rs1, rd],
            4 => [rd, 0, rs2],
            5 => [rd, rs1, 0],
            _ => [rd, rs1, rs2],
        }
    }

    /// Edges for some of the registers that are read.
    fn set(&mut self, registers: &[u8]) -> Vec<(u8, u32)> {
        let writable: Vec<u8> =
            registers.iter().copied().filter(|r| *r != 0 && !self.kept.contains(r)).collect();
        let values: Vec<_> = writable.into_iter().map(|register| (register, self.random.word())).collect();
        match self.random.below(4) {
            0 => vec![],
            // The same value in both.
            1 => values.iter().map(|(register, _)| (*register, values[0].1)).collect(),
            _ => values,
        }
    }

    fn plain(&mut self) -> Item {
        let instruction = self.random.of(&self.isa.plain);
        let operands = self.operands();
        let set = self.set(&operands[1..]);
        let imm = match immediate(instruction) {
            Some(imm) => self.random.within(imm.bounds().0, imm.bounds().1, imm.alignment().into()),
            // Other operands take any bits.
            None => self.random.next() as i64 & 0xff,
        };
        Item::Plain { set, word: word(instruction, operands, imm as u32) }
    }

    fn access(&mut self) -> Item {
        let instruction = self.random.of(&self.isa.accesses);
        let (MemoryAccess::Load { bits } | MemoryAccess::Store { bits }) = instruction.effects.memory else {
            unreachable!("it accesses memory");
        };
        let bytes = u32::from(bits) / 8;
        let offset = match self.random.below(4) {
            // The last and the first of a page, and its neighbours.
            0 | 1 => {
                let border = 4096 * self.random.below(4);
                let near = border.wrapping_add(bytes * self.random.below(4)).wrapping_sub(2 * bytes);
                near.clamp(0, DATA_BYTES - bytes)
            }
            2 => bytes * self.random.below(16 / bytes),
            _ => self.random.below(DATA_BYTES) / bytes * bytes,
        };
        // Of a negative offset that wrapped, the last.
        let offset = offset.min(DATA_BYTES - bytes) / bytes * bytes;
        let imm = self.random.within(-2048, 2047, 1) as u32;
        let base = self.base();
        let rd = if self.random.once_in(6) { base } else { self.writable() };
        let rs2 = if self.random.once_in(6) { base } else { self.random.below(32) as u8 };
        Item::Access { base, offset, imm, word: word(instruction, [rd, base, rs2], imm) }
    }

    /// The extremes of a jump's immediate half of the time; else over one instruction, or any.
    fn distance(&mut self, instruction: &'static Instruction) -> i32 {
        let Some(imm) = immediate(instruction) else { return 8 };
        let (min, max) = imm.bounds();
        let max = max & !3;
        match self.random.below(8) {
            0 => min as i32,
            1 => max as i32,
            2 => min as i32 + 4 * self.random.below(8) as i32,
            3 => max as i32 - 4 * self.random.below(8) as i32,
            4 | 5 => 8,
            _ => self.random.within(min, max, 4) as i32,
        }
    }

    fn indirect(&mut self) -> Item {
        let instruction = self.random.of(&self.isa.indirect);
        let base = self.base();
        let rd = if self.random.once_in(4) { base } else { self.writable() };
        let imm = self.random.within(-2048, 2047, 1) as u32;
        let distance =
            if self.random.once_in(2) { 8 } else { self.random.within(-(1 << 20), 1 << 20, 4) as i32 };
        Item::Indirect { instruction, rd, base, imm, odd: self.random.once_in(2), distance }
    }
}

pub(crate) fn immediate(instruction: &Instruction) -> Option<Immediate> {
    instruction.operands.iter().find_map(|operand| match operand.kind {
        OperandKind::Immediate(imm) => Some(imm),
        _ => None,
    })
}

/// The word with rd, rs1, rs2 and the immediate, as far as the instruction has them. Letters are the immediate's low bits.
pub(crate) fn word(instruction: &Instruction, registers: [u8; 3], imm: u32) -> u32 {
    let values = instruction.in_word().map(|operand| match (operand.kind, operand.name) {
        (OperandKind::Immediate(_), _) => imm,
        (OperandKind::Letters { field, .. }, "pred") => imm >> 4 & field.max(),
        (OperandKind::Letters { field, .. }, _) => imm & field.max(),
        (_, "rd") => registers[0].into(),
        (_, "rs1") => registers[1].into(),
        _ => registers[2].into(),
    });
    encode(instruction, &values.collect::<Vec<_>>()).expect("the operands fit")
}

/// The words of some programs, by address.
pub(crate) struct Code {
    place: Place,
    pub(crate) words: BTreeMap<u32, u32>,
    /// Where the next word goes.
    at: u32,
    mark: u8,
    named: fn(&str) -> &'static Instruction,
}

/// What every instruction set here has.
fn named<I: Isa>(name: &str) -> &'static Instruction {
    I::SPEC.instructions.iter().find(|i| i.name == name).expect("the instruction set has RV32I")
}

impl Code {
    /// The programs one after the other, then an exit with code 0.
    pub(crate) fn new<I: Isa>(place: Place, programs: &[Program]) -> Self {
        let mut code = Self { place, words: BTreeMap::new(), at: 0, mark: 0, named: named::<I> };
        let entries = programs.iter().skip(1).map(|next| next.entry(place));
        for (program, next) in programs.iter().zip(entries.chain([place.exit()])) {
            code.at = program.entry(place);
            code.program(program, next);
            let end = CODE_PART.end + program.slot() * CODE_BYTES + place.code;
            assert!(code.at <= end, "program {} is too long", program.number);
        }
        code.at = place.exit();
        code.put("addi", [10, 0, 0], 0);
        code.put("addi", [17, 0, 0], 93);
        code.put("ecall", [0; 3], 0);
        code
    }

    /// Whether the word at an address sets the program's registers, prints them, or exits.
    pub(crate) fn is_frame(&self, program: &Program, address: u32) -> bool {
        let code = self.place.code + program.slot() * CODE_BYTES;
        (code + CODE_PART.start..code + CODE_PART.end).contains(&address) || self.place.is_code(address)
    }

    /// The words from the program's first to what prints: without what sets its registers, and without landing pads.
    pub(crate) fn body(&self, program: &Program) -> core::ops::Range<u32> {
        let start = program.entry(self.place) + 4 * 2 * 31;
        let store = word((self.named)("sw"), [0, program.pointer, 0], 0);
        let end = (start..).step_by(4).find(|at| self.words.get(at).is_none_or(|word| *word == store));
        start..end.unwrap_or(start)
    }

    fn program(&mut self, program: &Program, next: u32) {
        let place = self.place;
        let printed = place.printed_of(program.slot());
        let data = printed + REGISTER_BYTES;
        self.mark = program.mark;
        for register in 1..32 {
            let value = program.registers[usize::from(register)];
            self.set(register, if register == program.pointer { printed } else { value });
        }
        program.items.iter().for_each(|item| self.item(item, data));
        for register in 0..32 {
            self.put("sw", [0, program.pointer, register], 4 * u32::from(register));
        }
        // write(1, s0, s1 - s0) until s0 is s1; then on. What cannot be written ends all.
        let (s0, s1) = (8, 9);
        self.set(s0, printed);
        self.set(s1, printed.wrapping_add(PRINTED));
        self.put("addi", [17, 0, 0], 64);
        self.put("addi", [10, 0, 0], 1);
        self.put("addi", [11, s0, 0], 0);
        self.put("sub", [12, s1, s0], 0);
        self.put("ecall", [0; 3], 0);
        self.put("bge", [0, 0, 10], 16);
        self.put("add", [s0, s0, 10], 0);
        self.put("bne", [0, s0, s1], -24i32 as u32);
        self.put("jal", [0; 3], 8);
        self.put("ebreak", [0; 3], 0);
        self.set(5, next);
        self.put("jalr", [0, 5, 0], 0);
    }

    fn item(&mut self, item: &Item, data: u32) {
        match item {
            Item::Plain { set, word } => {
                set.iter().for_each(|(register, value)| self.set(*register, *value));
                self.word(*word);
            }
            Item::Access { base, offset, imm, word } => {
                self.set(*base, (data + offset).wrapping_sub(*imm));
                self.word(*word);
            }
            Item::Jump { set, instruction, operands, distance } => {
                set.iter().for_each(|(register, value)| self.set(*register, *value));
                let distance = self.landing(*distance);
                self.word(word(instruction, *operands, distance));
                self.mark();
            }
            Item::Indirect { instruction, rd, base, imm, odd, distance } => {
                // The jump is two words on, and the distance counts from it.
                self.at += 8;
                let target = self.at.wrapping_add(self.landing(*distance));
                self.at -= 8;
                let mut value = target.wrapping_sub(*imm);
                if *odd {
                    value = value.wrapping_add(1);
                }
                self.set(*base, value);
                self.word(word(instruction, [*rd, *base, 0], *imm));
                self.mark();
            }
            Item::NeverTaken { word } => self.word(*word),
            Item::Loop { counter, turns, items } => {
                self.put("addi", [*counter, 0, 0], *turns);
                let start = self.at;
                items.iter().for_each(|item| self.item(item, data));
                self.put("addi", [*counter, *counter, 0], u32::MAX);
                self.put("bne", [0, *counter, 0], start.wrapping_sub(self.at));
            }
            Item::UnknownCall { number } => {
                self.set(17, *number);
                self.put("ecall", [0; 3], 0);
            }
        }
    }

    /// A landing pad so far from here: it marks that it was reached, and goes back to the second instruction after this.
    /// Where there is no room, the jump is over one instruction. The distance that it came to.
    fn landing(&mut self, distance: i32) -> u32 {
        let distance = distance.cast_unsigned();
        let (back, target) = (self.at + 8, self.at.wrapping_add(distance));
        // From 1 MiB before, only a later word of the pad reaches back.
        let reach = (1 << 20) - 4;
        let beyond = back.wrapping_sub(target).cast_signed() - reach;
        let last = target.wrapping_add(if beyond > 4 { beyond as u32 } else { 4 });
        let range = (target..=last).step_by(4);
        let free = |at| !self.place.is_code(at) && !self.words.contains_key(&at);
        if distance == 8 || !range.clone().all(free) {
            return 8;
        }
        let here = core::mem::replace(&mut self.at, target);
        range.skip(1).for_each(|_| self.mark());
        self.put("jal", [0; 3], back.wrapping_sub(last));
        self.at = here;
        distance
    }

    /// Adds what depends on the place to a register that nothing else writes: its last value tells which ways were taken.
    fn mark(&mut self) {
        self.put("addi", [self.mark, self.mark, 0], (self.at / 4).wrapping_mul(0x9e37_79b9) >> 21);
    }

    /// Two instructions, whatever the value.
    fn set(&mut self, register: u8, value: u32) {
        let low = ((value << 20).cast_signed() >> 20).cast_unsigned();
        self.put("lui", [register, 0, 0], value.wrapping_sub(low));
        self.put("addi", [register, register, 0], low);
    }

    fn put(&mut self, name: &str, registers: [u8; 3], imm: u32) {
        self.word(word((self.named)(name), registers, imm));
    }

    fn word(&mut self, word: u32) {
        let before = self.words.insert(self.at, word);
        assert!(before.is_none(), "two words at {:#x}", self.at);
        self.at += 4;
    }
}
