//! How memory grows, as an SVG picture.

use maud::{Markup, html};

use crate::cli::output::{bytes, number};
use crate::pages::PAGE_BYTES;

/// The picture's size in its own units, and the part of it that the axes enclose.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 8.0;
const RIGHT: f64 = 712.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 216.0;

/// Pages over cycles, from zero to the greatest of each: a line, and a dot for each point but the last, which are
/// checkpoints. Points are ascending.
pub(super) fn memory(points: &[(u64, u64)]) -> Markup {
    let last = points.last().map_or(0, |point| point.0);
    let most = points.iter().map(|point| point.1).max().unwrap_or_default();
    let x = |cycle: u64| LEFT + (RIGHT - LEFT) * cycle as f64 / last.max(1) as f64;
    let y = |pages: u64| BOTTOM - (BOTTOM - TOP) * pages as f64 / most.max(1) as f64;
    let line: Vec<String> =
        points.iter().map(|&(cycle, pages)| format!("{:.2},{:.2}", x(cycle), y(pages))).collect();
    let size = |pages: u64| bytes(pages * PAGE_BYTES as u64);
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img"
            aria-label={ "Memory over cycles, to " (size(most)) " at cycle " (number(last)) }
            data-cycles=(last) data-pages=(most) {
            line.axis x1=(LEFT) y1=(TOP) x2=(LEFT) y2=(BOTTOM) {}
            line.axis x1=(LEFT) y1=(BOTTOM) x2=(RIGHT) y2=(BOTTOM) {}
            line.level x1=(LEFT) y1=(TOP) x2=(RIGHT) y2=(TOP) {}
            text x=(LEFT) y=(TOP - 8.0) { (size(most)) }
            text x=(LEFT) y=(BOTTOM + 18.0) { "0" }
            text.end x=(RIGHT) y=(BOTTOM + 18.0) { (number(last)) " cycles" }
            polyline.memory points=(line.join(" ")) {}
            @for (at, &(cycle, pages)) in points.iter().enumerate() {
                @if at + 1 < points.len() {
                    circle r="3.5" cx=(format!("{:.2}", x(cycle))) cy=(format!("{:.2}", y(pages)))
                        data-cycle=(cycle) data-pages=(pages) {
                        title { "checkpoint at cycle " (number(cycle)) ": " (size(pages)) }
                    }
                }
            }
        }
    }
}
