//! The zygote: a single-threaded process that does nothing but fork shims, so that the threaded agent never forks.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::id::TaskId;
use crate::shim;
use crate::sys::{self, Side, SingleThreaded};
use crate::wire::{self, Received};

/// The hidden subcommand under which the hosting program becomes the zygote.
pub(crate) const SUBCOMMAND: &str = "__zygote";

/// Asks for one shim; the descriptor that comes along is where the shim reports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ForkShim {
    pub(crate) id: TaskId,
}

/// Runs the zygote when the arguments ask for it. The hosting program calls this first in `main`, before it starts any
/// thread, with `std::env::args_os()`, and returns the code if there is one.
#[must_use]
pub fn maybe_run_hidden(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next()? != SUBCOMMAND {
        return None;
    }
    let mut path = || Some(Utf8PathBuf::from(arguments.next()?.into_string().ok()?));
    let (Some(state_dir), Some(cgroup_root)) = (path(), path()) else { return Some(ExitCode::from(2)) };
    Some(run(&state_dir, &cgroup_root))
}

fn run(state_dir: &Utf8Path, cgroup_root: &Utf8Path) -> ExitCode {
    let Some(one_thread) = SingleThreaded::prove() else { return ExitCode::from(3) };
    let _ = rustix::thread::set_name(c"holdfast-zygote");
    let _ = rustix::process::setsid();
    let socket = sys::take_stdin();
    // A descriptor the agent leaked would be held by every shim for as long as its task runs.
    sys::close_all_but(socket.as_fd());
    loop {
        // Closed means that the agent is gone: its shims do not need us, a new agent starts its own zygote.
        let Ok(Received::Message(ForkShim { id }, Some(report))) = wire::receive(socket.as_fd()) else {
            return ExitCode::SUCCESS;
        };
        match sys::fork(one_thread) {
            Ok(Side::Child) => {
                drop(socket);
                second_fork(one_thread, || shim::run(one_thread, state_dir, cgroup_root, &id, report))
            }
            Ok(Side::Parent(pid)) => {
                let pid = rustix::process::Pid::from_raw(pid);
                let _ = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty());
            }
            // The report socket closes with `report`, which tells the agent that nothing was started.
            Err(_) => drop::<OwnedFd>(report),
        }
    }
}

/// Forks once more and ends, so that the grandchild belongs to nobody and outlives the zygote.
fn second_fork(one_thread: SingleThreaded, shim: impl FnOnce()) -> ! {
    let _ = rustix::process::setsid();
    if let Ok(Side::Child) = sys::fork(one_thread) {
        // A panic must not unwind into the zygote's loop, of which this process is a copy.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(shim));
    }
    sys::leave(0)
}
