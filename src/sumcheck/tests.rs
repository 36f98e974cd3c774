//! The prover against brute force, against ark-poly, and against its own verifier; and forgeries.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use ark_poly::Polynomial;
use proptest::prelude::*;
use spongefish::{DefaultHash, VerifierState, derive_session_id};

mod cancel;
mod extremes;
mod refusals;

use super::*;
use crate::field::SumcheckField;
use crate::field::tests::{Goldilocks, Goldilocks2};
use crate::isa::{Column, ColumnId, ColumnSource, Link, PublicColumn, RangeClass, Word};
use crate::oracle::dense::tests::{column, dense};
use crate::oracle::{DenseOracle, OracleError, PolynomialOracle, WithBits, eq, evaluate};
use crate::parallel::Pool;

const A: ColumnId = ColumnId(1);
const B: ColumnId = ColumnId(2);
const C: ColumnId = ColumnId(3);
const CARRY: ColumnId = ColumnId(4);
const PC: ColumnId = ColumnId(5);
const NEXT: ColumnId = ColumnId(6);
const SIGNED: ColumnId = ColumnId(7);
const ADD: ColumnId = ColumnId(8);
const COPY: ColumnId = ColumnId(9);
const ACTIVE: ColumnId = ColumnId(10);
const LAST: ColumnId = ColumnId(11);

const ENTRY: Word = 0x8000_0000;

fn columns() -> Vec<Column> {
    let u32 = RangeClass::Unsigned { bits: 32 };
    let recorded = |class| column(class, ColumnSource::Recorded);
    let public = |public| column(RangeClass::Bit, ColumnSource::Public(public));
    vec![
        recorded(RangeClass::Unsigned { bits: 2 }),
        recorded(u32),
        recorded(u32),
        recorded(u32),
        recorded(RangeClass::Bit),
        recorded(u32),
        recorded(u32),
        recorded(RangeClass::Signed { bits: 32 }),
        recorded(RangeClass::Bit),
        recorded(RangeClass::Bit),
        public(PublicColumn::Active),
        public(PublicColumn::Last),
    ]
}

/// A little machine: `add` has c = a + b mod 2^32, `copy` has c = a; pc is linked; a signed column is at large.
fn cells(rows: usize, seed: u64) -> Vec<Vec<Word>> {
    let mut state = seed ^ 0x9E37_79B9_7F4A_7C15;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as Word
    };
    let mut cells = vec![Vec::new(); 10];
    let mut pc = ENTRY;
    for row in 0..rows {
        let (kind, a, b) = (1 + random() % 2, random(), random());
        let (c, carry) = if kind == 1 { a.overflowing_add(b) } else { (a, false) };
        let next = if row + 1 == rows { 0 } else { random() };
        let is = |of| Word::from(kind == of);
        let values = [kind, a, b, c, Word::from(carry), pc, next, random(), is(1), is(2)];
        cells.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        pc = next;
    }
    cells
}

fn oracle(cells: Vec<Vec<Word>>) -> DenseOracle {
    DenseOracle::new(columns(), cells).unwrap()
}

fn form(constant: i64, terms: &[(ColumnId, i64)]) -> LinearForm {
    LinearForm { constant, terms: terms.to_vec() }
}

/// The machine's constraints, batched; the third makes the degree 3.
fn constraints<F: SumcheckField>(degree: usize, alpha: F) -> Composition<F> {
    let mut products = vec![
        vec![vec![form(0, &[(ADD, 1), (COPY, 1), (ACTIVE, -1)])]],
        vec![
            vec![form(0, &[(ADD, 1)]), form(0, &[(A, 1), (B, 1), (C, -1), (CARRY, -(1 << 32))])],
            vec![form(0, &[(COPY, 1)]), form(0, &[(A, 1), (C, -1)])],
        ],
        vec![vec![form(0, &[(CARRY, 1)]), form(-1, &[(CARRY, 1)])]],
        vec![vec![form(0, &[(LAST, 1)]), form(0, &[(NEXT, 1)])]],
        vec![vec![form(0, &[(COPY, 3)]), form(-7, &[(SIGNED, 2)]), form(0, &[(A, 5), (C, -5)])]],
        vec![
            vec![form(0, &[(A, 1)]), form(0, &[(B, 1)]), form(0, &[(A, 2), (C, -2)])],
            vec![form(0, &[(A, 2)]), form(0, &[(B, 1)]), form(0, &[(A, -1), (C, 1)])],
        ],
    ];
    products.truncate([1, 4, 6][degree - 1]);
    let powers = core::iter::successors(Some(F::ONE), |power| Some(*power * alpha));
    Composition::new(&columns(), powers.zip(products)).unwrap()
}

