//! Semantics as data: the IR as nested constants, for back ends at run time.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote;

use super::number;
use crate::ir::{Expr, ExprKind, Semantics, Statement, Type};
use crate::model::{Instruction, Model};

/// The static `SEMANTICS`, in the order of the instructions.
pub(super) fn semantics(model: &Model) -> TokenStream {
    let instructions = model.instructions.iter().map(instruction);
    quote! {
        static SEMANTICS: &[Semantics] = &[#(#instructions),*];
    }
}

/// What one instruction does.
pub fn instruction(instruction: &Instruction) -> TokenStream {
    let statements = &instruction.semantics.statements;
    let locals: Vec<&str> = statements
        .iter()
        .filter_map(|statement| match statement {
            Statement::Let(name, _) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let statements = statements.iter().map(|s| statement(s, &instruction.semantics, &locals));
    quote!(Semantics { statements: &[#(#statements),*] })
}

fn statement(statement: &Statement, semantics: &Semantics, locals: &[&str]) -> TokenStream {
    let expr = |e: &Expr| expr(e, locals);
    let optional = |e: &Option<Expr>| match e {
        Some(e) => {
            let e = expr(e);
            quote!(Some(#e))
        }
        None => quote!(None),
    };
    match statement {
        Statement::Let(_, value) => {
            let value = expr(value);
            quote!(SemanticStatement::Let(#value))
        }
        Statement::Load { bits, address } => {
            let (bits, address) = (number(*bits), expr(address));
            quote!(SemanticStatement::Load { bits: #bits, address: #address })
        }
        Statement::Call { .. } => quote!(SemanticStatement::Call),
        Statement::Require(_) | Statement::Input { .. } | Statement::Output { .. } | Statement::Exit(_) => {
            quote!(compile_error!("only calls have these"))
        }
        Statement::Write(port, value) => {
            let (port, value) = (Literal::usize_unsuffixed(*port), expr(value));
            quote!(SemanticStatement::Write { port: #port, value: #value })
        }
        Statement::Store { bits, address, value } => {
            let (bits, address, value) = (number(*bits), expr(address), expr(value));
            quote!(SemanticStatement::Store { bits: #bits, address: #address, value: #value })
        }
        Statement::Jump { condition, target } => {
            let stated = semantics.states(target);
            let (condition, target) = (optional(condition), expr(target));
            quote!(SemanticStatement::Jump { condition: #condition, target: #target, stated: #stated })
        }
        Statement::Trap { condition, .. } => {
            let condition = optional(condition);
            quote!(SemanticStatement::Trap { condition: #condition })
        }
    }
}

fn expr(e: &Expr, locals: &[&str]) -> TokenStream {
    let operand = |e: &Expr| {
        let e = expr(e, locals);
        quote!(&#e)
    };
    let kind = match &e.kind {
        ExprKind::Const(value) => {
            let value = Literal::u64_unsuffixed(*value);
            quote!(Const(#value))
        }
        ExprKind::Read(port) => {
            let port = Literal::usize_unsuffixed(*port);
            quote!(Read(#port))
        }
        ExprKind::Pc => quote!(Pc),
        ExprKind::Imm => quote!(Imm),
        ExprKind::Local(name) => {
            let place = locals.iter().position(|local| local == name);
            let place = Literal::usize_unsuffixed(place.unwrap_or(locals.len()));
            quote!(Local(#place))
        }
        ExprKind::Loaded => quote!(Loaded),
        ExprKind::Taken | ExprKind::Allows(..) => quote!(compile_error!("only calls take input")),
        ExprKind::Op(_) | ExprKind::Column(_) => {
            quote!(compile_error!("semantics read no facts or columns"))
        }
        ExprKind::Unary(op, a) => {
            let (op, a) = (name(op), operand(a));
            quote!(Unary(UnaryOp::#op, #a))
        }
        ExprKind::Binary(op, a, b) => {
            let (op, a, b) = (name(op), operand(a), operand(b));
            quote!(Binary(BinaryOp::#op, #a, #b))
        }
        ExprKind::Slice(a, lo) => {
            let (a, lo) = (operand(a), number(*lo));
            quote!(Slice(#a, #lo))
        }
        ExprKind::Extend(a, by_sign) => {
            let a = operand(a);
            quote!(Extend(#a, #by_sign))
        }
        ExprKind::Reinterpret(a) => {
            let a = operand(a);
            quote!(Reinterpret(#a))
        }
        ExprKind::If(c, a, b) => {
            let (c, a, b) = (operand(c), operand(a), operand(b));
            quote!(If(#c, #a, #b))
        }
    };
    let ty = ty(e.ty);
    quote!(Expr { kind: ExprKind::#kind, ty: #ty })
}

fn ty(ty: Type) -> TokenStream {
    let (signed, width) = (ty.signed, number(ty.width));
    quote!(Type { signed: #signed, width: #width })
}

/// The library's operations have the names of the IR's.
fn name(op: &impl std::fmt::Debug) -> Ident {
    Ident::new(&format!("{op:?}"), Span::call_site())
}
