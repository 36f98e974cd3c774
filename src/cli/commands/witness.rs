//! `retrace witness`

use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;

use super::execution;
use crate::checkpoint::{Options, Stopped};
use crate::cli::arguments::{Common, Format, Witness};
use crate::cli::failure::{Done, Failure};
use crate::cli::{files, host, output};
use crate::guest::Guest;
use crate::isa::{ColumnId, ColumnSource, Isa, MAX_ROWS};
use crate::oracle::Chunk;
use crate::replay::{ReplayError, StreamingWitnessGenerator};

pub(in crate::cli) fn witness<I: Isa>(common: &Common, witness: &Witness) -> Done {
    let columns = columns::<I>(&witness.columns)?;
    let program = files::program::<I>(&witness.guest.elf)?;
    // Public columns say which row is the last: only then does the run have to go on behind the rows asked for.
    let public =
        columns.iter().any(|id| matches!(I::SPEC.columns[id.index()].source, ColumnSource::Public(_)));
    let max_cycles = witness.cycles.as_ref().filter(|_| !public).map_or(u64::MAX, |cycles| cycles.end);
    let hidden = indicatif::ProgressBar::hidden();
    let checkpoints = witness.checkpoints.as_deref();
    let options = Options { max_cycles, ..Options::default() };
    let (execution, cancel) = execution(&witness.guest, checkpoints, program, options, &hidden)?;
    let fault = match execution.stopped() {
        Stopped::Interrupted if witness.checkpoints.is_none() => return Err(Failure::interrupted()),
        Stopped::Trapped(fault) => Some(fault.to_string()),
        _ => None,
    };
    if let Some(fault) = fault.as_ref().filter(|_| !common.json) {
        output::note(&format!("note: the rows end where the guest faults: {fault}"));
    }
    if matches!(execution.stopped(), Stopped::Interrupted) && !common.json {
        output::note("note: the run in the file has not ended; its rows end where it was last written");
    }
    let cycles = witness.cycles.clone().unwrap_or(0..execution.cycles());
    let executed = execution.cycles();
    if cycles.end > executed {
        return Err(Failure::cycles(&cycles, executed));
    }
    let generator =
        StreamingWitnessGenerator::new(execution, files::pool(common)?).with_cancel(cancel.clone());

    let begun = Instant::now();
    let written = match (witness.format, &witness.output) {
        (Format::None, _) => regenerate(&generator, cycles.clone(), &columns),
        (format, Some(path)) => {
            let mut file = files::Whole::create(path)?;
            let written = write(&generator, cycles.clone(), &columns, format, &mut file);
            if written.is_ok() {
                file.finish()?;
            }
            written
        }
        (format, None) if common.json => write(&generator, cycles.clone(), &columns, format, &mut io::sink()),
        (format, None) => {
            let mut stdout = BufWriter::with_capacity(1 << 16, io::stdout());
            write(&generator, cycles.clone(), &columns, format, &mut stdout)
        }
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
            "rows": rows,
            "columns": columns.len(),
            "seconds": seconds,
            "rows_per_second": rows as f64 / seconds.max(1e-9),
            "peak_rss_bytes": host::peak_rss(),
            "fault": fault,
        }))?;
    } else if witness.format == Format::None {
        output::print(&format!(
            "regenerated {} rows of {} columns in {seconds:.3} s: {:.1} M rows/s\n",
            output::number(rows),
            columns.len(),
            rows as f64 / seconds.max(1e-9) / 1e6,
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn columns<I: Isa>(names: &[String]) -> Result<Vec<ColumnId>, Failure> {
    if names.is_empty() {
        return Ok((0..I::SPEC.stored).filter_map(|at| u16::try_from(at).ok()).map(ColumnId).collect());
    }
    let find = |name: &String| {
        I::SPEC.column(name).ok_or_else(|| {
            let known: Vec<&str> = I::SPEC.columns.iter().map(|column| column.name).collect();
            Failure::new("column", format!("there is no column `{name}`; there are {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

/// What rows can fail with; a sink's error is the visitor's.
type Written = Result<(), ReplayError<io::Error>>;

/// Writes rows, in order.
fn write<I: Isa, G: Guest>(
    generator: &StreamingWitnessGenerator<I, G>,
    cycles: Range<u64>,
    columns: &[ColumnId],
    format: Format,
    sink: &mut dyn Write,
) -> Written {
    let bar = output::progress("rows");
    let names: Vec<&str> = columns.iter().map(|id| I::SPEC.columns[id.index()].name).collect();
    let mut rows = Rows { sink, format, names, line: String::new() };
    rows.header().map_err(ReplayError::Visitor)?;
    let written = generator.for_each(cycles.clone(), columns, MAX_ROWS, |chunk| {
        bar.set_position(chunk.cycles.end - cycles.start);
        rows.chunk::<I>(chunk, columns)
    });
    bar.finish_and_clear();
    written?;
    rows.sink.flush().map_err(ReplayError::Visitor)
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

struct Rows<'a> {
    sink: &'a mut dyn Write,
    format: Format,
    names: Vec<&'a str>,
    line: String,
}

impl Rows<'_> {
    fn header(&mut self) -> io::Result<()> {
        match self.format {
            Format::Csv => writeln!(self.sink, "cycle,{}", self.names.join(",")),
            Format::Jsonl | Format::None => Ok(()),
        }
    }

    fn chunk<I: Isa>(&mut self, chunk: &Chunk<'_>, columns: &[ColumnId]) -> io::Result<()> {
        use std::fmt::Write as _;
        for (row, cycle) in chunk.cycles.clone().enumerate() {
            self.line.clear();
            let cells = chunk.columns.iter().zip(columns).zip(&self.names);
            let values =
                cells.map(|((cells, id), name)| (name, I::SPEC.columns[id.index()].value(cells[row])));
            // Writing to a string cannot fail.
            let _ = match self.format {
                Format::Jsonl => write!(self.line, "{{\"cycle\":{cycle}"),
                Format::Csv | Format::None => write!(self.line, "{cycle}"),
            };
            for (name, value) in values {
                let _ = match self.format {
                    Format::Jsonl => write!(self.line, ",\"{name}\":{value}"),
                    Format::Csv | Format::None => write!(self.line, ",{value}"),
                };
            }
            self.line.push_str(if self.format == Format::Jsonl { "}\n" } else { "\n" });
            self.sink.write_all(self.line.as_bytes())?;
        }
        Ok(())
    }
}
