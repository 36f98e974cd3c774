//! From TOML text to tables with spans: what is there, not yet what it means.
//!
//! In: a spec file and those that it extends. Out: [`Tables`], the base's entries before the extension's.

mod alike;
mod reader;

use reader::Reader;
use toml::de::DeTable;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::{Sources, Span};

/// A string of the spec, with the place of its content if it is written without escapes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) span: Span,
    /// Where the content starts, if offsets in the content are offsets in the file.
    pub(crate) content: Option<usize>,
}

impl Text {
    /// The place of a range of the content.
    pub(crate) fn at(&self, range: std::ops::Range<usize>) -> Span {
        match self.content {
            Some(start) if range.end <= self.value.len() => {
                Span { file: self.span.file, range: start + range.start..start + range.end }
            }
            _ => self.span.clone(),
        }
    }
}

/// An integer of the spec.
#[derive(Clone, Debug, Default)]
pub(crate) struct Int {
    pub(crate) value: u64,
    pub(crate) span: Span,
}

/// A key with a value.
#[derive(Clone, Debug)]
pub(crate) struct Entry<T> {
    pub(crate) key: Text,
    pub(crate) value: T,
}

/// All tables of a spec and of what it extends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) name: Text,
    pub(crate) doc: Text,
    pub(crate) extends: Vec<Text>,
    pub(crate) xlen: Option<Int>,
    /// Whether instructions need not be compiled to units.
    pub(crate) unproven: bool,
    pub(crate) registers: Vec<RegistersTable>,
    pub(crate) hidden: Vec<HiddenTable>,
    pub(crate) policy: Vec<Entry<Text>>,
    pub(crate) formats: Vec<Entry<FormatTable>>,
    pub(crate) instructions: Vec<InstructionTable>,
    pub(crate) columns: Vec<ColumnTable>,
    pub(crate) constraints: Vec<ConstraintTable>,
    pub(crate) links: Vec<LinkTable>,
    pub(crate) lookups: Vec<LookupTable>,
    pub(crate) opcodes: Vec<Entry<Int>>,
    pub(crate) calls: Vec<CallTable>,
    pub(crate) pseudos: Vec<PseudoTable>,
    /// Instructions, each with those that are fused with it when they follow.
    pub(crate) fused: Vec<Entry<Vec<Text>>>,
    pub(crate) ports: Vec<PortsTable>,
    pub(crate) tables: Vec<TableTable>,
    pub(crate) units: Vec<UnitTable>,
    pub(crate) rules: Vec<RuleTable>,
    /// Cells, each with the cell whose column it shares.
    pub(crate) overlay: Vec<Entry<Text>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct PortsTable {
    /// Of each write port, in the order of the ports.
    pub(crate) write: Vec<Text>,
    pub(crate) memory: Option<Text>,
    /// The column that has the address of the word that `memory` accesses.
    pub(crate) address: Option<Text>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TableTable {
    pub(crate) name: Text,
    pub(crate) doc: Text,
    pub(crate) keys: Vec<Entry<Text>>,
    pub(crate) values: Vec<Entry<Text>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct UnitTable {
    pub(crate) name: Text,
    pub(crate) doc: Text,
    pub(crate) inputs: Vec<Entry<Text>>,
    pub(crate) defaults: Vec<Entry<Int>>,
    pub(crate) cells: Vec<Entry<Text>>,
    pub(crate) fill: Vec<Entry<Text>>,
    pub(crate) relations: Vec<Text>,
    pub(crate) lookups: Vec<Entry<Text>>,
    pub(crate) outputs: Vec<Entry<OutputTable>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct OutputTable {
    pub(crate) form: Text,
    pub(crate) means: Option<Text>,
    pub(crate) given: Vec<Entry<Int>>,
    pub(crate) tables: Vec<Entry<Text>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct RuleTable {
    pub(crate) pattern: Text,
    pub(crate) doc: Text,
    pub(crate) operands: Vec<Entry<Text>>,
    pub(crate) uses: Vec<Entry<Text>>,
    pub(crate) assert: Vec<Text>,
    pub(crate) give: Option<Text>,
    pub(crate) address: Option<Text>,
    pub(crate) given: Vec<Text>,
    /// Names for values that `fill` and `given` take.
    pub(crate) lets: Vec<Entry<Text>>,
    pub(crate) fill: Vec<Entry<Text>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct RegistersTable {
    pub(crate) names: Vec<Text>,
    pub(crate) zero: Text,
    pub(crate) stack_pointer: Text,
    pub(crate) aliases: Vec<Entry<Text>>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct HiddenTable {
    pub(crate) name: Text,
    pub(crate) doc: Text,
    pub(crate) initial: Option<Text>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FormatTable {
    pub(crate) fields: Vec<Entry<Text>>,
    pub(crate) letters: Vec<Entry<Text>>,
    pub(crate) imm: Option<ImmTable>,
    pub(crate) ignored: Vec<Text>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ImmTable {
    pub(crate) signed: bool,
    pub(crate) bits: Vec<Text>,
    pub(crate) zero: Option<Text>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct InstructionTable {
    pub(crate) name: Text,
    pub(crate) doc: Text,
    pub(crate) format: Text,
    pub(crate) fixed: Vec<Entry<Int>>,
    pub(crate) registers: Vec<Entry<Text>>,
    pub(crate) asm: Text,
    pub(crate) semantics: Text,
    /// Instructions that are special cases of this one, which takes their place.
    pub(crate) replaces: Vec<Text>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ColumnTable {
    pub(crate) name: Text,
    pub(crate) doc: Text,
    pub(crate) class: Text,
    pub(crate) record: Vec<Text>,
    pub(crate) derive: Option<Text>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ConstraintTable {
    pub(crate) name: Text,
    pub(crate) doc: Text,
    pub(crate) guard: Option<Text>,
    pub(crate) left: Text,
    pub(crate) right: Text,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct LinkTable {
    pub(crate) name: Text,
    pub(crate) doc: Text,
    pub(crate) from: Text,
    pub(crate) to: Text,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct LookupTable {
    pub(crate) name: Text,
    pub(crate) doc: Text,
    pub(crate) find: Text,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct CallTable {
    pub(crate) name: Text,
    pub(crate) doc: Text,
    pub(crate) number: Option<Int>,
    pub(crate) arguments: Vec<Text>,
    pub(crate) registers: Vec<Entry<Text>>,
    /// Names for values that the variants share.
    pub(crate) lets: Vec<Entry<Text>>,
    /// Of a call that has one variant.
    pub(crate) semantics: Option<Text>,
    pub(crate) variants: Vec<VariantTable>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct VariantTable {
    pub(crate) name: Text,
    pub(crate) registers: Vec<Entry<Text>>,
    /// What holds where the call is this variant.
    pub(crate) when: Vec<Text>,
    pub(crate) semantics: Text,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct PseudoTable {
    pub(crate) asm: Text,
    pub(crate) doc: Text,
    pub(crate) expand: Vec<Text>,
    pub(crate) fill: bool,
}

/// Reads a spec and what it extends; none if one of the files cannot be read, or is not TOML: what it lacks then would
/// be reported of every table that needs it.
pub(crate) fn parse(sources: &mut Sources, file: &str, errors: &mut Vec<Diagnostic>) -> Option<Tables> {
    let mut tables = Tables::default();
    let mut reading = Reading::default();
    match sources.open(file) {
        Ok(id) => parse_file(sources, id, &mut tables, &mut reading, errors),
        Err(error) => {
            let span = Span { file: sources.missing(file), range: 0..0 };
            let error = Diagnostic::new(
                Code::UnreadableSpec,
                &span,
                format!("cannot read the spec `{file}`: {error}"),
            );
            // What looks like a name was perhaps meant as one.
            errors.push(if file.contains(['.', '/', '\\']) {
                error.hint(sources.remedy(file))
            } else {
                error.did_you_mean(file, sources.builtin_names())
            });
            return None;
        }
    }
    if reading.incomplete {
        return None;
    }
    alike::unite(&mut tables, errors);
    Some(tables)
}

fn parse_file(
    sources: &mut Sources,
    file: usize,
    tables: &mut Tables,
    reading: &mut Reading,
    errors: &mut Vec<Diagnostic>,
) {
    reading.open.push(file);
    let text = sources.file(file).text.clone();
    let (document, syntax) = DeTable::parse_recoverable(&text);
    if !syntax.is_empty() {
        reading.incomplete = true;
        errors.extend(syntax.iter().map(|error| {
            let span = Span { file, range: error.span().unwrap_or(0..0) };
            Diagnostic::new(Code::TomlSyntax, &span, error.message())
                .hint("this is not TOML; see https://toml.io")
        }));
        return;
    }
    let mut root = Reader::new(file, &text, &document, errors);
    let isa = root.table("isa", true, |isa| {
        let extends = isa.texts("extends");
        (isa.required("name"), isa.required("doc"), isa.int("xlen"), extends, isa.bool("unproven"))
    });
    let (name, doc, xlen, extends, unproven) = isa.unwrap_or_default();
    let mut own = Tables { name, doc, xlen, unproven, ..Tables::default() };
    own.registers.extend(root.table("registers", false, |table| RegistersTable {
        names: table.texts("names"),
        zero: table.required("zero"),
        stack_pointer: table.required("stack_pointer"),
        aliases: table.table("aliases", false, |names| names.entries_of_text()).unwrap_or_default(),
        span: table.span(),
    }));
    own.hidden = root.list("hidden", |table| HiddenTable {
        name: table.required("name"),
        doc: table.required("doc"),
        initial: table.text("initial"),
    });
    own.policy = root.table("policy", false, |table| table.entries_of_text()).unwrap_or_default();
    own.formats = root.tables_by_key("format", |table| FormatTable {
        fields: table.table("fields", true, |fields| fields.entries_of_text()).unwrap_or_default(),
        letters: table.table("letters", false, |fields| fields.entries_of_text()).unwrap_or_default(),
        imm: table.table("imm", false, |imm| ImmTable {
            signed: imm.required_bool("signed"),
            bits: imm.texts("bits"),
            zero: imm.text("zero"),
            span: imm.span(),
        }),
        ignored: table.texts("ignored"),
    });
    own.instructions = root.list("instruction", |table| InstructionTable {
        name: table.required("name"),
        doc: table.required("doc"),
        format: table.required("format"),
        fixed: table.table("fixed", true, |fixed| fixed.entries_of_int()).unwrap_or_default(),
        registers: table.table("registers", false, |regs| regs.entries_of_text()).unwrap_or_default(),
        asm: table.required("asm"),
        semantics: table.required("semantics"),
        replaces: table.texts("replaces"),
    });
    own.columns = root.list("column", |table| ColumnTable {
        name: table.required("name"),
        doc: table.required("doc"),
        class: table.required("class"),
        record: table.texts("record"),
        derive: table.text("derive"),
    });
    own.constraints = root.list("constraint", |table| ConstraintTable {
        name: table.required("name"),
        doc: table.required("doc"),
        guard: table.text("guard"),
        left: table.required("left"),
        right: table.required("right"),
    });
    own.links = root.list("link", |table| LinkTable {
        name: table.required("name"),
        doc: table.required("doc"),
        from: table.required("from"),
        to: table.required("to"),
    });
    own.lookups = root.list("lookup", |table| LookupTable {
        name: table.required("name"),
        doc: table.required("doc"),
        find: table.required("find"),
    });
    own.opcodes = root.table("opcodes", false, |table| table.entries_of_int()).unwrap_or_default();
    own.calls = root.list("call", |table| CallTable {
        name: table.required("name"),
        doc: table.required("doc"),
        number: table.int("number"),
        arguments: table.texts("arguments"),
        registers: table.table("registers", false, |regs| regs.entries_of_text()).unwrap_or_default(),
        lets: table.table("let", false, |lets| lets.entries_of_text()).unwrap_or_default(),
        semantics: table.text("semantics"),
        variants: table.list("variant", |variant| VariantTable {
            name: variant.required("name"),
            registers: variant.table("registers", false, |regs| regs.entries_of_text()).unwrap_or_default(),
            when: variant.texts("when"),
            semantics: variant.required("semantics"),
        }),
    });
    own.pseudos = root.list("pseudo", |table| PseudoTable {
        asm: table.required("asm"),
        doc: table.required("doc"),
        expand: table.texts("expand"),
        fill: table.bool("fill"),
    });
    own.fused = root.table("fused", false, |table| table.entries_of_texts()).unwrap_or_default();
    own.ports.extend(root.table("ports", false, |table| PortsTable {
        write: table.texts("write"),
        memory: table.text("memory"),
        address: table.text("address"),
        span: table.span(),
    }));
    own.tables = root.list("table", |table| TableTable {
        name: table.required("name"),
        doc: table.required("doc"),
        keys: table.table("keys", true, |keys| keys.entries_of_text()).unwrap_or_default(),
        values: table.table("values", false, |values| values.entries_of_text()).unwrap_or_default(),
    });
    own.units = root.list("unit", |table| UnitTable {
        name: table.required("name"),
        doc: table.required("doc"),
        inputs: table.table("inputs", true, |inputs| inputs.entries_of_text()).unwrap_or_default(),
        defaults: table.table("defaults", false, |inputs| inputs.entries_of_int()).unwrap_or_default(),
        cells: table.table("cells", true, |cells| cells.entries_of_text()).unwrap_or_default(),
        fill: table.table("fill", false, |cells| cells.entries_of_text()).unwrap_or_default(),
        relations: table.texts("relations"),
        lookups: table.table("lookups", false, |slots| slots.entries_of_text()).unwrap_or_default(),
        outputs: table.tables_by_key("outputs", |output| OutputTable {
            form: output.required("form"),
            means: output.text("means"),
            given: output.table("given", false, |given| given.entries_of_int()).unwrap_or_default(),
            tables: output.table("tables", false, |tables| tables.entries_of_text()).unwrap_or_default(),
        }),
    });
    own.rules = root.list("rule", |table| RuleTable {
        pattern: table.required("match"),
        doc: table.required("doc"),
        operands: table.table("operands", true, |operands| operands.entries_of_text()).unwrap_or_default(),
        uses: table.table("use", false, |uses| uses.entries_of_text()).unwrap_or_default(),
        assert: table.texts("assert"),
        given: table.texts("given"),
        give: table.text("give"),
        address: table.text("address"),
        lets: table.table("let", false, |lets| lets.entries_of_text()).unwrap_or_default(),
        fill: table.table("fill", false, |fill| fill.entries_of_text()).unwrap_or_default(),
    });
    own.overlay = root.table("overlay", false, |table| table.entries_of_text()).unwrap_or_default();
    root.finish();
    // What was left out would be reported of every table that needs it.
    reading.incomplete |= errors.iter().any(|error| error.code == Code::TooLarge);
    extend(sources, &extends, tables, reading, errors);
    merge(tables, own);
    tables.extends = extends;
    reading.open.pop();
    reading.done.push(file);
}

/// Reads the bases. One that two specs extend is read once; one that is still being read extends itself.
fn extend(
    sources: &mut Sources,
    extends: &[Text],
    tables: &mut Tables,
    reading: &mut Reading,
    errors: &mut Vec<Diagnostic>,
) {
    for base in extends {
        match sources.open(&base.value) {
            Ok(id) if reading.open.contains(&id) => errors.push(
                Diagnostic::new(Code::ExtendsCycle, &base.span, "this spec extends itself")
                    .label("it is still being read")
                    .hint("of two specs only one can extend the other"),
            ),
            Ok(id) if reading.done.contains(&id) => {}
            Ok(id) => parse_file(sources, id, tables, reading, errors),
            Err(error) => {
                reading.incomplete = true;
                let message = format!("cannot read the spec `{}`: {error}", base.value);
                errors.push(
                    Diagnostic::new(Code::UnreadableSpec, &base.span, message)
                        .did_you_mean(&base.value, sources.builtin_names()),
                );
            }
        }
    }
}

/// Which files are being read, and which have been.
#[derive(Default)]
struct Reading {
    open: Vec<usize>,
    done: Vec<usize>,
    /// Whether some file could not be read.
    incomplete: bool,
}

fn merge(tables: &mut Tables, own: Tables) {
    tables.name = own.name;
    tables.doc = own.doc;
    tables.xlen = own.xlen.or(tables.xlen.take());
    tables.unproven |= own.unproven;
    tables.registers.extend(own.registers);
    tables.hidden.extend(own.hidden);
    tables.policy.extend(own.policy);
    tables.formats.extend(own.formats);
    tables.instructions.extend(own.instructions);
    tables.columns.extend(own.columns);
    tables.constraints.extend(own.constraints);
    tables.links.extend(own.links);
    tables.lookups.extend(own.lookups);
    tables.opcodes.extend(own.opcodes);
    tables.calls.extend(own.calls);
    tables.pseudos.extend(own.pseudos);
    tables.fused.extend(own.fused);
    tables.ports.extend(own.ports);
    tables.tables.extend(own.tables);
    tables.units.extend(own.units);
    tables.rules.extend(own.rules);
    tables.overlay.extend(own.overlay);
}
