//! The proc macro behind retrace's `isa!`: a thin caller of `retrace-codegen`.
//!
//! Not for direct use: the exported `isa!` of the library hands it the library's own path and the in-tree specs.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use retrace_codegen::{Options, Sources, compile, generate};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, LitStr, Token, Visibility, bracketed, parenthesized};

/// `(library path) [(name text)…] #[attributes] pub struct Name = "path";`
struct Input {
    library: TokenStream,
    specs: Vec<(LitStr, LitStr)>,
    attributes: Vec<Attribute>,
    visibility: Visibility,
    name: Ident,
    path: LitStr,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let library;
        parenthesized!(library in input);
        let list;
        bracketed!(list in input);
        let mut specs = Vec::new();
        while !list.is_empty() {
            let spec;
            parenthesized!(spec in list);
            specs.push((spec.parse()?, spec.parse()?));
        }
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        input.parse::<Token![struct]>()?;
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        let path = input.parse()?;
        input.parse::<Option<Token![;]>>()?;
        Ok(Self { library: library.parse()?, specs, attributes, visibility, name, path })
    }
}

/// Generates an instruction set from the caller's TOML file.
#[proc_macro]
pub fn isa(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as Input);
    expand(&input).unwrap_or_else(|error| error.into_compile_error()).into()
}

fn expand(input: &Input) -> syn::Result<TokenStream> {
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let mut sources = Sources::new(&root);
    for (name, text) in &input.specs {
        sources.add_builtin(&name.value(), &text.value());
    }
    let model = compile(&mut sources, &input.path.value())
        .map_err(|errors| syn::Error::new(input.path.span(), format!("\n{errors}")))?;
    let files = sources.read_files().map(|name| std::path::Path::new(&root).join(name).display().to_string());
    let attributes = &input.attributes;
    let visibility = &input.visibility;
    let generated = generate(
        &model,
        &Options {
            library: input.library.clone(),
            attributes: quote!(#(#attributes)*),
            visibility: quote!(#visibility),
            name: input.name.clone(),
        },
    );
    let for_each = format_ident!("for_each_instruction_of_{}", input.name.to_string().to_lowercase());
    let for_each = retrace_codegen::generate::for_each(&model, &for_each);
    // The compiler rebuilds the caller when a file that it includes changes.
    Ok(quote! {
        #(const _: &[u8] = include_bytes!(#files);)*
        #generated
        #for_each
    })
}
