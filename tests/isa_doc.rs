//! `retrace isa doc`, by driving the real binary: what is on the page, whether it hangs together, whether it is sound
//! HTML and Markdown, and what a browser makes of it.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

#[path = "common/html.rs"]
mod html;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use html::{attribute, browser, by_id, content, elements, fact, name, nodes, parsed, probe};
use markup5ever_rcdom::Handle;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use retrace::isa::{Column, ColumnSource, Isa, Rv32im};
use serde_json::Value;

const ROTXOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/custom-isa/isa/rotxor.toml");

fn retrace(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_retrace")).args(arguments).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it is text")
}

fn temporary(name: &str) -> String {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string()
}

fn page(spec: &str, format: &str) -> String {
    let output = retrace(&["isa", "doc", spec, "--format", format]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// Kind, value, highest and lowest bit of each cell of an entry's diagram.
fn diagram(entry: &Handle) -> Vec<(String, String, u32, u32)> {
    let table = elements(entry, "table").remove(0);
    let rows = elements(&table, "tr");
    let (heads, cells) = (elements(&rows[0], "th"), elements(&rows[1], "td"));
    assert_eq!(heads.len(), cells.len());
    let mut next = 32;
    heads
        .iter()
        .zip(&cells)
        .map(|(head, cell)| {
            let numbers: Vec<u32> =
                elements(head, "span").iter().map(|span| content(span).parse().expect("a number")).collect();
            let (hi, lo) = (numbers[0], *numbers.last().expect("it has a bit"));
            for node in [head, cell] {
                let width: u32 = attribute(node, "colspan").and_then(|n| n.parse().ok()).expect("a width");
                assert_eq!(width, hi - lo + 1);
            }
            assert_eq!(hi + 1, next, "no hole and no overlap");
            next = lo;
            (attribute(cell, "class").expect("a kind"), content(cell), hi, lo)
        })
        .inspect(|cell| assert!(cell.3 < 32))
        .collect()
}

// What tests ask of Markdown.

/// The part of the page from an anchor to the next.
fn part<'a>(markdown: &'a str, id: &str) -> &'a str {
    let start = format!("<a id=\"{id}\"></a>");
    let (_, after) = markdown.split_once(&start).unwrap_or_else(|| panic!("there is no {id}"));
    after.split("<a id=").next().unwrap_or(after)
}

/// The values of the cells of a diagram, which stand between the corners of its rule, and their widths.
fn drawn(part: &str) -> (Vec<String>, u32) {
    let block = part.split("```").nth(1).expect("there is a diagram");
    let lines: Vec<&str> = block.lines().collect();
    let rule = lines.iter().position(|line| line.starts_with('+')).expect("it has a rule");
    let corners: Vec<usize> = lines[rule].match_indices('+').map(|(at, _)| at).collect();
    let row = lines[rule + 1];
    let values =
        corners.windows(2).map(|pair| row[pair[0] + 1..pair[1]].trim().to_owned()).collect::<Vec<_>>();
    let widths = lines.last().expect("it has widths").split_whitespace();
    (values, widths.map(|width| width.parse::<u32>().expect("a width")).sum())
}

fn events(markdown: &str) -> Vec<Event<'_>> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).collect()
}

/// The text of each cell of each table row.
fn table_rows(markdown: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut in_cell = false;
    for event in events(markdown) {
        match event {
            Event::Start(Tag::TableRow | Tag::TableHead) => rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => {
                in_cell = true;
                rows.last_mut().expect("a cell is in a row").push(String::new());
            }
            Event::End(TagEnd::TableCell) => in_cell = false,
            Event::Text(text) | Event::Code(text) if in_cell => {
                *rows.last_mut().and_then(|row| row.last_mut()).expect("text is in a cell") += &text;
            }
            _ => {}
        }
    }
    rows
}

/// Every anchor, and what every link refers to.
fn anchors_and_links(markdown: &str) -> (Vec<String>, Vec<String>) {
    let mut links = Vec::new();
    let mut anchors = Vec::new();
    for event in events(markdown) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => links.push(dest_url.to_string()),
            Event::Html(html) | Event::InlineHtml(html) => {
                let id = html.strip_prefix("<a id=\"").and_then(|rest| rest.split_once('"'));
                anchors.extend(id.map(|(id, _)| id.to_owned()));
            }
            _ => {}
        }
    }
    (anchors, links)
}

