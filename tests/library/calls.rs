//! The calls of `isa/rv32i.toml`, by both executors and by every rule that their rows obey, against a model of them in
//! plain Rust and what Linux's manual says.

use std::sync::Arc;

use proptest::prelude::*;
use retrace::check::check;
use retrace::checkpoint::{ExecuteError, Execution, Executor, Options, Stopped, execute};
use retrace::guest::{Input, Linux, Output};
use retrace::isa::{Isa as _, Rv32i, TrapCause, Word};
use retrace::parallel::Pool;
use retrace::program::{LoadError, Program};
use retrace::replay::StreamingWitnessGenerator;

use crate::common::{CODE, DATA, EXIT, executors, words};
use crate::sink::Shared;

const EBADF: Word = 9u32.wrapping_neg();
const EFAULT: Word = 14u32.wrapping_neg();
const ENOSYS: Word = 38u32.wrapping_neg();

/// `S_IFCHR` and the permissions that a null device has.
const CHARACTER_DEVICE: Word = 0o20600;

const PAGE: Word = 4096;

/// Where the stack of 8 MiB below the middle of the address space ends.
const HEAP_LIMIT: Word = 0x8000_0000 - (8 << 20);

const READ: Word = 63;
const WRITE: Word = 64;
const FSTAT: Word = 80;
const BRK: Word = 214;

/// The numbers whose calls libcs make and live without.
const ABSENT: [Word; 31] = [
    29, 48, 56, 57, 62, 66, 78, 96, 98, 99, 113, 129, 130, 131, 132, 134, 135, 153, 160, 169, 172, 178, 215,
    222, 226, 233, 258, 261, 278, 293, 403,
];

type Asked = (Word, [Word; 3]);

/// A run, its output and its messages.
type Ran = (Execution<Rv32i, Linux>, Vec<u8>, Vec<u8>);

/// A page of data that holds "data".
fn program(source: &str) -> Arc<Program<Rv32i>> {
    let mut data = b"data".to_vec();
    data.resize(PAGE as usize, 0);
    Arc::new(Program::from_code(CODE, &words::<Rv32i>(source), &[(DATA, &data)]).expect("it can be loaded"))
}

fn execution(program: &Arc<Program<Rv32i>>, executor: Executor, input: &[u8]) -> Result<Ran, ExecuteError> {
    let [output, messages] = [Shared::default(), Shared::default()];
    let options = Options {
        executor,
        output: Output::new(Box::new(output.clone()), Box::new(messages.clone())),
        ..Options::default()
    };
    let execution = execute(Arc::clone(program), Linux::default(), Input::from(input), options)?;
    let [output, messages] =
        [output, messages].map(|sink| sink.0.lock().expect("no writer panicked").clone());
    Ok((execution, output, messages))
}

/// Makes calls; puts their answers out, each a word, and then the first two words of data.
fn source(calls: &[Asked]) -> String {
    let call = |(number, [a0, a1, a2]): &Asked| {
        format!(
            "li a0, {a0}; li a1, {a1}; li a2, {a2}; li a7, {number}; ecall; sw a0, 0(s1); addi s1, s1, 4;"
        )
    };
    let calls: String = calls.iter().map(call).collect();
    let results = DATA + 2048;
    format!(
        "li s0, {DATA}; li s1, {results}; {calls} lw t0, 0(s0); sw t0, 0(s1); lw t0, 4(s0); sw t0, 4(s1); addi s1, s1, 8; \
         li s2, {results}; 1: li a0, 1; mv a1, s2; li a2, 4; li a7, 64; ecall; addi s2, s2, 4; bne s2, s1, 1b; \
         li a0, 0; {EXIT}"
    )
}

/// What the guest put out, and its messages; every executor gives the same, and every row obeys every rule.
fn made(calls: &[Asked], input: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let program = program(&source(calls));
    let mut ran = executors().map(|executor| execution(&program, executor, input).expect("it runs"));
    let (first, output, messages) = ran.next().expect("there is an executor");
    assert_eq!(first.exit_code(), Some(0));
    for (other, same, same_messages) in ran {
        assert!(first.exit() == other.exit(), "{calls:?}");
        assert_eq!((&output, &messages), (&same, &same_messages), "{calls:?}");
    }
    let generator = StreamingWitnessGenerator::new(first, Pool::serial());
    let checked = check(&generator, 0..generator.execution().cycles()).expect("it replays");
    assert_eq!(checked.broken, [], "{calls:?}");
    (output, messages)
}

/// The answer of one call, and the first word of data after it.
fn answer(number: Word, arguments: [Word; 3]) -> (Word, [u8; 4]) {
    let (output, _) = made(&[(number, arguments)], b"0123456789");
    let (words, []) = output[output.len() - 12..].as_chunks() else { panic!("three words") };
    (Word::from_le_bytes(words[0]), words[1])
}

