//! Which ISA a program is taken to be of: files with attributes of every sort, and code that does and does not decode.
//!
//! Instructions' words are what GNU as makes of them.

use retrace::isa::{Isa, Op, Rv32i, Rv32im, Rv32imZbb, Rv32imabZicond, Spec, Word};
use retrace::program::{Candidate, ElfFile, IsaError, LoadError, Program};

use crate::common::words;
use crate::extensions::Own;

const ISAS: [Candidate; 4] = [
    Candidate::of::<Rv32i>(),
    Candidate::of::<Rv32im>(),
    Candidate::of::<Rv32imZbb>(),
    Candidate::of::<Rv32imabZicond>(),
];

const BASE: Word = 0x10000;
const LI_A0_0: u32 = 0x0000_0513;
const LI_A7_93: u32 = 0x05d0_0893;
const ECALL: u32 = 0x0000_0073;
const RET: u32 = 0x0000_8067;
const JR_T0: u32 = 0x0002_8067;
/// `jr 4(t0)`
const JR_T0_4: u32 = 0x0042_8067;
/// `addi t0, t0, 4`
const ADDI_T0_4: u32 = 0x0042_8293;
/// `lw t0, 0(sp)`
const LW_T0_SP: u32 = 0x0001_2283;
/// `mul a0, a0, a1`
const MUL: u32 = 0x02b5_0533;
/// `andn a0, a0, a1`
const ANDN: u32 = 0x40b5_7533;
/// `bset a0, a0, a1`
const BSET: u32 = 0x28b5_1533;
/// `amoadd.w a0, a1, (a0)`
const AMOADD: u32 = 0x00b5_252f;
const CLMUL: u32 = 0x0ab5_1533;
/// `csrr a0, mstatus`
const CSRR: u32 = 0x3000_2573;
/// `unimp`
const UNIMP: u32 = 0xc000_1073;
/// Of the opcode custom-0.
const NOTHING: u32 = 0x0000_000b;

/// `jal` with this link register, so many words on.
fn jal(rd: u32, words: i32) -> u32 {
    let offset = (4 * words) as u32;
    (offset >> 20 & 1) << 31
        | (offset >> 1 & 0x3ff) << 21
        | (offset >> 11 & 1) << 20
        | (offset >> 12 & 0xff) << 12
        | rd << 7
        | 0x6f
}

/// `beq x0, a0`, so many words on.
fn beqz(words: i32) -> u32 {
    let offset = (4 * words) as u32;
    (offset >> 12 & 1) << 31
        | (offset >> 5 & 0x3f) << 25
        | 10 << 15
        | (offset >> 1 & 0xf) << 8
        | (offset >> 11 & 1) << 7
        | 0x63
}

#[derive(Clone, Copy, PartialEq)]
enum Sections {
    /// None, so that the executable segment is the code.
    No,
    /// `.text`, with the words but the last so many, which are in the segment alone.
    Text { left_out: usize },
}

/// An ELF file by the System V ABI, with one segment, executable and not writable, and with attributes as the RISC-V psABI
/// has them: a version, a vendor's subsection, the file's attributes, of which 5 is the architecture.
fn elf(words: &[u32], sections: Sections, attributes: Option<&[u8]>) -> Vec<u8> {
    const CODE: usize = 0x100;
    let mut content: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let code = content.len();
    let attributes_at = CODE + content.len();
    content.extend_from_slice(attributes.unwrap_or_default());
    content.resize(content.len().next_multiple_of(4), 0);
    let mut headers: Vec<[u32; 10]> = Vec::new();
    if let Sections::Text { left_out } = sections {
        headers.push([0; 10]);
        headers.push([0, 1, 6, BASE, CODE as u32, (code - 4 * left_out) as u32, 0, 0, 4, 0]);
        if let Some(attributes) = attributes {
            headers.push([0, 0x7000_0003, 0, 0, attributes_at as u32, attributes.len() as u32, 0, 0, 1, 0]);
        }
    }
    let table = if headers.is_empty() { 0 } else { (CODE + content.len()) as u32 };
    let half = |low: u32, high: u32| low | high << 16;
    let mut file = Vec::new();
    let mut put = |words: &[u32]| words.iter().for_each(|word| file.extend_from_slice(&word.to_le_bytes()));
    put(&[0x464c_457f, 0x0001_0101, 0, 0, half(2, 243), 1, BASE, 52, table, 0]);
    put(&[half(52, 32), half(1, 40), half(headers.len() as u32, 0)]);
    put(&[1, CODE as u32, BASE, BASE, code as u32, code as u32, 5, 4]);
    file.resize(CODE, 0);
    file.extend_from_slice(&content);
    headers.iter().flatten().for_each(|word| file.extend_from_slice(&word.to_le_bytes()));
    file
}

