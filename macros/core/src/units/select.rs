//! Instruction selection: from an instruction's semantics to uses of units, by the rules of the spec.
//!
//! Each value becomes a [`Form`] that equals its bits as an integer. What the language does without a unit is done here:
//! constants, extensions by zero, complements, choices, and logic of single bits. Everything else is a rule's. All ways
//! that fit are followed, the cheapest few at each step; one unit serves an instruction once, and two rules may share
//! a use that feeds different inputs of it, or the same.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::form::{Form, Var};
use super::{OperandKind, Pattern, Port, Rule, Units};
use crate::ir::{BinaryOp, Expr, ExprKind, Semantics, Statement, Type, UnaryOp, walk};

/// How many partial selections are followed.
const BEAM: usize = 24;

/// How many copies of a unit are tried to say what an instruction lacks.
const MAX_COPIES: usize = 4;

/// How many operations an instruction may have when each `let` stands where it is used.
const MAX_OPERATIONS: usize = 2048;

/// How deep its operations may be nested then: what brings them down is recursive, and runs in a compiler's thread.
const MAX_DEPTH: usize = 96;

/// How many values are brought down in the search for an instruction's selection: it ends, whatever the semantics.
const MAX_STEPS: usize = 20_000;

/// The highest degree of a value: whatever it feeds has a column of the code table beside it.
const MAX_VALUE_DEGREE: usize = super::MAX_DEGREE - 1;

/// No coefficient of a value is as great: what it feeds would not fit 64 bits.
const MAX_COEFFICIENT: u128 = 1 << 64;

/// How an instruction uses units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// What feeds the inputs, and which tables its look-ups read, of each unit that it uses. Every slot has a table.
    pub uses: BTreeMap<usize, UnitUse>,
    /// What is zero besides the units' relations.
    pub asserts: Vec<Form>,
    /// The address of the next row's instruction; 0 where the guest ends.
    pub next: Form,
    /// Whether the guest ends.
    pub exits: bool,
    /// What is taken of an input stream.
    pub input: Option<Taken>,
    /// What is appended to an output stream.
    pub output: Option<Put>,
    /// The address of the word of memory that is accessed.
    pub address: Option<Form>,
    /// Honest values of cells that a rule says, as expressions over the instruction's operands.
    pub fill: Vec<((usize, usize), Expr)>,
    /// The rules, in the order in which they were applied.
    pub rules: Vec<usize>,
}

impl Selection {
    /// What is zero if the row's next address is right.
    pub fn next_is(&self) -> Form {
        &Form::from(Var::NextPc) - &self.next
    }

    /// What is zero if the row's address is that of the word that is accessed, or 0 where none is.
    pub fn address_is(&self) -> Form {
        let address = Form::from(Var::Address);
        self.address.as_ref().map_or_else(|| address.clone(), |form| &address - form)
    }
}

/// Bytes that are taken of an input stream; their value is [`Var::Taken`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The stream's descriptor.
    pub stream: u8,
    /// How many bytes of it are left before.
    pub left: Form,
    /// How many are taken.
    pub count: Form,
}

/// Bytes that are appended to an output stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The stream's descriptor.
    pub stream: u8,
    /// How many bytes of it were put out before.
    pub position: Form,
    /// How many bytes these are.
    pub count: Form,
    /// The bytes, the low one first.
    pub value: Form,
}

/// One use of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitUse {
    /// By input.
    pub inputs: BTreeMap<usize, Form>,
    /// By slot.
    pub tables: BTreeMap<usize, usize>,
}

/// Why an instruction cannot be brought down to units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// No rule matches this expression.
    NoRule(Expr),
    /// Rules match, and use these units more often than there are: unit, and how many more.
    Units(Vec<(usize, usize)>),
    /// Rules match, but these units, which share cells, would be used together.
    Shared(Vec<(usize, usize)>),
    /// It writes a register, and a row has no port for that.
    NoPort,
    /// No rule matches this statement.
    NoStatement(String),
    /// Rules match this statement, and use some unit more often than is tried.
    Many(String),
    /// The relations would be of too high a degree.
    Degree,
    /// There are more operations than the compiler follows, with each `let` where it is used, or more ways.
    Large,
}

/// Selects units for an instruction. The expression of an entry's constants are added to `units.entries`.
///
/// # Errors
/// What there is too little of.
pub fn select(units: &mut Units, semantics: &Semantics) -> Result<Selection, Shortage> {
    let (operations, depth) = extent(semantics);
    if operations > MAX_OPERATIONS || depth > MAX_DEPTH {
        return Err(Shortage::Large);
    }
    let selector = Selector {
        units,
        entries: RefCell::new(units.entries.clone()),
        copies: 1,
        open: RefCell::default(),
        missing: RefCell::default(),
        lost: RefCell::default(),
        high: Cell::new(false),
        steps: Cell::new(0),
    };
    if let Some(found) = selector.instruction(semantics) {
        units.entries = selector.entries.into_inner();
        return Ok(found);
    }
    // With several of each unit, what is left in the way is no matter of how many there are.
    let selector = Selector { copies: MAX_COPIES, ..selector };
    selector.missing.take();
    selector.lost.take();
    if selector.steps.replace(0) > MAX_STEPS {
        return Err(Shortage::Large);
    }
    let high = selector.high.replace(false);
    let count = units.units.len();
    let Some(found) = selector.instruction(semantics) else {
        return Err(match selector.missing.take() {
            _ if selector.steps.get() > MAX_STEPS => Shortage::Large,
            Some(missing) => Shortage::NoRule(missing),
            None if high || selector.high.get() => Shortage::Degree,
            None => selector.lost.take().unwrap_or(Shortage::Large),
        });
    };
    let mut more: BTreeMap<usize, usize> = BTreeMap::new();
    for unit in found.uses.keys().filter(|unit| **unit >= count) {
        *more.entry(unit % count).or_default() += 1;
    }
    if !more.is_empty() {
        return Err(Shortage::Units(more.into_iter().collect()));
    }
    let used: Vec<usize> = found.uses.keys().copied().collect();
    let pairs = used.iter().flat_map(|a| used.iter().map(move |b| (*a, *b)));
    Err(Shortage::Shared(pairs.filter(|(a, b)| a < b && units.share(*a, *b)).collect()))
}