#[test]
fn input_comes_a_word_at_a_time() {
    let counts = |at: Word| answer(READ, [0, DATA + at, 100]).0;
    assert_eq!([0, 1, 2, 3].map(counts), [4, 3, 2, 1]);
    assert_eq!(answer(READ, [0, DATA, 2]), (2, *b"01ta"));
    assert_eq!(answer(READ, [0, DATA + 1, 1]), (1, *b"d0ta"));
    assert_eq!(answer(READ, [0, DATA, 0]), (0, *b"data"));
    assert_eq!(answer(READ, [0, DATA + 1, 100]), (3, *b"d012"), "the other bytes stay");
    assert_eq!(answer(READ, [3, DATA, 4]), (0, *b"data"), "there is no private input");
}

#[test]
fn output_goes_a_word_at_a_time() {
    let counts = |at: Word| answer(WRITE, [1, DATA + at, 100]).0;
    assert_eq!([0, 1, 2, 3].map(counts), [4, 3, 2, 1]);
    let (_, messages) =
        made(&[(WRITE, [2, DATA, 3]), (WRITE, [2, DATA + 1, 9]), (WRITE, [2, DATA + 2, 1])], b"");
    assert_eq!(messages, *b"datatat");
}

#[test]
fn errors_are_those_of_linux() {
    assert_eq!(answer(READ, [1, DATA, 4]).0, EBADF);
    assert_eq!(answer(WRITE, [0, DATA, 4]).0, EBADF);
    assert_eq!(answer(WRITE, [3, DATA, 4]).0, EBADF);
    assert_eq!(answer(READ, [0, 0, 4]).0, EFAULT);
    assert_eq!(answer(READ, [0, 0, 0]).0, 0, "nothing is touched");
    assert_eq!(answer(READ, [0, CODE, 4]).0, EFAULT, "code");
    assert_eq!(answer(WRITE, [1, 16, 4]).0, EFAULT);
    assert_eq!(answer(WRITE, [1, 0xffff_fff0, 4]).0, EFAULT);
    assert_eq!(answer(WRITE, [1, CODE, 4]).0, 4, "code can be read");
    let (output, _) = made(&[(READ, [0, 0, 4]), (READ, [0, DATA, 4])], b"0123456789");
    assert_eq!(output[8..12], *b"0123", "a failed read takes nothing");
}

#[test]
fn fstat_writes_the_mode_and_nothing_else() {
    assert_eq!(answer(FSTAT, [1, DATA, 0]), (0, *b"data"));
    assert_eq!(answer(FSTAT, [1, DATA - 16, 0]), (0, CHARACTER_DEVICE.to_le_bytes()));
    assert_eq!(answer(FSTAT, [4, DATA, 0]).0, EBADF);
    assert_eq!(answer(FSTAT, [1, DATA + 1, 0]).0, EFAULT);
    assert_eq!(answer(FSTAT, [0, CODE, 0]).0, EFAULT);
    assert_eq!(answer(FSTAT, [0, 0xffff_fff0, 0]).0, EFAULT, "its end is page 0");
}

#[test]
fn the_heap_grows_and_does_not_shrink() {
    let heap = DATA + PAGE;
    assert_eq!(answer(BRK, [0, 0, 0]).0, heap);
    assert_eq!(answer(BRK, [heap + 5, 0, 0]).0, heap + 5);
    assert_eq!(answer(BRK, [heap - 1, 0, 0]).0, heap);
    assert_eq!(answer(BRK, [HEAP_LIMIT, 0, 0]).0, HEAP_LIMIT);
    assert_eq!(answer(BRK, [HEAP_LIMIT + 1, 0, 0]).0, heap);
}

#[test]
fn what_libcs_live_without_is_refused_with_an_error() {
    let (output, _) = made(&ABSENT.map(|number| (number, [1, DATA, 4])), b"");
    let (answers, []) = output.as_chunks() else { panic!("whole words") };
    assert!(answers[..ABSENT.len()].iter().all(|answer| Word::from_le_bytes(*answer) == ENOSYS));
}

/// The fault names the number, and the state is that before the call.
#[test]
fn a_call_that_the_spec_does_not_have_is_a_fault() {
    for executor in executors() {
        let program = program("li a0, 7; li a7, 4000; ecall");
        let (execution, ..) = execution(&program, executor, b"").expect("it runs");
        let Stopped::Trapped(fault) = execution.stopped() else { panic!("{:?}", execution.stopped()) };
        assert_eq!((fault.cause, fault.value), (TrapCause::CallRefused, 4000));
        assert!(fault.to_string().starts_with("call 4000 refused"), "{fault}");
        assert_eq!(execution.exit().registers[10], 7);
    }
}

