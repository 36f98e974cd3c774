//! Claims that hold are accepted, and what is altered, forged or does not fit is refused.

use super::*;

#[test]
fn every_altered_byte_is_refused() {
    let oracle = oracle(cells(5, 9));
    let statement = Statement::<Fr>::new(&oracle, 2);
    let instances = statement.instances();
    let (proof, _) = prove(&oracle, &instances, Budget::Unlimited, 1);
    assert!(accepts(&oracle, &instances, &proof));
    for byte in 0..proof.len() {
        for bit in [0, 7] {
            let mut altered = proof.clone();
            altered[byte] ^= 1 << bit;
            assert!(!accepts(&oracle, &instances, &altered), "byte {byte}");
        }
    }
    assert!(!accepts(&oracle, &instances, &proof[..proof.len() - 1]));
    assert!(!accepts(&oracle, &instances, &[proof.as_slice(), &[0]].concat()));
    assert!(matches!(verify::<Fr>(5, &instances, &[]), Err(SumCheckVerifierError::Round { round: 0, .. })));
    assert!(matches!(verify::<Fr>(0, &instances, &proof), Err(SumCheckVerifierError::Rows)));
    assert!(matches!(verify::<Fr>(u64::MAX, &instances, &proof), Err(SumCheckVerifierError::Rows)));
    assert!(matches!(verify::<Fr>(9, &instances, &proof), Err(SumCheckVerifierError::Variables { .. })));
}

#[test]
fn another_statement_is_refused() {
    let oracle = oracle(cells(13, 4));
    let statement = Statement::<Fr>::new(&oracle, 2);
    let (proof, proved) = prove(&oracle, &statement.instances(), Budget::Unlimited, 1);
    let n = proved.report.rounds as usize;
    let tau = |seed: u64| (0..n as u64).map(|i| Fr::from(seed + i)).collect::<Vec<_>>();
    assert!(verify(13, &statement.instances(), &proof).is_ok());
    assert!(matches!(verify(12, &statement.instances(), &proof), Err(SumCheckVerifierError::Identity)));
    assert!(verify(13, &statement.instances()[..3], &proof).is_err());
    let wrong_sum = Sum::new(summand(2), brute_sum(&oracle, &summand::<Fr>(2)) + Fr::ONE);
    let wrong_entry = Shift::new(&link(), Fr::from(ENTRY + 4), tau(3));
    let entry = Shift::new(&link(), Fr::from(ENTRY), tau(3));
    let wrong_tau = Shift::new(&link(), Fr::from(ENTRY), tau(50));
    for (claimed, proven) in [
        (&wrong_sum as &dyn SumcheckInstance<Fr>, &statement.sum as &dyn SumcheckInstance<Fr>),
        (&wrong_entry, &entry),
        (&wrong_tau, &entry),
    ] {
        let (proof, _) = prove(&oracle, &[proven], Budget::Unlimited, 1);
        assert!(accepts(&oracle, &[proven], &proof));
        assert!(!accepts(&oracle, &[claimed], &proof));
        // A prover that proves the false statement itself.
        if !core::ptr::eq(claimed, &wrong_tau as &dyn SumcheckInstance<Fr>) {
            let (proof, _) = prove(&oracle, &[claimed], Budget::Unlimited, 1);
            assert!(!accepts(&oracle, &[claimed], &proof));
        }
    }
}

/// Rows, number and claims of the instances are absorbed before the challenge that batches them: steps 5 and 6 of the
/// protocol.
#[test]
fn the_statement_is_absorbed_before_the_first_challenge() {
    let oracle = oracle(cells(13, 4));
    let statement = Statement::<Fr>::new(&oracle, 2);
    let instances = statement.instances();
    let mut recorder = Recorder::default();
    SumCheckProver::default().prove(&oracle, &instances, &mut recorder).unwrap();
    let claims = instances.iter().map(|instance| instance.claim()).collect();
    assert_eq!(recorder.absorbed, [(0, vec![Fr::from(13u64), Fr::from(6u64)]), (0, claims)]);
    assert_eq!(recorder.drawn, 1 + 4);
}

#[test]
fn claims_that_are_wrong_by_opposite_amounts_are_refused() {
    let oracle = oracle(cells(13, 4));
    let total = brute_sum(&oracle, &summand::<Fr>(2));
    let sum = |claim| Sum::new(summand(2), claim);
    let (right, more, less) = (sum(total), sum(total + Fr::ONE), sum(total - Fr::ONE));
    for (instances, holds) in [([&right, &right], true), ([&more, &less], false), ([&less, &more], false)] {
        let instances = instances.map(|sum| sum as &dyn SumcheckInstance<Fr>);
        let (proof, _) = prove(&oracle, &instances, Budget::Unlimited, 1);
        assert_eq!(accepts(&oracle, &instances, &proof), holds);
    }
}

