//! A batch of programs as one executable, here and under qemu-riscv32, and where they differ.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use retrace::asm::disassemble;
use retrace::checkpoint::{Options, Stopped, execute};
use retrace::guest::{Input, Linux, Output};
use retrace::isa::Isa;

use crate::code::{BATCH, Code, PRINTED, Place, REGISTER_BYTES};
use crate::elf::{PAGE, Segment, executable};
use crate::generator::{Item, Program};
use crate::sink::Shared;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exited(u32),
    /// By a fault here, by a signal there; what it was does not count.
    Faulted(String),
    /// Anything else.
    Odd(String),
}

pub(crate) struct Run {
    pub(crate) output: Vec<u8>,
    pub(crate) end: End,
    pub(crate) cycles: u64,
}

pub(crate) fn is_installed() -> bool {
    let found = Command::new("qemu-riscv32").arg("--version").output().is_ok();
    if !found {
        eprintln!("qemu-riscv32 is not installed: nothing was compared");
    }
    found
}

pub(crate) fn here<I: Isa>(elf: &[u8]) -> Run {
    let sink = Shared::default();
    let options = Options {
        output: Output::new(Box::new(sink.clone()), Box::new(std::io::sink())),
        max_cycles: 20_000_000,
        ..Options::default()
    };
    let program = retrace::program::Program::<I>::from_elf(elf).expect("it can be loaded");
    let execution = execute(program, Linux::default(), Input::from(vec![]), options).expect("it runs");
    let end = match execution.stopped() {
        Stopped::Exited(code) => End::Exited(*code),
        Stopped::Trapped(fault) => End::Faulted(fault.to_string()),
        stopped => End::Odd(format!("{stopped:?}")),
    };
    let output = core::mem::take(&mut *sink.0.lock().expect("no writer panicked"));
    Run { output, end, cycles: execution.cycles() }
}

pub(crate) fn qemu(path: &Path, elf: &[u8]) -> Run {
    std::fs::write(path, elf).expect("the target folder can be written");
    std::fs::set_permissions(path, Permissions::from_mode(0o755))
        .expect("qemu wants to be allowed to execute it");
    let run = Command::new("qemu-riscv32").arg(path).output().expect("qemu starts");
    let end = match (run.status.code(), run.status.signal()) {
        (Some(code), _) => End::Exited(code as u32),
        (None, Some(signal)) => End::Faulted(format!("signal {signal}")),
        (None, None) => End::Odd(run.status.to_string()),
    };
    Run { output: run.stdout, end, cycles: 0 }
}

/// Programs of one batch, in its place.
pub(crate) struct Batch {
    pub(crate) programs: Vec<Program>,
    pub(crate) place: Place,
}

/// The first difference: whose, and what.
pub(crate) struct Difference {
    pub(crate) index: usize,
    pub(crate) what: String,
}

impl Batch {
    pub(crate) fn new(programs: Vec<Program>) -> Self {
        let place = Place::of(programs[0].number / BATCH);
        Self { programs, place }
    }

    /// One program whose data ends with the memory, where qemu cannot put it.
    pub(crate) fn at_the_top(program: Program) -> Self {
        let place = Place::at_the_top(program.slot());
        Self { programs: vec![program], place }
    }

    /// The executable: segments of the pages that are used, and a segment of each program's data.
    pub(crate) fn elf<I: Isa>(&self) -> Vec<u8> {
        let code = Code::new::<I>(self.place, &self.programs);
        let mut segments: Vec<Segment> = Vec::new();
        for (&at, word) in &code.words {
            let page = at / PAGE * PAGE;
            let end = |segment: &Segment| segment.address + segment.bytes.len() as u32;
            // Some pages of zeros cost less than a segment.
            match segments.last_mut() {
                Some(last) if page <= end(last) + 16 * PAGE => {
                    last.bytes.resize((page + PAGE - last.address).max(last.bytes.len() as u32) as usize, 0);
                }
                _ => segments.push(Segment { address: page, bytes: vec![0; PAGE as usize], code: true }),
            }
            if let Some(segment) = segments.last_mut() {
                let offset = (at - segment.address) as usize;
                segment.bytes[offset..offset + 4].copy_from_slice(&word.to_le_bytes());
            }
        }
        // Programs have neighbouring slots, in order.
        let bytes = self.programs.iter().flat_map(Program::memory).collect();
        let address = self.place.memory_of(self.programs[0].slot());
        segments.push(Segment { address, bytes, code: false });
        segments.sort_by_key(|segment| segment.address);
        executable(self.programs[0].entry(self.place), &segments)
    }

