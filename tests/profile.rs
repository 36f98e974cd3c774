//! `retrace profile`, by driving the real binary, against counts by hand and against the rows of the witness.

#![allow(clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use retrace::asm::{Layout, assemble};
use retrace::cancel::Cancel;
use retrace::checkpoint::{Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::{Isa as _, Rv32i, Rv32imZbb};
use retrace::profile::{CodeMap, Profile, profile};
use retrace::program::Program;
use serde_json::Value;

/// The markers for Rust, as docs/profiling.md has them.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[macro_use]
#[path = "guests/region.rs"]
mod region;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn retrace(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_retrace"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts")
}

fn elf(name: &str) -> String {
    format!("{ROOT}/tests/guests/{name}.elf")
}

fn input(name: &str) -> String {
    format!("{ROOT}/tests/guests/inputs/{name}")
}

fn temporary(name: &str) -> String {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it is text")
}

/// The object that a command prints with `--json`.
fn json(arguments: &[&str]) -> Value {
    let output = retrace(&[arguments, &["--json"]].concat());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)))
}

fn rows<'a>(object: &'a Value, table: &str) -> &'a [Value] {
    object[table].as_array().unwrap_or_else(|| panic!("there is a table {table}: {object}"))
}

fn sum(object: &Value, table: &str, of: &str) -> u64 {
    rows(object, table).iter().map(|row| row[of].as_u64().expect("it is a number")).sum()
}

