//! Lies about a row's own operation, by name: each is refused by what should refuse it, and by nothing else.
//!
//! A liar forces some cells; all others follow as an honest prover fills them, and the row goes where its cells say.

use std::sync::LazyLock;

use retrace::asm::{Layout, assemble};
use retrace::isa::units::PRIME;
use retrace::isa::{Isa, Rv32im};
use retrace_codegen::Model;
use retrace_codegen::units::row::Found;

use super::kinds::{Role, Spec, rule_named};
use super::rules::{Rule, Rules, modulo, names, solve};

static MODEL: LazyLock<Model> = LazyLock::new(|| super::model(Rv32im::SPEC.name));

/// Where the instruction is, unless the lie is about that.
const PC: u32 = 0x1_0000;

/// What is lied about: an instruction at an address, its sources' values, the word of memory before.
struct About {
    text: &'static str,
    pc: u32,
    sources: [u32; 2],
    memory: u32,
}

fn about(text: &'static str, rs1: u32, rs2: u32) -> About {
    About { text, pc: PC, sources: [rs1, rs2], memory: 0x80c1_42f3 }
}

/// The row in which some cells, by name, are forced; then a column, after all else.
fn row(about: &About, forced: &[(&str, i128)], last: Option<(&str, i128)>) -> (usize, Vec<u128>) {
    let assembly = assemble::<Rv32im>(about.text, Layout::default());
    let word = assembly.unwrap_or_else(|errors| panic!("{errors}")).code.words()[0];
    let op = Rv32im::decode(word, about.pc);
    let kind = usize::from(op.kind) - 1;
    let mut spec = Spec::<Rv32im>::new(&MODEL);
    let rows = spec.rows(kind).expect("it has rows");
    let [rs1, rs2] = about.sources;
    let found = Found {
        reads: [rs1, rs2, 0, 0, 0, 0],
        pc: about.pc,
        imm: op.imm,
        before: about.memory,
        writable: true,
        ..Found::default()
    };
    let cell = |name: &str| {
        let (unit, cell) = name.split_once('.').expect("it is a unit's cell");
        let unit = MODEL.units.units.iter().position(|declared| declared.name == unit).expect("it is a unit");
        let cells = &MODEL.units.units[unit].cells;
        (unit, cells.iter().position(|declared| declared.name == cell).expect("it is a cell"))
    };
    let homes: Vec<_> = forced.iter().map(|(name, value)| (MODEL.units.home(cell(name)), *value)).collect();
    let cells = rows.refill(&found, &homes).expect("the others follow");
    let found = spec.gone_on(kind, found, &cells);
    let mut row = spec.row(op, &found, &cells);
    // An address beyond a word is one still.
    if let (Some(column), Some(address)) = (MODEL.units.address, &rows.selection.address) {
        row[column] = modulo(rows.value(address, &found, &cells));
    }
    if let Some((name, value)) = last {
        let column = Rv32im::SPEC.column(name).expect("it is a column");
        row[column.index()] = modulo(value);
    }
    (kind, row)
}

fn broken(row: &[u128]) -> Vec<&'static str> {
    Rules::<Rv32im>::new(row).broken(row).into_iter().map(|at| names::<Rv32im>()[at]).collect()
}

/// The honest row passes; the lie is refused by these.
fn refused(name: &str, about: &About, forced: &[(&str, i128)], last: Option<(&str, i128)>, by: &[&str]) {
    let (_, honest) = row(about, &[], None);
    assert_eq!(broken(&honest), [""; 0], "{name}: the honest row");
    let (_, forged) = row(about, forced, last);
    assert_eq!(broken(&forged), by, "{name}: {}", about.text);
}

/// 2^-32 modulo the prime.
const FRACTION: i128 = 1 - (1 << 32);

/// 1/4 modulo the prime.
const QUARTER: i128 = (3 * PRIME as i128 + 1) / 4;

