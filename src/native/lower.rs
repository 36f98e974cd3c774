//! Expressions as Cranelift values: one bit is an `i8`, up to 32 bits an `i32`, up to 64 an `i64`, always without
//! excess bits.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, Value, types};
use cranelift_frontend::FunctionBuilder;

use crate::isa::{BinaryOp, Expr, ExprKind, Type, UnaryOp, Word};

/// What the leaves of an instruction's expressions are.
pub(super) struct Leaves {
    /// The ports' values; none where the instruction has no such port.
    pub(super) reads: [Option<Value>; crate::isa::READS.len()],
    pub(super) pc: Word,
    pub(super) imm: Word,
    pub(super) locals: Vec<Value>,
    pub(super) loaded: Option<Value>,
}

/// The type that holds values of a type.
fn container(ty: Type) -> ir::Type {
    match ty.width {
        1 => types::I8,
        2..=32 => types::I32,
        _ => types::I64,
    }
}

/// Lowers an expression; none if it says what native code cannot: a call's reply, a port that is not there.
pub(super) fn lower(b: &mut FunctionBuilder<'_>, e: &Expr, leaves: &Leaves) -> Option<Value> {
    Some(match e.kind {
        ExprKind::Const(value) => constant(b, e.ty, value),
        ExprKind::Read(port) => (*leaves.reads.get(usize::from(port))?)?,
        ExprKind::Pc => constant(b, e.ty, leaves.pc.into()),
        ExprKind::Imm => constant(b, e.ty, leaves.imm.into()),
        ExprKind::Local(place) => *leaves.locals.get(usize::from(place))?,
        ExprKind::Loaded => leaves.loaded?,
        ExprKind::Unary(op, a) => {
            let value = lower(b, a, leaves)?;
            unary(b, op, value, a.ty, e.ty)
        }
        ExprKind::Binary(op, left, right) => {
            let (x, y) = (lower(b, left, leaves)?, lower(b, right, leaves)?);
            match left.ty.width {
                1 => binary_bit(b, op, x, y, left.ty.signed),
                _ => binary(b, op, x, y, left.ty),
            }
        }
        ExprKind::Slice(a, lo) => {
            let value = lower(b, a, leaves)?;
            let shifted = match (a.ty.width, lo) {
                (1, _) | (_, 0) => value,
                _ => b.ins().ushr_imm_u(value, i64::from(lo)),
            };
            let shifted = resize(b, shifted, container(e.ty));
            match e.ty.width {
                1 if a.ty.width > 1 => b.ins().band_imm_u(shifted, 1),
                _ => masked(b, shifted, e.ty),
            }
        }
        ExprKind::Extend(a, true) => {
            let value = lower(b, a, leaves)?;
            let signed = as_signed(b, value, a.ty);
            let signed = match container(e.ty) {
                types::I64 if b.func.dfg.value_type(signed) == types::I32 => {
                    b.ins().sextend(types::I64, signed)
                }
                to => resize(b, signed, to),
            };
            match e.ty.width {
                1 => value,
                _ => masked(b, signed, e.ty),
            }
        }
        ExprKind::Extend(a, false) => {
            let value = lower(b, a, leaves)?;
            resize(b, value, container(e.ty))
        }
        ExprKind::Reinterpret(a) => lower(b, a, leaves)?,
        ExprKind::If(c, x, y) => choose(b, c, x, y, leaves)?,
    })
}

pub(super) fn constant(b: &mut FunctionBuilder<'_>, ty: Type, value: u64) -> Value {
    b.ins().iconst(container(ty), value.cast_signed())
}

/// Zero-extends, or drops the upper bits.
fn resize(b: &mut FunctionBuilder<'_>, value: Value, to: ir::Type) -> Value {
    let from = b.func.dfg.value_type(value);
    match from.bits().cmp(&to.bits()) {
        core::cmp::Ordering::Less => b.ins().uextend(to, value),
        core::cmp::Ordering::Equal => value,
        core::cmp::Ordering::Greater => b.ins().ireduce(to, value),
    }
}

