//! One change of rv32im at random, over and over: of a relation, a look-up, a rule, one row of a table, a column of the code
//! table. Each is refused by the checker or by an honest row, or refuted by a solver; or the solver proves that the changed
//! spec is sound too: whatever passes is right. That all honest rows still pass it does not say.
//!
//! A few are made each time; `RETRACE_MUTATIONS` says how many, and `-- --nocapture` shows what became of each. Without a
//! solver those that the checker lets pass are counted, and not judged.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use retrace_codegen::check::edge_rows;
use retrace_codegen::prove::{Lemma, Outcome, Solver, lemmas};
use retrace_codegen::units::PRIME;
use retrace_codegen::units::row::Rows;
use retrace_codegen::{Model, Sources, compile};

#[path = "../../../tests/common/random.rs"]
mod random;
#[path = "common/wired.rs"]
mod wired;

use random::Random;

const BASE: &str = include_str!("../../../isa/rv32i.toml");
const EXTENSION: &str = include_str!("../../../isa/rv32m.toml");
const NAME: &str = include_str!("../../../isa/rv32im.toml");

/// How many changes are made if nobody says.
const FEW: u64 = 6;

/// What no check may leave a change.
const UNDECIDED: &str = "undecided";

fn compiled(base: &str, extension: &str) -> Result<Model, String> {
    let mut sources = Sources::default();
    for (name, text) in [("rv32i", base), ("rv32m", extension), ("rv32im", NAME)] {
        sources.add_builtin(name, text);
    }
    compile(&mut sources, "rv32im").map_err(|errors| {
        let codes: BTreeSet<&str> = errors.errors().iter().map(|error| error.code.name()).collect();
        codes.into_iter().collect::<Vec<_>>().join(", ")
    })
}

/// The lines of units, tables and rules that say something of rows.
fn lines(text: &str) -> Vec<usize> {
    let says = [
        "relations",
        "lookups",
        "values",
        "use ",
        "give",
        "assert",
        "address",
        "s = \"",
        "p = \"",
        "t = \"",
        "r = \"",
        "h = \"",
    ];
    // The relations of some units are a line each.
    let is_one = |line: &str| {
        says.iter().any(|key| line.starts_with(key)) || line.starts_with("    \"") && line.contains(" = ")
    };
    let lines = text.lines().enumerate().filter(|(_, line)| is_one(line));
    lines.map(|(at, _)| at).collect()
}

/// One part of a line changed: a number, a sign, a name for another one of the line, a table's value for one key.
fn changed(line: &str, random: &mut Random) -> Option<String> {
    let key = line.split('=').next().unwrap_or_default().len();
    if line.starts_with("values") {
        let quotes: Vec<usize> = line.match_indices('"').map(|(at, _)| at).collect();
        let value = random.of(quotes.chunks_exact(2).collect::<Vec<_>>().as_slice()).to_vec();
        let (from, to) = (value[0] + 1, value[1]);
        let (of, row) = (&line[from..to], random.next() % 256);
        return Some(format!(
            "{}if x == {row} {{ ({of}) ^ 1 }} else {{ {of} }}{}",
            &line[..from],
            &line[to..]
        ));
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let mut tokens: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len()).max(1);
        tokens.push((at, &rest[..length]));
        at += length;
    }
    let is_name = |token: &str| token.starts_with(|c: char| c.is_ascii_alphabetic());
    let names: Vec<&str> =
        tokens.iter().filter(|(at, token)| *at > key && is_name(token)).map(|(_, token)| *token).collect();
    let open: Vec<&(usize, &str)> = tokens
        .iter()
        .filter(|(at, token)| *at > key && (*token == "+" || *token == "-" || token.starts_with(is_word)))
        .collect();
    if open.is_empty() {
        return None;
    }
    let (at, token) = *random.of(&open);
    let other = match token {
        "+" => "-".to_owned(),
        "-" => "+".to_owned(),
        name if is_name(name) => random.of(&names).to_owned(),
        number => {
            let digits = number.replace('_', "");
            let value = digits
                .strip_prefix("0x")
                .map_or_else(|| digits.parse().ok(), |hex| u64::from_str_radix(hex, 16).ok())?;
            [value + 1, value.saturating_sub(1), 2 * value, 0][random.next() as usize % 4].to_string()
        }
    };
    (other != token).then(|| format!("{}{other}{}", &line[..at], &line[at + token.len()..]))
}