/// How many operations there are with each `let` where it is used, and how deep they are nested.
fn extent(semantics: &Semantics) -> (usize, usize) {
    fn of(expr: &Expr, locals: &BTreeMap<&str, (usize, usize)>) -> (usize, usize) {
        if let ExprKind::Local(name) = &expr.kind {
            return locals.get(name.as_str()).copied().unwrap_or((1, 1));
        }
        let parts = expr.operands().map(|operand| of(operand, locals));
        let (count, depth) = parts.fold((0usize, 0), |(count, depth), (more, deeper)| {
            (count.saturating_add(more), depth.max(deeper))
        });
        (count.saturating_add(1), depth + 1)
    }
    let mut locals: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut all = (0usize, 0);
    for statement in &semantics.statements {
        for expr in statement.expressions() {
            let (count, depth) = of(expr, &locals);
            match statement {
                Statement::Let(name, _) => drop(locals.insert(name, (count, depth))),
                _ => all = (all.0.saturating_add(count), all.1.max(depth)),
            }
        }
    }
    all
}

/// A selection that is not complete.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    selection: Selection,
    /// Values that have forms.
    known: Vec<(Expr, Form)>,
}

struct Selector<'a> {
    units: &'a Units,
    entries: RefCell<Vec<Expr>>,
    copies: usize,
    /// What is being brought down, outermost first: nothing is brought down by way of itself.
    open: RefCell<Vec<Expr>>,
    /// An expression that no rule matched, the first.
    missing: RefCell<Option<Expr>>,
    /// Why no way was left after a statement, the first.
    lost: RefCell<Option<Shortage>>,
    /// Whether a way failed by its degree.
    high: Cell<bool>,
    /// How many values were brought down.
    steps: Cell<usize>,
}

type Ways<T> = Vec<(T, State)>;

