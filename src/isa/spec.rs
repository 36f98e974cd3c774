//! What a spec says, as data: for the command line, for errors, for provers, and for people.

use super::{Column, ColumnId, Constraint, Effects, Link, Op, Operand, OperandKind, Word};

/// A hash of a spec's meaning: encodings, semantics, columns, constraints, links, look-ups, calls, policy, and the compiled
/// form: units, tables, how instructions use them, the relations that come of it. Comments, order and
/// formatting do not change it. Checkpoints, exports and proofs carry it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl core::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl core::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{self}")
    }
}

/// A spec, with what it extends merged in.
#[derive(Debug)]
pub struct Spec {
    /// The ISA's name.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// The hash of the spec's meaning.
    pub fingerprint: Fingerprint,
    /// The registers.
    pub registers: Registers,
    /// The instructions; [`Op::kind`](super::Op::kind) is the place here plus one. The variants of calls have the kinds after
    /// those.
    pub instructions: &'static [Instruction],
    /// All columns, in the order of [`ColumnId`].
    pub columns: &'static [Column],
    /// The column that records the row's place in the code table.
    pub index: ColumnId,
    /// How many columns `step` records: the first ones.
    pub recorded: usize,
    /// Those of them that only calls record.
    pub recorded_by_calls: &'static [ColumnId],
    /// k, how many columns are stored: recorded, derived, cells of units, and of the code table. They come before the public
    /// columns.
    pub stored: usize,
    /// The row constraints: those that the spec declares, then the units' relations.
    pub constraints: &'static [Constraint],
    /// The links between a row and the next.
    pub links: &'static [Link],
    /// The calls that the guest interface may answer.
    pub calls: &'static [Call],
    /// The declared policy: what is asked, and the answer.
    pub policy: &'static [(&'static str, &'static str)],
    /// The pseudo-instructions, by mnemonic and text.
    pub pseudos: &'static [Pseudo],
    /// Whether instructions are not compiled to units, so that constraints say nothing of what they compute: the spec says
    /// that it is unproven, or declares no units.
    pub unproven: bool,
}

impl Spec {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<ColumnId> {
        self.columns
            .iter()
            .position(|column| column.name == name)
            .and_then(|at| u16::try_from(at).ok())
            .map(ColumnId)
    }

    /// The instruction of an [`Op::kind`](super::Op::kind).
    pub fn instruction(&self, kind: u8) -> Option<&'static Instruction> {
        self.instructions.get(usize::from(kind).checked_sub(1)?)
    }

    /// The variants of calls, in the order of their kinds, each with its call.
    pub fn variants(&self) -> impl Iterator<Item = (&'static Call, &'static Variant)> {
        self.calls.iter().flat_map(|call| call.variants.iter().map(move |variant| (call, variant)))
    }

    /// The code table's entries of all variants, for an instruction that makes calls.
    pub fn variant_entries(&self, caller: Op) -> impl Iterator<Item = Op> {
        let Op { pc, word, .. } = caller;
        (1u8..).skip(self.instructions.len()).zip(self.variants()).map(move |(kind, (_, variant))| {
            let [rd, rs1, rs2] = ["rd", "rs1", "rs2"].map(|port| variant.port(port).unwrap_or_default());
            Op { pc, word, kind, rd, rs1, rs2, imm: 0 }
        })
    }

    /// Whether an instruction, or a call that it may make, writes this register.
    pub(crate) fn writes(&self, op: &Op, register: u8) -> bool {
        let by_a_call =
            || self.variants().any(|(_, variant)| variant.writes().any(|written| written == register));
        self.instruction(op.kind).is_some_and(|it| {
            it.writes(op.word).any(|written| written == register) || it.effects.call && by_a_call()
        })
    }

    /// The name of an [`Op::kind`](super::Op::kind): an instruction's mnemonic, or a call's with its variant.
    pub fn kind_name(&self, kind: u8) -> Option<&'static str> {
        let place = usize::from(kind).checked_sub(1)?;
        let variant = || Some(self.variants().nth(place.checked_sub(self.instructions.len())?)?.1.name);
        self.instructions.get(place).map(|instruction| instruction.name).or_else(variant)
    }
}

/// The registers.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    /// The names in assembly of those that words name, in order.
    pub names: &'static [&'static str],
    /// Those that no word names. Their numbers follow.
    pub hidden: &'static [Hidden],
    /// Other names, each with the register's number.
    pub aliases: &'static [(&'static str, u8)],
    /// The register that is always zero.
    pub zero: u8,
    /// The register that holds the stack pointer when a program starts.
    pub stack_pointer: u8,
}

impl Registers {
    /// How many there are, hidden ones included.
    pub const fn count(&self) -> usize {
        self.names.len() + self.hidden.len()
    }

