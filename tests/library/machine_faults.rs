//! What a real machine, or Linux on it, would not do silently: jumps to themselves, stacks and memory that grow without
//! end, base registers that nothing sets, data that start-up code copies.

use std::sync::Arc;

use retrace::asm::{Layout, assemble};
use retrace::checkpoint::{
    Checkpoint, CheckpointFile, Execution, Executor, FileOptions, Options, Policy, Resume, Stopped, execute,
};
use retrace::guest::{Guest, Input, Linux, MemoryUse};
use retrace::isa::{Rv32i, TrapCause, Word};
use retrace::machine::{Fault, Machine, RunError};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::proof::{Prover, Verifier, VerifyError};
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;

use crate::common::{CODE, DATA, EXIT, executors, guest, words};

fn assembled(source: &str) -> Arc<Program<Rv32i>> {
    let assembly = assemble::<Rv32i>(source, Layout { code: CODE, data: DATA });
    let words = assembly.unwrap_or_else(|errors| panic!("{errors}")).code.words();
    Arc::new(Program::from_code(CODE, &words, &[]).expect("it can be loaded"))
}

fn run_with(program: &Arc<Program<Rv32i>>, options: Options<'_>) -> Execution<Rv32i, Linux> {
    execute(Arc::clone(program), Linux::default(), Input::empty(), options).expect("it runs")
}

fn run(program: &Arc<Program<Rv32i>>) -> Execution<Rv32i, Linux> {
    run_with(program, Options { max_cycles: 100_000_000, ..Options::default() })
}

/// The fault that both executors end in, with the same state; and replay reaches that state, and the fault after it.
fn fault(program: &Arc<Program<Rv32i>>) -> Fault {
    let mut found: Option<(Fault, Execution<Rv32i, Linux>)> = None;
    for executor in executors() {
        let policy = Policy::new(4, 64);
        let execution =
            run_with(program, Options { executor, policy, max_cycles: 100_000_000, ..Options::default() });
        let Stopped::Trapped(fault) = execution.stopped() else {
            panic!("{:?} is no fault", execution.stopped());
        };
        if let Some((other, before)) = &found {
            assert_eq!(other, &**fault);
            assert!(before.exit() == execution.exit());
        } else {
            found = Some(((**fault).clone(), execution));
        }
    }
    let (fault, execution) = found.expect("there is an interpreter");
    assert_eq!(fault.cycle, execution.cycles());
    let generator = StreamingWitnessGenerator::new(execution, Pool::serial());
    let (state, _) = generator.state_at(fault.cycle).expect("it was executed");
    let initial = Checkpoint::initial(program, Linux::default(), &[b"guest".to_vec()], &Input::empty())
        .expect("it starts");
    for start in [state.clone(), initial] {
        let mut machine = Machine::new(Arc::clone(program), Input::empty(), &start).expect("there is memory");
        match machine.run(u64::MAX, &mut ()) {
            Err(RunError::Fault(again)) => assert_eq!(*again, fault),
            other => panic!("{other:?} is no fault"),
        }
        assert!(machine.checkpoint() == state);
    }
    fault
}

/// The jump and the cycles before it are counted by hand.
#[test]
fn a_jump_to_itself_is_told_at_once() {
    for (source, cycle, index) in [
        ("1: j 1b", 0, 0),
        ("li a0, 1; 1: j 1b", 1, 1),
        ("1: beq zero, zero, 1b", 0, 0),
        ("li a0, 3; 1: bnez a0, 1b", 1, 1),
        // By a register, where no other jump leads, and where one does.
        ("auipc t0, 0; jr 4(t0)", 1, 1),
        ("auipc t0, 0; j 1f; nop; 1: jr 12(t0)", 2, 3),
        // The low bit of the target is dropped.
        ("auipc t0, 0; jr 5(t0)", 1, 1),
        // After a loop that is hot, which it is a part of: a0 is 20,000, then 19,999, …
        ("li a0, 5; slli a0, a0, 12; 1: beqz a0, 1b; addi a0, a0, -1; j 1b", 2 + 3 * 5 * 4096, 2),
    ] {
        let fault = fault(&assembled(source));
        assert_eq!(fault.cause, TrapCause::SelfJump, "{source}");
        assert_eq!(
            (fault.cycle, fault.pc, fault.value),
            (cycle, CODE + 4 * index, CODE + 4 * index),
            "{source}"
        );
        let text = fault.to_string();
        assert!(text.contains("jump to itself") && text.contains("a7 = 93"), "{text}");
    }
}

