//! The one disk that is meant. Taking the first of several is how the wrong one is lost, so several are a refusal.

use holdfast_release::machine::DiskSelector;

use crate::brain::bytes::amount;
use crate::brain::facts::Disk;
use crate::brain::refusal::Refusal;
use crate::brain::shown::disk_line;

/// The disk that fits all that is said; it must be the only one.
///
/// # Errors
///
/// None fits, or more than one, or the one that does is never written over.
pub fn select(disks: &[Disk], wanted: &DiskSelector) -> Result<Disk, Refusal> {
    let lines = |disks: &[&Disk]| disks.iter().map(|disk| disk_line(disk)).collect();
    let fit: Vec<&Disk> = disks.iter().filter(|disk| fits(disk, wanted)).collect();
    let free: Vec<&Disk> = fit.iter().copied().filter(|disk| disk.kept.is_none()).collect();
    match (free.as_slice(), fit.as_slice()) {
        ([only], _) => Ok((*only).clone()),
        ([], [kept]) if is_named(wanted) => {
            Err(Refusal::Kept { disk: disk_line(kept), why: kept.kept.unwrap_or("in use") })
        }
        ([], _) => {
            Err(Refusal::NoDisk { wanted: said(wanted), disks: lines(&disks.iter().collect::<Vec<_>>()) })
        }
        (several, _) => Err(Refusal::ManyDisks { wanted: said(wanted), disks: lines(several) }),
    }
}

/// Whether one disk is named, not only described.
fn is_named(wanted: &DiskSelector) -> bool {
    wanted.serial.is_some() || wanted.path.is_some()
}

fn fits(disk: &Disk, wanted: &DiskSelector) -> bool {
    let serial = wanted.serial.as_ref().is_none_or(|serial| disk.serial.as_ref() == Some(serial));
    let path = wanted.path.as_ref().is_none_or(|path| &disk.path == path);
    let model = wanted.model.as_ref().is_none_or(|model| disk.model.eq_ignore_ascii_case(model.trim()));
    let least = wanted.min_bytes.is_none_or(|least| disk.bytes >= least);
    let most = wanted.max_bytes.is_none_or(|most| disk.bytes <= most);
    serial && path && model && least && most
}

fn said(wanted: &DiskSelector) -> String {
    let text = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let parts = [
        text("serial", wanted.serial.clone()),
        text("path", wanted.path.as_ref().map(ToString::to_string)),
        text("model", wanted.model.clone()),
        text("at least", wanted.min_bytes.map(amount)),
        text("at most", wanted.max_bytes.map(amount)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "`any disk`".to_owned() } else { format!("`{}`", parts.join(", ")) }
}
