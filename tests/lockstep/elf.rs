//! A static ELF32 executable for RISC-V: headers, then segments, and no sections. The layout is the System V ABI's, chapter
//! "Object Files", and the machine's number the RISC-V ELF specification's.

/// Bytes at an address, which is a multiple of [`PAGE`].
pub(crate) struct Segment {
    pub(crate) address: u32,
    pub(crate) bytes: Vec<u8>,
    /// Executable, and not writable; otherwise writable, and not executable.
    pub(crate) code: bool,
}

pub(crate) const PAGE: u32 = 4096;

const HEADER_BYTES: u16 = 52;
const SEGMENT_BYTES: u16 = 32;

pub(crate) fn executable(entry: u32, segments: &[Segment]) -> Vec<u8> {
    let mut file = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let half = |file: &mut Vec<u8>, values: &[u16]| {
        values.iter().for_each(|value| file.extend_from_slice(&value.to_le_bytes()));
    };
    let word = |file: &mut Vec<u8>, values: &[u32]| {
        values.iter().for_each(|value| file.extend_from_slice(&value.to_le_bytes()));
    };
    // An executable, for RISC-V, version 1; the program headers follow; no sections, no flags.
    half(&mut file, &[2, 243]);
    word(&mut file, &[1, entry, HEADER_BYTES.into(), 0, 0]);
    half(&mut file, &[HEADER_BYTES, SEGMENT_BYTES, segments.len() as u16, 0, 0, 0]);
    let mut offset = PAGE;
    for segment in segments {
        let size = segment.bytes.len() as u32;
        let flags = if segment.code { 0b101 } else { 0b110 };
        word(&mut file, &[1, offset, segment.address, segment.address, size, size, flags, PAGE]);
        offset += size.next_multiple_of(PAGE);
    }
    for segment in segments {
        file.resize(file.len().next_multiple_of(PAGE as usize), 0);
        file.extend_from_slice(&segment.bytes);
    }
    file
}
