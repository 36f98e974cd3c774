//! Assembly text and words, both ways, from the spec's table.
//!
//! In: assembly text, or an instruction and its operands, or a word. Out: an [`Assembly`], which becomes a
//! [`Program`](crate::program::Program); a word; assembly text. All three read the same data: forms, fields and
//! pseudo-instructions are the spec's, so that an instruction that a TOML file adds can be written at once.
//!
//! ```
//! use retrace::asm::{Layout, assemble};
//! use retrace::isa::Rv32i;
//!
//! let source = "
//!         la   a1, text           # pseudo-instructions are the spec's
//!         li   a2, 5
//!     1:  addi a2, a2, -1
//!         bnez a2, 1b
//!         ebreak
//!         .data
//!     text: .asciz \"hello\"
//! ";
//! let program = assemble::<Rv32i>(source, Layout::default())?.program::<Rv32i>()?;
//! assert_eq!(program.symbols().address("text"), Some(0x200_0000));
//!
//! let errors = assemble::<Rv32i>("addi a0, a0, 5000\nbeqz a0, lop\nloop: nop", Layout::default()).unwrap_err();
//! assert_eq!(errors.errors()[0].to_string(), "1:14: the number is 5000, and must be from -2048 to 2047");
//! assert_eq!(errors.errors()[1].hint.as_deref(), Some("did you mean `loop`?"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The language
//!
//! Statements end with the line or with `;`; comments begin with `#` or `//`. A statement may begin with labels,
//! `name:` or `1:`; `1b` and `1f` are the numeric label before and after. Registers are written by name or as `x` and
//! the number. Expressions have numbers (decimal, `0x`, `0b`, octal with a leading 0, `'a'`), symbols, `.`, `+ - * ~`,
//! parentheses and `%hi`, `%lo`, `%pcrel_hi`, `%pcrel_lo`; they have 64 bits, and must fit where they stand. A branch or a
//! jump names its target's address. Directives: `.word .half .byte` and their other names, `.ascii .asciz .string`,
//! `.zero .space .skip`, `.align .p2align .balign`, `.equ .set` (also `name = value`), `.text .data .rodata .bss
//! .section`; `.globl` and others that speak to a linker are read and have no effect.
//!
//! Where GNU as is lenient or leaves work to its linker, this assembler differs: a branch that is too far is an error; a
//! symbol is defined once; `li` of what a later label decides is two instructions.

mod assemble;
mod directive;
mod disassemble;
mod encodable;
mod encode;
mod error;
mod expression;
mod forms;
mod layout;
mod lexer;
mod parse;
#[cfg(test)]
mod tests;

pub use assemble::{Assembly, Label, Layout, Section, assemble};
pub use disassemble::disassemble;
pub use encode::{EncodeError, encode};
pub use error::{AsmError, AsmErrorKind, AsmErrors};
