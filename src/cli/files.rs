//! Files that commands read and write, with errors that name them.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arguments::{Common, Guest};
use super::failure::Failure;
use crate::checkpoint::{CheckpointFile, ExecuteError, Execution};
use crate::file::partial;
use crate::guest::{Input, Linux};
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

/// The execution in a checkpoint file.
pub(super) fn execution<I: Isa>(
    path: &Path,
    program: Arc<Program<I>>,
) -> Result<Execution<I, Linux>, Failure> {
    let file = CheckpointFile::open(path).map_err(|error| Failure::checkpoint_file(path, &error))?;
    file.execution(program).map_err(|error| match &error {
        ExecuteError::File(error) => Failure::checkpoint_file(path, error),
        _ => error.into(),
    })
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

/// A file to go on with after so many bytes, which it must have.
pub(super) fn append(path: &Path, length: u64) -> Result<File, Failure> {
    let opened = File::options().append(true).open(path);
    let file = opened.map_err(|error| failure("go on with", path, &error))?;
    let found = file.metadata().map_err(|error| failure("go on with", path, &error))?.len();
    if found < length {
        let path = path.display();
        let message = format!(
            "cannot go on with {path}: the run had put out {length} bytes, and it has {found}; give the output file of the run, or none"
        );
        return Err(Failure::new("file", message));
    }
    file.set_len(length).map_err(|error| failure("go on with", path, &error))?;
    Ok(file)
}

/// Writes a [`Whole`] file.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_whole_with(path, |file| file.write_all(bytes))
}

/// As [`write_whole`], for what is not in memory.
pub(super) fn write_whole_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut file = Whole::create(path)?;
    write(&mut file).map_err(|error| failure("write", path, &error))?;
    file.finish()
}

/// A file that is written under another name and renamed when it is [finished](Self::finish): whoever reads it finds all
/// of it, or what was there before. If it is dropped before, nothing is left of it. A device, a pipe or what a link leads
/// to is written as it stands.
pub(super) struct Whole {
    file: BufWriter<File>,
    path: PathBuf,
    /// The other name, until the file is renamed.
    partial: Option<PathBuf>,
}

impl Whole {
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let as_it_stands = fs::symlink_metadata(path).is_ok_and(|file| !file.is_file());
        let partial = (!as_it_stands).then(|| partial(path));
        let file = BufWriter::with_capacity(1 << 16, create(partial.as_deref().unwrap_or(path))?);
        Ok(Self { file, path: path.to_owned(), partial })
    }

    /// Gives the file its name.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.rename().map_err(|error| failure("write", &self.path, &error))
    }

    fn rename(&mut self) -> io::Result<()> {
        self.file.flush()?;
        if let Some(partial) = &self.partial {
            self.file.get_ref().sync_all()?;
            fs::rename(partial, &self.path)?;
            self.partial = None;
        }
        Ok(())
    }
}

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            let _ = fs::remove_file(partial);
        }
    }
}
