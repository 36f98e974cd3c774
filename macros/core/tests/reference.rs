//! `isa/README.md`, the reference of the spec language, against the checker: its examples compile, its mistakes give the
//! errors that it shows, its table has every diagnostic, and it mentions whatever the checker knows by name.
//!
//! With `INSTA_UPDATE=always`, as for the snapshots, the errors that it shows are written anew; read the diff.

#![allow(clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::without_lines;
use retrace_codegen::check::{FUNCTIONS, POLICY, STATEMENTS};
use retrace_codegen::ir::{BinaryOp, OpFact, UnaryOp};
use retrace_codegen::model::{PUBLIC, Recorded};
use retrace_codegen::{Code, Diagnostic, Diagnostics, Sources, compile};

/// What makes a fragment a spec. It stands below, so that the fragment's lines are the file's.
const FRAGMENT: &str =
    "\n[isa]\nname = \"example\"\ndoc = \"An example.\"\nxlen = 32\nextends = [\"rv32i\"]\n";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../isa/README.md")
}

fn reference() -> String {
    std::fs::read_to_string(path()).expect("the reference is there")
}

/// All errors that a spec has.
fn errors(text: &str) -> Option<Diagnostics> {
    let mut sources = Sources::default();
    sources.add_builtin("rv32i", include_str!("../../../isa/rv32i.toml"));
    sources.add_builtin("rv32m", include_str!("../../../isa/rv32m.toml"));
    sources.add_builtin("zbb", include_str!("../../../isa/zbb.toml"));
    sources.add_builtin("example", text);
    compile(&mut sources, "example").err()
}

/// The errors as the reference shows them: without the folder of a spec that is known by name, and without the last line,
/// which counts them.
fn rendered(errors: &Diagnostics) -> String {
    let rendered = errors.to_string().replace("isa/example.toml:", "example.toml:");
    let (shown, _) = rendered.rsplit_once("\n\nerror: the spec has").expect("the last line counts them");
    shown.to_owned()
}

/// A fenced block: its language, its first line's number from 1, and where its content lies.
struct Block {
    language: String,
    line: usize,
    content: std::ops::Range<usize>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let fence = line.trim_end().strip_prefix("```");
        match (fence, open.take()) {
            (Some(language), None) => {
                let content = at + line.len()..at + line.len();
                open = Some(Block { language: language.to_owned(), line: number + 2, content });
            }
            (Some(rest), Some(mut block)) => {
                assert_eq!(rest, "", "line {}: a block within a block", number + 1);
                block.content.end = at;
                blocks.push(block);
            }
            (None, block) => open = block,
        }
        at += line.len();
    }
    assert!(open.is_none(), "the last block is not closed");
    blocks
}

/// A block of TOML without an `[isa]` table is a fragment. One that a block with `error[…]` follows is a mistake, which gives
/// exactly those errors; any other is right.
#[test]
fn every_example_does_what_it_says() {
    let text = reference();
    let blocks = blocks(&text);
    let (mut right, mut mistakes) = (0, 0);
    let mut wrong = Vec::new();
    let mut updated = text.clone();
    for (at, block) in blocks.iter().enumerate().rev().filter(|(_, block)| block.language == "toml") {
        let example = &text[block.content.clone()];
        let is_whole = example.lines().any(|line| line == "[isa]");
        let errors = errors(&format!("{example}{}", if is_whole { "" } else { FRAGMENT }));
        let expected = blocks.get(at + 1).filter(|next| {
            let between = &text[block.content.end..next.content.start];
            next.language == "text" && between.lines().all(|line| line.is_empty() || line.starts_with("```"))
        });
        let expected = expected.filter(|next| text[next.content.clone()].starts_with("error["));
        match (errors, expected) {
            (None, None) => right += 1,
            (Some(errors), Some(expected)) => {
                mistakes += 1;
                let (found, written) =
                    (rendered(&errors), text[expected.content.clone()].trim_end_matches('\n'));
                if without_lines(&found) != without_lines(written) {
                    updated.replace_range(expected.content.clone(), &format!("{found}\n"));
                    wrong
                        .push(format!("line {}: the checker says\n{found}\n\nnot\n{written}", expected.line));
                }
            }
            (Some(errors), None) => wrong.push(format!("line {}: has errors\n{errors}", block.line)),
            (None, Some(_)) => wrong.push(format!("line {}: has no errors", block.line)),
        }
    }
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(path(), updated).expect("the reference can be written");
    }
    wrong.reverse();
    assert!(wrong.is_empty(), "{}\n{}", path().display(), wrong.join("\n\n"));
    // A change of the conventions must not leave the examples unread.
    assert!(right > 10 && mistakes > 10, "{right} right, {mistakes} mistaken");
}

/// The rows of the table below a heading, its header and rule left out.
fn table<'t>(text: &'t str, heading: &str) -> Vec<Vec<&'t str>> {
    let (_, below) = text.split_once(&format!("\n{heading}\n")).expect("the heading is there");
    let below = below.split("\n#").next().unwrap_or_default();
    let rows = below.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

#[test]
fn the_table_has_every_diagnostic() {
    let text = reference();
    let rows = table(&text, "## Diagnostics");
    let expected: Vec<(String, &str)> =
        Code::ALL.iter().map(|code| (format!("`{code}`"), code.meaning())).collect();
    let found: Vec<(String, &str)> = rows.iter().map(|row| (row[0].to_owned(), row[1])).collect();
    assert_eq!(found, expected);
}

