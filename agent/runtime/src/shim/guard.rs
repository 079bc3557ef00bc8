//! The watch over a running task: log, signals, lease, stop deadline, and at the end the exit status.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions};

use super::doors::{Act, Doors};
use crate::cgroup::TaskCgroup;
use crate::files::{self, TaskFiles};
use crate::lease::LeaseWatch;
use crate::log::LogWriter;
use crate::process::{ProcessMark, boottime_ms, wall_clock};
use crate::sandbox::InitReport;
use crate::spec::TaskSpec;
use crate::status::{ExitReason, ExitStatus, Outcome};
use crate::wire::{self, Received};

/// How often the lease is looked at.
const LEASE_TICK_MS: u64 = 100;
const READ_BYTES: usize = 64 * 1024;
/// How many reads of output are done before others are served.
const READS_PER_TURN: usize = 16;
/// How often writing the exit status is tried on a failing disk before the shim gives up.
const EXIT_WRITE_TRIES: usize = 100;
const EXIT_WRITE_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The processes inside, as the shim holds them.
#[derive(Debug)]
pub(crate) struct Inside {
    pub(crate) init: OwnedFd,
    pub(crate) mark: ProcessMark,
    pub(crate) worker: Option<OwnedFd>,
    pub(crate) reports: OwnedFd,
    pub(crate) output: OwnedFd,
    pub(crate) missing: Vec<String>,
}

impl Inside {
    fn kill(&self) {
        let _ = rustix::process::pidfd_send_signal(&self.init, Signal::KILL);
    }

    /// Kills the whole inside and waits until it is gone.
    pub(crate) fn kill_and_reap(&self) {
        self.kill();
        self.reap();
    }

