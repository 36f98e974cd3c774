//! What generated code asks of the machine, and where it puts a row: the two seams of `step`.

use super::{Trap, Word};

/// The names of the read ports.
pub const READS: [&str; 6] = ["rs1", "rs2", "rs3", "rs4", "rs5", "rs6"];

/// The names of the write ports.
pub const WRITES: [&str; 2] = ["rd", "rd2"];

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

    /// Whether the policy allows a load at the address.
    fn readable(&self, address: Word) -> bool;

    /// Whether the policy allows a store at the address.
    fn writable(&self, address: Word) -> bool;

    /// The next `count` (1 to 4) bytes of an input stream of which `left` bytes are left, the first as the low byte.
    ///
    /// # Errors
    /// There are not as many, or they cannot be read.
    fn input(&mut self, stream: u8, left: Word, count: Word) -> Result<Word, Trap>;

    /// Appends the low `count` (1 to 4) bytes to an output stream, of which `position` bytes were put out before, modulo
    /// 2³².
    ///
    /// # Errors
    /// They cannot be written.
    fn output(&mut self, stream: u8, position: Word, count: Word, bytes: Word) -> Result<(), Trap>;

    /// Notes the code with which the guest ends.
    fn exit(&mut self, code: Word);
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

/// Where `step` puts what a row records. The fast pass's recorder is `()`, of which no machine code remains.
pub trait Recorder {
    /// Whether it takes anything. If not, instructions are executed in pairs where the spec fuses them.
    const RECORDS: bool = true;

    /// What records in the current row alone.
    type Row<'r>: Recorder
    where
        Self: 'r;

    /// A recorder for the current row, to be handed to a call's function, which is not inlined: this one's place stays in a
    /// register.
    fn row(&mut self) -> Self::Row<'_>;

    /// Stores a value in a recorded column of the current row.
    fn record<const COLUMN: usize>(&mut self, value: Word);

    /// Goes to the next row.
    fn next_row(&mut self);
}

impl Recorder for () {
    const RECORDS: bool = false;

    type Row<'r> = ();

    #[inline(always)]
    fn row(&mut self) {}

    #[inline(always)]
    fn record<const COLUMN: usize>(&mut self, _value: Word) {}

    #[inline(always)]
    fn next_row(&mut self) {}
}
