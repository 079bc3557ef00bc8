//! The public key that signs measurements: RSA, from PEM (RFC 7468) with the form of RFC 5280, to the form of a TPM.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::error::SealError;
use crate::policy::SHA256;
use crate::wire::Writer;

const LABEL: [&str; 2] = ["-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"];
/// The largest file that is read.
const MOST: usize = 4_096;
/// 65537, which a TPM writes as nothing.
const EXPONENT: &[u8] = &[1, 0, 1];
const RSA: u16 = 1;
const NULL: u16 = 0x10;
/// It signs, and needs no password (`sign`, `userWithAuth`).
const SIGNS: u32 = 0x0004_0040;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    modulus: Vec<u8>,
    fingerprint: [u8; 32],
}

/// The content of the value of DER with this tag that `bytes` begin with, and what follows it.
fn value(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, first) = (*bytes.first()?, *bytes.get(1)?);
    let (length, at) = if first < 0x80 {
        (usize::from(first), 2)
    } else {
        let count = usize::from(first & 0x7f);
        let number = bytes.get(2..2_usize.checked_add(count)?).filter(|_| (1..=2).contains(&count))?;
        (number.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), 2 + count)
    };
    let end = at.checked_add(length)?;
    (found == tag).then_some((bytes.get(at..end)?, bytes.get(end..)?))
}

fn modulus(der: &[u8]) -> Option<Vec<u8>> {
    let (info, _) = value(der, 0x30)?;
    let (_, rest) = value(info, 0x30)?;
    let (bits, _) = value(rest, 0x03)?;
    let (key, _) = value(bits.strip_prefix(&[0])?, 0x30)?;
    let (modulus, rest) = value(key, 0x02)?;
    let (exponent, _) = value(rest, 0x02)?;
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    (exponent == EXPONENT && matches!(modulus.len(), 256 | 384 | 512)).then(|| modulus.to_vec())
}

impl PublicKey {
    /// Reads a key.
    ///
    /// # Errors
    ///
    /// It is none, or none that a TPM takes.
    pub fn parse(pem: &str) -> Result<Self, SealError> {
        if pem.len() > MOST {
            return Err(SealError::Key("the file is too large"));
        }
        let [begin, end] = LABEL;
        let inner = pem.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).map(|(inner, _)| inner);
        let inner: String = inner.unwrap_or_default().split_whitespace().collect();
        let der = STANDARD.decode(inner).map_err(|_| SealError::Key("it is no PEM"))?;
        let modulus = modulus(&der).ok_or(SealError::Key("it is no RSA key with 2048 to 4096 bits"))?;
        Ok(Self { modulus, fingerprint: Sha256::digest(&der).into() })
    }

    /// The text of a key, from its form in certificates.
    #[must_use]
    pub fn pem(der: &[u8]) -> String {
        let [begin, end] = LABEL;
        let text = STANDARD.encode(der);
        let lines: Vec<&str> =
            (0..text.len()).step_by(64).filter_map(|at| text.get(at..text.len().min(at + 64))).collect();
        format!("{begin}\n{}\n{end}\n", lines.join("\n"))
    }

    /// What it is told by: the digest of its form in certificates.
    #[must_use]
    pub const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Its public area (TPMT_PUBLIC).
    pub(crate) fn area(&self) -> Vec<u8> {
        let bits = u16::try_from(self.modulus.len() * 8).unwrap_or(0);
        let area = Writer::default().short(RSA).short(SHA256).long(SIGNS).sized(&[]);
        area.short(NULL).short(NULL).short(bits).long(0).sized(&self.modulus).done()
    }

    /// Its name in a TPM.
    pub(crate) fn name(&self) -> Vec<u8> {
        Writer::default().short(SHA256).raw(&Sha256::digest(self.area())).done()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----", &"x".repeat(5_000)] {
            assert!(matches!(PublicKey::parse(text), Err(SealError::Key(_))));
        }
        assert!(PublicKey::parse(&PublicKey::pem(&[0x30, 0x03, 0x30, 0x01, 0x00])).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_wild_for_a_key(bytes: Vec<u8>) {
            prop_assert!(PublicKey::parse(&PublicKey::pem(&bytes)).is_err());
        }
    }
}
