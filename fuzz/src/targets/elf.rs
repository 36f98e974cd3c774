//! The ELF loader: any bytes give a program or an error, and cost memory by their length, not by what headers claim.

use retrace::isa::{Rv32i, Rv32im};
use retrace::program::{Candidate, ElfFile, Program};

use super::heap::within;

pub fn target(bytes: &[u8]) {
    let program = within(limit(bytes), || Program::<Rv32im>::from_elf(bytes));
    if let Ok(file) = within(limit(bytes), || ElfFile::parse(bytes)) {
        let isas = [Candidate::of::<Rv32i>(), Candidate::of::<Rv32im>()];
        let smallest = file.smallest_isa(&isas);
        // A word may be called, and is visited sixteen times at most; each visit leaves an address, and a place to go on.
        match within(limit(bytes) + 512 * bytes.len(), || file.choose_isa(&isas)) {
            Ok(chosen) => assert_eq!(Some(chosen), smallest),
            Err(error) => assert!(error.to_string().len() < 1000 + 8 * bytes.len()),
        }
    }
    match program {
        Ok(program) => walk(&program),
        Err(error) => assert!(error.to_string().len() < 1000),
    }
}

/// A page for a segment of one byte, of which there are at most 256; 16 bytes an instruction word; the names, and 16 bytes a
/// symbol in a vector that doubles; a copy of the file, if it is not aligned.
fn limit(bytes: &[u8]) -> usize {
    (4 << 20) + 24 * bytes.len()
}

/// What a program says of itself, where it could be wrong.
fn walk(program: &Program<Rv32im>) {
    assert!(program.code().index_of(program.entry()).is_some());
    let segments = program.segments();
    assert!(segments.windows(2).all(|pair| pair[0].end <= pair[1].start));
    for range in program.code().ranges().iter() {
        let (start, end) = (u64::from(range.start), u64::from(range.end));
        assert!(segments.iter().any(|segment| segment.start <= start) && start < end);
        assert!(program.code().at(range.start).is_some_and(|op| op.pc == range.start));
    }
    for symbol in program.symbols().iter().take(100) {
        assert!(program.symbols().address(symbol.name).is_some());
        program.symbols().describe(symbol.address);
    }
}
