//! Instructions brought down to units: the in-tree specs as a whole, on more rows and more lies than each build tries.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

use retrace_codegen::Model;
use retrace_codegen::check::{edge_rows, trapped};
use retrace_codegen::model::{Instruction, Operand};
use retrace_codegen::units::Port;
use retrace_codegen::units::explain::{self, Line};
use retrace_codegen::units::forge::forge;
use retrace_codegen::units::form::{Form, Var};
use retrace_codegen::units::row::{Cells, Found, Rows};
use retrace_codegen::units::select::Selection;

#[path = "common/in_tree.rs"]
mod in_tree;
#[path = "../../../tests/common/random.rs"]
mod random;
#[path = "common/wired.rs"]
mod wired;

use in_tree::model;
use random::Random;

/// The ISAs of the binary.
const ISAS: [&str; 4] = ["rv32i", "rv32im", "rv32im_zbb", "rv32imab_zicond"];

static MODEL: LazyLock<Model> = LazyLock::new(|| model(ISAS[3]));

fn rows(selection: &Selection) -> Rows<'_> {
    Rows { units: &MODEL.units, selection }
}

/// The figures that the design asks for: cells a row, the index among them; look-ups; degree; columns of the code table.
#[test]
fn a_row_is_bounded() {
    let sizes = ISAS.map(|name| {
        let model = model(name);
        let totals = explain::totals(&model);
        let words: usize = model.wiring.columns.iter().map(|column| column.words(&model.units).len()).sum();
        (totals.cells, totals.lookups, totals.lookups_at_once, totals.degree, totals.columns, words)
    });
    let expected = [
        (33, 11, 10, 3, 66, 76),
        (35, 12, 12, 3, 73, 83),
        (35, 12, 12, 3, 83, 95),
        (35, 14, 12, 3, 101, 117),
    ];
    assert_eq!(sizes, expected);
}

/// The compiled form of each instruction, by the spec that brings it.
#[test]
fn instructions_use_units_like_this() {
    let mut before: BTreeSet<String> = BTreeSet::new();
    for name in ISAS {
        let model = model(name);
        let mut text = String::new();
        for (at, instruction) in model.kinds().enumerate() {
            if !before.insert(instruction.name.clone()) {
                continue;
            }
            writeln!(text, "{}", instruction.name).expect("a string takes it");
            for Line { what, text: said } in explain::instruction(&model, at) {
                writeln!(text, "  {what:<8} {said}").expect("a string takes it");
            }
        }
        insta::assert_snapshot!(format!("compiled_{name}"), text);
    }
}

/// What units cost, and what the whole row does.
#[test]
fn units_cost_this() {
    let mut text = String::new();
    for name in ISAS {
        let model = model(name);
        writeln!(text, "{name}: {:?}", explain::totals(&model)).expect("a string takes it");
        for cost in explain::costs(&model) {
            let explain::Cost { name, cells, shared, lookups, relations, columns, .. } = cost;
            writeln!(text, "  {name:<8} cells {cells} ({shared} shared), look-ups {lookups}, relations {relations}, columns {columns}")
                .expect("a string takes it");
        }
    }
    insta::assert_snapshot!("costs", text);
}

/// With each cell in its column.
fn at_home(form: &Form) -> Form {
    form.put(&mut |var| match var {
        Var::Cell(unit, cell) => {
            let (unit, cell) = MODEL.units.home((unit, cell));
            Some(Form::from(Var::Cell(unit, cell)))
        }
        _ => None,
    })
}

