//! Which ISA a program is of: the smallest that decodes its code.
//!
//! In: an [`ElfFile`] and the ISAs to choose from. Out: the place of one of them, or why none will do.

use core::fmt;

use super::extensions::missing;
use super::file::ElfFile;
use super::reach::is_deliberately_illegal;
use crate::isa::{Isa, Op, SemanticStatement, Semantics, Spec, Successor, Word};

/// An ISA to choose from, as a value.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    spec: &'static Spec,
    semantics: &'static [Semantics],
    decode: fn(u32, Word) -> Op,
}

impl Candidate {
    /// The ISA as a candidate.
    pub const fn of<I: Isa>() -> Self {
        Self { spec: I::SPEC, semantics: I::SEMANTICS, decode: I::decode }
    }

    /// Its spec.
    pub const fn spec(&self) -> &'static Spec {
        self.spec
    }

    pub(super) fn decode(&self, word: u32, pc: Word) -> Op {
        (self.decode)(word, pc)
    }

    fn decodes(&self, word: u32, pc: Word) -> bool {
        self.decode(word, pc).kind != Op::UNDECODABLE
    }

    pub(super) fn successor(&self, op: &Op) -> Successor {
        Successor::of(op, self.semantics(op))
    }

    /// Whether the instruction writes this register.
    pub(super) fn writes(&self, op: &Op, register: u8) -> bool {
        self.spec.writes(op, register)
    }

    /// Whether the instruction loads from memory.
    pub(super) fn loads(&self, op: &Op) -> bool {
        let loads = |statement: &SemanticStatement| matches!(statement, SemanticStatement::Load { .. });
        self.semantics(op).is_some_and(|semantics| semantics.statements.iter().any(loads))
    }

    fn semantics(&self, op: &Op) -> Option<&'static Semantics> {
        self.semantics.get(usize::from(op.kind).checked_sub(1)?)
    }
}

/// A word of a program's code that the ISA does not decode.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UndecodableWord {
    /// The word.
    pub word: u32,
    /// Its address.
    pub pc: Word,
    /// The nearest symbol and the distance from it, if the file has symbols.
    pub symbol: Option<String>,
    /// The source file and line. The library leaves it out; the command line takes it from the debug information.
    pub line: Option<(String, u32)>,
}

impl fmt::Display for UndecodableWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x} at {:#010x}", self.word, self.pc)?;
        if let Some(symbol) = &self.symbol {
            write!(f, " <{symbol}>")?;
        }
        match &self.line {
            Some((file, line)) => write!(f, ", {file}:{line}"),
            None => Ok(()),
        }
    }
}

/// Why none of the ISAs will do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IsaError {
    /// There is none to choose from.
    #[error("there is no ISA to choose from; give one at least")]
    NoCandidates,
    /// The file's attributes name extensions that none of the ISAs has.
    #[error(
        "the program is built for {architecture}, and no ISA here has {}: there are {}; {}; build the program without, or declare the instructions in a spec",
        .extensions.join(", "), .isas.join(", "), found(.smallest, .undecodable.as_deref())
    )]
    Extension {
        /// The extensions that none has, as the file spells them, without their versions.
        extensions: Vec<String>,
        /// The architecture string of the file's attributes.
        architecture: String,
        /// The smallest ISA that decodes what any of them decodes.
        smallest: &'static str,
        /// A word that it does not decode: one that the entry leads to, else the first that is not
        /// illegal on purpose. None if there is none.
        undecodable: Option<Box<UndecodableWord>>,
        /// The names of the ISAs.
        isas: Vec<&'static str>,
    },
    /// The entry leads to a word that none of the ISAs decodes.
    #[error(
        "the program's entry leads to the word {undecodable}, which is no instruction of {smallest}: there are {}; build the program for one of these, or declare the instruction in a spec",
        .isas.join(", ")
    )]
    Undecodable {
        /// The word.
        undecodable: Box<UndecodableWord>,
        /// The smallest ISA that decodes what any of them decodes.
        smallest: &'static str,
        /// The names of the ISAs.
        isas: Vec<&'static str>,
    },
}

fn found(smallest: &str, undecodable: Option<&UndecodableWord>) -> String {
    match undecodable {
        Some(word) => format!("{smallest} does not decode the word {word}"),
        None => format!("{smallest} decodes all of its code, which makes no use of that"),
    }
}

