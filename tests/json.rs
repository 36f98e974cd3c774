//! docs/json.md against the objects that commands print: a field, a type or a kind of error that one of them lacks is a
//! failure.

#![allow(clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};

use retrace_codegen::prove::Solver;
use serde_json::Value;

#[path = "common/solver.rs"]
mod solver;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What no run on the machine at hand shows.
fn unseen(path: &str, kind: &str) -> bool {
    matches!(path, "files[].lemmas[].row" | "files[].lemmas[].missed") && !has_solver()
        || path == "peak_rss_bytes" && kind == if cfg!(target_os = "linux") { "null" } else { "integer" }
        || !cfg!(all(feature = "jit", target_arch = "x86_64", unix))
            && (path.starts_with("compiled.") || (path, kind) == ("compiled", "object"))
}

/// Whether there is a solver, which alone finds rows that refute.
fn has_solver() -> bool {
    Solver::find().is_some()
}

/// A field of a table.
struct Field {
    types: BTreeSet<String>,
    always: bool,
}

type Table = BTreeMap<String, Field>;

/// The page's tables of fields, by their headings, and its kinds of errors.
fn page() -> (BTreeMap<String, Table>, BTreeSet<String>) {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/json.md")).expect("it is in the repository");
    let (mut tables, mut kinds) = (BTreeMap::<String, Table>::new(), BTreeSet::new());
    let (mut heading, mut of_kinds) = (String::new(), false);
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title.replace('`', "");
        }
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [first, second, third] = cells[..] else { continue };
        if matches!(first, "field" | "kind") {
            of_kinds = first == "kind";
            continue;
        }
        if of_kinds {
            kinds.extend(first.split(", ").map(|kind| kind.replace('`', "")));
            continue;
        }
        let types = second.split(" or ").map(str::to_owned).collect();
        let field = Field { types, always: third.starts_with("always") };
        let before = tables.entry(heading.clone()).or_default().insert(first.replace('`', ""), field);
        assert!(before.is_none(), "{heading}: {first} is there twice");
    }
    (tables, kinds)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Holds objects against a table, and keeps what was seen of it.
struct Check<'a> {
    command: &'a str,
    table: &'a Table,
    seen: BTreeSet<(String, &'static str)>,
}

