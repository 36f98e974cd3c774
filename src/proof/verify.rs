//! The verifier: the statement against what it is about, the sum-check, and the columns' values by a replay.

use core::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use spongefish::{DefaultHash, VerifierState};

use super::protocol::{Instances, Shape, SpecError, session};
use super::{Boundary, FieldId, Proof, Statement};
use crate::cancel::Cancel;
use crate::checkpoint::{Checkpoint, ExecuteError, Executor, Options, Policy, Progress, Stopped, execute};
use crate::field::SumcheckField;
use crate::guest::{Guest, Input, Linux, Output, StartError};
use crate::hex::hex;
use crate::isa::{ColumnId, ColumnSource, Fingerprint, Isa, Word};
use crate::oracle::{OracleError, WitnessOracle, evaluate};
use crate::pages::PageError;
use crate::parallel::Pool;
use crate::program::Program;
use crate::replay::{ReplayError, StreamingWitnessGenerator};
use crate::sumcheck::{Reduced, SumCheckVerifier, SumCheckVerifierError};

/// What a verifier knows: the program, its arguments and its input.
#[derive(Debug)]
pub struct Verifier<I: Isa, G = Linux> {
    /// The program.
    pub program: Arc<Program<I>>,
    /// The guest interface, before it has seen the program.
    pub guest: G,
    /// The arguments, the program's name first.
    pub arguments: Vec<Vec<u8>>,
    /// How many bytes the stack may take: as the prover's [`Options::stack_size`].
    pub stack_size: u64,
    /// The input.
    pub input: Input,
    /// Which checkpoints the replay keeps.
    pub policy: Policy,
    /// What executes the run before the replay.
    pub executor: Executor,
    /// The threads.
    pub pool: Pool,
    /// The longest run that is worth a replay: a proof that ends later is refused at once.
    pub max_cycles: u64,
    /// Whether a proof of a segment is accepted, and not of a whole run alone. What it says of the run is in its
    /// [`Statement`]; segments that adjoin are [joined](Statement::join).
    pub segments: bool,
    /// Ends the run and the replay, and with them the verification, once it is raised. Its
    /// [meter](Cancel::with_meter) is told of their cycles.
    pub cancel: Cancel,
}

impl<I: Isa> Verifier<I, Linux> {
    /// A verifier for a whole run of `program` on `input` with default [`Options`], of any length, on the caller's thread.
    pub fn new(program: impl Into<Arc<Program<I>>>, input: Input) -> Self {
        Self::with_guest(program, Linux::default(), input)
    }
}

impl<I: Isa, G: Guest> Verifier<I, G> {
    /// As [`new`](Verifier::new), under another guest interface.
    pub fn with_guest(program: impl Into<Arc<Program<I>>>, guest: G, input: Input) -> Self {
        Self {
            program: program.into(),
            guest,
            arguments: Options::default().arguments,
            stack_size: Options::default().stack_size,
            input,
            policy: Policy::default(),
            executor: Executor::default(),
            pool: Pool::serial(),
            max_cycles: u64::MAX,
            segments: false,
            cancel: Cancel::new(),
        }
    }

    /// Verifies a proof over the field `F`.
    ///
    /// First what costs little: the statement against program, input and entry state, and the sum-check, in O(n) field
    /// operations. Then the replay that stands in for a commitment: the program is run up to the stated exit at most, for
    /// a segment up to its entry once more, and one pass over the segment's witness evaluates the columns at the
    /// sum-check's point. O(exit cycle) time, O(M·K + √T) space.
    ///
    /// # Errors
    /// Why the proof is refused; none of it is a panic, whatever the bytes. [`OracleError::Cancelled`] if
    /// [`cancel`](Self::cancel) was raised before the replay ended.
    pub fn verify<F: SumcheckField>(self, proof: &Proof) -> Result<Verified, VerifyError> {
        let begun = Instant::now();
        let statement = &proof.statement;
        let _span =
            tracing::debug_span!("verify", first = statement.entry.cycle, rows = statement.rows()).entered();
        check_subject::<F, I, G>(statement, &self)?;
        tracing::debug!("the statement is about what was given");
        let reduced = check_sumcheck::<F, I>(proof)?;
        let checked = Instant::now();
        let sumcheck_seconds = (checked - begun).as_secs_f64();
        tracing::debug!(seconds = sumcheck_seconds, "the sum-check holds");
        check_replay(statement, &reduced, self)?;
        let replay_seconds = checked.elapsed().as_secs_f64();
        tracing::debug!(seconds = replay_seconds, "the replay agrees");
        Ok(Verified { sumcheck_seconds, replay_seconds })
    }
}