/// A function that only returns is called often, and then with its own address as the return address.
#[test]
fn a_return_to_itself_is_told_after_many_that_are_none() {
    let turns = 20_480;
    let source = "li s0, 5; slli s0, s0, 12; 1: jal f; addi s0, s0, -1; bnez s0, 1b
                  auipc ra, 0; addi ra, ra, 16; j f; nop; f: ret";
    let fault = fault(&assembled(source));
    assert_eq!((fault.cause, fault.pc), (TrapCause::SelfJump, CODE + 4 * 9));
    assert_eq!(fault.cycle, 2 + 4 * turns + 3);
}

/// What does not end is told only where one instruction shows it.
#[test]
fn longer_loops_and_links_are_not_told() {
    for source in ["1: nop; j 1b", "1: jal ra, 1b", "auipc t0, 0; 1: jalr ra, 4(t0)", "1: j 2f; 2: j 1b"] {
        for executor in executors() {
            let options = Options { executor, max_cycles: 50_000, ..Options::default() };
            let execution = run_with(&assembled(source), options);
            assert_eq!(execution.stopped(), &Stopped::CycleLimit, "{source}");
        }
    }
}

/// A branch to itself that is not taken is an ordinary one: 3 · 20,480 rounds of three instructions.
#[test]
fn a_branch_to_itself_that_is_not_taken_goes_on() {
    let source =
        format!("li s0, 15; slli s0, s0, 12; 1: bltz s0, 1b; addi s0, s0, -1; bnez s0, 1b; li a0, 9; {EXIT}");
    for executor in executors() {
        let execution = run_with(&assembled(&source), Options { executor, ..Options::default() });
        assert_eq!((execution.exit_code(), execution.cycles()), (Some(9), 2 + 3 * 15 * 4096 + 3));
    }
}

/// Such a branch in a hot loop keeps nothing from being compiled.
#[test]
fn a_branch_to_itself_that_is_not_taken_is_compiled() {
    let source = format!("li s0, 0x400000; 1: bltz s0, .; addi s0, s0, -1; bnez s0, 1b; li a0, 9; {EXIT}");
    for executor in executors() {
        let execution = run_with(&assembled(&source), Options { executor, ..Options::default() });
        assert_eq!((execution.exit_code(), execution.cycles()), (Some(9), 1 + 3 * 0x40_0000 + 3));
        assert_eq!(
            execution.native_code().is_some_and(|code| code.regions > 0),
            executor == Executor::Native
        );
    }
}

/// A run up to the jump is proven as a segment; the whole is refused.
#[test]
fn what_was_executed_before_a_jump_to_itself_can_be_proven() {
    let program = assembled("li a0, 1; addi a0, a0, 1; 1: j 1b");
    let generator = StreamingWitnessGenerator::new(run(&program), Pool::serial());
    let oracle = retrace::oracle::WitnessOracle::new(generator).expect("there are rows");
    let refused = Prover::<ark_bn254::Fr>::new(Budget::Unlimited).prove(&oracle).unwrap_err();
    assert!(refused.to_string().contains("jump to itself"), "{refused}");
}

