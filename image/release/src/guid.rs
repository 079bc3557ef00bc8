//! GUIDs as GPT stores them: the first three fields little-endian, the rest as written.

use std::fmt;

use sha2::{Digest, Sha256};

/// A GUID in the byte order of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Guid([u8; 16]);

impl Guid {
    /// From the number that its text form spells.
    #[must_use]
    pub const fn from_number(number: u128) -> Self {
        let n = number.to_be_bytes();
        Self([
            n[3], n[2], n[1], n[0], n[5], n[4], n[7], n[6], n[8], n[9], n[10], n[11], n[12], n[13], n[14],
            n[15],
        ])
    }

    /// The GUID that a namespace and a name give: the same always, so that two builds are equal to the bit. It is a name-based
    /// GUID in the form of version 8 of RFC 9562, on SHA-256.
    #[must_use]
    pub fn named(namespace: &str, name: &str) -> Self {
        let digest = Sha256::new().chain_update(namespace).chain_update([0]).chain_update(name).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(digest.get(..16).unwrap_or(&[0; 16]));
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self::from_number(u128::from_be_bytes(bytes))
    }

    /// From the bytes on a disk.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes on a disk.
    #[must_use]
    pub const fn bytes(&self) -> [u8; 16] {
        self.0
    }

    /// Whether it is all zeros, which in a table means that nothing is there.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.0 == [0; 16]
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = self.0;
        let number = Self::from_number(u128::from_be_bytes(b)).0;
        for (at, byte) in number.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_that_of_the_number() {
        let esp = Guid::from_number(0xC12A7328_F81F_11D2_BA4B_00A0C93EC93B);
        assert_eq!(esp.to_string(), "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
        // As UEFI's table of known types spells it on disk.
        assert_eq!(esp.bytes()[..8], [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11]);
        assert_eq!(Guid::from_bytes(esp.bytes()), esp);
    }

    #[test]
    fn a_name_always_gives_the_same_guid() {
        assert_eq!(Guid::named("a", "b"), Guid::named("a", "b"));
        assert_ne!(Guid::named("a", "b"), Guid::named("ab", ""));
        assert_eq!(Guid::named("a", "b").to_string().as_bytes()[14], b'8');
        assert!(!Guid::named("", "").is_nil() && Guid::default().is_nil());
    }
}