/// A file that `profile` writes, by the option that asks for it.
fn written(arguments: &[&str], option: &str, name: &str) -> String {
    let file = temporary(name);
    let output = retrace(&[arguments, &[option, &file]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    std::fs::read_to_string(file).expect("it was written")
}

/// Folded stacks by name.
fn stacks(folded: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let (stack, cycles) = line.rsplit_once(' ').expect("a stack and its cycles");
        (stack.to_owned(), cycles.parse().expect("a number"))
    };
    folded.lines().map(line).collect()
}

/// The comments of `calls.S` count all of it.
#[test]
fn calls_are_followed_as_counted_by_hand() {
    let expected = "\
_start 18
_start;jumper 10
_start;jumper;deep 3
_start;jumper;deep;deeper 3
_start;jumper;deep;deeper;jump 4
_start;jumper;leaf 1
_start;jumper;set 4
_start;millicode 3
_start;millicode;save 3
_start;recurse 8
_start;recurse;recurse 8
_start;recurse;recurse;recurse 8
_start;recurse;recurse;recurse;recurse 8
_start;recurse;recurse;recurse;recurse;recurse 8
_start;recurse;recurse;recurse;recurse;recurse;recurse 2
_start;restore 3
_start;tail 2
_start;tailed 2
_start;twice 18
";
    assert_eq!(written(&["profile", &elf("calls")], "--folded", "calls.folded"), expected);

    let object = json(&["profile", &elf("calls"), "--top", "0"]);
    let function = |name: &str| {
        let row = rows(&object, "functions").iter().find(|row| row["function"] == name);
        let row = row.unwrap_or_else(|| panic!("there is a function {name}: {object}"));
        ["self", "total", "calls"].map(|of| row[of].as_u64().expect("it is a number"))
    };
    assert_eq!(function("_start"), [18, 116, 0]);
    assert_eq!(function("recurse"), [42, 42, 6], "recursion is counted once");
    assert_eq!(function("twice"), [18, 18, 3]);
    assert_eq!(function("jumper"), [10, 25, 1]);
    assert_eq!(function("deeper"), [3, 7, 1]);
    assert_eq!(function("tailed"), [2, 2, 0], "jumped to");
    assert_eq!(function("millicode"), [3, 6, 1]);
    assert_eq!(object["cycles"], 116);
    assert_eq!(json(&["run", &elf("calls")])["cycles"], 116);
}

/// Without section headers there are no symbols, and code is the executable segments.
#[test]
fn without_symbols_functions_are_addresses() {
    let mut bytes = std::fs::read(elf("calls")).expect("the guest is in the repository");
    let program = Program::<Rv32i>::from_elf(&bytes).expect("it can be loaded");
    // e_shoff; e_shnum and e_shstrndx.
    bytes[32..36].fill(0);
    bytes[48..52].fill(0);
    let file = temporary("stripped.elf");
    std::fs::write(&file, bytes).expect("it can be written");

    let name = |name: &str| format!("{:#010x}", program.symbols().address(name).expect("it is a symbol"));
    let found = stacks(&written(&["profile", &file], "--folded", "stripped.folded"));
    let of = |path: &[&str]| found[&path.iter().map(|part| name(part)).collect::<Vec<_>>().join(";")];
    assert_eq!(of(&["_start"]), 18);
    assert_eq!(of(&["_start", "jumper", "deep", "deeper", "jump"]), 4);
    assert_eq!(of(&["_start", "jumper", "leaf"]), 1);
    // What is jumped to is part of what was called.
    assert_eq!(of(&["_start", "tail"]), 2 + 2);
    assert_eq!(of(&["_start", "millicode"]), 3 + 3);
    assert_eq!(found.values().sum::<u64>(), 116);
}

/// Rows of some columns, as `witness` prints them.
fn witness(arguments: &[&str], columns: &str) -> Vec<Vec<u64>> {
    let output = retrace(&[&["witness"], arguments, &["--columns", columns]].concat());
    let lines = text(&output.stdout).lines().skip(1);
    let cells = |line: &str| line.split(',').skip(1).map(|cell| cell.parse().expect("a number")).collect();
    lines.map(cells).collect()
}

/// The mnemonics by address, as `disasm` prints them.
fn mnemonics(elf: &str) -> BTreeMap<u64, String> {
    let output = retrace(&["disasm", elf]);
    let line = |line: &str| {
        let (address, rest) = line.split_once(':')?;
        let mnemonic = rest.split_whitespace().nth(1)?;
        Some((u64::from_str_radix(address.trim(), 16).ok()?, mnemonic.to_owned()))
    };
    text(&output.stdout).lines().filter_map(line).collect()
}

/// Whether rows of that kind load a word and store it.
fn updates(profile: &Value, kind: u64) -> bool {
    let mut specs = [Rv32i::SPEC, Rv32imZbb::SPEC].into_iter();
    let spec = specs.find(|spec| profile["isa"] == spec.name).expect("it is one of these");
    let variant = (kind as usize).checked_sub(1 + spec.instructions.len());
    variant
        .and_then(|at| spec.variants().nth(at))
        .is_some_and(|(_, variant)| ["load", "store"].iter().all(|access| variant.semantics.contains(access)))
}

#[test]
fn every_table_is_what_the_rows_say() {
    let (sha256, text) = (elf("sha256"), input("two-blocks.txt"));
    for arguments in [
        &[&*elf("quicksort"), "300"][..],
        &[&sha256, "--input", &text],
        &[&elf("bits"), "50"],
        &[&elf("faults")],
        &[&elf("tiny")],
    ] {
        let object = json(&[&["profile"], arguments, &["--top", "0"]].concat());
        let rows_of_witness = witness(arguments, "pc,next_pc,mem_address,kind");
        let total = rows_of_witness.len() as u64;
        assert_eq!(object["cycles"], total, "{arguments:?}");
        for (table, of) in
            [("functions", "self"), ("lines", "cycles"), ("pcs", "cycles"), ("instructions", "cycles")]
        {
            assert_eq!(sum(&object, table, of), total, "{table}");
        }
        let mnemonics = mnemonics(arguments[0]);
        let mut pcs = BTreeMap::<u64, u64>::new();
        let mut instructions = BTreeMap::<String, u64>::new();
        let mut pairs = BTreeMap::<(String, String), u64>::new();
        let mut pages = BTreeMap::<u64, u64>::new();
        for row in &rows_of_witness {
            let &[pc, next, address, kind] = &row[..] else { panic!("four columns: {row:?}") };
            *pcs.entry(pc).or_default() += 1;
            *instructions.entry(mnemonics[&pc].clone()).or_default() += 1;
            if next == pc + 4 {
                *pairs.entry((mnemonics[&pc].clone(), mnemonics[&next].clone())).or_default() += 1;
            }
            if address != 0 {
                *pages.entry(address / 4096 * 4096).or_default() += 1 + u64::from(updates(&object, kind));
            }
        }
        let number = |value: &Value| value.as_u64().expect("it is a number");
        let word = |value: &Value| value.as_str().expect("it is text").to_owned();
        let found = rows(&object, "pcs").iter().map(|row| (number(&row["pc"]), number(&row["cycles"])));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), pcs, "{arguments:?}");
        let found = rows(&object, "instructions").iter();
        let found = found.map(|row| (word(&row["instruction"]), number(&row["cycles"])));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), instructions, "{arguments:?}");
        let found = rows(&object, "pairs").iter();
        let found = found.map(|row| ((word(&row["first"]), word(&row["second"])), number(&row["times"])));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), pairs, "{arguments:?}");
        let found = rows(&object, "pages").iter();
        let found = found.map(|row| (number(&row["page"]), number(&row["loads"]) + number(&row["stores"])));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), pages, "{arguments:?}");
    }
}