/// Three functions, frames of 24, 9000 and 700 bytes and what the compiler adds; the exit code is the depth mod 251.
#[test]
fn recursion_ends_at_the_stack_limit() {
    let program = guest("recursion");
    let fault = fault(&program);
    assert_eq!(fault.cause, TrapCause::StackOverflow);
    let low = 0x8000_0000 - (8 << 20);
    assert!(fault.value < low && fault.value >= low - 9100, "{fault}");
    assert!(
        fault.to_string().contains("stack overflow") && fault.to_string().contains("--stack-size"),
        "{fault}"
    );
    // 9724 bytes at least, and 10,000 at most, for three calls.
    let depth = |depth: u64, stack_size: u64| {
        let arguments = vec![b"recursion".to_vec(), depth.to_string().into_bytes()];
        run_with(&program, Options { arguments, stack_size, ..Options::default() }).stopped().clone()
    };
    for stack_size in [1 << 20, 8 << 20, 64 << 20] {
        let most = 3 * stack_size / 9724;
        let fits = 3 * (stack_size - 20_000) / 10_000;
        assert_eq!(depth(fits, stack_size), Stopped::Exited((fits % 251) as Word));
        let ended = depth(most, stack_size);
        assert!(matches!(&ended, Stopped::Trapped(it) if it.cause == TrapCause::StackOverflow), "{ended:?}");
    }
}

/// A frame much larger than the stack, of which only the far end is touched.
#[test]
fn a_frame_larger_than_the_stack_is_an_overflow() {
    for megabytes in [9, 100, 400] {
        let source = format!("li t0, {}; sub sp, sp, t0; sw a0, 0(sp)", megabytes << 20);
        assert_eq!(fault(&assembled(&source)).cause, TrapCause::StackOverflow, "{megabytes} MiB");
    }
    // So is a call's buffer there.
    let source =
        format!("li t0, 0x1000000; sub sp, sp, t0; li a0, 1; mv a1, sp; li a2, 4; li a7, 64; ecall; {EXIT}");
    assert_eq!(fault(&assembled(&source)).cause, TrapCause::StackOverflow);
}

/// `lui sp, 0x70000`, as data among the code: the program has no stack of its own.
#[test]
fn data_among_code_says_nothing_of_the_stack() {
    let program = assembled("j 1f; .word 0x70000137; 1: addi sp, sp, -16; sw ra, 0(sp); jal 1b");
    assert_eq!(fault(&program).cause, TrapCause::StackOverflow);
}

/// Memory below the default stack is memory for whoever has the stack elsewhere, or in its place.
#[test]
fn the_limit_concerns_the_default_stack_alone() {
    let low: Word = 0x8000_0000 - (8 << 20);
    let stack = |set: &str| {
        format!(
            "{set}; li t0, 1000; 1: addi sp, sp, -16; sw t0, 0(sp); addi t0, t0, -1; bnez t0, 1b; lw a0, 0(sp); {EXIT}"
        )
    };
    for top in [0x2000_0000, 0x7000_0000, low, low - 4096 + 16, low - (100 << 20), 0xc000_0000] {
        // By lui and addi, as `la` and `li` do.
        assert_eq!(run(&assembled(&stack(&format!("li sp, {top:#x}")))).exit_code(), Some(1), "{top:#x}");
    }
    for at in [low - 4, low - (64 << 20), 0x6800_0000] {
        let source = format!("li t0, {at:#x}; li t1, 5; sw t1, 0(t0); lw a0, 0(t0); {EXIT}");
        for executor in executors() {
            let execution = run_with(&assembled(&source), Options { executor, ..Options::default() });
            assert_eq!(execution.exit_code(), Some(5), "{at:#x}");
        }
    }
}

/// A page that was touched while the stack was where it may be is no way out for a stack that is not; nor after a restore.
#[test]
fn what_was_touched_before_makes_no_difference() {
    let touched = "li t0, 0x7f7ff000; sw t0, 0(t0); lw a0, 0(t0)";
    let source = format!("{touched}; li t1, 0x801000; sub sp, sp, t1; sw a0, 0x10(sp)");
    let fault = fault(&assembled(&source));
    assert_eq!(fault.cause, TrapCause::StackOverflow);
    assert_eq!(fault.cycle, 5, "lui, sw, lw, lui, sub");
}

