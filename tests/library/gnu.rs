//! Encoder, assembler and disassembler against GNU as and objdump, over every instruction and pseudo-instruction with
//! extreme and random operands. Where binutils for RISC-V are not installed there is nothing to compare with.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use retrace::asm::{Layout, assemble, disassemble, encode};
use retrace::isa::{AsmPiece, Instruction, Isa, OperandKind, Pseudo, Rv32imZbb, Word};

use crate::random::Random;

/// The in-tree instruction set that has the most instructions, and what GNU as calls it.
type All = Rv32imZbb;
const MARCH: &str = "-march=rv32im_zbb_zihintpause";

/// Of each instruction.
const WORDS: usize = 400;
/// Of each pseudo-instruction.
const STATEMENTS: usize = 60;
const BASE: Word = 0x1_0000;
const DATA: Word = 0x200_0000;

impl Random {
    fn within(&mut self, min: i64, max: i64) -> i64 {
        min + (self.next() % (max - min + 1) as u64) as i64
    }

    /// An extreme value now and then.
    fn value(&mut self, kind: OperandKind) -> Word {
        let (min, max, unit) = match kind {
            OperandKind::Immediate(imm) => (imm.bounds().0, imm.bounds().1, i64::from(imm.alignment())),
            OperandKind::Register { field, .. } | OperandKind::Letters { field, .. } => {
                (0, field.max().into(), 1)
            }
            OperandKind::FixedRegister { .. } => (0, 0, 1),
        };
        let value = match self.next() % 8 {
            0 => min,
            1 => max,
            2 => 0,
            _ => self.within(min / unit, max / unit) * unit,
        };
        value as Word
    }
}

/// Words of every instruction, with no bit set that is ignored.
fn words() -> Vec<(&'static Instruction, u32)> {
    let mut random = Random(1);
    let of = |instruction: &'static Instruction| {
        let count = if instruction.in_word().next().is_some() { WORDS } else { 1 };
        let words: Vec<_> = (0..count)
            .map(|_| {
                let values: Vec<Word> =
                    instruction.in_word().map(|operand| random.value(operand.kind)).collect();
                (instruction, encode(instruction, &values).expect("the operands fit"))
            })
            .collect();
        words
    };
    All::SPEC.instructions.iter().flat_map(of).collect()
}

/// A folder, or none if there are no binutils.
fn folder(name: &str) -> Option<PathBuf> {
    for tool in ["as", "ld", "objcopy", "objdump"] {
        if Command::new(format!("riscv64-unknown-elf-{tool}")).arg("--version").output().is_err() {
            eprintln!("riscv64-unknown-elf-{tool} is not installed: nothing is compared with it");
            return None;
        }
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    Some(folder)
}

fn gnu(folder: &Path, tool: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(format!("riscv64-unknown-elf-{tool}"));
    let output = command.current_dir(folder).args(arguments).output().expect("it is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool}: {:.2000}", errors);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The bytes of .text and .data as GNU as and ld have them.
fn gnu_assemble(folder: &Path, source: &str) -> [Vec<u8>; 2] {
    std::fs::write(folder.join("in.s"), format!(".option norelax\n{source}")).expect("it can be written");
    gnu(folder, "as", &[MARCH, "-mabi=ilp32", "-o", "in.o", "in.s"]);
    let (text, data) = (format!("-Ttext={BASE:#x}"), format!("-Tdata={DATA:#x}"));
    gnu(folder, "ld", &["-melf32lriscv", "--no-relax", &text, &data, "-e0", "-o", "out.elf", "in.o"]);
    [".text", ".data"].map(|section| {
        gnu(folder, "objcopy", &["-Obinary", "-j", section, "out.elf", "out.bin"]);
        std::fs::read(folder.join("out.bin")).expect("objcopy writes it")
    })
}

/// Mnemonic and operands; numbers as machine words, whatever their notation.
fn normal(text: &str) -> Vec<String> {
    let text = text.split(['<', '#']).next().unwrap_or_default();
    let tokens =
        text.split(|c: char| c.is_whitespace() || "(),".contains(c)).filter(|token| !token.is_empty());
    tokens
        .enumerate()
        .map(|(at, token)| {
            let digits = token.trim_start_matches('-');
            let value = match digits.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16).ok(),
                None => digits.parse().ok(),
            };
            match value {
                Some(value) if at > 0 => {
                    let value: i64 = if token.starts_with('-') { -value } else { value };
                    format!("{:#x}", value as Word)
                }
                // How objdump shows a fence's empty set.
                _ if token == "unknown" => "0x0".to_owned(),
                _ => token.to_owned(),
            }
        })
        .collect()
}

