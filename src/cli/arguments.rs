//! What can be asked for.

use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::examples;
use crate::checkpoint;

/// The front end of a small-space zkVM: run a RISC-V program, regenerate its witness, prove and verify it.
#[derive(Debug, Parser)]
#[command(name = "retrace", version)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Args)]
pub(super) struct Common {
    /// Print one JSON object on standard output; the guest's own output then goes to --output, or is dropped.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Which instruction set [default: the one of the proof or checkpoint file, else the smallest that decodes the code].
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) isa: Option<String>,
    /// How many threads to use [default: one for each processor].
    #[arg(long, global = true, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(super) threads: usize,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a program, and end with its exit code.
    Run(Run),
    /// Regenerate rows of a program's witness.
    Witness(Witness),
    /// Log what a program executes, an instruction a line.
    Trace(Trace),
    /// Hold every row of a run against the units' relations and look-ups, and against constraints.
    Check(Check),
    /// Let gdb debug a program: forwards, and backwards.
    Debug(Debug),
    /// Count where a program's cycles go.
    Profile(Profile),
    /// Make a page of a program's run: where its cycles go, its memory, its witness, its proof.
    Report(Report),
    /// Prove that a program runs as it does.
    Prove(Prove),
    /// Verify a proof. There is no commitment yet, so this replays the program.
    Verify(Verify),
    /// Say what is in a checkpoint file, and verify it.
    Checkpoints(Checkpoints),
    /// Print a program's code in assembly.
    Disasm(Disasm),
    /// Print a script that completes the command line in a shell.
    Completions(Completions),
    /// Print the manual page, or write those of all commands.
    Man(Man),
    /// Explain and check instruction set specs.
    Isa {
        #[command(subcommand)]
        command: IsaCommand,
    },
}

impl Command {
    /// The program that the command is about.
    pub(super) fn elf(&self) -> Option<&Path> {
        match self {
            Self::Run(run) => Some(&run.guest.elf),
            Self::Witness(witness) => Some(&witness.subject.guest.elf),
            Self::Trace(trace) => Some(&trace.subject.guest.elf),
            Self::Check(check) => Some(&check.subject.guest.elf),
            Self::Debug(debug) => Some(&debug.subject.guest.elf),
            Self::Profile(profile) => Some(&profile.subject.guest.elf),
            Self::Report(report) => Some(&report.subject.guest.elf),
            Self::Prove(prove) => Some(&prove.subject.guest.elf),
            Self::Verify(verify) => Some(&verify.guest.elf),
            Self::Disasm(disasm) => Some(&disasm.elf),
            Self::Checkpoints(_) | Self::Completions(_) | Self::Man(_) | Self::Isa { .. } => None,
        }
    }

    /// The files that the command reads, and those that it writes under the name that was given.
    pub(super) fn files<'a>(&'a self) -> (Vec<&'a Path>, Vec<&'a Path>) {
        let (read, written) = match self {
            Self::Run(run) => (run.guest.files(), vec![run.output.as_ref(), run.signature.as_ref()]),
            Self::Witness(witness) => (witness.subject.files(), vec![witness.output.as_ref()]),
            Self::Trace(trace) => (trace.subject.files(), vec![trace.output.as_ref()]),
            Self::Check(check) => (check.subject.files(), vec![]),
            Self::Debug(debug) => (debug.subject.files(), vec![debug.output.as_ref()]),
            Self::Profile(Profile { subject, flamegraph, firefox, folded, .. }) => {
                (subject.files(), vec![flamegraph.as_ref(), firefox.as_ref(), folded.as_ref()])
            }
            Self::Report(report) => {
                let read = [report.subject.files(), vec![report.proof.as_ref()]].concat();
                (read, vec![Some(&report.output)])
            }
            Self::Prove(prove) => (prove.subject.files(), vec![prove.output.as_ref()]),
            Self::Isa { command: IsaCommand::Doc(doc) } => {
                (vec![doc.spec.as_ref()], vec![doc.output.as_ref()])
            }
            Self::Verify(_)
            | Self::Checkpoints(_)
            | Self::Disasm(_)
            | Self::Completions(_)
            | Self::Man(_)
            | Self::Isa { .. } => (vec![], vec![]),
        };
        let given = |path: Option<&'a PathBuf>| path.map(PathBuf::as_path);
        (read.into_iter().filter_map(given).collect(), written.into_iter().filter_map(given).collect())
    }
}

