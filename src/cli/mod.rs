//! The command line, as a library: `retrace::cli::main::<I>()` is the whole of a binary for any instruction set, and
//! [`main_of`] of one for several. Behind the feature `cli`.
//!
//! Exit codes: `run` ends with the guest's exit code; a guest's fault gives 126, a failure of retrace itself 125, a
//! proof or checkpoint file that is refused or a spec with errors 1, a mistake in the arguments 2, Ctrl-C 130, everything else 0.

mod arguments;
mod commands;
mod examples;
mod failure;
mod files;
mod host;
mod interrupt;
mod isa;
mod mistaken;
mod output;
mod shell;

use std::process::ExitCode;

use clap::Parser;

use crate::isa::{Isa, Spec};
use crate::program::{architecture, closest_isa};
use arguments::{Arguments, Command, IsaCommand};
use failure::{Done, Failure};

/// An instruction set that a binary knows.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    spec: &'static Spec,
    run: fn(Arguments) -> Done,
}

impl Entry {
    /// The entry of an instruction set.
    pub const fn of<I: Isa>() -> Self {
        Self { spec: I::SPEC, run: command::<I> }
    }
}

/// Runs the command line of an instruction set, with its guests on the Linux-like interface.
pub fn main<I: Isa>() -> ExitCode {
    main_of(&[Entry::of::<I>()])
}

/// Runs the command line of several instruction sets: `--isa` chooses among them by name; else it is the one closest to
/// what the ELF file says that it was built for, as [`closest_isa`] has it; else the first.
pub fn main_of(isas: &[Entry]) -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return output::usage(&error),
    };
    if let Err(wrong) = output::log() {
        output::note(&wrong);
        return ExitCode::from(2);
    }
    let json = arguments.common.json;
    let (read, written) = arguments.command.files();
    let apart = files::keep_apart(&read, &written);
    let done = apart.and_then(|()| choose(isas, &arguments)).and_then(|entry| (entry.run)(arguments));
    done.unwrap_or_else(|failure| failure.report(json))
}

fn choose(isas: &[Entry], arguments: &Arguments) -> Result<Entry, Failure> {
    let known = || isas.iter().map(|entry| entry.spec.name).collect::<Vec<_>>().join(", ");
    let named = |name: &str| isas.iter().find(|entry| entry.spec.name == name).copied();
    if let Some(name) = &arguments.common.isa {
        return named(name).ok_or_else(|| {
            Failure::new("isa", format!("there is no ISA `{name}` here; there are: {}", known()))
        });
    }
    // Where there is a choice the file is read for it. One that cannot be read is reported by the command that reads it;
    // a pipe can be read only once, and that is for the command.
    let asked = arguments.command.elf().filter(|path| isas.len() > 1 && path.is_file());
    let elf = asked.and_then(|path| files::elf(path).ok());
    let built_for = elf.and_then(|elf| architecture(&elf));
    // A set that lacks what the file names may do: a word that it does not know is an error when it is executed.
    let names = isas.iter().map(|entry| entry.spec.name);
    let closest = built_for.and_then(|name| closest_isa(&name, names)).unwrap_or_default();
    let chosen = isas.get(closest).copied();
    chosen.ok_or_else(|| Failure::new("isa", "this binary has no ISA"))
}

fn command<I: Isa>(arguments: Arguments) -> Done {
    let common = arguments.common;
    match arguments.command {
        Command::Run(run) => commands::run::<I>(&common, &run),
        Command::Witness(witness) => commands::witness::<I>(&common, &witness),
        Command::Trace(trace) => commands::trace::<I>(&common, &trace),
        Command::Debug(debug) => commands::debug::<I>(&common, &debug),
        Command::Profile(profile) => commands::profile::<I>(&common, &profile),
        Command::Report(report) => commands::report::<I>(&common, &report),
        Command::Prove(prove) => commands::prove::<I>(&common, &prove),
        Command::Verify(verify) => commands::verify::<I>(&common, &verify),
        Command::Checkpoints(checkpoints) => commands::checkpoints(&common, &checkpoints),
        Command::Disasm(disasm) => commands::disasm::<I>(&common, &disasm),
        Command::Completions(completions) => commands::completions(&common, &completions),
        Command::Man(man) => commands::man(&common, &man),
        Command::Isa { command: IsaCommand::Explain { what } } => isa::explain::<I>(&common, &what),
        Command::Isa { command: IsaCommand::Check { specs } } => isa::check(&common, &specs),
        Command::Isa { command: IsaCommand::Doc(doc) } => isa::doc::<I>(&common, &doc),
    }
}
