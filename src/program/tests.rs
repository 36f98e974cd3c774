use proptest::prelude::*;

use super::*;
use crate::isa::Op;
use crate::machine::test_isa::{Asm, BASE, TestIsa};
use crate::pages::PAGE_WORDS;

type TestProgram = Program<TestIsa>;

/// Offsets of ELF32 header fields, from the System V ABI.
const E_CLASS: usize = 4;
const E_DATA: usize = 5;
const E_TYPE: usize = 16;
const E_MACHINE: usize = 18;
const E_ENTRY: usize = 24;
const E_SHOFF: usize = 32;
const E_FLAGS: usize = 36;
const PHDR: usize = 52;
const P_VADDR: usize = PHDR + 8;
const P_FILESZ: usize = PHDR + 16;
const P_MEMSZ: usize = PHDR + 20;
const P_FLAGS: usize = PHDR + 24;
const CODE: usize = 0x100;
const SECTIONS: usize = 0x200;

/// An ELF file with one segment (code, then four bytes of data, then zeros), one executable section, and symbols.
fn elf() -> Vec<u8> {
    let code = [Asm::addi(10, 0, 1), Asm::ebreak()];
    let mut file = vec![0u8; 0x300];
    let mut put = |at: usize, words: &[u32]| {
        for (to, word) in file[at..].chunks_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
    };
    put(0, &[0x464c_457f, 0x0001_0101, 0, 0, 2 | 243 << 16, 1, BASE, PHDR as u32, SECTIONS as u32, 0]);
    put(40, &[52 | 32 << 16, 1 | 40 << 16, 4]);
    put(PHDR, &[1, CODE as u32, BASE, BASE, 12, 0x5000, 5, 4]);
    put(CODE, &code);
    put(CODE + 8, &[0x0403_0201]);
    let names = b"\0start\0at_break\0value\0$x\0";
    // null, code, symbols, names
    put(SECTIONS + 40, &[0, 1, 6, BASE, CODE as u32, 8, 0, 0, 4, 0]);
    put(SECTIONS + 80, &[0, 2, 0, 0, 0x120, 16 * 5, 3, 1, 4, 16]);
    put(SECTIONS + 120, &[0, 3, 0, 0, 0x1a0, names.len() as u32, 0, 0, 1, 0]);
    let symbols =
        [(1, BASE, 0x12, 1), (7, BASE + 4, 0x10, 1), (16, BASE + 8, 0x11, 1), (22, BASE + 4, 0x10, 1)];
    for (at, (name, value, info, section)) in symbols.into_iter().enumerate() {
        put(0x130 + 16 * at, &[name, value, 0, info | section << 16]);
    }
    file[0x1a0..][..names.len()].copy_from_slice(names);
    file
}

fn patched(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = elf();
    file[at..][..bytes.len()].copy_from_slice(bytes);
    file
}

fn refused(file: &[u8]) -> LoadError {
    TestProgram::from_elf(file).unwrap_err()
}

#[test]
fn a_good_file() {
    let program = TestProgram::from_elf(&elf()).unwrap();
    assert_eq!(program.entry(), BASE);
    assert_eq!(program.segments().first(), Some(&(u64::from(BASE)..u64::from(BASE) + 0x5000)));
    assert_eq!(program.segments().len(), 1);
    assert_eq!(program.pages().len(), 1, "zeros cost nothing");
    assert_eq!(program.pages().word(BASE + 8), 0x0403_0201);
    assert_eq!(program.hash(), *blake3::hash(&elf()).as_bytes());
    let code = program.code();
    assert_eq!(code.ops().len(), 4, "padding, two words, the end");
    assert_eq!(code.ops()[0], Op::default());
    assert_eq!(code.ops()[3], Op { pc: BASE + 8, ..Op::default() });
    assert_eq!(
        [BASE - 4, BASE, BASE + 2, BASE + 4, BASE + 8].map(|pc| code.index_of(pc)),
        [None, Some(1), None, Some(2), None]
    );
}

