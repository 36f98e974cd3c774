//! Checkpoints: machine states that replay starts from, and the one fast pass that takes them.
//!
//! In: a program, its arguments and its input. Out: an [`Execution`], which holds at most 2M checkpoints, how the run
//! ended, and what the statement of a proof needs: T, digests of the first and the last state, hashes of input and
//! output.
//!
//! # Example
//!
//! A run that leaves its checkpoints in a file; its rows from the file and the program alone:
//!
//! ```
//! use std::sync::Arc;
//!
//! use retrace::checkpoint::{CheckpointFile, FileOptions, Options, execute};
//! use retrace::guest::{Input, Linux};
//! use retrace::isa::Rv32i;
//! use retrace::parallel::Pool;
//! use retrace::program::Program;
//! use retrace::replay::StreamingWitnessGenerator;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let elf = std::fs::read("tests/guests/tiny.elf")?;
//! # let path = std::env::temp_dir().join(format!("retrace-example-{}", std::process::id()));
//! let program = Arc::new(Program::<Rv32i>::from_elf(&elf)?);
//! let options = Options { file: Some(FileOptions::new(&path)), ..Options::default() };
//! execute(program.clone(), Linux::default(), Input::empty(), options)?;
//!
//! let execution = CheckpointFile::open(&path)?.execution::<Rv32i, Linux>(program)?;
//! let row = StreamingWitnessGenerator::new(execution, Pool::serial()).witness_slice(20)?;
//! assert_eq!(row.cycle(), 20);
//! # std::fs::remove_file(path)?;
//! # Ok(())
//! # }
//! ```
//!
//! A run that was cut off goes on with [`Resume`].

mod execution;
mod file;
mod manager;
mod run;
mod stopped;

pub use crate::machine::{Checkpoint, Executor, NativeCode};
pub use execution::{Execution, UnknownCycles};
pub use file::{CheckpointFile, CheckpointFileError, Entry, FileOptions};
pub use manager::{CheckpointManager, Policy};
pub use run::{ExecuteError, MAX_MEMORY, Options, Progress, Resume, execute};
pub use stopped::Stopped;
