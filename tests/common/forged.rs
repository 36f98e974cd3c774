//! The sum-check of constraints and links over cells in memory, which may be forged.

#![allow(unreachable_pub)]

use ark_bn254::Fr;
use ark_poly::{DenseMultilinearExtension, Polynomial};
use retrace::checkpoint::Execution;
use retrace::guest::Linux;
use retrace::isa::{Isa, Rv32i};
use retrace::oracle::{DenseOracle, PolynomialOracle, WitnessOracle};
use retrace::parallel::Pool;
use retrace::replay::StreamingWitnessGenerator;
use retrace::sumcheck::{
    Budget, Shift, SumCheckProver, SumCheckVerifier, SumCheckVerifierError, SumcheckInstance, ZeroCheck,
};

/// All columns of an execution, in memory.
pub fn dense(execution: Execution<Rv32i, Linux>) -> Vec<Vec<u32>> {
    let oracle = WitnessOracle::new(StreamingWitnessGenerator::new(execution, Pool::serial()));
    let oracle = oracle.expect("there are rows");
    let columns: Vec<_> = (0..oracle.num_stored() as u16).map(retrace::isa::ColumnId).collect();
    let mut cells = vec![Vec::new(); columns.len()];
    let generator = oracle.generator();
    generator
        .for_each(0..oracle.num_rows(), &columns, 4096, |chunk| {
            cells.iter_mut().zip(chunk.columns).for_each(|(cells, column)| cells.extend_from_slice(column));
            Ok::<(), ()>(())
        })
        .expect("the run can be replayed");
    cells
}

fn shape() -> Vec<retrace::isa::Column> {
    Rv32i::SPEC.columns.to_vec()
}

/// Proves the constraints and links over cells, honest or not, and verifies all but the columns' values.
pub fn sumcheck(cells: Vec<Vec<u32>>, entry: u32) -> Result<Vec<(Vec<Fr>, Fr)>, SumCheckVerifierError> {
    use retrace::sumcheck::{Composition, Transcript, prover_state};
    use spongefish::{DefaultHash, VerifierState, derive_session_id};

    let rows = cells[0].len() as u64;
    let oracle = DenseOracle::new(shape(), cells).expect("the columns are equally long");
    let session = derive_session_id::<DefaultHash>(b"test");
    let draw = |transcript: &mut dyn Transcript<Fr>| -> Vec<Box<dyn SumcheckInstance<Fr>>> {
        let alpha = transcript.challenge();
        let tau = transcript.challenges(oracle.num_variables() as usize);
        let composition =
            Composition::from_constraints(Rv32i::SPEC.columns, Rv32i::SPEC.constraints, &[], alpha)
                .expect("it is small");
        let mut list: Vec<Box<dyn SumcheckInstance<Fr>>> =
            vec![Box::new(ZeroCheck::new(composition, tau.clone()).expect("zero in the padding"))];
        for link in Rv32i::SPEC.links {
            list.push(Box::new(Shift::new(link, Fr::from(entry), tau.clone())));
        }
        list
    };
    let mut transcript = prover_state(&session, &[1u8]);
    let list = draw(&mut transcript);
    let references: Vec<&dyn SumcheckInstance<Fr>> = list.iter().map(AsRef::as_ref).collect();
    SumCheckProver::new(Budget::Unlimited, Pool::serial())
        .prove(&oracle, &references, &mut transcript)
        .expect("the oracle is in memory");
    let bytes = transcript.into_narg_string();

    let mut transcript = VerifierState::<DefaultHash>::new(&session, &[1u8], &bytes);
    let list = draw(&mut transcript);
    let references: Vec<&dyn SumcheckInstance<Fr>> = list.iter().map(AsRef::as_ref).collect();
    let reduced = SumCheckVerifier::new(Rv32i::SPEC.columns, rows).verify(&references, &mut transcript)?;
    // The final claims, against ark-poly's evaluation of the dense columns.
    for (id, value) in &reduced.evaluations {
        let table: Vec<Fr> = (0..1u64 << oracle.num_variables())
            .map(|row| {
                let cell = oracle.query(*id, row).expect("it is in range");
                Fr::from(Rv32i::SPEC.columns[id.index()].value(cell))
            })
            .collect();
        let extension =
            DenseMultilinearExtension::from_evaluations_vec(oracle.num_variables() as usize, table);
        assert_eq!(extension.evaluate(&reduced.point), *value, "{}", Rv32i::SPEC.columns[id.index()].name);
    }
    Ok(reduced.evaluations.into_iter().map(|(_, value)| (reduced.point.clone(), value)).collect())
}
