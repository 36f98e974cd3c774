//! `retrace run`

use std::io;
use std::ops::ControlFlow;
use std::process::ExitCode;

use serde_json::json;

use crate::checkpoint::{Execution, Options, Progress, Stopped, execute};
use crate::cli::arguments::{Common, Run};
use crate::cli::failure::{Done, FAILURE, FAULT, Failure};
use crate::cli::{files, host, output};
use crate::guest::{Linux, Output};
use crate::isa::Isa;

pub(in crate::cli) fn run<I: Isa>(common: &Common, run: &Run) -> Done {
    let program = files::program::<I>(&run.guest.elf)?;
    let sink: Box<dyn io::Write + Send> = match &run.output {
        Some(path) => Box::new(files::create(path)?),
        None if common.json => Box::new(io::sink()),
        None => Box::new(io::stdout()),
    };
    let quiet = common.json || run.output.is_some();
    let bar = if quiet { output::progress("cycles") } else { indicatif::ProgressBar::hidden() };
    let mut report = |cycle| {
        bar.set_position(cycle);
        ControlFlow::Continue(())
    };
    let options = Options {
        arguments: files::arguments(&run.guest),
        output: Output::new(sink, Box::new(io::stderr())),
        max_cycles: run.max_cycles,
        progress: Some(Progress(&mut report)),
        ..Options::default()
    };
    let executed = execute(program, Linux::default(), files::input(&run.guest)?, options);
    bar.finish_and_clear();
    let execution = executed?;
    if common.json {
        print(&execution)?;
        return Ok(exit_code(execution.stopped()));
    }
    match execution.stopped() {
        Stopped::Exited(_) => Ok(exit_code(execution.stopped())),
        stopped => Err(Failure::stopped(stopped)),
    }
}

/// The low byte of the guest's exit code, as a shell sees it.
fn exit_code(stopped: &Stopped) -> ExitCode {
    match stopped {
        Stopped::Exited(code) => ExitCode::from(code.to_le_bytes()[0]),
        Stopped::Trapped(_) => ExitCode::from(FAULT),
        Stopped::CycleLimit | Stopped::Interrupted => ExitCode::from(FAILURE),
    }
}

fn print<I: Isa>(execution: &Execution<I, Linux>) -> Result<(), Failure> {
    let stopped = match execution.stopped() {
        Stopped::Exited(_) => "exited",
        Stopped::CycleLimit => "cycle_limit",
        Stopped::Interrupted => "interrupted",
        Stopped::Trapped(_) => "faulted",
    };
    let (cycles, seconds) = (execution.cycles(), execution.seconds());
    let summary = execution.output();
    let hash: String = summary.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut object = json!({
        "ok": execution.exit_code().is_some(),
        "stopped": stopped,
        "exit_code": execution.exit_code(),
        "cycles": cycles,
        "seconds": seconds,
        "mhz": cycles as f64 / seconds.max(1e-9) / 1e6,
        "checkpoints": execution.checkpoints().len(),
        "memory_words": execution.memory_words(),
        "input_bytes": execution.input().length(),
        "output_bytes": summary.length,
        "output_hash": hash,
        "peak_rss_bytes": host::peak_rss(),
    });
    match execution.stopped() {
        Stopped::Exited(_) => {}
        Stopped::Trapped(fault) => {
            object["error"] = json!({
                "kind": "guest_fault",
                "message": fault.to_string(),
                "cycle": fault.cycle,
                "pc": fault.pc,
                "word": fault.word,
                "mnemonic": fault.mnemonic,
                "symbol": fault.symbol,
            });
        }
        stopped => object["error"] = Failure::stopped(stopped).to_json(),
    }
    output::object(&object)?;
    Ok(())
}
