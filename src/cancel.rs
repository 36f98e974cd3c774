//! Cancellation and progress: a flag that whoever waits raises and long work looks at, and a meter that the work moves.

use core::fmt;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// A flag shared by its clones, down at first. What looks at it ends within milliseconds of its being raised, with an
/// error of its own, and leaves nothing half done behind. It is never lowered again.
///
/// A replay looks when it has a [`Cancel`]: see
/// [`StreamingWitnessGenerator::with_cancel`](crate::replay::StreamingWitnessGenerator::with_cancel). A fast pass looks
/// by way of [`Progress`](crate::checkpoint::Progress). Where it is looked at, whoever waits can be told how far the work
/// is: see [`with_meter`](Self::with_meter).
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use retrace::cancel::Cancel;
/// # use retrace::checkpoint::{Options, execute};
/// # use retrace::guest::{Input, Linux};
/// # use retrace::isa::Rv32i;
/// # use retrace::oracle::OracleError;
/// use retrace::oracle::{WitnessOracle, evaluate};
/// # use retrace::parallel::Pool;
/// # use retrace::program::Program;
/// use retrace::replay::StreamingWitnessGenerator;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let program = Program::<Rv32i>::from_elf(&std::fs::read("tests/guests/tiny.elf")?)?;
/// # let execution = execute(program, Linux::default(), Input::empty(), Options::default())?;
/// # let point = vec![ark_bn254::Fr::from(3u64); 6];
/// # let ids = [retrace::isa::ColumnId(0)];
/// let rows = Arc::new(AtomicU64::new(0));
/// let moved = Arc::clone(&rows);
/// let cancel = Cancel::new().with_meter(move |more| { moved.fetch_add(more, Ordering::Relaxed); });
///
/// let generator = StreamingWitnessGenerator::new(execution, Pool::serial()).with_cancel(cancel.clone());
/// let oracle = WitnessOracle::new(generator)?;
/// evaluate(&oracle, &ids, &[point.clone()])?;
/// assert_eq!(rows.load(Ordering::Relaxed), 53); // a pass over the 53 rows
///
/// cancel.cancel();
/// assert!(matches!(evaluate(&oracle, &ids, &[point]), Err(OracleError::Cancelled)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Cancel {
    raised: Arc<AtomicBool>,
    meter: Option<Arc<Meter>>,
}

type Meter = dyn Fn(u64) + Send + Sync;

impl Cancel {
    /// A flag that is down, and no meter.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same flag, with a meter: `moved` is told how many cycles were executed or regenerated since it was called last,
    /// once a chunk of rows or every few milliseconds, on whatever thread did so. The numbers add up to
    ///
    /// - the rows of the ranges that a replay regenerates. The way to them from a checkpoint is not counted;
    /// - for [`Plan::prove`](crate::proof::Plan::prove) T for each pass, and the plan's
    ///   [`schedule`](crate::proof::Plan::schedule) says how many passes there are. Rounds on stored arrays are not counted.
    ///   For [`plan`](crate::proof::Prover::plan) of a segment, the cycles up to each of its ends that is no end of the run;
    /// - for [`verify`](crate::proof::Verifier::verify) a run up to the stated exit and the stated rows; for a segment that
    ///   does not begin at cycle 0 a run up to its entry, too.
    #[must_use]
    pub fn with_meter(self, moved: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self { meter: Some(Arc::new(moved)), ..self }
    }

    /// Raises the flag.
    pub fn cancel(&self) {
        self.raised.store(true, Ordering::Relaxed);
    }

    /// Whether it was raised.
    pub fn is_cancelled(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }

    /// `Break` if it was raised: what a [`Progress`](crate::checkpoint::Progress) answers.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Tells the meter, if there is one, that so many cycles more are done.
    pub(crate) fn advance(&self, cycles: u64) {
        if let Some(meter) = &self.meter {
            meter(cycles);
        }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancel").field("raised", &self.is_cancelled()).finish_non_exhaustive()
    }
}
