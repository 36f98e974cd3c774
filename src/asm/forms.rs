//! What statements may look like: a form for every instruction and pseudo-instruction of the spec, read off its text.

use std::collections::HashMap;

use super::encodable::Encodable;
use super::error::AsmErrorKind;
use super::expression::{Mistake, Nowhere};
use super::lexer::{Kind, Token, expansion};
use super::parse::{Cursor, Operand};
use crate::isa::{AsmPiece, Instruction, OperandKind, Pseudo, Registers, Spec};

/// The bytes of an instruction word.
pub(super) const WORD: u32 = size_of::<u32>() as u32;

/// The forms of a spec, by mnemonic: an instruction's first, which takes precedence.
pub(super) struct Forms {
    by_mnemonic: HashMap<&'static str, Vec<Form>>,
    registers: &'static Registers,
    /// What fills the alignment of code.
    fill: Option<u32>,
}

/// What a statement may look like.
pub(super) struct Form {
    elements: Vec<Element>,
    means: Means,
    /// The text, as the spec has it.
    written: String,
}

/// What stands behind a mnemonic.
enum Element {
    Symbol(char),
    Register(&'static str),
    Number(&'static str),
    Letters(&'static str, &'static str),
}

enum Means {
    Instruction(&'static Instruction),
    /// The alternatives, each a list of statements.
    Pseudo(Vec<Vec<Vec<Token<'static>>>>),
}

/// Whether an instruction, so many bytes after the statement's begin, can be encoded with what is known by now.
pub(super) type Fits<'f, 's> = &'f dyn Fn(u32, &Encodable<'s>) -> bool;

impl Forms {
    /// O(spec).
    pub(super) fn new(spec: &'static Spec) -> Self {
        let mut by_mnemonic: HashMap<&'static str, Vec<Form>> = HashMap::new();
        for instruction in spec.instructions {
            by_mnemonic.entry(instruction.name).or_default().push(Form::of_instruction(instruction));
        }
        for pseudo in spec.pseudos {
            by_mnemonic.entry(pseudo.name).or_default().push(Form::of_pseudo(pseudo));
        }
        let mut forms = Self { by_mnemonic, registers: &spec.registers, fill: None };
        forms.fill = spec.pseudos.iter().find(|pseudo| pseudo.fill).and_then(|pseudo| {
            let tokens = [Token { kind: Kind::Name(pseudo.name), range: 0..0 }];
            forms.statement(&tokens, &|_, _| true).ok()?.first()?.word(&Nowhere).ok()
        });
        forms
    }

    pub(super) fn fill(&self) -> Option<u32> {
        self.fill
    }

    pub(super) fn mnemonics(&self) -> impl Iterator<Item = &'static str> {
        self.by_mnemonic.keys().copied()
    }

    /// The forms of a mnemonic, as text.
    pub(super) fn written(&self, mnemonic: &str) -> Option<String> {
        let forms: Vec<&str> =
            self.by_mnemonic.get(mnemonic)?.iter().map(|form| form.written.as_str()).collect();
        Some(forms.join("; "))
    }

    pub(super) fn has(&self, mnemonic: &str) -> bool {
        self.by_mnemonic.contains_key(mnemonic)
    }

    /// The instructions that a statement stands for, of which the first token is the mnemonic. Of a
    /// pseudo-instruction's alternatives the first is taken that can be encoded with what is known by now, else the
    /// last. Of several forms' mistakes the one is given of a form with as many commas, then the one
    /// that was found last.
    pub(super) fn statement<'s>(
        &self,
        tokens: &[Token<'s>],
        fits: Fits<'_, 's>,
    ) -> Result<Vec<Encodable<'s>>, Mistake> {
        let [Token { kind: Kind::Name(mnemonic), range }, rest @ ..] = tokens else { return Ok(Vec::new()) };
        let commas = rest.iter().filter(|token| token.is(',')).count();
        let mut nearest: Option<((bool, usize), Mistake)> = None;
        for form in self.by_mnemonic.get(mnemonic).into_iter().flatten() {
            let mut cursor = Cursor::new(rest, range.end, self.registers);
            match form.operands(&mut cursor) {
                Ok(operands) => return self.meaning(form, operands, &tokens[0], fits),
                Err(mistake) => {
                    let left = (form.commas() != commas, cursor.left());
                    if nearest.as_ref().is_none_or(|(least, _)| left < *least) {
                        nearest = Some((left, mistake));
                    }
                }
            }
        }
        let unknown = || (range.clone(), AsmErrorKind::Undefined((*mnemonic).to_owned()));
        Err(nearest.map_or_else(unknown, |(_, mistake)| mistake))
    }

    fn meaning<'s>(
        &self,
        form: &Form,
        operands: Vec<(&'static str, Operand<'s>)>,
        mnemonic: &Token<'s>,
        fits: Fits<'_, 's>,
    ) -> Result<Vec<Encodable<'s>>, Mistake> {
        let alternatives = match &form.means {
            Means::Instruction(instruction) => return Ok(vec![Encodable::new(instruction, operands)]),
            Means::Pseudo(alternatives) => alternatives,
        };
        for (at, statements) in alternatives.iter().enumerate() {
            let expand = |statement: &Vec<Token<'static>>| self.expand(statement, &operands, mnemonic);
            let expanded = statements.iter().map(expand).collect::<Result<Vec<_>, _>>()?;
            let is_last = at + 1 == alternatives.len();
            if is_last || (0..).step_by(WORD as usize).zip(&expanded).all(|(offset, one)| fits(offset, one)) {
                return Ok(expanded);
            }
        }
        Ok(Vec::new())
    }

    /// One statement of an expansion; mistakes in it are the statement's that is expanded.
    fn expand<'s>(
        &self,
        statement: &[Token<'static>],
        operands: &[(&'static str, Operand<'s>)],
        mnemonic: &Token<'s>,
    ) -> Result<Encodable<'s>, Mistake> {
        let place =
            |token: &Token<'static>| Token { kind: token.kind.clone(), range: mnemonic.range.clone() };
        let tokens: Vec<Token<'s>> = statement.iter().map(place).collect();
        let name = match tokens.first() {
            Some(Token { kind: Kind::Name(name), .. }) => *name,
            _ => "",
        };
        let unknown = || (mnemonic.range.clone(), AsmErrorKind::Undefined(name.to_owned()));
        // The checker has seen that the instruction is there, first of its forms.
        let form = self.by_mnemonic.get(name).and_then(|forms| forms.first()).ok_or_else(unknown)?;
        let Means::Instruction(instruction) = form.means else { return Err(unknown()) };
        let mut cursor = Cursor::new(&tokens[1..], mnemonic.range.end, self.registers).with(operands);
        Ok(Encodable::new(instruction, form.operands(&mut cursor)?))
    }
}

