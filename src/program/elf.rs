//! From the bytes of an ELF file to an [`Image`]: every claim of a header is checked before it costs anything.

use object::elf;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, Sym};
use object::{LittleEndian, pod};

use super::symbols::{Kind, Symbols};
use super::{Image, LoadError, ProgramHeaders, architecture};
use crate::isa::Word;

type Header = elf::FileHeader32<LittleEndian>;
type Section = elf::SectionHeader32<LittleEndian>;
type Segment = elf::ProgramHeader32<LittleEndian>;

const LE: LittleEndian = LittleEndian;

/// [`Header`] is the file header for words of this width.
const _: () = assert!(Word::BITS == 32);

pub(super) fn load(bytes: &[u8]) -> Result<Image, LoadError> {
    check_identity(bytes)?;
    at_alignment(bytes, load_aligned)
}

fn load_aligned(bytes: &[u8]) -> Result<Image, LoadError> {
    let header = Header::parse(bytes).map_err(|_| LoadError::Damaged { what: "the file header" })?;
    check_header(header)?;
    let segments =
        header.program_headers(LE, bytes).map_err(|_| LoadError::Damaged { what: "the program headers" })?;
    let sections =
        header.section_headers(LE, bytes).map_err(|_| LoadError::Damaged { what: "the section headers" })?;

    let mut image = Image { entry: header.e_entry(LE), ..Image::default() };
    load_segments(&mut image, segments, bytes)?;
    image.headers = headers_in_memory(header, segments);
    image.code =
        if sections.is_empty() { code_segments(segments)? } else { code_sections(sections, segments)? };
    image.symbols = symbols(sections, bytes);
    image.architecture = architecture::of_sections(sections, bytes);
    Ok(image)
}

/// Checks what says for which machine the file is, before anything is read that depends on it.
fn check_identity(bytes: &[u8]) -> Result<(), LoadError> {
    if !bytes.starts_with(&elf::ELFMAG) {
        return Err(LoadError::NotElf);
    }
    let (Some(&class), Some(&data), Some(&[low, high])) =
        (bytes.get(4), bytes.get(5), bytes.get(18..20).and_then(|pair| pair.first_chunk()))
    else {
        return Err(LoadError::Damaged { what: "the file header" });
    };
    let big = data == elf::ELFDATA2MSB.0;
    let machine = if big { u16::from_be_bytes([low, high]) } else { u16::from_le_bytes([low, high]) };
    if machine != elf::EM_RISCV.0 {
        return Err(LoadError::Machine { found: machine_name(machine) });
    }
    let found = match elf::FileClass(class) {
        elf::ELFCLASS32 => 32,
        elf::ELFCLASS64 => 64,
        _ => return Err(LoadError::Damaged { what: "the file's class" }),
    };
    if found != Word::BITS {
        return Err(LoadError::Width { found, expected: Word::BITS });
    }
    if big { Err(LoadError::BigEndian) } else { Ok(()) }
}

fn machine_name(machine: u16) -> String {
    let name = match elf::Machine(machine) {
        elf::EM_X86_64 => "x86-64",
        elf::EM_386 => "x86",
        elf::EM_AARCH64 => "AArch64",
        elf::EM_ARM => "ARM",
        elf::EM_MIPS => "MIPS",
        elf::EM_PPC | elf::EM_PPC64 => "PowerPC",
        elf::EM_BPF => "BPF",
        _ => return format!("machine number {machine}"),
    };
    name.to_owned()
}

fn check_header(header: &Header) -> Result<(), LoadError> {
    match header.e_type(LE) {
        elf::ET_EXEC => {}
        elf::ET_REL => {
            return Err(LoadError::Kind { found: "an object file", remedy: "link it into an executable" });
        }
        elf::ET_DYN => {
            return Err(LoadError::Kind {
                found: "a shared object or position-independent executable",
                remedy: "link it with -static -no-pie (Rust: -C relocation-model=static)",
            });
        }
        _ => return Err(LoadError::Kind { found: "no executable", remedy: "give a linked executable" }),
    }
    if header.e_flags(LE).0 & elf::EF_RISCV_RVC.0 != 0 { Err(LoadError::Compressed) } else { Ok(()) }
}

/// Linkers make a handful. Each can cost a page of memory for a byte of the file, and is compared with every section.
const MAX_SEGMENTS: usize = 256;

/// Loads the segments. Together they must not claim more bytes than the file has: so memory is bounded by its size.
fn load_segments(image: &mut Image, segments: &[Segment], bytes: &[u8]) -> Result<(), LoadError> {
    if segments.iter().any(|segment| matches!(segment.p_type(LE), elf::PT_INTERP | elf::PT_DYNAMIC)) {
        return Err(LoadError::Dynamic);
    }
    let found = loadable(segments).count();
    if found > MAX_SEGMENTS {
        return Err(LoadError::TooManySegments { found, most: MAX_SEGMENTS });
    }
    let mut total = 0;
    for segment in loadable(segments) {
        let content =
            segment.data(LE, bytes).map_err(|()| LoadError::Damaged { what: "a segment's bytes" })?;
        let size = u64::from(segment.p_memsz(LE));
        total += content.len();
        if content.len() as u64 > size || total > bytes.len() {
            return Err(LoadError::Damaged { what: "the sizes of the segments" });
        }
        image.add_segment(segment.p_vaddr(LE).into(), size, content)?;
        let load_address = segment.p_paddr(LE);
        // Where a segment has none, linkers write zero, at which nothing can be loaded.
        if load_address != 0 && load_address != segment.p_vaddr(LE) {
            image.add_load_copy(load_address.into(), content)?;
        }
    }
    Ok(())
}