/// Cuts excess bits off.
fn masked(b: &mut FunctionBuilder<'_>, value: Value, ty: Type) -> Value {
    if ty.width == 1 || ty.width == container(ty).bits() {
        return value;
    }
    b.ins().band_imm_u(value, ((1u64 << ty.width) - 1).cast_signed())
}

/// The integer that the bits stand for, in 32 or 64 bits.
fn as_signed(b: &mut FunctionBuilder<'_>, value: Value, ty: Type) -> Value {
    if ty.width == 1 {
        let wide = b.ins().uextend(types::I32, value);
        return b.ins().ineg(wide);
    }
    let to = container(ty);
    match ty.width {
        width if width == to.bits() => value,
        8 => {
            let byte = b.ins().ireduce(types::I8, value);
            b.ins().sextend(to, byte)
        }
        16 => {
            let half = b.ins().ireduce(types::I16, value);
            b.ins().sextend(to, half)
        }
        width => {
            let excess = i64::from(to.bits() - width);
            let shifted = b.ins().ishl_imm_u(value, excess);
            b.ins().sshr_imm_u(shifted, excess)
        }
    }
}

fn unary(b: &mut FunctionBuilder<'_>, op: UnaryOp, a: Value, ty: Type, to: Type) -> Value {
    match (op, ty.width) {
        (UnaryOp::Not, 1) => b.ins().bxor_imm_u(a, 1),
        (UnaryOp::Neg | UnaryOp::CountOnes, 1) => a,
        (UnaryOp::Not, _) => {
            let not = b.ins().bnot(a);
            masked(b, not, ty)
        }
        (UnaryOp::Neg, _) => {
            let negated = b.ins().ineg(a);
            masked(b, negated, ty)
        }
        (UnaryOp::CountOnes, _) => {
            let count = b.ins().popcnt(a);
            resize(b, count, container(to))
        }
    }
}

fn binary(b: &mut FunctionBuilder<'_>, op: BinaryOp, x: Value, y: Value, ty: Type) -> Value {
    let result = match op {
        BinaryOp::Add => b.ins().iadd(x, y),
        BinaryOp::Sub => b.ins().isub(x, y),
        BinaryOp::Mul => b.ins().imul(x, y),
        BinaryOp::Div | BinaryOp::Rem => divide(b, op, x, y, ty),
        BinaryOp::And => return b.ins().band(x, y),
        BinaryOp::Or => return b.ins().bor(x, y),
        BinaryOp::Xor => return b.ins().bxor(x, y),
        BinaryOp::Shl => b.ins().ishl(x, y),
        BinaryOp::Shr if ty.signed => {
            let x = as_signed(b, x, ty);
            b.ins().sshr(x, y)
        }
        BinaryOp::Shr => return b.ins().ushr(x, y),
        BinaryOp::Eq => return b.ins().icmp(IntCC::Equal, x, y),
        BinaryOp::Ne => return b.ins().icmp(IntCC::NotEqual, x, y),
        BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
            let (x, y) = match ty.signed {
                true => (as_signed(b, x, ty), as_signed(b, y, ty)),
                false => (x, y),
            };
            let condition = match op {
                BinaryOp::Lt => IntCC::SignedLessThan,
                BinaryOp::Le => IntCC::SignedLessThanOrEqual,
                BinaryOp::Gt => IntCC::SignedGreaterThan,
                _ => IntCC::SignedGreaterThanOrEqual,
            };
            return b.ins().icmp(if ty.signed { condition } else { condition.unsigned() }, x, y);
        }
    };
    masked(b, result, ty)
}