/// A proof that was accepted.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
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
    /// The proof is of a segment, and the verifier wants a whole run.
    #[error("the proof is of cycles {}..{} of a run{}, and not of a whole run", cycles.start, cycles.end, goes_on(*.ends))]
    Segment {
        /// The cycles.
        cycles: Range<u64>,
        /// Whether the guest ends with them.
        ends: bool,
    },
    /// The statement has no cycles.
    #[error("the proof is about nothing: it states no cycles, {}..{}", cycles.start, cycles.end)]
    NoCycles {
        /// What it states.
        cycles: Range<u64>,
    },
    /// A run ends where no instruction follows.
    #[error("the proof states that the run ends, and that its next instruction is at {next:#x}")]
    End {
        /// The address of the next instruction that it states.
        next: Word,
    },
    /// The stated run is longer than the verifier is ready to replay.
    #[error("the proof states a run of {stated} cycles, more than the {limit} that may be replayed")]
    TooLong {
        /// The cycle that the proof ends with.
        stated: u64,
        /// [`Verifier::max_cycles`].
        limit: u64,
    },
    /// The sum-check does not hold.
    #[error("the sum-check is refused: {0}")]
    SumCheck(#[from] SumCheckVerifierError),
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
    /// The state at the segment's entry could not be found.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The witness could not be regenerated.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// The spec's constraints do not fit the field.
    #[error(transparent)]
    Protocol(#[from] SpecError),
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
    let cycles = statement.cycles();
    if cycles.is_empty() {
        return Err(VerifyError::NoCycles { cycles });
    }
    if !verifier.segments && !statement.is_whole() {
        return Err(VerifyError::Segment { cycles, ends: statement.exit_code.is_some() });
    }
    let next = statement.exit.pc;
    if statement.exit_code.is_some() && next != 0 {
        return Err(VerifyError::End { next });
    }
    if cycles.end > verifier.max_cycles {
        return Err(VerifyError::TooLong { stated: cycles.end, limit: verifier.max_cycles });
    }
    // Where a segment begins later, only a run finds out in which state.
    let begins = cycles.start == 0;
    let Verifier { program, guest, arguments, stack_size, .. } = verifier;
    let initial =
        Checkpoint::initial_with_stack(program, guest.clone(), arguments, &verifier.input, *stack_size)?;
    let (input, length) = (verifier.input.hash(), verifier.input.length());
    let entry = &statement.entry;
    let checks = [
        ("program", statement.program == verifier.program.hash()),
        ("entry point", !begins || entry.pc == initial.pc),
        ("input", statement.input == input && statement.input_length == length),
        (ENTRY_STATE, !begins || entry.state == initial.digest()?),
        ("output before the first cycle", !begins || entry.output == Output::dropped().summary()),
    ];
    match checks.into_iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(VerifyError::Other { what }),
        None => Ok(()),
    }
}

