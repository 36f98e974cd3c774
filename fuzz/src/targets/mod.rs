//! The targets: each a function of arbitrary bytes that must neither panic, nor hang, nor take more memory than its input
//! justifies. `fuzz/src/main.rs` gives them to libFuzzer, `tests/library/fuzz.rs` every seed of the corpus.

mod assembler;
mod checkpoints;
mod decode;
mod elf;
mod guest;
pub mod heap;
mod proof;
mod spec;

/// What a target is.
pub type Target = fn(&[u8]);

/// Every target, by the name of its folder in the corpus.
pub const TARGETS: [(&str, Target); 7] = [
    ("assembler", assembler::target),
    ("checkpoints", checkpoints::target),
    ("decode", decode::target),
    ("elf", elf::target),
    ("guest", guest::target),
    ("proof", proof::target),
    ("spec", spec::target),
];

/// What a target takes from its input: numbers, little-endian, zero where the input has ended.
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    /// The next N bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let (taken, rest) = self.0.split_at(N.min(self.0.len()));
        array[..taken.len()].copy_from_slice(taken);
        self.0 = rest;
        array
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// The next word.
    pub fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }
}
