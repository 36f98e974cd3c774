//! What an expression is worth: the IR's own meaning, for the checker, which runs instructions before there is any
//! generated code.

use super::{BinaryOp, Expr, ExprKind, OpFact, Type, UnaryOp};

/// What the leaves of an expression are worth. Values are unsigned bits, none above the leaf's width.
pub trait Environment {
    /// A read port's value.
    fn read(&self, port: usize) -> u64;
    /// The instruction's address.
    fn pc(&self) -> u64;
    /// The immediate.
    fn imm(&self) -> u64;
    /// A `let`.
    fn local(&self, name: &str) -> u64;
    /// What was loaded.
    fn loaded(&self) -> u64;
    /// What was taken of the input.
    fn taken(&self) -> u64;
    /// Whether a load, or a store, at the address is one that the policy allows.
    fn allows(&self, stores: bool, address: u64) -> bool;
    /// A fact of the instruction.
    fn fact(&self, fact: OpFact) -> u64;
    /// A column's cell.
    fn cell(&self, column: usize) -> u64;
}

/// The value's bits, none above the type's width. O(size of the expression).
pub fn eval(e: &Expr, env: &impl Environment) -> u64 {
    let value = match &e.kind {
        ExprKind::Const(value) => *value,
        ExprKind::Read(port) => env.read(*port),
        ExprKind::Pc => env.pc(),
        ExprKind::Imm => env.imm(),
        ExprKind::Local(name) => env.local(name),
        ExprKind::Loaded => env.loaded(),
        ExprKind::Taken => env.taken(),
        ExprKind::Allows(stores, address) => env.allows(*stores, eval(address, env)).into(),
        ExprKind::Op(fact) => env.fact(*fact),
        ExprKind::Column(column) => env.cell(*column),
        ExprKind::Unary(op, a) => unary(*op, eval(a, env)),
        ExprKind::Binary(op, a, b) => binary(*op, a.ty, eval(a, env), eval(b, env)),
        ExprKind::Slice(a, lo) => eval(a, env) >> lo,
        ExprKind::Extend(a, true) => signed(eval(a, env), Type { signed: true, ..a.ty }).cast_unsigned(),
        ExprKind::Extend(a, false) | ExprKind::Reinterpret(a) => eval(a, env),
        ExprKind::If(c, a, b) => eval(if eval(c, env) != 0 { a } else { b }, env),
    };
    value & mask(e.ty)
}

fn mask(ty: Type) -> u64 {
    u64::MAX >> (64 - ty.width)
}

/// The integer that the bits stand for; an unsigned value of 64 bits wraps.
pub fn signed(bits: u64, ty: Type) -> i64 {
    let excess = 64 - ty.width;
    match ty.signed {
        true => (bits << excess).cast_signed() >> excess,
        false => bits.cast_signed(),
    }
}

fn unary(op: UnaryOp, a: u64) -> u64 {
    match op {
        UnaryOp::Not => !a,
        UnaryOp::Neg => a.wrapping_neg(),
        UnaryOp::CountOnes => a.count_ones().into(),
    }
}

pub(super) fn binary(op: BinaryOp, ty: Type, a: u64, b: u64) -> u64 {
    let order = match ty.signed {
        true => signed(a, ty).cmp(&signed(b, ty)),
        false => a.cmp(&b),
    };
    match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div | BinaryOp::Rem if b == 0 => 0,
        BinaryOp::Div if ty.signed => signed(a, ty).wrapping_div(signed(b, ty)).cast_unsigned(),
        BinaryOp::Rem if ty.signed => signed(a, ty).wrapping_rem(signed(b, ty)).cast_unsigned(),
        BinaryOp::Div => a / b,
        BinaryOp::Rem => a % b,
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Shl if b >= 64 => 0,
        BinaryOp::Shl => a << b,
        BinaryOp::Shr if ty.signed => (signed(a, ty) >> b.min(63)).cast_unsigned(),
        BinaryOp::Shr if b >= 64 => 0,
        BinaryOp::Shr => a >> b,
        BinaryOp::Eq => (a == b).into(),
        BinaryOp::Ne => (a != b).into(),
        BinaryOp::Lt => order.is_lt().into(),
        BinaryOp::Le => order.is_le().into(),
        BinaryOp::Gt => order.is_gt().into(),
        BinaryOp::Ge => order.is_ge().into(),
    }
}
