//! The command line, by driving the real binary.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json as object};

#[cfg(unix)]
#[path = "common/solver.rs"]
mod solver;

const GUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests");

fn retrace(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_retrace"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // A command that fails early does not read its input.
    let _ = child.stdin.take().expect("it is piped").write_all(input);
    child.wait_with_output().expect("the binary ends")
}

fn elf(name: &str) -> String {
    format!("{GUESTS}/{name}.elf")
}

fn temporary(name: &str) -> String {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it is text")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn run_passes_output_and_exit_code_through() {
    let output = retrace(&["run", &elf("tiny")], b"");
    assert_eq!((text(&output.stdout), output.status.code()), ("ok\n", Some(7)));
    let output = retrace(&["run", &elf("sha256")], b"abc");
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
    assert_eq!((text(&output.stdout), output.status.code()), (digest, Some(0)));
    let output = retrace(&["run", &elf("sieve"), "1000"], b"");
    assert_eq!(text(&output.stdout), "168 primes up to 1000\n");
}

/// `isa check --prove` with a solver that is none, or that decides nothing; and the lemmas without any.
#[test]
#[cfg(unix)]
fn lemmas_are_written_and_what_is_not_proven_is_said() {
    let folder = temporary("lemmas");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("it can be made");
    let spec = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/custom-isa/tests/wrong_table.toml");
    let check = |arguments: &[&str], solver: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
        command.args(["isa", "check", spec]).args(arguments).env("PATH", "").env_remove("RETRACE_SOLVER");
        if !solver.is_empty() {
            command.env("RETRACE_SOLVER", solver);
        }
        command.output().expect("the binary starts")
    };

    let output = check(&["--prove"], "");
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("there is no SMT solver"), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("pip install z3-solver"), "{}", text(&output.stderr));
    let output = check(&["--prove", "--threads", "1"], "/nowhere/z3");
    assert_eq!(output.status.code(), Some(125));
    assert!(
        text(&output.stderr).contains("the solver `/nowhere/z3` fails at unit `"),
        "{}",
        text(&output.stderr)
    );

    let undecided = format!("{folder}/undecided");
    solver::undecided(undecided.as_ref(), 0.0);
    let output = check(&["--prove"], &undecided);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    let unknown = said.lines().filter(|line| line.starts_with("unknown: ")).count();
    assert!(unknown == 3 && said.contains("unknown: unit `low.ones`: "), "{said}");
    let last = said.lines().last().expect("it says something");
    assert!(last.contains(&format!("0 of {unknown} lemmas proven in ")), "{last}");
    assert!(last.ends_with(&format!("; {unknown} unknown")), "{last}");

    let lemmas = format!("{folder}/lemmas");
    let output = check(&["--lemmas", &lemmas], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let files = std::fs::read_dir(format!("{lemmas}/small")).expect("it is made");
    assert_eq!(files.count(), unknown);
    assert!(text(&output.stdout).contains(&format!("{unknown} lemmas in {lemmas}/small")));
    let output = check(&["--timeout", "3"], "");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn run_as_json_is_one_object() {
    let file = temporary("run-output");
    let output = retrace(&["run", &elf("tiny"), "--json", "--output", &file], b"");
    let object = json(&output);
    assert_eq!(std::fs::read_to_string(&file).expect("it was written"), "ok\n");
    assert_eq!(object["ok"], true);
    assert_eq!(object["stopped"], "exited");
    assert_eq!(object["exit_code"], 7);
    assert_eq!(object["cycles"], 53);
    assert_eq!(object["output_bytes"], 3);
    assert_eq!(object["output_hash"], blake3::hash(b"ok\n").to_string());
    for number in ["seconds", "mhz", "checkpoints", "memory_words", "peak_rss_bytes"] {
        assert!(object[number].is_number(), "{number}: {object}");
    }
}

#[test]
fn a_guests_fault_is_126_and_says_where() {
    let output = retrace(&["run", &elf("faults"), "illegal"], b"");
    assert_eq!(output.status.code(), Some(126));
    let message = text(&output.stderr);
    for part in ["cycle", "0x0001013c", "fault_illegal"] {
        assert!(message.contains(part), "{message}");
    }
    let object = json(&retrace(&["run", &elf("faults"), "illegal", "--json"], b""));
    assert_eq!(object["ok"], false);
    assert_eq!(object["stopped"], "faulted");
    assert_eq!(object["exit_code"], Value::Null);
    assert_eq!(object["error"]["kind"], "guest_fault");
    assert_eq!(object["error"]["pc"], 0x1013c);
    assert_eq!(object["error"]["cycle"], object["cycles"]);
}

/// Function, registers and the instructions before, which the command that is shown regenerates.
#[test]
fn a_guests_fault_is_told_with_what_led_to_it() {
    let output = retrace(&["run", &elf("faults"), "store"], b"");
    assert_eq!(output.status.code(), Some(126));
    let message = text(&output.stderr);
    // `sw zero, 0(s1)` with s1 = s0 + 1, behind sixteen instructions that look at the argument.
    for part in [
        "\nin fault_store\n",
        " s0 0x00030000 ",
        " s1 0x00030001 ",
        "> 16  00010114:  0004a023  sw zero, 0(s1)",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let listed: Vec<u32> = message
        .lines()
        .skip_while(|line| !line.starts_with("the last 16 instructions"))
        .filter_map(|line| line.strip_prefix("  ")?.trim_start().split_once("  ")?.1.split_once(':'))
        .filter_map(|(pc, _)| u32::from_str_radix(pc, 16).ok())
        .collect();
    assert_eq!(listed.len(), 16, "{message}");
    let command = message.lines().last().expect("it is the command");
    let path = std::path::Path::new(env!("CARGO_BIN_EXE_retrace")).parent().expect("it is in a folder");
    let rows = Command::new("sh")
        .args(["-c", &command.replace("witness", "witness --columns=pc")])
        .env("PATH", format!("{}:{}", path.display(), std::env::var("PATH").unwrap_or_default()))
        .stdin(std::process::Stdio::null())
        .output()
        .expect("there is a shell");
    let rows: Vec<u32> = text(&rows.stdout)
        .lines()
        .skip(1)
        .map(|row| row.split(',').next_back().and_then(|pc| pc.parse().ok()).expect("a row ends with its pc"))
        .collect();
    assert_eq!(rows, listed);

    let object = json(&retrace(&["run", &elf("faults"), "store", "--json"], b""));
    let error = &object["error"];
    assert_eq!(
        (&error["functions"][0], &error["registers"]["s1"]),
        (&object!("fault_store"), &object!(0x3_0001))
    );
    let pcs: Vec<u32> = error["last_instructions"]
        .as_array()
        .expect("it is a list")
        .iter()
        .map(|it| it["pc"].as_u64().and_then(|pc| u32::try_from(pc).ok()).expect("an address"))
        .collect();
    assert_eq!(pcs, listed);
    assert_eq!(error["commands"][2].as_str(), Some(command.trim_start()));
    // The message names the function wherever another one begins, and the log of the same cycles is as long.
    assert!(
        message.contains("\n  _start:\n   0  00010000:") && message.contains("\n  fault_store:\n> 16"),
        "{message}"
    );
    assert_eq!(error["last_instructions"][15]["function"], "_start");
    let words = error["commands"][0].as_str().expect("it is a command").split(' ').skip(1);
    let log = retrace(&words.collect::<Vec<_>>(), b"");
    assert_eq!(text(&log.stdout).lines().count(), 16);
    let debug = format!("retrace debug --cycle=16 {} store", elf("faults"));
    assert_eq!(error["commands"][1].as_str().map(|it| it.replace("-- ", "")), Some(debug));
}

/// tests/guests/regions.c: `_start` calls `start`, which calls `work`, which calls `sum`, whose first nop is no instruction here.
#[test]
fn a_fault_is_told_with_the_calls_that_led_to_it() {
    let mut guest = std::fs::read(elf("regions")).expect("it is in the repository");
    let nop = guest.chunks_exact_mut(4).find(|word| *word == [0x13, 0, 0, 0]).expect("it has markers");
    nop.fill(0);
    let file = temporary("calls.elf");
    std::fs::write(&file, guest).expect("it can be written");
    let source = include_str!("guests/regions.c");
    let line = |text: &str| source.lines().position(|line| line.contains(text)).expect("it is there") + 1;
    let output = retrace(&["run", &file], b"");
    let message = text(&output.stderr);
    let told: Vec<&str> = message.lines().filter(|line| line.starts_with("called by ")).collect();
    assert_eq!(told.len(), 3, "{message}");
    assert!(message.contains("\nin sum, "), "{message}");
    assert!(
        told[0].starts_with("called by work, ")
            && told[0].ends_with(&format!("regions.c:{}", line("all += sum(64)")))
    );
    assert!(
        told[1].starts_with("called by start, ") && told[2].starts_with("called by _start, "),
        "{message}"
    );
    let error = &json(&retrace(&["run", &file, "--json"], b""))["error"];
    let functions = error["calls"].as_array().expect("it is a list").iter().map(|call| &call["functions"][0]);
    assert_eq!(functions.collect::<Vec<_>>(), ["work", "start", "_start"]);
}

/// The arguments of a run that was resumed are in its file alone, so the command takes the file.
#[test]
fn a_fault_of_a_resumed_run_is_regenerated_from_its_file() {
    let file = temporary("fault.ckpt");
    let _ = std::fs::remove_file(&file);
    let output =
        retrace(&["run", &elf("faults"), "store", "--checkpoints", &file, "--max-cycles", "10"], b"");
    assert_eq!(output.status.code(), Some(125));
    let output = retrace(&["run", &elf("faults"), "--resume", &file, "--json"], b"");
    assert_eq!(output.status.code(), Some(126));
    assert_eq!(json(&output)["already_ended"], false);
    let told = retrace(&["run", &elf("faults"), "--resume", &file], b"");
    assert_eq!(told.status.code(), Some(126));
    assert!(text(&told.stderr).contains("has ended by a fault, after 16 cycles"), "{}", text(&told.stderr));
    let command = json(&output)["error"]["commands"][2].as_str().expect("it is a command").to_owned();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let rows = retrace(&[&words[..], &["--columns=pc"]].concat(), b"");
    assert_eq!(rows.status.code(), Some(0), "{command}: {}", text(&rows.stderr));
    assert!(text(&rows.stdout).ends_with("\n15,65596\n"), "{command}: {}", text(&rows.stdout));
}

/// Statements that speak of more cycles than can be counted are refused like any other that is forged.
#[test]
fn proofs_of_uncountable_cycles_are_refused() {
    let [first, second] = ["uncountable-1", "uncountable-2"].map(temporary);
    for (file, cycles) in [(&first, "0..20"), (&second, "20..53")] {
        let output = retrace(&["prove", &elf("tiny"), "--cycles", cycles, "-o", file], b"");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let forge = |file: &str, from: u64, to: u64| {
        let mut bytes = std::fs::read(file).expect("it was written");
        let at = bytes.windows(8).position(|it| it == from.to_le_bytes()).expect("the cycle is in it");
        bytes[at..at + 8].copy_from_slice(&to.to_le_bytes());
        std::fs::write(file, bytes).expect("it can be written");
    };
    forge(&first, 20, 1 << 63);
    forge(&second, 20, 1 << 63);
    forge(&second, 53, u64::MAX);
    let output = retrace(&["verify", &first, &elf("tiny"), "--next", &second], b"");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("the proof is refused"), "{}", text(&output.stderr));
}

/// Outside the code no instruction is the fault's; the last one before it is the jump.
#[test]
fn a_jump_out_of_the_code_is_the_last_instruction() {
    let output = retrace(&["run", &elf("faults"), "pointer"], b"");
    let message = text(&output.stderr);
    assert!(message.contains("\nin fault_pointer\n") && !message.contains("\n> "), "{message}");
    let listed: Vec<&str> =
        message.lines().filter(|line| line.contains(":  ") && line.starts_with("  ")).collect();
    assert!(listed.len() == 16 && listed[15].contains("  00010170:  "), "{message}");
}

/// As start-up code for bare metal halts. The jump is the second instruction, so one cycle was executed.
#[test]
fn a_jump_to_itself_is_told_by_every_command() {
    let proof = temporary("spin.proof");
    let spin = elf("spin");
    for arguments in [
        &["run"][..],
        &["run", "--executor", "interpreter"],
        &["prove", "-o", &proof],
        &["report", "-o", &proof],
    ] {
        let output = retrace(&[arguments, &[&spin, "--json"]].concat(), b"");
        let said = json(&output).to_string();
        let message = "jump to itself (0x00010004) at cycle 1, pc 0x00010004";
        assert!(said.contains(message) || arguments[0] == "report", "{arguments:?}: {said}");
        if arguments[0] != "report" {
            assert_eq!(output.status.code(), Some(126), "{arguments:?}");
        }
    }
    for command in ["trace", "profile", "witness"] {
        let output = retrace(&[command, &spin], b"");
        let said = text(&output.stderr);
        assert!(said.contains("jump to itself") && said.contains("a7 = 93"), "{command}: {said}");
    }
}

/// Three functions call each other: the innermost calls are shown, and most are counted.
#[test]
fn a_stack_overflow_shows_the_innermost_calls() {
    let output = retrace(&["run", &elf("recursion")], b"");
    assert_eq!(output.status.code(), Some(126));
    let said = text(&output.stderr);
    assert!(said.starts_with("error: stack overflow (0x7f7f"), "{said}");
    for line in
        ["in twice", "called by once", "called by thrice", "called by twice", "calls more", "--stack-size"]
    {
        assert!(said.contains(line), "{line} is not in: {said}");
    }
    let output = retrace(&["run", &elf("recursion"), "5000", "--stack-size", "32MiB"], b"");
    assert_eq!(output.status.code(), Some(5000 % 251));
    let output = retrace(
        &["run", &elf("recursion"), "5000", "--stack-size", "32M", "--max-memory", "4MiB", "--json"],
        b"",
    );
    let object = json(&output);
    assert_eq!(
        (output.status.code(), object["stopped"].as_str()),
        (Some(125), Some("memory_limit")),
        "{object}"
    );
    assert_eq!(object["memory_words"], 1 << 20);
    let message = object["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("most of it is the stack") && message.contains("--max-memory"), "{message}");
}

/// argv[0] is the file's name, wherever the file is, or what is asked for; it is proven.
#[test]
fn a_program_finds_its_file_s_name() {
    let path = std::path::PathBuf::from(temporary("renamed.elf"));
    std::fs::copy(elf("tiny"), &path).expect("it can be copied");
    let (renamed, proof) = (path.display().to_string(), temporary("tiny.proof"));
    assert_eq!(retrace(&["prove", &elf("tiny"), "-o", &proof], b"").status.code(), Some(0));
    assert_eq!(retrace(&["verify", &proof, &elf("tiny")], b"").status.code(), Some(0));
    let refused = retrace(&["verify", &proof, &renamed], b"");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("--arg0"), "{}", text(&refused.stderr));
    let accepted = retrace(&["verify", &proof, &renamed, "--arg0", "tiny.elf"], b"");
    assert_eq!(accepted.status.code(), Some(0), "{}", text(&accepted.stderr));
    let other_stack = retrace(&["verify", &proof, &elf("tiny"), "--stack-size", "1MiB"], b"");
    assert_eq!(other_stack.status.code(), Some(1));
    assert!(text(&other_stack.stderr).contains("stack size"), "{}", text(&other_stack.stderr));
}

#[test]
fn a_cycle_limit_stops_an_endless_loop() {
    let output = retrace(&["run", &elf("faults"), "forever", "--max-cycles", "100000", "--json"], b"");
    let object = json(&output);
    assert_eq!((object["stopped"].as_str(), object["cycles"].as_u64()), (Some("cycle_limit"), Some(100_000)));
    assert_eq!(output.status.code(), Some(125));
}

/// 100,000 rounds of a loop of two instructions are often enough to be compiled.
#[test]
fn the_executor_is_chosen_and_named() {
    let run = |executor| {
        let arguments =
            ["run", &elf("faults"), "forever", "--max-cycles", "10000000", "--json", "--executor", executor];
        json(&retrace(&arguments, b""))
    };
    let object = run("interpreter");
    assert_eq!((&object["executor"], &object["compiled"]), (&"interpreter".into(), &Value::Null));
    let object = run("native");
    if cfg!(all(feature = "jit", target_arch = "x86_64", unix)) {
        assert_eq!((&object["executor"], &object["cycles"]), (&"native".into(), &10_000_000.into()));
        assert_eq!(object["compiled"]["regions"], 1);
        assert!(object["compiled"]["seconds"].is_number(), "{object}");
    } else {
        assert_eq!(object["ok"], false);
    }
}

/// Worked out by hand: the comments of `signature.S` say which instruction leaves which word.
const SIGNATURE: &str = "6f5ca309\n80000000\nf8000000\n08000000\n00000001\n00000000\ndeadfeef\nfffffffe\n1234beef\n\
                         deadbeef\ndeadbeef\ndeadbeef\n";

#[test]
fn an_architecture_test_runs_to_its_store_and_leaves_its_signature() {
    let file = temporary("signature");
    let output = retrace(&["run", &elf("signature"), "--signature", &file], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(&file).expect("it was written"), SIGNATURE);

    // The store is the 25th and last cycle.
    let limited =
        |cycles| retrace(&["run", &elf("signature"), "--signature", &file, "--max-cycles", cycles], b"");
    assert_eq!([limited("25"), limited("24")].map(|output| output.status.code()), [Some(0), Some(125)]);

    // What is executed after the store, or while it has zero to store, would show in the words.
    let words = |letter: &str| {
        let letter = letter.bytes().next().unwrap_or(0);
        format!("11111111\n22222222\n{letter:08x}\n")
    };
    let cases: [(&[&str], &[u8], i32, u64); 5] = [
        (&[], b"", 0, 0),
        (&["code"], b"", 5, 5),
        (&["large"], b"", 0, 256),
        (&["byte"], b"", 1, 1),
        (&["input"], b"\x07\0\0\0", 3, 3),
    ];
    for (arguments, input, status, code) in cases {
        let file = temporary("signature-of-tohost");
        let _ = std::fs::remove_file(&file);
        let guest = elf("tohost");
        let arguments = [&["run", &guest][..], arguments, &["--signature", &file]].concat();
        let output = retrace(&arguments, input);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(&output.stderr));
        let letter = arguments[2].trim_start_matches('-');
        let expected = words(if letter == "signature" { "" } else { letter });
        assert_eq!(std::fs::read_to_string(&file).expect("it was written"), expected, "{arguments:?}");
        let object = json(&retrace(&[&arguments[..], &["--json"]].concat(), input));
        assert_eq!(
            (object["ok"].as_bool(), object["stopped"].as_str()),
            (Some(true), Some("tohost")),
            "{object}"
        );
        assert_eq!(object["exit_code"], code, "{object}");
    }
}

#[test]
fn without_a_store_to_tohost_there_is_no_signature() {
    let cases: [(&str, &[&str], i32, &str, &str); 7] = [
        (
            "tohost",
            &["forever", "--max-cycles", "1000"],
            125,
            "cycle_limit",
            "as a test's halt macro makes it: it reached its cycle limit",
        ),
        ("tohost", &["call"], 125, "exited", "it ended with exit code 3"),
        ("tohost", &["request"], 125, "tohost", "0x00000000_00000030"),
        ("tohost", &["device"], 125, "tohost", "0x01010000_00000001"),
        ("tohost", &["null"], 126, "faulted", "store to page 0"),
        ("signature", &["--max-cycles", "3"], 125, "cycle_limit", "its cycle limit"),
        ("tiny", &[], 125, "", "no symbol `tohost`"),
    ];
    for (guest, arguments, status, stopped, message) in cases {
        let file = temporary("no-signature");
        let guest = elf(guest);
        let arguments = [&["run", &guest][..], arguments, &["--signature", &file]].concat();
        let output = retrace(&arguments, b"");
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
        assert!(!std::path::Path::new(&file).exists(), "{arguments:?}");
        let output = retrace(&[&arguments[..], &["--json"]].concat(), b"");
        let object = json(&output);
        assert_eq!((output.status.code(), object["ok"].as_bool()), (Some(status), Some(false)), "{object}");
        assert_eq!(object["stopped"].as_str().unwrap_or_default(), stopped, "{object}");
        assert!(object["error"]["message"].as_str().is_some_and(|said| said.contains(message)), "{object}");
    }
    // A signature that cannot be written is no success.
    let output = retrace(&["run", &elf("signature"), "--signature", "/nonexistent/signature"], b"");
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("cannot write /nonexistent/signature"), "{}", text(&output.stderr));
}

