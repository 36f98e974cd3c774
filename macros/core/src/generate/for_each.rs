//! The instructions as macro input: for consumers that make a type or a `match` of them.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{hex, ident, operands};
use crate::model::{Instruction, Model, camel_case};

/// One `{ … }` an instruction, separated by commas.
pub(crate) fn entries(model: &Model) -> TokenStream {
    let entries = model.instructions.iter().map(|instruction| {
        let Instruction { name, doc, .. } = instruction;
        let (ident, variant) = (ident(name), format_ident!("{}", camel_case(name)));
        let (mask, bits) = (hex(instruction.mask), hex(instruction.bits));
        let format = &instruction.format.name;
        let operands = operands::names(model, instruction).into_iter().map(|name| format_ident!("{name}"));
        quote! {
            {
                ident: #ident,
                variant: #variant,
                name: #name,
                mask: #mask,
                bits: #bits,
                format: #format,
                operands: [#(#operands),*],
                doc: #doc
            }
        }
    });
    quote!(#(#entries),*)
}

/// A macro that hands the entries to a macro of the caller's: `for_each_instruction_of_x!(callback)`.
pub fn for_each(model: &Model, name: &proc_macro2::Ident) -> TokenStream {
    let entries = entries(model);
    quote! {
        #[allow(unused_macros)]
        macro_rules! #name {
            ($($callback:tt)+) => { $($callback)+ ! { #entries } };
        }
    }
}