/// A section of attributes that names the architecture.
fn attributes(architecture: &str) -> Vec<u8> {
    let attribute = [&[5], architecture.as_bytes(), &[0]].concat();
    let of_file = [&[1][..], &(5 + attribute.len() as u32).to_le_bytes(), &attribute].concat();
    let vendor = b"riscv\0";
    let length = (4 + vendor.len() + of_file.len()) as u32;
    [&b"A"[..], &length.to_le_bytes(), vendor, &of_file].concat()
}

fn file(words: &[u32], architecture: Option<&str>) -> ElfFile {
    let attributes = architecture.map(attributes);
    let file = elf(words, Sections::Text { left_out: 0 }, attributes.as_deref());
    let file = ElfFile::parse(&file).expect("it is an ELF file");
    assert_eq!(file.architecture(), architecture);
    file
}

/// Code that exits behind the words.
fn then_exit(words: &[u32]) -> Vec<u32> {
    [words, &[LI_A0_0, LI_A7_93, ECALL]].concat()
}

fn chosen(words: &[u32], architecture: Option<&str>) -> Result<&'static str, IsaError> {
    file(words, architecture).choose_isa(&ISAS).map(|at| ISAS[at].spec().name)
}

/// The place in the words of the one that the refusal names.
fn refused_at(words: &[u32]) -> Option<usize> {
    match chosen(words, None) {
        Ok(_) => None,
        Err(IsaError::Undecodable { undecodable, isas, .. }) => {
            assert_eq!(isas, ["rv32i", "rv32im", "rv32im_zbb", "rv32imab_zicond"]);
            let at = ((undecodable.pc - BASE) / 4) as usize;
            assert_eq!(undecodable.word, words[at]);
            Some(at)
        }
        Err(error) => panic!("{error}"),
    }
}

/// The types of the command line, and each decodes whatever the one before it decodes, with the same meaning: of each
/// instruction's words all combinations of the bits beside the opcode that tell instructions apart, with and without
/// operands.
#[test]
fn the_in_tree_isas_have_a_total_order() {
    fn contains<A: Isa, B: Isa>() {
        let name = |spec: &'static Spec, op: Op| spec.instruction(op.kind).map(|it| it.name);
        let mut decoded = 0;
        for opcode in 0..128 {
            for (funct3, funct7) in (0..8).flat_map(|low| (0..128).map(move |high| (low, high))) {
                for operands in [
                    0,
                    1 << 20 | 1 << 15 | 1 << 7,
                    0x18 << 20 | 31 << 15 | 2 << 7,
                    4 << 20 | 5 << 7,
                    5 << 20,
                    7 << 20,
                ] {
                    let word = opcode | funct3 << 12 | funct7 << 25 | operands;
                    let (small, large) = (A::decode(word, BASE), B::decode(word, BASE));
                    if small.kind != Op::UNDECODABLE {
                        decoded += 1;
                        assert_eq!(name(A::SPEC, small), name(B::SPEC, large), "{word:#010x}");
                        assert_eq!(Op { kind: 0, ..small }, Op { kind: 0, ..large }, "{word:#010x}");
                    }
                }
            }
        }
        assert!(decoded > 10_000, "{decoded}");
        // The encodings themselves: fixed bits, and what is to be found there.
        for it in A::SPEC.instructions {
            let same = B::SPEC.instructions.iter().find(|other| other.name == it.name);
            assert_eq!(same.map(|other| (other.mask, other.bits)), Some((it.mask, it.bits)), "{}", it.name);
        }
        assert!(A::SPEC.instructions.len() < B::SPEC.instructions.len());
    }
    contains::<Rv32i, Rv32im>();
    contains::<Rv32im, Rv32imZbb>();
    contains::<Rv32imZbb, Rv32imabZicond>();
    // The order that is written down, where people and the command line look for it.
    let names = ISAS.map(|isa| isa.spec().name);
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md"));
    let [smaller @ .., largest] = names.map(|name| format!("`{name}`"));
    let order = format!("the ISAs {} and {largest}, in this order", smaller.join(", "));
    assert!(page.expect("it is text").contains(&order), "{order}");
    let binary = include_str!("../../src/bin/retrace.rs");
    let types =
        ["Rv32i", "Rv32im", "Rv32imZbb", "Rv32imabZicond"].map(|name| format!("Entry::of::<{name}>()"));
    let binary = binary.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(binary.contains(&types.join(", ")), "{binary}");
    let build = include_str!("../../build.rs");
    assert!(build.contains(&format!("{names:?}")), "TYPES in build.rs");
}

