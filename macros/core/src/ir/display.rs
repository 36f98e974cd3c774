//! One text for one meaning: what the fingerprint hashes. Places do not show; the width of every leaf does, or is known
//! from its declaration, so that no two expressions of different meaning have one text.

use std::fmt::{self, Display, Formatter};

use super::{BinaryOp, Expr, ExprKind, OpFact, Semantics, Statement, TrapKind, UnaryOp};
use crate::model::WRITES;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Const(value) => write!(f, "{value}{}", self.ty),
            ExprKind::Read(port) => write!(f, "rs{}", port + 1),
            ExprKind::Pc => f.write_str("pc"),
            ExprKind::Imm => f.write_str("imm"),
            ExprKind::Local(name) => write!(f, "let.{name}"),
            ExprKind::Loaded => f.write_str("loaded"),
            ExprKind::Taken => f.write_str("taken"),
            ExprKind::Allows(stores, a) => {
                write!(f, "{}({a})", if *stores { "writable" } else { "readable" })
            }
            ExprKind::Op(fact) => write!(f, "op.{}", fact.name()),
            ExprKind::Column(at) => write!(f, "#{at}"),
            ExprKind::Unary(op, a) => write!(f, "{}({a})", op.symbol()),
            ExprKind::Binary(op, a, b) => write!(f, "({a} {} {b})", op.symbol()),
            ExprKind::Slice(a, lo) => write!(f, "{a}[{lo}..{}]", lo + self.ty.width),
            ExprKind::Extend(a, true) => write!(f, "sext::<{}>({a})", self.ty.width),
            ExprKind::Extend(a, false) => write!(f, "zext::<{}>({a})", self.ty.width),
            ExprKind::Reinterpret(a) if self.ty.signed => write!(f, "signed({a})"),
            ExprKind::Reinterpret(a) => write!(f, "unsigned({a})"),
            ExprKind::If(c, a, b) => write!(f, "if {c} {{ {a} }} else {{ {b} }}"),
        }
    }
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Let(name, value) => write!(f, "let.{name} = {value}"),
            Self::Load { bits, address } => write!(f, "loaded = load::<{bits}>({address})"),
            Self::Call { number } => write!(f, "call({number})"),
            Self::Require(condition) => write!(f, "require({condition})"),
            Self::Input { stream, left, count } => write!(f, "taken = input::<{stream}>({left}, {count})"),
            Self::Output { stream, position, count, value } => {
                write!(f, "output::<{stream}>({position}, {count}, {value})")
            }
            Self::Exit(code) => write!(f, "exit({code})"),
            Self::Write(port, value) => write!(f, "{} = {value}", WRITES[*port]),
            Self::Store { bits, address, value } => write!(f, "store::<{bits}>({address}, {value})"),
            Self::Jump { condition: Some(condition), target } => {
                write!(f, "if {condition} {{ jump({target}) }}")
            }
            Self::Jump { condition: None, target } => write!(f, "jump({target})"),
            Self::Trap { condition: Some(condition), cause } => {
                write!(f, "if {condition} {{ trap({cause}) }}")
            }
            Self::Trap { condition: None, cause } => write!(f, "trap({cause})"),
        }
    }
}

impl Display for Semantics {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.statements.iter().try_for_each(|statement| write!(f, "{statement}; "))
    }
}

impl Display for TrapKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Breakpoint => "breakpoint",
            Self::Undecodable => "undecodable",
        })
    }
}

impl OpFact {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Pc, Self::Word, Self::Kind, Self::Rd, Self::Rs1, Self::Rs2, Self::Imm];

    /// The name after `op.`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pc => "pc",
            Self::Word => "word",
            Self::Kind => "kind",
            Self::Rd => "rd",
            Self::Rs1 => "rs1",
            Self::Rs2 => "rs2",
            Self::Imm => "imm",
        }
    }
}

impl UnaryOp {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Not, Self::Neg, Self::CountOnes];

    /// As the language writes it: an operator, or a function's name.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Not => "!",
            Self::Neg => "-",
            Self::CountOnes => "count_ones",
        }
    }
}

impl BinaryOp {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Rem,
        Self::And,
        Self::Or,
        Self::Xor,
        Self::Shl,
        Self::Shr,
        Self::Eq,
        Self::Ne,
        Self::Lt,
        Self::Le,
        Self::Gt,
        Self::Ge,
    ];

    /// The operator.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
            Self::And => "&",
            Self::Or => "|",
            Self::Xor => "^",
            Self::Shl => "<<",
            Self::Shr => ">>",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }
}
