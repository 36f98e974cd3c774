//! Expressions of the language as numbers.
//!
//! A value of w bits is held as any integer that is congruent to it modulo 2^w: sums and products need no reduction, and
//! the theory of integers sees a product as the product that a relation has. What asks for the bits reduces it.

use std::collections::BTreeMap;

use super::number::{Number, Script};
use super::term::{Term, Unwritable, all, any, not};
use crate::ir::{BinaryOp, Expr, ExprKind, Type, UnaryOp};

/// The names that expressions use: `Read(0)` is `rs1`, and so on.
pub(super) type Names = BTreeMap<String, Number>;

/// A representative of this size is reduced before anything is done with it.
const MAX_SIZE: u32 = 100;

pub(super) struct Values<'a> {
    pub(super) script: &'a mut Script,
    pub(super) names: &'a Names,
}

impl Values<'_> {
    /// An integer that is congruent to the value.
    pub(super) fn of(&mut self, e: &Expr) -> Result<Number, Unwritable> {
        let width = e.ty.width;
        let number = match &e.kind {
            ExprKind::Const(value) => self.script.constant((*value).into()),
            ExprKind::Read(port) => self.name(&format!("rs{}", port + 1))?,
            ExprKind::Pc => self.name("pc")?,
            ExprKind::Imm => self.name("imm")?,
            ExprKind::Local(name) => self.name(name)?,
            ExprKind::Loaded => self.name(LOADED)?,
            ExprKind::Taken => self.name("input")?,
            ExprKind::Unary(UnaryOp::Not, a) => {
                let a = self.of(a)?;
                let minus = self.script.scale(&a, -1)?;
                let one = self.script.constant(-1);
                self.script.add(&minus, &one)?
            }
            ExprKind::Unary(UnaryOp::Neg, a) => {
                let a = self.of(a)?;
                self.script.scale(&a, -1)?
            }
            ExprKind::Unary(UnaryOp::CountOnes, a) => self.ones(a)?,
            ExprKind::Binary(op, a, b) => self.binary(*op, a, b)?,
            ExprKind::Slice(a, lo) => {
                let a = self.of(a)?;
                let from = self.script.high(&a, *lo);
                self.script.low(&from, width)
            }
            ExprKind::Extend(a, true) => self.signed(a)?,
            ExprKind::Extend(a, false) => self.bits(a)?,
            ExprKind::Reinterpret(a) => self.of(a)?,
            ExprKind::If(c, a, b) => {
                let (c, a, b) = (self.holds(c)?, self.of(a)?, self.of(b)?);
                self.script.ite(c, &a, &b)
            }
            // Whether memory that is not accessed can be is unknown.
            ExprKind::Allows(..) => self.script.unknown(&e.to_string()),
            ExprKind::Op(_) | ExprKind::Column(_) => {
                return Err(Unwritable::Meaningless);
            }
        };
        let is_large = number.max >> MAX_SIZE > 0 || number.min >> MAX_SIZE < -1;
        Ok(if is_large { self.script.low(&number, width) } else { number })
    }

    /// The value as bits: an integer from 0 to 2^w − 1.
    pub(super) fn bits(&mut self, e: &Expr) -> Result<Number, Unwritable> {
        let number = self.of(e)?;
        Ok(self.script.low(&number, e.ty.width))
    }

    /// The value as its top bit's sign says.
    fn signed(&mut self, e: &Expr) -> Result<Number, Unwritable> {
        let number = self.of(e)?;
        let half = 1i128 << (e.ty.width - 1);
        if number.min >= -half && number.max < half {
            return Ok(number);
        }
        let bits = self.script.low(&number, e.ty.width);
        let top = self.script.constant(half);
        let is_less = self.script.less(&bits, &top);
        let whole = self.script.constant(2 * half);
        let negative = self.script.sub(&bits, &whole)?;
        Ok(self.script.ite(is_less, &bits, &negative))
    }

    /// The integer that a value stands for.
    pub(super) fn integer(&mut self, e: &Expr) -> Result<Number, Unwritable> {
        if e.ty.signed { self.signed(e) } else { self.bits(e) }
    }

    /// Whether a bit is 1.
    pub(super) fn holds(&mut self, e: &Expr) -> Result<Term, Unwritable> {
        let bit = self.bits(e)?;
        Ok(self.script.truth(&bit))
    }

    fn name(&self, name: &str) -> Result<Number, Unwritable> {
        self.names.get(name).cloned().ok_or(Unwritable::Meaningless)
    }

    fn ones(&mut self, a: &Expr) -> Result<Number, Unwritable> {
        let bits = self.bits(a)?;
        let mut sum = self.script.constant(0);
        for at in 0..a.ty.width {
            let bit = self.script.high(&bits, at);
            let bit = self.script.low(&bit, 1);
            sum = self.script.add(&sum, &bit)?;
        }
        Ok(sum)
    }

    fn binary(&mut self, op: BinaryOp, a: &Expr, b: &Expr) -> Result<Number, Unwritable> {
        match op {
            BinaryOp::Add => {
                let (a, b) = (self.of(a)?, self.of(b)?);
                self.script.add(&a, &b)
            }
            BinaryOp::Sub => {
                let (a, b) = (self.of(a)?, self.of(b)?);
                self.script.sub(&a, &b)
            }
            BinaryOp::Mul => {
                let (a, b) = (self.of(a)?, self.of(b)?);
                self.script.mul(&a, &b)
            }
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => {
                let (a, b) = (self.bits(a)?, self.bits(b)?);
                match op {
                    BinaryOp::And => self.script.and(&a, &b),
                    BinaryOp::Or => self.script.or(&a, &b),
                    _ => self.script.xor(&a, &b),
                }
            }
            BinaryOp::Shl | BinaryOp::Shr => self.shift(op, a, b),
            BinaryOp::Div | BinaryOp::Rem => self.divide(op, a, b),
            BinaryOp::Eq | BinaryOp::Ne => {
                let (a, b) = (self.bits(a)?, self.bits(b)?);
                let equal = self.script.equal(&a, &b);
                Ok(self.script.bit(if op == BinaryOp::Eq { equal } else { not(equal) }))
            }
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                let (a, b) = (self.integer(a)?, self.integer(b)?);
                let less = match op {
                    BinaryOp::Lt => self.script.less(&a, &b),
                    BinaryOp::Ge => not(self.script.less(&a, &b)),
                    BinaryOp::Gt => self.script.less(&b, &a),
                    _ => not(self.script.less(&b, &a)),
                };
                Ok(self.script.bit(less))
            }
        }
    }

    fn shift(&mut self, op: BinaryOp, a: &Expr, by: &Expr) -> Result<Number, Unwritable> {
        let amount = self.bits(by)?;
        let value = if op == BinaryOp::Shl { self.bits(a)? } else { self.integer(a)? };
        if value.min == value.max {
            // Of a number the few results are told apart by the amount.
            let mut shifted = self.shifted(op, &value, a.ty, amount.max as u32)?;
            for by in (amount.min..amount.max).rev() {
                let one = self.shifted(op, &value, a.ty, by as u32)?;
                let by = self.script.constant(by);
                let is = self.script.equal(&amount, &by);
                shifted = self.script.ite(is, &one, &shifted);
            }
            return Ok(shifted);
        }
        let mut value = value;
        for bit in 0..by.ty.width {
            let is = self.script.high(&amount, bit);
            let is = self.script.low(&is, 1);
            let is = self.script.truth(&is);
            let shifted = self.shifted(op, &value, a.ty, 1 << bit)?;
            value = self.script.ite(is, &shifted, &value);
        }
        Ok(value)
    }

    fn shifted(&mut self, op: BinaryOp, a: &Number, ty: Type, by: u32) -> Result<Number, Unwritable> {
        if op == BinaryOp::Shr {
            return Ok(self.script.high(a, by));
        }
        let kept = self.script.low(a, ty.width.saturating_sub(by));
        self.script.scale(&kept, 1 << by)
    }

    /// Rounded towards zero; by zero it is 0. The one quotient that leaves its width, of the least number by −1, is congruent
    /// to what it wraps to.
    fn divide(&mut self, op: BinaryOp, a: &Expr, b: &Expr) -> Result<Number, Unwritable> {
        let (a, b) = (self.integer(a)?, self.integer(b)?);
        let zero = self.script.constant(0);
        let size = |number: &Number, script: &mut Script| {
            let minus = script.scale(number, -1)?;
            let negative = script.less(number, &zero);
            Ok((script.ite(negative.clone(), &minus, number), negative))
        };
        let (a_size, a_negative) = size(&a, self.script)?;
        let (b_size, b_negative) = size(&b, self.script)?;
        let [quotient, remainder] = self.script.divided(&a_size, &b_size)?;
        let (result, negative) = match op {
            BinaryOp::Rem => (remainder, a_negative),
            _ => {
                let one = all(vec![a_negative.clone(), not(b_negative.clone())]);
                let other = all(vec![not(a_negative), b_negative]);
                (quotient, any(vec![one, other]))
            }
        };
        let minus = self.script.scale(&result, -1)?;
        let result = self.script.ite(negative, &minus, &result);
        let zero = self.script.constant(0);
        let by_zero = self.script.equal(&b, &zero);
        Ok(self.script.ite(by_zero, &zero, &result))
    }
}

/// The name of what a load gives.
pub(super) const LOADED: &str = "loaded";
