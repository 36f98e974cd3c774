//! What an ELF file says it was built for: the RISC-V attributes' architecture string.

use object::LittleEndian;
use object::elf;
use object::read::elf::{AttributesSection, FileHeader, SectionHeader};

use super::elf::at_alignment;

/// The attribute that names the architecture, in the RISC-V ELF psABI; a string, as all odd ones are.
const TAG_ARCH: u64 = 5;

/// The ISA that the file names, as it spells it: `rv32i2p1_m2p0`. None if the file has no such attribute, or is damaged.
/// O(sections + attributes).
pub fn architecture(bytes: &[u8]) -> Option<String> {
    at_alignment(bytes, arch_string)
}

fn arch_string(bytes: &[u8]) -> Option<String> {
    let header = elf::FileHeader32::<LittleEndian>::parse(bytes).ok()?;
    of_sections(header.section_headers(LittleEndian, bytes).ok()?, bytes)
}

/// The same of a file whose headers were read.
pub(super) fn of_sections(sections: &[elf::SectionHeader32<LittleEndian>], bytes: &[u8]) -> Option<String> {
    let section =
        sections.iter().find(|section| section.sh_type(LittleEndian) == elf::SHT_RISCV_ATTRIBUTES)?;
    let attributes: AttributesSection<'_, elf::FileHeader32<LittleEndian>> =
        section.attributes(LittleEndian, bytes).ok()?;
    let mut subsections = attributes.subsections().ok()?;
    while let Some(subsection) = subsections.next().ok()? {
        let mut scopes = subsection.subsubsections();
        while let Some(scope) = scopes.next().ok()? {
            let mut reader = scope.attributes();
            while let Some(tag) = reader.read_tag().ok()? {
                if tag == TAG_ARCH {
                    return String::from_utf8(reader.read_string().ok()?.to_vec()).ok();
                }
                if tag % 2 == 0 {
                    reader.read_integer().ok()?;
                } else {
                    reader.read_string().ok()?;
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_says_what_it_was_built_for() {
        let elf = include_bytes!("../../tests/guests/tiny.elf");
        assert_eq!(architecture(elf).as_deref(), Some("rv32i2p1"));
        assert_eq!(architecture(&elf[..elf.len() / 2]), None);
        assert_eq!(architecture(b"no ELF"), None);
    }
}
