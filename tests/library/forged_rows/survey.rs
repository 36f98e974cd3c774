//! All lies about a spec's rows, and what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use retrace::isa::Isa;
use retrace_codegen::Model;
use retrace_codegen::check::{edge_rows, trapped};
use retrace_codegen::units::forge;
use retrace_codegen::units::row::Found;

use super::kinds::{Argument, Role, Spec, rule_named};
use super::rules::{self, Column, Lookup, Rule, Rules, Sum, fixed_of, modulo, solve, value};
use crate::random::Random;

/// Changed columns with their values; none twice.
type Lie = Vec<(Column, u128)>;

/// Of the pairs of cells that the codegen's liar changes, one in so many.
const PART: usize = 3;

/// So many kinds are named, and more are counted.
const FEW: usize = 8;

/// A row that lies are told about.
struct Base<'a, I> {
    row: Vec<u128>,
    rules: Rules<I>,
    roles: &'a [Role],
    outputs: Vec<Sum>,
    /// What the honest row puts out; none if it traps, and whatever is put out is a lie.
    honest: Option<Vec<u128>>,
    /// What it breaks already, since it traps.
    broken: Vec<usize>,
    name: String,
}

impl<I: Isa> Base<'_, I> {
    /// What is so of the row while it has the lie's values.
    fn with<T>(&mut self, lie: &[(Column, u128)], of: impl FnOnce(&Self) -> T) -> T {
        let before: Lie = lie.iter().map(|(column, _)| (*column, self.row[*column])).collect();
        lie.iter().for_each(|(column, value)| self.row[*column] = *value);
        let found = of(self);
        before.into_iter().for_each(|(column, value)| self.row[column] = value);
        found
    }

    fn put_out(&self) -> Vec<u128> {
        self.outputs.iter().map(|sum| value(sum, &self.row)).collect()
    }

    fn is_given(&self, column: Column) -> bool {
        matches!(self.roles[column], Role::Left(_))
    }
}

/// What became of lies.
#[derive(Default)]
struct Tally {
    told: u64,
    /// The rules that alone refused a lie, each with the kind.
    alone: BTreeSet<(usize, usize)>,
    /// Rows that pass, and put out something else.
    passed: Vec<String>,
    /// Cells that were changed in a row that passes and puts out the same.
    free: BTreeMap<String, BTreeSet<usize>>,
    /// Inputs that honest rows have other values of.
    left: BTreeMap<Argument, BTreeSet<&'static str>>,
    /// Cells that may not be zero in some honest row.
    filled: BTreeSet<Column>,
    /// Columns of the code table that may not be zero in some honest row of a kind, and those that may.
    needed: BTreeSet<(Column, usize)>,
    zeroed: BTreeSet<(Column, usize)>,
    /// The kinds in which a rule reads more than idle cells.
    made: BTreeMap<usize, BTreeSet<usize>>,
    random: Random,
}

/// Other values of a cell: the ends of words and limbs, its neighbours, other high and low bits, and a negative.
fn changes(cell: u128) -> Vec<u128> {
    let cell = cell as i128;
    let ends = [0, 1, 2, 3, 0xff, 0xffff, 0x1_0000, 0xffff_ffff, -1];
    let near = [cell - 1, cell + 1, cell + 4, cell ^ 0x80, cell ^ 0x8000, cell ^ 2, cell + 0x1_0000, -cell];
    let mut changes: Vec<u128> = ends.into_iter().chain(near).map(modulo).collect();
    changes.sort_unstable();
    changes.dedup();
    changes.retain(|value| *value != cell as u128);
    changes
}

