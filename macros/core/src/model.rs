//! A checked spec: what the tables said, with every name resolved and every expression typed.

use crate::ir::{Expr, ExprKind, Semantics, Statement, Type};
use crate::parse::Text;
use crate::source::Span;
use crate::units::Units;
use crate::units::select::Selection;
use crate::units::wiring::Wiring;

/// A checked spec, with what it extends merged in. Instructions, constraints, links and calls are in the order
/// of their names, so that the order of tables means nothing; columns are in the order of the spec, recorded ones
/// first, since that order is the row's.
#[derive(Clone, Debug)]
pub struct Model {
    /// The ISA's name.
    pub name: String,
    /// One line of documentation.
    pub doc: String,
    /// What it extends, as it names them.
    pub extends: Vec<String>,
    /// The word width in bits.
    pub xlen: u32,
    /// The registers' names.
    pub registers: Vec<String>,
    /// The registers that no word names, in the order of their names. Their numbers follow those of `registers`.
    pub hidden: Vec<Hidden>,
    /// Other names of registers, each with the number.
    pub aliases: Vec<(String, u8)>,
    /// The zero register's number.
    pub zero: u8,
    /// The stack pointer's number.
    pub stack_pointer: u8,
    /// Question and answer.
    pub policy: Vec<(String, String)>,
    /// The instructions.
    pub instructions: Vec<Instruction>,
    /// The stored columns: recorded, then derived.
    pub columns: Vec<Column>,
    /// The row constraints.
    pub constraints: Vec<Constraint>,
    /// The links between a row and the next.
    pub links: Vec<Link>,
    /// The look-ups of columns that the spec declares.
    pub lookups: Vec<Lookup>,
    /// The names of the opcode map, by opcode.
    pub opcode_names: Vec<(String, u32)>,
    /// The calls of the guest interface.
    pub calls: Vec<Call>,
    /// The pseudo-instructions, by mnemonic and text.
    pub pseudos: Vec<Pseudo>,
    /// The pairs of instructions that the interpreter executes as one, by their places.
    pub fused: Vec<(usize, usize)>,
    /// What a row offers: tables of look-ups, units, ports and rules.
    pub units: Units,
    /// Whether instructions are not compiled to units: the spec says so, or declares none.
    pub unproven: bool,
    /// How each instruction uses units; none if it always traps. Empty if the spec is unproven.
    pub selections: Vec<Option<Selection>>,
    /// The relations of all instructions together, and the columns of the code table that they read.
    pub wiring: Wiring,
    /// The hash of the meaning.
    pub fingerprint: [u8; 32],
}

impl Model {
    /// The column that records this.
    pub fn recording(&self, what: &Recorded) -> Option<usize> {
        recording(&self.columns, what)
    }

    /// The registers that an instruction writes and reads, by port. What makes calls has those of their variants, too, as
    /// far as words can name them.
    pub fn ports(&self, instruction: &Instruction) -> ([Operand; WRITES.len()], [Operand; READS.len()]) {
        let (mut writes, mut reads) = (instruction.writes, instruction.reads);
        let variants = self.calls.iter().flat_map(|call| &call.variants);
        for variant in variants.filter(|_| instruction.semantics.makes_calls()) {
            let ports = writes.iter_mut().chain(&mut reads);
            for (port, of_variant) in ports.zip(variant.writes.into_iter().chain(variant.reads)) {
                let is_named =
                    matches!(of_variant, Operand::Fixed(at) if usize::from(at) < self.registers.len());
                if *port == Operand::None && is_named {
                    *port = of_variant;
                }
            }
        }
        (writes, reads)
    }

    /// What a row can be of, in the order of the kinds: the instructions, then the calls' variants.
    pub fn kinds(&self) -> impl Iterator<Item = &Instruction> {
        self.instructions.iter().chain(self.calls.iter().flat_map(|call| &call.variants))
    }

    /// Which of the kinds, counted from 0.
    pub fn kind(&self, at: usize) -> &Instruction {
        let mut variants = self.calls.iter().flat_map(|call| &call.variants);
        match at.checked_sub(self.instructions.len()) {
            Some(variant) => variants.nth(variant).unwrap_or(&self.instructions[0]),
            None => &self.instructions[at],
        }
    }

    /// The name of a register, hidden ones included.
    pub fn register(&self, number: u8) -> Option<&str> {
        let names = self.registers.iter().chain(self.hidden.iter().map(|hidden| &hidden.name));
        names.map(String::as_str).nth(number.into())
    }

