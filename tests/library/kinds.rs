//! Instructions of every kind, which are one table each in tests/specs/kinds.toml and isa/rv32a.toml: a jump of one's own, an
//! indexed load, a third register read, the destination read, two destinations, a trap under a condition, a load and a store
//! at one address, a hidden register. Against plain Rust, in native code and interpreted, checked and proven.

use std::sync::Arc;

use retrace::asm::disassemble;
use retrace::checkpoint::Stopped;
use retrace::isa::{Effects, Isa, MemoryAccess, TrapCause};
use retrace::pages::Snapshot;
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::replay::StreamingWitnessGenerator;

use crate::common::{CODE, DATA, EXIT, ends_with, load, prove_and_verify, run, words};
use crate::extensions::Own;

/// A word of memory before, a register, and the word after.
type Update = fn(u32, u32) -> u32;

/// The manual's names, its funct5, and what becomes of the word: chapter "A Extension for Atomic Instructions".
const AMOS: [(&str, u32, Update); 9] = [
    ("amoswap.w", 0b00001, |_, b| b),
    ("amoadd.w", 0b00000, u32::wrapping_add),
    ("amoxor.w", 0b00100, |a, b| a ^ b),
    ("amoand.w", 0b01100, |a, b| a & b),
    ("amoor.w", 0b01000, |a, b| a | b),
    ("amomin.w", 0b10000, |a, b| a.cast_signed().min(b.cast_signed()).cast_unsigned()),
    ("amomax.w", 0b10100, |a, b| a.cast_signed().max(b.cast_signed()).cast_unsigned()),
    ("amominu.w", 0b11000, u32::min),
    ("amomaxu.w", 0b11100, u32::max),
];

/// So many rounds of all of them, each mixed into the exit code, on a word and a register that change from one to the next.
fn program(rounds: u32) -> (Arc<Program<Own>>, u32) {
    let (mut a, mut b, mut code) = (0x8000_0001u32, 0x7fff_fffeu32, 0u32);
    let mix = "slli t5, a0, 5; add a0, a0, t5; add a0, a0";
    let mixed = |code: &mut u32, value: u32| *code = code.wrapping_mul(33).wrapping_add(value);
    let mut text = format!("li s0, {DATA}; li s1, {a}; li s2, {b}; li s3, {rounds}; li a0, 0; loop:\n");
    for (name, ..) in AMOS {
        text += &format!("sw s1, 0(s0); {name} t3, s2, (s0); lw t4, 0(s0); {mix}, t3; {mix}, t4\n");
        text += "slli t5, s1, 3; xor s1, t5, t4; add s2, s2, t3; addi s2, s2, 77\n";
    }
    // Bytes of the word, an indexed load, and a product with what a0 has.
    for byte in 0..4 {
        text +=
            &format!("addi t0, s0, {byte}; swapb t3, t0, s2; {mix}, t3; srli s2, s2, 3; add s2, s2, t3\n");
    }
    text +=
        &format!("li t0, {DATA} - 16; li t1, 16; lwx t3, t0, t1; {mix}, t3; maddi t4, t3, s2; {mix}, t4\n");
    text += &format!("madd t1, t4, s2, t3; {mix}, t1; mac t1, t4, s2; {mix}, t1; li t2, -1; tgeu t1, t2\n");
    // Two destinations, and what is in both; a reservation, and a store that finds none.
    text += &format!("minmax t1, t2, s1, s2; {mix}, t1; {mix}, t2; minmax t1, t1, s1, s2; {mix}, t1\n");
    text += &format!("mv t0, s0; lwstep t1, 8(t0); {mix}, t1; sub t0, t0, s0; {mix}, t0\n");
    text += &format!("mv t0, s0; lwstep t0, 8(t0); {mix}, t0\n");
    text += &format!("lr.w t1, (s0); sc.w t2, s1, (s0); {mix}, t1; {mix}, t2\n");
    text += &format!("sc.w t2, s2, (s0); lw t1, 0(s0); {mix}, t1; {mix}, t2\n");
    text += &format!("xor s1, s1, t4; djnz s3, s3, loop; {EXIT}");
    for _ in 0..rounds {
        let mut word = 0;
        for (_, _, update) in AMOS {
            let old = a;
            word = update(old, b);
            mixed(&mut code, old);
            mixed(&mut code, word);
            a = (a << 3) ^ word;
            b = b.wrapping_add(old).wrapping_add(77);
        }
        for byte in 0..4 {
            let old = word >> (8 * byte) & 0xff;
            word = (word & !(0xff << (8 * byte))) | (b & 0xff) << (8 * byte);
            mixed(&mut code, old);
            b = (b >> 3).wrapping_add(old);
        }
        mixed(&mut code, word);
        let product = word.wrapping_mul(b).wrapping_add(code);
        mixed(&mut code, product);
        let sum = product.wrapping_mul(b).wrapping_add(word);
        mixed(&mut code, sum);
        mixed(&mut code, sum.wrapping_add(product.wrapping_mul(b)));
        let (least, greatest) = (a.min(b), a.max(b));
        // Of two writes to one register the later in the text counts.
        [least, greatest, greatest, word, 8, word].into_iter().for_each(|value| mixed(&mut code, value));
        // Stored once, where it is reserved.
        [word, 0, a, 1].into_iter().for_each(|value| mixed(&mut code, value));
        a ^= product;
    }
    (load::<Own>(&words::<Own>(&text)), code)
}

