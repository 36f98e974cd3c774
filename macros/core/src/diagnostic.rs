//! Errors in a spec: what, where, and what to do.

use std::collections::BTreeSet;
use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::code::Code;
use crate::source::{Sources, Span};

/// One error in a spec.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// What kind of mistake it is.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What is there, under the caret.
    pub label: String,
    /// Other places that belong to it.
    pub others: Vec<Label>,
    /// What to do.
    pub hint: Option<String>,
}

/// Names longer than this are near to none: comparing two takes time and space by the product of their lengths.
const MAX_NAME: usize = 64;

/// Another place that belongs to an error.
#[derive(Clone, Debug)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there.
    pub text: String,
}

impl Diagnostic {
    pub(crate) fn new(code: Code, span: &Span, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            span: span.clone(),
            label: String::new(),
            others: Vec::new(),
            hint: None,
        }
    }

    pub(crate) fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    pub(crate) fn other(mut self, span: &Span, text: impl Into<String>) -> Self {
        self.others.push(Label { span: span.clone(), text: text.into() });
        self
    }

    pub(crate) fn hint(mut self, text: impl Into<String>) -> Self {
        self.hint = Some(text.into());
        self
    }

    /// Adds "did you mean" if one of `names` is near to `found`, else the list of them.
    pub(crate) fn did_you_mean<'a>(self, found: &str, names: impl Iterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.collect();
        let near = names
            .iter()
            .filter(|name| found.len().max(name.len()) <= MAX_NAME)
            .map(|name| (strsim::damerau_levenshtein(found, name), *name))
            .min()
            .filter(|(distance, name)| *distance <= 1 + name.len() / 4 && *distance < name.len());
        match near {
            Some((_, name)) => self.hint(format!("did you mean `{name}`?")),
            None if names.is_empty() => self,
            None => self.hint(format!("known here: {}", names.join(", "))),
        }
    }
}

/// All errors of one compilation; its `Display` shows each with file, line, column, source line and caret.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    sources: Sources,
    errors: Vec<Diagnostic>,
    found: usize,
}

/// How many errors are kept: no one reads more, and to show one takes time by the file's length.
const MOST: usize = 200;

impl Diagnostics {
    pub(crate) fn new(sources: Sources, mut errors: Vec<Diagnostic>) -> Self {
        // What stands in for a key that is missing or of a wrong type has that key's place: its errors say nothing new.
        let is_absence = |error: &Diagnostic| matches!(error.code, Code::MissingKey | Code::WrongType);
        let absent: BTreeSet<Span> =
            errors.iter().filter(|e| is_absence(e)).map(|error| error.span.clone()).collect();
        errors.retain(|error| is_absence(error) || !absent.contains(&error.span));
        // A key that is mistyped lacks where it belongs: what follows from that is everywhere.
        let order =
            |error: &Diagnostic| (error.code != Code::UnknownKey, error.span.clone(), error.message.clone());
        errors.sort_by_cached_key(order);
        errors.dedup_by(|a, b| a.span == b.span && a.message == b.message);
        let found = errors.len();
        errors.truncate(MOST);
        Self { sources, errors, found }
    }

    /// The errors, unknown keys first, then by place; the first 200, if there are more.
    pub fn errors(&self) -> &[Diagnostic] {
        &self.errors
    }

    /// The file, line and column of an error, both from 1, the column in characters.
    pub fn place(&self, error: &Diagnostic) -> (&str, usize, usize) {
        let (line, column) = self.sources.line_column(&error.span);
        (&self.sources.file(error.span.file).name, line, column)
    }

    /// The errors with terminal colours.
    pub fn styled(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut reports: Vec<String> =
            self.errors.iter().map(|error| self.render_one(renderer, error)).collect();
        let (count, shown) = (self.found, self.errors.len());
        let plural = if count == 1 { "" } else { "s" };
        let rest = if count == shown { String::new() } else { format!(", of which {shown} are shown") };
        reports.push(format!("error: the spec has {count} error{plural}{rest}"));
        reports.join("\n\n")
    }

    fn render_one(&self, renderer: &Renderer, error: &Diagnostic) -> String {
        let snippet = |file: usize| {
            let source = self.sources.file(file);
            Snippet::source(source.text.as_str()).path(source.name.as_str())
        };
        let annotation = AnnotationKind::Primary.span(error.span.range.clone());
        let mut main = snippet(error.span.file).annotation(match error.label.as_str() {
            "" => annotation,
            label => annotation.label(label),
        });
        let (same, elsewhere): (Vec<_>, Vec<_>) =
            error.others.iter().partition(|other| other.span.file == error.span.file);
        for other in same {
            main = main.annotation(
                AnnotationKind::Context.span(other.span.range.clone()).label(other.text.as_str()),
            );
        }
        let mut group =
            Level::ERROR.primary_title(error.message.as_str()).id(error.code.name()).element(main);
        for other in elsewhere {
            group = group.element(snippet(other.span.file).annotation(
                AnnotationKind::Context.span(other.span.range.clone()).label(other.text.as_str()),
            ));
        }
        if let Some(hint) = &error.hint {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Diagnostics {}
