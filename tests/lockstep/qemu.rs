//! Random programs here and under qemu-riscv32: the same registers and memory at their ends.

use core::ops::Range;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use retrace::isa::{Happens, Isa, MemoryAccess, Rv32im, Rv32imZbb};

use crate::batch::{Batch, End, here, is_installed, qemu, scratch};
use crate::cases::cases;
use crate::code::{self, BATCH, Code, PRINT_CYCLES, PRINTED, Place, REGISTER_BYTES};
use crate::generator::{Item, POINTER, Program, RESULTS, immediate};

/// Of each instruction set, unless `RETRACE_LOCKSTEP` says otherwise.
const PROGRAMS: u64 = 4096;

fn numbers() -> Range<u64> {
    let Ok(text) = std::env::var("RETRACE_LOCKSTEP") else { return 0..PROGRAMS };
    let (start, end) = text.split_once("..").unwrap_or(("0", &text));
    let number = |text: &str| text.parse().expect("RETRACE_LOCKSTEP is a number, or two with .. between");
    number(start)..number(end)
}

/// Compares batches of programs, given by their first number and one more than their last, on all threads.
fn compare<I: Isa>(name: &str, numbers: Range<u64>, program: impl Fn(u64) -> Program + Sync) {
    if !is_installed() {
        return;
    }
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
    let next = AtomicU64::new(numbers.start / BATCH);
    let cycles = AtomicU64::new(0);
    let work = |thread: usize| {
        let path = scratch(&format!("{name}-{thread}"));
        loop {
            let batch = next.fetch_add(1, Ordering::Relaxed);
            let range = (batch * BATCH).max(numbers.start)..((batch + 1) * BATCH).min(numbers.end);
            if range.is_empty() {
                break;
            }
            let batch = Batch::new(range.map(&program).collect());
            let (difference, run) = batch.compare::<I>(&path);
            cycles.fetch_add(run, Ordering::Relaxed);
            if let Some(difference) = difference {
                let program = &batch.programs[difference.index];
                let smallest = Batch::smallest::<I>(program, &path);
                panic!("{name}, program {}: {}\nalone: {smallest}", program.number, difference.what);
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    let (programs, seconds) = (numbers.end - numbers.start, begun.elapsed().as_secs_f64());
    let instructions = cycles.into_inner() - programs * PRINT_CYCLES;
    eprintln!("{name}: {programs} programs, {instructions} instructions without printing, {seconds:.1} s");
}

#[test]
fn random_programs_of_rv32im() {
    compare::<Rv32im>("rv32im", numbers(), Program::new::<Rv32im>);
}

#[test]
fn random_programs_of_rv32im_zbb() {
    compare::<Rv32imZbb>("rv32im_zbb", numbers(), Program::new::<Rv32imZbb>);
}

/// What goes on to the next instruction, on edge operands: Zbb too, which neither model has.
#[test]
fn every_instruction_on_edge_operands() {
    type All = Rv32imZbb;
    let store = All::SPEC.instructions.iter().find(|i| i.name == "sw").expect("it is in RV32I");
    let mut items = Vec::new();
    for instruction in All::SPEC.instructions {
        let effects = instruction.effects;
        if effects.memory != MemoryAccess::None || effects.jump != Happens::Never || effects.call {
            continue;
        }
        if effects.trap == Happens::Never && instruction.writes(0).next().is_some() {
            cases(instruction, |word, _, registers| {
                let set = vec![(5, registers[5]), (31, registers[31])];
                let rd = instruction.writes(word).next().expect("it writes one");
                let at = REGISTER_BYTES + 4 * (items.len() % RESULTS) as u32;
                let store = code::word(store, [0, POINTER, rd], at);
                items.push([Item::Plain { set, word }, Item::Plain { set: vec![], word: store }]);
            });
        }
    }
    let programs: Vec<Program> =
        (0..).zip(items.chunks(RESULTS)).map(|(number, items)| Program::of(number, items.concat())).collect();
    compare::<All>("edges", 0..programs.len() as u64, |number| programs[number as usize].clone());
    eprintln!("{} cases", items.len());
}

/// What ends a program here ends it there, after the same output. A misaligned access or target does not: qemu's
/// processor takes them.
#[test]
fn faults_are_faults() {
    if !is_installed() {
        return;
    }
    let path = scratch("faults");
    let code = Place::of(0).code_of(0);
    // lw x0, 0(x0); sw x5, 0(x5); sb x5, 3(x5); jalr x0, 0(x5).
    let cases = [
        ("a word of zeros", 0, 0x0000_0000),
        ("a word of ones", 0, 0xffff_ffff),
        ("ebreak", 0, 0x0010_0073),
        ("a load from page 0 into x0", 0, 0x0000_2003),
        ("a store to page 0", 0, 0x0052_a023),
        ("a store into code", code, 0x0052_a023),
        ("a store of a byte into code", code, 0x0052_81a3),
        ("a jump to page 0", 0, 0x0002_8067),
        ("a jump into data", Place::of(0).printed_of(0), 0x0002_8067),
    ];
    for (what, value, word) in cases {
        let fault = Item::Plain { set: vec![(5, value)], word };
        let batch = Batch::new(vec![Program::new::<Rv32im>(0), Program::of(1, vec![fault])]);
        let elf = batch.elf::<Rv32im>();
        let (ours, theirs) = (here::<Rv32im>(&elf), qemu(&path, &elf));
        assert!(matches!(ours.end, End::Faulted(_)), "{what}: {:?}", ours.end);
        assert!(matches!(theirs.end, End::Faulted(_)), "{what} under qemu: {:?}", theirs.end);
        assert_eq!(ours.output.len(), PRINTED as usize, "{what}: the program before it prints");
        assert!(ours.output == theirs.output, "{what}: the program before it prints something else");
    }
}

/// The programs have what they are for: every instruction often, and jumps at the extremes of their immediates.
#[test]
fn programs_have_every_instruction_and_extreme() {
    let mut counts = vec![0; Rv32imZbb::SPEC.instructions.len()];
    let mut extremes = BTreeMap::new();
    for batch in 0..8 {
        let programs: Vec<_> = (batch * BATCH..(batch + 1) * BATCH).map(Program::new::<Rv32imZbb>).collect();
        for word in Code::new::<Rv32imZbb>(Place::of(batch), &programs).words.into_values() {
            let op = Rv32imZbb::decode(word, 0);
            counts[usize::from(op.kind) - 1] += 1;
            let instruction = &Rv32imZbb::SPEC.instructions[usize::from(op.kind) - 1];
            if instruction.effects.jump != Happens::Never
                && let Some((min, max)) = immediate(instruction).map(|imm| imm.bounds())
            {
                let of = extremes.entry(instruction.name).or_insert([0, 0]);
                of[0] += u32::from(i64::from(op.imm.cast_signed()) == min);
                of[1] += u32::from(i64::from(op.imm.cast_signed()) == max & !3);
            }
        }
    }
    for (instruction, count) in Rv32imZbb::SPEC.instructions.iter().zip(counts) {
        assert!(count > 20, "{}: {count} words", instruction.name);
    }
    for (name, [least, greatest]) in extremes {
        // A jump to a register takes any immediate.
        assert!(least > 10 && (greatest > 10 || name == "jalr"), "{name}: {least} and {greatest}");
    }
}
