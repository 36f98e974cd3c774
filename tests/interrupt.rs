//! Ctrl-C: commands end soon, say so, and leave no half of a file under its name.

#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

#[path = "common/solver.rs"]
mod solver;

const GUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests");

fn elf(name: &str) -> String {
    format!("{GUESTS}/{name}.elf")
}

/// A path in a folder of its own, which is empty.
fn temporary(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("interrupt").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("it can be made");
    folder.join("file")
}

/// A process that does not outlive a test that fails: it would fill the disk.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(arguments: &[&str]) -> Running {
    start_with(arguments, Stdio::null())
}

fn start_with(arguments: &[&str], input: Stdio) -> Running {
    // What starts this test may ignore Ctrl-C, as a shell's background jobs do, and then so would what it starts.
    let mut command = Command::new("env");
    command.args(["--default-signal=INT", env!("CARGO_BIN_EXE_retrace")]);
    command.args(arguments).stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running(command.spawn().expect("the binary starts"))
}

/// What the process ends with; it prints little enough for a pipe.
fn finish(mut running: Running) -> Output {
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = running.0.try_wait().expect("it can be waited for") {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    running.0.stdout.take().expect("it is piped").read_to_end(&mut stdout).expect("it can be read");
    running.0.stderr.take().expect("it is piped").read_to_end(&mut stderr).expect("it can be read");
    Output { status, stdout, stderr }
}

fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until the process has said that it handles SIGINT: bit 1 of the signals that it catches.
fn wait_for_handler(running: &Running) {
    let status = format!("/proc/{}/status", running.0.id());
    if !Path::new(&status).exists() {
        return std::thread::sleep(Duration::from_secs(2));
    }
    wait_until("no handler was installed", || {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 2 != 0)
    });
}

/// Sends SIGINT, and gives what the process then ended with.
fn interrupt(running: Running) -> Output {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -INT {}", running.0.id())).status();
    assert!(sent.is_ok_and(|status| status.success()), "the signal is sent");
    let begun = Instant::now();
    let output = finish(running);
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?} to end", begun.elapsed());
    output
}

fn assert_interrupted(output: &Output) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert_eq!(message, "error: interrupted\n");
}

/// The folder of `path` has nothing in it, a partial file included.
fn assert_no_file(path: &Path) {
    let folder = path.parent().expect("it is in a folder");
    let files: Vec<_> = fs::read_dir(folder).expect("it can be read").collect();
    assert!(files.is_empty(), "{files:?}");
}

/// A query that runs is waited for, and no further one is made.
#[test]
fn a_proof_of_a_spec_ends() {
    let solver = temporary("solver");
    solver::undecided(&solver, 0.1);
    let mut command = Command::new("env");
    command.args(["--default-signal=INT", env!("CARGO_BIN_EXE_retrace"), "isa", "check", "rv32i", "--prove"]);
    command.env("RETRACE_SOLVER", &solver).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = Running(command.spawn().expect("the binary starts"));
    wait_for_handler(&child);
    let output = interrupt(child);
    assert_interrupted(&output);
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(!page.contains("lemmas proven"), "{page}");
}

#[test]
fn a_run_ends_and_its_signature_is_not_written() {
    let output = temporary("run-output");
    let child = start(&["run", &elf("faults"), "forever", "--output", &output.display().to_string()]);
    wait_for_handler(&child);
    assert_interrupted(&interrupt(child));
    // What the guest has put out so far, which is nothing.
    assert_eq!(fs::read(&output).expect("it is there from the start"), b"");

    let signature = temporary("run-signature");
    let child = start(&["run", &elf("tohost"), "forever", "--signature", &signature.display().to_string()]);
    wait_for_handler(&child);
    assert_interrupted(&interrupt(child));
    assert_no_file(&signature);
}

#[test]
fn a_run_that_is_kept_says_how_to_go_on() {
    let file = temporary("run-checkpoints").display().to_string();
    let child = start(&["run", &elf("faults"), "forever", "--checkpoints", &file]);
    wait_for_handler(&child);
    let output = interrupt(child);
    assert_eq!(output.status.code(), Some(130));
    let expected = format!("error: interrupted; `retrace run ELF --resume {file}` goes on\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
}

#[test]
fn as_json_a_run_says_how_far_it_came() {
    let child = start(&["run", &elf("faults"), "forever", "--json"]);
    wait_for_handler(&child);
    let output = interrupt(child);
    assert_eq!(output.status.code(), Some(130));
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!((&object["ok"], &object["stopped"]), (&false.into(), &"interrupted".into()));
    assert_eq!(object["error"]["kind"], "interrupted");
    assert!(object["cycles"].is_number());
}

#[test]
fn rows_are_there_whole_or_not_at_all() {
    let rows = temporary("witness");
    let name = rows.display().to_string();
    let child = start(&["witness", &elf("alu"), "3000000", "-o", &name]);
    let partial = rows.with_extension("partial");
    wait_until("no rows were written", || fs::metadata(&partial).is_ok_and(|file| file.len() > 1 << 20));
    assert!(!rows.exists());
    assert_interrupted(&interrupt(child));
    assert_no_file(&rows);

    // A file that was there before stays.
    fs::write(&rows, "before").expect("it can be written");
    let child = start(&["witness", &elf("alu"), "3000000", "-o", &name]);
    wait_until("no rows were written", || fs::metadata(&partial).is_ok_and(|file| file.len() > 1 << 20));
    assert_interrupted(&interrupt(child));
    assert_eq!(fs::read(&rows).expect("it is still there"), b"before");
    assert!(!partial.exists());
    let done = finish(start(&["witness", &elf("tiny"), "-o", &name]));
    assert_eq!(done.status.code(), Some(0));
    assert_eq!(fs::read_to_string(&rows).expect("it is written").lines().count(), 54);
}

#[test]
fn a_replay_without_rows_ends() {
    let child = start(&["witness", &elf("alu"), "100000000", "--format", "none"]);
    wait_for_handler(&child);
    assert_interrupted(&interrupt(child));
}

#[test]
fn a_proof_is_there_whole_or_not_at_all() {
    let proof = temporary("prove");
    let name = proof.display().to_string();
    // During the run, which takes as long as 10¹⁰ cycles.
    let child = start(&["prove", &elf("alu"), "1000000000", "-o", &name]);
    wait_for_handler(&child);
    assert_interrupted(&interrupt(child));
    assert_no_file(&proof);
    // During the proof: the run is long over by then.
    let child = start(&["prove", &elf("alu"), "1000000", "-o", &name]);
    wait_for_handler(&child);
    std::thread::sleep(Duration::from_secs(3));
    assert_interrupted(&interrupt(child));
    assert_no_file(&proof);
}

/// A command that waits for its input does not look at any flag, and so leaves the signal alone.
#[test]
fn what_waits_for_input_is_ended_by_the_signal() {
    let mut child = start_with(&["run", &elf("sha256")], Stdio::piped());
    let pipe = child.0.stdin.take();
    std::thread::sleep(Duration::from_millis(300));
    let output = interrupt(child);
    drop(pipe);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(2));
}
