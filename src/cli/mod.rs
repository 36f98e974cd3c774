//! The command line, as a library: `retrace::cli::main::<I>()` is the whole of a binary for any instruction set, and
//! [`main_of`] of one for several. Behind the feature `cli`.
//!
//! Exit codes: `run` ends with the guest's exit code; a guest's fault gives 126, a failure of retrace itself 125, a
//! proof or checkpoint file that is refused, a spec with errors or one that `--prove` does not prove 1, a mistake in the arguments 2,
//! Ctrl-C 130, everything else 0.

mod arguments;
mod commands;
mod examples;
mod failure;
mod files;
mod host;
mod inputs;
mod interrupt;
mod isa;
mod mistaken;
mod output;
mod shell;

use std::process::ExitCode;

use clap::Parser;

use crate::isa::Isa;
use crate::program::Candidate;
use arguments::{Arguments, Command, IsaCommand};
use failure::{Done, Failure};
use inputs::Inputs;

/// An instruction set that a binary knows.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    candidate: Candidate,
    run: fn(Arguments, Inputs) -> Done,
    /// The source line of an address.
    line: files::LineOf,
}

impl Entry {
    /// The entry of an instruction set.
    pub const fn of<I: Isa>() -> Self {
        Self { candidate: Candidate::of::<I>(), run: command::<I>, line: files::line_of::<I> }
    }

    const fn name(&self) -> &'static str {
        self.candidate.spec().name
    }
}

/// Runs the command line of an instruction set, with its guests on the Linux-like interface.
pub fn main<I: Isa>() -> ExitCode {
    main_of(&[Entry::of::<I>()])
}

/// Runs the command line of several instruction sets, listed from the smallest to the largest: each decodes what the one
/// before it decodes.
///
/// `--isa` chooses among them by name. Without it the choice is the one that a proof or checkpoint file names by its spec's
/// fingerprint; of an ELF file alone the smallest that decodes its code, as
/// [`ElfFile::choose_isa`](crate::program::ElfFile::choose_isa) has it; else the first.
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
    match prepare(isas, &arguments) {
        Err(failure) => failure.report(json),
        Ok((entry, inputs)) => {
            let about = inputs.elf.is_some().then(|| entry.name());
            (entry.run)(arguments, inputs).unwrap_or_else(|failure| failure.of_isa(about).report(json))
        }
    }
}

/// Reads what says which instruction set the command is about, and chooses that.
fn prepare(isas: &[Entry], arguments: &Arguments) -> Result<(Entry, Inputs), Failure> {
    let (read, written) = arguments.command.files();
    files::keep_apart(&read, &written)?;
    let named = arguments.common.isa.as_deref();
    let known = || isas.iter().map(Entry::name).collect::<Vec<_>>().join(", ");
    let find = |name: &str| {
        let entry = isas.iter().find(|entry| entry.name() == name);
        entry.copied().ok_or_else(|| {
            Failure::new("isa", format!("there is no ISA `{name}` here; there are: {}", known()))
        })
    };
    let asked = named.map(find).transpose()?;
    let inputs = Inputs::read(&arguments.command)?;
    Ok((inputs.choose(isas, asked, &arguments.command)?, inputs))
}

fn command<I: Isa>(arguments: Arguments, inputs: Inputs) -> Done {
    let common = arguments.common;
    let Inputs { elf, proofs } = inputs;
    // `Inputs::read` has read it for every command that has one.
    let elf = elf.ok_or_else(|| Failure::new("elf", "there is no program; give an ELF file"));
    match arguments.command {
        Command::Run(run) => commands::run::<I>(&common, &run, elf?),
        Command::Witness(witness) => commands::witness::<I>(&common, &witness, elf?),
        Command::Trace(trace) => commands::trace::<I>(&common, &trace, elf?),
        Command::Check(check) => commands::check::<I>(&common, &check, elf?),
        Command::Debug(debug) => commands::debug::<I>(&common, &debug, elf?),
        Command::Profile(profile) => commands::profile::<I>(&common, &profile, elf?),
        Command::Report(report) => commands::report::<I>(&common, &report, elf?, proofs),
        Command::Prove(prove) => commands::prove::<I>(&common, &prove, elf?),
        Command::Verify(verify) => commands::verify::<I>(&common, &verify, elf?, proofs),
        Command::Disasm(_) => commands::disasm::<I>(&common, elf?),
        Command::Checkpoints(checkpoints) => commands::checkpoints(&common, &checkpoints),
        Command::Completions(completions) => commands::completions(&common, &completions),
        Command::Man(man) => commands::man(&common, &man),
        Command::Isa { command: IsaCommand::Explain { what } } => isa::explain::<I>(&common, &what),
        Command::Isa { command: IsaCommand::Check(check) } => isa::check(&common, &check),
        Command::Isa { command: IsaCommand::Doc(doc) } => isa::doc::<I>(&common, &doc),
    }
}
