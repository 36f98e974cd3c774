//! From a line of assembly text to tokens. Comments begin with `#` or `//` and end with the line.

use core::ops::Range;

use super::error::{AsmErrorKind, AsmErrors};

/// A token and the bytes of the source that it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'s> {
    pub(super) kind: Kind<'s>,
    pub(super) range: Range<usize>,
}

/// The kinds of tokens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'s> {
    /// A mnemonic, register, symbol or directive.
    Name(&'s str),
    /// A number, or a character in quotes.
    Number(u64),
    /// `1b` or `1f`: the numeric label before or after.
    Local(u64, Direction),
    /// What is between quotes, escapes resolved.
    Text(Vec<u8>),
    /// `%name`
    Modifier(&'s str),
    /// `{name}` or `{name >> N}` of an expansion.
    Operand(&'s str, u32),
    /// Anything else.
    Symbol(char),
}

/// Where a numeric label is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Back,
    Forward,
}

const SYMBOLS: &str = ",()[]+-*~:;=@";

impl Token<'_> {
    pub(super) fn is(&self, symbol: char) -> bool {
        self.kind == Kind::Symbol(symbol)
    }
}

/// The tokens of the line `source[range]`. Mistakes are reported, and left out.
pub(super) fn line<'s>(source: &'s str, range: Range<usize>, errors: &mut AsmErrors) -> Vec<Token<'s>> {
    let mut lexer = Lexer { source, at: range.start, end: range.end };
    let mut tokens = Vec::new();
    while let Some(start) = lexer.skip_blank() {
        match lexer.token(start) {
            Ok(kind) => tokens.push(Token { kind, range: start..lexer.at }),
            Err(kind) => errors.add(start..lexer.at, kind, None),
        }
    }
    tokens
}

/// The tokens of an expansion: the spec's own text, which the checker has seen.
pub(super) fn expansion(text: &'static str) -> Vec<Token<'static>> {
    let mut tokens = line(text, 0..0, &mut AsmErrors::new(""));
    let mut rest = text;
    loop {
        let (plain, after) = rest.split_once('{').unwrap_or((rest, ""));
        tokens.extend(line(plain, 0..plain.len(), &mut AsmErrors::new("")));
        let Some((operand, after)) = after.split_once('}') else { return tokens };
        let (name, shift) = operand.split_once(">>").unwrap_or((operand, "0"));
        let kind = Kind::Operand(name.trim(), shift.trim().parse().unwrap_or_default());
        tokens.push(Token { kind, range: 0..0 });
        rest = after;
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    end: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..self.end]
    }

    /// The start of the next token, if there is one.
    fn skip_blank(&mut self) -> Option<usize> {
        let rest = self.rest();
        let rest = rest.trim_start();
        self.at = self.end - rest.len();
        let is_comment = rest.starts_with('#') || rest.starts_with("//");
        (!rest.is_empty() && !is_comment).then_some(self.at)
    }

    fn take_while(&mut self, take: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let length = rest.find(|c| !take(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn token(&mut self, start: usize) -> Result<Kind<'s>, AsmErrorKind> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$');
        let Some(first) = self.rest().chars().next() else { return Err(AsmErrorKind::Overflow) };
        match first {
            '0'..='9' => number(self.take_while(is_name)),
            first if is_name(first) => Ok(Kind::Name(self.take_while(is_name))),
            '%' => {
                self.at += 1;
                Ok(Kind::Modifier(self.take_while(is_name)))
            }
            '"' => self.string().map(Kind::Text),
            '\'' => self.character(start),
            first => {
                self.at += first.len_utf8();
                if SYMBOLS.contains(first) {
                    Ok(Kind::Symbol(first))
                } else {
                    Err(AsmErrorKind::Character(first))
                }
            }
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, AsmErrorKind> {
        self.at += 1;
        let mut bytes = Vec::new();
        let mut mistake = None;
        loop {
            bytes.extend(self.take_while(|c| c != '"' && c != '\\').bytes());
            match self.rest().chars().next() {
                None => return Err(AsmErrorKind::String("has no end on this line")),
                Some('"') => break self.at += 1,
                Some(_) => match self.escape() {
                    Ok(byte) => bytes.push(byte),
                    Err(error) => mistake = Some(error),
                },
            }
        }
        mistake.map_or(Ok(bytes), Err)
    }

    /// A backslash and what follows: \n \t \r \\ \" \', up to three octal digits, \x and hexadecimal digits.
    fn escape(&mut self) -> Result<u8, AsmErrorKind> {
        self.at += 1;
        let unknown = AsmErrorKind::String(
            "has an unknown escape; \\n \\t \\r \\\\ \\\" \\' \\0 \\101 and \\x41 are known",
        );
        let Some(letter) = self.rest().chars().next() else { return Err(unknown) };
        let digits = |text: &str, radix| u32::from_str_radix(text, radix).ok().map(|value| value as u8);
        if letter.is_digit(8) {
            let text = self.rest();
            let length = text.chars().take(3).take_while(|c| c.is_digit(8)).count();
            self.at += length;
            return digits(&text[..length], 8).ok_or(unknown);
        }
        self.at += letter.len_utf8();
        match letter {
            'n' => Ok(b'\n'),
            't' => Ok(b'\t'),
            'r' => Ok(b'\r'),
            '\\' | '"' | '\'' => Ok(letter as u8),
            'x' => digits(self.take_while(|c| c.is_ascii_hexdigit()), 16).ok_or(unknown),
            _ => Err(unknown),
        }
    }

    /// `'a'`, or `'\n'`.
    fn character(&mut self, start: usize) -> Result<Kind<'s>, AsmErrorKind> {
        self.at += 1;
        let value = match self.rest().chars().next() {
            Some('\\') => self.escape()?.into(),
            Some(letter) => {
                self.at += letter.len_utf8();
                u64::from(u32::from(letter))
            }
            None => 0,
        };
        if self.take_while(|c| c == '\'').len() == 1 {
            return Ok(Kind::Number(value));
        }
        Err(AsmErrorKind::Number(self.source[start..self.at].to_owned()))
    }
}

/// Decimal, 0x…, 0b…; a digit string and `b` or `f` is a numeric label.
fn number(text: &str) -> Result<Kind<'static>, AsmErrorKind> {
    let parse = |digits: &str, radix| u64::from_str_radix(digits, radix).ok();
    let number = |value: Option<u64>| value.map(Kind::Number);
    let lower = text.to_ascii_lowercase();
    let found = if let Some(digits) = lower.strip_prefix("0x") {
        number(parse(digits, 16))
    } else if let Some(digits) = lower.strip_prefix("0b").filter(|digits| !digits.is_empty()) {
        number(parse(digits, 2))
    } else if let Some(digits) = lower.strip_suffix('b') {
        parse(digits, 10).map(|label| Kind::Local(label, Direction::Back))
    } else if let Some(digits) = lower.strip_suffix('f') {
        parse(digits, 10).map(|label| Kind::Local(label, Direction::Forward))
    } else if lower.len() > 1 && lower.starts_with('0') {
        // As in C and GNU as.
        number(parse(&lower[1..], 8))
    } else {
        number(parse(&lower, 10))
    };
    // from_str_radix takes a sign, which no token begins with.
    found.ok_or_else(|| AsmErrorKind::Number(text.to_owned()))
}
