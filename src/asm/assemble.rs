//! The second pass, and what assembling gives.

use super::error::{AsmErrorKind, AsmErrors};
use super::expression::Mistake;
use super::forms::WORD;
use super::layout::{Content, Item, Placed, SECTIONS, View};
use crate::isa::{Isa, Word};
use crate::program::{LoadError, Program};

/// Where the sections go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The address of `.text`.
    pub code: Word,
    /// The address of `.data` and of every other section.
    pub data: Word,
}

impl Default for Layout {
    /// Code at 64 KiB, data at 32 MiB: further than the assembler's output reaches.
    fn default() -> Self {
        Self { code: 0x1_0000, data: 0x200_0000 }
    }
}

/// What was assembled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembly {
    /// The bytes of `.text`.
    pub code: Section,
    /// The bytes of every other section, in the order of the source.
    pub data: Section,
    /// The labels, by address and name.
    pub symbols: Vec<Label>,
}

/// Consecutive bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The address of the first.
    pub address: Word,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A name for an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The address.
    pub address: Word,
    /// The name.
    pub name: String,
    /// Whether it lies in the code.
    pub is_code: bool,
}

impl Section {
    /// The bytes as little-endian words, the last one filled up with zeros.
    pub fn words(&self) -> Vec<u32> {
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        self.bytes.chunks(WORD as usize).map(word).collect()
    }
}

impl Assembly {
    /// A program that is entered at the begin of the code, with the labels as its symbols.
    ///
    /// # Errors
    /// [`LoadError`], if there is no code or the sections overlap or lie where nothing may.
    pub fn program<I: Isa>(&self) -> Result<Program<I>, LoadError> {
        let data = (self.data.address, &self.data.bytes[..]);
        let program = Program::from_code(self.code.address, &self.code.words(), &[data])?;
        let labels = self.symbols.iter();
        Ok(program.with_labels(labels.map(|label| (label.name.as_str(), label.address, label.is_code))))
    }
}

/// Assembles a source text: instructions and pseudo-instructions of the spec, labels, directives. Two passes,
/// O(source + output) time and space; the output is at most 16 MiB.
///
/// # Errors
/// All mistakes, each with its place; after 200 it gives up.
pub fn assemble<I: Isa>(source: &str, layout: Layout) -> Result<Assembly, AsmErrors> {
    let mut placed = Placed::new(I::SPEC, source, [layout.code, layout.data]);
    if placed.errors.is_full() {
        return Err(placed.errors.finish());
    }
    let mut bytes: [Vec<u8>; SECTIONS] = placed.sizes.map(|size| vec![0; size as usize]);
    for item in std::mem::take(&mut placed.items) {
        if placed.errors.is_full() {
            break;
        }
        let end = item.offset as usize;
        if let Err(mistake) = item.emit(&placed, &mut bytes[item.section][end..]) {
            let is_far = matches!(mistake.1, AsmErrorKind::Encode(_)) && item.has_target();
            if is_far {
                let hint =
                    "this is the distance to the target: move it nearer, or jump there through a register";
                placed.errors.add(mistake.0, mistake.1, Some(hint.to_owned()));
            } else {
                placed.mistake(mistake);
            }
        }
    }
    if !placed.errors.errors().is_empty() {
        return Err(placed.errors.finish());
    }
    let mut symbols: Vec<Label> = placed
        .symbols
        .iter()
        .filter_map(|(name, symbol)| {
            let (address, section) = (symbol.value? as Word, symbol.section?);
            Some(Label { address, name: (*name).to_owned(), is_code: section == 0 })
        })
        .collect();
    symbols.sort_unstable();
    let [code, data] = bytes;
    Ok(Assembly {
        code: Section { address: layout.code, bytes: code },
        data: Section { address: layout.data, bytes: data },
        symbols,
    })
}

impl Item<'_> {
    fn has_target(&self) -> bool {
        matches!(&self.content, Content::Instructions(instructions) if instructions.iter().any(|one| one.has_target()))
    }

    /// Writes the bytes to the begin of `out`.
    fn emit(&self, placed: &Placed<'_>, out: &mut [u8]) -> Result<(), Mistake> {
        let address = i64::from(placed.bases[self.section]) + self.offset as i64;
        let from = |here| View { placed, order: self.order, start: address, here, sees_halves: true };
        match &self.content {
            Content::Instructions(instructions) => {
                for (at, one) in instructions.iter().enumerate() {
                    let here = address + (at * WORD as usize) as i64;
                    let word = one.word(&from(here)).map_err(|(range, kind)| {
                        // A number of the expansion's own has no place in the source.
                        (if range.is_empty() { self.range.clone() } else { range }, kind)
                    })?;
                    put(out, at * WORD as usize, &word.to_le_bytes());
                }
            }
            Content::Numbers(size, numbers) => {
                for (at, number) in numbers.iter().enumerate() {
                    let bits = 8 * size;
                    // Each has an address of its own, which is what `.` in it means.
                    let start = address + (at * *size as usize) as i64;
                    let value = number.value(&View { start, ..from(start) })?;
                    let value = number.within(value, -1 << (bits - 1), (1i64 << bits) - 1)?;
                    put(out, at * *size as usize, &value.to_le_bytes()[..*size as usize]);
                }
            }
            Content::Bytes(bytes) => put(out, 0, bytes),
            Content::Fill(size) => {
                let word = placed.forms.fill().unwrap_or_default().to_le_bytes();
                for at in (0..*size as usize).step_by(word.len()) {
                    put(out, at, &word);
                }
            }
        }
        Ok(())
    }
}

/// The first pass has made room.
fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}
