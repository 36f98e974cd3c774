//! Takes a table apart key by key; what is missing, of a wrong type, or left over at the end is an error.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Int, Text};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

type Value<'t> = Spanned<DeValue<'t>>;

/// The most entries of a list or table: checks compare each with each. The longest in-tree has 60.
const MAX_ENTRIES: usize = 1024;

/// The longest string. The longest in-tree has 264 bytes.
const MAX_BYTES: usize = 1 << 13;

/// A table, and which of its keys were asked for.
pub(super) struct Reader<'a, 't> {
    file: usize,
    text: &'a str,
    table: &'a DeTable<'t>,
    span: Span,
    known: Vec<&'static str>,
    any_key: bool,
    errors: &'a mut Vec<Diagnostic>,
}

impl<'a, 't> Reader<'a, 't> {
    pub(super) fn new(
        file: usize,
        text: &'a str,
        document: &'a Spanned<DeTable<'t>>,
        errors: &'a mut Vec<Diagnostic>,
    ) -> Self {
        let span = Span { file, range: 0..0 };
        Self { file, text, table: document.get_ref(), span, known: Vec::new(), any_key: false, errors }
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    fn place(&self, range: std::ops::Range<usize>) -> Span {
        Span { file: self.file, range }
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Value<'t>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value)
    }

    fn wrong(&mut self, value: &Value<'_>, expected: &str) {
        let found = value.get_ref().type_str();
        let span = self.place(value.span());
        self.errors.push(
            Diagnostic::new(Code::WrongType, &span, format!("expected {expected}, found {found}"))
                .label(format!("not {expected}"))
                .hint(format!("write {expected} here")),
        );
    }

    /// Whether there are few enough entries to read them; else says so.
    fn is_small(&mut self, entries: usize, span: &Span) -> bool {
        if entries > MAX_ENTRIES {
            self.errors.push(
                Diagnostic::new(Code::TooLarge, span, format!("there are {entries} entries here"))
                    .hint(format!("at most {MAX_ENTRIES}: `extends` puts a spec together from several")),
            );
        }
        entries <= MAX_ENTRIES
    }

    fn as_text(&mut self, value: &Value<'_>) -> Option<Text> {
        let Some(content) = value.get_ref().as_str() else {
            self.wrong(value, "a string");
            return None;
        };
        let range = value.span();
        if content.len() > MAX_BYTES {
            let message = format!("this string has {} bytes", content.len());
            let error = Diagnostic::new(Code::TooLarge, &self.place(range), message);
            self.errors.push(error.hint(format!("at most {MAX_BYTES}")));
            return None;
        }
        let raw = &self.text[range.clone()];
        let start = ["\"\"\"\r\n", "\"\"\"\n", "'''\r\n", "'''\n", "\"\"\"", "'''", "\"", "'"]
            .iter()
            .find(|quote| raw.starts_with(**quote))
            .map_or(0, |quote| quote.len());
        let verbatim = raw[start..].starts_with(content);
        Some(Text {
            value: content.to_owned(),
            content: verbatim.then_some(range.start + start),
            span: self.place(range),
        })
    }

    fn as_int(&mut self, value: &Value<'_>) -> Option<Int> {
        let parsed =
            value.get_ref().as_integer().and_then(|int| u64::from_str_radix(int.as_str(), int.radix()).ok());
        if parsed.is_none() {
            self.wrong(value, "a non-negative integer");
        }
        parsed.map(|parsed| Int { value: parsed, span: self.place(value.span()) })
    }

    /// A string that may be missing.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Text> {
        let value = self.get(key)?;
        self.as_text(value)
    }

    /// A string that may not be missing.
    pub(super) fn required(&mut self, key: &'static str) -> Text {
        if self.get(key).is_none() {
            self.missing(key);
        }
        self.text(key).unwrap_or_else(|| Text { span: self.span(), ..Text::default() })
    }

    fn missing(&mut self, key: &str) {
        let span = self.span.clone();
        self.errors.push(
            Diagnostic::new(Code::MissingKey, &span, format!("`{key}` is missing"))
                .hint(format!("add `{key} = …` to this table")),
        );
    }

    pub(super) fn int(&mut self, key: &'static str) -> Option<Int> {
        let value = self.get(key)?;
        self.as_int(value)
    }

    /// A boolean; false if missing.
    pub(super) fn bool(&mut self, key: &'static str) -> bool {
        let Some(value) = self.get(key) else { return false };
        let parsed = value.get_ref().as_bool();
        if parsed.is_none() {
            self.wrong(value, "a boolean");
        }
        parsed.unwrap_or_default()
    }

