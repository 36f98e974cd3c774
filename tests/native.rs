//! Native code by way of `execute`: guests with their checkpoints, limits, instructions of one's own.
//! `tests/lockstep/fast_pass.rs` compares it with the interpreter cycle by cycle.

#![allow(clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;

use common::{CODE, EXIT, guest, input_path};
use retrace::asm::{Layout, assemble};
use retrace::checkpoint::{Execution, Executor, Options, Policy, Stopped, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{Isa, Rv32i};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::replay::StreamingWitnessGenerator;

fn run<I: Isa>(
    program: &Arc<Program<I>>,
    arguments: &[&str],
    input: &[u8],
    executor: Executor,
    max_cycles: u64,
) -> Execution<I, Linux> {
    let names = std::iter::once("guest").chain(arguments.iter().copied());
    let options = Options {
        arguments: names.map(|name| name.as_bytes().to_vec()).collect(),
        policy: Policy::new(16, 10_007),
        max_cycles,
        executor,
        ..Options::default()
    };
    execute(Arc::clone(program), Linux::default(), Input::from(input.to_vec()), options).expect("it runs")
}

/// Runs a program by each executor: ends, states and checkpoints are the same. The run by native code.
fn same<I: Isa>(
    what: &str,
    program: &Arc<Program<I>>,
    arguments: &[&str],
    input: &[u8],
    max_cycles: u64,
) -> Execution<I, Linux> {
    let of = |executor| run(program, arguments, input, executor, max_cycles);
    let interpreted = of(Executor::Interpreter);
    assert_eq!(interpreted.native_code(), None);
    let [native, auto] = [Executor::Native, Executor::Auto].map(of);
    for compiled in [&native, &auto] {
        same_as(&interpreted, compiled, what);
    }
    native
}

fn same_as<I: Isa>(interpreted: &Execution<I, Linux>, native: &Execution<I, Linux>, what: &str) {
    assert_eq!(interpreted.stopped(), native.stopped(), "{what}");
    assert_eq!(interpreted.output(), native.output(), "{what}");
    assert_eq!(interpreted.memory_words(), native.memory_words(), "{what}");
    assert!(interpreted.checkpoints().cycles().eq(native.checkpoints().cycles()), "{what}");
    for cycle in interpreted.checkpoints().cycles() {
        let of = |execution: &Execution<I, Linux>| {
            let checkpoint = execution.checkpoints().nearest(cycle).expect("it is in memory");
            checkpoint.digest().expect("it is in memory")
        };
        assert_eq!(of(interpreted), of(native), "{what} at cycle {cycle}");
    }
    assert!(interpreted.exit() == native.exit(), "{what}");
}

fn assembled<I: Isa>(source: &str) -> Arc<Program<I>> {
    let assembly = assemble::<I>(source, Layout { code: CODE, ..Layout::default() });
    Arc::new(assembly.unwrap_or_else(|errors| panic!("{errors}")).program().expect("it can be loaded"))
}

/// What a segment's statement is made of, found again by whichever executor the run had.
#[test]
fn states_in_the_middle_are_found_alike() {
    let text = std::fs::read(input_path("two-blocks.txt")).expect("it is in the repository").repeat(1500);
    let program = guest("sha256");
    let [interpreted, native] = [Executor::Interpreter, Executor::Native].map(|executor| {
        StreamingWitnessGenerator::new(run(&program, &[], &text, executor, u64::MAX), Pool::serial())
    });
    assert!(native.execution().native_code().is_some_and(|code| code.regions > 0));
    let cycles = interpreted.execution().cycles();
    for cycle in [1, 10_000, cycles / 3, cycles / 2 + 1, cycles - 1] {
        let [expected, found] = [&interpreted, &native].map(|generator| {
            let (state, output) = generator.state_at(cycle).expect("it is in memory");
            (state.cycle, state.digest().expect("it is in memory"), output)
        });
        assert_eq!(expected, found, "cycle {cycle}");
    }
}

#[test]
fn guests_run_alike() {
    let text = std::fs::read(input_path("two-blocks.txt")).expect("it is in the repository");
    let long = text.repeat(1500);
    let guests: [(&str, &[&str], &[u8]); 11] = [
        ("abi", &[], &[]),
        ("alu", &["300000"], &[]),
        ("bits", &[], &[]),
        ("interp", &["600"], &[]),
        ("jsonfmt", &[], b"{\"a\": [1, 2, {\"b\": null}], \"c\": \"d\"}"),
        ("quicksort", &[], &long),
        ("sha256", &[], &long),
        ("sieve", &["400000"], &[]),
        ("tiny", &[], &[]),
        ("faults", &["ebreak"], &[]),
        ("signature", &[], &[]),
    ];
    let mut compiled = 0;
    for (name, arguments, input) in guests {
        let native = same(name, &guest(name), arguments, input, 3_000_000);
        compiled += native.native_code().expect("it is native code").regions;
    }
    assert!(compiled >= 4, "{compiled} pieces of code");
}

/// A block that leads to itself ends at the limit, wherever that is.
#[test]
fn an_endless_loop_ends_at_the_limit() {
    for (source, length) in [("1: nop; j 1b", 2), ("1: addi a0, a0, 1; add a1, a1, a0; j 1b", 3)] {
        let program = assembled::<Rv32i>(source);
        for limit in [1_500_000, 1_500_001, 1_500_002, 2_123_456] {
            let execution = same(source, &program, &[], &[], limit);
            assert_eq!(execution.stopped(), &Stopped::CycleLimit);
            assert_eq!(execution.cycles(), limit);
            assert_eq!(execution.exit().pc, CODE + 4 * (limit % length) as u32);
            assert_eq!(execution.native_code().map(|native| native.regions), Some(1), "{source}");
        }
    }
}

/// A recursive function: jumps to registers, in and out of what is compiled.
#[test]
fn calls_and_returns() {
    // fib(25) is 75025, of which a shell sees no more than the low byte; the exit code here is the word.
    let source = format!(
        "li sp, 0x200000; li a0, 25; jal fib; {EXIT}
         fib: li t0, 2; bltu a0, t0, 1f
         addi sp, sp, -12; sw ra, 0(sp); sw a0, 4(sp)
         addi a0, a0, -1; jal fib; sw a0, 8(sp)
         lw a0, 4(sp); addi a0, a0, -2; jal fib
         lw t0, 8(sp); add a0, a0, t0; lw ra, 0(sp); addi sp, sp, 12
         1: ret"
    );
    let execution = same("fib", &assembled::<Rv32i>(&source), &[], &[], u64::MAX);
    assert_eq!(execution.exit_code(), Some(75_025));
}

/// A call is the interpreter's; what comes before it and what comes after are compiled, together.
#[test]
fn what_follows_a_call_is_compiled() {
    let source = format!(
        "li s1, 300000; 1: li a7, 214; li a0, 0; ecall; add s2, s2, a0; addi s1, s1, -1; bnez s1, 1b
         li a0, 5; {EXIT}"
    );
    let execution = same("brk", &assembled::<Rv32i>(&source), &[], &[], u64::MAX);
    assert_eq!(execution.exit_code(), Some(5));
    // Of the loop all but the call; what comes behind the loop was not executed when it was compiled.
    let native = execution.native_code().expect("it is native code");
    assert_eq!((native.regions, native.instructions), (1, 5), "{native:?}");
}

/// What native code leaves to the interpreter again and again: stores beside code, on a page that is never writable.
#[test]
fn stores_beside_code_are_made() {
    let source = format!(
        "la s0, place; li s1, 500000
         1: lw t0, 0(s0); addi t0, t0, 3; sw t0, 0(s0); addi s1, s1, -1; bnez s1, 1b
         lw a0, 0(s0); {EXIT}
         .data
         place: .word 7"
    );
    let layout = Layout { code: CODE, data: CODE + 0x400 };
    let assembly = assemble::<Rv32i>(&source, layout).unwrap_or_else(|errors| panic!("{errors}"));
    let program = Arc::new(assembly.program::<Rv32i>().expect("it can be loaded"));
    assert_eq!(same("beside", &program, &[], &[], u64::MAX).exit_code(), Some(7 + 3 * 500_000));
}

/// The instruction that only examples/custom-isa has, of whose semantics nothing is said but the TOML.
#[test]
fn an_instruction_of_ones_own_is_compiled() {
    retrace::isa! {
        /// RV32I with a rotating exclusive or.
        struct Rotxor = "examples/custom-isa/isa/rotxor.toml";
    }
    let source = format!(
        "li a1, 0x9e3779b9; li s1, 500000; 1: rotxor a0, a0, a1; addi s1, s1, -1; bnez s1, 1b; {EXIT}"
    );
    let execution = same("rotxor", &assembled::<Rotxor>(&source), &[], &[], u64::MAX);
    let expected = (0..500_000).fold(0u32, |x, _| (x ^ 0x9e37_79b9).rotate_left(7));
    assert_eq!(execution.exit_code(), Some(expected));
    let native = execution.native_code().expect("it is native code");
    assert!(native.regions == 1 && native.instructions >= 3 && native.bytes > 0, "{native:?}");
}

/// A run that waits for a word is interpreted, and a command that asks for the interpreter gets it.
#[test]
fn the_interpreter_serves_where_it_is_asked_for() {
    let program = guest("alu");
    for executor in [Executor::Auto, Executor::Native, Executor::Interpreter] {
        let until_stored = (executor == Executor::Native).then_some(0x10_0000);
        let options = Options { executor, until_stored, max_cycles: 20_000, ..Options::default() };
        let execution = execute(Arc::clone(&program), Linux::default(), Input::empty(), options);
        let native = execution.expect("it runs").native_code();
        assert_eq!(native.is_some(), executor == Executor::Auto, "{executor:?}");
    }
}
