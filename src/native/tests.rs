use std::fmt::Write;

use super::*;
use crate::asm::{Layout, assemble};
use crate::guest::{Input, Linux};
use crate::isa::Rv32i;
use crate::machine::{Checkpoint, Machine};

/// A bytecode interpreter, whose handlers of three instructions follow each other at random.
fn interpreter(handlers: u32) -> Arc<Program<Rv32i>> {
    let mut source = format!(
        "la s2, handlers; li s3, {shift}
         dispatch: slli t0, s1, 2; add s1, s1, t0; addi s1, s1, 77
         srl t0, s1, s3; slli t0, t0, 4; add t0, t0, s2; jr t0
         handlers: ",
        shift = 32 - handlers.ilog2()
    );
    for handler in 0..handlers {
        writeln!(source, "addi a0, a0, {}; xori a0, a0, 85; j dispatch; nop", handler % 7).unwrap();
    }
    Arc::new(assemble::<Rv32i>(&source, Layout::default()).unwrap().program().unwrap())
}

/// The place where a handler is looked up.
fn dispatch(program: &Program<Rv32i>) -> u32 {
    let address = program.symbols().address("dispatch").unwrap();
    program.code().index_of(address).unwrap()
}

fn run(program: &Arc<Program<Rv32i>>, effort: Effort, cycles: u64) -> (Native<Rv32i>, Vec<Word>) {
    let initial =
        Checkpoint::initial(program, Linux::default(), &[b"guest".to_vec()], &Input::empty()).unwrap();
    let mut machine = Machine::new(Arc::clone(program), Input::from(Vec::new()), &initial).unwrap();
    let mut native = Native::new(Arc::clone(program), effort).unwrap();
    machine.run_native(cycles, &mut native).unwrap();
    (native, machine.registers().to_vec())
}

fn interpreted(program: &Arc<Program<Rv32i>>, cycles: u64) -> Vec<Word> {
    let initial =
        Checkpoint::initial(program, Linux::default(), &[b"guest".to_vec()], &Input::empty()).unwrap();
    let mut machine = Machine::new(Arc::clone(program), Input::from(Vec::new()), &initial).unwrap();
    machine.run(cycles, &mut ()).unwrap();
    machine.registers().to_vec()
}

#[test]
fn a_region_that_is_left_at_once_is_given_up() {
    let program = interpreter(2048);
    let cycles = 12_000_000;
    let (native, registers) = run(&program, Effort::Waiting, cycles);
    assert_eq!(registers, interpreted(&program, cycles));
    assert_eq!(
        native.statistics().regions,
        3,
        "quickly, to good code where it is left, and where it is judged"
    );
    assert!(native.entered.iter().all(|&region| region == 0));
    assert_eq!(native.fused, program.code().fused());
    assert!(native.profile.is_put_off(dispatch(&program)));
}

#[test]
fn a_region_that_has_all_handlers_is_kept() {
    let program = interpreter(64);
    let cycles = 2_000_000;
    let (native, registers) = run(&program, Effort::Waiting, cycles);
    assert_eq!(registers, interpreted(&program, cycles));
    assert!(native.is_compiled(dispatch(&program)));
}

#[test]
fn what_is_given_up_at_random_changes_no_result() {
    let program = interpreter(256);
    for seed in 0..8 {
        let cycles = 100_000 + seed;
        let (_, registers) = run(&program, Effort::Random { seed }, cycles);
        assert_eq!(registers, interpreted(&program, cycles), "seed {seed}");
    }
}