impl Selector<'_> {
    /// The cheapest way.
    fn instruction(&self, semantics: &Semantics) -> Option<Selection> {
        let mut locals: Vec<(String, Expr)> = Vec::new();
        let link = Expr::new(
            ExprKind::Binary(
                BinaryOp::Add,
                Box::new(Expr::new(ExprKind::Pc, Type::unsigned(32))),
                Box::new(Expr::new(ExprKind::Const(4), Type::unsigned(32))),
            ),
            Type::unsigned(32),
        );
        let link = self.entry(&link);
        let start =
            State { selection: Selection { next: link.clone(), ..Selection::default() }, ..State::default() };
        let mut states = vec![start];
        for statement in &semantics.statements {
            let inline = |expr: &Expr| normal(&inlined(expr, &locals));
            states = match statement {
                Statement::Let(name, value) => {
                    locals.push((name.clone(), inline(value)));
                    continue;
                }
                Statement::Load { bits, address } => {
                    let loaded = Expr::new(ExprKind::Loaded, Type::unsigned(*bits));
                    let root = [inline(address)];
                    let root = Root::Load(*bits, &root[0]);
                    let ways = self.each(states, |state| {
                        self.rules(&root, state).into_iter().filter_map(|(given, mut state)| {
                            state.known.push((loaded.clone(), given.value));
                            let known = state.selection.address.take();
                            let same = known.is_none() || known == given.address;
                            state.selection.address = given.address;
                            same.then_some(state)
                        })
                    });
                    self.note(&ways, &root);
                    ways
                }
                Statement::Store { bits, address, value } => {
                    let (address, value) = (inline(address), inline(value));
                    let root = Root::Store(*bits, &address, &value);
                    let ways = self.each(states, |state| {
                        self.rules(&root, state).into_iter().filter_map(|(given, mut state)| {
                            let known = state.selection.address.take();
                            let same = known.is_none() || known == given.address;
                            state.selection.address = given.address;
                            same.then_some(state)
                        })
                    });
                    self.note(&ways, &root);
                    ways
                }
                Statement::Write(port, value) => {
                    let value = inline(value);
                    let Some(port) = self.units.port(Port::Write(*port)) else {
                        self.lost.borrow_mut().get_or_insert(Shortage::NoPort);
                        return None;
                    };
                    let ways = self.each(states, |state| {
                        let ways = self.value(&value, state);
                        ways.into_iter().filter_map(move |(form, mut state)| {
                            if !self.is_free(port, &state) {
                                return None;
                            }
                            let used = state.selection.uses.entry(port).or_default();
                            let fed = used.inputs.entry(0).or_insert_with(|| form.clone());
                            (*fed == form).then_some(state)
                        })
                    });
                    self.note(&ways, &Root::Value(&value));
                    ways
                }
                Statement::Jump { condition, target } => {
                    let target = inline(target);
                    let condition = condition.as_ref().map(&inline);
                    let link = link.clone();
                    let ways =
                        self.each(states, |state| self.jump(condition.as_ref(), &target, &link, state));
                    self.note(&ways, &Root::Jump(&target));
                    ways
                }
                // Its rows are those of the calls' variants.
                Statement::Call { .. } => states,
                Statement::Require(condition) => {
                    let condition = inline(condition);
                    let ways = self.each(states, |state| self.required(&condition, state));
                    self.note(&ways, &Root::Require(&condition));
                    ways
                }
                Statement::Input { stream, left, count } => {
                    let (left, count) = (inline(left), inline(count));
                    let ways = self.each(states, |state| {
                        let both = self.all(&[&left, &count], state).into_iter();
                        both.map(|(forms, mut state)| {
                            let [left, count] = [0, 1].map(|at| forms[at].clone());
                            state.selection.input = Some(Taken { stream: *stream, left, count });
                            let taken = Expr::new(ExprKind::Taken, Type::unsigned(32));
                            state.known.push((taken, Form::from(Var::Taken)));
                            state
                        })
                    });
                    self.note(&ways, &Root::Value(&count));
                    ways
                }
                Statement::Output { stream, position, count, value } => {
                    let parts = [inline(position), inline(count), inline(value)];
                    let ways = self.each(states, |state| {
                        let all = self.all(&parts.each_ref(), state).into_iter();
                        all.map(|(forms, mut state)| {
                            let [position, count, value] = [0, 1, 2].map(|at| forms[at].clone());
                            state.selection.output = Some(Put { stream: *stream, position, count, value });
                            state
                        })
                    });
                    self.note(&ways, &Root::Value(&parts[2]));
                    ways
                }
                // The code is what the port reads: the statement of a run says what it is.
                Statement::Exit(_) => {
                    for state in &mut states {
                        state.selection.next = Form::default();
                        state.selection.exits = true;
                    }
                    states
                }
                // A row in which the condition of a trap holds does not exist.
                Statement::Trap { condition: Some(condition), .. } => {
                    let condition = inline(condition);
                    self.each(states, |state| {
                        self.value(&condition, state).into_iter().map(|(holds, mut state)| {
                            state.selection.asserts.extend((!holds.is_zero()).then_some(holds));
                            state
                        })
                    })
                }
                Statement::Trap { condition: None, .. } => states,
            };
        }
        let mut best: Option<(usize, Selection)> = None;
        for state in states {
            let mut selection = state.selection;
            self.complete(&mut selection);
            if self.degree(&selection) > super::MAX_DEGREE {
                self.high.set(true);
                continue;
            }
            let cost = self.cost(&selection);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, selection));
            }
        }
        best.map(|(_, selection)| selection)
    }

    fn jump(&self, condition: Option<&Expr>, target: &Expr, link: &Form, state: State) -> Vec<State> {
        let conditions: Ways<Form> = match condition {
            Some(condition) => self.value(condition, state),
            None => vec![(Form::constant(1), state)],
        };
        let mut ways = Vec::new();
        for (condition, state) in conditions {
            for (given, mut state) in self.rules(&Root::Jump(target), state) {
                // What a jump asks for is asked for only where it is taken; what its target's operands ask for, always: other
                // statements may take them too.
                let asserts = &mut state.selection.asserts;
                let own = asserts.len() - given.asserts;
                for assert in &mut asserts[own..] {
                    *assert = &*assert * &condition;
                }
                state.selection.next = link + &(&condition * &(&given.value - link));
                ways.push(state);
            }
        }
        ways
    }

    /// The ways to give each of several values a form.
    fn all(&self, exprs: &[&Expr], state: State) -> Ways<Vec<Form>> {
        let mut ways: Ways<Vec<Form>> = vec![(Vec::new(), state)];
        for expr in exprs {
            let mut more = Vec::new();
            for (forms, state) in ways {
                let of = self.value(expr, state).into_iter();
                more.extend(of.map(|(form, state)| ([&forms[..], &[form]].concat(), state)));
            }
            ways = self.fewest(more);
        }
        ways
    }

    /// The ways to assert that a condition holds: that of an equality, a difference that is zero; of a comparison, a difference
    /// that is a word; of what a rule is for, that rule's; of any other, that its value is 1.
    fn required(&self, condition: &Expr, state: State) -> Vec<State> {
        let mut ways = Vec::new();
        let assert = |form: Form, mut state: State| {
            let known = form.is_zero() || state.selection.asserts.contains(&form);
            state.selection.asserts.extend((!known).then_some(form));
            state
        };
        let order = match &condition.kind {
            ExprKind::Binary(BinaryOp::And, a, b) => {
                let first = self.required(a, state);
                return first.into_iter().flat_map(|state| self.required(b, state)).collect();
            }
            ExprKind::Binary(BinaryOp::Eq, a, b) if a.ty.width > 1 => {
                let both = self.all(&[a, b], state.clone()).into_iter();
                return both.map(|(forms, state)| assert(&forms[0] - &forms[1], state)).collect();
            }
            ExprKind::Binary(BinaryOp::Lt, a, b) if !a.ty.signed => Some((b, a, 1)),
            ExprKind::Unary(UnaryOp::Not, not) => match &not.kind {
                ExprKind::Binary(BinaryOp::Lt, a, b) if !a.ty.signed => Some((a, b, 0)),
                _ => None,
            },
            _ => None,
        };
        if let Some((greater, less, by)) = order {
            for (forms, state) in self.all(&[greater, less], state.clone()) {
                let difference = &(&forms[0] - &forms[1]) - &Form::constant(by);
                ways.extend(self.words(&difference, &state));
            }
        }
        let rules = self.rules(&Root::Require(condition), state.clone());
        ways.extend(rules.into_iter().filter_map(|(given, mut state)| {
            let known = state.selection.address.take();
            let same = known.is_none() || given.address.is_none() || known == given.address;
            state.selection.address = given.address.or(known);
            same.then_some(state)
        }));
        let values = self.value(condition, state).into_iter();
        ways.extend(values.map(|(holds, state)| assert(&holds - &Form::constant(1), state)));
        ways
    }

    /// The ways to assert that a number is a word: not negative.
    fn words(&self, form: &Form, state: &State) -> Vec<State> {
        let mut ways = Vec::new();
        for at in 0..self.units.rules.len() {
            if matches!(self.units.rules[at].pattern, Pattern::Word) {
                let given = self.applied(at, &[None], std::slice::from_ref(form), state.clone());
                ways.extend(given.into_iter().map(|(_, state)| state));
            }
        }
        ways
    }

    fn each<I: IntoIterator<Item = State>>(
        &self,
        states: Vec<State>,
        step: impl Fn(State) -> I,
    ) -> Vec<State> {
        let ways = states.into_iter().flat_map(step).map(|state| ((), state)).collect();
        self.fewest(ways).into_iter().map(|((), state)| state).collect()
    }

    /// The cheapest ways, each once.
    fn fewest<T: PartialEq>(&self, ways: Ways<T>) -> Ways<T> {
        let mut distinct: Ways<T> = Vec::new();
        for way in ways {
            if !distinct.contains(&way) {
                distinct.push(way);
            }
        }
        distinct.sort_by_key(|(_, state)| self.cost(&state.selection));
        distinct.truncate(BEAM);
        distinct
    }

    /// The fewest units, of these the first in the spec, then the fewest products: a row has room for every unit anyway, and
    /// instructions that are wired alike share columns.
    fn cost(&self, selection: &Selection) -> usize {
        let count = self.units.units.len();
        let units: usize = selection.uses.keys().map(|unit| 16 * count + unit).sum();
        let forms = selection.uses.values().flat_map(|used| used.inputs.values()).chain(&selection.asserts);
        64 * units + forms.map(|form| form.terms().count()).sum::<usize>()
    }

    /// The ways to give a value a form.
    fn value(&self, expr: &Expr, state: State) -> Ways<Form> {
        if let Some((_, form)) = state.known.iter().find(|(known, _)| known == expr) {
            return vec![(form.clone(), state)];
        }
        if is_entry(expr) {
            return vec![(self.entry(expr), state)];
        }
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > MAX_STEPS || self.open.borrow().contains(expr) {
            return Vec::new();
        }
        self.open.borrow_mut().push(expr.clone());
        let mut ways = self.plain(expr, &state);
        let rules = self.rules(&Root::Value(expr), state);
        ways.extend(rules.into_iter().map(|(given, state)| (given.value, state)));
        self.open.borrow_mut().pop();
        if ways.is_empty() && !self.matches_some(&Root::Value(expr)) {
            self.missing.borrow_mut().get_or_insert_with(|| expr.clone());
        }
        // A value of high degree may be kept in a cell.
        let high: Ways<Form> = ways.iter().filter(|(form, _)| form.degree() > 1).cloned().collect();
        for (form, state) in high {
            ways.extend(self.kept(expr, &form, &state));
        }
        ways.retain(|(form, _)| {
            let low = form.degree() <= MAX_VALUE_DEGREE && form.size() < MAX_COEFFICIENT;
            self.high.set(self.high.get() || !low);
            low
        });
        for (form, state) in &mut ways {
            if !matches!(expr.kind, ExprKind::Read(_)) {
                state.known.push((expr.clone(), form.clone()));
            }
        }
        self.fewest(ways)
    }

    fn matches_some(&self, root: &Root<'_>) -> bool {
        self.units.rules.iter().any(|rule| !matches(rule, root).is_empty())
    }

    /// Notes why a statement leaves no way, if it does.
    fn note(&self, states: &[State], root: &Root<'_>) {
        if states.is_empty() {
            let what = match root {
                Root::Value(_) => "rd = …".to_owned(),
                Root::Load(bits, _) => format!("load::<{bits}>(…)"),
                Root::Store(bits, ..) => format!("store::<{bits}>(…)"),
                Root::Jump(_) => "jump(…)".to_owned(),
                Root::Require(condition) => condition.to_string(),
            };
            let matched = self.matches_some(root);
            let why = if matched { Shortage::Many(what) } else { Shortage::NoStatement(what) };
            self.lost.borrow_mut().get_or_insert(why);
        }
    }

    /// What needs no unit.
    fn plain(&self, expr: &Expr, state: &State) -> Ways<Form> {
        let state = state.clone();
        let top = |width: u32| Form::constant((1i128 << width) - 1);
        let bits = expr.ty.width;
        let two = |a: &Expr, b: &Expr, of: &dyn Fn(&Form, &Form) -> Form| -> Ways<Form> {
            let mut ways = Vec::new();
            for (a, state) in self.value(a, state.clone()) {
                ways.extend(self.value(b, state).into_iter().map(|(b, state)| (of(&a, &b), state)));
            }
            ways
        };
        let double = |a: &Form, b: &Form| &Form::constant(2) * &(a * b);
        match &expr.kind {
            ExprKind::Read(port) => vec![(Form::from(Var::Read(*port)), state)],
            ExprKind::Reinterpret(a) | ExprKind::Extend(a, false) => self.value(a, state),
            ExprKind::Extend(a, true) if a.ty.width == 1 => {
                self.value(a, state).into_iter().map(|(a, state)| (&top(bits) * &a, state)).collect()
            }
            ExprKind::Unary(UnaryOp::Not, a) => {
                self.value(a, state).into_iter().map(|(a, state)| (&top(bits) - &a, state)).collect()
            }
            ExprKind::Unary(UnaryOp::CountOnes, a) if a.ty.width == 1 => self.value(a, state),
            ExprKind::Binary(op, a, b) if a.ty.width == 1 => match op {
                BinaryOp::And | BinaryOp::Mul => two(a, b, &|a, b| a * b),
                BinaryOp::Or => two(a, b, &|a, b| &(a + b) - &(a * b)),
                BinaryOp::Xor | BinaryOp::Add | BinaryOp::Sub => two(a, b, &|a, b| &(a + b) - &double(a, b)),
                BinaryOp::Eq => two(a, b, &|a, b| &(&Form::constant(1) - &(a + b)) + &double(a, b)),
                _ => Vec::new(),
            },
            // A sum or a difference that cannot leave its width.
            ExprKind::Binary(BinaryOp::Add, a, b) if most(a).saturating_add(most(b)) >> bits == 0 => {
                two(a, b, &|a, b| a + b)
            }
            ExprKind::Binary(BinaryOp::Sub, a, b) if least(a) >= most(b) => two(a, b, &|a, b| a - b),
            ExprKind::If(c, a, b) => {
                let mut ways = Vec::new();
                for (c, state) in self.value(c, state) {
                    for (a, state) in self.value(a, state) {
                        let choose = |(b, state)| (&b + &(&c * &(&a - &b)), state);
                        ways.extend(self.value(b, state).into_iter().map(choose));
                    }
                }
                ways
            }
            _ => Vec::new(),
        }
    }

    /// The value in a cell of its own, by a rule that matches anything.
    fn kept(&self, expr: &Expr, form: &Form, state: &State) -> Ways<Form> {
        let mut ways = Vec::new();
        for (at, rule) in self.units.rules.iter().enumerate() {
            if bare(rule) == Some(OperandKind::Any) && rule.operands[0].ty.width >= expr.ty.width {
                let given =
                    self.applied(at, &[Some(expr.clone())], std::slice::from_ref(form), state.clone());
                ways.extend(given.into_iter().map(|(given, state)| (given.value, state)));
            }
        }
        ways
    }

    /// An integer whose low bits are the value, and the greatest that it can be.
    fn wide(&self, expr: &Expr, limit: u32, state: State) -> Ways<(Form, u128)> {
        let whole = 1u128 << expr.ty.width;
        let mut ways: Ways<(Form, u128)> = Vec::new();
        let exact = |form: Form| (form, whole - 1);
        match &expr.kind {
            ExprKind::Binary(BinaryOp::Add, a, b) => {
                for ((a, most_a), state) in self.wide(a, limit, state.clone()) {
                    let sums = self.wide(b, limit, state);
                    ways.extend(
                        sums.into_iter().map(|((b, most_b), state)| ((&a + &b, most_a + most_b), state)),
                    );
                }
            }
            ExprKind::Binary(BinaryOp::Sub, a, b) => {
                for ((a, most), state) in self.wide(a, limit, state.clone()) {
                    let less =
                        |(b, state)| ((&(&a + &Form::constant(whole as i128)) - &b, most + whole), state);
                    ways.extend(self.value(b, state).into_iter().map(less));
                }
            }
            ExprKind::Unary(UnaryOp::Neg, a) => {
                let less = |(a, state)| ((&Form::constant(whole as i128) - &a, whole), state);
                ways.extend(self.value(a, state.clone()).into_iter().map(less));
            }
            ExprKind::Binary(BinaryOp::Shl, a, by) => {
                if let ExprKind::Const(by) = by.kind
                    && by < 8
                {
                    let more = |((a, most), state): ((Form, u128), State)| {
                        ((&Form::constant(1 << by) * &a, most << by), state)
                    };
                    ways.extend(self.wide(a, limit, state.clone()).into_iter().map(more));
                }
            }
            _ => {}
        }
        ways.retain(|((_, most), _)| *most < 1u128 << limit);
        // A sum of too many: one of them is a sum that is reduced.
        if let (ExprKind::Binary(BinaryOp::Add, a, b), true) = (&expr.kind, ways.is_empty()) {
            for (reduced, other) in [(a, b), (b, a)] {
                for (a, state) in self.value(reduced, state.clone()) {
                    let sums = self.wide(other, limit, state).into_iter();
                    ways.extend(sums.map(|((b, most), state)| ((&a + &b, whole - 1 + most), state)));
                }
            }
        } else if let (ExprKind::Binary(BinaryOp::Sub, a, b), true) = (&expr.kind, ways.is_empty()) {
            for (a, state) in self.value(a, state.clone()) {
                let sums = self.value(b, state).into_iter();
                let less = |(b, state)| ((&(&a + &Form::constant(whole as i128)) - &b, 2 * whole - 1), state);
                ways.extend(sums.map(less));
            }
        }
        ways.retain(|((_, most), _)| *most < 1u128 << limit);
        if ways.is_empty() {
            ways.extend(self.value(expr, state).into_iter().map(|(form, state)| (exact(form), state)));
        }
        self.fewest(ways)
    }

    /// All that rules give of a root.
    fn rules(&self, root: &Root<'_>, state: State) -> Ways<Given> {
        let mut ways = Vec::new();
        for (at, rule) in self.units.rules.iter().enumerate() {
            for bound in matches(rule, root) {
                let mut lowered: Ways<Vec<Form>> = vec![(Vec::new(), state.clone())];
                for (operand, expr) in rule.operands.iter().zip(&bound) {
                    let Some(expr) = expr else { continue };
                    let mut next = Vec::new();
                    for (forms, state) in lowered {
                        let one: Ways<Form> = match operand.kind {
                            OperandKind::Entry => vec![(self.entry(expr), state)],
                            OperandKind::Any => self.value(expr, state),
                            OperandKind::Wide(bits) => {
                                let wide = self.wide(expr, bits, state);
                                wide.into_iter().map(|((form, _), state)| (form, state)).collect()
                            }
                        };
                        next.extend(
                            one.into_iter().map(|(form, state)| ([&forms[..], &[form]].concat(), state)),
                        );
                    }
                    lowered = self.fewest(next);
                }
                for (forms, state) in lowered {
                    ways.extend(self.applied(at, &bound, &forms, state));
                }
            }
        }
        self.fewest(ways)
    }

    /// A rule with forms in the place of its operands; none if its uses cannot be joined to those that there are.
    fn applied(&self, at: usize, bound: &[Option<Expr>], forms: &[Form], state: State) -> Ways<Given> {
        let rule = &self.units.rules[at];
        let Some((places, mut state)) = self.joined(rule, (bound, forms), &state) else { return Vec::new() };
        let mut tables = Vec::new();
        let mut put = |form: &Form| self.put(rule, form, &places, (bound, forms), &mut tables);
        let value = put(&rule.give);
        let address = rule.address.as_ref().map(&mut put);
        let mut asserts: Vec<Form> =
            rule.asserts.iter().map(&mut put).filter(|form| !form.is_zero()).collect();
        // A number other than zero is never zero: the rule is for other numbers.
        let never = asserts.iter().any(|form| form.vars().is_empty());
        if never || !self.read(&tables, &mut state) {
            return Vec::new();
        }
        asserts.retain(|form| !state.selection.asserts.contains(form));
        let own = asserts.len();
        state.selection.asserts.extend(asserts);
        let operand = |name: &str| operand(rule, bound, name);
        for (used, cell, expr) in &rule.fill {
            let honest = normal(&substituted(expr, &operand));
            state.selection.fill.push(((places[*used], *cell), honest));
        }
        state.selection.rules.push(at);
        vec![(Given { value, address, asserts: own }, state)]
    }

    /// The uses of a rule joined to those that there are, with the unit of each, or the copy of it: the first that is fed
    /// alike or not yet.
    fn joined(
        &self,
        rule: &Rule,
        operands: (&[Option<Expr>], &[Form]),
        state: &State,
    ) -> Option<(Vec<usize>, State)> {
        let count = self.units.units.len();
        let mut places: Vec<usize> = rule.uses.iter().map(|used| used.unit).collect();
        loop {
            let mut joined = state.clone();
            let mut tables = Vec::new();
            let fails = |at: &usize| !self.join(rule, *at, &places, operands, (&mut joined, &mut tables));
            match (0..rule.uses.len()).find(fails) {
                // A use may feed on one that comes after it: what look-ups read is settled when all are there.
                None => return self.read(&tables, &mut joined).then_some((places, joined)),
                Some(at) if places[at] + count < self.copies * count => places[at] += count,
                Some(_) => return None,
            }
        }
    }

    /// Joins a use to those of the state; false if that unit is fed otherwise, or another that shares its cells is used.
    fn join(
        &self,
        rule: &Rule,
        at: usize,
        places: &[usize],
        operands: (&[Option<Expr>], &[Form]),
        (state, tables): (&mut State, &mut Vec<(usize, usize, usize)>),
    ) -> bool {
        let (used, place) = (&rule.uses[at], places[at]);
        let put = |(input, form): &(usize, Form)| (*input, self.put(rule, form, places, operands, tables));
        let mut inputs: Vec<(usize, Form)> = used.inputs.iter().map(put).collect();
        let unit = &self.units.units[used.unit];
        for (at, input) in unit.inputs.iter().enumerate() {
            if input.default != 0 && inputs.iter().all(|(given, _)| *given != at) {
                inputs.push((at, Form::constant(input.default)));
            }
        }
        tables.extend(used.tables.iter().map(|(slot, table)| (place, *slot, *table)));
        if !self.is_free(place, state) {
            return false;
        }
        let there = state.selection.uses.entry(place).or_default();
        for (input, form) in inputs {
            if *there.inputs.entry(input).or_insert_with(|| form.clone()) != form {
                return false;
            }
        }
        true
    }

    /// Whether a unit is used already, or shares no column with one that is.
    fn is_free(&self, place: usize, state: &State) -> bool {
        let uses = &state.selection.uses;
        uses.contains_key(&place)
            || self.copies > 1
            || !uses.keys().any(|other| self.units.share(*other, place))
    }

    /// Has slots read tables; false if one reads another already.
    fn read(&self, tables: &[(usize, usize, usize)], state: &mut State) -> bool {
        tables.iter().all(|(place, slot, table)| {
            state
                .selection
                .uses
                .get_mut(place)
                .is_some_and(|used| *used.tables.entry(*slot).or_insert(*table) == *table)
        })
    }

    /// A rule's form over cells; `tables` gets what its outputs have to read: unit, slot, table.
    fn put(
        &self,
        rule: &Rule,
        form: &Form,
        places: &[usize],
        (bound, forms): (&[Option<Expr>], &[Form]),
        tables: &mut Vec<(usize, usize, usize)>,
    ) -> Form {
        let operand = |name: &str| operand(rule, bound, name);
        form.put(&mut |var| match var {
            Var::Operand(at) => Some(forms[at].clone()),
            Var::Output(used, output) => {
                let place = places[used];
                let unit = &self.units.units[rule.uses[used].unit];
                let Some(output) = unit.outputs.get(output) else {
                    let cell = output - unit.outputs.len();
                    tables.extend(
                        self.value_tables(&rule.uses[used], cell).map(|(slot, table)| (place, slot, table)),
                    );
                    return Some(Form::from(Var::Cell(place, cell)));
                };
                tables.extend(output.tables.iter().map(|(slot, table)| (place, *slot, *table)));
                Some(output.form.put(&mut |var| match var {
                    Var::Cell(_, cell) => Some(Form::from(Var::Cell(place, cell))),
                    _ => None,
                }))
            }
            Var::Entry(at) => Some(self.entry(&normal(&substituted(&self.units.templates[at], &operand)))),
            _ => None,
        })
    }

    /// The look-ups that give a cell its value, each with the table that a use reads there.
    fn value_tables(&self, used: &super::Use, cell: usize) -> impl Iterator<Item = (usize, usize)> {
        let slots = self.units.units[used.unit].slots.iter().enumerate();
        slots.filter_map(move |(at, slot)| {
            let named = used.tables.iter().find(|(named, _)| *named == at);
            let table = named.map_or(slot.table, |(_, table)| *table);
            slot.places[self.units.tables[table].keys.len()..].contains(&cell).then_some((at, table))
        })
    }

    /// The form of what the entry knows.
    fn entry(&self, expr: &Expr) -> Form {
        let mut varies = false;
        walk(expr, &mut |part| varies |= matches!(part.kind, ExprKind::Imm | ExprKind::Pc));
        if !varies {
            return Form::constant(super::row::eval(expr, &|_| 0).into());
        }
        let mut entries = self.entries.borrow_mut();
        let known = entries.iter().position(|known| known == expr);
        let at = known.unwrap_or_else(|| {
            entries.push(expr.clone());
            entries.len() - 1
        });
        Form::from(Var::Entry(at))
    }

    /// Fills in the tables of slots that no rule asks for, and of a word that nothing stores that it stays.
    fn complete(&self, selection: &mut Selection) {
        if let Some(port) = self.units.port(Port::Memory)
            && let Some(used) = selection.uses.get_mut(&port)
        {
            used.inputs.entry(0).or_insert_with(|| Form::from(Var::Cell(port, 0)));
        }
        for (place, used) in &mut selection.uses {
            for (at, slot) in self.units.units[place % self.units.units.len()].slots.iter().enumerate() {
                used.tables.entry(at).or_insert(slot.table);
            }
        }
    }

    /// The highest degree of what the selection makes of relations: a product that an input is part of has a column of the
    /// code table as its coefficient.
    fn degree(&self, selection: &Selection) -> usize {
        let wired = |form: &Form| if form.is_zero() { 0 } else { form.degree() + 1 };
        let next = std::iter::once(&selection.next).chain(&selection.address).map(wired);
        let asserts = selection.asserts.iter().map(wired);
        let units = selection.uses.iter().flat_map(|(place, used)| {
            let unit = &self.units.units[place % self.units.units.len()];
            unit.relations.iter().map(|relation| {
                let degree = |product: &[Var]| {
                    let mut wired = false;
                    let sum: usize = product
                        .iter()
                        .map(|var| match var {
                            Var::Input(at) => {
                                wired = true;
                                used.inputs.get(at).map_or(0, Form::degree)
                            }
                            Var::On => {
                                wired = true;
                                0
                            }
                            _ => 1,
                        })
                        .sum();
                    sum + usize::from(wired)
                };
                relation.form.terms().map(|(product, _)| degree(product)).max().unwrap_or_default()
            })
        });
        next.chain(asserts).chain(units).max().unwrap_or_default()
    }
}

