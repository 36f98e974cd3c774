//! The command line of retrace's own instruction sets.

fn main() -> std::process::ExitCode {
    retrace::cli::main::<retrace::isa::Rv32i>()
}
