//! What the machine is doing: CPU time of processes, its load, and processes that keep its cores awake.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Clock ticks of `/proc` in a second; the same on every Linux that Rust runs on.
const TICKS: f64 = 100.0;
/// The unit of memory of `/proc`.
const BYTES_OF_KB: f64 = 1024.0;
/// Where a process stands in its `stat` after the name: user and system time.
const CPU_FIELDS: std::ops::Range<usize> = 11..13;
/// The same of its children that were waited for, and of theirs.
const CHILDREN_FIELDS: std::ops::Range<usize> = 13..15;

/// Children that are killed and waited for when they are dropped.
#[derive(Default)]
pub(crate) struct Children(pub(crate) Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended by itself needs no killing.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// CPU time that a process has used.
pub(crate) fn cpu_of(pid: u32) -> Result<Duration> {
    ticks(pid, CPU_FIELDS)
}

/// CPU time that the children of this process have used, those that have ended.
pub(crate) fn cpu_of_children() -> Result<Duration> {
    ticks(std::process::id(), CHILDREN_FIELDS)
}

fn ticks(pid: u32, of: std::ops::Range<usize>) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let (_, after) = text.rsplit_once(')').context("a name in brackets")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = fields.get(of).context("too few fields")?.iter().map(|field| field.parse::<f64>());
    let ticks: f64 = ticks.sum::<Result<f64, _>>().context("a number")?;
    Ok(Duration::from_secs_f64(ticks / TICKS))
}

/// What a process has in memory, in bytes.
pub(crate) fn memory_of(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a figure of memory")?;
    let kb: f64 = line.split_whitespace().next().context("a number")?.parse()?;
    Ok(kb * BYTES_OF_KB)
}

/// How busy the machine is, in words.
#[must_use]
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let one = text.split_whitespace().next().unwrap_or("?");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} cores, load average {one}")
}

/// Keeps every core awake at idle priority while it lives. A sleeping virtual core takes up to 4 ms to hear that a sync
/// is done, which would measure the hypervisor.
pub(crate) fn spinners() -> Result<Children> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let program = std::env::current_exe().context("this program")?;
    let mut children = Children::default();
    for _ in 0..cores {
        // SCHED_IDLE yields at once to whoever wants to run; the least nice value does not.
        let mut command = Command::new("chrt");
        command.args(["--idle", "0"]).arg(&program).arg("__spin");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        children.0.push(child.context("chrt of util-linux is needed for idle priority")?);
    }
    Ok(children)
}

/// Spins until the standard input ends.
pub(crate) fn spin() {
    std::thread::spawn(|| {
        loop {
            std::hint::spin_loop();
        }
    });
    // It ends with whoever holds the other end, also where that one was killed.
    drop(std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_its_cpu() {
        let own = std::process::id();
        let before = cpu_of(own).unwrap();
        while cpu_of(own).unwrap() == before {
            std::hint::spin_loop();
        }
        assert!(cpu_of(0).is_err());
        assert!(memory_of(own).unwrap() > 0.0);
        assert!(load().contains("load average"));
    }
}
