//! Forged rows: no row passes that puts out something else than the honest one.
//!
//! For each in-tree spec, and the example's, rows of every instruction and of every call's variant on edge operands, by the
//! checker. Cells change alone, in pairs, in threes, and as the codegen's liar says; what is found is judged by the generated
//! spec, modulo the prime: nothing keeps a liar within a cell's width but look-ups.
//!
//! - With the row's inputs as they are, a row whose outputs differ breaks a constraint or a look-up. So does every row that
//!   would trap.
//! - An input is left to the argument that the snapshot names: honest rows exist for other values of it.
//! - What passes otherwise changed only cells that the compiler says are idle, or cells that the snapshot names.
//! - Without any one constraint, look-up, flag of the code table or fill, some lie passes or some honest row fails. The
//!   snapshot names the others.

mod kinds;
mod lies;
mod rules;
mod survey;

use retrace::isa::{IN_TREE, Isa, Rv32i, Rv32im, Rv32imZbb, Rv32imabZicond};
use retrace_codegen::{Model, Sources, compile};

retrace::isa! {
    /// The example's.
    pub struct Rotxor = "examples/custom-isa/isa/rotxor.toml";
}

/// The model of an in-tree spec, or of a file.
fn model(name: &str) -> Model {
    let mut sources = Sources::default();
    IN_TREE.iter().for_each(|(name, text)| sources.add_builtin(name, text));
    compile(&mut sources, name).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The largest has all that the others have, and so most of the lies.
#[test]
fn rv32imab_zicond() {
    insta::assert_snapshot!(survey::survey::<Rv32imabZicond>(&model(Rv32imabZicond::SPEC.name), 5));
}

#[test]
fn rv32im_zbb() {
    insta::assert_snapshot!(survey::survey::<Rv32imZbb>(&model(Rv32imZbb::SPEC.name), 3));
}

#[test]
fn rv32im() {
    insta::assert_snapshot!(survey::survey::<Rv32im>(&model(Rv32im::SPEC.name), 3));
}

#[test]
fn rv32i() {
    insta::assert_snapshot!(survey::survey::<Rv32i>(&model(Rv32i::SPEC.name), 3));
}

#[test]
fn the_examples() {
    insta::assert_snapshot!(survey::survey::<Rotxor>(&model("examples/custom-isa/isa/rotxor.toml"), 3));
}
