//! Where an instruction leads to, as far as its word says it.
//!
//! In: a predecoded instruction and its semantics. Out: [`Successor`], from which native code finds its regions, and the
//! choice of an ISA what a program's entry reaches.

use super::{Op, SemanticStatement, Semantics, Word};

/// Where an instruction leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Successor {
    /// To the next.
    Next,
    /// Perhaps to this address, else to the next.
    Branch(Word),
    /// To this address.
    Jump(Word),
    /// To an address that is known when it is executed, perhaps only if a condition holds.
    Indirect { conditional: bool },
    /// To the next, or to the guest's end: the interpreter makes the call.
    Call,
    /// It is left to the interpreter, and mostly leads nowhere: what always traps, what is no instruction.
    None,
}

impl Successor {
    /// Where the instruction leads to that has these semantics. O(size of its semantics).
    pub(crate) fn of(op: &Op, semantics: Option<&Semantics>) -> Self {
        let Some(semantics) = semantics else { return Self::None };
        let mut successor = Self::Next;
        for statement in semantics.statements {
            match statement {
                SemanticStatement::Call => return Self::Call,
                SemanticStatement::Trap { condition: None } => return Self::None,
                SemanticStatement::Jump { condition, target, stated } => {
                    let conditional = condition.is_some();
                    let target = stated.then(|| semantics.stated(target, op)).flatten();
                    successor = match (target, conditional) {
                        (Some(target), true) => Self::Branch(target),
                        (Some(target), false) => Self::Jump(target),
                        (None, conditional) => Self::Indirect { conditional },
                    };
                }
                _ => {}
            }
        }
        successor
    }

    /// Whether native code leaves it to the interpreter.
    #[cfg(native)]
    pub(crate) fn is_interpreted(self) -> bool {
        matches!(self, Self::Call | Self::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Rv32imZbb};

    /// What the code generator calls stated, `Semantics::stated` computes, and nothing else.
    #[test]
    fn a_target_is_known_exactly_where_it_is_stated() {
        let op = Op { pc: 0x1000, imm: 8, ..Op::default() };
        let mut jumps = 0;
        for semantics in Rv32imZbb::SEMANTICS {
            for statement in semantics.statements {
                if let SemanticStatement::Jump { target, stated, .. } = statement {
                    assert_eq!(semantics.stated(target, &op).is_some(), *stated, "{target:?}");
                    jumps += 1;
                }
            }
        }
        assert_eq!(jumps, 8);
    }
}
