//! The commands on programs, one a file.

mod checkpoints;
mod disasm;
mod prove;
mod run;
mod verify;
mod witness;

pub(super) use checkpoints::checkpoints;
pub(super) use disasm::disasm;
pub(super) use prove::prove;
pub(super) use run::run;
pub(super) use verify::verify;
pub(super) use witness::witness;
