//! Files that commands read and write, with errors that name them.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arguments::{Common, Guest};
use super::failure::Failure;
use super::mistaken;
use crate::checkpoint::{CheckpointFile, ExecuteError, Execution};
use crate::file::partial;
use crate::guest::{Input, Linux, Output};
use crate::isa::{Isa, Word};
use crate::parallel::Pool;
use crate::profile::CodeMap;
use crate::program::{ElfFile, LoadError, Program};
use crate::proof::{FormatError, Proof};

/// More than any ELF file of 32 bits has: its offsets would not reach the end.
const ELF_BYTES: u64 = 1 << 32;
/// More than any proof has.
const PROOF_BYTES: u64 = 1 << 20;

/// A program file, read and checked once.
#[derive(Debug)]
pub(super) struct Elf {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) file: ElfFile,
}

impl Elf {
    /// Reads an ELF file; of any other only the beginning, since a device may have no end.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = read(path, ELF_BYTES, "a 32-bit ELF file", |start| start.starts_with(b"\x7fELF"))?;
        let file = ElfFile::parse(&bytes).map_err(|error| no_program(path, &error))?;
        Ok(Self { path: path.to_owned(), bytes, file })
    }

    pub(super) fn into_program<I: Isa>(self) -> Result<Arc<Program<I>>, Failure> {
        Ok(self.into_program_and_bytes()?.0)
    }

    /// The program, and the bytes of its file.
    pub(super) fn into_program_and_bytes<I: Isa>(self) -> Result<(Arc<Program<I>>, Vec<u8>), Failure> {
        let program = self.file.decode().map_err(|error| no_program(&self.path, &error))?;
        Ok((Arc::new(program), self.bytes))
    }
}

/// [`line_of`] for an instruction set.
pub(super) type LineOf = fn(&Elf, Word) -> Option<(String, u32)>;

/// The source file and line of an address of a program's code, where the debug information says them.
pub(super) fn line_of<I: Isa>(elf: &Elf, pc: Word) -> Option<(String, u32)> {
    let program: Program<I> = elf.file.clone().decode().ok()?;
    let map = CodeMap::from_elf(&program, &elf.bytes);
    let (_, line) = map.place(&program, pc);
    line.map(|(file, line)| (file.to_owned(), line))
}

/// A proof, and how many bytes it has.
pub(super) fn proof(path: &Path) -> Result<(Proof, u64), Failure> {
    let bytes = read(path, PROOF_BYTES, "a proof", |_| true)?;
    let proof = Proof::from_bytes(&bytes).map_err(|error| match error {
        FormatError::NotAProof => {
            let remedy = "`retrace prove` writes one, and `retrace verify PROOF ELF` takes it first";
            Failure::refused(mistaken::no("retrace proof", path, remedy))
        }
        error => error.into(),
    })?;
    Ok((proof, bytes.len() as u64))
}

/// Reads a file of at most so many bytes; only its beginning, where that shows that the rest is not worth it.
fn read(path: &Path, most: u64, what: &str, worth: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>, Failure> {
    let mut length = 0;
    let tried = File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        (&file).take(64).read_to_end(&mut bytes)?;
        // Of a pipe or a device it says nothing.
        length = file.metadata()?.len();
        if length <= most && worth(&bytes) {
            (&file).take(most).read_to_end(&mut bytes)?;
        }
        length = length.max(bytes.len() as u64);
        Ok(bytes)
    });
    match tried {
        Err(error) => Err(failure("read", path, &error)),
        Ok(bytes) if length <= most || !worth(&bytes) => Ok(bytes),
        Ok(_) => {
            let message = format!(
                "{}: the file has more than {most} bytes, and so is not {what}; give another",
                path.display()
            );
            Err(Failure::new("file", message))
        }
    }
}

/// Refuses to write to a file that is read, by whatever name.
pub(super) fn keep_apart(read: &[&Path], written: &[&Path]) -> Result<(), Failure> {
    let file = |path: &Path| {
        let file = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some((file.dev(), file.ino()))
    };
    for output in written {
        let same = |input: &&&Path| file(input).is_some() && file(input) == file(output);
        if let Some(input) = read.iter().find(same) {
            let message = format!(
                "{} would be written to, and {} is read: it is one file; give another to write to",
                output.display(),
                input.display()
            );
            return Err(Failure::new("file", message));
        }
    }
    Ok(())
}

fn failure(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new("file", format!("cannot {what} {}: {}", path.display(), reason(what, error)))
}

