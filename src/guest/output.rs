//! What the guest writes: streamed to a sink with a running hash; dropped in a replay.

use std::io::{self, Write};

use super::output_hash::OutputHash;

/// The streams that a guest can write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// What the run is about: hashed, and part of what is proven.
    Output,
    /// Messages for people: passed on, and forgotten.
    Error,
}

impl Stream {
    /// The descriptor of [`Output`](Self::Output). Of what a spec may write to there is one other.
    pub const OUTPUT: u8 = 1;
}

/// The hash and length of what a guest wrote to [`Stream::Output`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputSummary {
    /// The blake3 hash.
    pub hash: [u8; 32],
    /// The number of bytes.
    pub length: u64,
}

/// Where a guest's output goes. O(1) space.
#[derive(Default)]
pub struct Output {
    streams: Option<Box<Streams>>,
}

struct Streams {
    output: Buffered,
    error: Buffered,
    hash: OutputHash,
}

struct Buffered {
    sink: Box<dyn Write + Send>,
    pending: Vec<u8>,
}

/// What is collected before it is hashed and written: both cost more a byte in small pieces.
const BUFFER: usize = 1 << 16;

impl Output {
    /// Output and error output go to these sinks, output with a hash. Sinks need no buffer of their own.
    pub fn new(output: Box<dyn Write + Send>, error: Box<dyn Write + Send>) -> Self {
        let buffered = |sink| Buffered { sink, pending: Vec::with_capacity(BUFFER) };
        Self {
            streams: Some(Box::new(Streams {
                output: buffered(output),
                error: buffered(error),
                hash: OutputHash::default(),
            })),
        }
    }

    /// Output is hashed, and written nowhere.
    pub fn hashed() -> Self {
        Self::new(Box::new(io::sink()), Box::new(io::sink()))
    }

    /// Output is dropped at once, as in a replay; its summary is that of no output.
    pub fn dropped() -> Self {
        Self { streams: None }
    }

    /// Writes what is still held back to the sinks, and flushes them.
    ///
    /// # Errors
    /// A sink's.
    pub fn flush(&mut self) -> io::Result<()> {
        let Some(streams) = &mut self.streams else { return Ok(()) };
        streams.write_output()?;
        streams.output.sink.flush()?;
        streams.error.write()?;
        streams.error.sink.flush()
    }

    /// The hash and length of all that was written to [`Stream::Output`].
    pub fn summary(&self) -> OutputSummary {
        let Some(streams) = &self.streams else {
            return OutputSummary { hash: *blake3::hash(&[]).as_bytes(), length: 0 };
        };
        let mut hash = streams.hash.clone();
        hash.update(&streams.output.pending);
        OutputSummary { hash: hash.finalize(), length: hash.length() }
    }

    /// The state of the hash, without what is still held back.
    pub(crate) fn hash_state(&self) -> OutputHash {
        self.streams.as_ref().map(|streams| streams.hash.clone()).unwrap_or_default()
    }

    /// Goes on with the hash of an output of which this is the rest.
    pub(crate) fn resume_hash(&mut self, hash: OutputHash) {
        if let Some(streams) = &mut self.streams {
            streams.hash = hash;
        }
    }

    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let Some(streams) = &mut self.streams else { return Ok(()) };
        match stream {
            Stream::Output => {
                if streams.output.pending.len() + bytes.len() > BUFFER {
                    streams.write_output()?;
                }
                streams.output.pending.extend_from_slice(bytes);
            }
            Stream::Error => {
                if streams.error.pending.len() + bytes.len() > BUFFER {
                    streams.error.write()?;
                }
                streams.error.pending.extend_from_slice(bytes);
            }
        }
        Ok(())
    }
}

impl Streams {
    fn write_output(&mut self) -> io::Result<()> {
        self.hash.update(&self.output.pending);
        self.output.write()
    }
}

impl Buffered {
    /// Forgets what is pending even if the sink fails, since part of it may have been written.
    fn write(&mut self) -> io::Result<()> {
        let written = self.sink.write_all(&self.pending);
        self.pending.clear();
        written
    }
}

impl core::fmt::Debug for Output {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Output").field("dropped", &self.streams.is_none()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Shared;

    #[test]
    fn streams_are_kept_apart_and_output_is_hashed() {
        let (out, err) = (Shared::default(), Shared::default());
        let mut output = Output::new(Box::new(out.clone()), Box::new(err.clone()));
        let expected: Vec<u8> = (0..3 * BUFFER + 1).map(|at| at as u8).collect();
        for part in expected.chunks(3) {
            output.write(Stream::Output, part).unwrap();
            output.write(Stream::Error, &part[..1]).unwrap();
        }
        let summary = output.summary();
        output.flush().unwrap();
        assert_eq!(output.summary(), summary);
        assert_eq!(summary.length, expected.len() as u64);
        assert_eq!(summary.hash, *blake3::hash(&expected).as_bytes());
        assert_eq!(*out.0.lock().unwrap(), expected);
        assert_eq!(err.0.lock().unwrap().len(), expected.len().div_ceil(3));
    }
}
