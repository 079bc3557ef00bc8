//! Bounded reads below the root: text of a file, names in a directory, the target of a link, and notes of what failed.
//!
//! A kernel attribute may be absent, forbidden or endless; none of that may stop a discovery or fill the memory.

use std::fs::File;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};

/// The most bytes read of one file; the rest is left where it is.
const MAX_FILE: u64 = 64 << 10;
/// The most names read of one directory.
const MAX_ENTRIES: usize = 4096;
/// The most characters kept of one attribute: a model, a serial number, a name.
const MAX_ATTRIBUTE: usize = 256;
/// A broken machine must not turn into an endless list of notes.
const MAX_NOTES: usize = 256;

/// Everything below a root, and the notes taken while reading it.
#[derive(Debug)]
pub(crate) struct Tree {
    root: Utf8PathBuf,
    notes: Vec<String>,
}

impl Tree {
    /// The tree below `root`.
    pub(crate) fn new(root: &Utf8Path) -> Self {
        Self { root: root.to_owned(), notes: Vec::new() }
    }

    /// The notes taken so far.
    pub(crate) fn into_notes(self) -> Vec<String> {
        self.notes
    }

    /// Notes something a person should know; beyond the limit it is dropped.
    pub(crate) fn note(&mut self, text: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(text);
        }
    }

    /// The beginning of a file every machine should have; its absence is noted.
    pub(crate) fn expected_text(&mut self, path: &str) -> Option<String> {
        let text = self.text(path);
        if text.is_none() && !self.exists(path) {
            self.note(format!("/{path} does not exist"));
        }
        text
    }

    /// The beginning of a file that may be absent. A file that is there and cannot be read is noted.
    pub(crate) fn text(&mut self, path: &str) -> Option<String> {
        match self.read(path) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.note(format!("/{path} cannot be read: {error}"));
                None
            }
        }
    }

    /// One line of text: trimmed, without control characters, `None` where nothing is left.
    pub(crate) fn attribute(&mut self, path: &str) -> Option<String> {
        clean(&self.text(path)?)
    }

    /// Like [`Tree::attribute`] for files whose driver answers with an error in some states of the device.
    pub(crate) fn moody_attribute(&self, path: &str) -> Option<String> {
        clean(&String::from_utf8_lossy(&self.read(path).ok()?))
    }

    /// A decimal number.
    pub(crate) fn number(&mut self, path: &str) -> Option<u64> {
        self.attribute(path)?.parse().ok()
    }

    /// A number written in hexadecimal with `0x`.
    pub(crate) fn hex(&mut self, path: &str) -> Option<u32> {
        parse_hex(&self.attribute(path)?)
    }

    /// The NUMA node of a device; the kernel writes -1 where it knows none.
    pub(crate) fn numa_node(&mut self, path: &str) -> Option<u32> {
        self.attribute(path)?.parse().ok()
    }

    /// The names in a directory that may be absent, ordered as people count.
    pub(crate) fn names(&mut self, path: &str) -> Vec<String> {
        let entries = match self.root.join(path).read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                self.note(format!("/{path} cannot be listed: {error}"));
                return Vec::new();
            }
        };
        let mut names = Vec::new();
        for (count, entry) in entries.enumerate() {
            match entry {
                _ if count >= MAX_ENTRIES => {
                    self.note(format!("/{path} has more than {MAX_ENTRIES} entries; the rest is left out"));
                    break;
                }
                Ok(entry) => names.push(entry.file_name().to_owned()),
                Err(error) => self.note(format!("/{path} has an entry that cannot be read: {error}")),
            }
        }
        names.sort_by_cached_key(|name| natural_key(name));
        names
    }

    /// The names in a directory every machine should have; its absence is noted.
    pub(crate) fn expected_names(&mut self, path: &str) -> Vec<String> {
        if !self.exists(path) {
            self.note(format!("/{path} does not exist"));
        }
        self.names(path)
    }

    /// The last part of what a link points to, such as the driver of a device.
    pub(crate) fn link_name(&self, path: &str) -> Option<String> {
        let target = self.root.join(path).read_link_utf8().ok()?;
        target.file_name().and_then(clean)
    }

    /// The PCI function a link to a device leads to. A virtio device is a child of its function.
    pub(crate) fn pci_address(&self, path: &str) -> Option<String> {
        let target = self.root.join(path).canonicalize_utf8().ok()?;
        let address =
            target.components().rev().map(|part| part.as_str()).find(|part| is_pci_address(part))?;
        Some(address.to_owned())
    }

    /// Whether there is anything of this name, without opening it: opening a device can wake it.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.root.join(path).symlink_metadata().is_ok()
    }

    /// Those of these device nodes that exist, as paths on the machine.
    pub(crate) fn nodes<S: AsRef<str>>(&self, below_dev: impl IntoIterator<Item = S>) -> Vec<Utf8PathBuf> {
        let paths = below_dev.into_iter().map(|name| format!("dev/{}", name.as_ref()));
        paths.filter(|path| self.exists(path)).map(|path| Utf8PathBuf::from(format!("/{path}"))).collect()
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let path = self.root.join(path);
        // A pipe in the place of an attribute would block the open for ever.
        if !path.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The value of `key` in lines of `key<separator>value`.
pub(crate) fn field<'t>(text: &'t str, key: &str, separator: char) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(separator)?;
        (name.trim() == key).then(|| value.trim())
    })
}