impl Units {
    /// Whether two units share a column.
    pub fn share(&self, a: usize, b: usize) -> bool {
        let (a, b) = (a % self.units.len(), b % self.units.len());
        let homes = |unit: usize| (0..self.units[unit].cells.len()).map(move |cell| self.home((unit, cell)));
        a != b && homes(a).any(|home| homes(b).any(|other| other == home))
    }
}

/// The expression that an operand of a rule stands for.
fn operand(rule: &Rule, bound: &[Option<Expr>], name: &str) -> Option<Expr> {
    rule.operands.iter().position(|operand| operand.name == name).and_then(|at| bound[at].clone())
}

/// What a rule gives.
#[derive(Clone, Debug, PartialEq)]
struct Given {
    value: Form,
    address: Option<Form>,
    /// How many of the selection's assertions are the rule's own, the last.
    asserts: usize,
}

/// What is to be brought down.
enum Root<'a> {
    Value(&'a Expr),
    Load(u32, &'a Expr),
    Store(u32, &'a Expr, &'a Expr),
    Jump(&'a Expr),
    Require(&'a Expr),
}

/// The kind of the operand that is all of a rule's pattern.
fn bare(rule: &Rule) -> Option<OperandKind> {
    match &rule.pattern {
        Pattern::Value(Expr { kind: ExprKind::Local(_), .. }) => Some(rule.operands[0].kind),
        _ => None,
    }
}

/// All ways in which a rule matches: an expression for each operand.
fn matches(rule: &Rule, root: &Root<'_>) -> Vec<Vec<Option<Expr>>> {
    let start = vec![vec![None; rule.operands.len()]];
    match (&rule.pattern, root) {
        (Pattern::Value(_), Root::Value(expr)) if bare(rule).is_some() => {
            let sums = matches!(
                expr.kind,
                ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub, ..) | ExprKind::Unary(UnaryOp::Neg, _)
            );
            let wide = matches!(bare(rule), Some(OperandKind::Wide(_)));
            let applies = wide && sums && expr.ty == rule.operands[0].ty;
            if applies { vec![vec![Some((*expr).clone())]] } else { Vec::new() }
        }
        (Pattern::Value(pattern), Root::Value(expr)) => unify(rule, pattern, expr, start),
        (Pattern::Load(bits, pattern), Root::Load(width, address)) if bits == width => {
            unify(rule, pattern, address, start)
        }
        (Pattern::Store(bits, pattern, stored), Root::Store(width, address, value)) if bits == width => {
            let found = unify(rule, pattern, address, start);
            unify(rule, stored, value, found)
        }
        (Pattern::Jump(pattern), Root::Jump(target)) => unify(rule, pattern, target, start),
        (Pattern::Require(pattern), Root::Require(condition)) => unify(rule, pattern, condition, start),
        _ => Vec::new(),
    }
}

fn unify(rule: &Rule, pattern: &Expr, expr: &Expr, found: Vec<Vec<Option<Expr>>>) -> Vec<Vec<Option<Expr>>> {
    if pattern.ty != expr.ty || found.is_empty() {
        return Vec::new();
    }
    match (&pattern.kind, &expr.kind) {
        (ExprKind::Local(name), _) => {
            let Some(at) = rule.operands.iter().position(|operand| operand.name == *name) else {
                return Vec::new();
            };
            if rule.operands[at].kind == OperandKind::Entry && !is_entry(expr) {
                return Vec::new();
            }
            let mut found = found;
            found.retain_mut(|bound| *bound[at].get_or_insert_with(|| expr.clone()) == *expr);
            found
        }
        (ExprKind::Const(a), ExprKind::Const(b)) if a == b => found,
        (ExprKind::Loaded, ExprKind::Loaded) | (ExprKind::Taken, ExprKind::Taken) => found,
        (ExprKind::Allows(stores, a), ExprKind::Allows(other, b)) if stores == other => {
            unify(rule, a, b, found)
        }
        (ExprKind::Unary(op, a), ExprKind::Unary(other, b)) if op == other => unify(rule, a, b, found),
        (ExprKind::Slice(a, lo), ExprKind::Slice(b, other)) if lo == other => unify(rule, a, b, found),
        (ExprKind::Extend(a, signed), ExprKind::Extend(b, other)) if signed == other => {
            unify(rule, a, b, found)
        }
        (ExprKind::Reinterpret(a), ExprKind::Reinterpret(b)) => unify(rule, a, b, found),
        (ExprKind::If(c, a, b), ExprKind::If(d, x, y)) => {
            let found = unify(rule, c, d, found);
            let found = unify(rule, a, x, found);
            unify(rule, b, y, found)
        }
        (ExprKind::Binary(op, a, b), ExprKind::Binary(other, x, y)) if op == other => {
            let mut ways = unify(rule, b, y, unify(rule, a, x, found.clone()));
            if commutes(*op) {
                let swapped = unify(rule, b, x, unify(rule, a, y, found));
                ways.extend(swapped.into_iter().filter(|way| !ways.contains(way)).collect::<Vec<_>>());
            }
            ways
        }
        _ => Vec::new(),
    }
}

const fn commutes(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Add | BinaryOp::Mul | BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Eq)
}

/// What a value is at most, as far as its form says.
fn most(expr: &Expr) -> u128 {
    let all = (1u128 << expr.ty.width) - 1;
    match &expr.kind {
        _ if expr.ty.signed => all,
        ExprKind::Const(value) => (*value).into(),
        ExprKind::Extend(a, false) | ExprKind::Slice(a, 0) => most(a).min(all),
        ExprKind::Binary(BinaryOp::Add, a, b) if most(a).saturating_add(most(b)) <= all => most(a) + most(b),
        ExprKind::Binary(BinaryOp::Sub, a, b) if least(a) >= most(b) => most(a) - least(b),
        _ => all,
    }
}

/// What a value is at least.
fn least(expr: &Expr) -> u128 {
    match &expr.kind {
        _ if expr.ty.signed => 0,
        ExprKind::Const(value) => (*value).into(),
        ExprKind::Extend(a, false) => least(a),
        _ => 0,
    }
}

/// Whether the code table's entry knows the value.
pub fn is_entry(expr: &Expr) -> bool {
    let mut entry = true;
    walk(expr, &mut |part| {
        entry &= !matches!(
            part.kind,
            ExprKind::Read(_)
                | ExprKind::Loaded
                | ExprKind::Taken
                | ExprKind::Allows(..)
                | ExprKind::Local(_)
        );
    });
    entry
}

/// With the values of its `let`s in their place.
fn inlined(expr: &Expr, locals: &[(String, Expr)]) -> Expr {
    substituted(expr, &|name| locals.iter().find(|(local, _)| local == name).map(|(_, value)| value.clone()))
}

/// With expressions in the place of names.
pub fn substituted(expr: &Expr, of: &dyn Fn(&str) -> Option<Expr>) -> Expr {
    if let ExprKind::Local(name) = &expr.kind
        && let Some(value) = of(name)
    {
        return value;
    }
    rebuilt(expr, &|part| substituted(part, of))
}

/// With other operands.
pub(crate) fn rebuilt(expr: &Expr, of: &dyn Fn(&Expr) -> Expr) -> Expr {
    let part = |a: &Expr| Box::new(of(a));
    let kind = match &expr.kind {
        ExprKind::Unary(op, a) => ExprKind::Unary(*op, part(a)),
        ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, part(a), part(b)),
        ExprKind::Slice(a, lo) => ExprKind::Slice(part(a), *lo),
        ExprKind::Extend(a, signed) => ExprKind::Extend(part(a), *signed),
        ExprKind::Reinterpret(a) => ExprKind::Reinterpret(part(a)),
        ExprKind::Allows(stores, a) => ExprKind::Allows(*stores, part(a)),
        ExprKind::If(c, a, b) => ExprKind::If(part(c), part(a), part(b)),
        leaf => leaf.clone(),
    };
    Expr { kind, ty: expr.ty, place: expr.place.clone() }
}

