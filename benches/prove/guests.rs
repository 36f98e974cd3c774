//! Guests that can be made to run for about as many cycles as asked for.

use std::path::Path;
use std::sync::Arc;

use retrace::checkpoint::{Execution, Options, execute};
use retrace::guest::{Input, Linux};
use retrace::isa::Rv32i;
use retrace::oracle::WitnessOracle;
use retrace::parallel::Pool;
use retrace::program::Program;
use retrace::replay::StreamingWitnessGenerator;

use super::Witness;

/// A guest whose one argument says how much it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guest {
    pub(super) name: &'static str,
    /// An argument that is beyond any run measured here.
    beyond: u64,
}

pub(super) const GUESTS: [Guest; 2] =
    [Guest { name: "interp", beyond: 10_000 }, Guest { name: "sieve", beyond: 1 << 23 }];

impl Guest {
    /// The witness of the longest run of at most 2^`variables` cycles, on one thread.
    pub(super) fn oracle(&self, variables: u32) -> Witness {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/guests/{}.elf", self.name));
        let elf = std::fs::read(&path).expect("the guest is in the repository");
        let program = Arc::new(Program::<Rv32i>::from_elf(&elf).expect("it can be loaded"));
        let run = |size: u64| -> Execution<Rv32i, Linux> {
            let options = Options {
                arguments: vec![b"guest".to_vec(), size.to_string().into_bytes()],
                max_cycles: 1 << variables,
                ..Options::default()
            };
            execute(Arc::clone(&program), Linux::default(), Input::empty(), options).expect("it runs")
        };
        let (mut fits, mut beyond) = (1, self.beyond);
        while fits + 1 < beyond {
            let middle = (fits + beyond) / 2;
            if run(middle).exit_code().is_some() { fits = middle } else { beyond = middle }
        }
        let execution = run(fits);
        WitnessOracle::new(StreamingWitnessGenerator::new(execution, Pool::serial())).expect("there are rows")
    }
}
