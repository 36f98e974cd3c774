//! `cargo bench --bench replay`: what executing, checkpoints, replay and queries cost, as the tables of docs/performance.md.
//!
//! What is compared is measured in turn, round after round. `RETRACE_BENCH=long` adds a run of 2^30
//! cycles. Figures of space come from processes of their own.

#![allow(clippy::panic, clippy::print_stdout, missing_docs)]

mod guests;
#[path = "../common/run.rs"]
mod run;
mod space;
mod speed;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == space::CHILD) {
        return space::child(&arguments[at + 1..]);
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{threads} threads\n");
    speed::run();
    speed::replay(threads);
    speed::cells();
    speed::query();
    space::flat();
    space::checkpoints();
    if std::env::var_os("RETRACE_BENCH").is_some_and(|mode| mode == "long") {
        space::long();
    }
}
