//! Which ISA suits a file: names such as `rv32i2p1_m2p0_zbb1p0`, as the manual's chapter "ISA Extension Naming
//! Conventions" and the psABI's attribute `Tag_RISCV_arch` have them, as sets of extensions.
//!
//! In: names. Out: the place of the one that is nearest.

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
    xlen: u32,
    names: BTreeSet<String>,
}

impl Extensions {
    /// None if the name is not formed as the manual says. The order of the extensions, which the manual prescribes, is not
    /// checked.
    fn parse(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let rest = name.strip_prefix("rv")?;
        let letters = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let xlen = rest[..rest.len() - letters.len()].parse().ok()?;
        if !letters.starts_with(['i', 'e', 'g']) {
            return None;
        }
        let mut names = BTreeSet::new();
        for part in letters.split('_') {
            names.extend(extensions(part)?);
        }
        for (name, contained) in CONTAINS {
            if names.contains(name) {
                names.extend(contained.iter().map(|name| (*name).to_owned()));
            }
        }
        Some(Self { xlen, names })
    }
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

/// The place of the ISA, of those with these names, that has most of the extensions asked for, and of several such the one
/// with the fewest beyond, the first of equals. So an extension that none has, as the `zicsr` that toolchains add unasked,
/// decides nothing. A name that is not formed as the manual says has no extensions. None if what is asked for is no such
/// name, or no ISA has any of it.
pub fn closest_isa<'a>(asked: &str, isas: impl IntoIterator<Item = &'a str>) -> Option<usize> {
    let asked = Extensions::parse(asked)?;
    let isas = isas.into_iter().map(Extensions::parse).enumerate();
    let suited = isas.filter_map(|(at, isa)| {
        let isa = isa.filter(|isa| isa.xlen == asked.xlen)?;
        let has = isa.names.intersection(&asked.names).count();
        (has > 0).then_some((asked.names.len() - has, isa.names.len() - has, at))
    });
    suited.min().map(|(_, _, at)| at)
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
        assert_eq!(Extensions::parse("rv64i").map(|extensions| extensions.xlen), Some(64));
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
            "rv99999999999i",
        ];
        for name in wrong {
            assert_eq!(names(name), None, "{name}");
            assert_eq!(closest_isa(name, ["rv32i"]), None, "{name}");
        }
    }

    #[test]
    fn the_closest_has_most_and_then_least_beyond() {
        let isas = ["rv32i", "rv32im", "rv32im_zbb"];
        let cases = [
            ("rv32i2p1", "rv32i"),
            ("rv32e1p9", "rv32i"),
            ("rv32i2p1_zicsr2p0_zifencei2p0", "rv32i"),
            ("rv32i2p1_m2p0", "rv32im"),
            ("rv32i2p1_m2p0_zmmul1p0", "rv32im"),
            ("rv32i2p1_zmmul1p0", "rv32im"),
            ("rv32i2p1_m2p0_zicsr2p0_zifencei2p0_zbb1p0", "rv32im_zbb"),
            ("rv32i2p1_zbb1p0", "rv32im_zbb"),
            ("rv32imb", "rv32im_zbb"),
            // Nothing here has a, f, d and c; they may not be executed.
            ("rv32imac", "rv32im"),
            ("rv32g", "rv32im"),
            ("rv32gc_zbb", "rv32im_zbb"),
        ];
        for (asked, expected) in cases {
            for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
                let isas = order.map(|at: usize| isas[at]);
                let chosen = closest_isa(asked, isas).map(|at| isas[at]);
                assert_eq!(chosen, Some(expected), "{asked} of {isas:?}");
            }
        }
    }

    proptest::proptest! {
        /// A name is a file's claim: whatever it is, it is taken apart or not, and what is, lists itself.
        #[test]
        fn any_name_is_taken_apart_or_not(name in "rv32i[a-z0-9_é]{0,12}", other in ".{0,12}") {
            closest_isa(&other, ["rv32i"]);
            if let Some(extensions) = Extensions::parse(&name) {
                proptest::prop_assert!(extensions.names.contains("i"));
                let spelled: Vec<&str> = extensions.names.iter().map(String::as_str).collect();
                let again = Extensions::parse(&format!("rv32i_{}", spelled.join("_")));
                proptest::prop_assert_eq!(again, Some(extensions));
            }
        }
    }

    #[test]
    fn only_what_has_something_is_close() {
        assert_eq!(closest_isa("rv32i", []), None);
        assert_eq!(closest_isa("rv32i", ["rv64i", "rv32i-rotxor"]), None);
        assert_eq!(closest_isa("rv64i", ["rv32i"]), None);
        assert_eq!(closest_isa("rv32i", ["rv32i-rotxor", "rv64i", "rv32im"]), Some(2));
        // The first of equals.
        assert_eq!(closest_isa("rv32i", ["rv32im", "rv32ic"]), Some(0));
    }
}
