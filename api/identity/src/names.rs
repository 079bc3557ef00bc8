//! The words of this crate: cluster ids, roles, serial numbers and root pins. A leaf.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::secret::{RandomError, random};

/// The longest cluster id or role in bytes, as for every name of Holdfast.
const MAX_NAME: usize = holdfast_types::MAX_NAME;

/// Why a text is not a word of this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: expected {expected}")]
pub struct NameFault {
    what: &'static str,
    text: String,
    expected: &'static str,
}

impl NameFault {
    pub(crate) fn new(what: &'static str, text: &str, expected: &'static str) -> Self {
        Self { what, text: text.chars().take(MAX_NAME + 1).collect(), expected }
    }
}

const NAME_SHAPE: &str =
    "1 to 63 lowercase letters, digits and `-`, beginning and ending with a letter or digit";

fn is_name(text: &str) -> bool {
    let edge = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let bytes = text.as_bytes();
    let inner = bytes.iter().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == b'-');
    text.len() <= MAX_NAME && edge(bytes.first().copied()) && edge(bytes.last().copied()) && inner
}

macro_rules! word {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The word as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = NameFault;

            fn from_str(text: &str) -> Result<Self, NameFault> {
                if is_name(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameFault::new($what, text, NAME_SHAPE))
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

word!(
    /// The id of a cluster, and the trust domain of its SPIFFE ids.
    ClusterId,
    "cluster id"
);
word!(
    /// What a person is for in a cluster, such as `admin`, `engineer`, `custodian`, `dpo` or `auditor`. The law gives a
    /// role its meaning; an unknown role has none.
    Role,
    "role"
);

macro_rules! hex_bytes {
    ($(#[$doc:meta])* $type:ident, $length:literal, $what:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub [u8; $length]);

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $type {
            type Err = NameFault;

            fn from_str(text: &str) -> Result<Self, NameFault> {
                let fault = || NameFault::new($what, text, $expected);
                let mut bytes = [0; $length];
                // Lowercase only, so that one value has one text.
                if text.bytes().any(|c| c.is_ascii_uppercase()) {
                    return Err(fault());
                }
                hex::decode_to_slice(text, &mut bytes).map_err(|_| fault())?;
                Ok(Self(bytes))
            }
        }
    };
}
pub(crate) use hex_bytes;

hex_bytes!(
    /// The serial number of a certificate: 128 random bits, so it names one certificate in the whole cluster.
    Serial,
    16,
    "serial number",
    "32 lowercase hexadecimal digits"
);
hex_bytes!(
    /// SHA-256 of a root certificate in DER: what a joiner knows of the cluster before it knows anything else.
    RootPin,
    32,
    "root pin",
    "64 lowercase hexadecimal digits"
);

impl Serial {
    pub(crate) fn random() -> Result<Self, RandomError> {
        random().map(Self)
    }

    /// Reads the integer of a certificate: DER drops leading zeros and adds one before a set sign bit.
    pub(crate) fn from_integer(bytes: &[u8]) -> Option<Self> {
        let start = bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len());
        let digits = bytes.get(start..)?;
        let mut serial = [0; 16];
        let offset = serial.len().checked_sub(digits.len())?;
        serial.get_mut(offset..)?.copy_from_slice(digits);
        Some(Self(serial))
    }
}

impl RootPin {
    /// The pin of a root certificate in DER.
    #[must_use]
    pub fn of(root_der: &[u8]) -> Self {
        Self(Sha256::digest(root_der).into())
    }
}
