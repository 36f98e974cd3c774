//! The codegen library behind retrace: one TOML spec in, Rust out.
//!
//! ```text
//! TOML ──parse──▶ tables with spans ──check──▶ Model (typed IR) ──generate──▶ TokenStream
//! ```
//!
//! The build script, the macro `isa!` and the command line call [`compile`] and [`generate()`]; none of them does
//! anything of its own. Every back end walks the typed IR of [`ir`]; none re-reads text. Every error of a run is
//! reported, each with its place, and [`Diagnostics`] renders them all.

pub mod check;
mod code;
mod diagnostic;
mod fingerprint;
pub mod generate;
pub mod ir;
mod library;
pub mod model;
mod parse;
#[cfg(feature = "prove")]
pub mod prove;
mod source;
pub mod text;
pub mod units;

pub use code::Code;
pub use diagnostic::{Diagnostic, Diagnostics, Label};
pub use generate::{Options, generate};
pub use library::{library, pretty};
pub use model::Model;
pub use source::{Sources, Span};

/// Compiles the spec `file`, which is read through `sources` as every spec that it extends, into a checked model.
///
/// # Errors
/// All errors found, each with file, line, column and a hint.
pub fn compile(sources: &mut Sources, file: &str) -> Result<Model, Diagnostics> {
    let _places = Places::known();
    let mut errors = Vec::new();
    let tables = parse::parse(sources, file, &mut errors);
    let model = tables.and_then(|tables| check::check(sources, &tables, &mut errors));
    match model {
        Some(model) if errors.is_empty() => Ok(model),
        _ => Err(Diagnostics::new(sources.clone(), errors)),
    }
}

/// While it lives, parsed expressions know their places: proc_macro2's fallback does, the compiler's own tokens, which
/// it would use inside a proc macro, do not. Tokens of the two kinds must not meet, so nothing parsed outlives it.
struct Places;

impl Places {
    fn known() -> Self {
        proc_macro2::fallback::force();
        Self
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        proc_macro2::fallback::unforce();
    }
}
