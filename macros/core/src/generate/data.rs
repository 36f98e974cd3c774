//! The spec as data: statics that the runtime, the command line and provers read.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{constant, ident, number, operands, units};
use crate::model::{
    AsmPiece, Call, Cell, Class, Column, ColumnSource, Constraint, INITIAL, Instruction, Linear, Model,
    PUBLIC, Recorded, camel_case,
};
use crate::units::explain::{self, Line};

/// The static `SPEC`.
pub(super) fn data(model: &Model) -> TokenStream {
    let Model { name, doc, unproven, .. } = model;
    let fingerprint = model.fingerprint.iter().map(|byte| Literal::u8_unsuffixed(*byte));
    let registers = &model.registers;
    let aliases = model.aliases.iter().map(|(name, at)| {
        let at = number(*at);
        quote!((#name, #at))
    });
    let hidden = model.hidden.iter().map(|hidden| {
        let (name, doc) = (&hidden.name, &hidden.doc);
        let initial = hidden.initial.map(|at| ident(&camel_case(INITIAL[at])));
        let initial = initial.map_or_else(|| quote!(None), |initial| quote!(Some(Initial::#initial)));
        quote!(Hidden { name: #name, doc: #doc, initial: #initial })
    });
    let (zero, stack_pointer) = (number(model.zero), number(model.stack_pointer));
    let instructions = (0..model.instructions.len()).map(|at| instruction(model, at));
    let columns = columns(model);
    let recorded = model.columns.iter().enumerate().filter_map(|(at, column)| match &column.source {
        ColumnSource::Recorded(sources) => Some((at, sources)),
        ColumnSource::Derived(_) => None,
    });
    let recorded_by_calls = recorded.clone().filter(|(_, sources)| {
        let mut others = model.instructions.iter().filter(|one| !one.semantics.makes_calls());
        !others.any(|one| sources.iter().any(|source| one.defines(source)))
    });
    let recorded_by_calls: Vec<TokenStream> =
        recorded_by_calls.map(|(at, _)| cell_id(model, Cell::Stored(at))).collect();
    let (recorded, stored) = (recorded.count(), model.columns.len() + units::count(model));
    let (recorded, stored) = (Literal::usize_unsuffixed(recorded), Literal::usize_unsuffixed(stored));
    let index = Literal::usize_unsuffixed(model.recording(&Recorded::Index).unwrap_or_default());
    let constraints = model.constraints.iter().map(|c| constraint(model, c));
    let compiled = units::constraints(model);
    let links = model.links.iter().map(|link| {
        let crate::model::Link { name, doc, .. } = link;
        let (from, to) = (cell_id(model, Cell::Stored(link.from)), cell_id(model, Cell::Stored(link.to)));
        quote!(Link { name: #name, doc: #doc, from: #from, to: #to })
    });
    let mut kind = model.instructions.len();
    let calls = model.calls.iter().map(|one| {
        let first = kind;
        kind += one.variants.len();
        call(model, one, first)
    });
    let calls: Vec<TokenStream> = calls.collect();
    let pseudos = model.pseudos.iter().map(operands::pseudo);
    let policy = model.policy.iter().map(|(question, answer)| quote!((#question, #answer)));
    let stored_at = model.columns.iter().enumerate().map(|(at, column)| {
        let (name, at) = (constant(&column.name), Literal::usize_unsuffixed(at));
        quote!(pub(super) const #name: usize = #at;)
    });
    quote! {
        /// The places of the columns that the spec declares.
        mod column {
            #(#stored_at)*
        }

        static SPEC: Spec = Spec {
            name: #name,
            doc: #doc,
            fingerprint: Fingerprint([#(#fingerprint),*]),
            registers: Registers { names: &[#(#registers),*], hidden: &[#(#hidden),*], aliases: &[#(#aliases),*], zero: #zero, stack_pointer: #stack_pointer },
            instructions: &[#(#instructions),*],
            columns: &[#(#columns),*],
            index: ColumnId(#index),
            recorded: #recorded,
            recorded_by_calls: &[#(#recorded_by_calls),*],
            stored: #stored,
            constraints: &[#(#constraints,)* #(#compiled),*],
            links: &[#(#links),*],
            calls: &[#(#calls),*],
            policy: &[#(#policy),*],
            pseudos: &[#(#pseudos),*],
            unproven: #unproven,
        };
    }
}

fn instruction(model: &Model, at: usize) -> TokenStream {
    let instruction = &model.instructions[at];
    let Instruction { name, doc, semantics_text, source, .. } = instruction;
    let format = &instruction.format.name;
    let (mask, bits) = (number(instruction.mask), number(instruction.bits));
    let (operands, effects) = (operands::operands(model, instruction), operands::effects(instruction));
    let fields = instruction.format.fields.iter().map(|field| {
        let (name, hi, lo) = (&field.name, number(field.bits.hi), number(field.bits.lo));
        quote!((#name, #hi, #lo))
    });
    let asm = instruction.asm.iter().map(|piece| match piece {
        AsmPiece::Text(text) => quote!(AsmPiece::Text(#text)),
        AsmPiece::Register(name) => quote!(AsmPiece::Register(#name)),
        AsmPiece::Imm => quote!(AsmPiece::Imm),
        AsmPiece::UpperImm(shift) => {
            let shift = number(*shift);
            quote!(AsmPiece::UpperImm(#shift))
        }
        AsmPiece::Target => quote!(AsmPiece::Target),
        AsmPiece::Letters(name) => quote!(AsmPiece::Letters(#name)),
    });
    let compiled =
        explain::instruction(model, at).into_iter().map(|Line { what, text }| quote!((#what, #text)));
    quote! {
        Instruction {
            name: #name,
            doc: #doc,
            format: #format,
            mask: #mask,
            bits: #bits,
            fields: &[#(#fields),*],
            operands: #operands,
            effects: #effects,
            asm: &[#(#asm),*],
            semantics: #semantics_text,
            source: #source,
            compiled: &[#(#compiled),*],
        }
    }
}

/// Stored columns, then public columns: the order of column ids.
fn columns(model: &Model) -> Vec<TokenStream> {
    let mut columns: Vec<TokenStream> = model.columns.iter().map(stored).collect();
    columns.extend(units::columns(model));
    let public = [
        (PUBLIC[0], "1 in rows 0..T.", quote!(Active)),
        (PUBLIC[1], "1 in row 0.", quote!(First)),
        (PUBLIC[2], "1 in row T - 1.", quote!(Last)),
    ];
    columns.extend(public.map(|(name, doc, public)| {
        quote! {
            Column {
                name: #name,
                doc: #doc,
                class: RangeClass::Bit,
                source: ColumnSource::Public(PublicColumn::#public),
            }
        }
    }));
    columns
}

fn stored(column: &Column) -> TokenStream {
    let Column { name, doc, .. } = column;
    let class = match column.class {
        Class::Bit => quote!(RangeClass::Bit),
        Class::Unsigned(bits) => {
            let bits = number(bits);
            quote!(RangeClass::Unsigned { bits: #bits })
        }
        Class::Signed(bits) => {
            let bits = number(bits);
            quote!(RangeClass::Signed { bits: #bits })
        }
        Class::Interval(min, max) => {
            let (min, max) = (Literal::i64_unsuffixed(min), Literal::i64_unsuffixed(max));
            quote!(RangeClass::Interval { min: #min, max: #max })
        }
    };
    let source = match column.source {
        ColumnSource::Recorded(_) => quote!(ColumnSource::Recorded),
        ColumnSource::Derived(_) => quote!(ColumnSource::Derived),
    };
    quote!(Column { name: #name, doc: #doc, class: #class, source: #source })
}

/// The place of a public column among all.
pub(super) fn public_at(model: &Model, public: usize) -> usize {
    model.columns.len() + units::count(model) + public
}

fn cell_id(model: &Model, cell: Cell) -> TokenStream {
    match cell {
        Cell::Stored(at) => {
            let name = constant(&model.columns[at].name);
            quote!(ColumnId(column::#name as u16))
        }
        Cell::Public(at) => {
            let at = Literal::usize_unsuffixed(public_at(model, at));
            quote!(ColumnId(#at))
        }
    }
}

/// One constraint as data.
pub fn constraint(model: &Model, constraint: &Constraint) -> TokenStream {
    let Constraint { name, doc, text, .. } = constraint;
    let degree = number(constraint.degree);
    let products = constraint.polynomial.iter().map(|factors| {
        let factors = factors.iter().map(|factor| linear(model, factor));
        quote!(Product { factors: &[#(#factors),*] })
    });
    quote! {
        Constraint { name: #name, doc: #doc, text: #text, products: &[#(#products),*], degree: #degree }
    }
}

fn linear(model: &Model, linear: &Linear) -> TokenStream {
    let constant = Literal::i64_unsuffixed(linear.constant);
    // Cells are ordered as their ids are: stored, public.
    let terms = linear.terms.iter().map(|(cell, coefficient)| {
        let (id, coefficient) = (cell_id(model, *cell), Literal::i64_unsuffixed(*coefficient));
        quote!((#id, #coefficient))
    });
    quote!(Linear { constant: #constant, terms: &[#(#terms),*] })
}

/// A call, whose first variant has this place among the kinds.
fn call(model: &Model, call: &Call, first: usize) -> TokenStream {
    let Call { name, arguments, doc, .. } = call;
    let number = number(call.number);
    let variants = call.variants.iter().enumerate().map(|(at, variant)| {
        let Instruction { name, when, semantics_text, source, .. } = variant;
        let (operands, effects) = (operands::operands(model, variant), operands::effects(variant));
        let compiled = explain::instruction(model, first + at).into_iter();
        let compiled = compiled.map(|Line { what, text }| quote!((#what, #text)));
        quote! {
            Variant {
                name: #name,
                when: #when,
                semantics: #semantics_text,
                operands: #operands,
                effects: #effects,
                source: #source,
                compiled: &[#(#compiled),*],
            }
        }
    });
    quote! {
        Call {
            name: #name,
            number: #number,
            arguments: &[#(#arguments),*],
            doc: #doc,
            variants: &[#(#variants),*],
        }
    }
}
