//! Directives, as GNU as has them.

use core::ops::Range;

use super::error::{AsmErrorKind, did_you_mean};
use super::expression::{Expr, Mistake};
use super::forms::WORD;
use super::layout::{Content, LARGEST, Placed};
use super::lexer::Token;

/// Say something to other tools.
const IGNORED: [&str; 10] =
    [".globl", ".global", ".local", ".weak", ".type", ".size", ".option", ".attribute", ".file", ".ident"];

const KNOWN: [&str; 24] = [
    ".word", ".long", ".int", ".4byte", ".half", ".short", ".2byte", ".byte", ".zero", ".space", ".skip",
    ".ascii", ".asciz", ".string", ".align", ".p2align", ".balign", ".equ", ".set", ".text", ".data",
    ".rodata", ".bss", ".section",
];

const CODE: usize = 0;
const DATA: usize = 1;

impl<'s> Placed<'s> {
    pub(super) fn directive(
        &mut self,
        name: &'s str,
        range: Range<usize>,
        tokens: &[Token<'s>],
    ) -> Result<(), Mistake> {
        let range = range.start..tokens.last().map_or(range.end, |token| token.range.end);
        match name {
            ".word" | ".long" | ".int" | ".4byte" => self.numbers(4, range, tokens),
            ".half" | ".short" | ".2byte" => self.numbers(2, range, tokens),
            ".byte" => self.numbers(1, range, tokens),
            ".zero" | ".space" | ".skip" => {
                let size = self.known(&range, tokens, LARGEST)?;
                self.reserve(size, range)
            }
            ".ascii" => self.strings(false, range, tokens),
            ".asciz" | ".string" => self.strings(true, range, tokens),
            ".align" | ".p2align" => {
                let bits = self.known(&range, tokens, LARGEST.ilog2().into())?;
                self.align(1 << bits, range)
            }
            ".balign" => {
                let multiple = self.known(&range, tokens, LARGEST)?;
                self.align(multiple.max(1), range)
            }
            ".equ" | ".set" => {
                let mut cursor = self.cursor(tokens, range.end);
                let place = cursor.range();
                let name = cursor.name()?;
                cursor.symbol(',')?;
                let value = cursor.expression()?;
                cursor.end()?;
                self.constant(name, place, value)
            }
            ".text" | ".data" | ".rodata" | ".bss" => {
                self.section = if name == ".text" { CODE } else { DATA };
                self.cursor(tokens, range.end).end()
            }
            ".section" => {
                let name = self.cursor(tokens, range.end).name()?;
                self.section = if name == ".text" || name.starts_with(".text.") { CODE } else { DATA };
                Ok(())
            }
            ignored if IGNORED.contains(&ignored) => Ok(()),
            unknown => {
                let hint = did_you_mean(unknown, KNOWN);
                let place = range.start..range.start + unknown.len();
                self.errors.add(place, AsmErrorKind::UnknownDirective(unknown.to_owned()), hint);
                Ok(())
            }
        }
    }

    fn list(&self, range: &Range<usize>, tokens: &[Token<'s>]) -> Result<Vec<Expr<'s>>, Mistake> {
        let mut cursor = self.cursor(tokens, range.end);
        let mut list = vec![cursor.expression()?];
        while cursor.take(',') {
            list.push(cursor.expression()?);
        }
        cursor.end()?;
        Ok(list)
    }

    fn numbers(&mut self, bytes: u32, range: Range<usize>, tokens: &[Token<'s>]) -> Result<(), Mistake> {
        let numbers = self.list(&range, tokens)?;
        let size = numbers.len() as u64 * u64::from(bytes);
        self.place(size, range, Content::Numbers(bytes, numbers))
    }

    fn strings(&mut self, is_ended: bool, range: Range<usize>, tokens: &[Token<'s>]) -> Result<(), Mistake> {
        let mut cursor = self.cursor(tokens, range.end);
        let mut bytes = Vec::new();
        loop {
            bytes.extend_from_slice(cursor.text()?);
            bytes.extend(is_ended.then_some(0));
            if !cursor.take(',') {
                break;
            }
        }
        cursor.end()?;
        self.place(bytes.len() as u64, range, Content::Bytes(bytes))
    }

    /// The one number of a directive that decides where the next statement is.
    fn known(&self, range: &Range<usize>, tokens: &[Token<'s>], most: u64) -> Result<u64, Mistake> {
        let mut cursor = self.cursor(tokens, range.end);
        let number = cursor.expression()?;
        cursor.end()?;
        let value = number.value(&self.here()).map_err(|(place, kind)| match kind {
            AsmErrorKind::Undefined(name) => (place, AsmErrorKind::NotYet(name)),
            kind => (place, kind),
        })?;
        match u64::try_from(value) {
            Ok(value) if value > most && most == LARGEST => {
                Err((range.clone(), AsmErrorKind::TooLarge(LARGEST)))
            }
            _ => number.within(value, 0, most as i64).map(|value| value as u64),
        }
    }

    /// Goes on to a multiple. Code is filled with what the spec says, where it is whole words.
    fn align(&mut self, multiple: u64, range: Range<usize>) -> Result<(), Mistake> {
        let address = self.address() as u64;
        let size = address.next_multiple_of(multiple) - address;
        let word = u64::from(WORD);
        let is_filled = self.section == CODE && self.forms.fill().is_some();
        // Up to a whole word with zeros.
        let zeros = if is_filled { size.min(address.next_multiple_of(word) - address) } else { size };
        self.reserve(zeros, range.clone())?;
        match size - zeros {
            0 => Ok(()),
            filled => self.place(filled, range, Content::Fill(filled)),
        }
    }
}
