//! Errors of a run: what happened, where, and what to do about it.

use crate::asm::disassemble;
use crate::isa::{Isa, Op, Trap, TrapCause, Word};
use crate::pages::PageError;
use crate::program::Program;

/// Why a machine could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The guest did what it may not do.
    #[error(transparent)]
    Fault(Box<Fault>),
    /// A page of a checkpoint could not be read from its file.
    #[error(transparent)]
    Memory(#[from] PageError),
    /// The guest's input could not be read.
    #[error("the guest's input could not be read: {0}")]
    Input(#[source] std::io::Error),
    /// The guest's output could not be written.
    #[error("the guest's output could not be written: {0}")]
    Output(#[source] std::io::Error),
}

/// A guest's fault: a cycle that could not be executed, and is not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// What happened.
    pub cause: TrapCause,
    /// The name of the ISA that was executed.
    pub isa: &'static str,
    /// The address or value that caused it.
    pub value: Word,
    /// How many cycles were executed before.
    pub cycle: u64,
    /// The instruction's address.
    pub pc: Word,
    /// The instruction word; none if `pc` is outside the code.
    pub word: Option<u32>,
    /// The mnemonic, if the word is an instruction.
    pub mnemonic: Option<&'static str>,
    /// The instruction in assembly, if the word is one.
    pub assembly: Option<String>,
    /// Where the jump was that left the code, if one did.
    pub jumped_from: Option<Word>,
    /// The nearest symbol and the distance from it, if the program has symbols: of `pc`, or of `jumped_from` if
    /// there is one.
    pub symbol: Option<String>,
}

impl Fault {
    pub(super) fn new<I: Isa>(
        program: &Program<I>,
        trap: Trap,
        cycle: u64,
        pc: Word,
        jumped_from: Option<Word>,
    ) -> Self {
        let op = program.code().at(pc);
        let instruction = op.and_then(|op| I::SPEC.instruction(op.kind));
        // The entry after a region's last instruction does not decode, and is no code.
        let Trap { cause, value } = match op {
            Some(_) => trap,
            None => Trap { cause: TrapCause::OutsideCode, value: pc },
        };
        Self {
            cause,
            isa: I::SPEC.name,
            value,
            cycle,
            pc,
            word: op.map(|op| op.word),
            mnemonic: instruction.map(|instruction| instruction.name),
            assembly: op.filter(|op| op.kind != Op::UNDECODABLE).map(disassemble::<I>),
            jumped_from,
            symbol: program.symbols().describe(jumped_from.unwrap_or(pc)),
        }
    }

    /// What happened, in a few words.
    pub fn summary(&self) -> &'static str {
        match self.cause {
            TrapCause::Undecodable => "undecodable instruction",
            TrapCause::OutsideCode => "execution outside the code",
            TrapCause::MisalignedTarget => "jump to a misaligned address",
            TrapCause::MisalignedLoad => "misaligned load",
            TrapCause::MisalignedStore => "misaligned store",
            TrapCause::NullLoad => "load from page 0",
            TrapCause::NullStore => "store to page 0",
            TrapCause::StoreToCode => "store into code",
            TrapCause::Breakpoint => "breakpoint",
            TrapCause::CallRefused => "call refused",
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self.cause {
            TrapCause::Undecodable => {
                "build the guest for this ISA, take an ISA that has the instruction, or declare it in a spec; if the word is data, the guest jumped into it"
            }
            TrapCause::OutsideCode => {
                "a return address or function pointer was overwritten, or the last function does not return"
            }
            TrapCause::MisalignedTarget => {
                "a jump's target must be a multiple of an instruction's size: a function pointer is wrong"
            }
            TrapCause::MisalignedLoad | TrapCause::MisalignedStore => {
                "an address must be a multiple of the access's size: build the guest with -mstrict-align, and look for casts of byte pointers"
            }
            TrapCause::NullLoad | TrapCause::NullStore => "a null pointer was followed",
            TrapCause::StoreToCode => {
                "code cannot be changed: look for a stray pointer, or for data in an executable section"
            }
            TrapCause::Breakpoint => {
                "the guest gave up: look at the function that the symbol names (abort, panic or a failed assertion)"
            }
            TrapCause::CallRefused => "the guest interface does not allow the call: see its documentation",
        }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} ({:#010x}) at cycle {}, pc {:#010x}", self.summary(), self.value, self.cycle, self.pc)?;
        if let Some(from) = self.jumped_from {
            write!(f, ", jumped to from {from:#010x}")?;
        }
        if let Some(symbol) = &self.symbol {
            write!(f, " <{symbol}>")?;
        }
        match (self.word, &self.assembly) {
            (Some(word), Some(assembly)) => write!(f, ", word {word:#010x}, `{assembly}`")?,
            (Some(word), None) => write!(f, ", word {word:#010x}")?,
            (None, _) => {}
        }
        if self.cause == TrapCause::Undecodable {
            write!(f, ", which is no instruction of {}", self.isa)?;
        }
        write!(f, ": {}", self.remedy())
    }
}

impl core::error::Error for Fault {}
