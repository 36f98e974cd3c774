//! The verifier: the statement against what it is about, the sum-check, and the columns' values by a replay.

use std::sync::Arc;
use std::time::Instant;

use spongefish::{DefaultHash, VerifierState};

use super::protocol::{Instances, SpecError, session};
use super::{FieldId, Proof, Statement};
use crate::cancel::Cancel;
use crate::checkpoint::{Checkpoint, ExecuteError, Options, Policy, Progress, Stopped, execute};
use crate::field::SumcheckField;
use crate::guest::{Guest, Input, StartError};
use crate::hex::hex;
use crate::isa::{ColumnId, ColumnSource, Fingerprint, Isa, Word};
use crate::oracle::{OracleError, WitnessOracle, evaluate};
use crate::pages::PageError;
use crate::parallel::Pool;
use crate::program::Program;
use crate::replay::StreamingWitnessGenerator;
use crate::sumcheck::{Reduced, SumCheckVerifier, VerifierError};

/// What a verifier knows: the program, its arguments and its input.
#[derive(Debug)]
pub struct Verifier<I: Isa, G> {
    /// The program.
    pub program: Arc<Program<I>>,
    /// The guest interface, before it has seen the program.
    pub guest: G,
    /// The arguments, the program's name first.
    pub arguments: Vec<Vec<u8>>,
    /// The input.
    pub input: Input,
    /// Which checkpoints the replay keeps.
    pub policy: Policy,
    /// The threads.
    pub pool: Pool,
    /// The longest run that is worth a replay: a proof that states more cycles is refused at once.
    pub max_cycles: u64,
    /// Ends the run and the replay, and with them the verification, once it is raised.
    pub cancel: Cancel,
}

impl<I: Isa, G: Guest + Default> Verifier<I, G> {
    /// A verifier for a run of `program` on `input` with default [`Options`], on the caller's thread, of any length.
    pub fn new(program: impl Into<Arc<Program<I>>>, input: Input) -> Self {
        Self {
            program: program.into(),
            guest: G::default(),
            arguments: Options::default().arguments,
            input,
            policy: Policy::default(),
            pool: Pool::serial(),
            max_cycles: u64::MAX,
            cancel: Cancel::new(),
        }
    }
}

/// A proof that was accepted.
#[derive(Clone, Copy, Debug)]
pub struct Verified {
    /// Seconds of checking the sum-check: what a verifier with a commitment would take, without its openings.
    pub sumcheck_seconds: f64,
    /// Seconds of the replay that stands in for the openings: running the program, and one pass over its witness.
    pub replay_seconds: f64,
}

/// Why a proof is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The proof is about another spec.
    #[error(
        "the proof is for a spec with fingerprint {found}, and this is {expected}: another ISA, or another version of it"
    )]
    Spec {
        /// The proof's.
        found: Fingerprint,
        /// The verifier's.
        expected: Fingerprint,
    },
    /// The proof is over another field.
    #[error("the proof is over another field")]
    Field,
    /// The proof is about something else than what it is verified for.
    #[error("the proof states another {what} than the one given")]
    Other {
        /// What differs.
        what: &'static str,
    },
    /// The execution is not what the proof states.
    #[error("the proof's {what} is not what the program does: {stated} is stated, {found} found")]
    Execution {
        /// What differs.
        what: &'static str,
        /// The proof's value.
        stated: String,
        /// The replay's value.
        found: String,
    },
    /// The stated run is longer than the verifier is ready to replay.
    #[error("the proof states {stated} cycles, more than the {limit} that may be replayed")]
    TooLong {
        /// T.
        stated: u64,
        /// [`Verifier::max_cycles`].
        limit: u64,
    },
    /// The sum-check does not hold.
    #[error("the sum-check is refused: {0}")]
    SumCheck(#[from] VerifierError),
    /// The messages are not as long as the statement makes them.
    #[error("the proof's messages have {found} bytes, and a proof of this statement has {expected}")]
    Length {
        /// How many there are.
        found: usize,
        /// How many follow from T and the spec.
        expected: usize,
    },
    /// A column's value at the point is not the claimed one.
    #[error(
        "the witness does not have the claimed value of column `{column}`: the proof is of another execution"
    )]
    Evaluation {
        /// The column.
        column: &'static str,
    },
    /// The program cannot be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The replay could not be run.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// A page of the first or last state could not be read.
    #[error(transparent)]
    Memory(#[from] PageError),
    /// The witness could not be regenerated.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// The spec's constraints do not fit the field.
    #[error(transparent)]
    Protocol(#[from] SpecError),
}

/// Verifies a proof against a program and its input.
///
/// First what costs little: the statement against program, input and entry state, and the sum-check, in O(n) field
/// operations. Then the replay that stands in for a commitment: the program is run for at most the stated T cycles,
/// and one pass over its witness evaluates the columns at the sum-check's point. O(T) time, O(M·K + √T) space.
///
/// # Errors
/// Why the proof is refused; none of it is a panic, whatever the bytes. [`OracleError::Cancelled`] if
/// [`Verifier::cancel`] was raised before the replay ended.
pub fn verify<F: SumcheckField, I: Isa, G: Guest>(
    proof: &Proof,
    verifier: Verifier<I, G>,
) -> Result<Verified, VerifyError> {
    let begun = Instant::now();
    let statement = &proof.statement;
    check_subject::<F, I, G>(statement, &verifier)?;
    let reduced = check_sumcheck::<F, I>(proof)?;
    let checked = Instant::now();
    check_replay(statement, &reduced, verifier)?;
    Ok(Verified {
        sumcheck_seconds: (checked - begun).as_secs_f64(),
        replay_seconds: checked.elapsed().as_secs_f64(),
    })
}

/// What the statement is about, against what the verifier was given.
fn check_subject<F: SumcheckField, I: Isa, G: Guest>(
    statement: &Statement,
    verifier: &Verifier<I, G>,
) -> Result<(), VerifyError> {
    let expected = I::SPEC.fingerprint;
    if statement.fingerprint != expected {
        return Err(VerifyError::Spec { found: statement.fingerprint, expected });
    }
    if statement.field != FieldId::of::<F>() {
        return Err(VerifyError::Field);
    }
    if statement.cycles > verifier.max_cycles {
        return Err(VerifyError::TooLong { stated: statement.cycles, limit: verifier.max_cycles });
    }
    let entry = Checkpoint::initial(&verifier.program, verifier.guest.clone(), &verifier.arguments)?;
    let (input, length) = (verifier.input.hash(), verifier.input.length());
    let checks = [
        ("program", statement.program == verifier.program.hash()),
        ("entry point", statement.entry == entry.pc),
        ("entry state (the same program with other arguments)", statement.entry_state == entry.digest()?),
        ("input", statement.input == input && statement.input_length == length),
    ];
    match checks.into_iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(VerifyError::Other { what }),
        None => Ok(()),
    }
}

