//! In the proved root: what the machine needs before its services start.

use std::fs;

use rustix::mount::MountFlags;
use serde_json::json;

use crate::cmdline::Cmdline;
use crate::event::{event, power_off, say};
use crate::mounts;

/// Brings the machine up.
pub(crate) fn run() -> Result<(), String> {
    let writable = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    for (place, options) in
        [("/run", "mode=0755"), ("/etc", "mode=0755"), ("/var", "mode=0755"), ("/tmp", "mode=1777")]
    {
        mounts::at("tmpfs", "tmpfs", place, writable, options)?;
    }
    mounts::at("cgroup2", "cgroup2", "/sys/fs/cgroup", writable, "nsdelegate,memory_recursiveprot")?;
    let text =
        fs::read_to_string("/proc/cmdline").map_err(|error| format!("read the command line: {error}"))?;
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    event("ready", &json!({ "uptime": uptime.split(' ').next().unwrap_or_default() }));
    if Cmdline::parse(&text).get("holdfast.test") == Some("power-off") {
        say("powers off, as the command line asks");
        power_off();
    }
    loop {
        std::thread::park();
    }
}
