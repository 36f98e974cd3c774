//! Any word, at any address, with any registers: the generated decoder against a decoder that is a loop over the spec's data,
//! the generated executor against the IR's own meaning, the fast pass's step against the recorded one, disassembler against
//! assembler.
//!
//! From the input: the word, its address, the word of memory, eight of the registers.

use std::cell::RefCell;
use std::sync::LazyLock;

use retrace::asm::{Layout, assemble, disassemble, encode};
use retrace::isa::{
    Access, Columns, Flow, IN_TREE, Instruction, Isa, Op, OperandKind, Ports, Recorder, Rv32imZbb, Trap,
    TrapCause, Word,
};
use retrace_codegen::ir::{Environment, Expr, OpFact, Statement, TrapKind, eval};
use retrace_codegen::{Model, Sources, compile, model};

use super::Bytes;

pub fn target(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let word = bytes.word();
    let pc = bytes.word() & !3;
    let machine = OneStep::new(&mut bytes);
    // To make the assembler's tables takes a hundred times the rest.
    let reads_text = bytes.byte() % 16 == 1;
    let op = Rv32imZbb::decode(word, pc);
    assert_eq!(op, decode(word, pc), "{word:#010x}");
    if let Some(instruction) = Rv32imZbb::SPEC.instruction(op.kind) {
        round_trip(&op, instruction);
        if reads_text {
            text_round_trip(&op);
        }
        execute(&op, instruction, &machine);
    } else {
        let flow = Rv32imZbb::step(&mut machine.clone(), &op, 1, &mut ());
        assert_eq!(flow.map_err(|trap| trap.cause), Err(TrapCause::Undecodable));
    }
}

/// Decodes by the spec's data, instruction by instruction and bit by bit.
fn decode(word: u32, pc: Word) -> Op {
    let none = Op { word, pc, ..Op::default() };
    let matches =
        |one: &Instruction| (0..32).all(|bit| bit_of(word & one.mask, bit) == bit_of(one.bits, bit));
    let Some(at) = Rv32imZbb::SPEC.instructions.iter().position(matches) else { return none };
    let mut op = Op { kind: at as u8 + 1, ..none };
    let instruction = &Rv32imZbb::SPEC.instructions[at];
    for operand in instruction.operands {
        let number = match operand.kind {
            OperandKind::Register { field, .. } => bits(word, field.hi, field.lo) as u8,
            OperandKind::FixedRegister { number, .. } => number,
            OperandKind::Immediate(imm) => {
                let mut value = 0;
                for (from, to) in imm.pieces {
                    for bit in from.lo..=from.hi {
                        value |= bit_of(word, bit) << (to + bit - from.lo);
                    }
                }
                if imm.signed && bit_of(value, imm.width - 1) == 1 {
                    (imm.width..32).for_each(|bit| value |= 1 << bit);
                }
                op.imm = value;
                continue;
            }
            OperandKind::Letters { .. } => continue,
        };
        match operand.name {
            // What a call reads beside its number, and writes, its variants' entries have.
            "rd" | "rs2" if instruction.effects.call => {}
            "rd" => op.rd = number,
            "rs1" => op.rs1 = number,
            "rs2" => op.rs2 = number,
            _ => {}
        }
    }
    op
}

fn bit_of(word: u32, bit: u8) -> u32 {
    word >> bit & 1
}

fn bits(word: u32, hi: u8, lo: u8) -> u32 {
    (lo..=hi).map(|bit| bit_of(word, bit) << (bit - lo)).sum()
}

/// The operands lead back to the word, but for bits that it ignores.
fn round_trip(op: &Op, instruction: &Instruction) {
    let values: Vec<Word> = instruction.values(op.word).collect();
    let encoded = encode(instruction, &values).unwrap_or_else(|error| panic!("{:#010x}: {error}", op.word));
    assert_eq!(encoded & instruction.mask, instruction.bits);
    assert_eq!(instruction.values(encoded).collect::<Vec<_>>(), values);
}

/// So does the text.
fn text_round_trip(op: &Op) {
    let text = disassemble::<Rv32imZbb>(op);
    let assembled = assemble::<Rv32imZbb>(&text, Layout { code: op.pc, data: 0x200_0000 });
    let words = assembled.unwrap_or_else(|errors| panic!("{:#010x}: {errors}", op.word)).code.words();
    let again: Vec<Op> = words.iter().map(|word| Rv32imZbb::decode(*word, op.pc)).collect();
    let [again] = again[..] else { panic!("{text} is {} words", again.len()) };
    assert_eq!(Op { word: op.word, ..again }, *op, "{text}");
}

