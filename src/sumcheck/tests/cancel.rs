//! Whoever waits gives up between two messages.

use core::ops::Range;

use super::*;
use crate::cancel::Cancel;
use crate::oracle::{Chunk, Part};

/// An oracle that can be cancelled between passes.
struct Cancelled<'a>(&'a DenseOracle, &'a Cancel);

impl PolynomialOracle for Cancelled<'_> {
    fn columns(&self) -> &[Column] {
        self.0.columns()
    }

    fn num_stored(&self) -> usize {
        self.0.num_stored()
    }

    fn num_rows(&self) -> u64 {
        self.0.num_rows()
    }

    fn parts(&self, align: u64) -> Vec<Range<u64>> {
        self.0.parts(align)
    }

    fn pass<A: Send>(
        &self,
        columns: &[ColumnId],
        parts: Vec<Part<A>>,
        visit: impl Fn(&mut A, &Chunk<'_>) -> Result<(), OracleError> + Sync,
    ) -> Result<Vec<A>, OracleError> {
        self.0.pass(columns, parts, visit)
    }

    fn is_cancelled(&self) -> bool {
        self.1.is_cancelled()
    }

    fn query(&self, column: ColumnId, row: u64) -> Result<Word, OracleError> {
        self.0.query(column, row)
    }
}

/// Cancels after so many messages.
struct Impatient<'a> {
    recorder: Recorder,
    last: usize,
    cancel: &'a Cancel,
}

impl Transcript<Fr> for Impatient<'_> {
    fn public(&mut self, values: &[Fr]) {
        self.recorder.public(values);
    }

    fn challenge(&mut self) -> Fr {
        self.recorder.challenge()
    }
}

impl ProverTranscript<Fr> for Impatient<'_> {
    fn send(&mut self, message: &[Fr]) {
        self.recorder.send(message);
        if self.recorder.messages.len() == self.last {
            self.cancel.cancel();
        }
    }
}

#[test]
fn rounds_on_stored_arrays_look_whether_they_are_cancelled() {
    let oracle = oracle(cells(61, 4));
    let statement = Statement::<Fr>::new(&oracle, 2);
    for last in 1..=7 {
        let cancel = Cancel::new();
        let cancelled = Cancelled(&oracle, &cancel);
        let oracle = WithBits::new(&cancelled, B, 3).unwrap();
        let mut transcript = Impatient { recorder: Recorder::default(), last, cancel: &cancel };
        // No window: every round is one on stored arrays.
        let prover = SumCheckProver::default().with_windows(vec![]);
        let proved = prover.prove(&oracle, &statement.instances(), &mut transcript);
        // After six rounds come the columns' values, and nothing is left to do.
        if last == 7 {
            assert_eq!(proved.unwrap().report.rounds, 6);
        } else {
            assert!(matches!(proved, Err(SumCheckProverError::Oracle(OracleError::Cancelled))), "{last}");
        }
        assert_eq!(transcript.recorder.messages.len(), last);
    }
}
