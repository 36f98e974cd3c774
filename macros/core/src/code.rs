//! The names of the diagnostics, each with what it means: the reference `isa/README.md` explains every one, and the
//! corpus `tests/broken` holds a spec for each.

use std::fmt;

macro_rules! codes {
    ($($variant:ident = $name:literal, $meaning:literal;)*) => {
        /// A kind of mistake in a spec.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// All of them, by name.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name, as rendered errors have it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What is wrong, in one line.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

codes! {
    BadAsm = "bad-asm", "The assembly text shows an operand that the instruction does not have.";
    BadAssignment = "bad-assignment", "Something other than `rd` is assigned, `rd` where the format has none, or `rd` is read and never written.";
    BadBits = "bad-bits", "A range of bits is not written `hi:lo`, or a piece of an immediate not `hi:lo -> hi:lo`.";
    BadExpansion = "bad-expansion", "A pseudo-instruction does not expand to instructions with their operands.";
    BadLetters = "bad-letters", "A field's letters do not stand for its bits, one each.";
    BadName = "bad-name", "A name has letters that generated code cannot have.";
    BadSlice = "bad-slice", "A slice does not lie within the value.";
    BadUnit = "bad-unit", "A table, a unit, a rule or a form is not written as one.";
    CallNumber = "call-number", "A call has no number or another call's, or no instruction makes it.";
    CallStream = "call-stream", "A call names a stream that there is not, or moves other than one to four bytes of one.";
    CallVariants = "call-variants", "Of the variants of a call, two are the case or none is.";
    CellRange = "cell-range", "A row of an instruction has a cell outside its column's range class.";
    ColumnCycle = "column-cycle", "A column is derived from itself.";
    ColumnTwice = "column-twice", "A column is both recorded and derived.";
    ColumnWithoutValue = "column-without-value", "A column is neither recorded nor derived.";
    ConstraintDegree = "constraint-degree", "A constraint's total degree is above three.";
    ConstraintPadding = "constraint-padding", "A constraint is not zero on a padding row, whose cells are all zero.";
    ConstraintRange = "constraint-range", "A constraint could wrap around modulo the field's prime.";
    ConstraintVacuous = "constraint-vacuous", "A constraint holds of every row, whatever its cells: it says nothing.";
    ConstraintViolated = "constraint-violated", "A row of an instruction breaks a constraint.";
    DuplicateName = "duplicate-name", "Two things have one name.";
    EncodingOverlap = "encoding-overlap", "A word matches two instructions.";
    ExitCode = "exit-code", "A call ends the run with a code that no port reads.";
    ExpressionSyntax = "expression-syntax", "An expression does not parse as Rust.";
    ExtendsCycle = "extends-cycle", "A spec extends itself.";
    FormatHole = "format-hole", "A format does not say what some bits are.";
    FormatOverlap = "format-overlap", "A format says of a bit twice what it is.";
    HiddenOperand = "hidden-operand", "The assembly text does not show an operand, so that it could not be assembled back.";
    ImmediateHole = "immediate-hole", "No piece fills some bits of an immediate.";
    ImmediateOverlap = "immediate-overlap", "Two pieces fill one bit of an immediate.";
    InstructionLength = "instruction-length", "An encoding's low bits are those of instructions that are not 32 bits long.";
    LinkViolated = "link-violated", "A row of an instruction and the next break a link.";
    LiteralWidth = "literal-width", "A literal does not fit its type.";
    LookupMissed = "lookup-missed", "A look-up of columns finds no such entry in an honest row.";
    MisplacedEffect = "misplaced-effect", "A load or a call stands where it would not happen in every row.";
    MissingElse = "missing-else", "An `if` that gives a value has no `else`.";
    MissingIndex = "missing-index", "No column records which instruction a row executes.";
    MissingKey = "missing-key", "A table lacks a key.";
    MissingPolicy = "missing-policy", "A question of the policy has no answer.";
    MissingRegisters = "missing-registers", "There is no table of registers.";
    NeverMatches = "never-matches", "Another instruction matches every word that an instruction does.";
    NeverRuns = "never-runs", "An instruction traps on every edge operand, so that no row of it can be checked.";
    NotASpecialCase = "not-a-special-case", "An instruction is not shown to do what one that it replaces does, on each of its words.";
    OperandClash = "operand-clash", "An expansion uses an operand as a register and as a number.";
    OperandTypes = "operand-types", "The operands of an operator have different types.";
    OperandWidth = "operand-width", "A register field has not five bits.";
    PieceWidth = "piece-width", "The two sides of a piece of an immediate are not equally wide.";
    RecordClass = "record-class", "A recorded value can lie outside the column's range class.";
    RecordTwice = "record-twice", "An instruction defines two of the values that one column records.";
    RegisterCount = "register-count", "There are not 32 registers, or more than 32 hidden ones.";
    ShiftAmount = "shift-amount", "A shift's amount can reach the width of what is shifted.";
    TomlSyntax = "toml-syntax", "The file is not TOML.";
    TooLarge = "too-large", "A list, a string, an expression or a word of one is longer than the checker takes.";
    TooManyColumns = "too-many-columns", "More columns are stored or recorded than a row may have.";
    TooManyInstructions = "too-many-instructions", "There are more than 254 instructions.";
    TooManyPorts = "too-many-ports", "A row would need more than one memory access, write of `rd`, jump or call.";
    UndeterminedOutput = "undetermined-output", "A row of an instruction can put out something else, or go on where it traps, and units do not see it.";
    UnfixedField = "unfixed-field", "An instruction does not say what a field of its format is.";
    UnitRow = "unit-row", "A row of an instruction breaks what units say of it.";
    UnitShortage = "unit-shortage", "An instruction needs more of units than a row has room for.";
    UnknownClass = "unknown-class", "There is no such range class.";
    UnknownColumn = "unknown-column", "There is no such column.";
    UnknownField = "unknown-field", "The format has no such field.";
    UnknownFormat = "unknown-format", "There is no such format.";
    UnknownFunction = "unknown-function", "There is no such function, or it is not called like this.";
    UnknownInitial = "unknown-initial", "A hidden register cannot have that at first.";
    UnknownInstruction = "unknown-instruction", "There is no such instruction.";
    UnknownKey = "unknown-key", "A table has a key that means nothing.";
    UnknownName = "unknown-name", "A name means nothing where it stands.";
    UnknownOperand = "unknown-operand", "A pseudo-instruction has no such operand.";
    UnknownPolicy = "unknown-policy", "The policy has no such question.";
    UnknownPort = "unknown-port", "An instruction has no such port.";
    UnknownRecord = "unknown-record", "No instruction has a value of that name to record.";
    UnknownRegister = "unknown-register", "There is no such register.";
    UnknownTrap = "unknown-trap", "There is no such cause of a trap.";
    Unreachable = "unreachable", "An instruction that always traps does something else too.";
    UnreadableSpec = "unreadable-spec", "A spec cannot be read.";
    UnsupportedPolicy = "unsupported-policy", "The runtime does not have that answer to a question of the policy.";
    UnsupportedSyntax = "unsupported-syntax", "Rust that is not part of the language.";
    UnsupportedXlen = "unsupported-xlen", "The runtime does not have words of that width.";
    UntypedLiteral = "untyped-literal", "The width of a literal is not known.";
    UnusedName = "unused-name", "Nothing uses the value of a `let`.";
    UnusedOperand = "unused-operand", "An expansion does not use an operand of the text.";
    UselessCast = "useless-cast", "A conversion to what the value is already, or to fewer bits.";
    UselessPair = "useless-pair", "The first instruction of a fused pair never leads to the next address.";
    ValueWidth = "value-width", "The value of a fixed field does not fit it.";
    WrongType = "wrong-type", "A key has a value of the wrong TOML type.";
    WrongWidth = "wrong-width", "A value has another type than its place.";
    ZeroRegister = "zero-register", "The zero register is not register 0.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