/// A program and what it is given.
#[derive(Debug, Args)]
pub(super) struct Guest {
    /// The program: a static RISC-V executable.
    #[arg(value_name = "ELF")]
    pub(super) elf: PathBuf,
    /// The program's arguments; those that start with a dash go after `--`.
    #[arg(value_name = "ARGS")]
    pub(super) arguments: Vec<OsString>,
    /// The program's own name, its argv[0] [default: the name of the ELF file, without its folder].
    #[arg(long, value_name = "NAME")]
    pub(super) arg0: Option<OsString>,
    /// What the program's stack may take; beyond is a fault, stack overflow. It is part of what is proven.
    #[arg(long, value_name = "BYTES", default_value = "8MiB", value_parser = bytes)]
    pub(super) stack_size: u64,
    /// The program's input [default: standard input, unless it is a terminal].
    #[arg(long, value_name = "FILE")]
    pub(super) input: Option<PathBuf>,
    /// The program's private input, which it reads from descriptor 3. No statement of a proof has its hash, but a proof
    /// is not zero-knowledge, and a checkpoint file has all of it [default: none].
    #[arg(long, value_name = "FILE")]
    pub(super) private_input: Option<PathBuf>,
}

impl Guest {
    fn files(&self) -> Vec<Option<&PathBuf>> {
        vec![Some(&self.elf), self.input.as_ref(), self.private_input.as_ref()]
    }
}

/// A program's run: of what it is given, or the one in a file.
#[derive(Debug, Args)]
pub(super) struct Subject {
    #[command(flatten)]
    pub(super) guest: Guest,
    /// Take the run from a checkpoint file, without running the program; its arguments and input are in the file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "private_input", "arguments", "arg0", "stack_size", "max_memory"])]
    pub(super) checkpoints: Option<PathBuf>,
    /// The most memory that the program may touch, in whole pages; `debug` has no limit.
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = bytes)]
    pub(super) max_memory: u64,
}

impl Subject {
    fn files(&self) -> Vec<Option<&PathBuf>> {
        [self.guest.files(), vec![self.checkpoints.as_ref()]].concat()
    }
}

#[derive(Debug, Args)]
#[command(after_help = examples::RUN)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) guest: Guest,
    /// Where the program's output goes [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Stop after so many cycles.
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    pub(super) max_cycles: u64,
    /// The most memory that the program may touch, in whole pages.
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = bytes)]
    pub(super) max_memory: u64,
    /// Write checkpoints to a new file: with it and the program the run can be resumed, and its rows regenerated.
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoints: Option<PathBuf>,
    /// Go on with the run of a checkpoint file. Its input and its stack's size are in the file, and its arguments need not be given. What is in
    /// --output stays, up to where the run goes on.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["checkpoints", "stack_size"])]
    pub(super) resume: Option<PathBuf>,
    /// What executes: native code where the command was built with the feature `jit` for a 64-bit x86 Unix, or the
    /// interpreter.
    #[arg(long, value_enum, default_value_t = Executor::Auto)]
    pub(super) executor: Executor,
    /// Run an architecture test: until it stores to `tohost`, and then write its signature there.
    #[arg(long, value_name = "FILE")]
    pub(super) signature: Option<PathBuf>,
}

