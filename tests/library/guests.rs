//! The guests do what their sources say, and what qemu-riscv32 says where it is installed.

use std::io::Write;
use std::process::{Command, Stdio};

use retrace::checkpoint::{Options, Stopped, execute};
use retrace::guest::{Input, Linux, Output};
use retrace::isa::{Isa, Rv32i, Rv32im, Rv32imZbb, Rv32imabZicond, TrapCause};
use retrace::program::Program;

use crate::common::{self, guest, guest_path, input_path};
use crate::sink::Shared;

struct Case {
    name: &'static str,
    arguments: &'static [&'static str],
    input: Vec<u8>,
    /// From the guest's source and a tool other than retrace; see tests/guests/README.md.
    output: Option<Vec<u8>>,
    exit_code: u32,
}

fn cases() -> Vec<Case> {
    let file = |name: &str| std::fs::read(input_path(name)).expect("it is in the repository");
    let case = |name, arguments, input, output: Option<&[u8]>, exit_code| Case {
        name,
        arguments,
        input,
        output: output.map(<[u8]>::to_vec),
        exit_code,
    };
    // FIPS 180-4's examples for "abc" and for the empty message.
    let abc = b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
    let empty = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
    // The test vector of RFC 6979 over secp256k1 that wallets share, for the key 1 and "Satoshi Nakamoto": r and s.
    let signature = concat!(
        "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8",
        "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5\n"
    );
    vec![
        case("tiny", &[], vec![], Some(b"ok\n"), 7),
        case("sha256", &[], b"abc".to_vec(), Some(abc), 0),
        case("sha256", &[], vec![], Some(empty), 0),
        case("sha256", &[], file("two-blocks.txt"), None, 0),
        case("quicksort", &["500"], vec![], None, 0),
        case("sieve", &["1000000"], vec![], Some(b"78498 primes up to 1000000\n"), 0),
        case("interp", &["20"], vec![], None, 0),
        case("calls", &[], vec![], Some(b""), 0),
        case("regions", &["unbalanced"], vec![], Some(b""), 0),
        case("jsonfmt", &[], file("sample.json"), Some(&file("sample.min.json")), 0),
        case("jsonfmt", &["2"], file("sample.json"), Some(&file("sample.pretty.json")), 0),
        case("jsonfmt", &[], b"[1,".to_vec(), Some(b"[1,"), 1),
        case("alu", &["1000"], vec![], None, 0),
        case("abi", &["one", "two words"], b"some input".to_vec(), None, 0),
        case("faults", &[], vec![], Some(b""), 0),
        case("bits", &["10"], vec![], Some(b"ac587caa\n"), 0),
        case("atomic", &["10"], vec![], Some(b"0b2f4f3d\n"), 0),
        case("atomic_zig", &["1000"], vec![], Some(b"9113c4bd\n"), 0),
        case("k256", &[], vec![], Some(signature.as_bytes()), 0),
        case("serde_json", &[], vec![], Some(b"164483 bytes, FNV-1a 4024fd7c\n"), 0),
    ]
}

fn run(case: &Case) -> (Vec<u8>, Option<u32>) {
    match case.name {
        "k256" | "serde_json" => run_as::<Rv32im>(case),
        "bits" => run_as::<Rv32imZbb>(case),
        "atomic" | "atomic_zig" => run_as::<Rv32imabZicond>(case),
        _ => run_as::<Rv32i>(case),
    }
}

fn run_as<I: Isa>(case: &Case) -> (Vec<u8>, Option<u32>) {
    let sink = Shared::default();
    let names = std::iter::once("guest").chain(case.arguments.iter().copied());
    let options = Options {
        arguments: names.map(|name| name.as_bytes().to_vec()).collect(),
        output: Output::new(Box::new(sink.clone()), Box::new(std::io::sink())),
        ..Options::default()
    };
    let elf = std::fs::read(guest_path(case.name)).expect("it is in the repository");
    let program = Program::<I>::from_elf(&elf).expect("it can be loaded");
    let execution =
        execute(program, Linux::default(), Input::from(case.input.clone()), options).expect("it runs");
    let output = sink.0.lock().expect("no writer panicked").clone();
    assert_eq!(execution.output().length, output.len() as u64);
    assert_eq!(execution.output().hash, *blake3::hash(&output).as_bytes());
    (output, execution.exit_code())
}

