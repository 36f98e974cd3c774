//! What each entry of the code table belongs to: functions, inlined ones too, source lines, region markers.

use core::iter::Peekable;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use addr2line::Context;
use addr2line::gimli::{DwarfSections, EndianSlice, LittleEndian, SectionId};

use super::markers::{self, Marker};
use crate::isa::{Isa, Word};
use crate::program::{Program, Symbol, Symbols, with_sections};

/// A function, by its place in [`CodeMap::functions`].
pub(super) type FunctionId = u32;

/// A chain of functions, each inlined into the one before, by its place in [`CodeMap::scopes`].
pub(super) type ScopeId = u32;

/// The scope of code that nothing names: whoever counts names it by the address that was called.
pub(super) const UNNAMED: ScopeId = 0;

/// A program's code as people know it.
///
/// Space: O(code). Names come from DWARF where the file has it, elsewhere from the nearest symbol before.
#[derive(Debug)]
pub struct CodeMap {
    /// Names, demangled; each once.
    pub(super) functions: Vec<String>,
    pub(super) scopes: Vec<Scope>,
    pub(super) segments: Vec<Segment>,
    /// For each entry of the code table its segment.
    pub(super) segment_of: Vec<u32>,
    /// Source lines, each once; the first is none.
    pub(super) lines: Vec<Line>,
    /// For each entry of the code table its line.
    pub(super) line_of: Vec<u32>,
    /// What regions are called.
    pub(super) regions: Vec<String>,
}

/// Functions, each inlined into the one before.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) functions: Box<[FunctionId]>,
    /// The scope of the first one alone.
    pub(super) outermost: ScopeId,
}

/// Entries that follow each other in one scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) last: u32,
    pub(super) scope: ScopeId,
    /// The marker that is the segment's only entry.
    pub(super) marker: Option<Marker>,
}

/// A line of a source file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Line {
    pub(super) file: String,
    pub(super) line: u32,
}

impl CodeMap {
    /// Where an address of the program's code is: the function, those that are inlined into it after it, and the source line,
    /// if there are such.
    pub fn place<I: Isa>(&self, program: &Program<I>, address: Word) -> (Vec<&str>, Option<(&str, u32)>) {
        let Some(index) = program.code().index_of(address) else { return (Vec::new(), None) };
        let scope = &self.scopes[self.segment(index).scope as usize];
        let line = &self.lines[self.line_of[index as usize] as usize];
        let names = scope.functions.iter().map(|function| self.functions[*function as usize].as_str());
        (names.collect(), (line.line > 0).then_some((&line.file, line.line)))
    }

    /// The map of a program by its symbols alone. O(code · log symbols).
    pub fn new<I: Isa>(program: &Program<I>) -> Self {
        Builder::new(program).build(None)
    }

    /// The map of a program by the symbols, the debug information and the region markers of the file that it was loaded
    /// from. What of these is missing or damaged names nothing. O(code · log functions) and the size of the debug
    /// information.
    pub fn from_elf<I: Isa>(program: &Program<I>, elf: &[u8]) -> Self {
        with_sections(elf, |section| {
            let mut builder = Builder::new(program);
            builder.markers = markers::read(section(markers::SECTION).unwrap_or_default());
            let load = |id: SectionId| Ok::<_, ()>(section(id.name()).unwrap_or_default());
            let sections = DwarfSections::load(load).unwrap_or_default();
            let dwarf = sections.borrow(|bytes| EndianSlice::new(bytes, LittleEndian));
            let has_lines = section(SectionId::DebugInfo.name()).is_some();
            builder.build(Context::from_dwarf(dwarf).ok().filter(|_| has_lines))
        })
    }

    pub(super) fn segment(&self, index: u32) -> &Segment {
        &self.segments[self.segment_of[index as usize] as usize]
    }
}

type Reader<'a> = EndianSlice<'a, LittleEndian>;

struct Builder<'p, I: Isa> {
    program: &'p Program<I>,
    markers: Vec<(Word, bool, String)>,
    functions: Interned<String>,
    /// Functions by the names that files have.
    by_raw_name: HashMap<String, FunctionId>,
    scopes: Interned<Box<[FunctionId]>>,
    lines: Interned<Line>,
    regions: Interned<String>,
}

impl<'p, I: Isa> Builder<'p, I> {
    fn new(program: &'p Program<I>) -> Self {
        let mut scopes = Interned::default();
        scopes.id(Box::default());
        let mut lines = Interned::default();
        lines.id(Line::default());
        Self {
            program,
            markers: Vec::new(),
            functions: Interned::default(),
            by_raw_name: HashMap::new(),
            scopes,
            lines,
            regions: Interned::default(),
        }
    }

