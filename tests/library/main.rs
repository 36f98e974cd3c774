//! What a user of the library sees. One binary, so that what is generic in it is compiled once: a prover and a machine for
//! each of a dozen took most of a build.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/forged.rs"]
mod forged;
#[path = "../common/random.rs"]
mod random;
#[path = "../common/sink.rs"]
mod sink;

mod bit_manipulation;
mod calls;
mod check;
mod constraints;
mod edge_rows;
mod errors;
mod examples;
mod extensions;
mod for_each;
mod forged_rows;
mod fuzz;
mod gnu;
mod guests;
mod instructions;
mod isa_choice;
mod kinds;
mod known_bugs;
mod logging;
mod machine_faults;
mod multiplication;
mod private_input;
mod progress;
mod proof;
mod readme;
mod regeneration;
mod slow_verifier;
