//! An instruction's semantics: statements, and the limits that make a row O(1).

use syn::Stmt;

use super::XLEN;
use super::expr::{Scope, Typer, function_name, parse, unknown_function};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::{Expr, ExprKind, Semantics, Statement, TrapKind, Type};
use crate::model::{Format, Model, Operand, READS, Recorded, WRITES};
use crate::parse::Text;

/// The functions that are statements, by name.
pub const STATEMENTS: [&str; 3] = ["store", "jump", "trap"];

/// Names that a `let` cannot take, beside the ports': what columns can record.
const TAKEN: [&str; 5] = ["pc", "imm", "index", "next_pc", "input"];

/// The registers that an instruction's ports have.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) writes: [Operand; WRITES.len()],
    pub(super) reads: [Operand; READS.len()],
}

impl Ports {
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
    let Some(block) = parse::<syn::Block>(text, "{", "\n}", errors) else { return Semantics::default() };
    let mut scope = SemanticsScope {
        ports,
        has_imm: format.imm.is_some(),
        locals: Vec::new(),
        mistaken: Vec::new(),
        effects: Vec::new(),
        conditional: false,
    };
    let mut statements = Vec::new();
    for statement in &block.stmts {
        let mut typer = Typer { text, offset: 1, scope: &mut scope, errors };
        let typed = typer.statement(statement, None);
        // A load or a call within the statement comes before it.
        statements.append(&mut scope.effects);
        statements.extend(typed.into_iter().flatten());
    }
    let semantics = Semantics { statements };
    limits(text, &semantics, errors);
    semantics
}

struct SemanticsScope {
    ports: Ports,
    has_imm: bool,
    locals: Vec<(String, Type)>,
    /// Names whose values have errors of their own.
    mistaken: Vec<String>,
    effects: Vec<Statement>,
    conditional: bool,
}

impl SemanticsScope {
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
        if self.conditional {
            return Err("a load cannot depend on a condition: every row has the same columns");
        }
        self.effects.push(Statement::Load { bits, address });
        Ok(Expr::new(ExprKind::Loaded, Type::unsigned(bits)))
    }

    fn call(&mut self, arguments: Vec<Expr>) -> Result<Expr, &'static str> {
        if self.conditional {
            return Err("a call cannot depend on a condition: every row has the same columns");
        }
        self.effects.push(Statement::Call { arguments });
        Ok(Expr::new(ExprKind::Replied, Type::unsigned(XLEN)))
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
        let is_taken = TAKEN.into_iter().chain(READS).chain(WRITES).any(|taken| taken == name);
        if self.scope.name(&name).is_some() || is_taken || name.starts_with("r#") {
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
        match (name.as_str(), width, arguments.as_slice()) {
            ("jump", None, [target]) => {
                let target = self.expr_of(target, word, "a jump's target")?;
                Some(Statement::Jump { condition: condition.cloned(), target })
            }
            ("trap", None, [cause]) => {
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
            _ => self.error(
                unknown_function(&place, &name, &STATEMENTS)
                    .hint("store::<8|16|32>(address, value), jump(target), trap(cause)"),
            ),
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
    let mut too_many = |what: &str, hint: &str| {
        errors.push(
            Diagnostic::new(Code::TooManyPorts, &text.span, format!("this instruction has {what}"))
                .hint(hint),
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
    let traps = count(|s| matches!(s, Statement::Trap { .. }));
    if calls > 1 || (calls == 1 && loads + stores + jumps + traps > 0) {
        too_many(
            "a call and another effect",
            "a call has its row to itself: it may move a word or end the guest, which no trap could take back",
        );
    }
}

/// Names that nothing uses: a value that no row shows and no effect has.
pub(super) fn unused(model: &Model, errors: &mut Vec<Diagnostic>) {
    for instruction in &model.instructions {
        for statement in &instruction.semantics.statements {
            let Statement::Let(name, value) = statement else { continue };
            let source = Recorded::Local(name.clone());
            if model.recording(&source).is_none()
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
