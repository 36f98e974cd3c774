//! Types Rust expressions as IR. Nothing is extended, truncated or given a sign unless the text says so.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::{BinOp, UnOp};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::{BinaryOp, Expr, ExprKind, Type, UnaryOp};
use crate::parse::Text;
use crate::source::Span;

/// The functions that give a value, by name.
pub const FUNCTIONS: [&str; 9] =
    ["sext", "zext", "signed", "unsigned", "count_ones", "load", "input", "readable", "writable"];

/// The numbers of the input and of the private input.
const INPUTS: [u32; 2] = [0, 3];

/// The widest value.
const MAX_WIDTH: u32 = 64;

/// The most tokens of a statement, or of an expression that is none, and how deep they may be nested. What parses, types and
/// prints them is recursive: without optimisation this takes half of a thread's 2 MiB. In-tree the most are 111, and 5 deep.
const MAX_TOKENS: usize = 256;
const MAX_NESTING: usize = 32;

/// The longest token: reading a number takes the square of its length.
const MAX_TOKEN_BYTES: usize = 128;

/// What names mean where an expression stands.
pub(super) trait Scope {
    /// The value of a name.
    fn name(&self, name: &str) -> Option<Expr>;

    /// The value of `base.member`.
    fn member(&self, base: &str, member: &str) -> Option<Expr>;

    /// Whether a name's own definition is in error, so that its use is none.
    fn is_mistaken(&self, _name: &str) -> bool {
        false
    }

    /// Every name, for "did you mean".
    fn names(&self) -> Vec<String>;

    /// Says that what follows depends on a condition, or no longer does; gives what held before.
    fn set_conditional(&mut self, _conditional: bool) -> bool {
        false
    }

    /// Takes note of `load::<bits>(address)` and gives its value, or says why it cannot be here.
    fn load(&mut self, bits: u32, address: Expr) -> Result<Expr, &'static str>;

    /// Takes note of `input::<stream>(left, count)` and gives its value, or says why it cannot be here.
    fn input(&mut self, _stream: u8, _left: Expr, _count: Expr) -> Result<Expr, &'static str> {
        Err("only a call takes input")
    }

    /// Whether `readable(address)` and `writable(address)` can be here.
    fn asks_policy(&self) -> bool {
        false
    }
}

/// Types the expressions of one text.
pub(super) struct Typer<'a, S> {
    pub(super) text: &'a Text,
    /// How many bytes were put before the text to parse it.
    pub(super) offset: usize,
    pub(super) scope: &'a mut S,
    pub(super) errors: &'a mut Vec<Diagnostic>,
}

/// A path as it is written: one of several segments is no name of anything, and is said whole.
pub(super) fn named(path: &syn::Path) -> String {
    let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    segments.join("::")
}

/// Parses a text as Rust. Places are known since [`crate::compile`] has proc_macro2's fallback forced.
pub(super) fn parse<T: syn::parse::Parse>(
    text: &Text,
    before: &str,
    after: &str,
    errors: &mut Vec<Diagnostic>,
) -> Option<T> {
    let lexed = format!("{before}{}{after}", text.value).parse::<TokenStream>().map_err(syn::Error::from);
    if let Ok(tokens) = &lexed
        && let Some((range, message)) = excess(tokens.clone())
    {
        let place = place(text, before.len(), range);
        errors.push(too_large(
            &place,
            message,
            "give parts of it names, with `let` or as columns of their own",
        ));
        return None;
    }
    let parsed = lexed.and_then(syn::parse2::<T>).map_err(|error| {
        let range = error.span().byte_range();
        let place = place(text, before.len(), range);
        Diagnostic::new(Code::ExpressionSyntax, &place, error.to_string())
            .hint("semantics and expressions are written in Rust's expression syntax")
    });
    parsed.map_err(|error| errors.push(error)).ok()
}

fn too_large(place: &Span, message: String, hint: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::TooLarge, place, message).hint(hint)
}