/// The code decides. Attributes are missing, say less than the code, what it is, more, or are damaged.
#[test]
fn attributes_do_not_choose() {
    let cases: [(&[u32], &str); 6] = [
        (&[], "rv32i"),
        (&[MUL], "rv32im"),
        (&[ANDN], "rv32im_zbb"),
        (&[ANDN, MUL], "rv32im_zbb"),
        (&[BSET], "rv32imab_zicond"),
        (&[AMOADD, MUL], "rv32imab_zicond"),
    ];
    for (words, expected) in cases {
        let words = then_exit(words);
        for architecture in [
            None,
            Some("rv32i2p1"),
            Some("rv32i2p1_m2p0_zmmul1p0"),
            Some("rv32i2p1_m2p0_zmmul1p0_zbb1p0"),
            // What toolchains write unasked.
            Some("rv32i2p1_zicsr2p0_zifencei2p0"),
            Some("rv32e1p9"),
            // What is none.
            Some("rv32i_"),
            Some("x86"),
            Some(""),
        ] {
            assert_eq!(chosen(&words, architecture), Ok(expected), "{architecture:?}");
        }
        let mut damaged = attributes("rv32i2p1_zbs1p0");
        let end = damaged.len();
        for (at, byte) in [(0, b'B'), (1, 0xff), (1, 2), (12, 0xff), (end - 1, b'x')] {
            let before = std::mem::replace(&mut damaged[at], byte);
            let file = elf(&words, Sections::Text { left_out: 0 }, Some(&damaged));
            let file = ElfFile::parse(&file).expect("it is an ELF file");
            if file.architecture().is_none() {
                assert_eq!(file.choose_isa(&ISAS).map(|at| ISAS[at].spec().name), Ok(expected), "{at}");
            }
            damaged[at] = before;
        }
    }
}

/// The least ISA that decodes what the largest does is also taken where words are left that none decodes.
#[test]
fn data_among_code_does_not_choose() {
    let code = |words: &[u32], data: &[u32]| [&then_exit(words)[..], data].concat();
    assert_eq!(chosen(&code(&[], &[NOTHING, 0x7478_6574]), None), Ok("rv32i"));
    assert_eq!(chosen(&code(&[MUL], &[NOTHING, 0, UNIMP]), None), Ok("rv32im"));
    // Data that is an instruction of a larger ISA only: it cannot be told apart, and does no harm.
    assert_eq!(chosen(&code(&[MUL], &[NOTHING, ANDN]), None), Ok("rv32im_zbb"));
    // Outside of the executable sections nothing counts; without sections all of the executable segment does.
    let words = code(&[MUL], &[ANDN]);
    for (sections, expected) in
        [(Sections::Text { left_out: 0 }, 2), (Sections::Text { left_out: 1 }, 1), (Sections::No, 2)]
    {
        let file = ElfFile::parse(&elf(&words, sections, None)).expect("it is an ELF file");
        assert_eq!(file.choose_isa(&ISAS), Ok(expected));
        assert_eq!(file.smallest_isa(&ISAS), Some(expected));
        let program: Program<Rv32imZbb> = file.decode().expect("it makes few calls");
        assert_eq!(program.entry(), BASE);
    }
}

