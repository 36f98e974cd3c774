//! `retrace isa doc`: a reference page of a spec.
//!
//! ```text
//! spec ──compile──▶ Model ──content──▶ Page ──html, markdown──▶ text
//! ```

mod content;
mod diagram;
mod html;
mod markdown;
mod opcodes;
mod page;
mod row;
mod units;

use std::path::Path;
use std::process::ExitCode;

use retrace_codegen::Model;
use serde_json::json;

use super::{compile, not_utf8};
use crate::cli::arguments::{Common, Doc, PageFormat};
use crate::cli::failure::{Done, Failure};
use crate::cli::{files, output};
use crate::hex::hex;
use crate::isa::{IN_TREE, Isa};

pub(in crate::cli) fn doc<I: Isa>(common: &Common, doc: &Doc) -> Done {
    let model = match &doc.spec {
        Some(spec) => match compile(spec.to_str().ok_or_else(|| not_utf8(spec))?) {
            Ok(model) => model,
            Err(errors) => return super::refuse(common, &errors),
        },
        None => own::<I>()?,
    };
    let format = doc.format.unwrap_or_else(|| format_of(doc.output.as_deref()));
    let page = content::page(&model);
    let text = match format {
        PageFormat::Html => html::write(&page),
        PageFormat::Markdown => markdown::write(&page),
    };
    match &doc.output {
        Some(path) => files::write_whole(path, text.as_bytes())?,
        None if common.json => {}
        None => output::print(&text)?,
    }
    if common.json {
        let mut object = json!({
            "ok": true,
            "isa": model.name,
            "fingerprint": fingerprint(&model),
            "format": format_name(format),
            "bytes": text.len(),
            "instructions": model.instructions.len(),
            "columns": model.columns.len(),
            "constraints": model.constraints.len(),
            "output": doc.output.as_ref().map(|path| path.display().to_string()),
        });
        if doc.output.is_none() {
            object["page"] = text.into();
        }
        output::object(&object)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The spec of this binary's instruction set, if it is in-tree: the text of another is not in the binary.
fn own<I: Isa>() -> Result<Model, Failure> {
    let name = I::SPEC.name;
    let in_tree = IN_TREE.iter().any(|(known, _)| *known == name);
    // A crate of someone else's may have given its spec the name of an in-tree one.
    let model = in_tree.then(|| compile(name).ok()).flatten();
    model.filter(|model| model.fingerprint == I::SPEC.fingerprint.0).ok_or_else(|| {
        Failure::new(
            "isa",
            format!("`{name}` is no in-tree spec: give the file that isa! names, as in `isa doc FILE.toml`"),
        )
    })
}

fn format_of(output: Option<&Path>) -> PageFormat {
    let extension = output.and_then(Path::extension);
    match extension {
        Some(extension) if extension.eq_ignore_ascii_case("html") => PageFormat::Html,
        _ => PageFormat::Markdown,
    }
}

const fn format_name(format: PageFormat) -> &'static str {
    match format {
        PageFormat::Html => "html",
        PageFormat::Markdown => "markdown",
    }
}

fn fingerprint(model: &Model) -> String {
    hex(&model.fingerprint)
}
