//! The two acts every mount of the sandbox is made of: an empty private file system, and taking rights from a mount.

use std::ffi::CString;

use rustix::mount::MountFlags;

use crate::sys;

/// What is taken from every mount a workload may only read.
pub(crate) const READ_ONLY: u64 = NO_SUID_DEV | libc::MOUNT_ATTR_RDONLY;
/// What is taken from every mount.
pub(crate) const NO_SUID_DEV: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// Mounts an empty private file system that gives nobody privileges.
pub(crate) fn tmpfs(target: &str, options: &str) -> rustix::io::Result<()> {
    let options = CString::new(options).unwrap_or_default();
    rustix::mount::mount("tmpfs", target, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())
}

/// Takes rights away from the mount at `path` and all below it.
pub(crate) fn restrict(path: &str, attributes: u64) -> std::io::Result<()> {
    sys::restrict_mount(&CString::new(path).unwrap_or_default(), attributes)
}