impl Check<'_> {
    fn value(&mut self, path: &str, value: &Value) {
        let Self { command, table, seen } = self;
        let field = table.get(path).unwrap_or_else(|| panic!("docs/json.md lacks `{path}` of `{command}`"));
        assert!(field.types.contains(kind(value)), "`{path}` of `{command}` is {value}");
        seen.insert((path.to_owned(), kind(value)));
        match value {
            // Names are the spec's.
            Value::Object(registers) if matches!(path, "error.registers" | "files[].lemmas[].row") => {
                assert!(registers.values().all(|value| kind(value) == "integer"), "{value}");
            }
            Value::Array(texts) if path == "files[].lemmas[].missed" => {
                assert!(texts.iter().all(|value| kind(value) == "string"), "{value}");
            }
            Value::Object(_) => self.object(&format!("{path}."), value),
            Value::Array(elements) => {
                for element in elements {
                    match element {
                        Value::Object(_) => self.object(&format!("{path}[]."), element),
                        _ => self.value(&format!("{path}[]"), element),
                    }
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, prefix: &str, object: &Value) {
        for (name, value) in object.as_object().expect("an object") {
            self.value(&format!("{prefix}{name}"), value);
        }
        let own = self.table.iter().filter_map(|(path, field)| Some((path.strip_prefix(prefix)?, field)));
        for (name, _) in own.filter(|(name, field)| field.always && !name.contains(['.', '['])) {
            assert!(
                object.get(name).is_some(),
                "`{prefix}{name}` of `{}` is not there: {object}",
                self.command
            );
        }
    }
}

fn run(arguments: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
    // The solver of a line that names one.
    let (arguments, solver) = match arguments {
        [rest @ .., solver] if solver.starts_with("solver=") => (rest, solver.strip_prefix("solver=")),
        _ => (arguments, None),
    };
    command.args(arguments).arg("--json").stdin(Stdio::null());
    command.envs(solver.map(|solver| ("RETRACE_SOLVER", solver)));
    if arguments[0] == "debug" {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    if arguments[0] == "debug" {
        detach(process.stderr.as_mut().expect("it is piped"));
    }
    let output = process.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("it is text");
    assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{arguments:?} print one line: {text}");
    let object: Value = serde_json::from_str(&text).expect("it is JSON");
    let success = output.status.success() || (object["stopped"] == "exited" && object["ok"] == true);
    assert_eq!(object["ok"] == true, success, "{arguments:?}: {object}");
    object
}

/// What gdb sends to say that it goes, to where the server says that it listens.
fn detach(server: &mut ChildStderr) {
    let mut lines = BufReader::new(server).lines();
    let address = lines.find_map(|line| {
        let line = line.expect("it is text");
        Some(line.split_once("target remote ")?.1.trim_end_matches('\'').to_owned())
    });
    let mut stream = TcpStream::connect(address.expect("it says where")).expect("it listens");
    stream.write_all(b"$D#44").expect("it can be written");
    // Until the server goes too.
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Every command, often enough for every field to show every type that it may have.
fn commands() -> Vec<(&'static str, Vec<String>)> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("json");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("it can be made");
    // e_shoff, e_shnum and e_shstrndx: without section headers there are no symbols.
    let strip = |mut elf: Vec<u8>, name: &str| {
        elf[32..36].fill(0);
        elf[48..52].fill(0);
        fs::write(folder.join(name), elf).expect("it can be written");
    };
    let faults = fs::read(Path::new(ROOT).join("tests/guests/faults.elf")).expect("it is in the repository");
    strip(faults, "stripped.elf");
    // With debug information: the first nop, a marker, becomes no instruction.
    let mut illegal =
        fs::read(Path::new(ROOT).join("tests/guests/regions.elf")).expect("it is in the repository");
    let nop = illegal.chunks_exact_mut(4).find(|word| *word == [0x13, 0, 0, 0]).expect("it has markers");
    nop.fill(0);
    fs::write(folder.join("illegal.elf"), &illegal).expect("it can be written");
    strip(illegal, "stripped-illegal.elf");
    fs::write(folder.join("bad.toml"), "[isa]\nname = \"x\"\nxlem = 32\n").expect("it can be written");
    solver::undecided(&folder.join("undecided"), 0.0);
    let lines = [
        ("run", "run {tiny}"),
        ("run", "run {faults} forever --max-cycles 100000"),
        ("run", "run {faults} forever --max-cycles 100000 --executor interpreter"),
        ("run", "run {faults} illegal"),
        ("run", "run {faults} out"),
        ("run", "run {tmp}/illegal.elf"),
        ("run", "run {tmp}/stripped-illegal.elf"),
        ("run", "run {tmp}/stripped.elf illegal"),
        ("run", "run {tmp}/stripped.elf jump --max-cycles 100000"),
        ("run", "run {tiny} --checkpoints {tmp}/whole.ckpt"),
        ("run", "run {tiny} --checkpoints {tmp}/part.ckpt --max-cycles 20"),
        ("run", "run {tiny} --resume {tmp}/whole.ckpt"),
        ("checkpoints", "checkpoints {tmp}/whole.ckpt"),
        ("checkpoints", "checkpoints {tmp}/part.ckpt"),
        ("witness", "witness {tiny}"),
        ("witness", "witness {tiny} --cycles 3..20 --columns pc"),
        ("witness", "witness {faults} illegal"),
        ("profile", "profile {regions}"),
        ("profile", "profile {tmp}/stripped.elf illegal --by pc"),
        ("trace", "trace {tiny}"),
        ("trace", "trace {faults} illegal"),
        ("check", "check {tiny}"),
        ("check", "check {faults} illegal"),
        ("debug", "debug {tiny}"),
        ("debug", "debug {tiny} --cycle 99"),
        ("debug", "debug {faults} illegal --cycle 99"),
        ("report", "report {tiny} -o {tmp}/tiny.html"),
        ("report", "report {faults} illegal -o {tmp}/fault.html"),
        ("prove", "prove {tiny} -o {tmp}/tiny.proof"),
        ("prove", "prove {tiny} -o {tmp}/part.proof --cycles 0..20 --memory all"),
        ("prove --plan", "prove {tiny} --plan"),
        ("verify", "verify {tmp}/tiny.proof {tiny}"),
        ("verify", "verify {tmp}/part.proof {tiny} --segment"),
        ("disasm", "disasm {tiny}"),
        ("disasm", "disasm {tmp}/stripped.elf"),
        ("completions", "completions bash"),
        ("man", "man"),
        ("man", "man -o {tmp}/man"),
        ("isa explain", "isa explain add 0x4035d513 brk.moved"),
        ("isa check", "isa check rv32i {root}/examples/custom-isa/isa/rotxor.toml {tmp}/bad.toml"),
        ("isa check", "isa check {root}/examples/custom-isa/tests/wrong_table.toml --lemmas {tmp}/lemmas"),
        (
            "isa check",
            "isa check {root}/examples/custom-isa/tests/wrong_table.toml --prove solver={tmp}/undecided",
        ),
        ("isa doc", "isa doc rv32i"),
        ("isa doc", "isa doc rv32i -o {tmp}/rv32i.html"),
        ("Errors", "isa doc {tmp}/bad.toml"),
        ("Errors", "prove {faults} illegal -o {tmp}/fault.proof"),
        ("Errors", "run {tmp}/nothing"),
        ("Errors", "run {root}/tests/guests/isas/zbc.elf"),
        ("Errors", "verify {tiny} {tiny}"),
    ];
    let fill = |line: &str| {
        let mut line = line.replace("{tmp}", &folder.display().to_string()).replace("{root}", ROOT);
        for guest in ["tiny", "faults", "regions"] {
            line = line.replace(&format!("{{{guest}}}"), &format!("{ROOT}/tests/guests/{guest}.elf"));
        }
        line.split(' ').map(str::to_owned).collect()
    };
    let refuted = ("isa check", "isa check {root}/examples/custom-isa/tests/wrong_table.toml --prove");
    let lines = lines.into_iter().chain(has_solver().then_some(refuted));
    lines.map(|(command, line)| (command, fill(line))).collect()
}

#[test]
fn the_page_says_what_commands_print() {
    let (mut tables, _) = page();
    // What `run` says of an error is in the table of errors.
    let errors: Vec<(String, BTreeSet<String>)> = tables["Errors"]
        .iter()
        .filter(|(path, _)| path.starts_with("error."))
        .map(|(p, f)| (p.clone(), f.types.clone()))
        .collect();
    let mut seen = BTreeMap::<&str, BTreeSet<(String, &'static str)>>::new();
    for (command, arguments) in commands() {
        let object = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let table = tables.get_mut(command).unwrap_or_else(|| panic!("docs/json.md lacks `{command}`"));
        if command == "run" {
            let copies = errors.iter().map(|(path, types)| {
                let always = matches!(&**path, "error.kind" | "error.message");
                (path.clone(), Field { types: types.clone(), always })
            });
            table.extend(copies);
        }
        let mut check = Check { command, table, seen: BTreeSet::new() };
        check.object("", &object);
        let more = check.seen;
        let errors = more.iter().filter(|(path, _)| path.starts_with("error.")).cloned().collect::<Vec<_>>();
        seen.entry("Errors").or_default().extend(errors);
        seen.entry(command).or_default().extend(more);
    }
    let mut missing = Vec::new();
    for (command, table) in &tables {
        let fields = table.iter().filter(|(path, _)| command != "run" || !path.starts_with("error."));
        for (path, field) in fields {
            for kind in field.types.iter().filter(|kind| !unseen(path, kind)) {
                let seen = seen.get(&**command);
                if !seen.is_some_and(|seen| seen.iter().any(|one| (&*one.0, one.1) == (path, kind))) {
                    missing.push(format!("{command}: {path} as {kind}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "docs/json.md has what no command showed: {missing:#?}");
}

/// The kinds are words in the source, always the first argument of what makes a failure.
#[test]
fn the_page_lists_every_kind_of_error() {
    // What `Failure::stopped` takes from `Stopped::kind`.
    let stopped = ["exited", "cycle_limit", "memory_limit", "tohost"];
    let mut found = BTreeSet::from(stopped.map(str::to_owned));
    let mut folders = vec![Path::new(ROOT).join("src/cli")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it is in the repository") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(path).unwrap_or_default();
            for start in ["Failure::new(", "Self::new(", "kind: ", "\"kind\": "] {
                for after in text.split(start).skip(1) {
                    let word = after.trim_start().strip_prefix('"').and_then(|word| word.split('"').next());
                    found.extend(word.map(str::to_owned));
                }
            }
        }
    }
    assert_eq!(page().1, found);
}

/// So that a command that is new is not forgotten.
#[test]
fn every_command_is_on_the_page() {
    let listed = |arguments: &[&str]| -> Vec<String> {
        let output = Command::new(env!("CARGO_BIN_EXE_retrace")).args(arguments).arg("--help").output();
        let help = String::from_utf8(output.expect("it starts").stdout).expect("it is text");
        let commands =
            help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
        let names = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        names
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect()
    };
    let tables = page().0;
    let top = listed(&[]);
    assert!(top.len() >= 9, "{top:?}");
    for name in top.iter().filter(|name| *name != "isa") {
        assert!(tables.contains_key(name), "docs/json.md lacks `{name}`");
    }
    for name in listed(&["isa"]) {
        assert!(tables.contains_key(&format!("isa {name}")), "docs/json.md lacks `isa {name}`");
    }
}
