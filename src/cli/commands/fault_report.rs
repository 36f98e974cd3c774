//! What is said of a guest's fault besides the error: where it was, the registers, how it came there, and how to see it.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::asm::disassemble;
use crate::checkpoint::Execution;
use crate::cli::arguments::Run;
use crate::cli::shell::quoted;
use crate::cli::{interrupt, output};
use crate::guest::{Linux, STACK_BYTES};
use crate::isa::{Isa, Word};
use crate::machine::Fault;
use crate::parallel::Pool;
use crate::profile::{CodeMap, calls_at};
use crate::program::Program;
use crate::replay::StreamingWitnessGenerator;

/// How many instructions before the fault are shown.
const INSTRUCTIONS: u64 = 16;

/// Runs that fault later are not followed to say what was called: to follow this many cycles takes seconds.
const FOLLOWED: u64 = 1 << 30;

/// How many calls are shown.
const CALLS: usize = 32;

/// How many registers are in a line.
const COLUMNS: usize = 4;

/// A fault, and what led to it.
pub(super) struct Report {
    place: Place,
    /// The calls that led there, the last one first; none of a run that is too long to follow.
    calls: Vec<Place>,
    registers: Vec<(&'static str, Word)>,
    /// The instructions before, the oldest first. None if they could not be executed once more.
    before: Vec<Executed>,
    /// The fault's own, if there is one there.
    here: Option<Executed>,
    /// Commands that log them, that give them to gdb, and that show their rows.
    commands: [String; 3],
}

/// A place in the code.
struct Place {
    pc: Word,
    /// The function that it is in, with what is inlined there, and the source line, where the file says so.
    functions: Vec<String>,
    line: Option<(String, u32)>,
}

impl Place {
    fn new<I: Isa>(map: &CodeMap, program: &Program<I>, pc: Word) -> Self {
        let (functions, line) = map.place(program, pc);
        Self {
            pc,
            functions: functions.into_iter().map(str::to_owned).collect(),
            line: line.map(|(file, line)| (file.to_owned(), line)),
        }
    }
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.functions.is_empty() {
            true => write!(f, "{:#010x}", self.pc)?,
            false => f.write_str(&self.functions.join(" > "))?,
        }
        if let Some((file, line)) = &self.line {
            write!(f, ", {file}:{line}")?;
        }
        Ok(())
    }
}

impl Place {
    fn to_json(&self) -> Value {
        let (file, line) = (self.line.as_ref().map(|it| &it.0), self.line.as_ref().map(|it| it.1));
        json!({ "pc": self.pc, "functions": self.functions, "file": file, "line": line })
    }
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
    /// O(interval) for the last cycles, which are executed once more from a checkpoint; O(T) for the calls, which are followed from
    /// the program's start.
    pub(super) fn new<I: Isa>(
        execution: &Arc<Execution<I, Linux>>,
        fault: &Fault,
        elf: &[u8],
        isa: Option<&str>,
        run: &Run,
    ) -> Self {
        let program = execution.program();
        let map = CodeMap::from_elf(program, elf);
        // As with the last cycles, what cannot be had is left out.
        let followed = Some(fault.cycle).filter(|cycle| *cycle <= FOLLOWED);
        let calls = followed.and_then(|cycle| calls_at(execution, cycle, &interrupt::cancel()).ok());
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
            place: Place::new(&map, program, fault.jumped_from.unwrap_or(fault.pc)),
            calls: calls.unwrap_or_default().into_iter().map(|pc| Place::new(&map, program, pc)).collect(),
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
        if !self.place.functions.is_empty() {
            let _ = writeln!(text, "\nin {}", self.place);
        }
        for call in self.calls.iter().take(CALLS) {
            let _ = writeln!(text, "called by {call}");
        }
        if let Some(more) = self.calls.len().checked_sub(CALLS).filter(|more| *more > 0) {
            let _ = writeln!(text, "and {} more", output::count(more as u64, "call"));
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
        let place = self.place.to_json();
        for name in ["functions", "file", "line"] {
            error[name] = place[name].clone();
        }
        error["calls"] = self.calls.iter().map(Place::to_json).collect();
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
    if let Some(input) = &guest.private_input {
        words.push(quoted(&format!("--private-input={}", input.display())));
    }
    if let Some(name) = &guest.arg0 {
        words.push(quoted(&format!("--arg0={}", name.to_string_lossy())));
    }
    if guest.stack_size != STACK_BYTES {
        words.push(format!("--stack-size={}", guest.stack_size));
    }
    words.push(elf);
    if !guest.arguments.is_empty() {
        words.push("--".to_owned());
        words.extend(guest.arguments.iter().map(|argument| quoted(&argument.to_string_lossy())));
    }
    words.join(" ")
}
