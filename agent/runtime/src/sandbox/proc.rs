//! `/proc` of the sandbox. The user inside may be root outside, and `/proc/sys` asks for the user alone: so what
//! reaches the host is made read-only or hidden, and a start without that does not happen.

use rustix::io::Errno;
use rustix::mount::MountFlags;

use super::mounts::{restrict, tmpfs};
use super::place::Root;
use crate::status::{AtStep, StartFailure, StartStep};

const HIDDEN_FILES: [&str; 9] = [
    "/proc/kcore",
    "/proc/kmsg",
    "/proc/keys",
    "/proc/key-users",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/sysrq-trigger",
];
const HIDDEN_DIRS: [&str; 3] = ["/proc/acpi", "/proc/asound", "/proc/scsi"];
const READ_ONLY_DIRS: [&str; 5] = ["/proc/bus", "/proc/driver", "/proc/fs", "/proc/irq", "/proc/sys"];

/// Mounts `/proc`; `Ok(false)` where the kernel permits none here, as inside another container that masks its own. The
/// workload then finds an empty directory.
pub(crate) fn mount(root: &Root) -> Result<bool, StartFailure> {
    let step = StartStep::Proc;
    let place = root.place("/proc").at(step, "/proc")?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    match rustix::mount::mount("proc", place.path(), "proc", flags, None) {
        Ok(()) => {}
        Err(Errno::PERM | Errno::ACCESS) => {
            tmpfs(&place.path(), "mode=0555,size=4k").at(step, "/proc")?;
            return Ok(false);
        }
        Err(error) => return Err(error).at(step, "/proc"),
    }
    for path in READ_ONLY_DIRS {
        let Ok(place) = root.place(path) else { continue };
        rustix::mount::mount_bind_recursive(place.path(), place.path()).at(step, path)?;
        let bound = root.place(path).at(step, path)?;
        restrict(&bound.path(), libc::MOUNT_ATTR_RDONLY).at(step, path)?;
    }
    for path in HIDDEN_FILES {
        let Ok(place) = root.place(path) else { continue };
        let null = root.place("/dev/null").at(step, "/dev/null")?;
        rustix::mount::mount_bind(null.path(), place.path()).at(step, path)?;
    }
    for path in HIDDEN_DIRS {
        let Ok(place) = root.place(path) else { continue };
        tmpfs(&place.path(), "mode=0555,size=4k").at(step, path)?;
    }
    Ok(true)
}
