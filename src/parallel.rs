//! Jobs on threads of the library's own: a pool that is never rayon's global one.
//!
//! In: a list of jobs. Out: their results, in the jobs' order, so that the number of threads changes no result.

/// Threads to run jobs on, shared by its clones. Without the feature `parallel` there is one, the caller's.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    #[cfg(feature = "parallel")]
    threads: Option<std::sync::Arc<rayon::ThreadPool>>,
}

/// The operating system refused to start threads.
#[derive(Debug, thiserror::Error)]
#[error("the threads could not be started: {0}; ask for fewer")]
pub struct PoolError(#[source] Box<dyn core::error::Error + Send + Sync>);

/// How many threads a number asks for: 0 for one for each processor.
#[cfg(any(feature = "parallel", feature = "cli"))]
pub(crate) fn count(threads: usize) -> usize {
    if threads == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { threads }
}

impl Pool {
    /// No threads but the caller's.
    pub const fn serial() -> Self {
        Self {
            #[cfg(feature = "parallel")]
            threads: None,
        }
    }

    /// A pool of so many threads; 0 asks for one for each processor, 1 for [`serial`](Self::serial).
    ///
    /// # Errors
    /// The operating system refused to start them.
    #[cfg(feature = "parallel")]
    pub fn new(threads: usize) -> Result<Self, PoolError> {
        let threads = count(threads);
        if threads == 1 {
            return Ok(Self::serial());
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|at| format!("retrace-{at}"))
            .build()
            .map_err(|error| PoolError(Box::new(error)))?;
        Ok(Self { threads: Some(std::sync::Arc::new(pool)) })
    }

    /// [`serial`](Self::serial), since the feature `parallel` is off.
    ///
    /// # Errors
    /// None.
    #[cfg(not(feature = "parallel"))]
    pub fn new(_threads: usize) -> Result<Self, PoolError> {
        Ok(Self::serial())
    }

    /// How many jobs run at once; at least 1.
    pub fn threads(&self) -> usize {
        #[cfg(feature = "parallel")]
        if let Some(threads) = &self.threads {
            return threads.current_num_threads();
        }
        1
    }

    /// Runs every job and returns the results in order. O(jobs) space beyond the jobs' own.
    pub fn map<J: Send, R: Send>(&self, jobs: Vec<J>, run: impl Fn(J) -> R + Sync + Send) -> Vec<R> {
        #[cfg(feature = "parallel")]
        if let Some(threads) = &self.threads
            && jobs.len() > 1
        {
            use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
            return threads.install(|| jobs.into_par_iter().with_max_len(1).map(run).collect());
        }
        jobs.into_iter().map(run).collect()
    }
}
