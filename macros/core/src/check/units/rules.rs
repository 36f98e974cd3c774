//! Rules: what each matches, the units that it uses, and what it says of a row. Names are resolved, and texts typed.

use super::declared::{once, suits};
use super::{PatternScope, bad, find_table, type_of, typed};
use crate::check::expr::{Typer, function_name, named, parse};
use crate::check::forms::{self, Names};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::{Expr, ExprKind, Type, walk};
use crate::parse::{Entry, RuleTable, Text};
use crate::units::form::{Form, Var};
use crate::units::{Operand, OperandKind, Pattern, Rule, Units, Use, select};

pub(super) fn rule(table: &RuleTable, units: &mut Units, errors: &mut Vec<Diagnostic>) -> Option<Rule> {
    let before = errors.len();
    let mut operands: Vec<Operand> = Vec::new();
    for Entry { key, value } in &table.operands {
        match operand_type(&value.value) {
            Some((ty, kind)) => operands.push(Operand { name: key.value.clone(), ty, kind }),
            None => bad(
                &value.span,
                "this is no type of an operand",
                "u32; u5 entry; u32 in u33, which is no narrower",
                errors,
            ),
        }
    }
    if errors.len() > before {
        return None;
    }
    let names: Vec<(String, Type)> =
        operands.iter().map(|operand| (operand.name.clone(), operand.ty)).collect();
    let pattern = pattern(&table.pattern, &names, errors)?;
    let mut rule = Rule {
        text: table.pattern.value.clone(),
        doc: table.doc.value.clone(),
        pattern,
        operands,
        uses: Vec::new(),
        asserts: Vec::new(),
        give: Form::default(),
        address: None,
        given: Vec::new(),
        fill: Vec::new(),
        span: table.pattern.span.clone(),
    };
    // A use may feed on one that comes after it.
    let mut used: Vec<String> = Vec::new();
    let mut parsed = Vec::new();
    for Entry { key, value } in &table.uses {
        parsed.push((value, parse::<syn::Expr>(value, "", "", errors)?));
        used.push(key.value.clone());
    }
    let mut calls = Vec::new();
    for (value, parsed) in &parsed {
        let call = forms::call(value, parsed, errors)?;
        let Some(unit) = units.units.iter().position(|unit| unit.name == call.name) else {
            let known: Vec<&str> = units.units.iter().map(|unit| unit.name.as_str()).collect();
            errors.push(
                Diagnostic::new(Code::UnknownName, &value.span, format!("there is no unit `{}`", call.name))
                    .did_you_mean(&call.name, known.into_iter()),
            );
            return None;
        };
        rule.uses.push(Use { unit, inputs: Vec::new(), tables: Vec::new() });
        calls.push((*value, call));
    }
    for (at, (value, call)) in calls.iter().enumerate() {
        let unit = rule.uses[at].unit;
        for (name, argument, span) in &call.arguments {
            let own = &units.units[unit];
            if let Some(input) = own.inputs.iter().position(|input| input.name == *name) {
                let mut names = RuleNames { rule: &rule, used: &used, units };
                let form = forms::read(value, argument, &mut names, errors)?;
                rule.uses[at].inputs.push((input, form));
            } else if let Some(slot) = own.slots.iter().position(|slot| slot.name == *name) {
                let table = match argument {
                    syn::Expr::Path(path) => named(&path.path),
                    _ => String::new(),
                };
                let table = find_table(&table, value, &units.tables, errors)?;
                suits(own, slot, table, &units.tables, span, errors);
                rule.uses[at].tables.push((slot, table));
            } else {
                bad(
                    span,
                    &format!("unit `{}` has no input or look-up `{name}`", own.name),
                    "name one of them",
                    errors,
                );
            }
        }
    }
    let mut names_of = RuleNames { rule: &rule, used: &used, units };
    let give = match &table.give {
        Some(text) => forms::form(text, &mut names_of, errors),
        None => Some(Form::default()),
    };
    let address = table.address.as_ref().map(|text| forms::form(text, &mut names_of, errors));
    let asserts: Vec<Option<Form>> =
        table.assert.iter().map(|text| forms::equation(text, &mut names_of, errors)).collect();
    let mut lets: Vec<(String, Expr)> = Vec::new();
    for Entry { key, value } in &table.lets {
        lets.push((key.value.clone(), typed(value, &names, &lets, None, errors)?));
    }
    once(table.operands.iter().chain(&table.lets).map(|entry| &entry.key), "a name", errors);
    let bit = Some(Type::unsigned(1));
    rule.given = table.given.iter().filter_map(|text| typed(text, &names, &lets, bit, errors)).collect();
    let mut fill = Vec::new();
    for Entry { key, value } in &table.fill {
        let found = key.value.split_once('.').and_then(|(name, cell)| {
            let at = used.iter().position(|used| used == name)?;
            let unit = &units.units[rule.uses[at].unit];
            Some((at, unit.cells.iter().position(|known| known.name == cell)?))
        });
        let expr = typed(value, &names, &lets, None, errors);
        match (found, expr) {
            (Some((at, cell)), Some(expr)) => fill.push((at, cell, expr)),
            (None, _) => {
                bad(&key.span, &format!("there is no cell `{}`", key.value), "write use.cell", errors)
            }
            _ => {}
        }
    }
    rule.give = give?;
    rule.address = match address {
        Some(address) => Some(address?),
        None => None,
    };
    rule.asserts = asserts.into_iter().flatten().collect();
    rule.fill = fill;
    let given: Vec<Vec<(usize, Form)>> =
        calls.iter().enumerate().map(|(at, (value, _))| given(&rule, at, value, units, errors)).collect();
    for (used, inputs) in rule.uses.iter_mut().zip(given) {
        used.inputs.extend(inputs);
    }
    whole(table, &rule, errors);
    (errors.len() == before).then_some(rule)
}

