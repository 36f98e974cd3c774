//! Why a checkpoint file is refused.

use std::io;

use crate::pages::PageError;

/// Why a checkpoint file cannot be read, written or gone on with. The path is the caller's to add.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointFileError {
    /// The operating system refused.
    #[error("cannot {doing} the checkpoint file: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The file begins with something else.
    #[error("this is no checkpoint file of retrace")]
    Foreign,
    /// The file has a format that this version does not know.
    #[error(
        "the checkpoint file has format {found}, and this version of retrace knows format {known}: use the version that wrote it"
    )]
    Format {
        /// The file's format.
        found: u32,
        /// The format known.
        known: u32,
    },
    /// The file is shorter than it was when it was last written.
    #[error(
        "the checkpoint file has {found} of {expected} bytes: its end is missing; copy it again, or run the program again"
    )]
    Truncated {
        /// The bytes there are.
        found: u64,
        /// The bytes there should be.
        expected: u64,
    },
    /// A part of the file is not what was written.
    #[error("the checkpoint file is damaged at byte {at}: {what}; copy it again, or run the program again")]
    Damaged {
        /// Where the part begins.
        at: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// One of the two copies of the file's end is damaged: the other may be that of an earlier state.
    #[error(
        "the checkpoint file is damaged at byte {at}, where it says how long it is, or it is being written to; what it held a little earlier, up to cycle {cycle}, is whole: resuming the run goes on from there"
    )]
    TornEnd {
        /// Where the damaged copy begins.
        at: u64,
        /// The last cycle of the earlier state.
        cycle: u64,
    },
    /// The file is about something else than what it was given with.
    #[error("the checkpoint file is of another {what}: it has {found}, and this is {given}")]
    Differs {
        /// What differs.
        what: &'static str,
        /// What the file is about.
        found: String,
        /// What it was given with.
        given: String,
    },
    /// The state of the guest interface in the file is none of that interface's.
    #[error("the guest interface `{name}` does not know its state in the checkpoint file at byte {at}")]
    Guest {
        /// The interface's name.
        name: &'static str,
        /// Where the state is.
        at: u64,
    },
    /// The guest is said to have faulted where it does not.
    #[error(
        "the checkpoint file says that the guest faults at cycle {cycle}, and it does not: the file was written by another version, or altered"
    )]
    NoFault {
        /// The cycle.
        cycle: u64,
    },
    /// More than the format has place for.
    #[error(
        "a part of {bytes} bytes is larger than a checkpoint file's format allows: the guest interface's state, or what the guest touched, is too large"
    )]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// There is a file already.
    #[error("the checkpoint file exists: resume its run, or remove it first")]
    Exists,
    /// Another process has the file.
    #[error("another run is writing to the checkpoint file")]
    InUse,
    /// A page of an earlier state cannot be read again.
    #[error(transparent)]
    Memory(#[from] PageError),
}

impl CheckpointFileError {
    pub(super) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

pub(super) type Result<T> = core::result::Result<T, CheckpointFileError>;
