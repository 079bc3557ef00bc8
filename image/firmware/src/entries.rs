//! The firmware's list of what it boots: the loader of our disk comes first, and more than once.
//!
//! A kernel that the firmware refuses ends the loader, and the firmware goes on to the next entry of its list: to whatever else the
//! machine can boot, and in the end to a prompt. The loader counts that try all the same. So it is there once more than it tries a
//! kernel, and the last start is that of the kernel before. Firmware that forgets the list finds the loader at the place where
//! every firmware looks, so that a machine without this boots as well.

use std::io;

use holdfast_release::{Guid, MOST_ATTEMPTS};

use crate::variables::{Variables, Vendor, wide};

const ACTIVE: u32 = 1;
const NAME: &str = "Holdfast";
const LOADER: &str = "\\EFI\\BOOT\\BOOTX64.EFI";
const ORDER: &str = "BootOrder";
/// Entries that are looked at.
const MOST: usize = 256;

/// How often the loader is in the list.
pub const STARTS: u64 = MOST_ATTEMPTS + 1;

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

/// Puts the loader first; the numbers of its entries. Older entries of ours are used again, whatever disk they named.
///
/// # Errors
///
/// A variable cannot be read or written.
pub fn put_first(variables: &Variables, esp: &Esp) -> Result<Vec<u16>, EntryError> {
    let ours = ours(variables)?;
    let mut numbers = ours.clone();
    numbers.truncate(usize::try_from(STARTS).unwrap_or(usize::MAX));
    for start in 1..=STARTS {
        let at = usize::try_from(start - 1).unwrap_or(usize::MAX);
        let number = match numbers.get(at) {
            Some(number) => *number,
            None => free(variables)?,
        };
        set(variables, &name(number), &encode(esp, start))?;
        if at == numbers.len() {
            numbers.push(number);
        }
    }
    let others =
        order(variables)?.into_iter().filter(|other| !ours.contains(other) && !numbers.contains(other));
    let all: Vec<u8> = numbers.iter().copied().chain(others).flat_map(u16::to_le_bytes).collect();
    set(variables, ORDER, &all)?;
    Ok(numbers)
}

/// Puts the loader first if the list lacks an entry of it. Where all are there, the order is somebody's choice and stays.
///
/// # Errors
///
/// A variable cannot be read or written.
pub fn keep(variables: &Variables, esp: &Esp) -> Result<(), EntryError> {
    let order = order(variables)?;
    let ours = ours(variables)?;
    let there = |start: u64| {
        let wanted = encode(esp, start);
        ours.iter().any(|number| {
            order.contains(number) && get(variables, &name(*number)).ok().flatten().as_ref() == Some(&wanted)
        })
    };
    if !(1..=STARTS).all(there) {
        put_first(variables, esp)?;
    }
    Ok(())
}

fn name(number: u16) -> String {
    format!("Boot{number:04X}")
}

fn get(variables: &Variables, name: &str) -> Result<Option<Vec<u8>>, EntryError> {
    let failed = |source| EntryError::Variable { act: "read", name: name.to_owned(), source };
    variables.get(Vendor::Uefi, name).map_err(failed)
}

fn set(variables: &Variables, name: &str, content: &[u8]) -> Result<(), EntryError> {
    let failed = |source| EntryError::Variable { act: "write", name: name.to_owned(), source };
    variables.set(Vendor::Uefi, name, content).map_err(failed)
}

fn order(variables: &Variables) -> Result<Vec<u16>, EntryError> {
    let bytes = get(variables, ORDER)?.unwrap_or_default();
    Ok(bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect())
}

