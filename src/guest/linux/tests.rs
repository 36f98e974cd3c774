use std::io::{self, Write};
use std::sync::Arc;

use super::*;
use crate::checkpoint::{Checkpoint, ExecuteError, Execution, Options, execute};
use crate::guest::{Input, Output, Shared};
use crate::machine::test_isa::{Asm, BASE, TestIsa, echo, program};
use crate::machine::{Machine, RunError};
use crate::program::Program;

fn run(program: Arc<Program<TestIsa>>, input: &[u8]) -> (Execution<TestIsa, Linux>, Vec<u8>) {
    let output = Shared::default();
    let options =
        Options { output: Output::new(Box::new(output.clone()), Box::new(io::sink())), ..Options::default() };
    let execution = execute(program, Linux::default(), Input::from(input), options).unwrap();
    let bytes = output.0.lock().unwrap().clone();
    (execution, bytes)
}

fn stack(arguments: &[&str]) -> (Vec<Word>, Checkpoint<Linux>, Machine<TestIsa, Linux>) {
    let program = program(&[&Asm::exit()]);
    let arguments: Vec<Vec<u8>> = arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect();
    let initial = Checkpoint::initial(&program, Linux::default(), &arguments, &Input::empty()).unwrap();
    let machine = Machine::new(program, Input::empty(), &initial).unwrap();
    let words = (0..16).map(|at| machine.memory().peek(initial.registers[2] + 4 * at).unwrap()).collect();
    (words, initial, machine)
}

fn string(machine: &Machine<TestIsa, Linux>, address: Word) -> String {
    let byte = |at: Word| (machine.memory().peek(at).unwrap() >> (at % 4 * 8)) as u8;
    (address..).map(byte).take_while(|&byte| byte != 0).map(char::from).collect()
}

#[test]
fn the_stack_is_what_execve_leaves() {
    let (words, initial, machine) = stack(&["guest", "", "three"]);
    assert_eq!(initial.registers[2] % 16, 0);
    assert_eq!(initial.registers.iter().filter(|&&register| register != 0).count(), 1);
    assert_eq!(initial.pc, BASE);
    assert_eq!(words[0], 3);
    assert_eq!([1, 2, 3].map(|at| string(&machine, words[at])), ["guest", "", "three"]);
    assert_eq!(words[4..6], [0, 0], "the ends of argv and of the environment");
    assert_eq!(words[6..11], [AT_PAGESZ, 4096, AT_ENTRY, BASE, AT_RANDOM]);
    assert_eq!(string(&machine, words[11])[..16], *"retrace: chosen.");
    assert_eq!(words[11] % 16, 0);
    assert_eq!(words[12], AT_EXECFN);
    assert_eq!(string(&machine, words[13]), "guest");
    assert_eq!(words[14..16], [AT_NULL, 0]);
}

#[test]
fn the_stack_is_aligned_for_any_arguments() {
    for count in 0..9 {
        let arguments = vec!["abcdefg"; count];
        let (words, initial, machine) = stack(&arguments);
        assert_eq!((words[0] as usize, initial.registers[2] % 16), (count, 0));
        assert!(words[1..=count].iter().all(|&at| string(&machine, at) == "abcdefg"));
        assert_eq!(words[count + 1], 0);
    }
}

#[test]
fn arguments_that_cannot_be_passed_are_refused() {
    let program = program(&[&Asm::exit()]);
    let initial = |argument: Vec<u8>| {
        Checkpoint::initial(&program, Linux::default(), &[argument], &Input::empty()).unwrap_err()
    };
    assert_eq!(initial(b"a\0b".to_vec()), StartError::ZeroByte { index: 0 });
    assert!(matches!(initial(vec![b'a'; 3 << 20]), StartError::ArgumentsTooLong { .. }));
}

#[test]
fn the_stack_gives_way_to_segments() {
    let middle = STACK_TOPS[0] as Word;
    let load = |data: &[(Word, &[u8])]| Program::<TestIsa>::from_code(BASE, &Asm::exit(), data).unwrap();
    let initial =
        |program: &Program<TestIsa>| Checkpoint::initial(program, Linux::default(), &[], &Input::empty());
    let above = initial(&load(&[(middle - 4, b"here")])).unwrap();
    assert!(above.registers[2] > middle);
    let full = load(&[(middle - 4, b"here"), (Word::MAX - 0x10_0000, b"there")]);
    assert!(matches!(initial(&full), Err(StartError::NoStack { .. })));
}

