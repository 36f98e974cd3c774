//! What instructions do, as data: the spec's typed IR, for back ends that are not Rust.
//!
//! In: nothing. Out: [`Isa::SEMANTICS`](super::Isa::SEMANTICS), from which native code is made. The generated
//! [`step`](super::Isa::step) says the same as Rust. No node serves a single instruction.

use super::{Instruction, Op, WRITES, Word};

/// What one instruction does, in order. At most one memory access or call, one write of each destination, one jump. An access is a
/// load, a store, or a load and then a store of as many bits at the same address.
///
/// The ports are read first. Then names, loads, calls and traps happen in the order of the statements; then the jump's
/// target is checked, then memory is written, then the destinations. So a cycle that traps has changed nothing.
#[derive(Clone, Copy, Debug)]
pub struct Semantics {
    /// The statements.
    pub statements: &'static [SemanticStatement],
}

impl Semantics {
    /// Whether execution may go on at the next address. O(number of statements).
    pub fn goes_on(&self) -> bool {
        let leaves = |statement: &SemanticStatement| {
            matches!(
                statement,
                SemanticStatement::Jump { condition: None, .. } | SemanticStatement::Trap { condition: None }
            )
        };
        !self.statements.iter().any(leaves)
    }

    /// Whether execution may go on elsewhere than at the next address. O(number of statements).
    pub(crate) fn jumps(&self) -> bool {
        self.statements.iter().any(|statement| matches!(statement, SemanticStatement::Jump { .. }))
    }

    /// What an instruction writes to this register, if it does. O(number of statements).
    pub(crate) fn written(&self, instruction: &Instruction, op: &Op, register: u8) -> Option<&Expr> {
        let is_it = |port: u8| {
            let name = WRITES.get(usize::from(port));
            name.is_some_and(|name| instruction.port(name, op.word) == Some(register))
        };
        self.statements.iter().rev().find_map(|statement| match statement {
            SemanticStatement::Write { port, value } if is_it(*port) => Some(value),
            _ => None,
        })
    }

    /// A local, by its place among the instruction's.
    fn local(&self, place: u8) -> Option<&Expr> {
        let mut locals = self.statements.iter().filter_map(|statement| match statement {
            SemanticStatement::Let(value) => Some(value),
            _ => None,
        });
        locals.nth(place.into())
    }

    /// The value of a word that depends on the instruction alone, by what addresses are made of; none if it does not, or
    /// if that is not seen here. O(size of the expression).
    pub(crate) fn stated(&self, e: &Expr, op: &Op) -> Option<Word> {
        self.value(e, op, &|_| None)
    }

    /// The value of a word, by the values of read ports and by what addresses are made of; none if it depends on
    /// anything else. O(size of the expression).
    pub(crate) fn value(&self, e: &Expr, op: &Op, read: &dyn Fn(u8) -> Option<Word>) -> Option<Word> {
        let value = match e.kind {
            ExprKind::Const(value) => Word::try_from(value).ok()?,
            ExprKind::Read(port) => read(port)?,
            ExprKind::Pc => op.pc,
            ExprKind::Imm => op.imm,
            ExprKind::Local(place) => self.value(self.local(place)?, op, read)?,
            ExprKind::Binary(operation, a, b) if a.ty.width == Word::BITS => {
                let (a, b) = (self.value(a, op, read)?, self.value(b, op, read)?);
                match operation {
                    BinaryOp::Add => a.wrapping_add(b),
                    BinaryOp::Sub => a.wrapping_sub(b),
                    BinaryOp::And => a & b,
                    BinaryOp::Or => a | b,
                    BinaryOp::Xor => a ^ b,
                    _ => return None,
                }
            }
            _ => return None,
        };
        (e.ty.width == Word::BITS).then_some(value)
    }

