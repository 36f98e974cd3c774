//! `retrace trace`
//!
//! As spike writes commits with `--log-commits` (`commit_log_print_insn` in riscv-isa-sim's `riscv/execute.cc`), or as JSON lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use super::execution;
use crate::asm::disassemble;
use crate::cancel::Cancel;
use crate::checkpoint::{Execution, Options, UnknownCycles};
use crate::cli::arguments::{Common, Trace, TraceFormat};
use crate::cli::failure::{Done, Failure};
use crate::cli::files::{self, Elf};
use crate::cli::output;
use crate::guest::Linux;
use crate::isa::{Isa, Op, Word};
use crate::machine::{Machine, Observer};
use crate::replay::{ReplayError, reached};

/// How many cycles to go without a look at whether to go on: a few milliseconds.
const SLICE: u64 = 1 << 20;

pub(in crate::cli) fn trace<I: Isa>(common: &Common, trace: &Trace, elf: Elf) -> Done {
    let program = elf.into_program::<I>()?;
    let max_cycles = trace.cycles.as_ref().map_or(u64::MAX, |cycles| cycles.end);
    let hidden = indicatif::ProgressBar::hidden();
    let options = Options { max_cycles, ..Options::default() };
    let (execution, cancel) = execution(&trace.subject, program, options, &hidden)?;
    let fault = execution.fault().map(ToString::to_string);
    if let Some(fault) = fault.as_ref().filter(|_| !common.json) {
        output::note(&format!("note: the log ends where the guest faults: {fault}"));
    }
    let cycles = trace.cycles.clone().unwrap_or(0..execution.cycles());
    UnknownCycles::check(&cycles, execution.cycles())?;
    let write =
        |sink: &mut (dyn Write + Send)| write(&execution, cycles.clone(), trace.format, &cancel, sink);
    match files::write_stream(common, trace.output.as_deref(), write)? {
        // Whoever read the log has seen enough.
        Err(ReplayError::Visitor(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(ExitCode::SUCCESS);
        }
        Err(ReplayError::Cancelled) => return Err(Failure::interrupted()),
        written => written.map_err(|error| Failure::new("trace", error.to_string()))?,
    }
    if common.json {
        output::object(&json!({
            "ok": true,
            "isa": I::SPEC.name,
            "first_cycle": cycles.start,
            "cycles": cycles.end - cycles.start,
            "fault": fault,
        }))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What one instruction did.
#[derive(Default)]
struct Effects {
    /// By number. Of two writes to one register the later counts.
    registers: BTreeMap<u8, Word>,
    load: Option<MemoryAccess>,
    store: Option<MemoryAccess>,
}

#[derive(Clone, Copy)]
struct MemoryAccess {
    address: Word,
    bytes: Word,
    value: Word,
}

impl Observer for Effects {
    fn load(&mut self, address: Word, bytes: Word, value: Word) {
        self.load = Some(MemoryAccess { address, bytes, value });
    }

    fn store(&mut self, address: Word, bytes: Word, value: Word) {
        self.store = Some(MemoryAccess { address, bytes, value });
    }

    fn set_register(&mut self, register: u8, value: Word) {
        self.registers.insert(register, value);
    }
}

/// Executes the cycles once more, from the checkpoint before them, one at a time; a line each.
fn write<I: Isa>(
    execution: &Execution<I, Linux>,
    cycles: Range<u64>,
    format: TraceFormat,
    cancel: &Cancel,
    sink: &mut dyn Write,
) -> Result<(), ReplayError<io::Error>> {
    let program = execution.program();
    let checkpoint = execution.checkpoints().nearest(cycles.start)?;
    let mut machine = Machine::new(Arc::clone(program), execution.input().clone(), &checkpoint)
        .map_err(ReplayError::AddressSpace)?;
    let mut line = String::new();
    while machine.cycle() < cycles.end {
        let cycle = machine.cycle();
        if cycle.is_multiple_of(SLICE) && cancel.is_cancelled() {
            return Err(ReplayError::Cancelled);
        }
        if cycle < cycles.start {
            let until = cycles.start.min((cycle / SLICE + 1) * SLICE);
            let paused = machine.run(until, &mut ());
            reached(&machine, until, paused)?;
            continue;
        }
        let op = program.code().at(machine.pc()).copied();
        let mut effects = Effects::default();
        let paused = machine.observe(cycle + 1, &mut effects);
        // The guest's last cycle is executed, and ends it.
        reached(&machine, cycle + 1, paused)?;
        let Some(op) = op else { continue };
        line.clear();
        match format {
            TraceFormat::Commit => commit::<I>(&mut line, &op, &effects),
            TraceFormat::Jsonl => object::<I>(&mut line, cycle, &op, &effects),
        }
        line.push('\n');
        sink.write_all(line.as_bytes()).map_err(ReplayError::Visitor)?;
    }
    sink.flush().map_err(ReplayError::Visitor)
}

/// A commit of hart 0 in user mode. Hidden registers are none of spike's.
fn commit<I: Isa>(line: &mut String, op: &Op, effects: &Effects) {
    // Writing to a string cannot fail.
    let _ = write!(line, "core   0: 0 {:#010x} ({:#010x})", op.pc, op.word);
    let named = |register: &u8| usize::from(*register) < I::SPEC.registers.names.len();
    for (register, value) in effects.registers.iter().filter(|(register, _)| named(register)) {
        let _ = write!(line, " x{register:<2} {value:#010x}");
    }
    if let Some(load) = effects.load {
        let _ = write!(line, " mem {:#010x}", load.address);
    }
    if let Some(MemoryAccess { address, bytes, value }) = effects.store {
        let digits = 2 + 2 * bytes as usize;
        let _ = write!(line, " mem {address:#010x} {value:#0digits$x}");
    }
}

fn object<I: Isa>(line: &mut String, cycle: u64, op: &Op, effects: &Effects) {
    let access = |access: MemoryAccess| json!({ "address": access.address, "bytes": access.bytes, "value": access.value });
    let mut object =
        json!({ "cycle": cycle, "pc": op.pc, "word": op.word, "assembly": disassemble::<I>(op) });
    let named =
        |(register, value): (&u8, &Word)| Some((I::SPEC.registers.name(*register)?.to_owned(), json!(value)));
    object["registers"] =
        effects.registers.iter().filter_map(named).collect::<serde_json::Map<_, _>>().into();
    if let Some(load) = effects.load {
        object["load"] = access(load);
    }
    if let Some(store) = effects.store {
        object["store"] = access(store);
    }
    let _ = write!(line, "{object}");
}
