//! `retrace debug`, by driving the real binary with scripted sessions of gdb, and by a client that speaks a few words of its
//! protocol. What gdb is to say comes from the guests' sources.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn elf(name: &str) -> String {
    format!("{}/tests/guests/{name}.elf", env!("CARGO_MANIFEST_DIR"))
}

fn temporary(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("debug");
    fs::create_dir_all(&folder).expect("it can be made");
    let path = folder.join(name);
    let _ = fs::remove_file(&path);
    path
}

/// A server, and what it said on standard error so far.
struct Server {
    process: Child,
    errors: BufReader<std::process::ChildStderr>,
    said: String,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// On a port of its own, unless the arguments say where.
    fn start(arguments: &[&str]) -> Self {
        // What starts this test may ignore Ctrl-C, as a shell's background jobs do, and then so would what it starts.
        let mut command = Command::new("env");
        command.args(["--default-signal=INT", env!("CARGO_BIN_EXE_retrace"), "debug"]).args(arguments);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut errors = BufReader::new(process.stderr.take().expect("it is piped"));
        let mut said = String::new();
        let address = loop {
            let before = said.len();
            let read = errors.read_line(&mut said).expect("it is text");
            assert!(read > 0, "it ended: {said}");
            if let Some((_, address)) = said[before..].split_once("target remote ") {
                break address.trim_end().trim_end_matches('\'').to_owned();
            }
        };
        Self { process, errors, said, address }
    }

