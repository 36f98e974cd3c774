//! Lemmas for a solver: those of the in-tree specs, and those of forms that are wrong.
//!
//! What a solver says is tested if there is one: z3 on the path, or what the variable `RETRACE_SOLVER` names. Without one
//! these tests write the lemmas, and say that they are not proven.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

use std::sync::LazyLock;

use retrace_codegen::prove::{Lemma, Outcome, Solver, Subject, lemmas};
use retrace_codegen::units::form::{Form, Var};
use retrace_codegen::units::wiring::wire;
use retrace_codegen::{Model, Sources, compile};

#[path = "common/in_tree.rs"]
mod in_tree;

use in_tree::model;

static MODEL: LazyLock<Model> = LazyLock::new(|| model("rv32im_zbb"));

/// The solver; a line says that there is none.
fn solver() -> Option<Solver> {
    let solver = Solver::find();
    if solver.is_none() {
        eprintln!(
            "no solver: lemmas are written, and nothing is proven; put z3 on the path, or name it in RETRACE_SOLVER"
        );
    }
    solver
}

fn short(lemma: &Lemma) -> String {
    lemma.name.chars().take(72).collect()
}

/// Proves all lemmas of a spec, and says of each what came of it.
fn prove_all(model: &Model) {
    let Some(solver) = solver() else { return };
    let (mut wrong, mut seconds, mut proven) = (Vec::new(), 0.0, 0);
    for lemma in lemmas(model) {
        let proof = solver.prove(&lemma).unwrap_or_else(|error| panic!("{}: {error}", lemma.name));
        let time = proof.time.as_secs_f64();
        seconds += time;
        eprintln!(
            "{time:6.2} s {:12} {:11} {} {}",
            proof.theory.name(),
            format!("{:?}", lemma.subject),
            short(&lemma),
            if proof.outcome == Outcome::Proven { "" } else { "NOT PROVEN" }
        );
        match &proof.outcome {
            Outcome::Proven => proven += 1,
            outcome => wrong.push(format!("{}: {outcome:?}", lemma.name)),
        }
    }
    eprintln!("{proven} lemmas proven in {seconds:.0} s");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All lemmas of the specs that `RETRACE_PROVE` names, separated by commas: that takes minutes. No lemma holds because
/// nothing satisfies what it assumes.
#[test]
fn specs_that_are_asked_for_are_proven() {
    let asked = std::env::var("RETRACE_PROVE").unwrap_or_default();
    if asked.is_empty() {
        eprintln!("RETRACE_PROVE names no spec: of all lemmas only some are proven here");
    }
    for spec in asked.split(',').filter(|spec| !spec.is_empty()) {
        let Some(solver) = solver() else { return };
        let model = model(spec);
        prove_all(&model);
        let has_rows = |lemma: &Lemma| solver.has_rows(lemma).expect("the solver answers") == Some(true);
        let empty: Vec<String> =
            lemmas(&model).into_iter().filter(|lemma| !has_rows(lemma)).map(|lemma| lemma.name).collect();
        assert!(empty.is_empty(), "{}", empty.join("\n"));
    }
}

/// Every lemma has a text.
#[test]
fn lemmas_are_written() {
    for lemma in lemmas(&MODEL) {
        let text = lemma.text().unwrap_or_else(|| panic!("{} is not written", lemma.name));
        assert!(text.contains("(check-sat)"), "{}", lemma.name);
    }
}

fn named(model: &Model, subject: Subject, name: &str) -> Lemma {
    let mut found = lemmas(model).into_iter().filter(|lemma| lemma.subject == subject && lemma.name == name);
    found.next().unwrap_or_else(|| panic!("no lemma {name}"))
}

#[test]
fn a_lemma_reads_like_this() {
    insta::assert_snapshot!("lemma_add_sum", named(&MODEL, Subject::Unit, "add.sum").text().expect("a text"));
    insta::assert_snapshot!("lemma_lw", named(&MODEL, Subject::Instruction, "lw").text().expect("a text"));
}

/// One lemma of each kind of reasoning, of those that take no time.
#[test]
fn some_lemmas_are_proven() {
    let Some(solver) = solver() else { return };
    for (subject, name) in [
        (Subject::Unit, "add.zero"),
        (Subject::Unit, "product.hi"),
        (Subject::Unit, "bytes.and"),
        (Subject::Unit, "lane.byte"),
        (Subject::Rule, "a < b by bytes, add"),
        (Subject::Rule, "a * b by product"),
        (Subject::Rule, "store::<32>(a & 0xffff_fffc, (w & 0xffff_ff00) | b) by add, lane, bytes, mem"),
        (Subject::Instruction, "beq"),
        (Subject::Instruction, "jalr"),
        (Subject::Instruction, "lb"),
        (Subject::Instruction, "mulh"),
        (Subject::Instruction, "div"),
        (Subject::Instruction, "clz"),
        (Subject::Variant, "brk.moved"),
        (Subject::Variant, "read.asked_1"),
    ] {
        let lemma = named(&MODEL, subject, name);
        assert_eq!(solver.prove(&lemma).expect("an answer").outcome, Outcome::Proven, "{name}");
        assert_eq!(solver.has_rows(&lemma).expect("an answer"), Some(true), "{name}");
    }
}

/// A model that is wrong: the compiled form is put together again after a change.
fn changed(change: impl FnOnce(&mut Model)) -> Model {
    let mut model = MODEL.clone();
    change(&mut model);
    model.wiring = wire(&model.units, &model.selections);
    model
}

fn unit(model: &Model, name: &str) -> usize {
    model.units.units.iter().position(|unit| unit.name == name).expect("a unit")
}

fn kind(model: &Model, name: &str) -> usize {
    model.kinds().position(|kind| kind.name == name).expect("an instruction")
}

fn without_relation(of: &str, text: &str) -> Model {
    changed(|model| {
        let at = unit(model, of);
        let relations = &mut model.units.units[at].relations;
        let count = relations.len();
        relations.retain(|relation| relation.text != text);
        assert_eq!(relations.len() + 1, count, "{of} has the relation {text}");
    })
}

/// Each is refuted, with a row that is not the solver's word alone.
fn refuted(model: &Model, of: &[(Subject, &str)], says: &str) {
    let solver = solver();
    for (subject, name) in of {
        let lemma = named(model, *subject, name);
        assert!(lemma.text().is_some(), "{name}");
        let Some(solver) = &solver else { continue };
        let proof = solver.prove(&lemma).expect("an answer");
        let Outcome::Refuted { row, missed } = proof.outcome else { panic!("{name}: {:?}", proof.outcome) };
        assert!(!row.is_empty(), "{name}");
        assert!(missed.iter().any(|missed| missed.contains(says)), "{name}: {missed:?}");
    }
}

#[test]
fn without_its_second_relation_a_product_has_two_upper_words() {
    let model = without_relation("product", "m0 * m1 * lo = 0");
    refuted(&model, &[(Subject::Unit, "product.hi")], "hi is");
    refuted(&model, &[(Subject::Instruction, "mulhu"), (Subject::Instruction, "mul")], "rd is");
}

#[test]
fn a_carry_that_is_no_bit_is_found() {
    let model = without_relation("add", "c * c = c");
    refuted(&model, &[(Subject::Unit, "add.sum")], "sum is");
    refuted(&model, &[(Subject::Instruction, "add"), (Subject::Instruction, "sltu")], "rd is");
}

#[test]
fn flags_of_another_table_are_found() {
    let model = changed(|model| {
        let zero = model.units.tables.iter().position(|table| table.name == "zero").expect("a table");
        let (mulhu, product) = (kind(model, "mulhu"), unit(model, "product"));
        let selection = model.selections[mulhu].as_mut().expect("a selection");
        let used = selection.uses.get_mut(&product).expect("a product");
        used.tables
            .values_mut()
            .filter(|table| model.units.tables[**table].name == "max")
            .for_each(|table| *table = zero);
    });
    refuted(&model, &[(Subject::Instruction, "mulhu")], "rd is");
}

#[test]
fn a_rule_that_gives_something_else_is_found() {
    let model = changed(|model| {
        let rule = model.units.rules.iter_mut().find(|rule| rule.text.contains("a < b")).expect("a rule");
        rule.give = &Form::constant(1) - &rule.give;
    });
    refuted(&model, &[(Subject::Rule, "a < b by add")], "the value is");
}

#[test]
fn an_assertion_that_is_missing_is_found() {
    let model = changed(|model| {
        for name in ["lw", "remu", "brk.moved", "jal"] {
            let at = kind(model, name);
            let selection = model.selections[at].as_mut().expect("a selection");
            // Of the remainder the one that says that it is below the divisor.
            let at = if name == "remu" { 1 } else { 0 };
            selection.asserts.remove(at);
        }
    });
    refuted(&model, &[(Subject::Instruction, "lw")], "an aligned address");
    refuted(&model, &[(Subject::Instruction, "jal")], "an aligned target");
    refuted(&model, &[(Subject::Instruction, "remu")], "rd is");
    refuted(&model, &[(Subject::Variant, "brk.moved")], "rs1 == 214");
}

#[test]
fn a_unit_that_is_fed_something_else_is_found() {
    let model = changed(|model| {
        let (sub, add) = (kind(model, "sub"), unit(model, "add"));
        let selection = model.selections[sub].as_mut().expect("a selection");
        let fed = selection.uses.get_mut(&add).and_then(|used| used.inputs.get_mut(&0)).expect("an input");
        *fed = &*fed + &Form::constant(1);
        let lb = kind(model, "lb");
        let selection = model.selections[lb].as_mut().expect("a selection");
        let address = selection.address.as_mut().expect("an address");
        *address = &*address + &Form::constant(4);
        let bne = kind(model, "bne");
        let selection = model.selections[bne].as_mut().expect("a selection");
        selection.next = selection.next.put(&mut |var| match var {
            Var::Entry(0) => Some(&Form::from(var) + &Form::constant(4)),
            _ => None,
        });
    });
    refuted(&model, &[(Subject::Instruction, "sub")], "rd is");
    refuted(&model, &[(Subject::Instruction, "lb")], "the accessed word's address");
    refuted(&model, &[(Subject::Instruction, "bne")], "the next pc");
}

/// RV32I with another text in one place. The checker samples only rules that some instruction uses.
#[test]
fn a_rule_that_the_checker_does_not_sample_is_refuted() {
    for (text, other, lemma, says) in [
        (
            "t = \"add(t = a + 0x8000_0000)\" }\ngive     = \"t.carry\"",
            "t = \"add(t = a + 0x8000_0001)\" }\ngive     = \"t.carry\"",
            "a[31..32] by add",
            "the value is",
        ),
        ("give     = \"t.s1\"", "give     = \"t.s0\"", "a[16..32] by add", "the value is"),
        (
            "assert   = [\"l.l1 + l.l2 + l.l3 = 0\"]\ngive     = \"t.sum\"",
            "assert   = [\"l.l1 + l.l2 = 0\"]\ngive     = \"t.sum\"",
            "jump(a) by add, lane",
            "an aligned address",
        ),
    ] {
        let rv32i = include_str!("../../../isa/rv32i.toml");
        assert_eq!(rv32i.matches(text).count(), 1, "{text}");
        let mut sources = Sources::default();
        sources.add_builtin("rv32i", &rv32i.replace(text, other));
        let model = compile(&mut sources, "rv32i").unwrap_or_else(|errors| panic!("{errors}"));
        refuted(&model, &[(Subject::Rule, lemma)], says);
    }
}

/// The wiring has a wrong factor, and the selections are as they were.
#[test]
fn a_wrong_factor_of_the_wiring_is_found() {
    let mut model = MODEL.clone();
    let product = unit(&model, "product");
    let hi1 = model.units.units[product].cells.iter().position(|cell| cell.name == "hi1").expect("a cell");
    let relations = &mut model.wiring.relations;
    let of_rd = relations.iter_mut().find(|relation| relation.name.starts_with("rd:")).expect("a relation");
    let columns = of_rd.wired.get_mut(&vec![Var::Cell(product, hi1)]).expect("a product");
    columns.iter_mut().for_each(|(_, factor)| *factor *= 2);
    refuted(&model, &[(Subject::Instruction, "srai"), (Subject::Instruction, "mulhu")], "rd is");
}
