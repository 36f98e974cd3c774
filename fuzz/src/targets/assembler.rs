//! The assembler: any text gives words or errors, which can be shown.

use retrace::asm::{Layout, assemble};
use retrace::isa::Rv32imZbb;

use super::heap::within;

/// What `.zero` and its like may ask for, whatever the text's length.
const OUTPUT: usize = 1 << 24;

/// Tokens, statements and expressions a byte of text. A pseudo-instruction of a few letters is a few instructions.
const PER_BYTE: usize = 1 << 11;

pub fn target(bytes: &[u8]) {
    let Ok(source) = core::str::from_utf8(bytes) else { return };
    within(2 * OUTPUT + (1 << 20) + PER_BYTE * source.len(), || {
        match assemble::<Rv32imZbb>(source, Layout::default()) {
            Ok(assembly) => {
                assert!(assembly.code.bytes.len() + assembly.data.bytes.len() <= OUTPUT);
                // A program's table has sixteen bytes a word.
                if assembly.code.bytes.len() < 1 << 16
                    && let Ok(program) = assembly.program::<Rv32imZbb>()
                {
                    program.symbols().describe(program.entry());
                }
            }
            Err(errors) => {
                assert!(!errors.errors().is_empty());
                assert!(errors.to_string().len() < (1 << 20) + 4 * source.len());
            }
        }
    });
}