/// Everything that a step asked for, in order, and how it ended.
#[derive(Clone, Debug, Default, PartialEq)]
struct Done {
    flow: Option<Result<Flow, Trap>>,
    load: Option<(Word, Word)>,
    store: Option<(Word, Word, Word)>,
    written: Vec<(u8, Word)>,
}

/// A machine of one instruction.
#[derive(Clone)]
struct OneStep {
    registers: [Word; 32],
    memory: Word,
    done: Done,
}

impl OneStep {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let memory = bytes.word();
        let values: [Word; 8] = std::array::from_fn(|_| bytes.word());
        let mut registers: [Word; 32] = std::array::from_fn(|at| values[at % 8].rotate_left(at as u32 / 8));
        registers[0] = 0;
        Self { registers, memory, done: Done::default() }
    }

    /// The word at the address, its place in it, and a mask; or the trap of an access that no machine makes.
    fn place(address: Word, bytes: Word, causes: [TrapCause; 2]) -> Result<(Word, Word), Trap> {
        let [misaligned, null] = causes;
        let trap = |cause| Trap { cause, value: address };
        if !address.is_multiple_of(bytes) {
            return Err(trap(misaligned));
        }
        if address < 0x1000 {
            return Err(trap(null));
        }
        Ok((address % 4 * 8, Word::MAX >> (32 - 8 * bytes)))
    }
}

impl Ports for OneStep {
    fn register(&self, register: u8) -> Word {
        self.registers[usize::from(register)]
    }

    fn set_register(&mut self, register: u8, value: Word) {
        self.done.written.push((register, value));
    }

    fn load(&mut self, address: Word, bytes: Word) -> Result<Access, Trap> {
        let (shift, mask) = Self::place(address, bytes, [TrapCause::MisalignedLoad, TrapCause::NullLoad])?;
        self.done.load = Some((address, bytes));
        let before = self.memory;
        Ok(Access { value: before >> shift & mask, before, after: before })
    }

    fn store(&mut self, address: Word, bytes: Word, value: Word) -> Result<Access, Trap> {
        let (shift, mask) = Self::place(address, bytes, [TrapCause::MisalignedStore, TrapCause::NullStore])?;
        let before = self.memory;
        let after = before & !(mask << shift) | (value & mask) << shift;
        self.done.store = Some((address, bytes, after));
        Ok(Access { value: value & mask, before, after })
    }

    fn readable(&self, _address: Word) -> bool {
        true
    }

    fn writable(&self, _address: Word) -> bool {
        true
    }

    fn input(&mut self, _stream: u8, _left: Word, _count: Word) -> Result<Word, Trap> {
        unreachable!("calls are no instructions' semantics")
    }

    fn output(&mut self, _stream: u8, _position: Word, _count: Word, _bytes: Word) -> Result<(), Trap> {
        unreachable!("calls are no instructions' semantics")
    }

    fn exit(&mut self, _code: Word) {}
}

thread_local! {
    static COLUMNS: RefCell<Columns> = RefCell::new(Columns::new(Rv32imZbb::SPEC.stored));
}

fn execute(op: &Op, instruction: &Instruction, machine: &OneStep) {
    // What a call does is no instruction's semantics.
    if instruction.effects.call {
        return;
    }
    let step = |recorder: Option<&mut Columns>| {
        let mut ports = machine.clone();
        let flow = match recorder {
            Some(columns) => step(&mut ports, op, &mut columns.recorder()),
            None => step(&mut ports, op, &mut ()),
        };
        Done { flow: Some(flow), ..ports.done }
    };
    let fast = step(None);
    let recorded = COLUMNS.with_borrow_mut(|columns| step(Some(columns)));
    assert_eq!(fast, recorded, "{}: with a recorder", instruction.name);
    let model = &MODEL.instructions[usize::from(op.kind) - 1];
    assert_eq!(model.name, instruction.name);
    let expected = Meaning { op, machine, loaded: 0, locals: Vec::new() }.run(model);
    assert_eq!(fast, expected, "{}: by the IR", instruction.name);
}

fn step<R: Recorder>(ports: &mut OneStep, op: &Op, recorder: &mut R) -> Result<Flow, Trap> {
    Rv32imZbb::step(ports, op, 1, recorder)
}

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let mut sources = Sources::default();
    IN_TREE.iter().for_each(|(name, text)| sources.add_builtin(name, text));
    compile(&mut sources, Rv32imZbb::SPEC.name).unwrap_or_else(|errors| panic!("{errors}"))
});