    /// What it printed on standard output and on standard error, once it has ended by itself with this exit code.
    fn end(mut self, code: i32) -> (String, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().expect("it can be waited for") {
                break status;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut printed = String::new();
        let stdout = self.process.stdout.as_mut().expect("it is piped");
        stdout.read_to_string(&mut printed).expect("it is text");
        self.errors.read_to_string(&mut self.said).expect("it is text");
        assert_eq!(status.code(), Some(code), "{}", self.said);
        (printed, core::mem::take(&mut self.said))
    }

    /// What gdb says in a session of these commands.
    fn gdb(&self, guest: &str, commands: &[&str]) -> String {
        let mut gdb = self.start_gdb(guest, commands);
        let mut said = String::new();
        gdb.stdout.take().expect("it is piped").read_to_string(&mut said).expect("it is text");
        // It tells of the last command that failed, which some are to do.
        gdb.wait().expect("it ends");
        said
    }

    fn start_gdb(&self, guest: &str, commands: &[&str]) -> Child {
        let mut gdb = Command::new("env");
        gdb.args(["--default-signal=INT", "LC_ALL=C", "gdb-multiarch", "--nx", "--batch"]);
        gdb.args(["-ex", "set style enabled off", "-ex", "set width 0", "-ex", "set confirm off"]);
        gdb.args(["-ex", &format!("target remote {}", self.address)]);
        for command in commands {
            // Errors too in the order of what is said.
            gdb.args(["-ex", command]);
        }
        let both = "exec \"$@\" 2>&1";
        let mut shell = Command::new("sh");
        shell.args(["-c", both, "sh"]).arg(gdb.get_program()).args(gdb.get_args()).arg(elf(guest));
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("a shell starts")
    }
}

fn has_gdb() -> bool {
    let found = Command::new("gdb-multiarch").arg("--version").output().is_ok();
    if !found {
        eprintln!("gdb-multiarch is not installed: no session was held");
    }
    found
}

/// Each of these comes in what was said, one after the other.
#[track_caller]
fn in_order(said: &str, expected: &[&str]) {
    let mut rest = said;
    for it in expected {
        let Some(at) = rest.find(it) else { panic!("`{it}` is not in what is left:\n{rest}\nof\n{said}") };
        rest = &rest[at + it.len()..];
    }
}

/// tests/guests/regions.c: `fill` gives memory\[i] the value of square(i), and `sum` adds them; ten times.
#[test]
fn a_session_goes_forwards_and_backwards() {
    if !has_gdb() {
        return;
    }
    let square = |x: u32| (x << 3) ^ (x << 5);
    let all: u32 = (0..64).map(square).sum();
    let server = Server::start(&[&elf("regions")]);
    let said = server.gdb(
        "regions",
        &[
            "break fill",
            "continue",
            "backtrace",
            "watch memory[3]",
            "continue",
            "reverse-continue",
            "print memory[3]",
            "reverse-continue",
            "reverse-continue",
            "monitor cycle",
            // From the start again: no second time, since what is stored then is no change.
            "delete 1",
            "continue",
            "delete",
            "break sum",
            "continue",
            "print memory[63]",
            "finish",
            "reverse-finish",
            "continue",
            "reverse-continue",
            "print memory[3]",
            "reverse-stepi",
            "stepi",
        ],
    );
    let three = square(3);
    assert_eq!(three, 120);
    in_order(
        &said,
        &[
            "Breakpoint 1, fill (n=64)",
            "#0  fill",
            " in work () ",
            " in start ",
            "Hardware watchpoint 2: memory[3]",
            "Hardware watchpoint 2: memory[3]\n\nOld value = 0\nNew value = 120\n",
            "Hardware watchpoint 2: memory[3]\n\nOld value = 120\nNew value = 0\n",
            "$1 = 0",
            "Breakpoint 1, fill (n=64)",
            "No more reverse-execution history.",
            "cycle 0 of ",
            "Old value = 0\nNew value = 120\n",
            "Breakpoint 3, sum (n=64)",
            &format!("$2 = {}", square(63)),
            &format!("Value returned is $3 = {all}\n"),
            // Back to where the function that called was called: on the way is a breakpoint.
            "Breakpoint 3, sum (n=64)",
            "Breakpoint 3, sum (n=64)",
            "Breakpoint 3, sum (n=64)",
            "$4 = 120",
            "work () at",
            "Breakpoint 3, sum (n=64)",
        ],
    );
    let (printed, _) = server.end(0);
    assert_eq!(printed, "");
}

/// tests/guests/tiny.S stores 0x6f, 0x6b and 0x000a to the bytes 0, 1 and 2 of its message, by the instructions at 0x10024,
/// 0x1002c and 0x10034: gdb names the one that made each change, forwards by where it stands behind it, backwards before it.
#[test]
fn a_watchpoint_stops_at_what_made_the_change() {
    if !has_gdb() {
        return;
    }
    let server = Server::start(&[&elf("tiny")]);
    let seen = ["continue", "print/x $pc"];
    let back = ["reverse-continue", "print/x $pc"];
    let mut commands = vec!["watch *(int*)0x30000", "break *0x10028"];
    commands.extend(seen.repeat(3));
    commands.extend(back.repeat(4));
    // One instruction is one instruction, though it stores what is watched.
    commands.extend([
        "delete 2",
        "reverse-stepi",
        "print/x $pc",
        "stepi",
        "print/x $pc",
        "stepi",
        "print/x $pc",
        "stepi",
        "print/x $pc",
    ]);
    let said = server.gdb("tiny", &commands);
    let change = |old: u32, new: u32, pc: &str| {
        [format!("Old value = {old}\nNew value = {new}\n"), format!(" = {pc}\n")]
    };
    let expected = [
        change(0, 0x6f, "0x10028"),
        change(0x6f, 0x6b6f, "0x10030"),
        change(0x6b6f, 0xa_6b6f, "0x10038"),
        change(0xa_6b6f, 0x6b6f, "0x10034"),
        change(0x6b6f, 0x6f, "0x1002c"),
        ["Breakpoint 2".to_owned(), " = 0x10028\n".to_owned()],
        change(0x6f, 0, "0x10024"),
    ]
    .concat();
    let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    expected.extend([" = 0x10020\n", " = 0x10024\n", "New value = 111\n", " = 0x10028\n", " = 0x1002c\n"]);
    in_order(&said, &expected);
}

/// Whole lines, both ways: the function's lines in their order, and the same in the reverse.
#[test]
fn lines_are_stepped_over_both_ways() {
    if !has_gdb() {
        return;
    }
    let server = Server::start(&[&elf("regions")]);
    let mut commands = vec!["break work", "continue"];
    commands.extend(["next", "info line"].repeat(4));
    commands.extend(["reverse-next", "info line"].repeat(4));
    let said = server.gdb("regions", &commands);
    let lines: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("Line "))
        .map(|line| line.split_whitespace().next().expect("a number"))
        .collect();
    assert_eq!(lines.len(), 8, "{said}");
    let (there, back) = lines.split_at(4);
    let mut reversed = back.to_vec();
    reversed.reverse();
    assert_eq!(there[..3], reversed[1..], "{said}");
    // The loop of `work`: fill, sum, and round again.
    let source = include_str!("guests/regions.c");
    let line_of = |text: &str| source.lines().position(|line| line.contains(text)).expect("it is there") + 1;
    let calls = [line_of("        fill(64);"), line_of("        all += sum(64);")];
    assert!(calls.iter().all(|call| there.contains(&call.to_string().as_str())), "{said}");
}

