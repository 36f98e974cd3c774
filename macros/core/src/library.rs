//! What retrace's own build script writes: its in-tree ISAs, and the macro that serves everyone else's.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::{Diagnostics, Options, Sources, compile, generate};

/// Compiles the in-tree specs, given by name and text, to one Rust file: a marker type for each of `types`, named in
/// upper camel case, and the exported `macro_rules! isa`, which carries the specs' texts to the proc macro, since a published
/// macro crate cannot see the library's files.
///
/// # Errors
/// All errors of the first spec that has any.
pub fn library(specs: &[(String, String)], types: &[&str]) -> Result<String, Diagnostics> {
    let mut isas = Vec::new();
    for name in types {
        let mut sources = Sources::default();
        for (name, text) in specs {
            sources.add_builtin(name, text);
        }
        let model = compile(&mut sources, name)?;
        let doc = format!(" {}", model.doc);
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
    Ok(pretty(&quote! { #(#isas)* #in_tree }) + &macro_rules(specs))
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
         error with file, line and column.\n{rules}\n"
    )
}

/// `rv32i` becomes `Rv32i`.
fn camel_case(name: &str) -> String {
    let words = name.split(['_', '-', '.']).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// Formats generated code; as it is if it does not parse, so that the compiler can say why.
pub fn pretty(tokens: &TokenStream) -> String {
    match syn::parse2(tokens.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        Err(_) => tokens.to_string(),
    }
}