#[test]
fn everything_is_on_the_page_with_its_documentation() {
    let (html, markdown) = (page("rv32im", "html"), page("rv32im", "markdown"));
    let document = parsed(&html).document;
    let spec = Rv32im::SPEC;
    let mut all: Vec<(String, &str)> = Vec::new();
    all.extend(spec.instructions.iter().map(|i| (format!("instruction-{}", i.name), i.doc)));
    let declared = |c: &&Column| matches!(c.source, ColumnSource::Recorded | ColumnSource::Derived);
    all.extend(spec.columns.iter().filter(declared).map(|c| (format!("column-{}", c.name), c.doc)));
    all.extend(spec.links.iter().map(|l| (format!("link-{}", l.name), l.doc)));
    all.extend(spec.calls.iter().map(|c| (format!("call-{}", c.name), c.doc)));
    assert!(all.len() >= 48 + 25 + 7, "{}", all.len());
    for (id, doc) in all {
        assert!(content(&by_id(&document, &id)).contains(doc), "{id} in HTML");
        assert!(part(&markdown, &id).replace('\\', "").contains(doc), "{id} in Markdown");
    }
    for instruction in spec.instructions {
        let entry = by_id(&document, &format!("instruction-{}", instruction.name));
        if !instruction.semantics.is_empty() {
            let written = instruction.semantics.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(content(&fact(&entry, "Operation")), written);
        }
        assert_eq!(content(&fact(&entry, "Declared in")), instruction.source);
    }
    for (question, answer) in spec.policy {
        assert!(table_rows(&markdown).contains(&vec![(*question).to_owned(), (*answer).to_owned()]));
    }
    for format in [&html, &markdown] {
        assert!(format.contains(&spec.fingerprint.to_string()));
    }
}

/// What a page says of how an instruction is compiled is what `isa explain` says.
#[test]
fn an_instructions_compiled_form_is_that_of_explain() {
    let document = parsed(&page("rv32im", "html")).document;
    let running = |instruction: &&retrace::isa::Instruction| !["ebreak", "ecall"].contains(&instruction.name);
    for instruction in Rv32im::SPEC.instructions.iter().filter(running) {
        let output = retrace(&["isa", "explain", instruction.name, "--isa", "rv32im"]);
        let explained: Vec<&str> =
            text(&output.stdout).lines().filter_map(|line| line.trim().strip_prefix("next pc")).collect();
        let entry = by_id(&document, &format!("instruction-{}", instruction.name));
        let compiled = content(&fact(&entry, "Compiled to"));
        assert_eq!(explained.len(), 1, "{}", instruction.name);
        assert!(compiled.contains(explained[0].trim()), "{}: {compiled}", instruction.name);
    }
}

