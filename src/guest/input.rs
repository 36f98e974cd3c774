//! The guest's input: bytes that every replay can read again, in memory or in a file.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use crate::file::read_file_at;
use crate::isa::Word;

/// Input for a guest: cheap to clone, read at any position, never held twice.
#[derive(Clone, Debug)]
pub struct Input {
    source: Arc<Source>,
    length: u64,
    hash: [u8; 32],
}

#[derive(Debug)]
enum Source {
    Bytes(Vec<u8>),
    File(File),
    Stored(Box<dyn InputStore>),
}

/// Where an input is kept, if not in memory or in a file of its own.
pub(crate) trait InputStore: core::fmt::Debug + Send + Sync {
    /// Fills the buffer from this position on; there are as many bytes.
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl Input {
    /// The input in a file, which stays there: nothing of it is held in memory. Reads it once, for its hash. What is no
    /// regular file (a pipe, a terminal) is [spooled](Self::spool).
    ///
    /// The file must not change while a run or its replays last; one that shrinks is an error then.
    ///
    /// # Errors
    /// The file cannot be opened or read.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.is_file() { Self::from_file(file) } else { Self::spool(file) }
    }

    /// Copies a stream, such as standard input, to a temporary file without a name, since a replay reads it again. O(1)
    /// memory.
    ///
    /// # Errors
    /// The stream cannot be read, or the temporary file not be written.
    pub fn spool(mut stream: impl Read) -> io::Result<Self> {
        // Most inputs are small: those that fit into one buffer need no file.
        let mut head = Vec::new();
        stream.by_ref().take(SPOOL_ABOVE).read_to_end(&mut head)?;
        if (head.len() as u64) < SPOOL_ABOVE {
            return Ok(Self::from(head));
        }
        let mut file = nameless_file()?;
        file.write_all(&head)?;
        drop(head);
        io::copy(&mut stream, &mut file)?;
        Self::from_file(file)
    }

    /// No input.
    pub fn empty() -> Self {
        Self::from(Vec::new())
    }

    /// The number of bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The blake3 hash of all bytes, whether the guest reads them or not.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    pub(crate) fn stored(store: Box<dyn InputStore>, length: u64, hash: [u8; 32]) -> Self {
        Self { source: Arc::new(Source::Stored(store)), length, hash }
    }

    fn from_file(mut file: File) -> io::Result<Self> {
        file.rewind()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&mut file)?;
        let length = file.stream_position()?;
        Ok(Self { source: Arc::new(Source::File(file)), length, hash: *hasher.finalize().as_bytes() })
    }

    /// Fills the buffer from this position on.
    ///
    /// # Errors
    /// There are not as many bytes, or they cannot be read.
    pub(crate) fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<()> {
        match &*self.source {
            Source::Bytes(bytes) => {
                let from =
                    usize::try_from(position).ok().and_then(|start| bytes.get(start..)?.get(..buffer.len()));
                buffer.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            Source::File(file) => read_file_at(file, position, buffer),
            Source::Stored(store) => store.read_at(position, buffer),
        }
    }
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Self {
        let hash = *blake3::hash(&bytes).as_bytes();
        Self { length: bytes.len() as u64, source: Arc::new(Source::Bytes(bytes)), hash }
    }
}

impl From<&[u8]> for Input {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

/// What a machine reads of an input: a window of it. O(1) space.
#[derive(Debug)]
pub(crate) struct InputReader {
    input: Input,
    position: u64,
    window: Vec<u8>,
    window_start: u64,
}

/// Streams shorter than this are kept in memory.
const SPOOL_ABOVE: u64 = 1 << 20;

/// What is read ahead: large enough that a system call a window costs nothing beside the guest's calls.
const WINDOW: u64 = 1 << 16;

impl InputReader {
    pub(crate) fn new(input: Input) -> Self {
        Self { input, position: 0, window: Vec::new(), window_start: 0 }
    }

