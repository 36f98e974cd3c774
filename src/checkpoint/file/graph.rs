//! Which records of a file are still needed, and how many bytes they are.

use std::collections::HashMap;

use super::record::Checksum;

/// The records that something refers to: states, tables and pages; each is there once, whatever refers to it.
///
/// Space: about 100 bytes a record.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: HashMap<u64, Node>,
    places: HashMap<Checksum, u64>,
    bytes: u64,
}

#[derive(Debug)]
struct Node {
    checksum: Checksum,
    bytes: u32,
    holders: u32,
    children: Box<[u64]>,
}

impl Graph {
    /// Where a record with this checksum is.
    pub(super) fn find(&self, checksum: &Checksum) -> Option<u64> {
        self.places.get(checksum).copied()
    }

    pub(super) fn contains(&self, at: u64) -> bool {
        self.nodes.contains_key(&at)
    }

    /// The bytes of all records, those included that nothing holds yet.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a record, which nothing holds yet, and which holds its children.
    pub(super) fn insert(&mut self, at: u64, checksum: Checksum, bytes: usize, children: Vec<u64>) {
        for &child in &children {
            self.hold(child);
        }
        let node = Node { checksum, bytes: bytes as u32, holders: 0, children: children.into() };
        self.bytes += u64::from(node.bytes);
        self.nodes.insert(at, node);
        self.places.insert(checksum, at);
    }

    pub(super) fn hold(&mut self, at: u64) {
        if let Some(node) = self.nodes.get_mut(&at) {
            node.holders += 1;
        }
    }

    /// Ends a hold; what nothing holds any more is forgotten, and what it held let go.
    pub(super) fn release(&mut self, at: u64) {
        let mut pending = vec![at];
        while let Some(at) = pending.pop() {
            let Some(node) = self.nodes.get_mut(&at) else { continue };
            node.holders = node.holders.saturating_sub(1);
            if node.holders == 0
                && let Some(node) = self.nodes.remove(&at)
            {
                self.bytes -= u64::from(node.bytes);
                self.places.remove(&node.checksum);
                pending.extend(node.children);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_holds_is_forgotten() {
        let mut graph = Graph::default();
        let checksum = |byte| [byte; size_of::<Checksum>()];
        graph.insert(1, checksum(1), 100, vec![]);
        graph.insert(2, checksum(2), 10, vec![]);
        graph.insert(3, checksum(3), 5, vec![1]);
        graph.insert(4, checksum(4), 5, vec![1, 2]);
        for at in [3, 4] {
            graph.hold(at);
        }
        assert_eq!(graph.bytes(), 120);
        graph.release(4);
        assert_eq!((graph.bytes(), graph.find(&checksum(1)), graph.find(&checksum(2))), (105, Some(1), None));
        graph.release(3);
        assert_eq!((graph.bytes(), graph.contains(1)), (0, false));
    }
}
