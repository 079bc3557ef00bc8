//! Names in FAT directories: the short one of eleven bytes, and the entries that carry a long one.

use std::collections::BTreeSet;

/// UTF-16 units in one entry of a long name.
const UNITS: usize = 13;
/// The attributes that mark such an entry.
const LONG: u8 = 0x0f;

/// The short name that says the same, where there is one: eight and three characters, all of them capital.
fn exact(name: &str) -> Option<[u8; 11]> {
    let (base, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let plain = |text: &str| {
        text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
    };
    let fits = !base.is_empty() && base.len() <= 8 && extension.len() <= 3 && plain(base) && plain(extension);
    (fits && (extension.is_empty() != name.contains('.'))).then(|| padded(base, extension))
}

fn padded(base: &str, extension: &str) -> [u8; 11] {
    let mut short = [b' '; 11];
    let bytes = base.bytes().take(8).zip(0..).chain(extension.bytes().take(3).zip(8..));
    for (byte, at) in bytes {
        if let Some(place) = short.get_mut::<usize>(at) {
            *place = byte;
        }
    }
    short
}

/// A short name that none of `taken` is, and whether it says everything.
pub(crate) fn short(name: &str, taken: &BTreeSet<[u8; 11]>) -> ([u8; 11], bool) {
    if let Some(short) = exact(name).filter(|short| !taken.contains(short)) {
        return (short, true);
    }
    let clean = |text: &str| -> String {
        let kept = text.chars().filter(char::is_ascii_alphanumeric);
        kept.map(|c| c.to_ascii_uppercase()).collect()
    };
    let (base, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let (base, extension) = (clean(base), clean(extension));
    let numbered = (1_u32..).map(|number| {
        let tail = format!("~{number}");
        let kept: String = base.chars().take(8 - tail.len().min(8)).collect();
        padded(&format!("{kept}{tail}"), &extension)
    });
    let free = numbered.into_iter().find(|short| !taken.contains(short));
    (free.unwrap_or([b'_'; 11]), false)
}

/// The checksum that ties the entries of a long name to the short one.
fn checksum(short: &[u8; 11]) -> u8 {
    short.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// The entries that carry a long name, in the order of the directory.
pub(crate) fn long(name: &str, short: &[u8; 11]) -> Vec<u8> {
    let mut units: Vec<u16> = name.encode_utf16().collect();
    if !units.len().is_multiple_of(UNITS) {
        units.push(0);
    }
    units.resize(units.len().next_multiple_of(UNITS), 0xffff);
    let sum = checksum(short);
    let pieces = units.len() / UNITS;
    let mut entries = Vec::with_capacity(pieces * 32);
    for (at, piece) in units.chunks_exact(UNITS).enumerate().rev() {
        let order = u8::try_from(at + 1).unwrap_or(u8::MAX) | if at + 1 == pieces { 0x40 } else { 0 };
        let bytes: Vec<u8> = piece.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let part = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
        entries.push(order);
        entries.extend_from_slice(part(0, 10));
        entries.extend([LONG, 0, sum]);
        entries.extend_from_slice(part(10, 22));
        entries.extend([0, 0]);
        entries.extend_from_slice(part(22, 26));
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_say_everything_where_they_can() {
        let none = BTreeSet::new();
        assert_eq!(short("BOOTX64.EFI", &none), (*b"BOOTX64 EFI", true));
        assert_eq!(short("EFI", &none), (*b"EFI        ", true));
        assert_eq!(short("loader.conf", &none), (*b"LOADER~1CON", false));
        assert_eq!(short("holdfast-0.1.0+3.efi", &none), (*b"HOLDFA~1EFI", false));
        let taken = BTreeSet::from([*b"HOLDFA~1EFI"]);
        assert_eq!(short("holdfast-0.2.0.efi", &taken), (*b"HOLDFA~2EFI", false));
        assert_eq!(short("A.", &none).0, *b"A~1        ");
    }

    #[test]
    fn a_long_name_stands_backwards_and_is_tied_to_the_short_one() {
        let entries = long("loader.conf", b"LOADER~1CON");
        assert_eq!((entries.len(), entries[0], entries[11]), (32, 0x41, 0x0f));
        assert_eq!(entries[1..5], [b'l', 0, b'o', 0]);
        let two = long("holdfast-0.1.0+3.efi", b"HOLDFA~1EFI");
        assert_eq!((two.len(), two[0], two[32]), (64, 0x42, 0x01));
        assert_eq!(long("exactly-13-ch", b"EXACTL~1   ").len(), 32);
    }
}