impl Tally {
    /// What a lie breaks, by place.
    fn tell<I: Isa>(&mut self, kind: usize, base: &mut Base<'_, I>, lie: &[(Column, u128)]) -> Vec<usize> {
        self.told += 1;
        let (broken, is_other) = base.with(lie, |base| {
            let broken = base.rules.broken_by(&base.row, lie.iter().map(|(column, _)| *column), &base.broken);
            (broken, base.honest.as_ref().is_none_or(|honest| *honest != base.put_out()))
        });
        if lie.iter().any(|(column, _)| base.is_given(*column)) {
            return broken;
        }
        match broken[..] {
            [only] if is_other => drop(self.alone.insert((only, kind))),
            [] if is_other => {
                let lie = lie
                    .iter()
                    .map(|(column, value)| format!("{} = {value:#x}", I::SPEC.columns[*column].name));
                self.passed.push(format!("{}, with {}", base.name, lie.collect::<Vec<_>>().join(", ")));
            }
            [] => {
                for (column, _) in lie.iter().filter(|(column, _)| base.roles[*column] == Role::Own) {
                    self.free.entry(cell_name::<I>(kind, *column)).or_default().insert(kind);
                }
            }
            _ => {}
        }
        broken
    }

    /// A lie, and the same where look-ups find what the last key says; each with what it breaks.
    fn tell_both<I: Isa>(&mut self, kind: usize, base: &mut Base<'_, I>, lie: Lie) -> Vec<(Lie, Vec<usize>)> {
        let broken = self.tell(kind, base, &lie);
        let followed = followed(base, &lie);
        let mut told = vec![(lie, broken)];
        if let Some(lie) = followed {
            let broken = self.tell(kind, base, &lie);
            told.push((lie, broken));
        }
        told
    }

    /// Each open column changed alone; with each second one that mends a rule which it broke; and, at random, with a third.
    fn tell_all<I: Isa>(&mut self, kind: usize, base: &mut Base<'_, I>) {
        let open = (0..I::SPEC.columns.len()).filter(|column| {
            !rules::is_fixed::<I>(*column) && base.roles[*column] != Role::Left(Argument::Program)
        });
        for column in open.collect::<Vec<_>>() {
            for value in changes(base.row[column]) {
                for (one, broken) in self.tell_both(kind, base, vec![(column, value)]) {
                    if value == 0 && !broken.is_empty() && base.honest.is_some() {
                        self.filled.insert(column);
                    }
                    if base.is_given(column) {
                        continue;
                    }
                    for two in mended(base, &one, &broken) {
                        for (two, broken) in self.tell_both(kind, base, two) {
                            let threes = mended(base, &two, &broken);
                            if !threes.is_empty() {
                                let three = self.random.of(&threes);
                                self.tell_both(kind, base, three);
                            }
                        }
                    }
                }
            }
        }
        // What other tables have for the same keys.
        for at in 0..I::SPEC.constraints.len() + I::UNITS.slots.len() {
            let Rule::Lookup(Lookup { table: Some(table), keys, places }) = base.rules.rule(at) else {
                continue;
            };
            let (keys, values) = places.split_at(*keys);
            let others = (0..I::UNITS.tables.len())
                .filter(|other| other != table && I::UNITS.tables[*other].keys.len() == keys.len());
            let found = others.filter_map(|other| Rules::<I>::found(other, keys, &base.row));
            let lies = found.map(|found| -> Lie {
                let values = values.iter().zip(found).map(|(at, found)| (*at, u128::from(found)));
                values.filter(|(at, value)| base.row[*at] != *value).collect()
            });
            for lie in lies.filter(|lie| !lie.is_empty()).collect::<Vec<_>>() {
                self.tell(kind, base, &lie);
            }
        }
    }

    /// The columns of the code table that no honest row of a kind needs, as far as is known.
    fn unneeded(&self, kind: usize) -> Vec<Column> {
        let zeroed = self.zeroed.difference(&self.needed).filter(|(_, of)| *of == kind);
        zeroed.map(|(column, _)| *column).collect()
    }

    /// Which columns of the code table may be zero in an honest row.
    fn zero_flags<I: Isa>(&mut self, kind: usize, base: &mut Base<'_, I>, readers: &[(Column, Vec<usize>)]) {
        for (column, rules) in readers {
            let honest = std::mem::take(&mut base.row[*column]);
            if honest != 0 {
                let breaks = rules.iter().any(|at| {
                    rules::rule::<I>(*at, &base.row).is_some_and(|rule| !Rules::<I>::holds(&rule, &base.row))
                });
                let of = if breaks { &mut self.needed } else { &mut self.zeroed };
                of.insert((*column, kind));
            }
            base.row[*column] = honest;
        }
    }
}

