//! Variables as efivarfs shows them: a file each, of four bytes of attributes and the content.

use std::fs::{self, File};
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};

/// Kept over a reset, and seen by the firmware as by the system (UEFI 2.10, 8.2).
const ATTRIBUTES: u32 = 7;
const LONGEST: u64 = 64 << 10;

/// Whose variable it is: names are unique to a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// Of UEFI itself (UEFI 2.10, 3.3).
    Uefi,
    /// Of the boot loader (systemd's Boot Loader Interface).
    Loader,
}

impl Vendor {
    /// The vendor's GUID in lower case, as it ends the names of files.
    #[must_use]
    pub fn guid(self) -> &'static str {
        match self {
            Self::Uefi => "8be4df61-93ca-11d2-aa0d-00e098032b8c",
            Self::Loader => "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f",
        }
    }
}

/// The variables below a directory.
#[derive(Debug, Clone)]
pub struct Variables {
    at: Utf8PathBuf,
}

impl Variables {
    /// Where the kernel shows those of this machine.
    pub const MACHINE: &str = "/sys/firmware/efi/efivars";

    /// Those below `at`.
    #[must_use]
    pub fn new(at: &Utf8Path) -> Self {
        Self { at: at.to_owned() }
    }

    /// Those of this machine. One that was started without UEFI has none.
    #[must_use]
    pub fn machine() -> Self {
        Self::new(Utf8Path::new(Self::MACHINE))
    }

    /// Whether there are any.
    #[must_use]
    pub fn exist(&self) -> bool {
        self.at.is_dir()
    }

    /// The content of a variable; none where there is no such one.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is longer than 64 KiB.
    pub fn get(&self, vendor: Vendor, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.file(vendor, name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        let read = file.take(LONGEST + 1).read_to_end(&mut bytes)?;
        if u64::try_from(read).is_ok_and(|read| read > LONGEST) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than 64 KiB"));
        }
        Ok(bytes.get(4..).map(<[u8]>::to_vec))
    }

    /// Sets a variable. The memory behind it wears out: one that is as it should be stays untouched.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn set(&self, vendor: Vendor, name: &str, content: &[u8]) -> io::Result<()> {
        if self.get(vendor, name).is_ok_and(|now| now.as_deref() == Some(content)) {
            return Ok(());
        }
        // The kernel takes a variable in one write.
        fs::write(self.file(vendor, name), [&ATTRIBUTES.to_le_bytes(), content].concat())
    }

    /// The text of a variable that is one; none where there is no such one.
    #[must_use]
    pub fn text(&self, vendor: Vendor, name: &str) -> Option<String> {
        let bytes = self.get(vendor, name).ok()??;
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        Some(String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned())
    }

    /// Sets a variable that is a text.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn set_text(&self, vendor: Vendor, name: &str, text: &str) -> io::Result<()> {
        self.set(vendor, name, &wide(text))
    }

    /// The names of the variables of a vendor, in order.
    ///
    /// # Errors
    ///
    /// They cannot be listed.
    pub fn names(&self, vendor: Vendor) -> io::Result<Vec<String>> {
        let name = |file: &str| Some(file.strip_suffix(vendor.guid())?.strip_suffix('-')?.to_owned());
        let entries = self.at.read_dir_utf8()?.filter_map(Result::ok);
        let mut names: Vec<String> = entries.filter_map(|entry| name(entry.file_name())).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn file(&self, vendor: Vendor, name: &str) -> Utf8PathBuf {
        self.at.join(format!("{name}-{}", vendor.guid()))
    }
}

/// A text as UEFI has it: UTF-16 with a zero at the end.
pub(crate) fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_read_as_it_was_set_and_written_only_when_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let variables = Variables::new(dir);
        variables.set_text(Vendor::Loader, "Once", "a*.efi").unwrap();
        assert_eq!(variables.text(Vendor::Loader, "Once").unwrap(), "a*.efi");
        assert_eq!(variables.text(Vendor::Uefi, "Once"), None);
        assert_eq!(variables.names(Vendor::Loader).unwrap(), ["Once"]);
        let file = dir.join(format!("Once-{}", Vendor::Loader.guid()));
        // Attributes of another kind stay: nothing was written.
        fs::write(&file, [&[3, 0, 0, 0][..], &wide("a*.efi")].concat()).unwrap();
        variables.set_text(Vendor::Loader, "Once", "a*.efi").unwrap();
        assert_eq!(fs::read(&file).unwrap().first(), Some(&3));
        variables.set_text(Vendor::Loader, "Once", "b*.efi").unwrap();
        assert_eq!(fs::read(&file).unwrap().first(), Some(&7));
    }

    #[test]
    fn what_is_cut_off_or_has_no_end_is_no_variable() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let variables = Variables::new(dir);
        let put = |name: &str, bytes: &[u8]| {
            fs::write(dir.join(format!("{name}-{}", Vendor::Uefi.guid())), bytes).unwrap();
        };
        put("Short", &[1, 2, 3]);
        put("Long", &vec![0; (64 << 10) + 1]);
        assert_eq!(variables.get(Vendor::Uefi, "Short").unwrap(), None);
        variables.get(Vendor::Uefi, "Long").unwrap_err();
        assert!(!Variables::new(&dir.join("none")).exist());
    }
}
