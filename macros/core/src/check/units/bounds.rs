//! What does not fit: an instruction that needs more than a row has, and relations too large for a prover's integers.

use super::counted;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::ExprKind;
use crate::model::{Instruction, Model, READS, Recorded, WRITES};
use crate::units::form::{Form, Var};
use crate::units::select::{Selection, Shortage};
use crate::units::{Port, Unit, Units};

/// Sees that a prover's first round bears the relations: it works on integers, of 62 bits a factor and 126 in all, which a
/// round makes up to four times as large a factor.
pub(super) fn sizes(model: &Model, errors: &mut Vec<Diagnostic>) {
    let (units, columns) = (&model.units, &model.wiring.columns);
    let times = |factor: i128, bits: u32| factor.unsigned_abs().saturating_mul(1 << bits);
    let column = |(at, factor): &(usize, i128)| {
        let (min, max) = columns[*at].bounds(units).unwrap_or((i64::MIN, i64::MAX));
        factor.unsigned_abs().saturating_mul(min.unsigned_abs().max(max.unsigned_abs()).into())
    };
    for relation in &model.wiring.relations {
        let mut total = 0u128;
        let mut largest = 0;
        for term in relation.terms(units, columns) {
            let mut factors = vec![term.sum.iter().fold(0u128, |sum, (var, factor)| {
                sum.saturating_add(times(*factor, var.map_or(0, |var| units.bits(var))))
            })];
            factors.extend(term.factors.iter().map(|(var, factor)| times(*factor, units.bits(*var))));
            if !term.columns.is_empty() {
                factors.push(term.columns.iter().map(column).fold(0, u128::saturating_add));
            }
            largest = factors.iter().copied().fold(largest, u128::max);
            total = total.saturating_add(factors.into_iter().fold(1, u128::saturating_mul));
        }
        if largest >> 60 > 0 || total >> 120 > 0 {
            let unit = relation.unit(units).unwrap_or(&units.units[0]);
            errors.push(
                Diagnostic::new(
                    Code::UnitShortage,
                    &unit.span,
                    format!("relation `{}` becomes too large for the integers of a prover", relation.name),
                )
                .hint("a rule that keeps a value in a cell brings its coefficient down to one"),
            );
        }
    }
}

/// Sees that there are columns of what relations and cells follow from.
pub(super) fn unrecorded(model: &Model, errors: &mut Vec<Diagnostic>) {
    let read = |port: usize| model.kinds().any(|i| i.semantics.uses(&ExprKind::Read(port)));
    let reads = (0..READS.len()).filter(|port| read(*port)).map(Recorded::Read);
    let writes = (0..WRITES.len()).filter(|at| model.units.port(Port::Write(*at)).is_some());
    let memory = [Recorded::MemAddress, Recorded::MemBefore, Recorded::MemAfter, Recorded::MemWritable];
    let memory = memory.into_iter().filter(|_| model.units.port(Port::Memory).is_some());
    for what in reads
        .chain([Recorded::NextPc])
        .chain(writes.map(Recorded::RdValue))
        .chain(memory)
        .chain(model.kinds().any(|i| i.defines(&Recorded::Input)).then_some(Recorded::Input))
        .filter(|what| model.recording(what).is_none())
    {
        let name = what.name();
        errors.push(
            Diagnostic::new(
                Code::BadUnit,
                &model.units.units[0].span,
                format!("units need `{name}` of a row, which no column records"),
            )
            .hint(format!("add a column of class u32 with record = [\"{name}\"]")),
        );
    }
}

/// Sees that all coefficients fit the integers of generated code. Those of the wiring are what selections bring to it.
pub(super) fn coefficients(model: &Model, errors: &mut Vec<Diagnostic>) {
    let size = |selection: &Selection| {
        let inputs = selection.uses.values().flat_map(|used| used.inputs.values());
        let outputs = selection.asserts.iter().chain([&selection.next]).chain(&selection.address);
        inputs.chain(outputs).map(Form::size).max().unwrap_or_default()
    };
    let sizes = model.kinds().zip(&model.selections);
    let sizes = sizes.filter_map(|(instruction, selection)| Some((size(selection.as_ref()?), instruction)));
    let Some((largest, instruction)) = sizes.max_by_key(|(size, _)| *size) else { return };
    let fits = |coefficient: i128| i64::try_from(coefficient).is_ok();
    // A column of two words has the upper one's coefficient as well.
    let columns = &model.wiring.columns;
    let shifted = |(column, factor): &(usize, i128)| {
        fits(if columns[*column].is_wide(&model.units) { *factor << 32 } else { *factor })
    };
    let relations = model.wiring.relations.iter().flat_map(|relation| relation.terms(&model.units, columns));
    let mut slots = model.wiring.slots.iter().flat_map(|slot| slot.multiplicity.iter().chain(&slot.tag));
    let held = columns.iter().all(|column| column.bounds(&model.units).is_some())
        && relations.flat_map(|term| term.columns).all(|term| shifted(&term))
        && slots.all(shifted);
    if largest <= i64::MAX.unsigned_abs().into() && model.wiring.coefficients().all(fits) && held {
        return;
    }
    let message =
        format!("the constraints of `{}` have coefficients that do not fit 64 bits", instruction.name);
    errors.push(
        Diagnostic::new(Code::UnitShortage, &instruction.span, message)
            .hint("a rule that keeps a value in a cell brings its coefficient down to one"),
    );
}