/// Where a statement has too many tokens, is nested too deeply, or has too long a token; a statement is what a `;` ends that is
/// in no more than the outermost braces. A row of signs counts as nested: each may be a prefix of what follows. Tokens are
/// gone through on a stack that is no thread's.
fn excess(tokens: TokenStream) -> Option<(std::ops::Range<usize>, String)> {
    let mut open = vec![tokens.into_iter()];
    let (mut count, mut signs) = (0, 0);
    while let Some(innermost) = open.last_mut() {
        let Some(token) = innermost.next() else {
            open.pop();
            continue;
        };
        let range = token.span().byte_range();
        count += 1;
        signs = if matches!(token, TokenTree::Punct(_)) { signs + 1 } else { 0 };
        if count > MAX_TOKENS {
            return Some((range, format!("a statement or expression has more than {MAX_TOKENS} tokens")));
        }
        if open.len() + signs > MAX_NESTING {
            return Some((range, format!("this is nested more than {MAX_NESTING} deep")));
        }
        match token {
            TokenTree::Group(group) => open.push(group.stream().into_iter()),
            TokenTree::Punct(punct) if punct.as_char() == ';' && open.len() <= 2 => count = 0,
            _ if range.len() > MAX_TOKEN_BYTES => {
                return Some((range, format!("this has more than {MAX_TOKEN_BYTES} bytes")));
            }
            _ => {}
        }
    }
    None
}

fn place(text: &Text, offset: usize, range: std::ops::Range<usize>) -> Span {
    let end = text.value.len();
    let start = range.start.saturating_sub(offset).min(end);
    text.at(start..range.end.saturating_sub(offset).clamp(start, end))
}