/// One form of what the language says in several: comparisons by `<` and `==`, slices of what is not extended, conversions
/// that change nothing left out, numbers worked out.
pub fn normal(expr: &Expr) -> Expr {
    let expr = rebuilt(expr, &normal);
    let written = expr.place.0.clone();
    let bit = |kind| Expr::new(kind, Type::unsigned(1)).at(written.clone());
    let not = |a: Expr| bit(ExprKind::Unary(UnaryOp::Not, Box::new(a)));
    let less =
        |a: &Expr, b: &Expr| bit(ExprKind::Binary(BinaryOp::Lt, Box::new(a.clone()), Box::new(b.clone())));
    let slice = |a: &Expr, lo: u32| {
        normal(&Expr::new(ExprKind::Slice(Box::new(a.clone()), lo), expr.ty).at(written.clone()))
    };
    match &expr.kind {
        ExprKind::Binary(BinaryOp::Gt, a, b) => less(b, a),
        ExprKind::Binary(BinaryOp::Ge, a, b) => not(less(a, b)),
        ExprKind::Binary(BinaryOp::Le, a, b) => not(less(b, a)),
        ExprKind::Binary(BinaryOp::Ne, a, b) => {
            not(bit(ExprKind::Binary(BinaryOp::Eq, a.clone(), b.clone())))
        }
        ExprKind::Slice(a, 0) if a.ty == expr.ty => (**a).clone(),
        ExprKind::Slice(a, lo) => match &a.kind {
            ExprKind::Slice(inner, base) => slice(inner, lo + base),
            ExprKind::Extend(inner, _) if lo + expr.ty.width <= inner.ty.width => slice(inner, *lo),
            ExprKind::Reinterpret(inner) => slice(inner, *lo),
            _ => folded(expr),
        },
        ExprKind::Reinterpret(a) => match &a.kind {
            ExprKind::Reinterpret(inner) if inner.ty == expr.ty => (**inner).clone(),
            _ => folded(expr),
        },
        _ => folded(expr),
    }
}

/// The number that an operation on numbers is.
fn folded(expr: Expr) -> Expr {
    let numbers = |parts: &[&Expr]| parts.iter().all(|part| matches!(part.kind, ExprKind::Const(_)));
    let is_number = match &expr.kind {
        ExprKind::Unary(_, a) | ExprKind::Extend(a, _) | ExprKind::Reinterpret(a) | ExprKind::Slice(a, _) => {
            numbers(&[a])
        }
        ExprKind::Binary(_, a, b) => numbers(&[a, b]),
        ExprKind::If(c, a, b) => numbers(&[c, a, b]),
        _ => false,
    };
    match is_number {
        true => Expr { kind: ExprKind::Const(super::row::eval(&expr, &|_| 0)), ..expr },
        false => expr,
    }
}