/// The sums of products that a prover has of relations, multiplied out, are the relations.
#[test]
fn terms_are_the_relations() {
    type Expanded = std::collections::BTreeMap<(Option<usize>, Vec<Var>), i128>;
    let wiring = &MODEL.wiring;
    let mut most = 0;
    for relation in &wiring.relations {
        let sorted = |vars: &[Var]| {
            let mut vars = vars.to_vec();
            vars.sort_unstable();
            vars
        };
        let mut expected = Expanded::new();
        for (vars, columns) in &relation.wired {
            for (column, factor) in columns {
                *expected.entry((Some(*column), sorted(vars))).or_default() += factor;
            }
        }
        for (vars, factor) in &relation.fixed {
            *expected.entry((None, sorted(vars))).or_default() += factor;
        }
        let mut found = Expanded::new();
        for term in relation.terms(&MODEL.units, &wiring.columns) {
            let columns: Vec<(Option<usize>, i128)> = match term.columns[..] {
                [] => vec![(None, 1)],
                _ => term.columns.iter().map(|(at, factor)| (Some(*at), *factor)).collect(),
            };
            let scale: i128 = term.factors.iter().map(|(_, factor)| factor).product();
            for (column, by) in columns {
                for (last, factor) in &term.sum {
                    let vars: Vec<Var> = term.factors.iter().map(|(var, _)| *var).chain(*last).collect();
                    *found.entry((column, sorted(&vars))).or_default() += by * scale * factor;
                }
            }
            let degree = usize::from(!term.columns.is_empty()) + term.factors.len();
            most = most.max(degree + usize::from(term.sum.iter().any(|(var, _)| var.is_some())));
        }
        found.retain(|_, factor| *factor != 0);
        expected.retain(|_, factor| *factor != 0);
        assert_eq!(found, expected, "{}", relation.name);
    }
    assert_eq!(most, 3);
}

/// What the columns of the code table make of a relation is, instruction by instruction, what its inputs make of it.
#[test]
fn the_wiring_says_what_selections_say() {
    let wiring = &MODEL.wiring;
    let combination = |columns: &[_], instruction| wired::combination(&MODEL, columns, instruction);
    for (instruction, selection) in MODEL.selections.iter().enumerate() {
        let selection = selection.clone().unwrap_or_default();
        let mut expected: Vec<Form> = Vec::new();
        for (at, unit) in MODEL.units.units.iter().enumerate() {
            let used = selection.uses.get(&at);
            expected.extend(unit.relations.iter().map(|relation| {
                at_home(&relation.form.put(&mut |var| match var {
                    Var::On => Some(Form::constant(used.is_some().into())),
                    Var::Input(input) => {
                        Some(used.and_then(|used| used.inputs.get(&input)).cloned().unwrap_or_default())
                    }
                    _ => None,
                }))
            }));
        }
        let asserts = wiring.relations.iter().filter(|relation| relation.name.starts_with("assert")).count();
        expected
            .extend((0..asserts).map(|at| at_home(&selection.asserts.get(at).cloned().unwrap_or_default())));
        let runs = MODEL.selections[instruction].is_some();
        expected.push(if runs { at_home(&selection.next_is()) } else { Form::default() });
        expected.push(if runs { at_home(&selection.address_is()) } else { Form::default() });
        expected.push(&Form::from(Var::Active) - &Form::constant(runs.into()));
        expected.push(if runs && selection.exits { Form::default() } else { Form::from(Var::Last) });
        assert_eq!(expected.len(), wiring.relations.len());
        for (relation, expected) in wiring.relations.iter().zip(&expected) {
            let found = wired::relation(&MODEL, relation, instruction);
            assert_eq!(found, *expected, "{}: {}", MODEL.kind(instruction).name, relation.name);
        }
        for slot in &wiring.slots {
            let table = slot.tables.get(&instruction);
            assert_eq!(combination(&slot.multiplicity, instruction), Form::constant(table.is_some().into()));
            let tag = table.map_or(0, |table| *table as i128 + 1);
            assert_eq!(combination(&slot.tag, instruction), Form::constant(tag));
        }
    }
}

