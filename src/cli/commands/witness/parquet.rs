//! Rows as Apache Parquet, which data frames read: pandas, Polars, DuckDB, Spark.
//!
//! One column a witness column, and `cycle`; none is nullable. Their types are the narrowest integers that hold the range
//! class, so that a bit is a number that can be summed. What the rows are of is in the file's key-value metadata.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type, TypePtr};
use serde_json::json;

use super::{About, Rows};
use crate::isa::{Column, MAX_ROWS, RangeClass, Spec};
use crate::oracle::Chunk;

/// The name of the column of cycles.
const CYCLE: &str = "cycle";

/// Fewer rows a group are not worth its dictionaries and its entry in the footer.
const MIN_GROUP: u64 = 1 << 16;

/// Holds a group of rows, and of each group written before its entry in the footer.
pub(super) struct ParquetRows<'a> {
    writer: SerializedFileWriter<&'a mut (dyn Write + Send)>,
    /// The cycles of the group in the making, and the cells, a list a column.
    cycles: Range<u64>,
    cells: Vec<Vec<i32>>,
    group: usize,
}

impl<'a> ParquetRows<'a> {
    pub(super) fn new(
        sink: &'a mut (dyn Write + Send),
        spec: &Spec,
        about: &About,
        columns: &[&Column],
    ) -> io::Result<Self> {
        let schema = schema(columns).map_err(into_io)?;
        let cycle = ColumnPath::from(CYCLE);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            // Consecutive numbers: next to nothing as differences.
            .set_column_dictionary_enabled(cycle.clone(), false)
            .set_column_encoding(cycle, Encoding::DELTA_BINARY_PACKED)
            .set_key_value_metadata(Some(metadata(spec, about, columns)))
            .build();
        let writer = SerializedFileWriter::new(sink, schema, Arc::new(properties)).map_err(into_io)?;
        let (start, rows) = (about.cycles.start, about.cycles.end - about.cycles.start);
        let cells = columns.iter().map(|_| Vec::new()).collect();
        Ok(Self { writer, cycles: start..start, cells, group: group(rows) })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        let mut cells = self.cells.iter_mut();
        let mut first = true;
        while let Some(mut column) = group.next_column()? {
            if std::mem::take(&mut first) {
                // Below 2^63, as a file of as many rows is far away.
                let cycles: Vec<i64> = self.cycles.clone().map(u64::cast_signed).collect();
                column.typed::<Int64Type>().write_batch(&cycles, None, None)?;
            } else if let Some(cells) = cells.next() {
                column.typed::<Int32Type>().write_batch(cells, None, None)?;
                cells.clear();
            }
            column.close()?;
        }
        group.close()?;
        self.cycles.start = self.cycles.end;
        Ok(())
    }
}

impl Rows for ParquetRows<'_> {
    fn chunk(&mut self, chunk: &Chunk<'_>) -> io::Result<()> {
        for (kept, cells) in self.cells.iter_mut().zip(chunk.columns) {
            kept.extend(cells.iter().map(|cell| cell.cast_signed()));
        }
        self.cycles.end = chunk.cycles.end;
        if self.cycles.end - self.cycles.start >= self.group as u64 {
            self.write_group().map_err(into_io)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if !self.cycles.is_empty() {
            self.write_group().map_err(into_io)?;
        }
        self.writer.finish().map(drop).map_err(into_io)
    }
}

/// How many rows a group has. A group is held until it is whole, four bytes a cell, and its entry in the footer until the
/// file is, some hundred bytes a column: with groups of O(√rows) both are O(√rows).
fn group(rows: u64) -> usize {
    let rows = (8 * rows.isqrt()).max(MIN_GROUP).next_multiple_of(MAX_ROWS as u64);
    usize::try_from(rows).unwrap_or(usize::MAX)
}

fn schema(columns: &[&Column]) -> Result<TypePtr, ParquetError> {
    let field = |name: &str, physical: Physical, logical: LogicalType| {
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(logical))
            .build()
            .map(Arc::new)
    };
    let mut fields = vec![field(CYCLE, Physical::INT64, LogicalType::integer(64, true))?];
    for column in columns {
        fields.push(field(column.name, Physical::INT32, integer(column.class))?);
    }
    Type::group_type_builder("rows").with_fields(fields).build().map(Arc::new)
}

