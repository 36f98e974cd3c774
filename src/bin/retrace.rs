//! The command line of retrace's own instruction sets.

use retrace::cli::{Entry, main_of};
use retrace::isa::{Rv32i, Rv32im, Rv32imZbb, Rv32imabZicond};

/// From the smallest to the largest: each decodes what the one before it decodes.
fn main() -> std::process::ExitCode {
    main_of(&[
        Entry::of::<Rv32i>(),
        Entry::of::<Rv32im>(),
        Entry::of::<Rv32imZbb>(),
        Entry::of::<Rv32imabZicond>(),
    ])
}
