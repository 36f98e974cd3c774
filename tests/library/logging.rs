//! What the library says of its phases, by `tracing`: which events there are, and that they do not grow with the run.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex};

use ark_bn254::Fr;
use retrace::checkpoint::{CheckpointFile, FileOptions, Options, Policy, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::Rv32i;
use retrace::oracle::WitnessOracle;
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::proof::{Prover, Verifier};
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

use crate::common;

/// Keeps what is said up to a level: names of spans with a colon, and messages of events.
struct Collector {
    most: Level,
    said: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    fn say(&self, text: String) {
        self.said.lock().expect("no one panicked").push(text);
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("retrace::") && *metadata.level() <= self.most
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.say(format!("{}:", span.metadata().name()));
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.say(message.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// A second subscriber, that stays. While there is only one, tracing asks the default of whichever thread comes to a
/// place first whether that place interests anyone: a test beside this one has none, and the place is silent from then on.
static SECOND: LazyLock<Dispatch> =
    LazyLock::new(|| Dispatch::new(Collector { most: Level::ERROR, said: Arc::default() }));

/// What is said by what `work` does on this thread.
fn said(most: Level, work: impl FnOnce()) -> Vec<String> {
    LazyLock::force(&SECOND);
    let said = Arc::new(Mutex::new(Vec::new()));
    tracing::subscriber::with_default(Collector { most, said: Arc::clone(&said) }, work);
    Arc::into_inner(said).expect("the collector is gone").into_inner().expect("no one panicked")
}

/// From the ELF file to a verified proof, by way of a checkpoint file.
fn everything(argument: &str) {
    let elf = std::fs::read(common::guest_path("alu")).expect("it is in the repository");
    let program = Arc::new(Program::<Rv32i>::from_elf(&elf).expect("it can be loaded"));
    // Two tests run the same at once.
    let name = format!("logging-{argument}-{:?}.ckpt", std::thread::current().id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    let arguments = vec![b"guest".to_vec(), argument.as_bytes().to_vec()];
    let file = FileOptions { every: std::time::Duration::MAX, ..FileOptions::new(&path) };
    let options = Options {
        arguments: arguments.clone(),
        file: Some(file),
        policy: Policy::new(4, 1000),
        ..Options::default()
    };
    execute(program.clone(), Linux::default(), Input::empty(), options).expect("it runs");
    let stored = CheckpointFile::open(&path).expect("it was written");
    let execution = stored.execution::<Rv32i, Linux>(program.clone()).expect("it is whole");
    let pool = Pool::new(2).expect("threads can be started");
    let oracle = WitnessOracle::new(StreamingWitnessGenerator::new(execution, pool)).expect("there are rows");
    let (proof, _) = Prover::<Fr>::new(Budget::Bytes(1 << 20)).prove(&oracle).expect("it can be proven");
    let verifier = Verifier { arguments, ..Verifier::new(program, Input::empty()) };
    verifier.verify::<Fr>(&proof).expect("it is honest");
    std::fs::remove_file(path).expect("it was written");
}

#[test]
fn each_phase_is_told_once_whatever_the_run() {
    let short = said(Level::DEBUG, || everything("1000"));
    // A pass of the sum-check is a pass over the witness.
    let passes = short.iter().filter(|text| *text == "passed").count();
    assert!((1..=6).contains(&passes), "{passes}");
    let mut expected = vec!["loaded", "run:", "committed to the checkpoint file", "ran"];
    expected.extend([
        "opened a checkpoint file",
        "plan:",
        "stated",
        "chose a schedule",
        "prove:",
        "sumcheck:",
    ]);
    expected.extend(["regenerated", "passed"].repeat(passes));
    expected.extend(["regenerated", "stored the arrays", "reduced the claims", "proved"]);
    expected.extend(["verify:", "the statement is about what was given", "the sum-check holds"]);
    expected.extend(["run:", "ran", "regenerated", "the replay agrees"]);
    assert_eq!(short, expected);
    // Eight times as many rows: passes and rounds are the schedule's, and all else is the same.
    let mut long = said(Level::DEBUG, || everything("8000"));
    let mut short = short;
    for list in [&mut short, &mut long] {
        list.retain(|text| text != "passed" && text != "regenerated");
    }
    assert_eq!(short, long);
}

/// 11,000 cycles, a checkpoint every 1000, at most 4 of them: some are kept, and thinned, and no more is said of rows.
#[test]
fn a_trace_tells_of_checkpoints_and_rounds() {
    let told = said(Level::TRACE, || everything("1000"));
    let count = |text: &str| told.iter().filter(|told| *told == text).count();
    let kept = count("kept a checkpoint");
    let thinned = count("thinned the checkpoints");
    assert!(kept >= 5, "{told:?}");
    assert!((1..=4).contains(&thinned), "{told:?}");
    assert!(count("summed the arrays") <= 14, "{told:?}");
    assert!(told.len() < 60, "{told:?}");
}

#[cfg(feature = "cli")]
mod command_line {
    use std::process::{Command, Output};

    fn run(log: Option<&str>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
        command.arg("run").arg(super::common::guest_path("tiny")).env_remove("RETRACE_LOG");
        log.map(|log| command.env("RETRACE_LOG", log));
        command.output().expect("it runs")
    }

    #[test]
    fn logs_go_to_standard_error_where_they_are_asked_for() {
        for (log, phrases) in [
            (None, &[][..]),
            (Some(""), &[]),
            (Some("error"), &[]),
            (Some("debug"), &["retrace::program: loaded ", "run{from=0}", "ran cycles=53 stopped=Exited(7)"]),
            (Some("retrace::program=debug"), &["loaded "]),
        ] {
            let output = run(log);
            assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(7), &b"ok\n"[..]), "{log:?}");
            let told = String::from_utf8(output.stderr).expect("it is text");
            assert_eq!(told.is_empty(), phrases.is_empty(), "{log:?}: {told}");
            phrases.iter().for_each(|phrase| assert!(told.contains(phrase), "{log:?}: {told}"));
        }
        assert!(!String::from_utf8_lossy(&run(Some("retrace::program=debug")).stderr).contains("ran"));
    }

    #[test]
    fn what_is_no_level_is_a_mistake_in_how_it_is_called() {
        let output = run(Some("retrace=loud"));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.starts_with("error: RETRACE_LOG is `retrace=loud`: "), "{told}");
    }
}
