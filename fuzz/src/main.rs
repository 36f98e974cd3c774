//! One target under libFuzzer, by the name in `FUZZ_TARGET`. `fuzz/run.sh` sets it, and builds this with the coverage that
//! guides libFuzzer.

#![no_main]

mod targets;

use std::sync::LazyLock;

static TARGET: LazyLock<targets::Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = targets::TARGETS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("there is no target {name:?}")).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    TARGET(bytes);
    // It remembers the places of all that was ever parsed.
    proc_macro2::extra::invalidate_current_thread_spans();
});
