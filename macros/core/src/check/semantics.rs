//! An instruction's semantics: statements, and the limits that make a row O(1).

use syn::Stmt;

use super::XLEN;
use super::expr::{Scope, Typer, function_name, parse, unknown_function};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::{Expr, ExprKind, Semantics, Statement, TrapKind, Type};
use crate::model::{Format, Model, Operand, READS, Recorded, WRITES};
use crate::parse::{Entry, Text, VariantTable};

/// The functions that are statements, by name.
pub const STATEMENTS: [&str; 6] = ["store", "jump", "trap", "call", "output", "exit"];

/// The numbers of the output and of messages.
const OUTPUTS: [u32; 2] = [1, 2];

/// Names that a `let` cannot take, beside the ports': what columns can record.
const TAKEN: [&str; 5] = ["pc", "imm", "index", "next_pc", "input"];

/// The registers that an instruction's ports have.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) writes: [Operand; WRITES.len()],
    pub(super) reads: [Operand; READS.len()],
}

impl Ports {
    /// Leaves out the ports that a word names: a call's variant has no word of its own.
    pub(super) fn fixed(&mut self) {
        for port in self.writes.iter_mut().chain(&mut self.reads) {
            if matches!(port, Operand::Field(_)) {
                *port = Operand::None;
            }
        }
    }

    /// The read port that has a destination, where the semantics read it: a free one.
    pub(super) fn rereads(&self, destination: usize) -> Option<usize> {
        let mut free = (0..READS.len()).filter(|port| self.reads[*port] == Operand::None);
        free.nth(destination).filter(|_| self.writes[destination] != Operand::None)
    }
}

/// Types the text of an instruction's semantics.
pub(super) fn semantics(
    text: &Text,
    ports: Ports,
    format: &Format,
    errors: &mut Vec<Diagnostic>,
) -> Semantics {
    let mut scope = SemanticsScope::new(ports, format.imm.is_some(), Place::Instruction);
    let semantics = Semantics { statements: scope.statements(text, errors) };
    limits(text, &semantics, errors);
    semantics
}

/// Types a variant of a call: what its call's `let`s name, as far as it uses that, what must hold, and what it does.
pub(super) fn variant(
    (lets, variant): (&[Entry<Text>], &VariantTable),
    ports: Ports,
    number: Expr,
    errors: &mut Vec<Diagnostic>,
) -> Semantics {
    let mut scope = SemanticsScope::new(ports, false, Place::Condition);
    let mut names = Vec::new();
    for Entry { key, value } in lets {
        if scope.is_taken(&key.value) {
            let message = format!("`{}` has a meaning already", key.value);
            errors.push(Diagnostic::new(Code::DuplicateName, &key.span, message).hint("choose another name"));
        }
        match scope.value(value, None, errors) {
            Some(value) => {
                scope.locals.push((key.value.clone(), value.ty));
                names.push(Statement::Let(key.value.clone(), value));
            }
            None => scope.mistaken.push(key.value.clone()),
        }
    }
    let mut rest = vec![Statement::Require(number)];
    for text in &variant.when {
        rest.extend(scope.value(text, Some(Type::unsigned(1)), errors).map(Statement::Require));
    }
    scope.stands = Place::Call;
    rest.extend(scope.statements(&variant.semantics, errors));
    // From the last to the first: a name may be used by one that is used.
    for name in names.into_iter().rev() {
        let Statement::Let(local, _) = &name else { continue };
        let used = Semantics { statements: rest.clone() }.uses(&ExprKind::Local(local.clone()));
        if used {
            rest.insert(0, name);
        }
    }
    let semantics = Semantics { statements: rest };
    limits(&variant.semantics, &semantics, errors);
    semantics
}

/// Where an expression or a statement stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Instruction,
    /// A condition of a call's variant, or a name for a value that conditions use.
    Condition,
    /// A variant's semantics.
    Call,
}

struct SemanticsScope {
    stands: Place,
    ports: Ports,
    has_imm: bool,
    locals: Vec<(String, Type)>,
    /// Names whose values have errors of their own.
    mistaken: Vec<String>,
    effects: Vec<Statement>,
    conditional: bool,
}