#[test]
fn failures_of_retrace_itself_are_125_and_say_what_to_do() {
    let cases: [(&[&str], &str); 4] = [
        (&["run", "/nonexistent.elf"], "cannot read /nonexistent.elf"),
        (&["run", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")], "no ELF file"),
        (&["run", env!("CARGO_BIN_EXE_retrace")], "not for RISC-V"),
        (&["isa", "explain", "nothing"], "no instruction"),
    ];
    for (arguments, message) in cases {
        let output = retrace(arguments, b"");
        assert_eq!(output.status.code(), Some(125), "{arguments:?}");
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let object = json(&retrace(&arguments, b""));
        assert_eq!(object["ok"], false);
        assert!(object["error"]["message"].as_str().is_some_and(|said| said.contains(message)), "{object}");
    }
}

#[test]
fn witness_prints_the_rows_asked_for() {
    let columns = "pc,next_pc,rd_after";
    let output = retrace(&["witness", &elf("tiny"), "--columns", columns, "--cycles", "0..3"], b"");
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines[0], "cycle,pc,next_pc,rd_after");
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with("0,65536,65540,"), "{}", lines[1]);
    let output = retrace(&["witness", &elf("tiny"), "--columns", columns, "--format", "jsonl"], b"");
    let rows: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    assert_eq!(rows.len(), 53);
    assert!(rows.windows(2).all(|pair| pair[0]["next_pc"] == pair[1]["pc"]));
    assert_eq!(rows[52]["next_pc"], 0);
    let object = json(&retrace(&["witness", &elf("tiny"), "--format", "none", "--json"], b""));
    assert_eq!(
        (object["ok"].as_bool(), object["rows"].as_u64(), object["columns"].as_u64()),
        (Some(true), Some(53), Some(62))
    );
    assert!(object["rows_per_second"].is_number() && object["seconds"].is_number());
    // A unit's name is that of all its cells; one that shares a column has the name that it is asked for by.
    let output = retrace(&["witness", &elf("tiny"), "--columns", "pc,lane", "--cycles", "0..1"], b"");
    assert_eq!(text(&output.stdout).lines().next(), Some("cycle,pc,lane.l1,lane.l2,lane.l3,lane.w"));
    let output = retrace(&["witness", &elf("tiny"), "--columns", "lane.l1", "--cycles", "0..1"], b"");
    assert_eq!(text(&output.stdout).lines().next(), Some("cycle,lane.l1"));
    let output = retrace(&["witness", &elf("tiny"), "--columns", "nonsense"], b"");
    assert!(text(&output.stderr).contains("no column `nonsense`"));
    let output = retrace(&["witness", &elf("tiny"), "--cycles", "50..60"], b"");
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("53"), "{}", text(&output.stderr));
}

