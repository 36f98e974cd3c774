//! What programs become in memory: where each has its code and data, and the words of items and landing pads.
//!
//! A program sets every register, runs, stores every register at its data, prints its data, and goes to the next.

use std::collections::BTreeMap;

use retrace::asm::encode;
use retrace::isa::{Instruction, Isa, OperandKind};

use crate::elf::PAGE;
use crate::generator::{Item, Program};

/// How many programs one executable holds.
pub(crate) const BATCH: u64 = 64;
/// The addresses that a program's code and landing pads may take; and its memory, a page of which the last words are
/// for the registers, then the data.
pub(crate) const CODE_BYTES: u32 = 0x2000;
pub(crate) const MEMORY_BYTES: u32 = PAGE + DATA_BYTES;
pub(crate) const DATA_BYTES: u32 = 3 * PAGE;
pub(crate) const REGISTER_BYTES: u32 = 4 * 32;
/// What a program prints: its registers, then its data.
pub(crate) const PRINTED: u32 = REGISTER_BYTES + DATA_BYTES;
/// The cycles that printing takes: a store a register, a call a word, and what is around them.
pub(crate) const PRINT_CYCLES: u64 = 32 + 7 * (PRINTED / 4) as u64 + 9;
/// Code is in this part of its 8 KiB, which a page border crosses. So 4 KiB before and after it no other code is, and
/// the programs of a batch take half a MiB, so that 1 MiB before and after it none is either.
pub(crate) const CODE_PART: core::ops::Range<u32> = 0x800..0x1800;

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

    /// Where the data of this slot ends with the memory: below the last page.
    pub(crate) fn at_the_top(slot: u32) -> Self {
        Self { code: 0x0100_0000, data: 0u32.wrapping_sub((slot + 1) * MEMORY_BYTES + PAGE) }
    }

    pub(crate) fn code_of(self, slot: u32) -> u32 {
        self.code + slot * CODE_BYTES
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
            let end = place.code_of(program.slot()) + CODE_PART.end;
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
        let code = self.place.code_of(program.slot());
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
            Item::AbsentCall { number } => {
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