/// A sum with a constant, so that padding counts, and with a signed column.
fn summand<F: SumcheckField>(degree: usize) -> Composition<F> {
    let factor = |constant| form(constant, &[(SIGNED, 1), (A, -3), (ACTIVE, 9)]);
    let products = vec![(1..=degree as i64).map(factor).collect(), vec![form(11, &[(B, 1)])]];
    Composition::new(&columns(), [(F::from(5u64), products)]).unwrap()
}

fn brute_sum<F: SumcheckField>(oracle: &DenseOracle, polynomial: &impl RowPolynomial<F>) -> F {
    let value =
        |row, id: &ColumnId| F::from(oracle.columns()[id.index()].value(oracle.query(*id, row).unwrap()));
    let rows = 0..1u64 << oracle.num_variables();
    let row = |row| polynomial.columns().iter().map(|id| value(row, id)).collect::<Vec<_>>();
    rows.map(|at| polynomial.evaluate(&row(at))).sum()
}

fn link() -> Link {
    Link { name: "pc", doc: "", from: NEXT, to: PC }
}

/// The three instances over one oracle, with τ and α from seeds.
struct Statement<F> {
    zero: ZeroCheck<F, Composition<F>>,
    shift: Shift<F>,
    sum: Sum<F, Composition<F>>,
    own: Sum<F, OwnPolynomial>,
    product: Sum<F, Composition<F>>,
    range: RangeSum<F>,
}

impl<F: SumcheckField> Statement<F> {
    fn new(oracle: &DenseOracle, degree: usize) -> Self {
        let n = u64::from(oracle.num_variables());
        let tau: Vec<F> = (0..n).map(|i| F::from(1_000_003 * i + 17).pow([11 + i])).collect();
        let sum = summand(degree);
        let total = brute_sum(oracle, &sum);
        let own = OwnPolynomial([A, B]);
        let own_total = brute_sum::<F>(oracle, &own);
        let product = Composition::product(&columns(), &[A, B, C][..degree]).unwrap();
        let product_total = brute_sum(oracle, &product);
        // From somewhere in the first third to beyond the last row, or not as far.
        let range = oracle.num_rows() / 3..oracle.num_rows() * (2 + degree as u64) / 4;
        let value = |row| columns()[SIGNED.index()].value(oracle.query(SIGNED, row).unwrap());
        let range_total =
            range.clone().filter(|row| *row < oracle.num_rows()).map(|row| F::from(value(row))).sum();
        Self {
            zero: ZeroCheck::new(constraints(degree, F::from(987_654_321u64).pow([5])), tau.clone()).unwrap(),
            shift: Shift::new(&link(), F::from(ENTRY), tau),
            sum: Sum::new(sum, total),
            own: Sum::new(own, own_total),
            product: Sum::new(product, product_total),
            range: RangeSum::new(SIGNED, range, range_total),
        }
    }

    fn instances(&self) -> [&dyn SumcheckInstance<F>; 6] {
        [&self.zero, &self.shift, &self.sum, &self.own, &self.product, &self.range]
    }
}

/// a²·(b + 1) + 1, through the trait's defaults alone.
struct OwnPolynomial([ColumnId; 2]);

impl<F: SumcheckField> RowPolynomial<F> for OwnPolynomial {
    fn columns(&self) -> &[ColumnId] {
        &self.0
    }

    fn degree(&self) -> usize {
        3
    }

    fn evaluate(&self, values: &[F]) -> F {
        values[0].square() * (values[1] + F::ONE) + F::ONE
    }
}

fn prove<F: SumcheckField>(
    oracle: &DenseOracle,
    instances: &[&dyn SumcheckInstance<F>],
    budget: Budget,
    threads: usize,
) -> (Vec<u8>, Proved<F>) {
    let mut transcript = prover_state(&derive_session_id::<DefaultHash>(b"retrace test"), &[0u8]);
    let pool = Pool::new(threads).expect("threads can be started");
    let proved = SumCheckProver::new(budget, pool).prove(oracle, instances, &mut transcript).unwrap();
    (transcript.into_narg_string(), proved)
}

fn verify<F: SumcheckField>(
    rows: u64,
    instances: &[&dyn SumcheckInstance<F>],
    proof: &[u8],
) -> Result<Reduced<F>, SumCheckVerifierError> {
    let session = derive_session_id::<DefaultHash>(b"retrace test");
    let mut transcript = VerifierState::<DefaultHash>::new(&session, &[0u8], proof);
    let reduced = SumCheckVerifier::new(&columns(), rows).verify(instances, &mut transcript)?;
    transcript.check_eof().map_err(|_| SumCheckVerifierError::Evaluations(TranscriptError))?;
    Ok(reduced)
}

