//! `retrace run`

use core::sync::atomic::AtomicU32;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use super::fault_report::Report;
use super::progress;
use crate::arch_test::{ArchTest, ArchTestError};
use crate::checkpoint::{ExecuteError, Execution, FileOptions, Options, Progress, Resume, Stopped, execute};
use crate::cli::arguments::{Common, Guest, Run};
use crate::cli::failure::{BROKEN_PIPE, Done, Failure};
use crate::cli::files::{self, Elf};
use crate::cli::{host, interrupt, output, shell};
use crate::guest::{Input, Linux};
use crate::hex::hex;
use crate::isa::{Isa, Word};
use crate::machine::RunError;

pub(in crate::cli) fn run<I: Isa>(common: &Common, run: &Run, elf: Elf) -> Done {
    let (program, elf) = elf.into_program_and_bytes::<I>()?;
    let test = run.signature.as_ref().map(|path| Ok::<_, ArchTestError>((ArchTest::new(&program)?, path)));
    let test = test.transpose()?;
    let resume = run.resume.as_deref().map(|path| resume(path, &run.guest)).transpose()?;
    // A resumed run has its input in the file.
    let input = if resume.is_some() { Input::empty() } else { files::input(&run.guest)? };
    let cancel = interrupt::cancel();
    // As a shell's redirection would do it: the file holds what the guest has put out so far, whatever ends the run.
    let written = resume.as_ref().map(Resume::output_length);
    let stopped = resume.as_ref().and_then(Resume::stopped);
    let already_ended = stopped.is_some_and(|stopped| stopped.is_final());
    let output = files::guest_output(common, run.output.as_deref(), written)?;
    let quiet = common.json || run.output.is_some();
    let bar = if quiet { output::progress("cycles") } else { indicatif::ProgressBar::hidden() };
    let pc = AtomicU32::new(0);
    let mut report = progress(&program, &bar, cancel, &pc);
    let options = Options {
        arguments: files::arguments(&run.guest),
        stack_size: run.guest.stack_size,
        max_memory: run.max_memory,
        output,
        file: run.checkpoints.as_ref().map(FileOptions::new),
        max_cycles: run.max_cycles,
        executor: run.executor.into(),
        until_stored: test.as_ref().map(|(test, _)| test.tohost()),
        progress: Some(Progress(&mut report)),
        progress_pc: Some(&pc),
        ..Options::default()
    };
    let executed = match resume {
        Some(resume) => resume.run(Arc::clone(&program), options),
        None => execute(Arc::clone(&program), Linux::default(), input, options),
    };
    bar.finish_and_clear();
    if let Err(ExecuteError::Host(RunError::Output(error))) = &executed
        && error.kind() == io::ErrorKind::BrokenPipe
        && run.output.is_none()
    {
        // Whoever read the output has seen enough, and the guest did not end.
        return Ok(ExitCode::from(BROKEN_PIPE));
    }
    let execution: Execution<I, Linux> = executed.map_err(|error| match (&error, run.checkpoint_file()) {
        (ExecuteError::File(error), Some(path)) => Failure::checkpoint_file(path, error),
        _ => error.into(),
    })?;
    let ended = match (test, execution.stopped()) {
        (Some((test, path)), _) => end_test(&test, &execution, path),
        (None, &Stopped::Exited(code)) => Ok(code),
        (None, stopped) => Err(unfinished(stopped, run)),
    };
    let execution = Arc::new(execution);
    let report = execution.fault();
    let report = report.map(|fault| Report::new(&execution, fault, &elf, common.isa.as_deref(), run));
    if common.json {
        print(&execution, &ended, already_ended, report.as_ref())?;
        return Ok(ended.map_or_else(|failure| failure.exit_code(), exit_code));
    }
    if already_ended {
        output::note(&already_ended_note(&execution));
    }
    match (ended, report) {
        (Err(failure), Some(report)) => {
            let exit = failure.report(false);
            output::note(report.to_text().trim_end());
            Ok(exit)
        }
        (ended, _) => ended.map(exit_code),
    }
}

