//! Crates outside the workspace that depend on the library.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The example of such a crate.
pub(crate) fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/custom-isa")
}

/// Runs cargo in a crate's folder. All have one target folder, so that the library is built once, if they have the
/// example's features and its lock file; each crate has a name of its own there.
pub(crate) fn cargo(arguments: &[&str], crate_dir: &Path) -> Output {
    Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(crate_dir)
        // Most of the time goes into compiling; nobody debugs what comes out.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("custom-isa"))
        .output()
        .expect("cargo runs")
}
