//! Lemmas for a solver: what checks on rows sample, stated for all rows.
//!
//! In: a checked [`Model`]. Out: [`lemmas`], each a claim that [`Lemma::text`] writes in SMT-LIB and [`Solver::prove`] has a
//! solver decide. A claim's negation is written; `unsat` proves the claim.
//!
//! There are three kinds:
//!
//! - **A unit's output.** Where the unit is used, its relations and look-ups make the output's form what it `means`, for
//!   inputs in the ranges in which the spec's rules feed them, under the output's `given` and `tables`. An output that means
//!   nothing is left open, and has no lemma; nor has one that no rule takes.
//! - **A rule.** The relations and look-ups of its uses, fed as it says, and its assertions make what it gives what it
//!   matches, under its `given`. Of a load or a store so are the address and the word after, and the address is aligned. An input that the rule
//!   leaves to others may be anything; a look-up that it leaves to others reads its own table.
//! - **An instruction or a call's variant.** The wiring's relations, with the columns of the code table of this kind as
//!   coefficients, and the look-ups that the wiring makes for it, decide what `rd` and `rd2` get, the next pc, the accessed
//!   word's address and the word after; and these are what the semantics say. A row that would trap has no cells: targets and
//!   addresses are aligned, conditions of traps are false, conditions of a variant hold. What goes to and comes from streams
//!   is what the semantics say, too.
//!
//! The claims are about integers: a cell is a residue from 0 to p − 1, p = 2^64 − 2^32 + 1, and has a smaller range only where
//! a look-up that is made gives it. A relation is an integer between bounds that is a multiple of p; the multiples between the
//! bounds are told apart. A solver reads the same claim as integers, or as bit vectors that are wide enough for every sum and
//! product, see [`Theory`].
//!
//! Assumed:
//!
//! - p is prime, so v·(v − 1) ≡ 0 says that v is a bit. That is the one step which is no arithmetic of the solver's.
//! - What ports read, the word of memory before, and what is taken of an input are words; whether the word can be stored to
//!   is a bit; what is taken has as many bytes as are counted. These are for the arguments of registers, memory and streams.
//! - Of a condition on memory, `writable(a)` is that bit, and `readable(a)` is true, where a is in the accessed word.
//! - The translation here, and the solver.
//!
//! Not covered: that honest rows exist (the checker runs them), what the code table has in its columns (the relations are taken
//! with the columns' expressions), links between rows, and the relations `row` and `end`.

mod claim;
mod expressions;
mod fed;
mod kind;
mod number;
mod rule;
mod script;
mod solver;
mod term;
#[cfg(test)]
mod tests;
mod unit;
mod value;

pub use solver::{Outcome, Proof, Solver};
pub use term::Theory;

use crate::model::Model;
use claim::Claim;

/// The theories, in the order in which they are tried.
const THEORIES: [Theory; 2] = [Theory::Integers, Theory::Vectors];

/// What a lemma is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An output of a unit.
    Unit,
    /// A rule.
    Rule,
    /// What an instruction is compiled to.
    Instruction,
    /// What a call's variant is compiled to.
    Variant,
}

impl Subject {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Rule => "rule",
            Self::Instruction => "instruction",
            Self::Variant => "variant",
        }
    }
}

/// A claim for a solver.
#[derive(Clone, Debug)]
pub struct Lemma {
    /// What it is about.
    pub subject: Subject,
    /// `unit.output`; what a rule matches, and the units that it uses; the name of an instruction or a variant.
    pub name: String,
    claim: Claim,
}

/// Every lemma of a spec: units, rules, instructions, variants. A spec that is `unproven` has none of the latter two.
pub fn lemmas(model: &Model) -> Vec<Lemma> {
    let units = &model.units;
    let of_units = (0..units.units.len()).flat_map(|at| unit::unit(units, at));
    let of_units = of_units.map(|(name, claim)| Lemma { subject: Subject::Unit, name, claim });
    let of_rules = units.rules.iter().enumerate().map(|(at, matched)| {
        let used: Vec<&str> = matched.uses.iter().map(|used| units.units[used.unit].name.as_str()).collect();
        let pattern = matched.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let name =
            format!("{pattern} by {}", if used.is_empty() { "nothing".to_owned() } else { used.join(", ") });
        Lemma { subject: Subject::Rule, name, claim: rule::rule(units, at) }
    });
    let kinds = model.kinds().enumerate().filter_map(|(at, instruction)| {
        let claim = kind::kind(model, at)?;
        let subject = if instruction.is_variant() { Subject::Variant } else { Subject::Instruction };
        Some(Lemma { subject, name: instruction.name.clone(), claim })
    });
    of_units.chain(of_rules).chain(kinds).collect()
}

impl Lemma {
    /// The lemma as SMT-LIB: a comment that says what is claimed, and for each case commands that a solver must answer with
    /// `unsat`. None if neither theory has terms for it.
    pub fn text(&self) -> Option<String> {
        let mut text = self.claim.comment(&self.name);
        for case in self.claim.cases() {
            let written = THEORIES.iter().find_map(|theory| self.claim.script(*theory, &case).ok())?;
            text += &case.comment(&self.claim.names);
            text += "(set-logic ALL)\n";
            text.extend(written.commands.iter().map(|command| format!("{command}\n")));
            text += "(check-sat)\n(reset)\n";
        }
        Some(text)
    }
}
