//! What Linux gives a static program: a stack with arguments, and a few calls.
//!
//! Calls are known by the names that the spec gives them. Where Linux moves a whole buffer, `read` and `write` move
//! at most what is left of one aligned word: a short count, which POSIX allows and which libc's loops expect. So every
//! call is one row with one memory access.

use super::{Call, Guest, Outcome, Start, StartError, Stream};
use crate::isa::{Trap, Word};
use crate::pages::{PAGE_BYTES, WORD_BYTES};

/// The Linux-like guest interface. Its state is the heap's bounds.
///
/// | call | answer |
/// |---|---|
/// | `exit`, `exit_group` | the guest ends with the first argument |
/// | `read` | from descriptor 0, the input: the number of bytes, 0 at its end |
/// | `write` | to descriptor 1, the output, or 2, messages: the number of bytes |
/// | `brk` | the heap's end, moved if the argument lies between the present one and the stack; it never shrinks, since memory that is given back would have to be zeroed |
/// | `fstat` | descriptors 0 to 2 are character devices: `st_mode`, the one word that libc's stdio asks for, is written and no other |
/// | any other | −ENOSYS |
///
/// Errors as on Linux: −EBADF for a descriptor, −EFAULT for an address in page 0 or, for `read`, in code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linux {
    /// The heap's end.
    heap_end: Word,
    /// What the heap's end may reach.
    heap_limit: Word,
}

/// What the stack may grow to, as under Linux by default.
const STACK_BYTES: u64 = 8 << 20;

/// What the arguments may take of it, as under Linux a quarter.
const MAX_ARGUMENT_BYTES: u64 = STACK_BYTES / 4;

/// Where the stack may end: in the middle of the address space, or at its end but for a page.
const STACK_TOPS: [u64; 2] = [1 << (Word::BITS - 1), (1 << Word::BITS) - PAGE_BYTES as u64];

/// What a program takes for random: a run must be repeatable.
const RANDOM: [u8; 16] = *b"retrace: chosen.";

/// The stack pointer's alignment in the RISC-V calling convention.
const STACK_ALIGNMENT: u64 = 16;

/// Keys of the auxiliary vector, from Linux's `auxvec.h`.
const AT_NULL: Word = 0;
const AT_PAGESZ: Word = 6;
const AT_RANDOM: Word = 25;

/// Where Linux's `struct stat64`, and newlib's `struct kernel_stat`, have `st_mode`.
const ST_MODE: Word = 16;

/// `S_IFCHR`, readable and writable by its owner, as a terminal is.
const CHARACTER_DEVICE: Word = 0o020_600;

/// Negated error numbers, from Linux's `errno.h`.
const EBADF: Word = (-9 as Signed) as Word;
const EFAULT: Word = (-14 as Signed) as Word;
const ENOSYS: Word = (-38 as Signed) as Word;

type Signed = i32;
const _: () = assert!(Signed::BITS == Word::BITS);

impl Guest for Linux {
    const NAME: &'static str = "linux";

    /// The stack as `execve` leaves it: from the stack pointer up argc, the pointers of argv and a zero, an empty
    /// environment's zero, the auxiliary vector; above it the strings.
    fn start(&mut self, start: &mut Start<'_>) -> Result<(), StartError> {
        let top = stack_top(start)?;
        let program_end = start.segments().last().map_or(0, |segment| segment.end);
        let heap = program_end.next_multiple_of(PAGE_BYTES as u64);
        let stack_low = top - STACK_BYTES;
        let limit = if heap <= stack_low { stack_low } else { STACK_TOPS[1] };
        self.heap_end = clamp(heap);
        self.heap_limit = clamp(limit.max(heap));
        push_arguments(start, top)
    }

    fn call(&mut self, call: &mut Call<'_>) -> Result<Outcome, Trap> {
        let [first, second, third] = call.arguments();
        Ok(match call.name() {
            Some("exit" | "exit_group") => Outcome::Exit(first),
            Some("read") => Outcome::Return(read(call, first, second, third)?),
            Some("write") => Outcome::Return(write(call, first, second, third)?),
            Some("brk") => Outcome::Return(self.brk(first)),
            Some("fstat") => Outcome::Return(fstat(call, first, second)),
            _ => Outcome::Return(ENOSYS),
        })
    }

