//! `retrace isa check --prove` and `--lemmas`: the lemmas of a sound spec, each proven by a solver, or written to a file.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use retrace_codegen::Model;
use retrace_codegen::prove::{Lemma, Outcome, Proof, Solver, Subject, lemmas};
use serde_json::{Map, Value, json};

use crate::cancel::Cancel;
use crate::cli::arguments::{CheckSpecs, Common};
use crate::cli::failure::Failure;
use crate::cli::{files, interrupt, output};
use crate::parallel;

/// What becomes of the lemmas of each spec.
pub(super) struct Prover<'a> {
    solver: Option<Solver>,
    /// Solvers that run at the same time.
    threads: usize,
    folder: Option<&'a Path>,
    /// Part of the names of the lemmas that are asked for; if there is none, all are.
    only: Option<&'a str>,
    /// The ISAs whose lemmas are in the folder.
    written: BTreeSet<String>,
}

/// What became of the lemmas of a spec.
pub(super) struct Lemmas {
    lemmas: Vec<Lemma>,
    /// If they are written: the folder, and the file of each.
    written: Option<(PathBuf, Vec<PathBuf>)>,
    /// The proof of each; empty if none are proven.
    proofs: Vec<Proof>,
    time: Duration,
}

impl<'a> Prover<'a> {
    /// None if the command asks for neither proofs nor files.
    pub(super) fn new(common: &Common, check: &'a CheckSpecs) -> Result<Option<Self>, Failure> {
        let folder = check.lemmas.as_deref();
        if !check.prove && folder.is_none() {
            return Ok(None);
        }
        let mut solver = check.prove.then(|| Solver::find().ok_or_else(no_solver)).transpose()?;
        if let Some(solver) = &mut solver {
            solver.timeout = Duration::from_secs(check.timeout);
        }
        let threads = parallel::count(common.threads);
        Ok(Some(Self { solver, threads, folder, only: check.only.as_deref(), written: BTreeSet::new() }))
    }

    /// Writes and proves the lemmas of a spec, as asked. `decided` is told of each lemma that is decided, in their order.
    pub(super) fn lemmas(
        &mut self,
        model: &Model,
        mut decided: impl FnMut(&Lemma, &Proof) -> Result<(), Failure>,
    ) -> Result<Lemmas, Failure> {
        let mut lemmas = lemmas(model);
        if let Some(text) = self.only {
            lemmas.retain(|lemma| lemma.name.contains(text));
            if lemmas.is_empty() {
                let message = format!(
                    "no lemma of {} has `{text}` in its name; names are those of instructions, `unit.output`, and what a rule \
                     matches",
                    model.name
                );
                return Err(Failure::new("lemma", message));
            }
        }
        let written = self.folder.map(|folder| {
            if !self.written.insert(model.name.clone()) {
                let message = format!(
                    "two specs are named `{}`: write the lemmas of each into a folder of its own",
                    model.name
                );
                return Err(Failure::new("file", message));
            }
            let folder = folder.join(plain(&model.name));
            Ok((folder.clone(), write(&folder, &lemmas)?))
        });
        let written = written.transpose()?;
        let begun = Instant::now();
        let proofs = match &self.solver {
            Some(solver) => prove(solver, self.threads, &lemmas, &mut decided)?,
            None => Vec::new(),
        };
        Ok(Lemmas { lemmas, written, proofs, time: begun.elapsed() })
    }
}

fn no_solver() -> Failure {
    let message = "there is no SMT solver: RETRACE_SOLVER names none, and no folder of PATH has a program `z3`; install z3, \
                   as by `pip install z3-solver`, or let RETRACE_SOLVER be its path";
    Failure::new("solver", message)
}

