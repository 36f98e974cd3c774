//! The IR's own meaning, by which the checker runs instructions, against the generated code: every instruction of every
//! in-tree ISA, and of one of our own, on the checker's edge operands gives the same row and goes to the same place.
//!
//! Also the exact count of legal words, against the generated decoder over all 2^32.

use retrace::isa::{
    Access, ColumnId, ColumnSource, Columns, Flow, IN_TREE, Isa, Op, Ports, Rv32i, Rv32im, Rv32imabZicond,
    Trap, Word,
};
use retrace_codegen::check::{Case, Row, edge_rows};
use retrace_codegen::units::form::Var;
use retrace_codegen::units::row::Rows;
use retrace_codegen::units::wiring::Limb;
use retrace_codegen::{Model, Sources, compile};

use crate::extensions::Own;

fn model(spec: &str) -> Model {
    let mut sources = Sources::default();
    IN_TREE.iter().for_each(|(name, text)| sources.add_builtin(name, text));
    compile(&mut sources, spec).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A machine of one instruction: what the case says, and nothing more.
struct OneCase<'a> {
    case: &'a Case,
    /// Whether it makes a call: which variant it is may depend on registers that this one does not read.
    calls: bool,
}

impl OneCase<'_> {
    fn access(&self, address: Word, bytes: Word, stored: Option<Word>) -> Access {
        assert_eq!(address % bytes, 0);
        let (shift, mask) = (address % 4 * 8, Word::MAX >> (32 - 8 * bytes));
        let before = self.case.memory;
        let after = stored.map_or(before, |value| (before & !(mask << shift)) | ((value & mask) << shift));
        Access { value: (before >> shift) & mask, before, after }
    }
}

impl Ports for OneCase<'_> {
    fn register(&self, register: u8) -> Word {
        let known = self.case.registers.iter().find(|(number, _)| *number == register);
        assert!(known.is_some() || self.calls, "{} reads x{register}", self.case);
        known.map_or(0, |(_, value)| *value)
    }

    fn set_register(&mut self, _register: u8, _value: Word) {}

    fn load(&mut self, address: Word, bytes: Word) -> Result<Access, Trap> {
        Ok(self.access(address, bytes, None))
    }

    fn store(&mut self, address: Word, bytes: Word, value: Word) -> Result<Access, Trap> {
        Ok(self.access(address, bytes, Some(value)))
    }

    fn readable(&self, address: Word) -> bool {
        (0x1000..0xffff_f000).contains(&address)
    }

    fn writable(&self, address: Word) -> bool {
        // An instruction's row says of any address what the case does.
        (!self.calls || self.readable(address)) && self.case.writable
    }

    fn input(&mut self, _stream: u8, _left: Word, count: Word) -> Result<Word, Trap> {
        Ok(self.case.input & (Word::MAX >> (32 - 8 * count)))
    }

    fn output(&mut self, _stream: u8, _position: Word, _count: Word, _bytes: Word) -> Result<(), Trap> {
        Ok(())
    }

    fn exit(&mut self, _code: Word) {}
}

/// Compares the rows of a spec, given by its name or file; how many there were.
fn compare<I: Isa>(name: &str) -> usize {
    let (model, spec) = (model(name), I::SPEC);
    let stored: Vec<ColumnId> = (0..spec.stored as u16).map(ColumnId).collect();
    let mut columns = Columns::new(spec.stored);
    let mut compared = 0;
    let selections = model.selections.iter();
    for (kind, ((instruction, selection), rows)) in
        model.kinds().zip(selections).zip(edge_rows(&model)).enumerate()
    {
        assert!(
            !instruction.semantics.has_rows() || rows.len() > 10,
            "{}: {} rows",
            instruction.name,
            rows.len()
        );
        for row in rows {
            let case = &row.case;
            let mut op = I::decode(case.word, case.pc);
            let mut code = vec![Op::default(); case.index as usize];
            // A row of a call is of the variant's entry, which is where the instruction says that they begin.
            if let Some(variant) = kind.checked_sub(spec.instructions.len()) {
                op.imm = case.index.wrapping_sub(variant as u32);
                code.push(spec.variant_entries(op).nth(variant).expect("it is there"));
            } else {
                assert_eq!(spec.kind_name(op.kind), Some(instruction.name.as_str()));
                code.push(op);
            }
            columns.clear_recorded(spec, 1);
            let mut ports = OneCase { case, calls: op.kind != code[case.index as usize].kind };
            let flow = I::step(&mut ports, &op, case.index, &mut columns.recorder());
            let op = code[case.index as usize];
            I::derive(&mut columns, 1, &code, &stored);
            let next = match flow.unwrap_or_else(|trap| panic!("{}: {case}: {trap:?}", instruction.name)) {
                Flow::Next => Some(case.pc.wrapping_add(4)),
                Flow::Jump(target) => Some(target),
                Flow::Exit => None,
            };
            assert_eq!(next, row.next, "{}: {case}", instruction.name);
            for (id, cell) in stored.iter().zip(&row.cells) {
                let column = &spec.columns[id.index()];
                let generated = column.value(columns.column(id.index())[0]);
                assert_eq!(generated, *cell, "{}: {case}: {}", instruction.name, column.name);
            }
            if let Some(selection) = selection {
                units::<I>(Rows { units: &model.units, selection }, &op, &row, (&model, &columns));
            }
            compared += 1;
        }
    }
    compared
}

