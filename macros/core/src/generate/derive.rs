//! Derived columns: a loop over a chunk's rows for each, in the order in which they depend on each other.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::expr::{Names, expr, from_cell, to_cell};
use super::ident;
use crate::check::{derivation_inputs, derivation_order};
use crate::ir::{Expr, ExprKind, OpFact, Type, walk};
use crate::model::{Column, ColumnSource, Model};
use crate::units::wiring::committed;

/// The function `derive` and the columns' functions.
pub(super) fn derive(model: &Model) -> TokenStream {
    let order = derivation_order(&model.columns);
    let (declared, cells, all) = (model.columns.len(), committed(&model.units), super::units::count(model));
    let needs = order.iter().rev().map(|at| {
        let inputs = expression(&model.columns[*at]).map(derivation_inputs).unwrap_or_default();
        let inputs = inputs.into_iter().map(|at| super::constant(&model.columns[at].name));
        let at = super::constant(&model.columns[*at].name);
        quote! {
            if needed[column::#at] {
                #(needed[column::#inputs] = true;)*
            }
        }
    });
    let calls = order.iter().map(|at| {
        let function = function(&model.columns[*at]);
        let at = super::constant(&model.columns[*at].name);
        quote! {
            if needed[column::#at] {
                #function(columns, rows, code);
            }
        }
    });
    let functions = order.iter().map(|at| column(model, *at));
    let [count, cells_at, words_at] =
        [declared + all, declared, declared + cells].map(Literal::usize_unsuffixed);
    quote! {
        fn derive(columns: &mut Columns, rows: usize, code: &[Op], wanted: &[ColumnId]) {
            let mut needed = [false; #count];
            for column in wanted {
                if let Some(needed) = needed.get_mut(column.index()) {
                    *needed = true;
                }
            }
            #(#needs)*
            #(#calls)*
            if needed[#cells_at..#words_at].contains(&true) {
                fill_cells(columns, rows, code);
            }
            if needed[#words_at..].contains(&true) {
                fill_code(columns, rows, code, &needed[#words_at..]);
            }
        }

        #(#functions)*
    }
}

fn expression(column: &Column) -> Option<&Expr> {
    match &column.source {
        ColumnSource::Derived(expr) => Some(expr),
        ColumnSource::Recorded(_) => None,
    }
}

fn function(column: &Column) -> proc_macro2::Ident {
    ident(&format!("derive_{}", column.name))
}

/// The function that fills one derived column.
pub fn column(model: &Model, at: usize) -> TokenStream {
    let column = &model.columns[at];
    let Some(e) = expression(column) else { return TokenStream::new() };
    let mut inputs = derivation_inputs(e);
    let uses_op = uses_op(e);
    let index = index_column(model);
    if uses_op && !inputs.contains(&index) {
        inputs.push(index);
    }
    let names: Vec<_> = inputs.iter().map(|at| cell(model, *at)).collect();
    let places = inputs.iter().map(|at| super::constant(&model.columns[*at].name));
    let op = uses_op.then(|| {
        let index = cell(model, index);
        quote!(let op = &code[#index[row] as usize];)
    });
    let value = to_cell(expr(e, &ColumnNames { model }), e.ty);
    let (function, output) = (function(column), super::constant(&column.name));
    let doc = format!(" `{}`", column.name);
    quote! {
        #[doc = #doc]
        fn #function(columns: &mut Columns, rows: usize, code: &[Op]) {
            let (output, [#(#names),*]) = columns.split(rows, column::#output, [#(column::#places),*]);
            for row in 0..rows {
                #op
                output[row] = #value;
            }
        }
    }
}

fn uses_op(e: &Expr) -> bool {
    let mut found = false;
    walk(e, &mut |e| found |= matches!(e.kind, ExprKind::Op(_)));
    found
}

/// The column that says which entry of the code table a row executes.
fn index_column(model: &Model) -> usize {
    model.recording(&crate::model::Recorded::Index).unwrap_or_default()
}

fn cell(model: &Model, column: usize) -> proc_macro2::Ident {
    ident(&format!("c_{}", model.columns[column].name))
}

struct ColumnNames<'a> {
    model: &'a Model,
}

impl Names for ColumnNames<'_> {
    fn column(&self, column: usize, ty: Type) -> TokenStream {
        let cell = cell(self.model, column);
        from_cell(quote!(#cell[row]), ty)
    }

    fn fact(&self, fact: OpFact) -> TokenStream {
        match fact {
            OpFact::Pc => quote!(op.pc),
            OpFact::Word => quote!(op.word),
            OpFact::Imm => quote!(op.imm),
            OpFact::Kind => quote!(u32::from(op.kind)),
            OpFact::Rd => quote!(u32::from(op.rd)),
            OpFact::Rs1 => quote!(u32::from(op.rs1)),
            OpFact::Rs2 => quote!(u32::from(op.rs2)),
        }
    }
}
