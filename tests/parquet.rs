//! `retrace witness --format parquet`: the rows that CSV has, read back by the crate's own reader and by pyarrow, which is
//! Apache's implementation in C++. Where pyarrow is not installed (CONTRIBUTING.md says where it is looked for), the crate's
//! reader is all there is to compare with.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::guest_path;
use parquet::file::metadata::FileMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

fn retrace(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
    let output = command.args(arguments).stdin(Stdio::null()).output().expect("the binary starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn temporary(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("parquet");
    fs::create_dir_all(&folder).expect("it can be made");
    folder.join(name).display().to_string()
}

fn elf(name: &str) -> String {
    guest_path(name).display().to_string()
}

/// The file as lines of comma-separated values.
fn lines(reader: &SerializedFileReader<File>) -> Vec<String> {
    let names: Vec<String> = reader
        .metadata()
        .file_metadata()
        .schema_descr()
        .columns()
        .iter()
        .map(|c| c.name().to_owned())
        .collect();
    let rows = reader.get_row_iter(None).expect("it has rows").map(|row| {
        let row = row.expect("it can be read");
        row.get_column_iter().map(|(_, cell)| cell.to_string()).collect::<Vec<_>>().join(",")
    });
    std::iter::once(names.join(",")).chain(rows).collect()
}

fn value<'a>(metadata: &'a FileMetaData, key: &str) -> Option<&'a str> {
    let pairs = metadata.key_value_metadata().expect("there is some");
    pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_deref())
}

/// What is asked of `witness`, and how many cycles the run has if it is followed to its end.
const CASES: [(&str, &[&str], Option<&str>); 5] = [
    ("tiny", &[], Some("53")),
    ("tiny", &["--columns", "last,pc,add.c,exit", "--cycles", "3..50"], Some("53")),
    ("tiny", &["--columns", "word", "--cycles", "7..7"], None),
    ("tiny", &["--isa", "rv32im_zbb", "--cycles", "0..53"], Some("53")),
    // More than one row group, and the last one not whole.
    ("alu", &["20000", "--columns", "pc,rd_after,add.z0", "--cycles", "1000..150001"], None),
];

fn write_cases() -> Vec<(String, String)> {
    let write = |(at, (guest, arguments, _)): (usize, &(&str, &[&str], Option<&str>))| {
        let (csv, parquet) = (temporary(&format!("{at}.csv")), temporary(&format!("{at}.parquet")));
        for path in [&csv, &parquet] {
            retrace(&[&["witness", &elf(guest)], *arguments, &["-o", path]].concat());
        }
        (csv, parquet)
    };
    CASES.iter().enumerate().map(write).collect()
}

#[test]
fn the_rows_are_those_of_csv() {
    for ((csv, parquet), (guest, arguments, total)) in write_cases().iter().zip(CASES) {
        let csv = fs::read_to_string(csv).expect("it was written");
        let reader =
            SerializedFileReader::new(File::open(parquet).expect("it was written")).expect("it is whole");
        assert!(lines(&reader).iter().eq(csv.lines()), "{guest} {arguments:?}");

        let metadata = reader.metadata().file_metadata();
        let isa = if arguments.contains(&"--isa") { arguments[1] } else { "rv32i" };
        let explained = retrace(&["isa", "explain", "--json", "--isa", isa]).stdout;
        let explained: Value = serde_json::from_slice(&explained).expect("it is JSON");
        assert_eq!(value(metadata, "retrace.isa"), Some(isa));
        assert_eq!(value(metadata, "retrace.fingerprint"), explained["fingerprint"].as_str());
        let program = blake3::hash(&fs::read(guest_path(guest)).expect("it is there")).to_string();
        assert_eq!(value(metadata, "retrace.program"), Some(&*program));
        let cycles = arguments.iter().position(|argument| *argument == "--cycles");
        assert_eq!(value(metadata, "retrace.cycles"), Some(cycles.map_or("0..53", |at| arguments[at + 1])));
        assert_eq!(value(metadata, "retrace.total_cycles"), total);
        let columns = value(metadata, "retrace.columns").expect("it is there");
        let columns: Value = serde_json::from_str(columns).expect("it is JSON");
        let names = csv.lines().next().expect("a line of names").split(',').skip(1);
        for name in names {
            assert!(
                columns[name]["doc"].is_string() && columns[name]["max"].is_number(),
                "{name}: {columns}"
            );
        }
    }
    let groups = |at: usize| {
        let file = File::open(temporary(&format!("{at}.parquet"))).expect("it was written");
        SerializedFileReader::new(file).expect("it is whole").num_row_groups()
    };
    // 149,001 rows in groups of 2^16; no rows.
    assert_eq!((groups(4), groups(2)), (3, 0));
}