/// A lie with what look-ups find for the column that was changed last; none if that is nothing else.
fn followed<I: Isa>(base: &mut Base<'_, I>, lie: &Lie) -> Option<Lie> {
    let (last, _) = *lie.last()?;
    let found = base.with(lie, |base| base.rules.follow(&base.row, last));
    let found = found.into_iter().filter(|(column, _)| lie.iter().all(|(changed, _)| changed != column));
    let followed: Lie = lie.iter().copied().chain(found).collect();
    (followed.len() > lie.len()).then_some(followed)
}

/// A lie with one column more, which mends one of the sums that it breaks.
fn mended<I: Isa>(base: &mut Base<'_, I>, lie: &Lie, broken: &[usize]) -> Vec<Lie> {
    let mends: BTreeSet<(Column, u128)> = base.with(lie, |base| {
        let sums = broken.iter().filter_map(|at| match base.rules.rule(*at) {
            Rule::Sum(sum) => Some(sum),
            Rule::Lookup(_) => None,
        });
        let is_open =
            |column: &Column| !base.is_given(*column) && lie.iter().all(|(changed, _)| changed != column);
        let mends = sums.flat_map(|sum| {
            let columns: BTreeSet<Column> = sum.iter().flat_map(|(_, columns)| columns).copied().collect();
            let open = columns.into_iter().filter(is_open);
            open.filter_map(|column| Some((column, solve(sum, &base.row, column)?))).collect::<Vec<_>>()
        });
        mends.collect()
    });
    mends.into_iter().map(|mend| [&lie[..], &[mend]].concat()).collect()
}

/// The name of a cell as a unit has it that the kind uses.
fn cell_name<I: Isa>(kind: usize, column: Column) -> String {
    let used = I::UNITS.units.iter().filter(|unit| unit.by[kind]).flat_map(|unit| unit.cells);
    let cell = used.into_iter().find(|cell| cell.column.index() == column);
    cell.map_or(I::SPEC.columns[column].name, |cell| cell.name).to_owned()
}

/// Lies about rows of every kind, `count` rows each. The report names what passes, and what is needed for nothing.
///
/// # Panics
/// If an honest row fails, or a lie passes that changes what a row puts out.
pub fn survey<I: Isa>(model: &Model, count: usize) -> String {
    let mut spec = Spec::<I>::new(model);
    let mut tally = Tally::default();
    let names = rules::names::<I>();
    let readers = readers::<I>(names.len());
    let (edges, traps) = (edge_rows(model), trapped(model));
    let mut rows = 0;
    for kind in 0..edges.len() {
        let Some(of) = spec.rows(kind) else { continue };
        let name = model.kind(kind).name.clone();
        let roles = spec.roles(kind);
        for given in edges[kind].iter().step_by(edges[kind].len().div_ceil(count).max(1)) {
            let (found, cells, row) = spec.honest(kind, given);
            let entry = spec.entry(kind, given.case.word, given.case.pc);
            let mut base = base(&spec, (kind, &roles), &found, row, format!("{name}: {}", given.case));
            assert_eq!(base.rules.broken(&base.row), [0; 0], "{}", base.name);
            base.honest = Some(base.put_out());
            rows += 1;
            for at in base.rules.reading(|column| roles[column] != Role::Idle) {
                tally.made.entry(at).or_default().insert(kind);
            }
            for lie in forge::lies(of, &found, &cells, PART) {
                let lie: Lie =
                    lie.into_iter().map(|(cell, value)| (Spec::<I>::cell(cell), modulo(value))).collect();
                tell_where_it_goes(&mut tally, kind, &mut base, lie);
            }
            tally.tell_all(kind, &mut base);
            tally.zero_flags(kind, &mut base, &readers);
            for (argument, column, found) in others(&spec, &roles, &found) {
                let Ok(cells) = of.fill(&found) else { continue };
                let found = spec.gone_on(kind, found, &cells);
                let row = spec.row(entry, &found, &cells);
                if Rules::<I>::new(&row).broken(&row).is_empty() {
                    tally.left.entry(argument).or_default().insert(column);
                }
            }
        }
        // Few rows may not show that a column is needed.
        for given in &edges[kind] {
            if tally.unneeded(kind).is_empty() {
                break;
            }
            let (found, _, row) = spec.honest(kind, given);
            tally.zero_flags(kind, &mut base(&spec, (kind, &roles), &found, row, String::new()), &readers);
        }
        let step = traps[kind].len().div_ceil(count).max(1);
        for (at, (case, found)) in traps[kind].iter().enumerate().step_by(step.div_ceil(8)) {
            let cells = of.fill(found).expect("rows that trap have all cells");
            let found = spec.gone_on(kind, *found, &cells);
            let entry = spec.entry(kind, case.word, case.pc);
            let row = spec.row(entry, &found, &cells);
            let mut base = base(&spec, (kind, &roles), &found, row, format!("{name} traps: {case}"));
            base.broken = base.rules.broken(&base.row);
            assert!(!base.broken.is_empty(), "{}", base.name);
            if let [only] = base.broken[..] {
                tally.alone.insert((only, kind));
            }
            if at % step == 0 {
                tally.tell_all(kind, &mut base);
            }
        }
    }
    tell_of_no_instruction::<I>(&mut spec, &mut tally, &edges);
    assert_eq!(tally.passed.iter().take(20).collect::<Vec<_>>(), [""; 0], "of {}", tally.told);
    report(&spec, &tally, (&names, &readers), rows)
}

