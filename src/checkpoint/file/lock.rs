//! One writer a file.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::error::{CheckpointFileError, Result};

/// Opens the file for reading and writing, and keeps other writers away for as long as it is open.
pub(super) fn open_locked(path: &Path, create: bool) -> Result<File> {
    loop {
        let opened = OpenOptions::new().read(true).write(true).create(create).truncate(false).open(path);
        let file = opened.map_err(CheckpointFileError::io(if create { "create" } else { "open" }))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CheckpointFileError::InUse),
            Err(TryLockError::Error(source)) => {
                return Err(CheckpointFileError::Io { doing: "lock", source });
            }
        }
        // A writer that renamed another file to this path may have let go of this one in between.
        if is_at(&file, path)? {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let id = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let open = file.metadata().map_err(CheckpointFileError::io("open"))?;
    match std::fs::metadata(path) {
        Ok(there) => Ok(id(open) == id(there)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(CheckpointFileError::Io { doing: "open", source }),
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> Result<bool> {
    Ok(true)
}

/// Puts the file at one path at the other, for good.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(CheckpointFileError::io("rename"))?;
    #[cfg(unix)]
    {
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(parent.unwrap_or(Path::new(".")));
        directory.and_then(|directory| directory.sync_all()).map_err(CheckpointFileError::io("rename"))?;
    }
    Ok(())
}
