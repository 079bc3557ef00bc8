//! The unified hierarchy.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use crate::spec::Limits;

const PERIOD_US: u64 = 100_000;

/// A directory of the unified hierarchy.
#[derive(Debug)]
pub(crate) struct Group {
    dir: Utf8PathBuf,
}

impl Group {
    pub(crate) fn at(root: &Utf8Path, name: &str) -> Self {
        Self { dir: root.join("holdfast").join(name) }
    }

    /// Makes the group; `None` where this user may not.
    pub(crate) fn create(root: &Utf8Path, name: &str, limits: &Limits) -> Option<(Self, Vec<String>)> {
        let parent = root.join("holdfast");
        let group = Self { dir: parent.join(name) };
        fs::create_dir_all(&group.dir).ok()?;
        for controller in ["+memory", "+cpu", "+pids"] {
            // One at a time: a machine without one controller must still give the others.
            let _ = fs::write(root.join("cgroup.subtree_control"), controller);
            let _ = fs::write(parent.join("cgroup.subtree_control"), controller);
        }
        Some((Self { dir: group.dir.clone() }, group.limit(limits)))
    }

    fn limit(&self, limits: &Limits) -> Vec<String> {
        let mut unenforced = Vec::new();
        let mut set = |name: &str, file: &str, value: Option<String>| {
            if value.is_some_and(|value| fs::write(self.dir.join(file), value).is_err()) {
                unenforced.push(name.to_owned());
            }
        };
        set("memory", "memory.max", limits.memory.map(|m| m.0.to_string()));
        set(
            "cpu",
            "cpu.max",
            limits
                .cpu
                .map(|cpu| format!("{} {PERIOD_US}", (cpu.0.saturating_mul(PERIOD_US) / 1000).max(1000))),
        );
        // One more for the init of the sandbox.
        set("pids", "pids.max", limits.pids.map(|pids| pids.saturating_add(1).to_string()));
        // Swap would let a task use more than it was given; without swap the file is missing, which is as good.
        let _ = limits.memory.map(|_| fs::write(self.dir.join("memory.swap.max"), "0"));
        unenforced
    }

    pub(crate) fn add(&self, pid: i32) -> std::io::Result<()> {
        fs::write(self.dir.join("cgroup.procs"), pid.to_string())
    }

    pub(crate) fn oom_kills(&self) -> u64 {
        let events = fs::read_to_string(self.dir.join("memory.events")).unwrap_or_default();
        events.lines().find_map(|l| l.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }

    pub(crate) fn kill(&self) {
        if self.dir.is_dir() {
            let _ = fs::write(self.dir.join("cgroup.kill"), "1");
        }
    }

    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir(&self.dir);
    }
}
