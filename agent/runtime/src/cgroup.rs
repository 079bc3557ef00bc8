//! Limits on the processes of a task: cgroup v2, the v1 hierarchies, or none where this user may make none.
//!
//! The root is a parameter, so that both layouts are tested on plain directories.

mod v1;
mod v2;

use camino::Utf8Path;

use crate::id::TaskId;
use crate::spec::Limits;

/// The cgroup of one task.
#[derive(Debug)]
pub(crate) enum TaskCgroup {
    V1(v1::Group),
    V2(v2::Group),
    Missing,
}

/// Names the cgroup of a task. Several agents may share a machine, so the state directory is part of the name.
fn group_name(state_dir: &Utf8Path, id: &TaskId) -> String {
    let hash = state_dir.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}-{id}")
}

impl TaskCgroup {
    /// Makes the cgroup and sets its limits; the second value names the limits that could not be set.
    pub(crate) fn create(
        root: &Utf8Path,
        state_dir: &Utf8Path,
        id: &TaskId,
        limits: &Limits,
    ) -> (Self, Vec<String>) {
        // What a shim that died left under this name would bring its counters along.
        let left = Self::find(root, state_dir, id);
        left.kill();
        left.remove();
        let name = group_name(state_dir, id);
        if root.join("cgroup.controllers").is_file() {
            if let Some((group, unenforced)) = v2::Group::create(root, &name, limits) {
                return (Self::V2(group), unenforced);
            }
        } else if let Some((group, unenforced)) = v1::Group::create(root, &name, limits) {
            return (Self::V1(group), unenforced);
        }
        let asked = [
            ("memory", limits.memory.is_some()),
            ("cpu", limits.cpu.is_some()),
            ("pids", limits.pids.is_some()),
        ];
        (
            Self::Missing,
            asked.iter().filter(|(_, asked)| *asked).map(|(name, _)| (*name).to_owned()).collect(),
        )
    }

    /// The cgroup a dead shim may have left.
    pub(crate) fn find(root: &Utf8Path, state_dir: &Utf8Path, id: &TaskId) -> Self {
        let name = group_name(state_dir, id);
        if root.join("cgroup.controllers").is_file() {
            Self::V2(v2::Group::at(root, &name))
        } else {
            Self::V1(v1::Group::at(root, &name))
        }
    }

    /// Moves a process in.
    pub(crate) fn add(&self, pid: i32) -> std::io::Result<()> {
        match self {
            Self::V1(group) => group.add(pid),
            Self::V2(group) => group.add(pid),
            Self::Missing => Ok(()),
        }
    }

    /// How many processes the kernel has killed for memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        match self {
            Self::V1(group) => group.oom_kills(),
            Self::V2(group) => group.oom_kills(),
            Self::Missing => 0,
        }
    }

    /// Kills every process inside.
    pub(crate) fn kill(&self) {
        match self {
            Self::V1(group) => group.kill(),
            Self::V2(group) => group.kill(),
            Self::Missing => {}
        }
    }

    /// Removes the empty cgroup.
    pub(crate) fn remove(&self) {
        match self {
            Self::V1(group) => group.remove(),
            Self::V2(group) => group.remove(),
            Self::Missing => {}
        }
    }
}

#[cfg(test)]
mod tests;
