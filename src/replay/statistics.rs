//! What replay has cost so far.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// The work of a [`StreamingWitnessGenerator`](super::StreamingWitnessGenerator) since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// How often a range, or a set of parts, was regenerated: passes and single rows.
    pub regenerations: u64,
    /// The rows that were regenerated.
    pub cycles_replayed: u64,
    /// The cycles executed without recording, to get from a checkpoint to the first row asked for.
    pub cycles_forwarded: u64,
    /// The machines that were built: at most one for each thread that was at work at once.
    pub machines: u64,
    /// The time that callers waited, their visitors included.
    pub seconds: f64,
    /// The time that rows took to regenerate, visitors left out, summed over threads.
    pub thread_seconds: f64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    regenerations: AtomicU64,
    replayed: AtomicU64,
    forwarded: AtomicU64,
    machines: AtomicU64,
    waited: AtomicU64,
    regenerating: AtomicU64,
}

impl Counters {
    pub(super) fn add_pass(&self, waited: Duration) {
        self.regenerations.fetch_add(1, Ordering::Relaxed);
        self.waited.fetch_add(nanoseconds(waited), Ordering::Relaxed);
    }

    pub(super) fn add_regenerating(&self, time: Duration) {
        self.regenerating.fetch_add(nanoseconds(time), Ordering::Relaxed);
    }

    pub(super) fn add_replayed(&self, cycles: u64) {
        self.replayed.fetch_add(cycles, Ordering::Relaxed);
    }

    pub(super) fn add_forwarded(&self, cycles: u64) {
        self.forwarded.fetch_add(cycles, Ordering::Relaxed);
    }

    pub(super) fn add_machine(&self) {
        self.machines.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> Statistics {
        let seconds =
            |counter: &AtomicU64| Duration::from_nanos(counter.load(Ordering::Relaxed)).as_secs_f64();
        Statistics {
            regenerations: self.regenerations.load(Ordering::Relaxed),
            cycles_replayed: self.replayed.load(Ordering::Relaxed),
            cycles_forwarded: self.forwarded.load(Ordering::Relaxed),
            machines: self.machines.load(Ordering::Relaxed),
            seconds: seconds(&self.waited),
            thread_seconds: seconds(&self.regenerating),
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
