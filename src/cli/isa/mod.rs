//! `retrace isa`: explains the instruction set of this binary, checks and proves specs, and makes pages of them.

mod check;
mod doc;
mod explain;
mod prove;

use std::path::Path;
use std::process::ExitCode;

use retrace_codegen::{Diagnostics, Model, Sources};
use serde_json::json;

pub(super) use check::check;
pub(super) use doc::doc;
pub(super) use explain::explain;

use super::arguments::Common;
use super::failure::{Done, Failure};
use super::output;
use crate::isa::IN_TREE;

/// The checked spec in a file, or of an in-tree name; what it extends is found likewise.
fn compile(spec: &str) -> Result<Model, Diagnostics> {
    let mut sources = Sources::default();
    for (name, text) in IN_TREE {
        sources.add_builtin(name, text);
    }
    retrace_codegen::compile(&mut sources, spec)
}

/// A spec whose path cannot be a name in its diagnostics.
fn not_utf8(spec: &Path) -> Failure {
    Failure::new("file", format!("{}: the path of a spec must be UTF-8; rename it", spec.display()))
}

/// Reports a spec with errors, of which nothing can be made.
fn refuse(common: &Common, errors: &Diagnostics) -> Done {
    if common.json {
        let messages: Vec<&str> = errors.errors().iter().map(|error| error.message.as_str()).collect();
        let error = json!({ "kind": "spec", "message": errors.to_string(), "errors": messages });
        output::object(&json!({ "ok": false, "error": error }))?;
    } else {
        output::diagnostics(errors);
    }
    Ok(ExitCode::from(1))
}