/// Whether the proof passes, the columns' values at the point included.
fn accepts<F: SumcheckField>(
    oracle: &DenseOracle,
    instances: &[&dyn SumcheckInstance<F>],
    proof: &[u8],
) -> bool {
    verify(oracle.num_rows(), instances, proof).is_ok_and(|reduced| {
        let (ids, values): (Vec<_>, Vec<_>) = reduced.evaluations.iter().copied().unzip();
        evaluate(oracle, &ids, &[reduced.point]).unwrap() == [values]
    })
}

/// The round polynomials that a single instance sends, without their linear coefficients, and the challenges.
#[derive(Default)]
struct Recorder {
    messages: Vec<Vec<Fr>>,
    drawn: u64,
    /// What was absorbed, and how many challenges had been drawn.
    absorbed: Vec<(u64, Vec<Fr>)>,
}

impl Transcript<Fr> for Recorder {
    fn public(&mut self, values: &[Fr]) {
        self.absorbed.push((self.drawn, values.to_vec()));
    }

    fn challenge(&mut self) -> Fr {
        self.drawn += 1;
        challenge(self.drawn)
    }
}

impl ProverTranscript<Fr> for Recorder {
    fn send(&mut self, message: &[Fr]) {
        self.messages.push(message.to_vec());
    }
}

fn challenge(draw: u64) -> Fr {
    Fr::from(77 + draw).pow([31])
}

/// Every way to cover at most `rounds` rounds by windows, the first of at most `first`.
pub(super) fn all_windows(rounds: u32, first: u32) -> Vec<Vec<u32>> {
    let mut all = vec![Vec::new()];
    for window in 1..=rounds.min(first) {
        let rest = all_windows(rounds - window, MAX_WINDOW);
        all.extend(rest.into_iter().map(|rest| [vec![window], rest].concat()));
    }
    all
}

fn check_rounds(oracle: &DenseOracle, instance: &dyn SumcheckInstance<Fr>, windows: &[u32]) {
    let n = oracle.num_variables() as usize;
    let mut recorder = Recorder::default();
    let prover = SumCheckProver::default().with_windows(windows.to_vec());
    prover.prove(oracle, &[instance], &mut recorder).unwrap();
    let extensions: Vec<_> = instance.columns().iter().map(|id| dense::<Fr>(oracle, *id)).collect();
    let summand = |x: &Vec<Fr>| {
        let values: Vec<Fr> = extensions.iter().map(|extension| extension.evaluate(x)).collect();
        instance.evaluate(x, &values)
    };
    // The first challenge batches the instances; the others are the point.
    let mut point: Vec<Fr> = Vec::new();
    let mut claim = instance.claim();
    for (round, message) in recorder.messages[..n].iter().enumerate() {
        assert_eq!(message.len(), instance.degree());
        let mut polynomial = message.clone();
        polynomial.insert(1, claim - message.iter().sum::<Fr>() - message[0]);
        for at in 0..=instance.degree() as u64 + 1 {
            let brute = (0..1u64 << (n - round - 1)).map(|rest| {
                let mut x = point.clone();
                x.push(Fr::from(at));
                x.extend((0..n - round - 1).map(|i| Fr::from((rest >> i) & 1)));
                summand(&x)
            });
            assert_eq!(
                round::evaluate(&polynomial, Fr::from(at)),
                brute.sum::<Fr>(),
                "round {round} at {at} of {windows:?}"
            );
        }
        point.push(challenge(round as u64 + 2));
        claim = round::evaluate(&polynomial, challenge(round as u64 + 2));
    }
}

#[test]
fn round_polynomials_are_the_brute_force_sums_for_every_schedule() {
    for rows in [1, 2, 3, 5, 8, 13, 16] {
        let oracle = oracle(cells(rows, rows as u64));
        for degree in 1..=3 {
            let statement = Statement::<Fr>::new(&oracle, degree);
            for instance in statement.instances() {
                for windows in all_windows(oracle.num_variables(), MAX_WINDOW) {
                    check_rounds(&oracle, instance, &windows);
                }
            }
        }
    }
}

#[test]
fn round_polynomials_are_the_brute_force_sums_in_wide_windows() {
    for (rows, windows) in [(33, [3, 3]), (64, [2, 4]), (50, [5, 1]), (47, [1, 5]), (61, [4, 1])] {
        let oracle = oracle(cells(rows, rows as u64));
        for degree in 1..=3 {
            let statement = Statement::<Fr>::new(&oracle, degree);
            statement.instances().into_iter().for_each(|instance| check_rounds(&oracle, instance, &windows));
        }
    }
}

#[test]
fn round_polynomials_hold_where_tau_is_boolean() {
    let oracle = oracle(cells(13, 5));
    for tau in [[Fr::ZERO; 4], [Fr::ONE; 4], [Fr::ONE, Fr::ZERO, Fr::from(5u64), Fr::ZERO]] {
        for windows in all_windows(4, MAX_WINDOW) {
            let zero = ZeroCheck::new(constraints(2, Fr::from(3u64)), tau.to_vec()).unwrap();
            check_rounds(&oracle, &zero, &windows);
            check_rounds(&oracle, &Shift::new(&link(), Fr::from(ENTRY), tau.to_vec()), &windows);
        }
    }
}

