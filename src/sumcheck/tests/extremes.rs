//! Compositions whose integers reach the ends of what an i64 or an i128 holds, and those that have an odd shape.

use super::*;

/// Columns whose cells are at an end of their class: which end, by the parity of the row's bits. Then lines are as steep as
/// they can be, and values at the nodes −1 and infinity as large; groups are alike, so that what wraps does not cancel out.
fn at_the_ends(class: RangeClass, columns: usize, window: u32) -> DenseOracle {
    let (min, max) = class.bounds();
    let end = |row: u32| {
        let ones = (row & ((1 << window) - 1)).count_ones();
        (if ones.is_multiple_of(2) { max } else { min }) as Word
    };
    let cells: Vec<Word> = (0..2 << window).map(end).collect();
    let shapes = vec![column(class, ColumnSource::Recorded); columns];
    DenseOracle::new(shapes, vec![cells; columns]).unwrap()
}

/// Checks the rounds of Σ products in every window that its integers bear, if they do at all; says whether.
fn check(class: RangeClass, products: &[Vec<LinearForm>]) -> bool {
    let columns = products.iter().map(Vec::len).max().unwrap_or(1);
    let shapes = vec![column(class, ColumnSource::Recorded); columns];
    let Ok(composition) = Composition::new(&shapes, [(Fr::from(3u64), products.to_vec())]) else {
        return false;
    };
    let widest = composition.integer_rounds();
    let mut windows = vec![1, 2, widest];
    windows.retain(|window| *window <= widest);
    windows.dedup();
    for window in windows {
        let oracle = at_the_ends(class, columns, window);
        let sum = Sum::new(composition.clone(), brute_sum(&oracle, &composition));
        check_rounds(&oracle, &sum, &[window]);
    }
    true
}

/// coefficient · column 0 + constant, times the other columns.
fn factors(degree: u16, constant: i64, coefficient: i64) -> Vec<LinearForm> {
    let first = form(constant, &[(ColumnId(0), coefficient)]);
    core::iter::once(first).chain((1..degree).map(|at| form(0, &[(ColumnId(at), 1)]))).collect()
}

/// Whatever the size of their coefficients, compositions are refused or right.
#[test]
fn integers_are_right_to_the_ends_of_their_bounds() {
    let small = RangeClass::Signed { bits: 8 };
    let word = RangeClass::Signed { bits: 32 };
    let unsigned = RangeClass::Unsigned { bits: 32 };
    let lopsided = RangeClass::Interval { min: -(1 << 31), max: 1 };
    for degree in 1..=3 {
        let mut fitting = 0;
        for size in (0..61).flat_map(|bits| [1i64 << bits, 3 << bits]) {
            for class in [small, word, unsigned, lopsided] {
                fitting += u32::from(check(class, &[factors(degree, 0, -size)]));
            }
            fitting += u32::from(check(small, &[factors(degree, size, 1)]));
            fitting += u32::from(check(word, &vec![factors(degree, 0, size); 8]));
        }
        assert!((120..6 * 122).contains(&fitting), "{fitting} compositions of degree {degree}");
    }
}

fn check_in_all_windows(shapes: &[Column], rows: usize, terms: Vec<(Fr, Vec<Vec<LinearForm>>)>) {
    let oracle = DenseOracle::new(shapes.to_vec(), cells(rows, 3)).unwrap().with_chunk_rows(2);
    let composition = Composition::new(shapes, terms).unwrap();
    let sum = Sum::new(composition.clone(), brute_sum(&oracle, &composition));
    all_windows(oracle.num_variables(), MAX_WINDOW)
        .iter()
        .for_each(|windows| check_rounds(&oracle, &sum, windows));
}

#[test]
fn odd_shapes_are_right() {
    let check = |products: Vec<Vec<LinearForm>>| {
        let constant = (Fr::from(4u64), vec![vec![], vec![form(9, &[])]]);
        let terms = vec![(Fr::from(5u64), products.clone()), (Fr::from(77u64), products), constant];
        check_in_all_windows(&columns(), 13, terms);
    };
    // No columns at all, and none that is stored.
    check(vec![]);
    check(vec![vec![form(2, &[(ACTIVE, 1)]), form(0, &[(LAST, 1)])]]);
    // A guard's forms read the same column; three factors that fit an i64.
    let guarded = |by| vec![form(0, &[(ADD, 1)]), form(1, &[(A, by), (CARRY, 2)])];
    let three = vec![form(1, &[(ADD, 1)]), form(-3, &[(COPY, 2)]), form(2, &[(CARRY, -1)])];
    check(vec![guarded(1), guarded(-3), three.clone()]);
    // Four, of which two are words.
    check(vec![vec![
        form(0, &[(A, 1)]),
        form(1, &[(CARRY, -2)]),
        form(3, &[(COPY, 2)]),
        form(-1, &[(B, 1)]),
    ]]);
    // A square, and a cube.
    check(vec![vec![form(0, &[(A, 1)]); 2], vec![form(0, &[(CARRY, 3)]); 3], three]);
    // A column twice in a form.
    check(vec![vec![form(0, &[(ADD, 2), (ADD, 5), (COPY, -1)]), form(0, &[(B, 1)])]]);
}
