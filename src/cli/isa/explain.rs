//! `retrace isa explain`: what an instruction or a call does, what of it a prover sees, and how it is compiled to units.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::asm::disassemble;
use crate::cli::arguments::Common;
use crate::cli::failure::{Done, Failure};
use crate::cli::output;
use crate::isa::{Call, ColumnSource, Instruction, Isa, Spec, Variant};

pub(in crate::cli) fn explain<I: Isa>(common: &Common, what: &[String]) -> Done {
    let spec = I::SPEC;
    let found = what.iter().map(|name| lookup::<I>(name)).collect::<Result<Vec<_>, _>>()?;
    if common.json {
        let all = if found.is_empty() { all(spec) } else { found };
        let instructions = all.iter().filter_map(|explained| match explained {
            Explained::Instruction(instruction, word) => Some(describe(instruction, word.as_deref())),
            Explained::Call(..) => None,
        });
        let calls = all.iter().filter_map(|explained| match explained {
            Explained::Call(call, variants) => Some(describe_call(call, variants)),
            Explained::Instruction(..) => None,
        });
        output::object(&json!({
            "ok": true,
            "isa": spec.name,
            "fingerprint": spec.fingerprint.to_string(),
            "instructions": instructions.collect::<Vec<_>>(),
            "calls": calls.collect::<Vec<_>>(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        output::print(&overview(spec))?;
    }
    for explained in found {
        output::print(&match explained {
            Explained::Instruction(instruction, word) => page(instruction, word.as_deref()),
            Explained::Call(call, variants) => call_page(call, variants),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a name is of.
enum Explained {
    /// An instruction, and the assembly text of the word that was asked for.
    Instruction(&'static Instruction, Option<String>),
    /// A call, with all its variants or one.
    Call(&'static Call, &'static [Variant]),
}

fn all(spec: &Spec) -> Vec<Explained> {
    let instructions = spec.instructions.iter().map(|instruction| Explained::Instruction(instruction, None));
    instructions.chain(spec.calls.iter().map(|call| Explained::Call(call, call.variants))).collect()
}

/// An instruction by mnemonic, or by a word that it matches; a call by name, or its variant.
fn lookup<I: Isa>(name: &str) -> Result<Explained, Failure> {
    let spec = I::SPEC;
    if let Some(instruction) = spec.instructions.iter().find(|instruction| instruction.name == name) {
        return Ok(Explained::Instruction(instruction, None));
    }
    for call in spec.calls {
        let variant = call.variants.iter().find(|variant| variant.name == name);
        match variant {
            _ if call.name == name => return Ok(Explained::Call(call, call.variants)),
            Some(variant) => return Ok(Explained::Call(call, core::slice::from_ref(variant))),
            None => {}
        }
    }
    let word = name.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let op = word.map(|word| I::decode(word, 0));
    match op.and_then(|op| spec.instruction(op.kind).map(|instruction| (instruction, op))) {
        Some((instruction, op)) => Ok(Explained::Instruction(instruction, Some(disassemble::<I>(&op)))),
        None => Err(Failure::new(
            "instruction",
            format!("`{name}` is no instruction or call of {}; `retrace isa explain` lists them", spec.name),
        )),
    }
}

fn compiled(compiled: &[(&str, &str)]) -> Vec<Value> {
    compiled.iter().map(|(what, text)| json!({ "what": what, "text": text })).collect()
}

fn describe(instruction: &Instruction, word: Option<&str>) -> Value {
    json!({
        "name": instruction.name,
        "doc": instruction.doc,
        "format": instruction.format,
        "mask": instruction.mask,
        "bits": instruction.bits,
        "semantics": instruction.semantics,
        "source": instruction.source,
        "text": word,
        "compiled": compiled(instruction.compiled),
    })
}

fn describe_call(call: &Call, variants: &[Variant]) -> Value {
    let variants = variants.iter().map(|variant| {
        json!({
            "name": variant.name,
            "when": variant.when,
            "semantics": variant.semantics,
            "source": variant.source,
            "compiled": compiled(variant.compiled),
        })
    });
    json!({
        "name": call.name,
        "number": call.number,
        "arguments": call.arguments,
        "doc": call.doc,
        "variants": variants.collect::<Vec<_>>(),
    })
}

fn overview(spec: &Spec) -> String {
    let mut text = format!("{}: {}\nfingerprint {}\n\n", spec.name, spec.doc, spec.fingerprint);
    for instruction in spec.instructions {
        text += &format!("{:<10} {}\n", instruction.name, instruction.doc);
    }
    text += "\n";
    for call in spec.calls {
        text += &format!("{:<16} {:>4} {}\n", call.name, call.number, call.doc);
    }
    let of = |source| spec.columns.iter().filter(|column| column.source == source).count();
    text += &format!(
        "\n{} instructions, {} calls; {} columns recorded, {} derived; {} cells of units, {} words of the code table; {} constraints, {} links\n",
        spec.instructions.len(),
        spec.calls.len(),
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

fn call_page(call: &Call, variants: &[Variant]) -> String {
    let mut text = format!("{}: {}\n  number     {}\n", call.name, call.doc, call.number);
    if !call.arguments.is_empty() {
        text += &format!("  arguments  {}\n", call.arguments.join(", "));
    }
    for variant in variants {
        text += &format!("\n{}\n", variant.name);
        if !variant.when.is_empty() {
            text += &format!("  when       {}\n", variant.when);
        }
        let semantics = variant.semantics.replace('\n', "\n             ");
        text += &format!("  semantics  {semantics}\n  source     {}\n", variant.source);
        for (what, said) in variant.compiled {
            text += &format!("  {what:<10} {said}\n");
        }
    }
    text
}
