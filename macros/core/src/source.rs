//! Spec files, by name, and places in them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A place in a spec file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The file, by its place in [`Sources`].
    pub file: usize,
    /// Bytes.
    pub range: Range<usize>,
}

impl Ord for Span {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |span: &Self| (span.file, span.range.start, span.range.end);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Span {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The longest spec. The longest in-tree has 24 KiB; `/dev/zero` has no end.
const MAX_BYTES: usize = 1 << 20;

/// A file's text; of a file that is too long only the beginning.
fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        // What is too long may end within a character.
        Err(error) if error.as_bytes().len() > MAX_BYTES => {
            Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
        }
        Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "it is no text in UTF-8")),
    }
}

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
    /// Known by name, rather than read from disk.
    builtin: bool,
}

/// The files of a compilation: specs that are known by name, and files that are read from disk.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    builtin: BTreeMap<String, String>,
    root: PathBuf,
    files: Vec<Source>,
}

impl Sources {
    /// Files are read relative to `root`; by default to the current folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), ..Self::default() }
    }

    /// Adds a spec that `extends` can name: its name without `.toml`, and its text.
    pub fn add_builtin(&mut self, name: &str, text: &str) {
        self.builtin.insert(name.to_owned(), text.to_owned());
    }

    /// The files read from disk so far, relative to the root.
    pub fn read_files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter(|file| !file.builtin).map(|file| file.name.as_str())
    }

    /// The names that `extends` can use without a path.
    pub(crate) fn builtin_names(&self) -> impl Iterator<Item = &str> {
        self.builtin.keys().map(String::as_str)
    }

    /// Reads a file, or finds the spec of that name; a second request for one gives the same place.
    pub(crate) fn open(&mut self, name: &str) -> Result<usize, String> {
        let builtin = self.builtin.get(name);
        let label = builtin.map_or_else(|| name.to_owned(), |_| format!("isa/{name}.toml"));
        let same = |file: &Source| file.name == label && file.builtin == builtin.is_some();
        if let Some(found) = self.files.iter().position(same) {
            return Ok(found);
        }
        let text = match builtin {
            Some(text) => text.clone(),
            None => read(&self.root.join(name)).map_err(|error| error.to_string())?,
        };
        if text.len() > MAX_BYTES {
            return Err(format!("it has more than {MAX_BYTES} bytes"));
        }
        self.files.push(Source { builtin: builtin.is_some(), name: label, text });
        Ok(self.files.len() - 1)
    }

    /// What to do about a file that cannot be read.
    pub(crate) fn remedy(&self, name: &str) -> &'static str {
        match self.root.join(name).exists() {
            true => "give a spec, which is a TOML file",
            false if self.root.as_os_str().is_empty() => "check its path",
            false => "in isa!, paths are relative to the folder of the crate's Cargo.toml",
        }
    }

    /// An empty file in the place of one that could not be read, for its error to name.
    pub(crate) fn missing(&mut self, name: &str) -> usize {
        self.files.push(Source { name: name.to_owned(), text: String::new(), builtin: false });
        self.files.len() - 1
    }

    pub(crate) fn file(&self, file: usize) -> &Source {
        &self.files[file]
    }

    /// The line of a place, from 1, and its column, from 1, in characters.
    pub(crate) fn line_column(&self, span: &Span) -> (usize, usize) {
        let before = &self.files[span.file].text[..span.range.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}