/// The entries with our name, in order.
fn ours(variables: &Variables) -> Result<Vec<u16>, EntryError> {
    let failed = |source| EntryError::Variable { act: "list", name: "Boot####".to_owned(), source };
    let number = |name: &str| {
        let digits = name.strip_prefix("Boot").filter(|digits| digits.len() == 4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let names = variables.names(Vendor::Uefi).map_err(failed)?;
    let numbers = names.iter().filter_map(|name| number(name)).take(MOST);
    Ok(numbers
        .filter(|number| get(variables, &name(*number)).is_ok_and(|entry| entry.is_some_and(|e| is_ours(&e))))
        .collect())
}

fn free(variables: &Variables) -> Result<u16, EntryError> {
    for number in 0..0x2000 {
        if get(variables, &name(number))?.is_none() {
            return Ok(number);
        }
    }
    Err(EntryError::Full)
}

/// Firmware drops what it takes for a duplicate, so each start has a title of its own.
fn title(start: u64) -> String {
    if start == 1 { NAME.to_owned() } else { format!("{NAME} (start {start})") }
}

/// Its title is one of ours.
fn is_ours(entry: &[u8]) -> bool {
    (1..=STARTS).any(|start| entry.get(6..).is_some_and(|rest| rest.starts_with(&wide(&title(start)))))
}

/// An entry (UEFI 2.10, 3.1.3): a partition by its identity and a file on it (10.3.5.1, 10.3.5.4).
fn encode(esp: &Esp, start: u64) -> Vec<u8> {
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
    entry.extend(wide(&title(start)));
    entry.extend(path);
    entry
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    fn esp(name: &str) -> Esp {
        Esp { number: 1, first: 2048, sectors: 262_144, id: Guid::named("disk", name) }
    }

    /// A machine that boots from `C` and from the network already.
    fn machine(dir: &tempfile::TempDir) -> Variables {
        let variables = Variables::new(Utf8Path::from_path(dir.path()).unwrap());
        set(&variables, "Boot0000", b"\x01\0\0\0\0\0C\0D\0\0\0").unwrap();
        set(&variables, "Boot0002", b"\x01\0\0\0\0\0N\0e\0t\0\0\0").unwrap();
        set(&variables, ORDER, &[2, 0, 0, 0]).unwrap();
        variables
    }

    #[test]
    fn our_entries_come_first_once_however_often_a_machine_is_installed() {
        let dir = tempfile::tempdir().unwrap();
        let variables = machine(&dir);
        for disk in ["a", "b"] {
            assert_eq!(put_first(&variables, &esp(disk)).unwrap(), [1, 3, 4, 5]);
            assert_eq!(order(&variables).unwrap(), [1, 3, 4, 5, 2, 0]);
            for (number, start) in [(1, 1), (3, 2), (4, 3), (5, 4)] {
                assert_eq!(get(&variables, &name(number)).unwrap().unwrap(), encode(&esp(disk), start));
            }
        }
        let none = Variables::new(&Utf8Path::from_path(dir.path()).unwrap().join("none"));
        assert!(matches!(put_first(&none, &esp("a")), Err(EntryError::Variable { act: "list", .. })));
    }

    #[test]
    fn what_the_firmware_forgot_is_put_back_and_an_order_of_somebody_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let variables = machine(&dir);
        keep(&variables, &esp("a")).unwrap();
        assert_eq!(order(&variables).unwrap(), [1, 3, 4, 5, 2, 0]);
        let chosen: Vec<u8> = [2_u16, 1, 3, 4, 5].into_iter().flat_map(u16::to_le_bytes).collect();
        set(&variables, ORDER, &chosen).unwrap();
        keep(&variables, &esp("a")).unwrap();
        assert_eq!(order(&variables).unwrap(), [2, 1, 3, 4, 5]);
        // One fell out of the list, another names a disk that is gone.
        let fewer: Vec<u8> = [2_u16, 1, 3, 4].into_iter().flat_map(u16::to_le_bytes).collect();
        set(&variables, ORDER, &fewer).unwrap();
        keep(&variables, &esp("a")).unwrap();
        assert_eq!(order(&variables).unwrap(), [1, 3, 4, 5, 2]);
        keep(&variables, &esp("b")).unwrap();
        assert_eq!(get(&variables, "Boot0001").unwrap().unwrap(), encode(&esp("b"), 1));
    }

    #[test]
    fn an_entry_has_the_form_of_the_specification() {
        let entry = encode(&esp("a"), 1);
        let title = 6 + 2 * (NAME.len() + 1);
        assert_eq!(&entry[title..title + 4], [4, 1, 42, 0]);
        let path = usize::from(u16::from_le_bytes([entry[4], entry[5]]));
        assert_eq!(entry.len(), title + path);
        assert_eq!(&entry[entry.len() - 4..], [0x7f, 0xff, 4, 0]);
    }
}