    /// How many of the 2^32 words are instructions: exact, since no word matches two.
    pub fn legal_words(&self) -> u64 {
        self.opcodes().iter().map(|opcode| opcode.legal).sum()
    }

    /// The opcode map: each of the 128 major opcodes, with how many of its 2^25 words are instructions. Exact.
    pub fn opcodes(&self) -> Vec<Opcode> {
        (0..1u32 << OPCODE_BITS)
            .map(|opcode| {
                let low = (1 << OPCODE_BITS) - 1;
                let instructions = self.instructions.iter();
                let matching = instructions.filter(|i| (i.bits ^ opcode) & i.mask & low == 0);
                let legal = matching.map(|i| 1u64 << (i.mask | low).count_zeros()).sum();
                let name = self.opcode_names.iter().find(|(_, named)| *named == opcode);
                Opcode { opcode, name: name.map(|(name, _)| name.clone()), legal }
            })
            .collect()
    }
}

/// The column among these that records this.
pub(crate) fn recording(columns: &[Column], what: &Recorded) -> Option<usize> {
    columns.iter().position(|column| match &column.source {
        ColumnSource::Recorded(sources) => sources.contains(what),
        ColumnSource::Derived(_) => false,
    })
}

/// The write ports' names: destinations. Of two that are one register the later write of the text counts.
pub const WRITES: [&str; 2] = ["rd", "rd2"];

/// The read ports' names.
pub const READS: [&str; 6] = ["rs1", "rs2", "rs3", "rs4", "rs5", "rs6"];

/// The width of a major opcode: the low bits of a word.
pub(crate) const OPCODE_BITS: u32 = 7;

/// A register that no word names: instructions bind a port to it. It is zero at first, unless the guest interface sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The name.
    pub name: String,
    /// One line of documentation.
    pub doc: String,
    /// What it has at first, of [`INITIAL`]; zero if none.
    pub initial: Option<usize>,
}

/// What a hidden register can have at first: facts of a run that the guest interface knows.
pub const INITIAL: [&str; 4] = ["heap_start", "heap_limit", "input_length", "private_input_length"];

/// One of the 128 major opcodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opcode {
    /// Bits 6:0 of the word.
    pub opcode: u32,
    /// Its name in the manual's opcode map, if the spec has one.
    pub name: Option<String>,
    /// How many of its words are instructions.
    pub legal: u64,
}

impl Opcode {
    /// How many words have this opcode.
    pub const WORDS: u64 = 1 << (32 - OPCODE_BITS);

    /// What the words that are no instructions are for: `custom` where the name says so; `compressed` or `longer` where
    /// the low bits are those of other lengths; else `reserved`.
    pub fn rest(&self) -> &'static str {
        match &self.name {
            _ if self.opcode & 0b11 != 0b11 => "compressed",
            Some(name) if name.starts_with("custom") => "custom",
            _ if self.opcode & 0b11111 == 0b11111 => "longer",
            _ => "reserved",
        }
    }
}

/// A format: named bit fields and an immediate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// The name.
    pub name: String,
    /// Fields from the highest down.
    pub fields: Vec<Field>,
    /// How the immediate is put together.
    pub imm: Option<Immediate>,
    /// Bits that any word may have.
    pub ignored: Vec<Bits>,
}

/// A named bit field of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: String,
    /// Where.
    pub bits: Bits,
    /// A letter for each bit, the highest first, if the field is an operand that is printed as a set of letters.
    pub letters: Option<String>,
}

/// Bits hi..=lo of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bits {
    /// The highest.
    pub hi: u32,
    /// The lowest.
    pub lo: u32,
}

impl Bits {
    /// How many.
    pub const fn width(self) -> u32 {
        self.hi - self.lo + 1
    }

    /// As a mask of a word.
    pub const fn mask(self) -> u32 {
        (((1u64 << self.width()) - 1) << self.lo) as u32
    }
}

/// How an immediate is put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Immediate {
    /// Whether its top bit is a sign.
    pub signed: bool,
    /// Its width.
    pub width: u32,
    /// Word bits, and where the lowest goes.
    pub pieces: Vec<(Bits, u32)>,
}

