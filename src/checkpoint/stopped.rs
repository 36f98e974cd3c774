//! Why a run ended: one type, in an execution and in a checkpoint file.

use core::convert::Infallible;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::guest::MemoryUse;
use crate::isa::Word;
use crate::machine::Fault;

/// Why a run ended.
///
/// [`Display`](fmt::Display) gives the predicate of a sentence about the run, such as "reached its cycle limit".
///
/// `F` is what is known of a fault: nothing, `()`, where a checkpoint file is read without its program.
// A checkpoint file has the variants by number: they keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Stopped<F = Box<Fault>> {
    /// The guest ended with this exit code, of which a shell sees the low byte.
    Exited(Word),
    /// As many cycles as allowed were executed.
    CycleLimit,
    /// The word at [`Options::until_stored`](super::Options::until_stored) became this.
    Stored(Word),
    /// [`Progress`](super::Progress) asked for it.
    Interrupted,
    /// The guest did what it may not do; the cycles before are the execution.
    Trapped(F),
    /// The next cycle would touch more memory than [`Options::max_memory`](super::Options::max_memory) allows. A resumed
    /// run that may touch more goes on.
    MemoryLimit {
        /// The limit, in bytes.
        limit: u64,
        /// The address that the cycle would access.
        address: Word,
        /// What most of the memory touched is used for.
        grew: MemoryUse,
    },
}

impl<F> Stopped<F> {
    /// The exit code, if the guest ended by itself.
    pub const fn exit_code(&self) -> Option<Word> {
        match self {
            Self::Exited(code) => Some(*code),
            _ => None,
        }
    }

    /// Whether nothing is left to execute: the guest exited or faulted. Any other run can go on.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Exited(_) | Self::Trapped(_))
    }

    /// A word for programs: what the command line's `--json` has as `stopped`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Exited(_) => "exited",
            Self::CycleLimit => "cycle_limit",
            Self::Stored(_) => "tohost",
            Self::Interrupted => "interrupted",
            Self::Trapped(_) => "faulted",
            Self::MemoryLimit { .. } => "memory_limit",
        }
    }

    /// The same with something else known of a fault.
    pub(super) fn try_map<T, E>(self, map: impl FnOnce(F) -> Result<T, E>) -> Result<Stopped<T>, E> {
        Ok(match self {
            Self::Exited(code) => Stopped::Exited(code),
            Self::CycleLimit => Stopped::CycleLimit,
            Self::Stored(word) => Stopped::Stored(word),
            Self::Interrupted => Stopped::Interrupted,
            Self::Trapped(fault) => Stopped::Trapped(map(fault)?),
            Self::MemoryLimit { limit, address, grew } => Stopped::MemoryLimit { limit, address, grew },
        })
    }
}

impl Stopped {
    /// The same without the fault, which the next cycle shows again.
    pub(super) fn without_fault(&self) -> Stopped<()> {
        let Ok(stopped) = self.clone().try_map(|_| Ok::<_, Infallible>(()));
        stopped
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "ended with exit code {code}"),
            Self::CycleLimit => f.write_str("reached its cycle limit"),
            Self::Stored(word) => write!(f, "was stopped at a store of {word:#x}"),
            Self::Interrupted => f.write_str("was interrupted"),
            Self::Trapped(fault) => write!(f, "faulted: {fault}"),
            Self::MemoryLimit { limit, address, grew } => write!(
                f,
                "needed more than its limit of {} of memory, at {address:#010x}; most of it is {grew}",
                bytes(*limit)
            ),
        }
    }
}

/// Bytes, in the largest unit that they are a multiple of.
fn bytes(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "bytes")];
    let (shift, unit) =
        units.into_iter().find(|(shift, _)| *shift <= bytes.trailing_zeros()).unwrap_or((0, "bytes"));
    format!("{} {unit}", bytes >> shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_exact() {
        let cases =
            [(1 << 30, "1 GiB"), (79_872, "78 KiB"), (5 << 20, "5 MiB"), (4097, "4097 bytes"), (0, "0 GiB")];
        for (limit, text) in cases {
            assert_eq!(bytes(limit), text);
        }
    }

    /// Files that were written before have these bytes.
    #[test]
    fn its_bytes_in_a_file_stay() {
        let limit = Stopped::MemoryLimit { limit: 4096, address: 5, grew: MemoryUse::Stack };
        let cases: [(Stopped<()>, &[u8]); 6] = [
            (Stopped::Exited(7), &[0, 7]),
            (Stopped::CycleLimit, &[1]),
            (Stopped::Stored(1), &[2, 1]),
            (Stopped::Interrupted, &[3]),
            (Stopped::Trapped(()), &[4]),
            (limit, &[5, 0x80, 0x20, 5, 1]),
        ];
        for (stopped, bytes) in cases {
            assert_eq!(postcard::to_allocvec(&stopped).unwrap(), bytes);
            assert_eq!(postcard::from_bytes::<Stopped<()>>(bytes).unwrap(), stopped);
        }
    }
}