/// `brk` up to the stack: the heap ends there, and is memory up to its end.
#[test]
fn a_heap_may_grow_up_to_the_stack() {
    let low: Word = 0x8000_0000 - (8 << 20);
    let source = format!(
        "li a0, {low:#x}; li a7, 214; ecall; mv s0, a0; li t0, {low:#x}; bne s0, t0, 1f
         sw t0, -4(s0); lw a0, -4(s0); sub a0, a0, t0; {EXIT}; 1: li a0, 1; {EXIT}"
    );
    assert_eq!(run(&assembled(&source)).exit_code(), Some(0));
    let beyond = format!("li a0, {:#x}; li a7, 214; ecall; srli a0, a0, 16; {EXIT}", low + 1);
    assert_eq!(run(&assembled(&beyond)).exit_code(), Some(1), "0x11000: the heap's start");
}

/// Walks memory from an address, a page a round.
fn walk(set_up: &str) -> Arc<Program<Rv32i>> {
    assembled(&format!("{set_up}; lui t1, 1; 1: sw t1, 0(t0); add t0, t0, t1; j 1b"))
}

#[test]
fn memory_that_grows_without_end_is_told() {
    let heap = "li a0, 0x40000000; li a7, 214; ecall; li t0, 0x11000";
    let elsewhere = "li t0, 0xa0000000";
    for executor in executors() {
        for (set_up, expected) in [(heap, MemoryUse::Heap), (elsewhere, MemoryUse::Other)] {
            let before = words::<Rv32i>(set_up).len() as u64;
            let options =
                Options { executor, max_memory: 10 << 20, max_cycles: 1 << 20, ..Options::default() };
            let execution = run_with(&walk(set_up), options);
            let &Stopped::MemoryLimit { limit, address, grew } = execution.stopped() else {
                panic!("{:?}", execution.stopped());
            };
            assert_eq!((limit, grew), (10 << 20, expected));
            assert_eq!(execution.memory_words() * 4, 10 << 20);
            assert_eq!(execution.cycles(), before + 1 + 3 * 2560);
            assert_eq!(address, execution.exit().registers[5]);
        }
    }
    // A stack below the limit may be larger than memory may.
    let arguments = vec![b"recursion".to_vec()];
    let options = Options { arguments, stack_size: 256 << 20, max_memory: 4 << 20, ..Options::default() };
    let execution = run_with(&guest("recursion"), options);
    assert!(
        matches!(execution.stopped(), Stopped::MemoryLimit { grew: MemoryUse::Stack, .. }),
        "{:?}",
        execution.stopped()
    );
}

