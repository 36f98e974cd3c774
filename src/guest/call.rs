//! One call of a guest, as the guest interface sees it.

use super::{InputReader, Output, Stream};
use crate::isa::{Access, CALL_VALUES, Call as CallName, Reply, Trap, TrapCause, Word};
use crate::machine::{Memory, RunError};
use crate::pages::WORD_BYTES;

/// What a call leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The guest goes on with this result.
    Return(Word),
    /// The guest ends with this exit code.
    Exit(Word),
}

/// A call: its arguments, and what the interface may do to answer it.
///
/// It notes the one memory access and the input taken, so that the row says what was done.
#[derive(Debug)]
pub struct Call<'a> {
    arguments: [Word; CALL_VALUES],
    calls: &'static [CallName],
    memory: &'a mut Memory,
    input: &'a mut InputReader,
    output: &'a mut Output,
    failure: &'a mut Option<RunError>,
    accessed: bool,
    reply: Reply,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        calls: &'static [CallName],
        arguments: [Word; CALL_VALUES],
        memory: &'a mut Memory,
        input: &'a mut InputReader,
        output: &'a mut Output,
        failure: &'a mut Option<RunError>,
    ) -> Self {
        Self { arguments, calls, memory, input, output, failure, accessed: false, reply: Reply::default() }
    }

    /// The number that the guest asked with.
    pub fn number(&self) -> Word {
        self.arguments[0]
    }

    /// The arguments after the number.
    pub fn arguments(&self) -> [Word; CALL_VALUES - 1] {
        let [_, arguments @ ..] = self.arguments;
        arguments
    }

    /// The name that the spec gives to the number.
    pub fn name(&self) -> Option<&'static str> {
        self.calls.iter().find(|call| call.number == self.number()).map(|call| call.name)
    }

    /// Reads the word that holds `address`: the one access of this call.
    ///
    /// # Errors
    /// Page 0; or a second access.
    pub fn read_word(&mut self, address: Word) -> Result<Word, Trap> {
        self.access(address, |memory| {
            memory.word(address).map(|word| Access { value: word, before: word, after: word })
        })
    }

    /// Replaces `count` bytes from `address` on, which lie in one word, by the low bytes of `value`: the one access of
    /// this call.
    ///
    /// # Errors
    /// Page 0, or code; bytes that reach into the next word; or a second access.
    pub fn write_bytes(&mut self, address: Word, count: Word, value: Word) -> Result<(), Trap> {
        if count == 0 || count > WORD_BYTES - address % WORD_BYTES {
            return Err(self.refusal());
        }
        let (mask, shift) = (low_bytes(count), address % WORD_BYTES * 8);
        self.access(address, |memory| memory.write(address, mask << shift, (value & mask) << shift))
            .map(|_| ())
    }

    /// How many bytes of input are left.
    pub fn input_left(&self) -> u64 {
        self.input.left()
    }

    /// The next `count` bytes of input, low byte first, without taking them; `count` is at most a word's size and
    /// what is left.
    ///
    /// # Errors
    /// The input could not be read, which ends the run; or `count` is too large.
    pub fn peek_input(&mut self, count: Word) -> Result<Word, Trap> {
        if count > WORD_BYTES || u64::from(count) > self.input.left() {
            return Err(self.refusal());
        }
        self.input.peek(count as usize).map_err(|error| {
            *self.failure = Some(RunError::Input(error));
            self.refusal()
        })
    }

    /// Takes the next `count` bytes of input, and notes them for the row; as [`peek_input`](Self::peek_input). To be
    /// called after everything that can fail.
    ///
    /// # Errors
    /// As `peek_input`.
    pub fn take_input(&mut self, count: Word) -> Result<Word, Trap> {
        let bytes = self.peek_input(count)?;
        self.input.seek(self.input.position() + u64::from(count));
        self.reply.input = bytes;
        Ok(bytes)
    }

    /// Writes the low `count` bytes of `bytes`, at most a word's, to a stream. To be called after everything that can
    /// fail.
    ///
    /// # Errors
    /// The output could not be written, which ends the run.
    pub fn write_output(&mut self, stream: Stream, count: Word, bytes: Word) -> Result<(), Trap> {
        let count = count.min(WORD_BYTES) as usize;
        self.output.write(stream, &bytes.to_le_bytes()[..count]).map_err(|error| {
            *self.failure = Some(RunError::Output(error));
            self.refusal()
        })
    }

    /// The trap that ends the run because the interface refuses the call.
    pub fn refusal(&self) -> Trap {
        Trap { cause: TrapCause::CallRefused, value: self.number() }
    }

    /// Whether input, output or memory failed, which ends the run whatever the interface answers.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some() || self.memory.has_failed()
    }

    pub(crate) fn into_reply(self, result: Word, exit: bool) -> Reply {
        Reply { result, exit, ..self.reply }
    }

    fn access(
        &mut self,
        address: Word,
        access: impl FnOnce(&mut Memory) -> Result<Access, Trap>,
    ) -> Result<Word, Trap> {
        if self.accessed {
            return Err(self.refusal());
        }
        let Access { before, after, .. } = access(self.memory)?;
        self.accessed = true;
        self.reply = Reply { address: address - address % WORD_BYTES, before, after, ..self.reply };
        Ok(before)
    }
}

/// A mask of the low `count` bytes; 1 ≤ count ≤ a word's size.
fn low_bytes(count: Word) -> Word {
    Word::MAX >> (Word::BITS - 8 * count)
}