#[test]
fn an_unaligned_buffer_is_read_all_the_same() {
    let mut buffer = vec![0];
    buffer.extend(elf());
    assert_eq!(TestProgram::from_elf(&buffer[1..]).unwrap().entry(), BASE);
}

#[test]
fn symbols_name_addresses() {
    let program = TestProgram::from_elf(&elf()).unwrap();
    let symbols = program.symbols();
    assert_eq!(symbols.address("value"), Some(BASE + 8));
    assert_eq!(symbols.address("$x"), None);
    assert_eq!(symbols.describe(BASE).unwrap(), "start");
    assert_eq!(symbols.describe(BASE + 4).unwrap(), "at_break");
    assert_eq!(symbols.describe(BASE + 0x20).unwrap(), "at_break+0x1c", "data names no code");
    assert_eq!(symbols.describe(BASE - 1), None);
}

#[test]
fn without_section_headers_segments_are_code() {
    let program = TestProgram::from_elf(&patched(E_SHOFF, &[0; 4])).unwrap();
    assert_eq!(program.code().ranges().first(), Some(&(BASE..BASE + 12)));
    let mut writable = patched(E_SHOFF, &[0; 4]);
    writable[P_FLAGS] = 7;
    assert_eq!(refused(&writable), LoadError::WritableCode { address: BASE.into() });
    assert!(refused(&writable).to_string().contains("separate-code"));
    writable[P_FLAGS] = 6;
    assert_eq!(refused(&writable), LoadError::NoCode);
}

#[test]
fn foreign_files_are_named() {
    assert_eq!(refused(b""), LoadError::NotElf);
    assert_eq!(refused(b"#!/bin/sh\n"), LoadError::NotElf);
    assert_eq!(refused(&patched(E_MACHINE, &[62, 0])), LoadError::Machine { found: "x86-64".into() });
    assert_eq!(refused(&patched(E_CLASS, &[2])), LoadError::Width { found: 64, expected: 32 });
    let mut big = patched(E_DATA, &[2]);
    big[E_MACHINE..][..2].copy_from_slice(&[0, 243]);
    assert_eq!(refused(&big), LoadError::BigEndian);
    assert!(matches!(refused(&patched(E_TYPE, &[1])), LoadError::Kind { .. }));
    assert!(refused(&patched(E_TYPE, &[3])).to_string().contains("-no-pie"));
    assert_eq!(refused(&patched(E_FLAGS, &[1])), LoadError::Compressed);
    assert_eq!(refused(&patched(PHDR, &[3])), LoadError::Dynamic);
}

#[test]
fn addresses_that_cannot_be() {
    let word = |at: usize, value: u32| patched(at, &value.to_le_bytes());
    assert_eq!(refused(&word(E_ENTRY, BASE + 8)), LoadError::Entry { entry: BASE + 8 });
    assert_eq!(refused(&word(E_ENTRY, BASE + 2)), LoadError::Entry { entry: BASE + 2 });
    assert!(matches!(refused(&word(P_VADDR, 0)), LoadError::PageZero { .. }));
    assert!(matches!(refused(&word(P_VADDR, u32::MAX - 100)), LoadError::OutsideAddressSpace { .. }));
    assert!(matches!(refused(&word(P_FILESZ, 0x4000)), LoadError::Damaged { .. }));
    assert!(matches!(refused(&word(P_MEMSZ, 4)), LoadError::Damaged { .. }));
    assert!(matches!(refused(&word(SECTIONS + 40 + 12, BASE + 8)), LoadError::CodeNotLoaded { .. }));
    let at_end = TestProgram::from_code(u32::MAX - 3, &[0], &[]).unwrap_err();
    assert!(matches!(at_end, LoadError::LastPage { .. }));
    let overlap = TestProgram::from_code(BASE, &[0, 0], &[(BASE + 4, b"data")]).unwrap_err();
    assert!(matches!(overlap, LoadError::Overlap { .. }));
    assert_eq!(TestProgram::from_code(BASE, &[], &[]).unwrap_err(), LoadError::NoCode);
}

