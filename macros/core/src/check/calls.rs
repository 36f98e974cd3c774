//! Calls of the guest interface: names and numbers; variants typed like instructions; that of every state one is the case.

use std::collections::HashMap;

use super::instruction::{self, ports};
use super::{check_mnemonic, semantics, unique};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::bits::{Diagrams, FALSE, Leaves, Node, TRUE, Value};
use crate::ir::{BinaryOp, Expr, ExprKind, Statement, Type, walk};
use crate::model::{Call, Instruction, Operand, READS};
use crate::parse::{CallTable, Entry, InstructionTable, Tables, VariantTable};
use crate::source::{Sources, Span};

/// The calls, by name.
pub(super) fn calls(
    sources: &Sources,
    tables: &Tables,
    instructions: &[Instruction],
    registers: &[String],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Call> {
    unique("call", tables.calls.iter().map(|call| &call.name), errors);
    for table in &tables.calls {
        check_mnemonic(&table.name, errors);
        unique("variant", table.variants.iter().map(|variant| &variant.name), errors);
        table.variants.iter().for_each(|variant| check_mnemonic(&variant.name, errors));
    }
    let numbers: Vec<Option<u32>> = (0..tables.calls.len()).map(|at| number(tables, at, errors)).collect();
    let makes = |instruction: &&Instruction| instruction.semantics.makes_calls();
    let mut calling = instructions.iter().filter(makes);
    let Some(caller) = calling.next() else {
        if let Some(call) = tables.calls.first() {
            errors.push(
                Diagnostic::new(Code::CallNumber, &call.name.span, "no instruction makes calls")
                    .hint("semantics = \"call(rs1)\" makes the call whose number rs1 has"),
            );
        }
        return Vec::new();
    };
    if let Some(other) = calling.find(|other| other.semantics.statements.len() == 1) {
        errors.push(
            Diagnostic::new(Code::CallNumber, &other.span, "a second instruction makes calls")
                .other(&caller.span, "the first")
                .hint("variants have the registers of the one instruction that makes calls"),
        );
    }
    let Some(table) = tables.instructions.iter().find(|table| table.name.value == caller.name) else {
        return Vec::new();
    };
    let mut calls: Vec<Call> = Vec::new();
    for (call, number) in tables.calls.iter().zip(numbers) {
        let Some(number) = number else { continue };
        let before = errors.len();
        let variants = variants(sources, (call, number), (caller, table), registers, errors);
        // What the variants share is typed for each of them.
        for error in errors.split_off(before) {
            let is_same = |known: &Diagnostic| known.span == error.span && known.message == error.message;
            if !errors[before..].iter().any(is_same) {
                errors.push(error);
            }
        }
        if errors.len() == before {
            unused(call, &variants, errors);
            cases(call, &variants, registers, errors);
            variants.iter().for_each(|variant| streams(variant, registers, errors));
        }
        calls.push(Call {
            name: call.name.value.clone(),
            number,
            arguments: call.arguments.iter().map(|text| text.value.clone()).collect(),
            doc: call.doc.value.clone(),
            variants,
            span: call.name.span.clone(),
        });
    }
    generated(&calls, errors);
    calls.sort_by(|a, b| a.name.cmp(&b.name));
    let kinds = instructions.len() + calls.iter().map(|call| call.variants.len()).sum::<usize>();
    if instructions.len() < usize::from(u8::MAX) && kinds >= usize::from(u8::MAX) {
        errors.push(
            Diagnostic::new(
                Code::TooManyInstructions,
                &tables.name.span,
                format!("{kinds} instructions and variants of calls: a spec has at most 254"),
            )
            .hint("an entry of the code table has one byte for which it is"),
        );
    }
    calls
}

fn number(tables: &Tables, at: usize, errors: &mut Vec<Diagnostic>) -> Option<u32> {
    let table = &tables.calls[at];
    let number = table.number.as_ref().and_then(|number| u32::try_from(number.value).ok());
    let Some(number) = number else {
        let span = table.number.as_ref().map_or(&table.name.span, |number| &number.span);
        errors.push(
            Diagnostic::new(Code::CallNumber, span, "a call needs a number of one word")
                .hint("add `number = …`, below 2^32"),
        );
        return None;
    };
    let same = |other: &&CallTable| other.number.as_ref().is_some_and(|o| o.value == u64::from(number));
    if let (Some(other), Some(place)) = (tables.calls[..at].iter().find(same), &table.number) {
        errors.push(
            Diagnostic::new(
                Code::CallNumber,
                &place.span,
                format!(
                    "calls `{}` and `{}` have the same number {number}",
                    other.name.value, table.name.value
                ),
            )
            .label(format!("`{}`", table.name.value))
            .other(&other.name.span, format!("`{}`", other.name.value))
            .hint("a guest asks for a call by its number"),
        );
    }
    Some(number)
}

fn variants(
    sources: &Sources,
    (call, number): (&CallTable, u32),
    (caller, table): (&Instruction, &InstructionTable),
    registers: &[String],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Instruction> {
    let whole = call.semantics.as_ref().map(|semantics| VariantTable {
        name: call.name.clone(),
        registers: Vec::new(),
        when: Vec::new(),
        semantics: semantics.clone(),
    });
    match (&whole, call.variants.first()) {
        (Some(whole), Some(variant)) => errors.push(
            Diagnostic::new(
                Code::CallVariants,
                &whole.semantics.span,
                "a call with variants does what they say",
            )
            .other(&variant.name.span, "the first variant")
            .hint("leave `semantics` out, or the variants"),
        ),
        (None, None) => errors.push(
            Diagnostic::new(Code::MissingKey, &call.name.span, "this call does nothing")
                .hint("add `semantics = …`, or a [[call.variant]] for each case"),
        ),
        _ => {}
    }
    let Some(asked) = caller.semantics.called().cloned() else { return Vec::new() };
    let names_it = |name: &str| {
        READS.iter().position(|known| *known == name).is_some_and(|port| {
            let mut reads = false;
            walk(&asked, &mut |part| reads |= part.kind == ExprKind::Read(port));
            reads
        })
    };
    let own = call.variants.iter().flat_map(|variant| &variant.registers);
    for Entry { key, .. } in call.registers.iter().chain(own).filter(|entry| names_it(&entry.key.value)) {
        let message = format!("`{}` reads the number of the call", key.value);
        errors.push(
            Diagnostic::new(Code::CallNumber, &key.span, message)
                .hint("read the register through another port"),
        );
    }
    let known = Box::new(Expr::new(ExprKind::Const(number.into()), asked.ty));
    let is_it = Expr::new(ExprKind::Binary(BinaryOp::Eq, Box::new(asked), known), Type::unsigned(1));
    let variants = call.variants.iter().chain(&whole);
    variants
        .map(|variant| {
            // The later stand for the earlier: the instruction's registers, the call's, the variant's.
            let all = table.registers.iter().chain(&call.registers).chain(&variant.registers);
            let bound = InstructionTable { registers: all.cloned().collect(), ..InstructionTable::default() };
            let mut ports = ports(&bound, &caller.format, registers, errors);
            ports.fixed();
            let semantics = semantics::variant((&call.lets, variant), ports, is_it.clone(), errors);
            let name = match call.semantics {
                Some(_) => call.name.value.clone(),
                None => format!("{}.{}", call.name.value, variant.name.value),
            };
            let when: Vec<&str> = variant.when.iter().map(|text| text.value.as_str()).collect();
            let mut instruction = Instruction {
                name,
                doc: call.doc.value.clone(),
                format: caller.format.clone(),
                mask: caller.mask,
                bits: caller.bits,
                is_fixed: caller.is_fixed,
                writes: ports.writes,
                reads: ports.reads,
                asm: caller.asm.clone(),
                semantics_text: variant.semantics.value.clone(),
                when: when.join(" & "),
                semantics,
                written: variant.semantics.clone(),
                span: variant.name.span.clone(),
                source: instruction::place(sources, &variant.name.span),
            };
            if instruction::reread(&mut instruction, ports, errors) {
                accesses(&instruction, variant, errors);
            }
            instruction::leave_idle(&mut instruction);
            instruction
        })
        .collect()
}

/// What generated code names a call or a variant by.
fn generated<'a>(calls: &'a [Call], errors: &mut Vec<Diagnostic>) {
    let names = |of: &mut dyn Iterator<Item = (&'a String, &'a Span)>, errors: &mut Vec<Diagnostic>| {
        let mut seen: Vec<(String, &String, &Span)> = Vec::new();
        for (name, span) in of {
            let rust = name.replace('.', "_");
            if let Some((_, other, first)) =
                seen.iter().find(|(known, other, _)| *known == rust && *other != name)
            {
                errors.push(
                    Diagnostic::new(
                        Code::DuplicateName,
                        span,
                        format!("`{other}` and `{name}` are both `{rust}` in Rust"),
                    )
                    .label("the second")
                    .other(first, "the first")
                    .hint("names of calls and of their variants differ by more than dots and underscores"),
                );
            }
            seen.push((rust, name, span));
        }
    };
    names(&mut calls.iter().map(|call| (&call.name, &call.span)), errors);
    let variants = calls.iter().flat_map(|call| &call.variants);
    names(&mut variants.map(|variant| (&variant.name, &variant.span)), errors);
}

/// Names that no variant uses.
fn unused(call: &CallTable, variants: &[Instruction], errors: &mut Vec<Diagnostic>) {
    for Entry { key, .. } in &call.lets {
        if !variants.iter().any(|variant| variant.locals().any(|(local, _)| local == key.value)) {
            let message = format!("no variant of `{}` uses `{}`", call.name.value, key.value);
            errors.push(Diagnostic::new(Code::UnusedName, &key.span, message).hint("leave it out"));
        }
    }
}

/// Who asks whether memory can be accessed does so: what allows it belongs to the word that a row accesses.
fn accesses(variant: &Instruction, table: &VariantTable, errors: &mut Vec<Diagnostic>) {
    let statements = &variant.semantics.statements;
    let is_access = |s: &Statement| matches!(s, Statement::Load { .. } | Statement::Store { .. });
    let mut asks = false;
    for expr in statements.iter().flat_map(Statement::expressions) {
        walk(expr, &mut |part| asks |= matches!(part.kind, ExprKind::Allows(..)));
    }
    if asks && !statements.iter().any(is_access) {
        let message = format!("`{}` asks whether it may access memory, and does not", variant.name);
        errors.push(
            Diagnostic::new(Code::MisplacedEffect, &table.semantics.span, message)
                .label("no load and no store")
                .hint("access what is asked for, as in let old = load::<32>(address & 0xffff_fffc)"),
        );
    }
}

/// The states in which a call is made, as far as its variants tell them apart.
struct States<'a> {
    registers: &'a [String],
    diagrams: Diagrams,
    /// By register.
    values: Vec<(u8, Value)>,
    /// The instruction's address, if something is asked of it.
    pc: Option<Value>,
    /// Addresses that stores are or are not allowed at, each with the input that says so.
    writable: Vec<(Value, Node)>,
    /// Ports that something is asked of, each with a register that it reads.
    asked: Vec<(usize, u8)>,
}

