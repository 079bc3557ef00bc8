//! What the kernel and others tell process 1: that a child ended, that the machine is to end.

use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

/// How the machine is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It starts again.
    Restart,
    /// It is turned off.
    Off,
}

/// The signals of process 1.
#[derive(Debug)]
pub(crate) struct Signals(SignalFd);

impl Signals {
    /// Takes the signals from now on, of every thread that is started later.
    pub(crate) fn take() -> Result<Self, String> {
        let failed = |error: nix::Error| format!("take the signals: {error}");
        let mut set = SigSet::empty();
        for signal in [Signal::SIGCHLD, Signal::SIGINT, Signal::SIGTERM, Signal::SIGPWR] {
            set.add(signal);
        }
        set.thread_block().map_err(failed)?;
        // Ctrl-Alt-Del comes as a signal instead of a restart in the middle of everything.
        let _ = rustix::system::reboot(rustix::system::RebootCommand::CadOff);
        SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map(Self).map_err(failed)
    }

    /// Waits for one, for at most so long; whether the machine is to end.
    pub(crate) fn wait(&self, limit: Duration) -> Option<End> {
        let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::ZERO);
        let _ = poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout);
        let mut end = None;
        while let Ok(Some(info)) = self.0.read_signal() {
            match i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok()) {
                Some(Signal::SIGINT) => end = Some(End::Restart),
                Some(Signal::SIGTERM | Signal::SIGPWR) => end = Some(End::Off),
                _ => {}
            }
        }
        end
    }
}

/// The children that ended, each with how. Every process without a parent is one of them.
pub(crate) fn reap() -> Vec<(i32, String)> {
    let mut ended = Vec::new();
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => ended.push((pid.as_raw(), format!("exit code {code}"))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => ended.push((pid.as_raw(), signal.to_string())),
            Ok(WaitStatus::StillAlive) | Err(_) => return ended,
            Ok(_) => {}
        }
    }
}
