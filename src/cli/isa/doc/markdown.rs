//! The page as GitHub-flavoured Markdown.

use std::fmt::{self, Write};

use super::diagram::{Cell, Diagram, range};
use super::page::{Body, Entry, Fact, Inline, Page, Section};

/// The page's text.
pub(super) fn write(page: &Page) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(page, &mut out);
    out
}

fn write_page(page: &Page, out: &mut String) -> fmt::Result {
    writeln!(out, "# {}\n", text(&page.title))?;
    writeln!(out, "{}\n", line(&page.doc))?;
    facts(&page.facts, out)?;
    for section in &page.sections {
        writeln!(out, "- [{}](#{})", text(section.title), section.anchor)?;
    }
    page.sections.iter().try_for_each(|section| write_section(section, out))
}

fn write_section(section: &Section, out: &mut String) -> fmt::Result {
    writeln!(out, "\n<a id=\"{}\"></a>\n\n## {}\n", section.anchor, text(section.title))?;
    for paragraph in &section.intro {
        writeln!(out, "{}\n", line(paragraph))?;
    }
    match &section.body {
        Body::Table { head, rows } => {
            let head: Vec<String> = head.iter().map(|title| text(title)).collect();
            writeln!(out, "| {} |", head.join(" | "))?;
            writeln!(out, "|{}", "---|".repeat(head.len()))?;
            for row in rows {
                // A pipe divides cells even within code.
                let cells: Vec<String> = row.iter().map(|cell| unescaped_pipes(&line(cell))).collect();
                writeln!(out, "| {} |", cells.join(" | "))?;
            }
            Ok(())
        }
        Body::Entries(entries) => entries.iter().try_for_each(|entry| write_entry(entry, out)),
    }
}

/// Escapes the pipes that are not escaped yet.
fn unescaped_pipes(line: &str) -> String {
    let mut out = String::new();
    let mut escaped = false;
    for c in line.chars() {
        if c == '|' && !escaped {
            out.push('\\');
        }
        escaped = c == '\\' && !escaped;
        out.push(c);
    }
    out
}

fn write_entry(entry: &Entry, out: &mut String) -> fmt::Result {
    writeln!(out, "\n<a id=\"{}\"></a>\n\n### {}\n", entry.anchor, code(&entry.name))?;
    if !entry.doc.is_empty() {
        writeln!(out, "{}\n", line(&entry.doc))?;
    }
    if let Some(diagram) = &entry.diagram {
        write_diagram(diagram, out)?;
    }
    facts(&entry.facts, out)
}

fn facts(facts: &[Fact], out: &mut String) -> fmt::Result {
    for Fact { label, value } in facts {
        writeln!(out, "- **{}:** {}", text(label), line(value))?;
    }
    writeln!(out)
}

/// Bit numbers, contents, names and widths, a column of characters a cell.
fn write_diagram(diagram: &Diagram, out: &mut String) -> fmt::Result {
    let Diagram { cells } = diagram;
    let ends = |cell: &Cell| range(cell.bits).replace(':', " ");
    let width = |cell: &Cell| {
        let texts = [ends(cell), cell.value.clone(), cell.name.clone()];
        texts.iter().map(|text| text.chars().count()).max().unwrap_or(0) + 2
    };
    let widths: Vec<usize> = cells.iter().map(width).collect();
    let row = |between: &str, content: &dyn Fn(&Cell, usize) -> String| {
        let contents: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| content(cell, *width)).collect();
        let row = format!("{between}{}{between}", contents.join(between));
        row.trim_end().to_owned()
    };
    let bits = |cell: &Cell, width: usize| {
        let (hi, lo) = (cell.bits.hi.to_string(), cell.bits.lo.to_string());
        if hi == lo { format!("{hi:^width$}") } else { format!("{hi}{lo:>0$}", width - hi.len()) }
    };
    let rule = row("+", &|_, width| "-".repeat(width));
    let rows = [
        row(" ", &bits),
        rule.clone(),
        row("|", &|cell, width| format!("{:^width$}", cell.value)),
        rule,
        row(" ", &|cell, width| format!("{:^width$}", cell.name)),
        row(" ", &|cell, width| format!("{:^width$}", cell.bits.width())),
    ];
    let rows: Vec<String> = rows.into_iter().filter(|row| !row.is_empty()).collect();
    let rows = rows.join("\n");
    let fence = "`".repeat(longest_run(&rows, '`').max(2) + 1);
    writeln!(out, "{fence}text\n{rows}\n{fence}\n")
}

fn line(pieces: &[Inline]) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Inline::Text(content) => out += &text(content),
            Inline::Code(content) => out += &code(content),
            Inline::Link { anchor, text } => out += &format!("[{}](#{anchor})", code(text)),
        }
    }
    let mut out = out.trim().to_owned();
    // What would begin a heading, a list or a quotation, were the line a paragraph.
    let digits = out.chars().take_while(char::is_ascii_digit).count();
    match out[digits..].chars().next() {
        Some('#' | '+' | '-' | '=') if digits == 0 => out.insert(0, '\\'),
        Some('.' | ')') if digits > 0 => out.insert(digits, '\\'),
        _ => {}
    }
    out
}

/// Text with every character escaped that Markdown or GitHub could take for markup within a line.
fn text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$' | '!') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A code span, delimited by more backticks than it has in a row.
fn code(code: &str) -> String {
    let fence = "`".repeat(longest_run(code, '`') + 1);
    let pad = if code.starts_with('`') || code.ends_with('`') || code.trim().is_empty() { " " } else { "" };
    format!("{fence}{pad}{code}{pad}{fence}")
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(|run| run.chars().count()).max().unwrap_or(0)
}