/// Opens the file of a run to go on with. What is given of its arguments and its input must be what it had.
fn resume(path: &Path, guest: &Guest) -> Result<Resume, Failure> {
    let failure = |error| Failure::checkpoint_file(path, &error);
    let mut resume = Resume::open(FileOptions::new(path)).map_err(failure)?;
    if !guest.arguments.is_empty() || guest.arg0.is_some() {
        resume = resume.with_arguments(&files::arguments(guest)).map_err(failure)?;
    }
    if guest.input.is_some() || guest.private_input.is_some() {
        let input = files::named_input(guest, &resume.input())?;
        resume = resume.with_input(input).map_err(failure)?;
    }
    Ok(resume)
}

/// A run that did not end by itself.
fn unfinished(stopped: &Stopped, run: &Run) -> Failure {
    let failure = Failure::stopped(stopped);
    match (stopped, run.checkpoint_file()) {
        (Stopped::Interrupted | Stopped::CycleLimit | Stopped::MemoryLimit { .. }, Some(path)) => failure
            .but(&format!(
                "`retrace run ELF --resume {}` goes on",
                shell::quoted(&path.display().to_string())
            )),
        _ => failure,
    }
}

/// Said of a run that was to go on, and had ended.
fn already_ended_note<I: Isa>(execution: &Execution<I, Linux>) -> String {
    let how = match execution.exit_code() {
        Some(code) => format!("with exit code {code}"),
        None => "by a fault".to_owned(),
    };
    format!(
        "note: the run in the file has ended {how}, after {} and {} of output: nothing is left to execute",
        output::count(execution.cycles(), "cycle"),
        output::count(execution.output().length, "byte")
    )
}

/// Gives an architecture test's exit code, and writes its signature.
fn end_test<I: Isa>(test: &ArchTest, execution: &Execution<I, Linux>, path: &Path) -> Result<Word, Failure> {
    let code = test.exit_code(execution)?;
    files::write_whole_with(path, |file| test.write_signature(execution.exit(), file))?;
    Ok(code)
}

/// The low byte of the guest's exit code, as a shell sees it.
fn exit_code(code: Word) -> ExitCode {
    ExitCode::from(code.to_le_bytes()[0])
}

fn print<I: Isa>(
    execution: &Execution<I, Linux>,
    ended: &Result<Word, Failure>,
    already_ended: bool,
    report: Option<&Report>,
) -> Result<(), Failure> {
    let (cycles, seconds) = (execution.cycles(), execution.seconds());
    let (summary, compiled) = (execution.output(), execution.native_code());
    let mut object = json!({
        "ok": ended.is_ok(),
        "isa": I::SPEC.name,
        "stopped": execution.stopped().kind(),
        "already_ended": already_ended,
        "exit_code": ended.as_ref().ok().copied().or(execution.exit_code()),
        "cycles": cycles,
        "seconds": seconds,
        "mhz": cycles as f64 / seconds.max(1e-9) / 1e6,
        "executor": if compiled.is_some() { "native" } else { "interpreter" },
        "compiled": compiled.map(|compiled| json!({
            "regions": compiled.regions,
            "instructions": compiled.instructions,
            "bytes": compiled.bytes,
            "seconds": compiled.time.as_secs_f64(),
        })),
        "checkpoints": execution.checkpoints().len(),
        "memory_words": execution.memory_words(),
        "input_bytes": execution.input().length(),
        "private_input_bytes": execution.input().private().length(),
        "output_bytes": summary.length,
        "output_hash": hex(&summary.hash),
        "peak_rss_bytes": host::peak_rss(),
    });
    if let Err(failure) = ended {
        object["error"] = failure.to_json();
    }
    if let Some(fault) = execution.fault() {
        object["error"]["word"] = json!(fault.word);
        object["error"]["mnemonic"] = json!(fault.mnemonic);
        object["error"]["symbol"] = json!(fault.symbol);
        if let Some(report) = report {
            report.add_to(&mut object["error"]);
        }
    }
    output::object(&object)?;
    Ok(())
}
