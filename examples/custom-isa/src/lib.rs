//! One instruction more than RV32I.

vm::isa! {
    /// RV32I with `rotxor`.
    pub struct Rotxor = "isa/rotxor.toml";
}