const P_PADDR: usize = PHDR + 12;

#[test]
fn the_bytes_are_at_the_load_address_too() {
    let load = |address: Word| TestProgram::from_elf(&patched(P_PADDR, &address.to_le_bytes()));
    for address in [0x2_0ffa, 0xffff_eff4] {
        let program = load(address).unwrap();
        assert_eq!(program.segments(), core::slice::from_ref(&(0x1_0000..0x1_5000)));
        let address = u64::from(address);
        assert_eq!(
            program.load_copies(),
            core::slice::from_ref(&(address..address + 12)),
            "what the file has, without the zeros"
        );
        let byte = |at: u64| {
            program.pages().word((address + at) as Word & !3).to_le_bytes()[(address + at) as usize % 4]
        };
        assert_eq!([8, 9, 10, 11].map(byte), [1, 2, 3, 4]);
        assert_eq!(program.pages().word(BASE + 8), 0x0403_0201);
    }
    for none in [0, BASE] {
        assert!(load(none).unwrap().load_copies().is_empty());
    }
    let copy = |start: u64| start..start + 12;
    let segment = 0x1_0000..0x1_5000;
    for address in [0xfff5, 0x1_0004, 0x1_4fff] {
        let refused = load(address).unwrap_err();
        let expected = LoadError::LoadCopyOverlaps { copy: copy(address.into()), other: segment.clone() };
        assert_eq!(refused, expected);
        for range in [copy(address.into()), segment.clone()] {
            let named = format!("{:#010x}..{:#010x}", range.start, range.end);
            assert!(refused.to_string().contains(&named), "{refused}");
        }
    }
    for address in [0xfff4, 0x1_5000] {
        assert_eq!(load(address).unwrap().load_copies(), core::slice::from_ref(&copy(address.into())));
    }
    assert_eq!(load(0xff8).unwrap_err(), LoadError::PageZero { address: 0xff8 });
    assert_eq!(load(0xffff_eff5).unwrap_err(), LoadError::LastPage { end: 0xffff_f001 });
}

#[test]
fn copies_at_load_addresses_do_not_overlap() {
    let mut file = elf();
    file[44] = 3;
    for (at, load_address) in [(1u32, 0x5_0000u32), (2, 0x5_000f)] {
        let segment = [1, 0, 0x2_0000 * at, load_address, 0x10, 0x10, 4, 4];
        let bytes: Vec<u8> = segment.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        file[PHDR + 32 * at as usize..][..32].copy_from_slice(&bytes);
    }
    let expected = LoadError::LoadCopyOverlaps { copy: 0x5_0000..0x5_0010, other: 0x5_000f..0x5_001f };
    assert_eq!(refused(&file), expected);
    file[PHDR + 64 + 12] = 0x10;
    assert_eq!(TestProgram::from_elf(&file).unwrap().load_copies(), [0x5_0000..0x5_0010, 0x5_0010..0x5_0020]);
}

/// The headers are in the file from byte 52 on, 32 bytes each.
#[test]
fn the_headers_are_found_where_a_segment_loads_them() {
    assert_eq!(TestProgram::from_elf(&elf()).unwrap().headers(), None);
    let mut file = elf();
    let segment = [1, 0, BASE, BASE, 0x10c, 0x10c, 5, 4];
    for (to, word) in file[PHDR..].chunks_mut(4).zip(segment) {
        to.copy_from_slice(&u32::to_le_bytes(word));
    }
    file[SECTIONS + 40 + 12..][..4].copy_from_slice(&(BASE + 0x100).to_le_bytes());
    file[E_ENTRY..][..4].copy_from_slice(&(BASE + 0x100).to_le_bytes());
    let headers = TestProgram::from_elf(&file).unwrap().headers().unwrap();
    assert_eq!((headers.address, headers.entry_bytes, headers.count), (BASE + 52, 32, 1));
}

