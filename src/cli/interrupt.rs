//! Ctrl-C: the first asks the command to end, the second ends the process.

use std::sync::OnceLock;

use super::failure::INTERRUPTED;
use crate::cancel::Cancel;

/// The flag that Ctrl-C raises. Before the first call Ctrl-C ends the process, so that a command calls this when it has
/// read its input, and goes on to what looks at the flag.
pub(super) fn cancel() -> Cancel {
    static CANCEL: OnceLock<Cancel> = OnceLock::new();
    let install = || {
        let cancel = Cancel::new();
        let raised = cancel.clone();
        let on_interrupt = move || {
            if raised.is_cancelled() {
                std::process::exit(INTERRUPTED.into());
            }
            raised.cancel();
        };
        // Where there can be no handler Ctrl-C goes on to end the process.
        let _ = ctrlc::set_handler(on_interrupt);
        cancel
    };
    CANCEL.get_or_init(install).clone()
}
