//! Fused pairs: instructions that the interpreter executes as one where they follow each other.

use std::collections::BTreeMap;

use super::find;
use super::replaced::Replaced;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::Instruction;
use crate::parse::{Tables, Text};

/// The pairs, by the instructions' places, in the order of the spec; those of what it extends come first, and are the
/// first to be left out where all have no room.
pub(super) fn fused(
    tables: &Tables,
    instructions: &[Instruction],
    replaced: &[Replaced],
    errors: &mut Vec<Diagnostic>,
) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut seen: BTreeMap<(usize, usize), &Text> = BTreeMap::new();
    for entry in &tables.fused {
        let Some(first) = place(&entry.key, instructions, replaced, errors) else { continue };
        if !instructions[first].semantics.goes_on() {
            let message = format!("what follows `{}` is never executed after it", entry.key.value);
            errors.push(
                Diagnostic::new(Code::UselessPair, &entry.key.span, message)
                    .hint("a pair is two instructions of which the first may lead to the next address"),
            );
            continue;
        }
        for name in &entry.value {
            let Some(second) = place(name, instructions, replaced, errors) else { continue };
            let Some(other) = seen.insert((first, second), name) else {
                pairs.push((first, second));
                continue;
            };
            // Two files may say so, and of a special case what is said of the general one.
            if other.span.file == name.span.file && other.value == name.value {
                let message = format!("`{}` and `{}` are fused twice", entry.key.value, name.value);
                errors.push(
                    Diagnostic::new(Code::DuplicateName, &name.span, message)
                        .label("the second")
                        .other(&other.span, "the first")
                        .hint("leave one out: a spec has the pairs of what it extends"),
                );
            }
        }
    }
    // The interpreter has one byte for what it executes next.
    let room = usize::from(u8::MAX).saturating_sub(instructions.len());
    pairs.drain(..pairs.len().saturating_sub(room));
    pairs
}

/// The place of an instruction, or of what has its place.
fn place(
    name: &Text,
    instructions: &[Instruction],
    replaced: &[Replaced],
    errors: &mut Vec<Diagnostic>,
) -> Option<usize> {
    let name = &match replaced.iter().find(|replaced| replaced.special.name == name.value) {
        Some(replaced) => Text { value: replaced.general.clone(), ..name.clone() },
        None => name.clone(),
    };
    let names = instructions.iter().map(|instruction| instruction.name.as_str());
    find((Code::UnknownInstruction, "instruction"), name, names, errors)
}