fn check_sumcheck<F: SumcheckField, I: Isa>(proof: &Proof) -> Result<Reduced<F>, VerifyError> {
    let statement = proof.statement.to_bytes();
    let mut transcript = VerifierState::<DefaultHash>::new(&session(), &statement, &proof.transcript);
    let instances = Instances::<F>::draw(&mut transcript, I::SPEC, &proof.statement)?;
    let verifier = SumCheckVerifier::new(I::SPEC.columns, proof.statement.cycles);
    let expected = verifier.elements(&instances.list())?.saturating_mul(F::ZERO.compressed_size());
    let found = proof.transcript.len();
    let length = VerifyError::Length { found, expected };
    if found != expected {
        return Err(length);
    }
    let reduced = verifier.verify(&instances.list(), &mut transcript)?;
    transcript.check_eof().map_err(|_| length)?;
    Ok(reduced)
}

/// Runs the program, compares how it ends, and evaluates the columns at the point.
fn check_replay<F: SumcheckField, I: Isa, G: Guest>(
    statement: &Statement,
    reduced: &Reduced<F>,
    verifier: Verifier<I, G>,
) -> Result<(), VerifyError> {
    let Verifier { program, guest, arguments, input, policy, pool, max_cycles: _, cancel } = verifier;
    let mut goes_on = |_| cancel.flow();
    let options = Options {
        arguments,
        policy,
        max_cycles: statement.cycles,
        progress: Some(Progress(&mut goes_on)),
        ..Options::default()
    };
    let execution = execute(program, guest, input, options)?;
    let differs = |what, stated: String, found: String| {
        if stated == found { Ok(()) } else { Err(VerifyError::Execution { what, stated, found }) }
    };
    let stopped = match execution.stopped() {
        Stopped::Exited(code) => exit_code(*code),
        Stopped::CycleLimit => "more cycles".to_owned(),
        Stopped::Interrupted => return Err(OracleError::Cancelled.into()),
        Stopped::Stored(_) => "a store that was looked for".to_owned(),
        Stopped::Trapped(fault) => fault.to_string(),
    };
    differs("exit code", exit_code(statement.exit_code), stopped)?;
    differs("number of cycles", statement.cycles.to_string(), execution.cycles().to_string())?;
    let output = execution.output();
    differs("output length", statement.output_length.to_string(), output.length.to_string())?;
    differs("output", hex(&statement.output), hex(&output.hash))?;
    differs("exit state", hex(&statement.exit_state), hex(&execution.exit().digest()?))?;

    let generator = StreamingWitnessGenerator::new(execution, pool).with_cancel(cancel);
    // A statement of no cycles was refused by the sum-check.
    let oracle = WitnessOracle::new(generator).map_err(|_| VerifierError::Rows)?;
    let is_public = |id: ColumnId| matches!(I::SPEC.columns[id.index()].source, ColumnSource::Public(_));
    let claims: Vec<(ColumnId, F)> =
        reduced.evaluations.iter().copied().filter(|(id, _)| !is_public(*id)).collect();
    let columns: Vec<ColumnId> = claims.iter().map(|(id, _)| *id).collect();
    let values = evaluate(&oracle, &columns, core::slice::from_ref(&reduced.point))?;
    let found = values.iter().flatten();
    match claims.iter().zip(found).find(|((_, claimed), found)| claimed != *found) {
        Some(((id, _), _)) => Err(VerifyError::Evaluation { column: I::SPEC.columns[id.index()].name }),
        None => Ok(()),
    }
}

fn exit_code(code: Word) -> String {
    format!("exit code {code}")
}
