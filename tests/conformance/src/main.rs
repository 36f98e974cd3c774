//! Runs every program of the prebuilt riscv-tests in retrace, and prints what came of each.
//!
//! Fails if a program fails, if one is missing, or if one that is excepted passes. README.md says where the programs
//! come from.

mod harness;
mod programs;

use std::process::ExitCode;

use harness::{Outcome, run};

/// The programs of riscv-tests' rv32ui and rv32um that the archive has.
const EXPECTED: [&str; 46] = [
    // rv32ui
    "add", "addi", "and", "andi", "auipc", "beq", "bge", "bgeu", "blt", "bltu", "bne", "jal", "jalr", "lb",
    "lbu", "lh", "lhu", "lui", "lw", "or", "ori", "sb", "sh", "simple", "sll", "slli", "slt", "slti",
    "sltiu", "sltu", "sra", "srai", "srl", "srli", "sub", "sw", "xor", "xori", // rv32um
    "div", "divu", "mul", "mulh", "mulhsu", "mulhu", "rem", "remu",
];

/// Files of the archive that are not to pass, and why.
const EXCEPTED: [(&str, &str); 1] =
    [("test", "no RISC-V program, but an executable of the machine that made the archive")];

fn main() -> ExitCode {
    let programs = match programs::fetch() {
        Ok(programs) => programs,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let mut wrong = Vec::new();
    println!("{:<8} {:>7}  result", "program", "cycles");
    for (name, elf) in &programs {
        let outcome = run(elf);
        let excepted = EXCEPTED.iter().find(|(excepted, _)| excepted == name);
        match (&outcome, excepted) {
            (Outcome::Passed { cycles, tests }, None) if EXPECTED.contains(&name.as_str()) => {
                println!("{name:<8} {cycles:>7}  passed, {tests} tests");
                continue;
            }
            (Outcome::Passed { cycles, .. }, None) => {
                println!("{name:<8} {cycles:>7}  passed, but is not expected: add it to EXPECTED");
            }
            (Outcome::Passed { cycles, .. }, Some(_)) => {
                println!("{name:<8} {cycles:>7}  passed, though it is excepted: take it out of EXCEPTED");
            }
            (Outcome::Failed { cycles, why }, None) => println!("{name:<8} {cycles:>7}  FAILED: {why}"),
            (Outcome::Failed { cycles, why }, Some((_, reason))) => {
                println!("{name:<8} {cycles:>7}  excepted: {reason} ({why})");
                continue;
            }
        }
        wrong.push(name.as_str());
    }
    let listed = EXPECTED.into_iter().chain(EXCEPTED.map(|(name, _)| name));
    for name in listed.filter(|name| !programs.contains_key(*name)) {
        println!("{name:<8} {:>7}  FAILED: not in the archive", 0);
        wrong.push(name);
    }
    let excepted = EXCEPTED.len();
    if wrong.is_empty() {
        println!("{} programs passed, {excepted} excepted", programs.len() - excepted);
        return ExitCode::SUCCESS;
    }
    println!("{} programs did not do as expected: {}", wrong.len(), wrong.join(", "));
    ExitCode::FAILURE
}
