//! Pseudo-instructions: each alternative of an expansion must be instructions of the spec, and say what every operand
//! becomes. An operand's kind is not declared: it is what the expansion uses it as.

use std::collections::BTreeMap;

use super::asm::{self, Part};
use super::replaced::Replaced;
use super::{check_mnemonic, register};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::{AsmPiece, Instruction, Pseudo};
use crate::parse::{PseudoTable, Tables, Text};
use crate::source::Span;

/// What `%name(…)` the assembler knows.
const MODIFIERS: [&str; 4] = ["hi", "lo", "pcrel_hi", "pcrel_lo"];

pub(super) fn pseudos(
    tables: &Tables,
    instructions: &[Instruction],
    registers: &[String],
    replaced: &[Replaced],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Pseudo> {
    let mut shapes: BTreeMap<String, &Text> = BTreeMap::new();
    let mut fill: Option<&Text> = None;
    let mut pseudos = Vec::new();
    // A text may still name an instruction that was replaced.
    let all: Vec<Instruction> =
        instructions.iter().chain(replaced.iter().map(|replaced| &replaced.special)).cloned().collect();
    for table in &tables.pseudos {
        let mut checker =
            Checker { table, instructions: &all, replaced, registers, kinds: BTreeMap::new(), errors };
        let Some(pseudo) = checker.pseudo() else { continue };
        let twice = shapes.insert(shape(&pseudo), &table.asm).map(|first| (first, "of this form"));
        let twice = twice.or_else(|| fill.filter(|_| pseudo.fill).map(|first| (first, "that fill")));
        if let Some((first, what)) = twice {
            errors.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    &table.asm.span,
                    format!("there are two pseudo-instructions {what}"),
                )
                .label("the second")
                .other(&first.span, "the first")
                .hint("give one another mnemonic or other operands: the assembler takes a line by its form"),
            );
        }
        if pseudo.fill {
            fill = Some(&table.asm);
        }
        pseudos.push(pseudo);
    }
    // An instruction's form comes before that of a pseudo-instruction, and that of one that was replaced as well.
    let of_replaced = || replaced.iter().filter_map(|replaced| replaced.pseudo.as_ref());
    pseudos.retain(|pseudo| of_replaced().all(|other| shape(other) != shape(pseudo)));
    pseudos.extend(of_replaced().cloned());
    pseudos.sort_by(|a, b| (&a.name, &a.asm).cmp(&(&b.name, &b.asm)));
    pseudos
}

/// The text with each operand's kind in the place of its name: what the assembler tells forms apart by.
fn shape(pseudo: &Pseudo) -> String {
    let mut shape = pseudo.asm.replace(' ', "");
    for (name, is_register) in &pseudo.operands {
        shape = shape.replace(&format!("{{{name}}}"), if *is_register { "{R}" } else { "{V}" });
    }
    format!("{} {shape}", pseudo.name)
}

struct Checker<'a> {
    table: &'a PseudoTable,
    instructions: &'a [Instruction],
    replaced: &'a [Replaced],
    registers: &'a [String],
    /// Whether an operand is a register, and where that was seen.
    kinds: BTreeMap<String, (bool, Span)>,
    errors: &'a mut Vec<Diagnostic>,
}

