use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::layout::{DATA, End};
use super::record::{HEADER, Kind};
use super::*;
use crate::checkpoint::{Options, Progress, Resume, Stopped, execute};
use crate::file::partial;
use crate::guest::{Input, Linux};
use crate::isa::{ColumnId, Word};
use crate::machine::test_isa::{Asm, TestIsa, echo, program};
use crate::parallel::Pool;
use crate::replay::{ReplayError, StreamingWitnessGenerator};

type Run = Execution<TestIsa, Linux>;

const INPUT: &[u8] = b"The input of every test that writes a file, long enough for a few checkpoints.";

const PRIVATE: &[u8] = b"What no statement says anything of.";

fn input() -> Input {
    Input::from(INPUT).with_private(Input::from(PRIVATE))
}

/// A path of its own, removed at the end with what is beside it.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("retrace-test-checkpoints-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn with(bytes: &[u8]) -> Self {
        let file = Self::new();
        fs::write(&file.0, bytes).unwrap();
        file
    }

    /// Written to whenever a checkpoint is kept.
    fn options(&self) -> FileOptions {
        FileOptions { every: Duration::ZERO, ..FileOptions::new(&self.0) }
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.0).unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        let _ = fs::remove_file(partial(&self.0));
    }
}

fn options(file: &Temporary) -> Options<'static> {
    Options { policy: Policy::new(3, 16), file: Some(file.options()), ..Options::default() }
}

fn run(options: Options<'_>) -> Run {
    execute(echo(), Linux::default(), input(), options).unwrap()
}

fn in_memory() -> Run {
    run(Options { policy: Policy::new(3, 16), ..Options::default() })
}

fn resumed(file: &Temporary, options: Options<'_>) -> Run {
    Resume::open(file.options()).unwrap().run(echo(), options).unwrap()
}

fn stored(file: &Temporary) -> core::result::Result<Run, ExecuteError> {
    CheckpointFile::open(&file.0)?.execution::<TestIsa, Linux>(echo())
}

fn rows(execution: Run) -> core::result::Result<Vec<Word>, ReplayError> {
    let columns: Vec<ColumnId> = (0..TestIsa::SPEC.columns.len() as u16).map(ColumnId).collect();
    let mut rows = Vec::new();
    let cycles = 0..execution.cycles();
    StreamingWitnessGenerator::new(execution, Pool::default()).for_each(cycles, &columns, 7, |chunk| {
        rows.extend(chunk.columns.concat());
        Ok(())
    })?;
    Ok(rows)
}

/// The same run, wherever its checkpoints are, and however often it was cut off.
fn assert_same(found: &Run, expected: &Run) {
    assert_eq!(found.cycles(), expected.cycles());
    assert_eq!(found.stopped(), expected.stopped());
    assert_eq!(found.output(), expected.output());
    assert_eq!(found.memory_words(), expected.memory_words());
    assert_eq!(found.input().hash(), expected.input().hash());
    assert_eq!(found.exit(), expected.exit());
    assert_eq!(found.checkpoints().first(), expected.checkpoints().first());
}

#[test]
fn a_file_and_the_program_are_enough() {
    let file = Temporary::new();
    let written = run(options(&file));
    let expected = in_memory();
    assert_same(&written, &expected);
    let opened = CheckpointFile::open(&file.0).unwrap();
    opened.verify().unwrap();
    assert_eq!(opened.cycles(), expected.cycles());
    assert_eq!(opened.stopped(), Some(Stopped::Exited(expected.exit_code().unwrap())));
    let found = opened.execution::<TestIsa, Linux>(echo()).unwrap();
    assert_same(&found, &expected);
    let states =
        |run: &Run| run.checkpoints().iter().map(|state| state.unwrap().into_owned()).collect::<Vec<_>>();
    assert!(states(&found).len() > 3);
    assert_eq!(states(&found), states(&expected));
    assert_eq!(states(&written), states(&expected));
    assert_eq!(rows(found).unwrap(), rows(expected).unwrap());
    assert!(!partial(&file.0).exists());
}

