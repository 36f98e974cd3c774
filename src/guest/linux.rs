//! What Linux gives a static program when it starts: a stack with arguments, and room for a heap. Its calls are those of
//! `isa/rv32i.toml`.

use core::ops::Range;

use super::{Guest, MemoryUse, Start, StartError};
use crate::isa::{Initial, Word};
use crate::pages::PAGE_BYTES;

/// The Linux-like guest interface: the bounds of heap and stack.
///
/// The heap begins at the page after the program's highest virtual address. The stack ends at the middle of the address
/// space, or if a segment is there at its end but for a page, and may take
/// [`Start::stack_size`] bytes. Below it is a [guard](Guest::stack_guard): a quarter of the free addresses down to what
/// was loaded, so that no local variable is likely to be larger. There is none for a program that sets the stack pointer
/// to an address in it, since that has a stack of its own there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linux {
    /// Where the heap begins.
    heap_start: Word,
    /// What the heap's end may reach.
    heap_limit: Word,
    /// The lowest address of the guard.
    guard_start: Word,
    /// The lowest address that the stack may reach.
    stack_limit: Word,
}

/// What the stack may take by default, as under Linux: 8 MiB.
pub const STACK_BYTES: u64 = 8 << 20;

/// Which part of it the arguments may take, as under Linux.
const ARGUMENTS_OF_STACK: u64 = 4;

/// Which part of the free addresses below the stack is guarded.
const GUARD_OF_FREE: u64 = 4;

/// How far the address that one instruction gives a stack of the program's own may be from where that ends: what the
/// next instruction adds.
const OWN_STACK_OFFSET: u64 = 1 << 11;

/// Where the stack may end: in the middle of the address space, or at its end but for a page.
const STACK_TOPS: [u64; 2] = [1 << (Word::BITS - 1), (1 << Word::BITS) - PAGE_BYTES as u64];

/// What a program takes for random: a run must be repeatable.
const RANDOM: [u8; 16] = *b"retrace: chosen.";

/// The stack pointer's alignment in the RISC-V calling convention.
const STACK_ALIGNMENT: u64 = 16;

/// Keys of the auxiliary vector, from Linux's `auxvec.h`.
const AT_NULL: Word = 0;
const AT_PHDR: Word = 3;
const AT_PHENT: Word = 4;
const AT_PHNUM: Word = 5;
const AT_PAGESZ: Word = 6;
const AT_ENTRY: Word = 9;
const AT_RANDOM: Word = 25;
const AT_EXECFN: Word = 31;

impl Guest for Linux {
    const NAME: &'static str = "linux";

    /// The stack as `execve` leaves it: from the stack pointer up argc, the pointers of argv and a zero, an empty
    /// environment's zero, the auxiliary vector; above it 16 bytes that never change (`AT_RANDOM`), the strings, and
    /// the program's name once more (`AT_EXECFN`).
    fn start(&mut self, start: &mut Start<'_>) -> Result<(), StartError> {
        let size = stack_size(start);
        let top = stack_top(start, size)?;
        let stack_limit = top - size;
        let program_end = start.segments().last().map_or(0, |segment| segment.end);
        let heap = program_end.next_multiple_of(PAGE_BYTES as u64);
        let limit = if heap <= stack_limit { stack_limit } else { STACK_TOPS[1] };
        // A copy at a load address is no zeroed memory, which a heap must be.
        let copies = start.load_copies().iter().filter(|copy| heap < copy.end).map(|copy| copy.start);
        let limit = copies.min().map_or(limit, |copy| limit.min(copy));
        self.heap_start = clamp(heap);
        self.heap_limit = clamp(limit.max(heap));
        self.guard_start = clamp(guard_start(start, stack_limit));
        self.stack_limit = clamp(stack_limit);
        start.set_initial(Initial::HeapStart, self.heap_start);
        start.set_initial(Initial::HeapLimit, self.heap_limit);
        push_arguments(start, top, size)
    }

    fn stack_guard(&self) -> Range<Word> {
        self.guard_start..self.stack_limit
    }

    fn use_of(&self, address: Word) -> MemoryUse {
        let top = STACK_TOPS.into_iter().find(|top| u64::from(self.stack_limit) < *top).unwrap_or_default();
        if (self.heap_start..self.heap_limit).contains(&address) {
            MemoryUse::Heap
        } else if (u64::from(self.stack_limit)..top).contains(&address.into()) {
            MemoryUse::Stack
        } else {
            MemoryUse::Other
        }
    }

