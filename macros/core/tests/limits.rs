//! No text makes the checker overflow its stack, take memory or time beyond measure, or show more errors than anyone reads.
//! What is refused is refused by name; what is just small enough goes through, on the 2 MiB of a test's thread.

#![allow(clippy::expect_used, clippy::panic)]

use retrace_codegen::{Code, Diagnostics, Sources, compile, library};

const RV32I: &str = include_str!("../../../isa/rv32i.toml");
const HEAD: &str = "[isa]\nname = \"x\"\ndoc = \"x.\"\nxlen = 32\nextends = [\"rv32i\"]\n";

fn check(text: &str) -> Result<(), Diagnostics> {
    let specs = [("rv32i".to_owned(), RV32I.to_owned()), ("x".to_owned(), format!("{HEAD}{text}"))];
    library(&specs, &["x"]).map(|_| ())
}

fn codes(text: &str) -> Vec<Code> {
    let errors = check(text).expect_err("there is a mistake");
    assert!(errors.to_string().len() < 1 << 20);
    errors.errors().iter().map(|error| error.code).collect()
}

fn instruction(semantics: &str) -> String {
    format!(
        "[[instruction]]\nname = \"x7\"\nformat = \"R\"\nfixed = {{ funct7 = 0, funct3 = 0, opcode = 0b0001011 }}\n\
         asm = \"x7 {{rd}}, {{rs1}}, {{rs2}}\"\nsemantics = \"{semantics}\"\ndoc = \"x.\"\n"
    )
}

fn constraint(left: &str) -> String {
    format!("[[constraint]]\nname = \"x\"\nleft = \"{left}\"\nright = \"0\"\ndoc = \"x.\"\n")
}

/// What nests or chains, n times.
fn shapes(n: usize) -> Vec<String> {
    let around = |open: &str, close: &str| format!("rd = {}rs1{}", open.repeat(n), close.repeat(n));
    vec![
        around("(", ")"),
        around("{", "}"),
        around("!", ""),
        around("-", ""),
        around("&", ""),
        around("&mut ", ""),
        around("|a| ", ""),
        around("return ", ""),
        around("unsigned(signed(", "))"),
        around("", " + rs1"),
        around("", "[0..32]"),
        around("", ".a"),
        format!("rd = if rs1 == 0 {{ rs1 }}{} else {{ rs2 }}", " else if rs1 == 0 { rs1 }".repeat(n)),
        format!("rd = rs1 as {}u32", "&".repeat(n)),
        format!("rd = rs1 as {}u32", "&mut ".repeat(n)),
        format!("rd{} = rs1", " = rd".repeat(n)),
        format!("rd = sext::<{}8{}>(rs1)", "A<".repeat(n), ">".repeat(n)),
    ]
}

#[test]
fn deep_expressions_are_refused() {
    for n in [300, 10_000] {
        for shape in shapes(n) {
            assert_eq!(codes(&instruction(&shape)), [Code::TooLarge], "{n} times {shape:.20}");
        }
        let deep = constraint(&format!("{}rs1_value{}", "(".repeat(n), ")".repeat(n)));
        assert_eq!(codes(&deep), [Code::TooLarge]);
    }
}

/// Each shape as deep as it may be.
#[test]
fn the_deepest_expressions_do_not_overflow_the_stack() {
    for at in 0..shapes(1).len() {
        let is_taken = |n: usize| {
            let text = instruction(&shapes(n)[at]);
            check(&text).is_ok() || !codes(&text).contains(&Code::TooLarge)
        };
        let (mut deepest, mut refused) = (1usize, 300);
        while refused - deepest > 1 {
            let middle = deepest.midpoint(refused);
            *(if is_taken(middle) { &mut deepest } else { &mut refused }) = middle;
        }
        assert!(deepest >= 10, "{deepest} times {:.20}", shapes(1)[at]);
    }
}

/// A name's value that is used twice, and so on, was gone through 2^n times.
#[test]
fn values_of_values_are_checked_once() {
    let doubled: String = (0..400).map(|at| format!("let a{}=a{at}+a{at};", at + 1)).collect();
    let all = format!("let a0 = rs1 + rs2; {doubled} rd = a400");
    assert_eq!(codes(&instruction(&all)), [Code::UnitShortage]);
    // Where nothing is to be brought down to units, it is sound.
    let specs = [
        ("rv32i".to_owned(), RV32I.to_owned()),
        ("x".to_owned(), format!("{}{}", HEAD.replace("xlen", "unproven = true\nxlen"), instruction(&all))),
    ];
    library(&specs, &["x"]).unwrap_or_else(|e| panic!("{e}"));
}

/// n sums of two products have 2^n products.
#[test]
fn a_product_of_sums_is_not_multiplied_out() {
    let factors = ["(rs1_value*rs1_value + rs2_value)"; 20].join("*");
    assert_eq!(codes(&constraint(&factors)), [Code::ConstraintDegree]);
    let zeros = format!("({})", ["0*(rs1_value*rs2_value)"; 20].join("+"));
    check(&constraint(&format!("{zeros}*{zeros} + active - active"))).expect_err("it says nothing");
}

#[test]
fn long_lists_strings_and_words_are_refused() {
    let keys: String = (0..20_000).map(|at| format!("key{at} = 1\n")).collect();
    let links: String = (0..2000).map(|at| format!("[[link]]\nname = \"g{at}\"\ndoc = \"x.\"\n")).collect();
    let fields: Vec<String> = (0..2000).map(|at| format!("f{at} = \"31:0\"")).collect();
    let fields = format!("[format.Z]\nfields = {{ {} }}\n", fields.join(", "));
    let digits = instruction(&format!("rd = rs1 + 0x{}", "f".repeat(4000)));
    let doc = instruction("rd = rs1 + rs2").replace("\"x.\"", &format!("{:?}", "x".repeat(10_000)));
    for text in [keys, links, fields, digits, doc] {
        assert_eq!(codes(&text), [Code::TooLarge], "{text:.40}");
    }
}

/// The fields of one format that share a bit are not compared each with each, and names are not compared if they are long.
#[test]
fn errors_are_linear_in_the_text() {
    let fields: Vec<String> = (0..1000).map(|at| format!("f{at} = \"31:0\"")).collect();
    let errors = check(&format!("[format.Z]\nfields = {{ {} }}\n", fields.join(", ")));
    let errors = errors.expect_err("fields share bits");
    assert_eq!(errors.errors().len(), 200);
    assert!(
        errors.to_string().ends_with("error: the spec has 999 errors, of which 200 are shown"),
        "{errors:.2000}"
    );
    let long = instruction("rd = rs1 + rs2").replace("\"R\"", &format!("{:?}", "a".repeat(8000)));
    let format = format!("[format.{}]\nfields = {{ opcode = \"6:0\" }}\n", "b".repeat(8000));
    assert!(codes(&(long + &format)).contains(&Code::UnknownFormat));
}

#[cfg(unix)]
#[test]
fn a_file_without_end_is_refused() {
    let error = compile(&mut Sources::new("."), "/dev/zero").expect_err("it is no spec");
    assert_eq!(error.errors()[0].code, Code::UnreadableSpec);
}
