//! A checked spec: what the tables said, with every name resolved and every expression typed.

use crate::ir::{Expr, Semantics};
use crate::source::Span;

/// A checked spec, with what it extends merged in. Instructions, groups, constraints, links and calls are in the order
/// of their names, so that the order of tables means nothing; columns are in the order of the spec, recorded ones
/// first, since that order is the row's.
#[derive(Clone, Debug)]
pub struct Model {
    /// The ISA's name.
    pub name: String,
    /// One line of documentation.
    pub doc: String,
    /// The word width in bits.
    pub xlen: u32,
    /// The registers' names.
    pub registers: Vec<String>,
    /// The zero register's number.
    pub zero: u8,
    /// The stack pointer's number.
    pub stack_pointer: u8,
    /// Question and answer.
    pub policy: Vec<(String, String)>,
    /// The groups.
    pub groups: Vec<Group>,
    /// The instructions.
    pub instructions: Vec<Instruction>,
    /// The stored columns: recorded, then derived.
    pub columns: Vec<Column>,
    /// The row constraints.
    pub constraints: Vec<Constraint>,
    /// The links between a row and the next.
    pub links: Vec<Link>,
    /// The calls of the guest interface.
    pub calls: Vec<Call>,
    /// The hash of the meaning.
    pub fingerprint: [u8; 32],
}

impl Model {
    /// How many of the 2^32 words are instructions: exact, since no word matches two.
    pub fn legal_words(&self) -> u64 {
        self.instructions.iter().map(|instruction| 1u64 << instruction.mask.count_zeros()).sum()
    }
}

/// A group of instructions whose rows obey the same constraints.
#[derive(Clone, Debug)]
pub struct Group {
    /// The name.
    pub name: String,
    /// One line of documentation.
    pub doc: String,
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
    /// Its group, by place from 0; none if it always traps.
    pub group: Option<usize>,
    /// The fixed bits.
    pub mask: u32,
    /// Their values.
    pub bits: u32,
    /// The destination register.
    pub rd: Operand,
    /// The read ports' registers.
    pub reads: [Operand; 4],
    /// The assembly text.
    pub asm: Vec<AsmPiece>,
    /// The semantics as written.
    pub semantics_text: String,
    /// The semantics.
    pub semantics: Semantics,
    /// The table.
    pub span: Span,
    /// File and line of the table.
    pub source: String,
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
    /// `{rd}`
    Rd,
    /// `{rs1}`
    Rs1,
    /// `{rs2}`
    Rs2,
    /// `{imm}`
    Imm,
    /// `{imm >> N}`
    UpperImm(u8),
    /// `{target}`
    Target,
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
    /// 0 or the place of a group from 1.
    OneHotGroup,
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
    /// The destination register before.
    RdBefore,
    /// What is written to it.
    RdValue,
    /// The byte address of the access.
    MemAddress,
    /// The word before.
    MemBefore,
    /// The word after.
    MemAfter,
    /// Bytes taken from the input.
    Input,
    /// A `let` of the semantics.
    Local(String),
}

/// A column of the row as a constraint sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// A stored column.
    Stored(usize),
    /// A flag of the one-hot column: its column and the group's place from 1.
    Flag(usize, u32),
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
    /// `none`, `read` or `write`.
    pub memory: String,
    /// Whether it takes input.
    pub input: bool,
    /// Whether it ends the guest.
    pub exits: bool,
    /// One line of documentation.
    pub doc: String,
}
