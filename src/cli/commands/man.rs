//! `retrace man`

use std::path::Path;
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_mangen::Man as Page;
use serde_json::json;

use crate::cli::arguments::{Arguments, Common, Man};
use crate::cli::failure::{Done, Failure};
use crate::cli::{files, output};

pub(in crate::cli) fn man(common: &Common, man: &Man) -> Done {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = &man.output else {
        let page = render(command)?;
        if common.json {
            output::object(&json!({ "ok": true, "page": page, "files": [] }))?;
        } else {
            output::print(&page)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    files::create_folder(folder)?;
    let mut written = Vec::new();
    write(folder, command, &mut written)?;
    if common.json {
        output::object(&json!({ "ok": true, "files": written }))?;
    } else {
        output::print(&format!("{} in {}\n", output::count(written.len() as u64, "page"), folder.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the page of a command, and then those of the commands in it.
fn write(folder: &Path, command: Command, written: &mut Vec<String>) -> Result<(), Failure> {
    let inner: Vec<Command> = command.get_subcommands().cloned().collect();
    let path = folder.join(page(command.clone()).get_filename());
    files::write_whole(&path, render(command)?.as_bytes())?;
    written.push(path.display().to_string());
    inner.into_iter().try_for_each(|command| write(folder, command, written))
}

fn page(command: Command) -> Page {
    Page::new(command).source(concat!("retrace ", env!("CARGO_PKG_VERSION"))).manual("retrace")
}

/// The sections that clap knows, and the examples as they are, where it would fill lines.
fn render(command: Command) -> Result<String, Failure> {
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let commands = command.has_subcommands();
    let page = page(command);
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if commands {
        page.render_subcommands_section(&mut text)?;
    }
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if let Some(lines) = examples.strip_prefix("Examples:\n") {
        // A backslash and a dash are not themselves in roff; no line begins with a dot.
        let lines = lines.replace('\\', "\\e").replace('-', "\\-");
        text += &format!(".SH EXAMPLES\n.nf\n{lines}\n.fi\n");
    }
    Ok(text)
}
