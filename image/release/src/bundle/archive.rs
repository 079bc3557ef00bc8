//! The archive: a plain tar of regular files (POSIX ustar), of which there is one spelling only. A header that is not to the byte
//! what would be written for its name and its length is refused, so that no two readers see different files.

/// Bytes of a header, and what everything is padded to.
pub(super) const BLOCK: u64 = 512;
/// The same as a length.
pub(super) const BLOCK_LEN: usize = 512;
/// The longest name that fits without the extensions of the format.
const LONGEST_NAME: usize = 99;
/// The longest file: what eleven octal digits can say.
const LONGEST_FILE: u64 = (1 << 33) - 1;

/// One header.
pub(super) type Header = [u8; BLOCK_LEN];

/// The one header for a name and a length.
pub(super) fn header(name: &str, length: u64) -> Option<Header> {
    let fits = !name.is_empty() && name.len() <= LONGEST_NAME && length <= LONGEST_FILE;
    if !fits || name.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return None;
    }
    let mut bytes = Vec::with_capacity(BLOCK_LEN);
    let mut field = |content: &[u8], width: usize| {
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len() + width.saturating_sub(content.len()), 0);
    };
    field(name.as_bytes(), 100);
    field(b"0000644", 8);
    field(b"0000000", 8);
    field(b"0000000", 8);
    field(format!("{length:011o}").as_bytes(), 12);
    field(b"00000000000", 12);
    field(b"        ", 8);
    field(b"0", 1);
    field(b"", 100);
    field(b"ustar\x0000", 8);
    field(b"", 64);
    field(b"0000000", 8);
    field(b"0000000", 8);
    field(b"", 167);
    let mut header: Header = bytes.try_into().ok()?;
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header.get_mut(148..156)?.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Some(header)
}

/// The name and the length that a header stands for.
pub(super) fn entry(given: &Header) -> Option<(String, u64)> {
    let (name, rest) = given.split_at_checked(100)?;
    let name: Vec<u8> = name.iter().copied().take_while(|byte| *byte != 0).collect();
    let name = String::from_utf8(name).ok()?;
    let digits = std::str::from_utf8(rest.get(24..35)?).ok()?;
    let length = u64::from_str_radix(digits, 8).ok()?;
    (header(&name, length)? == *given).then_some((name, length))
}

/// How many zeros follow so many bytes.
pub(super) fn padding(length: u64) -> u64 {
    length.next_multiple_of(BLOCK) - length
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn others_read_what_is_written_and_one_spelling_is_read() {
        let header = header("payload/root.erofs", 5).unwrap();
        let mut file = header.to_vec();
        file.extend_from_slice(b"bytes");
        file.resize(file.len() + 507 + 1024, 0);
        let mut archive = tar::Archive::new(file.as_slice());
        let mut only = archive.entries().unwrap().next().unwrap().unwrap();
        let mut content = String::new();
        only.read_to_string(&mut content).unwrap();
        assert_eq!(
            (only.path().unwrap().to_str().unwrap(), content.as_str()),
            ("payload/root.erofs", "bytes")
        );
        assert_eq!(entry(&header), Some(("payload/root.erofs".to_owned(), 5)));
        for at in 0..BLOCK_LEN {
            let mut other = header;
            other[at] ^= 1;
            let read = entry(&other);
            assert!(read.is_none() || at < 100, "byte {at} is read as {read:?}");
        }
    }

    #[test]
    fn what_has_no_header_is_not_written() {
        assert!(header("", 1).is_none() && header(&"x".repeat(100), 1).is_none());
        assert!(header("a b", 1).is_none() && header("a", LONGEST_FILE + 1).is_none());
    }
}