#[test]
fn prove_and_verify() {
    let input = format!("{GUESTS}/inputs/two-blocks.txt");
    let other = format!("{GUESTS}/inputs/abc.txt");
    let proof = temporary("sha256.proof");
    let prove = retrace(&["prove", &elf("sha256"), "--input", &input, "-o", &proof, "--json"], b"");
    let object = json(&prove);
    assert_eq!(object["ok"], true);
    assert_eq!(object["field"], "bn254");
    assert_eq!(object["constraints"], 26);
    for number in ["cycles", "columns", "rounds", "passes", "budget_bytes", "proof_bytes", "peak_rss_bytes"] {
        assert!(object[number].is_number(), "{number}: {object}");
    }
    let seconds = |part: &str| object["seconds"][part].as_f64().expect("a number");
    let parts: f64 = ["run", "statement", "replay", "sumcheck"].map(seconds).iter().sum();
    assert!((seconds("total") - parts).abs() < 1e-9, "{object}");
    let bytes = std::fs::read(&proof).expect("it was written");
    assert_eq!(object["proof_bytes"], bytes.len());

    let plan = json(&retrace(&["prove", &elf("sha256"), "--input", &input, "--plan", "--json"], b""));
    for number in ["rounds", "passes", "storing_round", "array_bytes"] {
        assert!(plan[number].is_number(), "{number}: {plan}");
    }
    assert_eq!((&plan["passes"], &plan["rounds"]), (&object["passes"], &object["rounds"]));
    let windows = plan["windows"].as_array().expect("a list");
    let covered: u64 = windows.iter().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(plan["storing_round"], covered);
    let plan = retrace(&["prove", &elf("sha256"), "--input", &input, "--plan"], b"");
    assert!(text(&plan.stdout).contains("stores the arrays of round"), "{}", text(&plan.stdout));
    let neither = retrace(&["prove", &elf("sha256"), "--input", &input], b"");
    assert_eq!(neither.status.code(), Some(2), "a proof goes somewhere");

    let again = temporary("sha256-again.proof");
    retrace(
        &["prove", &elf("sha256"), "--input", &input, "-o", &again, "--memory", "all", "--threads", "1"],
        b"",
    );
    assert_eq!(std::fs::read(&again).expect("it was written"), bytes, "the same proof in another space");

    let verify = retrace(&["verify", &proof, &elf("sha256"), "--input", &input], b"");
    assert_eq!(verify.status.code(), Some(0), "{}", text(&verify.stderr));
    assert!(text(&verify.stdout).contains("replay"));
    // The same input by standard input.
    let from_stdin = std::fs::read(&input).expect("it is in the repository");
    let object = json(&retrace(&["verify", &proof, &elf("sha256"), "--json"], &from_stdin));
    assert!(object["ok"] == true && object["seconds"].is_number(), "{object}");

    let refused = |arguments: &[&str], why: &str| {
        let output = retrace(arguments, b"");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    };
    refused(&["verify", &proof, &elf("sha256"), "--input", &other], "another input");
    refused(&["verify", &proof, &elf("tiny"), "--input", &input], "another program");
    refused(&["verify", &proof, &elf("sha256"), "argument", "--input", &input], "other arguments");
    refused(&["verify", &elf("sha256"), &elf("sha256"), "--input", &input], "no retrace proof");
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    std::fs::write(&again, &flipped).expect("it can be written");
    refused(&["verify", &again, &elf("sha256"), "--input", &input], "refused");
    let object = json(&retrace(&["verify", &again, &elf("sha256"), "--input", &input, "--json"], b""));
    assert!(object["ok"] == false && object["error"]["kind"] == "refused", "{object}");
}