#[test]
fn objdump_prints_the_same() {
    let Some(folder) = folder("gnu-objdump") else { return };
    let words = words();
    // As instructions of an object file, whose attributes tell objdump which extensions there are.
    let source: String = words.iter().map(|(_, word)| format!(".insn {word:#010x}\n")).collect();
    let [bytes, _] = gnu_assemble(&folder, &source);
    assert_eq!(bytes.len(), 4 * words.len());
    let printed = gnu(&folder, "objdump", &["-d", "-Mno-aliases", "-z", "out.elf"]);
    let mut lines = printed.lines().filter_map(|line| line.trim_start().split_once(":\t"));
    for ((instruction, word), pc) in words.iter().zip((BASE..).step_by(4)) {
        let (address, rest) = lines.next().expect("objdump prints every word");
        assert_eq!(Word::from_str_radix(address, 16), Ok(pc), "objdump prints every word");
        let (_, text) = rest.split_once('\t').expect("the word, a tab, and the text");
        // Near a symbol, a target is printed without a prefix.
        let text = text.split(" <").next().unwrap_or_default();
        let at = text.rfind([',', '\t']).map_or(0, |at| at + 1);
        let is_target = instruction.asm.last() == Some(&AsmPiece::Target) && !text[at..].starts_with("0x");
        let text = if is_target { format!("{}0x{}", &text[..at], &text[at..]) } else { text.to_owned() };
        // The one alias that is printed all the same.
        let text = if text == "pause" { "fence w,0".to_owned() } else { text };
        let ours = disassemble::<All>(&All::decode(*word, pc));
        assert_eq!(normal(&ours), normal(&text), "{word:#010x} at {pc:#x}: {ours:?}, {text:?}");
    }
    assert!(lines.next().is_none());
    eprintln!("{} words", words.len());
}

/// Texts of all words, targets written relative to `.`: GNU as would make a branch to an absolute address two
/// instructions.
#[test]
fn gnu_as_makes_the_same_words() {
    let Some(folder) = folder("gnu-as") else { return };
    let words = words();
    let mut source = String::new();
    for (instruction, word) in &words {
        let text = disassemble::<All>(&All::decode(*word, 0));
        if instruction.asm.last() == Some(&AsmPiece::Target) {
            let distance = All::decode(*word, 0).imm.cast_signed();
            let at = text.rfind(' ').expect("there are operands");
            writeln!(source, "{} . + {distance}", &text[..at]).expect("a string");
        } else if text.contains(", 0") && text.starts_with("fence") || text.starts_with("fence 0") {
            // GNU as has no name for the empty set, and objdump prints none.
            writeln!(source, ".4byte {word}").expect("a string");
        } else {
            writeln!(source, "{text}").expect("a string");
        }
    }
    let [theirs, _] = gnu_assemble(&folder, &source);
    let ours = assemble::<All>(&source, Layout { code: BASE, data: DATA });
    let ours = ours.unwrap_or_else(|errors| panic!("{errors}")).code.words();
    assert_eq!(ours.len(), words.len());
    assert_eq!(theirs.len(), 4 * words.len());
    for ((line, ours), theirs) in source.lines().zip(&ours).zip(theirs.chunks(4)) {
        assert_eq!(ours.to_le_bytes(), theirs, "{line}");
    }
    for (ours, (_, word)) in ours.iter().zip(&words) {
        assert_eq!(ours, word);
    }
    eprintln!("{} words", words.len());
}

