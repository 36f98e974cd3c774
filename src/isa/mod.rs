//! What an instruction set is to the runtime: the trait that generated code implements, and the data that it states.
//!
//! In: nothing. Out: [`Isa`], which [`crate::program`] decodes with, [`crate::machine`] steps with and
//! [`crate::replay`] derives columns with. Nothing outside the spec names an instruction, a format or a column.

mod column;
mod columns;
mod constraint;
mod in_tree;
mod op;
mod operand;
mod ports;
mod semantics;
mod spec;
mod successor;
pub mod units;

pub use column::{Column, ColumnId, ColumnSource, PublicColumn, RangeClass};
pub use columns::{Columns, MAX_RECORDED, MAX_ROWS, RowRecorder, STRIDE};
pub use constraint::{Constraint, Linear, Link, Product};
pub use in_tree::{IN_TREE, Rv32i, Rv32im, Rv32imZbb, Rv32imabZicond};
pub use op::{Flow, Op, Trap, TrapCause};
pub use operand::{Effects, Field, Happens, Immediate, MemoryAccess, Operand, OperandKind};
pub use ports::{Access, Ports, READS, Recorder, WRITES};
pub use semantics::{BinaryOp, Expr, ExprKind, SemanticStatement, Semantics, Type, UnaryOp};
pub use spec::{AsmPiece, Call, Fingerprint, Hidden, Initial, Instruction, Pseudo, Registers, Spec, Variant};
pub(crate) use successor::Successor;
use units::Units;

/// A machine word. Every spec states its `xlen`; generated code asserts that it is this type's width, so that the
/// runtime can take every width from here.
pub type Word = u32;

/// An instruction set, as generated from a spec by the build script or by [`isa!`](crate::isa!).
///
/// The implementor is a marker without state.
pub trait Isa: Copy + Default + core::fmt::Debug + Send + Sync + 'static {
    /// What the spec says, as data: instructions, columns, constraints, links, registers and calls.
    const SPEC: &'static Spec;

    /// What each of the spec's instructions does, as data, in their order: native code is made from it. What has none
    /// is left to [`step`](Self::step).
    const SEMANTICS: &'static [Semantics] = &[];

    /// What a row offers a prover beside the spec's columns and constraints, as data: units, look-ups, tables.
    const UNITS: &'static Units = &Units::NONE;

    /// Predecodes the word found at `pc`. A word that is no instruction gives an [`Op`] of kind
    /// [`Op::UNDECODABLE`], which is an error only when it is executed. O(1).
    fn decode(word: u32, pc: Word) -> Op;

    /// Executes one predecoded instruction; `index` is its place in the program's code table.
    ///
    /// The one executor: the fast pass runs it with `R = ()`, replay with a [`RowRecorder`]. A cycle that traps
    /// has no effect on registers or memory. O(1).
    ///
    /// # Errors
    /// The trap that ends the run, with the address or value that caused it.
    fn step<P: Ports, R: Recorder>(
        ports: &mut P,
        op: &Op,
        index: u32,
        recorder: &mut R,
    ) -> Result<Flow, Trap>;

    /// What [`step_fused`](Self::step_fused) is to execute where these kinds follow each other: a code above every kind
    /// if the spec has them as a fused pair, else `first`. O(1).
    fn fuse(first: u8, second: u8) -> u8 {
        let _ = second;
        first
    }

    /// Executes the instruction at place `at` of the code table, or the pair that begins there, as `code` says, which is
    /// what [`fuse`](Self::fuse) gives for that place and the next. `at` is then the last one's place.
    ///
    /// The effects are those of [`step`](Self::step) without a recorder, one by one. O(1).
    ///
    /// # Errors
    /// As `step`; `at` is the place of the instruction that traps. The code [`Op::UNDECODABLE`] traps, as a word that does not
    /// decode, whatever instruction is there: the interpreter so stops where native code begins.
    ///
    /// # Panics
    /// If `at`, or the next place for a pair's code, is outside the table.
    fn step_fused<P: Ports>(ports: &mut P, code: u8, ops: &[Op], at: &mut usize) -> Result<Flow, Trap> {
        let _ = code;
        Self::step(ports, &ops[*at], *at as u32, &mut ())
    }

    /// Fills the columns among `wanted` that are derived, cells or of the code table, for rows `0..rows`, and what they are
    /// derived from, each once. The recorded columns must be filled. `code` is the program's code table. O(rows) a column;
    /// if a cell is wanted, all cells are filled.
    fn derive(columns: &mut Columns, rows: usize, code: &[Op], wanted: &[ColumnId]);

    /// The values that a table, by its place from 0, has for these keys, and zeros after them; false if it has no such
    /// keys. O(1).
    fn look_up(table: usize, keys: &[Word], values: &mut [Word]) -> bool {
        let _ = (table, keys, values);
        false
    }
}
