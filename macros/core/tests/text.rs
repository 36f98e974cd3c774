//! Expressions printed and read again mean the same.

#![allow(clippy::expect_used, clippy::panic)]

use retrace_codegen::model::ColumnSource;
use retrace_codegen::{Model, Sources, compile, text};

const RV32I: &str = include_str!("../../../isa/rv32i.toml");

/// RV32I with columns more, of this class and derived like this.
fn with_columns(columns: &[(String, String)]) -> Model {
    let mut spec = String::from(
        "[isa]\nname = \"more\"\ndoc = \"RV32I with columns more.\"\nxlen = 32\nextends = [\"rv32i\"]\n",
    );
    for (at, (class, derive)) in columns.iter().enumerate() {
        spec +=
            &format!("[[column]]\nname = \"c{at}\"\nclass = \"{class}\"\nderive = '{derive}'\ndoc = \"\"\n");
    }
    let mut sources = Sources::default();
    sources.add_builtin("rv32i", RV32I);
    sources.add_builtin("more", &spec);
    compile(&mut sources, "more").unwrap_or_else(|errors| panic!("{errors}"))
}

fn printed(model: &Model, name: &str) -> String {
    let column = model.columns.iter().find(|column| column.name == name).expect("it is there");
    match &column.source {
        ColumnSource::Derived(expr) => text::expression(model, expr),
        ColumnSource::Recorded(_) => panic!("{name} is recorded"),
    }
}

#[test]
fn no_more_parentheses_and_suffixes_than_it_takes() {
    // Each is printed as it is written here.
    let cases = [
        ("u32", "rs1_value - (rs2_value - imm) - 1"),
        ("u32", "(rs1_value + 1) * imm"),
        ("bit", "rs1_value + imm * 4 == 0x1_0000"),
        ("u32", "(rs1_value & rs2_value) | (imm ^ 255)"),
        ("u32", "rs1_value & (rs2_value | imm)"),
        ("u32", "(rs1_value + imm) & 0xffff_fffe"),
        ("u32", "(rs1_value << 7) + (rs1_value >> imm[0..5])"),
        ("bit", "(rs1_value == 0) == (3u8 < 4u8)"),
        ("bit", "signed(rs1_value) < signed(imm)"),
        ("bit", "(zext::<33>(rs1_value) + zext::<33>(imm))[32..33]"),
        ("u32", "unsigned(signed(rs1_value) >> imm[0..4])"),
        ("u32", "rs1_value >> 3u4"),
        ("u32", "if exit { 1 } else if writes_rd { rs1_value } else { !-imm }"),
        ("u32", "1 + (if exit { 1 } else { 2 })"),
        ("u32", "zext::<32>(5u3)"),
        ("u32", "unsigned(sext::<32>(signed(op.word[0..8])))"),
        ("i8", "signed(result[0..8])"),
    ];
    for chunk in cases.chunks(6) {
        let columns: Vec<_> =
            chunk.iter().map(|(class, derive)| ((*class).to_owned(), (*derive).to_owned())).collect();
        let model = with_columns(&columns);
        for (at, (_, derive)) in chunk.iter().enumerate() {
            assert_eq!(printed(&model, &format!("c{at}")), *derive);
        }
    }
}

#[test]
fn every_derived_column_of_rv32i_is_read_as_it_was_printed() {
    let model = with_columns(&[]);
    let mut found = 0;
    let mut spec: toml::Table = toml::from_str(RV32I).expect("it is TOML");
    // Written again its keys are sorted, which for cells and inputs of units is another order.
    let sorted = toml::to_string(&spec).expect("it is TOML");
    for column in spec["column"].as_array_mut().expect("it is a list") {
        let name = column["name"].as_str().expect("it has a name").to_owned();
        if let Some(derive) = column.get_mut("derive") {
            *derive = printed(&model, &name).into();
            found += 1;
        }
    }
    assert!(found > 10);
    let compiled = |text: &str| {
        let mut sources = Sources::default();
        sources.add_builtin("rv32i", text);
        compile(&mut sources, "rv32i").unwrap_or_else(|errors| panic!("{errors}"))
    };
    let again = compiled(&toml::to_string(&spec).expect("it is TOML"));
    assert_eq!(again.fingerprint, compiled(&sorted).fingerprint);
}
