//! The page as one HTML file: nothing from elsewhere, and no scripts but the flame graph's own, in its frame.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart;
use crate::checkpoint::{Execution, Stopped};
use crate::cli::output::{bytes, count, number};
use crate::guest::Linux;
use crate::hex::hex;
use crate::isa::{Column, ColumnSource, Isa, RangeClass, Word};
use crate::pages::WORD_BYTES;
use crate::profile::Profile;
use crate::proof::Statement;
use crate::sumcheck::Schedule;

const STYLE: &str = concat!(include_str!("../../page.css"), include_str!("report.css"));

/// How many rows of a table are shown.
const ROWS: usize = 20;

/// What is on the page.
pub(super) struct Content<'a, I: Isa> {
    pub(super) name: &'a str,
    pub(super) execution: &'a Execution<I, Linux>,
    pub(super) profile: &'a Profile<I>,
    pub(super) flamegraph: &'a [u8],
    /// Cycles and pages, at each checkpoint and at the end.
    pub(super) memory: Vec<(u64, u64)>,
    pub(super) plan: Option<Schedule>,
    pub(super) proven: Option<Proven>,
}

/// A proof that was verified.
pub(super) struct Proven {
    pub(super) statement: Statement,
    pub(super) bytes: u64,
    pub(super) sumcheck_seconds: f64,
    pub(super) replay_seconds: f64,
}

/// The page's text.
pub(super) fn write<I: Isa>(content: &Content<'_, I>) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (content.name) " – a run, by retrace" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (content.name) }
                    (run(content))
                    (cycles(content))
                    (instructions(content.profile))
                    (memory(content))
                    (witness::<I>(content.execution.cycles()))
                    (proving(content))
                }
            }
        }
    };
    let mut text = markup.into_string();
    text.push('\n');
    text
}

fn fact(label: &str, value: impl maud::Render) -> Markup {
    html! { div { dt { (label) } dd { (value) } } }
}

fn run<I: Isa>(content: &Content<'_, I>) -> Markup {
    let execution = content.execution;
    let (input, output) = (execution.input(), execution.output());
    let private = input.private();
    let so_far = match execution.stopped() {
        Stopped::Interrupted => ": here is what there is so far",
        _ => "",
    };
    html! {
        dl {
            (fact("cycles", number(execution.cycles())))
            (fact("run", format!("{}{so_far}", execution.stopped())))
            (fact("instruction set", html! { (I::SPEC.name) " " code { (I::SPEC.fingerprint) } }))
            (fact("program", html! { code { (hex(&execution.program().hash())) } }))
            (fact("input", html! { (count(input.length(), "byte")) " " code { (hex(&input.hash())) } }))
            @if private.length() > 0 {
                (fact("private input", count(private.length(), "byte")))
            }
            (fact("output", html! { (count(output.length, "byte")) " " code { (hex(&output.hash)) } }))
        }
    }
}

/// A part of all cycles.
fn share<I: Isa>(profile: &Profile<I>, cycles: u64) -> f64 {
    100.0 * cycles as f64 / profile.total().max(1) as f64
}

fn cycles<I: Isa>(content: &Content<'_, I>) -> Markup {
    let profile = content.profile;
    let (functions, regions) = (profile.functions(), profile.regions());
    let percent = |cycles| format!("{:.2} %", share(profile, cycles));
    html! {
        section id="cycles" {
            h2 { "Where cycles go" }
            // A frame of its own, since the picture has scripts: to zoom and to search.
            iframe.flamegraph title="Flame graph" height=(height(content.flamegraph))
                src={ "data:image/svg+xml;base64," (STANDARD.encode(content.flamegraph)) } {}
            p.faint { "Click to zoom, Ctrl-F to search. Every cycle is counted." }
            (table(&["function", "self", "", "total", "", "calls"], functions.len(), html! {
                @for row in functions.iter().take(ROWS) {
                    tr {
                        td { code { (row.name) } }
                        td.number { (number(row.own)) } td.number { (percent(row.own)) }
                        td.number { (number(row.total)) } td.number { (percent(row.total)) }
                        td.number { @if row.calls > 0 { (number(row.calls)) } }
                    }
                }
            }))
            @if !regions.is_empty() {
                h3 { "Regions" }
                (table(&["region", "self", "", "total", "", "entries"], regions.len(), html! {
                    @for row in regions.iter().take(ROWS) {
                        tr {
                            td { code { (row.name) } }
                            td.number { (number(row.own)) } td.number { (percent(row.own)) }
                            td.number { (number(row.total)) } td.number { (percent(row.total)) }
                            td.number { (number(row.entries)) }
                        }
                    }
                }))
            }
        }
    }
}

/// The height that an SVG picture says that it has.
fn height(svg: &[u8]) -> &str {
    let text = core::str::from_utf8(svg).unwrap_or_default();
    let stated = text.split_once("<svg ").and_then(|(_, rest)| rest.split_once(" height=\""));
    stated.and_then(|(_, rest)| rest.split_once('"')).map_or("400", |(height, _)| height)
}

fn table(heads: &[&str], rows: usize, body: Markup) -> Markup {
    html! {
        div.wide tabindex="0" {
            table {
                thead { tr { @for (at, head) in heads.iter().enumerate() { th.number[at > 0] scope="col" { (head) } } } }
                tbody { (body) }
            }
        }
        @if rows > ROWS {
            p.faint { "… and " (number((rows - ROWS) as u64)) " more: " code { "retrace profile --top 0" } }
        }
    }
}

