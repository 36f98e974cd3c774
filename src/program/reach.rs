//! Which words of its code a program's entry leads to, as far as the words themselves say it.
//!
//! In: an [`ElfFile`] and an ISA. Out: a word that is led to and that the ISA does not decode.

use std::collections::{HashMap, HashSet};

use super::choice::Candidate;
use super::code::{INSTRUCTION_BYTES, holds_word};
use super::file::ElfFile;
use crate::isa::{Op, Successor, Word};

/// Words that stand where a program is not to go on, and that no ISA decodes: all zeros and all ones, which the manual
/// defines as illegal, and `csrrw x0, cycle, x0`, which assemblers write for `unimp`. Compilers end paths with them that
/// should never be taken.
const DELIBERATELY_ILLEGAL: [u32; 3] = [0, u32::MAX, 0xc000_1073];

pub(super) fn is_deliberately_illegal(word: u32) -> bool {
    DELIBERATELY_ILLEGAL.contains(&word)
}

/// The most steps of a walk for each word of the code. A word is visited once for each function that it is part of, which
/// is one or a few for what compilers make; in a file that is made to be bad it may be all.
const MOST_VISITS: usize = 16;

/// Code that was called, or the entry's.
#[derive(Default)]
struct Function {
    /// The register with the address to return to; 0 of the entry's, which does not return.
    link: u8,
    reached: HashSet<Word>,
    /// Whether a jump to the address in the link register was reached.
    returns: bool,
    /// Whether the address to return to is computed with, as where the words behind a call are its arguments. Loading it
    /// back from the stack is no computation.
    moves_return: bool,
    /// Where callers go on once it is known to return: the caller's number, and the address.
    waiting: Vec<(usize, Word)>,
}

/// A place to walk on from.
struct Start {
    function: usize,
    pc: Word,
    /// Whether it is certain to be executed, if nothing before it faults.
    certain: bool,
}

struct Walk {
    functions: Vec<Function>,
    /// Their numbers, by first address and link register.
    numbers: HashMap<(Word, u8), usize>,
    starts: Vec<Start>,
}

impl Walk {
    fn of(entry: Word) -> Self {
        Self {
            functions: vec![Function::default()],
            numbers: HashMap::from([((entry, 0), 0)]),
            starts: vec![Start { function: 0, pc: entry, certain: true }],
        }
    }

    /// A call in the code of `caller`, which goes on at `next` if the callee returns. Gives the callee's number.
    fn call(&mut self, caller: usize, target: Word, link: u8, next: Word) -> usize {
        let callee = *self.numbers.entry((target, link)).or_insert_with(|| {
            self.functions.push(Function { link, ..Function::default() });
            self.functions.len() - 1
        });
        if self.functions[callee].returns {
            self.starts.push(Start { function: caller, pc: next, certain: false });
        } else {
            self.functions[callee].waiting.push((caller, next));
        }
        callee
    }

    /// A jump to the register in the code of the function, perhaps its return.
    fn jump_to_register(&mut self, function: usize, op: &Op) {
        let it = &mut self.functions[function];
        if op.rd == 0 && op.rs1 == it.link && op.imm == 0 && !it.moves_return {
            it.returns = true;
            let waiting = core::mem::take(&mut it.waiting);
            let starts = waiting.into_iter().map(|(function, pc)| Start { function, pc, certain: false });
            self.starts.extend(starts);
        }
    }
}

impl ElfFile {
    /// A word that the ISA does not decode and that the entry leads to, with its address before it: by jumps whose target
    /// the code states, by branches, taken or not, and by going on to the next word. Behind a call the walk goes on only
    /// if the code called reaches a return to there, since it may never return; behind a system call, which may end the program, it
    /// does not. A [deliberately illegal](is_deliberately_illegal) word counts only where nothing lies between it and the
    /// entry that may lead elsewhere. O(code).
    pub(super) fn reached_undecodable(&self, isa: &Candidate) -> Option<(Word, u32)> {
        let mut walk = Walk::of(self.image.entry);
        let mut steps = self.words().count().saturating_mul(MOST_VISITS);
        while let Some(Start { mut function, mut pc, mut certain }) = walk.starts.pop() {
            while steps > 0 && holds_word(&self.code, pc) && walk.functions[function].reached.insert(pc) {
                steps -= 1;
                let word = self.image.pages.word(pc);
                let op = isa.decode(word, pc);
                if op.kind == Op::UNDECODABLE {
                    if certain || !is_deliberately_illegal(word) {
                        return Some((pc, word));
                    }
                    break;
                }
                let next = pc.wrapping_add(INSTRUCTION_BYTES);
                let successor = isa.successor(&op);
                // A jump that is always taken and writes a link register is a call, after which what was saved is loaded.
                let calls =
                    matches!(successor, Successor::Jump(_) | Successor::Indirect { conditional: false });
                if !calls {
                    let it = &mut walk.functions[function];
                    it.moves_return |= it.link != 0 && isa.writes(&op, it.link) && !isa.loads(&op);
                }
                match successor {
                    Successor::Next => pc = next,
                    Successor::Jump(target) if op.rd == 0 => pc = target,
                    Successor::Jump(target) => {
                        function = walk.call(function, target, op.rd, next);
                        pc = target;
                    }
                    Successor::Branch(target) => {
                        walk.starts.push(Start { function, pc: target, certain: false });
                        (pc, certain) = (next, false);
                    }
                    Successor::Indirect { conditional } => {
                        walk.jump_to_register(function, &op);
                        if !conditional {
                            break;
                        }
                        (pc, certain) = (next, false);
                    }
                    Successor::Call | Successor::None => break,
                }
            }
        }
        None
    }
}
