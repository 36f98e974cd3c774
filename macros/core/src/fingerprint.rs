//! The hash of a spec's meaning.
//!
//! What counts: everything that a run or a proof depends on. What does not: comments, documentation, assembly text and
//! pseudo-instructions, fused pairs, the order of tables other than columns, formatting, places.

use std::fmt::Write;

use crate::model::{ColumnSource, Model, Recorded};

/// Hashes a checked model. Names are quoted, so that no two models have one description.
pub(crate) fn fingerprint(model: &Model) -> [u8; 32] {
    let mut text = String::from("retrace spec 1\n");
    // Writing to a string cannot fail.
    let _ = describe(model, &mut text);
    *blake3::hash(text.as_bytes()).as_bytes()
}

fn describe(model: &Model, out: &mut String) -> std::fmt::Result {
    writeln!(out, "isa {:?} {}", model.name, model.xlen)?;
    writeln!(out, "registers {:?} {} {}", model.registers, model.zero, model.stack_pointer)?;
    writeln!(out, "policy {:?}", model.policy)?;
    for group in &model.groups {
        writeln!(out, "group {:?}", group.name)?;
    }
    for i in &model.instructions {
        writeln!(out, "instruction {:?} {:?} {:08x} {:08x}", i.name, i.group, i.mask, i.bits)?;
        writeln!(out, "  {:?} {:?} {:?}", i.rd, i.reads, i.format.imm)?;
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
        let crate::model::Lookup { name, groups, output, .. } = lookup;
        let mut inputs = lookup.inputs.clone();
        inputs.sort_unstable();
        writeln!(out, "lookup {name:?} {groups:?} {inputs:?} {output}")?;
    }
    for call in &model.calls {
        let flags = (&call.memory, call.input, call.exits);
        writeln!(out, "call {:?} {} {} {flags:?}", call.name, call.number, call.arguments.len())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::ir::{Expr, ExprKind, Type};
    use crate::model::Class;
    use crate::{Sources, compile};

    static MODEL: LazyLock<Model> = LazyLock::new(|| {
        let mut sources = Sources::default();
        sources.add_builtin("rv32i", include_str!("../../../isa/rv32i.toml"));
        #[allow(clippy::panic)]
        compile(&mut sources, "rv32i").unwrap_or_else(|errors| panic!("{errors}"))
    });

    /// A `let` of any name is told from what the IR has by name.
    #[test]
    fn a_name_is_no_leaf() {
        use crate::ir::Type;
        let leaf = |kind| Expr::new(kind, Type::unsigned(32)).to_string();
        for kind in [ExprKind::Loaded, ExprKind::Replied, ExprKind::Pc, ExprKind::Imm, ExprKind::Read(0)] {
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
        assert!(changes(|m| m.registers.swap(1, 2)), "registers");
        assert!(changes(|m| m.stack_pointer = 3), "stack pointer");
        assert!(changes(|m| m.policy[0].1 = "trap".to_owned()), "policy");
        assert!(changes(|m| m.instructions[0].name.push('x')), "mnemonic");
        assert!(changes(|m| m.instructions[0].bits ^= 1 << 12), "fixed bits");
        assert!(changes(|m| m.instructions[0].mask ^= 1 << 12), "mask");
        assert!(changes(|m| m.instructions[0].group = Some(9)), "group");
        assert!(changes(|m| m.instructions[0].rd = m.instructions[0].reads[0]), "rd");
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
        assert!(changes(|m| m.lookups[0].inputs.truncate(1)), "look-up");
        assert!(changes(|m| m.calls[0].number += 1), "call");
        assert!(changes(|m| m.calls[0].input ^= true), "call's input");
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
        assert!(!changes(|m| m.lookups[0].inputs.reverse()), "the order of a look-up's inputs");
        assert!(!changes(|m| m.calls[1].arguments[0].push('x')), "what a call's argument means");
        assert!(!changes(|m| m.coverage.clear()), "what covers what");
    }
}
