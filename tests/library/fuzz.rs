//! The seeds of the fuzz targets, without a fuzzer, and what no header may make a reader allocate.
//!
//! `fuzz/run.sh` goes on from the seeds.

#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

use std::path::Path;
use std::sync::Arc;

use ark_bn254::Fr;
use retrace::checkpoint::{CheckpointFile, FileOptions, Options, execute};
use retrace::guest::{Guest, Input, Linux};
use retrace::isa::Rv32im;
use retrace::oracle::WitnessOracle;
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::proof::{Proof, Prover, Verifier};
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;

use targets::heap::within;

/// Runs a target on every seed in its folder.
fn seeds(name: &str) {
    let (_, target) =
        targets::TARGETS.iter().find(|(known, _)| *known == name).expect("there is such a target");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("it has seeds") {
        let path = entry.expect("it can be read").path();
        println!("{}", path.display());
        target(&std::fs::read(path).expect("it can be read"));
        count += 1;
    }
    assert!(count >= 8, "{count} seeds");
}

/// A test a target, so that they run side by side.
macro_rules! seeds_of {
    ($($name:ident)*) => {
        mod seeds {
            $(#[test] fn $name() { super::seeds(stringify!($name)); })*
        }

        #[test]
        fn every_target_is_tested() {
            assert_eq!(targets::TARGETS.map(|(name, _)| name), [$(stringify!($name)),*]);
        }
    };
}

seeds_of!(assembler checkpoints decode elf guest proof spec);

fn seed(path: &str) -> Vec<u8> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    std::fs::read(corpus.join(path)).expect("it is in the repository")
}

/// Two pages a segment at most, and messages.
const LITTLE: usize = 64 << 10;

#[test]
fn an_elf_file_that_claims_four_gibibytes_costs_what_it_has() {
    let whole = seed("elf/four-gibibytes-in-64-bytes");
    assert_eq!(whole.len(), 64);
    for bytes in [whole, seed("elf/four-gibibytes-in-file"), seed("elf/section-count-in-section-0")] {
        within(LITTLE, || Program::<Rv32im>::from_elf(&bytes).expect_err("it is damaged"));
    }
    let many = seed("elf/program-headers-65535");
    within(LITTLE, || Program::<Rv32im>::from_elf(&many).expect_err("it is damaged"));
    // Memory that is only to be zero is no file's, and none of ours until it is touched.
    let zeros = seed("elf/four-gibibytes-of-zeros");
    let program = within(LITTLE, || Program::<Rv32im>::from_elf(&zeros)).expect("it can be loaded");
    assert!(program.segments().iter().any(|segment| segment.end - segment.start > 0xfff0_0000));
    assert_eq!(program.pages().len(), 1);
}

#[test]
fn a_proof_that_claims_two_to_the_sixty_cycles_costs_its_bytes() {
    let program = Arc::new(Program::<Rv32im>::from_elf(&seed("elf/smallest")).expect("it can be loaded"));
    let run =
        execute(Arc::clone(&program), Linux::default(), Input::empty(), Options::default()).expect("it runs");
    let oracle =
        WitnessOracle::new(StreamingWitnessGenerator::new(run, Pool::serial())).expect("there are rows");
    let (proof, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle).expect("it can be proven");
    let cycles = proof.statement().exit.cycle.to_le_bytes();
    let bytes = proof.to_bytes();
    let at = bytes.windows(8).position(|window| window == cycles).expect("the statement has them");
    for claimed in [1 << 60, u64::MAX >> 1, u64::MAX] {
        let mut altered = bytes.clone();
        altered[at..at + 8].copy_from_slice(&u64::to_le_bytes(claimed));
        let long = [&altered[..], &[0; 100_000]].concat();
        for bytes in [altered, long] {
            let verifier = Verifier::new(Arc::clone(&program), Input::empty());
            within((1 << 20) + 2 * bytes.len(), || {
                let proof = Proof::from_bytes(&bytes).expect("it has a statement");
                assert_eq!(proof.statement().exit.cycle, claimed);
                verifier.verify::<Fr>(&proof).expect_err("nothing runs so long");
            });
        }
    }
    let endless = [&bytes[..10], &vec![0; 4 << 20][..]].concat();
    within(LITTLE, || Proof::from_bytes(&endless).expect_err("no proof is so long"));
}