impl Run {
    /// The checkpoint file that is written to.
    pub(super) fn checkpoint_file(&self) -> Option<&Path> {
        self.checkpoints.as_deref().or(self.resume.as_deref())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Executor {
    /// Native code where there is any.
    Auto,
    /// The interpreter.
    Interpreter,
    /// Native code, or an error.
    Native,
}

impl From<Executor> for checkpoint::Executor {
    fn from(executor: Executor) -> Self {
        match executor {
            Executor::Auto => Self::Auto,
            Executor::Interpreter => Self::Interpreter,
            Executor::Native => Self::Native,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = examples::WITNESS)]
pub(super) struct Witness {
    #[command(flatten)]
    pub(super) subject: Subject,
    /// Which cycles, from 0 [default: all].
    #[arg(long, value_name = "A..B", value_parser = cycles)]
    pub(super) cycles: Option<Range<u64>>,
    /// Which columns, by name, or by the name of a unit for all its cells [default: those that the spec declares, and the
    /// cells of all units].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) columns: Vec<String>,
    /// How rows are written; `none` only regenerates them [default: by the output's name, which ends in .csv, .jsonl or
    /// .parquet; else csv].
    #[arg(long, value_enum)]
    pub(super) format: Option<Format>,
    /// Where rows go [default: standard output; with --json, nowhere].
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A line of names, then a line a row.
    Csv,
    /// An object a line.
    Jsonl,
    /// Apache Parquet, for data frames; with the spec's fingerprint.
    Parquet,
    /// Nothing.
    None,
}

#[derive(Debug, Args)]
#[command(after_help = examples::TRACE)]
pub(super) struct Trace {
    #[command(flatten)]
    pub(super) subject: Subject,
    /// Which cycles, from 0 [default: all].
    #[arg(long, value_name = "A..B", value_parser = cycles)]
    pub(super) cycles: Option<Range<u64>>,
    /// How a line is written.
    #[arg(long, value_enum, default_value_t = TraceFormat::Commit)]
    pub(super) format: TraceFormat,
    /// Where the log goes [default: standard output; with --json, nowhere].
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = examples::CHECK_ROWS)]
pub(super) struct Check {
    #[command(flatten)]
    pub(super) subject: Subject,
    /// Which cycles, from 0 [default: all].
    #[arg(long, value_name = "A..B", value_parser = cycles)]
    pub(super) cycles: Option<Range<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TraceFormat {
    /// As spike writes commits: address, word, the register written, addresses loaded from and stored to.
    Commit,
    /// An object a line.
    Jsonl,
}

#[derive(Debug, Args)]
#[command(after_help = examples::DEBUG)]
pub(super) struct Debug {
    #[command(flatten)]
    pub(super) subject: Subject,
    /// Where gdb is waited for: HOST:PORT, with port 0 for any that is free, or the path of a socket, with a slash.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:1234")]
    pub(super) listen: String,
    /// Begin at this cycle.
    #[arg(long, value_name = "N")]
    pub(super) cycle: Option<u64>,
    /// Where the program's output goes [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = examples::PROFILE)]
pub(super) struct Profile {
    #[command(flatten)]
    pub(super) subject: Subject,
    /// Count only these cycles, from 0. Calls and regions are followed from the program's start all the same.
    #[arg(long, value_name = "A..B", value_parser = cycles)]
    pub(super) cycles: Option<Range<u64>>,
    /// What to count by; several, separated by commas [default: function, and region if there are any; with --json, all].
    #[arg(long, value_enum, value_name = "TABLES", value_delimiter = ',')]
    pub(super) by: Vec<Table>,
    /// How many rows of each table to show; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) top: usize,
    /// Write a flame graph, which a browser shows.
    #[arg(long, value_name = "FILE.svg")]
    pub(super) flamegraph: Option<PathBuf>,
    /// Write a file for profiler.firefox.com, whose time is cycles, 1 ns each.
    #[arg(long, value_name = "FILE.json")]
    pub(super) firefox: Option<PathBuf>,
    /// Write the call stacks, a line each, with their cycles.
    #[arg(long, value_name = "FILE")]
    pub(super) folded: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Table {
    /// Functions, inlined ones too: their own cycles, and with what they call.
    Function,
    /// Source lines, if the ELF file has debug information.
    Line,
    /// Addresses of instructions.
    Pc,
    /// Kinds of instructions.
    Instruction,
    /// Pairs of instructions, one right after the other, and whether the spec has them fused.
    Pair,
    /// Pages of memory: loads and stores.
    Page,
    /// Regions that the program marks.
    Region,
}

impl Table {
    /// Every table.
    pub(super) const ALL: &[Self] =
        &[Self::Function, Self::Line, Self::Pc, Self::Instruction, Self::Pair, Self::Page, Self::Region];
}

#[derive(Debug, Args)]
#[command(after_help = examples::REPORT)]
pub(super) struct Report {
    #[command(flatten)]
    pub(super) subject: Subject,
    /// Where the page goes: one HTML file that needs no other.
    #[arg(short, long, value_name = "FILE.html")]
    pub(super) output: PathBuf,
    /// A proof of the run, or of a segment of it, to verify and report.
    #[arg(long, value_name = "PROOF", conflicts_with = "checkpoints")]
    pub(super) proof: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = examples::PROVE)]
pub(super) struct Prove {
    #[command(flatten)]
    pub(super) subject: Subject,
    /// Where the proof goes.
    #[arg(short, long, value_name = "FILE", required_unless_present = "plan")]
    pub(super) output: Option<PathBuf>,
    /// Prove only these cycles, from 0: a segment of a run that need not end, or may fault later.
    #[arg(long, value_name = "A..B", value_parser = cycles)]
    pub(super) cycles: Option<Range<u64>>,
    /// What executes the program.
    #[arg(long, value_enum, default_value_t = Executor::Auto)]
    pub(super) executor: Executor,
    /// Run the program, print how it would be proven (which rounds each pass covers, what is stored, estimated costs),
    /// and prove nothing.
    #[arg(long)]
    pub(super) plan: bool,
    /// The space for the sum-check's arrays: bytes, as in 64MiB; `sqrt` for the columns times √T field elements;
    /// `all` for as much as it takes. The proof is the same.
    #[arg(long, value_name = "SPACE", default_value = "sqrt", value_parser = memory)]
    pub(super) memory: Memory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    Sqrt,
    All,
    Bytes(u64),
}

#[derive(Debug, Args)]
#[command(after_help = examples::VERIFY)]
pub(super) struct Verify {
    /// The proof.
    #[arg(value_name = "PROOF")]
    pub(super) proof: PathBuf,
    #[command(flatten)]
    pub(super) guest: Guest,
    /// The proof of the segment that follows; may be given several times, in order. All are verified, and that they
    /// adjoin.
    #[arg(long, value_name = "PROOF")]
    pub(super) next: Vec<PathBuf>,
    /// Accept a segment, where otherwise the proofs must be of a whole run.
    #[arg(long)]
    pub(super) segment: bool,
    /// Refuse a proof of more cycles, rather than replay them.
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    pub(super) max_cycles: u64,
}

#[derive(Debug, Args)]
#[command(after_help = examples::CHECKPOINTS)]
pub(super) struct Checkpoints {
    /// The file.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = examples::DISASM)]
pub(super) struct Disasm {
    /// The program.
    #[arg(value_name = "ELF")]
    pub(super) elf: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = examples::COMPLETIONS)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(after_help = examples::MAN)]
pub(super) struct Man {
    /// Write a page for each command into this folder, which is made if it is not there.
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum IsaCommand {
    /// Say what an instruction does and what of it a prover sees; without a name, list them all.
    #[command(after_help = examples::EXPLAIN)]
    Explain {
        /// Mnemonics, or words in hexadecimal (0x…).
        #[arg(value_name = "WHAT")]
        what: Vec<String>,
    },
    /// Check specs, and say all that is wrong with them.
    Check(CheckSpecs),
    /// Make a reference page of a spec: encodings, semantics, columns, constraints.
    Doc(Doc),
}

#[derive(Debug, Args)]
#[command(after_help = examples::CHECK)]
pub(super) struct CheckSpecs {
    /// Files, or names of in-tree specs.
    #[arg(value_name = "SPEC", required = true)]
    pub(super) specs: Vec<PathBuf>,
    /// Print, before what is said of a sound spec, how much of each opcode is legal, and which constraints or look-ups
    /// determine each operation's result.
    #[arg(long)]
    pub(super) list: bool,
    /// Have an SMT solver prove for all rows what the check samples: z3, or the program that RETRACE_SOLVER names. This
    /// takes minutes for a large spec.
    #[arg(long)]
    pub(super) prove: bool,
    /// Prove and write only lemmas whose name contains this, such as a unit's name.
    #[arg(long, value_name = "TEXT")]
    pub(super) only: Option<String>,
    /// How long the solver may take for one query; a lemma takes one or some dozens.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "prove", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) timeout: u64,
    /// Write what is to be proven into this folder, which is made if it is not there: SMT-LIB, a file for each lemma. This
    /// needs no solver.
    #[arg(long, value_name = "FOLDER")]
    pub(super) lemmas: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = examples::DOC)]
pub(super) struct Doc {
    /// A file, or the name of an in-tree spec [default: the instruction set that --isa names, else the first].
    #[arg(value_name = "SPEC")]
    pub(super) spec: Option<PathBuf>,
    /// What the page is written in [default: html if the output's name ends in .html, else markdown].
    #[arg(long, value_enum)]
    pub(super) format: Option<PageFormat>,
    /// Where the page goes [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PageFormat {
    /// One file that needs no other.
    Html,
    /// As GitHub renders it.
    Markdown,
}

fn cycles(text: &str) -> Result<Range<u64>, String> {
    let parse = |number: &str| number.trim().replace('_', "").parse::<u64>().ok();
    match text.split_once("..").map(|(start, end)| (parse(start), parse(end))) {
        Some((Some(start), Some(end))) if start <= end => Ok(start..end),
        _ => Err("write the first cycle and the one past the last, as in 1000..2000".to_owned()),
    }
}

fn memory(text: &str) -> Result<Memory, String> {
    match text {
        "sqrt" => Ok(Memory::Sqrt),
        "all" => Ok(Memory::All),
        _ => {
            bytes(text).map(Memory::Bytes).map_err(|_| "write bytes, as in 64MiB, or sqrt, or all".to_owned())
        }
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "k" | "kib" => Some(1 << 10),
        "m" | "mib" => Some(1 << 20),
        "g" | "gib" => Some(1 << 30),
        "kb" => Some(1000),
        "mb" => Some(1_000_000),
        "gb" => Some(1_000_000_000),
        _ => None,
    };
    let bytes =
        digits.trim().parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    bytes.ok_or_else(|| "write bytes, as in 64MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn space_has_units() {
        assert_eq!(memory("64MiB"), Ok(Memory::Bytes(64 << 20)));
        assert_eq!(memory("1k"), Ok(Memory::Bytes(1024)));
        assert_eq!(memory("17"), Ok(Memory::Bytes(17)));
        assert_eq!(memory("sqrt"), Ok(Memory::Sqrt));
        for wrong in ["", "MiB", "-1", "1e9", "1TiB", "99999999999999999999", "18446744073709551615k"] {
            assert!(memory(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn cycles_are_a_range() {
        assert_eq!(cycles("10..1_000"), Ok(10..1000));
        for wrong in ["", "..", "5", "5..", "9..3", "-1..3"] {
            assert!(cycles(wrong).is_err(), "{wrong}");
        }
    }
}
