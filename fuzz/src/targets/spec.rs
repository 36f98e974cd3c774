//! The spec language: any text gives a model or errors that can be shown; a model gives code.
//!
//! The text may extend the in-tree specs. Other files are none of its business here.

use retrace::isa::IN_TREE;
use retrace_codegen::{Sources, compile, library};

use super::heap::within;

/// The in-tree specs, merged, and their rows on edge operands.
const HEAP: usize = 96 << 20;

/// Tokens of TOML and of Rust, with their places.
const PER_BYTE: usize = 1 << 12;

pub fn target(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    within(HEAP + PER_BYTE * text.len(), || {
        let mut sources = Sources::new("/nonexistent");
        IN_TREE.iter().for_each(|(name, text)| sources.add_builtin(name, text));
        sources.add_builtin("spec", text);
        match compile(&mut sources, "spec") {
            Ok(model) => {
                assert!(model.legal_words() <= 1 << 32);
                let specs: Vec<_> = IN_TREE.iter().copied().chain([("spec", text)]).collect();
                let specs: Vec<_> =
                    specs.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
                library(&specs, &["spec"]).unwrap_or_else(|errors| panic!("{errors}"));
            }
            Err(errors) => {
                assert!(!errors.errors().is_empty());
                let shown = errors.to_string();
                assert!(shown.len() < (1 << 20) + 1000 * text.len(), "{} bytes of errors", shown.len());
            }
        }
    });
}
