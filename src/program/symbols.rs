//! Names for addresses: for people, and for harnesses that look for an address by name.

use crate::isa::Word;

/// A program's named addresses, ascending. O(size of the file's symbol table).
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    entries: Vec<Entry>,
    names: Box<[u8]>,
}

/// A name for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// The name as the file has it: mangled if the language mangles.
    pub name: &'a str,
    /// The address.
    pub address: Word,
    /// The size in bytes; 0 if the file does not say.
    pub size: Word,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: Word,
    kind: Kind,
    name: u32,
    length: u32,
    size: Word,
}

/// Longer names are left out: no compiler makes them, and a damaged file could make reading them quadratic.
const MAX_NAME: usize = 1 << 14;

/// What is named; of two names for one address, the later one is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Data,
    Label,
    Function,
}

impl Symbols {
    /// Symbols, each with its size, whose names lie in `names` and are ended by a zero byte. Those that people do not see in sources
    /// (no name, `$` mapping symbols, `.L` labels) are left out.
    pub(super) fn new(names: &[u8], symbols: impl Iterator<Item = (Word, Kind, u32, Word)>) -> Self {
        let mut entries: Vec<Entry> = symbols
            .filter_map(|(address, kind, name, size)| {
                let text = names.get(name as usize..)?;
                let length = text.iter().take(MAX_NAME).position(|&byte| byte == 0)?;
                let text = &text[..length];
                let hidden = text.is_empty() || text.starts_with(b"$") || text.starts_with(b".L");
                (!hidden && core::str::from_utf8(text).is_ok()).then_some(Entry {
                    address,
                    kind,
                    name,
                    length: u32::try_from(length).ok()?,
                    size,
                })
            })
            .collect();
        entries.sort_by_key(|entry| (entry.address, entry.kind));
        Self { entries, names: names.into() }
    }

    /// Symbols by name; whether each names code.
    pub(super) fn of_labels<'n>(labels: impl IntoIterator<Item = (&'n str, Word, bool)>) -> Self {
        let mut names = Vec::new();
        let mut symbols = Vec::new();
        for (name, address, is_code) in labels {
            let Ok(start) = u32::try_from(names.len()) else { break };
            names.extend_from_slice(name.as_bytes());
            names.push(0);
            symbols.push((address, if is_code { Kind::Label } else { Kind::Data }, start, 0));
        }
        Self::new(&names, symbols.into_iter())
    }

    /// All symbols, by ascending address.
    pub fn iter(&self) -> impl Iterator<Item = Symbol<'_>> {
        self.entries.iter().map(|entry| self.symbol(entry))
    }

    /// The functions and labels of code, by ascending address, each with its end: its own address, if it is a label or has
    /// no size.
    #[cfg(feature = "profile")]
    pub(crate) fn of_code(&self) -> impl Iterator<Item = (Symbol<'_>, Word)> {
        self.entries.iter().filter(|entry| entry.kind > Kind::Data).map(|entry| {
            let symbol = self.symbol(entry);
            let size = if entry.kind == Kind::Function { symbol.size } else { 0 };
            (symbol, symbol.address.saturating_add(size))
        })
    }

    /// The address that a name stands for. O(number of symbols).
    pub fn address(&self, name: &str) -> Option<Word> {
        self.iter().find(|symbol| symbol.name == name).map(|symbol| symbol.address)
    }

    /// The last function or label of code that begins at or before `address`. O(number of symbols).
    pub fn nearest(&self, address: Word) -> Option<Symbol<'_>> {
        let end = self.entries.partition_point(|entry| entry.address <= address);
        self.entries[..end].iter().rev().find(|entry| entry.kind > Kind::Data).map(|entry| self.symbol(entry))
    }

    /// The nearest symbol and the distance from it: `name+0x10`.
    pub fn describe(&self, address: Word) -> Option<String> {
        let Symbol { name, address: start, .. } = self.nearest(address)?;
        Some(if address == start { name.to_owned() } else { format!("{name}+{:#x}", address - start) })
    }

    fn symbol(&self, entry: &Entry) -> Symbol<'_> {
        let bytes = &self.names[entry.name as usize..][..entry.length as usize];
        Symbol {
            name: core::str::from_utf8(bytes).unwrap_or_default(),
            address: entry.address,
            size: entry.size,
        }
    }
}
