//! The commands on programs, one a file.

mod check;
mod checkpoints;
mod completions;
mod debug;
mod disasm;
mod fault_report;
mod man;
mod profile;
mod prove;
mod report;
mod run;
mod trace;
mod verify;
mod witness;

pub(super) use check::check;
pub(super) use checkpoints::checkpoints;
pub(super) use completions::completions;
pub(super) use debug::debug;
pub(super) use disasm::disasm;
pub(super) use man::man;
pub(super) use profile::profile;
pub(super) use prove::prove;
pub(super) use report::report;
pub(super) use run::run;
pub(super) use trace::trace;
pub(super) use verify::verify;
pub(super) use witness::witness;

use core::ops::ControlFlow;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use indicatif::ProgressBar;

use super::arguments::Subject;
use super::failure::Failure;
use super::{files, interrupt, output};
use crate::cancel::Cancel;
use crate::checkpoint::{Execution, Options, Progress, Stopped, execute};
use crate::guest::Linux;
use crate::isa::Isa;
use crate::program::Program;
use crate::proof::Statement;

/// The execution that a command is about: the one in a checkpoint file, or a run with these options, shown by the
/// bar, which Ctrl-C ends; and the flag that Ctrl-C raises.
fn execution<I: Isa>(
    subject: &Subject,
    program: Arc<Program<I>>,
    options: Options<'_>,
    bar: &ProgressBar,
) -> Result<(Execution<I, Linux>, Cancel), Failure> {
    let Subject { guest, checkpoints, max_memory } = subject;
    if let Some(path) = checkpoints {
        return Ok((files::execution(path, program)?, interrupt::cancel()));
    }
    let input = files::input(guest)?;
    let cancel = interrupt::cancel();
    let pc = AtomicU32::new(0);
    let mut report = progress(&program, bar, cancel.clone(), &pc);
    let options = Options {
        arguments: files::arguments(guest),
        stack_size: guest.stack_size,
        max_memory: *max_memory,
        progress: Some(Progress(&mut report)),
        progress_pc: Some(&pc),
        ..options
    };
    let execution = execute(Arc::clone(&program), Linux::default(), input, options)?;
    match execution.stopped() {
        Stopped::Interrupted => Err(Failure::interrupted()),
        _ => Ok((execution, cancel)),
    }
}

/// What a run tells: the bar shows its cycles, and the function that it is in.
fn progress<I: Isa>(
    program: &Program<I>,
    bar: &ProgressBar,
    cancel: Cancel,
    pc: &AtomicU32,
) -> impl FnMut(u64) -> ControlFlow<()> {
    let message = bar.message();
    move |cycle| {
        bar.set_position(cycle);
        let function = program.symbols().nearest(pc.load(Ordering::Relaxed));
        if let Some(function) = function.filter(|_| !bar.is_hidden()) {
            bar.set_message(format!("{message}, in {}", function.name));
        }
        cancel.flow()
    }
}

/// What a statement is about, in words.
fn subject(statement: &Statement) -> String {
    let written = output::bytes(statement.exit.output.length);
    let cycles = statement.cycles();
    match statement.exit_code {
        Some(code) if statement.is_whole() => {
            format!("{}, exit code {code}, {written} of output", output::count(statement.rows(), "cycle"))
        }
        Some(code) => format!(
            "the last cycles of a run, {}..{}, exit code {code}, {written} of output",
            output::number(cycles.start),
            output::number(cycles.end)
        ),
        None => format!(
            "cycles {}..{} of a run that goes on, {written} of output by then",
            output::number(cycles.start),
            output::number(cycles.end)
        ),
    }
}