impl<S: Scope> Typer<'_, S> {
    pub(super) fn place(&self, tokens: &impl Spanned) -> Span {
        place(self.text, self.offset, tokens.span().byte_range())
    }

    pub(super) fn error<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.errors.push(diagnostic);
        None
    }

    /// Types an expression; `expected` gives a literal its type.
    pub(super) fn expr(&mut self, expr: &syn::Expr, expected: Option<Type>) -> Option<Expr> {
        let range = expr.span().byte_range();
        let place = range.start.saturating_sub(self.offset)..range.end.saturating_sub(self.offset);
        self.operation(expr, expected).map(|typed| typed.at(place))
    }

    fn operation(&mut self, expr: &syn::Expr, expected: Option<Type>) -> Option<Expr> {
        match expr {
            syn::Expr::Lit(literal) => self.literal(literal, expected),
            syn::Expr::Paren(inner) => self.expr(&inner.expr, expected),
            syn::Expr::Group(inner) => self.expr(&inner.expr, expected),
            syn::Expr::Block(block) => self.block(&block.block, expected),
            syn::Expr::Path(path) => self.name(path),
            syn::Expr::Field(field) => self.member(field),
            syn::Expr::Unary(unary) => self.unary(unary, expected),
            syn::Expr::Binary(binary) => self.binary(binary, expected),
            syn::Expr::Index(index) => self.slice(index),
            syn::Expr::If(choice) => self.choice(choice, expected),
            syn::Expr::Call(call) => self.function(call, expected),
            other => {
                let place = self.place(other);
                self.error(
                    Diagnostic::new(Code::UnsupportedSyntax, &place, "this is no expression of the language")
                        .hint("names, literals, operators, if/else, slices x[0..8], and the functions"),
                )
            }
        }
    }

    /// Types an expression that must have this type.
    pub(super) fn expr_of(&mut self, expr: &syn::Expr, ty: Type, what: &str) -> Option<Expr> {
        let typed = self.expr(expr, Some(ty))?;
        if typed.ty == ty {
            return Some(typed);
        }
        let place = self.place(expr);
        self.error(mismatch(&place, ty, typed.ty, what))
    }

    pub(super) fn block(&mut self, block: &syn::Block, expected: Option<Type>) -> Option<Expr> {
        match block.stmts.as_slice() {
            [syn::Stmt::Expr(expr, None)] => self.expr(expr, expected),
            _ => {
                let place = self.place(block);
                self.error(
                    Diagnostic::new(Code::UnsupportedSyntax, &place, "this block must be one expression")
                        .hint("name its parts with let, before the statement"),
                )
            }
        }
    }

    fn literal(&mut self, literal: &syn::ExprLit, expected: Option<Type>) -> Option<Expr> {
        let place = self.place(literal);
        let syn::Lit::Int(int) = &literal.lit else {
            return self.error(
                Diagnostic::new(Code::UnsupportedSyntax, &place, "only integers are literals")
                    .hint("as in 0x1f, 5 or 1u8; a bit is 0 or 1"),
            );
        };
        let ty = if int.suffix().is_empty() { expected } else { parse_type(int.suffix()) };
        let Some(ty) = ty else {
            return self.error(
                Diagnostic::new(Code::UntypedLiteral, &place, "the width of this literal is not known")
                    .hint(format!("add one, as in {}u32", int.base10_digits())),
            );
        };
        // A signed literal is written without its sign, and must leave room for it.
        let bits = ty.width - u32::from(ty.signed);
        match int.base10_parse::<u64>() {
            Ok(value) if bits == 64 || value >> bits == 0 => Some(Expr::new(ExprKind::Const(value), ty)),
            _ => self.error(
                Diagnostic::new(Code::LiteralWidth, &place, format!("this literal does not fit {ty}"))
                    .hint(format!("{ty} goes up to {:#x}", (1u128 << bits) - 1)),
            ),
        }
    }

    fn name(&mut self, path: &syn::ExprPath) -> Option<Expr> {
        let place = self.place(path);
        let name = named(&path.path);
        match self.scope.name(&name) {
            Some(value) => Some(value),
            None if self.scope.is_mistaken(&name) => None,
            None => {
                let names = self.scope.names();
                self.error(
                    Diagnostic::new(Code::UnknownName, &place, format!("`{name}` is not known here"))
                        .label("unknown")
                        .did_you_mean(&name, names.iter().map(String::as_str)),
                )
            }
        }
    }

    fn member(&mut self, field: &syn::ExprField) -> Option<Expr> {
        let place = self.place(field);
        if let (syn::Expr::Path(base), syn::Member::Named(member)) = (&*field.base, &field.member) {
            let base = named(&base.path);
            if let Some(value) = self.scope.member(&base, &member.to_string()) {
                return Some(value);
            }
            let names = self.scope.names();
            let name = format!("{base}.{member}");
            return self.error(
                Diagnostic::new(Code::UnknownName, &place, format!("`{name}` is not known here"))
                    .label("unknown")
                    .did_you_mean(&name, names.iter().map(String::as_str)),
            );
        }
        self.error(
            Diagnostic::new(Code::UnsupportedSyntax, &place, "a member is a name, a dot and a name")
                .hint("as in op.rd or is.add"),
        )
    }

    fn unary(&mut self, unary: &syn::ExprUnary, expected: Option<Type>) -> Option<Expr> {
        let op = match unary.op {
            UnOp::Not(_) => UnaryOp::Not,
            UnOp::Neg(_) => UnaryOp::Neg,
            _ => {
                let place = self.place(unary);
                return self.error(
                    Diagnostic::new(
                        Code::UnsupportedSyntax,
                        &place,
                        "this operator is not part of the language",
                    )
                    .hint("the operators on one value are ! and -"),
                );
            }
        };
        let a = self.expr(&unary.expr, expected)?;
        let ty = a.ty;
        Some(Expr::new(ExprKind::Unary(op, Box::new(a)), ty))
    }

    fn binary(&mut self, binary: &syn::ExprBinary, expected: Option<Type>) -> Option<Expr> {
        let Some(op) = binary_op(&binary.op) else {
            let place = self.place(&binary.op);
            return self.error(
                Diagnostic::new(Code::UnsupportedSyntax, &place, "this operator is not part of the language")
                    .hint("+ - * / % & | ^ << >> == != < <= > >=; conditions are single bits, joined by & and |"),
            );
        };
        if matches!(op, BinaryOp::Shl | BinaryOp::Shr) {
            return self.shift(op, binary, expected);
        }
        let expected = expected.filter(|_| !op.is_comparison());
        let (a, b) = self.pair(&binary.left, &binary.right, expected)?;
        if a.ty != b.ty {
            let place = self.place(binary);
            return self.error(
                Diagnostic::new(
                    Code::OperandTypes,
                    &place,
                    format!("the operands have different types: {} and {}", a.ty, b.ty),
                )
                .label(format!("{} and {}", a.ty, b.ty))
                .hint("zext::<N>(x), sext::<N>(x), x[lo..hi], signed(x) or unsigned(x) makes them alike"),
            );
        }
        let ty = if op.is_comparison() { Type::unsigned(1) } else { a.ty };
        Some(Expr::new(ExprKind::Binary(op, Box::new(a), Box::new(b)), ty))
    }

    /// Types two operands that should be alike; a literal takes its type from the other one.
    fn pair(&mut self, a: &syn::Expr, b: &syn::Expr, expected: Option<Type>) -> Option<(Expr, Expr)> {
        if is_untyped(a) && !is_untyped(b) {
            let b = self.expr(b, expected)?;
            let a = self.expr(a, Some(b.ty))?;
            return Some((a, b));
        }
        let a = self.expr(a, expected);
        let b = self.expr(b, a.as_ref().map(|a| a.ty).or(expected));
        Some((a?, b?))
    }

    fn shift(&mut self, op: BinaryOp, binary: &syn::ExprBinary, expected: Option<Type>) -> Option<Expr> {
        let a = self.expr(&binary.left, expected)?;
        let Some(bits) = a.ty.amount_bits() else {
            let place = self.place(&binary.left);
            return self.error(
                Diagnostic::new(Code::ShiftAmount, &place, "one bit cannot be shifted")
                    .hint("zext::<N>(x) makes room for it"),
            );
        };
        let amount = self.expr(&binary.right, Some(Type::unsigned(bits)))?;
        if amount.ty.signed || amount.ty.width > bits {
            let place = self.place(&binary.right);
            return self.error(
                Diagnostic::new(
                    Code::ShiftAmount,
                    &place,
                    format!("an amount of type {} can reach the {} bits shifted", amount.ty, a.ty.width),
                )
                .hint(format!("mask it in the text: x[0..{bits}]")),
            );
        }
        let ty = a.ty;
        Some(Expr::new(ExprKind::Binary(op, Box::new(a), Box::new(amount)), ty))
    }

    fn slice(&mut self, index: &syn::ExprIndex) -> Option<Expr> {
        let value = self.expr(&index.expr, None)?;
        let bound = |bound: &Option<Box<syn::Expr>>| match bound.as_deref() {
            Some(syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(int), .. })) if int.suffix().is_empty() => {
                int.base10_parse::<u32>().ok()
            }
            _ => None,
        };
        let range = match &*index.index {
            syn::Expr::Range(range) if matches!(range.limits, syn::RangeLimits::HalfOpen(_)) => {
                bound(&range.start).zip(bound(&range.end))
            }
            _ => None,
        };
        match range {
            Some((lo, hi)) if lo < hi && hi <= value.ty.width => {
                Some(Expr::new(ExprKind::Slice(Box::new(value), lo), Type::unsigned(hi - lo)))
            }
            _ => {
                let place = self.place(&index.index);
                self.error(
                    Diagnostic::new(Code::BadSlice, &place, format!("this is no slice of a {}", value.ty))
                        .hint(format!(
                            "write the lowest bit and the one past the highest: x[0..{}]",
                            value.ty.width
                        )),
                )
            }
        }
    }

    fn choice(&mut self, choice: &syn::ExprIf, expected: Option<Type>) -> Option<Expr> {
        let place = self.place(choice);
        let condition = self.expr_of(&choice.cond, Type::unsigned(1), "a condition");
        let Some((_, otherwise)) = &choice.else_branch else {
            return self.error(
                Diagnostic::new(Code::MissingElse, &place, "an `if` that gives a value needs an `else`")
                    .hint("every row has the same columns: say what the value is otherwise"),
            );
        };
        let then = syn::Expr::Block(syn::ExprBlock {
            attrs: Vec::new(),
            label: None,
            block: choice.then_branch.clone(),
        });
        let before = self.scope.set_conditional(true);
        let branches = self.pair(&then, otherwise, expected);
        self.scope.set_conditional(before);
        let (a, b) = branches?;
        if a.ty != b.ty {
            return self.error(mismatch(&place, a.ty, b.ty, "the other branch"));
        }
        let ty = a.ty;
        Some(Expr::new(ExprKind::If(Box::new(condition?), Box::new(a), Box::new(b)), ty))
    }

    fn function(&mut self, call: &syn::ExprCall, expected: Option<Type>) -> Option<Expr> {
        let place = self.place(call);
        let (name, width) = function_name(&call.func);
        let arguments: Vec<&syn::Expr> = call.args.iter().collect();
        match (name.as_str(), width, arguments.as_slice()) {
            ("sext" | "zext", Some(width), [value]) if (1..=MAX_WIDTH).contains(&width) => {
                self.extend(value, width, name == "sext", &place)
            }
            ("signed" | "unsigned", None, [value]) => {
                let signed = name == "signed";
                let inner = expected.map(|ty| Type { signed: !signed, ..ty });
                let value = self.expr(value, inner)?;
                let ty = Type { signed, ..value.ty };
                if value.ty == ty {
                    return self.error(
                        Diagnostic::new(Code::UselessCast, &place, format!("this is {name} already: {ty}"))
                            .hint("leave the conversion out"),
                    );
                }
                Some(Expr::new(ExprKind::Reinterpret(Box::new(value)), ty))
            }
            ("count_ones", None, [value]) => {
                let value = self.expr(value, None)?;
                let ty = value.ty.count();
                Some(Expr::new(ExprKind::Unary(UnaryOp::CountOnes, Box::new(value)), ty))
            }
            ("load", Some(bits @ (8 | 16 | 32)), [address]) => {
                let address = self.expr_of(address, Type::unsigned(super::XLEN), "an address")?;
                match self.scope.load(bits, address) {
                    Ok(value) => Some(value),
                    Err(why) if self.scope.asks_policy() => self.error(
                        Diagnostic::new(Code::MisplacedEffect, &place, why)
                            .hint("ask for registers, for readable(address) or writable(address), and load in the semantics"),
                    ),
                    Err(why) => self.error(misplaced(&place, why)),
                }
            }
            ("input", Some(stream), [left, count]) => {
                if !INPUTS.contains(&stream) {
                    return self.error(
                        Diagnostic::new(
                            Code::CallStream,
                            &place,
                            format!("no input has the number {stream}"),
                        )
                        .hint("input::<0> takes of the input, input::<3> of the private input"),
                    );
                }
                let word = Type::unsigned(super::XLEN);
                let left = self.expr_of(left, word, "how many bytes are left");
                let count = self.expr_of(count, word, "a count");
                match self.scope.input(stream as u8, left?, count?) {
                    Ok(value) => Some(value),
                    Err(why) => self.error(
                        Diagnostic::new(Code::MisplacedEffect, &place, why)
                            .hint("let bytes = input::<0>(left, count) in the semantics of a [[call]] or of its variant"),
                    ),
                }
            }
            ("readable" | "writable", None, [address]) => {
                if !self.scope.asks_policy() {
                    let why = "only a condition of a call's variant asks what the policy allows";
                    return self.error(Diagnostic::new(Code::MisplacedEffect, &place, why).hint(format!(
                        "make it a variant's: when = [\"{name}(…)\"], and another's: when = [\"!{name}(…)\"]"
                    )));
                }
                let address = self.expr_of(address, Type::unsigned(super::XLEN), "an address")?;
                let kind = ExprKind::Allows(name == "writable", Box::new(address));
                Some(Expr::new(kind, Type::unsigned(1)))
            }
            _ => self.error(unknown_function(&place, &name, &FUNCTIONS).hint(
                "sext::<N>(x), zext::<N>(x), signed(x), unsigned(x), count_ones(x), load::<8|16|32>(address)",
            )),
        }
    }

    fn extend(&mut self, value: &syn::Expr, width: u32, signed: bool, place: &Span) -> Option<Expr> {
        let value = self.expr(value, None)?;
        if value.ty.width >= width {
            return self.error(
                Diagnostic::new(
                    Code::UselessCast,
                    place,
                    format!("a {} cannot be extended to {width} bits", value.ty),
                )
                .hint("x[lo..hi] takes some of the bits"),
            );
        }
        let ty = Type { signed: value.ty.signed, width };
        Some(Expr::new(ExprKind::Extend(Box::new(value), signed), ty))
    }
}