#[test]
fn facts_of_a_few_entries() {
    let document = parsed(&page("rv32im", "html")).document;
    let said = |id: &str, label: &str| content(&fact(&by_id(&document, id), label));
    assert_eq!(said("instruction-lb", "Memory"), "loads 1 byte at rs1 + imm");
    assert_eq!(said("instruction-sw", "Memory"), "stores 4 bytes at rs1 + imm");
    assert_eq!(said("instruction-sw", "Writes"), "no register");
    assert_eq!(said("instruction-sw", "Reads"), "rs1 = x[word[19:15]], rs2 = x[word[24:20]]");
    assert_eq!(said("instruction-lui", "Reads"), "no register");
    assert_eq!(said("instruction-ecall", "Reads"), "rs1 = a7, rs2 = a0, rs3 = a1, rs4 = a2");
    assert_eq!(said("instruction-ecall", "Writes"), "rd = a0");
    assert_eq!(said("instruction-beq", "Next pc"), "pc + imm if taken, else the next instruction");
    assert_eq!(said("instruction-jalr", "Next pc"), "(rs1 + imm) & 0xffff_fffe");
    assert_eq!(said("instruction-add", "Next pc"), "the next instruction");
    assert_eq!(said("instruction-ebreak", "Records"), "nothing: it never completes a row");
    assert_eq!(said("instruction-auipc", "Assembly"), "auipc rd, imm >> 12");
    assert_eq!(
        said("instruction-bne", "Records"),
        "index = index, next_pc = next_pc, rs1_value = rs1, rs2_value = rs2"
    );
    assert_eq!(said("column-rs4_value", "In rows of"), "brk, read, write");
    assert_eq!(said("column-index", "In rows of"), "every row");
    assert_eq!(said("column-result", "Recorded"), "rd.value");
    assert_eq!(said("column-rd_after", "Class"), "u32: 0 to 4294967295");
    assert_eq!(said("column-rd_after", "Derived"), "if writes_rd { result } else { 0 }");
    assert_eq!(said("column-rd_after", "From"), "writes_rd, result");
    assert_eq!(said("column-pc", "From"), "op.pc");
    assert_eq!(said("call-read", "Arguments"), "descriptor, buffer, count");
    assert_eq!(said("format-J", "Immediate").split(':').next(), Some("21 bits, sign-extended"));
    let rotxor = parsed(&page(ROTXOR, "html")).document;
    let entry = by_id(&rotxor, "column-low_byte");
    assert_eq!(content(&fact(&entry, "Class")), "i8: -128 to 127");
    assert_eq!(content(&fact(&entry, "Derived")), "signed(result[0..8])");
    assert!(content(&fact(&by_id(&rotxor, "instruction-rotxor"), "Declared in")).ends_with("rotxor.toml:10"));
    let constraint = by_id(&rotxor, "constraint-parts");
    assert_eq!(content(&fact(&constraint, "Columns")), "result, low_byte, negative, above");
    assert_eq!(content(&fact(&constraint, "Degree")), "1");
}

#[test]
fn diagrams_are_the_manuals() {
    // The RISC-V Instruction Set Manual, Volume I, chapter "RV32/64G Instruction Set Listings"; shamt is imm[4:0] here.
    let manual: [(&str, &[&str]); 13] = [
        ("add", &["0000000", "rs2", "rs1", "000", "rd", "0110011"]),
        ("sra", &["0100000", "rs2", "rs1", "101", "rd", "0110011"]),
        ("mulhu", &["0000001", "rs2", "rs1", "011", "rd", "0110011"]),
        ("lui", &["imm[31:12]", "rd", "0110111"]),
        ("auipc", &["imm[31:12]", "rd", "0010111"]),
        ("jal", &["imm[20|10:1|11|19:12]", "rd", "1101111"]),
        ("jalr", &["imm[11:0]", "rs1", "000", "rd", "1100111"]),
        ("beq", &["imm[12|10:5]", "rs2", "rs1", "000", "imm[4:1|11]", "1100011"]),
        ("lw", &["imm[11:0]", "rs1", "010", "rd", "0000011"]),
        ("sb", &["imm[11:5]", "rs2", "rs1", "000", "imm[4:0]", "0100011"]),
        ("srai", &["0100000", "imm[4:0]", "rs1", "101", "rd", "0010011"]),
        ("ecall", &["000000000000", "00000", "000", "00000", "1110011"]),
        ("ebreak", &["000000000001", "00000", "000", "00000", "1110011"]),
    ];
    let (html, markdown) = (page("rv32im", "html"), page("rv32im", "markdown"));
    let document = parsed(&html).document;
    for (name, expected) in manual {
        let id = format!("instruction-{name}");
        let cells = diagram(&by_id(&document, &id));
        let values: Vec<&str> = cells.iter().map(|cell| cell.1.as_str()).collect();
        assert_eq!(values, expected, "{name} in HTML");
        assert_eq!(drawn(part(&markdown, &id)).0, expected, "{name} in Markdown");
    }
    // Where the cells of beq are.
    let bits: Vec<(u32, u32)> =
        diagram(&by_id(&document, "instruction-beq")).iter().map(|cell| (cell.2, cell.3)).collect();
    assert_eq!(bits, [(31, 25), (24, 20), (19, 15), (14, 12), (11, 7), (6, 0)]);
}