/// Compares a Parquet file with a CSV file, value by value, and prints the types and the metadata.
const COMPARE: &str = r#"
import csv, json, sys
import pyarrow.parquet
file = pyarrow.parquet.ParquetFile(sys.argv[1])
table = file.read()
with open(sys.argv[2]) as text:
    names, *rows = csv.reader(text)
assert table.column_names == names, table.column_names
assert [list(map(str, row)) for row in zip(*(column.to_pylist() for column in table.columns))] == rows
metadata = {key.decode(): value.decode() for key, value in file.metadata.metadata.items() if key.startswith(b"retrace.")}
print(json.dumps({"types": {field.name: str(field.type) for field in table.schema}, "metadata": metadata}))
"#;

/// A Python that has pyarrow: of the virtual environment that CONTRIBUTING.md names, or the system's.
fn python() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python/bin/python3");
    [own, PathBuf::from("python3")].into_iter().find(|python| {
        let tried = Command::new(python).args(["-c", "import pyarrow.parquet"]).output();
        tried.is_ok_and(|output| output.status.success())
    })
}

#[test]
fn pyarrow_reads_the_same() {
    let Some(python) = python() else {
        eprintln!("pyarrow is not installed: it read nothing");
        return;
    };
    for (at, (csv, parquet)) in write_cases().iter().enumerate() {
        let output = Command::new(&python).args(["-c", COMPARE, parquet, csv]).output().expect("it starts");
        assert!(output.status.success(), "{:?}: {}", CASES[at], String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        let reader =
            SerializedFileReader::new(File::open(parquet).expect("it was written")).expect("it is whole");
        let metadata = reader.metadata().file_metadata();
        for key in
            ["retrace.version", "retrace.isa", "retrace.fingerprint", "retrace.program", "retrace.cycles"]
        {
            assert_eq!(told["metadata"][key].as_str(), value(metadata, key), "{key}");
        }
        let types = &told["types"];
        assert_eq!(types["cycle"], "int64");
        // A bit, an address: the narrowest that holds the range class.
        if at == 1 {
            let expected = [("last", "uint8"), ("add.c", "uint8"), ("exit", "uint8"), ("pc", "uint32")];
            assert!(expected.iter().all(|(name, kind)| types[name] == *kind), "{types}");
        }
    }
}

#[test]
fn a_pipe_takes_it_and_may_end_it() {
    let file = temporary("pipe.parquet");
    let arguments = ["witness", &elf("sieve"), "100", "--cycles", "0..1000"];
    retrace(&[&arguments[..], &["-o", &file]].concat());
    let piped = retrace(&[&arguments[..], &["--format", "parquet"]].concat()).stdout;
    assert_eq!(piped, fs::read(&file).expect("it was written"));

    let command = format!(
        "'{}' witness '{}' 100000 --format parquet </dev/null | head -c 100 | wc -c; echo ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_retrace"),
        elf("alu")
    );
    let output = Command::new("bash").args(["-c", &command]).output().expect("bash is installed");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "100\n0\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_column_is_asked_for_once() {
    let output = Command::new(env!("CARGO_BIN_EXE_retrace"))
        .args(["witness", &elf("tiny"), "--columns", "pc,exit,pc"])
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("column `pc` is named twice"));
}
