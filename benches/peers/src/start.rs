//! What a guest starts with, for machines that do not have memory where retrace puts the stack.

use retrace::checkpoint::Checkpoint;
use retrace::guest::{Input, Linux};
use retrace::isa::Rv32i;
use retrace::program::Program;

pub struct Start {
    pub pc: u32,
    pub stack_pointer: u32,
    /// Addresses and words.
    pub words: Vec<(u32, u32)>,
    /// Where the heap begins.
    pub heap: u32,
}

/// The program's segments, and below `stack_top` its arguments.
pub fn start(program: &Program<Rv32i>, arguments: &[Vec<u8>], stack_top: u32) -> Start {
    let initial = Checkpoint::initial(program, Linux::default(), arguments, &Input::empty())
        .expect("the program starts");
    let heap = heap(program);
    let mut words = Vec::new();
    for page in initial.pages.iter() {
        let (page, content) = page.expect("the memory is not in a file");
        if page * 4096 < heap {
            words.extend(
                content.iter().zip((page * 4096..).step_by(4)).map(|(&word, address)| (address, word)),
            );
        }
    }
    let mut strings = Vec::new();
    let mut bytes = stack_top;
    for argument in arguments {
        let mut text = argument.clone();
        text.resize((text.len() + 1).next_multiple_of(4), 0);
        bytes -= text.len() as u32;
        strings.push(bytes);
        let text = text.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        words.extend((bytes..).step_by(4).zip(text));
    }
    // The number of arguments, their addresses, the end of them, of the environment and of the auxiliary vector.
    let table = std::iter::once(strings.len() as u32).chain(strings.iter().copied()).chain([0; 4]);
    let stack_pointer = (bytes - 4 * table.clone().count() as u32) & !15;
    words.extend((stack_pointer..).step_by(4).zip(table));
    Start { pc: initial.pc, stack_pointer, words, heap }
}

/// The first page behind a program's segments.
pub fn heap(program: &Program<Rv32i>) -> u32 {
    (program.segments().last().map_or(0, |segment| segment.end) as u32).next_multiple_of(4096)
}
