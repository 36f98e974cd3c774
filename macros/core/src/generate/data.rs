//! The spec as data: statics that the runtime, the command line and provers read.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

use super::{constant, number, operands};
use crate::model::{
    AsmPiece, Call, Cell, Class, Column, ColumnSource, Constraint, Instruction, Linear, Lookup, Model, PUBLIC,
};

/// The static `SPEC`.
pub(super) fn data(model: &Model) -> TokenStream {
    let Model { name, doc, .. } = model;
    let fingerprint = model.fingerprint.iter().map(|byte| Literal::u8_unsuffixed(*byte));
    let registers = &model.registers;
    let aliases = model.aliases.iter().map(|(name, at)| {
        let at = number(*at);
        quote!((#name, #at))
    });
    let (zero, stack_pointer) = (number(model.zero), number(model.stack_pointer));
    let instructions = model.instructions.iter().map(|i| instruction(model, i));
    let columns = columns(model);
    let recorded = model.columns.iter().filter(|c| matches!(c.source, ColumnSource::Recorded(_)));
    let (recorded, stored) = (recorded.count(), model.columns.len());
    let (recorded, stored) = (Literal::usize_unsuffixed(recorded), Literal::usize_unsuffixed(stored));
    let constraints = model.constraints.iter().map(|c| constraint(model, c));
    let links = model.links.iter().map(|link| {
        let crate::model::Link { name, doc, .. } = link;
        let (from, to) = (cell_id(model, Cell::Stored(link.from)), cell_id(model, Cell::Stored(link.to)));
        quote!(Link { name: #name, doc: #doc, from: #from, to: #to })
    });
    let lookups = model.lookups.iter().map(|l| lookup(model, l));
    let calls = model.calls.iter().map(call);
    let pseudos = model.pseudos.iter().map(operands::pseudo);
    let policy = model.policy.iter().map(|(question, answer)| quote!((#question, #answer)));
    let columns_of = |cells: Vec<(Ident, usize)>| {
        let constants = cells.into_iter().map(|(name, at)| {
            let at = Literal::usize_unsuffixed(at);
            quote!(pub(super) const #name: usize = #at;)
        });
        quote!(#(#constants)*)
    };
    let stored_at = model.columns.iter().enumerate().map(|(at, column)| (constant(&column.name), at));
    let stored_at = columns_of(stored_at.collect());
    let flags = flags(model).into_iter().map(|cell| (cell_name(model, cell), cell_at(model, cell)));
    let flags_at = columns_of(flags.collect());
    let public = (0..PUBLIC.len()).map(Cell::Public);
    let public_at = columns_of(public.map(|cell| (cell_name(model, cell), cell_at(model, cell))).collect());
    quote! {
        /// The places of the stored columns.
        mod column {
            #stored_at
        }

        /// The places of the flags.
        mod flag {
            #flags_at
        }

        /// The places of the public columns.
        mod public {
            #public_at
        }

        static SPEC: Spec = Spec {
            name: #name,
            doc: #doc,
            fingerprint: Fingerprint([#(#fingerprint),*]),
            registers: Registers { names: &[#(#registers),*], aliases: &[#(#aliases),*], zero: #zero, stack_pointer: #stack_pointer },
            instructions: &[#(#instructions),*],
            columns: &[#(#columns),*],
            recorded: #recorded,
            stored: #stored,
            constraints: &[#(#constraints),*],
            links: &[#(#links),*],
            lookups: &[#(#lookups),*],
            calls: &[#(#calls),*],
            policy: &[#(#policy),*],
            pseudos: &[#(#pseudos),*],
        };
    }
}

fn instruction(model: &Model, instruction: &Instruction) -> TokenStream {
    let Instruction { name, doc, semantics_text, source, .. } = instruction;
    let format = &instruction.format.name;
    let group = instruction.group.map_or("", |group| model.groups[group].name.as_str());
    let (mask, bits) = (number(instruction.mask), number(instruction.bits));
    let (operands, effects) = (operands::operands(instruction), operands::effects(instruction));
    let fields = instruction.format.fields.iter().map(|field| {
        let (name, hi, lo) = (&field.name, number(field.bits.hi), number(field.bits.lo));
        quote!((#name, #hi, #lo))
    });
    let asm = instruction.asm.iter().map(|piece| match piece {
        AsmPiece::Text(text) => quote!(AsmPiece::Text(#text)),
        AsmPiece::Rd => quote!(AsmPiece::Rd),
        AsmPiece::Rs1 => quote!(AsmPiece::Rs1),
        AsmPiece::Rs2 => quote!(AsmPiece::Rs2),
        AsmPiece::Imm => quote!(AsmPiece::Imm),
        AsmPiece::UpperImm(shift) => {
            let shift = number(*shift);
            quote!(AsmPiece::UpperImm(#shift))
        }
        AsmPiece::Target => quote!(AsmPiece::Target),
        AsmPiece::Letters(name) => quote!(AsmPiece::Letters(#name)),
    });
    quote! {
        Instruction {
            name: #name,
            doc: #doc,
            format: #format,
            group: #group,
            mask: #mask,
            bits: #bits,
            fields: &[#(#fields),*],
            operands: #operands,
            effects: #effects,
            asm: &[#(#asm),*],
            semantics: #semantics_text,
            source: #source,
        }
    }
}

/// Stored columns, then flags, then public columns: the order of column ids.
fn columns(model: &Model) -> Vec<TokenStream> {
    let mut columns: Vec<TokenStream> = model.columns.iter().map(|c| stored(model, c)).collect();
    for (at, column) in one_hot(model) {
        let of = cell_id(model, Cell::Stored(at));
        for (group, value) in model.groups.iter().zip(1u32..) {
            let (name, doc) = (format!("{}.{}", column.name, group.name), &group.doc);
            let value = number(value);
            columns.push(quote! {
                Column {
                    name: #name,
                    doc: #doc,
                    class: RangeClass::Bit,
                    source: ColumnSource::Flag { of: #of, value: #value },
                }
            });
        }
    }
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

fn one_hot(model: &Model) -> impl Iterator<Item = (usize, &Column)> {
    model.columns.iter().enumerate().filter(|(_, column)| column.class == Class::OneHotGroup)
}

fn stored(model: &Model, column: &Column) -> TokenStream {
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
        Class::OneHotGroup => {
            let variants = Literal::usize_unsuffixed(model.groups.len());
            quote!(RangeClass::OneHot { variants: #variants })
        }
    };
    let source = match column.source {
        ColumnSource::Recorded(_) => quote!(ColumnSource::Recorded),
        ColumnSource::Derived(_) => quote!(ColumnSource::Derived),
    };
    quote!(Column { name: #name, doc: #doc, class: #class, source: #source })
}

/// Every flag of every one-hot column, in the order of their ids.
fn flags(model: &Model) -> Vec<Cell> {
    let flags = |at| (1u32..).take(model.groups.len()).map(move |value| Cell::Flag(at, value));
    one_hot(model).flat_map(|(at, _)| flags(at)).collect()
}

/// A cell's place among all columns.
fn cell_at(model: &Model, cell: Cell) -> usize {
    let flags = flags(model);
    let stored = model.columns.len();
    match cell {
        Cell::Stored(at) => at,
        Cell::Flag(..) => stored + flags.iter().position(|flag| *flag == cell).unwrap_or_default(),
        Cell::Public(at) => stored + flags.len() + at,
    }
}

/// The constant that holds a cell's place.
fn cell_name(model: &Model, cell: Cell) -> Ident {
    match cell {
        Cell::Stored(at) => constant(&model.columns[at].name),
        Cell::Public(at) => constant(PUBLIC[at]),
        Cell::Flag(at, value) => {
            let group = &model.groups[value as usize - 1];
            constant(&format!("{}.{}", model.columns[at].name, group.name))
        }
    }
}

fn cell_id(model: &Model, cell: Cell) -> TokenStream {
    let name = cell_name(model, cell);
    match cell {
        Cell::Stored(_) => quote!(ColumnId(column::#name as u16)),
        Cell::Flag(..) => quote!(ColumnId(flag::#name as u16)),
        Cell::Public(_) => quote!(ColumnId(public::#name as u16)),
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
    // Cells are ordered as their ids are: stored, flags, public.
    let terms = linear.terms.iter().map(|(cell, coefficient)| {
        let (id, coefficient) = (cell_id(model, *cell), Literal::i64_unsuffixed(*coefficient));
        quote!((#id, #coefficient))
    });
    quote!(Linear { constant: #constant, terms: &[#(#terms),*] })
}

fn lookup(model: &Model, lookup: &Lookup) -> TokenStream {
    let Lookup { name, doc, .. } = lookup;
    let groups = lookup.groups.iter().map(|group| &model.groups[*group].name);
    let inputs = lookup.inputs.iter().map(|input| cell_id(model, Cell::Stored(*input)));
    let output = cell_id(model, Cell::Stored(lookup.output));
    quote! {
        Lookup { name: #name, doc: #doc, groups: &[#(#groups),*], inputs: &[#(#inputs),*], output: #output }
    }
}

fn call(call: &Call) -> TokenStream {
    let Call { name, arguments, input, exits, doc, .. } = call;
    let number = number(call.number);
    let memory = match call.memory.as_str() {
        "read" => quote!(Read),
        "write" => quote!(Written),
        _ => quote!(Untouched),
    };
    quote! {
        Call {
            name: #name,
            number: #number,
            arguments: &[#(#arguments),*],
            memory: CallMemory::#memory,
            input: #input,
            exits: #exits,
            doc: #doc,
        }
    }
}
