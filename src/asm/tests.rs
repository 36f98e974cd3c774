use proptest::prelude::*;

use super::*;
use crate::isa::{Instruction, Isa, Op, OperandKind, Rv32i, Rv32imZbb, Word};

/// The words of a source, at 64 KiB.
fn words(source: &str) -> Vec<u32> {
    let assembly = assemble::<Rv32i>(source, Layout::default());
    assembly.unwrap_or_else(|errors| panic!("{errors}")).code.words()
}

/// The message, line and column of every mistake.
fn mistakes(source: &str) -> Vec<String> {
    let Err(errors) = assemble::<Rv32i>(source, Layout::default()) else {
        panic!("no mistake: {source:.100}")
    };
    errors.errors().iter().map(ToString::to_string).collect()
}

/// Values that an operand can have, extremes among them.
fn value(kind: OperandKind) -> BoxedStrategy<Word> {
    match kind {
        OperandKind::Register { field, .. } | OperandKind::Letters { field, .. } => {
            prop_oneof![Just(0), Just(field.max()), 0..=field.max()].boxed()
        }
        OperandKind::Immediate(imm) => {
            let (min, max) = imm.bounds();
            let unit = i64::from(imm.alignment());
            let any = (min / unit..=max / unit).prop_map(move |value| (value * unit) as Word);
            prop_oneof![Just(0), Just(min as Word), Just(max as Word), any].boxed()
        }
        OperandKind::FixedRegister { .. } => Just(0).boxed(),
    }
}

/// An instruction of the spec, and values of its operands.
fn instruction<I: Isa>() -> impl Strategy<Value = (&'static Instruction, Vec<Word>)> {
    let all: Vec<&'static Instruction> = I::SPEC.instructions.iter().collect();
    prop::sample::select(all).prop_flat_map(|instruction| {
        let values: Vec<_> = instruction.in_word().map(|operand| value(operand.kind)).collect();
        (Just(instruction), values)
    })
}

fn decode_is_inverse<I: Isa>(instruction: &'static Instruction, values: &[Word]) {
    let word = encode(instruction, values).unwrap_or_else(|error| panic!("{}: {error}", instruction.name));
    let op = I::decode(word, 0);
    assert_eq!(I::SPEC.instruction(op.kind).map(|found| found.name), Some(instruction.name));
    assert_eq!(instruction.values(word).collect::<Vec<_>>(), values);
    // The predecoded operation, which the generated decoder makes on its own, agrees.
    for operand in instruction.in_word() {
        let found = match operand.name {
            "rd" => op.rd.into(),
            "rs1" => op.rs1.into(),
            "rs2" => op.rs2.into(),
            "imm" => op.imm,
            _ => continue,
        };
        assert_eq!(found, operand.get(word), "{} of {}", operand.name, instruction.name);
    }
}

/// assemble(disassemble(w)) is the word of w's class whose ignored bits are zero.
fn assembles_back<I: Isa>(word: u32, pc: Word) {
    let op = I::decode(word, pc);
    let text = disassemble::<I>(&op);
    let significant = I::SPEC.instruction(op.kind).map_or(u32::MAX, Instruction::significant);
    let assembly = assemble::<I>(&text, Layout { code: pc, ..Layout::default() });
    let words = assembly.unwrap_or_else(|errors| panic!("{text}: {errors}")).code.words();
    assert_eq!(words, [word & significant], "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn decode_is_the_inverse_of_encode((i, values) in instruction::<Rv32i>(), (m, more) in instruction::<Rv32imZbb>()) {
        decode_is_inverse::<Rv32i>(i, &values);
        decode_is_inverse::<Rv32imZbb>(m, &more);
    }

    #[test]
    fn text_is_assembled_back(
        (i, values) in instruction::<Rv32imZbb>(),
        ignored in any::<u32>(),
        pc in 0u32..0x4000_0000,
        other in any::<u32>(),
    ) {
        let word = encode(i, &values).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for pc in [pc * 4, 0, 0xffff_fff0] {
            assembles_back::<Rv32imZbb>(word | ignored & !i.significant(), pc);
            assembles_back::<Rv32i>(word, pc);
            assembles_back::<Rv32imZbb>(other, pc);
        }
    }

    /// No source makes the assembler panic or take more than its bounds.
    #[test]
    fn any_text_is_assembled_or_refused(source in prop::collection::vec(fragment(), 0..60)) {
        let source = source.concat();
        if let Err(errors) = assemble::<Rv32i>(&source, Layout::default()) {
            prop_assert!(!errors.errors().is_empty());
            prop_assert!(errors.to_string().len() < 400 * (errors.errors().len() + 1));
        }
    }

    #[test]
    fn any_characters_are_assembled_or_refused(source in ".{0,80}") {
        let _ = assemble::<Rv32i>(&source, Layout::default()).map_err(|errors| errors.to_string());
    }
}