/// Sees that a rule says all that its pattern asks for.
fn whole(table: &RuleTable, rule: &Rule, errors: &mut Vec<Diagnostic>) {
    let (roots, gives, accesses): (Vec<&Expr>, bool, bool) = match &rule.pattern {
        Pattern::Value(value) => (vec![value], true, false),
        Pattern::Jump(target) => (vec![target], true, false),
        Pattern::Load(_, address) => (vec![address], true, true),
        Pattern::Store(_, address, value) => (vec![address, value], false, true),
        Pattern::Require(condition) => (vec![condition], false, table.address.is_some()),
        Pattern::Word => (Vec::new(), false, false),
    };
    let mut bound: Vec<&str> = Vec::new();
    for root in roots {
        walk(root, &mut |part| {
            if let ExprKind::Local(name) = &part.kind {
                bound.push(name);
            }
        });
    }
    let is_word = matches!(rule.pattern, Pattern::Word);
    for entry in table.operands.iter().filter(|entry| !is_word && !bound.contains(&entry.key.value.as_str()))
    {
        let what = format!("`match` has no operand `{}`", entry.key.value);
        bad(&entry.key.span, &what, "leave it out, or match it", errors);
    }
    let span = &table.pattern.span;
    match (gives, table.give.as_ref()) {
        (true, None) => {
            bad(span, "this rule gives nothing", "say what the value is: give = \"t.sum\"", errors)
        }
        (false, Some(give)) => {
            bad(&give.span, "a store or a condition gives nothing", "leave `give` out", errors)
        }
        _ => {}
    }
    match (accesses, table.address.as_ref()) {
        (true, None) => {
            bad(span, "this rule says no address", "say which word is accessed: address = \"t.sum\"", errors);
        }
        (false, Some(address)) => bad(&address.span, "nothing is accessed", "leave `address` out", errors),
        _ => {}
    }
}

/// Sees that a rule takes only what means something as it feeds the unit. Gives the inputs that it leaves out and counts on:
/// another rule must not feed them something else.
fn given(
    rule: &Rule,
    at: usize,
    text: &Text,
    units: &Units,
    errors: &mut Vec<Diagnostic>,
) -> Vec<(usize, Form)> {
    let used = &rule.uses[at];
    let unit = &units.units[used.unit];
    let inputs = rule.uses.iter().flat_map(|used| used.inputs.iter().map(|(_, form)| form));
    let forms = inputs.chain(&rule.asserts).chain(&rule.address).chain([&rule.give]);
    let taken = forms.flat_map(Form::vars).filter_map(|var| match var {
        Var::Output(of, output) if of == at => unit.outputs.get(output),
        _ => None,
    });
    let fed = |input: usize| {
        let fed = used.inputs.iter().find(|(fed, _)| *fed == input);
        fed.map_or_else(|| Form::constant(unit.inputs[input].default), |(_, form)| form.clone())
    };
    let mut open: Vec<(usize, Form)> = Vec::new();
    for output in taken {
        for (input, value) in &output.given {
            if fed(*input) != Form::constant(*value) {
                let (output, input) = (&output.name, &unit.inputs[*input].name);
                bad(
                    &text.span,
                    &format!("`{output}` means something only where `{input}` is {value}"),
                    "take the cells by their names",
                    errors,
                );
            }
        }
        let Some(means) = &output.means else { continue };
        walk(means, &mut |part| {
            let input = unit.inputs.iter().position(|input| part.kind == ExprKind::Local(input.name.clone()));
            let left = |input: &usize| used.inputs.iter().chain(&open).all(|(known, _)| known != input);
            if let Some(input) = input.filter(left) {
                open.push((input, fed(input)));
            }
        });
    }
    open
}

