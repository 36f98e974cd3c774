//! In lockstep with others: random programs against qemu-riscv32, which also is the second opinion on every instruction
//! that no model here has; and every instruction of RV32IM against two models, one of which was made from the
//! manual's formal specification; and what executes the fast pass, pairs of instructions and native code, against one
//! instruction after the other.
//!
//! `RETRACE_LOCKSTEP` says which random programs: `100000` the first so many, `100000..200000` those.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::unwrap_used)]

mod batch;
mod cases;
mod code;
mod elf;
mod fast_pass;
mod generator;
mod model;
mod odd;
mod qemu;
mod random;
#[path = "../common/sink.rs"]
mod sink;