/// It goes where an input goes, and what is written says no more of it than its length.
#[test]
fn a_private_input_is_a_stream_of_its_own() {
    let streams = elf("streams");
    let [public, private] = ["sample.json", "two-blocks.txt"].map(|name| format!("{GUESTS}/inputs/{name}"));
    let given = ["--input", &public, "--private-input", &private];
    let with = |arguments: &[&str], more: &[&str]| retrace(&[arguments, more].concat(), b"");
    // What qemu-riscv32 prints with the files as descriptors 0 and 3.
    let run = with(&["run", &streams], &given);
    assert_eq!((text(&run.stdout), run.status.code()), ("3adce336\n", Some(0)), "{}", text(&run.stderr));
    let object = json(&with(&["run", &streams, "--json"], &given));
    let bytes = std::fs::read(&private).expect("it is in the repository");
    assert_eq!(object["private_input_bytes"], bytes.len());
    let alone = with(&["run", &streams], &given[2..]);
    let none = with(&["run", &streams], &given[..2]);
    assert!(alone.status.success() && none.status.success() && alone.stdout != run.stdout);
    let missing = with(&["run", &streams], &["--private-input", "no such file"]);
    assert_eq!(missing.status.code(), Some(125));
    assert!(text(&missing.stderr).contains("cannot read no such file"), "{}", text(&missing.stderr));
    let over = with(&["run", &streams, "--private-input", &private], &["--output", &private]);
    assert_eq!(over.status.code(), Some(125), "{}", text(&over.stderr));

    // It would be the public input as well.
    let twice = retrace(&["run", &streams, "--private-input", "/dev/stdin"], &bytes);
    assert_eq!((text(&twice.stdout), twice.status.code()), ("", Some(125)));
    assert!(text(&twice.stderr).contains("--input /dev/null for none"), "{}", text(&twice.stderr));
    let piped = ["run", &streams, "--input", &public, "--private-input", "/dev/stdin"];
    assert_eq!(text(&retrace(&piped, &bytes).stdout), "3adce336\n");

    let proof = temporary("streams.proof");
    let prove = with(&["prove", &streams, "-o", &proof], &given);
    assert!(prove.status.success(), "{}", text(&prove.stderr));
    let verify = with(&["verify", &proof, &streams], &given);
    assert_eq!(verify.status.code(), Some(0), "{}", text(&verify.stderr));
    let without = with(&["verify", &proof, &streams], &given[..2]);
    assert_eq!(without.status.code(), Some(1));
    assert!(text(&without.stderr).contains("a private input of another length"), "{}", text(&without.stderr));

    let file = temporary("streams.checkpoints");
    let _ = std::fs::remove_file(&file);
    let run = with(&["run", &streams, "--checkpoints", &file, "--max-cycles", "9000"], &given);
    assert_eq!(run.status.code(), Some(125));
    let hash = blake3::hash(&bytes).to_string();
    let listed = json(&with(&["checkpoints", &file, "--json"], &[]));
    assert_eq!(listed["private_input_bytes"], bytes.len());
    let shown = with(&["checkpoints", &file], &[]);
    let line =
        format!("private   {} bytes of a second input, which this file has as they are\n", bytes.len());
    assert!(text(&shown.stdout).contains(&line), "{}", text(&shown.stdout));
    assert!(!text(&shown.stdout).contains(&hash) && !listed.to_string().contains(&hash));

    let resume = ["run", &streams, "--resume", &file];
    let refused = with(&resume, &["--private-input", &public]);
    let message = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(125));
    assert!(message.contains("private input") && !message.contains(&hash), "{message}");
    // The file's own input stays where only the other is named.
    let same = with(&resume, &given[2..]);
    assert_eq!((text(&same.stdout), same.status.code()), ("3adce336\n", Some(0)), "{}", text(&same.stderr));
    let rows = ["witness", &streams, "--cycles", "20000..20100"];
    let from_file = with(&rows, &["--checkpoints", &file]);
    assert!(from_file.status.success() && from_file.stdout == with(&rows, &given).stdout);
    let both = with(&rows, &["--checkpoints", &file, "--private-input", &private]);
    assert_eq!(both.status.code(), Some(2), "{}", text(&both.stderr));
}