fn pattern(text: &Text, operands: &[(String, Type)], errors: &mut Vec<Diagnostic>) -> Option<Pattern> {
    let block = parse::<syn::Block>(text, "{", "\n}", errors)?;
    let mut scope = PatternScope { operands, locals: Vec::new(), load: None, pattern: true };
    for statement in &block.stmts {
        let mut typer = Typer { text, offset: 1, scope: &mut scope, errors };
        match statement {
            syn::Stmt::Local(local) => {
                let (syn::Pat::Ident(name), Some(init)) = (&local.pat, &local.init) else { break };
                let value = typer.expr(&init.expr, None)?;
                scope.locals.push((name.ident.to_string(), value));
            }
            syn::Stmt::Expr(syn::Expr::Call(call), None)
                if function_name(&call.func).0 == "jump" && call.args.len() == 1 =>
            {
                let target = typer.expr(&call.args[0], Some(Type::unsigned(32)))?;
                if scope.load.is_some() {
                    break;
                }
                return Some(Pattern::Jump(select::normal(&target)));
            }
            syn::Stmt::Expr(syn::Expr::Call(call), None)
                if function_name(&call.func).0 == "store" && call.args.len() == 2 =>
            {
                let bits = function_name(&call.func).1?;
                let address = typer.expr(&call.args[0], Some(Type::unsigned(32)))?;
                let value = typer.expr(&call.args[1], Some(Type::unsigned(bits)))?;
                if scope.load.is_some() {
                    break;
                }
                return Some(Pattern::Store(bits, select::normal(&address), select::normal(&value)));
            }
            syn::Stmt::Expr(syn::Expr::Call(call), None)
                if function_name(&call.func).0 == "require" && call.args.len() == 1 =>
            {
                let condition = typer.expr(&call.args[0], Some(Type::unsigned(1)))?;
                return Some(Pattern::Require(select::normal(&condition)));
            }
            syn::Stmt::Expr(syn::Expr::Call(call), None)
                if function_name(&call.func).0 == "word" && call.args.len() == 1 && operands.len() == 1 =>
            {
                typer.expr(&call.args[0], None)?;
                return Some(Pattern::Word);
            }
            syn::Stmt::Expr(expr, None) => {
                let value = typer.expr(expr, None)?;
                match scope.load.take() {
                    Some((bits, address)) if value.kind == ExprKind::Loaded => {
                        return Some(Pattern::Load(bits, select::normal(&address)));
                    }
                    Some(_) => break,
                    None => return Some(Pattern::Value(select::normal(&value))),
                }
            }
            _ => break,
        }
    }
    bad(
        &text.span,
        "this is nothing that a rule can match",
        "a value without loads, after `let`s; load::<N>(a); store::<N>(a, v); jump(a); require(c); word(a)",
        errors,
    );
    None
}

/// Names in a rule's forms: operands, and `use.output`.
struct RuleNames<'a> {
    rule: &'a Rule,
    used: &'a [String],
    units: &'a mut Units,
}

impl Names for RuleNames<'_> {
    fn name(&self, name: &str) -> Option<Form> {
        let at = self.rule.operands.iter().position(|operand| operand.name == name)?;
        Some(Form::from(Var::Operand(at)))
    }

    fn member(&self, base: &str, member: &str) -> Option<Form> {
        let used = self.used.iter().position(|used| used == base)?;
        let unit = &self.units.units[self.rule.uses[used].unit];
        let output = unit.outputs.iter().position(|output| output.name == member);
        let cell =
            || unit.cells.iter().position(|cell| cell.name == member).map(|cell| unit.outputs.len() + cell);
        Some(Form::from(Var::Output(used, output.or_else(cell)?)))
    }

    fn entry(&mut self, text: &Text, expr: &syn::Expr, errors: &mut Vec<Diagnostic>) -> Option<Form> {
        let entries = self.rule.operands.iter().filter(|operand| operand.kind == OperandKind::Entry);
        let names: Vec<(String, Type)> = entries.map(|operand| (operand.name.clone(), operand.ty)).collect();
        let mut scope = PatternScope { operands: &names, locals: Vec::new(), load: None, pattern: false };
        let mut typer = Typer { text, offset: 0, scope: &mut scope, errors };
        let value = typer.expr(expr, Some(Type::unsigned(32)))?;
        Some(Form::from(Var::Entry(self.units.template(&value))))
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.rule.operands.iter().map(|operand| operand.name.clone()).collect();
        for (name, used) in self.used.iter().zip(&self.rule.uses) {
            let unit = &self.units.units[used.unit];
            let outputs = unit.outputs.iter().map(|output| &output.name);
            let cells = unit.cells.iter().map(|cell| &cell.name);
            names.extend(outputs.chain(cells).map(|member| format!("{name}.{member}")));
        }
        names
    }
}

/// `u32`, `u5 entry`, or `u32 in u33`.
fn operand_type(text: &str) -> Option<(Type, OperandKind)> {
    if let Some(ty) = text.strip_suffix(" entry") {
        return Some((type_of(ty)?, OperandKind::Entry));
    }
    if let Some((ty, wide)) = text.split_once(" in u") {
        let ty = type_of(ty)?;
        return Some((
            ty,
            OperandKind::Wide(wide.parse().ok().filter(|bits| (ty.width..=64).contains(bits))?),
        ));
    }
    Some((type_of(text)?, OperandKind::Any))
}