    fn save(&self) -> Vec<u8> {
        let Self { heap_start, heap_limit, guard_start, stack_limit } = self;
        let words = [heap_start, heap_limit, guard_start, stack_limit];
        words.into_iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn restore(saved: &[u8]) -> Option<Self> {
        let (&[heap_start, heap_limit, guard_start, stack_limit], []) = saved.as_chunks() else {
            return None;
        };
        Some(Self {
            heap_start: Word::from_le_bytes(heap_start),
            heap_limit: Word::from_le_bytes(heap_limit),
            guard_start: Word::from_le_bytes(guard_start),
            stack_limit: Word::from_le_bytes(stack_limit),
        })
    }
}

/// What the stack may take, in whole pages, at least one.
fn stack_size(start: &Start<'_>) -> u64 {
    let page = PAGE_BYTES as u64;
    start.stack_size().clamp(page, 1 << Word::BITS).next_multiple_of(page)
}

/// Everything that was loaded: segments and copies.
fn loaded<'a>(start: &Start<'a>) -> impl Iterator<Item = &'a Range<u64>> {
    start.segments().iter().chain(start.load_copies())
}

/// The first possible place that nothing is loaded into.
fn stack_top(start: &Start<'_>, size: u64) -> Result<u64, StartError> {
    let free = |&top: &u64| {
        let low = top.checked_sub(size).filter(|low| *low >= PAGE_BYTES as u64);
        low.is_some_and(|low| loaded(start).all(|range| range.end <= low || top <= range.start))
    };
    STACK_TOPS.into_iter().find(free).ok_or_else(|| StartError::NoStack { size, tops: STACK_TOPS.to_vec() })
}

/// The lowest guarded address below a stack.
fn guard_start(start: &Start<'_>, stack_limit: u64) -> u64 {
    let below = loaded(start).filter(|range| range.end <= stack_limit).map(|range| range.end);
    let free = stack_limit - below.max().unwrap_or_default();
    let guard = (stack_limit - free / GUARD_OF_FREE).next_multiple_of(PAGE_BYTES as u64);
    let near = guard.saturating_sub(OWN_STACK_OFFSET)..=stack_limit + OWN_STACK_OFFSET;
    let own = start.own_stacks().iter().any(|&stack| near.contains(&stack.into()));
    if own { stack_limit } else { guard }
}

fn push_arguments(start: &mut Start<'_>, top: u64, size: u64) -> Result<(), StartError> {
    let arguments = start.arguments();
    if let Some(index) = arguments.iter().position(|argument| argument.contains(&0)) {
        return Err(StartError::ZeroByte { index });
    }
    let name = arguments.first().map_or(&[][..], Vec::as_slice);
    let headers = start.headers().map(|headers| {
        [(AT_PHDR, headers.address), (AT_PHENT, headers.entry_bytes), (AT_PHNUM, headers.count)]
    });
    let strings: u64 = arguments.iter().map(|argument| argument.len() as u64 + 1).sum();
    let strings_start = top.saturating_sub(name.len() as u64 + 1).saturating_sub(strings);
    let random = strings_start.saturating_sub(RANDOM.len() as u64) / STACK_ALIGNMENT * STACK_ALIGNMENT;
    let execfn = strings_start + strings;
    let entries = headers.into_iter().flatten().chain([
        (AT_PAGESZ, PAGE_BYTES as Word),
        (AT_ENTRY, start.entry()),
        (AT_RANDOM, clamp(random)),
        (AT_EXECFN, clamp(execfn)),
        (AT_NULL, 0),
    ]);

    let mut vector = vec![arguments.len() as Word];
    let mut at = strings_start;
    for argument in arguments {
        vector.push(clamp(at));
        at += argument.len() as u64 + 1;
    }
    vector.extend([0, 0]);
    vector.extend(entries.flat_map(|(key, value)| [key, value]));
    let bytes: Vec<u8> = vector.iter().flat_map(|word| word.to_le_bytes()).collect();
    let stack = random.saturating_sub(bytes.len() as u64) / STACK_ALIGNMENT * STACK_ALIGNMENT;

    let (taken, limit) = (top - stack, size / ARGUMENTS_OF_STACK);
    if taken > limit {
        return Err(StartError::ArgumentsTooLong { size: taken, limit });
    }
    for (argument, &address) in arguments.iter().zip(&vector[1..]) {
        start.write(address, argument);
    }
    start.write(clamp(execfn), name);
    start.write(clamp(random), &RANDOM);
    start.write(clamp(stack), &bytes);
    start.set_register(start.spec().registers.stack_pointer, clamp(stack));
    Ok(())
}

fn clamp(address: u64) -> Word {
    Word::try_from(address).unwrap_or(Word::MAX)
}

#[cfg(test)]
mod tests;
