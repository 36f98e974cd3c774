//! The oracle of a witness that is held in memory: the double that tests use, and the way in for a trace of your own.
//!
//! In: the stored columns' cells. Out: an oracle like any other. It is not small: k·T words.

use core::ops::Range;

use super::{Chunk, OracleError, Part, PolynomialOracle};
use crate::isa::{Column, ColumnId, ColumnSource, MAX_ROWS, Word};
use crate::parallel::Pool;

/// How many parts a pass is split into, where the alignment allows it.
const PARTS: u64 = 16;

/// k columns of T cells in memory.
///
/// ```
/// use ark_bn254::Fr;
/// use retrace::isa::{Column, ColumnId, ColumnSource, RangeClass};
/// use retrace::oracle::{DenseOracle, PolynomialOracle, evaluate};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let column = Column {
///     name: "x",
///     doc: "A number of 16 bits.",
///     class: RangeClass::Unsigned { bits: 16 },
///     source: ColumnSource::Recorded,
/// };
/// let oracle = DenseOracle::new(vec![column], vec![vec![5, 7, 11]])?;
/// assert_eq!(oracle.num_variables(), 2); // one row of padding
///
/// // At the point of row 2, whose low bit is 0 and whose high bit is 1.
/// let point = vec![Fr::from(0u64), Fr::from(1u64)];
/// assert_eq!(evaluate(&oracle, &[ColumnId(0)], &[point])?, [[Fr::from(11u64)]]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DenseOracle {
    columns: Vec<Column>,
    cells: Vec<Vec<Word>>,
    rows: u64,
    chunk_rows: usize,
    pool: Pool,
}

/// Why columns and cells do not make an oracle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DenseOracleError {
    /// A witness has at least one row.
    #[error("a witness has at least one row")]
    NoRows,
    /// A column is longer or shorter than the first.
    #[error("column {column} has {found} cells where the first has {expected}")]
    Length {
        /// The column.
        column: usize,
        /// T.
        expected: usize,
        /// Its cells.
        found: usize,
    },
    /// Stored columns come first, and each has cells; public columns have none.
    #[error("column {column} and its cells do not fit: stored columns come first, and only they have cells")]
    Stored {
        /// The column.
        column: usize,
    },
}

impl DenseOracle {
    /// An oracle for `cells`, one vector of T cells a stored column, in chunks of [`MAX_ROWS`]. `columns` are the
    /// stored columns, then public columns, which are computed.
    ///
    /// # Errors
    /// Columns of different lengths or none, or columns that do not match the cells.
    pub fn new(columns: Vec<Column>, cells: Vec<Vec<Word>>) -> Result<Self, DenseOracleError> {
        let rows = cells.first().map_or(0, Vec::len);
        if rows == 0 {
            return Err(DenseOracleError::NoRows);
        }
        if let Some((column, found)) = cells.iter().map(Vec::len).enumerate().find(|(_, len)| *len != rows) {
            return Err(DenseOracleError::Length { column, expected: rows, found });
        }
        for at in 0..columns.len().max(cells.len()) {
            match columns.get(at).map(|column| column.source) {
                Some(source) if source.is_stored() && at < cells.len() => {}
                Some(ColumnSource::Public(_)) if at >= cells.len() => {}
                _ => return Err(DenseOracleError::Stored { column: at }),
            }
        }
        Ok(Self { columns, cells, rows: rows as u64, chunk_rows: MAX_ROWS, pool: Pool::default() })
    }

    /// The same in chunks of at most `rows` rows, rounded down to a power of two within 1..=[`MAX_ROWS`].
    #[must_use]
    pub fn with_chunk_rows(mut self, rows: usize) -> Self {
        self.chunk_rows = 1 << rows.clamp(1, MAX_ROWS).ilog2();
        self
    }

    /// The same with passes that run on `pool`.
    #[must_use]
    pub fn with_pool(mut self, pool: Pool) -> Self {
        self.pool = pool;
        self
    }

    fn read(&self, column: ColumnId, rows: Range<u64>, output: &mut Vec<Word>) -> Result<(), OracleError> {
        let unknown = || OracleError::UnknownColumn { id: column, columns: self.columns.len() };
        output.clear();
        let range = rows.start as usize..rows.end as usize;
        match self.columns.get(column.index()).ok_or_else(unknown)?.source {
            ColumnSource::Recorded | ColumnSource::Derived | ColumnSource::Cell | ColumnSource::Code => {
                output.extend_from_slice(&self.cells[column.index()][range]);
            }
            ColumnSource::Public(public) => output.extend(rows.map(|row| public.value(row, self.rows))),
        }
        Ok(())
    }
}

impl PolynomialOracle for DenseOracle {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn num_stored(&self) -> usize {
        self.cells.len()
    }

    fn num_rows(&self) -> u64 {
        self.rows
    }

    fn parts(&self, align: u64) -> Vec<Range<u64>> {
        let step = self.rows.div_ceil(PARTS).next_multiple_of(align.max(1));
        (0..self.rows.div_ceil(step)).map(|part| part * step..self.rows.min((part + 1) * step)).collect()
    }

