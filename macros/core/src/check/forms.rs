//! Forms, relations and look-ups as texts: sums and products of names, written as Rust.

use syn::spanned::Spanned;

use super::expr::{function_name, named, parse};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::parse::Text;
use crate::source::Span;
use crate::units::form::Form;

/// How many names a product has at most: the degree of what is made of it is no higher.
const MAX_FACTORS: usize = crate::units::MAX_DEGREE;

/// What no coefficient of a declared form reaches: a product of two fits the integers that forms are made of.
const MAX_COEFFICIENT: u128 = 1 << 62;

/// What names mean where a form stands.
pub(super) trait Names {
    /// The form of a name.
    fn name(&self, name: &str) -> Option<Form>;

    /// The form of `base.member`.
    fn member(&self, base: &str, member: &str) -> Option<Form>;

    /// The form of `entry(expr)`; none if the expression is in error, which is told.
    fn entry(&mut self, text: &Text, expr: &syn::Expr, errors: &mut Vec<Diagnostic>) -> Option<Form>;

    /// Every name, for "did you mean".
    fn names(&self) -> Vec<String>;
}

/// A text as a form.
pub(super) fn form(text: &Text, names: &mut impl Names, errors: &mut Vec<Diagnostic>) -> Option<Form> {
    let parsed = parse::<syn::Expr>(text, "", "", errors)?;
    read(text, &parsed, names, errors)
}

/// A text `left = right` as the form left − right.
pub(super) fn equation(text: &Text, names: &mut impl Names, errors: &mut Vec<Diagnostic>) -> Option<Form> {
    let parsed = parse::<syn::Expr>(text, "", "", errors)?;
    let syn::Expr::Assign(sides) = &parsed else {
        errors.push(
            Diagnostic::new(Code::BadUnit, &text.span, "this is no equation")
                .hint("write left = right, as in t = s0 + 0x1_0000 * s1"),
        );
        return None;
    };
    let left = read(text, &sides.left, names, errors);
    let right = read(text, &sides.right, names, errors);
    Some(&left? - &right?)
}

pub(super) fn read(
    text: &Text,
    expr: &syn::Expr,
    names: &mut impl Names,
    errors: &mut Vec<Diagnostic>,
) -> Option<Form> {
    let mut unknown = |name: &str, known: Vec<String>| {
        errors.push(
            Diagnostic::new(Code::UnknownName, &place(text, expr), format!("`{name}` is not known here"))
                .label("unknown")
                .did_you_mean(name, known.iter().map(String::as_str)),
        );
    };
    match expr {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(int), .. }) if int.suffix().is_empty() => {
            match int.base10_parse::<u64>() {
                Ok(value) => Some(Form::constant(value.into())),
                Err(_) => fail(text, expr, "this number does not fit 64 bits", errors),
            }
        }
        syn::Expr::Paren(inner) => read(text, &inner.expr, names, errors),
        syn::Expr::Unary(syn::ExprUnary { op: syn::UnOp::Neg(_), expr, .. }) => {
            read(text, expr, names, errors).map(|form| -&form)
        }
        syn::Expr::Path(path) => {
            let name = named(&path.path);
            let found = names.name(&name);
            if found.is_none() {
                unknown(&name, names.names());
            }
            found
        }
        syn::Expr::Field(syn::ExprField { base, member: syn::Member::Named(member), .. }) => {
            let syn::Expr::Path(path) = &**base else {
                return fail(text, expr, "a member is a name, a dot and a name", errors);
            };
            let (base, member) = (named(&path.path), member.to_string());
            let found = names.member(&base, &member);
            if found.is_none() {
                unknown(&format!("{base}.{member}"), names.names());
            }
            found
        }
        syn::Expr::Binary(binary) => {
            let left = read(text, &binary.left, names, errors);
            let right = read(text, &binary.right, names, errors);
            let (left, right) = (left?, right?);
            let form = match binary.op {
                syn::BinOp::Add(_) => &left + &right,
                syn::BinOp::Sub(_) => &left - &right,
                syn::BinOp::Mul(_) => &left * &right,
                _ => return fail(text, expr, "forms have + - *, and nothing else", errors),
            };
            if form.terms().any(|(product, _)| product.len() > MAX_FACTORS) {
                return limit(
                    text,
                    expr,
                    "a product of more than three names",
                    "keep a part of it in a cell",
                    errors,
                );
            }
            if form.size() >= MAX_COEFFICIENT {
                let hint = "relations hold modulo a prime of 64 bits: keep their terms well below it";
                return limit(text, expr, "a coefficient of 2^62 or more", hint, errors);
            }
            Some(form)
        }
        syn::Expr::Call(call)
            if function_name(&call.func) == ("entry".to_owned(), None) && call.args.len() == 1 =>
        {
            names.entry(text, &call.args[0], errors)
        }
        _ => fail(text, expr, "this is no form", errors),
    }
}