/// Stores that the comments of `calls.S` count: five in `recurse`, one each in `jumper`, `deep` and `save`; they load what
/// they stored, but for `deep`, which does not return.
#[test]
fn loads_are_told_from_stores() {
    let object = json(&["profile", &elf("calls"), "--by", "page"]);
    assert_eq!((sum(&object, "pages", "loads"), sum(&object, "pages", "stores")), (7, 8));
    // `read` stores and `write` loads: "abc" is read in one word, and a digest of 64 digits and a line's end is written in words.
    let pages = |file: &str| json(&["profile", &elf("abi"), "--input", &input(file), "--by", "page"]);
    assert!(sum(&pages("abc.txt"), "pages", "stores") > sum(&pages("empty.txt"), "pages", "stores"));
}

#[test]
fn pairs_of_the_spec_are_told() {
    let object = json(&["profile", &elf("quicksort"), "--by", "pair", "--top", "0"]);
    let fused = |first: &str, second: &str| {
        let row = |row: &&Value| row["first"] == first && row["second"] == second;
        rows(&object, "pairs").iter().find(row).map(|row| row["fused"].clone())
    };
    // isa/rv32i.toml has `lw = ["add", "addi", …]`, and no pair that begins with a `jal`.
    assert_eq!(fused("lw", "addi"), Some(Value::Bool(true)));
    assert_eq!(fused("addi", "sub"), Some(Value::Bool(false)));
    assert_eq!(fused("jal", "addi"), None, "a jump is followed by what it jumps to");
}

#[test]
fn parts_of_a_run_add_up_to_it() {
    let elf = elf("quicksort");
    let part = |cycles: &str, name: &str| {
        let file = temporary(name);
        let arguments = ["profile", &elf, "300", "--top", "0", "--cycles", cycles, "--folded", &file];
        let object = json(&arguments);
        (object, stacks(&std::fs::read_to_string(file).expect("it was written")))
    };
    let total = json(&["run", &elf, "300"])["cycles"].as_u64().expect("it is a number");
    let (whole, all) = part(&format!("0..{total}"), "whole.folded");
    let (first, mut added) = part("0..12345", "first.folded");
    let (second, rest) = part(&format!("12345..{total}"), "second.folded");
    for (stack, cycles) in rest {
        *added.entry(stack).or_default() += cycles;
    }
    assert_eq!(added, all);
    for (table, of) in
        [("functions", "self"), ("functions", "calls"), ("pages", "loads"), ("pages", "stores")]
    {
        assert_eq!(sum(&first, table, of) + sum(&second, table, of), sum(&whole, table, of), "{table} {of}");
    }
    assert_eq!(
        (&second["from"], &second["to"], &second["cycles"]),
        (&12345.into(), &total.into(), &(total - 12345).into())
    );
    let empty = json(&["profile", &elf, "--cycles", "5..5"]);
    assert_eq!((&empty["cycles"], sum(&empty, "functions", "self")), (&0.into(), 0));
}

#[test]
fn a_guest_that_faults_is_profiled_up_to_there() {
    let output = retrace(&["profile", &elf("faults"), "illegal"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("fault_illegal"), "{}", text(&output.stderr));
    let object = json(&["profile", &elf("faults"), "illegal"]);
    let run = json(&["run", &elf("faults"), "illegal"]);
    assert_eq!((&object["cycles"], &object["exit_code"]), (&run["cycles"], &Value::Null));
    assert!(object["fault"].as_str().is_some_and(|fault| fault.contains("fault_illegal")), "{object}");
}

#[test]
fn what_cannot_be_profiled_leaves_no_file() {
    let file = temporary("none.svg");
    let output = retrace(&["profile", &elf("tiny"), "--cycles", "0..54", "--flamegraph", &file]);
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("53 were executed"), "{}", text(&output.stderr));
    let object = json(&["profile", &format!("{ROOT}/README.md")]);
    assert_eq!((&object["ok"], &object["error"]["kind"]), (&Value::Bool(false), &"elf".into()));
    assert!(!PathBuf::from(&file).exists() && !PathBuf::from(file + ".partial").exists());
    let output = retrace(&["profile", &elf("tiny"), "--by", "nothing"]);
    assert_eq!(output.status.code(), Some(2));
}

