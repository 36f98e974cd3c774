//! Checkpoint files on the command line: a run that is killed or interrupted goes on, and rows come from the file alone.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

const GUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests");

/// A folder of its own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("checkpoint-file").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("it can be made");
    folder
}

fn elf(name: &str) -> String {
    format!("{GUESTS}/{name}.elf")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("it is text")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn retrace(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the binary runs")
}

fn json(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|problem| panic!("{problem}: {error}"))
}

/// A JSON text of some 27 MB, whose formatting takes a few seconds, and what its formatting gives: both put together from
/// a short text and its formatting.
fn long_text() -> (String, String) {
    let sample = fs::read_to_string(format!("{GUESTS}/inputs/sample.json")).expect("it is in the repository");
    let short = retrace(&["run", &elf("jsonfmt"), "--input", &format!("{GUESTS}/inputs/sample.json")]);
    let short = String::from_utf8(short.stdout).expect("it is text");
    let list = |text: &str| format!("[{}]", vec![text.trim_end(); 20_000].join(","));
    (list(&sample), format!("{}\n", list(&short)))
}

/// Once killed, once interrupted, and then to its end: each time on from where the file says, with nothing but the file
/// and the program.
#[test]
fn a_run_that_is_killed_goes_on() {
    let folder = folder("killed");
    let (input, file, output) = (folder.join("input"), folder.join("checkpoints"), folder.join("output"));
    let (text, expected) = long_text();
    fs::write(&input, text).expect("it can be written");
    let guest = elf("jsonfmt");
    let begin =
        ["run", &guest, "--input", path(&input), "--checkpoints", path(&file), "--output", path(&output)];
    let resume = ["run", &guest, "--resume", path(&file), "--output", path(&output), "--json"];

    // The interpreter takes seconds, and is killed and interrupted meanwhile; native code goes on from where it was.
    let interpreted = ["--executor", "interpreter"];
    let mut first = command(&[&begin[..], &interpreted].concat()).spawn().expect("the binary starts");
    std::thread::sleep(Duration::from_millis(1700));
    first.kill().expect("it can be killed");
    let _ = first.wait();
    let killed = json(&retrace(&["checkpoints", path(&file), "--json"]));
    assert_eq!((&killed["stopped"], &killed["ok"]), (&"unfinished".into(), &true.into()));
    let reached = killed["cycles"].as_u64().expect("it is a number");
    assert!(reached > 0, "something was written within the time");
    let rows = retrace(&["witness", &guest, "--checkpoints", path(&file), "--cycles", "5..7"]);
    assert_eq!(String::from_utf8_lossy(&rows.stdout).lines().count(), 3);
    assert!(String::from_utf8_lossy(&rows.stderr).contains("has not ended"));
    let proof = folder.join("proof");
    let early = retrace(&["prove", &guest, "--checkpoints", path(&file), "-o", path(&proof)]);
    assert!(String::from_utf8_lossy(&early.stderr).contains("has not ended: resume it first"));
    fs::remove_file(&input).expect("it is there");

    let second = command(&[&resume[..], &interpreted].concat()).spawn().expect("the binary starts");
    std::thread::sleep(Duration::from_millis(600));
    let interrupt = format!("kill -INT {}", second.id());
    Command::new("sh").args(["-c", &interrupt]).status().expect("there is a shell");
    let second = json(&second.wait_with_output().expect("it ends"));
    assert_eq!(second["stopped"], "interrupted");
    assert!(second["cycles"].as_u64() > Some(reached));

    let last = json(&retrace(&resume));
    assert_eq!(last["already_ended"], false);
    assert_eq!((&last["stopped"], &last["exit_code"]), (&"exited".into(), &0.into()));
    assert_eq!(last["output_hash"], blake3::hash(expected.as_bytes()).to_string());
    assert!(fs::read(&output).expect("it was written") == expected.as_bytes(), "the output is whole");
    let ended = json(&retrace(&["checkpoints", path(&file), "--json"]));
    assert_eq!((&ended["stopped"], &ended["cycles"]), (&"exited".into(), &last["cycles"]));
    let left: Vec<_> = fs::read_dir(&folder).expect("it is there").collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn rows_come_from_the_file_alone() {
    let folder = folder("rows");
    let (file, copy) = (folder.join("checkpoints"), folder.join("copy"));
    let (guest, input) = (elf("sha256"), format!("{GUESTS}/inputs/two-blocks.txt"));
    let run = retrace(&["run", &guest, "--input", &input, "--checkpoints", path(&file)]);
    assert_eq!(run.status.code(), Some(0));
    let rows = ["witness", &guest, "--cycles", "9000..9100"];
    let from_run = retrace(&[&rows[..], &["--input", &input]].concat());
    let from_file = retrace(&[&rows[..], &["--checkpoints", path(&file)]].concat());
    assert_eq!(String::from_utf8_lossy(&from_file.stderr), "");
    assert!(from_file.stdout == from_run.stdout && from_run.stdout.len() > 1000);

    let listed = json(&retrace(&["checkpoints", path(&file), "--json"]));
    assert_eq!((&listed["cycles"], &listed["exit_code"]), (&11_405.into(), &0.into()));
    assert_eq!(listed["input_bytes"], fs::metadata(&input).expect("it is there").len());
    let shown = String::from_utf8(retrace(&["checkpoints", path(&file)]).stdout).expect("it is text");
    assert!(shown.contains("exited with 0 at cycle 11,405"), "{shown}");

    let (first, second) = (folder.join("proof"), folder.join("proof-of-file"));
    retrace(&["prove", &guest, "--input", &input, "-o", path(&first)]);
    retrace(&["prove", &guest, "--checkpoints", path(&file), "-o", path(&second)]);
    assert!(fs::read(&first).expect("it is there") == fs::read(&second).expect("it is there"));

    let again = retrace(&["run", &guest, "--input", &input, "--checkpoints", path(&file)]);
    assert_eq!(again.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&again.stderr).contains("resume its run, or remove it first"));
    let other = retrace(&["witness", &elf("tiny"), "--checkpoints", path(&file)]);
    assert_eq!(other.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&other.stderr).contains("of another program"));
    let bytes = fs::read(&file).expect("it is there");
    fs::write(&copy, &bytes[..bytes.len() - 1]).expect("it can be written");
    let cut = retrace(&["checkpoints", path(&copy)]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&cut.stderr).contains("its end is missing"));
}

