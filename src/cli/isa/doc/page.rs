//! A reference page, before anyone writes it: what it says and what refers to what, but no markup.
//!
//! In: the facts that [`super::content`] takes from a checked spec. Out: what [`super::html`] and [`super::markdown`]
//! write. Neither of them knows a spec, so that the two formats cannot disagree.

use super::diagram::Diagram;

/// A page.
pub(super) struct Page {
    pub(super) title: String,
    pub(super) doc: Line,
    pub(super) facts: Vec<Fact>,
    pub(super) sections: Vec<Section>,
}

/// A part of the page, with a heading.
pub(super) struct Section {
    pub(super) anchor: &'static str,
    pub(super) title: &'static str,
    pub(super) intro: Vec<Line>,
    pub(super) body: Body,
}

/// What stands below a section's introduction.
pub(super) enum Body {
    Table { head: Vec<&'static str>, rows: Vec<Vec<Line>> },
    Entries(Vec<Entry>),
}

/// Something that other things refer to.
pub(super) struct Entry {
    pub(super) anchor: String,
    pub(super) name: String,
    pub(super) doc: Line,
    pub(super) diagram: Option<Diagram>,
    pub(super) facts: Vec<Fact>,
}

/// Something that is known of an entry.
pub(super) struct Fact {
    pub(super) label: String,
    pub(super) value: Line,
}

/// Text in pieces.
pub(super) type Line = Vec<Inline>;

/// A piece of text. Pieces are made by the functions below, which leave no control characters in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inline {
    Text(String),
    Code(String),
    /// To an entry of the page, shown as code.
    Link {
        anchor: String,
        text: String,
    },
}

pub(super) fn text(text: impl AsRef<str>) -> Inline {
    Inline::Text(clean(text.as_ref()))
}

pub(super) fn code(text: impl AsRef<str>) -> Inline {
    Inline::Code(clean(text.as_ref()))
}

/// A link to the entry of that kind and name.
pub(super) fn link(kind: &str, name: &str) -> Inline {
    Inline::Link { anchor: anchor(kind, name), text: clean(name) }
}

/// Pieces with commas between them; `none` if there is none.
pub(super) fn list(pieces: impl IntoIterator<Item = Inline>, none: &str) -> Line {
    let mut line = Vec::new();
    for piece in pieces {
        if !line.is_empty() {
            line.push(text(", "));
        }
        line.push(piece);
    }
    if line.is_empty() {
        line.push(text(none));
    }
    line
}

pub(super) fn fact(label: impl Into<String>, value: Line) -> Fact {
    Fact { label: clean(&label.into()), value }
}

/// The place of an entry on the page: unlike for unlike kinds and names, and made of letters that need no escaping.
pub(super) fn anchor(kind: &str, name: &str) -> String {
    let mut anchor = format!("{kind}-");
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' => anchor.push(c),
            // The dash itself is written like this too, so that no two names become one.
            _ => anchor += &format!("-{:x}-", u32::from(c)),
        }
    }
    anchor
}

/// Text of the spec for one line of a page: a line's end becomes a space, and what no file of text should hold is
/// shown as such.
pub(super) fn clean(text: &str) -> String {
    let lines: Vec<&str> =
        text.split(['\n', '\r', '\t']).map(str::trim).filter(|line| !line.is_empty()).collect();
    let joined = if lines.len() > 1 { lines.join(" ") } else { text.replace(['\n', '\r', '\t'], " ") };
    joined.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_unlike() {
        let names = ["fence.i", "fence-i", "fence i", "fence_i", "fence", "fence-2e-i", "é", "\"", ""];
        let mut anchors: Vec<String> = names.iter().map(|name| anchor("format", name)).collect();
        assert!(
            anchors
                .iter()
                .all(|anchor| anchor.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)))
        );
        anchors.sort();
        anchors.dedup();
        assert_eq!(anchors.len(), names.len());
    }

    #[test]
    fn text_is_one_line_without_control_characters() {
        assert_eq!(clean("a\n    b\r\n\tc"), "a b c");
        assert_eq!(clean(" a "), " a ");
        assert_eq!(clean("a\u{1b}[31m\0"), "a\u{fffd}[31m\u{fffd}");
    }
}
