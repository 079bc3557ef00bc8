//! The file systems of the kernel, and going over to another root.

use std::ffi::CString;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::mount::{MountFlags, mount, mount_move};

/// Mounts `kind` at `to`, which is made where it is not there.
pub(crate) fn at(kind: &str, from: &str, to: &str, flags: MountFlags, data: &str) -> Result<(), String> {
    // On a root that is only read the place is there already.
    drop(fs::create_dir_all(to));
    let data = CString::new(data).map_err(|_| format!("the options for `{to}` have a NUL"))?;
    mount(from, to, kind, flags, data.as_c_str())
        .map_err(|error| format!("mount {kind} `{from}` at `{to}`: {error}"))
}

const SAFE: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// What every program needs: devices, processes, the kernel's view of the machine.
pub(crate) fn kernel() -> Result<(), String> {
    at("devtmpfs", "devtmpfs", "/dev", MountFlags::NOSUID, "mode=0755")?;
    at("proc", "proc", "/proc", SAFE, "")?;
    at("sysfs", "sysfs", "/sys", SAFE, "")
}

/// Makes `new` the root and runs the program of it as process 1; comes back only with why not.
pub(crate) fn go_over(new: &str, program: &str, arguments: &[&str]) -> String {
    for place in ["/dev", "/proc", "/sys"] {
        if let Err(error) = mount_move(place, format!("{new}{place}")) {
            return format!("take `{place}` along: {error}");
        }
    }
    let moved = std::env::set_current_dir(new)
        .and_then(|()| mount_move(".", "/").map_err(Into::into))
        .and_then(|()| std::os::unix::fs::chroot("."))
        .and_then(|()| std::env::set_current_dir("/"));
    if let Err(error) = moved {
        return format!("go over to `{new}`: {error}");
    }
    let error = Command::new(program).args(arguments).env_clear().exec();
    format!("run `{program}`: {error}")
}