/// The narrowest integer type that holds the class. A cell of less than 32 bits is that integer, so all are written alike.
fn integer(class: RangeClass) -> LogicalType {
    let (min, max) = class.bounds();
    let fits = |bits: i8| match min {
        0.. => max < 1 << bits,
        _ => min >= -(1 << (bits - 1)) && max < 1 << (bits - 1),
    };
    let bits = [8, 16].into_iter().find(|&bits| fits(bits)).unwrap_or(32);
    LogicalType::integer(bits, min < 0)
}

fn metadata(spec: &Spec, about: &About, columns: &[&Column]) -> Vec<KeyValue> {
    let described: serde_json::Map<String, serde_json::Value> = columns
        .iter()
        .map(|column| {
            let (min, max) = column.class.bounds();
            (column.name.to_owned(), json!({ "doc": column.doc, "min": min, "max": max }))
        })
        .collect();
    let mut pairs = vec![
        ("retrace.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("retrace.isa", spec.name.to_owned()),
        ("retrace.fingerprint", spec.fingerprint.to_string()),
        ("retrace.program", about.program.clone()),
        ("retrace.cycles", format!("{}..{}", about.cycles.start, about.cycles.end)),
        ("retrace.columns", serde_json::Value::from(described).to_string()),
    ];
    pairs.extend(about.total.map(|total| ("retrace.total_cycles", total.to_string())));
    pairs.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect()
}

/// The sink's own error, where there is one: a reader that went away is told by its kind.
fn into_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;
    use crate::isa::{ColumnSource, Isa, Rv32i, Word};

    /// Classes that no in-tree spec has, too.
    const CLASSES: [(RangeClass, i8, bool); 11] = [
        (RangeClass::Bit, 8, false),
        (RangeClass::Unsigned { bits: 8 }, 8, false),
        (RangeClass::Unsigned { bits: 9 }, 16, false),
        (RangeClass::Unsigned { bits: 16 }, 16, false),
        (RangeClass::Unsigned { bits: 32 }, 32, false),
        (RangeClass::Signed { bits: 8 }, 8, true),
        (RangeClass::Signed { bits: 32 }, 32, true),
        (RangeClass::Interval { min: -128, max: 127 }, 8, true),
        (RangeClass::Interval { min: -1, max: 128 }, 16, true),
        (RangeClass::Interval { min: -129, max: 0 }, 16, true),
        (RangeClass::Interval { min: 5, max: 65_536 }, 32, false),
    ];

    #[test]
    fn types_are_the_narrowest() {
        for (class, bits, signed) in CLASSES {
            assert_eq!(integer(class), LogicalType::integer(bits, signed), "{class:?}");
        }
    }

    #[test]
    fn the_ends_of_every_class_are_read_back() {
        let columns = CLASSES.map(|(class, ..)| Column {
            name: format!("{class:?}").leak(),
            doc: "",
            class,
            source: ColumnSource::Recorded,
        });
        let cells: Vec<[Word; 2]> = CLASSES
            .iter()
            .map(|(class, ..)| {
                let (min, max) = class.bounds();
                [min, max].map(|end| end as Word)
            })
            .collect();
        let mut bytes = Vec::new();
        let about = About { program: String::new(), cycles: 7..9, total: None };
        let mut rows = ParquetRows::new(&mut bytes, Rv32i::SPEC, &about, &columns.iter().collect::<Vec<_>>())
            .expect("a sink");
        let slices: Vec<&[Word]> = cells.iter().map(|cells| &cells[..]).collect();
        rows.chunk(&Chunk { cycles: 7..9, columns: &slices, entry: None }).expect("a sink");
        rows.finish().expect("a sink");
        drop(rows);

        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("it is whole");
        let read = reader.get_row_iter(None).expect("it has rows").map(|row| {
            let row = row.expect("it can be read");
            row.get_column_iter().map(|(_, cell)| cell.to_string()).collect::<Vec<_>>()
        });
        let end = |which: usize| {
            let bounds = CLASSES.iter().map(|(class, ..)| <[i64; 2]>::from(class.bounds())[which]);
            std::iter::once(7 + which as i64).chain(bounds).map(|value| value.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(read.collect::<Vec<_>>(), [end(0), end(1)]);
    }

    #[test]
    fn groups_and_their_number_grow_with_the_root() {
        for (rows, expected) in [(0, 1 << 16), (1 << 26, 1 << 16), (1 << 30, 1 << 18), (1 << 40, 1 << 23)] {
            assert_eq!(group(rows), expected);
        }
    }
}