/// Each word that makes calls has an entry a variant: a file of nothing else must not take a hundred times its size.
#[test]
fn a_program_makes_calls_in_few_places() {
    const ECALL: u32 = 0x73;
    let variants = Rv32i::SPEC.variants().count();
    let load = |calls: usize| Program::<Rv32i>::from_code(CODE, &vec![ECALL; calls], &[]);
    let most = (1 << 20) / variants;
    let program = load(most).expect("these may be");
    assert_eq!(program.code().entries().len(), program.code().ops().len() + most * variants);
    assert_eq!(load(most + 1).err(), Some(LoadError::TooManyCalls { found: most + 1, most }));
}

/// The calls in plain Rust.
#[derive(Default)]
struct Model {
    data: Vec<u8>,
    heap_end: Word,
    input: Vec<u8>,
    output: Vec<u8>,
    messages: Vec<u8>,
}

impl Model {
    fn writable(address: Word) -> bool {
        (PAGE..0xffff_f000).contains(&address) && !(CODE..DATA).contains(&address)
    }

    fn call(&mut self, (number, [a0, a1, a2]): Asked) -> Word {
        let room = a2.min(4 - a1 % 4) as usize;
        match (number, a0) {
            (READ, 0) => {
                let count = room.min(self.input.len());
                if count > 0 && !Self::writable(a1) {
                    return EFAULT;
                }
                if count > 0 {
                    let at = (a1 - DATA) as usize;
                    self.data[at..at + count].copy_from_slice(&self.input[..count]);
                    self.input.drain(..count);
                }
                count as Word
            }
            (READ, 3) => 0,
            (WRITE, 1 | 2) if room == 0 => 0,
            (WRITE, 1 | 2) if !(PAGE..0xffff_f000).contains(&a1) => EFAULT,
            (WRITE, 1 | 2) => {
                let at = (a1 - DATA) as usize;
                let stream = if a0 == 1 { &mut self.output } else { &mut self.messages };
                stream.extend(&self.data[at..at + room]);
                room as Word
            }
            (READ | WRITE, _) => EBADF,
            (FSTAT, 4..) => EBADF,
            (FSTAT, _) => {
                let mode = a1.wrapping_add(16);
                if mode % 4 != 0 || !Self::writable(mode) {
                    return EFAULT;
                }
                let at = (mode - DATA) as usize;
                self.data[at..at + 4].copy_from_slice(&CHARACTER_DEVICE.to_le_bytes());
                0
            }
            (BRK, wanted) => {
                if (self.heap_end..=HEAP_LIMIT).contains(&wanted) {
                    self.heap_end = wanted;
                }
                self.heap_end
            }
            _ => ENOSYS,
        }
    }
}

/// An address in the first 32 bytes of data, or one that a call refuses.
fn address(refused: &'static [Word]) -> impl Strategy<Value = Word> {
    prop_oneof![4 => (0..32u32).prop_map(|at| DATA + at), 1 => prop::sample::select(refused)]
}

fn asked() -> impl Strategy<Value = Asked> {
    let count = || prop_oneof![3 => 0u32..6, 1 => any::<u32>()];
    let read = (0u32..5, address(&[0, 1, 0xfff, CODE, CODE + 3, 0xffff_f000, 0xffff_ffff]), count());
    let write = (0u32..5, address(&[0, 1, 0xfff, 0xffff_f000, 0xffff_ffff]), count());
    let fstat = (0u32..6, address(&[0, 0xfec, CODE - 16, 0xffff_eff0, 0xffff_fff0]));
    let near = [0, DATA, DATA + PAGE, DATA + PAGE + 7, HEAP_LIMIT, HEAP_LIMIT + 1, u32::MAX];
    let brk = prop_oneof![prop::sample::select(near.to_vec()), any::<u32>()];
    let absent = (prop::sample::select(ABSENT.to_vec()), any::<[u32; 3]>());
    prop_oneof![
        6 => read.prop_map(|(a0, a1, a2)| (READ, [a0, a1, a2])),
        6 => write.prop_map(|(a0, a1, a2)| (WRITE, [a0, a1, a2])),
        2 => fstat.prop_map(|(a0, a1)| (FSTAT, [a0, a1, 0])),
        2 => brk.prop_map(|a0| (BRK, [a0, 0, 0])),
        1 => absent,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn calls_are_the_model_s(calls in prop::collection::vec(asked(), 1..30), input in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut model = Model { heap_end: DATA + PAGE, input: input.clone(), ..Model::default() };
        model.data = [b"data".to_vec(), vec![0; 60]].concat();
        let answers: Vec<Word> = calls.iter().map(|call| model.call(*call)).collect();
        let end = answers.iter().flat_map(|answer| answer.to_le_bytes()).chain(model.data[..8].to_vec());
        model.output.extend(end);
        let (output, messages) = made(&calls, &input);
        prop_assert_eq!(output, model.output);
        prop_assert_eq!(messages, model.messages);
    }
}
