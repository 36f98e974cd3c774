//! Programs that touch as much memory as is asked for.

use std::sync::Arc;

use retrace::asm::{Layout, assemble};
use retrace::guest::Input;
use retrace::isa::Rv32i;
use retrace::program::Program;

use crate::run::Run;

/// Writes a word to each page of so many bytes, round after round, until it is stopped: three cycles a page.
pub(crate) fn touching(bytes: u64, cycles: u64) -> Run {
    let source = format!(
        "li s0, 0x100000; li s1, {bytes}; add s1, s1, s0; li s2, 4096
         1: mv t0, s0; addi t1, t1, 1
         2: sw t1, 0(t0); add t0, t0, s2; bltu t0, s1, 2b; j 1b"
    );
    let code = 0x1_0000;
    let assembly = assemble::<Rv32i>(&source, Layout { code, data: 0x2_0000 });
    let words = assembly.unwrap_or_else(|errors| panic!("{errors}")).code.words();
    let program = Program::from_code(code, &words, &[]).unwrap_or_else(|error| panic!("{error}"));
    Run {
        program: Arc::new(program),
        arguments: vec![b"guest".to_vec()],
        input: Input::empty(),
        max_cycles: cycles,
    }
}
