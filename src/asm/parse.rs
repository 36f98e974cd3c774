//! From tokens to registers and expressions.

use core::ops::Range;

use super::error::{AsmErrorKind, did_you_mean};
use super::expression::{Expr, ExprKind, Half, MAX_NESTING, Mistake};
use super::lexer::{Kind, Token};
use crate::isa::{Registers, Word};

/// An operand as a statement has it.
#[derive(Clone, Debug)]
pub(super) enum Operand<'s> {
    Register(u8),
    Number(Expr<'s>),
    Letters(Word),
}

/// A place in a statement's tokens.
pub(super) struct Cursor<'t, 's> {
    tokens: &'t [Token<'s>],
    /// Where the statement ends.
    end: usize,
    registers: &'static Registers,
    /// Of an expansion: what the operands in braces are.
    operands: &'t [(&'static str, Operand<'s>)],
    is_expansion: bool,
    nesting: usize,
}

impl<'t, 's> Cursor<'t, 's> {
    pub(super) fn new(tokens: &'t [Token<'s>], start: usize, registers: &'static Registers) -> Self {
        let end = tokens.last().map_or(start, |token| token.range.end);
        Self { tokens, end, registers, operands: &[], is_expansion: false, nesting: 0 }
    }

    pub(super) fn with(mut self, operands: &'t [(&'static str, Operand<'s>)]) -> Self {
        self.operands = operands;
        self.is_expansion = true;
        self
    }

    pub(super) fn is_done(&self) -> bool {
        self.tokens.is_empty()
    }

    /// How many tokens are left.
    pub(super) fn left(&self) -> usize {
        self.tokens.len()
    }

    fn peek(&self) -> Option<&'t Kind<'s>> {
        self.tokens.first().map(|token| &token.kind)
    }

    fn advance(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    /// The next token's place; where the statement ends if there is none.
    pub(super) fn range(&self) -> Range<usize> {
        self.tokens.first().map_or(self.end..self.end, |token| token.range.clone())
    }

    pub(super) fn expected(&self, what: impl Into<String>) -> Mistake {
        let found = match self.peek() {
            None => "the end of the statement".to_owned(),
            Some(Kind::Name(name)) => format!("`{name}`"),
            Some(Kind::Symbol(symbol)) => format!("`{symbol}`"),
            Some(Kind::Number(_) | Kind::Local(..)) => "a number".to_owned(),
            Some(Kind::Text(_)) => "a string".to_owned(),
            Some(Kind::Modifier(name)) => format!("`%{name}`"),
            Some(Kind::Operand(name, _)) => format!("`{{{name}}}`"),
        };
        (self.range(), AsmErrorKind::Expected { expected: what.into(), found })
    }

    /// Goes on behind a symbol, if it is the next.
    pub(super) fn take(&mut self, symbol: char) -> bool {
        let is_next = self.tokens.first().is_some_and(|token| token.is(symbol));
        if is_next {
            self.advance();
        }
        is_next
    }

    pub(super) fn symbol(&mut self, symbol: char) -> Result<(), Mistake> {
        if self.take(symbol) { Ok(()) } else { Err(self.expected(format!("`{symbol}`"))) }
    }

    pub(super) fn end(&self) -> Result<(), Mistake> {
        if self.is_done() { Ok(()) } else { Err(self.expected("the end of the statement")) }
    }

    pub(super) fn name(&mut self) -> Result<&'s str, Mistake> {
        let Some(Kind::Name(name)) = self.peek() else { return Err(self.expected("a name")) };
        self.advance();
        Ok(name)
    }

    pub(super) fn text(&mut self) -> Result<&'t [u8], Mistake> {
        let Some(Kind::Text(text)) = self.peek() else { return Err(self.expected("a string")) };
        self.advance();
        Ok(text)
    }

    pub(super) fn register(&mut self) -> Result<u8, Mistake> {
        let register = match self.peek() {
            Some(Kind::Name(name)) => register(self.registers, name),
            Some(Kind::Operand(name, _)) => match self.operand(name) {
                Some(Operand::Register(number)) => Some(*number),
                _ => None,
            },
            _ => None,
        };
        let register = register.ok_or_else(|| self.expected("a register"))?;
        self.advance();
        Ok(register)
    }

    /// Some of these letters, in any order, or 0 for none.
    pub(super) fn letters(&mut self, letters: &str) -> Result<Word, Mistake> {
        let bit = |letter| letters.find(letter).map(|at| 1 << (letters.len() - 1 - at));
        let set = match self.peek() {
            Some(Kind::Number(0)) => Some(0),
            Some(Kind::Name(name)) => {
                let bits: Option<Vec<Word>> = name.chars().map(bit).collect();
                let set = bits.map(|bits| bits.iter().fold(0, |set, bit| set | bit));
                set.filter(|set: &Word| set.count_ones() as usize == name.len())
            }
            _ => None,
        };
        let set = set.ok_or_else(|| self.expected(format!("some of the letters {letters}, or 0")))?;
        self.advance();
        Ok(set)
    }

    fn operand(&self, name: &str) -> Option<&'t Operand<'s>> {
        self.operands.iter().find(|(known, _)| *known == name).map(|(_, operand)| operand)
    }

    /// The number before a register in parentheses, which may be left out.
    pub(super) fn offset(&mut self) -> Result<Expr<'s>, Mistake> {
        if let [first, Token { kind: Kind::Name(name), .. }, ..] = self.tokens
            && first.is('(')
            && register(self.registers, name).is_some()
        {
            return Ok(Expr { kind: ExprKind::Number(0), range: first.range.clone() });
        }
        self.expression()
    }

    /// A sum.
    pub(super) fn expression(&mut self) -> Result<Expr<'s>, Mistake> {
        let start = self.range().start;
        let mut terms = vec![(false, self.product()?)];
        loop {
            let is_subtracted = match self.peek() {
                Some(Kind::Symbol('+')) => false,
                Some(Kind::Symbol('-')) => true,
                _ => break,
            };
            self.advance();
            terms.push((is_subtracted, self.product()?));
        }
        Ok(match terms.pop() {
            Some((false, only)) if terms.is_empty() => only,
            last => {
                terms.extend(last);
                let end = terms.last().map_or(start, |(_, term)| term.range.end);
                Expr { kind: ExprKind::Sum(terms), range: start..end.max(start) }
            }
        })
    }

    fn product(&mut self) -> Result<Expr<'s>, Mistake> {
        let first = self.factor()?;
        if !self.tokens.first().is_some_and(|token| token.is('*')) {
            return Ok(first);
        }
        let mut range = first.range.clone();
        let mut factors = vec![first];
        while self.take('*') {
            let factor = self.factor()?;
            range.end = factor.range.end.max(range.start);
            factors.push(factor);
        }
        Ok(Expr { kind: ExprKind::Product(factors), range })
    }

    fn factor(&mut self) -> Result<Expr<'s>, Mistake> {
        if self.nesting == MAX_NESTING {
            return Err((self.range(), AsmErrorKind::Nesting(MAX_NESTING)));
        }
        self.nesting += 1;
        let factor = self.nested_factor();
        self.nesting -= 1;
        factor
    }

    fn nested_factor(&mut self) -> Result<Expr<'s>, Mistake> {
        let mut range = self.range();
        let Some(next) = self.peek() else { return Err(self.expected("a number or a symbol")) };
        let kind = match next {
            Kind::Number(value) => {
                ExprKind::Number(i64::try_from(*value).map_err(|_| (range.clone(), AsmErrorKind::Overflow))?)
            }
            Kind::Local(label, direction) => ExprKind::Local(*label, *direction),
            Kind::Name(".") if self.is_expansion => ExprKind::Here,
            Kind::Name(".") => ExprKind::Start,
            Kind::Name(name) if register(self.registers, name).is_none() => ExprKind::Symbol(name),
            Kind::Operand(name, shift) => match self.operand(name) {
                Some(Operand::Number(of)) if *shift > 0 => ExprKind::Exact(*shift, Box::new(of.clone())),
                Some(Operand::Number(of)) => {
                    self.advance();
                    return Ok(of.clone());
                }
                _ => return Err(self.expected("a number or a symbol")),
            },
            Kind::Symbol('(') => {
                self.advance();
                let inner = self.expression()?;
                self.symbol(')')?;
                return Ok(inner);
            }
            Kind::Symbol(sign @ ('-' | '+' | '~')) => {
                self.advance();
                let of = self.factor()?;
                range.end = of.range.end.max(range.start);
                return Ok(match sign {
                    '-' => Expr { kind: ExprKind::Neg(Box::new(of)), range },
                    '~' => Expr { kind: ExprKind::Not(Box::new(of)), range },
                    _ => of,
                });
            }
            Kind::Modifier(name) => {
                let Some((_, half)) = Half::NAMES.iter().find(|(known, _)| known == name) else {
                    return Err(self.expected("%hi, %lo, %pcrel_hi or %pcrel_lo"));
                };
                self.advance();
                self.symbol('(')?;
                let of = self.expression()?;
                range.end = self.range().end.max(range.start);
                self.symbol(')')?;
                return Ok(Expr { kind: ExprKind::Half(*half, Box::new(of)), range });
            }
            _ => return Err(self.expected("a number or a symbol")),
        };
        self.advance();
        Ok(Expr { kind, range })
    }
}

/// A register's number, by its name, another name, or `x` and the number.
pub(super) fn register(registers: &Registers, name: &str) -> Option<u8> {
    let by_name = registers.names.iter().position(|known| *known == name);
    let by_number = || {
        let digits = name.strip_prefix('x').filter(|digits| *digits == "0" || !digits.starts_with('0'))?;
        let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse().ok().filter(|number| is_number && *number < registers.names.len())
    };
    let alias = registers.aliases.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    alias.or_else(|| u8::try_from(by_name.or_else(by_number)?).ok())
}

/// What a register might have been meant as.
pub(super) fn register_hint(registers: &Registers, name: &str) -> Option<String> {
    let names = registers.names.iter().copied();
    did_you_mean(name, names.chain(registers.aliases.iter().map(|(alias, _)| *alias)))
}
