//! An instruction's operands and effects as data, which the generator derives from its format and semantics.
//!
//! For encoders, disassemblers, and analyses that need to know what an instruction reads, writes and where it goes,
//! without executing it.

use super::{Instruction, Word};

/// An operand of an instruction.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// The name that assembly text and semantics know it by.
    pub name: &'static str,
    /// What it is, and where the word has it.
    pub kind: OperandKind,
}

/// What an operand is.
#[derive(Clone, Copy, Debug)]
pub enum OperandKind {
    /// A register, by its number in a field of the word.
    Register {
        /// Where the number is.
        field: Field,
        /// Whether the register is written, rather than read.
        written: bool,
    },
    /// A register that the word does not name.
    FixedRegister {
        /// Its number.
        number: u8,
        /// Whether the register is written, rather than read.
        written: bool,
    },
    /// The immediate.
    Immediate(Immediate),
    /// A set of letters, one a bit.
    Letters {
        /// Where the bits are.
        field: Field,
        /// The letters, the highest bit's first.
        letters: &'static str,
    },
}

/// Bits hi..=lo of an instruction word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The highest bit.
    pub hi: u8,
    /// The lowest bit.
    pub lo: u8,
}

impl Field {
    /// The bits as a mask of the word.
    pub const fn mask(self) -> u32 {
        self.max() << self.lo
    }

    /// The highest value that fits.
    pub const fn max(self) -> u32 {
        u32::MAX >> (31 - (self.hi - self.lo))
    }

    /// The field's value in a word.
    pub const fn get(self, word: u32) -> u32 {
        word >> self.lo & self.max()
    }

    /// A word that has this value in the field, and zeros elsewhere. Bits that do not fit are dropped.
    pub const fn put(self, value: u32) -> u32 {
        (value & self.max()) << self.lo
    }
}

/// How an immediate is put together.
#[derive(Clone, Copy, Debug)]
pub struct Immediate {
    /// Whether its top bit is a sign.
    pub signed: bool,
    /// Its width in bits, low bits that are always zero included.
    pub width: u8,
    /// Fields of the word, each with the bit of the immediate that its lowest bit becomes.
    pub pieces: &'static [(Field, u8)],
}

impl Immediate {
    /// The immediate of a word, extended to a machine word.
    pub fn get(self, word: u32) -> Word {
        let value = self.pieces.iter().fold(0, |value, (from, to)| value | from.get(word) << to);
        let excess = Word::BITS - u32::from(self.width);
        if self.signed { ((value << excess).cast_signed() >> excess).cast_unsigned() } else { value }
    }

    /// A word that has this immediate, and zeros elsewhere; none if the immediate cannot be that value.
    pub fn put(self, value: Word) -> Option<u32> {
        let word = self.pieces.iter().fold(0, |word, (from, to)| word | from.put(value >> to));
        (self.get(word) == value).then_some(word)
    }

    /// What every value is a multiple of.
    pub fn alignment(self) -> Word {
        1 << self.pieces.iter().map(|(_, to)| *to).min().unwrap_or_default()
    }

    /// The least and the greatest value, as signed numbers if the immediate is signed.
    pub fn bounds(self) -> (i64, i64) {
        let ones = self.pieces.iter().fold(0, |ones, (from, to)| ones | i64::from(from.max()) << to);
        let top = 1i64 << (self.width.max(1) - 1);
        if self.signed { (-top, ones & (top - 1)) } else { (0, ones) }
    }
}

/// What an instruction does other than read and write registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects {
    /// Its access of memory.
    pub memory: MemoryAccess,
    /// Whether it goes elsewhere than to the next instruction.
    pub jump: Happens,
    /// Whether it traps by its semantics; that an access or a jump may trap goes without saying.
    pub trap: Happens,
    /// Whether it calls the guest interface, which may move a word of memory, and end the guest.
    pub call: bool,
}

/// An access of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryAccess {
    /// There is none.
    None,
    /// It loads.
    Load {
        /// How many bits.
        bits: u8,
    },
    /// It stores.
    Store {
        /// How many bits.
        bits: u8,
    },
    /// It loads, and then stores at the same address.
    Update {
        /// How many bits.
        bits: u8,
    },
}

impl MemoryAccess {
    /// How many bits are accessed; none if there is no access.
    pub const fn bits(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Load { bits } | Self::Store { bits } | Self::Update { bits } => Some(bits),
        }
    }

    /// Whether it stores.
    pub const fn stores(self) -> bool {
        matches!(self, Self::Store { .. } | Self::Update { .. })
    }
}

