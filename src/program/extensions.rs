//! Which extensions a program needs and no ISA has: names such as `rv32i2p1_m2p0_zbb1p0`, as the manual's chapter "ISA Extension Naming
//! Conventions" and the psABI's attribute `Tag_RISCV_arch` have them, as sets of extensions.
//!
//! In: names. Out: extensions.

use std::collections::BTreeSet;

/// What an extension, or a letter that stands for several, contains; a larger set comes before what it contains. Code
/// for RV32E runs on RV32I. Only what toolchains spell both ways needs to be here.
const CONTAINS: [(&str, &[&str]); 9] = [
    ("g", &["i", "m", "a", "f", "d", "zicsr", "zifencei"]),
    ("b", &["zba", "zbb", "zbs"]),
    ("i", &["e"]),
    ("m", &["zmmul"]),
    ("a", &["zaamo", "zalrsc"]),
    ("q", &["d"]),
    ("d", &["f"]),
    ("f", &["zicsr"]),
    ("c", &["zca"]),
];

/// The extensions that a name stands for, those that others contain included; of all versions.
#[derive(Debug, PartialEq, Eq)]
struct Extensions {
    names: BTreeSet<String>,
}

impl Extensions {
    /// None if the name is not formed as the manual says. The order of the extensions, which the manual prescribes, is not
    /// checked.
    fn parse(name: &str) -> Option<Self> {
        let mut names: BTreeSet<String> = named(name)?.into_iter().collect();
        for (name, contained) in CONTAINS {
            if names.contains(name) {
                names.extend(contained.iter().map(|name| (*name).to_owned()));
            }
        }
        Some(Self { names })
    }
}

/// The extensions that a name spells, in its order, without their versions. None if the name is not formed as the manual
/// says.
fn named(name: &str) -> Option<Vec<String>> {
    let name = name.to_ascii_lowercase();
    let letters = name.strip_prefix("rv32")?;
    if !letters.starts_with(['i', 'e', 'g']) {
        return None;
    }
    let parts = letters.split('_').map(extensions).collect::<Option<Vec<_>>>()?;
    Some(parts.concat())
}

/// The extensions between two underscores: single letters, each with a version or without, and then at most one name of
/// several letters, which begins with s, x or z.
fn extensions(part: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = part;
    while let Some(letter) = rest.chars().next() {
        let name = if matches!(letter, 's' | 'x' | 'z') { without_version(rest) } else { rest.get(..1)? };
        let formed = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            && (name.len() > 1) == matches!(letter, 's' | 'x' | 'z');
        if !formed {
            return None;
        }
        names.push(name.to_owned());
        rest = if name.len() > 1 { "" } else { after_version(&rest[1..]) };
    }
    (!names.is_empty()).then_some(names)
}

/// What follows a version: digits, and a `p` and digits if both are there (a `p` alone is the extension P).
fn after_version(text: &str) -> &str {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let major = digits(text);
    let minor = text[major..].strip_prefix('p').map_or(0, digits);
    match (major, minor) {
        (0, _) => text,
        (_, 0) => &text[major..],
        _ => &text[major + 1 + minor..],
    }
}

/// A name of several letters, which ends in none of its own digits, without the version that may follow.
fn without_version(text: &str) -> &str {
    let letters = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let name = letters(text);
    match text[..name].strip_suffix('p') {
        Some(major) if name < text.len() && letters(major) < major.len() => &major[..letters(major)],
        _ => &text[..name],
    }
}

/// Extensions that a program may name and do without. Toolchains add the first two unasked: GNU's write `zicsr` into the
/// attributes of code that has none of its instructions. Of the others, `zihint…` and `zicbop` are hints, which every ISA
/// decodes as something else; `zicntr` and `zihpm` are counters, which are read by instructions of `zicsr`; the rest are guarantees
/// without instructions.
const NOT_NEEDED: [&str; 17] = [
    "zicsr",
    "zifencei",
    "zihintpause",
    "zihintntl",
    "zicbop",
    "zicntr",
    "zihpm",
    "ztso",
    "zkt",
    "zic64b",
    "ziccif",
    "ziccrse",
    "ziccamoa",
    "zicclsm",
    "za64rs",
    "za128rs",
    "zama16b",
];

