//! `cargo bench --bench instructions --features jit`: how many machine instructions the library takes for each
//! instruction of a guest, compared with `table.md` beside this file.
//!
//! ```text
//!     passes ──gungraun──▶ valgrind: one process a pass and guest ──▶ counts ──▶ table
//! ```
//!
//! Counts have next to no noise, so a change shows that no clock would. Whoever means one writes the table anew, with
//! `RETRACE_BENCH=update`, and its diff says what the change costs. Needs valgrind, and the binary gungraun-runner of
//! gungraun's version.

#![allow(clippy::panic, clippy::print_stdout, missing_docs, unreachable_pub)]

mod counts;
mod guests;
mod passes;
#[path = "../common/run.rs"]
mod run;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    if passes::asked_for() {
        passes::run();
        return ExitCode::SUCCESS;
    }
    let lines = counts::lines();
    let old = table::read();
    table::print(&lines, &old);
    if std::env::var_os("RETRACE_BENCH").is_some_and(|mode| mode == "update") {
        table::write(&lines);
        return ExitCode::SUCCESS;
    }
    table::compare(&lines, &old)
}
