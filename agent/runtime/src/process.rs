//! A process named so that a reused number is never mistaken for it, and the clocks of this machine.

use std::os::fd::OwnedFd;

use holdfast_types::Time;
use rustix::process::{Pid, PidfdFlags};
use rustix::time::{ClockId, Timespec};
use serde::{Deserialize, Serialize};

/// A process by number and start time; the pair is unique between two boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessMark {
    pub(crate) pid: i32,
    pub(crate) start: u64,
}

impl ProcessMark {
    /// Marks a living process.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, start: start_time(pid)? })
    }

    /// A pidfd for exactly this process; `None` when it is gone, even if its number lives again.
    pub(crate) fn open(self) -> Option<OwnedFd> {
        let fd = rustix::process::pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        (start_time(self.pid) == Some(self.start)).then_some(fd)
    }
}

/// Field 22 of `/proc/<pid>/stat`, counted after the command name, which may hold anything.
fn start_time(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().nth(19)?.parse().ok()
}

fn millis(now: Timespec) -> u64 {
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000)
}

/// Milliseconds since this boot, time asleep included.
pub(crate) fn boottime_ms() -> u64 {
    millis(rustix::time::clock_gettime(ClockId::Boottime))
}

/// The wall clock.
pub(crate) fn wall_clock() -> Time {
    Time(millis(rustix::time::clock_gettime(ClockId::Realtime)))
}
