//! How the command line behaves towards people, shells and other programs: help, completions, manual pages, colours, pipes, exit
//! codes, odd file names, and files that are not what they should be. By driving the real binary.

#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod common;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::guest_path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const RETRACE: &str = env!("CARGO_BIN_EXE_retrace");

fn retrace<A: AsRef<OsStr>>(arguments: &[A]) -> Output {
    Command::new(RETRACE).args(arguments).stdin(Stdio::null()).output().expect("the binary starts")
}

fn shell(script: &str) -> Output {
    let mut command = Command::new("bash");
    command.args(["-c", script]).env("RETRACE", RETRACE).env("GUESTS", format!("{ROOT}/tests/guests"));
    command.env_remove("NO_COLOR").env("TERM", "xterm").stdin(Stdio::null());
    command.output().expect("bash is installed")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it is text")
}

/// A new folder.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("manners").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("it can be made");
    folder
}

/// The names of all commands, as `--help` lists them.
fn commands() -> Vec<Vec<String>> {
    let listed = |arguments: &[&str]| -> Vec<String> {
        let output = retrace(&[arguments, &["--help"]].concat());
        let rest = text(&output.stdout).split("Commands:\n").nth(1).unwrap_or_default().to_owned();
        let lines = rest.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
        lines
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect()
    };
    let inner = listed(&["isa"]).into_iter().map(|name| vec!["isa".to_owned(), name]);
    listed(&[]).into_iter().filter(|name| name != "isa").map(|name| vec![name]).chain(inner).collect()
}

#[test]
fn help_shows_options_and_examples() {
    let mut page = text(&retrace(&["--help"]).stdout).to_owned();
    for command in commands() {
        let output = retrace(&[&command[..], &["--help".to_owned()]].concat());
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
        page += &format!("\n════ retrace {} --help\n\n{}", command.join(" "), text(&output.stdout));
    }
    insta::assert_snapshot!("help", page);
}

