//! A predecoded instruction, and what executing one can lead to.

use super::Word;

/// One entry of a program's code table: an instruction with its operands taken apart. 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Op {
    /// The immediate, put together, shifted and extended to a word; 0 if the format has none. In a program's code table, of
    /// an instruction that makes calls, where the entries of their variants begin.
    pub imm: Word,
    /// The address.
    pub pc: Word,
    /// The instruction word as fetched.
    pub word: u32,
    /// Which instruction: 1 + its place in [`Spec::instructions`](super::Spec::instructions), or
    /// [`Op::UNDECODABLE`].
    pub kind: u8,
    /// The destination register; 0 where nothing is written.
    pub rd: u8,
    /// The register of the first read port; 0 if unused.
    pub rs1: u8,
    /// The register of the second read port; 0 if unused.
    pub rs2: u8,
}

impl Op {
    /// The kind of an entry that is no instruction: a word that does not decode, a gap between sections, and
    /// entry 0 of every table, which padding rows refer to.
    pub const UNDECODABLE: u8 = 0;
}

/// Where execution goes after a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// To the next entry of the code table.
    Next,
    /// To this address, which is aligned but not checked to be code.
    Jump(Word),
    /// Nowhere: the guest has ended, and this row is its last.
    Exit,
}

/// Why a cycle could not be executed. The cycle is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// What happened.
    pub cause: TrapCause,
    /// The address or value that caused it.
    pub value: Word,
}

/// The kinds of [`Trap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum TrapCause {
    /// The word is no instruction of this ISA.
    Undecodable,
    /// The program counter left the code.
    OutsideCode,
    /// A jump's target is not aligned to an instruction.
    MisalignedTarget,
    /// A load's address is not a multiple of its size.
    MisalignedLoad,
    /// A store's address is not a multiple of its size.
    MisalignedStore,
    /// A load from page 0.
    NullLoad,
    /// A store to page 0.
    NullStore,
    /// A load from the last page of the address space.
    LastPageLoad,
    /// A store to the last page of the address space.
    LastPageStore,
    /// An access below the stack's limit, with the stack pointer there too.
    StackOverflow,
    /// A jump to itself that changes nothing: it would be executed for ever.
    SelfJump,
    /// A store into code.
    StoreToCode,
    /// A breakpoint instruction.
    Breakpoint,
    /// The guest interface refused a call; the value is the call's number.
    CallRefused,
}
