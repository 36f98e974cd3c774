//! What an instruction's operands and effects are, as data: derived from its format and semantics, declared nowhere.
//! Pseudo-instructions, as they were checked.

use proc_macro2::TokenStream;
use quote::quote;

use super::number;
use crate::ir::{ExprKind, Statement};
use crate::model::{Bits, Immediate, Instruction, Model, Operand, Pseudo, READS, WRITES};

/// The operands' names: registers by port, the immediate, sets of letters.
pub(super) fn names(model: &Model, instruction: &Instruction) -> Vec<String> {
    let ports = ports(model, instruction).map(|(name, _)| name.to_owned());
    let imm = immediate(instruction).map(|_| "imm".to_owned());
    ports.chain(imm).chain(letters(instruction).map(|(name, ..)| name.to_owned())).collect()
}

/// The operands as data, in the order of [`names`].
pub(super) fn operands(model: &Model, instruction: &Instruction) -> TokenStream {
    let registers = ports(model, instruction).map(|(name, operand)| {
        let written = WRITES.contains(&name);
        let kind = match operand {
            Operand::Field(bits) => {
                let field = field(bits);
                quote!(Register { field: #field, written: #written })
            }
            Operand::Fixed(register) => {
                let register = number(register);
                quote!(FixedRegister { number: #register, written: #written })
            }
            Operand::None => return quote!(),
        };
        quote!(Operand { name: #name, kind: OperandKind::#kind },)
    });
    let imm = immediate(instruction).map(|imm| {
        let (signed, width) = (imm.signed, number(imm.width));
        let pieces = imm.pieces.iter().map(|(from, to)| {
            let (from, to) = (field(*from), number(*to));
            quote!((#from, #to))
        });
        let imm = quote!(Immediate { signed: #signed, width: #width, pieces: &[#(#pieces),*] });
        quote!(Operand { name: "imm", kind: OperandKind::Immediate(#imm) },)
    });
    let letters = letters(instruction).map(|(name, bits, letters)| {
        let field = field(bits);
        quote!(Operand { name: #name, kind: OperandKind::Letters { field: #field, letters: #letters } },)
    });
    let imm = imm.into_iter();
    quote!(&[#(#registers)* #(#imm)* #(#letters)*])
}

fn ports(model: &Model, instruction: &Instruction) -> impl Iterator<Item = (&'static str, Operand)> {
    let (writes, reads) = model.ports(instruction);
    let operands = writes.into_iter().chain(reads);
    WRITES.into_iter().chain(READS).zip(operands).filter(|(_, operand)| *operand != Operand::None)
}

/// The immediate, if the semantics use it.
fn immediate(instruction: &Instruction) -> Option<&Immediate> {
    instruction.format.imm.as_ref().filter(|_| instruction.semantics.uses(&ExprKind::Imm))
}

fn letters(instruction: &Instruction) -> impl Iterator<Item = (&str, Bits, &str)> {
    let free = instruction.format.fields.iter().filter(|field| instruction.mask & field.bits.mask() == 0);
    free.filter_map(|field| Some((field.name.as_str(), field.bits, field.letters.as_deref()?)))
}

fn field(bits: Bits) -> TokenStream {
    let (hi, lo) = (number(bits.hi), number(bits.lo));
    quote!(Field { hi: #hi, lo: #lo })
}

/// What the semantics do other than read and write registers.
pub(super) fn effects(instruction: &Instruction) -> TokenStream {
    let mut memory = quote!(MemoryAccess::None);
    let (mut jump, mut trap) = (quote!(Happens::Never), quote!(Happens::Never));
    let mut call = false;
    let happens =
        |condition: bool| if condition { quote!(Happens::Sometimes) } else { quote!(Happens::Always) };
    for statement in &instruction.semantics.statements {
        match statement {
            Statement::Load { bits, .. } => {
                let bits = number(*bits);
                memory = quote!(MemoryAccess::Load { bits: #bits });
            }
            Statement::Store { bits, .. } => {
                let bits = number(*bits);
                memory = match instruction.semantics.updates() {
                    true => quote!(MemoryAccess::Update { bits: #bits }),
                    false => quote!(MemoryAccess::Store { bits: #bits }),
                };
            }
            Statement::Call { .. } => call = true,
            Statement::Jump { condition, .. } => jump = happens(condition.is_some()),
            Statement::Trap { condition, .. } => trap = happens(condition.is_some()),
            Statement::Let(..)
            | Statement::Write(..)
            | Statement::Require(_)
            | Statement::Input { .. }
            | Statement::Output { .. }
            | Statement::Exit(_) => {}
        }
    }
    quote!(Effects { memory: #memory, jump: #jump, trap: #trap, call: #call })
}

/// A pseudo-instruction.
pub(super) fn pseudo(pseudo: &Pseudo) -> TokenStream {
    let Pseudo { name, doc, asm, expansions, fill, .. } = pseudo;
    let operands = pseudo.operands.iter().map(|(name, is_register)| quote!((#name, #is_register)));
    quote! {
        Pseudo {
            name: #name,
            doc: #doc,
            asm: #asm,
            operands: &[#(#operands),*],
            expansions: &[#(#expansions),*],
            fill: #fill,
        }
    }
}
