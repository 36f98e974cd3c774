//! `retrace debug`: a server that gdb connects to.

mod target;
mod wire;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use gdbstub::stub::{DisconnectReason, GdbStub};
use serde_json::json;

use crate::checkpoint::{Checkpoint, CheckpointManager, ExecuteError, Policy};
use crate::cli::arguments::{Common, Debug};
use crate::cli::failure::{Done, Failure};
use crate::cli::files::{self, Elf};
use crate::cli::{interrupt, output, shell};
use crate::debug::{DebugError, Debugger, Stop};
use crate::guest::{Linux, Output};
use crate::isa::Isa;
use crate::program::Program;
use target::{EventLoop, Session};
use wire::Listener;

pub(in crate::cli) fn debug<I: Isa>(common: &Common, debug: &Debug, elf: Elf) -> Done {
    let program = elf.into_program::<I>()?;
    let listener = Listener::bind(&debug.listen).map_err(|error| unheard(&debug.listen, &error))?;
    let address = listener.address().to_owned();
    let mut debugger = debugger(common, debug, program)?;
    let cancel = interrupt::cancel();
    if let Some(cycle) = debug.cycle {
        match debugger.go_to(cycle, &mut || !cancel.is_cancelled()).map_err(failure)? {
            Stop::Interrupted => return Err(Failure::interrupted()),
            Stop::End => output::note("note: the guest ends before that cycle: this is its last instruction"),
            Stop::Fault(fault) => output::note(&format!("note: the guest faults before that cycle: {fault}")),
            _ => {}
        }
    }
    output::note(&format!(
        "gdb is waited for, on the ISA {}; it runs RISC-V with:\n  gdb-multiarch {} -ex {}",
        I::SPEC.name,
        shell::quoted(&debug.subject.guest.elf.display().to_string()),
        shell::quoted(&format!("target remote {address}"))
    ));
    let accepted = listener.accept(&cancel);
    if cancel.is_cancelled() {
        return Err(Failure::interrupted());
    }
    let wire = accepted.map_err(|error| Failure::new("listen", format!("gdb did not come: {error}")))?;
    let mut session = Session::new(debugger, wire.incoming());
    let served = GdbStub::new(wire).run_blocking::<EventLoop<I, Linux>>(&mut session);
    if cancel.is_cancelled() {
        return Err(Failure::interrupted());
    }
    let ended = match served {
        Ok(DisconnectReason::TargetExited(_)) => "exited",
        Ok(DisconnectReason::Disconnect) => "detached",
        Ok(DisconnectReason::Kill | DisconnectReason::TargetTerminated(_)) => "killed",
        // gdb went away without a word.
        Err(error) if error.is_connection_error() => "disconnected",
        Err(error) => {
            let message = format!("gdb and retrace do not understand each other: {error}");
            return Err(error.into_target_error().map_or_else(|| Failure::new("gdb", message), failure));
        }
    };
    if common.json {
        let debugger = &session.debugger;
        output::object(&json!({
            "ok": true,
            "isa": I::SPEC.name,
            "ended": ended,
            "cycle": debugger.machine().cycle(),
            "cycles": debugger.executed(),
            "exit_code": debugger.exit_code(),
            "fault": debugger.fault().map(ToString::to_string),
        }))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// At cycle 0 of the run in the checkpoint file, or of a new one. The output's file is made once all else is there, and is
/// needed.
fn debugger<I: Isa>(
    common: &Common,
    debug: &Debug,
    program: Arc<Program<I>>,
) -> Result<Debugger<I, Linux>, Failure> {
    let output = || files::guest_output(common, debug.output.as_deref(), None);
    let made = match &debug.subject.checkpoints {
        Some(path) => {
            let execution = files::execution(path, program)?;
            let ended = execution.stopped().is_final();
            Debugger::of(&execution, if ended { Output::dropped() } else { output()? })
        }
        None => {
            let guest = &debug.subject.guest;
            let (input, arguments) = (files::input(guest)?, files::arguments(guest));
            let first = Checkpoint::initial_with_stack(
                &program,
                Linux::default(),
                &arguments,
                &input,
                guest.stack_size,
            );
            let first = first.map_err(ExecuteError::Start)?;
            Debugger::new(program, input, CheckpointManager::new(Policy::default(), first), output()?)
        }
    };
    made.map_err(|error| ExecuteError::AddressSpace(error).into())
}

fn failure(error: DebugError) -> Failure {
    Failure::new("debug", error.to_string())
}

/// An address that cannot be listened on.
fn unheard(address: &str, error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse if address.contains('/') => {
            "there is a file of that name; remove it, or give another"
        }
        io::ErrorKind::AddrInUse => {
            "another process listens there; give another port, or 0 for any that is free"
        }
        io::ErrorKind::InvalidInput => {
            "give HOST:PORT, as in 127.0.0.1:1234, or the path of a socket, with a slash"
        }
        io::ErrorKind::NotFound => "its folder does not exist; make it first",
        _ => "",
    };
    let reason = if remedy.is_empty() { error.to_string() } else { remedy.to_owned() };
    Failure::new("listen", format!("cannot listen on {address}: {reason}"))
}
