//! What generated code asks of the machine, and where it puts a row: the two seams of `step`.

use super::{Trap, Word};

/// The names of the read ports.
pub const READS: [&str; 6] = ["rs1", "rs2", "rs3", "rs4", "rs5", "rs6"];

/// The names of the write ports.
pub const WRITES: [&str; 2] = ["rd", "rd2"];

/// How many values a call of the guest interface is given: its number, and its arguments.
pub const CALL_VALUES: usize = 4;

/// The machine as one instruction sees it.
pub trait Ports {
    /// The register's value.
    fn register(&self, register: u8) -> Word;

    /// Writes a register; a write to the zero register is dropped.
    fn set_register(&mut self, register: u8, value: Word);

    /// Loads `bytes` (1, 2 or 4) bytes, zero-extended.
    ///
    /// # Errors
    /// A misaligned address, or page 0.
    fn load(&mut self, address: Word, bytes: Word) -> Result<Access, Trap>;

    /// Stores the low `bytes` (1, 2 or 4) bytes of `value`.
    ///
    /// # Errors
    /// A misaligned address, page 0, or code.
    fn store(&mut self, address: Word, bytes: Word, value: Word) -> Result<Access, Trap>;

    /// Calls the guest interface with a call's number and its arguments.
    ///
    /// # Errors
    /// The interface refused the call.
    fn call(&mut self, arguments: [Word; CALL_VALUES]) -> Result<Reply, Trap>;
}

/// One memory access, as a row sees it. Words are aligned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// What was loaded or stored, zero-extended.
    pub value: Word,
    /// The word that holds the address, before.
    pub before: Word,
    /// The word that holds the address, after.
    pub after: Word,
}

/// The guest interface's answer to a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The value for the destination register.
    pub result: Word,
    /// The aligned address of the one word that the call read or wrote; 0 if none.
    pub address: Word,
    /// That word before; 0 if none.
    pub before: Word,
    /// That word after; 0 if none.
    pub after: Word,
    /// The bytes taken from the input, low byte first; 0 if none.
    pub input: Word,
    /// Whether the guest ended.
    pub exit: bool,
}

/// Where `step` puts what a row records. The fast pass's recorder is `()`, of which no machine code remains.
pub trait Recorder {
    /// Whether it takes anything. If not, instructions are executed in pairs where the spec fuses them.
    const RECORDS: bool = true;

    /// Stores a value in a recorded column of the current row.
    fn record<const COLUMN: usize>(&mut self, value: Word);

    /// Goes to the next row.
    fn next_row(&mut self);
}

impl Recorder for () {
    const RECORDS: bool = false;

    #[inline(always)]
    fn record<const COLUMN: usize>(&mut self, _value: Word) {}

    #[inline(always)]
    fn next_row(&mut self) {}
}