/// Every look-up that a selection makes is one of the wiring's, by itself.
#[test]
fn no_look_up_is_lost() {
    for (instruction, selection) in MODEL.selections.iter().enumerate() {
        for (unit, used) in selection.iter().flat_map(|selection| &selection.uses) {
            for (slot, table) in &used.tables {
                let of =
                    |known: &&retrace_codegen::units::wiring::SlotTables| known.of.contains(&(*unit, *slot));
                let wired = MODEL.wiring.slots.iter().find(of).expect("it is there");
                assert_eq!(wired.tables.get(&instruction), Some(table));
                let units: BTreeSet<usize> = wired.of.iter().map(|(unit, _)| *unit).collect();
                assert_eq!(units.len(), wired.of.len(), "two look-ups of one unit are one");
            }
        }
    }
}

/// No lie about cells passes that changes what a row puts out.
#[test]
fn no_row_is_forged() {
    let mut told = 0;
    for ((instruction, selection), all) in MODEL.kinds().zip(&MODEL.selections).zip(edge_rows(&MODEL)) {
        let Some(selection) = selection else { continue };
        let of = rows(selection);
        for row in all.iter().step_by(all.len() / 8) {
            let found = row.found(&MODEL.units);
            let cells = of.fill(&found).unwrap_or_else(|cell| panic!("{}: {cell}", instruction.name));
            let (lies, forged) = forge(of, &found, &cells, 2);
            assert!(forged.is_none(), "{}: {}: {forged:?}", instruction.name, row.case);
            told += lies;
        }
    }
    assert!(told > 200_000, "{told} lies");
}

/// No row that traps passes, where it goes on as units say and one cell is a liar's.
#[test]
fn no_row_that_traps_passes() {
    let mut seen = BTreeSet::new();
    for ((instruction, selection), all) in MODEL.kinds().zip(&MODEL.selections).zip(trapped(&MODEL)) {
        let Some(selection) = selection else { continue };
        for (case, found) in all {
            let _ = seen.insert(instruction.name.as_str());
            let of = rows(selection);
            let honest = of.fill(&found).unwrap_or_else(|cell| panic!("{}: {cell}", instruction.name));
            assert!(!goes_on(of, found, &honest), "{}: {case}", instruction.name);
            // What the memory argument gives is no liar's.
            let memory = MODEL.units.port(Port::Memory).expect("there is one");
            let given = [0, 2].map(|cell| MODEL.units.home((memory, cell)));
            let is_given = |column| selection.uses.contains_key(&memory) && given.contains(&column);
            for (column, value) in honest.iter().filter(|(column, _)| !is_given(*column)) {
                for delta in [1, -1, 2, -2, 0xffff] {
                    let mut cells = honest.clone();
                    cells.set(column, value + delta);
                    assert!(!goes_on(of, found, &cells), "{}: {case}: {column:?}", instruction.name);
                }
            }
        }
    }
    let branches = ["beq", "bge", "bgeu", "blt", "bltu", "bne"];
    let amos =
        ["add", "and", "max", "maxu", "min", "minu", "or", "swap", "xor"].map(|name| format!("amo{name}.w"));
    let amos: Vec<&str> = amos.iter().map(String::as_str).collect();
    // A state of which a variant is not the case has no row of it.
    let variants = MODEL.kinds().filter(|kind| kind.is_variant()).map(|variant| variant.name.as_str());
    let others = ["jal", "jalr", "lh", "lhu", "lr.w", "lw", "sc.w", "sh", "sw"];
    let all: BTreeSet<&str> = amos.into_iter().chain(branches).chain(others).chain(variants).collect();
    assert_eq!(seen, all);
}