impl Checker<'_> {
    fn pseudo(&mut self) -> Option<Pseudo> {
        let (table, before) = (self.table, self.errors.len());
        let name = table.asm.value.split(' ').next().unwrap_or_default();
        check_mnemonic(&Text { value: name.to_owned(), ..table.asm.clone() }, self.errors);
        let parts = asm::parts(&table.asm, self.errors);
        asm::shape(&table.asm, name, &parts, self.errors);
        let mut names = Vec::new();
        for part in &parts {
            if let Part::Operand(operand, span) = part {
                if !operand.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || operand.is_empty() {
                    self.error(
                        Code::BadAsm,
                        span,
                        format!("`{operand}` is no name of an operand"),
                        "letters, digits and underscores",
                    );
                }
                names.push((*operand).to_owned());
            }
        }
        if table.expand.is_empty() {
            self.error(
                Code::BadExpansion,
                &table.asm.span,
                "this expands to nothing".to_owned(),
                "add `expand = [\"…\"]`",
            );
        }
        if self.errors.len() > before {
            return None;
        }
        for expansion in &table.expand {
            self.expansion(expansion, &names);
        }
        let is_one = table.expand.len() == 1 && !table.expand[0].value.contains(';');
        let can_fill = names.is_empty() && is_one;
        if table.fill && !can_fill {
            let message = "only one instruction without operands can fill".to_owned();
            self.error(Code::BadExpansion, &table.asm.span, message, "leave `fill` out");
        }
        Some(Pseudo {
            name: name.to_owned(),
            doc: table.doc.value.clone(),
            asm: table.asm.value.clone(),
            operands: names
                .into_iter()
                .map(|name| {
                    let is_register = self.kinds.get(&name).is_some_and(|(is_register, _)| *is_register);
                    (name, is_register)
                })
                .collect(),
            expansions: table.expand.iter().map(|text| self.rewritten(&text.value)).collect(),
            fill: table.fill && can_fill,
        })
    }

    /// An alternative, with what has their place for the instructions that were replaced.
    fn rewritten(&self, expansion: &str) -> String {
        let statement = |written: &str| {
            let statement = written.trim();
            let (mnemonic, operands) = statement.split_once(' ').unwrap_or((statement, ""));
            let replaced = self.replaced.iter().find(|replaced| replaced.special.name == mnemonic)?;
            let captured = capture(&replaced.special, operands)?;
            let means = replaced.pseudo.as_ref()?.expansions.first()?;
            let mut text = String::new();
            let mut rest = means.as_str();
            while let Some((before, after)) = rest.split_once('{') {
                let (name, after) = after.split_once('}')?;
                let is_named = |piece: &AsmPiece| match piece {
                    AsmPiece::UpperImm(_) => name == "imm",
                    piece => written_as(piece) == name,
                };
                text += before;
                text += captured.iter().find(|(piece, _)| is_named(piece))?.1;
                rest = after;
            }
            Some(text + rest)
        };
        let statements =
            expansion.split(';').map(|text| statement(text).unwrap_or_else(|| text.trim().to_owned()));
        match self.replaced {
            [] => expansion.to_owned(),
            _ => statements.collect::<Vec<_>>().join("; "),
        }
    }

    fn error(&mut self, code: Code, span: &Span, message: String, hint: &str) {
        self.errors.push(Diagnostic::new(code, span, message).hint(hint));
    }

    /// One alternative: statements separated by semicolons.
    fn expansion(&mut self, text: &Text, names: &[String]) {
        let before = self.errors.len();
        let mut used = Vec::new();
        for statement in text.value.split(';') {
            self.statement(text, statement.trim(), names, &mut used);
        }
        for name in names {
            if self.errors.len() == before && !used.contains(name) {
                let message = format!("operand `{name}` is not used here");
                self.error(Code::UnusedOperand, &text.span, message, "every alternative uses every operand");
            }
        }
    }

    fn statement(&mut self, text: &Text, statement: &str, names: &[String], used: &mut Vec<String>) {
        let span = place(text, statement);
        let (mnemonic, operands) = statement.split_once(' ').unwrap_or((statement, ""));
        let Some(instruction) = self.instructions.iter().find(|known| known.name == mnemonic) else {
            let known = self.instructions.iter().map(|known| known.name.as_str());
            self.errors.push(
                Diagnostic::new(
                    Code::UnknownInstruction,
                    &span,
                    format!("there is no instruction `{mnemonic}`"),
                )
                .did_you_mean(mnemonic, known),
            );
            return;
        };
        let lost = |replaced: &&Replaced| replaced.special.name == mnemonic && replaced.pseudo.is_none();
        if let Some(Replaced { general, .. }) = self.replaced.iter().find(lost) {
            let message = format!("`{mnemonic}` was replaced by `{general}`, whose text cannot say the same");
            self.error(Code::BadExpansion, &span, message, "expand to other instructions");
            return;
        }
        let Some(captured) = capture(instruction, operands) else {
            let hint = format!("it is written {}", written(&instruction.asm));
            self.error(
                Code::BadExpansion,
                &span,
                format!("these are not the operands of `{mnemonic}`"),
                &hint,
            );
            return;
        };
        for (piece, captured) in captured {
            let is_register = piece.is_register();
            self.captured(text, captured, is_register, names, used);
        }
    }

    /// What an expansion says for one operand of an instruction.
    fn captured(
        &mut self,
        text: &Text,
        captured: &str,
        is_register: bool,
        names: &[String],
        used: &mut Vec<String>,
    ) {
        let span = place(text, captured);
        let mut rest = captured;
        let mut found = false;
        while let Some((_, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                self.error(
                    Code::BadExpansion,
                    &span,
                    "this brace is not closed".to_owned(),
                    "close it with }",
                );
                return;
            };
            self.operand(&span, name, is_register, names, used);
            (found, rest) = (true, after);
        }
        let is_whole =
            captured.starts_with('{') && captured.ends_with('}') && captured.matches('{').count() == 1;
        if is_register && !found {
            let name = Text { value: captured.to_owned(), span, content: None };
            register(self.registers, &name, self.errors);
        } else if is_register && !is_whole {
            self.error(
                Code::BadExpansion,
                &span,
                "a register stands here".to_owned(),
                "a register's name, or {…} alone",
            );
        } else if captured.is_empty() || captured.matches('(').count() != captured.matches(')').count() {
            self.error(
                Code::BadExpansion,
                &span,
                format!("`{captured}` is no expression"),
                "a number, or an operand",
            );
        } else {
            for modifier in captured.split('%').skip(1) {
                let name = modifier.split('(').next().unwrap_or_default();
                if !MODIFIERS.contains(&name) {
                    self.errors.push(
                        Diagnostic::new(Code::BadExpansion, &span, format!("there is no `%{name}`"))
                            .did_you_mean(name, MODIFIERS.into_iter()),
                    );
                }
            }
        }
    }

    fn operand(
        &mut self,
        span: &Span,
        written: &str,
        is_register: bool,
        names: &[String],
        used: &mut Vec<String>,
    ) {
        let (name, shift) =
            written.split_once(">>").map_or((written, None), |(name, shift)| (name, Some(shift)));
        let name = name.trim();
        if !names.iter().any(|known| known == name) {
            let known = names.iter().map(String::as_str);
            self.errors.push(
                Diagnostic::new(Code::UnknownOperand, span, format!("the text has no operand `{name}`"))
                    .did_you_mean(name, known),
            );
            return;
        }
        if shift.is_some_and(|shift| {
            is_register || shift.trim().parse().is_ok_and(|shift: u32| shift >= super::XLEN)
        }) {
            let hint = "{name >> N} shifts a number by less than a word";
            self.error(Code::BadExpansion, span, format!("`{{{written}}}` cannot be shifted"), hint);
        }
        used.push(name.to_owned());
        match self.kinds.get(name) {
            Some((was_register, first)) if *was_register != is_register => {
                let kind = |is_register| if is_register { "a register" } else { "a number" };
                let message = format!("operand `{name}` is used as {} here", kind(is_register));
                let first = (first.clone(), kind(*was_register));
                self.errors.push(
                    Diagnostic::new(Code::OperandClash, span, message)
                        .label(kind(is_register))
                        .other(&first.0, first.1)
                        .hint("give the text two operands"),
                );
            }
            Some(_) => {}
            None => {
                self.kinds.insert(name.to_owned(), (is_register, span.clone()));
            }
        }
    }
}