/// By hand, from the code that `disasm` shows: `fill` has 5 instructions and a loop of 6; `sum` has 7, of which its markers
/// and its return are outside of the region, and a loop of 4; `work`'s region has 2, and a loop of 5, with a call of each.
#[test]
fn regions_are_counted_as_by_hand() {
    let fill = 5 + 64 * 6;
    let sum_region = 4 + 64 * 4;
    let work = 2 + 10 * (5 + fill + sum_region + 3);
    let regions = |arguments: &[&str]| {
        let object = json(&[&["profile", &elf("regions")], arguments, &["--by", "region"]].concat());
        let row = |row: &Value| {
            let name = row["region"].as_str().expect("it is text").to_owned();
            (name, ["self", "total", "entries"].map(|of| row[of].as_u64().expect("it is a number")))
        };
        let notes = ["unbalanced_regions", "open_regions"].map(|of| object[of].as_u64().expect("a number"));
        (rows(&object, "regions").iter().map(row).collect::<BTreeMap<_, _>>(), notes)
    };
    let (found, notes) = regions(&[]);
    assert_eq!(found["work"], [work - 10 * sum_region, work, 1]);
    assert_eq!(found["sum"], [10 * sum_region, 10 * sum_region, 10]);
    assert_eq!((found["never ends"], notes), ([0, 0, 0], [0, 0]));

    // An end without a beginning, and a beginning without an end: two moves and the call that ends the guest follow.
    let (found, notes) = regions(&["unbalanced"]);
    assert_eq!(found["work"], [work - 10 * sum_region, work, 1]);
    assert_eq!((found["never ends"], notes), ([3, 3, 1], [1, 1]));

    let output = retrace(&["profile", &elf("tiny"), "--by", "region"]);
    assert!(text(&output.stdout).contains("the program marks no regions"), "{}", text(&output.stdout));
}

/// `square`, which is inlined into `fill`, is one line and two instructions, 640 times.
#[test]
fn inlined_functions_and_lines_come_from_debug_information() {
    let source = std::fs::read_to_string(format!("{ROOT}/tests/guests/regions.c")).expect("it is there");
    let line = source.lines().position(|line| line.contains("return (x << 3)")).expect("it is there") + 1;
    let object = json(&["profile", &elf("regions"), "--top", "0"]);
    let row = rows(&object, "lines").iter().find(|row| row["line"] == line);
    assert_eq!(row.map(|row| (&row["file"], &row["cycles"])), Some((&"./regions.c".into(), &1280.into())));
    let row = rows(&object, "functions").iter().find(|row| row["function"] == "square");
    assert_eq!(row.map(|row| (&row["self"], &row["calls"])), Some((&1280.into(), &0.into())));
    let pc = rows(&object, "pcs").iter().find(|row| row["line"] == line).expect("it has addresses");
    assert_eq!(pc["functions"], serde_json::json!(["fill", "square"]));
    let found = stacks(&written(&["profile", &elf("regions")], "--folded", "regions.folded"));
    assert_eq!(found["_start;start;work;fill;square"], 1280);
}

/// Whatever is damaged names nothing, or something else: it never panics, and counts are the same.
#[test]
fn damaged_files_never_panic() {
    let whole = std::fs::read(elf("regions")).expect("the guest is in the repository");
    let mut loaded = 0;
    for at in 0..whole.len() {
        for bit in [0x01, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= bit;
            if let Ok(program) = Program::<Rv32i>::from_elf(&bytes) {
                let _ = CodeMap::from_elf(&program, &bytes);
                loaded += 1;
            }
        }
        let cut = &whole[..at];
        if let Ok(program) = Program::<Rv32i>::from_elf(cut) {
            let _ = CodeMap::from_elf(&program, cut);
        }
    }
    assert!(loaded > whole.len(), "most damage is no concern of the loader's");
}