/// `name(key = value, …)`: the name, and each key with the value's expression.
pub(super) struct Call<'a> {
    pub(super) name: String,
    pub(super) arguments: Vec<(String, &'a syn::Expr, Span)>,
}

/// Takes a call with named arguments apart.
pub(super) fn call<'a>(text: &Text, expr: &'a syn::Expr, errors: &mut Vec<Diagnostic>) -> Option<Call<'a>> {
    let syn::Expr::Call(call) = expr else {
        return fail(text, expr, "this is no use of a unit", errors);
    };
    let (name, _) = function_name(&call.func);
    let mut arguments: Vec<(String, &syn::Expr, Span)> = Vec::new();
    for argument in &call.args {
        match argument {
            syn::Expr::Assign(assign) if matches!(&*assign.left, syn::Expr::Path(_)) => {
                let syn::Expr::Path(key) = &*assign.left else { continue };
                if arguments.iter().any(|(known, ..)| *known == named(&key.path)) {
                    let hint = "give each input, and the table of each look-up, once";
                    errors.push(
                        Diagnostic::new(Code::BadUnit, &place(text, argument), "this is given already")
                            .hint(hint),
                    );
                    return None;
                }
                arguments.push((named(&key.path), &*assign.right, place(text, argument)));
            }
            _ => return fail(text, argument, "an input is given by its name", errors),
        }
    }
    Some(Call { name, arguments })
}

/// `table(cell, …) = (cell, …)`: the table's name, the keys, and the values.
pub(super) fn lookup(text: &Text, errors: &mut Vec<Diagnostic>) -> Option<(String, Vec<String>)> {
    let parsed = parse::<syn::Expr>(text, "", "", errors)?;
    let (keys, values) = match &parsed {
        syn::Expr::Assign(sides) => (&*sides.left, Some(&*sides.right)),
        keys => (keys, None),
    };
    let syn::Expr::Call(call) = keys else {
        return fail(text, keys, "this is no look-up", errors);
    };
    let (table, _) = function_name(&call.func);
    let mut cells: Vec<&syn::Expr> = call.args.iter().collect();
    match values {
        Some(syn::Expr::Tuple(tuple)) => cells.extend(&tuple.elems),
        Some(value) => cells.push(value),
        None => {}
    }
    let mut names = Vec::new();
    for cell in cells {
        let syn::Expr::Path(path) = cell else { return fail(text, cell, "a look-up reads cells", errors) };
        names.push(named(&path.path));
    }
    Some((table, names))
}

pub(super) fn place(text: &Text, tokens: &impl Spanned) -> Span {
    let range = tokens.span().byte_range();
    let end = text.value.len();
    text.at(range.start.min(end)..range.end.clamp(range.start.min(end), end))
}

fn limit(
    text: &Text,
    tokens: &impl Spanned,
    what: &str,
    hint: &str,
    errors: &mut Vec<Diagnostic>,
) -> Option<Form> {
    errors.push(Diagnostic::new(Code::BadUnit, &place(text, tokens), what).hint(hint));
    None
}

fn fail<T>(text: &Text, tokens: &impl Spanned, what: &str, errors: &mut Vec<Diagnostic>) -> Option<T> {
    errors.push(Diagnostic::new(Code::BadUnit, &place(text, tokens), what).hint(
        "forms: t + 0x1_0000 * p.sum; relations: left = right; look-ups: table(key) = value; uses: unit(input = form)",
    ));
    None
}
