//! How the blocks of a region lead to each other, and which registers a loop keeps in values.
//!
//! In: a [`Region`]. Out: a [`Graph`].

use std::collections::BTreeMap;

use super::region::{Region, Successor, successor};
use super::registers::{RegisterSet, reads, writes};
use crate::isa::Isa;
use crate::program::Code;

/// The most registers that are values all around a loop; the others are loaded in each block that needs them. What a host
/// has, less what native code itself needs.
const MOST_CARRIED: usize = 8;

/// The blocks, in the order of the region's, and behind them the dispatch, which leads to every entry.
#[derive(Debug)]
pub(super) struct Graph {
    /// Of each node, the nodes that it leads to.
    pub(super) successors: Vec<Vec<usize>>,
    /// Of each node, how many edges lead there; entering the region is one for each entry.
    pub(super) edges_in: Vec<usize>,
    /// Of each node, the registers that are values when it is reached. Those of the innermost loop that it is in.
    pub(super) carried: Vec<RegisterSet>,
    /// Whether jumps whose target the code does not state lead to the dispatch.
    pub(super) dispatches: bool,
}

impl Graph {
    /// O(blocks × depth of loops).
    pub(super) fn new<I: Isa>(code: &Code, region: &Region) -> Self {
        let places: BTreeMap<u32, usize> = region.blocks.keys().copied().zip(0..).collect();
        let (dispatch, dispatches) = (places.len(), region.dispatches);
        let place = |index: u32| places.get(&index).copied();
        let mut successors: Vec<Vec<usize>> = Vec::with_capacity(dispatch + 1);
        for block in region.blocks.values() {
            let to = |pc| code.index_of(pc).and_then(place);
            let (first, second) = match block.ops(code).last().map_or(Successor::None, successor::<I>) {
                Successor::Next => (place(block.end), None),
                Successor::Branch(pc) => (to(pc), place(block.end)),
                Successor::Jump(pc) => (to(pc), None),
                Successor::Indirect { conditional } => {
                    (dispatches.then_some(dispatch), conditional.then(|| place(block.end)).flatten())
                }
                Successor::Call | Successor::None => (None, None),
            };
            successors.push(first.into_iter().chain(second).collect());
        }
        successors.push(region.entries.iter().filter_map(|&entry| place(entry)).collect());
        let mut edges_in = vec![0; dispatch + 1];
        edges_in[dispatch] = 1;
        successors.iter().flatten().for_each(|&to| edges_in[to] += 1);
        let innermost = innermost_loops(&successors);
        let carried = carried::<I>(code, region, &innermost);
        Self { successors, edges_in, carried, dispatches }
    }
}

/// Of each node, the innermost loop that it is in, if it is in one. Loops are strongly connected components, and those
/// within each without the edges to one of its nodes.
fn innermost_loops(successors: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut innermost = vec![None; successors.len()];
    let mut loops = 0;
    // Sets of nodes that are yet to be looked into, with the node of each to which no edge counts.
    let mut open: Vec<(Vec<usize>, Option<usize>)> = vec![((0..successors.len()).collect(), None)];
    while let Some((nodes, cut)) = open.pop() {
        for component in components(successors, &nodes, cut) {
            // One node alone is a loop if it leads to itself.
            if let &[node] = component.as_slice()
                && (Some(node) == cut || !successors[node].contains(&node))
            {
                continue;
            }
            for &node in &component {
                innermost[node] = Some(loops);
            }
            loops += 1;
            // Where a loop starts: the dispatch, which is the last node, or what comes first in the code.
            let dispatch = successors.len() - 1;
            let head =
                if component.contains(&dispatch) { Some(dispatch) } else { component.iter().min().copied() };
            open.push((component, head));
        }
    }
    innermost
}

/// The strongly connected components of the nodes, by the edges between them that do not lead to `cut`. O(all nodes).
fn components(successors: &[Vec<usize>], nodes: &[usize], cut: Option<usize>) -> Vec<Vec<usize>> {
    let mut inside = vec![false; successors.len()];
    nodes.iter().for_each(|&node| inside[node] = true);
    let edges = |from: usize| {
        let inside = &inside;
        successors[from].iter().copied().filter(move |&to| inside[to] && Some(to) != cut)
    };
    let mut backward = vec![Vec::new(); successors.len()];
    for &from in nodes {
        edges(from).for_each(|to| backward[to].push(from));
    }
    let mut seen = vec![false; successors.len()];
    let mut left_last = Vec::new();
    for &root in nodes {
        depth_first(root, &mut seen, edges, |node| left_last.push(node));
    }
    let mut seen = vec![false; successors.len()];
    let mut components = Vec::new();
    for &root in left_last.iter().rev() {
        let mut component = Vec::new();
        depth_first(root, &mut seen, |node| backward[node].iter().copied(), |node| component.push(node));
        if !component.is_empty() {
            components.push(component);
        }
    }
    components
}

/// Visits what can be reached and was not seen, and calls back with each node when all behind it were visited.
fn depth_first<W: Iterator<Item = usize>>(
    root: usize,
    seen: &mut [bool],
    edges: impl Fn(usize) -> W,
    mut leave: impl FnMut(usize),
) {
    if core::mem::replace(&mut seen[root], true) {
        return;
    }
    let mut path = vec![(root, edges(root))];
    while let Some((node, rest)) = path.last_mut() {
        match rest.find(|&to| !seen[to]) {
            Some(to) => {
                seen[to] = true;
                path.push((to, edges(to)));
            }
            None => {
                leave(*node);
                path.pop();
            }
        }
    }
}

/// For each node, the registers that its innermost loop accesses most often, by the code.
fn carried<I: Isa>(code: &Code, region: &Region, innermost: &[Option<usize>]) -> Vec<RegisterSet> {
    let loops = innermost.iter().flatten().max().map_or(0, |last| last + 1);
    let mut counts: Vec<BTreeMap<u8, usize>> = vec![BTreeMap::new(); loops];
    for (block, innermost) in region.blocks.values().zip(innermost) {
        let Some(innermost) = innermost else { continue };
        for op in block.ops(code) {
            let read = reads::<I>(op).map(|(_, register)| register);
            for register in read.chain(writes::<I>(op)).filter(|&register| register != I::SPEC.registers.zero)
            {
                *counts[*innermost].entry(register).or_default() += 1;
            }
        }
    }
    let most_used = |counts: BTreeMap<u8, usize>| {
        let mut counts: Vec<(u8, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|&(_, count)| core::cmp::Reverse(count));
        let mut set = RegisterSet::default();
        counts.iter().take(MOST_CARRIED).for_each(|&(register, _)| set.insert(register));
        set
    };
    let sets: Vec<RegisterSet> = counts.into_iter().map(most_used).collect();
    innermost.iter().map(|innermost| innermost.map_or_else(RegisterSet::default, |it| sets[it])).collect()
}
