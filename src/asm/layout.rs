//! The first pass: where every statement's bytes go, and what every name stands for.

use std::collections::HashMap;

use core::ops::Range;

use super::encodable::Encodable;
use super::error::{AsmErrorKind, AsmErrors, did_you_mean};
use super::expression::{Environment, Expr, Mistake};
use super::forms::{Forms, WORD};
use super::lexer::{Direction, Kind, Token, line};
use super::parse::{Cursor, register, register_hint};
use crate::isa::{Spec, Word};

/// More output than this is refused: `.zero 4000000000` is eleven characters.
pub(super) const LARGEST: u64 = 1 << 24;

/// Code, and data.
pub(super) const SECTIONS: usize = 2;

/// What a statement's bytes are.
#[derive(Debug)]
pub(super) enum Content<'s> {
    Instructions(Vec<Encodable<'s>>),
    /// Numbers of so many bytes each.
    Numbers(u32, Vec<Expr<'s>>),
    Bytes(Vec<u8>),
    /// So many bytes of what fills the alignment of code.
    Fill(u64),
}

/// A statement that has bytes.
#[derive(Debug)]
pub(super) struct Item<'s> {
    pub(super) section: usize,
    pub(super) offset: u64,
    /// Which statement it is, for numeric labels.
    pub(super) order: usize,
    pub(super) range: Range<usize>,
    pub(super) content: Content<'s>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    /// None while it depends on what comes later.
    pub(super) value: Option<i64>,
    /// The section that a label lies in.
    pub(super) section: Option<usize>,
    line: usize,
}

/// A program whose bytes have places.
pub(super) struct Placed<'s> {
    pub(super) spec: &'static Spec,
    pub(super) forms: Forms,
    pub(super) source: &'s str,
    pub(super) bases: [Word; SECTIONS],
    pub(super) sizes: [u64; SECTIONS],
    pub(super) items: Vec<Item<'s>>,
    pub(super) symbols: HashMap<&'s str, Symbol>,
    /// Every numeric label's addresses, each with the statement it stands before.
    locals: HashMap<u64, Vec<(usize, i64)>>,
    /// Where a %pcrel_hi is, and of what.
    upper_halves: HashMap<i64, (usize, Expr<'s>)>,
    /// Symbols that are defined by what comes later.
    pending: Vec<(&'s str, Expr<'s>, i64, usize)>,
    pub(super) section: usize,
    pub(super) order: usize,
    line: usize,
    pub(super) errors: AsmErrors,
}

/// An address from which expressions are seen.
pub(super) struct View<'p, 's> {
    pub(super) placed: &'p Placed<'s>,
    pub(super) order: usize,
    /// Of the statement.
    pub(super) start: i64,
    /// Of the instruction.
    pub(super) here: i64,
    /// Whether upper halves are known: not within one, and not while they are collected.
    pub(super) sees_halves: bool,
}

impl Environment for View<'_, '_> {
    fn symbol(&self, name: &str) -> Option<i64> {
        self.placed.symbols.get(name)?.value
    }

    fn local(&self, label: u64, direction: Direction) -> Option<i64> {
        let places = self.placed.locals.get(&label)?;
        let after = places.partition_point(|(order, _)| *order <= self.order);
        let found = match direction {
            Direction::Back => places.get(after.checked_sub(1)?),
            Direction::Forward => places.get(after),
        };
        found.map(|(_, address)| *address)
    }

    fn start(&self) -> i64 {
        self.start
    }

    fn here(&self) -> i64 {
        self.here
    }

    fn upper_half_at(&self, address: i64) -> Option<i64> {
        let (order, of) = self.placed.upper_halves.get(&address).filter(|_| self.sees_halves)?;
        let there =
            View { placed: self.placed, order: *order, start: address, here: address, sees_halves: false };
        of.value(&there).ok().map(|target| target.wrapping_sub(address))
    }
}

