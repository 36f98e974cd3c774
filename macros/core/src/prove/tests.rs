//! The translation: a solver finds that expressions are worth what the language's own evaluation says, in both theories.

use std::collections::BTreeMap;

use super::claim::{Claim, Must, Value};
use super::expressions::{be, binary, bit, constant, slice};
use super::term::Theory;
use super::{Lemma, Outcome, Solver, Subject};
use crate::ir::{self, BinaryOp, Expr, ExprKind, Type, UnaryOp};
use crate::units::form::{Form, Var};

const X: Var = Var::Operand(0);
const Y: Var = Var::Operand(1);

fn named(name: &str, ty: Type) -> Expr {
    Expr::new(ExprKind::Local(name.to_owned()), ty)
}

/// Every operation on two values of a type.
fn expressions(ty: Type) -> Vec<Expr> {
    use BinaryOp::{Add, And, Div, Eq, Ge, Gt, Le, Lt, Mul, Ne, Or, Rem, Shl, Shr, Sub, Xor};
    let (x, y) = (named("x", ty), named("y", ty));
    let of = |op: BinaryOp| match op.is_comparison() {
        true => bit(op, x.clone(), y.clone()),
        false => binary(op, x.clone(), y.clone()),
    };
    let mut all: Vec<Expr> =
        [Add, Sub, Mul, Div, Rem, And, Or, Xor, Eq, Ne, Lt, Le, Gt, Ge].into_iter().map(of).collect();
    if let Some(bits) = ty.amount_bits() {
        let amount = slice(&y, 0, bits);
        all.extend([Shl, Shr].map(|op| binary(op, x.clone(), amount.clone())));
        let one = Expr::new(ExprKind::Const(1), ty);
        all.extend([Shl, Shr].map(|op| binary(op, one.clone(), amount.clone())));
        all.push(slice(&x, 1, ty.width - 1));
        all.push(binary(And, x.clone(), Expr::new(ExprKind::Const(ty.width.into()), ty)));
    }
    let unary = |op, ty| Expr::new(ExprKind::Unary(op, Box::new(x.clone())), ty);
    all.extend([unary(UnaryOp::Not, ty), unary(UnaryOp::Neg, ty), unary(UnaryOp::CountOnes, ty.count())]);
    for sign in [false, true] {
        let wide = Type { width: ty.width + 7, ..ty };
        all.push(Expr::new(ExprKind::Extend(Box::new(x.clone()), sign), wide));
    }
    let other = Type { signed: !ty.signed, ..ty };
    all.push(Expr::new(ExprKind::Reinterpret(Box::new(x.clone())), other));
    let condition = bit(Lt, x.clone(), y.clone());
    all.push(Expr::new(ExprKind::If(Box::new(condition), Box::new(y), Box::new(x)), ty));
    all
}

/// A claim that an expression is an integer where x and y have these bits.
fn claim(ty: Type, (x, y): (u64, u64), e: &Expr, is: i128) -> Claim {
    let mut claim = Claim::default();
    for (var, name, value) in [(X, "x", x), (Y, "y", y)] {
        claim.names.insert(var, format!("let.{name}"));
        claim.ranges.insert(var, (0, i128::from(u64::MAX >> (64 - ty.width))));
        claim.values.push((name.to_owned(), Value::Bits(var, ty.width)));
        claim.given.push(bit(BinaryOp::Eq, named(name, ty), Expr::new(ExprKind::Const(value), ty)));
    }
    claim.goals.push(be("the value", Form::constant(is), e.clone()));
    claim
}

#[test]
#[allow(clippy::expect_used, clippy::panic, clippy::print_stderr)]
fn terms_are_worth_what_expressions_are() {
    let solver = Solver::find();
    if solver.is_none() {
        eprintln!("no solver: the translation is written, and not compared");
    }
    for ty in [1, 5, 8, 32].into_iter().flat_map(|width| [false, true].map(|signed| Type { signed, width })) {
        let top = u64::MAX >> (64 - ty.width);
        let half = top / 2 + 1;
        for (x, y) in [(0, 0), (half, top), (top, 1), (half | 1, 0), (top / 3, half)] {
            for theory in [Theory::Integers, Theory::Vectors] {
                // All expressions in one claim, and the same with each goal off by one.
                let mut right = claim(ty, (x, y), &constant(1, 1), 1);
                for e in expressions(ty) {
                    let row = BTreeMap::from([(X, i128::from(x)), (Y, i128::from(y))]);
                    let bits = ir::eval(&e, &right.row(&row));
                    let is = if e.ty.signed { ir::signed(bits, e.ty).into() } else { bits.into() };
                    let one = claim(ty, (x, y), &e, is);
                    if one.script(theory, &super::claim::Case::default()).is_ok() {
                        right.goals.extend(one.goals);
                    }
                }
                let Some(solver) = &solver else { continue };
                let lemma = |claim| Lemma { subject: Subject::Rule, name: String::new(), claim };
                let decided = |claim| {
                    let lemma = lemma(claim);
                    solver
                        .case(&lemma, theory, &super::claim::Case::default(), solver.timeout)
                        .expect("an answer")
                };
                assert_eq!(decided(right.clone()), Outcome::Proven, "{ty} {x:#x} {y:#x} {theory:?}");
                for goal in &mut right.goals {
                    if let Must::Be(form, _) = &mut goal.must {
                        *form = &*form + &Form::constant(1);
                    }
                }
                let Outcome::Refuted { missed, .. } = decided(right.clone()) else {
                    panic!("{ty} {theory:?}")
                };
                assert_eq!(missed.len(), right.goals.len());
            }
        }
    }
}
