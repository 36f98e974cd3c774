//! `retrace witness`

mod parquet;
mod text;

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;

use super::execution;
use crate::checkpoint::{Options, Stopped, UnknownCycles};
use crate::cli::arguments::{Common, Format, Witness};
use crate::cli::failure::{Done, Failure};
use crate::cli::files::{self, Elf};
use crate::cli::{host, output};
use crate::guest::Guest;
use crate::hex::hex;
use crate::isa::{Column, ColumnId, ColumnSource, Isa, MAX_ROWS};
use crate::oracle::Chunk;
use crate::replay::{ReplayError, StreamingWitnessGenerator};

pub(in crate::cli) fn witness<I: Isa>(common: &Common, witness: &Witness, elf: Elf) -> Done {
    let columns = columns::<I>(&witness.columns)?;
    let format = witness.format.unwrap_or_else(|| format_of(witness.output.as_deref()));
    if format == Format::Parquet && witness.output.is_none() && !common.json && io::stdout().is_terminal() {
        let message =
            "Parquet is nothing for a terminal: give a file (-o FILE.parquet), or pipe it to a program";
        return Err(Failure::new("format", message));
    }
    let program = elf.into_program::<I>()?;
    // Public columns say which row is the last: only then does the run have to go on behind the rows asked for.
    let public = columns.iter().any(|(_, column)| matches!(column.source, ColumnSource::Public(_)));
    let max_cycles = witness.cycles.as_ref().filter(|_| !public).map_or(u64::MAX, |cycles| cycles.end);
    let hidden = indicatif::ProgressBar::hidden();
    let options = Options { max_cycles, ..Options::default() };
    let (execution, cancel) = execution(&witness.subject, program, options, &hidden)?;
    let fault = execution.fault().map(ToString::to_string);
    if let Some(fault) = fault.as_ref().filter(|_| !common.json) {
        output::note(&format!("note: the rows end where the guest faults: {fault}"));
    }
    if matches!(execution.stopped(), Stopped::Interrupted) && !common.json {
        output::note("note: the run in the file has not ended; its rows end where it was last written");
    }
    let cycles = witness.cycles.clone().unwrap_or(0..execution.cycles());
    let executed = execution.cycles();
    UnknownCycles::check(&cycles, executed)?;
    // The run may have been left where the rows end, and then no one knows how long it is.
    let total = execution.stopped().is_final() || matches!(execution.stopped(), Stopped::Stored(_));
    let about = About {
        program: hex(execution.program().hash().as_ref()),
        cycles: cycles.clone(),
        total: total.then_some(executed),
    };
    let generator =
        StreamingWitnessGenerator::new(execution, files::pool(common)?).with_cancel(cancel.clone());

    let begun = Instant::now();
    let write = |sink: &mut (dyn Write + Send)| write(&generator, &about, &columns, format, sink);
    let written = match format {
        Format::None => {
            let ids: Vec<ColumnId> = columns.iter().map(|(id, _)| *id).collect();
            regenerate(&generator, cycles.clone(), &ids)
        }
        _ => files::write_stream(common, witness.output.as_deref(), write)?,
    };
    match written {
        // Whoever read the rows has seen enough.
        Err(ReplayError::Visitor(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(ExitCode::SUCCESS);
        }
        Err(ReplayError::Cancelled) => return Err(Failure::interrupted()),
        written => written.map_err(|error| Failure::new("witness", error.to_string()))?,
    }
    let seconds = begun.elapsed().as_secs_f64();
    let rows = cycles.end - cycles.start;
    if common.json {
        output::object(&json!({
            "ok": true,
            "isa": I::SPEC.name,
            "fingerprint": I::SPEC.fingerprint.to_string(),
            "program": about.program,
            "first_cycle": cycles.start,
            "rows": rows,
            "total_cycles": about.total,
            "columns": columns.len(),
            "format": format_name(format),
            "seconds": seconds,
            "rows_per_second": rows as f64 / seconds.max(1e-9),
            "peak_rss_bytes": host::peak_rss(),
            "fault": fault,
        }))?;
    } else if format == Format::None {
        output::print(&format!(
            "regenerated {} rows of {} columns in {seconds:.3} s: {:.1} M rows/s, ISA {}\n",
            output::number(rows),
            columns.len(),
            rows as f64 / seconds.max(1e-9) / 1e6,
            I::SPEC.name,
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The columns of these names, or of the units of these names, with the names that they are asked for by; without any, those
/// that the spec declares and all cells.
fn columns<I: Isa>(names: &[String]) -> Result<Vec<(ColumnId, Column)>, Failure> {
    let spec = I::SPEC;
    let own = |id: ColumnId| (id, spec.columns[id.index()]);
    if names.is_empty() {
        let all = (0..spec.stored as u16).map(ColumnId).map(own);
        return Ok(all.filter(|(_, column)| column.source != ColumnSource::Code).collect());
    }
    if let Some((_, name)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        return Err(Failure::new("column", format!("column `{name}` is named twice; name it once")));
    }
    let mut columns: Vec<(ColumnId, Column)> = Vec::new();
    for name in names {
        let cells = || {
            let units = I::UNITS.units.iter();
            let all = units.flat_map(|unit| unit.cells.iter().map(move |cell| (unit.name, cell)));
            let named = all.filter(|(unit, cell)| unit == name || cell.name == name);
            let named =
                named.map(|(_, cell)| (cell.column, Column { name: cell.name, ..own(cell.column).1 }));
            named.collect::<Vec<_>>()
        };
        let found = spec.column(name).map_or_else(cells, |id| vec![own(id)]);
        if found.is_empty() {
            let known: Vec<&str> = spec.columns.iter().map(|column| column.name).collect();
            let units: Vec<&str> = I::UNITS.units.iter().map(|unit| unit.name).collect();
            let message = format!(
                "there is no column `{name}`; there are {}, and the units {}",
                known.join(", "),
                units.join(", ")
            );
            return Err(Failure::new("column", message));
        }
        let known: Vec<ColumnId> = columns.iter().map(|(id, _)| *id).collect();
        columns.extend(found.into_iter().filter(|(id, _)| !known.contains(id)));
    }
    Ok(columns)
}

/// By the output's name; comma-separated values without one.
fn format_of(output: Option<&Path>) -> Format {
    let extension = output.and_then(Path::extension).and_then(OsStr::to_str).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "jsonl" | "ndjson" => Format::Jsonl,
        "parquet" => Format::Parquet,
        _ => Format::Csv,
    }
}

const fn format_name(format: Format) -> &'static str {
    match format {
        Format::Csv => "csv",
        Format::Jsonl => "jsonl",
        Format::Parquet => "parquet",
        Format::None => "none",
    }
}

/// What rows are of.
struct About {
    /// The program's hash.
    program: String,
    cycles: Range<u64>,
    /// T, if the run was followed to its end.
    total: Option<u64>,
}

/// Takes rows in order, a chunk at a time, and writes them.
trait Rows {
    fn chunk(&mut self, chunk: &Chunk<'_>) -> io::Result<()>;

    /// Writes what is left.
    fn finish(&mut self) -> io::Result<()>;
}

/// What rows can fail with; a sink's error is the visitor's.
type Written = Result<(), ReplayError<io::Error>>;

/// Writes rows, in order.
fn write<I: Isa, G: Guest>(
    generator: &StreamingWitnessGenerator<I, G>,
    about: &About,
    columns: &[(ColumnId, Column)],
    format: Format,
    sink: &mut (dyn Write + Send),
) -> Written {
    let bar = output::progress("rows");
    let (columns, described): (Vec<ColumnId>, Vec<&Column>) =
        columns.iter().map(|(id, column)| (*id, column)).unzip();
    let rows: io::Result<Box<dyn Rows + '_>> = match format {
        Format::Parquet => parquet::ParquetRows::new(sink, I::SPEC, about, &described)
            .map(|rows| Box::new(rows) as Box<dyn Rows>),
        Format::Jsonl => Ok(Box::new(text::TextRows::jsonl(sink, described))),
        Format::Csv | Format::None => {
            text::TextRows::csv(sink, described).map(|rows| Box::new(rows) as Box<dyn Rows>)
        }
    };
    let mut rows = rows.map_err(ReplayError::Visitor)?;
    let cycles = about.cycles.clone();
    let written = generator.for_each(cycles.clone(), &columns, MAX_ROWS, |chunk| {
        bar.set_position(chunk.cycles.end - cycles.start);
        rows.chunk(chunk)
    });
    bar.finish_and_clear();
    written?;
    rows.finish().map_err(ReplayError::Visitor)
}

/// Regenerates rows on all threads, and looks at none of them.
fn regenerate<I: Isa, G: Guest>(
    generator: &StreamingWitnessGenerator<I, G>,
    cycles: Range<u64>,
    columns: &[ColumnId],
) -> Written {
    let visit = |(): &mut (), chunk: &Chunk<'_>| {
        std::hint::black_box(chunk.columns);
        Ok(())
    };
    generator.reduce(cycles, columns, MAX_ROWS, || (), visit, |(), ()| ())
}
