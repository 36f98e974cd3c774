//! The connection to gdb.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufWriter, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::Duration;

use gdbstub::conn::{Connection, ConnectionExt};

use crate::cancel::Cancel;

/// How long to wait before a look at whether to go on.
const PATIENCE: Duration = Duration::from_millis(50);

/// By which gdb interrupts.
const INTERRUPT: u8 = 3;

/// How long gdb may take nothing of what it is sent. Answers are short.
const STALLED: Duration = Duration::from_secs(5);

type Streams = (Box<dyn Read + Send>, Box<dyn Write + Send>);

/// Where gdb is waited for.
pub(super) struct Listener {
    accept: Box<dyn FnMut() -> io::Result<Streams> + Send>,
    /// What gdb's `target remote` takes.
    address: String,
    _socket: Option<Socket>,
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
                stream.set_write_timeout(Some(STALLED))?;
                Ok::<Streams, io::Error>((Box::new(stream.try_clone()?), Box::new(stream)))
            };
            return Ok(Self { accept: Box::new(accept), address: address.to_owned(), _socket: socket });
        }
        // As gdbserver has it, though there it is any address.
        let address = if address.starts_with(':') { &format!("127.0.0.1{address}") } else { address };
        let listener = TcpListener::bind(address)?;
        // A port of 0 is any that is free.
        let address = listener.local_addr()?.to_string();
        let accept = move || {
            let (stream, _) = listener.accept()?;
            // Packets are small, and each waits for an answer.
            stream.set_nodelay(true)?;
            stream.set_write_timeout(Some(STALLED))?;
            Ok::<Streams, io::Error>((Box::new(stream.try_clone()?), Box::new(stream)))
        };
        Ok(Self { accept: Box::new(accept), address, _socket: None })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Waits for gdb, and for no one else after it. Who goes without a word is not gdb.
    ///
    /// # Errors
    /// [`io::ErrorKind::Interrupted`] once the flag is raised.
    pub(super) fn accept(mut self, cancel: &Cancel) -> io::Result<Wire> {
        let accepted = spawn(move |send| while send((self.accept)()) {})?;
        loop {
            let (mut reader, writer) = wait(&accepted, cancel)?;
            // A thread of its own reads, so that what has arrived can be asked for without waiting for it.
            let arriving = spawn(move |send| {
                let mut buffer = [0; 4096];
                loop {
                    let read = match reader.read(&mut buffer) {
                        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                        read => read.map(|count| buffer[..count].to_vec()),
                    };
                    if read.is_err() | !send(read) {
                        return;
                    }
                }
            })?;
            let arrived = match wait(&arriving, cancel) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(_) => continue,
                Ok(bytes) => bytes.into(),
            };
            let incoming = Incoming { arriving, arrived, cancel: cancel.clone() };
            return Ok(Wire { incoming: Rc::new(RefCell::new(incoming)), writer: BufWriter::new(writer) });
        }
    }
}

/// Results of a thread, as they come; it is told whether anyone waits for the next. It ends with the process at the latest.
fn spawn<T: Send + 'static>(
    work: impl FnOnce(&dyn Fn(io::Result<T>) -> bool) + Send + 'static,
) -> io::Result<Receiver<io::Result<T>>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new()
        .name("gdb".to_owned())
        .spawn(move || work(&|result| sender.send(result).is_ok()))?;
    Ok(receiver)
}

fn wait<T>(receiver: &Receiver<io::Result<T>>, cancel: &Cancel) -> io::Result<T> {
    loop {
        if cancel.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match receiver.recv_timeout(PATIENCE) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// What gdb sends.
pub(super) struct Incoming {
    arriving: Receiver<io::Result<Vec<u8>>>,
    arrived: VecDeque<u8>,
    cancel: Cancel,
}

impl Incoming {
    /// Whether nothing has arrived, and Ctrl-C was not pressed here.
    pub(super) fn is_quiet(&mut self) -> bool {
        !self.cancel.is_cancelled() && matches!(self.peek(), Ok(None))
    }

    /// Takes the next byte, if it has arrived, and is the one by which gdb interrupts.
    pub(super) fn take_interrupt(&mut self) {
        if matches!(self.peek(), Ok(Some(INTERRUPT))) {
            self.arrived.pop_front();
        }
    }

    fn read(&mut self) -> io::Result<u8> {
        loop {
            if self.cancel.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
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

/// The connection.
pub(super) struct Wire {
    incoming: Rc<RefCell<Incoming>>,
    writer: BufWriter<Box<dyn Write + Send>>,
}

impl Wire {
    pub(super) fn incoming(&self) -> Rc<RefCell<Incoming>> {
        Rc::clone(&self.incoming)
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
        self.incoming.borrow_mut().read()
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        self.incoming.borrow_mut().peek()
    }
}