/// The place of a part of a text's content.
fn place(text: &Text, part: &str) -> Span {
    let start = (part.as_ptr() as usize).wrapping_sub(text.value.as_ptr() as usize);
    if start > text.value.len() { text.span.clone() } else { text.at(start..start + part.len()) }
}

/// An instruction's assembly text as the spec has it.
pub(super) fn written(asm: &[AsmPiece]) -> String {
    let piece = |piece: &AsmPiece| match piece {
        AsmPiece::Text(text) => text.clone(),
        AsmPiece::Register(name) => format!("{{{name}}}"),
        AsmPiece::Imm => "{imm}".to_owned(),
        AsmPiece::UpperImm(shift) => format!("{{imm >> {shift}}}"),
        AsmPiece::Target => "{target}".to_owned(),
        AsmPiece::Letters(name) => format!("{{{name}}}"),
    };
    asm.iter().map(piece).collect()
}

/// The name of an operand.
fn written_as(piece: &AsmPiece) -> String {
    written(std::slice::from_ref(piece)).trim_matches(['{', '}']).to_owned()
}

/// What an instruction's text is made of: operands, and what stands between them.
enum Element<'m> {
    Separator(char),
    Operand(&'m AsmPiece),
}

/// What `operands` has for each operand of the instruction; none if it is not of its form.
fn capture<'m, 't>(instruction: &'m Instruction, operands: &'t str) -> Option<Vec<(&'m AsmPiece, &'t str)>> {
    let mut patterns: Vec<Vec<Element<'m>>> = vec![Vec::new()];
    for (at, piece) in instruction.asm.iter().enumerate() {
        let AsmPiece::Text(text) = piece else {
            patterns.last_mut()?.push(Element::Operand(piece));
            continue;
        };
        let separators = if at == 0 { text.strip_prefix(&instruction.name)? } else { text };
        for separator in separators.chars().filter(|c| *c != ' ') {
            match separator {
                ',' => patterns.push(Vec::new()),
                other => patterns.last_mut()?.push(Element::Separator(other)),
            }
        }
    }
    let texts = split(operands);
    if texts.len() != patterns.len() {
        return None;
    }
    let mut captured = Vec::new();
    for (pattern, text) in patterns.iter().zip(texts) {
        match_one(pattern, text.trim(), &mut captured)?;
    }
    Some(captured)
}