/// A number as postcard writes it: seven bits a byte, the low ones first.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A record of a checkpoint file that is not compressed.
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_le_bytes();
    let header = [&[kind][..], &length, &length].concat();
    let hash = blake3::Hasher::new().update(&header).update(content).finalize();
    [&header[..], &hash.as_bytes()[..16], content].concat()
}

/// A checkpoint file whose only checkpoint says that it has `tables` tables of pages, of which the one that is there says
/// that it has `pages`.
fn claiming(program: &Arc<Program<Rv32im>>, tables: u64, pages: u64) -> Vec<u8> {
    let place = std::env::temp_dir().join(format!("retrace-test-claims-{}", std::process::id()));
    let options = Options { file: Some(FileOptions::new(&place)), ..Options::default() };
    execute(Arc::clone(program), Linux::default(), Input::empty(), options).expect("it runs");
    let honest = std::fs::read(&place).expect("it was written");
    std::fs::remove_file(&place).expect("it was written");
    let data = 16 + 2 * 72;
    let head = 25 + u32::from_le_bytes(honest[data + 5..data + 9].try_into().expect("four bytes")) as usize;
    let mut file = honest[..data + head].to_vec();

    let table_at = file.len() as u64;
    file.extend(record(5, &[varint(pages), varint(1), varint(data as u64)].concat()));
    let state_at = file.len() as u64;
    let guest = Linux::default().save();
    let count = <Rv32im as retrace::isa::Isa>::SPEC.registers.count();
    let registers = [&[count as u8][..], &vec![0; count]].concat();
    let guest = [&[guest.len() as u8][..], &guest].concat();
    let entry = [varint(0), varint(table_at)].concat();
    let state = [vec![0], varint(0x1_0000), registers, guest, varint(tables), entry].concat();
    file.extend(record(6, &state));
    let index_at = file.len() as u64;
    let checkpoint = [vec![0], varint(state_at)].concat();
    let index = [&[1, 1][..], &checkpoint, &[0, 0], &checkpoint, &[0, 0], &[0, 0, 0], &[0], &[0; 8]].concat();
    file.extend(record(7, &index));

    let hash = blake3::Hasher::new().update(&file[..16]).update(&file[data..]).finalize();
    for sequence in [0u64, 1] {
        let numbers = [sequence, file.len() as u64, index_at].map(u64::to_le_bytes).concat();
        let end = [&numbers[..], hash.as_bytes()].concat();
        let end = [&end[..], &blake3::hash(&end).as_bytes()[..16]].concat();
        let at = 16 + 72 * sequence as usize;
        file[at..at + 72].copy_from_slice(&end);
    }
    file
}

#[test]
fn a_checkpoint_that_claims_two_to_the_sixty_pages_costs_its_bytes() {
    let program = Arc::new(Program::<Rv32im>::from_elf(&seed("elf/smallest")).expect("it can be loaded"));
    let place = std::env::temp_dir().join(format!("retrace-test-pages-{}", std::process::id()));
    for (tables, pages) in [(1, 1), (1 << 60, 1), (1, 1 << 60), (u64::MAX, u64::MAX), (2, 1), (1, 2)] {
        std::fs::write(&place, claiming(&program, tables, pages)).expect("it can be written");
        within(LITTLE, || {
            let file = CheckpointFile::open(&place).expect("its index is right");
            let entry = file.entries().next().expect("there is a checkpoint");
            assert_eq!(entry.is_ok(), (tables, pages) == (1, 1), "{tables} tables, {pages} pages");
            file.verify().expect_err("its page is none");
            let _ = file.execution::<Rv32im, Linux>(Arc::clone(&program));
        });
    }
    std::fs::remove_file(&place).expect("it was written");
}
