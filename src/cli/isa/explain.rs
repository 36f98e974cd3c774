//! `retrace isa explain`: what an instruction does, what of it a prover sees, and how it is compiled to units.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::asm::disassemble;
use crate::cli::arguments::Common;
use crate::cli::failure::{Done, Failure};
use crate::cli::output;
use crate::isa::{ColumnSource, Instruction, Isa, Spec};

pub(in crate::cli) fn explain<I: Isa>(common: &Common, what: &[String]) -> Done {
    let spec = I::SPEC;
    let mut found: Vec<(&Instruction, Option<String>)> = Vec::new();
    for name in what {
        found.push(lookup::<I>(name)?);
    }
    if common.json {
        let listed: Vec<Value> = match what {
            [] => spec.instructions.iter().map(|instruction| describe(instruction, None)).collect(),
            _ => found.iter().map(|(instruction, word)| describe(instruction, word.as_deref())).collect(),
        };
        output::object(&json!({
            "ok": true,
            "isa": spec.name,
            "fingerprint": spec.fingerprint.to_string(),
            "instructions": listed,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if what.is_empty() {
        output::print(&overview(spec))?;
    }
    for (instruction, word) in found {
        output::print(&page(instruction, word.as_deref()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// An instruction by mnemonic, or by a word that it matches, then with the word's assembly text.
fn lookup<I: Isa>(name: &str) -> Result<(&'static Instruction, Option<String>), Failure> {
    if let Some(instruction) = I::SPEC.instructions.iter().find(|instruction| instruction.name == name) {
        return Ok((instruction, None));
    }
    let word = name.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let op = word.map(|word| I::decode(word, 0));
    match op.and_then(|op| I::SPEC.instruction(op.kind).map(|instruction| (instruction, op))) {
        Some((instruction, op)) => Ok((instruction, Some(disassemble::<I>(&op)))),
        None => Err(Failure::new(
            "instruction",
            format!("`{name}` is no instruction of {}; `retrace isa explain` lists them", I::SPEC.name),
        )),
    }
}

fn describe(instruction: &Instruction, word: Option<&str>) -> Value {
    let compiled = instruction.compiled.iter();
    json!({
        "name": instruction.name,
        "doc": instruction.doc,
        "format": instruction.format,
        "mask": instruction.mask,
        "bits": instruction.bits,
        "semantics": instruction.semantics,
        "source": instruction.source,
        "text": word,
        "compiled": compiled.map(|(what, text)| json!({ "what": what, "text": text })).collect::<Vec<_>>(),
    })
}

fn overview(spec: &Spec) -> String {
    let mut text = format!("{}: {}\nfingerprint {}\n\n", spec.name, spec.doc, spec.fingerprint);
    for instruction in spec.instructions {
        text += &format!("{:<10} {}\n", instruction.name, instruction.doc);
    }
    let of = |source| spec.columns.iter().filter(|column| column.source == source).count();
    text += &format!(
        "\n{} instructions; {} columns recorded, {} derived; {} cells of units, {} words of the code table; {} constraints, {} links\n",
        spec.instructions.len(),
        spec.recorded,
        of(ColumnSource::Derived),
        of(ColumnSource::Cell),
        of(ColumnSource::Code),
        spec.constraints.len(),
        spec.links.len(),
    );
    text
}

fn page(instruction: &Instruction, word: Option<&str>) -> String {
    let mut text = format!("{}: {}\n", instruction.name, instruction.doc);
    if let Some(word) = word {
        text += &format!("  word       {word}\n");
    }
    text += &format!("  format     {}\n", instruction.format);
    text += &format!("  encoding   word & {:#010x} = {:#010x}\n", instruction.mask, instruction.bits);
    for (name, hi, lo) in instruction.fields {
        text += &format!("             {name} = bits {hi}..{lo}\n");
    }
    text += &format!(
        "  semantics  {}\n",
        if instruction.semantics.is_empty() { "nothing" } else { instruction.semantics }
    );
    text += &format!("  source     {}\n", instruction.source);
    for (what, said) in instruction.compiled {
        text += &format!("  {what:<10} {said}\n");
    }
    text
}
