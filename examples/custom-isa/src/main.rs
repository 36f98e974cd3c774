//! The command line of an instruction set of one's own.

fn main() -> std::process::ExitCode {
    vm::cli::main::<custom_isa::Rotxor>()
}
