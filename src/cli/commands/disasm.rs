//! `retrace disasm`

use std::process::ExitCode;

use serde_json::json;

use crate::asm::disassemble;
use crate::cli::arguments::Common;
use crate::cli::failure::Done;
use crate::cli::files::Elf;
use crate::cli::output;
use crate::isa::{Isa, Op};

pub(in crate::cli) fn disasm<I: Isa>(common: &Common, elf: Elf) -> Done {
    let program = elf.into_program::<I>()?;
    let code = program.code();
    let ops = code.ops().iter().filter(|op| code.index_of(op.pc).is_some());
    let text = |op: &Op| match op.kind {
        Op::UNDECODABLE => format!(".word {:#010x}", op.word),
        _ => disassemble::<I>(op),
    };
    if common.json {
        let lines: Vec<_> = ops
            .map(|op| json!({ "pc": op.pc, "word": op.word, "text": text(op), "symbol": program.symbols().describe(op.pc) }))
            .collect();
        output::object(&json!({ "ok": true, "isa": I::SPEC.name, "instructions": lines }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut printed = String::new();
    for op in ops {
        for symbol in program.symbols().iter().filter(|symbol| symbol.address == op.pc) {
            printed += &format!("\n{:08x} <{}>:\n", op.pc, symbol.name);
        }
        printed += &format!("{:8x}:  {:08x}  {}\n", op.pc, op.word, text(op));
    }
    output::print(&printed)?;
    Ok(ExitCode::SUCCESS)
}
