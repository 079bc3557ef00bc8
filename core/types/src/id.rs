//! Names and ids. Every one is its own type, so a node's name cannot be passed for a job's.

use std::fmt;

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or longer than [`MAX_NAME`] bytes.
    #[error("{what} `{text}` has {length} characters: 1 to {MAX_NAME} are allowed")]
    Length {
        /// The kind of name.
        what: &'static str,
        /// The text as given, cut for display.
        text: String,
        /// Its length in bytes.
        length: usize,
    },
    /// A character outside the alphabet, or at the wrong end.
    #[error(
        "{what} `{text}` is not a name: use lowercase letters, digits, `-` and `.`, beginning and ending with a letter or digit"
    )]
    Alphabet {
        /// The kind of name.
        what: &'static str,
        /// The text as given.
        text: String,
    },
}

/// The longest name in bytes: the limit of a DNS label (RFC 1035 section 2.3.4), so a name can become a host name.
pub const MAX_NAME: usize = 63;

fn check_name(what: &'static str, text: &str) -> Result<(), NameError> {
    if text.is_empty() || text.len() > MAX_NAME {
        let shown = text.chars().take(MAX_NAME).collect();
        return Err(NameError::Length { what, text: shown, length: text.len() });
    }
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let dots = text.contains("..");
    if edge(text.chars().next()) && edge(text.chars().last()) && text.chars().all(inner) && !dots {
        Ok(())
    } else {
        Err(NameError::Alphabet { what, text: text.to_owned() })
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check_name($what, text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                check_name($what, &text)?;
                Ok(Self(text))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

impl JobName {
    /// A name that no one can give a job, for what stands for a part of one.
    pub(crate) fn made(text: String) -> Self {
        Self(text)
    }
}

impl QueueName {
    /// A name known when compiling; the test beside its use holds it to the alphabet.
    pub(crate) fn constant(text: &'static str) -> Self {
        Self(text.to_owned())
    }
}

name!(
    /// The name of a node, unique in a cluster and never reused for other hardware while the old node is known.
    NodeName,
    "node name"
);
name!(
    /// The name of a job.
    JobName,
    "job name"
);
name!(
    /// The name of a queue.
    QueueName,
    "queue name"
);
name!(
    /// The name of a reservation.
    ReservationName,
    "reservation name"
);
name!(
    /// The name of an artifact: a dataset, model, checkpoint series or image.
    ArtifactName,
    "artifact name"
);
name!(
    /// The name of a tenant: whose job and whose data.
    TenantName,
    "tenant name"
);
name!(
    /// The name of a label of the law, such as `personal`.
    LabelName,
    "label"
);
name!(
    /// The name of a purpose data may be used for, such as `research`.
    PurposeName,
    "purpose"
);
name!(
    /// The name of a person or a service account that holds an operator certificate.
    PrincipalName,
    "principal name"
);
name!(
    /// The name of a domain of the topology, such as a rack, unique within the domains around it.
    DomainName,
    "domain name"
);
name!(
    /// The name of a group of equal tasks in a gang.
    GroupName,
    "group name"
);
name!(
    /// The name under which jobs of one tenant take turns.
    SingletonName,
    "singleton name"
);

/// A jurisdiction: the code of a state or of a bloc of states, such as `DE` or `EU`. The jurisdiction of a node is its
/// issuing CA, never a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jurisdiction(String);

/// Why a text is not a jurisdiction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a jurisdiction: use 2 to 8 capital letters or digits, such as `DE` or `EEA`")]
pub struct JurisdictionError {
    text: String,
}

impl Jurisdiction {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Jurisdiction {
    type Err = JurisdictionError;

    fn from_str(text: &str) -> Result<Self, JurisdictionError> {
        let letters = text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if (2..=8).contains(&text.len()) && letters {
            Ok(Self(text.to_owned()))
        } else {
            Err(JurisdictionError { text: text.chars().take(MAX_NAME).collect() })
        }
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Jurisdiction {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Jurisdiction {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The number of a start of a job's gang. It grows with every start and never repeats for a job, so it fences: whoever
/// holds an older one may not write, report or run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fence(pub u64);

/// One place in a gang: ranks are numbered from 0 over all groups in the order of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rank(pub u32);

/// The index of an accelerator on its node, in the order of the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DeviceIndex(pub u32);

/// The name of a blob: BLAKE3 of its bytes, written `b3-` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub [u8; 32]);

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b3-{}", hex::encode(self.0))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text does not name a blob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` does not name a blob: expected `b3-` and 64 hexadecimal digits")]
pub struct BlobIdError {
    text: String,
}

impl std::str::FromStr for BlobId {
    type Err = BlobIdError;

    fn from_str(text: &str) -> Result<Self, BlobIdError> {
        let error = || BlobIdError { text: text.chars().take(80).collect() };
        let digits = text.strip_prefix("b3-").ok_or_else(error)?;
        let mut bytes = [0; 32];
        // Lowercase only: one blob has one name.
        if digits.chars().any(|c| c.is_ascii_uppercase()) {
            return Err(error());
        }
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| error())?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_take_the_dns_alphabet_and_nothing_else() {
        for good in ["a", "node-01", "llama.ft", "0x", &"a".repeat(63)] {
            assert!(good.parse::<NodeName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a..b", ".", "a/b", "../x", "ä", &"a".repeat(64)] {
            assert!(bad.parse::<NodeName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_blob_has_one_name() {
        let id = BlobId([0xab; 32]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<BlobId>().is_err());
        assert!("b3-00".parse::<BlobId>().is_err());
    }
}