/// A function that there is not, or one that is called otherwise.
pub(super) fn unknown_function(place: &Span, name: &str, known: &[&str]) -> Diagnostic {
    let message = match known.contains(&name) {
        true => format!("`{name}` is not called like this"),
        false => format!("there is no function `{name}` here"),
    };
    Diagnostic::new(Code::UnknownFunction, place, message)
}

fn misplaced(place: &Span, why: &str) -> Diagnostic {
    Diagnostic::new(Code::MisplacedEffect, place, why).hint(
        "let the effect stand by itself, as in let x = load::<32>(address), and choose among values after it",
    )
}

fn mismatch(place: &Span, expected: Type, found: Type, what: &str) -> Diagnostic {
    Diagnostic::new(Code::WrongWidth, place, format!("{what} has type {expected}, but this has {found}"))
        .label(format!("{found}"))
        .hint("zext::<N>(x), sext::<N>(x), x[lo..hi], signed(x) or unsigned(x) converts")
}

/// `name` or `name::<width>`, and nothing else; 0 is no width that any function has.
pub(super) fn function_name(func: &syn::Expr) -> (String, Option<u32>) {
    let syn::Expr::Path(path) = func else { return (String::new(), None) };
    let Some(segment) = path.path.segments.last().filter(|_| path.path.segments.len() == 1) else {
        return (String::new(), None);
    };
    let width = match &segment.arguments {
        syn::PathArguments::None => None,
        syn::PathArguments::AngleBracketed(arguments) if arguments.args.len() == 1 => {
            match arguments.args.first() {
                Some(syn::GenericArgument::Const(syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Int(int),
                    ..
                }))) if int.suffix().is_empty() => int.base10_parse().ok(),
                _ => Some(0),
            }
        }
        _ => Some(0),
    };
    (segment.ident.to_string(), width)
}

