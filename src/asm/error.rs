//! What can be wrong with assembly text, each with its place and what to do.

use core::fmt::{self, Write};
use core::ops::Range;

use super::EncodeError;

/// All mistakes of a source that was assembled, by place; `Display` shows each with line, column, the source line, a
/// caret and a hint. Space: O(source).
#[derive(Clone, Debug)]
pub struct AsmErrors {
    source: Box<str>,
    errors: Vec<AsmError>,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsmError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub kind: AsmErrorKind,
    /// What to do about it, where something can be said.
    pub hint: Option<String>,
    /// The bytes of the source that are meant.
    pub range: Range<usize>,
}

/// What is wrong with assembly text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AsmErrorKind {
    /// A character that means nothing here.
    #[error("`{0}` means nothing here")]
    Character(char),
    /// A number that is none, or is too large.
    #[error("`{0}` is no number of at most 64 bits")]
    Number(String),
    /// A string without its end, or with an unknown escape.
    #[error("this string {0}")]
    String(&'static str),
    /// Something else was expected.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What may stand here.
        expected: String,
        /// What stands here.
        found: String,
    },
    /// No instruction or pseudo-instruction has this mnemonic.
    #[error("{isa} has no instruction `{name}`")]
    UnknownInstruction {
        /// The mnemonic.
        name: String,
        /// The instruction set.
        isa: &'static str,
    },
    /// A directive that this assembler does not have.
    #[error("there is no directive `{0}`")]
    UnknownDirective(String),
    /// A symbol that is nowhere defined.
    #[error("`{0}` is not defined")]
    Undefined(String),
    /// A symbol that only the rest of the source defines, where its value is needed at once.
    #[error("the value of `{0}` is not known yet")]
    NotYet(String),
    /// A symbol that is defined twice.
    #[error("`{name}` is defined twice, first on line {first}")]
    Twice {
        /// The symbol.
        name: String,
        /// The line of the first definition.
        first: usize,
    },
    /// A symbol that has a register's name.
    #[error("`{0}` is a register")]
    RegisterName(String),
    /// Numbers that do not fit the instruction.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A value that does not fit.
    #[error("the value is {value}, and must be from {min} to {max}")]
    Range {
        /// The value.
        value: i64,
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A value whose low bits are to be dropped, and are not zero.
    #[error("the value is {value:#x}, and its low {bits} bits must be zero")]
    LostBits {
        /// The value.
        value: u32,
        /// How many bits.
        bits: u32,
    },
    /// An expression that leaves 64 bits.
    #[error("this expression overflows")]
    Overflow,
    /// An expression that is nested too deeply.
    #[error("this expression is nested more than {0} deep")]
    Nesting(usize),
    /// The lower half of an address whose upper half is not where it should be.
    #[error("there is no %pcrel_hi at the address that this %pcrel_lo names")]
    NoUpperHalf,
    /// An instruction that does not lie where instructions are fetched.
    #[error("an instruction's address must be a multiple of {0}")]
    Misaligned(u32),
    /// The output is larger than the assembler makes.
    #[error("the output is larger than {0} bytes")]
    TooLarge(u64),
    /// The output leaves the address space.
    #[error("the section leaves the address space")]
    OutsideAddressSpace,
    /// There are more mistakes than are listed.
    #[error("there are too many mistakes to go on")]
    TooMany,
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.kind)
    }
}

/// After so many mistakes the assembler gives up: a hint may search all names, and no one reads more.
const MOST: usize = 200;

/// How much of a line is shown.
const SHOWN: usize = 120;

impl AsmErrors {
    pub(super) fn new(source: &str) -> Self {
        Self { source: source.into(), errors: Vec::new() }
    }

    /// The mistakes, by place.
    pub fn errors(&self) -> &[AsmError] {
        &self.errors
    }

    pub(super) fn is_full(&self) -> bool {
        self.errors.len() >= MOST
    }

    pub(super) fn add(&mut self, range: Range<usize>, kind: AsmErrorKind, hint: Option<String>) {
        if self.is_full() {
            return;
        }
        let kind = if self.errors.len() + 1 == MOST { AsmErrorKind::TooMany } else { kind };
        self.errors.push(AsmError { line: 0, column: 0, kind, hint, range });
    }

    /// Sorts by place, and finds lines and columns.
    pub(super) fn finish(mut self) -> Self {
        self.errors.sort_by_key(|error| (error.range.start, error.range.end));
        self.errors.dedup();
        for error in &mut self.errors {
            let before = &self.source[..error.range.start];
            let start = before.rfind('\n').map_or(0, |at| at + 1);
            error.line = before.matches('\n').count() + 1;
            error.column = before[start..].chars().count() + 1;
        }
        self
    }

    fn show(&self, error: &AsmError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.source[..error.range.start].rfind('\n').map_or(0, |at| at + 1);
        let line = self.source[start..].lines().next().unwrap_or_default();
        // Of a long line only what is around the place.
        let skipped = error.column.saturating_sub(SHOWN / 2);
        let shown: String = line.chars().skip(skipped).take(SHOWN).collect();
        let shown = shown.trim_end().replace(|c: char| c.is_control(), " ");
        let width = self.source[error.range.clone()].chars().count().clamp(1, SHOWN);
        let number = error.line.to_string();
        let margin = " ".repeat(number.len());
        let mut caret = " ".repeat(error.column - 1 - skipped);
        (0..width).try_for_each(|_| caret.write_char('^'))?;
        writeln!(f, "error: {}", error.kind)?;
        writeln!(f, "{margin}--> {number}:{}", error.column)?;
        writeln!(f, "{margin} |\n{number} | {shown}\n{margin} | {caret}")?;
        match &error.hint {
            Some(hint) => writeln!(f, "{margin} = help: {hint}\n"),
            None => writeln!(f),
        }
    }
}

impl fmt::Display for AsmErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.errors.iter().try_for_each(|error| self.show(error, f))?;
        let count = self.errors.len();
        write!(f, "error: the assembly has {count} error{}", if count == 1 { "" } else { "s" })
    }
}

impl core::error::Error for AsmErrors {}

impl core::error::Error for AsmError {}

/// "did you mean", if one of the names is near.
pub(super) fn did_you_mean<'n>(found: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let near =
        names.into_iter().take(MOST_NAMES).filter_map(|name| Some((distance(found, name)?, name))).min();
    near.map(|(_, name)| format!("did you mean `{name}`?"))
}

/// How many names are searched for a near one.
const MOST_NAMES: usize = 4096;

/// How many letters must be changed, if few enough for one to be a slip for the other.
fn distance(found: &str, name: &str) -> Option<usize> {
    let most = 1 + name.len() / 4;
    if found.len().abs_diff(name.len()) > most || found.len() > 64 {
        return None;
    }
    let name: Vec<char> = name.chars().collect();
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (at, letter) in found.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in name.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().filter(|distance| *distance <= most)
}
