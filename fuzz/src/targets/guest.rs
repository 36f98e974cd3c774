//! A small program of any words, on any input, under the Linux interface: the run never panics, and its rows are the same
//! however they are regenerated.
//!
//! From the input: the checkpoints' interval, the length of the guest's input, that input, then words. Half of the words that
//! decode to nothing are replaced by an instruction, so that programs get somewhere.

use core::ops::Range;
use std::sync::Arc;

use retrace::checkpoint::{Execution, Options, Policy, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{ColumnId, Isa, Op, Rv32im, Word};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::replay::StreamingWitnessGenerator;

use super::Bytes;
use super::heap::within;

/// The longest run.
const CYCLES: u64 = 10_000;

const CODE: Word = 0x1_0000;
const DATA: Word = 0x2_0000;

/// The address space's flags, a machine's pages and two chunks of all columns; the code table.
const HEAP: usize = 96 << 20;

pub fn target(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let (interval, rows, length) = (bytes.byte(), bytes.byte(), bytes.byte());
    let input: Vec<u8> = (0..length % 32).map(|_| bytes.byte()).collect();
    let words: Vec<u32> = bytes.0.chunks(4).map(|chunk| instruction(Bytes(chunk).word())).collect();
    let data: Vec<u8> = (0..64).collect();
    let Ok(program) = Program::<Rv32im>::from_code(CODE, &words, &[(DATA, &data)]) else { return };
    let program = Arc::new(program);
    within(HEAP, || {
        let often = run(&program, &input, 1 + u64::from(interval));
        let never = run(&program, &input, u64::MAX);
        assert_eq!(often.stopped(), never.stopped());
        assert_eq!(often.cycles(), never.cycles());
        assert_eq!(often.output(), never.output());
        assert_eq!(often.exit(), never.exit());
        assert!(never.cycles() <= CYCLES);
        // The second half first, so that its machine starts from a checkpoint and not from where the first half ended.
        let middle = never.cycles() / 2;
        let halves = [0..middle, middle..never.cycles()];
        let (often, never) = (generator(often), generator(never));
        for half in halves.into_iter().rev() {
            assert_eq!(rows_of(&often, half.clone(), 1 + usize::from(rows)), rows_of(&never, half, 4096));
        }
    });
}

/// The word, or an instruction for it. An immediate becomes small, so that programs jump and store near where they are.
fn instruction(word: u32) -> u32 {
    if word & 0x100 != 0 || Rv32im::decode(word, CODE).kind != Op::UNDECODABLE {
        return word;
    }
    let known = Rv32im::SPEC.instructions;
    let one = &known[word as usize % known.len()];
    one.bits | word & !one.mask & 0x03ff_ffff
}

fn run(program: &Arc<Program<Rv32im>>, input: &[u8], interval: u64) -> Execution<Rv32im, Linux> {
    let options = Options { policy: Policy::new(4, interval), max_cycles: CYCLES, ..Options::default() };
    let execution = execute(Arc::clone(program), Linux::default(), Input::from(input), options);
    execution.unwrap_or_else(|error| panic!("{error}"))
}

type Generator = StreamingWitnessGenerator<Rv32im, Linux>;

fn generator(execution: Execution<Rv32im, Linux>) -> Generator {
    StreamingWitnessGenerator::new(execution, Pool::serial())
}

/// A hash of the rows of each column.
fn rows_of(generator: &Generator, cycles: Range<u64>, rows: usize) -> Vec<u64> {
    let columns: Vec<ColumnId> = (0..Rv32im::SPEC.columns.len() as u16).map(ColumnId).collect();
    let mut hashes = vec![0u64; columns.len()];
    let replayed = generator.for_each(cycles, &columns, rows, |chunk| {
        for (hash, column) in hashes.iter_mut().zip(chunk.columns) {
            for &cell in *column {
                *hash = (*hash ^ u64::from(cell)).wrapping_mul(0x100_0000_01b3).rotate_left(23);
            }
        }
        Ok::<(), core::convert::Infallible>(())
    });
    replayed.unwrap_or_else(|error| panic!("{error}"));
    hashes
}