impl SemanticsScope {
    fn new(ports: Ports, has_imm: bool, stands: Place) -> Self {
        Self {
            stands,
            ports,
            has_imm,
            locals: Vec::new(),
            mistaken: Vec::new(),
            effects: Vec::new(),
            conditional: false,
        }
    }

    fn statements(&mut self, text: &Text, errors: &mut Vec<Diagnostic>) -> Vec<Statement> {
        let Some(block) = parse::<syn::Block>(text, "{", "\n}", errors) else { return Vec::new() };
        let mut statements = Vec::new();
        for statement in &block.stmts {
            let mut typer = Typer { text, offset: 1, scope: &mut *self, errors };
            let typed = typer.statement(statement, None);
            // A load within the statement comes before it.
            statements.append(&mut self.effects);
            statements.extend(typed.into_iter().flatten());
        }
        statements
    }

    /// An expression that is a text of its own.
    fn value(&mut self, text: &Text, ty: Option<Type>, errors: &mut Vec<Diagnostic>) -> Option<Expr> {
        let parsed = parse::<syn::Expr>(text, "", "", errors)?;
        let mut typer = Typer { text, offset: 0, scope: self, errors };
        let mut value = match ty {
            Some(ty) => typer.expr_of(&parsed, ty, "a condition")?,
            None => typer.expr(&parsed, None)?,
        };
        value.forget_places();
        Some(value)
    }

    /// Whether a name means something already.
    fn is_taken(&self, name: &str) -> bool {
        let taken = TAKEN.into_iter().chain(READS).chain(WRITES).any(|taken| taken == name);
        taken || self.name(name).is_some() || name.starts_with("r#")
    }

    /// The read port of that name: of a destination the one that reads it.
    fn port(&self, name: &str) -> Option<usize> {
        if let Some(destination) = WRITES.iter().position(|port| *port == name) {
            return self.ports.rereads(destination);
        }
        let port = READS.iter().position(|port| *port == name)?;
        (self.ports.reads[port] != Operand::None).then_some(port)
    }
}

impl Scope for SemanticsScope {
    fn name(&self, name: &str) -> Option<Expr> {
        let word = Type::unsigned(XLEN);
        if let Some((_, ty)) = self.locals.iter().find(|(local, _)| local == name) {
            return Some(Expr::new(ExprKind::Local(name.to_owned()), *ty));
        }
        let kind = match name {
            "pc" => ExprKind::Pc,
            "imm" if self.has_imm => ExprKind::Imm,
            _ => ExprKind::Read(self.port(name)?),
        };
        Some(Expr::new(kind, word))
    }

    fn member(&self, _base: &str, _member: &str) -> Option<Expr> {
        None
    }

    fn names(&self) -> Vec<String> {
        let ports = READS.into_iter().chain(WRITES).filter(|name| self.port(name).is_some());
        let mut names: Vec<String> = ports.map(str::to_owned).collect();
        names.extend(self.has_imm.then(|| "imm".to_owned()));
        names.push("pc".to_owned());
        names.extend(self.locals.iter().map(|(name, _)| name.clone()));
        names
    }

    fn set_conditional(&mut self, conditional: bool) -> bool {
        std::mem::replace(&mut self.conditional, conditional)
    }

    fn is_mistaken(&self, name: &str) -> bool {
        self.mistaken.iter().any(|mistaken| mistaken == name)
    }

    fn load(&mut self, bits: u32, address: Expr) -> Result<Expr, &'static str> {
        if self.stands == Place::Condition {
            return Err("which variant a call is must be known before memory is accessed");
        }
        if self.conditional {
            return Err("a load cannot depend on a condition: every row has the same columns");
        }
        self.effects.push(Statement::Load { bits, address });
        Ok(Expr::new(ExprKind::Loaded, Type::unsigned(bits)))
    }

    fn input(&mut self, stream: u8, left: Expr, count: Expr) -> Result<Expr, &'static str> {
        if self.stands != Place::Call {
            return Err("only the semantics of a call take input");
        }
        if self.conditional {
            return Err("what is taken cannot depend on a condition: that is for the call's variants");
        }
        self.effects.push(Statement::Input { stream, left, count });
        Ok(Expr::new(ExprKind::Taken, Type::unsigned(XLEN)))
    }

    fn asks_policy(&self) -> bool {
        self.stands == Place::Condition
    }
}