#[test]
fn diagrams_have_32_bits_and_the_fixed_ones_are_the_decoders() {
    let (html, markdown) = (page("rv32im", "html"), page("rv32im", "markdown"));
    let document = parsed(&html).document;
    for instruction in Rv32im::SPEC.instructions {
        let id = format!("instruction-{}", instruction.name);
        let (mut mask, mut bits, mut width) = (0u64, 0u64, 0);
        for (kind, value, hi, lo) in diagram(&by_id(&document, &id)) {
            width += hi - lo + 1;
            if kind == "fixed" {
                assert_eq!(value.len() as u32, hi - lo + 1);
                mask |= ((1 << (hi - lo + 1)) - 1) << lo;
                bits |= u64::from_str_radix(&value, 2).expect("it is binary") << lo;
            }
        }
        assert_eq!((mask, bits), (instruction.mask.into(), instruction.bits.into()), "{}", instruction.name);
        assert_eq!((width, drawn(part(&markdown, &id)).1), (32, 32), "{}", instruction.name);
    }
}

#[test]
fn every_links_anchor_exists_once() {
    for spec in ["rv32i", "rv32im", ROTXOR] {
        let document = parsed(&page(spec, "html")).document;
        let all = nodes(&document);
        let ids: Vec<String> = all.iter().filter_map(|node| attribute(node, "id")).collect();
        let links: Vec<String> =
            elements(&document, "a").iter().filter_map(|a| attribute(a, "href")).collect();
        once(&ids, &links);
        let markdown = page(spec, "markdown");
        let (anchors, links) = anchors_and_links(&markdown);
        once(&anchors, &links);
        // Nothing that a page has an entry for is without one in the other format.
        let ids: Vec<&String> = ids.iter().filter(|id| *id != "top").collect();
        assert_eq!(ids, anchors.iter().collect::<Vec<_>>());
    }
}

fn once(anchors: &[String], links: &[String]) {
    let mut count: BTreeMap<&str, u32> = BTreeMap::new();
    for anchor in anchors {
        *count.entry(anchor).or_default() += 1;
    }
    assert!(links.len() > 500, "{}", links.len());
    for link in links {
        let anchor = link.strip_prefix('#').unwrap_or_else(|| panic!("{link} leads away"));
        assert_eq!(count.get(anchor), Some(&1), "#{anchor}");
    }
    assert!(count.values().all(|n| *n == 1));
}

#[test]
fn html_is_sound_and_needs_nothing_else() {
    for spec in ["rv32im", ROTXOR] {
        let html = page(spec, "html");
        let dom = parsed(&html);
        assert!(dom.errors.borrow().is_empty(), "{:?}", dom.errors.borrow());
        assert_eq!(elements(&dom.document, "title").len(), 1);
        for node in nodes(&dom.document) {
            assert!(!["script", "link", "img", "iframe", "object", "base"].contains(&name(&node)));
            for outward in ["src", "srcset", "style", "onload", "onclick"] {
                assert_eq!(attribute(&node, outward), None);
            }
        }
        for outward in ["http:", "https:", "//", "url(", "@import"] {
            assert!(!html.contains(outward), "{outward}");
        }
    }
}

/// A spec that would break a page that does not escape.
const HOSTILE: &str = r####"
[isa]
name    = "<b>rv32i</b>|&amp;"
doc     = "# <script>alert(1)</script> & \"quoted\" | `tick` *star* [a](http://b) &lt; ~~x~~ \\\\ $m$ !"
xlen    = 32
extends = ["rv32i"]

[format."F<i>|```"]
fields = { "x|<u>``" = "31:25", rs2 = "24:20", rs1 = "19:15", funct3 = "14:12", rd = "11:7", opcode = "6:0" }

[[table]]
name = "hostile"
keys = { x = "u8" }
doc  = "</section></main><script>alert(2)</script>"

[[instruction]]
name      = "hostile"
format    = "F<i>|```"
fixed     = { "x|<u>``" = 0, funct3 = 0, opcode = 0b0001011 }
asm       = "hostile {rd}, ({rs1}), [{rs2}]"
semantics = "rd = if rs1 < rs2 { rs1 | rs2 } else { rs1 & rs2 }"
doc       = "1. <script>alert(1)</script> & \"quoted\" | `tick` *star* [a](http://b) \u001B[31m\u0000 end\\|"

