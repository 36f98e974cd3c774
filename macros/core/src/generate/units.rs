//! The compiled form: units as data, and the columns that a prover has of it: cells, and words of the code table.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

use super::expr::{Names, expr, rust_type, to_cell};
use super::{constant, ident, number};
use crate::ir::{Expr, OpFact, Semantics, Statement, Type};
use crate::model::{Model, PUBLIC, READS, Recorded, WRITES};
use crate::units::form::{Form, Var};
use crate::units::select::Selection;
use crate::units::wiring::{Coefficient, Limb, Relation, Term, committed};
use crate::units::{MAX_PLACES, PRIME, PROTOCOL, Port, Units};

/// The static `UNITS`, and the functions that fill what it has of rows.
pub(super) fn units(model: &Model) -> TokenStream {
    let data = data(model);
    let fills = fills(model);
    let cells = cells(model);
    let words = words(model);
    let look_up = look_up(&model.units);
    quote! {
        #data
        #fills
        #cells
        #words
        #look_up
    }
}

/// How many stored columns the compiled form adds to those that the spec declares.
pub(super) fn count(model: &Model) -> usize {
    committed(&model.units) + limbs(model).count()
}

/// The columns that the compiled form adds: cells, then words of the code table.
pub(super) fn columns(model: &Model) -> Vec<TokenStream> {
    let units = &model.units;
    let cells = units.columns().map(|(unit, cell)| {
        let unit_name = &units.units[unit].name;
        let others = units.sharing((unit, cell)).filter(|other| *other != (unit, cell));
        let others: Vec<String> = others.map(|(unit, cell)| units.name(Var::Cell(unit, cell))).collect();
        let shared =
            if others.is_empty() { String::new() } else { format!(", shared with {}", others.join(", ")) };
        let doc = format!("A cell of unit `{unit_name}`{shared}.");
        let (name, class) =
            (units.name(Var::Cell(unit, cell)), class(0, (1 << units.bits(Var::Cell(unit, cell))) - 1));
        quote!(Column { name: #name, doc: #doc, class: #class, source: ColumnSource::Cell })
    });
    let words = limbs(model).map(|(at, limb)| {
        let name = word_name(model, at, limb);
        let above = if limb.shift > 0 { ": what is above 32 bits" } else { "" };
        let doc = format!("A column of the code table{above}.");
        let class = class(limb.min, limb.max);
        quote!(Column { name: #name, doc: #doc, class: #class, source: ColumnSource::Code })
    });
    cells.chain(words).collect()
}

fn class(min: i64, max: i64) -> TokenStream {
    let bits = |value: i64| number(64 - value.leading_zeros());
    match (min, max) {
        (0.., 0..=1) => quote!(RangeClass::Bit),
        (0.., _) => {
            let bits = bits(max);
            quote!(RangeClass::Unsigned { bits: #bits })
        }
        _ => {
            let bits = bits(max.max(-(min + 1)) * 2 + 1);
            quote!(RangeClass::Signed { bits: #bits })
        }
    }
}

/// The words of the code table's columns: which column, and which part of it.
fn limbs(model: &Model) -> impl Iterator<Item = (usize, Limb)> {
    let columns = model.wiring.columns.iter().enumerate();
    columns.flat_map(|(at, column)| column.words(&model.units).into_iter().map(move |limb| (at, limb)))
}

fn word_name(model: &Model, at: usize, limb: Limb) -> String {
    let name = &model.wiring.columns[at].name;
    if limb.shift > 0 { format!("{name} >> {}", limb.shift) } else { name.clone() }
}

/// The place of a cell's column among those that are committed.
fn place(units: &Units, cell: (usize, usize)) -> usize {
    let home = units.home(cell);
    units.columns().position(|column| column == home).unwrap_or_default()
}

/// The place of a cell's column among all.
fn cell_at(model: &Model, cell: (usize, usize)) -> usize {
    model.columns.len() + place(&model.units, cell)
}

fn id(at: usize) -> TokenStream {
    let at = Literal::usize_unsuffixed(at);
    quote!(ColumnId(#at))
}

/// constant + Σ coefficient · column, by column.
fn linear(constant: i128, mut terms: Vec<(usize, i128)>) -> TokenStream {
    terms.sort_unstable();
    let terms = terms.into_iter().map(|(at, factor)| {
        let (id, factor) = (id(at), integer(factor));
        quote!((#id, #factor))
    });
    let constant = integer(constant);
    quote!(Linear { constant: #constant, terms: &[#(#terms),*] })
}

/// A sum of columns of the code table, by their words.
fn coded(model: &Model, columns: &[(usize, i128)]) -> TokenStream {
    let first = model.columns.len() + committed(&model.units);
    let words = limbs(model).enumerate().filter_map(|(word, (at, limb))| {
        let (_, factor) = columns.iter().find(|(column, _)| *column == at)?;
        Some((first + word, factor << limb.shift))
    });
    linear(0, words.collect())
}

/// The relations, as constraints over columns.
pub(super) fn constraints(model: &Model) -> impl Iterator<Item = TokenStream> {
    model.wiring.relations.iter().map(|relation| constraint(model, relation))
}

/// A relation as data.
pub fn constraint(model: &Model, relation: &Relation) -> TokenStream {
    let doc = relation.unit(&model.units).map_or("", |unit| unit.doc.as_str());
    let (name, degree) = (&relation.name, number(relation.degree() as u64));
    let terms = relation.terms(&model.units, &model.wiring.columns);
    let products = terms.into_iter().map(|Term { columns, factors, sum }| {
        let mut forms: Vec<TokenStream> = Vec::new();
        forms.extend((!columns.is_empty()).then(|| coded(model, &columns)));
        forms.extend(factors.iter().map(|(var, factor)| linear(0, vec![(column(model, *var), *factor)])));
        let known = sum.iter().filter_map(|(var, factor)| Some((column(model, (*var)?), *factor)));
        let constant = sum.iter().find(|(var, _)| var.is_none()).map_or(0, |(_, factor)| *factor);
        let known: Vec<(usize, i128)> = known.collect();
        forms.extend(
            (!known.is_empty() || constant != 1 || forms.is_empty()).then(|| linear(constant, known)),
        );
        quote!(Product { factors: &[#(#forms),*] })
    });
    quote!(Constraint { name: #name, doc: #doc, text: #name, products: &[#(#products),*], degree: #degree })
}

/// The column that has what a relation reads.
fn column(model: &Model, var: Var) -> usize {
    let recorded = |what| model.recording(&what).unwrap_or_default();
    match var {
        Var::Cell(unit, cell) => cell_at(model, (unit, cell)),
        Var::Read(port) => recorded(Recorded::Read(port)),
        Var::Active => public(model, "active"),
        Var::Last => public(model, "last"),
        Var::Address => model.units.address.unwrap_or_default(),
        Var::Taken => recorded(Recorded::Input),
        _ => recorded(Recorded::NextPc),
    }
}

/// The public column of that name.
fn public(model: &Model, name: &str) -> usize {
    super::data::public_at(model, PUBLIC.iter().position(|known| *known == name).unwrap_or_default())
}

fn data(model: &Model) -> TokenStream {
    let units = &model.units;
    let declared = units.units.iter().enumerate().map(|(at, unit)| {
        let (name, doc) = (&unit.name, &unit.doc);
        let cells = unit.cells.iter().enumerate().map(|(cell, declared)| {
            let column = id(cell_at(model, (at, cell)));
            let (name, bits) = (units.name(Var::Cell(at, cell)), number(declared.bits));
            quote!(units::Cell { name: #name, column: #column, bits: #bits })
        });
        let by = model
            .selections
            .iter()
            .map(|selection| selection.as_ref().is_some_and(|selection| selection.uses.contains_key(&at)));
        quote!(units::Unit { name: #name, doc: #doc, cells: &[#(#cells),*], by: &[#(#by),*] })
    });
    let slots = model.wiring.slots.iter().map(|slot| {
        let names = slot.of.iter().map(|(unit, slot)| {
            let unit = &units.units[*unit];
            format!("{}.{}", unit.name, unit.slots[*slot].name)
        });
        let name = names.collect::<Vec<_>>().join(", ");
        let places = slot.places.iter().map(|cell| id(cell_at(model, *cell)));
        let (made, tag) = (coded(model, &slot.multiplicity), coded(model, &slot.tag));
        quote!(units::Slot { name: #name, places: &[#(#places),*], made: #made, tag: #tag })
    });
    // One's own are made in every row that is not padding.
    let active = public(model, "active");
    let own = model.lookups.iter().map(|lookup| {
        let places = lookup.places.iter().map(|at| id(*at));
        let (made, tag) = (linear(0, vec![(active, 1)]), linear(0, vec![(active, lookup.table as i128 + 1)]));
        let name = &lookup.name;
        quote!(units::Slot { name: #name, places: &[#(#places),*], made: #made, tag: #tag })
    });
    let slots = slots.chain(own);
    let tables = units.tables.iter().map(|table| {
        let (name, doc) = (&table.name, &table.doc);
        let keys = table.keys.iter().map(|(_, bits)| number(*bits));
        let values = Literal::usize_unsuffixed(table.values.len());
        quote!(units::Table { name: #name, doc: #doc, keys: &[#(#keys),*], values: #values })
    });
    let writes = (0..WRITES.len()).map(|at| (Port::Write(at), 0, Recorded::RdValue(at)));
    let ports = writes.chain([(Port::Memory, 1, Recorded::MemAfter)]).filter_map(|(port, cell, what)| {
        let at = units.port(port)?;
        let (cell, recorded) = (id(cell_at(model, (at, cell))), id(model.recording(&what)?));
        let unit = Literal::usize_unsuffixed(at);
        Some(quote!(units::Bound { unit: #unit, cell: #cell, recorded: #recorded }))
    });
    let most = Literal::usize_unsuffixed(MAX_PLACES);
    let prime = number(u64::try_from(PRIME).unwrap_or_default());
    let protocol = number(PROTOCOL);
    quote! {
        const _: () = assert!(units::PRIME == #prime && units::MAX_PLACES == #most && units::PROTOCOL == #protocol);

        static UNITS: units::Units = units::Units {
            units: &[#(#declared),*],
            slots: &[#(#slots),*],
            tables: &[#(#tables),*],
            ports: &[#(#ports),*],
        };
    }
}

/// A coefficient as a literal. The check of sizes sees that it fits.
fn integer(value: i128) -> Literal {
    Literal::i64_unsuffixed(i64::try_from(value).unwrap_or_default())
}

/// The function that fills the cells of rows: those of units that an instruction does not use are zero.
fn cells(model: &Model) -> TokenStream {
    let arms = (0..model.selections.len()).filter(|kind| model.selections[*kind].is_some()).map(|kind| {
        let (at, body) = (Literal::usize_unsuffixed(kind + 1), fill(model, kind));
        quote!(#at => { #body })
    });
    let found = |what: Recorded| match model.recording(&what) {
        Some(at) => {
            let at = constant(&model.columns[at].name);
            quote!(known[column::#at][row])
        }
        None => quote!(0),
    };
    let reads = (0..READS.len()).map(|port| found(Recorded::Read(port)));
    let [index, address, before, writable, taken] =
        [Recorded::Index, Recorded::MemAddress, Recorded::MemBefore, Recorded::MemWritable, Recorded::Input]
            .map(found);
    let (first, count) = (model.columns.len(), committed(&model.units));
    let (first, count) = (Literal::usize_unsuffixed(first), Literal::usize_unsuffixed(count));
    let read_names = READS.map(ident);
    let read_count = Literal::usize_unsuffixed(READS.len());
    quote! {
        /// What the cells of a row follow from.
        struct Found {
            reads: [Word; #read_count],
            address: Word,
            before: Word,
            writable: Word,
            taken: Word,
        }

        #[inline(always)]
        #[allow(unused_assignments)]
        fn fill(op: &Op, found: &Found, cells: &mut [[Word; STRIDE]; #count], row: usize) {
            let [#(#read_names),*] = found.reads;
            match op.kind {
                #(#arms)*
                _ => {}
            }
        }

        fn fill_cells(columns: &mut Columns, rows: usize, code: &[Op]) {
            let (known, cells) = columns.split_from(#first);
            let Some(cells) = cells.first_chunk_mut::<#count>() else { return };
            let rows = rows.min(MAX_ROWS);
            cells.iter_mut().for_each(|cells| cells[..rows].fill(0));
            for row in 0..rows {
                let op = &code[#index as usize];
                let found = Found { reads: [#(#reads),*], address: #address, before: #before, writable: #writable, taken: #taken };
                fill(op, &found, cells, row);
            }
        }
    }
}

/// The function that fills words of the code table's columns: Σ over products of the entry's constants of a factor that
/// the kind says.
fn words(model: &Model) -> TokenStream {
    let index = model.recording(&Recorded::Index).map(|at| constant(&model.columns[at].name));
    let first = Literal::usize_unsuffixed(model.columns.len() + committed(&model.units));
    let mut tables = TokenStream::new();
    let mut fills = TokenStream::new();
    for (word, (at, limb)) in limbs(model).enumerate() {
        let by = &model.wiring.columns[at].by;
        let mut products: Vec<&Vec<usize>> = by.values().flat_map(Coefficient::keys).collect();
        products.sort_unstable();
        products.dedup();
        let word_at = Literal::usize_unsuffixed(word);
        let is_plain = products.iter().all(|product| product.is_empty())
            && !model.wiring.columns[at].is_wide(&model.units);
        let mut sum = Vec::new();
        for (at, product) in products.iter().enumerate() {
            let table = ident(&format!("CODE_{word}_{at}"));
            let factors = (0..=model.selections.len()).map(|kind| {
                let of = kind.checked_sub(1).and_then(|kind| by.get(&kind)?.get(*product));
                integer(of.copied().unwrap_or_default())
            });
            let constants = product.iter().map(|at| entry(&model.units.entries[*at]));
            let constants = constants.fold(quote!(1i64), |all, entry| quote!(#all.wrapping_mul(#entry)));
            // Of what the kind alone says, a word: so that its loop is one of look-ups.
            if is_plain {
                tables.extend(
                    quote!(static #table: [Word; 256] = by_kind(&[#(#factors as i64 as Word),*], 0);),
                );
                sum.push(quote!(#table[usize::from(kind)]));
            } else {
                tables.extend(quote!(static #table: [i64; 256] = by_kind(&[#(#factors),*], 0);));
                sum.push(quote!(#table[usize::from(kind)].wrapping_mul(#constants)));
            }
        }
        let value = sum.into_iter().reduce(|all, term| quote!(#all.wrapping_add(#term))).unwrap_or(quote!(0));
        let shift = Literal::u32_unsuffixed(limb.shift);
        fills.extend(match is_plain {
            true => quote! {
                if needed[#word_at] {
                    for (output, &kind) in words[#word_at].iter_mut().zip(kinds) {
                        *output = #value as Word;
                    }
                }
            },
            false => quote! {
                if needed[#word_at] {
                    for ((output, &kind), index) in words[#word_at].iter_mut().zip(kinds).zip(index) {
                        let op = &code[*index as usize];
                        *output = ((#value as i64) >> #shift) as Word;
                    }
                }
            },
        });
    }
    quote! {
        const fn by_kind<T: Copy, const N: usize>(factors: &[T; N], none: T) -> [T; 256] {
            let mut table = [none; 256];
            let mut kind = 0;
            while kind < N {
                table[kind] = factors[kind];
                kind += 1;
            }
            table
        }

        #tables

        fn fill_code(columns: &mut Columns, rows: usize, code: &[Op], needed: &[bool]) {
            let (known, words) = columns.split_from(#first);
            let rows = rows.min(MAX_ROWS);
            let index = &known[column::#index][..rows];
            let mut kinds = [0u8; MAX_ROWS];
            for (kind, index) in kinds.iter_mut().zip(index) {
                *kind = code[*index as usize].kind;
            }
            let kinds = &kinds[..rows];
            #fills
        }
    }
}

/// The functions that give a cell from its unit's inputs, and a table's values from its keys.
fn fills(model: &Model) -> TokenStream {
    let mut functions = TokenStream::new();
    for unit in &model.units.units {
        let inputs: Vec<(String, Type)> =
            unit.inputs.iter().map(|input| (input.name.clone(), input.ty)).collect();
        for cell in &unit.cells {
            if let Some(fill) = &cell.fill {
                functions.extend(function(&fill_name(&unit.name, &cell.name), &inputs, fill));
            }
        }
    }
    for table in &model.units.tables {
        let keys: Vec<(String, Type)> =
            table.keys.iter().map(|(name, bits)| (name.clone(), key_type(*bits))).collect();
        for (name, value) in &table.values {
            functions.extend(function(&value_name(&table.name, name), &keys, value));
        }
    }
    functions
}

fn key_type(bits: u32) -> Type {
    Type::unsigned(bits.max(1))
}

fn function(name: &Ident, parameters: &[(String, Type)], value: &Expr) -> TokenStream {
    let parameters = parameters.iter().map(|(name, ty)| {
        let (name, ty) = (ident(&format!("v_{name}")), rust_type(*ty));
        quote!(#name: #ty)
    });
    let body = expr(value, &NoNames);
    let body = word(body, value.ty);
    quote! {
        #[inline(always)]
        fn #name(#(#parameters),*) -> Word {
            #body
        }
    }
}

/// A value as a word.
fn word(value: TokenStream, ty: Type) -> TokenStream {
    match ty.width {
        33.. => quote!(((#value) as Word)),
        _ => to_cell(quote!((#value)), ty),
    }
}

/// With the length of the first name, no two pairs of names are one.
fn fill_name(unit: &str, cell: &str) -> Ident {
    ident(&format!("fill{}_{unit}_{cell}", unit.len()))
}

fn value_name(table: &str, value: &str) -> Ident {
    ident(&format!("table{}_{table}_{value}", table.len()))
}

/// An i64 as the parameter of a function: without the bits above the type's width.
fn parameter(value: &TokenStream, ty: Type) -> TokenStream {
    match ty.width {
        1 => quote!((#value & 1 != 0)),
        2..=31 => {
            let mask = super::hex((1u64 << ty.width) - 1);
            quote!((#value as u32 & #mask))
        }
        32 => quote!((#value as u32)),
        64 => quote!((#value as u64)),
        _ => {
            let mask = super::hex((1u64 << ty.width) - 1);
            quote!((#value as u64 & #mask))
        }
    }
}

/// The cells of an instruction's row, each after those that it follows from.
pub fn fill(model: &Model, kind: usize) -> TokenStream {
    let Some(selection) = &model.selections[kind] else { return TokenStream::new() };
    let mut filling = Filling {
        units: &model.units,
        selection,
        statements: Vec::new(),
        cells: BTreeSet::new(),
        inputs: BTreeSet::new(),
    };
    for unit in selection.uses.keys() {
        for cell in 0..model.units.units[*unit].cells.len() {
            filling.cell((*unit, cell));
        }
    }
    let stores = filling.cells.iter().map(|cell| {
        let (at, value) = (Literal::usize_unsuffixed(place(&model.units, *cell)), filling.name(*cell));
        quote!(cells[#at][row] = #value;)
    });
    let statements = &filling.statements;
    let loaded = loaded(&model.kind(kind).semantics);
    quote!(#loaded #(#statements)* #(#stores)*)
}

/// What the instruction loads, for cells that follow from it.
fn loaded(semantics: &Semantics) -> TokenStream {
    let load = semantics.statements.iter().find_map(|statement| match statement {
        Statement::Load { bits, .. } => Some(*bits),
        _ => None,
    });
    load.map_or_else(TokenStream::new, |bits| {
        let mask = super::hex(u32::MAX >> (32 - bits));
        quote! {
            struct Loaded {
                value: Word,
            }
            let loaded = Loaded { value: (found.before >> (found.address % 4 * 8)) & #mask };
        }
    })
}

struct Filling<'a> {
    units: &'a Units,
    selection: &'a Selection,
    statements: Vec<TokenStream>,
    cells: BTreeSet<(usize, usize)>,
    inputs: BTreeSet<(usize, usize)>,
}

impl Filling<'_> {
    fn name(&self, (unit, cell): (usize, usize)) -> Ident {
        let unit = &self.units.units[unit];
        ident(&format!("c_{}_{}", unit.name, unit.cells[cell].name))
    }

    /// States a cell, and before it what it follows from. The checker has filled rows, so no cell follows from itself.
    fn cell(&mut self, at: (usize, usize)) {
        if !self.cells.insert(at) {
            return;
        }
        let value = self.value(at);
        let name = self.name(at);
        self.statements.push(quote!(let #name: Word = #value;));
    }

    fn value(&mut self, (unit, cell): (usize, usize)) -> TokenStream {
        let declared = &self.units.units[unit];
        match (declared.port, cell) {
            (Some(Port::Memory), 0) => return quote!(found.before),
            (Some(Port::Memory), 2) => return quote!(found.writable),
            _ => {}
        }
        if let Some((_, honest)) = self.selection.fill.iter().find(|(filled, _)| *filled == (unit, cell)) {
            return word(expr(honest, &NoNames), honest.ty);
        }
        if let Some(fill) = &declared.cells[cell].fill {
            let mut read = BTreeSet::new();
            crate::ir::walk(fill, &mut |part| {
                if let crate::ir::ExprKind::Local(name) = &part.kind {
                    read.extend(declared.inputs.iter().position(|input| input.name == *name));
                }
            });
            let arguments: Vec<TokenStream> = (0..declared.inputs.len())
                .map(|at| {
                    let ty = declared.inputs[at].ty;
                    let value = if read.contains(&at) { self.input(unit, at) } else { quote!(0i64) };
                    parameter(&value, ty)
                })
                .collect();
            let function = fill_name(&declared.name, &declared.cells[cell].name);
            return quote!(#function(#(#arguments),*));
        }
        let used = self.selection.uses.get(&unit);
        for (at, slot) in declared.slots.iter().enumerate() {
            let Some(place) = slot.places.iter().position(|place| *place == cell) else { continue };
            let Some(table) = used.and_then(|used| used.tables.get(&at)) else { continue };
            let table = &self.units.tables[*table];
            let Some(value) = place.checked_sub(table.keys.len()) else { continue };
            let Some((value, _)) = table.values.get(value) else { return quote!(0) };
            let keys: Vec<TokenStream> = slot.places[..table.keys.len()]
                .iter()
                .zip(&table.keys)
                .map(|(key, (_, bits))| {
                    self.cell((unit, *key));
                    let name = self.name((unit, *key));
                    parameter(&quote!(#name), key_type(*bits))
                })
                .collect();
            let function = value_name(&table.name, value);
            return quote!(#function(#(#keys),*));
        }
        quote!(0)
    }

    /// The name of an input, which is stated if it was not.
    fn input(&mut self, unit: usize, input: usize) -> TokenStream {
        let declared = &self.units.units[unit];
        let name = ident(&format!("i_{}_{}", declared.name, declared.inputs[input].name));
        if self.inputs.insert((unit, input)) {
            let form = self.selection.uses.get(&unit).and_then(|used| used.inputs.get(&input)).cloned();
            let value = self.form(&form.unwrap_or_default());
            self.statements.push(quote!(let #name: i64 = #value;));
        }
        quote!(#name)
    }

    fn form(&mut self, form: &Form) -> TokenStream {
        let mut sum: Option<TokenStream> = None;
        for (product, coefficient) in form.terms() {
            let mut value: Option<TokenStream> = None;
            for var in product {
                let factor = match var {
                    Var::Cell(unit, cell) => {
                        self.cell((*unit, *cell));
                        let name = self.name((*unit, *cell));
                        quote!(i64::from(#name))
                    }
                    Var::Read(port) => {
                        let name = ident(&format!("rs{}", port + 1));
                        quote!(i64::from(#name))
                    }
                    Var::Entry(at) => entry(&self.units.entries[*at]),
                    Var::Taken => quote!(i64::from(found.taken)),
                    _ => quote!(0i64),
                };
                value = Some(value.map_or(factor.clone(), |value| quote!(#value.wrapping_mul(#factor))));
            }
            let coefficient = Literal::i64_suffixed(i64::try_from(coefficient).unwrap_or_default());
            let term = match value {
                None => quote!((#coefficient)),
                Some(value) if coefficient.to_string() == "1i64" => value,
                Some(value) => quote!(#value.wrapping_mul(#coefficient)),
            };
            sum = Some(sum.map_or(term.clone(), |sum| quote!(#sum.wrapping_add(#term))));
        }
        sum.unwrap_or_else(|| quote!(0i64))
    }
}

/// A constant of the entry as an i64.
fn entry(value: &Expr) -> TokenStream {
    let tokens = expr(value, &NoNames);
    match value.ty.width {
        33.. => quote!(((#tokens) as i64)),
        _ => quote!(i64::from(#tokens)),
    }
}

fn look_up(units: &Units) -> TokenStream {
    let tables = units.tables.iter().enumerate().map(|(at, table)| {
        let at = Literal::usize_unsuffixed(at);
        let keys: Vec<Ident> = (0..table.keys.len()).map(|key| ident(&format!("k{key}"))).collect();
        let bounds = keys.iter().zip(&table.keys).map(|(key, (_, bits))| {
            let bound = Literal::u64_unsuffixed(1 << bits);
            quote!(u64::from(*#key) < #bound)
        });
        let bounds: Vec<TokenStream> = bounds.collect();
        let values = table.values.iter().enumerate().map(|(place, (name, _))| {
            let place = Literal::usize_unsuffixed(place);
            let arguments = keys
                .iter()
                .zip(&table.keys)
                .map(|(key, (_, bits))| parameter(&quote!(*#key), key_type(*bits)));
            let function = value_name(&table.name, name);
            quote!(values[#place] = #function(#(#arguments),*);)
        });
        let values: Vec<TokenStream> = values.collect();
        quote!((#at, [#(#keys),*]) if #(#bounds)&&* => { #(#values)* true })
    });
    quote! {
        fn look_up(table: usize, keys: &[Word], values: &mut [Word]) -> bool {
            values.fill(0);
            match (table, keys) {
                #(#tables)*
                _ => false,
            }
        }
    }
}

/// What the expressions of units and entries do not read.
struct NoNames;

impl Names for NoNames {
    fn column(&self, _: usize, _: Type) -> TokenStream {
        quote!(0)
    }

    fn fact(&self, _: OpFact) -> TokenStream {
        quote!(0)
    }
}