impl Typer<'_, SemanticsScope> {
    /// One statement of the language; under `condition` only jumps and traps may stand.
    fn statement(&mut self, statement: &Stmt, condition: Option<&Expr>) -> Option<Vec<Statement>> {
        match statement {
            Stmt::Local(local) if condition.is_none() => self.local(local).map(|local| vec![local]),
            Stmt::Expr(syn::Expr::Assign(assign), _) if condition.is_none() => {
                self.assign(assign).map(|write| vec![write])
            }
            Stmt::Expr(syn::Expr::If(choice), _) if condition.is_none() => self.conditional(choice),
            Stmt::Expr(syn::Expr::Call(call), _) => self.effect(call, condition).map(|effect| vec![effect]),
            other => {
                let place = self.place(other);
                let hint = if condition.is_some() {
                    "only jump(…) and trap(…) can depend on a condition; a value can, as in rd = if c { a } else { b }"
                } else {
                    "let x = …; rd = …; store::<N>(address, value); jump(target); trap(cause); if c { jump(target) }"
                };
                self.error(
                    Diagnostic::new(Code::UnsupportedSyntax, &place, "this is no statement of the language")
                        .hint(hint),
                )
            }
        }
    }

    fn local(&mut self, local: &syn::Local) -> Option<Statement> {
        let place = self.place(local);
        let (syn::Pat::Ident(name), Some(init)) = (&local.pat, &local.init) else {
            return self.error(
                Diagnostic::new(Code::UnsupportedSyntax, &place, "this is no name for a value")
                    .hint("write let name = value;"),
            );
        };
        let plain = name.by_ref.is_none() && name.mutability.is_none() && name.subpat.is_none();
        if !plain || init.diverge.is_some() {
            self.scope.mistaken.push(name.ident.to_string());
            return self.error(
                Diagnostic::new(Code::UnsupportedSyntax, &place, "this is no name for a value")
                    .hint("write let name = value;"),
            );
        }
        let name = name.ident.to_string();
        if self.scope.is_taken(&name) {
            self.scope.mistaken.push(name.clone());
            return self.error(
                Diagnostic::new(Code::DuplicateName, &place, format!("`{name}` has a meaning already"))
                    .hint("choose another name"),
            );
        }
        let Some(value) = self.expr(&init.expr, None) else {
            self.scope.mistaken.push(name);
            return None;
        };
        self.scope.locals.push((name.clone(), value.ty));
        Some(Statement::Let(name, value))
    }

    fn assign(&mut self, assign: &syn::ExprAssign) -> Option<Statement> {
        let port = WRITES
            .iter()
            .position(|name| matches!(&*assign.left, syn::Expr::Path(path) if path.path.is_ident(name)));
        let Some(port) = port.filter(|port| self.scope.ports.writes[*port] != Operand::None) else {
            let place = self.place(&assign.left);
            return self.error(
                Diagnostic::new(
                    Code::BadAssignment,
                    &place,
                    "only `rd` and `rd2` can be assigned, where the format or `registers` has them",
                )
                .hint("name other values with let"),
            );
        };
        let value = self.expr_of(&assign.right, Type::unsigned(XLEN), WRITES[port])?;
        Some(Statement::Write(port, value))
    }

    fn conditional(&mut self, choice: &syn::ExprIf) -> Option<Vec<Statement>> {
        let condition = self.expr_of(&choice.cond, Type::unsigned(1), "a condition")?;
        if let Some((_, otherwise)) = &choice.else_branch {
            let place = self.place(&**otherwise);
            return self.error(
                Diagnostic::new(Code::UnsupportedSyntax, &place, "a conditional statement has no `else`")
                    .hint(
                        "choose with an expression: rd = if c { a } else { b }, jump(if c { a } else { b })",
                    ),
            );
        }
        if choice.then_branch.stmts.is_empty() {
            let place = self.place(choice);
            return self.error(
                Diagnostic::new(Code::UnsupportedSyntax, &place, "nothing depends on this condition")
                    .hint("if c { jump(target) }, if c { trap(cause) }"),
            );
        }
        self.scope.set_conditional(true);
        let statements: Option<Vec<Vec<Statement>>> = choice
            .then_branch
            .stmts
            .iter()
            .map(|statement| self.statement(statement, Some(&condition)))
            .collect();
        self.scope.set_conditional(false);
        statements.map(|statements| statements.into_iter().flatten().collect())
    }

    fn effect(&mut self, call: &syn::ExprCall, condition: Option<&Expr>) -> Option<Statement> {
        let place = self.place(call);
        let word = Type::unsigned(XLEN);
        let (name, width) = function_name(&call.func);
        let arguments: Vec<&syn::Expr> = call.args.iter().collect();
        let stands = self.scope.stands;
        match (name.as_str(), width, arguments.as_slice()) {
            ("store" | "output" | "exit", ..) if condition.is_some() && stands == Place::Call => self.error(
                Diagnostic::new(
                    Code::MisplacedEffect,
                    &place,
                    "what a call does cannot depend on a condition",
                )
                .hint("make a [[call.variant]] of each case: when = [\"…\"]"),
            ),
            ("jump", None, [target]) if stands == Place::Instruction => {
                let target = self.expr_of(target, word, "a jump's target")?;
                Some(Statement::Jump { condition: condition.cloned(), target })
            }
            ("trap", None, [cause]) if stands == Place::Instruction => {
                let cause = match cause {
                    syn::Expr::Path(path) if path.path.is_ident("breakpoint") => TrapKind::Breakpoint,
                    syn::Expr::Path(path) if path.path.is_ident("undecodable") => TrapKind::Undecodable,
                    _ => {
                        return self.error(
                            Diagnostic::new(Code::UnknownTrap, &place, "there is no such cause of a trap")
                                .hint("breakpoint, undecodable"),
                        );
                    }
                };
                Some(Statement::Trap { condition: condition.cloned(), cause })
            }
            ("store", Some(bits @ (8 | 16 | 32)), [address, value]) if condition.is_none() => {
                let address = self.expr_of(address, word, "an address");
                let value = self.expr_of(value, Type::unsigned(bits), "the value stored");
                Some(Statement::Store { bits, address: address?, value: value? })
            }
            ("call", None, [number]) if condition.is_none() && stands == Place::Instruction => {
                let number = self.expr_of(number, word, "a call's number")?;
                Some(Statement::Call { number })
            }
            ("output", Some(stream), [position, count, value])
                if condition.is_none() && stands == Place::Call =>
            {
                if !OUTPUTS.contains(&stream) {
                    return self.error(
                        Diagnostic::new(
                            Code::CallStream,
                            &place,
                            format!("no output has the number {stream}"),
                        )
                        .hint("output::<1> puts out bytes of the output, output::<2> of messages"),
                    );
                }
                let position = self.expr_of(position, word, "a position");
                let count = self.expr_of(count, word, "a count");
                let value = self.expr_of(value, word, "what is put out");
                let stream = stream as u8;
                Some(Statement::Output { stream, position: position?, count: count?, value: value? })
            }
            ("exit", None, [code]) if condition.is_none() && stands == Place::Call => {
                let code = self.expr_of(code, word, "an exit code")?;
                if !matches!(code.kind, ExprKind::Read(_)) {
                    return self.error(
                        Diagnostic::new(Code::ExitCode, &place, "an exit code is the value of a register")
                            .hint("a row says nothing else of it: name a port, as in exit(rs2)"),
                    );
                }
                Some(Statement::Exit(code))
            }
            _ => {
                let (known, hint): (&[&str], _) = match stands {
                    Place::Call => (
                        &["store", "output", "exit"],
                        "in a call: store::<8|16|32>(address, value), output::<1|2>(position, count, bytes), exit(code)",
                    ),
                    _ => (
                        &["store", "jump", "trap", "call"],
                        "store::<8|16|32>(address, value), jump(target), trap(cause), call(number)",
                    ),
                };
                self.error(unknown_function(&place, &name, known).hint(hint))
            }
        }
    }
}