/// Eight thousand cycles before the guest's end, where `last` is not bound: a column less than of the whole run.
#[test]
fn a_plan_of_a_segment_is_what_is_proven() {
    let input = format!("{GUESTS}/inputs/two-blocks.txt");
    let proof = temporary("segment-planned.proof");
    let elf = elf("sha256");
    let prove = ["prove", &elf, "--input", &input, "--cycles", "0..8192", "--memory", "241664", "--json"];
    let plan = json(&retrace(&[&prove[..], &["--plan"]].concat(), b""));
    assert_eq!((&plan["columns"], &plan["array_bytes"]), (&118.into(), &241_664.into()), "{plan}");
    assert_eq!((&plan["windows"], &plan["storing_round"]), (&serde_json::json!([3, 2, 2]), &7.into()));

    let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
    command.args(prove).args(["-o", &proof]).env("RETRACE_LOG", "debug");
    let output = command.output().expect("it was built");
    let proven = json(&output);
    for number in ["cycles", "rounds", "passes", "columns"] {
        assert_eq!(plan[number], proven[number], "{number}");
    }
    let log = text(&output.stderr);
    for stored in ["windows=[3, 2, 2] columns=118 array_bytes=241664", "stored the arrays round=7"] {
        assert!(log.contains(stored), "{stored}: {log}");
    }
    assert_eq!(log.matches("chose a schedule").count(), 1, "{log}");
}

