//! Standard output and standard error: the only place that writes to them.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use retrace_codegen::Diagnostics;
use serde_json::Value;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;

/// Writes to standard output; a reader that went away is no error.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints one JSON object.
pub(super) fn object(value: &Value) -> io::Result<()> {
    print(&format!("{value}\n"))
}

/// Tells people something, on standard error.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Tells people what is wrong with a spec; in colour where that is wanted.
pub(super) fn diagnostics(errors: &Diagnostics) {
    note(&if colour() { errors.styled() } else { errors.to_string() });
}

/// Has the library's logs written to standard error, a line each with the seconds since the start, if the environment's
/// RETRACE_LOG says which: a level, or several `TARGET=LEVEL` with commas between them. Gives what is wrong with it.
pub(super) fn log() -> Result<(), String> {
    let Some(asked) = std::env::var_os("RETRACE_LOG").filter(|asked| !asked.is_empty()) else {
        return Ok(());
    };
    let asked = asked.to_string_lossy();
    let targets: Targets = asked.parse().map_err(|error| {
        format!(
            "error: RETRACE_LOG is `{asked}`: {error}; say debug or trace, or for a part retrace::checkpoint=trace"
        )
    })?;
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(false).with_timer(fmt::time::uptime());
    // An application that has a subscriber of its own keeps it.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines).with(targets));
    Ok(())
}

/// Whether standard error is a terminal that shows colours, and NO_COLOR does not forbid them (no-color.org).
fn colour() -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    terminal() && !forbidden
}

/// Whether standard error is a terminal that can do more than print lines.
fn terminal() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// Help and version go to standard output with exit code 0, mistakes to standard error with 2.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// A line that shows that long work goes on: on standard error, and on a terminal only.
pub(super) fn progress(what: &'static str) -> ProgressBar {
    // A bar and lines of a log would overwrite each other.
    if !terminal() || tracing::dispatcher::has_been_set() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    // Nothing of it is left either where a command fails.
    let bar = bar.with_finish(ProgressFinish::AndClear);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed} {human_pos} {per_sec}") {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Lets the line show how much of a total is done, and when all will be.
pub(super) fn measure(bar: &ProgressBar, total: u64) {
    bar.set_length(total);
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} {msg} {elapsed} {bar:30} {percent}%, {eta} left")
    {
        bar.set_style(style);
    }
}

/// Bytes in a unit that people read.
pub(super) fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// A number with separators.
pub(super) fn number(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

/// A number and what it counts.
pub(super) fn count(number: u64, what: &str) -> String {
    format!(
        "{} {what}{}",
        self::number(number),
        if number == 1 {
            ""
        } else if what.ends_with('s') {
            "es"
        } else {
            "s"
        }
    )
}
