//! The guest's input, public and private: bytes that every replay can read again, in memory or in a file.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use crate::file::read_file_at;
use crate::isa::Word;

/// Input for a guest: cheap to clone, read at any position, never held twice.
///
/// It is the input, descriptor 0, which is public: a proof states its hash. Beside it there may be a private input,
/// descriptor 3, which is in no statement; [`with_private`](Self::with_private) says what that hides, and what not.
#[derive(Clone, Debug)]
pub struct Input {
    /// In the order of [`DESCRIPTORS`].
    streams: [ByteStream; DESCRIPTORS.len()],
}

/// The descriptors of the input and of the private input.
pub(crate) const DESCRIPTORS: [u8; 2] = [0, 3];

/// The bytes of one of the two.
#[derive(Clone)]
pub(crate) struct ByteStream {
    source: Arc<Source>,
    pub(crate) length: u64,
    pub(crate) hash: [u8; 32],
}

enum Source {
    Bytes(Vec<u8>),
    File(File),
    Stored(Box<dyn InputStore>),
}

/// Where an input is kept, if not in memory or in a file of its own.
pub(crate) trait InputStore: Send + Sync {
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
        if file.metadata()?.is_file() { Ok(ByteStream::from_file(file)?.into()) } else { Self::spool(file) }
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
        Ok(ByteStream::from_file(file)?.into())
    }

    /// No input.
    pub fn empty() -> Self {
        Self::from(Vec::new())
    }

    /// The same input, with the bytes of another as the private one. To replay, or to verify a proof, takes the same.
    ///
    /// No statement of a proof has its hash. But a proof hides nothing: the statement's digests are of states whose memory
    /// may hold what was read, and nothing in a proof is blinded. A checkpoint file has all of it, as it is.
    ///
    /// ```
    /// use retrace::guest::Input;
    ///
    /// let input = Input::from(&b"public"[..]).with_private(Input::from(&b"a secret"[..]));
    /// assert_eq!((input.length(), input.private().length()), (6, 8));
    /// ```
    #[must_use]
    pub fn with_private(self, private: Self) -> Self {
        let ([public, _], [private, _]) = (self.streams, private.streams);
        Self { streams: [public, private] }
    }

    /// The private input, as an input; empty if there is none.
    pub fn private(&self) -> Self {
        let [_, private] = &self.streams;
        private.clone().into()
    }

    /// The number of bytes, without private ones.
    pub fn length(&self) -> u64 {
        self.streams[0].length
    }

    /// The blake3 hash of all bytes, whether the guest reads them or not; without private ones.
    pub fn hash(&self) -> [u8; 32] {
        self.streams[0].hash
    }

    /// The input and the private one.
    pub(crate) fn streams(&self) -> &[ByteStream; DESCRIPTORS.len()] {
        &self.streams
    }
}

impl From<ByteStream> for Input {
    fn from(public: ByteStream) -> Self {
        Self { streams: [public, Vec::new().into()] }
    }
}

impl From<[ByteStream; DESCRIPTORS.len()]> for Input {
    fn from(streams: [ByteStream; DESCRIPTORS.len()]) -> Self {
        Self { streams }
    }
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Self {
        ByteStream::from(bytes).into()
    }
}

impl From<&[u8]> for Input {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl ByteStream {
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

impl From<Vec<u8>> for ByteStream {
    fn from(bytes: Vec<u8>) -> Self {
        let hash = *blake3::hash(&bytes).as_bytes();
        Self { length: bytes.len() as u64, source: Arc::new(Source::Bytes(bytes)), hash }
    }
}

/// Without the bytes, and their hash: they may be private.
impl core::fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ByteStream").field("length", &self.length).finish_non_exhaustive()
    }
}

/// What a machine reads of an input: a window of each stream. O(1) space.
#[derive(Debug)]
pub(crate) struct InputReader {
    windows: [Window; DESCRIPTORS.len()],
}

#[derive(Debug)]
struct Window {
    stream: ByteStream,
    /// Of the next byte that is asked for.
    position: u64,
    bytes: Vec<u8>,
    /// Of the window's first byte.
    start: u64,
}

/// Streams shorter than this are kept in memory.
const SPOOL_ABOVE: u64 = 1 << 20;

/// What is read ahead: large enough that a system call a window costs nothing beside the guest's calls.
const WINDOW: u64 = 1 << 16;

impl InputReader {
    pub(crate) fn new(input: Input) -> Self {
        let window = |stream| Window { stream, position: 0, bytes: Vec::new(), start: 0 };
        Self { windows: input.streams.map(window) }
    }

    /// The next `count` bytes, 1 to 4, of a stream of which `left` are left: as many at least. The first is the low byte.
    pub(crate) fn take(&mut self, descriptor: u8, left: Word, count: Word) -> io::Result<Word> {
        let window = &mut self.windows[usize::from(descriptor != DESCRIPTORS[0])];
        let position =
            window.stream.length.checked_sub(left.into()).filter(|_| (1..=left.min(4)).contains(&count));
        window.position = position.ok_or(io::ErrorKind::UnexpectedEof)?;
        window.peek(count as usize)
    }
}

impl Window {
    #[inline]
    fn peek(&mut self, count: usize) -> io::Result<Word> {
        let whole = self.place().and_then(|start| self.bytes.get(start..)?.first_chunk());
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
        if place.is_none_or(|start| start + count > self.bytes.len()) {
            self.refill()?;
            place = Some(0);
        }
        let taken = place
            .and_then(|start| self.bytes.get(start..start + count))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes[..count].copy_from_slice(taken);
        Ok(Word::from_le_bytes(bytes))
    }

    fn place(&self) -> Option<usize> {
        usize::try_from(self.position.checked_sub(self.start)?).ok()
    }

    fn refill(&mut self) -> io::Result<()> {
        self.bytes.resize((self.stream.length - self.position).min(WINDOW) as usize, 0);
        self.start = self.position;
        let read = self.stream.read_at(self.position, &mut self.bytes);
        if read.is_err() {
            self.bytes.clear();
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
        assert!(matches!(&*input.streams[0].source, Source::File(_)));
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
    fn the_two_streams_keep_apart() {
        let (public, private) = (bytes(100_000), bytes(200_001).split_off(7));
        let input = Input::from(&public[..]).with_private(Input::from(&private[..]));
        assert_eq!((input.length(), input.hash()), (100_000, *blake3::hash(&public).as_bytes()));
        assert_eq!(read_all(input.private(), 4), private);
        let mut reader = InputReader::new(input);
        for at in (0..90_000).step_by(997) {
            let mut next = |descriptor, all: &[u8]| {
                let word = reader.take(descriptor, (all.len() - at) as Word, 4).unwrap();
                assert_eq!(word.to_le_bytes(), all[at..at + 4]);
            };
            next(0, &public);
            next(3, &private);
        }
    }

    #[test]
    fn private_bytes_are_not_shown() {
        let input = Input::from(&b"open"[..]).with_private(Input::from(&b"sesame"[..]));
        let shown = format!("{input:?} {:?}", InputReader::new(input.clone()));
        assert!(shown.contains("length: 6") && !shown.contains("115, 101"), "{shown}");
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