/// Why a file could not be read or written, and what to do where that is known.
pub(super) fn reason(what: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::IsADirectory => "it is a folder; give a file".to_owned(),
        io::ErrorKind::NotFound if matches!(what, "write" | "create") => {
            "its folder does not exist; make it first".to_owned()
        }
        io::ErrorKind::NotFound => "there is no such file; check its path".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission is denied; check the modes of the file and of its folder".to_owned()
        }
        io::ErrorKind::AlreadyExists => "there is a file of that name; give another".to_owned(),
        _ => error.to_string(),
    }
}

/// An ELF file that cannot be loaded, or none.
fn no_program(path: &Path, error: &LoadError) -> Failure {
    let message = match error {
        LoadError::NotElf => mistaken::no("ELF file", path, "give a linked RISC-V executable"),
        error => error.to_string(),
    };
    Failure::new("elf", format!("{}: {message}", path.display()))
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

/// The guest's arguments, its name first: by default the ELF file's, without its folder, so that a proof does not depend
/// on where the file was.
pub(super) fn arguments(guest: &Guest) -> Vec<Vec<u8>> {
    let name = guest.arg0.as_deref().or(guest.elf.file_name()).unwrap_or_default();
    let all = std::iter::once(name).chain(guest.arguments.iter().map(AsRef::as_ref));
    all.map(|argument| argument.as_encoded_bytes().to_vec()).collect()
}

/// The file that was named, or standard input unless it is a terminal; and the private input.
pub(super) fn input(guest: &Guest) -> Result<Input, Failure> {
    if guest.input.is_some() || io::stdin().is_terminal() {
        return named_input(guest, &Input::empty());
    }
    if let Some(path) = guest.private_input.as_ref().filter(|path| is_standard_input(path)) {
        let message = format!(
            "{} is the private input, and as standard input it would be the public one too: give that by --input, \
             or --input /dev/null for none",
            path.display()
        );
        return Err(Failure::new("file", message));
    }
    let otherwise = Input::spool(io::stdin().lock())
        .map_err(|error| Failure::new("file", format!("cannot read standard input: {error}")))?;
    named_input(guest, &otherwise)
}

fn is_standard_input(path: &Path) -> bool {
    let given = io::stdin().as_fd().try_clone_to_owned().and_then(|it| File::from(it).metadata());
    let file = |found: io::Result<fs::Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
    file(fs::metadata(path)).is_some_and(|named| file(given) == Some(named))
}

/// The files that were named, and where none was, what there is otherwise.
pub(super) fn named_input(guest: &Guest, otherwise: &Input) -> Result<Input, Failure> {
    let open = |path: &PathBuf| Input::open(path).map_err(|error| failure("read", path, &error));
    let input = guest.input.as_ref().map(open).transpose()?;
    let private = guest.private_input.as_ref().map(open).transpose()?;
    let private = private.unwrap_or_else(|| otherwise.private());
    Ok(input.unwrap_or_else(|| otherwise.clone()).with_private(private))
}

pub(super) fn pool(common: &Common) -> Result<Pool, Failure> {
    Pool::new(common.threads).map_err(|error| Failure::new("threads", error.to_string()))
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| failure("write", path, &error))
}

/// Makes a folder, and those that it is in; it may be there.
pub(super) fn create_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| failure("make the folder", path, &error))
}

/// A file to go on with after so many bytes, which it must have.
fn append(path: &Path, length: u64) -> Result<File, Failure> {
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

/// Where the guest's output goes: to a file, which is gone on with if so many bytes are `written` to it; without one to
/// standard output, or with `--json` nowhere.
pub(super) fn guest_output(
    common: &Common,
    path: Option<&Path>,
    written: Option<u64>,
) -> Result<Output, Failure> {
    let sink: Box<dyn Write + Send> = match (path, written) {
        (Some(path), Some(length)) => Box::new(append(path, length)?),
        (Some(path), None) => Box::new(create(path)?),
        (None, _) if common.json => Box::new(io::sink()),
        (None, _) => Box::new(io::stdout()),
    };
    Ok(Output::new(sink, Box::new(io::stderr())))
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

/// Writes to a [`Whole`] file; without one to standard output, or with `--json` nowhere. What `write` gives comes back as
/// it is.
pub(super) fn write_stream<E>(
    common: &Common,
    path: Option<&Path>,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), E>,
) -> Result<Result<(), E>, Failure> {
    let Some(path) = path else {
        let mut sink: Box<dyn Write + Send> = match common.json {
            true => Box::new(io::sink()),
            false => Box::new(BufWriter::with_capacity(1 << 16, io::stdout())),
        };
        return Ok(write(&mut *sink));
    };
    let mut file = Whole::create(path)?;
    let written = write(&mut file);
    if written.is_ok() {
        file.finish()?;
    }
    Ok(written)
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
        let created = File::create(partial.as_deref().unwrap_or(path));
        let file =
            BufWriter::with_capacity(1 << 16, created.map_err(|error| failure("write", path, &error))?);
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
