//! What is promised of every public error: it goes wherever errors go, it may get further variants, and it leads to its cause.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use retrace::machine::RunError;
use retrace::oracle::OracleError;
use retrace::replay::ReplayError;

fn goes_anywhere<E: Error + Send + Sync + 'static>() -> String {
    let name = std::any::type_name::<E>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name).to_owned()
}

/// The library's Rust files, but for the command line's.
fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() && !path.ends_with("cli") {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The name that an item's line declares, if it declares a public type.
fn declared<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let rest = line.strip_prefix("pub ")?.strip_prefix(keyword)?.strip_prefix(' ')?;
    rest.split(|c: char| !c.is_alphanumeric()).next()
}

/// Compiled, so that each can be named, boxed and sent; and no type of the sources that is an error is missing here.
#[test]
fn every_error_goes_anywhere_and_may_grow() {
    let named = BTreeSet::from([
        goes_anywhere::<retrace::arch_test::ArchTestError>(),
        goes_anywhere::<retrace::asm::AsmError>(),
        goes_anywhere::<retrace::asm::AsmErrorKind>(),
        goes_anywhere::<retrace::asm::AsmErrors>(),
        goes_anywhere::<retrace::asm::EncodeError>(),
        goes_anywhere::<retrace::checkpoint::CheckpointFileError>(),
        goes_anywhere::<retrace::checkpoint::ExecuteError>(),
        goes_anywhere::<retrace::guest::StartError>(),
        goes_anywhere::<retrace::machine::Fault>(),
        goes_anywhere::<retrace::machine::RunError>(),
        goes_anywhere::<retrace::oracle::DenseOracleError>(),
        goes_anywhere::<retrace::checkpoint::UnknownCycles>(),
        goes_anywhere::<retrace::oracle::OracleError>(),
        goes_anywhere::<retrace::pages::PageError>(),
        goes_anywhere::<retrace::parallel::PoolError>(),
        goes_anywhere::<retrace::program::IsaError>(),
        goes_anywhere::<retrace::program::LoadError>(),
        goes_anywhere::<retrace::proof::FormatError>(),
        goes_anywhere::<retrace::proof::JoinError>(),
        goes_anywhere::<retrace::proof::ProveError>(),
        goes_anywhere::<retrace::proof::SpecError>(),
        goes_anywhere::<retrace::proof::VerifyError>(),
        goes_anywhere::<retrace::replay::ReplayError>(),
        goes_anywhere::<retrace::sumcheck::CompositionError>(),
        goes_anywhere::<retrace::sumcheck::SumCheckProverError>(),
        goes_anywhere::<retrace::sumcheck::TranscriptError>(),
        goes_anywhere::<retrace::sumcheck::SumCheckVerifierError>(),
        goes_anywhere::<retrace::sumcheck::ZeroCheckError>(),
    ]);

    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut found = BTreeSet::new();
    for file in files {
        let source = std::fs::read_to_string(&file).expect("it is text");
        let mut attributes = Vec::new();
        for line in source.lines() {
            if line.starts_with("#[") || line.starts_with("///") || line.starts_with("    \"") || line == ")]"
            {
                attributes.push(line);
                continue;
            }
            let has =
                |what: &str| attributes.iter().any(|line| line.starts_with("#[") && line.contains(what));
            let kind = declared(line, "enum");
            if let Some(name) = kind.or_else(|| declared(line, "struct"))
                && has("thiserror::Error")
            {
                assert!(
                    kind.is_none() || has("non_exhaustive"),
                    "{}: {name} is an enum, and is to be #[non_exhaustive]",
                    file.display()
                );
                found.insert(name.to_owned());
            }
            if let Some(name) = line.strip_prefix("impl core::error::Error for ") {
                found.insert(name.trim_end_matches(" {}").to_owned());
            }
            attributes.clear();
        }
    }
    assert_eq!(named, found);
}

/// From what a prover sees down to what the operating system said.
#[test]
fn an_error_leads_to_its_cause() {
    let cause = io::Error::other("the disk is gone");
    let replay: ReplayError = ReplayError::Diverged(RunError::Input(cause));
    let error = OracleError::Source(Box::new(replay));
    let causes = std::iter::successors(Some(&error as &dyn Error), |&error| error.source());
    let last = causes.last().expect("there is one").downcast_ref::<io::Error>().expect("it is the first");
    assert_eq!(last.to_string(), "the disk is gone");

    let round = retrace::sumcheck::SumCheckVerifierError::Round {
        round: 3,
        error: retrace::sumcheck::TranscriptError,
    };
    assert!(round.source().is_some_and(|cause| cause.is::<retrace::sumcheck::TranscriptError>()));
    let checkpoint =
        retrace::checkpoint::CheckpointFileError::Io { doing: "read", source: io::Error::other("x") };
    let run = retrace::checkpoint::ExecuteError::from(checkpoint);
    assert!(run.source().is_some_and(|cause| cause.is::<io::Error>()));
}
