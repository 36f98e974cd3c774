//! The connection to gdb.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::Duration;

use gdbstub::conn::{Connection, ConnectionExt};

use crate::cancel::Cancel;

/// How long to wait before a look at whether to go on.
const PATIENCE: Duration = Duration::from_millis(50);

type Streams = (Box<dyn Read + Send>, Box<dyn Write + Send>);

/// Where gdb is waited for.
pub(super) struct Listener {
    accept: Box<dyn FnOnce() -> io::Result<Streams> + Send>,
    /// What gdb's `target remote` takes.
    address: String,
    socket: Option<Socket>,
}

/// A Unix socket's path, which goes with it.
struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Listens on a port, or, where the address has a slash, on a Unix socket.
    pub(super) fn bind(address: &str) -> io::Result<Self> {
        if address.contains('/') {
            let listener = UnixListener::bind(address)?;
            let socket = Some(Socket(Path::new(address).to_owned()));
            let accept = move || {
                let (stream, _) = listener.accept()?;
                Ok::<Streams, io::Error>((Box::new(stream.try_clone()?), Box::new(stream)))
            };
            return Ok(Self { accept: Box::new(accept), address: address.to_owned(), socket });
        }
        let listener = TcpListener::bind(address)?;
        // A port of 0 is any that is free.
        let address = listener.local_addr()?.to_string();
        let accept = move || {
            let (stream, _) = listener.accept()?;
            // Packets are small, and each waits for an answer.
            stream.set_nodelay(true)?;
            Ok::<Streams, io::Error>((Box::new(stream.try_clone()?), Box::new(stream)))
        };
        Ok(Self { accept: Box::new(accept), address, socket: None })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Waits for gdb, and for no one else after it.
    ///
    /// # Errors
    /// [`io::ErrorKind::Interrupted`] once the flag is raised.
    pub(super) fn accept(self, cancel: Cancel) -> io::Result<Wire> {
        let Self { accept, socket, .. } = self;
        let accepted = wait(&spawn(move |send| send(accept()))?, &cancel);
        drop(socket);
        let (mut reader, writer) = accepted?;
        // A thread of its own reads, so that what has arrived can be asked for without waiting for it.
        let arriving = spawn(move |send| {
            let mut buffer = [0; 4096];
            loop {
                let read = match reader.read(&mut buffer) {
                    Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                    read => read.map(|count| buffer[..count].to_vec()),
                };
                let ends = read.is_err();
                send(read);
                if ends {
                    return;
                }
            }
        })?;
        Ok(Wire { arriving, arrived: VecDeque::new(), writer: BufWriter::new(writer), cancel })
    }
}

/// Results of a thread, as they come. The thread ends with the process at the latest.
fn spawn<T: Send + 'static>(
    work: impl FnOnce(&dyn Fn(io::Result<T>)) + Send + 'static,
) -> io::Result<Receiver<io::Result<T>>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("gdb".to_owned()).spawn(move || {
        // Once no one waits there is no one to tell.
        work(&|result| sender.send(result).unwrap_or_default());
    })?;
    Ok(receiver)
}

fn wait<T>(receiver: &Receiver<io::Result<T>>, cancel: &Cancel) -> io::Result<T> {
    loop {
        match receiver.recv_timeout(PATIENCE) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// The connection.
pub(super) struct Wire {
    arriving: Receiver<io::Result<Vec<u8>>>,
    arrived: VecDeque<u8>,
    writer: BufWriter<Box<dyn Write + Send>>,
    cancel: Cancel,
}

impl Wire {
    /// Whether nothing has arrived, and Ctrl-C was not pressed here.
    pub(super) fn is_quiet(&mut self) -> bool {
        !self.cancel.is_cancelled() && matches!(self.peek(), Ok(None))
    }
}

impl Connection for Wire {
    type Error = io::Error;

    fn write(&mut self, byte: u8) -> io::Result<()> {
        self.writer.write_all(&[byte])
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl ConnectionExt for Wire {
    fn read(&mut self) -> io::Result<u8> {
        loop {
            if let Some(byte) = self.arrived.pop_front() {
                return Ok(byte);
            }
            self.arrived.extend(wait(&self.arriving, &self.cancel)?);
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.arrived.is_empty() {
            match self.arriving.try_recv() {
                Ok(bytes) => self.arrived.extend(bytes?),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        Ok(self.arrived.front().copied())
    }
}