/// Writes each lemma to a file of its own.
fn write(folder: &Path, lemmas: &[Lemma]) -> Result<Vec<PathBuf>, Failure> {
    files::create_folder(folder)?;
    let written = lemmas.iter().enumerate().map(|(at, lemma)| {
        let text = lemma.text().ok_or_else(|| {
            let message = format!("{} `{}` cannot be written in SMT-LIB", lemma.subject.name(), lemma.name);
            Failure::new("solver", message)
        })?;
        // The number makes it unique.
        let file = folder.join(format!("{:03}-{}-{}.smt2", at + 1, lemma.subject.name(), plain(&lemma.name)));
        files::write_whole(&file, text.as_bytes())?;
        Ok(file)
    });
    written.collect()
}

/// The beginning of a name, in characters that every file system has.
fn plain(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric() && !"._".contains(c));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").chars().take(60).collect()
}

/// Has solvers decide the lemmas, so many at a time.
fn prove(
    solver: &Solver,
    threads: usize,
    lemmas: &[Lemma],
    decided: &mut impl FnMut(&Lemma, &Proof) -> Result<(), Failure>,
) -> Result<Vec<Proof>, Failure> {
    let cancel = interrupt::cancel();
    let bar = output::progress("proving");
    output::measure(&bar, lemmas.len() as u64);
    let failed = AtomicBool::new(false);
    let stopped = || cancel.is_cancelled() || failed.load(Ordering::Relaxed);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let work = |sender: mpsc::Sender<(usize, io::Result<Proof>)>| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(lemma) = lemmas.get(at) else { return };
            let answer = solver.prove_unless(lemma, &stopped);
            // Nobody receives after a failure.
            if sender.send((at, answer)).is_err() || stopped() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, lemmas.len().max(1)) {
            let sender = sender.clone();
            scope.spawn(|| work(sender));
        }
        drop(sender);
        let proofs = in_order(receiver, solver, &cancel, lemmas, |lemma, proof| {
            bar.inc(1);
            bar.suspend(|| decided(lemma, proof))
        });
        failed.store(proofs.is_err(), Ordering::Relaxed);
        bar.finish_and_clear();
        proofs
    })
}

/// What solvers answer, sorted.
fn in_order(
    answers: mpsc::Receiver<(usize, io::Result<Proof>)>,
    solver: &Solver,
    cancel: &Cancel,
    lemmas: &[Lemma],
    mut decided: impl FnMut(&Lemma, &Proof) -> Result<(), Failure>,
) -> Result<Vec<Proof>, Failure> {
    let mut waiting: Vec<Option<Proof>> = vec![None; lemmas.len()];
    let mut proofs = Vec::with_capacity(lemmas.len());
    for (at, answer) in answers {
        // Ctrl-C reaches the solvers of a terminal too, and then they answer nothing that counts.
        if cancel.is_cancelled() {
            return Err(Failure::interrupted());
        }
        waiting[at] = Some(answer.map_err(|error| broken(solver, &lemmas[at], &error))?);
        while let Some(proof) = waiting.get_mut(proofs.len()).and_then(Option::take) {
            decided(&lemmas[proofs.len()], &proof)?;
            proofs.push(proof);
        }
    }
    if cancel.is_cancelled() { Err(Failure::interrupted()) } else { Ok(proofs) }
}

fn broken(solver: &Solver, lemma: &Lemma, error: &io::Error) -> Failure {
    let message = format!(
        "the solver `{}` fails at {} `{}`: {error}; RETRACE_SOLVER names a program that reads SMT-LIB from its input, or \
         z3 is found on PATH",
        solver.program().to_string_lossy(),
        lemma.subject.name(),
        lemma.name
    );
    Failure::new("solver", message)
}

/// Said of a lemma that is not proven; nothing of one that is.
pub(super) fn said_of_lemma(lemma: &Lemma, proof: &Proof) -> String {
    let (subject, name) = (lemma.subject.name(), &lemma.name);
    match &proof.outcome {
        Outcome::Proven => String::new(),
        Outcome::Refuted { row, missed } => {
            let values: Vec<String> =
                row.iter().map(|(name, value)| format!("{name} = {}", hexadecimal(*value))).collect();
            format!(
                "refuted: {subject} `{name}`: {}\n  in the row {}\n",
                missed.join("; "),
                values.join(", ")
            )
        }
        Outcome::Unknown { why } => format!("unknown: {subject} `{name}`: {why}\n"),
        outcome => format!("not proven: {subject} `{name}`: {outcome:?}\n"),
    }
}

