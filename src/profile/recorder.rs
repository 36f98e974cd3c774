//! What is counted while the program runs: O(1) a jump, and a few instructions an access of memory.

use std::collections::HashMap;

use super::calls::{Calls, Frame, Jumps, Kind};
use super::code_map::{CodeMap, FunctionId, UNNAMED};
use super::regions::Regions;
use super::timeline::Timeline;
use super::tree::{MAX_NODES, NodeId, Tree};
use crate::isa::{Isa, Word};
use crate::machine::{Jumped, Observer};
use crate::pages::PAGE_BYTES;
use crate::program::Program;

/// The pages of the address space.
const PAGES: usize = 1 << (Word::BITS - PAGE_BYTES.trailing_zeros());

/// Counts of a run so far.
pub(super) struct Recorder<'m> {
    map: &'m CodeMap,
    jumps: Jumps,
    /// For each entry how many runs of entries began there.
    pub(super) begun: Vec<u64>,
    /// For each entry how many ended there.
    pub(super) ended: Vec<u64>,
    /// Loads and stores of each page.
    pub(super) pages: Vec<[u64; 2]>,
    /// A run that is not told to its end.
    pending: Option<(u32, u32)>,
    pub(super) cycle: u64,
    pub(super) tree: Tree,
    pub(super) calls: Calls,
    pub(super) timeline: Timeline,
    pub(super) regions: Regions,
    /// Functions that nothing names, by the address that was called; numbered after those of the map.
    pub(super) unnamed: Vec<Word>,
    by_address: HashMap<Word, FunctionId>,
}

impl<'m> Recorder<'m> {
    pub(super) fn new<I: Isa>(program: &Program<I>, map: &'m CodeMap) -> Self {
        let entries = program.code().ops().len();
        Self {
            map,
            jumps: Jumps::of(program),
            begun: vec![0; entries],
            ended: vec![0; entries],
            pages: vec![[0; 2]; PAGES],
            pending: None,
            cycle: 0,
            tree: Tree::new(MAX_NODES),
            calls: Calls::new(program.entry()),
            timeline: Timeline::new(),
            regions: Regions::new(map.regions.len()),
            unnamed: Vec::new(),
            by_address: HashMap::new(),
        }
    }

    /// Counting begins here. Calls and regions that are open stay open.
    pub(super) fn restart(&mut self) {
        self.flush();
        self.begun.fill(0);
        self.ended.fill(0);
        self.pages.fill([0; 2]);
        self.timeline = Timeline::new();
        for node in &mut self.tree.nodes {
            (node.cycles, node.pending, node.calls) = (0, 0, 0);
        }
        self.calls.unfollowed = 0;
        self.regions.restart(self.cycle);
    }

    /// Counts what was told last.
    pub(super) fn flush(&mut self) {
        if let Some((first, last)) = self.pending.take() {
            self.count(first, last);
        }
    }

    /// Counts a run of entries; gives the node of the last one.
    #[inline]
    fn count(&mut self, first: u32, last: u32) -> NodeId {
        self.begun[first as usize] += 1;
        self.ended[last as usize] += 1;
        let Frame { base, address } = self.calls.current();
        let mut at = first;
        loop {
            let segment = self.map.segment(at);
            let end = segment.last.min(last);
            let node = match segment.scope {
                UNNAMED => self.unnamed_leaf(base, address),
                scope => self.tree.leaf(base, scope, &self.map.scopes),
            };
            let cycles = u64::from(end - at) + 1;
            self.timeline.add(&mut self.tree, node, cycles);
            self.cycle += cycles;
            if let Some(marker) = segment.marker {
                self.regions.mark(marker, self.cycle);
            }
            if end == last {
                return node;
            }
            at = end + 1;
        }
    }

    /// Counts a call, which led to the code table's entry `index`.
    fn count_call(&mut self, index: Option<u32>) {
        let Frame { base, address } = self.calls.current();
        let scope = index.map_or(UNNAMED, |index| self.map.segment(index).scope);
        let called = match self.map.scopes[scope as usize].outermost {
            UNNAMED => self.unnamed_leaf(base, address),
            outermost => self.tree.leaf(base, outermost, &self.map.scopes),
        };
        self.tree.nodes[called as usize].calls += 1;
    }

    /// The node of code that nothing names, in what was called at an address.
    fn unnamed_leaf(&mut self, base: NodeId, address: Word) -> NodeId {
        let next = (self.map.functions.len() + self.unnamed.len()) as FunctionId;
        let function = *self.by_address.entry(address).or_insert(next);
        if function == next {
            self.unnamed.push(address);
        }
        match self.tree.child(base, function) {
            Some(node) => node,
            None => self.tree.other(Some(function)),
        }
    }
}

impl Observer for Recorder<'_> {
    #[inline(always)]
    fn load(&mut self, address: Word, _bytes: Word, _value: Word) {
        self.pages[address as usize / PAGE_BYTES][0] += 1;
    }

    #[inline(always)]
    fn store(&mut self, address: Word, _bytes: Word, _value: Word) {
        self.pages[address as usize / PAGE_BYTES][1] += 1;
    }

    fn executed(&mut self, first: u32, last: u32, jump: Option<Jumped<'_>>) {
        let first = self.pending.take().map_or(first, |(first, _)| first);
        let Some(jump) = jump else {
            self.pending = Some((first, last));
            return;
        };
        let node = self.count(first, last);
        // What is called by a return is called by what was returned to.
        let base = |kind: Kind, calls: &Calls| if kind.returns { calls.current().base } else { node };
        if self.jumps.follow(&mut self.calls, last, &jump, base) {
            self.count_call(jump.index);
        }
    }
}