/// GitHub's anchor of a heading.
fn anchor(heading: &str) -> String {
    let lower = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_to_a_heading_and_every_section_has_a_link() {
    let text = reference();
    let anchors: BTreeSet<String> = text.lines().filter(|line| line.starts_with("##")).map(anchor).collect();
    let links: BTreeSet<String> = text
        .split("](#")
        .skip(1)
        .filter_map(|link| link.split_once(')'))
        .map(|(link, _)| link.to_owned())
        .collect();
    assert_eq!(links.difference(&anchors).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(anchors.difference(&links).collect::<Vec<_>>(), [""; 0]);
}

/// What the checker says is known where `text` has a name that nothing has.
fn known(text: &str, code: Code) -> Vec<String> {
    let errors = errors(&format!("{text}{FRAGMENT}")).expect("a name is unknown");
    let error = errors.errors().iter().find(|error| error.code == code).expect("it is that error");
    let hint = error.hint.as_deref().unwrap_or_default();
    hint.trim_start_matches("known here: ").split(", ").map(str::to_owned).collect()
}

/// A key that is near to no other.
const NO_KEY: &str = "no_table_has_this_key";

/// The keys of every table that the checker reads: it lists those of a table that has a wrong one. `wrap` makes a table of
/// its content.
fn keys(wrap: &dyn Fn(&str) -> String, found: &mut BTreeSet<String>) {
    let Some(errors) = errors(&wrap(&format!("{NO_KEY} = 1"))) else { return };
    let is_it = |error: &&Diagnostic| error.code == Code::UnknownKey && error.message.contains(NO_KEY);
    let unknown = errors.errors().iter().find(is_it);
    let hint = unknown.and_then(|error| error.hint.as_deref()).unwrap_or_default();
    for key in hint.strip_prefix("known here: ").into_iter().flat_map(|keys| keys.split(", ")) {
        found.insert(key.to_owned());
        keys(&|content| wrap(&format!("{key} = {{ {content} }}")), found);
    }
}

#[test]
fn every_key_is_mentioned() {
    let text = reference();
    let mut all = BTreeSet::new();
    for root in known(&format!("[{NO_KEY}]\n"), Code::UnknownKey) {
        match root.as_str() {
            "format" => keys(&|content| format!("[format.X]\n{content}"), &mut all),
            root => {
                keys(&|content| format!("[[{root}]]\n{content}"), &mut all);
                keys(&|content| format!("[{root}]\n{content}"), &mut all);
            }
        }
        all.insert(root);
    }
    // From the top, from a table, from a table within a table of tables.
    for key in ["extends", "instruction", "semantics", "stack_pointer", "zero", "ignored", "signed", "fill"] {
        assert!(all.contains(key), "`{key}` is not among the keys found: {all:?}");
    }
    let mentioned = |key: &&String| text.contains(&format!("`{key}`"));
    let missing: Vec<&String> = all.iter().filter(|key| !mentioned(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Operators, functions, and whatever else has a name, each in a row of its own of some table.
#[test]
fn everything_with_a_name_is_in_a_table() {
    let text = reference();
    let cells: BTreeSet<&str> = text
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let column = "name = \"x\"\ndoc = \"-\"\n";
    let class = format!("[[column]]\n{column}class = \"none\"\nderive = \"alu_a\"\n");
    let trap = "[[instruction]]\nname = \"x\"\nformat = \"U\"\nfixed = { opcode = 11 }\nasm = \"x\"\ndoc = \"-\"\n\
                semantics = \"trap(none)\"\n";
    let modifier = "[[pseudo]]\nasm = \"x {a}\"\nexpand = [\"lui a0, %nonesuch({a})\"]\ndoc = \"-\"\n";
    let names: Vec<String> = std::iter::empty::<String>()
        .chain(BinaryOp::ALL.map(|op| op.symbol().replace('|', "\\|")))
        .chain(UnaryOp::ALL.map(|op| op.symbol().to_owned()))
        .chain(FUNCTIONS.into_iter().chain(STATEMENTS).map(str::to_owned))
        .chain(OpFact::ALL.map(|fact| format!("op.{}", fact.name())))
        .chain(Recorded::PORTS.map(|(name, _)| name.to_owned()))
        .chain(PUBLIC.map(str::to_owned))
        .chain(POLICY.map(|(question, _)| question.to_owned()))
        .chain(known(&class, Code::UnknownClass))
        .chain(known(trap, Code::UnknownTrap))
        .chain(known(modifier, Code::BadExpansion).into_iter().map(|name| format!("%{name}")))
        .collect();
    // A cell may show how the name is used: `sext::<N>(x)`, `a + b`, `-a`.
    let shows = |cell: &str, name: &str| {
        let used = cell.split([':', '(']).next().unwrap_or_default();
        cell == name || used == name || cell.split(' ').any(|word| word == name) || cell == format!("{name}a")
    };
    let missing: Vec<&String> =
        names.iter().filter(|name| !cells.iter().any(|cell| shows(cell, name))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let row = |question: &str, answers: &[&str]| {
        let answers: Vec<String> = answers.iter().map(|answer| format!("`{answer}`")).collect();
        format!("| `{question}` | {} |", answers.join(", "))
    };
    let missing: Vec<String> = POLICY.iter().map(|(question, answers)| row(question, answers)).collect();
    let missing: Vec<&String> = missing.iter().filter(|row| !text.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
