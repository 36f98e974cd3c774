//! Expressions: numbers, symbols, `.`, `+ - * ~`, parentheses, and the halves of an address.

use core::ops::Range;

use super::error::AsmErrorKind;
use super::lexer::Direction;
use crate::isa::Word;

/// An expression, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Expr<'s> {
    pub(super) kind: ExprKind<'s>,
    pub(super) range: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum ExprKind<'s> {
    Number(i64),
    Symbol(&'s str),
    Local(u64, Direction),
    /// `.`: where the statement's bytes will be.
    Start,
    /// `.` of an expansion: where this instruction will be.
    Here,
    Neg(Box<Expr<'s>>),
    Not(Box<Expr<'s>>),
    /// Terms, each with whether it is subtracted. A list, so that a long sum is not a deep tree.
    Sum(Vec<(bool, Expr<'s>)>),
    Product(Vec<Expr<'s>>),
    /// A half of an address.
    Half(Half, Box<Expr<'s>>),
    /// Shifted right; bits that are lost are an error.
    Exact(u32, Box<Expr<'s>>),
}

/// The halves into which GNU as splits an address: the lower one is sign-extended, and the upper one makes up for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Hi,
    Lo,
    PcrelHi,
    PcrelLo,
}

/// Bits of the lower half.
const LOWER: u32 = 12;

impl Half {
    pub(super) const NAMES: [(&str, Self); 4] =
        [("hi", Self::Hi), ("lo", Self::Lo), ("pcrel_hi", Self::PcrelHi), ("pcrel_lo", Self::PcrelLo)];
}

/// Deeper expressions are refused, so that the parser's recursion is bounded.
pub(super) const MAX_NESTING: usize = 64;

/// What an expression is evaluated with.
pub(super) trait Environment {
    /// A symbol's value, if it is known by now.
    fn symbol(&self, _name: &str) -> Option<i64> {
        None
    }

    /// A numeric label's address, as seen from the statement.
    fn local(&self, _label: u64, _direction: Direction) -> Option<i64> {
        None
    }

    /// The address of the statement.
    fn start(&self) -> i64 {
        0
    }

    /// The address of the instruction, of which a statement may be several.
    fn here(&self) -> i64 {
        0
    }

    /// What the %pcrel_hi at this address is the upper half of: the distance to its target.
    fn upper_half_at(&self, _address: i64) -> Option<i64> {
        None
    }
}

/// An environment without symbols.
pub(super) struct Nowhere;

impl Environment for Nowhere {}

/// What is wrong, and where.
pub(super) type Mistake = (Range<usize>, AsmErrorKind);

impl Expr<'_> {
    /// The value. Linear in the expression's size.
    pub(super) fn value(&self, environment: &dyn Environment) -> Result<i64, Mistake> {
        let mistake = |kind| (self.range.clone(), kind);
        let total = |value: Option<i64>| value.ok_or_else(|| mistake(AsmErrorKind::Overflow));
        let undefined = |name: String| mistake(AsmErrorKind::Undefined(name));
        match &self.kind {
            ExprKind::Number(value) => Ok(*value),
            ExprKind::Symbol(name) => environment.symbol(name).ok_or_else(|| undefined((*name).to_owned())),
            ExprKind::Local(label, direction) => environment.local(*label, *direction).ok_or_else(|| {
                undefined(format!("{label}{}", if *direction == Direction::Back { 'b' } else { 'f' }))
            }),
            ExprKind::Start => Ok(environment.start()),
            ExprKind::Here => Ok(environment.here()),
            ExprKind::Neg(of) => total(of.value(environment)?.checked_neg()),
            ExprKind::Not(of) => Ok(!of.value(environment)?),
            ExprKind::Sum(terms) => terms.iter().try_fold(0i64, |sum, (is_subtracted, term)| {
                let term = term.value(environment)?;
                total(if *is_subtracted { sum.checked_sub(term) } else { sum.checked_add(term) })
            }),
            ExprKind::Product(factors) => factors
                .iter()
                .try_fold(1i64, |product, factor| total(product.checked_mul(factor.value(environment)?))),
            ExprKind::Half(half, of) => {
                let value = of.value(environment)?;
                Ok(match half {
                    Half::Hi => upper(of.word(value)?),
                    Half::Lo => lower(of.wrapped(value)?),
                    Half::PcrelHi => upper(of.wrapped(value.saturating_sub(environment.here()))?),
                    Half::PcrelLo => {
                        let distance = environment.upper_half_at(value);
                        lower(of.wrapped(distance.ok_or_else(|| mistake(AsmErrorKind::NoUpperHalf))?)?)
                    }
                })
            }
            ExprKind::Exact(bits, of) => {
                let value = of.word(of.value(environment)?)?;
                if value & ((1 << bits) - 1) != 0 {
                    return Err(mistake(AsmErrorKind::LostBits { value, bits: *bits }));
                }
                Ok((value >> bits).into())
            }
        }
    }

    /// A value as a machine word: signed or unsigned, it must fit.
    pub(super) fn word(&self, value: i64) -> Result<Word, Mistake> {
        let (min, max) = (i64::from(i32::MIN), i64::from(Word::MAX));
        self.within(value, min, max).map(|value| value as Word)
    }

    pub(super) fn within(&self, value: i64, min: i64, max: i64) -> Result<i64, Mistake> {
        if (min..=max).contains(&value) {
            Ok(value)
        } else {
            Err((self.range.clone(), AsmErrorKind::Range { value, min, max }))
        }
    }

    /// A value modulo a machine word: distances between addresses may wrap, in `%pcrel_hi` and in `%lo`.
    fn wrapped(&self, value: i64) -> Result<Word, Mistake> {
        let most = 1i64 << (Word::BITS + 1);
        self.within(value, -most, most).map(|value| value as Word)
    }
}

fn upper(value: Word) -> i64 {
    (value.wrapping_add(1 << (LOWER - 1)) >> LOWER).into()
}

fn lower(value: Word) -> i64 {
    let excess = Word::BITS - LOWER;
    ((value << excess).cast_signed() >> excess).into()
}