fn fragment() -> impl Strategy<Value = String> {
    let known = [
        "addi",
        "lui",
        "li",
        "la",
        "call",
        "lw",
        "fence",
        "beq",
        "jal",
        "a0",
        "x5",
        "zero",
        "label",
        "other",
        ".",
        "1",
        "1b",
        "1f",
        "2f",
        "0x7fffffff",
        "0xffffffffffffffff",
        "4096",
        "-",
        "+",
        "*",
        "~",
        "(",
        ")",
        ",",
        ":",
        ";",
        "=",
        "\n",
        " ",
        " ",
        "%hi",
        "%lo",
        "%pcrel_hi",
        "%pcrel_lo",
        ".word",
        ".byte",
        ".zero",
        ".align",
        ".balign",
        ".equ",
        ".ascii",
        ".data",
        ".text",
        "\"a\\n",
        "\"",
        "'a'",
        "'",
        "\\",
        "#",
        "//",
        "é",
        "\t",
        "label:",
        "1:",
        "iorw",
        "label: addi a0, a0, 1\n",
        "la a0, label\n",
        "sw a0, label, t0\n",
        ".equ a, b\n",
        ".equ b, a\n",
        "1: auipc a0, %pcrel_hi(label)\n",
        "addi a0, a0, %pcrel_lo(1b)\n",
        "lw a0, %pcrel_lo(1b)(a0)\n",
    ];
    prop::sample::select(known.to_vec()).prop_map(str::to_owned)
}

/// Expected words: GNU as 2.40, -march=rv32i.
#[test]
fn labels_and_expressions() {
    assert_eq!(words("beq a0, a1, . + 8; j .; 1: bnez a0, 1b"), [0x00b5_0463, 0x0000_006f, 0x0005_1063]);
    assert_eq!(words("1: j 1f\n1: j 1b\nj 1f\n1:"), [0x0040_006f, 0x0000_006f, 0x0040_006f]);
    assert_eq!(
        words(".equ n, 2*3+-1\naddi a0, x10, n*n - (4+~0)\nm = n\nli fp, m"),
        [0x0165_0513, 0x0050_0413]
    );
    assert_eq!(
        words("lw a0, (sp); lw a0, -4 + 8(sp); sw a0, 'A'(sp)"),
        [0x0001_2503, 0x0041_2503, 0x04a1_20a3]
    );
    assert_eq!(words("lui a0, %hi(0x12345fff); addi a0, a0, %lo(0x12345fff)"), [0x1234_6537, 0xfff5_0513]);
    assert_eq!(words("x: auipc a0, %pcrel_hi(y); addi a0, a0, %pcrel_lo(x); y:"), [0x0000_0517, 0x0085_0513]);
    // `.` is the statement's address in all of its instructions.
    assert_eq!(words("nop; la a0, .; call . + 8")[1..], [0x0000_0517, 0x0005_0513, 0x0000_0097, 0x0080_80e7]);
    assert_eq!(words("fence; fence rw, w; fence 0, 0"), [0x0ff0_000f, 0x0310_000f, 0x0000_000f]);
}

