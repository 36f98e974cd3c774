//! Row constraints and links, as data: sums of products of linear forms over columns.

use super::ColumnId;

/// A polynomial over one row's columns that is zero in every row, padding included: as an integer if the spec declares it,
/// and modulo any prime from [`PRIME`](super::units::PRIME) on if it is a unit's relation.
#[derive(Clone, Copy, Debug)]
pub struct Constraint {
    /// The name in the spec.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// The constraint as the spec writes it: `guard · (left − right) = 0`.
    pub text: &'static str,
    /// The sum of these products is the constraint's value.
    pub products: &'static [Product],
    /// The total degree.
    pub degree: u32,
}

/// A product of linear forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// At least one.
    pub factors: &'static [Linear],
}

/// constant + Σ coefficient · column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// The constant.
    pub constant: i64,
    /// Columns and their coefficients, by ascending column, none twice.
    pub terms: &'static [(ColumnId, i64)],
}

/// Ties a row to the next: `to` in row j + 1 equals `from` in row j, and `to` in row 0 is the address of the first
/// instruction. In the last row `from` is the address of the one after it, 0 where the guest ends.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The name in the spec.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// The column read in row j.
    pub from: ColumnId,
    /// The column read in row j + 1.
    pub to: ColumnId,
}