/// tests/guests/tiny.S writes "ok\n" by its 38th instruction, and exits with 7 by its 53rd.
#[test]
fn the_end_is_stopped_at_and_output_comes_once() {
    if !has_gdb() {
        return;
    }
    let server =
        Server::start(&["--json", "--output", &temporary("out").display().to_string(), &elf("tiny")]);
    let said = server.gdb(
        "tiny",
        &[
            "continue",
            "monitor cycle",
            "print $a0",
            "monitor goto 10",
            "maintenance flush register-cache",
            "print $s1",
            "reverse-stepi",
            "print $pc",
            "continue",
            "monitor cycle",
            "monitor goto 99",
            "monitor goto nowhere",
            "monitor what",
            "continue",
            "continue",
        ],
    );
    in_order(
        &said,
        &[
            "No more reverse-execution history.",
            "cycle 52 of 53 executed",
            "$1 = 7",
            "cycle 10 of 53 executed",
            // 5 + 4 + 3, after the third round's add and addi.
            "$2 = 12",
            "$3 = ",
            "No more reverse-execution history.",
            "cycle 52 of 53 executed",
            "this is its last instruction",
            "cycle 52 of 53 executed",
            "`nowhere` is no cycle",
            "there is no command `what`",
            "monitor goto N",
            "No more reverse-execution history.",
            "[Inferior 1 (process 1) exited with code 07]",
        ],
    );
    let (printed, _) = server.end(0);
    let object: Value = serde_json::from_str(&printed).expect("it is JSON");
    assert_eq!(
        (&object["ended"], &object["exit_code"], &object["cycles"]),
        (&"exited".into(), &7.into(), &53.into())
    );
    assert_eq!(fs::read_to_string(temporary_path("out")).expect("it was written"), "ok\n");
}

fn temporary_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("debug").join(name)
}

#[test]
fn a_fault_is_a_signal_to_go_back_from() {
    if !has_gdb() {
        return;
    }
    for (way, signal, cause) in [
        ("store", "SIGBUS, Bus error", "misaligned store"),
        ("null", "SIGSEGV, Segmentation fault", "page 0"),
        ("illegal", "SIGILL, Illegal instruction", "undecodable instruction"),
        ("out", "SIGSEGV, Segmentation fault", "outside the code"),
    ] {
        let server = Server::start(&[&elf("faults"), way]);
        let said = server.gdb(
            "faults",
            &["continue", "monitor cycle", "reverse-stepi", "monitor cycle", "stepi", "stepi", "x/i $pc"],
        );
        let received = format!("Program received signal {signal}.");
        let cycle = said.split("cycle ").nth(1).and_then(|rest| rest.split(' ').next()).expect("it is said");
        let before = cycle.parse::<u64>().expect("a number") - 1;
        let here = format!("cycle {cycle} of {cycle} executed");
        in_order(&said, &[&received, &here, &format!("cycle {before} of {cycle} executed"), &received]);
        let (_, errors) = server.end(0);
        assert!(errors.contains("note: the guest faults") && errors.contains(cause), "{errors}");
        assert_eq!(errors.matches("note: the guest faults").count(), 1, "{errors}");
    }
}

