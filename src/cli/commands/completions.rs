//! `retrace completions`

use std::process::ExitCode;

use clap::CommandFactory;
use serde_json::json;

use crate::cli::arguments::{Arguments, Common, Completions};
use crate::cli::failure::Done;
use crate::cli::output;

pub(in crate::cli) fn completions(common: &Common, completions: &Completions) -> Done {
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut command, name, &mut script);
    let script = String::from_utf8_lossy(&script);
    if common.json {
        let shell = completions.shell.to_string();
        output::object(&json!({ "ok": true, "shell": shell, "script": script }))?;
    } else {
        output::print(&script)?;
    }
    Ok(ExitCode::SUCCESS)
}