# The names below its diagram, which is a fenced block, would end the block.
[format.G]
fields  = { "```" = "31:29", rd = "11:7", " " = "6:0" }
ignored = ["28:12"]

[[instruction]]
name      = "fenced"
format    = "G"
fixed     = { "```" = 0, " " = 0b0101011 }
asm       = "fenced {rd}"
semantics = "rd = pc"
doc       = "Fenced."

[[column]]
name   = "hostile"
class  = "u32"
derive = "rs1_value | rs2_value"
doc    = "- <img src=x onerror=alert(3)> | a_b_c"

[[constraint]]
name  = "<script>|`x`"
guard = "writes_rd"
left  = "hostile"
right = "hostile * active"
doc   = "> <!-- -->"

[[lookup]]
name   = "<i>|`l`"
find   = "u16(rd)"
doc    = "[l](http://l) <img src=y>"
"####;

#[test]
fn text_of_the_spec_is_escaped() {
    let spec = temporary("hostile.toml");
    std::fs::write(&spec, HOSTILE).expect("it can be written");
    let doc =
        "1. <script>alert(1)</script> & \"quoted\" | `tick` *star* [a](http://b) \u{fffd}[31m\u{fffd} end\\|";
    let operation = "rd = if rs1 < rs2 { rs1 | rs2 } else { rs1 & rs2 }";

    let html = page(&spec, "html");
    let dom = parsed(&html);
    assert!(dom.errors.borrow().is_empty(), "{:?}", dom.errors.borrow());
    for forbidden in ["script", "b", "i", "u", "img"] {
        assert!(elements(&dom.document, forbidden).is_empty(), "{forbidden}");
    }
    let entry = by_id(&dom.document, "instruction-hostile");
    assert_eq!(content(&elements(&entry, "p")[0]), doc);
    assert_eq!(content(&fact(&entry, "Operation")), operation);
    assert_eq!(content(&elements(&dom.document, "h1")[0]), "<b>rv32i</b>|&amp;");
    assert_eq!(diagram(&entry)[1].1, "rs2");

    let markdown = page(&spec, "markdown");
    let mut paragraphs = Vec::new();
    let mut paragraph = None;
    for event in events(&markdown) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => {
                assert!(html.starts_with("<a id=\"") || html.trim() == "</a>", "{html}");
            }
            Event::Start(Tag::Link { dest_url, .. }) => assert!(dest_url.starts_with('#'), "{dest_url}"),
            Event::Start(Tag::Paragraph) => paragraph = Some(String::new()),
            Event::End(TagEnd::Paragraph) => paragraphs.extend(paragraph.take()),
            Event::Start(Tag::BlockQuote(_) | Tag::Emphasis | Tag::Strikethrough | Tag::Image { .. }) => {
                panic!("{event:?}")
            }
            Event::Start(Tag::List(number)) => assert_eq!(number, None),
            Event::Text(text) | Event::Code(text) => {
                if let Some(paragraph) = &mut paragraph {
                    *paragraph += &text;
                }
            }
            _ => {}
        }
    }
    let whole =
        "# <script>alert(1)</script> & \"quoted\" | `tick` *star* [a](http://b) &lt; ~~x~~ \\\\ $m$ !";
    for expected in
        [doc, whole, "- <img src=x onerror=alert(3)> | a_b_c", "> <!-- -->", "[l](http://l) <img src=y>"]
    {
        assert!(paragraphs.iter().any(|paragraph| paragraph == expected), "{expected}: {paragraphs:#?}");
    }
    let rows = table_rows(&markdown);
    let row = rows.iter().find(|row| row[0] == "hostile").expect("it is in the index");
    assert_eq!(row[1..], [doc, operation]);
    let headings = markdown.lines().filter(|line| line.starts_with("# ")).count();
    assert_eq!(headings, 1);
    let (anchors, links) = anchors_and_links(&markdown);
    once(&anchors, &links);
}