/// Where the program headers are, if the file part of a segment has them all.
fn headers_in_memory(header: &Header, segments: &[Segment]) -> Option<ProgramHeaders> {
    let start = u64::from(header.e_phoff(LE));
    let end = start + segments.len() as u64 * u64::from(header.e_phentsize(LE));
    let holds_them = |segment: &&Segment| {
        let offset = u64::from(segment.p_offset(LE));
        offset <= start && end <= offset + u64::from(segment.p_filesz(LE))
    };
    let segment = loadable(segments).find(holds_them)?;
    Some(ProgramHeaders {
        address: segment.p_vaddr(LE) + (header.e_phoff(LE) - segment.p_offset(LE)),
        entry_bytes: header.e_phentsize(LE).into(),
        count: segments.len() as Word,
    })
}

fn loadable(segments: &[Segment]) -> impl Iterator<Item = &Segment> {
    segments.iter().filter(|segment| segment.p_type(LE) == elf::PT_LOAD)
}

/// The addresses of a segment that the file fills.
fn filled(segment: &Segment) -> core::ops::Range<u64> {
    let start = u64::from(segment.p_vaddr(LE));
    start..start + u64::from(segment.p_filesz(LE))
}

fn code_segments(segments: &[Segment]) -> Result<Vec<core::ops::Range<u64>>, LoadError> {
    let executable = loadable(segments).filter(|segment| segment.p_flags(LE).0 & elf::PF_X.0 != 0);
    executable
        .map(|segment| {
            if segment.p_flags(LE).0 & elf::PF_W.0 != 0 {
                return Err(LoadError::WritableCode { address: segment.p_vaddr(LE).into() });
            }
            Ok(filled(segment))
        })
        .collect()
}

fn code_sections(
    sections: &[Section],
    segments: &[Segment],
) -> Result<Vec<core::ops::Range<u64>>, LoadError> {
    let wanted = elf::SHF_ALLOC.0 | elf::SHF_EXECINSTR.0;
    sections
        .iter()
        .filter(|section| section.sh_flags(LE).0 & wanted == wanted && section.sh_size(LE) > 0)
        .map(|section| {
            let start = u64::from(section.sh_addr(LE));
            let code = start..start + u64::from(section.sh_size(LE));
            let inside = |file: core::ops::Range<u64>| file.start <= code.start && code.end <= file.end;
            if !loadable(segments).map(filled).any(inside) {
                return Err(LoadError::CodeNotLoaded { address: start });
            }
            Ok(code)
        })
        .collect()
}

/// The symbols; a damaged symbol table gives none, since nothing but messages depends on them.
fn symbols(sections: &[Section], bytes: &[u8]) -> Symbols {
    let Some(section) = sections.iter().find(|section| section.sh_type(LE) == elf::SHT_SYMTAB) else {
        return Symbols::default();
    };
    let table: &[elf::Sym32<LittleEndian>] = section.data_as_array(LE, bytes).unwrap_or_default();
    let names = sections.get(section.sh_link(LE) as usize).and_then(|names| names.data(LE, bytes).ok());
    let executable = |symbol: &elf::Sym32<LittleEndian>| {
        let section = sections.get(usize::from(symbol.st_shndx(LE).0));
        section.is_some_and(|section| section.sh_flags(LE).0 & elf::SHF_EXECINSTR.0 != 0)
    };
    let named = table.iter().filter(|symbol| symbol.st_shndx(LE) != elf::SHN_UNDEF).filter_map(|symbol| {
        let kind = match symbol.st_type() {
            elf::STT_FUNC => Kind::Function,
            elf::STT_NOTYPE if executable(symbol) => Kind::Label,
            elf::STT_NOTYPE | elf::STT_OBJECT => Kind::Data,
            _ => return None,
        };
        Some((symbol.st_value(LE), kind, symbol.st_name(LE), symbol.st_size(LE)))
    });
    Symbols::new(names.unwrap_or_default(), named)
}

/// Calls `read` with what finds a section's bytes by its name, in a file that [`load`] accepts. A compressed section is not
/// found.
#[cfg(feature = "profile")]
pub(crate) fn with_sections<T>(
    bytes: &[u8],
    read: impl for<'b> FnOnce(&dyn Fn(&str) -> Option<&'b [u8]>) -> T,
) -> T {
    at_alignment(bytes, |bytes| {
        let table = Header::parse(bytes).and_then(|header| header.sections(LE, bytes)).unwrap_or_default();
        read(&|name| {
            let (_, section) = table.section_by_name(LE, name.as_bytes())?;
            let compressed = section.sh_flags(LE).0 & elf::SHF_COMPRESSED.0 != 0;
            section.data(LE, bytes).ok().filter(|_| !compressed)
        })
    })
}

/// Reads the file from an address that headers may be read from: a copy, if it is not at one.
pub(super) fn at_alignment<T>(bytes: &[u8], read: impl FnOnce(&[u8]) -> T) -> T {
    if bytes.as_ptr().align_offset(align_of::<u64>()) == 0 {
        return read(bytes);
    }
    let mut copy = vec![0u64; bytes.len().div_ceil(size_of::<u64>())];
    let copy = &mut pod::bytes_of_slice_mut(&mut copy)[..bytes.len()];
    copy.copy_from_slice(bytes);
    read(copy)
}