fn base<'a, I: Isa>(
    spec: &Spec<'_, I>,
    (kind, roles): (usize, &'a [Role]),
    found: &Found,
    row: Vec<u128>,
    name: String,
) -> Base<'a, I> {
    let rules = Rules::new(&row);
    Base { rules, row, roles, outputs: spec.outputs(kind, found), honest: None, broken: Vec::new(), name }
}

/// The liar's row goes where its cells say, and accesses what they say.
fn tell_where_it_goes<I: Isa>(tally: &mut Tally, kind: usize, base: &mut Base<'_, I>, lie: Lie) {
    let broken = tally.tell(kind, base, &lie);
    let is_output = |column: Column| base.roles[column] == Role::Output;
    let mut all = lie.clone();
    for mended in mended(base, &lie, &broken) {
        let mend = mended[mended.len() - 1];
        if is_output(mend.0) && all.iter().all(|(column, _)| *column != mend.0) {
            all.push(mend);
        }
    }
    if all.len() > lie.len() {
        tally.tell(kind, base, &all);
    }
}

/// The columns of the code table, each with the rules that read it.
fn readers<I: Isa>(rules: usize) -> Vec<(Column, Vec<usize>)> {
    let mut readers: BTreeMap<Column, Vec<usize>> = BTreeMap::new();
    for rule in 0..rules {
        for column in fixed_of::<I>(rule) {
            readers.entry(column).or_default().push(rule);
        }
    }
    let is_public = |name: &str| Spec::<I>::public(name);
    readers.retain(|column, _| !["active", "first", "last"].map(is_public).contains(column));
    readers.into_iter().collect()
}

/// What else an instruction may find: each of its inputs changed, with the argument that it is left to.
fn others<I: Isa>(spec: &Spec<'_, I>, roles: &[Role], found: &Found) -> Vec<(Argument, &'static str, Found)> {
    let mut others = Vec::new();
    let named = roles.iter().zip(I::SPEC.columns).map(|(role, column)| (*role, column.name));
    for (role, name) in named {
        let Role::Left(argument) = role else { continue };
        for other in [0, 4, 0x2000_1004, 0xffff_fffe] {
            let mut found = *found;
            match argument {
                Argument::Registers => {
                    let port = (0..found.reads.len()).find(|port| spec.reads(*port) == Some(name));
                    found.reads[port.expect("it is recorded")] = other;
                }
                Argument::Input => found.taken = other & 0xff,
                Argument::Memory if name.contains("writable") => found.writable = !found.writable,
                Argument::Memory => (found.before, found.loaded) = (other, other),
                Argument::Program => continue,
            }
            others.push((argument, name, found));
        }
    }
    others
}