    /// A boolean that may not be missing.
    pub(super) fn required_bool(&mut self, key: &'static str) -> bool {
        if self.get(key).is_none() {
            self.missing(key);
        }
        self.bool(key)
    }

    /// An array of strings; empty if missing.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<Text> {
        self.get(key).and_then(|value| self.as_texts(value)).unwrap_or_default()
    }

    fn as_texts(&mut self, value: &Value<'_>) -> Option<Vec<Text>> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(value, "an array of strings");
            return None;
        };
        let small = self.is_small(array.len(), &self.place(value.span()));
        small.then(|| array.iter().filter_map(|item| self.as_text(item)).collect())
    }

    /// A table within this one.
    pub(super) fn table<T>(
        &mut self,
        key: &'static str,
        required: bool,
        read: impl FnOnce(&mut Reader<'_, 't>) -> T,
    ) -> Option<T> {
        let Some(value) = self.get(key) else {
            if required {
                self.missing(key);
            }
            return None;
        };
        self.descend(value, read)
    }

    fn descend<T>(&mut self, value: &'a Value<'t>, read: impl FnOnce(&mut Reader<'_, 't>) -> T) -> Option<T> {
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(value, "a table");
            return None;
        };
        let span = self.place(value.span());
        if !self.is_small(table.len(), &span) {
            return None;
        }
        let mut reader = Reader {
            file: self.file,
            text: self.text,
            table,
            span,
            known: Vec::new(),
            any_key: false,
            errors: &mut *self.errors,
        };
        let result = read(&mut reader);
        reader.finish();
        Some(result)
    }

    /// `[[key]]` tables.
    pub(super) fn list<T>(&mut self, key: &'static str, read: impl Fn(&mut Reader<'_, 't>) -> T) -> Vec<T> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(value, "an array of tables");
            return Vec::new();
        };
        // Of `[[key]]` tables the value's own place is the first one.
        if !self.is_small(array.len(), &self.place(value.span())) {
            return Vec::new();
        }
        array.iter().filter_map(|item| self.descend(item, &read)).collect()
    }

    /// `[key.NAME]` tables, in the order of the file.
    pub(super) fn tables_by_key<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Reader<'_, 't>) -> T,
    ) -> Vec<Entry<T>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(value, "a table");
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (name, value) in table.iter() {
            let key = self.key(name);
            if let Some(value) = self.descend(value, &read) {
                entries.push(Entry { key, value });
            }
        }
        entries.sort_by_key(|entry| entry.key.span.clone());
        entries
    }

    /// All entries, whatever their keys, as strings.
    pub(super) fn entries_of_text(&mut self) -> Vec<Entry<Text>> {
        self.entries(Self::as_text)
    }

    /// All entries, whatever their keys, as arrays of strings.
    pub(super) fn entries_of_texts(&mut self) -> Vec<Entry<Vec<Text>>> {
        self.entries(Self::as_texts)
    }

    /// All entries, whatever their keys, as integers.
    pub(super) fn entries_of_int(&mut self) -> Vec<Entry<Int>> {
        self.entries(Self::as_int)
    }

    fn entries<T>(&mut self, read: impl Fn(&mut Self, &Value<'t>) -> Option<T>) -> Vec<Entry<T>> {
        let table = self.table;
        let mut entries: Vec<Entry<T>> = table
            .iter()
            .filter_map(|(name, value)| {
                let key = self.key(name);
                read(self, value).map(|value| Entry { key, value })
            })
            .collect();
        entries.sort_by_key(|entry| entry.key.span.clone());
        self.any_key = true;
        entries
    }

    fn key(&self, name: &Spanned<toml::de::DeString<'_>>) -> Text {
        Text {
            value: name.get_ref().to_string(),
            content: Some(name.span().start),
            span: self.place(name.span()),
        }
    }

    /// Reports the keys that no one asked for.
    pub(super) fn finish(&mut self) {
        for (name, _) in self.table.iter() {
            let found = name.get_ref().as_ref();
            if !self.any_key && !self.known.contains(&found) {
                let span = self.place(name.span());
                let known = self.known.clone();
                self.errors.push(
                    Diagnostic::new(Code::UnknownKey, &span, format!("there is no key `{found}` here"))
                        .label("unknown")
                        .did_you_mean(found, known.into_iter()),
                );
            }
        }
    }
}
