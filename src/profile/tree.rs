//! The call tree: one node for each stack of functions that was executed, with its cycles.

use std::collections::HashMap;

use super::code_map::{FunctionId, Scope, ScopeId};

/// A node's place in the tree.
pub(super) type NodeId = u32;

/// The node above all others, which is no function.
pub(super) const ROOT: NodeId = 0;

/// More stacks are counted by their innermost functions alone, under [`Node::OTHERS`].
pub(super) const MAX_NODES: usize = 1 << 18;

/// A stack: a function, called by (or inlined into) the parent's.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) parent: NodeId,
    pub(super) function: FunctionId,
    /// Cycles with this stack, in the intervals that have ended.
    pub(super) cycles: u64,
    /// Cycles in the interval that has not.
    pub(super) pending: u64,
    pub(super) calls: u64,
}

impl Node {
    /// The function of the node for stacks that are not kept, and of the root.
    pub(super) const OTHERS: FunctionId = FunctionId::MAX;
}

/// Nodes, parents before their children.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    children: HashMap<(NodeId, FunctionId), NodeId>,
    leaves: HashMap<(NodeId, ScopeId), NodeId>,
    /// What was last found, by a hash of what was looked for.
    recent: Box<[(NodeId, ScopeId, NodeId)]>,
    /// The node for stacks that are not kept.
    others: Option<NodeId>,
    max_nodes: usize,
}

const RECENT: usize = 1 << 12;

impl Tree {
    pub(super) fn new(max_nodes: usize) -> Self {
        let root = Node { parent: ROOT, function: Node::OTHERS, cycles: 0, pending: 0, calls: 0 };
        Self {
            nodes: vec![root],
            children: HashMap::new(),
            leaves: HashMap::new(),
            // No node has this number.
            recent: vec![(NodeId::MAX, 0, 0); RECENT].into(),
            others: None,
            max_nodes,
        }
    }

    /// The node of a scope's functions, called from the functions of `base`.
    #[inline]
    pub(super) fn leaf(&mut self, base: NodeId, scope: ScopeId, scopes: &[Scope]) -> NodeId {
        let hash = (base.wrapping_mul(0x9e37_79b1) ^ scope.wrapping_mul(0x85eb_ca77)) >> 20;
        let slot = hash as usize % RECENT;
        let (of, by, leaf) = self.recent[slot];
        if (of, by) == (base, scope) {
            return leaf;
        }
        let leaf = self.find(base, scope, scopes);
        self.recent[slot] = (base, scope, leaf);
        leaf
    }

    #[cold]
    #[inline(never)]
    fn find(&mut self, base: NodeId, scope: ScopeId, scopes: &[Scope]) -> NodeId {
        if let Some(&leaf) = self.leaves.get(&(base, scope)) {
            return leaf;
        }
        let functions = scopes.get(scope as usize).map_or(&[][..], |scope| &scope.functions[..]);
        let leaf = functions.iter().try_fold(base, |node, &function| self.child(node, function));
        let leaf = leaf.unwrap_or_else(|| self.other(functions.last().copied()));
        if self.leaves.len() < self.max_nodes {
            self.leaves.insert((base, scope), leaf);
        }
        leaf
    }

    /// The node of a function that is called from `base`; none if there are too many.
    pub(super) fn child(&mut self, base: NodeId, function: FunctionId) -> Option<NodeId> {
        if let Some(&child) = self.children.get(&(base, function)) {
            return Some(child);
        }
        (self.nodes.len() < self.max_nodes).then(|| self.add(base, function))
    }

    /// The node of a function among the stacks that are not kept. There are at most as many of them as functions.
    pub(super) fn other(&mut self, function: Option<FunctionId>) -> NodeId {
        let others = match self.others {
            Some(others) => others,
            None => *self.others.insert(self.nodes.len() as NodeId),
        };
        if others as usize == self.nodes.len() {
            self.add(ROOT, Node::OTHERS);
        }
        let Some(function) = function else { return others };
        match self.children.get(&(others, function)) {
            Some(&child) => child,
            None => self.add(others, function),
        }
    }

    fn add(&mut self, parent: NodeId, function: FunctionId) -> NodeId {
        let node = self.nodes.len() as NodeId;
        self.nodes.push(Node { parent, function, cycles: 0, pending: 0, calls: 0 });
        self.children.insert((parent, function), node);
        node
    }

    /// Whether some stacks were not kept.
    pub(super) fn overflowed(&self) -> bool {
        self.others.is_some()
    }
}