#[test]
fn bash_completes_commands_and_options() {
    let complete = |words: &str, at: usize| {
        let script = format!(
            "set -u; source <(\"$RETRACE\" completions bash); COMP_WORDS=(retrace {words}); COMP_CWORD={at}; COMPREPLY=(); \
             _retrace retrace \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; echo \"${{COMPREPLY[*]}}\""
        );
        let output = shell(&script);
        assert_eq!(text(&output.stderr), "", "{words}");
        text(&output.stdout).trim().to_owned()
    };
    assert_eq!(complete("wit", 1), "witness");
    assert_eq!(complete("witness --form", 2), "--format");
    assert_eq!(complete("witness --format pa", 3), "parquet");
    assert_eq!(complete("isa ex", 2), "explain");
    assert_eq!(complete("completions z", 2), "zsh");
    for (shell_name, check) in [("bash", "bash -n"), ("zsh", "zsh -n"), ("fish", "fish --no-execute")] {
        let program = check.split(' ').next().unwrap_or_default();
        let script = format!(
            "command -v {program} >/dev/null || exit 77; \"$RETRACE\" completions {shell_name} | {check} /dev/stdin"
        );
        let output = shell(&script);
        match output.status.code() {
            Some(77) => eprintln!("{program} is not installed: its script was not parsed"),
            code => assert_eq!((code, text(&output.stderr)), (Some(0), ""), "{shell_name}"),
        }
    }
    for name in ["elvish", "powershell"] {
        assert!(text(&retrace(&["completions", name]).stdout).contains("witness"), "{name}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let pages = folder("man").join("a/man1");
    let output = retrace(&[OsStr::new("man"), OsStr::new("-o"), pages.as_os_str()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let found: BTreeSet<String> = fs::read_dir(&pages)
        .expect("it was made")
        .map(|entry| entry.expect("it can be read").file_name().into_string().expect("it is text"))
        .collect();
    let names = commands().into_iter().map(|command| format!("retrace-{}.1", command.join("-")));
    let expected = names.chain(["retrace.1".to_owned(), "retrace-isa.1".to_owned()]).collect();
    assert_eq!(found, expected);
    let main = fs::read(pages.join("retrace.1")).expect("it is there");
    assert_eq!(retrace(&["man"]).stdout, main);

    if Command::new("groff").arg("--version").output().is_err() {
        eprintln!("groff is not installed: no page was formatted");
        return;
    }
    for page in found {
        let mut groff = Command::new("groff");
        let output = groff
            .args(["-Kutf8", "-man", "-ww", "-Tutf8", "-P-c", "-P-b", "-P-u"])
            .arg(pages.join(&page))
            .output()
            .expect("it is installed");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{page}");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        let lists = matches!(&*page, "retrace.1" | "retrace-isa.1");
        let wanted = ["SYNOPSIS", "OPTIONS", if lists { "SUBCOMMANDS" } else { "EXAMPLES" }];
        assert!(wanted.iter().all(|heading| shown.contains(heading)), "{page}: {shown}");
    }
    // As it is in the help, and not filled.
    let mut groff = Command::new("groff");
    let page = pages.join("retrace-witness.1");
    let output =
        groff.args(["-man", "-Tascii", "-P-c", "-P-b", "-P-u"]).arg(page).output().expect("it is installed");
    let line = "retrace witness guest.elf --cycles 0..10            the first ten rows, as CSV";
    assert!(text(&output.stdout).contains(line), "{}", text(&output.stdout));
}

/// A terminal by `script`, which is everywhere where there is a Debian.
#[test]
fn colours_and_bars_are_for_terminals() {
    let folder = folder("colours");
    let spec = folder.join("bad.toml");
    fs::write(&spec, "[isa]\nxlem = 32\n").expect("it can be written");
    let spec = spec.display();
    if shell("command -v script").status.code() != Some(0) {
        eprintln!("script is not installed: there was no terminal");
        return;
    }
    let escapes = |variables: &str, command: &str| {
        let output = shell(&format!("{variables} script -qec \"{command}\" /dev/null </dev/null"));
        String::from_utf8_lossy(&output.stdout).contains('\x1b')
    };
    let check = format!("$RETRACE isa check '{spec}'");
    assert!(escapes("", &check), "a terminal");
    assert!(!escapes("NO_COLOR=1", &check), "NO_COLOR");
    assert!(escapes("NO_COLOR=", &check), "an empty NO_COLOR means nothing");
    assert!(!escapes("TERM=dumb", &check), "a terminal without colours");
    assert!(!escapes("", &format!("{check} 2>&1 | cat")), "a pipe");
    assert!(!escapes("", &format!("{check} --json")), "JSON");
    // 5 M cycles, so that the bar is drawn.
    let run = "$RETRACE run $GUESTS/faults.elf forever --max-cycles 50000000 --json --executor interpreter";
    assert!(escapes("", run), "a bar");
    assert!(!escapes("", &format!("{run} 2>&1 | cat")), "no bar in a pipe");
    assert!(!escapes("TERM=dumb", run), "no bar where lines cannot be drawn over");
    let prove = "$RETRACE prove $GUESTS/alu.elf 200000 --threads 1 -o /dev/null";
    let drawn = shell(&format!("script -qec \"{prove}\" /dev/null </dev/null"));
    let drawn = String::from_utf8_lossy(&drawn.stdout).into_owned();
    let shares: Vec<u32> = drawn
        .split('%')
        .filter_map(|before| before.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .collect();
    assert!(shares.is_sorted() && shares.last().is_some_and(|last| (60..=100).contains(last)), "{drawn}");
    assert!(escapes("", "$RETRACE --help") && !escapes("NO_COLOR=1", "$RETRACE --help"), "help");

    let terminal =
        shell("script -qec \"$RETRACE witness $GUESTS/tiny.elf --format parquet\" /dev/null </dev/null");
    assert!(
        text(&terminal.stdout).contains("Parquet is nothing for a terminal"),
        "{}",
        text(&terminal.stdout)
    );
}

/// What is read is never written to, whichever option names it, by a link of another name too.
#[test]
fn inputs_are_not_overwritten() {
    let folder = folder("apart");
    let guest = fs::read(Path::new(ROOT).join("tests/guests/tiny.elf")).expect("it is in the repository");
    let path = |name: &str| folder.join(name).display().to_string();
    let [elf, input, link] = ["a.elf", "input", "link"].map(path);
    fs::write(&elf, &guest).expect("it can be written");
    fs::write(&input, "input").expect("it can be written");
    fs::hard_link(&elf, &link).expect("it can be linked");
    let spec = path("spec.toml");
    fs::write(&spec, "[isa]\n").expect("it can be written");
    for (command, output) in [
        ("run", "--output"),
        ("run", "--signature"),
        ("witness", "-o"),
        ("trace", "-o"),
        ("debug", "--output"),
        ("profile", "--flamegraph"),
        ("profile", "--firefox"),
        ("profile", "--folded"),
        ("report", "-o"),
        ("prove", "-o"),
    ] {
        for written in [&elf, &input, &link] {
            let line = format!("$RETRACE {command} '{elf}' --input '{input}' {output} '{written}'");
            let refused = shell(&line);
            let message = text(&refused.stderr);
            assert_eq!(refused.status.code(), Some(125), "{line}: {message}");
            assert!(message.contains("give another to write to"), "{line}: {message}");
        }
    }
    let refused = shell(&format!("$RETRACE isa doc '{spec}' -o '{spec}'"));
    assert!(text(&refused.stderr).contains("give another to write to"), "{}", text(&refused.stderr));
    assert!(fs::read(&elf).is_ok_and(|now| now == guest), "the program");
    assert!(fs::read(&input).is_ok_and(|now| now == b"input"), "the input");
    // A device is no file that anything could be lost of.
    assert_eq!(
        shell(&format!("$RETRACE run '{elf}' --input /dev/null --output /dev/null")).status.code(),
        Some(7)
    );
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let cases = [
        ("witness $GUESTS/alu.elf 100000", 0),
        ("witness $GUESTS/alu.elf 100000 --format jsonl", 0),
        ("disasm $GUESTS/interp.elf", 0),
        ("isa doc rv32i", 0),
        ("isa explain", 0),
        ("profile $GUESTS/sieve.elf 1000 --by pc --top 0", 0),
        ("completions bash", 0),
        ("man", 0),
        ("--help", 0),
        // The guest's output, of which there is more than a pipe holds. The guest did not end.
        ("run $GUESTS/jsonfmt.elf --input $INPUT", 141),
    ];
    let folder = folder("pipes");
    let numbers: Vec<String> = (0..100_000).map(|number| number.to_string()).collect();
    fs::write(folder.join("in.json"), format!("[{}]", numbers.join(","))).expect("it can be written");
    let input = folder.join("in.json").display().to_string();
    for (command, code) in cases {
        let script = format!(
            "INPUT='{input}'; \"$RETRACE\" {command} </dev/null | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
        );
        let output = shell(&script);
        assert_eq!(
            (text(&output.stdout).trim(), text(&output.stderr)),
            (&*code.to_string(), ""),
            "{command}"
        );
    }
}

/// Runs each row of the README's table.
#[test]
fn exit_codes_are_the_readmes() {
    let elf = |name: &str| guest_path(name).display().to_string();
    let folder = folder("codes");
    let proof = folder.join("proof").display().to_string();
    let code = |arguments: &[&str]| retrace(arguments).status.code();
    assert_eq!(code(&["run", &elf("tiny")]), Some(7), "the guest's");
    assert_eq!(code(&["prove", &elf("tiny"), "-o", &proof]), Some(0));
    let mut tested = BTreeSet::from(["the guest's, its low byte".to_owned()]);
    let mut expect = |expected: i32, arguments: &[&str]| {
        assert_eq!(code(arguments), Some(expected), "{arguments:?}");
        tested.insert(expected.to_string());
    };
    expect(126, &["run", &elf("faults"), "illegal"]);
    expect(125, &["run", "/nonexistent"]);
    expect(125, &["run", &elf("tiny"), "--max-cycles", "3"]);
    expect(125, &["run", &format!("{ROOT}/fuzz/corpus/elf/x86")]);
    expect(125, &["run", &elf("tiny"), "--signature", &proof]);
    expect(1, &["verify", &proof, &elf("sieve")]);
    expect(1, &["checkpoints", &elf("tiny")]);
    expect(1, &["isa", "check", "/nonexistent"]);
    expect(1, &["isa", "doc", "/nonexistent"]);
    expect(2, &["nonsense"]);
    expect(2, &["run"]);
    let interrupted = shell(
        "env --default-signal=INT \"$RETRACE\" run \"$GUESTS/faults.elf\" forever & sleep 1; kill -INT $!; wait $!; echo $?",
    );
    assert_eq!(text(&interrupted.stdout).trim(), "130");
    // 141 is in `a_reader_that_goes_away_ends_a_command_quietly`.
    tested.extend(["130".to_owned(), "141".to_owned()]);

    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("it is in the repository");
    let table = readme.split("| exit code | means |\n|---|---|\n").nth(1).expect("the table is there");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let listed: BTreeSet<String> =
        rows.filter_map(|row| row.split('|').nth(1)).map(|code| code.trim().to_owned()).collect();
    assert_eq!(listed, tested);
}

/// Spaces, and bytes that are no UTF-8, in the name of every file that a command takes or makes.
#[test]
fn names_of_files_are_any_bytes() {
    let name = |start: &str, end: &str| {
        OsString::from_vec([start.as_bytes(), b" \xff\xfe ", end.as_bytes()].concat())
    };
    let folder = folder("names").join(name("a", "folder"));
    fs::create_dir_all(&folder).expect("it can be made");
    let path = |end: &str| folder.join(name("a", end)).into_os_string();
    let elf = path("guest.elf");
    fs::copy(guest_path("sha256"), &elf).expect("it can be copied");
    fs::write(path("in.txt"), "abc").expect("it can be written");
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";

    let done = |command: &str, arguments: &[&OsStr]| {
        let words: Vec<OsString> = command
            .split(' ')
            .map(OsString::from)
            .chain(arguments.iter().map(|&word| word.to_owned()))
            .collect();
        let output = retrace(&words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    };
    let option = OsStr::new;
    let (input, output, checkpoints, proof) =
        (path("in.txt"), path("out.txt"), path("run.ckpt"), path("p.bin"));
    done(
        "run",
        &[
            &elf,
            option("--input"),
            &input,
            option("--output"),
            &output,
            option("--checkpoints"),
            &checkpoints,
        ],
    );
    assert_eq!(fs::read_to_string(&output).expect("it was written"), digest);
    done("checkpoints", &[&checkpoints]);
    done("run", &[&elf, option("--resume"), &checkpoints]);
    for (format, start) in [("csv", &b"cycle,"[..]), ("parquet", b"PAR1"), ("jsonl", b"{\"cycle\"")] {
        let rows = path(&format!("rows.{format}"));
        done("witness", &[&elf, option("--checkpoints"), &checkpoints, option("-o"), &rows]);
        assert!(fs::read(&rows).expect("it was written").starts_with(start), "{format}");
    }
    done("prove", &[&elf, option("--checkpoints"), &checkpoints, option("-o"), &proof]);
    done("verify", &[&proof, &elf, option("--input"), &input]);
    done(
        "profile",
        &[
            &elf,
            option("--input"),
            &input,
            option("--flamegraph"),
            &path("f.svg"),
            option("--firefox"),
            &path("f.json"),
        ],
    );
    done("disasm", &[&elf]);
    done("isa doc rv32i -o", &[&path("page.html")]);
    done("man -o", &[&path("man")]);
    let left: Vec<_> = fs::read_dir(&folder)
        .expect("it can be read")
        .map(|entry| entry.expect("it can").file_name())
        .collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".partial")), "{left:?}");

    // The guest gets its arguments as they are: one that is no number it does not take for one.
    let output = retrace(&[OsStr::new("run"), guest_path("sieve").as_os_str(), &name("1", "")]);
    assert!(
        output.status.code().is_some_and(|code| code != 125),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Diagnostics of a spec name it in text.
    let spec = path("spec.toml");
    fs::copy(Path::new(ROOT).join("examples/custom-isa/isa/rotxor.toml"), &spec).expect("it can be copied");
    let output = retrace(&[OsStr::new("isa"), OsStr::new("check"), &spec]);
    assert_eq!(output.status.code(), Some(125));
    assert!(
        text(&output.stderr).contains("the path of a spec must be UTF-8; rename it"),
        "{}",
        text(&output.stderr)
    );
}

/// What is said of files that are missing, empty, huge, or something else.
#[test]
fn wrong_files_are_told_apart() {
    let folder = folder("wrong");
    let file = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).expect("it can be written");
    file("empty", b"");
    file("text", b"hello\n");
    file("library.a", b"!<arch>\n");
    for (from, to) in [
        ("elf/x86", "x86"),
        ("elf/rv64", "rv64"),
        ("elf/compressed", "compressed"),
        ("elf/dynamic", "dynamic"),
        ("elf/shared-object", "shared-object"),
        ("elf/big-endian", "big-endian"),
    ] {
        fs::copy(Path::new(ROOT).join("fuzz/corpus").join(from), folder.join(to)).expect("it can be copied");
    }
    let tiny = fs::read(guest_path("tiny")).expect("it is in the repository");
    file("tiny.elf", &tiny);
    file("half.elf", &tiny[..tiny.len() / 2]);
    let object: Vec<u8> =
        tiny.iter().enumerate().map(|(at, &byte)| if at == 16 { 1 } else { byte }).collect();
    file("object.o", &object);
    // Nothing is stored of them.
    for (name, start) in [("huge", &b""[..]), ("huge.elf", b"\x7fELF\x01\x01\x01")] {
        file(name, start);
        File::options()
            .write(true)
            .open(folder.join(name))
            .and_then(|file| file.set_len(5 << 30))
            .expect("a sparse file");
    }
    fs::create_dir(folder.join("folder")).expect("it can be made");
    for command in ["prove tiny.elf -o proof", "run tiny.elf --checkpoints checkpoints --max-cycles 20"] {
        let mut made = Command::new(RETRACE);
        let made = made.current_dir(&folder).args(command.split(' ')).stdin(Stdio::null()).output();
        assert!(made.is_ok_and(|made| matches!(made.status.code(), Some(0 | 125))), "{command}");
    }
    let checkpoints = fs::read(folder.join("checkpoints")).expect("it was written");
    file("half-checkpoints", &checkpoints[..checkpoints.len() / 2]);
    let proof = fs::read(folder.join("proof")).expect("it was written");
    file("half-proof", &proof[..20]);
    let mut other = proof;
    other[8] += 1;
    file("newer-proof", &other);

    let mut table = String::new();
    let mut said = |command: &str| {
        let words = command.split(' ');
        let output = Command::new(RETRACE)
            .current_dir(&folder)
            .args(words)
            .stdin(Stdio::null())
            .output()
            .expect("it starts");
        let code = output.status.code().expect("it ends by itself");
        assert!(matches!(code, 1 | 125) && output.stdout.is_empty(), "{command}: {code}");
        table += &format!(
            "{command}   ({code})\n    {}\n",
            text(&output.stderr).trim_end().replace('\n', "\n    ")
        );
    };
    for program in [
        "missing",
        "folder",
        "empty",
        "text",
        "huge",
        "huge.elf",
        "/dev/zero",
        "proof",
        "checkpoints",
        "library.a",
        "object.o",
        "shared-object",
        "dynamic",
        "x86",
        "rv64",
        "big-endian",
        "compressed",
        "half.elf",
    ] {
        said(&format!("run {program}"));
    }
    for command in ["witness", "profile", "disasm", "prove -o p"] {
        said(&format!("{command} proof"));
    }
    for proof in
        ["missing", "folder", "empty", "huge", "tiny.elf", "checkpoints", "text", "half-proof", "newer-proof"]
    {
        said(&format!("verify {proof} tiny.elf"));
    }
    said("verify tiny.elf proof");
    for checkpoints in ["missing", "folder", "empty", "text", "tiny.elf", "proof", "half-checkpoints", "huge"]
    {
        said(&format!("checkpoints {checkpoints}"));
    }
    for option in [
        "run tiny.elf --resume",
        "witness tiny.elf --checkpoints",
        "run tiny.elf --input",
        "verify proof tiny.elf --input",
    ] {
        for name in ["missing", "folder", "proof"] {
            if !(option.ends_with("--input") && name == "proof") {
                said(&format!("{option} {name}"));
            }
        }
    }
    said("run tiny.elf --checkpoints tiny.elf");
    for output in [
        "run tiny.elf --output",
        "witness tiny.elf -o",
        "prove tiny.elf -o",
        "run tiny.elf --checkpoints",
        "isa doc rv32i -o",
        "profile tiny.elf --folded",
    ] {
        for name in ["folder", "missing/file"] {
            said(&format!("{output} {name}"));
        }
    }
    said("man -o empty");
    for spec in ["missing", "folder", "empty", "tiny.elf", "huge"] {
        said(&format!("isa check {spec}"));
    }
    said("run tiny.elf --max-cycles 3");
    said("witness tiny.elf --cycles 50..60");
    insta::assert_snapshot!("wrong_files", table);
}

/// A superuser may read everything, so that the test gives that up where it is one.
#[test]
fn a_file_without_permission_is_told() {
    let folder = folder("permission");
    let secret = folder.join("secret");
    fs::copy(guest_path("tiny"), &secret).expect("it can be copied");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).expect("it is ours");
    let mut command = if File::open(&secret).is_ok() {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-all", "--inh-caps=-all", "--", RETRACE]);
        command
    } else {
        Command::new(RETRACE)
    };
    let Ok(output) = command.arg("run").arg(&secret).stdin(Stdio::null()).output() else {
        eprintln!("setpriv is not installed: a superuser reads every file");
        return;
    };
    let expected = format!(
        "error: cannot read {}: permission is denied; check the modes of the file and of its folder\n",
        secret.display()
    );
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(125), &*expected));
}