/// The words of the auxiliary vector's keys are those of Linux's `auxvec.h`.
#[test]
fn the_name_is_there_twice_and_may_be_missing() {
    let (words, _, machine) = stack(&["./name", "argument"]);
    let execfn = words.iter().position(|&word| word == AT_EXECFN).unwrap();
    assert_eq!(string(&machine, words[execfn + 1]), "./name");
    assert_ne!(words[execfn + 1], words[1], "as under Linux it is another string");
    let (words, _, machine) = stack(&[]);
    let execfn = words.iter().position(|&word| word == AT_EXECFN).unwrap();
    assert_eq!(words[..3], [0, 0, 0]);
    assert_eq!(string(&machine, words[execfn + 1]), "");
}

fn with_stack(stack_size: u64, data: &[(Word, &[u8])]) -> Result<Checkpoint<Linux>, StartError> {
    let program = Program::<TestIsa>::from_code(BASE, &Asm::exit(), data).unwrap();
    Checkpoint::initial_with_stack(
        &program,
        Linux::default(),
        &[b"guest".to_vec()],
        &Input::empty(),
        stack_size,
    )
}

#[test]
fn the_stack_is_as_large_as_is_asked_for() {
    let middle = STACK_TOPS[0];
    for (asked, given) in [(STACK_BYTES, STACK_BYTES), (1, 4096), (4097, 8192), (1 << 30, 1 << 30)] {
        let guard = with_stack(asked, &[]).unwrap().guest.stack_guard();
        assert_eq!(u64::from(guard.end), middle - given, "{asked}");
        let free = u64::from(guard.end) - u64::from(BASE) - 4 * Asm::exit().len() as u64;
        let guarded = u64::from(guard.end - guard.start);
        assert!(guarded <= free / 4 && guarded + 4096 > free / 4, "{guarded} of {free}");
    }
    assert!(matches!(with_stack(4 << 30, &[]), Err(StartError::NoStack { .. })));
    let above = with_stack(middle, &[]).unwrap();
    assert_eq!(
        u64::from(above.guest.stack_guard().end),
        STACK_TOPS[1] - middle,
        "the program is below the middle"
    );
    let long = vec![b'a'; 1000];
    let program = Program::<TestIsa>::from_code(BASE, &Asm::exit(), &[]).unwrap();
    let small = |argument: Vec<u8>| {
        Checkpoint::initial_with_stack(&program, Linux::default(), &[argument], &Input::empty(), 4096)
    };
    assert!(matches!(small(long), Err(StartError::ArgumentsTooLong { limit: 1024, .. })));
    assert!(small(vec![b'a'; 400]).is_ok());
}

#[test]
fn memory_is_heap_stack_or_neither() {
    let state = Linux {
        heap_start: 0x2_0000,
        heap_limit: 0x2_5000,
        guard_start: 0x7000_0000,
        stack_limit: 0x7f80_0000,
    };
    let uses = [0x1_ffff, 0x2_0000, 0x2_4fff, 0x2_5000, 0x7f7f_ffff, 0x7f80_0000, 0x7fff_ffff, 0x8000_0000];
    use MemoryUse::{Heap, Other, Stack};
    assert_eq!(
        uses.map(|address| state.use_of(address)),
        [Other, Heap, Heap, Other, Other, Stack, Stack, Other]
    );
    let above = Linux { stack_limit: 0xff00_0000, ..state };
    assert_eq!([0x8000_0000, 0xff00_0000, 0xffff_f000].map(|at| above.use_of(at)), [Other, Stack, Other]);
}

#[test]
fn what_is_read_is_what_is_written() {
    for length in [0, 1, 4, 9, 1000, 70_000] {
        let input: Vec<u8> = (0..length).map(|at| (at % 253) as u8).collect();
        let (execution, output) = run(echo(), &input);
        assert_eq!(output, input);
        assert_eq!(execution.exit_code(), Some(length as Word));
        assert_eq!(execution.output().hash, *blake3::hash(&input).as_bytes());
    }
}

#[test]
fn the_state_survives_being_saved() {
    let state = Linux { heap_start: 1, heap_limit: 0x1234_5678, guard_start: 0xffff_ffff, stack_limit: 7 };
    assert_eq!(Linux::restore(&state.save()), Some(state.clone()));
    assert_eq!(Linux::restore(&state.save()[1..]), None);
}

#[test]
fn a_sink_that_fails_ends_the_run() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for length in [10, 100_000] {
        let options =
            Options { output: Output::new(Box::new(Full), Box::new(io::sink())), ..Options::default() };
        let ended = execute(echo(), Linux::default(), Input::from(vec![1; length]), options);
        assert!(matches!(ended, Err(ExecuteError::Host(RunError::Output(_)))), "{length} bytes");
    }
}
