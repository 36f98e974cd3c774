//! `retrace isa`: explains the instruction set of this binary, and checks spec files.

mod check;
mod explain;

use retrace_codegen::{Diagnostics, Model, Sources};

pub(super) use check::check;
pub(super) use explain::explain;

use crate::isa::IN_TREE;

/// The checked spec in a file, or of an in-tree name; what it extends is found likewise.
fn compile(spec: &str) -> Result<Model, Diagnostics> {
    let mut sources = Sources::default();
    for (name, text) in IN_TREE {
        sources.add_builtin(name, text);
    }
    retrace_codegen::compile(&mut sources, spec)
}
