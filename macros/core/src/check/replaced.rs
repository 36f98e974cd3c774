//! Instructions that take the place of their special cases: that they match every word of them, and do the same there.
//!
//! In: all instructions. Out: those that are left, and those that were replaced, each with a pseudo-instruction of its text.

use super::encoding::OPERANDS;
use super::{find, pseudo};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::bits::{Diagrams, FALSE, Leaves, Node, TRUE, Value};
use crate::ir::{Expr, Statement, TrapKind};
use crate::model::{AsmPiece, Bits, Immediate, Instruction, Operand, Pseudo, WRITES};
use crate::parse::{Tables, Text};

/// An instruction that was replaced.
pub(super) struct Replaced {
    pub(super) special: Instruction,
    /// The name of what has its place.
    pub(super) general: String,
    /// What its text still stands for, if the general instruction's can say it.
    pub(super) pseudo: Option<Pseudo>,
}

/// Takes the special cases out of `instructions`. That they are special cases is shown if nothing else is wrong: an
/// instruction in error has no meaning to compare.
pub(super) fn replace(
    tables: &Tables,
    instructions: &mut Vec<Instruction>,
    registers: &[String],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Replaced> {
    let is_sound = errors.is_empty();
    let mut replaced: Vec<(usize, usize, &Text)> = Vec::new();
    for table in tables.instructions.iter().filter(|table| !table.replaces.is_empty()) {
        let Some(general) = instructions.iter().position(|known| known.name == table.name.value) else {
            continue;
        };
        for name in &table.replaces {
            let names = instructions.iter().map(|instruction| instruction.name.as_str());
            let Some(special) = find((Code::UnknownInstruction, "instruction"), name, names, errors) else {
                continue;
            };
            let circle = std::iter::successors(Some(general), |at| {
                replaced.iter().find(|(special, ..)| special == at).map(|(_, general, _)| *general)
            });
            let mistake = if circle.take(replaced.len() + 1).any(|at| at == special) {
                Some("would take its own place".to_owned())
            } else if let Some((_, other, _)) = replaced.iter().find(|(known, ..)| *known == special) {
                let other = &instructions[*other].name;
                Some(format!("cannot take a place that `{other}` has taken"))
            } else {
                None
            };
            match mistake {
                Some(mistake) => errors.push(
                    Diagnostic::new(
                        Code::NotASpecialCase,
                        &name.span,
                        format!("`{}` {mistake}", table.name.value),
                    )
                    .hint("leave it out: an instruction is replaced by one other that is more general"),
                ),
                None => replaced.push((special, general, name)),
            }
        }
    }
    for (special, general, name) in &replaced {
        let (special, general) = (&instructions[*special], &instructions[*general]);
        if is_sound
            && special.is_fixed
            && general.is_fixed
            && let Err(mistake) = is_special_case(special, general, registers)
        {
            errors.push(
                Diagnostic::new(Code::NotASpecialCase, &name.span, mistake.message)
                    .label("said to be a special case")
                    .other(&special.span, format!("`{}`", special.name))
                    .hint(mistake.hint),
            );
        }
    }
    let root = |special: usize| {
        let next =
            |at: &usize| replaced.iter().find(|(special, ..)| special == at).map(|(_, general, _)| *general);
        std::iter::successors(Some(special), next).last().unwrap_or(special)
    };
    let found = replaced.iter().map(|(special, ..)| {
        let (special, general) = (&instructions[*special], &instructions[root(*special)]);
        let pseudo = pseudo(special, general, registers);
        Replaced { special: special.clone(), general: general.name.clone(), pseudo }
    });
    let found: Vec<Replaced> = found.collect();
    instructions.retain(|known| found.iter().all(|replaced| replaced.special.name != known.name));
    found
}

/// The special case's text as a pseudo-instruction: the general one's, with the operands that the words have in common,
/// and the values of those that only the special case fixes. None if one of them cannot be written.
fn pseudo(special: &Instruction, general: &Instruction, registers: &[String]) -> Option<Pseudo> {
    let operand = |piece: &AsmPiece, of: &Instruction| match piece {
        AsmPiece::Register(name) => of.field(name),
        _ => None,
    };
    let fixed = |bits: Bits| {
        (special.mask & bits.mask() == bits.mask()).then(|| (special.bits & bits.mask()) >> bits.lo)
    };
    let is_free = |imm: &Immediate| imm.pieces.iter().all(|(bits, _)| special.mask & bits.mask() == 0);
    let expanded = |piece: &AsmPiece| match piece {
        AsmPiece::Text(text) => Some(text.clone()),
        AsmPiece::Register(_) => {
            let bits = operand(piece, general)?;
            let same = special.asm.iter().find(|known| operand(known, special) == Some(bits));
            match same {
                Some(known) => Some(pseudo::written(std::slice::from_ref(known))),
                None => registers.get(fixed(bits)? as usize).cloned(),
            }
        }
        AsmPiece::Imm | AsmPiece::UpperImm(_) | AsmPiece::Target => {
            let imm = general.format.imm.as_ref()?;
            if special.format.imm.as_ref() == Some(imm) && is_free(imm) && special.asm.contains(piece) {
                let name = if *piece == AsmPiece::Target { "{target}" } else { "{imm}" };
                return Some(name.to_owned());
            }
            let parts = imm.pieces.iter().map(|(bits, to)| Some(fixed(*bits)? << to));
            let value = parts.sum::<Option<u32>>()?;
            match piece {
                AsmPiece::Imm if imm.signed && imm.width < 32 => {
                    let excess = 32 - imm.width;
                    Some(((value << excess).cast_signed() >> excess).to_string())
                }
                AsmPiece::Imm => Some(value.cast_signed().to_string()),
                AsmPiece::UpperImm(shift) => Some((value >> shift).to_string()),
                _ => None,
            }
        }
        AsmPiece::Letters(_) => None,
    };
    let expansion: String = general.asm.iter().map(expanded).collect::<Option<_>>()?;
    let named = |piece: &AsmPiece| match piece {
        AsmPiece::UpperImm(_) => "{imm}".to_owned(),
        other => pseudo::written(std::slice::from_ref(other)),
    };
    let operands = special.asm.iter().filter(|piece| !matches!(piece, AsmPiece::Text(_)));
    let operands: Vec<(String, bool)> = operands
        .map(|piece| {
            let is_register = piece.is_register();
            (named(piece).trim_matches(['{', '}']).to_owned(), is_register)
        })
        .collect();
    // An operand that the general instruction shows nowhere would be lost.
    operands.iter().all(|(name, _)| expansion.contains(&format!("{{{name}}}"))).then(|| Pseudo {
        name: special.name.clone(),
        doc: special.doc.clone(),
        asm: special.asm.iter().map(named).collect(),
        operands,
        expansions: vec![expansion],
        fill: false,
    })
}

/// Why an instruction is not shown to be another's special case.
struct Mistake {
    message: String,
    hint: String,
}

fn is_special_case(
    special: &Instruction,
    general: &Instruction,
    registers: &[String],
) -> Result<(), Mistake> {
    let (a, b) = (&special.name, &general.name);
    let word = special.bits | general.bits & !special.mask;
    let clash = (special.bits ^ general.bits) & special.mask & general.mask;
    let missing = general.mask & !special.mask;
    if clash | missing != 0 {
        // Where the special case leaves a bit open that is fixed here, the word with the other value.
        let flipped = if clash == 0 { 1 << missing.trailing_zeros() } else { 0 };
        return Err(Mistake {
            message: format!("`{b}` does not match every word of `{a}`: not {:#010x}", word ^ flipped),
            hint: format!("`{b}` may fix only bits that `{a}` fixes, and to the same values"),
        });
    }
    let mut comparison = Comparison::new(special);
    let verdict = comparison.compare(special, general);
    if comparison.diagrams.is_exhausted() {
        return Err(not_shown(a, b));
    }
    match verdict {
        Verdict::Same => Ok(()),
        Verdict::Effects => Err(Mistake {
            message: format!(
                "`{b}` has other effects than `{a}`: another load, store, call, jump or destination"
            ),
            hint: "both must do the same, in the same order".to_owned(),
        }),
        Verdict::Unknown => Err(not_shown(a, b)),
        Verdict::Differs(..) if !comparison.diagrams.is_exact() => Err(not_shown(a, b)),
        Verdict::Differs(what, function, values) => {
            comparison.mistake(special, general, registers, what, function, values)
        }
    }
}

fn not_shown(special: &str, general: &str) -> Mistake {
    Mistake {
        message: format!("it could not be shown that `{general}` does what `{special}` does on its words"),
        hint: "write both alike where they multiply or divide; of anything else there may be too much to compare".to_owned(),
    }
}

/// What the comparison found.
enum Verdict {
    Same,
    /// They load, store, call, jump, trap or write a register in different ways.
    Effects,
    /// Something else than semantics have.
    Unknown,
    /// What differs, when, and both values; none of a condition.
    Differs(&'static str, Node, Option<(Value, Value)>),
}

/// A register that is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Register {
    Fixed(u32),
    Field(Bits),
}

/// Something that happens in the order of the statements.
enum Step {
    Load(u32, Value),
    Call(Value),
    Trap(Node, TrapKind),
}

/// What an instruction does.
struct Effects {
    steps: Vec<Step>,
    jumps: Node,
    next_pc: Value,
    store: Option<(u32, Value, Value)>,
    /// In the order of the text.
    writes: Vec<(&'static str, Register, Value)>,
}

/// Two instructions on the words of one.
struct Comparison {
    diagrams: Diagrams,
    /// The special case's words: a constant or an input for each bit.
    word: Value,
    pc: Value,
    loaded: Value,
    registers: Vec<(Register, Value)>,
    special: (u32, u32),
}

impl Comparison {
    fn new(special: &Instruction) -> Self {
        let mut diagrams = Diagrams::new();
        let mut word = diagrams.inputs(32);
        for (at, bit) in word.iter_mut().enumerate().filter(|(at, _)| special.mask >> at & 1 == 1) {
            *bit = Node::from(special.bits >> at & 1 == 1);
        }
        let mut pc = diagrams.inputs(32);
        // An instruction's address is a multiple of 4.
        pc[..2].fill(FALSE);
        let loaded = diagrams.inputs(32);
        let special = (special.mask, special.bits);
        Self { diagrams, word, pc, loaded, registers: Vec::new(), special }
    }

    fn register(&self, operand: Operand) -> Option<Register> {
        let (mask, bits) = self.special;
        match operand {
            Operand::None => None,
            Operand::Fixed(number) => Some(Register::Fixed(number.into())),
            Operand::Field(field) if mask & field.mask() == field.mask() => {
                Some(Register::Fixed((bits & field.mask()) >> field.lo))
            }
            Operand::Field(field) => Some(Register::Field(field)),
        }
    }

    fn read(&mut self, operand: Operand) -> Value {
        match self.register(operand) {
            None | Some(Register::Fixed(0)) => vec![FALSE; 32],
            Some(register) => {
                if let Some((_, value)) = self.registers.iter().find(|(known, _)| *known == register) {
                    return value.clone();
                }
                let value = self.diagrams.inputs(32);
                self.registers.push((register, value.clone()));
                value
            }
        }
    }

    fn immediate(&self, imm: Option<&Immediate>) -> Value {
        let mut value = vec![FALSE; 32];
        let Some(imm) = imm else { return value };
        for (from, to) in &imm.pieces {
            for bit in 0..from.width() {
                value[(to + bit) as usize] = self.word[(from.lo + bit) as usize];
            }
        }
        if imm.signed && imm.width > 0 {
            let sign = value[imm.width as usize - 1];
            value[imm.width as usize..].fill(sign);
        }
        value
    }

    fn effects(&mut self, instruction: &Instruction) -> Option<Effects> {
        let mut leaves = Leaves {
            reads: instruction.reads.map(|read| self.read(read)),
            pc: self.pc.clone(),
            imm: self.immediate(instruction.format.imm.as_ref()),
            loaded: self.loaded.clone(),
            taken: Vec::new(),
            writable: Vec::new(),
            locals: std::collections::HashMap::new(),
        };
        let four = Expr::new(crate::ir::ExprKind::Const(4), crate::ir::Type::unsigned(32));
        let pc = Expr::new(crate::ir::ExprKind::Pc, four.ty);
        let sum = crate::ir::ExprKind::Binary(crate::ir::BinaryOp::Add, Box::new(pc), Box::new(four));
        let next_pc = self.diagrams.value(&Expr::new(sum, crate::ir::Type::unsigned(32)), &leaves)?;
        let mut effects =
            Effects { steps: Vec::new(), jumps: FALSE, next_pc, store: None, writes: Vec::new() };
        for statement in &instruction.semantics.statements {
            let diagrams = &mut self.diagrams;
            let mut condition = |condition: &Option<Expr>, leaves: &Leaves| match condition {
                None => Some(TRUE),
                Some(condition) => diagrams.value(condition, leaves)?.first().copied(),
            };
            match statement {
                Statement::Let(name, value) => {
                    let value = diagrams.value(value, &leaves)?;
                    leaves.locals.insert(name.clone(), value);
                }
                Statement::Load { bits, address } => {
                    let address = diagrams.value(address, &leaves)?;
                    effects.steps.push(Step::Load(*bits, address));
                }
                Statement::Call { number } => {
                    effects.steps.push(Step::Call(diagrams.value(number, &leaves)?));
                }
                // A call's alone.
                Statement::Require(_)
                | Statement::Input { .. }
                | Statement::Output { .. }
                | Statement::Exit(_) => {
                    return None;
                }
                Statement::Trap { condition: when, cause } => {
                    let when = condition(when, &leaves)?;
                    if when != FALSE {
                        effects.steps.push(Step::Trap(when, *cause));
                    }
                }
                Statement::Jump { condition: when, target } => {
                    effects.jumps = condition(when, &leaves)?;
                    let target = diagrams.value(target, &leaves)?;
                    effects.next_pc = diagrams.choose_value(effects.jumps, &target, &effects.next_pc);
                }
                Statement::Store { bits, address, value } => {
                    let (address, value) =
                        (diagrams.value(address, &leaves)?, diagrams.value(value, &leaves)?);
                    effects.store = Some((*bits, address, value));
                }
                Statement::Write(port, value) => {
                    let value = diagrams.value(value, &leaves)?;
                    let written = self.register(instruction.writes[*port]);
                    effects.writes.extend(
                        written.filter(|to| *to != Register::Fixed(0)).map(|to| (WRITES[*port], to, value)),
                    );
                }
            }
        }
        Some(effects)
    }

    fn compare(&mut self, special: &Instruction, general: &Instruction) -> Verdict {
        let (Some(a), Some(b)) = (self.effects(special), self.effects(general)) else {
            return Verdict::Unknown;
        };
        // Whether nothing has trapped so far: what would come after a trap does not matter.
        let mut goes_on = TRUE;
        let mut pairs = Vec::new();
        let mut steps = (a.steps.iter(), b.steps.iter());
        loop {
            let diagrams = &mut self.diagrams;
            match (steps.0.next(), steps.1.next()) {
                (None, None) => break,
                (Some(Step::Load(bits, a)), Some(Step::Load(other, b))) if bits == other => {
                    pairs.push(("the address", goes_on, a.clone(), b.clone()));
                }
                (Some(Step::Call(a)), Some(Step::Call(b))) => {
                    pairs.push(("the call's number", goes_on, a.clone(), b.clone()));
                }
                (Some(Step::Trap(a, cause)), Some(Step::Trap(b, other))) if cause == other => {
                    let differ = diagrams.differ(&[*a], &[*b]);
                    let differ = diagrams.and(goes_on, differ);
                    if differ != FALSE {
                        return Verdict::Differs("whether it traps", differ, None);
                    }
                    let not = diagrams.not(*a);
                    goes_on = diagrams.and(goes_on, not);
                    if goes_on == FALSE {
                        break;
                    }
                }
                _ => return Verdict::Effects,
            }
        }
        pairs.push(("the next address", goes_on, a.next_pc, b.next_pc));
        match (a.store, b.store) {
            (None, None) => {}
            (Some(a), Some(b)) if a.0 == b.0 => {
                pairs.push(("the address", goes_on, a.1, b.1));
                pairs.push(("what is stored", goes_on, a.2, b.2));
            }
            _ if goes_on == FALSE => {}
            _ => return Verdict::Effects,
        }
        // In the order of the text: two may be one register.
        if a.writes.iter().map(|(_, to, _)| to).eq(b.writes.iter().map(|(_, to, _)| to)) {
            let both = a.writes.into_iter().zip(b.writes);
            pairs.extend(both.map(|((name, _, a), (.., b))| (name, goes_on, a, b)));
        } else if goes_on != FALSE {
            return Verdict::Effects;
        }
        for (what, when, a, b) in pairs {
            let differ = self.diagrams.differ(&a, &b);
            let differ = self.diagrams.and(when, differ);
            if differ != FALSE {
                return Verdict::Differs(what, differ, Some((a, b)));
            }
        }
        Verdict::Same
    }

    /// A word on which they differ, with the values of what they read.
    fn mistake(
        &self,
        special: &Instruction,
        general: &Instruction,
        names: &[String],
        what: &str,
        differ: Node,
        values: Option<(Value, Value)>,
    ) -> Result<(), Mistake> {
        let Some(inputs) = self.diagrams.example(differ) else { return Ok(()) };
        let (a, b) = (&special.name, &general.name);
        let mut word = self.diagrams.value_in(&self.word, &inputs) as u32;
        let mut read = Vec::new();
        // Registers of their own for those that no bit of the word decides: a0, a1, a2.
        let fields = OPERANDS.into_iter().zip(10u32..);
        for (name, number) in fields {
            let Some(bits) = special.field(name) else { continue };
            let free = self.word[bits.lo as usize..=bits.hi as usize].iter();
            if free.clone().any(|node| inputs.contains_key(&self.diagrams.input_of(*node))) {
                return Err(not_shown(a, b));
            }
            word |= number << bits.lo & !special.mask;
        }
        let pc = self.diagrams.value_in(&self.pc, &inputs);
        if self.pc.iter().any(|node| inputs.contains_key(&self.diagrams.input_of(*node))) {
            read.push(format!("pc = {pc:#x}"));
        }
        for (register, value) in &self.registers {
            let number = match register {
                Register::Fixed(number) => *number,
                Register::Field(bits) => (word & bits.mask()) >> bits.lo,
            };
            let name = names.get(number as usize).map_or("?", String::as_str);
            read.push(format!("{name} = {:#x}", self.diagrams.value_in(value, &inputs)));
        }
        let found = values.map_or_else(
            || format!("{what} differs"),
            |(special, general)| {
                let [special, general] =
                    [special, general].map(|value| self.diagrams.value_in(&value, &inputs));
                format!("{what} is {general:#x}, and not {special:#x}")
            },
        );
        let whereas = if read.is_empty() { String::new() } else { format!(" where {}", read.join(", ")) };
        Err(Mistake {
            message: format!("`{b}` is not `{a}` on the word {word:#010x}: {found}{whereas}"),
            hint: format!(
                "correct the semantics of one of them, or give `{b}` words that `{a}` does not have"
            ),
        })
    }
}