pub(super) fn short(units: &Units, instruction: &Instruction, shortage: &Shortage) -> Diagnostic {
    let name = &instruction.name;
    let (message, hint) = match shortage {
        Shortage::NoRule(expr) => {
            let range = expr.place.0.clone();
            // A condition of a variant, or a name that variants share.
            let (written, place) = match range.is_empty() {
                true => (expr.to_string(), instruction.span.clone()),
                false => {
                    let written = instruction.written.value.get(range.clone()).unwrap_or_default();
                    (written.split_whitespace().collect::<Vec<_>>().join(" "), instruction.written.at(range))
                }
            };
            return Diagnostic::new(
                Code::UnitShortage,
                &place,
                format!("`{name}` computes `{written}`, which no rule brings down to units"),
            )
            .label("no [[rule]] matches this")
            .hint("add a rule that matches it, or write it with operations that rules match");
        }
        Shortage::Units(more) => {
            let lacks: Vec<String> =
                more.iter().map(|(unit, count)| lacks(&units.units[*unit], *count)).collect();
            let (cells, lookups) = more.iter().fold((0, 0), |(cells, lookups), (unit, count)| {
                let unit = &units.units[*unit];
                (cells + count * unit.cells.len(), lookups + count * unit.slots.len())
            });
            (
                format!("`{name}` needs {}", lacks.join(" and ")),
                format!(
                    "declare such units under other names, with rules that use them: {}, {} more in every row, unless an \
                     [overlay] shares columns; or let two instructions do it",
                    counted(cells, "cell"),
                    counted(lookups, "look-up"),
                ),
            )
        }
        Shortage::Shared(pairs) => {
            let pairs: Vec<String> = pairs.iter().map(|pair| sharing(units, *pair)).collect();
            (
                format!("`{name}` needs units together that share columns: {}", pairs.join(" and ")),
                "leave out these [overlay]s, each a cell more in every row; or declare a further unit, with rules that use it"
                    .to_owned(),
            )
        }
        Shortage::NoPort => (
            format!("`{name}` writes a register, and a row has no port for that"),
            "name a unit for it: [ports] write = [\"rd\", \"rd2\"]".to_owned(),
        ),
        Shortage::NoStatement(what) => (
            format!("`{name}` does `{what}`, which no rule brings down to units"),
            "add a rule that matches it, or write it with operations that rules match".to_owned(),
        ),
        Shortage::Many(what) => (
            format!("`{name}` needs some unit more often than is tried, for `{what}`"),
            "let several instructions do it".to_owned(),
        ),
        Shortage::Degree => (
            format!("the constraints of `{name}` would have a degree above {}", crate::units::MAX_DEGREE),
            "a rule that keeps a value in a cell brings its degree down to one".to_owned(),
        ),
        Shortage::Large => (
            format!(
                "`{name}` has too many operations to bring down to units, with each `let` where it is used"
            ),
            "let several instructions do it".to_owned(),
        ),
    };
    Diagnostic::new(Code::UnitShortage, &instruction.span, message).hint(hint)
}

/// Two units that cannot be used together, and the cells that they share.
fn sharing(units: &Units, (a, b): (usize, usize)) -> String {
    let cells = |unit: usize| (0..units.units[unit].cells.len()).map(move |cell| (unit, cell));
    let name = |(unit, cell): (usize, usize)| units.name(Var::Cell(unit, cell));
    let shared = cells(a).flat_map(|cell| {
        let others = cells(b).filter(move |other| units.home(*other) == units.home(cell));
        others.map(move |other| match units.home(cell) == cell {
            true => format!("{} is in {}", name(other), name(cell)),
            false => format!("{} is in {}", name(cell), name(other)),
        })
    });
    let shared: Vec<String> = shared.collect();
    let [a, b] = [a, b].map(|unit| units.units[unit].name.as_str());
    format!("`{a}` beside `{b}` ({})", shared.join(", "))
}

/// How many units of a kind there are too few of.
fn lacks(unit: &Unit, count: usize) -> String {
    let (name, times) = (&unit.name, count + 1);
    format!("unit `{name}` {times} times, {count} more than a row has")
}
