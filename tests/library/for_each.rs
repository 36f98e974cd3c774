//! `for_each_instruction!` makes what a consumer of the table needs: an enumeration, and a decoder over it.

use retrace::asm::{Layout, assemble};
use retrace::isa::{Isa, Rv32im};

macro_rules! table {
    ($({
        ident: $ident:ident,
        variant: $variant:ident,
        name: $name:literal,
        mask: $mask:literal,
        bits: $bits:literal,
        format: $format:literal,
        operands: [$($operand:ident),*],
        doc: $doc:literal
    }),*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Mnemonic {
            $(#[doc = $doc] $variant,)*
        }

        impl Mnemonic {
            const ALL: &[Self] = &[$(Self::$variant),*];

            fn decode(word: u32) -> Option<Self> {
                $(if word & $mask == $bits { return Some(Self::$variant); })*
                None
            }

            fn facts(self) -> (&'static str, &'static str, &'static [&'static str], &'static str) {
                match self {
                    $(Self::$variant => ($name, $format, &[$(stringify!($operand)),*], $doc),)*
                }
            }
        }

        /// Functions named after instructions.
        mod named {
            $(fn $ident() -> &'static str { $name })*
            pub(super) const ALL: &[fn() -> &'static str] = &[$($ident),*];
        }
    };
}

retrace::for_each_instruction!(rv32im, table);

#[test]
fn the_table_is_the_spec() {
    assert_eq!(Mnemonic::ALL.len(), Rv32im::SPEC.instructions.len());
    for (mnemonic, instruction) in Mnemonic::ALL.iter().zip(Rv32im::SPEC.instructions) {
        let (name, format, operands, doc) = mnemonic.facts();
        assert_eq!((name, format, doc), (instruction.name, instruction.format, instruction.doc));
        let names: Vec<&str> = instruction.operands.iter().map(|operand| operand.name).collect();
        assert_eq!(operands, names, "{name}");
        assert_eq!(Mnemonic::decode(instruction.bits), Some(*mnemonic));
    }
    assert!(
        named::ALL
            .iter()
            .zip(Rv32im::SPEC.instructions)
            .all(|(name, instruction)| name() == instruction.name)
    );
}

#[test]
fn it_decodes() {
    let assembly = assemble::<Rv32im>("mul a0, a1, a2; sw a0, 4(sp); ecall; .word -1", Layout::default());
    let words = assembly.expect("it has no mistakes").code.words();
    let found: Vec<_> = words.iter().map(|word| Mnemonic::decode(*word)).collect();
    assert_eq!(found, [Some(Mnemonic::Mul), Some(Mnemonic::Sw), Some(Mnemonic::Ecall), None]);
    let operands = |mnemonic: Mnemonic| mnemonic.facts().2;
    assert_eq!(operands(Mnemonic::Sw), ["rs1", "rs2", "imm"]);
    assert_eq!(operands(Mnemonic::Fence), ["pred", "succ"]);
    assert_eq!(operands(Mnemonic::Ecall), ["rd", "rs1", "rs2", "rs3", "rs4"]);
}

/// The macro that `isa!` makes beside its type.
mod own {
    use retrace::isa::Isa;

    retrace::isa! { pub(super) struct Own = "isa/rv32i.toml"; }

    macro_rules! count {
        ($($entry:tt),*) => { const COUNT: usize = [$(stringify!($entry)),*].len(); };
    }
    for_each_instruction_of_own!(count);

    #[test]
    fn isa_makes_one_too() {
        assert_eq!(COUNT, Own::SPEC.instructions.len());
    }
}