    /// Whether the expression reads this port, itself or by a local. O(size of the expression).
    pub(crate) fn reads_port(&self, e: &Expr, port: u8) -> bool {
        let reads = |e: &Expr| self.reads_port(e, port);
        match e.kind {
            ExprKind::Read(read) => read == port,
            ExprKind::Local(place) => self.local(place).is_some_and(reads),
            ExprKind::Unary(_, a)
            | ExprKind::Slice(a, _)
            | ExprKind::Extend(a, _)
            | ExprKind::Reinterpret(a) => reads(a),
            ExprKind::Binary(_, a, b) => reads(a) || reads(b),
            ExprKind::If(a, b, c) => reads(a) || reads(b) || reads(c),
            ExprKind::Const(_) | ExprKind::Pc | ExprKind::Imm | ExprKind::Loaded => false,
        }
    }
}

/// One effect or name.
#[derive(Clone, Copy, Debug)]
pub enum SemanticStatement {
    /// The next local, counted from 0.
    Let(Expr),
    /// Load so many bits; [`ExprKind::Loaded`] is the value from here on.
    Load {
        /// 8, 16 or 32.
        bits: u32,
        /// The byte address.
        address: Expr,
    },
    /// Make a call of the guest interface: what one of its [variants](super::Variant) says happens.
    Call,
    /// Write a destination. Of two that are one register the later statement counts.
    Write {
        /// Which port, by its place in [`WRITES`](super::WRITES).
        port: u8,
        /// A word.
        value: Expr,
    },
    /// Store so many bits.
    Store {
        /// 8, 16 or 32.
        bits: u32,
        /// The byte address.
        address: Expr,
        /// As wide as `bits`.
        value: Expr,
    },
    /// Jump, if the condition holds. A target that is not a multiple of 4 traps.
    Jump {
        /// None jumps always.
        condition: Option<Expr>,
        /// The address.
        target: Expr,
        /// Whether the instruction's word and address alone say what the target is. It is then made of constants, of these
        /// two, and of sums, differences and bitwise operations.
        stated: bool,
    },
    /// End the run, if the condition holds.
    Trap {
        /// None traps always.
        condition: Option<Expr>,
    },
}

/// A bit vector's type. Values are unsigned bits, none above the width; the sign tells comparisons, right shifts,
/// divisions and extensions what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type {
    /// Whether the top bit is a sign.
    pub signed: bool,
    /// In bits, 1 to 64.
    pub width: u32,
}

/// An expression.
#[derive(Clone, Copy, Debug)]
pub struct Expr {
    /// The operation.
    pub kind: ExprKind,
    /// Its result's type.
    pub ty: Type,
}

/// The operations.
#[derive(Clone, Copy, Debug)]
pub enum ExprKind {
    /// A literal.
    Const(u64),
    /// A read port's value: 0 is rs1.
    Read(u8),
    /// The instruction's address.
    Pc,
    /// The immediate.
    Imm,
    /// A local, by its place among the instruction's.
    Local(u8),
    /// What the instruction's load gave.
    Loaded,
    /// One operand.
    Unary(UnaryOp, &'static Expr),
    /// Two operands.
    Binary(BinaryOp, &'static Expr, &'static Expr),
    /// Bits from the second on, as many as the type has.
    Slice(&'static Expr, u32),
    /// The operand extended to the type, by its sign if the flag says so.
    Extend(&'static Expr, bool),
    /// The same bits as the other sign.
    Reinterpret(&'static Expr),
    /// The second if the first, one bit, is one; else the third.
    If(&'static Expr, &'static Expr, &'static Expr),
}

/// Operations on one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// Complement of every bit.
    Not,
    /// Two's complement.
    Neg,
    /// How many bits are one; of the narrowest type that holds the operand's width.
    CountOnes,
}

/// Operations on two values. Arithmetic is modulo 2^width; a shift's amount is too narrow to reach the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient, rounded towards zero; by zero it is 0, and it wraps where it overflows.
    Div,
    /// Remainder, with the dividend's sign; by zero it is 0.
    Rem,
    /// And.
    And,
    /// Or.
    Or,
    /// Exclusive or.
    Xor,
    /// Left shift.
    Shl,
    /// Right shift, of the sign if the left operand is signed.
    Shr,
    /// Equality.
    Eq,
    /// Inequality.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}
