//! The variables of the firmware that the boot loader reads and writes (systemd's Boot Loader Interface).

use std::fs;

use camino::Utf8Path;

/// Where they are mounted.
pub(crate) const VARIABLES: &str = "/sys/firmware/efi/efivars";
const VENDOR: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// Kept, and seen by the boot loader as by the system.
const ATTRIBUTES: u32 = 7;
const LONGEST: usize = 4_096;

/// A variable's text; none where there is no such one.
pub(crate) fn get(variables: &Utf8Path, name: &str) -> Option<String> {
    let bytes = fs::read(variables.join(format!("{name}-{VENDOR}"))).ok()?;
    let text: Vec<u16> = bytes.get(4..)?.chunks_exact(2).take(LONGEST).filter_map(two).collect();
    Some(String::from_utf16_lossy(&text).trim_end_matches('\0').to_owned())
}

fn two(pair: &[u8]) -> Option<u16> {
    pair.try_into().ok().map(u16::from_le_bytes)
}

/// Sets a variable.
pub(crate) fn set(variables: &Utf8Path, name: &str, text: &str) -> Result<(), String> {
    let mut bytes = ATTRIBUTES.to_le_bytes().to_vec();
    bytes.extend(text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    // The kernel takes a variable in one write.
    fs::write(variables.join(format!("{name}-{VENDOR}")), bytes)
        .map_err(|error| format!("set the firmware's variable {name}: {error}"))
}

/// The next start boots the kernel of this version, and only that start.
pub(crate) fn boot_once(variables: &Utf8Path, version: &str) -> Result<(), String> {
    set(variables, "LoaderEntryOneShot", &format!("holdfast-{}*.efi", version.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_read_as_it_was_set() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        boot_once(dir, "2.0-RC1").unwrap();
        assert_eq!(get(dir, "LoaderEntryOneShot").unwrap(), "holdfast-2.0-rc1*.efi");
        assert_eq!(get(dir, "LoaderEntryDefault"), None);
        fs::write(dir.join(format!("Odd-{VENDOR}")), [1, 2, 3]).unwrap();
        assert_eq!(get(dir, "Odd"), None);
    }
}
