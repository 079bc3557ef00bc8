//! The extensions of the slot that runs: each is believed where the site signed it, used where it is for this build of the kernel,
//! proved block by block as the root is, and mounted below one place. What is refused is told, and nothing of it is looked at.

use std::fs;
use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_disk::{Access, Disk};
use holdfast_release::{ExtensionError, Installed, RELEASE_ROOT, Slot, Trusted, installed};
use holdfast_types::AsProblem as _;
use rustix::mount::{MountFlags, mount_remount};
use rustix::system::uname;
use serde_json::json;

use crate::event::{event, say};
use crate::modules::Modules;
use crate::slot::Proved;
use crate::{disks, dm, mounts, storage};

/// Where each is found by its name. A directory of the root, with a file system in memory over it for the places.
const PLACE: &str = "/usr/lib/holdfast/extensions";
/// Where the kernel looks for firmware: links to that of all extensions. No name begins with a dot.
const FIRMWARE: &str = ".firmware";
const FIRMWARE_PATH: &str = "/sys/module/firmware_class/parameters/path";
/// Directories below one another that firmware lies in.
const DEEPEST: usize = 8;

/// The names of the extensions that are mounted.
pub(crate) fn names() -> Vec<String> {
    let entries = Utf8Path::new(PLACE).read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_owned()).collect();
    names.retain(|name| name != FIRMWARE);
    names.sort();
    names
}

/// The directories with the modules of all extensions that are mounted.
pub(crate) fn modules() -> Vec<Utf8PathBuf> {
    names().iter().map(|name| Utf8Path::new(PLACE).join(name).join("modules")).collect()
}

/// Mounts the extensions that lie on this disk for this slot, and makes their modules and their firmware known.
pub(crate) fn bring(disk: &str, slot: Slot, known: &mut Modules) {
    match mounted(disk, slot) {
        Ok(()) => modules().iter().for_each(|dir| known.add(dir)),
        Err(why) => event("extension.refused", &json!({ "name": null, "why": why })),
    }
}

fn mounted(disk: &str, slot: Slot) -> Result<(), String> {
    let all = disks::partitions(Utf8Path::new("/sys"));
    let Some(device) = storage::device(&all, disk, "EXT") else { return Ok(()) };
    let failed = |error| format!("read `{device}`: {error}");
    let mut ext = Disk::open(&device, Access::Read).map_err(failed)?;
    let (found, rest) = installed(&mut ext, slot).map_err(failed)?;
    if let Some(error) = rest {
        refused(None, &error);
    }
    if found.is_empty() {
        return Ok(());
    }
    let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mounts::at("tmpfs", "tmpfs", PLACE, safe, "mode=0755,size=16m")?;
    let root = fs::read(Utf8Path::new("/").join(RELEASE_ROOT)).map_err(|error| error.to_string());
    let root = root.and_then(|bytes| Trusted::first(&bytes).map_err(|error| error.to_string()));
    let root =
        root.map_err(|why| format!("without the root of the site's releases nothing is believed: {why}"))?;
    found.iter().for_each(|one| bring_one(&device, one, &root));
    if let Err(error) = mount_remount(PLACE, safe | MountFlags::RDONLY, "") {
        say(format_args!("close `{PLACE}`: {error}"));
    }
    Ok(())
}

fn refused(name: Option<&str>, error: &ExtensionError) {
    let code = error.problem().code.to_string();
    event("extension.refused", &json!({ "name": name, "code": code, "why": error.to_string() }));
}

fn bring_one(device: &Utf8Path, found: &Installed, root: &Trusted) {
    let uname = uname();
    let (kernel, build) = (uname.release().to_string_lossy(), uname.version().to_string_lossy());
    let believed = found.head.proved(root).and_then(|says| says.fits(&kernel, &build).map(|()| says));
    let says = match believed {
        Ok(says) => says,
        Err(error) => return refused(Some(found.head.name()), &error),
    };
    let place = Utf8Path::new(PLACE).join(&says.name);
    let proved = Proved {
        data_blocks: says.verity.data_blocks,
        salt: says.verity.salt.0,
        root_hash: says.verity.root_hash.0,
    };
    let within = (found.at + found.head.data_at(), says.data_bytes() + says.tree_bytes);
    let opened = dm::verity_within(device, &format!("extension-{}", says.name), within, &proved);
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    match opened.and_then(|proved| mounts::at("erofs", proved.as_str(), place.as_str(), flags, "")) {
        Ok(()) => {
            event("extension.mounted", &json!({ "name": says.name, "version": says.version }));
            firmware(&place.join("firmware"));
        }
        Err(why) => {
            // What is not mounted has no place.
            drop(fs::remove_dir(&place));
            refused(Some(&says.name), &ExtensionError::Form(why));
        }
    }
}

/// Lets the kernel find firmware: it looks in one place of our choice, so that has a link to each file of each extension.
fn firmware(from: &Utf8Path) {
    if !from.is_dir() {
        return;
    }
    let to = Utf8Path::new(PLACE).join(FIRMWARE);
    let linked = link(from, &to, DEEPEST).map_err(|error| format!("link what lies in `{from}`: {error}"));
    let told = linked.and_then(|()| {
        fs::write(FIRMWARE_PATH, to.as_str()).map_err(|error| format!("write `{FIRMWARE_PATH}`: {error}"))
    });
    if let Err(error) = told {
        say(format_args!("the kernel does not find firmware: {error}"));
    }
}

/// Links every file below `from` at the same path below `to`. A file that is there already is left.
fn link(from: &Utf8Path, to: &Utf8Path, deepest: usize) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in from.read_dir_utf8()? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if deepest > 0 {
                link(entry.path(), &place, deepest - 1)?;
            }
        } else if !place.is_symlink() {
            symlink(entry.path(), &place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_of_several_extensions_is_found_in_one_place() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        for (file, content) in
            [("gpu/nvidia/gsp.bin", "gsp"), ("nic/mlx.bin", "nic"), ("nic/nvidia/gsp.bin", "x")]
        {
            fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
            fs::write(dir.join(file), content).unwrap();
        }
        let to = dir.join("all");
        for name in ["gpu", "nic"] {
            link(&dir.join(name), &to, DEEPEST).unwrap();
        }
        let read = |name: &str| fs::read_to_string(to.join(name)).unwrap();
        assert_eq!((read("nvidia/gsp.bin").as_str(), read("mlx.bin").as_str()), ("gsp", "nic"));
    }
}
