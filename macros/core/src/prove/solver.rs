//! A solver that runs as a process of its own, and what it says of lemmas.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use easy_smt::{Context, ContextBuilder, Response, SExpr, SExprData};

use super::claim::{Case, LET, symbol};
use super::script::Written;
use super::term::{Term, Theory};
use super::{Lemma, THEORIES};
use crate::units::form::Var;

/// A solver's program, and how long it may take for a query.
#[derive(Clone, Debug)]
pub struct Solver {
    program: OsString,
    arguments: Vec<OsString>,
    /// For one case of a lemma in one theory.
    pub timeout: Duration,
}

/// What came of a lemma.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What the solver says.
    pub outcome: Outcome,
    /// How many cases were told apart.
    pub cases: usize,
    /// The theory that decided it, or the last that was tried.
    pub theory: Theory,
    /// How long it took.
    pub time: Duration,
}

/// What a solver says of a lemma.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Every case is `unsat`.
    Proven,
    /// Values that satisfy all that is assumed, and what they miss. They were checked here, without the solver.
    Refuted {
        /// Variables and their values.
        row: Vec<(String, i128)>,
        /// What should follow and does not.
        missed: Vec<String>,
    },
    /// Neither.
    Unknown {
        /// Why.
        why: String,
    },
}

/// Whoever runs a solver names it here.
const VARIABLE: &str = "RETRACE_SOLVER";

impl Solver {
    /// The solver that the environment variable `RETRACE_SOLVER` names, with arguments after spaces; else `z3`, if it is on the
    /// path.
    pub fn find() -> Option<Self> {
        if let Ok(named) = std::env::var(VARIABLE) {
            let mut words = named.split_whitespace();
            let program = words.next()?;
            let arguments: Vec<OsString> = words.map(OsString::from).collect();
            return Some(if arguments.is_empty() {
                Self::z3(program)
            } else {
                Self::new(program, arguments)
            });
        }
        let path = std::env::var_os("PATH")?;
        let found = std::env::split_paths(&path).map(|folder| folder.join("z3")).find(|file| file.is_file());
        found.map(Self::z3)
    }

    /// z3, which reads commands from its input.
    pub fn z3(program: impl Into<OsString>) -> Self {
        Self::new(program, ["-in".into(), "-smt2".into()])
    }

    /// Any solver that reads SMT-LIB from its input with these arguments.
    pub fn new(program: impl Into<OsString>, arguments: impl IntoIterator<Item = OsString>) -> Self {
        let arguments = arguments.into_iter().collect();
        Self { program: program.into(), arguments, timeout: Duration::from_secs(10) }
    }

    /// The program that is run.
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    /// Has the solver decide a lemma, case by case, in each theory until one decides.
    ///
    /// # Errors
    /// The solver cannot be run, or does not answer as SMT-LIB says.
    pub fn prove(&self, lemma: &Lemma) -> io::Result<Proof> {
        self.prove_unless(lemma, &|| false)
    }

    /// The same, but it ends before the next query once `stopped` says so. A query that runs is waited for.
    ///
    /// # Errors
    /// As of [`prove`](Self::prove); of the kind [`Interrupted`](io::ErrorKind::Interrupted) if it was stopped.
    pub fn prove_unless(&self, lemma: &Lemma, stopped: &dyn Fn() -> bool) -> io::Result<Proof> {
        let start = Instant::now();
        let cases = lemma.claim.cases();
        let done = |outcome, theory| Ok(Proof { outcome, cases: cases.len(), theory, time: start.elapsed() });
        let mut order = THEORIES;
        for case in &cases {
            match self.decided(lemma, case, order, stopped)? {
                (Outcome::Proven, theory) => order.sort_by_key(|other| *other != theory),
                (Outcome::Unknown { why }, theory) => {
                    let why = format!(
                        "{}{why}",
                        case.comment(&lemma.claim.names).replace("; ", "").replace('\n', ": ")
                    );
                    return done(Outcome::Unknown { why }, theory);
                }
                (refuted, theory) => return done(refuted, theory),
            }
        }
        done(Outcome::Proven, order[0])
    }