#[test]
fn every_kind_of_stop_is_known() {
    if !has_gdb() {
        return;
    }
    let server = Server::start(&[&elf("regions")]);
    let said = server.gdb(
        "regions",
        &[
            "hbreak sum",
            "break sum",
            "continue",
            "delete 2",
            "rwatch memory[5]",
            "continue",
            "print all",
            "delete",
            "awatch memory[9]",
            "reverse-continue",
            "backtrace 1",
            "delete",
            "break *0x10",
            "continue",
        ],
    );
    // The sum of the first five, before the sixth is added.
    let square = |x: u32| (x << 3) ^ (x << 5);
    let five: u32 = (0..5).map(square).sum();
    in_order(
        &said,
        &[
            "Hardware assisted breakpoint 1",
            "sum (n=64)",
            &format!("Hardware read watchpoint 3: memory[5]\n\nValue = {}\n", square(5)),
            &format!("$1 = {five}"),
            // Where it was stored, which is the last access before.
            "Hardware access (read/write) watchpoint 4: memory[9]",
            &format!(
                "Hardware access (read/write) watchpoint 4: memory[9]\n\nOld value = {}\nNew value = 0\n",
                square(9)
            ),
            "#0 ",
            "fill (n=64)",
            "Cannot insert breakpoint 5",
        ],
    );
}

/// A run can be seen and not changed; page 0 and the last page are no memory, and the rest is.
#[test]
fn what_is_written_is_refused() {
    if !has_gdb() {
        return;
    }
    let server = Server::start(&[&elf("tiny"), "--cycle", "21"]);
    let said = server.gdb(
        "tiny",
        &[
            "x/2xb 0x30000",
            "stepi",
            "x/2xb 0x30000",
            "set var $t0 = 1",
            "set {int}0x30000 = 1",
            "x/xw 0",
            "x/xw 0xffffeffc",
            "x/xw 0xfffff000",
        ],
    );
    in_order(
        &said,
        &[
            "0x30000",
            "0x00\t0x00",
            "0x6f\t0x00",
            "Could not write registers",
            "Cannot access memory at address 0x30000",
            "Cannot access memory at address 0x0",
            "0xffffeffc:\t0x00000000",
            "Cannot access memory at address 0xfffff000",
        ],
    );
    let (_, errors) = server.end(0);
    assert_eq!(errors.matches("which is refused").count(), 1, "{errors}");
}

/// Ctrl-C in gdb stops a guest that goes on for ever, and then it can be gone back.
#[test]
fn an_endless_guest_is_interrupted() {
    if !has_gdb() {
        return;
    }
    let server = Server::start(&[&elf("faults"), "forever"]);
    let mut gdb = server.start_gdb(
        "faults",
        &[
            "break at_forever",
            "continue",
            "delete",
            "echo going\\n",
            "continue",
            "monitor cycle",
            "reverse-continue",
        ],
    );
    let mut output = BufReader::new(gdb.stdout.take().expect("it is piped"));
    let mut said = String::new();
    while !said.ends_with("going\n") {
        assert!(output.read_line(&mut said).expect("it is text") > 0, "{said}");
    }
    std::thread::sleep(Duration::from_secs(1));
    let interrupted = Command::new("kill").args(["-INT", &gdb.id().to_string()]).status().expect("kill runs");
    assert!(interrupted.success());
    output.read_to_string(&mut said).expect("it is text");
    gdb.wait().expect("it ends");
    in_order(
        &said,
        &[
            "going",
            "Program received signal SIGINT, Interrupt.",
            "cycle ",
            "No more reverse-execution history.",
        ],
    );
}

