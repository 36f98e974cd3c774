//! A profile for the Firefox Profiler (profiler.firefox.com), in its "processed profile format".

use core::time::Duration;
use std::io::{self, Write};

use fxprof_processed_profile::{
    CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, Profile as File, ReferenceTimestamp,
    SamplingInterval, StackHandle, Timestamp,
};

use super::Profile;
use super::timeline::Sample;
use super::tree::ROOT;
use crate::isa::Isa;

/// The most cycles of one sample: what the format's library takes.
const MOST: u64 = i32::MAX as u64;

impl<I: Isa> Profile<I> {
    /// Writes the profile as JSON: one thread, whose time is cycles, 1 ns each, and whose samples weigh cycles, so that their sum
    /// is [`total`](Self::total), and that of a stack's samples is the stack's cycles. When what was executed is as
    /// exact as a few thousand intervals are. O(stacks + samples).
    ///
    /// # Errors
    /// The sink's.
    pub fn write_firefox(&self, name: &str, sink: &mut dyn Write) -> io::Result<()> {
        let start = ReferenceTimestamp::from_duration_since_unix_epoch(Duration::ZERO);
        let mut file = File::new(name, start, SamplingInterval::from_nanos(1));
        let at = |cycle: u64| Timestamp::from_nanos_since_reference(cycle);
        let (begin, end) = (at(self.cycles.start), at(self.cycles.end));
        let process = file.add_process(name, 1, begin);
        file.set_process_end_time(process, end);
        let thread = file.add_thread(process, 1, begin, true);
        file.set_thread_name(thread, "cycles");
        file.set_thread_end_time(thread, end);
        file.add_initial_visible_thread(thread);
        file.add_initial_selected_thread(thread);
        file.set_symbolicated(true);

        let mut stacks: Vec<Option<StackHandle>> = Vec::with_capacity(self.nodes.len());
        for (node, total) in self.nodes.iter().zip(self.totals()) {
            if total == 0 || stacks.is_empty() {
                stacks.push(None);
                continue;
            }
            let frame = Frame::Label(file.intern_string(self.name(node)));
            let category_pair = CategoryHandle::OTHER.into();
            let frame = FrameInfo { frame, category_pair, flags: FrameFlags::empty() };
            let frame = file.intern_frame(thread, frame);
            let parent = stacks[node.parent as usize].filter(|_| node.parent != ROOT);
            stacks.push(Some(file.intern_stack(thread, parent, frame)));
        }
        let mut cycle = self.cycles.start;
        for &Sample { node, cycles } in &self.timeline {
            let mut left = cycles;
            while left > 0 {
                let weight = left.min(MOST);
                let busy = CpuDelta::from_nanos(weight);
                file.add_sample(thread, at(cycle), stacks[node as usize], busy, weight as i32);
                cycle += weight;
                left -= weight;
            }
        }
        serde_json::to_writer(&mut *sink, &file).map_err(io::Error::from)?;
        sink.write_all(b"\n")
    }
}