    /// What comes of a case, and by which theory. What one theory decides at once, the other may not decide at all: so each
    /// is tried for a short time first.
    fn decided(
        &self,
        lemma: &Lemma,
        case: &Case,
        order: [Theory; 2],
        stopped: &dyn Fn() -> bool,
    ) -> io::Result<(Outcome, Theory)> {
        let mut why: Vec<String> = Vec::new();
        for time in [self.timeout / 10, self.timeout] {
            why.clear();
            for theory in order {
                if stopped() {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                match self.case(lemma, theory, case, time)? {
                    Outcome::Unknown { why: reason } => why.push(format!("{}: {reason}", theory.name())),
                    decided => return Ok((decided, theory)),
                }
            }
        }
        Ok((Outcome::Unknown { why: why.join("; ") }, order[0]))
    }

    /// Whether some row satisfies what a lemma assumes: if none did, everything would follow. A row that is found is checked
    /// here. None if the solver finds neither.
    ///
    /// # Errors
    /// The solver cannot be run, or does not answer as SMT-LIB says.
    pub fn has_rows(&self, lemma: &Lemma) -> io::Result<Option<bool>> {
        let mut is_certain = true;
        for case in lemma.claim.cases() {
            match self.has_row(lemma, &case)? {
                Some(true) => return Ok(Some(true)),
                Some(false) => {}
                None => is_certain = false,
            }
        }
        Ok(is_certain.then_some(false))
    }

    fn has_row(&self, lemma: &Lemma, case: &Case) -> io::Result<Option<bool>> {
        for time in [self.timeout / 10, self.timeout] {
            for theory in [Theory::Vectors, Theory::Integers] {
                let Ok(written) = lemma.claim.assumptions(theory, case) else { continue };
                let mut context = self.started(&written, time)?;
                match context.check() {
                    // Integers leave tables out that they have no terms for.
                    Ok(Response::Sat) if lemma.claim.broken(&model(&mut context, &written)?).is_empty() => {
                        return Ok(Some(true));
                    }
                    Ok(Response::Unsat) => return Ok(Some(false)),
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    pub(super) fn case(
        &self,
        lemma: &Lemma,
        theory: Theory,
        case: &Case,
        time: Duration,
    ) -> io::Result<Outcome> {
        let unknown = |why: &str| Ok(Outcome::Unknown { why: why.to_owned() });
        let Ok(written) = lemma.claim.script(theory, case) else { return unknown("it has no terms for it") };
        let mut context = self.started(&written, time)?;
        match context.check() {
            Ok(Response::Unsat) => Ok(Outcome::Proven),
            Ok(Response::Unknown) => unknown("undecided in time"),
            Ok(Response::Sat) => {
                let row = model(&mut context, &written)?;
                let broken = lemma.claim.broken(&row);
                let missed = lemma.claim.missed(&row);
                if !broken.is_empty() || missed.is_empty() {
                    let what = broken
                        .first()
                        .map_or("nothing is missed".to_owned(), |what| format!("it breaks {what}"));
                    return Ok(Outcome::Unknown { why: format!("the solver's row is none: {what}") });
                }
                let name = |var: Var| {
                    let name = symbol(&lemma.claim.names, var);
                    name.strip_prefix(LET).map(str::to_owned).unwrap_or(name)
                };
                let row = row.iter().map(|(var, value)| (name(*var), *value));
                Ok(Outcome::Refuted { row: row.collect(), missed })
            }
            // Some solvers end instead of answering when their time is over.
            Err(_) => unknown("no answer"),
        }
    }

    /// A process that has read a script.
    fn started(&self, written: &Written, time: Duration) -> io::Result<Context> {
        let mut arguments = self.arguments.clone();
        if self.is_z3() {
            // In time it says `unknown`; a second later it ends.
            arguments.push(format!("-t:{}", time.as_millis()).into());
            arguments.push(format!("-T:{}", time.as_secs() + 2).into());
        }
        let mut context = ContextBuilder::new().solver(&self.program).solver_args(arguments).build()?;
        context.set_logic("ALL")?;
        for command in &written.commands {
            send(&mut context, command)?;
        }
        Ok(context)
    }

    fn is_z3(&self) -> bool {
        Path::new(&self.program).file_stem().is_some_and(|name| name == "z3")
    }
}

fn send(context: &mut Context, command: &Term) -> io::Result<()> {
    let command = expression(context, command);
    context.raw_send(command)?;
    let answer = context.raw_recv()?;
    match context.get_atom(answer) {
        Some("success") => Ok(()),
        _ => Err(io::Error::other(format!("the solver says {}", context.display(answer)))),
    }
}

fn expression(context: &Context, term: &Term) -> SExpr {
    match term {
        Term::Atom(text) => context.atom(text.to_string()),
        Term::List(parts) => context.list(parts.iter().map(|part| expression(context, part)).collect()),
    }
}

/// The values of a script's variables.
fn model(context: &mut Context, written: &Written) -> io::Result<BTreeMap<Var, i128>> {
    let asked = written.variables.iter().map(|(_, name)| context.atom(name.clone())).collect();
    let values = context.get_value(asked)?;
    let values = written.variables.iter().zip(values).map(|((var, _), (_, value))| {
        let value = integer(context, value);
        value
            .map(|value| (*var, value))
            .ok_or_else(|| io::Error::other("the solver gives a value that is no number"))
    });
    values.chain(written.fixed.iter().map(|fixed| Ok(*fixed))).collect()
}

fn integer(context: &Context, value: SExpr) -> Option<i128> {
    match context.get(value) {
        SExprData::Atom(text) => match (text.strip_prefix("#x"), text.strip_prefix("#b")) {
            (Some(digits), _) => i128::from_str_radix(digits, 16).ok(),
            (_, Some(digits)) => i128::from_str_radix(digits, 2).ok(),
            _ => text.parse().ok(),
        },
        SExprData::List([minus, of]) if context.get_atom(*minus) == Some("-") => {
            integer(context, *of).map(|value| -value)
        }
        _ => None,
    }
}
