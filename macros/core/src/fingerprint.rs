//! The hash of a spec's meaning.
//!
//! What counts: everything that a run or a proof depends on. Of rules that is what the compiler makes of them: the units
//! that each instruction uses, what feeds them, and the relations, columns and look-ups that come of it. What does not
//! count: comments, documentation, assembly text and pseudo-instructions, fused pairs, rules that no instruction needs,
//! the order of tables other than columns and what a row offers, formatting, places.

use std::fmt::Write;

use crate::model::{ColumnSource, Model, Recorded};
use crate::units::PROTOCOL;
use crate::units::form::{Form, Named, Var};
use crate::units::select::{Put, Selection, Taken};

/// Hashes a checked model. Names are quoted, so that no two models have one description.
pub(crate) fn fingerprint(model: &Model) -> [u8; 32] {
    let mut text = format!("retrace spec 6, protocol {PROTOCOL}\n");
    // Writing to a string cannot fail.
    let _ = describe(model, &mut text);
    *blake3::hash(text.as_bytes()).as_bytes()
}

fn describe(model: &Model, out: &mut String) -> std::fmt::Result {
    writeln!(out, "isa {:?} {} {}", model.name, model.xlen, model.unproven)?;
    writeln!(out, "registers {:?} {} {}", model.registers, model.zero, model.stack_pointer)?;
    for hidden in &model.hidden {
        writeln!(out, "hidden {:?} {:?}", hidden.name, hidden.initial)?;
    }
    writeln!(out, "policy {:?}", model.policy)?;
    for i in &model.instructions {
        writeln!(out, "instruction {:?} {:08x} {:08x}", i.name, i.mask, i.bits)?;
        writeln!(out, "  {:?} {:?} {:?}", i.writes, i.reads, i.format.imm)?;
        writeln!(out, "  {}", i.semantics)?;
    }
    for column in &model.columns {
        writeln!(out, "column {:?} {:?}", column.name, column.class)?;
        match &column.source {
            ColumnSource::Recorded(sources) => {
                // An instruction defines at most one of them.
                let mut names: Vec<&str> = sources.iter().map(Recorded::name).collect();
                names.sort_unstable();
                writeln!(out, "  {names:?}")?;
            }
            ColumnSource::Derived(expr) => writeln!(out, "  {expr}")?,
        }
    }
    for constraint in &model.constraints {
        writeln!(out, "constraint {:?} {:?}", constraint.name, constraint.polynomial)?;
    }
    for link in &model.links {
        writeln!(out, "link {:?} {} {}", link.name, link.from, link.to)?;
    }
    for lookup in &model.lookups {
        writeln!(out, "lookup {:?} {} {:?}", lookup.name, lookup.table, lookup.places)?;
    }
    for call in &model.calls {
        writeln!(out, "call {:?} {}", call.name, call.number)?;
        for variant in &call.variants {
            writeln!(out, "  variant {:?} {:?} {:?}", variant.name, variant.writes, variant.reads)?;
            writeln!(out, "  {}", variant.semantics)?;
        }
    }
    units(model, out)?;
    for (instruction, selection) in model.kinds().zip(&model.selections) {
        writeln!(out, "uses {:?}", instruction.name)?;
        if let Some(selection) = selection {
            uses(model, selection, out)?;
        }
    }
    wiring(model, out)
}

/// A form by the names of what it is about.
fn named<'a>(model: &'a Model, form: &'a Form) -> Named<'a, impl Fn(Var) -> String> {
    Named(form, |var| model.units.name(var))
}

/// What a row offers.
fn units(model: &Model, out: &mut String) -> std::fmt::Result {
    writeln!(out, "address {:?}", model.units.address)?;
    for table in &model.units.tables {
        writeln!(out, "table {:?} {:?}", table.name, table.keys)?;
        for (name, value) in &table.values {
            writeln!(out, "  {name:?} {value}")?;
        }
    }
    for unit in &model.units.units {
        writeln!(out, "unit {:?} {:?}", unit.name, unit.port)?;
        for input in &unit.inputs {
            writeln!(out, "  input {:?} {} {}", input.name, input.ty, input.default)?;
        }
        for cell in &unit.cells {
            write!(out, "  cell {:?} {} {:?}", cell.name, cell.bits, cell.overlays)?;
            match &cell.fill {
                Some(fill) => writeln!(out, " {fill}")?,
                None => writeln!(out)?,
            }
        }
        for relation in &unit.relations {
            writeln!(out, "  relation {}", named(model, &relation.form))?;
        }
        for slot in &unit.slots {
            writeln!(out, "  look-up {:?} {:?} {}", slot.name, slot.places, slot.table)?;
        }
    }
    Ok(())
}