/// A guest that ended gives what it gave, without being run again; an output file of another run is not touched.
#[test]
fn a_run_that_ended_is_told_again() {
    let folder = folder("ended");
    let (file, output) = (folder.join("checkpoints"), folder.join("output"));
    assert_eq!(retrace(&["run", &elf("tiny"), "--checkpoints", path(&file)]).status.code(), Some(7));
    let again = retrace(&["run", &elf("tiny"), "--resume", path(&file), "--json"]);
    let object = json(&again);
    assert_eq!((again.status.code(), &object["cycles"]), (Some(7), &53.into()));
    assert_eq!(object["output_hash"], blake3::hash(b"ok\n").to_string());
    assert_eq!((&object["already_ended"], &object["output_bytes"]), (&true.into(), &3.into()));
    let told = retrace(&["run", &elf("tiny"), "--resume", path(&file)]);
    assert_eq!(told.status.code(), Some(7));
    let note = "has ended with exit code 7, after 53 cycles and 3 bytes of output";
    assert!(String::from_utf8_lossy(&told.stderr).contains(note), "{told:?}");
    fs::write(&output, "no").expect("it can be written");
    let short = retrace(&["run", &elf("tiny"), "--resume", path(&file), "--output", path(&output)]);
    assert_eq!(short.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&short.stderr).contains("had put out 3 bytes, and it has 2"));
    assert_eq!(fs::read(&output).expect("it is there"), b"no");
    let arguments = retrace(&["run", &elf("tiny"), "more", "--resume", path(&file)]);
    assert!(String::from_utf8_lossy(&arguments.stderr).contains("another list of arguments"));
}