    /// The name of a register, hidden ones included.
    pub fn name(&self, number: u8) -> Option<&'static str> {
        let place = usize::from(number);
        let hidden = || Some(self.hidden.get(place.checked_sub(self.names.len())?)?.name);
        self.names.get(place).copied().or_else(hidden)
    }
}

/// A register that no word names: instructions bind a port to it. It is zero at first, unless the guest interface sets it.
#[derive(Clone, Copy, Debug)]
pub struct Hidden {
    /// Its name.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// What it has at first; zero if none.
    pub initial: Option<Initial>,
}

/// What a hidden register can have at first: a fact of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initial {
    /// Where the heap begins.
    HeapStart,
    /// What the heap's end may reach.
    HeapLimit,
    /// How many bytes of input there are.
    InputLength,
    /// How many bytes of private input there are.
    PrivateInputLength,
}

/// One instruction.
#[derive(Debug)]
pub struct Instruction {
    /// The mnemonic.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// The format's name.
    pub format: &'static str,
    /// The fixed bits: a word matches if `word & mask == bits`.
    pub mask: u32,
    /// The values of the fixed bits.
    pub bits: u32,
    /// The fields, with the highest and lowest bit of each, from the highest down.
    pub fields: &'static [(&'static str, u8, u8)],
    /// The operands: registers, destinations first; the immediate; sets of letters.
    pub operands: &'static [Operand],
    /// What it does other than read and write registers.
    pub effects: Effects,
    /// The assembly text.
    pub asm: &'static [AsmPiece],
    /// The semantics as written.
    pub semantics: &'static str,
    /// Where the spec says it: file and line.
    pub source: &'static str,
    /// How it uses units, in words: what a line is about (`unit`, `look-up`, `assert`, `address`, `rd`, `next pc`, `rule`), and
    /// what it says. Empty of one that always traps, and of a spec without units.
    pub compiled: &'static [(&'static str, &'static str)],
}

/// A piece of an instruction's assembly text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsmPiece {
    /// Itself.
    Text(&'static str),
    /// The name of the register that the operand of that name is.
    Register(&'static str),
    /// The immediate as a signed decimal number.
    Imm,
    /// The immediate, shifted right by so many bits, in hexadecimal.
    UpperImm(u8),
    /// pc + immediate, in hexadecimal.
    Target,
    /// The operand of that name as a set of letters; `0` if the set is empty.
    Letters(&'static str),
}

impl AsmPiece {
    /// The name of the operand that it shows.
    pub const fn operand(self) -> Option<&'static str> {
        match self {
            Self::Text(_) => None,
            Self::Imm | Self::UpperImm(_) | Self::Target => Some("imm"),
            Self::Register(name) | Self::Letters(name) => Some(name),
        }
    }
}

/// Assembly text that stands for other instructions. An instruction of the same form takes precedence.
#[derive(Clone, Copy, Debug)]
pub struct Pseudo {
    /// The mnemonic.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// The text, with operands in braces.
    pub asm: &'static str,
    /// The operands' names, and whether each is a register, rather than a number.
    pub operands: &'static [(&'static str, bool)],
    /// The alternatives: instructions separated by semicolons. Of those whose numbers fit, the first is taken.
    pub expansions: &'static [&'static str],
    /// Whether alignment of code is filled with it.
    pub fill: bool,
}

/// A call of the guest interface, as the spec declares it.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its name.
    pub name: &'static str,
    /// The number that asks for it.
    pub number: Word,
    /// What the arguments mean, in the order of the read ports after the number's.
    pub arguments: &'static [&'static str],
    /// One line of documentation.
    pub doc: &'static str,
    /// What it does, case by case: of every state one is the case.
    pub variants: &'static [Variant],
}

/// One case of a call.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// The call's name and its own, or the call's alone if it has no other.
    pub name: &'static str,
    /// What holds where it is the case, as written.
    pub when: &'static str,
    /// The semantics as written.
    pub semantics: &'static str,
    /// The registers that it reads and writes.
    pub operands: &'static [Operand],
    /// What it does other than read and write registers.
    pub effects: Effects,
    /// Where the spec says it: file and line.
    pub source: &'static str,
    /// How it uses units, as of an [`Instruction`].
    pub compiled: &'static [(&'static str, &'static str)],
}

impl Variant {
    /// The registers that it writes, hidden ones included.
    pub fn writes(&self) -> impl Iterator<Item = u8> {
        self.operands.iter().filter_map(|operand| match operand.kind {
            OperandKind::FixedRegister { number, written: true } => Some(number),
            _ => None,
        })
    }

    fn port(&self, name: &str) -> Option<u8> {
        self.operands.iter().find_map(|operand| match operand.kind {
            OperandKind::FixedRegister { number, .. } if operand.name == name => Some(number),
            _ => None,
        })
    }
}