/// Of the state in which a call is one variant no row of another passes, of this call or of another.
#[test]
fn no_row_of_another_variant_passes() {
    let edges = edge_rows(&MODEL);
    let variants: Vec<(usize, &Instruction)> =
        MODEL.kinds().enumerate().filter(|(_, kind)| kind.is_variant()).collect();
    let mut passed = 0;
    for (is, variant) in &variants {
        let all = &edges[*is];
        for (row, (at, other)) in all
            .iter()
            .step_by(all.len().div_ceil(12))
            .flat_map(|row| variants.iter().map(move |other| (row, other)))
        {
            let of = rows(MODEL.selections[*at].as_ref().expect("it is compiled"));
            let value = |register: u8| row.case.registers.iter().find(|(known, _)| *known == register);
            let found = Found {
                reads: other.reads.map(|read| match read {
                    Operand::Fixed(register) => value(register).map_or(1 << 20, |(_, value)| *value),
                    _ => 0,
                }),
                before: row.case.memory,
                writable: row.case.writable,
                ..row.found(&MODEL.units)
            };
            let cells = of.fill(&found).unwrap_or_else(|cell| panic!("{}: {cell}", other.name));
            // The memory argument refuses the first page and the last.
            let address = of.selection.address.as_ref().map(|form| of.value(form, &found, &cells) as u32);
            let is_memory = address.is_none_or(|address| (0x1000..0xffff_f000).contains(&address));
            let passes = is_memory && goes_on(of, found, &cells);
            assert_eq!(passes, at == is, "{} as {}: {}", variant.name, other.name, row.case);
            passed += usize::from(passes);
        }
    }
    assert!(passed > 500, "{passed} rows");
}

/// What a call writes, takes and puts out is determined: no row passes in which one cell makes it something else.
#[test]
fn what_a_call_does_is_determined() {
    let mut tried: BTreeSet<&str> = BTreeSet::new();
    let units = &MODEL.units;
    let memory = units.port(Port::Memory).expect("there is one");
    for ((variant, selection), all) in MODEL.kinds().zip(&MODEL.selections).zip(edge_rows(&MODEL)) {
        let Some(selection) = selection.as_ref().filter(|_| variant.is_variant()) else { continue };
        let of = rows(selection);
        let cell = |port: Port, cell: usize| {
            let unit = units.port(port).filter(|unit| selection.uses.contains_key(unit))?;
            Some(Form::from(Var::Cell(unit, cell)))
        };
        let mut outputs: Vec<(&str, Form)> = Vec::new();
        outputs.extend(cell(Port::Write(0), 0).map(|form| ("rd", form)));
        outputs.extend(cell(Port::Write(1), 0).map(|form| ("rd2", form)));
        outputs.extend(cell(Port::Memory, 1).map(|form| ("the word after", form)));
        outputs.extend(selection.input.iter().map(|taken| ("count of input", taken.count.clone())));
        outputs.extend(selection.output.iter().map(|put| ("count of output", put.count.clone())));
        outputs.extend(selection.output.iter().map(|put| ("bytes of output", put.value.clone())));
        for row in all.iter().step_by(all.len().div_ceil(8)) {
            let found = row.found(units);
            let honest = of.fill(&found).unwrap_or_else(|cell| panic!("{}: {cell}", variant.name));
            let given = [0, 2].map(|cell| units.home((memory, cell)));
            let is_given = |column| selection.uses.contains_key(&memory) && given.contains(&column);
            for (column, value) in honest.iter().filter(|(column, _)| !is_given(*column)) {
                for delta in [1, -1, 4, 0x100, 0x1_0000, 1 << 32] {
                    let mut cells = honest.clone();
                    cells.set(column, value + delta);
                    let is_other =
                        |form: &Form| of.value(form, &found, &cells) != of.value(form, &found, &honest);
                    for (output, _) in outputs.iter().filter(|(_, form)| is_other(form)) {
                        let _ = tried.insert(*output);
                        let faults = of.faults(&found, &cells);
                        assert!(!faults.is_empty(), "{}: {}: {output} by {column:?}", variant.name, row.case);
                    }
                }
            }
        }
    }
    let all = ["bytes of output", "count of input", "count of output", "rd", "rd2", "the word after"];
    assert_eq!(tried, BTreeSet::from(all));
}

/// Whether a row passes that leads to where units say.
fn goes_on(rows: Rows<'_>, mut found: Found, cells: &Cells) -> bool {
    let value = |form: &Form| rows.value(form, &found, cells) as u32;
    let address = rows.selection.address.as_ref().map_or(0, value);
    (found.next_pc, found.word) = (value(&rows.selection.next), address);
    rows.faults(&found, cells).is_empty()
}