#[test]
fn a_range_sum_is_of_its_range() {
    let oracle = oracle(cells(37, 2));
    let total = |cycles: core::ops::Range<u64>| -> Fr {
        cycles.map(|row| Fr::from(oracle.query(A, row).unwrap())).sum()
    };
    for cycles in [0..0, 0..1, 0..37, 5..6, 7..32, 8..16, 15..17, 36..37] {
        let right = RangeSum::new(A, cycles.clone(), total(cycles.clone()));
        for windows in [vec![], vec![3, 2], vec![1; 6]] {
            check_rounds(&oracle, &right, &windows);
        }
        let (proof, _) = prove(&oracle, &[&right], Budget::Bytes(1), 1);
        assert!(accepts(&oracle, &[&right], &proof));
        let turned = RangeSum::new(A, cycles.end + 3..cycles.start, Fr::ZERO);
        check_rounds(&oracle, &turned, &[2]);
        // Beyond the last row there is nothing to add.
        for wrong in [cycles.start..cycles.end + 1, cycles.start + 1..cycles.end + 2] {
            if wrong.end > 37 {
                continue;
            }
            let wrong = RangeSum::new(A, wrong, total(cycles.clone()));
            let (proof, _) = prove(&oracle, &[&wrong], Budget::Unlimited, 1);
            assert!(!accepts(&oracle, &[&wrong], &proof), "{cycles:?}");
        }
    }
}

#[test]
fn a_column_is_in_its_range_by_bits() {
    let mut forged = cells(21, 6);
    forged[B.index()].iter_mut().for_each(|cell| *cell &= 0x3FF);
    for (value, bits, holds) in
        [(0x3FF, 10, true), (0x400, 10, false), (0x400, 11, true), (1 << 31, 32, true)]
    {
        forged[B.index()][13] = value;
        let inner = oracle(forged.clone());
        let oracle = WithBits::new(&inner, B, bits).unwrap();
        let tau: Vec<Fr> = (0..5).map(|i| Fr::from(i + 3u64).pow([9])).collect();
        let composition =
            Composition::range_by_bits(oracle.columns(), B, &oracle.bits(), Fr::from(77u64)).unwrap();
        let zero = ZeroCheck::new(composition, tau).unwrap();
        let session = derive_session_id::<DefaultHash>(b"retrace test");
        for budget in [Budget::Unlimited, Budget::Bytes(1)] {
            let mut transcript = prover_state(&session, &[0u8]);
            SumCheckProver::new(budget, Pool::serial()).prove(&oracle, &[&zero], &mut transcript).unwrap();
            let proof = transcript.into_narg_string();
            let mut transcript = VerifierState::<DefaultHash>::new(&session, &[0u8], &proof);
            let verifier = SumCheckVerifier::new(oracle.columns(), 21);
            let reduced = verifier.verify::<Fr>(&[&zero], &mut transcript);
            assert_eq!(reduced.is_ok(), holds, "{value:#x} in {bits} bits");
            if let Ok(reduced) = reduced {
                let (ids, values): (Vec<_>, Vec<_>) = reduced.evaluations.into_iter().unzip();
                assert_eq!(evaluate(&oracle, &ids, &[reduced.point]).unwrap(), [values]);
            }
        }
    }
    let inner = oracle(forged);
    for many in [64, 65, 200] {
        let bits = vec![B; many];
        let refused =
            Composition::<Fr>::range_by_bits(inner.columns(), B, &bits, Fr::from(77u64)).unwrap_err();
        assert!(matches!(refused, CompositionError::TooLarge { .. }), "{many} bits: {refused}");
    }
    assert!(matches!(WithBits::new(&inner, B, 33), Err(OracleError::TooManyBits { bits: 33 })));
    assert!(matches!(WithBits::new(&inner, ColumnId(99), 3), Err(OracleError::UnknownColumn { .. })));
    assert_eq!(WithBits::new(&inner, B, 3).unwrap().query(ColumnId(14), 13).unwrap(), 0);
}

fn forged_is_refused(rows: usize, forge: impl Fn(&mut Vec<Vec<Word>>)) {
    let mut forged = cells(rows, 8);
    forge(&mut forged);
    let oracle = oracle(forged);
    let statement = Statement::<Fr>::new(&oracle, 2);
    let instances: [&dyn SumcheckInstance<Fr>; 2] = [&statement.zero, &statement.shift];
    for budget in [Budget::Unlimited, Budget::Bytes(1)] {
        let (proof, _) = prove(&oracle, &instances, budget, 1);
        assert!(matches!(verify(rows as u64, &instances, &proof), Err(SumCheckVerifierError::Identity)));
    }
}

