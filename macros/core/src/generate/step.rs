//! The executor: one function an instruction, and `step`, which chooses among them.
//!
//! Ports are read first, effects come last: the jump's target is checked, then memory is written, then the destinations, in
//! the order of the text. So a cycle that traps leaves no trace, and an instruction whose source is its destination reads
//! the old value.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::decode::kind;
use super::expr::{Names, expr, to_cell};
use super::{constant, ident, number};
use crate::ir::{Expr, OpFact, Semantics, Statement, TrapKind, Type};
use crate::model::{ColumnSource, Instruction, Model, Operand, READS, Recorded, WRITES};

/// The function `step` and the instructions' functions.
pub(super) fn step(model: &Model) -> TokenStream {
    let index = record(model, &Recorded::Index, &quote!(index));
    let functions = model.instructions.iter().map(|i| instruction(model, i));
    let calls = calls(model);
    let arms = model.instructions.iter().map(|instruction| {
        let (kind, function) = (kind(instruction), function(instruction));
        quote!(#kind => #function(ports, op, recorder),)
    });
    quote! {
        #[inline(always)]
        fn step<P: Ports, R: Recorder>(
            ports: &mut P,
            op: &Op,
            index: u32,
            recorder: &mut R,
        ) -> Result<Flow, Trap> {
            #index
            match op.kind {
                #(#arms)*
                _ => Err(Trap { cause: TrapCause::Undecodable, value: op.word }),
            }
        }

        #(#functions)*

        #calls
    }
}

pub(super) fn function(instruction: &Instruction) -> proc_macro2::Ident {
    format_ident!("step_{}", instruction.name.replace('.', "_"))
}

/// The function that executes one instruction.
pub fn instruction(model: &Model, instruction: &Instruction) -> TokenStream {
    let name = function(instruction);
    let doc = format!(" `{}`, {}", instruction.name, instruction.source);
    let body = body(model, instruction);
    let inlined = |body: TokenStream| {
        quote! {
            #[doc = #doc]
            #[inline(always)]
            fn #name<P: Ports, R: Recorder>(ports: &mut P, op: &Op, recorder: &mut R) -> Result<Flow, Trap> {
                #body
            }
        }
    };
    if !instruction.semantics.makes_calls() {
        return inlined(body);
    }
    // Calls are seldom, and kept out of the loop over all others. What they give comes through memory; said anew, it
    // does not bring there what the others give.
    let calls = format_ident!("{name}_apart");
    let inlined = inlined(quote! {
        match #calls(ports, op, &mut recorder.row())? {
            Flow::Exit => Ok(Flow::Exit),
            _ => Ok(Flow::Next),
        }
    });
    quote! {
        #inlined

        #[cold]
        #[inline(never)]
        fn #calls<P: Ports, R: Recorder>(ports: &mut P, op: &Op, recorder: &mut R) -> Result<Flow, Trap> {
            #body
        }
    }
}

struct NoNames;

impl Names for NoNames {
    fn column(&self, _column: usize, _ty: Type) -> TokenStream {
        quote!(compile_error!("semantics read no columns"))
    }

    fn fact(&self, _fact: OpFact) -> TokenStream {
        quote!(compile_error!("semantics read no facts"))
    }
}

fn value(e: &Expr) -> TokenStream {
    expr(e, &NoNames)
}

