//! Pages, for tests: what is in them, and what a browser makes of them.

#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::Command;

use html5ever::tendril::TendrilSink;
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use serde_json::Value;

pub fn parsed(html: &str) -> RcDom {
    html5ever::parse_document(RcDom::default(), html5ever::ParseOpts::default()).one(html)
}

pub fn name(node: &Handle) -> &str {
    match &node.data {
        NodeData::Element { name, .. } => &name.local,
        _ => "",
    }
}

pub fn attribute(node: &Handle, wanted: &str) -> Option<String> {
    let NodeData::Element { attrs, .. } = &node.data else { return None };
    attrs.borrow().iter().find(|attr| &*attr.name.local == wanted).map(|attr| attr.value.to_string())
}

/// The node and all below it, in the order of the document.
pub fn nodes(node: &Handle) -> Vec<Handle> {
    let mut found = vec![node.clone()];
    found.extend(node.children.borrow().iter().flat_map(nodes));
    found
}

pub fn elements(node: &Handle, wanted: &str) -> Vec<Handle> {
    nodes(node).into_iter().filter(|node| name(node) == wanted).collect()
}

pub fn content(node: &Handle) -> String {
    let text = |node: &Handle| match &node.data {
        NodeData::Text { contents } => contents.borrow().to_string(),
        _ => String::new(),
    };
    nodes(node).iter().map(text).collect()
}

pub fn by_id(node: &Handle, id: &str) -> Handle {
    let found = nodes(node).into_iter().find(|node| attribute(node, "id").as_deref() == Some(id));
    found.unwrap_or_else(|| panic!("there is no #{id}"))
}

/// The `dd` beside that `dt`.
pub fn fact(entry: &Handle, label: &str) -> Handle {
    let pairs: Vec<Handle> = elements(entry, "dl").iter().flat_map(|list| elements(list, "div")).collect();
    let found = pairs.iter().find(|pair| elements(pair, "dt").iter().any(|dt| content(dt) == label));
    found.and_then(|pair| elements(pair, "dd").pop()).unwrap_or_else(|| panic!("there is no {label}"))
}

/// The browser that is installed; none is said.
pub fn browser() -> Option<&'static str> {
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|browser| {
        Command::new(browser).arg("--version").output().is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        eprintln!("skipped: no chromium here");
    }
    found
}

/// What a script says of a page, an object, in a window of that width. `name` is of files that no other test has.
pub fn probe(browser: &str, name: &str, page: &str, script: &str, width: u32) -> Value {
    let temporary =
        |name: String| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string();
    let file = temporary(format!("{name}.html"));
    let framed = temporary(format!("{name}-frame.html"));
    let probe = format!(
        "<script>addEventListener('load', () => {{ parent.postMessage((() => {{ {script} }})(), '*'); }})</script>"
    );
    std::fs::write(&file, page.to_owned() + &probe).expect("it can be written");
    std::fs::write(&framed, frame(&file, width)).expect("it can be written");
    let dom = browse(browser, &framed);
    let said = elements(&parsed(&dom).document, "html").pop().and_then(|e| attribute(&e, "data-probe"));
    serde_json::from_str(&said.expect("the page was loaded")).expect("it is JSON")
}

/// A page in a frame, since a window has a least width, which keeps what the page's probe tells.
fn frame(file: &str, width: u32) -> String {
    format!(
        "<!DOCTYPE html><title>frame</title><script>addEventListener('message', message => {{
            document.documentElement.dataset.probe = JSON.stringify(message.data);
        }})</script><iframe src='file://{file}' width='{width}' height='900' style='border: 0'></iframe>"
    )
}

/// Loads a file; gives the document as the browser has it, which must have written nothing to its console.
fn browse(browser: &str, file: &str) -> String {
    let profile = format!("{file}.profile");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--hide-scrollbars", "--dump-dom"])
        .arg(format!("--user-data-dir={profile}"))
        .args(["--window-size=1500,1000", "--virtual-time-budget=10000"])
        .arg(format!("file://{file}"))
        .output()
        .expect("the browser starts");
    let _ = std::fs::remove_dir_all(&profile);
    let said = String::from_utf8_lossy(&output.stderr);
    let console: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(output.status.success() && console.is_empty(), "{console:?}\n{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
