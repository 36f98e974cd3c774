//! Expressions as functions of bits: binary decision diagrams, of which two are one node if and only if the functions are
//! equal.
//!
//! In: a typed expression, and what its leaves are. Out: a node for each bit of its value. Sums, comparisons, shifts and
//! logic are exact. A product of two values that are not constant, a quotient and a remainder are *opaque*: some function
//! of their operands, the same for equal operands.

use std::collections::HashMap;

use super::{BinaryOp, Expr, ExprKind, Type, UnaryOp, eval};
use crate::model::READS;

/// A function of the input bits.
pub(crate) type Node = u32;

pub(crate) const FALSE: Node = 0;
pub(crate) const TRUE: Node = 1;

/// A value's bits, the lowest first.
pub(crate) type Value = Vec<Node>;

/// How many vectors of inputs there can be. Inputs are ordered by bit, then by vector: sums of words stay small.
const VECTORS: u32 = 64;

/// After so many steps no function is found any more: a second or so.
const MAX_STEPS: usize = 1 << 20;

/// The node of no input.
const TERMINAL: u32 = u32::MAX;

/// What the leaves of an expression are.
pub(crate) struct Leaves {
    pub(crate) reads: [Value; READS.len()],
    pub(crate) pc: Value,
    pub(crate) imm: Value,
    pub(crate) loaded: Value,
    pub(crate) taken: Value,
    /// Addresses that stores are or are not allowed at, each with the input that says so.
    pub(crate) writable: Vec<(Value, Node)>,
    pub(crate) locals: HashMap<String, Value>,
}

/// An operation whose result is some function of its operands.
struct Opaque {
    op: BinaryOp,
    ty: Type,
    operands: [Value; 2],
    result: Value,
}

/// All functions of a comparison.
pub(crate) struct Diagrams {
    /// Each node's input, and the functions where it is 0 and where it is 1.
    nodes: Vec<(u32, Node, Node)>,
    places: HashMap<(u32, Node, Node), Node>,
    choices: HashMap<(Node, Node, Node), Node>,
    vectors: u32,
    opaque: Vec<Opaque>,
    steps: usize,
}

impl Diagrams {
    pub(crate) fn new() -> Self {
        let terminal = (TERMINAL, FALSE, FALSE);
        Self {
            nodes: vec![terminal, (TERMINAL, TRUE, TRUE)],
            places: HashMap::new(),
            choices: HashMap::new(),
            vectors: 0,
            opaque: Vec::new(),
            steps: 0,
        }
    }

    /// Whether functions are exact: none is opaque, and there was room for all.
    pub(crate) fn is_exact(&self) -> bool {
        self.opaque.is_empty() && !self.is_exhausted()
    }

