//! Lemmas of the in-tree specs.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

use retrace_codegen::prove::{Outcome, Solver, lemmas};
use retrace_codegen::{Model, Sources, compile};

fn model(name: &str) -> Model {
    let mut sources = Sources::default();
    for (name, text) in [
        ("rv32i", include_str!("../../../isa/rv32i.toml")),
        ("rv32m", include_str!("../../../isa/rv32m.toml")),
        ("zbb", include_str!("../../../isa/zbb.toml")),
        ("rv32im", include_str!("../../../isa/rv32im.toml")),
        ("rv32im_zbb", include_str!("../../../isa/rv32im_zbb.toml")),
        ("rv32a", include_str!("../../../isa/rv32a.toml")),
        ("zba", include_str!("../../../isa/zba.toml")),
        ("zbs", include_str!("../../../isa/zbs.toml")),
        ("zicond", include_str!("../../../isa/zicond.toml")),
        ("rv32imab_zicond", include_str!("../../../isa/rv32imab_zicond.toml")),
    ] {
        sources.add_builtin(name, text);
    }
    compile(&mut sources, name).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
#[ignore = "explores"]
fn explore() {
    let model = model(&std::env::var("SPEC").unwrap_or("rv32im_zbb".into()));
    let only = std::env::var("ONLY").unwrap_or_default();
    let subject = std::env::var("SUBJECT").unwrap_or_default();
    let solver = Solver::find().expect("a solver");
    for lemma in lemmas(&model) {
        if !lemma.name.contains(&only) || !format!("{:?}", lemma.subject).contains(&subject) {
            continue;
        }
        if std::env::var("TEXT").is_ok() {
            eprintln!("{}", lemma.text().unwrap_or_default());
            continue;
        }
        let proof = solver.prove(&lemma).expect("an answer");
        let short: String = lemma.name.chars().take(90).collect();
        let outcome = match &proof.outcome {
            Outcome::Proven => "proven".to_owned(),
            other => format!("{other:?}"),
        };
        eprintln!("{:?} {short}: {outcome} [{} {} {:.2}s]", lemma.subject, proof.theory.name(), proof.cases, proof.time.as_secs_f64());
    }
}
