//! Generates the in-tree ISAs from isa/*.toml.

#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::{env, error::Error, fs, path::Path, process};

/// The specs that become types of the library.
const SPECS: [&str; 1] = ["rv32i"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut specs = Vec::new();
    for name in SPECS {
        let path = format!("isa/{name}.toml");
        println!("cargo::rerun-if-changed={path}");
        specs.push((name.to_owned(), fs::read_to_string(path)?));
    }
    let code = retrace_codegen::library(&specs).unwrap_or_else(|errors| {
        eprintln!("{errors}");
        process::exit(1);
    });
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("isa.rs"), code)?;
    Ok(())
}
