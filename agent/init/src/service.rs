//! Running services: each in a cgroup of its own, its words in the kernel's log, its sign of life in a file.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::SigSet;
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};

use crate::event::{log, say};

/// How this program is told to become a service.
pub(crate) const BECOME: &str = "--become";
const SELF: &str = "/usr/bin/holdfast-init";
const GROUPS: &str = "/sys/fs/cgroup";
/// A line of a service that is longer is cut.
const LINE: u64 = 800;
/// How long what was killed may take to be gone, and how often it is looked for.
const SWEPT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

/// How a service is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    /// Its name.
    pub(crate) name: String,
    /// Its program and what that is told.
    pub(crate) command: Vec<String>,
    /// The file with its sign of life.
    pub(crate) sign: Utf8PathBuf,
    /// Whether the machine is healthy only where this is well.
    pub(crate) matters: bool,
}

impl Service {
    /// Starts it; the number of its process.
    pub(crate) fn start(&self) -> Result<i32, String> {
        let failed = |error: std::io::Error| format!("start {}: {error}", self.name);
        let mut command = Command::new(SELF);
        command.arg(BECOME).arg(&self.name).args(&self.command).env_clear();
        command.env("PATH", "/usr/bin:/usr/sbin").env("HOME", "/");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let pid = i32::try_from(child.id()).map_err(|_| format!("start {}: no number", self.name))?;
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|output| Box::new(output) as Box<dyn Read + Send>),
            child.stderr.take().map(|output| Box::new(output) as Box<dyn Read + Send>),
        ];
        for output in outputs.into_iter().flatten() {
            let name = self.name.clone();
            let heard = std::thread::Builder::new().name("log".to_owned()).spawn(move || hear(&name, output));
            heard.map_err(failed)?;
        }
        Ok(pid)
    }
}

/// Writes what a service says to the log, until it ends.
fn hear(name: &str, output: Box<dyn Read + Send>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match output.by_ref().take(LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => log(format_args!("{name}: {}", String::from_utf8_lossy(&line).trim_end())),
        }
    }
}

/// Asks a process to end.
pub(crate) fn stop(name: &str, pid: i32) {
    tell(name, pid, Signal::TERM);
}

/// Ends a service and all that it started.
pub(crate) fn kill(name: &str, pid: i32) {
    drop(fs::write(Utf8Path::new(GROUPS).join(name).join("cgroup.kill"), "1"));
    tell(name, pid, Signal::KILL);
}

/// Ends what a service that ended left behind: the tasks of an agent outlive it, and hold what is about to be unmounted.
pub(crate) fn sweep(name: &str) {
    let group = Utf8Path::new(GROUPS).join(name);
    drop(fs::write(group.join("cgroup.kill"), "1"));
    let (events, began) = (group.join("cgroup.events"), Instant::now());
    let lives = || fs::read_to_string(&events).is_ok_and(|text| text.contains("populated 1"));
    while lives() && began.elapsed() < SWEPT {
        std::thread::park_timeout(LOOK);
    }
}

fn tell(name: &str, pid: i32, signal: Signal) {
    let told = Pid::from_raw(pid).map_or(Ok(()), |pid| kill_process(pid, signal));
    if let Err(error) = told {
        say(format_args!("end {name}: {error}"));
    }
}

/// Becomes a service: joins its cgroup, then runs its program in place of this one. Comes back only with why not.
pub(crate) fn become_one(arguments: &[String]) -> String {
    let [name, program, rest @ ..] = arguments else {
        return "a service has a name and a program".to_owned();
    };
    // Process 1 holds back the signals that it reads from a file, and who it starts inherits that: SIGTERM would never arrive.
    if let Err(error) = SigSet::empty().thread_set_mask() {
        return format!("let signals through: {error}");
    }
    let group = Utf8Path::new(GROUPS).join(name);
    let joined = fs::create_dir_all(&group).and_then(|()| fs::write(group.join("cgroup.procs"), "0"));
    if let Err(error) = joined {
        return format!("join `{group}`: {error}");
    }
    let error = Command::new(program).args(rest).exec();
    format!("run `{program}`: {error}")
}

impl Service {
    /// Whether its sign of life holds: `BOOT-ID DEADLINE`, the deadline in milliseconds of the boot clock.
    pub(crate) fn alive(&self) -> bool {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let now = clock_gettime(ClockId::Boottime);
        let now = now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000);
        let sign = fs::read_to_string(&self.sign).unwrap_or_default();
        holds(&sign, boot.trim(), u64::try_from(now).unwrap_or(0))
    }
}

fn holds(sign: &str, boot: &str, now: u64) -> bool {
    let mut words = sign.split_ascii_whitespace();
    let ours = words.next() == Some(boot);
    ours && words.next().and_then(|word| word.parse::<u64>().ok()).is_some_and(|deadline| now < deadline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_life_holds_for_a_while_and_for_one_boot() {
        for (sign, lives) in
            [("b1 100", true), ("b1 99", false), ("b2 100", false), ("b1", false), ("", false)]
        {
            assert_eq!(holds(sign, "b1", 99), lives, "{sign}");
        }
    }
}