/// A statement with a pseudo-instruction.
fn statement(random: &mut Random, pseudo: &Pseudo) -> String {
    let mut text = pseudo.asm.to_owned();
    // Of the same number of bits in all of a statement's numbers.
    let bits = [4, 5, 12, 32][random.next() as usize % 4];
    for (name, is_register) in pseudo.operands {
        let operand = if *is_register {
            // Of a number for the zero register GNU as makes a lui and an addi of 0; the second is of no use.
            let least = i64::from(pseudo.name == "li");
            All::SPEC.registers.names[random.within(least, 31) as usize].to_owned()
        } else if *name == "imm" {
            let (value, ones) = (random.next() as u32, (1u64 << bits) as u32);
            let value = if bits < 12 {
                value % ones
            } else {
                ((value << (32 - bits)).cast_signed() >> (32 - bits)) as u32
            };
            let value = if random.next().is_multiple_of(4) { value & 0xffff_f000 } else { value };
            value.cast_signed().to_string()
        } else {
            [". + 16", ". - 1024", "1b", "1f", "begin + 4 * 3", "variable"][random.next() as usize % 6]
                .to_owned()
        };
        text = text.replace(&format!("{{{name}}}"), &operand);
    }
    text
}

#[test]
fn gnu_as_expands_pseudo_instructions_the_same() {
    let Some(folder) = folder("gnu-pseudo") else { return };
    let mut random = Random(2);
    // A near label before and after each statement, a variable that is far away.
    let around = |text: &str| format!("1: {text}\n1: .balign 4\n");
    let data = ".data\nnear: .byte 1, 2\n.half 3\nvariable: .word 4, variable, begin - 4, ., . + 4\n.asciz \"a\\tb\\101\"\n\
                .ascii \"x\"\n.balign 8\n.half -1\n.zero 3\n.p2align 2\n.byte 'a', -128, 255\n";
    let prelude = format!("{data}.text\nbegin: nop\n.zero 2048\n");
    let mut source = prelude.clone();
    let mut expected = 0;
    for pseudo in All::SPEC.pseudos {
        let mut taken = 0;
        for _ in 0..STATEMENTS {
            let text = statement(&mut random, pseudo);
            // What does not fit is not compared: not every number is an immediate, and a variable is no near target.
            let alone =
                assemble::<All>(&format!("{prelude}{}", around(&text)), Layout { code: BASE, data: DATA });
            // A branch to the begin is near here alone.
            let is_far = text.starts_with('b') && text.contains("begin");
            if alone.is_ok() && !is_far {
                source += &around(&text);
                taken += 1;
            }
        }
        let wanted = if pseudo.operands.iter().all(|(_, is_register)| *is_register) || pseudo.name == "li" {
            STATEMENTS
        } else {
            STATEMENTS / 6
        };
        assert!(taken >= wanted, "only {taken} statements of {}", pseudo.asm);
        expected += taken;
    }
    let [text, data] = gnu_assemble(&folder, &source);
    let ours = assemble::<All>(&source, Layout { code: BASE, data: DATA });
    let ours = ours.unwrap_or_else(|errors| panic!("{errors}"));
    let at = ours.code.bytes.iter().zip(&text).position(|(ours, theirs)| ours != theirs);
    if let Some(at) = at.map(|at| at / 4 * 4) {
        let word =
            |bytes: &[u8]| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let show = |word| disassemble::<All>(&All::decode(word, BASE + at as Word));
        panic!(
            "at {:#x}: {} instead of {}",
            BASE as usize + at,
            show(word(&ours.code.bytes)),
            show(word(&text))
        );
    }
    assert_eq!(ours.code.bytes.len(), text.len());
    assert_eq!(ours.data.bytes, data);
    eprintln!("{expected} statements, {} words", text.len() / 4);
}
