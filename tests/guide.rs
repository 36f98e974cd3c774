//! The guide for those who write guests: its commands, copied one after another, build, run and prove.
//!
//! Compilers for guests are Debian's packages. Where they are not installed, nothing is built.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What stands between two lines of fences.
enum Block {
    /// A file of the reader's, to be saved under this name.
    File { name: String, text: String },
    /// Commands, and what they print on standard output, where the page says so.
    Commands { lines: String, printed: Option<String> },
}

/// The blocks of a page in its order, those of the sections that are wanted. A file's is preceded by a line of its name.
fn blocks(page: &str, wanted: impl Fn(&str) -> bool) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (mut before, mut section) = ("", "");
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            section = line.strip_prefix("# ").unwrap_or(section);
            if !line.is_empty() {
                before = line;
            }
            continue;
        };
        let text: String =
            lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        if !wanted(section) {
            continue;
        }
        match (language, before.strip_prefix('`').and_then(|rest| rest.strip_suffix("`:"))) {
            ("sh", _) => blocks.push(Block::Commands { lines: text, printed: None }),
            ("text", _) => match blocks.last_mut() {
                Some(Block::Commands { printed, .. }) => *printed = Some(text),
                _ => panic!("no commands print this:\n{text}"),
            },
            (_, Some(name)) => blocks.push(Block::File { name: name.to_owned(), text }),
            (language, None) => panic!("this {language} is no file and no command:\n{text}"),
        }
        before = "";
    }
    blocks
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A new folder, with the repository's guests where they are in the repository.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("it can be made");
    std::os::unix::fs::symlink(root().join("tests"), folder.join("tests")).expect("it can be linked");
    folder
}

/// The binary under test takes the place of `cargo retrace`, and proves what it runs; packages are installed by now.
const SHELL: &str = r#"
set -eu
sudo() { :; }
cargo() {
    shift
    case $1 in
    run)
        status=0
        "$RETRACE" "$@" || status=$?
        [ $status = 126 ] && return 126
        shift
        "$RETRACE" prove "$@" -o proof > proved.txt
        "$RETRACE" verify proof "$@" > verified.txt
        grep -q "exit code $status" verified.txt
        return $status ;;
    *) "$RETRACE" "$@" ;;
    esac
}
"#;

/// Runs a script in a folder, without what cargo sets for its tests.
fn bash(script: &str, folder: &Path) -> Output {
    let kept = ["PATH", "HOME", "CARGO_HOME"];
    let kept = kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    Command::new("bash")
        .args(["-c", script])
        .current_dir(folder)
        .env_clear()
        .envs(kept)
        .env("RETRACE", env!("CARGO_BIN_EXE_retrace"))
        .output()
        .expect("there is a shell")
}

/// What of the guide's packages is not installed. A test that needs any of it ends, and says so.
fn missing(files: &[&'static str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |file: &str| match file.starts_with('/') {
        true => Path::new(file).exists(),
        false => std::env::split_paths(&path).any(|folder| folder.join(file).exists()),
    };
    let missing: Vec<&str> = files.iter().copied().filter(|file| !found(file)).collect();
    if !missing.is_empty() {
        eprintln!("nothing was built: not installed are {missing:?}");
    }
    !missing.is_empty()
}

const C: [&str; 4] = [
    "riscv64-unknown-elf-gcc",
    "/usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs",
    "/usr/include/newlib/string.h",
    "qemu-riscv32",
];
const RUST: [&str; 4] =
    ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/lib/rustlib/src/rust/library/core/src/lib.rs", "ld.lld"];

/// Saves the files and runs the commands of some of the page's sections; what precedes the first has no name.
fn run_the_page(name: &str, wanted: impl Fn(&str) -> bool) {
    let page = std::fs::read_to_string(root().join("src/guide/guest_author.md")).expect("there is a guide");
    let mut script = SHELL.to_owned();
    let mut expected = String::new();
    for (number, block) in blocks(&page, wanted).iter().enumerate() {
        match block {
            Block::File { name, text } => {
                assert!(!text.contains("END_OF_FILE"), "{name}");
                script +=
                    &format!("mkdir -p $(dirname {name})\ncat > {name} <<'END_OF_FILE'\n{text}END_OF_FILE\n");
            }
            Block::Commands { lines, printed } => {
                let mark = format!("after block {number}");
                let silent = if printed.is_none() { "} > /dev/null" } else { "}" };
                script += &format!("{{\n{lines}{silent}\necho '{mark}'\n");
                expected += &format!("{}{mark}\n", printed.as_deref().unwrap_or_default());
            }
        }
    }
    let output = bash(&script, &folder(name));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{errors}");
    assert!(output.status.success(), "{errors}");
    assert!(!errors.contains("warning"), "{errors}");
}

