//! Generates the in-tree ISAs from isa/*.toml.

#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::{env, error::Error, fs, path::Path, process};

/// The specs that others can extend by name.
const SPECS: [&str; 10] =
    ["rv32i", "rv32m", "rv32im", "rv32a", "zba", "zbb", "zbs", "zicond", "rv32im_zbb", "rv32imab_zicond"];

/// Those that become types of the library, from the smallest to the largest: each decodes what the one before it decodes.
const TYPES: [&str; 4] = ["rv32i", "rv32im", "rv32im_zbb", "rv32imab_zicond"];

fn main() -> Result<(), Box<dyn Error>> {
    // The feature asks for native code; the host must be one that it is made for.
    println!("cargo::rustc-check-cfg=cfg(native)");
    let on = |name: &str, value: &str| env::var(name).is_ok_and(|it| it == value);
    if env::var_os("CARGO_FEATURE_JIT").is_some()
        && env::var_os("CARGO_CFG_UNIX").is_some()
        && on("CARGO_CFG_TARGET_ARCH", "x86_64")
    {
        println!("cargo::rustc-cfg=native");
    }
    let mut specs = Vec::new();
    for name in SPECS {
        let path = format!("isa/{name}.toml");
        println!("cargo::rerun-if-changed={path}");
        specs.push((name.to_owned(), fs::read_to_string(path)?));
    }
    let code = retrace_codegen::library(&specs, &TYPES).unwrap_or_else(|errors| {
        eprintln!("{errors}");
        process::exit(1);
    });
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("isa.rs"), code)?;
    Ok(())
}
