//! What is told to the firmware and the boot loader, and what they tell.

use camino::Utf8Path;
use holdfast_disk::{Access, Disk};
use holdfast_firmware::{Esp, Variables, Vendor, keep};
use holdfast_release::writer::Target as _;
use holdfast_release::{Role, Table};

/// The kernel that was started while the loader counted its tries, as a path with backslashes; none where it did not count.
pub(crate) fn counted(variables: &Variables) -> Option<String> {
    variables.text(Vendor::Loader, "LoaderBootCountPath")
}

/// The next start boots the kernel of this version, and only that start.
pub(crate) fn boot_once(variables: &Variables, version: &str) -> Result<(), String> {
    let name = "LoaderEntryOneShot";
    variables
        .set_text(Vendor::Loader, name, &format!("holdfast-{}*.efi", version.to_lowercase()))
        .map_err(|error| format!("set the firmware's variable {name}: {error}"))
}

/// Has the firmware boot this disk first, unless it knows it already: a disk image was never installed, and firmware forgets.
pub(crate) fn listed(variables: &Variables, disk: &Utf8Path) -> Result<(), String> {
    if !variables.exist() {
        return Ok(());
    }
    let esp = esp(disk).map_err(|error| format!("read the table of `{disk}`: {error}"))?;
    esp.map_or(Ok(()), |esp| keep(variables, &esp).map_err(|error| error.to_string()))
}

/// The loader's partition, by the table of its disk.
fn esp(disk: &Utf8Path) -> std::io::Result<Option<Esp>> {
    let mut disk = Disk::open(disk, Access::Read)?;
    let sector = disk.sector();
    let mut front = vec![0; usize::try_from(Table::front_bytes(sector)).unwrap_or(0)];
    let read = disk.read_at(0, &mut front)?;
    front.truncate(read);
    let table = Table::decode(&front, sector, disk.size() / u64::from(sector).max(1));
    let table = table.map_err(std::io::Error::other)?;
    let found = (1..).zip(&table.entries).find(|(_, entry)| entry.name == Role::Esp.label());
    Ok(found.map(|(number, entry)| Esp {
        number,
        first: entry.first,
        sectors: entry.last.saturating_sub(entry.first) + 1,
        id: entry.id,
    }))
}

#[cfg(test)]
mod tests {
    use holdfast_release::{Layout, Profile};

    use super::*;

    #[test]
    fn the_loader_is_told_of_one_start() {
        let dir = tempfile::tempdir().unwrap();
        let variables = Variables::new(Utf8Path::from_path(dir.path()).unwrap());
        boot_once(&variables, "2.0-RC1").unwrap();
        assert_eq!(variables.text(Vendor::Loader, "LoaderEntryOneShot").unwrap(), "holdfast-2.0-rc1*.efi");
        assert_eq!(counted(&variables), None);
    }

    #[test]
    fn a_disk_that_the_firmware_does_not_know_is_listed_once() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let layout = Layout::plan(Profile::Small, 2 << 30, 512).unwrap();
        let (front, _) = layout.table("id").encode().unwrap();
        let disk = dir.join("disk");
        std::fs::write(&disk, front).unwrap();
        let variables = Variables::new(dir);
        listed(&variables, &disk).unwrap();
        let order = variables.get(Vendor::Uefi, "BootOrder").unwrap().unwrap();
        assert_eq!(order.len(), 8);
        listed(&variables, &disk).unwrap();
        assert_eq!(variables.get(Vendor::Uefi, "BootOrder").unwrap().unwrap(), order);
        let none = listed(&variables, &dir.join("none")).unwrap_err();
        assert!(none.contains("read the table"), "{none}");
        // A machine without UEFI has no list.
        listed(&Variables::new(&dir.join("nothing")), &disk).unwrap();
    }
}
