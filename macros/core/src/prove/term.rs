//! Terms of SMT-LIB.

use std::fmt;
use std::rc::Rc;

/// What the terms of a script are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theory {
    /// Integers: for products of two unknowns.
    Integers,
    /// Bit vectors: for and, or, xor and counts of ones.
    Vectors,
}

impl Theory {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integers => "integers",
            Self::Vectors => "bit vectors",
        }
    }
}

/// A term or a command of SMT-LIB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// A symbol or a number.
    Atom(Rc<str>),
    /// An application.
    List(Rc<[Self]>),
}

impl Term {
    pub(super) fn atom(text: impl Into<Rc<str>>) -> Self {
        Self::Atom(text.into())
    }

    pub(super) fn list(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::List(parts.into_iter().collect())
    }

    pub(super) fn call<const N: usize>(of: &str, parts: [Self; N]) -> Self {
        Self::list([Self::atom(of)].into_iter().chain(parts))
    }

    pub(super) fn size(&self) -> usize {
        match self {
            Self::Atom(_) => 1,
            Self::List(parts) => parts.iter().map(Self::size).sum(),
        }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self, Self::Atom(atom) if **atom == *text)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Atom(text) => f.write_str(text),
            Self::List(parts) => {
                f.write_str("(")?;
                for (at, part) in parts.iter().enumerate() {
                    write!(f, "{}{part}", if at == 0 { "" } else { " " })?;
                }
                f.write_str(")")
            }
        }
    }
}

/// Why a claim cannot be written in a theory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritable {
    /// Bits of two unknowns are combined, and the theory is that of integers.
    Bitwise,
    /// A number may need more than 127 bits, or be one of very many multiples of the prime.
    Large,
    /// An expression has a part that the claim gives no meaning.
    Meaningless,
}

/// The negation of a condition.
pub(super) fn not(condition: Term) -> Term {
    match &condition {
        _ if condition.is("true") => Term::atom("false"),
        _ if condition.is("false") => Term::atom("true"),
        _ => Term::call("not", [condition]),
    }
}

/// Whether one of several conditions holds.
pub(super) fn any(conditions: Vec<Term>) -> Term {
    joined("or", "false", conditions)
}

/// Whether all of several conditions hold.
pub(super) fn all(conditions: Vec<Term>) -> Term {
    joined("and", "true", conditions)
}

/// Conditions under an operation that this one changes nothing of.
fn joined(by: &'static str, neutral: &'static str, conditions: Vec<Term>) -> Term {
    let mut open: Vec<Term> = conditions.into_iter().filter(|condition| !condition.is(neutral)).collect();
    match open.len() {
        0 => Term::atom(neutral),
        1 => open.remove(0),
        _ => Term::list([Term::atom(by)].into_iter().chain(open)),
    }
}

pub(super) fn sort(width: u32) -> Term {
    indexed("BitVec", &[width])
}

pub(super) fn indexed(name: &str, by: &[u32]) -> Term {
    let by = by.iter().map(|index| Term::atom(index.to_string()));
    Term::list([Term::atom("_"), Term::atom(name)].into_iter().chain(by))
}

/// A vector of another width: copies of the sign come in, or bits that copy it go.
pub(super) fn resized(term: Term, from: u32, to: u32) -> Term {
    match to.cmp(&from) {
        std::cmp::Ordering::Equal => term,
        std::cmp::Ordering::Greater => Term::list([indexed("sign_extend", &[to - from]), term]),
        std::cmp::Ordering::Less => Term::list([indexed("extract", &[to - 1, 0]), term]),
    }
}