#[test]
fn the_commands_of_the_guide_build_and_prove() {
    if !missing(&C) {
        run_the_page("guide", |section| section != "In Rust");
    }
}

#[test]
fn the_commands_of_the_guide_build_and_prove_rust() {
    if !missing(&C) && !missing(&RUST) {
        run_the_page("guide-rust", |section| ["", "In C, with nothing linked", "In Rust"].contains(&section));
    }
}

/// Builds a guest with the start-up file and the linker script, and runs it in retrace and under qemu.
fn build_and_run(name: &str, source: &str, flags: &str) -> (PathBuf, String) {
    let folder = folder(name);
    std::fs::write(folder.join("guest.c"), source).expect("it can be written");
    let script = format!(
        "{SHELL}
        riscv64-unknown-elf-gcc -march=rv32im -mabi=ilp32 -O1 -ffreestanding -static -nostdlib -I tests/guests {flags} \\
            -T tests/guests/guest.ld -o guest.elf tests/guests/crt0.S tests/guests/sys.c guest.c -lgcc
        cargo retrace run guest.elf > printed.txt
        qemu-riscv32 guest.elf | cmp - printed.txt
        cat printed.txt"
    );
    let output = bash(&script, &folder);
    let errors = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    (folder, if output.status.success() { printed } else { errors.into_owned() })
}

/// Address, size and flags of the segments that are loaded, by the ELF32 format.
fn segments(elf: &[u8]) -> Vec<(u32, u32, u32)> {
    let word = |at: usize| u32::from_le_bytes(elf[at..at + 4].try_into().expect("four bytes"));
    let (table, count) = (word(28) as usize, elf[44] as usize);
    let headers = (0..count).map(|number| table + 32 * number);
    headers.filter(|at| word(*at) == 1).map(|at| (word(at + 8), word(at + 20), word(at + 24))).collect()
}

/// 160 KiB of code and as much of constants: each part follows the one before, in a segment of its own.
#[test]
fn guest_ld_takes_code_and_constants_of_any_size() {
    if missing(&C) {
        return;
    }
    let source = r#"
        #include "sys.h"
        static const uint32_t table[40000] = {[1] = 5, [39999] = 9};
        static volatile uint32_t counter = 3;
        #define EIGHT(x) x x x x x x x x
        int main(int argc, char **argv)
        {
            (void)argv;
            EIGHT(EIGHT(EIGHT(EIGHT(counter = counter * 3 + 1;))))
            put_hex32(STDOUT, counter);
            put_hex32(STDOUT, table[argc * 39999]);
            return 0;
        }"#;
    let (folder, printed) = build_and_run("guide-large", source, "");
    let counter = (0..4096).fold(3u32, |counter, _| counter.wrapping_mul(3).wrapping_add(1));
    assert_eq!(printed, format!("{counter:08x}00000009"));

    let segments = segments(&std::fs::read(folder.join("guest.elf")).expect("it was built"));
    let [(code, code_size, 5), (constants, constants_size, 4), (data, _, 6)] = segments[..] else {
        panic!("code, constants and data are a segment each: {segments:x?}");
    };
    assert!(code_size > 0x1_0000 && constants_size > 0x2_0000, "{segments:x?}");
    assert_eq!(code, 0x1_0000);
    for (end, next) in [(code + code_size, constants), (constants + constants_size, data)] {
        assert_eq!(next % 4096, 0, "{segments:x?}");
        let unused = next / 4096 - end.div_ceil(4096);
        assert_eq!(unused, 1, "one page stays unused between segments: {segments:x?}");
    }
}

#[test]
fn constructors_run_in_order() {
    if missing(&C) {
        return;
    }
    let source = r#"
        #include "sys.h"
        static void say(const char *text) { put_str(STDOUT, text); }
        __attribute__((constructor)) static void third(void) { say("third "); }
        __attribute__((constructor(200))) static void second(void) { say("second "); }
        __attribute__((constructor(101))) static void first(void) { say("first "); }
        __attribute__((destructor)) static void early(void) { say("early "); }
        __attribute__((destructor(101))) static void late(void) { say("late\n"); }
        int main(void) { say("main "); return 0; }"#;
    let (_, printed) = build_and_run("guide-constructors", source, "-DCONSTRUCTORS");
    assert_eq!(printed, "first second third main early late\n");
}