fn check_sumcheck<F: SumcheckField, I: Isa>(proof: &Proof) -> Result<Reduced<F>, VerifyError> {
    let statement = proof.statement.to_bytes();
    let mut transcript = VerifierState::<DefaultHash>::new(&session(), &statement, &proof.transcript);
    let instances = Instances::<F>::draw(&mut transcript, I::SPEC, Shape::from(&proof.statement))?;
    let verifier = SumCheckVerifier::new(I::SPEC.columns, proof.statement.rows());
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

/// Runs the program, compares where it begins and ends, and evaluates the columns at the point.
fn check_replay<F: SumcheckField, I: Isa, G: Guest>(
    statement: &Statement,
    reduced: &Reduced<F>,
    verifier: Verifier<I, G>,
) -> Result<(), VerifyError> {
    let Verifier {
        program,
        guest,
        arguments,
        stack_size,
        input,
        policy,
        executor,
        pool,
        max_cycles: _,
        segments: _,
        cancel,
    } = verifier;
    let mut told = 0;
    let mut goes_on = |cycle| {
        cancel.advance(cycle - told);
        told = cycle;
        cancel.flow()
    };
    let cycles = statement.cycles();
    let options = Options {
        arguments,
        stack_size,
        // The statement's cycles bound it.
        max_memory: u64::MAX,
        policy,
        executor,
        max_cycles: cycles.end,
        progress: Some(Progress(&mut goes_on)),
        ..Options::default()
    };
    let execution = execute(program, guest, input, options)?;
    cancel.advance(execution.cycles() - told);
    let stopped = match execution.stopped() {
        Stopped::Exited(code) => exit_code(Some(*code)),
        Stopped::CycleLimit => exit_code(None),
        Stopped::Interrupted => return Err(OracleError::Cancelled.into()),
        stopped => format!("a run that {stopped}"),
    };
    differs("exit code", exit_code(statement.exit_code), stopped)?;
    differs("number of cycles", cycles.end.to_string(), execution.cycles().to_string())?;
    let generator = StreamingWitnessGenerator::new(execution, pool).with_cancel(cancel);
    check_boundary(EXIT, &statement.exit, &generator)?;
    // The state before the first cycle of all was compared before.
    if cycles.start > 0 {
        check_boundary(ENTRY, &statement.entry, &generator)?;
    }
    // A statement of no cycles was refused before.
    let oracle = WitnessOracle::segment(generator, cycles).map_err(|_| SumCheckVerifierError::Rows)?;
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

/// The state before the first cycle of all.
const ENTRY_STATE: &str = "entry state (the same program with other arguments, with another name as argv[0], which is the \
                           ELF file's unless --arg0 gives it, with a private input of another length, or with another stack size)";

/// What a boundary states, in the words of refusals: the next instruction, the output's length and hash, the state.
const ENTRY: [&str; 4] = [
    "entry point",
    "length of the output before its first cycle",
    "output before its first cycle",
    "entry state",
];
const EXIT: [&str; 4] = ["next instruction", "output length", "output", "exit state"];

/// Whether the program is at a boundary what the statement says.
fn check_boundary<I: Isa, G: Guest>(
    names: [&'static str; 4],
    stated: &Boundary,
    generator: &StreamingWitnessGenerator<I, G>,
) -> Result<(), VerifyError> {
    let (state, output) = generator.state_at(stated.cycle).map_err(|error| match error {
        ReplayError::Cancelled => OracleError::Cancelled.into(),
        error => VerifyError::Replay(error),
    })?;
    let found = Boundary { cycle: stated.cycle, pc: state.pc, state: state.digest()?, output };
    let words = |boundary: &Boundary| {
        let Boundary { cycle: _, pc, state, output } = boundary;
        [format!("{pc:#010x}"), output.length.to_string(), hex(&output.hash), hex(state)]
    };
    for ((what, stated), found) in names.into_iter().zip(words(stated)).zip(words(&found)) {
        differs(what, stated, found)?;
    }
    Ok(())
}

fn differs(what: &'static str, stated: String, found: String) -> Result<(), VerifyError> {
    if stated == found { Ok(()) } else { Err(VerifyError::Execution { what, stated, found }) }
}

fn goes_on(ends: bool) -> &'static str {
    if ends { "" } else { ", which goes on" }
}

fn exit_code(code: Option<Word>) -> String {
    code.map_or_else(|| "a run that goes on".to_owned(), |code| format!("exit code {code}"))
}