#[test]
fn the_last_page_is_kept_free() {
    let load = |base: Word, size: usize| TestProgram::from_code(BASE, &[0], &[(base, &vec![1; size])]);
    assert!(load(0xffff_e000, 0x1000).is_ok());
    for (base, size) in [(0xffff_e000, 0x1001), (0xffff_f000, 1), (0xffff_ffff, 1)] {
        assert_eq!(load(base, size).unwrap_err(), LoadError::LastPage { end: u64::from(base) + size as u64 });
    }
}

/// A page a segment, of four bytes that all share: two megabytes of file would become hundreds of memory.
#[test]
fn segments_are_few() {
    let mut file = elf();
    let headers = file.len() as u32;
    let count = 300u32;
    for at in 0..count {
        let address = BASE + 0x1_0000 * at;
        for word in [1, CODE as u32, address, address, 4, 4, 5, 4] {
            file.extend_from_slice(&word.to_le_bytes());
        }
    }
    file[28..32].copy_from_slice(&headers.to_le_bytes());
    file[44..46].copy_from_slice(&(count as u16).to_le_bytes());
    assert_eq!(refused(&file), LoadError::TooManySegments { found: 300, most: 256 });
}

#[test]
fn segments_cannot_claim_the_same_bytes_again_and_again() {
    let mut file = elf();
    file[44] = 3;
    for at in 1..3u32 {
        let segment = [1, 0, BASE * (at + 1), 0, 0x200, 0x200, 4, 4];
        let bytes: Vec<u8> = segment.iter().flat_map(|word| word.to_le_bytes()).collect();
        file[PHDR + 32 * at as usize..][..32].copy_from_slice(&bytes);
    }
    assert!(matches!(refused(&file), LoadError::Damaged { .. }));
    file[44] = 2;
    assert_eq!(TestProgram::from_elf(&file).unwrap().segments().len(), 2);
}

#[test]
fn a_claim_of_four_gibibytes_costs_nothing() {
    let program = TestProgram::from_elf(&patched(P_MEMSZ, &0xfffe_0000u32.to_le_bytes())).unwrap();
    assert_eq!(program.pages().len(), 1);
}

#[test]
fn regions_are_joined_and_apart() {
    let mut pages = PageMap::default();
    for page in [1, 3] {
        pages.write(page, 0, &1u32.to_le_bytes().repeat(PAGE_WORDS));
    }
    let ranges = vec![0x3000..0x3010, 0x1000..0x1008, 0x1008..0x100e, 0x3004..0x3012];
    let code = Code::new::<TestIsa>(code::join(ranges).unwrap(), &pages).unwrap();
    assert_eq!(code.ranges()[..], [0x1000..0x100c, 0x3000..0x3010]);
    let pcs: Vec<Word> = code.ops().iter().map(|op| op.pc).collect();
    assert_eq!(pcs, [0, 0x1000, 0x1004, 0x1008, 0x100c, 0x3000, 0x3004, 0x3008, 0x300c, 0x3010]);
    for (index, op) in code.ops().iter().enumerate() {
        let expected = (op.kind == 1).then_some(index as u32);
        assert_eq!(code.index_of(op.pc), expected, "{:#x}", op.pc);
    }
}

#[test]
fn every_truncation_is_refused_or_loads() {
    let file = elf();
    for length in 0..file.len() {
        let _ = TestProgram::from_elf(&file[..length]);
    }
    assert!(TestProgram::from_elf(&file[..CODE + 11]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn damaged_headers_never_panic(patches in prop::collection::vec((0usize..0x300, any::<u32>()), 1..6)) {
        let mut file = elf();
        for (at, value) in patches {
            let end = file.len().min(at + 4);
            file[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
        }
        if let Ok(program) = TestProgram::from_elf(&file) {
            prop_assert!(program.code().ops().len() <= file.len());
            prop_assert!(program.pages().len() <= 4, "those of the segment, and of a copy");
        }
    }
}
