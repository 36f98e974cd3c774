//! What a command reads before it is known which instruction set it is about, and the choice of that: the one place
//! where it is made.

use std::path::{Path, PathBuf};

use super::Entry;
use super::arguments::{Command, Report, Subject};
use super::failure::Failure;
use super::files::{self, Elf};
use crate::checkpoint::{CheckpointFile, FileOptions, Resume};
use crate::isa::Fingerprint;
use crate::program::Candidate;
use crate::proof::Proof;

/// Files that say which instruction set a command is about. Each is read once, since a pipe can be read only once.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) elf: Option<Elf>,
    /// The proofs to verify, in order.
    pub(super) proofs: Vec<ReadProof>,
}

/// A proof that was read.
#[derive(Debug)]
pub(super) struct ReadProof {
    pub(super) path: PathBuf,
    pub(super) proof: Proof,
    /// The bytes of the file.
    pub(super) bytes: u64,
}

impl Inputs {
    pub(super) fn read(command: &Command) -> Result<Self, Failure> {
        let (proofs, alone): (Vec<&PathBuf>, bool) = match command {
            Command::Verify(verify) => {
                (std::iter::once(&verify.proof).chain(&verify.next).collect(), verify.next.is_empty())
            }
            Command::Report(Report { proof: Some(proof), .. }) => (vec![proof], false),
            _ => (Vec::new(), true),
        };
        let read = |path: &PathBuf| match files::proof(path) {
            Ok((proof, bytes)) => Ok(ReadProof { path: path.clone(), proof, bytes }),
            // Of several files it is told which one is meant.
            Err(failure) if alone => Err(failure),
            Err(failure) => Err(failure.about(path)),
        };
        let proofs = proofs.into_iter().map(read).collect::<Result<_, Failure>>()?;
        let elf = command.elf().map(Elf::read).transpose()?;
        Ok(Self { elf, proofs })
    }

    /// The instruction set that the command is about: `asked`, which `--isa` names; or the one of the proof or of the checkpoint
    /// file; or the one that decodes the program.
    pub(super) fn choose(
        &self,
        isas: &[Entry],
        asked: Option<Entry>,
        command: &Command,
    ) -> Result<Entry, Failure> {
        if let Some(proof) = self.proofs.first() {
            return of_proof(isas, asked, proof.proof.statement().fingerprint);
        }
        if let Some(asked) = asked {
            return Ok(asked);
        }
        if let Some((_, fingerprint)) = checkpoints_isa(command)?
            && let Some(entry) = of_fingerprint(isas, fingerprint)
        {
            return Ok(entry);
        }
        let candidates: Vec<Candidate> = isas.iter().map(|entry| entry.candidate).collect();
        let place = match (&self.elf, command) {
            (None, _) => Some(0),
            // What does not run may well not decode.
            (Some(elf), Command::Disasm(_)) => elf.file.smallest_isa(&candidates),
            (Some(elf), _) => Some(elf.file.choose_isa(&candidates).map_err(|mut error| {
                let smallest = isas.iter().find(|entry| Some(entry.name()) == error.smallest());
                if let (Some(word), Some(entry)) = (error.undecodable_mut(), smallest) {
                    word.line = (entry.line)(elf, word.pc);
                }
                let remedy = error.smallest().map(|name| {
                    format!(
                        "--isa {name} runs it all the same, until it executes a word that does not decode"
                    )
                });
                let failure = Failure::new("isa", error.to_string()).about(&elf.path);
                remedy.iter().fold(failure, |failure, remedy| failure.but(remedy))
            })?),
        };
        let chosen = place.and_then(|place| isas.get(place)).copied();
        chosen.ok_or_else(|| Failure::new("isa", "this binary has no ISA"))
    }
}

fn of_fingerprint(isas: &[Entry], fingerprint: Fingerprint) -> Option<Entry> {
    isas.iter().find(|entry| entry.candidate.spec().fingerprint == fingerprint).copied()
}

/// The instruction set of a proof, which `--isa` may name as well.
fn of_proof(isas: &[Entry], asked: Option<Entry>, fingerprint: Fingerprint) -> Result<Entry, Failure> {
    let Some(entry) = of_fingerprint(isas, fingerprint) else {
        let known: Vec<String> = isas
            .iter()
            .map(|entry| format!("{} {}", entry.name(), entry.candidate.spec().fingerprint))
            .collect();
        return Err(Failure::refused(format!(
            "it is for a spec with fingerprint {fingerprint}, and no ISA here has that (there are {}); verify it with the binary and version of retrace that made it",
            known.join(", ")
        )));
    };
    match asked {
        Some(asked) if asked.name() != entry.name() => Err(Failure::refused(format!(
            "it is for a spec with fingerprint {fingerprint}, which is {}, and --isa names {}; leave --isa out",
            entry.name(),
            asked.name()
        ))),
        _ => Ok(entry),
    }
}

/// The name and the fingerprint of the instruction set of the checkpoint file that the command takes its run from.
fn checkpoints_isa(command: &Command) -> Result<Option<(String, Fingerprint)>, Failure> {
    let subject: &Subject = match command {
        Command::Run(run) => return run.resume.as_deref().map(resumed_isa).transpose(),
        Command::Witness(witness) => &witness.subject,
        Command::Trace(trace) => &trace.subject,
        Command::Check(check) => &check.subject,
        Command::Debug(debug) => &debug.subject,
        Command::Profile(profile) => &profile.subject,
        Command::Report(report) => &report.subject,
        Command::Prove(prove) => &prove.subject,
        _ => return Ok(None),
    };
    let Some(path) = &subject.checkpoints else { return Ok(None) };
    let file = CheckpointFile::open(path).map_err(|error| Failure::checkpoint_file(path, &error))?;
    let (name, fingerprint) = file.isa();
    Ok(Some((name.to_owned(), fingerprint)))
}

/// The same of a run to go on with.
fn resumed_isa(path: &Path) -> Result<(String, Fingerprint), Failure> {
    let resume =
        Resume::open(FileOptions::new(path)).map_err(|error| Failure::checkpoint_file(path, &error))?;
    let (name, fingerprint) = resume.isa();
    Ok((name.to_owned(), fingerprint))
}