fn qemu(case: &Case) -> Option<(Vec<u8>, Option<i32>)> {
    let mut child = Command::new("qemu-riscv32")
        .args(["-0", "guest"])
        .arg(guest_path(case.name))
        .args(case.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // A guest that ends before it has read all its input is none of this test's business.
    let _ = child.stdin.take().expect("it is piped").write_all(&case.input);
    let output = child.wait_with_output().expect("qemu ends");
    Some((output.stdout, output.status.code()))
}

#[test]
fn guests_print_what_they_should() {
    for case in cases() {
        let (output, exit_code) = run(&case);
        assert_eq!(exit_code, Some(case.exit_code), "{} {:?}", case.name, case.arguments);
        if let Some(expected) = &case.output {
            assert_eq!(String::from_utf8_lossy(&output), String::from_utf8_lossy(expected), "{}", case.name);
        }
    }
}

#[test]
fn guests_do_what_they_do_under_qemu() {
    if Command::new("qemu-riscv32").arg("--version").output().is_err() {
        eprintln!("qemu-riscv32 is not installed: nothing was compared");
        return;
    }
    for case in cases() {
        let (output, exit_code) = run(&case);
        let (expected, status) = qemu(&case).expect("qemu starts");
        assert_eq!(exit_code.map(|code| (code & 0xff) as i32), status, "{} {:?}", case.name, case.arguments);
        assert_eq!(String::from_utf8_lossy(&output), String::from_utf8_lossy(&expected), "{}", case.name);
    }
}

/// Each fault of tests/guests/faults.S, at the instruction that its source labels.
#[test]
fn faults_name_cause_and_place() {
    let cases = [
        ("load", TrapCause::MisalignedLoad, Some("lw")),
        ("half", TrapCause::MisalignedLoad, None),
        ("xzero", TrapCause::MisalignedLoad, Some("lw")),
        ("store", TrapCause::MisalignedStore, Some("sw")),
        ("null", TrapCause::NullLoad, Some("lw")),
        ("zero", TrapCause::NullStore, Some("sw")),
        ("code", TrapCause::StoreToCode, Some("sw")),
        ("illegal", TrapCause::Undecodable, None),
        ("unimp", TrapCause::Undecodable, None),
        ("break", TrapCause::Breakpoint, Some("ebreak")),
        ("misalign", TrapCause::MisalignedTarget, Some("jalr")),
        ("jump", TrapCause::MisalignedTarget, Some("jal")),
        ("taken", TrapCause::MisalignedTarget, Some("beq")),
        ("out", TrapCause::OutsideCode, None),
        ("data", TrapCause::OutsideCode, None),
        ("pointer", TrapCause::OutsideCode, None),
        ("end", TrapCause::OutsideCode, None),
    ];
    let program = guest("faults");
    for (name, cause, mnemonic) in cases {
        let execution = common::run(&program, &[name], b"", 1000);
        let Stopped::Trapped(fault) = execution.stopped() else {
            panic!("{name}: {:?}", execution.stopped());
        };
        assert_eq!(fault.cause, cause, "{name}");
        assert_eq!(fault.cycle, execution.cycles(), "{name}: a cycle that faults is not counted");
        if let Some(mnemonic) = mnemonic {
            assert_eq!(fault.mnemonic, Some(mnemonic), "{name}");
            let at = program.symbols().address(&format!("at_{name}"));
            assert_eq!(at, Some(fault.pc), "{name}");
        }
        let text = fault.to_string();
        assert!(text.contains(&format!("cycle {}", fault.cycle)), "{text}");
        assert!(
            text.contains(&format!("{:#x}", fault.pc)) || text.contains(&format!("{:#010x}", fault.pc)),
            "{text}"
        );
    }
}