/// An instruction's semantics, statement by statement, as `macros/core/src/ir` documents them.
struct Meaning<'a> {
    op: &'a Op,
    machine: &'a OneStep,
    loaded: Word,
    locals: Vec<(&'a str, u64)>,
}

impl<'a> Meaning<'a> {
    fn run(&mut self, instruction: &'a model::Instruction) -> Done {
        let mut done = Done::default();
        let flow = self.statements(instruction, &mut done);
        if flow.is_err() {
            // What traps has no effect; that it asked for a load first is none.
            done.store = None;
            done.written.clear();
        }
        Done { flow: Some(flow), ..done }
    }

    fn statements(&mut self, instruction: &'a model::Instruction, done: &mut Done) -> Result<Flow, Trap> {
        let mut flow = Flow::Next;
        let mut store = None;
        for statement in &instruction.semantics.statements {
            match statement {
                Statement::Let(name, value) => {
                    let value = eval(value, self);
                    self.locals.push((name, value));
                }
                Statement::Load { bits, address } => {
                    let (address, bytes) = (self.word(address), bits / 8);
                    let causes = [TrapCause::MisalignedLoad, TrapCause::NullLoad];
                    let (shift, mask) = OneStep::place(address, bytes, causes)?;
                    done.load = Some((address, bytes));
                    self.loaded = self.machine.memory >> shift & mask;
                }
                Statement::Call { .. }
                | Statement::Require(_)
                | Statement::Input { .. }
                | Statement::Output { .. }
                | Statement::Exit(_) => unreachable!("only calls have these"),
                Statement::Trap { condition, cause } => {
                    if self.holds(condition) {
                        let cause = match cause {
                            TrapKind::Breakpoint => TrapCause::Breakpoint,
                            TrapKind::Undecodable => TrapCause::Undecodable,
                        };
                        return Err(Trap { cause, value: self.op.word });
                    }
                }
                Statement::Jump { condition, target } => {
                    if self.holds(condition) {
                        let target = self.word(target);
                        if !target.is_multiple_of(4) {
                            return Err(Trap { cause: TrapCause::MisalignedTarget, value: target });
                        }
                        flow = Flow::Jump(target);
                    }
                }
                Statement::Store { bits, address, value } => {
                    store = Some((self.word(address), bits / 8, self.word(value)));
                }
                Statement::Write(port, value) => {
                    done.written.push((self.register(instruction.writes[*port]), self.word(value)));
                }
            }
        }
        if let Some((address, bytes, value)) = store {
            let causes = [TrapCause::MisalignedStore, TrapCause::NullStore];
            let (shift, mask) = OneStep::place(address, bytes, causes)?;
            let after = self.machine.memory & !(mask << shift) | (value & mask) << shift;
            done.store = Some((address, bytes, after));
        }
        Ok(flow)
    }

    fn register(&self, operand: model::Operand) -> u8 {
        match operand {
            model::Operand::None => 0,
            model::Operand::Field(field) => bits(self.op.word, field.hi as u8, field.lo as u8) as u8,
            model::Operand::Fixed(number) => number,
        }
    }

    fn word(&self, value: &Expr) -> Word {
        eval(value, self) as Word
    }

    fn holds(&self, condition: &Option<Expr>) -> bool {
        condition.as_ref().is_none_or(|condition| eval(condition, self) != 0)
    }
}

impl Environment for Meaning<'_> {
    fn read(&self, port: usize) -> u64 {
        let model = &MODEL.instructions[usize::from(self.op.kind) - 1];
        self.machine.register(self.register(model.reads[port])).into()
    }

    fn pc(&self) -> u64 {
        self.op.pc.into()
    }

    fn imm(&self) -> u64 {
        self.op.imm.into()
    }

    fn local(&self, name: &str) -> u64 {
        let found = self.locals.iter().find(|(local, _)| *local == name);
        found.unwrap_or_else(|| panic!("no value of {name}")).1
    }

    fn loaded(&self) -> u64 {
        self.loaded.into()
    }

    fn taken(&self) -> u64 {
        0
    }

    fn allows(&self, _: bool, _: u64) -> bool {
        true
    }

    fn fact(&self, _: OpFact) -> u64 {
        unreachable!("semantics have no facts")
    }

    fn cell(&self, _: usize) -> u64 {
        unreachable!("semantics have no cells")
    }
}