/// What is left out of the compiled form.
#[derive(Clone, Copy, Debug)]
enum Mutant {
    Relation(usize, usize),
    Lookup(usize, usize),
    Assert(usize, usize),
}

/// Whatever relation, look-up or assertion is left out, some row is forged: each is needed. But for those that are named.
#[test]
fn nothing_is_superfluous() {
    let units = &MODEL.units;
    let mut mutants: Vec<Mutant> = Vec::new();
    for (at, unit) in units.units.iter().enumerate() {
        mutants.extend((0..unit.relations.len()).map(|relation| Mutant::Relation(at, relation)));
        mutants.extend((0..unit.slots.len()).map(|slot| Mutant::Lookup(at, slot)));
    }
    for (at, selection) in MODEL.selections.iter().enumerate() {
        let asserts = selection.as_ref().map_or(0, |selection| selection.asserts.len());
        mutants.extend((0..asserts).map(|assert| Mutant::Assert(at, assert)));
    }
    let (edges, refused) = (edge_rows(&MODEL), trapped(&MODEL));
    let survives = |mutant: &Mutant| {
        !(0..MODEL.selections.len()).any(|at| is_forged(*mutant, at, &edges[at], &refused[at]))
    };
    // Half of them on a thread of its own.
    let (evens, odds): (Vec<_>, Vec<_>) = mutants.iter().enumerate().partition(|(at, _)| at % 2 == 0);
    let of = |half: Vec<(usize, &Mutant)>| -> Vec<(usize, Mutant)> {
        half.into_iter().filter(|(_, mutant)| survives(mutant)).map(|(at, mutant)| (at, *mutant)).collect()
    };
    let mut survivors = std::thread::scope(|scope| {
        let other = scope.spawn(|| of(odds));
        let mut survivors = of(evens);
        survivors.extend(other.join().expect("it ends"));
        survivors
    });
    // A variant asks that a difference of words is one: without the assertion its carry could only be that of a sum.
    let is_carry = |mutant: &Mutant| {
        let Mutant::Assert(at, assert) = mutant else { return false };
        let form = MODEL.selections[*at].as_ref().map(|selection| &selection.asserts[*assert]);
        let carries = ["add", "sum"].map(|name| {
            let unit = units.units.iter().position(|unit| unit.name == name).expect("it is declared");
            let cell =
                units.units[unit].cells.iter().position(|cell| cell.name == "c").expect("it has a carry");
            Form::from(Var::Cell(unit, cell))
        });
        MODEL.kind(*at).is_variant() && form.is_some_and(|form| carries.contains(form))
    };
    survivors.retain(|(_, mutant)| !is_carry(mutant));
    survivors.sort_by_key(|(at, _)| *at);
    let named = survivors.into_iter().map(|(_, mutant)| match mutant {
        Mutant::Relation(at, relation) => {
            format!("{}: {}", units.units[at].name, units.units[at].relations[relation].text)
        }
        Mutant::Lookup(at, slot) => format!("{}.{}", units.units[at].name, units.units[at].slots[slot].name),
        Mutant::Assert(at, assert) => format!("{}: assert {assert}", MODEL.kind(at).name),
    });
    assert_eq!(named.collect::<Vec<_>>(), SUPERFLUOUS);
}

/// What no forgery is found without. l3 is in the column of `add2`'s c0, which is a bit in every row. Of unsigned
/// numbers the carry may be 1 only with a quotient of 2^32 - 1, by the third assertion. With a divisor other than 0 that
/// is right only where the remainder is 0. That the address which `fstat` accesses is a word's is asserted twice: by a
/// condition of the variant, and by the access.
const SUPERFLUOUS: [&str; 6] = [
    "lane: on * l3 * l3 = on * l3",
    "divu: assert 1",
    "fstat.device: assert 1",
    "fstat.device: assert 3",
    "fstat.code: assert 1",
    "fstat.code: assert 3",
];

