//! The front end of a small-space zkVM.
//!
//! One TOML spec says what each RISC-V instruction does and which columns of it a prover sees; generated code decodes,
//! executes, witnesses and constrains it. The runtime here runs a program once, keeps a few checkpoints, and from them
//! regenerates any part of the witness as often as a prover asks, so that no one ever holds the O(T) trace.
//!
//! ```text
//! isa/*.toml ──codegen──▶ isa: decode · step · columns · constraints
//!
//! ELF ─▶ program ─▶ checkpoint::execute ─▶ Execution ─▶ replay ─▶ oracle ─▶ sumcheck ─▶ proof
//!        (code,      (machine, guest:       (T, states,   (rows,    (passes)  (rounds)
//!         segments)   one fast pass)         hashes)       chunks)
//! ```
//!
//! The [guide] says who reads what: from an ELF file to a proof, [for provers](guide::prover); an instruction of your own,
//! [for authors of specs](guide::isa_author); where cycles go and why it failed, [for authors of guests](guide::guest_author).
//!
//! Symbols: T cycles executed · K words of memory touched · M checkpoints · k witness columns · n = ⌈log₂ T⌉.
//!
//! # Example
//!
//! From an ELF to a verified proof in O(K + √T) space:
//!
//! ```
//! use std::sync::Arc;
//!
//! use ark_bn254::Fr;
//! use retrace::checkpoint::{Options, execute};
//! use retrace::guest::{Input, Linux};
//! use retrace::isa::Rv32i;
//! use retrace::oracle::{PolynomialOracle, WitnessOracle};
//! use retrace::parallel::Pool;
//! use retrace::program::Program;
//! use retrace::proof::{Prover, Verifier};
//! use retrace::replay::StreamingWitnessGenerator;
//! use retrace::sumcheck::Budget;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let elf = std::fs::read("tests/guests/tiny.elf")?;
//! let program = Arc::new(Program::<Rv32i>::from_elf(&elf)?);
//! let execution = execute(program.clone(), Linux::default(), Input::empty(), Options::default())?;
//! println!("{} cycles, exit code {:?}", execution.cycles(), execution.exit_code());
//!
//! let oracle = WitnessOracle::new(StreamingWitnessGenerator::new(execution, Pool::new(0)?))?;
//! let budget = Budget::sqrt::<Fr>(oracle.num_stored(), oracle.num_variables());
//! let (proof, report) = Prover::<Fr>::new(budget).prove(&oracle)?;
//! println!("{} bytes in {:.3} s", proof.to_bytes().len(), report.seconds);
//!
//! Verifier::new(program, Input::empty()).verify::<Fr>(&proof)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `parallel`, on by default | threads, of a pool of the library's own; changes no result |
//! | `jit` | native code for the fast pass, on a 64-bit x86 Unix, with Rust 1.95; changes no result |
//! | `profile` | the module `profile`: where a guest's cycles go |
//! | `cli` | the module `cli`, and the binary `retrace`; and `profile` |

pub mod arch_test;
pub mod asm;
pub mod cancel;
pub mod check;
pub mod checkpoint;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod debug;
pub mod field;
mod file;
pub mod guest;
pub mod guide;
mod hex;
pub mod isa;
pub mod machine;
#[cfg(native)]
mod native;
pub mod oracle;
pub mod pages;
pub mod parallel;
#[cfg(feature = "profile")]
pub mod profile;
pub mod program;
pub mod proof;
pub mod replay;
pub mod sumcheck;

/// For the expansion of [`isa!`] alone.
#[doc(hidden)]
pub mod __private {
    pub use retrace_macros::isa;
}