impl<'a> States<'a> {
    fn new(registers: &'a [String]) -> Self {
        let values = vec![(0, vec![FALSE; 32])];
        Self {
            registers,
            diagrams: Diagrams::new(),
            values,
            pc: None,
            writable: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// What a variant's expressions see.
    fn leaves(&mut self, variant: &Instruction) -> Leaves {
        for expr in own(variant).flat_map(Statement::expressions) {
            walk(expr, &mut |part| {
                if part.kind == ExprKind::Pc {
                    self.pc.get_or_insert_with(|| self.diagrams.inputs(32));
                }
                if let ExprKind::Read(port) = part.kind
                    && let Operand::Fixed(register) = variant.reads[port]
                    && !self.asked.contains(&(port, register))
                {
                    self.asked.push((port, register));
                }
            });
        }
        self.asked.sort_unstable();
        let none = vec![FALSE; 32];
        let reads = variant.reads.map(|operand| match operand {
            Operand::Fixed(register) => self.value(register),
            _ => none.clone(),
        });
        Leaves {
            reads,
            pc: self.pc.clone().unwrap_or_else(|| none.clone()),
            imm: none.clone(),
            loaded: none.clone(),
            taken: none,
            writable: Vec::new(),
            locals: HashMap::new(),
        }
    }

    fn value(&mut self, register: u8) -> Value {
        if let Some((_, value)) = self.values.iter().find(|(known, _)| *known == register) {
            return value.clone();
        }
        let value = self.diagrams.inputs(32);
        self.values.push((register, value.clone()));
        value
    }

    /// Takes note of what an expression asks of the policy, and gives its bits.
    fn bits(&mut self, expr: &Expr, leaves: &mut Leaves) -> Option<Value> {
        let mut asked = Vec::new();
        walk(expr, &mut |part| {
            if let ExprKind::Allows(true, address) = &part.kind {
                asked.push((**address).clone());
            }
        });
        for address in asked {
            let address = self.diagrams.value(&address, leaves)?;
            if self.writable.iter().all(|(known, _)| *known != address) {
                let bit = self.diagrams.inputs(1)[0];
                self.writable.push((address, bit));
            }
        }
        leaves.writable.clone_from(&self.writable);
        self.diagrams.value(expr, leaves)
    }

    /// Where a call is this variant.
    fn condition(&mut self, variant: &Instruction, leaves: &mut Leaves) -> Option<Node> {
        let mut all = TRUE;
        for statement in own(variant) {
            match statement {
                Statement::Let(name, value) => {
                    let value = self.bits(value, leaves)?;
                    leaves.locals.insert(name.clone(), value);
                }
                Statement::Require(condition) => {
                    let holds = self.bits(condition, leaves)?;
                    all = self.diagrams.and(all, holds[0]);
                }
                _ => break,
            }
        }
        Some(all)
    }

    /// Where a statement moves bytes that there are not; what is loaded and taken may be any.
    fn mistaken(&mut self, statement: &Statement, leaves: &mut Leaves) -> Option<Node> {
        let word = |value| Expr::new(ExprKind::Const(value), Type::unsigned(32));
        let is = |op, a: &Expr, b: &Expr| {
            Expr::new(ExprKind::Binary(op, Box::new(a.clone()), Box::new(b.clone())), Type::unsigned(1))
        };
        let or = |a: Expr, b: Expr| is(BinaryOp::Or, &a, &b);
        let none_or_many =
            |count: &Expr| or(is(BinaryOp::Eq, count, &word(0)), is(BinaryOp::Gt, count, &word(4)));
        let mistaken = match statement {
            Statement::Let(name, value) => {
                let value = self.bits(value, leaves)?;
                leaves.locals.insert(name.clone(), value);
                return Some(FALSE);
            }
            Statement::Load { bits, .. } => {
                leaves.loaded = self.diagrams.inputs(*bits);
                return Some(FALSE);
            }
            Statement::Input { left, count, .. } => {
                leaves.taken = Vec::new();
                for byte in 0..4 {
                    let is_taken = self.bits(&is(BinaryOp::Gt, count, &word(byte)), leaves)?[0];
                    for bit in self.diagrams.inputs(8) {
                        leaves.taken.push(self.diagrams.and(is_taken, bit));
                    }
                }
                or(none_or_many(count), is(BinaryOp::Lt, left, count))
            }
            Statement::Output { count, value, .. } => (1..4).fold(none_or_many(count), |mistaken, bytes| {
                let more = is(BinaryOp::Gt, value, &word((1 << (8 * bytes)) - 1));
                or(mistaken, is(BinaryOp::And, &is(BinaryOp::Eq, count, &word(bytes)), &more))
            }),
            _ => return Some(FALSE),
        };
        self.bits(&mistaken, leaves).map(|bits| bits[0])
    }

    /// A state in which something holds, in the words of errors.
    fn example(&self, holds: Node) -> String {
        let example = self.diagrams.example(holds).unwrap_or_default();
        let known = self.asked.iter().filter_map(|(port, register)| {
            let (_, value) = self.values.iter().find(|(known, _)| known == register)?;
            let is_one = self.asked.iter().filter(|(other, _)| other == port).count() == 1;
            let name = if is_one { READS[*port] } else { self.registers.get(usize::from(*register))? };
            Some(format!("{name} = {:#x}", self.diagrams.value_in(value, &example)))
        });
        let mut words: Vec<String> = known.collect();
        words.extend(self.pc.iter().map(|pc| format!("pc = {:#x}", self.diagrams.value_in(pc, &example))));
        let refused = |(_, bit): &&(Value, Node)| self.diagrams.value_in(&[*bit], &example) == 0;
        words.extend(self.writable.iter().find(refused).map(|_| "a store is refused".to_owned()));
        if words.is_empty() { "registers have any values".to_owned() } else { words.join(", ") }
    }
}

/// A variant's statements without the first condition, which says which call it is.
fn own(variant: &Instruction) -> impl Iterator<Item = &Statement> {
    let mut is_first = true;
    let statements = variant.semantics.statements.iter();
    statements.filter(move |s| !(matches!(s, Statement::Require(_)) && std::mem::take(&mut is_first)))
}

/// Of every state one variant is the case: no two are, and some is. It moves bytes that there are.
fn cases(call: &CallTable, variants: &[Instruction], registers: &[String], errors: &mut Vec<Diagnostic>) {
    let mut states = States::new(registers);
    let mut known = Vec::new();
    for variant in variants {
        let mut leaves = states.leaves(variant);
        known.push(states.condition(variant, &mut leaves).map(|condition| (condition, leaves)));
    }
    let error =
        |code, span: &Span, message: String, hint: &str| Diagnostic::new(code, span, message).hint(hint);
    let comparable = "compare sums and differences of registers with each other and with numbers";
    let known: Option<Vec<(Node, Leaves)>> = known.into_iter().collect();
    let Some(known) = known.filter(|_| states.diagrams.is_exact()) else {
        let message = format!("the conditions of the variants of `{}` cannot be compared", call.name.value);
        return errors.push(error(Code::CallVariants, &call.name.span, message, comparable));
    };
    let before = errors.len();
    let mut none_holds = TRUE;
    for (at, (condition, _)) in known.iter().enumerate() {
        let first = &variants[at];
        if *condition == FALSE {
            let message = format!("`{}` is never the case", first.name);
            errors.push(error(
                Code::CallVariants,
                &first.span,
                message,
                "its conditions exclude each other: leave it out",
            ));
        }
        for (second, (other, _)) in variants.iter().zip(&known).skip(at + 1) {
            let both = states.diagrams.and(*condition, *other);
            if both != FALSE {
                let example = states.example(both);
                let message =
                    format!("`{}` and `{}` are both the case where {example}", first.name, second.name);
                errors.push(
                    Diagnostic::new(Code::CallVariants, &second.span, message)
                        .label("the second")
                        .other(&first.span, "the first")
                        .hint("of every state one variant is the case: add a condition to one of them"),
                );
            }
        }
        let not = states.diagrams.not(*condition);
        none_holds = states.diagrams.and(none_holds, not);
    }
    if none_holds != FALSE {
        let message =
            format!("no variant of `{}` is the case where {}", call.name.value, states.example(none_holds));
        let hint = "of every state one variant is the case: add one, or leave a condition out";
        errors.push(error(Code::CallVariants, &call.name.span, message, hint));
    }
    if states.diagrams.is_exhausted() {
        // What came of it means nothing.
        errors.truncate(before);
        let message =
            format!("the conditions of the variants of `{}` are too large to compare", call.name.value);
        errors.push(error(Code::CallVariants, &call.name.span, message, comparable));
    }
}

/// A variant moves bytes that there are, wherever it is the case.
fn streams(variant: &Instruction, registers: &[String], errors: &mut Vec<Diagnostic>) {
    let is_moved = |s: &Statement| matches!(s, Statement::Input { .. } | Statement::Output { .. });
    if !variant.semantics.statements.iter().any(is_moved) {
        return;
    }
    let mut states = States::new(registers);
    let mut leaves = states.leaves(variant);
    let Some(condition) = states.condition(variant, &mut leaves) else { return };
    for statement in &variant.semantics.statements {
        let (what, hint) = match statement {
            Statement::Output { .. } => (
                "puts out no byte, more than four, or more than it counts",
                "a call puts out 1 to 4 bytes, and nothing above them: zext::<32>(value[0..8]) is one byte",
            ),
            _ => (
                "takes no byte, more than four, or more than are left",
                "a call takes 1 to 4 bytes, and no more than are left: add a condition",
            ),
        };
        let mistaken = states.mistaken(statement, &mut leaves);
        let mistaken = mistaken.map(|mistaken| states.diagrams.and(condition, mistaken));
        let message = match mistaken.filter(|_| !states.diagrams.is_exhausted()) {
            Some(FALSE) => continue,
            Some(mistaken) => format!("`{}` {what}, where {}", variant.name, states.example(mistaken)),
            None => format!("it is not shown that `{}` never {what}", variant.name),
        };
        errors.push(Diagnostic::new(Code::CallStream, &variant.written.span, message).hint(hint));
    }
}
