//! The command line, as a library: `retrace::cli::main::<I>()` is the whole of a binary for any instruction set.
//!
//! Exit codes: `run` ends with the guest's exit code; a guest's fault gives 126, a failure of retrace itself 125, a
//! proof that is refused or a spec with errors 1, a mistake in the arguments 2, everything else 0.

mod arguments;
mod commands;
mod failure;
mod files;
mod host;
mod isa;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::isa::Isa;
use arguments::{Arguments, Command, IsaCommand};

/// Runs the command line of an instruction set, with its guests on the Linux-like interface.
pub fn main<I: Isa>() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return output::usage(&error),
    };
    let common = arguments.common;
    let done = match arguments.command {
        Command::Run(run) => commands::run::<I>(&common, &run),
        Command::Witness(witness) => commands::witness::<I>(&common, &witness),
        Command::Prove(prove) => commands::prove::<I>(&common, &prove),
        Command::Verify(verify) => commands::verify::<I>(&common, &verify),
        Command::Disasm(disasm) => commands::disasm::<I>(&common, &disasm),
        Command::Isa { command: IsaCommand::Explain { what } } => isa::explain::<I>(&common, &what),
        Command::Isa { command: IsaCommand::Check { files } } => isa::check(&common, &files),
    };
    done.unwrap_or_else(|failure| failure.report(common.json))
}