    /// The next `count` bytes, 1 to 4, of a stream of which `left` are left: as many at least. The first is the low byte.
    pub(crate) fn take(&mut self, _stream: u8, left: Word, count: Word) -> io::Result<Word> {
        let position =
            self.input.length.checked_sub(left.into()).filter(|_| (1..=left.min(4)).contains(&count));
        self.position = position.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.peek(count as usize)
    }

    #[inline]
    fn peek(&mut self, count: usize) -> io::Result<Word> {
        let whole = self.place().and_then(|start| self.window.get(start..)?.first_chunk());
        match whole {
            Some(&bytes) if (1..=bytes.len()).contains(&count) => {
                Ok(Word::from_le_bytes(bytes) & Word::MAX >> (Word::BITS - 8 * count as u32))
            }
            _ => self.peek_at_the_end(count),
        }
    }

    /// The same where less than a word of the window is left, or nothing.
    #[cold]
    fn peek_at_the_end(&mut self, count: usize) -> io::Result<Word> {
        let mut bytes = [0; size_of::<Word>()];
        let mut place = self.place();
        if place.is_none_or(|start| start + count > self.window.len()) {
            self.refill()?;
            place = Some(0);
        }
        let taken = place
            .and_then(|start| self.window.get(start..start + count))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes[..count].copy_from_slice(taken);
        Ok(Word::from_le_bytes(bytes))
    }

    fn place(&self) -> Option<usize> {
        usize::try_from(self.position.checked_sub(self.window_start)?).ok()
    }

    fn refill(&mut self) -> io::Result<()> {
        self.window.resize((self.input.length - self.position).min(WINDOW) as usize, 0);
        self.window_start = self.position;
        let read = self.input.read_at(self.position, &mut self.window);
        if read.is_err() {
            self.window.clear();
        }
        read
    }
}

/// A temporary file that only this process can reach, and that is gone when it ends.
fn nameless_file() -> io::Result<File> {
    let directory = std::env::temp_dir();
    for attempt in 0u32.. {
        let path = directory.join(format!("retrace-input-{}-{attempt}", std::process::id()));
        match File::options().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < u32::MAX => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| (at * 7 % 251) as u8).collect()
    }

    fn read_all(input: Input, step: usize) -> Vec<u8> {
        let mut left = input.length() as usize;
        let mut reader = InputReader::new(input);
        let mut all = Vec::new();
        while left > 0 {
            let count = step.min(left);
            all.extend(&reader.take(0, left as Word, count as Word).unwrap().to_le_bytes()[..count]);
            left -= count;
        }
        all
    }

    #[test]
    fn windows_do_not_show() {
        let expected = bytes(3 * WINDOW as usize + 5);
        for step in [1, 3, 4] {
            assert_eq!(read_all(Input::from(&expected[..]), step), expected);
        }
    }

    #[test]
    fn a_long_stream_is_spooled() {
        let expected = bytes(SPOOL_ABOVE as usize + 12_345);
        let input = Input::spool(&expected[..]).unwrap();
        assert!(matches!(&*input.source, Source::File(_)));
        assert_eq!(input.length(), expected.len() as u64);
        assert_eq!(input.hash(), *blake3::hash(&expected).as_bytes());
        assert_eq!(read_all(input, 4), expected);
    }

    #[test]
    fn seeking_back_reads_again() {
        let mut reader = InputReader::new(Input::from(bytes(100_000)));
        let mut at = |position, count| reader.take(0, 100_000u32 - position, count);
        let (late, early) = (at(90_000, 4).unwrap(), at(3, 2).unwrap());
        assert_eq!(at(90_000, 4).unwrap(), late);
        assert_eq!(at(3, 2).unwrap(), early);
        assert_eq!(at(99_998, 4).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(early, Word::from_le_bytes([21, 28, 0, 0]));
    }

    #[test]
    fn a_file_that_shrinks_is_an_error() {
        let path = std::env::temp_dir().join(format!("retrace-test-shrink-{}", std::process::id()));
        std::fs::write(&path, bytes(10)).unwrap();
        let input = Input::open(&path).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(3).unwrap();
        let error = InputReader::new(input).take(0, 10, 4).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
