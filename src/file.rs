//! What readers and writers of files share: a place in a file, wherever its cursor is; and the name of a file in the making.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Where a file is written that will be renamed to this path.
pub(crate) fn partial(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    PathBuf::from(partial)
}

/// Fills the buffer from this position of the file on.
#[cfg(unix)]
pub(crate) fn read_file_at(file: &File, position: u64, buffer: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, position)
}

/// Fills the buffer from this position of the file on.
#[cfg(windows)]
pub(crate) fn read_file_at(file: &File, mut position: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_read(file, buffer, position)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        position += count as u64;
        buffer = &mut buffer[count..];
    }
    Ok(())
}

/// Writes all bytes from this position of the file on.
#[cfg(unix)]
pub(crate) fn write_file_at(file: &File, position: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, position)
}

/// Writes all bytes from this position of the file on.
#[cfg(windows)]
pub(crate) fn write_file_at(file: &File, mut position: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_write(file, bytes, position)?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        position += count as u64;
        bytes = &bytes[count..];
    }
    Ok(())
}
