//! Every row of every execution satisfies every constraint and link; a witness that breaks one does not.
//!
//! The constraints are evaluated here from the spec's data, with integers, apart from the prover's evaluation.

use proptest::prelude::*;
use retrace::checkpoint::Execution;
use retrace::guest::Linux;
use retrace::isa::{ColumnId, Isa, Linear, Rv32i, Rv32im, Word};
use retrace::parallel::Pool;
use retrace::replay::StreamingWitnessGenerator;

use crate::common::{self, EXIT, guest, load, program, program_of, run, words};

fn rows<I: Isa>(execution: Execution<I, Linux>) -> Vec<Vec<Word>> {
    let columns: Vec<ColumnId> = (0..I::SPEC.columns.len() as u16).map(ColumnId).collect();
    let generator = StreamingWitnessGenerator::new(execution, Pool::serial());
    let mut rows = Vec::new();
    generator
        .for_each(0..generator.execution().cycles(), &columns, 4096, |chunk| {
            let length = (chunk.cycles.end - chunk.cycles.start) as usize;
            rows.extend(
                (0..length).map(|row| chunk.columns.iter().map(|column| column[row]).collect::<Vec<_>>()),
            );
            Ok::<(), ()>(())
        })
        .expect("the run can be replayed");
    rows
}

fn linear<I: Isa>(form: &Linear, row: &[Word]) -> i128 {
    let cell = |id: ColumnId| i128::from(I::SPEC.columns[id.index()].value(row[id.index()]));
    i128::from(form.constant)
        + form.terms.iter().map(|(id, coefficient)| i128::from(*coefficient) * cell(*id)).sum::<i128>()
}

/// The first constraint, or range class, that a row breaks.
fn broken<I: Isa>(row: &[Word]) -> Option<&'static str> {
    let out_of_class = I::SPEC.columns.iter().zip(row).find(|(column, cell)| {
        let (min, max) = column.class.bounds();
        !(min..=max).contains(&column.value(**cell))
    });
    let constraint = I::SPEC.constraints.iter().find(|constraint| {
        let products = constraint.products.iter();
        products
            .map(|product| product.factors.iter().map(|form| linear::<I>(form, row)).product::<i128>())
            .sum::<i128>()
            != 0
    });
    out_of_class.map(|(column, _)| column.name).or(constraint.map(|constraint| constraint.name))
}

fn check<I: Isa>(execution: Execution<I, Linux>) {
    let exited = execution.exit_code().is_some();
    let entry = execution.checkpoints().first().pc;
    let rows = rows(execution);
    for (cycle, row) in rows.iter().enumerate() {
        // A run that did not end has no last row: its prefix obeys everything else.
        let broken = broken::<I>(row).filter(|name| exited || *name != "exit_last");
        assert_eq!(broken, None, "cycle {cycle}: {row:?}");
    }
    for link in I::SPEC.links {
        let (from, to) = (link.from.index(), link.to.index());
        assert_eq!(rows[0][to], entry);
        assert!(rows.windows(2).all(|pair| pair[0][from] == pair[1][to]));
        assert!(!exited || rows.last().is_some_and(|row| row[from] == 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_programs_satisfy_all(words in program(), input in prop::collection::vec(any::<u8>(), 0..32)) {
        check(run(&load::<Rv32i>(&words), &[], &input, 1000));
    }

    #[test]
    fn random_programs_of_rv32im_satisfy_all(words in program_of::<Rv32im>()) {
        check(run(&load::<Rv32im>(&words), &[], b"input", 1000));
    }
}

#[test]
fn guests_satisfy_all() {
    let text = std::fs::read(common::input_path("two-blocks.txt")).expect("it is in the repository");
    let json = std::fs::read(common::input_path("sample.json")).expect("it is in the repository");
    check(run(&guest("tiny"), &[], b"", 1000));
    check(run(&guest("abi"), &["a", "b c"], b"input", 1000));
    check(run(&guest("sha256"), &[], &text, 1000));
    check(run(&guest("quicksort"), &["200"], b"", 1000));
    check(run(&guest("sieve"), &["2000"], b"", 1000));
    check(run(&guest("interp"), &["5"], b"", 1000));
    check(run(&guest("jsonfmt"), &["2"], &json, 1000));
    check(run(&guest("jsonfmt"), &[], b"{", 1000));
    check(run(&guest("faults"), &[], b"", 1000));
    check(run(&guest("faults"), &["misalign"], b"", 1000));
}

#[test]
fn the_padding_row_satisfies_all() {
    assert_eq!(broken::<Rv32i>(&vec![0; Rv32i::SPEC.columns.len()]), None);
}

/// Every constraint is there for something: some row of some execution breaks it when one of its cells changes.
#[test]
fn every_constraint_catches_something() {
    let json = std::fs::read(common::input_path("sample.json")).expect("it is in the repository");
    let mut rows = rows(run(&guest("jsonfmt"), &["2"], &json, 1000));
    rows.truncate(5000);
    rows.extend(self::rows(run(&guest("tiny"), &[], b"", 1000)));
    for constraint in Rv32i::SPEC.constraints {
        let columns: Vec<usize> = constraint
            .products
            .iter()
            .flat_map(|product| product.factors)
            .flat_map(|form| form.terms)
            .map(|(id, _)| id.index())
            .collect();
        let zero = |row: &[Word]| {
            let products = constraint.products.iter();
            products
                .map(|p| p.factors.iter().map(|form| linear::<Rv32i>(form, row)).product::<i128>())
                .sum::<i128>()
                == 0
        };
        let caught = rows.iter().any(|row| {
            columns.iter().any(|column| {
                let mut forged = row.clone();
                forged[*column] ^= 1;
                zero(row) && !zero(&forged)
            })
        });
        assert!(caught, "constraint `{}` never fails", constraint.name);
    }
}

/// The zero register: an instruction that names it as destination cannot be made to write it.
#[test]
fn the_zero_register_is_not_written() {
    let program = load::<Rv32i>(&words::<Rv32i>(&format!("lui zero, 5; li a0, 0; {EXIT}")));
    let rows = rows(run(&program, &[], b"", 1000));
    let column = |name: &str| Rv32i::SPEC.column(name).expect("it is in the spec").index();
    let mut forged = rows[0].clone();
    assert_eq!((forged[column("rd")], forged[column("result")], forged[column("rd_after")]), (0, 0x5000, 0));
    forged[column("rd_after")] = 0x5000;
    assert!(broken::<Rv32i>(&forged).is_some(), "a value is written");
    forged[column("writes_rd")] = 1;
    for value in 0..=31 {
        forged[column("rd_less_one")] = value;
        assert!(broken::<Rv32i>(&forged).is_some(), "with rd_less_one = {value}");
    }
}