#[test]
fn lies_about_products_and_quotients() {
    let wraps = "product: m0 * m1 * lo = 0";
    let digits = [("product.lo0", 16), ("product.hi0", 0xffff), ("product.hi1", 0xffff)];
    refused("a product plus the prime", &about("mul a0, a1, a2", 3, 5), &digits, None, &[wraps]);
    refused("mul's high word plus the prime", &about("mulhu a0, a1, a2", 3, 5), &digits, None, &[wraps]);
    let product = "product: x * y = low * lo + 0x1_0000_0000 * high * hi";
    let all = u32::MAX;
    refused(
        "mul's high word",
        &about("mulhu a0, a1, a2", all, all),
        &[("product.hi0", 0xfffd)],
        None,
        &[product],
    );
    let signs = "bytes.b3";
    refused("mulhsu's sign", &about("mulhsu a0, a1, a2", all, 2), &[("bytes.sx", 0)], None, &[signs]);
    refused(
        "a sign that mulhsu has not",
        &about("mulhu a0, a1, a2", all, 2),
        &[("product.hi0", 2)],
        None,
        &[product],
    );

    let q = |low: i128, high: i128| [("product.hi0", low), ("product.hi1", high)];
    let by_zero = "assert 2";
    let remainder = "assert 1";
    let negative = "assert 0";
    refused("a quotient by zero", &about("div a0, a1, a2", 7, 0), &q(1, 0), None, &[by_zero]);
    refused("a quotient by zero", &about("divu a0, a1, a2", 7, 0), &q(0, 0), None, &[by_zero]);
    refused(
        "the overflow",
        &about("div a0, a1, a2", 0x8000_0000, all),
        &q(0xffff, 0x7fff),
        None,
        &[remainder, by_zero],
    );
    refused(
        "the overflow",
        &about("rem a0, a1, a2", 0x8000_0000, all),
        &q(0xffff, 0x7fff),
        None,
        &[remainder],
    );
    refused(
        "a remainder as great as the divisor",
        &about("divu a0, a1, a2", 6, 2),
        &q(2, 0),
        None,
        &[remainder, by_zero],
    );
    refused("a remainder above the divisor", &about("remu a0, a1, a2", 7, 2), &q(2, 0), None, &[remainder]);
    refused(
        "a quotient off by one, modulo 2^32",
        &about("divu a0, a1, a2", 7, all),
        &[("product.hi0", 1), ("product.hi1", 0)],
        None,
        &[negative],
    );
    refused(
        "a quotient off by one, modulo the prime",
        &about("divu a0, a1, a2", 7, 2),
        &[("product.hi0", 4), ("add.c", 1), ("add.s0", -1), ("add.s1", 0)],
        None,
        &["add.low"],
    );
}

/// Where the divisor is zero the remainder's quotient may be anything: the remainder is the dividend all the same.
#[test]
fn a_quotient_that_nothing_reads_is_free() {
    for (text, expected) in [("rem a0, a1, a2", 7), ("remu a0, a1, a2", 7)] {
        let (_, forged) = row(&about(text, 7, 0), &[("product.hi0", 3), ("product.hi1", 9)], None);
        assert_eq!(broken(&forged), [""; 0], "{text}");
        assert_eq!(forged[Rv32im::SPEC.column("rd.value").expect("it is a cell").index()], expected);
    }
}

#[test]
fn lies_about_shifts_and_comparisons() {
    let (amount, signs) = ("bytes.b0", "bytes.b3");
    let high = "add.high";
    refused("a shift by 32", &about("sll a0, a1, a2", 5, 32), &[("bytes.o0", 1 << 32)], None, &[amount]);
    refused("a shift by 32", &about("srl a0, a1, a2", 5, 32), &[("bytes.o0", 0)], None, &[amount]);
    refused(
        "another table's power",
        &about("sll a0, a1, a2", 5, 3),
        &[("bytes.o0", 0x1000_0000)],
        None,
        &[amount],
    );
    // The sign is the carry of adding 2^31: the sum's upper limb hides it.
    let carried = [("add.c", 0), ("add.s0", 0), ("add.s1", 0x1_0000)];
    refused("sra without sign", &about("sra a0, a1, a2", 0x8000_0000, 4), &carried, None, &[high]);
    refused("sra without sign", &about("srai a0, a1, 4", 0x8000_0000, 0), &carried, None, &[high]);
    let all = u32::MAX;
    let less = [("add.c", 0), ("add.s0", 0xfffe), ("add.s1", 0x1_ffff)];
    refused("slt for sltu", &about("sltu a0, a1, a2", all, 1), &less, None, &[high]);
    refused("sltu for slt", &about("slt a0, a1, a2", all, 1), &[("bytes.sx", 0)], None, &[signs]);
    let and = [("bytes.o3", 0x80), ("bytes.sx", 0), ("bytes.sy", 0)];
    refused("another table's signs", &about("slt a0, a1, a2", all, 0x8000_0000), &and, None, &[signs]);
    refused("a branch at equality", &about("beq a1, a2, . + 8", 9, 9), &[("add.z0", 0)], None, &["add.low"]);
    let equal = [("add.c", 0), ("add.s0", 0), ("add.s1", 0x1_0000)];
    refused("a branch at equality", &about("blt a1, a2, . + 8", 9, 9), &equal, None, &[high]);
    refused("a branch at equality", &about("bltu a1, a2, . + 8", 9, 9), &equal, None, &[high]);
}