#[test]
fn the_flame_graph_is_xml_and_has_every_cycle() {
    use quick_xml::events::Event;
    let svg = written(&["profile", &elf("quicksort")], "--flamegraph", "quicksort.svg");
    let mut reader = quick_xml::Reader::from_str(&svg);
    let mut titles = Vec::new();
    let mut in_title = false;
    loop {
        match reader.read_event().expect("it is well-formed") {
            Event::Start(tag) => in_title = tag.name().as_ref() == b"title",
            Event::Text(text) if in_title => titles.push(text.decode().expect("UTF-8").into_owned()),
            Event::End(_) => in_title = false,
            Event::Eof => break,
            _ => {}
        }
    }
    // The README of the guests has 278 k for it.
    assert!(titles.contains(&"all (277,606 cycles, 100%)".to_owned()), "{titles:?}");
    let object = json(&["profile", &elf("quicksort")]);
    assert_eq!(object["cycles"], 277_606);
    assert!(titles.iter().any(|title| title.starts_with("main (277,405 cycles")), "{titles:?}");
}

/// The stacks of a processed profile: each sample's, by its frames' names, with the weights added up.
fn firefox_stacks(file: &Value) -> BTreeMap<String, u64> {
    let thread = &file["threads"][0];
    let index = |value: &Value| value.as_u64().map(|index| index as usize);
    let (stacks, frames) = (&thread["stackTable"], &thread["frameTable"]);
    let name = |stack: usize| {
        let frame = index(&stacks["frame"][stack]).expect("a frame");
        let function = index(&frames["func"][frame]).expect("a function");
        let name = index(&thread["funcTable"]["name"][function]).expect("a name");
        thread["stringArray"][name].as_str().expect("a string").to_owned()
    };
    let samples = &thread["samples"];
    let mut found = BTreeMap::new();
    for (stack, weight) in samples["stack"]
        .as_array()
        .expect("stacks")
        .iter()
        .zip(samples["weight"].as_array().expect("weights"))
    {
        let mut path = Vec::new();
        let mut at = index(stack);
        while let Some(stack) = at {
            path.push(name(stack));
            at = index(&stacks["prefix"][stack]);
        }
        path.reverse();
        *found.entry(path.join(";")).or_default() += weight.as_u64().expect("a weight");
    }
    found
}

/// The fields are those of the format's documentation, docs-developer/processed-profile-format.md of firefox-devtools/profiler.
#[test]
fn the_firefox_file_has_every_cycle_of_every_stack() {
    for (guest, argument) in [("quicksort", "2000"), ("interp", "20"), ("calls", "0")] {
        let arguments = ["profile", &elf(guest), argument];
        let file = written(&arguments, "--firefox", "profile.json");
        let file: Value = serde_json::from_str(&file).expect("it is JSON");
        let folded = stacks(&written(&arguments, "--folded", "profile.folded"));
        assert_eq!(firefox_stacks(&file), folded);
        assert!(file["meta"]["preprocessedProfileVersion"].is_number());
        let samples = &file["threads"][0]["samples"];
        assert_eq!(samples["weightType"], "samples");
        // One nanosecond a cycle: the last sample begins before the end, in milliseconds.
        let times = samples["timeDeltas"].as_array().expect("times").iter();
        let last = times.map(|time| time.as_f64().expect("a number")).sum::<f64>() * 1e6;
        let total = folded.values().sum::<u64>();
        let weight = samples["weight"].as_array().and_then(|all| all.last()?.as_f64()).expect("a weight");
        assert!((last + weight - total as f64).abs() < 0.5, "{last} {weight} {total}");
        assert!(samples["stack"].as_array().is_some_and(|samples| samples.len() < 1 << 15));
    }
}

