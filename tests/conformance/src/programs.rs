//! The programs: fetched by cargo as part of a crate's source, and unpacked in memory.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;
use serde_json::Value;
use tar::Archive;

/// A manifest that depends on the crate. Its Cargo.lock has the crate's hash, which cargo holds what it fetches against.
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/riscv-tests/Cargo.toml");

const CRATE: &str = "risc0-circuit-rv32im";

/// Where the crate's source has the archive.
const ARCHIVE: &str = "src/prove/testdata/riscv-tests.tgz";

/// Every file of the archive, by name.
pub fn fetch() -> Result<BTreeMap<String, Vec<u8>>, Box<dyn Error>> {
    let path = source()?.join(ARCHIVE);
    let named = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let mut programs = BTreeMap::new();
    let mut archive = Archive::new(GzDecoder::new(File::open(&path).map_err(named)?));
    for entry in archive.entries().map_err(named)? {
        let mut entry = entry.map_err(named)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(named)?.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(named)?;
        programs.insert(name.ok_or("the archive has a file without a name")?, content);
    }
    Ok(programs)
}

/// The crate's folder. `cargo metadata` fetches what is not there yet, and builds nothing.
fn source() -> Result<PathBuf, Box<dyn Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1", "--manifest-path", MANIFEST])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(
            "cargo could not fetch the programs; it needs a registry, or what it fetched before".into()
        );
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata has no packages")?;
    let package = packages.iter().find(|package| package["name"] == CRATE);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let folder = manifest.and_then(|manifest| Path::new(manifest).parent());
    Ok(folder.ok_or_else(|| format!("cargo metadata does not say where {CRATE} is"))?.to_owned())
}