/// Three files of a guest have the flag or lack it. What is linked runs all that it should; the rest is refused.
#[test]
fn a_start_up_that_leaves_something_out_is_refused() {
    if missing(&C) {
        return;
    }
    let plain = r#"
        #include <stdio.h>
        int main(void) { printf("main "); return 0; }"#;
    let with_constructor = r#"
        #include <stdio.h>
        __attribute__((constructor)) static void first(void) { printf("first "); }
        int main(void) { printf("main "); return 0; }"#;
    let with_destructor = r#"
        #include <stdio.h>
        __attribute__((destructor)) static void last(void) { printf("last"); }
        int main(void) { printf("main "); return 0; }"#;
    let with_atexit = r#"
        #include <stdio.h>
        #include <stdlib.h>
        static void last(void) { printf("last"); }
        int main(void) { atexit(last); printf("main "); return 0; }"#;
    let programs = [
        (plain, "main ", true),
        (with_constructor, "first main ", false),
        (with_destructor, "main last", false),
        (with_atexit, "main last", false),
    ];
    let files = ["crt0.S", "sys.c", "stdio.c"];
    let folder = folder("guide-flags");
    for (source, expected, links_without) in programs {
        std::fs::write(folder.join("guest.c"), source).expect("it can be written");
        for flags in 0..8 {
            let gcc = "riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv32im -mabi=ilp32 -O1 -DPICOLIBC_INTEGER_PRINTF_SCANF";
            let compile = |(number, file): (usize, &&str)| {
                let flag = if flags >> number & 1 == 1 { "-DCONSTRUCTORS" } else { "" };
                format!("{gcc} {flag} -c tests/guests/{file}\n")
            };
            let script = format!(
                "{SHELL}{}
                {gcc} -static -nostartfiles -T tests/guests/guest.ld -o guest.elf crt0.o sys.o stdio.o guest.c
                cargo retrace run guest.elf",
                files.iter().enumerate().map(compile).collect::<String>()
            );
            let output = bash(&script, &folder);
            let (printed, errors) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            let links = flags == 7 || flags == 0 && links_without;
            assert_eq!(output.status.success(), links, "{source}, flags {flags:03b}: {errors}");
            if links {
                assert_eq!(printed, expected, "{source}, flags {flags:03b}");
            }
        }
    }
}

/// There is one thread. Its objects begin with their values, which C gives, and picolibc's `rand` keeps its state there.
#[test]
fn thread_locals_have_their_first_values() {
    if missing(&C) {
        return;
    }
    let folder = folder("guide-thread-locals");
    let source = r#"
        #include <errno.h>
        #include <stdio.h>
        #include <stdlib.h>
        static _Thread_local volatile int five = 5;
        static _Thread_local volatile char one = 1;
        static _Thread_local volatile long zero;
        static _Thread_local volatile long long wide;
        int main(void)
        {
            errno = 2;
            zero += five;
            wide = 7;
            printf("%d %d %ld %lld %d %d\n", five, one, zero, wide, errno, rand() == rand());
            return 0;
        }"#;
    std::fs::write(folder.join("guest.c"), source).expect("it can be written");
    let script = format!(
        "{SHELL}
        riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv32im -mabi=ilp32 -O1 -static -nostartfiles \\
            -T tests/guests/guest.ld -o guest.elf tests/guests/crt0.S tests/guests/sys.c tests/guests/stdio.c guest.c
        cargo retrace run guest.elf
        qemu-riscv32 guest.elf"
    );
    let output = bash(&script, &folder);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed, "5 1 5 7 2 0\n5 1 5 7 2 0\n", "{}", String::from_utf8_lossy(&output.stderr));
}

/// The report of the fault has the assertion's text, which is picolibc's, and the function that it is in.
#[test]
fn a_failed_assertion_says_which_and_where() {
    if missing(&C) {
        return;
    }
    let folder = folder("guide-assert");
    let source = "#include <assert.h>\nint main(int argc, char **argv)\n{\n    (void)argv;\n    assert(argc == 7);\n}\n";
    std::fs::write(folder.join("guest.c"), source).expect("it can be written");
    let script = "riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv32im -mabi=ilp32 -O1 -g -static -nostartfiles \\
            -T tests/guests/guest.ld -o guest.elf tests/guests/crt0.S tests/guests/sys.c tests/guests/stdio.c guest.c
        $RETRACE run guest.elf";
    let output = bash(script, &folder);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(126), "{errors}");
    for said in
        ["assertion \"argc == 7\" failed: file \"guest.c\", line 5, function: main", "called by main, "]
    {
        assert!(errors.contains(said), "{errors}");
    }
}

/// The start-up asks for tables that a program without constructors has not.
#[test]
fn a_program_without_constructors_may_have_them_run() {
    if !missing(&C) {
        let source = r#"#include "sys.h"
            int main(void) { put_str(STDOUT, "main\n"); return 0; }"#;
        assert_eq!(build_and_run("guide-none", source, "-DCONSTRUCTORS").1, "main\n");
    }
}