#[test]
fn both_executors_do_what_plain_rust_does() {
    let (program, expected) = program(3000);
    ends_with(&program, expected);
}

/// The destination is a source too, or drops what is read.
#[test]
fn an_update_reads_before_it_writes() {
    let (before, value) = (0x8000_0007u32, 0x7fff_fff9u32);
    let mix = |code: u32, value: u32| code.wrapping_mul(33).wrapping_add(value);
    let (mut text, mut expected) = ("li a0, 0\n".to_owned(), 0);
    for (name, _, update) in AMOS {
        for (rd, rs2) in [("zero", "t1"), ("t0", "t1"), ("t1", "t1"), ("t3", "t0")] {
            text += &format!(
                "li s0, {DATA}; li t0, {DATA}; li t1, {value}; li t3, 5; li t2, {before}; sw t2, 0(s0)\n"
            );
            text += &format!("{name} {rd}, {rs2}, (t0); lw t2, 0(s0)\n");
            let after = update(before, if rs2 == "t0" { DATA } else { value });
            let now = |register, or| if rd == register { before } else { or };
            for (register, value) in
                [("t0", now("t0", DATA)), ("t1", now("t1", value)), ("t3", now("t3", 5)), ("t2", after)]
            {
                text += &format!("slli t5, a0, 5; add a0, a0, t5; add a0, a0, {register}\n");
                expected = mix(expected, value);
            }
        }
    }
    ends_with(&load::<Own>(&words::<Own>(&(text + EXIT))), expected);
}

#[test]
fn rows_of_all_hold_and_are_proven() {
    let (program, expected) = program(4);
    let execution = run(&program, &[], b"", 100);
    assert_eq!(execution.exit_code(), Some(expected));
    let rows = execution.cycles();
    let generator = StreamingWitnessGenerator::new(run(&program, &[], b"", 100), Pool::serial());
    assert_eq!(retrace::check::check(&generator, 0..rows).expect("it replays").broken, []);
    prove_and_verify(program, execution);
}

#[test]
fn amos_are_the_manuals_words() {
    for (name, funct5, _) in AMOS {
        let [word] = words::<Own>(&format!("{name} a0, t6, (t0)"))[..] else { panic!("it is one word") };
        assert_eq!(word, funct5 << 27 | 31 << 20 | 5 << 15 | 2 << 12 | 10 << 7 | 0b010_1111, "{name}");
        for ordered in 0..4 {
            let op = Own::decode(word | ordered << 25, 0);
            assert_eq!(disassemble::<Own>(&op), format!("{name} a0, t6, (t0)"));
        }
        let instruction =
            Own::SPEC.instructions.iter().find(|known| known.name == name).expect("it is there");
        assert!(matches!(instruction.effects, Effects { memory: MemoryAccess::Update { bits: 32 }, .. }));
    }
}

/// What traps leaves nothing behind: not in the register, in the reservation, or in memory.
#[test]
fn an_update_that_traps_does_nothing() {
    let cause = |source: &str| {
        let execution =
            run(&load::<Own>(&words::<Own>(&format!("li a0, 7; {source}; {EXIT}"))), &[], b"", 100);
        let exit = execution.exit();
        let start = &execution.checkpoints().first().registers;
        assert_eq!((exit.registers[10], &exit.registers[32..]), (7, &start[32..]), "{source}");
        let word = |pages: &Snapshot| pages.word(DATA).expect("it is in memory");
        assert_eq!(word(&exit.pages), word(&execution.checkpoints().first().pages), "{source}");
        match execution.stopped() {
            Stopped::Trapped(fault) => fault.cause,
            stopped => panic!("{source}: {stopped:?}"),
        }
    };
    let conditional = [("sc.w", 0, (|_, b| b) as Update)];
    for (name, ..) in AMOS.into_iter().chain(conditional) {
        assert_eq!(cause(&format!("li t0, {DATA} + 2; {name} a0, t1, (t0)")), TrapCause::MisalignedLoad);
        assert_eq!(cause(&format!("li t0, 16; {name} a0, t1, (t0)")), TrapCause::NullLoad);
        assert_eq!(cause(&format!("li t0, {CODE}; {name} a0, t1, (t0)")), TrapCause::StoreToCode);
    }
    assert_eq!(cause("li t0, 3; li t1, 3; tgeu t0, t1"), TrapCause::Breakpoint);
}
