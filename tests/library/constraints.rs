//! Every row of every execution satisfies every constraint and link; a witness that breaks one does not.
//!
//! The constraints are evaluated here from the spec's data, with integers, of which relations need only be multiples of the
//! prime, apart from the prover's evaluation.

use proptest::prelude::*;
use retrace::checkpoint::Execution;
use retrace::guest::Linux;
use retrace::isa::units::PRIME;
use retrace::isa::{ColumnId, ColumnSource, Constraint, Isa, Linear, Rv32i, Rv32im, Word};
use retrace::parallel::Pool;
use retrace::replay::StreamingWitnessGenerator;

use crate::common::{self, guest, load, program, program_of, run, words};

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

fn holds<I: Isa>(constraint: &Constraint, row: &[Word]) -> bool {
    let product = |factors: &[Linear]| {
        let factors = factors.iter().map(|form| linear::<I>(form, row) % i128::from(PRIME));
        factors.fold(1, |product, factor| product * factor % i128::from(PRIME))
    };
    constraint.products.iter().map(|of| product(of.factors)).sum::<i128>() % i128::from(PRIME) == 0
}

/// The first constraint, or range class, that a row breaks.
fn broken<I: Isa>(row: &[Word]) -> Option<&'static str> {
    let out_of_class = I::SPEC.columns.iter().zip(row).find(|(column, cell)| {
        let (min, max) = column.class.bounds();
        !(min..=max).contains(&column.value(**cell))
    });
    let constraint = I::SPEC.constraints.iter().find(|constraint| !holds::<I>(constraint, row));
    out_of_class.map(|(column, _)| column.name).or(constraint.map(|constraint| constraint.name))
}

fn check<I: Isa>(execution: Execution<I, Linux>) {
    let exited = execution.exit_code().is_some();
    let entry = execution.checkpoints().first().pc;
    let rows = rows(execution);
    for (cycle, row) in rows.iter().enumerate() {
        // A run that did not end has no last row: its prefix obeys everything else.
        let broken = broken::<I>(row).filter(|name| exited || !name.starts_with("end:"));
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
        let forged = |row: &[Word], columns: &[usize], bit: Word| {
            let mut forged = row.to_vec();
            columns.iter().for_each(|column| forged[*column] ^= bit);
            !holds::<Rv32i>(constraint, &forged)
        };
        let pairs = || columns.iter().flat_map(|a| columns.iter().map(move |b| [*a, *b]));
        let caught = rows.iter().any(|row| columns.iter().any(|column| forged(row, &[*column], 1)))
            || rows.iter().any(|row| pairs().any(|pair| forged(row, &pair, 1)))
            || rows.iter().any(|row| columns.iter().any(|column| forged(row, &[*column], 2)));
        assert!(caught, "constraint `{}` never fails", constraint.name);
    }
}

/// What a row breaks, by name.
fn all_broken(row: &[Word]) -> Vec<&'static str> {
    let broken = Rv32i::SPEC.constraints.iter().filter(|constraint| !holds::<Rv32i>(constraint, row));
    broken.map(|constraint| constraint.name).collect()
}

/// A row of the run that takes the code table's first entry, which is zero everywhere, breaks one relation, and so each of
/// these two is needed.
#[test]
fn a_row_of_the_run_executes_an_instruction() {
    let rows = rows(run(&guest("tiny"), &[], b"", 1000));
    for row in &rows[..rows.len() - 1] {
        let idle = Rv32i::SPEC.columns.iter().zip(row).map(|(column, cell)| match column.source {
            ColumnSource::Cell | ColumnSource::Code => 0,
            _ => *cell,
        });
        assert_eq!(all_broken(&idle.collect::<Vec<_>>()), ["row: active = an instruction's"]);
    }
}

/// A jump to address 0 leads to no instruction either, and then faults: it does not end a run.
#[test]
fn a_run_ends_with_a_call() {
    let rows = rows(run(&load::<Rv32i>(&words::<Rv32i>("nop; jr zero")), &[], b"", 1000));
    assert_eq!(rows.len(), 2);
    assert_eq!(all_broken(&rows[1]), ["end: last = last * an exit's"]);
}
