//! Failures: one line for people or one object for programs, and the exit code.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{files, mistaken, output};
use crate::arch_test::ArchTestError;
use crate::checkpoint::{CheckpointFileError, ExecuteError, Stopped, UnknownCycles};
use crate::machine::Fault;
use crate::oracle::OracleError;
use crate::proof::{JoinError, ProveError, VerifyError};
use crate::replay::ReplayError;
use crate::sumcheck::SumCheckProverError;

/// What retrace ends with when the guest faulted.
const FAULT: u8 = 126;
/// What retrace ends with when it failed itself.
const FAILURE: u8 = 125;
/// What retrace ends with when a proof is refused.
const REFUSED: u8 = 1;
/// What retrace ends with after Ctrl-C: what a shell says of a process that SIGINT ended.
pub(super) const INTERRUPTED: u8 = 130;
/// What `run` ends with when no one reads the guest's output: what a shell says of a process that SIGPIPE ended.
pub(super) const BROKEN_PIPE: u8 = 141;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(super) struct Failure {
    kind: &'static str,
    message: String,
    exit: u8,
    /// Where the guest was.
    place: Option<(u64, u64)>,
    /// The instruction set of the program that the command is about, where it is known.
    isa: Option<&'static str>,
}

/// What a command gives.
pub(super) type Done = Result<ExitCode, Failure>;

impl Failure {
    pub(super) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), exit: FAILURE, place: None, isa: None }
    }

    pub(super) fn fault(fault: &Fault) -> Self {
        let place = Some((fault.cycle, u64::from(fault.pc)));
        Self { kind: "guest_fault", message: fault.to_string(), exit: FAULT, place, isa: Some(fault.isa) }
    }

    /// Ctrl-C.
    pub(super) fn interrupted() -> Self {
        Self { exit: INTERRUPTED, ..Self::new("interrupted", "interrupted") }
    }

    /// A checkpoint file that cannot be used.
    pub(super) fn checkpoint_file(path: &Path, error: &CheckpointFileError) -> Self {
        let message = match error {
            CheckpointFileError::Io { doing, source } => {
                format!("cannot {doing} the checkpoint file: {}", files::reason(doing, source))
            }
            CheckpointFileError::Foreign => {
                let remedy = "`retrace run ELF --checkpoints FILE` writes one";
                mistaken::no("checkpoint file of retrace", path, remedy)
            }
            error => error.to_string(),
        };
        Self::new("checkpoint_file", format!("{}: {message}", path.display()))
    }

    /// A checkpoint file that is not whole.
    pub(super) fn refused_file(path: &Path, error: &CheckpointFileError) -> Self {
        Self { exit: REFUSED, ..Self::checkpoint_file(path, error) }
    }

    /// A proof that is not accepted.
    pub(super) fn refused(reason: impl core::fmt::Display) -> Self {
        Self { exit: REFUSED, ..Self::new("refused", format!("the proof is refused: {reason}")) }
    }

    /// The same, with something that can be done about it.
    pub(super) fn but(self, remedy: &str) -> Self {
        Self { message: format!("{}; {remedy}", self.message), ..self }
    }

    /// The same, told of one of several files.
    pub(super) fn about(self, path: &Path) -> Self {
        Self { message: format!("{}: {}", path.display(), self.message), ..self }
    }

    /// The same, of a program of this instruction set.
    pub(super) fn of_isa(self, isa: Option<&'static str>) -> Self {
        Self { isa: self.isa.or(isa), ..self }
    }

    /// A run that should have ended by itself, and did not.
    pub(super) fn stopped(stopped: &Stopped) -> Self {
        let failure = Self::new(stopped.kind(), format!("the run {stopped}"));
        match stopped {
            Stopped::Trapped(fault) => Self::fault(fault),
            Stopped::Interrupted => Self::interrupted(),
            Stopped::CycleLimit => failure.but("give a higher --max-cycles, or none"),
            Stopped::MemoryLimit { .. } => failure.but("allow more by --max-memory, or look for what grows"),
            Stopped::Stored(_) | Stopped::Exited(_) => failure,
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit)
    }

    /// The failure as an object.
    pub(super) fn to_json(&self) -> Value {
        let mut error = json!({ "kind": self.kind, "message": self.message });
        if let Some((cycle, pc)) = self.place {
            error["cycle"] = Value::from(cycle);
            error["pc"] = Value::from(pc);
        }
        error
    }

    /// Reports the failure; gives the exit code.
    pub(super) fn report(&self, as_json: bool) -> ExitCode {
        // If standard output is what failed, the exit code is left to say so.
        let mut object = json!({ "ok": false, "error": self.to_json() });
        if let Some(isa) = self.isa {
            object["isa"] = Value::from(isa);
        }
        let told = as_json && output::object(&object).is_ok();
        if !told {
            output::note(&format!("error: {}", self.message));
        }
        self.exit_code()
    }
}

/// The only I/O errors without a name are standard output's.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new("file", format!("cannot write to standard output: {error}"))
    }
}

impl From<ExecuteError> for Failure {
    fn from(error: ExecuteError) -> Self {
        Self::new("execute", error.to_string())
    }
}

impl From<UnknownCycles> for Failure {
    fn from(error: UnknownCycles) -> Self {
        Self::new("cycles", error.to_string())
    }
}

impl From<ArchTestError> for Failure {
    fn from(error: ArchTestError) -> Self {
        match error {
            // What the guest did wrong, and Ctrl-C, are told as in any run.
            ArchTestError::NotStored(stopped)
                if matches!(*stopped, Stopped::Trapped(_) | Stopped::Interrupted) =>
            {
                Self::stopped(&stopped)
            }
            error => Self::new("arch_test", error.to_string()),
        }
    }
}

impl From<ProveError> for Failure {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::NotExited(stopped) => Self::stopped(&stopped),
            ProveError::SumCheck(SumCheckProverError::Oracle(OracleError::Cancelled))
            | ProveError::Replay(ReplayError::Cancelled) => Self::interrupted(),
            error => Self::new("prove", error.to_string()),
        }
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        let message = error.to_string();
        match error {
            VerifyError::Oracle(OracleError::Cancelled) => Self::interrupted(),
            VerifyError::Execute(_)
            | VerifyError::Oracle(_)
            | VerifyError::Replay(_)
            | VerifyError::Start(_)
            | VerifyError::Protocol(_) => Self::new("verify", message),
            VerifyError::Segment { .. } => {
                Self::refused(format!("{message} (--segment accepts it, --next adds what follows)"))
            }
            _ => Self::refused(message),
        }
    }
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        Self::refused(error)
    }
}

impl From<crate::proof::FormatError> for Failure {
    fn from(error: crate::proof::FormatError) -> Self {
        Self::refused(error)
    }
}