#[test]
fn a_forged_witness_is_refused() {
    for rows in [1, 2, 13, 16, 33] {
        let last = rows - 1;
        for row in [0, rows / 2, last] {
            forged_is_refused(rows, |cells| cells[C.index()][row] ^= 1);
            forged_is_refused(rows, |cells| cells[C.index()][row] ^= 1 << 31);
            forged_is_refused(rows, |cells| cells[CARRY.index()][row] ^= 2);
            forged_is_refused(rows, |cells| cells[ADD.index()][row] ^= 1);
            forged_is_refused(rows, |cells| cells[PC.index()][row] ^= 4);
            forged_is_refused(rows, |cells| cells[NEXT.index()][row] ^= 4);
        }
        if rows > 2 {
            forged_is_refused(rows, |cells| {
                cells[PC.index()].swap(1, 2);
                cells[NEXT.index()].swap(1, 2);
            });
        }
    }
}

/// The shift alone refuses a last row that goes on, where there is a row of padding to go on to.
#[test]
fn a_last_row_that_goes_on_is_refused_by_the_link() {
    for (rows, refused) in [(3, true), (13, true), (16, false)] {
        let mut forged = cells(rows, 8);
        forged[NEXT.index()][rows - 1] = 8;
        let oracle = oracle(forged);
        let statement = Statement::<Fr>::new(&oracle, 2);
        let (proof, _) = prove(&oracle, &[&statement.shift], Budget::Unlimited, 1);
        assert_eq!(verify::<Fr>(rows as u64, &[&statement.shift], &proof).is_err(), refused);
    }
}

/// Whatever the last row leads to is claimed: by the shift where padding follows, and by a sum over that row elsewhere.
#[test]
fn what_the_last_row_leads_to_is_claimed() {
    for rows in [1, 2, 3, 8, 13, 16] {
        let mut goes_on = cells(rows, 8);
        goes_on[NEXT.index()][rows - 1] = 88;
        let oracle = oracle(goes_on);
        let tau: Vec<Fr> = (0..u64::from(oracle.num_variables())).map(|i| Fr::from(i + 3).pow([9])).collect();
        for (exit, holds) in [(88, true), (0, false), (92, false)] {
            let exit = Fr::from(exit);
            let shift = Shift::new(&link(), Fr::from(ENTRY), tau.clone()).with_exit(exit, rows as u64);
            let end = RangeSum::new(NEXT, rows as u64 - 1..rows as u64, exit);
            let by_shift: &[&dyn SumcheckInstance<Fr>] = &[&shift];
            let by_end: &[&dyn SumcheckInstance<Fr>] = &[&end];
            let instances = if rows.is_power_of_two() { by_end } else { by_shift };
            let (proof, _) = prove(&oracle, instances, Budget::Unlimited, 1);
            assert_eq!(verify::<Fr>(rows as u64, instances, &proof).is_ok(), holds, "{rows} rows, {exit}");
        }
    }
}

#[test]
fn compositions_that_do_not_fit_are_refused() {
    let big = form(0, &[(A, 1 << 40)]);
    let build = |products| Composition::<Fr>::new(&columns(), [(Fr::ONE, products)]);
    assert_eq!(build(vec![vec![big]]).unwrap_err(), CompositionError::TooLarge { term: 0 });
    let factor = form(0, &[(A, 1 << 20)]);
    assert_eq!(build(vec![vec![factor; 3]]).unwrap_err(), CompositionError::TooLarge { term: 0 });
    let unknown = build(vec![vec![form(0, &[(ColumnId(99), 1)])]]).unwrap_err();
    assert_eq!(unknown, CompositionError::UnknownColumn { term: 0, column: ColumnId(99) });
    let one = build(vec![vec![form(1, &[])]]).unwrap();
    assert_eq!(ZeroCheck::new(one, vec![]).unwrap_err(), ZeroCheckError::Padding);
    let oracle = oracle(cells(5, 1));
    let zero = ZeroCheck::new(constraints(2, Fr::ONE), vec![Fr::ONE; 2]).unwrap();
    let error = SumCheckProver::default().prove(&oracle, &[&zero], &mut Recorder::default()).unwrap_err();
    assert!(matches!(error, SumCheckProverError::Variables { instance: 0, expected: 3, found: 2 }));
}