/// Whatever single byte is changed, verification refuses the file; and who does not verify gets an error, or the rows.
#[test]
fn no_flipped_byte_is_believed() {
    let file = Temporary::new();
    let expected = rows(run(options(&file))).unwrap();
    let bytes = file.bytes();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let file = Temporary::with(&flipped);
        let verified = CheckpointFile::open(&file.0).and_then(|opened| opened.verify());
        assert!(verified.is_err(), "byte {at}");
        if let Ok(execution) = stored(&file)
            && let Ok(rows) = rows(execution)
        {
            assert_eq!(rows, expected, "byte {at}");
        }
    }
}

#[test]
fn no_shorter_file_is_believed() {
    let file = Temporary::new();
    run(options(&file));
    let bytes = file.bytes();
    for length in 0..bytes.len() {
        let file = Temporary::with(&bytes[..length]);
        let refused = CheckpointFile::open(&file.0).unwrap_err();
        match refused {
            CheckpointFileError::Truncated { found, .. } => assert_eq!(found, length as u64),
            CheckpointFileError::Foreign => assert!(length < 8),
            other => panic!("{length} bytes: {other}"),
        }
    }
}

/// The file as each commit left it.
fn commits() -> Vec<(u64, Vec<u8>)> {
    let file = Temporary::new();
    let mut commits: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut copy = |_| {
        let bytes = file.bytes();
        let cycle = CheckpointFile::open(&file.0).unwrap().cycles();
        if commits.last().is_none_or(|last| last.1 != bytes) {
            commits.push((cycle, bytes));
        }
        ControlFlow::Continue(())
    };
    let policy = Policy::new(100, 8);
    run(Options { progress: Some(Progress(&mut copy)), policy, ..options(&file) });
    assert!(commits.len() > 10);
    commits
}

/// A process that is killed has written some of what the next commit consists of, in order.
#[test]
fn a_kill_leaves_the_last_commit() {
    let expected = in_memory();
    let commits = commits();
    for pair in commits.windows(2).step_by(commits.len() / 3) {
        let [(cycle, before), (_, after)] = pair else { unreachable!() };
        assert!(after.len() > before.len(), "these commits were not rewritten");
        for length in before.len()..=after.len() {
            let mut torn = before.clone();
            torn.extend_from_slice(&after[before.len()..length]);
            let file = Temporary::with(&torn);
            let opened = CheckpointFile::open(&file.0).unwrap();
            assert_eq!(opened.cycles(), *cycle);
            opened.verify().unwrap();
            if length % 251 == 0 {
                assert_same(&resumed(&file, Options::default()), &expected);
                assert_eq!(rows(stored(&file).unwrap()).unwrap(), rows(in_memory()).unwrap());
            }
        }
    }
}

/// Without power an end may be written in part.
#[test]
fn a_torn_end_is_named_and_a_resumed_run_does_without_it() {
    let [(cycle, before), (_, after), ..] = &commits()[4..] else { unreachable!() };
    let changed = (16..DATA as usize).find(|&at| before[at] != after[at]).unwrap();
    for count in (1..End::BYTES - 16).step_by(5) {
        let mut torn = after.clone();
        torn[changed + count..DATA as usize].copy_from_slice(&before[changed + count..DATA as usize]);
        let file = Temporary::with(&torn);
        match CheckpointFile::open(&file.0) {
            Err(CheckpointFileError::TornEnd { cycle: whole, .. }) => assert_eq!(whole, *cycle),
            Ok(_) => assert_eq!(torn, *after),
            Err(other) => panic!("{other}"),
        }
        assert_same(&resumed(&file, Options::default()), &in_memory());
        CheckpointFile::open(&file.0).unwrap().verify().unwrap();
    }
}

#[test]
fn a_run_goes_on_where_it_was_stopped() {
    let expected = in_memory();
    for stop in (0..expected.cycles()).step_by(11) {
        let file = Temporary::new();
        let first = run(Options { max_cycles: stop, ..options(&file) });
        assert_eq!((first.stopped(), first.cycles()), (&Stopped::CycleLimit, stop));
        drop(first);
        let again = resumed(&file, Options { max_cycles: stop + 3, ..Options::default() });
        assert_eq!(again.cycles(), (stop + 3).min(expected.cycles()));
        assert_same(&resumed(&file, Options::default()), &expected);
        assert_same(&resumed(&file, Options::default()), &expected);
        CheckpointFile::open(&file.0).unwrap().verify().unwrap();
        assert_eq!(rows(stored(&file).unwrap()).unwrap(), rows(in_memory()).unwrap());
    }
}

