//! An oracle with the bits of a column as further columns: what a range argument by bits reads.

use core::ops::Range;

use super::{Chunk, OracleError, Part, PolynomialOracle};
use crate::isa::{Column, ColumnId, ColumnSource, RangeClass, Word};

/// Another oracle's columns, then the low bits of one of them, the lowest first.
///
/// A bit costs what a column costs: nothing to regenerate, one more array to bind.
#[derive(Debug)]
pub struct WithBits<'a, O> {
    inner: &'a O,
    columns: Vec<Column>,
    of: ColumnId,
}

impl<'a, O: PolynomialOracle> WithBits<'a, O> {
    /// `inner`, with bits 0..`bits` of `column`.
    ///
    /// # Errors
    /// The oracle does not have the column, or the word has fewer bits.
    pub fn new(inner: &'a O, column: ColumnId, bits: u32) -> Result<Self, OracleError> {
        if column.index() >= inner.columns().len() {
            return Err(OracleError::UnknownColumn { id: column, columns: inner.columns().len() });
        }
        if bits > Word::BITS {
            return Err(OracleError::TooManyBits { bits });
        }
        let bit = Column {
            name: "bit",
            doc: "A bit of a column.",
            class: RangeClass::Bit,
            source: ColumnSource::Derived,
        };
        let columns = inner.columns().iter().copied().chain((0..bits).map(|_| bit)).collect();
        Ok(Self { inner, columns, of: column })
    }

    /// The bits' columns, the lowest first.
    pub fn bits(&self) -> Vec<ColumnId> {
        (self.inner.columns().len()..self.columns.len()).map(|id| ColumnId(id as u16)).collect()
    }

    /// Which bit a column is, if it is one.
    fn bit(&self, column: ColumnId) -> Option<usize> {
        column.index().checked_sub(self.inner.columns().len())
    }
}

impl<O: PolynomialOracle> PolynomialOracle for WithBits<'_, O> {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn num_stored(&self) -> usize {
        self.inner.num_stored()
    }

    fn num_rows(&self) -> u64 {
        self.inner.num_rows()
    }

    fn parts(&self, align: u64) -> Vec<Range<u64>> {
        self.inner.parts(align)
    }

    fn pass<A: Send>(
        &self,
        columns: &[ColumnId],
        parts: Vec<Part<A>>,
        visit: impl Fn(&mut A, &Chunk<'_>) -> Result<(), OracleError> + Sync,
    ) -> Result<Vec<A>, OracleError> {
        if let Some(id) = columns.iter().find(|id| id.index() >= self.columns.len()) {
            return Err(OracleError::UnknownColumn { id: *id, columns: self.columns.len() });
        }
        let mut asked: Vec<ColumnId> = columns.iter().copied().filter(|id| self.bit(*id).is_none()).collect();
        let of = asked.len();
        asked.push(self.of);
        let bits: Vec<usize> = columns.iter().filter_map(|id| self.bit(*id)).collect();
        let part =
            |part: Part<A>| Part { cycles: part.cycles, state: (part.state, vec![Vec::new(); bits.len()]) };
        let states =
            self.inner.pass(&asked, parts.into_iter().map(part).collect(), |(state, cells), chunk| {
                for (cells, bit) in cells.iter_mut().zip(&bits) {
                    cells.clear();
                    cells.extend(chunk.columns[of].iter().map(|cell| (cell >> bit) & 1));
                }
                let (mut plain, mut single) = (chunk.columns.iter(), cells.iter());
                let slice = |id: &ColumnId| match self.bit(*id) {
                    Some(_) => single.next().map(Vec::as_slice).unwrap_or_default(),
                    None => plain.next().copied().unwrap_or_default(),
                };
                let slices: Vec<&[Word]> = columns.iter().map(slice).collect();
                visit(state, &Chunk { cycles: chunk.cycles.clone(), columns: &slices, entry: chunk.entry })
            })?;
        Ok(states.into_iter().map(|(state, _)| state).collect())
    }

    fn is_cancelled(&self) -> bool {
        self.inner.is_cancelled()
    }

    fn query(&self, column: ColumnId, row: u64) -> Result<Word, OracleError> {
        match self.bit(column) {
            Some(bit) if column.index() < self.columns.len() => {
                Ok((self.inner.query(self.of, row)? >> bit) & 1)
            }
            Some(_) => Err(OracleError::UnknownColumn { id: column, columns: self.columns.len() }),
            None => self.inner.query(column, row),
        }
    }
}