#[test]
fn the_first_alternative_that_fits_is_taken() {
    assert_eq!(words("li a0, 2047; li a0, -2048"), [0x7ff0_0513, 0x8000_0513]);
    assert_eq!(words("li a0, 2048; li a0, 0x12345000"), [0x0000_1537, 0x8005_0513, 0x1234_5537]);
    assert_eq!(words("li a0, 0xffffffff; li a0, -0x80000000"), [0xfff0_0513, 0x8000_0537]);
    // A label before is known, one after is not.
    assert_eq!(words("here: li a0, here; li a0, after; after:").len(), 1 + 2);
    assert_eq!(words("li a0, after; .equ after, 1"), [0x0000_0537, 0x0015_0513]);
}

#[test]
fn data_and_sections() {
    let source = "
        nop
        .data
    a:  .word 1, -1, b, a + 4
        .half 0xffff, -0x8000 ; .byte 'a', 0x80
        .ascii \"x\\n\\x41\\101\\0\"  # 5 bytes
        .asciz \"#\", \"\"
        .balign 8
    b:  .zero 3
        .text
        j 1f
        .byte 1
        .align 3
    1:  .section .rodata
    c:";
    let assembly = assemble::<Rv32i>(source, Layout { code: 0x1_0000, data: 0x2_0000 }).unwrap();
    assert_eq!(assembly.code.words(), [0x13, 0x00c0_006f, 1, 0x13]);
    let mut data: Vec<u8> =
        [1, u32::MAX, 0x2_0020, 0x2_0004].iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
    data.extend([0xff, 0xff, 0x00, 0x80, b'a', 0x80, b'x', b'\n', b'A', b'A', 0, b'#', 0, 0]);
    data.resize(0x20 + 3, 0);
    assert_eq!(assembly.data.bytes, data);
    let labels: Vec<_> = assembly.symbols.iter().map(|label| (label.name.as_str(), label.address)).collect();
    assert_eq!(labels, [("a", 0x2_0000), ("b", 0x2_0020), ("c", 0x2_0023)]);
    let program = assembly.program::<Rv32i>().unwrap();
    assert_eq!(program.symbols().address("b"), Some(0x2_0020));
    assert_eq!(program.code().at(0x1_0004).map(|op| op.imm), Some(12));
}

#[test]
fn mistakes_have_a_place() {
    let cases: [(&str, &str); 30] = [
        ("addd a0, a1, a2", "1:1: rv32i has no instruction `addd`"),
        ("nop\n  add a0, a1, q2", "2:15: `q2` is not defined"),
        ("add a0, q1, a2", "1:9: expected a register, found `q1`"),
        ("add a0, a1", "1:11: expected `,`, found the end of the statement"),
        ("sub a0, a1, a2, a3", "1:15: expected the end of the statement, found `,`"),
        ("addi a0, a1, 2048", "1:14: the number is 2048, and must be from -2048 to 2047"),
        ("slli a0, a1, 32", "1:14: the number is 32, and must be from 0 to 31"),
        ("lui a0, 0x100000", "1:9: the value is 1048576, and must be from 0 to 1048575"),
        ("beq a0, a1, . + 3", "1:13: the number is 3, and must be a multiple of 2"),
        ("beqz a0, . + 4096", "1:10: the number is 4096, and must be from -4096 to 4094"),
        ("jal x32, 0", "1:5: expected a register, found `x32`"),
        ("fence rr, w", "1:7: expected some of the letters iorw, or 0, found `rr`"),
        ("lw a0, 4(5)", "1:10: expected a register, found a number"),
        ("a: a: nop", "1:4: `a` is defined twice, first on line 1"),
        ("sp: nop", "1:1: `sp` is a register"),
        ("j 1b", "1:3: `1b` is not defined"),
        (".zero n\nn = 4", "1:7: the value of `n` is not known yet"),
        (".equ a, b\n.equ b, a", "1:9: `b` is not defined"),
        (".zero 4000000000", "1:1: the output is larger than 16777216 bytes"),
        (".zero 0x1000000\nnop", "2:1: the output is larger than 16777216 bytes"),
        (".byte 256", "1:7: the value is 256, and must be from -128 to 255"),
        (".wrod 1", "1:1: there is no directive `.wrod`"),
        (".ascii \"abc", "1:8: this string has no end on this line"),
        (".byte 1\nnop", "2:1: an instruction's address must be a multiple of 4"),
        ("li a0, 0x100000000", "1:8: the value is 4294967296, and must be from -2147483648 to 4294967295"),
        ("li a0, 9*9999999999999999999", "1:10: this expression overflows"),
        ("addi a0, a0, 08", "1:14: `08` is no number of at most 64 bits"),
        ("addi a0, a0, %lo(5", "1:19: expected `)`, found the end of the statement"),
        ("addi a0, a0, %pcrel_lo(.)", "1:14: there is no %pcrel_hi at the address that this %pcrel_lo names"),
        ("addi a0, a0, !", "1:14: `!` means nothing here"),
    ];
    for (source, expected) in cases {
        assert_eq!(mistakes(source).first().map(String::as_str), Some(expected), "{source}");
    }
}