fn parse_type(suffix: &str) -> Option<Type> {
    let signed = suffix.starts_with('i');
    let width = suffix.strip_prefix(['u', 'i'])?.parse().ok()?;
    (1..=MAX_WIDTH).contains(&width).then_some(Type { signed, width })
}

/// Whether an expression has no type of its own: literals, and operations on literals.
fn is_untyped(expr: &syn::Expr) -> bool {
    match expr {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(int), .. }) => int.suffix().is_empty(),
        syn::Expr::Paren(inner) => is_untyped(&inner.expr),
        syn::Expr::Unary(unary) => is_untyped(&unary.expr),
        syn::Expr::Binary(binary) => is_untyped(&binary.left) && is_untyped(&binary.right),
        syn::Expr::Block(block) => match block.block.stmts.as_slice() {
            [syn::Stmt::Expr(expr, None)] => is_untyped(expr),
            _ => false,
        },
        _ => false,
    }
}

fn binary_op(op: &BinOp) -> Option<BinaryOp> {
    Some(match op {
        BinOp::Add(_) => BinaryOp::Add,
        BinOp::Sub(_) => BinaryOp::Sub,
        BinOp::Mul(_) => BinaryOp::Mul,
        BinOp::Div(_) => BinaryOp::Div,
        BinOp::Rem(_) => BinaryOp::Rem,
        BinOp::BitAnd(_) => BinaryOp::And,
        BinOp::BitOr(_) => BinaryOp::Or,
        BinOp::BitXor(_) => BinaryOp::Xor,
        BinOp::Shl(_) => BinaryOp::Shl,
        BinOp::Shr(_) => BinaryOp::Shr,
        BinOp::Eq(_) => BinaryOp::Eq,
        BinOp::Ne(_) => BinaryOp::Ne,
        BinOp::Lt(_) => BinaryOp::Lt,
        BinOp::Le(_) => BinaryOp::Le,
        BinOp::Gt(_) => BinaryOp::Gt,
        BinOp::Ge(_) => BinaryOp::Ge,
        _ => return None,
    })
}