impl IsaError {
    /// The word that is not decoded, if the error tells of one.
    pub fn undecodable_mut(&mut self) -> Option<&mut UndecodableWord> {
        match self {
            Self::NoCandidates => None,
            Self::Extension { undecodable, .. } => undecodable.as_deref_mut(),
            Self::Undecodable { undecodable, .. } => Some(undecodable),
        }
    }

    /// The smallest ISA that decodes what any of them decodes, if there is one at all.
    pub fn smallest(&self) -> Option<&'static str> {
        match self {
            Self::NoCandidates => None,
            Self::Extension { smallest, .. } | Self::Undecodable { smallest, .. } => Some(smallest),
        }
    }
}

/// The choice of an ISA. The ISAs are listed from the smallest to the largest.
impl ElfFile {
    /// The place of the first ISA that decodes as many words of the code as any of them does: where each ISA decodes
    /// what the one before it decodes, the smallest that decodes what the largest does. The file's attributes are not
    /// asked, since tools strip them, and assemblers and linkers understate them. None of no ISAs.
    ///
    /// The code is the executable sections; in a file without section headers, the executable segments.
    /// O(code · ISAs).
    pub fn smallest_isa(&self, isas: &[Candidate]) -> Option<usize> {
        let mut best = None;
        for (at, isa) in isas.iter().enumerate() {
            let missed = self.words().filter(|(pc, word)| !isa.decodes(*word, *pc)).count();
            if best.is_none_or(|(fewest, _)| missed < fewest) {
                best = Some((missed, at));
            }
            if missed == 0 {
                break;
            }
        }
        best.map(|(_, at)| at)
    }

    /// The [smallest ISA](Self::smallest_isa), if the program may be run as that.
    ///
    /// Two things are found before the run. The attributes may name an extension that no ISA has; one that is missing
    /// changes nothing if toolchains name it unasked (`zicsr`, `zifencei`), or if it has no instructions
    /// that a program needs (hints, counters, the privileged architecture, guarantees on memory).
    /// And a word may not decode that the entry reaches by jumps whose target the code states, by branches, taken or
    /// not, and by going on to the next word. Behind a call this goes on only if the code called can be seen to return;
    /// behind a system call, which may end the program, it does not. Behind a branch a word that no ISA decodes by
    /// convention (zeros, ones, `unimp`) is a trap on purpose. Every other word that does not decode is data, and a fault if
    /// it is executed.
    ///
    /// Extensions are known by the ISAs' names, as the manual forms them: where one of the ISAs has a name
    /// of another form, attributes are not asked. Attributes that are missing or damaged name nothing.
    /// O(code · ISAs).
    ///
    /// # Errors
    /// [`IsaError`], which says what is missing, where, and what there is.
    pub fn choose_isa(&self, isas: &[Candidate]) -> Result<usize, IsaError> {
        let at = self.smallest_isa(isas).ok_or(IsaError::NoCandidates)?;
        let names: Vec<&'static str> = isas.iter().map(|isa| isa.spec.name).collect();
        let (chosen, smallest) = (&isas[at], names[at]);
        let reached = self.reached_undecodable(chosen);
        if let Some(architecture) = self.architecture()
            && let extensions = missing(architecture, &names)
            && !extensions.is_empty()
        {
            let undecodable = reached.or_else(|| {
                self.words().find(|(pc, word)| !chosen.decodes(*word, *pc) && !is_deliberately_illegal(*word))
            });
            return Err(IsaError::Extension {
                extensions,
                architecture: architecture.to_owned(),
                smallest,
                undecodable: undecodable.map(|(pc, word)| self.undecodable(pc, word)),
                isas: names,
            });
        }
        match reached {
            Some((pc, word)) => {
                Err(IsaError::Undecodable { undecodable: self.undecodable(pc, word), smallest, isas: names })
            }
            None => Ok(at),
        }
    }

    /// The instruction words, each with its address before it.
    pub(super) fn words(&self) -> impl Iterator<Item = (Word, u32)> {
        self.code.iter().flat_map(|range| self.image.pages.words(range.clone()))
    }

    fn undecodable(&self, pc: Word, word: u32) -> Box<UndecodableWord> {
        Box::new(UndecodableWord { word, pc, symbol: self.image.symbols.describe(pc), line: None })
    }
}