/// How an instruction uses it.
fn uses(model: &Model, selection: &Selection, out: &mut String) -> std::fmt::Result {
    for (unit, used) in &selection.uses {
        writeln!(out, "  unit {unit}")?;
        for (input, form) in &used.inputs {
            writeln!(out, "    input {input} {}", named(model, form))?;
        }
        for (slot, table) in &used.tables {
            writeln!(out, "    look-up {slot} {table}")?;
        }
    }
    for form in &selection.asserts {
        writeln!(out, "  assert {}", named(model, form))?;
    }
    writeln!(out, "  next {} {}", named(model, &selection.next), selection.exits)?;
    if let Some(form) = &selection.address {
        writeln!(out, "  address {}", named(model, form))?;
    }
    if let Some(Taken { stream, left, count }) = &selection.input {
        writeln!(out, "  input {stream} {}, {}", named(model, left), named(model, count))?;
    }
    if let Some(Put { stream, position, count, value }) = &selection.output {
        let [position, count, value] = [position, count, value].map(|form| named(model, form));
        writeln!(out, "  output {stream} {position}, {count}, {value}")?;
    }
    for (cell, value) in &selection.fill {
        writeln!(out, "  fill {cell:?} {value}")?;
    }
    Ok(())
}

/// What comes of it for all instructions together.
fn wiring(model: &Model, out: &mut String) -> std::fmt::Result {
    let product = |vars: &[Var]| vars.iter().map(|var| model.units.name(*var)).collect::<Vec<_>>();
    for column in &model.wiring.columns {
        writeln!(out, "code column {:?}", column.words(&model.units))?;
        for (instruction, coefficient) in &column.by {
            for (entries, factor) in coefficient {
                write!(out, "  {instruction} {factor}")?;
                for entry in entries {
                    write!(out, " [{}]", model.units.entries[*entry])?;
                }
                writeln!(out)?;
            }
        }
    }
    for relation in &model.wiring.relations {
        writeln!(out, "relation")?;
        for (vars, columns) in &relation.wired {
            writeln!(out, "  {:?} {columns:?}", product(vars))?;
        }
        for (vars, factor) in &relation.fixed {
            writeln!(out, "  {:?} {factor}", product(vars))?;
        }
        // How it is a sum of products, which a proof's degree and columns depend on.
        for term in relation.terms(&model.units, &model.wiring.columns) {
            writeln!(out, "  {:?} {:?} {:?}", term.columns, term.factors, term.sum)?;
        }
    }
    for slot in &model.wiring.slots {
        writeln!(out, "slot {:?} {:?} {:?}", slot.places, slot.multiplicity, slot.tag)?;
        writeln!(out, "  {:?}", slot.tables)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::ir::{Expr, ExprKind, Type};
    use crate::model::Class;
    use crate::{Sources, compile};

    static MODEL: LazyLock<Model> = LazyLock::new(|| {
        let mut sources = Sources::default();
        let own = "[[constraint]]\nname = \"own\"\nguard = \"writes_rd\"\nleft = \"rd_after\"\nright = \"result\"\ndoc = \"\"\n\
                   [[table]]\nname = \"fields\"\nkeys = { a = \"u5\", b = \"u5\" }\ndoc = \"\"\n\
                   [[lookup]]\nname = \"own\"\nfind = \"fields(rs1, rs2)\"\ndoc = \"\"\n";
        sources.add_builtin("rv32i", &format!("{}\n{own}", include_str!("../../../isa/rv32i.toml")));
        #[allow(clippy::panic)]
        compile(&mut sources, "rv32i").unwrap_or_else(|errors| panic!("{errors}"))
    });

    /// A `let` of any name is told from what the IR has by name.
    #[test]
    fn a_name_is_no_leaf() {
        use crate::ir::Type;
        let leaf = |kind| Expr::new(kind, Type::unsigned(32)).to_string();
        for kind in [ExprKind::Loaded, ExprKind::Taken, ExprKind::Pc, ExprKind::Imm, ExprKind::Read(0)] {
            let text = leaf(kind);
            assert_ne!(leaf(ExprKind::Local(text.clone())), text);
        }
    }

    /// What a change of the model does to the fingerprint.
    fn changes(change: impl FnOnce(&mut Model)) -> bool {
        let mut changed = MODEL.clone();
        change(&mut changed);
        fingerprint(&changed) != MODEL.fingerprint
    }

    #[test]
    fn every_part_of_the_meaning_counts() {
        let zero = || Expr::new(ExprKind::Const(0), Type::unsigned(32));
        assert!(changes(|m| m.name.push('x')), "name");
        assert!(changes(|m| m.unproven = true), "whether it is proven");
        assert!(changes(|m| m.registers.swap(1, 2)), "registers");
        assert!(changes(|m| m.stack_pointer = 3), "stack pointer");
        assert!(changes(|m| m.policy[0].1 = "trap".to_owned()), "policy");
        assert!(changes(|m| m.instructions[0].name.push('x')), "mnemonic");
        assert!(changes(|m| m.instructions[0].bits ^= 1 << 12), "fixed bits");
        assert!(changes(|m| m.instructions[0].mask ^= 1 << 12), "mask");
        assert!(changes(|m| m.instructions[0].writes[0] = m.instructions[0].reads[0]), "rd");
        assert!(changes(|m| m.instructions[0].reads.swap(0, 1)), "ports");
        assert!(changes(|m| m.instructions[1].format.imm = None), "immediate");
        assert!(changes(|m| drop(m.instructions[0].semantics.statements.pop())), "semantics");
        assert!(changes(|m| m.columns[0].name.push('x')), "column");
        assert!(changes(|m| m.columns[0].class = Class::Unsigned(31)), "class");
        assert!(changes(|m| m.columns[0].source = ColumnSource::Recorded(vec![Recorded::NextPc])), "record");
        assert!(changes(|m| m.columns[20].source = ColumnSource::Derived(zero())), "derive");
        assert!(changes(|m| m.columns.swap(2, 3)), "order of columns: it is the row's");
        assert!(changes(|m| m.constraints[0].polynomial[0].reverse()), "constraint");
        assert!(changes(|m| drop(m.constraints.pop())), "constraints");
        assert!(changes(|m| m.links[0].from = 5), "link");
        assert!(changes(|m| m.lookups[0].places.reverse()), "look-up");
        assert!(changes(|m| m.lookups[0].table = 1), "the table of a look-up");
        assert!(changes(|m| m.calls[0].number += 1), "call");
        assert!(changes(|m| drop(m.calls[0].variants.pop())), "a call's variant");
        assert!(changes(|m| m.calls[0].variants[0].name.push('x')), "its name");
        assert!(changes(|m| m.calls[0].variants[0].reads.swap(2, 3)), "its registers");
        assert!(changes(|m| drop(m.calls[0].variants[0].semantics.statements.remove(1))), "what must hold");
        assert!(changes(|m| drop(m.calls[0].variants[0].semantics.statements.pop())), "what it does");
        assert!(changes(|m| m.hidden[0].name.push('x')), "hidden register");
        assert!(changes(|m| m.hidden[0].initial = None), "what it has at first");
    }

    /// The selection of an instruction.
    fn of<'a>(m: &'a mut Model, name: &str) -> &'a mut Selection {
        let at = m.instructions.iter().position(|instruction| instruction.name == name);
        at.and_then(|at| m.selections[at].as_mut()).expect("it is compiled")
    }

    #[test]
    fn every_part_of_the_compiled_form_counts() {
        let zero = || Expr::new(ExprKind::Const(0), Type::unsigned(32));
        let one = || Form::constant(1);
        let unit =
            |name: &str| MODEL.units.units.iter().position(|unit| unit.name == name).expect("it is declared");
        let (add, bytes, product, memory) = (unit("add"), unit("bytes"), unit("product"), unit("mem"));
        assert!(changes(|m| m.units.tables[0].name.push('x')), "table");
        assert!(changes(|m| m.units.tables[0].keys[0].1 -= 1), "a table's key");
        assert!(changes(|m| m.units.tables[1].values[0].1 = zero()), "a table's value");
        assert!(changes(|m| m.units.tables.swap(0, 1)), "the order of tables: it is their tags'");
        assert!(changes(|m| m.units.units[add].name.push('x')), "unit");
        assert!(changes(|m| m.units.units[0].port = None), "port");
        assert!(changes(|m| m.units.address = Some(0)), "the column of the accessed word's address");
        assert!(changes(|m| m.units.units[add].inputs[0].ty.width += 1), "input");
        assert!(changes(|m| m.units.units[product].inputs[2].default = 0), "an input's default");
        assert!(changes(|m| m.units.units[add].cells[0].bits -= 1), "cell");
        assert!(changes(|m| m.units.units[add].cells[0].fill = None), "fill");
        assert!(changes(|m| m.units.units[memory].cells[0].overlays = None), "overlay");
        assert!(changes(|m| m.units.units[add].relations[0].form = one()), "relation");
        assert!(changes(|m| drop(m.units.units[add].relations.pop())), "relations");
        assert!(changes(|m| m.units.units[bytes].slots[0].places.swap(0, 1)), "a look-up's cells");
        assert!(changes(|m| m.units.units[bytes].slots[0].table = 0), "a look-up's table");
        assert!(changes(|m| m.units.entries[0] = zero()), "a constant of the entry");
        assert!(changes(|m| drop(of(m, "add").uses.remove(&add))), "a use");
        let fed = |m: &mut Model| {
            let input = of(m, "add").uses.get_mut(&add).and_then(|used| used.inputs.get_mut(&0));
            *input.expect("it is fed") = Form::constant(1);
        };
        assert!(changes(fed), "what feeds an input");
        let read = |m: &mut Model| {
            let table = of(m, "slt").uses.get_mut(&bytes).and_then(|used| used.tables.get_mut(&3));
            *table.expect("it is read") = 0;
        };
        assert!(changes(read), "the table that a look-up reads");
        assert!(changes(|m| of(m, "lw").asserts.clear()), "assertion");
        assert!(changes(|m| of(m, "lw").address = None), "address");
        assert!(changes(|m| of(m, "jal").next = one()), "next pc");
        assert!(changes(|m| of(m, "add").fill.push(((add, 0), zero()))), "what a rule fills in");
        assert!(changes(|m| drop(m.wiring.columns[0].by.pop_first())), "a column of the code table");
        assert!(changes(|m| m.wiring.columns.swap(0, 1)), "the order of columns of the code table");
        let wired = |m: &mut Model| {
            let first = m.wiring.relations[0].wired.values_mut().next().expect("there is one");
            first[0].1 += 1;
        };
        assert!(changes(wired), "the factor of a column");
        assert!(changes(|m| drop(m.wiring.relations[0].fixed.pop_first())), "what is the same in every row");
        assert!(changes(|m| m.wiring.slots[0].places.reverse()), "the columns of a look-up");
        assert!(changes(|m| m.wiring.slots[0].multiplicity.clear()), "where a look-up is made");
        assert!(changes(|m| m.wiring.slots[0].tag.clear()), "which table it reads");
        assert!(changes(|m| m.wiring.slots[0].tables.clear()), "the tables by instruction");
    }

    /// A rule counts by what the compiler makes of it.
    #[test]
    fn what_is_said_about_units_does_not() {
        assert!(!changes(|m| m.units.tables[0].doc.push('x')), "a table's documentation");
        assert!(!changes(|m| m.units.units[3].doc.push('x')), "a unit's documentation");
        assert!(!changes(|m| m.units.units[3].relations[0].text.push(' ')), "the text of a relation");
        assert!(!changes(|m| m.units.units[3].outputs.clear()), "what a unit's outputs mean");
        assert!(!changes(|m| m.units.rules.clear()), "rules");
        assert!(
            !changes(|m| m.selections.iter_mut().flatten().for_each(|of| of.rules.clear())),
            "which rules"
        );
        assert!(!changes(|m| m.wiring.columns[0].name.push('x')), "the name of a column of the code table");
        assert!(!changes(|m| m.wiring.relations[0].name.push('x')), "the name of a relation");
    }

    #[test]
    fn what_is_said_about_it_does_not() {
        assert!(!changes(|m| m.doc.push('x')), "documentation");
        assert!(!changes(|m| m.instructions[0].doc.push('x')), "an instruction's documentation");
        assert!(!changes(|m| m.instructions[0].source.push('x')), "its place");
        assert!(!changes(|m| m.instructions[0].semantics_text.push(' ')), "the text of the semantics");
        assert!(!changes(|m| m.columns[0].doc.push('x')), "a column's documentation");
        assert!(!changes(|m| m.constraints[0].text.push(' ')), "the text of a constraint");
        assert!(!changes(|m| m.opcode_names.clear()), "names of opcodes");
        assert!(!changes(|m| m.calls[0].arguments[0].push('x')), "what a call's argument means");
        assert!(!changes(|m| m.calls[0].doc.push('x')), "a call's documentation");
        assert!(!changes(|m| m.calls[0].variants[0].doc.push('x')), "a variant's documentation");
        assert!(!changes(|m| m.calls[0].variants[0].when.push(' ')), "the text of what must hold");
        assert!(!changes(|m| m.calls[0].variants[0].semantics_text.push(' ')), "the text of what it does");
        assert!(!changes(|m| m.hidden[0].doc.push('x')), "a hidden register's documentation");
    }
}
