//! The hash of a spec's meaning.
//!
//! What counts: everything that the generated code or a proof depends on. What does not: comments, documentation, the
//! order of tables other than columns, formatting, places.

use std::fmt::Write;

use crate::model::{ColumnSource, Model};

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
        writeln!(out, "  {:?} {:?} {:?} {:?}", i.rd, i.reads, i.format.imm, i.asm)?;
        writeln!(out, "  {}", i.semantics)?;
    }
    for column in &model.columns {
        writeln!(out, "column {:?} {:?}", column.name, column.class)?;
        match &column.source {
            ColumnSource::Recorded(sources) => writeln!(out, "  {sources:?}")?,
            ColumnSource::Derived(expr) => writeln!(out, "  {expr}")?,
        }
    }
    for constraint in &model.constraints {
        writeln!(out, "constraint {:?} {:?}", constraint.name, constraint.polynomial)?;
    }
    for link in &model.links {
        writeln!(out, "link {:?} {} {}", link.name, link.from, link.to)?;
    }
    for call in &model.calls {
        let flags = (&call.memory, call.input, call.exits);
        writeln!(out, "call {:?} {} {:?} {flags:?}", call.name, call.number, call.arguments)?;
    }
    Ok(())
}
