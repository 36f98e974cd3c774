//! The typed IR of semantics and derived columns: general operations on bit vectors with explicit width and sign.
//!
//! In: a checked Rust expression. Out: what every back end walks. No node serves a single instruction.

pub(crate) mod bits;
mod display;
mod eval;

use std::fmt;

pub use eval::{Environment, eval, signed};

/// A bit vector's type. Values are held as unsigned bits; the sign tells comparisons and shifts what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type {
    /// Whether comparisons, right shifts and extensions take the top bit as a sign.
    pub signed: bool,
    /// In bits, 1 to 64.
    pub width: u32,
}

impl Type {
    /// How many bits a shift's amount may have, so that it cannot reach the width: ⌊log₂ width⌋. None if there is no such.
    pub const fn amount_bits(self) -> Option<u32> {
        match self.width.checked_ilog2() {
            None | Some(0) => None,
            bits => bits,
        }
    }

    /// An unsigned type.
    pub const fn unsigned(width: u32) -> Self {
        Self { signed: false, width }
    }

    /// The narrowest type that holds a number of bits of this one: 0 to its width.
    pub const fn count(self) -> Self {
        Self::unsigned(u32::BITS - self.width.leading_zeros())
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.signed { 'i' } else { 'u' }, self.width)
    }
}

/// An expression, its type, and where it is written. Its `Display` is one text for one meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// The operation.
    pub kind: ExprKind,
    /// Its result's type.
    pub ty: Type,
    /// Where in the text of the semantics or of the column.
    pub place: Place,
}

impl Expr {
    /// An expression that is written nowhere yet.
    pub fn new(kind: ExprKind, ty: Type) -> Self {
        Self { kind, ty, place: Place::default() }
    }

    /// The expression at a place, if it has none.
    pub(crate) fn at(mut self, range: std::ops::Range<usize>) -> Self {
        if self.place.0.is_empty() {
            self.place = Place(range);
        }
        self
    }
}

/// Bytes of the text in which an expression is written. No part of its meaning: all places are equal.
#[derive(Clone, Debug, Default)]
pub struct Place(pub std::ops::Range<usize>);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

/// The operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    /// A literal.
    Const(u64),
    /// A read port's value: 0 is rs1.
    Read(usize),
    /// The instruction's address.
    Pc,
    /// The immediate.
    Imm,
    /// A `let` before.
    Local(String),
    /// What the instruction's load gave.
    Loaded,
    /// What was taken of the input.
    Taken,
    /// Whether a load at the address, or a store if the flag says so, is one that the policy allows. In conditions of
    /// calls' variants alone.
    Allows(bool, Box<Expr>),
    /// A fact of the predecoded instruction.
    Op(OpFact),
    /// Another column of the row, by its place in the model.
    Column(usize),
    /// One operand.
    Unary(UnaryOp, Box<Expr>),
    /// Two operands.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// Bits from `lo` on, as many as the type has.
    Slice(Box<Expr>, u32),
    /// The operand extended to the type, by sign if the flag says so.
    Extend(Box<Expr>, bool),
    /// The same bits as the other sign.
    Reinterpret(Box<Expr>),
    /// Choice by a bit.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
}

/// Facts of a predecoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpFact {
    /// Its address.
    Pc,
    /// The instruction word.
    Word,
    /// Which instruction.
    Kind,
    /// The destination register.
    Rd,
    /// The first register read.
    Rs1,
    /// The second register read.
    Rs2,
    /// The immediate.
    Imm,
}

/// Operations on one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// Complement of every bit.
    Not,
    /// Two's complement.
    Neg,
    /// How many bits are one. The only one whose result has another type: [`Type::count`] of the operand's.
    CountOnes,
}

/// Operations on two values. Arithmetic is modulo 2^width; a shift's amount is narrow enough never to reach the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient, rounded towards zero. Total, so that every back end agrees: by zero it is 0, and it wraps where it
    /// overflows; semantics spell out what an instruction does instead.
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

impl BinaryOp {
    /// Whether the result is one bit.
    pub const fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }
}

/// What an instruction, or a call's variant, does, in order. At most one memory access or call, one write of rd, one jump. An access is a
/// load, a store, or a load and then a store of as many bits at the same address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Semantics {
    /// The statements.
    pub statements: Vec<Statement>,
}

/// How many nodes of two addresses are compared, names put in. What is larger counts as different.
const MAX_COMPARED: usize = 4096;