    /// Whether there was no room for some function: what came of it means nothing.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.steps > MAX_STEPS
    }

    /// A vector of inputs that depend on nothing.
    pub(crate) fn inputs(&mut self, width: u32) -> Value {
        let vector = self.vectors;
        self.vectors += 1;
        if self.vectors > VECTORS {
            self.steps = MAX_STEPS + 1;
            return vec![FALSE; width as usize];
        }
        (0..width).map(|bit| self.node(bit * VECTORS + vector, FALSE, TRUE)).collect()
    }

    fn node(&mut self, input: u32, zero: Node, one: Node) -> Node {
        if zero == one {
            return zero;
        }
        let nodes = &mut self.nodes;
        *self.places.entry((input, zero, one)).or_insert_with(|| {
            nodes.push((input, zero, one));
            // As many as there are steps, at most.
            nodes.len() as Node - 1
        })
    }

    /// `condition ? one : zero`
    pub(crate) fn choose(&mut self, condition: Node, one: Node, zero: Node) -> Node {
        match (condition, one, zero) {
            (TRUE, ..) => return one,
            (FALSE, ..) => return zero,
            _ if one == zero => return one,
            (_, TRUE, FALSE) => return condition,
            _ => {}
        }
        if let Some(known) = self.choices.get(&(condition, one, zero)) {
            return *known;
        }
        self.steps += 1;
        if self.is_exhausted() {
            return FALSE;
        }
        let functions = [condition, one, zero];
        let input = functions.iter().map(|node| self.nodes[*node as usize].0).min().unwrap_or(TERMINAL);
        let at = |diagrams: &Self, node: Node, is_one: bool| match diagrams.nodes[node as usize] {
            (first, zero, one) if first == input => [zero, one][usize::from(is_one)],
            _ => node,
        };
        let [below, above] = [false, true].map(|is_one| {
            let [condition, one, zero] = functions.map(|node| at(self, node, is_one));
            self.choose(condition, one, zero)
        });
        let chosen = self.node(input, below, above);
        self.choices.insert((condition, one, zero), chosen);
        chosen
    }

    pub(crate) fn not(&mut self, a: Node) -> Node {
        self.choose(a, FALSE, TRUE)
    }

    pub(crate) fn and(&mut self, a: Node, b: Node) -> Node {
        self.choose(a, b, FALSE)
    }

    fn or(&mut self, a: Node, b: Node) -> Node {
        self.choose(a, TRUE, b)
    }

    fn xor(&mut self, a: Node, b: Node) -> Node {
        let not = self.not(b);
        self.choose(a, not, b)
    }

    /// Whether two values of one width differ.
    pub(crate) fn differ(&mut self, a: &[Node], b: &[Node]) -> Node {
        a.iter().zip(b).fold(FALSE, |differ, (a, b)| {
            let here = self.xor(*a, *b);
            self.or(differ, here)
        })
    }

    /// Inputs for which the function is 1, each with its value; the others do not matter. None if it is 0.
    pub(crate) fn example(&self, function: Node) -> Option<HashMap<u32, bool>> {
        let mut example = HashMap::new();
        let mut node = function;
        while let (input, zero, one) = self.nodes[node as usize]
            && input != TERMINAL
        {
            let is_one = zero == FALSE;
            example.insert(input, is_one);
            node = if is_one { one } else { zero };
        }
        (node == TRUE).then_some(example)
    }

    /// A value where these inputs are given, and all others are 0.
    pub(crate) fn value_in(&self, value: &[Node], inputs: &HashMap<u32, bool>) -> u64 {
        let bit = |mut node: Node| {
            while let (input, zero, one) = self.nodes[node as usize]
                && input != TERMINAL
            {
                node = if inputs.get(&input).copied().unwrap_or_default() { one } else { zero };
            }
            u64::from(node == TRUE)
        };
        value.iter().enumerate().fold(0, |sum, (at, node)| sum | bit(*node) << at)
    }

    /// The input that a node of [`inputs`](Self::inputs) is.
    pub(crate) fn input_of(&self, node: Node) -> u32 {
        self.nodes[node as usize].0
    }

    fn constant(value: u64, width: u32) -> Value {
        (0..width).map(|bit| Node::from(value >> bit & 1 == 1)).collect()
    }

    fn is_constant(value: &[Node]) -> Option<u64> {
        let bits = value.iter().enumerate();
        value
            .iter()
            .all(|node| *node <= TRUE)
            .then(|| bits.fold(0, |sum, (at, bit)| sum | u64::from(*bit) << at))
    }

    /// The value of an expression; none if it has a leaf that semantics do not have.
    pub(crate) fn value(&mut self, e: &Expr, leaves: &Leaves) -> Option<Value> {
        let width = e.ty.width as usize;
        let mut value = match &e.kind {
            ExprKind::Const(value) => Self::constant(*value, e.ty.width),
            ExprKind::Read(port) => leaves.reads.get(*port)?.clone(),
            ExprKind::Pc => leaves.pc.clone(),
            ExprKind::Imm => leaves.imm.clone(),
            ExprKind::Local(name) => leaves.locals.get(name)?.clone(),
            ExprKind::Loaded => leaves.loaded.clone(),
            ExprKind::Taken => leaves.taken.clone(),
            ExprKind::Allows(stores, address) => {
                let address = self.value(address, leaves)?;
                // Page 0 and the last page: bits 31..12 are all equal to bit 12, and so are none or all set.
                let page = &address[12..];
                let zero = page.iter().fold(TRUE, |all, bit| {
                    let not = self.not(*bit);
                    self.and(all, not)
                });
                let last = page.iter().fold(TRUE, |all, bit| self.and(all, *bit));
                let outside = self.or(zero, last);
                let memory = self.not(outside);
                let code = match leaves.writable.iter().find(|(known, _)| *known == address) {
                    Some((_, allowed)) => *allowed,
                    None if *stores => return None,
                    None => TRUE,
                };
                vec![if *stores { self.and(memory, code) } else { memory }]
            }
            ExprKind::Op(_) | ExprKind::Column(_) => return None,
            ExprKind::Unary(op, a) => {
                let a = self.value(a, leaves)?;
                self.unary(*op, &a, e.ty)
            }
            ExprKind::Binary(op, a, b) => {
                let ty = a.ty;
                let (a, b) = (self.value(a, leaves)?, self.value(b, leaves)?);
                self.binary(*op, ty, a, b)
            }
            ExprKind::Slice(a, lo) => self.value(a, leaves)?.split_off(*lo as usize),
            ExprKind::Extend(a, by_sign) => {
                let mut value = self.value(a, leaves)?;
                let fill = value.last().copied().filter(|_| *by_sign).unwrap_or(FALSE);
                value.resize(width, fill);
                value
            }
            ExprKind::Reinterpret(a) => self.value(a, leaves)?,
            ExprKind::If(c, a, b) => {
                let condition = *self.value(c, leaves)?.first()?;
                let (a, b) = (self.value(a, leaves)?, self.value(b, leaves)?);
                self.choose_value(condition, &a, &b)
            }
        };
        value.resize(width, FALSE);
        Some(value)
    }

    pub(crate) fn choose_value(&mut self, condition: Node, one: &[Node], zero: &[Node]) -> Value {
        one.iter().zip(zero).map(|(one, zero)| self.choose(condition, *one, *zero)).collect()
    }

    fn unary(&mut self, op: UnaryOp, a: &[Node], ty: Type) -> Value {
        match op {
            UnaryOp::Not => a.iter().map(|bit| self.not(*bit)).collect(),
            UnaryOp::Neg => {
                let zero = Self::constant(0, ty.width);
                self.difference(&zero, a)
            }
            UnaryOp::CountOnes => a.iter().fold(Self::constant(0, ty.width), |sum, bit| {
                let zero = Self::constant(0, ty.width);
                self.sum(&sum, &zero, *bit)
            }),
        }
    }

    fn binary(&mut self, op: BinaryOp, ty: Type, a: Value, b: Value) -> Value {
        match op {
            BinaryOp::Add => self.sum(&a, &b, FALSE),
            BinaryOp::Sub => self.difference(&a, &b),
            BinaryOp::Mul => match (Self::is_constant(&a), Self::is_constant(&b)) {
                (Some(factor), _) => self.multiple(&b, factor),
                (_, Some(factor)) => self.multiple(&a, factor),
                // A product is the same either way round.
                _ => self.opaque(op, ty, if a <= b { [a, b] } else { [b, a] }),
            },
            BinaryOp::Div | BinaryOp::Rem => match (Self::is_constant(&a), Self::is_constant(&b)) {
                (Some(a), Some(b)) => Self::constant(eval::binary(op, ty, a, b), ty.width),
                _ => self.opaque(op, ty, [a, b]),
            },
            BinaryOp::And => a.iter().zip(&b).map(|(a, b)| self.and(*a, *b)).collect(),
            BinaryOp::Or => a.iter().zip(&b).map(|(a, b)| self.or(*a, *b)).collect(),
            BinaryOp::Xor => a.iter().zip(&b).map(|(a, b)| self.xor(*a, *b)).collect(),
            BinaryOp::Shl => self.shift(&a, &b, |at, by| at.checked_sub(by), FALSE),
            BinaryOp::Shr => {
                let fill = a.last().copied().filter(|_| ty.signed).unwrap_or(FALSE);
                self.shift(&a, &b, |at, by| at.checked_add(by), fill)
            }
            BinaryOp::Ne => vec![self.differ(&a, &b)],
            BinaryOp::Eq => {
                let differ = self.differ(&a, &b);
                vec![self.not(differ)]
            }
            BinaryOp::Lt => vec![self.less(ty, &a, &b)],
            BinaryOp::Gt => vec![self.less(ty, &b, &a)],
            BinaryOp::Ge => {
                let less = self.less(ty, &a, &b);
                vec![self.not(less)]
            }
            BinaryOp::Le => {
                let greater = self.less(ty, &b, &a);
                vec![self.not(greater)]
            }
        }
    }

    fn sum(&mut self, a: &[Node], b: &[Node], mut carry: Node) -> Value {
        let mut sum = Vec::with_capacity(a.len());
        for (a, b) in a.iter().zip(b) {
            let half = self.xor(*a, *b);
            sum.push(self.xor(half, carry));
            carry = self.choose(half, carry, *a);
        }
        sum
    }

    fn difference(&mut self, a: &[Node], b: &[Node]) -> Value {
        let complement: Value = b.iter().map(|bit| self.not(*bit)).collect();
        self.sum(a, &complement, TRUE)
    }

    fn multiple(&mut self, a: &[Node], factor: u64) -> Value {
        let mut sum = vec![FALSE; a.len()];
        for by in (0..a.len()).filter(|by| factor >> by & 1 == 1) {
            let shifted: Value =
                std::iter::repeat_n(FALSE, by).chain(a.iter().copied()).take(a.len()).collect();
            sum = self.sum(&sum, &shifted, FALSE);
        }
        sum
    }

    fn opaque(&mut self, op: BinaryOp, ty: Type, operands: [Value; 2]) -> Value {
        let same = |known: &&Opaque| known.op == op && known.ty == ty && known.operands == operands;
        if let Some(known) = self.opaque.iter().find(same) {
            return known.result.clone();
        }
        let result = self.inputs(ty.width);
        self.opaque.push(Opaque { op, ty, operands, result: result.clone() });
        result
    }

    /// Moves each bit from where `from` says, by each power of two that the amount has.
    fn shift(
        &mut self,
        a: &[Node],
        amount: &[Node],
        from: impl Fn(usize, usize) -> Option<usize>,
        fill: Node,
    ) -> Value {
        let mut value = a.to_vec();
        for (power, bit) in amount.iter().enumerate() {
            // What is shifted by more than a word's width is gone.
            let by = 1usize.checked_shl(power as u32).unwrap_or(usize::MAX / 2);
            let moved = |at| from(at, by).and_then(|at| value.get(at)).copied().unwrap_or(fill);
            let moved: Value = (0..value.len()).map(moved).collect();
            value = self.choose_value(*bit, &moved, &value);
        }
        value
    }

    fn less(&mut self, ty: Type, a: &[Node], b: &[Node]) -> Node {
        let top = a.len() - 1;
        (0..a.len()).fold(FALSE, |less, at| {
            let differ = self.xor(a[at], b[at]);
            // Of two signs the greater bit is the lesser number's.
            let is_less = if ty.signed && at == top { a[at] } else { b[at] };
            self.choose(differ, is_less, less)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::expect_used)]

    use super::*;
    use crate::ir::{Environment, OpFact, Statement, eval};
    use crate::{Sources, compile};

    /// Leaves by their values.
    #[derive(Default)]
    struct Values {
        reads: [u64; READS.len()],
        pc: u64,
        imm: u64,
        loaded: u64,
        locals: HashMap<String, u64>,
    }

    impl Environment for Values {
        fn read(&self, port: usize) -> u64 {
            self.reads[port]
        }
        fn pc(&self) -> u64 {
            self.pc
        }
        fn imm(&self) -> u64 {
            self.imm
        }
        fn local(&self, name: &str) -> u64 {
            self.locals[name]
        }
        fn loaded(&self) -> u64 {
            self.loaded
        }
        fn taken(&self) -> u64 {
            0
        }
        fn allows(&self, _: bool, _: u64) -> bool {
            false
        }
        fn fact(&self, _: OpFact) -> u64 {
            panic!("semantics have no facts")
        }
        fn cell(&self, _: usize) -> u64 {
            panic!("semantics have no cells")
        }
    }

    const EDGES: [u64; 9] = [0, 1, 2, 31, 32, 0x7fff_ffff, 0x8000_0000, 0x1234_5678, 0xffff_ffff];

    /// Every expression of these specs, as a function of its leaves' bits, has the value that the IR gives it.
    /// How many of how many statements have no part that is opaque or too large.
    fn agrees(name: &str, specs: &[(&str, &str)]) -> (usize, usize) {
        let mut sources = Sources::default();
        specs.iter().for_each(|(name, text)| sources.add_builtin(name, text));
        let model = compile(&mut sources, name).unwrap_or_else(|errors| panic!("{errors}"));
        let mut exact = 0;
        for instruction in &model.instructions {
            let mut diagrams = Diagrams::new();
            let mut inputs = || diagrams.inputs(32);
            let leaves = [inputs(), inputs(), inputs(), inputs(), inputs()];
            let [rs1, rs2, pc, imm, loaded] = leaves.clone();
            let none = vec![FALSE; 32];
            let mut symbolic = Leaves {
                reads: std::array::from_fn(|port| {
                    [&rs1, &rs2].get(port).map_or_else(|| none.clone(), |&read| read.clone())
                }),
                pc,
                imm,
                loaded,
                taken: none,
                writable: Vec::new(),
                locals: HashMap::new(),
            };
            for statement in &instruction.semantics.statements {
                let found: Option<Vec<Value>> =
                    statement.expressions().iter().map(|e| diagrams.value(e, &symbolic)).collect();
                let found = found.expect("semantics have no facts");
                if let Statement::Let(name, _) = statement {
                    symbolic.locals.insert(name.clone(), found[0].clone());
                }
                if !diagrams.is_exact() {
                    break;
                }
                for (at, a) in EDGES.into_iter().enumerate() {
                    for b in EDGES {
                        let mut values = Values {
                            reads: [a, b, 0, 0, 0, 0],
                            pc: EDGES[(at + 3) % EDGES.len()],
                            imm: b,
                            loaded: a,
                            ..Values::default()
                        };
                        let of = [a, b, values.pc, values.imm, values.loaded];
                        let bits = leaves.iter().zip(of).flat_map(|(nodes, value)| {
                            nodes.iter().enumerate().map(move |(at, node)| (*node, value >> at & 1 == 1))
                        });
                        let assigned = bits.map(|(node, bit)| (diagrams.input_of(node), bit)).collect();
                        for (name, value) in &symbolic.locals {
                            values.locals.insert(name.clone(), diagrams.value_in(value, &assigned));
                        }
                        for (e, found) in statement.expressions().iter().zip(&found) {
                            let expected = eval(e, &values);
                            assert_eq!(
                                diagrams.value_in(found, &assigned),
                                expected,
                                "{}: {e} of {a:#x}, {b:#x}",
                                instruction.name
                            );
                        }
                    }
                }
                exact += 1;
            }
        }
        let all = model.instructions.iter().map(|instruction| instruction.semantics.statements.len());
        (exact, all.sum())
    }

    #[test]
    fn functions_of_bits_have_the_values_of_expressions() {
        let rv32i = ("rv32i", include_str!("../../../../isa/rv32i.toml"));
        let zbb = ("zbb", include_str!("../../../../isa/zbb.toml"));
        let widths = ("widths", include_str!("../../../../tests/specs/widths.toml"));
        let (exact, all) = agrees("zbb", &[rv32i, zbb]);
        assert_eq!(exact, all);
        // Most of these multiply.
        let (exact, _) = agrees("widths", &[rv32i, widths]);
        assert!(exact > 150, "{exact}");
    }

    /// What is opaque is the same for the same operands, and exact of constants.
    #[test]
    fn opaque_operations_are_functions() {
        let mut diagrams = Diagrams::new();
        let (a, b) = (diagrams.inputs(32), diagrams.inputs(32));
        let ty = Type::unsigned(32);
        let product = diagrams.binary(BinaryOp::Mul, ty, a.clone(), b.clone());
        assert_eq!(diagrams.binary(BinaryOp::Mul, ty, b.clone(), a.clone()), product);
        let quotient = diagrams.binary(BinaryOp::Div, ty, a.clone(), b.clone());
        assert_ne!(diagrams.binary(BinaryOp::Div, ty, b, a), quotient);
        assert!(!diagrams.is_exact());

        let mut diagrams = Diagrams::new();
        let constant = |value| Diagrams::constant(value, 32);
        let product = diagrams.binary(BinaryOp::Mul, ty, constant(0x1_0001), constant(0xffff));
        assert_eq!(diagrams.value_in(&product, &HashMap::new()), 0xffff_ffff);
        let quotient = diagrams.binary(BinaryOp::Div, ty, constant(7), constant(0));
        assert_eq!((diagrams.value_in(&quotient, &HashMap::new()), diagrams.is_exact()), (0, true));
    }

    /// A product of sums has no small diagram: it ends all the same.
    #[test]
    fn what_is_too_large_is_given_up() {
        let mut diagrams = Diagrams::new();
        let values: Vec<Value> = (0..70).map(|_| diagrams.inputs(32)).collect();
        assert!(values.len() == 70 && diagrams.is_exhausted() && !diagrams.is_exact());
    }
}