/// Whether something happens when an instruction is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happens {
    /// It does not.
    Never,
    /// It depends on registers.
    Sometimes,
    /// It does.
    Always,
}

impl Operand {
    /// The bits of the word that hold it.
    pub fn mask(&self) -> u32 {
        match self.kind {
            OperandKind::Register { field, .. } | OperandKind::Letters { field, .. } => field.mask(),
            OperandKind::Immediate(imm) => imm.pieces.iter().fold(0, |mask, (from, _)| mask | from.mask()),
            OperandKind::FixedRegister { .. } => 0,
        }
    }

    /// Its value in a word: a register's number, the immediate extended to a machine word, the bits of a set.
    pub fn get(&self, word: u32) -> Word {
        match self.kind {
            OperandKind::Register { field, .. } | OperandKind::Letters { field, .. } => field.get(word),
            OperandKind::Immediate(imm) => imm.get(word),
            OperandKind::FixedRegister { number, .. } => number.into(),
        }
    }
}

impl Instruction {
    /// The operand of that name.
    pub fn operand(&self, name: &str) -> Option<&'static Operand> {
        self.operands.iter().find(|operand| operand.name == name)
    }

    /// The operands that the word holds, each once: all but the fixed registers. A register that is written and read is the
    /// destination.
    pub fn in_word(&self) -> impl Iterator<Item = &'static Operand> {
        let is_written = |field: Field| {
            let mut operands = self.operands.iter();
            operands.any(|known| matches!(known.kind, OperandKind::Register { field: of, written: true } if of == field))
        };
        self.operands.iter().filter(move |operand| match operand.kind {
            OperandKind::Register { field, written: false } => !is_written(field),
            OperandKind::FixedRegister { .. } => false,
            _ => true,
        })
    }

    /// The values that a word has for [`in_word`](Self::in_word): what [`encode`](crate::asm::encode()) takes.
    pub fn values(&self, word: u32) -> impl Iterator<Item = Word> {
        self.in_word().map(move |operand| operand.get(word))
    }

    /// The bits of a word that decide what it does: the fixed ones and the operands'. Words that agree in them, a
    /// *word class*, are one instruction with the same operands; the other bits are ignored.
    pub fn significant(&self) -> u32 {
        self.operands.iter().fold(self.mask, |mask, operand| mask | operand.mask())
    }

    /// The registers that a word of this instruction reads.
    pub fn reads(&self, word: u32) -> impl Iterator<Item = u8> {
        self.registers(word, false)
    }

    /// The registers that a word of this instruction writes, in the order of the ports; writing the zero register has no
    /// effect, and two may be one.
    pub fn writes(&self, word: u32) -> impl Iterator<Item = u8> {
        self.registers(word, true)
    }

    /// The register that a port of a word of this instruction reads or writes.
    pub(crate) fn port(&self, name: &str, word: u32) -> Option<u8> {
        let operand = self.operand(name)?;
        match operand.kind {
            OperandKind::Register { .. } | OperandKind::FixedRegister { .. } => Some(operand.get(word) as u8),
            _ => None,
        }
    }

    /// Whether a word of this instruction does nothing but go elsewhere: it stores nothing, calls nothing, and writes no
    /// register but `zero`.
    pub fn only_jumps(&self, word: u32, zero: u8) -> bool {
        let Effects { memory, jump, call, .. } = self.effects;
        let writes = self.registers(word, true).any(|register| register != zero);
        jump != Happens::Never && !memory.stores() && !call && !writes
    }

    fn registers(&self, word: u32, which: bool) -> impl Iterator<Item = u8> {
        self.operands.iter().filter_map(move |operand| match operand.kind {
            OperandKind::Register { field, written } if written == which => Some(field.get(word) as u8),
            OperandKind::FixedRegister { number, written } if written == which => Some(number),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Rv32im};

    fn names(which: impl Fn(&Instruction) -> bool) -> Vec<&'static str> {
        Rv32im::SPEC.instructions.iter().filter(|i| which(i)).map(|i| i.name).collect()
    }

    /// By the manual's chapters "Load and Store Instructions", "Control Transfer Instructions" and "Environment Call
    /// and Breakpoints".
    #[test]
    fn effects_are_those_of_the_manual() {
        let memory = |access| names(|i| i.effects.memory == access);
        assert_eq!(memory(MemoryAccess::Load { bits: 8 }), ["lb", "lbu"]);
        assert_eq!(memory(MemoryAccess::Load { bits: 16 }), ["lh", "lhu"]);
        assert_eq!(memory(MemoryAccess::Load { bits: 32 }), ["lw"]);
        assert_eq!(memory(MemoryAccess::Store { bits: 8 }), ["sb"]);
        assert_eq!(memory(MemoryAccess::Store { bits: 16 }), ["sh"]);
        assert_eq!(memory(MemoryAccess::Store { bits: 32 }), ["sw"]);
        assert_eq!(names(|i| i.effects.jump == Happens::Always), ["jal", "jalr"]);
        let branches = ["beq", "bge", "bgeu", "blt", "bltu", "bne"];
        assert_eq!(names(|i| i.effects.jump == Happens::Sometimes), branches);
        assert_eq!(names(|i| i.effects.trap == Happens::Always), ["ebreak"]);
        assert!(names(|i| i.effects.trap == Happens::Sometimes).is_empty());
        assert_eq!(names(|i| i.effects.call), ["ecall"]);
        let writes_none = ["beq", "bge", "bgeu", "blt", "bltu", "bne", "ebreak", "fence", "sb", "sh", "sw"];
        assert_eq!(names(|i| i.writes(0).next().is_none()), writes_none);
    }

    /// Words from GNU as; registers as its text names them.
    #[test]
    fn registers_read_and_written() {
        let of = |word: u32| {
            let instruction = Rv32im::SPEC.instruction(Rv32im::decode(word, 0).kind).unwrap();
            (instruction.reads(word).collect::<Vec<_>>(), instruction.writes(word).next())
        };
        assert_eq!(of(0x00c5_8533), (vec![11, 12], Some(10)), "add a0, a1, a2");
        assert_eq!(of(0xfea1_2e23), (vec![2, 10], None), "sw a0, -4(sp)");
        assert_eq!(of(0xffff_f537), (vec![], Some(10)), "lui a0, 0xfffff");
        assert_eq!(of(0x0000_0073), (vec![17, 10, 11, 12], Some(10)), "ecall reads a7 and a0 to a2");
    }

    #[test]
    fn significant_bits() {
        let significant = |name| {
            let instruction = Rv32im::SPEC.instructions.iter().find(|i| i.name == name);
            instruction.map(Instruction::significant)
        };
        assert_eq!(significant("add"), Some(u32::MAX));
        assert_eq!(significant("ecall"), Some(u32::MAX));
        // Mode, rs1 and rd are ignored.
        assert_eq!(significant("fence"), Some(0x0ff0_707f));
    }

    /// Words from GNU as.
    #[test]
    fn what_only_jumps() {
        let of = |word: u32| {
            let instruction = Rv32im::SPEC.instruction(Rv32im::decode(word, 0).kind).unwrap();
            instruction.only_jumps(word, Rv32im::SPEC.registers.zero)
        };
        for (word, expected, text) in [
            (0x0000_006f, true, "j ."),
            (0x0000_8067, true, "ret"),
            (0x0005_0063, true, "beqz a0, ."),
            (0x0000_00ef, false, "jal ."),
            (0x000f_80e7, false, "jalr t6"),
            (0x0000_0073, false, "ecall"),
            (0xfea1_2e23, false, "sw a0, -4(sp)"),
            (0x0000_0013, false, "nop"),
        ] {
            assert_eq!(of(word), expected, "{text}");
        }
    }

    /// By the manual's figure of the immediates.
    #[test]
    fn immediates_are_bounded() {
        let immediate = |name| {
            let instruction = Rv32im::SPEC.instructions.iter().find(|i| i.name == name)?;
            match instruction.operand("imm")?.kind {
                OperandKind::Immediate(imm) => Some((imm.bounds(), imm.alignment())),
                _ => None,
            }
        };
        assert_eq!(immediate("addi"), Some(((-2048, 2047), 1)));
        assert_eq!(immediate("slli"), Some(((0, 31), 1)));
        assert_eq!(immediate("beq"), Some(((-4096, 4094), 2)));
        assert_eq!(immediate("jal"), Some(((-(1 << 20), (1 << 20) - 2), 2)));
        assert_eq!(immediate("lui"), Some(((0, 0xffff_f000), 0x1000)));
        assert_eq!(immediate("add"), None);
    }
}