/// Lies about rows of no instruction, and about the last row.
fn tell_of_no_instruction<I: Isa>(
    spec: &mut Spec<'_, I>,
    tally: &mut Tally,
    edges: &[Vec<retrace_codegen::check::Row>],
) {
    let [active, last] = ["active", "last"].map(Spec::<I>::public);
    let is_alone = |tally: &mut Tally, row: &[u128], name: &str| {
        let rule = rule_named::<I>(name);
        assert_eq!(Rules::<I>::new(row).broken(row), [rule], "{name}");
        tally.alone.insert((rule, usize::MAX));
    };
    let padding = vec![0; I::SPEC.columns.len()];
    assert_eq!(Rules::<I>::new(&padding).broken(&padding), [0; 0]);
    let instruction = "row: active = an instruction's";
    let mut row = padding;
    row[active] = 1;
    is_alone(tally, &row, instruction);
    let first = edges.iter().enumerate().find_map(|(kind, rows)| Some((kind, rows.first()?)));
    let (kind, given) = first.expect("some instruction has rows");
    let (_, _, honest) = spec.honest(kind, given);
    let mut row = honest.clone();
    row[active] = 0;
    is_alone(tally, &row, instruction);
    let mut row = honest;
    row[last] = 1;
    is_alone(tally, &row, "end: last = last * an exit's");
}

fn report<I: Isa>(
    spec: &Spec<'_, I>,
    tally: &Tally,
    (names, readers): (&[&str], &[(Column, Vec<usize>)]),
    rows: usize,
) -> String {
    let kinds = |kinds: &BTreeSet<usize>| -> String {
        let names: Vec<&str> = kinds.iter().map(|kind| spec.model.kind(*kind).name.as_str()).collect();
        if names.len() > FEW {
            format!("{} instructions and variants", names.len())
        } else {
            names.join(", ")
        }
    };
    let mut text = format!("{rows} honest rows; more than {} lies\n", tally.told / 100_000 * 100_000);
    let code = (0..I::SPEC.columns.len())
        .filter(|at| I::SPEC.columns[*at].source == retrace::isa::ColumnSource::Code)
        .count();
    let _ = writeln!(text, "left to the argument of the program: index, {code} columns of the code table");
    for (argument, columns) in &tally.left {
        let columns: Vec<&str> = columns.iter().copied().collect();
        let _ = writeln!(text, "left to the argument of the {argument}: {}", columns.join(", "));
    }
    text += "\nfree cells, and where\n";
    for (cell, of) in &tally.free {
        let _ = writeln!(text, "{cell}: {}", kinds(of));
    }
    text += "\nrules that are never alone in refusing\n";
    let alone: BTreeSet<usize> = tally.alone.iter().map(|(rule, _)| *rule).collect();
    for (at, name) in names.iter().enumerate().filter(|(at, _)| !alone.contains(at)) {
        let of = tally.made.get(&at).map(kinds).unwrap_or_default();
        let _ = writeln!(text, "{name}: {}", if of.is_empty() { "made nowhere" } else { &of });
    }
    text += "\ncells that are nowhere needed\n";
    for unit in I::UNITS.units {
        for cell in unit.cells.iter().filter(|cell| !tally.filled.contains(&cell.column.index())) {
            let _ = writeln!(text, "{}", cell.name);
        }
    }
    text += "\ncolumns of the code table that might be zero, and where\n";
    let mut unneeded: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (column, kind) in tally.zeroed.difference(&tally.needed) {
        let readers = readers.iter().find(|(of, _)| of == column).map(|(_, rules)| rules);
        if !readers.into_iter().flatten().any(|rule| tally.alone.contains(&(*rule, *kind))) {
            unneeded.entry(I::SPEC.columns[*column].name).or_default().insert(*kind);
        }
    }
    for (name, of) in unneeded {
        let _ = writeln!(text, "{name}: {}", kinds(&of));
    }
    text
}
