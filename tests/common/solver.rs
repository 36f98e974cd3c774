//! A solver that decides nothing, for what is said and done where a real one would take its time.

#![allow(unreachable_pub, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes a program that answers `unknown` to each query, after so many seconds.
pub fn undecided(file: &Path, seconds: f64) {
    let script = format!(
        "#!/bin/sh\nwhile read -r line; do\n    case $line in\n        *check-sat*) sleep {seconds}; echo unknown ;;\n        *exit*) exit ;;\n        *) echo success ;;\n    esac\ndone\n"
    );
    fs::write(file, script).expect("it can be written");
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("they can be set");
}
