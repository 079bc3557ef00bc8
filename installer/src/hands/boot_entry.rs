//! The firmware's list of what it boots: our disk's loader comes first. Firmware that forgets the list finds the loader at the
//! place where every firmware looks, so that a machine without this boots as well.

use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::Guid;

/// The variables of UEFI itself.
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Kept, and seen by the firmware as by the system.
const ATTRIBUTES: u32 = 7;
const ACTIVE: u32 = 1;
const NAME: &str = "Holdfast";
const LOADER: &str = "\\EFI\\BOOT\\BOOTX64.EFI";
/// Entries that are looked at.
const MOST: usize = 256;
const LONGEST: u64 = 64 << 10;

/// The partition with the loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Esp {
    /// Its number in the table, from 1.
    pub number: u32,
    /// Its first sector.
    pub first: u64,
    /// Its sectors.
    pub sectors: u64,
    /// Its identity.
    pub id: Guid,
}

/// Why there is no entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// A variable.
    #[error("{act} the firmware's variable {name}")]
    Variable {
        /// What was done.
        act: &'static str,
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The list is full.
    #[error("the firmware has no room for another entry")]
    Full,
}

/// Puts the loader first; the number of its entry. An older entry of ours is used again, whatever disk it named.
///
/// # Errors
///
/// A variable cannot be read or written.
pub fn register(variables: &Utf8Path, esp: &Esp) -> Result<u16, EntryError> {
    let entry = encode(esp);
    let ours: Vec<u16> = numbers(variables)?
        .into_iter()
        .filter(|number| read(variables, &name(*number)).is_ok_and(|bytes| is_ours(&bytes)))
        .collect();
    let number = match ours.first() {
        Some(number) => *number,
        None => free(variables).ok_or(EntryError::Full)?,
    };
    if read(variables, &name(number)).ok().as_deref() != Some(entry.as_slice()) {
        write(variables, &name(number), &entry)?;
    }
    let order = read(variables, "BootOrder").unwrap_or_default();
    let old = order.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let order: Vec<u16> =
        [number].into_iter().chain(old.filter(|other| !ours.contains(other) && *other != number)).collect();
    write(
        variables,
        "BootOrder",
        &order.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>(),
    )?;
    Ok(number)
}

fn name(number: u16) -> String {
    format!("Boot{number:04X}")
}

fn file(variables: &Utf8Path, name: &str) -> Utf8PathBuf {
    variables.join(format!("{name}-{GLOBAL}"))
}

/// The content of a variable, its attributes left out.
fn read(variables: &Utf8Path, name: &str) -> Result<Vec<u8>, EntryError> {
    let failed = |source| EntryError::Variable { act: "read", name: name.to_owned(), source };
    let path = file(variables, name);
    if fs::metadata(&path).map_err(failed)?.len() > LONGEST {
        return Err(failed(io::ErrorKind::InvalidData.into()));
    }
    let bytes = fs::read(path).map_err(failed)?;
    Ok(bytes.get(4..).unwrap_or_default().to_vec())
}

fn write(variables: &Utf8Path, name: &str, content: &[u8]) -> Result<(), EntryError> {
    // The kernel takes a variable in one write.
    let bytes = [&ATTRIBUTES.to_le_bytes(), content].concat();
    let failed = |source| EntryError::Variable { act: "write", name: name.to_owned(), source };
    fs::write(file(variables, name), bytes).map_err(failed)
}

/// The entries there are, in order.
fn numbers(variables: &Utf8Path) -> Result<Vec<u16>, EntryError> {
    let failed = |source| EntryError::Variable { act: "list", name: "Boot####".to_owned(), source };
    let entries = variables.read_dir_utf8().map_err(failed)?.filter_map(Result::ok);
    let number = |name: &str| {
        let digits = name.strip_prefix("Boot")?.strip_suffix(GLOBAL)?.strip_suffix('-')?;
        (digits.len() == 4).then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    };
    let mut numbers: Vec<u16> = entries.filter_map(|entry| number(entry.file_name())).take(MOST).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn free(variables: &Utf8Path) -> Option<u16> {
    (0..0x2000).find(|number| !file(variables, &name(*number)).exists())
}

/// Our name stands in it.
fn is_ours(entry: &[u8]) -> bool {
    let title: Vec<u8> = NAME.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    entry.get(6..).is_some_and(|rest| rest.starts_with(&title))
}

/// An entry (UEFI 2.10, 3.1.3): a partition by its identity and a file on it (10.3.5.1, 10.3.5.4).
fn encode(esp: &Esp) -> Vec<u8> {
    let wide = |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let node = |kind: [u8; 2], content: &[u8]| {
        let length = u16::try_from(content.len() + 4).unwrap_or(u16::MAX);
        [&kind, &length.to_le_bytes()[..], content].concat()
    };
    let mut disk = esp.number.to_le_bytes().to_vec();
    disk.extend(esp.first.to_le_bytes());
    disk.extend(esp.sectors.to_le_bytes());
    disk.extend(esp.id.bytes());
    // A GPT, and an identity that is a GUID.
    disk.extend([2, 2]);
    let path = [node([4, 1], &disk), node([4, 4], &wide(LOADER)), node([0x7f, 0xff], &[])].concat();
    let mut entry = ACTIVE.to_le_bytes().to_vec();
    entry.extend(u16::try_from(path.len()).unwrap_or(u16::MAX).to_le_bytes());
    entry.extend(wide(NAME));
    entry.extend(path);
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn esp(name: &str) -> Esp {
        Esp { number: 1, first: 2048, sectors: 262_144, id: Guid::named("disk", name) }
    }

    #[test]
    fn our_entry_comes_first_once_however_often_a_machine_is_installed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        write(dir, "Boot0000", b"\x01\0\0\0\0\0C\0D\0\0\0").unwrap();
        write(dir, "Boot0002", b"\x01\0\0\0\0\0N\0e\0t\0\0\0").unwrap();
        write(dir, "BootOrder", &[2, 0, 0, 0]).unwrap();
        assert_eq!(register(dir, &esp("a")).unwrap(), 1);
        assert_eq!(read(dir, "BootOrder").unwrap(), [1, 0, 2, 0, 0, 0]);
        assert_eq!(register(dir, &esp("b")).unwrap(), 1);
        assert_eq!(read(dir, "BootOrder").unwrap(), [1, 0, 2, 0, 0, 0]);
        assert_eq!(read(dir, "Boot0001").unwrap(), encode(&esp("b")));
        assert!(matches!(
            register(&dir.join("none"), &esp("a")),
            Err(EntryError::Variable { act: "list", .. })
        ));
    }

    #[test]
    fn an_entry_has_the_form_of_the_specification() {
        let entry = encode(&esp("a"));
        let title = 6 + 2 * (NAME.len() + 1);
        assert_eq!(&entry[title..title + 4], [4, 1, 42, 0]);
        let path = usize::from(u16::from_le_bytes([entry[4], entry[5]]));
        assert_eq!(entry.len(), title + path);
        assert_eq!(&entry[entry.len() - 4..], [0x7f, 0xff, 4, 0]);
    }
}