#[test]
fn a_fault_is_found_again() {
    let faulty = program(&[&[Asm::ebreak()]]);
    let file = Temporary::new();
    let begun = execute(faulty.clone(), Linux::default(), Input::empty(), options(&file)).unwrap();
    assert!(matches!(begun.stopped(), Stopped::Trapped(_)));
    let opened = CheckpointFile::open(&file.0).unwrap();
    assert_eq!(opened.stopped(), Some(Stopped::Trapped(())));
    let found = opened.execution::<TestIsa, Linux>(faulty.clone()).unwrap();
    assert_eq!(found.stopped(), begun.stopped());
    let resumed: Run = Resume::open(file.options()).unwrap().run(faulty, Options::default()).unwrap();
    assert_eq!(resumed.stopped(), begun.stopped());
}

#[test]
fn a_file_is_for_one_run() {
    let file = Temporary::new();
    run(Options { max_cycles: 40, ..options(&file) });
    let refusal = |found: core::result::Result<Run, ExecuteError>| found.unwrap_err().to_string();

    let exists = execute::<TestIsa, _>(echo(), Linux::default(), input(), options(&file));
    assert!(matches!(exists, Err(ExecuteError::File(CheckpointFileError::Exists))));
    assert!(!partial(&file.0).exists());

    let open = || Resume::open(file.options());
    let other = program(&[&[Asm::ebreak()]]);
    let resumed: core::result::Result<Run, _> = open().unwrap().run(other.clone(), Options::default());
    assert!(refusal(resumed).contains("another program"));
    let execution = CheckpointFile::open(&file.0).unwrap().execution::<TestIsa, Linux>(other);
    assert!(refusal(execution).contains("another program"));

    let with_input = |other: Input| open().unwrap().with_input(other).unwrap_err().to_string();
    assert!(with_input(Input::from(&b"other"[..])).contains("another input"));
    let message = with_input(Input::from(INPUT));
    assert!(message.contains("another private input") && message.contains("0 bytes"), "{message}");
    let message = with_input(input().with_private(Input::from(PRIVATE.to_ascii_uppercase())));
    assert!(message.contains("another private input") && message.contains("not the same"), "{message}");
    assert!(!message.contains(&crate::hex::hex(blake3::hash(PRIVATE).as_bytes())), "{message}");
    let arguments = open().unwrap().with_arguments(&[b"other".to_vec()]).unwrap_err();
    assert!(arguments.to_string().contains("another list of arguments"));

    let first = open().unwrap().with_input(input()).unwrap();
    let first = first.with_arguments(&Options::default().arguments).unwrap();
    assert!(matches!(open(), Err(CheckpointFileError::InUse)));
    let mut meanwhile = |_| {
        assert!(matches!(open(), Err(CheckpointFileError::InUse)));
        ControlFlow::Continue(())
    };
    let options = Options { progress: Some(Progress(&mut meanwhile)), ..Options::default() };
    assert_same(&first.run(echo(), options).unwrap(), &in_memory());
    assert!(open().is_ok());
}

#[test]
fn another_format_or_file_is_told_apart() {
    let file = Temporary::new();
    run(options(&file));
    let mut bytes = file.bytes();
    for format in [1, 3] {
        bytes[8] = format;
        let other = CheckpointFile::open(&Temporary::with(&bytes).0).unwrap_err();
        assert!(
            matches!(other, CheckpointFileError::Format { found, known: 2 } if found == u32::from(format))
        );
    }
    bytes[0] = b'x';
    for other in [&bytes[..], b"", b"\x7fELF"] {
        let foreign = CheckpointFile::open(&Temporary::with(other).0).unwrap_err();
        assert!(matches!(foreign, CheckpointFileError::Foreign));
    }
    let missing = CheckpointFile::open(Temporary::new().0.as_path()).unwrap_err();
    assert!(matches!(missing, CheckpointFileError::Io { doing: "open", .. }));
}

