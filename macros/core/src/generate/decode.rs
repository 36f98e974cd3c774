//! The decoder: fixed bits to instruction, fields to operands, pieces to immediate.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::{constant, hex, number};
use crate::model::{Bits, Immediate, Instruction, Model, Operand};

/// The kinds' constants and the function `decode`.
pub(super) fn decode(model: &Model) -> TokenStream {
    let kinds = model.instructions.iter().enumerate().map(|(at, instruction)| {
        let name = kind(instruction);
        let value = Literal::usize_unsuffixed(at + 1);
        quote!(const #name: u8 = #value;)
    });
    let arms = shared_masks(model).into_iter().map(|mask| {
        let arms = model.instructions.iter().filter(|i| i.mask == mask).map(instruction);
        let mask = hex(mask);
        quote! {
            match word & #mask {
                #(#arms)*
                _ => {}
            }
        }
    });
    quote! {
        #(#kinds)*

        fn decode(word: u32, pc: Word) -> Op {
            #(#arms)*
            Op { imm: 0, pc, word, kind: Op::UNDECODABLE, rd: 0, rs1: 0, rs2: 0 }
        }
    }
}

/// The constant of an instruction's kind.
pub(super) fn kind(instruction: &Instruction) -> proc_macro2::Ident {
    format_ident!("KIND_{}", constant(&instruction.name))
}

/// The distinct masks, by ascending value: one `match` for each.
fn shared_masks(model: &Model) -> Vec<u32> {
    let mut masks: Vec<u32> = model.instructions.iter().map(|instruction| instruction.mask).collect();
    masks.sort_unstable();
    masks.dedup();
    masks
}

/// The arm that decodes one instruction.
pub fn instruction(instruction: &Instruction) -> TokenStream {
    let (bits, kind) = (hex(instruction.bits), kind(instruction));
    let imm = instruction.format.imm.as_ref().map_or(quote!(0), immediate);
    let [rd, rs1, rs2] = [instruction.writes[0], instruction.reads[0], instruction.reads[1]].map(operand);
    quote! {
        #bits => return Op { imm: #imm, pc, word, kind: #kind, rd: #rd, rs1: #rs1, rs2: #rs2 },
    }
}

fn operand(operand: Operand) -> TokenStream {
    match operand {
        Operand::None => quote!(0),
        Operand::Fixed(register) => {
            let register = number(register);
            quote!(#register)
        }
        Operand::Field(bits) => {
            let field = field(bits);
            quote!((#field) as u8)
        }
    }
}

/// The bits, moved down to bit 0.
fn field(bits: Bits) -> TokenStream {
    let mask = hex(bits.mask() >> bits.lo);
    match bits.lo {
        0 => quote!(word & #mask),
        lo => {
            let lo = number(lo);
            quote!(word >> #lo & #mask)
        }
    }
}

fn immediate(imm: &Immediate) -> TokenStream {
    let pieces = imm.pieces.iter().map(|(from, to)| {
        let field = field(*from);
        match to {
            0 => quote!((#field)),
            to => {
                let to = number(*to);
                quote!((#field) << #to)
            }
        }
    });
    let value = quote!(#(#pieces)|*);
    if !imm.signed || imm.width == 32 || imm.pieces.is_empty() {
        return value;
    }
    let excess = number(32 - imm.width);
    quote!(((((#value) << #excess) as i32) >> #excess) as u32)
}
