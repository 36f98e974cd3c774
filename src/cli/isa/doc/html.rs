//! The page as one HTML file: no scripts, no fonts, nothing from elsewhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::diagram::{Cell, Diagram};
use super::page::{Body, Entry, Fact, Inline, Page, Section};

/// Ours, and free of `<`; what the spec says goes through maud, which escapes it.
const STYLE: &str = concat!(include_str!("../../page.css"), include_str!("style.css"));

/// The page's text.
pub(super) fn write(page: &Page) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title) " – instruction set reference" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (navigation(page))
                main {
                    header id="top" {
                        h1 { (page.title) }
                        p.doc { (line(&page.doc)) }
                        (facts(&page.facts))
                    }
                    @for section in &page.sections {
                        (write_section(section))
                    }
                }
            }
        }
    };
    let mut text = markup.into_string();
    text.push('\n');
    text
}

fn navigation(page: &Page) -> Markup {
    html! {
        nav aria-label="Contents" {
            a.home href="#top" { (page.title) }
            ul {
                @for section in &page.sections {
                    li {
                        a href={ "#" (section.anchor) } { (section.title) }
                        @if let Body::Entries(entries) = &section.body {
                            details {
                                summary { (entries.len()) }
                                ul.names {
                                    @for entry in entries {
                                        li { a href={ "#" (entry.anchor) } { (entry.name) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn write_section(section: &Section) -> Markup {
    html! {
        section id=(section.anchor) {
            h2 { (section.title) }
            @for paragraph in &section.intro {
                p { (line(paragraph)) }
            }
            @match &section.body {
                Body::Table { head, rows } => {
                    div.wide tabindex="0" role="region" aria-label=(section.title) {
                        table {
                            thead { tr { @for title in head { th scope="col" { (title) } } } }
                            tbody {
                                @for row in rows {
                                    tr { @for cell in row { td { (line(cell)) } } }
                                }
                            }
                        }
                    }
                }
                Body::Entries(entries) => { @for entry in entries { (write_entry(entry)) } }
            }
        }
    }
}

fn write_entry(entry: &Entry) -> Markup {
    html! {
        article id=(entry.anchor) {
            h3 { a href={ "#" (entry.anchor) } { (entry.name) } }
            @if !entry.doc.is_empty() {
                p.doc { (line(&entry.doc)) }
            }
            @if let Some(diagram) = &entry.diagram {
                (write_diagram(&entry.name, diagram))
            }
            (facts(&entry.facts))
        }
    }
}

fn facts(facts: &[Fact]) -> Markup {
    html! {
        dl {
            @for Fact { label, value } in facts {
                div { dt { (label) } dd { (line(value)) } }
            }
        }
    }
}

/// A table of 32 equal columns, of which each cell spans as many as it has bits.
fn write_diagram(name: &str, diagram: &Diagram) -> Markup {
    let ends = |cell: &Cell| {
        html! {
            span { (cell.bits.hi) }
            @if cell.bits.hi != cell.bits.lo { span { (cell.bits.lo) } }
        }
    };
    html! {
        div.wide tabindex="0" role="region" aria-label={ "Encoding of " (name) } {
            table.encoding {
                colgroup { @for _ in 0..32 { col; } }
                thead {
                    tr { @for cell in &diagram.cells { th scope="col" colspan=(cell.bits.width()) { div { (ends(cell)) } } } }
                }
                tbody {
                    tr {
                        @for cell in &diagram.cells {
                            td.(cell.kind.name()) colspan=(cell.bits.width()) { (cell.value) }
                        }
                    }
                    tr.names {
                        @for cell in &diagram.cells {
                            td colspan=(cell.bits.width()) {
                                @if !cell.name.is_empty() { span { (cell.name) } " " }
                                small { (cell.bits.width()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn line(pieces: &[Inline]) -> Markup {
    html! {
        @for piece in pieces {
            @match piece {
                Inline::Text(text) => { (text) }
                Inline::Code(text) => { code { (text) } }
                Inline::Link { anchor, text } => { a href={ "#" (anchor) } { code { (text) } } }
            }
        }
    }
}