/// As a run with the higher limit from the start; and what was touched before counts once.
#[test]
fn a_run_that_reached_its_memory_limit_goes_on_with_a_higher_one() {
    let path = std::env::temp_dir().join(format!("retrace-memory-limit-{}", std::process::id()));
    // Round after round over 40 pages, then over 80.
    let source = format!(
        "li s1, 40; 3: li s2, 3; 2: li t0, 0x100000; mv s0, s1; lui t1, 1
         1: sw s0, 0(t0); add t0, t0, t1; addi s0, s0, -1; bnez s0, 1b
         addi s2, s2, -1; bnez s2, 2b; slli s1, s1, 1; li t2, 100; blt s1, t2, 3b; li a0, 3; {EXIT}"
    );
    let program = assembled(&source);
    let whole = run(&program);
    assert_eq!((whole.exit_code(), whole.memory_words()), (Some(3), 80 * 1024));
    let file = Some(FileOptions::new(&path));
    let options = Options { file, max_memory: 50 * 4096, ..Options::default() };
    let first = run_with(&program, options);
    assert!(matches!(first.stopped(), Stopped::MemoryLimit { .. }));
    assert_eq!(first.memory_words(), 50 * 1024);
    let kept =
        CheckpointFile::open(&path).expect("it can be read").execution::<_, Linux>(Arc::clone(&program));
    assert_eq!(kept.expect("it is this program's").stopped(), first.stopped());
    for (pages, ends) in [(50, false), (79, false), (80, true)] {
        let resume = Resume::open(FileOptions::new(&path)).expect("it can be resumed");
        let options = Options { max_memory: pages * 4096, ..Options::default() };
        let execution: Execution<Rv32i, Linux> = resume.run(Arc::clone(&program), options).expect("it runs");
        if ends {
            assert_eq!(execution.exit(), whole.exit());
        } else {
            assert!(matches!(execution.stopped(), Stopped::MemoryLimit { .. }), "{:?}", execution.stopped());
            assert_eq!(execution.memory_words(), pages * 1024);
        }
    }
    std::fs::remove_file(path).expect("it was there");
}

/// The stack's size is in the state that is proven; the memory's limit is not.
#[test]
fn a_proof_is_of_a_stack_size_and_of_no_memory_limit() {
    let program = assembled(&format!("li t0, 0x900000; sub sp, sp, t0; sw t0, 0(sp); li a0, 0; {EXIT}"));
    let options = Options { stack_size: 16 << 20, max_memory: 1 << 20, ..Options::default() };
    let generator = StreamingWitnessGenerator::new(run_with(&program, options), Pool::serial());
    let oracle = retrace::oracle::WitnessOracle::new(generator).expect("there are rows");
    let (proof, _) = Prover::<ark_bn254::Fr>::new(Budget::Unlimited).prove(&oracle).expect("it exits");
    let verifier = || Verifier::new(Arc::clone(&program), Input::empty());
    let accepted = Verifier { stack_size: 16 << 20, ..verifier() }.verify::<ark_bn254::Fr>(&proof);
    accepted.expect("it is honest");
    let refused = verifier().verify::<ark_bn254::Fr>(&proof).unwrap_err();
    assert!(matches!(refused, VerifyError::Other { .. }), "{refused}");
    assert!(
        refused.to_string().contains("stack size") && refused.to_string().contains("--arg0"),
        "{refused}"
    );
}

/// 20 + 15 + 7 from data that start-up code copies from its load address; .bss is not copied there.
#[test]
fn start_up_code_finds_its_data_at_the_load_address() {
    let program = guest("rom");
    assert_eq!(program.load_copies(), core::slice::from_ref(&(0x2000_00a8..0x2000_0884)));
    assert_eq!(run(&program).exit_code(), Some(42));
}

#[test]
fn the_heap_begins_after_the_highest_virtual_address() {
    let mut heap = Linux::default();
    let program = guest("rom");
    let first = Checkpoint::initial(&program, heap.clone(), &[], &Input::empty()).expect("it can be started");
    heap = first.guest;
    // heap_start is the first word that is saved.
    assert_eq!(heap.save()[..4], 0x8000_1000u32.to_le_bytes());
}

/// The guest compares each entry with the file's own header, which it finds at a symbol of the linker's.
#[test]
fn the_auxiliary_vector_is_linux_s() {
    assert_eq!(run(&guest("auxv")).exit_code(), Some(127));
    if let Ok(ended) =
        std::process::Command::new("qemu-riscv32").arg(crate::common::guest_path("auxv")).status()
    {
        assert_eq!(ended.code(), Some(127), "under qemu");
    }
    assert_eq!(guest("tiny").headers(), None, "no segment loads them");
}