impl Form {
    fn of_instruction(instruction: &'static Instruction) -> Self {
        let mut elements = Vec::new();
        let mut written = String::new();
        for (at, piece) in instruction.asm.iter().enumerate() {
            let operand = piece.operand().and_then(|name| instruction.operand(name));
            match (*piece, operand) {
                (AsmPiece::Text(text), _) => {
                    let separators = if at == 0 { text.trim_start_matches(instruction.name) } else { text };
                    elements.extend(separators.chars().filter(|c| *c != ' ').map(Element::Symbol));
                    written += text;
                }
                (_, None) => {}
                (_, Some(operand)) => {
                    elements.push(match operand.kind {
                        OperandKind::Letters { letters, .. } => Element::Letters(operand.name, letters),
                        OperandKind::Immediate(_) => Element::Number(operand.name),
                        _ => Element::Register(operand.name),
                    });
                    let name = if *piece == AsmPiece::Target { "target" } else { operand.name };
                    written += &format!("{{{name}}}");
                }
            }
        }
        Self { elements, means: Means::Instruction(instruction), written }
    }

    fn of_pseudo(pseudo: &'static Pseudo) -> Self {
        let elements = expansion(pseudo.asm.strip_prefix(pseudo.name).unwrap_or_default())
            .into_iter()
            .filter_map(|token| match token.kind {
                Kind::Symbol(symbol) => Some(Element::Symbol(symbol)),
                Kind::Operand(name, _) => match pseudo.operands.iter().find(|(known, _)| *known == name) {
                    Some((_, true)) => Some(Element::Register(name)),
                    _ => Some(Element::Number(name)),
                },
                _ => None,
            })
            .collect();
        let statements = |text: &&'static str| text.split(';').map(expansion).collect();
        let means = Means::Pseudo(pseudo.expansions.iter().map(statements).collect());
        Self { elements, means, written: pseudo.asm.to_owned() }
    }

    fn commas(&self) -> usize {
        self.elements.iter().filter(|element| matches!(element, Element::Symbol(','))).count()
    }

    /// The operands that a statement has in this form.
    fn operands<'s>(&self, cursor: &mut Cursor<'_, 's>) -> Result<Vec<(&'static str, Operand<'s>)>, Mistake> {
        let mut operands = Vec::new();
        for (at, element) in self.elements.iter().enumerate() {
            match element {
                Element::Symbol(symbol) => cursor.symbol(*symbol)?,
                Element::Register(name) => operands.push((*name, Operand::Register(cursor.register()?))),
                Element::Letters(name, letters) => {
                    operands.push((*name, Operand::Letters(cursor.letters(letters)?)));
                }
                Element::Number(name) => {
                    let is_offset = matches!(self.elements.get(at + 1), Some(Element::Symbol('(')));
                    let number = if is_offset { cursor.offset()? } else { cursor.expression()? };
                    operands.push((*name, Operand::Number(number)));
                }
            }
        }
        cursor.end()?;
        Ok(operands)
    }
}