/// The file stays within a small multiple of what is in it, however long the run.
#[test]
fn what_is_of_no_use_is_thrown_away() {
    // Counts upwards, and writes the count over a page, so that every checkpoint has pages of its own.
    let [start, end] = [Asm::li(6, 0x2_0000), Asm::li(7, 0x2_1000)];
    let write = [Asm::addi(5, 5, 1), Asm::sw(5, 6, 0), Asm::addi(6, 6, 4), Asm::bne(6, 7, -12)];
    let counter = program(&[&start, &end, &write, &start, &[Asm::jal(0, -24)]]);
    let lengths = [40_000, 4_000_000].map(|max_cycles| {
        let file = Temporary::new();
        let options = Options { max_cycles, policy: Policy::new(16, 64), ..options(&file) };
        let execution =
            execute::<TestIsa, _>(counter.clone(), Linux::default(), Input::empty(), options).unwrap();
        assert_eq!(execution.cycles(), max_cycles);
        let opened = CheckpointFile::open(&file.0).unwrap();
        assert!(opened.verify().unwrap() > 16, "checkpoints have pages of their own");
        (opened.entries().count(), file.bytes().len())
    });
    for (checkpoints, length) in lengths {
        assert!((16..=32).contains(&checkpoints) && length < 400_000, "{lengths:?}");
    }
}

/// A page that several checkpoints have, or that has the content of another, is in the file once.
#[test]
fn equal_pages_are_stored_once() {
    let file = Temporary::new();
    run(options(&file));
    let opened = CheckpointFile::open(&file.0).unwrap();
    let entries: Vec<Entry> = opened.entries().map(|entry| entry.unwrap()).collect();
    let pages: u64 = entries.iter().map(|entry| entry.pages).sum();
    let different = opened.verify().unwrap();
    assert!(different * 2 < pages, "{different} of {pages}");
    assert!(entries.windows(2).all(|pair| pair[0].cycle < pair[1].cycle));
    assert_eq!(entries[0].pc, u64::from(echo().entry()));
}

/// The places of the records of a kind, by walking the file.
fn records(bytes: &[u8], kind: Kind) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = DATA as usize;
    while at < bytes.len() {
        if bytes[at] == kind as u8 {
            found.push(at);
        }
        let stored = u32::from_le_bytes(*bytes[at + 5..].first_chunk().unwrap());
        at += HEADER + stored as usize;
    }
    found
}

/// Rows that touch one page are regenerated whatever other page is damaged, and not if that one is.
#[test]
fn only_the_pages_that_rows_touch_are_read() {
    let [start, end] = [Asm::li(6, 0x2_0000), Asm::li(7, 0x2_8000)];
    let write = [Asm::addi(5, 5, 1), Asm::sw(5, 6, 0), Asm::addi(6, 6, 1024), Asm::bne(6, 7, -12)];
    let wait = [Asm::lw(8, 6, -1024), Asm::jal(0, -4)];
    let program = program(&[&start, &end, &write, &wait]);
    let file = Temporary::new();
    let options = Options { max_cycles: 1000, policy: Policy::new(8, 100), ..options(&file) };
    execute::<TestIsa, _>(program.clone(), Linux::default(), Input::empty(), options).unwrap();
    let bytes = file.bytes();
    let rows = |bytes: &[u8]| {
        let file = Temporary::with(bytes);
        let execution = CheckpointFile::open(&file.0).unwrap().execution::<TestIsa, Linux>(program.clone());
        let generator = StreamingWitnessGenerator::new(execution.unwrap(), Pool::default());
        let mut rows = Vec::new();
        let visit = |chunk: &crate::oracle::Chunk<'_>| {
            rows.extend(chunk.columns[0].to_vec());
            Ok::<_, core::convert::Infallible>(())
        };
        generator.for_each(900..1000, &[ColumnId(0)], 64, visit).map(|()| rows)
    };
    let expected = rows(&bytes).unwrap();
    assert_eq!(expected.len(), 100);
    let pages = records(&bytes, Kind::Page);
    assert!(pages.len() >= 8, "{}", pages.len());
    let read = pages.iter().filter(|&&at| {
        let mut damaged = bytes.clone();
        damaged[at + HEADER] ^= 0xff;
        match rows(&damaged) {
            Ok(rows) => {
                assert_eq!(rows, expected);
                false
            }
            Err(ReplayError::Memory(_)) => true,
            Err(other) => panic!("{other}"),
        }
    });
    assert_eq!(read.count(), 1);
}