impl<'s> Placed<'s> {
    pub(super) fn new(spec: &'static Spec, source: &'s str, bases: [Word; SECTIONS]) -> Self {
        let mut placed = Self {
            spec,
            forms: Forms::new(spec),
            source,
            bases,
            sizes: [0; SECTIONS],
            items: Vec::new(),
            symbols: HashMap::new(),
            locals: HashMap::new(),
            upper_halves: HashMap::new(),
            pending: Vec::new(),
            section: 0,
            order: 0,
            line: 0,
            errors: AsmErrors::new(source),
        };
        let mut start = 0;
        for text in source.split_inclusive('\n') {
            placed.line += 1;
            placed.one_line(start..start + text.len());
            start += text.len();
            if placed.errors.is_full() {
                break;
            }
        }
        placed.settle();
        placed
    }

    fn one_line(&mut self, range: Range<usize>) {
        let before = self.errors.errors().len();
        let tokens = line(self.source, range, &mut self.errors);
        let is_sound = self.errors.errors().len() == before;
        for statement in tokens.split(|token| token.is(';')) {
            if let Err(mistake) = self.statement(statement, is_sound) {
                self.mistake(mistake);
            }
            self.order += 1;
        }
    }

    /// Labels, then a directive or an instruction. Of a line with a mistake in a token only labels count, so that one
    /// mistake is not reported as several.
    fn statement(&mut self, mut tokens: &[Token<'s>], is_sound: bool) -> Result<(), Mistake> {
        while let [label, colon, rest @ ..] = tokens
            && colon.is(':')
        {
            match label.kind {
                Kind::Number(number) => {
                    let place = (self.order, self.address());
                    self.locals.entry(number).or_default().push(place);
                }
                Kind::Name(name) => {
                    self.define(name, label.range.clone(), Some(self.address()), Some(self.section))?;
                }
                _ => break,
            }
            tokens = rest;
        }
        match tokens {
            [] => Ok(()),
            _ if !is_sound => Ok(()),
            [Token { kind: Kind::Name(name), range }, equals, rest @ ..] if equals.is('=') => {
                let mut cursor = self.cursor(rest, equals.range.end);
                let value = cursor.expression()?;
                cursor.end()?;
                self.constant(name, range.clone(), value)
            }
            [Token { kind: Kind::Name(name), range }, rest @ ..] if name.starts_with('.') => {
                self.directive(name, range.clone(), rest)
            }
            [Token { kind: Kind::Name(name), range }, ..] => self.instruction(name, range, tokens),
            [other, ..] => {
                let cursor = self.cursor(tokens, other.range.start);
                Err(cursor.expected("an instruction, a directive or a label"))
            }
        }
    }

    pub(super) fn cursor<'t>(&self, tokens: &'t [Token<'s>], start: usize) -> Cursor<'t, 's> {
        Cursor::new(tokens, start, &self.spec.registers)
    }

    fn instruction(&mut self, name: &str, range: &Range<usize>, tokens: &[Token<'s>]) -> Result<(), Mistake> {
        if !self.forms.has(name) {
            let hint = did_you_mean(name, self.forms.mnemonics());
            let kind = AsmErrorKind::UnknownInstruction { name: name.to_owned(), isa: self.spec.name };
            self.errors.add(range.clone(), kind, hint);
            return Ok(());
        }
        let end = tokens.last().map_or(range.end, |token| token.range.end);
        let fits = |offset: u32, one: &Encodable<'s>| {
            let here = self.address() + i64::from(offset);
            one.word(&View { here, ..self.here() }).is_ok()
        };
        let instructions = match self.forms.statement(tokens, &fits) {
            Ok(instructions) => instructions,
            Err((place, kind)) => {
                let hint = match &self.source[place.clone()] {
                    found if matches!(&kind, AsmErrorKind::Expected { expected, .. } if expected == "a register") => {
                        register_hint(&self.spec.registers, found)
                    }
                    _ => None,
                };
                let hint =
                    hint.or_else(|| self.forms.written(name).map(|forms| format!("it is written {forms}")));
                self.errors.add(place, kind, hint);
                return Ok(());
            }
        };
        if self.address() % i64::from(WORD) != 0 {
            self.errors.add(
                range.clone(),
                AsmErrorKind::Misaligned(WORD),
                Some(".balign 4 before it".to_owned()),
            );
        }
        for (offset, one) in (0..).step_by(WORD as usize).zip(&instructions) {
            if let Some(of) = one.upper_half_of() {
                self.upper_halves.insert(self.address() + offset, (self.order, of.clone()));
            }
        }
        let size = instructions.len() as u64 * u64::from(WORD);
        self.place(size, range.start..end, Content::Instructions(instructions))
    }

    /// The address of the next byte.
    pub(super) fn address(&self) -> i64 {
        i64::from(self.bases[self.section]) + self.sizes[self.section] as i64
    }

    /// A statement of `size` bytes.
    pub(super) fn place(
        &mut self,
        size: u64,
        range: Range<usize>,
        content: Content<'s>,
    ) -> Result<(), Mistake> {
        let (section, offset) = (self.section, self.sizes[self.section]);
        self.reserve(size, range.clone())?;
        self.items.push(Item { section, offset, order: self.order, range, content });
        Ok(())
    }

    /// Goes on by `size` bytes, which are zero unless an item says otherwise.
    pub(super) fn reserve(&mut self, size: u64, range: Range<usize>) -> Result<(), Mistake> {
        if self.sizes.iter().sum::<u64>().saturating_add(size) > LARGEST {
            return Err((range, AsmErrorKind::TooLarge(LARGEST)));
        }
        let end = u64::from(self.bases[self.section]) + self.sizes[self.section] + size;
        if end > 1 << Word::BITS {
            return Err((range, AsmErrorKind::OutsideAddressSpace));
        }
        self.sizes[self.section] += size;
        Ok(())
    }

    /// Gives a name a value, or notes that it will get one.
    fn define(
        &mut self,
        name: &'s str,
        range: Range<usize>,
        value: Option<i64>,
        section: Option<usize>,
    ) -> Result<(), Mistake> {
        if register(&self.spec.registers, name).is_some() || name == "." {
            return Err((range, AsmErrorKind::RegisterName(name.to_owned())));
        }
        if let Some(first) = self.symbols.get(name) {
            return Err((range, AsmErrorKind::Twice { name: name.to_owned(), first: first.line }));
        }
        self.symbols.insert(name, Symbol { value, section, line: self.line });
        Ok(())
    }

    /// A symbol that stands for a number; what depends on later labels is settled after the pass, in order.
    pub(super) fn constant(
        &mut self,
        name: &'s str,
        range: Range<usize>,
        of: Expr<'s>,
    ) -> Result<(), Mistake> {
        match of.value(&self.here()) {
            Ok(value) => self.define(name, range, Some(value), None),
            Err((_, AsmErrorKind::Undefined(_))) => {
                self.define(name, range, None, None)?;
                self.pending.push((name, of, self.address(), self.order));
                Ok(())
            }
            Err(mistake) => Err(mistake),
        }
    }

    pub(super) fn here(&self) -> View<'_, 's> {
        View {
            placed: self,
            order: self.order,
            start: self.address(),
            here: self.address(),
            sees_halves: false,
        }
    }

    fn settle(&mut self) {
        for (name, of, here, order) in std::mem::take(&mut self.pending) {
            let value = of.value(&View { placed: self, order, start: here, here, sees_halves: true });
            match value {
                Ok(value) => {
                    if let Some(symbol) = self.symbols.get_mut(name) {
                        symbol.value = Some(value);
                    }
                }
                Err(mistake) => self.mistake(mistake),
            }
        }
    }

    /// Reports a mistake, with a hint where the symbols have one.
    pub(super) fn mistake(&mut self, (range, kind): Mistake) {
        // A hint searches the names: not for a mistake that is not listed.
        if self.errors.is_full() {
            return;
        }
        let hint = match &kind {
            AsmErrorKind::Undefined(name) => did_you_mean(name, self.symbols.keys().copied()),
            AsmErrorKind::TooLarge(_) => Some("leave large zero-filled memory to the program".to_owned()),
            AsmErrorKind::NoUpperHalf => {
                Some("it names the label of the instruction with %pcrel_hi".to_owned())
            }
            AsmErrorKind::RegisterName(_) => Some("choose another name".to_owned()),
            _ => None,
        };
        self.errors.add(range, kind, hint);
    }
}
