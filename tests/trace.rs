//! `retrace trace`, by driving the real binary: a log by hand, and the witness's rows.

#![allow(clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn retrace(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
    command.args(arguments).stdin(Stdio::null()).output().expect("the binary starts")
}

fn printed(arguments: &[&str]) -> String {
    let output = retrace(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

fn elf(name: &str) -> String {
    format!("{}/tests/guests/{name}.elf", env!("CARGO_MANIFEST_DIR"))
}

/// What the instructions of tests/guests/tiny.S do, by its comments, with the code at 0x1_0000 and the message at 0x3_0000.
const TINY: [&str; 53] = [
    // li s0, 5; li s1, 0; then five rounds: add s1, s1, s0; addi s0, s0, -1; bgtz s0.
    " x8  0x00000005",
    " x9  0x00000000",
    " x9  0x00000005",
    " x8  0x00000004",
    "",
    " x9  0x00000009",
    " x8  0x00000003",
    "",
    " x9  0x0000000c",
    " x8  0x00000002",
    "",
    " x9  0x0000000e",
    " x8  0x00000001",
    "",
    " x9  0x0000000f",
    " x8  0x00000000",
    "",
    // la s2, message, as auipc at 0x1_0014 and addi.
    " x18 0x00030014",
    " x18 0x00030000",
    " x5  0x00000078",
    " x5  0x0000006f",
    " mem 0x00030000 0x6f",
    " x6  0x0000006b",
    " mem 0x00030001 0x6b",
    " x7  0x0000000a",
    " mem 0x00030002 0x000a",
    // fence; lw; srli; bne; addi x0; bnez.
    "",
    " x28 0x000a6b6f mem 0x00030000",
    " x28 0x0000000a",
    "",
    "",
    "",
    // mv a1; li a2, 3; call; li a0, 1; li a7, 64; ecall, which loads a word and gives 3.
    " x11 0x00030000",
    " x12 0x00000003",
    " x1  0x0001005c",
    " x10 0x00000001",
    " x17 0x00000040",
    " x10 0x00000003 mem 0x00030000",
    "",
    " x11 0x00030003",
    " x12 0x00000000",
    "",
    // ret; li t0, -1; slti; sltiu; srai; sub; or; addi; j; li a7, 93; ecall.
    "",
    " x5  0xffffffff",
    " x10 0x00000001",
    " x6  0x00000000",
    " x7  0xffffffff",
    " x10 0x00000002",
    " x10 0x00000002",
    " x10 0x00000007",
    "",
    " x17 0x0000005d",
    "",
];

#[test]
fn a_log_is_as_spike_writes_it() {
    let log = printed(&["trace", &elf("tiny")]);
    let disasm = printed(&["disasm", &elf("tiny")]);
    let words: BTreeMap<u32, u32> = disasm
        .lines()
        .filter_map(|line| {
            let (pc, rest) = line.trim_start().split_once(':')?;
            let word = rest.split_whitespace().next()?;
            Some((u32::from_str_radix(pc, 16).ok()?, u32::from_str_radix(word, 16).ok()?))
        })
        .collect();
    let witness = printed(&["witness", &elf("tiny"), "--columns", "pc"]);
    let pcs = witness.lines().skip(1).map(|row| row.split(',').next_back().expect("a row has a pc"));
    let expected: Vec<String> = pcs
        .zip(TINY)
        .map(|(pc, effects)| {
            let pc: u32 = pc.parse().expect("it is a number");
            format!("core   0: 0 {pc:#010x} ({:#010x}){effects}", words[&pc])
        })
        .collect();
    assert_eq!(log.lines().collect::<Vec<_>>(), expected);
    assert_eq!(expected[0], "core   0: 0 0x00010000 (0x00500413) x8  0x00000005");
}

/// JSON lines say what the columns of the witness do, which come another way: address, word, register, memory.
#[test]
fn lines_are_the_witnesses_rows() {
    let (mut loads, mut stores) = (0, 0);
    for (guest, argument, range) in
        [("quicksort", "", "20000..90000"), ("sieve", "3000", "1234..9999"), ("regions", "", "0..6595")]
    {
        let elf = elf(guest);
        let arguments = |command: &'static str| {
            let mut all = vec![command, &elf];
            all.extend(Some(argument).filter(|argument| !argument.is_empty()));
            all.extend(["--cycles", range, "--format", "jsonl"]);
            all
        };
        let (log, rows) = (printed(&arguments("trace")), printed(&arguments("witness")));
        let parse = |text: &str| -> Vec<Value> {
            text.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect()
        };
        let (log, rows) = (parse(&log), parse(&rows));
        let (start, end) = range.split_once("..").expect("two numbers");
        let count = end.parse::<usize>().expect("a number") - start.parse::<usize>().expect("a number");
        assert_eq!((log.len(), rows.len()), (count, count));
        for (line, row) in log.iter().zip(&rows) {
            let of = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("no {name}"));
            for name in ["cycle", "pc", "word"] {
                assert_eq!(line[name], row[name], "{line} {row}");
            }
            let value = (of("writes_rd") == 1).then(|| of("rd_after"));
            let registers = line["registers"].as_object().expect("an object");
            assert_eq!(registers.values().next().and_then(Value::as_u64), value, "{line} {row}");
            assert_eq!(registers.len(), usize::from(value.is_some()));
            let (load, store) = (&line["load"], &line["store"]);
            let access = if store.is_null() { load } else { store };
            if access.is_null() {
                assert_eq!((of("mem_address"), of("mem_before"), of("mem_after")), (0, 0, 0));
                continue;
            }
            let [address, bytes, value] =
                ["address", "bytes", "value"].map(|name| access[name].as_u64().expect("a number"));
            assert_eq!(address - address % 4, of("mem_address") - of("mem_address") % 4, "{line} {row}");
            let (mask, shift) = ((1u64 << (8 * bytes)) - 1, address % 4 * 8);
            if store.is_null() {
                loads += 1;
                assert_eq!(value, of("mem_before") >> shift & mask, "{line} {row}");
            } else {
                stores += 1;
                let after = of("mem_before") & !(mask << shift) & 0xffff_ffff | value << shift;
                assert_eq!(after, of("mem_after"), "{line} {row}");
            }
        }
    }
    assert!(loads > 1000 && stores > 1000, "{loads} loads, {stores} stores");
}