/// One effect or name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// A name for a value.
    Let(String, Expr),
    /// Load so many bits; [`ExprKind::Loaded`] is the value from here on.
    Load {
        /// 8, 16 or 32.
        bits: u32,
        /// The byte address.
        address: Expr,
    },
    /// Make the call of this number: one of its variants is executed instead.
    Call {
        /// The call's number.
        number: Expr,
    },
    /// What must hold: the row is another variant's if it does not.
    Require(Expr),
    /// Take bytes of an input stream; [`ExprKind::Taken`] is the value from here on, its low byte the first.
    Input {
        /// The stream's descriptor.
        stream: u8,
        /// How many bytes of it are left before.
        left: Expr,
        /// How many are taken: 1 to 4, and no more than are left.
        count: Expr,
    },
    /// Append bytes to an output stream.
    Output {
        /// The stream's descriptor.
        stream: u8,
        /// How many bytes of it were put out before, modulo 2^32.
        position: Expr,
        /// How many bytes: 1 to 4.
        count: Expr,
        /// The bytes, the low one first.
        value: Expr,
    },
    /// End the guest with this code: no instruction follows.
    Exit(Expr),
    /// Write the register of a write port: 0 is rd.
    Write(usize, Expr),
    /// Store so many bits.
    Store {
        /// 8, 16 or 32.
        bits: u32,
        /// The byte address.
        address: Expr,
        /// As wide as `bits`.
        value: Expr,
    },
    /// Jump, if the condition holds.
    Jump {
        /// None jumps always.
        condition: Option<Expr>,
        /// The address.
        target: Expr,
    },
    /// End the run, if the condition holds.
    Trap {
        /// None traps always.
        condition: Option<Expr>,
        /// The cause.
        cause: TrapKind,
    },
}

/// The causes that semantics can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapKind {
    /// A breakpoint.
    Breakpoint,
    /// As if the word did not decode.
    Undecodable,
}

impl Expr {
    /// The operands.
    pub fn operands(&self) -> impl Iterator<Item = &Self> {
        let operands: [Option<&Self>; 3] = match &self.kind {
            ExprKind::Unary(_, a)
            | ExprKind::Slice(a, _)
            | ExprKind::Extend(a, _)
            | ExprKind::Reinterpret(a)
            | ExprKind::Allows(_, a) => [Some(a), None, None],
            ExprKind::Binary(_, a, b) => [Some(a), Some(b), None],
            ExprKind::If(c, a, b) => [Some(c), Some(a), Some(b)],
            _ => [None; 3],
        };
        operands.into_iter().flatten()
    }
}

impl Expr {
    /// Forgets where it and its operands are written: in another text than an instruction's semantics.
    pub(crate) fn forget_places(&mut self) {
        self.place = Place::default();
        match &mut self.kind {
            ExprKind::Unary(_, a)
            | ExprKind::Slice(a, _)
            | ExprKind::Extend(a, _)
            | ExprKind::Reinterpret(a)
            | ExprKind::Allows(_, a) => a.forget_places(),
            ExprKind::Binary(_, a, b) => [a, b].into_iter().for_each(|part| part.forget_places()),
            ExprKind::If(c, a, b) => [c, a, b].into_iter().for_each(|part| part.forget_places()),
            _ => {}
        }
    }
}

/// Walks an expression and all its operands, operands first.
pub fn walk<'a>(expr: &'a Expr, visit: &mut impl FnMut(&'a Expr)) {
    for operand in expr.operands() {
        walk(operand, visit);
    }
    visit(expr);
}