/// The run in a checkpoint file is not run again, and puts out nothing.
#[test]
fn the_run_of_a_checkpoint_file_is_debugged() {
    if !has_gdb() {
        return;
    }
    let file = temporary("run.ckpt").display().to_string();
    let ran = Command::new(env!("CARGO_BIN_EXE_retrace"))
        .args(["run", &elf("tiny"), "--checkpoints", &file])
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    assert_eq!(ran.status.code(), Some(7));
    let server = Server::start(&[&elf("tiny"), "--checkpoints", &file, "--cycle", "50"]);
    let said = server.gdb(
        "tiny",
        &["monitor cycle", "stepi", "stepi", "stepi", "reverse-continue", "continue", "continue"],
    );
    in_order(&said, &["cycle 50 of 53", "No more", "No more", "No more", "exited with code 07"]);
    assert_eq!(server.end(0).0, "");
}

/// Just enough of the protocol: a packet and its checksum, of which nothing is checked.
fn packet(body: &str) -> String {
    let sum = body.bytes().fold(0u8, u8::wrapping_add);
    format!("${body}#{sum:02x}")
}

fn send(stream: &mut (impl Read + Write), body: &str) -> String {
    stream.write_all(packet(body).as_bytes()).expect("it can be written");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !(answer.len() >= 3 && answer[answer.len() - 3] == b'#') {
        stream.read_exact(&mut byte).expect("there is an answer");
        answer.extend(byte);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn sessions_end_as_clients_end_them() {
    for (body, ended) in [("D", "detached"), ("k", "killed"), ("", "disconnected")] {
        let server = Server::start(&[&elf("tiny"), "--json"]);
        let mut stream = TcpStream::connect(&server.address).expect("it listens");
        assert!(send(&mut stream, "?").contains("$T05") || ended != "detached");
        if !body.is_empty() {
            stream.write_all(packet(body).as_bytes()).expect("it can be written");
        }
        drop(stream);
        let object: Value = serde_json::from_str(&server.end(0).0).expect("it is JSON");
        assert_eq!(object["ended"], ended);
    }
}

/// No packet, however wrong, does more than end the session.
#[test]
fn noise_is_no_harm() {
    let noises: [&[u8]; 7] = [
        b"\x03\x03\x03",
        b"$m0,ffffffff#00",
        b"$mffffffff,ffffffff#2b$?#3f",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 9000],
        b"$mffffffff,10#f9$Z0,zz,4#00$vCont;x#00",
        b"$qRcmd,676f746f2039393939393939393939393939393939393939393939#00",
    ];
    for noise in noises {
        let server = Server::start(&[&elf("tiny")]);
        let mut stream = TcpStream::connect(&server.address).expect("it listens");
        let _ = stream.write_all(noise);
        std::thread::sleep(Duration::from_millis(50));
        drop(stream);
        let mut server = server;
        let begun = Instant::now();
        let code = loop {
            if let Some(status) = server.process.try_wait().expect("it can be waited for") {
                break status.code();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut errors = String::new();
        server.errors.read_to_string(&mut errors).expect("it is text");
        assert!(
            matches!(code, Some(0 | 125)) && !errors.contains("panicked"),
            "{noise:?}: {code:?} {errors}"
        );
    }
}

/// A long way by `monitor goto` ends when gdb interrupts, and when it goes.
#[test]
fn a_long_way_can_be_cut_short() {
    let far: String = "goto 99999999999999".bytes().map(|byte| format!("{byte:02x}")).collect();
    let far = packet(&format!("qRcmd,{far}"));
    for interrupts in [true, false] {
        let server = Server::start(&[&elf("faults"), "forever"]);
        let mut stream = TcpStream::connect(&server.address).expect("it listens");
        stream.write_all(far.as_bytes()).expect("it can be written");
        std::thread::sleep(Duration::from_millis(200));
        if interrupts {
            stream.write_all(b"\x03").expect("it can be written");
            let (mut said, mut byte) = (Vec::new(), [0]);
            // The last packet's: OK.
            while !said.ends_with(b"$OK#9a") {
                stream.read_exact(&mut byte).expect("there is an answer");
                said.extend(byte);
            }
            // What it was interrupted by is not kept for the next.
            assert!(send(&mut stream, "vCont;s:1").contains("$S05"));
        }
        drop(stream);
        server.end(0);
    }
}

/// Who looks whether the port is open does not take gdb's place.
#[test]
fn a_visitor_that_says_nothing_is_not_gdb() {
    let server = Server::start(&[&elf("tiny")]);
    drop(TcpStream::connect(&server.address).expect("it listens"));
    let mut stream = TcpStream::connect(&server.address).expect("it listens still");
    assert!(send(&mut stream, "?").contains("$T05"));
    stream.write_all(packet("D").as_bytes()).expect("it can be written");
    server.end(0);
}

/// What is in the output's file stays there until there is something to take its place.
#[test]
fn the_output_is_not_emptied_in_vain() {
    let path = temporary("kept");
    fs::write(&path, "precious").expect("it can be written");
    let kept = path.display().to_string();
    for wrong in
        [&["--listen", "nowhere"][..], &["--checkpoints", "no such file"], &["--input", "no such file"]]
    {
        let output = refused(&[&["--output", &kept, &elf("tiny")], wrong].concat());
        assert_eq!(output.status.code(), Some(125), "{wrong:?}");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "precious", "{wrong:?}");
    }
}

#[test]
fn a_socket_is_listened_on_and_removed() {
    let path = temporary("gdb.sock");
    let address = path.display().to_string();
    let server = Server::start(&[&elf("tiny"), "--listen", &address]);
    assert_eq!(server.address, address);
    let mut stream = std::os::unix::net::UnixStream::connect(&path).expect("it listens");
    assert!(send(&mut stream, "?").contains('#'));
    assert!(!path.exists(), "no one else can connect");
    stream.write_all(packet("D").as_bytes()).expect("it can be written");
    server.end(0);
}

/// Ctrl-C where the server runs ends it, before gdb has come and after.
#[test]
fn the_server_is_interrupted() {
    let path = temporary("interrupted.sock");
    for connects in [false, true] {
        let server = Server::start(&[&elf("tiny"), "--listen", &path.display().to_string()]);
        let stream = connects.then(|| std::os::unix::net::UnixStream::connect(&path).expect("it listens"));
        std::thread::sleep(Duration::from_millis(100));
        let id = server.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
        server.end(130);
        assert!(!path.exists());
        drop(stream);
    }
}

fn refused(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
    command.arg("debug").args(arguments).stdin(Stdio::null()).output().expect("the binary starts")
}

#[test]
fn addresses_that_cannot_be_are_said() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let taken = taken.local_addr().expect("it has an address").to_string();
    let held = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let held_address = held.local_addr().expect("it has an address").to_string();
    let file = temporary("a file");
    fs::write(&file, "").expect("it can be written");
    for (address, remedy) in [
        (held_address.as_str(), "give another port"),
        ("here", "give HOST:PORT"),
        (&file.display().to_string(), "there is a file of that name"),
        ("/nowhere/at/all", "make it first"),
    ] {
        let output = refused(&[&elf("tiny"), "--listen", address]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{errors}");
        assert!(
            errors.contains(&format!("cannot listen on {address}")) && errors.contains(remedy),
            "{errors}"
        );
    }
    drop((held, taken));
}
