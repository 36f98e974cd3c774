//! Expressions that claims are made of: of memory, and the small parts of others.

use super::claim::{Goal, Must};
use crate::ir::{BinaryOp, Expr, ExprKind, Type, UnaryOp};
use crate::units::form::Form;
use crate::units::select::rebuilt;

/// The least and the greatest word.
pub(super) const WORD: (i128, i128) = (0, (1 << 32) - 1);

/// A condition with what it says of memory in terms of the word that is accessed: it can be accessed, and its flag says
/// whether it can be stored to. Nothing is known of other words.
pub(super) fn allowed(condition: &Expr, accesses: bool) -> Expr {
    match &condition.kind {
        ExprKind::Allows(stores, a) if accesses => {
            let accessed = Expr::new(ExprKind::Local("address".to_owned()), Type::unsigned(64));
            let same = bit(BinaryOp::Eq, accessed, extended(&word_of(a), 64));
            let flag = if *stores { local("mem.writable", 1) } else { constant(1, 1) };
            // Of another word a condition and its negation are both unknown: no value is right.
            let unknown = Expr::new(ExprKind::Allows(*stores, a.clone()), Type::unsigned(1));
            let kind = ExprKind::If(Box::new(same), Box::new(flag), Box::new(unknown));
            Expr::new(kind, Type::unsigned(1))
        }
        _ => rebuilt(condition, &|part| allowed(part, accesses)),
    }
}

/// The address of the word that holds a byte.
pub(super) fn word_of(a: &Expr) -> Expr {
    binary(BinaryOp::And, a.clone(), constant(0xffff_fffc, 32))
}

/// That an address is a multiple of the size of what is there.
pub(super) fn aligned(bits: u32, a: &Expr) -> Option<Goal> {
    let lanes = (bits / 8).ilog2();
    (lanes > 0).then(|| {
        let zero = bit(BinaryOp::Eq, slice(a, 0, lanes), constant(0, lanes));
        Goal { what: "an aligned address".to_owned(), must: Must::Hold(zero) }
    })
}

/// How far the bytes at an address are from the low end of its word, in bits.
pub(super) fn distance(a: &Expr) -> Expr {
    binary(BinaryOp::Shl, extended(&slice(a, 0, 2), 5), constant(3, 2))
}

pub(super) fn loaded(bits: u32, a: &Expr, before: &Expr) -> Expr {
    match bits {
        32 => before.clone(),
        _ => slice(&binary(BinaryOp::Shr, before.clone(), distance(a)), 0, bits),
    }
}

pub(super) fn stored(bits: u32, a: &Expr, value: &Expr, before: &Expr) -> Expr {
    if bits == 32 {
        return value.clone();
    }
    let mask = binary(BinaryOp::Shl, constant((1 << bits) - 1, 32), distance(a));
    let kept = binary(BinaryOp::And, before.clone(), not(mask));
    binary(BinaryOp::Or, kept, binary(BinaryOp::Shl, extended(value, 32), distance(a)))
}

pub(super) fn be(what: &str, form: Form, e: Expr) -> Goal {
    Goal { what: what.to_owned(), must: Must::Be(form, e) }
}

pub(super) fn local(name: &str, bits: u32) -> Expr {
    Expr::new(ExprKind::Local(name.to_owned()), Type::unsigned(bits))
}

pub(super) fn constant(value: u64, bits: u32) -> Expr {
    Expr::new(ExprKind::Const(value), Type::unsigned(bits))
}

pub(super) fn binary(op: BinaryOp, a: Expr, b: Expr) -> Expr {
    let ty = a.ty;
    Expr::new(ExprKind::Binary(op, Box::new(a), Box::new(b)), ty)
}

pub(super) fn bit(op: BinaryOp, a: Expr, b: Expr) -> Expr {
    Expr::new(ExprKind::Binary(op, Box::new(a), Box::new(b)), Type::unsigned(1))
}

pub(super) fn not(a: Expr) -> Expr {
    let ty = a.ty;
    Expr::new(ExprKind::Unary(UnaryOp::Not, Box::new(a)), ty)
}

pub(super) fn slice(a: &Expr, lo: u32, bits: u32) -> Expr {
    Expr::new(ExprKind::Slice(Box::new(a.clone()), lo), Type::unsigned(bits))
}

pub(super) fn extended(a: &Expr, bits: u32) -> Expr {
    match a.ty.width < bits {
        true => Expr::new(ExprKind::Extend(Box::new(a.clone()), false), Type { width: bits, ..a.ty }),
        false => a.clone(),
    }
}