/// One instruction.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// The mnemonic.
    pub name: String,
    /// One line of documentation.
    pub doc: String,
    /// Its format.
    pub format: Format,
    /// The fixed bits.
    pub mask: u32,
    /// Their values.
    pub bits: u32,
    /// Whether these are right: else the word is known in part, and nothing is said of what it matches.
    pub(crate) is_fixed: bool,
    /// The write ports' registers: the destinations.
    pub writes: [Operand; WRITES.len()],
    /// The read ports' registers.
    pub reads: [Operand; READS.len()],
    /// The assembly text.
    pub asm: Vec<AsmPiece>,
    /// The semantics as written.
    pub semantics_text: String,
    /// The semantics.
    pub semantics: Semantics,
    /// Of a call's variant what must hold, as written; empty of an instruction.
    pub when: String,
    /// The text of the semantics, with its place.
    pub(crate) written: Text,
    /// The table.
    pub span: Span,
    /// File and line of the table.
    pub source: String,
}

impl Instruction {
    /// Whether it is a variant of a call.
    pub fn is_variant(&self) -> bool {
        self.semantics.statements.iter().any(|statement| matches!(statement, Statement::Require(_)))
    }

    /// The bits of an operand that the word names.
    pub(crate) fn field(&self, name: &str) -> Option<Bits> {
        let field = self.format.fields.iter().find(|field| field.name == name)?;
        (self.mask & field.bits.mask() == 0).then_some(field.bits)
    }

    /// The names that the semantics give to values.
    pub fn locals(&self) -> impl Iterator<Item = (&str, Type)> {
        self.semantics.statements.iter().filter_map(|statement| match statement {
            Statement::Let(name, value) => Some((name.as_str(), value.ty)),
            _ => None,
        })
    }

    /// Whether its rows have this to record; elsewhere the cell is 0.
    pub fn defines(&self, value: &Recorded) -> bool {
        let has = |of: fn(&Statement) -> bool| self.semantics.statements.iter().any(of);
        match value {
            Recorded::Index | Recorded::NextPc => true,
            Recorded::Read(port) => self.semantics.uses(&ExprKind::Read(*port)),
            Recorded::RdBefore(port) | Recorded::RdValue(port) => self.semantics.writes(*port),
            Recorded::MemAddress | Recorded::MemBefore | Recorded::MemAfter | Recorded::MemWritable => {
                has(|statement| matches!(statement, Statement::Load { .. } | Statement::Store { .. }))
            }
            Recorded::Input => has(|statement| matches!(statement, Statement::Input { .. })),
            Recorded::Local(name) => self.locals().any(|(local, _)| local == name),
        }
    }
}

/// Where a register number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// The port is not used.
    None,
    /// A field of the word.
    Field(Bits),
    /// Always this register.
    Fixed(u8),
}

/// A piece of assembly text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsmPiece {
    /// Itself.
    Text(String),
    /// A register, by the name of its field.
    Register(&'static str),
    /// `{imm}`
    Imm,
    /// `{imm >> N}`
    UpperImm(u8),
    /// `{target}`
    Target,
    /// A field of letters, by name.
    Letters(String),
}

impl AsmPiece {
    /// Whether it is a register's name.
    pub fn is_register(&self) -> bool {
        matches!(self, Self::Register(_))
    }
}

/// Assembly text that stands for other instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pseudo {
    /// The mnemonic.
    pub name: String,
    /// One line of documentation.
    pub doc: String,
    /// The text, with operands in braces.
    pub asm: String,
    /// The operands' names, and whether each is a register, rather than a number.
    pub operands: Vec<(String, bool)>,
    /// The alternatives, of which the first that can be encoded is taken: instructions separated by semicolons.
    pub expansions: Vec<String>,
    /// Whether alignment of code is filled with it.
    pub fill: bool,
}

/// A stored column.
#[derive(Clone, Debug)]
pub struct Column {
    /// The name.
    pub name: String,
    /// One line of documentation.
    pub doc: String,
    /// Which values a cell may have.
    pub class: Class,
    /// Where the values come from.
    pub source: ColumnSource,
    /// The table.
    pub span: Span,
}

/// Which values a cell may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 0 or 1.
    Bit,
    /// 0 ≤ v < 2^n.
    Unsigned(u32),
    /// Two's complement of n bits.
    Signed(u32),
    /// min ≤ v ≤ max.
    Interval(i64, i64),
}

impl Class {
    /// The least and the greatest integer of the class.
    pub(crate) fn bounds(self) -> (i64, i64) {
        match self {
            Self::Bit => (0, 1),
            Self::Unsigned(bits) => (0, (1 << bits) - 1),
            Self::Signed(bits) => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            Self::Interval(min, max) => (min, max),
        }
    }
}

