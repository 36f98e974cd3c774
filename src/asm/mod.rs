//! Assembly.

mod disassemble;
mod encode;

pub use disassemble::disassemble;
pub use encode::{EncodeError, encode};