/// The functions of calls: which variant is the case, and what each does.
fn calls(model: &Model) -> TokenStream {
    let mut variant = 0u32;
    let mut functions = TokenStream::new();
    for call in &model.calls {
        let first = variant;
        variant += call.variants.len() as u32;
        let name = format_ident!("call_{}", ident(&call.name));
        let doc = format!(" The call `{}`: the variant that is the case.", call.name);
        let mut read = [Operand::None; READS.len()];
        let mut names: Vec<&Statement> = Vec::new();
        let mut cases = TokenStream::new();
        for (at, one) in call.variants.iter().enumerate() {
            for (port, operand) in one.reads.into_iter().enumerate() {
                if operand == Operand::None || operand == read[port] {
                    continue;
                }
                // What was named by another register's value is named anew.
                if std::mem::replace(&mut read[port], operand) != Operand::None {
                    names.clear();
                }
                let (name, register) = (ident(READS[port]), register(READS[port], operand));
                cases.extend(quote!(let #name = ports.register(#register);));
            }
            let mut requires = Vec::new();
            for statement in &one.semantics.statements {
                match statement {
                    Statement::Require(condition) => requires.push(condition),
                    Statement::Let(name, e) if requires.is_empty() && !names.contains(&statement) => {
                        let (variable, rust) = (ident(&format!("v_{name}")), value(e));
                        cases.extend(quote!(let #variable = #rust;));
                        names.push(statement);
                    }
                    _ => {}
                }
            }
            let function = format_ident!("case_{}", one.name.replace('.', "_"));
            // The number is known, and of all variants one is the case.
            let is_last = at + 1 == call.variants.len();
            let conditions: Vec<TokenStream> = requires.into_iter().skip(1).map(value).collect();
            cases.extend(match is_last || conditions.is_empty() {
                true => quote!(return #function(ports, op, recorder);),
                false => quote!(if #(#conditions)&&* { return #function(ports, op, recorder); }),
            });
            let index = number(first + at as u32);
            let index = record(model, &Recorded::Index, &quote!(op.imm + #index));
            let (body, doc) = (body(model, one), format!(" `{}`, {}", one.name, one.source));
            functions.extend(quote! {
                #[doc = #doc]
                #[inline(always)]
                fn #function<P: Ports, R: Recorder>(ports: &mut P, op: &Op, recorder: &mut R) -> Result<Flow, Trap> {
                    #index
                    #body
                }
            });
        }
        functions.extend(quote! {
            #[doc = #doc]
            #[inline(never)]
            fn #name<P: Ports, R: Recorder>(ports: &mut P, op: &Op, recorder: &mut R) -> Result<Flow, Trap> {
                #cases
            }
        });
    }
    functions
}

fn body(model: &Model, instruction: &Instruction) -> TokenStream {
    let semantics = &instruction.semantics;
    if let Some(number) = semantics.called().map(value) {
        let (reads, names) = (reads(model, instruction), model.calls.iter());
        let arms = names.map(|call| {
            let (of, name) = (self::number(call.number), format_ident!("call_{}", ident(&call.name)));
            quote!(#of => #name(ports, op, recorder),)
        });
        return quote! {
            #reads
            match #number {
                #(#arms)*
                number => Err(Trap { cause: TrapCause::CallRefused, value: number }),
            }
        };
    }
    let reads = reads(model, instruction);
    let values = semantics.statements.iter().map(|statement| in_order(model, semantics, statement));
    let jump = semantics.statements.iter().find_map(|statement| match statement {
        Statement::Jump { condition, target } => Some((condition, target)),
        _ => None,
    });
    let jump_check =
        jump.map(|(condition, target)| jump_check(model, instruction, condition.as_ref(), target));
    let stores = semantics.statements.iter().map(|statement| store(model, statement));
    let outputs = semantics.statements.iter().map(output);
    let writes = writes(model, instruction);
    if semantics.always_traps() {
        return quote!(#reads #(#values)*);
    }
    let flow = flow(model, semantics, jump.map(|(condition, _)| condition.is_some()));
    quote! {
        #reads
        #(#values)*
        #jump_check
        #(#stores)*
        #(#outputs)*
        #writes
        #flow
    }
}

/// Reads the ports that the semantics use.
fn reads(model: &Model, instruction: &Instruction) -> TokenStream {
    let reads = instruction.reads.iter().enumerate().filter(|(_, read)| **read != Operand::None);
    let reads = reads.map(|(port, read)| {
        let name = ident(READS[port]);
        let register = register(READS[port], *read);
        let record = record(model, &Recorded::Read(port), &quote!(#name));
        quote! {
            let #name = ports.register(#register);
            #record
        }
    });
    quote!(#(#reads)*)
}

/// The number of the register that a port has. Those of rd, rs1 and rs2 are in the predecoded instruction.
fn register(port: &str, operand: Operand) -> TokenStream {
    match operand {
        Operand::Fixed(register) => {
            let register = number(register);
            quote!(#register)
        }
        _ if ["rd", "rs1", "rs2"].contains(&port) => {
            let port = ident(port);
            quote!(op.#port)
        }
        Operand::Field(bits) => {
            let (lo, mask) = (number(bits.lo), number(bits.mask() >> bits.lo));
            quote!((op.word >> #lo & #mask) as u8)
        }
        Operand::None => quote!(0),
    }
}

/// What is evaluated where it stands: names, loads, calls, traps.
fn in_order(model: &Model, semantics: &Semantics, statement: &Statement) -> TokenStream {
    match statement {
        Statement::Let(name, e) => {
            let (variable, rust) = (ident(&format!("v_{name}")), value(e));
            let cell = to_cell(quote!(#variable), e.ty);
            let record = record(model, &Recorded::Local(name.clone()), &cell);
            quote! {
                let #variable = #rust;
                #record
            }
        }
        Statement::Load { bits, address } => {
            let (address, bytes) = (value(address), number(*bits / 8));
            // Of a load and a store the store's record has the word before and after.
            let alone = !semantics.updates();
            let record = alone.then(|| {
                let access = access(model, &quote!(loaded));
                let writable =
                    record(model, &Recorded::MemWritable, &quote!(Word::from(ports.writable(address))));
                // What nothing records is not asked for.
                let writable = (!writable.is_empty()).then(|| quote!(if R::RECORDS { #writable }));
                quote!(#access #writable)
            });
            quote! {
                let address = #address;
                let loaded = ports.load(address, #bytes)?;
                #record
            }
        }
        Statement::Input { stream, left, count } => {
            let (stream, left, count) = (number(*stream), value(left), value(count));
            let record = record(model, &Recorded::Input, &quote!(taken));
            quote! {
                let taken = ports.input(#stream, #left, #count)?;
                #record
            }
        }
        Statement::Trap { condition, cause } => {
            let cause = match cause {
                TrapKind::Breakpoint => quote!(TrapCause::Breakpoint),
                TrapKind::Undecodable => quote!(TrapCause::Undecodable),
            };
            let trap = quote!(Err(Trap { cause: #cause, value: op.word }));
            match condition {
                Some(condition) => {
                    let condition = value(condition);
                    quote!(if #condition { return #trap; })
                }
                None => trap,
            }
        }
        Statement::Write(..)
        | Statement::Store { .. }
        | Statement::Jump { .. }
        | Statement::Call { .. }
        | Statement::Require(_)
        | Statement::Output { .. }
        | Statement::Exit(_) => TokenStream::new(),
    }
}

/// Records the word of memory that was accessed.
fn access(model: &Model, access: &TokenStream) -> TokenStream {
    let address = record(model, &Recorded::MemAddress, &quote!(address));
    let before = record(model, &Recorded::MemBefore, &quote!(#access.before));
    let after = record(model, &Recorded::MemAfter, &quote!(#access.after));
    quote!(#address #before #after)
}

/// The jump's condition and target, and the traps: a target that is not aligned to a word; or, where the word alone
/// does not state it, a jump to itself that changes nothing. The machine finds the stated ones when it makes its code table.
fn jump_check(
    model: &Model,
    instruction: &Instruction,
    condition: Option<&Expr>,
    target: &Expr,
) -> TokenStream {
    let only_jumps = !instruction
        .semantics
        .statements
        .iter()
        .any(|statement| matches!(statement, Statement::Store { .. }));
    let stated = instruction.semantics.states(target);
    let target = value(target);
    let condition = condition.map(value);
    let taken = condition.as_ref().map(|_| quote!(jumps &&));
    let condition = condition.map(|condition| quote!(let jumps = #condition;));
    let to_itself = (only_jumps && !stated).then(|| {
        let zero = number(model.zero);
        let writes = WRITES.into_iter().zip(instruction.writes).filter(|(_, to)| *to != Operand::None);
        let writes = writes.map(|(name, to)| register(name, to));
        quote! {
            if #taken target == op.pc #(&& #writes == #zero)* {
                return Err(Trap { cause: TrapCause::SelfJump, value: target });
            }
        }
    });
    quote! {
        #condition
        let target = #target;
        if #taken target % 4 != 0 {
            return Err(Trap { cause: TrapCause::MisalignedTarget, value: target });
        }
        #to_itself
    }
}

fn store(model: &Model, statement: &Statement) -> TokenStream {
    let Statement::Store { bits, address, value: stored } = statement else { return TokenStream::new() };
    let (address, stored, bytes) = (value(address), value(stored), number(*bits / 8));
    let record = [access(model, &quote!(stored)), record(model, &Recorded::MemWritable, &quote!(1))];
    quote! {
        let address = #address;
        let stored = ports.store(address, #bytes, #stored)?;
        #(#record)*
    }
}

fn output(statement: &Statement) -> TokenStream {
    let Statement::Output { stream, position, count, value: bytes } = statement else {
        return TokenStream::new();
    };
    let (stream, position) = (number(*stream), value(position));
    let (count, bytes) = (value(count), value(bytes));
    quote!(ports.output(#stream, #position, #count, #bytes)?;)
}

/// The destinations: what they are to have is known, and what they had recorded, before one is written.
fn writes(model: &Model, instruction: &Instruction) -> TokenStream {
    let (mut values, mut effects) = (TokenStream::new(), TokenStream::new());
    for statement in &instruction.semantics.statements {
        let Statement::Write(port, e) = statement else { continue };
        let operand = instruction.writes[*port];
        if operand == Operand::None {
            continue;
        }
        let (name, written) = (ident(WRITES[*port]), value(e));
        let register = register(WRITES[*port], operand);
        let before = record(model, &Recorded::RdBefore(*port), &quote!(ports.register(#register)));
        let after = record(model, &Recorded::RdValue(*port), &quote!(#name));
        values.extend(quote! {
            let #name = #written;
            #before
            #after
        });
        effects.extend(quote!(ports.set_register(#register, #name);));
    }
    quote!(#values #effects)
}

/// Where execution goes, recorded.
///
/// `jump` says whether there is a jump, and whether it is conditional.
fn flow(model: &Model, semantics: &Semantics, jump: Option<bool>) -> TokenStream {
    let next = record(model, &Recorded::NextPc, &quote!(op.pc.wrapping_add(4)));
    let next = quote! {
        #next
        Ok(Flow::Next)
    };
    let code = semantics.statements.iter().find_map(|statement| match statement {
        Statement::Exit(code) => Some(value(code)),
        _ => None,
    });
    let target = record(model, &Recorded::NextPc, &quote!(target));
    match jump {
        Some(true) => {
            return quote! {
                if jumps {
                    #target
                    return Ok(Flow::Jump(target));
                }
                #next
            };
        }
        Some(false) => {
            return quote! {
                #target
                Ok(Flow::Jump(target))
            };
        }
        None => {}
    }
    if let Some(code) = code {
        let none = record(model, &Recorded::NextPc, &quote!(0));
        return quote! {
            #none
            ports.exit(#code);
            Ok(Flow::Exit)
        };
    }
    next
}

/// Records a value in the columns that want it.
fn record(model: &Model, source: &Recorded, value: &TokenStream) -> TokenStream {
    let columns = model.columns.iter().filter(|column| match &column.source {
        ColumnSource::Recorded(sources) => sources.contains(source),
        ColumnSource::Derived(_) => false,
    });
    let records = columns.map(|column| {
        let column = constant(&column.name);
        quote!(recorder.record::<{ column::#column }>(#value);)
    });
    quote!(#(#records)*)
}