/// Whether a row of an instruction is forged, or passes where it traps, without something.
fn is_forged(
    mutant: Mutant,
    at: usize,
    edges: &[retrace_codegen::check::Row],
    refused: &[(retrace_codegen::check::Case, Found)],
) -> bool {
    let Some(selection) = &MODEL.selections[at] else { return false };
    let mut changed = selection.clone();
    let mut units = std::borrow::Cow::Borrowed(&MODEL.units);
    match mutant {
        Mutant::Relation(unit, relation) => {
            if !selection.uses.contains_key(&unit) {
                return false;
            }
            units.to_mut().units[unit].relations[relation].form = Form::default();
        }
        Mutant::Lookup(unit, slot) => match changed.uses.get_mut(&unit) {
            Some(used) => drop(used.tables.remove(&slot)),
            None => return false,
        },
        Mutant::Assert(instruction, assert) => {
            if instruction != at {
                return false;
            }
            changed.asserts[assert] = Form::default();
        }
    }
    let of = Rows { units: &units, selection: &changed };
    let traps = refused.iter().any(|(_, found)| {
        let cells = rows(selection).fill(found).expect("it has cells");
        goes_on(of, *found, &cells)
    });
    let forged = |row: &retrace_codegen::check::Row, part: usize| {
        let found = row.found(&MODEL.units);
        let cells = rows(selection).fill(&found).expect("it has cells");
        forge(of, &found, &cells, part).1.is_some()
    };
    // Few lies of many rows, and then all of few.
    let rows = |count: usize| edges.iter().step_by(edges.len().div_ceil(count) | 1);
    traps || rows(64).any(|row| forged(row, 101)) || rows(5).any(|row| forged(row, 1))
}

/// What the manual says that an instruction does; none if it traps for its alignment.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    rd: Option<u32>,
    rd2: Option<u32>,
    next: u32,
    address: Option<u32>,
    after: Option<u32>,
}