/// The linker makes addresses relative to gp: below, above, by an instruction before the access, and in a store.
#[test]
fn a_base_register_that_nothing_sets_is_named() {
    use TrapCause::{LastPageLoad, NullLoad, NullStore};
    for (argument, cause) in
        [("below", LastPageLoad), ("above", NullLoad), ("address", LastPageLoad), ("store", NullStore)]
    {
        let arguments = vec![b"nogp".to_vec(), argument.into()];
        for executor in executors() {
            let options = Options { executor, arguments: arguments.clone(), ..Options::default() };
            let execution = run_with(&guest("nogp"), options);
            let Stopped::Trapped(fault) = execution.stopped() else { panic!("{argument} is no fault") };
            assert_eq!((fault.cause, fault.unwritten), (cause, Some("gp")), "{argument}");
            assert!(fault.to_string().contains("--no-relax-gp"), "{fault}");
        }
    }
}

#[test]
fn only_what_was_never_set_is_named() {
    for (source, unwritten) in [
        ("lw a0, -4(tp)", Some("tp")),
        ("sb a0, 3(s7)", Some("s7")),
        ("lh a0, 1(gp)", Some("gp")),
        ("addi t0, gp, 4; addi t1, t0, 4; lw a0, 0(t1)", Some("gp")),
        ("add t0, gp, gp; lw a0, -8(t0)", Some("gp")),
        // gp is set, by whatever instruction, wherever it is.
        ("lw a0, -4(gp); lui gp, 1", None),
        ("j 1f; lw gp, 0(sp); 1: lw a0, 4(gp)", None),
        // A null pointer that was computed, or loaded.
        ("li t0, 0; lw a0, 4(t0)", None),
        ("lw t0, -64(sp); lw a0, 4(t0)", None),
        ("lw a0, 0(zero)", None),
        // t0 is not from the instruction before, which was jumped over.
        ("li t0, 8; j 1f; addi t0, gp, 4; 1: lw a0, 0(t0)", None),
    ] {
        let fault = fault(&assembled(source));
        assert_eq!(fault.unwritten, unwritten, "{source}: {fault}");
        assert_eq!(fault.to_string().contains("nothing ever sets"), unwritten.is_some(), "{fault}");
    }
}

#[test]
fn the_first_and_the_last_page_trap() {
    use TrapCause::{LastPageLoad, LastPageStore, NullLoad, NullStore};
    for (source, cause) in [
        ("li t0, 0xffc; lw a0, 0(t0)", NullLoad),
        ("li t0, 0xffc; sb a0, 3(t0)", NullStore),
        ("li t0, -4; lw a0, 0(t0)", LastPageLoad),
        ("li t0, 0xfffff000; lbu zero, 0(t0)", LastPageLoad),
        ("li t0, -1; sb a0, 0(t0)", LastPageStore),
        // After a loop that is hot enough to be compiled, with the same instruction.
        (
            "li t0, 0xffff0000; lui t1, 1; addi s0, t0, 0; 1: sw t0, 0(s0); addi s0, s0, 4; bnez s0, 1b",
            LastPageStore,
        ),
    ] {
        assert_eq!(fault(&assembled(source)).cause, cause, "{source}");
    }
    for address in ["0x1000", "0xffffeffc"] {
        let source = format!("li t0, {address}; li a0, 6; sw a0, 0(t0); lw a0, 0(t0); {EXIT}");
        assert_eq!(run(&assembled(&source)).exit_code(), Some(6), "{address}");
    }
    // read and write give −EFAULT, 14.
    for (address, call) in [("0xfffff004", 63), ("0xfffff004", 64), ("16", 63), ("16", 64)] {
        let source = format!(
            "li a0, {}; li a1, {address}; li a2, 4; li a7, {call}; ecall; neg a0, a0; {EXIT}",
            call - 63
        );
        let input = Input::from(vec![1; 8]);
        let execution =
            execute(assembled(&source), Linux::default(), input, Options::default()).expect("it runs");
        assert_eq!(execution.exit_code(), Some(14), "{address}, {call}");
    }
}
