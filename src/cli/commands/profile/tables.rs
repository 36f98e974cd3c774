//! A profile's tables, for people and for programs.

use serde_json::{Value, json};

use super::DEFAULT;
use crate::asm::disassemble;
use crate::cli::arguments::Table;
use crate::cli::output::{count, number};
use crate::isa::Isa;
use crate::profile::Profile;

/// What stacks and regions leave out, in words.
pub(super) fn notes<I: Isa>(profile: &Profile<I>) -> Vec<String> {
    let notes = profile.notes();
    let mut text = Vec::new();
    if notes.unfollowed_calls > 0 {
        let calls = count(notes.unfollowed_calls, "call");
        text.push(format!("note: {calls} at a depth of more than 256 are counted at that depth"));
    }
    if notes.stacks_left_out {
        text.push("note: there are more than 2^18 call stacks; the rest are in `[other stacks]`".to_owned());
    }
    if notes.unbalanced_regions > 0 {
        let markers = count(notes.unbalanced_regions, "region marker");
        text.push(format!("note: {markers} without a counterpart"));
    }
    if notes.open_regions > 0 {
        let regions = count(notes.open_regions, "region");
        text.push(format!("note: {regions} had not ended at the last cycle"));
    }
    text
}

/// The tables, one below the other.
pub(super) fn to_text<I: Isa>(profile: &Profile<I>, by: &[Table], top: usize) -> String {
    let cycles = profile.cycles();
    let mut text = count(profile.total(), "cycle");
    if cycles.start > 0 {
        text += &format!(", from {} to {}", number(cycles.start), number(cycles.end));
    }
    text += &format!(", ISA {}\n", I::SPEC.name);
    let tables = if by.is_empty() { &DEFAULT[..] } else { by };
    for &table in tables {
        let rows = rows(profile, table);
        if by.is_empty() && rows.cells.is_empty() {
            continue;
        }
        text.push('\n');
        rows.write(&mut text, top);
    }
    text
}

/// Rows as text, the last cell aligned to the left.
struct Rows {
    heads: Vec<&'static str>,
    cells: Vec<Vec<String>>,
    /// What is said where there are none.
    none: &'static str,
}

impl Rows {
    fn write(&self, text: &mut String, top: usize) {
        if self.cells.is_empty() {
            text.push_str(self.none);
            text.push('\n');
            return;
        }
        let shown = if top == 0 { &self.cells[..] } else { &self.cells[..top.min(self.cells.len())] };
        let heads: Vec<String> = self.heads.iter().map(|&head| head.to_owned()).collect();
        let lines = || core::iter::once(&heads).chain(shown);
        let widths: Vec<usize> = (0..heads.len())
            .map(|at| lines().map(|line| line[at].chars().count()).max().unwrap_or_default())
            .collect();
        for line in lines() {
            for (at, cell) in line.iter().enumerate() {
                if at + 1 == line.len() {
                    text.push_str(cell);
                } else {
                    let width = widths[at];
                    *text += &format!("{cell:>width$}  ");
                }
            }
            text.push('\n');
        }
        if shown.len() < self.cells.len() {
            *text += &format!(
                "… and {} more (--top 0 shows all)\n",
                number((self.cells.len() - shown.len()) as u64)
            );
        }
    }
}