fn manual(name: &str, found: &Found) -> Option<Outcome> {
    let Found { reads: [a, mut b, reserved, ..], pc, imm, before, .. } = *found;
    let mut outcome = Outcome { rd: None, rd2: None, next: pc.wrapping_add(4), address: None, after: None };
    let name = match name {
        "addi" | "slti" | "xori" | "ori" | "andi" | "slli" | "srli" | "srai" | "rori" | "bclri" | "bexti"
        | "binvi" | "bseti" => {
            b = imm;
            name.trim_end_matches('i')
        }
        "sltiu" => {
            b = imm;
            "sltu"
        }
        name => name,
    };
    let (x, y) = (i64::from(a.cast_signed()), i64::from(b.cast_signed()));
    let (u, v) = (u64::from(a), u64::from(b));
    let shift = b % 32;
    let taken = match name {
        "beq" => Some(a == b),
        "bne" => Some(a != b),
        "blt" => Some(x < y),
        "bge" => Some(x >= y),
        "bltu" => Some(a < b),
        "bgeu" => Some(a >= b),
        "jal" => Some(true),
        _ => None,
    };
    if taken == Some(true) {
        outcome.next = pc.wrapping_add(imm);
    }
    let amo = name.strip_prefix("amo").and_then(|name| name.strip_suffix("_w"));
    let is_atomic = amo.is_some() || matches!(name, "lr_w" | "sc_w");
    let sum = if is_atomic { a } else { a.wrapping_add(imm) };
    let at = 8 * (sum % 4);
    let part = |bits: u32| before.checked_shr(at).unwrap_or_default() << (32 - bits) >> (32 - bits);
    let put = |bits: u32| {
        let mask = u32::MAX >> (32 - bits) << at;
        before & !mask | b << at & mask
    };
    let is_load = matches!(name, "lb" | "lbu" | "lh" | "lhu" | "lw");
    let is_store = matches!(name, "sb" | "sh" | "sw");
    if is_load || is_store {
        let bytes = match &name[1..2] {
            "b" => 1,
            "h" => 2,
            _ => 4,
        };
        if !sum.is_multiple_of(bytes) {
            return None;
        }
        outcome.address = Some(sum & !3);
        outcome.after = Some(if is_store { put(8 * bytes) } else { before });
    }
    if is_atomic {
        if !a.is_multiple_of(4) {
            return None;
        }
        let holds = a == reserved;
        let after = match amo.unwrap_or(name) {
            "lr_w" => before,
            "sc_w" => [before, b][usize::from(holds)],
            "swap" => b,
            "add" => before.wrapping_add(b),
            "xor" => before ^ b,
            "and" => before & b,
            "or" => before | b,
            "min" => before.cast_signed().min(b.cast_signed()).cast_unsigned(),
            "max" => before.cast_signed().max(b.cast_signed()).cast_unsigned(),
            "minu" => before.min(b),
            "maxu" => before.max(b),
            name => panic!("{name} is not said here"),
        };
        (outcome.address, outcome.after) = (Some(a), Some(after));
        outcome.rd = Some(if name == "sc_w" { (!holds).into() } else { before });
        outcome.rd2 = match name {
            "lr_w" => Some(a),
            "sc_w" => Some(0),
            _ => None,
        };
        return Some(outcome);
    }
    outcome.rd = match name {
        "fence" => return Some(outcome),
        _ if is_store || (taken.is_some() && name != "jal") => None,
        "lb" => Some(i32::from(part(8) as u8 as i8).cast_unsigned()),
        "lbu" => Some(part(8)),
        "lh" => Some(i32::from(part(16) as u16 as i16).cast_unsigned()),
        "lhu" => Some(part(16)),
        "lw" => Some(before),
        "lui" => Some(imm),
        "auipc" => Some(pc.wrapping_add(imm)),
        "jal" => Some(pc.wrapping_add(4)),
        "jalr" => {
            outcome.next = sum & !1;
            Some(pc.wrapping_add(4))
        }
        "add" => Some(a.wrapping_add(b)),
        "sub" => Some(a.wrapping_sub(b)),
        "slt" => Some((x < y).into()),
        "sltu" => Some((a < b).into()),
        "xor" => Some(a ^ b),
        "or" => Some(a | b),
        "and" => Some(a & b),
        "andn" => Some(a & !b),
        "orn" => Some(a | !b),
        "xnor" => Some(!(a ^ b)),
        "sll" => Some(a << shift),
        "srl" => Some(a >> shift),
        "sra" => Some((x >> shift) as u32),
        "rol" => Some(a.rotate_left(shift)),
        "ror" => Some(a.rotate_right(shift)),
        "mul" => Some((u * v) as u32),
        "mulh" => Some(((x * y) >> 32) as u32),
        "mulhsu" => Some(((i128::from(x) * i128::from(v)) >> 32) as u32),
        "mulhu" => Some(((u * v) >> 32) as u32),
        "div" => Some(if b == 0 { u32::MAX } else { (x / y) as u32 }),
        "divu" => Some(a.checked_div(b).unwrap_or(u32::MAX)),
        "rem" => Some(if b == 0 { a } else { (x % y) as u32 }),
        "remu" => Some(a.checked_rem(b).unwrap_or(a)),
        "clz" => Some(a.leading_zeros()),
        "ctz" => Some(a.trailing_zeros()),
        "cpop" => Some(a.count_ones()),
        "min" => Some(x.min(y) as u32),
        "max" => Some(x.max(y) as u32),
        "minu" => Some(a.min(b)),
        "maxu" => Some(a.max(b)),
        "sext_b" => Some(i32::from(a as u8 as i8).cast_unsigned()),
        "sext_h" => Some(i32::from(a as u16 as i16).cast_unsigned()),
        "zext_h" => Some(a & 0xffff),
        "orc_b" => Some(u32::from_le_bytes(a.to_le_bytes().map(|byte| if byte == 0 { 0 } else { 0xff }))),
        "rev8" => Some(a.swap_bytes()),
        "sh1add" => Some(b.wrapping_add(a << 1)),
        "sh2add" => Some(b.wrapping_add(a << 2)),
        "sh3add" => Some(b.wrapping_add(a << 3)),
        "bclr" => Some(a & !(1 << shift)),
        "bext" => Some(a >> shift & 1),
        "binv" => Some(a ^ 1 << shift),
        "bset" => Some(a | 1 << shift),
        "czero_eqz" => Some(if b == 0 { 0 } else { a }),
        "czero_nez" => Some(if b == 0 { a } else { 0 }),
        name => panic!("{name} is not said here"),
    };
    outcome.next.is_multiple_of(4).then_some(outcome)
}

