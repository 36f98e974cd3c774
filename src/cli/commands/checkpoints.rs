//! `retrace checkpoints`

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::json;

use crate::checkpoint::{CheckpointFile, CheckpointFileError, Entry, Stopped};
use crate::cli::arguments::{Checkpoints, Common};
use crate::cli::failure::{Done, Failure};
use crate::cli::output;
use crate::hex::hex;

pub(in crate::cli) fn checkpoints(common: &Common, arguments: &Checkpoints) -> Done {
    let path = &arguments.file;
    let refuse = |error: CheckpointFileError| match error {
        CheckpointFileError::Io { .. } => Failure::checkpoint_file(path, &error),
        error => Failure::refused_file(path, &error),
    };
    let file = CheckpointFile::open(path).map_err(refuse)?;
    let pages = file.verify().map_err(refuse)?;
    let entries = file.entries().collect::<Result<Vec<Entry>, _>>().map_err(refuse)?;
    if common.json {
        output::object(&as_json(&file, pages, &entries))?;
    } else {
        output::print(&as_text(&file, pages, &entries))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(file: &CheckpointFile, pages: u64, entries: &[Entry]) -> serde_json::Value {
    let (isa, fingerprint) = file.isa();
    let (input, input_bytes) = file.input();
    let entries = entries.iter().map(|entry| {
        json!({
            "cycle": entry.cycle,
            "pc": entry.pc,
            "pages": entry.pages,
        })
    });
    let (stopped, code) = stopped(file.stopped());
    json!({
        "ok": true,
        "isa": isa,
        "fingerprint": fingerprint.to_string(),
        "program": hex(&file.program()),
        "guest_interface": file.guest(),
        "input_bytes": input_bytes,
        "input_hash": hex(&input),
        "private_input_bytes": file.private_input_length(),
        "output_bytes": file.output_length(),
        "cycles": file.cycles(),
        "stopped": stopped,
        "exit_code": code,
        "interval": file.interval(),
        "file_bytes": file.length(),
        "pages": pages,
        "checkpoints": entries.collect::<Vec<_>>(),
    })
}

fn as_text(file: &CheckpointFile, pages: u64, entries: &[Entry]) -> String {
    let (isa, fingerprint) = file.isa();
    let (input, input_bytes) = file.input();
    let (how, code) = stopped(file.stopped());
    let how = match code {
        Some(code) => format!("{how} with {code}"),
        None => how.replace('_', " "),
    };
    let private = match file.private_input_length() {
        0 => String::new(),
        length => format!(
            "private   {} of a second input, which this file has as they are\n",
            output::count(length, "byte")
        ),
    };
    let mut text = format!(
        "spec      {isa} {fingerprint}\nprogram   {}\ninterface {}\ninput     {} {}\n{}output    {}\nrun       {} at cycle {}\n\n",
        hex(&file.program()),
        file.guest(),
        output::count(input_bytes, "byte"),
        hex(&input),
        private,
        output::count(file.output_length(), "byte"),
        how,
        output::number(file.cycles()),
    );
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:>20} {:>10} {:>9}", "cycle", "pc", "pages");
    for entry in entries {
        let (cycle, pages) = (output::number(entry.cycle), output::number(entry.pages));
        let _ = writeln!(text, "{cycle:>20} {:#010x} {pages:>9}", entry.pc);
    }
    let _ = writeln!(
        text,
        "\n{}, every {} cycles; {} in {}, all of them whole",
        output::count(entries.len() as u64, "checkpoint"),
        output::number(file.interval()),
        output::count(pages, "different page"),
        output::bytes(file.length()),
    );
    text
}

/// How the run ended, in a word, and with what.
fn stopped(stopped: Option<Stopped<()>>) -> (&'static str, Option<u32>) {
    let Some(stopped) = stopped else { return ("unfinished", None) };
    let word = match stopped {
        Stopped::Exited(word) | Stopped::Stored(word) => Some(word),
        _ => None,
    };
    (stopped.kind(), word)
}
