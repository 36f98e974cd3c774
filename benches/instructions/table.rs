//! The table in the repository: read, written, compared with.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::counts::Line;

/// How far a figure may be from the table's, as a part of it.
///
/// One compiler makes the same code of the same source, and libc's choice among its copies of `memcpy` is fixed
/// (`passes.rs`). What another machine can still change is the libc's version, and what Cranelift and BLAKE3 choose by the
/// processor that valgrind shows: a small part of any count. (With libc free to choose, what is interpreted, native or
/// compiled moved by at most 0.7 %; columns and proofs clear memory, and moved by far more.) A change elsewhere in the library moves what the
/// compiler inlines by as much. Small changes add up, since all are compared with the same table.
const TOLERANCE: f64 = 0.02;

const UPDATE: &str = "RETRACE_BENCH=update cargo bench --bench instructions --features jit";

/// The table of the repository.
#[derive(Default)]
pub(crate) struct Table {
    made_with: String,
    /// By guest and pass.
    each: BTreeMap<(String, String), f64>,
}

impl Table {
    fn each(&self, line: &Line) -> Option<f64> {
        self.each.get(&(line.guest.to_owned(), line.pass.to_owned())).copied()
    }
}

/// Empty if there is none.
pub(crate) fn read() -> Table {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    let made_with = text.lines().find(|line| line.starts_with(MADE_WITH)).unwrap_or_default().to_owned();
    let each = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        let &[guest, pass, _, each, _] = cells.as_slice() else { return None };
        Some(((guest.to_owned(), pass.to_owned()), each.parse().ok()?))
    });
    Table { made_with, each: each.collect() }
}

pub(crate) fn write(lines: &[Line]) {
    let mut text = format!(
        "# Machine instructions a guest instruction\n\n\
         Counted by valgrind, on one thread; loading is not counted. A cycle is an instruction of the guest, and a row of its witness. \
         Written by\n\n    {UPDATE}\n\n\
         and compared with by the same command without the variable, as in `.ci/run`. [docs/performance.md](../../docs/performance.md) says what \
         the lines are.\n\n\
         {}\n\n\
         | guest | pass | of | machine instructions each |\n|---|---|---|---|\n",
        made_with()
    );
    for line in lines {
        let each = show(line.each());
        let _ = writeln!(text, "| {} | {} | {} {} | {each} |", line.guest, line.pass, line.count, line.unit);
    }
    std::fs::write(path(), text).unwrap_or_else(|error| panic!("{}: {error}", path().display()));
    println!("\n{} is written", path().display());
}

/// Every line, with its whole count, and how far it is from the table.
pub(crate) fn print(lines: &[Line], old: &Table) {
    println!("| guest | pass | of | machine instructions | each | in the table | change |");
    println!("|---|---|---|---|---|---|---|");
    for line in lines {
        let before = old.each(line);
        println!(
            "| {} | {} | {} {} | {} | {} | {} | {} |",
            line.guest,
            line.pass,
            line.count,
            line.unit,
            line.machine_instructions,
            show(line.each()),
            before.map_or_else(|| "–".to_owned(), show),
            before.map_or_else(|| "–".to_owned(), |before| percent(line.each(), before)),
        );
    }
}

/// Success if every line is as the table has it, or if that was made by another compiler.
pub(crate) fn compare(lines: &[Line], old: &Table) -> ExitCode {
    let mut moved = Vec::new();
    for line in lines {
        let (guest, pass, unit) = (line.guest, line.pass, line.unit.trim_end_matches('s'));
        match old.each(line) {
            None => moved.push(format!("{guest}, {pass}: not in the table")),
            Some(before) if (line.each() / before - 1.0).abs() > TOLERANCE => moved.push(format!(
                "{guest}, {pass}: {} machine instructions a {unit}, and the table has {} ({})",
                show(line.each()),
                show(before),
                percent(line.each(), before)
            )),
            Some(_) => {}
        }
    }
    let counted = |(guest, pass): &(String, String)| {
        lines.iter().any(|line| line.guest == guest.as_str() && line.pass == pass.as_str())
    };
    let gone = old.each.keys().filter(|key| !counted(key));
    moved
        .extend(gone.map(|(guest, pass)| format!("{guest}, {pass}: in the table, and not counted any more")));
    println!();
    if moved.is_empty() {
        println!("every line is within {:.0} % of the table", TOLERANCE * 100.0);
        return ExitCode::SUCCESS;
    }
    println!("{} lines are not within {:.0} % of the table:", moved.len(), TOLERANCE * 100.0);
    for line in moved {
        println!("    {line}");
    }
    if old.made_with != made_with() && !old.made_with.is_empty() {
        println!(
            "The compiler is another than the table's, so this is no failure:\n    {}\n    now: {}",
            old.made_with,
            made_with()
        );
        return ExitCode::SUCCESS;
    }
    println!("If that is meant, write the table anew and commit it with the change:\n    {UPDATE}");
    ExitCode::FAILURE
}

const MADE_WITH: &str = "Made with ";

/// The compiler's version and host.
fn made_with() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap_or_else(|error| panic!("rustc: {error}"));
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    format!("{MADE_WITH}{} for {host}.", text.lines().next().unwrap_or_default())
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/table.md")
}

/// Three decimals, of thousands none.
fn show(each: f64) -> String {
    let digits = if each < 1000.0 { 3 } else { 0 };
    format!("{each:.digits$}")
}

fn percent(now: f64, before: f64) -> String {
    format!("{:+.2} %", (now / before - 1.0) * 100.0)
}
