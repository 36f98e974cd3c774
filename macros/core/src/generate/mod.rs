//! From a model to Rust: an `Isa` implementation whose functions call hand-written generic helpers.
//!
//! In: a checked [`Model`]. Out: a `TokenStream`, the same for the same model. One file an artefact kind.

mod data;
mod decode;
mod derive;
mod expr;
mod for_each;
mod fused;
mod operands;
mod semantics;
mod step;
mod units;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use crate::model::Model;

pub use data::constraint as constraint_data;
pub use decode::instruction as decode_instruction;
pub use derive::column as derive_column;
pub(crate) use for_each::entries;
pub use for_each::for_each;
pub use fused::pair as fused_pair;
pub use semantics::instruction as instruction_semantics;
pub use step::instruction as step_instruction;
pub use units::{constraint as relation_data, fill as fill_instruction};

/// How the generated code is named and reaches the library.
#[derive(Clone, Debug)]
pub struct Options {
    /// The path of the library: `crate` in its own build script, `$crate` of `isa!` elsewhere.
    pub library: TokenStream,
    /// Attributes of the marker type: its documentation.
    pub attributes: TokenStream,
    /// The marker type's visibility.
    pub visibility: TokenStream,
    /// The marker type's name.
    pub name: Ident,
}

/// Generates the marker type and its `Isa` implementation.
pub fn generate(model: &Model, options: &Options) -> TokenStream {
    let Options { library, attributes, visibility, name } = options;
    let xlen = model.xlen;
    let data = data::data(model);
    let decode = decode::decode(model);
    let step = step::step(model);
    let fused = fused::fused(model);
    let semantics = semantics::semantics(model);
    let derive = derive::derive(model);
    let units = units::units(model);
    quote! {
        #attributes
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #visibility struct #name;

        #[allow(clippy::all, clippy::pedantic, clippy::nursery, dead_code, unused_imports, unused_parens, unused_variables)]
        const _: () = {
            // By name: nothing that the library adds later, and nothing of the caller's, gets between.
            use ::core::option::Option::{self, None, Some};
            use ::core::result::Result::{self, Err, Ok};
            use #library::isa::{
                AsmPiece, BinaryOp, Call, Column, ColumnId, ColumnSource, Columns, Constraint, Effects, Expr, ExprKind, Field,
                Fingerprint, Flow, Happens, Immediate, Instruction, Isa, Linear, Link, MAX_ROWS, MemoryAccess, Op, Operand,
                Hidden, Initial, OperandKind, Ports, Product, Pseudo, PublicColumn, RangeClass, Recorder, Registers, STRIDE, SemanticStatement, Semantics,
                Spec, Trap, TrapCause, Type, UnaryOp, Variant, Word, units,
            };

            const _: () = assert!(Word::BITS == #xlen);

            impl Isa for #name {
                const SPEC: &'static Spec = &SPEC;
                const SEMANTICS: &'static [Semantics] = SEMANTICS;
                const UNITS: &'static units::Units = &UNITS;

                #[inline]
                fn decode(word: u32, pc: Word) -> Op {
                    decode(word, pc)
                }

                #[inline(always)]
                fn step<P: Ports, R: Recorder>(
                    ports: &mut P,
                    op: &Op,
                    index: u32,
                    recorder: &mut R,
                ) -> Result<Flow, Trap> {
                    step(ports, op, index, recorder)
                }

                #[inline]
                fn fuse(first: u8, second: u8) -> u8 {
                    fuse(first, second)
                }

                #[inline(always)]
                fn step_fused<P: Ports>(ports: &mut P, code: u8, ops: &[Op], at: &mut usize) -> Result<Flow, Trap> {
                    step_fused(ports, code, ops, at)
                }

                fn derive(columns: &mut Columns, rows: usize, code: &[Op], wanted: &[ColumnId]) {
                    derive(columns, rows, code, wanted)
                }

                fn look_up(table: usize, keys: &[Word], values: &mut [Word]) -> bool {
                    look_up(table, keys, values)
                }
            }

            #data
            #decode
            #step
            #fused
            #semantics
            #derive
            #units
        };
    }
}

/// An identifier for a name of the spec: dots become underscores, keywords are made raw.
pub(crate) fn ident(name: &str) -> Ident {
    let name = name.replace('.', "_");
    match syn::parse_str::<Ident>(&name) {
        Ok(_) => Ident::new(&name, Span::call_site()),
        Err(_) => format_ident!("{name}_"),
    }
}

/// An upper-case identifier for a constant.
pub(crate) fn constant(name: &str) -> Ident {
    Ident::new(&name.replace('.', "_").to_uppercase(), Span::call_site())
}

/// An integer literal without suffix.
pub(crate) fn number(value: impl Into<u64>) -> proc_macro2::Literal {
    proc_macro2::Literal::u64_unsuffixed(value.into())
}

/// A hexadecimal literal.
pub(crate) fn hex(value: impl Into<u64>) -> TokenStream {
    let value = value.into();
    // The text is always a valid token.
    format!("{value:#x}").parse().unwrap_or_else(|_| quote!(#value))
}
