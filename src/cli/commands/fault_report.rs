//! What is said of a guest's fault besides the error: where it was, the registers, how it came there, and how to see it.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::asm::disassemble;
use crate::checkpoint::Execution;
use crate::cli::arguments::Run;
use crate::cli::output;
use crate::cli::shell::quoted;
use crate::guest::Linux;
use crate::isa::{Isa, Word};
use crate::machine::Fault;
use crate::parallel::Pool;
use crate::profile::CodeMap;
use crate::replay::StreamingWitnessGenerator;

/// How many instructions before the fault are shown.
const INSTRUCTIONS: u64 = 16;

/// How many registers are in a line.
const COLUMNS: usize = 4;

/// A fault, and what led to it.
pub(super) struct Report {
    /// The function that the fault is in, with what is inlined there, and the source line, where the file says so.
    functions: Vec<String>,
    line: Option<(String, u32)>,
    registers: Vec<(&'static str, Word)>,
    /// The instructions before, the oldest first. None if they could not be executed once more.
    before: Vec<Executed>,
    /// The fault's own, if there is one there.
    here: Option<Executed>,
    /// Commands that log them, that give them to gdb, and that show their rows.
    commands: [String; 3],
}

/// An instruction that was executed.
struct Executed {
    cycle: u64,
    pc: Word,
    word: u32,
    assembly: String,
    /// The function that it is in, with what is inlined there.
    function: Option<String>,
}

impl Report {
    /// O(interval): the last cycles are executed once more, from a checkpoint.
    pub(super) fn new<I: Isa>(
        execution: &Arc<Execution<I, Linux>>,
        fault: &Fault,
        elf: &[u8],
        isa: Option<&str>,
        run: &Run,
    ) -> Self {
        let program = execution.program();
        let map = CodeMap::from_elf(program, elf);
        let (functions, line) = map.place(program, fault.jumped_from.unwrap_or(fault.pc));
        let executed = |(cycle, pc): (u64, Word)| {
            let op = program.code().at(pc)?;
            let (functions, _) = map.place(program, pc);
            let function = (!functions.is_empty()).then(|| functions.join(" > "));
            Some(Executed { cycle, pc, word: op.word, assembly: disassemble::<I>(op), function })
        };
        let cycles = fault.cycle.saturating_sub(INSTRUCTIONS)..fault.cycle;
        let mut places = Vec::new();
        // The error itself was told; what cannot be said besides is left out.
        let _ = StreamingWitnessGenerator::new(Arc::clone(execution), Pool::serial()).for_each(
            cycles.clone(),
            &[],
            1,
            |chunk| {
                places.extend(chunk.entry.map(|state| (state.cycle, state.pc)));
                Ok::<(), core::convert::Infallible>(())
            },
        );
        Self {
            functions: functions.into_iter().map(str::to_owned).collect(),
            line: line.map(|(file, line)| (file.to_owned(), line)),
            registers: I::SPEC
                .registers
                .names
                .iter()
                .copied()
                .zip(execution.exit().registers.iter().copied())
                .collect(),
            before: places.into_iter().filter_map(executed).collect(),
            here: executed((fault.cycle, fault.pc)),
            commands: {
                let range = format!("--cycles={}..{}", cycles.start, cycles.end);
                let here = format!("--cycle={}", fault.cycle);
                [("trace", &range), ("debug", &here), ("witness", &range)]
                    .map(|(name, cycles)| command(name, cycles, isa, run))
            },
        }
    }

    /// The report for people, a line or more for each part.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        if !self.functions.is_empty() {
            let _ = write!(text, "\nin {}", self.functions.join(" > "));
            if let Some((file, line)) = &self.line {
                let _ = write!(text, ", {file}:{line}");
            }
            text.push('\n');
        }
        text.push_str("\nregisters\n");
        for registers in self.registers.chunks(COLUMNS) {
            for (name, value) in registers {
                let _ = write!(text, "  {name:>5} {value:#010x}");
            }
            text.push('\n');
        }
        if !self.before.is_empty() {
            let _ = writeln!(
                text,
                "\nthe last {}, and what faulted",
                output::count(self.before.len() as u64, "instruction")
            );
            let width = self.here.as_ref().map_or(0, |here| here.cycle.to_string().len());
            let mut within = &None;
            for (mark, it) in
                self.before.iter().map(|it| (' ', it)).chain(self.here.iter().map(|it| ('>', it)))
            {
                let Executed { cycle, pc, word, assembly, function } = it;
                if let Some(name) = function.as_ref().filter(|_| function != within) {
                    let _ = writeln!(text, "  {name}:");
                }
                within = function;
                let _ = writeln!(text, "{mark} {cycle:>width$}  {pc:08x}:  {word:08x}  {assembly}");
            }
            text.push_str("\nto log these cycles, to go back from the fault with gdb, to see the rows; with the same input:\n");
            for command in &self.commands {
                let _ = writeln!(text, "  {command}");
            }
        }
        text
    }

    /// The same as fields of an error.
    pub(super) fn add_to(&self, error: &mut Value) {
        error["functions"] = json!(self.functions);
        error["file"] = json!(self.line.as_ref().map(|(file, _)| file));
        error["line"] = json!(self.line.as_ref().map(|(_, line)| line));
        error["registers"] =
            self.registers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let before = self.before.iter().map(|it| {
            let Executed { cycle, pc, word, assembly, function } = it;
            json!({ "cycle": cycle, "pc": pc, "word": word, "assembly": assembly, "function": function })
        });
        error["last_instructions"] = before.collect();
        error["commands"] = json!(self.commands);
    }
}

/// How a shell would be told to do this with these cycles of the run.
fn command(name: &str, cycles: &str, isa: Option<&str>, run: &Run) -> String {
    let guest = &run.guest;
    let mut words = vec!["retrace".to_owned(), name.to_owned(), cycles.to_owned()];
    words.extend(isa.map(|isa| quoted(&format!("--isa={isa}"))));
    let elf = quoted(&guest.elf.display().to_string());
    // Arguments and input are in the file; of a run that was resumed perhaps nowhere else.
    if let Some(file) = run.checkpoint_file() {
        words.extend([quoted(&format!("--checkpoints={}", file.display())), elf]);
        return words.join(" ");
    }
    if let Some(input) = &guest.input {
        words.push(quoted(&format!("--input={}", input.display())));
    }
    words.push(elf);
    if !guest.arguments.is_empty() {
        words.push("--".to_owned());
        words.extend(guest.arguments.iter().map(|argument| quoted(&argument.to_string_lossy())));
    }
    words.join(" ")
}