/// What becomes of a changed model: in a word, and in detail.
fn judged(model: &Model, solver: Option<&Solver>, known: &BTreeSet<String>) -> (&'static str, String) {
    if let Some(why) = breaks(model) {
        return ("refused by an honest row", why);
    }
    let Some(solver) = solver else { return ("left to a solver, which is not there", String::new()) };
    let is_new = |lemma: &Lemma| lemma.text().is_none_or(|text| !known.contains(&text));
    let new: Vec<Lemma> = lemmas(model).into_iter().filter(is_new).collect();
    let mut undecided = Vec::new();
    for lemma in &new {
        match solver.prove(lemma).expect("the solver answers").outcome {
            Outcome::Refuted { missed, .. } => {
                return ("refuted by the solver", format!("{}: {}", lemma.name, missed.join("; ")));
            }
            Outcome::Proven => {}
            _ => undecided.push(&*lemma.name),
        }
    }
    match undecided[..] {
        [] => ("sound all the same", format!("{} lemmas proven anew", new.len())),
        _ => (UNDECIDED, undecided.join(", ")),
    }
}

#[test]
fn changes_at_random_are_refused_or_sound() {
    let count = std::env::var("RETRACE_MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(FEW);
    let solver = Solver::find();
    let honest = compiled(BASE, EXTENSION).expect("it has no errors");
    let known: BTreeSet<String> = lemmas(&honest).iter().filter_map(Lemma::text).collect();
    let (mut random, mut tally, mut survivors) = (Random(0), BTreeMap::<&str, u64>::new(), Vec::new());
    let mut made = 0;
    while made < count {
        let what;
        let model = if random.next() % 4 == 0 {
            let mut model = honest.clone();
            what = wired_otherwise(&mut model, &mut random);
            Ok(model)
        } else {
            let mut texts = [BASE, EXTENSION].map(str::to_owned);
            let of = usize::from(random.next() % 4 == 0);
            let at = random.of(&lines(&texts[of]));
            let line = texts[of].lines().nth(at).expect("it is there").to_owned();
            let Some(other) = changed(&line, &mut random) else { continue };
            let lines = texts[of].lines().enumerate();
            texts[of] = lines
                .map(|(n, line)| if n == at { format!("{other}\n") } else { format!("{line}\n") })
                .collect();
            what = format!("{line}\n    -> {other}");
            compiled(&texts[0], &texts[1])
        };
        made += 1;
        let (outcome, why) = match model {
            Err(codes) => ("refused by the checker", codes),
            Ok(model) => judged(&model, solver.as_ref(), &known),
        };
        if outcome == UNDECIDED {
            survivors.push(what.clone());
        }
        *tally.entry(outcome).or_default() += 1;
        eprintln!("{what}\n    {outcome}: {why}");
    }
    eprintln!("{tally:?}");
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}

/// The first relation of the wiring that an honest row breaks.
fn breaks(model: &Model) -> Option<String> {
    model.selections.iter().zip(edge_rows(model)).enumerate().find_map(|(kind, (selection, given))| {
        let rows = Rows { units: &model.units, selection: selection.as_ref()? };
        let relations = model.wiring.relations.iter();
        let forms: Vec<_> =
            relations.map(|relation| (&relation.name, wired::relation(model, relation, kind))).collect();
        given.iter().find_map(|row| {
            let found = row.found(&model.units);
            let cells = rows.fill(&found).ok()?;
            let broken = forms.iter().find(|(_, form)| rows.value(form, &found, &cells) % PRIME != 0);
            broken.map(|(name, _)| format!("{name} of `{}`: {}", model.kind(kind).name, row.case))
        })
    })
}

/// What one kind has in a column of the code table, changed.
fn wired_otherwise(model: &mut Model, random: &mut Random) -> String {
    let columns: Vec<usize> = (0..model.wiring.columns.len()).collect();
    let column = random.of(&columns);
    let kinds: Vec<usize> = model.wiring.columns[column].by.keys().copied().collect();
    let kind = random.of(&kinds);
    let by = random.of(&[-1, 1]);
    let name = model.kind(kind).name.clone();
    let column = &mut model.wiring.columns[column];
    let coefficient = column.by.entry(kind).or_default().entry(Vec::new()).or_default();
    *coefficient += by;
    format!("the code table's `{}` of `{name}` is {by} more", column.name)
}
