//! A profile as folded stacks, and as a flame graph made of them.

use std::io::{self, Write};

use inferno::flamegraph::{Options, from_lines};

use super::Profile;
use super::tree::NodeId;
use crate::isa::Isa;

/// A flame graph leaves out what is a smaller part of all: no screen has as many points.
const SMALLEST: u64 = 20_000;

impl<I: Isa> Profile<I> {
    /// Writes the stacks as lines: functions from the outermost on, with `;` between them, a space, the cycles with exactly this
    /// stack. Callees are in the order of their names. O(stacks · depth).
    ///
    /// # Errors
    /// The sink's.
    pub fn write_folded(&self, sink: &mut dyn Write) -> io::Result<()> {
        self.stacks(1, |line| writeln!(sink, "{line}"))
    }

    /// Writes a flame graph as SVG, widths by cycles. The same profile and title make the same bytes. Stacks with less than a
    /// 20,000th of all cycles are counted to their callers. O(stacks · depth).
    ///
    /// # Errors
    /// The sink's.
    pub fn write_flamegraph(&self, title: &str, sink: &mut dyn Write) -> io::Result<()> {
        let mut lines = Vec::new();
        self.stacks((self.total() / SMALLEST).max(1), |line| {
            lines.push(line.to_owned());
            Ok(())
        })?;
        let mut options = Options::default();
        title.clone_into(&mut options.title);
        "cycles".clone_into(&mut options.count_name);
        options.deterministic = true;
        // Without a stack there is nothing to draw.
        if lines.is_empty() {
            lines.push(format!("[no cycles] {}", 0));
        }
        from_lines(&mut options, lines.iter().map(String::as_str), sink)
    }

    /// Visits the stacks that have so many cycles, those of what they called included; what has less counts to its
    /// caller.
    fn stacks(&self, least: u64, mut visit: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        let totals = self.totals();
        let mut children: Vec<Vec<NodeId>> = vec![Vec::new(); self.nodes.len()];
        let mut own: Vec<u64> = self.nodes.iter().map(|node| node.cycles).collect();
        for (at, node) in self.nodes.iter().enumerate().skip(1) {
            if totals[at] >= least {
                children[node.parent as usize].push(at as NodeId);
            } else if totals[node.parent as usize] >= least {
                own[node.parent as usize] += totals[at];
            }
        }
        for children in &mut children {
            // From the last on, so that the first is on top of those to visit.
            children.sort_by(|a, b| self.name_of(*b).cmp(self.name_of(*a)));
        }
        let mut to_visit: Vec<(NodeId, usize)> = children[0].iter().map(|&child| (child, 0)).collect();
        let mut line = String::new();
        while let Some((node, length)) = to_visit.pop() {
            line.truncate(length);
            if length > 0 {
                line.push(';');
            }
            // A separator within a name would be one.
            line.extend(self.name_of(node).chars().map(|c| match c {
                ';' => ':',
                c if c.is_control() => ' ',
                c => c,
            }));
            let length = line.len();
            if own[node as usize] > 0 {
                use core::fmt::Write as _;
                let _ = write!(line, " {}", own[node as usize]);
                visit(&line)?;
            }
            to_visit.extend(children[node as usize].iter().map(|&child| (child, length)));
        }
        Ok(())
    }

    fn name_of(&self, node: NodeId) -> &str {
        self.name(&self.nodes[node as usize])
    }
}
