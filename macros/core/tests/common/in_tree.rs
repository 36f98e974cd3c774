//! The specs of the repository, compiled.

use retrace_codegen::{Model, Sources, compile};

/// The spec of this name.
pub(crate) fn model(name: &str) -> Model {
    let mut sources = Sources::default();
    for (name, text) in [
        ("rv32i", include_str!("../../../../isa/rv32i.toml")),
        ("rv32m", include_str!("../../../../isa/rv32m.toml")),
        ("zbb", include_str!("../../../../isa/zbb.toml")),
        ("rv32im", include_str!("../../../../isa/rv32im.toml")),
        ("rv32im_zbb", include_str!("../../../../isa/rv32im_zbb.toml")),
        ("rv32a", include_str!("../../../../isa/rv32a.toml")),
        ("zba", include_str!("../../../../isa/zba.toml")),
        ("zbs", include_str!("../../../../isa/zbs.toml")),
        ("zicond", include_str!("../../../../isa/zicond.toml")),
        ("rv32imab_zicond", include_str!("../../../../isa/rv32imab_zicond.toml")),
    ] {
        sources.add_builtin(name, text);
    }
    compile(&mut sources, name).unwrap_or_else(|errors| panic!("{errors}"))
}
