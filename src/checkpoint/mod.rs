//! Checkpoints: machine states that replay starts from, and the one fast pass that takes them.
//!
//! In: a program, its arguments and its input. Out: an [`Execution`], which holds at most 2M checkpoints, how the run
//! ended, and what the statement of a proof needs: T, digests of the first and the last state, hashes of input and
//! output.

mod execution;
mod file;
mod manager;
mod run;

pub use crate::machine::Checkpoint;
pub use execution::{Execution, Stopped};
pub use file::{CheckpointFile, CheckpointFileError, Entry, FileOptions, FileStopped};
pub use manager::{CheckpointManager, Policy};
pub use run::{ExecuteError, Options, Progress, Resume, execute};
