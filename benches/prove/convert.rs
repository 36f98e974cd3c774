//! What it costs to make field elements of cells: one by one, and by batches.

use std::hint::black_box;

use ark_bn254::Fr;
use retrace::field::SumcheckField;
use retrace::isa::{Column, ColumnSource, RangeClass};
use retrace::oracle::extend_from_cells;

use crate::goldilocks::Extension;
use crate::process::processor_seconds;

/// Cells of a chunk, and how many chunks: 2^26 cells.
const CHUNK: usize = 4096;
const CHUNKS: usize = 1 << 14;

/// What is in the cells.
const CASES: [(&str, RangeClass); 3] = [
    ("a bit", RangeClass::Bit),
    ("32 bits", RangeClass::Unsigned { bits: 32 }),
    ("32 bits, signed", RangeClass::Signed { bits: 32 }),
];

pub(crate) fn print(rounds: usize) {
    println!("Field elements of cells, ns a cell, one thread, means of {rounds} rounds of 2^26\n");
    println!("| field | cells | `F::from` each | by batches | ÷ |");
    println!("|---|---|---|---|---|");
    measure::<Fr>("BN254", rounds);
    measure::<Extension>("Goldilocks²", rounds);
}

fn measure<F: SumcheckField>(field: &str, rounds: usize) {
    for (what, class) in CASES {
        let column = Column { name: "cells", doc: "", class, source: ColumnSource::Recorded };
        let (least, greatest) = class.bounds();
        let random = |at: usize| (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let cells: Vec<u32> =
            (0..CHUNK).map(|at| (least + random(at) as i64 % (greatest - least + 1)) as u32).collect();
        let mut elements: Vec<F> = Vec::with_capacity(CHUNK);
        let (mut each, mut batches) = (0.0, 0.0);
        for _ in 0..rounds {
            each += seconds(|| {
                elements.clear();
                elements.extend(black_box(&cells).iter().map(|cell| F::from(column.value(*cell))));
                black_box(&elements);
            });
            batches += seconds(|| {
                elements.clear();
                extend_from_cells(&mut elements, &column, black_box(&cells));
                black_box(&elements);
            });
        }
        let cell = |seconds: f64| seconds * 1e9 / (rounds * CHUNKS * CHUNK) as f64;
        println!("| {field} | {what} | {:.2} | {:.2} | {:.1} |", cell(each), cell(batches), each / batches);
    }
}

fn seconds(mut work: impl FnMut()) -> f64 {
    let begun = processor_seconds();
    (0..CHUNKS).for_each(|_| work());
    processor_seconds() - begun
}
