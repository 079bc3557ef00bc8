//! Looks at the machine: what it is, what it has, what lies on its disks.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_disk::{Access, Disk as Device};
use holdfast_firmware::{Variables, Vendor};
use holdfast_inventory::{Options, discover};

use crate::brain::{Disk, Facts, Firmware, Holds, Nic, SecureBoot, System, Transport};
use crate::hands::look::look;

/// Sys counts in sectors of this size whatever the disk has.
const SYS_SECTOR: u64 = 512;

/// The machine below `root`, which is `/` but in tests. `kept` are mounts whose disks are never written over, with why.
#[must_use]
pub fn probe(root: &Utf8Path, kept: &[(&Utf8Path, &'static str)]) -> Facts {
    let inventory = discover(root, &Options::default()).unwrap_or_default();
    let nics = inventory.nics.iter().map(|nic| Nic {
        name: nic.name.clone(),
        mac: nic.mac.clone().unwrap_or_default(),
        link: has_link(root, &nic.name),
        speed: nic.speed_mbps,
    });
    Facts {
        system: System {
            product: inventory.system.product.clone().unwrap_or_default(),
            serial: inventory.system.serial.clone(),
            uuid: text(root, "sys/class/dmi/id/product_uuid"),
        },
        threads: inventory.cpu.threads,
        memory: inventory.memory.map_or(0, |bytes| bytes.0),
        firmware: firmware(root),
        tpm: text(root, "sys/class/tpm/tpm0/tpm_version_major").as_deref() == Some("2"),
        clock: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        nics: nics.collect(),
        disks: disks(root, kept),
    }
}

fn text(root: &Utf8Path, path: &str) -> Option<String> {
    let text = fs::read_to_string(root.join(path)).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A card that is down has no carrier to read, and so no link.
fn has_link(root: &Utf8Path, name: &str) -> bool {
    text(root, &format!("sys/class/net/{name}/carrier")).as_deref() == Some("1")
}

fn firmware(root: &Utf8Path) -> Firmware {
    if !root.join("sys/firmware/efi").is_dir() {
        return Firmware::Other;
    }
    let variables = Variables::new(&root.join(Variables::MACHINE.trim_start_matches('/')));
    let on = |name: &str| variables.get(Vendor::Uefi, name).ok().flatten().as_deref() == Some(&[1]);
    Firmware::Uefi(if on("SecureBoot") {
        SecureBoot::On
    } else if on("SetupMode") {
        SecureBoot::Setup
    } else {
        SecureBoot::Off
    })
}

/// Disks, CDs and memory left out.
fn disks(root: &Utf8Path, kept: &[(&Utf8Path, &'static str)]) -> Vec<Disk> {
    let mounts = fs::read_to_string(root.join("proc/mounts")).unwrap_or_default();
    let under = |place: &Utf8Path| {
        let mut lines = mounts.lines().filter(|line| line.split(' ').nth(1) == Some(place.as_str()));
        let device = lines.next()?.split(' ').next()?;
        disk_of(root, Utf8Path::new(device).file_name()?)
    };
    let kept: Vec<(String, &'static str)> =
        kept.iter().filter_map(|(place, why)| Some((under(place)?, *why))).collect();
    let entries = root.join("sys/block").read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_owned()).collect();
    names
        .retain(|name| !["loop", "ram", "zram", "sr", "dm-", "md", "fd"].iter().any(|p| name.starts_with(p)));
    names.sort();
    let disks = names.iter().filter_map(|name| {
        let why = kept.iter().find(|(disk, _)| disk == name).map(|(_, why)| *why);
        disk(root, name, why)
    });
    disks.collect()
}

/// The disk of a device: of a partition the one it is on.
fn disk_of(root: &Utf8Path, device: &str) -> Option<String> {
    let path = root.join("sys/class/block").join(device).canonicalize_utf8().ok()?;
    let whole = if path.join("partition").exists() { path.parent()? } else { path.as_path() };
    whole.file_name().map(str::to_owned)
}

fn disk(root: &Utf8Path, name: &str, kept: Option<&'static str>) -> Option<Disk> {
    let dir = format!("sys/block/{name}");
    let sectors: u64 = text(root, &format!("{dir}/size"))?.parse().ok()?;
    if sectors == 0 {
        return None;
    }
    let read_only = text(root, &format!("{dir}/ro")).as_deref() == Some("1");
    let path: Utf8PathBuf = root.join("dev").join(name);
    let sector = text(root, &format!("{dir}/queue/logical_block_size"));
    let sector = sector.and_then(|text| text.parse().ok()).unwrap_or(512);
    let holds = match Device::open(&path, Access::Read) {
        Ok(mut device) => look(&mut device, sector),
        Err(error) => Holds::Unreadable(error.to_string()),
    };
    let serial = ["device/serial", "serial", "device/wwid", "wwid"];
    Some(Disk {
        serial: serial.iter().find_map(|file| text(root, &format!("{dir}/{file}"))),
        model: text(root, &format!("{dir}/device/model")).unwrap_or_default(),
        transport: transport(root, name),
        bytes: sectors.saturating_mul(SYS_SECTOR),
        sector,
        kept: kept.or_else(|| read_only.then_some("read-only")),
        holds,
        path,
    })
}

fn transport(root: &Utf8Path, name: &str) -> Transport {
    let Ok(path) = root.join("sys/block").join(name).canonicalize_utf8() else { return Transport::Other };
    // The nearest name counts: a disk on USB is below the PCI bus of its controller as well.
    let names = path.components().rev().map(|part| part.as_str().to_owned());
    let kinds = names.filter_map(|part| {
        let starts = |prefix: &str| part.starts_with(prefix);
        let numbered = |prefix: &str| part.strip_prefix(prefix).is_some_and(|n| n.parse::<u32>().is_ok());
        if starts("nvme") {
            Some(Transport::Nvme)
        } else if starts("usb") {
            Some(Transport::Usb)
        } else if numbered("ata") {
            Some(Transport::Sata)
        } else if starts("mmc") {
            Some(Transport::Mmc)
        } else if starts("virtio") {
            Some(Transport::Virtio)
        } else {
            None
        }
    });
    let mut kinds = kinds.peekable();
    match kinds.peek() {
        Some(kind) => *kind,
        None if path.as_str().contains("/host") => Transport::Scsi,
        None => Transport::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn disks_are_read_with_what_lies_on_them_and_the_medium_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let put = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let disks = [
            ("nvme0n1", "devices/pci0000:00/0000:01:00.0/nvme/nvme0", "N1"),
            ("vda", "devices/pci0000:00/virtio1/block", "V1"),
            ("sda", "devices/pci0000:00/usb2/2-1/host3/target3:0:0", "U1"),
            ("sdb", "devices/pci0000:00/ata4/host4/target4:0:0", ""),
            ("sr0", "devices/pci0000:00/ata5/host5/target5:0:0", ""),
        ];
        for class in ["sys/block", "sys/class/block", "dev"] {
            fs::create_dir_all(root.join(class)).unwrap();
        }
        for (name, below, serial) in disks {
            let real = format!("sys/{below}/{name}");
            put(&format!("{real}/size"), "8192\n");
            put(&format!("{real}/ro"), if name == "sdb" { "1\n" } else { "0\n" });
            put(&format!("{real}/queue/logical_block_size"), "512\n");
            put(&format!("{real}/device/model"), "MODEL 1  \n");
            put(&format!("{real}/serial"), &format!("{serial}\n"));
            symlink(root.join(&real), root.join("sys/block").join(name)).unwrap();
            symlink(root.join(&real), root.join("sys/class/block").join(name)).unwrap();
            let file = fs::File::create(root.join("dev").join(name)).unwrap();
            file.set_len(4 << 20).unwrap();
        }
        put("sys/devices/pci0000:00/usb2/2-1/host3/target3:0:0/sda/sda1/partition", "1\n");
        let part = root.join("sys/devices/pci0000:00/usb2/2-1/host3/target3:0:0/sda/sda1");
        symlink(part, root.join("sys/class/block/sda1")).unwrap();
        put("proc/mounts", "/dev/sda1 /run/media iso9660 ro 0 0\n");
        put("sys/firmware/efi/efivars/SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c", "\u{6}\0\0\0\u{1}");
        put("sys/class/tpm/tpm0/tpm_version_major", "2\n");
        let facts = probe(root, &[(Utf8Path::new("/run/media"), "the medium")]);
        let found: Vec<_> =
            facts.disks.iter().map(|d| (d.path.file_name().unwrap(), d.transport, d.kept)).collect();
        assert_eq!(
            found,
            [
                ("nvme0n1", Transport::Nvme, None),
                ("sda", Transport::Usb, Some("the medium")),
                ("sdb", Transport::Sata, Some("read-only")),
                ("vda", Transport::Virtio, None),
            ]
        );
        assert_eq!(facts.disks[0].serial.as_deref(), Some("N1"));
        assert_eq!(
            (facts.disks[2].token(), facts.disks[0].model.as_str()),
            (facts.disks[2].path.as_str(), "MODEL 1")
        );
        assert_eq!((facts.disks[0].holds.clone(), facts.disks[0].bytes), (Holds::Nothing, 4 << 20));
        assert_eq!((facts.firmware, facts.tpm), (Firmware::Uefi(SecureBoot::Setup), true));
    }
}
