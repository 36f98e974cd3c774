//! The reader of checkpoint files: any bytes but those of the honest file are refused by verification; without it they give an
//! error or an execution, at a cost that they do not choose.
//!
//! Bytes that begin like a file are read as they are. All others are edits of an honest file of `echo`: two bytes say where,
//! the third what; 0xffff cuts the file there, 0xfffe makes it longer. Checksums are then made right, so that the fuzzer gets
//! past them, unless the first byte is odd.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use retrace::asm::{Layout, assemble};
use retrace::checkpoint::{CheckpointFile, FileOptions, Options, Policy, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{ColumnId, Rv32i};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::replay::StreamingWitnessGenerator;

use super::Bytes;
use super::heap::within;

/// A machine's flags, a reader's window, and what a replay holds.
const HEAP: usize = 4 << 20;

/// What LZ4 makes of a byte at most, and what is read twice.
const EXPANSION: usize = 1 << 10;

/// The bytes before the first record, of which two ends of 72 bytes are the last.
const DATA: usize = 16 + 2 * END;
const END: usize = 72;

/// A record's kind, its length and its stored length; a checksum follows.
const FIELDS: usize = 9;
const CHECKSUM: usize = 16;

pub fn target(bytes: &[u8]) {
    LazyLock::force(&HONEST);
    let bytes = if bytes.starts_with(b"RTRCKPTS") { bytes.to_vec() } else { edited(bytes) };
    let file = Temporary::with(&bytes);
    within(HEAP + EXPANSION * bytes.len(), || {
        let Ok(opened) = CheckpointFile::open(&file.0) else { return };
        // Read with its checksums made right it may be another file that is whole.
        let _ = opened.verify();
        for entry in opened.entries() {
            assert!(entry.is_err() || bytes.len() > DATA);
        }
        let Ok(execution) = opened.execution::<Rv32i, Linux>(Arc::clone(&HONEST.0)) else { return };
        let cycles = execution.cycles();
        let generator = StreamingWitnessGenerator::new(execution, Pool::serial());
        let columns = [ColumnId(0), ColumnId(1)];
        for start in [0, cycles / 2, cycles.saturating_sub(200)] {
            // From the checkpoint before there is as far to go as the file says.
            let near = generator.execution().checkpoints().nearest_cycle(start);
            if start - near < 10_000 {
                let rows = start..(start + 200).min(cycles);
                let _ = generator.for_each(rows, &columns, 64, |_| Ok::<_, std::convert::Infallible>(()));
            }
        }
    });
}

fn edited(bytes: &[u8]) -> Vec<u8> {
    let mut file = HONEST.1.clone();
    for edit in bytes.chunks_exact(3).take(64) {
        let mut edit = Bytes(edit);
        let at = usize::from(u16::from_le_bytes(edit.array()));
        match at {
            0xffff => file.truncate(usize::from(edit.byte()) * file.len() / 256),
            0xfffe => file.extend(core::iter::repeat_n(0, edit.byte().into())),
            _ if file.is_empty() => {}
            _ => {
                let length = file.len();
                file[at % length] = edit.byte();
            }
        }
    }
    if bytes.first().is_none_or(|first| first % 2 == 0) {
        make_right(&mut file);
    }
    file
}

/// Gives every record its checksum, and the ends theirs, the length and the hash of the whole.
fn make_right(file: &mut [u8]) {
    if file.len() < DATA {
        return;
    }
    let mut at = DATA;
    while let Some(record) = file.get_mut(at..).filter(|rest| rest.len() >= FIELDS + CHECKSUM) {
        let stored = u32::from_le_bytes([record[5], record[6], record[7], record[8]]) as usize;
        let (header, rest) = record.split_at_mut(FIELDS);
        let (checksum, rest) = rest.split_at_mut(CHECKSUM);
        let Some(payload) = rest.get(..stored) else { break };
        let hash = blake3::Hasher::new().update(header).update(payload).finalize();
        checksum.copy_from_slice(&hash.as_bytes()[..CHECKSUM]);
        at += FIELDS + CHECKSUM + stored;
    }
    let hash = *blake3::Hasher::new().update(&file[..16]).update(&file[DATA..]).finalize().as_bytes();
    let length = (file.len() as u64).to_le_bytes();
    for end in file[16..DATA].chunks_exact_mut(END) {
        end[8..16].copy_from_slice(&length);
        end[24..56].copy_from_slice(&hash);
        let check = blake3::hash(&end[..56]);
        end[56..].copy_from_slice(&check.as_bytes()[..16]);
    }
}

/// A file of this process.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "-");
        Self(std::env::temp_dir().join(format!("retrace-fuzz-{}-{thread}", std::process::id())))
    }

    fn with(bytes: &[u8]) -> Self {
        let file = Self::new();
        std::fs::write(&file.0, bytes).unwrap_or_else(|error| panic!("{error}"));
        file
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A program that writes memory, takes input and ends with a jump out of the code; and the bytes of its file.
static HONEST: LazyLock<(Arc<Program<Rv32i>>, Vec<u8>)> = LazyLock::new(|| {
    let source = "li t0, 0x20000; li t6, 200; loop: sw t6, (t0); addi t0, t0, 64; li a7, 63; li a0, 0; mv a1, t0; li a2, 3; ecall; addi t6, t6, -1; bnez t6, loop; jr zero";
    let honest = || -> Result<_, Box<dyn std::error::Error>> {
        let code = assemble::<Rv32i>(source, Layout { code: 0x1_0000, data: 0x3_0000 });
        let words = code.map_err(|errors| errors.to_string())?.code.words();
        let program = Arc::new(Program::from_code(0x1_0000, &words, &[])?);
        let file = Temporary::new();
        let options = Options {
            policy: Policy::new(4, 64),
            file: Some(FileOptions { every: Duration::MAX, ..FileOptions::new(&file.0) }),
            ..Options::default()
        };
        let input = Input::from(&b"some input, of which all is taken, and some of it twice a word"[..]);
        execute(Arc::clone(&program), Linux::default(), input, options)?;
        CheckpointFile::open(&file.0)?.verify()?;
        Ok((program, std::fs::read(&file.0)?))
    };
    honest().unwrap_or_else(|error| panic!("{error}"))
});
