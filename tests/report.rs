//! `retrace report`, by driving the real binary: whether the page says what other commands say, whether its pictures have
//! the data's extents, and what a browser makes of it.

#![allow(clippy::expect_used, clippy::panic)]

#[path = "common/html.rs"]
mod html;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use html::{attribute, browser, by_id, content, elements, fact, parsed, probe};
use markup5ever_rcdom::Handle;
use retrace::isa::{Isa, Rv32i};
use serde_json::Value;

const QUICKSORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/quicksort.elf");
const SIEVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/sieve.elf");
const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/tiny.elf");
const FAULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/faults.elf");

fn retrace(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
    command.args(arguments).stdin(Stdio::null()).output().expect("the binary starts")
}

fn json(arguments: &[&str]) -> Value {
    let output = retrace(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it is one object")
}

fn temporary(name: &str) -> String {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string()
}

/// The page that the command writes, which it says so of.
fn page(name: &str, arguments: &[&str]) -> String {
    let file = temporary(&format!("report-{name}.html"));
    let output = retrace(&[&["report", "-o", &file], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with(&file));
    std::fs::read_to_string(file).expect("it was written")
}

fn number(node: &Handle, name: &str) -> f64 {
    attribute(node, name).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name}"))
}

fn with_class(node: &Handle, name: &str, class: &str) -> Vec<Handle> {
    let has = |node: &Handle| attribute(node, "class").is_some_and(|it| it.split(' ').any(|it| it == class));
    elements(node, name).into_iter().filter(has).collect()
}

fn figure(text: &str) -> u64 {
    text.replace(',', "").parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

/// The flame graph: the picture in the frame.
fn flamegraph(page: &Handle) -> String {
    let frame = elements(page, "iframe").remove(0);
    let source = attribute(&frame, "src").expect("it has a source");
    let encoded = source.strip_prefix("data:image/svg+xml;base64,").expect("it is a picture in the page");
    let svg = base64::engine::general_purpose::STANDARD.decode(encoded).expect("it is base64");
    String::from_utf8(svg).expect("it is text")
}

#[test]
fn cycles_are_those_of_the_profile() {
    let page = parsed(&page("quicksort", &[QUICKSORT])).document;
    let profile = json(&["profile", QUICKSORT, "--json", "--top", "0"]);
    let total = profile["cycles"].as_u64().expect("it has cycles");
    let run = json(&["run", QUICKSORT, "--json"]);
    assert_eq!(run["cycles"].as_u64(), Some(total));
    assert_eq!(figure(&content(&fact(&page, "cycles"))), total);
    assert_eq!(content(&fact(&page, "run")), "ended with exit code 0");

    let bars = with_class(&page, "div", "bar");
    let instructions = profile["instructions"].as_array().expect("it is a list");
    assert_eq!(bars.len(), instructions.len());
    for (bar, instruction) in bars.iter().zip(instructions) {
        let cycles = instruction["cycles"].as_f64().expect("it is a number");
        assert_eq!(number(bar, "data-cycles"), cycles);
        let style = attribute(bar, "style").expect("it has a width");
        let width: f64 = style
            .strip_prefix("width:")
            .and_then(|rest| rest.strip_suffix('%'))
            .and_then(|width| width.parse().ok())
            .expect("the width is a part of the track");
        assert!((width - 100.0 * cycles / total as f64).abs() <= 0.0005, "{instruction}: {width}");
    }
    let all: f64 = bars.iter().map(|bar| number(bar, "data-cycles")).sum();
    assert_eq!(all, total as f64);

    let rows = elements(&elements(&by_id(&page, "cycles"), "tbody").remove(0), "tr");
    let functions = profile["functions"].as_array().expect("it is a list");
    assert_eq!(rows.len(), functions.len().min(20));
    for (row, function) in rows.iter().zip(functions) {
        let cells: Vec<String> = elements(row, "td").iter().map(content).collect();
        assert_eq!(cells[0], function["function"].as_str().expect("it is a name"));
        assert_eq!(
            (Some(figure(&cells[1])), Some(figure(&cells[3]))),
            (function["self"].as_u64(), function["total"].as_u64())
        );
    }

    let svg = flamegraph(&page);
    let frames = elements(&parsed(&svg).document, "title").iter().map(content).collect::<Vec<_>>();
    assert!(frames.contains(&"all (277,606 cycles, 100%)".to_owned()), "{frames:?}");
    let frame = elements(&page, "iframe").remove(0);
    let picture = elements(&parsed(&svg).document, "svg").remove(0);
    assert_eq!(number(&frame, "height"), number(&picture, "height"));
}

/// Points and dots lie where cycles and pages say, by the checkpoint file that the run is taken from.
#[test]
fn memory_is_that_of_the_checkpoints() {
    let file = temporary("report.rtc");
    let _ = std::fs::remove_file(&file);
    json(&["run", "--json", SIEVE, "2000000", "--checkpoints", &file]);
    let page = parsed(&page("sieve", &[SIEVE, "--checkpoints", &file])).document;
    let file = json(&["checkpoints", &file, "--json"]);
    let entries: Vec<(f64, f64)> = file["checkpoints"]
        .as_array()
        .expect("it is a list")
        .iter()
        .map(|entry| [&entry["cycle"], &entry["pages"]].map(|it| it.as_f64().expect("it is a number")))
        .map(|[cycle, pages]| (cycle, pages))
        .collect();
    let cycles = file["cycles"].as_f64().expect("it is a number");
    assert!(entries.len() > 10 && entries[0].1 < 20.0 && entries[entries.len() - 1].1 > 400.0);

    let chart = with_class(&page, "svg", "chart").remove(0);
    let [axis_y, axis_x] = &with_class(&chart, "line", "axis")[..] else { panic!("there are two axes") };
    let (left, right) = (number(axis_x, "x1"), number(axis_x, "x2"));
    let (top, bottom) = (number(axis_y, "y1"), number(axis_y, "y2"));
    let most = number(&chart, "data-pages");
    assert_eq!(number(&chart, "data-cycles"), cycles);
    assert!(entries.iter().all(|entry| entry.1 <= most));

    let dots = elements(&chart, "circle");
    // The file's last entry may be the run's end, which has no dot.
    let expected: Vec<_> = entries.iter().filter(|entry| entry.0 < cycles).collect();
    assert_eq!(dots.len(), expected.len());
    let line = attribute(&elements(&chart, "polyline")[0], "points").expect("it has points");
    let points: Vec<(f64, f64)> = line
        .split(' ')
        .map(|point| {
            let (x, y) = point.split_once(',').expect("two numbers");
            (x.parse().expect("a number"), y.parse().expect("a number"))
        })
        .collect();
    for ((dot, &&(cycle, pages)), &(x, y)) in dots.iter().zip(&expected).zip(&points) {
        assert_eq!((number(dot, "data-cycle"), number(dot, "data-pages")), (cycle, pages));
        assert_eq!((number(dot, "cx"), number(dot, "cy")), (x, y));
        assert!((x - (left + (right - left) * cycle / cycles)).abs() < 0.01);
        assert!((y - (bottom - (bottom - top) * pages / most)).abs() < 0.01);
    }
    assert_eq!(points[points.len() - 1].0, right);
    let highest = points.iter().map(|point| point.1).fold(bottom, f64::min);
    assert_eq!(highest, top);
}

#[test]
fn every_stored_column_is_in_one_class() {
    let page = parsed(&page("tiny", &[TINY])).document;
    let rows = elements(&elements(&by_id(&page, "witness"), "tbody").remove(0), "tr");
    let mut names = Vec::new();
    for row in &rows {
        let [class, count, columns] = &elements(row, "td")[..] else { panic!("three cells") };
        let columns: Vec<String> = elements(columns, "code").iter().map(content).collect();
        assert_eq!(number(count, "data-columns"), columns.len() as f64, "{}", content(class));
        names.extend(columns);
    }
    let mut expected: Vec<&str> =
        Rv32i::SPEC.columns[..Rv32i::SPEC.stored].iter().map(|column| column.name).collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(content(&fact(&page, "a row")), format!("{} bytes", 4 * expected.len()));
}

#[test]
fn a_proof_is_verified_or_refused() {
    let proof = temporary("report.proof");
    json(&["prove", TINY, "-o", &proof, "--json"]);
    let proven = parsed(&page("proven", &[TINY, "--proof", &proof])).document;
    let section = by_id(&proven, "proof");
    assert!(content(&fact(&section, "verified")).contains("sum-check"));
    let cycles = figure(&content(&fact(&proven, "cycles")));
    assert_eq!(content(&fact(&section, "states")), format!("cycles 0..{cycles}, exit code 7"));
    let rounds = cycles.next_power_of_two().ilog2().to_string();
    assert_eq!(content(&fact(&section, "rounds")), rounds);

    // Of another program; and damaged.
    let file = temporary("report-refused.html");
    let output = retrace(&["report", QUICKSORT, "--proof", &proof, "-o", &file]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let mut bytes = std::fs::read(&proof).expect("it was written");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&proof, bytes).expect("it can be written");
    let output = retrace(&["report", TINY, "--proof", &proof, "-o", &file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&proof));
    assert!(!Path::new(&file).exists());
}

/// Up to the fault; and the same page each time, but for the proof's seconds.
#[test]
fn a_guest_that_faults_is_reported() {
    let arguments = [FAULTS, "ebreak"];
    let text = page("faults", &arguments);
    assert!(content(&fact(&parsed(&text).document, "run")).contains("faulted: "));
    assert_eq!(page("faults-again", &[FAULTS, "ebreak", "--threads", "1"]), text);
}

/// Width of the page, of what is to be as wide as it, and whether the frame was loaded.
const PROBE: &str = "
    const widths = [...document.querySelectorAll('main, iframe')].map(e => e.getBoundingClientRect().right);
    const bars = [...document.querySelectorAll('.bar')].map(e => e.getBoundingClientRect().width);
    const tracks = [...document.querySelectorAll('.track')].map(e => e.getBoundingClientRect().width);
    const text = [...document.querySelectorAll('.chart text')].map(e => e.getBoundingClientRect());
    const chart = document.querySelector('.chart').getBoundingClientRect();
    const outside = text.filter(t => t.left < chart.left - 1 || t.right > chart.right + 1).length;
    const loaded = performance.getEntriesByType('resource').map(entry => entry.name);
    return { page: document.documentElement.scrollWidth, right: Math.max(...widths), bar: bars[0] / tracks[0], outside, loaded };";

#[test]
fn a_browser_shows_it_without_complaint_and_without_a_network() {
    let arguments = [SIEVE, "300000"];
    let text = page("browser", &arguments);
    let document = parsed(&text).document;
    for text in [text.clone(), flamegraph(&document)] {
        for node in html::nodes(&parsed(&text).document) {
            for name in ["src", "href", "srcset", "data", "action"] {
                let place = attribute(&node, name).unwrap_or_default();
                assert!(place.is_empty() || place.starts_with("data:") || place.starts_with('#'), "{place}");
            }
        }
        assert!(!text.contains("@import") && !text.contains("url(http") && !text.contains("fetch("));
    }
    let share = {
        let bar = with_class(&document, "div", "bar").remove(0);
        number(&bar, "data-cycles") / figure(&content(&fact(&document, "cycles"))) as f64
    };
    let Some(browser) = browser() else { return };
    for width in [390, 1400] {
        let probe = probe(browser, &format!("report-browser-{width}"), &text, PROBE, width);
        assert_eq!(probe["page"], width, "the page is wider than a window of {width}");
        assert!(probe["right"].as_f64().is_some_and(|right| right <= f64::from(width)), "{probe}");
        assert!(probe["bar"].as_f64().is_some_and(|bar| (bar - share).abs() < 0.01), "{probe} {share}");
        assert_eq!(probe["outside"], 0, "text leaves the chart at {width}");
        let loaded = probe["loaded"].as_array().expect("it is a list");
        assert!(loaded.iter().all(|name| name.as_str().is_some_and(|it| it.starts_with("data:"))), "{probe}");
    }
}
