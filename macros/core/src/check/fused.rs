//! Fused pairs: instructions that the interpreter executes as one where they follow each other.

use std::collections::BTreeMap;

use super::find;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::Instruction;
use crate::parse::{Tables, Text};

/// The pairs, by the instructions' places, in the order of the spec; those of what it extends come first, and are the
/// first to be left out where all have no room.
pub(super) fn fused(
    tables: &Tables,
    instructions: &[Instruction],
    errors: &mut Vec<Diagnostic>,
) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut seen: BTreeMap<(usize, usize), &Text> = BTreeMap::new();
    for entry in &tables.fused {
        let Some(first) = place(&entry.key, instructions, errors) else { continue };
        if !instructions[first].semantics.goes_on() {
            let message = format!("what follows `{}` is never executed after it", entry.key.value);
            errors.push(
                Diagnostic::new(Code::UselessPair, &entry.key.span, message)
                    .hint("a pair is two instructions of which the first may lead to the next address"),
            );
            continue;
        }
        for name in &entry.value {
            let Some(second) = place(name, instructions, errors) else { continue };
            pairs.push((first, second));
            if let Some(other) = seen.insert((first, second), name) {
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

fn place(name: &Text, instructions: &[Instruction], errors: &mut Vec<Diagnostic>) -> Option<usize> {
    let names = instructions.iter().map(|instruction| instruction.name.as_str());
    find((Code::UnknownInstruction, "instruction"), name, names, errors)
}