#[test]
fn extensions_that_no_isa_has_are_named() {
    let architecture = "rv32i2p1_m2p0_zbc1p0_xfast";
    let error = chosen(&then_exit(&[MUL, CLMUL]), Some(architecture)).expect_err("Zbc is in no spec");
    let text = error.to_string();
    for part in
        ["zbc, xfast", architecture, "rv32i, rv32im, rv32im_zbb, rv32imab_zicond", "0x0ab51533 at 0x00010004"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(error.smallest(), Some("rv32im"));
    // Not needed, as far as can be seen; the same without attributes, and with the extension that is needed at hand.
    let error = chosen(&then_exit(&[MUL]), Some(architecture)).expect_err("it is named all the same");
    assert!(error.to_string().contains("rv32im decodes all of its code"), "{error}");
    let file = file(&then_exit(&[MUL]), Some("rv32im"));
    assert!(
        matches!(file.choose_isa(&ISAS[..1]), Err(IsaError::Extension { extensions, .. }) if extensions == ["m"])
    );
    assert_eq!(file.choose_isa(&[]), Err(IsaError::NoCandidates));
}

/// A branch that writes the link register: the way back from the call is not known.
#[test]
fn a_branch_may_move_the_return() {
    let back = |branch: &str| {
        let code = words::<Own>(&format!("jal ra, . + 8; ecall; {branch}; ret"));
        let code = [&code[..1], &[0x7478_6574], &code[2..]].concat();
        file(&code, None).choose_isa(&[Candidate::of::<Own>()]).is_ok()
    };
    assert!(!back("djnz t0, t0, . + 4"));
    assert!(back("djnz ra, t0, . + 4"));
}

/// The entry leads to it: straight on, by jumps, by branches both ways, by calls and the way back from them.
#[test]
fn undecodable_words_that_are_led_to_are_refused() {
    let exit = [LI_A0_0, LI_A7_93, ECALL];
    for word in [NOTHING, CLMUL, CSRR, 0x7478_6574] {
        assert_eq!(refused_at(&[word, ECALL]), Some(0));
        assert_eq!(refused_at(&[LI_A0_0, word, ECALL]), Some(1));
        assert_eq!(refused_at(&[jal(0, 2), LI_A0_0, word]), Some(2));
        assert_eq!(refused_at(&[LI_A7_93, jal(0, 2), word, LI_A0_0, jal(0, -2)]), Some(2));
        assert_eq!(refused_at(&[beqz(2), word, LI_A0_0, ECALL]), Some(1));
        assert_eq!(refused_at(&[beqz(3), LI_A0_0, ECALL, word]), Some(3));
        assert_eq!(refused_at(&[jal(1, 2), ECALL, LI_A0_0, word]), Some(3));
        // Back from a call, by whatever register; from a call in a call; from recursion.
        assert_eq!(refused_at(&[jal(1, 3), LI_A0_0, word, RET]), Some(2));
        assert_eq!(refused_at(&[jal(5, 3), LI_A0_0, word, JR_T0]), Some(2));
        assert_eq!(refused_at(&[jal(1, 2), word, jal(5, 2), RET, JR_T0]), Some(1));
        assert_eq!(refused_at(&[jal(1, 2), word, beqz(2), jal(1, -1), RET]), Some(1));
        // The second caller of what is known to return.
        assert_eq!(refused_at(&[jal(1, 4), jal(1, 3), word, ECALL, RET]), Some(2));
        // Behind a system call, a jump to a register, a function that does not return: it may be text.
        assert_eq!(refused_at(&[&exit[..], &[word]].concat()), None);
        assert_eq!(refused_at(&[LI_A0_0, RET, word]), None);
        assert_eq!(refused_at(&[&[jal(1, 2), word][..], &exit].concat()), None);
        assert_eq!(refused_at(&[jal(1, 2), word, LI_A0_0, jal(0, 0)]), None);
        // What returns by another register than it was called with, or not to the address in it, returns elsewhere: the word
        // may be an argument.
        assert_eq!(refused_at(&[jal(1, 2), word, JR_T0]), None);
        assert_eq!(refused_at(&[jal(5, 2), word, JR_T0_4]), None);
        assert_eq!(refused_at(&[jal(5, 2), word, ADDI_T0_4, JR_T0]), None);
        // It may be loaded back from the stack.
        assert_eq!(refused_at(&[jal(5, 2), word, LW_T0_SP, JR_T0]), Some(1));
    }
    // Beyond the code there is no word.
    assert_eq!(refused_at(&[LI_A0_0, jal(0, 1000)]), None);
    assert_eq!(refused_at(&[LI_A0_0]), None);
}

/// Compilers end paths with them that should never be taken: then only a way that is certain leads to them.
#[test]
fn words_that_are_illegal_on_purpose_end_paths() {
    for word in [0, u32::MAX, UNIMP] {
        assert_eq!(refused_at(&[beqz(4), LI_A0_0, LI_A7_93, ECALL, word]), None);
        assert_eq!(refused_at(&[beqz(2), word, LI_A0_0, LI_A7_93, ECALL]), None);
        assert_eq!(refused_at(&[jal(1, 2), word, RET]), None, "behind a call that is taken to return");
        assert_eq!(refused_at(&[LI_A0_0, word]), Some(1));
        assert_eq!(refused_at(&[jal(1, 2), ECALL, word]), Some(2));
    }
}

/// In a file that is made for it each word is part of each function: the walk ends all the same.
#[test]
fn the_walk_is_linear_in_the_code() {
    // Each calls the next with another register, and goes on to where all others go on.
    let words: Vec<u32> = (0..200_000).map(|at| jal(1 + at % 31, 1)).chain([ECALL]).collect();
    assert_eq!(chosen(&words, None), Ok("rv32i"));
    let words: Vec<u32> = (0..100_000).flat_map(|at| [jal(1 + at % 31, 1), beqz(-1)]).chain([RET]).collect();
    assert_eq!(chosen(&words, None), Ok("rv32i"));
}

#[test]
fn what_is_no_program_is_no_file_to_choose_for() {
    assert!(matches!(ElfFile::parse(b"no ELF"), Err(LoadError::NotElf)));
}
