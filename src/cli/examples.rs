//! What `--help` shows below the options of each command. A test parses every line.

pub(super) const RUN: &str = "\
Examples:
  retrace run guest.elf                               input and output are the terminal's, or pipes
  retrace run guest.elf --input in.txt -- -v 1000     arguments that start with a dash go after --
  retrace run guest.elf --checkpoints run.ckpt        for `witness`, `profile` and `prove`
  retrace run guest.elf --resume run.ckpt             goes on with a run that was cut off
  retrace run guest.elf --max-cycles 1000000 --json   stops there; one JSON object says how it went";

pub(super) const WITNESS: &str = "\
Examples:
  retrace witness guest.elf --cycles 0..10            the first ten rows, as CSV
  retrace witness guest.elf -o rows.parquet           all rows, for pandas, Polars or DuckDB
  retrace witness guest.elf --columns pc,next_pc --format jsonl
  retrace witness guest.elf --checkpoints run.ckpt --cycles 1000000..1000100
  retrace witness guest.elf --format none             how fast rows are regenerated";

pub(super) const TRACE: &str = "\
Examples:
  retrace trace guest.elf --cycles 0..10              the first ten, as spike logs commits
  retrace trace guest.elf --cycles 1000..1100 --format jsonl";

pub(super) const CHECK_ROWS: &str = "\
Examples:
  retrace check guest.elf --input in.txt              all rows
  retrace check guest.elf --cycles 1000..2000         some of them";

pub(super) const DEBUG: &str = "\
Examples:
  retrace debug guest.elf --input in.txt              and then, elsewhere, what it says
  retrace debug guest.elf --checkpoints run.ckpt --cycle 1000000
  retrace debug guest.elf --listen ./gdb.sock         a socket that only its owner may use";

pub(super) const PROFILE: &str = "\
Examples:
  retrace profile guest.elf --input in.txt            cycles by function
  retrace profile guest.elf --by line,instruction --top 10
  retrace profile guest.elf --flamegraph calls.svg    which a browser shows";

pub(super) const REPORT: &str = "\
Examples:
  retrace report guest.elf --input in.txt -o run.html
  retrace report guest.elf --proof proof.bin -o run.html   with what the proof states";

pub(super) const PROVE: &str = "\
Examples:
  retrace prove guest.elf --input in.txt -o proof.bin
  retrace prove guest.elf --plan                      passes, memory and estimated time
  retrace prove guest.elf -o proof.bin --memory 64MiB
  retrace prove guest.elf --cycles 0..1000000 -o first.bin   a segment of the run";

pub(super) const VERIFY: &str = "\
Examples:
  retrace verify proof.bin guest.elf --input in.txt
  retrace verify first.bin guest.elf --next second.bin --next third.bin
  retrace verify first.bin guest.elf --segment        a part of a run is enough";

pub(super) const CHECKPOINTS: &str = "\
Examples:
  retrace checkpoints run.ckpt
  retrace checkpoints run.ckpt --json";

pub(super) const DISASM: &str = "\
Examples:
  retrace disasm guest.elf
  retrace disasm guest.elf --isa rv32im";

pub(super) const COMPLETIONS: &str = "\
Examples:
  retrace completions bash > ~/.local/share/bash-completion/completions/retrace
  retrace completions fish > ~/.config/fish/completions/retrace.fish
  retrace completions zsh > ~/.zfunc/_retrace         ~/.zfunc must be in fpath";

pub(super) const MAN: &str = "\
Examples:
  retrace man | man -l -
  retrace man -o ~/.local/share/man/man1              a page for each command: man retrace-run";

pub(super) const EXPLAIN: &str = "\
Examples:
  retrace isa explain                                 all instructions
  retrace isa explain blt 0x4035d513                  by mnemonic, by word";

pub(super) const CHECK: &str = "\
Examples:
  retrace isa check mine.toml
  retrace isa check mine.toml --list                  what determines each operation's result
  retrace isa check rv32i zbb                         specs that are built in
  retrace isa check mine.toml --prove                 for all rows, by z3
  retrace isa check mine.toml --lemmas lemmas         what z3 is asked, a file for each lemma";

pub(super) const DOC: &str = "\
Examples:
  retrace isa doc rv32i -o rv32i.html
  retrace isa doc mine.toml > mine.md";

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory, Parser};

    use crate::cli::arguments::Arguments;

    /// The commands that do something, by their full names.
    fn leaves(command: &Command, name: &str) -> Vec<(String, Command)> {
        let name = format!("{name} {}", command.get_name());
        match command.get_subcommands().count() {
            0 => vec![(name.trim_start().to_owned(), command.clone())],
            _ => command.get_subcommands().flat_map(|command| leaves(command, &name)).collect(),
        }
    }

    #[test]
    fn every_command_has_examples_of_itself_that_parse() {
        for (name, command) in leaves(&Arguments::command(), "") {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> = help.lines().filter(|line| line.starts_with("  retrace ")).collect();
            assert!(examples.len() >= 2, "{name} shows examples");
            for example in examples {
                assert!(example.trim_start().starts_with(&name), "{name}: {example}");
                // What follows two spaces is a remark; the rest is the shell's.
                let line = example.trim_start().split("  ").next().unwrap_or_default();
                let words = line.split_whitespace().take_while(|word| !matches!(*word, "|" | ">"));
                let parsed = Arguments::try_parse_from(words);
                assert!(
                    parsed.is_ok(),
                    "{line}: {}",
                    parsed.err().map(|error| error.to_string()).unwrap_or_default()
                );
                assert!(example.chars().count() <= 100, "{example}");
            }
        }
    }
}
