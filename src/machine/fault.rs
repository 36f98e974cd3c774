//! Errors of a run: what happened, where, and what to do about it.

use std::borrow::Cow;

use crate::asm::disassemble;
use crate::isa::{Expr, Instruction, Isa, Op, READS, SemanticStatement, Semantics, Trap, TrapCause, Word};
use crate::oracle::State;
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
    /// The next cycle would touch one page more than [`Options::max_memory`](crate::checkpoint::Options::max_memory)
    /// allows.
    #[error(
        "the guest touches more memory than it may, at {address:#010x}; allow more, or look for what grows"
    )]
    MemoryLimit {
        /// The address that it would access.
        address: Word,
    },
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
    /// The register that the address was computed from, if the access failed because nothing ever wrote that register:
    /// it is zero, and no instruction of the program writes it.
    pub unwritten: Option<&'static str>,
}

impl Fault {
    pub(super) fn new<I: Isa>(
        program: &Program<I>,
        trap: Trap,
        state: &State,
        jumped_from: Option<Word>,
    ) -> Self {
        let &State { cycle, pc, .. } = state;
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
            unwritten: op.filter(|_| is_access(cause)).and_then(|op| unwritten(program, op, state)),
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
            TrapCause::LastPageLoad => "load from the last page",
            TrapCause::LastPageStore => "store to the last page",
            TrapCause::StackOverflow => "stack overflow",
            TrapCause::SelfJump => "jump to itself",
            TrapCause::StoreToCode => "store into code",
            TrapCause::Breakpoint => "breakpoint",
            TrapCause::CallRefused => "call refused",
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> Cow<'static, str> {
        match self.unwritten {
            Some("gp") => {
                "nothing ever sets gp, from which the address is computed: link with -Wl,--no-relax-gp (-Wl,--no-relax before binutils 2.41), or set gp in the start-up code (.option push; .option norelax; la gp, __global_pointer$; .option pop)".into()
            }
            Some(register) => format!(
                "nothing ever sets {register}, from which the address is computed: set it in the start-up code"
            )
            .into(),
            None => self.cause_remedy().into(),
        }
    }

    fn cause_remedy(&self) -> &'static str {
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
            TrapCause::LastPageLoad | TrapCause::LastPageStore => {
                "an address was computed by a negative offset from 0: a null pointer or a base register that was never set"
            }
            TrapCause::StackOverflow => {
                "the stack has outgrown its limit: look for a recursion that does not end or a large local variable, or give more by --stack-size; start-up code that gives the program a stack of its own sets sp by lui or la"
            }
            TrapCause::SelfJump => {
                "the guest would loop here for ever without changing anything; a guest ends by the call exit (a7 = 93, a0 = its exit code, ecall)"
            }
            TrapCause::StoreToCode => {
                "code cannot be changed: look for a stray pointer, or for data in an executable section"
            }
            TrapCause::Breakpoint => {
                "the guest gave up: look at the function that the symbol names (abort, panic or a failed assertion)"
            }
            TrapCause::CallRefused => {
                "a7 holds the number of a call that no [[call]] of the spec has: see the calls of `retrace isa doc`, or declare it in a spec that extends this one"
            }
        }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.cause {
            TrapCause::CallRefused => write!(f, "call {} refused", self.value)?,
            _ => write!(f, "{} ({:#010x})", self.summary(), self.value)?,
        }
        write!(f, " at cycle {}, pc {:#010x}", self.cycle, self.pc)?;
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

/// Whether it is an address that was computed which caused the trap.
fn is_access(cause: TrapCause) -> bool {
    matches!(
        cause,
        TrapCause::NullLoad
            | TrapCause::NullStore
            | TrapCause::LastPageLoad
            | TrapCause::LastPageStore
            | TrapCause::MisalignedLoad
            | TrapCause::MisalignedStore
    )
}

/// How many instructions before an access are looked at for where its address is from, and through how many of them.
const LOOK_BACK: usize = 32;
const MOST_STEPS: u32 = 4;

/// A register that the address of an access is computed from, that is zero, and that no instruction of the program
/// writes; see [`Origins::unwritten`]. O(code).
fn unwritten<I: Isa>(program: &Program<I>, op: &Op, state: &State) -> Option<&'static str> {
    let origins = Origins { program, registers: &state.registers };
    let address = semantics::<I>(op)?.1.statements.iter().find_map(|statement| match statement {
        SemanticStatement::Load { address, .. } | SemanticStatement::Store { address, .. } => Some(address),
        _ => None,
    })?;
    let register = origins.unwritten(program.code().index_of(op.pc)?, address, MOST_STEPS)?;
    I::SPEC.registers.name(register)
}

struct Origins<'a, I: Isa> {
    program: &'a Program<I>,
    registers: &'a [Word],
}

impl<I: Isa> Origins<'_, I> {
    /// A register that is zero, that no instruction writes, and that an expression of the instruction at this place of the
    /// code table is computed from: it reads the register, or one that was so computed by the nearest instruction
    /// before that writes it. That one was the last to write it, unless a jump led to between them; so it is taken for
    /// that only if what it would compute from the registers now is what the register holds.
    fn unwritten(&self, index: u32, expression: &Expr, steps: u32) -> Option<u8> {
        let ops = self.program.code().ops();
        let op = ops.get(index as usize)?;
        let (instruction, semantics) = self::semantics::<I>(op)?;
        let read = |port: u8| instruction.port(READS.get(usize::from(port))?, op.word);
        let mut sources = (0..READS.len() as u8)
            .filter(|port| semantics.reads_port(expression, *port))
            .filter_map(read)
            .filter(|register| *register != I::SPEC.registers.zero);
        sources.find_map(|register| {
            if self.value(register) == Some(0) && !ops.iter().any(|op| I::SPEC.writes(op, register)) {
                return Some(register);
            }
            let start = (index as usize).saturating_sub(LOOK_BACK);
            let before = ops.get(start..index as usize)?;
            let writer = start + before.iter().rposition(|op| I::SPEC.writes(op, register))?;
            let op = ops.get(writer)?;
            let (instruction, semantics) = self::semantics::<I>(op)?;
            let written = semantics.written(instruction, op, register)?;
            let read = |port: u8| self.value(instruction.port(READS.get(usize::from(port))?, op.word)?);
            if steps == 0 || semantics.value(written, op, &read) != self.value(register) {
                return None;
            }
            self.unwritten(writer as u32, written, steps - 1)
        })
    }

    fn value(&self, register: u8) -> Option<Word> {
        self.registers.get(usize::from(register)).copied()
    }
}

fn semantics<I: Isa>(op: &Op) -> Option<(&'static Instruction, &'static Semantics)> {
    Some((I::SPEC.instruction(op.kind)?, I::SEMANTICS.get(usize::from(op.kind).checked_sub(1)?)?))
}