    /// Collects the process number of init; `Some` is the signal that ended it.
    fn reap(&self) -> Option<i32> {
        loop {
            match rustix::process::waitid(WaitId::PidFd(self.init.as_fd()), WaitIdOptions::EXITED) {
                Ok(status) => return status.and_then(|status| status.terminating_signal()),
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    fn signal(&self, signal: i32) -> Result<(), Errno> {
        let signal = Signal::from_named_raw(signal).ok_or(Errno::INVAL)?;
        let worker = self.worker.as_ref().ok_or(Errno::SRCH)?;
        rustix::process::pidfd_send_signal(worker, signal)
    }
}

/// Why the shim itself ended the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Own,
    Stopped { kill_at_ms: u64 },
    Fenced,
}

/// The watch.
#[derive(Debug)]
pub(crate) struct Guard {
    doors: Doors,
    log: LogWriter,
    lease: Option<LeaseWatch>,
    ending: Ending,
    output_open: bool,
}

impl Guard {
    pub(crate) fn new(
        spec: &TaskSpec,
        control: OwnedFd,
        listener: Option<OwnedFd>,
        log: LogWriter,
        lease: Option<LeaseWatch>,
    ) -> Self {
        let doors = Doors::new(control, spec.network, listener);
        Self { doors, log, lease, ending: Ending::Own, output_open: true }
    }

    /// Watches until the task is gone and its exit status is on disk.
    pub(crate) fn watch(mut self, inside: Inside, cgroup: &TaskCgroup, files: &TaskFiles) {
        while !self.turn(&inside) {
            let now = boottime_ms();
            if self.lease.as_ref().is_some_and(|lease| !lease.holds(now)) {
                self.ending = Ending::Fenced;
                inside.kill();
                cgroup.kill();
            }
            if matches!(self.ending, Ending::Stopped { kill_at_ms } if now >= kill_at_ms) {
                inside.kill();
            }
        }
        // Init is gone and the kernel has killed everything in its process namespace; this is for what was moved.
        cgroup.kill();
        let killed_by = inside.reap();
        while self.copy_output(&inside) {}
        let exit = self.exit_status(&inside, killed_by, cgroup.oom_kills());
        cgroup.remove();
        // The last word: from here on the agent may delete the directory and start another task of this name in it.
        write_exit(files, &exit);
    }

    /// Waits for one event and serves it; true when init has ended.
    fn turn(&mut self, inside: &Inside) -> bool {
        let timeout =
            self.timeout_ms().and_then(|ms| Timespec::try_from(std::time::Duration::from_millis(ms)).ok());
        let ended = {
            let mut fds = vec![PollFd::new(&inside.init, PollFlags::IN)];
            if self.output_open {
                fds.push(PollFd::new(&inside.output, PollFlags::IN));
            }
            let interests = self.doors.interests();
            fds.extend(interests.into_iter().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
            let polled = rustix::event::poll(&mut fds, timeout.as_ref());
            polled.is_ok() && fds.first().is_some_and(|fd| !fd.revents().is_empty())
        };
        self.copy_output(inside);
        let ending = &mut self.ending;
        self.doors.serve(&mut |act| match act {
            Act::Signal(signal) => inside.signal(signal),
            Act::Stop { grace_ms } => stop(ending, inside, grace_ms),
        });
        ended
    }

    fn timeout_ms(&self) -> Option<u64> {
        let stop = match self.ending {
            Ending::Stopped { kill_at_ms } => Some(kill_at_ms.saturating_sub(boottime_ms()).max(1)),
            Ending::Own | Ending::Fenced => None,
        };
        let lease = self.lease.as_ref().map(|_| LEASE_TICK_MS);
        stop.into_iter().chain(lease).min()
    }

    /// Copies what the workload has written; true when there may be more.
    fn copy_output(&mut self, inside: &Inside) -> bool {
        let mut buffer = [0; READ_BYTES];
        for _ in 0..READS_PER_TURN {
            match rustix::io::read(&inside.output, &mut buffer) {
                Ok(0) => {
                    self.output_open = false;
                    return false;
                }
                Ok(count) => self.log.append(buffer.get(..count).unwrap_or_default()),
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn exit_status(&mut self, inside: &Inside, killed_by: Option<i32>, oom_kills: u64) -> ExitStatus {
        let (log_end, log_dropped) = self.log.finish();
        let ended = match wire::receive(&inside.reports) {
            Ok(Received::Message(InitReport::Ended { code, signal }, _)) => (code, signal),
            // Init was killed before the workload ended, and the workload with it.
            _ => (None, killed_by.or(Some(libc::SIGKILL))),
        };
        let outcome = match ended {
            (Some(code), _) => Outcome::Code(code),
            (None, signal) => Outcome::Signal(signal.unwrap_or(libc::SIGKILL)),
        };
        let reason = match (self.ending, &outcome) {
            (Ending::Fenced, _) => ExitReason::Fenced,
            (Ending::Stopped { .. }, _) => ExitReason::Stopped,
            (Ending::Own, Outcome::Code(0)) => ExitReason::Exited,
            (Ending::Own, _) if oom_kills > 0 => ExitReason::Oom,
            (Ending::Own, Outcome::Signal(_)) => ExitReason::Signalled,
            (Ending::Own, _) => ExitReason::Exited,
        };
        ExitStatus { outcome, reason, at: wall_clock(), log_end, log_dropped }
    }
}

fn stop(ending: &mut Ending, inside: &Inside, grace_ms: u64) -> Result<(), Errno> {
    let kill_at_ms = boottime_ms().saturating_add(grace_ms);
    *ending = match *ending {
        // Asked again: the shorter grace wins, so that a patient stop can be hurried and never be prolonged.
        Ending::Stopped { kill_at_ms: earlier } => Ending::Stopped { kill_at_ms: earlier.min(kill_at_ms) },
        Ending::Own => Ending::Stopped { kill_at_ms },
        Ending::Fenced => Ending::Fenced,
    };
    match inside.signal(libc::SIGTERM) {
        // It has just ended by itself; init will tell.
        Err(Errno::SRCH) => Ok(()),
        other => other,
    }
}

/// A shim that cannot write the exit status waits for the disk for a while: the status is all that is left of the task.
fn write_exit(files: &TaskFiles, exit: &ExitStatus) {
    for _ in 0..EXIT_WRITE_TRIES {
        if files::write_json(&files.exit(), exit).is_ok() {
            return;
        }
        let _ = rustix::event::poll(&mut [], Some(&EXIT_WRITE_PAUSE));
    }
}
