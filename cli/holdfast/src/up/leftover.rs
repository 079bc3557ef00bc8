//! Processes that an earlier `up` started and that outlived it: known by number and start, never by number alone.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long a killed process may take to be gone.
const DYING: Duration = Duration::from_secs(5);

/// What is kept of a process that was started: its number, and its start in ticks after the boot.
pub(super) fn record(pid: u32) -> String {
    format!("{pid} {}\n", started(pid).unwrap_or_default())
}

fn started(pid: u32) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, so fields are counted from the bracket after it (proc(5)).
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_owned)
}

/// Ends what is recorded in `run` and still runs: it is told to, and killed where it has not ended after `grace`.
/// Returns how many there were.
pub(super) fn end(run: &Utf8Path, grace: Duration) -> usize {
    let entries = run.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let pids = entries.filter(|entry| entry.path().extension() == Some("pid"));
    let left: Vec<OwnedFd> =
        pids.filter_map(|entry| open(&std::fs::read_to_string(entry.path()).ok()?)).collect();
    for process in &left {
        // One that has ended by now needs no signal.
        let _ = pidfd_send_signal(process, Signal::TERM);
    }
    let deadline = Instant::now() + grace;
    for process in &left {
        if !has_ended(process, deadline.saturating_duration_since(Instant::now())) {
            let _ = pidfd_send_signal(process, Signal::KILL);
            has_ended(process, DYING);
        }
    }
    left.len()
}

fn open(recorded: &str) -> Option<OwnedFd> {
    let (pid, start) = recorded.trim().split_once(' ')?;
    let process = pidfd_open(Pid::from_raw(pid.parse().ok()?)?, PidfdFlags::empty()).ok()?;
    // Asked after the process is held, so that it cannot be another one by now.
    (started(pid.parse().ok()?)? == start).then_some(process)
}

fn has_ended(process: &OwnedFd, within: Duration) -> bool {
    let limit = Timespec {
        tv_sec: i64::try_from(within.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(within.subsec_nanos()),
    };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&limit)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ended_only_where_number_and_start_agree() {
        let temporary = tempfile::tempdir().unwrap();
        let run = Utf8Path::from_path(temporary.path()).unwrap();
        let mut sleeper = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let recorded = record(sleeper.id());
        // The same number with another start, rubbish, and what an older version wrote.
        std::fs::write(run.join("a.pid"), format!("{}0\n", recorded.trim())).unwrap();
        std::fs::write(run.join("b.pid"), "rubbish").unwrap();
        std::fs::write(run.join("c.pid"), sleeper.id().to_string()).unwrap();
        assert_eq!(end(run, Duration::ZERO), 0);
        assert_eq!(sleeper.try_wait().unwrap(), None);

        std::fs::write(run.join("d.pid"), recorded).unwrap();
        assert_eq!(end(run, Duration::from_secs(20)), 1);
        let status = sleeper.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
        assert_eq!(end(run, Duration::ZERO), 0);
    }
}
