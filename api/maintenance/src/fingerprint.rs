//! What a machine shows of its certificate, and what a client holds it to.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// Bytes of a line on a screen of 80 columns.
const LINE: usize = 16;

/// The SHA-256 of a certificate, written as `openssl x509 -fingerprint -sha256` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 64 hexadecimal digits, with or without `:` between them")]
pub struct NoFingerprint;

impl Fingerprint {
    /// That of a certificate.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Written in two lines, for screens.
    #[must_use]
    pub fn lines(&self) -> [String; 2] {
        let (first, second) = self.0.split_at(LINE);
        [pairs(first), pairs(second)]
    }
}

fn pairs(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| hex::encode_upper([*byte])).collect::<Vec<_>>().join(":")
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&pairs(&self.0))
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let digits: String = text.chars().filter(|char| *char != ':' && !char.is_whitespace()).collect();
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| NoFingerprint)?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `printf abc | sha256sum` prints, in the form that openssl has.
    const ABC: &str = "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:\
                       B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";

    #[test]
    fn a_fingerprint_is_read_as_it_is_shown_and_as_people_copy_it() {
        let fingerprint = Fingerprint::of(b"abc");
        assert_eq!(fingerprint.to_string(), ABC);
        let [first, second] = fingerprint.lines();
        for text in
            [ABC.to_owned(), ABC.to_lowercase(), ABC.replace(':', ""), format!(" {first}\n {second} ")]
        {
            assert_eq!(text.parse(), Ok(fingerprint));
        }
        for text in ["", "BA:78", &format!("{ABC}:00"), &ABC.replace('B', "G")] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NoFingerprint));
        }
    }
}
