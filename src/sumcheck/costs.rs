//! What a proof's parts cost: the model by which schedules are chosen.

/// Costs in products of two field elements, on one thread. No proof depends on them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// A row regenerated, and each of its stored cells.
    pub row: f64,
    /// See [`row`](Self::row).
    pub cell: f64,
    /// A cell times its weight, in a pass over arrays.
    pub folded_cell: f64,
    /// What an array's entry takes beside its cells: the reduction of their sum.
    pub folded_entry: f64,
    /// An entry stored, fresh memory included.
    pub stored: f64,
    /// A pair of entries bound, in a round on stored arrays.
    pub bound: f64,
    /// First window: a column's cell brought into place.
    pub placed: f64,
    /// First window: a form's term at an entry.
    pub term: f64,
    /// First window: a factor at a point of the grid, its share of the product included.
    pub factor: f64,
    /// First window: a sum of products times its group's weight.
    pub weighed: f64,
    /// What a product at a point takes more where the integers may leave an i64.
    pub wide: f64,
    /// As `weighed`, likewise.
    pub wide_weighed: f64,
    /// Arrays: an element added to a line's value. It may have to come from memory.
    pub loaded: f64,
    /// Arrays: two elements added, in the cache.
    pub sum: f64,
    /// Arrays: a product within a sum of products.
    pub summand: f64,
    /// Arrays: the reduction of such a sum.
    pub reduction: f64,
}

/// Measured: `RETRACE_BENCH=costs cargo bench --bench prove` prints what each of these is on the machine at hand, and how
/// far the model is from measured proofs. Over BN254's scalar field; fields whose products cost less are taken to have the
/// same ratios.
pub const COSTS: Costs = Costs {
    row: 0.23,
    cell: 0.02,
    folded_cell: 0.14,
    folded_entry: 1.3,
    stored: 0.4,
    bound: 1.5,
    placed: 0.03,
    term: 0.006,
    factor: 0.042,
    weighed: 0.14,
    wide: 0.08,
    wide_weighed: 0.41,
    loaded: 0.47,
    sum: 0.3,
    summand: 0.5,
    reduction: 1.35,
};

/// What [`RowPolynomial::accumulate`](super::RowPolynomial::accumulate) is to do for one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// ω: a group is 2^ω entries.
    pub window: u32,
    /// How many points of the grid are wanted.
    pub points: usize,
    /// Whether the entries are cells.
    pub integral: bool,
    /// Whether all weights are one.
    pub ones: bool,
}