/// A run in pieces: each a proof of its own, that say together what one proof says.
#[test]
fn segments_are_proven_and_verified_in_a_chain() {
    let piece = |name: &str, cycles: &str| {
        let proof = temporary(&format!("{name}.proof"));
        let object =
            json(&retrace(&["prove", &elf("tiny"), "--cycles", cycles, "-o", &proof, "--json"], b""));
        assert_eq!(object["ok"], true, "{object}");
        (proof, object)
    };
    let (first, told) = piece("first", "0..20");
    assert_eq!(
        (&told["first_cycle"], &told["cycles"], &told["exit_code"]),
        (&0.into(), &20.into(), &Value::Null)
    );
    let (second, told) = piece("second", "20..36");
    assert_eq!((&told["first_cycle"], &told["cycles"]), (&20.into(), &16.into()));
    let (third, told) = piece("third", "36..53");
    assert_eq!(told["exit_code"], 7);

    let verify = |more: &[&str]| retrace(&[&["verify", &first, &elf("tiny")], more].concat(), b"");
    let chain = ["--next", &second, "--next", &third];
    let output = verify(&chain);
    assert!(
        text(&output.stdout).contains("verified  53 cycles, exit code 7, 3 B of output, ISA rv32i\n"),
        "{}",
        text(&output.stderr)
    );
    let object = json(&verify(&[&chain[..], &["--json"]].concat()));
    assert_eq!(
        (&object["first_cycle"], &object["cycles"], &object["exit_code"]),
        (&0.into(), &53.into(), &7.into())
    );
    let output = verify(&["--segment"]);
    assert!(text(&output.stdout).contains("cycles 0..20 of a run that goes on"), "{}", text(&output.stderr));
    let output = verify(&["--segment", "--next", &second]);
    assert!(text(&output.stdout).contains("cycles 0..36 of a run that goes on"), "{}", text(&output.stderr));
    let last = retrace(&["verify", &third, &elf("tiny"), "--segment"], b"");
    assert!(
        text(&last.stdout).contains("the last cycles of a run, 36..53, exit code 7"),
        "{}",
        text(&last.stderr)
    );

    let refused = |output: Output, why: &str| {
        assert_eq!(output.status.code(), Some(1), "{why}");
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    };
    refused(
        verify(&[]),
        "cycles 0..20 of a run, which goes on, and not of a whole run (--segment accepts it",
    );
    refused(verify(&["--next", &second]), "and not of a whole run (--segment accepts it, another --next");
    refused(verify(&["--next", &third]), "third.proof: the proof is refused: the segments do not adjoin");
    refused(verify(&["--next", &elf("tiny")]), "no retrace proof");

    let fault = temporary("before-the-fault.proof");
    let prove = |cycles| retrace(&["prove", &elf("faults"), "load", "--cycles", cycles, "-o", &fault], b"");
    let output = prove("0..10");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = retrace(&["verify", &fault, &elf("faults"), "load", "--segment"], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for (cycles, why) in [("0..1000000", "were executed"), ("5..5", "there are no cycles 5..5")] {
        let output = prove(cycles);
        assert_eq!(output.status.code(), Some(125));
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    }
}

#[test]
fn what_faults_cannot_be_proven_and_leaves_no_file() {
    let proof = temporary("fault.proof");
    let output = retrace(&["prove", &elf("faults"), "load", "-o", &proof], b"");
    assert_eq!(output.status.code(), Some(126));
    let message = text(&output.stderr);
    assert!(message.contains("misaligned load"), "{message}");
    assert!(message.ends_with("; --cycles A..B proves a part of the run before that\n"), "{message}");
    assert!(!std::path::Path::new(&proof).exists());
}

#[test]
fn disasm_prints_the_code() {
    let output = retrace(&["disasm", &elf("tiny")], b"");
    let listing = text(&output.stdout);
    assert!(listing.contains("<_start>:"), "{listing}");
    assert!(listing.contains("00000073  ecall"), "{listing}");
    let object = json(&retrace(&["disasm", &elf("tiny"), "--json"], b""));
    assert_eq!(object["instructions"][0]["pc"], 0x10000);
}

#[test]
fn isa_explains_and_checks() {
    let output = retrace(&["isa", "explain", "blt"], b"");
    let page = text(&output.stdout);
    for part in ["Branch if less than, signed.", "jump(pc + imm)", "isa/rv32i.toml:", "next pc    (pc + imm)"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    // srai a0, a1, 3 as GNU as encodes it.
    let output = retrace(&["isa", "explain", "0x4035d513"], b"");
    assert!(text(&output.stdout).contains("srai a0, a1, 3"), "{}", text(&output.stdout));
    let object = json(&retrace(&["isa", "explain", "--json"], b""));
    assert_eq!(object["instructions"].as_array().map(Vec::len), Some(40));
    assert_eq!(object["calls"].as_array().map(Vec::len), Some(37));

    let output = retrace(&["isa", "explain", "brk"], b"");
    let page = text(&output.stdout);
    for part in ["number     214", "\nbrk.moved\n", "\nbrk.beyond\n", "rs4 < rs2"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let variant = json(&retrace(&["isa", "explain", "brk.below", "--json"], b""));
    assert_eq!(variant["instructions"], serde_json::json!([]));
    assert_eq!(variant["calls"][0]["variants"].as_array().map(Vec::len), Some(1));
    assert_eq!(variant["calls"][0]["variants"][0]["name"], "brk.below");

    let good = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/custom-isa/isa/rotxor.toml");
    // The verdict comes last; what it is drawn from only if it is asked for.
    let output = retrace(&["isa", "check", good], b"");
    assert_eq!(output.status.code(), Some(0));
    let verdict = text(&output.stdout).to_owned();
    assert!(verdict.starts_with(&format!("{good}: no errors: 41 instructions,")), "{verdict}");
    assert_eq!(verdict.lines().count(), 1, "{verdict}");
    let output = retrace(&["isa", "check", good, "--list"], b"");
    let list = text(&output.stdout);
    assert!(list.starts_with("opcode ") && list.ends_with(&format!("\n{verdict}")), "{list}");
    assert!(list.contains("custom-0") && list.contains("columns that it needs first"), "{list}");
    let bad = temporary("bad.toml");
    let spec = std::fs::read_to_string(good).expect("it is in the repository");
    std::fs::write(&bad, spec.replace("opcode = 0b0001011", "opcode = 0b0110011"))
        .expect("it can be written");
    let output = retrace(&["isa", "check", &bad], b"");
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.contains("`rotxor` can never match: `add` matches every word that it does"), "{errors}");
    assert!(errors.contains("bad.toml:10:"), "{errors}");
    assert_eq!(errors.lines().last(), Some("error: the spec has 1 error"), "{errors}");
    // Of several the last may be sound.
    let output = retrace(&["isa", "check", &bad, good, "rv32i"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr).lines().last(), Some("1 of 3 specs with errors"));
}

#[test]
fn the_isa_is_chosen_by_name_or_by_the_elf() {
    let listed = |arguments: &[&str]| json(&retrace(arguments, b""))["instructions"].as_array().map(Vec::len);
    assert_eq!(listed(&["isa", "explain", "--json"]), Some(40));
    assert_eq!(listed(&["isa", "explain", "--json", "--isa", "rv32im"]), Some(48));
    // The guests say rv32i; asked for, the larger set runs them as well.
    for isa in ["rv32i", "rv32im"] {
        assert_eq!(retrace(&["run", &elf("tiny"), "--isa", isa], b"").status.code(), Some(7));
    }
    let output = retrace(&["run", &elf("tiny"), "--isa", "rv64"], b"");
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("rv32i, rv32im"), "{}", text(&output.stderr));
    // A proof is of the spec that made it.
    let proof = temporary("tiny-rv32im.proof");
    retrace(&["prove", &elf("tiny"), "--isa", "rv32im", "-o", &proof], b"");
    assert_eq!(retrace(&["verify", &proof, &elf("tiny"), "--isa", "rv32im"], b"").status.code(), Some(0));
    let output = retrace(&["verify", &proof, &elf("tiny")], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("3 B of output, ISA rv32im\n"), "{}", text(&output.stdout));
    // The report's run is of the proof's ISA, too.
    let page = temporary("tiny-rv32im.html");
    let output = retrace(&["report", &elf("tiny"), "--proof", &proof, "-o", &page, "--json"], b"");
    assert_eq!(json(&output)["isa"], "rv32im");
    let output = retrace(&["verify", &proof, &elf("tiny"), "--isa", "rv32i"], b"");
    assert_eq!(output.status.code(), Some(1));
    for part in ["fingerprint", "which is rv32im, and --isa names rv32i"] {
        assert!(text(&output.stderr).contains(part), "{}", text(&output.stderr));
    }
    // The statement begins with the fingerprint, and its first byte is behind the format's name and version.
    let foreign = temporary("foreign.proof");
    let mut bytes = std::fs::read(&proof).expect("it was written");
    let fingerprint =
        json(&retrace(&["isa", "explain", "--json", "--isa", "rv32im"], b""))["fingerprint"].clone();
    let fingerprint = fingerprint.as_str().expect("it is text");
    let first = u8::from_str_radix(&fingerprint[..2], 16).expect("it is hexadecimal");
    let second = u8::from_str_radix(&fingerprint[2..4], 16).expect("it is hexadecimal");
    let at = bytes.windows(2).position(|pair| pair == [first, second]).expect("it is in the statement");
    bytes[at] ^= 1;
    std::fs::write(&foreign, bytes).expect("it can be written");
    let output = retrace(&["verify", &foreign, &elf("tiny")], b"");
    assert_eq!(output.status.code(), Some(1));
    for part in ["no ISA here has that", "rv32i ", "rv32imab_zicond "] {
        assert!(text(&output.stderr).contains(part), "{}", text(&output.stderr));
    }
    // So is a checkpoint file, which is read with the ISA that it names.
    let file = temporary("tiny-rv32im.ckpt");
    let _ = std::fs::remove_file(&file);
    let begun = ["run", &elf("tiny"), "--isa", "rv32im", "--checkpoints", &file, "--max-cycles", "20"];
    assert_eq!(retrace(&begun, b"").status.code(), Some(125));
    let proof = temporary("part.proof");
    let part = ["prove", &elf("tiny"), "--checkpoints", &file, "--cycles", "0..20", "-o", &proof, "--json"];
    assert_eq!(json(&retrace(&part, b""))["isa"], "rv32im");
    let resumed = json(&retrace(&["run", &elf("tiny"), "--resume", &file, "--json"], b""));
    assert_eq!((&resumed["isa"], &resumed["exit_code"]), (&"rv32im".into(), &7.into()));
    let output = retrace(&["trace", &elf("tiny"), "--checkpoints", &file, "--isa", "rv32i"], b"");
    assert!(text(&output.stderr).contains("spec"), "{}", text(&output.stderr));
}

/// Their exit codes are those under qemu-riscv32. The attributes of two of them say rv32i, and one has none.
#[test]
fn the_code_chooses_the_isa() {
    for (name, expected) in [("opt", 42), ("late", 42), ("noattr", 107)] {
        let path = elf(&format!("isas/{name}"));
        let object = json(&retrace(&["run", &path, "--json"], b""));
        assert_eq!((&object["exit_code"], &object["isa"]), (&expected.into(), &"rv32im".into()), "{name}");
        // A pipe can be read only once.
        let bytes = std::fs::read(&path).expect("it is in the repository");
        let piped = json(&retrace(&["run", "/dev/stdin", "--input", "/dev/null", "--json"], &bytes));
        assert_eq!((&piped["exit_code"], &piped["isa"]), (&expected.into(), &"rv32im".into()), "{name}");
        let output = retrace(&["run", &path, "--isa", "rv32i"], b"");
        assert_eq!(output.status.code(), Some(126), "{name}");
        assert!(
            text(&output.stderr).contains("which is no instruction of rv32i:"),
            "{}",
            text(&output.stderr)
        );
    }
    let (opt, proof) = (elf("isas/opt"), temporary("opt.proof"));
    let proved = retrace(&["prove", &opt, "-o", &proof], b"");
    assert!(
        text(&proved.stdout).contains("exit code 42, 0 B of output, ISA rv32im\n"),
        "{}",
        text(&proved.stderr)
    );
    assert_eq!(retrace(&["verify", &proof, &opt], b"").status.code(), Some(0));
    // Every command that runs it or reads its code decides alike.
    let page = temporary("opt.html");
    for arguments in [
        &["witness", &opt, "--format", "none", "--json"][..],
        &["profile", &opt, "--json"],
        &["trace", &opt, "--json"],
        &["disasm", &opt, "--json"],
        &["prove", &opt, "--plan", "--json"],
        &["report", &opt, "-o", &page, "--json"],
    ] {
        assert_eq!(json(&retrace(arguments, b""))["isa"], "rv32im", "{arguments:?}");
    }
    for arguments in [
        &["witness", &opt, "--format", "none"][..],
        &["profile", &opt],
        &["prove", &opt, "--plan"],
        &["report", &opt, "-o", &page],
    ] {
        let output = retrace(arguments, b"");
        assert!(text(&output.stdout).contains("ISA rv32im\n"), "{}", text(&output.stdout));
    }
}

/// Attributes that name Zbc, and a word that the entry leads to: each is told before the run, by every command that runs.
#[test]
fn what_no_isa_has_is_told_before_the_run() {
    let zbc =
        ["rv32i2p1_m2p0_zmmul1p0_zbc1p0", "no ISA here has zbc:", "0x0ab51533 at 0x00010008 <_start+0x8>"];
    let reached =
        ["0x0000000b at 0x0001005c <reached+0x4>, ./isas/reached.S:41", "no instruction of rv32i", "entry"];
    let written = temporary("refused");
    for (name, parts) in [("zbc", zbc), ("reached", reached)] {
        let path = elf(&format!("isas/{name}"));
        for arguments in [
            &["run", &path][..],
            &["witness", &path],
            &["trace", &path],
            &["profile", &path],
            &["debug", &path, "--listen", "127.0.0.1:0"],
            &["prove", &path, "-o", &written],
            &["report", &path, "-o", &written],
        ] {
            let output = retrace(arguments, b"");
            assert_eq!((output.status.code(), text(&output.stdout)), (Some(125), ""), "{arguments:?}");
            for part in
                parts.iter().chain(&["rv32i, rv32im, rv32im_zbb, rv32imab_zicond", "--isa rv32i ", &path])
            {
                assert!(text(&output.stderr).contains(part), "{part}: {}", text(&output.stderr));
            }
        }
        assert_eq!(json(&retrace(&["run", &path, "--json"], b""))["error"]["kind"], "isa");
        let listing = retrace(&["disasm", &path], b"");
        assert!(text(&listing.stdout).contains(".word 0x"), "it is shown all the same");
        let output = retrace(&["run", &path, "--isa", "rv32im"], b"");
        assert_eq!(output.status.code(), Some(126));
        assert!(
            text(&output.stderr).contains("which is no instruction of rv32im:"),
            "{}",
            text(&output.stderr)
        );
    }
    assert!(!std::path::Path::new(&written).exists());
    // The same program without that word has others, to which nothing leads.
    let object = json(&retrace(&["run", &elf("isas/harmless"), "--json"], b""));
    assert_eq!((&object["exit_code"], &object["isa"]), (&0.into(), &"rv32i".into()));
}

/// The guest's attributes say rv32i2p1_m2p0_zmmul1p0_zbb1p0; what it prints is the result of a model in Python.
#[test]
fn an_elf_of_a_larger_isa_chooses_it() {
    for (rounds, expected) in [("1", "84efadea\n"), ("10", "ac587caa\n"), ("1000", "11903d84\n")] {
        let output = retrace(&["run", &elf("bits"), rounds], b"");
        assert_eq!(text(&output.stdout), expected, "{}", text(&output.stderr));
    }
    let proof = temporary("bits.proof");
    assert_eq!(retrace(&["prove", &elf("bits"), "1", "-o", &proof], b"").status.code(), Some(0));
    assert_eq!(retrace(&["verify", &proof, &elf("bits"), "1"], b"").status.code(), Some(0));
    let named = ["verify", &proof, &elf("bits"), "1", "--isa", "rv32im_zbb"];
    assert_eq!(retrace(&named, b"").status.code(), Some(0), "it was proven as this set");
    // Another set is used where it is asked for; what it does not know is an error once it is executed.
    let output = retrace(&["run", &elf("bits"), "0", "--isa", "rv32i"], b"");
    assert_eq!(text(&output.stdout), "00000000\n");
    let output = retrace(&["run", &elf("bits"), "1", "--isa", "rv32im"], b"");
    assert_eq!(output.status.code(), Some(126));
    assert!(text(&output.stderr).contains("undecodable"), "{}", text(&output.stderr));
}
