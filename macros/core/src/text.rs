//! IR expressions as the spec writes them.
//!
//! In: an expression of a checked [`Model`]. Out: text that types as the same expression again, with no more literal
//! suffixes than that takes, and no more parentheses than that and people take. Pages show what the checker
//! understood, not what was typed.

use crate::ir::{BinaryOp, Expr, ExprKind, Type, UnaryOp};
use crate::model::Model;

/// The text of an expression whose type its place tells.
pub fn expression(model: &Model, expr: &Expr) -> String {
    let mut out = String::new();
    Printer { model, out: &mut out }.expr(expr, true, 0);
    out
}

/// How tightly an operator binds, as in Rust; operands that never need parentheses are 9.
const TIGHTEST: u8 = 9;
const UNARY: u8 = 8;

fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => 7,
        BinaryOp::Add | BinaryOp::Sub => 6,
        BinaryOp::Shl | BinaryOp::Shr => 5,
        BinaryOp::And => 4,
        BinaryOp::Xor => 3,
        BinaryOp::Or => 2,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => 1,
    }
}

/// Within another family an operator stands in parentheses: few people know how tightly `&` binds.
fn family(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => 0,
        other => precedence(other),
    }
}

/// Whether an expression is made of literals alone, and so takes its type from its place.
fn is_untyped(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Const(_) => true,
        ExprKind::Unary(UnaryOp::Not | UnaryOp::Neg, a) => is_untyped(a),
        ExprKind::Binary(_, a, b) => is_untyped(a) && is_untyped(b),
        _ => false,
    }
}

struct Printer<'a> {
    model: &'a Model,
    out: &'a mut String,
}

impl Printer<'_> {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// `known`: whether the place tells the type, so that literals need no suffix; `least`: what binds less tightly
    /// stands in parentheses.
    fn expr(&mut self, expr: &Expr, known: bool, least: u8) {
        let binds = match &expr.kind {
            ExprKind::Binary(op, ..) => precedence(*op),
            ExprKind::Unary(UnaryOp::Not | UnaryOp::Neg, _) => UNARY,
            ExprKind::If(..) => 0,
            _ => TIGHTEST,
        };
        if binds < least {
            self.put("(");
            self.kind(expr, known);
            self.put(")");
        } else {
            self.kind(expr, known);
        }
    }

    fn kind(&mut self, expr: &Expr, known: bool) {
        match &expr.kind {
            ExprKind::Const(value) => self.literal(*value, (!known).then_some(expr.ty)),
            ExprKind::Read(port) => {
                self.put("rs");
                self.put(&(port + 1).to_string());
            }
            ExprKind::Pc => self.put("pc"),
            ExprKind::Imm => self.put("imm"),
            ExprKind::Local(name) => self.put(name),
            ExprKind::Loaded => self.put("loaded"),
            ExprKind::Taken => self.put("taken"),
            ExprKind::Allows(stores, a) => {
                self.put(if *stores { "writable(" } else { "readable(" });
                self.expr(a, true, 0);
                self.put(")");
            }
            ExprKind::Op(op) => {
                self.put("op.");
                self.put(op.name());
            }
            ExprKind::Column(at) => self.put(&self.model.columns[*at].name),
            ExprKind::Unary(UnaryOp::CountOnes, a) => {
                self.put("count_ones(");
                self.expr(a, false, 0);
                self.put(")");
            }
            ExprKind::Unary(op, a) => {
                self.put(op.symbol());
                self.expr(a, known, UNARY);
            }
            ExprKind::Binary(op, a, b) => self.binary(*op, a, b, known),
            ExprKind::Slice(a, lo) => {
                self.expr(a, false, TIGHTEST);
                self.put(&format!("[{lo}..{}]", lo + expr.ty.width));
            }
            ExprKind::Extend(a, by_sign) => {
                let name = if *by_sign { "sext" } else { "zext" };
                self.put(&format!("{name}::<{}>(", expr.ty.width));
                self.expr(a, false, 0);
                self.put(")");
            }
            ExprKind::Reinterpret(a) => {
                self.put(if expr.ty.signed { "signed(" } else { "unsigned(" });
                self.expr(a, known, 0);
                self.put(")");
            }
            ExprKind::If(condition, a, b) => self.choice(condition, a, b, known),
        }
    }

    fn binary(&mut self, op: BinaryOp, a: &Expr, b: &Expr, known: bool) {
        let binds = precedence(op);
        let is_shift = matches!(op, BinaryOp::Shl | BinaryOp::Shr);
        // One operand's type tells the other's; a shift's amount has a type of its own.
        let from_place = known && !op.is_comparison();
        let (known_a, known_b) = if is_shift {
            (known, Some(b.ty) == a.ty.amount_bits().map(Type::unsigned))
        } else {
            (from_place || !is_untyped(b), from_place || !is_untyped(a))
        };
        let least = |operand: &Expr, least: u8| match operand.kind {
            ExprKind::Binary(other, ..) if !op.is_comparison() && family(other) != family(op) => TIGHTEST,
            _ => least,
        };
        self.expr(a, known_a, least(a, if op.is_comparison() { binds + 1 } else { binds }));
        self.put(&format!(" {} ", op.symbol()));
        self.expr(b, known_b, least(b, binds + 1));
    }

    fn choice(&mut self, condition: &Expr, a: &Expr, b: &Expr, known: bool) {
        self.put("if ");
        self.expr(condition, true, 0);
        self.put(" { ");
        self.expr(a, known || !is_untyped(b), 0);
        self.put(" } else ");
        if let ExprKind::If(condition, c, d) = &b.kind {
            self.choice(condition, c, d, known || !is_untyped(a));
        } else {
            self.put("{ ");
            self.expr(b, known || !is_untyped(a), 0);
            self.put(" }");
        }
    }

    /// Masks and the like are read in hexadecimal, counts in decimal.
    fn literal(&mut self, value: u64, ty: Option<Type>) {
        if value > 0xffff {
            let digits = format!("{value:x}");
            self.put("0x");
            for (at, digit) in digits.char_indices() {
                if at > 0 && (digits.len() - at) % 4 == 0 {
                    self.put("_");
                }
                self.out.push(digit);
            }
        } else {
            self.put(&value.to_string());
        }
        if let Some(ty) = ty {
            self.put(&ty.to_string());
        }
    }
}
