//! `retrace check`

use std::process::ExitCode;

use serde_json::json;

use super::execution;
use crate::check::{Broken, check as check_rows};
use crate::checkpoint::{Options, UnknownCycles};
use crate::cli::arguments::{Check, Common};
use crate::cli::failure::{Done, Failure};
use crate::cli::files::{self, Elf};
use crate::cli::output;
use crate::isa::Isa;
use crate::replay::{ReplayError, StreamingWitnessGenerator};

pub(in crate::cli) fn check<I: Isa>(common: &Common, check: &Check, elf: Elf) -> Done {
    if I::SPEC.unproven {
        let message = format!(
            "there is nothing to hold rows of {} against: its instructions are not compiled to units, since the spec says \
             `unproven` or declares no units",
            I::SPEC.name
        );
        return Err(Failure::new("check", message));
    }
    let program = elf.into_program::<I>()?;
    let max_cycles = check.cycles.as_ref().map_or(u64::MAX, |cycles| cycles.end);
    let bar = output::progress("checking");
    let options = Options { max_cycles, ..Options::default() };
    let (execution, cancel) = execution(&check.subject, program, options, &bar)?;
    let fault = execution.fault().map(ToString::to_string);
    let cycles = check.cycles.clone().unwrap_or(0..execution.cycles());
    UnknownCycles::check(&cycles, execution.cycles())?;
    let generator = StreamingWitnessGenerator::new(execution, files::pool(common)?).with_cancel(cancel);
    let checked = match check_rows(&generator, cycles.clone()) {
        Err(ReplayError::Cancelled) => return Err(Failure::interrupted()),
        checked => checked.map_err(|error| Failure::new("check", error.to_string()))?,
    };
    bar.finish_and_clear();
    let (slots, constraints) = (I::UNITS.slots.len(), I::SPEC.constraints.len());
    if common.json {
        let broken: Vec<_> = checked.broken.iter().map(object).collect();
        output::object(&json!({
            "ok": checked.broken.is_empty(),
            "isa": I::SPEC.name,
            "first_cycle": cycles.start,
            "rows": checked.rows,
            "constraints": constraints,
            "lookups": slots,
            "broken": broken,
            "fault": fault,
        }))?;
    } else {
        output::print(&checked.broken.iter().map(text).collect::<String>())?;
        if let Some(fault) = fault {
            output::note(&format!("note: the rows end where the guest faults: {fault}"));
        }
        let verdict = if checked.broken.is_empty() { "hold" } else { "do not all hold" };
        output::print(&format!(
            "{} of {}: {constraints} constraints and {slots} look-ups {verdict}\n",
            output::count(checked.rows, "row"),
            I::SPEC.name,
        ))?;
    }
    Ok(if checked.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn object(broken: &Broken) -> serde_json::Value {
    json!({
        "instruction": broken.instruction,
        "rule": broken.rule.to_string(),
        "compiled": broken.compiled,
        "rows": broken.rows,
        "first_row": broken.first,
        "pc": broken.pc,
        "values": broken.values.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<serde_json::Map<_, _>>(),
    })
}

fn text(broken: &Broken) -> String {
    let values: Vec<String> =
        broken.values.iter().map(|(name, value)| format!("{name} = {value:#x}")).collect();
    let compiled = broken.compiled.map_or_else(String::new, |text| format!(": {text}"));
    format!(
        "`{}`, {}: {}{compiled}\n  first in row {}, at pc {:#x}: {}\n",
        broken.instruction,
        output::count(broken.rows, "row"),
        broken.rule,
        output::number(broken.first),
        broken.pc,
        values.join(", "),
    )
}