fn rows<I: Isa>(profile: &Profile<I>, table: Table) -> Rows {
    let percent = |cycles: u64| format!("{:.2} %", 100.0 * cycles as f64 / profile.total().max(1) as f64);
    let (heads, cells, none): (&[_], Vec<_>, _) = match table {
        Table::Function => {
            let row = |row: crate::profile::Function<'_>| {
                let calls = if row.calls == 0 { String::new() } else { number(row.calls) };
                let [own, total] = [row.own, row.total];
                vec![number(own), percent(own), number(total), percent(total), calls, row.name.to_owned()]
            };
            let rows = profile.functions().into_iter().map(row).collect();
            (&["self", "", "total", "", "calls", "function"], rows, "no cycles")
        }
        Table::Line => {
            let row = |row: crate::profile::Line<'_>| {
                let place = if row.line == 0 {
                    "code without line information (compile with -g)".to_owned()
                } else {
                    format!("{}:{}", row.file, row.line)
                };
                vec![number(row.cycles), percent(row.cycles), place]
            };
            (&["cycles", "", "line"], profile.lines().into_iter().map(row).collect(), "no cycles")
        }
        Table::Pc => {
            let row = |row: crate::profile::Address| {
                let (functions, line) = profile.place(row.op.pc);
                let line = line.map_or_else(String::new, |(file, line)| format!("  {file}:{line}"));
                let function = functions.last().copied().unwrap_or_default();
                let text = format!("{:<24}  {function}{line}", disassemble::<I>(&row.op));
                let text = text.trim_end().to_owned();
                vec![number(row.cycles), percent(row.cycles), format!("{:#010x}", row.op.pc), text]
            };
            let rows = profile.addresses().into_iter().map(row).collect();
            (&["cycles", "", "pc", "instruction"], rows, "no cycles")
        }
        Table::Instruction => {
            let row = |row: crate::profile::Instruction| {
                vec![number(row.cycles), percent(row.cycles), row.name.to_owned()]
            };
            let rows = profile.instructions().into_iter().map(row).collect();
            (&["cycles", "", "instruction"], rows, "no cycles")
        }
        Table::Pair => {
            let row = |row: crate::profile::Pair| {
                let fused = if row.fused { "fused" } else { "" };
                let pair = format!("{} {}", row.first, row.second);
                vec![number(row.count), percent(row.count), fused.to_owned(), pair]
            };
            let rows = profile.pairs().into_iter().map(row).collect();
            (&["times", "", "", "pair"], rows, "no pairs of instructions")
        }
        Table::Page => {
            let row = |row: &crate::profile::Page| {
                vec![number(row.loads), number(row.stores), format!("{:#010x}", row.address)]
            };
            (&["loads", "stores", "page"], profile.pages().iter().map(row).collect(), "no accesses of memory")
        }
        Table::Region => {
            let row = |row: crate::profile::Region<'_>| {
                let [own, total] = [row.own, row.total];
                let entries = number(row.entries);
                vec![number(own), percent(own), number(total), percent(total), entries, row.name.to_owned()]
            };
            let rows = profile.regions().into_iter().map(row).collect();
            (&["self", "", "total", "", "entries", "region"], rows, "the program marks no regions")
        }
    };
    Rows { heads: heads.to_vec(), cells, none }
}

/// The tables as an object; all of them, if none was asked for.
pub(super) fn to_json<I: Isa>(profile: &Profile<I>, by: &[Table], top: usize) -> Value {
    let (cycles, notes) = (profile.cycles(), profile.notes());
    let mut object = json!({
        "cycles": profile.total(),
        "from": cycles.start,
        "to": cycles.end,
        "unfollowed_calls": notes.unfollowed_calls,
        "stacks_left_out": notes.stacks_left_out,
        "unbalanced_regions": notes.unbalanced_regions,
        "open_regions": notes.open_regions,
    });
    let top = if top == 0 { usize::MAX } else { top };
    for &table in if by.is_empty() { Table::ALL } else { by } {
        let (name, rows): (_, Vec<Value>) = match table {
            Table::Function => {
                let rows = profile.functions().into_iter().take(top).map(|row| {
                    json!({ "function": row.name, "self": row.own, "total": row.total, "calls": row.calls })
                });
                ("functions", rows.collect())
            }
            Table::Line => {
                let row = |row: crate::profile::Line<'_>| json!({ "file": row.file, "line": row.line, "cycles": row.cycles });
                ("lines", profile.lines().into_iter().take(top).map(row).collect())
            }
            Table::Pc => {
                let rows = profile.addresses().into_iter().take(top).map(|row| {
                    let (functions, line) = profile.place(row.op.pc);
                    json!({
                        "pc": row.op.pc,
                        "word": row.op.word,
                        "assembly": disassemble::<I>(&row.op),
                        "functions": functions,
                        "file": line.map(|line| line.0),
                        "line": line.map(|line| line.1),
                        "cycles": row.cycles,
                    })
                });
                ("pcs", rows.collect())
            }
            Table::Instruction => {
                let rows = profile.instructions().into_iter().take(top);
                let rows = rows.map(|row| json!({ "instruction": row.name, "cycles": row.cycles }));
                ("instructions", rows.collect())
            }
            Table::Pair => {
                let rows = profile.pairs().into_iter().take(top).map(|row| {
                    json!({ "first": row.first, "second": row.second, "times": row.count, "fused": row.fused })
                });
                ("pairs", rows.collect())
            }
            Table::Page => {
                let rows = profile
                    .pages()
                    .iter()
                    .take(top)
                    .map(|row| json!({ "page": row.address, "loads": row.loads, "stores": row.stores }));
                ("pages", rows.collect())
            }
            Table::Region => {
                let rows = profile.regions().into_iter().take(top).map(|row| {
                    json!({ "region": row.name, "self": row.own, "total": row.total, "entries": row.entries })
                });
                ("regions", rows.collect())
            }
        };
        object[name] = Value::Array(rows);
    }
    object
}