impl Random {
    /// A word: any, a short one, one near a power of two, or one with a run of equal bits.
    fn word(&mut self) -> u32 {
        let (bits, kind) = (self.next(), self.next());
        let shift = (kind >> 8) % 32;
        let word = match kind % 4 {
            0 => bits as u32,
            1 => bits as u32 >> shift,
            2 => (1u32 << shift).wrapping_add(bits as u32 % 5).wrapping_sub(2),
            _ => (bits as i32 >> shift).cast_unsigned(),
        };
        if kind >> 16 & 7 == 0 { !word } else { word }
    }
}

/// The immediate that an instruction may have, of any bits.
fn immediate(name: &str, bits: u32) -> u32 {
    let signed = |width: u32| ((bits << (32 - width)).cast_signed() >> (32 - width)).cast_unsigned();
    match name {
        "lui" | "auipc" => bits << 12,
        "slli" | "srli" | "srai" | "rori" | "bclri" | "bexti" | "binvi" | "bseti" => bits % 32,
        "jal" => signed(21) & !1,
        "beq" | "bne" | "blt" | "bge" | "bltu" | "bgeu" => signed(13) & !1,
        _ => signed(12),
    }
}

/// Rows of any operands: what the manual says of them passes, and is what units say; what traps does not pass.
#[test]
fn random_rows_do_what_the_manual_says() {
    let mut random = Random(18);
    let mut trapped = 0;
    for (instruction, selection) in MODEL.kinds().zip(&MODEL.selections) {
        // Of calls edge rows have what is the case.
        let Some(selection) = selection.as_ref().filter(|_| !instruction.is_variant()) else { continue };
        let name = instruction.name.as_str();
        let of = rows(selection);
        for _ in 0..400 {
            let [a, b, imm, pc, before] = std::array::from_fn(|_| random.word());
            let b = if random.next().is_multiple_of(8) { a } else { b };
            // An aligned address more often than by chance, for what takes one as it is; and one that is reserved.
            let a = if random.next().is_multiple_of(2) { a } else { a & !3 };
            let c = if random.next().is_multiple_of(2) { a } else { random.word() };
            let imm = immediate(name, imm);
            let mut found = Found { reads: [a, b, c, 0, 0, 0], pc: pc & !3, imm, before, ..Found::default() };
            let cells = of.fill(&found).unwrap_or_else(|cell| panic!("{name}: {cell}"));
            let Some(Outcome { rd, rd2, next, address, after }) = manual(&name.replace('.', "_"), &found)
            else {
                trapped += 1;
                assert!(!goes_on(of, found, &cells), "{name}: {found:x?}");
                continue;
            };
            (found.next_pc, found.word) = (next, address.unwrap_or_default());
            let faults: Vec<String> =
                of.faults(&found, &cells).iter().map(|fault| of.describe(fault, &found, &cells)).collect();
            assert_eq!(faults, [""; 0], "{name}: {found:x?}");
            let word = |value: Option<u32>| value.map(i128::from);
            assert_eq!(
                [0, 1].map(|port| of.written(port, &cells)),
                [word(rd), word(rd2)],
                "{name}: {found:x?}"
            );
            assert_eq!(of.after(&cells), word(after), "{name}: {found:x?}");
            let address_by_units = selection.address.as_ref().map(|form| of.value(form, &found, &cells));
            assert_eq!(address_by_units, word(address), "{name}: {found:x?}");
        }
    }
    assert!(trapped > 1000, "{trapped} trapped");
}