fn instructions<I: Isa>(profile: &Profile<I>) -> Markup {
    html! {
        section id="instructions" {
            h2 { "Instructions" }
            div.bars {
                @for row in profile.instructions() {
                    @let share = share(profile, row.cycles);
                    code { (row.name) }
                    div.track { div.bar data-cycles=(row.cycles) style={ "width:" (format!("{share:.3}")) "%" } {} }
                    span.number { (number(row.cycles)) }
                    span.number { (format!("{share:.2} %")) }
                }
            }
        }
    }
}

fn memory<I: Isa>(content: &Content<'_, I>) -> Markup {
    let (execution, pages) = (content.execution, content.profile.pages());
    let checkpoints = execution.checkpoints();
    html! {
        section id="memory" {
            h2 { "Memory" }
            (chart::memory(&content.memory))
            p.faint { "Memory that is not zero, at each checkpoint (a dot) and at the end." }
            dl {
                (fact("touched", bytes(execution.memory_words() * u64::from(WORD_BYTES))))
                (fact("checkpoints", format!("{}, {} cycles apart or more", checkpoints.len(), number(checkpoints.interval()))))
            }
            (table(&["page", "loads", "stores"], pages.len(), html! {
                @for page in pages.iter().take(ROWS) {
                    tr {
                        td { code { (format!("{:#010x}", page.address)) } }
                        td.number { (number(page.loads)) } td.number { (number(page.stores)) }
                    }
                }
            }))
        }
    }
}

/// A range class in words.
fn class(class: RangeClass) -> String {
    match class {
        RangeClass::Bit => "a bit".to_owned(),
        RangeClass::Unsigned { bits } => count(bits.into(), "bit"),
        RangeClass::Signed { bits } => format!("{}, signed", count(bits.into(), "bit")),
        RangeClass::Interval { min, max } => format!("{min} … {max}"),
    }
}

fn witness<I: Isa>(rows: u64) -> Markup {
    let spec = I::SPEC;
    let (stored, public) = spec.columns.split_at(spec.stored);
    let mut classes: Vec<(RangeClass, Vec<&Column>)> = Vec::new();
    for column in stored {
        match classes.iter_mut().find(|(class, _)| *class == column.class) {
            Some((_, columns)) => columns.push(column),
            None => classes.push((column.class, vec![column])),
        }
    }
    classes.sort_by_key(|(_, columns)| core::cmp::Reverse(columns.len()));
    let of = |source| spec.columns.iter().filter(|column| column.source == source).count();
    let row = spec.stored as u64 * u64::from(Word::BITS / 8);
    html! {
        section id="witness" {
            h2 { "Witness" }
            dl {
                (fact("rows", number(rows)))
                (fact("columns", format!("{}: {} recorded, {} derived, {} cells of units, {} words of the code table", spec.stored, spec.recorded, of(ColumnSource::Derived), of(ColumnSource::Cell), of(ColumnSource::Code))))
                (fact("besides", count(public.len() as u64, "public column")))
                (fact("a row", count(row, "byte")))
                (fact("all rows", format!("{}, which no one holds", bytes(rows.saturating_mul(row)))))
                (fact("constraints", format!("{}, and {} from row to row", spec.constraints.len(), count(spec.links.len() as u64, "link"))))
            }
            (table(&["range class", "columns", ""], classes.len(), html! {
                @for (range, columns) in &classes {
                    tr {
                        td { (class(*range)) }
                        td.number data-columns=(columns.len()) { (columns.len()) }
                        td { @for column in columns { code title=(column.doc) { (column.name) } " " } }
                    }
                }
            }))
        }
    }
}

fn proving<I: Isa>(content: &Content<'_, I>) -> Markup {
    html! {
        section id="proof" {
            h2 { "Proof" }
            @if let Some(proven) = &content.proven {
                @let cycles = proven.statement.cycles();
                dl {
                    (fact("verified", format!("{:.3} s for the sum-check, {:.3} s for the replay", proven.sumcheck_seconds, proven.replay_seconds)))
                    (fact("states", format!("cycles {}..{}, {}", number(cycles.start), number(cycles.end), match proven.statement.exit_code {
                        Some(code) => format!("exit code {code}"),
                        None => "of a run that goes on".to_owned(),
                    })))
                    (fact("rounds", proven.statement.rows().next_power_of_two().ilog2()))
                    (fact("size", bytes(proven.bytes)))
                }
            } @else {
                p { "None was given; " code { "--proof FILE" } " verifies one, and says here what it states." }
            }
            @if let Some(plan) = &content.plan {
                h3 { "How the run is proven in O(√T) space" }
                (self::plan(plan))
            }
        }
    }
}

fn plan(plan: &Schedule) -> Markup {
    let passes = plan.windows.iter().scan(0, |round, window| {
        let first = *round;
        *round += window;
        Some((first, *round))
    });
    html! {
        dl {
            @for (at, (first, end)) in passes.enumerate() {
                (fact(&format!("pass {}", at + 1), format!("rounds {first} to {}", end - 1)))
            }
            (fact(&format!("pass {}", plan.passes()), format!("stores arrays of {} at round {}", bytes(plan.array_bytes), plan.storing_round())))
            (fact("then", format!("rounds {} to {} on the arrays", plan.storing_round(), plan.rounds.saturating_sub(1))))
        }
    }
}
