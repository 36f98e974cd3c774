//! The state of a machine at rest, from which it can go on any number of times.

use crate::guest::{Guest, Input, Layout, STACK_BYTES, Start, StartError};
use crate::isa::{Initial, Isa, Op, Successor, Word};
use crate::pages::{PAGE_BYTES, PageError, Snapshot};
use crate::program::{Program, only_jumps};

/// The state of a machine after `cycle` cycles.
///
/// Space: O(pages that were written and differ from those of its neighbours); the others are shared.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<G> {
    /// How many cycles were executed before.
    pub cycle: u64,
    /// The next instruction's address; 0 after the guest ended.
    pub pc: Word,
    /// The registers, by number, hidden ones included.
    pub registers: Vec<Word>,
    /// The guest interface's state.
    pub guest: G,
    /// The memory.
    pub pages: Snapshot,
}

impl<G: Guest> Checkpoint<G> {
    /// The state before the first cycle, with a stack of [`STACK_BYTES`]. O(code + segments + arguments): the program's
    /// pages are shared.
    ///
    /// # Errors
    /// The guest interface's: no place for the stack, arguments that are too long; or too much input.
    pub fn initial<I: Isa>(
        program: &Program<I>,
        guest: G,
        arguments: &[Vec<u8>],
        input: &Input,
    ) -> Result<Self, StartError> {
        Self::initial_with_stack(program, guest, arguments, input, STACK_BYTES)
    }

    /// As [`initial`](Self::initial), with a stack that may take so many bytes.
    ///
    /// # Errors
    /// As `initial`.
    pub fn initial_with_stack<I: Isa>(
        program: &Program<I>,
        mut guest: G,
        arguments: &[Vec<u8>],
        input: &Input,
        stack_size: u64,
    ) -> Result<Self, StartError> {
        let mut registers = vec![0; I::SPEC.registers.count()];
        let mut pages = program.pages().clone();
        let own_stacks = own_stacks(program);
        let layout = Layout {
            entry: program.entry(),
            segments: program.segments(),
            load_copies: program.load_copies(),
            headers: program.headers(),
            own_stacks: &own_stacks,
        };
        let mut start = Start::new(I::SPEC, layout, arguments, stack_size, &mut registers, &mut pages);
        let kinds = [("input", Initial::InputLength), ("private input", Initial::PrivateInputLength)];
        for ((what, initial), stream) in kinds.into_iter().zip(input.streams()) {
            let length = stream.length;
            let counted = Word::try_from(length).map_err(|_| StartError::InputTooLong { what, length })?;
            start.set_initial(initial, counted);
        }
        guest.start(&mut start)?;
        let pages = Snapshot::from(&pages);
        Ok(Self { cycle: 0, pc: program.entry(), registers, guest, pages })
    }

    /// A hash of the state: program counter, registers, interface, and every page that is not zero.
    /// Two states have one digest if and only if the same can follow from them. O(K).
    ///
    /// # Errors
    /// A page is in a file, and cannot be read.
    pub fn digest(&self) -> Result<[u8; 32], PageError> {
        let mut hasher = blake3::Hasher::new_derive_key("retrace machine state v2");
        let number = |hasher: &mut blake3::Hasher, value: u64| {
            hasher.update(&value.to_le_bytes());
        };
        number(&mut hasher, u64::from(self.pc));
        number(&mut hasher, self.registers.len() as u64);
        for &register in &self.registers {
            number(&mut hasher, u64::from(register));
        }
        let guest = self.guest.save();
        number(&mut hasher, guest.len() as u64);
        hasher.update(&guest);
        let mut bytes = [0; PAGE_BYTES];
        for page in self.pages.iter() {
            let (page, words) = page?;
            number(&mut hasher, u64::from(page));
            for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(words.iter()) {
                *to = word.to_le_bytes();
            }
            hasher.update(&bytes);
        }
        Ok(*hasher.finalize().as_bytes())
    }
}

/// What the program sets the stack pointer to, in code that its entry leads to by jumps whose target the code states. A
/// jump that links is taken to come back. Data among the code says nothing. O(code).
fn own_stacks<I: Isa>(program: &Program<I>) -> Vec<Word> {
    let code = program.code();
    let mut reached = vec![false; code.ops().len()];
    let mut waiting: Vec<u32> = code.index_of(program.entry()).into_iter().collect();
    let mut stacks = Vec::new();
    while let Some(index) = waiting.pop() {
        let place = index as usize;
        let (Some(op), Some(reached)) = (code.ops().get(place), reached.get_mut(place)) else { continue };
        if core::mem::replace(reached, true) {
            continue;
        }
        stacks.extend(stack_pointer_set::<I>(op));
        let semantics = usize::from(op.kind).checked_sub(1).and_then(|kind| I::SEMANTICS.get(kind));
        let successor = Successor::of(op, semantics);
        if let Successor::Branch(target) | Successor::Jump(target) = successor {
            waiting.extend(code.index_of(target));
        }
        let goes_on = match successor {
            Successor::Next | Successor::Branch(_) | Successor::Call => true,
            Successor::Jump(_) | Successor::Indirect { .. } => !only_jumps::<I>(op),
            Successor::None => false,
        };
        waiting.extend(goes_on.then_some(index + 1));
    }
    stacks
}

/// What an instruction sets the stack pointer to, if it states that alone.
fn stack_pointer_set<I: Isa>(op: &Op) -> Option<Word> {
    let instruction = I::SPEC.instruction(op.kind)?;
    let semantics = I::SEMANTICS.get(usize::from(op.kind).checked_sub(1)?)?;
    semantics.stated(semantics.written(instruction, op, I::SPEC.registers.stack_pointer)?, op)
}