    fn pass<A: Send>(
        &self,
        columns: &[ColumnId],
        parts: Vec<Part<A>>,
        visit: impl Fn(&mut A, &Chunk<'_>) -> Result<(), OracleError> + Sync,
    ) -> Result<Vec<A>, OracleError> {
        let chunk_rows = self.chunk_rows as u64;
        let run = |mut part: Part<A>| {
            let mut buffers = vec![Vec::with_capacity(self.chunk_rows); columns.len()];
            let mut row = part.cycles.start;
            while row < part.cycles.end {
                let end = part.cycles.end.min((row / chunk_rows + 1) * chunk_rows);
                for (column, buffer) in columns.iter().zip(&mut buffers) {
                    self.read(*column, row..end, buffer)?;
                }
                let slices: Vec<&[Word]> = buffers.iter().map(Vec::as_slice).collect();
                visit(&mut part.state, &Chunk { cycles: row..end, columns: &slices, entry: None })?;
                row = end;
            }
            Ok(part.state)
        };
        self.pool.map(parts, run).into_iter().collect()
    }

    fn query(&self, column: ColumnId, row: u64) -> Result<Word, OracleError> {
        if row >> self.num_variables() != 0 {
            return Err(OracleError::UnknownRow { row, variables: self.num_variables() });
        }
        let mut cell = Vec::new();
        self.read(column, row.min(self.rows)..self.rows.min(row + 1), &mut cell)?;
        Ok(cell.first().copied().unwrap_or(0))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ark_poly::DenseMultilinearExtension;

    use super::*;
    use crate::field::SumcheckField;
    use crate::isa::{PublicColumn, RangeClass};

    pub(crate) fn column(class: RangeClass, source: ColumnSource) -> Column {
        Column { name: "test", doc: "", class, source }
    }

    /// A column as ark-poly holds it: 2^n field elements.
    pub(crate) fn dense<F: SumcheckField>(
        oracle: &DenseOracle,
        id: ColumnId,
    ) -> DenseMultilinearExtension<F> {
        let n = oracle.num_variables();
        let column = oracle.columns()[id.index()];
        let values =
            (0..1u64 << n).map(|row| F::from(column.value(oracle.query(id, row).unwrap()))).collect();
        DenseMultilinearExtension::from_evaluations_vec(n as usize, values)
    }

    #[test]
    fn public_columns_are_computed() {
        let kind = column(RangeClass::Unsigned { bits: 2 }, ColumnSource::Recorded);
        let public = |public| column(RangeClass::Bit, ColumnSource::Public(public));
        let columns =
            vec![kind, public(PublicColumn::Active), public(PublicColumn::First), public(PublicColumn::Last)];
        let oracle = DenseOracle::new(columns.clone(), vec![vec![2, 1, 0, 1, 2]]).unwrap();
        let row = |row| (0..4).map(|id| oracle.query(ColumnId(id), row).unwrap()).collect::<Vec<_>>();
        assert_eq!(row(0), [2, 1, 1, 0]);
        assert_eq!(row(3), [1, 1, 0, 0]);
        assert_eq!(row(4), [2, 1, 0, 1]);
        assert_eq!(row(7), [0; 4]);
        assert!(matches!(
            oracle.query(ColumnId(0), 8),
            Err(OracleError::UnknownRow { row: 8, variables: 3 })
        ));
        assert!(matches!(oracle.query(ColumnId(4), 0), Err(OracleError::UnknownColumn { .. })));
        assert_eq!(DenseOracle::new(columns.clone(), vec![]).unwrap_err(), DenseOracleError::NoRows);
        assert!(DenseOracle::new(columns[1..].to_vec(), vec![vec![0]]).is_err());
        assert!(DenseOracle::new(columns, vec![vec![0], vec![0]]).is_err());
    }

    #[test]
    fn a_pass_visits_every_row_once_in_aligned_chunks() {
        for (rows, chunk_rows, align) in [(1, 1, 1), (300, 7, 2), (300, 4096, 64), (64, 16, 64), (65, 8, 1)] {
            let cells: Vec<Word> = (0..rows).collect();
            let columns = vec![column(RangeClass::Unsigned { bits: 32 }, ColumnSource::Recorded)];
            let oracle = DenseOracle::new(columns, vec![cells.clone()]).unwrap().with_chunk_rows(chunk_rows);
            let parts = oracle.parts(align);
            assert!(parts.iter().all(|part| part.start % align == 0));
            let parts = parts.into_iter().map(|cycles| Part { cycles, state: Vec::new() }).collect();
            let visited = oracle.pass(&[ColumnId(0)], parts, |seen, chunk| {
                assert_eq!(u64::from(chunk.columns[0][0]), chunk.cycles.start);
                seen.extend_from_slice(chunk.columns[0]);
                Ok(())
            });
            assert_eq!(visited.unwrap().concat(), cells);
        }
    }
}
