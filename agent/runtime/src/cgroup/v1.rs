//! The hierarchies of version 1: one directory per controller.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process};

use crate::spec::Limits;

const PERIOD_US: u64 = 100_000;
const KILL_ROUNDS: usize = 100;
const CONTROLLERS: [&str; 4] = ["memory", "cpu", "pids", "freezer"];

/// One directory in each hierarchy that is needed.
#[derive(Debug)]
pub(crate) struct Group {
    root: Utf8PathBuf,
    name: String,
}

impl Group {
    pub(crate) fn at(root: &Utf8Path, name: &str) -> Self {
        Self { root: root.to_owned(), name: name.to_owned() }
    }

    fn dir(&self, controller: &str) -> Utf8PathBuf {
        self.root.join(controller).join("holdfast").join(&self.name)
    }

    /// Makes the directories; `None` where this user may make none.
    pub(crate) fn create(root: &Utf8Path, name: &str, limits: &Limits) -> Option<(Self, Vec<String>)> {
        let group = Self::at(root, name);
        let asked = [limits.memory.is_some(), limits.cpu.is_some(), limits.pids.is_some(), true];
        let mut made = false;
        for (controller, asked) in CONTROLLERS.iter().zip(asked) {
            // A hierarchy that is not mounted is an empty or missing directory, in which nothing may be made.
            let usable = asked && root.join(controller).join("cgroup.procs").is_file();
            made |= usable && fs::create_dir_all(group.dir(controller)).is_ok();
        }
        if !made {
            return None;
        }
        let unenforced = group.limit(limits);
        Some((group, unenforced))
    }

    fn limit(&self, limits: &Limits) -> Vec<String> {
        let set = |controller: &str, file: &str, value: String| {
            let dir = self.dir(controller);
            dir.is_dir() && fs::write(dir.join(file), value).is_ok()
        };
        let mut unenforced = Vec::new();
        if let Some(memory) = limits.memory {
            if !set("memory", "memory.limit_in_bytes", memory.0.to_string()) {
                unenforced.push("memory".to_owned());
            }
            // Without swap accounting the file is missing, which is as good.
            let _ = set("memory", "memory.memsw.limit_in_bytes", memory.0.to_string());
        }
        if let Some(cpu) = limits.cpu {
            let quota = (cpu.0.saturating_mul(PERIOD_US) / 1000).max(1000);
            let done = set("cpu", "cpu.cfs_period_us", PERIOD_US.to_string())
                && set("cpu", "cpu.cfs_quota_us", quota.to_string());
            if !done {
                unenforced.push("cpu".to_owned());
            }
        }
        // One more for the init of the sandbox.
        if limits.pids.is_some_and(|pids| !set("pids", "pids.max", pids.saturating_add(1).to_string())) {
            unenforced.push("pids".to_owned());
        }
        unenforced
    }

    fn present(&self) -> impl Iterator<Item = Utf8PathBuf> {
        CONTROLLERS.iter().map(|controller| self.dir(controller)).filter(|dir| dir.is_dir())
    }

    pub(crate) fn add(&self, pid: i32) -> std::io::Result<()> {
        self.present().try_for_each(|dir| fs::write(dir.join("cgroup.procs"), pid.to_string()))
    }

    pub(crate) fn oom_kills(&self) -> u64 {
        let control = fs::read_to_string(self.dir("memory").join("memory.oom_control")).unwrap_or_default();
        control.lines().find_map(|l| l.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }

    /// Freezes, kills and thaws until nobody is left: what is frozen cannot fork away from the killing.
    pub(crate) fn kill(&self) {
        let freezer = self.dir("freezer");
        for _ in 0..KILL_ROUNDS {
            let procs = fs::read_to_string(freezer.join("cgroup.procs")).unwrap_or_default();
            let pids: Vec<Pid> =
                procs.lines().filter_map(|line| Pid::from_raw(line.trim().parse().ok()?)).collect();
            if pids.is_empty() {
                return;
            }
            let _ = fs::write(freezer.join("freezer.state"), "FROZEN");
            for pid in pids {
                let _ = kill_process(pid, Signal::KILL);
            }
            let _ = fs::write(freezer.join("freezer.state"), "THAWED");
        }
    }

    pub(crate) fn remove(&self) {
        for dir in self.present() {
            let _ = fs::remove_dir(dir);
        }
    }
}