/// The cells that generated code fills, and the words of the code table, are those of the compiled form.
fn units<I: Isa>(of: Rows<'_>, op: &Op, row: &Row, (model, columns): (&Model, &Columns)) {
    let found = row.found(&model.units);
    let honest = of.fill(&found).unwrap_or_else(|cell| panic!("{}: {cell}", row.case));
    let units = I::UNITS.units.iter().zip(&of.units.units).enumerate();
    for (at, (generated, _)) in units.filter(|(at, _)| of.selection.uses.contains_key(at)) {
        for (cell, declared) in generated.cells.iter().enumerate() {
            let expected = honest.get(of.units.home((at, cell))).unwrap_or_default();
            let cell = i128::from(columns.column(declared.column.index())[0]);
            assert_eq!(cell, expected, "{}: {}", row.case, declared.name);
        }
    }
    let all = I::SPEC.columns;
    let mut words = (0..).zip(all).filter(|(_, column)| column.source == ColumnSource::Code);
    for column in &model.wiring.columns {
        let expected = column.by.get(&usize::from(op.kind - 1)).map_or(0, |coefficient| {
            let terms = coefficient.iter().map(|(entries, factor)| {
                entries.iter().map(|at| of.known(Var::Entry(*at), &found)).product::<i128>() * factor
            });
            terms.sum::<i128>()
        });
        let word = |limb: Limb| {
            let (at, declared) = words.next().expect("each word is a column");
            let value = declared.value(columns.column(at)[0]);
            assert!((limb.min..=limb.max).contains(&value), "{}: {} is {value}", row.case, declared.name);
            i128::from(value) << limb.shift
        };
        let value: i128 = column.words(&model.units).into_iter().map(word).sum();
        assert_eq!(value, expected, "{}: {}", row.case, column.name);
    }
    assert_eq!(words.next().map(|(at, _)| at), None);
}

#[test]
fn edge_rows_are_what_generated_code_gives() {
    let in_tree = [
        compare::<Rv32i>("rv32i"),
        compare::<Rv32im>("rv32im"),
        compare::<Rv32imabZicond>("rv32imab_zicond"),
    ];
    for compared in in_tree.into_iter().chain([compare::<Own>("tests/specs/own.toml")]) {
        assert!(compared > 5000, "{compared} rows");
    }
}

/// `legal_words` and `opcodes` count without looking at words; the decoder looks at every one.
#[test]
fn legal_words_are_exactly_those_that_decode() {
    let model = model(Rv32imabZicond::SPEC.name);
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get()) as u64;
    let count = |part: u64| {
        let mut legal = vec![0u64; 128];
        let words = (1u64 << 32) * part / threads..(1u64 << 32) * (part + 1) / threads;
        for word in words {
            let word = word as u32;
            legal[(word & 0x7f) as usize] +=
                u64::from(Rv32imabZicond::decode(word, 0).kind != Op::UNDECODABLE);
        }
        legal
    };
    let parts: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|part| scope.spawn(move || count(part))).collect();
        parts.into_iter().map(|part| part.join().expect("it does not panic")).collect()
    });
    let expected: Vec<u64> = (0..128).map(|opcode| parts.iter().map(|part| part[opcode]).sum()).collect();
    let legal: Vec<u64> = model.opcodes().iter().map(|opcode| opcode.legal).collect();
    assert_eq!(legal, expected);
    assert_eq!(model.legal_words(), expected.iter().sum::<u64>());
}
