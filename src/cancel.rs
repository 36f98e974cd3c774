//! Cancellation: a flag that whoever waits raises, and long work looks at.

use core::ops::ControlFlow;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// A flag shared by its clones, down at first. What looks at it ends within milliseconds of its being raised, with an
/// error of its own, and leaves nothing half done behind. It is never lowered again.
///
/// A replay looks when it has a [`Cancel`]: see
/// [`StreamingWitnessGenerator::with_cancel`](crate::replay::StreamingWitnessGenerator::with_cancel). A fast pass looks
/// by way of [`Progress`](crate::checkpoint::Progress).
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A flag that is down.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was raised.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// `Break` if it was raised: what a [`Progress`](crate::checkpoint::Progress) answers.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