impl Semantics {
    /// Every expression of every statement.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.statements.iter().flat_map(Statement::expressions)
    }

    /// Whether any expression reads this.
    pub fn uses(&self, kind: &ExprKind) -> bool {
        self.expressions().any(|expr| {
            let mut found = false;
            walk(expr, &mut |expr| found |= expr.kind == *kind);
            found
        })
    }

    /// Whether it loads, and then stores as many bits at the same address: one access, whose word has a before and an after.
    pub fn updates(&self) -> bool {
        let loaded = self.statements.iter().find_map(|statement| match statement {
            Statement::Load { bits, address } => Some((bits, address)),
            _ => None,
        });
        let mut behind = self.statements.iter().skip_while(|s| !matches!(s, Statement::Load { .. }));
        behind.any(|statement| match (statement, loaded) {
            (Statement::Store { bits, address, .. }, Some((of, at))) => {
                bits == of && self.same(address, at, &mut { MAX_COMPARED })
            }
            _ => false,
        })
    }

    /// Whether two expressions are one, with names for what they stand for. `left` bounds how far is looked.
    fn same(&self, a: &Expr, b: &Expr, left: &mut usize) -> bool {
        let Some(less) = left.checked_sub(1) else { return false };
        *left = less;
        match (&a.kind, &b.kind) {
            (ExprKind::Local(one), ExprKind::Local(other)) if one == other => true,
            (ExprKind::Local(name), _) => self.named(name).is_some_and(|value| self.same(value, b, left)),
            (_, ExprKind::Local(name)) => self.named(name).is_some_and(|value| self.same(a, value, left)),
            _ => {
                let leaf = |e: &Expr| e.operands().next().is_none();
                let alike = match (&a.kind, &b.kind) {
                    (ExprKind::Unary(one, _), ExprKind::Unary(other, _)) => one == other,
                    (ExprKind::Binary(one, ..), ExprKind::Binary(other, ..)) => one == other,
                    (ExprKind::Slice(_, one), ExprKind::Slice(_, other)) => one == other,
                    (ExprKind::Extend(_, one), ExprKind::Extend(_, other)) => one == other,
                    (ExprKind::Reinterpret(_), ExprKind::Reinterpret(_))
                    | (ExprKind::If(..), ExprKind::If(..)) => true,
                    (one, other) => leaf(a) && leaf(b) && one == other,
                };
                alike && a.ty == b.ty && a.operands().zip(b.operands()).all(|(a, b)| self.same(a, b, left))
            }
        }
    }

    /// The value of a `let`.
    fn named(&self, name: &str) -> Option<&Expr> {
        self.statements.iter().find_map(|statement| match statement {
            Statement::Let(local, value) if local == name => Some(value),
            _ => None,
        })
    }

    /// Whether a write port is used: 0 is rd.
    pub fn writes(&self, port: usize) -> bool {
        self.statements.iter().any(|statement| matches!(statement, Statement::Write(of, _) if *of == port))
    }

    /// The number of the call that is made, if this makes calls.
    pub fn called(&self) -> Option<&Expr> {
        self.statements.iter().find_map(|statement| match statement {
            Statement::Call { number } => Some(number),
            _ => None,
        })
    }

    /// Whether every execution traps.
    pub fn always_traps(&self) -> bool {
        self.statements.iter().any(|statement| matches!(statement, Statement::Trap { condition: None, .. }))
    }

    /// Whether an instruction's word and address alone say what this address is, by the operations that addresses are made
    /// of. Of a jump's target the generated data says so: the library computes these, and `step` looks at the others for a
    /// jump to itself.
    pub fn states(&self, address: &Expr) -> bool {
        match &address.kind {
            ExprKind::Const(_) | ExprKind::Pc | ExprKind::Imm => true,
            ExprKind::Local(name) => self.statements.iter().any(
                |statement| matches!(statement, Statement::Let(local, value) if local == name && self.states(value)),
            ),
            ExprKind::Binary(operation, a, b) => {
                let known = [BinaryOp::Add, BinaryOp::Sub, BinaryOp::And, BinaryOp::Or, BinaryOp::Xor];
                known.contains(operation) && self.states(a) && self.states(b)
            }
            _ => false,
        }
    }

    /// Whether rows are of it: not of what always traps, and not of what makes calls, whose rows are the variants'.
    pub fn has_rows(&self) -> bool {
        !self.always_traps() && !self.makes_calls()
    }

    /// Whether it makes calls.
    pub fn makes_calls(&self) -> bool {
        self.called().is_some()
    }

    /// Whether execution may go on at the next address.
    pub fn goes_on(&self) -> bool {
        let leaves = |statement: &Statement| {
            matches!(
                statement,
                Statement::Trap { condition: None, .. }
                    | Statement::Jump { condition: None, .. }
                    | Statement::Exit(_)
            )
        };
        !self.statements.iter().any(leaves)
    }
}

impl Statement {
    /// The expressions of this statement.
    pub fn expressions(&self) -> Vec<&Expr> {
        match self {
            Self::Let(_, value) | Self::Write(_, value) => vec![value],
            Self::Load { address, .. } => vec![address],
            Self::Call { number: value } | Self::Require(value) | Self::Exit(value) => vec![value],
            Self::Input { left, count, .. } => vec![left, count],
            Self::Output { position, count, value, .. } => vec![position, count, value],
            Self::Store { address, value, .. } => vec![address, value],
            Self::Jump { condition, target } => condition.iter().chain([target]).collect(),
            Self::Trap { condition, .. } => condition.iter().collect(),
        }
    }
}
