//! Random programs of any instruction set that has RV32I, by what its spec says of operands and effects.
//!
//! In: a number. Out: a [`Program`], a list of items each of which works without the others, so that a failing program can
//! be made smaller.

use retrace::isa::{AsmPiece, Happens, Immediate, Instruction, Isa, MemoryAccess, OperandKind};

use crate::code::{BATCH, CODE_PART, DATA_BYTES, MEMORY_BYTES, Place, word};
use crate::random::Random;

/// Calls that the spec says are not there, and that Linux does not have for 32 bits: clock_gettime, gettimeofday and
/// riscv_hwprobe.
const ABSENT: [u32; 3] = [113, 169, 258];

/// Of a program of given items.
pub(crate) const POINTER: u8 = 20;
pub(crate) const RESULTS: usize = 128;
#[derive(Clone)]
pub(crate) struct Program {
    /// Its number, from which all of it follows.
    pub(crate) number: u64,
    /// Where its code starts, from the begin of its 8 KiB.
    pub(crate) start: u32,
    pub(crate) registers: [u32; 32],
    /// The register that holds the address of the registers' place in memory, and is not written.
    pub(crate) pointer: u8,
    /// The register that only what tells the ways taken writes.
    pub(crate) mark: u8,
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
    /// A call that is answered with −ENOSYS.
    AbsentCall { number: u32 },
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

    /// A program of these items, which leave x20 and x21 alone. x20 points to what it prints, of which
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

    pub(crate) fn entry(&self, place: Place) -> u32 {
        place.code_of(self.slot()) + self.start
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
            _ => Item::AbsentCall { number: self.random.of(&ABSENT) },
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
        let Some(bits) = instruction.effects.memory.bits() else {
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