#[test]
fn a_profile_is_the_same_every_time() {
    let checkpoints = temporary("profile.checkpoints");
    let _ = std::fs::remove_file(&checkpoints);
    let run = retrace(&["run", &elf("quicksort"), "500", "--checkpoints", &checkpoints]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let all = |name: &str, arguments: &[&str]| {
        let files = ["svg", "json", "folded"].map(|end| temporary(&format!("same-{name}.{end}")));
        let [svg, json, folded] = &files;
        let tables = "function,line,pc,instruction,pair,page,region";
        let options =
            ["--by", tables, "--flamegraph", svg, "--firefox", json, "--folded", folded, "--top", "0"];
        let output = retrace(&[&["profile", &elf("quicksort")], arguments, &options].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        (text(&output.stdout).to_owned(), files.map(|file| std::fs::read(file).expect("it was written")))
    };
    let first = all("first", &["500"]);
    assert!(first == all("second", &["500"]));
    assert!(first == all("third", &["500", "--threads", "1"]));
    assert!(first == all("fourth", &["--checkpoints", &checkpoints]));
}

/// A profile of assembly, whose labels are its symbols.
fn assembled(source: &str) -> Profile<Rv32i> {
    let program = assemble::<Rv32i>(source, Layout::default()).expect("it is assembled");
    counted(program.program::<Rv32i>().expect("it is a program"))
}

fn counted(program: Program<Rv32i>) -> Profile<Rv32i> {
    let program = Arc::new(program);
    let map = CodeMap::new(&program);
    let execution = execute(program, Linux::default(), Input::empty(), Options::default()).expect("it runs");
    let cycles = 0..execution.cycles();
    profile(&execution, map, cycles, &Cancel::new(), |_| {}).expect("it is counted")
}

fn folded(profile: &Profile<Rv32i>) -> BTreeMap<String, u64> {
    let mut lines = Vec::new();
    profile.write_folded(&mut lines).expect("memory takes it");
    stacks(text(&lines))
}

/// 1000 calls, each within the one before, of 7 cycles; the last has 2.
#[test]
fn deep_recursion_is_counted_at_the_depth_that_is_followed() {
    let profile = assembled(
        "start:   li   a0, 1000
                  jal  ra, recurse
                  jal  ra, leaf
                  li   a7, 93
                  ecall
         recurse: beqz a0, base
                  addi sp, sp, -16
                  sw   ra, 12(sp)
                  addi a0, a0, -1
                  jal  ra, recurse
                  lw   ra, 12(sp)
                  addi sp, sp, 16
         base:    ret
         leaf:    ret",
    );
    let functions = profile.functions();
    let row = |name: &str| functions.iter().find(|row| row.name == name).expect("it is there").clone();
    assert_eq!((row("recurse").own, row("recurse").calls), (7 * 1000 + 1, 1001));
    assert_eq!(row("base").own, 1001);
    assert_eq!((row("start").own, row("start").total), (5, profile.total()));
    assert_eq!(profile.notes().unfollowed_calls, 1001 - 256);
    let found = folded(&profile);
    assert_eq!(found["start;leaf"], 1, "every call has ended");
    assert_eq!(found.keys().map(|stack| stack.split(';').count()).max(), Some(257));
}

/// Two functions that both call the next, 18 deep: 2^19 stacks.
#[test]
fn more_stacks_than_are_kept_are_still_counted() {
    let depth = 18;
    let mut source = "start: jal ra, f0\n li a7, 93\n ecall\n".to_owned();
    for at in 0..depth {
        let next = at + 1;
        source += &format!(
            "f{at}: addi sp, sp, -16\n sw ra, 12(sp)\n jal ra, p{at}\n jal ra, q{at}\n lw ra, 12(sp)\n addi sp, sp, 16\n ret\n"
        );
        for side in ["p", "q"] {
            source += &format!(
                "{side}{at}: addi sp, sp, -16\n sw ra, 12(sp)\n jal ra, f{next}\n lw ra, 12(sp)\n addi sp, sp, 16\n ret\n"
            );
        }
    }
    source += &format!("f{depth}: ret\n");
    let profile = assembled(&source);
    assert!(profile.notes().stacks_left_out);
    for row in profile.functions() {
        let at = row.name[1..].parse::<u32>();
        let expected = match (&row.name[..1], at) {
            ("f", Ok(at)) if at == depth => 1 << depth,
            ("f", Ok(at)) => 7 << at,
            ("p" | "q", Ok(at)) => 6 << at,
            _ => 3,
        };
        assert_eq!(row.own, expected, "{}", row.name);
        assert!(row.total <= profile.total());
    }
    assert_eq!(folded(&profile).values().sum::<u64>(), profile.total());
}

/// A run is told in slices, which end within a loop of seven instructions: no pair is lost there.
#[test]
fn pairs_do_not_depend_on_where_a_run_pauses() {
    let profile = assembled(
        "      lui  s0, 100
         loop: xor  t0, t0, t1
               or   t0, t0, t1
               and  t0, t0, t1
               sub  t0, t0, t1
               sll  t0, t0, t1
               addi s0, s0, -1
               bne  s0, zero, loop
               li   a7, 93
               ecall",
    );
    let rounds = 100 << 12;
    assert_eq!(profile.total(), 1 + 7 * rounds + 2);
    let pairs = profile.pairs();
    let found: Vec<_> = pairs.iter().map(|pair| (pair.first, pair.second, pair.count)).collect();
    for (first, second) in
        [("xor", "or"), ("or", "and"), ("and", "sub"), ("sub", "sll"), ("sll", "addi"), ("addi", "bne")]
    {
        assert!(found.contains(&(first, second, rounds)), "{first} {second}: {found:?}");
    }
}

/// The mangled names are those of RFC 2603, of the legacy scheme's documentation in rustc, and of the Itanium C++ ABI.
#[test]
fn names_are_demangled() {
    let source = "li a7, 93\n ecall";
    for (mangled, name) in [
        ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
        ("_ZN3foo3bar17h05af221e174051e9E", "foo::bar"),
        ("_Z1fi", "f(int)"),
        ("main", "main"),
    ] {
        let layout = Layout::default();
        let program = assemble::<Rv32i>(source, layout).expect("it is assembled").program::<Rv32i>();
        let program = program.expect("it is a program");
        let entry = program.entry();
        let program = program.with_labels([(mangled, entry, true)]);
        assert_eq!(folded(&counted(program)), BTreeMap::from([(name.to_owned(), 2)]));
    }
}

/// Two stacks, switched between by a jump that is return and call at once.
#[test]
fn coroutines_do_not_pile_up() {
    let profile = assembled(
        "start:  li   s0, 1000
                 mv   s1, sp
                 addi s2, sp, -2000
                 la   t0, other
         again:  jalr ra, 0(t0)
                 addi s0, s0, -1
                 bnez s0, again
                 li   a7, 93
                 ecall
         other:  mv   t1, sp
                 mv   sp, s2
                 mv   sp, t1
                 jalr t0, 0(ra)
                 j    other",
    );
    let found = folded(&profile);
    assert_eq!(found.values().sum::<u64>(), profile.total());
    assert!(found.keys().all(|stack| stack.split(';').count() <= 4), "{found:?}");
}

#[test]
fn the_documentation_has_the_markers_of_the_guests() {
    let page = std::fs::read_to_string(format!("{ROOT}/docs/profiling.md")).expect("it is there");
    for (language, file) in [("c", "region.h"), ("rust", "region.rs")] {
        let source = std::fs::read_to_string(format!("{ROOT}/tests/guests/{file}")).expect("it is there");
        assert!(page.contains(&format!("```{language}\n{source}```")), "{file}");
    }
    // What the page shows is what there is.
    let output = retrace(&["profile", &elf("regions"), "--top", "2"]);
    let shown = text(&output.stdout).split("\n\n").take(2);
    for table in shown {
        let indented: Vec<_> = table.lines().map(|line| format!("    {line}")).collect();
        assert!(page.contains(indented.join("\n").trim_end()), "{table}");
    }
    let output = retrace(&["profile", &elf("quicksort"), "--top", "4"]);
    for line in text(&output.stdout).lines().filter(|line| !line.is_empty() && !line.contains('…')) {
        assert!(page.contains(&format!("    {line}\n")), "{line}");
    }
}

/// The markers for Rust, on this machine, whose assembler takes the same directives.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn the_markers_for_rust_are_assembled() {
    region_begin!("a region of this test");
    let two = std::hint::black_box(1) + 1;
    region_end!("a region of this test");
    assert_eq!(two, 2);
    let this = std::fs::read(std::env::current_exe().expect("it has a file")).expect("it can be read");
    let name = b"retrace\0";
    let owners = this
        .windows(name.len() + 4 + 22)
        .filter(|window| window.starts_with(name) && window.ends_with(b"a region of this test\0"));
    assert_eq!(owners.count(), 2);
}
