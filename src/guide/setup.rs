// What the guide's examples begin with: the guest `sha256`, and a run of it on "abc". Doc tests alone include this.

mod given {
    use std::error::Error;
    use std::sync::Arc;

    use retrace::checkpoint::{Execution, Options, execute};
    use retrace::guest::{Input, Linux};
    use retrace::isa::Rv32i;
    use retrace::oracle::WitnessOracle;
    use retrace::parallel::Pool;
    use retrace::program::Program;
    use retrace::replay::StreamingWitnessGenerator;

    pub type Given<T> = Result<T, Box<dyn Error>>;

    pub fn program() -> Given<Arc<Program<Rv32i>>> {
        Ok(Arc::new(Program::from_elf(&std::fs::read("tests/guests/sha256.elf")?)?))
    }

    pub fn input() -> Input {
        Input::from(b"abc".to_vec())
    }

    pub fn execution() -> Given<Execution<Rv32i, Linux>> {
        Ok(execute(program()?, Linux::default(), input(), Options::default())?)
    }

    pub fn oracle() -> Given<WitnessOracle<Rv32i, Linux>> {
        Ok(WitnessOracle::new(StreamingWitnessGenerator::new(execution()?, Pool::serial()))?)
    }
}
