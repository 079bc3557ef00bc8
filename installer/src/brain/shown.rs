//! Disks as text, each in a line.

use crate::brain::bytes::amount;
use crate::brain::facts::Disk;

/// A disk in a line, with what it holds.
#[must_use]
pub fn disk_line(disk: &Disk) -> String {
    let kept = disk.kept.map(|why| format!(" [{why}]")).unwrap_or_default();
    format!("{}: {}{kept}", disk_name(disk), disk.holds.line())
}

/// Which disk it is.
#[must_use]
pub fn disk_name(disk: &Disk) -> String {
    let serial = disk.serial.as_deref().unwrap_or("none");
    let model = if disk.model.is_empty() { "-" } else { &disk.model };
    let sector = if disk.sector == 512 { String::new() } else { format!(", sectors of {}", disk.sector) };
    let size = amount(disk.bytes);
    format!("{} serial {serial}, {model}, {}, {size}{sector}", disk.path, disk.transport.name())
}
