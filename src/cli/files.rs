//! Files that commands read and write, with errors that name them.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arguments::{Common, Guest};
use super::failure::Failure;
use crate::guest::Input;
use crate::isa::Isa;
use crate::parallel::Pool;
use crate::program::Program;

/// The name that every guest finds as its own, so that a proof does not depend on where its ELF was.
const NAME: &[u8] = b"guest";

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| failure("read", path, &error))
}

fn failure(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new("file", format!("cannot {what} {}: {error}", path.display()))
}

pub(super) fn program<I: Isa>(path: &Path) -> Result<Arc<Program<I>>, Failure> {
    let program = Program::from_elf(&read(path)?);
    program.map(Arc::new).map_err(|error| Failure::new("elf", format!("{}: {error}", path.display())))
}

/// The guest's arguments, its name first.
pub(super) fn arguments(guest: &Guest) -> Vec<Vec<u8>> {
    let given = guest.arguments.iter().map(|argument| argument.as_encoded_bytes().to_vec());
    std::iter::once(NAME.to_vec()).chain(given).collect()
}

/// The file that was named, or standard input unless it is a terminal.
pub(super) fn input(guest: &Guest) -> Result<Input, Failure> {
    match &guest.input {
        Some(path) => Input::open(path).map_err(|error| failure("read", path, &error)),
        None if io::stdin().is_terminal() => Ok(Input::empty()),
        None => Input::spool(io::stdin().lock())
            .map_err(|error| Failure::new("file", format!("cannot read standard input: {error}"))),
    }
}

pub(super) fn pool(common: &Common) -> Result<Pool, Failure> {
    Pool::new(common.threads).map_err(|error| Failure::new("threads", error.to_string()))
}

pub(super) fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| failure("write", path, &error))
}

/// A buffered file, or standard output.
pub(super) fn writer(path: Option<&Path>) -> Result<Box<dyn Write + Send>, Failure> {
    Ok(match path {
        Some(path) => Box::new(BufWriter::with_capacity(1 << 16, create(path)?)),
        None => Box::new(BufWriter::with_capacity(1 << 16, io::stdout())),
    })
}

/// Writes a whole file under another name and renames it: whoever reads it finds all of it, or what was there before.
/// A device, a pipe or what a link leads to is written as it stands.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_whole_with(path, |file| file.write_all(bytes))
}

/// As [`write_whole`], for what is not in memory.
pub(super) fn write_whole_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let write = |file: &mut File| {
        let mut buffered = BufWriter::with_capacity(1 << 16, file);
        write(&mut buffered)?;
        buffered.flush()
    };
    if fs::symlink_metadata(path).is_ok_and(|file| !file.is_file()) {
        return write(&mut create(path)?).map_err(|error| failure("write", path, &error));
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut file = create(&partial)?;
    let written = write(&mut file).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&partial, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&partial);
        failure("write", path, &error)
    })
}
