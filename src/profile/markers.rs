//! Region markers: what a guest's source says of where parts of it begin and end, without a word of its memory.
//!
//! A marker is one instruction that does nothing (`nop`), and an ELF note in a section that is not loaded. The note's owner is
//! `retrace`; its type 1 where a region begins, 2 where it ends; its description the instruction's address in four
//! bytes, and the region's name with a zero byte. Any assembler makes them, and linkers keep them, as they keep all notes.
//! docs/profiling.md has them for C and for Rust.

use object::LittleEndian;
use object::elf::FileHeader32;
use object::read::elf::NoteIterator;

use crate::isa::Word;

/// The notes' section.
pub(super) const SECTION: &str = ".retrace.regions";

const OWNER: &[u8] = b"retrace";
const BEGIN: u32 = 1;
const END: u32 = 2;

/// Longer names end here: nobody reads them.
const MAX_NAME: usize = 256;

/// A place where a region begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    /// Which region, in [`CodeMap`](super::CodeMap).
    pub(super) region: u32,
    pub(super) begins: bool,
}

/// The markers of a section: address, whether a region begins there, its name. Reading ends at what is no note.
pub(super) fn read(section: &[u8]) -> Vec<(Word, bool, String)> {
    let mut markers = Vec::new();
    let Ok(mut notes) = NoteIterator::<FileHeader32<LittleEndian>>::new(LittleEndian, 4, section) else {
        return markers;
    };
    while let Ok(Some(note)) = notes.next() {
        let begins = match note.n_type(LittleEndian).0 {
            BEGIN => true,
            END => false,
            _ => continue,
        };
        if note.name() == OWNER
            && let Some((&address, name)) = note.desc().split_first_chunk()
        {
            let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
            let name = String::from_utf8_lossy(&name[..name.len().min(MAX_NAME)]).into_owned();
            markers.push((Word::from_le_bytes(address), begins, name));
        }
    }
    markers
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file's bytes at a header's alignment.
    #[repr(align(4))]
    struct Aligned<const N: usize>([u8; N]);

    #[test]
    fn notes_of_this_owner_and_type_are_markers() {
        // Written by hand from the System V ABI, chapter "Note Section": sizes of owner and description, type; padded to words.
        let section = Aligned(
            *b"\x08\0\0\0\x09\0\0\0\x01\0\0\0retrace\0\x00\x01\x02\x00sort\0\0\0\0\
               \x04\0\0\0\x04\0\0\0\x01\0\0\0GNU\0\x00\x01\x02\x00\
               \x08\0\0\0\x09\0\0\0\x03\0\0\0retrace\0\x00\x01\x02\x00sort\0\0\0\0\
               \x08\0\0\0\x09\0\0\0\x02\0\0\0retrace\0\x04\x01\x02\x00sort\0\0\0\0",
        );
        let begin = (0x20100, true, "sort".to_owned());
        let end = (0x20104, false, "sort".to_owned());
        assert_eq!(read(&section.0), [begin.clone(), end]);
        assert_eq!(read(&section.0[..section.0.len() - 8]), [begin], "a note without its end");
        assert_eq!(read(&[]), []);
    }
}
