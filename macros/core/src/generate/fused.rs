//! Pairs executed as one: their codes, and the executor that knows them.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::decode::kind;
use super::step::function;
use crate::model::{Instruction, Model};

/// Executes a pair, whose first instruction is at place `at`.
///
/// It is the two instructions' functions, one after the other: so a trap of the second leaves what the first did.
pub fn pair(first: &Instruction, second: &Instruction) -> TokenStream {
    let (first, second) = (function(first), function(second));
    quote! {
        match #first(ports, &ops[*at], &mut ())? {
            Flow::Next => {
                *at += 1;
                #second(ports, &ops[*at], &mut ())
            }
            flow => Ok(flow),
        }
    }
}

/// The functions `fuse` and `step_fused`. The codes of pairs follow the kinds.
pub(super) fn fused(model: &Model) -> TokenStream {
    let first_code = model.instructions.len() + 1;
    let pairs = || {
        let place = |at: usize| &model.instructions[at];
        model.fused.iter().enumerate().map(move |(at, (first, second))| {
            (Literal::usize_unsuffixed(first_code + at), place(*first), place(*second))
        })
    };
    let codes = pairs().map(|(code, first, second)| {
        let (first, second) = (kind(first), kind(second));
        quote!((#first, #second) => #code,)
    });
    let alone = model.instructions.iter().map(|instruction| {
        let (kind, function) = (kind(instruction), function(instruction));
        quote!(#kind => #function(ports, &ops[*at], &mut ()),)
    });
    let together = pairs().map(|(code, first, second)| {
        let pair = pair(first, second);
        quote!(#code => #pair)
    });
    quote! {
        fn fuse(first: u8, second: u8) -> u8 {
            match (first, second) {
                #(#codes)*
                _ => first,
            }
        }

        #[inline(always)]
        fn step_fused<P: Ports>(ports: &mut P, code: u8, ops: &[Op], at: &mut usize) -> Result<Flow, Trap> {
            match code {
                #(#alone)*
                #(#together)*
                _ => Err(Trap { cause: TrapCause::Undecodable, value: ops[*at].word }),
            }
        }
    }
}
