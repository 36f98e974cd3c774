//! `retrace profile`

mod tables;

use std::io;
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::execution;
use crate::cancel::Cancel;
use crate::checkpoint::{Execution, Options, Stopped, UnknownCycles};
use crate::cli::arguments::{Common, Profile, Subject, Table};
use crate::cli::failure::{Done, Failure};
use crate::cli::files::{self, Elf};
use crate::cli::{host, output};
use crate::guest::Linux;
use crate::isa::Isa;
use crate::profile::{CodeMap, Profile as Counts, profile as count};
use crate::replay::ReplayError;

/// A run, and where its cycles went.
pub(super) struct Counted<I: Isa> {
    pub(super) execution: Execution<I, Linux>,
    pub(super) profile: Counts<I>,
    pub(super) cancel: Cancel,
}

/// Runs the program, or takes the run in the checkpoint file, and counts these cycles, or all.
pub(super) fn count_cycles<I: Isa>(
    subject: &Subject,
    elf: Elf,
    cycles: Option<Range<u64>>,
    options: Options<'_>,
) -> Result<Counted<I>, Failure> {
    let (program, elf) = elf.into_program_and_bytes::<I>()?;
    let map = CodeMap::from_elf(&program, &elf);
    drop(elf);

    let bar = output::progress("cycles");
    let max_cycles = cycles.as_ref().map_or(u64::MAX, |cycles| cycles.end);
    let options = Options { max_cycles, ..options };
    let (execution, cancel) = execution(subject, program, options, &bar)?;
    let cycles = cycles.unwrap_or(0..execution.cycles());
    UnknownCycles::check(&cycles, execution.cycles())?;
    bar.set_position(0);
    let counted = count(&execution, map, cycles, &cancel, |cycle| bar.set_position(cycle));
    bar.finish_and_clear();
    let profile = counted.map_err(|error| match error {
        ReplayError::Cancelled => Failure::interrupted(),
        error => Failure::new("profile", error.to_string()),
    })?;
    Ok(Counted { execution, profile, cancel })
}

pub(in crate::cli) fn profile<I: Isa>(common: &Common, profile: &Profile, elf: Elf) -> Done {
    let counted = count_cycles::<I>(&profile.subject, elf, profile.cycles.clone(), Options::default())?;
    let Counted { execution, profile: counts, .. } = counted;
    let fault = execution.fault().map(ToString::to_string);

    write_files(profile, &counts)?;
    if common.json {
        let mut object = tables::to_json(&counts, &profile.by, profile.top);
        object["ok"] = Value::Bool(true);
        object["isa"] = json!(I::SPEC.name);
        object["exit_code"] = json!(execution.exit_code());
        object["fault"] = json!(fault);
        object["peak_rss_bytes"] = json!(host::peak_rss());
        output::object(&object)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(fault) = fault {
        output::note(&format!("note: the profile ends where the guest faults: {fault}"));
    }
    if matches!(execution.stopped(), Stopped::Interrupted) {
        output::note("note: the run in the file has not ended; its profile ends where it was last written");
    }
    tables::notes(&counts).iter().for_each(|note| output::note(note));
    output::print(&tables::to_text(&counts, &profile.by, profile.top))?;
    Ok(ExitCode::SUCCESS)
}

/// Tables without `--by`.
const DEFAULT: [Table; 2] = [Table::Region, Table::Function];

fn write_files<I: Isa>(profile: &Profile, counts: &Counts<I>) -> Result<(), Failure> {
    let name = profile.subject.guest.elf.file_name().unwrap_or_default().to_string_lossy();
    let cycles = counts.cycles();
    let title = if cycles.start == 0 {
        format!("{name}: {}", output::count(counts.total(), "cycle"))
    } else {
        format!("{name}: cycles {}..{}", output::number(cycles.start), output::number(cycles.end))
    };
    let write = |path: &Option<_>, write: &dyn Fn(&mut dyn io::Write) -> io::Result<()>| match path {
        Some(path) => files::write_whole_with(AsRef::<Path>::as_ref(path), write),
        None => Ok(()),
    };
    write(&profile.folded, &|file| counts.write_folded(file))?;
    write(&profile.flamegraph, &|file| counts.write_flamegraph(&title, file))?;
    write(&profile.firefox, &|file| counts.write_firefox(&name, file))
}
