//! A profile as tables, each with its largest row first; of rows with the same count, by name or address.

use std::collections::{BTreeMap, HashMap};

use super::Profile;
use super::tree::{Node, ROOT};
use crate::isa::{Isa, Op, Word};
use crate::pages::PAGE_BYTES;

/// A function's cycles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function<'a> {
    /// Its name, demangled; the address that was called, if nothing names its code.
    pub name: &'a str,
    /// Cycles of its own instructions, wherever they were inlined; they add up to [`Profile::total`].
    pub own: u64,
    /// Cycles of its own instructions and of what it called; recursion is counted once.
    pub total: u64,
    /// How often it was called; inlined, jumped to or entered first it is not.
    pub calls: u64,
}

/// A source line's cycles, inlined code at its own line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The file, as the debug information has it; empty where there is none.
    pub file: &'a str,
    /// The number, from 1; 0 where there is none.
    pub line: u32,
    /// The cycles; they add up to [`Profile::total`].
    pub cycles: u64,
}

/// A place in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The instruction there.
    pub op: Op,
    /// How often it was executed; this adds up to [`Profile::total`].
    pub cycles: u64,
}

/// An instruction of the spec, wherever it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// The mnemonic.
    pub name: &'static str,
    /// How often it was executed; this adds up to [`Profile::total`].
    pub cycles: u64,
}

/// Two instructions, the second executed right after the first and at the next address: what a spec can have as a fused
/// pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The first one's mnemonic.
    pub first: &'static str,
    /// The second one's.
    pub second: &'static str,
    /// How often. Pairs overlap: of three instructions in a row there are two.
    pub count: u64,
    /// Whether the spec has it.
    pub fused: bool,
}

/// A page of the guest's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its first address.
    pub address: Word,
    /// Loads from it, those of calls too.
    pub loads: u64,
    /// Stores to it, likewise.
    pub stores: u64,
}

/// A region that the guest marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region<'a> {
    /// Its name.
    pub name: &'a str,
    /// How often it began.
    pub entries: u64,
    /// Cycles within it and no region that began in it. The markers' own cycles are outside.
    pub own: u64,
    /// Cycles within it; of a region within itself they are counted once.
    pub total: u64,
}

impl<I: Isa> Profile<I> {
    /// Cycles by function. O(stacks · depth).
    pub fn functions(&self) -> Vec<Function<'_>> {
        let totals = self.totals();
        let mut functions: HashMap<u32, Function<'_>> = HashMap::new();
        for (node, &total) in self.nodes.iter().zip(&totals).skip(1).filter(|(_, total)| **total > 0) {
            let name = self.name(node);
            let row = functions.entry(node.function).or_insert(Function { name, own: 0, total: 0, calls: 0 });
            row.own += node.cycles;
            row.calls += node.calls;
            if !self.callers(node).any(|caller| caller.function == node.function) {
                row.total += total;
            }
        }
        functions.remove(&Node::OTHERS);
        let mut rows: Vec<_> = functions.into_values().collect();
        rows.sort_by(|a, b| (b.own, b.total, a.name).cmp(&(a.own, a.total, b.name)));
        rows
    }

    fn callers(&self, node: &Node) -> impl Iterator<Item = &Node> {
        core::iter::successors(self.parent(node), |node| self.parent(node))
    }

    fn parent(&self, node: &Node) -> Option<&Node> {
        (node.parent != ROOT).then(|| &self.nodes[node.parent as usize])
    }

    /// Cycles by source line. O(code).
    pub fn lines(&self) -> Vec<Line<'_>> {
        let mut cycles = vec![0; self.map.lines.len()];
        for (index, _, count) in self.executed() {
            cycles[self.map.line_of[index] as usize] += count;
        }
        let counted = self.map.lines.iter().zip(cycles).filter(|(_, cycles)| *cycles > 0);
        let mut rows: Vec<_> =
            counted.map(|(at, cycles)| Line { file: &at.file, line: at.line, cycles }).collect();
        rows.sort_by(|a, b| b.cycles.cmp(&a.cycles).then((a.file, a.line).cmp(&(b.file, b.line))));
        rows
    }

    /// Cycles by address. O(code).
    pub fn addresses(&self) -> Vec<Address> {
        let mut rows: Vec<_> = self.executed().map(|(_, op, cycles)| Address { op: *op, cycles }).collect();
        rows.sort_by(|a, b| b.cycles.cmp(&a.cycles).then(a.op.pc.cmp(&b.op.pc)));
        rows
    }

    /// Where an address is, as [`CodeMap::place`](super::CodeMap::place) has it.
    pub fn place(&self, address: Word) -> (Vec<&str>, Option<(&str, u32)>) {
        self.map.place(&self.program, address)
    }

    /// Cycles by instruction. O(code).
    pub fn instructions(&self) -> Vec<Instruction> {
        let mut cycles: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, op, count) in self.executed() {
            *cycles.entry(name::<I>(op)).or_default() += count;
        }
        let mut rows: Vec<_> =
            cycles.into_iter().map(|(name, cycles)| Instruction { name, cycles }).collect();
        rows.sort_by_key(|row| core::cmp::Reverse(row.cycles));
        rows
    }

    /// Pairs of consecutive instructions. O(code).
    pub fn pairs(&self) -> Vec<Pair> {
        let mut counts: BTreeMap<(&str, &str), (u64, bool)> = BTreeMap::new();
        let ops = self.program.code().ops();
        for (ops, &count) in ops.windows(2).zip(&self.after_previous[1..]).filter(|(_, count)| **count > 0) {
            let [first, second] = [&ops[0], &ops[1]];
            let fused = I::fuse(first.kind, second.kind) != first.kind;
            counts.entry((name::<I>(first), name::<I>(second))).or_insert((0, fused)).0 += count;
        }
        let pair = |((first, second), (count, fused))| Pair { first, second, count, fused };
        let mut rows: Vec<_> = counts.into_iter().map(pair).collect();
        rows.sort_by_key(|row| core::cmp::Reverse(row.count));
        rows
    }

    /// Accesses of memory by page, by instructions and calls, whatever their size.
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// Cycles by region, those that were never entered too.
    pub fn regions(&self) -> Vec<Region<'_>> {
        let regions = self.map.regions.iter().zip(&self.regions);
        let mut rows: Vec<_> = regions
            .map(|(name, counts)| Region {
                name,
                entries: counts.entries,
                own: counts.own,
                total: counts.total,
            })
            .collect();
        rows.sort_by(|a, b| b.total.cmp(&a.total).then(a.name.cmp(b.name)));
        rows
    }
}

fn name<I: Isa>(op: &Op) -> &'static str {
    I::SPEC.instruction(op.kind).map_or("", |instruction| instruction.name)
}

/// The pages that were accessed.
pub(super) fn pages(counts: &[[u64; 2]]) -> Vec<Page> {
    let accessed = counts.iter().enumerate().filter(|(_, counts)| **counts != [0, 0]);
    let page = |(number, &[loads, stores]): (usize, &[u64; 2])| Page {
        address: (number * PAGE_BYTES) as Word,
        loads,
        stores,
    };
    let mut pages: Vec<_> = accessed.map(page).collect();
    pages.sort_by(|a, b| (b.loads + b.stores).cmp(&(a.loads + a.stores)).then(a.address.cmp(&b.address)));
    pages
}
