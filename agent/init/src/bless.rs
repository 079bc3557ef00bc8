//! What a good start leaves behind: a kernel without a counter, a slot without attempts, and the kernel of a slot that failed
//! put behind all others.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_firmware::Variables;
use holdfast_release::{Boot, MOST_ATTEMPTS, Meta, Slot, kernel_parts};
use rustix::mount::{MountFlags, UnmountFlags, unmount};

use crate::durable::sync_directory;
use crate::slot::{read_meta, write_meta};
use crate::{firmware, mounts};

/// Where the loader's partition is brought to.
pub(crate) const ESP: &str = "/run/holdfast/esp";

/// Where a start is written down.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The slot that runs.
    pub(crate) slot: Slot,
    /// The disk it is on; nothing where a medium was started.
    pub(crate) disk: Option<Utf8PathBuf>,
    /// META.
    pub(crate) meta: Option<Utf8PathBuf>,
    /// The loader's partition.
    pub(crate) esp: Option<Utf8PathBuf>,
}

/// Writes down that this start was good.
pub(crate) fn good(places: &Places) -> Result<(), String> {
    let mut meta = places.meta.as_deref().map(read_meta).unwrap_or_default();
    let other = places.slot.other();
    let before = Boot::new(&mut meta);
    let spent = before.version(other).filter(|_| before.attempts(other) >= MOST_ATTEMPTS).map(str::to_owned);
    // First the loader's partition: a start that ends between the two is only counted once more.
    if let Some(esp) = &places.esp {
        mounts::at(
            "vfat",
            esp.as_str(),
            ESP,
            MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC,
            "utf8",
        )?;
        let counted = firmware::counted(&Variables::machine());
        let renamed = rename(&Utf8Path::new(ESP).join("EFI/Linux"), counted.as_deref(), spent.as_deref());
        let left = unmount(ESP, UnmountFlags::empty()).map_err(|error| format!("unmount `{ESP}`: {error}"));
        renamed.and(left)?;
    }
    let Some(device) = &places.meta else { return Ok(()) };
    Boot::new(&mut meta).healthy(places.slot).map_err(|error| error.to_string())?;
    write_meta(device, &mut meta)
}

/// Writes down why this start was not.
pub(crate) fn bad(places: &Places, why: &str) -> Result<(), String> {
    let Some(device) = &places.meta else { return Ok(()) };
    let mut meta: Meta = read_meta(device);
    Boot::new(&mut meta).failed(why).map_err(|error| error.to_string())?;
    write_meta(device, &mut meta)
}

/// This start is not to be counted: it failed for another reason than the slot.
pub(crate) fn pardon(places: &Places) -> Result<(), String> {
    let Some(device) = &places.meta else { return Ok(()) };
    let mut meta: Meta = read_meta(device);
    Boot::new(&mut meta).pardoned(places.slot).map_err(|error| error.to_string())?;
    write_meta(device, &mut meta)
}

/// Whether the other slot holds a version that can be gone back to.
pub(crate) fn has_other(places: &Places) -> bool {
    let mut meta = places.meta.as_deref().map(read_meta).unwrap_or_default();
    Boot::new(&mut meta).version(places.slot.other()).is_some()
}

/// Whether the other slot is still worth a start.
pub(crate) fn may_go_back(places: &Places) -> bool {
    let mut meta = places.meta.as_deref().map(read_meta).unwrap_or_default();
    let (boot, other) = (Boot::new(&mut meta), places.slot.other());
    boot.version(other).is_some() && boot.attempts(other) < MOST_ATTEMPTS
}

/// Renames the kernels in `linux`: the one that was counted, and the one of a version that had its attempts.
fn rename(linux: &Utf8Path, counted: Option<&str>, spent: Option<&str>) -> Result<(), String> {
    let counted = counted.and_then(|path| path.rsplit(['\\', '/']).next());
    let entries = linux.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    for name in entries.map(|entry| entry.file_name().to_owned()) {
        let to = match spent.and_then(|version| put_back(&name, version)) {
            Some(to) => Some(to),
            None if Some(name.as_str()) == counted => without_counter(&name),
            None => None,
        };
        if let Some(to) = to.filter(|to| *to != name) {
            let renamed = fs::rename(linux.join(&name), linux.join(&to));
            renamed.map_err(|error| format!("rename `{name}` to `{to}`: {error}"))?;
        }
    }
    sync_directory(&linux.join("any"))?;
    rustix::fs::sync();
    Ok(())
}

fn without_counter(name: &str) -> Option<String> {
    kernel_parts(name).map(|(front, _)| format!("{front}.efi"))
}

/// The name that puts a kernel of this version behind all others.
fn put_back(name: &str, version: &str) -> Option<String> {
    let (front, _) = kernel_parts(name)?;
    (front == format!("holdfast-{version}")).then(|| format!("{front}+0-3.efi"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_start_keeps_its_kernel_and_puts_the_failed_one_back() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let names = |dir: &Utf8Path| {
            let mut names: Vec<String> =
                dir.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
            names.sort();
            names
        };
        for name in ["holdfast-1.0+1-2.efi", "holdfast-2.0.efi", "holdfast-2.0.1.efi", "other.txt"] {
            fs::write(dir.join(name), "").unwrap();
        }
        rename(dir, Some("\\EFI\\Linux\\holdfast-1.0+1-2.efi"), Some("2.0")).unwrap();
        assert_eq!(
            names(dir),
            ["holdfast-1.0.efi", "holdfast-2.0+0-3.efi", "holdfast-2.0.1.efi", "other.txt"]
        );
        rename(dir, None, None).unwrap();
        assert_eq!(names(dir).len(), 4);
    }
}
