//! Rows as text: comma-separated values, or JSON objects, a line each.

use std::io::{self, Write};

use super::Rows;
use crate::isa::Column;
use crate::oracle::Chunk;

pub(super) struct TextRows<'a> {
    sink: &'a mut (dyn Write + Send),
    columns: Vec<&'a Column>,
    json: bool,
    line: String,
}

impl<'a> TextRows<'a> {
    /// Writes the line of names.
    pub(super) fn csv(sink: &'a mut (dyn Write + Send), columns: Vec<&'a Column>) -> io::Result<Self> {
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        writeln!(sink, "cycle,{}", names.join(","))?;
        Ok(Self { sink, columns, json: false, line: String::new() })
    }

    pub(super) fn jsonl(sink: &'a mut (dyn Write + Send), columns: Vec<&'a Column>) -> Self {
        Self { sink, columns, json: true, line: String::new() }
    }
}

impl Rows for TextRows<'_> {
    fn chunk(&mut self, chunk: &Chunk<'_>) -> io::Result<()> {
        use std::fmt::Write as _;
        for (row, cycle) in chunk.cycles.clone().enumerate() {
            self.line.clear();
            // Writing to a string cannot fail.
            let _ = if self.json {
                write!(self.line, "{{\"cycle\":{cycle}")
            } else {
                write!(self.line, "{cycle}")
            };
            for (cells, column) in chunk.columns.iter().zip(&self.columns) {
                let value = column.value(cells[row]);
                let _ = if self.json {
                    write!(self.line, ",\"{}\":{value}", column.name)
                } else {
                    write!(self.line, ",{value}")
                };
            }
            self.line.push_str(if self.json { "}\n" } else { "\n" });
            self.sink.write_all(self.line.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