fn match_one<'m, 't>(
    pattern: &[Element<'m>],
    text: &'t str,
    captured: &mut Vec<(&'m AsmPiece, &'t str)>,
) -> Option<()> {
    match pattern {
        [] => text.is_empty().then_some(()),
        [Element::Separator(separator), rest @ ..] => {
            match_one(rest, text.strip_prefix(*separator)?.trim(), captured)
        }
        [Element::Operand(piece), Element::Separator(separator), ..] => {
            let (at, _) = outside_parentheses(text).filter(|(_, c)| c == separator).last()?;
            captured.push((piece, text[..at].trim()));
            match_one(&pattern[1..], &text[at..], captured)
        }
        [Element::Operand(piece), rest @ ..] => {
            captured.push((piece, text));
            match_one(rest, "", captured)
        }
    }
}

/// The parts between commas that stand in no parentheses.
fn split(text: &str) -> Vec<&str> {
    let commas: Vec<usize> = outside_parentheses(text).filter(|(_, c)| *c == ',').map(|(at, _)| at).collect();
    let starts = std::iter::once(0).chain(commas.iter().map(|at| at + 1));
    let ends = commas.iter().copied().chain([text.len()]);
    starts.zip(ends).map(|(start, end)| &text[start..end]).collect()
}

/// The characters that stand in no parentheses, the outermost parentheses themselves included.
fn outside_parentheses(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut depth = 0i32;
    text.char_indices().filter(move |(_, c)| match c {
        '(' => {
            depth += 1;
            depth == 1
        }
        ')' => {
            depth -= 1;
            depth <= 0
        }
        _ => depth == 0,
    })
}
