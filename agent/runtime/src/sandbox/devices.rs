//! `/dev` of the sandbox: six harmless nodes, shared memory, terminals, and the devices the task was given.

use std::fs;

use rustix::mount::MountFlags;

use super::mounts::{restrict, tmpfs};
use super::place::Root;
use crate::spec::TaskSpec;
use crate::status::{AtStep, StartFailure, StartStep};

const NODES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Mounts `/dev`. Nodes are bound from the host, because a user namespace may not make any; every other mount of the
/// sandbox refuses device nodes, so what is not bound here cannot be reached.
pub(crate) fn mount(root: &Root, spec: &TaskSpec) -> Result<(), StartFailure> {
    let step = StartStep::Devices;
    let place = root.place("/dev").at(step, "/dev")?;
    tmpfs(&place.path(), "mode=0755,size=64k").at(step, "/dev")?;
    let dev = root.place("/dev").at(step, "/dev")?;
    for node in NODES {
        bind(&format!("/dev/{node}"), &dev.join(node)).at(step, format!("/dev/{node}"))?;
    }
    for device in &spec.devices {
        let below = device.as_str().trim_start_matches("/dev/");
        bind(device.as_str(), &dev.join(below)).at(step, device.as_str())?;
    }
    for (link, target) in LINKS {
        std::os::unix::fs::symlink(target, dev.join(link)).at(step, link)?;
    }
    fs::create_dir(dev.join("shm")).at(step, "/dev/shm")?;
    tmpfs(&dev.join("shm"), &format!("mode=1777,size={}", spec.shm.0)).at(step, "/dev/shm")?;
    fs::create_dir(dev.join("pts")).at(step, "/dev/pts")?;
    // A kernel without private terminals costs the workload terminals, not its start.
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    let _ = rustix::mount::mount(
        "devpts",
        dev.join("pts"),
        "devpts",
        flags,
        c"newinstance,ptmxmode=0666,mode=0620",
    );
    // Only the directory itself: shared memory and terminals below it stay writable.
    rustix::mount::mount_remount(
        dev.path(),
        MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC,
        c"",
    )
    .at(step, "/dev read-only")
}

fn bind(source: &str, target: &str) -> std::io::Result<()> {
    if let Some((parent, _)) = target.rsplit_once('/') {
        fs::create_dir_all(parent)?;
    }
    fs::write(target, b"")?;
    rustix::mount::mount_bind(source, target)?;
    restrict(target, libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC)
}