    fn build(mut self, dwarf: Option<Context<Reader<'_>>>) -> CodeMap {
        let program = self.program;
        let ops = program.code().ops();
        let mut names = Names::new(program.symbols());
        let mut markers: HashMap<Word, Marker> = HashMap::new();
        for (address, begins, name) in std::mem::take(&mut self.markers) {
            let region = self.regions.id(name);
            markers.insert(address, Marker { region, begins });
        }
        let mut segments: Vec<Segment> = Vec::new();
        let mut segment_of = Vec::with_capacity(ops.len());
        let mut line_of = Vec::with_capacity(ops.len());
        for (index, op) in (0u32..).zip(ops) {
            let (scope, line) = self.place(op.pc, names.at(op.pc), dwarf.as_ref());
            line_of.push(line);
            let marker = markers.get(&op.pc).copied();
            match segments.last_mut() {
                Some(last) if last.scope == scope && last.marker.is_none() && marker.is_none() => {
                    last.last = index;
                }
                _ => segments.push(Segment { last: index, scope, marker }),
            }
            segment_of.push(segments.len() as u32 - 1);
        }
        let mut scopes = Vec::new();
        let mut at = 0;
        while let Some(chain) = self.scopes.values.get(at).cloned() {
            let outermost = self.scopes.id(chain.first().copied().into_iter().collect());
            scopes.push(Scope { functions: chain, outermost });
            at += 1;
        }
        CodeMap {
            functions: self.functions.values,
            scopes,
            segments,
            segment_of,
            lines: self.lines.values,
            line_of,
            regions: self.regions.values,
        }
    }

    /// The scope and the line of an address that the symbols name so.
    fn place(&mut self, pc: Word, name: Option<&str>, dwarf: Option<&Context<Reader<'_>>>) -> (ScopeId, u32) {
        let mut chain = Vec::new();
        let mut line = 0;
        if let Some(dwarf) = dwarf
            && let Ok(mut frames) = dwarf.find_frames(pc.into()).skip_all_loads()
        {
            while let Ok(Some(frame)) = frames.next() {
                if chain.is_empty()
                    && let Some((file, number)) = frame.location.and_then(|at| at.file.zip(at.line))
                {
                    line = self.lines.id(Line { file: file.to_owned(), line: number });
                }
                let Some(name) = frame.function else { break };
                if let Ok(raw) = name.raw_name() {
                    chain.push(self.function(&raw));
                }
            }
        }
        if chain.is_empty() {
            chain.extend(name.map(|name| self.function(name)));
        }
        chain.reverse();
        (self.scopes.id(chain.into()), line)
    }

    /// The function of a name as the file has it.
    fn function(&mut self, raw: &str) -> FunctionId {
        if let Some(&id) = self.by_raw_name.get(raw) {
            return id;
        }
        let id = self.functions.id(addr2line::demangle_auto(raw.into(), None).into_owned());
        self.by_raw_name.insert(raw.to_owned(), id);
        id
    }
}

/// What symbols call ascending addresses: the function that an address is within; else the nearest symbol before.
struct Names<'p, S: Iterator<Item = (Symbol<'p>, Word)>> {
    symbols: Peekable<S>,
    nearest: Option<&'p str>,
    function: Option<(&'p str, Word)>,
}

impl<'p> Names<'p, core::iter::Empty<(Symbol<'p>, Word)>> {
    fn new(symbols: &'p Symbols) -> Names<'p, impl Iterator<Item = (Symbol<'p>, Word)>> {
        Names { symbols: symbols.of_code().peekable(), nearest: None, function: None }
    }
}

impl<'p, S: Iterator<Item = (Symbol<'p>, Word)>> Names<'p, S> {
    fn at(&mut self, address: Word) -> Option<&'p str> {
        while let Some((Symbol { name, address: start, .. }, end)) =
            self.symbols.next_if(|(symbol, _)| symbol.address <= address)
        {
            self.nearest = Some(name);
            if end > start {
                self.function = Some((name, end));
            }
        }
        self.function.filter(|(_, end)| address < *end).map(|(name, _)| name).or(self.nearest)
    }
}

/// Values, each once, by number.
struct Interned<T> {
    values: Vec<T>,
    ids: HashMap<T, u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { values: Vec::new(), ids: HashMap::new() }
    }
}

impl<T: Clone + Eq + core::hash::Hash> Interned<T> {
    fn id(&mut self, value: T) -> u32 {
        match self.ids.entry(value) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let id = self.values.len() as u32;
                self.values.push(entry.key().clone());
                *entry.insert(id)
            }
        }
    }
}