#[test]
fn lies_about_lanes_and_addresses() {
    let word = "lane.w, add2.low";
    let split = "lane: s = on * (4 * w + l1 + 2 * l2 + 3 * l3)";
    let at = 0x2000_1001;
    let second = [("lane.l1", 0), ("lane.l2", 1)];
    refused("a byte from the wrong lane", &about("lb a0, 0(a1)", at, 0), &second, None, &[split]);
    refused("a byte from the wrong lane", &about("lbu a0, 0(a1)", at, 0), &second, None, &[split]);
    let fraction = [("lane.l1", 0), ("lane.l2", 1), ("lane.w", (0x1001 - 2) * QUARTER)];
    refused("a lane by a fraction", &about("lbu a0, 0(a1)", at, 0), &fraction, None, &[word]);
    refused("a byte's sign", &about("lb a0, 3(a1)", at - 1, 0), &[("bytes.sy", 0)], None, &["bytes.b3"]);
    refused("a halfword's sign", &about("lh a0, 2(a1)", at - 1, 0), &[("bytes.sy", 0)], None, &["bytes.b3"]);
    refused("a store's lane", &about("sb a2, 0(a1)", at, 0x55), &second, None, &[split]);
    refused("a store's lane", &about("sb a2, 0(a1)", at, 0x55), &fraction, None, &[word]);
    refused(
        "a store's word",
        &about("sb a2, 0(a1)", at, 0x55),
        &[("mem.after", 0x8055_42f3)],
        None,
        &["mem: on * after = after"],
    );
    let flag = "lane: on * l1 * l1 = on * l1";
    let one = "lane: on * (l1 + l2 + l3) * (l1 + l2 + l3) = on * (l1 + l2 + l3)";
    let thrice = [("lane.l1", 3), ("lane.l3", 0)];
    refused("a lane that is no flag", &about("lbu a0, 2(a1)", at, 0), &thrice, None, &[flag, one]);

    let odd = 0x2000_1005;
    refused(
        "jalr's low bit",
        &about("jalr a0, 0(a1)", odd, 0),
        &[],
        Some(("next_pc", odd.into())),
        &["next_pc"],
    );
    refused("jalr's low bit", &about("jalr a0, 0(a1)", odd, 0), &[("lane.l1", 0)], None, &[split]);
    let about_auipc = About { pc: 0xffff_fff0, ..about("auipc a0, 1", 0, 0) };
    refused("auipc's carry", &about_auipc, &[("rd.value", 0x1_0000_0ff0)], None, &["rd: value = written"]);
}

#[test]
fn lies_about_limbs() {
    let (carry, low) = ("add: c * c = c", "add.low");
    let sum = about("add a0, a1, a2", 0xffff_0000, 0x1_0001);
    let two = [("add.c", 2), ("add.s0", 1 - (1 << 32)), ("add.s1", 0)];
    refused("a carry of 2", &sum, &two, None, &[carry, low]);
    refused(
        "a carry by a fraction",
        &sum,
        &[("add.c", 1 - FRACTION), ("add.s0", 2), ("add.s1", 0)],
        None,
        &[carry],
    );
    refused("a sum without carry", &sum, &[("add.c", 0), ("add.s1", 0x1_0000)], None, &["add.high"]);
    let bytes = about("and a0, a1, a2", 0x1234_5678, 0xffff_ffff);
    refused("a byte above 255", &bytes, &[("bytes.x0", 0x178), ("bytes.x1", 0x55)], None, &["bytes.b0"]);
    let product = about("mul a0, a1, a2", 0x1_0001, 0x1_0001);
    let limbs = [("product.lo0", 0x1_0001), ("product.lo1", 1)];
    refused("a limb above 16 bits", &product, &limbs, None, &["product.lo0, sum.low"]);
}

/// No idle cell can take what a limb of a sum lacks: no relation of the sum reads it.
#[test]
fn an_idle_cell_hides_no_limb() {
    let (kind, forged) = row(&about("sub a0, a1, a2", 9, 4), &[("add.s0", 4)], None);
    assert_eq!(broken(&forged), ["add: t = s0 + 0x1_0000 * s1 + 0x1_0000_0000 * c"]);
    let roles = Spec::<Rv32im>::new(&MODEL).roles(kind);
    let idle: Vec<usize> = (0..roles.len()).filter(|at| roles[*at] == Role::Idle).collect();
    assert!(idle.len() > 20, "{}", idle.len());
    let rules = Rules::<Rv32im>::new(&forged);
    for at in idle {
        let Rule::Sum(sum) =
            rules.rule(rule_named::<Rv32im>("add: t = s0 + 0x1_0000 * s1 + 0x1_0000_0000 * c"))
        else {
            panic!("it is a relation")
        };
        assert_eq!(solve(sum, &forged, at), None, "{}", Rv32im::SPEC.columns[at].name);
    }
}