#[test]
fn logs_go_to_files_whole_and_ranges_are_checked() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("trace.log");
    let path = file.display().to_string();
    let whole = printed(&["trace", &elf("tiny")]);
    assert_eq!(printed(&["trace", &elf("tiny"), "-o", &path]), "");
    assert_eq!(std::fs::read_to_string(&file).expect("it was written"), whole);
    let part = printed(&["trace", &elf("tiny"), "--cycles", "10..12"]);
    assert_eq!(part.lines().collect::<Vec<_>>(), whole.lines().skip(10).take(2).collect::<Vec<_>>());

    let checkpoints = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("trace.ckpt");
    let _ = std::fs::remove_file(&checkpoints);
    let checkpoints = checkpoints.display().to_string();
    assert!(retrace(&["run", &elf("tiny"), "--checkpoints", &checkpoints]).status.code() == Some(7));
    assert_eq!(printed(&["trace", &elf("tiny"), "--checkpoints", &checkpoints]), whole);

    let output = retrace(&["trace", &elf("tiny"), "--cycles", "0..54"]);
    assert_eq!(output.status.code(), Some(125));
    // Up to a fault, which is said.
    let output = retrace(&["trace", &elf("faults"), "store"]);
    assert_eq!(
        (output.status.code(), String::from_utf8_lossy(&output.stdout).lines().count()),
        (Some(0), 16)
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("misaligned store"));
}