fn check_engines<F: SumcheckField>(rows: usize, seed: u64, degree: usize, chunk_rows: usize) {
    check_engines_on::<F>(&cells(rows, seed), degree, chunk_rows);
}

fn check_engines_on<F: SumcheckField>(cells: &[Vec<Word>], degree: usize, chunk_rows: usize) {
    let rows = cells[0].len();
    let oracle = oracle(cells.to_vec()).with_chunk_rows(chunk_rows);
    let statement = Statement::<F>::new(&oracle, degree);
    let instances = statement.instances();
    let (proof, proved) = prove(&oracle, &instances, Budget::Unlimited, 1);
    let n = oracle.num_variables();
    let sqrt = Budget::sqrt::<F>(proved.report.columns, n);
    let budgets =
        [(sqrt, 1), (Budget::Bytes(1), 1), (Budget::Bytes(10_000), 2), (Budget::Unlimited, 3), (sqrt, 3)];
    for (budget, threads) in budgets {
        let oracle = DenseOracle::new(columns(), cells.to_vec()).unwrap();
        let oracle =
            oracle.with_chunk_rows(chunk_rows).with_pool(Pool::new(threads).expect("threads can be started"));
        let (other, _) = prove(&oracle, &instances, budget, threads);
        assert_eq!(proof, other, "{rows} rows, {budget:?}, {threads} threads");
    }
    for (id, value) in &proved.reduced.evaluations {
        assert_eq!(*value, dense::<F>(&oracle, *id).evaluate(&proved.reduced.point));
    }
    assert_eq!(verify(rows as u64, &instances, &proof).unwrap(), proved.reduced);
    assert!(accepts(&oracle, &instances, &proof));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn engines_agree_and_claims_are_ark_polys(
        rows in 1usize..300,
        seed in any::<u64>(),
        degree in 1usize..=3,
        chunk_bits in 0u32..=12,
    ) {
        check_engines::<Fr>(rows, seed, degree, 1 << chunk_bits);
        check_engines::<Goldilocks>(rows, seed, degree, 1 << chunk_bits);
        check_engines::<Goldilocks2>(rows, seed, degree, 1 << chunk_bits);
    }
}

#[test]
fn engines_agree_beyond_a_chunk() {
    check_engines::<Fr>(3 * 4096 + 5, 1, 3, 4096);
    check_engines::<Goldilocks>(20_000, 2, 2, 64);
    check_engines::<Fr>(4096, 3, 2, 4096);
}

/// Most columns are zero but in a row here and there, and some are so for thousands of rows, or in all.
#[test]
fn engines_agree_where_columns_are_zero() {
    for (rows, seldom) in [(5000, 97), (5000, 1000), (9000, 4999), (6000, 10_000)] {
        let mut cells = cells(rows, 7);
        for row in (0..rows).filter(|row| row % seldom != seldom - 1) {
            // `copy` has c = a.
            let a = if row < rows / 2 { 0 } else { cells[1][row] };
            for (column, value) in [(0, 2), (1, a), (2, 0), (3, a), (4, 0), (7, 0), (8, 0), (9, 1)] {
                cells[column][row] = value;
            }
        }
        for degree in 1..=3 {
            check_engines_on::<Fr>(&cells, degree, 4096);
            check_engines_on::<Goldilocks2>(&cells, degree, 64);
        }
    }
}

#[test]
fn passes_follow_the_budget() {
    let oracle = oracle(cells(300, 1));
    let statement = Statement::<Fr>::new(&oracle, 2);
    let storing = |budget| prove(&oracle, &statement.instances(), budget, 1).1.report.storing_round;
    assert_eq!(storing(Budget::Bytes(1)), 9);
    assert!(storing(Budget::sqrt::<Fr>(12, 9)) >= 4);
    assert!(storing(Budget::Unlimited) <= storing(Budget::sqrt::<Fr>(12, 9)));
    assert_eq!(eq::<Fr>(&[], &[]), Fr::ONE);
}

#[test]
fn windows_that_do_not_fit_are_refused() {
    let oracle = oracle(cells(13, 1));
    let statement = Statement::<Fr>::new(&oracle, 2);
    for windows in [vec![0], vec![MAX_WINDOW + 1], vec![3, 2]] {
        let prover = SumCheckProver::default().with_windows(windows.clone());
        let error = prover.prove(&oracle, &statement.instances(), &mut Recorder::default()).unwrap_err();
        assert!(
            matches!(&error, SumCheckProverError::Windows { windows: refused, .. } if *refused == windows),
            "{error}"
        );
    }
}