/// A quotient or remainder; by zero it is 0, and it wraps. The host's division never sees what it traps at.
fn divide(b: &mut FunctionBuilder<'_>, op: BinaryOp, x: Value, y: Value, ty: Type) -> Value {
    let narrow = b.func.dfg.value_type(x);
    let (zero, one) = (b.ins().iconst(narrow, 0), b.ins().iconst(narrow, 1));
    let by_zero = b.ins().icmp_imm_u(IntCC::Equal, y, 0);
    let result = if !ty.signed {
        let y = b.ins().select(by_zero, one, y);
        if op == BinaryOp::Div { b.ins().udiv(x, y) } else { b.ins().urem(x, y) }
    } else {
        // The one overflow is of the least number by -1: there the quotient wraps to the dividend, as by 1, and the
        // remainder is 0, as by 1.
        let (x, y) = (as_signed(b, x, ty), as_signed(b, y, ty));
        let minus_one = b.ins().icmp_imm_s(IntCC::Equal, y, -1);
        let least = b.ins().icmp_imm_s(IntCC::Equal, x, i64::MIN >> (64 - narrow.bits()));
        let overflow = b.ins().band(minus_one, least);
        let unsafe_divisor = b.ins().bor(by_zero, overflow);
        let y = b.ins().select(unsafe_divisor, one, y);
        if op == BinaryOp::Div { b.ins().sdiv(x, y) } else { b.ins().srem(x, y) }
    };
    b.ins().select(by_zero, zero, result)
}

fn binary_bit(b: &mut FunctionBuilder<'_>, op: BinaryOp, x: Value, y: Value, signed: bool) -> Value {
    let not = |b: &mut FunctionBuilder<'_>, value| b.ins().bxor_imm_u(value, 1);
    // As a signed bit, one is -1: the order turns round.
    let (low, high) = if signed { (y, x) } else { (x, y) };
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Xor | BinaryOp::Ne => b.ins().bxor(x, y),
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::And => b.ins().band(x, y),
        BinaryOp::Rem => b.ins().iconst(types::I8, 0),
        BinaryOp::Or => b.ins().bor(x, y),
        BinaryOp::Eq => {
            let differ = b.ins().bxor(x, y);
            not(b, differ)
        }
        BinaryOp::Lt => {
            let low = not(b, low);
            b.ins().band(low, high)
        }
        BinaryOp::Le => {
            let low = not(b, low);
            b.ins().bor(low, high)
        }
        BinaryOp::Gt => {
            let high = not(b, high);
            b.ins().band(low, high)
        }
        BinaryOp::Ge => {
            let high = not(b, high);
            b.ins().bor(low, high)
        }
        BinaryOp::Shr if signed => x,
        BinaryOp::Shl | BinaryOp::Shr => {
            let y = not(b, y);
            b.ins().band(x, y)
        }
    }
}

/// Both are computed and one is chosen, but where a division would be computed in vain.
fn choose(b: &mut FunctionBuilder<'_>, c: &Expr, x: &Expr, y: &Expr, leaves: &Leaves) -> Option<Value> {
    let condition = lower(b, c, leaves)?;
    if !divides(x) && !divides(y) {
        let (x, y) = (lower(b, x, leaves)?, lower(b, y, leaves)?);
        return Some(b.ins().select(condition, x, y));
    }
    let [then, otherwise, after] = core::array::from_fn(|_| b.create_block());
    let result = b.append_block_param(after, container(x.ty));
    b.ins().brif(condition, then, &[], otherwise, &[]);
    for (block, value) in [(then, x), (otherwise, y)] {
        b.seal_block(block);
        b.switch_to_block(block);
        let value = lower(b, value, leaves)?;
        b.ins().jump(after, &[value.into()]);
    }
    b.seal_block(after);
    b.switch_to_block(after);
    Some(result)
}

fn divides(e: &Expr) -> bool {
    match e.kind {
        ExprKind::Binary(BinaryOp::Div | BinaryOp::Rem, ..) => true,
        ExprKind::Unary(_, a) | ExprKind::Slice(a, _) | ExprKind::Extend(a, _) | ExprKind::Reinterpret(a) => {
            divides(a)
        }
        ExprKind::Binary(_, a, b) => divides(a) || divides(b),
        ExprKind::If(c, a, b) => divides(c) || divides(a) || divides(b),
        _ => false,
    }
}