#[test]
fn all_mistakes_are_rendered_with_line_and_caret() {
    let source = "start: ad a0, a1, a2\n    beqz  a0, strat\n    addi a0, a0, 5000 # big";
    let errors = assemble::<Rv32i>(source, Layout::default()).expect_err("three mistakes");
    let expected = "\
error: rv32i has no instruction `ad`
 --> 1:8
  |
1 | start: ad a0, a1, a2
  |        ^^
  = help: did you mean `add`?

error: `strat` is not defined
 --> 2:15
  |
2 |     beqz  a0, strat
  |               ^^^^^
  = help: did you mean `start`?

error: the number is 5000, and must be from -2048 to 2047
 --> 3:18
  |
3 |     addi a0, a0, 5000 # big
  |                  ^^^^

error: the assembly has 3 errors";
    assert_eq!(errors.to_string(), expected);
}

/// What grows with the source is bounded by it, and nesting does not use up the stack.
#[test]
fn hostile_sources_are_refused() {
    let deep = "addi a0, a0, ".to_owned() + &"(".repeat(100_000);
    assert_eq!(mistakes(&deep), ["1:78: this expression is nested more than 64 deep"]);
    assert_eq!(mistakes(&("li a0, ".to_owned() + &"-".repeat(100_000) + "1")).len(), 1);
    let long = "li a0, 1".to_owned() + &" + 1 * 1".repeat(100_000) + " - 100000";
    assert_eq!(words(&long), [0x0010_0513]);
    let doubled: String = (1..200).map(|at| format!(".equ v{at}, v{} + v{}\n", at - 1, at - 1)).collect();
    assert_eq!(
        mistakes(&format!(".equ v0, 1\n{doubled}")).first().unwrap(),
        "64:11: this expression overflows"
    );
    assert_eq!(mistakes(&"bad;".repeat(100_000)).len(), 200);
    assert_eq!(
        mistakes(&"bad\n".repeat(100_000)).last().unwrap(),
        "200:1: there are too many mistakes to go on"
    );
    assert_eq!(mistakes(&".zero 0x800000;".repeat(3)), ["1:31: the output is larger than 16777216 bytes"]);
    let end = assemble::<Rv32i>("nop; nop", Layout { code: 0xffff_fffc, data: 0 }).expect_err("no room");
    assert_eq!(end.errors()[0].kind, AsmErrorKind::OutsideAddressSpace);
}

/// Every pseudo-instruction of every in-tree ISA expands to words that decode.
#[test]
fn every_pseudo_instruction_assembles() {
    for pseudo in Rv32imZbb::SPEC.pseudos {
        let mut text = pseudo.asm.to_owned();
        for (at, (name, is_register)) in pseudo.operands.iter().enumerate() {
            let operand = if *is_register { format!("x{}", at + 10) } else { "8".to_owned() };
            text = text.replace(&format!("{{{name}}}"), &operand);
        }
        // At address 0 a branch to 8 is near.
        let assembly = assemble::<Rv32imZbb>(&text, Layout { code: 0, data: 0x1000 });
        let assembly = assembly.unwrap_or_else(|errors| panic!("{errors}"));
        for word in assembly.code.words() {
            assert_ne!(Rv32imZbb::decode(word, 0).kind, Op::UNDECODABLE, "{text}");
        }
    }
}