    fn save(&self) -> Vec<u8> {
        [self.heap_end, self.heap_limit].iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn restore(saved: &[u8]) -> Option<Self> {
        match saved.as_chunks() {
            (&[heap_end, heap_limit], []) => Some(Self {
                heap_end: Word::from_le_bytes(heap_end),
                heap_limit: Word::from_le_bytes(heap_limit),
            }),
            _ => None,
        }
    }
}

impl Linux {
    fn brk(&mut self, wanted: Word) -> Word {
        if (self.heap_end..=self.heap_limit).contains(&wanted) {
            self.heap_end = wanted;
        }
        self.heap_end
    }
}

fn read(call: &mut Call<'_>, descriptor: Word, buffer: Word, count: Word) -> Result<Word, Trap> {
    if descriptor != 0 {
        return Ok(EBADF);
    }
    let left = Word::try_from(call.input_left()).unwrap_or(Word::MAX);
    let count = count.min(left).min(left_in_word(buffer));
    if count == 0 {
        return Ok(0);
    }
    let bytes = call.peek_input(count)?;
    if call.write_bytes(buffer, count, bytes).is_err() {
        return Ok(EFAULT);
    }
    call.take_input(count)?;
    Ok(count)
}

fn write(call: &mut Call<'_>, descriptor: Word, buffer: Word, count: Word) -> Result<Word, Trap> {
    let stream = match descriptor {
        1 => Stream::Output,
        2 => Stream::Error,
        _ => return Ok(EBADF),
    };
    let count = count.min(left_in_word(buffer));
    if count == 0 {
        return Ok(0);
    }
    let Ok(word) = call.read_word(buffer) else {
        return Ok(EFAULT);
    };
    call.write_output(stream, count, word >> (buffer % WORD_BYTES * 8))?;
    Ok(count)
}

fn fstat(call: &mut Call<'_>, descriptor: Word, stat: Word) -> Word {
    if descriptor > 2 {
        return EBADF;
    }
    match call.write_bytes(stat.wrapping_add(ST_MODE), WORD_BYTES, CHARACTER_DEVICE) {
        Ok(()) => 0,
        Err(_) => EFAULT,
    }
}

/// The bytes from an address to the end of its word.
fn left_in_word(address: Word) -> Word {
    WORD_BYTES - address % WORD_BYTES
}

/// The first possible place that no segment reaches into.
fn stack_top(start: &Start<'_>) -> Result<u64, StartError> {
    let free = |&top: &u64| {
        start.segments().iter().all(|segment| segment.end <= top - STACK_BYTES || top <= segment.start)
    };
    STACK_TOPS
        .into_iter()
        .find(free)
        .ok_or_else(|| StartError::NoStack { size: STACK_BYTES, tops: STACK_TOPS.to_vec() })
}

fn push_arguments(start: &mut Start<'_>, top: u64) -> Result<(), StartError> {
    let arguments = start.arguments();
    if let Some(index) = arguments.iter().position(|argument| argument.contains(&0)) {
        return Err(StartError::ZeroByte { index });
    }
    let strings: u64 = arguments.iter().map(|argument| argument.len() as u64 + 1).sum();
    // argc, argv's and the environment's zeros, and three pairs.
    let words = arguments.len() as u64 + 3 + 2 * 3;
    let size = strings + RANDOM.len() as u64 + words * u64::from(WORD_BYTES) + STACK_ALIGNMENT;
    if size > MAX_ARGUMENT_BYTES {
        return Err(StartError::ArgumentsTooLong { size, limit: MAX_ARGUMENT_BYTES });
    }

    let mut at = top - strings;
    let mut vector = vec![arguments.len() as Word];
    for argument in arguments {
        vector.push(clamp(at));
        start.write(clamp(at), argument);
        at += argument.len() as u64 + 1;
    }
    let random = (top - strings - RANDOM.len() as u64) / STACK_ALIGNMENT * STACK_ALIGNMENT;
    start.write(clamp(random), &RANDOM);
    vector.extend([0, 0]);
    vector.extend([AT_PAGESZ, PAGE_BYTES as Word, AT_RANDOM, clamp(random), AT_NULL, 0]);

    let stack = (random - words * u64::from(WORD_BYTES)) / STACK_ALIGNMENT * STACK_ALIGNMENT;
    let bytes: Vec<u8> = vector.iter().flat_map(|word| word.to_le_bytes()).collect();
    start.write(clamp(stack), &bytes);
    start.set_register(start.spec().registers.stack_pointer, clamp(stack));
    Ok(())
}

fn clamp(address: u64) -> Word {
    Word::try_from(address).unwrap_or(Word::MAX)
}

#[cfg(test)]
mod tests;