/// Whether a name is domain, bus, device and function of PCI: `0000:1b:00.0`.
pub(crate) fn is_pci_address(name: &str) -> bool {
    let is_hex = |text: &str, widths: std::ops::RangeInclusive<usize>| {
        widths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
    };
    let mut parts = name.split([':', '.']);
    let four = [parts.next(), parts.next(), parts.next(), parts.next(), parts.next()];
    let [Some(domain), Some(bus), Some(device), Some(function), None] = four else { return false };
    is_hex(domain, 4..=8) && is_hex(bus, 2..=2) && is_hex(device, 2..=2) && is_hex(function, 1..=1)
}

/// A number written in hexadecimal with `0x`.
pub(crate) fn parse_hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// The number behind `prefix` where there is nothing else.
pub(crate) fn numbered(name: &str, prefix: &str) -> Option<u32> {
    let digits = name.strip_prefix(prefix)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn clean(text: &str) -> Option<String> {
    let kept: String = text.trim().chars().filter(|c| !c.is_control()).take(MAX_ATTRIBUTE).collect();
    (!kept.is_empty()).then_some(kept)
}

/// Sorts a trailing number by its value, so that `eth10` comes after `eth9`.
fn natural_key(name: &str) -> (String, u64, String) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name.strip_prefix(stem).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    (stem.to_owned(), number, name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_bounded_and_every_refusal_is_a_note() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::write(root.join("long"), vec![b'a'; 100_000]).unwrap();
        std::fs::write(root.join("odd"), b" a\x1b[2Jb\xff\n").unwrap();
        std::fs::create_dir(root.join("many")).unwrap();
        for index in 0..MAX_ENTRIES + 1 {
            std::fs::write(root.join(format!("many/f{index}")), "").unwrap();
        }
        let mut tree = Tree::new(root);
        assert_eq!(tree.text("long").unwrap().len(), 64 << 10);
        assert_eq!(tree.attribute("long").unwrap().len(), MAX_ATTRIBUTE);
        assert_eq!(tree.attribute("odd").as_deref(), Some("a[2Jb\u{fffd}"));
        assert_eq!((tree.text("absent"), tree.expected_text("proc/absent")), (None, None));
        assert_eq!(tree.text("many"), None);
        assert_eq!(tree.names("many").len(), MAX_ENTRIES);
        assert_eq!(
            tree.into_notes(),
            [
                "/proc/absent does not exist",
                "/many cannot be read: it is not a regular file",
                "/many has more than 4096 entries; the rest is left out"
            ]
        );
    }

    #[test]
    fn names_are_counted_as_people_count() {
        let mut names = ["eth10", "eth9", "lo", "eth1", "0000:1b:00.0", "0000:0b:00.0"];
        names.sort_by_cached_key(|name| natural_key(name));
        assert_eq!(names, ["0000:0b:00.0", "0000:1b:00.0", "eth1", "eth9", "eth10", "lo"]);
        let addresses =
            ["0000:1b:00.0", "10000:01:1f.7", "pci0000:00", "0000:1b:00", "0000:1b:00.0.1", "eth0"];
        assert_eq!(addresses.map(is_pci_address), [true, true, false, false, false, false]);
        assert_eq!(numbered("davinci12", "davinci"), Some(12));
        assert_eq!((numbered("davinci_manager", "davinci"), numbered("davinci", "davinci")), (None, None));
    }
}