/// Where a column's values come from.
#[derive(Clone, Debug)]
pub enum ColumnSource {
    /// From the first of these that an instruction defines.
    Recorded(Vec<Recorded>),
    /// Computed.
    Derived(Expr),
}

/// What `step` can record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The place in the code table.
    Index,
    /// The next pc.
    NextPc,
    /// A read port's value.
    Read(usize),
    /// A write port's register before.
    RdBefore(usize),
    /// What is written to it.
    RdValue(usize),
    /// The byte address of the access.
    MemAddress,
    /// The word before.
    MemBefore,
    /// The word after.
    MemAfter,
    /// Whether the policy allows stores to it.
    MemWritable,
    /// Bytes taken from the input.
    Input,
    /// A `let` of the semantics.
    Local(String),
}

impl Recorded {
    /// What every spec can record, by the name that `record` knows it by.
    pub const PORTS: [(&str, Self); 17] = [
        ("index", Self::Index),
        ("next_pc", Self::NextPc),
        ("rs1", Self::Read(0)),
        ("rs2", Self::Read(1)),
        ("rs3", Self::Read(2)),
        ("rs4", Self::Read(3)),
        ("rs5", Self::Read(4)),
        ("rs6", Self::Read(5)),
        ("rd.before", Self::RdBefore(0)),
        ("rd.value", Self::RdValue(0)),
        ("rd2.before", Self::RdBefore(1)),
        ("rd2.value", Self::RdValue(1)),
        ("mem.address", Self::MemAddress),
        ("mem.before", Self::MemBefore),
        ("mem.after", Self::MemAfter),
        ("mem.writable", Self::MemWritable),
        ("input", Self::Input),
    ];

    /// The value of that name; a name that no port has is a `let`'s.
    pub fn of(name: &str) -> Self {
        let port = Self::PORTS.into_iter().find(|(port, _)| *port == name);
        port.map_or_else(|| Self::Local(name.to_owned()), |(_, port)| port)
    }

    /// The name that `record` knows it by.
    pub fn name(&self) -> &str {
        match self {
            Self::Local(name) => name,
            port => Self::PORTS.iter().find(|(_, known)| known == port).map_or("", |(name, _)| name),
        }
    }
}

/// A column of the row as a constraint sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// A stored column.
    Stored(usize),
    /// A public column: active, first, last.
    Public(usize),
}

/// The public columns' names, in order.
pub const PUBLIC: [&str; 3] = ["active", "first", "last"];

/// constant + Σ coefficient · cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linear {
    /// The constant.
    pub constant: i64,
    /// By cell, none twice, no zero coefficient.
    pub terms: Vec<(Cell, i64)>,
}

/// A sum of products of linear forms.
pub type Polynomial = Vec<Vec<Linear>>;

/// A row constraint.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// The name.
    pub name: String,
    /// One line of documentation.
    pub doc: String,
    /// As written.
    pub text: String,
    /// What is zero.
    pub polynomial: Polynomial,
    /// Its degree.
    pub degree: u32,
    /// The table.
    pub span: Span,
}

/// A link between a row and the next.
#[derive(Clone, Debug)]
pub struct Link {
    /// The name.
    pub name: String,
    /// One line of documentation.
    pub doc: String,
    /// The column of row j.
    pub from: usize,
    /// The column of row j + 1.
    pub to: usize,
    /// The table.
    pub span: Span,
}

/// A look-up of columns that the spec declares, made in every row that is not padding.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The name.
    pub name: String,
    /// One line of documentation.
    pub doc: String,
    /// As written.
    pub text: String,
    /// The table, by its place in [`Units::tables`].
    pub table: usize,
    /// The columns: of the keys, then of the values.
    pub places: Vec<usize>,
    /// The table's place in the spec.
    pub span: Span,
}

/// A call of the guest interface.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name.
    pub name: String,
    /// The number.
    pub number: u32,
    /// What the arguments mean.
    pub arguments: Vec<String>,
    /// One line of documentation.
    pub doc: String,
    /// What it does, case by case: of every state one is the case. Each is like an instruction, whose semantics begin with
    /// what must hold, and has a kind after those of the instructions.
    pub variants: Vec<Instruction>,
    /// The table.
    pub span: Span,
}

/// `rv32i` becomes `Rv32i`, `fence.tso` `FenceTso`.
pub(crate) fn camel_case(name: &str) -> String {
    let words = name.split(['_', '-', '.']).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}