/// A number below zero has its sign.
fn hexadecimal(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{:#x}", value.unsigned_abs())
}

impl Lemmas {
    /// Whether every lemma that was to be proven is.
    pub(super) fn hold(&self) -> bool {
        self.proofs.iter().all(|proof| proof.outcome == Outcome::Proven)
    }

    /// How many were written, and where; empty if none were.
    pub(super) fn said_of_files(&self, name: &str) -> String {
        self.written.as_ref().map_or_else(String::new, |(folder, files)| {
            format!("{name}: {} in {}\n", output::count(files.len() as u64, "lemma"), folder.display())
        })
    }

    /// The verdict, in one line; empty if nothing was to be proven.
    pub(super) fn verdict(&self, name: &str) -> String {
        if self.proofs.len() < self.lemmas.len() {
            return String::new();
        }
        let count =
            |is: &dyn Fn(&Outcome) -> bool| self.proofs.iter().filter(|proof| is(&proof.outcome)).count();
        let proven = count(&|outcome| matches!(outcome, Outcome::Proven));
        let refuted = count(&|outcome| matches!(outcome, Outcome::Refuted { .. }));
        let unknown = self.proofs.len() - proven - refuted;
        let of = |subject: Subject| {
            let each = self.lemmas.iter().zip(&self.proofs);
            each.filter(|(lemma, proof)| lemma.subject == subject && proof.outcome == Outcome::Proven).count()
        };
        let total = output::count(self.lemmas.len() as u64, "lemma");
        let some = if proven == self.lemmas.len() { total } else { format!("{proven} of {total}") };
        let mut line = format!(
            "{name}: {some} proven in {:.1} s: {} of units, {} of rules, {} of instructions, {} of calls' variants",
            self.time.as_secs_f64(),
            of(Subject::Unit),
            of(Subject::Rule),
            of(Subject::Instruction),
            of(Subject::Variant),
        );
        for (number, what) in [(refuted, "refuted"), (unknown, "unknown")] {
            if number > 0 {
                line += &format!("; {number} {what}");
            }
        }
        line + "\n"
    }

    pub(super) fn to_json(&self) -> Value {
        let each = self.lemmas.iter().enumerate().map(|(at, lemma)| {
            let mut object = json!({ "subject": lemma.subject.name(), "name": lemma.name });
            if let Some(file) = self.written.as_ref().and_then(|(_, files)| files.get(at)) {
                object["file"] = file.display().to_string().into();
            }
            if let Some(proof) = self.proofs.get(at) {
                describe(&mut object, proof);
            }
            object
        });
        each.collect()
    }
}

fn describe(object: &mut Value, proof: &Proof) {
    object["cases"] = proof.cases.into();
    object["theory"] = proof.theory.name().into();
    object["seconds"] = proof.time.as_secs_f64().into();
    object["outcome"] = match &proof.outcome {
        Outcome::Proven => "proven".into(),
        Outcome::Refuted { row, missed } => {
            let row: Map<String, Value> =
                row.iter().map(|(name, value)| (name.clone(), number(*value))).collect();
            object["row"] = row.into();
            object["missed"] = missed.clone().into();
            "refuted".into()
        }
        Outcome::Unknown { why } => {
            object["why"] = why.clone().into();
            "unknown".into()
        }
        outcome => {
            object["why"] = format!("{outcome:?}").into();
            "unknown".into()
        }
    };
}

/// An integer, or its digits where it has more than 64 bits.
fn number(value: i128) -> Value {
    serde_json::Number::from_i128(value).map_or_else(|| value.to_string().into(), Value::Number)
}
