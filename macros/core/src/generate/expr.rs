//! IR expressions as Rust: one bit is `bool`, up to 32 bits `u32`, up to 64 `u64`, always without excess bits.

use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};
use quote::quote;

use super::ident;
use crate::ir::{BinaryOp, Expr, ExprKind, OpFact, Type, UnaryOp};

/// How names of the IR look where the expression stands.
pub(super) trait Names {
    /// A column's cell.
    fn column(&self, column: usize, ty: Type) -> TokenStream;
    /// A fact of the instruction.
    fn fact(&self, fact: OpFact) -> TokenStream;
}

/// The Rust type that holds values of a type.
pub(super) fn rust_type(ty: Type) -> TokenStream {
    match ty.width {
        1 => quote!(bool),
        2..=32 => quote!(u32),
        _ => quote!(u64),
    }
}

fn signed_type(ty: Type) -> TokenStream {
    if ty.width <= 32 { quote!(i32) } else { quote!(i64) }
}

fn container(ty: Type) -> u32 {
    if ty.width <= 32 { 32 } else { 64 }
}

fn literal(value: u64, ty: Type) -> TokenStream {
    match ty.width {
        1 => {
            let bit = value != 0;
            quote!(#bit)
        }
        2..=32 => {
            let literal = Literal::u32_suffixed(value as u32);
            quote!(#literal)
        }
        _ => {
            let literal = Literal::u64_suffixed(value);
            quote!(#literal)
        }
    }
}

/// Cuts excess bits off.
fn masked(value: TokenStream, ty: Type) -> TokenStream {
    if ty.width == 1 || ty.width == container(ty) {
        return value;
    }
    let mask = super::hex((1u64 << ty.width) - 1);
    quote!((#value & #mask))
}

/// The value as a signed Rust integer.
fn as_signed(value: &TokenStream, ty: Type) -> TokenStream {
    let signed = signed_type(ty);
    let excess = Literal::u32_unsuffixed(container(ty) - ty.width);
    match ty.width {
        1 => quote!((-i32::from(#value))),
        width if width == container(ty) => quote!((#value as #signed)),
        _ => quote!((((#value << #excess) as #signed) >> #excess)),
    }
}

/// The value as a cell: a word, sign-extended if the type is signed, as range classes have it.
pub(super) fn to_cell(value: TokenStream, ty: Type) -> TokenStream {
    if ty.signed {
        let signed = as_signed(&quote!((#value)), ty);
        return quote!(#signed as Word);
    }
    match ty.width {
        1 => quote!(Word::from(#value)),
        _ => value,
    }
}

/// A cell as a value: without the bits above the type's width.
pub(super) fn from_cell(cell: TokenStream, ty: Type) -> TokenStream {
    match ty.width {
        1 if ty.signed => quote!((#cell & 1 != 0)),
        1 => quote!((#cell != 0)),
        _ if ty.signed => masked(cell, ty),
        _ => cell,
    }
}

/// Converts between the containers; the value must fit.
fn resize(value: TokenStream, from: Type, to: Type) -> TokenStream {
    let (from_type, to_type) = (rust_type(from), rust_type(to));
    match (from.width, to.width) {
        (1, 1) => value,
        (_, 1) => quote!((#value != 0)),
        (1, _) => quote!(#to_type::from(#value)),
        _ if from_type.to_string() == to_type.to_string() => value,
        _ => quote!((#value as #to_type)),
    }
}

/// The expression as Rust, without parentheses around the whole.
pub(super) fn expr(e: &Expr, names: &impl Names) -> TokenStream {
    let tokens = operand(e, names);
    let mut trees = tokens.clone().into_iter();
    match (trees.next(), trees.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::Parenthesis => {
            group.stream()
        }
        _ => tokens,
    }
}

/// The expression as an operand: one token, a call, or something in parentheses.
fn operand(e: &Expr, names: &impl Names) -> TokenStream {
    match &e.kind {
        ExprKind::Const(value) => literal(*value, e.ty),
        ExprKind::Read(port) => {
            let name = ident(&format!("rs{}", port + 1));
            quote!(#name)
        }
        ExprKind::Pc => quote!(op.pc),
        ExprKind::Imm => quote!(op.imm),
        ExprKind::Local(name) => {
            let name = ident(&format!("v_{name}"));
            quote!(#name)
        }
        ExprKind::Loaded => quote!(loaded.value),
        ExprKind::Taken => quote!(taken),
        ExprKind::Allows(stores, a) => {
            let address = expr(a, names);
            let question = ident(if *stores { "writable" } else { "readable" });
            quote!(ports.#question(#address))
        }
        ExprKind::Op(fact) => names.fact(*fact),
        ExprKind::Column(column) => names.column(*column, e.ty),
        ExprKind::Unary(op, a) => unary(*op, &operand(a, names), a.ty),
        ExprKind::Binary(op, a, b) => binary(*op, a, b, names),
        ExprKind::Slice(a, lo) => {
            let value = operand(a, names);
            let shifted = match (a.ty.width, lo) {
                (1, _) | (_, 0) => value,
                _ => {
                    let lo = Literal::u32_unsuffixed(*lo);
                    quote!((#value >> #lo))
                }
            };
            if e.ty.width == 1 && a.ty.width > 1 {
                return quote!((#shifted & 1 != 0));
            }
            masked(resize(shifted, a.ty, e.ty), e.ty)
        }
        ExprKind::Extend(a, true) => {
            let value = operand(a, names);
            let (signed, to) = (as_signed(&value, a.ty), rust_type(e.ty));
            masked(quote!((#signed as #to)), e.ty)
        }
        ExprKind::Extend(a, false) => resize(operand(a, names), a.ty, e.ty),
        ExprKind::Reinterpret(a) => operand(a, names),
        ExprKind::If(c, a, b) => {
            let (c, a) = (expr(c, names), expr(a, names));
            let b = match &b.kind {
                ExprKind::If(..) => expr(b, names),
                _ => {
                    let b = expr(b, names);
                    quote!({ #b })
                }
            };
            quote!((if #c { #a } else #b))
        }
    }
}

/// An operation on a value of this type.
fn unary(op: UnaryOp, a: &TokenStream, ty: Type) -> TokenStream {
    match op {
        UnaryOp::Not => masked(quote!((!#a)), ty),
        UnaryOp::Neg if ty.width == 1 => quote!(#a),
        UnaryOp::Neg => masked(quote!(#a.wrapping_neg()), ty),
        UnaryOp::CountOnes if ty.width == 1 => quote!(#a),
        // A u32 whatever it counts, and what holds a count: seven bits at most.
        UnaryOp::CountOnes => quote!(#a.count_ones()),
    }
}

fn binary(op: BinaryOp, left: &Expr, right: &Expr, names: &impl Names) -> TokenStream {
    let ty = left.ty;
    let (a, b) = (operand(left, names), operand(right, names));
    if ty.width == 1 {
        return binary_bit(op, &a, &b, ty.signed);
    }
    match op {
        BinaryOp::Add => masked(quote!(#a.wrapping_add(#b)), ty),
        BinaryOp::Sub => masked(quote!(#a.wrapping_sub(#b)), ty),
        BinaryOp::Mul => masked(quote!(#a.wrapping_mul(#b)), ty),
        BinaryOp::Div => divide(&quote!(wrapping_div), &a, &b, ty),
        BinaryOp::Rem => divide(&quote!(wrapping_rem), &a, &b, ty),
        BinaryOp::And => quote!((#a & #b)),
        BinaryOp::Or => quote!((#a | #b)),
        BinaryOp::Xor => quote!((#a ^ #b)),
        BinaryOp::Shl => {
            let b = amount(right, &b);
            masked(quote!(#a.wrapping_shl(#b)), ty)
        }
        BinaryOp::Shr => {
            let b = amount(right, &b);
            if ty.signed {
                let (signed, unsigned) = (as_signed(&a, ty), rust_type(ty));
                return masked(quote!((#signed.wrapping_shr(#b) as #unsigned)), ty);
            }
            quote!(#a.wrapping_shr(#b))
        }
        BinaryOp::Eq => quote!((#a == #b)),
        BinaryOp::Ne => quote!((#a != #b)),
        _ => {
            let (a, b) = match ty.signed {
                true => (as_signed(&a, ty), as_signed(&b, ty)),
                false => (a, b),
            };
            match op {
                BinaryOp::Lt => quote!((#a < #b)),
                BinaryOp::Le => quote!((#a <= #b)),
                BinaryOp::Gt => quote!((#a > #b)),
                _ => quote!((#a >= #b)),
            }
        }
    }
}

/// A quotient or remainder; by zero it is 0.
fn divide(method: &TokenStream, a: &TokenStream, b: &TokenStream, ty: Type) -> TokenStream {
    // The divisor is named, since it is read twice: divisions nested in it would double at each level.
    let (zero, divisor) = (literal(0, ty), quote!(divisor));
    let quotient = if ty.signed {
        let (a, b, unsigned) = (as_signed(a, ty), as_signed(&divisor, ty), rust_type(ty));
        masked(quote!((#a.#method(#b) as #unsigned)), ty)
    } else {
        quote!(#a.#method(#divisor))
    };
    quote!((match #b { #zero => #zero, divisor => #quotient }))
}

/// A shift's amount as `u32`; the check bounds its width, so that it never reaches the operand's.
fn amount(expr: &Expr, value: &TokenStream) -> TokenStream {
    resize(value.clone(), expr.ty, Type::unsigned(32))
}

fn binary_bit(op: BinaryOp, a: &TokenStream, b: &TokenStream, signed: bool) -> TokenStream {
    // As a signed bit, one is -1: the order turns round.
    let (low, high) = if signed { (b, a) } else { (a, b) };
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Xor | BinaryOp::Ne => quote!((#a ^ #b)),
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::And => quote!((#a & #b)),
        BinaryOp::Rem => quote!(false),
        BinaryOp::Or => quote!((#a | #b)),
        BinaryOp::Eq => quote!((#a == #b)),
        BinaryOp::Lt => quote!((!#low & #high)),
        BinaryOp::Le => quote!((!#low | #high)),
        BinaryOp::Gt => quote!((#low & !#high)),
        BinaryOp::Ge => quote!((#low | !#high)),
        BinaryOp::Shl => quote!((#a & !#b)),
        BinaryOp::Shr if signed => quote!(#a),
        BinaryOp::Shr => quote!((#a & !#b)),
    }
}
