//! What retrace's own build script writes: its in-tree ISAs, and the macro that serves everyone else's.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::generate::entries;
use crate::model::camel_case;
use crate::{Diagnostics, Options, Sources, compile, generate};

/// Compiles the in-tree specs, given by name and text, to one Rust file: a marker type for each of `types`, named in
/// upper camel case, and the exported `macro_rules! isa`, which carries the specs' texts to the proc macro, since a published
/// macro crate cannot see the library's files.
///
/// # Errors
/// All errors of the first spec that has any.
pub fn library(specs: &[(String, String)], types: &[&str]) -> Result<String, Diagnostics> {
    let mut isas = Vec::new();
    let mut rules = Vec::new();
    for name in types {
        let mut sources = Sources::default();
        for (name, text) in specs {
            sources.add_builtin(name, text);
        }
        let model = compile(&mut sources, name)?;
        let doc = format!(" {}", model.doc);
        let (isa, entries) = (crate::generate::ident(name), entries(&model));
        rules.push(quote!((#isa, $($callback:tt)+) => { $($callback)+ ! { #entries } };));
        isas.push(generate(
            &model,
            &Options {
                library: quote!(crate),
                attributes: quote!(#[doc = #doc]),
                visibility: quote!(pub),
                name: format_ident!("{}", camel_case(name)),
            },
        ));
    }
    let texts = specs.iter().map(|(name, text)| quote!((#name, #text)));
    let in_tree = quote! {
        /// The in-tree specs, by the name that `extends` knows, with their texts.
        pub const IN_TREE: &[(&str, &str)] = &[#(#texts),*];
    };
    Ok(pretty(&quote! { #(#isas)* #in_tree }) + &macro_rules(specs) + &for_each(&rules))
}

fn macro_rules(specs: &[(String, String)]) -> String {
    let specs = specs.iter().map(|(name, text)| quote!((#name #text)));
    let rules: TokenStream = quote! {
        #[macro_export]
        macro_rules! isa {
            ($($input:tt)*) => {
                $crate::__private::isa! { ($crate) [#(#specs)*] $($input)* }
            };
        }
    };
    format!(
        "\n/// Makes an instruction set of a TOML file of your own crate: `isa! {{ pub struct Custom = \
         \"isa/custom.toml\"; }}`.\n///\n/// The path is relative to your crate's Cargo.toml; `extends = [\"rv32i\"]` \
         in the file names in-tree specs.\n/// An edit of the file rebuilds your crate; an error in it is a compile \
         error with file, line and column.\n///\n/// Beside the type it makes a macro for the rest of the module, here \
         `for_each_instruction_of_custom!`, which is\n/// [`for_each_instruction!`](crate::for_each_instruction!) for this \
         ISA, without its first argument.\n///\n/// The guide of authors of ISAs has an example: \
         [`guide::isa_author`](crate::guide::isa_author).\n{rules}\n"
    )
}

fn for_each(rules: &[TokenStream]) -> String {
    let rules = quote! {
        #[macro_export]
        macro_rules! for_each_instruction {
            #(#rules)*
        }
    };
    format!("{FOR_EACH_DOC}{rules}\n")
}

const FOR_EACH_DOC: &str = r#"
/// Hands every instruction of an in-tree ISA to a macro of yours: `for_each_instruction!(rv32i, callback);`.
///
/// The callback gets one entry an instruction, separated by commas and in the order of
/// [`Op::kind`](crate::isa::Op::kind), with tokens of every fact that a type or a `match` is made of:
///
/// ```
/// macro_rules! mnemonics {
///     ($({
///         ident: $ident:ident,
///         variant: $variant:ident,
///         name: $name:literal,
///         mask: $mask:literal,
///         bits: $bits:literal,
///         format: $format:literal,
///         operands: [$($operand:ident),*],
///         doc: $doc:literal
///     }),*) => {
///         #[derive(Debug, PartialEq)]
///         enum Mnemonic { $(#[doc = $doc] $variant,)* }
///
///         fn decode(word: u32) -> Option<Mnemonic> {
///             $(if word & $mask == $bits { return Some(Mnemonic::$variant); })*
///             None
///         }
///     };
/// }
/// retrace::for_each_instruction!(rv32i, mnemonics);
///
/// assert_eq!(decode(0x00c5_8533), Some(Mnemonic::Add));
/// assert_eq!(decode(0xffff_ffff), None);
/// ```
///
/// For an ISA of your own, [`isa!`](crate::isa!) makes such a macro beside the type.
"#;

/// Formats generated code; as it is if it does not parse, so that the compiler can say why.
pub fn pretty(tokens: &TokenStream) -> String {
    match syn::parse2(tokens.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        Err(_) => tokens.to_string(),
    }
}
