//! Volumes by the label that people gave them.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use camino::{Utf8Path, Utf8PathBuf};

/// The devices with a volume of this label, of those that the kernel lists below `sys`. A volume on the whole of a disk is seen
/// once.
#[must_use]
pub fn labelled(sys: &Utf8Path, label: &str) -> Vec<Utf8PathBuf> {
    let entries = sys.join("class/block").read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let devices = entries.map(|entry| Utf8Path::new("/dev").join(entry.file_name()));
    let mut found: Vec<Utf8PathBuf> =
        devices.filter(|device| labels(device).iter().any(|one| one == label)).collect();
    found.sort();
    found
}

/// What a device may be labelled, as FAT and ISO 9660 do it.
fn labels(device: &Utf8Path) -> Vec<String> {
    let read = |at: u64, count: usize| {
        let mut bytes = vec![0; count];
        let read = File::open(device).and_then(|file| file.read_exact_at(&mut bytes, at));
        read.ok().map(|()| bytes)
    };
    let name = |bytes: Option<&[u8]>| {
        bytes.map(|bytes| String::from_utf8_lossy(bytes).trim_end().to_owned()).unwrap_or_default()
    };
    let mut labels = Vec::new();
    if let Some(head) = read(0, 512).filter(|head| head.ends_with(&[0x55, 0xaa])) {
        if head.get(82..87) == Some(b"FAT32") {
            labels.push(name(head.get(71..82)));
        } else if head.get(54..57) == Some(b"FAT") {
            labels.push(name(head.get(43..54)));
        }
    }
    if let Some(head) = read(0x8000, 128).filter(|head| head.get(1..6) == Some(b"CD001")) {
        labels.push(name(head.get(40..72)));
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_where_each_file_system_has_them() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 20).unwrap();
        let path = Utf8Path::from_path(file.path()).unwrap();
        assert!(labels(path).is_empty());
        let put = |at: u64, bytes: &[u8]| file.as_file().write_all_at(bytes, at).unwrap();
        put(0x8000, b"\x01CD001");
        put(0x8000 + 40, b"HOLDFASTCFG                     ");
        put(510, &[0x55, 0xaa]);
        put(54, b"FAT16   ");
        put(43, b"OTHER      ");
        assert_eq!(labels(path), ["OTHER", "HOLDFASTCFG"]);
        put(82, b"FAT32   ");
        put(71, b"HOLDFASTCFG");
        assert_eq!(labels(path)[0], "HOLDFASTCFG");
    }
}