/// At most one memory access, which may load and then store; one write of each destination, one jump; a call has the row
/// to itself; nothing follows a trap.
fn limits(text: &Text, semantics: &Semantics, errors: &mut Vec<Diagnostic>) {
    if semantics.always_traps() && semantics.statements.len() > 1 {
        errors.push(
            Diagnostic::new(
                Code::Unreachable,
                &text.span,
                "an instruction that always traps does nothing else",
            )
            .hint("leave trap(…) alone, or put it under a condition"),
        );
    }
    let count = |of: fn(&Statement) -> bool| semantics.statements.iter().filter(|s| of(s)).count();
    let loads = count(|s| matches!(s, Statement::Load { .. }));
    let stores = count(|s| matches!(s, Statement::Store { .. }));
    let calls = count(|s| matches!(s, Statement::Call { .. }));
    let jumps = count(|s| matches!(s, Statement::Jump { .. }));
    let whose = if count(|s| matches!(s, Statement::Require(_))) > 0 { "call" } else { "instruction" };
    let mut too_many = |what: &str, hint: &str| {
        errors.push(
            Diagnostic::new(Code::TooManyPorts, &text.span, format!("this {whose} has {what}")).hint(hint),
        );
    };
    if loads > 1 || stores > 1 || (loads + stores == 2 && !semantics.updates()) {
        let kinds = semantics.statements.iter().filter_map(|statement| match statement {
            Statement::Load { .. } => Some(true),
            Statement::Store { .. } => Some(false),
            _ => None,
        });
        let hint = if kinds.eq([false, true]) {
            "load first: what is stored is stored at the row's end, wherever it is written"
        } else {
            "a row has columns for one: a load, a store, or a load and then a store of as many bits at the same address"
        };
        too_many("two memory accesses", hint);
    }
    for (port, name) in WRITES.into_iter().enumerate() {
        let writes =
            semantics.statements.iter().filter(|s| matches!(s, Statement::Write(of, _) if *of == port));
        if writes.count() > 1 {
            too_many(&format!("two writes of {name}"), "a row has columns for one");
        }
    }
    if jumps > 1 {
        too_many("two jumps", "choose the target with if/else");
    }
    if calls > 1 || (calls == 1 && semantics.statements.len() > 1) {
        too_many("a call and another effect", "what a call does is said by its variants");
    }
    for (what, times) in [
        ("two pieces of input", count(|s| matches!(s, Statement::Input { .. }))),
        ("two pieces of output", count(|s| matches!(s, Statement::Output { .. }))),
        ("two exit codes", count(|s| matches!(s, Statement::Exit(_)))),
    ] {
        if times > 1 {
            too_many(what, "a row has room for one");
        }
    }
}

/// Names that nothing uses: a value that no row shows and no effect has.
pub(super) fn unused(model: &Model, errors: &mut Vec<Diagnostic>) {
    for instruction in model.kinds() {
        for statement in &instruction.semantics.statements {
            let Statement::Let(name, value) = statement else { continue };
            let source = Recorded::Local(name.clone());
            // A variant loads to access the word that its conditions ask for.
            let accesses = instruction.is_variant() && matches!(value.kind, ExprKind::Loaded);
            if !accesses
                && model.recording(&source).is_none()
                && !instruction.semantics.uses(&ExprKind::Local(name.clone()))
            {
                errors.push(
                    Diagnostic::new(
                        Code::UnusedName,
                        &instruction.written.at(value.place.0.clone()),
                        format!("nothing uses `{name}` of `{}`", instruction.name),
                    )
                    .label("computed, and dropped")
                    .hint("leave the `let` out, or record it in a column"),
                );
            }
        }
    }
}
