//! `retrace isa check`: all that is wrong with specs.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::compile;
use crate::cli::arguments::Common;
use crate::cli::failure::Done;
use crate::cli::output;

pub(in crate::cli) fn check(common: &Common, files: &[PathBuf]) -> Done {
    let mut reports = Vec::new();
    let mut failed = false;
    for file in files {
        match compile(&file.display().to_string()) {
            Ok(model) => {
                let columns = model.columns.len();
                let (instructions, constraints) = (model.instructions.len(), model.constraints.len());
                let legal = model.legal_words();
                reports.push(json!({
                    "file": file.display().to_string(),
                    "ok": true,
                    "instructions": instructions,
                    "columns": columns,
                    "constraints": constraints,
                    "legal_words": legal,
                }));
                if !common.json {
                    output::print(&format!(
                        "{}: {instructions} instructions, {columns} columns, {constraints} constraints; {} of 2^32 words \
                         are legal ({:.2} %)\n",
                        file.display(),
                        output::number(legal),
                        legal as f64 / 2f64.powi(32) * 100.0,
                    ))?;
                }
            }
            Err(errors) => {
                failed = true;
                let messages: Vec<&str> =
                    errors.errors().iter().map(|error| error.message.as_str()).collect();
                reports.push(json!({ "file": file.display().to_string(), "ok": false, "errors": messages }));
                if !common.json {
                    output::note(&errors.to_string());
                }
            }
        }
    }
    if common.json {
        output::object(&json!({ "ok": !failed, "files": reports }))?;
    }
    Ok(if failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