/// The extensions that `asked` names and none of the ISAs with these names has, and without which a program may not do,
/// as `asked` spells them and in its order. Nothing is known, and so nothing missing, if one of the names is not formed as
/// the manual says.
///
/// A name of several letters that begins with s is part of the privileged architecture, of which a guest has nothing.
pub(super) fn missing(asked: &str, isas: &[&str]) -> Vec<String> {
    let Some(named) = named(asked) else { return Vec::new() };
    let Some(isas) = isas.iter().map(|name| Extensions::parse(name)).collect::<Option<Vec<_>>>() else {
        return Vec::new();
    };
    let is_there = |name: &str| {
        NOT_NEEDED.contains(&name)
            || (name.len() > 1 && name.starts_with('s'))
            || isas.iter().any(|isa| isa.names.contains(name))
    };
    // Letters such as g stand for others, and are no extensions themselves.
    let stands_for = |name: &str| CONTAINS.iter().find(|(set, _)| *set == name && matches!(*set, "g" | "b"));
    let mut missing: Vec<String> = Vec::new();
    for name in named {
        let names = stands_for(&name).map_or_else(|| vec![&*name], |(_, names)| names.to_vec());
        missing.extend(names.into_iter().filter(|name| !is_there(name)).map(str::to_owned));
    }
    // Toolchains name `a`, and `zaamo` too, which is part of it.
    let contained = |name: &String| {
        CONTAINS
            .iter()
            .any(|(set, names)| names.contains(&name.as_str()) && missing.iter().any(|other| other == set))
    };
    let mut told = BTreeSet::new();
    missing.iter().filter(|name| !contained(name) && told.insert(*name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: &str) -> Option<Vec<String>> {
        Extensions::parse(name).map(|extensions| extensions.names.into_iter().collect())
    }

    #[test]
    fn names_are_taken_apart() {
        let cases = [
            ("rv32i", "e i"),
            ("rv32e", "e"),
            ("RV32I", "e i"),
            ("rv32i2p1", "e i"),
            ("rv32i2", "e i"),
            ("rv32im", "e i m zmmul"),
            ("rv32i2p1_m2p0_zbb1p0", "e i m zbb zmmul"),
            ("rv32i2p1m2p0_zmmul1p0", "e i m zmmul"),
            ("rv32imc_zicsr2p0_zifencei2p0", "c e i m zca zicsr zifencei zmmul"),
            // The underscore before the first name of several letters may be missing, and so may the minor version.
            ("rv32imzicsr_zifencei2", "e i m zicsr zifencei zmmul"),
            ("rv32g", "a d e f g i m zaamo zalrsc zicsr zifencei zmmul"),
            ("rv32ib", "b e i zba zbb zbs"),
            // A p is the extension P unless it stands in a version.
            ("rv32i2p", "e i p"),
            ("rv32i2p0p0p2", "e i p"),
            ("rv32ip", "e i p"),
            // Digits within a name are the name's.
            ("rv32i_zve32x1p0_zvl128b1p0_zic64b", "e i zic64b zve32x zvl128b"),
            ("rv32i_xtheadba1p0_smepmp", "e i smepmp xtheadba"),
            // This p is the name's, and 1 a major version.
            ("rv32i_smepmp1", "e i smepmp"),
        ];
        for (name, expected) in cases {
            let expected: Vec<String> = expected.split(' ').map(str::to_owned).collect();
            assert_eq!(names(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn other_names_have_no_extensions() {
        let wrong = [
            "",
            "rv",
            "rv32",
            "rvi",
            "rv32m",
            "rv32_i",
            "rv32i_",
            "rv32i__m",
            "rv32i-rotxor",
            "rv32i_2p0",
            "rv32i_z",
            "rv32i_z1p0",
            "rv32iz",
            "rv32i m",
            "rv32ié",
            "rv32i_zé",
            "zbb",
            "x86",
            "rv64i",
        ];
        for name in wrong {
            assert_eq!(names(name), None, "{name}");
            assert_eq!(missing(name, &["rv32i"]), [""; 0], "{name}");
        }
    }

    /// Names that toolchains write of themselves: GNU's for `rv32im` and with newlib's or picolibc's objects, LLVM's for Rust's
    /// targets riscv32i, riscv32im, riscv32imac and riscv32gc, the profile RVA23's names.
    #[test]
    fn what_is_needed_and_no_isa_has_is_missing() {
        let isas = ["rv32i", "rv32im", "rv32im_zbb"];
        let cases = [
            ("rv32i2p1", ""),
            ("rv32e1p9", ""),
            ("rv32i2p1_m2p0_zmmul1p0", ""),
            ("rv32i2p1_zmmul1p0", ""),
            ("rv32i2p1_m2p0_zicsr2p0_zifencei2p0_zbb1p0", ""),
            ("rv32i2p1_m2p0_zmmul1p0_zba1p0_zbs1p0", "zba zbs"),
            ("rv32imb", "zba zbs"),
            ("rv32i2p1_m2p0_a2p1_c2p0_zmmul1p0_zaamo1p0_zalrsc1p0_zca1p0", "a c"),
            ("rv32g", "a d"),
            ("rv32im_xtheadba", "xtheadba"),
            ("rv32im_zicntr_zihintpause_zic64b_smepmp_sscofpmf", ""),
            // Nothing that can be read.
            ("rv32i_2p0", ""),
            ("rv64i_zbs", ""),
            ("", ""),
        ];
        for (asked, expected) in cases {
            assert_eq!(missing(asked, &isas).join(" "), expected, "{asked}");
        }
        assert_eq!(missing("rv32im", &["rv32i"]), ["m"]);
        // Of an ISA whose name the manual does not form nothing is known.
        assert_eq!(missing("rv32i_zbs", &["rv32i", "rv32i-rotxor"]), [""; 0]);
        assert_eq!(missing("rv32i_zbs", &[]), ["i", "zbs"]);
    }

    proptest::proptest! {
        /// A name is a file's claim: whatever it is, it is taken apart or not, and what is, lists itself.
        #[test]
        fn any_name_is_taken_apart_or_not(name in "rv32i[a-z0-9_é]{0,12}", other in ".{0,12}") {
            missing(&other, &["rv32i"]);
            if let Some(extensions) = Extensions::parse(&name) {
                proptest::prop_assert!(extensions.names.contains("i"));
                let spelled: Vec<&str> = extensions.names.iter().map(String::as_str).collect();
                let again = Extensions::parse(&format!("rv32i_{}", spelled.join("_")));
                proptest::prop_assert_eq!(again, Some(extensions));
            }
        }
    }
}