#[test]
fn the_spec_and_the_format_are_chosen() {
    let told = |arguments: &[&str]| text(&retrace(arguments).stdout).to_owned();
    assert_eq!(told(&["isa", "doc"]), page("rv32i", "markdown"));
    assert_eq!(told(&["isa", "doc", "--isa", "rv32im"]), page("rv32im", "markdown"));
    let html = temporary("page.html");
    let output = retrace(&["isa", "doc", "rv32im", "-o", &html, "--json"]);
    let object: Value = serde_json::from_slice(&output.stdout).expect("it is one object");
    let written = std::fs::read_to_string(&html).expect("it was written");
    assert_eq!(written, page("rv32im", "html"), "the same page each time");
    assert_eq!((object["ok"].as_bool(), object["isa"].as_str()), (Some(true), Some("rv32im")));
    assert_eq!(
        (object["format"].as_str(), object["bytes"].as_u64()),
        (Some("html"), Some(written.len() as u64))
    );
    assert_eq!((object["output"].as_str(), &object["page"]), (Some(html.as_str()), &Value::Null));
    retrace(&["isa", "doc", "rv32im", "-o", &html, "--format", "markdown"]);
    assert_eq!(std::fs::read_to_string(&html).expect("it was written"), page("rv32im", "markdown"));
    // Without a file the object holds the page.
    let output = retrace(&["isa", "doc", "--json"]);
    let object: Value = serde_json::from_slice(&output.stdout).expect("it is one object");
    assert_eq!(object["page"], page("rv32i", "markdown"));
}

#[test]
fn a_spec_with_errors_gives_no_page() {
    let spec = temporary("broken-doc.toml");
    let good = std::fs::read_to_string(ROTXOR).expect("it is in the repository");
    std::fs::write(&spec, good.replace("opcode = 0b0001011", "opcode = 0b0110011"))
        .expect("it can be written");
    let written = temporary("broken-doc.html");
    let output = retrace(&["isa", "doc", &spec, "-o", &written]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    assert_eq!(text(&output.stderr), text(&retrace(&["isa", "check", &spec]).stderr));
    assert!(text(&output.stderr).contains("broken-doc.toml:10:"), "{}", text(&output.stderr));
    assert!(!Path::new(&written).exists());
    let output = retrace(&["isa", "doc", &spec, "--json"]);
    let object: Value = serde_json::from_slice(&output.stdout).expect("it is one object");
    assert_eq!((object["ok"].as_bool(), output.status.code()), (Some(false), Some(1)));
    assert_eq!(object["error"]["kind"], "spec");
    assert!(object["error"]["message"].as_str().is_some_and(|said| said.contains("never-matches")));

    // A name that is none: in-tree specs are suggested.
    for command in ["doc", "check"] {
        let output = retrace(&["isa", command, "rv32ix"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("did you mean `rv32i`?"), "{}", text(&output.stderr));
    }
    assert_eq!(retrace(&["isa", "check", "rv32im", ROTXOR]).status.code(), Some(0));
    // A page that cannot be written is a failure of retrace.
    let output = retrace(&["isa", "doc", "-o", "/nonexistent/page.html"]);
    assert_eq!(output.status.code(), Some(125));
}

/// How wide the page is, and which cells' text leaves them.
const PROBE: &str = "
    const over = e => e.scrollWidth > e.clientWidth + 1 ? e.textContent : [];
    const cells = [...document.querySelectorAll('.encoding tbody tr:first-child td')].flatMap(over);
    const page = document.documentElement.scrollWidth;
    const shown = document.querySelectorAll('article').length;
    return { width: innerWidth, page, cells, shown };";

#[test]
fn a_browser_shows_it_without_complaint() {
    let Some(browser) = browser() else { return };
    for (at, spec) in ["rv32im", ROTXOR].into_iter().enumerate() {
        for width in [390, 1400] {
            let name = format!("browser-{at}-{width}");
            let probe = probe(browser, &name, &page(spec, "html"), PROBE, width);
            assert_eq!(probe["width"], width);
            assert!(probe["shown"].as_u64().is_some_and(|shown| shown > 80), "{probe}");
            assert_eq!(probe["cells"], serde_json::json!([]), "text leaves its cell in {spec} at {width}");
            assert_eq!(probe["page"], width, "{spec} is wider than a window of {width}");
        }
    }
}
