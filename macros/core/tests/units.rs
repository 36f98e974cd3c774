//! Instructions brought down to units: the in-tree specs as a whole, on more rows and more lies than each build tries.
#![allow(clippy::panic, missing_docs)]

use retrace_codegen::check::edge_rows;
use retrace_codegen::units::forge::forge;
use retrace_codegen::units::row::Rows;
use retrace_codegen::units::wiring::{self, Relation};
use retrace_codegen::{Model, Sources, compile};

fn model(name: &str) -> Model {
    let mut sources = Sources::default();
    for (name, text) in [
        ("rv32i", include_str!("../../../isa/rv32i.toml")),
        ("rv32m", include_str!("../../../isa/rv32m.toml")),
        ("zbb", include_str!("../../../isa/zbb.toml")),
        ("rv32im", include_str!("../../../isa/rv32im.toml")),
        ("rv32im_zbb", include_str!("../../../isa/rv32im_zbb.toml")),
    ] {
        sources.add_builtin(name, text);
    }
    compile(&mut sources, name).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The figures that the design asks for: cells a row (the index is one more), look-ups, degree, columns of the code table.
#[test]
fn a_row_is_bounded() {
    let sizes = ["rv32i", "rv32im", "rv32im_zbb"].map(|name| {
        let model = model(name);
        let degree = model.wiring.relations.iter().map(Relation::degree).max();
        (wiring::committed(&model.units), model.wiring.slots.len(), degree, model.wiring.columns.len())
    });
    assert_eq!(sizes, [(29, 11, Some(3), 36), (31, 12, Some(3), 43), (31, 12, Some(3), 53)]);
}

/// No lie about cells passes that changes what a row puts out.
#[test]
fn no_row_is_forged() {
    let model = model("rv32im_zbb");
    let mut told = 0;
    for ((instruction, selection), rows) in
        model.instructions.iter().zip(&model.selections).zip(edge_rows(&model))
    {
        let Some(selection) = selection else { continue };
        let of = Rows { units: &model.units, selection };
        for row in rows.iter().step_by(rows.len() / 8) {
            let found = row.found();
            let cells = of.fill(&found).unwrap_or_else(|cell| panic!("{}: {cell}", instruction.name));
            let (lies, forged) = forge(of, &found, &cells, 2);
            assert!(forged.is_none(), "{}: {}: {forged:?}", instruction.name, row.case);
            told += lies;
        }
    }
    assert!(told > 200_000, "{told} lies");
}
