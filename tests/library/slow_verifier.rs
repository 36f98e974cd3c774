//! A second verifier, written from docs/protocol.md alone: brute-force sums over all rows, nothing of `retrace::sumcheck` or
//! `retrace::proof` but the proof that it reads. It agrees with `verify` on honest and on forged proofs.

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use retrace::guest::{Input, Linux};
use retrace::isa::{Column, ColumnSource, Constraint, Isa, Linear, PublicColumn, Rv32i};
use retrace::oracle::{PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::proof::{Proof, Prover, Verifier};
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::Budget;
use spongefish::{DefaultHash, VerifierState, derive_session_id};

use crate::common;

type Sponge<'a> = VerifierState<'a, DefaultHash>;

fn challenge(sponge: &mut Sponge<'_>) -> Fr {
    Fr::from_le_bytes_mod_order(&sponge.verifier_message::<[u8; 48]>())
}

fn absorb(sponge: &mut Sponge<'_>, element: Fr) {
    let mut bytes = [0u8; 32];
    element.serialize_compressed(&mut bytes[..]).expect("there is room");
    sponge.public_message(&bytes);
}

fn message(sponge: &mut Sponge<'_>, length: usize) -> Option<Vec<Fr>> {
    let element = |bytes: [u8; 32]| Fr::deserialize_compressed(&bytes[..]).ok();
    (0..length).map(|_| element(sponge.prover_message::<[u8; 32]>().ok()?)).collect()
}

fn eq(x: &[Fr], y: &[Fr]) -> Fr {
    x.iter().zip(y).map(|(x, y)| *x * y + (Fr::ONE - x) * (Fr::ONE - y)).product()
}

/// Σ over all x' with y = x' + 1 of eq(x, x')·eq(y, x' + 1): eq₊₁ by its definition.
fn eq_plus_one(x: &[Fr], y: &[Fr]) -> Fr {
    (0..(1u64 << x.len()).saturating_sub(1))
        .map(|row| eq(x, &bits(row, x.len())) * eq(y, &bits(row + 1, x.len())))
        .sum()
}

fn bits(row: u64, n: usize) -> Vec<Fr> {
    (0..n).map(|i| Fr::from(row >> i & 1)).collect()
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn forms(constraints: &[Constraint]) -> impl Iterator<Item = &'static Linear> {
    constraints.iter().flat_map(|constraint| constraint.products).flat_map(|product| product.factors)
}

/// Whether the proof holds for the witness's cells, all columns of them, padding included.
fn accepts(bytes: &[u8], cells: &[Vec<i64>]) -> Option<()> {
    let spec = Rv32i::SPEC;
    let rest = bytes.strip_prefix(b"retrace\xf0\x03\x00")?;
    let (statement, messages) = rest.split_first_chunk::<312>()?;
    (statement[..32] == spec.fingerprint.0).then_some(())?;
    let modulus = [&Fr::MODULUS.to_bytes_le()[..], &1u64.to_le_bytes()].concat();
    (statement[64..96] == blake3::derive_key("retrace field v1", &modulus)).then_some(())?;
    let (entry, exit, ending) = (&statement[136..220], &statement[220..304], number(&statement[304..312]));
    (ending == 0 || ending & 0xffff_ffff == 1).then_some(())?;
    let t = number(&exit[..8]).checked_sub(number(&entry[..8])).filter(|t| *t > 0)?;
    let (begins, ends) = (number(&entry[..8]) == 0, ending > 0);
    let (entry, exit) = (Fr::from(number(&entry[8..12])), Fr::from(number(&exit[8..12])));
    let n = t.checked_next_power_of_two()?.trailing_zeros() as usize;
    (cells[0].len() == 1 << n).then_some(())?;

    let mut sponge =
        Sponge::new(&derive_session_id::<DefaultHash>(b"retrace execution v4"), statement, messages);
    let alpha = challenge(&mut sponge);
    let tau: Vec<Fr> = (0..n).map(|_| challenge(&mut sponge)).collect();
    let links = spec.links.len();
    let full = t == 1 << n;
    let after = if full { Fr::ZERO } else { eq(&tau, &bits(t, n)) * exit };
    let link = eq(&tau, &bits(0, n)) * entry - after;
    let claims = [vec![Fr::ZERO], vec![link; links], vec![exit; if full { links } else { 0 }]].concat();
    absorb(&mut sponge, Fr::from(t));
    absorb(&mut sponge, Fr::from(claims.len() as u64));
    claims.iter().for_each(|claim| absorb(&mut sponge, *claim));
    let gamma = challenge(&mut sponge);
    let batch = |values: &[Fr]| values.iter().rfold(Fr::ZERO, |sum, value| sum * gamma + value);

    let degree = 1 + spec.constraints.iter().map(|constraint| constraint.degree as usize).max()?.max(1);
    let (mut claim, mut r) = (batch(&claims), Vec::new());
    for _ in 0..n {
        let mut s = message(&mut sponge, degree)?;
        s.insert(1, claim - s[0] - s.iter().sum::<Fr>());
        r.push(challenge(&mut sponge));
        claim = s.iter().rfold(Fr::ZERO, |value, coefficient| value * r[r.len() - 1] + coefficient);
    }

    let mut used: Vec<usize> =
        forms(spec.constraints).flat_map(|form| form.terms).map(|(id, _)| id.index()).collect();
    used.extend(spec.links.iter().flat_map(|link| [link.from.index(), link.to.index()]));
    used.sort_unstable();
    used.dedup();
    let mut values = vec![Fr::ZERO; spec.columns.len()];
    let extension = |cells: &[i64]| -> Fr {
        (0..).zip(cells).map(|(row, cell)| eq(&r, &bits(row, n)) * Fr::from(*cell)).sum()
    };
    for column in used {
        values[column] = if matches!(spec.columns[column].source, ColumnSource::Public(_)) {
            extension(&cells[column])
        } else {
            let value = message(&mut sponge, 1)?[0];
            // In place of a commitment: the cells of a replay.
            (value == extension(&cells[column])).then_some(value)?
        };
    }
    sponge.check_eof().ok()?;
    let absent = |column: usize| match spec.columns[column].source {
        ColumnSource::Public(PublicColumn::First) => !begins,
        ColumnSource::Public(PublicColumn::Last) => !ends,
        _ => false,
    };
    let form = |form: &Linear| {
        let there = form.terms.iter().filter(|(id, _)| !absent(id.index()));
        there.fold(Fr::from(form.constant), |sum, (id, by)| sum + Fr::from(*by) * values[id.index()])
    };
    let constraint = |constraint: &Constraint| {
        let products = constraint.products.iter();
        products.map(|product| product.factors.iter().map(form).product::<Fr>()).sum::<Fr>()
    };
    let inner = spec.constraints.iter().map(constraint).rfold(Fr::ZERO, |sum, value| sum * alpha + value);
    let mut last = vec![eq(&tau, &r) * inner];
    last.extend(spec.links.iter().map(|link| {
        eq(&tau, &r) * values[link.to.index()] - eq_plus_one(&r, &tau) * values[link.from.index()]
    }));
    let end = spec.links.iter().filter(|_| full);
    last.extend(end.map(|link| eq(&r, &bits(t - 1, n)) * values[link.from.index()]));
    (claim == batch(&last)).then_some(())
}

/// The whole run, its first and its last cycles; as many as a power of two, and not.
#[test]
fn it_agrees_with_verify_on_honest_and_on_forged_proofs() {
    let program = common::guest("tiny");
    for cycles in [0..53, 0..32, 7..53, 21..53, 21..40, 51..53] {
        let generator = StreamingWitnessGenerator::new(common::run(&program, &[], b"", 16), Pool::serial());
        assert_eq!(generator.execution().cycles(), 53);
        let oracle = WitnessOracle::segment(generator, cycles.clone()).expect("there are such cycles");
        let (proof, _) = Prover::<Fr>::new(Budget::Unlimited).prove(&oracle).expect("it can be proven");
        agrees(&program, &oracle, &proof);
    }
}

fn agrees(program: &Arc<Program<Rv32i>>, oracle: &WitnessOracle<Rv32i, Linux>, proof: &Proof) {
    let rows = 0..1u64 << oracle.num_variables();
    let cell = |(id, column): (u16, &Column), row| {
        column.value(oracle.query(retrace::isa::ColumnId(id), row).expect("it is in range"))
    };
    let cells: Vec<Vec<i64>> = (0..)
        .zip(oracle.columns())
        .map(|column| rows.clone().map(|row| cell(column, row)).collect())
        .collect();
    let fast = |bytes: &[u8]| {
        let verifier = Verifier::new(Arc::clone(program), Input::empty());
        let verifier = Verifier { segments: true, ..verifier };
        Proof::from_bytes(bytes).is_ok_and(|proof| verifier.verify::<Fr>(&proof).is_ok())
    };
    let bytes = proof.to_bytes();
    assert!(accepts(&bytes, &cells).is_some() && fast(&bytes), "it is honest");
    for at in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[at] ^= 0x10;
        // What the statement says of hashes and the exit code only a replay finds out; but every byte is in the transcript.
        assert!(accepts(&forged, &cells).is_none() && !fast(&forged), "byte {at}");
    }
    let longer = [&bytes[..], &[0; 32]].concat();
    for forged in [&bytes[..bytes.len() - 1], &bytes[..200], &longer] {
        assert!(accepts(forged, &cells).is_none() && !fast(forged));
    }
    let t = oracle.num_rows() as usize;
    for row in [0, t / 2, t - 1] {
        let mut cells = cells.clone();
        cells[1][row] ^= 4;
        assert!(accepts(&bytes, &cells).is_none(), "another witness");
    }
}