    /// The first difference between here and qemu, and the cycles run here.
    pub(crate) fn compare<I: Isa>(&self, path: &Path) -> (Option<Difference>, u64) {
        let elf = self.elf::<I>();
        let (ours, theirs) = (here::<I>(&elf), qemu(path, &elf));
        let ends = format!("it ends here: {:?}; there: {:?}", ours.end, theirs.end);
        let difference = match self.difference(&ours.output, &theirs.output) {
            None if ours.end == theirs.end => {
                let length = self.programs.len() * PRINTED as usize;
                assert!(
                    ours.end == End::Exited(0) && ours.output.len() == length,
                    "all programs run: {ends}"
                );
                None
            }
            None => Some(Difference { index: self.programs.len() - 1, what: ends }),
            Some(Difference { index, what }) => Some(Difference { index, what: format!("{what}; {ends}") }),
        };
        (difference, ours.cycles)
    }

    /// The first difference between what was printed here and there.
    pub(crate) fn difference(&self, ours: &[u8], theirs: &[u8]) -> Option<Difference> {
        let differs = ours.iter().zip(theirs).position(|(ours, theirs)| ours != theirs);
        let shorter = ours.len().min(theirs.len());
        let at = differs.or_else(|| (ours.len() != theirs.len()).then_some(shorter))?;
        let index = (at / PRINTED as usize).min(self.programs.len() - 1);
        let offset = (at - index * PRINTED as usize) as u32 / 4 * 4;
        let place = if offset < REGISTER_BYTES {
            format!("register x{}", offset / 4)
        } else {
            let printed = self.place.printed_of(self.programs[index].slot());
            format!("the word at {:#x}", printed + offset)
        };
        let word = |bytes: &[u8]| match bytes.get(at / 4 * 4..).and_then(|bytes| bytes.first_chunk()) {
            Some(word) => format!("{:#010x}", u32::from_le_bytes(*word)),
            None => "not printed".to_owned(),
        };
        let what = format!("{place} is {}, there {}", word(ours), word(theirs));
        Some(Difference { index, what })
    }

    /// The program alone, with no item that is not needed for a difference; what differs then; and its code.
    pub(crate) fn smallest<I: Isa>(program: &Program, path: &Path) -> String {
        let differs = |program: &Program| Self::new(vec![program.clone()]).compare::<I>(path).0;
        let mut least = program.clone();
        let Some(mut difference) = differs(&least) else {
            return "it does not differ when it runs alone".to_owned();
        };
        loop {
            // Half of the items, a quarter, ... one.
            let mut size = least.items.len();
            while size > 0 {
                let mut at = 0;
                while at < least.items.len() {
                    let end = (at + size).min(least.items.len());
                    let smaller = least.with([&least.items[..at], &least.items[end..]].concat());
                    match differs(&smaller) {
                        Some(what) => (least, difference) = (smaller, what),
                        None => at = end,
                    }
                }
                size /= 2;
            }
            let unrolled = unrolled(&least.items).map(|items| least.with(items));
            match unrolled.and_then(|unrolled| Some((differs(&unrolled)?, unrolled))) {
                Some(unrolled) => (difference, least) = unrolled,
                None => break,
            }
        }
        let batch = Self::new(vec![least.clone()]);
        let code = Code::new::<I>(batch.place, &batch.programs);
        let body = code.body(&least);
        let ours = code.words.iter().filter(|(at, _)| body.contains(at) || !code.is_frame(&least, **at));
        let listing: String = ours
            .map(|(&at, &word)| format!("\n    {at:#010x}: {}", disassemble::<I>(&I::decode(word, at))))
            .collect();
        format!("{}, with registers {:x?} and{listing}", difference.what, least.registers)
    }
}

/// The list with the items of its first loop instead of the loop.
fn unrolled(items: &[Item]) -> Option<Vec<Item>> {
    let at = items.iter().position(|item| matches!(item, Item::Loop { .. }))?;
    let Item::Loop { items: inner, .. } = &items[at] else { return None };
    Some([&items[..at], inner, &items[at + 1..]].concat())
}

/// A file for one thread.
pub(crate) fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("lockstep-{name}.elf"))
}
